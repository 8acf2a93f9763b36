"""A town on a stage: all of Faden in one process, people who write and press, a clock that is set by hand.

Fakes stand only at the outer wire: the network is the strict Bot API server, the mail server a list.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.app import Faden, assemble
from bot.config import Settings
from bot.rules import townfile
from bot.scheduling import TICKS, look
from bot.webchat.objects import Seen, User
from bot.webchat.server import BotServer
from storage.models import Body, Channel, GroupChat, Person
from storage.models.webchat import WebchatFile
from storage.vocabulary import Network

TOWN = Path(__file__).parent.parent / "bot" / "sample_town.toml"


@dataclass
class Clock:
    """Both clocks, set by hand."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Heard:
    """Something that reached a chat: its text without markup, its buttons row by row, its file."""

    text: str
    buttons: tuple[str, ...]
    message_id: int
    file: str | None = None


@dataclass
class Stage:
    """Everybody of the town, reachable on one network."""

    faden: Faden
    clock: Clock
    network: Network
    server: BotServer
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict)
    toasts: dict[str, list[str]] = field(default_factory=dict)

    def person(self, name: str) -> Person:
        """By full name, or by a given name that only one has."""
        found = [person for full, person in self.people.items() if full == name or full.split(" ")[0] == name]
        assert len(found) == 1, f"{name}: {[person.family_name for person in found]}"
        return found[0]

    def user(self, name: str) -> User:
        person = self.person(name)
        return User(id=person.id, first_name=person.given_name, language_code=person.language)

    def chat(self, name: str, group: str | None = None) -> int:
        return self.groups[group] if group else self.person(name).id

    async def says(self, name: str, text: str, group: str | None = None) -> None:
        await self.server.person_writes(self.user(name), self.chat(name, group), text)
        await self.settle()

    async def sends(self, name: str, file: str, content: bytes = b"%PDF-1.7 paper") -> None:
        await self.server.person_sends_file(self.user(name), self.chat(name), file, "application/pdf", content)
        await self.settle()

    async def presses(self, name: str, label: str, group: str | None = None) -> None:
        chat = self.chat(name, group)
        for message in reversed(await self.server.messages(chat)):
            keyboard = message.message.get("reply_markup", {}).get("inline_keyboard", [])
            labels = [button for row in keyboard for button in row]
            for number, button in enumerate(labels):
                if button["text"] == label and "callback_data" in button:
                    press = await self.server.person_presses(self.user(name), chat, message.message_id, number)
                    await self.settle()
                    answer = await self.server.answer_of(press)
                    assert answer is not None, f"the press on [{label}] was never answered"
                    if answer.text:
                        self.toasts.setdefault(name, []).append(answer.text)
                    return
        heard = [heard.buttons for heard in await self.all_heard(chat)][-3:]
        raise AssertionError(f"{name} sees no [{label}]; the last buttons are {heard}")

    async def settle(self) -> None:
        """Until nothing is under way: updates handled, answers and due notices sent."""
        await self.faden.inbox.drain()
        await self.faden.post.drain()
        while self.faden.inbox.busy:
            await self.faden.inbox.drain()
            await self.faden.post.drain()

    async def is_now(self, moment: datetime) -> None:
        """Set the clocks, and let the timer look once."""
        self.clock.moment = moment.astimezone(UTC)
        for tick in TICKS:
            await look(tick, self.clock, lambda: None)
        await self.settle()

    async def all_heard(self, chat: int) -> list[Heard]:
        return [_heard(message) for message in await self.server.messages(chat) if _from_bot(message)]

    async def news(self, chat: int) -> list[tuple[int, Heard]]:
        """What came or changed in a chat since it was last taken; each with the number to take it by."""
        seen = self._seen.setdefault(chat, 0)
        news = [message for message in await self.server.messages(chat) if _from_bot(message) and message.change > seen]
        return [(message.change, _heard(message)) for message in sorted(news, key=lambda message: message.change)]

    def take(self, chat: int, change: int) -> None:
        self._seen[chat] = change


def _from_bot(message: Seen) -> bool:
    sender: Mapping[str, Any] = message.message.get("from", {})
    return bool(sender.get("is_bot"))


def _heard(message: Seen) -> Heard:
    text = re.sub(r"<s>(.*?)</s>", r"~\1~", message.html, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", text.replace("<br>", "\n")))
    keyboard = message.message.get("reply_markup", {}).get("inline_keyboard", [])
    return Heard(
        text="\n".join(line.strip() for line in text.splitlines() if line.strip()),
        buttons=tuple(button["text"] for row in keyboard for button in row),
        message_id=message.message_id,
        file=message.message.get("document", {}).get("file_name"),
    )


async def raise_curtain(settings: Settings, *, network: Network, moment: datetime, key: bytes = b"k" * 32) -> Stage:
    """Faden with the sample town, on an open store; everybody has a chat on `network`, which carries everything."""
    from bot.actions import people  # noqa: PLC0415  # after the store is open

    clock = Clock(moment.astimezone(UTC))
    await people.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=clock())
    await Body.all().update(level=3)
    faden = await assemble(settings, key=key, domain_now=clock, machine_now=clock, stage=network)
    server = faden.servers[network]
    stage = Stage(faden=faden, clock=clock, network=network, server=server)
    for person in await Person.filter(left_at=None):
        stage.people[f"{person.given_name} {person.family_name}"] = person
        await Channel.get_or_create(
            network=network, address=str(person.id), defaults={"person": person, "linked_at": clock()}
        )
        await server.person_arrives(stage.user(f"{person.given_name} {person.family_name}"))
    for body in await Body.all():
        group = await GroupChat.get_or_none(body=body, network=network)
        if group is not None:
            stage.groups[body.code] = group.chat_id
    return stage


async def file_content(file_id: str) -> bytes:
    return (await WebchatFile.get(file_id=file_id)).content
