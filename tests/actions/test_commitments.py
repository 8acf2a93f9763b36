import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.actions import commitments, notices
from bot.actions.agenda import LooksLikeACase, TitleMissing
from bot.actions.commitments import Due, DueMissing, MayNotRecord, OwnerMissing
from bot.actions.meetings import InThePast
from bot.rules import facts as typed
from bot.rules.facts import PersonName, Plain, Text, Title
from bot.rules.parties import Directory, Named, Party
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, NotAMember, NotFoundHere, Outdated, Refusal, TooLong
from storage.db import unit_of_work
from storage.models import (
    AuditEvent,
    Body,
    CheckIn,
    Commitment,
    CommitmentDueIn,
    CommitmentParty,
    FeedCache,
    Notice,
    Organisation,
    Person,
)
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, MeetingState, Role, Side
from tests.actions.people import a_body, a_meeting, a_person, a_seat, an_organisation
from tests.conftest import Counted

LAND = "HH"
NEXT_WEEK = Due(kind=DueKind.DATE, on=date(2026, 11, 25))
STANDING = Due(kind=DueKind.STANDING)
WHAT = "Beratungsangebot aufbauen"


@dataclass(frozen=True, kw_only=True)
class Town:
    """Anna leads the RLK, Ben is her deputy; Carla sits there for the Caritas, Dora takes the minutes. Emil leads the TK."""

    rlk: Body
    tk: Body
    caritas: Organisation
    anna: Person
    ben: Person
    carla: Person
    dora: Person
    emil: Person
    nobody: Person


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    town = Town(
        rlk=await a_body("RLK", "Regionalleiterkonferenz"),
        tk=await a_body("TK", "Trägerkonferenz", level=3),
        caritas=await an_organisation("caritas", "Caritas Lindental"),
        anna=await a_person("Anna Arendt"),
        ben=await a_person("Ben Özdemir"),
        carla=await a_person("Carla Cramer"),
        dora=await a_person("Dora Dietz"),
        emil=await a_person("Emil Ebert"),
        nobody=await a_person("Nora Niemand"),
    )
    await a_seat(town.anna, town.rlk, Role.CHAIR)
    await a_seat(town.ben, town.rlk, Role.DEPUTY_CHAIR)
    await a_seat(town.carla, town.rlk, Role.MEMBER, town.caritas)
    await a_seat(town.dora, town.rlk, Role.MINUTE_TAKER)
    await a_seat(None, town.rlk, Role.COORDINATOR, town.caritas)
    await a_seat(town.emil, town.tk, Role.CHAIR)
    return town


async def recorded(town: Town, now: datetime, due: Due = NEXT_WEEK, **more: Any) -> int:  # noqa: ANN401  # what `record` takes
    """Anna records that Carla does it with Emil; its id."""
    values = {"by": town.anna, "body": "RLK", "what": WHAT, "due": due, "now": now, **more}
    values.setdefault("owners", [Party(person=town.carla.id)])
    values.setdefault("counterparts", [Party(person=town.emil.id)])
    facts = await commitments.record(**values)
    return int(facts["commitment"]["id"])


async def agreed(town: Town, now: datetime, due: Due = NEXT_WEEK, **more: Any) -> int:  # noqa: ANN401  # what `record` takes
    """As recorded, and confirmed by both; nothing of that waits to be told."""
    number = await recorded(town, now, due, **more)
    await CommitmentParty.filter(commitment_id=number).update(confirmed_at=now)
    await Commitment.filter(id=number).update(state=CommitmentState.AGREED)
    await Notice.filter(template__startswith="commitment_").delete()
    return number


async def state(number: int) -> CommitmentState:
    return (await Commitment.get(id=number)).state


async def told(template: str | None = None) -> list[tuple[str, int | None]]:
    """Which notices wait, and for whom."""
    rows = Notice.filter(template=template) if template else Notice.all()
    return [(row.template, row.person_id) for row in await rows.order_by("id")]


async def facts_told(template: str, person: Person) -> Any:  # noqa: ANN401  # facts of every kind
    row = await Notice.get(template=template, person_id=person.id)
    return typed.decode(row.facts)


# --- recording ------------------------------------------------------------------------------------------------------


async def test_record_numbers_and_asks_each_party_to_confirm(town: Town, now: datetime) -> None:
    first = await recorded(town, now)
    second = await recorded(town, now, counterparts=[])

    numbers = await Commitment.all().order_by("id").values_list("id", "number", "state", "due_on", "agreed_on")
    assert numbers == [
        (first, 1, CommitmentState.PROPOSED, NEXT_WEEK.on, date(2026, 11, 18)),
        (second, 2, CommitmentState.PROPOSED, NEXT_WEEK.on, date(2026, 11, 18)),
    ]
    assert await told() == [
        ("commitment_proposed", town.carla.id),
        ("commitment_proposed", town.emil.id),
        ("commitment_proposed", town.carla.id),
    ]


async def test_record_says_what_was_agreed(town: Town, now: datetime) -> None:
    await recorded(town, now)

    facts = await facts_told("commitment_proposed", town.emil)

    commitment = facts["commitment"]
    [owner], [counterpart] = commitment.pop("owners"), commitment.pop("counterparts")
    assert facts["by"] == PersonName("Anna Arendt")
    assert commitment == {
        "id": commitment["id"],
        "level": 2,
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

    facts = await facts_told("commitment_proposed", town.emil)

    names = [(party["role"], party["name"]) for party in facts["commitment"]["owners"]]
    assert names == [("deputy_chair", Title("Regionalleiterkonferenz")), (None, Title("Caritas Lindental"))]
    assert [party["name"] for party in facts["commitment"]["counterparts"]] == [Title("Trägerkonferenz")]
    assert sorted(await told()) == sorted(
        ("commitment_proposed", person.id) for person in (town.ben, town.carla, town.emil)
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

    view = await commitments.view(by=town.anna, commitment=number, now=now)

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


async def test_record_gives_up_when_somebody_is_always_quicker(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(town, now)
    monkeypatch.setattr(commitments, "NUMBER_ATTEMPTS", 0)

    with pytest.raises(ChangedMeanwhile):
        await recorded(town, now)


async def test_record_makes_the_owners_feed_stale(town: Town, now: datetime) -> None:
    await FeedCache.create(person=town.carla, stale=False)

    await recorded(town, now)

    assert (await FeedCache.get(person_id=town.carla.id)).stale is True


# --- due in a meeting -----------------------------------------------------------------------------------------------


async def test_due_in_a_meeting_follows_the_calendar(town: Town, now: datetime) -> None:
    number = await recorded(town, now, Due(kind=DueKind.MEETING, nth=2, bodies=(town.rlk.id, town.tk.id)))

    async def due() -> tuple[date | None, list[tuple[str, date | None]]]:
        facts = (await commitments.view(by=town.anna, commitment=number, now=now))["commitment"]
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


async def test_meeting_days_counts_from_today(town: Town, now: datetime) -> None:
    await a_meeting(town.rlk, "2026-11-24T10:00")
    await a_meeting(town.rlk, "2026-12-08T10:00")

    days = await commitments.meeting_days(by=town.anna, bodies=[town.rlk.id, town.tk.id], nth=2, now=now)

    assert days == {town.rlk.id: date(2026, 12, 8), town.tk.id: None}


# --- agreeing -------------------------------------------------------------------------------------------------------


async def test_confirm_by_all_parties_makes_it_agreed_and_tells_who_recorded(town: Town, now: datetime) -> None:
    number = await recorded(town, now)
    await Notice.all().delete()

    await commitments.confirm(by=town.carla, commitment=number, now=now)
    between = await state(number)
    await commitments.confirm(by=town.emil, commitment=number, now=now)
    await commitments.confirm(by=town.emil, commitment=number, now=now)

    assert (between, await state(number)) == (CommitmentState.PROPOSED, CommitmentState.AGREED)
    assert await told() == [("commitment_agreed", town.anna.id)]


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
    facts = await facts_told("commitment_declined", town.anna)
    assert (row.state, row.reason) == (CommitmentState.PROPOSED, "Dafür fehlen uns Stellen")
    assert (facts["name"], facts["commitment"]["reason"]) == ("Emil Ebert", "Dafür fehlen uns Stellen")
    assert await CommitmentParty.filter(commitment_id=number, confirmed_at=None).count() == 2


async def test_decline_refused(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    for reason, refusal in ((" ", TitleMissing), ("x" * 501, TooLong), ("wegen Familie M.", LooksLikeACase)):
        with pytest.raises(refusal):
            await commitments.decline(by=town.emil, commitment=number, reason=reason, now=now)
    with pytest.raises(NotFoundHere):
        await commitments.decline(by=town.ben, commitment=number, reason="Nein", now=now)
    await Commitment.filter(id=number).update(state=CommitmentState.AGREED)
    with pytest.raises(Outdated):
        await commitments.decline(by=town.emil, commitment=number, reason="Nein", now=now)


# --- how it stands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "after", "leads_told"),
    [
        (CheckInAnswer.ON_TRACK, CommitmentState.IN_PROGRESS, []),
        (CheckInAnswer.DONE, CommitmentState.FULFILLED, ["check_in_told"]),
        (CheckInAnswer.STUCK, CommitmentState.BLOCKED, ["check_in_told"]),
        (CheckInAnswer.NEEDS_HELP, CommitmentState.WAITING, ["check_in_told"]),
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

    assert await told() == [("check_in_told", town.ben.id)]


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
    assert await told("commitment_agreed") == [("commitment_agreed", town.anna.id)]


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
    assert await told() == [("check_in_told", town.anna.id), ("check_in_told", town.anna.id)]


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
    assert await told() == [("commitment_verified", town.carla.id)]


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
    facts = await facts_told("commitment_moved", town.emil)
    assert (row.due_on, row.due_moves, row.reason) == (date(2026, 12, 9), 1, "Raum fehlt")
    assert await told() == [("commitment_moved", town.emil.id)]
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
    assert await told() == [("commitment_dropped", town.carla.id), ("commitment_dropped", town.emil.id)]


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


# --- reading --------------------------------------------------------------------------------------------------------


async def rights(person: Person, number: int, now: datetime) -> set[str]:
    facts = await commitments.view(by=person, commitment=number, now=now)
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
    assert await rights(town.anna, number, now) == {"may_verify", "may_drop"}
    assert await rights(town.dora, number, now) == {"may_drop"}
    assert await rights(town.carla, number, now) == set()


async def test_view_lets_who_records_vouch_for_the_others(town: Town, now: datetime) -> None:
    number = await recorded(town, now, owners=[Party(person=town.anna.id)])

    facts = await commitments.view(by=town.anna, commitment=number, now=now)

    assert [party["name"] for party in facts["vouch_for"]] == ["Emil Ebert"]


async def test_view_refused_without_a_seat_or_a_part(town: Town, now: datetime) -> None:
    number = await recorded(town, now, counterparts=[])

    with pytest.raises(NotFoundHere):
        await commitments.view(by=town.emil, commitment=number, now=now)


async def test_listed_shows_mine_what_was_agreed_with_me_and_counts_of_my_bodies(town: Town, now: datetime) -> None:
    later = now + timedelta(days=10)
    overdue = await agreed(town, now)
    standing = await agreed(town, now, STANDING)
    await agreed(town, now, owners=[Party(person=town.emil.id)], counterparts=[Party(organisation=town.caritas.id)])
    done = await agreed(town, now)
    await Commitment.filter(id=done).update(state=CommitmentState.FULFILLED)

    carlas = await commitments.listed(by=town.carla, now=later)
    annas = await commitments.listed(by=town.anna, now=later)

    assert [(entry["id"], entry["overdue"]) for entry in carlas["mine"]] == [(overdue, True), (standing, False)]
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


async def test_listed_says_the_same_number_of_statements_for_one_and_for_three(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    due = Due(kind=DueKind.MEETING, bodies=(town.rlk.id,), nth=1)
    await agreed(town, now, due)
    with statements() as one:
        await commitments.listed(by=town.carla, now=now)
        await commitments.of_body(by=town.anna, body=town.rlk.id, now=now)
    await agreed(town, now, due)
    await agreed(town, now, due)

    with statements() as three:
        await commitments.listed(by=town.carla, now=now)
        await commitments.of_body(by=town.anna, body=town.rlk.id, now=now)

    assert len(three.statements) == len(one.statements)


async def test_of_body_shows_all_to_who_records(town: Town, now: datetime) -> None:
    await agreed(town, now, STANDING)
    await agreed(town, now)

    facts = await commitments.of_body(by=town.dora, body=town.rlk.id, now=now)

    assert [entry["number"] for entry in facts["commitments"]] == [2, 1]
    assert (facts["open"], facts["overdue"], facts["fulfilled"]) == (2, 0, 0)
    assert facts["body"]["name"] == "Regionalleiterkonferenz"
    with pytest.raises(MayNotRecord):
        await commitments.of_body(by=town.carla, body=town.rlk.id, now=now)


async def test_directory_knows_people_with_a_seat_organisations_and_bodies(town: Town, now: datetime) -> None:
    await a_seat(town.anna, town.tk, Role.MEMBER)
    await Person.filter(id=town.emil.id).update(left_at=now)

    found = await commitments.directory(now=now)

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
    people = await commitments.members(by=town.dora, body=town.rlk.id, now=now)

    assert [person.short for person in people] == ["Dietz", "Arendt", "Cramer", "Özdemir"]


# --- the clock ------------------------------------------------------------------------------------------------------

FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # three working days before the 25th


async def asked(now: datetime) -> int:
    return await commitments.ask_check_ins(land=LAND, now=now)


async def marked(now: datetime) -> int:
    return await commitments.mark_overdue(land=LAND, now=now)


async def test_ask_check_ins_asks_the_owner_once_three_working_days_before(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    counts = [await asked(FRIDAY - timedelta(days=1)), await asked(FRIDAY), await asked(FRIDAY)]
    next_days = [await asked(FRIDAY + timedelta(days=days)) for days in (1, 3, 5, 6)]

    assert (counts, next_days) == ([0, 1, 0], [0, 0, 0, 0])
    assert await told() == [("check_in", town.carla.id)]
    rows = await CheckIn.all().values_list("commitment_id", "person_id", "due_on", "asked_at", "answer")
    assert rows == [(number, town.carla.id, NEXT_WEEK.on, FRIDAY, None)]


async def test_ask_check_ins_asks_about_several_in_one_message(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await agreed(town, now)

    await asked(FRIDAY)

    facts = await facts_told("check_in", town.carla)
    assert [entry["number"] for entry in facts["commitments"]] == [1, 2]
    assert await CheckIn.all().count() == 2


async def test_ask_check_ins_leaves_a_second_bundle_for_the_next_day(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await asked(FRIDAY)
    await agreed(town, now)

    counts = [await asked(FRIDAY + timedelta(hours=1)), await asked(FRIDAY + timedelta(days=3))]

    assert counts == [0, 1]


async def test_ask_check_ins_asks_again_after_the_date_has_moved(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await asked(FRIDAY)
    later = Due(kind=DueKind.DATE, on=date(2026, 12, 2))
    await commitments.move(by=town.carla, commitment=number, due=later, reason="Raum fehlt", now=FRIDAY)

    counts = [await asked(FRIDAY + timedelta(days=3)), await asked(FRIDAY + timedelta(days=7))]

    assert counts == [0, 1]


async def test_ask_check_ins_follows_the_meeting(town: Town, now: datetime) -> None:
    await agreed(town, now, Due(kind=DueKind.MEETING, bodies=(town.tk.id,), nth=1))
    before = await asked(FRIDAY)
    await a_meeting(town.tk, "2026-11-25T10:00")

    assert (before, await asked(FRIDAY)) == (0, 1)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 20, 5, 0, tzinfo=UTC),  # six in the morning
        datetime(2026, 11, 20, 19, 0, tzinfo=UTC),  # eight in the evening
        datetime(2026, 11, 21, 9, 0, tzinfo=UTC),  # Saturday
    ],
)
async def test_ask_check_ins_passes_over_who_may_not_be_disturbed(town: Town, now: datetime, moment: datetime) -> None:
    await agreed(town, now)

    assert (await asked(moment), await asked(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))) == (0, 1)


async def test_ask_check_ins_waits_for_the_return_from_an_absence(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await Person.filter(id=town.carla.id).update(absent_from=date(2026, 11, 18), absent_until=date(2026, 11, 24))

    assert (await asked(FRIDAY), await asked(datetime(2026, 11, 25, 9, 0, tzinfo=UTC))) == (0, 1)


async def test_ask_check_ins_does_not_ask_about_what_is_only_proposed_or_done_or_answered(
    town: Town, now: datetime
) -> None:
    await recorded(town, now)
    done = await agreed(town, now)
    answered = await agreed(town, now)
    await commitments.check_in(by=town.carla, commitment=done, answer=CheckInAnswer.DONE, now=now)
    await commitments.check_in(by=town.carla, commitment=answered, answer=CheckInAnswer.ON_TRACK, now=now)

    assert await asked(FRIDAY) == 0


THURSDAY_AFTER = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


async def test_mark_overdue_tells_owner_and_lead_once(town: Town, now: datetime) -> None:
    await agreed(town, now)

    on_the_day = await marked(THURSDAY_AFTER - timedelta(days=1))
    counts = [
        await marked(THURSDAY_AFTER),
        await marked(THURSDAY_AFTER),
        await marked(THURSDAY_AFTER + timedelta(days=1)),
    ]

    assert (on_the_day, counts) == (0, [2, 0, 0])
    assert await told() == [("overdue", town.anna.id), ("overdue", town.carla.id)]
    annas, carlas = await facts_told("overdue", town.anna), await facts_told("overdue", town.carla)
    assert ([e["number"] for e in annas["mine"]], [e["number"] for e in annas["led"]]) == ([], [1])
    assert ([e["number"] for e in carlas["mine"]], [e["number"] for e in carlas["led"]]) == ([1], [])
    assert await AuditEvent.filter(what="commitment.overdue").count() == 2


async def test_mark_overdue_tells_the_deputy_when_the_chair_is_away(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await Person.filter(id=town.anna.id).update(absent_from=date(2026, 11, 20), absent_until=date(2026, 12, 4))

    await marked(THURSDAY_AFTER)

    assert await told() == [("overdue", town.ben.id), ("overdue", town.carla.id)]


async def test_mark_overdue_again_after_the_new_date_has_passed(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await marked(THURSDAY_AFTER)
    later = Due(kind=DueKind.DATE, on=date(2026, 11, 27))
    await commitments.move(by=town.carla, commitment=number, due=later, reason="Raum fehlt", now=THURSDAY_AFTER)

    counts = [await marked(THURSDAY_AFTER + timedelta(days=1)), await marked(THURSDAY_AFTER + timedelta(days=4))]

    assert counts == [0, 2]


async def test_mark_overdue_keeps_one_bundle_a_day(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await agreed(town, now, Due(kind=DueKind.DATE, on=date(2026, 11, 27)))
    await asked(THURSDAY_AFTER)

    same_day, next_day = await marked(THURSDAY_AFTER), await marked(THURSDAY_AFTER + timedelta(days=1))

    assert (same_day, next_day) == (1, 1)
    assert await told() == [("check_in", town.carla.id), ("overdue", town.anna.id), ("overdue", town.carla.id)]


async def test_mark_overdue_tells_a_lead_of_their_own_only_once(town: Town, now: datetime) -> None:
    await agreed(town, now, owners=[Party(person=town.anna.id)], counterparts=[])

    await marked(THURSDAY_AFTER)

    facts = await facts_told("overdue", town.anna)
    assert ([e["number"] for e in facts["mine"]], facts["led"]) == ([1], [])


async def test_clock_says_the_same_number_of_statements_for_one_and_for_three(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await agreed(town, now)
    with statements() as one:
        await asked(now)
        await marked(now)
    await agreed(town, now)
    await agreed(town, now)

    with statements() as three:
        await asked(now)
        await marked(now)

    assert len(three.statements) == len(one.statements)


async def test_parties_keep_their_side(town: Town, now: datetime) -> None:
    number = await recorded(town, now)

    sides = await CommitmentParty.filter(commitment_id=number).order_by("id").values_list("side", "person_id")

    assert sides == [(Side.OWNER, town.carla.id), (Side.COUNTERPART, town.emil.id)]
