"""Commitments: record, confirm, ask how they stand, move, finish. `bot.rules.followup` says who speaks for a party, when and whom."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from bot.actions import access, audit, feeds, notices
from bot.actions.agenda import LooksLikeACase, TitleMissing
from bot.actions.meetings import InThePast
from bot.actions.notices import Draft
from bot.rules import followup, guard, permissions, quiet
from bot.rules.facts import PersonName, Plain, Text, Title
from bot.rules.followup import OPEN, STATE_AFTER, TOLD_AT_ONCE
from bot.rules.parties import Directory, Named, Party
from bot.rules.permissions import Seat
from bot.rules.quiet import Rest
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, Outdated, Refusal, TooLong
from storage import queries
from storage.db import savepoint, transaction
from storage.models import (
    AuditEvent,
    Body,
    CheckIn,
    Commitment,
    CommitmentDueIn,
    CommitmentParty,
    Meeting,
    Membership,
    Notice,
    Organisation,
    Person,
)
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, MeetingState, Side

WHAT_LIMIT = 500
REASON_LIMIT = 500
NAME_LIMIT = 200
NUMBER_ATTEMPTS = 8
ASKED_AHEAD = timedelta(days=followup.FARTHEST_DAYS)
NOT_IN_THE_CALENDAR = (MeetingState.DRAFT, MeetingState.POLLING, MeetingState.CANCELLED)
STILL_SHOWN = (*OPEN, CommitmentState.FULFILLED)
TOLD_OVERDUE = "commitment.overdue"

Facts = dict[str, Any]


class MayNotRecord(Refusal):
    """In this body (`body`) others record commitments: its leading seats and who takes the minutes."""


class OwnerMissing(Refusal):
    """Somebody has to do it."""


class DueMissing(Refusal):
    """It was not said until when, and nobody guesses."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """Until when: a day, the `nth` meeting of each of these bodies, standing, or none."""

    kind: DueKind
    on: date | None = None
    bodies: tuple[int, ...] = ()
    nth: int = 1


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A commitment with all that is told of it; people are ids."""

    commitment: Commitment
    parties: tuple[tuple[CommitmentParty, frozenset[int]], ...]
    due_in: tuple[tuple[CommitmentDueIn, date | None], ...]
    leads: frozenset[int]

    def due(self, today: date) -> date | None:
        """The day that counts, as far as it is known."""
        if self.commitment.due_kind is DueKind.MEETING:
            return followup.next_due([day for _, day in self.due_in], today)
        return self.commitment.due_on

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been done by now."""
        return followup.is_overdue(self.commitment.state, self.due(today), today)

    def people(self, *sides: Side) -> frozenset[int]:
        """Who speaks for its parties, or for those of one side."""
        wanted = sides or tuple(Side)
        return frozenset(person for row, people in self.parties if row.side in wanted for person in people)

    def promised_by(self) -> frozenset[int]:
        """The owners who have said yes: only they are asked how it stands."""
        agreed = self.commitment.state is not CommitmentState.PROPOSED
        return frozenset(
            person
            for row, people in self.parties
            if row.side is Side.OWNER and (agreed or row.confirmed_at is not None)
            for person in people
        )


# --- reading --------------------------------------------------------------------------------------------------------


def _party(row: CommitmentParty) -> Party:
    return Party(person=row.person_id, organisation=row.organisation_id, body=row.body_id, role=row.role, name=row.name)


async def _seats(parties: Iterable[Party], bodies: Iterable[int], day: date) -> list[followup.Seat]:
    """All seats from which somebody may speak for the parties, or lead one of the bodies."""
    parties = list(parties)
    places = {0, *bodies, *(party.body for party in parties if party.body)}
    organisations = {0, *(party.organisation for party in parties if party.organisation)}
    held = await Membership.filter(
        Q(body_id__in=places) | Q(organisation_id__in=organisations),
        Q(ends_on=None) | Q(ends_on__gte=day),
        begins_on__lte=day,
        person__left_at=None,
    ).select_related("person")
    return [
        followup.Seat(
            person=seat.person.id,
            body=seat.body_id,
            role=seat.role,
            organisation=seat.organisation_id,
            away=_rest(seat.person).absent(day),
        )
        for seat in held
        if seat.person is not None
    ]


async def _meeting_days(bodies: Iterable[int], since: date) -> dict[int, list[date]]:
    """The local days of the bodies' meetings from then on, as the calendar stands now."""
    days: dict[int, list[date]] = {}
    planned = Meeting.filter(body_id__in=[0, *bodies], starts_at__gte=datetime.combine(since, time(0), UTC))
    for meeting in await planned.exclude(state__in=NOT_IN_THE_CALENDAR):
        days.setdefault(meeting.body_id, []).append(datetime.fromisoformat(meeting.starts_local).date())
    return days


async def _load(commitments: Sequence[Commitment], day: date) -> list[_Entry]:
    """The commitments (with their bodies) as entries, in four statements."""
    ids = [0, *(commitment.id for commitment in commitments)]
    rows = (
        await CommitmentParty.filter(commitment_id__in=ids)
        .order_by("id")
        .select_related("person", "organisation", "body")
    )
    due_in = await CommitmentDueIn.filter(commitment_id__in=ids).order_by("id").select_related("body")
    since = min((commitment.agreed_on for commitment in commitments), default=day)
    days = await _meeting_days({row.body_id for row in due_in}, since)
    seats = await _seats(map(_party, rows), (commitment.body_id for commitment in commitments), day)
    return [
        _Entry(
            commitment=commitment,
            parties=tuple(
                (row, followup.speakers(_party(row), seats, commitment.body_id))
                for row in rows
                if row.commitment_id == commitment.id
            ),
            due_in=tuple(
                (row, followup.nth_meeting(row.nth, commitment.agreed_on, days.get(row.body_id, ())))
                for row in due_in
                if row.commitment_id == commitment.id
            ),
            leads=followup.leads(seats, commitment.body_id),
        )
        for commitment in commitments
    ]


def _facts(entry: _Entry, reader: int | None, today: date) -> Facts:
    """What may be told of a commitment; `own` marks the reader's parties."""
    commitment = entry.commitment
    return {
        "id": commitment.id,
        "level": commitment.body.level,
        "number": commitment.number,
        "code": Plain(commitment.body.code),
        "body": Title(commitment.body.name),
        "what": Text(commitment.what),
        "flagged": guard.suspicious(commitment.what),
        "state": Plain(commitment.state.value),
        "reason": Text(commitment.reason) if commitment.reason else None,
        "due_kind": Plain(commitment.due_kind.value),
        "due": entry.due(today),
        "due_in": [{"code": Plain(row.body.code), "nth": row.nth, "day": day} for row, day in entry.due_in],
        "due_moves": commitment.due_moves,
        "overdue": entry.is_overdue(today),
        "owners": [_party_facts(row, people, reader) for row, people in entry.parties if row.side is Side.OWNER],
        "counterparts": [
            _party_facts(row, people, reader) for row, people in entry.parties if row.side is Side.COUNTERPART
        ],
    }


def _party_facts(row: CommitmentParty, people: frozenset[int], reader: int | None) -> Facts:
    name: PersonName | Title = PersonName(row.name or "")
    if row.person is not None:
        name = access.name_of(row.person)
    elif row.organisation is not None:
        name = Title(row.organisation.name)
    elif row.body is not None:
        name = Title(row.body.name)
    return {
        "id": row.id,
        "name": name,
        "role": Plain(row.role.value) if row.role else None,
        "confirmed": row.confirmed_at is not None,
        "by_hand": row.by_hand,
        "own": row.person_id is not None and row.person_id == reader,
        "speaks": reader in people,
    }


async def _found(by: Person, commitment: int, now: datetime) -> tuple[_Entry, tuple[Seat, ...]]:
    """The commitment, for who speaks for one of its parties or has a seat in its body; and their seats. Raises NotFoundHere."""
    found = await Commitment.get_or_none(id=commitment).select_related("body")
    if found is None:
        access.not_found()
    [entry] = await _load([found], access.today(by, now))
    seats = access.as_seats(await access.memberships(by, now))
    if by.id not in entry.people() and not permissions.may_see(seats, found.body_id):
        access.not_found()
    return entry, seats


async def body_to_record_in(by: Person, body: int | str, now: datetime) -> Body:
    """The body, by id or code, for who records there. Raises NotAMember, MayNotRecord."""
    try:
        return await access.body(by, body, now, permissions.may_record)
    except NotAllowed as refusal:
        raise MayNotRecord(**refusal.facts) from refusal


async def view(*, by: Person, commitment: int, now: datetime) -> Facts:
    """A commitment, and what this person may do with it."""
    entry, seats = await _found(by, commitment, now)
    state, body = entry.commitment.state, entry.commitment.body_id
    records = permissions.may_record(seats, body)
    owns = by.id in entry.people(Side.OWNER)
    is_open = state in OPEN
    waiting = [(row, people) for row, people in entry.parties if row.confirmed_at is None and is_open]
    return {
        "commitment": _facts(entry, by.id, access.today(by, now)),
        "may_confirm": any(by.id in people for _, people in waiting),
        "may_decline": state is CommitmentState.PROPOSED and by.id in entry.people(),
        "vouch_for": [_party_facts(row, people, by.id) for row, people in waiting if records and by.id not in people],
        "may_answer": by.id in entry.promised_by() and is_open,
        "may_move": (owns or records) and is_open,
        "may_fulfil": records and not owns and is_open,
        "may_verify": permissions.may_decide_items(seats, body) and state is CommitmentState.FULFILLED,
        "may_drop": records and state in STILL_SHOWN,
    }


async def listed(*, by: Person, now: datetime) -> Facts:
    """What the person has promised, what was promised to them, and the counts of the bodies in which they record."""
    held = await access.memberships(by, now)
    seats = access.as_seats(held)
    recorded = {seat.body_id: seat.body for seat in held if permissions.may_record(seats, seat.body_id)}
    concerned = CommitmentParty.filter(
        Q(person_id=by.id)
        | Q(organisation_id__in=[0, *(seat.organisation_id for seat in held if seat.organisation_id)])
        | Q(body_id__in=[0, *(seat.body_id for seat in held)]),
        commitment__state__in=OPEN,
    )
    ids = await concerned.values_list("commitment_id", flat=True)
    today = access.today(by, now)
    shown = await Commitment.filter(
        Q(id__in=[0, *ids]) | Q(body_id__in=[0, *recorded]), state__in=STILL_SHOWN
    ).select_related("body")
    entries = _sorted(await _load(shown, today), today)
    mine = [entry for entry in entries if entry.commitment.state in OPEN and by.id in entry.people(Side.OWNER)]
    agreed = [
        entry
        for entry in entries
        if entry.commitment.state in OPEN and by.id in entry.people(Side.COUNTERPART) and entry not in mine
    ]
    return {
        "mine": [_facts(entry, by.id, today) for entry in mine],
        "agreed": [_facts(entry, by.id, today) for entry in agreed],
        "bodies": [
            {
                "id": body.id,
                "level": body.level,
                "code": Plain(body.code),
                "name": Title(body.name),
                **_counts([entry for entry in entries if entry.commitment.body_id == body.id], today),
            }
            for body in recorded.values()
        ],
        "may_record": bool(recorded),
    }


def _sorted(entries: Iterable[_Entry], today: date) -> list[_Entry]:
    """The soonest first; what has no date last."""
    return sorted(entries, key=lambda entry: (entry.due(today) or date.max, entry.commitment.id))


def _counts(entries: Collection[_Entry], today: date) -> dict[str, int]:
    return {
        "open": sum(entry.commitment.state in OPEN for entry in entries),
        "overdue": sum(entry.is_overdue(today) for entry in entries),
        "fulfilled": sum(entry.commitment.state is CommitmentState.FULFILLED for entry in entries),
    }


async def of_body(*, by: Person, body: int, now: datetime) -> Facts:
    """All that is open in a body, and what waits to be verified; for those who record there."""
    where = await body_to_record_in(by, body, now)
    today = access.today(by, now)
    shown = await Commitment.filter(body_id=where.id, state__in=STILL_SHOWN).select_related("body")
    entries = _sorted(await _load(shown, today), today)
    return {
        "body": {"id": where.id, "level": where.level, "code": Plain(where.code), "name": Title(where.name)},
        "commitments": [_facts(entry, by.id, today) for entry in entries],
        **_counts(entries, today),
    }


async def directory(*, now: datetime) -> Directory:
    """Everybody and everything that a party can be: people with a seat today, organisations, bodies."""
    day = now.date()
    people = (
        await Person.filter(
            Q(memberships__ends_on=None) | Q(memberships__ends_on__gte=day),
            memberships__begins_on__lte=day,
            left_at=None,
        )
        .distinct()
        .order_by("family_name", "given_name", "id")
    )
    return Directory(
        people=tuple(Named(id=person.id, short=person.family_name, name=access.name_of(person)) for person in people),
        organisations=tuple(
            Named(id=found.id, short=found.key, name=found.name) for found in await Organisation.all().order_by("name")
        ),
        bodies=tuple(
            Named(id=found.id, short=found.code, name=found.name) for found in await Body.all().order_by("name")
        ),
    )


async def members(*, by: Person, body: int, now: datetime) -> list[Named]:
    """The people with a seat in a body in which the person records; themselves first."""
    where = await body_to_record_in(by, body, now)
    seats = await queries.seats_in(where.id, access.today(by, now))
    people = {seat.person.id: seat.person for seat in seats if seat.person is not None}
    return [
        Named(id=person.id, short=person.family_name, name=access.name_of(person))
        for person in sorted(people.values(), key=lambda person: person.id != by.id)
    ]


async def meeting_days(*, by: Person, bodies: Collection[int], nth: int, now: datetime) -> dict[int, date | None]:
    """The day of the nth meeting of each body, counted from today; None while it is not in the calendar."""
    today = access.today(by, now)
    days = await _meeting_days(bodies, today)
    return {body: followup.nth_meeting(nth, today, days.get(body, ())) for body in bodies}


# --- recording ------------------------------------------------------------------------------------------------------


async def record(
    *,
    by: Person,
    body: int | str,
    what: str,
    owners: Sequence[Party],
    counterparts: Sequence[Party] = (),
    due: Due,
    now: datetime,
    meeting: int | None = None,
    kept: bool = False,
) -> Facts:
    """Write down who does what, with whom, until when; each party is asked to confirm.

    Who records has confirmed for the parties that they speak for, and vouches for those for which nobody speaks. `kept` says
    that a warning was answered. Raises NotAMember, MayNotRecord, TitleMissing, TooLong, LooksLikeACase, OwnerMissing,
    DueMissing, InThePast, NotFoundHere.
    """
    where = await body_to_record_in(by, body, now)
    _check(what, owners, counterparts, kept=kept)
    today = access.today(by, now)
    sides = [(Side.OWNER, party) for party in dict.fromkeys(owners)]
    sides += [(Side.COUNTERPART, party) for party in dict.fromkeys(counterparts)]
    await _check_exist([party for _, party in sides], due, meeting, where, today)
    seats = await _seats((party for _, party in sides), [where.id], today)
    async with transaction():
        created = await _numbered(
            body=where,
            what=what.strip(),
            due_kind=due.kind,
            due_on=due.on if due.kind is DueKind.DATE else None,
            agreed_on=today,
            meeting_id=meeting,
            recorded_by=by,
            created_at=now,
            changed_at=now,
        )
        await CommitmentParty.bulk_create(
            [
                _row(created, side, party, by=by, people=followup.speakers(party, seats, where.id), now=now)
                for side, party in sides
            ]
        )
        await _write_due_in(created, due)
        [entry] = await _load([created], today)
        if all(row.confirmed_at is not None for row, _ in entry.parties):
            await _write(created, now, state=CommitmentState.AGREED)
        await audit.record(by, "commitment.recorded", f"commitment:{created.id}", now=now)
        await feeds.touch(entry.people(Side.OWNER))
        unconfirmed = {person for row, people in entry.parties if row.confirmed_at is None for person in people}
        await _tell(entry, "commitment_proposed", unconfirmed, now, today, by=access.name_of(by))
    return {"commitment": _facts(entry, by.id, today)}


def _check(what: str, owners: Sequence[Party], counterparts: Sequence[Party], *, kept: bool) -> None:
    if not what.strip():
        raise TitleMissing
    if len(what.strip()) > WHAT_LIMIT:
        raise TooLong(limit=WHAT_LIMIT)
    if guard.suspicious(what) and not kept:
        raise LooksLikeACase
    if not owners:
        raise OwnerMissing
    names = [party.name for party in (*owners, *counterparts) if party.name]
    if any(len(name) > NAME_LIMIT for name in names):
        raise TooLong(limit=NAME_LIMIT)
    if any(guard.suspicious(name) for name in names):
        raise LooksLikeACase


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise TitleMissing
    if len(reason.strip()) > REASON_LIMIT:
        raise TooLong(limit=REASON_LIMIT)
    if guard.suspicious(reason):
        raise LooksLikeACase
    return reason.strip()


async def _check_exist(parties: Iterable[Party], due: Due, meeting: int | None, body: Body, today: date) -> None:
    """Refuse what is not in the town, and an end that is not known."""
    parties = list(parties)
    people = {party.person for party in parties if party.person is not None}
    organisations = {party.organisation for party in parties if party.organisation is not None}
    bodies = {party.body for party in parties if party.body is not None}
    if (
        await Person.filter(id__in=[0, *people], left_at=None).count() != len(people)
        or await Organisation.filter(id__in=[0, *organisations]).count() != len(organisations)
        or await Body.filter(id__in=[0, *bodies]).count() != len(bodies)
        or (meeting is not None and not await Meeting.exists(id=meeting, body_id=body.id))
    ):
        access.not_found()
    await _check_due(due, today)


async def _check_due(due: Due, today: date) -> None:
    if due.kind is DueKind.DATE:
        if due.on is None:
            raise DueMissing
        if due.on < today:
            raise InThePast
    if due.kind is DueKind.MEETING:
        if not due.bodies or due.nth < 1:
            raise DueMissing
        if await Body.filter(id__in=due.bodies).count() != len(set(due.bodies)):
            access.not_found()


async def _numbered(**values: Any) -> Commitment:  # noqa: ANN401  # columns of every type
    """Create the row with the next number of its body; somebody who was quicker costs another attempt."""
    for _ in range(NUMBER_ATTEMPTS):
        last = await Commitment.filter(body_id=values["body"].id).order_by("-number").first()
        try:
            async with savepoint():
                return await Commitment.create(number=last.number + 1 if last else 1, version=1, **values)
        except IntegrityError:
            continue
    raise ChangedMeanwhile


def _row(
    commitment: Commitment, side: Side, party: Party, *, by: Person, people: frozenset[int], now: datetime
) -> CommitmentParty:
    confirmed = not people or by.id in people
    return CommitmentParty(
        commitment=commitment,
        side=side,
        person_id=party.person,
        organisation_id=party.organisation,
        body_id=party.body,
        role=party.role,
        name=party.name,
        by_hand=not people,
        confirmed_at=now if confirmed else None,
        confirmed_by_id=by.id if confirmed else None,
    )


async def _write_due_in(commitment: Commitment, due: Due) -> None:
    rows = [
        CommitmentDueIn(commitment=commitment, body_id=body, nth=due.nth)
        for body in dict.fromkeys(due.bodies)
        if due.kind is DueKind.MEETING
    ]
    if rows:
        async with transaction():
            await CommitmentDueIn.bulk_create(rows)


async def _write(commitment: Commitment, now: datetime, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read."""
    values |= {"version": commitment.version + 1, "changed_at": now}
    async with transaction():
        changed = await Commitment.filter(id=commitment.id, version=commitment.version).update(**values)
    if not changed:
        raise ChangedMeanwhile
    commitment.update_from_dict(values)


async def _tell(
    entry: _Entry, template: str, people: Iterable[int], now: datetime, today: date, **facts: object
) -> None:
    """Tell these people what has become of it, each in their view of it."""
    commitment = entry.commitment
    await notices.queue(
        [
            Draft(
                key=f"commitment:{commitment.id}:{template}:{commitment.version}:{person}",
                template=template,
                facts={**facts, "commitment": _facts(entry, person, today)},
                due_at=now,
                person=person,
                about=f"commitment:{commitment.id}",
            )
            for person in sorted(people)
        ],
        now=now,
    )


# --- agreeing -------------------------------------------------------------------------------------------------------


async def confirm(*, by: Person, commitment: int, now: datetime, party: int | None = None) -> Facts:
    """Confirm for the parties one speaks for; who records may confirm by hand for another (`party`) that has said so.

    When all have, it is agreed, and who recorded it is told. Raises NotFoundHere, MayNotRecord, Outdated.
    """
    entry, seats = await _found(by, commitment, now)
    if party is None:
        wanted = [row.id for row, people in entry.parties if by.id in people]
    else:
        if not permissions.may_record(seats, entry.commitment.body_id):
            raise MayNotRecord(body=Plain(entry.commitment.body.code))
        wanted = [row.id for row, _ in entry.parties if row.id == party]
    if not wanted:
        access.not_found()
    if entry.commitment.state not in OPEN:
        raise Outdated
    await _confirm(entry, wanted, by, now, by_hand=party is not None)
    return await view(by=by, commitment=commitment, now=now)


async def _confirm(entry: _Entry, parties: Collection[int], by: Person, now: datetime, *, by_hand: bool) -> None:
    today = access.today(by, now)
    async with transaction():
        # Of two who confirm at the same moment the second must see the first: both wait for this row.
        locked = await Commitment.filter(id=entry.commitment.id).select_for_update().get()
        confirmed = await CommitmentParty.filter(id__in=parties, confirmed_at=None).update(
            confirmed_at=now, confirmed_by_id=by.id, by_hand=by_hand
        )
        if not confirmed:
            return
        await audit.record(by, "commitment.confirmed", f"commitment:{locked.id}", now=now, by_hand=by_hand)
        if await CommitmentParty.exists(commitment_id=locked.id, confirmed_at=None):
            return
        if locked.state is CommitmentState.PROPOSED:
            await _write(locked, now, state=CommitmentState.AGREED, reason=None)
        entry.commitment.update_from_dict({"state": locked.state, "reason": locked.reason, "version": locked.version})
        if locked.recorded_by_id != by.id:
            await _tell(entry, "commitment_agreed", [locked.recorded_by_id], now, today)


async def decline(*, by: Person, commitment: int, reason: str, now: datetime) -> Facts:
    """Say why one does not agree; it stays proposed, and who recorded it is told. Raises NotFoundHere, Outdated, TooLong."""
    entry, _ = await _found(by, commitment, now)
    own = [row.id for row, people in entry.parties if by.id in people]
    if not own:
        access.not_found()
    if entry.commitment.state is not CommitmentState.PROPOSED:
        raise Outdated
    why = _check_reason(reason)
    today = access.today(by, now)
    async with transaction():
        await _write(entry.commitment, now, reason=why)
        await CommitmentParty.filter(id__in=own).update(confirmed_at=None, confirmed_by_id=None, by_hand=False)
        await audit.record(by, "commitment.declined", f"commitment:{commitment}", now=now)
        recorder = {entry.commitment.recorded_by_id} - {by.id}
        await _tell(entry, "commitment_declined", recorder, now, today, name=access.name_of(by))
    return await view(by=by, commitment=commitment, now=now)


# --- how it stands --------------------------------------------------------------------------------------------------


async def check_in(*, by: Person, commitment: int, answer: CheckInAnswer, now: datetime) -> Facts:
    """An owner says how it stands; who does that has agreed. The lead is told at once of what is done, hangs or needs help.

    Raises NotFoundHere, Outdated.
    """
    entry, _ = await _found(by, commitment, now)
    if by.id not in entry.people(Side.OWNER):
        access.not_found()
    state = entry.commitment.state
    if state is not STATE_AFTER[answer] and state not in OPEN:
        raise Outdated
    today = access.today(by, now)
    due = entry.due(today)
    async with transaction():
        if due is not None:
            about = {"commitment_id": commitment, "person_id": by.id, "due_on": due}
            await CheckIn.bulk_create([CheckIn(**about)], ignore_conflicts=True)
            await CheckIn.filter(**about).update(answer=answer, answered_at=now)
        own = [row.id for row, people in entry.parties if by.id in people and row.confirmed_at is None]
        if own:
            await _confirm(entry, own, by, now, by_hand=False)
        if state is not STATE_AFTER[answer]:
            await _stands(entry, answer, by, now)
    return await view(by=by, commitment=commitment, now=now)


async def fulfil(*, by: Person, commitment: int, now: datetime) -> Facts:
    """Note that it is done: an owner, or who records. Raises NotFoundHere, MayNotRecord, Outdated."""
    entry, seats = await _found(by, commitment, now)
    if by.id in entry.people(Side.OWNER):
        return await check_in(by=by, commitment=commitment, answer=CheckInAnswer.DONE, now=now)
    if not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state in OPEN:
        async with transaction():
            await _stands(entry, CheckInAnswer.DONE, by, now)
    elif entry.commitment.state is not CommitmentState.FULFILLED:
        raise Outdated
    return await view(by=by, commitment=commitment, now=now)


async def _stands(entry: _Entry, answer: CheckInAnswer, by: Person, now: datetime) -> None:
    await _write(entry.commitment, now, state=STATE_AFTER[answer])
    await audit.record(by, f"commitment.{answer.value}", f"commitment:{entry.commitment.id}", now=now)
    await feeds.touch(entry.people(Side.OWNER))
    if answer in TOLD_AT_ONCE:
        facts = {"name": access.name_of(by), "answer": Plain(answer.value)}
        await _tell(entry, "check_in_told", entry.leads - {by.id}, now, access.today(by, now), **facts)


async def verify(*, by: Person, commitment: int, now: datetime) -> Facts:
    """The body's lead agrees that it is fulfilled; the owners are told. Raises NotFoundHere, NotAllowed, Outdated."""
    entry, seats = await _found(by, commitment, now)
    if not permissions.may_decide_items(seats, entry.commitment.body_id):
        raise NotAllowed(body=Plain(entry.commitment.body.code))
    if entry.commitment.state is CommitmentState.FULFILLED:
        async with transaction():
            await _write(entry.commitment, now, state=CommitmentState.VERIFIED)
            await audit.record(by, "commitment.verified", f"commitment:{commitment}", now=now)
            owners = entry.people(Side.OWNER) - {by.id}
            await _tell(entry, "commitment_verified", owners, now, access.today(by, now))
    elif entry.commitment.state is not CommitmentState.VERIFIED:
        raise Outdated
    return await view(by=by, commitment=commitment, now=now)


async def for_changing(*, by: Person, commitment: int, now: datetime) -> Facts:
    """The commitment, for an owner or who records: both may move the due date. Raises NotFoundHere, MayNotRecord, Outdated."""
    entry = await _changeable(by, commitment, now)
    return {"commitment": _facts(entry, by.id, access.today(by, now))}


async def _changeable(by: Person, commitment: int, now: datetime) -> _Entry:
    entry, seats = await _found(by, commitment, now)
    owns = by.id in entry.people(Side.OWNER)
    if not owns and not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state not in OPEN:
        raise Outdated
    return entry


async def move(*, by: Person, commitment: int, due: Due, reason: str, now: datetime) -> Facts:
    """Agree on another end, with a reason; moves are counted, and the other parties are told.

    Raises what `for_changing` raises, DueMissing, InThePast, TooLong.
    """
    entry = await _changeable(by, commitment, now)
    today = access.today(by, now)
    await _check_due(due, today)
    why = _check_reason(reason)
    before = _facts(entry, None, today)
    async with transaction():
        await _write(
            entry.commitment,
            now,
            due_kind=due.kind,
            due_on=due.on if due.kind is DueKind.DATE else None,
            due_moves=entry.commitment.due_moves + 1,
            agreed_on=today if due.kind is DueKind.MEETING else entry.commitment.agreed_on,
            reason=why,
        )
        await CommitmentDueIn.filter(commitment_id=commitment).delete()
        await _write_due_in(entry.commitment, due)
        await audit.record(by, "commitment.moved", f"commitment:{commitment}", now=now)
        await feeds.touch(entry.people(Side.OWNER))
        [moved] = await _load([entry.commitment], today)
        was = {key: before[key] for key in ("due_kind", "due", "due_in")}
        others = entry.people() - {by.id}
        await _tell(moved, "commitment_moved", others, now, today, name=access.name_of(by), was=was)
    return await view(by=by, commitment=commitment, now=now)


async def drop(*, by: Person, commitment: int, reason: str, now: datetime) -> Facts:
    """Give it up, with a reason that the parties get. Raises NotFoundHere, MayNotRecord, Outdated, TooLong."""
    entry, seats = await _found(by, commitment, now)
    if not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state not in STILL_SHOWN:
        raise Outdated
    why = _check_reason(reason)
    async with transaction():
        await notices.withdraw(f"commitment:{commitment}")
        await _write(entry.commitment, now, state=CommitmentState.DROPPED, reason=why)
        await audit.record(by, "commitment.dropped", f"commitment:{commitment}", now=now)
        await feeds.touch(entry.people(Side.OWNER))
        others = entry.people() - {by.id}
        await _tell(entry, "commitment_dropped", others, now, access.today(by, now), name=access.name_of(by))
    return await view(by=by, commitment=commitment, now=now)


# --- the clock ------------------------------------------------------------------------------------------------------


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
    entries = _sorted(await _load(due, day), day)
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
            facts = {"commitments": [_facts(entry, reader.id, reader.today) for entry, _ in about]}
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
    entries = _sorted(await _load(due, day), day)
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
                "mine": [_facts(entry, reader.id, reader.today) for entry in mine],
                "led": [_facts(entry, reader.id, reader.today) for entry in led],
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


async def _told_overdue(entries: Iterable[_Entry]) -> set[tuple[int, int, str]]:
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
        _Reader(id=person.id, today=access.today(person, now), rest=_rest(person))
        for person in found
        if quiet.next_moment(now, _rest(person), land) == now
    ]
    had = {notice.key for notice in await Notice.filter(key__in=["", *map(_bundle_key, awake)]).only("id", "key")}
    return [reader for reader in awake if _bundle_key(reader) not in had]


def _rest(person: Person) -> Rest:
    return Rest(
        zone=person.zone,
        quiet_from=person.quiet_from,
        quiet_until=person.quiet_until,
        absent_from=person.absent_from,
        absent_until=person.absent_until,
    )


def _bundle_key(reader: _Reader) -> str:
    return f"followup:{reader.id}:{reader.today}"


def _bundle(reader: _Reader, template: str, facts: Facts, now: datetime) -> Draft:
    """One message for all of it: the key allows one a day."""
    return Draft(key=_bundle_key(reader), template=template, facts=facts, due_at=now, person=reader.id)
