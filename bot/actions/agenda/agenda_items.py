"""Agenda items: hand in, change, withdraw, accept, reject."""

from dataclasses import dataclass
from datetime import datetime

from bot.actions import access, audit, notices, papers, texts
from bot.actions.meetings import placing
from bot.actions.meetings.meetings import SETTLE, MeetingOver, facts_of, over
from bot.actions.meetings.placing import OPEN, TAKING_ITEMS, item_facts
from bot.actions.notices import Draft
from bot.rules import guard, names, permissions, procedure
from bot.rules.facts import Facts, Plain
from bot.rules.procedure import LateItems
from bot.rules.refusals import NotAllowed, Outdated, ReasonMissing, Refusal
from storage import queries
from storage.db import once, transaction
from storage.models import AgendaItem, Body, Meeting, Person, Topic
from storage.vocabulary import ItemState, Purpose

TITLE_LIMIT = 200
REASON_LIMIT = 500
LONGEST_MINUTES = 480
MOST_SLOTS = 20
TO_DECIDE = ("agenda/item_submitted", "agenda/item_changed")  # what asks those who decide


class LateItem(Refusal):
    """The deadline (`since`) has passed, and the body takes no late items; it can be handed in for later."""


class DeadlineOver(Refusal):
    """One's own item can be changed until `since`; from then on it is the chair's."""


class ItemOver(Refusal):
    """The item is not open any more; `item` says what became of it."""


class TitleMissing(Refusal):
    """An item needs a title."""


class UnlikelyLength(Refusal):
    """An item takes between one minute and eight hours, a Fallberatung between one slot and twenty."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is handed in. A Fallberatung has `slots` and neither title nor papers; `kept` says that a warning was answered."""

    purpose: Purpose
    title: str = ""
    minutes: int | None = None
    slots: int | None = None
    papers: tuple[int, ...] = ()
    kept: bool = False


async def targets(*, by: Person, body: int, now: datetime) -> list[Facts]:
    """The meetings for which an item can be handed in, the next first, with their deadlines and what happens after them."""
    where = await access.body(by, body, now, permissions.may_submit)
    return [_deadline(meeting, where, now) for meeting in await _ahead(body, now)]


async def _ahead(body: int, now: datetime) -> list[Meeting]:
    return await once(("ahead", body), lambda: placing.ahead(body, now))


async def target(*, by: Person, meeting: int, now: datetime) -> Facts:
    """The same for one meeting. Raises NotFoundHere, NotAllowed, MeetingOver."""
    found = await Meeting.get_or_none(id=meeting)
    if found is None:
        access.not_found()
    where = await access.body_of_thing(by, found.body_id, now, permissions.may_submit)
    if found.state not in TAKING_ITEMS or found.starts_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    return {**_deadline(found, where, now), "body_id": where.id}


def _deadline(meeting: Meeting, body: Body, now: datetime) -> Facts:
    rules = procedure.from_json(body.rules)
    late = procedure.late(rules, meeting.starts_at, meeting.zone, now)
    return {
        **facts_of(meeting, body),
        "deadline": procedure.submission_deadline(rules, meeting.starts_at, meeting.zone),
        "late": Plain(late.value) if late else None,
    }


async def represented(*, by: Person, body: int, now: datetime) -> list[Facts]:
    """The people for whom this person may hand something in there: for whoever runs the body, all other members."""
    seats = access.as_seats(await access.memberships(by, now))
    if not permissions.may_decide_items(seats, body):
        return []
    members = {seat.person_id: seat.person for seat in await queries.seats_in(body, access.today(by, now))}
    people = [person for person in members.values() if person is not None and person.id != by.id]
    people.sort(key=lambda person: names.sort_key(person.given_name, person.family_name))
    return [{"id": person.id, "name": access.name_of(person)} for person in people]


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
    Raises NotAMember, LateItem, MeetingOver, LooksLikeACase, TitleMissing, UnlikelyLength, TooLong.
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
            flagged=guard.suspicious(proposal.title),
            submitted_by=submitter,
            entered_by=by if submitter.id != by.id else None,
            created_at=now,
        )
        attached = await papers.attach(proposal.papers, item, by)
        await _tell_leads(item, where, found, by, now, template="agenda/item_submitted")
        if submitter.id != by.id:
            await _tell_submitter(item, where, by, "agenda/item_entered", now)
    return {
        "item": item_facts(item, where, by=by),
        "meeting": _deadline(found, where, now) if found else None,
        "for_whom": access.name_of(submitter) if submitter.id != by.id else None,
        "papers": len(attached),
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
    texts.checked(proposal.title, limit=TITLE_LIMIT, kept=proposal.kept)
    if proposal.minutes is not None and not 1 <= proposal.minutes <= LONGEST_MINUTES:
        raise UnlikelyLength


async def _target(body: Body, meeting: int | None, now: datetime) -> Meeting | None:
    """The meeting named (0 means the topic store), or else the next."""
    if meeting == 0:
        return None
    ahead = await _ahead(body.id, now)
    found = next((candidate for candidate in ahead if meeting in {None, candidate.id}), None)
    if found is None and meeting:
        state = await queries.column(Meeting.filter(id=meeting, body_id=body.id), "state")
        raise MeetingOver(state=Plain(state[0].value)) if state else Outdated
    return found


async def _tell_leads(
    item: AgendaItem, body: Body, meeting: Meeting | None, by: Person, now: datetime, *, template: str
) -> None:
    """Tell those who decide about it what `by` did with an item; changes that follow each other become one message."""
    leads = await queries.holders(body.id, permissions.LEADING, access.today(by, now)) - {by.id, item.submitted_by_id}
    facts = {
        "item": item_facts(item, body),
        "meeting": facts_of(meeting, body) if meeting else None,
        "entered_by": access.name_of(by) if by.id != item.submitted_by_id else None,
    }
    await notices.queue(
        [
            Draft(
                key=f"item:{item.id}:{template}:{item.version}:{lead}",
                template=template,
                facts=facts,
                due_at=now + SETTLE if template == "agenda/item_changed" else now,
                person=lead,
                body=body.id,
                about=f"item:{item.id}",
            )
            for lead in sorted(leads)
        ],
        now=now,
    )


# --- one item -------------------------------------------------------------------------------------------------------


async def _found(by: Person, item: int, now: datetime) -> tuple[AgendaItem, Body, bool]:
    """The item for somebody who may see it, and whether they decide about items of its body."""
    found = await AgendaItem.get_or_none(id=item).select_related("body", "meeting", "submitted_by", "entered_by")
    if found is None:
        access.not_found()
    seats = access.as_seats(await access.memberships(by, now))
    own = found.submitted_by_id == by.id
    if not permissions.may_see_item(seats, found.body_id, state=found.state, own=own):
        access.not_found()
    return found, found.body, permissions.may_decide_items(seats, found.body_id)


def _changeable_until(item: AgendaItem, body: Body) -> datetime | None:
    """Until when the submitter may change an open item: the deadline, or the start of the meeting; None without end."""
    if item.meeting is None:
        return None
    rules = procedure.from_json(body.rules)
    deadline = procedure.submission_deadline(rules, item.meeting.starts_at, item.meeting.zone)
    return item.meeting.starts_at if deadline is None or item.late else deadline


async def _own(by: Person, item: int, now: datetime, *, entered: bool = False) -> tuple[AgendaItem, Body]:
    """One's own item, or one that was `entered` for somebody, while it can be changed.

    Raises NotFoundHere, ItemOver, DeadlineOver.
    """
    found, body, _ = await _found(by, item, now)
    if by.id not in {found.submitted_by_id, found.entered_by_id if entered else None}:
        access.not_found()
    if found.state not in OPEN:
        raise ItemOver(item=item_facts(found, body))
    until = _changeable_until(found, body)
    if until is not None and now > until:
        raise DeadlineOver(since=until, code=Plain(body.code))
    return found, body


async def view(*, by: Person, item: int, now: datetime) -> Facts:
    """An item, and what this person may do with it.

    `undecided` says that accepting puts it on another agenda, because its meeting was `missed` or it has none: on that of the
    `next` meeting, if one is planned.
    """
    found, body, decides = await _found(by, item, now)
    until = _changeable_until(found, body)
    is_open = found.state in OPEN
    missed = _missed(found, now)
    undecided = found.state is ItemState.PROPOSED and (missed or found.meeting is None)
    ahead = await _ahead(body.id, now) if undecided and decides else []
    changeable = is_open and (until is None or now <= until)
    handed_in = by.id in {found.submitted_by_id, found.entered_by_id}
    return {
        "item": item_facts(found, body, by=by),
        "meeting": facts_of(found.meeting, body) if found.meeting else None,
        "entered_by": access.name_of(found.entered_by) if found.entered_by else None,
        "papers": (await papers.of_items([found])).get(item, []),
        "may_change": found.submitted_by_id == by.id and changeable,
        "may_attach": handed_in and changeable and found.purpose is not Purpose.CASE_CONSULTATION,
        "may_decide": decides and is_open,
        "missed": missed,
        "undecided": undecided,
        "next": facts_of(ahead[0], body) if ahead else None,
        "leads": decides,
    }


async def change(
    *,
    by: Person,
    item: int,
    now: datetime,
    title: str | None = None,
    minutes: int | None = None,
    slots: int | None = None,
    kept: bool = False,
) -> Facts:
    """Change one's own item until the deadline; who decides about it is told.

    Raises NotFoundHere, ItemOver, DeadlineOver, and what `submit` raises.
    """
    found, body = await _own(by, item, now)
    new = Proposal(
        purpose=found.purpose,
        title=title if title is not None else found.title,
        minutes=minutes if minutes is not None else found.minutes,
        slots=slots if slots is not None else found.slots,
        kept=kept or (title is None and found.flagged),
    )
    _check(new)
    async with transaction():
        await placing.write(
            found, title=new.title, minutes=new.minutes, slots=new.slots, flagged=guard.suspicious(new.title)
        )
        if found.topic_id is not None:
            await Topic.filter(id=found.topic_id).update(title=new.title)
        waiting = await notices.withdraw(f"item:{item}", except_for=["agenda/item_accepted", "agenda/item_entered"])
        anew = any(notice.template == "agenda/item_submitted" for notice in waiting)
        await _tell_leads(
            found, body, found.meeting, by, now, template="agenda/item_submitted" if anew else "agenda/item_changed"
        )
    return await view(by=by, item=item, now=now)


async def for_papers(*, by: Person, item: int, now: datetime) -> AgendaItem:
    """An item to which this person may send papers: who submitted it or entered it, while it can be changed.

    Raises NotFoundHere, ItemOver, DeadlineOver, NoPapersHere.
    """
    found, _ = await _own(by, item, now, entered=True)
    if found.purpose is Purpose.CASE_CONSULTATION:
        raise papers.NoPapersHere
    return found


async def add_paper(*, by: Person, item: int, paper: int, now: datetime) -> None:
    """Put a file that one sent to an item. Raises what `for_papers` raises."""
    await papers.attach([paper], await for_papers(by=by, item=item, now=now), by)


async def remove_paper(*, by: Person, item: int, paper: int, now: datetime) -> Facts:
    """Take a paper off an item, whoever of the two sent it. Raises what `for_papers` raises."""
    await papers.detach(paper, await for_papers(by=by, item=item, now=now))
    return await view(by=by, item=item, now=now)


async def withdraw(*, by: Person, item: int, now: datetime) -> Facts:
    """Take one's own item back, until the deadline; who has accepted it is told."""
    found, body = await _own(by, item, now)
    accepted = found.state is ItemState.ACCEPTED
    async with transaction():
        await placing.write(found, state=ItemState.WITHDRAWN)
        await notices.withdraw(f"item:{item}")
        await placing.gone(found)
        if accepted:
            await _tell_leads(found, body, found.meeting, by, now, template="agenda/item_taken_back")
    return {"item": item_facts(found, body, by=by)}


async def accept(*, by: Person, item: int, now: datetime) -> Facts:
    """Take an item onto the agenda of its meeting; the submitter is told.

    When its meeting is over, or it has none, that is the agenda of the body's next one (`next`), whatever the deadline for
    submitters; when none is planned, the item waits for it. Raises NotFoundHere, NotAllowed, ItemOver.
    """
    found, body = await decidable(by, item, now)
    missed = _missed(found, now)
    before = found.meeting_id
    if found.state is not ItemState.ACCEPTED:
        async with transaction():
            await placing.accepted(found, body, now)
            await audit.record(by, "item.accepted", f"item:{item}", now=now)
            await notices.withdraw(f"item:{item}", only=TO_DECIDE)
            await _tell_submitter(found, body, by, "agenda/item_accepted", now)
    elsewhere = found.meeting is not None and found.meeting_id != before
    return {
        "item": item_facts(found, body),
        "next": facts_of(found.meeting, body) if found.meeting and elsewhere else None,
        "missed": missed,
        "waits": found.meeting is None,
    }


def _missed(item: AgendaItem, now: datetime) -> bool:
    """Whether its meeting has gone by before anybody decided."""
    return item.state is ItemState.PROPOSED and item.meeting is not None and over(item.meeting, now)


async def reject(*, by: Person, item: int, reason: str, now: datetime, kept: bool = False) -> Facts:
    """Turn an item down, with a reason that the submitter gets.

    Raises NotAllowed, ItemOver, ReasonMissing, TooLong, LooksLikeACase.
    """
    found, body = await decidable(by, item, now)
    reason = texts.checked(reason, limit=REASON_LIMIT, kept=kept)
    if not reason:
        raise ReasonMissing
    async with transaction():
        await placing.write(found, state=ItemState.REJECTED, reason=reason)
        await audit.record(by, "item.rejected", f"item:{item}", now=now)
        await notices.withdraw(f"item:{item}", only=[*TO_DECIDE, "agenda/item_accepted"])
        await placing.gone(found)
        await _tell_submitter(found, body, by, "agenda/item_rejected", now)
    return {"item": item_facts(found, body)}


async def decidable(by: Person, item: int, now: datetime) -> tuple[AgendaItem, Body]:
    """An item that is still open, for those who decide about it. Raises NotFoundHere, NotAllowed, ItemOver."""
    found, body, decides = await _found(by, item, now)
    if not decides:
        raise NotAllowed(body=Plain(body.code))
    if found.state not in OPEN:
        raise ItemOver(item=item_facts(found, body))
    return found, body


async def _tell_submitter(item: AgendaItem, body: Body, by: Person, template: str, now: datetime) -> None:
    if item.submitted_by_id == by.id:
        return
    facts = {
        "item": item_facts(item, body, by=item.submitted_by),
        "meeting": facts_of(item.meeting, body) if item.meeting else None,
        "entered_by": access.name_of(by),
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
