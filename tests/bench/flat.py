"""What a town costs that is ten times as large: the statements of each command, each tick, and what somebody waits for.

The sample town, a tenth of M, and M; `large` does the same with M and L.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.app import Faden, assemble
from bot.config import Settings, TownSettings, WebSettings
from bot.handlers import COMMANDS
from bot.rules import tokens
from bot.scheduling import Tick
from bot.web.middlewares import SESSION_COOKIE
from bot.webchat import people, rooms
from storage import db
from storage.models import Membership, Person, WebSession
from storage.vocabulary import Network
from tests.bench import towns
from tests.bench.measure import Figure
from tests.bench.town_shape import Shape, Town
from tests.conftest import Spoken, listening
from tests.postgres import running

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday: nobody rests
PAUSE = timedelta(seconds=15)  # so long people wait between two texts, for the web chat's sake
LINES = (
    "/top {body}: Ferienprogramm, Beschluss, 20 min",
    "/commitment {body}: Den Stand nachreichen, {name}, bis 27.11.",
)
COMMAND_LINES = (*(f"/{command.german}" for command in COMMANDS), *LINES)
HAND_IN, START = LINES[0], "/start"
TOKEN = "the-session-of-a-benchmark"
MINUTE = timedelta(minutes=1)
TRIES = 4
LOOKS = 3
VISITS = 5
TICK_TIMES = 12.0
TICK_SECONDS = 0.5
UNNOTICED = 0.02  # seconds: what a look costs less than that is the machine's mood
WAIT_TIMES = 2.0


@dataclass
class Clock:
    """Both clocks; they stand still until they are moved."""

    moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Visit:
    """A town that is looked into: all of Faden on its database, in this process, without its own timer and post."""

    faden: Faden
    clock: Clock

    async def writes(self, person: Person, text: str) -> None:
        """Somebody writes in their own chat, and has the answer."""
        self.clock.moment += PAUSE
        delivery = self.faden.deliveries[Network.WEBCHAT]
        await people.writes(delivery.server, rooms.user_of(person), person.id, text)
        await delivery.drain()
        await self.faden.inbox.drain()

    def ticks(self) -> list[Tick]:
        """All that the timer would do."""
        return [job.args[0] for job in self.faden.timer.get_jobs()]


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[Visit]:
    """Faden on that database, for as long as the block lasts."""
    clock = Clock()
    await db.open_store(url)
    try:
        settings = Settings(
            web=WebSettings(given_url="https://faden.example.org"), town=TownSettings(name="Lindental", land="BY")
        )
        faden = await assemble(settings, key=b"k" * 32, domain_now=clock, machine_now=clock)
        try:
            yield Visit(faden, clock)
        finally:
            await faden.stop()
    finally:
        await db.close_store()


def said(line: str, person: Person, body: str) -> str:
    """A line as the person would write it."""
    return line.format(body=body, name=f"{person.given_name} {person.family_name}")


async def statements(visit: Visit, spoken: Spoken, person: Person, body: str) -> dict[str, int]:
    """How many statements each command takes, from the writing to the answer in the chat; each is written once before."""
    counts: dict[str, int] = {}
    for _ in range(2):
        for line in COMMAND_LINES:
            with spoken.counting() as counted:
                await visit.writes(person, said(line, person, body))
            counts[line] = len(counted.statements)
    return counts


async def somebody() -> tuple[Person, str]:
    """Somebody with seats in two bodies, and the code of one of them; in the sample town, where numbers say nothing."""
    seats = await Membership.exclude(person_id=None).order_by("person_id", "id").select_related("person", "body")
    for seat in seats:
        assert seat.person is not None
        mine = [other for other in seats if other.person_id == seat.person_id]
        if len(mine) == 2:
            return seat.person, mine[-1].body.code
    raise LookupError


async def counted(url: str, who: Mapping[str, int], town_code: Callable[[int], str]) -> dict[str, dict[str, int]]:
    """The statements of each command for each of these people of a town."""
    with pytest.MonkeyPatch.context() as patch:
        spoken = listening(patch)
        async with visiting(url) as visit:
            return {
                name: await statements(visit, spoken, await Person.get(id=person), town_code(person))
                for name, person in who.items()
            }


# --- ticks ------------------------------------------------------------------------------------------------------------


async def looks(url: str) -> dict[str, float]:
    """Seconds of each tick, the least of several looks, a minute apart; the first look finds what has been lying, and is not timed."""
    best: dict[str, float] = {}
    async with visiting(url) as visit:
        for look in range(LOOKS + 1):
            visit.clock.moment += MINUTE
            for tick in visit.ticks():
                took = await _seconds(tick.name, partial(_once, tick, visit.clock()))
                if look:
                    best[tick.name] = min(took, best.get(tick.name, took))
    return best


async def _once(tick: Tick, now: datetime) -> None:
    if tick.own_work:
        await tick.action(now)
    else:
        await db.unit_of_work(lambda: tick.action(now))


async def _seconds(name: str, work: Callable[[], Awaitable[None]]) -> float:
    """How long it takes; without end when it fails."""
    began = time.perf_counter()
    try:
        await work()
    except Exception as error:  # noqa: BLE001  # a tick that is given up is no quick tick
        print(f"       {name}: {type(error).__name__} {error}", flush=True)
        return float("inf")
    return time.perf_counter() - began


# --- what somebody waits for ------------------------------------------------------------------------------------------


async def waits(url: str, person: Person, body: str) -> dict[str, float]:
    """Seconds to the list of chats, and to the answers, the least of several."""
    best: dict[str, float] = {}
    async with visiting(url) as visit, TestClient(TestServer(visit.faden.application)) as browser:
        async with db.transaction():
            await WebSession.filter(token_hash=tokens.hashed(TOKEN)).delete()
            await WebSession.create(
                token_hash=tokens.hashed(TOKEN),
                person=person,
                label="",
                created_at=visit.clock(),
                seen_at=visit.clock(),
                expires_at=visit.clock() + timedelta(days=30),
            )

        async def chats() -> None:
            async with browser.get("/chat/api/chats", headers={"Cookie": f"{SESSION_COOKIE}={TOKEN}"}) as answer:
                assert answer.status == 200, answer.status
                await answer.read()

        works: dict[str, Callable[[], Awaitable[None]]] = {
            "chat list": chats,
            "/start": lambda: visit.writes(person, START),
            "/top": lambda: visit.writes(person, said(HAND_IN, person, body)),
        }
        for turn in range(VISITS + 1):
            for name, work in works.items():
                took = await _seconds(name, work)
                if turn:
                    best[name] = min(took, best.get(name, took))
    return best


# --- figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """A town on a database, by its letter."""

    letter: str
    url: str
    town: Town


async def compared(sample: str, little: Built, much: Built, database: str) -> list[Figure]:
    """A town against one with ten times as much, and against the sample town; each on one database."""
    return [
        *await _flat_statements(sample, little, much, database),
        *await _flat_ticks(little, much, database),
        *await _flat_waits(sample, much, database),
    ]


async def _flat_statements(sample: str, little: Built, much: Built, database: str) -> list[Figure]:
    both = [
        await counted(built.url, {"a member": built.town.member, "the busiest": built.town.busy}, built.town.code_of)
        for built in (little, much)
    ]
    differing = [
        f"{line} of {who}: {counts[line]} and {both[1][who][line]}"
        for who, counts in both[0].items()
        for line in counts
        if counts[line] != both[1][who][line]
    ]
    await db.open_store(sample)
    person, body = await somebody()
    await db.close_store()
    in_sample = (await counted(sample, {"a member": person.id}, lambda _: body))["a member"]
    more = [
        f"{line}: {in_sample[line]} and {found}"
        for line, found in both[1]["a member"].items()
        if found > in_sample[line]
    ]
    return [
        _none(f"commands with other statements at {much.letter} than at {little.letter}, {database}", differing),
        _none(f"commands with more statements at {much.letter} than at S, {database}", more),
    ]


async def _flat_ticks(little: Built, much: Built, database: str) -> list[Figure]:
    few, many = await looks(little.url), await looks(much.url)
    times = {name: many[name] / few[name] for name in many}
    steepest = max((name for name in times if many[name] > UNNOTICED), key=times.__getitem__, default=min(times))
    slowest = max(many, key=many.__getitem__)
    all_of_them = ", ".join(f"{name} {many[name] * 1000:.0f} ms (×{times[name]:.1f})" for name in many)
    return [
        Figure(
            name=f"steepest tick at {much.letter} / at {little.letter}, {database}",
            value=times[steepest],
            bar=TICK_TIMES,
            at_least=False,
            detail=steepest,
        ),
        Figure(
            name=f"slowest tick at {much.letter}, {database}",
            value=many[slowest],
            bar=TICK_SECONDS,
            at_least=False,
            unit=" s",
            detail=all_of_them,
        ),
    ]


async def _flat_waits(sample: str, much: Built, database: str) -> list[Figure]:
    await db.open_store(sample)
    person, body = await somebody()
    await db.close_store()
    await db.open_store(much.url)
    other = await Person.get(id=much.town.member)
    await db.close_store()
    kept: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(LOOKS):  # in turn, so that a slow moment of the machine hits both
        here = await waits(sample, person, body)
        there = await waits(much.url, other, much.town.code_of(other.id))
        for name in here:
            kept.setdefault(name, ([], []))[0].append(here[name])
            kept[name][1].append(there[name])
    return [
        Figure(
            name=f"{name} at {much.letter} / at S, {database}",
            value=median(there) / median(here),
            bar=WAIT_TIMES,
            at_least=False,
            detail=f"{median(there) * 1000:.0f} ms",
        )
        for name, (here, there) in kept.items()
    ]


def _none(name: str, found: Sequence[str]) -> Figure:
    return Figure(name=name, value=len(found), bar=0, at_least=False, detail="; ".join(found))


async def on_both(little: tuple[str, Shape], much: tuple[str, Shape]) -> list[Figure]:
    """Build the towns on both databases, and compare them."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as directory:
        urls = [f"sqlite:///{Path(directory) / name}.sqlite3" for name in ("sample", "little", "much")]
        figures += await _built_and_compared(urls, little, much, "SQLite")
    with running() as server:
        urls = [await server.create_database() for _ in range(3)]
        figures += await _built_and_compared(urls, little, much, "PostgreSQL")
    return figures


async def _built_and_compared(
    urls: Sequence[str], little: tuple[str, Shape], much: tuple[str, Shape], database: str
) -> list[Figure]:
    await towns.build_sample(urls[0], now=NOW)
    built = [
        Built(letter, url, await towns.build(url, shape, now=NOW))
        for url, (letter, shape) in zip(urls[1:], (little, much), strict=True)
    ]
    return await compared(urls[0], built[0], built[1], database)


async def bench() -> list[Figure]:
    """On both databases."""
    return await on_both(("a tenth", towns.TENTH), ("M", towns.M))
