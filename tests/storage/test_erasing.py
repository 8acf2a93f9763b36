"""What was erased leaves SQLite's files, on the files themselves."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import db, erasing
from storage.models import Area

NAME = "Sonnenblum"


@pytest.fixture
def path(store: str) -> Path:
    found = db.sqlite_path(store)
    assert found is not None
    return found


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else who reads what the database held at a moment, as a backup does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        yield made


def files(path: Path) -> list[str]:
    """Those in which the name stands."""
    return [file.name for file in sorted(path.parent.glob(f"{path.name}*")) if NAME.encode() in file.read_bytes()]


async def keep() -> None:
    async with db.transaction():
        await Area.create(key=NAME, name=NAME * 20)


async def erase() -> None:
    async with db.transaction():
        await Area.filter(key=NAME).delete()
        erasing.erased()


@pytest.mark.only_on("sqlite")
async def test_what_was_erased_is_in_no_file(path: Path) -> None:
    await keep()
    kept = files(path)

    await erase()
    await erasing.empty_log()

    assert (kept, files(path)) == ([f"{path.name}-wal"], [])


@pytest.mark.only_on("sqlite")
async def test_log_is_emptied_after_the_commit_without_being_asked(path: Path) -> None:
    await keep()

    await erase()
    await asyncio.wait(db._store.running)  # type: ignore[union-attr]  # noqa: SLF001  # nobody else waits for it

    assert files(path) == []


@pytest.mark.only_on("sqlite")
async def test_erasure_that_is_given_up_empties_nothing(path: Path) -> None:
    async def give_up() -> None:
        await erase()
        raise ZeroDivisionError

    await erasing.empty_log()
    await keep()

    with pytest.raises(ZeroDivisionError):
        await db.unit_of_work(give_up)
    await erasing.empty_log()

    assert files(path) == [f"{path.name}-wal"]


@pytest.mark.only_on("sqlite")
async def test_log_that_somebody_reads_is_emptied_when_they_have_done(path: Path, reader: sqlite3.Connection) -> None:
    await keep()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM area").fetchone()

    await erase()
    at_once = await erasing.empty_log()
    meanwhile = files(path)
    reader.execute("ROLLBACK")
    later = await erasing.empty_log()

    assert (at_once, meanwhile != [], later, files(path)) == (False, True, True, [])


@pytest.mark.only_on("sqlite")
async def test_log_that_cannot_be_emptied_is_tried_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await keep()
    log = db.opened_log()
    log.path = path.parent  # a directory: no database opens there

    await erase()
    failed = await erasing.empty_log()
    log.path = path
    later = await erasing.empty_log()

    assert (failed, later, files(path)) == (False, True, [])
    assert {record.message for record in caplog.records} == {"What was erased still stands in the database's log."}


@pytest.mark.only_on("postgres")
async def test_log_of_the_other_database_is_not_ours(store: str) -> None:  # noqa: ARG001  # it has to be open
    await keep()

    await erase()

    assert await erasing.empty_log()
