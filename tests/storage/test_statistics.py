"""SQLite knows how its rows are spread; PostgreSQL looks by itself."""

import sqlite3

import pytest

from storage import db, statistics
from storage.current import open_current
from storage.models.webchat import WebchatUser
from storage.vocabulary import Network


async def people(*numbers: int) -> None:
    for number in numbers:
        await WebchatUser.create(network=Network.WEBCHAT, user_id=number, first_name="Anna")


async def known(table: str) -> list[str]:
    """What is known of the table's indexes: rows in all, and rows for one value of each column."""
    return [row["stat"] for row in await db.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = ?", [table])]


@pytest.mark.only_on("sqlite")
async def test_what_is_in_the_tables_is_known_after_the_opening(store: str) -> None:
    await people(1, 2, 3)
    await db.close_store()

    await open_current(store, backup_dir=None)

    assert await known("webchat_user") == ["3 3 1"]


@pytest.mark.only_on("sqlite")
@pytest.mark.usefixtures("store")
async def test_what_has_come_since_is_known_after_the_next_look() -> None:
    await people(1)
    await statistics.refresh()
    await people(2)

    await statistics.refresh()

    assert await known("webchat_user") == ["2 2 1"]


@pytest.mark.only_on("sqlite")
async def test_database_that_somebody_else_holds_is_looked_at_the_next_time(
    store: str, caplog: pytest.LogCaptureFixture
) -> None:
    await db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(f"{db.sqlite_path(store)}", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    await statistics.refresh()
    other.close()
    await statistics.refresh()

    assert [record.getMessage() for record in caplog.records] == [
        "The database's statistics could not be refreshed: database is locked"
    ]


@pytest.mark.usefixtures("store")
async def test_either_database_can_be_asked_to_look() -> None:
    await statistics.refresh()
