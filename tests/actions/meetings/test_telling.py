"""Answers that are entered for somebody who phoned; what else is told of a meeting is tested where it comes about."""

from datetime import datetime
from typing import Any

import pytest

from bot.actions.meetings import invitations, moving
from bot.actions.meetings.meetings import SETTLE
from bot.actions.people import leaving
from bot.rules.facts import AnswerLink
from storage.models import Attendance, Membership, Notice
from storage.vocabulary import Answer, Lane, MeetingFormat, Role
from tests.actions import cast
from tests.actions.cast import Town, untyped
from tests.actions.gathering import DAY, HOUR, MESSAGE, MINUTE, TUESDAY, invited, moved, to_be_told, utc
from tests.actions.invented import a_seat

ACCEPTED, DECLINED = Answer.ACCEPTED, Answer.DECLINED


async def enters(town: Town, meeting: int, answer: Answer, now: datetime) -> None:
    """Carla has phoned, and Anna writes down what she said."""
    await invitations.answer(by=town.anna, meeting=meeting, answer=answer, person=town.carla.id, now=now)


async def entered() -> list[tuple[str, str]]:
    """To whom it is to be told, and which answer."""
    waiting = Notice.filter(template="meetings/answer_entered", state="waiting").order_by("id").select_related("person")
    return [
        (row.person.given_name, str((await cast.facts_for("meetings/answer_entered", row.person))["answer"]))
        for row in await waiting
        if row.person
    ]


async def test_who_phoned_learns_what_was_entered_and_by_whom(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    await enters(town, meeting, DECLINED, now + HOUR)

    (row,) = await Notice.filter(template="meetings/answer_entered")
    facts = await cast.facts_for("meetings/answer_entered", town.carla)
    attendance = await Attendance.get(meeting_id=meeting, person_id=town.carla.id)
    assert (row.person_id, row.body_id, row.kind, row.lane) == (town.carla.id, town.tk.id, MESSAGE, Lane.MAILING)
    assert (row.due_at, row.urgent, row.about) == (now + HOUR + SETTLE, False, f"answers:{meeting}")
    assert (facts["by"], facts["answer"], facts["deputy"]) == ("Anna Arendt", "declined", None)
    assert (facts["answer_link"], facts["meeting"]["title"]) == (
        AnswerLink(attendance.id, meeting),
        "1. Trägerkonferenz",
    )
    assert list(untyped(facts)) == []


async def test_entries_in_short_succession_are_one_message(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    await enters(town, meeting, DECLINED, now)
    await enters(town, meeting, ACCEPTED, now + MINUTE)

    assert await entered() == [("Carla", "accepted")]


async def test_what_was_told_already_is_not_told_again(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await enters(town, meeting, DECLINED, now)
    await cast.all_sent()

    await enters(town, meeting, DECLINED, now + HOUR)
    same = await entered()
    await enters(town, meeting, ACCEPTED, now + HOUR)

    assert (same, await entered()) == ([], [("Carla", "accepted")])


async def test_who_answers_for_themselves_hears_nothing_of_what_was_entered(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await enters(town, meeting, DECLINED, now)

    await invitations.answer(by=town.carla, meeting=meeting, answer=ACCEPTED, now=now + MINUTE)

    assert await entered() == []


async def test_answers_that_begin_anew_are_not_told(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await enters(town, meeting, DECLINED, now)
    elsewhere: dict[str, Any] = {"form": MeetingFormat.PRESENCE, "place": "Bauhof", "join_link": None}

    await moving.relocate(by=town.anna, meeting=meeting, now=now, **elsewhere)
    still_counts = await entered()
    await moved(town, meeting, now)

    assert (still_counts, await entered()) == ([("Carla", "declined")], [])


async def test_answer_to_what_is_called_off_is_not_told(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await enters(town, meeting, DECLINED, now)

    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)

    assert await entered() == []


async def test_answer_of_a_seat_that_ends_is_not_told(town: Town, now: datetime) -> None:
    await a_seat(town.carla, town.srt, Role.MEMBER)
    meeting = await invited(town, now)
    await enters(town, meeting, DECLINED, now)
    seat = await Membership.get(person_id=town.carla.id, body_id=town.tk.id)

    await leaving.end_seat(by=town.anna, seat=seat.id, now=now)

    assert await entered() == []


async def test_deputy_named_for_somebody_who_phoned_is_told_to_both(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    await invitations.delegate(by=town.anna, meeting=meeting, deputy=town.vera.id, person=town.ben.id, now=now)

    bens, veras = (
        await cast.facts_for("meetings/answer_entered", town.ben),
        await cast.facts_for("meetings/invitation_as_deputy", town.vera),
    )
    assert await to_be_told() == [("meetings/answer_entered", "Ben"), ("meetings/invitation_as_deputy", "Vera")]
    assert (bens["answer"], bens["deputy"], bens["by"]) == ("delegated", "Vera Vogt", "Anna Arendt")
    assert (veras["instead_of"], veras["entered_by"]) == ("Ben Özdemir", "Anna Arendt")


async def test_deputy_who_phoned_is_told_although_they_have_no_seat_and_not_when_released(
    town: Town, now: datetime
) -> None:
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()

    await invitations.answer(by=town.anna, meeting=meeting, answer=ACCEPTED, person=town.vera.id, now=now)
    bodies = [row.body_id for row in await Notice.filter(template="meetings/answer_entered")]
    told = await entered()
    await invitations.answer(by=town.ben, meeting=meeting, answer=ACCEPTED, now=now)

    assert (bodies, told) == ([None], [("Vera", "accepted")])
    assert await to_be_told() == [("meetings/deputy_released", "Vera")]


@pytest.mark.parametrize(("before", "urgent"), [(2 * DAY, False), (DAY, True)])
async def test_entry_shortly_before_the_meeting_does_not_wait_for_the_morning(
    town: Town,
    now: datetime,
    before: Any,  # noqa: ANN401  # a time before the meeting
    urgent: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    meeting = await invited(town, now)

    await enters(town, meeting, DECLINED, utc(TUESDAY) - before)

    assert [row.urgent for row in await Notice.filter(template="meetings/answer_entered")] == [urgent]
