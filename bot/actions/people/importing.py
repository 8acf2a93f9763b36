"""People and bodies: import a town, or a list of people. Both are merged in one way with what was edited by hand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.actions import audit
from bot.actions.people import merging
from bot.actions.people.merging import Advance, Difference, Plan, Row, Source, Town
from bot.rules import peoplefile
from bot.rules.facts import FULL, TITLES
from bot.rules.mistakes import Mistake
from bot.rules.peoplefile import Column, PeopleFile, Understood
from bot.rules.townfile import TownFile
from storage.db import transaction
from storage.models import Person


def _unheard(_done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


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
        current = await merging.as_it_is(Source.TOWN)
        plan = merging.plan_of(town, current, today, prune=prune)
        merging.check_mails(town, plan, current)
        if not dry_run:
            await merging.apply(plan, current, today, advance)
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
        current = await merging.as_it_is(Source.PEOPLE)
        understood = peoplefile.understand(file, _as_known(current))
        plan = _plan_people(understood, current, today)
        mistakes = [*understood.mistakes, *_wrong_days(plan, file, today)]
        if not mistakes and not dry_run:
            await merging.apply(plan, current, today, advance)
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


# --- the list of people -----------------------------------------------------------------------------------------------


def _as_known(current: Town) -> peoplefile.Town:
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


def _plan_people(understood: Understood, current: Town, today: date) -> Plan:
    plan = Plan()
    for person in understood.people:
        row = current.rows["person"].get(person.key)
        merging.compare(
            plan, current, what="person", name=person.key, said=merging.as_said(person), row=row, line=person.line
        )
    held = merging.seats_held(current, today)
    for seat in understood.seats:
        rows, name = held[seat.body, seat.person], merging.seat_name(seat.body, seat.person)
        row = _meant(seat, rows, today)
        if row is not None:
            rows.remove(row)
            ended = row.values["ends_on"]
            if merging.is_over(row, today) and seat.ends_on is None:
                plan.kept.append(Difference(what="seat", name=name, field="ends_on", old=ended, line=seat.line))
        merging.compare(plan, current, what="seat", name=name, said=merging.as_said(seat), row=row, line=seat.line)
    return plan


def _meant(seat: peoplefile.Seat, rows: Iterable[Row], today: date) -> Row | None:
    """The seat that a line tells of: of the same beginning, or else the first; one that is over only before its end."""
    begins_on = seat.begins_on or date.min
    fitting = [row for row in rows if not merging.is_over(row, today) or begins_on <= row.values["ends_on"]]
    same = (row for row in fitting if row.values["begins_on"] == begins_on)
    return next(same, None) or next(iter(fitting), None)


def _wrong_days(plan: Plan, file: PeopleFile, today: date) -> list[Mistake]:
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


def _rows(understood: Understood, plan: Plan, mistakes: Iterable[Mistake]) -> list[RowReport]:
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


def _names(current: Town, understood: Understood) -> dict[tuple[str, str], str]:
    organisations = {("organisation", key): row.values["name"] for key, row in current.rows["organisation"].items()}
    known = {
        ("person", key): f"{row.values['given_name']} {row.values['family_name']}"
        for key, row in current.rows["person"].items()
    }
    new = {("person", person.key): f"{person.given_name} {person.family_name}" for person in understood.people}
    return organisations | new | known


def _level(current: Town, understood: Understood) -> int:
    """The strictest of the bodies, organisations and people that are named; who names no body has the default."""
    named = {
        *(("body", seat.body) for seat in understood.seats),
        *(("organisation", seat.organisation) for seat in understood.seats),
        *(("person", person.key) for person in understood.people),
    }
    rows = [current.rows[what][name] for what, name in named if name in current.rows[what]]
    bound = [level for row in rows if (level := row.values["level"]) is not None]
    return min(bound, default=FULL) if understood.seats else min([TITLES, *bound])
