import pytest

from bot.rules import permissions
from bot.rules.permissions import Seat
from storage.vocabulary import ItemState, Role

TK, RLK = 1, 2

EVERY_ROLE = set(Role)
LEADING = {Role.CHAIR, Role.DEPUTY_CHAIR, Role.COORDINATOR}

RIGHTS = [
    (permissions.may_see, EVERY_ROLE),
    (permissions.may_answer, EVERY_ROLE),
    (permissions.may_submit, EVERY_ROLE),
    (permissions.may_vote, EVERY_ROLE - {Role.ADVISORY, Role.GUEST}),
    (permissions.may_schedule, LEADING),
    (permissions.may_invite, LEADING),
    (permissions.may_move, LEADING),
    (permissions.may_cancel, LEADING),
    (permissions.may_decide_items, LEADING),
    (permissions.may_hand_over, LEADING),
    (permissions.may_keep_seats, LEADING),
    (permissions.may_record, LEADING | {Role.MINUTE_TAKER}),
]


def test_every_right_of_a_seat_is_in_the_table() -> None:
    rights = {name for name in vars(permissions) if name.startswith("may_")}

    assert rights == {may.__name__ for may, _ in RIGHTS} | {"may_do_for", "may_see_item", "may_administer"}


@pytest.mark.parametrize(("may", "roles"), RIGHTS)
def test_right_belongs_to_exactly_these_roles(may: permissions.Right, roles: set[Role]) -> None:
    assert {role for role in Role if may([Seat(body=TK, role=role)], TK)} == roles


@pytest.mark.parametrize(("may", "roles"), RIGHTS)
def test_right_in_one_body_is_none_in_another(may: permissions.Right, roles: set[Role]) -> None:
    seats = [Seat(body=RLK, role=role) for role in roles]

    assert not may(seats, TK)


@pytest.mark.parametrize(("may", "roles"), RIGHTS)
def test_right_of_one_seat_among_several_is_enough(may: permissions.Right, roles: set[Role]) -> None:
    seats = [Seat(body=RLK, role=Role.GUEST), *(Seat(body=TK, role=role) for role in roles)]

    assert may(seats, TK)


@pytest.mark.parametrize(("may", "roles"), RIGHTS)
def test_nobody_without_a_seat_has_a_right(may: permissions.Right, roles: set[Role]) -> None:
    assert roles
    assert not may([], TK)


@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("role", Role)
def test_item_that_is_on_no_agenda_is_for_its_submitter_and_who_decides(
    state: ItemState, *, own: bool, role: Role
) -> None:
    hidden = state in {ItemState.PROPOSED, ItemState.REJECTED, ItemState.WITHDRAWN}
    seats = [Seat(body=TK, role=role)]

    assert permissions.may_see_item(seats, TK, state=state, own=own) is (not hidden or own or role in LEADING)
    assert not permissions.may_see_item(seats, RLK, state=state, own=own)


@pytest.mark.parametrize(
    ("own", "represented", "allowed"),
    [
        ([Seat(body=TK, role=Role.MEMBER)], [Seat(body=TK, role=Role.GUEST)], True),
        ([Seat(body=TK, role=Role.MEMBER)], [Seat(body=RLK, role=Role.CHAIR)], False),
        ([Seat(body=RLK, role=Role.CHAIR)], [Seat(body=TK, role=Role.MEMBER)], False),
        ([Seat(body=TK, role=Role.CHAIR)], [], False),
    ],
)
def test_doing_it_for_somebody_needs_the_right_of_both(
    own: list[Seat],
    represented: list[Seat],
    allowed: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert permissions.may_do_for(permissions.may_submit, own, represented, TK) is allowed


def test_administering_is_a_flag() -> None:
    assert permissions.may_administer(administrator=True)
    assert not permissions.may_administer(administrator=False)
