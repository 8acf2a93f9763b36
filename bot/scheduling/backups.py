"""A backup every day, at the town's hour. The folder knows when the last one was made; the timer only looks again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from bot import __version__
from bot.config import Settings
from bot.rules.backups import latest_call
from bot.scheduling import Tick
from storage.backup import BackupIsRunning, back_up, newest

PAUSE = timedelta(hours=1)
OVERDUE = timedelta(hours=26)  # a day, and time enough to write it and to try again

log = structlog.get_logger(__name__)


@dataclass
class Backups:
    """The town's backups at this hour of its day. The clock is the machine's, also in a trial."""

    settings: Settings
    hour: int
    machine_now: Callable[[], datetime]
    latest: datetime | None = None
    """The newest whole one, as of the last look."""
    started: datetime = field(init=False)
    _failed: datetime | None = None

    def __post_init__(self) -> None:
        """A town that has just begun is not late."""
        self.started = self.machine_now()

    def ticks(self, registry: CollectorRegistry) -> tuple[Tick, ...]:
        """What the timer does for it, and the figure for who watches."""
        newest_at = Gauge("faden_backup_timestamp_seconds", "When the newest backup was made", registry=registry)
        newest_at.set_function(lambda: self.latest.timestamp() if self.latest else 0)
        return (Tick(name="backup", seconds=60, action=lambda _now: self.look(), own_work=True),)

    async def look(self) -> None:
        """Make a backup when one is due; one that failed is tried again after a pause. Raises what makes it fail."""
        now = self.machine_now()
        self.latest = await asyncio.to_thread(newest, self.settings.backups)
        due = latest_call(now, hour=self.hour, zone=self.settings.town.zone)
        if self.latest is not None and self.latest >= due:
            return
        if self._failed is not None and now < self._failed + PAUSE:
            return
        self._failed = now
        try:
            made = await back_up(
                self.settings.database.url,
                into=self.settings.backups,
                key=self.settings.key_file,
                version=__version__,
                keep=self.settings.backup.keep,
                now=now,
            )
        except BackupIsRunning:
            log.info("another process is making a backup")
            return
        self._failed, self.latest = None, made.made_at
        log.info("backed up", folder=str(made.folder), rows=sum(made.rows.values()), bytes=made.size)

    def overdue(self) -> bool:
        """Whether there should be one of the last day, and is none."""
        return self.machine_now() - (self.latest or self.started) > OVERDUE
