"""What is not needed any more is erased, some rows at a time. Times are the machine's.

Each look takes at most `AT_ONCE` rows of a kind, so that nobody is held up; the next one takes more, until nothing is left. What
has been told goes its own way, `bot.actions.told`; the web chat keeps its own house, `bot.webchat.tidying`.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from tortoise.queryset import QuerySet

from bot.actions import audit, sessions, told
from storage import queries
from storage.db import execute, transaction, unit_of_work
from storage.erasing import erased
from storage.models import InboxUpdate
from storage.vocabulary import UpdateState

log = structlog.get_logger(__name__)

AT_ONCE = 200
PARKED_KEPT = timedelta(days=30)
DONE_KEPT = timedelta(days=2)
# They are done nearly in the order in which they came: the oldest say whether there is any that is due.
_DONE = """
SELECT id FROM (SELECT id, done_at FROM inbox_update WHERE state = 'done' ORDER BY id LIMIT ?) AS oldest WHERE done_at < ?
"""


async def tidy(*, machine_now: datetime, told_kept: timedelta = told.KEPT, audit_kept: timedelta = audit.KEPT) -> None:
    """Erase what is over: updates, what was told, ways in, and the record of deeds when it is older than `audit_kept`.

    Parked updates lose their payload after 30 days. Done updates go after two: Telegram delivers an update again for up to
    24 hours. How what was told goes is said in `bot.actions.told`.
    Each of these is a unit of work of its own, and one that fails is logged and keeps none of the others.
    """
    parked = InboxUpdate.filter(
        state=UpdateState.PARKED, payload__isnull=False, received_at__lt=machine_now - PARKED_KEPT
    )
    for erase in (
        partial(_done_updates, machine_now),
        partial(_some, parked, {"payload": None}),
        partial(told.tidy, machine_now=machine_now, kept=told_kept, at_once=AT_ONCE),
        *(partial(_some, rows) for rows in sessions.over(now=machine_now)),
        partial(_some, audit.over(now=machine_now, kept=audit_kept)),
    ):
        try:
            await erase()
        except Exception:
            log.exception("not tidied")


async def _done_updates(now: datetime) -> None:
    numbers = [row["id"] for row in await execute(_DONE, [AT_ONCE, now - DONE_KEPT])]
    if numbers:
        await unit_of_work(partial(_in_transaction, InboxUpdate.filter(id__in=numbers).delete))


async def _some(rows: QuerySet[Any], values: Mapping[str, object] | None = None) -> None:
    """Delete some of these rows, or write the values into them; looking costs no commit."""
    numbers = await queries.column(rows.limit(AT_ONCE), "id")
    if numbers:
        chosen = rows.filter(id__in=numbers)
        erase = chosen.delete if values is None else partial(chosen.update, **values)
        await unit_of_work(partial(_in_transaction, erase))


async def _in_transaction(erase: Callable[..., Awaitable[object]]) -> None:
    async with transaction():
        await erase()
        erased()
