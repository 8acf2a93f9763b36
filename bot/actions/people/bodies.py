"""What whoever runs a body has to do there."""

from datetime import date, datetime

from tortoise.expressions import Q

from bot.actions import access
from bot.actions.meetings.meetings import AHEAD, facts_of, over
from bot.actions.meetings.placing import item_facts
from bot.rules import names, permissions
from bot.rules.facts import Facts, Plain, Text, Title
from storage import queries
from storage.models import AgendaItem, Commitment, Meeting, Person
from storage.vocabulary import CommitmentState, ItemState


async def overview(*, by: Person, now: datetime) -> Facts:
    """The bodies that the person runs, with what waits there; and whether they also invite for the whole town."""
    bodies = await access.bodies(by, now, permissions.may_schedule)
    items = AgendaItem.filter(body_id__in=[body.id for body in bodies])
    waiting = await queries.column(items.filter(state=ItemState.PROPOSED), "body_id")
    unplaced = await queries.column(items.filter(state=ItemState.ACCEPTED, meeting_id=None), "body_id")
    orphaned = await queries.column(
        Commitment.filter(body_id__in=[body.id for body in bodies], state=CommitmentState.ORPHANED), "body_id"
    )
    return {
        "bodies": [
            {
                "id": body.id,
                "level": body.level,
                "code": Plain(body.code),
                "name": Title(body.name),
                "waiting": waiting.count(body.id),
                "unplaced": unplaced.count(body.id),
                "orphaned": orphaned.count(body.id),
            }
            for body in bodies
        ],
        "administrator": permissions.may_administer(administrator=by.administrator),
    }


async def one(*, by: Person, body: int, now: datetime) -> Facts:
    """A body that the person runs: meetings ahead, items to decide about, commitments that nobody owns, who sits there.

    `missed` says that an item's meeting is over; `unplaced` are accepted items that wait for a meeting. Raises NotAllowed, NotAMember.
    """
    found = await access.body(by, body, now, permissions.may_schedule)
    meetings = await Meeting.filter(body_id=body, ends_at__gt=now, state__in=AHEAD).order_by("starts_at")
    items = (
        await AgendaItem.filter(
            Q(state=ItemState.PROPOSED) | Q(state=ItemState.ACCEPTED, meeting_id=None), body_id=body
        )
        .order_by("position", "id")
        .select_related("body", "meeting", "submitted_by")
    )
    unplaced = [item for item in items if item.state is ItemState.ACCEPTED]
    proposed = sorted((item for item in items if item.state is ItemState.PROPOSED), key=lambda item: item.id)
    orphaned = await Commitment.filter(body_id=body, state=CommitmentState.ORPHANED).order_by("number")
    return {
        "body": {"id": found.id, "level": found.level, "code": Plain(found.code), "name": Title(found.name)},
        "meetings": [facts_of(meeting, found) for meeting in meetings],
        "items": [
            {
                **item_facts(item, found, by=by),
                "missed": item.meeting.starts_at if item.meeting and over(item.meeting, now) else None,
            }
            for item in proposed
        ],
        "unplaced": [item_facts(item, found, by=by) for item in unplaced],
        "orphaned": [
            {
                "id": commitment.id,
                "code": Plain(found.code),
                "number": commitment.number,
                "what": Text(commitment.what),
            }
            for commitment in orphaned
        ],
        "people": await _people(body, access.today(by, now)),
    }


async def _people(body: int, day: date) -> list[Facts]:
    """Who sits there, by name."""
    sitting = [(seat, seat.person) for seat in await queries.seats_in(body, day) if seat.person is not None]
    sitting.sort(key=lambda pair: names.sort_key(pair[1].given_name, pair[1].family_name))
    return [
        {
            "name": access.name_of(person),
            "role": Plain(seat.role.value),
            "organisation": Plain(seat.organisation.name) if seat.organisation else None,
        }
        for seat, person in sitting
    ]
