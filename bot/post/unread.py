"""What lies unread in the web chat brings one mail, without content."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bot.actions import notices
from bot.actions.notices import Draft
from bot.actions.told import UNREAD
from storage.db import transaction, unit_of_work
from storage.models import Notice
from storage.vocabulary import Lane, NoticeKind, NoticeState

LIES_FOR = timedelta(minutes=15)
AGAIN_AFTER = timedelta(days=1)
TEMPLATE = "general/unread"

Unread = tuple[int, datetime, int]
"""A person, since when something lies unread for them, and the newest message; the web chat tells it."""


async def bundle_unread(now: datetime, unread: Callable[[datetime], Awaitable[Sequence[Unread]]]) -> None:
    """Queue a mail for everybody whose unread messages have been lying for a while; once, and again only the next day.

    Who has read them since gets none: what still waits for them is taken back.
    """
    lying = [(person, since, newest) for person, since, newest in await unread(now) if now - since >= LIES_FOR]
    told = await _told([person for person, _, _ in lying], since=now - AGAIN_AFTER)
    drafts = [
        Draft(
            key=f"{UNREAD}:{person}:{newest}",
            template=TEMPLATE,
            facts={},
            due_at=now,
            person=person,
            about=_about(person),
            kind=NoticeKind.MAIL,
            resend=False,
        )
        for person, since, newest in lying
        if person not in told or told[person] < max(since, now - AGAIN_AFTER)
    ]

    async def write() -> None:
        await notices.queue(drafts, now=now)

    await _take_back([person for person, _, _ in lying], now=now)
    if drafts:
        await unit_of_work(write)


async def _told(people: Sequence[int], *, since: datetime) -> dict[int, datetime]:
    """When these people were told after that moment, the last time; by an index, however long they have been here."""
    recent = Notice.filter(person_id__in=people, state__in=list(NoticeState), due_at__gte=since)
    last: dict[int, datetime] = {}
    for person, due_at in await recent.filter(template=TEMPLATE, kind=NoticeKind.MAIL).values_list(
        "person_id", "due_at"
    ):
        last[person] = max(due_at, last.get(person, due_at))
    return last


async def _take_back(still_unread: Sequence[int], *, now: datetime) -> None:
    soon = Notice.filter(state=NoticeState.WAITING, lane=Lane.MAILING, due_at__lte=now + AGAIN_AFTER)
    waiting = soon.filter(about__startswith=f"{UNREAD}:").exclude(person_id__in=[0, *still_unread])
    if not await waiting.exists():
        return

    async def write() -> None:
        async with transaction():
            await waiting.update(state=NoticeState.DROPPED, error="read")

    await unit_of_work(write)


def _about(person: int) -> str:
    return f"{UNREAD}:{person}"
