"""When a backup is due."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def latest_call(now: datetime, *, hour: int, zone: str) -> datetime:
    """The last moment, now at the latest, at which it was that hour in the zone."""
    local = now.astimezone(ZoneInfo(zone))
    today = datetime.combine(local.date(), time(hour), local.tzinfo)
    return today if today <= local else datetime.combine(local.date() - timedelta(days=1), time(hour), local.tzinfo)
