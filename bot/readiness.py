"""Whether work gets done: what `/readyz` asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from bot.polling import Polling
from bot.post import outbox
from bot.scheduling.backups import Backups
from bot.web.settings import Check
from storage import db
from storage.models import Remembered

WRITTEN = "written"
WRITE_EVERY = timedelta(seconds=5)
LOOP_PROBE_SECONDS = 0.02
LOOP_LATE_SECONDS = 1.0
OLDEST_NOTICE = timedelta(minutes=10)


def checks(
    domain_now: Callable[[], datetime],
    machine_now: Callable[[], datetime],
    polling: Polling | None,
    backups: Backups | None = None,
) -> Mapping[str, Callable[[], Awaitable[Check]]]:
    """The database keeps what is written, the event loop turns in time, no notice waits for long, no network is away for long.

    Telegram is heard by polling. And, where backups are made by the hour, the newest one is not too old.
    """

    async def notices() -> Check:
        lying = await outbox.left_lying(due_by=domain_now() - OLDEST_NOTICE, free_by=machine_now() - OLDEST_NOTICE)
        return Check(ok=lying == 0, detail=f"{lying} waiting for more than ten minutes")

    async def networks() -> Check:
        held = await outbox.waiting_for_networks(due_by=domain_now() - OLDEST_NOTICE)
        return Check(ok=held == 0, detail=f"{held} waiting for a network for more than ten minutes")

    async def heard() -> Check:
        return Check(ok=polling is None or not polling.silent(), detail="telegram")

    asked: dict[str, Callable[[], Awaitable[Check]]] = {
        "database": Writing(machine_now),
        "loop": _loop,
        "notices": notices,
        "networks": networks,
        "polling": heard,
    }
    return asked if backups is None else {**asked, "backup": partial(_backup, backups)}


class Writing:
    """Whether the database keeps what is written: a small row is, but not for everybody who asks. In between the last answer counts."""

    def __init__(self, machine_now: Callable[[], datetime]) -> None:
        """Begin without an answer."""
        self._machine_now = machine_now
        self._asking = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._found = Check(ok=False)

    async def __call__(self) -> Check:
        """Write, unless that has just been done."""
        async with self._asking:
            now = self._machine_now()
            if self._asked_at is None or not timedelta() <= now - self._asked_at < WRITE_EVERY:
                self._found = await _written(now)
                self._asked_at = now
            return self._found


async def _written(now: datetime) -> Check:
    async def write() -> None:
        async with db.transaction():
            await Remembered.update_or_create(key=WRITTEN, defaults={"value": now.timestamp()})

    try:
        await db.unit_of_work(write)
    except Exception as error:  # noqa: BLE001  # whatever is wrong, nothing can be kept
        return Check(ok=False, detail=f"cannot write: {type(error).__name__}")
    return Check(ok=True)


async def _backup(backups: Backups) -> Check:
    newest = f"{backups.latest:%Y-%m-%d %H:%M} UTC" if backups.latest else "none yet"
    return Check(ok=not backups.overdue(), detail=newest)


async def _loop() -> Check:
    loop = asyncio.get_running_loop()
    asked = loop.time()
    await asyncio.sleep(LOOP_PROBE_SECONDS)
    late = loop.time() - asked - LOOP_PROBE_SECONDS
    return Check(ok=late < LOOP_LATE_SECONDS, detail=f"{late * 1000:.0f} ms late")
