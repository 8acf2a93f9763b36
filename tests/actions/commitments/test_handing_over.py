"""A commitment whose owner has left goes to somebody else."""

from datetime import datetime

import pytest

from bot.actions.commitments import commitments, handing_over, ledger
from bot.actions.people import leaving
from bot.rules.facts import Facts, PersonName
from bot.rules.parties import Party
from bot.rules.refusals import NotAllowed, NotFoundHere, Outdated
from storage.models import CommitmentParty, FeedCache, Membership, Notice, Person
from storage.vocabulary import CheckInAnswer, CommitmentState, Role, Side
from tests.actions.agreements import Town, agreed, arrive, facts_told, recorded, state, told
from tests.actions.invented import a_seat


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


async def leaves(town: Town, person: Person, now: datetime) -> None:
    """Anna ends the person's seat; nothing of that waits to be told."""
    seat = await Membership.get(person_id=person.id, body_id=town.rlk.id)
    await leaving.end_seat(by=town.anna, seat=seat.id, now=now)
    await Notice.all().delete()


async def orphaned(town: Town, now: datetime) -> int:
    """Carla had agreed to it with Emil, and has left."""
    number = await agreed(town, now)
    await leaves(town, town.carla, now)
    return number


async def gives(town: Town, number: int, to: Person, now: datetime, by: Person | None = None) -> Facts:
    return await handing_over.hand_over(by=by or town.anna, commitment=number, to=to.id, now=now)


async def owners(number: int) -> list[tuple[int | None, bool]]:
    rows = await CommitmentParty.filter(commitment_id=number, side=Side.OWNER).order_by("id")
    return [(row.person_id, row.confirmed_at is not None) for row in rows]


async def test_choices_are_the_people_of_the_body(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)

    facts = await handing_over.choices(by=town.anna, commitment=number, now=now)

    assert facts["commitment"]["id"] == number
    assert facts["people"] == [
        {"id": town.anna.id, "name": PersonName("Anna Arendt"), "own": True},
        {"id": town.dora.id, "name": PersonName("Dora Dietz"), "own": False},
        {"id": town.ben.id, "name": PersonName("Ben Özdemir"), "own": False},
    ]
    assert type(facts["people"][0]["name"]) is PersonName


async def test_counterpart_cannot_take_it_over(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)
    await CommitmentParty.filter(commitment_id=number, side=Side.COUNTERPART).update(person_id=town.anna.id)

    facts = await handing_over.choices(by=town.anna, commitment=number, now=now)
    with pytest.raises(NotFoundHere):
        await gives(town, number, town.anna, now)

    assert town.anna.id not in [person["id"] for person in facts["people"]]


async def test_new_owner_is_asked_and_the_others_are_told(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)
    await FeedCache.create(person=town.dora, stale=False)

    facts = await gives(town, number, town.dora, now)

    assert await state(number) is CommitmentState.PROPOSED
    assert await owners(number) == [(town.dora.id, False)]
    assert facts["commitment"]["due_moves"] == 0
    assert await told() == [
        ("commitments/taking_over", town.dora.id),
        ("commitments/handed_over", town.carla.id),
        ("commitments/handed_over", town.emil.id),
    ]
    asked = await facts_told("commitments/taking_over", town.dora)
    assert (asked["name"], [party["name"] for party in asked["before"]]) == ("Anna Arendt", ["Carla Cramer"])
    assert [party["own"] for party in asked["commitment"]["owners"]] == [True]
    assert (await FeedCache.get(person_id=town.dora.id)).stale is True


async def test_new_owner_confirms_to_who_gave_it(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)
    await gives(town, number, town.dora, now, by=town.ben)
    await Notice.all().delete()

    await commitments.confirm(by=town.dora, commitment=number, now=now)

    assert await state(number) is CommitmentState.AGREED
    assert await told() == [("commitments/agreed", town.ben.id)]
    assert (await ledger.view(by=town.anna, commitment=number, now=now))["may_hand_over"] is False
    with pytest.raises(Outdated):
        await gives(town, number, town.ben, now)


async def test_taking_it_oneself_needs_no_question(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)

    await gives(town, number, town.anna, now)

    assert await state(number) is CommitmentState.AGREED
    assert await told("commitments/taking_over") == []


async def test_what_is_not_taken_can_be_given_to_another(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)
    await gives(town, number, town.dora, now)
    await gives(town, number, town.dora, now)
    await commitments.decline(by=town.dora, commitment=number, reason="Keine Zeit", now=now)
    view = await ledger.view(by=town.anna, commitment=number, now=now)
    people = (await handing_over.choices(by=town.anna, commitment=number, now=now))["people"]
    facts = await gives(town, number, town.ben, now)

    assert view["may_hand_over"] is True
    assert town.dora.id not in [person["id"] for person in people]
    assert await owners(number) == [(town.ben.id, False)]
    assert facts["commitment"]["reason"] is None
    assert (await told("commitments/taking_over"))[-1] == ("commitments/taking_over", town.ben.id)
    assert ("commitments/handed_over", town.dora.id) in await told()


async def test_one_of_two_owners_has_left(town: Town, now: datetime) -> None:
    both = [Party(person=town.carla.id), Party(person=town.ben.id)]
    number, other = await agreed(town, now, owners=both), await agreed(town, now, owners=both)
    for commitment in (number, other):
        await commitments.check_in(by=town.ben, commitment=commitment, answer=CheckInAnswer.ON_TRACK, now=now)
    await leaves(town, town.carla, now)

    await gives(town, number, town.ben, now)
    await gives(town, other, town.dora, now)

    assert (await owners(number), await state(number)) == ([(town.ben.id, True)], CommitmentState.IN_PROGRESS)
    assert await owners(other) == [(town.ben.id, True), (town.dora.id, False)]
    assert await state(other) is CommitmentState.PROPOSED


async def test_who_has_left_and_come_back_can_take_it_again(town: Town, now: datetime) -> None:
    number = await orphaned(town, now)
    await Person.filter(id=town.carla.id).update(left_at=None)
    await a_seat(town.carla, town.rlk, Role.MEMBER)

    people = (await handing_over.choices(by=town.anna, commitment=number, now=now))["people"]
    await gives(town, number, town.carla, now)

    assert town.carla.id in [person["id"] for person in people]
    assert await owners(number) == [(town.carla.id, False)]


async def test_nobody_waits_for_who_has_left(town: Town, now: datetime) -> None:
    number = await recorded(town, now, counterparts=[Party(person=town.ben.id)])
    await leaves(town, town.ben, now)

    await commitments.confirm(by=town.carla, commitment=number, now=now)

    assert await state(number) is CommitmentState.AGREED


async def test_nobody_vouches_for_who_has_left(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await leaves(town, town.carla, now)
    party = await CommitmentParty.get(commitment_id=number, side=Side.OWNER)

    with pytest.raises(Outdated):
        await commitments.confirm(by=town.anna, commitment=number, party=party.id, now=now)


async def test_hand_over_refused(town: Town, now: datetime) -> None:
    number, held = await orphaned(town, now), await agreed(town, now, owners=[Party(person=town.ben.id)])

    for person in (town.dora, town.emil):
        with pytest.raises(NotAllowed):
            await gives(town, number, town.ben, now, by=person)
        with pytest.raises(NotAllowed):
            await handing_over.choices(by=person, commitment=number, now=now)
    with pytest.raises(NotFoundHere):
        await gives(town, number, town.ben, now, by=town.nobody)
    for person in (town.emil, town.carla, town.nobody):
        with pytest.raises(NotFoundHere):
            await gives(town, number, person, now)
    with pytest.raises(Outdated):
        await gives(town, held, town.dora, now)
    await commitments.drop(by=town.anna, commitment=number, reason="Entfällt", now=now)
    with pytest.raises(Outdated):
        await gives(town, number, town.ben, now)
    assert await told("commitments/taking_over") == []
