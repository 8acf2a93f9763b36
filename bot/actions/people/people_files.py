"""A people file on its way through the chat: kept until it has been fetched and imported, or dropped.

It lies in the dialogue of whoever sent it, for a day at most. Fetching it is the door's (`bot.handlers.people.fetch`): nothing
here waits for a network. What is in it, `bot.actions.people.people_reports` shows and imports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.actions import carrying, dialogues, notices
from bot.actions.notices import Draft
from bot.rules import permissions
from bot.rules.dialogue import LIFETIME
from bot.rules.facts import FULL, NOTHING, NUDGE, Facts, PersonName, Plain, Text
from bot.rules.mistakes import Mistake
from bot.rules.refusals import Outdated, Refusal
from bot.rules.spreadsheet import BYTES
from storage import bells
from storage.db import transaction
from storage.erasing import erased
from storage.models import Dialogue, Person
from storage.vocabulary import Lane, Network

KIND = "people_file"
FETCH, CONFIRM = "fetch", "confirm"


class AdministratorsOnly(Refusal):
    """A list of people is taken from those who keep people and bodies."""


class ListTooLarge(Refusal):
    """More than `limit` MB."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A file that is still to be fetched from the network that holds it."""

    dialogue: int
    network: Network
    file_id: str
    name: str
    since: datetime


async def take(
    *, by: Person, network: Network, chat_id: int, update_id: int, file_id: str, name: str, size: int, now: datetime
) -> None:
    """Note a list that somebody sent; it takes the place of one that was sent here before.

    Raises AdministratorsOnly, ListTooLarge, NotOverTelegram.
    """
    _check(by)
    if size > BYTES:
        raise ListTooLarge(limit=BYTES // 1_000_000)
    if network is Network.TELEGRAM and await carrying.level(by, now) <= NOTHING:
        raise carrying.NotOverTelegram
    data = {"file_id": file_id, "name": name[:200], "update": update_id}
    await dialogues.give_up(by, network, chat_id, now=now)
    await dialogues.keep(person=by.id, network=network, chat_id=chat_id, kind=KIND, step=FETCH, data=data, now=now)
    bells.ring(KIND)


async def waiting(*, now: datetime) -> list[Waiting]:
    """What is to be fetched, in the order in which it came."""
    return [
        Waiting(
            dialogue=entry.id,
            network=entry.network,
            file_id=str(entry.data["file_id"]),
            name=str(entry.data["name"]),
            since=entry.expires_at - LIFETIME,
        )
        for entry in await Dialogue.filter(kind=KIND, step=FETCH, expires_at__gt=now).order_by("id")
    ]


async def not_fetched(file: Waiting, mistakes: Iterable[Mistake], *, now: datetime) -> None:
    """Tell why there is no list: it could not be fetched, or what is wrong with it."""
    async with transaction():
        entry = await expected(file)
        if entry is None:
            return
        await Dialogue.filter(id=entry.id).delete()
        facts = {
            "level": in_full_or_not(await carrying.level(entry.person, now)),
            "mistakes": [mistake_facts(mistake) for mistake in mistakes],
        }
        await tell(entry, "people/file_unreadable", facts, now)


async def drop(*, by: Person, network: Network, chat_id: int, now: datetime) -> None:
    """Forget the list. Raises AdministratorsOnly, Outdated."""
    entry = await opened(by, network, chat_id, now)
    async with transaction():
        await Dialogue.filter(id=entry.id).delete()
        erased()


def _check(by: Person) -> None:
    if not permissions.may_administer(administrator=by.administrator):
        raise AdministratorsOnly


async def opened(by: Person, network: Network, chat_id: int, now: datetime) -> Dialogue:
    """The list in this chat, or else in another one: what Telegram may not show is shown in the web chat."""
    _check(by)
    found = await Dialogue.filter(person_id=by.id, kind=KIND, step=CONFIRM, expires_at__gt=now).order_by("-id")
    here = [entry for entry in found if (entry.network, entry.chat_id) == (network, chat_id)]
    if not found:
        raise Outdated
    return (here or found)[0]


async def expected(file: Waiting) -> Dialogue | None:
    """The dialogue, if it still waits for this file and its person still may."""
    entry = await Dialogue.get_or_none(id=file.dialogue, kind=KIND, step=FETCH).select_related("person")
    if entry is None or entry.data["file_id"] != file.file_id:
        return None
    return entry if permissions.may_administer(administrator=entry.person.administrator) else None


async def tell(entry: Dialogue, template: str, facts: Facts, now: datetime) -> None:
    """Answer whoever sent the file, where they sent it; once."""
    draft = Draft(
        key=f"{KIND}:{entry.network.value}:{entry.data['update']}",
        template=template,
        facts=facts,
        due_at=now,
        network=entry.network,
        chat_id=entry.chat_id,
        lane=Lane.ANSWER,
    )
    await notices.queue([draft], now=now)


def in_full_or_not(level: int) -> int:
    """Names are all that a list is made of: where Telegram may not carry them, it carries none of it."""
    return FULL if level >= FULL else min(level, NUDGE)


def mistake_facts(mistake: Mistake) -> Facts:
    """What is wrong, with all that the words may need."""
    facts = mistake.facts
    return {
        "code": Plain(mistake.code),
        "line": mistake.line,
        "column": Text(mistake.key),
        "value": Text(facts["value"]) if "value" in facts else None,
        "nearest": Text(facts["nearest"]) if facts.get("nearest") else None,
        "people": [PersonName(name) for name in (*_texts(facts, "people"), *_texts(facts, "person"))],
        "needed": [Plain(column) for column in _texts(facts, "needed")],
        "found": [Text(heading) for heading in _texts(facts, "found")],
        "number": facts.get("limit", facts.get("line")),
    }


def _texts(facts: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = facts.get(name, ())
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]  # a tuple of texts
