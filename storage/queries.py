"""Named reads that more than one place needs."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from storage.models import Channel, Membership, Person
from storage.vocabulary import BodyKind, ChannelState, Network, Role


async def person_at(network: Network, address: str) -> Person | None:
    """The person behind a user id, unless they left."""
    linked = Channel.filter(network=network, address=address, person__left_at=None).exclude(state=ChannelState.UNLINKED)
    channel = await linked.select_related("person").first()
    return channel.person if channel is not None else None


def _current(on: date) -> Q:
    return Q(begins_on__lte=on) & (Q(ends_on=None) | Q(ends_on__gte=on))


async def seats_of(person: int, on: date) -> list[Membership]:
    """The seats a person holds on that day, with their bodies, unless they left; by the bodies' rank, then by name."""
    held = Membership.filter(_current(on), person_id=person, person__left_at=None)
    seats = await held.select_related("body", "organisation")
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


async def holders(body: int, roles: Iterable[Role], on: date) -> set[int]:
    """The ids of the people who hold one of these seats of a body on that day."""
    seats = Membership.filter(_current(on), body_id=body, role__in=list(roles), person__left_at=None)
    return set(await column(seats.exclude(person_id=None), "person_id"))


async def column(rows: QuerySet[Any], name: str) -> list[Any]:
    """One column of rows; the library types it as tuples."""
    return list(await rows.values_list(name, flat=True))
