"""Telegram's limits on how fast a bot may write, enforced to the letter."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from bot.webchat.calls import Call
from bot.webchat.errors import ApiError, bad_request
from bot.webchat.server import Fault

PACED = {"sendmessage", "senddocument", "editmessagetext", "editmessagecaption", "editmessagereplymarkup"}


def too_many_requests(seconds: int) -> ApiError:
    """429: not before so many seconds have passed."""
    description = f"Too Many Requests: retry after {seconds}"
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, description, {"retry_after": seconds})


@dataclass(frozen=True)
class Limit:
    """At most so many in any span of so many seconds."""

    count: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """`chat` bounds bursts: Telegram lets a few messages pass at once, and one a second in the long run."""

    overall: Limit = Limit(30, 1)
    chat: Limit = Limit(3, 3)
    group: Limit = Limit(20, 60)


class Pace:
    """Remembers what was sent, as far back as the limits look."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sent: defaultdict[int | None, deque[datetime]] = defaultdict(deque)

    def wait(self, chat_id: int, now: datetime) -> int:
        """Seconds until a message to this chat is allowed; 0 when it is now, and then it counts as sent."""
        windows = [(None, self.limits.overall), (chat_id, self.limits.group if chat_id < 0 else self.limits.chat)]
        seconds = max(self._seconds(key, limit, now) for key, limit in windows)
        if seconds > 0:
            return math.ceil(seconds)
        for key, _ in windows:
            self._sent[key].append(now)
        return 0

    def _seconds(self, key: int | None, limit: Limit, now: datetime) -> float:
        sent = self._sent[key]
        while sent and now - sent[0] >= timedelta(seconds=limit.seconds):
            sent.popleft()
        if len(sent) < limit.count:
            return 0
        return limit.seconds - (now - sent[0]).total_seconds()


def enforced(limits: Limits, clock: Callable[[], datetime]) -> Callable[[Call], Fault | None]:
    """The `faults` of a server that refuses what comes too fast."""
    pace = Pace(limits)

    def refuse(call: Call) -> Fault | None:
        if call.method.lower() not in PACED:
            return None
        chat_id = call.integer("chat_id")
        if chat_id is None:
            return Fault(error=bad_request("chat_id is empty"))
        seconds = pace.wait(chat_id, clock())
        return Fault(error=too_many_requests(seconds)) if seconds else None

    return refuse
