from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.actions.meetings import invitations, meetings, moving
from bot.actions.meetings.meetings import InThePast, MeetingOver, UnlikelyDuration
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, NotFoundHere, ReasonMissing, TooLong
from storage.db import transaction
from storage.models import AgendaItem, Attendance, AuditEvent, Meeting, Membership, Notice
from storage.models import Person as Somebody
from storage.vocabulary import Answer, ItemState, MeetingFormat, MeetingState, NoticeState, Purpose
from tests.actions import cast
from tests.actions.cast import OUTSIDERS, Town, untyped
from tests.actions.gathering import (
    DAY,
    EVERYBODY,
    HOUR,
    MAIL,
    MESSAGE,
    MINUTE,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    WITH_MAIL,
    invited,
    inviting,
    moved,
    scheduled,
    sequence,
    to_be_told,
    utc,
    waiting,
)

# --- moving -------------------------------------------------------------------------------------------------------------


async def test_move_before_the_invitation_tells_nobody_and_is_no_step(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    facts = await moving.move(by=town.ada, meeting=meeting, starts=WEDNESDAY, minutes=120, now=now)

    row = await Meeting.get(id=meeting)
    assert (row.starts_local, row.starts_at) == ("2026-11-25T14:30", utc(WEDNESDAY))
    assert (row.ends_at, row.sequence) == (utc(WEDNESDAY) + 2 * HOUR, 0)
    assert (facts["told"], facts["was"]["starts"], facts["was"]["minutes"]) == (False, utc(TUESDAY), 90)
    assert await cast.told() == []


async def test_move_by_somebody_who_lives_by_another_clock_means_theirs(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)
    await Somebody.filter(id=town.ada.id).update(zone="Europe/London")
    ada = await Somebody.get(id=town.ada.id)

    await moving.move(by=ada, meeting=meeting, starts=WEDNESDAY, minutes=120, now=now)
    await moving.relocate(by=ada, meeting=meeting, form=MeetingFormat.PRESENCE, place="Bauhof", join_link=None, now=now)

    row = await Meeting.get(id=meeting)
    assert (row.starts_local, row.zone, row.place) == ("2026-11-25T15:30", "Europe/Berlin", "Bauhof")
    assert (row.starts_at, row.ends_at) == (utc(WEDNESDAY) + HOUR, utc(WEDNESDAY) + 3 * HOUR)


async def test_another_place_leaves_a_time_that_comes_twice_as_it_was(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now, datetime(2027, 10, 31, 2, 30, fold=1))  # noqa: DTZ001  # wall time

    await moving.relocate(
        by=town.ada, meeting=meeting, form=MeetingFormat.PRESENCE, place="Bauhof", join_link=None, now=now
    )

    row = await Meeting.get(id=meeting)
    assert (row.place, row.starts_at) == ("Bauhof", datetime(2027, 10, 31, 1, 30, tzinfo=UTC))


async def test_move_tells_everybody_once_after_the_settle_time(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)
    before = await Meeting.get(id=meeting)

    facts = await moved(town, meeting, now + HOUR)

    after = await Meeting.get(id=meeting)
    told = await waiting()
    assert sorted((row.person.given_name, row.kind) for row in told if row.person) == sorted(
        [(name, MESSAGE) for name in EVERYBODY] + [(name, MAIL) for name in WITH_MAIL]
    )
    assert {(row.template, row.due_at) for row in told} == {("meetings/moved", now + HOUR + 2 * MINUTE)}
    assert (after.uid, after.sequence) == (before.uid, 1)
    assert after.stamp is not None
    assert after.stamp > (before.stamp or now)
    assert {row.answer for row in await Attendance.all()} == {Answer.OPEN}
    assert (facts["told"], facts["was"]["starts"], facts["meeting"]["starts"]) == (True, utc(TUESDAY), utc(WEDNESDAY))
    mail = await cast.facts_for("meetings/moved", town.ben, MAIL)
    assert (mail["was"]["starts"], mail["was"]["minutes"], mail["meeting"]["starts"]) == (
        utc(TUESDAY),
        90,
        utc(WEDNESDAY),
    )
    assert (mail["calendar"]["method"], mail["calendar"]["sequence"]) == ("REQUEST", 1)
    assert [list(untyped(facts)), list(untyped(mail))] == [[], []]


async def test_who_was_not_reached_by_the_invitation_is_invited_to_the_new_time(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ben, carla = town.ben.id, town.carla.id
    await Notice.filter(person_id=ben, kind=MESSAGE).update(state=NoticeState.WAITING)
    await Notice.filter(person_id=ben, kind=MAIL).update(state=NoticeState.DROPPED, error="unreachable")
    await Notice.filter(person_id=carla).update(state=NoticeState.DROPPED, error="level")

    await moved(town, meeting, now + HOUR)

    heard = {row.person_id: row.template for row in await waiting() if row.kind is MESSAGE}
    assert (heard[ben], heard[carla], heard[town.dora.id]) == (
        "meetings/invitation",
        "meetings/moved",
        "meetings/moved",
    )


async def test_moved_twice_within_the_settle_time_is_one_message_and_one_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    await moved(town, meeting, now)
    facts = await moved(town, meeting, now + MINUTE, THURSDAY)

    mail = await cast.facts_for("meetings/moved", town.ben, MAIL)
    assert len(await waiting()) == 8
    assert await sequence(meeting) == 1
    assert (facts["was"]["starts"], mail["was"]["starts"], mail["meeting"]["starts"]) == (
        utc(TUESDAY),
        utc(TUESDAY),
        utc(THURSDAY),
    )
    assert {row.due_at for row in await waiting()} == {now + 3 * MINUTE}


async def test_moved_again_after_it_was_told_is_another_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await cast.all_sent()

    await moved(town, meeting, now + HOUR, THURSDAY)

    mail = await cast.facts_for("meetings/moved", town.ben, MAIL)
    assert (await sequence(meeting), len(await waiting())) == (2, 8)
    assert (mail["was"]["starts"], mail["calendar"]["sequence"]) == (utc(WEDNESDAY), 2)


async def test_moved_again_when_only_some_have_heard_tells_everybody_the_last_date(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await cast.all_sent(kind=MAIL)  # those who rest hear of it by chat in the morning
    await cast.all_sent(person_id=town.anna.id)

    await moved(town, meeting, now + HOUR, THURSDAY)

    told = {name: await cast.facts_for("meetings/moved", town.person(name.lower())) for name in EVERYBODY}
    assert len(await waiting()) == 8
    assert await sequence(meeting) == 2
    assert {facts["meeting"]["starts"] for facts in told.values()} == {utc(THURSDAY)}
    assert {name: facts["was"]["starts"] for name, facts in told.items()} == {
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
    assert told == {("meetings/moved", "Ben")} | {("meetings/invitation", name) for name in EVERYBODY if name != "Ben"}
    assert (await cast.facts_for("meetings/invitation", town.carla))["meeting"]["starts"] == utc(WEDNESDAY)
    assert await sequence(meeting) == 1


async def test_moved_before_anybody_heard_of_it_is_no_step(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    await moved(town, meeting, now + MINUTE)

    assert {template for template, _ in await to_be_told()} == {"meetings/invitation"}
    assert (len(await waiting()), await sequence(meeting)) == (8, 0)


async def test_move_after_the_invitation_reached_nobody_invites_everybody_under_another_number(
    town: Town, now: datetime
) -> None:
    meeting = await inviting(town, now)
    await Notice.all().update(state=NoticeState.DEAD)

    facts = await moved(town, meeting, now + HOUR)

    assert (facts["told"], len(await waiting()), await sequence(meeting)) == (True, 8, 1)
    assert {template for template, _ in await to_be_told()} == {"meetings/invitation"}


async def test_move_after_the_last_one_reached_nobody_tells_what_they_know(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await cast.all_sent(person_id=town.dora.id)
    await Notice.filter(state=NoticeState.WAITING).update(state=NoticeState.DEAD)

    facts = await moved(town, meeting, now + HOUR, THURSDAY)

    ben, dora = (
        await cast.facts_for("meetings/moved", town.ben, MAIL),
        await cast.facts_for("meetings/moved", town.dora),
    )
    assert (facts["told"], len(await waiting()), await sequence(meeting)) == (True, 8, 2)
    assert (ben["was"]["starts"], ben["meeting"]["starts"]) == (utc(TUESDAY), utc(THURSDAY))
    assert (dora["was"]["starts"], facts["was"]["starts"]) == (utc(WEDNESDAY), utc(WEDNESDAY))


async def test_who_missed_the_move_is_asked_again_with_another_place_and_the_others_are_not(
    town: Town, now: datetime
) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await Notice.filter(state=NoticeState.WAITING, person_id=town.ben.id).update(state=NoticeState.DEAD)
    await cast.all_sent()
    await invitations.answer(by=town.dora, meeting=meeting, answer=Answer.ACCEPTED, now=now + MINUTE)

    await relocated(town, meeting, now + HOUR, place="Bauhof")

    told = {name: await cast.facts_for("meetings/moved", town.person(name)) for name in ("ben", "dora")}
    assert {name: (facts["was"]["starts"], facts["anew"]) for name, facts in told.items()} == {
        "ben": (utc(TUESDAY), True),
        "dora": (utc(WEDNESDAY), False),
    }
    assert (await Attendance.get(person_id=town.dora.id)).answer is Answer.ACCEPTED


async def test_change_whose_mail_alone_was_refused_is_known_by_chat(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await Notice.filter(state=NoticeState.WAITING, kind=MAIL).update(state=NoticeState.DEAD)
    await cast.all_sent()

    await moved(town, meeting, now + HOUR, THURSDAY)

    assert (await cast.facts_for("meetings/moved", town.ben))["was"]["starts"] == utc(WEDNESDAY)


async def test_move_reaches_those_whose_mail_was_refused_while_the_others_wait_for_the_morning(
    town: Town, now: datetime
) -> None:
    meeting = await inviting(town, now)
    by_mail = Notice.filter(person_id__in=[town.ada.id, town.ben.id])
    await by_mail.filter(kind=MESSAGE).update(state=NoticeState.DROPPED, error="by calendar mail")
    await by_mail.filter(kind=MAIL).update(state=NoticeState.DEAD)

    await moved(town, meeting, now + HOUR)

    assert sorted({name for _, name in await to_be_told()}) == sorted(EVERYBODY)
    assert (len(await waiting()), await sequence(meeting)) == (8, 1)


async def test_moved_back_before_anybody_heard_of_the_move_asks_again(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    await moved(town, meeting, now + MINUTE, TUESDAY)

    assert {template for template, _ in await to_be_told()} == {"meetings/invitation"}
    assert await sequence(meeting) == 1


async def test_move_to_the_same_time_changes_nothing(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

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


async def test_change_within_36_hours_is_urgent(town: Town, now: datetime) -> None:
    soon = datetime(2026, 11, 19, 21, 0)  # noqa: DTZ001  # wall time: in 36 hours
    far = await invited(town, now, soon + 7 * DAY)
    near = await invited(town, now, soon + 8 * DAY)

    await moved(town, far, now, soon + MINUTE)
    await moved(town, near, now, soon)

    urgent = {
        number: {
            row.urgent
            for row in await Notice.filter(about=f"meeting:{number}", template="meetings/moved", kind=MESSAGE)
        }
        for number in (far, near)
    }
    assert urgent == {far: {False}, near: {True}}
    assert {row.urgent for row in await Notice.filter(kind=MAIL)} == {True}


async def test_meeting_that_moves_out_of_the_next_36_hours_is_urgent_too(town: Town, now: datetime) -> None:
    meeting = await invited(town, now, datetime(2026, 11, 19, 9, 0))  # noqa: DTZ001  # wall time: tomorrow

    await moved(town, meeting, now)

    assert {row.urgent for row in await waiting(kind=MESSAGE)} == {True}


async def test_move_and_cancel_are_not_told_to_who_lost_the_seat_or_left(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await Membership.filter(person_id=town.carla.id).update(ends_on=cast.YESTERDAY)
    await Somebody.filter(id=town.gesa.id).update(left_at=now)

    await moved(town, meeting, now)

    assert sorted(await to_be_told(kind=MESSAGE)) == [
        ("meetings/moved", name) for name in ("Ada", "Anna", "Ben", "Dora", "Vera")
    ]


async def test_move_is_refused_as_scheduling_is(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    yesterday = datetime(2026, 11, 17, 9, 0)  # noqa: DTZ001  # wall time

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await moving.move(by=town.person(name), meeting=meeting, starts=WEDNESDAY, minutes=None, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotFoundHere):
            await moving.move(by=town.person(name), meeting=meeting, starts=WEDNESDAY, minutes=None, now=now)
    with pytest.raises(InThePast):
        await moved(town, meeting, now, yesterday)
    with pytest.raises(UnlikelyDuration):
        await moving.move(by=town.anna, meeting=meeting, starts=WEDNESDAY, minutes=4, now=now)
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
            await meetings.write(stale, now, state=MeetingState.CANCELLED)

    assert (await Meeting.get(id=number)).state is MeetingState.INVITED


async def test_changeable_is_what_lies_ahead_for_those_who_schedule(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE

    facts = await moving.changeable(by=town.ada, meeting=meeting, now=ends - MINUTE)

    assert facts["meeting"]["id"] == meeting
    assert list(untyped(facts)) == []
    with pytest.raises(MeetingOver):
        await moving.changeable(by=town.ada, meeting=meeting, now=ends)
    with pytest.raises(NotAllowed):
        await moving.changeable(by=town.ben, meeting=meeting, now=now)


# --- another place --------------------------------------------------------------------------------------------------


async def relocated(town: Town, meeting: int, now: datetime, **where: Any) -> dict[str, Any]:  # noqa: ANN401  # of every type
    """Ada puts it elsewhere; what is not named stays as `plan` has it."""
    as_planned = {"form": MeetingFormat.HYBRID, "place": "Rathaus", "join_link": "https://video.example/tk"}
    return await moving.relocate(by=town.ada, meeting=meeting, **{**as_planned, **where}, now=now)


async def test_relocate_tells_everybody_once_what_was_and_what_is_and_answers_stay(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)
    before = await Meeting.get(id=meeting)

    facts = await relocated(town, meeting, now + HOUR, place="Bauhof")

    after = await Meeting.get(id=meeting)
    told = await waiting()
    mail = await cast.facts_for("meetings/moved", town.ben, MAIL)
    assert (after.place, after.format, after.join_link) == ("Bauhof", before.format, before.join_link)
    assert (after.uid, after.sequence, after.starts_at) == (before.uid, 1, before.starts_at)
    assert (len(told), {(row.template, row.due_at) for row in told}) == (
        8,
        {("meetings/moved", now + HOUR + 2 * MINUTE)},
    )
    assert (await Attendance.get(person_id=town.ben.id)).answer is Answer.ACCEPTED
    assert (mail["was"]["place"], mail["meeting"]["place"], mail["anew"]) == ("Rathaus", "Bauhof", False)
    assert mail["changed"] == {"time": False, "format": False, "place": True, "link": False}
    assert (mail["calendar"]["sequence"], mail["calendar"]["place"]) == (1, "Bauhof")
    assert mail["calendar"]["answer"] == "accepted"
    assert [list(untyped(facts)), list(untyped(mail))] == [[], []]
    assert await AuditEvent.filter(what="meeting.relocated", person_id=town.ada.id).count() == 1


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        (MeetingFormat.HYBRID, ("Rathaus", "https://video.example/tk")),
        (MeetingFormat.ONLINE, (None, "https://video.example/tk")),
        (MeetingFormat.PRESENCE, ("Rathaus", None)),
    ],
)
async def test_form_decides_what_of_place_and_link_there_is(
    town: Town, now: datetime, form: MeetingFormat, kept: tuple[str | None, str | None]
) -> None:
    meeting = await scheduled(town, now)

    facts = await relocated(town, meeting, now, form=form)

    row = await Meeting.get(id=meeting)
    assert (row.format, (row.place, row.join_link)) == (form, kept)
    assert facts["changed"] == {
        "time": False,
        "format": form is not MeetingFormat.HYBRID,
        "place": kept[0] is None,
        "link": kept[1] is None,
    }
    assert (facts["told"], await cast.told()) == (False, [])


async def test_moved_and_relocated_within_the_settle_time_is_one_message_and_one_step(
    town: Town, now: datetime
) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    await relocated(town, meeting, now + MINUTE, place="Bauhof", join_link="https://video.example/neu")

    facts = await cast.facts_for("meetings/moved", town.carla)
    assert (len(await waiting()), await sequence(meeting)) == (8, 1)
    assert (facts["was"]["starts"], facts["meeting"]["starts"]) == (utc(TUESDAY), utc(WEDNESDAY))
    assert (facts["was"]["join_link"], facts["meeting"]["join_link"]) == (
        "https://video.example/tk",
        "https://video.example/neu",
    )
    assert (facts["anew"], facts["changed"]) == (True, {"time": True, "format": False, "place": True, "link": True})


async def test_moved_there_and_back_and_relocated_asks_anew(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await moved(town, meeting, now, TUESDAY)

    await relocated(town, meeting, now + MINUTE, place="Bauhof")

    facts = await cast.facts_for("meetings/moved", town.carla)
    assert {template for template, _ in await to_be_told()} == {"meetings/moved"}
    assert (facts["anew"], facts["changed"]["time"], facts["changed"]["place"]) == (True, False, True)


async def test_relocated_there_and_back_is_told_to_nobody(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await relocated(town, meeting, now, place="Bauhof")

    facts = await relocated(town, meeting, now + MINUTE, place="Rathaus")

    assert (facts["told"], await to_be_told()) == (False, [])
    assert set(facts["changed"].values()) == {False}


async def test_relocated_before_the_invitation_left_invites_to_the_new_place(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    await relocated(town, meeting, now + MINUTE, place="Bauhof")

    assert {template for template, _ in await to_be_told()} == {"meetings/invitation"}
    assert (await cast.facts_for("meetings/invitation", town.carla))["meeting"]["place"] == "Bauhof"
    assert await sequence(meeting) == 0


async def test_cancel_after_a_new_place_that_nobody_heard_of_names_the_one_they_know(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await relocated(town, meeting, now, place=None)

    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now + MINUTE)

    assert (await cast.facts_for("meetings/cancelled", town.carla))["meeting"]["place"] == "Rathaus"


async def test_relocate_is_refused_as_moving_is(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await moving.relocate(
                by=town.person(name),
                meeting=meeting,
                form=MeetingFormat.ONLINE,
                place=None,
                join_link=None,
                now=now,
            )
    with pytest.raises(TooLong):
        await relocated(town, meeting, now, place="x" * 201)
    with pytest.raises(TooLong):
        await relocated(town, meeting, now, join_link="x" * 501)
    with pytest.raises(MeetingOver):
        await relocated(town, meeting, utc(TUESDAY))
    assert await to_be_told() == []


# --- calling off --------------------------------------------------------------------------------------------------------


async def test_cancel_tells_everybody_at_once_with_a_step(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    before = await Meeting.get(id=meeting)

    facts = await moving.cancel(by=town.ada, meeting=meeting, reason="Streik", now=now + HOUR)

    row = await Meeting.get(id=meeting)
    mail = await cast.facts_for("meetings/cancelled", town.ben, MAIL)
    assert (row.state, row.cancel_reason, row.uid) == (MeetingState.CANCELLED, "Streik", before.uid)
    assert {(notice.template, notice.due_at) for notice in await waiting()} == {("meetings/cancelled", now + HOUR)}
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

    facts = await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["told"], await to_be_told()) == (1, [("meetings/cancelled", "Ben"), ("meetings/cancelled", "Ben")])


async def test_those_who_answered_before_the_invitation_left_hear_that_it_is_moved_and_called_off(
    town: Town, now: datetime
) -> None:
    meeting = await inviting(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    await moved(town, meeting, now)
    await moved(town, meeting, now + MINUTE, THURSDAY)
    moved_ = await cast.facts_for("meetings/moved", town.ben)
    facts = await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now + 2 * MINUTE)

    off = await cast.facts_for("meetings/cancelled", town.ben)
    assert (moved_["was"]["starts"], moved_["anew"]) == (utc(TUESDAY), True)
    assert (facts["told"], await to_be_told()) == (1, [("meetings/cancelled", "Ben"), ("meetings/cancelled", "Ben")])
    assert off["meeting"]["starts"] == utc(TUESDAY)


async def test_cancel_of_what_nobody_has_heard_of_says_so(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    facts = await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["told"], facts["was_invited"], await to_be_told()) == (0, True, [])


async def test_cancel_before_the_invitation_tells_nobody(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    facts = await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["told"], facts["was_invited"]) == (0, False)
    assert (await cast.told(), await sequence(meeting)) == ([], 1)


async def test_cancel_after_a_move_that_nobody_heard_of_names_the_date_they_know(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now + MINUTE)

    told = await cast.facts_for("meetings/cancelled", town.ben)
    assert {template for template, _ in await to_be_told()} == {"meetings/cancelled"}
    assert (told["meeting"]["starts"], await sequence(meeting)) == (utc(TUESDAY), 2)


async def test_cancel_without_a_next_meeting_takes_the_items_off_the_agenda(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    for state in (ItemState.PROPOSED, ItemState.ACCEPTED, ItemState.WITHDRAWN):
        await AgendaItem.create(
            body=town.tk, meeting_id=meeting, purpose=Purpose.REPORT, state=state, submitted_by=town.ben, created_at=now
        )

    facts = await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert (facts["waiting_items"], facts["stored_items"]) == (1, 1)
    assert [item.meeting_id for item in await AgendaItem.all().order_by("id")] == [None, None, meeting]


async def test_cancel_is_refused_to_others_twice_and_afterwards(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await moving.cancel(by=town.person(name), meeting=meeting, reason="Streik", now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotFoundHere):
            await moving.cancel(by=town.person(name), meeting=meeting, reason="Streik", now=now)
    for reason in ("", " \n"):
        with pytest.raises(ReasonMissing):
            await moving.cancel(by=town.anna, meeting=meeting, reason=reason, now=now)
    with pytest.raises(TooLong):
        await moving.cancel(by=town.anna, meeting=meeting, reason="x" * 501, now=now)
    with pytest.raises(MeetingOver):
        await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=utc(TUESDAY) + 90 * MINUTE)
    await moving.cancel(by=town.anna, meeting=meeting, reason="x" * 500, now=utc(TUESDAY) + 89 * MINUTE)
    with pytest.raises(MeetingOver):
        await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    assert await sequence(meeting) == 1


# --- at once ------------------------------------------------------------------------------------------------------------


async def test_told_at_once_ends_the_settle_time(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)

    facts = await moving.told_at_once(by=town.anna, meeting=meeting, now=now + MINUTE)

    assert {row.due_at for row in await waiting()} == {now + MINUTE}
    assert facts["told"] is True
    assert list(untyped(facts)) == []


async def test_told_at_once_with_nothing_to_tell_says_so(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await moving.told_at_once(by=town.anna, meeting=meeting, now=now)

    assert facts["told"] is False


async def test_told_at_once_is_refused_to_members(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    with pytest.raises(NotAllowed):
        await moving.told_at_once(by=town.ben, meeting=meeting, now=now)
