"""The store is opened at the newest schema."""

import sys

import pytest

from storage import db
from storage.current import open_current
from storage.migrate import DatabaseIsNewer
from storage.models import Remembered
from tests.conftest import NewDatabase


async def test_empty_database_is_migrated(new_database: NewDatabase) -> None:
    await open_current(await new_database(), backup_dir=None)

    try:
        assert await Remembered.all().count() == 0
    finally:
        await db.close_store()


async def test_current_database_is_opened_without_loading_a_migration(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("storage.migrat")]:
        monkeypatch.delitem(sys.modules, name)  # as a process finds them that has just started

    await open_current(database_url, backup_dir=None)

    try:
        assert await Remembered.all().count() == 0
        assert not [name for name in sys.modules if name.startswith("storage.migrat")]
    finally:
        await db.close_store()


async def test_newer_database_is_left_alone(new_database: NewDatabase) -> None:
    url = await new_database()
    await open_current(url, backup_dir=None)
    async with db.transaction():
        await db.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2027-01-01 00:00:00')"
        )
    await db.close_store()

    with pytest.raises(DatabaseIsNewer):
        await open_current(url, backup_dir=None)
