"""The towns of the benchmarks, and what they show at a small size: a command costs the same in a town with more behind it."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from storage import db
from storage.models import AgendaItem, Attendance, Body, Meeting, Membership, Notice, Person
from storage.models.webchat import WebchatMessage
from tests.bench import flat, towns
from tests.bench.flat import COMMAND_LINES, NOW
from tests.bench.town_shape import MANY_BODIES, Shape
from tests.conftest import NewDatabase

TINY = Shape(people=60, bodies=24, meetings=48, items=240, messages=500, notices=500)
WITH_MORE_BEHIND_IT = Shape(people=60, bodies=24, meetings=192, items=960, messages=3_000, notices=5_000)


async def test_town_has_as_much_as_its_shape_says(new_database: NewDatabase) -> None:
    url = await new_database()

    town = await towns.build(url, towns.SMALL, now=NOW)

    await db.open_store(url)
    shape = (await Person.all().count(), await Body.all().count(), await Meeting.all().count())
    told = (await AgendaItem.all().count(), await WebchatMessage.all().count(), await Notice.all().count())
    busy = await Membership.filter(person_id=town.busy).count()
    answered = await Attendance.exclude(answered_at=None).exists()
    await db.close_store()
    assert shape == (60, 24, 48)
    assert told == (240, 984, 1_000)  # chats of one kind have as many messages each
    assert busy >= MANY_BODIES
    assert answered


async def test_rows_of_a_town_belong_together_and_are_the_same_each_time(tmp_path: Path) -> None:
    dumps = []
    for name in ("one", "two"):
        await towns.build(f"sqlite:///{tmp_path}/{name}.sqlite3", TINY, now=NOW)
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite3")) as town:
            assert town.execute("PRAGMA foreign_key_check").fetchall() == []
            dumps.append([line for line in town.iterdump() if "tortoise_migrations" not in line])

    assert dumps[0] == dumps[1]


async def test_command_costs_as_many_statements_in_a_town_with_more_behind_it(new_database: NewDatabase) -> None:
    found: list[Mapping[str, Mapping[str, int]]] = []
    for shape in (TINY, WITH_MORE_BEHIND_IT):
        url = await new_database()
        town = await towns.build(url, shape, now=NOW)
        who = {"a member": town.member, "the busiest": town.busy}
        found.append(await flat.counted(url, who, town.code_of))

    assert found[0].keys() == {"a member", "the busiest"}
    assert set(found[0]["a member"]) == set(COMMAND_LINES)
    assert found[0] == found[1]
