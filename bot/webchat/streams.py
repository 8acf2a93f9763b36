"""The open streams of the chat page: server-sent events."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

# A browser opens six connections to a host that speaks HTTP/1.1. One person's windows must leave some for everything else.
STREAMS_PER_PERSON = 4

Reason = Literal["elsewhere", "restart"]


@dataclass
class Streams:
    """Who is listening. One stream too many ends the person's oldest: a window that nobody looks at wakes when it is shown."""

    most: int = STREAMS_PER_PERSON
    _open: defaultdict[int, list[asyncio.Future[Reason]]] = field(default_factory=lambda: defaultdict(list))

    @contextlib.contextmanager
    def open(self, person_id: int) -> Iterator[asyncio.Future[Reason]]:
        """A stream, for as long as the block runs. The future is done when it has to end."""
        mine = self._open[person_id]
        ended: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        mine.append(ended)
        if len(mine) > self.most:
            _end(mine.pop(0), "elsewhere")
        try:
            yield ended
        finally:
            if ended in mine:
                mine.remove(ended)
            if not mine and self._open.get(person_id) is mine:
                del self._open[person_id]

    @property
    def count(self) -> int:
        """How many are open."""
        return sum(map(len, self._open.values()))

    def end(self) -> None:
        """End them all: the program is going down, and the pages will come back."""
        for streams in self._open.values():
            for ended in streams:
                _end(ended, "restart")


def _end(ended: "asyncio.Future[Reason]", reason: Reason) -> None:
    if not ended.done():
        ended.set_result(reason)


def event(name: str, number: int, data: object) -> bytes:
    """One event; `number` is where the page goes on when it comes back. JSON has no line break that would end it early."""
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
