"""What a people file says, and its import: told line by line, page by page, and then carried out just as it was told.

Loaded with the first list that comes; `bot.actions.people.people_files` keeps the files until then.
"""

from collections.abc import Mapping
from datetime import date, datetime

from bot.actions import carrying
from bot.actions.people import importing, people_files
from bot.actions.people.importing import PeopleReport, RowReport, RowState
from bot.actions.people.merging import Difference
from bot.actions.people.people_files import CONFIRM, Waiting
from bot.rules import merge, paging
from bot.rules.facts import NOTHING, Facts, PersonName, Plain, Text
from bot.rules.peoplefile import PeopleFile
from storage.db import transaction
from storage.models import Dialogue, Person
from storage.vocabulary import Network

_ORDER = (RowState.MISTAKEN, RowState.NEW, RowState.CHANGED, RowState.UNCHANGED)


async def fetched(file: Waiting, content: PeopleFile, *, zone: str, now: datetime) -> None:
    """Tell what the import would do, line by line; nothing is written yet."""
    async with transaction():
        entry = await people_files.expected(file)
        if entry is None:
            return
        report = await importing.import_people(content, by=entry.person, zone=zone, now=now, dry_run=True)
        facts = await _report_facts(report, content, by=entry.person, now=now)
        if entry.network is Network.TELEGRAM and facts["level"] <= NOTHING:
            await Dialogue.filter(id=entry.id).delete()
            await people_files.tell(entry, carrying.NotOverTelegram().template, {}, now)
            return
        data = {"file": content.to_json(), "seen": _digest(report)}
        await Dialogue.filter(id=entry.id).update(step=CONFIRM, data=data)
        await people_files.tell(entry, "people/file", facts, now)


async def shown(*, by: Person, network: Network, chat_id: int, page: int, zone: str, now: datetime) -> Facts:
    """A page of what the import would do now. Raises AdministratorsOnly, Outdated."""
    file = PeopleFile.from_json((await people_files.opened(by, network, chat_id, now)).data["file"])  # type: ignore[arg-type]  # as kept
    report = await importing.import_people(file, by=by, zone=zone, now=now, dry_run=True)
    return await _report_facts(report, file, by=by, now=now, page=page)


async def confirm(*, by: Person, network: Network, chat_id: int, zone: str, now: datetime) -> Facts:
    """Import what was shown; when the town has changed so that it would be something else, that is to be shown first.

    `done` says which. Raises AdministratorsOnly, Outdated.
    """
    async with transaction():
        entry = await people_files.opened(by, network, chat_id, now)
        file = PeopleFile.from_json(entry.data["file"])  # type: ignore[arg-type]  # as kept
        report = await importing.import_people(file, by=by, zone=zone, now=now, dry_run=True)
        done = _digest(report) == entry.data["seen"] and not report.count(RowState.MISTAKEN)
        if done:
            await importing.import_people(file, by=by, zone=zone, now=now)
            await Dialogue.filter(id=entry.id).delete()
        else:
            await Dialogue.filter(id=entry.id).update(data={**entry.data, "seen": _digest(report)})
    return {**await _report_facts(report, file, by=by, now=now), "again": not done, "done": done}


def _digest(report: PeopleReport) -> str:
    return merge.digest([str(row) for row in report.rows])


# --- facts ------------------------------------------------------------------------------------------------------------


async def _report_facts(report: PeopleReport, file: PeopleFile, *, by: Person, now: datetime, page: int = 0) -> Facts:
    """The report as facts, a page of it: what is wrong first, what stays as it is last."""
    ordered = sorted(report.rows, key=lambda row: (_ORDER.index(row.state), not row.kept, row.line))
    shown = paging.page(len(ordered), page)
    return {
        "level": people_files.in_full_or_not(min(report.level, await carrying.level(by, now))),
        "file": Text(file.name),
        "counts": {state.value: report.count(state) for state in RowState},
        "rows": [_row(ordered[place], report) for place in shown.places],
        "page": shown.number,
        "pages": shown.of,
        "unknown": [Text(heading) for heading in report.unknown],
        "idle": list(report.idle),
        "again": False,
    }


def _row(row: RowReport, report: PeopleReport) -> Facts:
    return {
        "line": row.line,
        "state": Plain(row.state.value),
        "name": PersonName(row.name),
        "differences": [
            _difference(difference, report.names)
            for difference in row.differences
            if difference.what != "person" or difference.field is not None
        ],
        "kept": [_difference(difference, report.names) for difference in row.kept],
        "mistakes": [people_files.mistake_facts(mistake) for mistake in row.mistakes],
    }


def _difference(difference: Difference, names: Mapping[tuple[str, str], str]) -> Facts:
    """What of somebody, or of their seat in `body`, was and would be; a seat without a `field` is new."""
    return {
        "body": Plain(difference.name.rpartition(": ")[0]) if difference.what == "seat" else None,
        "field": Plain(difference.field) if difference.field else None,
        "old": _value(difference.field, difference.old, names),
        "new": _value(difference.field, difference.new, names),
    }


def _value(name: str | None, value: object, names: Mapping[tuple[str, str], str]) -> object:
    if value is None or isinstance(value, date):
        return value
    if name in ("role", "language"):
        return Plain(value)
    if name == "organisation":
        return Plain(names["organisation", str(value)])
    return PersonName(names["person", str(value)]) if name == "deputy" else Text(value)
