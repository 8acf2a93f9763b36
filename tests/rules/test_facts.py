import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules import facts
from bot.rules.facts import (
    FULL,
    TITLES,
    AnswerLink,
    FeedLink,
    JoinLink,
    OneTimeLink,
    PersonName,
    Place,
    Plain,
    Text,
    Title,
)
from storage.vocabulary import Role

MOMENT = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
KINDS = (Plain, Title, Place, PersonName, JoinLink, Text)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = words.filter(lambda word: word != "$")
moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)).flatmap(  # noqa: DTZ001  # given a zone below
    lambda naive: st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5, minutes=-30))]).map(
        lambda zone: naive.replace(tzinfo=zone)
    )
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    words,
    *(words.map(kind) for kind in KINDS),
    moments,
    st.dates(),
    st.sampled_from(["sign_in", "invitation"]).map(OneTimeLink),
    st.integers(1, 99).map(FeedLink),
    st.integers(1, 99).map(AnswerLink),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)


def kinds_of(value: Any) -> Any:  # noqa: ANN401  # facts of every kind
    """The value with each text replaced by its type: equality of strings does not see it."""
    if isinstance(value, dict):
        return {key: kinds_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [kinds_of(inner) for inner in value]
    return type(value)


@given(st.dictionaries(names, values, max_size=4))
def test_decode_gives_back_what_encode_was_given(told: dict[str, Any]) -> None:
    back = facts.decode(json.loads(json.dumps(facts.encode(told))))

    assert back == told
    assert kinds_of(back) == kinds_of(told)


def test_encode_keeps_the_type_of_a_text_beside_it() -> None:
    assert facts.encode({"title": Title("82. TK"), "note": "so"}) == {"title": {"$": ["Title", "82. TK"]}, "note": "so"}


def test_encode_makes_a_word_of_the_vocabulary_plain() -> None:
    back = facts.decode(facts.encode(Role.CHAIR))

    assert (back, type(back)) == ("chair", Plain)


def test_encode_makes_a_list_of_a_tuple() -> None:
    assert facts.encode((1, Title("a"))) == [1, {"$": ["Title", "a"]}]


def test_encode_keeps_the_offset_of_a_moment() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=1)))

    assert facts.encode(there) == {"$": ["at", "2026-11-24T14:30:00+01:00"]}


@dataclass(frozen=True)
class Stray:
    number: int


@pytest.mark.parametrize("value", [MOMENT.replace(tzinfo=None), Stray(1), Stray, {1, 2}, b"x"], ids=repr)
def test_encode_refuses_what_is_no_fact(value: object) -> None:
    with pytest.raises(TypeError):
        facts.encode({"fact": value})


def test_encode_refuses_a_name_that_stands_for_a_type() -> None:
    with pytest.raises(TypeError):
        facts.encode({"$": ["Title", "82. TK"]})


@pytest.mark.parametrize(
    ("fact", "level_from"),
    [
        (Plain("accepted"), TITLES),
        (Title("82. TK"), TITLES),
        (Place("Rathaus"), TITLES),
        (PersonName("Ben Özdemir"), FULL),
        (JoinLink("https://video.example/tk"), FULL),
        (Text("So soll es sein."), FULL),
        ("untyped", FULL),
        (Role.CHAIR, TITLES),
        (90, TITLES),
        (True, TITLES),
        (MOMENT, TITLES),
        (date(2026, 11, 24), TITLES),
        (AnswerLink(7), TITLES),
    ],
)
def test_at_level_shows_a_fact_from_its_level_on(fact: object, level_from: int) -> None:
    shown = {level: facts.at_level({"fact": fact}, level)["fact"] for level in (TITLES, FULL)}

    assert shown == {level: fact if level >= level_from else None for level in (TITLES, FULL)}


def test_at_level_looks_into_mappings_and_lists() -> None:
    told = {"meeting": {"title": Title("82. TK"), "join_link": JoinLink("https://v"), "notes": [[Text("x")]]}}

    assert facts.at_level(told, TITLES) == {
        "meeting": {"title": "82. TK", "join_link": None, "notes": [[None]], "notes_folded": 0}
    }


def test_at_level_folds_entries_of_stricter_bodies_and_counts_them() -> None:
    told = {
        "meetings": [
            {"level": 1, "title": Title("strict")},
            {"level": 2, "title": Title("shown"), "chair": PersonName("Anna Arendt")},
            {"level": 0, "title": Title("strictest")},
            {"level": 3, "title": Title("open"), "chair": PersonName("Ben Özdemir")},
        ]
    }

    assert facts.at_level(told, FULL) == {
        "meetings": [
            {"level": 2, "title": "shown", "chair": None},
            {"level": 3, "title": "open", "chair": "Ben Özdemir"},
        ],
        "meetings_folded": 2,
    }


def test_at_level_never_raises_an_entry_above_the_readers_level() -> None:
    told = {"people": ({"level": 3, "name": PersonName("Anna Arendt")},)}

    assert facts.at_level(told, TITLES) == {"people": [{"level": 3, "name": None}], "people_folded": 0}


def test_at_level_counts_nothing_folded_in_an_empty_list() -> None:
    assert facts.at_level({"items": []}, TITLES) == {"items": [], "items_folded": 0}


def test_answer_link_that_an_earlier_version_queued_can_be_read() -> None:
    assert facts.decode({"$": ["AnswerLink", 7]}) == AnswerLink(7)
