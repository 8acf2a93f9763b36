from datetime import UTC, date, datetime

import pytest

from bot.actions import access
from bot.rules import permissions
from bot.rules.facts import PersonName, Plain
from bot.rules.permissions import Seat
from bot.rules.refusals import NotAllowed, NotAMember, NotFoundHere
from storage.models import Membership, Person
from storage.vocabulary import Role
from tests.actions.cast import OUTSIDERS, YESTERDAY, Town
from tests.actions.invented import SINCE, a_seat


def test_today_is_the_day_of_the_person(anna: Person) -> None:
    late = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)

    assert access.today(anna, late) == date(2026, 11, 19)


@pytest.fixture
def anna() -> Person:
    return Person(given_name="Anna", family_name="Arendt", zone="Europe/Berlin")


def test_name_is_a_persons_name(anna: Person) -> None:
    name = access.name_of(anna)

    assert (name, type(name)) == ("Anna Arendt", PersonName)


async def test_memberships_are_those_of_today(town: Town, now: datetime) -> None:
    held = {name: [seat.body.code for seat in await access.memberships(town.person(name), now)] for name in OUTSIDERS}

    assert held == {"emil": ["SRT"], "frida": [], "lars": [], "nora": []}


@pytest.mark.parametrize(
    ("begins", "ends", "held"),
    [
        (SINCE, None, True),
        (SINCE, date(2026, 11, 18), True),
        (SINCE, YESTERDAY, False),
        (date(2026, 11, 18), None, True),
        (date(2026, 11, 19), None, False),
    ],
)
async def test_seat_is_held_from_its_first_to_its_last_day(
    town: Town, now: datetime, begins: date, ends: date | None, *, held: bool
) -> None:
    await Membership.create(body=town.tk, person=town.nora, role=Role.MEMBER, begins_on=begins, ends_on=ends)

    assert bool(await access.memberships(town.nora, now)) is held


async def test_memberships_go_by_the_rank_of_the_body(town: Town, now: datetime) -> None:
    await a_seat(town.ben, town.srt)

    seats = access.as_seats(await access.memberships(town.ben, now))

    assert seats == (Seat(body=town.srt.id, role=Role.MEMBER), Seat(body=town.tk.id, role=Role.MEMBER))


@pytest.mark.parametrize("wanted", ["TK", "tk", "Trägerkonferenz", " trägerkonferenz "])
async def test_body_is_found_by_what_people_call_it(town: Town, now: datetime, wanted: str) -> None:
    found = await access.body(town.ben, wanted, now, permissions.may_submit)

    assert found.id == town.tk.id


async def test_body_is_found_by_its_number(town: Town, now: datetime) -> None:
    found = await access.body(town.gesa, town.tk.id, now, permissions.may_see)

    assert found.id == town.tk.id


@pytest.mark.parametrize("name", ["ben", "dora", "gesa"])
async def test_body_is_refused_to_a_seat_without_the_right(town: Town, now: datetime, name: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        await access.body(town.person(name), "TK", now, permissions.may_schedule)

    assert refused.value.facts == {"body": Plain("TK")}


@pytest.mark.parametrize("name", OUTSIDERS)
async def test_body_is_refused_to_who_has_no_seat_as_if_it_were_not_there(town: Town, now: datetime, name: str) -> None:
    with pytest.raises(NotAMember) as here:
        await access.body(town.person(name), town.tk.id, now, permissions.may_see)
    with pytest.raises(NotAMember) as nowhere:
        await access.body(town.person(name), 999, now, permissions.may_see)

    assert here.value.facts == nowhere.value.facts == {"body": None}


async def test_body_that_was_typed_is_repeated_in_the_refusal(town: Town, now: datetime) -> None:
    with pytest.raises(NotAMember) as refused:
        await access.body(town.ben, "JHA", now, permissions.may_see)

    assert refused.value.facts == {"body": Plain("JHA")}


async def test_two_seats_in_a_body_add_up(town: Town, now: datetime) -> None:
    await a_seat(town.ben, town.tk, Role.COORDINATOR)

    found = await access.body(town.ben, "TK", now, permissions.may_schedule)
    bodies = await access.bodies(town.ben, now, permissions.may_schedule)

    assert (found.code, [body.code for body in bodies]) == ("TK", ["TK"])


async def test_named_body_is_that_body(town: Town, now: datetime) -> None:
    found = await access.named(town.ben, "tk", now, permissions.may_submit)

    assert found is not None
    assert found.id == town.tk.id


async def test_named_body_without_a_seat_is_refused(town: Town, now: datetime) -> None:
    with pytest.raises(NotAMember):
        await access.named(town.ben, "SRT", now, permissions.may_submit)


async def test_words_that_name_no_body_are_none(town: Town, now: datetime) -> None:
    assert await access.named(town.ben, "Kinderbauernhof", now, permissions.may_submit) is None


@pytest.mark.parametrize(
    ("name", "codes"),
    [("anna", ["TK"]), ("ada", ["TK"]), ("ben", []), ("emil", ["SRT"]), ("frida", []), ("lars", []), ("nora", [])],
)
async def test_bodies_are_those_with_the_right(town: Town, now: datetime, name: str, codes: list[str]) -> None:
    bodies = await access.bodies(town.person(name), now, permissions.may_schedule)

    assert [body.code for body in bodies] == codes


async def test_member_is_somebody_with_a_seat_today(town: Town, now: datetime) -> None:
    member = await access.member(town.anna, town.tk.id, now, town.gesa.id)

    assert member.id == town.gesa.id


@pytest.mark.parametrize("name", OUTSIDERS)
async def test_nobody_else_is_a_member(town: Town, now: datetime, name: str) -> None:
    with pytest.raises(NotFoundHere):
        await access.member(town.anna, town.tk.id, now, town.person(name).id)
