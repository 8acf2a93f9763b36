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
from typing import Any

import pytest

from bot import readiness
from bot.post import outbox
from bot.web.settings import Check
from storage import db
from storage.models import Notice, Person
from storage.vocabulary import Lane, NoticeKind
from tests.conftest import Counted


@pytest.mark.usefixtures("store")
async def test_everything_is_well(now: datetime) -> None:
    asked = {name: await check() for name, check in readiness.checks(lambda: now, lambda: now, None).items()}

    assert {name: check.ok for name, check in asked.items()} == {
        "database": True,
        "loop": True,
        "notices": True,
        "networks": True,
        "polling": True,
    }


@pytest.fixture
async def ben(store: str) -> Person:  # noqa: ARG001  # the store must be open
    return await Person.create(key="ben", given_name="Ben", family_name="Huber")


def notice(key: str, due_at: datetime, **values: Any) -> Notice:  # noqa: ANN401  # columns
    fixed: dict[str, Any] = {"kind": NoticeKind.MESSAGE, "lane": Lane.MAILING, "template": "general/help", "facts": {}}
    return Notice(key=key, due_at=due_at, created_at=due_at, **{**fixed, **values})


async def told(now: datetime, *rows: Notice) -> tuple[Check, Check]:
    """What is said of notices that nobody takes up, and of those that wait for a network."""
    await Notice.bulk_create(rows)
    asked = readiness.checks(lambda: now, lambda: now, None)
    return await asked["notices"](), await asked["networks"]()


def lying(count: int) -> Check:
    return Check(ok=count == 0, detail=f"{count} waiting for more than ten minutes")


def away(count: int) -> Check:
    return Check(ok=count == 0, detail=f"{count} waiting for a network for more than ten minutes")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("minutes", "waiting"), [(9, 0), (11, 1)])
async def test_notice_that_waits_for_long_is_told(now: datetime, minutes: int, waiting: int) -> None:
    due = now - timedelta(minutes=minutes)

    assert await told(now, notice("n", due)) == (lying(waiting), away(0))


@pytest.mark.usefixtures("store")
async def test_mails_that_one_mailbox_puts_off_and_those_behind_it_fail_nothing(ben: Person, now: datetime) -> None:
    due, later = now - timedelta(hours=5), now + timedelta(hours=4)
    first = notice("a", due, person=ben, kind=NoticeKind.MAIL, error="put off 452", held_until=later)
    second = notice("b", due + timedelta(hours=1), person=ben, kind=NoticeKind.MAIL)

    assert await told(now, first, second) == (lying(0), away(0))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("minutes", "waiting"), [(9, 0), (11, 1)])
async def test_notice_that_was_held_back_and_is_taken_up_no_more_is_told(
    now: datetime, minutes: int, waiting: int
) -> None:
    held = now - timedelta(minutes=minutes)

    assert await told(now, notice("n", now - timedelta(days=1), held_until=held)) == (lying(waiting), away(0))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("hours", [1, 0])
async def test_network_or_mail_server_that_is_away_is_told(now: datetime, hours: int) -> None:
    due, later = now - timedelta(hours=hours), now + timedelta(hours=1)
    chat = notice("a", due, error=outbox.AWAY, held_until=later)
    mail = notice("b", due, kind=NoticeKind.MAIL, error=outbox.MAIL_SERVER, held_until=later)

    assert await told(now, chat, mail) == (lying(0), away(2 if hours else 0))


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
