"""A month as a grid with calendar weeks, for picking a day with the thumb."""

import calendar
from datetime import date, timedelta
from typing import Any

from bot.rules.facts import Plain

MONTHS_AHEAD = 18


def month_grid(first: date, today: date) -> dict[str, Any]:
    """The weeks of the month that begins on `first`: each with its ISO week and seven days.

    A day is None when it lies in another month or before today. `before` and `after` are the neighbouring months ("2026-12"),
    None where there is nothing to pick.
    """
    weeks = [
        {
            "number": week[0].isocalendar().week,
            "days": [day if day.month == first.month and day >= today else None for day in week],
        }
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
        if week[-1] >= today
    ]
    previous = first - timedelta(days=1)
    following = (first + timedelta(days=31)).replace(day=1)
    last = today + timedelta(days=31 * MONTHS_AHEAD)
    return {
        "month": first,
        "weeks": weeks,
        "before": Plain(f"{previous:%Y-%m}") if previous >= today else None,
        "after": Plain(f"{following:%Y-%m}") if following <= last else None,
    }
