"""Guided entries under way are rows: they survive a restart, and nobody can answer another's questions.

What comes of a text that looks like case data is decided by who typed it. The message of one that nobody took responsibility
for is taken out of the chat: at once when its entry is given up, replaced or too old, and within a day when it stands alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.actions import notices, papers
from bot.rules.dialogue import LIFETIME, Notes, answered
from storage.db import transaction
from storage.erasing import erased
from storage.models import Dialogue, Person
from storage.vocabulary import Lane, Network

ERASED = "discarded"


@dataclass(frozen=True, kw_only=True)
class OpenEntry:
    """What has been answered so far."""

    person_id: int
    kind: str
    data: Mapping[str, Any]


async def current(person: Person, network: Network, chat_id: int, *, now: datetime) -> OpenEntry | None:
    """The entry this person has open in this chat, unless it is older than a day."""
    found = await Dialogue.get_or_none(network=network, chat_id=chat_id, person_id=person.id, expires_at__gt=now)
    return OpenEntry(person_id=person.id, kind=found.kind, data=found.data) if found else None


async def keep(
    *, person: int, network: Network, chat_id: int, kind: str, step: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Remember what has been answered; it replaces what was open here."""
    values: dict[str, Any] = {"kind": kind, "step": step, "data": dict(data), "expires_at": now + LIFETIME}
    async with transaction():
        where: dict[str, Any] = {"network": network, "chat_id": chat_id, "person_id": person}
        if not await Dialogue.filter(**where).update(**values):
            await Dialogue.create(**where, **values)


async def end(person: Person, network: Network, chat_id: int) -> bool:
    """Forget the open entry, because what was answered is done; whether there was one."""
    async with transaction():
        return bool(await Dialogue.filter(network=network, chat_id=chat_id, person_id=person.id).delete())


async def give_up(person: Person, network: Network, chat_id: int, *, now: datetime) -> bool:
    """Forget the open entry, also one that is too old, with all that was sent for it; whether there was one."""
    found = await Dialogue.get_or_none(network=network, chat_id=chat_id, person_id=person.id).select_related("person")
    if found is None:
        return False
    async with transaction():
        await found.delete()
        await _forget(found, now)
    return True


async def expire(*, now: datetime) -> int:
    """Forget what nobody finished, with all that was sent for it."""
    if not await Dialogue.exists(expires_at__lte=now):
        return 0
    async with transaction():
        old = await Dialogue.filter(expires_at__lte=now).select_related("person")
        await Dialogue.filter(id__in=[0, *(entry.id for entry in old)]).delete()
        for entry in old:
            await _forget(entry, now)
    return len(old)


async def _forget(entry: Dialogue, now: datetime) -> None:
    erased()
    await papers.forget(by=entry.person, papers=answered(entry.data).get("papers", ()))
    await _erase(entry.network, entry.chat_id, Notes.of(entry.data).doubtful.values(), now, now)


# --- a text that looks like case data and answers nothing -----------------------------------------------------------


async def warned(network: Network, chat_id: int, message: int, *, now: datetime) -> None:
    """Its sender was warned; it goes within a day, whatever they do."""
    await _erase(network, chat_id, [message], now + LIFETIME, now, about=_about(network, chat_id))


async def discard(network: Network, chat_id: int) -> list[int]:
    """The messages that their sender was warned about and that are still to go: they are the caller's to erase."""
    waiting = await notices.withdraw(_about(network, chat_id))
    return [int(notice.target_id) for notice in waiting if notice.target_id is not None]


def _about(network: Network, chat_id: int) -> str:
    return f"warned:{network.value}:{chat_id}"


async def _erase(
    network: Network,
    chat_id: int,
    messages: Iterable[int],
    due_at: datetime,
    now: datetime,
    *,
    about: str | None = None,
) -> None:
    drafts = [
        replace(
            notices.erasing(network, chat_id, message, due_at=due_at), template=ERASED, about=about, lane=Lane.ANSWER
        )
        for message in messages
    ]
    await notices.queue(drafts, now=now)
