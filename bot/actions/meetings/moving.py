"""Meetings are moved to another time or place, or called off: everyone who was told is told once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from bot.actions import access, audit, looks, notices, texts
from bot.actions.meetings import meetings, placing
from bot.actions.meetings.arrangements import Arrangement, check_seen
from bot.actions.meetings.invitations import REASON_LIMIT
from bot.actions.meetings.meetings import SETTLE, MeetingOver, Plan, facts_of
from bot.actions.meetings.telling import RELEASED, forget_entered, tell
from bot.rules import facts, keys, permissions
from bot.rules.facts import Facts, Plain
from bot.rules.refusals import ReasonMissing
from storage import queries
from storage.db import transaction
from storage.models import Attendance, Body, Meeting, Notice, Person
from storage.vocabulary import Answer, MeetingFormat, MeetingState, NoticeKind, NoticeState

LEFT_TO_THE_WEB_CHAT = "level"  # what post says of a notice whose words only the web chat may carry
MOVABLE = (MeetingState.DRAFT, MeetingState.SCHEDULED, MeetingState.INVITED)

Rearranged = Literal["moved", "relocated"]  # also what the columns of their authors are called


async def changeable(*, by: Person, meeting: int, now: datetime) -> Facts:
    """A meeting that this person may change or call off. Raises NotFoundHere, NotAllowed, MeetingOver."""
    found, body = await meetings.permitted(by, meeting, now, permissions.may_move)
    if found.state not in MOVABLE or found.ends_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    return {"meeting": facts_of(found, body), "body_id": body.id}


async def move(
    *, by: Person, meeting: int, starts: datetime, minutes: int | None, now: datetime, seen: str | None = None
) -> Facts:
    """Move a meeting to another time; everyone who was invited is told once, and answers begin anew.

    `starts` is wall time in the zone of the one who moves, `seen` the mark of what the form showed. Edits within two minutes
    become one message and one SEQUENCE step. Raises InThePast, NoSuchTime, UnlikelyDuration, MeetingOver, ChangedMeanwhile.
    """
    found, body = await _before(by, meeting, now, seen)
    plan = Plan(
        starts=starts,
        minutes=minutes or found.minutes,
        format=found.format,
        place=found.place,
        join_link=found.join_link,
    )
    return await _rearrange(by, found, body, plan, what="moved", now=now)


async def relocate(
    *,
    by: Person,
    meeting: int,
    form: MeetingFormat,
    place: str | None,
    join_link: str | None,
    now: datetime,
    seen: str | None = None,
    kept: bool = False,
) -> Facts:
    """Give a meeting another form, place or join link; everyone who was invited is told once, and answers stay.

    Edits within two minutes become one message and one SEQUENCE step, with those of the time. `seen` is the mark of what the
    form showed. Raises MeetingOver, TooLong, LooksLikeACase, ChangedMeanwhile.
    """
    found, body = await _before(by, meeting, now, seen)
    starts = found.starts_at.astimezone(ZoneInfo(by.zone)).replace(tzinfo=None)
    plan = Plan(starts=starts, minutes=found.minutes, format=form, place=place, join_link=join_link, kept=kept)
    return await _rearrange(by, found, body, plan, what="relocated", now=now)


async def _before(by: Person, meeting: int, now: datetime, seen: str | None) -> tuple[Meeting, Body]:
    """A meeting that has not begun, as it was seen. Raises NotFoundHere, NotAllowed, MeetingOver, ChangedMeanwhile."""
    found, body = await meetings.permitted(by, meeting, now, permissions.may_move)
    if found.state not in MOVABLE or found.starts_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    check_seen(found, seen)
    return found, body


async def _rearrange(by: Person, meeting: Meeting, body: Body, plan: Plan, *, what: Rearranged, now: datetime) -> Facts:
    before = Arrangement.of(meeting)
    usual = (meeting.place, meeting.join_link, body.place, body.join_link)
    columns = meetings.columns(plan, meetings.check(plan, by.zone, now, known=usual), meeting.zone)
    same_names = {name: columns[name] for name in ("minutes", "format", "place", "join_link")}
    planned = Arrangement(starts=columns["starts_at"], **same_names)
    if planned == before:
        return {"meeting": facts_of(meeting, body), **_was(before, planned), "told": False}
    told = False
    async with transaction():
        known = await _overtake(meeting)
        sequence = meeting.sequence + 1 if known.used else meeting.sequence
        author = {f"{what}_by_id": by.id}
        await meetings.write(meeting, now, sequence=sequence, **author, **columns)
        await audit.record(by, f"meeting.{what}", f"meeting:{meeting.id}", now=now)
        if meeting.state is MeetingState.INVITED:
            told = await _tell(meeting, body, known, before, day=access.today(by, now), now=now)
        await meetings.touch_feeds(body, access.today(by, now))
        if before.changes(planned)["time"]:
            await looks.soon(*looks.COMMITMENTS)
            await placing.moved(meeting, body, by, now, was=before.starts)
    return {"meeting": facts_of(meeting, body), **_was(known.began or before, planned), "told": told}


async def _tell(
    meeting: Meeting, body: Body, known: "_Known", before: Arrangement, *, day: date, now: datetime
) -> bool:
    """Tell everybody what is new to them; whether it is to anybody. Answers begin anew with another time, not another place."""
    planned = Arrangement.of(meeting)
    anew = known.anew or before.changes(planned)["time"]
    if anew:
        await Attendance.filter(meeting_id=meeting.id).update(answer=Answer.OPEN, answered_at=None)
        await forget_entered(meeting)
    people = await _invited(meeting, day)
    groups = known.by_arrangement(people, before)
    if not anew:
        groups.pop(planned, None)
    for was, informed in groups.items():
        template, more = _news(was, planned, anew=anew)
        await tell(meeting, body, informed, template, more, now=now, method="REQUEST", due_at=now + SETTLE)
    await meetings.refresh_card(meeting, body, now=now)
    return bool(groups)


def _news(was: Arrangement | None, planned: Arrangement, *, anew: bool) -> tuple[str, Facts]:
    """Template and facts for those who know it as it was; None have not heard of the meeting."""
    if was is None:
        return "meetings/invitation", {}
    if was == planned:  # moved there and back
        return "meetings/invitation", {"anew": True}
    return "meetings/moved", {**_was(was, planned), "anew": anew or was.changes(planned)["time"]}


def _was(was: Arrangement, new: Arrangement) -> Facts:
    return {"was": was.facts(), "changed": was.changes(new)}


async def cancel(
    *, by: Person, meeting: int, reason: str, now: datetime, seen: str | None = None, kept: bool = False
) -> Facts:
    """Call a meeting off; everyone who had been told of it is told once, and so are those whose items were on its agenda.

    `seen` is the mark of what the form showed. Raises MeetingOver, ReasonMissing, TooLong, LooksLikeACase, ChangedMeanwhile.
    """
    found, body = await meetings.permitted(by, meeting, now, permissions.may_cancel)
    if found.state not in MOVABLE or found.ends_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    check_seen(found, seen)
    reason = texts.checked(reason, limit=REASON_LIMIT, kept=kept)
    if not reason:
        raise ReasonMissing
    async with transaction():
        known = await _overtake(found)
        present = Arrangement.of(found)
        await meetings.write(
            found, now, state=MeetingState.CANCELLED, cancel_reason=reason, sequence=found.sequence + 1
        )
        await audit.record(by, "meeting.cancelled", f"meeting:{found.id}", now=now)
        await forget_entered(found)
        people = [person for person in await _invited(found, access.today(by, now)) if person.id in known.told]
        for arrangement, informed in known.by_arrangement(people, present).items():
            expected = {"meeting": {**facts_of(found, body), **(arrangement or present).facts()}}
            await tell(found, body, informed, "meetings/cancelled", expected, now=now, method="CANCEL", known_to=by)
        await meetings.refresh_card(found, body, now=now)
        await meetings.touch_feeds(body, access.today(by, now))
        await looks.soon(*looks.COMMITMENTS)
        as_known = {person: arrangement.facts() for person, arrangement in known.outdated.items()}
        items = await placing.called_off(found, body, by, now, as_known=as_known)
    return {
        "meeting": facts_of(found, body),
        "told": len({person.id for person in people} - {by.id}),
        "was_invited": found.invited_at is not None,
        **items,
    }


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What people know of a meeting, once what was still to be told of it has been taken back.

    `told` have heard of it, if only by looking: whoever has answered has. `outdated` has the arrangement that somebody knows who has not heard of a change, or not yet;
    `began` is the arrangement before the changes that nobody has been told yet. `anew` says that answers given before are gone,
    and that not everybody has heard so. `used` says that there are keys of the present SEQUENCE: under them nothing can be told
    any more, not even to those whom it did not reach.
    """

    told: frozenset[int]
    outdated: Mapping[int, Arrangement]
    began: Arrangement | None
    anew: bool
    used: bool

    def by_arrangement(self, people: Sequence[Person], present: Arrangement) -> dict[Arrangement | None, list[Person]]:
        """The people by the arrangement that they know; None for those who have not heard of the meeting."""
        groups: dict[Arrangement | None, list[Person]] = {}
        for person in people:
            known = self.outdated.get(person.id, present) if person.id in self.told else None
            groups.setdefault(known, []).append(person)
        return groups


async def _overtake(meeting: Meeting) -> _Known:
    """Take back what waits to be told of the meeting."""
    answered = await queries.column(Attendance.filter(meeting_id=meeting.id).exclude(answer=Answer.OPEN), "person_id")
    about, step = f"meeting:{meeting.id}", keys.of_step(meeting.id, meeting.sequence)
    withdrawn = await notices.withdraw(about, except_for=[RELEASED])
    left = Notice.filter(about=about).exclude(person_id=None).exclude(kind=NoticeKind.CARD).order_by("id")
    rows = await left.only("id", "key", "state", "error", "person_id", "template")
    heard = [notice for notice in rows if _may_have_come(notice)]
    latest = {notice.person_id for notice in heard if notice.key.startswith(step)}
    untold = [notice for notice in withdrawn if notice.template == "meetings/moved" and notice.person_id not in latest]
    outdated = {
        notice.person_id: Arrangement.told(was)
        for notice in [*untold, *await _missed(rows, heard)]
        if notice.person_id is not None and (was := facts.decode(notice.facts).get("was"))
    }
    return _Known(
        told=frozenset({*answered, *(notice.person_id for notice in [*heard, *untold])} - {None}),
        outdated=outdated,
        began=next((outdated[notice.person_id] for notice in untold if notice.person_id is not None), None),
        anew=any(facts.decode(notice.facts).get("anew") for notice in withdrawn),
        used=any(notice.key.startswith(step) for notice in rows),
    )


def _may_have_come(notice: Notice) -> bool:
    if notice.state is NoticeState.DROPPED:
        return notice.error == LEFT_TO_THE_WEB_CHAT
    return notice.state in {NoticeState.SENDING, NoticeState.SENT, NoticeState.UNCERTAIN}


async def _missed(rows: Sequence[Notice], heard: Sequence[Notice]) -> Sequence[Notice]:
    """The changes, the eldest last, that came to somebody in no form, and after which they heard nothing more."""
    last = {notice.person_id: notice.id for notice in heard}
    came = {keys.of_message(notice.key) for notice in heard}
    missed = [
        notice.id
        for notice in rows
        if notice.template == "meetings/moved" and notice.id > last.get(notice.person_id, 0)
        if keys.of_message(notice.key) not in came
    ]
    return await Notice.filter(id__in=[0, *missed]).order_by("-id")


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
    found, body = await meetings.permitted(by, meeting, now, permissions.may_move)
    async with transaction():
        waiting = Notice.filter(about=f"meeting:{meeting}", state=NoticeState.WAITING, due_at__lte=now + SETTLE)
        told = await waiting.exclude(kind=NoticeKind.CARD).update(due_at=now)
    return {"meeting": facts_of(found, body), "told": told > 0}
