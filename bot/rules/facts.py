"""Typed facts: what a message is made of, and what of it a privacy level lets through.

Actions return facts and queue notices made of facts. A fact says by its type what it is, so that the level is applied once,
before rendering, and not in each template. Text without a type counts as content: only level 3 carries it.
"""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

Facts = dict[str, Any]  # what an action gives, and a template shows

FULL = 3
TITLES = 2
NUDGE = 1
NOTHING = 0


class Plain(str):
    """Says nothing about anybody: a body's code, a word of the vocabulary."""

    __slots__ = ()


class Title(str):
    """What a meeting or an agenda item is called."""

    __slots__ = ()


class Place(str):
    """Where it is."""

    __slots__ = ()


class PersonName(str):
    """The name of somebody who is not the reader."""

    __slots__ = ()


class JoinLink(str):
    """The way into an online meeting; members only."""

    __slots__ = ()


class Text(str):
    """Content: what was said, agreed or decided."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True)
class OneTimeLink:
    """A link that is made at the moment of sending, for `person` or else for the reader; its secret is never in a row.

    An invitation may lead to `telegram`, too.
    """

    purpose: str
    person: int | None = None
    telegram: bool = False


@dataclasses.dataclass(frozen=True)
class FeedLink:
    """The reader's calendar link; derived at the moment of rendering."""

    generation: int


@dataclasses.dataclass(frozen=True)
class AnswerLink:
    """A signed link by which the reader answers an invitation; what was queued by an earlier version knows no meeting."""

    attendance: int
    meeting: int | None = None


_LEVELS: dict[type[str], int] = {
    Plain: TITLES,
    Title: TITLES,
    Place: TITLES,
    PersonName: FULL,
    JoinLink: FULL,
    Text: FULL,
}
_TEXTS: dict[str, type[str]] = {kind.__name__: kind for kind in _LEVELS}
_LINKS: dict[str, type[Any]] = {kind.__name__: kind for kind in (OneTimeLink, FeedLink, AnswerLink)}
_MARK = "$"


def encode(value: object) -> Any:  # noqa: ANN401  # JSON has no better type
    """Facts as JSON, types kept. Raises TypeError for what is not a fact, and for a moment without zone."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        if _MARK in value:
            raise TypeError(value)
        return {str(key): encode(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    if isinstance(value, str):
        return _marked_text(value)
    return _marked(value)


def _marked_text(value: str) -> Any:  # noqa: ANN401  # JSON has no better type
    if isinstance(value, StrEnum):
        return {_MARK: [Plain.__name__, value.value]}
    return {_MARK: [type(value).__name__, str(value)]} if type(value) in _LEVELS else str(value)


def _marked(value: object) -> dict[str, list[Any]]:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {_MARK: ["at", value.isoformat()]}
    if isinstance(value, date) and not isinstance(value, datetime):
        return {_MARK: ["on", value.isoformat()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__name__ in _LINKS:
        return {_MARK: [type(value).__name__, *dataclasses.astuple(value)]}
    raise TypeError(value)


def decode(value: Any) -> Any:  # noqa: ANN401  # JSON has no better type
    """The facts that `encode` wrote; tuples come back as lists."""
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {key: decode(inner) for key, inner in value.items()}
    kind, *content = value[_MARK]
    if kind == "at":
        return datetime.fromisoformat(content[0])
    if kind == "on":
        return date.fromisoformat(content[0])
    return (_TEXTS.get(kind) or _LINKS[kind])(*content)


def at_level(facts: Mapping[str, Any], level: int) -> dict[str, Any]:
    """What level 2 or 3 lets through; hidden facts become None.

    An entry of a list may carry its body's own level as `level`: entries that may not be shown are taken out of `<name>`, and
    `<name>_folded` says how many they were. Levels 0 and 1 carry no facts at all: that is for the caller to see to.
    """
    shown: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, list | tuple):
            open_entries = [entry for entry in value if _entry_level(entry, level) >= TITLES]
            shown[key] = [_shown(entry, _entry_level(entry, level)) for entry in open_entries]
            shown[f"{key}_folded"] = len(value) - len(open_entries)
        else:
            shown[key] = _shown(value, level)
    return shown


def _entry_level(entry: object, level: int) -> int:
    own = entry.get("level") if isinstance(entry, Mapping) else None
    return min(level, own) if isinstance(own, int) else level


def _shown(value: Any, level: int) -> Any:  # noqa: ANN401  # facts of every kind
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        return value if level >= _LEVELS.get(type(value), FULL) else None
    if isinstance(value, Mapping):
        return at_level(value, level)
    if isinstance(value, list | tuple):
        return [_shown(inner, level) for inner in value]
    return value
