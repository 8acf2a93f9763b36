"""What was written and pressed in the web chat goes after its time, and nothing that is still needed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest

from bot.webchat import api, people, rooms, tidying
from bot.webchat.calls import Call, Upload
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Options
from storage.models import Body, Document, GroupChat, Membership, Notice, Person
from storage.models.webchat import WebchatFile, WebchatMember, WebchatMessage, WebchatPress
from storage.vocabulary import BodyKind, Lane, Network, NoticeKind, NoticeState, Role
from tests.conftest import Counted
from tests.webchat.conftest import TOKEN, Clock

GROUP = -1
TWO_YEARS = timedelta(days=730)


@pytest.fixture
async def body(store: str, clock: Clock) -> Body:  # noqa: ARG001  # the store is open meanwhile
    """A body with a group."""
    body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
    await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=GROUP, linked_at=clock())
    return body


@pytest.fixture
def server(store: str, clock: Clock) -> BotServer:  # noqa: ARG001  # the store is open meanwhile
    """The web chat's own network."""
    return BotServer(Network.WEBCHAT, TOKEN, clock, options=Options(first_contact=False))


@pytest.fixture
async def anna(server: BotServer, body: Body, clock: Clock) -> Person:
    return await seated(server, body, "Anna", clock)


async def seated(server: BotServer, body: Body, name: str, clock: Clock) -> Person:
    """Somebody who has a seat, and has looked into the web chat."""
    person = await Person.create(key=name.lower(), given_name=name, family_name="Beispiel")
    await Membership.create(body=body, person=person, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    await rooms.enter(server, person, clock().date())
    return person


async def said(server: BotServer, chat_id: int, text: str) -> int:
    """Faden writes; gives the message's id."""
    await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": text}))
    newest = await WebchatMessage.filter(chat__chat_id=chat_id).order_by("-message_id").first()
    assert newest is not None
    return int(newest.message_id)


async def sent_file(server: BotServer, chat_id: int) -> int:
    await api.answer(
        server, Call("sendDocument", {"chat_id": chat_id}, {"document": Upload("a.ics", "text/calendar", b"BEGIN")})
    )
    newest = await WebchatMessage.filter(chat__chat_id=chat_id).order_by("-message_id").first()
    assert newest is not None
    return int(newest.message_id)


async def tidy(clock: Clock) -> list[str]:
    """Look as often as there is something; gives the texts that are left."""
    for _ in range(5):
        await tidying.messages(now=clock(), kept=TWO_YEARS)
    return [message.text for message in await WebchatMessage.filter(service=None).order_by("id")]


async def read_all(server: BotServer, person: Person, chat_id: int) -> None:
    await rooms.mark_read(server, person.id, chat_id, 1000)


async def test_messages_that_were_read_go_after_their_time(server: BotServer, anna: Person, clock: Clock) -> None:
    await said(server, anna.id, "alt")
    await people.writes(server, rooms.user_of(anna), anna.id, "Antwort")
    await read_all(server, anna, anna.id)
    clock.passes(days=1)
    await said(server, anna.id, "einen Tag jünger")
    await read_all(server, anna, anna.id)

    clock.passes(days=729)
    before = await tidy(clock)
    clock.passes(days=1)

    assert before == ["alt", "Antwort", "einen Tag jünger"]
    assert await tidy(clock) == ["einen Tag jünger"]


async def test_what_nobody_has_read_stays_until_they_have(server: BotServer, anna: Person, clock: Clock) -> None:
    await said(server, anna.id, "ungelesen")
    clock.passes(days=800)

    before = await tidy(clock)
    await read_all(server, anna, anna.id)
    clock.passes(days=1)

    assert (before, await tidy(clock)) == (["ungelesen"], [])


async def test_whoever_has_left_keeps_nothing(server: BotServer, anna: Person, clock: Clock) -> None:
    await said(server, anna.id, "ungelesen")
    clock.passes(days=800)
    await Person.filter(id=anna.id).update(left_at=clock())

    assert await tidy(clock) == []


async def test_what_one_of_a_group_has_not_read_stays(
    server: BotServer, body: Body, anna: Person, clock: Clock
) -> None:
    ben = await seated(server, body, "Ben", clock)
    await said(server, GROUP, "an alle")
    await people.writes(server, rooms.user_of(ben), GROUP, "von Ben")
    await read_all(server, anna, GROUP)
    clock.passes(days=800)

    unread = await tidy(clock)
    await Membership.filter(person_id=ben.id).update(ends_on=date(2026, 12, 1))
    clock.passes(days=1)

    assert (unread, await tidy(clock)) == (["an alle"], [])


async def test_whoever_has_gone_out_of_a_group_keeps_nothing_there(
    server: BotServer, anna: Person, clock: Clock
) -> None:
    await said(server, GROUP, "an alle")
    clock.passes(days=800)
    before = await tidy(clock)
    await WebchatMember.all().update(status="left")
    clock.passes(days=1)

    assert (before, await tidy(clock)) == (["an alle"], [])
    assert anna.left_at is None


async def test_what_is_pinned_and_the_card_of_a_meeting_stay(server: BotServer, anna: Person, clock: Clock) -> None:
    pinned, card = await said(server, GROUP, "angeheftet"), await said(server, GROUP, "Karte")
    await said(server, GROUP, "anderes")
    await api.answer(server, Call("pinChatMessage", {"chat_id": GROUP, "message_id": pinned}))
    await read_all(server, anna, GROUP)
    await Notice.create(
        key="card",
        kind=NoticeKind.CARD,
        lane=Lane.MAILING,
        network=Network.WEBCHAT,
        chat_id=GROUP,
        message_id=card,
        template="meetings/card",
        facts={},
        state=NoticeState.SENT,
        due_at=clock(),
        created_at=clock(),
    )
    clock.passes(days=800)

    assert await tidy(clock) == ["angeheftet", "Karte"]


async def test_file_goes_with_the_last_message_that_shows_it(server: BotServer, anna: Person, clock: Clock) -> None:
    await sent_file(server, anna.id)
    file = await WebchatFile.get()
    clock.passes(days=10)
    await api.answer(server, Call("sendDocument", {"chat_id": anna.id, "document": file.file_id}))
    await read_all(server, anna, anna.id)

    left = []
    for days in (725, 10):
        clock.passes(days=days)
        await tidy(clock)
        left.append((await WebchatMessage.filter(service=None).count(), await WebchatFile.all().count()))

    assert left == [(1, 1), (0, 0)]


async def test_paper_that_has_not_been_fetched_stays_and_what_became_none_goes(
    server: BotServer, anna: Person, clock: Clock
) -> None:
    for name in ("a.pdf", "b.pdf"):
        await people.sends_file(server, User(id=anna.id, first_name="Anna"), anna.id, name, "application/pdf", b"%PDF")
    paper = await WebchatFile.get(name="a.pdf")
    waiting: dict[str, Any] = {
        "network": Network.WEBCHAT,
        "file_id": paper.file_id,
        "uploaded_by": anna,
        "created_at": clock(),
    }
    await Document.create(name="a.pdf", mime="application/pdf", size=4, **waiting)
    await read_all(server, anna, anna.id)
    clock.passes(days=735)

    await tidy(clock)

    assert await WebchatMessage.filter(service=None).count() == 0
    assert [left.name for left in await WebchatFile.all()] == ["a.pdf"]


async def test_message_goes_with_its_presses(server: BotServer, anna: Person, clock: Clock) -> None:
    message = await said(server, anna.id, "mit Knopf")
    await people.presses(server, rooms.user_of(anna), anna.id, message, "x")
    await read_all(server, anna, anna.id)
    clock.passes(days=800)

    assert await tidy(clock) == []
    assert await WebchatPress.all().count() == 0


async def test_deleted_and_service_messages_go_unread(server: BotServer, anna: Person, clock: Clock) -> None:
    message = await said(server, anna.id, "weg")
    await api.answer(server, Call("deleteMessage", {"chat_id": anna.id, "message_id": message}))
    clock.passes(days=800)
    await tidy(clock)

    assert await WebchatMessage.all().count() == 0


async def test_messages_go_some_at_a_time_and_those_that_stay_are_passed(
    server: BotServer, anna: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "AT_ONCE", 2)
    pinned = await said(server, GROUP, "angeheftet")
    await api.answer(server, Call("pinChatMessage", {"chat_id": GROUP, "message_id": pinned}))
    for number in range(4):
        await said(server, GROUP, f"{number}")
    await read_all(server, anna, GROUP)
    clock.passes(days=800)

    left = []
    for _ in range(5):
        await tidying.messages(now=clock(), kept=TWO_YEARS)
        left.append(await WebchatMessage.all().count())

    assert left == [5, 3, 1, 1, 1]  # that it was pinned is a message, too


async def test_clock_asks_once_until_the_next_day(
    server: BotServer, anna: Person, clock: Clock, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await said(server, anna.id, "neu")
    await tidy(clock)

    with statements() as counted:
        await tidying.messages(now=clock(), kept=TWO_YEARS)
        await tidying.presses(machine_now=clock())

    assert (len(counted.statements), counted.commits) == (2, 0)


async def test_presses_go_after_a_week(server: BotServer, anna: Person, clock: Clock) -> None:
    message = await said(server, anna.id, "mit Knopf")
    for _ in range(2):
        await people.presses(server, rooms.user_of(anna), anna.id, message, "x")
        clock.passes(days=1)
    clock.passes(days=5)

    left = []
    for _ in range(3):
        await tidying.presses(machine_now=clock())
        left.append(await WebchatPress.all().count())
        clock.passes(days=1)

    assert left == [2, 1, 0]
