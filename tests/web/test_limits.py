from datetime import datetime, timedelta

from bot.rules.limits import Rate
from bot.web.limits import Limit


def test_limit_counts_within_a_sliding_span(now: datetime) -> None:
    limit = Limit(Rate(2, timedelta(minutes=1)))

    asked = [limit.allows("a", now + timedelta(seconds=seconds)) for seconds in (0, 30, 59, 60, 61, 90)]

    assert asked == [True, True, False, True, False, True]


def test_limit_counts_each_key_by_itself(now: datetime) -> None:
    limit = Limit(Rate(1, timedelta(minutes=1)))

    asked = [limit.allows(key, now) for key in ("a", "b", "a", "b")]

    assert asked == [True, True, False, False]


def test_limit_forgets_the_key_that_was_silent_longest(now: datetime) -> None:
    limit = Limit(Rate(1, timedelta(minutes=1)), remembered=2)

    asked = [limit.allows(key, now) for key in ("a", "b", "a", "c", "a", "b")]

    assert asked == [True, True, False, True, False, True]
