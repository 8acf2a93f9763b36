"""A copy of a SQLite file that others write to meanwhile.

The pages are copied inside of one read transaction, which also counts the rows: so the copy cannot begin again and again
while others write, and both tell of the same moment. `VACUUM INTO` then leaves out what was deleted.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from storage import db
from storage.backup.aside import Stopped, aside
from storage.backup.copied import Copied, Damaged

FILE = "faden.sqlite3"
PAGES = 500  # in one go; between two of them the work can be stopped
INSTRUCTIONS = 100_000  # likewise
PATIENCE_SECONDS = 10


async def copy(url: str, target: Path) -> Copied:
    """Write a copy over the empty file. Raises sqlite3.Error."""
    source = db.sqlite_path(url)
    if source is None:
        raise db.BadDatabaseUrl("sqlite")
    return await aside(lambda stop: _copy(source, target, stop))


async def rows_of(file: Path) -> dict[str, int]:
    """The rows of each table of a copy, all of which is read. Raises Damaged."""
    return await aside(lambda stop: _checked(file, stop))


def _copy(source: Path, target: Path, stop: threading.Event) -> Copied:
    raw = target.with_name("pages")
    try:
        with _opened(source, "rw", stop) as live, _opened(raw, "rwc", stop) as pages:
            live.execute("BEGIN")
            copied = Copied(rows=_rows(live), migration=_migration(live), database=sqlite3.sqlite_version)
            live.backup(pages, pages=PAGES, progress=lambda *_: _unless(stop))
            live.execute("ROLLBACK")
            pages.execute("VACUUM INTO ?", [str(target)])
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            raw.with_name(raw.name + end).unlink(missing_ok=True)
    return copied


def _unless(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped


def _checked(file: Path, stop: threading.Event) -> dict[str, int]:
    try:
        with _opened(file, "ro&immutable=1", stop) as copied:
            said = [line for (line,) in copied.execute("PRAGMA integrity_check")]
            if said != ["ok"]:
                raise Damaged(file.name, str(said[0]))
            return _rows(copied)
    except sqlite3.DatabaseError as error:
        raise Damaged(file.name, str(error)) from error


@contextlib.contextmanager
def _opened(file: Path, mode: str, stop: threading.Event) -> Iterator[sqlite3.Connection]:
    address = f"{file.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE_SECONDS)
    try:
        connection.set_progress_handler(stop.is_set, INSTRUCTIONS)
        yield connection
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  # names of tables
        for (name,) in tables
        if not name.startswith("sqlite_")
    }


def _migration(connection: sqlite3.Connection) -> str:
    (newest,) = connection.execute("SELECT max(name) FROM tortoise_migrations WHERE app = 'models'").fetchone()
    return str(newest)
