"""Fetching and checking go together: "there is no such thing" and "it is not for you" look alike."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from bot.rules import names
from bot.rules.facts import PersonName, Plain
from bot.rules.permissions import Seat
from bot.rules.refusals import NotAllowed, NotAMember, NotFoundHere
from storage import queries
from storage.db import once
from storage.models import Body, Channel, Membership, Person
from storage.vocabulary import Network

Right = Callable[[Sequence[Seat], int], bool]


def today(person: Person, now: datetime) -> date:
    """The day it is for the person."""
    return now.astimezone(ZoneInfo(person.zone)).date()


def name_of(person: Person) -> PersonName:
    """A person's name as a fact."""
    return names.full(person.given_name, person.family_name)


def as_seats(memberships: Sequence[Membership]) -> tuple[Seat, ...]:
    """What the rules need to know of memberships."""
    return tuple(Seat(body=seat.body_id, role=seat.role) for seat in memberships)


async def channel_at(network: Network, address: str) -> Channel | None:
    """The channel of a user id, with its person, unless they left."""
    return await once(("channel", network, address), lambda: queries.channel_at(network, address))


async def person_at(network: Network, address: str) -> Person | None:
    """The person behind a user id, unless they left."""
    channel = await channel_at(network, address)
    return channel.person if channel is not None else None


async def memberships(person: Person, now: datetime) -> list[Membership]:
    """The seats the person holds today, with their bodies."""
    day = today(person, now)
    return await once(("seats", person.id, day), lambda: queries.seats_of(person.id, day))


async def body(by: Person, wanted: int | str, now: datetime, may: Right) -> Body:
    """The body, by id, or by code or name as people type them, when the person may do that there.

    Raises NotAMember when there is no such body or the person has no seat in it, NotAllowed when the seat lacks the right.
    """
    held = await memberships(by, now)
    for seat in held:
        if wanted == seat.body_id or (isinstance(wanted, str) and _called(seat.body, wanted)):
            if may(as_seats(held), seat.body_id):
                return seat.body
            raise NotAllowed(body=Plain(seat.body.code))
    raise NotAMember(body=Plain(wanted) if isinstance(wanted, str) else None)


async def body_of_thing(by: Person, body_id: int, now: datetime, may: Right) -> Body:
    """The body of a thing that was named by its id, when the person may do that there.

    Raises NotFoundHere when the person has no seat in it, as if there were no such thing; NotAllowed when the seat lacks the right.
    """
    try:
        return await body(by, body_id, now, may)
    except NotAMember as refusal:
        raise NotFoundHere from refusal


async def named(by: Person, wanted: str, now: datetime, may: Right) -> Body | None:
    """The same, for words that may name no body at all: then None."""
    try:
        return await body(by, wanted, now, may)
    except NotAMember:
        if any(_called(found, wanted) for found in await Body.all()):
            raise
        return None


def _called(found: Body, wanted: str) -> bool:
    return _folded(wanted) in {_folded(found.code), _folded(found.name)}


def _folded(text: str) -> str:
    return text.casefold().replace("-", " ").strip()


async def bodies(by: Person, now: datetime, may: Right) -> list[Body]:
    """The bodies in which the person may do that, each once."""
    held = await memberships(by, now)
    seats = as_seats(held)
    return list({seat.body_id: seat.body for seat in held if may(seats, seat.body_id)}.values())


async def own(by: Person, wanted: str, now: datetime, may: Right) -> Body | None:
    """The body with that code or name in which the person may do that; None for other words, and other bodies."""
    return next((body for body in await bodies(by, now, may) if _called(body, wanted)), None)


async def member(by: Person, body_id: int, now: datetime, wanted: int) -> Person:
    """Somebody with a seat in the body today. Raises NotFoundHere."""
    people = [seat.person for seat in await queries.seats_in(body_id, today(by, now)) if seat.person_id == wanted]
    return people[0] or not_found() if people else not_found()


def not_found() -> NoReturn:
    """Refuse without a hint."""
    raise NotFoundHere
