from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from bot.actions import looks
from bot.actions.meetings import invitations, meetings
from bot.actions.meetings.meetings import InThePast, NoSuchTime, Plan, UnlikelyDuration
from bot.rules.refusals import NotAllowed, NotAMember, NotFoundHere, Refusal, TooLong
from storage.models import AgendaItem, Attendance, AuditEvent, Body, FeedCache, GroupChat, Meeting, Membership, Person
from storage.vocabulary import Answer, ItemState, MeetingFormat, MeetingState, Network, Purpose, Role
from tests.actions import cast
from tests.actions.cast import OUTSIDERS, Town, untyped
from tests.actions.gathering import DAY, HOST, HOUR, MINUTE, TUESDAY, WEDNESDAY, invited, plan, scheduled, utc
from tests.actions.invented import a_body, a_meeting, a_seat
from tests.conftest import Counted

Counting = Callable[[], AbstractContextManager[Counted]]


# --- scheduling ---------------------------------------------------------------------------------------------------------


async def test_schedule_keeps_wall_time_zone_and_moment(town: Town, now: datetime) -> None:
    facts = await meetings.schedule(by=town.anna, body="TK", plan=plan(), host=HOST, now=now)

    row = await Meeting.get()
    assert (row.starts_local, row.zone, row.minutes) == ("2026-11-24T14:30", "Europe/Berlin", 90)
    assert (row.starts_at, row.ends_at) == (utc(TUESDAY), utc(TUESDAY) + 90 * MINUTE)
    assert (row.state, row.format, row.place) == (MeetingState.SCHEDULED, MeetingFormat.HYBRID, "Rathaus")
    assert (row.sequence, row.stamp, row.created_by_id) == (0, None, town.anna.id)
    assert facts == {
        "meeting": {
            "id": row.id,
            "level": 2,
            "informal": False,
            "title": "1. Trägerkonferenz",
            "code": "TK",
            "body": "Trägerkonferenz",
            "starts": row.starts_at,
            "minutes": 90,
            "format": "hybrid",
            "place": "Rathaus",
            "linked": True,
            "join_link": "https://video.example/tk",
            "state": "scheduled",
            "cancel_reason": None,
            "sequence": 0,
        }
    }
    assert list(untyped(facts)) == []


async def test_meeting_of_somebody_who_lives_by_another_clock_is_in_the_towns_zone(town: Town, now: datetime) -> None:
    await Person.filter(id=town.anna.id).update(zone="Europe/London")
    anna = await Person.get(id=town.anna.id)

    facts = await meetings.schedule(by=anna, body="TK", plan=plan(), host=HOST, zone="Europe/Vienna", now=now)

    row = await Meeting.get()
    assert (row.starts_local, row.zone, row.starts_at) == ("2026-11-24T15:30", "Europe/Vienna", utc(TUESDAY) + HOUR)
    assert facts["meeting"]["starts"] == row.starts_at


async def test_time_that_comes_twice_is_the_one_that_is_meant(town: Town, now: datetime) -> None:
    wall = datetime(2027, 10, 31, 2, 30)  # noqa: DTZ001  # wall time

    for fold in (0, 1):
        again = plan(wall.replace(fold=fold), minutes=60)
        await meetings.schedule(by=town.anna, body="TK", plan=again, host=HOST, now=now)

    rows = await Meeting.all().order_by("id")
    assert [row.starts_local for row in rows] == ["2027-10-31T02:30"] * 2
    assert [row.starts_at for row in rows] == [
        datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
        datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
    ]


async def test_schedule_tells_nobody_but_the_record(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    assert await cast.told() == []
    assert [(event.what, event.about) for event in await AuditEvent.all()] == [
        ("meeting.scheduled", f"meeting:{meeting}")
    ]


async def test_schedule_touches_the_feeds_of_the_body(town: Town, now: datetime) -> None:
    for person in (town.ben, town.emil):
        await FeedCache.create(person=person, stale=False)

    await scheduled(town, now)

    assert {row.person_id: row.stale for row in await FeedCache.all()} == {town.ben.id: True, town.emil.id: False}


async def test_schedule_numbers_the_meetings_and_gives_each_its_uid(town: Town, now: datetime) -> None:
    await scheduled(town, now)
    await scheduled(town, now, WEDNESDAY)

    rows = await Meeting.all().order_by("id")
    assert [(row.number, row.title) for row in rows] == [(1, "1. Trägerkonferenz"), (2, "2. Trägerkonferenz")]
    assert len({row.uid for row in rows}) == 2
    assert {row.uid.partition("@")[2] for row in rows} == {HOST}
    assert all(row.uid.isascii() and len(row.uid) <= 255 for row in rows)


async def test_schedule_with_a_name_as_long_as_may_be(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(name="T" * 200)

    facts = await meetings.schedule(by=town.anna, body="TK", plan=plan(), host=HOST, now=now)

    assert len(facts["meeting"]["title"]) == 200


async def test_schedule_is_refused_to_all_but_leading_seats(town: Town, now: datetime) -> None:
    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.schedule(by=town.person(name), body="TK", plan=plan(), host=HOST, now=now)
    for name in (*OUTSIDERS, "vera", "kim"):
        with pytest.raises(NotAMember):
            await meetings.schedule(by=town.person(name), body="TK", plan=plan(), host=HOST, now=now)

    assert await Meeting.all().count() == 0


async def test_schedule_refuses_what_cannot_be(town: Town, now: datetime) -> None:
    summer = datetime(2027, 3, 28, 2, 30)  # noqa: DTZ001  # wall time
    nine = datetime(2026, 11, 18, 9, 0)  # noqa: DTZ001  # wall time: now
    impossible: list[tuple[Plan, type[Refusal], dict[str, object]]] = [
        (plan(minutes=4), UnlikelyDuration, {}),
        (plan(minutes=721), UnlikelyDuration, {}),
        (plan(nine), InThePast, {}),
        (plan(nine - DAY), InThePast, {}),
        (plan(summer), NoSuchTime, {}),
        (plan(place="x" * 201), TooLong, {"limit": 200}),
        (plan(join_link="x" * 501), TooLong, {"limit": 500}),
    ]

    for wrong, refusal, facts in impossible:
        with pytest.raises(refusal) as refused:
            await meetings.schedule(by=town.anna, body="TK", plan=wrong, host=HOST, now=now)
        assert refused.value.facts == facts


async def test_schedule_takes_what_just_fits(town: Town, now: datetime) -> None:
    nine = datetime(2026, 11, 18, 9, 0)  # noqa: DTZ001  # wall time: now

    for fits in (
        plan(nine + MINUTE, minutes=5),
        plan(minutes=720),
        plan(place="x" * 200, join_link="x" * 500),
        plan(place=None, join_link=None),
        plan(datetime(2027, 3, 28, 1, 59)),  # noqa: DTZ001  # wall time
    ):
        await meetings.schedule(by=town.anna, body="TK", plan=fits, host=HOST, now=now)

    assert await Meeting.all().count() == 5


@pytest.mark.parametrize(
    ("wall", "moment"),
    [
        ("2027-03-28T01:59", "2027-03-28T00:59:00+00:00"),
        ("2027-03-28T03:00", "2027-03-28T01:00:00+00:00"),
        ("2027-07-01T09:00", "2027-07-01T07:00:00+00:00"),
        ("2027-10-31T01:59", "2027-10-30T23:59:00+00:00"),
        ("2027-10-31T03:00", "2027-10-31T02:00:00+00:00"),
    ],
)
def test_moment_follows_the_clock_on_the_wall(wall: str, moment: str) -> None:
    assert meetings.moment(datetime.fromisoformat(wall), "Europe/Berlin").isoformat() == moment


# --- reading ------------------------------------------------------------------------------------------------------------


async def test_upcoming_lists_what_lies_ahead_in_ones_own_bodies(town: Town, now: datetime) -> None:
    second = await a_meeting(town.tk, "2026-12-01T14:30")
    first = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    running = await a_meeting(town.tk, "2026-11-18T08:00", MeetingState.RUNNING)
    await a_meeting(town.tk, "2026-11-18T07:30", MeetingState.INVITED)  # over at this very moment
    await a_meeting(town.tk, "2026-11-25T14:30", MeetingState.CANCELLED)
    await a_meeting(town.srt, "2026-11-26T14:30")
    await Attendance.create(meeting=first, person=town.ben, answer=Answer.TENTATIVE)

    facts = await meetings.upcoming(by=town.ben, now=now)

    assert [(meeting["id"], meeting["answer"]) for meeting in facts["meetings"]] == [
        (running.id, None),
        (first.id, "tentative"),
        (second.id, None),
    ]
    assert facts["may_schedule"] is False
    assert list(untyped(facts)) == []


async def test_upcoming_shows_drafts_to_those_who_schedule(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.DRAFT)

    shown = {name: await meetings.upcoming(by=town.person(name), now=now) for name in ("anna", "ben", "gesa")}

    assert {name: (len(facts["meetings"]), facts["may_schedule"]) for name, facts in shown.items()} == {
        "anna": (1, True),
        "ben": (0, False),
        "gesa": (0, False),
    }


async def test_upcoming_is_empty_for_who_has_no_seat(town: Town, now: datetime) -> None:
    await invited(town, now)

    shown = [await meetings.upcoming(by=town.person(name), now=now) for name in OUTSIDERS]

    assert [facts["meetings"] for facts in shown] == [[], [], [], []]


async def test_of_group_is_the_next_meeting_of_its_body(town: Town, now: datetime) -> None:
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-5, linked_at=now)
    await a_meeting(town.tk, "2026-11-20T14:30", MeetingState.DRAFT)
    meeting = await invited(town, now)

    facts = await meetings.of_group(by=town.ben, network=Network.WEBCHAT, chat_id=-5, now=now)

    assert (facts["body"], facts["meeting"]["id"], facts["counts"]["open"]) == ("Trägerkonferenz", meeting, 6)
    assert list(untyped(facts)) == []


async def test_of_group_without_a_meeting_says_so(town: Town, now: datetime) -> None:
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-5, linked_at=now)

    facts = await meetings.of_group(by=town.ben, network=Network.WEBCHAT, chat_id=-5, now=now)

    assert facts == {"level": 2, "body": "Trägerkonferenz", "meeting": None, "counts": None}


async def test_of_group_tells_strangers_nothing(town: Town, now: datetime) -> None:
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-5, linked_at=now)

    with pytest.raises(NotFoundHere):
        await meetings.of_group(by=town.ben, network=Network.TELEGRAM, chat_id=-5, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotAMember):
            await meetings.of_group(by=town.person(name), network=Network.WEBCHAT, chat_id=-5, now=now)


async def test_view_shows_what_this_person_may_do(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)
    for state in (ItemState.PROPOSED, ItemState.ACCEPTED, ItemState.REJECTED):
        await AgendaItem.create(
            body=town.tk, meeting_id=meeting, purpose=Purpose.REPORT, state=state, submitted_by=town.ben, created_at=now
        )

    views = {name: await meetings.view(by=town.person(name), meeting=meeting, now=now) for name in ("anna", "ben")}

    assert (views["anna"]["answer"], views["anna"]["may_manage"], views["anna"]["may_submit"]) == ("open", True, True)
    assert (views["ben"]["answer"], views["ben"]["may_manage"], views["ben"]["items"]) == ("accepted", False, 2)
    assert views["ben"]["counts"] == {"open": 5, "accepted": 1, "tentative": 0, "declined": 0, "delegated": 0}
    assert [list(untyped(view)) for view in views.values()] == [[], []]


async def test_view_of_what_is_over_offers_nothing_more(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE

    views = [await meetings.view(by=town.anna, meeting=meeting, now=at) for at in (ends - MINUTE, ends)]

    assert [(view["may_manage"], view["over"]) for view in views] == [(True, False), (False, True)]


async def test_meeting_of_others_looks_like_one_that_is_not_there(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in (*OUTSIDERS, "vera", "kim"):
        for number in (meeting, 999):
            with pytest.raises(NotFoundHere):
                await meetings.view(by=town.person(name), meeting=number, now=now)


async def test_meeting_is_closed_to_who_was_invited_and_lost_the_seat_since(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Membership.filter(person_id=town.ben.id).update(ends_on=cast.YESTERDAY)

    with pytest.raises(NotFoundHere):
        await meetings.view(by=town.ben, meeting=meeting, now=now)
    with pytest.raises(NotFoundHere):
        await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)


# --- the clock ----------------------------------------------------------------------------------------------------------


async def test_held_is_what_was_invited_and_has_ended(town: Town, now: datetime) -> None:
    over = [
        await a_meeting(town.tk, "2026-11-18T07:30", MeetingState.INVITED),
        await a_meeting(town.srt, "2026-11-17T07:30", MeetingState.RUNNING),
    ]
    await a_meeting(town.tk, "2026-11-18T07:31", MeetingState.INVITED)
    await a_meeting(town.tk, "2026-11-16T07:30", MeetingState.CANCELLED)

    counts = [await meetings.held(now=now), await meetings.held(now=now)]

    assert counts == [2, 0]
    assert [row.id for row in await Meeting.filter(state=MeetingState.HELD).order_by("id")] == [row.id for row in over]


async def test_address_of_a_calendar_is_forgotten_when_the_meeting_is_over(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE
    rows = Attendance.filter(meeting_id=meeting, mailed_to__not_isnull=True)

    await meetings.held(now=ends - MINUTE)
    ahead = await rows.count()
    await meetings.held(now=ends)

    assert (ahead, await rows.count()) == (2, 0)


async def test_address_for_what_was_called_off_is_forgotten_on_the_day_after(town: Town, now: datetime) -> None:
    called_off = [await invited(town, now), await invited(town, now, WEDNESDAY)]
    await Meeting.filter(id__in=called_off).update(state=MeetingState.CANCELLED)
    rows = Attendance.filter(mailed_to__not_isnull=True)
    over = utc(TUESDAY) + 90 * MINUTE
    midnight = looks.next_day(over)

    left = []
    for moment in (over - MINUTE, over, midnight, midnight + timedelta(days=1)):
        await meetings.called_off_over(now=moment)
        left.append(sorted({row.meeting_id for row in await rows}))

    assert left == [called_off, called_off, called_off[1:], []]


async def test_clock_asks_once_when_no_meeting_has_ended(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await invited(town, now)
    await meetings.called_off_over(now=now)

    with statements() as counted:
        await meetings.held(now=now)
        await meetings.called_off_over(now=now + MINUTE)

    assert (len(counted.statements), counted.commits) == (2, 0)


async def test_meeting_that_was_invited_to_before_organisers_were_stored_gets_one_and_keeps_it(
    town: Town, now: datetime
) -> None:
    old, unknown = await invited(town, now), await scheduled(town, now, WEDNESDAY)

    for mailbox in ("faden@lindental.example", "neu@lindental.example"):
        await meetings.keep_organizer(mailbox=mailbox)

    assert (await Meeting.get(id=old)).organizer == "faden@lindental.example"
    assert (await Meeting.get(id=unknown)).organizer is None


# --- what it costs ------------------------------------------------------------------------------------------------------


async def test_lists_ask_the_database_as_often_for_three_as_for_one(
    town: Town, now: datetime, statements: Counting
) -> None:
    costs: list[Mapping[str, int]] = []
    for bodies in (["A"], ["B", "C"]):
        for code in bodies:
            body = await a_body(code, f"Gremium {code}")
            await a_seat(town.ben, body, Role.CHAIR)
            for day in range(20, 23):
                await a_meeting(body, f"2026-11-{day}T14:30")
        meeting = await a_meeting(town.tk, f"2026-12-0{len(bodies)}T14:30", MeetingState.INVITED)
        for person in [town.ben, town.carla, town.dora][: 2 * len(bodies) - 1]:
            await Attendance.create(meeting=meeting, person=person, organisation=town.caritas, deputy=town.vera)
        with statements() as upcoming:
            await meetings.upcoming(by=town.ben, now=now)
        with statements() as answers:
            await invitations.answers(by=town.anna, meeting=meeting.id, now=now)
        costs.append({"upcoming": len(upcoming.statements), "answers": len(answers.statements)})

    assert costs[0] == costs[1]
    assert max(costs[0].values()) <= 8
