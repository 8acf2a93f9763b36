"""Parties of an agreement: a person, a role of a body, an organisation, a body, or only a name; and who is meant by what was typed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
_SEPARATOR = re.compile(r"[+,;&\n]")
_TITLE = re.compile(r"^(?:(?:frau|herrn?|dr\.|prof\.|mrs?\.?|ms\.?) )+")
_AND = re.compile(r" (?:und|and) ")
_LETTER = re.compile(r"\w")


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
    """All who can be named in the town; found by their folded names, however many are asked for."""

    people: tuple[Named, ...] = ()
    organisations: tuple[Named, ...] = ()
    bodies: tuple[Named, ...] = ()

    @cached_property
    def people_named(self) -> Mapping[str, Sequence[int]]:
        """Their ids by each of their names."""
        return _by_name(self.people)

    @cached_property
    def organisations_named(self) -> Mapping[str, Sequence[int]]:
        """Their ids by each of their names."""
        return _by_name(self.organisations)

    @cached_property
    def bodies_named(self) -> Mapping[str, Sequence[int]]:
        """Their ids by each of their names."""
        return _by_name(self.bodies)

    @cached_property
    def organisation_names(self) -> Sequence[tuple[str, int]]:
        """Each one's whole name and id."""
        return [(fold(entry.name), entry.id) for entry in self.organisations]


def _by_name(entries: Iterable[Named]) -> Mapping[str, Sequence[int]]:
    found: dict[str, list[int]] = {}
    for entry in entries:
        for name in {fold(entry.short), fold(entry.name)}:
            found.setdefault(name, []).append(entry.id)
    return found


def named(text: str, directory: Directory) -> tuple[Party, ...]:
    """Everybody who may be meant, in the order of people, organisations, bodies.

    Names count as a whole; only an organisation is also known by its first words ("Caritas"), when nobody is called exactly so.
    """
    wanted = fold(text)
    if match := re.fullmatch(_ROLE_OF, wanted):
        bodies = directory.bodies_named.get(match["body"], ())
        if bodies:
            return tuple(Party(body=body, role=_ROLE_WORDS[match["role"]]) for body in bodies)
    exact = (
        *(Party(person=found) for found in directory.people_named.get(_TITLE.sub("", wanted), ())),
        *(Party(organisation=found) for found in directory.organisations_named.get(wanted, ())),
        *(Party(body=found) for found in directory.bodies_named.get(wanted, ())),
    )
    return exact or tuple(
        Party(organisation=found)
        for name, found in directory.organisation_names
        if wanted and name.startswith(wanted) and not _LETTER.match(name, len(wanted))
    )


def split(text: str, directory: Directory) -> tuple[str, ...]:
    """The names in "Meier, Caritas und Leitung RLK". "und" parts only what is known: "Amt für Jugend und Familie" is one."""
    names: list[str] = []
    for part in filter(None, (" ".join(part.split()) for part in _SEPARATOR.split(text))):
        pieces = _AND.split(part)
        known = not named(part, directory) and all(named(piece, directory) for piece in pieces)
        names += pieces if known else [part]
    return tuple(names)
