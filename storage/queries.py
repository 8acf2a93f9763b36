"""Named reads that more than one place needs."""

from collections.abc import Collection
from datetime import date
from typing import Any, cast

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from storage.db import execute, is_postgres
from storage.models import Attendance, Body, Channel, GroupChat, Meeting, Membership, Organisation, Person
from storage.rows import places, select
from storage.vocabulary import BodyKind, Network, Role

_CURRENT = "m.begins_on <= ? AND (m.ends_on IS NULL OR m.ends_on >= ?) AND p.left_at IS NULL"
_CHANNEL_AT = """
FROM channel c JOIN person p ON p.id = c.person_id
WHERE c.network = ? AND c.address = ? AND c.state <> 'unlinked' AND p.left_at IS NULL
"""
_SEATS_OF = f"""
FROM membership m
JOIN person p ON p.id = m.person_id JOIN body b ON b.id = m.body_id LEFT JOIN organisation o ON o.id = m.organisation_id
WHERE m.person_id = ? AND {_CURRENT}
"""
_MEETING = "FROM meeting t JOIN body b ON b.id = t.body_id WHERE t.id = ?"
_ATTENDANCE = """
FROM attendance a JOIN person p ON p.id = a.person_id WHERE a.meeting_id = ? AND a.person_id = ?
"""
_ATTENDANCE_TO_CHANGE = """
FROM meeting t JOIN attendance a ON a.meeting_id = t.id JOIN person p ON p.id = a.person_id
WHERE a.meeting_id = ? AND a.person_id = ?
"""
_HOLDERS = f"""
FROM membership m JOIN person p ON p.id = m.person_id WHERE m.body_id = ? AND {_CURRENT}
"""


async def zones() -> set[str]:
    """Where the people are: their time zones."""
    return {row["zone"] for row in await execute("SELECT DISTINCT zone FROM person WHERE left_at IS NULL")}


async def people(numbers: Collection[int]) -> dict[int, Person]:
    """The people of these ids."""
    found = await select(f"FROM person p WHERE p.id IN ({places(numbers)})", [*numbers], p=Person) if numbers else []
    return {person.id: person for (person,) in found}


async def channel_at(network: Network, address: str) -> Channel | None:
    """The channel of a user id, with its person, unless they left."""
    for channel, person in await select(_CHANNEL_AT, [network.value, address], c=Channel, p=Person):
        channel.person = person
        return cast("Channel", channel)
    return None


async def meeting(number: int) -> Meeting | None:
    """A meeting with its body."""
    for found, body in await select(_MEETING, [number], t=Meeting, b=Body):
        found.body = body
        return cast("Meeting", found)
    return None


async def groups_of(body: int) -> list[GroupChat]:
    """The groups that the body has on its networks."""
    return [
        group for (group,) in await select("FROM group_chat g WHERE g.body_id = ? ORDER BY g.id", [body], g=GroupChat)
    ]


async def attendance(meeting: int, person: int) -> Attendance | None:
    """What is known of somebody's coming to a meeting, with the person."""
    for found, whose in await select(_ATTENDANCE, [meeting, person], a=Attendance, p=Person):
        found.person = whose
        return cast("Attendance", found)
    return None


async def attendance_to_change(meeting: int, person: int) -> tuple[Meeting, Attendance] | None:
    """The same as it stands now, and the meeting; nobody else changes them until the transaction ends."""
    lock = "FOR NO KEY UPDATE OF t, a" if is_postgres() else ""
    source = f"{_ATTENDANCE_TO_CHANGE} {lock}"
    for held, found, whose in await select(source, [meeting, person], t=Meeting, a=Attendance, p=Person):
        found.person = whose
        return cast("Meeting", held), cast("Attendance", found)
    return None


def _current(on: date) -> Q:
    return Q(begins_on__lte=on) & not_over(on)


def held(on: date) -> QuerySet[Membership]:
    """The seats that somebody holds on that day."""
    return Membership.filter(_current(on)).exclude(person_id=None)


def not_over(on: date) -> Q:
    """Seats that somebody holds on that day or will hold."""
    return Q(ends_on=None) | Q(ends_on__gte=on)


async def seats_of(person: int, on: date) -> list[Membership]:
    """The seats a person holds on that day, with bodies and organisations, unless they left; by the bodies' rank, then by name."""
    seats = []
    for seat, body, organisation in await select(_SEATS_OF, [person, on, on], m=Membership, b=Body, o=Organisation):
        seat.body, seat.organisation = body, organisation
        seats.append(seat)
    rank = list(BodyKind)
    return sorted(seats, key=lambda seat: (rank.index(seat.body.kind), seat.body.name))


async def seats_in(body: int, on: date) -> list[Membership]:
    """The seats of a body that somebody holds on that day, with people and organisations; vacant seats are left out."""
    return await (
        Membership.filter(_current(on), body_id=body, person__left_at=None)
        .exclude(person_id=None)
        .select_related("person", "organisation")
        .order_by("person__family_name", "person__given_name")
    )


async def holders(body: int, roles: Collection[Role], on: date) -> set[int]:
    """The ids of the people who hold one of these seats of a body on that day."""
    statement = f"SELECT m.person_id {_HOLDERS} AND m.role IN ({places(roles)})"  # constants only
    return {row["person_id"] for row in await execute(statement, [body, on, on, *(role.value for role in roles)])}


async def column(rows: QuerySet[Any], name: str) -> list[Any]:
    """One column of rows; the library types it as tuples."""
    return list(await rows.values_list(name, flat=True))
