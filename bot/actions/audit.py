"""The record of who did what."""

from datetime import datetime
from typing import Any

from storage.db import transaction
from storage.models import AuditEvent, Person


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
