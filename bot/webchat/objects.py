"""Rows as the Bot API shows them: User, Chat, Message, ChatMember, Document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.webchat.formatting import Formatted, to_html
from storage.models.webchat import ChatType, MemberStatus, WebchatChat, WebchatFile, WebchatMessage, WebchatUser

Json = dict[str, Any]


@dataclass(frozen=True)
class User:
    """Somebody who uses the chat, as their client introduces them."""

    id: int
    first_name: str
    language_code: str | None = "de"
    last_name: str | None = None
    username: str | None = None


@dataclass(frozen=True)
class Identity:
    """The bot, as getMe shows it. With `privacy`, a group's talk among people does not reach it."""

    id: int
    username: str = "FadenBot"
    first_name: str = "Faden"
    privacy: bool = True

    def user(self) -> Json:
        """The bot's User, as it stands in messages."""
        return {"id": self.id, "is_bot": True, "first_name": self.first_name, "username": self.username}

    def itself(self) -> Json:
        """The answer to getMe."""
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": False,
        }
        return self.user() | abilities


@dataclass(frozen=True)
class Seen:
    """A message as the people's side reads it.

    `message` is the Bot API's object, `html` its text or caption, safe for a page. `change` says when the message was last
    touched; a deleted one has only its number left.
    """

    chat_id: int
    message_id: int
    change: int
    deleted: bool
    message: Json
    html: str


@dataclass(frozen=True)
class Answer:
    """What the bot answered to a press: a toast, an alert, a link, or nothing but an end to the waiting."""

    callback_query_id: str
    chat_id: int
    message_id: int
    text: str | None
    show_alert: bool
    url: str | None


def _present(**values: object) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def unix(moment: datetime) -> int:
    """Seconds since 1970, as the Bot API dates things."""
    return int(moment.timestamp())


def user_json(user: WebchatUser) -> Json:
    """A person."""
    return _present(
        id=user.user_id,
        is_bot=False,
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        language_code=user.language_code,
    )


def chat_json(chat: WebchatChat) -> Json:
    """A chat. `chat.person` must be loaded."""
    person = chat.person
    if person is None:
        return {"id": chat.chat_id, "type": chat.type.value, "title": chat.title}
    return _present(
        id=chat.chat_id,
        type=chat.type.value,
        first_name=person.first_name,
        last_name=person.last_name,
        username=person.username,
    )


def document_json(file: WebchatFile) -> Json:
    """A file that a message carries."""
    return {
        "file_id": file.file_id,
        "file_unique_id": file.file_id[:16],
        "file_name": file.name,
        "mime_type": file.mime,
        "file_size": file.size,
    }


def message_json(message: WebchatMessage, bot: Identity, *, reply_to: WebchatMessage | None = None) -> Json:
    """A message. Its chat (with person), sender and file must be loaded, and those of the one it replies to."""
    text, entities = ("text", "entities") if message.file is None else ("caption", "caption_entities")
    shown = _present(
        message_id=message.message_id,
        date=unix(message.sent_at),
        edit_date=unix(message.edited_at) if message.edited_at else None,
        chat=chat_json(message.chat),
        message_thread_id=message.thread_id or _thread_of(message, reply_to),
        is_topic_message=True if message.thread_id else None,
        document=document_json(message.file) if message.file else None,
        reply_to_message=message_json(reply_to, bot) if reply_to else None,
        reply_markup={"inline_keyboard": message.keyboard} if message.keyboard else None,
    )
    shown["from"] = user_json(message.sender) if message.sender else bot.user()
    if message.text:
        shown[text] = message.text
    if message.entities:
        shown[entities] = message.entities
    return shown | (message.service or {})


def _thread_of(message: WebchatMessage, reply_to: WebchatMessage | None) -> int | None:
    """In a supergroup every reply belongs to a thread; where there are no topics nothing can be sent into it."""
    if reply_to is None or message.chat.type is not ChatType.SUPERGROUP:
        return None
    thread: int = reply_to.thread_id or reply_to.message_id
    return thread


def seen(message: WebchatMessage, bot: Identity, *, reply_to: WebchatMessage | None = None) -> Seen:
    """A message for the people's side; the same rows must be loaded as for `message_json`."""
    return Seen(
        chat_id=message.chat.chat_id,
        message_id=message.message_id,
        change=message.change,
        deleted=message.deleted,
        message={} if message.deleted else message_json(message, bot, reply_to=reply_to),
        html=to_html(Formatted(message.text, message.entities)),
    )


def member_json(user: Json, status: MemberStatus) -> Json:
    """How a user stands to a chat."""
    member: Json = {"user": user, "status": status.value}
    match status:
        case MemberStatus.CREATOR:
            member["is_anonymous"] = False
        case MemberStatus.KICKED:
            member["until_date"] = 0
        case MemberStatus.ADMINISTRATOR:
            member |= _ADMINISTRATOR
    return member


_ADMINISTRATOR = {
    "can_be_edited": False,
    "is_anonymous": False,
    "can_manage_chat": True,
    "can_delete_messages": True,
    "can_manage_video_chats": False,
    "can_restrict_members": False,
    "can_promote_members": False,
    "can_change_info": False,
    "can_invite_users": True,
    "can_post_stories": False,
    "can_edit_stories": False,
    "can_delete_stories": False,
    "can_pin_messages": True,
    "can_manage_topics": False,
}
