"""Faden is killed again and again while people write to it: each update takes effect once, and each gets its answer."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from storage.models import AgendaItem, InboxUpdate, Notice
from storage.queries import column
from storage.vocabulary import NoticeState, UpdateState
from tests.crash import house
from tests.crash.house import BODY, LISTENING, Life, Message, Telegram
from tests.crash.nursery import nursery

MEMBERS = 50
LIFE_SECONDS = 0.8

Report = Callable[[str], None]


def title(number: int) -> str:
    return f"Thema Nr {number}"


async def writing(telegram: Telegram, numbers: range, members: list[int], dice: Random, seconds: float) -> None:
    """Items are handed in, each by the next member, at random moments within so many seconds."""
    for number in numbers:
        await asyncio.sleep(dice.uniform(0, 2 * seconds / len(numbers)))
        await telegram.writes(members[number % len(members)], f"/top {BODY}: {title(number)}, Beschluss, 20 min")


async def check(
    url: str, directory: Path, mode: str, dice: Random, report: Report, *, updates: int, kills: int
) -> None:
    async with house.opened(url):
        members = await house.found_town(MEMBERS)
    lives = list[Life]()
    async with (
        house.telegram(directory) as telegram,
        house.linked(telegram, url, directory, mode) as settings,
        nursery() as forked,
    ):
        start = partial(house.serving, directory, settings, forked)
        for kill in range(kills):
            share = range(updates * kill // kills, updates * (kill + 1) // kills)
            life, _ = await asyncio.gather(
                house.killed(url, start, dice, seconds=LIFE_SECONDS),
                writing(telegram, share, members, dice, LIFE_SECONDS),
            )
            lives.append(life)
        async with start() as last, house.opened(url):
            await last.says(LISTENING)
            await house.quiet(updates)
            assert await last.ends() == 0
        arrivals = telegram.arrivals()

    caught = Counter(house.in_flight(lives, arrivals))
    copies = Counter(arrival.message for arrival in arrivals)
    doubled = Counter({message: count - 1 for message, count in copies.items() if count > 1})
    report(
        f"{updates} updates, {kills} kills: {sum(life.waiting for life in lives)} updates and {caught.total()} sends "
        f"were under way at them, {doubled.total()} answers came twice"
    )
    handed_in = {Message(members[number % MEMBERS], title(number)) for number in range(updates)}
    async with house.opened(url):
        items = await AgendaItem.all().order_by("id").values_list("submitted_by_id", "title")
        assert sorted(items) == sorted(handed_in)
        assert house.in_order(Message(*item) for item in items)
        assert set(await column(InboxUpdate.all(), "state")) == {UpdateState.DONE}
        assert set(await column(Notice.all(), "state")) == {NoticeState.SENT}
    assert copies.keys() == handed_in
    assert doubled <= caught
    assert house.in_order(arrival.message for arrival in arrivals)


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_60_updates_and_4_kills(
    database_url: str, tmp_path: Path, mode: str, dice: Random, report: Report
) -> None:
    await check(database_url, tmp_path, mode, dice, report, updates=60, kills=4)


@pytest.mark.crash
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_2000_updates_and_100_kills(  # noqa: PLR0917  # fixtures
    database_url: str, tmp_path: Path, mode: str, dice: Random, report: Report, portion: float
) -> None:
    updates, kills = round(2000 * portion), round(100 * portion)
    await check(database_url, tmp_path, mode, dice, report, updates=updates, kills=kills)
