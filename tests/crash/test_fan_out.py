"""Faden is killed again and again while invitations leave: none is lost, and only what a kill caught on its way comes twice."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from bot.app import system_clock
from storage.models import Attendance, Notice
from storage.queries import column
from storage.vocabulary import NoticeState
from tests.crash import house
from tests.crash.house import BODY, LISTENING, Message
from tests.crash.nursery import nursery

MEETINGS = 4
LIFE_SECONDS = 1.0

Report = Callable[[str], None]


async def check(url: str, directory: Path, dice: Random, report: Report, *, members: int, kills: int) -> None:
    async with house.opened(url):
        chats = await house.found_town(members)
        await house.invite(chats, MEETINGS, now=system_clock())
        assert await Attendance.all().count() == members * MEETINGS
    async with (
        house.telegram(directory) as telegram,
        house.linked(telegram, url, directory, "polling") as settings,
        nursery() as forked,
    ):
        await telegram.knows(chats)
        start = partial(house.serving, directory, settings, forked)
        lives = [await house.killed(url, start, dice, seconds=LIFE_SECONDS) for _ in range(kills)]
        before = len(telegram.arrivals())
        async with start() as last, house.opened(url):
            await last.says(LISTENING)
            await house.quiet(updates=0)
            assert await last.ends() == 0
        arrivals = telegram.arrivals()

    caught = Counter(house.in_flight(lives, arrivals))
    copies = Counter(arrival.message for arrival in arrivals)
    doubled = Counter({message: count - 1 for message, count in copies.items() if count > 1})
    report(
        f"{members * MEETINGS} invitations, {kills} kills: {before} had left at the last, {caught.total()} were on their "
        f"way at one, {doubled.total()} came twice"
    )
    expected = {Message(chat, f"{number}. {BODY}") for chat in chats for number in range(1, MEETINGS + 1)}
    async with house.opened(url):
        assert set(await column(Notice.all(), "state")) == {NoticeState.SENT}
    assert copies.keys() == expected
    assert doubled <= caught
    assert house.in_order(arrival.message for arrival in arrivals)


async def test_40_invitations_and_3_kills(database_url: str, tmp_path: Path, dice: Random, report: Report) -> None:
    await check(database_url, tmp_path, dice, report, members=10, kills=3)


@pytest.mark.crash
async def test_1000_invitations_and_50_kills(
    database_url: str, tmp_path: Path, dice: Random, report: Report, portion: float
) -> None:
    await check(database_url, tmp_path, dice, report, members=250, kills=round(50 * portion))
