from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.actions import looks, notices
from bot.actions.commitments import commitments, handing_over, reminding
from bot.actions.commitments.commitments import Due
from bot.actions.looks import Look
from bot.actions.meetings import meetings, moving
from bot.actions.meetings.meetings import Plan
from bot.actions.notices import Draft
from bot.rules.parties import Party
from storage import db
from storage.models import CheckIn, Commitment, CommitmentParty, Membership, Notice, Person, ToldOverdue
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, MeetingFormat, Role, Side
from tests.actions.agreements import LAND, NEXT_WEEK, Town, agreed, arrive, facts_told, recorded, told
from tests.actions.invented import a_meeting, a_seat
from tests.conftest import Counted


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # three working days before the 25th


async def asked(now: datetime) -> int:
    return await reminding.ask_check_ins(land=LAND, now=now)


async def marked(now: datetime) -> int:
    return await reminding.mark_overdue(land=LAND, now=now)


async def test_ask_check_ins_asks_the_owner_once_three_working_days_before(town: Town, now: datetime) -> None:
    number = await agreed(town, now)

    counts = [await asked(FRIDAY - timedelta(days=1)), await asked(FRIDAY), await asked(FRIDAY)]
    next_days = [await asked(FRIDAY + timedelta(days=days)) for days in (1, 3, 5, 6)]

    assert (counts, next_days) == ([0, 1, 0], [0, 0, 0, 0])
    assert await told() == [("commitments/check_in", town.carla.id)]
    rows = await CheckIn.all().values_list("commitment_id", "person_id", "due_on", "asked_at", "answer")
    assert rows == [(number, town.carla.id, NEXT_WEEK.on, FRIDAY, None)]


async def test_ask_check_ins_asks_about_several_in_one_message(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await agreed(town, now)

    await asked(FRIDAY)

    facts = await facts_told("commitments/check_in", town.carla)
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
    assert await told() == [("commitments/overdue", town.anna.id), ("commitments/overdue", town.carla.id)]
    annas, carlas = (
        await facts_told("commitments/overdue", town.anna),
        await facts_told("commitments/overdue", town.carla),
    )
    assert ([e["number"] for e in annas["mine"]], [e["number"] for e in annas["led"]]) == ([], [1])
    assert ([e["number"] for e in carlas["mine"]], [e["number"] for e in carlas["led"]]) == ([1], [])
    assert await ToldOverdue.all().order_by("person_id").values_list("person_id", "due_on", "told_at") == [
        (person.id, THURSDAY_AFTER.date() - timedelta(days=1), THURSDAY_AFTER) for person in (town.anna, town.carla)
    ]


async def test_mark_overdue_tells_the_deputy_when_the_chair_is_away(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await Person.filter(id=town.anna.id).update(absent_from=date(2026, 11, 20), absent_until=date(2026, 12, 4))

    await marked(THURSDAY_AFTER)

    assert await told() == [("commitments/overdue", town.ben.id), ("commitments/overdue", town.carla.id)]


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
    assert await told() == [
        ("commitments/check_in", town.carla.id),
        ("commitments/overdue", town.anna.id),
        ("commitments/overdue", town.carla.id),
    ]


async def test_mark_overdue_tells_a_lead_of_their_own_only_once(town: Town, now: datetime) -> None:
    await agreed(town, now, owners=[Party(person=town.anna.id)], counterparts=[])

    await marked(THURSDAY_AFTER)

    facts = await facts_told("commitments/overdue", town.anna)
    assert ([e["number"] for e in facts["mine"]], facts["led"]) == ([1], [])


async def test_mark_overdue_tells_a_new_lead_and_nobody_twice(town: Town, now: datetime) -> None:
    await agreed(town, now)
    await marked(THURSDAY_AFTER)
    await Membership.filter(person_id=town.anna.id).update(ends_on=THURSDAY_AFTER.date())
    await a_seat(town.emil, town.rlk, Role.CHAIR)

    assert await marked(THURSDAY_AFTER + timedelta(days=1)) == 1
    assert (await told())[2:] == [("commitments/overdue", town.emil.id)]


async def test_mark_overdue_follows_the_meeting(town: Town, now: datetime) -> None:
    await agreed(town, now, Due(kind=DueKind.MEETING, bodies=(town.tk.id,), nth=1))
    unknown = await marked(THURSDAY_AFTER)
    await a_meeting(town.tk, "2026-11-25T10:00")

    assert (unknown, await marked(THURSDAY_AFTER), await marked(THURSDAY_AFTER)) == (0, 2, 0)


async def test_mark_overdue_tells_only_those_owners_of_a_proposal_who_have_said_yes(town: Town, now: datetime) -> None:
    number = await recorded(town, now, owners=[Party(person=town.carla.id), Party(person=town.emil.id)])
    await CommitmentParty.filter(commitment_id=number, person_id=town.emil.id).update(confirmed_at=now)
    await Notice.all().delete()

    await marked(THURSDAY_AFTER)

    assert await told() == [("commitments/overdue", town.anna.id), ("commitments/overdue", town.emil.id)]


async def test_clock_tells_in_pieces_and_each_person_once(
    town: Town,
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reminding, "AT_ONCE", 2)
    for owner in (town.carla, town.carla, town.carla, town.dora, town.emil):
        await agreed(town, now, owners=[Party(person=owner.id)])

    with statements() as asking:
        assert await asked(FRIDAY) == 3
    with statements() as marking:
        assert await marked(THURSDAY_AFTER) == 4

    assert (asking.commits, marking.commits) == (2, 3)  # Carla · Dora and Emil; Anna · Carla · Dora and Emil
    assert [person for _, person in await told("commitments/check_in")] == [town.carla.id, town.dora.id, town.emil.id]
    assert [e["number"] for e in (await facts_told("commitments/check_in", town.carla))["commitments"]] == [1, 2, 3]
    assert [e["number"] for e in (await facts_told("commitments/overdue", town.anna))["led"]] == [1, 2, 3, 4, 5]
    assert (await CheckIn.all().count(), await ToldOverdue.all().count()) == (5, 10)


async def test_clock_keeps_what_it_has_told_when_it_fails_on_the_way(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminding, "AT_ONCE", 1)
    await agreed(town, now)
    left = [1]

    async def once(work: Callable[[], Awaitable[int]]) -> int:
        left.pop()
        return await db.unit_of_work(work)

    with monkeypatch.context() as failing:
        failing.setattr(reminding, "unit_of_work", once)
        with pytest.raises(IndexError):
            await marked(THURSDAY_AFTER)

    assert await told() == [("commitments/overdue", town.anna.id)]
    assert (await marked(THURSDAY_AFTER), await marked(THURSDAY_AFTER + timedelta(days=1))) == (1, 0)


async def test_clock_does_not_tell_what_has_changed_while_it_told_the_others(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminding, "AT_ONCE", 2)
    moved, done = await agreed(town, now), await agreed(town, now)

    async def then_change(work: Callable[[], Awaitable[int]]) -> int:
        people = await db.unit_of_work(work)
        later = Due(kind=DueKind.DATE, on=date(2026, 12, 2))
        if not await Notice.filter(template="commitments/moved").exists():
            await commitments.move(by=town.anna, commitment=moved, due=later, reason="Raum fehlt", now=THURSDAY_AFTER)
            await commitments.fulfil(by=town.anna, commitment=done, now=THURSDAY_AFTER)
        return people

    monkeypatch.setattr(reminding, "unit_of_work", then_change)

    assert await marked(THURSDAY_AFTER) == 1
    assert await told("commitments/overdue") == [("commitments/overdue", town.anna.id)]


async def test_clock_does_not_tell_people_whose_seat_ended_while_it_told_the_others(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminding, "AT_ONCE", 1)
    await agreed(town, now, owners=[Party(body=town.rlk.id, role=Role.DEPUTY_CHAIR)])

    async def then_end_the_seat(work: Callable[[], Awaitable[int]]) -> int:
        people = await db.unit_of_work(work)
        await Membership.filter(person_id=town.ben.id).update(ends_on=now.date())
        return people

    monkeypatch.setattr(reminding, "unit_of_work", then_end_the_seat)

    assert await marked(THURSDAY_AFTER) == 1
    assert await told("commitments/overdue") == [("commitments/overdue", town.anna.id)]


@pytest.mark.parametrize("moment", [FRIDAY, THURSDAY_AFTER])
async def test_clock_remembers_nothing_for_who_gets_another_bundle_meanwhile(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch, moment: datetime
) -> None:
    await agreed(town, now)
    act = asked if moment == FRIDAY else marked

    async def second(work: Callable[[], Awaitable[int]]) -> int:
        key = f"followup:{town.carla.id}:{moment.date()}"
        first = Draft(key=key, template="first", facts={}, due_at=moment, person=town.carla.id)
        await notices.queue([first], now=moment)
        return await db.unit_of_work(work)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(reminding, "unit_of_work", second)
        others = await act(moment)
    next_working_day = moment + timedelta(days=3 if moment == FRIDAY else 1)

    assert (others, await act(next_working_day)) == (0 if moment == FRIDAY else 1, 1)


async def test_clock_asks_and_tells_who_speaks_for_every_kind_of_party(town: Town, now: datetime) -> None:
    owners = [
        Party(organisation=town.caritas.id),
        Party(body=town.tk.id),
        Party(body=town.rlk.id, role=Role.DEPUTY_CHAIR),
        Party(name="Herr Niemand"),
    ]
    await agreed(town, now, owners=owners, counterparts=[])

    assert await asked(FRIDAY) == 3
    assert [person for _, person in await told("commitments/check_in")] == [town.ben.id, town.carla.id, town.emil.id]
    assert await CommitmentParty.filter(side=Side.OWNER).count() == 4


async def test_mark_overdue_reads_what_has_been_told_without_loading_it(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await agreed(town, now)
    await marked(THURSDAY_AFTER)
    with statements() as one:
        await marked(THURSDAY_AFTER + timedelta(days=1))
    for _ in range(4):
        await agreed(town, now)
    with statements() as telling:
        await marked(THURSDAY_AFTER + timedelta(days=1))
    with statements() as five:
        await marked(THURSDAY_AFTER + timedelta(days=4))

    assert len(five.statements) == len(one.statements) < len(telling.statements)
    assert not any('"what"' in statement and "commitment_party" in statement for statement in five.statements)


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


# --- when the clock looks ---------------------------------------------------------------------------------------------

NIGHT = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)  # Friday begins in Berlin


async def test_clock_looks_when_a_day_begins_and_when_somebody_may_be_disturbed(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await agreed(town, now)

    seen = []
    for hours in range(-1, 9):
        with statements() as counted:
            asked_now = await reminding.check_ins(now=NIGHT + timedelta(hours=hours), land=LAND)
        seen.append((asked_now, len(counted.statements) > 1))

    first, midnight, utc_midnight, nothing, morning = (0, True), (0, True), (0, True), (0, False), (1, True)
    assert seen == [first, midnight, utc_midnight, *[nothing] * 5, morning, nothing]


@pytest.mark.parametrize("look", [reminding.check_ins, reminding.overdue])
async def test_clock_asks_one_question_until_something_can_be_found(
    town: Town,
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
    look: Callable[..., Awaitable[int]],
) -> None:
    await agreed(town, now)
    await look(now=THURSDAY_AFTER, land=LAND)

    with statements() as counted:
        await look(now=THURSDAY_AFTER + timedelta(minutes=1), land=LAND)

    assert (len(counted.statements), counted.commits) == (1, 0)


async def test_clock_tells_what_is_overdue_on_the_morning_after(town: Town, now: datetime) -> None:
    await agreed(town, now)

    days = [datetime(2026, 11, day, hour, tzinfo=UTC) for day in (25, 26) for hour in (0, 6, 12, 23)]
    told_then = [await reminding.overdue(now=moment, land=LAND) for moment in days]

    assert told_then == [0, 0, 0, 0, 0, 2, 0, 0]


async def test_clock_looks_again_when_something_was_agreed(town: Town, now: datetime) -> None:
    await reminding.check_ins(now=FRIDAY, land=LAND)
    number = await recorded(town, now)
    await commitments.confirm(by=town.carla, commitment=number, now=FRIDAY)

    assert await reminding.check_ins(now=FRIDAY + timedelta(minutes=1), land=LAND) == 1


async def records_for_oneself(town: Town, now: datetime) -> None:
    await recorded(town, now, by=town.anna, owners=[Party(person=town.anna.id)], counterparts=[])


async def hands_over(town: Town, now: datetime) -> None:
    number = await agreed(town, now)
    await Commitment.filter(id=number).update(state=CommitmentState.ORPHANED)
    await Person.filter(id=town.carla.id).update(left_at=now)
    await looked(now)
    await handing_over.hand_over(by=town.anna, commitment=number, to=town.anna.id, now=now)


async def plans(town: Town, now: datetime) -> int:
    plan = Plan(starts=datetime(2026, 11, 25, 10), minutes=90, format=MeetingFormat.PRESENCE, place="Rathaus")  # noqa: DTZ001  # on the wall
    facts = await meetings.schedule(by=town.anna, body="RLK", plan=plan, host="faden.example", now=now)
    return int(facts["meeting"]["id"])


async def moves(town: Town, now: datetime) -> None:
    meeting = await plans(town, now)
    await looked(now)
    await moving.move(by=town.anna, meeting=meeting, starts=datetime(2026, 11, 24, 10), minutes=90, now=now)  # noqa: DTZ001  # on the wall


async def calls_off(town: Town, now: datetime) -> None:
    meeting = await plans(town, now)
    await looked(now)
    await moving.cancel(by=town.anna, meeting=meeting, reason="krank", now=now)


async def looked(now: datetime) -> None:
    """The clock has seen everything, until tomorrow."""
    for name in looks.COMMITMENTS:
        await looks.done(await looks.due(name, now=now) or Look(name=name), now=now, again=now + timedelta(days=1))
    assert [await looks.due(name, now=now) for name in looks.COMMITMENTS] == [None, None]


@pytest.mark.parametrize("act", [records_for_oneself, hands_over, plans, moves, calls_off])
async def test_clock_looks_again_when_something_may_have_become_due_today(
    town: Town, now: datetime, act: Callable[[Town, datetime], Awaitable[object]]
) -> None:
    await agreed(town, now)
    await looked(now)

    await act(town, now)

    assert all([await looks.due(name, now=now) for name in looks.COMMITMENTS])


async def test_clock_tells_a_piece_at_a_time(town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminding, "AT_ONCE", 1)
    for owner in (town.carla, town.dora, town.emil):
        await agreed(town, now, owners=[Party(person=owner.id)])

    counts = [await reminding.check_ins(now=FRIDAY + timedelta(minutes=minute), land=LAND) for minute in range(4)]

    assert counts == [1, 1, 1, 0]
    assert await looks.due(reminding.CHECK_INS, now=FRIDAY + timedelta(minutes=4)) is None
