"""Towns of every size, built in seconds: `python -m tests.bench.towns M sqlite:////tmp/town.sqlite3`.

S is the sample town. The others have three years behind them: M 300 people in 30 bodies, L ten times as many of everything.
Two towns of one shape differ in their numbers alone: what a body plans and owes, and where a person sits, is alike in all.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from storage import db
from storage.migrate import migrate
from storage.models import Person
from storage.postgres import connect
from tests.bench.measure import system_now
from tests.bench.town_rows import domain
from tests.bench.town_shape import Shape, Table, Town
from tests.bench.town_traffic import traffic

SMALL = Shape(people=60, bodies=24, meetings=48, items=240, messages=1_000, notices=1_000)
TENTH = Shape(people=60, bodies=24, meetings=400, items=2_000, messages=10_000, notices=17_200)
M = Shape(people=300, bodies=30, meetings=4_000, items=20_000, messages=100_000, notices=172_000)
L = Shape(people=3_000, bodies=300, meetings=40_000, items=200_000, messages=1_000_000, notices=1_720_000)
SHAPES = {"small": SMALL, "tenth": TENTH, "M": M, "L": L}


async def build(url: str, shape: Shape, *, now: datetime) -> Town:
    """Build the town in a database that is not there yet, or has no table; at `now` its bodies have met yesterday."""
    await migrate(url, backup_dir=None)
    town = Town(shape, now)
    if db.is_sqlite(url):
        await asyncio.to_thread(_fill_sqlite, url, (*domain(town), *traffic(town)))
    else:
        await _fill_postgres(url, (*domain(town), *traffic(town)))
    return town


async def build_sample(url: str, *, now: datetime) -> None:
    """The sample town, as a trial begins with it."""
    from bot.actions.trial import sample  # noqa: PLC0415  # for this alone

    await migrate(url, backup_dir=None)
    await db.open_store(url)
    try:
        await db.unit_of_work(lambda: sample.furnish(now), seconds=60)
        assert await Person.exists()
    finally:
        await db.close_store()


def _fill_sqlite(url: str, filled: Iterable[Table]) -> None:
    """In one transaction; nobody waits for the disk."""
    path = db.sqlite_path(url)
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as own:
        own.execute("PRAGMA synchronous = OFF")
        own.execute("PRAGMA cache_size = -200000")
        own.execute("BEGIN")
        for table in filled:
            places = ", ".join("?" * len(table.columns))
            own.executemany(
                f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places})",  # noqa: S608  # our own names
                table.rows,
            )
        own.execute("COMMIT")


async def _fill_postgres(url: str, filled: Iterable[Table]) -> None:
    """By COPY; ids go on behind those of the town, and the planner knows what there is."""
    own = await connect(url, "town", seconds=None)
    try:
        for table in filled:
            await own.copy_records_to_table(table.name, columns=table.columns, records=table.rows)
            if table.numbered:
                await own.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT max(id) FROM {table.name}))"  # noqa: S608  # our own names
                )
        await own.execute("ANALYZE")
    finally:
        await own.close()


async def _counted(url: str) -> dict[str, Any]:
    await db.open_store(url)
    try:
        names = ("person", "body", "meeting", "attendance", "agenda_item", "webchat_message", "notice")
        return {name: (await db.execute(f"SELECT count(*) AS n FROM {name}"))[0]["n"] for name in names}  # noqa: S608
    finally:
        await db.close_store()


def main(arguments: Sequence[str]) -> None:
    """Build the town named, and say what is in it."""
    name, url = arguments
    began = time.perf_counter()
    if name == "S":
        asyncio.run(build_sample(url, now=system_now()))
    else:
        asyncio.run(build(url, SHAPES[name], now=system_now()))
    print(f"{name} in {time.perf_counter() - began:.1f} s: {asyncio.run(_counted(url))}")


if __name__ == "__main__":
    main(sys.argv[1:])
