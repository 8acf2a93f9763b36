"""The PostgreSQL of the tests."""

import asyncpg
import pytest

from tests.postgres import FreshDatabase, Server

pytestmark = pytest.mark.postgres


async def test_fresh_database_is_empty_and_not_in_utc(fresh_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(await fresh_database())

    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    zone = await connection.fetchval("SHOW timezone")
    await connection.close()

    assert (tables, zone) == (0, "Europe/Berlin")


async def test_fresh_database_from_a_template_has_its_rows(fresh_database: FreshDatabase) -> None:
    template = await fresh_database()
    connection = await asyncpg.connect(template)
    await connection.execute("CREATE TABLE area (name text); INSERT INTO area VALUES ('Nord')")
    await connection.close()

    copy = await asyncpg.connect(await fresh_database(template=template))
    rows = await copy.fetch("SELECT name FROM area")
    await copy.close()

    assert [row["name"] for row in rows] == ["Nord"]


async def test_database_is_dropped_although_somebody_is_connected(postgres_server: Server) -> None:
    url = await postgres_server.create_database()
    connection = await asyncpg.connect(url)

    await postgres_server.drop_database(url)

    connection.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)
