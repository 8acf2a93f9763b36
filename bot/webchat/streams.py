"""The open streams of the chat page: server-sent events."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from aiohttp import web

# A browser opens six connections to a host that speaks HTTP/1.1. One person's windows must leave some for everything else.
STREAMS_PER_PERSON = 4

Reason = Literal["elsewhere", "restart", "signed_out"]


class Stream(NamedTuple):
    """One that is open: who asked for it, and what is done when it has to end."""

    request: web.Request
    ended: asyncio.Future[Reason]

    def end(self, reason: Reason) -> None:
        """Have it end, if it does not do so already."""
        if not self.ended.done():
            self.ended.set_result(reason)


@dataclass
class Streams:
    """Who is listening. One stream too many ends the person's oldest: a window that nobody looks at wakes when it is shown."""

    most: int = STREAMS_PER_PERSON
    _open: defaultdict[int, list[Stream]] = field(default_factory=lambda: defaultdict(list))

    @contextlib.contextmanager
    def open(self, person_id: int, request: web.Request) -> Iterator[asyncio.Future[Reason]]:
        """A stream, for as long as the block runs. The future is done when it has to end."""
        mine = self._open[person_id]
        stream = Stream(request, asyncio.get_running_loop().create_future())
        mine.append(stream)
        if len(mine) > self.most:
            mine.pop(0).end("elsewhere")
        try:
            yield stream.ended
        finally:
            if stream in mine:
                mine.remove(stream)
            if not mine and self._open.get(person_id) is mine:
                del self._open[person_id]

    @property
    def listening(self) -> list[Stream]:
        """Those that are open."""
        return [stream for streams in self._open.values() for stream in streams]

    def end(self) -> None:
        """End them all: the program is going down, and the pages will come back."""
        for stream in self.listening:
            stream.end("restart")


def event(name: str, number: int, data: object) -> bytes:
    """One event; `number` is where the page goes on when it comes back. JSON has no line break that would end it early."""
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
