"""Who leads: of several processes on one database, one polls, sends and keeps time. The lock goes with its process.

On SQLite it is a lock on a file beside the database (flock(2)), on PostgreSQL an advisory lock of a connection of its own:
both are free the moment their holder dies, so that a restart after a crash does not wait.
"""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.db import sqlite_path
from storage.postgres import connect
from storage.private import make_folder

if TYPE_CHECKING:
    import asyncpg


class Leadership:
    """The wish to lead on a database; `name` tells one kind of leading from another.

    `lost` is set when the lead has ended, by `release` or with the connection to PostgreSQL: then somebody else may lead.
    """

    def __init__(self, url: str, name: str = "faden") -> None:
        """For the database's URL."""
        self._url = url
        self._name = name
        self._file: int | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self.lost = asyncio.Event()

    async def acquire(self) -> bool:
        """Try once; True when this process leads now."""
        path = sqlite_path(self._url)
        if path is not None:
            return self._lock_file(f"{path}.{self._name}.lock")
        if self._url.startswith("sqlite:"):
            return True  # in memory nobody else is there
        return await self._lock_connection()

    def _lock_file(self, name: str) -> bool:
        make_folder(Path(name).parent)
        file = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    async def _lock_connection(self) -> bool:
        connection = await connect(self._url, f"{self._name} lead")
        if await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", self._name):
            self._connection = connection
            connection.add_termination_listener(lambda _connection: self.lost.set())
            return True
        await connection.close()
        return False

    async def release(self) -> None:
        """Let somebody else lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
