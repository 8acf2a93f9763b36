"""Waiting for one's turn: the pure pacer of each network, and the clock to wait by."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.rules.pacing import Pacer
from storage.vocabulary import Lane, Network

PATIENCE = timedelta(seconds=5)


class Later(Exception):
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

    async def wait(self, network: Network, chat_id: int, lane: Lane) -> None:
        """Return when a message may go to the chat, and book it. Raises Later."""
        pacer = self.pacers.get(network)
        now = self.now()
        while pacer is not None:
            if self.closing.is_set():
                raise Later(None)
            slot = pacer.next_slot(chat_id, lane, now)
            if slot <= now:
                pacer.take(chat_id, lane, now)
                return
            if slot - now > PATIENCE:
                raise Later(slot)
            await asyncio.sleep((slot - now).total_seconds())
            now = max(self.now(), slot)  # it has been slept for, even if the clock was set back or stands still

    def throttled(self, network: Network, chat_id: int, lane: Lane, until: datetime) -> None:
        """The network refused a message before that moment."""
        if network in self.pacers:
            self.pacers[network].throttled(chat_id, lane, until)

    def arrived(self, network: Network, lane: Lane) -> None:
        """A message went through."""
        if network in self.pacers:
            self.pacers[network].arrived(lane)
