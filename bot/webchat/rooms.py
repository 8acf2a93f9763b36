"""Which chats a person has, by today's seats, and how far they have read them.

A web chat user has the number of the person, and so has their private chat with Faden. A group is the group of a body
(`GroupChat`); whoever holds a seat there today is in it, and nobody else.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import NamedTuple

from bot.webchat import people, rows
from bot.webchat.objects import Seen, User, seen
from bot.webchat.server import BotServer
from storage import db, queries
from storage.models import Channel, GroupChat, Person
from storage.models.webchat import (
    ChatType,
    MemberStatus,
    WebchatChat,
    WebchatMember,
    WebchatMessage,
    WebchatUser,
)
from storage.rows import places as question_marks
from storage.vocabulary import ChannelState

TITLE_LENGTH = 128
NAME_LENGTH = 64

MOST_UNREAD = 100  # so many are counted; the page says "99+" then

_PRESENT = ", ".join(f"'{status}'" for status in sorted(rows.PRESENT))
_SEATS = """
SELECT s.person_id, g.chat_id, b.name, p.zone, s.begins_on, s.ends_on
FROM membership s JOIN person p ON p.id = s.person_id JOIN body b ON b.id = s.body_id
JOIN group_chat g ON g.body_id = s.body_id
WHERE g.network = ? AND p.left_at IS NULL
"""
_MEMBERSHIPS = f"""
SELECT c.chat_id, c.title
FROM webchat_user u JOIN webchat_member w ON w.user_id = u.id JOIN webchat_chat c ON c.id = w.chat_id
WHERE u.network = ? AND u.user_id = ? AND w.status IN ({_PRESENT})
"""  # noqa: S608  # only constants are put in
_PLACES = """
SELECT c.chat_id, c.title,
    (SELECT m.id FROM webchat_message m WHERE m.chat_id = c.id AND NOT m.deleted AND m.service IS NULL
     ORDER BY m.message_id DESC LIMIT 1) AS latest,
    (SELECT m.id FROM webchat_message m WHERE m.chat_id = c.id AND NOT m.deleted
     AND m.message_id = c.pinned_message_id) AS pinned
FROM webchat_chat c WHERE c.network = ?
"""
# From how far somebody has read to the messages behind it, by their index: also where the database knows nothing of its tables yet.
_UNREAD = """
webchat_message m WHERE m.chat_id = {place}.chat_key AND m.message_id > {place}.read_id
AND NOT m.deleted AND m.service IS NULL AND (m.sender_id IS NULL OR m.sender_id <> {place}.user_key)
"""
_READINGS = f"""
SELECT o.user_id, o.chat_id, o.read_id,
    (SELECT COUNT(*) FROM (SELECT 1 FROM {_UNREAD.format(place="o")} LIMIT {MOST_UNREAD}) AS few) AS unread
FROM (
    SELECT u.user_id, c.chat_id, u.id AS user_key, c.id AS chat_key, COALESCE(r.message_id, 0) AS read_id
    FROM (VALUES %s) AS w CROSS JOIN webchat_user u CROSS JOIN webchat_chat c
    LEFT JOIN webchat_reading r ON r.chat_id = c.id AND r.user_id = u.id
    WHERE u.network = ? AND u.user_id = w.column1 AND c.network = ? AND c.chat_id = w.column2
) AS o
"""  # noqa: S608  # only constants are put in
_UNREAD_OF_ALL = f"""
SELECT e.user_id, MIN(e.oldest) AS oldest, MAX(e.newest) AS newest
FROM (
    SELECT o.user_id,
        (SELECT m.id FROM {_UNREAD.format(place="o")} ORDER BY m.message_id LIMIT 1) AS oldest,
        (SELECT m.id FROM {_UNREAD.format(place="o")} ORDER BY m.message_id DESC LIMIT 1) AS newest
    FROM (
        SELECT u.user_id, u.id AS user_key, c.id AS chat_key, COALESCE(r.message_id, 0) AS read_id
        FROM webchat_user u CROSS JOIN (
            SELECT person_id AS user_key, id AS chat_key FROM webchat_chat WHERE person_id IS NOT NULL
            UNION
            SELECT v.id, c.id
            FROM membership s JOIN group_chat g ON g.body_id = s.body_id
            JOIN webchat_chat c ON c.network = g.network AND c.chat_id = g.chat_id
            JOIN webchat_user v ON v.network = g.network AND v.user_id = s.person_id
            JOIN webchat_member w ON w.chat_id = c.id AND w.user_id = v.id AND w.status IN ({_PRESENT})
            WHERE s.begins_on <= ? AND (s.ends_on IS NULL OR s.ends_on >= ?)
        ) AS place CROSS JOIN webchat_chat c
        LEFT JOIN webchat_reading r ON r.chat_id = c.id AND r.user_id = u.id
        WHERE u.network = ? AND place.user_key = u.id AND c.id = place.chat_key
    ) AS o
) AS e JOIN person p ON p.id = e.user_id AND p.left_at IS NULL
WHERE e.oldest IS NOT NULL GROUP BY e.user_id ORDER BY e.user_id
"""  # noqa: S608  # only constants are put in
_READ_UP_TO = """
INSERT INTO webchat_reading (chat_id, user_id, message_id)
SELECT c.id, u.id, CASE WHEN c.last_message_id < ? THEN c.last_message_id ELSE ? END
FROM webchat_chat c CROSS JOIN webchat_user u
WHERE c.network = ? AND c.chat_id = ? AND u.network = ? AND u.user_id = ?
ON CONFLICT (chat_id, user_id) DO UPDATE SET message_id = excluded.message_id
WHERE webchat_reading.message_id < excluded.message_id
"""


class Place(NamedTuple):
    """A chat as it is for everybody who may read it; `latest` and `pinned` are messages."""

    chat_id: int
    title: str | None
    pinned: Seen | None
    latest: Seen | None


class Reading(NamedTuple):
    """How somebody stands to a chat: how many messages of others come after `read`; no more than MOST_UNREAD are counted."""

    unread: int
    read: int


class Room(NamedTuple):
    """A chat as it stands in somebody's list."""

    place: Place
    reading: Reading


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
    user, groups = user_of(person), (await seats(server, [person.id], lambda _zone: today)).get(person.id, {})
    private = await rows.find_chat(server, person.id)
    if private is None or private.bot_status is MemberStatus.LEFT or _names(private.person) != _names(user):
        await _arrive(server, user)
    memberships = await db.execute(_MEMBERSHIPS, [server.network.value, person.id])
    if {row["chat_id"]: row["title"] for row in memberships} != groups:
        await server.unit(partial(_follow_seats, server, person.id, groups))
    return frozenset({person.id, *groups})


async def seats(
    server: BotServer, people: Collection[int], day: Callable[[str], date], *, groups: Collection[int] | None = None
) -> dict[int, dict[int, str]]:
    """By person, the groups in which they hold a seat, with their titles; among these `groups`, if they are given.

    `day` says for a time zone which day it is there. Who has left holds no seat.
    """
    found = f"{_SEATS} AND s.person_id IN ({question_marks(people)})"
    if groups is not None:
        found += f" AND g.chat_id IN ({question_marks(groups)})"
    held: dict[int, dict[int, str]] = {}
    for row in await db.execute(found, [server.network.value, *people, *(groups or ())]) if people else []:
        today = str(day(row["zone"]))  # dates come as text from one of the databases, and compare alike
        if str(row["begins_on"]) <= today <= str(row["ends_on"] or today):
            held.setdefault(row["person_id"], {})[row["chat_id"]] = row["name"][:TITLE_LENGTH]
    return held


async def open_rooms(server: BotServer) -> None:
    """Make the chats to which the bot may have to write before anybody has looked at them."""
    channels = Channel.filter(network=server.network, state=ChannelState.ACTIVE, person__left_at=None)
    people = {channel.person.id: user_of(channel.person) for channel in await channels.select_related("person")}
    groups = await GroupChat.filter(network=server.network).select_related("body")
    titles = {group.chat_id: group.body.name[:TITLE_LENGTH] for group in groups}
    await server.unit(partial(_open_private_chats, server, people))
    await server.unit(partial(_open_groups, server, titles))


async def _open_private_chats(server: BotServer, people: Mapping[int, User], change: int) -> None:
    chats = WebchatChat.filter(network=server.network, person_id__not_isnull=True)
    missing = sorted(people.keys() - set(await queries.column(chats, "chat_id")))
    known = set(await queries.column(WebchatUser.filter(network=server.network), "user_id")) if missing else set()
    users = [
        WebchatUser(
            network=server.network,
            user_id=person,
            first_name=people[person].first_name,
            last_name=people[person].last_name,
            language_code=people[person].language_code,
        )
        for person in missing
        if person not in known
    ]
    await WebchatUser.bulk_create(users)
    arrived = await WebchatUser.filter(network=server.network, user_id__in=missing) if missing else []
    await WebchatChat.bulk_create(
        [
            WebchatChat(
                network=server.network,
                chat_id=user.user_id,
                type=ChatType.PRIVATE,
                person=user,
                bot_status=MemberStatus.MEMBER,
                change=change,
            )
            for user in arrived
        ]
    )


def _names(user: User | WebchatUser | None) -> tuple[str | None, ...]:
    return (user.first_name, user.last_name, user.language_code) if user else ()


async def _arrive(server: BotServer, user: User) -> None:
    """Make the person known. Here nobody has to write first: what Faden sends can be answered by its buttons at once."""
    await people.arrives(server, user)

    async def begin(_change: int) -> None:
        private = WebchatChat.filter(network=server.network, chat_id=user.id, bot_status=MemberStatus.LEFT)
        await private.update(bot_status=MemberStatus.MEMBER)

    await server.unit(begin)


async def _follow_seats(server: BotServer, person_id: int, groups: dict[int, str], change: int) -> None:
    user = await WebchatUser.get(network=server.network, user_id=person_id)
    for member in await WebchatMember.filter(user=user).select_related("chat"):
        if member.chat.chat_id not in groups:
            member.status = MemberStatus.LEFT
            await member.save(update_fields=["status"])
    await _open_groups(server, groups, change)
    for chat in await WebchatChat.filter(network=server.network, chat_id__in=list(groups)):
        if not await WebchatMember.exists(chat=chat, user=user, status__in=list(rows.PRESENT)):
            await WebchatMember.update_or_create({"status": MemberStatus.MEMBER}, chat=chat, user=user)
            # What was said before somebody came is there to be read, but is not news to them.
            await db.execute(_READ_UP_TO, _read_up_to(server, person_id, chat.chat_id, chat.last_message_id))
    server.touched(person_id)


async def _open_groups(server: BotServer, titles: Mapping[int, str], change: int) -> None:
    """The groups are there and have these titles."""
    known = {chat.chat_id: chat for chat in await WebchatChat.filter(network=server.network, chat_id__in=list(titles))}
    for chat_id, chat in known.items():
        if chat.title != titles[chat_id]:
            chat.title = titles[chat_id]
            await rows.save_chat(server, chat, change, "title")
    await WebchatChat.bulk_create(
        [
            WebchatChat(
                network=server.network,
                chat_id=chat_id,
                type=ChatType.GROUP,
                title=titles[chat_id],
                bot_status=MemberStatus.ADMINISTRATOR,
                change=change,
            )
            for chat_id in titles.keys() - known.keys()
        ]
    )


# Reading


async def mark_read(server: BotServer, person_id: int, chat_id: int, message_id: int) -> None:
    """The person has seen the chat's messages up to this one."""

    async def mark() -> None:
        async with db.transaction():
            await db.execute(_READ_UP_TO, _read_up_to(server, person_id, chat_id, message_id))

    await db.unit_of_work(mark)


def _read_up_to(server: BotServer, person_id: int, chat_id: int, message_id: int) -> list[object]:
    return [message_id, message_id, server.network.value, chat_id, server.network.value, person_id]


async def places(server: BotServer, chat_ids: Collection[int]) -> dict[int, Place]:
    """Chats as they are for everybody."""
    if not chat_ids:
        return {}
    condition = f" AND c.chat_id IN ({question_marks(chat_ids)})"
    found = await db.execute(_PLACES + condition, [server.network.value, *chat_ids])
    keys = {row[name] for row in found for name in ("latest", "pinned") if row[name] is not None}
    messages = await rows.read_messages(f"m.id IN ({question_marks(keys)})", [*keys]) if keys else []
    shown = {message.id: seen(message, server.bot) for message in messages}
    return {
        row["chat_id"]: Place(row["chat_id"], row["title"], shown.get(row["pinned"]), shown.get(row["latest"]))
        for row in found
    }


async def readings(server: BotServer, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Reading]:
    """How far these people have read these chats; each pair is a person and a chat."""
    if not pairs:
        return {}
    network = server.network.value
    wanted = ", ".join(["(CAST(? AS BIGINT), CAST(? AS BIGINT))"] * len(pairs))
    values = [number for pair in pairs for number in pair]
    found = await db.execute(_READINGS % wanted, [*values, network, network])
    return {(row["user_id"], row["chat_id"]): Reading(row["unread"], row["read_id"]) for row in found}


async def rooms(server: BotServer, person_id: int, chat_ids: Collection[int]) -> list[Room]:
    """The list of a person's chats, the private one first, then by title. Ask `enter` which they may see."""
    found = await places(server, chat_ids)
    read = await readings(server, [(person_id, chat_id) for chat_id in chat_ids])
    listed = [Room(place, read[person_id, chat_id]) for chat_id, place in found.items()]
    return sorted(
        listed, key=lambda room: (room.place.chat_id != person_id, room.place.title or "", room.place.chat_id)
    )


async def unread(server: BotServer, now: datetime) -> list[Unread]:
    """Everybody who has unread messages. Groups count for those who hold a seat in them on that day."""
    # By UTC's day: an hour or two later than on the spot, and a mail says nothing of what was written.
    today = now.astimezone(UTC).date()
    found = await db.execute(_UNREAD_OF_ALL, [today, today, server.network.value])
    messages = WebchatMessage.filter(id__in=[row["oldest"] for row in found])
    sent = dict(await messages.values_list("id", "sent_at"))
    return [Unread(row["user_id"], sent[row["oldest"]], row["newest"]) for row in found]
