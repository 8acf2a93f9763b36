"""Everybody accepts at once, while Telegram keeps to its limits to the letter."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from bot.app import system_clock
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.objects import User
from bot.webchat.rates import Limits
from bot.webchat.server import BotServer, Options
from storage.models import Attendance, Notice
from storage.models.webchat import WebchatMessage, WebchatPress, WebchatUpdate
from storage.queries import column
from storage.vocabulary import Answer, Network, NoticeState
from tests.crash import house
from tests.crash.house import TOKEN
from tests.crash.test_faults import Deliver, Report, delivering

MEMBERS = 201
TOAST_SECONDS = 2.0
EDIT_SECONDS = 15.0


@dataclass(eq=False)
class Watched(BotServer):
    """Telegram, and what it was asked for: when each call was answered, and which were refused."""

    done: list[tuple[str, datetime]] = field(init=False, default_factory=list)
    refused: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)

    async def call(self, call: Call) -> object:
        """Answer one call, and write it down."""
        try:
            result = await super().call(call)
        except ApiError as error:
            self.refused[call.method, error.description] += 1
            raise
        self.done.append((call.method, self.clock()))
        return result


@dataclass(frozen=True)
class Rush:
    """How long people waited for their toasts and the last of them for the changed message, in seconds; and what was refused."""

    toasts: list[float]
    last_edit: float
    refused: Counter[tuple[str, str]]
    methods: Counter[str]


async def rush(mode: str, members: int) -> Rush:
    """Everybody is invited and accepts, all at once."""
    telegram = Watched(Network.TELEGRAM, TOKEN, system_clock, options=Options(limits=Limits()))
    chats = await house.found_town(members)
    async with delivering(mode, chats, telegram=telegram) as deliver:
        await house.invite(chats, 1, now=system_clock())
        await house.quiet(updates=0)
        before = len(telegram.done)
        await _accept(mode, telegram, chats, deliver)
        await house.quiet(updates=members)
    pressed = await WebchatPress.all()
    edits = [at for method, at in telegram.done[before:] if method == "editMessageCaption"]
    last_press = max(press.pressed_at for press in pressed)

    assert await Attendance.filter(answer=Answer.ACCEPTED).count() == members
    assert set(await column(Notice.all(), "state")) == {NoticeState.SENT}
    return Rush(
        toasts=[(press.answered_at - press.pressed_at).total_seconds() for press in pressed if press.answered_at],
        last_edit=(max(edits) - last_press).total_seconds(),
        refused=telegram.refused,
        methods=Counter(method for method, _ in telegram.done[before:] if method.lower() != "getupdates"),
    )


async def _accept(mode: str, telegram: BotServer, chats: list[int], deliver: Deliver) -> None:
    async def press(chat: int) -> None:
        (invitation,) = await telegram.messages(chat, limit=1)
        await telegram.person_presses(User(id=chat, first_name="Mitglied"), chat, invitation.message_id, 0)

    await asyncio.gather(*map(press, chats))
    if mode == "webhook":
        updates = await WebchatUpdate.all().order_by("update_id")
        await asyncio.gather(*(deliver(update.payload) for update in updates))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_each_acceptance_costs_a_toast_and_one_change_of_the_message_with_the_file(mode: str) -> None:
    seen = await rush(mode, 4)

    assert seen.methods == {"answerCallbackQuery": 4, "editMessageCaption": 4}
    assert seen.refused == Counter()


@pytest.mark.usefixtures("store")
async def test_nobody_is_invited_to_a_meeting_that_was_called_off_while_the_invitations_left() -> None:
    telegram = Watched(Network.TELEGRAM, TOKEN, system_clock, options=Options(limits=Limits()))
    chats = await house.found_town(60)
    async with delivering("polling", chats, telegram=telegram):
        await house.invite(chats, 1, now=system_clock())
        while Counter(method for method, _ in telegram.done)["sendDocument"] < 5:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)
        await house.call_off(chats, now=system_clock())
        await house.quiet(updates=0)
        written = WebchatMessage.filter(chat__chat_id__in=chats, sender_id=None, service=None).order_by("id")
        said = await written.values_list("chat__chat_id", "text")

    heard = defaultdict[int, list[str]](list)
    for chat, text in said:
        heard[chat].append("off" if "Fällt aus" in text else "invited")
    caller = heard.pop(chats[0])
    assert caller == ["invited"]
    assert set(map(tuple, heard.values())) == {("invited", "off")}
    assert len(heard) < len(chats) - 1
    assert telegram.refused == Counter()


@pytest.mark.crash
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_201_acceptances_at_once_are_answered_in_seconds_and_telegram_refuses_none(
    mode: str, report: Report
) -> None:
    seen = await rush(mode, MEMBERS)

    report(
        f"{MEMBERS} acceptances by {mode}: the last toast after {max(seen.toasts):.1f} s, the last change after "
        f"{seen.last_edit:.1f} s, refused: {dict(seen.refused)}"
    )
    assert max(seen.toasts) <= TOAST_SECONDS
    assert seen.last_edit <= EDIT_SECONDS
    assert seen.refused == Counter()
