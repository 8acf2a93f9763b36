"""What people read, and how they learn of what is new."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from bot.webchat import api, people, reading, updates
from bot.webchat.calls import Call
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from storage import db
from storage.vocabulary import Network
from tests import telegram_client
from tests.conftest import Counted
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock

YES = {"inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}]]}


async def send(server: BotServer, chat_id: int, text: str = "Hallo", **params: object) -> int:
    message = await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": text, **params}))
    assert isinstance(message, dict)
    return int(message["message_id"])


async def number_of(server: BotServer) -> int:
    """The newest change."""
    return int((await updates.settings(server)).change)


async def test_messages_are_read_in_order_and_in_parts(server: BotServer, anna: User) -> None:
    for number in range(2, 6):
        await send(server, anna.id, f"<b>{number}</b>", parse_mode="HTML")

    async def ids(**bounds: int) -> list[int]:
        return [seen.message_id for seen in await reading.messages(server, anna.id, **bounds)]

    assert await ids() == [1, 2, 3, 4, 5]
    assert await ids(after=3) == [4, 5]
    assert await ids(limit=2) == [4, 5]
    assert await ids(before=4, limit=2) == [2, 3]
    assert [seen.html for seen in await reading.messages(server, anna.id, after=4)] == ["<b>5</b>"]
    assert await reading.messages(server, 999) == []


@pytest.mark.parametrize("count", [1, 3])
async def test_list_of_replies_costs_two_queries(
    server: BotServer, anna: User, statements: Callable[[], AbstractContextManager[Counted]], count: int
) -> None:
    for _ in range(count):
        await send(server, anna.id, reply_parameters={"message_id": 1})

    with statements() as counted:
        found = await reading.messages(server, anna.id, after=1)

    assert [seen.message["reply_to_message"]["text"] for seen in found] == ["/start"] * count
    assert len(counted.statements) == 2


async def test_messages_survive_a_restart(store: str, clock: Clock) -> None:
    before = BotServer(Network.WEBCHAT, TOKEN, clock)
    await people.writes(before, ANNA, ANNA.id, "/start")
    await send(before, ANNA.id, reply_markup=YES)
    told = await reading.messages(before, ANNA.id)
    await db.close_store()
    await db.open_store(store)

    after = BotServer(Network.WEBCHAT, TOKEN, clock)

    assert await reading.messages(after, ANNA.id) == told
    assert await send(after, ANNA.id) == 3


async def test_news_are_of_the_chats_that_are_asked_for(server: BotServer, group: int) -> None:
    await send(server, group)
    await people.writes(server, User(103, "Cem"), 103, "nicht für Anna")

    found = await reading.news(server, {ANNA.id: 0, group: 0}, await number_of(server))

    assert {seen.chat_id for seen in found} == {ANNA.id, group}
    assert await reading.news(server, {}, 99) == []


async def test_news_are_what_is_new_edited_and_deleted_since(server: BotServer, anna: User) -> None:
    edited, deleted = await send(server, anna.id, reply_markup=YES), await send(server, anna.id)
    before = await number_of(server)

    await api.answer(server, Call("editMessageText", {"chat_id": anna.id, "message_id": edited, "text": "Neu"}))
    await api.answer(server, Call("deleteMessage", {"chat_id": anna.id, "message_id": deleted}))
    new = await send(server, anna.id)
    found = await reading.news(server, {anna.id: before}, await number_of(server))

    assert [(seen.message_id, seen.html, seen.deleted) for seen in found] == [
        (edited, "Neu", False),
        (deleted, "", True),
        (new, "Hallo", False),
    ]


async def test_news_begin_for_each_chat_where_it_was_read_and_end_with_the_number(
    server: BotServer, anna: User, group: int
) -> None:
    await send(server, anna.id, "A1")
    await send(server, group, "G1")
    middle = await number_of(server)
    await send(server, anna.id, "A2")
    await send(server, group, "G2")
    end = await number_of(server)
    await send(server, group, "G3")

    found = await reading.news(server, {anna.id: middle, group: middle - 1}, end)

    assert sorted(seen.html for seen in found) == ["A2", "G1", "G2"]


async def test_answers_are_those_to_ones_own_presses_since(server: BotServer, anna: User) -> None:
    message = await send(server, anna.id, reply_markup=YES)
    first, second = [await people.presses(server, anna, anna.id, message, 0) for _ in range(2)]
    await api.answer(server, Call("answerCallbackQuery", {"callback_query_id": first, "text": "Notiert"}))
    middle = await number_of(server)

    waiting = await reading.answers(server, {anna.id: middle, BEN.id: 0}, middle)
    await api.answer(
        server, Call("answerCallbackQuery", {"callback_query_id": second, "text": "Gut", "show_alert": True})
    )
    end = await number_of(server)
    found = await reading.answers(server, {anna.id: middle, BEN.id: 0}, end)

    assert waiting == {}
    assert [(one.callback_query_id, one.text, one.show_alert) for one in found[anna.id]] == [(second, "Gut", True)]
    assert len((await reading.answers(server, {anna.id: 0}, end))[anna.id]) == 2
    assert await reading.answers(server, {}, end) == {}


async def test_newest_change_of_a_chat_is_that_of_its_messages(server: BotServer, anna: User, group: int) -> None:
    await send(server, group)
    newest = await number_of(server)
    await people.arrives(server, User(103, "Cem"))

    found = await reading.newest(server, [anna.id, group, 103])

    assert (found[group], found[103]) == (newest, 0)
    assert 0 < found[anna.id] < newest
    assert await reading.newest(server, []) == {}


@pytest.mark.only_on("sqlite")  # it says in words how it finds rows
async def test_news_are_found_by_the_index_of_changes(
    server: BotServer, anna: User, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    with statements() as counted:
        await reading.news(server, {anna.id: 1}, 2)
        await reading.newest(server, [anna.id])
        await reading.answers(server, {anna.id: 1}, 2)

    plans = [await db.execute(f"EXPLAIN QUERY PLAN {said.replace('?', '1')}") for said in counted.statements]
    found = [step["detail"] for plan in plans for step in plan if step["detail"].split()[1] in {"m", "p"}]
    assert [step for step in found if step.startswith("SCAN")] == []
    assert any("(chat_id=? AND change>? AND change<?)" in step for step in found)


async def test_who_has_left_a_group_has_it_no_more(server: BotServer, group: int) -> None:
    assert [chat.title for chat in await reading.chats(server, BEN.id)] == ["Sozialraumteam Mitte"]
    await telegram_client.leave(server, BEN, group)

    assert await reading.chats(server, BEN.id) == []


async def test_commands_come_from_the_narrowest_scope(server: BotServer, group: int) -> None:
    async def offer(command: str, language: str = "", **scope: object) -> None:
        commands = [{"command": command, "description": "x"}]
        await api.answer(
            server, Call("setMyCommands", {"commands": commands, "scope": scope, "language_code": language})
        )

    async def sees(user: User, chat_id: int) -> list[str]:
        return [menu["command"] for menu in await reading.commands_for(server, user.id, chat_id)]

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
    message_id = await people.sends_file(server, ANNA, group, "Plan.pdf", "application/pdf", b"%PDF")
    seen = await reading.message(server, group, message_id)
    assert seen is not None
    file_id = seen.message["document"]["file_id"]

    file = await reading.file_for(server, BEN.id, file_id)

    assert file is not None
    assert (file.name, file.content) == ("Plan.pdf", b"%PDF")
    assert await reading.file_for(server, 103, file_id) is None
    await telegram_client.leave(server, BEN, GROUP)
    assert await reading.file_for(server, BEN.id, file_id) is None


async def test_answer_to_an_unknown_press_is_none(server: BotServer) -> None:
    assert await reading.answer_of(server, "7") is None
