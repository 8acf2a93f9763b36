"""What people do in their chats, and the updates that the bot gets of it.

All of it checks what a Telegram client would check: NotAllowed means that the button to do this would not have been there.
"""

from functools import partial
from typing import Any

from bot.rules.limits import OtherMessage
from bot.webchat import rows
from bot.webchat.bounds import Bounds
from bot.webchat.calls import Upload
from bot.webchat.errors import NotAllowed
from bot.webchat.formatting import Entity, Formatted, cleaned, found, trimmed, utf16_length
from bot.webchat.limits import CALLBACK_DATA_BYTES, MESSAGE_LENGTH, UPLOAD_BYTES
from bot.webchat.objects import Json, User, message_json, user_json
from bot.webchat.server import BotServer
from storage.models.webchat import (
    ChatType,
    MemberStatus,
    WebchatChat,
    WebchatFile,
    WebchatMember,
    WebchatMessage,
    WebchatPress,
    WebchatUser,
)


async def arrives(server: BotServer, user: User) -> None:
    """Make a person known to the network, with a private chat in which nobody has written yet."""
    await server.unit(partial(private_chat, server, user))


async def writes(
    server: BotServer,
    user: User,
    chat_id: int,
    text: str,
    *,
    reply_to: int | None = None,
    thread_id: int | None = None,
    key: str | None = None,
    bounds: Bounds | None = None,
) -> int:
    """Send a text, in a forum perhaps into a topic; gives its message id. With a `key` that has been sent already it is that message.

    Raises NotAllowed, OtherMessage when that one says something else, and with `bounds` TooManyTexts.
    """
    formatted = typed(text)
    if thread_id is not None and thread_id not in server.topics.get(chat_id, ()):
        raise NotAllowed("there is no such topic")

    async def write(change: int) -> int:
        sender, chat = await enter(server, user, chat_id, change)
        if (known := await _sent_already(sender, chat, key, formatted.text)) is not None:
            return known
        if bounds is not None:
            await bounds.text(sender)
        message = await rows.add_message(
            server,
            chat,
            change,
            sender=sender,
            text=formatted.text,
            entities=formatted.entities,
            reply_to=reply_to,
            thread_id=thread_id,
            key=key,
        )
        return await tell(server, chat, message)

    return await server.unit(write)


async def sends_file(  # noqa: PLR0917  # a file's name, kind and content have no better order
    server: BotServer,
    user: User,
    chat_id: int,
    name: str,
    mime: str,
    content: bytes,
    *,
    caption: str = "",
    key: str | None = None,
    bounds: Bounds | None = None,
) -> int:
    """Send a file; gives its message id. With a `key` that has been sent already it is that message.

    Raises NotAllowed, OtherMessage when that one is another, and with `bounds` TooManyFiles and FilesTooLarge.
    """
    if not 1 <= len(content) <= UPLOAD_BYTES:
        raise NotAllowed("a file has at least one byte and at most 50 MB")
    formatted = typed(caption, at_least=0)

    async def send(change: int) -> int:
        sender, chat = await enter(server, user, chat_id, change)
        if (
            known := await _sent_already(sender, chat, key, formatted.text, (rows.file_name(name), len(content)))
        ) is not None:
            return known
        if bounds is not None:
            await bounds.file(sender, len(content))
        file = await rows.keep_file(server, Upload(name, mime, content))
        message = await rows.add_message(
            server, chat, change, sender=sender, text=formatted.text, entities=formatted.entities, file=file, key=key
        )
        return await tell(server, chat, message)

    return await server.unit(send)


async def presses(
    server: BotServer, user: User, chat_id: int, message_id: int, button: int | str, *, bounds: Bounds | None = None
) -> str:
    """Press a button: its number, counted through the rows, or any data at all, as a forged client would send it.

    Gives the id of the callback query. Raises NotAllowed, and with `bounds` TooManyPresses.
    """

    async def press(change: int) -> str:
        sender, chat = await enter(server, user, chat_id, change, starts=False)
        if bounds is not None:
            await bounds.press(sender)
        message = await rows.find_message(chat, message_id)
        if message is None or message.sender is not None:
            raise NotAllowed("there is no such message of the bot")
        data = button if isinstance(button, str) else _data_of(message, button)
        if not 1 <= len(cleaned(data).encode()) <= CALLBACK_DATA_BYTES:
            raise NotAllowed("callback data has 1 to 64 bytes")
        made = await WebchatPress.create(
            message=message,
            user=sender,
            data=cleaned(data),
            pressed_at=server.clock(),
            show_alert=False,
            change=change,
        )
        query: Json = {
            "id": str(made.id),
            "from": user_json(sender),
            "message": await rows.shown(server, message),
            "chat_instance": str(chat.id),
            "data": made.data,
        }
        if chat.bot_status not in rows.GONE:
            await server.emit("callback_query", query)
        return str(made.id)

    return await server.unit(press)


def _data_of(message: WebchatMessage, number: int) -> str:
    buttons = [button for row in message.keyboard or [] for button in row]
    if not 0 <= number < len(buttons) or "callback_data" not in buttons[number]:
        raise NotAllowed("there is no such button to press")
    return str(buttons[number]["callback_data"])


# What every deed begins and ends with


def typed(text: str, *, at_least: int = 1) -> Formatted:
    """The text as a client sends it, with the links and commands in it marked. Raises NotAllowed."""
    formatted = trimmed(Formatted(cleaned(text)))
    if not at_least <= utf16_length(formatted.text) <= MESSAGE_LENGTH:
        raise NotAllowed("a message has 1 to 4096 characters")
    return found(formatted)


async def _sent_already(
    sender: WebchatUser, chat: WebchatChat, key: str | None, text: str, file: tuple[str, int] | None = None
) -> int | None:
    """The id of the message that the sender's page called so; `file` is name and size.

    Raises NotAllowed when it stands in another chat, OtherMessage when it was not this one.
    """
    sent = await WebchatMessage.get_or_none(sender_id=sender.id, key=key) if key is not None else None
    if sent is None:
        return None
    if sent.chat_id != chat.id:
        raise NotAllowed("a key names one message")
    is_as_sent = sent.edited_at is None and not sent.deleted
    if is_as_sent and (sent.text, await _name_and_size(sent)) != (text, file):
        raise OtherMessage
    return int(sent.message_id)


async def _name_and_size(message: WebchatMessage) -> tuple[str, int] | None:
    found = await WebchatFile.filter(id=message.file_id).values_list("name", "size") if message.file_id else []
    return next(((str(name), int(size)) for name, size in found), None)


async def introduce(server: BotServer, user: User) -> WebchatUser:
    """The person's row, with the names that they have today. Raises NotAllowed for the bot's own id."""
    if user.id == server.bot.id:
        raise NotAllowed("this is the bot's id, and nobody else's")
    names: dict[str, Any] = {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "language_code": user.language_code,
    }
    row = await WebchatUser.get_or_none(network=server.network, user_id=user.id)
    if row is None:
        return await WebchatUser.create(network=server.network, user_id=user.id, **names)
    if any(getattr(row, name) != value for name, value in names.items()):
        row.update_from_dict(names)
        await row.save(update_fields=list(names))
    return row


async def private_chat(server: BotServer, user: User, change: int) -> tuple[WebchatUser, WebchatChat]:
    """The person, and their chat with the bot; nobody has written there yet when it is new."""
    person = await introduce(server, user)
    chat = await rows.find_chat(server, user.id)
    if chat is None:
        chat = await WebchatChat.create(
            network=server.network,
            chat_id=user.id,
            type=ChatType.PRIVATE,
            person=person,
            bot_status=MemberStatus.LEFT,
            last_message_id=0,
            change=change,
        )
        server.touched(user.id)
    return person, chat


async def find_group(server: BotServer, chat_id: int) -> WebchatChat:
    """The group under this id. Raises NotAllowed where there is none, also when it has become a supergroup."""
    chat = await rows.find_chat(server, chat_id)
    if chat is None or chat.type is ChatType.PRIVATE or chat.migrated_to is not None:
        raise NotAllowed("there is no such group")
    return chat


async def enter(
    server: BotServer, user: User, chat_id: int, change: int, *, starts: bool = True
) -> tuple[WebchatUser, WebchatChat]:
    """The person and the chat, when they may act there. With `starts`, a private chat begins, or is unblocked."""
    if chat_id == user.id:
        person, chat = await private_chat(server, user, change)
        if starts and chat.bot_status is MemberStatus.LEFT:
            chat.bot_status = MemberStatus.MEMBER  # told by the message itself, as Telegram does it
            await rows.save_chat(server, chat, change, "bot_status")
        elif starts:
            await rows.move_bot(server, chat, change, by=user_json(person), to=MemberStatus.MEMBER)
        return person, chat
    person = await introduce(server, user)
    chat = await find_group(server, chat_id)
    if await status_of(chat, person) not in rows.PRESENT:
        raise NotAllowed("only members can do this")
    return person, chat


async def status_of(chat: WebchatChat, person: WebchatUser) -> MemberStatus:
    """How a person stands to a group."""
    member = await WebchatMember.get_or_none(chat=chat, user=person)
    return member.status if member else MemberStatus.LEFT


async def tell(server: BotServer, chat: WebchatChat, message: WebchatMessage, *, kind: str = "message") -> int:
    """Hand a person's message to the bot, when it may see it; gives the message id."""
    reply_to = await rows.find_message(chat, message.reply_to)
    if chat.type is ChatType.PRIVATE or (
        chat.bot_status not in rows.GONE and _visible(server, chat, message, reply_to=reply_to)
    ):
        await server.emit(kind, message_json(message, server.bot, reply_to=reply_to))
    return int(message.message_id)


def _visible(server: BotServer, chat: WebchatChat, message: WebchatMessage, *, reply_to: WebchatMessage | None) -> bool:
    """Whether the bot sees a message of a group.

    In privacy mode: service messages, commands that are not another bot's, mentions of it, replies to it; and everything,
    when it is an administrator.
    """
    if not server.bot.privacy or chat.bot_status is MemberStatus.ADMINISTRATOR or message.service is not None:
        return True
    if reply_to is not None and reply_to.sender is None:
        return True
    return any(_addressed(server, message.text, entity) for entity in message.entities)


def _addressed(server: BotServer, text: str, entity: Entity) -> bool:
    units = text.encode("utf-16-le")
    begin, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
    marked = units[begin:end].decode("utf-16-le").lower()
    me = f"@{server.bot.username}".lower()
    if entity["type"] == "bot_command":
        return entity["offset"] == 0 and ("@" not in marked or marked.endswith(me))
    return entity["type"] == "mention" and marked == me
