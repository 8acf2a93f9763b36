"""Commitments: record, confirm, say how they stand, move, finish. `bot.actions.commitments.ledger` reads them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bot.actions import access, audit, feeds, notices, numbering, texts
from bot.actions.agenda.agenda_items import TitleMissing
from bot.actions.commitments import ledger, reminding
from bot.actions.commitments.ledger import STILL_SHOWN, Entry, MayNotRecord
from bot.actions.meetings.meetings import InThePast
from bot.actions.notices import Draft
from bot.rules import followup, permissions
from bot.rules.facts import Facts, Plain
from bot.rules.followup import DONE, OPEN, STATE_AFTER, TOLD_AT_ONCE
from bot.rules.parties import Party
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, Outdated, ReasonMissing, Refusal
from storage.db import transaction
from storage.models import (
    Body,
    CheckIn,
    Commitment,
    CommitmentDueIn,
    CommitmentParty,
    Meeting,
    Notice,
    Organisation,
    Person,
)
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, NoticeState, Side

WHAT_LIMIT = 500
REASON_LIMIT = 500
NAME_LIMIT = 200
PARTIES_LIMIT = 1000  # characters of the names that are given at once
CHECKED_IN = "commitments/check_in_told"  # the message to those who lead; its key says which answer it tells of
NOT_DONE = {"done_from": None, "done_version": None, "done_by_id": None, "verified_by_id": None}


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
    where = await ledger.body_to_record_in(by, body, now)
    _check(what, owners, counterparts, kept=kept)
    today = access.today(by, now)
    sides = [(Side.OWNER, party) for party in dict.fromkeys(owners)]
    sides += [(Side.COUNTERPART, party) for party in dict.fromkeys(counterparts)]
    await _check_exist([party for _, party in sides], due, meeting, where, today)
    seats = await ledger.seats_for((party for _, party in sides), [where.id], today)

    async def create(number: int) -> Commitment:
        return await Commitment.create(
            body=where,
            number=number,
            what=what.strip(),
            due_kind=due.kind,
            due_on=due.on if due.kind is DueKind.DATE else None,
            agreed_on=today,
            meeting_id=meeting,
            recorded_by=by,
            created_at=now,
            changed_at=now,
            version=1,
        )

    async with transaction():
        created = await numbering.following(Commitment.filter(body_id=where.id), create)
        speakers = {party: followup.speakers(party, seats, where.id) for _, party in sides}
        parties = [party_row(created, side, party, by=by, people=speakers[party], now=now) for side, party in sides]
        await CommitmentParty.bulk_create(parties)
        await _write_due_in(created, due)
        [entry] = await ledger.load([created], today)
        if all(row.confirmed_at is not None for row, _ in entry.parties):
            await write(created, now, state=CommitmentState.AGREED)
            await reminding.look_again()
        await audit.record(by, "commitment.recorded", f"commitment:{created.id}", now=now)
        await feeds.touch(entry.people(Side.OWNER))
        unconfirmed = {person for row, people in entry.parties if row.confirmed_at is None for person in people}
        await tell(entry, "commitments/proposed", unconfirmed, now, today, by=access.name_of(by))
    return {"commitment": ledger.facts_of(entry, by.id, today)}


def _check(what: str, owners: Sequence[Party], counterparts: Sequence[Party], *, kept: bool) -> None:
    if not what.strip():
        raise TitleMissing
    texts.checked(what, limit=WHAT_LIMIT, kept=kept)
    if not owners:
        raise OwnerMissing
    for party in (*owners, *counterparts):
        texts.checked(party.name or "", limit=NAME_LIMIT)


def _check_reason(reason: str, *, kept: bool) -> str:
    if not reason.strip():
        raise ReasonMissing
    return texts.checked(reason, limit=REASON_LIMIT, kept=kept)


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


def party_row(
    commitment: Commitment, side: Side, party: Party, *, by: Person, people: frozenset[int], now: datetime
) -> CommitmentParty:
    """A party that is not kept yet, confirmed where `by` speaks for it; nobody does where there are no `people`."""
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


async def write(commitment: Commitment, now: datetime, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    """Write columns, unless somebody else did since the row was read."""
    values |= {"version": commitment.version + 1, "changed_at": now}
    async with transaction():
        changed = await Commitment.filter(id=commitment.id, version=commitment.version).update(**values)
    if not changed:
        raise ChangedMeanwhile
    commitment.update_from_dict(values)


async def tell(entry: Entry, template: str, people: Iterable[int], now: datetime, today: date, **facts: object) -> None:
    """Tell these people what has become of it, each in their view of it."""
    commitment = entry.commitment
    await notices.queue(
        [
            Draft(
                key=f"commitment:{commitment.id}:{template}:{commitment.version}:{person}",
                template=template,
                facts={**facts, "commitment": ledger.facts_of(entry, person, today)},
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

    Nobody vouches for who has left, nor waits for them. When all have, it is agreed, and who recorded it is told. Raises NotFoundHere, MayNotRecord, Outdated.
    """
    entry, seats = await ledger.permitted(by, commitment, now)
    if party is None:
        wanted = [row.id for row, people in entry.parties if by.id in people]
    else:
        if not permissions.may_record(seats, entry.commitment.body_id):
            raise MayNotRecord(body=Plain(entry.commitment.body.code))
        wanted = [row.id for row, _ in entry.parties if row.id == party]
    if not wanted:
        access.not_found()
    if entry.commitment.state not in OPEN or any(entry.has_left(row) for row, _ in entry.parties if row.id == party):
        raise Outdated
    await _confirm(entry, wanted, by, now, by_hand=party is not None)
    return await ledger.view(by=by, commitment=commitment, now=now)


async def _confirm(entry: Entry, parties: Collection[int], by: Person, now: datetime, *, by_hand: bool) -> None:
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
        await reminding.look_again()
        if await CommitmentParty.exists(commitment_id=locked.id, confirmed_at=None, person__left_at=None):
            return
        if locked.state is CommitmentState.PROPOSED:
            await write(locked, now, state=CommitmentState.AGREED, reason=None)
            await feeds.touch(entry.people(Side.OWNER))
        entry.commitment.update_from_dict({"state": locked.state, "reason": locked.reason, "version": locked.version})
        if locked.recorded_by_id != by.id:
            await tell(entry, "commitments/agreed", [locked.recorded_by_id], now, today)


async def decline(*, by: Person, commitment: int, reason: str, now: datetime, kept: bool = False) -> Facts:
    """Say why one does not agree; it stays proposed, and who recorded it is told.

    `kept` says that a warning about the reason was answered. Raises NotFoundHere, Outdated, ReasonMissing, TooLong,
    LooksLikeACase.
    """
    entry, _ = await ledger.permitted(by, commitment, now)
    own = [row.id for row, people in entry.parties if by.id in people]
    if not own:
        access.not_found()
    if entry.commitment.state is not CommitmentState.PROPOSED:
        raise Outdated
    why = _check_reason(reason, kept=kept)
    today = access.today(by, now)
    async with transaction():
        await write(entry.commitment, now, reason=why)
        await CommitmentParty.filter(id__in=own).update(confirmed_at=None, confirmed_by_id=None, by_hand=False)
        await audit.record(by, "commitment.declined", f"commitment:{commitment}", now=now)
        recorder = {entry.commitment.recorded_by_id} - {by.id}
        await tell(entry, "commitments/declined", recorder, now, today, name=access.name_of(by))
    return await ledger.view(by=by, commitment=commitment, now=now)


# --- how it stands --------------------------------------------------------------------------------------------------


async def check_in(*, by: Person, commitment: int, answer: CheckInAnswer, now: datetime) -> Facts:
    """An owner says how it stands; who does that has agreed. The lead is told at once of what is done, hangs or needs help.

    Raises NotFoundHere, Outdated.
    """
    entry, _ = await ledger.permitted(by, commitment, now)
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
    return await ledger.view(by=by, commitment=commitment, now=now)


async def fulfil(*, by: Person, commitment: int, now: datetime) -> Facts:
    """Note that it is done: an owner, or who records. Raises NotFoundHere, MayNotRecord, Outdated."""
    entry, seats = await ledger.permitted(by, commitment, now)
    if by.id in entry.people(Side.OWNER):
        return await check_in(by=by, commitment=commitment, answer=CheckInAnswer.DONE, now=now)
    if not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state in OPEN:
        async with transaction():
            await _stands(entry, CheckInAnswer.DONE, by, now)
    elif entry.commitment.state is not CommitmentState.FULFILLED:
        raise Outdated
    return await ledger.view(by=by, commitment=commitment, now=now)


async def _stands(entry: Entry, answer: CheckInAnswer, by: Person, now: datetime) -> None:
    commitment, was = entry.commitment, entry.commitment.state
    done: dict[str, Any] = {}
    if answer is CheckInAnswer.DONE:
        done = {"done_from": was, "done_version": commitment.version + 1, "done_by_id": by.id, "verified_by_id": None}
    await write(commitment, now, state=STATE_AFTER[answer], **done)
    await notices.withdraw(
        f"commitment:{commitment.id}", only=[CHECKED_IN]
    )  # an answer that waits to be told is not the last
    await audit.record(by, f"commitment.{answer.value}", f"commitment:{commitment.id}", now=now, was=was.value)
    await feeds.touch(entry.people(Side.OWNER))
    if answer in TOLD_AT_ONCE:
        facts = {"name": access.name_of(by), "answer": Plain(answer.value)}
        await tell(entry, CHECKED_IN, entry.leads - {by.id}, now, access.today(by, now), **facts)


async def verify(*, by: Person, commitment: int, now: datetime) -> Facts:
    """The body's lead agrees that it is fulfilled; the owners are told. Raises NotFoundHere, NotAllowed, Outdated."""
    entry, seats = await ledger.permitted(by, commitment, now)
    if not permissions.may_decide_items(seats, entry.commitment.body_id):
        raise NotAllowed(body=Plain(entry.commitment.body.code))
    if entry.commitment.state is CommitmentState.FULFILLED:
        async with transaction():
            await write(entry.commitment, now, state=CommitmentState.VERIFIED, verified_by_id=by.id)
            await audit.record(by, "commitment.verified", f"commitment:{commitment}", now=now)
            owners = entry.people(Side.OWNER) - {by.id}
            await tell(entry, "commitments/verified", owners, now, access.today(by, now))
    elif entry.commitment.state is not CommitmentState.VERIFIED:
        raise Outdated
    return await ledger.view(by=by, commitment=commitment, now=now)


async def reopen(*, by: Person, commitment: int, now: datetime) -> Facts:
    """Take back that it is done: it stands as before, and its owners are asked anew. They and all who had heard are told.

    An owner may, and who records; once the body has agreed only its lead. Raises NotFoundHere, MayNotRecord, NotAllowed,
    Outdated.
    """
    entry, seats = await ledger.permitted(by, commitment, now)
    state, body = entry.commitment.state, entry.commitment.body
    if by.id not in entry.people(Side.OWNER) and not permissions.may_record(seats, body.id):
        raise MayNotRecord(body=Plain(body.code))
    if state is CommitmentState.VERIFIED and not permissions.may_decide_items(seats, body.id):
        raise NotAllowed(body=Plain(body.code))
    if state in DONE:
        async with transaction():
            before, heard = await _before_done(entry)
            await write(entry.commitment, now, state=before, **NOT_DONE)
            await CheckIn.filter(commitment_id=commitment, answer=CheckInAnswer.DONE).delete()
            await audit.record(by, "commitment.reopened", f"commitment:{commitment}", now=now)
            await feeds.touch(entry.people(Side.OWNER))
            await reminding.look_again()
            people = (entry.people(Side.OWNER) | heard) - {by.id}
            await tell(entry, "commitments/reopened", people, now, access.today(by, now), name=access.name_of(by))
    elif state not in OPEN:
        raise Outdated
    return await ledger.view(by=by, commitment=commitment, now=now)


async def _before_done(entry: Entry) -> tuple[CommitmentState, frozenset[int]]:
    """How it stood before, and who has said or heard that it is done; whoever has not heard it yet never will."""
    commitment = entry.commitment
    heard = {person for person in (commitment.done_by_id, commitment.verified_by_id) if person is not None}
    told = Notice.filter(key__startswith=f"commitment:{commitment.id}:{CHECKED_IN}:{commitment.done_version}:")
    waiting = await told.filter(state=NoticeState.WAITING).select_for_update()
    await Notice.filter(id__in=[0, *(notice.id for notice in waiting)]).delete()
    informed = {notice.person_id for notice in await told if notice.person_id is not None}
    if not waiting and not informed:  # it is not known any more: those who lead now count as told
        informed = set(entry.leads)
    before = commitment.done_from or CommitmentState.AGREED
    return CommitmentState.ORPHANED if entry.owners_left() else before, frozenset(heard | informed)


async def for_changing(*, by: Person, commitment: int, now: datetime) -> Facts:
    """The commitment, for an owner or who records: both may move the due date. Raises NotFoundHere, MayNotRecord, Outdated."""
    entry = await _changeable(by, commitment, now)
    return {"commitment": ledger.facts_of(entry, by.id, access.today(by, now))}


async def _changeable(by: Person, commitment: int, now: datetime) -> Entry:
    entry, seats = await ledger.permitted(by, commitment, now)
    owns = by.id in entry.people(Side.OWNER)
    if not owns and not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state not in OPEN:
        raise Outdated
    return entry


async def move(*, by: Person, commitment: int, due: Due, reason: str, now: datetime, kept: bool = False) -> Facts:
    """Agree on another end, with a reason; moves are counted, and the other parties are told.

    `kept` says that a warning about the reason was answered. Raises what `for_changing` raises, DueMissing, InThePast,
    ReasonMissing, TooLong, LooksLikeACase.
    """
    entry = await _changeable(by, commitment, now)
    today = access.today(by, now)
    await _check_due(due, today)
    why = _check_reason(reason, kept=kept)
    before = ledger.facts_of(entry, None, today)
    async with transaction():
        await write(
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
        await reminding.look_again()
        [moved] = await ledger.load([entry.commitment], today)
        was = {key: before[key] for key in ("due_kind", "due", "due_in")}
        others = entry.people() - {by.id}
        await tell(moved, "commitments/moved", others, now, today, name=access.name_of(by), was=was)
    return await ledger.view(by=by, commitment=commitment, now=now)


async def drop(*, by: Person, commitment: int, reason: str, now: datetime, kept: bool = False) -> Facts:
    """Give it up, with a reason that the parties get.

    `kept` says that a warning about the reason was answered. Raises NotFoundHere, MayNotRecord, Outdated, ReasonMissing,
    TooLong, LooksLikeACase.
    """
    entry, seats = await ledger.permitted(by, commitment, now)
    if not permissions.may_record(seats, entry.commitment.body_id):
        raise MayNotRecord(body=Plain(entry.commitment.body.code))
    if entry.commitment.state not in STILL_SHOWN:
        raise Outdated
    why = _check_reason(reason, kept=kept)
    async with transaction():
        await notices.withdraw(f"commitment:{commitment}")
        await write(entry.commitment, now, state=CommitmentState.DROPPED, reason=why)
        await audit.record(by, "commitment.dropped", f"commitment:{commitment}", now=now)
        await feeds.touch(entry.people(Side.OWNER))
        others = entry.people() - {by.id}
        await tell(entry, "commitments/dropped", others, now, access.today(by, now), name=access.name_of(by))
    return await ledger.view(by=by, commitment=commitment, now=now)
