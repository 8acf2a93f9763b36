"""What people do, and the updates that the bot gets of it, exactly as Telegram sends them."""

from typing import Any

import pytest

from bot.webchat import api, people, reading
from bot.webchat.calls import Call
from bot.webchat.errors import NotAllowed
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from storage.models.webchat import ChatType
from storage.vocabulary import Network
from tests import telegram_client
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock, updates

ANNA_JSON = {
    "id": 101,
    "is_bot": False,
    "first_name": "Anna",
    "last_name": "Ahrens",
    "username": "anna_ahrens",
    "language_code": "de",
}
ANNA_CHAT = {"id": 101, "type": "private", "first_name": "Anna", "last_name": "Ahrens", "username": "anna_ahrens"}
BEN_JSON = {"id": 102, "is_bot": False, "first_name": "Ben", "language_code": "en"}
BOT_JSON = {"id": 4711, "is_bot": True, "first_name": "Faden", "username": "FadenBot"}
GROUP_JSON = {"id": GROUP, "type": "group", "title": "Sozialraumteam Mitte"}


async def send(server: BotServer, chat_id: int, **params: object) -> int:
    message = await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": "Hallo", **params}))
    assert isinstance(message, dict)
    return int(message["message_id"])


def statuses(update: dict[str, Any], kind: str = "my_chat_member") -> tuple[str, str]:
    moved = update[kind]
    return moved["old_chat_member"]["status"], moved["new_chat_member"]["status"]


async def test_nobody_has_the_number_of_the_bot(server: BotServer) -> None:
    with pytest.raises(NotAllowed):
        await people.writes(server, User(server.bot.id, "Anna"), server.bot.id, "Hallo")


async def test_command_arrives_with_its_entity(server: BotServer) -> None:
    message_id = await people.writes(server, ANNA, ANNA.id, " /top TK: Kinderbauernhof 😀 ")

    date = int(server.clock().timestamp())
    assert message_id == 1
    assert await updates(server) == [
        {
            "update_id": 1,
            "message": {
                "message_id": 1,
                "date": date,
                "from": ANNA_JSON,
                "chat": ANNA_CHAT,
                "text": "/top TK: Kinderbauernhof 😀",
                "entities": [{"type": "bot_command", "offset": 0, "length": 4}],
            },
        }
    ]


async def test_person_is_known_by_the_names_of_today(server: BotServer, anna: User) -> None:
    await people.writes(server, User(anna.id, "Anna", "en", "Berg"), anna.id, "Ich heiße jetzt anders")

    renamed = (await updates(server))[-1]["message"]["from"]
    assert renamed == {"id": 101, "is_bot": False, "first_name": "Anna", "last_name": "Berg", "language_code": "en"}


async def test_own_text_is_edited(server: BotServer, anna: User, clock: Clock) -> None:
    await updates(server)
    clock.passes(seconds=60)

    await telegram_client.edits(server, anna, anna.id, 1, "/hilfe")

    edited = (await updates(server))[0]["edited_message"]
    assert (edited["message_id"], edited["text"], edited["edit_date"] - edited["date"]) == (1, "/hilfe", 60)


async def test_file_arrives_and_can_be_fetched(server: BotServer) -> None:
    await people.sends_file(server, ANNA, ANNA.id, "Plan.pdf", "application/pdf", b"%PDF", caption="der Plan")

    message = (await updates(server))[0]["message"]
    document = message["document"]
    assert (message["caption"], document["file_name"], document["mime_type"], document["file_size"]) == (
        "der Plan",
        "Plan.pdf",
        "application/pdf",
        4,
    )
    file = await api.answer(server, Call("getFile", {"file_id": document["file_id"]}))
    assert isinstance(file, dict)
    assert await api.download(server, file["file_path"]) == b"%PDF"


async def test_press_arrives_with_its_message(server: BotServer, anna: User) -> None:
    keyboard = [
        [{"text": "Seite", "url": "https://faden.example"}, {"text": "Ja", "callback_data": "yes"}],
        [{"text": "Nein", "callback_data": "no"}],
    ]
    message_id = await send(server, anna.id, reply_markup={"inline_keyboard": keyboard})
    await updates(server)

    query_id = await people.presses(server, anna, anna.id, message_id, 2)

    query = (await updates(server))[0]["callback_query"]
    assert (query["id"], query["from"], query["data"]) == (query_id, ANNA_JSON, "no")
    assert (query["message"]["message_id"], query["message"]["from"]) == (message_id, BOT_JSON)
    assert query["message"]["reply_markup"] == {"inline_keyboard": keyboard}


async def test_forged_press_arrives_with_any_data(server: BotServer, anna: User) -> None:
    message_id = await send(server, anna.id)
    await updates(server)

    await people.presses(server, anna, anna.id, message_id, "v1:forged")

    assert [update["callback_query"]["data"] for update in await updates(server)] == ["v1:forged"]


async def test_blocking_and_coming_back_is_told(server: BotServer, anna: User) -> None:
    await updates(server)

    await telegram_client.blocks_bot(server, anna)
    await telegram_client.blocks_bot(server, anna)
    await people.writes(server, anna, anna.id, "/start")

    blocked, unblocked, started = await updates(server)
    assert (blocked["my_chat_member"]["chat"], blocked["my_chat_member"]["from"]) == (ANNA_CHAT, ANNA_JSON)
    assert statuses(blocked) == ("member", "kicked")
    assert statuses(unblocked) == ("kicked", "member")
    assert started["message"]["text"] == "/start"


async def test_bot_in_a_group_is_told_of_its_place(server: BotServer, anna: User) -> None:
    await updates(server)
    await telegram_client.create_group(server, anna, GROUP, "Sozialraumteam Mitte")

    await telegram_client.add_bot(server, anna, GROUP)
    await telegram_client.add_bot(server, anna, GROUP, administrator=True)
    await telegram_client.kick_bot(server, anna, GROUP)

    added, welcomed, promoted, kicked = await updates(server)
    assert added["my_chat_member"]["chat"] == GROUP_JSON
    assert statuses(added) == ("left", "member")
    assert welcomed["message"]["new_chat_members"] == [BOT_JSON]
    assert statuses(promoted) == ("member", "administrator")
    assert statuses(kicked) == ("administrator", "kicked")


async def test_bot_that_leaves_is_told_so(server: BotServer, group: int) -> None:
    await updates(server)

    await api.answer(server, Call("leaveChat", {"chat_id": group}))

    (left,) = await updates(server)
    assert left["my_chat_member"]["from"] == BOT_JSON
    assert statuses(left) == ("member", "left")


async def test_joining_and_leaving_are_service_messages(server: BotServer, group: int) -> None:
    await updates(server)

    await telegram_client.leave(server, BEN, group)
    await telegram_client.join_group(server, BEN, group)
    await telegram_client.join_group(server, BEN, group)

    left, joined = await updates(server)
    assert left["message"]["left_chat_member"] == BEN_JSON
    assert joined["message"]["new_chat_members"] == [BEN_JSON]


async def test_chat_member_updates_need_rank_and_asking(server: BotServer, anna: User, group: int) -> None:
    await api.answer(server, Call("getUpdates", {"allowed_updates": ["chat_member"]}))
    await updates(server)
    await telegram_client.leave(server, BEN, group)
    as_member = await updates(server)
    await telegram_client.add_bot(server, anna, group, administrator=True)
    await telegram_client.join_group(server, BEN, group)
    asked = await updates(server)
    await api.answer(server, Call("getUpdates", {"allowed_updates": ["message"]}))
    await telegram_client.leave(server, BEN, group)

    assert as_member == []
    assert [statuses(update, "chat_member") for update in asked] == [("left", "member")]
    assert ["chat_member" in update for update in await updates(server)] == [False]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Guten Morgen", False),
        ("/termine", True),
        ("/termine@FadenBot", True),
        ("/termine@fadenbot", True),
        ("/termine@AnotherBot", False),
        ("bitte /termine", False),
        ("😀 @FadenBot hilf", True),
        ("@anna_ahrens schau", False),
    ],
)
async def test_privacy_mode_hides_talk_among_people(server: BotServer, group: int, text: str, *, seen: bool) -> None:
    await updates(server)

    await people.writes(server, BEN, group, text)

    assert [update["message"]["text"] for update in await updates(server)] == [text] * seen


async def test_privacy_mode_lets_replies_to_the_bot_through(server: BotServer, anna: User, group: int) -> None:
    card = await send(server, group)
    talk = await people.writes(server, anna, group, "Wer kommt?")
    await updates(server)

    await people.writes(server, BEN, group, "ich", reply_to=talk)
    await people.writes(server, BEN, group, "ich auch", reply_to=card)

    (reply,) = await updates(server)
    assert (reply["message"]["text"], reply["message"]["reply_to_message"]["from"]) == ("ich auch", BOT_JSON)


async def test_administrator_and_bot_without_privacy_see_all(server: BotServer, group: int, clock: Clock) -> None:
    await telegram_client.add_bot(server, ANNA, group, administrator=True)
    await updates(server)
    await people.writes(server, BEN, group, "Guten Morgen")
    curious = BotServer(Network.WEBCHAT, TOKEN, clock, privacy=False)
    await telegram_client.create_group(curious, ANNA, GROUP, "Trägerkonferenz")
    await telegram_client.add_bot(curious, ANNA, GROUP)
    await updates(curious)

    await people.writes(curious, ANNA, GROUP, "Guten Abend")

    assert [update["message"]["text"] for update in await updates(server)] == ["Guten Morgen"]
    assert [update["message"]["text"] for update in await updates(curious)] == ["Guten Abend"]


async def test_group_without_the_bot_tells_it_nothing(server: BotServer, anna: User, group: int) -> None:
    card = await send(server, group)
    await telegram_client.kick_bot(server, anna, group)
    await updates(server)

    await people.writes(server, anna, group, "/termine")
    await people.presses(server, anna, group, card, "yes")

    assert await updates(server) == []


async def test_upgrade_takes_everybody_along(server: BotServer, anna: User, group: int) -> None:
    await updates(server)

    supergroup = await telegram_client.upgrade_group_to_supergroup(server, anna, group)

    last, first = await updates(server)
    assert last["message"]["migrate_to_chat_id"] == supergroup
    assert (first["message"]["migrate_from_chat_id"], first["message"]["chat"]) == (
        group,
        {"id": supergroup, "type": "supergroup", "title": "Sozialraumteam Mitte"},
    )
    await people.writes(server, BEN, supergroup, "/termine")
    with pytest.raises(NotAllowed):
        await people.writes(server, BEN, group, "/termine")
    with pytest.raises(NotAllowed):
        await telegram_client.upgrade_group_to_supergroup(server, anna, supergroup)


async def test_supergroup_can_be_opened_as_such(server: BotServer, anna: User) -> None:
    await telegram_client.create_group(server, anna, -1001, "Trägerkonferenz", kind=ChatType.SUPERGROUP)

    assert [chat.type for chat in await reading.chats(server, anna.id)] == [ChatType.PRIVATE, ChatType.SUPERGROUP]


async def test_people_do_only_what_a_client_offers(server: BotServer, anna: User, group: int) -> None:
    stranger = User(103, "Cem")
    card = await send(
        server, group, reply_markup={"inline_keyboard": [[{"text": "x", "url": "https://faden.example"}]]}
    )
    talk = await people.writes(server, anna, group, "Hallo")

    for attempt in (
        people.writes(server, stranger, group, "Hallo"),
        people.writes(server, stranger, anna.id, "Hallo"),
        people.writes(server, anna, anna.id, " "),
        people.writes(server, anna, anna.id, "x" * 4097),
        people.writes(server, anna, -999, "Hallo"),
        telegram_client.edits(server, BEN, group, talk, "anders"),
        telegram_client.edits(server, anna, group, 99, "anders"),
        people.sends_file(server, anna, anna.id, "leer.txt", "text/plain", b""),
        people.presses(server, stranger, group, card, "yes"),
        people.presses(server, anna, group, card, 0),
        people.presses(server, anna, group, card, 1),
        people.presses(server, anna, group, card, "x" * 65),
        people.presses(server, anna, group, talk, "yes"),
        people.presses(server, anna, group, 99, "yes"),
        telegram_client.create_group(server, anna, group, "noch einmal"),
        telegram_client.create_group(server, anna, 5, "positiv"),
        telegram_client.add_bot(server, stranger, group),
        telegram_client.kick_bot(server, stranger, group),
        telegram_client.leave(server, stranger, group),
    ):
        with pytest.raises(NotAllowed):
            await attempt


async def test_message_of_commands_alone_marks_a_hundred_of_them(server: BotServer, anna: User) -> None:
    text = "/a " * 1365

    await people.writes(server, anna, anna.id, text)

    update = (await updates(server))[-1]
    assert update["message"]["text"] == text.strip()
    assert update["message"]["entities"] == [
        {"type": "bot_command", "offset": 3 * number, "length": 2} for number in range(100)
    ]
    assert (await reading.messages(server, anna.id))[-1].html == text.strip()


@pytest.mark.parametrize("text", ["x" * 4097, "🙂" * 2049])
async def test_text_over_the_limit_is_refused_also_beside_a_file(server: BotServer, anna: User, text: str) -> None:
    with pytest.raises(NotAllowed):
        await people.writes(server, anna, anna.id, text)
    with pytest.raises(NotAllowed):
        await people.sends_file(server, anna, anna.id, "a.pdf", "application/pdf", b"%PDF", caption=text)
