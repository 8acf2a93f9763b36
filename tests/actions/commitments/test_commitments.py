import asyncio
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.actions import notices
from bot.actions.agenda.agenda_items import TitleMissing
from bot.actions.commitments import commitments, ledger
from bot.actions.commitments.commitments import Due, DueMissing, OwnerMissing
from bot.actions.commitments.ledger import MayNotRecord
from bot.actions.meetings.meetings import InThePast
from bot.actions.texts import LooksLikeACase
from bot.rules.facts import PersonName, Plain, Text, Title
from bot.rules.parties import Party
from bot.rules.refusals import (
    ChangedMeanwhile,
    NotAllowed,
    NotAMember,
    NotFoundHere,
    Outdated,
    ReasonMissing,
    Refusal,
    TooLong,
)
from storage.db import unit_of_work
from storage.models import CheckIn, Commitment, CommitmentDueIn, CommitmentParty, FeedCache, Notice, Person
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, MeetingState, Role, Side
from tests.actions.agreements import NEXT_WEEK, STANDING, WHAT, Town, agreed, arrive, facts_told, recorded, state, told
from tests.actions.invented import a_meeting


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


# --- recording --------------------------------------------------------------------------------------------------------


async def test_record_numbers_and_asks_each_party_to_confirm(town: Town, now: datetime) -> None:
    first = await recorded(town, now)
    second = await recorded(town, now, counterparts=[])

    numbers = await Commitment.all().order_by("id").values_list("id", "number", "state", "due_on", "agreed_on")
    assert numbers == [
        (first, 1, CommitmentState.PROPOSED, NEXT_WEEK.on, date(2026, 11, 18)),
        (second, 2, CommitmentState.PROPOSED, NEXT_WEEK.on, date(2026, 11, 18)),
    ]
    assert await told() == [
        ("commitments/proposed", town.carla.id),
        ("commitments/proposed", town.emil.id),
        ("commitments/proposed", town.carla.id),
    ]


async def test_record_says_what_was_agreed(town: Town, now: datetime) -> None:
    await recorded(town, now)

    facts = await facts_told("commitments/proposed", town.emil)

    commitment = facts["commitment"]
    [owner], [counterpart] = commitment.pop("owners"), commitment.pop("counterparts")
    assert facts["by"] == PersonName("Anna Arendt")
    assert commitment == {
        "id": commitment["id"],
        "level": 2,
        "informal": False,
        "number": 1,
        "code": Plain("RLK"),
        "body": Title("Regionalleiterkonferenz"),
        "what": Text(WHAT),
        "flagged": False,
        "state": Plain("proposed"),
        "reason": None,
        "due_kind": Plain("date"),
        "due": date(2026, 11, 25),
        "due_in": [],
        "due_moves": 0,
        "overdue": False,
    }
    assert (owner["name"], owner["own"], owner["confirmed"]) == (PersonName("Carla Cramer"), False, False)
    assert (counterpart["name"], counterpart["own"], counterpart["confirmed"]) == (
        PersonName("Emil Ebert"),
        True,
        False,
    )
    assert type(commitment["what"]) is Text
    assert type(owner["name"]) is PersonName


async def test_record_asks_who_speaks_for_a_role_an_organisation_and_a_body(town: Town, now: datetime) -> None:
    await recorded(
        town,
        now,
        owners=[Party(body=town.rlk.id, role=Role.DEPUTY_CHAIR), Party(organisation=town.caritas.id)],
        counterparts=[Party(body=town.tk.id), Party(body=town.tk.id)],
    )

    facts = await facts_told("commitments/proposed", town.emil)

    names = [(party["role"], party["name"]) for party in facts["commitment"]["owners"]]
    assert names == [("deputy_chair", Title("Regionalleiterkonferenz")), (None, Title("Caritas Lindental"))]
    assert [party["name"] for party in facts["commitment"]["counterparts"]] == [Title("Trägerkonferenz")]
    assert sorted(await told()) == sorted(
        ("commitments/proposed", person.id) for person in (town.ben, town.carla, town.emil)
    )


async def test_record_vouches_for_parties_for_whom_nobody_speaks(town: Town, now: datetime) -> None:
    number = await recorded(
        town,
        now,
        owners=[Party(person=town.anna.id)],
        counterparts=[Party(name="Sozialbehörde"), Party(body=town.tk.id, role=Role.MINUTE_TAKER)],
    )

    rows = await CommitmentParty.filter(commitment_id=number).order_by("id")
    assert [(row.name, row.by_hand, row.confirmed_by_id) for row in rows] == [
        (None, False, town.anna.id),
        ("Sozialbehörde", True, town.anna.id),
        (None, True, town.anna.id),
    ]
    assert await state(number) is CommitmentState.AGREED
    assert await told() == []


async def test_record_by_the_minute_taker(town: Town, now: datetime) -> None:
    assert await state(await recorded(town, now, by=town.dora)) is CommitmentState.PROPOSED


async def test_record_for_a_meeting_of_the_body(town: Town, now: datetime) -> None:
    own = await a_meeting(town.rlk, "2026-11-18T10:00")
    other = await a_meeting(town.tk, "2026-11-18T10:00")

    number = await recorded(town, now, meeting=own.id)

    assert (await Commitment.get(id=number)).meeting_id == own.id
    with pytest.raises(NotFoundHere):
        await recorded(town, now, meeting=other.id)


async def test_record_a_text_that_looks_like_a_case_only_when_it_was_kept(town: Town, now: datetime) -> None:
    with pytest.raises(LooksLikeACase):
        await recorded(town, now, what="Hilfe für Familie M. klären")
    number = await recorded(town, now, what="Hilfe für Familie M. klären", kept=True)

    view = await ledger.view(by=town.anna, commitment=number, now=now)

    assert view["commitment"]["flagged"] is True


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"what": "  "}, TitleMissing),
        ({"what": "x" * 501}, TooLong),
        ({"owners": []}, OwnerMissing),
        ({"owners": [Party(name="x" * 201)]}, TooLong),
        ({"owners": [Party(name="Familie M.")]}, LooksLikeACase),
        ({"owners": [Party(person=999)]}, NotFoundHere),
        ({"owners": [Party(organisation=999)]}, NotFoundHere),
        ({"owners": [Party(body=999)]}, NotFoundHere),
        ({"due": Due(kind=DueKind.DATE)}, DueMissing),
        ({"due": Due(kind=DueKind.DATE, on=date(2026, 11, 17))}, InThePast),
        ({"due": Due(kind=DueKind.MEETING)}, DueMissing),
        ({"due": Due(kind=DueKind.MEETING, bodies=(1,), nth=0)}, DueMissing),
        ({"due": Due(kind=DueKind.MEETING, bodies=(999,))}, NotFoundHere),
    ],
)
async def test_record_refuses_what_cannot_be(
    town: Town, now: datetime, changes: dict[str, Any], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await recorded(town, now, **changes)

    assert await Commitment.all().count() == 0


async def test_record_refused_to_members_and_to_others(town: Town, now: datetime) -> None:
    with pytest.raises(MayNotRecord) as refused:
        await recorded(town, now, by=town.carla)
    with pytest.raises(NotAMember):
        await recorded(town, now, by=town.emil)

    assert refused.value.facts == {"body": "RLK"}


async def test_record_numbers_two_at_the_same_moment(town: Town, now: datetime) -> None:
    await asyncio.gather(*(unit_of_work(lambda: recorded(town, now)) for _ in range(4)))

    assert sorted([commitment.number for commitment in await Commitment.all()]) == [1, 2, 3, 4]


async def test_record_makes_the_owners_feed_stale(town: Town, now: datetime) -> None:
    await FeedCache.create(person=town.carla, stale=False)

    await recorded(town, now)

    assert (await FeedCache.get(person_id=town.carla.id)).stale is True


async def test_parties_keep_their_side(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    sides = await CommitmentParty.filter(commitment_id=number).order_by("id").values_list("side", "person_id")

    assert sides == [(Side.OWNER, town.carla.id), (Side.COUNTERPART, town.emil.id)]


# --- due in a meeting -------------------------------------------------------------------------------------------------


async def test_due_in_a_meeting_follows_the_calendar(town: Town, now: datetime) -> None:
    number = await recorded(town, now, Due(kind=DueKind.MEETING, nth=2, bodies=(town.rlk.id, town.tk.id)))

    async def due() -> tuple[date | None, list[tuple[str, date | None]]]:
        facts = (await ledger.view(by=town.anna, commitment=number, now=now))["commitment"]
        return facts["due"], [(entry["code"], entry["day"]) for entry in facts["due_in"]]

    assert await due() == (None, [("RLK", None), ("TK", None)])
    await a_meeting(town.rlk, "2026-11-18T10:00", MeetingState.HELD)
    await a_meeting(town.rlk, "2026-11-24T10:00")
    await a_meeting(town.rlk, "2026-11-25T10:00", MeetingState.CANCELLED)
    await a_meeting(town.rlk, "2026-12-01T10:00", MeetingState.DRAFT)
    assert await due() == (None, [("RLK", None), ("TK", None)])
    second = await a_meeting(town.rlk, "2026-12-08T10:00")
    assert await due() == (date(2026, 12, 8), [("RLK", date(2026, 12, 8)), ("TK", None)])
    second.starts_local = "2026-12-10T10:00"
    await second.save(update_fields=["starts_local"])
    assert await due() == (date(2026, 12, 10), [("RLK", date(2026, 12, 10)), ("TK", None)])


# --- agreeing ---------------------------------------------------------------------------------------------------------


async def test_confirm_by_all_parties_makes_it_agreed_and_tells_who_recorded(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await Notice.all().delete()

    await commitments.confirm(by=town.carla, commitment=number, now=now)
    between = await state(number)
    await commitments.confirm(by=town.emil, commitment=number, now=now)
    await commitments.confirm(by=town.emil, commitment=number, now=now)

    assert (between, await state(number)) == (CommitmentState.PROPOSED, CommitmentState.AGREED)
    assert await told() == [("commitments/agreed", town.anna.id)]


async def test_commitment_comes_into_the_owners_feed_when_all_have_agreed(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await FeedCache.create(person=town.carla, stale=False)
    parties = await CommitmentParty.filter(commitment_id=number, confirmed_at=None)
    stale = []
    for party in parties:
        await commitments.confirm(by=town.anna, commitment=number, party=party.id, now=now)
        stale.append((await FeedCache.get()).stale)

    assert stale == [*[False] * (len(parties) - 1), True]


async def test_confirm_at_the_same_moment_sees_each_other(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    await asyncio.gather(
        *(
            unit_of_work(lambda person=person: commitments.confirm(by=person, commitment=number, now=now))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            for person in (town.carla, town.emil)
        )
    )

    assert await state(number) is CommitmentState.AGREED


async def test_confirm_by_hand_for_who_has_phoned(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    parties = await CommitmentParty.filter(commitment_id=number).order_by("id")
    await Notice.all().delete()

    for row in parties:
        await commitments.confirm(by=town.anna, commitment=number, party=row.id, now=now)

    rows = await CommitmentParty.filter(commitment_id=number)
    assert {(row.by_hand, row.confirmed_by_id) for row in rows} == {(True, town.anna.id)}
    assert await state(number) is CommitmentState.AGREED
    assert await told() == []


async def test_confirm_refused(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    [party, *_] = await CommitmentParty.filter(commitment_id=number).order_by("id")

    with pytest.raises(NotFoundHere):
        await commitments.confirm(by=town.nobody, commitment=number, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.confirm(by=town.ben, commitment=number, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.confirm(by=town.carla, commitment=999, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.confirm(by=town.anna, commitment=number, party=party.id + 99, now=now)
    with pytest.raises(MayNotRecord):
        await commitments.confirm(by=town.emil, commitment=number, party=party.id, now=now)
    await commitments.drop(by=town.anna, commitment=number, reason="Doppelt", now=now)
    with pytest.raises(Outdated):
        await commitments.confirm(by=town.carla, commitment=number, now=now)


async def test_decline_tells_who_recorded_and_stays_proposed(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await commitments.confirm(by=town.emil, commitment=number, now=now)
    await Notice.all().delete()

    await commitments.decline(by=town.emil, commitment=number, reason=" Dafür fehlen uns Stellen ", now=now)

    row = await Commitment.get(id=number)
    facts = await facts_told("commitments/declined", town.anna)
    assert (row.state, row.reason) == (CommitmentState.PROPOSED, "Dafür fehlen uns Stellen")
    assert (facts["name"], facts["commitment"]["reason"]) == ("Emil Ebert", "Dafür fehlen uns Stellen")
    assert await CommitmentParty.filter(commitment_id=number, confirmed_at=None).count() == 2


async def test_decline_refused(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    for reason, refusal in ((" ", ReasonMissing), ("x" * 501, TooLong), ("wegen Familie M.", LooksLikeACase)):
        with pytest.raises(refusal):
            await commitments.decline(by=town.emil, commitment=number, reason=reason, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.decline(by=town.ben, commitment=number, reason="Nein", now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.AGREED)
    with pytest.raises(Outdated):
        await commitments.decline(by=town.emil, commitment=number, reason="Nein", now=now)


# --- how it stands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "after", "leads_told"),
    [
        (CheckInAnswer.ON_TRACK, CommitmentState.IN_PROGRESS, []),
        (CheckInAnswer.DONE, CommitmentState.FULFILLED, ["commitments/check_in_told"]),
        (CheckInAnswer.STUCK, CommitmentState.BLOCKED, ["commitments/check_in_told"]),
        (CheckInAnswer.NEEDS_HELP, CommitmentState.WAITING, ["commitments/check_in_told"]),
    ],
)
async def test_check_in_twice_tells_the_lead_once(
    town: Town, now: datetime, answer: CheckInAnswer, after: CommitmentState, leads_told: list[str]
) -> None:
    number = await agreed(town, now)

    await commitments.check_in(by=town.carla, commitment=number, answer=answer, now=now)
    await commitments.check_in(by=town.carla, commitment=number, answer=answer, now=now)

    rows = await CheckIn.all().values_list("commitment_id", "person_id", "due_on", "answer", "asked_at")
    assert rows == [(number, town.carla.id, NEXT_WEEK.on, answer, None)]
    assert await state(number) is after
    assert await told() == [(template, town.anna.id) for template in leads_told]


async def test_check_in_goes_to_the_deputy_when_the_chair_is_away(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await Person.filter(id=town.anna.id).update(absent_from=date(2026, 11, 16), absent_until=date(2026, 11, 20))

    await commitments.check_in(by=town.carla, commitment=number, answer=CheckInAnswer.STUCK, now=now)

    assert await told() == [("commitments/check_in_told", town.ben.id)]


async def test_check_in_by_the_lead_tells_nobody(town: Town, now: datetime) -> None:
    number = await agreed(town, now, owners=[Party(person=town.anna.id)])

    await commitments.check_in(by=town.anna, commitment=number, answer=CheckInAnswer.STUCK, now=now)

    assert await told() == []


async def test_check_in_of_what_was_only_proposed_confirms_it(town: Town, now: datetime) -> None:
    number = await recorded(town, now, STANDING, counterparts=[])

    await commitments.check_in(by=town.carla, commitment=number, answer=CheckInAnswer.ON_TRACK, now=now)

    assert await state(number) is CommitmentState.IN_PROGRESS
    assert await CommitmentParty.filter(commitment_id=number, confirmed_at=None).count() == 0
    assert await CheckIn.all().count() == 0


async def test_confirm_after_the_owner_has_begun_leaves_it_in_progress(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await commitments.check_in(by=town.carla, commitment=number, answer=CheckInAnswer.ON_TRACK, now=now)

    await commitments.confirm(by=town.emil, commitment=number, now=now)

    assert await state(number) is CommitmentState.IN_PROGRESS
    assert await told("commitments/agreed") == [("commitments/agreed", town.anna.id)]


async def test_check_in_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    with pytest.raises(NotFoundHere):
        await commitments.check_in(by=town.anna, commitment=number, answer=CheckInAnswer.DONE, now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.VERIFIED)
    with pytest.raises(Outdated):
        await commitments.check_in(by=town.carla, commitment=number, answer=CheckInAnswer.DONE, now=now)


async def test_fulfil_by_the_owner_or_by_who_records(town: Town, now: datetime) -> None:
    one, other = await agreed(town, now), await agreed(town, now)

    await commitments.fulfil(by=town.carla, commitment=one, now=now)
    await commitments.fulfil(by=town.dora, commitment=other, now=now)
    await commitments.fulfil(by=town.dora, commitment=other, now=now)

    assert [await state(one), await state(other)] == [CommitmentState.FULFILLED, CommitmentState.FULFILLED]
    assert await told() == [("commitments/check_in_told", town.anna.id), ("commitments/check_in_told", town.anna.id)]


async def test_fulfil_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    with pytest.raises(MayNotRecord):
        await commitments.fulfil(by=town.emil, commitment=number, now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.DROPPED)
    with pytest.raises(Outdated):
        await commitments.fulfil(by=town.anna, commitment=number, now=now)


async def test_verify_by_the_lead_tells_the_owners(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await Commitment.filter(id=number).update(state=CommitmentState.FULFILLED)

    await commitments.verify(by=town.anna, commitment=number, now=now)
    await commitments.verify(by=town.anna, commitment=number, now=now)

    assert await state(number) is CommitmentState.VERIFIED
    assert await told() == [("commitments/verified", town.carla.id)]


async def test_verify_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    with pytest.raises(NotAllowed):
        await commitments.verify(by=town.dora, commitment=number, now=now)
    with pytest.raises(Outdated):
        await commitments.verify(by=town.anna, commitment=number, now=now)


async def test_move_counts_and_tells_the_other_parties(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    later = Due(kind=DueKind.DATE, on=date(2026, 12, 9))
    await commitments.move(by=town.carla, commitment=number, due=later, reason="Raum fehlt", now=now)

    row = await Commitment.get(id=number)
    facts = await facts_told("commitments/moved", town.emil)
    assert (row.due_on, row.due_moves, row.reason) == (date(2026, 12, 9), 1, "Raum fehlt")
    assert await told() == [("commitments/moved", town.emil.id)]
    assert (facts["name"], facts["was"]["due"]) == ("Carla Cramer", date(2026, 11, 25))
    assert facts["commitment"]["due"] == date(2026, 12, 9)


async def test_move_to_a_meeting_counts_from_the_day_of_the_move(town: Town, now: datetime) -> None:
    number = await agreed(town, now, Due(kind=DueKind.MEETING, bodies=(town.tk.id,), nth=2))
    await a_meeting(town.rlk, "2026-11-20T10:00")
    await a_meeting(town.rlk, "2026-12-08T10:00")
    later = now + timedelta(days=5)

    due = Due(kind=DueKind.MEETING, bodies=(town.rlk.id,), nth=1)
    facts = await commitments.move(by=town.anna, commitment=number, due=due, reason="Erst beraten", now=later)

    assert facts["commitment"]["due"] == date(2026, 12, 8)
    assert await CommitmentDueIn.all().values_list("body_id", "nth") == [(town.rlk.id, 1)]


async def test_move_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    with pytest.raises(MayNotRecord):
        await commitments.move(by=town.emil, commitment=number, due=STANDING, reason="Darum", now=now)
    with pytest.raises(DueMissing):
        await commitments.move(by=town.anna, commitment=number, due=Due(kind=DueKind.DATE), reason="Darum", now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.DROPPED)
    with pytest.raises(Outdated):
        await commitments.for_changing(by=town.anna, commitment=number, now=now)


async def test_for_changing_gives_the_commitment_to_an_owner(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    facts = await commitments.for_changing(by=town.carla, commitment=number, now=now)

    assert facts["commitment"]["what"] == WHAT


async def test_drop_tells_the_parties_and_takes_back_what_waits(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    await commitments.drop(by=town.dora, commitment=number, reason="Doppelt", now=now)

    row = await Commitment.get(id=number)
    assert (row.state, row.reason) == (CommitmentState.DROPPED, "Doppelt")
    assert await told() == [("commitments/dropped", town.carla.id), ("commitments/dropped", town.emil.id)]


async def test_reason_that_looks_like_a_case_is_taken_when_it_was_kept(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    reason = "Frau B. ist im Urlaub"

    for act in (
        partial(commitments.decline, by=town.emil),
        partial(commitments.move, by=town.anna, due=STANDING),
        partial(commitments.drop, by=town.anna),
    ):
        with pytest.raises(LooksLikeACase):
            await act(commitment=number, reason=reason, now=now)
        facts = await act(commitment=number, reason=reason, kept=True, now=now)
        assert facts["commitment"]["reason"] == reason


async def test_drop_refused(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    with pytest.raises(MayNotRecord):
        await commitments.drop(by=town.carla, commitment=number, reason="Doppelt", now=now)
    await commitments.drop(by=town.anna, commitment=number, reason="Doppelt", now=now)
    with pytest.raises(Outdated):
        await commitments.drop(by=town.anna, commitment=number, reason="Doppelt", now=now)


async def test_a_lost_update_is_refused(town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await agreed(town, now)
    withdraw = notices.withdraw

    async def meanwhile(about: str) -> list[Notice]:
        await Commitment.filter(id=number).update(version=7)
        return await withdraw(about)

    monkeypatch.setattr(notices, "withdraw", meanwhile)

    with pytest.raises(ChangedMeanwhile):
        await commitments.drop(by=town.anna, commitment=number, reason="Doppelt", now=now)
