"""Hand in an agenda item by one line, whole way in process, against a bare handler that does one insert."""

import asyncio
import tempfile
from typing import Any

from telegram import Update
from telegram.ext import ApplicationBuilder, CommandHandler, ContextTypes, ExtBot
from tortoise.transactions import in_transaction

from storage import db
from storage.migrate import migrate
from storage.models import Remembered
from storage.vocabulary import Network
from tests.bench.desk import TOKEN, Desk, StubbedWire, set_up
from tests.bench.measure import Figure, paired
from tests.postgres import running

UPDATES = 10  # short rounds, and many: the medians shall not know of the machine's bad moments
ROUNDS = 31


async def _floor() -> Any:  # noqa: ANN401  # the library's six parameters
    """A bare application whose one handler does one insert in a transaction."""
    numbers = iter(range(10**9))

    async def handle(_update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        async with in_transaction():
            await Remembered.create(key=f"bench{next(numbers)}", value=1)

    wire = StubbedWire()
    bare = ApplicationBuilder().bot(ExtBot(token=TOKEN, request=wire, get_updates_request=wire)).updater(None).build()
    bare.add_handler(CommandHandler("top", handle))
    await bare.initialize()
    return bare


async def _on(url: str, name: str, bar: float) -> Figure:
    await migrate(url, backup_dir=None)
    await db.open_store(url)
    try:
        desk: Desk = await set_up()
        bare = await _floor()

        def line(number: int) -> dict[str, Any]:
            return desk.update(
                f"/top {desk.body}: Ferienprogramm, Beschluss, 20 min", desk.members[number % len(desk.members)]
            )

        async def floor() -> None:
            for number in range(UPDATES):
                await bare.process_update(Update.de_json(line(number), bare.bot))

        async def whole() -> None:
            before = len(desk.wire.sent)
            # as one answer to getUpdates brings them
            await asyncio.gather(*(desk.inbox.receive(Network.TELEGRAM, line(number)) for number in range(UPDATES)))
            await desk.inbox.drain()
            assert len(desk.wire.sent) - before == UPDATES, "an update was not answered"

        bare_seconds, whole_seconds = await paired(floor, whole, rounds=ROUNDS)
        return Figure(
            name=f"submit by one line / bare handler with one insert, {name}",
            value=bare_seconds / whole_seconds,
            bar=bar,
            aim=0.20,
            at_least=True,
        )
    finally:
        await db.close_store()


async def bench() -> list[Figure]:
    """On both databases."""
    with tempfile.TemporaryDirectory() as directory:
        on_sqlite = await _on(f"sqlite:///{directory}/bench.sqlite3", "SQLite", 0.1)
    with running() as server:
        on_postgres = await _on(await server.create_database(), "PostgreSQL", 0.10)
    return [on_sqlite, on_postgres]
