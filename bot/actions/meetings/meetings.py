"""Meetings: schedule and read; what may be told of one, and the group's card of it."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from bot.actions import access, audit, feeds, looks, notices, numbering, texts
from bot.actions.notices import Draft
from bot.rules import permissions, procedure
from bot.rules.facts import Facts, JoinLink, PersonName, Place, Plain, Text, Title
from bot.rules.refusals import ChangedMeanwhile, Refusal
from storage import queries
from storage.db import execute, transaction
from storage.models import AgendaItem, Attendance, Body, GroupChat, Meeting, Person
from storage.vocabulary import Answer, ItemState, MeetingFormat, MeetingState, Network, NoticeKind

TITLE_LIMIT = 200
LINK_LIMIT = 500
LONGEST_MINUTES = 12 * 60
SETTLE = timedelta(minutes=2)  # in which changes become one message
AHEAD = (MeetingState.DRAFT, MeetingState.POLLING, MeetingState.SCHEDULED, MeetingState.INVITED, MeetingState.RUNNING)
SOONEST = 10  # drafts that somebody may not see may stand before the first that they may
CALLED_OFF = "called off"


class InThePast(Refusal):
    """The meeting would have begun already."""


class NoSuchTime(Refusal):
    """The clocks skip that time on that night."""


class UnlikelyDuration(Refusal):
    """A meeting lasts between five minutes and twelve hours."""


class MeetingOver(Refusal):
    """The meeting is called off or behind us; `state` says which."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When and where: `starts` is local wall time without zone, in the zone of the one who plans.

    Where the clocks show that time twice, its `fold` says which is meant, as in Python's datetime. `kept` says that a warning
    about place or link was answered.
    """

    starts: datetime
    minutes: int
    format: MeetingFormat
    place: str | None = None
    join_link: str | None = None
    kept: bool = False


def facts_of(meeting: Meeting, body: Body) -> Facts:
    """What may be told of a meeting."""
    return {
        "id": meeting.id,
        "level": body.level,
        "informal": body.informal,
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
    at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local:
        raise NoSuchTime
    return at


def check(plan: Plan, zone: str, now: datetime, *, known: Collection[str | None]) -> datetime:
    """The moment at which a meeting that can be held begins; of place and link those that are `known` are not asked about.

    Raises InThePast, NoSuchTime, UnlikelyDuration, TooLong, LooksLikeACase.
    """
    if not 5 <= plan.minutes <= LONGEST_MINUTES:  # noqa: PLR2004  # said in the refusal's docstring
        raise UnlikelyDuration
    for text, limit in ((plan.place, TITLE_LIMIT), (plan.join_link, LINK_LIMIT)):
        if text is not None:
            texts.checked(text, limit=limit, kept=plan.kept or text in known, whereabouts=True)
    starts_at = moment(plan.starts, zone)
    if starts_at <= now:
        raise InThePast
    return starts_at


def over(meeting: Meeting, now: datetime) -> bool:
    """Whether it has ended or is called off."""
    return meeting.ends_at <= now or meeting.state not in AHEAD


def fitting(form: MeetingFormat, place: str | None, join_link: str | None) -> tuple[str | None, str | None]:
    """Place and join link as the form has them: online there is no place, in presence no link."""
    online, in_presence = form is MeetingFormat.ONLINE, form is MeetingFormat.PRESENCE
    return None if online else place, None if in_presence else join_link


def columns(plan: Plan, starts_at: datetime, zone: str) -> Facts:
    """A plan as columns of a meeting in that zone; `starts_at` is what `check` gave for it."""
    place, join_link = fitting(plan.format, plan.place, plan.join_link)
    return {
        "starts_local": starts_at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"),
        "minutes": plan.minutes,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=plan.minutes),
        "format": plan.format,
        "place": place,
        "join_link": join_link,
    }


async def schedule(
    *, by: Person, body: int | str, plan: Plan, host: str, now: datetime, zone: str = "Europe/Berlin"
) -> Facts:
    """Put a meeting into the calendar, in the town's `zone`. Nobody is told before the invitation.

    Raises NotAMember, NotAllowed, InThePast, NoSuchTime, UnlikelyDuration, TooLong, LooksLikeACase.
    """
    where = await access.body(by, body, now, permissions.may_schedule)
    starts_at = check(plan, by.zone, now, known=(where.place, where.join_link))

    async def create(number: int) -> Meeting:
        return await Meeting.create(
            **columns(plan, starts_at, zone),
            zone=zone,
            body=where,
            number=number,
            title=f"{number}. {where.name}"[:TITLE_LIMIT],
            state=MeetingState.SCHEDULED,
            uid=f"{uuid.uuid4()}@{host}",
            created_by=by,
            created_at=now,
            changed_at=now,
        )

    async with transaction():
        before = procedure.from_json(where.rules).meetings_before
        meeting = await numbering.following(Meeting.filter(body_id=where.id), create, after=before)
        await audit.record(by, "meeting.scheduled", f"meeting:{meeting.id}", now=now)
        await touch_feeds(where, access.today(by, now))
        await looks.soon(*looks.COMMITMENTS)
    return {"meeting": facts_of(meeting, where)}


async def upcoming(*, by: Person, now: datetime, limit: int | None = None) -> Facts:
    """The next meetings of the person's bodies, and where they stand in for somebody, with their own answer.

    Drafts are only for those who schedule.
    """
    seats = access.as_seats(await access.memberships(by, now))
    bodies = {seat.body for seat in seats}
    own = {
        attendance.meeting_id: attendance
        for attendance in await Attendance.filter(person_id=by.id, meeting__ends_at__gt=now).select_related(
            "deputy_for"
        )
    }
    stands_in = [number for number, attendance in own.items() if attendance.deputy_for_id is not None]
    ahead = (
        Meeting.filter(Q(body_id__in=[0, *bodies]) | Q(id__in=[0, *stands_in]), ends_at__gt=now, state__in=AHEAD)
        .order_by("starts_at", "id")
        .select_related("body")
    )
    return {
        "meetings": [
            {
                **facts_of(meeting, meeting.body),
                **_own_answer(own.get(meeting.id)),
            }
            for meeting in await (ahead if limit is None else ahead.limit(limit))
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
        "counts": await counts(meeting) if meeting else None,
    }


def _own_answer(own: Attendance | None) -> Facts:
    return {
        "answer": Plain(own.answer.value) if own else None,
        "stands_in": own is not None and own.deputy_for_id is not None,
        "instead_of": named(own.deputy_for) if own else None,
    }


async def permitted(by: Person, meeting: int, now: datetime, may: access.Right) -> tuple[Meeting, Body]:
    """The meeting, when the person may do that with it. Raises NotFoundHere, NotAllowed."""
    found = await Meeting.get_or_none(id=meeting)
    if found is None:
        access.not_found()
    return found, await access.body_of_thing(by, found.body_id, now, may)


async def for_reading(*, by: Person, meeting: int, now: datetime) -> tuple[Meeting, Body]:
    """The meeting, for somebody with a seat in its body today, or named as a deputy for it. Raises NotFoundHere."""
    found = await queries.meeting(meeting)
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
    own = await Attendance.get_or_none(meeting_id=meeting, person_id=by.id).select_related(
        "deputy", "deputy_for", "answered_by"
    )
    return {
        "meeting": facts_of(found, body),
        "counts": await counts(found),
        **_own_answer(own),
        "deputy": named(own.deputy, own.deputy_name) if own else None,
        "entered_by": entered_by(own) if own else None,
        "items": await AgendaItem.filter(
            meeting_id=meeting, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
        ).count(),
        "may_manage": permissions.may_schedule(seats, body.id) and found.ends_at > now,
        "may_submit": permissions.may_submit(seats, body.id),
        "over": found.ends_at <= now,
    }


def named(person: Person | None, name: str | None = None) -> PersonName | None:
    """The name of somebody with an account or without, as a fact."""
    if person is not None:
        return access.name_of(person)
    return PersonName(name) if name else None


def entered_by(attendance: Attendance) -> PersonName | None:
    """Who wrote the answer down for somebody who phoned."""
    by_themselves = attendance.answered_by_id in {None, attendance.person_id}
    return None if by_themselves or attendance.answer is Answer.OPEN else named(attendance.answered_by)


async def counts(meeting: Meeting) -> dict[str, int]:
    """How many have answered what."""
    given = await execute(
        "SELECT answer, COUNT(*) AS people FROM attendance WHERE meeting_id = ? GROUP BY answer", [meeting.id]
    )
    counted = {row["answer"]: row["people"] for row in given}
    return {answer.value: counted.get(answer.value, 0) for answer in Answer}


async def write(meeting: Meeting, now: datetime, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read; every message gets a later DTSTAMP (RFC 5545)."""
    stamp = max(now, meeting.stamp + timedelta(seconds=1)) if meeting.stamp else now
    values |= {"version": meeting.version + 1, "changed_at": now, "stamp": stamp.replace(microsecond=0)}
    if not await Meeting.filter(id=meeting.id, version=meeting.version).update(**values):
        raise ChangedMeanwhile
    meeting.update_from_dict(values)


async def lock(meeting: Meeting) -> None:
    """Let nobody else change it until the transaction ends. Raises ChangedMeanwhile when somebody has since it was read."""
    unchanged = Meeting.filter(id=meeting.id, version=meeting.version).select_for_update(no_key=True)
    if await unchanged.first() is None:
        raise ChangedMeanwhile


def calendar_facts(meeting: Meeting, code: str) -> Facts:
    """What a calendar object is made of; `bot.post` adds who sends and who receives it."""
    return {
        "code": Plain(code),
        "uid": Plain(meeting.uid),
        "organizer": Plain(meeting.organizer) if meeting.organizer else None,
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


async def refresh_card(meeting: Meeting, body: Body, *, now: datetime) -> dict[str, int]:
    """The group's one message about a meeting shows its latest state; gives the counts of answers that it shows."""
    counted = await counts(meeting)
    facts = {"meeting": facts_of(meeting, body), "counts": counted}
    for group in await queries.groups_of(body.id):
        await notices.keep_card(
            Draft(
                key=f"card:meeting:{meeting.id}:{group.id}",
                template="meetings/card",
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
    return counted


async def touch_feeds(body: Body, day: date) -> None:
    """Whoever has a seat there, or stands in for somebody, sees the meeting in their feed."""
    seats = await queries.seats_in(body.id, day)
    stand_in = Attendance.filter(meeting__body_id=body.id, deputy_for_id__not_isnull=True)
    readers = [*(seat.person_id for seat in seats), *await queries.column(stand_in, "person_id")]
    await feeds.touch({person for person in readers if person is not None})


async def keep_organizer(*, mailbox: str) -> None:
    """Meetings that were invited to before their organiser was stored have the town's mailbox from now on."""
    async with transaction():
        await Meeting.filter(organizer=None, invited_at__not_isnull=True).update(organizer=mailbox)


async def held(*, now: datetime) -> int:
    """What has ended was held, and needs no address any more to take it out of a calendar; the clock does that."""
    ended = Meeting.filter(state__in=(MeetingState.INVITED, MeetingState.RUNNING), ends_at__lte=now)
    numbers = await queries.column(ended, "id")
    if not numbers:
        return 0
    async with transaction():
        over = await ended.filter(id__in=numbers).update(state=MeetingState.HELD)
        await _forget_addresses(Meeting.filter(id__in=numbers, state=MeetingState.HELD))
    return over


async def called_off_over(*, now: datetime) -> None:
    """The same for what was called off, once a day: nobody takes it out of a calendar any more."""
    look = await looks.due(CALLED_OFF, now=now)
    if look is None:
        return
    called_off = Meeting.filter(state=MeetingState.CANCELLED, ends_at__lte=now)
    async with transaction():
        await _forget_addresses(called_off.filter(ends_at__gt=look.since) if look.since else called_off)
        await looks.done(look, now=now, again=looks.next_day(now))


async def _forget_addresses(meetings: QuerySet[Meeting]) -> None:
    numbers = await queries.column(meetings, "id")
    await Attendance.filter(meeting_id__in=[0, *numbers], mailed_to__not_isnull=True).update(mailed_to=None)
