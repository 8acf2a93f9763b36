"""A notice's whole way: from the row over the wire and back to the row."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest
from telegram.error import NetworkError, TimedOut

from bot.actions import notices
from bot.actions.notices import Draft
from bot.post import Post, dispatch, outbox
from bot.rules.facts import AnswerLink, FeedLink, JoinLink, OneTimeLink, PersonName, Place, Plain, Text, Title
from bot.rules.pacing import GROUP, Pacer
from storage import db
from storage.models import Attendance, Body, Channel, Document, GroupChat, Meeting, Notice, Person
from storage.vocabulary import (
    ChannelState,
    Lane,
    MeetingFormat,
    MeetingState,
    Network,
    NoticeKind,
    NoticeState,
)
from tests.conftest import Counted
from tests.post.conftest import Call, Clock, Office, Refusal, body, channel, organisation, person, queue, seat

SECOND = timedelta(seconds=1)
TELEGRAM, WEBCHAT = Network.TELEGRAM, Network.WEBCHAT
Statements = Callable[[], AbstractContextManager[Counted]]


@pytest.fixture
async def nora(store: str) -> Person:  # noqa: ARG001  # the store is open meanwhile
    """Nora, who has a seat in the TK (level 3) and is on Telegram as 101."""
    somebody = await person()
    await channel(somebody, TELEGRAM, "101", preferred=True)
    return somebody


@pytest.fixture
async def tk(nora: Person) -> Body:
    there = await body(level=3)
    await seat(nora, there)
    return there


def to(who: Person, key: str = "k", **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    values = {
        "key": key,
        "template": "code",
        "facts": {"code": Plain(key)},
        "due_at": datetime(2026, 11, 18, tzinfo=UTC),
    }
    return Draft(**{**values, "person": who.id, **more})


def chat(key: str = "k", chat_id: int = 101, **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    values = {
        "key": key,
        "template": "code",
        "facts": {"code": Plain(key)},
        "due_at": datetime(2026, 11, 18, tzinfo=UTC),
    }
    return Draft(**{**values, "network": TELEGRAM, "chat_id": chat_id, **more})


async def sent(office: Office, *drafts: Draft, post: Post | None = None) -> list[Notice]:
    """Queue, send all that is due, and give the rows."""
    rows = await queue(*drafts, now=office.clock.now)
    await (post or office.open()).drain()
    for row in rows:
        await row.refresh_from_db()
    return rows


def codes(calls: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Chats and the codes in what `trouble` says."""
    return [(where, text.partition("<code>")[2].partition("</code>")[0]) for where, text in calls]


# --- where to ---------------------------------------------------------------------------------------------------------


async def test_notice_goes_to_the_preferred_channel_and_the_row_says_where(office: Office, nora: Person) -> None:
    await channel(nora, WEBCHAT, "1")

    (row,) = await sent(office, to(nora))

    assert codes(office.telegram.said()) == [(101, "k")]
    assert office.webchat.calls == []
    assert (row.state, row.network, row.chat_id, row.message_id) == (NoticeState.SENT, TELEGRAM, 101, 101)
    assert row.sent_at == office.clock.now


async def test_notice_falls_back_when_the_person_has_blocked_the_bot(office: Office, nora: Person) -> None:
    await channel(nora, WEBCHAT, "1")
    office.telegram.script = lambda _: Refusal(403, "Forbidden: bot was blocked by the user")

    (row,) = await sent(office, to(nora))

    assert codes(office.webchat.said()) == [(1, "k")]
    assert (row.state, row.network) == (NoticeState.SENT, WEBCHAT)
    assert (await Channel.get(person=nora, network=TELEGRAM)).state is ChannelState.BLOCKED


async def test_notice_to_somebody_without_any_channel_is_dead(office: Office, nora: Person) -> None:
    office.telegram.script = lambda _: Refusal(400, "Bad Request: chat not found")

    (row,) = await sent(office, to(nora))

    assert (row.state, row.error) == (NoticeState.DEAD, "unreachable")


async def test_notice_does_not_take_a_network_that_is_not_there(office: Office, nora: Person) -> None:
    await channel(nora, WEBCHAT, "1")
    del office.bots[TELEGRAM]

    await sent(office, to(nora))

    assert codes(office.webchat.said()) == [(1, "k")]


async def test_notice_to_somebody_who_left_is_dropped(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(left_at=office.clock.now)

    (row,) = await sent(office, to(nora))

    assert (row.state, row.error, office.telegram.calls) == (NoticeState.DROPPED, "left", [])


async def test_notice_about_a_body_reaches_only_who_has_a_seat_there_today(
    office: Office, nora: Person, tk: Body
) -> None:
    other = await body("RLK", level=3)
    await seat(nora, other, ends_on=date(2026, 11, 17))

    here, there = await sent(office, to(nora, "a", body=tk.id), to(nora, "b", body=other.id))

    assert here.state is NoticeState.SENT
    assert (there.state, there.error) == (NoticeState.DROPPED, "no seat")


async def test_notice_about_a_meeting_reaches_deputies_without_a_seat_but_not_who_was_invited_once(
    office: Office, nora: Person
) -> None:
    rlk = await body("RLK", level=3)
    as_deputy, as_member = await a_meeting(rlk), await a_meeting(rlk, uid="u2")
    await Attendance.create(meeting=as_deputy, person=nora, deputy_for=await person("Mila"))
    await Attendance.create(meeting=as_member, person=nora)

    deputy, member, nobody = await sent(
        office,
        to(nora, "a", body=rlk.id, about=f"meeting:{as_deputy.id}"),
        to(nora, "b", body=rlk.id, about=f"meeting:{as_member.id}"),
        to(nora, "c", body=rlk.id, about="meeting:0"),
    )

    assert (deputy.state, member.error, nobody.error) == (NoticeState.SENT, "no seat", "no seat")


async def a_meeting(where: Body, uid: str = "u1") -> Meeting:
    starts = datetime(2026, 12, 3, 13, 30, tzinfo=UTC)
    return await Meeting.create(
        body=where, title="82. Sitzung", state=MeetingState.INVITED, format=MeetingFormat.PRESENCE,
        starts_local="2026-12-03T14:30", zone="Europe/Berlin", minutes=90, starts_at=starts,
        ends_at=starts + timedelta(minutes=90), uid=uid, created_at=starts, changed_at=starts,
    )  # fmt: skip


async def test_group_that_became_a_supergroup_gets_it_there(office: Office, tk: Body) -> None:
    group = await GroupChat.create(body=tk, network=TELEGRAM, chat_id=-5, linked_at=office.clock.now)
    office.telegram.script = lambda call: (
        Refusal(400, "upgraded", {"migrate_to_chat_id": -1005}) if call.params["chat_id"] == -5 else None
    )

    (row,) = await sent(office, chat(chat_id=-5, body=tk.id))

    await group.refresh_from_db()
    assert codes(office.telegram.said()) == [(-5, "k"), (-1005, "k")]
    assert (row.state, row.chat_id, group.chat_id) == (NoticeState.SENT, -1005, -1005)


async def test_chat_that_never_stops_moving_is_given_up(office: Office) -> None:
    office.telegram.script = lambda call: Refusal(400, "up", {"migrate_to_chat_id": call.params["chat_id"] - 1})

    (row,) = await sent(office, chat(chat_id=-5))

    assert (row.state, len(office.telegram.calls)) == (NoticeState.DEAD, 4)


async def test_group_that_threw_the_bot_out_is_dead(office: Office) -> None:
    office.telegram.script = lambda _: Refusal(403, "Forbidden: bot was kicked from the group chat")

    (row,) = await sent(office, chat(chat_id=-5))

    assert (row.state, row.error) == (NoticeState.DEAD, "blocked")


async def test_answer_to_somebody_who_has_blocked_the_bot_closes_the_channel(office: Office, nora: Person) -> None:
    office.telegram.script = lambda _: Refusal(403, "Forbidden: bot was blocked by the user")

    await sent(office, chat(lane=Lane.ANSWER))

    assert (await Channel.get(person=nora)).state is ChannelState.BLOCKED


# --- in which words ---------------------------------------------------------------------------------------------------


async def test_notice_speaks_the_language_of_its_reader(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(language="en")
    await sent(office, to(nora))

    assert office.telegram.said() == [(101, "en <code>k</code>")]


async def test_answer_in_a_private_chat_finds_its_reader_by_the_channel(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(language="en")

    await sent(office, chat(lane=Lane.ANSWER))

    assert office.telegram.said() == [(101, "en <code>k</code>")]


async def test_stranger_hears_the_language_that_the_facts_tell(office: Office) -> None:
    await sent(office, chat(chat_id=999, facts={"code": Plain("k"), "language": "en-GB"}))

    assert office.telegram.said() == [(999, "en <code>k</code>")]


async def test_links_are_made_at_the_moment_of_sending_for_the_reader(office: Office, nora: Person, tk: Body) -> None:
    (row,) = await sent(office, to(nora, body=tk.id, facts={"code": FeedLink(3)}))

    assert codes(office.telegram.said()) == [(101, f"https://faden.example/feed/{nora.id}-3")]
    assert row.facts == {"code": {"$": ["FeedLink", 3]}}


async def test_links_in_lists_are_made_too_and_start_links_lead_to_the_readers_own_chat(
    office: Office, nora: Person, tk: Body
) -> None:
    await channel(nora, WEBCHAT, "1")
    facts = {"links": [FeedLink(1), AnswerLink(2), OneTimeLink("sign_in")]}

    await sent(office, to(nora, "a", body=tk.id, template="links", facts=facts))
    await Person.filter(id=nora.id).update(level=0)
    await sent(office, to(nora, "b", body=tk.id, template="links", facts=facts))

    calls = [office.telegram.calls[0].params, office.webchat.calls[0].params]
    first = [f"feed/{nora.id}-1", f"antwort/{nora.id}-2", f"anmelden/{nora.id}-1"]
    assert calls[0]["text"].split() == [f"https://faden.example/{path}" for path in first]
    assert [call["reply_markup"]["inline_keyboard"][0][0]["url"] for call in calls] == [
        "https://t.me/FadenBot?start=top-7",
        "https://faden.example/chat?start=top-7",
    ]


async def test_link_for_nobody_in_particular_is_never_sent(office: Office) -> None:
    (row,) = await sent(office, chat(chat_id=-5, facts={"code": FeedLink(3)}))

    assert (row.state, row.error, office.telegram.calls) == (NoticeState.DEAD, "NoReader", [])


async def test_template_that_fails_kills_the_notice_and_nothing_else(office: Office) -> None:
    bad, empty, good = await sent(office, chat("bad", 1, facts={}), chat("empty", 2, template="blank"), chat("good", 3))

    assert (bad.state, bad.error) == (NoticeState.DEAD, "UndefinedError")
    assert (empty.state, empty.error) == (NoticeState.DEAD, "empty")
    assert good.state is NoticeState.SENT


@pytest.mark.parametrize(
    "error",
    [db.WorkTookTooLong(), asyncpg.AdminShutdownError("the operator ends it"), asyncpg.InterfaceError("it is closed")],
)
async def test_notice_waits_when_the_store_fails_it(
    error: Exception, office: Office, nora: Person, tk: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_link: OneTimeLink, _person: int) -> str:
        raise error

    monkeypatch.setattr(office, "one_time", failing)

    (row,) = await sent(office, to(nora, body=tk.id, facts={"code": OneTimeLink("sign_in")}))

    assert (row.state, row.error, row.held_until) == (NoticeState.WAITING, "store", office.clock.now + 2 * SECOND)


# --- privacy levels ---------------------------------------------------------------------------------------------------

SECRETS: dict[str, Any] = {
    "meeting": {
        "id": 7,
        "title": Title("SECRET-title"),
        "place": Place("SECRET-place"),
        "join_link": JoinLink("https://SECRET-link.example"),
    },
    "entries": [{"level": 0, "title": Title("SECRET-folded")}],
    "document": {"type": Plain("stored"), "id": 1},
    "who": PersonName("SECRET-who"),
    "text": Text("SECRET-text"),
}
EVERYTHING = {"title", "place", "link", "who", "text", "file"}


async def paper(who: Person) -> None:
    await Document.create(
        id=1, name="SECRET-file.pdf", mime="application/pdf", size=4, content=b"%PDF", uploaded_by=who,
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip


def secrets(calls: list[Call]) -> set[str]:
    everything = repr(calls)
    return {word for word in (*EVERYTHING, "folded") if f"SECRET-{word}" in everything}


@pytest.mark.parametrize(("level", "told"), [(0, set()), (1, set()), (2, {"title", "place"}), (3, EVERYTHING)])
async def test_level_of_the_body_bounds_what_telegram_carries(
    office: Office, nora: Person, level: int, told: set[str]
) -> None:
    there = await body(level=level)
    await seat(nora, there)
    await paper(nora)

    await sent(office, to(nora, body=there.id, template="secrets", facts=SECRETS))

    assert secrets(office.telegram.calls) == told
    assert bool(office.telegram.calls) == (level > 0)


async def test_level_1_is_a_nudge_with_a_link(office: Office, nora: Person, tk: Body) -> None:
    await Person.filter(id=nora.id).update(level=1)

    await sent(office, to(nora, body=tk.id, template="secrets", facts=SECRETS))

    (call,) = office.telegram.calls
    assert call.params["text"] == "Neues in einem Ihrer Gremien"
    assert call.params["reply_markup"] == {
        "inline_keyboard": [[{"text": "Ansehen", "url": "https://faden.example/chat"}]]
    }


async def test_level_of_the_organisation_bounds_it_too(office: Office) -> None:
    mila, there = await person("Mila"), await body(level=3)
    await channel(mila, TELEGRAM, "102")
    await seat(mila, there, organisation=await organisation("church", level=1))

    await sent(office, to(mila, body=there.id))

    assert office.telegram.said() == [(102, "Neues in einem Ihrer Gremien")]


async def test_web_chat_carries_everything_at_any_level(office: Office) -> None:
    mila, there = await person("Mila"), await body(level=0)
    await channel(mila, WEBCHAT, "2")
    await seat(mila, there)
    await paper(mila)

    await sent(office, to(mila, body=there.id, template="secrets", facts=SECRETS))

    assert secrets(office.webchat.calls) == {*EVERYTHING, "folded"}


async def test_at_level_0_the_fallback_takes_it(office: Office, nora: Person) -> None:
    await channel(nora, WEBCHAT, "1")
    await Person.filter(id=nora.id).update(level=0)

    await sent(office, to(nora))

    assert office.telegram.calls == []
    assert codes(office.webchat.said()) == [(1, "k")]


async def test_answer_at_level_0_is_dropped_and_nothing_leaves(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(level=0)

    kinds = [NoticeKind.MESSAGE, NoticeKind.TOAST, NoticeKind.EDIT, NoticeKind.ERASE]
    rows = await sent(office, *[chat(kind.value, kind=kind, target_id="5", lane=Lane.ANSWER) for kind in kinds])

    assert {(row.state, row.error) for row in rows} == {(NoticeState.DROPPED, "level")}
    assert office.telegram.calls == []


async def test_answers_at_level_1_are_hints_and_toasts_say_where_it_goes_on(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(level=1)

    await sent(
        office,
        chat("a", lane=Lane.ANSWER),
        chat("b", kind=NoticeKind.EDIT, target_id="5", lane=Lane.ANSWER),
        chat("c", kind=NoticeKind.TOAST, target_id="q", lane=Lane.ANSWER),
    )

    hint = "Telegram zeigt hier nur Hinweise; weiter geht es in der Web-Ansicht."
    assert office.telegram.said() == [(101, hint)] * 2
    toast = {"callback_query_id": "q", "text": "Weiter geht es in der Web-Ansicht."}
    assert Call("answerCallbackQuery", toast) in office.telegram.calls


@pytest.mark.usefixtures("nora")
async def test_answer_keeps_to_the_level_that_its_facts_tell(office: Office) -> None:
    facts = {**SECRETS, "meeting": {**SECRETS["meeting"], "level": 1}}

    await sent(office, chat(template="secrets", facts=facts, lane=Lane.ANSWER))

    assert office.telegram.said() == [(101, "Telegram zeigt hier nur Hinweise; weiter geht es in der Web-Ansicht.")]


async def test_group_card_keeps_to_the_level_of_its_body(office: Office) -> None:
    there = await body(level=1)

    await sent(office, chat(chat_id=-5, kind=NoticeKind.CARD, body=there.id, template="secrets", facts=SECRETS))

    assert office.telegram.said() == [(-5, "Neues in einem Ihrer Gremien")]


# --- when -------------------------------------------------------------------------------------------------------------


async def test_notice_waits_for_the_end_of_quiet_hours(office: Office, nora: Person) -> None:
    office.clock.now = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)

    (row,) = await sent(office, to(nora))

    assert (row.state, row.due_at) == (NoticeState.WAITING, datetime(2026, 11, 19, 6, 0, tzinfo=UTC))
    office.clock.now = row.due_at
    await office.open().drain()
    assert codes(office.telegram.said()) == [(101, "k")]


async def test_urgent_notice_goes_in_quiet_hours_without_a_sound(office: Office, nora: Person) -> None:
    office.clock.now = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)

    await sent(office, to(nora, urgent=True))

    assert office.telegram.calls[0].params["disable_notification"] is True


@pytest.mark.usefixtures("nora")
async def test_answer_goes_in_quiet_hours(office: Office) -> None:
    office.clock.now = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)

    (row,) = await sent(office, chat(lane=Lane.ANSWER))

    assert row.state is NoticeState.SENT


async def test_card_is_edited_at_most_every_three_seconds_and_its_last_state_goes_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 0.01)

    async def keep(code: str) -> None:
        await db.unit_of_work(
            lambda: notices.keep_card(
                chat("card", -5, kind=NoticeKind.CARD, facts={"code": Plain(code)}), now=office.clock.now
            )
        )
        post.wake()

    async with opened(office) as post:
        await keep("1")
        await until(lambda: len(office.telegram.said()) == 1)
        await keep("2")
        await keep("3")
        await settled(post)
        assert codes(office.telegram.said()) == [(-5, "1")]

        office.clock.passes(seconds=3)
        await until(lambda: len(office.telegram.said()) == 2)

    assert codes(office.telegram.said()) == [(-5, "1"), (-5, "3")]
    assert [call.method for call in office.telegram.calls] == ["sendMessage", "pinChatMessage", "editMessageText"]


async def settled(post: Post) -> None:
    """Until the desks have looked and have nothing in hand."""
    for _ in range(30):
        post.wake()
        await asyncio.sleep(0.005)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.002)


@asynccontextmanager
async def opened(office: Office, **more: Any) -> AsyncIterator[Post]:  # noqa: ANN401  # what Office.open takes
    post = office.open(**more)
    running = asyncio.create_task(post.run())
    try:
        yield post
    finally:
        await post.stop()
        await running


# --- errors -----------------------------------------------------------------------------------------------------------


def broken(kind: type[NetworkError], cause: Exception) -> NetworkError:
    error = kind("broken") if kind is NetworkError else TimedOut()
    error.__cause__ = cause
    return error


async def test_throttled_notice_waits_exactly_as_long_as_it_was_told(office: Office) -> None:
    office.telegram.script = lambda _: Refusal(429, "Too Many Requests", {"retry_after": 7})
    (row,) = await sent(office, chat())
    assert (row.state, row.error, row.attempts) == (NoticeState.WAITING, "throttled", 0)
    assert row.held_until == office.clock.now + 7 * SECOND

    office.telegram.script = lambda _: None
    post = office.open()
    office.clock.passes(seconds=6.999)
    await post.drain()
    assert len(office.telegram.calls) == 1
    office.clock.passes(seconds=0.001)
    await post.drain()
    assert len(office.telegram.taken) == 1


LONG = Plain("\n".join(letter * 4000 for letter in "xyz"))


def parts(calls: list[Call]) -> list[str]:
    """By their letters what went of a long message."""
    return [next(letter for letter in "xyz" if letter * 4000 in call.params["text"]) for call in calls]


async def test_long_message_goes_on_behind_the_part_that_was_throttled(office: Office) -> None:
    office.telegram.script = lambda _: (
        Refusal(429, "Too Many Requests", {"retry_after": 20}) if len(office.telegram.calls) == 2 else None
    )
    post = office.open()
    (row,) = await sent(office, chat(facts={"code": LONG}), post=post)
    held = row.held_until
    office.clock.passes(seconds=20)

    await post.drain()

    await row.refresh_from_db()
    assert (row.state, row.message_id, row.begun) == (NoticeState.SENT, 103, None)
    assert (parts(office.telegram.taken), held) == (["x", "y", "z"], office.clock.now)


async def test_long_message_goes_on_when_it_can_be_remembered_only_later_what_has_left(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("the database is away")]

    async def away_for_a_moment(work: Callable[..., Awaitable[None]]) -> None:
        if failures:
            raise failures.pop()
        await db.unit_of_work(work)

    post = office.open()
    rows = await queue(chat(facts={"code": LONG}), now=office.clock.now)
    claimed = await outbox.claim(dispatch.DESKS[1], 1, domain_now=office.clock.now, machine_now=office.clock.now)
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "unit_of_work", away_for_a_moment)
        await post.hand_over(claimed)
    office.clock.passes(seconds=2)

    await post.drain()

    await rows[0].refresh_from_db()
    assert (rows[0].state, parts(office.telegram.taken)) == (NoticeState.SENT, ["x", "y", "z"])


async def test_long_message_begins_anew_where_it_has_not_begun(office: Office, nora: Person) -> None:
    await channel(nora, WEBCHAT, "1")
    office.telegram.script = lambda _: (
        Refusal(403, "Forbidden: bot was blocked by the user") if len(office.telegram.calls) == 2 else None
    )

    (row,) = await sent(office, to(nora, facts={"code": LONG}))

    assert (row.state, row.network) == (NoticeState.SENT, WEBCHAT)
    assert (parts(office.telegram.taken), parts(office.webchat.taken)) == (["x"], ["x", "y", "z"])


async def test_long_message_begins_anew_when_less_may_be_carried_by_now(office: Office, nora: Person, tk: Body) -> None:
    office.telegram.script = lambda _: (
        Refusal(429, "Too Many Requests", {"retry_after": 20}) if len(office.telegram.calls) == 2 else None
    )
    post = office.open()
    await sent(office, to(nora, body=tk.id, facts={"code": LONG}), post=post)
    await Body.filter(id=tk.id).update(level=1)
    office.clock.passes(seconds=20)

    await post.drain()

    first, nudge = office.telegram.taken
    assert (parts([first]), nudge.params["text"]) == (["x"], "Neues in einem Ihrer Gremien")


async def test_notice_that_was_not_sent_is_tried_again_for_ever(office: Office) -> None:
    office.telegram.script = lambda _: broken(NetworkError, aiohttp.ConnectionTimeoutError())
    post = office.open()
    (row,) = await sent(office, chat(), post=post)

    for _ in range(10):
        office.clock.passes(seconds=15)
        await post.drain()

    await row.refresh_from_db()
    assert (row.state, row.error, row.attempts, len(office.telegram.calls)) == (NoticeState.WAITING, "away", 0, 11)


async def test_notice_whose_answer_was_lost_is_sent_once_more(office: Office) -> None:
    office.telegram.script = lambda _: broken(TimedOut, aiohttp.SocketTimeoutError())
    post = office.open()
    (row,) = await sent(office, chat(), post=post)
    assert (row.state, row.error) == (NoticeState.WAITING, "uncertain")

    for _ in range(4):
        office.clock.passes(hours=1)
        await post.drain()

    await row.refresh_from_db()
    assert (row.state, row.error, len(office.telegram.calls)) == (NoticeState.UNCERTAIN, "uncertain", 2)


async def test_nudge_whose_answer_was_lost_is_not_sent_again(office: Office) -> None:
    office.telegram.script = lambda _: broken(TimedOut, aiohttp.SocketTimeoutError())

    (row,) = await sent(office, chat(resend=False))

    assert (row.state, row.error, row.sent_at) == (NoticeState.UNCERTAIN, "uncertain", office.clock.now)


async def test_edit_whose_answer_was_lost_is_simply_repeated(office: Office) -> None:
    office.telegram.script = lambda _: broken(TimedOut, aiohttp.SocketTimeoutError())

    (row,) = await sent(office, chat(kind=NoticeKind.EDIT, target_id="5", resend=False))

    assert (row.state, row.error) == (NoticeState.WAITING, "away")


async def test_notice_that_fails_five_times_while_others_arrive_is_dead(office: Office) -> None:
    office.clock.step = timedelta(milliseconds=1)
    office.telegram.script = lambda call: Refusal(500, "Internal") if call.params["chat_id"] == 101 else None
    post = office.open()
    (row,) = await sent(office, chat(), post=post)

    for number in range(9):
        await sent(office, chat(f"to another {number}", 102), post=post)
        office.clock.passes(minutes=31)
    await post.drain()

    await row.refresh_from_db()
    assert (row.state, row.error, row.attempts) == (NoticeState.DEAD, "server", 5)
    assert len([call for call in office.telegram.taken if call.params["chat_id"] == 102]) == 9


async def test_refused_notice_is_dead_at_once_and_its_error_tells_nothing(office: Office) -> None:
    office.telegram.script = lambda _: Refusal(400, "Bad Request: can't parse entities: <SECRET>")

    (row,) = await sent(office, chat())

    assert (row.state, row.error, len(office.telegram.calls)) == (NoticeState.DEAD, "refused", 1)


async def test_later_notice_does_not_overtake_one_that_is_held_back(office: Office) -> None:
    office.telegram.script = lambda _: (
        Refusal(429, "Too Many", {"retry_after": 7}) if len(office.telegram.calls) == 1 else None
    )
    post = office.open()

    await sent(office, chat("a"), chat("b"), chat("other", 102), post=post)
    assert codes(office.telegram.said()) == [(101, "a"), (102, "other")]

    office.clock.passes(seconds=7)
    await post.drain()
    assert codes(office.telegram.said())[2:] == [(101, "a"), (101, "b")]


# --- files ------------------------------------------------------------------------------------------------------------


CALENDAR = {
    "uid": Plain("u1@faden.example"), "sequence": 2, "title": Title("82. Sitzung"), "path": Plain("/sitzung/7"),
    "starts": datetime(2026, 12, 3, 13, 30, tzinfo=UTC), "ends": datetime(2026, 12, 3, 15, 0, tzinfo=UTC),
    "zone": Plain("Europe/Berlin"), "status": Plain("confirmed"), "place": Place("Rathaus"),
    "join_link": JoinLink("https://meet.example/tk"), "created": datetime(2026, 11, 1, tzinfo=UTC),
    "last_modified": datetime(2026, 11, 2, tzinfo=UTC), "stamp": datetime(2026, 11, 2, tzinfo=UTC),
}  # fmt: skip


PAPER_MISSING = "📎 Die Datei fehlt, denn es gibt sie nicht mehr."


def with_document(document: dict[str, object]) -> dict[str, object]:
    return {"code": Plain("k"), "document": document}


async def test_calendar_file_goes_with_the_message(office: Office, nora: Person, tk: Body) -> None:
    document = {"type": Plain("calendar"), "code": Plain("TK Süd"), **CALENDAR}

    await sent(office, to(nora, body=tk.id, facts=with_document(document)))

    ((name, content, mime),) = office.telegram.calls[0].files.values()
    assert (name, mime) == ("tk-sued-2026-12-03.ics", "text/calendar")
    lines = content.replace(b"\r\n ", b"").split(b"\r\n")
    assert b"METHOD:PUBLISH" in lines
    assert b"DTSTART;TZID=Europe/Berlin:20261203T143000" in lines
    assert b"URL:https://faden.example/sitzung/7" in lines
    assert b"meet.example" in content


async def test_calendar_file_at_level_2_has_a_neutral_name_and_no_join_link(
    office: Office, nora: Person, tk: Body
) -> None:
    await Person.filter(id=nora.id).update(level=2)
    document = {"type": Plain("calendar"), "code": Plain("TK Süd"), **CALENDAR}

    await sent(office, to(nora, body=tk.id, facts=with_document(document)))

    ((name, content, _),) = office.telegram.calls[0].files.values()
    assert name == "termin.ics"
    assert b"meet.example" not in content


async def test_cancelled_meeting_has_no_file(office: Office, nora: Person, tk: Body) -> None:
    document = {"type": Plain("calendar"), **CALENDAR, "status": Plain("cancelled")}

    await sent(office, to(nora, body=tk.id, facts=with_document(document)))

    assert [call.method for call in office.telegram.calls] == ["sendMessage"]


async def test_message_whose_calendar_file_cannot_be_made_goes_without_it_and_says_so(
    office: Office, nora: Person, tk: Body, logged: list[MutableMapping[str, Any]]
) -> None:
    document = {"type": Plain("calendar"), **CALENDAR, "zone": Plain("Europe/Lisbon")}

    rows = await sent(office, *(to(nora, key, body=tk.id, facts=with_document(document)) for key in ("a", "b")))

    assert [(row.state, row.error) for row in rows] == [(NoticeState.SENT, "no file")] * 2
    assert [call.method for call in office.telegram.calls] == ["sendMessage"] * 2
    first, second = (text for _, text in office.telegram.said())
    assert first == second
    assert first.endswith(
        "\n\n📅 Die Kalenderdatei fehlt, denn sie ließ sich nicht erzeugen."
        " Der Termin gilt trotzdem; in den Kalender kommt er nur von Hand."
    )
    why = [(line["event"], line["uid"], repr(line["exc_info"])) for line in logged if line["log_level"] == "error"]
    assert why == [("calendar object not built", "u1@faden.example", "UnsupportedZone('Europe/Lisbon')")]


async def a_document(nora: Person, **more: Any) -> Document:  # noqa: ANN401  # columns of every type
    values: dict[str, Any] = {
        "name": "Beschluss.pdf",
        "mime": "application/pdf",
        "size": 4,
        "created_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return await Document.create(uploaded_by=nora, **values, **more)


async def test_paper_on_its_own_network_goes_by_its_id(office: Office, nora: Person, tk: Body) -> None:
    document = await a_document(nora, network=TELEGRAM, file_id="F1")

    await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert office.telegram.calls[0].params["document"] == "F1"


@pytest.mark.parametrize(
    "refused",
    ["wrong file identifier/HTTP URL specified", "wrong remote file identifier specified: can't unserialize it"],
)
async def test_paper_that_the_network_knows_no_longer_takes_no_message_with_it(
    office: Office, nora: Person, tk: Body, refused: str
) -> None:
    document = await a_document(nora, network=TELEGRAM, file_id="F1")
    office.telegram.script = lambda call: (
        Refusal(400, f"Bad Request: {refused}") if call.method in {"sendDocument", "getFile"} else None
    )

    (row,) = await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert [call.method for call in office.telegram.calls] == ["sendDocument", "getFile", "sendMessage"]
    assert "Die Datei fehlt" in office.telegram.said()[-1][1]
    assert (row.state, row.error) == (NoticeState.SENT, "no file")


async def test_paper_that_is_kept_goes_as_bytes_where_the_network_knows_it_no_longer(
    office: Office, nora: Person, tk: Body
) -> None:
    document = await a_document(nora, network=TELEGRAM, file_id="F1", content=b"%PDF kept")
    office.telegram.script = lambda call: (
        Refusal(400, "Bad Request: wrong file identifier specified") if call.params.get("document") == "F1" else None
    )

    (row,) = await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert [upload[:2] for upload in office.telegram.calls[-1].files.values()] == [("Beschluss.pdf", b"%PDF kept")]
    assert (row.state, row.error) == (NoticeState.SENT, None)


async def test_paper_from_another_network_is_fetched_there(office: Office, nora: Person, tk: Body) -> None:
    document = await a_document(nora, network=WEBCHAT, file_id="F1")

    await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert [upload[:2] for upload in office.telegram.calls[0].files.values()] == [("Beschluss.pdf", b"%PDF fetched")]


async def test_picture_is_sent_anew(office: Office, nora: Person, tk: Body) -> None:
    document = await a_document(nora, network=TELEGRAM, file_id="F1")
    await Document.filter(id=document.id).update(name="Plan.jpg", mime="image/jpeg")

    await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert [upload[:2] for upload in office.telegram.calls[-1].files.values()] == [("Plan.jpg", b"%PDF fetched")]


@pytest.mark.parametrize(("name", "neutral"), [("Beschluss.pdf", "dokument.pdf"), ("ohne Endung", "dokument")])
async def test_paper_at_level_2_has_a_neutral_name(
    office: Office, nora: Person, tk: Body, name: str, neutral: str
) -> None:
    await Person.filter(id=nora.id).update(level=2)
    document = await a_document(nora, network=TELEGRAM, file_id="F1", content=b"%PDF")
    await Document.filter(id=document.id).update(name=name)

    await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert [upload[:2] for upload in office.telegram.calls[0].files.values()] == [(neutral, b"%PDF")]


async def test_paper_that_is_nowhere_leaves_the_message_alone(office: Office, nora: Person, tk: Body) -> None:
    lost = await a_document(nora)

    await sent(
        office,
        to(nora, "a", body=tk.id, facts=with_document({"type": Plain("stored"), "id": lost.id})),
        to(nora, "b", body=tk.id, facts=with_document({"type": Plain("stored"), "id": 0})),
    )

    assert [call.method for call in office.telegram.calls] == ["sendMessage", "sendMessage"]
    assert [text.partition("\n\n")[2] for _, text in office.telegram.said()] == [PAPER_MISSING] * 2


async def test_paper_that_its_network_has_no_longer_leaves_the_message_alone(
    office: Office, nora: Person, tk: Body
) -> None:
    document = await a_document(nora, network=WEBCHAT, file_id="F1")
    office.webchat.script = lambda _: Refusal(400, "Bad Request: wrong file_id")

    (row,) = await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    assert (row.state, row.error) == (NoticeState.SENT, "no file")
    assert [text.partition("\n\n")[2] for _, text in office.telegram.said()] == [PAPER_MISSING]


async def test_paper_waits_for_its_network_and_holds_up_no_one_on_another(
    office: Office, nora: Person, tk: Body
) -> None:
    document = await a_document(nora, network=WEBCHAT, file_id="F1")
    office.webchat.script = lambda _: Refusal(502, "Bad Gateway")
    paper = with_document({"type": Plain("stored"), "id": document.id})

    rows = await sent(office, to(nora, body=tk.id, facts=paper), chat("other", chat_id=102))

    assert [(row.state, row.error) for row in rows] == [(NoticeState.WAITING, "server"), (NoticeState.SENT, None)]
    assert codes(office.telegram.said()) == [(102, "other")]


async def test_paper_that_does_not_come_holds_its_message_up_for_half_an_hour_at_most(
    office: Office, nora: Person, tk: Body
) -> None:
    document = await a_document(nora, network=WEBCHAT, file_id="F1")
    office.webchat.script = lambda _: Refusal(502, "Bad Gateway")
    await sent(office, to(nora, body=tk.id, facts=with_document({"type": Plain("stored"), "id": document.id})))

    for minutes in (1, 1, 6, 31):
        office.clock.now += timedelta(minutes=minutes)
        await office.open().drain()

    assert [text.partition("\n\n")[2] for _, text in office.telegram.said()] == [PAPER_MISSING]


# --- answers that are handed over ---------------------------------------------------------------------------------------


async def leased(office: Office, *drafts: Draft) -> list[Notice]:
    """Answers as the inbox commits them: already leased to the post, so that no desk can take them."""

    async def write() -> list[Notice]:
        return await notices.lease(drafts, now=office.clock.now, until=office.clock.now + outbox.LEASE)

    return [await Notice.get(id=row.id) for row in await db.unit_of_work(write)]


@pytest.mark.usefixtures("nora")
async def test_answers_handed_over_are_sent_in_order_with_few_statements(
    office: Office, statements: Statements
) -> None:
    answers = [
        chat("a", lane=Lane.ANSWER, network=WEBCHAT),
        chat("b", lane=Lane.ANSWER, network=WEBCHAT, kind=NoticeKind.TOAST, target_id="q"),
    ]
    rows = await leased(office, *answers)
    post = office.open()

    with statements() as counted:
        await post.hand_over(rows)

    assert {call.method for call in office.webchat.calls} == {"sendMessage", "answerCallbackQuery"}
    assert {row.state for row in await Notice.all()} == {NoticeState.SENT}
    assert len(counted.statements) == 3
    assert counted.commits <= 2


@pytest.mark.parametrize(
    ("template", "order"),
    [
        ("code", ["answerCallbackQuery", "others begun", "editMessageText"]),
        ("", ["answerCallbackQuery", "editMessageText"]),  # they have been told nothing yet
    ],
)
async def test_message_waits_for_others_when_a_toast_has_said_it(
    office: Office, template: str, order: list[str]
) -> None:
    said: list[str] = []
    office.webchat.script = lambda call: said.append(call.method)
    toast = chat("a", template=template, lane=Lane.ANSWER, network=WEBCHAT, kind=NoticeKind.TOAST, target_id="q")
    edit = chat("b", lane=Lane.ANSWER, network=WEBCHAT, kind=NoticeKind.EDIT, target_id="5")

    async def others_begun() -> None:
        said.append("others begun")

    await office.open().hand_over(await leased(office, toast, edit), others_begun)

    assert said == order


async def test_answers_with_a_person_and_a_body_are_rendered_for_them(office: Office, nora: Person, tk: Body) -> None:
    await Person.filter(id=nora.id).update(language="en")
    rows = await leased(office, chat(lane=Lane.ANSWER, person=nora.id, body=tk.id))

    await office.open().hand_over(rows)

    assert office.telegram.said() == [(101, "en <code>k</code>")]


async def test_answer_behind_one_that_is_held_back_waits_for_it(office: Office) -> None:
    throttled = Refusal(429, "Too Many", {"retry_after": 7})
    office.telegram.script = lambda _: throttled if len(office.telegram.calls) == 1 else None
    post = office.open()
    rows = await leased(office, *[chat(key, lane=Lane.ANSWER) for key in "abc"])

    await post.hand_over(rows[:2])
    await post.hand_over(rows[2:])
    assert codes(office.telegram.said()) == [(101, "a")]
    await post.drain()
    assert codes(office.telegram.said()) == [(101, "a")]

    office.clock.passes(seconds=7)
    await post.drain()
    (last,) = await leased(office, chat("d", lane=Lane.ANSWER))
    await post.hand_over([last])
    assert codes(office.telegram.said())[1:] == [(101, key) for key in "abcd"]


async def test_answer_of_an_earlier_run_is_not_overtaken(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 0.01)
    (old,) = await queue(chat("old", lane=Lane.ANSWER), now=office.clock.now)
    await Notice.filter(id=old.id).update(held_until=office.clock.now + 5 * SECOND)

    async with opened(office) as post:
        await settled(post)
        await post.hand_over(await leased(office, chat("new", lane=Lane.ANSWER)))
        assert office.telegram.calls == []
        office.clock.passes(seconds=5)
        await until(lambda: len(office.telegram.taken) == 2)

    assert codes(office.telegram.said()) == [(101, "old"), (101, "new")]


async def test_nothing_is_taken_after_the_end(office: Office) -> None:
    post = office.open()
    rows = await leased(office, chat(lane=Lane.ANSWER))
    await post.stop()

    await post.hand_over(rows)

    assert office.telegram.calls == []


# --- the running post ---------------------------------------------------------------------------------------------------


async def test_running_post_sends_what_is_queued_and_what_a_dead_predecessor_left(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 600)  # nothing but `wake` makes it look
    await leased(office, *[chat(f"old{number}", 200 + number) for number in range(3)])

    async with opened(office) as post:
        await until(lambda: len(office.telegram.taken) == 3)
        await queue(*[chat(f"new{number}", 300 + number) for number in range(40)], now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 43)

    assert {row.state for row in await Notice.all()} == {NoticeState.SENT}


async def test_running_post_wakes_when_what_it_held_is_due(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 600)
    now = asyncio.get_running_loop().time
    began = now()
    office.clock.step = timedelta(milliseconds=1)
    office.telegram.script = lambda _: (
        Refusal(429, "Too Many", {"retry_after": 0.01}) if len(office.telegram.calls) == 1 else None
    )

    async with opened(office, machine=lambda: office.clock.now + timedelta(seconds=now() - began)) as post:
        await queue(chat(), now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 1)

    assert len(office.telegram.calls) == 2


async def test_answer_is_sent_while_a_mailing_fills_every_place(office: Office) -> None:
    gate = asyncio.Event()

    async def slow(call: Call) -> None:
        if call.params.get("chat_id") != 101:
            await gate.wait()

    office.telegram.meanwhile = slow
    await queue(*[chat(f"m{number}", 1000 + number) for number in range(40)], now=office.clock.now)

    async with opened(office) as post:
        await until(lambda: len(office.telegram.calls) == 32)
        await settled(post)
        assert len(office.telegram.calls) == 32
        await post.hand_over(await leased(office, chat("answer", lane=Lane.ANSWER)))
        assert codes(office.telegram.said())[-1] == (101, "answer")
        gate.set()
        await until(lambda: len(office.telegram.taken) == 41)


async def test_mailing_is_paced(office: Office) -> None:
    now = asyncio.get_running_loop().time
    began = now()
    real = Clock(office.clock.now)
    await queue(*[chat(f"m{number}", 1000 + number) for number in range(6)], now=office.clock.now)

    async with opened(office, pacers={TELEGRAM: Pacer()}, machine=lambda: real.now + timedelta(seconds=now() - began)):
        await until(lambda: len(office.telegram.taken) == 6)

    assert now() - began >= 4 / 29  # two at once, then one gap each


async def test_notice_that_would_wait_too_long_for_its_turn_goes_back_until_then(office: Office) -> None:
    pacer = Pacer()
    for _ in range(20):
        pacer.take(-5, Lane.ANSWER, office.clock.now)
    (row,) = await leased(office, chat("a", -5, lane=Lane.ANSWER))

    await office.open(pacers={TELEGRAM: pacer}).hand_over([row])

    await row.refresh_from_db()
    assert (row.state, row.held_until) == (NoticeState.WAITING, office.clock.now + GROUP.span)
    assert office.telegram.calls == []


async def test_turn_comes_even_when_the_clock_stands_still(office: Office) -> None:
    pacer = Pacer()
    for chat_id in range(30):
        pacer.take(chat_id + 1, Lane.ANSWER, office.clock.now - timedelta(seconds=0.99))
    (row,) = await leased(office, chat("a", lane=Lane.ANSWER))

    await office.open(pacers={TELEGRAM: pacer}).hand_over([row])

    assert codes(office.telegram.said()) == [(101, "a")]


async def test_throttled_chat_is_left_alone_by_other_notices_too(office: Office) -> None:
    pacer = Pacer()
    office.telegram.script = lambda _: Refusal(429, "Too Many", {"retry_after": 30})
    post = office.open(pacers={TELEGRAM: pacer})
    (first,) = await leased(office, chat("a", lane=Lane.ANSWER))

    await post.hand_over([first])

    assert pacer.next_slot(101, Lane.MAILING, office.clock.now) == office.clock.now + 30 * SECOND
    assert pacer.next_slot(102, Lane.MAILING, office.clock.now) == office.clock.now


async def test_stop_finishes_what_is_on_its_way_and_leaves_the_rest(office: Office) -> None:
    gate, began = asyncio.Event(), asyncio.Event()

    async def slow(_: Call) -> None:
        began.set()
        await gate.wait()

    office.telegram.meanwhile = slow
    rows = await queue(chat("a"), chat("b"), now=office.clock.now)
    post = office.open()
    running = asyncio.create_task(post.run())
    await began.wait()
    asyncio.get_running_loop().call_later(0.05, gate.set)

    await post.stop()
    await running

    for row in rows:
        await row.refresh_from_db()
    assert [row.state for row in rows] == [NoticeState.SENT, NoticeState.WAITING]


async def test_stop_between_the_parts_of_a_long_message_leaves_those_that_have_not_left(office: Office) -> None:
    stopping: list[asyncio.Task[None]] = []

    async def stop(_: Call) -> None:
        stopping.append(asyncio.create_task(post.stop()))
        await asyncio.sleep(0)

    office.telegram.afterwards = stop
    (row,) = await queue(chat(facts={"code": LONG}), now=office.clock.now)
    post = office.open(pacers={TELEGRAM: Pacer()})
    await post.run()
    await asyncio.gather(*stopping)
    await row.refresh_from_db()
    left, state = parts(office.telegram.taken), row.state
    office.telegram.afterwards = None

    await office.open().drain()

    assert (left, state) == (["x"], NoticeState.WAITING)
    assert parts(office.telegram.taken) == ["x", "y", "z"]


async def test_kill_between_the_parts_of_a_long_message_doubles_none_that_had_left(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STOP_SECONDS", 0.05)
    began = asyncio.Event()

    async def stuck(_: Call) -> None:
        if len(office.telegram.calls) == 2:
            began.set()
            await asyncio.Event().wait()

    office.telegram.meanwhile = stuck
    await queue(chat(facts={"code": LONG}), now=office.clock.now)
    post = office.open()
    running = asyncio.create_task(post.run())
    await began.wait()
    await post.stop()  # it gives up, and settles nothing
    await running
    office.telegram.meanwhile = None
    office.clock.passes(seconds=1)

    successor = office.open()
    await successor.take_over()
    await successor.drain()

    assert parts(office.telegram.taken) == ["x", "y", "z"]


async def test_stop_does_not_wait_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "STOP_SECONDS", 0.05)
    began = asyncio.Event()

    async def stuck(_: Call) -> None:
        began.set()
        await asyncio.Event().wait()

    office.telegram.meanwhile = stuck
    (row,) = await queue(chat("a"), now=office.clock.now)
    post = office.open()
    running = asyncio.create_task(post.run())
    await began.wait()

    await post.stop()
    await running

    await row.refresh_from_db()
    assert row.state is NoticeState.SENDING


async def test_who_waits_for_a_turn_at_the_end_goes_back(office: Office) -> None:
    pacer = Pacer()
    pacer.take(101, Lane.ANSWER, office.clock.now)
    (row,) = await queue(chat("a"), now=office.clock.now)
    post = office.open(pacers={TELEGRAM: pacer})
    running = asyncio.create_task(post.run())
    async with asyncio.timeout(20):
        while (await Notice.get(id=row.id)).state is not NoticeState.SENDING:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.002)

    await post.stop()
    await running

    await row.refresh_from_db()
    assert (row.state, row.held_until, office.telegram.calls) == (NoticeState.WAITING, None, [])


async def test_caller_who_gives_up_does_not_take_the_answer_with_them(office: Office) -> None:
    gate, began = asyncio.Event(), asyncio.Event()

    async def slow(_: Call) -> None:
        began.set()
        await gate.wait()

    office.telegram.meanwhile = slow
    (row,) = await leased(office, chat("a", lane=Lane.ANSWER))
    post = office.open()
    caller = asyncio.create_task(post.hand_over([row]))
    await began.wait()

    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    gate.set()
    await post.stop()

    await row.refresh_from_db()
    assert row.state is NoticeState.SENT


Fault = Callable[..., Awaitable[Any]]


async def test_post_stays_open_while_the_outbox_cannot_be_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 0.01)
    claim: Fault = outbox.claim
    failures = iter(range(8))

    async def failing(*given: object, **more: object) -> object:
        if next(failures, None) is not None:
            raise OSError("the database is away")
        return await claim(*given, **more)

    monkeypatch.setattr(outbox, "claim", failing)
    await queue(chat("a"), now=office.clock.now)

    async with opened(office):
        await until(lambda: len(office.telegram.taken) == 1)


def unsettling(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """So often the database is away when something is to be settled."""
    settle: Fault = outbox.settle
    failures = iter(range(times))

    async def failing(*given: object, **more: object) -> object:
        if next(failures, None) is not None:
            raise OSError("the database is away")
        return await settle(*given, **more)

    monkeypatch.setattr(outbox, "settle", failing)
    monkeypatch.setattr(dispatch, "SETTLE_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "LEASE_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "TICK_SECONDS", 0.01)


async def test_what_has_left_is_settled_once_the_database_is_back_and_does_not_leave_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    unsettling(monkeypatch, times=3)
    (row,) = await queue(chat("a"), now=office.clock.now)

    async def is_sent() -> bool:
        await row.refresh_from_db()
        return row.state is NoticeState.SENT

    async with opened(office):
        await until(lambda: len(office.telegram.taken) == 1)
        office.clock.passes(seconds=61)
        while not await is_sent():  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)

    assert len(office.telegram.taken) == 1
    assert [line["event"] for line in logged] == ["notice not settled, again later"] * 3


async def test_what_has_left_is_seen_off_although_the_database_is_away_at_the_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "STOP_SECONDS", 0)
    unsettling(monkeypatch, times=20)
    (row,) = await queue(chat("a"), now=office.clock.now)
    post = office.open()
    running = asyncio.create_task(post.run())
    await until(lambda: len(office.telegram.taken) == 1)

    await post.see_off()
    await post.stop()
    await running

    await row.refresh_from_db()
    assert row.state is NoticeState.SENT


async def test_end_does_not_wait_for_a_database_that_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "STOP_SECONDS", 0)
    unsettling(monkeypatch, times=10**9)
    (row,) = await queue(chat("a"), now=office.clock.now)
    post = office.open()
    running = asyncio.create_task(post.run())
    await until(lambda: len(office.telegram.taken) == 1)

    await post.stop()
    await running

    await row.refresh_from_db()
    assert row.state is NoticeState.SENDING


async def test_notice_that_cannot_be_settled_is_taken_up_again_when_its_lease_is_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsettling(monkeypatch, times=1)
    monkeypatch.setattr(dispatch, "INSIST_SECONDS", 0)
    (row,) = await queue(chat("a"), now=office.clock.now)

    async with opened(office):
        await until(lambda: len(office.telegram.taken) == 1)
        office.clock.passes(seconds=61)
        await until(lambda: len(office.telegram.taken) == 2)

    await row.refresh_from_db()
    assert row.state is NoticeState.SENT


async def test_post_stays_open_while_the_leases_cannot_be_read(
    office: Office, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(dispatch, "LEASE_CHECK_SECONDS", 0.01)
    give_back: Fault = outbox.give_back
    calls: list[int] = []

    async def failing(*given: object, **more: object) -> object:
        calls.append(len(calls))
        if len(calls) in {2, 3}:
            raise OSError("the database is away")
        return await give_back(*given, **more)

    monkeypatch.setattr(outbox, "give_back", failing)

    async with opened(office):
        await until(lambda: len(calls) >= 5)

    assert [line["event"] for line in logged] == ["leases cannot be read"] * 2
