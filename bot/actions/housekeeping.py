"""What is not needed any more is erased. Times are the machine's."""

from datetime import datetime, timedelta

from bot.actions import sessions
from storage.db import transaction
from storage.models import InboxUpdate, Notice
from storage.vocabulary import NoticeKind, NoticeState, UpdateState

PARKED_KEPT = timedelta(days=30)
DONE_KEPT = timedelta(days=2)
TOLD_KEPT = timedelta(days=1)
LOST_KEPT = timedelta(days=30)
LOST = (NoticeState.DROPPED, NoticeState.DEAD, NoticeState.UNCERTAIN)


async def tidy(*, machine_now: datetime) -> None:
    """Erase the payload of parked updates after 30 days, done updates after two, and the facts of what was told a day ago.

    What never arrived is shown to the operator and the organiser for 30 days.
    A done update's row is kept for two days because Telegram delivers an update again for up to 24 hours.
    """
    async with transaction():
        await InboxUpdate.filter(state=UpdateState.DONE, done_at__lt=machine_now - DONE_KEPT).delete()
        await InboxUpdate.filter(state=UpdateState.PARKED, received_at__lt=machine_now - PARKED_KEPT).update(
            payload=None
        )
        told = Notice.filter(state=NoticeState.SENT, sent_at__lt=machine_now - TOLD_KEPT).exclude(kind=NoticeKind.CARD)
        await told.update(facts={}, frozen=None)
        lost = Notice.filter(state__in=LOST, created_at__lt=machine_now - LOST_KEPT).exclude(kind=NoticeKind.CARD)
        await lost.update(facts={}, frozen=None)
        await sessions.sweep(now=machine_now)
