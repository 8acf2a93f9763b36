"""What somebody waits who writes while 90 MB of SQLite are backed up: 40 small transactions a second."""

import asyncio
import tempfile
import time
from pathlib import Path

from storage import db
from storage.backup import back_up, verify
from storage.migrate import migrate
from storage.models import Remembered
from tests.bench.measure import Figure, system_now

ROWS = 40_000
TEXT = ["x" * 2_000]
PAUSE_SECONDS = 0.025


async def _fill() -> None:
    async with db.transaction():
        await Remembered.bulk_create([Remembered(key=f"old-{number}", value=TEXT) for number in range(ROWS)])


async def _worst_write(backing_up: "asyncio.Task[object]") -> float:
    worst, number = 0.0, 0
    while not backing_up.done():
        began = time.perf_counter()
        async with db.transaction():
            await Remembered.create(key=f"new-{number}", value=TEXT)
        worst, number = max(worst, time.perf_counter() - began), number + 1
        await asyncio.sleep(PAUSE_SECONDS)
    return worst


async def bench() -> list[Figure]:
    """The worst of the waits; the copy is then read once more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/faden.sqlite3"
        await migrate(url, backup_dir=None)
        await db.open_store(url)
        try:
            await _fill()
            making = back_up(
                url, into=folder / "backups", key=folder / "secret.key", version="0", keep=1, now=system_now()
            )
            backing_up = asyncio.create_task(making)
            worst = await _worst_write(backing_up)
            made = await backing_up
            assert await verify(made.folder) == made
        finally:
            await db.close_store()
    waited = f"worst write while {made.size / 1e6:.0f} MB are backed up, SQLite"
    return [Figure(name=waited, value=worst, bar=0.5, at_least=False, unit=" s")]
