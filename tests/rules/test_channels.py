from typing import Any

import pytest

from bot.rules import channels
from bot.rules.channels import (
    Seat,
    Way,
    body_level,
    choose,
    everything,
    person_level,
    shown_on_telegram,
)
from bot.rules.facts import FULL, NOTHING, NUDGE, TITLES, PersonName, Plain, Text, Title
from storage.vocabulary import Network

TELEGRAM = Way(network=Network.TELEGRAM, address="101")
WEBCHAT = Way(network=Network.WEBCHAT, address="1")


def test_person_level_without_any_setting_bounds_nothing() -> None:
    assert person_level(None, [Seat(body=1)], 1) == FULL


def test_person_level_is_the_strictest_of_person_and_organisation() -> None:
    assert person_level(2, [Seat(body=1, organisation_level=1)], 1) == NUDGE
    assert person_level(0, [Seat(body=1, organisation_level=1)], 1) == NOTHING


def test_person_level_takes_the_organisation_of_the_seat_in_that_body() -> None:
    seats = [Seat(body=1, organisation_level=3), Seat(body=2, organisation_level=0)]

    assert person_level(None, seats, 1) == FULL


def test_person_level_takes_all_organisations_without_a_seat_there() -> None:
    seats = [Seat(body=1, organisation_level=3), Seat(body=2, organisation_level=1)]

    assert person_level(None, seats, None) == NUDGE
    assert person_level(None, seats, 7) == NUDGE


def test_body_level_of_the_row_comes_first() -> None:
    assert body_level(3, {"level": 1}) == 3


def test_body_level_is_the_strictest_that_the_facts_tell() -> None:
    facts = {"level": 3, "meeting": {"level": 1}, "meetings": [{"level": 0}], "minutes": 20}

    assert body_level(None, facts) == 1


def test_body_level_is_unknown_when_nobody_tells() -> None:
    assert body_level(None, {"meetings": [{"level": 0}], "meeting": {"level": None}}) is None


def test_choose_prefers_the_preferred_way() -> None:
    preferred = Way(network=Network.WEBCHAT, address="1", preferred=True)

    assert choose([TELEGRAM, preferred], FULL) == preferred


def test_choose_takes_telegram_when_none_is_preferred() -> None:
    assert choose([WEBCHAT, TELEGRAM], NUDGE) == TELEGRAM


def test_choose_leaves_telegram_out_at_level_0() -> None:
    assert choose([WEBCHAT, TELEGRAM], NOTHING) == WEBCHAT
    assert choose([TELEGRAM], NOTHING) is None


def test_choose_finds_nothing_for_who_has_no_channel() -> None:
    assert choose([], FULL) is None


def test_shown_on_telegram_takes_the_stricter_of_body_and_person() -> None:
    facts = {"title": Title("Ferienprogramm"), "who": PersonName("Nora Quint")}

    assert shown_on_telegram(facts, body=FULL, person=TITLES) == {"title": "Ferienprogramm", "who": None}
    assert shown_on_telegram(facts, body=FULL, person=FULL) == facts


def test_shown_on_telegram_without_a_body_keeps_to_the_default_level_except_for_entries_with_their_own() -> None:
    facts = {
        "what": Text("Rückmeldung"),
        "names": [PersonName("Nora Quint")],
        "items": [{"level": 3, "what": Text("offen")}, {"level": 1, "what": Text("geheim")}],
        "code": Plain("TK"),
    }

    assert shown_on_telegram(facts, body=None, person=FULL) == {
        "what": None,
        "names": [None],
        "names_folded": 0,
        "items": [{"level": 3, "what": "offen"}],
        "items_folded": 1,
        "code": "TK",
    }


def test_everything_hides_and_folds_nothing() -> None:
    facts = {"items": [{"level": 0, "papers": ["a"]}, "b"], "body": {"seats": (1, 2)}, "who": PersonName("Nora Quint")}

    assert everything(facts) == {
        "items": [{"level": 0, "papers": ["a"], "papers_folded": 0}, "b"],
        "items_folded": 0,
        "body": {"seats": [1, 2], "seats_folded": 0},
        "who": "Nora Quint",
    }


def test_bundle_has_the_level_of_its_most_open_entry() -> None:
    assert channels.bundle_level({"commitments": [{"level": 1}, {"level": 3}], "count": 2}) == 3
    assert channels.bundle_level({"count": 2}) is None


@pytest.mark.parametrize(
    ("person", "seats", "facts", "level"),
    [
        (None, [], {}, 3),
        (2, [], {}, 2),
        (None, [], {"meeting": {"level": 0}}, 0),
        (1, [Seat(body=1, body_level=3)], {"level": 2}, 1),
        (None, [Seat(body=1, body_level=0)], {}, 0),
        (None, [Seat(body=1, body_level=0), Seat(body=2, body_level=2)], {"level": 1}, 1),
    ],
)
def test_answer_is_carried_as_far_as_the_strictest_lets_it(
    person: int | None, seats: list[Seat], facts: dict[str, Any], level: int
) -> None:
    assert channels.answer_level(person, seats, facts) == level
