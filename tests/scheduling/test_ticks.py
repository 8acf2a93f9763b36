from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from apscheduler.triggers.interval import IntervalTrigger
from structlog.testing import capture_logs

from bot import scheduling
from bot.app import assemble
from bot.config import Settings
from bot.scheduling import Tick, look, scheduler, when_rung
from storage import bells
from storage.db import transaction
from storage.models import Attendance, Dialogue, FeedCache, Meeting, Remembered
from storage.vocabulary import MeetingState, Network
from tests.actions.cast import LAND, Town, arrive
from tests.actions.invented import a_meeting
from tests.conftest import Counted, is_writing


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # it has to be open
    return await arrive()


def test_ticks_are_a_handful_and_each_has_its_name() -> None:
    listed = scheduling.ticks(LAND)

    assert len({tick.name for tick in listed}) == len(listed) <= 10
    assert all(tick.seconds >= 5 for tick in listed)


def test_ticks_that_may_have_much_to_tell_do_it_in_pieces() -> None:
    assert {tick.name for tick in scheduling.ticks(LAND) if tick.own_work} == {
        "check-ins",
        "erased",
        "overdue",
        "seats over",
    }


async def test_every_tick_looks_at_an_empty_town(store: str, now: datetime) -> None:  # noqa: ARG001  # it has to be open
    woken: list[str] = []
    with capture_logs() as log:
        for tick in scheduling.ticks(LAND):
            await look(tick, lambda: now, partial(woken.append, tick.name))

    assert (woken, log) == ([], [])


async def test_no_tick_costs_more_than_a_question_while_nothing_happens(
    town: Town,  # noqa: ARG001  # nothing is due there
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
) -> None:
    faden = await assemble(Settings(), key=b"k" * 32, domain_now=lambda: now, machine_now=lambda: now)
    cost = {}
    for job in faden.timer.get_jobs():
        tick = job.args[0]
        await look(tick, lambda: now, lambda: None)
        with statements() as counted:
            await look(tick, lambda: now, lambda: None)
        cost[tick.name] = (len(counted.statements), counted.commits)

    asking = {name: number for name, (number, _) in cost.items() if number > 1}
    several_kinds_of_rows, several_questions, all_indexes = "tidy", "unread", "statistics"
    assert asking.keys() <= {several_kinds_of_rows, several_questions, all_indexes}
    assert asking["tidy"] <= 11
    assert {name for name, (number, _) in cost.items() if number == 0} >= {
        "hand over",
        "signed out",
        "people files",
        "erased",
    }
    assert {name for name, (_, commits) in cost.items() if commits} <= {all_indexes}


async def test_tick_that_waits_for_a_bell_looks_when_it_was_rung(store: str) -> None:  # noqa: ARG001  # it has to be open
    looked = []

    async def act() -> bool:
        looked.append(True)
        if len(looked) == 2:
            raise ZeroDivisionError
        return True

    assert [await when_rung("x", act), await when_rung("x", act)] == [True, None]
    bells.ring("x")
    with pytest.raises(ZeroDivisionError):
        await when_rung("x", act)

    assert ([await when_rung("x", act), await when_rung("x", act)], len(looked)) == ([True, None], 3)


async def test_ticks_do_what_is_due(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-18T07:00", MeetingState.INVITED)
    await Attendance.create(meeting=meeting, person=town.ben)
    await FeedCache.create(person=town.ben, stale=False)
    await Dialogue.create(
        network=Network.WEBCHAT, chat_id=7, person=town.ben, kind="item", step="title", data={}, expires_at=now
    )

    for tick in scheduling.ticks(LAND):
        await look(tick, lambda: now, lambda: None)

    assert (await Meeting.get(id=meeting.id)).state is MeetingState.HELD
    assert (await FeedCache.get()).stale
    assert await Dialogue.all().count() == 0


async def test_look_that_awaits_the_network_has_no_unit_of_work_of_its_own(store: str, now: datetime) -> None:  # noqa: ARG001  # it has to be open
    seen = []

    async def act(_moment: datetime) -> None:
        async with transaction():
            pass
        seen.append(is_writing())

    await look(Tick(name="x", seconds=60, action=act), lambda: now, lambda: None)
    await look(Tick(name="x", seconds=60, action=act, own_work=True), lambda: now, lambda: None)

    assert seen == [True, False]


async def test_look_is_one_unit_of_work_at_the_time_of_the_domain(store: str, now: datetime) -> None:  # noqa: ARG001  # it has to be open
    seen = []

    async def act(moment: datetime) -> int:
        async with transaction():
            seen.append((moment, is_writing()))
        return 1

    await look(Tick(name="x", seconds=60, action=act), lambda: now, lambda: seen.append((now, is_writing())))

    assert seen == [(now, True), (now, False)]


async def test_look_that_fails_leaves_nothing_is_logged_and_wakes_all_the_same(
    store: str,  # noqa: ARG001  # it has to be open
    now: datetime,
) -> None:
    woken = []

    async def fail(_moment: datetime) -> None:
        async with transaction():
            await Remembered.create(key="half", value=1)
        raise ZeroDivisionError

    with capture_logs() as log:
        await look(Tick(name="that fails", seconds=60, action=fail), lambda: now, lambda: woken.append(True))

    assert [(line["event"], line["tick"], line["log_level"]) for line in log] == [
        ("tick failed", "that fails", "error")
    ]
    assert (woken, await Remembered.all().count()) == ([True], 0)


async def test_scheduler_runs_each_tick_by_itself_and_makes_up_for_a_missed_look(now: datetime) -> None:
    async def act(_moment: datetime) -> None: ...

    listed = (Tick(name="often", seconds=5, action=act), Tick(name="seldom", seconds=3600, action=act))

    made = scheduler(listed, domain_now=lambda: now, wake=lambda: None)
    made.start(paused=True)
    jobs = {job.id: job for job in made.get_jobs()}
    made.shutdown(wait=False)

    assert list(jobs) == ["often", "seldom"]
    for tick in listed:
        job = jobs[tick.name]
        assert isinstance(job.trigger, IntervalTrigger)
        assert (job.trigger.interval, job.args[0]) == (timedelta(seconds=tick.seconds), tick)
        assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
        assert str(made.timezone) == str(UTC)


async def test_feeds_are_built_each_in_a_unit_of_work_of_its_own(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    for person in (town.ada, town.ben, town.carla):
        await FeedCache.create(person=person, stale=True)
    faden = await assemble(Settings(), key=b"k" * 32, domain_now=lambda: now, machine_now=lambda: now)
    (feeds,) = [job.args[0] for job in faden.timer.get_jobs() if job.id == "feeds"]

    with statements() as counted:
        await look(feeds, lambda: now, lambda: None)

    assert (await FeedCache.filter(stale=True).count(), counted.commits) == (0, 3)
