from datetime import datetime, timedelta

import pytest

from bot.actions.trial import trial
from storage.db import unit_of_work

pytestmark = pytest.mark.usefixtures("store")


async def test_clock_runs_with_the_machine_until_it_is_moved() -> None:
    assert await trial.clock_offset() == timedelta()


@pytest.mark.parametrize("ahead", [timedelta(days=3), timedelta(hours=-1, microseconds=500000)])
async def test_clock_remembers_how_far_it_was_moved(now: datetime, ahead: timedelta) -> None:
    offset = await unit_of_work(lambda: trial.move_clock(to=now + ahead, machine_now=now))

    assert await trial.clock_offset() == offset == ahead


async def test_clock_goes_back_to_the_machines_time(now: datetime) -> None:
    await unit_of_work(lambda: trial.move_clock(to=now + timedelta(days=3), machine_now=now))

    await unit_of_work(lambda: trial.move_clock(to=None, machine_now=now))

    assert await trial.clock_offset() == timedelta()


@pytest.mark.parametrize("year", [1, 1999, 2100, 9999])
async def test_clock_is_not_moved_to_where_nothing_can_be_reckoned(now: datetime, year: int) -> None:
    with pytest.raises(trial.NoSuchTrialTime):
        await unit_of_work(lambda: trial.move_clock(to=now.replace(year=year), machine_now=now))

    assert await trial.clock_offset() == timedelta()
