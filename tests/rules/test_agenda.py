from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules import agenda
from bot.rules.agenda import Entry, Placed
from storage.vocabulary import ItemState, Purpose

STARTS = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)


def item(number: int, purpose: Purpose = Purpose.DECISION, **values: int | None) -> Entry:
    facts: dict[str, int | None] = {"position": number, "minutes": None, **values}
    position = facts.pop("position")
    assert position is not None
    return Entry(
        id=number,
        position=position,
        purpose=purpose,
        state=ItemState.ACCEPTED,
        minutes=facts["minutes"],
        slots=facts.get("slots"),
    )


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        (item(1, minutes=20), (20, False)),
        (item(1), (10, True)),
        (item(1, Purpose.CASE_CONSULTATION), (30, True)),
        (item(1, Purpose.CASE_CONSULTATION, slots=3), (90, True)),
        (item(1, Purpose.CASE_CONSULTATION, slots=3, minutes=45), (45, False)),
    ],
)
def test_length_is_what_was_said_or_else_assumed(entry: Entry, length: tuple[int, bool]) -> None:
    assert agenda.length(entry) == length


def test_placed_numbers_and_times_follow_the_durations() -> None:
    places = agenda.placed([item(1, minutes=20), item(2), item(3, Purpose.CASE_CONSULTATION, slots=2)], STARTS)

    assert places == [
        Placed(id=1, number=1, starts=STARTS, minutes=20, assumed=False),
        Placed(id=2, number=2, starts=STARTS + timedelta(minutes=20), minutes=10, assumed=True),
        Placed(id=3, number=3, starts=STARTS + timedelta(minutes=30), minutes=60, assumed=True),
    ]


def test_placed_orders_by_position_then_as_handed_in() -> None:
    places = agenda.placed([item(4, position=1), item(3, position=2), item(2, position=1), item(1, position=0)], STARTS)

    assert [place.id for place in places] == [1, 2, 4, 3]


def test_placed_puts_other_business_last() -> None:
    places = agenda.placed([item(1, Purpose.OTHER), item(3), item(2)], STARTS)

    assert [place.id for place in places] == [2, 3, 1]


def test_placed_without_items_is_empty() -> None:
    assert agenda.placed([], STARTS) == []


entries = st.builds(
    Entry,
    id=st.integers(1, 1000),
    position=st.integers(0, 20),
    purpose=st.sampled_from(Purpose),
    state=st.just(ItemState.ACCEPTED),
    minutes=st.none() | st.integers(1, 480),
    slots=st.none() | st.integers(1, 20),
)


@given(st.lists(entries, max_size=12, unique_by=lambda entry: entry.id), st.randoms())
def test_placed_loses_nothing_leaves_no_gap_and_does_not_mind_the_order_of_rows(
    items: list[Entry], random: st.DataObject
) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    places = agenda.placed(shuffled, STARTS)

    ends = [STARTS, *(place.starts + timedelta(minutes=place.minutes) for place in places)]
    assert sorted(place.id for place in places) == sorted(entry.id for entry in items)
    assert [place.number for place in places] == list(range(1, len(items) + 1))
    assert [place.starts for place in places] == ends[:-1]
    assert places == agenda.placed(items, STARTS)
