"""Waiting for one's turn: the pure pacer of each network, and the clock to wait by."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.rules.pacing import Pacer, Sent
from storage.vocabulary import Lane, Network

PATIENCE = timedelta(seconds=5)


class TurnLost(Exception):
    """It may not leave now."""


class Later(TurnLost):
    """The turn is too far away to be waited for here; `until` is when to ask again, None when the post opens again."""

    def __init__(self, until: datetime | None) -> None:
        """Keep the moment."""
        super().__init__(until)
        self.until = until


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Networks without a pacer need no turns."""

    pacers: Mapping[Network, Pacer]
    now: Callable[[], datetime]
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def taken(self, network: Network, chat_id: int, lane: Lane) -> AsyncIterator[None]:
        """Wait until a message may go to the chat, and book the turn; the block sends it. Raises Later."""
        pacer = self.pacers.get(network)
        if pacer is None:
            yield
            return
        sent = await self._wait(pacer, chat_id, lane)
        try:
            yield
        finally:
            pacer.landed(sent, self.now())

    async def _wait(self, pacer: Pacer, chat_id: int, lane: Lane) -> Sent:
        now = self.now()
        while not self.closing.is_set():
            slot = pacer.next_slot(chat_id, lane, now)
            if slot <= now:
                return pacer.take(chat_id, lane, now, on_its_way=True)
            if slot - now > PATIENCE:
                raise Later(slot)
            await asyncio.sleep((slot - now).total_seconds())
            now = max(self.now(), slot)  # it has been slept for, even if the clock was set back or stands still
        raise Later(None)

    def throttled(self, network: Network, chat_id: int, lane: Lane, until: datetime) -> None:
        """The network refused a message before that moment."""
        if network in self.pacers:
            self.pacers[network].throttled(chat_id, lane, until)

    def arrived(self, network: Network, lane: Lane) -> None:
        """A message went through."""
        if network in self.pacers:
            self.pacers[network].arrived(lane)
