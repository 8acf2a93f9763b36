"""Who waits for what happens next: the pages of people, getUpdates and the webhook.

Nothing is handed over here. A waiter is woken and reads the rows again, from the change number that it had reached: so
nothing can be lost, and a thousand changes in a row are one waking.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(eq=False)
class Reader:
    """One open page. `typing` collects the chats in which the bot began to type since the last look."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    typing: set[int] = field(default_factory=set)


class Feed:
    """Wakes readers; a private chat (positive id) concerns one person, a group anybody."""

    def __init__(self) -> None:
        self._readers: defaultdict[int, set[Reader]] = defaultdict(set)
        self._updates = asyncio.Event()

    @contextlib.contextmanager
    def reader(self, user_id: int) -> Iterator[Reader]:
        """A reader for as long as the page is open."""
        reader = Reader()
        self._readers[user_id].add(reader)
        try:
            yield reader
        finally:
            self._readers[user_id].discard(reader)
            if not self._readers[user_id]:
                del self._readers[user_id]

    def wake(self, chat_id: int) -> None:
        """Something changed in the chat."""
        for reader in self._concerned(chat_id):
            reader.woken.set()

    def typing(self, chat_id: int) -> None:
        """The bot is writing. Nobody misses it later, so there is no row."""
        for reader in self._concerned(chat_id):
            reader.typing.add(chat_id)
            reader.woken.set()

    def _concerned(self, chat_id: int) -> list[Reader]:
        if chat_id > 0:
            return list(self._readers.get(chat_id, ()))
        return [reader for readers in self._readers.values() for reader in readers]

    def update_queued(self) -> None:
        """An update waits for getUpdates or the webhook."""
        waited, self._updates = self._updates, asyncio.Event()
        waited.set()

    def next_update(self) -> asyncio.Event:
        """Set when the next update is queued. Take it first, then look for updates, then wait."""
        return self._updates
