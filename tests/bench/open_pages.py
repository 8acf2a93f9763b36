"""M with the pages of 200 people open, who write and look things up: how long it takes, and that nothing fails."""

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from random import Random

from tests.bench import towns
from tests.bench.browsers import Browser, opened, served
from tests.bench.measure import Figure, system_now
from tests.bench.town_shape import Town
from tests.postgres import running

TRIES = 2
PEOPLE, SECONDS = (40, 15.0) if "CI" in os.environ else (200, 60.0)
ANSWERED_WITHIN = 30.0  # so long the last answers are waited for
BARS = {"own message taken in": 0.5, "answer": 1.5, "page": 0.3}
BESIDE_POSTGRES = 2.0  # times the bars: the server has the same two cores
P95 = 0.95


class Times:
    """What was done, and how long it took."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.taken_in: list[float] = []
        self.pages: list[float] = []
        self.asked: list[tuple[Browser, int, float]] = []

    async def writes(self, browser: Browser, chat: int, text: str) -> None:
        """Send a text; in one's own chat it is answered."""
        began = time.perf_counter()
        number = await browser.send(chat, text)
        self.taken_in.append(time.perf_counter() - began)
        if chat == browser.person:
            self.asked.append((browser, number, began))

    async def looks(self, browser: Browser, path: str) -> None:
        """Load a page."""
        began = time.perf_counter()
        await browser.get(path)
        self.pages.append(time.perf_counter() - began)

    def answers(self) -> list[float]:
        """Seconds to the answers that have come; of a text that was not taken in there is none."""
        found = []
        for browser, number, began in self.asked:
            moments = [at for message, at in browser.said if message > number and at >= began]
            found += [min(moments) - began] if number and moments else []
        return found


async def _person(town: Town, browser: Browser, dice: Random, times: Times) -> None:
    """Three actions and three page requests, each at a moment of its own."""
    body = max(body for body in town.seats if browser.person in town.members(body))
    meeting = next(met.id for met in town.meetings if met.body == body and met.ago == 1)
    doing = [
        times.writes(browser, browser.person, "/start"),
        times.writes(browser, browser.person, f"/top {town.code(body)}: Ferienprogramm, Beschluss, 20 min"),
        times.writes(browser, town.group(body), "Ich bringe den Schlüssel für den Saal mit."),
        times.looks(browser, "/chat"),
        times.looks(browser, "/chat/api/chats"),
        times.looks(browser, f"/sitzung/{meeting}/tagesordnung"),
    ]
    moments = [dice.uniform(0, SECONDS) for _ in doing]

    async def later(moment: float, work: Coroutine[None, None, None]) -> None:
        await asyncio.sleep(moment)
        await work

    await asyncio.gather(*(later(*one) for one in zip(moments, doing, strict=True)))


async def on(url: str, directory: Path, database: str, slower: float) -> list[Figure]:
    """Build the town there, open the pages, and let everybody begin."""
    town, times, dice = await towns.build(url, towns.M, now=system_now()), Times(), Random("pages")  # noqa: S311  # not for secrets
    async with served(url, directory) as faden, opened(town, faden.address, list(range(1, PEOPLE + 1))) as browsers:
        await asyncio.gather(*(_person(town, browser, dice, times) for browser in browsers))
        ends = time.perf_counter() + ANSWERED_WITHIN
        while len(times.answers()) < len(times.asked) and time.perf_counter() < ends:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.2)
        failures = Counter(failure for browser in browsers for failure in browser.failures)
    answers = times.answers()
    failures["not answered"] += len(times.asked) - len(answers)
    found = {"own message taken in": times.taken_in, "answer": answers, "page": times.pages}
    return [
        Figure(
            name=f"{PEOPLE} open pages: failures, {database}",
            value=failures.total(),
            bar=0,
            at_least=False,
            detail=", ".join(f"{number} × {failure}" for failure, number in failures.most_common(5) if number),
        ),
        *(
            Figure(
                name=f"{PEOPLE} open pages: {name}, p95, {database}",
                value=sorted(seconds)[int(len(seconds) * P95)] if seconds else float("inf"),
                bar=BARS[name] * slower,
                at_least=False,
                unit=" s",
                detail=f"p50 {sorted(seconds)[len(seconds) // 2]:.2f} s of {len(seconds)}" if seconds else "",
            )
            for name, seconds in found.items()
        ),
    ]


async def bench() -> list[Figure]:
    """On both databases."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        figures += await on(f"sqlite:///{directory}/faden.sqlite3", directory, "SQLite", 1.0)
    with tempfile.TemporaryDirectory() as name, running() as server:
        figures += await on(await server.create_database(), Path(name), "PostgreSQL", BESIDE_POSTGRES)
    return figures
