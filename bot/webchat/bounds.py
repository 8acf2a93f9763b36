"""What somebody may still send: counted from what they have sent, in the transaction that adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.queryset import QuerySet

from bot.rules import limits
from storage import db, queries
from storage.models.webchat import WebchatMessage, WebchatPress, WebchatUser

_BYTES = """
SELECT COALESCE(SUM(f.size), 0) AS size FROM webchat_message m JOIN webchat_file f ON f.id = m.file_id WHERE m.sender_id = ?
"""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What holds for one sending: the machine's time, and the most that all files of one person may have together."""

    now: datetime
    file_bytes: int

    async def text(self, sender: WebchatUser) -> None:
        """Raises TooManyTexts."""
        sent = WebchatMessage.filter(sender_id=sender.id, file_id__isnull=True)
        if minutes := await self._minutes(limits.TEXTS, sent, "sent_at"):
            raise limits.TooManyTexts(minutes=minutes)

    async def press(self, sender: WebchatUser) -> None:
        """Raises TooManyPresses."""
        if minutes := await self._minutes(limits.PRESSES, WebchatPress.filter(user_id=sender.id), "pressed_at"):
            raise limits.TooManyPresses(minutes=minutes)

    async def file(self, sender: WebchatUser, size: int) -> None:
        """Raises TooManyFiles and FilesTooLarge."""
        sent = WebchatMessage.filter(sender_id=sender.id, file_id__isnull=False)
        if minutes := await self._minutes(limits.FILES, sent, "sent_at"):
            raise limits.TooManyFiles(times=limits.most(limits.FILES), minutes=minutes)
        [kept] = await db.execute(_BYTES, [sender.id])
        if kept["size"] + size > self.file_bytes:
            raise limits.FilesTooLarge(limit=self.file_bytes // limits.MEGABYTE)

    async def _minutes(self, rates: Sequence[limits.Rate], sent: QuerySet[Any], moment: str) -> int:
        """How long until there is room; no more rows are read than can matter."""
        recent = sent.filter(**{f"{moment}__gt": self.now - limits.longest(rates)})
        newest = recent.order_by(f"-{moment}").limit(limits.most(rates))
        return limits.minutes_until_room(rates, await queries.column(newest, moment), self.now)
