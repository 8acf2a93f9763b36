"""What open pages are told: once read for all of them, and only to those who may know of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from bot.hub import Listener
from bot.webchat import api, people, reading, rooms
from bot.webchat.calls import Call
from bot.webchat.server import BotServer, Options
from bot.webchat.shown import Shown
from bot.webchat.telling import Telling
from storage.models import Body, GroupChat, Membership, Person
from storage.vocabulary import BodyKind, Network, Role
from tests.conftest import Counted
from tests.webchat.conftest import TOKEN, Clock

GROUP = -1
YES = {"inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}]]}


@dataclass
class House:
    """A body with a group, and pages of people that are open in it."""

    server: BotServer
    telling: Telling
    body: Body
    doors: AsyncExitStack
    signed_out: list[web.Request] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def person(self, name: str, *, seated: bool = True) -> Person:
        person = await Person.create(key=name.lower(), given_name=name, family_name="Beispiel", zone="Europe/Berlin")
        if seated:
            await self.sits(person)
        return person

    async def sits(self, person: Person) -> None:
        await Membership.create(body=self.body, person=person, role=Role.MEMBER, begins_on=date(2026, 1, 1))

    async def opens(self, person: Person) -> Listener:
        mine = await rooms.enter(self.server, person, self.telling.day(person.zone))
        request = make_mocked_request("GET", "/")
        listener = Listener(person.id, request, mine, await self.telling.number())
        page = await self.doors.enter_async_context(self.server.feed.hub.listening(listener))
        await self.is_quiet()
        await page.heard(0)
        return page

    async def says(self, chat: int, text: str, **more: object) -> int:
        sent = await api.answer(self.server, Call("sendMessage", {"chat_id": chat, "text": text, **more}))
        assert isinstance(sent, dict)
        return int(sent["message_id"])

    async def is_quiet(self) -> None:
        """Until all that was woken has been looked at."""
        async with asyncio.timeout(10):
            while self.server.feed.hub.looking:  # noqa: ASYNC110  # no page is told that nothing more comes
                await asyncio.sleep(0)


async def hears(page: Listener) -> list[dict[str, Any]]:
    """The news that a page has been told since it last heard some."""
    told = (await page.heard(0)).decode().split("\n\n")[:-1]
    assert all(one.startswith("event: news\n") for one in told)
    return [json.loads(one.split("data: ", 1)[1]) for one in told]


@pytest.fixture
async def house(store: str, clock: Clock) -> AsyncIterator[House]:  # noqa: ARG001  # the store is open meanwhile
    body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
    await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=GROUP, linked_at=clock())
    server = BotServer(Network.WEBCHAT, TOKEN, clock, options=Options(first_contact=False))

    async def signed_in(requests: Sequence[web.Request]) -> list[bool]:
        made.asked.append(len(requests))
        return [all(request is not one for one in made.signed_out) for request in requests]

    telling = Telling(server=server, clock=clock, signed_in=signed_in)
    server.feed.hub.look = telling.look
    async with AsyncExitStack() as doors:
        made = House(server, telling, body, doors)
        yield made


@pytest.fixture
async def anna(house: House) -> Person:
    return await house.person("Anna")


@pytest.mark.parametrize("pages", [1, 3])
async def test_message_of_a_group_is_read_once_however_many_pages_show_it(
    house: House, anna: Person, statements: Callable[[], AbstractContextManager[Counted]], pages: int
) -> None:
    people = [anna, *[await house.person(f"Berta {number}") for number in range(1, pages)]]
    opened = [await house.opens(person) for person in people]
    await house.says(GROUP, "Hallo")
    await house.is_quiet()

    with statements() as counted:
        await house.telling.look({GROUP})

    told = [await hears(page) for page in opened]
    assert [[one["text"] for one in news[0]["messages"]] for news in told] == [["Hallo"]] * pages
    assert len(counted.statements) == 6
    assert counted.commits == 0


async def test_pages_of_people_who_may_not_read_it_are_told_nothing_and_not_asked_about(
    house: House, anna: Person
) -> None:
    carla = await house.person("Carla", seated=False)
    annas, carlas = await house.opens(anna), await house.opens(carla)
    house.asked.clear()

    await house.says(GROUP, "Für die Gruppe")
    await house.says(anna.id, "Für Anna")
    await house.is_quiet()

    assert len(await hears(annas)) == 2
    assert await hears(carlas) == []
    assert set(house.asked) == {1}


async def test_chat_that_has_changed_is_told_and_no_other(house: House, anna: Person) -> None:
    page = await house.opens(anna)

    await house.says(GROUP, "Hallo")
    await house.is_quiet()

    [news] = await hears(page)
    assert [(chat["id"], chat["unread"], chat["latest"]["text"]) for chat in news["chats"]] == [(GROUP, 1, "Hallo")]
    assert news["complete"] is False


async def test_one_message_is_made_ready_once_for_all_but_who_wrote_it(house: House, anna: Person) -> None:
    ben = await house.person("Ben")
    await rooms.enter(house.server, anna, date(2026, 11, 18))
    await people.writes(house.server, rooms.user_of(anna), GROUP, "Von mir")
    [seen] = await reading.messages(house.server, GROUP)

    shown = Shown(seen)

    assert shown.to(ben.id) is shown.to(99)
    assert [message and message["own"] for message in (shown.to(ben.id), shown.to(anna.id))] == [False, True]


async def test_seat_that_begins_opens_the_room_with_the_next_message(house: House) -> None:
    berta = await house.person("Berta", seated=False)
    page = await house.opens(berta)
    await rooms.open_rooms(house.server)
    await house.sits(berta)

    await house.says(GROUP, "Willkommen")
    await house.is_quiet()

    news = await hears(page)
    assert [chat["id"] for chat in news[0]["chats"]] == [berta.id, GROUP]
    assert news[0]["complete"] is True
    assert page.rooms == {berta.id, GROUP}
    assert [message["text"] for message in news[0]["messages"]] == ["Willkommen"]


async def test_seats_are_looked_at_with_every_message_of_ones_own_chat(house: House) -> None:
    berta = await house.person("Berta", seated=False)
    page = await house.opens(berta)
    await rooms.open_rooms(house.server)
    await house.sits(berta)

    await house.says(berta.id, "Sie sind jetzt in der Trägerkonferenz.")
    await house.is_quiet()

    assert [chat["id"] for chat in (await hears(page))[0]["chats"]] == [berta.id, GROUP]


async def test_page_whose_session_has_ended_is_told_why_and_nothing_else(house: House, anna: Person) -> None:
    here, elsewhere = await house.opens(anna), await house.opens(anna)
    house.signed_out.append(elsewhere.request)

    await house.says(GROUP, "Geheim")
    await house.is_quiet()

    assert (here.ended, elsewhere.ended) == (None, "signed_out")
    assert (len(await hears(here)), await elsewhere.heard(0)) == (1, b"")


async def test_message_is_told_once(house: House, anna: Person) -> None:
    page = await house.opens(anna)

    for text in ("Eins", "Zwei"):
        await house.says(anna.id, text)
        await house.is_quiet()

    assert [[one["text"] for one in news["messages"]] for news in await hears(page)] == [["Eins"], ["Zwei"]]


async def test_page_that_opens_is_told_nothing_that_was_before(house: House, anna: Person) -> None:
    await rooms.enter(house.server, anna, date(2026, 11, 18))
    await house.says(anna.id, "Vorher")
    page = await house.opens(anna)

    await house.says(anna.id, "Nachher")
    await house.is_quiet()

    [news] = await hears(page)
    assert [message["text"] for message in news["messages"]] == ["Nachher"]


async def test_writing_is_told_where_it_happens_and_to_nobody_who_comes_later(house: House, anna: Person) -> None:
    ben = await house.person("Ben")
    annas = await house.opens(anna)
    await rooms.enter(house.server, ben, date(2026, 11, 18))

    await api.answer(house.server, Call("sendChatAction", {"chat_id": anna.id, "action": "typing"}))
    await api.answer(house.server, Call("sendChatAction", {"chat_id": ben.id, "action": "typing"}))
    await house.is_quiet()
    bens = await house.opens(ben)
    await house.says(ben.id, "Hallo")
    await house.is_quiet()

    assert [news["typing"] for news in await hears(annas)] == [[anna.id]]
    assert [news["typing"] for news in await hears(bens)] == [[]]


async def test_answer_to_a_press_is_told_to_who_pressed(house: House, anna: Person) -> None:
    ben = await house.person("Ben")
    annas, bens = await house.opens(anna), await house.opens(ben)
    message = await house.says(GROUP, "Kommen Sie?", reply_markup=YES)
    query = await people.presses(house.server, rooms.user_of(anna), GROUP, message, "yes")
    await house.is_quiet()
    for page in (annas, bens):
        await hears(page)

    await api.answer(house.server, Call("answerCallbackQuery", {"callback_query_id": query, "text": "Notiert"}))
    await house.is_quiet()

    [news] = await hears(annas)
    assert [(answer["callback_query_id"], answer["text"]) for answer in news["answers"]] == [(query, "Notiert")]
    assert await hears(bens) == []


async def test_what_somebody_has_read_is_told_to_their_own_pages(house: House, anna: Person) -> None:
    pages = [await house.opens(anna), await house.opens(anna), await house.opens(await house.person("Ben"))]
    message = await house.says(GROUP, "Hallo")
    await house.is_quiet()
    for page in pages:
        await hears(page)

    await rooms.mark_read(house.server, anna.id, GROUP, message)
    await house.telling.read(anna.id, GROUP)

    told = [await hears(page) for page in pages]
    assert [[news["chats"] for news in one] for one in told] == [
        [[{"id": GROUP, "unread": 0, "read": message}]],
        [[{"id": GROUP, "unread": 0, "read": message}]],
        [],
    ]


# Looking where nobody was woken


async def test_nothing_is_told_where_nothing_has_changed(
    house: House, anna: Person, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await house.telling.look_again()
    page = await house.opens(anna)
    await house.says(GROUP, "Hallo")
    await house.is_quiet()
    await hears(page)

    with statements() as counted:
        await house.telling.look_again()
    await house.is_quiet()

    assert await hears(page) == []
    assert len(counted.statements) == 2


async def test_what_another_process_wrote_is_found(house: House, anna: Person, clock: Clock) -> None:
    elsewhere = BotServer(Network.WEBCHAT, TOKEN, clock, options=house.server.options)
    page = await house.opens(anna)
    await api.answer(elsewhere, Call("sendMessage", {"chat_id": GROUP, "text": "von nebenan"}))
    await house.says(anna.id, "von hier")
    await house.is_quiet()
    await hears(page)

    await house.telling.look_again()
    await house.is_quiet()

    [news] = await hears(page)
    assert [message["text"] for message in news["messages"]] == ["von nebenan"]


async def test_room_closes_with_the_end_of_the_day_on_which_the_seat_ends(
    house: House, anna: Person, clock: Clock, now: datetime
) -> None:
    await Membership.filter(person=anna).update(ends_on=now.date())
    page = await house.opens(anna)
    await house.telling.look_again()
    await house.is_quiet()
    before = await hears(page)
    clock.passes(hours=15)  # midnight in Berlin, not yet by UTC

    await house.telling.look_again()
    await house.is_quiet()

    news, *_ = await hears(page)
    assert before == []
    assert [chat["id"] for chat in news["chats"]] == [anna.id]
    assert page.rooms == {anna.id}


async def test_page_whose_rooms_cannot_be_read_comes_back_and_silences_no_other(
    house: House, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    carla = await house.person("Carla", seated=False)
    broken, fine = await house.opens(carla), await house.opens(anna)
    entered = rooms.enter

    async def enter(server: BotServer, person: Person, day: date) -> frozenset[int]:
        if person.id == carla.id:
            raise ValueError
        return await entered(server, person, day)

    monkeypatch.setattr(rooms, "enter", enter)
    await house.sits(carla)
    with capture_logs() as logged:
        await house.says(GROUP, "Hallo")
        await house.is_quiet()

    assert broken.ended == "restart"
    assert [message["html"] for news in await hears(fine) for message in news["messages"]] == ["Hallo"]
    assert [line["event"] for line in logged] == ["a page's rooms could not be read"]
