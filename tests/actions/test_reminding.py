from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.actions import commitments, reminding
from bot.actions.commitments import Due
from bot.rules.parties import Party
from storage.models import AuditEvent, CheckIn, Person
from storage.vocabulary import CheckInAnswer, DueKind
from tests.actions.agreements import LAND, NEXT_WEEK, Town, agreed, arrive, facts_told, recorded, told
from tests.actions.people import a_meeting
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
