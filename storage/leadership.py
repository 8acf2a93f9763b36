"""Who leads: of several processes on one database, one polls, sends and keeps time. The lock goes with its process.

On SQLite it is a lock on a file beside the database (flock(2)), on PostgreSQL an advisory lock of a connection of its own:
both are free the moment their holder dies, so that a restart after a crash does not wait. A process that is stopped, or cut
off from PostgreSQL, does not die: so the server ends a connection that has been idle for a while, and the leader says
something more often than that. When the server does not answer in time, the leader knows before the server that it leads no
longer.
"""

import asyncio
import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.db import sqlite_path
from storage.postgres import connect, telling_when_away
from storage.private import make_folder

if TYPE_CHECKING:
    import asyncpg

GOODBYE_SECONDS = 1.0
_HOLDER = """
SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32) | objid::bigint = hashtext($1)
"""


@dataclass(frozen=True)
class Pulse:
    """How a leader on PostgreSQL is heard, in seconds.

    How often it says something, how long it waits for the answer, and after which silence the server lets somebody else lead:
    that is longer than the other two together.
    """

    every: float = 2.0
    patience: float = 3.0
    silence: float = 6.0


class Leadership:
    """The wish to lead on a database; `name` tells one kind of leading from another.

    `lost` is set when the lead has ended, by `release` or with the connection to PostgreSQL: then somebody else may lead.
    """

    def __init__(self, url: str, name: str = "faden", pulse: Pulse = Pulse()) -> None:
        """For the database's URL."""
        self._url = url
        self._name = name
        self._pulse = pulse
        self._file: int | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self._beating: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()

    async def acquire(self) -> bool:
        """Try once; True when this process leads now. Raises DatabaseAway."""
        path = sqlite_path(self._url)
        if path is not None:
            return self._lock_file(self._lock(path))
        if self._url.startswith("sqlite:"):
            return True  # in memory nobody else is there
        with telling_when_away():
            return await self._lock_connection()

    def _lock(self, path: Path) -> Path:
        return path.with_name(f"{path.name}.{self._name}.lock")

    def _lock_file(self, path: Path) -> bool:
        make_folder(path.parent)
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        os.ftruncate(file, 0)  # where the last one served
        self._file = file
        return True

    async def _lock_connection(self) -> bool:
        silence = f"{self._pulse.silence * 1000:.0f}ms"
        connection = await connect(self._url, f"{self._name} lead", idle_session_timeout=silence)
        if await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", self._name):
            self._connection = connection
            connection.add_termination_listener(lambda _connection: self.lost.set())
            self._beating = asyncio.create_task(self._beat(connection))
            return True
        await connection.close()
        return False

    async def _beat(self, connection: "asyncpg.Connection[Any]") -> None:
        import asyncpg  # noqa: PLC0415  # the driver of the other database is not loaded where it is not used

        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            while True:
                await asyncio.sleep(self._pulse.every)
                await connection.execute("SELECT 1", timeout=self._pulse.patience)
        self.lost.set()
        connection.terminate()

    async def announce(self, address: str) -> None:
        """Let whoever wishes to lead meanwhile know where this process serves."""
        if self._file is not None:
            os.pwrite(self._file, address.encode(), 0)
        if self._connection is not None:
            statement = "SELECT set_config('application_name', $1, false)"
            await self._connection.execute(statement, f"{self._name} lead {address}")

    async def leader(self) -> str:
        """The address that the leader has announced; empty when there is none. Raises DatabaseAway."""
        path = sqlite_path(self._url)
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                return self._lock(path).read_text(encoding="utf-8", errors="replace")
            return ""
        with telling_when_away():
            connection = await connect(self._url, f"{self._name} waiting")
            try:
                name = await connection.fetchval(_HOLDER, self._name)
            finally:
                await connection.close()
        return str(name or "").removeprefix(f"{self._name} lead").strip()

    async def release(self) -> None:
        """Let somebody else lead."""
        self.lost.set()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        if self._connection is not None:
            with contextlib.suppress(OSError):  # a server that does not answer, TimeoutError among others
                await self._connection.close(timeout=GOODBYE_SECONDS)
            self._connection = None
