"""40 updates a second offered, at a round trip of 60 ms: how long an answer takes, whether any overtakes, what a hanging one does."""

import asyncio
import tempfile
import time
from collections import defaultdict

from telegram import Update
from telegram.ext import CommandHandler

from bot.handlers.context import Context
from storage import db
from storage.migrate import migrate
from storage.vocabulary import Network
from tests.bench.desk import set_up
from tests.bench.measure import Figure

PER_SECOND = 40
SECONDS = 5
CHATS = 20
ROUND_TRIP = 0.06
PERCENT = 0.99


async def bench() -> list[Figure]:
    """Offered evenly, one chat after the other; then once more while one chat's handler hangs."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/bench.sqlite3"
        await migrate(url, backup_dir=None)
        await db.open_store(url)
        try:
            return await _measured()
        finally:
            await db.close_store()


async def _measured() -> list[Figure]:
    desk = await set_up(round_trip=ROUND_TRIP, chats=CHATS + 1)
    *chats, hanging = desk.members
    offered: dict[int, list[float]] = defaultdict(list)
    took: list[float] = []
    overtaken = 0

    def sent(chat: int, text: str) -> None:
        nonlocal overtaken
        if chat == hanging:
            return
        number = text.rpartition("Nr")[2].split(" ")[0].split("\n")[0]
        overtaken += int(number) != len(offered[chat]) - len(waiting[chat])
        took.append(time.perf_counter() - waiting[chat].pop(0))

    waiting: dict[int, list[float]] = defaultdict(list)
    desk.wire.when_sent = sent

    async def offer() -> float:
        took.clear()
        for number in range(PER_SECOND * SECONDS):
            chat = chats[number % len(chats)]
            started = time.perf_counter()
            offered[chat].append(started)
            waiting[chat].append(started)
            update = desk.update(f"/top {desk.body}: Thema Nr{len(offered[chat]) - 1}, Beschluss, 20 min", chat)
            receiving = asyncio.create_task(desk.inbox.receive(Network.TELEGRAM, update))
            await asyncio.sleep(1 / PER_SECOND)
            await receiving
        while any(waiting.values()):  # noqa: ASYNC110  # the last answers are on their way
            await asyncio.sleep(0.01)
        return sorted(took)[int(len(took) * PERCENT) - 1]

    calm = await offer()
    never = asyncio.Event()

    async def hang(_update: Update, _context: Context) -> None:
        await never.wait()

    desk.application.add_handler(CommandHandler("hilfe", hang), group=-1)
    try:
        await desk.inbox.receive(Network.TELEGRAM, desk.update("/hilfe", hanging))
        beside_a_hanging_one = await offer()
    finally:
        never.set()
        await desk.inbox.drain()
    return [
        Figure(name="40 updates/s at 60 ms: p99 of the answer", value=calm, bar=0.3, at_least=False, unit=" s"),
        Figure(
            name="the same while one handler hangs",
            value=beside_a_hanging_one,
            bar=0.3,
            at_least=False,
            unit=" s",
        ),
        Figure(name="answers that overtook another of their chat", value=overtaken, bar=0.5, at_least=False),
    ]
