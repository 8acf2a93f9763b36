"""Where agenda items stand: an accepted one on the body's next agenda, or waiting for it to be planned.

An agenda takes items while its meeting is planned or invited and has not begun. The submission deadline binds those who hand
in, not the lead who accepts. Whoever places an item locks its body's row first, so that no meeting is planned or called off
in between.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from bot.actions import access, notices
from bot.actions.meetings import meetings
from bot.actions.meetings.meetings import Plan, facts_of
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules import permissions, procedure
from bot.rules.facts import Facts, Plain, Text, Title
from bot.rules.refusals import ChangedMeanwhile
from storage import queries
from storage.db import transaction, unit_of_work
from storage.models import AgendaItem, Attendance, Body, Meeting, Notice, Person
from storage.rows import places, select
from storage.vocabulary import ItemState, MeetingState, NoticeState

OPEN = (ItemState.PROPOSED, ItemState.ACCEPTED)
TAKING_ITEMS = (MeetingState.SCHEDULED, MeetingState.INVITED)
PLACED, MOVED = "agenda/items_placed", "agenda/items_moved"
ALONE = frozenset({"agenda/item_accepted", "agenda/item_entered"})  # what tells a submitter of one item where it stands
_AHEAD = f"""
FROM meeting m WHERE m.body_id = ? AND m.starts_at > ? AND m.state IN ({places(TAKING_ITEMS)}) ORDER BY m.starts_at, m.id
"""


def item_facts(item: AgendaItem, body: Body, *, by: Person | None = None) -> Facts:
    """What may be told of an item; `submitter` is somebody else's name, unless `by` is the submitter."""
    own = by is not None and by.id == item.submitted_by_id
    return {
        "id": item.id,
        "body_id": body.id,
        "level": body.level,
        "informal": body.informal,
        "title": Title(item.title),
        "purpose": Plain(item.purpose.value),
        "minutes": item.minutes,
        "slots": item.slots,
        "state": Plain(item.state.value),
        "late": item.late,
        "flagged": item.flagged,
        "reason": Text(item.reason) if item.reason else None,
        "code": Plain(body.code),
        "body": Title(body.name),
        "submitter": None if own else access.name_of(item.submitted_by),
        "own": own,
    }


async def ahead(body: int, now: datetime) -> list[Meeting]:
    """The body's meetings that take items, the next first."""
    values = [body, now, *(state.value for state in TAKING_ITEMS)]
    return [meeting for (meeting,) in await select(_AHEAD, values, m=Meeting)]


async def write(item: AgendaItem, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read. Raises ChangedMeanwhile."""
    values["version"] = item.version + 1
    async with transaction():
        written = await AgendaItem.filter(id=item.id, version=item.version).update(**values)
    if not written:
        raise ChangedMeanwhile
    item.update_from_dict(values)


async def schedule(
    *, by: Person, body: int | str, plan: Plan, host: str, now: datetime, zone: str = "Europe/Berlin"
) -> Facts:
    """Plan a meeting in the town's `zone`; accepted items that waited for one go onto its agenda, and their submitters are told.

    Raises what `meetings.schedule` raises.
    """
    where = await access.body(by, body, now, permissions.may_schedule)
    async with transaction():
        planned = await meetings.schedule(by=by, body=where.id, plan=plan, host=host, zone=zone, now=now)
        return {**planned, "placed": await _place_waiting(where, by, now)}


async def accepted(item: AgendaItem, body: Body, now: datetime) -> None:
    """Write down that an item is accepted, at the end of the agenda on which it stands.

    One without a meeting ahead of its end goes to the body's next, or waits for it. Raises ChangedMeanwhile.
    """
    async with transaction():
        onto = await _next_agenda(body, now)
        if item.meeting is not None and not meetings.over(item.meeting, now):
            onto = item.meeting
        await _put([item], body, onto, state=ItemState.ACCEPTED)


async def called_off(
    meeting: Meeting, body: Body, by: Person, now: datetime, *, as_known: Mapping[int, Facts]
) -> Facts:
    """Take the open items off a meeting that has just been called off, and on to the next; their submitters are told.

    Without a next one the accepted items wait for it, and the others lie in the topic store. `as_known` has what those know
    of the meeting who have not heard of its latest change.
    """
    async with transaction():
        onto = await _next_agenda(body, now)
        items = await _locked(meeting_id=meeting.id, state__in=OPEN)
        await _put(items, body, onto)
        withdrawn = [notice for notice in await notices.withdraw(_about(meeting)) if notice.template == MOVED]
        unmoved = {
            notice.person_id: {"starts": typed.decode(notice.facts)["was"]["starts"]}
            for notice in withdrawn
            if notice.person_id is not None
        }
        await _tell(items, body, onto, by, now, was=meeting, as_known={**unmoved, **as_known})
    accepted_ones = sum(item.state is ItemState.ACCEPTED for item in items)
    return {
        "next": facts_of(onto, body) if onto else None,
        "moved_items": len(items) if onto else 0,
        "waiting_items": 0 if onto else accepted_ones,
        "stored_items": 0 if onto else len(items) - accepted_ones,
    }


async def gone(item: AgendaItem) -> None:
    """Say no more of an item that stands nowhere now, in what its submitter has not been told yet."""
    async with transaction():
        waiting = await Notice.filter(
            person_id=item.submitted_by_id, state=NoticeState.WAITING, template__in=(PLACED, MOVED)
        ).select_for_update()
        for notice in waiting:
            facts = typed.decode(notice.facts)
            others = [told for told in facts["items"] if told["id"] != item.id]
            if not others:
                await notice.delete()
            elif len(others) < len(facts["items"]):
                notice.facts = typed.encode({**facts, "items": others})
                await notice.save(update_fields=["facts"])


async def moved(meeting: Meeting, body: Body, by: Person, now: datetime, *, was: datetime) -> None:
    """Tell those whose open items are on a meeting's agenda that it begins at another time than it `was` to.

    The invited are told by the meeting's own message. As there, moves within two minutes become one message, and none when
    the meeting is back where it was.
    """
    async with transaction():
        items = await _locked(meeting_id=meeting.id, state__in=OPEN)
        place = facts_of(meeting, body)
        withdrawn = await notices.withdraw(_about(meeting), except_for=[PLACED])
        known = {notice.person_id: typed.decode(notice.facts)["was"]["starts"] for notice in withdrawn}
        told = await _still_to_be_told(items, meeting, place)
        invited = await queries.column(Attendance.filter(meeting_id=meeting.id), "person_id")
        drafts = [
            _draft(
                MOVED, own, body, meeting, due_at=now + meetings.SETTLE, place=place, was={**place, "starts": before}
            )
            for submitter, own in _by_submitter(items, by, told).items()
            if submitter not in invited and (before := known.get(submitter, was)) != meeting.starts_at
        ]
        await notices.queue(drafts, now=now)


async def place_waiting(*, now: datetime) -> int:
    """Give accepted items that have no place theirs, where a meeting is ahead; gives how many. Each start does that.

    Nothing that is done in Faden leaves one so; older versions did. It opens a unit of work for each body.
    """
    waiting = AgendaItem.filter(
        meeting_id=None,
        state=ItemState.ACCEPTED,
        body__meetings__state__in=TAKING_ITEMS,
        body__meetings__starts_at__gt=now,
    )
    bodies = await queries.column(waiting, "body_id")
    if not bodies:
        return 0
    placed = 0
    for body in await Body.filter(id__in=bodies).order_by("id"):
        placed += await unit_of_work(partial(_place_waiting, body, None, now))
    return placed


async def _place_waiting(body: Body, by: Person | None, now: datetime) -> int:
    async with transaction():
        onto = await _next_agenda(body, now)
        items = await _locked(body_id=body.id, meeting_id=None, state=ItemState.ACCEPTED) if onto else []
        await _put(items, body, onto)
        await _tell(items, body, onto, by, now)
    return len(items)


async def lock(body: Body) -> None:
    """Let nobody else place items in this body until the transaction ends."""
    await Body.filter(id=body.id).select_for_update(no_key=True).get()


async def _next_agenda(body: Body, now: datetime) -> Meeting | None:
    """The body's next meeting that takes items; nobody else places any in this body until the transaction ends."""
    await lock(body)
    return next(iter(await ahead(body.id, now)), None)


async def _locked(**which: object) -> list[AgendaItem]:
    """Items in the order of their agenda, with their submitters; nobody else changes them until the transaction ends."""
    found = AgendaItem.filter(**which).select_for_update(no_key=True).order_by("position", "id")
    return list(await found.prefetch_related("submitted_by"))


async def _put(items: Sequence[AgendaItem], body: Body, onto: Meeting | None, **more: object) -> None:
    """Write items onto an agenda, or among those that wait, behind what is there."""
    onto_id = onto.id if onto else None
    last = await AgendaItem.filter(meeting_id=onto_id, body_id=body.id).order_by("-position").first()
    position = last.position if last else 0
    for item in items:
        position += 1
        values: Facts = {"position": position, **more}
        if item.meeting_id != onto_id:
            values |= {"meeting_id": onto_id, "late": onto is not None and _is_late(item, body, onto)}
        await write(item, **values)
        item.meeting = onto


def _is_late(item: AgendaItem, body: Body, meeting: Meeting) -> bool:
    rules = procedure.from_json(body.rules)
    return procedure.late(rules, meeting.starts_at, meeting.zone, item.created_at) is not None


def _about(meeting: Meeting) -> str:
    return f"items:{meeting.id}"


async def _tell(
    items: Sequence[AgendaItem],
    body: Body,
    onto: Meeting | None,
    by: Person | None,
    now: datetime,
    *,
    was: Meeting | None = None,
    as_known: Mapping[int, Facts] = MappingProxyType({}),
) -> None:
    """Tell those who handed them in where their items stand now, each once."""
    about = onto or was
    if about is None or not items:
        return
    place = facts_of(onto, body) if onto else None
    told = await _still_to_be_told(items, about, place)
    before = facts_of(was, body) if was else None
    drafts = [
        _draft(
            PLACED, own, body, about, due_at=now, place=place, was=before and {**before, **as_known.get(submitter, {})}
        )
        for submitter, own in _by_submitter(items, by, told).items()
    ]
    await notices.queue(drafts, now=now)


async def _still_to_be_told(items: Sequence[AgendaItem], meeting: Meeting, place: Facts | None) -> set[int]:
    """Correct what waits to be told of where these items stand; gives those of which the submitters will hear by that."""
    told: set[int] = set()
    for notice in await notices.correct({_about(meeting), *(f"item:{item.id}" for item in items)}, meeting=place):
        facts = typed.decode(notice.facts)
        if notice.template == PLACED:
            told |= {item["id"] for item in facts["items"]}
        elif notice.template in ALONE:
            told.add(facts["item"]["id"])
    return told


def _by_submitter(items: Sequence[AgendaItem], by: Person | None, told: Collection[int]) -> dict[int, list[AgendaItem]]:
    """Whom to tell of which items: everybody but the one who did it, of what they are not told anyway."""
    theirs: defaultdict[int, list[AgendaItem]] = defaultdict(list)
    for item in items:
        if item.id not in told and (by is None or item.submitted_by_id != by.id):
            theirs[item.submitted_by_id].append(item)
    return theirs


def _draft(
    template: str,
    items: Sequence[AgendaItem],
    body: Body,
    about: Meeting,
    *,
    due_at: datetime,
    place: Facts | None,
    was: Facts | None,
) -> Draft:
    first = items[0]
    return Draft(
        key=f"{_about(about)}:{template}:{about.version}:{first.id}:{first.version}",
        template=template,
        facts={
            "items": [item_facts(item, body, by=item.submitted_by) for item in items],
            "meeting": place,
            "was": was,
        },
        due_at=due_at,
        person=first.submitted_by_id,
        body=body.id,
        about=_about(about),
    )
