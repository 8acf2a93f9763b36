"""How people leave: a lead ends a seat; with the last seat everything ends that was theirs alone."""

from datetime import datetime, timedelta
from typing import Any

from bot.actions import access, audit, feeds, notices, sessions
from bot.actions.notices import Draft
from bot.rules import permissions
from bot.rules.facts import Plain, Title
from storage import queries
from storage.db import transaction
from storage.models import AgendaItem, Channel, Commitment, CommitmentParty, Membership, Person
from storage.vocabulary import ChannelState, CommitmentState, ItemState, Side

Facts = dict[str, Any]

OPEN_COMMITMENTS = (
    CommitmentState.PROPOSED,
    CommitmentState.AGREED,
    CommitmentState.IN_PROGRESS,
    CommitmentState.WAITING,
    CommitmentState.BLOCKED,
    CommitmentState.DEFERRED,
)


async def seats(*, by: Person, body: int, now: datetime) -> Facts:
    """The seats of a body, for whoever may end them. Raises NotAllowed, NotAMember."""
    found = await access.body(by, body, now, permissions.may_keep_seats)
    held = await queries.seats_in(body, access.today(by, now))
    return {
        "body": {"id": found.id, "name": Title(found.name), "code": Plain(found.code)},
        "seats": [
            {
                "id": seat.id,
                "person": seat.person_id,
                "name": access.name_of(seat.person),
                "role": Plain(seat.role.value),
            }
            for seat in held
            if seat.person is not None and seat.person_id != by.id
        ],
    }


async def seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """One seat, for whoever may end it. Raises NotFoundHere, NotAllowed, NotAMember."""
    found = await Membership.get_or_none(id=seat).select_related("person", "organisation")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body(by, found.body_id, now, permissions.may_keep_seats)
    return {
        "id": found.id,
        "person": found.person.id,
        "name": access.name_of(found.person),
        "role": Plain(found.role.value),
        "organisation": Plain(found.organisation.name) if found.organisation else None,
        "body": {"id": body.id, "name": Title(body.name), "code": Plain(body.code)},
        "channels": [
            Plain(channel.network.value)
            for channel in await Channel.filter(person_id=found.person.id, state=ChannelState.ACTIVE).order_by("id")
        ],
        "mail": bool(found.person.mail),
    }


async def end_seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """End a seat as of today: rights, feeds and, with the last seat, sessions and links end at once.

    What is left open there goes to those who lead the body. Raises NotFoundHere, NotAllowed.
    """
    found = await Membership.get_or_none(id=seat).select_related("person", "body")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body(by, found.body_id, now, permissions.may_keep_seats)
    today = access.today(by, now)
    if found.ends_on is not None and found.ends_on < today:
        access.not_found()
    async with transaction():
        await Membership.filter(id=seat).update(ends_on=max(today - timedelta(days=1), found.begins_on))
        if found.begins_on >= today:
            await Membership.filter(id=seat).delete()
        left = not await queries.seats_of(found.person.id, today)
        await feeds.forget([found.person.id])
        if left:
            await sessions.end_all(found.person.id)
            await feeds.end(found.person.id)
        open_items, orphaned = await _left_open(found)
        await audit.record(by, "seat.ended", f"person:{found.person.id}", now=now, body=body.code)
        facts = {
            "name": access.name_of(found.person),
            "body": Title(body.name),
            "items": open_items,
            "commitments": orphaned,
        }
        await _tell_leads(by, found, facts, now)
    return {**facts, "left": left}


async def _left_open(seat: Membership) -> tuple[int, int]:
    """Items still open, and commitments of the body that nobody owns any more, which are marked so."""
    items = await AgendaItem.filter(
        submitted_by_id=seat.person_id, body_id=seat.body_id, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
    ).count()
    owned = await queries.column(
        CommitmentParty.filter(
            person_id=seat.person_id,
            side=Side.OWNER,
            commitment__body_id=seat.body_id,
            commitment__state__in=OPEN_COMMITMENTS,
        ),
        "commitment_id",
    )
    shared = await queries.column(
        CommitmentParty.filter(commitment_id__in=[*owned, 0], side=Side.OWNER).exclude(person_id=seat.person_id),
        "commitment_id",
    )
    alone = [number for number in owned if number not in shared]
    await Commitment.filter(id__in=[*alone, 0]).update(state=CommitmentState.ORPHANED)
    return items, len(alone)


async def _tell_leads(by: Person, seat: Membership, facts: Facts, now: datetime) -> None:
    if not facts["items"] and not facts["commitments"]:
        return
    held = await queries.seats_in(seat.body_id, access.today(by, now))
    leads = [lead for lead in held if permissions.may_keep_seats(access.as_seats([lead]), seat.body_id)]
    drafts = [
        Draft(
            key=f"seat:{seat.id}:ended:{lead.person_id}",
            template="seat_ended",
            facts=facts,
            due_at=now,
            person=lead.person_id,
            body=seat.body_id,
        )
        for lead in leads
        if lead.person_id != seat.person_id
    ]
    await notices.queue(drafts, now=now)
