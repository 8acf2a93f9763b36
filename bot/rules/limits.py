"""How much one person may send and ask for, and how long that may take.

A town sets its quota of files itself, in its settings; how large a webhook's request and a list of people may be stands beside
their readers. What is counted is counted from rows, so that a restart forgives nothing; only who asks from which place is kept
in memory, because such addresses are not to be stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.rules.refusals import Refusal

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class Rate:
    """At most `times` in any span `within`."""

    times: int
    within: timedelta


# What somebody who has signed in may send, in the web chat.
TEXTS: Final = (Rate(30, MINUTE), Rate(300, HOUR))
PRESSES: Final = (Rate(60, MINUTE), Rate(600, HOUR))
FILES: Final = (Rate(30, DAY),)

# What anybody may ask for. An office has one address on the network; a mail address belongs to one person.
SIGN_IN_LINKS: Final = (Rate(5, HOUR), Rate(20, DAY))
SIGN_IN_TRIES_FROM_ONE_PLACE: Final = Rate(60, timedelta(minutes=10))
FEED_READS: Final = Rate(60, MINUTE)

# What one request may carry. A file has what a form around it adds, up to the last.
FILE_BYTES: Final = 20 * MEGABYTE
REQUEST_BYTES: Final = 21 * MEGABYTE
PARTS: Final = 20
FIELD_BYTES: Final = 64 * 1024
KEY_LENGTH: Final = 64

# How long a request may keep us waiting.
HEADER_SECONDS: Final = 30.0
SILENT_SECONDS: Final = 60.0


class OtherMessage(Refusal):
    """Under this key the page has sent something else."""


class TooManyTexts(Refusal):
    """More texts than people write; in `minutes` there is room for one."""


class TooManyPresses(Refusal):
    """More presses than people make; in `minutes` there is room for one."""


class TooManyFiles(Refusal):
    """More than `times` files in a day; in `minutes` there is room for one."""


class FilesTooLarge(Refusal):
    """With this one the person's files would have more than `limit` megabytes."""


class TooManyLinks(Refusal):
    """More sign-in links for one address than anybody needs; in `minutes` there is one again."""


def minutes_until_room(rates: Sequence[Rate], earlier: Sequence[datetime], now: datetime) -> int:
    """How many minutes, rounded up, until one more fits; 0 when it does now. `earlier` is in any order.

    No more is needed of it than the newest `most(rates)` within the last `longest(rates)`.
    """
    newest_first = sorted(earlier, reverse=True)
    waits = [newest_first[rate.times - 1] + rate.within - now for rate in rates if len(newest_first) >= rate.times]
    longest_wait = max(waits, default=timedelta())
    return max(0, -(-longest_wait // MINUTE))


def most(rates: Sequence[Rate]) -> int:
    """How many of the newest have to be known."""
    return max(rate.times for rate in rates)


def longest(rates: Sequence[Rate]) -> timedelta:
    """How far back has to be looked."""
    return max(rate.within for rate in rates)
