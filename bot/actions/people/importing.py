"""People and bodies: import a town, or a list of people. Both are merged in one way with what was edited by hand."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.expressions import F
from tortoise.models import Model

from bot.actions import audit, feeds, looks
from bot.actions.people import leaving
from bot.rules import merge, peoplefile, procedure, townfile
from bot.rules.facts import FULL, TITLES
from bot.rules.mistakes import FileErrors, Mistake
from bot.rules.peoplefile import Column, PeopleFile, Understood
from bot.rules.townfile import TownFile
from storage.db import transaction
from storage.models import Area, Body, BodyArea, Membership, Organisation, Person, Remembered
from storage.vocabulary import Role

Values = dict[str, Any]
Entry = townfile.Organisation | townfile.Area | townfile.Body | townfile.Person | townfile.Seat | peoplefile.Seat
Advance = Callable[[int, int], None]


def _unheard(_done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


class _Source(StrEnum):
    """The kinds of files; under the value is remembered what they said.

    A town file is the whole: what it says no longer is gone. A people file adds and updates. What both say belongs to the
    one that said it last.
    """

    TOWN = "town_file"
    PEOPLE = "people_file"

    @property
    def other(self) -> "_Source":
        """The other kind."""
        return _Source.PEOPLE if self is _Source.TOWN else _Source.TOWN


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line of an import's report: a thing, and what of it was and would be or is; `line` is a people file's."""

    what: str
    name: str
    field: str | None = None
    old: object = None
    new: object = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did or, in a dry run, would do.

    `kept` was edited by hand since the last import and stays as it is. `missing` are seats that came from a file and are in
    it no longer: only `prune` ends them.
    """

    added: Sequence[Difference]
    changed: Sequence[Difference]
    ended: Sequence[Difference]
    kept: Sequence[Difference]
    missing: Sequence[Difference]

    @property
    def changes_nothing(self) -> bool:
        """Whether all was already as the file says."""
        return not (self.added or self.changed or self.ended)


class RowState(StrEnum):
    """What becomes of a line of a people file: `new` is somebody whom Faden did not know."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISTAKEN = "mistaken"


@dataclass(frozen=True, kw_only=True)
class RowReport:
    """One line of a people file: whom it is about, what it changes, and what of it stands against an edit; or what is wrong."""

    line: int
    name: str
    state: RowState
    differences: Sequence[Difference]
    kept: Sequence[Difference]
    mistakes: Sequence[Mistake]


@dataclass(frozen=True, kw_only=True)
class PeopleReport:
    """What the import of a people file did or, with a mistake anywhere or in a dry run, would do.

    `idle` are lines with an organisation but no body, `names` those of organisations and people by kind and key, and `level`
    is the strictest of what the lines name.
    """

    rows: Sequence[RowReport]
    unknown: Sequence[str]
    idle: Sequence[int]
    names: Mapping[tuple[str, str], str]
    level: int

    def count(self, state: RowState) -> int:
        """How many lines are in that state."""
        return sum(row.state is state for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """How a table is compared: relations by the names of what they point to; `clearable` may be emptied again."""

    model: type[Model]
    columns: tuple[str, ...]
    relations: Mapping[str, str] = field(default_factory=dict)
    clearable: frozenset[str] = frozenset()

    @property
    def defaults(self) -> Values:
        """What a column has that nobody has set."""
        rows = ((column, self.model._meta.fields_map[column]) for column in self.columns)  # noqa: SLF001  # Tortoise's own name
        return {"rules": {}, "areas": []} | {column: row.db_default for column, row in rows if row.has_db_default()}


_TABLES = {
    "organisation": _Table(model=Organisation, columns=("name", "kind", "level"), clearable=frozenset({"level"})),
    "area": _Table(model=Area, columns=("name",), relations={"lead": "organisation"}, clearable=frozenset({"lead"})),
    "body": _Table(
        model=Body,
        columns=("name", "kind", "level", "informal", "mail", "place", "join_link", "rules"),
        relations={"parent": "body"},
        clearable=frozenset({"parent", "mail", "place", "join_link"}),
    ),
    "person": _Table(
        model=Person,
        columns=(
            "given_name",
            "family_name",
            "salutation",
            "mail",
            "language",
            "zone",
            "quiet_from",
            "quiet_until",
            "level",
            "administrator",
        ),
        clearable=frozenset({"salutation", "mail", "level"}),
    ),
    "seat": _Table(
        model=Membership,
        columns=("role", "begins_on", "ends_on"),
        relations={"body": "body", "person": "person", "organisation": "organisation", "deputy": "person"},
    ),
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row as a file would say it."""

    id: int
    values: Values


@dataclass(frozen=True, kw_only=True)
class _Step:
    """Something that the file tells of: its row, if there is one, and what has to be written."""

    what: str
    name: str
    said: Values
    row: _Row | None
    write: Values
    line: int | None = None


Marks = dict[str, dict[str, str]]


@dataclass
class _Town:
    """The town as the database has it, and what was imported of it before: by such a file, and by the other kind."""

    source: _Source
    rows: dict[str, dict[str, _Row]]
    ids: dict[tuple[str, str], int]
    imported: Marks
    elsewhere: Marks

    def marks(self, mark: str) -> merge.Imported:
        """What any file said of a thing."""
        return {**self.elsewhere.get(mark, {}), **self.imported.get(mark, {})}


@dataclass
class _Plan:
    """What has to be written, and how it will be reported."""

    steps: list[_Step] = field(default_factory=list)
    ending: list[_Row] = field(default_factory=list)
    added: list[Difference] = field(default_factory=list)
    changed: list[Difference] = field(default_factory=list)
    ended: list[Difference] = field(default_factory=list)
    kept: list[Difference] = field(default_factory=list)
    missing: list[Difference] = field(default_factory=list)


async def import_town(
    town: TownFile,
    *,
    zone: str,
    now: datetime,
    prune: bool = False,
    dry_run: bool = False,
    advance: Advance = _unheard,
) -> ImportReport:
    """Add and update what the file tells of; all of it or nothing. A second time it changes nothing.

    What was edited by hand since the last import is reported and left alone. `prune` ends the seats that the file has no
    longer, from today on in `zone`. Seats without a beginning begin today. `advance` is told how many entries are done, of how many.

    Raises FileErrors when a mail address belongs to somebody whom the file does not give it to.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    async with transaction():
        current = await _current(_Source.TOWN)
        plan = _plan(town, current, today, prune=prune)
        _check_mails(town, plan, current)
        if not dry_run:
            await _apply(plan, current, today, advance)
        if not dry_run and (plan.added or plan.changed or plan.ended):
            await audit.record(
                None,
                "town.imported",
                "town",
                now=now,
                added=len(plan.added),
                changed=len(plan.changed),
                ended=len(plan.ended),
            )
    return ImportReport(added=plan.added, changed=plan.changed, ended=plan.ended, kept=plan.kept, missing=plan.missing)


async def import_people(
    file: PeopleFile,
    *,
    by: Person | None,
    zone: str,
    now: datetime,
    dry_run: bool = False,
    advance: Advance = _unheard,
) -> PeopleReport:
    """Add and update the people of a list and their seats; with a mistake in any line nothing is written.

    A second time it changes nothing. What was edited by hand is reported and left alone, and no seat ends.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    async with transaction():
        current = await _current(_Source.PEOPLE)
        understood = peoplefile.understand(file, _as_known(current))
        plan = _plan_people(understood, current, today)
        mistakes = [*understood.mistakes, *_wrong_days(plan, file, today)]
        if not mistakes and not dry_run:
            await _apply(plan, current, today, advance)
        if not mistakes and not dry_run and (plan.added or plan.changed):
            added, changed = len(plan.added), len(plan.changed)
            await audit.record(by, "people.imported", "town", now=now, added=added, changed=changed)
    return PeopleReport(
        rows=_rows(understood, plan, mistakes),
        unknown=file.unknown,
        idle=understood.idle,
        names=_names(current, understood),
        level=_level(current, understood),
    )


# --- the town as it is ------------------------------------------------------------------------------------------------


async def _current(source: _Source) -> _Town:
    names: dict[tuple[str, int], str] = {}
    rows: dict[str, dict[str, _Row]] = {}
    found = {what: await table.model.all().order_by("id") for what, table in _TABLES.items()}
    for what, models in found.items():
        for model in models:
            names[what, model.pk] = _name(what, model)
    for what, models in found.items():
        rows[what] = {
            names[what, model.pk]: _Row(id=model.pk, values=_values(model, _TABLES[what], names)) for model in models
        }
    areas: dict[int, list[str]] = defaultdict(list)
    for body, area in await BodyArea.all().values_list("body_id", "area_id"):
        areas[body].append(names["area", area])
    for row in rows["body"].values():
        row.values["areas"] = sorted(areas[row.id])
    kept = await Remembered.filter(key__in=list(_Source))
    remembered: dict[str, Any] = {row.key: row.value for row in kept}
    return _Town(
        source=source,
        rows=rows,
        ids={(what, name): pk for (what, pk), name in names.items()},
        imported=remembered.get(source, {}),
        elsewhere=remembered.get(source.other, {}),
    )


def _name(what: str, model: Any) -> str:  # noqa: ANN401  # of any table
    """How the file calls it; a seat has no name and goes by its id."""
    return str(model.pk if what == "seat" else model.code if what == "body" else model.key)


def _values(model: Model, table: _Table, names: Mapping[tuple[str, int], str]) -> Values:
    values = {column: getattr(model, column) for column in table.columns}
    for relation, what in table.relations.items():
        target = getattr(model, f"{relation}_id")
        values[relation] = None if target is None else names[what, target]
    return values


# --- the town as the file has it --------------------------------------------------------------------------------------


def _said(entry: Entry) -> Values:
    """What the file says of it, by column. Of a seat a town file says everything but perhaps the beginning."""
    values = {row.name: getattr(entry, row.name) for row in fields(entry)}
    for name in ("key", "code", "seats", "line", "quiet"):
        values.pop(name, None)
    if isinstance(entry, townfile.Body):
        values["rules"] = procedure.to_json(entry.rules) if entry.rules is not None else None
        values["areas"] = sorted(entry.areas) if entry.areas is not None else None
    if isinstance(entry, townfile.Person) and entry.quiet is not None:
        values["quiet_from"], values["quiet_until"] = (at.hour * 60 + at.minute for at in entry.quiet)
    always = ("organisation", "deputy", "ends_on") if isinstance(entry, townfile.Seat) else ()
    return {name: value for name, value in values.items() if value is not None or name in always}


def _plan(town: TownFile, current: _Town, today: date, *, prune: bool) -> _Plan:
    plan = _Plan()
    named: Iterable[tuple[str, str, Entry]] = (
        *(("organisation", entry.key, entry) for entry in town.organisations),
        *(("area", entry.key, entry) for entry in town.areas),
        *(("body", entry.code, entry) for entry in town.bodies),
        *(("person", entry.key, entry) for entry in town.people),
    )
    for what, name, entry in named:
        _compare(plan, current, what=what, name=name, said=_said(entry), row=current.rows[what].get(name))
    _plan_seats(plan, town, current, today, prune=prune)
    return plan


def _compare(
    plan: _Plan, current: _Town, *, what: str, name: str, said: Values, row: _Row | None, line: int | None = None
) -> None:
    if row is None:
        plan.added.append(Difference(what=what, name=name, line=line))
        plan.steps.append(_Step(what=what, name=name, said=said, row=None, write=said, line=line))
        return
    table, mark = _TABLES[what], _mark(what, name, row.id)
    clearable = table.clearable & current.imported.get(mark, {}).keys() if current.source is _Source.TOWN else ()
    merged = merge.merge(said, row.values, current.marks(mark), defaults=table.defaults, clearable=clearable)
    for report, values in ((plan.changed, merged.changes), (plan.kept, merged.kept)):
        report += [
            Difference(what=what, name=name, field=column, old=row.values[column], new=value, line=line)
            for column, value in values.items()
        ]
    plan.steps.append(_Step(what=what, name=name, said=said, row=row, write=merged.changes, line=line))


def _mark(what: str, name: str, id_: int) -> str:
    """Under which name it is remembered."""
    return f"{what}:{id_ if what == 'seat' else name}"


def _plan_seats(plan: _Plan, town: TownFile, current: _Town, today: date, *, prune: bool) -> None:
    held = _held(current, today)
    wanted: dict[tuple[str, str | None], list[Values]] = defaultdict(list)
    for body in town.bodies:
        for seat in body.seats:
            wanted[body.code, seat.person].append({"body": body.code} | _said(seat))
    for place, seats in wanted.items():
        for said, row in _paired(seats, held[place]):
            _compare(plan, current, what="seat", name=_seat_name(*place), said=said, row=row)
    for place, rows in held.items():
        for left in rows:
            if not _is_over(left, today):
                _leave_or_end(plan, _seat_name(*place), left, current, today, prune=prune)


def _held(current: _Town, today: date) -> dict[tuple[str, str | None], list[_Row]]:
    """The seats by body and person; those that are over come last."""
    held: dict[tuple[str, str | None], list[_Row]] = defaultdict(list)
    for seat in sorted(current.rows["seat"].values(), key=lambda row: (_is_over(row, today), row.values["begins_on"])):
        held[seat.values["body"], seat.values["person"]].append(seat)
    return held


def _is_over(seat: _Row, today: date) -> bool:
    return seat.values["ends_on"] is not None and seat.values["ends_on"] < today


def _seat_name(body: str, person: str | None) -> str:
    return f"{body}: {person or 'N. N.'}"


def _paired(seats: list[Values], rows: list[_Row]) -> list[tuple[Values, _Row | None]]:
    """Each seat of somebody in a body with its row, taken out of `rows`: of the same beginning, or else the first left."""

    def same(said: Values) -> _Row | None:
        return next((row for row in rows if row.values["begins_on"] == said.get("begins_on")), None)

    pairs = []
    for said in sorted(seats, key=lambda said: same(said) is None):
        row = same(said) or next(iter(rows), None)
        if row is not None:
            rows.remove(row)
        pairs.append((said, row))
    return pairs


def _leave_or_end(plan: _Plan, name: str, row: _Row, current: _Town, today: date, *, prune: bool) -> None:
    """A seat that the town file does not have: it ends only when it came from one and nobody has touched it since.

    One that came from a people file is not the town file's business.
    """
    yesterday = today - timedelta(days=1)
    difference = Difference(what="seat", name=name, field="ends_on", old=row.values["ends_on"], new=yesterday)
    mark, imported = f"seat:{row.id}", current.imported
    if mark in current.elsewhere and mark not in imported:
        return
    if mark not in imported or not merge.untouched(row.values, current.marks(mark)):
        plan.kept.append(difference)
    elif prune:
        plan.ended.append(difference)
        plan.ending.append(row)
    else:
        plan.missing.append(difference)


def _check_mails(town: TownFile, plan: _Plan, current: _Town) -> None:
    """Two people cannot have one address, and two cannot trade theirs in one import."""
    owners = {row.values["mail"]: name for name, row in current.rows["person"].items()}
    lines = {person.key: person.line for person in town.people}
    mistakes = [
        Mistake(town.name, lines[step.name], "person.mail", "mail_taken", {"value": mail, "person": owners[mail]})
        for step in plan.steps
        if step.what == "person" and (mail := step.write.get("mail")) and owners.get(mail, step.name) != step.name
    ]
    if mistakes:
        raise FileErrors(tuple(mistakes))


# --- the list of people -----------------------------------------------------------------------------------------------


def _as_known(current: _Town) -> peoplefile.Town:
    """What the lines can refer to."""
    names = {
        what: {name: row.values["name"] for name, row in current.rows[what].items()}
        for what in ("body", "organisation")
    }
    people = (
        peoplefile.Somebody(
            key=key,
            given_name=row.values["given_name"],
            family_name=row.values["family_name"],
            mail=row.values["mail"],
            imported=current.marks(f"person:{key}"),
        )
        for key, row in current.rows["person"].items()
    )
    return peoplefile.Town(people=people, bodies=names["body"], organisations=names["organisation"])


def _plan_people(understood: Understood, current: _Town, today: date) -> _Plan:
    plan = _Plan()
    for person in understood.people:
        row = current.rows["person"].get(person.key)
        _compare(plan, current, what="person", name=person.key, said=_said(person), row=row, line=person.line)
    held = _held(current, today)
    for seat in understood.seats:
        rows, name = held[seat.body, seat.person], _seat_name(seat.body, seat.person)
        row = _meant(seat, rows, today)
        if row is not None:
            rows.remove(row)
            ended = row.values["ends_on"]
            if _is_over(row, today) and seat.ends_on is None:
                plan.kept.append(Difference(what="seat", name=name, field="ends_on", old=ended, line=seat.line))
        _compare(plan, current, what="seat", name=name, said=_said(seat), row=row, line=seat.line)
    return plan


def _meant(seat: peoplefile.Seat, rows: Iterable[_Row], today: date) -> _Row | None:
    """The seat that a line tells of: of the same beginning, or else the first; one that is over only before its end."""
    begins_on = seat.begins_on or date.min
    fitting = [row for row in rows if not _is_over(row, today) or begins_on <= row.values["ends_on"]]
    same = (row for row in fitting if row.values["begins_on"] == begins_on)
    return next(same, None) or next(iter(fitting), None)


def _wrong_days(plan: _Plan, file: PeopleFile, today: date) -> list[Mistake]:
    """A list neither ends a seat nor turns its days around."""
    mistakes = []
    for step in plan.steps:
        if step.what != "seat" or not step.write.keys() & {"begins_on", "ends_on"}:
            continue
        days = {"begins_on": today, **(step.row.values if step.row else {}), **step.write}
        begins_on, ends_on = days["begins_on"], days.get("ends_on") or date.max
        heading = file.headings.get(Column.ENDS_ON) or file.headings[Column.BEGINS_ON]
        if ends_on < today and "ends_on" in step.write:
            mistakes.append(Mistake(file.name, step.line or 0, heading, "end_is_past"))
        elif ends_on < begins_on:
            mistakes.append(Mistake(file.name, step.line or 0, heading, "ends_before_begin"))
    return mistakes


def _rows(understood: Understood, plan: _Plan, mistakes: Iterable[Mistake]) -> list[RowReport]:
    wrong: dict[int, list[Mistake]] = defaultdict(list)
    differing: dict[int | None, list[Difference]] = defaultdict(list)
    kept: dict[int | None, list[Difference]] = defaultdict(list)
    for mistake in mistakes:
        wrong[mistake.line].append(mistake)
    for difference in (*plan.added, *plan.changed):
        differing[difference.line].append(difference)
    for difference in plan.kept:
        kept[difference.line].append(difference)
    return [
        RowReport(
            line=line,
            name=name,
            state=_state(differing[line], wrong[line]),
            differences=differing[line] if not wrong[line] else [],
            kept=kept[line] if not wrong[line] else [],
            mistakes=wrong[line],
        )
        for line, name in understood.named.items()
    ]


def _state(differences: Sequence[Difference], mistakes: Sequence[Mistake]) -> RowState:
    if mistakes:
        return RowState.MISTAKEN
    if any(difference.what == "person" and difference.field is None for difference in differences):
        return RowState.NEW
    return RowState.CHANGED if differences else RowState.UNCHANGED


def _names(current: _Town, understood: Understood) -> dict[tuple[str, str], str]:
    organisations = {("organisation", key): row.values["name"] for key, row in current.rows["organisation"].items()}
    known = {
        ("person", key): f"{row.values['given_name']} {row.values['family_name']}"
        for key, row in current.rows["person"].items()
    }
    new = {("person", person.key): f"{person.given_name} {person.family_name}" for person in understood.people}
    return organisations | new | known


def _level(current: _Town, understood: Understood) -> int:
    """The strictest of the bodies, organisations and people that are named; who names no body has the default."""
    named = {
        *(("body", seat.body) for seat in understood.seats),
        *(("organisation", seat.organisation) for seat in understood.seats),
        *(("person", person.key) for person in understood.people),
    }
    rows = [current.rows[what][name] for what, name in named if name in current.rows[what]]
    bound = [level for row in rows if (level := row.values["level"]) is not None]
    return min(bound, default=FULL) if understood.seats else min([TITLES, *bound])


# --- writing ----------------------------------------------------------------------------------------------------------


async def _apply(plan: _Plan, current: _Town, today: date, advance: Advance) -> None:
    imported = {mark: dict(marks) for mark, marks in current.imported.items()}
    elsewhere = {mark: dict(marks) for mark, marks in current.elsewhere.items()}
    for done, step in enumerate(plan.steps):
        advance(done, len(plan.steps))
        mark = _mark(step.what, step.name, await _write(step, current.ids, today))
        before = {} if current.source is _Source.TOWN else imported.get(mark, {})
        imported[mark] = before | merge.marks(step.said)
        if mark in elsewhere:
            elsewhere[mark] = {name: digest for name, digest in elsewhere[mark].items() if name not in step.said}
    for step in plan.steps:
        if step.what == "body":
            await _relate(step, current.ids)
    gone = [row.id for row in plan.ending]
    if gone:
        yesterday = today - timedelta(days=1)
        await Membership.filter(id__in=gone).update(ends_on=yesterday)
        for seat in gone:
            imported[f"seat:{seat}"] |= merge.marks({"ends_on": yesterday})
        await feeds.forget([current.ids["person", row.values["person"]] for row in plan.ending if row.values["person"]])
    await _bring_back(plan, current.ids)
    if plan.added or plan.changed or gone:
        await feeds.touch_all()
        await looks.soon(leaving.SEATS_OVER, *looks.COMMITMENTS)
    if imported != current.imported:
        await Remembered.update_or_create(key=current.source.value, defaults={"value": imported})
    if elsewhere != current.elsewhere:
        await Remembered.update_or_create(key=current.source.other.value, defaults={"value": elsewhere})
    advance(len(plan.steps), len(plan.steps))


async def _bring_back(plan: _Plan, ids: Mapping[tuple[str, str], int]) -> None:
    """Who has a seat again is back."""
    seated = [step for step in plan.steps if step.what == "seat" and step.write and step.said.get("person")]
    back = [ids["person", step.said["person"]] for step in seated]
    if back:
        await Person.filter(id__in=back).exclude(left_at=None).update(left_at=None)


async def _write(step: _Step, ids: dict[tuple[str, str], int], today: date) -> int:
    """Write the row, but for what relates bodies to each other and to areas; gives its id and adds it to `ids`."""
    table = _TABLES[step.what]
    columns: Values = {}
    for name, value in step.write.items():
        if name in table.columns:
            columns[name] = value
        elif name in table.relations and name != "parent":
            columns[f"{name}_id"] = None if value is None else ids[table.relations[name], value]
    if step.row is not None:
        if step.write and step.what in ("body", "person"):
            columns["version"] = F("version") + 1
        if columns:
            await table.model.filter(pk=step.row.id).update(**columns)
        return step.row.id
    if step.what == "seat":
        columns = {"role": Role.MEMBER, "begins_on": today} | columns
    elif step.what == "body":
        columns["code"] = step.name
    else:
        columns["key"] = step.name
    made = await table.model.create(**columns)
    if step.what != "seat":
        ids[step.what, step.name] = made.pk
    return int(made.pk)


async def _relate(step: _Step, ids: Mapping[tuple[str, str], int]) -> None:
    """What a body can be given only when all are there."""
    body = ids["body", step.name]
    if "parent" in step.write:
        parent = step.write["parent"]
        await Body.filter(id=body).update(parent_id=None if parent is None else ids["body", parent])
    if "areas" in step.write:
        await BodyArea.filter(body_id=body).delete()
        await BodyArea.bulk_create([BodyArea(body_id=body, area_id=ids["area", area]) for area in step.write["areas"]])
