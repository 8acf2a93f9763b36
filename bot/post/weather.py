"""Whether a network takes messages at all: a network that is away is one thing, a message that fails is another.

While a network is away its notices wait, and none of their attempts is used up. One at a time may try, each time that a call
which sends nothing has been answered; the first answer to a sending brings the rest back. What may have arrived already is
tried only once more: where such calls are answered and sendings are not, it tries ever more seldom. A message that fails again
although more of the others have arrived meanwhile than failed is to blame itself.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.post.turns import TurnLost

RISKS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800))


class Away(TurnLost):
    """The network takes nothing now, and another notice is trying already."""


@dataclass
class Weather:
    """What is known of one network. `changed` is set when somebody should look: it has gone, is back, or there is news.

    `released` is False while notices may be held that wait for a network which is back. `asked_for` says that something waits
    for the network: it is worth asking whether it is there again. `refused`: it is there, and no longer knows the bot's token.
    """

    away: bool = False
    asked_for: bool = False
    refused: bool = False
    released: bool = True
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _place: bool = False
    _balance: int = 0
    _failures: dict[int, int] = field(default_factory=dict)
    _risks: int = 0
    _next_risk: datetime | None = None

    def admits(self) -> bool:
        """Whether it is worth preparing a sending."""
        return not self.away or self._place

    def enter(self) -> None:
        """Go, or take the one place of those who try. Raises Away."""
        if not self.away:
            return
        if not self._place:
            raise Away
        self._place = False

    def may_try(self) -> None:
        """The network has answered a call that sends nothing: one notice may try."""
        self._place = self.away

    def may_risk(self, now: datetime) -> bool:
        """Whether a notice may try that has perhaps arrived already; asked when nothing else can."""
        if self._next_risk is not None and now < self._next_risk:
            return False
        self._next_risk = now + RISKS[min(self._risks, len(RISKS) - 1)]
        self._risks += 1
        return True

    def silent(self) -> None:
        """The network does not even answer a call that sends nothing: when it does, anything is worth a try."""
        self._risks, self._next_risk = 0, None

    def token_refused(self) -> bool:
        """Note that the network refuses the bot's token; True when that is news."""
        news, self.refused = not self.refused, True
        return news

    def answered(self) -> None:
        """The network has answered a sending, if only with a refusal: it is there, and the rest may go."""
        self._balance += 1
        self.silent()
        if self.away:
            self.away = self._place = self.asked_for = self.refused = False
            self.released = False
            self.changed.set()

    def gone(self) -> None:
        """The network did not answer."""
        if not self.away:
            self.away = True
            self.changed.set()

    def failed(self, notice: int) -> bool:
        """Note that a sending failed; True when the notice is to blame, for since it failed before more arrived than failed."""
        before = self._failures.get(notice)
        if before is not None and before < self._balance:
            self._failures[notice] = self._balance
            return True
        self._balance -= 1
        self._failures[notice] = self._balance
        self.gone()
        return False

    def held(self) -> None:
        """A notice has been written down as waiting for the network, which may be back by now."""
        if not self.away:
            self.released = False
            self.changed.set()
        elif not self.asked_for:
            self.asked_for = True
            self.changed.set()

    def settled(self, notice: int) -> None:
        """Nothing more is tried with it."""
        self._failures.pop(notice, None)

    def news(self) -> None:
        """Somebody has been heard from there: ask now instead of in a moment."""
        if self.away:
            self.changed.set()
