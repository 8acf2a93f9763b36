"""The clock asks how commitments stand, and says what is overdue. `bot.rules.followup` says when and whom."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tortoise.expressions import Q

from bot.actions import access, ledger, notices
from bot.actions.notices import Draft
from bot.rules import followup, quiet
from bot.rules.followup import OPEN
from bot.rules.quiet import Rest
from storage.db import transaction
from storage.models import AuditEvent, CheckIn, Commitment, Notice, Person
from storage.vocabulary import DueKind

ASKED_AHEAD = timedelta(days=followup.FARTHEST_DAYS)
TOLD_OVERDUE = "commitment.overdue"

Facts = dict[str, Any]


async def ask_check_ins(*, now: datetime, land: str = "") -> int:
    """Ask owners, a few days before the due date, how it stands: once for each date. Gives the number of people asked.

    Whoever may not be disturbed now is passed over and asked by a later tick; so is who has had today's bundle. `land` says
    whose public holidays count (ISO 3166-2, "BY"); without it those that all of Germany has.
    """
    day = now.date()
    due = await Commitment.filter(
        Q(due_kind=DueKind.DATE, due_on__gte=day - timedelta(days=1), due_on__lte=day + ASKED_AHEAD)
        | Q(due_kind=DueKind.MEETING),
        state__in=OPEN,
    ).select_related("body")
    entries = ledger.by_end(await ledger.load(due, day), day)
    rows = await CheckIn.filter(commitment_id__in=[0, *(entry.commitment.id for entry in entries)])
    asked = {(row.commitment_id, row.person_id, row.due_on) for row in rows}
    wanted = {person for entry in entries for person in entry.promised_by()}
    drafts: list[Draft] = []
    questions: list[CheckIn] = []
    for reader in await _readers(wanted, land, now):
        about = [
            (entry, due_on)
            for entry in entries
            if reader.id in entry.promised_by()
            and (due_on := entry.due(reader.today)) is not None
            and followup.is_to_be_asked(due_on, reader.today, reader.rest, land)
            and (entry.commitment.id, reader.id, due_on) not in asked
        ]
        if about:
            facts = {"commitments": [ledger.facts_of(entry, reader.id, reader.today) for entry, _ in about]}
            drafts.append(_bundle(reader, "check_in", facts, now))
            questions += [
                CheckIn(commitment_id=entry.commitment.id, person_id=reader.id, due_on=due_on, asked_at=now)
                for entry, due_on in about
            ]
    if drafts:
        async with transaction():
            await CheckIn.bulk_create(questions, ignore_conflicts=True)
            await notices.queue(drafts, now=now)
    return len(drafts)


async def mark_overdue(*, now: datetime, land: str = "") -> int:
    """Tell owners and leads what is overdue, once for each commitment and date. Gives the number of people told.

    Nothing is stored but that they were told: overdue is computed. Passed over is who is passed over by `ask_check_ins`.
    """
    day = now.date()
    due = await Commitment.filter(
        Q(due_kind=DueKind.DATE, due_on__lte=day) | Q(due_kind=DueKind.MEETING), state__in=OPEN
    ).select_related("body")
    entries = ledger.by_end(await ledger.load(due, day), day)
    told = await _told_overdue(entries)
    wanted = {person for entry in entries for person in entry.promised_by() | entry.leads}
    drafts: list[Draft] = []
    remembered: list[AuditEvent] = []
    for reader in await _readers(wanted, land, now):
        new = [
            entry
            for entry in entries
            if entry.is_overdue(reader.today)
            and (entry.commitment.id, reader.id, str(entry.due(reader.today))) not in told
        ]
        mine = [entry for entry in new if reader.id in entry.promised_by()]
        led = [entry for entry in new if reader.id in entry.leads and entry not in mine]
        if mine or led:
            facts = {
                "mine": [ledger.facts_of(entry, reader.id, reader.today) for entry in mine],
                "led": [ledger.facts_of(entry, reader.id, reader.today) for entry in led],
            }
            drafts.append(_bundle(reader, "overdue", facts, now))
            remembered += [
                AuditEvent(
                    at=now,
                    what=TOLD_OVERDUE,
                    about=f"commitment:{entry.commitment.id}",
                    facts={"told": reader.id, "due_on": str(entry.due(reader.today))},
                )
                for entry in (*mine, *led)
            ]
    if drafts:
        async with transaction():
            await AuditEvent.bulk_create(remembered)
            await notices.queue(drafts, now=now)
    return len(drafts)


async def _told_overdue(entries: Iterable[ledger.Entry]) -> set[tuple[int, int, str]]:
    """Who has been told of which commitment and which due date."""
    about = ["", *(f"commitment:{entry.commitment.id}" for entry in entries)]
    return {
        (int(event.about.removeprefix("commitment:")), event.facts["told"], event.facts["due_on"])  # type: ignore[misc]  # as mark_overdue writes them
        for event in await AuditEvent.filter(what=TOLD_OVERDUE, about__in=about)
    }


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Somebody who may be disturbed now."""

    id: int
    today: date
    rest: Rest


async def _readers(people: Collection[int], land: str, now: datetime) -> list[_Reader]:
    """Of these, who may be disturbed now and has had no bundle today."""
    found = await Person.filter(id__in=[0, *people], left_at=None).order_by("id")
    awake = [
        _Reader(id=person.id, today=access.today(person, now), rest=ledger.rest_of(person))
        for person in found
        if quiet.next_moment(now, ledger.rest_of(person), land) == now
    ]
    had = {notice.key for notice in await Notice.filter(key__in=["", *map(_bundle_key, awake)]).only("id", "key")}
    return [reader for reader in awake if _bundle_key(reader) not in had]


def _bundle_key(reader: _Reader) -> str:
    return f"followup:{reader.id}:{reader.today}"


def _bundle(reader: _Reader, template: str, facts: Facts, now: datetime) -> Draft:
    """One message for all of it: the key allows one a day."""
    return Draft(key=_bundle_key(reader), template=template, facts=facts, due_at=now, person=reader.id)
