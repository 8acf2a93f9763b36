"""What a file says of the town, held against the town as it is, and written: the town's file and a list of people alike.

What was edited by hand since the last import is left alone (`bot.rules.merge` says how that is known).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from tortoise.expressions import F
from tortoise.models import Model

from bot.actions import feeds, looks
from bot.actions.people import leaving
from bot.rules import merge, peoplefile, procedure, townfile
from bot.rules.mistakes import FileErrors, Mistake
from bot.rules.townfile import TownFile
from storage.models import Area, Body, BodyArea, Membership, Organisation, Person, Remembered
from storage.vocabulary import Role

Values = dict[str, Any]
Entry = townfile.Organisation | townfile.Area | townfile.Body | townfile.Person | townfile.Seat | peoplefile.Seat
Advance = Callable[[int, int], None]


class Source(StrEnum):
    """The kinds of files; under the value is remembered what they said.

    A town file is the whole: what it says no longer is gone. A people file adds and updates. What both say belongs to the
    one that said it last.
    """

    TOWN = "town_file"
    PEOPLE = "people_file"

    @property
    def other(self) -> "Source":
        """The other kind."""
        return Source.PEOPLE if self is Source.TOWN else Source.TOWN


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
class Row:
    """A row as a file would say it."""

    id: int
    values: Values


@dataclass(frozen=True, kw_only=True)
class _Step:
    """Something that the file tells of: its row, if there is one, and what has to be written."""

    what: str
    name: str
    said: Values
    row: Row | None
    write: Values
    line: int | None = None


Marks = dict[str, dict[str, str]]


@dataclass
class Town:
    """The town as the database has it, and what was imported of it before: by such a file, and by the other kind."""

    source: Source
    rows: dict[str, dict[str, Row]]
    ids: dict[tuple[str, str], int]
    imported: Marks
    elsewhere: Marks

    def marks(self, mark: str) -> merge.Imported:
        """What any file said of a thing."""
        return {**self.elsewhere.get(mark, {}), **self.imported.get(mark, {})}


@dataclass
class Plan:
    """What has to be written, and how it will be reported."""

    steps: list[_Step] = field(default_factory=list)
    ending: list[Row] = field(default_factory=list)
    added: list[Difference] = field(default_factory=list)
    changed: list[Difference] = field(default_factory=list)
    ended: list[Difference] = field(default_factory=list)
    kept: list[Difference] = field(default_factory=list)
    missing: list[Difference] = field(default_factory=list)


# --- the town as it is ------------------------------------------------------------------------------------------------


async def as_it_is(source: Source) -> Town:
    """The town as the database has it, for the import of such a file."""
    names: dict[tuple[str, int], str] = {}
    rows: dict[str, dict[str, Row]] = {}
    found = {what: await table.model.all().order_by("id") for what, table in _TABLES.items()}
    for what, models in found.items():
        for model in models:
            names[what, model.pk] = _name(what, model)
    for what, models in found.items():
        rows[what] = {
            names[what, model.pk]: Row(id=model.pk, values=_values(model, _TABLES[what], names)) for model in models
        }
    areas: dict[int, list[str]] = defaultdict(list)
    for body, area in await BodyArea.all().values_list("body_id", "area_id"):
        areas[body].append(names["area", area])
    for row in rows["body"].values():
        row.values["areas"] = sorted(areas[row.id])
    kept = await Remembered.filter(key__in=list(Source))
    remembered: dict[str, Any] = {row.key: row.value for row in kept}
    return Town(
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


def as_said(entry: Entry) -> Values:
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


def plan_of(town: TownFile, current: Town, today: date, *, prune: bool) -> Plan:
    """What the town's file changes. `prune` ends the seats that it has no longer."""
    plan = Plan()
    named: Iterable[tuple[str, str, Entry]] = (
        *(("organisation", entry.key, entry) for entry in town.organisations),
        *(("area", entry.key, entry) for entry in town.areas),
        *(("body", entry.code, entry) for entry in town.bodies),
        *(("person", entry.key, entry) for entry in town.people),
    )
    for what, name, entry in named:
        compare(plan, current, what=what, name=name, said=as_said(entry), row=current.rows[what].get(name))
    _plan_seats(plan, town, current, today, prune=prune)
    return plan


def compare(
    plan: Plan, current: Town, *, what: str, name: str, said: Values, row: Row | None, line: int | None = None
) -> None:
    """Add to the plan what a thing that the file tells of changes; `said` is what the file says of it, `row` what there is."""
    if row is None:
        plan.added.append(Difference(what=what, name=name, line=line))
        plan.steps.append(_Step(what=what, name=name, said=said, row=None, write=said, line=line))
        return
    table, mark = _TABLES[what], _mark(what, name, row.id)
    clearable = table.clearable & current.imported.get(mark, {}).keys() if current.source is Source.TOWN else ()
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


def _plan_seats(plan: Plan, town: TownFile, current: Town, today: date, *, prune: bool) -> None:
    held = seats_held(current, today)
    wanted: dict[tuple[str, str | None], list[Values]] = defaultdict(list)
    for body in town.bodies:
        for seat in body.seats:
            wanted[body.code, seat.person].append({"body": body.code} | as_said(seat))
    for place, seats in wanted.items():
        for said, row in _paired(seats, held[place]):
            compare(plan, current, what="seat", name=seat_name(*place), said=said, row=row)
    for place, rows in held.items():
        for left in rows:
            if not is_over(left, today):
                _leave_or_end(plan, seat_name(*place), left, current, today, prune=prune)


def seats_held(current: Town, today: date) -> dict[tuple[str, str | None], list[Row]]:
    """The seats by body and person; those that are over come last."""
    held: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for seat in sorted(current.rows["seat"].values(), key=lambda row: (is_over(row, today), row.values["begins_on"])):
        held[seat.values["body"], seat.values["person"]].append(seat)
    return held


def is_over(seat: Row, today: date) -> bool:
    """Whether the seat has ended."""
    return seat.values["ends_on"] is not None and seat.values["ends_on"] < today


def seat_name(body: str, person: str | None) -> str:
    """What a seat is called in reports."""
    return f"{body}: {person or 'N. N.'}"


def _paired(seats: list[Values], rows: list[Row]) -> list[tuple[Values, Row | None]]:
    """Each seat of somebody in a body with its row, taken out of `rows`: of the same beginning, or else the first left."""

    def same(said: Values) -> Row | None:
        return next((row for row in rows if row.values["begins_on"] == said.get("begins_on")), None)

    pairs = []
    for said in sorted(seats, key=lambda said: same(said) is None):
        row = same(said) or next(iter(rows), None)
        if row is not None:
            rows.remove(row)
        pairs.append((said, row))
    return pairs


def _leave_or_end(plan: Plan, name: str, row: Row, current: Town, today: date, *, prune: bool) -> None:
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


def check_mails(town: TownFile, plan: Plan, current: Town) -> None:
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


# --- writing ----------------------------------------------------------------------------------------------------------


async def apply(plan: Plan, current: Town, today: date, advance: Advance) -> None:
    """Write it, and remember what the file said. Inside a transaction."""
    imported = {mark: dict(marks) for mark, marks in current.imported.items()}
    elsewhere = {mark: dict(marks) for mark, marks in current.elsewhere.items()}
    for done, step in enumerate(plan.steps):
        advance(done, len(plan.steps))
        mark = _mark(step.what, step.name, await _write(step, current.ids, today))
        before = {} if current.source is Source.TOWN else imported.get(mark, {})
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


async def _bring_back(plan: Plan, ids: Mapping[tuple[str, str], int]) -> None:
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
