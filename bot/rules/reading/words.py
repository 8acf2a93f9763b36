"""The words of German and English dates, and how a typed text is made comparable with them."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import accumulate, islice

_SPELLINGS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "½": " 1/2",
    }
)


MOST_MARKS = 30  # on one letter, as the Stream-Safe Text Format has it (UAX #15)
_FIRST_MARK = "\N{COMBINING GRAVE ACCENT}"


def composed(text: str) -> str:
    """The text in NFC, with at most 30 marks on a letter: to sort more of them takes time that grows with their square."""
    if max(text, default="") < _FIRST_MARK:
        return text
    marks = accumulate(text, lambda before, letter: before + 1 if unicodedata.combining(letter) else 0, initial=0)
    kept = (letter for letter, many in zip(text, islice(marks, 1, None), strict=True) if many <= MOST_MARKS)
    return unicodedata.normalize("NFC", "".join(kept))


def fold(text: str) -> str:
    """Lower case, umlauts as two letters, one kind of dash, single spaces: "Übermorgen  9–11" → "uebermorgen 9-11"."""
    return " ".join(composed(text).casefold().translate(_SPELLINGS).split())


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first, so that no word hides a longer one."""
    return "(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + ")"


_GERMAN = (
    "null ein zwei drei vier fuenf sechs sieben acht neun zehn elf zwoelf dreizehn vierzehn fuenfzehn sechzehn siebzehn"
    " achtzehn neunzehn"
)
_GERMAN_TENS = "zwanzig dreissig vierzig fuenfzig sechzig siebzig achtzig neunzig"
_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def _numbers(small: str, tens: str, compound: str) -> dict[str, int]:
    """The words for 0 to 99, where `compound` says how unit and ten make one word."""
    units = small.split()
    numbers = {word: value for value, word in enumerate(units)}
    for ten, word in enumerate(tens.split(), start=2):
        numbers[word] = 10 * ten
        numbers |= {compound.format(unit=units[unit], ten=word): 10 * ten + unit for unit in range(1, 10)}
    return numbers


_GERMAN_NUMBERS = _numbers(_GERMAN, _GERMAN_TENS, "{unit}und{ten}")
_NUMBERS = _GERMAN_NUMBERS | _numbers(_ENGLISH, _ENGLISH_TENS, "{ten}-{unit}") | {"eins": 1, "zwo": 2}
_ORDINALS = {word + ("ste" if word.endswith("ig") else "te"): value for word, value in _GERMAN_NUMBERS.items()}
_ORDINALS |= {"erste": 1, "dritte": 3, "siebte": 7, "achte": 8}
_ORDINALS |= {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_HALVES = {"anderthalb": "1 1/2"} | {f"{word}einhalb": f"{value} 1/2" for word, value in _GERMAN_NUMBERS.items()}
_DIGITS = (
    {word: str(value) for word, value in _NUMBERS.items()}
    | {word + ending: f"{value}." for word, value in _ORDINALS.items() for ending in ("", "n", "r", "s", "m")}
    | _HALVES
)
del _DIGITS["ein"]  # an article, except in "ein Uhr"


def in_digits(folded: str) -> str:
    """Numbers in words become numerals: "halb zehn" → "halb 10", "am dritten" → "am 3.", "anderthalb" → "1 1/2"."""
    with_one = re.sub(r"\bein(?= uhr\b)", "1", folded)
    return re.sub(r"[a-z]+(?:-[a-z]+)?", lambda word: _DIGITS.get(word[0], word[0]), with_one)


NUMBER = "[0-9]{1,3}"
COUNT = "(?:[0-9]{1,3}|eine[rnm]?|an?)"
"""A number that may be an article: "in einer Woche"."""

_WEEKDAYS = (
    "montag mo monday mon",
    "dienstag di tuesday tues tue",
    "mittwoch mi wednesday wed",
    "donnerstag do thursday thurs thur thu",
    "freitag fr friday fri",
    "samstag sonnabend sa saturday sat",
    "sonntag so sunday sun",
)
WEEKDAYS = {word: number for number, words in enumerate(_WEEKDAYS) for word in words.split()}
"""Monday is 0, as in `datetime.date.weekday`."""
WEEKDAY = any_of(WEEKDAYS)

_MONTHS = (
    "januar jaenner jan january",
    "februar feb february",
    "maerz marz maer mrz march mar",
    "april apr",
    "mai may",
    "juni jun juno june",
    "juli jul july",
    "august aug",
    "september sept sep",
    "oktober okt october oct",
    "november nov",
    "dezember dez december dec",
)
MONTHS = {word: number for number, words in enumerate(_MONTHS, start=1) for word in words.split()}
MONTH = any_of(MONTHS)


def number(count: str) -> int:
    """The value of what COUNT matched."""
    return int(count) if count.isdecimal() else 1


_SHORTEST_MENDED = 6
_NAMES = {
    name: meaning
    for names, kind in ((WEEKDAYS, "weekday"), (MONTHS, "month"))
    for name, meaning in ((name, (kind, number)) for name, number in names.items())
    if len(name) >= _SHORTEST_MENDED
}


def mend(text: str) -> str:
    """Put right what is one slip away from the name of exactly one weekday or month.

    A word that begins with the whole name is another word, not a slip: "freitags" is every Friday.
    """
    return re.sub(r"[a-z]{5,}", lambda word: _mended(word[0]), text)


def _mended(word: str) -> str:
    if word in _NAMES:
        return word
    near = [name for name in _NAMES if _one_slip_apart(word, name) and not word.startswith(name)]
    return near[0] if len({_NAMES[name] for name in near}) == 1 else word


def _one_slip_apart(left: str, right: str) -> bool:
    """One letter wrong, missing or too many, or two neighbours swapped."""
    same = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    left, right = left[same:], right[same:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
