"""How people leave: a lead ends a seat, or the calendar does; who has left a body is taken off its meetings.

With the last seat that a lead ends the person leaves the town, and all their ways in end.
"""

from datetime import date, datetime, timedelta
from functools import partial

from tortoise.expressions import F, Q

from bot.actions import access, audit, feeds, looks, notices
from bot.actions.accounts import sessions
from bot.actions.meetings import meetings
from bot.actions.meetings.telling import LOST, RELEASED, forget_entered, tell
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules import keys, names, permissions
from bot.rules.facts import Facts, Plain, Text, Title
from bot.rules.followup import OPEN
from bot.rules.refusals import NotAllowed
from storage import queries
from storage.db import execute, transaction, unit_of_work
from storage.models import (
    AgendaItem,
    Attendance,
    Body,
    Channel,
    Commitment,
    CommitmentParty,
    Membership,
    Notice,
    Person,
)
from storage.vocabulary import (
    ChannelState,
    CommitmentState,
    ItemState,
    MeetingState,
    NoticeKind,
    NoticeState,
    Side,
)

SEATS_OVER = "seats over"
_WITHOUT_SEAT = """
SELECT DISTINCT t.body_id, a.person_id
FROM meeting t JOIN attendance a ON a.meeting_id = t.id JOIN person p ON p.id = a.person_id
WHERE t.state = 'invited' AND t.starts_at > ? AND a.deputy_for_id IS NULL AND p.left_at IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM membership m
    WHERE m.body_id = t.body_id AND m.person_id = a.person_id AND m.begins_on <= ? AND (m.ends_on IS NULL OR m.ends_on >= ?)
  )
ORDER BY t.body_id, a.person_id
"""
NEVER_ARRIVED = (NoticeState.WAITING, NoticeState.DEAD, NoticeState.DROPPED)


async def seats(*, by: Person, body: int, now: datetime) -> Facts:
    """The seats of the others in a body, for whoever may end them, and who of them cannot be reached.

    Raises NotAllowed, NotAMember.
    """
    found = await access.body(by, body, now, permissions.may_keep_seats)
    others = [seat for seat in await queries.seats_in(body, access.today(by, now)) if seat.person_id != by.id]
    held = sorted(others, key=_by_name)
    working = Channel.filter(person_id__in=[0, *(seat.person_id or 0 for seat in held)], state=ChannelState.ACTIVE)
    reached = set(await queries.column(working, "person_id"))
    return {
        "body": _body(found),
        "seats": [
            {
                "id": seat.id,
                "person": seat.person.id,
                "name": access.name_of(seat.person),
                "role": Plain(seat.role.value),
                "reachable": seat.person.id in reached or seat.person.mail is not None,
            }
            for seat in held
            if seat.person is not None
        ],
    }


def _by_name(seat: Membership) -> tuple[str, str]:
    return names.sort_key(seat.person.given_name, seat.person.family_name) if seat.person else ("", "")


def _body(body: Body) -> Facts:
    return {"id": body.id, "level": body.level, "name": Title(body.name), "code": Plain(body.code)}


async def seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """One seat, for whoever may end it. Raises NotFoundHere, NotAllowed."""
    found = await Membership.get_or_none(id=seat).select_related("person", "organisation")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body_of_thing(by, found.body_id, now, permissions.may_keep_seats)
    channels = await Channel.filter(person_id=found.person.id, state=ChannelState.ACTIVE).order_by("id")
    return {
        "id": found.id,
        "person": found.person.id,
        "name": access.name_of(found.person),
        "role": Plain(found.role.value),
        "organisation": Plain(found.organisation.name) if found.organisation else None,
        "body": _body(body),
        "channels": [Plain(channel.network.value) for channel in channels],
        "mail": found.person.mail is not None,
    }


async def end_seat(*, by: Person, seat: int, now: datetime) -> Facts:
    """End somebody else's seat as of today; what is left open there goes to those who lead the body.

    The rights end at once, and the person is taken off the meetings ahead and told so. With the last seat they leave the
    town. Raises NotFoundHere, NotAllowed.
    """
    found = await Membership.get_or_none(id=seat).select_related("person")
    if found is None or found.person is None:
        access.not_found()
    body = await access.body_of_thing(by, found.body_id, now, permissions.may_keep_seats)
    if found.person.id == by.id:
        raise NotAllowed(body=Plain(body.code))
    today = access.today(by, now)
    if found.ends_on is not None and found.ends_on < today:
        access.not_found()
    async with transaction():
        if found.begins_on < today:
            await Membership.filter(id=seat).update(ends_on=today - timedelta(days=1))
        else:
            await Membership.filter(id=seat).delete()
        await feeds.forget([found.person.id])
        left = not await _has_a_place(found.person, today)
        if not any(held.person_id == found.person.id for held in await queries.seats_in(body.id, today)):
            await _take_off(found.person, body, in_town=not left, now=now)
        if left:
            await _leave(found.person, now)
        items, orphaned = await _left_open(found.person, body)
        await audit.record(by, "seat.ended", f"person:{found.person.id}", now=now, body=body.code)
        facts = {
            "level": body.level,
            "name": access.name_of(found.person),
            "body": Title(body.name),
            "items": items,
            "commitments": orphaned,
            "left": left,
        }
        await _tell_leads(by, found, facts, now)
    return facts


async def seats_over(*, now: datetime) -> int:
    """Take those off the meetings ahead whose seat the calendar or an import has ended; gives how many. The clock does that.

    It looks when a day begins for anybody, and after an import. The database gives only those who have no seat there by UTC's
    day; their own day decides. Each is a unit of work.
    """
    look = await looks.due(SEATS_OVER, now=now)
    if look is None:
        return 0
    day = now.date()
    places = await execute(_WITHOUT_SEAT, [now, day, day])
    over = 0
    for place in places:
        over += await unit_of_work(partial(_seat_over, place["person_id"], place["body_id"], now))
    await unit_of_work(partial(looks.done, look, now=now, again=looks.next_day(now, await queries.zones())))
    return over


async def _seat_over(person: int, body: int, now: datetime) -> bool:
    found, where = await Person.get(id=person), await Body.get(id=body)
    if any(seat.body_id == body for seat in await queries.seats_of(person, access.today(found, now))):
        return False
    async with transaction():
        await _take_off(found, where, in_town=True, now=now)
    return True


async def _take_off(person: Person, body: Body, *, in_town: bool, now: datetime) -> None:
    """Nobody waits for their answer to what lies ahead there, nor for whoever was to come instead of them.

    One message lists what falls away, unless all their chats end with the seat. Who comes there as a deputy still comes.
    """
    places = Attendance.filter(
        person_id=person.id,
        deputy_for_id=None,
        meeting__body_id=body.id,
        meeting__starts_at__gt=now,
        meeting__state=MeetingState.INVITED,
    )
    key = f"{LOST}:{body.id}:{person.id}:{int(now.timestamp())}"
    listed = []
    for place in await places.select_related("meeting").order_by("meeting__starts_at", "meeting_id"):
        listed.append(await _free(place, person, body, key, now))
        await forget_entered(place.meeting, person.id)
        await place.delete()
        await meetings.refresh_card(place.meeting, body, now=now)
    if listed:
        await meetings.touch_feeds(body, access.today(person, now))
    if in_town:
        gone = {"level": body.level, "body": Title(body.name), "meetings": listed}
        about = _lost_in(body, person)
        await notices.queue(
            [Draft(key=key, template=LOST, facts=gone, due_at=now, person=person.id, about=about)], now=now
        )


def _lost_in(body: Body, person: Person) -> str:
    """What the messages about a lost seat are about: not the meetings, for what becomes of these does not overtake them."""
    return f"seat:{body.id}:{person.id}"


async def _free(place: Attendance, person: Person, body: Body, key: str, now: datetime) -> Facts:
    """Take one meeting out of the person's calendar, and out of their deputy's; gives it as the person knows it.

    `key` is that of the message that lists it.
    """
    meeting = place.meeting
    instead = await Attendance.filter(meeting_id=meeting.id, deputy_for_id=person.id).select_related("person")
    about_it = Notice.filter(about=f"meeting:{meeting.id}", person_id=person.id).exclude(template=RELEASED)
    untold = await about_it.filter(state=NoticeState.WAITING)
    known = await about_it.filter(kind=NoticeKind.CALENDAR_MAIL).exclude(state__in=NEVER_ARRIVED).exists()
    await Notice.filter(id__in=[0, *(notice.id for notice in untold)]).delete()
    if instead or known:
        await meetings.write(meeting, now, sequence=meeting.sequence + 1)  # a CANCEL always is a step (RFC 5546, 2.1.4)
    was: Facts = next(
        (typed.decode(notice.facts)["was"] for notice in untold if notice.template == "meetings/moved"), {}
    )
    facts = {**meetings.facts_of(meeting, body), **was, "linked": False, "join_link": None}
    if known:
        event = meetings.calendar_facts(meeting, body.code)
        address = Text(place.mailed_to) if place.mailed_to else None
        calendar = {**event, "method": Plain("CANCEL"), "to": address, "uninvite": True, "join_link": None}
        await notices.queue(
            [
                Draft(
                    key=keys.by_mail(key, meeting.id),
                    template=LOST,
                    facts={"meeting": facts, "calendar": calendar},
                    due_at=now,
                    person=person.id,
                    about=_lost_in(body, person),
                    kind=NoticeKind.CALENDAR_MAIL,
                    urgent=True,
                )
            ],
            now=now,
        )
    deputies = [row.person for row in instead if row.person is not None]
    await tell(meeting, body, deputies, RELEASED, {}, now=now, method="CANCEL", seated=False)
    await Attendance.filter(id__in=[0, *(row.id for row in instead)]).delete()
    await feeds.touch([deputy.id for deputy in deputies])
    return facts


async def _has_a_place(person: Person, today: date) -> bool:
    """Whether something keeps the person in the town: a seat now or later, somebody to stand in for, or its administration."""
    not_over = queries.not_over(today)
    return person.administrator or await Membership.exists(not_over, Q(person_id=person.id) | Q(deputy_id=person.id))


async def _leave(person: Person, now: datetime) -> None:
    """Sessions, links, channels and the calendar feed end at once."""
    await Person.filter(id=person.id).update(left_at=now)
    await Channel.filter(person_id=person.id).delete()
    await sessions.end_all(person.id)
    await feeds.end(person.id)


async def _left_open(person: Person, body: Body) -> tuple[int, int]:
    """How many items are still open, and how many commitments of the body nobody owns any more; these are marked so."""
    items = await AgendaItem.filter(
        submitted_by_id=person.id, body_id=body.id, state__in=(ItemState.PROPOSED, ItemState.ACCEPTED)
    ).count()
    owners = await CommitmentParty.filter(
        side=Side.OWNER, commitment__body_id=body.id, commitment__state__in=OPEN
    ).values_list("commitment_id", "person_id", "person__left_at")
    alone = {commitment for commitment, owner, _ in owners if owner == person.id}
    alone -= {commitment for commitment, owner, left_at in owners if owner != person.id and left_at is None}
    await Commitment.filter(id__in=[0, *alone]).update(state=CommitmentState.ORPHANED, version=F("version") + 1)
    return items, len(alone)


async def _tell_leads(by: Person, seat: Membership, facts: Facts, now: datetime) -> None:
    if not facts["items"] and not facts["commitments"]:
        return
    held = await queries.seats_in(seat.body_id, access.today(by, now))
    leads = {lead.person_id for lead in held if permissions.may_keep_seats(access.as_seats([lead]), seat.body_id)}
    drafts = [
        Draft(
            key=f"seat:{seat.id}:ended:{lead}",
            template="people/seat_ended",
            facts=facts,
            due_at=now,
            person=lead,
            body=seat.body_id,
        )
        for lead in sorted(lead for lead in leads if lead is not None and lead != by.id)
    ]
    await notices.queue(drafts, now=now)
