"""A town on a stage: all of Faden in one process, people who write and press, a clock that is set by hand.

Fakes stand only at the outer wire: the network is the strict Bot API server. There is a mail server, on the loopback, as soon
as somebody is reached by mail alone.
"""

import html
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from bot.actions.people import importing
from bot.app import Faden, assemble
from bot.config import MailSettings, Settings, TownSettings, WebSettings
from bot.handlers.people import fetch
from bot.post import files
from bot.rules import townfile
from bot.scheduling import look, ticks
from bot.webchat import people, reading
from bot.webchat.delivery import Delivery
from bot.webchat.objects import Seen, User
from bot.webchat.server import BotServer
from bot.webchat.updates import settings
from storage.models import Body, Channel, GroupChat, Membership, Organisation, Person
from storage.models.webchat import ChatType, MemberStatus, WebchatChat, WebchatUser
from storage.vocabulary import Network
from tests import telegram_client
from tests.post.conftest import Mailbox, serving

TOWN = Path(__file__).parent.parent / "bot" / "sample_town.toml"
ADDRESS = "https://faden.example.org"
WEB = WebSettings(given_url=ADDRESS)
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


@dataclass(frozen=True)
class Letter:
    """A mail as it came: without its foot, and with the method of its calendar object, if it has one."""

    number: int
    subject: str
    text: str
    method: str | None

    @property
    def link(self) -> str | None:
        """The path by which it is answered."""
        found = re.search(rf"{ADDRESS}(/(?:antwort|commitment)/\S+)", self.text)
        return found[1] if found else None

    def told(self) -> str:
        """As a conversation file writes it."""
        return f"{self.subject}\n{self.text}"


@dataclass
class Stage:
    """Everybody of the town, reachable on one network, or by mail alone."""

    faden: Faden
    clock: Clock
    network: Network
    language: str
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    toasts: dict[str, list[str]] = field(default_factory=dict)
    by_mail: dict[int, str] = field(default_factory=dict)  # the addresses of those whom no chat reaches
    _begun: int = 0  # the network's last change before the present act
    _taken: dict[int, int] = field(default_factory=dict)  # by chat: the last change taken note of since
    _once: dict[tuple[int, str], Button] = field(default_factory=dict)  # by chat and label: what was last to be pressed
    _in_group: set[tuple[int, int]] = field(default_factory=set)
    _mailbox: Mailbox | None = None
    _read: int = 0  # mails that came before the present act
    _letters: dict[int, int] = field(default_factory=dict)  # by person: the last mail taken note of since
    _pages: dict[int, tuple[str, str]] = field(default_factory=dict)  # by person: the page that an answer led to
    _visitor: "TestClient[Any, Any] | None" = None
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def delivery(self) -> Delivery:
        """What hands the network's updates over."""
        return self.faden.deliveries[self.network]

    @property
    def server(self) -> BotServer:
        """The network."""
        return self.delivery.server

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
        await people.writes(self.server, self.user(who), chat, text)
        await self.settle()

    async def sends(self, who: str, file: str, content: bytes = b"%PDF-1.7 paper") -> None:
        """Send a file."""
        chat = await self._enter(who, None)
        await people.sends_file(self.server, self.user(who), chat, file, "application/pdf", content)
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
            await people.presses(self.server, self.user(who), chat, message, button.data or "") for _ in range(times)
        ]
        await self.settle()
        for press in made:
            answer = await reading.answer_of(self.server, press)
            assert answer is not None, f"the press on [{button.label}] was never answered"
            if answer.text:
                self.toasts.setdefault(who, []).append(answer.text)

    async def blocks(self, who: str) -> None:
        """Block Faden."""
        await self._act()
        await telegram_client.blocks_bot(self.server, self.user(who))
        await self.settle()

    async def leaves(self, who: str, body: str) -> None:
        """End somebody's seat with yesterday."""
        await self._act()
        yesterday = self.clock.moment.date() - timedelta(days=1)
        await Membership.filter(person_id=self.user(who).id, body__code=body).update(ends_on=yesterday)

    async def has_only_mail(self, who: str) -> None:
        """From now on no chat reaches them, but their mail does; nobody else has an address."""
        number = self.user(who).id
        if self._mailbox is None:
            self._mailbox = Mailbox()
            port = await self._open.enter_async_context(serving(self._mailbox))
            self._mailbox.address = f"smtp://127.0.0.1:{port}"
            await Person.all().update(mail=None)
            await self._begin_again()
        await Channel.filter(person_id=number).delete()
        self.by_mail[number] = f"person-{number}@lindental.example"
        await Person.filter(id=number).update(mail=self.by_mail[number])

    def letters(self, who: str) -> list[Letter]:
        """The mails that the last act brought them and that were not yet taken note of, in order."""
        number = self.user(who).id
        return [letter for letter in self._all_letters(number) if letter.number > self._letters.get(number, self._read)]

    def take_letter(self, who: str, letter: Letter) -> None:
        """Take note of it, and of all that came before."""
        self._letters[self.user(who).id] = letter.number

    def _all_letters(self, number: int) -> list[Letter]:
        taken = self._mailbox.taken if self._mailbox else []
        return [
            _letter(position, envelope.content)
            for position, envelope in enumerate(taken, start=1)
            if envelope.rcpt_tos == [self.by_mail[number]] and isinstance(envelope.content, bytes)
        ]

    async def answers(self, who: str, label: str | int) -> int:
        """Press a button of the page behind the link of their last mail that has one, or of the page that this led to.

        `label` may be its place on the page, which this gives, and which is the same in every language.
        """
        await self._act()
        number = self.user(who).id
        visitor = await self._browser()
        path, shown = self._pages.pop(number, ("", ""))
        if not _has(shown, label):
            links = [letter.link for letter in self._all_letters(number) if letter.link]
            assert links, f"{who} has no mail with a link"
            path = links[-1]
            shown = await (await visitor.get(path)).text()
        buttons = _page_buttons(shown)
        labels = list(buttons)
        assert _has(shown, label), f"there is no [{label}], but {labels}"
        place = label if isinstance(label, int) else labels.index(label)
        name, value = buttons[labels[place]]
        answer = await visitor.post(path, data={name: value})
        assert answer.status == 200, await answer.text()
        self._pages[number] = (path, await answer.text())
        await self.settle()
        return place

    async def _browser(self) -> "TestClient[Any, Any]":
        if self._visitor is not None:
            return self._visitor
        server = await self._open.enter_async_context(TestServer(self.faden.application))
        visitor: TestClient[Any, Any] = TestClient(server, headers={"Accept": "text/html"})
        self._visitor = await self._open.enter_async_context(visitor)
        return visitor

    async def settle(self) -> None:
        """Until nothing is under way: updates handled, lists and papers fetched, answers and due notices sent."""
        bots = {network: desk.bot for network, desk in self.faden.desks.items()}
        while True:
            await self.delivery.drain()
            await self.faden.inbox.drain()
            await fetch(bots, zone="Europe/Berlin", now=self.clock())
            await files.fetch_papers(bots)
            await self.faden.post.drain()
            if not self.delivery.busy:  # what was sent may have been news to the bot
                return

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
        await self._begin_again()

    async def _begin_again(self) -> None:
        self._visitor = None
        await self.faden.stop()
        self.faden = await _assembled(self.clock, self.network, self.language, self._mailbox)
        await self.faden.inbox.resume(self.network)
        await self.settle()

    async def close(self) -> None:
        """The end of the play."""
        await self._open.aclose()
        await self.faden.stop()

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
        self._read = len(self._mailbox.taken) if self._mailbox else 0
        self._letters.clear()
        self.toasts.clear()

    async def _enter(self, who: str, group: str | None) -> int:
        """Somebody turns to a chat."""
        chat, user = self.chat(who, group), self.user(who)
        if group and (chat, user.id) not in self._in_group:
            self._in_group.add((chat, user.id))
            await telegram_client.join_group(self.server, user, chat)
        await self._act()
        return chat

    async def _messages(self, chat: int) -> list[Seen]:
        """What Faden said; that something was pinned does not count."""
        messages = [
            message
            for message in await reading.messages(self.server, chat, limit=NEWEST)
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


def _letter(number: int, content: bytes) -> Letter:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    lines = [line.strip() for line in body.get_content().splitlines()]
    calendar = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    return Letter(
        number=number,
        subject=str(message["Subject"]),
        text="\n".join(line for line in lines[: lines.index("--")] if line),
        method=str(calendar[0].get_param("method")) if calendar else None,
    )


def _page_buttons(shown: str) -> dict[str, tuple[str, str]]:
    """The buttons of a page by label: what they send."""
    found = re.findall(r'<button[^>]* name="(\w+)" value="([^"]*)"[^>]*>([^<]*)</button>', shown)
    return {html.unescape(label).strip(): (name, value) for name, value, label in found}


def _has(shown: str, label: str | int) -> bool:
    buttons = _page_buttons(shown)
    return label < len(buttons) if isinstance(label, int) else label in buttons


async def _assembled(
    clock: Clock, network: Network, language: str, mailbox: Mailbox | None = None, web: WebSettings = WEB
) -> Faden:
    town = TownSettings(language=language)
    mail = MailSettings(smtp_url=mailbox.address, sender="faden@faden.example.org") if mailbox else MailSettings()
    settings = Settings(web=web, town=town, mail=mail)
    return await assemble(settings, key=b"k" * 32, domain_now=clock, machine_now=clock, stage=network, pacers={})


async def raise_curtain(*, network: Network, moment: datetime, language: str = "de", web: WebSettings = WEB) -> Stage:
    """Faden with the sample town on an open store: everybody speaks `language` and has a chat on `network`, which carries all."""
    clock = Clock(moment.astimezone(UTC))
    await importing.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=clock())
    await Body.all().update(level=3)
    await Organisation.all().update(level=None)
    await Person.all().update(level=None, language=language)
    stage = Stage(
        faden=await _assembled(clock, network, language, web=web), clock=clock, network=network, language=language
    )
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
