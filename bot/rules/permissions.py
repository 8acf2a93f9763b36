"""Who may what. Every seat reads, answers and hands in; leading seats run the body; who records writes down what was said.

Each predicate takes the seats that somebody holds today and the body it is about. A button that is not shown is no check:
actions ask here at every press.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from storage.vocabulary import ItemState, Role

LEADING = frozenset({Role.CHAIR, Role.DEPUTY_CHAIR, Role.COORDINATOR})
RECORDING = LEADING | {Role.MINUTE_TAKER}
WITHOUT_VOTE = frozenset({Role.ADVISORY, Role.GUEST})
NOT_ON_AN_AGENDA = frozenset({ItemState.PROPOSED, ItemState.REJECTED, ItemState.WITHDRAWN})


@dataclass(frozen=True, kw_only=True)
class Seat:
    """What a role in a body, held today, amounts to."""

    body: int
    role: Role


Right = Callable[[Iterable[Seat], int], bool]


def _holds(seats: Iterable[Seat], body: int, roles: Iterable[Role]) -> bool:
    return any(seat.body == body and seat.role in roles for seat in seats)


def may_see(seats: Iterable[Seat], body: int) -> bool:
    """Read what the body has: meetings, agenda, papers, minutes, the join link."""
    return _holds(seats, body, Role)


def may_answer(seats: Iterable[Seat], body: int) -> bool:
    """Answer the body's invitations."""
    return _holds(seats, body, Role)


def may_submit(seats: Iterable[Seat], body: int) -> bool:
    """Hand in an agenda item."""
    return _holds(seats, body, Role)


def may_vote(seats: Iterable[Seat], body: int) -> bool:
    """Vote; advisory seats and guests may not."""
    return _holds(seats, body, frozenset(Role) - WITHOUT_VOTE)


def may_schedule(seats: Iterable[Seat], body: int) -> bool:
    """Put a meeting into the calendar."""
    return _holds(seats, body, LEADING)


def may_invite(seats: Iterable[Seat], body: int) -> bool:
    """Send the invitations, and see who answered, who did not, and who was not reached."""
    return _holds(seats, body, LEADING)


def may_move(seats: Iterable[Seat], body: int) -> bool:
    """Change a meeting's time or place."""
    return _holds(seats, body, LEADING)


def may_cancel(seats: Iterable[Seat], body: int) -> bool:
    """Call a meeting off."""
    return _holds(seats, body, LEADING)


def may_decide_items(seats: Iterable[Seat], body: int) -> bool:
    """Accept an agenda item, or reject it with a reason."""
    return _holds(seats, body, LEADING)


def may_see_item(seats: Iterable[Seat], body: int, *, state: ItemState, own: bool) -> bool:
    """Read an agenda item and its papers; what is not on an agenda is for its submitter and for those who decide."""
    return may_see(seats, body) and (state not in NOT_ON_AN_AGENDA or own or may_decide_items(seats, body))


def may_hand_over(seats: Iterable[Seat], body: int) -> bool:
    """Give a commitment whose owner has left to somebody else of the body."""
    return _holds(seats, body, LEADING)


def may_keep_seats(seats: Iterable[Seat], body: int) -> bool:
    """End a membership of the body, and link its group."""
    return _holds(seats, body, LEADING)


def may_record(seats: Iterable[Seat], body: int) -> bool:
    """Write minutes, decisions, commitments and presence; vouch for a party without an account."""
    return _holds(seats, body, RECORDING)


def may_do_for(may: Right, seats: Iterable[Seat], represented: Iterable[Seat], body: int) -> bool:
    """Do it for somebody who phoned: both must have the right themselves, and the answer says who did it."""
    return may(seats, body) and may(represented, body)


def may_administer(*, administrator: bool) -> bool:
    """Keep people and bodies. It is a flag of the person and shows no content: for that a seat is needed."""
    return administrator
