"""When a tick has to look again.

What changes with the day, or with the end of somebody's night, is not looked for each minute: a look says when the next one
can find something, and until then the clock asks for this row alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storage.db import transaction
from storage.models import Remembered


@dataclass(frozen=True, kw_only=True)
class Look:
    """That it is time; `since` is the moment of the last look, None at the first one, or when the clock was set back."""

    since: datetime | None


async def due(name: str, *, now: datetime) -> Look | None:
    """Whether it is time for that look. A clock that was set back, as a trial's can be, begins anew."""
    found = await Remembered.get_or_none(key=_key(name))
    if found is None:
        return Look(since=None)
    value: Any = found.value
    at, again = datetime.fromisoformat(value["at"]), datetime.fromisoformat(value["again"])
    if now < at:
        return Look(since=None)
    return Look(since=at) if again <= now else None


async def done(name: str, *, now: datetime, again: datetime) -> None:
    """Remember that everything there was has been done, and when there can be something again."""
    async with transaction():
        value = {"at": now.isoformat(), "again": again.isoformat()}
        await Remembered.update_or_create(key=_key(name), defaults={"value": value})


async def soon(*names: str) -> None:
    """Something has changed that these looks have to see: the next tick looks."""
    async with transaction():
        await Remembered.filter(key__in=[_key(name) for name in names]).delete()


def next_day(now: datetime, zones: Iterable[str] = ()) -> datetime:
    """When the next day begins, in UTC or in one of the zones."""
    return min(_midnight(now, ZoneInfo(zone)) for zone in {"UTC", *zones})


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone).astimezone(UTC)


def _key(name: str) -> str:
    return f"look:{name}"
