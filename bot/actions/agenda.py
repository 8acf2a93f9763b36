"""Agenda items: hand in, change, withdraw, accept, reject; the agenda as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.actions import access, audit, meetings, notices
from bot.actions.meetings import facts_of
from bot.actions.notices import Draft
from bot.rules import agenda, guard, permissions, procedure
from bot.rules.facts import Plain, Text, Title
from bot.rules.procedure import LateItems
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, Outdated, Refusal, TooLong
from storage import queries
from storage.db import transaction
from storage.models import AgendaItem, AgendaItemPaper, Body, Document, Meeting, Person, Topic
from storage.vocabulary import ItemState, MeetingState, Network, Purpose

TITLE_LIMIT = 200
REASON_LIMIT = 500
PAPER_BYTES = 20 * 1024 * 1024
LONGEST_MINUTES = 480
MOST_SLOTS = 20
OPEN = (ItemState.PROPOSED, ItemState.ACCEPTED)
TAKING_ITEMS = (MeetingState.SCHEDULED, MeetingState.INVITED)
LISTED = 20

Facts = dict[str, Any]


class LateItem(Refusal):
    """The deadline (`since`) has passed, and the body takes no late items; it can be handed in for later."""


class LooksLikeACase(Refusal):
    """The text looks like case data and nobody has said that it is none."""


class TitleMissing(Refusal):
    """An item needs a title."""


class UnlikelyLength(Refusal):
    """An item takes between one minute and eight hours, a Fallberatung between one slot and twenty."""


class PaperTooLarge(Refusal):
    """A paper may have at most `limit` MB."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is handed in. A Fallberatung has `slots` and neither title nor papers; `kept` says that a warning was answered."""

    purpose: Purpose
    title: str = ""
    minutes: int | None = None
    slots: int | None = None
    papers: tuple[int, ...] = ()
    kept: bool = False


def item_facts(item: AgendaItem, body: Body, *, by: Person | None = None) -> Facts:
    """What may be told of an item; `submitter` is somebody else's name, unless `by` is the submitter."""
    own = by is not None and by.id == item.submitted_by_id
    return {
        "id": item.id,
        "level": body.level,
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


async def targets(*, by: Person, body: int, now: datetime) -> list[Facts]:
    """The meetings for which an item can be handed in, the next first, with their deadlines."""
    where = await access.body(by, body, now, permissions.may_submit)
    rules = procedure.from_json(where.rules)
    ahead = await Meeting.filter(body_id=body, state__in=TAKING_ITEMS, starts_at__gt=now).order_by("starts_at").limit(3)
    return [
        {
            **facts_of(meeting, where),
            "deadline": procedure.submission_deadline(rules, meeting.starts_at, meeting.zone),
            "late": late.value if (late := procedure.late(rules, meeting.starts_at, meeting.zone, now)) else None,
        }
        for meeting in ahead
    ]


async def submit(
    *,
    by: Person,
    body: int | str,
    proposal: Proposal,
    now: datetime,
    meeting: int | None = None,
    person: int | None = None,
) -> Facts:
    """Hand in an item: for a meeting, or for the body's topic store when none is given and none is planned.

    After the deadline the body's rule decides. Whoever runs the body may hand in for a member who phoned (`person`).
    Raises NotAMember, LateItem, LooksLikeACase, TitleMissing, UnlikelyLength, TooLong.
    """
    where = await access.body(by, body, now, permissions.may_submit)
    submitter = by if person is None else await _represented(by, where, person, now)
    _check(proposal)
    found = await _target(where, meeting, now)
    late = None
    if found is not None:
        rules = procedure.from_json(where.rules)
        late = procedure.late(rules, found.starts_at, found.zone, now)
        if late is LateItems.REJECT:
            raise LateItem(
                since=procedure.submission_deadline(rules, found.starts_at, found.zone), code=Plain(where.code)
            )
    async with transaction():
        topic = None
        if proposal.purpose is not Purpose.CASE_CONSULTATION:
            topic = await Topic.create(title=proposal.title, body=where, submitted_by=submitter, created_at=now)
        item = await AgendaItem.create(
            topic=topic,
            body=where,
            meeting=found,
            title=proposal.title,
            purpose=proposal.purpose,
            minutes=proposal.minutes,
            slots=proposal.slots,
            late=late is not None,
            flagged=proposal.kept,
            submitted_by=submitter,
            entered_by=by if submitter.id != by.id else None,
            created_at=now,
        )
        if proposal.papers:
            own = await Document.filter(id__in=proposal.papers, uploaded_by_id=by.id).values_list("id", flat=True)
            await AgendaItemPaper.bulk_create([AgendaItemPaper(item=item, document_id=number) for number in own])
        await _tell_leads(item, where, found, by, now)
    return {
        "item": item_facts(item, where, by=by),
        "meeting": facts_of(found, where) if found else None,
        "for_whom": access.name_of(submitter) if submitter.id != by.id else None,
        "papers": len(proposal.papers),
    }


async def _represented(by: Person, body: Body, person: int, now: datetime) -> Person:
    seats = access.as_seats(await access.memberships(by, now))
    if not permissions.may_decide_items(seats, body.id):
        access.not_found()
    return await access.member(by, body.id, now, person)


def _check(proposal: Proposal) -> None:
    if proposal.purpose is Purpose.CASE_CONSULTATION:
        if proposal.title or proposal.papers or proposal.slots is None or not 1 <= proposal.slots <= MOST_SLOTS:
            raise UnlikelyLength
    elif not proposal.title.strip():
        raise TitleMissing
    if len(proposal.title) > TITLE_LIMIT:
        raise TooLong(limit=TITLE_LIMIT)
    if proposal.minutes is not None and not 1 <= proposal.minutes <= LONGEST_MINUTES:
        raise UnlikelyLength
    if guard.suspicious(proposal.title) and not proposal.kept:
        raise LooksLikeACase


async def _target(body: Body, meeting: int | None, now: datetime) -> Meeting | None:
    """The meeting named (0 means the topic store), or else the next."""
    if meeting == 0:
        return None
    ahead = Meeting.filter(body_id=body.id, state__in=TAKING_ITEMS, starts_at__gt=now)
    found = await (ahead.filter(id=meeting) if meeting else ahead.order_by("starts_at")).first()
    if found is None and meeting:
        raise Outdated
    return found


async def _tell_leads(item: AgendaItem, body: Body, meeting: Meeting | None, by: Person, now: datetime) -> None:
    seats = await queries.seats_in(body.id, access.today(by, now))
    leads = {
        seat.person_id
        for seat in seats
        if permissions.may_decide_items(access.as_seats([seat]), body.id) and seat.person_id != by.id
    }
    facts = {"item": item_facts(item, body), "meeting": facts_of(meeting, body) if meeting else None}
    await notices.queue(
        [
            Draft(
                key=f"item:{item.id}:submitted:{lead}",
                template="item_submitted",
                facts=facts,
                due_at=now,
                person=lead,
                body=body.id,
                about=f"item:{item.id}",
            )
            for lead in sorted(lead for lead in leads if lead is not None)
        ],
        now=now,
    )


# --- one item -------------------------------------------------------------------------------------------------------


async def _found(by: Person, item: int, now: datetime) -> tuple[AgendaItem, Body, bool]:
    """The item for somebody with a seat in its body, and whether they decide about items there."""
    found = await AgendaItem.get_or_none(id=item).select_related("body", "meeting", "submitted_by")
    if found is None:
        access.not_found()
    seats = access.as_seats(await access.memberships(by, now))
    if not permissions.may_see(seats, found.body_id):
        access.not_found()
    return found, found.body, permissions.may_decide_items(seats, found.body_id)


def _open_until(item: AgendaItem, body: Body, now: datetime) -> bool:
    """Whether the submitter may still change it: until the deadline, or until the meeting begins when there is none."""
    if item.state not in OPEN:
        return False
    if item.meeting is None:
        return True
    deadline = procedure.submission_deadline(procedure.from_json(body.rules), item.meeting.starts_at, item.meeting.zone)
    return now <= (deadline or item.meeting.starts_at) or item.late


async def view(*, by: Person, item: int, now: datetime) -> Facts:
    """An item, and what this person may do with it."""
    found, body, decides = await _found(by, item, now)
    papers = await AgendaItemPaper.filter(item_id=item).select_related("document").order_by("id")
    own = found.submitted_by_id == by.id
    return {
        "item": item_facts(found, body, by=by),
        "meeting": facts_of(found.meeting, body) if found.meeting else None,
        "papers": [{"id": paper.document_id, "name": Title(paper.document.name)} for paper in papers],
        "may_change": own and _open_until(found, body, now),
        "may_decide": decides and found.state in OPEN,
    }


async def change(
    *, by: Person, item: int, now: datetime, title: str | None = None, minutes: int | None = None, kept: bool = False
) -> Facts:
    """Change one's own item until the deadline. Raises Outdated afterwards, and what `submit` raises."""
    found, body, _ = await _found(by, item, now)
    if found.submitted_by_id != by.id:
        access.not_found()
    if not _open_until(found, body, now):
        raise Outdated
    new = Proposal(
        purpose=found.purpose,
        title=title if title is not None else found.title,
        minutes=minutes if minutes is not None else found.minutes,
        slots=found.slots,
        kept=kept or (title is None and found.flagged),
    )
    _check(new)
    await _write(found, title=new.title, minutes=new.minutes, flagged=new.kept)
    async with transaction():
        if found.topic_id is not None:
            await Topic.filter(id=found.topic_id).update(title=new.title)
    return await view(by=by, item=item, now=now)


async def withdraw(*, by: Person, item: int, now: datetime) -> Facts:
    """Take one's own item back, until the deadline."""
    found, body, _ = await _found(by, item, now)
    if found.submitted_by_id != by.id:
        access.not_found()
    if not _open_until(found, body, now):
        raise Outdated
    async with transaction():
        await _write(found, state=ItemState.WITHDRAWN)
        await notices.withdraw(f"item:{item}")
    return {"item": item_facts(found, body, by=by)}


async def accept(*, by: Person, item: int, now: datetime) -> Facts:
    """Take an item onto the agenda; the submitter is told."""
    found, body = await _decidable(by, item, now)
    if found.state is ItemState.ACCEPTED:
        return {"item": item_facts(found, body)}
    async with transaction():
        await _write(found, state=ItemState.ACCEPTED, position=await _last_position(found) + 1)
        await audit.record(by, "item.accepted", f"item:{item}", now=now)
        await _tell_submitter(found, body, by, "item_accepted", now)
    return {"item": item_facts(found, body)}


async def reject(*, by: Person, item: int, reason: str, now: datetime) -> Facts:
    """Turn an item down, with a reason that the submitter gets."""
    found, body = await _decidable(by, item, now)
    if len(reason) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    async with transaction():
        await _write(found, state=ItemState.REJECTED, reason=reason)
        await audit.record(by, "item.rejected", f"item:{item}", now=now)
        await _tell_submitter(found, body, by, "item_rejected", now)
    return {"item": item_facts(found, body)}


async def _decidable(by: Person, item: int, now: datetime) -> tuple[AgendaItem, Body]:
    found, body, decides = await _found(by, item, now)
    if not decides:
        raise NotAllowed(body=Plain(body.code))
    if found.state not in OPEN:
        raise Outdated
    return found, body


async def _last_position(item: AgendaItem) -> int:
    last = await AgendaItem.filter(meeting_id=item.meeting_id, body_id=item.body_id).order_by("-position").first()
    return last.position if last else 0


async def _write(item: AgendaItem, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read."""
    values["version"] = item.version + 1
    async with transaction():
        if not await AgendaItem.filter(id=item.id, version=item.version).update(**values):
            raise ChangedMeanwhile
    item.update_from_dict(values)


async def _tell_submitter(item: AgendaItem, body: Body, by: Person, template: str, now: datetime) -> None:
    if item.submitted_by_id == by.id:
        return
    facts = {
        "item": item_facts(item, body, by=item.submitted_by),
        "meeting": facts_of(item.meeting, body) if item.meeting else None,
    }
    draft = Draft(
        key=f"item:{item.id}:{template}:{item.version}",
        template=template,
        facts=facts,
        due_at=now,
        person=item.submitted_by_id,
        body=body.id,
        about=f"item:{item.id}",
    )
    await notices.queue([draft], now=now)


# --- the agenda -----------------------------------------------------------------------------------------------------


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
    items = (
        await AgendaItem.filter(meeting_id=meeting)
        .exclude(state__in=(ItemState.REJECTED, ItemState.WITHDRAWN, ItemState.MERGED))
        .select_related("submitted_by", "presenter")
    )
    papers = await _papers(items)
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
                "papers": papers.get(place.id, []),
            }
            for place in places
        ],
        "proposed": [
            {**item_facts(item, body, by=by), "papers": papers.get(item.id, [])}
            for item in sorted(items, key=lambda item: item.id)
            if item.state is ItemState.PROPOSED
        ],
        "total_minutes": total,
        "fits": total <= found.minutes,
        "over_minutes": max(0, total - found.minutes),
        "may_decide": decides,
        "may_submit": permissions.may_submit(seats, body.id) and found.state in TAKING_ITEMS and found.starts_at > now,
    }


def _entry(item: AgendaItem) -> agenda.Entry:
    return agenda.Entry(
        id=item.id,
        position=item.position,
        purpose=item.purpose,
        state=item.state,
        minutes=item.minutes,
        slots=item.slots,
    )


async def _papers(items: Sequence[AgendaItem]) -> dict[int, list[Facts]]:
    found: dict[int, list[Facts]] = {}
    links = AgendaItemPaper.filter(item_id__in=[item.id for item in items]).select_related("document").order_by("id")
    for paper in await links:
        found.setdefault(paper.item_id, []).append({"id": paper.document_id, "name": Title(paper.document.name)})
    return found


async def shift(*, by: Person, item: int, up: bool, now: datetime) -> int:
    """Move an item one place up or down on its agenda; gives the meeting."""
    found, _ = await _decidable(by, item, now)
    if found.meeting_id is None:
        raise Outdated
    items = await AgendaItem.filter(meeting_id=found.meeting_id, state=ItemState.ACCEPTED)
    order = [place.id for place in agenda.placed([_entry(entry) for entry in items], now)]
    index = order.index(item) if item in order else -1
    other = index - 1 if up else index + 1
    if index < 0 or not 0 <= other < len(order):
        raise Outdated
    order[index], order[other] = order[other], order[index]
    async with transaction():
        for position, number in enumerate(order, start=1):
            await AgendaItem.filter(id=number).update(position=position)
        await audit.record(by, "item.shifted", f"item:{item}", now=now)
    return found.meeting_id


async def own(*, by: Person, now: datetime) -> Facts:
    """What the person handed in and where it is now; for those who run bodies, what lies in their topic stores too."""
    mine = (
        await AgendaItem.filter(submitted_by_id=by.id)
        .exclude(state=ItemState.WITHDRAWN)
        .order_by("-id")
        .limit(LISTED)
        .select_related("body", "meeting", "submitted_by")
    )
    leading = [body.id for body in await access.bodies(by, now, permissions.may_decide_items)]
    stored = (
        await AgendaItem.filter(body_id__in=leading, meeting_id=None, state__in=OPEN)
        .order_by("id")
        .limit(LISTED)
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


async def keep_paper(
    *, by: Person, name: str, mime: str, size: int, network: Network, file_id: str, now: datetime
) -> int:
    """Note a file that somebody sent; `bot.post` fetches it from its network. Raises PaperTooLarge."""
    if size > PAPER_BYTES:
        raise PaperTooLarge(limit=PAPER_BYTES // 1024 // 1024)
    async with transaction():
        document = await Document.create(
            name=name[:200],
            mime=mime[:100],
            size=size,
            network=network,
            file_id=file_id,
            uploaded_by=by,
            created_at=now,
        )
    return document.id


async def paper(*, by: Person, document: int, now: datetime) -> Document:
    """A document, when the person has a seat in the body of an item that carries it, or sent it. Raises NotFoundHere."""
    found = await Document.get_or_none(id=document)
    if found is None:
        access.not_found()
    bodies = await AgendaItemPaper.filter(document_id=document).values_list("item__body_id", flat=True)
    seats = access.as_seats(await access.memberships(by, now))
    if found.uploaded_by_id != by.id and not any(permissions.may_see(seats, int(str(body))) for body in bodies):
        access.not_found()
    return found
