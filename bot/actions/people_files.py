"""A people file on its way through the chat: kept until it has been fetched, shown, and then imported as shown, or dropped.

It lies in the dialogue of whoever sent it, for a day at most. Fetching it is the door's (`bot.handlers.people.fetch`): nothing
here waits for a network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bot.actions import access, dialogues, notices, people
from bot.actions.notices import Draft
from bot.actions.people import Difference, PeopleReport, RowReport, RowState
from bot.rules import channels, merge, permissions
from bot.rules.dialogue import LIFETIME
from bot.rules.facts import FULL, NOTHING, NUDGE, PersonName, Plain, Text
from bot.rules.peoplefile import PeopleFile
from bot.rules.refusals import Outdated, Refusal
from bot.rules.spreadsheet import BYTES
from bot.rules.townfile import Mistake
from storage.db import transaction
from storage.models import Dialogue, Person
from storage.vocabulary import Lane, Network

Facts = dict[str, Any]

KIND = "people_file"
FETCH, CONFIRM = "fetch", "confirm"
ROWS_OF_A_PAGE = 12
_ORDER = (RowState.MISTAKEN, RowState.NEW, RowState.CHANGED, RowState.UNCHANGED)


class AdministratorsOnly(Refusal):
    """A list of people is taken from those who keep people and bodies."""


class ListTooLarge(Refusal):
    """More than `limit` MB."""


class NotOverTelegram(Refusal):
    """A privacy level keeps this person off Telegram: their files come in the web chat."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A file that is still to be fetched from the network that holds it."""

    dialogue: int
    network: Network
    file_id: str
    name: str
    since: datetime


async def take(
    *, by: Person, network: Network, chat_id: int, update_id: int, file_id: str, name: str, size: int, now: datetime
) -> None:
    """Note a list that somebody sent; it takes the place of one that was sent here before.

    Raises AdministratorsOnly, ListTooLarge, NotOverTelegram.
    """
    _check(by)
    if size > BYTES:
        raise ListTooLarge(limit=BYTES // 1_000_000)
    if network is Network.TELEGRAM and await _reach(by, now) <= NOTHING:
        raise NotOverTelegram
    data = {"file_id": file_id, "name": name[:200], "update": update_id}
    await dialogues.keep(person=by.id, network=network, chat_id=chat_id, kind=KIND, step=FETCH, data=data, now=now)


async def waiting(*, now: datetime) -> list[Waiting]:
    """What is to be fetched, in the order in which it came."""
    return [
        Waiting(
            dialogue=entry.id,
            network=entry.network,
            file_id=str(entry.data["file_id"]),
            name=str(entry.data["name"]),
            since=entry.expires_at - LIFETIME,
        )
        for entry in await Dialogue.filter(kind=KIND, step=FETCH, expires_at__gt=now).order_by("id")
    ]


async def fetched(file: Waiting, content: PeopleFile, *, zone: str, now: datetime) -> None:
    """Tell what the import would do, line by line; nothing is written yet."""
    async with transaction():
        entry = await _entry_of(file)
        if entry is None:
            return
        report = await people.import_people(content, by=entry.person, zone=zone, now=now, dry_run=True)
        data = {"file": content.to_json(), "seen": _digest(report)}
        await Dialogue.filter(id=entry.id).update(step=CONFIRM, data=data)
        facts = await _report_facts(report, content, by=entry.person, now=now)
        await _tell(entry, "people_file", facts, now)


async def not_fetched(file: Waiting, mistakes: Iterable[Mistake], *, now: datetime) -> None:
    """Tell why there is no list: it could not be fetched, or what is wrong with it."""
    async with transaction():
        entry = await _entry_of(file)
        if entry is None:
            return
        await Dialogue.filter(id=entry.id).delete()
        facts = {
            "level": _in_full_or_not(await _reach(entry.person, now)),
            "mistakes": [_mistake(mistake) for mistake in mistakes],
        }
        await _tell(entry, "people_file_unreadable", facts, now)


async def shown(*, by: Person, network: Network, chat_id: int, page: int, zone: str, now: datetime) -> Facts:
    """A page of what the import would do now. Raises AdministratorsOnly, Outdated."""
    file = PeopleFile.from_json((await _open(by, network, chat_id, now)).data["file"])  # type: ignore[arg-type]  # as kept
    report = await people.import_people(file, by=by, zone=zone, now=now, dry_run=True)
    return await _report_facts(report, file, by=by, now=now, page=page)


async def confirm(*, by: Person, network: Network, chat_id: int, zone: str, now: datetime) -> Facts:
    """Import what was shown; when the town has changed so that it would be something else, that is to be shown first.

    `done` says which. Raises AdministratorsOnly, Outdated.
    """
    async with transaction():
        entry = await _open(by, network, chat_id, now)
        file = PeopleFile.from_json(entry.data["file"])  # type: ignore[arg-type]  # as kept
        report = await people.import_people(file, by=by, zone=zone, now=now, dry_run=True)
        done = _digest(report) == entry.data["seen"] and not report.count(RowState.MISTAKEN)
        if done:
            await people.import_people(file, by=by, zone=zone, now=now)
            await Dialogue.filter(id=entry.id).delete()
        else:
            await Dialogue.filter(id=entry.id).update(data={**entry.data, "seen": _digest(report)})
    return {**await _report_facts(report, file, by=by, now=now), "again": not done, "done": done}


async def drop(*, by: Person, network: Network, chat_id: int, now: datetime) -> None:
    """Forget the list. Raises AdministratorsOnly, Outdated."""
    entry = await _open(by, network, chat_id, now)
    async with transaction():
        await Dialogue.filter(id=entry.id).delete()


def _check(by: Person) -> None:
    if not permissions.may_administer(administrator=by.administrator):
        raise AdministratorsOnly


async def _open(by: Person, network: Network, chat_id: int, now: datetime) -> Dialogue:
    """The list in this chat, or else in another one: what Telegram may not show is shown in the web chat."""
    _check(by)
    found = await Dialogue.filter(person_id=by.id, kind=KIND, step=CONFIRM, expires_at__gt=now).order_by("-id")
    here = [entry for entry in found if (entry.network, entry.chat_id) == (network, chat_id)]
    if not found:
        raise Outdated
    return (here or found)[0]


async def _entry_of(file: Waiting) -> Dialogue | None:
    """The dialogue, if it still waits for this file and its person still may."""
    entry = await Dialogue.get_or_none(id=file.dialogue, kind=KIND, step=FETCH).select_related("person")
    if entry is None or entry.data["file_id"] != file.file_id:
        return None
    return entry if permissions.may_administer(administrator=entry.person.administrator) else None


async def _tell(entry: Dialogue, template: str, facts: Facts, now: datetime) -> None:
    draft = Draft(
        key=f"{KIND}:{entry.network.value}:{entry.data['update']}",
        template=template,
        facts=facts,
        due_at=now,
        network=entry.network,
        chat_id=entry.chat_id,
        lane=Lane.ANSWER,
    )
    await notices.queue([draft], now=now)


async def _reach(by: Person, now: datetime) -> int:
    """How much Telegram may carry for the person."""
    held = await access.memberships(by, now)
    seats = [
        channels.Seat(
            body=seat.body_id,
            body_level=seat.body.level,
            organisation_level=seat.organisation.level if seat.organisation else None,
        )
        for seat in held
    ]
    return channels.person_level(by.level, seats, None)


def _in_full_or_not(level: int) -> int:
    """Names are all that a list is made of: where Telegram may not carry them, it carries none of it."""
    return FULL if level >= FULL else min(level, NUDGE)


def _digest(report: PeopleReport) -> str:
    return merge.digest([str(row) for row in report.rows])


# --- facts ------------------------------------------------------------------------------------------------------------


async def _report_facts(report: PeopleReport, file: PeopleFile, *, by: Person, now: datetime, page: int = 0) -> Facts:
    """The report as facts, a page of it: what is wrong first, what stays as it is last."""
    ordered = sorted(report.rows, key=lambda row: (_ORDER.index(row.state), not row.kept, row.line))
    pages = -(-len(ordered) // ROWS_OF_A_PAGE)
    page = min(page, pages - 1)
    return {
        "level": _in_full_or_not(min(report.level, await _reach(by, now))),
        "file": Text(file.name),
        "counts": {state.value: report.count(state) for state in RowState},
        "rows": [_row(row, report) for row in ordered[page * ROWS_OF_A_PAGE :][:ROWS_OF_A_PAGE]],
        "page": page,
        "pages": pages,
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
        "mistakes": [_mistake(mistake) for mistake in row.mistakes],
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


def _mistake(mistake: Mistake) -> Facts:
    """What is wrong, with all that the words may need."""
    facts = mistake.facts
    return {
        "code": Plain(mistake.code),
        "line": mistake.line,
        "column": Text(mistake.key),
        "value": Text(facts["value"]) if "value" in facts else None,
        "nearest": Text(facts["nearest"]) if facts.get("nearest") else None,
        "people": [PersonName(name) for name in (*_texts(facts, "people"), *_texts(facts, "person"))],
        "needed": [Plain(column) for column in _texts(facts, "needed")],
        "found": [Text(heading) for heading in _texts(facts, "found")],
        "number": facts.get("limit", facts.get("line")),
    }


def _texts(facts: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = facts.get(name, ())
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]  # a tuple of texts
