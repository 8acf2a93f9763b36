"""Finding and adding rows, for the bot's side and the people's."""

import secrets
from typing import Any

from bot.webchat.calls import Upload
from bot.webchat.formatting import cleaned
from bot.webchat.objects import Json, chat_json, member_json, message_json, unix
from bot.webchat.server import BotServer
from storage import db
from storage.models.webchat import MemberStatus, WebchatChat, WebchatFile, WebchatMessage, WebchatUser
from storage.rows import select

PRESENT = {MemberStatus.CREATOR, MemberStatus.ADMINISTRATOR, MemberStatus.MEMBER}
GONE = {MemberStatus.LEFT, MemberStatus.KICKED}

MESSAGE_ROWS = ("chat__person", "sender", "file")

MESSAGES = "webchat_message m JOIN webchat_chat c ON c.id = m.chat_id"
# A file's content is never shown with its message: it is read when somebody asks for it.
_WITH_ALL_THAT_IS_SHOWN = """
LEFT JOIN webchat_user p ON p.id = c.person_id LEFT JOIN webchat_user s ON s.id = m.sender_id
LEFT JOIN (SELECT id, network, file_id, name, mime, size, NULL AS content FROM webchat_file) f ON f.id = m.file_id
"""


async def find_chat(server: BotServer, chat_id: int) -> WebchatChat | None:
    """The chat with its person, or None."""
    return await WebchatChat.get_or_none(network=server.network, chat_id=chat_id).select_related("person")


async def find_message(chat: WebchatChat, message_id: int | None) -> WebchatMessage | None:
    """The message with everything that its JSON needs; None when there is none or it was deleted."""
    if message_id is None:
        return None
    found = WebchatMessage.get_or_none(chat=chat, message_id=message_id, deleted=False)
    return await found.select_related(*MESSAGE_ROWS)


async def read_messages(condition: str, values: list[Any], *, tables: str = MESSAGES) -> list[WebchatMessage]:
    """Messages `m` in chats `c` with everything that is shown of them; their files without content."""
    found = await select(
        f"FROM {tables} {_WITH_ALL_THAT_IS_SHOWN} WHERE {condition}",
        values,
        m=WebchatMessage,
        c=WebchatChat,
        p=WebchatUser,
        s=WebchatUser,
        f=WebchatFile,
    )
    messages: list[WebchatMessage] = []
    for message, chat, person, sender, file in found:
        chat.person = person
        message.chat, message.sender, message.file = chat, sender, file
        messages.append(message)
    return messages


async def add_message(server: BotServer, chat: WebchatChat, change: int, **fields: Any) -> WebchatMessage:  # noqa: ANN401  # columns
    """Append a message to the chat, dated now, with the chat's next number."""
    rows = await db.execute(
        "UPDATE webchat_chat SET last_message_id = last_message_id + 1 WHERE id = ? RETURNING last_message_id",
        [chat.id],
    )
    message_id = int(rows[0]["last_message_id"])
    fields = {"sender": None, "file": None} | fields
    message = await WebchatMessage.create(
        chat=chat, message_id=message_id, sent_at=server.dated(), change=change, edited_at=None, deleted=False, **fields
    )
    server.touched(chat.chat_id)
    return message


async def shown(server: BotServer, message: WebchatMessage) -> Json:
    """The Bot API's Message, with the one it replies to."""
    reply_to = await find_message(message.chat, message.reply_to)
    return message_json(message, server.bot, reply_to=reply_to)


async def keep_file(server: BotServer, upload: Upload) -> WebchatFile:
    """Store what somebody sent. Its id is long enough not to be guessed."""
    return await WebchatFile.create(
        network=server.network,
        file_id=secrets.token_urlsafe(24),
        name=file_name(upload.name),
        mime=upload.mime[:127],
        size=len(upload.content),
        content=upload.content,
    )


def file_name(given: str) -> str:
    """What a file is called here."""
    return cleaned(given).strip()[:255] or "file"


async def save_chat(server: BotServer, chat: WebchatChat, change: int, *fields: str) -> None:
    """Keep what changed about the chat itself."""
    chat.change = change
    await chat.save(update_fields=["change", *fields])
    server.touched(chat.chat_id)


async def move_bot(server: BotServer, chat: WebchatChat, change: int, *, by: Json, to: MemberStatus) -> None:
    """Change how the bot stands to a chat, and tell it, unless it stands like that already."""
    before = chat.bot_status
    if before is to:
        return
    chat.bot_status = to
    await save_chat(server, chat, change, "bot_status")
    await server.emit("my_chat_member", moved(server, chat, by=by, who=server.bot.user(), before=before, after=to))


def moved(
    server: BotServer, chat: WebchatChat, *, by: Json, who: Json, before: MemberStatus, after: MemberStatus
) -> Json:
    """The Bot API's ChatMemberUpdated."""
    return {
        "chat": chat_json(chat),
        "from": by,
        "date": unix(server.dated()),
        "old_chat_member": member_json(who, before),
        "new_chat_member": member_json(who, after),
    }
