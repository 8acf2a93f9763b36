"""Times of day: "14.30 Uhr", "von 9 bis 11", "halb zehn", "heute Nachmittag um 4", "2:30 pm".

Which half of the day is meant is not guessed. On a dial ("halb acht", "um 3", "9-11") the hours 1 to 8 may be either,
because teams meet at 8:00 and parents at 20:00; in writing ("3 Uhr", "3:30") only the hours 1 to 6, because "8 Uhr" is
the morning to everybody. A leading zero, "pm", or a part of the day settles it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from bot.rules.reading.answers import Reason, Unreadable, at_most_one
from bot.rules.reading.durations import WITH_UNIT, duration
from bot.rules.reading.words import MONTH, NUMBER

_HOUR = 60
_NOON = 12 * _HOUR
MIDNIGHT = 24 * _HOUR
_LONGEST_GUESS = 10 * _HOUR
_LONGEST_OVERNIGHT = 8 * _HOUR


@dataclass(frozen=True)
class Slot:
    """Start and end in minutes after midnight, or start and length. What is not before MIDNIGHT is on the next day."""

    start: int
    end: int | None = None
    length: timedelta | None = None

    @property
    def clocks(self) -> tuple[int, ...]:
        """The times on the clock that were named."""
        return (self.start,) if self.end is None else (self.start, self.end)


class Style(Enum):
    """How a time was said. The value: up to which hour it may mean either half of the day."""

    OPEN = 11  # "9" in "9 to 11 pm"
    DIAL = 8
    WRITTEN = 6
    SETTLED = 0


@dataclass(frozen=True)
class Face:
    """A time as it was said, in minutes after midnight."""

    minutes: int
    style: Style

    def meanings(self, up_to: Style | None = None) -> tuple[int, ...]:
        """The minutes after midnight that it may mean; `up_to` widens what its own style allows."""
        last_hour = 0 if self.style is Style.SETTLED else (up_to or self.style).value
        twofold = _HOUR <= self.minutes < (last_hour + 1) * _HOUR
        return (self.minutes, self.minutes + _NOON) if twofold else (self.minutes,)


class Part(Enum):
    """A part of the day, in minutes after midnight; the end is outside."""

    MORNING = (0, 12 * _HOUR)
    FORENOON = (6 * _HOUR, 13 * _HOUR)
    MIDDAY = (11 * _HOUR, 15 * _HOUR)
    AFTERNOON = (12 * _HOUR, 19 * _HOUR)
    EVENING = (17 * _HOUR, 24 * _HOUR)


@dataclass(frozen=True)
class Clock:
    """A start and perhaps an end. Unmarked ("10-12"), it is a time only beside a day."""

    start: Face
    end: Face | None = None
    marked: bool = True


@dataclass(frozen=True)
class Midnight:
    """The beginning or the end of the day beside it."""


@dataclass(frozen=True)
class Lasting:
    """A length that gives the end: "90 min"."""

    length: timedelta


@dataclass(frozen=True)
class FromNow:
    """A length that gives the start: "in einer halben Stunde"."""

    length: timedelta


Piece = Clock | Midnight | Part | Lasting | FromNow
Build = Callable[[re.Match[str]], Piece | None]
Rule = tuple[str, Build]


def slots(pieces: Sequence[Piece]) -> tuple[Slot, ...]:
    """What the pieces together may mean, the earliest first; nothing when none of them names a time.

    Raises Unreadable(CONTRADICTION | END_BEFORE_START | NO_TIME).
    """
    clock = at_most_one([piece for piece in pieces if isinstance(piece, Clock | Midnight)])
    part = at_most_one([piece for piece in pieces if isinstance(piece, Part)])
    lasting = at_most_one([piece for piece in pieces if isinstance(piece, Lasting)])
    if isinstance(clock, Midnight):
        if part or lasting:
            raise Unreadable(Reason.CONTRADICTION)
        return Slot(0), Slot(MIDNIGHT)
    if clock is None and part is Part.MIDDAY:
        clock = Clock(Face(_NOON, Style.SETTLED))
    if clock is None:
        if part or lasting:
            raise Unreadable(Reason.NO_TIME)
        return ()
    starts = _starts(clock.start, part)
    if lasting:
        if clock.end:
            raise Unreadable(Reason.CONTRADICTION)
        return tuple(_long(start, lasting.length) for start in starts)
    return _spans(starts, clock.end, part) if clock.end else tuple(Slot(start) for start in starts)


def _starts(face: Face, part: Part | None) -> tuple[int, ...]:
    if part is None:
        return face.meanings()
    first, after = part.value
    starts = tuple(minutes for minutes in face.meanings(Style.OPEN) if first <= minutes < after)
    if not starts:
        raise Unreadable(Reason.CONTRADICTION)
    return starts


def _long(start: int, length: timedelta) -> Slot:
    minutes = length // timedelta(minutes=1)
    if start + minutes >= MIDNIGHT and minutes > _LONGEST_OVERNIGHT:
        raise Unreadable(Reason.END_BEFORE_START)
    return Slot(start, length=length)


def _spans(starts: Sequence[int], end: Face, part: Part | None) -> tuple[Slot, ...]:
    """The pairs in order. One that had a half of the day added to it must be short: "9-8" is not from 9 to 20.

    An end that is not behind any start is on the next day, if the night between them is short: "23:30-3:30".
    """
    ends = end.meanings(Style.OPEN if part or end.style is Style.DIAL else None)
    pairs = [(start, finish) for start in starts for finish in ends if start < finish < MIDNIGHT]
    spans = [pair for pair in pairs if pair[1] - pair[0] <= _LONGEST_GUESS]
    spans = spans or [pair for pair in pairs if pair == (starts[0], ends[0])]
    if not pairs:
        spans = [(start, MIDNIGHT + ends[0] % MIDNIGHT) for start in starts]
        spans = [(start, finish) for start, finish in spans if finish - start <= _LONGEST_OVERNIGHT]
    if not spans:
        raise Unreadable(Reason.END_BEFORE_START)
    return tuple(Slot(start, finish) for start, finish in spans)


_NOT_MINUTES = rf"(?!\. ?[0-9]|[0-9:/]|\.? ?(?:{MONTH}|(?:kw|uhr|h)\b|min|std|stund))"  # "14 Uhr 24. November"
_AM = (  # German "um 9 am Dienstag" is not "9 am"
    r"(?:a\.m\.?|am(?= ?(?:$|[,)-])"
    r"| (?:on|to|until|till|today|tomorrow|next|this|(?:mon|tues|wednes|thurs|fri|satur|sun)day)))"
)
_MINUTES = r"(?: min(?:uten|utes|\.)?)"
_DIAL = (
    rf"(?:(?P<lead>{NUMBER}){_MINUTES}? (?P<side>nach|vor) )?(?P<base>halb) (?P<hour>[0-9]{{1,2}})(?: uhr)?",
    r"(?P<base>viertel|(?:drei|3) ?viertel|3/4) (?P<hour>[0-9]{1,2})(?: uhr)?",
    rf"(?:a )?(?P<lead>half|viertel|quarter|{NUMBER}){_MINUTES}? (?P<side>nach|ueber|vor|past) (?P<hour>[0-9]{{1,2}})(?: uhr)?",
    rf"(?:a )?(?P<lead>quarter|{NUMBER}(?= min)){_MINUTES}? (?P<side>to) (?P<hour>[0-9]{{1,2}})",
)
_MERIDIEM = (rf"(?P<hour>[0-9]{{1,2}})(?::(?P<minute>[0-5][0-9]))? ?(?P<meridiem>{_AM}|p\.?m\.?)",)
_WRITTEN = (
    r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-5][0-9])(?: ?(?:uhr|h))?",
    rf"(?P<hour>[0-9]{{1,2}}) ?uhr(?: (?P<minute>{NUMBER}){_NOT_MINUTES})?",
    r"(?P<hour>[0-9]{1,2}) ?h(?: ?(?P<minute>[0-5][0-9]))?",
)
_LEADS = {"half": 30, "viertel": 15, "quarter": 15}
_BASES = {"halb": -30, "viertel": -45}  # and what is left is dreiviertel
_THREE_QUARTERS = -15


def _on_dial(match: re.Match[str]) -> Face:
    """Read "viertel nach 3", "fünf vor halb acht". The hours 1 to 12 go round the dial; others stand where they are."""
    said = match.groupdict()
    hour = int(said["hour"])
    minutes = hour * _HOUR
    if said.get("base"):
        minutes += _BASES.get(said["base"], _THREE_QUARTERS)
    if said.get("lead"):
        lead = _LEADS.get(said["lead"]) or int(said["lead"])
        minutes += _below_an_hour(lead) * (-1 if said["side"] in ("vor", "to") else 1)
    if hour in range(1, 13):
        minutes %= _NOON
        return Face(minutes if minutes >= _HOUR else minutes + _NOON, Style.DIAL)
    return Face(_within_a_day(minutes), Style.SETTLED)


def _with_meridiem(match: re.Match[str]) -> Face:
    hour = int(match["hour"])
    if hour not in range(1, 13):
        raise Unreadable(Reason.NO_SUCH_TIME)
    afternoon = _NOON if match["meridiem"].startswith("p") else 0
    return Face(hour % 12 * _HOUR + int(match["minute"] or "0") + afternoon, Style.SETTLED)


def _written(match: re.Match[str]) -> Face:
    return _numeric(match["hour"], match["minute"] or "0", Style.WRITTEN)


def _bare(match: re.Match[str]) -> Face:
    return _numeric(match["hour"], "0", Style.DIAL)


def _numeric(hour: str, minute: str, style: Style) -> Face:
    minutes = _within_a_day(int(hour) * _HOUR + _below_an_hour(int(minute)))
    settled = hour.startswith("0") or minutes not in range(_HOUR, _NOON + _HOUR)
    return Face(minutes, Style.SETTLED if settled else style)


def _below_an_hour(minutes: int) -> int:
    if minutes >= _HOUR:
        raise Unreadable(Reason.NO_SUCH_TIME)
    return minutes


def _within_a_day(minutes: int) -> int:
    if not 0 <= minutes <= MIDNIGHT:
        raise Unreadable(Reason.NO_SUCH_TIME)
    return minutes


FACES = tuple(
    (pattern, build)
    for patterns, build in (
        (_DIAL, _on_dial),
        (_MERIDIEM, _with_meridiem),
        (_WRITTEN, _written),
        ((r"(?P<hour>[0-9]{1,2})",), _bare),
    )
    for pattern in patterns
)
_FACE = "|".join(re.sub(r"\?P<\w+>", "?:", pattern) for pattern in (*_DIAL, *_MERIDIEM, *_WRITTEN))


def _face(text: str) -> Face:
    """The value of what _FACE or [0-9]{1,2} matched."""
    return next(build(match) for pattern, build in FACES if (match := re.fullmatch(pattern, text)))


def _might_be_a_date(text: str) -> bool:
    """Without "Uhr", 9.10 is the ninth of October as well as ten past nine."""
    parts = re.fullmatch(r"([0-9]{1,2})\.([0-9]{2})", text)
    return parts is not None and int(parts[1]) in range(1, 32) and int(parts[2]) in range(1, 13)


def _span(match: re.Match[str]) -> Clock | None:
    start, end = match["start"], match["end"]
    if _might_be_a_date(end) or (_might_be_a_date(start) and "uhr" not in end.partition(".")[2]):
        return None
    start_bare, end_bare = (text.isdecimal() for text in (start, end))
    marked = bool(match["from"]) or not (start_bare and end_bare)
    if match["to"] and not marked:  # "ten to two"
        return None
    return Clock(_start_of_span(_face(start), end, bare=start_bare), _face(end), marked)


def _start_of_span(start: Face, end: str, *, bare: bool) -> Face:
    """A bare start takes its style from its end: "9-11 Uhr", "2 to 4 pm"; a written one where that settles it."""
    style = Style.OPEN if re.search(r"[ap]\.?m\.?$", end) else _face(end).style
    takes = bare or (start.style is Style.WRITTEN and style in (Style.OPEN, Style.SETTLED))
    return replace(start, style=style) if takes and start.style is not Style.SETTLED else start


def _surely(match: re.Match[str]) -> Clock:
    return Clock(_face(match["face"]))


def _single(match: re.Match[str]) -> Clock | None:
    """Read one time; but "14.30" without a mark, and "ab 3.12.", only after it has been tried as a date."""
    dotted = match["face"].replace(".", "").isdecimal()
    perhaps_a_date = _might_be_a_date(match["face"]) and (
        match["at"] == "ab" or match.string.startswith(".", match.end())
    )
    undecided = dotted and (not match["at"] or perhaps_a_date)
    return None if undecided else _surely(match)


def _lasting(match: re.Match[str]) -> Lasting | None:
    length = duration(match["length"])
    return Lasting(length) if length else None


def _from_now(match: re.Match[str]) -> FromNow | None:
    length = duration(match["length"])
    return FromNow(length) if length else None


def _always(piece: Piece) -> Build:
    return lambda _: piece


def _rule(pattern: str, build: Build) -> Rule:
    return rf"(?:{pattern})(?!\w|[:/][0-9]|\..*\w)", build


_AT = r"(?:(?P<at>um|ab|at|punkt) )?"
_PARTS = {
    Part.MORNING: r"(?:am )?morgens|frueh|am morgen|in der frueh|(?:in the )?morning",
    Part.FORENOON: r"(?:am )?vormittags?",
    Part.MIDDAY: r"(?:am |zu )?mittags?|(?:at )?(?:noon|midday)",
    Part.AFTERNOON: r"(?:am )?nachmittags?|(?:in the )?afternoon",
    Part.EVENING: r"(?:am )?abends?|(?:in the )?evening",
}
MARKED: tuple[Rule, ...] = (
    _rule(
        rf"(?:(?P<from>von|from|ab) )?(?P<start>{_FACE}|[0-9]{{1,2}})(?: ?- ?| bis | until | till | (?P<to>to) )"
        rf"(?P<end>{_FACE}|[0-9]{{1,2}})",
        _span,
    ),
    _rule(rf"{_AT}(?P<face>{_FACE})", _single),
    _rule(r"(?:um|ab|at|punkt) (?P<face>[0-9]{1,2})", _surely),
    _rule(r"(?:um |at )?(?:mitternacht|midnight)", _always(Midnight())),
    *(_rule(pattern, _always(part)) for part, pattern in _PARTS.items()),
    _rule(rf"(?:(?:fuer|for|dauer:?) )?(?!(?<=uhr )[0-9]+ ?min)(?P<length>{WITH_UNIT})", _lasting),
    _rule(rf"in (?P<length>{WITH_UNIT})", _from_now),
)
"""What is a time whatever else it may look like."""
UNMARKED: tuple[Rule, ...] = (_rule(r"(?P<face>[0-9]{1,2}\.[0-9]{2})", _surely),)
"""What is a time only when it is no date."""
