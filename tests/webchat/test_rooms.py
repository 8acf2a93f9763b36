"""Chats follow today's seats; what is unread is known for the mail that tells of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta

import pytest

from bot.webchat import api, people, reading, rooms
from bot.webchat.calls import Call
from bot.webchat.rooms import Unread
from bot.webchat.server import BotServer, Options
from storage import db
from storage.models import Body, Channel, GroupChat, Membership, Person
from storage.models.webchat import WebchatChat, WebchatMessage, WebchatUser
from storage.vocabulary import BodyKind, ChannelState, Network, Role
from tests.conftest import Counted
from tests.webchat.conftest import TOKEN, Clock

TODAY = date(2026, 11, 18)
GROUP = -1


@pytest.fixture
async def body(store: str, clock: Clock) -> Body:  # noqa: ARG001  # the store is open meanwhile
    """A body with a group."""
    body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
    await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=GROUP, linked_at=clock())
    return body


@pytest.fixture
async def anna(body: Body) -> Person:
    return await seated(body, "Anna")


@pytest.fixture
def server(store: str, clock: Clock) -> BotServer:  # noqa: ARG001  # the store is open meanwhile
    """The web chat's own network."""
    return BotServer(Network.WEBCHAT, TOKEN, clock, options=Options(first_contact=False))


async def seated(body: Body, name: str, *, begins_on: date = date(2026, 1, 1)) -> Person:
    person = await Person.create(key=name.lower(), given_name=name, family_name="Beispiel")
    await Membership.create(body=body, person=person, role=Role.MEMBER, begins_on=begins_on)
    return person


async def bot_says(server: BotServer, chat_id: int, text: str = "Hallo") -> int:
    """Send; gives the key of the row."""
    await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": text}))
    newest = await WebchatMessage.all().order_by("-id").first()
    assert newest is not None
    return int(newest.id)


async def listed(server: BotServer, person: Person) -> list[tuple[int, int]]:
    """The person's chats and how much is unread in each."""
    mine = await rooms.enter(server, person, TODAY)
    return [(room.place.chat_id, room.reading.unread) for room in await rooms.rooms(server, person.id, mine)]


async def test_chats_follow_the_seats(server: BotServer, body: Body, anna: Person) -> None:
    later = await seated(body, "Berta", begins_on=date(2026, 11, 19))

    assert await rooms.enter(server, anna, TODAY) == {anna.id, GROUP}
    assert await rooms.enter(server, later, TODAY) == {later.id}
    assert await rooms.enter(server, later, date(2026, 11, 19)) == {later.id, GROUP}


async def test_second_visit_writes_nothing(
    server: BotServer, anna: Person, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await rooms.enter(server, anna, TODAY)

    with statements() as counted:
        await rooms.enter(server, anna, TODAY)

    assert (len(counted.statements), counted.commits) == (3, 0)


async def test_new_names_arrive(server: BotServer, body: Body, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    anna.family_name, body.name = "B" * 100, "T" * 200
    await body.save()

    await rooms.enter(server, anna, TODAY)

    user = await WebchatUser.get(user_id=anna.id)
    group = await WebchatChat.get(chat_id=GROUP)
    assert (user.last_name, group.title) == ("B" * 64, "T" * 128)


async def test_who_comes_later_finds_what_was_said_but_no_news(server: BotServer, body: Body, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    await bot_says(server, GROUP, "Vorher")
    berta = await seated(body, "Berta")

    before = await listed(server, berta)
    await bot_says(server, GROUP, "Nachher")

    assert before == [(berta.id, 0), (GROUP, 0)]
    assert await listed(server, berta) == [(berta.id, 0), (GROUP, 1)]
    assert await listed(server, anna) == [(anna.id, 0), (GROUP, 2)]
    assert len(await reading.messages(server, GROUP)) == 2


async def test_who_comes_back_is_in_the_group_again(server: BotServer, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    seat = await Membership.get(person=anna)
    await Membership.filter(id=seat.id).update(ends_on=date(2026, 11, 17))
    assert await listed(server, anna) == [(anna.id, 0)]
    await bot_says(server, GROUP)
    await Membership.filter(id=seat.id).update(ends_on=None)

    assert await listed(server, anna) == [(anna.id, 0), (GROUP, 0)]


async def test_reading_goes_only_forward_and_not_beyond_the_end(server: BotServer, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    for _ in range(3):
        await bot_says(server, anna.id)

    seen = []
    for message_id in (2, 1, 99):
        await rooms.mark_read(server, anna.id, anna.id, message_id)
        seen.append(await listed(server, anna))
    await bot_says(server, anna.id)

    assert [chats[0] for chats in seen] == [(anna.id, 1), (anna.id, 1), (anna.id, 0)]
    assert (await listed(server, anna))[0] == (anna.id, 1)


async def test_ones_own_and_deleted_and_service_messages_are_not_unread(server: BotServer, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    await people.writes(server, rooms.user_of(anna), GROUP, "Von mir")
    await bot_says(server, GROUP, "Karte")
    await api.answer(server, Call("pinChatMessage", {"chat_id": GROUP, "message_id": 2}))
    await bot_says(server, GROUP, "Weg")
    await api.answer(server, Call("deleteMessage", {"chat_id": GROUP, "message_id": 4}))

    assert await listed(server, anna) == [(anna.id, 0), (GROUP, 1)]


async def test_unread_says_since_when_and_up_to_where(
    server: BotServer, body: Body, anna: Person, clock: Clock, now: datetime
) -> None:
    berta = await seated(body, "Berta")
    for person in (anna, berta):
        await rooms.enter(server, person, TODAY)
    await bot_says(server, anna.id)
    clock.passes(minutes=5)
    newest = await bot_says(server, GROUP)

    assert await rooms.unread(server, clock()) == [
        Unread(anna.id, now, newest),
        Unread(berta.id, now + timedelta(minutes=5), newest),
    ]


async def test_unread_knows_nobody_without_news_seat_or_office(
    server: BotServer, body: Body, anna: Person, clock: Clock
) -> None:
    gone, left = await seated(body, "Gerd"), await seated(body, "Lisa")
    for person in (anna, gone, left):
        await rooms.enter(server, person, TODAY)
    await bot_says(server, GROUP)
    await rooms.mark_read(server, anna.id, GROUP, 1)
    await Membership.filter(person=gone).update(ends_on=date(2026, 11, 17))
    await Person.filter(id=left.id).update(left_at=clock())

    assert await rooms.unread(server, clock()) == []


async def test_private_message_is_unread_without_any_group(server: BotServer, clock: Clock) -> None:
    carla = await Person.create(key="carla", given_name="Carla", family_name="Cramer")
    await rooms.enter(server, carla, TODAY)
    newest = await bot_says(server, carla.id)

    assert await rooms.unread(server, clock()) == [Unread(carla.id, clock(), newest)]


async def test_rooms_are_open_before_anybody_comes(server: BotServer, anna: Person, clock: Clock) -> None:
    blocked = await Person.create(key="bea", given_name="Bea", family_name="Blum")
    for person, state in ((anna, ChannelState.ACTIVE), (blocked, ChannelState.UNLINKED)):
        await Channel.create(
            person=person, network=Network.WEBCHAT, address=str(person.id), state=state, linked_at=clock()
        )

    for _ in range(2):
        await rooms.open_rooms(server)
        await bot_says(server, anna.id)
        await bot_says(server, GROUP)

    assert sorted(chat.chat_id for chat in await WebchatChat.all()) == [GROUP, anna.id]


async def test_first_message_of_faden_can_be_answered_by_its_button(server: BotServer, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    keyboard = {"inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}]]}
    await api.answer(server, Call("sendMessage", {"chat_id": anna.id, "text": "Kommen Sie?", "reply_markup": keyboard}))

    await people.presses(server, rooms.user_of(anna), anna.id, 1, "yes")

    waiting = await api.answer(server, Call("getUpdates"))
    assert isinstance(waiting, list)
    assert [update["callback_query"]["data"] for update in waiting] == ["yes"]


async def another_group(anna: Person, number: int, clock: Clock) -> int:
    """One more body in which Anna sits; its group."""
    body = await Body.create(code=f"AG{number}", name=f"AG {number}", kind=BodyKind.WORKING_GROUP)
    await Membership.create(body=body, person=anna, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=-number, linked_at=clock())
    return -number


@pytest.mark.parametrize("groups", [1, 3])
async def test_unread_of_all_costs_the_same_for_one_and_three_groups(
    server: BotServer,
    anna: Person,
    clock: Clock,
    statements: Callable[[], AbstractContextManager[Counted]],
    groups: int,
) -> None:
    more = [await another_group(anna, number, clock) for number in range(2, groups + 1)]
    await rooms.enter(server, anna, TODAY)
    for group in (GROUP, *more):
        await bot_says(server, group)

    with statements() as counted:
        found = await rooms.unread(server, clock())

    assert [one.person for one in found] == [anna.id]
    assert len(counted.statements) == 2


@pytest.mark.parametrize("groups", [1, 3])
async def test_rooms_are_opened_at_the_same_cost_for_one_and_three_groups_and_people(
    server: BotServer,
    anna: Person,
    clock: Clock,
    statements: Callable[[], AbstractContextManager[Counted]],
    groups: int,
) -> None:
    for number in range(2, groups + 1):
        await another_group(anna, number, clock)
        person = await seated(await Body.get(code="TK"), f"Berta {number}")
        await Channel.create(person=person, network=Network.WEBCHAT, address=f"{person.id}", linked_at=clock())
    await Channel.create(person=anna, network=Network.WEBCHAT, address=f"{anna.id}", linked_at=clock())

    with statements() as first:
        await rooms.open_rooms(server)
    with statements() as again:
        await rooms.open_rooms(server)

    assert await WebchatChat.all().count() == 2 * groups
    assert (len(first.statements), len(again.statements)) == (11, 6)


async def test_no_more_unread_are_counted_than_anybody_reads(server: BotServer, anna: Person) -> None:
    await rooms.enter(server, anna, TODAY)
    for _ in range(rooms.MOST_UNREAD + 2):
        await bot_says(server, anna.id)

    assert (await listed(server, anna))[0] == (anna.id, 100)


@pytest.mark.only_on("sqlite")  # it says in words how it finds rows
async def test_what_is_unread_is_found_by_its_index(
    server: BotServer, anna: Person, clock: Clock, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await rooms.enter(server, anna, TODAY)

    with statements() as counted:
        await listed(server, anna)
        await rooms.unread(server, clock())

    plans = [await db.execute(f"EXPLAIN QUERY PLAN {said.replace('?', '1')}") for said in counted.statements]
    found = {step["detail"] for plan in plans for step in plan if step["detail"].split()[1] == "m"}
    assert {detail.split()[0] for detail in found} == {"SEARCH"}
    assert "SEARCH m USING INDEX sqlite_autoindex_webchat_message_1 (chat_id=? AND message_id>?)" in found
