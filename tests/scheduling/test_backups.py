"""The daily backup: when it is made, and how an operator sees that it is not."""

import fcntl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from bot import config, readiness
from bot.scheduling import look
from bot.scheduling.backups import Backups
from bot.web.settings import Check
from storage import backup, db


@pytest.fixture
def clock(now: datetime) -> list[datetime]:
    """The machine's time, to be set."""
    return [now]


@pytest.fixture
def backups(store: str, tmp_path: Path, clock: list[datetime]) -> Backups:
    """Those of a town that makes them at three."""
    environ = {"FADEN_DATABASE__URL": store, "FADEN_BACKUP__DIRECTORY": str(tmp_path), "FADEN_BACKUP__HOUR": "3"}
    return Backups(config.load(None, environ), 3, lambda: clock[0])


Moments = Callable[[], list[str]]


@pytest.fixture
def moments(tmp_path: Path) -> Moments:
    """The backups that are there."""
    return lambda: sorted(path.name for path in tmp_path.iterdir() if path.is_dir())


@pytest.mark.only_on("sqlite")
async def test_town_without_any_backup_gets_one_and_the_next_at_its_hour(
    backups: Backups, clock: list[datetime], moments: Moments
) -> None:
    for hours in (0, 1, 17, 18, 19, 42):  # 9:00, 10:00, 2:00, 3:00, 4:00, 3:00
        clock[0] = datetime(2026, 11, 18, 8, tzinfo=UTC) + timedelta(hours=hours)
        await backups.look()

    assert moments() == ["2026-11-18T080000Z", "2026-11-19T020000Z", "2026-11-20T020000Z"]


@pytest.mark.only_on("sqlite")
async def test_day_that_was_slept_through_is_made_up_for(
    backups: Backups, clock: list[datetime], moments: Moments
) -> None:
    await backups.look()
    clock[0] += timedelta(days=3)

    await backups.look()

    assert moments() == ["2026-11-18T080000Z", "2026-11-21T080000Z"]


@pytest.mark.only_on("sqlite")
async def test_backup_that_fails_is_logged_and_tried_again_after_a_pause(
    backups: Backups, clock: list[datetime], moments: Moments, caplog: pytest.LogCaptureFixture
) -> None:
    path = db.sqlite_path(backups.settings.database.url)
    assert path is not None
    away = path.rename(path.with_name("away"))
    (tick,) = backups.ticks(CollectorRegistry())

    await look(tick, lambda: clock[0], lambda: None)
    logged = [record.levelname for record in caplog.records]
    away.replace(path)
    clock[0] += timedelta(minutes=59)
    await look(tick, lambda: clock[0], lambda: None)
    before = moments()
    clock[0] += timedelta(minutes=1)
    await look(tick, lambda: clock[0], lambda: None)

    assert (logged, before) == (["ERROR"], [])
    assert moments() == ["2026-11-18T090000Z"]


@pytest.mark.only_on("sqlite")
async def test_backup_that_another_process_makes_is_left_to_it(
    backups: Backups, tmp_path: Path, moments: Moments
) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        await backups.look()

    assert moments() == []


@pytest.mark.only_on("sqlite")
async def test_backup_that_is_missing_for_a_day_is_seen(backups: Backups, clock: list[datetime]) -> None:
    registry = CollectorRegistry()
    backups.ticks(registry)
    ready = readiness.checks(lambda: clock[0], lambda: clock[0], None, backups)["backup"]

    seen = [await ready()]
    clock[0] += timedelta(hours=26, minutes=1)
    seen.append(await ready())
    await backups.look()
    seen.append(await ready())

    assert seen == [
        Check(ok=True, detail="none yet"),
        Check(ok=False, detail="none yet"),
        Check(ok=True, detail="2026-11-19 10:01 UTC"),
    ]
    assert registry.get_sample_value("faden_backup_timestamp_seconds") == clock[0].timestamp()
    assert backup.newest(backups.settings.backups) == clock[0]
