"""Who reads a notice: the person, the body it is about, their seats and channels. A few reads for a whole batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.rules.channels import Seat, Way
from storage.db import execute
from storage.models import Attendance, Body, Channel, Notice, Person
from storage.rows import places, select
from storage.vocabulary import ChannelState, Network, NoticeKind

_CHANNELS = """
FROM channel c JOIN person p ON p.id = c.person_id WHERE c.state <> 'unlinked'
"""
_SEATS = """
SELECT m.person_id, m.body_id, b.level AS body_level, b.informal, o.level FROM membership m
JOIN body b ON b.id = m.body_id LEFT JOIN organisation o ON o.id = m.organisation_id
WHERE m.begins_on <= ? AND (m.ends_on IS NULL OR m.ends_on >= ?)
"""

MAILS = frozenset({NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL})


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads a notice; without a person it is a group, or somebody we do not know.

    `invited` means as a deputy, to what it is about.
    """

    person: Person | None = None
    body: Body | None = None
    seats: tuple[Seat, ...] = ()
    ways: tuple[Way, ...] = ()
    invited: bool = False

    @property
    def concerned(self) -> bool:
        """Whether the person still has a place in the body, or in what the notice is about."""
        return self.body is None or self.invited or any(seat.body == self.body.id for seat in self.seats)


async def of(notices: Sequence[Notice], *, today: date) -> dict[int, Reader]:
    """The readers by the notices' ids. The notices come with their people and bodies, or without both."""
    channels = await _channels(notices)
    owners = {(channel.network, channel.address): channel.person for channel in channels}
    people: dict[int, Person | None] = {}
    for notice in notices:
        person = notice.person if notice.person_id else None
        if person is None and notice.chat_id is not None:
            person = owners.get((notice.network, str(notice.chat_id)))
        people[notice.id] = person
    judged = {person.id for person in people.values() if person is not None}
    seats = await _seats(judged, today)
    invitations = await _invitations(notices, seats)
    return {
        notice.id: Reader(
            person=person,
            body=notice.body if notice.body_id else None,
            seats=tuple(seats[person.id]) if person else (),
            ways=_ways(channels, person) if person else (),
            invited=(notice.person_id, notice.about) in invitations,
        )
        for notice in notices
        for person in [people[notice.id]]
    }


async def _channels(notices: Iterable[Notice]) -> list[Channel]:
    """The channels of people, and those behind private chats."""
    people = {n.person_id for n in notices if n.person_id and n.chat_id is None and n.kind not in MAILS}
    chats: dict[Network, set[str]] = defaultdict(set)
    for notice in notices:
        if notice.network and notice.chat_id is not None and notice.chat_id > 0 and not notice.person_id:
            chats[notice.network].add(str(notice.chat_id))
    wanted: list[tuple[str, list[Any]]] = [
        (f"(c.network = ? AND c.address IN ({places(addresses)}))", [network.value, *addresses])
        for network, addresses in chats.items()
    ]
    if people:
        wanted.append((f"c.person_id IN ({places(people)})", [*people]))
    if not wanted:
        return []
    statement = f"{_CHANNELS} AND ({' OR '.join(condition for condition, _ in wanted)}) ORDER BY c.id"
    channels = []
    everything = [value for _, values in wanted for value in values]
    for channel, person in await select(statement, everything, c=Channel, p=Person):
        channel.person = person
        channels.append(channel)
    return channels


def _ways(channels: Iterable[Channel], person: Person) -> tuple[Way, ...]:
    return tuple(
        Way(network=channel.network, address=channel.address, preferred=channel.preferred)
        for channel in channels
        if channel.person_id == person.id and channel.state is ChannelState.ACTIVE
    )


async def web_chat(person: Person) -> int | None:
    """The person's own chat in the browser, if they have one."""
    channel = await Channel.get_or_none(person_id=person.id, network=Network.WEBCHAT, state=ChannelState.ACTIVE)
    return int(channel.address) if channel is not None else None


async def _seats(people: Collection[int], today: date) -> defaultdict[int, list[Seat]]:
    seats: defaultdict[int, list[Seat]] = defaultdict(list)
    if people:
        for held in await execute(f"{_SEATS} AND m.person_id IN ({places(people)})", [today, today, *people]):
            seat = Seat(
                body=held["body_id"],
                body_level=held["body_level"],
                organisation_level=held["level"],
                informal=bool(held["informal"]),
            )
            seats[held["person_id"]].append(seat)
    return seats


async def _invitations(
    notices: Iterable[Notice], seats: defaultdict[int, list[Seat]]
) -> set[tuple[int | None, str | None]]:
    """Which person comes to which "meeting:<id>" as somebody's deputy, asked only for those without a seat."""
    asked = {
        (notice.person_id, int(notice.about.removeprefix("meeting:")))
        for notice in notices
        if notice.person_id and notice.body_id and notice.about and notice.about.startswith("meeting:")
        if all(seat.body != notice.body_id for seat in seats[notice.person_id])
    }
    if not asked:
        return set()
    people, meetings = zip(*asked, strict=True)
    found = Attendance.filter(person_id__in=people, meeting_id__in=meetings).exclude(deputy_for_id=None)
    return {(person, f"meeting:{meeting}") for person, meeting in await found.values_list("person_id", "meeting_id")}
