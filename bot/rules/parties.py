"""Parties of an agreement: a person, a role of a body, an organisation, a body, or only a name; and who is meant by what was typed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.rules.reading.words import any_of, fold
from storage.vocabulary import Role

_ROLES = {
    Role.CHAIR: ("leitung", "vorsitz", "vorsitzende", "chair"),
    Role.DEPUTY_CHAIR: ("stellvertretende leitung", "stellvertretung", "stv. leitung", "deputy chair"),
    Role.COORDINATOR: ("geschaeftsfuehrung", "koordination", "coordinator"),
    Role.MINUTE_TAKER: ("protokoll", "protokollfuehrung", "minute taker"),
}
_ROLE_WORDS = {word: role for role, words in _ROLES.items() for word in words}
_ROLE_OF = rf"(?P<role>{any_of(_ROLE_WORDS)})(?: (?:der|des|von|of)(?: the)?)? (?P<body>.+)"
_SEPARATOR = re.compile(r"\s*[+,;&\n]\s*")
_TITLE = re.compile(r"^(?:(?:frau|herrn?|dr\.|prof\.|mrs?\.?|ms\.?) )+")
_AND = re.compile(r"\s+(?:und|and)\s+")


@dataclass(frozen=True, kw_only=True)
class Party:
    """One of person, organisation, body (whole, or a role there) by id, or a name that nobody in the town has."""

    person: int | None = None
    organisation: int | None = None
    body: int | None = None
    role: Role | None = None
    name: str | None = None

    def stored(self) -> dict[str, Any]:
        """As a dialogue keeps it, in JSON."""
        return {key: value for key, value in vars(self).items() if value is not None}

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "Party":
        """What a dialogue has kept."""
        return cls(**{**stored, "role": Role(stored["role"]) if "role" in stored else None})

    @property
    def code(self) -> str:
        """For a button: p12, o3, b4, r4.chair; a name has none."""
        if self.person is not None:
            return f"p{self.person}"
        if self.organisation is not None:
            return f"o{self.organisation}"
        return f"b{self.body}" if self.role is None else f"r{self.body}.{self.role.value}"


def from_code(code: str) -> Party | None:
    """The party of a button; None when the code means nothing."""
    match = re.fullmatch(r"(?P<kind>[pobr])(?P<id>\d{1,9})(?:\.(?P<role>[a-z_]+))?", code)
    if match is None or (match["kind"] == "r") != (match["role"] in list(Role)):
        return None
    number = int(match["id"])
    if match["kind"] == "p":
        return Party(person=number)
    if match["kind"] == "o":
        return Party(organisation=number)
    return Party(body=number, role=Role(match["role"]) if match["role"] else None)


@dataclass(frozen=True, kw_only=True)
class Named:
    """A person (`short` is the family name), an organisation (its key) or a body (its code)."""

    id: int
    short: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Directory:
    """All who can be named in the town."""

    people: tuple[Named, ...] = ()
    organisations: tuple[Named, ...] = ()
    bodies: tuple[Named, ...] = ()


def named(text: str, directory: Directory) -> tuple[Party, ...]:
    """Everybody who may be meant, in the order of people, organisations, bodies.

    Names count as a whole; only an organisation is also known by its first words ("Caritas"), when nobody is called exactly so.
    """
    wanted = fold(text)
    if (match := re.fullmatch(_ROLE_OF, wanted)) and (bodies := _exact(match["body"], directory.bodies)):
        return tuple(Party(body=body.id, role=_ROLE_WORDS[match["role"]]) for body in bodies)
    exact = (
        *(Party(person=found.id) for found in _exact(_TITLE.sub("", wanted), directory.people)),
        *(Party(organisation=found.id) for found in _exact(wanted, directory.organisations)),
        *(Party(body=found.id) for found in _exact(wanted, directory.bodies)),
    )
    return exact or tuple(
        Party(organisation=found.id)
        for found in directory.organisations
        if wanted and re.match(re.escape(wanted) + r"(?!\w)", fold(found.name))
    )


def _exact(wanted: str, entries: Sequence[Named]) -> list[Named]:
    return [entry for entry in entries if wanted in (fold(entry.short), fold(entry.name))]


def split(text: str, directory: Directory) -> tuple[str, ...]:
    """The names in "Meier, Caritas und Leitung RLK". "und" parts only what is known: "Amt für Jugend und Familie" is one."""
    names: list[str] = []
    for part in filter(None, _SEPARATOR.split(text.strip())):
        pieces = _AND.split(part)
        known = not named(part, directory) and all(named(piece, directory) for piece in pieces)
        names += pieces if known else [part]
    return tuple(names)
