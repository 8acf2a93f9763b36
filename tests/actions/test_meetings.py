from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.actions import meetings
from bot.actions.meetings import (
    DeputyUnknown,
    EverybodyInvited,
    InThePast,
    MeetingOver,
    NoSuchTime,
    Plan,
    ShortNotice,
    UnlikelyDuration,
)
from bot.rules import facts as typed
from bot.rules.facts import AnswerLink, Plain
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, NotAMember, NotFoundHere, Refusal, TooLong
from storage.db import transaction, unit_of_work
from storage.models import AgendaItem, Attendance, AuditEvent, Body, FeedCache, GroupChat, Meeting, Membership, Notice
from storage.models import Person as Somebody
from storage.vocabulary import (
    Answer,
    ItemState,
    MeetingFormat,
    MeetingState,
    Network,
    NoticeKind,
    NoticeState,
    Purpose,
    Role,
)
from tests.actions import cast
from tests.actions.cast import LAND, OUTSIDERS, Town, untyped
from tests.actions.people import a_body, a_meeting, a_person, a_seat
from tests.conftest import Counted

MESSAGE, MAIL = NoticeKind.MESSAGE, NoticeKind.CALENDAR_MAIL
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 11, 24, 14, 30)  # noqa: DTZ001  # wall time, as people say it
WEDNESDAY, THURSDAY = TUESDAY + DAY, TUESDAY + 2 * DAY
HOST = "faden.lindental.example"
EVERYBODY = ["Anna", "Ada", "Ben", "Carla", "Dora", "Gesa"]
WITH_MAIL = ["Ada", "Ben"]


def plan(starts: datetime = TUESDAY, **more: Any) -> Plan:  # noqa: ANN401  # fields of every type
    values = {
        "minutes": 90,
        "format": MeetingFormat.HYBRID,
        "place": "Rathaus",
        "join_link": "https://video.example/tk",
    }
    return Plan(**{"starts": starts, **values, **more})


async def scheduled(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned a meeting of the TK."""
    facts = await meetings.schedule(by=town.anna, body="TK", plan=plan(starts), host=HOST, now=now)
    return int(facts["meeting"]["id"])


async def inviting(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned and invited; nothing has left yet."""
    meeting = await scheduled(town, now, starts)
    await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now)
    return meeting


async def invited(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned and invited, and everybody has heard of it."""
    meeting = await inviting(town, now, starts)
    await cast.all_sent()
    return meeting


async def moved(town: Town, meeting: int, now: datetime, starts: datetime = WEDNESDAY) -> dict[str, Any]:
    return await meetings.move(by=town.anna, meeting=meeting, starts=starts, minutes=None, now=now)


async def waiting(**which: object) -> list[Notice]:
    """What has not left, cards apart."""
    rows = Notice.filter(state=NoticeState.WAITING, **which).exclude(kind=NoticeKind.CARD)
    return await rows.order_by("id").select_related("person")


async def to_be_told(**which: object) -> list[tuple[str, str]]:
    """Template and given name of what has not left."""
    return [(row.template, row.person.given_name) for row in await waiting(**which) if row.person]


async def sequence(meeting: int) -> int:
    return (await Meeting.get(id=meeting)).sequence


def utc(wall: datetime) -> datetime:
    """A winter's wall time in Berlin."""
    return (wall - HOUR).replace(tzinfo=UTC)


# --- scheduling -----------------------------------------------------------------------------------------------------


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
    summer, winter = datetime(2027, 3, 28, 2, 30), datetime(2027, 10, 31, 2, 30)  # noqa: DTZ001  # wall times
    nine = datetime(2026, 11, 18, 9, 0)  # noqa: DTZ001  # wall time: now
    impossible: list[tuple[Plan, type[Refusal], dict[str, object]]] = [
        (plan(minutes=4), UnlikelyDuration, {}),
        (plan(minutes=721), UnlikelyDuration, {}),
        (plan(nine), InThePast, {}),
        (plan(nine - DAY), InThePast, {}),
        (plan(summer), NoSuchTime, {}),
        (plan(winter), NoSuchTime, {}),
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


# --- reading --------------------------------------------------------------------------------------------------------


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
    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)
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
        await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)


# --- the invitation -------------------------------------------------------------------------------------------------


async def test_invite_reaches_every_seat_once_by_chat_and_by_mail_where_there_is_one(town: Town, now: datetime) -> None:
    await a_seat(town.ben, town.tk, Role.MINUTE_TAKER)
    meeting = await scheduled(town, now)

    facts = await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    told = await cast.told(f"meeting:{meeting}")
    assert sorted(told) == sorted(
        [("invitation", name, MESSAGE) for name in EVERYBODY] + [("invitation", name, MAIL) for name in WITH_MAIL]
    )
    assert (facts["people"], facts["short_notice_reason"], facts["meeting"]["state"]) == (6, False, "invited")
    assert list(untyped(facts)) == []


async def test_invite_notes_who_was_invited_for_whom(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    rows = {row.person_id: row for row in await Attendance.filter(meeting_id=meeting)}
    assert set(rows) == {town.person(name.lower()).id for name in EVERYBODY}
    assert {row.answer for row in rows.values()} == {Answer.OPEN}
    assert (rows[town.ben.id].organisation_id, rows[town.dora.id].organisation_id) == (town.caritas.id, None)
    assert {row.invited_at for row in rows.values()} == {now}


async def test_invite_makes_calendar_objects_of_what_the_meeting_is(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    row = await Meeting.get(id=meeting)
    attendance = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    mail = await cast.facts_for("invitation", town.ben, MAIL)
    chat = await cast.facts_for("invitation", town.ben)
    assert mail["link"] == AnswerLink(attendance.id)
    assert mail["calendar"] == {
        "method": "REQUEST",
        "code": "TK",
        "uid": row.uid,
        "sequence": 0,
        "title": "1. Trägerkonferenz",
        "starts": utc(TUESDAY),
        "ends": utc(TUESDAY) + 90 * MINUTE,
        "zone": "Europe/Berlin",
        "status": "confirmed",
        "place": "Rathaus",
        "join_link": "https://video.example/tk",
        "path": f"/sitzung/{meeting}",
        "created": now,
        "last_modified": now,
        "stamp": now,
    }
    assert chat["document"] == {
        "type": "calendar",
        **{key: mail["calendar"][key] for key in mail["calendar"] if key != "method"},
    }
    assert [list(untyped(typed.decode(notice.facts))) for notice in await Notice.all()] == [[]] * 8


async def test_inviting_again_tells_nobody_twice(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)
    before = await Notice.all().count()

    again = await meetings.invite(by=town.ada, meeting=meeting, land=LAND, now=now + HOUR)

    assert (again["people"], await Notice.all().count(), await sequence(meeting)) == (0, before, 0)


async def test_inviting_again_reaches_those_who_came_since(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await a_seat(town.nora, town.tk)

    check = await meetings.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    again = await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now + HOUR)

    assert (check["people"], again["people"]) == (1, 1)
    assert await to_be_told() == [("invitation", "Nora")]


async def test_invite_keeps_the_notice_period_to_the_day(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)  # 18 to 24 November: five whole days between

    await Body.filter(id=town.tk.id).update(rules={"notice_days": 5})
    kept = await meetings.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 6})
    short = await meetings.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert (kept["short"], kept["days"], kept["people"]) == (False, None, 6)
    assert (short["short"], short["days"], short["people"]) == (True, 6, 6)
    assert list(untyped(short)) == []


async def test_invite_at_short_notice_needs_a_reason(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 7})
    meeting = await scheduled(town, now)

    for reason in (None, ""):
        with pytest.raises(ShortNotice) as refused:
            await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason=reason)
        assert refused.value.facts == {"days": 7, "code": Plain("TK"), "id": meeting}
    with pytest.raises(TooLong):
        await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason="x" * 501)
    assert await cast.told() == []

    facts = await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason="Haushaltssperre")

    assert facts["short_notice_reason"] is True
    assert (await Meeting.get(id=meeting)).short_notice_reason == "Haushaltssperre"


async def test_notice_period_is_no_matter_for_those_who_came_since(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 14})
    await a_seat(town.nora, town.tk)

    check = await meetings.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert check["short"] is False
    assert await to_be_told() == [("invitation", "Nora")]


async def test_notice_period_counts_working_days_without_holidays(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 3, "notice_counts": "working"})
    monday = await scheduled(town, now, datetime(2026, 12, 28, 9, 0))  # noqa: DTZ001  # wall time
    before_christmas = datetime(2026, 12, 22, 12, 0, tzinfo=UTC)

    checks = [
        await meetings.notice_check(by=town.anna, meeting=monday, land=LAND, now=at)
        for at in (before_christmas, before_christmas - DAY)
    ]

    assert [check["short"] for check in checks] == [True, False]


async def test_there_is_nobody_to_invite_when_everybody_is(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    with pytest.raises(EverybodyInvited):
        await meetings.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)


async def test_invite_is_refused_to_all_but_leading_seats(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.invite(by=town.person(name), meeting=meeting, land=LAND, now=now)
        with pytest.raises(NotAllowed):
            await meetings.notice_check(by=town.person(name), meeting=meeting, land=LAND, now=now)
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotAMember):
            await meetings.invite(by=town.person(name), meeting=meeting, land=LAND, now=now)
    with pytest.raises(NotFoundHere):
        await meetings.invite(by=town.anna, meeting=999, land=LAND, now=now)
    assert await cast.told() == []


async def test_invite_to_what_cannot_be_attended_is_refused(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    with pytest.raises(MeetingOver) as begun:
        await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=utc(TUESDAY))
    await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    with pytest.raises(MeetingOver) as cancelled:
        await meetings.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert [refused.value.facts for refused in (begun, cancelled)] == [{"state": "scheduled"}, {"state": "cancelled"}]


# --- answers --------------------------------------------------------------------------------------------------------


async def test_answer_is_written_and_the_last_one_counts(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.DECLINED, now=now)

    facts = await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + HOUR)

    row = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    assert (row.answer, row.answered_at, row.answered_by_id) == (Answer.ACCEPTED, now + HOUR, town.ben.id)
    assert (facts["answer"], facts["for_whom"], facts["counts"]["accepted"], facts["counts"]["open"]) == (
        "accepted",
        None,
        1,
        5,
    )
    assert list(untyped(facts)) == []


async def test_answering_twice_changes_nothing_and_tells_nobody(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    twice = [
        await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + delay * MINUTE)
        for delay in range(2)
    ]

    assert twice[0] == twice[1]
    assert (await to_be_told(), await sequence(meeting)) == ([], 0)


async def test_answer_for_somebody_who_phoned(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await meetings.answer(by=town.ada, meeting=meeting, answer=Answer.TENTATIVE, now=now, person=town.carla.id)

    row = await Attendance.get(meeting_id=meeting, person_id=town.carla.id)
    assert (row.answer, row.answered_by_id, facts["for_whom"]) == (Answer.TENTATIVE, town.ada.id, "Carla Cramer")
    assert list(untyped(facts)) == []


async def test_answer_for_oneself_by_number_is_ones_own(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now, person=town.ben.id)

    assert facts["for_whom"] is None


async def test_answer_is_refused_to_who_may_not_give_it(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    yes = {"meeting": meeting, "answer": Answer.ACCEPTED, "now": now}

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.answer(by=town.person(name), person=town.carla.id, **yes)  # type: ignore[arg-type]  # of every type
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await meetings.answer(by=town.person(name), **yes)  # type: ignore[arg-type]  # of every type
    with pytest.raises(NotFoundHere):
        await meetings.answer(by=town.anna, person=town.nora.id, **yes)  # type: ignore[arg-type]  # of every type
    with pytest.raises(NotFoundHere):
        await meetings.answer(by=town.anna, meeting=999, answer=Answer.ACCEPTED, now=now)
    assert await Attendance.exclude(answer=Answer.OPEN).count() == 0


async def test_answer_from_a_seat_that_was_not_invited_is_refused(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await a_seat(town.nora, town.tk)

    with pytest.raises(NotFoundHere):
        await meetings.answer(by=town.nora, meeting=meeting, answer=Answer.ACCEPTED, now=now)


async def test_answer_is_taken_until_the_end_and_not_when_called_off(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE

    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.DECLINED, now=ends - MINUTE)
    with pytest.raises(MeetingOver):
        await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=ends)
    await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    with pytest.raises(MeetingOver) as refused:
        await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    assert refused.value.facts == {"state": "cancelled"}


async def test_card_of_the_group_shows_the_latest_counts_in_one_row(town: Town, now: datetime) -> None:
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-5, thread_id=3, linked_at=now)
    meeting = await inviting(town, now)
    await Notice.filter(kind=NoticeKind.CARD).update(state=NoticeState.SENT, message_id=12)

    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    card = await Notice.get(kind=NoticeKind.CARD)
    facts = typed.decode(card.facts)
    assert (card.state, card.message_id, card.chat_id, card.thread_id) == (NoticeState.WAITING, 12, -5, 3)
    assert (facts["counts"]["accepted"], facts["meeting"]["title"]) == (1, "1. Trägerkonferenz")
    assert list(untyped(facts)) == []


async def test_deputies_are_the_standing_one_and_colleagues_who_are_not_invited(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    gone = await a_person("Gerd Gegangen", left_at=now)
    await a_seat(gone, town.srt, organisation=town.caritas)
    former = await a_person("Fred Früher")
    await Membership.create(
        body=town.srt,
        person=former,
        organisation=town.caritas,
        role=Role.MEMBER,
        begins_on=date(2026, 1, 1),
        ends_on=cast.YESTERDAY,
    )

    facts = await meetings.deputies(by=town.ben, meeting=meeting, now=now)

    assert [person["name"] for person in facts["people"]] == ["Vera Vogt", "Kim Krause"]
    assert facts["for_whom"] is None
    assert list(untyped(facts)) == []


async def test_delegate_invites_the_deputy_who_sees_the_meeting_from_then_on(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)

    own = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    hers = await Attendance.get(meeting_id=meeting, person_id=town.vera.id)
    told = await cast.facts_for("invitation_as_deputy", town.vera)
    assert (own.answer, own.deputy_id) == (Answer.DELEGATED, town.vera.id)
    assert (hers.deputy_for_id, hers.organisation_id, hers.answer) == (town.ben.id, town.caritas.id, Answer.OPEN)
    assert (facts["answer"], facts["deputy"], facts["for_whom"]) == ("delegated", "Vera Vogt", None)
    assert (told["instead_of"], await to_be_told()) == ("Ben Özdemir", [("invitation_as_deputy", "Vera")])
    assert (await meetings.view(by=town.vera, meeting=meeting, now=now))["answer"] == "open"
    assert [list(untyped(facts)), list(untyped(told))] == [[], []]


async def test_delegating_twice_tells_the_deputy_once(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for person in (town.vera, town.vera, town.kim, town.kim):
        await meetings.delegate(by=town.ben, meeting=meeting, deputy=person.id, now=now)

    assert await to_be_told() == [
        ("invitation_as_deputy", "Vera"),
        ("deputy_released", "Vera"),
        ("invitation_as_deputy", "Kim"),
    ]


async def test_delegate_for_somebody_who_phoned(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    choices = await meetings.deputies(by=town.anna, meeting=meeting, now=now, person=town.ben.id)
    facts = await meetings.delegate(by=town.anna, meeting=meeting, deputy=town.vera.id, now=now, person=town.ben.id)

    assert (choices["for_whom"], facts["for_whom"]) == ("Ben Özdemir", "Ben Özdemir")
    assert (await Attendance.get(meeting_id=meeting, person_id=town.ben.id)).answered_by_id == town.anna.id


async def test_delegate_refuses_who_cannot_come_instead(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for deputy in (town.nora.id, town.emil.id, town.carla.id, town.ben.id, 999):
        with pytest.raises(DeputyUnknown):
            await meetings.delegate(by=town.ben, meeting=meeting, deputy=deputy, now=now)
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await meetings.delegate(by=town.person(name), meeting=meeting, deputy=town.kim.id, now=now)
    with pytest.raises(MeetingOver):
        await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=utc(TUESDAY) + 2 * HOUR)
    assert await to_be_told() == []


async def test_who_comes_after_all_releases_the_deputy_with_a_cancel(town: Town, now: datetime) -> None:
    await Somebody.filter(id=town.vera.id).update(mail="vera@lindental.example")
    meeting = await invited(town, now)
    await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()

    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + HOUR)

    request = await cast.facts_for("invitation_as_deputy", town.vera, MAIL)
    cancel = await cast.facts_for("deputy_released", town.vera, MAIL)
    assert await to_be_told() == [("deputy_released", "Vera"), ("deputy_released", "Vera")]
    assert (cancel["calendar"]["method"], cancel["calendar"]["status"]) == ("CANCEL", "cancelled")
    assert (request["calendar"]["sequence"], cancel["calendar"]["sequence"]) == (0, 1)
    assert cancel["calendar"]["stamp"] > request["calendar"]["stamp"]
    assert await Attendance.filter(person_id=town.vera.id).count() == 0


async def test_released_deputy_is_told_so_even_when_the_meeting_moves_at_once(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    await moved(town, meeting, now)

    assert ("deputy_released", "Vera") in await to_be_told()
    assert ("moved", "Vera") not in await to_be_told()


async def test_deputy_who_sits_there_too_is_not_released(town: Town, now: datetime) -> None:
    await Membership.filter(person_id=town.ben.id).update(deputy_id=town.carla.id)
    meeting = await invited(town, now)
    await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.carla.id, now=now)
    await cast.all_sent()

    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    assert await to_be_told() == []
    assert (await Attendance.get(meeting_id=meeting, person_id=town.carla.id)).answer is Answer.OPEN


async def test_answers_are_listed_as_the_telephone_book_would(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Attendance.create(meeting_id=meeting, guest_name="Prof. Gast", answer=Answer.ACCEPTED)
    await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await a_seat(town.nora, town.tk)

    facts = await meetings.answers(by=town.anna, meeting=meeting, now=now)

    assert [(person["name"], person["answer"], person["deputy"]) for person in facts["people"]] == [
        ("Anna Arendt", "open", None),
        ("Carla Cramer", "open", None),
        ("Dora Dietz", "open", None),
        ("Gesa Güler", "open", None),
        ("Ada Öhler", "open", None),
        ("Ben Özdemir", "delegated", "Vera Vogt"),
        ("Prof. Gast", "accepted", None),
        ("Vera Vogt", "open", None),
    ]
    assert (facts["newcomers"], facts["may_answer"]) == (1, True)
    assert [person["organisation"] for person in facts["people"] if person["name"] == "Ben Özdemir"] == [
        "Caritas Lindental"
    ]
    assert list(untyped(facts)) == []


async def test_answers_say_who_was_not_reached(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Notice.filter(person_id=town.carla.id).update(state=NoticeState.DEAD)
    await Notice.filter(person_id=town.ben.id, kind=MESSAGE).update(state=NoticeState.DEAD)

    facts = await meetings.answers(by=town.anna, meeting=meeting, now=now)

    assert [person["name"] for person in facts["people"] if person["unreached"]] == ["Carla Cramer"]


async def test_answers_are_shown_only_to_those_who_invite(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.answers(by=town.person(name), meeting=meeting, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotAMember):
            await meetings.answers(by=town.person(name), meeting=meeting, now=now)


# --- moving ---------------------------------------------------------------------------------------------------------


async def test_move_before_the_invitation_tells_nobody_and_is_no_step(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    facts = await meetings.move(by=town.ada, meeting=meeting, starts=WEDNESDAY, minutes=120, now=now)

    row = await Meeting.get(id=meeting)
    assert (row.starts_local, row.starts_at) == ("2026-11-25T14:30", utc(WEDNESDAY))
    assert (row.ends_at, row.sequence) == (utc(WEDNESDAY) + 2 * HOUR, 0)
    assert (facts["told"], facts["was"], facts["was_minutes"]) == (False, utc(TUESDAY), 90)
    assert await cast.told() == []


async def test_move_tells_everybody_once_after_the_settle_time(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)
    before = await Meeting.get(id=meeting)

    facts = await moved(town, meeting, now + HOUR)

    after = await Meeting.get(id=meeting)
    told = await waiting()
    assert sorted((row.person.given_name, row.kind) for row in told if row.person) == sorted(
        [(name, MESSAGE) for name in EVERYBODY] + [(name, MAIL) for name in WITH_MAIL]
    )
    assert {(row.template, row.due_at) for row in told} == {("moved", now + HOUR + 2 * MINUTE)}
    assert (after.uid, after.sequence) == (before.uid, 1)
    assert after.stamp is not None
    assert after.stamp > (before.stamp or now)
    assert {row.answer for row in await Attendance.all()} == {Answer.OPEN}
    assert (facts["told"], facts["was"], facts["meeting"]["starts"]) == (True, utc(TUESDAY), utc(WEDNESDAY))
    mail = await cast.facts_for("moved", town.ben, MAIL)
    assert (mail["was"], mail["was_minutes"], mail["meeting"]["starts"]) == (utc(TUESDAY), 90, utc(WEDNESDAY))
    assert (mail["calendar"]["method"], mail["calendar"]["sequence"]) == ("REQUEST", 1)
    assert [list(untyped(facts)), list(untyped(mail))] == [[], []]


async def test_moved_twice_within_the_settle_time_is_one_message_and_one_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    await moved(town, meeting, now)
    facts = await moved(town, meeting, now + MINUTE, THURSDAY)

    mail = await cast.facts_for("moved", town.ben, MAIL)
    assert len(await waiting()) == 8
    assert await sequence(meeting) == 1
    assert (facts["was"], mail["was"], mail["meeting"]["starts"]) == (utc(TUESDAY), utc(TUESDAY), utc(THURSDAY))
    assert {row.due_at for row in await waiting()} == {now + 3 * MINUTE}


async def test_moved_again_after_it_was_told_is_another_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await cast.all_sent()

    await moved(town, meeting, now + HOUR, THURSDAY)

    mail = await cast.facts_for("moved", town.ben, MAIL)
    assert (await sequence(meeting), len(await waiting())) == (2, 8)
    assert (mail["was"], mail["calendar"]["sequence"]) == (utc(WEDNESDAY), 2)


async def test_moved_again_when_only_some_have_heard_tells_everybody_the_last_date(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await cast.all_sent(kind=MAIL)  # those who rest hear of it by chat in the morning
    await cast.all_sent(person_id=town.anna.id)

    await moved(town, meeting, now + HOUR, THURSDAY)

    told = {name: await cast.facts_for("moved", town.person(name.lower())) for name in EVERYBODY}
    assert len(await waiting()) == 8
    assert await sequence(meeting) == 2
    assert {facts["meeting"]["starts"] for facts in told.values()} == {utc(THURSDAY)}
    assert {name: facts["was"] for name, facts in told.items()} == {
        "Anna": utc(WEDNESDAY),
        "Ada": utc(WEDNESDAY),
        "Ben": utc(WEDNESDAY),
        "Carla": utc(TUESDAY),
        "Dora": utc(TUESDAY),
        "Gesa": utc(TUESDAY),
    }


async def test_moved_before_the_invitation_left_invites_to_the_new_date(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)
    await cast.all_sent(person_id=town.ben.id)

    await moved(town, meeting, now + MINUTE)

    told = {(template, name) for template, name in await to_be_told()}
    assert told == {("moved", "Ben")} | {("invitation", name) for name in EVERYBODY if name != "Ben"}
    assert (await cast.facts_for("invitation", town.carla))["meeting"]["starts"] == utc(WEDNESDAY)
    assert await sequence(meeting) == 1


async def test_moved_before_anybody_heard_of_it_is_no_step(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    await moved(town, meeting, now + MINUTE)

    assert {template for template, _ in await to_be_told()} == {"invitation"}
    assert (len(await waiting()), await sequence(meeting)) == (8, 0)


async def test_moved_back_before_anybody_heard_of_the_move_asks_again(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    await moved(town, meeting, now + MINUTE, TUESDAY)

    assert {template for template, _ in await to_be_told()} == {"invitation"}
    assert await sequence(meeting) == 1


async def test_move_to_the_same_time_changes_nothing(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await meetings.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    facts = await moved(town, meeting, now, TUESDAY)

    assert (facts["told"], await to_be_told(), await sequence(meeting)) == (False, [], 0)
    assert (await Attendance.get(person_id=town.ben.id)).answer is Answer.ACCEPTED


async def test_stamps_of_changes_within_a_second_are_a_second_apart(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    stamps = []
    for day in range(1, 4):
        await moved(town, meeting, now + timedelta(milliseconds=200 * day), TUESDAY + day * DAY)
        await cast.all_sent()
        stamps.append((await Meeting.get(id=meeting)).stamp)

    assert stamps == [now + timedelta(seconds=seconds) for seconds in (1, 2, 3)]


async def test_change_within_36_hours_is_urgent_and_an_invitation_is_not(town: Town, now: datetime) -> None:
    soon = datetime(2026, 11, 19, 21, 0)  # noqa: DTZ001  # wall time: in 36 hours
    far = await invited(town, now, soon + 7 * DAY)
    near = await invited(town, now, soon + 8 * DAY)

    await moved(town, far, now, soon + MINUTE)
    await moved(town, near, now, soon)

    urgent = {
        number: {row.urgent for row in await Notice.filter(about=f"meeting:{number}", template="moved", kind=MESSAGE)}
        for number in (far, near)
    }
    assert urgent == {far: {False}, near: {True}}
    assert {row.urgent for row in await Notice.filter(template="invitation", kind=MESSAGE)} == {False}
    assert {row.urgent for row in await Notice.filter(kind=MAIL)} == {True}


async def test_meeting_that_moves_out_of_the_next_36_hours_is_urgent_too(town: Town, now: datetime) -> None:
    meeting = await invited(town, now, datetime(2026, 11, 19, 9, 0))  # noqa: DTZ001  # wall time: tomorrow

    await moved(town, meeting, now)

    assert {row.urgent for row in await waiting(kind=MESSAGE)} == {True}


async def test_move_and_cancel_are_not_told_to_who_lost_the_seat_or_left(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await meetings.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await Membership.filter(person_id=town.carla.id).update(ends_on=cast.YESTERDAY)
    await Somebody.filter(id=town.gesa.id).update(left_at=now)

    await moved(town, meeting, now)

    assert sorted(await to_be_told(kind=MESSAGE)) == [
        ("moved", name) for name in ("Ada", "Anna", "Ben", "Dora", "Vera")
    ]


async def test_move_is_refused_as_scheduling_is(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    yesterday = datetime(2026, 11, 17, 9, 0)  # noqa: DTZ001  # wall time

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.move(by=town.person(name), meeting=meeting, starts=WEDNESDAY, minutes=None, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotAMember):
            await meetings.move(by=town.person(name), meeting=meeting, starts=WEDNESDAY, minutes=None, now=now)
    with pytest.raises(InThePast):
        await moved(town, meeting, now, yesterday)
    with pytest.raises(UnlikelyDuration):
        await meetings.move(by=town.anna, meeting=meeting, starts=WEDNESDAY, minutes=4, now=now)
    with pytest.raises(MeetingOver):
        await moved(town, meeting, utc(TUESDAY))
    with pytest.raises(NotFoundHere):
        await moved(town, 999, now)
    assert await to_be_told() == []


async def test_meeting_that_somebody_else_changed_meanwhile_is_not_overwritten(town: Town, now: datetime) -> None:
    number = await invited(town, now)
    stale = await Meeting.get(id=number)
    await moved(town, number, now)

    with pytest.raises(ChangedMeanwhile):
        async with transaction():
            await meetings._change(stale, now, state=MeetingState.CANCELLED)  # noqa: SLF001  # an action keeps no row so long

    assert (await Meeting.get(id=number)).state is MeetingState.INVITED


async def test_changeable_is_what_lies_ahead_for_those_who_schedule(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE

    facts = await meetings.changeable(by=town.ada, meeting=meeting, now=ends - MINUTE)

    assert facts["meeting"]["id"] == meeting
    assert list(untyped(facts)) == []
    with pytest.raises(MeetingOver):
        await meetings.changeable(by=town.ada, meeting=meeting, now=ends)
    with pytest.raises(NotAllowed):
        await meetings.changeable(by=town.ben, meeting=meeting, now=now)


# --- calling off ----------------------------------------------------------------------------------------------------


async def test_cancel_tells_everybody_at_once_with_a_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    before = await Meeting.get(id=meeting)

    facts = await meetings.cancel(by=town.ada, meeting=meeting, reason="Streik", now=now + HOUR)

    row = await Meeting.get(id=meeting)
    mail = await cast.facts_for("cancelled", town.ben, MAIL)
    assert (row.state, row.cancel_reason, row.uid) == (MeetingState.CANCELLED, "Streik", before.uid)
    assert {(notice.template, notice.due_at) for notice in await waiting()} == {("cancelled", now + HOUR)}
    assert (len(await waiting()), facts["told"], facts["stored_items"]) == (
        7,
        5,
        0,
    )  # besides Ada, who gets her calendar mail
    assert (mail["calendar"]["method"], mail["calendar"]["status"]) == ("CANCEL", "cancelled")
    assert (mail["calendar"]["sequence"], mail["calendar"]["uid"]) == (1, before.uid)
    assert mail["calendar"]["stamp"] > before.stamp
    assert [list(untyped(facts)), list(untyped(mail))] == [[], []]


async def test_cancel_tells_only_those_who_have_heard_of_it(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)
    await cast.all_sent(person_id=town.ben.id)

    facts = await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["told"], await to_be_told()) == (1, [("cancelled", "Ben"), ("cancelled", "Ben")])


async def test_cancel_before_the_invitation_tells_nobody(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    facts = await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["told"], await cast.told(), await sequence(meeting)) == (0, [], 1)


async def test_cancel_after_a_move_that_nobody_heard_of_names_the_date_they_know(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now + MINUTE)

    told = await cast.facts_for("cancelled", town.ben)
    assert {template for template, _ in await to_be_told()} == {"cancelled"}
    assert (told["meeting"]["starts"], await sequence(meeting)) == (utc(TUESDAY), 2)


async def test_cancel_lays_the_items_into_the_topic_store(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    for state in (ItemState.PROPOSED, ItemState.ACCEPTED, ItemState.WITHDRAWN):
        await AgendaItem.create(
            body=town.tk, meeting_id=meeting, purpose=Purpose.REPORT, state=state, submitted_by=town.ben, created_at=now
        )

    facts = await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert facts["stored_items"] == 2
    assert [item.meeting_id for item in await AgendaItem.all().order_by("id")] == [None, None, meeting]


async def test_cancel_is_refused_to_others_twice_and_afterwards(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await meetings.cancel(by=town.person(name), meeting=meeting, reason="Streik", now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotAMember):
            await meetings.cancel(by=town.person(name), meeting=meeting, reason="Streik", now=now)
    with pytest.raises(TooLong):
        await meetings.cancel(by=town.anna, meeting=meeting, reason="x" * 501, now=now)
    with pytest.raises(MeetingOver):
        await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=utc(TUESDAY) + 90 * MINUTE)
    await meetings.cancel(by=town.anna, meeting=meeting, reason="x" * 500, now=utc(TUESDAY) + 89 * MINUTE)
    with pytest.raises(MeetingOver):
        await meetings.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    assert await sequence(meeting) == 1


# --- the clock ------------------------------------------------------------------------------------------------------


async def test_told_at_once_ends_the_settle_time(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    facts = await meetings.told_at_once(by=town.anna, meeting=meeting, now=now + MINUTE)

    assert {row.due_at for row in await waiting()} == {now + MINUTE}
    assert facts["told"] is True
    assert list(untyped(facts)) == []


async def test_told_at_once_with_nothing_to_tell_says_so(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await meetings.told_at_once(by=town.anna, meeting=meeting, now=now)

    assert facts["told"] is False


async def test_told_at_once_is_refused_to_members(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    with pytest.raises(NotAllowed):
        await meetings.told_at_once(by=town.ben, meeting=meeting, now=now)


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


# --- what it costs --------------------------------------------------------------------------------------------------

Counting = Callable[[], AbstractContextManager[Counted]]


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
            await meetings.answers(by=town.anna, meeting=meeting.id, now=now)
        costs.append({"upcoming": len(upcoming.statements), "answers": len(answers.statements)})

    assert costs[0] == costs[1]
    assert max(costs[0].values()) <= 8


async def test_invitation_of_a_large_body_costs_no_more_than_of_a_small_one(
    town: Town, now: datetime, statements: Counting
) -> None:
    costs = []
    for size in (1, 3):
        body = await a_body(f"AG{size}", "Arbeitsgruppe")
        await a_seat(town.anna, body, Role.CHAIR)
        for number in range(size):
            await a_seat(await a_person(f"Mit{size}{number} Glied", mail=f"m{size}{number}@x.example"), body)
        meeting = await a_meeting(body, "2026-11-24T14:30")
        with statements() as counted:
            await unit_of_work(lambda: meetings.invite(by=town.anna, meeting=meeting.id, land=LAND, now=now))  # noqa: B023  # called at once
        costs.append((len(counted.statements), counted.commits))

    assert costs[0] == costs[1]
    assert costs[0][1] == 1
