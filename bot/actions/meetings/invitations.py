"""Invitations to meetings: send, answer, name a deputy; who answered, who did not, and who was not reached."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from bot.actions import access, audit, feeds, texts
from bot.actions.meetings import meetings, reaching
from bot.actions.meetings.arrangements import check_seen
from bot.actions.meetings.meetings import AHEAD, MeetingOver, facts_of, named
from bot.actions.meetings.telling import RELEASED, forget_entered, step_past_cancel, tell, tell_entered
from bot.rules import names, permissions, procedure
from bot.rules.facts import Facts, Plain
from bot.rules.quiet import is_rest_day
from bot.rules.reach import Mark
from bot.rules.refusals import Refusal
from storage import queries
from storage.db import transaction
from storage.models import Attendance, Body, Meeting, Membership, Person
from storage.rows import change
from storage.vocabulary import ZONES_LIKE_BERLIN, Answer, MeetingState

REASON_LIMIT = 500


class ShortNotice(Refusal):
    """The notice period (`days`) is not kept; an invitation needs a reason. `earliest` is the first day that would do."""


class DeputyUnknown(Refusal):
    """That person cannot come instead."""


class Rescheduled(Refusal):
    """What is answered is another time than the one that `meeting` has now."""


class EverybodyInvited(Refusal):
    """There is nobody left to invite."""


async def notice_check(*, by: Person, meeting: int, land: str, now: datetime, mails: bool = False) -> Facts:
    """Whether the body's notice period would be kept by an invitation now, who would get it, and whom it would not reach.

    `mails` says whether the town has a mail server. Raises EverybodyInvited.
    """
    found, body = await meetings.permitted(by, meeting, now, permissions.may_invite)
    days = _missing_notice(found, body, land, now) if found.state is MeetingState.SCHEDULED else None
    day = access.today(by, now)
    seats = await _newcomers(found, body, day)
    if found.state is MeetingState.INVITED and not seats:
        raise EverybodyInvited
    return {
        "meeting": facts_of(found, body),
        "short": days is not None,
        "days": days,
        "people": len(seats),
        "unreachable": await _unreachable(seats, body, day, mails=mails),
    }


async def _unreachable(seats: Sequence[Membership], body: Body, day: date, *, mails: bool) -> list[Facts]:
    """Whom no message would reach, by name; why, is for the administration to see."""
    people = [seat.person for seat in seats if seat.person is not None]
    missing = await reaching.hindrances(people, body, day, mails=mails)
    return [
        {"name": access.name_of(person)}
        for person in sorted(people, key=lambda person: names.sort_key(person.given_name, person.family_name))
        if person.id in missing
    ]


def _missing_notice(meeting: Meeting, body: Body, land: str, now: datetime) -> int | None:
    """The days of the notice period when it is not kept."""
    rules = procedure.from_json(body.rules)
    zone = ZoneInfo(meeting.zone)
    starts = meeting.starts_at.astimezone(zone).date()
    invited = now.astimezone(zone).date()
    days = [invited + timedelta(days=offset) for offset in range((starts - invited).days + 1)]
    rest_days = frozenset(day for day in days if is_rest_day(day, land))
    return None if procedure.notice_kept(rules, invited, starts, rest_days) else rules.notice_days


async def invite(
    *,
    by: Person,
    meeting: int,
    land: str,
    now: datetime,
    reason: str | None = None,
    mailbox: str | None = None,
    mails: bool = False,
    seen: str | None = None,
    kept: bool = False,
) -> Facts:
    """Invite every seat of the body: each person by one chat channel, and by calendar mail where an address is known.

    Inviting again reaches those who came since, and nobody twice. Raises ShortNotice when the notice period is not kept and
    no reason is given; the reason is for the minutes. `mailbox` becomes the organiser of its calendar objects, for good; `mails`
    says whether the town has a mail server. `seen` is the mark of what the form showed; raises ChangedMeanwhile, and
    EverybodyInvited when somebody else was faster; TooLong and LooksLikeACase for the reason.
    """
    found, body = await meetings.permitted(by, meeting, now, permissions.may_invite)
    reason = texts.checked(reason or "", limit=REASON_LIMIT, kept=kept) or None
    newcomers = await _newcomers(found, body, access.today(by, now))
    _check_invitable(found, newcomers, seen, now)
    _check_notice(found, body, reason, land, now)
    async with transaction():
        await meetings.lock(found)
        if found.state is MeetingState.SCHEDULED:
            first = {"invited_at": now, "short_notice_reason": reason, "organizer": found.organizer or mailbox}
            await meetings.write(found, now, state=MeetingState.INVITED, invited_by_id=by.id, **first)
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
        await step_past_cancel(found, [person.id for person in people], now)
        await tell(found, body, people, "meetings/invitation", {}, now=now, method="REQUEST")
        await meetings.refresh_card(found, body, now=now)
        await meetings.touch_feeds(body, access.today(by, now))
        missing = await _unreachable(newcomers, body, access.today(by, now), mails=mails)
    return {
        "meeting": facts_of(found, body),
        "people": len(newcomers),
        "short_notice_reason": bool(reason),
        "in_calendars": found.zone in ZONES_LIKE_BERLIN,  # calendars cannot tell the times of other zones
        "unreachable": missing,
    }


def _check_invitable(meeting: Meeting, newcomers: Sequence[Membership], seen: str | None, now: datetime) -> None:
    """Raises MeetingOver, EverybodyInvited, ChangedMeanwhile."""
    if meeting.state not in (MeetingState.SCHEDULED, MeetingState.INVITED) or meeting.starts_at <= now:
        raise MeetingOver(state=Plain(meeting.state.value))
    if seen is not None and not newcomers and meeting.state is MeetingState.INVITED:
        raise EverybodyInvited
    check_seen(meeting, seen)


def _check_notice(meeting: Meeting, body: Body, reason: str | None, land: str, now: datetime) -> None:
    """Raises ShortNotice."""
    if meeting.state is MeetingState.SCHEDULED and not reason:
        days = _missing_notice(meeting, body, land, now)
        if days is not None:
            raise ShortNotice(days=days, code=Plain(body.code), id=meeting.id)


async def _newcomers(meeting: Meeting, body: Body, day: date) -> list[Membership]:
    """The seats whose people have not been invited yet, one for each person."""
    invited = set(await queries.column(Attendance.filter(meeting_id=meeting.id), "person_id"))
    seats = {seat.person_id: seat for seat in await queries.seats_in(body.id, day)}
    return [seat for person, seat in seats.items() if person not in invited]


# --- answers --------------------------------------------------------------------------------------------------------


async def answer(
    *,
    by: Person,
    meeting: int,
    answer: Answer,
    now: datetime,
    person: int | None = None,
    shown: datetime | None = None,
) -> Facts:
    """Say whether one comes; whoever invites may say it for somebody who phoned (`person`).

    `shown` is the start, in whole minutes, that was seen with the question. The last answer counts; a deputy who is not needed any more is
    told, and so is the one who phoned. Raises NotFoundHere for who is not invited, MeetingOver when the meeting is over or called off, Rescheduled.
    """
    found, body, attendance = await _attendance(by, meeting, person, now)
    _check_answerable(found, body, shown, now)
    async with transaction():
        found, attendance = await _to_change(meeting, person or by.id)
        _check_answerable(found, body, shown, now)
        before = _said(attendance)
        if attendance.deputy_id is not None:
            await _release(found, body, attendance, now)
        said = {"answer": answer, "answered_at": now, "answered_by_id": by.id, "deputy_id": None, "deputy_name": None}
        await change(Attendance, attendance.update_from_dict(said).id, said)
        if _said(attendance) != before:
            await tell_entered(found, body, attendance.person or by, attendance, by=by, now=now)
        counts = await meetings.refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(answer.value),
        "stands_in": attendance.deputy_for_id is not None,
        "counts": counts,
        "for_whom": named(attendance.person) if attendance.person_id != by.id else None,
    }


def _said(attendance: Attendance) -> tuple[Answer, int | None, int | None]:
    """What was answered, and by whom."""
    return attendance.answer, attendance.deputy_id, attendance.answered_by_id


async def _attendance(by: Person, meeting: int, person: int | None, now: datetime) -> tuple[Meeting, Body, Attendance]:
    """One's own invitation, or, for those who invite, that of somebody who phoned. Raises NotFoundHere, NotAllowed."""
    if person is None or person == by.id:
        found, body = await meetings.for_reading(by=by, meeting=meeting, now=now)
    else:
        found, body = await meetings.permitted(by, meeting, now, permissions.may_invite)
    attendance = await queries.attendance(meeting, person or by.id)
    if attendance is None:
        access.not_found()
    return found, body, attendance


async def _to_change(meeting: int, person: int) -> tuple[Meeting, Attendance]:
    """Meeting and invitation as they stand now; nobody else changes them until the transaction ends. Raises NotFoundHere."""
    return await queries.attendance_to_change(meeting, person) or access.not_found()


def _check_answerable(meeting: Meeting, body: Body, shown: datetime | None, now: datetime) -> None:
    """Raises MeetingOver, Rescheduled."""
    if meeting.state is not MeetingState.INVITED or meeting.ends_at <= now:
        raise MeetingOver(state=Plain(meeting.state.value))
    if shown is not None and shown != meeting.starts_at.replace(second=0, microsecond=0):
        raise Rescheduled(meeting=facts_of(meeting, body))


async def _release(meeting: Meeting, body: Body, attendance: Attendance, now: datetime) -> None:
    """Tell the deputy, unless they sit there themselves, that they need not come."""
    instead = await Attendance.get_or_none(
        meeting_id=meeting.id, person_id=attendance.deputy_id, deputy_for_id=attendance.person_id
    ).select_related("person")
    if instead is not None and instead.person is not None:
        await meetings.write(meeting, now, sequence=meeting.sequence + 1)  # a CANCEL always is a step (RFC 5546, 2.1.4)
        await tell(meeting, body, [instead.person], RELEASED, {}, now=now, method="CANCEL", seated=False)
        await forget_entered(meeting, instead.person.id)
        await instead.delete()
        await feeds.touch([instead.person.id])


async def delegate(*, by: Person, meeting: int, deputy: int, now: datetime, person: int | None = None) -> Facts:
    """Decline and name who comes instead; the deputy gets the invitation. For somebody who phoned, who is told: `person`.

    The deputy is the seat's standing deputy or somebody of the same organisation. Raises NotFoundHere, DeputyUnknown,
    MeetingOver.
    """
    found, body, own = await _attendance(by, meeting, person, now)
    _check_answerable(found, body, None, now)
    represented = own.person or by
    chosen = {choice.id: choice for choice in await _deputies(represented, own, body, now)}.get(deputy)
    if chosen is None:
        raise DeputyUnknown
    async with transaction():
        found, own = await _to_change(meeting, represented.id)
        _check_answerable(found, body, None, now)
        if deputy in await _taken(represented, found.id):
            raise DeputyUnknown
        before = _said(own)
        if own.deputy_id is not None and own.deputy_id != deputy:
            await _release(found, body, own, now)
        own.answer, own.answered_at, own.answered_by_id, own.deputy_id = Answer.DELEGATED, now, by.id, deputy
        await own.save(update_fields=["answer", "answered_at", "answered_by_id", "deputy_id"])
        if _said(own) != before:
            await tell_entered(found, body, represented, own, by=by, deputy=chosen, now=now)
        await _appoint(found, own, represented, deputy, now)
        more = {"instead_of": named(represented), "entered_by": named(by) if represented.id != by.id else None}
        await tell(
            found, body, [chosen], "meetings/invitation_as_deputy", more, now=now, method="REQUEST", represented=own
        )
        await feeds.touch([deputy])
        counts = await meetings.refresh_card(found, body, now=now)
    return {
        "meeting": facts_of(found, body),
        "answer": Plain(Answer.DELEGATED.value),
        "stands_in": own.deputy_for_id is not None,
        "deputy": named(chosen),
        "counts": counts,
        "for_whom": named(represented) if represented.id != by.id else None,
    }


async def _appoint(meeting: Meeting, own: Attendance, represented: Person, deputy: int, now: datetime) -> None:
    """Give the deputy a place in the meeting, unless they have one."""
    if await Attendance.exists(meeting_id=meeting.id, person_id=deputy):
        return
    await step_past_cancel(meeting, [deputy], now)
    place = Attendance(
        meeting=meeting,
        person_id=deputy,
        organisation_id=own.organisation_id,
        deputy_for=represented,
        invited_at=now,
    )
    await Attendance.bulk_create([place], ignore_conflicts=True)


async def deputies(*, by: Person, meeting: int, now: datetime, person: int | None = None) -> Facts:
    """Who may come instead of this person, or of one who phoned (`person`)."""
    found, body, own = await _attendance(by, meeting, person, now)
    return {
        "meeting": facts_of(found, body),
        "people": [
            {"id": choice.id, "name": named(choice)} for choice in await _deputies(own.person or by, own, body, now)
        ],
        "for_whom": named(own.person) if own.person_id != by.id else None,
    }


async def _deputies(represented: Person, attendance: Attendance, body: Body, now: datetime) -> list[Person]:
    """The standing deputy first, then colleagues of the same organisation who are not invited themselves.

    Nobody stands in for two: when one of these came after all, the deputy would be released for both.
    """
    day = access.today(represented, now)
    held = [seat for seat in await queries.seats_of(represented.id, day) if seat.body_id == body.id]
    taken = await _taken(represented, attendance.meeting_id)
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
    )
    by_name = sorted(await colleagues, key=lambda choice: names.sort_key(choice.given_name, choice.family_name))
    free = [choice for choice in await standing if choice.id not in taken]
    return list({choice.id: choice for choice in [*free, *by_name]}.values())


async def _taken(represented: Person, meeting: int) -> set[int]:
    """Who stands in for somebody else."""
    others = Attendance.filter(meeting_id=meeting, deputy_for_id__not_isnull=True)
    return set(await queries.column(others.exclude(deputy_for_id=represented.id), "person_id"))


async def answers(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Who answered what, who did not, who may have missed the latest of it, and who got no calendar entry; for those who invite."""
    found, body = await meetings.permitted(by, meeting, now, permissions.may_invite)
    rows = await Attendance.filter(meeting_id=meeting).select_related("person", "deputy", "organisation", "answered_by")
    fates = await reaching.fates(meeting)
    told = {row.id: fates.get(row.person_id or 0) for row in rows}
    released = await reaching.released(fates, rows)
    ahead = found.ends_at > now
    people = sorted(rows, key=_sorting)
    return {
        "meeting": facts_of(found, body),
        "counts": await meetings.counts(found),
        "newcomers": len(await _newcomers(found, body, access.today(by, now))) if found.state in AHEAD else 0,
        "may_answer": found.state is MeetingState.INVITED and ahead,
        "missed": sum(reaching.missed(found, row, told[row.id]) for row in rows) + len(released) if ahead else 0,
        "people": [
            {
                "id": row.person_id,
                "name": named(row.person, row.guest_name),
                "organisation": Plain(row.organisation.name) if row.organisation else None,
                "answer": Plain(row.answer.value),
                "deputy": named(row.deputy, row.deputy_name),
                "entered_by": meetings.entered_by(row),
                **_marks(told[row.id]),
            }
            for row in people
        ],
        "released": [{"name": named(person), **_marks(fates[person.id])} for person in released],
    }


def _marks(fate: reaching.Fate | None) -> dict[str, bool]:
    """What to say of how the latest of it came."""
    marks = {mark.value: fate is not None and fate.mark is mark for mark in Mark}
    return {**marks, "without_file": fate is not None and fate.without_file}


def _sorting(row: Attendance) -> tuple[str, str]:
    if row.person is None:
        return names.sort_key("", row.guest_name or "")
    return names.sort_key(row.person.given_name, row.person.family_name)
