"""Whoever migrates has the same tables as whoever starts today."""

from pathlib import Path

from tortoise.context import TortoiseContext

from storage import db
from tests.postgres import FreshDatabase
from tests.storage.described import described


async def generate(url: str) -> None:
    async with TortoiseContext() as context:
        await context.init(config=db.configuration(url))
        await context.generate_schemas()


async def test_migrated_sqlite_equals_a_fresh_one(migrated_sqlite: Path, tmp_path: Path) -> None:
    fresh = f"sqlite:///{tmp_path}/fresh.sqlite3"

    await generate(fresh)

    assert await described(f"sqlite:///{migrated_sqlite}") == await described(fresh)


async def test_migrated_postgres_equals_a_fresh_one(migrated_postgres: str, fresh_database: FreshDatabase) -> None:
    fresh = await fresh_database()

    await generate(fresh)

    assert await described(migrated_postgres) == await described(fresh)
