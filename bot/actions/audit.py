"""The record of who did what. It is written and shown, and nothing is decided by it, so that it can be trimmed."""

from datetime import datetime, timedelta
from typing import Any

from tortoise.queryset import QuerySet

from storage.db import transaction
from storage.models import AuditEvent, Person

KEPT = timedelta(days=3 * 365)


async def record(
    by: Person | None,
    what: str,
    about: str,
    *,
    now: datetime,
    on_behalf_of: Person | None = None,
    **facts: Any,  # noqa: ANN401  # JSON
) -> None:
    """Write it down, in the transaction of the deed; `facts` hold no content."""
    async with transaction():
        await AuditEvent.create(at=now, person=by, on_behalf_of=on_behalf_of, what=what, about=about, facts=facts)


def over(*, now: datetime, kept: timedelta) -> QuerySet[AuditEvent]:
    """What was recorded longer ago than it is kept."""
    return AuditEvent.filter(at__lt=now - kept)
