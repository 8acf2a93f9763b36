"""What the bot may call, and every refusal in Telegram's words."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from bot.webchat import api, people, reading
from bot.webchat.calls import Call, Upload
from bot.webchat.errors import ApiError, ConnectionCut
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Fault, Options
from storage.models.webchat import ChatType, WebchatFile
from storage.vocabulary import Network
from tests import telegram_client
from tests.telegram_rates import Limit, Limits, enforced
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock, refusal

SAME = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


async def send(server: BotServer, chat_id: int, text: str = "Hallo", **params: object) -> dict[str, Any]:
    message = await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": text, **params}))
    assert isinstance(message, dict)
    return message


def keys(*rows: list[dict[str, object]]) -> str:
    return json.dumps({"inline_keyboard": rows})


YES: dict[str, object] = {"text": "Ja", "callback_data": "v1:yes"}


async def test_get_me_shows_the_bot(server: BotServer) -> None:
    me = await api.answer(server, Call("getMe"))

    assert me == {
        "id": 4711,
        "is_bot": True,
        "first_name": "Faden",
        "username": "FadenBot",
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
    }


async def test_method_name_is_read_in_any_case_and_an_unknown_one_refused(server: BotServer) -> None:
    assert await api.answer(server, Call("GETME")) == await api.answer(server, Call("getMe"))
    assert await refusal(server, "sendPoll") == "Not Found: method not found"


async def test_wrong_token_is_unauthorized(server: BotServer) -> None:
    status, body = await api.respond(server, "4711:wrong", Call("getMe"))

    assert (status, body) == (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})


async def test_sent_message_is_shown_as_the_bot_api_shows_it(server: BotServer, anna: User, clock: Clock) -> None:
    message = await send(server, anna.id, " <b>Hallo</b> Anna ", parse_mode="HTML", reply_markup=keys([YES]))

    assert message == {
        "message_id": 2,
        "date": int(clock.now.timestamp()),
        "from": {"id": 4711, "is_bot": True, "first_name": "Faden", "username": "FadenBot"},
        "chat": {"id": 101, "type": "private", "first_name": "Anna", "last_name": "Ahrens", "username": "anna_ahrens"},
        "text": "Hallo Anna",
        "entities": [{"type": "bold", "offset": 0, "length": 5}],
        "reply_markup": {"inline_keyboard": [[YES]]},
    }


async def test_reply_is_kept(server: BotServer, anna: User) -> None:
    message = await send(server, anna.id, reply_parameters=json.dumps({"message_id": 1}))

    assert message["reply_to_message"]["text"] == "/start"
    assert message.keys() & {"message_thread_id", "is_topic_message"} == set()


async def test_topic_of_a_forum_is_kept(server: BotServer, anna: User) -> None:
    await telegram_client.create_group(server, anna, GROUP, "Forum", kind=ChatType.SUPERGROUP)
    await telegram_client.add_bot(server, anna, GROUP)
    await telegram_client.open_topic(server, GROUP, 7)

    message = await send(server, GROUP, message_thread_id="7")

    assert (message["message_thread_id"], message["is_topic_message"]) == (7, True)


@pytest.mark.parametrize("kind", [ChatType.PRIVATE, ChatType.GROUP, ChatType.SUPERGROUP])
async def test_thread_that_is_no_topic_is_not_found(server: BotServer, anna: User, kind: ChatType) -> None:
    chat = anna.id if kind is ChatType.PRIVATE else GROUP
    if kind is not ChatType.PRIVATE:
        await telegram_client.create_group(server, anna, GROUP, "Runde", kind=kind)
        await telegram_client.add_bot(server, anna, GROUP)
    asked = await send(server, chat)

    await people.writes(server, anna, chat, "Hier bin ich", reply_to=asked["message_id"])

    reply = (await reading.messages(server, chat))[-1].message
    assert (reply.get("message_thread_id"), reply.get("is_topic_message")) == (
        asked["message_id"] if kind is ChatType.SUPERGROUP else None,
        None,
    )
    with pytest.raises(ApiError, match="message thread not found"):
        await send(server, chat, message_thread_id=str(asked["message_id"]))


async def test_reply_to_nothing_is_refused_unless_it_may_stand_alone(server: BotServer, anna: User) -> None:
    alone = {"message_id": 99, "allow_sending_without_reply": True}

    message = await send(server, anna.id, reply_parameters=alone)

    assert "reply_to_message" not in message
    assert (
        await refusal(server, "sendMessage", chat_id=anna.id, text="x", reply_parameters={"message_id": 99})
        == "Bad Request: message to be replied not found"
    )


async def test_mention_by_id_needs_a_known_person(server: BotServer, anna: User) -> None:
    text = '<a href="tg://user?id=101">Anna</a> <a href="tg://user?id=999">Niemand</a>'

    message = await send(server, anna.id, text, parse_mode="html")

    assert [(entity["type"], entity["user"]["first_name"]) for entity in message["entities"]] == [
        ("text_mention", "Anna")
    ]


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n "}, "text must be non-empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "text must be non-empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "&amp;" * 7000, "parse_mode": "HTML"}, "message is too long"),
        ({"text": "<b>x</b> " * 101, "parse_mode": "HTML"}, "ENTITIES_TOO_LONG"),
        ({"text": "<x>", "parse_mode": "HTML"}, 'can\'t parse entities: Unsupported start tag "x" at byte offset 0'),
        ({"text": "x", "parse_mode": "MarkdownV2"}, "unsupported parse_mode"),
        ({"text": "x", "entities": "["}, "can't parse entities JSON object"),
        ({"text": "x", "entities": [{}]}, "entities are not supported by this server, use parse_mode HTML"),
        ({"text": "\ud83d"}, "strings must be encoded in UTF-8"),
        ({"text": "x", "message_thread_id": "seven"}, 'field "message_thread_id" must be of type Number'),
        ({"text": "x", "reply_markup": "[]"}, "object expected as reply markup"),
        ({"text": "x", "reply_markup": {"force_reply": True}}, "only inline keyboards are supported by this server"),
        (
            {"text": "x", "reply_markup": {"inline_keyboard": [{}]}},
            'field "inline_keyboard" must be an Array of Arrays',
        ),
        ({"text": "x", "reply_markup": keys([YES] * 9)}, "REPLY_MARKUP_TOO_LONG"),
        ({"text": "x", "reply_markup": keys(*[[YES]] * 101)}, "REPLY_MARKUP_TOO_LONG"),
    ],
)
async def test_message_that_telegram_refuses_is_refused(
    server: BotServer, anna: User, params: dict[str, Any], description: str
) -> None:
    assert await refusal(server, "sendMessage", chat_id=anna.id, **params) == f"Bad Request: {description}"


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ("Ja", "can't parse inline keyboard button: expected an Object"),
        ({"text": " ", "callback_data": "x"}, 'can\'t parse inline keyboard button: field "text" must be non-empty'),
        ({"text": "x"}, "can't parse inline keyboard button: text buttons are unallowed in the inline keyboard"),
        (
            {"text": "x", "url": "https://a.example", "callback_data": "x"},
            "can't parse inline keyboard button: too many actions",
        ),
        ({"text": "x", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": "ü" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": 7}, "BUTTON_DATA_INVALID"),
        (
            {"text": "x", "url": "webcal://faden.example/feed"},
            "inline keyboard button URL 'webcal://faden.example/feed' is invalid: Unsupported URL protocol",
        ),
        (
            {"text": "x", "url": "http://localhost:8080/"},
            "inline keyboard button URL 'http://localhost:8080/' is invalid: Wrong HTTP URL",
        ),
        ({"text": "x", "copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "x", "copy_text": "x"}, "BUTTON_COPY_TEXT_INVALID"),
        (
            {"text": "x", "callback_data": "x", "style": "loud"},
            "can't parse inline keyboard button: invalid button style specified",
        ),
    ],
)
async def test_button_that_telegram_refuses_is_refused(
    server: BotServer, anna: User, button: object, description: str
) -> None:
    markup = {"inline_keyboard": [[button]]}

    said = await refusal(server, "sendMessage", chat_id=anna.id, text="x", reply_markup=markup)

    assert said == f"Bad Request: {description}"


async def test_longest_of_everything_passes(server: BotServer, anna: User) -> None:
    row: list[dict[str, object]] = [{"text": "x", "callback_data": "ü" * 32}] * 8
    last: list[dict[str, object]] = [
        {"text": "x", "url": "https://faden.example", "style": "primary"},
        {"text": "x", "copy_text": {"text": "y" * 256}},
    ]

    message = await send(server, anna.id, "😀" * 2048, reply_markup=keys(*[row] * 12, last, [], last))

    assert message["reply_markup"]["inline_keyboard"] == [row] * 12 + [last] * 2


@pytest.mark.usefixtures("store")
async def test_own_hosts_pass_in_the_web_chat_alone(clock: Clock) -> None:
    options = Options(own_hosts=frozenset({"localhost:8080"}), first_contact=False)
    link: dict[str, object] = {"text": "x", "url": "http://localhost:8080/k/1"}
    webchat = BotServer(Network.WEBCHAT, TOKEN, clock, options=options)
    telegram = BotServer(Network.TELEGRAM, TOKEN, clock, options=options)
    await people.arrives(webchat, ANNA)
    await people.arrives(telegram, ANNA)

    message = await send(webchat, ANNA.id, reply_markup=keys([link]))

    assert message["reply_markup"]["inline_keyboard"] == [[link]]
    assert (
        await refusal(telegram, "sendMessage", chat_id=ANNA.id, text="x", reply_markup=keys([link]))
        == "Bad Request: inline keyboard button URL 'http://localhost:8080/k/1' is invalid: Wrong HTTP URL"
    )


@pytest.mark.parametrize(
    ("chat_id", "description"),
    [
        ("", "Bad Request: chat_id is empty"),
        ("@faden", "Bad Request: chat not found"),
        (999, "Bad Request: chat not found"),
    ],
)
async def test_unknown_chat_is_refused(server: BotServer, chat_id: object, description: str) -> None:
    assert await refusal(server, "sendMessage", chat_id=chat_id, text="x") == description


async def test_bot_cannot_write_first(server: BotServer) -> None:
    await people.arrives(server, ANNA)

    said = await refusal(server, "sendMessage", chat_id=ANNA.id, text="x")

    assert said == "Forbidden: bot can't initiate conversation with a user"


async def test_bot_that_is_blocked_cannot_write(server: BotServer, anna: User) -> None:
    await telegram_client.blocks_bot(server, anna)

    assert await refusal(server, "sendMessage", chat_id=anna.id, text="x") == "Forbidden: bot was blocked by the user"

    await people.writes(server, anna, anna.id, "/start")

    assert (await send(server, anna.id))["text"] == "Hallo"


async def test_bot_outside_of_a_group_cannot_write_there(server: BotServer, anna: User) -> None:
    await telegram_client.create_group(server, anna, GROUP, "Trägerkonferenz")
    before = await refusal(server, "sendMessage", chat_id=GROUP, text="x")
    await telegram_client.add_bot(server, anna, GROUP)
    await telegram_client.kick_bot(server, anna, GROUP)

    after = await refusal(server, "sendMessage", chat_id=GROUP, text="x")

    assert before == "Forbidden: bot is not a member of the group chat"
    assert after == "Forbidden: bot was kicked from the group chat"


async def test_upgraded_group_says_where_it_lives(server: BotServer, anna: User, group: int) -> None:
    supergroup = await telegram_client.upgrade_group_to_supergroup(server, anna, group)

    with pytest.raises(ApiError) as refused:
        await send(server, group)

    assert refused.value.description == "Bad Request: group chat was upgraded to a supergroup chat"
    assert refused.value.parameters == {"migrate_to_chat_id": supergroup}
    assert (await send(server, supergroup))["chat"] == {
        "id": supergroup,
        "type": "supergroup",
        "title": "Sozialraumteam Mitte",
    }


async def test_text_is_edited_and_the_keyboard_goes_unless_it_is_given_again(
    server: BotServer, anna: User, clock: Clock
) -> None:
    message = await send(server, anna.id, reply_markup=keys([YES]))
    clock.passes(seconds=5)

    edited = await api.answer(
        server, Call("editMessageText", {"chat_id": anna.id, "message_id": message["message_id"], "text": "Neu"})
    )

    changed = {"text": "Neu", "edit_date": message["date"] + 5}
    assert edited == {key: value for key, value in message.items() if key != "reply_markup"} | changed


async def test_keyboard_alone_is_edited_without_an_edit_date(server: BotServer, anna: User) -> None:
    message = await send(server, anna.id)

    edited = await api.answer(
        server,
        Call(
            "editMessageReplyMarkup",
            {"chat_id": anna.id, "message_id": message["message_id"], "reply_markup": keys([YES])},
        ),
    )

    assert edited == message | {"reply_markup": {"inline_keyboard": [[YES]]}}


async def test_edit_that_changes_nothing_is_refused(server: BotServer, anna: User) -> None:
    message = await send(server, anna.id, "<b>Hallo</b>", parse_mode="HTML", reply_markup=keys([YES]))
    same: dict[str, Any] = {"chat_id": anna.id, "message_id": message["message_id"], "reply_markup": keys([YES])}

    said = await refusal(server, "editMessageText", text=" <b>Hallo</b>\n", parse_mode="HTML", **same)

    assert said == SAME
    assert await refusal(server, "editMessageReplyMarkup", **same) == SAME
    assert await api.answer(server, Call("editMessageText", {"text": "Hallo", **same}))  # the formatting is part of it


async def test_only_own_messages_that_exist_are_edited(server: BotServer, anna: User) -> None:
    at: dict[str, Any] = {"chat_id": anna.id, "text": "x", "caption": "x"}
    text = await send(server, anna.id)
    file = await api.answer(
        server, Call("sendDocument", {"chat_id": anna.id}, {"document": Upload("a.txt", "text/plain", b"a")})
    )
    assert isinstance(file, dict)

    assert await refusal(server, "editMessageText", message_id=99, **at) == "Bad Request: message to edit not found"
    assert await refusal(server, "editMessageText", message_id=1, **at) == "Bad Request: message can't be edited"
    assert (
        await refusal(server, "editMessageText", message_id=file["message_id"], **at)
        == "Bad Request: there is no text in the message to edit"
    )
    assert (
        await refusal(server, "editMessageCaption", message_id=text["message_id"], **at)
        == "Bad Request: there is no caption in the message to edit"
    )
    assert (
        await refusal(server, "editMessageText", inline_message_id="x", **at)
        == "Bad Request: inline messages are not supported by this server"
    )


async def test_caption_is_edited(server: BotServer, anna: User) -> None:
    upload = Upload("a.txt", "text/plain", b"a")
    message = await api.answer(
        server, Call("sendDocument", {"chat_id": anna.id, "caption": "alt"}, {"document": upload})
    )
    assert isinstance(message, dict)

    edited = await api.answer(
        server, Call("editMessageCaption", {"chat_id": anna.id, "message_id": message["message_id"], "caption": "neu"})
    )

    assert edited == message | {"caption": "neu", "edit_date": message["date"]}


async def test_deleted_message_is_gone_with_its_file(server: BotServer, anna: User) -> None:
    await people.sends_file(server, anna, anna.id, "a.txt", "text/plain", b"a")
    at: dict[str, Any] = {"chat_id": anna.id, "message_id": 2}

    assert await api.answer(server, Call("deleteMessage", at)) is True
    assert await refusal(server, "deleteMessage", **at) == "Bad Request: message to delete not found"
    assert await reading.message(server, anna.id, 2) is None
    assert await WebchatFile.all().count() == 0


async def test_file_that_another_message_shows_stays(server: BotServer, anna: User) -> None:
    await people.sends_file(server, anna, anna.id, "a.txt", "text/plain", b"a")
    first = await reading.message(server, anna.id, 2)
    assert first is not None
    file_id = first.message["document"]["file_id"]
    await api.answer(server, Call("sendDocument", {"chat_id": anna.id, "document": file_id, "caption": "noch einmal"}))

    await api.answer(server, Call("deleteMessage", {"chat_id": anna.id, "message_id": 2}))

    second = await reading.message(server, anna.id, 3)
    assert second is not None
    assert second.message["document"] == first.message["document"]
    assert second.message["caption"] == "noch einmal"


async def test_message_of_others_or_of_long_ago_is_not_deleted(server: BotServer, group: int, clock: Clock) -> None:
    message_id = await people.writes(server, BEN, group, "/top")
    mine = await send(server, group)
    theirs = await refusal(server, "deleteMessage", chat_id=group, message_id=message_id)
    await telegram_client.add_bot(server, ANNA, group, administrator=True)

    assert theirs == "Bad Request: message can't be deleted"
    assert await api.answer(server, Call("deleteMessage", {"chat_id": group, "message_id": message_id})) is True

    clock.passes(hours=48, seconds=1)

    assert (
        await refusal(server, "deleteMessage", chat_id=group, message_id=mine["message_id"])
        == "Bad Request: message can't be deleted for everyone"
    )


async def test_document_is_uploaded_with_a_caption_and_downloaded(server: BotServer, anna: User) -> None:
    upload = Upload("Einladung Übersicht.ics", "text/calendar", b"BEGIN:VCALENDAR")

    message = await api.answer(
        server,
        Call(
            "sendDocument", {"chat_id": anna.id, "caption": "<i>Termin</i>", "parse_mode": "HTML"}, {"document": upload}
        ),
    )

    assert isinstance(message, dict)
    document = message["document"]
    assert (document["file_name"], document["mime_type"], document["file_size"]) == (upload.name, upload.mime, 15)
    assert (message["caption"], message["caption_entities"]) == (
        "Termin",
        [{"type": "italic", "offset": 0, "length": 6}],
    )
    file = await api.answer(server, Call("getFile", {"file_id": document["file_id"]}))
    assert isinstance(file, dict)
    assert await api.download(server, file["file_path"]) == upload.content


@pytest.mark.parametrize(
    ("document", "upload", "caption", "description"),
    [
        (None, None, "", "there is no document in the request"),
        ("https://faden.example/a.pdf", None, "", "wrong file identifier/HTTP URL specified"),
        ("attach://a", Upload("a.txt", "text/plain", b""), "", "file must be non-empty"),
        ("attach://a", Upload("a.txt", "text/plain", bytes(50 * 1024 * 1024 + 1)), "", "file is too big"),
        ("attach://a", Upload("a.txt", "text/plain", b"a"), "x" * 1025, "message caption is too long"),
    ],
)
async def test_document_that_telegram_refuses_is_refused(
    server: BotServer, anna: User, *, document: str | None, upload: Upload | None, caption: str, description: str
) -> None:
    files = {"a": upload} if upload else {}

    said = await refusal(server, "sendDocument", files, chat_id=anna.id, document=document, caption=caption)

    assert said == f"Bad Request: {description}"


async def test_file_that_cannot_be_downloaded_is_refused(server: BotServer, anna: User) -> None:
    big = Upload("a.bin", "application/octet-stream", bytes(20 * 1024 * 1024 + 1))
    message = await api.answer(server, Call("sendDocument", {"chat_id": anna.id}, {"document": big}))
    assert isinstance(message, dict)
    file_id = message["document"]["file_id"]

    assert await refusal(server, "getFile", file_id=file_id) == "Bad Request: file is too big"
    assert await refusal(server, "getFile") == "Bad Request: file_id not specified"
    assert (
        await refusal(server, "getFile", file_id="x")
        == "Bad Request: wrong file_id or the file is temporarily unavailable"
    )
    assert await api.download(server, "documents/x") is None
    assert await api.download(server, f"documents/{file_id}") is None


async def test_press_is_answered_once_and_in_time(server: BotServer, anna: User, clock: Clock) -> None:
    message = await send(server, anna.id, reply_markup=keys([YES]))
    query_id = await people.presses(server, anna, anna.id, message["message_id"], 0)
    late = await people.presses(server, anna, anna.id, message["message_id"], 0)
    gone = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    too_long = await refusal(server, "answerCallbackQuery", callback_query_id=query_id, text="x" * 201)

    answered = await api.answer(
        server, Call("answerCallbackQuery", {"callback_query_id": query_id, "text": "Zugesagt", "show_alert": "true"})
    )

    answer = await reading.answer_of(server, query_id)
    assert answered is True
    assert answer is not None
    assert (answer.message_id, answer.text, answer.show_alert) == (message["message_id"], "Zugesagt", True)
    assert too_long == "Bad Request: MESSAGE_TOO_LONG"
    assert await reading.answer_of(server, late) is None
    assert await refusal(server, "answerCallbackQuery", callback_query_id=query_id) == gone
    assert await refusal(server, "answerCallbackQuery", callback_query_id="x") == gone
    clock.passes(seconds=151)
    assert await refusal(server, "answerCallbackQuery", callback_query_id=late) == gone


async def test_pinned_message_is_shown_and_unpinned(server: BotServer, anna: User) -> None:
    message = await send(server, anna.id)
    at: dict[str, Any] = {"chat_id": anna.id, "message_id": message["message_id"]}
    nothing = "Bad Request: message to unpin not found"

    assert await api.answer(server, Call("pinChatMessage", at)) is True
    assert await api.answer(server, Call("pinChatMessage", at)) is True
    chat = await api.answer(server, Call("getChat", at))
    assert isinstance(chat, dict)
    assert chat["pinned_message"] == message
    told = [
        one.message["pinned_message"]["message_id"]
        for one in await reading.messages(server, anna.id, after=message["message_id"])
    ]
    assert told == [message["message_id"]]
    assert (
        await refusal(server, "pinChatMessage", chat_id=anna.id, message_id=99)
        == "Bad Request: message to pin not found"
    )
    assert await refusal(server, "unpinChatMessage", chat_id=anna.id, message_id=1) == nothing
    assert await api.answer(server, Call("unpinChatMessage", {"chat_id": anna.id})) is True
    assert await refusal(server, "unpinChatMessage", chat_id=anna.id) == nothing


async def test_pinned_message_that_is_deleted_is_not_pinned(server: BotServer, anna: User) -> None:
    at: dict[str, Any] = {"chat_id": anna.id, "message_id": (await send(server, anna.id))["message_id"]}
    await api.answer(server, Call("pinChatMessage", at))

    await api.answer(server, Call("deleteMessage", at))

    chat = await api.answer(server, Call("getChat", at))
    assert isinstance(chat, dict)
    assert "pinned_message" not in chat


async def test_pinning_in_a_group_needs_an_administrator(server: BotServer, anna: User, group: int) -> None:
    at: dict[str, Any] = {"chat_id": group, "message_id": (await send(server, group))["message_id"]}
    before = await refusal(server, "pinChatMessage", **at)

    await telegram_client.add_bot(server, anna, group, administrator=True)

    assert before == "Bad Request: not enough rights to manage pinned messages in the chat"
    assert await api.answer(server, Call("pinChatMessage", at)) is True


async def test_chat_action_is_checked(server: BotServer, anna: User) -> None:
    assert await api.answer(server, Call("sendChatAction", {"chat_id": anna.id, "action": "typing"})) is True
    assert (
        await refusal(server, "sendChatAction", chat_id=anna.id, action="thinking")
        == "Bad Request: wrong parameter action in request"
    )


async def test_chat_member_has_a_status(server: BotServer, group: int) -> None:
    async def status(chat_id: int, user_id: int) -> object:
        member = await api.answer(server, Call("getChatMember", {"chat_id": chat_id, "user_id": user_id}))
        assert isinstance(member, dict)
        return member["status"]

    await people.arrives(server, User(103, "Cem"))

    assert await status(group, ANNA.id) == "creator"
    assert await status(group, BEN.id) == "member"
    assert await status(group, 103) == "left"
    assert await status(group, 4711) == "member"
    assert await status(ANNA.id, ANNA.id) == "member"
    assert await status(ANNA.id, BEN.id) == "left"
    assert await refusal(server, "getChatMember", chat_id=group, user_id=999) == "Bad Request: user not found"


async def test_bot_leaves_a_group_and_no_private_chat(server: BotServer, anna: User, group: int) -> None:
    assert await api.answer(server, Call("leaveChat", {"chat_id": group})) is True
    assert await refusal(server, "leaveChat", chat_id=group) == "Forbidden: bot is not a member of the group chat"
    assert (
        await refusal(server, "leaveChat", chat_id=anna.id)
        == "Bad Request: chat member status can't be changed in private chats"
    )


async def test_commands_are_kept_per_scope_and_language(server: BotServer) -> None:
    german = [{"command": "hilfe", "description": "Was ich kann"}]
    english = [{"command": "help", "description": "What I can do"}]
    await api.answer(server, Call("setMyCommands", {"commands": json.dumps(german)}))
    await api.answer(server, Call("setMyCommands", {"commands": english, "language_code": "en"}))

    assert await api.answer(server, Call("getMyCommands")) == german
    assert await api.answer(server, Call("getMyCommands", {"language_code": "en"})) == english
    assert await api.answer(server, Call("getMyCommands", {"scope": json.dumps({"type": "all_group_chats"})})) == []

    await api.answer(server, Call("setMyCommands", {"commands": english}))
    await api.answer(server, Call("deleteMyCommands", {"language_code": "en"}))

    assert await api.answer(server, Call("getMyCommands")) == english
    assert await api.answer(server, Call("getMyCommands", {"language_code": "en"})) == []

    await api.answer(server, Call("setMyCommands", {"commands": "[]"}))

    assert await api.answer(server, Call("getMyCommands")) == []


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"commands": [{"command": "Hilfe", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "x" * 33, "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "x", "description": " "}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "x", "description": "x" * 257}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": f"x{n}", "description": "x"} for n in range(101)]}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": ["x"]}, "can't parse BotCommand: expected an Object"),
        ({"commands": "{}"}, "array expected as commands"),
        ({"language_code": "deu"}, "invalid language code specified"),
        ({"scope": {"type": "town"}}, "can't parse BotCommandScope: unsupported type specified"),
        ({"scope": {"type": "chat"}}, 'can\'t parse BotCommandScope: field "chat_id" must be of type Number'),
    ],
)
async def test_command_list_that_telegram_refuses_is_refused(
    server: BotServer, params: dict[str, Any], description: str
) -> None:
    commands = [{"command": "hilfe", "description": "Was ich kann"}]

    assert await refusal(server, "setMyCommands", **{"commands": commands} | params) == f"Bad Request: {description}"


@pytest.mark.usefixtures("store")
async def test_pace_is_enforced_where_it_is_asked_for(clock: Clock) -> None:
    server = BotServer(
        Network.TELEGRAM, TOKEN, clock, options=Options(faults=enforced(Limits(chat=Limit(1, 1)), clock))
    )
    await people.writes(server, ANNA, ANNA.id, "/start")
    await send(server, ANNA.id)

    with pytest.raises(ApiError) as refused:
        await send(server, ANNA.id)

    assert str(refused.value) == "429 Too Many Requests: retry after 1"
    assert refused.value.parameters == {"retry_after": 1}
    assert await refusal(server, "sendMessage", text="x") == "Bad Request: chat_id is empty"
    assert await api.answer(server, Call("sendChatAction", {"chat_id": ANNA.id, "action": "typing"})) is True
    clock.passes(seconds=1)
    assert (await send(server, ANNA.id))["text"] == "Hallo"


@pytest.mark.usefixtures("store")
async def test_faults_spoil_calls_as_scripted(clock: Clock) -> None:
    broken = ApiError(HTTPStatus.BAD_GATEWAY, "Bad Gateway")
    script = iter([None, Fault(error=broken), Fault(cut="before"), Fault(cut="after"), None])
    calls: list[str] = []

    def faults(call: Call) -> Fault | None:
        calls.append(call.text("text"))
        return next(script)

    server = BotServer(Network.TELEGRAM, TOKEN, clock, options=Options(first_contact=False, faults=faults))
    await people.arrives(server, ANNA)
    await send(server, ANNA.id, "eins")
    with pytest.raises(ApiError) as refused:
        await send(server, ANNA.id, "zwei")
    with pytest.raises(ConnectionCut):
        await send(server, ANNA.id, "drei")
    with pytest.raises(ConnectionCut):
        await send(server, ANNA.id, "vier")
    await send(server, ANNA.id, "fünf")

    assert refused.value is broken
    assert calls == ["eins", "zwei", "drei", "vier", "fünf"]
    assert [one.message["text"] for one in await reading.messages(server, ANNA.id)] == ["eins", "vier", "fünf"]
