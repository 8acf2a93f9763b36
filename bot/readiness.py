"""Whether work gets done: what `/readyz` asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from bot.polling import Polling
from bot.scheduling.backups import Backups
from bot.web.settings import Check
from storage import db
from storage.models import Notice
from storage.vocabulary import NoticeState

LOOP_PROBE_SECONDS = 0.02
LOOP_LATE_SECONDS = 1.0
OLDEST_NOTICE = timedelta(minutes=10)


def checks(
    domain_now: Callable[[], datetime], polling: Polling | None, backups: Backups | None = None
) -> Mapping[str, Callable[[], Awaitable[Check]]]:
    """The database answers, the event loop turns in time, no notice waits for long, Telegram is heard by polling.

    And, where backups are made by the hour, the newest one is not too old.
    """

    async def oldest_notice() -> Check:
        waiting = await Notice.filter(state=NoticeState.WAITING, due_at__lt=domain_now() - OLDEST_NOTICE).count()
        return Check(ok=waiting == 0, detail=f"{waiting} waiting for more than ten minutes")

    async def heard() -> Check:
        return Check(ok=polling is None or not polling.silent(), detail="telegram")

    asked = {"database": _database, "loop": _loop, "notices": oldest_notice, "polling": heard}
    return asked if backups is None else {**asked, "backup": partial(_backup, backups)}


async def _database() -> Check:
    await db.execute("SELECT 1")
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
