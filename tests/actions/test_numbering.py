import asyncio
from datetime import datetime, timedelta

import pytest
from tortoise.exceptions import IntegrityError

from bot.actions import numbering
from bot.rules.refusals import ChangedMeanwhile
from storage import queries
from storage.db import unit_of_work
from storage.models import Body, Meeting
from tests.actions.cast import Town
from tests.actions.gathering import TUESDAY, scheduled
from tests.actions.invented import a_meeting


async def test_following_numbers_count_up_within_the_body(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-23T09:00")  # of a time before Faden: it has no number
    await scheduled(town, now)
    await Meeting.filter(number=1).update(number=81)

    await scheduled(town, now)

    assert await queries.column(Meeting.all().order_by("id"), "number") == [None, 81, 82]


async def test_following_numbers_go_on_from_the_time_before_faden(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={**town.tk.rules, "meetings_before": 118})

    for day in range(2):
        await scheduled(town, now, TUESDAY + timedelta(days=day))

    assert await queries.column(Meeting.all().order_by("id"), "number") == [119, 120]


async def test_following_numbers_are_different_at_the_same_moment(town: Town, now: datetime) -> None:
    await asyncio.gather(
        *(unit_of_work(lambda day=day: scheduled(town, now, TUESDAY + timedelta(days=day))) for day in range(4))  # type: ignore[misc]  # mypy cannot infer it
    )

    assert sorted(await queries.column(Meeting.all(), "number")) == [1, 2, 3, 4]


async def test_following_gives_up_when_somebody_is_always_quicker(town: Town) -> None:
    tried = []

    async def create(number: int) -> Meeting:
        tried.append(number)
        raise IntegrityError

    with pytest.raises(ChangedMeanwhile):
        await numbering.following(Meeting.filter(body_id=town.tk.id), create)
    assert tried == [1] * numbering.ATTEMPTS
