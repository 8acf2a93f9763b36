"""How long somebody has to wait, from when they did it before."""

from datetime import datetime, timedelta

import pytest

from bot.rules.limits import DAY, HOUR, MINUTE, Rate, longest, minutes_until_room, most

RATES = (Rate(2, MINUTE), Rate(3, HOUR))


@pytest.mark.parametrize(
    ("seconds_ago", "minutes"),
    [
        ([], 0),
        ([0], 0),
        ([0, 0], 1),
        ([0, 59], 1),
        ([0, 60], 0),
        ([60, 0], 0),  # in any order
        ([0, 600, 1200], 40),
        ([0, 600, 3599], 1),
        ([0, 600, 3600], 0),
        ([0, 30, 600], 50),  # the longer wait counts
    ],
)
def test_wait_lasts_until_one_more_fits_into_every_span(now: datetime, seconds_ago: list[int], minutes: int) -> None:
    earlier = [now - timedelta(seconds=seconds) for seconds in seconds_ago]

    assert minutes_until_room(RATES, earlier, now) == minutes


def test_what_has_to_be_known_is_bounded() -> None:
    assert (most(RATES), longest(RATES)) == (3, HOUR)
    assert longest((Rate(1, DAY), Rate(5, MINUTE))) == DAY
