"""People and bodies: import a town."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.expressions import F
from tortoise.models import Model

from bot.actions import audit, feeds
from bot.rules import merge, procedure, townfile
from bot.rules.townfile import Mistake, TownFile, TownFileErrors
from storage.db import transaction
from storage.models import Area, Body, BodyArea, Membership, Organisation, Person, Remembered

_REMEMBERED = "town_file"

Values = dict[str, Any]
Entry = townfile.Organisation | townfile.Area | townfile.Body | townfile.Person | townfile.Seat


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line of an import's report: a thing, and what of it was and would be or is."""

    what: str
    name: str
    field: str | None = None
    old: object = None
    new: object = None


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


@dataclass
class _Town:
    """The town as the database has it, and what was imported of it before."""

    rows: dict[str, dict[str, _Row]]
    ids: dict[tuple[str, str], int]
    imported: dict[str, dict[str, str]]


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
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005  # the names say what it is told
) -> ImportReport:
    """Add and update what the file tells of; all of it or nothing. A second time it changes nothing.

    What was edited by hand since the last import is reported and left alone. `prune` ends the seats that the file has no
    longer, from today on in `zone`. Seats without a beginning begin today. `advance` is told how many entries are done, of how many.

    Raises TownFileErrors when a mail address belongs to somebody whom the file does not give it to.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    async with transaction():
        current = await _current()
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


# --- the town as it is ------------------------------------------------------------------------------------------------


async def _current() -> _Town:
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
    remembered = await Remembered.get_or_none(key=_REMEMBERED)
    return _Town(
        rows=rows,
        ids={(what, name): pk for (what, pk), name in names.items()},
        imported=remembered.value if remembered else {},  # type: ignore[arg-type]  # written below
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
    """What the file says of it, by column. Of a seat it says everything but perhaps the beginning."""
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
        _compare(
            plan,
            what=what,
            name=name,
            said=_said(entry),
            row=current.rows[what].get(name),
            imported=current.imported.get(f"{what}:{name}", {}),
        )
    _plan_seats(plan, town, current, today, prune=prune)
    return plan


def _compare(plan: _Plan, *, what: str, name: str, said: Values, row: _Row | None, imported: merge.Imported) -> None:
    if row is None:
        plan.added.append(Difference(what=what, name=name))
        plan.steps.append(_Step(what=what, name=name, said=said, row=None, write=said))
        return
    table = _TABLES[what]
    merged = merge.merge(said, row.values, imported, defaults=table.defaults, clearable=table.clearable)
    for report, values in ((plan.changed, merged.changes), (plan.kept, merged.kept)):
        report += [
            Difference(what=what, name=name, field=column, old=row.values[column], new=value)
            for column, value in values.items()
        ]
    plan.steps.append(_Step(what=what, name=name, said=said, row=row, write=merged.changes))


def _plan_seats(plan: _Plan, town: TownFile, current: _Town, today: date, *, prune: bool) -> None:
    held: dict[tuple[str, str | None], list[_Row]] = defaultdict(list)
    for held_seat in sorted(
        current.rows["seat"].values(), key=lambda row: (_is_over(row, today), row.values["begins_on"])
    ):
        held[held_seat.values["body"], held_seat.values["person"]].append(held_seat)
    wanted: dict[tuple[str, str | None], list[Values]] = defaultdict(list)
    for body in town.bodies:
        for seat in body.seats:
            wanted[body.code, seat.person].append({"body": body.code} | _said(seat))
    for place, seats in wanted.items():
        for said, row in _paired(seats, held[place]):
            imported = current.imported.get(f"seat:{row.id}", {}) if row is not None else {}
            _compare(plan, what="seat", name=_seat_name(*place), said=said, row=row, imported=imported)
    for place, rows in held.items():
        for left in rows:
            if not _is_over(left, today):
                _leave_or_end(plan, _seat_name(*place), left, current.imported, today, prune=prune)


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


def _leave_or_end(
    plan: _Plan, name: str, row: _Row, imported: Mapping[str, merge.Imported], today: date, *, prune: bool
) -> None:
    """A seat that the file does not have: it ends only when it came from a file and nobody has touched it since."""
    yesterday = today - timedelta(days=1)
    difference = Difference(what="seat", name=name, field="ends_on", old=row.values["ends_on"], new=yesterday)
    mark = f"seat:{row.id}"
    if mark not in imported or not merge.untouched(row.values, imported[mark]):
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
        raise TownFileErrors(tuple(mistakes))


# --- writing ----------------------------------------------------------------------------------------------------------


async def _apply(plan: _Plan, current: _Town, today: date, advance: Callable[[int, int], None]) -> None:
    imported = {mark: dict(fields) for mark, fields in current.imported.items()}
    for done, step in enumerate(plan.steps):
        advance(done, len(plan.steps))
        id_ = await _write(step, current.ids, today)
        imported[f"{step.what}:{id_ if step.what == 'seat' else step.name}"] = merge.marks(step.said)
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
    back = [
        current.ids["person", step.said["person"]]
        for step in plan.steps
        if step.what == "seat" and step.write and step.said.get("person")
    ]
    if back:  # who has a seat again is back
        await Person.filter(id__in=back).exclude(left_at=None).update(left_at=None)
    if plan.added or plan.changed:
        await feeds.touch_all()
    if imported != current.imported:
        await Remembered.update_or_create(key=_REMEMBERED, defaults={"value": imported})
    advance(len(plan.steps), len(plan.steps))


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
        columns.setdefault("begins_on", today)
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
