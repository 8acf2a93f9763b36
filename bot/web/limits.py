"""How often somebody may ask."""

from collections import OrderedDict, deque
from datetime import datetime

from bot.rules.limits import Rate

REMEMBERED = 10_000


class Limit:
    """A rate per key, in memory. Remembers a bounded number of keys; the longest silent one goes first."""

    def __init__(self, rate: Rate, *, remembered: int = REMEMBERED) -> None:
        """Begin with nobody."""
        self.within = rate.within
        self._times = rate.times
        self._remembered = remembered
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, key: str, now: datetime) -> bool:
        """Count this request in, unless it is one too many."""
        asked = self._asked.setdefault(key, deque())
        self._asked.move_to_end(key)
        if len(self._asked) > self._remembered:
            self._asked.popitem(last=False)
        while asked and asked[0] <= now - self.within:
            asked.popleft()
        if len(asked) >= self._times:
            return False
        asked.append(now)
        return True
