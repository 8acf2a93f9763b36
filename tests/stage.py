"""A town on a stage: all of Faden in one process, people who write and press, a clock that is set by hand.

Fakes stand only at the outer wire: the network is the strict Bot API server, and there is no mail server.
"""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.actions import people
from bot.app import Faden, assemble
from bot.config import Settings, TownSettings, WebSettings
from bot.rules import townfile
from bot.scheduling import look, ticks
from bot.webchat.objects import Seen, User
from bot.webchat.server import BotServer
from bot.webchat.updates import settings
from storage.models import Body, Channel, GroupChat, Membership, Organisation, Person
from storage.models.webchat import ChatType, MemberStatus, WebchatChat, WebchatUser
from storage.vocabulary import Network

TOWN = Path(__file__).parent.parent / "bot" / "sample_town.toml"
STRANGER = "Unbekannt"
STRANGER_ID = 999_999
NEWEST = 25  # messages are looked at in a chat; what is older is not on anybody's screen


@dataclass
class Clock:
    """Both clocks, set by hand."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Button:
    """A button in a chat's message: `data` goes back to Faden, None opens a page. Without a chat it is a forged one."""

    label: str
    message_id: int
    data: str | None
    chat: int | None = None


@dataclass(frozen=True)
class Heard:
    """Something that stands in a chat: its text without markup, its file, its buttons row by row; `new`, or changed since."""

    message_id: int
    change: int
    new: bool
    text: str
    file: str | None
    buttons: tuple[tuple[Button, ...], ...]

    def told(self, *, with_buttons: bool) -> str:
        """As a conversation file writes it: `[label]` for what is pressed, `[label ↗]` for what opens a page."""
        rows = [
            " ".join(f"[{button.label}]" if button.data else f"[{button.label} ↗]" for button in row)
            for row in self.buttons
        ]
        return "\n".join([self.text, *([f"📎 {self.file}"] if self.file else []), *(rows if with_buttons else [])])


@dataclass
class Stage:
    """Everybody of the town, reachable on one network."""

    faden: Faden
    clock: Clock
    network: Network
    language: str
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    toasts: dict[str, list[str]] = field(default_factory=dict)
    _begun: int = 0  # the network's last change before the present act
    _taken: dict[int, int] = field(default_factory=dict)  # by chat: the last change taken note of since
    _once: dict[tuple[int, str], Button] = field(default_factory=dict)  # by chat and label: what was last to be pressed
    _in_group: set[tuple[int, int]] = field(default_factory=set)

    @property
    def server(self) -> BotServer:
        """The network."""
        return self.faden.servers[self.network]

    def user(self, name: str) -> User:
        """Somebody of the town, by full name or by a given name that only one has; or the stranger."""
        if name == STRANGER:
            return User(id=STRANGER_ID, first_name=name, language_code=self.language)
        found = [person for full, person in self.people.items() if name in (full, person.given_name)]
        assert len(found) == 1, f"{name}: {[person.family_name for person in found]}"
        return User(id=found[0].id, first_name=found[0].given_name, language_code=found[0].language)

    def chat(self, who: str | None, group: str | None = None) -> int:
        """Somebody's own chat with Faden, or a body's group."""
        return self.groups[group] if group else self.user(who or "").id

    async def says(self, who: str, text: str, group: str | None = None) -> None:
        """Write a message."""
        chat = await self._enter(who, group)
        await self.server.person_writes(self.user(who), chat, text)
        await self.settle()

    async def sends(self, who: str, file: str, content: bytes = b"%PDF-1.7 paper") -> None:
        """Send a file."""
        chat = await self._enter(who, None)
        await self.server.person_sends_file(self.user(who), chat, file, "application/pdf", content)
        await self.settle()

    async def button(self, chat: int, label: str, *, gone: bool = False) -> Button:
        """The button with that label in the message that came or changed last; or, when it is `gone`, the last there was."""
        await self._messages(chat)
        if gone:
            return self._once[chat, label]
        newest_first = sorted(await self.heard(chat), key=lambda heard: -heard.change)
        on_screen = [button for heard in newest_first for row in heard.buttons for button in row if button.data]
        found = [button for button in on_screen if button.label == label]
        assert found, f"there is no [{label}], but {[button.label for button in on_screen][:20]}"
        return found[0]

    async def presses(self, who: str, button: Button, group: str | None = None, *, times: int = 1) -> None:
        """Press what a button carries, in one's own chat or in a group; each press must be answered."""
        chat = await self._enter(who, group)
        own = button.chat == chat
        message = button.message_id if own else max(heard.message_id for heard in await self.heard(chat))
        made = [
            await self.server.person_presses(self.user(who), chat, message, button.data or "") for _ in range(times)
        ]
        await self.settle()
        for press in made:
            answer = await self.server.answer_of(press)
            assert answer is not None, f"the press on [{button.label}] was never answered"
            if answer.text:
                self.toasts.setdefault(who, []).append(answer.text)

    async def blocks(self, who: str) -> None:
        """Block Faden."""
        await self._act()
        await self.server.person_blocks_bot(self.user(who))
        await self.settle()

    async def leaves(self, who: str, body: str) -> None:
        """End somebody's seat with yesterday."""
        await self._act()
        yesterday = self.clock.moment.date() - timedelta(days=1)
        await Membership.filter(person_id=self.user(who).id, body__code=body).update(ends_on=yesterday)

    async def settle(self) -> None:
        """Until nothing is under way: updates handled, answers and due notices sent."""
        await self.faden.inbox.drain()
        await self.faden.post.drain()

    async def is_now(self, moment: datetime) -> None:
        """Set the clocks, and let the timer look once."""
        await self._act()
        self.clock.moment = moment.astimezone(UTC)
        for tick in ticks("BY"):
            await look(tick, self.clock, lambda: None)
        await self.settle()

    async def restarts(self) -> None:
        """End the program and start it again on the same store."""
        await self._act()
        await self.faden.stop()
        self.faden = await _assembled(self.clock, self.network, self.language)
        await self.faden.inbox.resume(self.network)
        await self.settle()

    async def heard(self, chat: int) -> list[Heard]:
        """Everything of Faden that stands in a chat."""
        return [_heard(message) for message in await self._messages(chat)]

    async def news(self, chat: int) -> list[Heard]:
        """What came or changed by the last act and was not yet taken note of, in order."""
        after = self._taken.get(chat, self._begun)
        return sorted((one for one in await self.heard(chat) if one.change > after), key=lambda one: one.change)

    def take(self, chat: int, heard: Heard) -> None:
        """Take note of it, and of all that came before."""
        self._taken[chat] = heard.change

    async def _act(self) -> None:
        """Something happens: from now on only what comes of it is news."""
        self._begun = (await settings(self.server)).change
        self._taken.clear()
        self.toasts.clear()

    async def _enter(self, who: str, group: str | None) -> int:
        """Somebody turns to a chat."""
        chat, user = self.chat(who, group), self.user(who)
        if group and (chat, user.id) not in self._in_group:
            self._in_group.add((chat, user.id))
            await self.server.join_group(user, chat)
        await self._act()
        return chat

    async def _messages(self, chat: int) -> list[Seen]:
        """What Faden said; that something was pinned does not count."""
        messages = [
            message
            for message in await self.server.messages(chat, limit=NEWEST)
            if message.message["from"]["is_bot"] and message.message.keys() & {"text", "document"}
        ]
        self._once |= {
            (chat, button.label): button for message in messages for row in _buttons(message) for button in row
        }
        return messages


def _buttons(message: Seen) -> tuple[tuple[Button, ...], ...]:
    rows: list[list[dict[str, Any]]] = message.message.get("reply_markup", {}).get("inline_keyboard", [])
    return tuple(
        tuple(
            Button(button["text"], message.message_id, button.get("callback_data"), message.chat_id) for button in row
        )
        for row in rows
    )


def _heard(message: Seen) -> Heard:
    marked = re.sub(r"<s>(.*?)</s>", r"~\1~", message.html, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", marked.replace("<br>", "\n")))
    return Heard(
        message_id=message.message_id,
        change=message.change,
        new="edit_date" not in message.message,
        text="\n".join(line.strip() for line in text.splitlines() if line.strip()),
        file=message.message.get("document", {}).get("file_name"),
        buttons=_buttons(message),
    )


async def _assembled(clock: Clock, network: Network, language: str) -> Faden:
    web, town = WebSettings(given_url="https://faden.example.org"), TownSettings(language=language)
    settings = Settings(web=web, town=town)
    return await assemble(settings, key=b"k" * 32, domain_now=clock, machine_now=clock, stage=network, pacers={})


async def raise_curtain(*, network: Network, moment: datetime, language: str = "de") -> Stage:
    """Faden with the sample town on an open store: everybody speaks `language` and has a chat on `network`, which carries all."""
    clock = Clock(moment.astimezone(UTC))
    await people.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=clock())
    await Body.all().update(level=3)
    await Organisation.all().update(level=None)
    await Person.all().update(level=None, language=language)
    stage = Stage(faden=await _assembled(clock, network, language), clock=clock, network=network, language=language)
    stage.people = {f"{person.given_name} {person.family_name}": person for person in await Person.all()}
    await Channel.bulk_create(
        [
            Channel(network=network, address=str(person.id), person=person, linked_at=clock())
            for person in stage.people.values()
        ]
    )
    await _everybody_has_pressed_start(stage)
    for group in await GroupChat.filter(network=network).select_related("body"):
        stage.groups[group.body.code] = group.chat_id
    return stage


async def _everybody_has_pressed_start(stage: Stage) -> None:
    """Rows instead of twenty-five arrivals: they would take longer than most stories."""
    users = [
        WebchatUser(
            network=stage.network, user_id=person.id, first_name=person.given_name, language_code=person.language
        )
        for person in stage.people.values()
    ]
    await WebchatUser.bulk_create(users)
    known = {user.user_id: user for user in await WebchatUser.filter(network=stage.network)}
    await WebchatChat.bulk_create(
        [
            WebchatChat(
                network=stage.network,
                chat_id=number,
                type=ChatType.PRIVATE,
                person=user,
                bot_status=MemberStatus.MEMBER,
                last_message_id=0,
                change=0,
            )
            for number, user in known.items()
        ]
    )
