"""Telegram has bad days: it is away for a minute, it hangs, it cuts every connection. Whoever waits is answered when it is back."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import pytest

from bot.app import system_clock
from storage.models import Notice
from storage.models.webchat import WebchatMessage
from storage.vocabulary import NoticeState
from tests.crash import house
from tests.crash.house import BODY, Message
from tests.crash.test_faults import Report, delivering, handed_in
from tests.telegram_server import Outage

ANSWERED_SECONDS = 5.0
MAILED_SECONDS = 30.0
WRITERS = 20
CALLS = 6  # of an outage: a sending, and questions whether it is over

How = Literal["502", "hangs", "cuts"]


async def arrivals() -> list[tuple[Message, datetime]]:
    """What of Faden's stands in people's own chats, in order."""
    written = WebchatMessage.filter(sender_id=None, service=None, chat__chat_id__gt=0).order_by("id")
    rows = await written.values_list("chat__chat_id", "text", "sent_at")
    return [(Message(chat, house.about(text)), at) for chat, text, at in rows]


async def bad_day(
    mode: str, outage: Outage, over: Callable[[], bool], *, members: int, writers: int
) -> Mapping[Message, float]:
    """Everybody is invited, some write, and then Telegram is away: the seconds after its return at which each message came."""
    chats = await house.found_town(members)
    async with delivering(mode, chats, outage=outage) as deliver:
        await house.invite(chats, 1, now=system_clock())
        for number, chat in enumerate(chats[:writers], start=1):
            await deliver(handed_in(number, chat))
        while not over():  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.05)
        back = system_clock()
        outage.over.set()
        await house.quiet(updates=writers)
        came = await arrivals()
        states = Counter(await Notice.all().values_list("state", flat=True))

    assert states.keys() <= {NoticeState.SENT}
    expected = {Message(chat, f"Thema Nr {number}") for number, chat in enumerate(chats[:writers], start=1)}
    expected |= {Message(chat, f"1. {BODY}") for chat in chats}
    assert Counter(message for message, _ in came) == Counter(expected)
    return {message: (at - back).total_seconds() for message, at in came}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
@pytest.mark.parametrize("how", ["502", "cuts"])
async def test_everything_comes_once_when_telegram_is_back(mode: str, how: How) -> None:
    outage = Outage(how)

    await bad_day(mode, outage, lambda: len(outage.refused) >= CALLS, members=5, writers=3)


@pytest.mark.crash
@pytest.mark.only_on("sqlite")  # the short form runs on both: what takes a minute here is Telegram
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
@pytest.mark.parametrize(("how", "seconds"), [("502", 70.0), ("hangs", 40.0), ("cuts", 40.0)])
async def test_whoever_waits_is_answered_within_five_seconds_after_telegram_is_back(
    mode: str, how: How, seconds: float, report: Report, portion: float
) -> None:
    seconds *= portion
    outage, began = Outage(how), system_clock()

    def over() -> bool:
        return (system_clock() - began).total_seconds() >= seconds

    came = await bad_day(mode, outage, over, members=60, writers=WRITERS)

    answers = [after for message, after in came.items() if message.about.startswith("Thema")]
    mailing = [after for message, after in came.items() if not message.about.startswith("Thema") and after > 0]
    report(f"{how} by {mode}: answers after {max(answers):.1f} s, the mailing went on after {min(mailing):.1f} s")
    assert len(answers) == WRITERS
    assert house.within(max(answers), ANSWERED_SECONDS)
    assert house.within(min(mailing), MAILED_SECONDS)
