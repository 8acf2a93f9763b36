"""Faults at the wire, with all of Faden in the test's process: updates that nobody can handle, and a Telegram in bad weather."""

import asyncio
import contextlib
import statistics
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from telegram import Update
from telegram.ext import CommandHandler
from tortoise.exceptions import OperationalError

from bot.app import DomainClock, assemble, system_clock
from bot.config import Settings, TelegramSettings
from bot.config import WebSettings as Address
from bot.handlers.context import Context
from bot.web.webhook import PATH, SECRET_HEADER
from bot.webchat import people
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Fault
from storage import db
from storage.models import AgendaItem, Area, InboxUpdate, Notice
from storage.models.webchat import WebchatMessage, WebchatUpdate
from storage.queries import column
from storage.vocabulary import Network, NoticeState, UpdateState
from tests.crash import house
from tests.crash.house import BODY, SECRET, TOKEN, Arrival, Message
from tests.telegram_rates import too_many_requests
from tests.telegram_server import Outage, Watch, running

KEY = b"k" * 32
STANDSTILL_SECONDS = 0.15
WORKING_HOUR = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday: nobody rests

Report = Callable[[str], None]


# --- updates that nobody can handle -----------------------------------------------------------------------------------


def written(update_id: int, chat: int, text: str) -> dict[str, Any]:
    """A private message with a command, as Telegram sends it."""
    who = {"id": chat, "first_name": "Mitglied"}
    entities = [{"type": "bot_command", "offset": 0, "length": len(text.split(" ", maxsplit=1)[0])}]
    message = {"message_id": update_id, "date": 1_763_800_000, "chat": {**who, "type": "private"}, "text": text}
    return {"update_id": update_id, "message": {**message, "from": {**who, "is_bot": False}, "entities": entities}}


def handed_in(update_id: int, chat: int) -> dict[str, Any]:
    return written(update_id, chat, f"/top {BODY}: Thema Nr {update_id}, Beschluss, 20 min")


async def breaks_down(_update: Update, _context: Context) -> None:
    """A handler with a defect, which shows only after its first write."""
    async with db.transaction():
        await Area.create(key="half", name="Halb fertig")
    raise LookupError("a defect")


Deliver = Callable[[dict[str, Any]], Awaitable[None]]


@contextlib.asynccontextmanager
async def delivering(
    mode: str,
    chats: Sequence[int],
    *,
    telegram: BotServer | None = None,
    outage: Outage | None = None,
    watch: Watch | None = None,
) -> AsyncIterator[Deliver]:
    """Faden behind its real door for updates; gives what makes Telegram deliver one. In these chats it is known already."""
    port = house.free_port()
    telegram = telegram or BotServer(network=Network.TELEGRAM, token=TOKEN, clock=system_clock)
    for chat in chats:
        await people.writes(telegram, User(id=chat, first_name="Mitglied"), chat, "/start")
    await WebchatUpdate.all().delete()
    async with running(telegram, outage=outage, watch=watch) as api_base, aiohttp.ClientSession() as session:
        settings = Settings(
            telegram=TelegramSettings(token=TOKEN, api_base=api_base, mode=mode, webhook_secret=SECRET),
            web=Address(port=port),
        )
        faden = await assemble(settings, key=KEY, domain_now=system_clock, machine_now=system_clock)
        faden.desks[Network.TELEGRAM].add_handler(CommandHandler("defekt", breaks_down), group=-1)
        runner = web.AppRunner(faden.application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

        async def by_polling(update: dict[str, Any]) -> None:
            queued = {"network": Network.TELEGRAM, "update_id": update["update_id"], "payload": update}
            await WebchatUpdate.create(**queued, queued_at=system_clock())
            telegram.feed.update_queued()

        async def by_webhook(update: dict[str, Any]) -> None:
            headers = {SECRET_HEADER: SECRET}
            async with session.post(f"http://127.0.0.1:{port}{PATH}", json=update, headers=headers) as answer:
                assert answer.status == HTTPStatus.OK

        await faden.start()
        try:
            async with asyncio.timeout(house.START_SECONDS):
                while not (faden.telegram and faden.telegram.ready):  # noqa: ASYNC110  # no event says so
                    await asyncio.sleep(0.01)
            yield by_polling if mode == "polling" else by_webhook
        finally:
            await runner.cleanup()
            await faden.stop()


async def seconds_behind_the_bad_ones(mode: str) -> float:
    """How long a good update takes that comes right behind those that nobody can handle, one of them in its own chat."""
    chat, other = await house.found_town(2)
    with capture_logs() as logs:
        async with delivering(mode, (chat, other)) as deliver:
            await deliver(handed_in(1, chat))
            await house.quiet(updates=1)
            began = system_clock()
            for bad in (
                {"update_id": 2, "message": {"message_id": "two", "chat": {"id": "nobody"}}},
                {"update_id": 3, "message": "no message at all"},
                {"update_id": 4, "callback_query": {"id": 4, "message": {"chat": []}}},
                written(5, chat, "/defekt"),
            ):
                await deliver(bad)
            await deliver(handed_in(6, other))
            await deliver(handed_in(7, chat))
            await house.quiet(updates=7)
            rows = await InboxUpdate.all().order_by("update_id")
            took = max((row.done_at or began) - began for row in rows).total_seconds()

    parked, done = UpdateState.PARKED, UpdateState.DONE
    assert [row.state for row in rows] == [done, parked, parked, parked, parked, done, done]
    assert [(row.error or "").partition(" ")[0] for row in rows[1:5]] == [*["undecodable"] * 3, "LookupError"]
    assert [line["update_id"] for line in logs if line["log_level"] == "error"] == [2, 3, 4, 5]
    assert await Area.filter(key="half").count() == 0
    assert sorted(await column(AgendaItem.all(), "title")) == [f"Thema Nr {number}" for number in (1, 6, 7)]
    told = await Notice.filter(state=NoticeState.SENT).order_by("id").values_list("chat_id", "template")
    assert [template for to, template in told if to == chat] == [
        "agenda/item_handed_in",
        "general/trouble",
        "agenda/item_handed_in",
    ]
    assert [template for to, template in told if to == other] == ["agenda/item_handed_in"]
    return took


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_updates_that_nobody_can_handle_are_parked_and_hold_nobody_up(mode: str) -> None:
    await seconds_behind_the_bad_ones(mode)


@pytest.mark.crash
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_good_update_behind_bad_ones_is_handled_within_a_second(mode: str, report: Report) -> None:
    took = await seconds_behind_the_bad_ones(mode)

    report(f"the good updates behind four bad ones were done after {took:.2f} s")
    assert house.within(took, 1)


# --- bad weather ------------------------------------------------------------------------------------------------------


@dataclass
class Weather:
    """What the wire does to calls that write into a chat.

    A fifth of the mailing's are throttled, for one to three seconds; a twentieth of all meet a broken server; one in a
    hundred is cut before it takes effect, and another after. `times` bounds how often that happens to one message.
    """

    dice: Random
    times: int
    held: dict[int, datetime] = field(default_factory=dict)
    spoilt: Counter[Message] = field(default_factory=Counter)
    too_early: list[Message] = field(default_factory=list)
    arrived: list[Arrival] = field(default_factory=list)
    cut_after: int = 0
    throttled: int = 0

    def __call__(self, call: Call) -> Fault | None:
        if call.method not in {"sendMessage", "sendDocument"}:
            return None
        chat, text, now = call.integer("chat_id") or 0, call.text("text") or call.text("caption"), system_clock()
        message = Message(chat, house.about(text))
        if now < self.held.get(chat, now):
            self.too_early.append(message)
        fault = self._strikes(call, chat, now) if self.spoilt[message] < self.times else None
        if fault is not None:
            self.spoilt[message] += 1
        if fault is None or fault.cut == "after":
            self.arrived.append(Arrival(message, text, now))
        return fault

    def _strikes(self, call: Call, chat: int, now: datetime) -> Fault | None:
        fate = self.dice.random()
        if fate < 1 / 20:
            return Fault(error=ApiError(HTTPStatus.BAD_GATEWAY, "Bad Gateway"))
        if fate < 1 / 20 + 1 / 100:
            return Fault(cut="before")
        if fate < 1 / 20 + 2 / 100:
            self.cut_after += 1
            return Fault(cut="after")
        if call.method == "sendDocument" and self.dice.random() < 1 / 5:
            seconds = self.dice.randint(1, 3)
            self.held[chat] = now + timedelta(seconds=seconds)
            self.throttled += 1
            return Fault(error=too_many_requests(seconds))
        return None


@dataclass
class Storm:
    """What became of a mailing in bad weather, and of the answers meanwhile."""

    weather: Weather
    invitations: set[Message]
    asked: dict[Message, datetime] = field(default_factory=dict)

    standstills: list[tuple[datetime, datetime]] = field(default_factory=list)

    def seconds_to_answer(self) -> list[float]:
        """Of each answer into a chat that was not held itself, while the machine did not stand still."""
        first = {arrival.message: arrival.at for arrival in reversed(self.weather.arrived)}
        return sorted(
            (first[message] - at).total_seconds()
            for message, at in self.asked.items()
            if self.weather.held.get(message.chat, at) <= at
            if not any(begin <= first[message] and at <= end for begin, end in self.standstills)
        )


@contextmanager
def watching() -> Iterator[list[tuple[datetime, datetime]]]:
    """When the machine stood still: a thread of its own was not woken in time.

    A host that lends its processors to others is no defect; the event loop's own delays do not keep a thread from waking.
    """
    found, over = list[tuple[datetime, datetime]](), threading.Event()

    def watch() -> None:
        last = system_clock()
        while not over.wait(0.05):
            now = system_clock()
            if (now - last).total_seconds() > STANDSTILL_SECONDS:
                found.append((last, now))
            last = now

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


async def weathered(dice: Random, *, members: int, answers: int, times: int) -> Storm:
    """Everybody is invited at once; meanwhile some hand in items, two in a second."""
    clock = DomainClock(system_clock, WORKING_HOUR - system_clock())
    chats = await house.found_town(members)
    await house.invite(chats, 1, now=clock())
    faden = await assemble(
        Settings(web=Address(given_url="https://faden.example.org")),
        key=KEY,
        domain_now=clock,
        machine_now=system_clock,
        stage=Network.TELEGRAM,
    )
    server, weather = faden.deliveries[Network.TELEGRAM].server, Weather(dice, times)
    server.options = replace(server.options, faults=weather)
    storm = Storm(weather, {Message(chat, f"1. {BODY}") for chat in chats})
    await faden.start()
    try:
        for number in range(answers):
            chat = dice.choice(chats)
            storm.asked[Message(chat, f"Thema Nr {number}")] = system_clock()
            await _writes(server, chat, f"/top {BODY}: Thema Nr {number}, Beschluss, 20 min")
            await asyncio.sleep(0.5)
        await house.quiet(updates=answers)
    finally:
        await faden.stop()
    return storm


async def _writes(server: BotServer, chat: int, text: str) -> None:
    """Somebody writes; when it did not go, because the machine stood still for seconds, they write it again."""
    while True:
        try:
            await people.writes(server, User(id=chat, first_name="Mitglied"), chat, text)
        except (db.WorkTookTooLong, OperationalError):
            continue
        return


async def check(storm: Storm) -> None:
    """Nothing is lost but what stands there as uncertain; nothing comes twice but what was cut after its effect.

    What counts is what stands in the chats: a call that Telegram's own database could not keep has arrived nowhere.
    """
    weather = storm.weather
    written = WebchatMessage.filter(sender_id=None, service=None)
    arrived = Counter(
        Message(chat, house.about(text)) for chat, text in await written.values_list("chat__chat_id", "text")
    )
    expected = storm.invitations | storm.asked.keys()
    states = Counter(await column(Notice.all(), "state"))
    assert states.keys() <= {NoticeState.SENT, NoticeState.UNCERTAIN}
    assert arrived.keys() <= expected
    assert len(expected - arrived.keys()) <= states[NoticeState.UNCERTAIN]
    assert arrived.total() - len(arrived) <= weather.cut_after
    assert weather.too_early == []


def _stood_still(standstills: list[tuple[datetime, datetime]]) -> float:
    """Which share of the time from the first standstill to the last; a machine that is not given its processors is slow between, too."""
    if not standstills:
        return 0.0
    still = sum((end - begin).total_seconds() for begin, end in standstills)
    return still / max((standstills[-1][1] - standstills[0][0]).total_seconds(), 60.0)


@pytest.mark.usefixtures("store")
async def test_mailing_in_bad_weather_loses_nothing_and_keeps_the_pauses(dice: Random) -> None:
    storm = await weathered(dice, members=60, answers=6, times=1)

    await check(storm)


@pytest.mark.crash
@pytest.mark.usefixtures("store")
async def test_1000_invitations_in_bad_weather_leave_answers_quick(dice: Random, report: Report) -> None:
    with watching() as standstills:
        storm = await weathered(dice, members=1000, answers=100, times=2)
    storm.standstills = standstills

    seconds = storm.seconds_to_answer()
    p95 = statistics.quantiles(seconds, n=20)[-1]
    weather = storm.weather
    report(
        f"{weather.spoilt.total()} calls spoilt, {weather.throttled} of them throttled; {len(seconds)} answers: "
        f"median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, {len(standstills)} standstills of the machine"
    )
    await check(storm)
    assert house.within(p95, 1 if _stood_still(standstills) < 1 / 20 else 2)
    assert len(seconds) > len(storm.asked) / 2
