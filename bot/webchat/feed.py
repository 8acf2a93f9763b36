"""Who waits for what happens next: pages for their rooms, a press for its answer, getUpdates and the webhook for updates.

Nothing is handed over here. Whoever waits is woken and reads the rows: so nothing can be lost, and a thousand changes in a row
are one waking.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from bot.hub import Hub


class Feed:
    """Wakes those who wait. A chat is a room of the hub, under its id."""

    def __init__(self) -> None:
        self.hub = Hub()
        self._typing: set[int] = set()
        self._presses: dict[str, asyncio.Event] = {}
        self._updates = asyncio.Event()

    def wake(self, chat_id: int) -> None:
        """Something changed in the chat."""
        self.hub.wake([chat_id])

    def typing(self, chat_id: int) -> None:
        """The bot is writing. Nobody misses it later, so there is no row."""
        if self.hub.listeners:
            self._typing.add(chat_id)
            self.hub.wake([chat_id])

    def typed(self, chat_ids: set[int]) -> set[int]:
        """In which of these chats the bot has begun to write since they were looked at."""
        typed = self._typing & chat_ids
        self._typing -= typed
        return typed

    @contextlib.contextmanager
    def answer_to(self, callback_query_id: str) -> Iterator[asyncio.Event]:
        """Set when the press is answered. Take it first, then look for the answer, then wait."""
        self._presses[callback_query_id] = answered = asyncio.Event()
        try:
            yield answered
        finally:
            del self._presses[callback_query_id]

    def answered(self, callback_query_id: str) -> None:
        """A press was answered."""
        if waiting := self._presses.get(callback_query_id):
            waiting.set()

    def update_queued(self) -> None:
        """An update waits for getUpdates or the webhook."""
        waited, self._updates = self._updates, asyncio.Event()
        waited.set()

    def next_update(self) -> asyncio.Event:
        """Set when the next update is queued. Take it first, then look for updates, then wait."""
        return self._updates


class Polls:
    """The one getUpdates that may wait; a new one ends it."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None

    @contextlib.contextmanager
    def take_over(self) -> Iterator[asyncio.Future[None]]:
        """Be the one that waits. The future is done as soon as somebody else takes over."""
        self.end()
        mine = self._waiting = asyncio.get_running_loop().create_future()
        try:
            yield mine
        finally:
            if self._waiting is mine:
                self._waiting = None

    @property
    def waits(self) -> bool:
        """Whether a getUpdates is under way."""
        return self._waiting is not None

    def end(self) -> None:
        """End the one that waits, if there is one."""
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None
