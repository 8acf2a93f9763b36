"""A message to a group whose 200 members have their pages open, against a bare event stream; and pages that it does not concern."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median

import aiohttp

from tests.bench import towns
from tests.bench.browsers import FOR_EVER, Browser, cpu_seconds, opened, served
from tests.bench.measure import Figure, system_now
from tests.bench.town_shape import PLENARY, Shape, Town
from tests.crash import house

TRIES = 3
PAGES = PLENARY
MESSAGES = 5
FLOORS = 20  # messages over the bare stream for each of ours: the system counts hundredths of a second
EVENT_BYTES = 2_000
IDLE_SECONDS = 3.0
SILENT_MESSAGES = 15
ENOUGH_SECONDS = 60.0


class BrokenDown(Exception):
    """A request failed; there is nothing to measure."""


@dataclass
class Cost:
    """Of one message: seconds of the server's processor, and seconds until the last page had it."""

    cpu: float
    last: float


async def _bare(stack: AsyncExitStack) -> Callable[[], Awaitable[Cost]]:
    """A bare server with as many listeners; what it gives sends one message to all."""
    port = house.free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare_stream", str(port), cwd=house.HOUSE, stdout=asyncio.subprocess.PIPE
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    address, arrived = f"http://127.0.0.1:{port}", asyncio.Condition()
    count = 0

    async def listen() -> None:
        nonlocal count
        async with session.get(f"{address}/listen", timeout=FOR_EVER) as answer:
            while line := await answer.content.readline():
                if line.startswith(b"data: "):
                    json.loads(line.removeprefix(b"data: "))  # as the other side does
                async with arrived:
                    count += line != b"\n"
                    arrived.notify_all()

    listening = [asyncio.create_task(listen()) for _ in range(PAGES)]
    stack.callback(lambda: [task.cancel() for task in listening])

    async def all_have(number: int) -> None:
        async with asyncio.timeout(ENOUGH_SECONDS), arrived:
            await arrived.wait_for(lambda: count >= number * PAGES)

    await all_have(1)
    messages = 1

    async def say() -> Cost:
        nonlocal messages
        used, lasts = cpu_seconds(process.pid), []
        for _ in range(FLOORS):
            began, messages = time.perf_counter(), messages + 1
            async with session.post(f"{address}/say", data=json.dumps("x" * EVENT_BYTES)) as answer:
                assert answer.status == 200, answer.status
            await all_have(messages)
            lasts.append(time.perf_counter() - began)
        return Cost((cpu_seconds(process.pid) - used) / FLOORS, median(lasts))

    return say


@asynccontextmanager
async def _idle(cpu: Callable[[], float]) -> AsyncIterator[Callable[[], float]]:
    """What gives the processor's seconds since the block began, without those that would have been used anyway."""
    before = cpu()
    await asyncio.sleep(IDLE_SECONDS)
    a_second = (cpu() - before) / IDLE_SECONDS
    used, began = cpu(), time.perf_counter()
    yield lambda: cpu() - used - a_second * (time.perf_counter() - began)


async def _told(writer: Browser, chat: int, text: str, readers: Sequence[Browser]) -> float:
    """Seconds until the last of the readers has the message."""
    began = time.perf_counter()
    await writer.send(chat, text)
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not all(any(heard == text for heard, _ in reader.heard) for reader in readers):  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.02)
    return max(at for reader in readers for heard, at in reader.heard if heard == text) - began


async def _to_everybody(town: Town, address: str, cpu: Callable[[], float]) -> tuple[float, float]:
    """To the plenary, all of whose members look: its cost and its last page against the bare stream's, medians of pairs."""
    members, pairs = town.members(1)[:PAGES], []
    async with AsyncExitStack() as stack, opened(town, address, members) as browsers:
        bare = await _bare(stack)
        for number in range(MESSAGES + 1):
            floor = await bare()
            async with _idle(cpu) as used:
                last = await _told(browsers[number], town.group(1), f"Guten Tag {number}", browsers)
                await asyncio.sleep(0.5)  # what is done behind the last page counts, too
                ours = Cost(used(), last)
            if number:  # the first warms up
                pairs.append((ours.cpu / floor.cpu, ours.last / floor.last))
        failures = [failure for browser in browsers for failure in browser.failures]
    if failures:
        raise BrokenDown(failures[0])
    return median(cpu for cpu, _ in pairs), median(last for _, last in pairs)


async def _to_few(town: Town, address: str, cpu: Callable[[], float], pages: Sequence[int]) -> float:
    """The cost of messages to the last group, while only others look, or nobody."""
    body = town.shape.bodies
    writers = town.members(body)
    async with opened(town, address, [*pages]) as browsers, aiohttp.ClientSession() as session:
        async with _idle(cpu) as used:
            for number, person in zip(range(SILENT_MESSAGES), cycle(writers), strict=False):
                writer = Browser(session, address, person, town.token(person))
                if not await writer.send(town.group(body), f"Nur unter uns {number}"):
                    raise BrokenDown(writer.failures[-1])
            await asyncio.sleep(0.5)
            spent = used()
        assert not any(browser.heard for browser in browsers), "somebody was told of what is none of their business"
    return spent


async def bench(shape: Shape = towns.M) -> list[Figure]:
    """On SQLite."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        url = f"sqlite:///{directory}/faden.sqlite3"
        town = await towns.build(url, shape, now=system_now())
        async with served(url, directory) as faden:
            others = [one for one in town.members(1)[:PAGES] if one not in town.members(town.shape.bodies)]
            nobody = await _to_few(town, faden.address, faden.cpu, [])
            watched, cpu, last = (float("inf"),) * 3
            try:
                watched = await _to_few(town, faden.address, faden.cpu, others)
                cpu, last = await _to_everybody(town, faden.address, faden.cpu)
            except (TimeoutError, BrokenDown) as error:
                print(f"       given up: {str(error) or 'not in time'}", flush=True)
    pages = f"{PAGES} open pages"
    return [
        Figure(name=f"group message to {pages} / bare event stream, CPU", value=cpu, bar=20.0, aim=6.0, at_least=False),
        Figure(name="the last page / the bare stream's last", value=last, bar=10.0, aim=5.0, at_least=False),
        Figure(
            name=f"message to others' group beside {pages} / none, CPU", value=watched / nobody, bar=1.5, at_least=False
        ),
    ]
