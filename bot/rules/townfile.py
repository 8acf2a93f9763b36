"""The town file: organisations, areas, bodies with their seats, people. `town.example.toml` explains every key.

Only what a file says is imported: None stands for a key that is not there.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from typing import Any

from bot.rules import procedure, toml_lines
from bot.rules.fields import (
    Field,
    Path,
    Problem,
    choice,
    clock,
    day,
    flag,
    key,
    keys,
    mail,
    nearest,
    read,
    text,
    web_address,
    whole,
    zone,
)
from bot.rules.mistakes import FileErrors, Mistake
from storage.vocabulary import BodyKind, OrganisationKind, Role

Entry = tuple[Path, dict[str, Any]]


class Language(StrEnum):
    """In which Faden can speak."""

    GERMAN = "de"
    ENGLISH = "en"


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """Träger or institution."""

    key: str
    name: str
    kind: OrganisationKind
    level: int | None = None


@dataclass(frozen=True, kw_only=True)
class Area:
    """Sozialraum; `lead` is an organisation's key."""

    key: str
    name: str
    lead: str | None = None


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A membership; without a person it is vacant. Its days are inclusive."""

    person: str | None = None
    organisation: str | None = None
    role: Role = Role.MEMBER
    deputy: str | None = None
    begins_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """Gremium with its seats; `parent` is a body's code, `areas` are keys."""

    code: str
    name: str
    kind: BodyKind
    parent: str | None = None
    areas: tuple[str, ...] | None = None
    level: int | None = None
    informal: bool | None = None
    mail: str | None = None
    place: str | None = None
    join_link: str | None = None
    rules: procedure.Rules | None = None
    seats: tuple[Seat, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody; `quiet` is from and until, as local times of day. `line` is where the file tells of them."""

    key: str
    given_name: str
    family_name: str
    salutation: str | None = None
    mail: str | None = None
    language: Language | None = None
    zone: str | None = None
    quiet: tuple[time, time] | None = None
    level: int | None = None
    administrator: bool | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, kw_only=True)
class TownFile:
    """A town as one file tells it; everything it refers to is in it."""

    name: str
    organisations: tuple[Organisation, ...] = ()
    areas: tuple[Area, ...] = ()
    bodies: tuple[Body, ...] = ()
    people: tuple[Person, ...] = ()


def _quiet(raw: object) -> tuple[time, time]:
    """`"19:00-07:00"`; two equal times mean: never quiet."""
    begins, _, ends = str(raw).partition("-")
    return clock(begins.strip()), clock(ends.strip())


def _any(raw: object) -> object:
    return raw


_KEY = Field(key(64), required=True)
_NAME = Field(text(200), required=True)
_LEVEL = Field(whole(0, 3))
_REFERENCE = Field(key(64))

_TOWN = {name: Field(_any) for name in ("organisation", "area", "body", "person")} | {"from": Field(day)}

_ORGANISATION = {"key": _KEY, "name": _NAME, "kind": Field(choice(OrganisationKind), required=True), "level": _LEVEL}

_AREA = {"key": _KEY, "name": _NAME, "lead": _REFERENCE}

_BODY = {
    "code": Field(key(32), required=True),
    "name": _NAME,
    "kind": Field(choice(BodyKind), required=True),
    "parent": _REFERENCE,
    "areas": Field(keys(64)),
    "level": _LEVEL,
    "informal": Field(flag),
    "mail": Field(mail),
    "place": Field(text(200)),
    "join_link": Field(web_address),
    "rules": Field(_any),
    "seats": Field(_any),
}

_SEAT = {
    "person": _REFERENCE,
    "vacant": Field(flag),
    "organisation": _REFERENCE,
    "role": Field(choice(Role)),
    "deputy": _REFERENCE,
    "from": Field(day, name="begins_on"),
    "until": Field(day, name="ends_on"),
}

_PERSON = {
    "key": _KEY,
    "given_name": Field(text(100), required=True),
    "family_name": Field(text(100), required=True),
    "salutation": Field(text(40)),
    "mail": Field(mail),
    "language": Field(choice(Language)),
    "zone": Field(zone),
    "quiet": Field(_quiet),
    "level": _LEVEL,
    "administrator": Field(flag),
}


def parse(text: str, name: str) -> TownFile:
    """Read a town file; `name` is what errors call it. Raises FileErrors with all that is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise FileErrors((Mistake(name, line, "", "not_toml", {"reason": str(error)}),)) from None
    problems: list[Problem] = []
    top = read(data, _TOWN, (), problems)
    organisations = _entries(top.get("organisation", []), _ORGANISATION, ("organisation",), problems)
    areas = _entries(top.get("area", []), _AREA, ("area",), problems)
    bodies = _entries(top.get("body", []), _BODY, ("body",), problems)
    people = _entries(top.get("person", []), _PERSON, ("person",), problems)
    seats = {path: _entries(body.get("seats", []), _SEAT, (*path, "seats"), problems) for path, body in bodies}
    every_seat = [seat for entries in seats.values() for seat in entries]
    for _, seat in every_seat:
        seat.setdefault("begins_on", top.get("from"))
    for path, body in bodies:
        _read_rules(path, body, problems)
    for entries, own in ((organisations, "key"), (areas, "key"), (bodies, "code"), (people, "key"), (people, "mail")):
        _check_unique(entries, own, problems)
    for entries, own, targets, target in (
        (areas, "lead", organisations, "key"),
        (bodies, "parent", bodies, "code"),
        (bodies, "areas", areas, "key"),
        (every_seat, "person", people, "key"),
        (every_seat, "deputy", people, "key"),
        (every_seat, "organisation", organisations, "key"),
    ):
        _check_references(entries, own, {values.get(target) for _, values in targets}, problems)
    _check_hand_over(bodies, problems)
    _check_parents(bodies, problems)
    for entries in seats.values():
        _check_seats(entries, problems)
    lines = toml_lines.lines(text)
    if problems:
        mistakes = [
            Mistake(name, _line(lines, problem.path), _dotted(problem.path), problem.code, problem.facts)
            for problem in problems
        ]
        raise FileErrors(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))
    return TownFile(
        name=name,
        organisations=tuple(Organisation(**values) for _, values in organisations),
        areas=tuple(Area(**values) for _, values in areas),
        bodies=tuple(
            Body(**values | {"seats": tuple(_seat(seat) for _, seat in seats[path])}) for path, values in bodies
        ),
        people=tuple(Person(**values, line=_line(lines, path)) for path, values in people),
    )


def _entries(raw: object, fields: Mapping[str, Field], path: Path, problems: list[Problem]) -> list[Entry]:
    """The tables of a list, each with its path; what is no list of tables is one problem."""
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        problems.append(Problem(path, "not_tables"))
        return []
    return [((*path, number), read(entry, fields, (*path, number), problems)) for number, entry in enumerate(raw)]


def _read_rules(path: Path, body: dict[str, Any], problems: list[Problem]) -> None:
    raw = body.pop("rules", None)
    if raw is None:
        return
    if not isinstance(raw, dict):
        problems.append(Problem((*path, "rules"), "not_a_table"))
        return
    try:
        body["rules"] = procedure.from_json(raw)
    except procedure.BadRules as bad:
        problems += [Problem((*path, "rules", *problem.path), problem.code, problem.facts) for problem in bad.problems]


def _seat(values: Mapping[str, Any]) -> Seat:
    return Seat(**{name: value for name, value in values.items() if name != "vacant"})


def _check_unique(entries: list[Entry], key: str, problems: list[Problem]) -> None:
    """Whether each has a name of its own; capitals make no difference, because people do not type them."""
    seen = set()
    for path, values in entries:
        name = values.get(key, "").casefold()
        if name and name in seen:
            problems.append(Problem((*path, key), "twice", {"value": values[key]}))
        seen.add(name)


def _check_references(entries: list[Entry], key: str, known: set[str | None], problems: list[Problem]) -> None:
    names = {name for name in known if name}
    for path, values in entries:
        wanted = values.get(key, ())
        problems += [
            Problem((*path, key), "no_such", {"value": name, "nearest": nearest(name, names)})
            for name in ((wanted,) if isinstance(wanted, str) else wanted)
            if name not in names
        ]


def _check_hand_over(bodies: list[Entry], problems: list[Problem]) -> None:
    ways = [
        ((*path, "rules"), {"hand_over": tuple(way.to for way in values["rules"].hand_over)})
        for path, values in bodies
        if "rules" in values
    ]
    _check_references(ways, "hand_over", {values.get("code") for _, values in bodies}, problems)


def _check_parents(bodies: list[Entry], problems: list[Problem]) -> None:
    """No body may stand above itself."""
    parents = {values.get("code"): values.get("parent") for _, values in bodies}
    for path, values in bodies:
        above, code = values.get("parent"), values.get("code")
        passed = set()
        while above is not None and above != code and above not in passed:
            passed.add(above)
            above = parents.get(above)
        if above is not None and above == code:
            problems.append(Problem((*path, "parent"), "above_itself", {"value": code}))


def _check_seats(seats: list[Entry], problems: list[Problem]) -> None:
    """Somebody or nobody sits there, for a time that does not run backwards, and once at a time."""
    held: dict[str, list[tuple[date, date]]] = {}
    for path, values in seats:
        begins_on, ends_on = values.get("begins_on") or date.min, values.get("ends_on") or date.max
        person = values.get("person")
        if (person is not None) == values.get("vacant", False):
            problems.append(Problem(path, "person_or_vacant"))
        if ends_on < begins_on:
            problems.append(Problem((*path, "until"), "ends_before_it_begins"))
        if person is None:
            continue
        if any(begins_on <= ended and began <= ends_on for began, ended in held.get(person, ())):
            problems.append(Problem((*path, "person"), "seat_twice", {"value": person}))
        held.setdefault(person, []).append((begins_on, ends_on))


def _line(lines: Mapping[Path, int], path: Path) -> int:
    """Where the path stands, or what it would belong to."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _dotted(path: Path) -> str:
    return ".".join(part for part in path if isinstance(part, str))
