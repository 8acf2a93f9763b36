"""What reading a date can end in: one moment, some to choose from, or a reason why there is none."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")


class Reason(Enum):
    """Why a text is not read as a date."""

    NOT_UNDERSTOOD = "not_understood"
    NO_DAY = "no_day"  # "nächste Woche", "KW 48": a stretch of time
    NO_TIME = "no_time"  # "morgen Nachmittag": a part of the day
    NO_SUCH_DATE = "no_such_date"  # 30.2., KW 54, the fifth Monday of February
    NO_SUCH_TIME = "no_such_time"  # 25 Uhr
    CONTRADICTION = "contradiction"  # "Montag, 3.12." when that is a Thursday
    END_BEFORE_START = "end_before_start"  # also an end that would be late on the next day
    PAST = "past"


@dataclass(frozen=True)
class Exact:
    """One local day; with a start, if one was named, and an end, if one was named.

    The end is on the same day, or on the next one where it would not lie behind the start. Where the clocks show a time
    twice, its fold says which is meant, 0 or 1 as in Python's datetime; elsewhere it is None.
    """

    date: dt.date
    time: dt.time | None = None
    end: dt.time | None = None
    fold: int | None = None
    end_fold: int | None = None

    def begins(self, zone: ZoneInfo) -> dt.datetime | None:
        """The moment of the start in that zone."""
        return _at(self.date, self.time, self.fold, zone) if self.time is not None else None

    def minutes(self, zone: ZoneInfo) -> int | None:
        """How long that is in real minutes, over the clock change too; None without a start or an end."""
        begins = self.begins(zone)
        if begins is None or self.end is None:
            return None
        same_day, next_day = (
            _at(day, self.end, self.end_fold, zone) - begins.astimezone(dt.UTC)
            for day in (self.date, self.date + dt.timedelta(days=1))
        )
        return (same_day if same_day > dt.timedelta() else next_day) // dt.timedelta(minutes=1)


def _at(day: dt.date, time: dt.time, fold: int | None, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, time, zone).replace(fold=fold or 0)


@dataclass(frozen=True)
class Choices:
    """Readings to offer, the nearest first. One alone means "probably this": offer it, do not take it.

    `skipped`: a time was named that the clock change leaves out; what the clock shows instead is offered.
    """

    options: tuple[Exact, ...]
    skipped: bool = False


@dataclass(frozen=True)
class NotADate:
    """Ask again, and say why. Only NOT_UNDERSTOOD leaves open whether all words of the text are words of a date."""

    reason: Reason


class Unreadable(Exception):
    """Raised inside this package where the reason is found; `when` turns it into NotADate."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def at_most_one(said: Sequence[T]) -> T | None:
    """What was said once, or more than once the same; raises Unreadable(CONTRADICTION)."""
    if len(set(said)) > 1:
        raise Unreadable(Reason.CONTRADICTION)
    return said[0] if said else None
