import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from telegram import Update
from telegram.ext import ApplicationBuilder, CallbackQueryHandler, ContextTypes, ExtBot, MessageHandler, filters
from telegram.request import BaseRequest, RequestData

from bot import handlers, inbox
from bot.handlers.context import Context, Desk
from bot.handlers.context import Town as TownSettings
from bot.inbox import Inbox
from bot.rules import facts as typed
from bot.rules.facts import Plain
from bot.rules.refusals import NotAMember
from storage.db import transaction, unit_of_work
from storage.models import AgendaItem, Channel, InboxUpdate, Notice, Person
from storage.models import Remembered as Written
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState, UpdateState
from tests.actions import cast
from tests.conftest import Counted

WEBCHAT, TELEGRAM = Network.WEBCHAT, Network.TELEGRAM
MESSAGE, TOAST = NoticeKind.MESSAGE, NoticeKind.TOAST
ANNA, BEN, GROUP = 101, 102, -500

Deed = Callable[[Context], Awaitable[None]]


class Wire(BaseRequest):
    """The network: it knows who the bot is, and nothing else may be asked within a handler."""

    @property
    def read_timeout(self) -> float:
        return 5.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(  # noqa: PLR0917  # the library's signature
        self,
        url: str,
        method: str,  # noqa: ARG002  # the library's signature
        request_data: RequestData | None = None,  # noqa: ARG002  # the library's signature
        read_timeout: object = None,  # noqa: ARG002  # the library's signature
        write_timeout: object = None,  # noqa: ARG002  # the library's signature
        connect_timeout: object = None,  # noqa: ARG002  # the library's signature
        pool_timeout: object = None,  # noqa: ARG002  # the library's signature
    ) -> tuple[int, bytes]:
        assert url.endswith("/getMe")
        me = {"id": 1, "is_bot": True, "first_name": "Faden", "username": "FadenBot"}
        return 200, json.dumps({"ok": True, "result": me}).encode()


@dataclass
class House:
    """An inbox, what its handlers do with which words, what they did, and the answers that were handed over."""

    now: datetime
    deeds: dict[str, Deed] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    handed: list[Notice] = field(default_factory=list)
    desks: dict[Network, Desk] = field(default_factory=dict)
    clock_fails: int = 0
    post_fails: bool = False
    others_begun: Callable[[], Awaitable[None]] | None = None
    log: list[MutableMapping[str, Any]] = field(default_factory=list)

    def open(self) -> Inbox:
        return Inbox(
            applications=self.desks,
            hand_over=self.hand_over,
            domain_now=lambda: self.now,
            machine_now=self.machine_now,
        )

    def machine_now(self) -> datetime:
        if self.clock_fails:
            self.clock_fails -= 1
            raise OSError("no clock")
        return self.now

    async def hand_over(self, notices: Sequence[Notice], others_begun: Callable[[], Awaitable[None]]) -> None:
        self.others_begun = others_begun
        self.handed += notices
        if self.post_fails:
            raise OSError("no post")

    async def handle(self, update: Update, context: Context) -> None:
        query = update.callback_query
        word = query.data if query else update.effective_message.text if update.effective_message else None
        self.done.append(str(word))
        await self.deeds.get(str(word), nothing)(context)

    def answers(self) -> list[tuple[str, NoticeKind]]:
        return [(notice.template, notice.kind) for notice in self.handed]


async def nothing(_context: Context) -> None: ...


@pytest.fixture
async def house(store: str, now: datetime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:  # noqa: ARG001  # the store must be open
    monkeypatch.setattr(inbox, "RETRY_SECONDS", 0)
    monkeypatch.setattr(inbox, "AWAY_SECONDS", 0)
    house = House(now)
    for network in (TELEGRAM, WEBCHAT):
        bot = ExtBot(token="1:invented", request=Wire(), get_updates_request=Wire())
        desk = (
            ApplicationBuilder()
            .application_class(Desk)
            .bot(bot)
            .updater(None)
            .job_queue(None)
            .context_types(ContextTypes(context=Context))
            .build()
        )
        desk.add_handler(CallbackQueryHandler(house.handle))
        desk.add_handler(MessageHandler(filters.ALL, house.handle))
        await desk.initialize()
        house.desks[network] = desk  # type: ignore[assignment]  # the builder does not know its own application class
    with capture_logs() as house.log:
        yield house
    for made in house.desks.values():
        await made.shutdown()


def message(number: int, text: str, chat: int = ANNA, **more: object) -> dict[str, Any]:
    """What somebody wrote, as it comes over the wire."""
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "date": 1_790_000_000,
            "chat": {"id": chat, "type": "private" if chat > 0 else "supergroup", "first_name": "Anna"},
            "from": {"id": abs(chat), "is_bot": False, "first_name": "Anna", "language_code": "de"},
            "text": text,
            **more,
        },
    }


def nested(levels: int) -> list[Any]:
    """A list in a list in a list."""
    outer: list[Any] = []
    for _ in range(levels):
        outer = [outer]
    return outer


def press(number: int, data: str, chat: int = ANNA) -> dict[str, Any]:
    """A button that somebody pressed."""
    below = message(number, "Kommen Sie?", chat)["message"]
    query = {"id": f"q{number}", "from": below["from"], "message": below, "chat_instance": "1", "data": data}
    return {"update_id": number, "callback_query": query}


async def came(house: House, *payloads: dict[str, Any], network: Network = TELEGRAM) -> Inbox:
    """All of it came in and was worked on."""
    inbox = house.open()
    for payload in payloads:
        await inbox.receive(network, payload)
    await inbox.drain()
    return inbox


async def states() -> dict[int, UpdateState]:
    return {row.update_id: row.state for row in await InboxUpdate.all().order_by("id")}


def writing(word: str) -> Deed:
    """Write a row, as actions do."""

    async def write(_context: Context) -> None:
        async with transaction():
            await Written.create(key=word, value={})

    return write


async def written() -> list[str]:
    return [row.key for row in await Written.all().order_by("key")]


# --- what comes in --------------------------------------------------------------------------------------------------


async def test_update_is_a_row_before_it_is_worked_on(house: House) -> None:
    released = asyncio.Event()

    async def hang(_context: Context) -> None:
        await released.wait()

    house.deeds["hallo"] = hang
    inbox = house.open()

    await inbox.receive(TELEGRAM, {**message(7, "hallo"), "poll": {"id": "not ours"}})

    row = await InboxUpdate.get()
    assert (row.network, row.update_id, row.chat_id, row.state) == (TELEGRAM, 7, ANNA, UpdateState.WAITING)
    assert row.payload == message(7, "hallo")
    assert (row.received_at, inbox.busy) == (house.now, True)
    released.set()
    await inbox.drain()


async def test_update_that_was_worked_on_leaves_no_content(house: House) -> None:
    inbox = await came(house, message(7, "hallo"))

    row = await InboxUpdate.get()
    assert (row.state, row.payload, row.done_at, row.error, row.attempts) == (
        UpdateState.DONE,
        None,
        house.now,
        None,
        0,
    )
    assert (house.done, inbox.busy) == (["hallo"], False)


async def test_update_that_is_delivered_again_finds_its_row(house: House) -> None:
    house.deeds["hallo"] = writing("hallo")

    inbox = await came(house, message(7, "hallo"), message(7, "hallo"), message(8, "danke"), message(8, "danke"))
    await inbox.receive(TELEGRAM, message(7, "hallo"))
    await came(house, message(7, "hallo"))

    assert house.done == ["hallo", "danke"]
    assert await states() == {7: UpdateState.DONE, 8: UpdateState.DONE}


async def test_networks_count_their_updates_apart(house: House) -> None:
    await came(house, message(7, "von Telegram"))
    await came(house, message(7, "vom Web-Chat"), network=WEBCHAT)

    assert house.done == ["von Telegram", "vom Web-Chat"]


@pytest.mark.parametrize(
    ("payload", "chat"),
    [
        (message(1, "a", GROUP), GROUP),
        (press(1, "m:7", BEN), BEN),
        ({"update_id": 1, "my_chat_member": {"chat": {"id": 6}}}, 6),
        ({"update_id": 1}, None),
        ({"update_id": 1, "message": "text"}, None),
        ({"update_id": 1, "message": {"chat": {"id": "abc"}}}, None),
        ({"update_id": 1, "message": {"chat": 5}}, None),
        ({"update_id": 1, "callback_query": {"message": {"chat": {}}}}, None),
        ({"update_id": 1, "callback_query": {"inline_message_id": "x"}}, None),
    ],
)
def test_chat_is_read_where_there_is_one(payload: dict[str, Any], chat: int | None) -> None:
    assert inbox._chat_of(payload) == chat  # noqa: SLF001  # what keeps a chat's updates in order


async def test_text_that_no_database_can_hold_is_kept_as_far_as_it_can_be(house: House) -> None:
    await came(house, message(7, "a\0b\ud800c", entities=[{"type": "bold\0", "offset": 0, "length": 1}]))

    assert house.done == ["ab?c"]


@pytest.mark.parametrize(
    "poison",
    [
        {**message(0, "hallo"), "update_id": 2**70},
        {**message(0, "hallo"), "update_id": -(2**70)},
        message(7, "hallo", 2**70),
        message(7, "hallo", date=10**40),
        message(7, "hallo", date=float("inf")),
        message(7, "hallo", entities=nested(60)),
    ],
)
async def test_update_that_no_database_can_hold_is_parked_unread_once(house: House, poison: dict[str, Any]) -> None:
    await came(house, poison, message(8, "nachher"), poison)

    rows = await InboxUpdate.filter(state=UpdateState.PARKED)
    assert house.done == ["nachher"]
    assert [(row.error, row.payload, row.done_at) for row in rows] == [("unreadable", None, house.now)]
    assert [line["event"] for line in house.log] == ["update parked, it cannot be kept"]


@pytest.mark.parametrize(("chat", "theirs"), [(GROUP, True), (ANNA, False)])
async def test_toast_in_a_group_is_for_who_pressed(house: House, chat: int, theirs: bool) -> None:  # noqa: FBT001  # a parameter
    """Who is known, so that post can judge it by their level and not by the group's alone. A refusal tells nothing of anybody."""
    person = await Person.create(key="anna", given_name="Anna", family_name="Beispiel")
    await Channel.create(person=person, network=TELEGRAM, address=str(abs(chat)), linked_at=house.now)

    async def toast(context: Context) -> None:
        await context.speaker()
        context.toast("meetings/answered_toast", {})

    async def refuse(context: Context) -> None:
        await context.speaker()
        raise NotAMember(body=None)

    house.deeds = {"gut": toast, "schlecht": refuse}

    await came(house, press(1, "gut", chat), press(2, "schlecht", chat))

    expected = person.id if theirs else None
    assert [notice.person_id for notice in await Notice.filter(kind=TOAST).order_by("id")] == [expected, None]


# --- order ----------------------------------------------------------------------------------------------------------


async def test_updates_of_a_chat_are_in_order_and_a_handler_that_hangs_delays_only_its_chat(house: House) -> None:
    released, reached = asyncio.Event(), asyncio.Event()

    async def hang(_context: Context) -> None:
        reached.set()
        await released.wait()

    async def go(_context: Context) -> None:
        released.set()

    house.deeds |= {"hängt": hang, "los": go}
    inbox = house.open()
    for number, (text, chat) in enumerate([("hängt", ANNA), ("danach", ANNA), ("zuletzt", ANNA)], start=1):
        await inbox.receive(TELEGRAM, message(number, text, chat))
    await reached.wait()
    for number, text in ((4, "Ben"), (5, "Ben wieder"), (6, "los")):
        await inbox.receive(TELEGRAM, message(number, text, BEN))
    await inbox.drain()

    assert house.done == ["hängt", "Ben", "Ben wieder", "los", "danach", "zuletzt"]


async def test_only_so_many_are_worked_on_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.inbox.PLACES", 2)
    released, two_hang = asyncio.Event(), asyncio.Event()

    async def hang(_context: Context) -> None:
        if len(house.done) == 2:
            two_hang.set()
        await released.wait()

    house.deeds |= {"hängt": hang}
    inbox = house.open()
    for number in range(1, 6):
        await inbox.receive(TELEGRAM, message(number, "hängt", ANNA + number))
    await two_hang.wait()
    for _ in range(50):  # nothing tells that a third would have begun by now
        await asyncio.sleep(0)
    begun = len(house.done)
    released.set()
    await inbox.drain()

    assert (begun, len(house.done)) == (2, 5)


@dataclass
class Crowd:
    """Handlers that hang until they are `released`; how many of them have begun."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def hang(self, _context: Context) -> None:
        self.begun += 1
        await self.released.wait()

    async def gathers(self, inbox: Inbox, updates: int, begun: int) -> None:
        """So many updates of different chats come in, of which so many find a place."""
        for number in range(updates):
            await inbox.receive(TELEGRAM, message(100 + number, "hängt", BEN + number))
        while self.begun < begun:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0)


@pytest.fixture
def crowd(house: House, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr("bot.inbox.PLACES", 2)
    crowd = Crowd()
    house.deeds |= {"hängt": crowd.hang}
    return crowd


async def test_others_are_waited_for_while_one_of_them_has_no_place(house: House, crowd: Crowd) -> None:
    inbox = await came(house, press(1, "gedrückt"))
    assert house.others_begun is not None
    await asyncio.wait_for(house.others_begun(), 1)  # nobody is there

    await crowd.gathers(inbox, updates=3, begun=2)
    waiting = asyncio.ensure_future(house.others_begun())
    _, not_yet = await asyncio.wait([waiting], timeout=0.01)
    crowd.released.set()
    await asyncio.wait_for(waiting, 1)
    await inbox.drain()

    assert not_yet == {waiting}


async def test_handler_that_hangs_in_its_own_place_is_not_waited_for(house: House, crowd: Crowd) -> None:
    inbox = await came(house, press(1, "gedrückt"))
    assert house.others_begun is not None

    await crowd.gathers(inbox, updates=2, begun=2)
    await asyncio.wait_for(house.others_begun(), 1)  # of the three that it would wait for at most
    hanging = not crowd.released.is_set()
    crowd.released.set()
    await inbox.drain()

    assert hanging


async def test_others_are_not_waited_for_without_end(
    house: House, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.inbox.OTHERS_SECONDS", 0.01)
    inbox = await came(house, press(1, "gedrückt"))
    assert house.others_begun is not None

    await crowd.gathers(inbox, updates=3, begun=2)
    await asyncio.wait_for(house.others_begun(), 2)
    hanging = not crowd.released.is_set()
    crowd.released.set()
    await inbox.drain()

    assert hanging


async def test_same_chat_number_on_two_networks_is_two_chats(house: House) -> None:
    released = asyncio.Event()

    async def hang(_context: Context) -> None:
        await released.wait()

    async def go(_context: Context) -> None:
        released.set()

    house.deeds |= {"hängt": hang, "los": go}
    inbox = house.open()
    await inbox.receive(TELEGRAM, message(1, "hängt"))
    await inbox.receive(WEBCHAT, message(1, "los"))
    await inbox.drain()

    assert await InboxUpdate.filter(state=UpdateState.DONE).count() == 2


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def test_update_that_cannot_be_decoded_is_parked_with_a_code_and_the_next_one_handled(house: House) -> None:
    broken = {"update_id": 2, "message": {"chat": {"id": ANNA}}}

    await came(house, message(1, "vorher"), broken, message(3, "nachher"))

    row, told = await InboxUpdate.get(update_id=2), await Notice.get()
    code = typed.decode(told.facts)["code"]
    assert house.done == ["vorher", "nachher"]
    assert (row.state, row.error, row.payload) == (UpdateState.PARKED, f"undecodable {code}", broken)
    assert (house.answers(), told.chat_id) == ([("general/trouble", MESSAGE)], ANNA)


async def test_press_that_cannot_be_decoded_is_answered_all_the_same(house: House) -> None:
    broken = press(1, "m:7")
    broken["callback_query"]["from"] = {"id": ANNA}

    await came(house, broken)

    toast, message_ = house.handed
    assert (toast.kind, toast.target_id, message_.template) == (NoticeKind.TOAST, "q1", "general/trouble")


@pytest.mark.parametrize("chat", [{}, {"chat": {"id": GROUP}}])
async def test_what_cannot_be_decoded_of_nobody_or_of_a_group_is_parked_in_silence(
    house: House, chat: dict[str, Any]
) -> None:
    await came(house, {"update_id": 2, "message": chat})

    assert (await states(), house.handed) == ({2: UpdateState.PARKED}, [])


async def test_failures_are_counted_no_further_than_they_matter_while_nothing_can_be_parked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_context: Context) -> None:
        raise ZeroDivisionError

    park, times = Inbox._park, iter(range(4))  # noqa: SLF001  # what is to fail

    async def full(self: Inbox, row: InboxUpdate, error: str) -> None:
        if next(times, None) is not None:
            raise OSError("disk full")
        await park(self, row, error)

    monkeypatch.setattr(Inbox, "_park", full)
    monkeypatch.setattr(Inbox, "_done", full)
    house.deeds["kaputt"] = fail

    await came(house, message(1, "kaputt"))

    row = await InboxUpdate.get()
    assert (row.state, row.attempts) == (UpdateState.PARKED, 3)
    assert [line["event"] for line in house.log].count("update parked") == 1


async def test_update_that_always_fails_is_parked_after_three_attempts_and_the_person_gets_a_code(house: House) -> None:
    async def fail(context: Context) -> None:
        await writing("halb")(context)
        context.reply("general/menu")
        raise ZeroDivisionError

    house.deeds["kaputt"] = fail

    await came(house, message(1, "kaputt"), message(2, "nachher"))

    row = await InboxUpdate.get(update_id=1)
    told = await Notice.get()
    code = typed.decode(told.facts)["code"]
    assert house.done == ["kaputt", "kaputt", "kaputt", "nachher"]
    assert (row.state, row.attempts, row.error) == (UpdateState.PARKED, 3, f"ZeroDivisionError {code}")
    assert row.payload == message(1, "kaputt")
    assert (told.template, told.chat_id, type(code), len(code)) == ("general/trouble", ANNA, Plain, 6)
    assert (await written(), house.answers()) == ([], [("general/trouble", MESSAGE)])
    assert [(line["event"], line.get("code")) for line in house.log] == [
        ("update failed, again", None),
        ("update failed, again", None),
        ("update parked", code),
    ]


async def test_update_whose_database_was_away_is_handled_once_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(5))

    async def away_at_first(work: Callable[[], Awaitable[Any]]) -> object:
        if next(times, None) is not None:
            raise OSError("the database is away")
        return await unit_of_work(work)

    house.deeds["Thema"] = writing("Thema")
    monkeypatch.setattr(inbox, "unit_of_work", away_at_first)

    await came(house, message(1, "Thema"))

    row = await InboxUpdate.get(update_id=1)
    assert (row.state, row.error) == (UpdateState.DONE, None)
    assert await written() == ["Thema"]


async def test_handler_that_raises_after_its_first_write_leaves_nothing_half(house: House) -> None:
    failures = iter([ZeroDivisionError, ZeroDivisionError])

    async def fail_at_first(context: Context) -> None:
        await writing("ganz")(context)
        context.reply("general/menu")
        if failure := next(failures, None):
            raise failure

    house.deeds["wackelt"] = fail_at_first

    await came(house, message(1, "wackelt"))

    row = await InboxUpdate.get()
    assert (await written(), house.answers()) == (["ganz"], [("general/menu", MESSAGE)])
    assert (row.state, row.attempts, row.error) == (UpdateState.DONE, 2, None)


async def test_refusal_answers_a_text_with_a_message_and_keeps_nothing_else(house: House) -> None:
    async def refuse(context: Context) -> None:
        await writing("halb")(context)
        context.reply("general/menu")
        raise NotAMember(body=Plain("TK"))

    house.deeds["verboten"] = refuse

    await came(house, message(1, "verboten"))

    told = await Notice.get()
    assert (house.answers(), typed.decode(told.facts)) == (
        [("refusals/not_a_member", MESSAGE)],
        {"body": "TK", "language": "de"},
    )
    assert (await written(), await states(), house.done) == ([], {1: UpdateState.DONE}, ["verboten"])


async def test_refusal_answers_a_press_with_a_toast(house: House) -> None:
    async def refuse(_context: Context) -> None:
        raise NotAMember(body=None)

    house.deeds["m:7"] = refuse

    await came(house, press(1, "m:7"))

    told = await Notice.get()
    assert (told.template, told.kind, told.target_id) == ("refusals/not_a_member", TOAST, "q1")


async def test_refusal_that_cannot_be_told_is_a_failure(house: House) -> None:
    async def refuse(_context: Context) -> None:
        raise NotAMember(body=object())

    house.deeds["verboten"] = refuse

    await came(house, message(1, "verboten"), message(2, "nachher"))

    assert house.answers() == [("general/trouble", MESSAGE)]
    assert await states() == {1: UpdateState.PARKED, 2: UpdateState.DONE}


@pytest.mark.parametrize("deed", ["fail", "refuse"])
async def test_update_whose_apology_cannot_be_written_is_parked_and_the_chat_goes_on(house: House, deed: str) -> None:
    """A topic that no column holds, in a row of long ago: whatever is answered there cannot be written."""

    async def fail(_context: Context) -> None:
        raise ZeroDivisionError

    async def refuse(_context: Context) -> None:
        raise NotAMember(body=Plain("TK"))

    house.deeds |= {"fail": fail, "refuse": refuse}
    poison = message(1, deed, GROUP, message_thread_id=2**70, is_topic_message=True)
    await InboxUpdate.create(network=TELEGRAM, update_id=1, chat_id=GROUP, payload=poison, received_at=house.now)
    inbox = house.open()
    await inbox.resume(TELEGRAM)
    await inbox.receive(TELEGRAM, message(2, "nachher", GROUP))

    await inbox.drain()

    row = await InboxUpdate.get(update_id=1)
    assert (house.done, await states()) == ([*[deed] * 3, "nachher"], {1: UpdateState.PARKED, 2: UpdateState.DONE})
    assert (row.attempts, row.payload, await Notice.all().count()) == (3, poison, 0)
    assert [line["event"] for line in house.log if line["log_level"] == "error"] == [
        "apology cannot be written",
        "update parked",
    ]


async def test_update_that_somebody_else_settled_while_it_failed_gets_no_apology(house: House) -> None:
    async def overtaken(_context: Context) -> None:
        async with transaction():
            await InboxUpdate.all().update(state=UpdateState.DONE)
        raise ZeroDivisionError

    house.deeds["hallo"] = overtaken
    inbox = house.open()
    await inbox.receive(TELEGRAM, message(1, "hallo"))
    await InboxUpdate.all().update(state=UpdateState.DONE)

    await inbox.drain()

    assert (house.answers(), house.done) == ([], ["hallo"] * 3)


async def test_update_that_somebody_else_settled_meanwhile_is_left_alone(house: House) -> None:
    async def overtaken(context: Context) -> None:
        await writing("doppelt")(context)
        context.reply("general/menu")
        async with transaction():
            await InboxUpdate.all().update(state=UpdateState.DONE)

    house.deeds["hallo"] = overtaken
    inbox = house.open()
    await inbox.receive(TELEGRAM, message(1, "hallo"))
    await InboxUpdate.all().update(state=UpdateState.DONE)

    await inbox.drain()

    assert (await written(), house.answers(), house.done) == ([], [], ["hallo"])


async def test_what_cannot_be_settled_now_is_settled_later(house: House) -> None:
    inbox = house.open()
    await inbox.receive(TELEGRAM, {"update_id": 1, "message": {"chat": {"id": ANNA}}})
    await inbox.receive(TELEGRAM, message(2, "nachher"))
    house.clock_fails = 2

    await inbox.drain()

    assert await states() == {1: UpdateState.PARKED, 2: UpdateState.DONE}


async def test_answers_that_the_post_does_not_take_are_not_given_twice(house: House) -> None:
    async def answer(context: Context) -> None:
        await writing("einmal")(context)
        context.reply("general/menu")

    house.deeds["hallo"] = answer
    house.post_fails = True

    await came(house, message(1, "hallo"), message(2, "nachher"))

    assert await written() == ["einmal"]
    assert [(row.template, row.state) for row in await Notice.all()] == [("general/menu", NoticeState.SENDING)]
    assert await states() == {1: UpdateState.DONE, 2: UpdateState.DONE}


# --- answers --------------------------------------------------------------------------------------------------------


async def test_answers_are_rows_leased_to_the_post_in_their_order(house: House) -> None:
    async def answer(context: Context) -> None:
        context.reply("general/help", {"title": typed.Title("82. TK")})
        context.reply("general/menu")

    house.deeds["hallo"] = answer

    await came(house, message(1, "hallo", GROUP, message_thread_id=4, is_topic_message=True))

    rows = await Notice.all().order_by("id")
    assert [row.key for row in rows] == ["answer:telegram:1:0", "answer:telegram:1:1"]
    assert [row.template for row in house.handed] == ["general/help", "general/menu"]
    for row in rows:
        assert (row.network, row.chat_id, row.thread_id, row.lane) == (TELEGRAM, GROUP, 4, Lane.ANSWER)
        assert (row.state, row.held_until, row.due_at) == (
            NoticeState.SENDING,
            house.now + timedelta(seconds=60),
            house.now,
        )
    assert rows[0].facts == {"title": {"$": ["Title", "82. TK"]}}


async def test_answer_to_a_reply_in_a_supergroup_without_topics_has_no_thread(house: House) -> None:
    async def answer(context: Context) -> None:
        context.reply("general/menu")

    house.deeds["hallo"] = answer

    await came(house, message(1, "hallo", GROUP, message_thread_id=4))

    assert [notice.thread_id for notice in house.handed] == [None]


async def test_every_press_is_answered_exactly_once(house: House) -> None:
    async def toast(context: Context) -> None:
        context.toast("agenda/item_accepted_toast")
        context.show("agenda/item")

    async def show(context: Context) -> None:
        context.show("general/menu")

    async def fail(_context: Context) -> None:
        raise ZeroDivisionError

    house.deeds |= {"toast": toast, "show": show, "fail": fail}

    await came(
        house, *(press(number, data) for number, data in enumerate(["toast", "show", "nichts", "fail"], start=1))
    )

    toasts = [(row.target_id, row.template) for row in await Notice.filter(kind=TOAST).order_by("id")]
    assert toasts == [("q1", "agenda/item_accepted_toast"), ("q2", ""), ("q3", ""), ("q4", "")]
    edits = [(row.target_id, row.template) for row in await Notice.filter(kind=NoticeKind.EDIT).order_by("id")]
    assert edits == [("1", "agenda/item"), ("2", "general/menu")]


async def test_turn_says_who_speaks_when_and_in_which_language(house: House) -> None:
    turns = []

    async def look(context: Context) -> None:
        turns.append(context.turn)

    house.deeds |= {"hallo": look, "m:7": look}

    await came(house, message(1, "hallo"), press(2, "m:7"))

    assert [(turn.network, turn.update_id, turn.chat_id) for turn in turns] == [
        (TELEGRAM, 1, ANNA),
        (TELEGRAM, 2, ANNA),
    ]
    assert [(turn.now, turn.language, turn.callback_id) for turn in turns] == [
        (house.now, "de", None),
        (house.now, "de", "q2"),
    ]


# --- stop and start -------------------------------------------------------------------------------------------------


async def test_stop_finishes_what_is_under_way_and_leaves_the_rest_as_rows(house: House) -> None:
    reached, released = asyncio.Event(), asyncio.Event()

    async def hang(_context: Context) -> None:
        reached.set()
        await released.wait()

    house.deeds["unterwegs"] = hang
    stopping = house.open()
    for number, text in ((1, "unterwegs"), (2, "wartet"), (3, "wartet auch")):
        await stopping.receive(TELEGRAM, message(number, text))
    await reached.wait()

    stop = asyncio.create_task(stopping.stop())
    await asyncio.sleep(0)
    released.set()
    await stop

    assert await states() == {1: UpdateState.DONE, 2: UpdateState.WAITING, 3: UpdateState.WAITING}


async def test_stop_does_not_wait_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "STOP_SECONDS", 0)
    reached, released = asyncio.Event(), asyncio.Event()

    async def hang(_context: Context) -> None:
        reached.set()
        await released.wait()

    house.deeds["hängt"] = hang
    stopping = house.open()
    await stopping.receive(TELEGRAM, message(1, "hängt"))
    await reached.wait()

    await stopping.stop()

    assert (stopping.busy, await states()) == (False, {1: UpdateState.WAITING})
    released.set()


async def test_stop_of_an_idle_inbox_is_nothing(house: House) -> None:
    await house.open().stop()


async def test_update_that_a_crash_left_is_taken_up_when_it_is_delivered_again(house: House) -> None:
    await InboxUpdate.create(
        network=TELEGRAM, update_id=1, chat_id=ANNA, payload=message(1, "hallo"), received_at=house.now
    )

    await came(house, message(1, "hallo"))

    assert (house.done, await states()) == (["hallo"], {1: UpdateState.DONE})


async def test_resume_takes_up_in_order_what_a_crash_left(house: House) -> None:
    house.deeds["war dran"] = writing("war dran")
    for number, text in ((1, "war dran"), (2, "wartet")):
        await InboxUpdate.create(
            network=TELEGRAM, update_id=number, chat_id=ANNA, payload=message(number, text), received_at=house.now
        )
    await InboxUpdate.create(
        network=WEBCHAT, update_id=1, chat_id=ANNA, payload=message(1, "später"), received_at=house.now
    )
    inbox = house.open()

    await inbox.resume(TELEGRAM)
    await inbox.resume(TELEGRAM)
    await inbox.receive(TELEGRAM, message(2, "wartet"))
    await inbox.drain()

    assert (house.done, await written()) == (["war dran", "wartet"], ["war dran"])
    assert await InboxUpdate.filter(state=UpdateState.WAITING).count() == 1


async def left_over(house: House, *numbers_and_attempts: tuple[int, int]) -> None:
    """Updates of as many chats that were kept and not finished before the process ended."""
    for number, attempts in numbers_and_attempts:
        text, chat = f"text {number}", ANNA + number
        payload = message(number, text, chat)
        await InboxUpdate.create(
            network=TELEGRAM,
            update_id=number,
            chat_id=chat,
            payload=payload,
            received_at=house.now,
            attempts=attempts,
        )


async def attempts() -> dict[int, int]:
    return {row.update_id: row.attempts for row in await InboxUpdate.all().order_by("id")}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not get through the last two starts is worked on without a pause."""
    monkeypatch.setattr("bot.inbox.SUSPECT_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_update_that_ends_the_process_is_parked_after_three_starts(house: House) -> None:
    await left_over(house, (1, 0))
    ended, begun = asyncio.Event(), asyncio.Semaphore(0)
    seen = []

    async def never_end(_context: Context) -> None:
        seen.append(await attempts())
        begun.release()
        await ended.wait()

    house.deeds["text 1"] = never_end
    lives = [house.open(), house.open()]
    for life in lives:  # the first of the three starts was when it came
        await life.resume(TELEGRAM)
        await begun.acquire()

    inbox = house.open()
    await inbox.resume(TELEGRAM)
    await inbox.receive(TELEGRAM, message(2, "danach", ANNA + 1))
    await inbox.drain()

    assert (seen, house.done) == ([{1: 1}, {1: 2}], ["text 1", "text 1", "danach"])
    parked = await InboxUpdate.get(update_id=1)
    assert (parked.state, str(parked.error).split()[0]) == (UpdateState.PARKED, "EndedTheProcess")
    assert house.answers() == [("general/trouble", MESSAGE)]
    ended.set()
    for life in lives:
        await life.drain()


async def test_update_is_not_blamed_for_a_machine_that_keeps_going_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.inbox.SUSPECT_SECONDS", 3600.0)
    monkeypatch.setattr("bot.inbox.STOP_SECONDS", 0.0)
    await left_over(house, (1, 1), (2, 0))

    for _ in range(3):
        inbox = house.open()
        await inbox.resume(TELEGRAM)
        await inbox.receive(TELEGRAM, message(3, "danach", ANNA + 2))
        while len(house.done) < 2:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0)
        await inbox.stop()

    assert (await attempts())[1] == 1
    assert await states() == {1: UpdateState.WAITING, 2: UpdateState.DONE, 3: UpdateState.DONE}


@pytest.mark.usefixtures("at_once")
async def test_update_that_did_not_end_the_process_is_not_blamed(house: House) -> None:
    await left_over(house, (1, 1), (2, 1), (3, 0))
    seen = []

    async def look(_context: Context) -> None:
        seen.append(await attempts())

    house.deeds["text 1"] = look

    inbox = house.open()
    await inbox.resume(TELEGRAM)
    await inbox.drain()

    assert [{1: counted[1], 2: counted[2]} for counted in seen] == [{1: 2, 2: 1}]
    assert await states() == dict.fromkeys((1, 2, 3), UpdateState.DONE)


async def test_update_that_comes_is_not_counted_before_it_is_worked_on(house: House) -> None:
    seen = []

    async def look(_context: Context) -> None:
        seen.append(await attempts())

    house.deeds["hallo"] = look

    await came(house, message(1, "hallo"))

    assert seen == [{1: 0}]


# --- what it costs --------------------------------------------------------------------------------------------------


async def test_item_in_one_line_costs_few_statements_and_commits(
    store: str,  # noqa: ARG001  # it must be open
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
) -> None:
    town = await cast.arrive()
    await Channel.create(person=town.ben, network=TELEGRAM, address=str(BEN), linked_at=now)
    settings = TownSettings(
        zone="Europe/Berlin",
        land="NW",
        host="faden.example",
        area_label="Sozialraum",
        mailbox="m@x.example",
        key=b"k" * 32,
    )
    desk = handlers.application(ExtBot(token="1:invented", request=Wire(), get_updates_request=Wire()), settings)
    await desk.initialize()
    house = House(now, desks={TELEGRAM: desk})
    inbox = house.open()
    command = [{"type": "bot_command", "offset": 0, "length": 4}]

    with statements() as counted:
        await inbox.receive(TELEGRAM, message(1, "/top TK: Kinderbauernhof, Beschluss, 20 min", BEN, entities=command))
        await inbox.drain()

    await desk.shutdown()
    assert [item.title for item in await AgendaItem.all()] == ["Kinderbauernhof"]
    assert house.answers() == [("agenda/item_handed_in", MESSAGE)]
    assert (len(counted.statements) <= 13, counted.commits <= 3) == (True, True), "\n".join(counted.statements)
