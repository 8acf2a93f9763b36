"""Which chats a person has, by today's seats, and how far they have read them.

A web chat user has the number of the person, and so has their private chat with Faden. A group is the group of a body
(`GroupChat`); whoever holds a seat there today is in it, and nobody else.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.webchat import rows
from bot.webchat.objects import Seen, User, seen
from bot.webchat.people import PRESENT
from storage import db, queries
from storage.models import Channel, GroupChat, Person
from storage.models.webchat import (
    ChatType,
    MemberStatus,
    WebchatChat,
    WebchatMember,
    WebchatMessage,
    WebchatReading,
    WebchatUser,
)
from storage.vocabulary import ChannelState

if TYPE_CHECKING:
    from bot.webchat.server import BotServer

TITLE_LENGTH = 128
NAME_LENGTH = 64

_PRESENT = sorted(status.value for status in PRESENT)


class Room(NamedTuple):
    """A chat as it stands in somebody's list. `unread` counts what others wrote after the message `read`."""

    chat_id: int
    title: str | None
    unread: int
    read: int
    pinned: Seen | None
    latest: Seen | None


class Unread(NamedTuple):
    """That somebody has unread messages: since when, and the newest one's key, which grows with every message."""

    person: int
    since: datetime
    newest: int


def user_of(person: Person) -> User:
    """The person as the network shows them to the bot."""
    return User(person.id, person.given_name[:NAME_LENGTH], person.language, last_name=person.family_name[:NAME_LENGTH])


# The right to be there


async def enter(server: BotServer, person: Person, today: date) -> frozenset[int]:
    """The chats in which the person may read and write today.

    The network's own memberships are made to follow the seats, so that whatever the server checks afterwards is today's right.
    """
    user, groups = user_of(person), await _groups_of(server, person.id, today)
    private = await rows.find_chat(server, person.id)
    if private is None or private.bot_status is MemberStatus.LEFT or _names(private.person) != _names(user):
        await _arrive(server, user)
    memberships = WebchatMember.filter(user__network=server.network, user__user_id=person.id, status__in=_PRESENT)
    present = {member.chat.chat_id: member.chat.title for member in await memberships.select_related("chat")}
    if present != groups:
        await server.unit(partial(_follow_seats, server, person.id, groups))
    return frozenset({person.id, *groups})


async def open_rooms(server: BotServer) -> None:
    """Make the chats to which the bot may have to write before anybody has looked at them."""
    channels = Channel.filter(network=server.network, state=ChannelState.ACTIVE, person__left_at=None)
    people = {channel.person.id: channel.person for channel in await channels.select_related("person")}
    known = {chat.chat_id for chat in await WebchatChat.filter(network=server.network, chat_id__in=list(people))}
    for person_id in people.keys() - known:
        await _arrive(server, user_of(people[person_id]))
    groups = {group.chat_id: group.body.name[:TITLE_LENGTH] for group in await _group_chats(server)}

    async def open_groups(change: int) -> None:
        for chat_id, title in groups.items():
            await _open_group(server, chat_id, title, change)

    await server.unit(open_groups)


def _names(user: User | WebchatUser | None) -> tuple[str | None, ...]:
    return (user.first_name, user.last_name, user.language_code) if user else ()


async def _arrive(server: BotServer, user: User) -> None:
    """Make the person known. Here nobody has to write first: what Faden sends can be answered by its buttons at once."""
    await server.person_arrives(user)

    async def begin(_change: int) -> None:
        private = WebchatChat.filter(network=server.network, chat_id=user.id, bot_status=MemberStatus.LEFT)
        await private.update(bot_status=MemberStatus.MEMBER)

    await server.unit(begin)


async def _group_chats(server: BotServer, bodies: list[int] | None = None) -> list[GroupChat]:
    groups = GroupChat.filter(network=server.network)
    return await (groups if bodies is None else groups.filter(body_id__in=bodies)).select_related("body")


async def _groups_of(server: BotServer, person_id: int, today: date) -> dict[int, str]:
    seats = await queries.seats_of(person_id, today)
    groups = await _group_chats(server, [seat.body_id for seat in seats]) if seats else []
    return {group.chat_id: group.body.name[:TITLE_LENGTH] for group in groups}


async def _follow_seats(server: BotServer, person_id: int, groups: dict[int, str], change: int) -> None:
    user = await WebchatUser.get(network=server.network, user_id=person_id)
    for member in await WebchatMember.filter(user=user).select_related("chat"):
        if member.chat.chat_id not in groups:
            member.status = MemberStatus.LEFT
            await member.save(update_fields=["status"])
    for chat_id, title in groups.items():
        chat = await _open_group(server, chat_id, title, change)
        if not await WebchatMember.exists(chat=chat, user=user, status__in=_PRESENT):
            await WebchatMember.update_or_create({"status": MemberStatus.MEMBER}, chat=chat, user=user)
            # What was said before somebody came is there to be read, but is not news to them.
            await _read_up_to(chat, user, chat.last_message_id)
    server.touched(person_id)


async def _open_group(server: BotServer, chat_id: int, title: str, change: int) -> WebchatChat:
    chat = await rows.find_chat(server, chat_id)
    if chat is None:
        return await WebchatChat.create(
            network=server.network,
            chat_id=chat_id,
            type=ChatType.GROUP,
            title=title,
            person=None,
            bot_status=MemberStatus.ADMINISTRATOR,
            last_message_id=0,
            change=change,
        )
    if chat.title != title:
        chat.title = title
        await rows.save_chat(server, chat, change, "title")
    return chat


# Reading


async def mark_read(server: BotServer, person_id: int, chat_id: int, message_id: int) -> None:
    """The person has seen the chat's messages up to this one; other windows of theirs learn of it."""

    async def mark(_change: int) -> None:
        chat = await WebchatChat.get(network=server.network, chat_id=chat_id)
        user = await WebchatUser.get(network=server.network, user_id=person_id)
        await _read_up_to(chat, user, min(message_id, chat.last_message_id))
        server.touched(person_id)

    await server.unit(mark)


async def _read_up_to(chat: WebchatChat, user: WebchatUser, message_id: int) -> None:
    reading = await WebchatReading.get_or_none(chat=chat, user=user)
    if reading is None:
        await WebchatReading.create(chat=chat, user=user, message_id=message_id)
    elif reading.message_id < message_id:
        reading.message_id = message_id
        await reading.save(update_fields=["message_id"])


async def rooms(server: BotServer, person_id: int, chat_ids: frozenset[int]) -> list[Room]:
    """The list of a person's chats, the private one first, then by title. Ask `enter` which they may see."""
    counts = {row["chat_id"]: row["messages"] for row in await _unread(server, person_id)}
    places = await db.execute(
        f"""
        SELECT c.chat_id, c.title, COALESCE(r.message_id, 0) AS "read",
            (SELECT m.id FROM webchat_message m WHERE m.chat_id = c.id AND NOT m.deleted AND m.service IS NULL
             ORDER BY m.message_id DESC LIMIT 1) AS latest,
            (SELECT p.id FROM webchat_message p WHERE p.chat_id = c.id AND NOT p.deleted
             AND p.message_id = c.pinned_message_id) AS pinned
        FROM webchat_chat c
        JOIN webchat_user u ON u.network = c.network AND u.user_id = ?
        LEFT JOIN webchat_reading r ON r.chat_id = c.id AND r.user_id = u.id
        WHERE c.network = ? AND c.chat_id IN ({", ".join("?" for _ in chat_ids)})
        """,  # noqa: S608  # only question marks are put in
        [person_id, server.network.value, *chat_ids],
    )
    keys = [row[name] for row in places for name in ("latest", "pinned") if row[name] is not None]
    found = await WebchatMessage.filter(id__in=keys).select_related(*rows.MESSAGE_ROWS) if keys else []
    shown = {message.id: seen(message, server.bot) for message in found}
    listed = [
        Room(
            row["chat_id"],
            row["title"],
            counts.get(row["chat_id"], 0),
            row["read"],
            shown.get(row["pinned"]),
            shown.get(row["latest"]),
        )
        for row in places
    ]
    return sorted(listed, key=lambda room: (room.chat_id != person_id, room.title or "", room.chat_id))


async def unread(server: BotServer, now: datetime) -> list[Unread]:
    """Everybody who has unread messages. Groups count for those who hold a seat in them on that day."""
    found = await _unread(server, None)
    members: dict[int, set[int]] = {}
    for group in await _group_chats(server) if any(row["chat_id"] < 0 for row in found) else []:
        # By UTC's day: an hour or two later than on the spot, and a mail says nothing of what was written.
        seats = await queries.seats_in(group.body_id, now.astimezone(UTC).date())
        members[group.chat_id] = {seat.person_id for seat in seats if seat.person_id is not None}
    spans: dict[int, tuple[int, int]] = {}
    for row in found:
        person_id = row["user_id"]
        if row["chat_id"] == person_id or person_id in members.get(row["chat_id"], ()):
            oldest, newest = spans.get(person_id, (row["oldest"], row["newest"]))
            spans[person_id] = (min(oldest, row["oldest"]), max(newest, row["newest"]))
    messages = WebchatMessage.filter(id__in=[oldest for oldest, _ in spans.values()])
    sent = {message.id: message.sent_at for message in await messages}
    here = await Person.filter(id__in=list(spans), left_at=None).order_by("id")
    return [Unread(person.id, sent[spans[person.id][0]], spans[person.id][1]) for person in here]


async def _unread(server: BotServer, person_id: int | None) -> list[dict[str, Any]]:
    """For each person and chat with unread messages: how many, and the keys of the oldest and the newest."""
    return await db.execute(
        f"""
        SELECT u.user_id, c.chat_id, COUNT(*) AS messages, MIN(m.id) AS oldest, MAX(m.id) AS newest
        FROM (
            SELECT person_id AS user_key, id AS chat_key FROM webchat_chat WHERE person_id IS NOT NULL
            UNION ALL
            SELECT user_id, chat_id FROM webchat_member WHERE status IN ({", ".join(f"'{status}'" for status in _PRESENT)})
        ) place
        JOIN webchat_user u ON u.id = place.user_key
        JOIN webchat_chat c ON c.id = place.chat_key
        LEFT JOIN webchat_reading r ON r.chat_id = place.chat_key AND r.user_id = place.user_key
        JOIN webchat_message m ON m.chat_id = place.chat_key AND m.message_id > COALESCE(r.message_id, 0)
        WHERE c.network = ? AND NOT m.deleted AND m.service IS NULL
            AND (m.sender_id IS NULL OR m.sender_id <> place.user_key)
            {"AND u.user_id = ?" if person_id is not None else ""}
        GROUP BY u.user_id, c.chat_id
        """,  # noqa: S608  # only constants and question marks are put in
        [server.network.value, *([] if person_id is None else [person_id])],
    )
