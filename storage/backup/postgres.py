"""A copy of a PostgreSQL database, made by its own pg_dump of a snapshot in which the rows are counted too."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.backup.copied import BackupFailed, Copied, Damaged
from storage.postgres import connect, credentials

if TYPE_CHECKING:
    import asyncpg

FILE = "faden.dump"
CHUNK = 64 * 1024
HEAD = 1024  # so much of a line tells whether it begins or ends a table

_BEGINS = re.compile(rb'COPY (?:"[^"]*"|[^ ".]+)\.(?:"(?P<quoted>[^"]*)"|(?P<plain>[^ "]+)) ')
_ENDS = rb"\."


class ProgramMissing(BackupFailed):
    """A program of PostgreSQL's is not installed here."""


class ProgramFailed(BackupFailed):
    """A program of PostgreSQL's says why it failed."""


class ProgramTooOld(BackupFailed):
    """pg_dump is older than the server: both versions."""

    def __init__(self, version: int, server: int) -> None:
        """Carry both."""
        super().__init__(version, server)
        self.version = version
        self.server = server


async def copy(url: str, target: Path) -> Copied:
    """Write a dump in PostgreSQL's custom format over the empty file. Raises BackupFailed, OSError and asyncpg's errors."""
    connection = await connect(url, "faden backup", seconds=None, idle_in_transaction_session_timeout="0")
    try:
        server = connection.get_server_version()
        await _suit(server.major)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            rows = await _rows(connection)
            migration = await connection.fetchval("SELECT max(name) FROM tortoise_migrations WHERE app = 'models'")
            options = ["--format=custom", "--no-password", f"--snapshot={snapshot}", f"--file={target}"]
            await _run("pg_dump", *options, **_environment(url))
    finally:
        await connection.close()
    return Copied(rows=rows, migration=str(migration), database=f"{server.major}.{server.minor}")


async def check_programs(url: str) -> None:
    """Raise ProgramMissing, ProgramFailed or ProgramTooOld where no backup of that database can be made."""
    connection = await connect(url, "faden check")
    try:
        await _suit(connection.get_server_version().major)
    finally:
        await connection.close()


async def _suit(server: int) -> None:
    for program in ("pg_dump", "pg_restore"):
        version = int((re.findall(r"\(PostgreSQL\) (\d+)", await _run(program, "--version")) or ["0"])[0])
        if version < server:
            raise ProgramTooOld(version, server)


async def rows_of(file: Path) -> dict[str, int]:
    """The rows of each table of a dump, all of which is read. Raises Damaged, and ProgramMissing without pg_restore."""
    rows: dict[str, int] = {}
    try:
        async with _started("pg_restore", "--data-only", "--file=-", str(file)) as process:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            said = asyncio.create_task(_said(process))
            table, begun = "", b""
            while chunk := await process.stdout.read(CHUNK):
                *lines, rest = (begun + chunk).split(b"\n")
                begun = rest[:HEAD]
                for line in lines:
                    table = _count(rows, table, line)
            await _ended("pg_restore", process, await said)
    except ProgramFailed as error:
        raise Damaged(file.name, str(error)) from error
    return rows


def _count(rows: dict[str, int], table: str, line: bytes) -> str:
    """Count a line of a script to the table that it belongs to; gives the table of the next one."""
    if not table:
        if begins := _BEGINS.match(line):
            table = (begins["quoted"] or begins["plain"]).decode()
            rows[table] = 0
        return table
    if line == _ENDS:
        return ""
    rows[table] += 1
    return table


async def _rows(connection: "asyncpg.Connection[Any]") -> dict[str, int]:
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
    return {name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for (name,) in tables}  # noqa: S608  # names of tables


def _environment(url: str) -> dict[str, str]:
    """The database for a program; a password in the arguments could be read by everybody on this machine."""
    found = credentials(url)
    named = {
        "PGHOST": found["host"],
        "PGPORT": found["port"],
        "PGUSER": found["user"],
        "PGPASSWORD": found["password"],
        "PGDATABASE": found["database"],
        "PGSSLMODE": found.get("ssl"),
    }
    return {name: str(value) for name, value in named.items() if value is not None}


# --- the programs -----------------------------------------------------------------------------------------------------


async def _run(program: str, *options: str, **environment: str) -> str:
    """What the program says on standard output. Raises ProgramMissing and ProgramFailed."""
    async with _started(program, *options, **environment) as process:
        out, complaint = await process.communicate()
        await _ended(program, process, complaint)
        return out.decode(errors="replace")


@asynccontextmanager
async def _started(program: str, *options: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            program, *options, env={**os.environ, **environment}, stdin=nothing, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError as error:
        raise ProgramMissing(program) from error
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _said(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr is not None  # noqa: S101  # it is a pipe
    return await process.stderr.read()


async def _ended(program: str, process: asyncio.subprocess.Process, complaint: bytes) -> None:
    if await process.wait() != 0:
        lines = complaint.decode(errors="replace").strip().splitlines() or [program]
        raise ProgramFailed(lines[0])
