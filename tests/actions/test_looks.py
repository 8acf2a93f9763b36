from datetime import UTC, datetime, timedelta

import pytest

from bot.actions import looks
from bot.actions.looks import Look
from storage.db import unit_of_work

pytestmark = pytest.mark.usefixtures("store")

HOUR = timedelta(hours=1)


async def looked(name: str, now: datetime, again: datetime) -> None:
    look = await looks.due(name, now=now)
    assert look is not None
    await looks.done(look, now=now, again=again)


async def test_first_look_is_due_and_the_next_when_it_can_find_something(now: datetime) -> None:
    await looked("x", now, now + 2 * HOUR)

    found = [await looks.due("x", now=now + hours * HOUR) for hours in (0, 1, 2)]

    assert found == [None, None, Look(name="x", since=now)]


async def test_look_is_due_anew_when_the_clock_was_set_back(now: datetime) -> None:
    await looked("x", now, now + HOUR)

    assert await looks.due("x", now=now - HOUR) == Look(name="x")


async def test_look_that_is_wanted_soon_is_due_once_and_no_other(now: datetime) -> None:
    for name in ("x", "y", "z"):
        await looked(name, now, now + HOUR)

    await unit_of_work(lambda: looks.soon("x", "y"))

    assert [await looks.due(name, now=now) is not None for name in ("x", "y", "z")] == [True, True, False]
    await looked("x", now, now + HOUR)
    assert await looks.due("x", now=now) is None


@pytest.mark.parametrize("before", ["nothing", "done", "wanted"])
async def test_look_that_is_wanted_while_one_is_under_way_is_made_again(now: datetime, before: str) -> None:
    if before == "done":
        await looked("x", now - 2 * HOUR, now - HOUR)
    if before == "wanted":
        await unit_of_work(lambda: looks.soon("x"))
    look = await looks.due("x", now=now)
    assert look is not None

    await unit_of_work(lambda: looks.soon("x"))
    await looks.done(look, now=now, again=now + 24 * HOUR)

    assert await looks.due("x", now=now) == Look(name="x")


def test_day_begins_first_where_it_is_latest() -> None:
    evening = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)

    assert looks.next_day(evening) == datetime(2026, 11, 19, tzinfo=UTC)
    assert looks.next_day(evening, ["Europe/Berlin"]) == datetime(2026, 11, 18, 23, tzinfo=UTC)
