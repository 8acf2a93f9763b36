"""The people file: a list of people as towns keep it, a line for each seat of somebody, or for somebody without one.

`read` finds the columns; `understand` says what the lines mean in a town: who is meant, and which seat. Nothing is guessed
where two people could be meant. An empty cell says nothing. Organisations and bodies must be there already.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain, count
from typing import Any
from unicodedata import combining, normalize

from bot.rules import fields, merge, spreadsheet, townfile
from bot.rules.fields import Wrong
from bot.rules.mistakes import FileErrors, Mistake
from bot.rules.reading.words import composed
from bot.rules.spreadsheet import Unreadable
from bot.rules.townfile import Language
from storage.vocabulary import Role


class Column(StrEnum):
    """What a column can be about; the values are the names of the attributes."""

    KEY = "key"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    SALUTATION = "salutation"
    MAIL = "mail"
    LANGUAGE = "language"
    BODY = "body"
    ORGANISATION = "organisation"
    ROLE = "role"
    DEPUTY = "deputy"
    BEGINS_ON = "begins_on"
    ENDS_ON = "ends_on"


NEEDED = (Column.GIVEN_NAME, Column.FAMILY_NAME)
_OF_THE_PERSON = (Column.GIVEN_NAME, Column.FAMILY_NAME, Column.SALUTATION, Column.MAIL, Column.LANGUAGE)
_OF_THE_SEAT = (Column.ROLE, Column.DEPUTY, Column.BEGINS_ON, Column.ENDS_ON)

_HEADINGS = {
    Column.KEY: "key, schlüssel, kürzel",
    Column.GIVEN_NAME: "given name, first name, forename, vorname, vornamen, rufname",
    Column.FAMILY_NAME: "family name, last name, surname, name, nachname, familienname, zuname",
    Column.SALUTATION: "salutation, anrede",
    Column.MAIL: "mail, e-mail, mail address, e-mail address, mail-adresse, e-mail-adresse",
    Column.LANGUAGE: "language, sprache",
    Column.BODY: "body, bodies, committee, committees, gremium, gremien",
    Column.ORGANISATION: "organisation, organization, institution, provider, träger, einrichtung, dienststelle",
    Column.ROLE: "role, function, rolle, funktion",
    Column.DEPUTY: "deputy, substitute, stellvertretung, stellvertreter, stellvertreterin, vertretung",
    Column.BEGINS_ON: "begins on, begin, beginning, start, from, since, beginn, anfang, von, ab, seit",
    Column.ENDS_ON: "ends on, end, until, ende, bis",
}
_ROLES = {
    Role.CHAIR: "chair, leitung, leiter, leiterin, vorsitz, vorsitzende, vorsitzender",
    Role.DEPUTY_CHAIR: "deputy chair, vice chair, stellvertretende leitung, stv. leitung, stellv. leitung, "
    "stellvertretender vorsitz, stv. vorsitz, stellv. vorsitz",
    Role.COORDINATOR: "coordinator, coordination, geschäftsführung, koordination, koordinator, koordinatorin",
    Role.MINUTE_TAKER: "minute taker, minutes, protokoll, protokollführung, schriftführung",
    Role.MODERATOR: "moderator, moderation, moderatorin",
    Role.MEMBER: "member, mitglied",
    Role.ADVISORY: "advisory, beratend, beratendes mitglied",
    Role.GUEST: "guest, gast",
}
_LANGUAGES = {Language.GERMAN: "de, german, deutsch", Language.ENGLISH: "en, english, englisch"}

MOST_GUESSES = 10  # what was meant by how many wrong names

_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_GERMAN_DAY = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(19|20)?(\d\d)")
_ISO_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T].*)?")


def _folded(text: str) -> str:
    """As people mean it: capitals, hyphens and blanks make no difference."""
    return re.sub(r"[\W_]", "", composed(text).casefold())


def _words(table: Mapping[Any, str]) -> dict[str, Any]:
    return {_folded(word): meaning for meaning, listed in table.items() for word in listed.split(", ")}


_COLUMN_OF, _ROLE_OF, _LANGUAGE_OF = _words(_HEADINGS), _words(_ROLES), _words(_LANGUAGES)


@dataclass(frozen=True)
class Row:
    """A line of the list: what its cells say, by column; an empty cell is not there. `stray` is a cell without a heading."""

    line: int
    cells: Mapping[Column, str]
    stray: int | None = None


@dataclass(frozen=True, kw_only=True)
class PeopleFile:
    """A list of people: how the file calls its columns, which of them nobody needs, and its lines."""

    name: str
    headings: Mapping[Column, str]
    unknown: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """To be kept until somebody has looked at it."""
        rows = [[row.line, dict(row.cells), row.stray] for row in self.rows]
        return {"name": self.name, "headings": dict(self.headings), "unknown": list(self.unknown), "rows": rows}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "PeopleFile":
        """What `to_json` gave."""
        return cls(
            name=kept["name"],
            headings={Column(column): heading for column, heading in kept["headings"].items()},
            unknown=tuple(kept["unknown"]),
            rows=tuple(
                Row(line, {Column(column): cell for column, cell in cells.items()}, stray)
                for line, cells, stray in kept["rows"]
            ),
        )


# --- columns ----------------------------------------------------------------------------------------------------------


def read(content: bytes, name: str) -> PeopleFile:
    """Find the columns by their headings, in German or English. Raises FileErrors."""
    try:
        lines = spreadsheet.lines(content, name)
    except Unreadable as error:
        raise FileErrors((Mistake(name, error.line, "", error.code, error.facts),)) from error
    if not lines:
        raise FileErrors((Mistake(name, 1, "", "no_rows"),))
    head, *rest = lines
    columns = [_COLUMN_OF.get(_folded(cell)) for cell in head.cells]
    headings: dict[Column, str] = {}
    mistakes = []
    for column, heading in zip(columns, head.cells, strict=True):
        if column in headings:
            mistakes.append(Mistake(name, head.number, heading, "column_twice", {"value": headings[column]}))
        elif column is not None:
            headings[column] = heading
    missing = [column for column in NEEDED if column not in headings]
    if missing:
        facts = {"needed": tuple(missing), "found": tuple(cell for cell in head.cells if cell)}
        mistakes.insert(0, Mistake(name, head.number, "", "missing_columns", facts))
    elif not rest:
        mistakes.append(Mistake(name, head.number, "", "no_rows"))
    if mistakes:
        raise FileErrors(tuple(mistakes))
    return PeopleFile(
        name=name,
        headings=headings,
        unknown=tuple(cell for column, cell in zip(columns, head.cells, strict=True) if cell and column is None),
        rows=tuple(_row(line, columns, head.cells) for line in rest),
    )


def _row(line: spreadsheet.Line, columns: Sequence[Column | None], headings: Sequence[str]) -> Row:
    cells = {column: cell for column, cell in zip(columns, line.cells, strict=False) if column and cell}
    nameless = (
        number
        for number, cell in enumerate(line.cells, start=1)
        if cell and (number > len(headings) or not headings[number - 1])
    )
    return Row(line.number, cells, next(nameless, None))


# --- what they mean in a town -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Somebody:
    """Somebody of the town; `imported` are the marks of what was imported (`bot.rules.merge`)."""

    key: str
    given_name: str
    family_name: str
    mail: str | None = None
    imported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Town:
    """What a people file can refer to: its people, its bodies and organisations by code or key with their names."""

    people: Iterable[Somebody]
    bodies: Mapping[str, str]
    organisations: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A seat as a line says it; None is not said."""

    line: int
    body: str
    person: str
    role: Role | None = None
    organisation: str | None = None
    deputy: str | None = None
    begins_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Understood:
    """People with all that their lines say, seats, whom each line is about, and what is wrong.

    `idle` are the lines whose organisation is good for nothing, because they name no body.
    """

    people: tuple[townfile.Person, ...]
    seats: tuple[Seat, ...]
    named: Mapping[int, str]
    mistakes: tuple[Mistake, ...]
    idle: tuple[int, ...]


@dataclass(eq=False)
class _One:
    """Somebody of the town or of a line: what is known of them, and what the lines say, with the line that said it first."""

    key: str
    given_name: str
    family_name: str
    mail: str | None
    line: int = 0
    said: dict[Column, tuple[Any, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


def understand(file: PeopleFile, town: Town) -> Understood:
    """What the lines mean in the town. Every mistake at once, in the order of the lines."""
    reading = _Reading(file, town)
    meant = [(row, reading.person(row)) for row in file.rows]
    for row, one in meant:  # once all are known: somebody's deputy may stand further down
        reading.seats(row, one)
    people = dict.fromkeys(one for _, one in meant if one)
    return Understood(
        people=tuple(
            townfile.Person(
                key=one.key, line=one.line, **{column.value: said for column, (said, _) in one.said.items()}
            )
            for one in people
        ),
        seats=tuple(reading.taken),
        named={row.line: one.name if one else _name(row) for row, one in meant},
        mistakes=tuple(sorted(reading.mistakes, key=lambda mistake: mistake.line)),
        idle=tuple(reading.idle),
    )


def _name(row: Row) -> str:
    return " ".join(row.cells[column] for column in NEEDED if column in row.cells)


class _Reading:
    """One way through the lines; what is wrong is gathered."""

    def __init__(self, file: PeopleFile, town: Town) -> None:
        self.taken: list[Seat] = []
        self.mistakes: list[Mistake] = []
        self.idle: list[int] = []
        self._file = file
        self._taken: dict[tuple[str, str], list[Seat]] = defaultdict(list)
        self._known: dict[tuple[str, ...], list[_One]] = defaultdict(list)
        self._bodies, self._organisations = _Names(town.bodies), _Names(town.organisations)
        for person in town.people:
            one = _One(person.key, person.given_name, person.family_name, person.mail)
            self._know(one)
            marks = [person.imported.get(column.value, "") for column in (Column.MAIL, *NEEDED)]
            self._known["mail was", marks[0]].append(one)
            self._known["name was", *marks[1:]].append(one)

    # --- who ----------------------------------------------------------------------------------------------------------

    def person(self, row: Row) -> _One | None:
        """Who is meant, and what the line says of them; None when that cannot be told."""
        if row.stray is not None:
            self._wrong(row, None, Wrong("no_heading", value=_letters(row.stray)))
        values = self._values(row, (Column.KEY, *_OF_THE_PERSON))
        for column in NEEDED:
            if column not in row.cells:
                self._wrong(row, column, Wrong("missing"))
        needed = {*NEEDED, *(column for column in (Column.KEY, *_OF_THE_PERSON) if column in row.cells)}
        if row.stray is not None or needed - values.keys():
            return None
        try:
            one = self._who(values)
        except Wrong as wrong:
            self._wrong(row, Column.MAIL if wrong.code == "mail_taken" else Column.FAMILY_NAME, wrong)
            return None
        one.line = one.line or row.line
        for column in _OF_THE_PERSON:
            if column in values:
                said, line = one.said.setdefault(column, (values[column], row.line))
                if said != values[column]:
                    self._wrong(row, column, Wrong("says_otherwise", value=str(said), line=line))
        one.mail = values.get(Column.MAIL, one.mail)
        self._know(one)
        return one

    def _who(self, values: Mapping[Column, Any]) -> _One:
        """By key; else by address, as it is or as it was imported; else by name, if only one can be meant.

        Raises Wrong when somebody else has the address, or when it could be two people.
        """
        key, mail = values.get(Column.KEY), values.get(Column.MAIL)
        owners = self._known["mail", mail] if mail else []
        if key:
            one = next(iter(self._known["key", key.casefold()]), None)
            if owners and owners[0] is not one:
                raise Wrong("mail_taken", value=mail, person=owners[0].name)
            return one or self._new(key, values)
        given, family = values[Column.GIVEN_NAME], values[Column.FAMILY_NAME]
        for one in owners or (self._known["mail was", merge.digest(mail)] if mail else []):
            if _folded(given) != _folded(one.given_name) and _folded(family) != _folded(one.family_name):
                raise Wrong("mail_taken", value=mail, person=one.name)
            return one
        named = self._known["name", _folded(given + family)]
        called = dict.fromkeys([*named, *self._known["name was", merge.digest(given), merge.digest(family)]])
        if len(called) > 1 or (mail and any(one.mail for one in called)):
            raise Wrong("same_name", people=_listed(called))
        return next(iter(called), None) or self._new(self._free_key(given, family), values)

    def _new(self, key: str, values: Mapping[Column, Any]) -> _One:
        one = _One(key, values[Column.GIVEN_NAME], values[Column.FAMILY_NAME], values.get(Column.MAIL))
        self._know(one)
        return one

    def _know(self, one: _One) -> None:
        ways = [("key", one.key.casefold()), ("name", _folded(one.given_name + one.family_name))]
        for way in [*ways, ("mail", one.mail)] if one.mail else ways:
            if one not in self._known[way]:
                self._known[way].append(one)

    def _free_key(self, given: str, family: str) -> str:
        short = _slug(family)[:40] or "person"
        long = f"{short}-{_slug(given)[:16]}".strip("-")
        keys = chain((short, long), (f"{long}-{number}" for number in count(2)))
        return next(key for key in keys if not self._known["key", key])

    # --- where --------------------------------------------------------------------------------------------------------

    def seats(self, row: Row, one: _One | None) -> None:
        """The seats that the line gives: one in each body that it names."""
        if row.stray is not None:
            return
        if Column.BODY not in row.cells:
            for column in _OF_THE_SEAT:
                if column in row.cells:
                    self._wrong(row, column, Wrong("needs_body"))
            if Column.ORGANISATION in row.cells:
                self.idle.append(row.line)
            return
        values = self._values(row, (Column.BODY, Column.ORGANISATION, *_OF_THE_SEAT))
        bodies = values.pop(Column.BODY, ())
        if one is None:
            return
        for body in bodies:
            seat = Seat(
                line=row.line, body=body, person=one.key, **{column.value: said for column, said in values.items()}
            )
            others = self._taken[body, one.key]
            if any(_at_once(seat, other) for other in others):
                self._wrong(row, Column.BODY, Wrong("seat_twice", value=one.name))
            others.append(seat)
            self.taken.append(seat)

    def _body(self, text: str) -> tuple[str, ...]:
        """One body, or several with commas, semicolons or line breaks between them."""
        if self._bodies.find(text) is not None:
            return (self._bodies.named(text),)
        return tuple(
            dict.fromkeys(self._bodies.named(part.strip()) for part in re.split(r"[,;\n]", text) if part.strip())
        )

    def _deputy(self, text: str) -> str:
        """Somebody by key, by address, or by name, also with the family name first and a comma."""
        family, comma, given = text.partition(",")
        name = _folded(given + family if comma else text)
        found = self._known["key", text.casefold()] or self._known["mail", text.lower()] or self._known["name", name]
        if len(found) > 1:
            raise Wrong("same_name", people=_listed(found))
        if not found:
            raise Wrong("not_there", value=text)
        return found[0].key

    # --- cells --------------------------------------------------------------------------------------------------------

    def _values(self, row: Row, columns: Iterable[Column]) -> dict[Column, Any]:
        """What the cells say; what is wrong with them is noted."""
        readers: dict[Column, Callable[[str], Any]] = {
            **_READERS,
            Column.BODY: self._body,
            Column.ORGANISATION: self._organisations.named,
            Column.DEPUTY: self._deputy,
        }
        values = {}
        for column in columns:
            if column in row.cells:
                try:
                    values[column] = readers[column](row.cells[column])
                except Wrong as wrong:
                    self._wrong(row, column, wrong)
        return values

    def _wrong(self, row: Row, column: Column | None, wrong: Wrong) -> None:
        heading = self._file.headings.get(column, "") if column else ""
        facts = {name: fact[: fields.COMPARED] if isinstance(fact, str) else fact for name, fact in wrong.facts.items()}
        self.mistakes.append(Mistake(self._file.name, row.line, heading, wrong.code, facts))


class _Names:
    """Things by code, key or name."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._keys = {_folded(name): key for key, name in names.items()} | {_folded(key): key for key in names}
        self._words = [*names, *names.values()]
        self._meant: dict[str, str | None] = {}

    def find(self, text: str) -> str | None:
        return self._keys.get(_folded(text))

    def named(self, text: str) -> str:
        found = self.find(text)
        if found is None:
            raise Wrong("not_there", value=text, nearest=self._nearest(text))
        return found

    def _nearest(self, text: str) -> str | None:
        """What may have been meant; guessed for the first few only, because to guess is slow where there are many names."""
        if text not in self._meant and len(self._meant) < MOST_GUESSES:
            self._meant[text] = fields.nearest(text, self._words)
        return self._meant.get(text)


def _at_once(one: Seat, other: Seat) -> bool:
    """Whether both would be somebody's on the same day."""
    return (one.begins_on or date.min) <= (other.ends_on or date.max) and (other.begins_on or date.min) <= (
        one.ends_on or date.max
    )


def _listed(people: Iterable[_One]) -> tuple[str, ...]:
    return tuple(f"{one.name} ({one.key})" for one in people)


def _slug(name: str) -> str:
    letters = normalize("NFKD", name.casefold().translate(_WRITTEN_OUT))
    return re.sub(r"[\W_]+", "-", "".join(letter for letter in letters if not combining(letter))).strip("-")


def _letters(number: int) -> str:
    """A column as spreadsheets call it: 1 is A, 27 is AA."""
    rest, last = divmod(number - 1, 26)
    return (_letters(rest) if rest else "") + chr(ord("A") + last)


def _day(text: str) -> date:
    german, iso = _GERMAN_DAY.fullmatch(text), _ISO_DAY.fullmatch(text)
    try:
        if german:
            return date(int((german[3] or "20") + german[4]), int(german[2]), int(german[1]))
        if iso:
            return date(*(int(part) for part in iso.groups()))
    except ValueError:
        pass  # there is no such day
    raise Wrong("not_a_date", value=text)


def _role(text: str) -> Role:
    if _folded(text) not in _ROLE_OF:
        raise Wrong("not_a_role", value=text, choices=tuple(Role))
    return Role(_ROLE_OF[_folded(text)])


def _language(text: str) -> Language:
    if _folded(text) not in _LANGUAGE_OF:
        raise Wrong("not_a_language", value=text)
    return Language(_LANGUAGE_OF[_folded(text)])


_READERS: dict[Column, Callable[[str], Any]] = {
    Column.KEY: fields.key(64),
    Column.GIVEN_NAME: fields.text(100),
    Column.FAMILY_NAME: fields.text(100),
    Column.SALUTATION: fields.text(40),
    Column.MAIL: fields.mail,
    Column.LANGUAGE: _language,
    Column.ROLE: _role,
    Column.BEGINS_ON: _day,
    Column.ENDS_ON: _day,
}
