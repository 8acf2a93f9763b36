"""Days: "3.12.", "nächsten Dienstag", "in 14 Tagen", "KW 48 Mittwoch", "am ersten Montag im Februar"."""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from bot.rules.reading.answers import Reason, Unreadable, at_most_one
from bot.rules.reading.words import (
    COUNT,
    MONTH,
    MONTHS,
    WEEKDAY,
    WEEKDAYS,
    any_of,
    number,
)

_ONE_DAY = timedelta(days=1)
_ONE_WEEK = timedelta(weeks=1)
_JUST_MISSED = timedelta(days=31)
_NEARLY_A_YEAR = timedelta(days=300)
_FIRST_YEAR_OF_1900S = 69  # as in strptime's %y


class Which(Enum):
    """Which Tuesday is meant."""

    ANY = "Dienstag"
    THIS = "diesen Dienstag"
    COMING = "kommenden Dienstag"
    NEXT = "nächsten Dienstag"
    AFTER_NEXT = "übernächsten Dienstag"


@dataclass(frozen=True)
class DayOfYear:
    """A day and month. A doubtful one ("3.12", "November 24") needs a weekday or a time beside it to be sure."""

    day: int
    month: int
    year: int | None = None
    doubtful: bool = False

    def candidates(self, today: date) -> list[date]:
        """The date, or those of last, this and next year; none if there is no such day."""
        return [day for year in _years(self.year, today.year) for day in _existing(year, self.month, self.day)]


@dataclass(frozen=True)
class DayOfMonth:
    """A day alone, "am 15.", or with "dieses Monats" (0), "nächsten Monats" (1)."""

    day: int
    months_ahead: int | None = None

    def candidates(self, today: date) -> list[date]:
        """The date, or those of last, this and the next two months."""
        months = range(-1, 3) if self.months_ahead is None else (self.months_ahead,)
        return [day for ahead in months for day in _existing(*_months_on(today, ahead), self.day)]


@dataclass(frozen=True)
class WeekdayOfMonth:
    """As in "am ersten Montag im Februar", "am letzten Freitag im Monat"; nth is -1 for the last."""

    nth: int
    weekday: int
    month: int | None = None
    year: int | None = None
    months_ahead: int = 0

    def candidates(self, today: date) -> list[date]:
        """The date, or those of last, this and next year; none if the month has no fifth."""
        if self.month is None:
            return self._in(*_months_on(today, self.months_ahead))
        return [day for year in _years(self.year, today.year) for day in self._in(year, self.month)]

    def _in(self, year: int, month: int) -> list[date]:
        days = [date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)]
        days = [day for day in days if day.weekday() == self.weekday]
        return days[-1:] if self.nth < 0 else days[self.nth - 1 : self.nth]


@dataclass(frozen=True)
class FromToday:
    """Today is 0, tomorrow 1."""

    days: int

    def candidates(self, today: date) -> list[date]:
        """One day."""
        return [today + self.days * _ONE_DAY]


@dataclass(frozen=True)
class Weekday:
    """Monday is 0."""

    number: int
    which: Which = Which.ANY

    def options(self, today: date) -> "Days":
        """The days that this may be.

        "Nächsten" is the coming one to some and the one after it to others: both. On a Tuesday, "Dienstag" may be today.
        """
        coming = today + ((self.number - today.weekday() - 1) % 7 + 1) * _ONE_DAY
        match self.which:
            case Which.ANY if coming - today == _ONE_WEEK:
                return Days((today, coming))
            case Which.THIS:
                this_week = today + (self.number - today.weekday()) * _ONE_DAY
                return Days((this_week,)) if this_week >= today else Days((coming,), sure=False)
            case Which.NEXT:
                return Days((coming, coming + _ONE_WEEK))
            case Which.AFTER_NEXT:
                return Days((coming + _ONE_WEEK, coming + 2 * _ONE_WEEK))
        return Days((coming,))

    def allows(self, day: date, today: date) -> bool:
        """Whether a day that was named otherwise may be called this: "nächsten Dienstag, 1.12."."""
        return day.weekday() == self.number and (self.which is Which.ANY or day in self.options(today).options)


@dataclass(frozen=True)
class NumberedWeek:
    """A calendar week, as ISO 8601 counts."""

    number: int
    year: int | None = None

    def mondays(self, today: date) -> list[date]:
        """The Monday, or those of last, this and next year; none if there is no such week."""
        years = _years(self.year, today.isocalendar().year)
        return [monday for year in years for monday in _existing_monday(year, self.number)]

    def holds(self, day: date, today: date) -> bool:  # noqa: ARG002 - as the other weeks
        """Whether the day lies in it, in whatever year."""
        year, week, _ = day.isocalendar()
        return week == self.number and self.year in (None, year)


@dataclass(frozen=True)
class WeekAhead:
    """This week is 0, the next 1."""

    weeks: int

    def mondays(self, today: date) -> list[date]:
        """One Monday."""
        return [_monday(today) + self.weeks * _ONE_WEEK]

    def holds(self, day: date, today: date) -> bool:
        """Whether the day lies in it."""
        return _monday(day) in self.mondays(today)


@dataclass(frozen=True)
class Ahead:
    """A distance, "in 14 Tagen", "in zwei Monaten"; several numbers of days where the words leave it open."""

    days: tuple[int, ...] = ()
    months: int = 0

    def after(self, day: date) -> list[date]:
        """The days that far from this one; none if that month is too short."""
        if self.months:
            return _existing(*_months_on(day, self.months), day.day)
        return [day + days * _ONE_DAY for days in self.days]


@dataclass(frozen=True)
class Days:
    """The days that a text may mean, the nearest first. Unsure ones are to be offered, not taken."""

    options: tuple[date, ...]
    sure: bool = True


Dated = DayOfYear | DayOfMonth | WeekdayOfMonth | FromToday
Week = NumberedWeek | WeekAhead
Piece = Dated | Week | Weekday | Ahead
Build = Callable[[re.Match[str]], Piece | None]
Rule = tuple[str, Build]


def _years(year: int | None, this_year: int) -> tuple[int, ...]:
    return (year,) if year else (this_year - 1, this_year, this_year + 1)


def _existing(year: int, month: int, day: int) -> list[date]:
    """The date, if there is one."""
    try:
        return [date(year, month, day)]
    except ValueError:
        return []


def _existing_monday(year: int, week: int) -> list[date]:
    """The Monday of the ISO week, if there is one."""
    try:
        return [date.fromisocalendar(year, week, 1)]
    except ValueError:
        return []


def _monday(day: date) -> date:
    return day - day.weekday() * _ONE_DAY


def _months_on(day: date, months: int) -> tuple[int, int]:
    """Year and month that many months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return day.year + years, month + 1


def days(pieces: Sequence[Piece], today: date, *, timed: bool) -> Days:
    """What the pieces mean together; no options when none of them names a day. `timed`: a time stands beside them.

    Raises Unreadable(CONTRADICTION | NO_DAY | NO_SUCH_DATE | PAST).
    """
    dated = [piece for piece in pieces if isinstance(piece, Dated)]
    weekday = at_most_one([piece for piece in pieces if isinstance(piece, Weekday)])
    week = at_most_one([piece for piece in pieces if isinstance(piece, Week)])
    ahead = at_most_one([piece for piece in pieces if isinstance(piece, Ahead)])

    def agrees(day: date) -> bool:
        return (
            all(day in piece.candidates(today) for piece in dated)
            and (weekday is None or weekday.allows(day, today))
            and (week is None or week.holds(day, today))
        )

    if ahead and week:
        raise Unreadable(Reason.NOT_UNDERSTOOD)
    if ahead:
        return _later(ahead, dated, weekday, today)
    if dated:
        doubtful = any(isinstance(piece, DayOfYear) and piece.doubtful for piece in dated) and not (timed or weekday)
        found = _nearest(dated[0].candidates(today), today, agrees)
        return Days(found.options, sure=found.sure and not doubtful)
    if weekday and week and weekday.which is Which.ANY:
        return _nearest([monday + weekday.number * _ONE_DAY for monday in week.mondays(today)], today, agrees)
    if weekday:
        return _agreed(weekday.options(today), agrees)
    if week:
        raise Unreadable(Reason.NO_DAY)
    return Days(())


def _nearest(candidates: Sequence[date], today: date, agrees: Callable[[date], bool]) -> Days:
    """The first candidate from today on; unsure if it is a year off because the day has only just gone by."""
    if not candidates:
        raise Unreadable(Reason.NO_SUCH_DATE)
    missed = [day for day in candidates if day < today][-1:]
    coming = [day for day in candidates if day >= today][:1]
    if not coming or (not agrees(coming[0]) and any(map(agrees, missed))):
        raise Unreadable(Reason.PAST)
    just_missed = any(today - day <= _JUST_MISSED for day in missed) and coming[0] - today >= _NEARLY_A_YEAR
    return _agreed(Days(tuple(coming), sure=not just_missed), agrees)


def _agreed(found: Days, agrees: Callable[[date], bool]) -> Days:
    options = tuple(filter(agrees, found.options))
    if not options:
        raise Unreadable(Reason.CONTRADICTION)
    return Days(options, found.sure)


def _later(ahead: Ahead, dated: Sequence[Dated], weekday: Weekday | None, today: date) -> Days:
    """Count on from today, or from the day that is named.

    "Montag in einer Woche" counts from Monday, or means the Monday of that week: both, where they differ.
    """
    start = at_most_one(dated) or FromToday(0)
    if not isinstance(start, FromToday) or (weekday and (dated or ahead.months)):
        raise Unreadable(Reason.NOT_UNDERSTOOD)
    found = ahead.after(today + start.days * _ONE_DAY)
    if not found:
        raise Unreadable(Reason.NO_SUCH_DATE)
    if weekday:
        weeks = Ahead(tuple(days for days in ahead.days if days % 7 == 0))
        found = [day for day in found if day.weekday() == weekday.number]
        found += [_monday(day) + weekday.number * _ONE_DAY for day in weeks.after(today)]
        found += [day for first in weekday.options(today).options for day in weeks.after(first)]
        if not found:
            raise Unreadable(Reason.CONTRADICTION)
    return Days(tuple(sorted(day for day in set(found) if day >= today)))


_ON = r"(?:(?:am|an|on|fuer|for) )?(?:(?:den|dem|der|d\.|the) )?"
_YEAR = r"(?:19|20|21)[0-9]{2}(?![0-9:]| ?uhr)"
_NO_TIME = r"(?![0-9]|[:.][0-9]| ?(?:uhr|h(?![a-z])|min|(?:nach|vor|past)\b|[ap]\.?m)|-[0-9])"
_NO_SPAN = r"(?! ?(?:-|bis|to) ?[0-9])"  # "3. Dezember 14 - 16 Uhr"
_FEASTS = {
    "nikolaus": (6, 12),
    "nikolaustag": (6, 12),
    "heiligabend": (24, 12),
    "heiliger abend": (24, 12),
    "heiligen abend": (24, 12),
    "1. weihnachtstag": (25, 12),
    "1. weihnachtsfeiertag": (25, 12),
    "2. weihnachtstag": (26, 12),
    "2. weihnachtsfeiertag": (26, 12),
    "silvester": (31, 12),
    "neujahr": (1, 1),
    "neujahrstag": (1, 1),
    "tag der arbeit": (1, 5),
    "tag der deutschen einheit": (3, 10),
}
_NEAR_DAYS = {
    "vorgestern": -2,
    "gestern": -1,
    "yesterday": -1,
    "heute": 0,
    "today": 0,
    "morgen": 1,
    "tomorrow": 1,
    "uebermorgen": 2,
    "ubermorgen": 2,
    "day after tomorrow": 2,
    "the day after tomorrow": 2,
}
_WHICH = {
    Which.THIS: ("diese", "this"),
    Which.COMING: ("kommende", "coming"),
    Which.NEXT: ("naechste", "nachste", "next"),
    Which.AFTER_NEXT: ("uebernaechste", "ubernachste"),
}
_WHICH_WORDS = {word: which for which, words in _WHICH.items() for word in words}
_WHICH_WORD = rf"(?P<which>{any_of(_WHICH_WORDS)})[nrsm]?"
_AHEAD = {Which.THIS: 0, Which.COMING: 1, Which.NEXT: 1, Which.AFTER_NEXT: 2}  # of weeks and months
_DAYS_IN = {"tag": 1, "day": 1, "woche": 7, "week": 7}
_MONTHS_IN = {"monat": 1, "month": 1, "vierteljahr": 3, "halben jahr": 6, "halbes jahr": 6, "jahr": 12, "year": 12}
_COLLOQUIAL_WEEK = 8


def _year(match: re.Match[str]) -> int | None:
    said = match.groupdict()
    if short := said.get("short"):
        return int(short) + (1900 if int(short) >= _FIRST_YEAR_OF_1900S else 2000)
    return int(said["year"]) if said.get("year") else None


def _numeric(match: re.Match[str]) -> DayOfYear | None:
    """Read "3.12." as a date, "14.30" as none, and "3.12" as one that may have been meant otherwise."""
    month, year = int(match["month"]), _year(match)
    dotted = bool(match["dot"]) or year is not None
    return DayOfYear(int(match["day"]), month, year, not dotted) if dotted or month in range(1, 13) else None


def _iso(match: re.Match[str]) -> DayOfYear:
    return DayOfYear(int(match["day"]), int(match["month"]), int(match["year"]))


def _named(match: re.Match[str]) -> DayOfYear:
    return DayOfYear(int(match["day"]), MONTHS[match["month"]], _year(match))


def _month_first(match: re.Match[str]) -> DayOfYear:
    """Read "November 24", which may have been meant as month and year."""
    plain = not match["suffix"] and not match["year"]
    return DayOfYear(int(match["day"]), MONTHS[match["month"]], _year(match), doubtful=plain)


def _nth(match: re.Match[str]) -> WeekdayOfMonth:
    nth = int(match["nth"][0]) if match["nth"][0].isdecimal() else -1
    weekday = WEEKDAYS[match["weekday"]]
    if match["month"]:
        return WeekdayOfMonth(nth, weekday, MONTHS[match["month"]], _year(match))
    return WeekdayOfMonth(nth, weekday, months_ahead=_months_ahead(match) or 0)


def _months_ahead(match: re.Match[str]) -> int | None:
    return _AHEAD[_WHICH_WORDS[match["which"]]] if match["which"] else None


def _weekday(match: re.Match[str]) -> Weekday:
    which = _WHICH_WORDS[match["which"]] if match["which"] else Which.ANY
    return Weekday(WEEKDAYS[match["weekday"]], which)


def _numbered_week(match: re.Match[str]) -> NumberedWeek:
    return NumberedWeek(int(match["week"]), _year(match))


def _ahead(match: re.Match[str]) -> Ahead:
    """Read a distance. "In 8 Tagen" may be a week, as "in acht Tagen" is."""
    count, unit = number(match["count"]), match["unit"]
    if unit in _MONTHS_IN:
        return Ahead(months=count * _MONTHS_IN[unit])
    if unit == "tag" and count == _COLLOQUIAL_WEEK:
        return Ahead(days=(7, 8))
    return Ahead(days=(count * _DAYS_IN[unit],))


def _rule(pattern: str, build: Build) -> Rule:
    return rf"(?:{pattern})(?!\w)", build


_COUNTED = rf"(?P<count>{COUNT}) (?P<unit>{any_of({**_DAYS_IN, **_MONTHS_IN})})(?:en|n|e|s)?"
RULES: tuple[Rule, ...] = (
    _rule(rf"(?P<year>{_YEAR})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})", _iso),
    _rule(rf"{_ON}(?P<feast>{any_of(_FEASTS)})", lambda match: DayOfYear(*_FEASTS[match["feast"]])),
    _rule(
        rf"{_ON}(?P<nth>[1-5]\.|(?:letzte[nrsm]?|last)) (?P<weekday>{WEEKDAY}) (?:(?:im|in|of|des) )?(?:the )?"
        rf"(?:(?:{_WHICH_WORD} )?(?:monate?s?|month)|(?P<month>{MONTH})\.?(?: (?P<year>{_YEAR}))?)",
        _nth,
    ),
    _rule(
        rf"{_ON}(?P<day>[0-9]{{1,2}})(?:\.|st|nd|rd|th)? ?(?:of )?(?P<month>{MONTH})\.?"
        rf"(?:,? ?(?:(?P<year>{_YEAR})|(?P<short>[0-9]{{2}}){_NO_TIME}{_NO_SPAN}))?",
        _named,
    ),
    _rule(
        rf"{_ON}(?P<month>{MONTH})\.? (?P<day>[0-9]{{1,2}})(?P<suffix>st|nd|rd|th)?{_NO_TIME}{_NO_SPAN}"
        rf"(?:,? (?P<year>{_YEAR}))?",
        _month_first,
    ),
    _rule(
        rf"{_ON}(?P<day>[0-9]{{1,2}})\.(?P<month>[0-9]{{1,2}})(?![0-9])(?P<dot>\.)?"
        rf"(?:(?<=\.)(?P<short>[0-9]{{2}}){_NO_TIME}| ?(?P<year>{_YEAR}))?",
        _numeric,
    ),
    _rule(rf"{_ON}(?P<day>[0-9]{{1,2}})\. (?P<month>[0-9]{{1,2}})(?P<dot>\.)(?: ?(?P<year>{_YEAR}))?", _numeric),
    _rule(
        rf"(?:am|den|the) (?P<day>[0-9]{{1,2}})(?:\.|st|nd|rd|th)(?=$|[ ,])(?! {WEEKDAY}\b)(?: (?:{_WHICH_WORD}|des) monats)?",
        lambda match: DayOfMonth(int(match["day"]), _months_ahead(match)),
    ),
    _rule(rf"{_ON}(?:{_WHICH_WORD} )?(?P<weekday>{WEEKDAY})\b\.?", _weekday),
    _rule(
        rf"(?:in )?(?:der |the )?(?:kw|kalenderwoche|cw|(?:calendar )?week)\.? ?(?P<week>[0-9]{{1,2}})(?![0-9])"
        rf"(?: ?/ ?(?P<short>[0-9]{{2}})(?![0-9])|(?: ?/ ?| )(?P<year>{_YEAR}))?",
        _numbered_week,
    ),
    _rule(
        rf"(?:in )?(?:der )?(?P<week>[0-9]{{1,2}})\. ?(?:kw|kalenderwoche)(?: ?/? ?(?P<year>{_YEAR}))?", _numbered_week
    ),
    _rule(r"(?:the )?week after next", lambda _: WeekAhead(2)),
    _rule(
        rf"(?:in )?(?:der |the )?{_WHICH_WORD} (?:woche|week)",
        lambda match: WeekAhead(_AHEAD[_WHICH_WORDS[match["which"]]]),
    ),
    _rule(rf"(?P<day>{any_of(_NEAR_DAYS)})", lambda match: FromToday(_NEAR_DAYS[match["day"]])),
    _rule(rf"in {_COUNTED}", _ahead),
    _rule(rf"{_COUNTED} from(?: now)?", _ahead),
)
