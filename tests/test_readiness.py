"""What `/readyz` asks; how it is asked is in tests/web/test_operating.py."""

import asyncio
import time
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot import readiness
from bot.web.settings import Check
from storage import db
from storage.models import Notice
from storage.vocabulary import Lane, NoticeKind


@pytest.mark.usefixtures("store")
async def test_everything_is_well(now: datetime) -> None:
    asked = {name: await check() for name, check in readiness.checks(lambda: now, None).items()}

    assert {name: check.ok for name, check in asked.items()} == {
        "database": True,
        "loop": True,
        "notices": True,
        "polling": True,
    }


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("minutes", "waiting"), [(10, 0), (11, 1)])
async def test_notice_that_waits_for_long_is_told(now: datetime, minutes: int, waiting: int) -> None:
    due = now - timedelta(minutes=minutes)
    await Notice.create(
        key="n", kind=NoticeKind.MESSAGE, lane=Lane.MAILING, template="help", facts={}, due_at=due, created_at=due
    )

    told = await readiness.checks(lambda: now, None)["notices"]()

    assert told == Check(ok=waiting == 0, detail=f"{waiting} waiting for more than ten minutes")


async def test_database_that_is_away_raises(now: datetime) -> None:
    with pytest.raises(RuntimeError):
        await readiness.checks(lambda: now, None)["database"]()
    assert not db.is_writing()


async def test_loop_that_somebody_holds_up_is_late(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOOP_LATE_SECONDS", 0.01)
    asyncio.get_running_loop().call_later(readiness.LOOP_PROBE_SECONDS / 2, partial(time.sleep, 0.1))

    told = await readiness.checks(lambda: now, None)["loop"]()

    assert not told.ok
