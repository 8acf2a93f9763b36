from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from bot.actions.meetings import arrangements, invitations, moving
from bot.actions.meetings.arrangements import Seen
from bot.actions.meetings.invitations import EverybodyInvited
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, NotFoundHere
from storage.models import Attendance, Meeting, Notice
from storage.vocabulary import Answer, MeetingFormat, MeetingState
from tests.actions.cast import LAND, OUTSIDERS, Town, untyped
from tests.actions.gathering import HOUR, THURSDAY, TUESDAY, WEDNESDAY, invited, moved, scheduled, utc
from tests.actions.invented import a_seat

Form = Callable[..., Awaitable[Any]]
MOVED: dict[str, Any] = {"starts": THURSDAY, "minutes": None}
ELSEWHERE: dict[str, Any] = {"form": MeetingFormat.PRESENCE, "place": "Bauhof", "join_link": None}


async def looked_at(town: Town, meeting: int, now: datetime) -> str:
    """The mark of the meeting above Ada's button."""
    shown = await arrangements.meanwhile(by=town.ada, meeting=meeting, began=None, now=now)
    return str(shown["seen"])


@pytest.mark.parametrize(
    ("form", "facts"),
    [
        (moving.move, MOVED),
        (moving.relocate, ELSEWHERE),
        (moving.cancel, {"reason": "Streik"}),
        (invitations.invite, {"land": LAND}),
    ],
)
async def test_form_changes_nothing_that_it_has_not_seen(
    town: Town, now: datetime, form: Form, facts: dict[str, Any]
) -> None:
    meeting = await scheduled(town, now)
    seen = await looked_at(town, meeting, now)
    await moved(town, meeting, now)
    before = await Meeting.get(id=meeting)

    with pytest.raises(ChangedMeanwhile):
        await form(by=town.ada, meeting=meeting, now=now, seen=seen, **facts)

    after = await Meeting.get(id=meeting)
    assert (after.version, after.starts_at, after.state) == (before.version, utc(WEDNESDAY), MeetingState.SCHEDULED)
    assert await Notice.all().count() == 0
    await form(by=town.ada, meeting=meeting, now=now, seen=await looked_at(town, meeting, now), **facts)
    assert (await Meeting.get(id=meeting)).version > before.version


async def test_second_lead_who_moves_wipes_no_answer_without_a_word(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    seen = await looked_at(town, meeting, now)
    await moved(town, meeting, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    with pytest.raises(ChangedMeanwhile):
        await moving.move(by=town.ada, meeting=meeting, now=now, seen=seen, **MOVED)

    assert (await Attendance.get(meeting_id=meeting, person_id=town.ben.id)).answer is Answer.ACCEPTED


async def test_answers_and_deputies_are_no_change_of_what_a_form_shows(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    seen = await looked_at(town, meeting, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    facts = await moving.move(by=town.ada, meeting=meeting, now=now, seen=seen, **MOVED)

    assert facts["meeting"]["starts"] == utc(THURSDAY)


async def test_who_invites_after_somebody_else_hears_that_everybody_is(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)
    seen = await looked_at(town, meeting, now)
    invite: dict[str, Any] = {"meeting": meeting, "land": LAND, "now": now, "seen": seen}
    await invitations.invite(by=town.anna, **invite)

    with pytest.raises(EverybodyInvited):
        await invitations.invite(by=town.ada, **invite)
    await a_seat(town.nora, town.tk)
    with pytest.raises(ChangedMeanwhile):
        await invitations.invite(by=town.ada, **invite)


async def test_news_say_what_happened_since_the_form_began_and_who_did_it(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)
    began = await arrangements.as_it_stands(by=town.ada, meeting=meeting, now=now)
    at_once = await arrangements.meanwhile(by=town.ada, meeting=meeting, began=began, now=now)
    await moved(town, meeting, now)
    await moving.relocate(by=town.ada, meeting=meeting, now=now, **ELSEWHERE)
    await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    later = await arrangements.meanwhile(by=town.ada, meeting=meeting, began=began, now=now + HOUR)

    assert at_once["news"] == []
    assert later["news"] == [
        {"what": "moved", "by": "Anna Arendt"},
        {"what": "relocated", "by": None},  # she did that herself, in another chat
        {"what": "invited", "by": "Anna Arendt"},
    ]
    assert later["seen"] != at_once["seen"]
    assert list(untyped(later)) == []


async def test_news_without_a_record_name_nobody(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)
    began = await arrangements.as_it_stands(by=town.ada, meeting=meeting, now=now)
    await Meeting.filter(id=meeting).update(place="Bauhof")

    later = await arrangements.meanwhile(by=town.ada, meeting=meeting, began=began, now=now)

    assert later["news"] == [{"what": "relocated", "by": None}]


async def test_what_a_form_keeps_comes_back_as_it_was(town: Town, now: datetime) -> None:
    seen = Seen.of(await Meeting.get(id=await scheduled(town, now, TUESDAY)))

    assert Seen.from_stored(seen.stored()) == seen


async def test_how_a_meeting_stands_is_for_those_who_change_it(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    for name in ("ben", *OUTSIDERS):
        refusal = NotAllowed if name == "ben" else NotFoundHere
        with pytest.raises(refusal):
            await arrangements.as_it_stands(by=town.person(name), meeting=meeting, now=now)
        with pytest.raises(refusal):
            await arrangements.meanwhile(by=town.person(name), meeting=meeting, began=None, now=now)
