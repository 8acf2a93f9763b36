from datetime import UTC, datetime, timedelta

import pytest

from bot.actions import audit
from bot.actions.commitments import commitments, handing_over, reminding
from bot.actions.meetings import arrangements
from bot.actions.people import leaving
from storage.db import unit_of_work
from storage.models import AuditEvent, Membership, Notice
from storage.vocabulary import CheckInAnswer, CommitmentState, NoticeState
from tests.actions import agreements
from tests.actions.agreements import LAND, agreed, state, told
from tests.actions.cast import Town
from tests.actions.gathering import moved, scheduled

pytestmark = pytest.mark.usefixtures("store")


async def test_record_says_who_did_what_when(town: Town, now: datetime) -> None:
    await audit.record(town.anna, "item.accepted", "item:7", now=now, on_behalf_of=town.ben, count=3)

    event = await AuditEvent.get()
    assert (event.at, event.person_id, event.on_behalf_of_id) == (now, town.anna.id, town.ben.id)
    assert (event.what, event.about, event.facts) == ("item.accepted", "item:7", {"count": 3})


async def test_record_of_what_the_program_did_names_nobody(now: datetime) -> None:
    await audit.record(None, "town.imported", "town", now=now)

    event = await AuditEvent.get()
    assert (event.person_id, event.on_behalf_of_id, event.facts) == (None, None, {})


async def test_record_goes_with_the_deed_that_fails(town: Town, now: datetime) -> None:
    async def deed() -> None:
        await audit.record(town.anna, "item.accepted", "item:7", now=now)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await unit_of_work(deed)

    assert await AuditEvent.all().count() == 0


# --- whoever empties it changes nothing -----------------------------------------------------------------------------


async def emptied() -> None:
    """Nothing of what was done is recorded any more."""
    assert await AuditEvent.all().delete() > 0


async def test_nobody_is_told_twice_that_something_is_overdue(now: datetime) -> None:
    office = await agreements.arrive()
    await agreed(office, now)
    thursday = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    first = await reminding.mark_overdue(now=thursday, land=LAND)

    await emptied()

    assert (first, await reminding.mark_overdue(now=thursday + timedelta(days=1), land=LAND)) == (2, 0)


async def test_reopened_stands_as_before_and_those_who_had_heard_are_told(now: datetime) -> None:
    office = await agreements.arrive()
    number = await agreed(office, now)
    for answer in (CheckInAnswer.STUCK, CheckInAnswer.DONE):
        await commitments.check_in(by=office.carla, commitment=number, answer=answer, now=now)
    await Notice.all().update(state=NoticeState.SENT)
    await commitments.verify(by=office.ben, commitment=number, now=now)

    await emptied()
    await commitments.reopen(by=office.anna, commitment=number, now=now)

    assert await state(number) is CommitmentState.BLOCKED
    assert {person for _, person in await told("commitments/reopened")} == {office.ben.id, office.carla.id}


async def test_given_to_somebody_who_has_not_agreed_it_can_be_given_to_another(now: datetime) -> None:
    office = await agreements.arrive()
    number = await agreed(office, now)
    seat = await Membership.get(person_id=office.carla.id)
    await leaving.end_seat(by=office.anna, seat=seat.id, now=now)
    await handing_over.hand_over(by=office.anna, commitment=number, to=office.dora.id, now=now)

    await emptied()
    given = await handing_over.hand_over(by=office.anna, commitment=number, to=office.ben.id, now=now)

    assert [owner["name"] for owner in given["commitment"]["owners"]] == ["Ben Özdemir"]


async def test_news_name_who_changed_the_meeting(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)
    began = await arrangements.as_it_stands(by=town.ada, meeting=meeting, now=now)
    await moved(town, meeting, now)

    await emptied()
    later = await arrangements.meanwhile(by=town.ada, meeting=meeting, began=began, now=now)

    assert later["news"] == [{"what": "moved", "by": "Anna Arendt"}]
