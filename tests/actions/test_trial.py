from datetime import timedelta

import pytest

from bot.actions import trial
from storage.db import unit_of_work

pytestmark = pytest.mark.usefixtures("store")


async def test_clock_runs_with_the_machine_until_it_is_moved() -> None:
    assert await trial.clock_offset() == timedelta()


async def test_clock_remembers_how_far_it_was_moved() -> None:
    for offset in (timedelta(days=3), timedelta(hours=-1, microseconds=500000)):
        await unit_of_work(lambda offset=offset: trial.move_clock(offset))  # type: ignore[misc]  # bound by default

        assert await trial.clock_offset() == offset
