"""Meetings: schedule, invite, answer, move, call off."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.actions import access, audit, feeds, notices
from bot.actions.notices import Draft
from bot.rules import facts, names, permissions, procedure
from bot.rules.facts import AnswerLink, JoinLink, PersonName, Place, Plain, Title
from bot.rules.quiet import is_rest_day
from bot.rules.refusals import ChangedMeanwhile, Outdated, Refusal, TooLong
from storage import queries
from storage.db import transaction
from storage.models import AgendaItem, Attendance, Body, GroupChat, Meeting, Membership, Notice, Person
from storage.vocabulary import (
    Answer,
    ItemState,
    MeetingFormat,
    MeetingState,
    NoticeKind,
    NoticeState,
)

TITLE_LIMIT = 200
REASON_LIMIT = 500
LONGEST_MINUTES = 12 * 60
SETTLE = timedelta(minutes=2)
URGENT_WITHIN = timedelta(hours=36)
AHEAD = (MeetingState.DRAFT, MeetingState.POLLING, MeetingState.SCHEDULED, MeetingState.INVITED, MeetingState.RUNNING)
MOVABLE = (MeetingState.DRAFT, MeetingState.SCHEDULED, MeetingState.INVITED)
LISTED = 10

Facts = dict[str, Any]


class InThePast(Refusal):
    """The meeting would have begun already."""


class NoSuchTime(Refusal):
    """The clocks skip that time, or have it twice, on that night."""


class UnlikelyDuration(Refusal):
    """A meeting lasts between five minutes and twelve hours."""


class ShortNotice(Refusal):
    """The notice period (`days`) is not kept; an invitation needs a reason. `earliest` is the first day that would do."""


class DeputyUnknown(Refusal):
    """Nobody of that name has a seat."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When and where: `starts` is local wall time without zone, in the zone of the one who plans."""

    starts: datetime
    minutes: int
    format: MeetingFormat
    place: str | None = None
    join_link: str | None = None


def facts_of(meeting: Meeting, body: Body) -> Facts:
    """What may be told of a meeting."""
    return {
        "id": meeting.id,
        "level": body.level,
        "title": Title(meeting.title),
        "code": Plain(body.code),
        "body": Title(body.name),
        "starts": meeting.starts_at,
        "minutes": meeting.minutes,
        "format": Plain(meeting.format.value),
        "place": Place(meeting.place) if meeting.place else None,
        "join_link": JoinLink(meeting.join_link) if meeting.join_link else None,
        "state": Plain(meeting.state.value),
        "cancel_reason": Title(meeting.cancel_reason) if meeting.cancel_reason else None,
        "sequence": meeting.sequence,
    }


def moment(local: datetime, zone: str) -> datetime:
    """The UTC moment of a wall time: the only place that derives it. Raises NoSuchTime."""
    here = ZoneInfo(zone)
    early, late = local.replace(tzinfo=here, fold=0), local.replace(tzinfo=here, fold=1)
    if early.utcoffset() != late.utcoffset():
        raise NoSuchTime
    return early.astimezone(UTC)


def _check(plan: Plan, zone: str, now: datetime) -> datetime:
    if not 5 <= plan.minutes <= LONGEST_MINUTES:  # noqa: PLR2004  # said in the refusal's docstring
        raise UnlikelyDuration
    for text in (plan.place, plan.join_link):
        if text is not None and len(text) > TITLE_LIMIT:
            raise TooLong(limit=TITLE_LIMIT)
    starts_at = moment(plan.starts, zone)
    if starts_at <= now:
        raise InThePast
    return starts_at


async def schedule(*, by: Person, body: int | str, plan: Plan, host: str, now: datetime) -> Facts:
    """Put a meeting into the calendar. Nobody is told before the invitation.

    Raises NotAMember, NotAllowed, InThePast, NoSuchTime, UnlikelyDuration, TooLong.
    """
    where = await access.body(by, body, now, permissions.may_schedule)
    starts_at = _check(plan, by.zone, now)
    latest = await Meeting.filter(body_id=where.id).exclude(number=None).order_by("-number").first()
    number = (latest.number or 0) + 1 if latest else 1
    async with transaction():
        meeting = await Meeting.create(
            body=where,
            number=number,
            title=f"{number}. {where.name}",
            state=MeetingState.SCHEDULED,
            format=plan.format,
            starts_local=plan.starts.strftime("%Y-%m-%dT%H:%M"),
            zone=by.zone,
            minutes=plan.minutes,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=plan.minutes),
            place=plan.place,
            join_link=plan.join_link,
            uid=f"{uuid.uuid4()}@{host}",
            created_by=by,
            created_at=now,
            changed_at=now,
        )
        await audit.record(by, "meeting.scheduled", f"meeting:{meeting.id}", now=now)
        await _touch_feeds(where, access.today(by, now))
    return {"meeting": facts_of(meeting, where)}


async def upcoming(*, by: Person, now: datetime) -> Facts:
    """The next meetings of the person's bodies, with their own answer; drafts only for those who schedule."""
    held = await access.memberships(by, now)
    seats = access.as_seats(held)
    bodies = {seat.body_id: seat.body for seat in held}
    meetings = (
        await Meeting.filter(body_id__in=list(bodies), ends_at__gt=now, state__in=AHEAD)
        .order_by("starts_at", "id")
        .limit(LISTED)
    )
    answers = {
        attendance.meeting_id: attendance.answer
        for attendance in await Attendance.filter(person_id=by.id, meeting_id__in=[meeting.id for meeting in meetings])
    }
    return {
        "meetings": [
            {**facts_of(meeting, bodies[meeting.body_id]), "answer": _answer(answers.get(meeting.id))}
            for meeting in meetings
            if meeting.state is not MeetingState.DRAFT or permissions.may_schedule(seats, meeting.body_id)
        ],
        "may_schedule": any(permissions.may_schedule(seats, body) for body in bodies),
    }


def _answer(answer: Answer | None) -> Plain | None:
    return Plain(answer.value) if answer is not None else None


async def _of(by: Person, meeting: int, now: datetime, may: access.Right) -> tuple[Meeting, Body]:
    """The meeting, when the person may do that with it; a deputy who was named sees it too."""
    found = await Meeting.get_or_none(id=meeting)
    if found is None:
        access.not_found()
    return found, await access.body(by, found.body_id, now, may)


async def for_reading(*, by: Person, meeting: int, now: datetime) -> tuple[Meeting, Body]:
    """The meeting, for somebody with a seat in its body or with an answer to give. Raises NotFoundHere."""
    found = await Meeting.get_or_none(id=meeting).select_related("body")
    if found is None:
        access.not_found()
    seats = access.as_seats(await access.memberships(by, now))
    if not permissions.may_see(seats, found.body_id) and not await Attendance.exists(
        meeting_id=meeting, person_id=by.id
    ):
        access.not_found()
    return found, found.body


async def view(*, by: Person, meeting: int, now: datetime) -> Facts:
    """A meeting as this person sees it: its facts, the counts of answers, their own answer, what they may do."""
    found, body = await for_reading(by=by, meeting=meeting, now=now)
    seats = access.as_seats(await access.memberships(by, now))
    own = await Attendance.get_or_none(meeting_id=meeting, person_id=by.id).select_related("deputy")
    return {
        "meeting": facts_of(found, body),
        "counts": await _counts(found),
        "answer": _answer(own.answer if own else None),
        "deputy": _name(own.deputy, own.deputy_name) if own else None,
        "items": await AgendaItem.filter(
            meeting_id=meeting, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
        ).count(),
        "may_manage": permissions.may_schedule(seats, body.id) and found.ends_at > now,
        "over": found.ends_at <= now,
    }


def _name(person: Person | None, name: str | None = None) -> PersonName | None:
    if person is not None:
        return access.name_of(person)
    return PersonName(name) if name else None


async def _counts(meeting: Meeting) -> dict[str, int]:
    answers = await queries.column(Attendance.filter(meeting_id=meeting.id), "answer")
    counts = dict.fromkeys((answer.value for answer in Answer), 0)
    for answer in answers:
        counts[Answer(answer).value] += 1
    return counts


# --- the invitation -------------------------------------------------------------------------------------------------


async def notice_check(*, by: Person, meeting: int, land: str, now: datetime) -> Facts:
    """Whether the body's notice period would be kept by an invitation now, and who would get it."""
    found, body = await _of(by, meeting, now, permissions.may_invite)
    days = _missing_notice(found, body, land, now)
    seats = await queries.seats_in(body.id, access.today(by, now))
    return {"meeting": facts_of(found, body), "short": days is not None, "days": days, "people": len(_people(seats))}


def _missing_notice(meeting: Meeting, body: Body, land: str, now: datetime) -> int | None:
    """The days of the notice period when it is not kept."""
    rules = procedure.from_json(body.rules)
    zone = ZoneInfo(meeting.zone)
    starts = meeting.starts_at.astimezone(zone).date()
    invited = now.astimezone(zone).date()
    days = [invited + timedelta(days=offset) for offset in range((starts - invited).days + 1)]
    rest_days = frozenset(day for day in days if is_rest_day(day, land))
    return None if procedure.notice_kept(rules, invited, starts, rest_days) else rules.notice_days


async def invite(*, by: Person, meeting: int, land: str, now: datetime, reason: str | None = None) -> Facts:
    """Invite every seat of the body: each person by one chat channel, and by calendar mail where an address is known.

    Inviting again reaches those who came since, and nobody twice. Raises ShortNotice when the notice period is not kept and
    no reason is given; the reason is for the minutes.
    """
    found, body = await _of(by, meeting, now, permissions.may_invite)
    if found.state not in (MeetingState.SCHEDULED, MeetingState.INVITED) or found.starts_at <= now:
        raise Outdated
    if found.state is MeetingState.SCHEDULED:
        days = _missing_notice(found, body, land, now)
        if days is not None and not reason:
            raise ShortNotice(days=days, code=Plain(body.code), id=found.id)
    if reason is not None and len(reason) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    seats = _people(await queries.seats_in(body.id, access.today(by, now)))
    invited = set(await queries.column(Attendance.filter(meeting_id=meeting), "person_id"))
    newcomers = [seat for seat in seats if seat.person_id not in invited]
    async with transaction():
        if found.state is MeetingState.SCHEDULED:
            await _change(found, now, state=MeetingState.INVITED, invited_at=now, short_notice_reason=reason)
            await audit.record(by, "meeting.invited", f"meeting:{found.id}", now=now)
        await Attendance.bulk_create(
            [
                Attendance(
                    meeting=found, person_id=seat.person_id, organisation_id=seat.organisation_id, invited_at=now
                )
                for seat in newcomers
            ],
            ignore_conflicts=True,
        )
        people = [seat.person for seat in newcomers if seat.person is not None]
        await _tell(found, body, people, "invitation", {}, now=now, method="REQUEST")
        await refresh_card(found, body, now=now)
        await _touch_feeds(body, access.today(by, now))
    return {"meeting": facts_of(found, body), "people": len(newcomers), "short_notice_reason": bool(reason)}


def _people(seats: Sequence[Membership]) -> list[Membership]:
    """One seat for each person."""
    return list({seat.person_id: seat for seat in seats}.values())


async def _change(meeting: Meeting, now: datetime, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read; every message gets a later DTSTAMP (RFC 5545)."""
    stamp = max(now, meeting.stamp + timedelta(seconds=1)) if meeting.stamp else now
    values |= {"version": meeting.version + 1, "changed_at": now, "stamp": stamp.replace(microsecond=0)}
    if not await Meeting.filter(id=meeting.id, version=meeting.version).update(**values):
        raise ChangedMeanwhile
    meeting.update_from_dict(values)


def calendar_facts(meeting: Meeting, code: str) -> Facts:
    """What a calendar object is made of; `bot.post` adds who sends and who receives it."""
    return {
        "code": Plain(code),
        "uid": Plain(meeting.uid),
        "sequence": meeting.sequence,
        "title": Title(meeting.title),
        "starts": meeting.starts_at,
        "ends": meeting.ends_at,
        "zone": Plain(meeting.zone),
        "status": Plain("cancelled" if meeting.state is MeetingState.CANCELLED else "confirmed"),
        "place": Place(meeting.place) if meeting.place else None,
        "join_link": JoinLink(meeting.join_link) if meeting.join_link else None,
        "path": Plain(f"/sitzung/{meeting.id}"),
        "created": meeting.created_at,
        "last_modified": meeting.changed_at,
        "stamp": meeting.stamp or meeting.changed_at,
    }


async def _tell(  # one message needs all of them
    meeting: Meeting,
    body: Body,
    people: Sequence[Person],
    template: str,
    more: Facts,
    *,
    now: datetime,
    method: str,
    due_at: datetime | None = None,
) -> None:
    """Tell each person once, by chat and by calendar mail; the key carries the calendar's SEQUENCE."""
    attendances = dict(await Attendance.filter(meeting_id=meeting.id).values_list("person_id", "id"))
    calendar = calendar_facts(meeting, body.code)
    soon = meeting.starts_at - now <= URGENT_WITHIN
    drafts = []
    for person in people:
        key = f"meeting:{meeting.id}:{meeting.sequence}:{template}:{person.id}"
        told = {"meeting": facts_of(meeting, body), **more}
        shared: dict[str, Any] = {
            "person": person.id,
            "body": body.id,
            "about": f"meeting:{meeting.id}",
            "due_at": due_at or now,
        }
        drafts.append(
            Draft(
                key=key,
                template=template,
                facts={**told, "document": {"type": Plain("calendar"), **calendar}},
                urgent=soon and template != "invitation",
                **shared,
            )
        )
        if person.mail and person.id in attendances:
            drafts.append(
                Draft(
                    key=f"{key}:mail",
                    template=template,
                    facts={
                        **told,
                        "calendar": {"method": Plain(method), **calendar},
                        "link": AnswerLink(attendances[person.id]),
                    },
                    kind=NoticeKind.CALENDAR_MAIL,
                    urgent=True,
                    **shared,
                )
            )
    await notices.queue(drafts, now=now)


async def refresh_card(meeting: Meeting, body: Body, *, now: datetime) -> None:
    """The group's one message about a meeting shows its latest state."""
    facts = {"meeting": facts_of(meeting, body), "counts": await _counts(meeting)}
    for group in await GroupChat.filter(body_id=body.id):
        await notices.keep_card(
            Draft(
                key=f"card:meeting:{meeting.id}:{group.network}:{group.chat_id}",
                template="meeting_card",
                facts=facts,
                kind=NoticeKind.CARD,
                network=group.network,
                chat_id=group.chat_id,
                thread_id=group.thread_id,
                body=body.id,
                about=f"meeting:{meeting.id}",
                due_at=now,
                silent=True,
            ),
            now=now,
        )


async def _touch_feeds(body: Body, day: date) -> None:
    """Whoever has a seat there sees the meeting in their feed."""
    seats = await queries.seats_in(body.id, day)
    await feeds.touch([seat.person_id for seat in seats if seat.person_id is not None])


# --- answers --------------------------------------------------------------------------------------------------------


async def answer(
    *,
    by: Person,
    meeting: int,
    answer: Answer,
    now: datetime,
    person: int | None = None,
) -> Facts:
    """Say whether one comes; whoever invites may say it for somebody who phoned (`person`).

    The last answer counts. Raises NotFoundHere for who is not invited, Outdated when the meeting is over or called off.
    """
    whose = by.id if person is None else person
    if whose == by.id:
        found, body = await for_reading(by=by, meeting=meeting, now=now)
    else:
        found, body = await _of(by, meeting, now, permissions.may_invite)
    attendance = await Attendance.get_or_none(meeting_id=meeting, person_id=whose).select_related("person")
    if attendance is None:
        access.not_found()
    if found.state is not MeetingState.INVITED or found.ends_at <= now:
        raise Outdated
    async with transaction():
        attendance.answer, attendance.answered_at, attendance.answered_by_id = answer, now, by.id
        if answer is not Answer.DELEGATED:
            attendance.deputy_id, attendance.deputy_name = None, None
        await attendance.save(update_fields=["answer", "answered_at", "answered_by_id", "deputy_id", "deputy_name"])
        await refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(answer.value),
        "counts": await _counts(found),
        "for_whom": _name(attendance.person) if whose != by.id else None,
    }


async def delegate(*, by: Person, meeting: int, deputy: int, now: datetime) -> Facts:
    """Decline and name who comes instead; the deputy gets the invitation.

    The deputy is somebody with a seat in the same body, or the seat's standing deputy. Raises DeputyUnknown.
    """
    found, body = await for_reading(by=by, meeting=meeting, now=now)
    choices = {person.id: person for person in await _deputies(by, found, body)}
    if deputy not in choices:
        raise DeputyUnknown
    await answer_as_delegated(by, found, deputy, now)
    async with transaction():
        await Attendance.bulk_create(
            [Attendance(meeting=found, person_id=deputy, deputy_for=by, invited_at=now)], ignore_conflicts=True
        )
        more = {"instead_of": _name(by)}
        await _tell(found, body, [choices[deputy]], "invitation_as_deputy", more, now=now, method="REQUEST")
        await refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(Answer.DELEGATED.value),
        "deputy": _name(choices[deputy]),
        "counts": await _counts(found),
    }


async def answer_as_delegated(by: Person, meeting: Meeting, deputy: int, now: datetime) -> None:
    """Write who comes instead."""
    if meeting.state is not MeetingState.INVITED or meeting.ends_at <= now:
        raise Outdated
    async with transaction():
        written = await Attendance.filter(meeting_id=meeting.id, person_id=by.id).update(
            answer=Answer.DELEGATED, answered_at=now, answered_by_id=by.id, deputy_id=deputy
        )
        if not written:
            access.not_found()


async def deputies(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Who may come instead of this person."""
    found, body = await for_reading(by=by, meeting=meeting, now=now)
    people = await _deputies(by, found, body)
    return {
        "meeting": facts_of(found, body),
        "people": [{"id": person.id, "name": _name(person)} for person in people],
    }


async def _deputies(by: Person, meeting: Meeting, body: Body) -> list[Person]:
    """The standing deputy first, then colleagues of the same organisation who are not invited themselves."""
    own = await Membership.filter(body_id=body.id, person_id=by.id).select_related("deputy")
    standing = [seat.deputy for seat in own if seat.deputy is not None]
    organisations = [seat.organisation_id for seat in own if seat.organisation_id is not None]
    invited = await queries.column(Attendance.filter(meeting_id=meeting.id), "person_id")
    colleagues = (
        await Person.filter(memberships__organisation_id__in=organisations, left_at=None)
        .exclude(id__in=[by.id, *(id_ for id_ in invited if id_ is not None)])
        .distinct()
        .order_by("family_name", "given_name")
        .limit(LISTED)
    )
    return list({person.id: person for person in [*standing, *colleagues]}.values())


async def answers(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Who answered what, who did not, and who was not reached; for those who invite."""
    found, body = await _of(by, meeting, now, permissions.may_invite)
    rows = await Attendance.filter(meeting_id=meeting).select_related("person", "deputy", "organisation")
    told = Notice.filter(about=f"meeting:{meeting}").exclude(person_id=None)
    lost = set(await queries.column(told.filter(state=NoticeState.DEAD), "person_id"))
    unreached = lost - set(await queries.column(told.filter(state=NoticeState.SENT), "person_id"))
    people = sorted(rows, key=_sorting)
    return {
        "meeting": facts_of(found, body),
        "counts": await _counts(found),
        "people": [
            {
                "id": row.person_id,
                "name": _name(row.person, row.guest_name),
                "organisation": Plain(row.organisation.name) if row.organisation else None,
                "answer": Plain(row.answer.value),
                "deputy": _name(row.deputy, row.deputy_name),
                "unreached": row.person_id in unreached,
            }
            for row in people
        ],
    }


def _sorting(row: Attendance) -> tuple[str, str]:
    return names.sort_key(row.person.given_name, row.person.family_name) if row.person else (row.guest_name or "", "")


# --- moving and calling off -----------------------------------------------------------------------------------------


async def move(*, by: Person, meeting: int, starts: datetime, minutes: int | None, now: datetime) -> Facts:
    """Move a meeting; everyone who was invited is told once, and answers begin anew.

    Edits within two minutes become one message and one SEQUENCE step. Raises InThePast, NoSuchTime, UnlikelyDuration, Outdated.
    """
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    if found.state not in MOVABLE or found.starts_at <= now:
        raise Outdated
    plan = Plan(starts=starts, minutes=minutes or found.minutes, format=found.format, place=found.place)
    starts_at = _check(plan, found.zone, now)
    async with transaction():
        told, withdrawn = await _overtake(found)
        was = withdrawn or {"was": found.starts_at, "was_minutes": found.minutes}
        await _change(
            found,
            now,
            starts_local=plan.starts.strftime("%Y-%m-%dT%H:%M"),
            minutes=plan.minutes,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=plan.minutes),
            sequence=found.sequence if withdrawn or not told else found.sequence + 1,
        )
        await audit.record(by, "meeting.moved", f"meeting:{found.id}", now=now)
        if found.state is MeetingState.INVITED:
            await Attendance.filter(meeting_id=found.id).update(answer=Answer.OPEN, answered_at=None)
            people = await _invited(found)
            later = now + SETTLE
            informed = [person for person in people if person.id in told]
            newly = [person for person in people if person.id not in told]
            await _tell(found, body, informed, "moved", was, now=now, method="REQUEST", due_at=later)
            await _tell(found, body, newly, "invitation", {}, now=now, method="REQUEST", due_at=later)
            await refresh_card(found, body, now=now)
            await _touch_feeds(body, access.today(by, now))
    return {"meeting": facts_of(found, body), **was, "told": found.state is MeetingState.INVITED}


async def cancel(*, by: Person, meeting: int, reason: str, now: datetime) -> Facts:
    """Call a meeting off; everyone who had been told of it is told once. Raises Outdated, TooLong."""
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    if found.state not in MOVABLE or found.ends_at <= now:
        raise Outdated
    if len(reason) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    async with transaction():
        told, _ = await _overtake(found)
        await _change(found, now, state=MeetingState.CANCELLED, cancel_reason=reason, sequence=found.sequence + 1)
        await audit.record(by, "meeting.cancelled", f"meeting:{found.id}", now=now)
        people = [person for person in await _invited(found) if person.id in told]
        await _tell(found, body, people, "cancelled", {}, now=now, method="CANCEL")
        await refresh_card(found, body, now=now)
        await _touch_feeds(body, access.today(by, now))
        homeless = await AgendaItem.filter(
            meeting_id=found.id, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
        ).update(meeting_id=None)
    return {"meeting": facts_of(found, body), "told": len(people), "stored_items": homeless}


async def _overtake(meeting: Meeting) -> tuple[set[int], Facts]:
    """Take back what waits to be told of the meeting: who knows of it already, and the old time of a move taken back."""
    withdrawn = await notices.withdraw(f"meeting:{meeting.id}")
    told = await queries.column(Notice.filter(about=f"meeting:{meeting.id}").exclude(person_id=None), "person_id")
    moves = [facts.decode(notice.facts) for notice in withdrawn if notice.template == "moved"]
    return set(told), {key: moves[0][key] for key in ("was", "was_minutes")} if moves else {}


async def _invited(meeting: Meeting) -> list[Person]:
    rows = (
        await Attendance.filter(meeting_id=meeting.id, person__left_at=None)
        .exclude(person_id=None)
        .select_related("person")
    )
    return [row.person for row in rows if row.person is not None]


async def told_at_once(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Do not wait for the settle time: tell the change now."""
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    async with transaction():
        await Notice.filter(about=f"meeting:{meeting}", state=NoticeState.WAITING, due_at__lte=now + SETTLE).update(
            due_at=now
        )
    return {"meeting": facts_of(found, body)}


async def held(*, now: datetime) -> int:
    """What has ended was held; the clock does that."""
    async with transaction():
        return await Meeting.filter(state__in=(MeetingState.INVITED, MeetingState.RUNNING), ends_at__lte=now).update(
            state=MeetingState.HELD
        )
