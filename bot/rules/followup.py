"""Keeping agreements in mind: when one is due, when to ask how it stands, whom to tell that it does not.

**When.** A commitment that is due "in the next-but-one meeting" follows these meetings: the day is counted anew from the ones
that stand in the calendar, never guessed. Owners are asked once, three of *their* working days before; days of absence are none.

**Who speaks.** A person for themselves; a role for whoever holds it today; a body for its leading seats (chair, deputy chair,
coordinator). An organisation for the leading seats that are held for it anywhere, and when there are none, for all who sit
for it in the commitment's body. A party for which nobody speaks is confirmed by hand by the one who records.

**Whom to tell.** The chairs of the commitment's body; when none of them is there today, the deputies, then the coordinators;
and when all of them are away, the chairs, who learn of it on their return.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from bot.rules.parties import Party
from bot.rules.permissions import LEADING
from bot.rules.quiet import Rest, is_rest_day
from bot.rules.reading.words import fold
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, Role

WORKING_DAYS_BEFORE = 3
FARTHEST_DAYS = 120

OPEN = (
    CommitmentState.PROPOSED,
    CommitmentState.AGREED,
    CommitmentState.IN_PROGRESS,
    CommitmentState.WAITING,
    CommitmentState.BLOCKED,
    CommitmentState.DEFERRED,
    CommitmentState.ORPHANED,
)
DONE = (CommitmentState.FULFILLED, CommitmentState.VERIFIED)
STATE_AFTER = {
    CheckInAnswer.ON_TRACK: CommitmentState.IN_PROGRESS,
    CheckInAnswer.DONE: CommitmentState.FULFILLED,
    CheckInAnswer.STUCK: CommitmentState.BLOCKED,
    CheckInAnswer.NEEDS_HELP: CommitmentState.WAITING,
}
TOLD_AT_ONCE = frozenset({CheckInAnswer.DONE, CheckInAnswer.STUCK, CheckInAnswer.NEEDS_HELP})


# --- when -----------------------------------------------------------------------------------------------------------


def nth_meeting(nth: int, agreed_on: date, meetings: Iterable[date]) -> date | None:
    """The day of the nth meeting after that day; None as long as it is not in the calendar."""
    later = sorted(day for day in meetings if day > agreed_on)
    return later[nth - 1] if len(later) >= nth else None


def next_due(days: Sequence[date | None], today: date) -> date | None:
    """The day that counts of several: the nearest ahead; the last, once all have passed. None while one is not known yet."""
    known = sorted(day for day in days if day is not None)
    ahead = [day for day in known if day >= today]
    if ahead:
        return ahead[0]
    return known[-1] if known and len(known) == len(days) else None


def is_overdue(state: CommitmentState, due: date | None, today: date) -> bool:
    """Whether it should have been done by now."""
    return state in OPEN and due is not None and due < today


@lru_cache(maxsize=4096)  # many owners rest alike
def ask_from(due: date, rest: Rest, land: str) -> date:
    """The third working day of this person before the due day."""
    day = due
    left = WORKING_DAYS_BEFORE
    for _ in range(FARTHEST_DAYS):
        day -= timedelta(days=1)
        left -= not (is_rest_day(day, land) or rest.absent(day))
        if not left:
            break
    return day


def is_to_be_asked(due: date, today: date, rest: Rest, land: str) -> bool:
    """Whether to ask the owner today how it stands."""
    return ask_from(due, rest, land) <= today <= due


# --- who ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A seat that somebody holds today; `away` says that they are absent."""

    person: int
    body: int
    role: Role
    organisation: int | None = None
    away: bool = False


def speakers(party: Party, seats: Iterable[Seat], body: int) -> frozenset[int]:
    """The people who may confirm for a party of a commitment of this body; empty when there is nobody."""
    held = list(seats)
    if party.person is not None:
        return frozenset({party.person})
    if party.body is not None:
        roles = LEADING if party.role is None else {party.role}
        return frozenset(seat.person for seat in held if seat.body == party.body and seat.role in roles)
    if party.organisation is not None:
        theirs = [seat for seat in held if seat.organisation == party.organisation]
        leading = frozenset(seat.person for seat in theirs if seat.role in LEADING)
        return leading or frozenset(seat.person for seat in theirs if seat.body == body)
    return frozenset()


def leads(seats: Iterable[Seat], body: int) -> frozenset[int]:
    """Whom to tell that something hangs, or is overdue."""
    held = [seat for seat in seats if seat.body == body]
    for role in (Role.CHAIR, Role.DEPUTY_CHAIR, Role.COORDINATOR):
        there = frozenset(seat.person for seat in held if seat.role is role and not seat.away)
        if there:
            return there
    return frozenset(seat.person for seat in held if seat.role is Role.CHAIR)


# --- what was typed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DueWords:
    """An end that is no date; `bodies` are codes as typed."""

    kind: DueKind
    nth: int = 0
    bodies: tuple[str, ...] = ()


_STANDING = {"dauerhaft", "auf dauer", "laufend", "fortlaufend", "staendig", "immer", "standing", "ongoing"}
_NONE = {"offen", "ohne", "ohne termin", "ohne datum", "ohne frist", "kein termin", "keine frist", "none", "no date"}
_MEETING = re.compile(
    r"(?:(?:bis )?(?:zur |zum )|in |by )?(?:der |den |the )?"
    r"(?:(?P<far>uebernaechsten?|next but one|next-but-one)|naechsten?|next)\b ?"
    r"(?P<meeting>(?:sitzung(?:en)?|meetings?)\b)? ?(?:(?:von|der|des|of) )?(?:der |dem |the )?(?P<bodies>.*)"
)
_UNTIL = re.compile(r"^(?:bis(?: zum| zur)?|by|until)\s+", re.IGNORECASE)


def due_words(text: str, codes: Mapping[str, object]) -> DueWords | None:
    """Read "dauerhaft", "in der übernächsten Sitzung von TK und RLK"; None for what may be a date.

    `codes` are the folded codes of bodies: without the word "Sitzung" all that follows must be one of them, for "nächsten
    Dienstag" is a date.
    """
    folded = fold(text).strip(" .")
    if folded in _STANDING:
        return DueWords(kind=DueKind.STANDING)
    if folded in _NONE:
        return DueWords(kind=DueKind.NONE)
    match = _MEETING.fullmatch(folded)
    if match is None:
        return None
    named = tuple(word for word in re.split(r" ?(?:[+,&]| und | and ) ?", match["bodies"]) if word)
    if not match["meeting"] and not (named and all(name in codes for name in named)):
        return None
    return DueWords(kind=DueKind.MEETING, nth=2 if match["far"] else 1, bodies=named)


def date_words(text: str) -> str:
    """What is left for a date: "bis 30.09." → "30.09."."""
    return _UNTIL.sub("", text.strip())
