"""What people do in their chats, and the updates that the bot gets of it.

Everything here is a method of `BotServer`, and all of it checks what a Telegram client would check: NotAllowed means
that the button to do this would not have been there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bot.rules.limits import OtherMessage
from bot.webchat import rows
from bot.webchat.calls import Upload
from bot.webchat.errors import NotAllowed
from bot.webchat.formatting import Entity, Formatted, cleaned, found, trimmed, utf16_length
from bot.webchat.limits import CALLBACK_DATA_BYTES, MESSAGE_LENGTH, UPLOAD_BYTES
from bot.webchat.objects import Json, User, message_json, user_json
from storage.erasing import erased
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

if TYPE_CHECKING:
    from bot.webchat.bounds import Bounds
    from bot.webchat.server import BotServer

PRESENT = {MemberStatus.CREATOR, MemberStatus.ADMINISTRATOR, MemberStatus.MEMBER}
GONE = {MemberStatus.LEFT, MemberStatus.KICKED}
SUPERGROUP_IDS = -1_000_000_000_000


async def arrives(server: BotServer, user: User) -> None:
    """Make a person known to the network, with a private chat in which nobody has written yet."""
    await server.unit(partial(_private_chat, server, user))


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
    formatted = _typed(text)
    if thread_id is not None and thread_id not in server.topics.get(chat_id, ()):
        raise NotAllowed("there is no such topic")

    async def write(change: int) -> int:
        sender, chat = await _enter(server, user, chat_id, change)
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
        return await _tell(server, chat, message)

    return await server.unit(write)


async def edits(server: BotServer, user: User, chat_id: int, message_id: int, text: str) -> None:
    """Change one's own text. Raises NotAllowed."""
    formatted = _typed(text)

    async def edit(change: int) -> None:
        sender, chat = await _enter(server, user, chat_id, change)
        message = await rows.find_message(chat, message_id)
        if message is None or message.sender_id != sender.id or message.service is not None:
            raise NotAllowed("only one's own messages can be edited")
        message.text, message.entities = formatted.text, formatted.entities
        message.edited_at, message.change = server.dated(), change
        await message.save(update_fields=["text", "entities", "edited_at", "change"])
        erased()
        server.touched(chat_id)
        await _tell(server, chat, message, kind="edited_message")

    await server.unit(edit)


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
    formatted = _typed(caption, at_least=0)

    async def send(change: int) -> int:
        sender, chat = await _enter(server, user, chat_id, change)
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
        return await _tell(server, chat, message)

    return await server.unit(send)


async def presses(
    server: BotServer, user: User, chat_id: int, message_id: int, button: int | str, *, bounds: Bounds | None = None
) -> str:
    """Press a button: its number, counted through the rows, or any data at all, as a forged client would send it.

    Gives the id of the callback query. Raises NotAllowed, and with `bounds` TooManyPresses.
    """

    async def press(change: int) -> str:
        sender, chat = await _enter(server, user, chat_id, change, starts=False)
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
        if chat.bot_status not in GONE:
            await server.emit("callback_query", query)
        return str(made.id)

    return await server.unit(press)


def _data_of(message: WebchatMessage, number: int) -> str:
    buttons = [button for row in message.keyboard or [] for button in row]
    if not 0 <= number < len(buttons) or "callback_data" not in buttons[number]:
        raise NotAllowed("there is no such button to press")
    return str(buttons[number]["callback_data"])


async def blocks_bot(server: BotServer, user: User) -> None:
    """Block the bot in the private chat. Writing again unblocks it."""

    async def block(change: int) -> None:
        sender, chat = await _private_chat(server, user, change)
        await rows.move_bot(server, chat, change, by=user_json(sender), to=MemberStatus.KICKED)

    await server.unit(block)


# Groups


async def create_group(
    server: BotServer, user: User, chat_id: int, title: str, *, kind: ChatType = ChatType.GROUP
) -> None:
    """Open a group without the bot; its id is negative. Raises NotAllowed."""
    if chat_id >= 0 or kind is ChatType.PRIVATE:
        raise NotAllowed("a group has a negative id")

    async def create(change: int) -> None:
        creator = await _known(server, user)
        if await rows.find_chat(server, chat_id):
            raise NotAllowed("there is such a chat already")
        chat = await WebchatChat.create(
            network=server.network,
            chat_id=chat_id,
            type=kind,
            title=cleaned(title),
            person=None,
            bot_status=MemberStatus.LEFT,
            change=change,
        )
        await WebchatMember.create(chat=chat, user=creator, status=MemberStatus.CREATOR)
        server.touched(chat_id)

    await server.unit(create)


async def open_topic(
    server: BotServer, user: User, chat_id: int, thread_id: int
) -> None:  # who does it does not matter
    """Open a topic in a supergroup, which is a forum from then on. Raises NotAllowed."""
    if (await _group(server, chat_id)).type is not ChatType.SUPERGROUP:
        raise NotAllowed("only a supergroup has topics")
    server.topics.setdefault(chat_id, set()).add(thread_id)


async def close_topic(server: BotServer, user: User, chat_id: int, thread_id: int) -> None:  # likewise
    """Delete a topic."""
    server.topics[chat_id].discard(thread_id)


async def add_bot(server: BotServer, user: User, chat_id: int, *, administrator: bool = False) -> None:
    """Add the bot to a group, or change its rank there. Raises NotAllowed."""

    async def add(change: int) -> None:
        adder, chat = await _enter(server, user, chat_id, change)
        status = MemberStatus.ADMINISTRATOR if administrator else MemberStatus.MEMBER
        joins = chat.bot_status in GONE
        await rows.move_bot(server, chat, change, by=user_json(adder), to=status)
        if joins:
            service = {"new_chat_members": [server.bot.user()]}
            message = await rows.add_message(server, chat, change, sender=adder, service=service)
            await _tell(server, chat, message)

    await server.unit(add)


async def kick_bot(server: BotServer, user: User, chat_id: int) -> None:
    """Throw the bot out of a group. Raises NotAllowed."""

    async def kick(change: int) -> None:
        kicker, chat = await _enter(server, user, chat_id, change)
        await rows.add_message(server, chat, change, sender=kicker, service={"left_chat_member": server.bot.user()})
        await rows.move_bot(server, chat, change, by=user_json(kicker), to=MemberStatus.KICKED)

    await server.unit(kick)


async def join_group(server: BotServer, user: User, chat_id: int) -> None:
    """Become a member of a group. Raises NotAllowed."""

    async def join(change: int) -> None:
        joiner = await _known(server, user)
        chat = await _group(server, chat_id)
        before = await _status(chat, joiner)
        if before in PRESENT:
            return
        await _move(server, chat, joiner, change, before=before, after=MemberStatus.MEMBER)
        service = {"new_chat_members": [user_json(joiner)]}
        message = await rows.add_message(server, chat, change, sender=joiner, service=service)
        await _tell(server, chat, message)

    await server.unit(join)


async def leave(server: BotServer, user: User, chat_id: int) -> None:
    """Leave a group. Raises NotAllowed."""

    async def go(change: int) -> None:
        leaver, chat = await _enter(server, user, chat_id, change)
        before = await _status(chat, leaver)
        service = {"left_chat_member": user_json(leaver)}
        message = await rows.add_message(server, chat, change, sender=leaver, service=service)
        await _tell(server, chat, message)
        await _move(server, chat, leaver, change, before=before, after=MemberStatus.LEFT)

    await server.unit(go)


async def upgrade_group_to_supergroup(server: BotServer, user: User, chat_id: int) -> int:
    """Make a supergroup of a group: everybody is in the new chat, whose id this gives. Raises NotAllowed."""

    async def upgrade(change: int) -> int:
        upgrader, chat = await _enter(server, user, chat_id, change)
        if chat.type is not ChatType.GROUP:
            raise NotAllowed("only a group can be upgraded")
        upgraded = await WebchatChat.create(
            network=server.network,
            chat_id=SUPERGROUP_IDS + chat_id,
            type=ChatType.SUPERGROUP,
            title=chat.title,
            person=None,
            bot_status=chat.bot_status,
            change=change,
        )
        for member in await WebchatMember.filter(chat=chat).select_related("user"):
            await WebchatMember.create(chat=upgraded, user=member.user, status=member.status)
        service: dict[str, Any] = {"migrate_to_chat_id": upgraded.chat_id}
        last = await rows.add_message(server, chat, change, sender=upgrader, service=service)
        service = {"migrate_from_chat_id": chat_id}
        first = await rows.add_message(server, upgraded, change, sender=upgrader, service=service)
        await _tell(server, chat, last)
        await _tell(server, upgraded, first)
        chat.migrated_to = upgraded.chat_id
        await rows.save_chat(server, chat, change, "migrated_to")
        return int(upgraded.chat_id)

    return await server.unit(upgrade)


# Behind the doors


def _typed(text: str, *, at_least: int = 1) -> Formatted:
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


async def _known(server: BotServer, user: User) -> WebchatUser:
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


async def _private_chat(server: BotServer, user: User, change: int) -> tuple[WebchatUser, WebchatChat]:
    person = await _known(server, user)
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


async def _group(server: BotServer, chat_id: int) -> WebchatChat:
    chat = await rows.find_chat(server, chat_id)
    if chat is None or chat.type is ChatType.PRIVATE or chat.migrated_to is not None:
        raise NotAllowed("there is no such group")
    return chat


async def _enter(
    server: BotServer, user: User, chat_id: int, change: int, *, starts: bool = True
) -> tuple[WebchatUser, WebchatChat]:
    """The person and the chat, when they may act there. With `starts`, a private chat begins, or is unblocked."""
    if chat_id == user.id:
        person, chat = await _private_chat(server, user, change)
        if starts and chat.bot_status is MemberStatus.LEFT:
            chat.bot_status = MemberStatus.MEMBER  # told by the message itself, as Telegram does it
            await rows.save_chat(server, chat, change, "bot_status")
        elif starts:
            await rows.move_bot(server, chat, change, by=user_json(person), to=MemberStatus.MEMBER)
        return person, chat
    person = await _known(server, user)
    chat = await _group(server, chat_id)
    if await _status(chat, person) not in PRESENT:
        raise NotAllowed("only members can do this")
    return person, chat


async def _status(chat: WebchatChat, person: WebchatUser) -> MemberStatus:
    member = await WebchatMember.get_or_none(chat=chat, user=person)
    return member.status if member else MemberStatus.LEFT


async def _move(
    server: BotServer, chat: WebchatChat, person: WebchatUser, change: int, *, before: MemberStatus, after: MemberStatus
) -> None:
    """Change a person's place in a group; only a bot that is an administrator and asks for it hears of that."""
    await WebchatMember.update_or_create({"status": after}, chat=chat, user=person)
    await rows.save_chat(server, chat, change)
    if chat.bot_status is MemberStatus.ADMINISTRATOR:
        who = user_json(person)
        await server.emit("chat_member", rows.moved(server, chat, by=who, who=who, before=before, after=after))


async def _tell(server: BotServer, chat: WebchatChat, message: WebchatMessage, *, kind: str = "message") -> int:
    """Hand a person's message to the bot, when it may see it; gives the message id."""
    reply_to = await rows.find_message(chat, message.reply_to)
    if chat.type is ChatType.PRIVATE or (
        chat.bot_status not in GONE and _visible(server, chat, message, reply_to=reply_to)
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
