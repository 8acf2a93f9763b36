"""A commitment whose owner has left goes to somebody else of its body: the lead gives it, the new owner is asked to confirm."""

from datetime import datetime

from bot.actions import access, audit, feeds, notices
from bot.actions.commitments import commitments, ledger, reminding
from bot.actions.commitments.ledger import Entry
from bot.rules import permissions
from bot.rules.facts import Facts, PersonName, Plain
from bot.rules.followup import OPEN
from bot.rules.parties import Party
from bot.rules.refusals import NotAllowed, Outdated
from storage.db import transaction
from storage.models import CommitmentParty, Person
from storage.vocabulary import CommitmentState, Side


async def choices(*, by: Person, commitment: int, now: datetime) -> Facts:
    """To whom it can be given: who has a seat in its body and is no party. Raises NotFoundHere, NotAllowed, Outdated."""
    entry, vacant = await _to_give(by, commitment, now)
    parties = {row.person_id for row, _ in entry.parties}
    parties -= {row.person_id for row in vacant if entry.has_left(row)}
    members = await ledger.members(by=by, body=entry.commitment.body_id, now=now)
    return {
        "commitment": ledger.facts_of(entry, by.id, access.today(by, now)),
        "people": [
            {"id": member.id, "name": PersonName(member.name), "own": member.id == by.id}
            for member in members
            if member.id not in parties
        ],
    }


async def hand_over(*, by: Person, commitment: int, to: int, now: datetime) -> Facts:
    """Give it to somebody with a seat in its body (`to`); until they agree it is proposed, and can be given to another.

    Who gives it is told what becomes of it, as if they had recorded it. Whoever else it concerns learns who does it now.
    Raises NotFoundHere, NotAllowed, Outdated.
    """
    entry, vacant = await _to_give(by, commitment, now)
    person = await access.member(by, entry.commitment.body_id, now, to)
    if any(row.side is Side.COUNTERPART and row.person_id == to for row, _ in entry.parties):
        access.not_found()
    replaced = [row for row in vacant if row.person_id != to or entry.has_left(row)]
    if replaced:
        async with transaction():
            await _replace(entry, replaced, person, by, now)
    return await ledger.view(by=by, commitment=commitment, now=now)


async def _to_give(by: Person, commitment: int, now: datetime) -> tuple[Entry, list[CommitmentParty]]:
    entry, seats = await ledger.permitted(by, commitment, now)
    if not permissions.may_hand_over(seats, entry.commitment.body_id):
        raise NotAllowed(body=Plain(entry.commitment.body.code))
    vacant = ledger.vacant(entry)
    if entry.commitment.state not in OPEN or not vacant:
        raise Outdated
    return entry, vacant


async def _replace(entry: Entry, replaced: list[CommitmentParty], person: Person, by: Person, now: datetime) -> None:
    """Put the person in the place of these owners, and tell."""
    commitment, today = entry.commitment, access.today(by, now)
    about = f"commitment:{commitment.id}"
    staying = [row for row, _ in entry.parties if row not in replaced]
    waited_for = any(row.confirmed_at is None and not entry.has_left(row) for row in staying)
    taking = not any(row.person_id == person.id and row.side is Side.OWNER for row in staying)
    await notices.withdraw(about, except_for=("commitments/proposed",))
    await CommitmentParty.filter(id__in=[row.id for row in replaced]).delete()
    if taking:
        party, people = Party(person=person.id), frozenset({person.id})
        added = commitments.party_row(commitment, Side.OWNER, party, by=by, people=people, now=now)
        added.asked_to_take_over = True
        await added.save()
        await audit.record(by, "commitment.handed_over", about, now=now)
        waited_for = waited_for or added.confirmed_at is None
    state = commitment.state
    if waited_for:
        state = CommitmentState.PROPOSED
    elif state in (CommitmentState.ORPHANED, CommitmentState.PROPOSED):
        state = CommitmentState.AGREED
    await commitments.write(commitment, now, state=state, reason=None, recorded_by_id=by.id)
    await reminding.look_again()
    [given] = await ledger.load([commitment], today)
    await feeds.touch(entry.people() | {person.id})
    told = {
        "name": access.name_of(by),
        "before": [ledger.party_facts(row, frozenset(), None) for row in replaced],
    }
    asked = {person.id} - {by.id} if taking else set()
    others = (entry.people() | given.people()) - asked - {by.id}
    await commitments.tell(given, "commitments/taking_over", asked, now, today, **told)
    await commitments.tell(given, "commitments/handed_over", others, now, today, **told)
