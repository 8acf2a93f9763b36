"""What people read, and how they learn of what is new."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing

import pytest

from bot.webchat import reading
from bot.webchat.calls import Call
from bot.webchat.objects import User
from bot.webchat.reading import Changes
from bot.webchat.server import BotServer
from storage import db
from storage.vocabulary import Network
from tests.conftest import Counted
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock

YES = {"inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}]]}


async def send(server: BotServer, chat_id: int, text: str = "Hallo", **params: object) -> int:
    message = await server.call(Call("sendMessage", {"chat_id": chat_id, "text": text, **params}))
    assert isinstance(message, dict)
    return int(message["message_id"])


async def latest(server: BotServer, user_id: int, after: int = 0) -> Changes:
    """The first look at what is new."""
    async with aclosing(server.changes(user_id, after)) as looks:
        return await anext(looks)


async def test_messages_are_read_in_order_and_in_parts(server: BotServer, anna: User) -> None:
    for number in range(2, 6):
        await send(server, anna.id, f"<b>{number}</b>", parse_mode="HTML")

    async def ids(**bounds: int) -> list[int]:
        return [seen.message_id for seen in await server.messages(anna.id, **bounds)]

    assert await ids() == [1, 2, 3, 4, 5]
    assert await ids(after=3) == [4, 5]
    assert await ids(limit=2) == [4, 5]
    assert await ids(before=4, limit=2) == [2, 3]
    assert [seen.html for seen in await server.messages(anna.id, after=4)] == ["<b>5</b>"]
    assert await server.messages(999) == []


@pytest.mark.parametrize("count", [1, 3])
async def test_list_of_replies_costs_two_queries(
    server: BotServer, anna: User, statements: Callable[[], AbstractContextManager[Counted]], count: int
) -> None:
    for _ in range(count):
        await send(server, anna.id, reply_parameters={"message_id": 1})

    with statements() as counted:
        found = await server.messages(anna.id, after=1)

    assert [seen.message["reply_to_message"]["text"] for seen in found] == ["/start"] * count
    assert len(counted.statements) == 2


async def test_messages_survive_a_restart(store: str, clock: Clock) -> None:
    before = BotServer(Network.WEBCHAT, TOKEN, clock)
    await before.person_writes(ANNA, ANNA.id, "/start")
    await send(before, ANNA.id, reply_markup=YES)
    told = await before.messages(ANNA.id)
    await db.close_store()
    await db.open_store(store)

    after = BotServer(Network.WEBCHAT, TOKEN, clock)

    assert await after.messages(ANNA.id) == told
    assert await send(after, ANNA.id) == 3


async def test_first_look_shows_everything(server: BotServer, group: int) -> None:
    await send(server, group)
    await server.person_writes(User(103, "Cem"), 103, "nicht für Anna")

    changes = await latest(server, ANNA.id)

    assert [(chat.chat_id, chat.title, chat.member) for chat in changes.chats] == [
        (ANNA.id, "Faden", True),
        (group, "Sozialraumteam Mitte", True),
    ]
    assert {seen.chat_id for seen in changes.messages} == {ANNA.id, group}


async def test_next_look_shows_what_is_new_edited_deleted_and_answered(server: BotServer, anna: User) -> None:
    edited, deleted = await send(server, anna.id, reply_markup=YES), await send(server, anna.id)
    query_id = await server.person_presses(anna, anna.id, edited, 0)
    before = await latest(server, anna.id)

    await server.call(Call("editMessageText", {"chat_id": anna.id, "message_id": edited, "text": "Neu"}))
    await server.call(Call("deleteMessage", {"chat_id": anna.id, "message_id": deleted}))
    new = await send(server, anna.id)
    await server.call(Call("answerCallbackQuery", {"callback_query_id": query_id, "text": "Zugesagt"}))
    changes = await latest(server, anna.id, before.number)

    assert [(seen.message_id, seen.html, seen.deleted) for seen in changes.messages] == [
        (edited, "Neu", False),
        (deleted, "", True),
        (new, "Hallo", False),
    ]
    assert [(answer.callback_query_id, answer.text) for answer in changes.answers] == [(query_id, "Zugesagt")]
    assert changes.chats == []


async def test_pin_and_departure_show_in_the_chats(server: BotServer, group: int) -> None:
    await server.add_bot(ANNA, group, administrator=True)
    card = await send(server, group)
    start = (await latest(server, BEN.id)).number
    await server.call(Call("pinChatMessage", {"chat_id": group, "message_id": card}))
    pinned = await latest(server, BEN.id, start)
    await server.leave(BEN, group)
    left = await latest(server, BEN.id, pinned.number)

    assert [(chat.pinned_message_id, chat.member) for chat in pinned.chats] == [(card, True)]
    assert [(chat.chat_id, chat.member) for chat in left.chats] == [(group, False)]
    assert left.messages == []
    assert await server.chats(BEN.id) == []


async def woken(looks: AsyncIterator[Changes]) -> asyncio.Task[Changes]:
    """A look that waits for what is new."""
    task = asyncio.ensure_future(anext(looks))
    await asyncio.sleep(0)
    return task


async def test_waiting_reader_is_woken_by_a_commit(server: BotServer, group: int) -> None:
    start = (await latest(server, ANNA.id)).number
    async with aclosing(server.changes(ANNA.id, start)) as looks:
        private = await woken(looks)
        await send(server, ANNA.id, "für Anna")
        first = await private
        public = await woken(looks)
        await server.person_writes(BEN, group, "für alle")
        second = await public

    assert [seen.html for seen in first.messages] == ["für Anna"]
    assert [seen.html for seen in second.messages] == ["für alle"]


async def test_burst_is_read_without_a_gap(server: BotServer, anna: User) -> None:
    read: list[str] = []

    async def read_to_the_end() -> None:
        async with aclosing(server.changes(anna.id, 0)) as looks:
            async for changes in looks:
                read.extend(seen.html for seen in changes.messages)
                if "49" in read:
                    return

    async with asyncio.TaskGroup() as both:
        both.create_task(read_to_the_end())
        for number in range(50):
            await send(server, anna.id, str(number))

    assert read == ["/start", *map(str, range(50))]


async def test_typing_is_shown_to_who_looks(server: BotServer, anna: User) -> None:
    start = (await latest(server, anna.id)).number
    async with aclosing(server.changes(anna.id, start)) as looks:
        look = await woken(looks)

        await server.call(Call("sendChatAction", {"chat_id": anna.id, "action": "typing"}))

        assert await look == Changes(start, [], [], [], [anna.id])


async def test_reader_looks_again_when_another_process_wrote(
    server: BotServer, anna: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOK_AGAIN_SECONDS", 0.01)
    elsewhere = BotServer(server.network, TOKEN, clock)
    start = (await latest(server, anna.id)).number
    async with aclosing(server.changes(anna.id, start)) as looks:
        look = await woken(looks)

        await send(elsewhere, anna.id, "von nebenan")

        assert [seen.html for seen in (await look).messages] == ["von nebenan"]


async def test_commands_come_from_the_narrowest_scope(server: BotServer, group: int) -> None:
    async def offer(command: str, language: str = "", **scope: object) -> None:
        commands = [{"command": command, "description": "x"}]
        await server.call(Call("setMyCommands", {"commands": commands, "scope": scope, "language_code": language}))

    async def sees(user: User, chat_id: int) -> list[str]:
        return [menu["command"] for menu in await server.commands_for(user.id, chat_id)]

    assert await sees(ANNA, ANNA.id) == []
    await offer("all")
    await offer("alle", "de")
    assert await sees(ANNA, group) == ["alle"]
    assert await sees(BEN, group) == ["all"]
    await offer("private", type="all_private_chats")
    await offer("groups", type="all_group_chats")
    assert await sees(ANNA, ANNA.id) == ["private"]
    assert await sees(ANNA, group) == ["groups"]
    await offer("leads", type="all_chat_administrators")
    assert await sees(ANNA, group) == ["leads"]
    await offer("here", type="chat", chat_id=group)
    await offer("leads_here", type="chat_administrators", chat_id=group)
    await offer("ben_here", type="chat_member", chat_id=group, user_id=BEN.id)
    assert await sees(ANNA, group) == ["leads_here"]
    assert await sees(BEN, group) == ["ben_here"]
    assert await sees(User(104, "Dora"), group) == ["here"]


async def test_file_is_for_those_who_see_its_message(server: BotServer, group: int) -> None:
    message_id = await server.person_sends_file(ANNA, group, "Plan.pdf", "application/pdf", b"%PDF")
    seen = await server.message(group, message_id)
    assert seen is not None
    file_id = seen.message["document"]["file_id"]

    file = await server.file_for(BEN.id, file_id)

    assert file is not None
    assert (file.name, file.content) == ("Plan.pdf", b"%PDF")
    assert await server.file_for(103, file_id) is None
    await server.leave(BEN, GROUP)
    assert await server.file_for(BEN.id, file_id) is None


async def test_answer_to_an_unknown_press_is_none(server: BotServer) -> None:
    assert await server.answer_of("7") is None
