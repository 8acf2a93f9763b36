"""Rooms, and the pages that listen to them: what is new in a room is read once, however many pages show it.

Whoever changes something wakes its room, once that is committed. The rooms woken meanwhile are looked at together, one look after
the other: it reads what is new in them, asks who may know of it today, and tells the pages of those people. What nobody has open
is not looked at, and a page that nothing concerns does nothing. A look that fails is made again. Nothing is kept here that no row
knows: a page that comes later, or comes back, reads for itself what it has missed.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

# A browser opens six connections to a host that speaks HTTP/1.1. One person's windows must leave some for everything else.
PAGES_PER_PERSON = 4
MOST_UNHEARD = 500  # events that a page does not take; it comes back then, and reads what it has missed
AGAIN_SECONDS = 1.0

Reason = Literal["elsewhere", "restart", "signed_out"]
Look = Callable[[set[int]], Awaitable[None]]


@dataclass(eq=False)
class Listener:
    """An open page: who asked for it, the rooms that it shows, and from which change on it is told what is new."""

    person: int
    request: web.Request
    rooms: frozenset[int]
    since: int
    ended: Reason | None = None
    _told: list[bytes] = field(default_factory=list)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, event: bytes) -> None:
        """Have the page hear of it."""
        self._told.append(event)
        self._stirred.set()
        if len(self._told) > MOST_UNHEARD:
            self.end("restart")

    def end(self, reason: Reason) -> None:
        """Have the page hear nothing more, and why."""
        self.ended = self.ended or reason
        self._told.clear()
        self._stirred.set()

    async def heard(self, seconds: float) -> bytes:
        """What the page is told next; nothing when nothing comes for so long, or when it has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        self._stirred.clear()
        told = b"".join(self._told)
        self._told.clear()
        return told


@dataclass(eq=False)
class Hub:
    """Who listens. `look` is given the rooms that were woken; one page too many of a person ends their oldest."""

    look: Look | None = None
    most: int = PAGES_PER_PERSON
    between_looks: asyncio.Lock = field(default_factory=asyncio.Lock)
    _listening: defaultdict[int, list[Listener]] = field(default_factory=lambda: defaultdict(list))
    _woken: set[int] = field(default_factory=set)
    _looking: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def listening(self, listener: Listener) -> AsyncIterator[Listener]:
        """Tell the page what is new for as long as the block runs.

        It begins between two looks: what is committed by then the page reads for itself, and of everything later a look tells it.
        """
        async with self.between_looks:
            mine = self._listening[listener.person]
            mine.append(listener)
        if len(mine) > self.most:
            mine.pop(0).end("elsewhere")
        try:
            yield listener
        finally:
            if listener in mine:
                mine.remove(listener)
            if not mine and self._listening.get(listener.person) is mine:
                del self._listening[listener.person]

    @property
    def listeners(self) -> list[Listener]:
        """The pages that are open."""
        return [listener for pages in self._listening.values() for listener in pages]

    @property
    def looking(self) -> bool:
        """Whether rooms that were woken are being looked at."""
        return self._looking is not None

    def wake(self, rooms: Iterable[int]) -> None:
        """Something has changed in these rooms."""
        if not self._listening or self.look is None:
            return
        self._woken.update(rooms)
        if self._woken and self._looking is None:
            self._looking = asyncio.create_task(self._look(self.look))

    async def _look(self, look: Look) -> None:
        try:
            while self._woken and self._listening:
                woken, self._woken = self._woken, set()
                if not await self._looked(look, woken):
                    alone = {room for room in sorted(woken) if len(woken) == 1 or not await self._looked(look, {room})}
                    self._woken |= alone
        finally:
            self._looking = None

    async def _looked(self, look: Look, woken: set[int]) -> bool:
        """Whether they could be looked at; after a failure it waits a little. Those that fail must not silence the others."""
        try:
            async with self.between_looks:
                await look(woken)
        except Exception:
            log.exception("what is new could not be read, again soon", rooms=len(woken))
            await asyncio.sleep(AGAIN_SECONDS)
            return False
        return True

    def end(self) -> None:
        """End all pages: the program is going down, and they will come back."""
        for listener in self.listeners:
            listener.end("restart")


def event(name: str, data: object = None, *, number: int | None = None) -> bytes:
    """A server-sent event; `number` is where the page goes on when it comes back.

    JSON has no line break that would end it early.
    """
    place = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{place}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
