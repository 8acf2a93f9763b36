"""Telegram's pace, on invented time."""

from datetime import datetime, timedelta

import pytest

from tests.telegram_rates import Limit, Limits, Pace


@pytest.mark.parametrize(
    ("chat_ids", "apart", "passed"),
    [
        ([1] * 5, 0.0, 3),  # a burst to one person
        ([1] * 90, 1.0, 90),  # one a second to one person
        (list(range(1, 41)), 0.0, 30),  # everybody at once
        ([-1] * 25, 1.0, 20),  # a group within a minute
        ([-1] * 60, 3.0, 60),  # a group, every three seconds
    ],
)
def test_messages_pass_as_far_as_the_limits_allow(
    now: datetime, chat_ids: list[int], apart: float, passed: int
) -> None:
    pace = Pace(Limits())

    waits = [pace.wait(chat_id, now + timedelta(seconds=apart * number)) for number, chat_id in enumerate(chat_ids)]

    assert waits.count(0) == passed


def test_wait_is_exact_and_a_refused_message_does_not_count(now: datetime) -> None:
    pace = Pace(Limits(chat=Limit(1, 10)))
    pace.wait(1, now)

    assert pace.wait(1, now + timedelta(seconds=2.5)) == 8
    assert pace.wait(1, now + timedelta(seconds=9.9)) == 1
    assert pace.wait(1, now + timedelta(seconds=10)) == 0
