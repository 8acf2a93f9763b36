"""Tell people of a meeting: a message for each, and a calendar mail for those with an address."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tortoise.expressions import Q

from bot.actions import notices
from bot.actions.meetings import meetings
from bot.actions.meetings.meetings import facts_of
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules import keys
from bot.rules.facts import AnswerLink, Facts, Plain, Text
from storage.db import execute, transaction
from storage.models import Attendance, Body, Meeting, Notice, Person
from storage.rows import places
from storage.vocabulary import NoticeKind

RELEASED = "meetings/deputy_released"
LOST = "people/seat_lost"
ENTERED = "meetings/answer_entered"
URGENT_WITHIN = timedelta(hours=36)


async def tell(
    meeting: Meeting,
    body: Body,
    people: Sequence[Person],
    template: str,
    more: Facts,
    *,
    now: datetime,
    method: str,
    due_at: datetime | None = None,
    known_to: Person | None = None,
    seated: bool = True,
    instead_of: Mapping[int, Notice] | None = None,
    represented: Attendance | None = None,
) -> None:
    """Tell each person once, by chat and by calendar mail; the key carries the calendar's SEQUENCE and the invitation.

    The mail's key is made of the message's: so post knows that whom no chat reaches is told already.
    `known_to` did it, and gets the calendar mail only. Who is not `seated` is told although they have no place there.
    `instead_of` has for each person the notice that may not have arrived: in its place the same is told again.
    `represented` is the invitation of the person for whom they are to come.
    """
    attendances = {row.person_id: row for row in await Attendance.filter(meeting_id=meeting.id)}
    told = _told(meeting, body, more, cancelled=method == "CANCEL")
    calendar = _calendar(meeting, body, method, seated=seated)
    soon = _expected(meeting, told) - now <= URGENT_WITHIN
    mailed: list[int] = []
    drafts = []
    for person in people:
        invited = attendances.get(person.id)
        missed = instead_of[person.id] if instead_of is not None else None
        shared: dict[str, Any] = {
            "template": template,
            "person": person.id,
            "body": body.id if seated else None,
            "about": f"meeting:{meeting.id}",
            "due_at": due_at or now,
        }
        key = keys.told(
            meeting.id,
            meeting.sequence,
            template,
            person=person.id,
            invitation=invited.id if invited else None,
            represented=represented.id if represented else None,
            missed=missed.id if missed else None,
        )
        if known_to is None or person.id != known_to.id:
            document = {"type": Plain("calendar"), **calendar}
            drafts.append(Draft(key=key, facts={**told, "document": document}, urgent=soon, **shared))
        if address := _address(person, invited, missed, method):
            mailed.append(person.id)
            facts = {**told, **_mail(invited, address, calendar, method)}
            drafts.append(
                Draft(key=keys.by_mail(key), facts=facts, kind=NoticeKind.CALENDAR_MAIL, urgent=True, **shared)
            )
    async with transaction():
        await notices.queue(drafts, now=now)
        if method == "REQUEST":
            await _keep_addresses(meeting, mailed)


def _mail(invited: Attendance | None, address: str, calendar: Facts, method: str) -> Facts:
    """What only a calendar mail carries; who has no place in the meeting has nothing to answer."""
    own = {"method": Plain(method), "to": Text(address)}
    if invited is None:
        return {"calendar": {**calendar, **own}}
    return {
        "calendar": {**calendar, **own, "answer": Plain(invited.answer.value)},
        "link": AnswerLink(invited.id, invited.meeting_id),
    }


def _told(meeting: Meeting, body: Body, more: Facts, *, cancelled: bool) -> Facts:
    """What the words tell. Nobody needs the way into a conference to which they do not come."""
    told = {"meeting": facts_of(meeting, body), **more}
    if cancelled:
        told["meeting"] = {**told["meeting"], "linked": False, "join_link": None}
    return told


def _calendar(meeting: Meeting, body: Body, method: str, *, seated: bool) -> Facts:
    calendar = meetings.calendar_facts(meeting, body.code)
    if method == "CANCEL":
        calendar |= {"status": Plain("cancelled"), "join_link": None}
        if not seated:
            calendar["uninvite"] = True  # it takes place without them
    return calendar


def _expected(meeting: Meeting, told: Facts) -> datetime:
    """When the reader may expect it to begin: at the earliest of the times that they know or learn."""
    known: list[datetime] = [entry["starts"] for entry in (told["meeting"], told.get("was")) if entry]
    return min(meeting.starts_at, *known)


def _address(person: Person, invited: Attendance | None, missed: Notice | None, method: str) -> str | None:
    """Where the calendar mail goes: what takes an entry away goes where the entry is.

    Of somebody who has no place there any more only the mail that they `missed` tells where that is.
    """
    if invited is not None:
        return (method == "CANCEL" and invited.mailed_to) or person.mail
    if missed is None or missed.kind is not NoticeKind.CALENDAR_MAIL:
        return None
    return typed.decode(missed.facts).get("calendar", {}).get("to") or person.mail


async def _keep_addresses(meeting: Meeting, people: Collection[int]) -> None:
    """Remember whose calendar has the meeting."""
    if people:
        statement = (
            "UPDATE attendance SET mailed_to = (SELECT p.mail FROM person p WHERE p.id = attendance.person_id) "  # noqa: S608  # constants only
            f"WHERE meeting_id = ? AND person_id IN ({places(people)})"
        )
        await execute(statement, [meeting.id, *people])


async def step_past_cancel(meeting: Meeting, people: Collection[int], now: datetime) -> None:
    """Step SEQUENCE and DTSTAMP when the meeting was taken out of the calendar of one of those who are to be invited.

    Otherwise a CANCEL that comes late would take the new entry away (RFC 5546, 2.1.4). The others hear nothing of it: their next
    mail carries the higher number.
    """
    taken_out = Notice.filter(
        Q(template=RELEASED, about=f"meeting:{meeting.id}")
        | Q(template=LOST, key__endswith=keys.mail_ending(meeting.id)),
        kind=NoticeKind.CALENDAR_MAIL,
        person_id__in=[0, *people],
    )
    if await taken_out.exists():
        await meetings.write(meeting, now, sequence=meeting.sequence + 1)


# --- answers entered for somebody who phoned ------------------------------------------------------------------------


async def tell_entered(
    meeting: Meeting,
    body: Body,
    person: Person,
    attendance: Attendance,
    *,
    by: Person,
    now: datetime,
    deputy: Person | None = None,
) -> None:
    """Tell the person which answer `by` has entered for them; entries within the settle time become one message.

    Those who answer for themselves need no message, nor the one that still waits.
    """
    await forget_entered(meeting, person.id)
    if person.id == by.id:
        return
    facts = {
        "meeting": facts_of(meeting, body),
        "answer": Plain(attendance.answer.value),
        "deputy": meetings.named(deputy),
        "stands_in": attendance.deputy_for_id is not None,
        "by": meetings.named(by),
        "answer_link": AnswerLink(attendance.id, meeting.id),
    }
    said = f"{attendance.answer.value}:{deputy.id if deputy else None}"
    draft = Draft(
        key=f"answer:{attendance.id}:{said}:{int(now.timestamp())}",
        template=ENTERED,
        facts=facts,
        due_at=now + meetings.SETTLE,
        person=person.id,
        body=body.id if attendance.deputy_for_id is None else None,  # a deputy has no seat there
        about=_entries(meeting),
        urgent=meeting.starts_at - now <= URGENT_WITHIN,
    )
    await notices.queue([draft], now=now)


async def forget_entered(meeting: Meeting, person: int | None = None) -> None:
    """What was entered does not count any more, for one person or for all: nobody is told of it."""
    whose, values = ("", []) if person is None else (" AND person_id = ?", [person])
    async with transaction():
        await execute(f"DELETE FROM notice WHERE about = ? AND state = 'waiting'{whose}", [_entries(meeting), *values])  # noqa: S608  # ours


def _entries(meeting: Meeting) -> str:
    """What these messages are about: not the meeting, whose own messages overtake one another."""
    return f"answers:{meeting.id}"
