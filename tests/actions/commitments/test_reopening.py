"""What was said to be done is open after all."""

from datetime import datetime, timedelta

import pytest

from bot.actions.commitments import commitments, ledger, reminding
from bot.actions.commitments.ledger import MayNotRecord
from bot.rules.parties import Party
from bot.rules.refusals import NotAllowed, NotFoundHere, Outdated
from storage.models import CheckIn, Commitment, FeedCache, Notice, Person
from storage.vocabulary import CheckInAnswer, CommitmentState, NoticeState
from tests.actions.agreements import LAND, STANDING, Town, agreed, arrive, facts_told, recorded, state, told


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


async def all_heard() -> None:
    """What waited has arrived."""
    await Notice.all().update(state=NoticeState.SENT)


async def says(town: Town, number: int, answer: CheckInAnswer, now: datetime) -> None:
    """Carla, who owns it, says how it stands."""
    await commitments.check_in(by=town.carla, commitment=number, answer=answer, now=now)


@pytest.mark.parametrize("answer", [CheckInAnswer.ON_TRACK, CheckInAnswer.STUCK, CheckInAnswer.NEEDS_HELP])
async def test_reopen_brings_back_how_it_stood(town: Town, now: datetime, answer: CheckInAnswer) -> None:
    number = await agreed(town, now)
    await says(town, number, answer, now)
    before = await state(number)
    await says(town, number, CheckInAnswer.DONE, now)

    facts = await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await state(number) is before
    assert (facts["may_answer"], facts["may_reopen"]) == (True, False)


async def test_what_is_reported_done_is_found_for_two_weeks(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)

    shown = [
        [entry["id"] for entry in (await ledger.listed(by=town.carla, now=now + timedelta(days=days)))["mine"]]
        for days in (0, 13, 15)
    ]

    assert shown == [[number], [number], []]


async def test_reopened_keeps_nothing_of_having_been_done(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await commitments.verify(by=town.ben, commitment=number, now=now)

    await commitments.reopen(by=town.anna, commitment=number, now=now)

    columns = ("done_from", "done_version", "done_by_id", "verified_by_id")
    assert await Commitment.filter(id=number).values_list(*columns) == [(None, None, None, None)]


async def test_reopen_of_a_standing_one(town: Town, now: datetime) -> None:
    number = await agreed(town, now, STANDING)
    await says(town, number, CheckInAnswer.DONE, now)

    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await state(number) is CommitmentState.AGREED


async def test_reopen_tells_who_had_heard_that_it_was_done(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await all_heard()
    await Person.filter(id=town.anna.id).update(absent_from=now.date(), absent_until=now.date())

    await commitments.reopen(by=town.carla, commitment=number, now=now)
    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await told("commitments/reopened") == [("commitments/reopened", town.anna.id)]
    assert (await facts_told("commitments/reopened", town.anna))["name"] == "Carla Cramer"


async def test_reopen_spares_who_had_not_heard_it_yet(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)

    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await told() == []


async def test_reopen_by_the_lead_tells_the_owner(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await all_heard()

    await commitments.reopen(by=town.anna, commitment=number, now=now)

    assert await told("commitments/reopened") == [("commitments/reopened", town.carla.id)]


async def test_reopen_tells_who_had_said_it(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await commitments.fulfil(by=town.dora, commitment=number, now=now)
    await all_heard()
    await commitments.verify(by=town.ben, commitment=number, now=now)

    await commitments.reopen(by=town.anna, commitment=number, now=now)

    people = {person for _, person in await told("commitments/reopened")}
    assert people == {town.carla.id, town.dora.id, town.ben.id}


async def test_reopen_of_what_was_done_before_it_was_kept_how_it_stood(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await Commitment.filter(id=number).update(state=CommitmentState.FULFILLED)

    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await state(number) is CommitmentState.AGREED
    assert await told() == [("commitments/reopened", town.anna.id)]


async def test_reopen_of_what_was_never_agreed(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await commitments.fulfil(by=town.anna, commitment=number, now=now)

    await commitments.reopen(by=town.anna, commitment=number, now=now)

    assert await state(number) is CommitmentState.PROPOSED


async def test_reopen_after_the_owner_has_left_leaves_an_orphan(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await Person.filter(id=town.carla.id).update(left_at=now)

    await commitments.reopen(by=town.anna, commitment=number, now=now)

    assert await state(number) is CommitmentState.ORPHANED


async def test_reopened_is_asked_about_again_and_becomes_overdue(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    near, past = now + timedelta(days=2), now + timedelta(days=12)
    await reminding.ask_check_ins(now=near, land=LAND)
    await says(town, number, CheckInAnswer.DONE, near)
    await commitments.reopen(by=town.carla, commitment=number, now=near)

    next_day = await reminding.ask_check_ins(now=near + timedelta(days=3), land=LAND)
    late = await reminding.mark_overdue(now=past, land=LAND)

    assert (next_day, late) == (1, 2)
    assert [template for template, _ in await told()] == [
        "commitments/check_in",
        "commitments/check_in",
        "commitments/overdue",
        "commitments/overdue",
    ]


async def test_reopen_forgets_only_the_answer_that_it_is_done(town: Town, now: datetime) -> None:
    number, other = await agreed(town, now), await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await says(town, other, CheckInAnswer.DONE, now)
    await FeedCache.create(person=town.carla, stale=False)

    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert [row.commitment_id for row in await CheckIn.all()] == [other]
    assert (await FeedCache.get(person_id=town.carla.id)).stale is True


async def test_reopen_tells_the_leads_when_it_is_not_known_any_more_who_heard(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await says(town, number, CheckInAnswer.DONE, now)
    await Notice.all().delete()

    await commitments.reopen(by=town.carla, commitment=number, now=now)

    assert await told("commitments/reopened") == [("commitments/reopened", town.anna.id)]


async def test_reopen_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now, owners=[Party(person=town.carla.id)])
    await Commitment.filter(id=number).update(state=CommitmentState.VERIFIED)

    with pytest.raises(MayNotRecord):
        await commitments.reopen(by=town.emil, commitment=number, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.reopen(by=town.nobody, commitment=number, now=now)
    for person in (town.carla, town.dora):
        with pytest.raises((NotAllowed, MayNotRecord)):
            await commitments.reopen(by=person, commitment=number, now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.DROPPED)
    with pytest.raises(Outdated):
        await commitments.reopen(by=town.anna, commitment=number, now=now)
