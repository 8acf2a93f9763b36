"""When a tick has to look again.

What changes with the day, or with the end of somebody's night, is not looked for each minute: a look says when the next one
can find something, and until then the clock asks for this row alone.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storage.db import execute, transaction
from storage.models import Remembered

COMMITMENTS = ("check-ins", "overdue")  # what falls due with the day, with what is agreed, with a meeting that moves

_WANTED = """
INSERT INTO remembered (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """That it is time; `since` is the moment of the last look, None at the first one, when it was wanted, or the clock set back.

    `seen` is what was remembered when this look began.
    """

    name: str
    since: datetime | None = None
    seen: object = field(default=None, compare=False)


async def due(name: str, *, now: datetime) -> Look | None:
    """Whether it is time for that look. A clock that was set back, as a trial's can be, begins anew."""
    found = await Remembered.get_or_none(key=_key(name))
    value: Any = found.value if found else None
    if value is None or "wanted" in value:
        return Look(name=name, seen=value)
    at, again = datetime.fromisoformat(value["at"]), datetime.fromisoformat(value["again"])
    if now < at:
        return Look(name=name, seen=value)
    return Look(name=name, since=at, seen=value) if again <= now else None


async def done(look: Look, *, now: datetime, again: datetime) -> None:
    """Remember that everything there was has been done, and when there can be something again.

    Where another look was wanted since this one began, it may not have seen why: the next tick looks.
    """
    key = _key(look.name)
    async with transaction():
        found = await Remembered.filter(key=key).select_for_update().first()
        if (found.value if found else None) == look.seen:
            value = {"at": now.isoformat(), "again": again.isoformat()}
            await Remembered.update_or_create(key=key, defaults={"value": value})


async def soon(*names: str) -> None:
    """Something has changed that these looks have to see: the next tick looks."""
    async with transaction():
        for name in sorted(names):
            await execute(_WANTED, [_key(name), json.dumps({"wanted": secrets.token_hex(8)})])


def next_day(now: datetime, zones: Iterable[str] = ()) -> datetime:
    """When the next day begins, in UTC or in one of the zones."""
    return min(_midnight(now, ZoneInfo(zone)) for zone in {"UTC", *zones})


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone).astimezone(UTC)


def _key(name: str) -> str:
    return f"look:{name}"
