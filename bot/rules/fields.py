"""Read what a person wrote into a table of TOML or JSON: one row per key, every mistake at once.

A reader takes the raw value and gives the typed one, or raises `Wrong` with a code and facts; whoever shows it has the words.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.addresses import usable_address

E = TypeVar("E", bound=StrEnum)

Reader = Callable[[object], Any]
Path = tuple[str | int, ...]

COMPARED = 80  # letters of what was written, to guess what was meant
_KEY = re.compile(r"[\w-]+(\.[\w-]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Wrong(Exception):
    """A value that its key cannot take: `code` says why, `facts` what would do."""

    def __init__(self, code: str, **facts: object) -> None:
        """Carry code and facts."""
        super().__init__(code)
        self.code = code
        self.facts = facts


@dataclass(frozen=True)
class Problem:
    """One mistake: where in the data, why, and what would do."""

    path: Path
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One row of a table of keys. `name` is the attribute's when the key is no name in Python."""

    read: Reader
    required: bool = False
    name: str | None = None


def read(
    entry: Mapping[str, object], fields: Mapping[str, Field], path: Path, problems: list[Problem]
) -> dict[str, Any]:
    """The typed values of the keys that are given and right; what is wrong, unknown or missing is added to `problems`."""
    values = {}
    for key, raw in entry.items():
        if key not in fields:
            problems.append(Problem((*path, key), "unknown_key", {"nearest": nearest(key, fields)}))
            continue
        try:
            values[fields[key].name or key] = fields[key].read(raw)
        except Wrong as wrong:
            problems.append(Problem((*path, key), wrong.code, wrong.facts))
    problems += [Problem((*path, key), "missing") for key, row in fields.items() if row.required and key not in entry]
    return values


def nearest(wanted: str, known: Collection[str]) -> str | None:
    """What was probably meant."""
    folded = {word.casefold(): word for word in known}
    found = difflib.get_close_matches(wanted[:COMPARED].casefold(), folded, n=1)
    return folded[found[0]] if found else None


def text(limit: int) -> Reader:
    """One line that says something, without the blanks around it."""

    def reader(raw: object) -> str:
        if not isinstance(raw, str) or not raw.strip() or _CONTROL.search(raw.strip()):
            raise Wrong("not_a_line")
        if len(raw.strip()) > limit:
            raise Wrong("too_long", limit=limit)
        return raw.strip()

    return reader


def key(limit: int) -> Reader:
    """A short name that other entries refer to: letters, digits, `-`, `_` and dots between them."""

    def reader(raw: object) -> str:
        if not isinstance(raw, str) or not _KEY.fullmatch(raw):
            raise Wrong("not_a_key")
        if len(raw) > limit:
            raise Wrong("too_long", limit=limit)
        return raw

    return reader


def keys(limit: int) -> Reader:
    """A list of them, each once."""
    one = key(limit)

    def reader(raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list):
            raise Wrong("not_a_list")
        return tuple(dict.fromkeys(one(inner) for inner in raw))

    return reader


def choice(words: type[E]) -> Reader:
    """One word of a closed list."""

    def reader(raw: object) -> E:
        if raw not in [word.value for word in words]:
            raise Wrong("not_a_choice", choices=tuple(word.value for word in words))
        return words(raw)

    return reader


def whole(lowest: int, highest: int) -> Reader:
    """A whole number within limits."""

    def reader(raw: object) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool) or not lowest <= raw <= highest:
            raise Wrong("not_a_number", lowest=lowest, highest=highest)
        return raw

    return reader


def flag(raw: object) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise Wrong("not_a_flag")
    return raw


def day(raw: object) -> date:
    """A day without a time of day."""
    if not isinstance(raw, date) or isinstance(raw, datetime):
        raise Wrong("not_a_day")
    return raw


def clock(raw: object) -> time:
    """A time of day to the minute, written `12:00` with or without quotes."""
    if isinstance(raw, time):
        return raw.replace(second=0, microsecond=0)
    try:
        return datetime.strptime(str(raw), "%H:%M").time()  # noqa: DTZ007  # only its wall time is used
    except ValueError:
        raise Wrong("not_a_time") from None


def share(raw: object) -> Fraction:
    """A part of the whole, written `"1/3"`."""
    try:
        part = Fraction(str(raw))
    except (ValueError, ZeroDivisionError):
        raise Wrong("not_a_share") from None
    if not 0 < part <= 1:
        raise Wrong("not_a_share")
    return part


def mail(raw: object) -> str:
    """A mail address that can be written to, in small letters: that is how it is looked up."""
    if not isinstance(raw, str) or raw != raw.strip() or usable_address(raw) is None:
        raise Wrong("not_a_mail_address")
    return raw.lower()


def zone(raw: object) -> str:
    """A time zone's name in the IANA database."""
    try:
        return ZoneInfo(str(raw)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("not_a_zone") from None


def web_address(raw: object) -> str:
    """An address that begins with http:// or https://."""
    if not isinstance(raw, str) or not re.fullmatch(r"https?://[^\s/]\S{0,480}", raw):
        raise Wrong("not_a_web_address")
    return raw
