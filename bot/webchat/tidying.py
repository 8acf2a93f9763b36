"""How long the web chat keeps what was written and pressed there. Some rows at a time, so that nobody is held up.

A press is of no use once it was answered; a week later nobody comes back to read the answer. A message goes when the town's time
for it is over, and with the last message that shows it a file. What somebody has not read yet stays until they have, and so do
what is pinned and the card of a meeting, and a paper that has not been fetched.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.actions import looks
from bot.actions.looks import Look
from bot.webchat.rows import PRESENT
from storage.db import execute, transaction, unit_of_work
from storage.erasing import erased
from storage.models import Remembered
from storage.models.webchat import WebchatMessage, WebchatPress
from storage.rows import places

AT_ONCE = 200
PRESSES_KEPT = timedelta(days=7)
MESSAGES = "old messages"
POSITION = "old messages from"

_PRESENT = ", ".join(f"'{status.value}'" for status in sorted(PRESENT))
# Not by those who have left, nor by those whose seat is over: they cannot read it any more.
_UNREAD_ALONE = """
SELECT 1 FROM webchat_user u JOIN person p ON p.id = u.user_id AND p.left_at IS NULL
LEFT JOIN webchat_reading r ON r.chat_id = c.id AND r.user_id = u.id
WHERE u.id = c.person_id AND (m.sender_id IS NULL OR m.sender_id <> u.id) AND m.message_id > COALESCE(r.message_id, 0)
"""
_UNREAD_IN_GROUP = f"""
SELECT 1 FROM webchat_member w JOIN webchat_user u ON u.id = w.user_id
JOIN person p ON p.id = u.user_id AND p.left_at IS NULL
JOIN group_chat g ON g.network = c.network AND g.chat_id = c.chat_id
JOIN membership s ON s.body_id = g.body_id AND s.person_id = p.id
  AND s.begins_on <= ? AND (s.ends_on IS NULL OR s.ends_on >= ?)
LEFT JOIN webchat_reading r ON r.chat_id = c.id AND r.user_id = u.id
WHERE w.chat_id = c.id AND w.status IN ({_PRESENT})
  AND (m.sender_id IS NULL OR m.sender_id <> u.id) AND m.message_id > COALESCE(r.message_id, 0)
"""  # noqa: S608  # constants only
_CARD = """
SELECT 1 FROM notice n
WHERE n.chat_id = c.chat_id AND n.network = c.network AND n.kind = 'card' AND n.message_id = m.message_id
"""
_OVER = f"""
SELECT m.id, m.file_id FROM webchat_message m JOIN webchat_chat c ON c.id = m.chat_id
WHERE m.id IN ({{places}})
  AND (c.pinned_message_id IS NULL OR c.pinned_message_id <> m.message_id)
  AND (m.deleted OR m.service IS NOT NULL
    OR c.person_id IS NOT NULL AND NOT EXISTS ({_UNREAD_ALONE})
    OR c.person_id IS NULL AND NOT EXISTS ({_UNREAD_IN_GROUP}) AND NOT EXISTS ({_CARD}))
"""  # noqa: S608  # constants only
_FILES = """
DELETE FROM webchat_file WHERE id IN ({places})
  AND NOT EXISTS (SELECT 1 FROM webchat_message m WHERE m.file_id = webchat_file.id)
  AND NOT EXISTS (
    SELECT 1 FROM document d
    WHERE d.network = webchat_file.network AND d.file_id = webchat_file.file_id AND d.content IS NULL
  )
"""


async def presses(*, machine_now: datetime) -> None:
    """Forget some of those that are older than a week; the eldest says whether there are any."""
    limit = machine_now - PRESSES_KEPT
    eldest = await WebchatPress.all().order_by("id").first()
    if eldest is None or eldest.pressed_at >= limit:
        return
    rows = await WebchatPress.all().order_by("id").limit(AT_ONCE).values_list("id", "pressed_at")

    async def forget() -> None:
        async with transaction():
            await WebchatPress.filter(id__in=[number for number, pressed_at in rows if pressed_at < limit]).delete()

    await unit_of_work(forget)


async def messages(*, now: datetime, kept: timedelta) -> None:
    """Go through some of the messages that are older than that, and erase those which nothing keeps; through all once a day.

    Where it is, is remembered: what has to stay is passed once a day, too.
    """
    look = await looks.due(MESSAGES, now=now)
    if look is None:
        return
    found = await Remembered.get_or_none(key=POSITION)
    position = int(str(found.value)) if found else 0
    eldest = WebchatMessage.filter(id__gt=position).order_by("id").limit(AT_ONCE)
    rows = await eldest.values_list("id", "sent_at")
    old = [number for number, sent_at in rows if sent_at < now - kept]
    await unit_of_work(partial(_go_on, old, look if len(old) < AT_ONCE else None, now=now))


async def _go_on(old: Collection[int], look: Look | None, *, now: datetime) -> None:
    """Erase them, and remember where it is, or, with the look, that it is through."""
    async with transaction():
        if old:
            await _erase(old, now)
        await Remembered.update_or_create(key=POSITION, defaults={"value": 0 if look else max(old)})
        if look:
            await looks.done(look, now=now, again=looks.next_day(now))


async def _erase(old: Collection[int], now: datetime) -> None:
    today = now.astimezone(UTC).date()
    rows = await execute(_OVER.format(places=places(old)), [*old, today, today])
    over = [row["id"] for row in rows]
    files = sorted({row["file_id"] for row in rows if row["file_id"] is not None})
    if over:
        await WebchatPress.filter(message_id__in=over).delete()
        await WebchatMessage.filter(id__in=over).delete()
        erased()
    if files:
        await execute(_FILES.format(places=places(files)), list(files))
