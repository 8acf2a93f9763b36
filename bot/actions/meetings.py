"""Meetings: schedule, invite, answer, move, call off."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from bot.actions import access, audit, feeds, notices
from bot.actions.notices import Draft
from bot.rules import facts, names, permissions, procedure
from bot.rules.facts import AnswerLink, JoinLink, PersonName, Place, Plain, Text, Title
from bot.rules.quiet import is_rest_day
from bot.rules.refusals import ChangedMeanwhile, Refusal, TooLong
from storage import queries
from storage.db import transaction
from storage.models import AgendaItem, Attendance, Body, GroupChat, Meeting, Membership, Notice, Person
from storage.vocabulary import (
    Answer,
    ItemState,
    MeetingFormat,
    MeetingState,
    Network,
    NoticeKind,
    NoticeState,
)

TITLE_LIMIT = 200
LINK_LIMIT = 500
REASON_LIMIT = 500
LONGEST_MINUTES = 12 * 60
SETTLE = timedelta(minutes=2)
RELEASED = "deputy_released"
URGENT_WITHIN = timedelta(hours=36)
AHEAD = (MeetingState.DRAFT, MeetingState.POLLING, MeetingState.SCHEDULED, MeetingState.INVITED, MeetingState.RUNNING)
MOVABLE = (MeetingState.DRAFT, MeetingState.SCHEDULED, MeetingState.INVITED)
LISTED = 10

Facts = dict[str, Any]
Time = tuple[datetime, int]


class InThePast(Refusal):
    """The meeting would have begun already."""


class NoSuchTime(Refusal):
    """The clocks skip that time, or have it twice, on that night."""


class UnlikelyDuration(Refusal):
    """A meeting lasts between five minutes and twelve hours."""


class ShortNotice(Refusal):
    """The notice period (`days`) is not kept; an invitation needs a reason. `earliest` is the first day that would do."""


class DeputyUnknown(Refusal):
    """That person cannot come instead."""


class EverybodyInvited(Refusal):
    """There is nobody left to invite."""


class MeetingOver(Refusal):
    """The meeting is called off or behind us; `state` says which."""


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
        "linked": meeting.join_link is not None,
        "join_link": JoinLink(meeting.join_link) if meeting.join_link else None,
        "state": Plain(meeting.state.value),
        "cancel_reason": Text(meeting.cancel_reason) if meeting.cancel_reason else None,
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
    for text, limit in ((plan.place, TITLE_LIMIT), (plan.join_link, LINK_LIMIT)):
        if text is not None and len(text) > limit:
            raise TooLong(limit=limit)
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
            title=f"{number}. {where.name}"[:TITLE_LIMIT],
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


async def upcoming(*, by: Person, now: datetime, limit: int = LISTED) -> Facts:
    """The next meetings of the person's bodies, and where they stand in for somebody, with their own answer.

    Drafts are only for those who schedule.
    """
    seats = access.as_seats(await access.memberships(by, now))
    bodies = {seat.body for seat in seats}
    own = {
        attendance.meeting_id: attendance
        for attendance in await Attendance.filter(person_id=by.id, meeting__ends_at__gt=now)
    }
    stands_in = [number for number, attendance in own.items() if attendance.deputy_for_id is not None]
    meetings = (
        await Meeting.filter(Q(body_id__in=[0, *bodies]) | Q(id__in=[0, *stands_in]), ends_at__gt=now, state__in=AHEAD)
        .order_by("starts_at", "id")
        .limit(limit)
        .select_related("body")
    )
    return {
        "meetings": [
            {
                **facts_of(meeting, meeting.body),
                "answer": _answer(own[meeting.id].answer if meeting.id in own else None),
            }
            for meeting in meetings
            if meeting.state is not MeetingState.DRAFT or permissions.may_schedule(seats, meeting.body_id)
        ],
        "may_schedule": any(permissions.may_schedule(seats, body) for body in bodies),
    }


async def of_group(*, by: Person, network: Network, chat_id: int, now: datetime) -> Facts:
    """The next meeting of the body whose group this is, as all its members may see it. Raises NotFoundHere, NotAMember."""
    group = await GroupChat.get_or_none(network=network, chat_id=chat_id)
    if group is None or group.body_id is None:
        access.not_found()
    body = await access.body(by, group.body_id, now, permissions.may_see)
    following = Meeting.filter(
        body_id=body.id, ends_at__gt=now, state__in=(MeetingState.SCHEDULED, MeetingState.INVITED, MeetingState.RUNNING)
    )
    meeting = await following.order_by("starts_at", "id").first()
    return {
        "level": body.level,
        "body": Title(body.name),
        "meeting": facts_of(meeting, body) if meeting else None,
        "counts": await _counts(meeting) if meeting else None,
    }


def _answer(answer: Answer | None) -> Plain | None:
    return Plain(answer.value) if answer is not None else None


async def _of(by: Person, meeting: int, now: datetime, may: access.Right) -> tuple[Meeting, Body]:
    """The meeting, when the person may do that with it. Raises NotFoundHere, NotAMember, NotAllowed."""
    found = await Meeting.get_or_none(id=meeting)
    if found is None:
        access.not_found()
    return found, await access.body(by, found.body_id, now, may)


async def for_reading(*, by: Person, meeting: int, now: datetime) -> tuple[Meeting, Body]:
    """The meeting, for somebody with a seat in its body today, or named as a deputy for it. Raises NotFoundHere."""
    found = await Meeting.get_or_none(id=meeting).select_related("body")
    if found is None:
        access.not_found()
    seats = access.as_seats(await access.memberships(by, now))
    if not permissions.may_see(seats, found.body_id) and not await _stands_in(by, meeting):
        access.not_found()
    return found, found.body


async def _stands_in(person: Person, meeting: int) -> bool:
    """Whether somebody named the person as their deputy for it."""
    return await Attendance.exists(meeting_id=meeting, person_id=person.id, deputy_for_id__not_isnull=True)


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
        "may_submit": permissions.may_submit(seats, body.id),
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
    """Whether the body's notice period would be kept by an invitation now, and who would get it. Raises EverybodyInvited."""
    found, body = await _of(by, meeting, now, permissions.may_invite)
    days = _missing_notice(found, body, land, now) if found.state is MeetingState.SCHEDULED else None
    people = await _newcomers(found, body, access.today(by, now))
    if found.state is MeetingState.INVITED and not people:
        raise EverybodyInvited
    return {"meeting": facts_of(found, body), "short": days is not None, "days": days, "people": len(people)}


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
        raise MeetingOver(state=Plain(found.state.value))
    if found.state is MeetingState.SCHEDULED:
        days = _missing_notice(found, body, land, now)
        if days is not None and not reason:
            raise ShortNotice(days=days, code=Plain(body.code), id=found.id)
    if reason is not None and len(reason) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    newcomers = await _newcomers(found, body, access.today(by, now))
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


async def _newcomers(meeting: Meeting, body: Body, day: date) -> list[Membership]:
    """The seats whose people have not been invited yet, one for each person."""
    invited = set(await queries.column(Attendance.filter(meeting_id=meeting.id), "person_id"))
    seats = {seat.person_id: seat for seat in await queries.seats_in(body.id, day)}
    return [seat for person, seat in seats.items() if person not in invited]


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
    known_to: Person | None = None,
    seated: bool = True,
) -> None:
    """Tell each person once, by chat and by calendar mail; the key carries the calendar's SEQUENCE and the invitation.

    `known_to` did it, and gets the calendar mail only. Who is not `seated` is told although they have no place there.
    """
    attendances = dict(await Attendance.filter(meeting_id=meeting.id).values_list("person_id", "id"))
    calendar = calendar_facts(meeting, body.code)
    if method == "CANCEL":
        calendar["status"] = Plain("cancelled")
    told = {"meeting": facts_of(meeting, body), **more}
    expected = min(meeting.starts_at, told["meeting"]["starts"], told.get("was", meeting.starts_at))
    soon = expected - now <= URGENT_WITHIN
    drafts = []
    for person in people:
        key = f"meeting:{meeting.id}:{meeting.sequence}:{template}:{person.id}:{attendances.get(person.id)}"
        shared: dict[str, Any] = {
            "person": person.id,
            "body": body.id if seated else None,
            "about": f"meeting:{meeting.id}",
            "due_at": due_at or now,
        }
        if known_to is None or person.id != known_to.id:
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
                key=f"card:meeting:{meeting.id}:{group.id}",
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

    The last answer counts; a deputy who is not needed any more is told. Raises NotFoundHere for who is not invited,
    MeetingOver when the meeting is over or called off.
    """
    found, body, attendance = await _attendance(by, meeting, person, now)
    _check_answerable(found, now)
    async with transaction():
        if attendance.deputy_id is not None:
            await _release(found, body, attendance, now)
        attendance.answer, attendance.answered_at, attendance.answered_by_id = answer, now, by.id
        attendance.deputy_id, attendance.deputy_name = None, None
        await attendance.save(update_fields=["answer", "answered_at", "answered_by_id", "deputy_id", "deputy_name"])
        await refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(answer.value),
        "counts": await _counts(found),
        "for_whom": _name(attendance.person) if attendance.person_id != by.id else None,
    }


async def _attendance(by: Person, meeting: int, person: int | None, now: datetime) -> tuple[Meeting, Body, Attendance]:
    """One's own invitation, or, for those who invite, that of somebody who phoned. Raises NotFoundHere, NotAllowed."""
    if person is None or person == by.id:
        found, body = await for_reading(by=by, meeting=meeting, now=now)
    else:
        found, body = await _of(by, meeting, now, permissions.may_invite)
    attendance = await Attendance.get_or_none(meeting_id=meeting, person_id=person or by.id).select_related("person")
    if attendance is None:
        access.not_found()
    return found, body, attendance


def _check_answerable(meeting: Meeting, now: datetime) -> None:
    if meeting.state is not MeetingState.INVITED or meeting.ends_at <= now:
        raise MeetingOver(state=Plain(meeting.state.value))


async def _release(meeting: Meeting, body: Body, attendance: Attendance, now: datetime) -> None:
    """Tell the deputy, unless they sit there themselves, that they need not come."""
    instead = await Attendance.get_or_none(
        meeting_id=meeting.id, person_id=attendance.deputy_id, deputy_for_id=attendance.person_id
    ).select_related("person")
    if instead is not None and instead.person is not None:
        await _change(meeting, now, sequence=meeting.sequence + 1)  # a CANCEL always is a step (RFC 5546, 2.1.4)
        await _tell(meeting, body, [instead.person], RELEASED, {}, now=now, method="CANCEL", seated=False)
        await instead.delete()


async def delegate(*, by: Person, meeting: int, deputy: int, now: datetime, person: int | None = None) -> Facts:
    """Decline and name who comes instead; the deputy gets the invitation. For somebody who phoned: `person`.

    The deputy is the seat's standing deputy or somebody of the same organisation. Raises NotFoundHere, DeputyUnknown,
    MeetingOver.
    """
    found, body, own = await _attendance(by, meeting, person, now)
    _check_answerable(found, now)
    represented = own.person or by
    choices = {choice.id: choice for choice in await _deputies(represented, own, body, now)}
    if deputy not in choices:
        raise DeputyUnknown
    async with transaction():
        if own.deputy_id is not None and own.deputy_id != deputy:
            await _release(found, body, own, now)
        own.answer, own.answered_at, own.answered_by_id, own.deputy_id = Answer.DELEGATED, now, by.id, deputy
        await own.save(update_fields=["answer", "answered_at", "answered_by_id", "deputy_id"])
        await Attendance.bulk_create(
            [
                Attendance(
                    meeting=found,
                    person_id=deputy,
                    organisation_id=own.organisation_id,
                    deputy_for=represented,
                    invited_at=now,
                )
            ],
            ignore_conflicts=True,
        )
        more = {"instead_of": _name(represented)}
        await _tell(found, body, [choices[deputy]], "invitation_as_deputy", more, now=now, method="REQUEST")
        await refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(Answer.DELEGATED.value),
        "deputy": _name(choices[deputy]),
        "counts": await _counts(found),
        "for_whom": _name(represented) if represented.id != by.id else None,
    }


async def deputies(*, by: Person, meeting: int, now: datetime, person: int | None = None) -> Facts:
    """Who may come instead of this person, or of one who phoned (`person`)."""
    found, body, own = await _attendance(by, meeting, person, now)
    return {
        "meeting": facts_of(found, body),
        "people": [
            {"id": choice.id, "name": _name(choice)} for choice in await _deputies(own.person or by, own, body, now)
        ],
        "for_whom": _name(own.person) if own.person_id != by.id else None,
    }


async def _deputies(represented: Person, attendance: Attendance, body: Body, now: datetime) -> list[Person]:
    """The standing deputy first, then colleagues of the same organisation who are not invited themselves."""
    day = access.today(represented, now)
    held = [seat for seat in await queries.seats_of(represented.id, day) if seat.body_id == body.id]
    standing = Person.filter(id__in=[0, *(seat.deputy_id for seat in held if seat.deputy_id)], left_at=None)
    invited = await queries.column(Attendance.filter(meeting_id=attendance.meeting_id), "person_id")
    colleagues = (
        Person.filter(
            Q(memberships__ends_on=None) | Q(memberships__ends_on__gte=day),
            memberships__begins_on__lte=day,
            memberships__organisation_id__in=[0, *(seat.organisation_id for seat in held if seat.organisation_id)],
            left_at=None,
        )
        .exclude(id__in=[0, *(id_ for id_ in invited if id_ is not None and id_ != attendance.deputy_id)])
        .distinct()
        .order_by("family_name", "given_name")
        .limit(LISTED)
    )
    return list({choice.id: choice for choice in [*await standing, *await colleagues]}.values())


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
        "newcomers": len(await _newcomers(found, body, access.today(by, now))),
        "may_answer": found.state is MeetingState.INVITED and found.ends_at > now,
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
    if row.person is None:
        return names.sort_key("", row.guest_name or "")
    return names.sort_key(row.person.given_name, row.person.family_name)


# --- moving and calling off -----------------------------------------------------------------------------------------


async def changeable(*, by: Person, meeting: int, now: datetime) -> Facts:
    """A meeting that this person may move or call off. Raises NotFoundHere, NotAllowed, MeetingOver."""
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    if found.state not in MOVABLE or found.ends_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    return {"meeting": facts_of(found, body)}


async def move(*, by: Person, meeting: int, starts: datetime, minutes: int | None, now: datetime) -> Facts:
    """Move a meeting; everyone who was invited is told once, and answers begin anew.

    Edits within two minutes become one message and one SEQUENCE step. Raises InThePast, NoSuchTime, UnlikelyDuration,
    MeetingOver.
    """
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    if found.state not in MOVABLE or found.starts_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    plan = Plan(starts=starts, minutes=minutes or found.minutes, format=found.format, place=found.place)
    starts_at = _check(plan, found.zone, now)
    present = (found.starts_at, found.minutes)
    planned = (starts_at, plan.minutes)
    if planned == present:
        return {"meeting": facts_of(found, body), "was": found.starts_at, "was_minutes": found.minutes, "told": False}
    async with transaction():
        known = await _overtake(found)
        await _change(
            found,
            now,
            starts_local=plan.starts.strftime("%Y-%m-%dT%H:%M"),
            minutes=plan.minutes,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=plan.minutes),
            sequence=found.sequence + 1 if known.latest else found.sequence,
        )
        await audit.record(by, "meeting.moved", f"meeting:{found.id}", now=now)
        if found.state is MeetingState.INVITED:
            await Attendance.filter(meeting_id=found.id).update(answer=Answer.OPEN, answered_at=None)
            people = await _invited(found, access.today(by, now))
            later = now + SETTLE
            for was, informed in known.by_time(people, present).items():
                template, more = ("moved", _was(was)) if was not in (None, planned) else ("invitation", {})
                await _tell(found, body, informed, template, more, now=now, method="REQUEST", due_at=later)
            await refresh_card(found, body, now=now)
        await _touch_feeds(body, access.today(by, now))
    was = next(iter(known.times.values()), present)
    return {"meeting": facts_of(found, body), **_was(was), "told": found.state is MeetingState.INVITED}


def _was(time: Time) -> Facts:
    return {"was": time[0], "was_minutes": time[1]}


async def cancel(*, by: Person, meeting: int, reason: str, now: datetime) -> Facts:
    """Call a meeting off; everyone who had been told of it is told once. Raises MeetingOver, TooLong."""
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    if found.state not in MOVABLE or found.ends_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    if len(reason) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    async with transaction():
        known = await _overtake(found)
        present = (found.starts_at, found.minutes)
        await _change(found, now, state=MeetingState.CANCELLED, cancel_reason=reason, sequence=found.sequence + 1)
        await audit.record(by, "meeting.cancelled", f"meeting:{found.id}", now=now)
        people = [person for person in await _invited(found, access.today(by, now)) if person.id in known.told]
        for time, informed in known.by_time(people, present).items():
            starts, minutes = time or present
            expected = {"meeting": {**facts_of(found, body), "starts": starts, "minutes": minutes}}
            await _tell(found, body, informed, "cancelled", expected, now=now, method="CANCEL", known_to=by)
        await refresh_card(found, body, now=now)
        await _touch_feeds(body, access.today(by, now))
        homeless = await AgendaItem.filter(
            meeting_id=found.id, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
        ).update(meeting_id=None)
    return {
        "meeting": facts_of(found, body),
        "told": len({person.id for person in people} - {by.id}),
        "stored_items": homeless,
    }


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What people know of a meeting, once what was still to be told of it has been taken back.

    `told` have heard of it, `latest` of its present SEQUENCE. `times` has the time that somebody knows who has not yet heard
    of a move.
    """

    told: frozenset[int]
    latest: frozenset[int]
    times: Mapping[int, Time]

    def by_time(self, people: Sequence[Person], present: Time) -> dict[Time | None, list[Person]]:
        """The people by the time for which they expect the meeting; None for those who have not heard of it."""
        groups: dict[Time | None, list[Person]] = {}
        for person in people:
            time = self.times.get(person.id, present) if person.id in self.told else None
            groups.setdefault(time, []).append(person)
        return groups


async def _overtake(meeting: Meeting) -> _Known:
    """Take back what waits to be told of the meeting."""
    withdrawn = await notices.withdraw(f"meeting:{meeting.id}", except_for=[RELEASED])
    left = Notice.filter(about=f"meeting:{meeting.id}").exclude(person_id=None)
    told = frozenset(await queries.column(left, "person_id"))
    latest = frozenset(
        await queries.column(left.filter(key__startswith=f"meeting:{meeting.id}:{meeting.sequence}:"), "person_id")
    )
    moves = {notice.person_id: facts.decode(notice.facts) for notice in withdrawn if notice.template == "moved"}
    times = {
        person: (move["was"], move["was_minutes"])
        for person, move in moves.items()
        if person is not None and person not in latest
    }
    return _Known(told=told, latest=latest, times=times)


async def _invited(meeting: Meeting, day: date) -> list[Person]:
    """Who was invited and still has a seat there, or stands in for somebody."""
    seated = {seat.person_id for seat in await queries.seats_in(meeting.body_id, day)}
    rows = await Attendance.filter(meeting_id=meeting.id, person__left_at=None).select_related("person")
    return [
        row.person
        for row in rows
        if row.person is not None and (row.deputy_for_id is not None or row.person_id in seated)
    ]


async def told_at_once(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Do not wait for the settle time: tell the change now."""
    found, body = await _of(by, meeting, now, permissions.may_schedule)
    async with transaction():
        waiting = Notice.filter(about=f"meeting:{meeting}", state=NoticeState.WAITING, due_at__lte=now + SETTLE)
        told = await waiting.exclude(kind=NoticeKind.CARD).update(due_at=now)
    return {"meeting": facts_of(found, body), "told": told > 0}


async def held(*, now: datetime) -> int:
    """What has ended was held; the clock does that."""
    async with transaction():
        return await Meeting.filter(state__in=(MeetingState.INVITED, MeetingState.RUNNING), ends_at__lte=now).update(
            state=MeetingState.HELD
        )
