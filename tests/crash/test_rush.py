"""Everybody accepts at once, or a meeting is called off in the middle, while Telegram keeps to its limits to the letter."""

import asyncio
from collections import Counter, defaultdict
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from bot.app import system_clock
from bot.webchat import people, reading
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Options
from storage.models import Attendance
from storage.models.webchat import WebchatMessage, WebchatUpdate
from storage.vocabulary import Answer, Network
from tests.crash import house
from tests.crash.house import LISTENING, TOKEN
from tests.crash.test_faults import Report, delivering
from tests.telegram_rates import Limits, enforced
from tests.telegram_server import Watch

MEMBERS = 201
TOAST_SECONDS = 2.0
EDIT_SECONDS = 15.0
ON_THE_WIRE = 10  # at most, of messages at one moment; a mailing has more in hand


def strict() -> BotServer:
    """Telegram with its limits."""
    return BotServer(Network.TELEGRAM, TOKEN, system_clock, options=Options(faults=enforced(Limits(), system_clock)))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_each_acceptance_costs_a_toast_and_one_change_of_the_message_with_the_file(mode: str) -> None:
    telegram, watch, chats = strict(), Watch(), await house.found_town(4)
    async with delivering(mode, chats, telegram=telegram, watch=watch) as deliver:
        await house.invite(chats, 1, now=system_clock())
        await house.quiet(updates=0)
        before = len(watch.done)
        for chat in chats:
            (invitation,) = await reading.messages(telegram, chat, limit=1)
            await people.presses(telegram, User(id=chat, first_name="Mitglied"), chat, invitation.message_id, 0)
        if mode == "webhook":
            for update in await WebchatUpdate.all().order_by("update_id"):
                await deliver(update.payload)
        await house.quiet(updates=4)

    asked = Counter(method for method, _ in watch.done[before:] if method.lower() != "getupdates")
    assert await Attendance.filter(answer=Answer.ACCEPTED).count() == 4
    assert asked == {"answerCallbackQuery": 4, "editMessageCaption": 4}
    assert watch.refusals == []


@pytest.mark.usefixtures("store")
async def test_nobody_is_invited_any_more_once_the_meeting_was_called_off_while_the_invitations_left() -> None:
    telegram, watch, chats = strict(), Watch(), await house.found_town(60)
    async with delivering("polling", chats, telegram=telegram, watch=watch):
        await house.invite(chats, 1, now=system_clock())
        while Counter(method for method, _ in watch.done)["sendDocument"] < 5:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)
        await house.call_off(chats, now=system_clock())
        off_at = system_clock()
        await house.quiet(updates=0)
        written = WebchatMessage.filter(chat__chat_id__in=chats, sender_id=None, service=None).order_by("id")
        said = await written.values_list("chat__chat_id", "text")

    heard = defaultdict[int, list[str]](list)
    for chat, text in said:
        heard[chat].append("off" if "Fällt aus" in text else "invited")
    late = [at for method, at in watch.done if method == "sendDocument" and at > off_at]
    assert heard.pop(chats[0]) == ["invited"]  # who called it off knows
    assert set(map(tuple, heard.values())) == {("invited", "off")}
    assert len(late) < ON_THE_WIRE
    assert watch.refusals == []


@pytest.mark.crash
async def test_201_acceptances_at_once_are_answered_in_seconds_and_telegram_refuses_none(
    database_url: str, tmp_path: Path, report: Report
) -> None:
    async with house.opened(database_url):
        chats = await house.found_town(MEMBERS)
        await house.invite(chats, 1, now=system_clock())
    async with (
        house.telegram(tmp_path, "--strict-rates") as telegram,
        house.linked(telegram, database_url, tmp_path, "polling") as settings,
    ):
        await telegram.knows(chats)
        start = partial(house.serving, tmp_path, settings)
        async with start() as faden, house.opened(database_url):
            await faden.says(LISTENING)
            await house.quiet(updates=0)
            await telegram.does("hold_updates", True)  # noqa: FBT003  # it goes as JSON
            for chat in chats:
                (invitation,) = [one for one in await telegram.does("messages", chat) if one["message"].get("document")]
                who = {"id": chat, "first_name": "Mitglied"}
                await telegram.does("presses", who, chat, invitation["message_id"], 0)
            began = system_clock()
            await telegram.does("hold_updates", False)  # noqa: FBT003  # likewise
            await house.quiet(updates=MEMBERS)
            accepted = await Attendance.filter(answer=Answer.ACCEPTED).count()
        times = {
            method: [datetime.fromisoformat(at) for at in await telegram.does("answered", method)]
            for method in ("answerCallbackQuery", "editMessageCaption")
        }
        refused = await telegram.does("refused")

    last = {method: (max(at) - began).total_seconds() for method, at in times.items()}
    report(
        f"{MEMBERS} acceptances at once: the last toast after {last['answerCallbackQuery']:.1f} s, the last change after "
        f"{last['editMessageCaption']:.1f} s, refused: {refused}"
    )
    assert (accepted, [len(at) for at in times.values()]) == (MEMBERS, [MEMBERS, MEMBERS])
    assert refused == []
    assert house.within(last["answerCallbackQuery"], TOAST_SECONDS)
    assert house.within(last["editMessageCaption"], EDIT_SECONDS)
