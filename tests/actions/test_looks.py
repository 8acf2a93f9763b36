from datetime import UTC, datetime, timedelta

import pytest

from bot.actions import looks
from bot.actions.looks import Look
from storage.db import unit_of_work
from storage.models import Remembered

pytestmark = pytest.mark.usefixtures("store")

HOUR = timedelta(hours=1)


async def test_first_look_is_due_and_the_next_when_it_can_find_something(now: datetime) -> None:
    first = await looks.due("x", now=now)
    await looks.done("x", now=now, again=now + 2 * HOUR)

    found = [await looks.due("x", now=now + hours * HOUR) for hours in (0, 1, 2)]

    assert (first, found) == (Look(since=None), [None, None, Look(since=now)])


async def test_look_is_due_anew_when_the_clock_was_set_back(now: datetime) -> None:
    await looks.done("x", now=now, again=now + HOUR)

    assert await looks.due("x", now=now - HOUR) == Look(since=None)


async def test_look_that_is_wanted_soon_is_due_and_no_other(now: datetime) -> None:
    for name in ("x", "y", "z"):
        await looks.done(name, now=now, again=now + HOUR)

    await unit_of_work(lambda: looks.soon("x", "y"))

    assert [await looks.due(name, now=now) is not None for name in ("x", "y", "z")] == [True, True, False]
    assert await Remembered.all().count() == 1


def test_day_begins_first_where_it_is_latest() -> None:
    evening = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)

    assert looks.next_day(evening) == datetime(2026, 11, 19, tzinfo=UTC)
    assert looks.next_day(evening, ["Europe/Berlin"]) == datetime(2026, 11, 18, 23, tzinfo=UTC)
