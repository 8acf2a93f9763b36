from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules.calendar_grid import month_grid
from bot.rules.facts import Plain

TODAY = date(2026, 11, 18)


def shown(grid: dict[str, Any]) -> list[tuple[int, list[int | None]]]:
    return [(week["number"], [day.day if day else None for day in week["days"]]) for week in grid["weeks"]]


def test_month_ahead_shows_all_its_days_by_calendar_week() -> None:
    grid = month_grid(date(2026, 12, 1), TODAY)

    assert shown(grid) == [
        (49, [None, 1, 2, 3, 4, 5, 6]),
        (50, [7, 8, 9, 10, 11, 12, 13]),
        (51, [14, 15, 16, 17, 18, 19, 20]),
        (52, [21, 22, 23, 24, 25, 26, 27]),
        (53, [28, 29, 30, 31, None, None, None]),
    ]
    assert grid["month"] == date(2026, 12, 1)


def test_this_month_begins_with_today() -> None:
    grid = month_grid(date(2026, 11, 1), TODAY)

    assert shown(grid) == [
        (47, [None, None, 18, 19, 20, 21, 22]),
        (48, [23, 24, 25, 26, 27, 28, 29]),
        (49, [30, None, None, None, None, None, None]),
    ]


def test_january_may_begin_in_the_old_years_last_week() -> None:
    assert shown(month_grid(date(2027, 1, 1), TODAY))[0] == (53, [None, None, None, None, 1, 2, 3])


def test_neighbouring_months_are_named_as_buttons_carry_them() -> None:
    grid = month_grid(date(2026, 12, 1), TODAY)

    assert (grid["before"], grid["after"]) == ("2026-11", "2027-01")
    assert {type(grid["before"]), type(grid["after"])} == {Plain}


def test_there_is_nothing_before_this_month() -> None:
    assert month_grid(date(2026, 11, 1), TODAY)["before"] is None


def test_the_month_before_ends_with_today_at_the_earliest() -> None:
    assert month_grid(date(2026, 12, 1), date(2026, 11, 30))["before"] == "2026-11"
    assert month_grid(date(2026, 12, 1), date(2026, 12, 1))["before"] is None


def test_there_is_nothing_after_a_year_and_a_half() -> None:
    last = TODAY + timedelta(days=31 * 18)

    assert month_grid(last.replace(day=1), TODAY)["after"] is None
    assert month_grid((last.replace(day=1) - timedelta(days=1)).replace(day=1), TODAY)["after"] == f"{last:%Y-%m}"


@pytest.mark.parametrize("month", range(1, 13))
def test_the_month_after_is_the_next_one(month: int) -> None:
    after = month_grid(date(2027, month, 1), TODAY)["after"]

    assert after == (f"2027-{month + 1:02}" if month < 12 else "2028-01")


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.integers(0, 17))
def test_every_day_from_today_on_can_be_picked_exactly_once(today: date, months: int) -> None:
    first = today.replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)

    days = [day for week in month_grid(first, today)["weeks"] for day in week["days"] if day]

    assert days == [first + timedelta(days=n) for n in range((following - first).days) if first + timedelta(n) >= today]
