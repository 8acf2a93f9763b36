"""Handlers cancelled at random awaits: no wedge, no half commit, every connection back in its place."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from tortoise.exceptions import IntegrityError

from storage import db
from storage.models import Area

AT_ONCE = 20
LONGEST = 0.06  # seconds until a cancel; so long take about twenty handlers at once
CONNECTIONS = {"sqlite": 1, "postgresql": 10}
SEED = 4711


@dataclass
class Run:
    """What became of the handlers: those cut, and those whose work was kept as their callback says."""

    cut: int = 0
    kept: set[int] = field(default_factory=set)


async def handle(number: int, run: Run) -> None:
    """What a handler does: read, write, write what fails alone, write again."""
    await Area.filter(key__startswith=f"{number}-").count()
    async with db.transaction():
        db.when_kept(lambda: run.kept.add(number))
        await Area.create(key=f"{number}-first", name="Nord")
        try:
            async with db.savepoint():
                await Area.create(key=f"{number}-first", name="Nord")
        except IntegrityError:
            await Area.filter(key=f"{number}-first").update(name="Süd")
        await Area.create(key=f"{number}-second", name="Nord")


async def cut_short(number: int, run: Run, dice: random.Random) -> None:
    """One handler, cut in one of three ways: its caller leaves, it runs out of time, or it stands outside of a unit."""
    moment = dice.uniform(0, LONGEST)
    ways: list[Callable[[], Awaitable[None]]] = [
        lambda: db.unit_of_work(lambda: handle(number, run)),
        lambda: db.unit_of_work(lambda: handle(number, run), seconds=moment),
        lambda: handle(number, run),
    ]
    way = dice.choice(ways)
    task = asyncio.ensure_future(way())
    if way is not ways[1]:
        asyncio.get_running_loop().call_later(moment, task.cancel)
    try:
        await task
    except (asyncio.CancelledError, db.WorkTookTooLong):
        run.cut += 1


async def cancel_at_random(handlers: int) -> Run:
    run = Run()
    dice = random.Random(SEED)  # noqa: S311  # not for secrets
    for first in range(0, handlers, AT_ONCE):
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number in range(first, min(first + AT_ONCE, handlers)):
                group.create_task(cut_short(number, run, dice))
    return run


async def written_keys() -> set[str]:
    return {row["key"] for row in await db.execute("SELECT key FROM area")}


async def all_connections_at_once(count: int) -> None:
    """Returns only when so many transactions can be open at the same time."""
    barrier = asyncio.Barrier(count)

    async def occupy() -> None:
        async with db.transaction():
            await db.execute("SELECT 1")
            await barrier.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(occupy())


async def check(store: str, handlers: int) -> None:
    run = await cancel_at_random(handlers)
    await all_connections_at_once(CONNECTIONS[store.split(":", 1)[0]])
    await db.close_store()  # work whose caller left is finished first
    await db.open_store(store)

    assert await written_keys() == {f"{number}-{part}" for number in run.kept for part in ("first", "second")}
    assert run.cut > 0  # on a busy machine nobody waits to the end
    assert 0 < len(run.kept) < handlers


async def test_300_cancelled_handlers_leave_all_or_nothing_and_every_connection_free(store: str) -> None:
    await check(store, handlers=300)


@pytest.mark.crash
async def test_10000_cancelled_handlers_leave_all_or_nothing_and_every_connection_free(
    store: str, portion: float
) -> None:
    await check(store, handlers=round(10_000 * portion))
