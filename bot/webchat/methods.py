"""What a bot can call. Each function is one method of the Bot API; the tables at the end say which there are.

Methods that write take the number of the change and run inside a unit of work.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from bot.webchat import limits, rows, updates
from bot.webchat.calls import Call
from bot.webchat.errors import bad_request, forbidden, upgraded
from bot.webchat.formatting import Entity, Formatted, cleaned, utf16_length
from bot.webchat.objects import Json, chat_json, member_json, user_json
from bot.webchat.server import BotServer
from storage import db
from storage.erasing import erased
from storage.models.webchat import (
    ChatType,
    MemberStatus,
    WebchatChat,
    WebchatCommands,
    WebchatFile,
    WebchatMember,
    WebchatMessage,
    WebchatPress,
    WebchatUser,
)

DELETABLE_FOR = timedelta(hours=48)
CHAT_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}


# Who is there


async def get_me(server: BotServer, _call: Call) -> Json:
    """The bot itself."""
    return server.bot.itself()


async def get_chat(server: BotServer, call: Call) -> Json:
    """A chat in full, with its pinned message."""
    chat = await _chat(server, call)
    pinned = await rows.find_message(chat, chat.pinned_message_id)
    full = chat_json(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }
    return full | ({"pinned_message": await rows.shown(server, pinned)} if pinned else {})


async def get_chat_member(server: BotServer, call: Call) -> Json:
    """How somebody stands to a chat."""
    chat = await _chat(server, call)
    user_id = call.integer("user_id")
    if user_id == server.bot.id:
        return member_json(server.bot.user(), chat.bot_status)
    user = await WebchatUser.get_or_none(network=server.network, user_id=user_id)
    if user is None:
        raise bad_request("user not found")
    if chat.type is ChatType.PRIVATE:
        return member_json(user_json(user), MemberStatus.MEMBER if chat.chat_id == user_id else MemberStatus.LEFT)
    member = await WebchatMember.get_or_none(chat=chat, user=user)
    return member_json(user_json(user), member.status if member else MemberStatus.LEFT)


async def leave_chat(server: BotServer, call: Call, change: int) -> bool:
    """The bot leaves a group."""
    chat = await _chat(server, call)
    if chat.type is ChatType.PRIVATE:
        raise bad_request("chat member status can't be changed in private chats")
    _check_presence(chat)
    await rows.add_message(server, chat, change, service={"left_chat_member": server.bot.user()})
    await rows.move_bot(server, chat, change, by=server.bot.user(), to=MemberStatus.LEFT)
    return True


async def _chat(server: BotServer, call: Call) -> WebchatChat:
    """The chat that a call names. Raises ApiError."""
    name = call.text("chat_id")
    if not name:
        raise bad_request("chat_id is empty")
    chat = await rows.find_chat(server, int(name)) if re.fullmatch(r"-?\d{1,18}", name) else None
    if chat is None:
        raise bad_request("chat not found")
    return chat


async def _writable_chat(server: BotServer, call: Call) -> WebchatChat:
    """The chat that a call names, when the bot may write there. Raises ApiError."""
    chat = await _chat(server, call)
    if chat.migrated_to is not None:
        raise upgraded(chat.migrated_to)
    if chat.type is not ChatType.PRIVATE:
        _check_presence(chat)
    elif chat.bot_status is MemberStatus.KICKED:
        raise forbidden("bot was blocked by the user")
    elif chat.bot_status is MemberStatus.LEFT and server.options.first_contact:
        raise forbidden("bot can't initiate conversation with a user")
    return chat


def _check_presence(chat: WebchatChat) -> None:
    if chat.bot_status is MemberStatus.KICKED:
        raise forbidden(f"bot was kicked from the {chat.type.value} chat")
    if chat.bot_status is MemberStatus.LEFT:
        raise forbidden(f"bot is not a member of the {chat.type.value} chat")


# Messages


async def send_message(server: BotServer, call: Call, change: int) -> Json:
    """A text, with a keyboard if there is one."""
    chat = await _writable_chat(server, call)
    return await _send(server, call, chat, change, formatted=limits.message_text(call))


async def send_document(server: BotServer, call: Call, change: int) -> Json:
    """A file: uploaded with the call, or one that the server knows."""
    chat = await _writable_chat(server, call)
    formatted = limits.caption(call)
    return await _send(server, call, chat, change, formatted=formatted, file=await _document(server, call))


async def _send(
    server: BotServer,
    call: Call,
    chat: WebchatChat,
    change: int,
    *,
    formatted: Formatted,
    file: WebchatFile | None = None,
) -> Json:
    thread_id = call.integer("message_thread_id")
    if thread_id is not None and thread_id not in server.topics.get(chat.chat_id, ()):
        raise bad_request("message thread not found")
    message = await rows.add_message(
        server,
        chat,
        change,
        text=formatted.text,
        entities=await _with_known_people(server, formatted.entities),
        keyboard=limits.keyboard(call, own_hosts=server.own_hosts),
        reply_to=await _replied_to(chat, call),
        thread_id=thread_id,
        file=file,
    )
    return await rows.shown(server, message)


async def _document(server: BotServer, call: Call) -> WebchatFile:
    name = call.text("document")
    upload = call.files.get(name.removeprefix("attach://") if name else "document")
    if upload is None:
        known = await WebchatFile.get_or_none(network=server.network, file_id=name) if name else None
        if known is None:
            raise bad_request(
                "wrong file identifier/HTTP URL specified" if name else "there is no document in the request"
            )
        return known
    if not upload.content:
        raise bad_request("file must be non-empty")
    if len(upload.content) > limits.UPLOAD_BYTES:
        raise bad_request("file is too big")
    return await rows.keep_file(server, upload)


async def _with_known_people(server: BotServer, entities: list[Entity]) -> list[Entity]:
    """Mentions by id, as far as the network knows the people; Telegram drops the others."""
    kept = []
    for entity in entities:
        if entity["type"] == "text_mention":
            user = await WebchatUser.get_or_none(network=server.network, user_id=entity["user"]["id"])
            if user is None:
                continue
            entity["user"] = user_json(user)
        kept.append(entity)
    return kept


async def _replied_to(chat: WebchatChat, call: Call) -> int | None:
    parameters = call.structure("reply_parameters", dict)
    if not parameters:
        return None
    message_id = int(parameters.get("message_id", 0))
    if await rows.find_message(chat, message_id):
        return message_id
    if not parameters.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return None


async def edit_message_text(server: BotServer, call: Call, change: int) -> Json:
    """Another text for a message of the bot's own; a keyboard that is not given again is gone."""
    message = await _editable(server, call)
    if message.file is not None:
        raise bad_request("there is no text in the message to edit")
    return await _edit(server, call, message, change, formatted=limits.message_text(call))


async def edit_message_caption(server: BotServer, call: Call, change: int) -> Json:
    """Another caption for a file."""
    message = await _editable(server, call)
    if message.file is None:
        raise bad_request("there is no caption in the message to edit")
    return await _edit(server, call, message, change, formatted=limits.caption(call))


async def edit_message_reply_markup(server: BotServer, call: Call, change: int) -> Json:
    """Another keyboard, or none."""
    message = await _editable(server, call)
    return await _edit(server, call, message, change, formatted=Formatted(message.text, message.entities))


async def _edit(server: BotServer, call: Call, message: WebchatMessage, change: int, *, formatted: Formatted) -> Json:
    before = (message.text, message.entities, message.keyboard)
    entities = await _with_known_people(server, formatted.entities)
    after = (formatted.text, entities, limits.keyboard(call, own_hosts=server.own_hosts))
    if before == after:
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message"
        )
    if before[:2] != after[:2]:
        message.edited_at = server.dated()
    message.text, message.entities, message.keyboard = after
    message.change = change
    await message.save(update_fields=["text", "entities", "keyboard", "edited_at", "change"])
    server.touched(message.chat.chat_id)
    return await rows.shown(server, message)


async def _editable(server: BotServer, call: Call) -> WebchatMessage:
    chat = await _writable_chat(server, call)
    message = await rows.find_message(chat, _message_id(call))
    if message is None:
        raise bad_request("message to edit not found")
    if message.sender is not None or message.service is not None:
        raise bad_request("message can't be edited")
    return message


def _message_id(call: Call) -> int | None:
    if call.params.get("inline_message_id"):
        raise bad_request("inline messages are not supported by this server")
    return call.integer("message_id")


async def delete_message(server: BotServer, call: Call, change: int) -> bool:
    """Take a message away: the bot's own, any in a private chat, and others' where the bot is an administrator."""
    chat = await _writable_chat(server, call)
    message = await rows.find_message(chat, _message_id(call))
    if message is None:
        raise bad_request("message to delete not found")
    may = message.sender is None or chat.type is ChatType.PRIVATE or chat.bot_status is MemberStatus.ADMINISTRATOR
    if not may:
        raise bad_request("message can't be deleted")
    if server.dated() - message.sent_at > DELETABLE_FOR:
        raise bad_request("message can't be deleted for everyone")
    await _erase(message, change)
    if chat.pinned_message_id == message.message_id:
        chat.pinned_message_id = None
        await rows.save_chat(server, chat, change, "pinned_message_id")
    server.touched(chat.chat_id)
    return True


async def _erase(message: WebchatMessage, change: int) -> None:
    """Nothing of the content stays, and no file that no other message shows."""
    file = message.file
    message.text, message.entities, message.keyboard, message.service = "", [], None, None
    message.file = None
    message.deleted, message.change = True, change
    await message.save(update_fields=["text", "entities", "keyboard", "service", "file_id", "deleted", "change"])
    if file is not None and not await WebchatMessage.exists(file=file):
        await file.delete()
    erased()


async def pin_chat_message(server: BotServer, call: Call, change: int) -> bool:
    """Pin a message; in a group the bot must be an administrator."""
    chat = await _pinnable_chat(server, call)
    message = await rows.find_message(chat, _message_id(call))
    if message is None:
        raise bad_request("message to pin not found")
    if chat.pinned_message_id == message.message_id:
        return True
    chat.pinned_message_id = message.message_id
    await rows.save_chat(server, chat, change, "pinned_message_id")
    # Only which message, not what it says: what is deleted later must be gone everywhere.
    pinned = {"chat": chat_json(chat), "message_id": message.message_id, "date": 0}
    await rows.add_message(server, chat, change, service={"pinned_message": pinned})
    return True


async def unpin_chat_message(server: BotServer, call: Call, change: int) -> bool:
    """Unpin the message named, or the one that is pinned."""
    chat = await _pinnable_chat(server, call)
    message_id = _message_id(call)
    if chat.pinned_message_id is None or message_id not in {None, chat.pinned_message_id}:
        raise bad_request("message to unpin not found")
    chat.pinned_message_id = None
    await rows.save_chat(server, chat, change, "pinned_message_id")
    return True


async def _pinnable_chat(server: BotServer, call: Call) -> WebchatChat:
    chat = await _writable_chat(server, call)
    if chat.type is not ChatType.PRIVATE and chat.bot_status is not MemberStatus.ADMINISTRATOR:
        raise bad_request("not enough rights to manage pinned messages in the chat")
    return chat


async def send_chat_action(server: BotServer, call: Call) -> bool:
    """Show that the bot is at work."""
    chat = await _writable_chat(server, call)
    if call.text("action") not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    server.feed.typing(chat.chat_id)
    return True


async def answer_callback_query(server: BotServer, call: Call, change: int) -> bool:
    """Answer a press, so that its button stops waiting."""
    text = cleaned(call.text("text"))
    if utf16_length(text) > limits.ANSWER_LENGTH:
        raise bad_request("MESSAGE_TOO_LONG")
    query_id = call.text("callback_query_id")
    press = None
    if re.fullmatch(r"\d{1,18}", query_id):
        press = await WebchatPress.get_or_none(id=int(query_id), user__network=server.network).select_related("user")
    if press is None or press.answered_at is not None or server.clock() - press.pressed_at > updates.PRESS_LIFETIME:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    press.answered_at = server.clock()
    press.answer, press.url = text or None, call.text("url") or None
    press.show_alert = call.boolean("show_alert")
    press.change = change
    await press.save(update_fields=["answered_at", "answer", "url", "show_alert", "change"])
    server.touched(press.user.user_id)
    db.when_kept(partial(server.feed.answered, query_id))
    return True


async def get_file(server: BotServer, call: Call) -> Json:
    """Where to download a file."""
    file_id = call.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    file = await WebchatFile.get_or_none(network=server.network, file_id=file_id)
    if file is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if file.size > limits.DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    return {
        "file_id": file.file_id,
        "file_unique_id": file.file_id[:16],
        "file_size": file.size,
        "file_path": f"documents/{file.file_id}",
    }


# Command menus


async def set_my_commands(server: BotServer, call: Call, change: int) -> bool:
    """Set the menu of a scope and language; an empty one is deleted."""
    given = limits.commands(call)
    if not given:
        return await delete_my_commands(server, call, change)
    scope, language = limits.command_scope(call), limits.language_code(call)
    await WebchatCommands.update_or_create(
        {"commands": given}, network=server.network, scope=scope, language_code=language
    )
    return True


async def get_my_commands(server: BotServer, call: Call) -> list[dict[str, str]]:
    """The menu of exactly this scope and language."""
    scope, language = limits.command_scope(call), limits.language_code(call)
    row = await WebchatCommands.get_or_none(network=server.network, scope=scope, language_code=language)
    return row.commands if row else []


async def delete_my_commands(server: BotServer, call: Call, change: int) -> bool:
    """Forget the menu of a scope and language."""
    scope, language = limits.command_scope(call), limits.language_code(call)
    await WebchatCommands.filter(network=server.network, scope=scope, language_code=language).delete()
    return True


Reading = Callable[[BotServer, Call], Awaitable[object]]
Writing = Callable[[BotServer, Call, int], Awaitable[object]]

READING: dict[str, Reading] = {
    "getme": get_me,
    "getupdates": updates.get_updates,
    "getwebhookinfo": updates.get_webhook_info,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getfile": get_file,
    "getmycommands": get_my_commands,
    "sendchataction": send_chat_action,
}
WRITING: dict[str, Writing] = {
    "setwebhook": updates.set_webhook,
    "deletewebhook": updates.delete_webhook,
    "sendmessage": send_message,
    "senddocument": send_document,
    "editmessagetext": edit_message_text,
    "editmessagecaption": edit_message_caption,
    "editmessagereplymarkup": edit_message_reply_markup,
    "deletemessage": delete_message,
    "answercallbackquery": answer_callback_query,
    "pinchatmessage": pin_chat_message,
    "unpinchatmessage": unpin_chat_message,
    "setmycommands": set_my_commands,
    "deletemycommands": delete_my_commands,
    "leavechat": leave_chat,
}
