"""How people leave: a lead ends a seat; with the last seat the person leaves the town, and all their ways in end."""

from datetime import date, datetime, timedelta
from typing import Any

from tortoise.expressions import F, Q

from bot.actions import access, audit, feeds, meetings, notices, sessions
from bot.actions.notices import Draft
from bot.rules import names, permissions
from bot.rules.facts import Plain, Title
from bot.rules.followup import OPEN
from bot.rules.refusals import NotAllowed
from storage import queries
from storage.db import transaction
from storage.models import (
    AgendaItem,
    Attendance,
    Body,
    Channel,
    Commitment,
    CommitmentParty,
    Meeting,
    Membership,
    Person,
)
from storage.vocabulary import ChannelState, CommitmentState, ItemState, MeetingState, Side

Facts = dict[str, Any]


async def seats(*, by: Person, body: int, now: datetime) -> Facts:
    """The seats of the others in a body, for whoever may end them, and who of them cannot be reached.

    Raises NotAllowed, NotAMember.
    """
    found = await access.body(by, body, now, permissions.may_keep_seats)
    held = [seat for seat in await queries.seats_in(body, access.today(by, now)) if seat.person_id != by.id]
    working = Channel.filter(person_id__in=[0, *(seat.person_id or 0 for seat in held)], state=ChannelState.ACTIVE)
    reached = set(await queries.column(working, "person_id"))
    return {
        "body": _body(found),
        "seats": [
            {
                "id": seat.id,
                "person": seat.person.id,
                "name": access.name_of(seat.person),
                "role": Plain(seat.role.value),
                "reachable": seat.person.id in reached or seat.person.mail is not None,
            }
            for seat in sorted(held, key=_by_name)
            if seat.person is not None
        ],
    }


def _by_name(seat: Membership) -> tuple[str, str]:
    return names.sort_key(seat.person.given_name, seat.person.family_name) if seat.person else ("", "")


def _body(body: Body) -> Facts:
    return {"id": body.id, "level": body.level, "name": Title(body.name), "code": Plain(body.code)}


async def seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """One seat, for whoever may end it. Raises NotFoundHere, NotAllowed, NotAMember."""
    found = await Membership.get_or_none(id=seat).select_related("person", "organisation")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body(by, found.body_id, now, permissions.may_keep_seats)
    channels = await Channel.filter(person_id=found.person.id, state=ChannelState.ACTIVE).order_by("id")
    return {
        "id": found.id,
        "person": found.person.id,
        "name": access.name_of(found.person),
        "role": Plain(found.role.value),
        "organisation": Plain(found.organisation.name) if found.organisation else None,
        "body": _body(body),
        "channels": [Plain(channel.network.value) for channel in channels],
        "mail": found.person.mail is not None,
    }


async def end_seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """End somebody else's seat as of today; what is left open there goes to those who lead the body.

    The rights end at once. With the last seat the person leaves the town. Raises NotFoundHere, NotAllowed.
    """
    found = await Membership.get_or_none(id=seat).select_related("person")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body(by, found.body_id, now, permissions.may_keep_seats)
    if found.person.id == by.id:
        raise NotAllowed(body=Plain(body.code))
    today = access.today(by, now)
    if found.ends_on is not None and found.ends_on < today:
        access.not_found()
    async with transaction():
        if found.begins_on < today:
            await Membership.filter(id=seat).update(ends_on=today - timedelta(days=1))
        else:
            await Membership.filter(id=seat).delete()
        await feeds.forget([found.person.id])
        await _free_place(found.person, body, today, now)
        left = not await _has_a_place(found.person, today)
        if left:
            await _leave(found.person, now)
        items, orphaned = await _left_open(found.person, body)
        await audit.record(by, "seat.ended", f"person:{found.person.id}", now=now, body=body.code)
        facts = {
            "level": body.level,
            "name": access.name_of(found.person),
            "body": Title(body.name),
            "items": items,
            "commitments": orphaned,
            "left": left,
        }
        await _tell_leads(by, found, facts, now)
    return facts


async def _free_place(person: Person, body: Body, today: date, now: datetime) -> None:
    """Nobody waits for their answer to what lies ahead there any more; who comes as a deputy still comes."""
    if any(seat.person_id == person.id for seat in await queries.seats_in(body.id, today)):
        return
    ahead = await Meeting.filter(body_id=body.id, starts_at__gt=now, state=MeetingState.INVITED)
    places = Attendance.filter(
        meeting_id__in=[0, *(meeting.id for meeting in ahead)], person_id=person.id, deputy_for_id=None
    )
    if await places.delete():
        for meeting in ahead:
            await meetings.refresh_card(meeting, body, now=now)


async def _has_a_place(person: Person, today: date) -> bool:
    """Whether something keeps the person in the town: a seat now or later, somebody to stand in for, or its administration."""
    not_over = Q(ends_on=None) | Q(ends_on__gte=today)
    return person.administrator or await Membership.exists(not_over, Q(person_id=person.id) | Q(deputy_id=person.id))


async def _leave(person: Person, now: datetime) -> None:
    """Sessions, links, channels and the calendar feed end at once."""
    await Person.filter(id=person.id).update(left_at=now)
    await Channel.filter(person_id=person.id).delete()
    await sessions.end_all(person.id)
    await feeds.end(person.id)


async def _left_open(person: Person, body: Body) -> tuple[int, int]:
    """How many items are still open, and how many commitments of the body nobody owns any more; these are marked so."""
    items = await AgendaItem.filter(
        submitted_by_id=person.id, body_id=body.id, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
    ).count()
    owners = await CommitmentParty.filter(
        side=Side.OWNER, commitment__body_id=body.id, commitment__state__in=OPEN
    ).values_list("commitment_id", "person_id")
    alone = {commitment for commitment, owner in owners if owner == person.id}
    alone -= {commitment for commitment, owner in owners if owner != person.id}
    await Commitment.filter(id__in=[0, *alone]).update(state=CommitmentState.ORPHANED, version=F("version") + 1)
    return items, len(alone)


async def _tell_leads(by: Person, seat: Membership, facts: Facts, now: datetime) -> None:
    if not facts["items"] and not facts["commitments"]:
        return
    held = await queries.seats_in(seat.body_id, access.today(by, now))
    leads = {lead.person_id for lead in held if permissions.may_keep_seats(access.as_seats([lead]), seat.body_id)}
    drafts = [
        Draft(
            key=f"seat:{seat.id}:ended:{lead}",
            template="seat_ended",
            facts=facts,
            due_at=now,
            person=lead,
            body=seat.body_id,
        )
        for lead in sorted(lead for lead in leads if lead is not None and lead != by.id)
    ]
    await notices.queue(drafts, now=now)
