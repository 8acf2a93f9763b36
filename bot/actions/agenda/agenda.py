"""The agenda as it stands: its order, its times; what somebody handed in."""

from datetime import datetime

from bot.actions import access, audit, papers
from bot.actions.agenda import agenda_items
from bot.actions.meetings import meetings, placing
from bot.actions.meetings.meetings import facts_of
from bot.actions.meetings.placing import OPEN, TAKING_ITEMS, item_facts
from bot.rules import agenda, permissions
from bot.rules.facts import Facts, Title
from bot.rules.refusals import Outdated
from storage import queries
from storage.db import transaction
from storage.models import AgendaItem, Person
from storage.rows import select
from storage.vocabulary import ItemState

_ITEMS = """
FROM agenda_item i WHERE i.meeting_id = ? AND i.state NOT IN ('rejected', 'withdrawn', 'merged') ORDER BY i.id
"""


async def next_meetings(*, by: Person, now: datetime) -> list[Facts]:
    """The next meeting of each body of the person, to choose an agenda."""
    upcoming = (await meetings.upcoming(by=by, now=now))["meetings"]
    first: dict[str, Facts] = {}
    for meeting in upcoming:
        first.setdefault(meeting["code"], meeting)
    return list(first.values())


async def of_meeting(*, by: Person, meeting: int, now: datetime) -> Facts:
    """The agenda: numbers, times computed from durations, presenters, papers, and whether it fits.

    Items that have not been decided about are listed apart, for those who decide, and for their submitters.
    """
    found, body = await meetings.for_reading(by=by, meeting=meeting, now=now)
    seats = access.as_seats(await access.memberships(by, now))
    decides = permissions.may_decide_items(seats, body.id)
    items = await _items(meeting)
    found_papers = await papers.of_items(items)
    on_it = {item.id: item for item in items if item.state is not ItemState.PROPOSED}
    places = agenda.placed([_entry(item) for item in on_it.values()], found.starts_at)
    total = sum(place.minutes for place in places)
    return {
        "meeting": {**facts_of(found, body), "body_name": Title(body.name), "number": found.number},
        "items": [
            {
                **item_facts(on_it[place.id], body, by=by),
                "number": place.number,
                "starts": place.starts,
                "minutes": place.minutes,
                "assumed": place.assumed,
                "presenter": access.name_of(on_it[place.id].presenter or on_it[place.id].submitted_by),
                "papers": found_papers.get(place.id, []),
            }
            for place in places
        ],
        "proposed": [
            {**item_facts(item, body, by=by), "papers": found_papers.get(item.id, [])}
            for item in sorted(items, key=lambda item: item.id)
            if item.state is ItemState.PROPOSED and (decides or item.submitted_by_id == by.id)
        ],
        "total_minutes": total,
        "fits": total <= found.minutes,
        "over_minutes": max(0, total - found.minutes),
        "may_decide": decides,
        "may_submit": permissions.may_submit(seats, body.id) and found.state in TAKING_ITEMS and found.starts_at > now,
    }


async def _items(meeting: int) -> list[AgendaItem]:
    """What stands on a meeting's agenda or is proposed for it, with its people, each of whom is read once."""
    items = [item for (item,) in await select(_ITEMS, [meeting], i=AgendaItem)]
    people = await queries.people(
        {number for item in items for number in (item.submitted_by_id, item.presenter_id) if number}
    )
    for item in items:
        item.submitted_by = people[item.submitted_by_id]
        item.presenter = people[item.presenter_id] if item.presenter_id else None
    return items


def _entry(item: AgendaItem) -> agenda.Entry:
    return agenda.Entry(
        id=item.id,
        position=item.position,
        purpose=item.purpose,
        state=item.state,
        minutes=item.minutes,
        slots=item.slots,
    )


async def shift(*, by: Person, item: int, up: bool, now: datetime) -> int:
    """Move an item one place up or down on its agenda; gives the meeting. Raises Outdated, ChangedMeanwhile."""
    found, body = await agenda_items.decidable(by, item, now)
    if found.meeting_id is None:
        raise Outdated
    async with transaction():
        await placing.lock(body)
        items = await AgendaItem.filter(meeting_id=found.meeting_id, state=ItemState.ACCEPTED)
        order = [place.id for place in agenda.placed([_entry(entry) for entry in items], now)]
        index = order.index(item) if item in order else -1
        other = index - 1 if up else index + 1
        if index < 0 or not 0 <= other < len(order):
            raise Outdated
        order[index], order[other] = order[other], order[index]
        for entry in items:
            position = order.index(entry.id) + 1
            if entry.position != position:
                await placing.write(entry, position=position)
        await audit.record(by, "item.shifted", f"item:{item}", now=now)
    return found.meeting_id


async def own(*, by: Person, now: datetime) -> Facts:
    """What the person handed in where they have a seat, and where it is now; for those who run bodies, their topic stores too."""
    seats = access.as_seats(await access.memberships(by, now))
    bodies = {seat.body for seat in seats}
    mine = (
        await AgendaItem.filter(submitted_by_id=by.id, body_id__in=[0, *bodies])
        .exclude(state=ItemState.WITHDRAWN)
        .order_by("-id")
        .select_related("body", "meeting", "submitted_by")
    )
    leading = [0, *(body for body in bodies if permissions.may_decide_items(seats, body))]
    stored = (
        await AgendaItem.filter(body_id__in=leading, meeting_id=None, state__in=OPEN)
        .order_by("id")
        .select_related("body", "submitted_by")
    )
    return {
        "items": [
            {
                **item_facts(item, item.body, by=by),
                "meeting": facts_of(item.meeting, item.body) if item.meeting else None,
            }
            for item in mine
        ],
        "stored": [item_facts(item, item.body, by=by) for item in stored if item.submitted_by_id != by.id],
    }
