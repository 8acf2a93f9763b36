"""Bring a database to the schema of the models, without losing a row.

All waiting migrations and their records are one transaction, on SQLite as on PostgreSQL: they are applied together or not at
all, and a second process waits until the first is done. Tortoise's migrations say what changes; three things of theirs are
done differently here (docs/decisions/0003): SQLite's foreign keys are off while tables are rebuilt, a rebuilt table keeps its
indexes and constraints, and a new field's index is made.

For developers: `python -m storage.migrate make NAME` writes the migration that leads to the models as they are.
"""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import OperationalError
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.migration import Migration
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.transactions import in_transaction

from storage import db
from storage.private import make_database, make_file, make_folder
from storage.schema import PostgresEditor, SqliteEditor

APP = "models"
RECORDS = "tortoise_migrations"
LOCK = 0x66616465  # of PostgreSQL's advisory locks; "fade" in ASCII
LOCK_SECONDS = 60

Progress = Callable[[str, int, int], None]

logger = logging.getLogger(__name__)


class DatabaseIsNewer(Exception):
    """The database knows migrations that this program does not."""

    def __init__(self, unknown: Sequence[str]) -> None:
        super().__init__(*unknown)
        self.unknown = list(unknown)


class MigrationFailed(Exception):
    """A migration could not be applied; the database is as it was before. `__cause__` is the driver's error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BrokenReferences(Exception):
    """After the migrations rows would point to rows that are not there; the database is as it was before."""

    def __init__(self, broken: Sequence[tuple[str, int, str]]) -> None:
        super().__init__(*broken)
        self.broken = list(broken)
        """Table, rowid, and the table that lacks the row."""


class MigrationIsRunning(Exception):
    """Another process holds the database for longer than `LOCK_SECONDS`."""


async def pending(url: str, *, package: str = db.MIGRATIONS) -> list[str]:
    """The names of the migrations that `migrate` would apply, in order.

    Raises BadDatabaseUrl, DatabaseIsNewer, and the driver's error when the database cannot be reached.
    """
    path = db.sqlite_path(url)
    if path is not None and not path.exists():
        return [migration.name for migration in await _migrations(package)]
    async with _connected(url) as client:
        return [migration.name for migration in await _waiting(client, package)]


async def migrate(
    url: str, *, backup_dir: Path | None, progress: Progress | None = None, package: str = db.MIGRATIONS
) -> list[str]:
    """Apply the package's waiting migrations; gives their names.

    A SQLite file that holds rows is copied to `backup_dir` before, under the name of the first migration. `progress` is
    called with a migration's name, its number and their count as each begins. No store need be open.

    Raises BadDatabaseUrl, DatabaseIsNewer, MigrationIsRunning, MigrationFailed, BrokenReferences, and the driver's error when
    the database cannot be reached.
    """
    path = db.sqlite_path(url)
    if path is not None:
        make_database(path)
    async with _connected(url) as client:
        waiting = await _waiting(client, package)
        if waiting and path is not None and backup_dir is not None and await _has_rows(client):
            await _back_up(client, backup_dir / f"{path.stem}-before-{waiting[0].name}{path.suffix}")
        if not waiting:
            return []
        try:
            async with in_transaction() as transaction:
                await _lock(transaction)
                return await _apply(transaction, package, progress)
        except OperationalError as error:
            if "database is locked" in str(error):
                raise MigrationIsRunning from error
            raise


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[BaseDBAsyncClient]:
    patience: dict[str, object] = (
        # Rebuilding a table drops the old one, and that deletes its rows: with foreign keys on, their children too.
        {"foreign_keys": "OFF", "busy_timeout": LOCK_SECONDS * 1000} if db.is_sqlite(url) else {"command_timeout": None}
    )
    async with TortoiseContext() as context:
        await context.init(config=db.configuration(url, **patience))
        yield context.db()


async def _migrations(package: str) -> list[Migration]:
    """All migrations of the package, in order."""
    loader = MigrationLoader({APP: {"migrations": package}}, MigrationRecorder(None))
    await loader.build_graph()
    plan: dict[str, Migration] = {}
    for leaf in loader.graph.leaf_nodes(APP):
        for key in loader.graph.forwards_plan(leaf):
            migration = loader.graph.nodes[key]
            assert isinstance(migration, Migration), key  # noqa: S101  # `build_graph` has checked that none is missing
            plan[key.name] = migration
    return list(plan.values())


async def _applied(client: BaseDBAsyncClient) -> set[str]:
    if not await _tables(client, like=RECORDS):
        return set()
    rows = await client.execute_query_dict(f"SELECT name FROM {RECORDS} WHERE app = '{APP}'")  # noqa: S608  # constants
    return {row["name"] for row in rows}


async def _waiting(client: BaseDBAsyncClient, package: str) -> list[Migration]:
    migrations = await _migrations(package)
    applied = await _applied(client)
    unknown = applied - {migration.name for migration in migrations}
    if unknown:
        raise DatabaseIsNewer(sorted(unknown))
    return [migration for migration in migrations if migration.name not in applied]


async def _tables(client: BaseDBAsyncClient, *, like: str = "%") -> list[str]:
    if client.capabilities.dialect == "postgres":
        query = (
            f"SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE '{like}'"  # noqa: S608  # constants
        )
    else:
        query = f"SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '{like}'"  # noqa: S608  # constants
    return [row["name"] for row in await client.execute_query_dict(query)]


async def _has_rows(client: BaseDBAsyncClient) -> bool:
    tables = [table for table in await _tables(client) if table != RECORDS and not table.startswith("sqlite_")]
    for table in tables:
        if await client.execute_query_dict(f'SELECT 1 FROM "{table}" LIMIT 1'):  # noqa: S608  # our own tables
            return True
    return False


async def _back_up(client: BaseDBAsyncClient, backup: Path) -> None:
    partial = backup.with_name(f"{backup.name}.partial")
    make_folder(backup.parent)
    partial.unlink(missing_ok=True)
    make_file(partial)
    await client.execute_query_dict("VACUUM INTO ?", [str(partial)])
    partial.replace(backup)
    logger.info("The database was copied to %s.", backup)


async def _lock(transaction: BaseDBAsyncClient) -> None:
    """Let others wait until the transaction ends; SQLite's BEGIN IMMEDIATE has done that already."""
    if transaction.capabilities.dialect != "postgres":
        return
    from asyncpg import LockNotAvailableError  # noqa: PLC0415  # no driver of the other database where it is not used

    await transaction.execute_query_dict(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    try:
        await transaction.execute_query_dict("SELECT pg_advisory_xact_lock($1)", [LOCK])
    except LockNotAvailableError as error:
        raise MigrationIsRunning from error


async def _apply(transaction: BaseDBAsyncClient, package: str, progress: Progress | None) -> list[str]:
    is_sqlite = transaction.capabilities.dialect == "sqlite"
    editor = (SqliteEditor if is_sqlite else PostgresEditor)(transaction)
    recorder = MigrationRecorder(transaction)
    await recorder.ensure_schema(editor)
    waiting = await _waiting(transaction, package)  # anew: another process may have been faster
    names = [migration.name for migration in waiting]
    state = State(models={}, apps=StateApps())
    for migration in await _migrations(package):
        if migration.name not in names:
            await migration.apply(state, dry_run=True)
            continue
        if progress is not None:
            progress(migration.name, names.index(migration.name) + 1, len(names))
        try:
            for operation in migration.operations:
                editor.before = state.clone()
                operation.state_forward(APP, state)
                editor.after = state
                await operation.database_forward(APP, editor.before, state, editor)
            await recorder.record_applied(APP, migration.name)
        except Exception as error:
            raise MigrationFailed(migration.name) from error
    if is_sqlite:
        broken = await transaction.execute_query_dict("PRAGMA foreign_key_check")
        if broken:
            raise BrokenReferences([(row["table"], row["rowid"], row["parent"]) for row in broken])
    return names


async def write(name: str) -> list[Path]:
    """Write the migration that leads from the newest one to the models; gives the files, none when nothing changed."""
    from tortoise.migrations.autodetector import MigrationAutodetector  # noqa: PLC0415  # only developers need it

    config = db.configuration("sqlite://:memory:")
    async with TortoiseContext() as context:
        await context.init(config=config, init_connections=False)
        assert context.apps is not None  # noqa: S101  # `init` has set it
        writers = await MigrationAutodetector(context.apps, config["apps"]).changes()
        for writer in writers:
            writer.name = f"{writer.name[:4]}_{name}"
        files = [Path(writer.write()) for writer in writers]
    if files:
        for command in (["check", "--select=I", "--fix"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, "--quiet", *files], check=True)  # noqa: ASYNC221, S603  # a developer's tool, on files of ours
    return files


def main(arguments: Sequence[str]) -> int:
    """`make NAME`; see the module's own text."""
    match arguments:
        case ["make", name] if re.fullmatch("[a-z][a-z0-9_]*", name):
            pass
        case _:
            print(__doc__, file=sys.stderr)  # noqa: T201  # a command line
            return 2
    files = asyncio.run(write(name))
    for file in files:
        print(f"{file}: read every line of it; a rename in it is a guess.")  # noqa: T201  # a command line
    if not files:
        print("The models are as the migrations make them.")  # noqa: T201  # a command line
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
