"""People's pages from outside: browsers that are signed in, listen to what happens, and ask a Faden in a process of its own."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from bot.web.middlewares import SESSION_COOKIE
from tests.bench.town_shape import Town
from tests.crash import house
from tests.crash.house import SERVING

PATIENCE = aiohttp.ClientTimeout(total=60)
FOR_EVER = aiohttp.ClientTimeout(total=None)
LINE_BYTES = 2**20
OPENED_SECONDS = 300.0


@dataclass
class Browser:
    """The page of one person. `said` has Faden's messages to them, with the moment at which each was there."""

    session: aiohttp.ClientSession
    address: str
    person: int
    token: str
    said: list[tuple[int, float]] = field(default_factory=list)
    heard: list[tuple[str, float]] = field(default_factory=list)  # of groups: what was written, and when it was there
    failures: list[str] = field(default_factory=list)
    _keys: "count[int]" = field(default_factory=count)
    _events: aiohttp.StreamReader | None = None

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Cookie": f"{SESSION_COOKIE}={self.token}"}

    async def get(self, path: str) -> bytes:
        """Ask for something; what is refused is a failure."""
        return await self._asked("GET", path)

    async def send(self, chat: int, text: str) -> int:
        """Write a text; gives its number in the chat, or 0 when it was not taken in."""
        key = f"{self.person}-{next(self._keys)}-{time.monotonic_ns()}"
        body = await self._asked("POST", "/chat/api/send", {"chat": chat, "text": text, "key": key})
        return int(json.loads(body)["message"]["id"]) if body else 0

    async def _asked(self, method: str, path: str, content: object = None) -> bytes:
        asking = self.session.request(
            method, self.address + path, json=content, headers=self._headers, timeout=PATIENCE
        )
        try:
            async with asking as answer:
                if answer.status == 200:
                    return await answer.read()
                self.failures.append(f"{method} {path.partition('?')[0]}: {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failures.append(f"{method} {path.partition('?')[0]}: {type(error).__name__}")
        return b""

    async def open(self, opened: AsyncExitStack) -> None:
        """Load the page, and listen from then on; a page that is refused stays closed, and is a failure."""
        await self.get("/chat")
        after = json.loads(await self.get("/chat/api/chats") or b'{"number": 0}')["number"]
        address = f"{self.address}/chat/api/changes?after={after}"
        asking = self.session.get(address, headers=self._headers, timeout=FOR_EVER, read_bufsize=LINE_BYTES)
        answer = await opened.enter_async_context(asking)
        if answer.status != 200:
            self.failures.append(f"GET /chat/api/changes: {answer.status}")
            return
        await answer.content.readline()  # it says at once that it is there
        self._events = answer.content

    async def listen(self) -> None:
        """Take in what the page is told, until it is told no more."""
        if self._events is None:
            return
        while line := await self._events.readline():
            if line.startswith(b"data: {"):
                self._told(json.loads(line.removeprefix(b"data: ")), time.perf_counter())
        self.failures.append("the stream ended")

    def _told(self, news: Mapping[str, Any], at: float) -> None:
        for message in news["messages"]:
            if message["chat"] == self.person and message.get("sender") is None and "deleted" not in message:
                self.said.append((message["id"], at))
            elif message["chat"] < 0:
                self.heard.append((message["text"], at))


@dataclass(frozen=True)
class Served:
    """A Faden in a process of its own: where it serves, and its process."""

    address: str
    pid: int

    def cpu(self) -> float:
        """The seconds of a processor that it has used so far."""
        return cpu_seconds(self.pid)


@asynccontextmanager
async def served(url: str, directory: Path) -> AsyncIterator[Served]:
    """`serve` on that database, for as long as the block lasts."""
    port = house.free_port()
    async with house.serving(directory, house.settings(url, directory, port)) as faden:
        await faden.says(SERVING)
        yield Served(f"http://127.0.0.1:{port}", faden.process.pid)
        assert await faden.ends() == 0


@asynccontextmanager
async def opened(town: Town, address: str, people: list[int]) -> AsyncIterator[list[Browser]]:
    """The pages of these people, open and listening."""
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        browsers = [Browser(session, address, person, town.token(person)) for person in people]
        async with asyncio.timeout(OPENED_SECONDS):
            for browser in browsers:  # one after the other: that all come at the same moment is not measured here
                await browser.open(stack)
        listening = [asyncio.create_task(browser.listen()) for browser in browsers]
        try:
            yield browsers
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)


def cpu_seconds(pid: int) -> float:
    """The seconds of a processor that a process has used so far, to a hundredth."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
