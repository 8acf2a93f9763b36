"""When nobody is to be disturbed: quiet hours, weekends, the holidays of the Land, an absence."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

SATURDAY = 5
HORIZON_DAYS = 400


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A person's rest: minutes after local midnight, and days of absence (inclusive)."""

    zone: str
    quiet_from: int
    quiet_until: int
    absent_from: date | None = None
    absent_until: date | None = None

    def absent(self, day: date) -> bool:
        """Whether the person said they are away that day."""
        return is_away(day, self.absent_from, self.absent_until)


def is_away(day: date, first: date | None, last: date | None) -> bool:
    """Whether somebody is away that day who said so from the first to the last; without a last it is that one day."""
    return first is not None and first <= day <= (last or first)


@cache
def holidays_of(land: str, year: int) -> frozenset[date]:
    """Public holidays of a Land ("BY"; "" means the nationwide ones) in a year, from the `holidays` package."""
    import holidays  # noqa: PLC0415  # 8 MB that only this needs

    return frozenset(holidays.country_holidays("DE", subdiv=land or None, years=year))


def is_rest_day(day: date, land: str) -> bool:
    """Weekends and public holidays."""
    return day.weekday() >= SATURDAY or day in holidays_of(land, day.year)


def next_moment(now: datetime, rest: Rest, land: str) -> datetime:
    """`now` when the person may be disturbed, otherwise the next moment from which they may (UTC).

    Quiet hours may cross midnight (19:00 to 7:00); equal ends mean that there are none.
    """
    zone = ZoneInfo(rest.zone)
    local = now.astimezone(zone)
    if not _resting(local, rest, land):
        return now
    opens = time(rest.quiet_until // 60, rest.quiet_until % 60)
    for days in range(HORIZON_DAYS):
        day = local.date() + timedelta(days=days)
        candidates = (datetime.combine(day, time(0), zone), datetime.combine(day, opens, zone))
        for candidate in candidates:
            if candidate > local and not _resting(candidate, rest, land):
                return candidate.astimezone(UTC)
    return now + timedelta(days=HORIZON_DAYS)


def _resting(local: datetime, rest: Rest, land: str) -> bool:
    if is_rest_day(local.date(), land) or rest.absent(local.date()):
        return True
    minute = local.hour * 60 + local.minute
    if rest.quiet_from <= rest.quiet_until:
        return rest.quiet_from <= minute < rest.quiet_until
    return minute >= rest.quiet_from or minute < rest.quiet_until
