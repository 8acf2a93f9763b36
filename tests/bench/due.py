"""One look of the sender with 1,000,000 notices waiting and 10 due, against 1,000 waiting, on both databases."""

import tempfile
import time
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from bot.post import outbox
from bot.post.dispatch import DESKS
from storage import db
from storage.migrate import migrate
from storage.models import Notice
from storage.vocabulary import Lane, NoticeKind, NoticeState
from tests.bench.measure import Figure, system_now
from tests.postgres import running

FEW = 1_000
MANY = 1_000_000
DUE = 10
PORTION = 50_000
LOOKS = 15
MAILING = next(desk for desk in DESKS if desk.lane is Lane.MAILING and not desk.mail)


async def _fill(count: int) -> None:
    """So many notices for later, in statements that both databases know."""
    now = system_now()
    columns = "key, kind, lane, network, chat_id, template, facts, silent, urgent, resend, state, due_at, attempts, created_at"
    later, flag = ("?::timestamptz", "false") if db.is_postgres() else ("?", "0")
    for first in range(0, count, PORTION):
        await _fill_portion(first, min(PORTION, count - first), later, flag, columns, now)


async def _fill_portion(first: int, count: int, later: str, flag: str, columns: str, now: datetime) -> None:  # noqa: PLR0917  # one statement's parts
    statement = f"""
        WITH RECURSIVE number(n) AS (SELECT {first + 1} UNION ALL SELECT n + 1 FROM number WHERE n < {first + count})
        INSERT INTO notice ({columns})
        SELECT 'later' || n, 'message', 'mailing', 'telegram', n, 'x', '{{}}', {flag}, {flag}, {flag}, 'waiting', {later}, 0, {later}
        FROM number"""  # noqa: S608  # numbers only
    async with db.transaction():
        await db.execute(statement, [now + timedelta(days=30), now])


async def _look(number: int) -> float:
    """Seconds to claim ten due notices."""
    now = system_now()
    rows: list[Any] = [
        Notice(
            key=f"due{number}:{index}",
            kind=NoticeKind.MESSAGE,
            lane=Lane.MAILING,
            network="telegram",
            chat_id=-number * DUE - index - 1,
            template="x",
            facts={},
            state=NoticeState.WAITING,
            due_at=now,
            created_at=now,
        )
        for index in range(DUE)
    ]
    async with db.transaction():
        await Notice.bulk_create(rows)
    started = time.perf_counter()
    claimed = await outbox.claim(MAILING, 32, domain_now=now, machine_now=now)
    took = time.perf_counter() - started
    assert len(claimed) == DUE, claimed
    async with db.transaction():
        await Notice.filter(id__in=[notice.id for notice in claimed]).delete()
    return took


async def _on(few: str, many: str, name: str) -> Figure:
    """In turn, so that a slow moment of the machine hits both."""
    for url, count in ((few, FEW), (many, MANY)):
        await migrate(url, backup_dir=None)
        await db.open_store(url)
        try:
            await _fill(count)
            await db.execute("ANALYZE")
        finally:
            await db.close_store()
    times: dict[str, list[float]] = {few: [], many: []}
    for turn in range(LOOKS):
        for url, kept in times.items():
            await db.open_store(url)
            try:
                await _look(3 * turn)  # warms the caches
                kept.append(min(await _look(3 * turn + 1), await _look(3 * turn + 2)))
            finally:
                await db.close_store()
    return Figure(
        name=f"due look with 1,000,000 / with 1,000 waiting, {name}",
        value=median(times[many]) / median(times[few]),
        bar=1.5,
        at_least=False,
    )


async def bench() -> list[Figure]:
    """On both databases."""
    with tempfile.TemporaryDirectory() as directory:
        sqlite = await _on(f"sqlite:///{directory}/few.sqlite3", f"sqlite:///{directory}/many.sqlite3", "SQLite")
    with running() as server:
        postgres = await _on(await server.create_database(), await server.create_database(), "PostgreSQL")
    return [sqlite, postgres]
