from datetime import UTC, datetime

import pytest

from bot.rules.backups import latest_call


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 18, 2, 0, tzinfo=UTC), datetime(2026, 11, 18, 2, 0, tzinfo=UTC)),
        (datetime(2026, 11, 18, 1, 59, tzinfo=UTC), datetime(2026, 11, 17, 2, 0, tzinfo=UTC)),
        (datetime(2026, 11, 17, 23, 30, tzinfo=UTC), datetime(2026, 11, 17, 2, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 7, 1, 1, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 12, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
    ids=["at the hour", "before it", "the next day in town", "in summer", "the day that summer ends"],
)
def test_latest_call_is_the_last_three_in_the_morning(now: datetime, expected: datetime) -> None:
    assert latest_call(now, hour=3, zone="Europe/Berlin") == expected
