"""How long: "90 min", "1,5 h", "anderthalb Stunden", "1:30", "half an hour"."""

import re
from datetime import timedelta
from fractions import Fraction

from bot.rules.reading.words import COUNT, any_of, fold, in_digits, number

_HOUR = 60
_DAY = 24 * _HOUR
_LEAST_BARE_MINUTES = 5
_LONGEST = 100

_HOURS = r"(?:stunden?|std|hours?|hrs?|h)(?![a-z])\.?"
_MINUTES = r"(?:minuten?|minutes?|mins?)(?![a-z])\.?"
_PARTS = {
    "dreiviertel": Fraction(3, 4),
    "3 viertel": Fraction(3, 4),
    "3 quarters of an": Fraction(3, 4),
    "halbe": Fraction(1, 2),
    "halben": Fraction(1, 2),
    "half an": Fraction(1, 2),
    "half": Fraction(1, 2),
    "viertel": Fraction(1, 4),
    "quarter of an": Fraction(1, 4),
}
_ARTICLE = r"(?:eine[rn]?|an?) "
_DIGITS = r"(?:[0-9]{1,2} )?[13]/[24]|[0-9]{1,2}(?:[.,][0-9]{1,2})?"
_AMOUNT = rf"(?:(?:{_ARTICLE})?{any_of(_PARTS)}|{_DIGITS}|{COUNT})[ -]?"

WITH_UNIT = rf"(?:{_AMOUNT}{_HOURS}(?: (?:(?:und|and) )?{COUNT} ?{_MINUTES})?|{COUNT} ?{_MINUTES})"
"""A pattern, on folded text in digits, for durations that name their unit; `duration` gives their value."""

READINGS = (
    rf"(?P<hours>{_AMOUNT}){_HOURS}(?: ?(?:(?:und|and) )?(?P<minutes>{COUNT})(?: ?{_MINUTES})?)?",
    rf"(?P<hours>{COUNT} ){_HOURS} and a (?P<half>half)",
    rf"(?P<hours>[0-9]{{1,2}}):(?P<minutes>[0-9]{{2}})(?: ?{_HOURS})?",
    rf"(?P<minutes>{COUNT}) ?{_MINUTES}",
    r"(?P<bare>[0-9]{1,4})",
)


def duration(text: str) -> timedelta | None:
    """Whole minutes, at most a day; None for everything else.

    A bare number is minutes, but none below five: "2" may well mean two hours.
    """
    folded = fold(text)
    if len(folded) > _LONGEST:
        return None
    folded = in_digits(folded)
    for reading in READINGS:
        if match := re.fullmatch(reading, folded):
            minutes = _minutes(**match.groupdict())
            fits = minutes.denominator == 1 and 0 < minutes <= _DAY
            return timedelta(minutes=int(minutes)) if fits else None
    return None


def _minutes(
    hours: str | None = None, minutes: str | None = None, half: str | None = None, bare: str | None = None
) -> Fraction:
    """The length in minutes; 0 for what is none."""
    if bare:
        return Fraction(bare) if int(bare) >= _LEAST_BARE_MINUTES else Fraction(0)
    rest = Fraction(number(minutes)) if minutes else Fraction(_HOUR // 2 if half else 0)
    if not hours:
        return rest
    return _hours(hours.rstrip(" -")) * _HOUR + rest if rest < _HOUR else Fraction(0)


def _hours(amount: str) -> Fraction:
    """The value of what _AMOUNT matched: "1,5", "2 1/2", "eine halbe", "3"."""
    if part := _PARTS.get(re.sub(rf"^{_ARTICLE}", "", amount)):
        return part
    if amount[0].isdecimal():
        return sum(map(Fraction, amount.replace(",", ".").split()), start=Fraction(0))
    return Fraction(number(amount))
