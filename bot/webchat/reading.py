"""What people read: their chats, messages, answers to presses, command menus, and what is new since they last looked.

Everything here is a method of `BotServer`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.webchat import rows, updates
from bot.webchat.objects import Answer, ChatView, Seen, seen
from bot.webchat.people import PRESENT
from storage.models.webchat import (
    MemberStatus,
    WebchatChat,
    WebchatCommands,
    WebchatFile,
    WebchatMember,
    WebchatMessage,
    WebchatPress,
    WebchatUser,
)
from storage.rows import places

if TYPE_CHECKING:
    from bot.webchat.server import BotServer

# Another process may have written: then nobody wakes us, and we look ourselves.
LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Changes:
    """What is new for one person, up to and with `number`, and in which chats the bot is writing."""

    number: int
    chats: list[ChatView]
    messages: list[Seen]
    answers: list[Answer]
    typing: list[int]


async def messages(
    server: BotServer, chat_id: int, *, after: int = 0, before: int | None = None, limit: int | None = None
) -> list[Seen]:
    """The chat's messages between the ids `after` and `before`, oldest first; at most the `limit` newest of them."""
    condition = "c.network = ? AND c.chat_id = ? AND m.message_id > ? AND NOT m.deleted"
    values: list[Any] = [server.network.value, chat_id, after]
    for more, value in ((" AND m.message_id < ?", before), (" ORDER BY m.message_id DESC LIMIT ?", limit)):
        if value is not None:
            condition += more
            values.append(value)
    found = await rows.read_messages(condition, values)
    return await seen_together(server, sorted(found, key=lambda one: one.message_id))


async def message(server: BotServer, chat_id: int, message_id: int) -> Seen | None:
    """One message, or None when there is none, or it was deleted."""
    found = await messages(server, chat_id, after=message_id - 1, before=message_id + 1)
    return found[0] if found else None


async def seen_together(server: BotServer, found: list[WebchatMessage]) -> list[Seen]:
    """The rows as people see them, each with the message that it replies to, in one more query."""
    wanted = {one.reply_to for one in found if one.reply_to is not None}
    replied: dict[tuple[int, int | None], WebchatMessage] = {}
    if wanted:
        chats = {one.chat_id for one in found}
        condition = f"m.chat_id IN ({places(chats)}) AND m.message_id IN ({places(wanted)}) AND NOT m.deleted"
        for one in await rows.read_messages(condition, [*chats, *wanted]):
            replied[one.chat_id, one.message_id] = one
    return [seen(one, server.bot, reply_to=replied.get((one.chat_id, one.reply_to))) for one in found]


async def chats(server: BotServer, user_id: int) -> list[ChatView]:
    """The chats that a person is in, the private one first."""
    return [_view(server, chat) for chat, member in await _places(server, user_id) if member]


async def _places(server: BotServer, user_id: int) -> list[tuple[WebchatChat, bool]]:
    """The person's private chat and groups, each with whether they are in it; left groups are among them."""
    private = WebchatChat.filter(network=server.network, chat_id=user_id)
    places = [(chat, True) for chat in await private]
    memberships = WebchatMember.filter(user__network=server.network, user__user_id=user_id).select_related("chat")
    return places + [(member.chat, member.status in PRESENT) for member in await memberships.order_by("id")]


def _view(server: BotServer, chat: WebchatChat, *, member: bool = True) -> ChatView:
    """A private chat has the bot's name."""
    return ChatView(chat.chat_id, chat.type, chat.title or server.bot.first_name, chat.pinned_message_id, member)


async def changes(server: BotServer, user_id: int, after: int) -> AsyncGenerator[Changes, None]:
    """What is new for a person since the change number `after`, as it happens, for as long as one iterates.

    Nothing is lost between two looks: everything is read from rows by its change number. Start with the number of an
    earlier `Changes`, or 0 for everything; close the generator (`contextlib.aclosing`) when the page goes away.
    """
    with server.feed.reader(user_id) as reader:
        while True:
            reader.woken.clear()
            typing, reader.typing = sorted(reader.typing), set()
            number = (await updates.settings(server)).change
            if number > after:
                yield await _since(server, user_id, after, number, typing)
                after = number
            elif typing:
                yield Changes(after, [], [], [], typing)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.woken.wait(), LOOK_AGAIN_SECONDS)


async def _since(server: BotServer, user_id: int, after: int, number: int, typing: list[int]) -> Changes:
    places = await _places(server, user_id)
    mine = [chat.id for chat, member in places if member]
    changed = [_view(server, chat, member=member) for chat, member in places if chat.change > after]
    new = WebchatMessage.filter(chat_id__in=mine, change__gt=after, change__lte=number)
    found = await new.order_by("chat_id", "message_id").select_related(*rows.MESSAGE_ROWS)
    answered = WebchatPress.filter(
        user__network=server.network, user__user_id=user_id, change__gt=after, change__lte=number
    ).exclude(answered_at=None)
    answers = [_answer(press) for press in await answered.order_by("id").select_related("message__chat")]
    return Changes(number, changed, await seen_together(server, found), answers, typing)


def _answer(press: WebchatPress) -> Answer:
    return Answer(
        callback_query_id=str(press.id),
        chat_id=press.message.chat.chat_id,
        message_id=press.message.message_id,
        text=press.answer,
        show_alert=press.show_alert,
        url=press.url,
    )


async def answer_of(server: BotServer, callback_query_id: str) -> Answer | None:
    """What the bot answered to a press; None as long as it has not."""
    found = WebchatPress.get_or_none(id=int(callback_query_id), user__network=server.network)
    press = await found.select_related("message__chat")
    return _answer(press) if press and press.answered_at else None


async def commands_for(server: BotServer, user_id: int, chat_id: int) -> list[dict[str, str]]:
    """The command menu that a person sees in a chat: the narrowest scope that has one, in their language if it can be."""
    user = await WebchatUser.get_or_none(network=server.network, user_id=user_id)
    language = (user.language_code or "")[:2] if user else ""
    menus = {
        (row.scope, row.language_code): row.commands
        for row in await WebchatCommands.filter(network=server.network, language_code__in=["", language])
    }
    for scope in await _scopes(server, user_id, chat_id):
        for code in (language, ""):
            if (scope, code) in menus:
                return menus[scope, code]
    return []


async def _scopes(server: BotServer, user_id: int, chat_id: int) -> list[str]:
    """The scopes that apply, narrowest first, in the order that the Bot API documents."""
    if chat_id == user_id:
        return [f"chat:{chat_id}", "all_private_chats", "default"]
    member = await WebchatMember.get_or_none(chat__network=server.network, chat__chat_id=chat_id, user__user_id=user_id)
    leads = member is not None and member.status in {MemberStatus.CREATOR, MemberStatus.ADMINISTRATOR}
    scopes = [f"chat_member:{chat_id}:{user_id}"]
    scopes += [f"chat_administrators:{chat_id}"] if leads else []
    scopes += [f"chat:{chat_id}"]
    scopes += ["all_chat_administrators"] if leads else []
    return [*scopes, "all_group_chats", "default"]


async def file_for(server: BotServer, user_id: int, file_id: str) -> WebchatFile | None:
    """A file, when it stands in a chat that the person is in; None otherwise."""
    keys = [chat.id for chat, member in await _places(server, user_id) if member]
    if not await WebchatMessage.exists(chat_id__in=keys, file__file_id=file_id, deleted=False):
        return None
    return await WebchatFile.get(network=server.network, file_id=file_id)
