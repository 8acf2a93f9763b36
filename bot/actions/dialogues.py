"""Guided entries under way are rows: they survive a restart, and nobody can answer another's questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.rules.dialogue import LIFETIME
from storage.db import transaction
from storage.models import Dialogue, Person
from storage.vocabulary import Network


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
    """Forget the open entry and all that was answered; whether there was one."""
    async with transaction():
        return bool(await Dialogue.filter(network=network, chat_id=chat_id, person_id=person.id).delete())


async def expire(*, now: datetime) -> int:
    """Forget what nobody finished."""
    async with transaction():
        return await Dialogue.filter(expires_at__lte=now).delete()
