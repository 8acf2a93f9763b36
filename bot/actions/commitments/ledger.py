"""The commitments as they stand: one, one's own, a body's, and what may be told of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tortoise.expressions import Q

from bot.actions import access
from bot.rules import followup, guard, names, permissions, quiet
from bot.rules.facts import Facts, PersonName, Plain, Text, Title
from bot.rules.followup import DONE, OPEN
from bot.rules.parties import Directory, Named, Party
from bot.rules.permissions import Seat
from bot.rules.refusals import NotAllowed, Refusal
from storage import queries
from storage.db import execute
from storage.models import (
    Body,
    Commitment,
    CommitmentDueIn,
    CommitmentParty,
    Meeting,
    Membership,
    Organisation,
    Person,
)
from storage.rows import places
from storage.vocabulary import CommitmentState, DueKind, MeetingState, Role, Side

NOT_IN_THE_CALENDAR = (MeetingState.DRAFT, MeetingState.POLLING, MeetingState.CANCELLED)
STILL_SHOWN = (*OPEN, CommitmentState.FULFILLED)
DONE_SHOWN = timedelta(days=14)

# Every minute over all that is open: rows without models.
_WITH_END = f"""
c.state IN ({places(OPEN)}) AND (c.due_kind = 'meeting' OR c.due_kind = 'date' AND c.due_on >= ? AND c.due_on <= ?)
"""
_OWNED = f"""
SELECT c.id, c.body_id, c.state, c.due_kind, c.due_on,
       p.person_id, p.organisation_id, p.body_id AS party_body_id, p.role, p.confirmed_at
FROM commitment c LEFT JOIN commitment_party p ON p.commitment_id = c.id AND p.side = 'owner'
WHERE {_WITH_END}
ORDER BY c.id, p.id
"""  # noqa: S608  # constants only
_NTH = f"""
SELECT DISTINCT d.nth FROM commitment c JOIN commitment_due_in d ON d.commitment_id = c.id
WHERE c.due_kind = 'meeting' AND c.state IN ({places(OPEN)})
"""  # noqa: S608  # likewise
# The nth meeting after a day by the index of the body's meetings: 'T' of its wall time stands before 'Z'.
_DUE_IN = f"""
SELECT c.id, (
    SELECT m.starts_local FROM meeting m
    WHERE m.body_id = d.body_id AND m.starts_at > c.agreed_on AND m.starts_local > CAST(c.agreed_on AS TEXT) || 'Z'
      AND m.state NOT IN ({places(NOT_IN_THE_CALENDAR)})
    ORDER BY m.starts_at LIMIT 1 OFFSET ?
  ) AS starts_local
FROM commitment c JOIN commitment_due_in d ON d.commitment_id = c.id
WHERE c.due_kind = 'meeting' AND c.state IN ({places(OPEN)}) AND d.nth = ?
"""  # noqa: S608  # likewise
_SEATS = """
SELECT m.person_id, m.body_id, m.role, m.organisation_id, p.absent_from, p.absent_until
FROM membership m JOIN person p ON p.id = m.person_id
WHERE (m.body_id IN ({bodies}) OR m.organisation_id IN ({organisations}))
  AND m.begins_on <= ? AND (m.ends_on IS NULL OR m.ends_on >= ?) AND p.left_at IS NULL
"""


class MayNotRecord(Refusal):
    """In this body (`body`) others record commitments: its leading seats and who takes the minutes."""


@dataclass(frozen=True, kw_only=True)
class Entry:
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

    def has_left(self, row: CommitmentParty) -> bool:
        """Whether this party is somebody who has left: the town, or as the only owner its body."""
        orphan = row.side is Side.OWNER and self.commitment.state is CommitmentState.ORPHANED
        return row.person is not None and (orphan or row.person.left_at is not None)

    def owners_left(self) -> bool:
        """Whether nobody is left who owns it."""
        return all(self.has_left(row) for row, _ in self.parties if row.side is Side.OWNER)

    def promised_by(self) -> frozenset[int]:
        """The owners who have said yes: only they are asked how it stands."""
        return frozenset(
            person
            for row, people in self.parties
            if row.side is Side.OWNER and _has_promised(self.commitment.state, row.confirmed_at)
            for person in people
        )


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What of a commitment says whom the clock asks or tells, and when; people are ids."""

    commitment: int
    state: CommitmentState
    ends: tuple[date | None, ...]
    promised_by: frozenset[int]
    leads: frozenset[int]

    def due(self, today: date) -> date | None:
        """The day that counts, as far as it is known."""
        return followup.next_due(self.ends, today)

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been done by now."""
        return followup.is_overdue(self.state, self.due(today), today)


def _has_promised(state: CommitmentState, confirmed_at: object) -> bool:
    return state is not CommitmentState.PROPOSED or confirmed_at is not None


def _party(row: CommitmentParty) -> Party:
    return Party(person=row.person_id, organisation=row.organisation_id, body=row.body_id, role=row.role, name=row.name)


async def seats_for(parties: Iterable[Party], bodies: Iterable[int], day: date) -> list[followup.Seat]:
    """All seats from which somebody may speak for the parties, or lead one of the bodies."""
    parties = list(parties)
    wanted = [*{0, *bodies, *(party.body for party in parties if party.body)}]
    organisations = [*{0, *(party.organisation for party in parties if party.organisation)}]
    statement = _SEATS.format(bodies=places(wanted), organisations=places(organisations))
    return [
        followup.Seat(
            person=row["person_id"],
            body=row["body_id"],
            role=Role(row["role"]),
            organisation=row["organisation_id"],
            away=quiet.is_away(day, *(value and _day(value) for value in (row["absent_from"], row["absent_until"]))),
        )
        for row in await execute(statement, [*wanted, *organisations, day, day])
    ]


class _Held:
    """Seats by body and by organisation: each party looks only at those that may speak for it."""

    def __init__(self, seats: Iterable[followup.Seat]) -> None:
        self._in_body: defaultdict[int, list[followup.Seat]] = defaultdict(list)
        self._for_organisation: defaultdict[int | None, list[followup.Seat]] = defaultdict(list)
        self._leads: dict[int, frozenset[int]] = {}
        for seat in seats:
            self._in_body[seat.body].append(seat)
            if seat.organisation is not None:
                self._for_organisation[seat.organisation].append(seat)

    def speakers(self, party: Party, body: int) -> frozenset[int]:
        """The people who may confirm for a party of a commitment of this body."""
        seats = self._for_organisation[party.organisation] if party.body is None else self._in_body[party.body]
        return followup.speakers(party, seats, body)

    def leads(self, body: int) -> frozenset[int]:
        """Whom to tell that something hangs there, or is overdue."""
        if body not in self._leads:
            self._leads[body] = followup.leads(self._in_body[body], body)
        return self._leads[body]


async def _meeting_days(bodies: Iterable[int], since: date) -> dict[int, list[date]]:
    """The local days of the bodies' meetings from then on, as the calendar stands now."""
    days: dict[int, list[date]] = {}
    planned = Meeting.filter(body_id__in=[0, *bodies], starts_at__gte=datetime.combine(since, time(0), UTC))
    found = planned.exclude(state__in=NOT_IN_THE_CALENDAR)
    for body, starts_local in await found.values_list("body_id", "starts_local"):
        days.setdefault(body, []).append(datetime.fromisoformat(starts_local).date())
    return days


async def load(commitments: Sequence[Commitment], day: date) -> list[Entry]:
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
    held = _Held(await seats_for(map(_party, rows), (commitment.body_id for commitment in commitments), day))
    body_of = {commitment.id: commitment.body_id for commitment in commitments}
    agreed_on = {commitment.id: commitment.agreed_on for commitment in commitments}
    parties: defaultdict[int, list[tuple[CommitmentParty, frozenset[int]]]] = defaultdict(list)
    for row in rows:
        parties[row.commitment_id].append((row, held.speakers(_party(row), body_of[row.commitment_id])))
    ends: defaultdict[int, list[tuple[CommitmentDueIn, date | None]]] = defaultdict(list)
    for end in due_in:
        meetings = days.get(end.body_id, ())
        ends[end.commitment_id].append((end, followup.nth_meeting(end.nth, agreed_on[end.commitment_id], meetings)))
    return [
        Entry(
            commitment=commitment,
            parties=tuple(parties[commitment.id]),
            due_in=tuple(ends[commitment.id]),
            leads=held.leads(commitment.body_id),
        )
        for commitment in commitments
    ]


async def outlines(first: date, last: date, day: date) -> list[Outline]:
    """All that is open and due on these days, or in a meeting; who speaks is as of `day`."""
    states = [state.value for state in OPEN]
    rows = await execute(_OWNED, [*states, first, last])
    ends = await _meetings_due()
    owners = [_owner(row) for row in rows]
    held = _Held(await seats_for(owners, {row["body_id"] for row in rows}, day))
    promised_by: defaultdict[int, set[int]] = defaultdict(set)
    for row, owner in zip(rows, owners, strict=True):
        if _has_promised(CommitmentState(row["state"]), row["confirmed_at"]):
            promised_by[row["id"]] |= held.speakers(owner, row["body_id"])
    return [
        Outline(
            commitment=number,
            state=CommitmentState(row["state"]),
            ends=(_day(row["due_on"]),) if row["due_kind"] == DueKind.DATE else tuple(ends[number]),
            promised_by=frozenset(promised_by[number]),
            leads=held.leads(row["body_id"]),
        )
        for number, row in {row["id"]: row for row in rows}.items()
    ]


async def _meetings_due() -> dict[int, list[date | None]]:
    """For all that is open and due in meetings, the days of these; None for one that is not in the calendar yet."""
    states = [state.value for state in OPEN]
    left_out = [state.value for state in NOT_IN_THE_CALENDAR]
    ends: defaultdict[int, list[date | None]] = defaultdict(list)
    for nth in sorted(row["nth"] for row in await execute(_NTH, states)):
        for row in await execute(_DUE_IN, [*left_out, nth - 1, *states, nth]):
            ends[row["id"]].append(_day(row["starts_local"][:10]) if row["starts_local"] else None)
    return ends


def _day(value: object) -> date:
    """A day of a row: SQLite keeps it as text."""
    return date.fromisoformat(str(value))


def _owner(row: Facts) -> Party:
    role = Role(row["role"]) if row["role"] else None
    return Party(person=row["person_id"], organisation=row["organisation_id"], body=row["party_body_id"], role=role)


def facts_of(entry: Entry, reader: int | None, today: date) -> Facts:
    """What may be told of a commitment; `own` marks the reader's parties."""
    commitment = entry.commitment
    return {
        "id": commitment.id,
        "level": commitment.body.level,
        "informal": commitment.body.informal,
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
        "owners": [party_facts(row, people, reader) for row, people in entry.parties if row.side is Side.OWNER],
        "counterparts": [
            party_facts(row, people, reader) for row, people in entry.parties if row.side is Side.COUNTERPART
        ],
    }


def party_facts(row: CommitmentParty, people: frozenset[int], reader: int | None) -> Facts:
    """What may be told of one party."""
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


async def permitted(by: Person, commitment: int, now: datetime) -> tuple[Entry, tuple[Seat, ...]]:
    """The commitment, for who speaks for one of its parties or has a seat in its body; and their seats. Raises NotFoundHere."""
    found = await Commitment.get_or_none(id=commitment).select_related("body")
    if found is None:
        access.not_found()
    [entry] = await load([found], access.today(by, now))
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


def vacant(entry: Entry) -> list[CommitmentParty]:
    """The owners who can be replaced: those who left, and those who were asked to take over and have not agreed yet."""
    proposed = entry.commitment.state is CommitmentState.PROPOSED
    return [
        row
        for row, _ in entry.parties
        if row.side is Side.OWNER
        and (entry.has_left(row) or (proposed and row.asked_to_take_over and row.confirmed_at is None))
    ]


async def view(*, by: Person, commitment: int, now: datetime) -> Facts:
    """A commitment, and what this person may do with it."""
    entry, seats = await permitted(by, commitment, now)
    state, body = entry.commitment.state, entry.commitment.body_id
    records = permissions.may_record(seats, body)
    owns = by.id in entry.people(Side.OWNER)
    is_open = state in OPEN
    leads = permissions.may_decide_items(seats, body)
    waiting = [
        (row, people)
        for row, people in entry.parties
        if row.confirmed_at is None and is_open and not (entry.has_left(row) and by.id not in people)
    ]
    return {
        "commitment": facts_of(entry, by.id, access.today(by, now)),
        "may_confirm": any(by.id in people for _, people in waiting),
        "may_decline": state is CommitmentState.PROPOSED and by.id in entry.people(),
        "vouch_for": [party_facts(row, people, by.id) for row, people in waiting if records and by.id not in people],
        "may_answer": by.id in entry.promised_by() and is_open,
        "may_move": (owns or records) and is_open,
        "may_fulfil": records and not owns and is_open,
        "may_verify": leads and state is CommitmentState.FULFILLED,
        "may_reopen": leads if state is CommitmentState.VERIFIED else (owns or records) and state in DONE,
        "may_hand_over": permissions.may_hand_over(seats, body) and is_open and bool(vacant(entry)),
        "may_drop": records and state in STILL_SHOWN,
    }


async def listed(*, by: Person, now: datetime) -> Facts:
    """What the person has promised, what was promised to them, what nobody owns where they lead, and the counts of their bodies."""
    held = await access.memberships(by, now)
    seats = access.as_seats(held)
    recorded = {seat.body_id: seat.body for seat in held if permissions.may_record(seats, seat.body_id)}
    ids = await _concerning(by, held)
    today = access.today(by, now)
    shown = await Commitment.filter(
        Q(id__in=[0, *ids]) | Q(body_id__in=[0, *recorded]), state__in=STILL_SHOWN
    ).select_related("body")
    entries = by_end(await load(shown, today), today)
    mine = [entry for entry in entries if _is_shown(entry, now) and by.id in entry.people(Side.OWNER)]
    agreed = [
        entry
        for entry in entries
        if entry.commitment.state in OPEN and by.id in entry.people(Side.COUNTERPART) and entry not in mine
    ]
    orphaned = [
        entry
        for entry in entries
        if entry.commitment.state is CommitmentState.ORPHANED
        and permissions.may_hand_over(seats, entry.commitment.body_id)
    ]
    return {
        "mine": [facts_of(entry, by.id, today) for entry in mine],
        "agreed": [facts_of(entry, by.id, today) for entry in agreed if entry not in orphaned],
        "orphaned": [facts_of(entry, by.id, today) for entry in orphaned],
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


async def _concerning(by: Person, held: Collection[Membership]) -> list[int]:
    """The commitments in which the person, an organisation for which they sit, or a body where they sit is a party."""
    parties = CommitmentParty.filter(
        Q(person_id=by.id)
        | Q(organisation_id__in=[0, *(seat.organisation_id for seat in held if seat.organisation_id)])
        | Q(body_id__in=[0, *(seat.body_id for seat in held)]),
        commitment__state__in=(*OPEN, CommitmentState.FULFILLED),
    )
    return await queries.column(parties, "commitment_id")


def _is_shown(entry: Entry, now: datetime) -> bool:
    """Whether its owner still sees it: what is reported done can be taken back, and is found for a while."""
    commitment = entry.commitment
    reported = commitment.state is CommitmentState.FULFILLED and commitment.changed_at > now - DONE_SHOWN
    return reported or commitment.state in OPEN


def by_end(entries: Iterable[Entry], today: date) -> list[Entry]:
    """The soonest first; what has no date last."""
    return sorted(entries, key=lambda entry: (entry.due(today) or date.max, entry.commitment.id))


def _counts(entries: Collection[Entry], today: date) -> dict[str, int]:
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
    entries = by_end(await load(shown, today), today)
    return {
        "body": {"id": where.id, "level": where.level, "code": Plain(where.code), "name": Title(where.name)},
        "commitments": [facts_of(entry, by.id, today) for entry in entries],
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
        .order_by("id")
    )
    people.sort(key=lambda person: names.sort_key(person.given_name, person.family_name))
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
        for person in sorted(
            people.values(),
            key=lambda person: (person.id != by.id, names.sort_key(person.given_name, person.family_name)),
        )
    ]


async def meeting_days(*, by: Person, bodies: Collection[int], nth: int, now: datetime) -> dict[int, date | None]:
    """The day of the nth meeting of each body, counted from today; None while it is not in the calendar."""
    today = access.today(by, now)
    days = await _meeting_days(bodies, today)
    return {body: followup.nth_meeting(nth, today, days.get(body, ())) for body in bodies}
