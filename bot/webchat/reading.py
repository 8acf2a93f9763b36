"""What people read: their chats, messages, answers to presses, command menus, and what is new since they last looked."""

from collections.abc import Collection, Mapping
from typing import Any

from bot.webchat import rows
from bot.webchat.objects import Answer, Seen, seen
from bot.webchat.server import BotServer
from storage import db
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

_NEWEST = """
SELECT c.chat_id, (SELECT MAX(m.change) FROM webchat_message m WHERE m.chat_id = c.id) AS newest
FROM webchat_chat c WHERE c.network = ?
"""
_ANSWERS = """
SELECT u.user_id, p.id, c.chat_id, m.message_id, p.answer, p.show_alert, p.url
FROM (VALUES %s) AS w CROSS JOIN webchat_user u CROSS JOIN webchat_press p
JOIN webchat_message m ON m.id = p.message_id JOIN webchat_chat c ON c.id = m.chat_id
WHERE u.network = ? AND u.user_id = w.column1 AND p.user_id = u.id
AND p.change > w.column2 AND p.change <= ? AND p.answered_at IS NOT NULL ORDER BY p.id
"""


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


async def chats(server: BotServer, user_id: int) -> list[WebchatChat]:
    """The chats that a person is in, the private one first."""
    private = await WebchatChat.filter(network=server.network, chat_id=user_id)
    memberships = WebchatMember.filter(user__network=server.network, user__user_id=user_id).select_related("chat")
    groups = [member.chat for member in await memberships.order_by("id") if member.status in rows.PRESENT]
    return [*private, *groups]


async def news(server: BotServer, since: Mapping[int, int], number: int) -> list[Seen]:
    """What changed in each of these chats after its change number, up to and with `number`; deleted messages are among it."""
    if not since:
        return []
    found = await rows.read_messages(
        "c.network = ? AND c.chat_id = w.column1 AND m.chat_id = c.id AND m.change > w.column2 AND m.change <= ? "
        "ORDER BY c.id, m.message_id",
        [*_flat(since), server.network.value, number],
        tables=f"(VALUES {_pairs(since)}) AS w CROSS JOIN webchat_chat c CROSS JOIN webchat_message m",
    )
    return await seen_together(server, found)


async def newest(server: BotServer, chat_ids: Collection[int]) -> dict[int, int]:
    """The number of the newest change to a message of each of these chats."""
    if not chat_ids:
        return {}
    found = await db.execute(f"{_NEWEST} AND c.chat_id IN ({places(chat_ids)})", [server.network.value, *chat_ids])
    return {row["chat_id"]: row["newest"] or 0 for row in found}


async def answers(server: BotServer, since: Mapping[int, int], number: int) -> dict[int, list[Answer]]:
    """By person, what the bot has answered to their presses after their change number, up to and with `number`."""
    told: dict[int, list[Answer]] = {}
    if not since:
        return told
    network = server.network.value
    for row in await db.execute(_ANSWERS % _pairs(since), [*_flat(since), network, number]):
        answer = Answer(
            callback_query_id=str(row["id"]),
            chat_id=row["chat_id"],
            message_id=row["message_id"],
            text=row["answer"],
            show_alert=bool(row["show_alert"]),
            url=row["url"],
        )
        told.setdefault(row["user_id"], []).append(answer)
    return told


def _pairs(since: Mapping[int, int]) -> str:
    return ", ".join(["(CAST(? AS BIGINT), CAST(? AS BIGINT))"] * len(since))


def _flat(since: Mapping[int, int]) -> list[int]:
    return [number for pair in since.items() for number in pair]


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
    keys = [chat.id for chat in await chats(server, user_id)]
    if not await WebchatMessage.exists(chat_id__in=keys, file__file_id=file_id, deleted=False):
        return None
    return await WebchatFile.get(network=server.network, file_id=file_id)
