from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta

import pytest

from bot.actions import feeds
from bot.actions.accounts import sessions
from bot.actions.meetings import invitations, meetings, moving, telling
from bot.actions.people import leaving
from bot.rules import facts as typed
from bot.rules.facts import Facts, PersonName, Plain, Title
from bot.rules.refusals import NotAllowed, NotAMember, NotFoundHere, Refusal
from storage.models import (
    AgendaItem,
    Attendance,
    AuditEvent,
    Channel,
    Commitment,
    CommitmentParty,
    FeedCache,
    FeedToken,
    GroupChat,
    Meeting,
    Membership,
    Notice,
    OneTimeToken,
    Person,
    WebSession,
)
from storage.vocabulary import (
    ChannelState,
    CommitmentState,
    DueKind,
    ItemState,
    MeetingState,
    Network,
    NoticeKind,
    NoticeState,
    Purpose,
    Role,
    Side,
    TokenPurpose,
)
from tests.actions.cast import YESTERDAY, Town, all_sent, by_chat, facts_for, told, untyped
from tests.actions.invented import a_meeting, a_seat
from tests.conftest import Counted

KEY = b"k" * 32


async def seat_of(person: Person) -> int:
    return (await Membership.get(person_id=person.id)).id


async def end(town: Town, person: Person, now: datetime, by: Person | None = None) -> Facts:
    return await leaving.end_seat(by=by or town.anna, seat=await seat_of(person), now=now)


async def a_commitment(town: Town, number: int, *owners: Person | None, state: CommitmentState) -> int:
    made = await Commitment.create(
        body=town.tk,
        number=number,
        what="Beratungsangebot aufbauen",
        state=state,
        due_kind=DueKind.STANDING,
        agreed_on=YESTERDAY,
        recorded_by=town.dora,
        created_at=datetime.fromisoformat("2026-11-17T08:00:00+00:00"),
        changed_at=datetime.fromisoformat("2026-11-17T08:00:00+00:00"),
    )
    for owner in owners:
        role = None if owner else Role.CHAIR
        await CommitmentParty.create(commitment=made, side=Side.OWNER, person=owner, role=role)
    return made.id


async def an_item(town: Town, by: Person, state: ItemState, now: datetime) -> AgendaItem:
    return await AgendaItem.create(
        body=town.tk, title="Ferien", purpose=Purpose.DECISION, state=state, submitted_by=by, created_at=now
    )


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_seats_are_those_of_the_others(town: Town, now: datetime) -> None:
    facts = await leaving.seats(by=town.anna, body=town.tk.id, now=now)

    assert facts["body"] == {"id": town.tk.id, "level": 2, "name": Title("Trägerkonferenz"), "code": Plain("TK")}
    assert [entry["name"] for entry in facts["seats"]] == [
        PersonName("Carla Cramer"),
        PersonName("Dora Dietz"),
        PersonName("Gesa Güler"),
        PersonName("Ada Öhler"),
        PersonName("Ben Özdemir"),
    ]
    assert facts["seats"][4] == {
        "id": await seat_of(town.ben),
        "person": town.ben.id,
        "name": PersonName("Ben Özdemir"),
        "role": Plain("member"),
        "reachable": True,
    }


async def test_seats_say_who_cannot_be_reached(town: Town, now: datetime) -> None:
    await Channel.create(person=town.carla, network=Network.WEBCHAT, address="1", linked_at=now)
    await Channel.create(
        person=town.dora, network=Network.TELEGRAM, address="2", linked_at=now, state=ChannelState.BLOCKED
    )

    facts = await leaving.seats(by=town.anna, body=town.tk.id, now=now)

    assert {entry["name"]: entry["reachable"] for entry in facts["seats"]} == {
        "Ada Öhler": True,  # by mail
        "Ben Özdemir": True,  # by mail
        "Carla Cramer": True,
        "Dora Dietz": False,
        "Gesa Güler": False,
    }


async def test_seat_tells_how_somebody_is_reached(town: Town, now: datetime) -> None:
    await Channel.create(person=town.ben, network=Network.WEBCHAT, address="1", linked_at=now)
    await Channel.create(
        person=town.ben, network=Network.TELEGRAM, address="2", linked_at=now, state=ChannelState.BLOCKED
    )

    facts = await leaving.seat(by=town.anna, seat=await seat_of(town.ben), now=now)

    assert facts == {
        "id": await seat_of(town.ben),
        "person": town.ben.id,
        "name": PersonName("Ben Özdemir"),
        "role": Plain("member"),
        "organisation": Plain("Caritas Lindental"),
        "body": {"id": town.tk.id, "level": 2, "name": Title("Trägerkonferenz"), "code": Plain("TK")},
        "channels": [Plain("webchat")],
        "mail": True,
    }


async def test_seat_without_an_organisation(town: Town, now: datetime) -> None:
    facts = await leaving.seat(by=town.anna, seat=await seat_of(town.dora), now=now)

    assert (facts["organisation"], facts["channels"], facts["mail"]) == (None, [], False)


@pytest.mark.parametrize(
    ("by", "of_body", "of_seat"),
    [
        ("ben", NotAllowed, NotAllowed),
        ("dora", NotAllowed, NotAllowed),
        ("emil", NotAMember, NotFoundHere),
        ("nora", NotAMember, NotFoundHere),
    ],
)
async def test_only_who_leads_the_body_sees_and_ends_seats(
    town: Town, now: datetime, by: str, of_body: type[Refusal], of_seat: type[Refusal]
) -> None:
    speaker, seat = town.person(by), await seat_of(town.carla)

    with pytest.raises(of_body):
        await leaving.seats(by=speaker, body=town.tk.id, now=now)
    for attempt in (
        leaving.seat(by=speaker, seat=seat, now=now),
        leaving.end_seat(by=speaker, seat=seat, now=now),
    ):
        with pytest.raises(of_seat):
            await attempt
    assert (await Membership.get(id=seat)).ends_on is None


@pytest.mark.parametrize("seat", ["vacant", "none"])
async def test_seat_that_nobody_holds_is_not_found(town: Town, now: datetime, seat: str) -> None:
    number = (await Membership.get(person_id=None)).id if seat == "vacant" else 99_999

    for attempt in (
        leaving.seat(by=town.anna, seat=number, now=now),
        leaving.end_seat(by=town.anna, seat=number, now=now),
    ):
        with pytest.raises(NotFoundHere):
            await attempt


# --- ending -----------------------------------------------------------------------------------------------------------


async def test_ended_seat_ends_the_rights_at_once(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await meetings.view(by=town.ben, meeting=meeting.id, now=now)

    facts = await end(town, town.ben, now)

    assert facts == {
        "level": 2,
        "name": PersonName("Ben Özdemir"),
        "body": Title("Trägerkonferenz"),
        "items": 0,
        "commitments": 0,
        "left": True,
    }
    assert (await Membership.get(person_id=town.ben.id)).ends_on == YESTERDAY
    with pytest.raises(NotFoundHere):
        await meetings.view(by=town.ben, meeting=meeting.id, now=now)
    (event,) = await AuditEvent.all()
    assert (event.what, event.about, event.facts) == ("seat.ended", f"person:{town.ben.id}", {"body": "TK"})


async def test_last_seat_ends_sessions_links_channels_and_the_feed(town: Town, now: datetime) -> None:
    session = await sessions.begin(person=town.ben.id, label="Firefox", now=now)
    await sessions.issue(person=town.ben.id, purpose=TokenPurpose.SIGN_IN, now=now)
    await feeds.secret_link(person=town.ben, key=KEY, now=now)

    await end(town, town.ben, now)

    assert (await Person.get(id=town.ben.id)).left_at == now
    assert await sessions.resume(token=session, now=now) is None
    left = [
        await model.filter(person_id=town.ben.id).count() for model in (WebSession, OneTimeToken, Channel, FeedToken)
    ]
    assert left == [0, 0, 0, 0]


async def test_one_of_two_seats_ends_and_the_ways_in_stay(town: Town, now: datetime) -> None:
    await a_seat(town.ben, town.srt)
    seat = await Membership.get(person_id=town.ben.id, body_id=town.tk.id)
    session = await sessions.begin(person=town.ben.id, label="Firefox", now=now)
    await feeds.secret_link(person=town.ben, key=KEY, now=now)
    await FeedCache.filter(person_id=town.ben.id).update(content=b"BEGIN", stale=False)

    facts = await leaving.end_seat(by=town.anna, seat=seat.id, now=now)

    cache = await FeedCache.get(person_id=town.ben.id)
    assert facts["left"] is False
    assert (cache.content, cache.stale) == (None, True)
    assert await sessions.resume(token=session, now=now) is not None
    assert (await Person.get(id=town.ben.id)).left_at is None


@pytest.mark.parametrize("reason", ["administrator", "deputy", "later seat"])
async def test_something_else_keeps_the_person_in_the_town(town: Town, now: datetime, reason: str) -> None:
    if reason == "administrator":
        await Person.filter(id=town.ben.id).update(administrator=True)
    elif reason == "deputy":
        await Membership.filter(person_id=town.carla.id).update(deputy_id=town.ben.id)
    else:
        await Membership.create(body=town.srt, person=town.ben, role=Role.MEMBER, begins_on=date(2027, 1, 1))
    seat = await Membership.get(person_id=town.ben.id, body_id=town.tk.id)

    facts = await leaving.end_seat(by=town.anna, seat=seat.id, now=now)

    assert facts["left"] is False


async def test_seat_that_began_today_was_never_there(town: Town, now: datetime) -> None:
    await Membership.filter(person_id=town.ben.id).update(begins_on=now.date())

    await end(town, town.ben, now)

    assert await Membership.filter(person_id=town.ben.id).count() == 0


async def test_seat_ends_once(town: Town, now: datetime) -> None:
    await end(town, town.ben, now)

    with pytest.raises(NotFoundHere):
        await end(town, town.ben, now)


async def test_own_seat_is_for_others_to_end(town: Town, now: datetime) -> None:
    with pytest.raises(NotAllowed):
        await end(town, town.anna, now)


async def test_place_in_meetings_ahead_is_free_and_the_card_says_so(town: Town, now: datetime) -> None:
    ahead = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    past = await a_meeting(town.tk, "2026-11-10T14:30", MeetingState.HELD)
    other = await a_meeting(town.srt, "2026-11-24T14:30", MeetingState.INVITED)
    as_deputy = await a_meeting(town.tk, "2026-12-01T14:30", MeetingState.INVITED)
    for meeting in (ahead, past, other):
        await Attendance.create(meeting=meeting, person=town.ben)
    await Attendance.create(meeting=as_deputy, person=town.ben, deputy_for=town.carla)
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-1, linked_at=now)

    await end(town, town.ben, now)

    left = await Attendance.filter(person_id=town.ben.id).order_by("id")
    assert [attendance.meeting_id for attendance in left] == [past.id, other.id, as_deputy.id]
    cards = await Notice.filter(kind=NoticeKind.CARD).order_by("about")
    assert [card.about for card in cards] == [f"meeting:{ahead.id}"]
    assert typed.decode(cards[0].facts)["counts"]["open"] == 0


async def test_second_seat_in_the_body_keeps_the_place(town: Town, now: datetime) -> None:
    ahead = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await Attendance.create(meeting=ahead, person=town.ben)
    first = await seat_of(town.ben)
    await a_seat(town.ben, town.tk, Role.ADVISORY)

    await leaving.end_seat(by=town.anna, seat=first, now=now)

    assert await Attendance.filter(person_id=town.ben.id).count() == 1


# --- what falls away --------------------------------------------------------------------------------------------------


async def an_invitation(meeting: Meeting, person: Person, state: NoticeState = NoticeState.SENT) -> None:
    """Somebody is invited, and their calendar mail is so far on its way."""
    await Attendance.create(meeting=meeting, person=person)
    body = await meeting.body
    await telling.tell(meeting, body, [person], "meetings/invitation", {}, now=meeting.created_at, method="REQUEST")
    await all_sent()
    await Notice.filter(person_id=person.id, about=f"meeting:{meeting.id}").update(state=state)


async def lost(person: Person) -> list[tuple[NoticeKind, int | None]]:
    """What tells somebody of a lost seat, and which body it is bound to."""
    told = await Notice.filter(template="people/seat_lost", person_id=person.id).order_by("id")
    return [(notice.kind, notice.body_id) for notice in told]


async def two_seats(town: Town) -> int:
    """Ben sits in the team, too; the seat that is about to end."""
    await a_seat(town.ben, town.srt)
    return (await Membership.get(person_id=town.ben.id, body_id=town.tk.id)).id


async def test_each_meeting_ahead_is_taken_out_of_the_calendar(town: Town, now: datetime) -> None:
    first, second = [await a_meeting(town.tk, f"2026-{day}T14:30", MeetingState.INVITED) for day in ("11-24", "12-01")]
    for meeting in (first, second):
        await an_invitation(meeting, town.ben)
        await an_invitation(meeting, town.ada)

    await end(town, town.ben, now)

    assert await lost(town.ben) == [(NoticeKind.CALENDAR_MAIL, None)] * 2
    mails = [typed.decode(mail.facts) for mail in await Notice.filter(template="people/seat_lost").order_by("id")]
    assert [(facts["meeting"]["id"], facts["calendar"]["uid"], facts["calendar"]["sequence"]) for facts in mails] == [
        (first.id, Plain(first.uid), 1),
        (second.id, Plain(second.uid), 1),
    ]
    assert {(facts["calendar"]["method"], facts["calendar"]["uninvite"]) for facts in mails} == {
        (Plain("CANCEL"), True)
    }
    assert [meeting.sequence for meeting in await Meeting.all()] == [1, 1]
    assert await Notice.filter(person_id=town.ada.id).exclude(template="meetings/invitation").count() == 0


async def test_who_stays_in_the_town_gets_one_message_that_lists_them(town: Town, now: datetime) -> None:
    second, first = [await a_meeting(town.tk, f"2026-{day}T14:30", MeetingState.INVITED) for day in ("12-01", "11-24")]
    elsewhere = await a_meeting(town.srt, "2026-11-25T14:30", MeetingState.INVITED)
    seat = await two_seats(town)
    for meeting in (first, second, elsewhere):
        await an_invitation(meeting, town.ben)

    await leaving.end_seat(by=town.anna, seat=seat, now=now)

    calendar = NoticeKind.CALENDAR_MAIL
    assert await lost(town.ben) == [(calendar, None), (calendar, None), (NoticeKind.MESSAGE, None)]
    facts = await facts_for("people/seat_lost", town.ben)
    assert (facts["level"], facts["body"]) == (2, Title("Trägerkonferenz"))
    assert [meeting["id"] for meeting in facts["meetings"]] == [first.id, second.id]
    assert list(untyped(facts)) == []


async def test_join_link_is_not_told_again(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await Meeting.filter(id=meeting.id).update(join_link="https://video.example/tk")
    await an_invitation(meeting, town.ben)

    await end(town, town.ben, now)

    facts = await facts_for("people/seat_lost", town.ben, NoticeKind.CALENDAR_MAIL)
    assert (facts["meeting"]["join_link"], facts["calendar"]["join_link"]) == (None, None)


@pytest.mark.parametrize("state", [NoticeState.WAITING, NoticeState.DEAD])
async def test_invitation_that_never_arrived_needs_no_cancel(town: Town, now: datetime, state: NoticeState) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await an_invitation(meeting, town.ben, state)

    await end(town, town.ben, now)

    assert await lost(town.ben) == []
    assert await Notice.filter(state=NoticeState.WAITING).count() == 0
    assert (await Meeting.get(id=meeting.id)).sequence == 0


async def test_move_that_was_not_told_yet_is_not_told_any_more(town: Town, now: datetime) -> None:
    await Person.filter(id=town.anna.id).update(mail="anna@lindental.example")
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await an_invitation(meeting, town.ben)
    await moving.move(
        by=town.anna, meeting=meeting.id, starts=datetime.fromisoformat("2026-11-26T09:00"), minutes=None, now=now
    )

    await end(town, town.ben, now)

    facts = await facts_for("people/seat_lost", town.ben, NoticeKind.CALENDAR_MAIL)
    assert facts["meeting"]["starts"] == meeting.starts_at
    assert await Notice.filter(person_id=town.ben.id, template="meetings/moved").count() == 0


async def test_deputy_is_released_with_whom_they_stand_in_for(town: Town, now: datetime) -> None:
    await Person.filter(id=town.vera.id).update(mail="vera@lindental.example")
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await an_invitation(meeting, town.ben)
    await invitations.delegate(by=town.ben, meeting=meeting.id, deputy=town.vera.id, now=now)
    await all_sent()

    await end(town, town.ben, now)

    assert await told(f"meeting:{meeting.id}") == [
        ("meetings/invitation", "Ben", NoticeKind.MESSAGE),
        ("meetings/invitation", "Ben", NoticeKind.CALENDAR_MAIL),
        ("meetings/invitation_as_deputy", "Vera", NoticeKind.MESSAGE),
        ("meetings/invitation_as_deputy", "Vera", NoticeKind.CALENDAR_MAIL),
        ("meetings/deputy_released", "Vera", NoticeKind.MESSAGE),
        ("meetings/deputy_released", "Vera", NoticeKind.CALENDAR_MAIL),
    ]
    assert await Attendance.filter(meeting_id=meeting.id).count() == 0


# --- the calendar ends seats, too -------------------------------------------------------------------------------------


async def test_clock_takes_off_whose_seat_has_ended(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    for person in (town.ben, town.carla):
        await an_invitation(meeting, person)
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.carla)
    await Attendance.create(meeting=meeting, guest_name="Frau Meier")
    await two_seats(town)
    await Membership.filter(person_id=town.ben.id, body_id=town.tk.id).update(ends_on=now.date())

    counts = [await leaving.seats_over(now=now + timedelta(days=days)) for days in (0, 1, 1)]

    assert counts == [0, 1, 0]
    left = await Attendance.filter(meeting_id=meeting.id).order_by("id")
    assert [attendance.person_id for attendance in left] == [town.carla.id, town.vera.id, None]
    assert await lost(town.ben) == [(NoticeKind.CALENDAR_MAIL, None), (NoticeKind.MESSAGE, None)]


async def test_feeds_of_those_who_stay_and_of_a_released_deputy_are_built_anew(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await an_invitation(meeting, town.ben)
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.ben)
    for person in (town.ada, town.vera, town.emil):
        await FeedCache.create(person=person, stale=False)
    await Membership.filter(person_id=town.ben.id).update(ends_on=YESTERDAY)

    await leaving.seats_over(now=now)

    assert {cached.person_id for cached in await FeedCache.filter(stale=True)} == {town.ada.id, town.vera.id}


async def test_clock_asks_once_however_many_are_invited(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    for day in ("11-24", "12-01", "12-08"):
        meeting = await a_meeting(town.tk, f"2026-{day}T14:30", MeetingState.INVITED)
        for person in (town.anna, town.ben, town.carla):
            await Attendance.create(meeting=meeting, person=person)

    with statements() as first:
        assert await leaving.seats_over(now=now) == 0
    with statements() as second:
        await leaving.seats_over(now=now + timedelta(hours=1))

    assert len([statement for statement in first.statements if "attendance" in statement]) == 1
    assert (len(second.statements), second.commits) == (1, 0)


async def test_clock_goes_by_the_persons_own_day(town: Town, now: datetime) -> None:
    await Person.filter(id=town.ben.id).update(zone="America/New_York")
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await an_invitation(meeting, town.ben)
    await Membership.filter(person_id=town.ben.id).update(ends_on=now.date())
    midnight = now.replace(hour=0) + timedelta(days=1)

    counts = [await leaving.seats_over(now=midnight + timedelta(hours=hours)) for hours in (4, 6)]

    assert counts == [0, 1]


async def test_what_is_left_open_goes_to_the_other_leads(town: Town, now: datetime) -> None:
    for state in (ItemState.PROPOSED, ItemState.ACCEPTED, ItemState.REJECTED):
        await an_item(town, town.ben, state, now)
    await an_item(town, town.carla, ItemState.PROPOSED, now)
    alone = await a_commitment(town, 1, town.ben, state=CommitmentState.IN_PROGRESS)
    shared = await a_commitment(town, 2, town.ben, town.carla, state=CommitmentState.AGREED)
    with_role = await a_commitment(town, 3, town.ben, None, state=CommitmentState.AGREED)
    done = await a_commitment(town, 4, town.ben, state=CommitmentState.VERIFIED)
    of_others = await a_commitment(town, 5, town.carla, state=CommitmentState.AGREED)

    facts = await end(town, town.ben, now)

    states = {row.id: row.state for row in await Commitment.all()}
    assert states == {
        alone: CommitmentState.ORPHANED,
        shared: CommitmentState.AGREED,
        with_role: CommitmentState.AGREED,
        done: CommitmentState.VERIFIED,
        of_others: CommitmentState.AGREED,
    }
    assert (facts["items"], facts["commitments"]) == (2, 1)
    assert await by_chat() == [("people/seat_ended", "Ada")]
    (notice,) = await Notice.all()
    assert (typed.decode(notice.facts), notice.body_id) == (facts, town.tk.id)


async def test_what_the_last_of_several_owners_leaves_is_orphaned(town: Town, now: datetime) -> None:
    shared = await a_commitment(town, 1, town.ben, town.carla, state=CommitmentState.AGREED)

    counts = [(await end(town, person, now))["commitments"] for person in (town.ben, town.carla)]

    assert counts == [0, 1]
    assert (await Commitment.get(id=shared)).state is CommitmentState.ORPHANED


async def test_nothing_open_is_nothing_to_tell(town: Town, now: datetime) -> None:
    await end(town, town.ben, now)

    assert await by_chat() == []


async def test_read_on_after_the_seat_is_over_is_for_deputies_only(town: Town, now: datetime) -> None:
    meeting: Meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await Attendance.create(meeting=meeting, person=town.frida)
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.ben)

    with pytest.raises(NotFoundHere):
        await meetings.view(by=town.frida, meeting=meeting.id, now=now)
    facts = await meetings.view(by=town.vera, meeting=meeting.id, now=now + timedelta(days=1))

    assert facts["meeting"]["id"] == meeting.id
