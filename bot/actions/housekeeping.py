"""What is not needed any more is erased. Times are the machine's."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.actions import sessions
from storage import statistics
from storage.db import execute, transaction, unit_of_work
from storage.erasing import erased
from storage.models import InboxUpdate
from storage.vocabulary import UpdateState

log = structlog.get_logger(__name__)

PARKED_KEPT = timedelta(days=30)
DONE_KEPT = timedelta(days=2)
TOLD_KEPT = timedelta(days=1)
LOST_KEPT = timedelta(days=30)
# Only where there still is something: every notice that ever left is a row.
_EMPTY = "UPDATE notice SET facts = '{}', frozen = NULL WHERE kind <> 'card' AND (facts <> '{}' OR frozen IS NOT NULL)"
TOLD = f"{_EMPTY} AND state = 'sent' AND sent_at < ?"
LOST = f"{_EMPTY} AND state IN ('dropped', 'dead', 'uncertain') AND created_at < ?"


async def tidy(*, machine_now: datetime) -> None:
    """Erase the payload of parked updates after 30 days, done updates after two, and the facts of what was told a day ago.

    What never arrived is shown to the operator and the organiser for 30 days.
    A done update's row is kept for two days because Telegram delivers an update again for up to 24 hours.
    Each of these is a unit of work of its own, and one that fails is logged and keeps none of the others. What is then in the
    database's tables is looked at.
    """
    done = InboxUpdate.filter(state=UpdateState.DONE, done_at__lt=machine_now - DONE_KEPT)
    parked = InboxUpdate.filter(
        state=UpdateState.PARKED, payload__isnull=False, received_at__lt=machine_now - PARKED_KEPT
    )
    for erase in (
        done.delete,
        partial(parked.update, payload=None),
        partial(execute, TOLD, [machine_now - TOLD_KEPT]),
        partial(execute, LOST, [machine_now - LOST_KEPT]),
        partial(sessions.sweep, now=machine_now),
    ):
        try:
            await unit_of_work(partial(_in_transaction, erase))
        except Exception:
            log.exception("not tidied")
    await statistics.refresh()


async def _in_transaction(erase: Callable[..., Awaitable[object]]) -> None:
    async with transaction():
        await erase()
        erased()
