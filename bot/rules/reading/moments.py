"""Reads a typed date the German way, or says why not.

A small strict grammar: the text is taken apart from left to right into pieces (a weekday, a date, a week, a time, …),
in any order; a word that is no piece makes the whole text no date. What the pieces allow together is the answer: one
moment, or several to choose from. Nothing is guessed, and nothing is left out.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from zoneinfo import ZoneInfo

from bot.rules.reading import clock, days
from bot.rules.reading.answers import Choices, Exact, NotADate, Reason, Unreadable
from bot.rules.reading.words import WEEKDAY, fold, in_digits, mend

Piece = clock.Piece | days.Piece

_LONGEST = 200
_SEPARATOR = re.compile(r"[ ,;()|]+|: |(?<= )[-/] |[.!?]+$")
_WHOLE_WEEKDAYS = "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag"
_SAID_OTHERWISE = (
    (re.compile(rf"\b({_WHOLE_WEEKDAYS})(morgen|vormittag|mittag|nachmittag|abend)\b"), r"\1 \2"),
    (re.compile(rf"\b({WEEKDAY}\.?|heute|uebermorgen) morgen\b"), r"\1 morgens"),
    (re.compile(r"\bin acht tagen\b"), "in einer woche"),
    (re.compile(r"\btonight\b"), "today evening"),
    (re.compile(r"\bthis (?=morning|afternoon|evening)"), "today "),
    (re.compile(r"(?<=[0-9])t(?=[0-9])"), " "),  # 2026-12-03T14:30
)
_BARE = re.compile(r"([0-9]{1,2}?)(?:\.?([0-5][0-9]))?")
_ROUGHLY = re.compile(r"\b(?:um )?(?:gegen|ca\.?|circa|etwa|ungefaehr|around|about) (?:um )?(?![0-9]+\.[0-9])")


def when(text: str, *, now: dt.datetime, zone: ZoneInfo) -> Exact | Choices | NotADate:
    """The moment or the moments that the text may mean, on the clocks of the zone, none before `now`.

    A day without a year is the next one; a time without a day is offered for today and tomorrow. Raises ValueError for
    a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    try:
        return _read(text, now.astimezone(zone), zone)
    except Unreadable as unreadable:
        return NotADate(unreadable.reason)


def at(
    text: str, *, days: Sequence[dt.date], sure: bool, now: dt.datetime, zone: ZoneInfo
) -> Exact | Choices | NotADate:
    """The same where a day has been chosen, or some are offered (then it is not `sure` which is meant).

    It is a time on those days, however bare ("9", "930"), or else a moment of its own; "9.10" may be either.
    """
    alone = when(text, now=now, zone=zone)
    if isinstance(alone, Exact):
        return alone
    bare = _BARE.fullmatch(text.strip())
    time = f"um {bare[1]}:{bare[2]}" if bare and bare[2] else f"um {bare[1]}" if bare else text
    read = [when(f"{day} {time}", now=now, zone=zone) for day in days]
    timed = [option for one in read for option in _found(one)]
    if not timed:
        return read[0] if alone == NotADate(Reason.NOT_UNDERSTOOD) else alone
    options = tuple(dict.fromkeys([*timed, *(option for option in _found(alone) if bare and option.time is None)]))
    if sure and len(options) == 1 and options[0] in read:
        return options[0]
    return Choices(options, skipped=any(isinstance(one, Choices) and one.skipped for one in read))


def until(text: str, *, start: Exact, now: dt.datetime, zone: ZoneInfo) -> Exact | Choices | NotADate:
    """The same where the start is known: its end ("bis 12"), or both once more ("10-12"). Another start is not understood."""
    read = [
        when(f"{start.date} {said}", now=now, zone=zone)
        for said in (f"{start.time:%H:%M} {text.strip()}", text.strip())
    ]
    begins = (start.date, start.time, start.fold)
    ends = dict.fromkeys(
        option
        for one in read
        for option in _found(one)
        if (option.date, option.time, option.fold) == begins and option.end is not None
    )
    if not ends:
        return NotADate(Reason.NOT_UNDERSTOOD)
    skipped = any(isinstance(one, Choices) and one.skipped for one in read)
    return next(iter(ends)) if len(ends) == 1 and not skipped else Choices(tuple(ends), skipped=skipped)


def _found(read: Exact | Choices | NotADate) -> tuple[Exact, ...]:
    match read:
        case Exact():
            return (read,)
        case Choices(options=options):
            return options
        case _:
            return ()


def _read(text: str, now: dt.datetime, zone: ZoneInfo) -> Exact | Choices:
    folded = fold(text)
    if len(folded) > _LONGEST:
        raise Unreadable(Reason.NOT_UNDERSTOOD)
    taken_for = _ROUGHLY.sub("um ", mend(folded))
    pieces = _pieces(taken_for)
    if any(isinstance(piece, clock.FromNow) for piece in pieces):
        return _from_now(pieces, now, zone)
    slots = clock.slots([piece for piece in pieces if isinstance(piece, clock.Piece)])
    found = days.days([piece for piece in pieces if isinstance(piece, days.Piece)], now.date(), timed=bool(slots))
    if not found.options:
        found = _today_or_tomorrow(pieces, now.date())
    options = [option for option in _options(found, slots, zone) if _is_ahead(option, now)]
    if not options:
        raise Unreadable(Reason.PAST)
    # In lower case "so" may not be Sunday.
    sure = found.sure and taken_for == folded and not re.search(r"\bso\b", text)
    skipped = any(_is_skipped(day, minutes, zone) for day in found.options for slot in slots for minutes in slot.clocks)
    return options[0] if sure and len(options) == 1 and not skipped else Choices(tuple(options), skipped=skipped)


def _pieces(folded: str) -> list[Piece]:
    for pattern, replacement in _SAID_OTHERWISE:
        folded = pattern.sub(replacement, folded)
    folded = in_digits(folded)
    pieces: list[Piece] = []
    impossible: list[Unreadable] = []
    position = 0
    while position < len(folded):
        if separator := _SEPARATOR.match(folded, position):
            position = separator.end()
            continue
        piece, position = _piece(folded, position)
        if isinstance(piece, Unreadable):
            impossible.append(piece)
        else:
            pieces.append(piece)
    if impossible:
        raise impossible[0]
    return pieces


def _piece(folded: str, position: int) -> tuple[Piece | Unreadable, int]:
    """What the first rule that applies here makes of it ("25 Uhr" is Unreadable), and where its text ends.

    Raises Unreadable(NOT_UNDERSTOOD) when none applies.
    """
    for pattern, build in _rules():
        if match := pattern.match(folded, position):
            try:
                piece = build(match)
            except Unreadable as unreadable:
                return unreadable, match.end()
            if piece:
                return piece, match.end()
    raise Unreadable(Reason.NOT_UNDERSTOOD)


@cache
def _rules() -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], Piece | None]]]:
    """Compiled for the first date that is read; at import they would be a tenth of the program's start."""
    rules = (*clock.MARKED, *days.RULES, *clock.UNMARKED)
    return [(re.compile(pattern), build) for pattern, build in rules]


def _from_now(pieces: list[Piece], now: dt.datetime, zone: ZoneInfo) -> Exact:
    """Counted in real time, over the clock change too; whole minutes."""
    (piece, *more) = pieces
    if more or not isinstance(piece, clock.FromNow):
        raise Unreadable(Reason.NOT_UNDERSTOOD)
    moment = (now.astimezone(dt.UTC) + piece.length).astimezone(zone)
    return Exact(moment.date(), _time_of(moment), fold=_fold(moment))


def _today_or_tomorrow(pieces: list[Piece], today: dt.date) -> days.Days:
    """For a time without a day; "10-12" alone may be anything."""
    if not pieces or any(isinstance(piece, clock.Clock) and not piece.marked for piece in pieces):
        raise Unreadable(Reason.NOT_UNDERSTOOD)
    return days.Days((today, today + dt.timedelta(days=1)), sure=False)


def _options(found: days.Days, slots: tuple[clock.Slot, ...], zone: ZoneInfo) -> list[Exact]:
    """Every day with every slot, in order, once."""
    if not slots:
        return [Exact(day) for day in found.options]
    options = [option for day in found.options for slot in slots for option in _exacts(day, slot, zone)]
    return list(dict.fromkeys(options))


def _exacts(day: dt.date, slot: clock.Slot, zone: ZoneInfo) -> Iterator[Exact]:
    """The slot on that day; more than one where the clocks show its start or its end twice.

    A start that the clock change moves to its end or behind it stands alone.
    """
    for start in _moments(day, slot.start, zone):
        for end in _ends(day, slot, start, zone):
            yield Exact(
                start.date(),
                _time_of(start),
                _time_of(end) if end else None,
                fold=_fold(start),
                end_fold=_fold(end) if end else None,
            )


def _ends(day: dt.date, slot: clock.Slot, start: dt.datetime, zone: ZoneInfo) -> list[dt.datetime | None]:
    """The moments that the end may mean: a length counts real time, an end is what the clock on the wall shows then."""
    begins = start.astimezone(dt.UTC)
    if slot.length is not None:
        return [(begins + slot.length).astimezone(zone)]
    if slot.end is None:
        return [None]
    ends: list[dt.datetime | None] = [end for end in _moments(day, slot.end, zone) if end.astimezone(dt.UTC) > begins]
    return ends or ([None] if _is_skipped(day, slot.start, zone) else [])


def _moments(day: dt.date, minutes: int, zone: ZoneInfo) -> list[dt.datetime]:
    """The moments at which the clock shows that time, in order; an hour later where the clock change skips it."""
    local = _local(day, minutes, zone)
    if _is_skipped(day, minutes, zone):
        return [local.astimezone(dt.UTC).astimezone(zone)]
    return [local] if _fold(local) is None else [local, local.replace(fold=1)]


def _is_skipped(day: dt.date, minutes: int, zone: ZoneInfo) -> bool:
    """Whether the clock never shows that time, because it goes forward then."""
    local = _local(day, minutes, zone)
    return local.astimezone(dt.UTC).astimezone(zone).timetz() != local.timetz()


def _local(day: dt.date, minutes: int, zone: ZoneInfo) -> dt.datetime:
    """That many minutes after midnight, as clocks count; what is not before MIDNIGHT is on the next day."""
    days_on, minutes = divmod(minutes, clock.MIDNIGHT)
    return dt.datetime.combine(day + dt.timedelta(days=days_on), dt.time(*divmod(minutes, 60)), zone)


def _time_of(moment: dt.datetime) -> dt.time:
    return dt.time(moment.hour, moment.minute)


def _fold(moment: dt.datetime) -> int | None:
    """Which of two equal times on the clock it is; None where there is one."""
    first, second = (moment.replace(fold=fold).utcoffset() for fold in (0, 1))
    return None if first == second else moment.fold


def _is_ahead(option: Exact, now: dt.datetime) -> bool:
    """Today counts as ahead, unless its time has passed."""
    if option.time is None:
        return option.date >= now.date()
    begins = dt.datetime.combine(option.date, option.time, now.tzinfo).replace(fold=option.fold or 0)
    return begins.astimezone(dt.UTC) >= now.astimezone(dt.UTC)
