from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta

import pytest

from bot.actions.commitments import commitments, ledger
from bot.actions.commitments.commitments import Due
from bot.actions.commitments.ledger import MayNotRecord
from bot.rules.parties import Directory, Named, Party
from bot.rules.refusals import NotFoundHere
from storage.models import Commitment, CommitmentParty, Person
from storage.vocabulary import CommitmentState, DueKind, Role, Side
from tests.actions.agreements import STANDING, Town, agreed, arrive, recorded
from tests.actions.invented import a_meeting, a_seat
from tests.conftest import Counted


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


async def rights(person: Person, number: int, now: datetime) -> set[str]:
    facts = await ledger.view(by=person, commitment=number, now=now)
    return {name for name, fact in facts.items() if name.startswith("may_") and fact}


async def test_view_offers_what_each_may_do(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    assert await rights(town.carla, number, now) == {"may_confirm", "may_decline", "may_move"}
    assert await rights(town.emil, number, now) == {"may_confirm", "may_decline"}
    assert await rights(town.anna, number, now) == {"may_move", "may_fulfil", "may_drop"}
    assert await rights(town.dora, number, now) == {"may_move", "may_fulfil", "may_drop"}
    await commitments.confirm(by=town.carla, commitment=number, now=now)
    assert await rights(town.carla, number, now) == {"may_decline", "may_answer", "may_move"}
    await Commitment.filter(id=number).update(state=CommitmentState.FULFILLED)
    assert await rights(town.anna, number, now) == {"may_verify", "may_reopen", "may_drop"}
    assert await rights(town.dora, number, now) == {"may_reopen", "may_drop"}
    assert await rights(town.carla, number, now) == {"may_reopen"}
    assert await rights(town.emil, number, now) == set()
    await Commitment.filter(id=number).update(state=CommitmentState.VERIFIED)
    assert await rights(town.anna, number, now) == {"may_reopen"}
    assert await rights(town.dora, number, now) == set()
    assert await rights(town.carla, number, now) == set()
    await Commitment.filter(id=number).update(state=CommitmentState.ORPHANED)
    assert "may_hand_over" in await rights(town.anna, number, now)
    assert "may_hand_over" not in await rights(town.dora, number, now)


async def test_view_lets_who_records_vouch_for_the_others(town: Town, now: datetime) -> None:
    number = await recorded(town, now, owners=[Party(person=town.anna.id)])

    facts = await ledger.view(by=town.anna, commitment=number, now=now)

    assert [party["name"] for party in facts["vouch_for"]] == ["Emil Ebert"]


async def test_nobody_vouches_for_who_has_left(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await Person.filter(id=town.emil.id).update(left_at=now)

    of_the_town = (await ledger.view(by=town.anna, commitment=number, now=now))["vouch_for"]
    await Commitment.filter(id=number).update(state=CommitmentState.ORPHANED)
    of_the_body = (await ledger.view(by=town.anna, commitment=number, now=now))["vouch_for"]

    assert [party["name"] for party in of_the_town] == ["Carla Cramer"]
    assert of_the_body == []


async def test_listed_shows_the_lead_what_nobody_owns(town: Town, now: datetime) -> None:
    orphan = await agreed(town, now)
    await agreed(town, now)
    await Commitment.filter(id=orphan).update(state=CommitmentState.ORPHANED)

    shown = [(await ledger.listed(by=person, now=now))["orphaned"] for person in (town.anna, town.dora, town.carla)]

    assert [[entry["id"] for entry in entries] for entries in shown] == [[orphan], [], []]


async def test_view_refused_without_a_seat_or_a_part(town: Town, now: datetime) -> None:
    number = await recorded(town, now, counterparts=[])

    with pytest.raises(NotFoundHere):
        await ledger.view(by=town.emil, commitment=number, now=now)


async def test_listed_shows_mine_what_was_agreed_with_me_and_counts_of_my_bodies(town: Town, now: datetime) -> None:
    later = now + timedelta(days=10)
    overdue = await agreed(town, now)
    standing = await agreed(town, now, STANDING)
    await agreed(town, now, owners=[Party(person=town.emil.id)], counterparts=[Party(organisation=town.caritas.id)])
    done = await agreed(town, now)
    await Commitment.filter(id=done).update(state=CommitmentState.FULFILLED)

    carlas = await ledger.listed(by=town.carla, now=later)
    annas = await ledger.listed(by=town.anna, now=later)

    assert [(entry["id"], entry["overdue"]) for entry in carlas["mine"]] == [
        (overdue, True),
        (done, False),
        (standing, False),
    ]
    assert [entry["number"] for entry in carlas["agreed"]] == [3]
    assert (carlas["bodies"], carlas["may_record"]) == ([], False)
    assert (annas["mine"], annas["agreed"], annas["may_record"]) == ([], [], True)
    assert annas["bodies"] == [
        {
            "id": town.rlk.id,
            "level": 2,
            "code": "RLK",
            "name": "Regionalleiterkonferenz",
            "open": 3,
            "overdue": 2,
            "fulfilled": 1,
        }
    ]


async def test_listed_shows_what_nobody_owns_once(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await CommitmentParty.filter(commitment_id=number, side=Side.COUNTERPART).update(person_id=town.anna.id)
    await Commitment.filter(id=number).update(state=CommitmentState.ORPHANED)

    facts = await ledger.listed(by=town.anna, now=now)

    assert ([entry["id"] for entry in facts["orphaned"]], facts["agreed"]) == ([number], [])


async def test_listed_says_the_same_number_of_statements_for_one_and_for_three(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    due = Due(kind=DueKind.MEETING, bodies=(town.rlk.id,), nth=1)
    await agreed(town, now, due)
    with statements() as one:
        await ledger.listed(by=town.carla, now=now)
        await ledger.of_body(by=town.anna, body=town.rlk.id, now=now)
    await agreed(town, now, due)
    await agreed(town, now, due)

    with statements() as three:
        await ledger.listed(by=town.carla, now=now)
        await ledger.of_body(by=town.anna, body=town.rlk.id, now=now)

    assert len(three.statements) == len(one.statements)


async def test_of_body_shows_all_to_who_records(town: Town, now: datetime) -> None:
    await agreed(town, now, STANDING)
    await agreed(town, now)

    facts = await ledger.of_body(by=town.dora, body=town.rlk.id, now=now)

    assert [entry["number"] for entry in facts["commitments"]] == [2, 1]
    assert (facts["open"], facts["overdue"], facts["fulfilled"]) == (2, 0, 0)
    assert facts["body"]["name"] == "Regionalleiterkonferenz"
    with pytest.raises(MayNotRecord):
        await ledger.of_body(by=town.carla, body=town.rlk.id, now=now)


async def test_directory_knows_people_with_a_seat_organisations_and_bodies(town: Town, now: datetime) -> None:
    await a_seat(town.anna, town.tk, Role.MEMBER)
    await Person.filter(id=town.emil.id).update(left_at=now)

    found = await ledger.directory(now=now)

    assert found == Directory(
        people=(
            Named(id=town.anna.id, short="Arendt", name="Anna Arendt"),
            Named(id=town.carla.id, short="Cramer", name="Carla Cramer"),
            Named(id=town.dora.id, short="Dietz", name="Dora Dietz"),
            Named(id=town.ben.id, short="Özdemir", name="Ben Özdemir"),
        ),
        organisations=(Named(id=town.caritas.id, short="caritas", name="Caritas Lindental"),),
        bodies=(
            Named(id=town.rlk.id, short="RLK", name="Regionalleiterkonferenz"),
            Named(id=town.tk.id, short="TK", name="Trägerkonferenz"),
        ),
    )


async def test_members_of_a_body_the_speaker_first(town: Town, now: datetime) -> None:
    people = await ledger.members(by=town.dora, body=town.rlk.id, now=now)

    assert [person.short for person in people] == ["Dietz", "Arendt", "Cramer", "Özdemir"]


async def test_meeting_days_counts_from_today(town: Town, now: datetime) -> None:
    await a_meeting(town.rlk, "2026-11-24T10:00")
    await a_meeting(town.rlk, "2026-12-08T10:00")

    days = await ledger.meeting_days(by=town.anna, bodies=[town.rlk.id, town.tk.id], nth=2, now=now)

    assert days == {town.rlk.id: date(2026, 12, 8), town.tk.id: None}


async def test_outlines_say_what_the_whole_entries_say(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T10:00")
    await a_meeting(town.rlk, "2026-11-26T10:00")
    in_meetings = Due(kind=DueKind.MEETING, bodies=(town.tk.id, town.rlk.id), nth=1)
    unknown = Due(kind=DueKind.MEETING, bodies=(town.tk.id,), nth=2)
    organised = [Party(organisation=town.caritas.id), Party(body=town.tk.id)]
    await agreed(town, now, in_meetings, owners=[Party(body=town.rlk.id, role=Role.MINUTE_TAKER)])
    await agreed(town, now, unknown, owners=[Party(name="Herr Niemand")])
    await agreed(town, now, owners=organised)
    await recorded(town, now, owners=[Party(person=town.anna.id), Party(person=town.carla.id)])
    shown = await Commitment.all().order_by("id").select_related("body")

    entries = await ledger.load(shown, now.date())
    outlines = await ledger.outlines(now.date(), date(2026, 11, 25), now.date())

    def said(found: Sequence[ledger.Entry | ledger.Outline], today: date) -> list[object]:
        return [(one.due(today), one.is_overdue(today), one.leads) for one in found]

    for today in (now.date() + timedelta(days=days) for days in (0, 7, 9)):
        assert said(outlines, today) == said(entries, today)
    assert [outline.commitment for outline in outlines] == [commitment.id for commitment in shown]
    assert [outline.promised_by for outline in outlines] == [entry.promised_by() for entry in entries]
    assert [len(outline.promised_by) for outline in outlines] == [1, 0, 2, 1]


async def test_outlines_leave_out_what_is_not_due_then_and_what_is_done(town: Town, now: datetime) -> None:
    await agreed(town, now, STANDING)
    number = await agreed(town, now)
    day = date(2026, 11, 25)

    assert await ledger.outlines(date.min, day - timedelta(days=1), now.date()) == []
    assert await ledger.outlines(day + timedelta(days=1), date.max, now.date()) == []
    assert [outline.commitment for outline in await ledger.outlines(day, day, now.date())] == [number]
    await Commitment.filter(id=number).update(state=CommitmentState.FULFILLED)
    assert await ledger.outlines(day, day, now.date()) == []
