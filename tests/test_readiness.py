"""What `/readyz` asks; how it is asked is in tests/web/test_operating.py."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bot import readiness
from bot.web.settings import Check
from storage import db
from storage.models import Notice
from storage.vocabulary import Lane, NoticeKind
from tests.conftest import Counted


@pytest.mark.usefixtures("store")
async def test_everything_is_well(now: datetime) -> None:
    asked = {name: await check() for name, check in readiness.checks(lambda: now, lambda: now, None).items()}

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

    told = await readiness.checks(lambda: now, lambda: now, None)["notices"]()

    assert told == Check(ok=waiting == 0, detail=f"{waiting} waiting for more than ten minutes")


async def test_database_that_is_away_is_told(now: datetime) -> None:
    told = await readiness.checks(lambda: now, lambda: now, None)["database"]()

    assert told == Check(ok=False, detail="cannot write: RuntimeError")


@dataclass
class Machine:
    """The machine's clock."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def locked(store: str) -> AsyncIterator[Callable[[], None]]:
    """Another program holds the file; call to let it go. Faden does not wait for it as long as it would."""
    await db.execute("PRAGMA busy_timeout = 20")
    path = db.sqlite_path(store)
    assert path is not None
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield lambda: other.execute("ROLLBACK").close()
    other.close()


@pytest.mark.only_on("sqlite")
async def test_database_that_is_locked_is_told_until_it_is_free(now: datetime, locked: Callable[[], None]) -> None:
    machine = Machine(now)
    check = readiness.checks(lambda: now, machine, None)["database"]
    before = await check()
    locked()

    machine.now += readiness.WRITE_EVERY
    after = await check()

    assert before == Check(ok=False, detail="cannot write: OperationalError")
    assert after == Check(ok=True)


@contextmanager
def full_disk(log: Path) -> Iterator[None]:
    """No file of this process can grow beyond what the database's log has already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.only_on("sqlite")
async def test_disk_that_is_full_is_told(store: str, now: datetime) -> None:
    machine = Machine(now)
    check = readiness.checks(lambda: now, machine, None)["database"]
    before = await check()
    with full_disk(Path(f"{db.sqlite_path(store)}-wal")):
        machine.now += readiness.WRITE_EVERY
        full = await check()

    machine.now += readiness.WRITE_EVERY
    after = await check()

    assert [told.ok for told in (before, full, after)] == [True, False, True]


@pytest.mark.usefixtures("store")
async def test_whoever_asks_all_the_time_has_it_written_once_in_a_while(
    now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    machine = Machine(now)
    check = readiness.checks(lambda: now, machine, None)["database"]

    with statements() as counted:
        for _ in range(10):
            assert await check() == Check(ok=True)
            machine.now += readiness.WRITE_EVERY / 5

    assert counted.commits == 2


async def test_loop_that_somebody_holds_up_is_late(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOOP_LATE_SECONDS", 0.01)
    asyncio.get_running_loop().call_later(readiness.LOOP_PROBE_SECONDS / 2, partial(time.sleep, 0.1))

    told = await readiness.checks(lambda: now, lambda: now, None)["loop"]()

    assert not told.ok
