"""A post with a scripted wire: python-telegram-bot is real, its HTTP is not; the mail server is aiosmtpd on the loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from structlog.testing import capture_logs
from telegram import Bot
from telegram.request import BaseRequest, RequestData

from bot import messages
from bot.actions import notices
from bot.actions.notices import Draft
from bot.logs import Unbuilt
from bot.post import Mailer, Post, PostSettings
from bot.rules.facts import AnswerLink, FeedLink, OneTimeLink
from bot.rules.pacing import Pacer
from storage import db
from storage.models import Body, Channel, Membership, Notice, Organisation, Person
from storage.vocabulary import BodyKind, Network, OrganisationKind, Role

TEMPLATES = Path(__file__).parent / "templates"
SETTINGS = PostSettings(base_url="https://faden.example", mailbox="faden@faden.example", land="NI", town="Musterstadt")


@dataclass
class Clock:
    """The time, moved by the test alone; `step` passes at each look."""

    now: datetime
    step: timedelta = timedelta()

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True)
class Call:
    """A call of the Bot API as it went over the wire."""

    method: str
    params: dict[str, Any]
    files: dict[str, tuple[str, bytes, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """An answer that is not ok."""

    status: int
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


Script = Callable[[Call], Refusal | BaseException | None]


@dataclass
class Wire(BaseRequest):
    """Keeps every call, and answers as `script` says; None means as Telegram would when all is well.

    `meanwhile` is awaited while a call is on its way, `afterwards` while its answer is. `away` spoils every call, also those that
    send nothing.
    """

    away: Callable[[], Refusal | BaseException | None] = lambda: None
    questions: int = 0
    calls: list[Call] = field(default_factory=list)
    script: Script = lambda _: None
    meanwhile: Callable[[Call], Awaitable[None]] | None = None
    afterwards: Callable[[Call], Awaitable[None]] | None = None
    taken: list[Call] = field(default_factory=list)
    message_id: int = 100

    @property
    def read_timeout(self) -> float | None:
        return None

    async def initialize(self) -> None:
        return

    async def shutdown(self) -> None:
        return

    async def do_request(
        self,
        url: str,
        method: str,  # noqa: ARG002  # the signature is the library's
        request_data: RequestData | None = None,
        *_: object,
        **__: object,
    ) -> tuple[int, bytes]:
        name = url.rpartition("/")[2]
        data = request_data.parameters if request_data else {}
        files = {
            key: (upload[0], upload[1] if isinstance(upload[1], bytes) else upload[1].read(), upload[2])
            for key, upload in (request_data.multipart_data if request_data else {}).items()
        }
        call = Call(name, data, files)
        if name == "getMe":
            self.questions += 1
            if spoilt := self._spoilt(self.away()):
                return spoilt
            return _ok({"id": 4711, "is_bot": True, "first_name": "Faden", "username": "FadenBot"})
        if "/file/" in url:
            return 200, b"%PDF fetched"
        self.calls.append(call)
        if self.meanwhile is not None:
            await self.meanwhile(call)
        if spoilt := self._spoilt(self.away() or self.script(call)):
            return spoilt
        self.taken.append(call)
        if self.afterwards is not None:
            await self.afterwards(call)
        return _ok(self._result(call))

    @staticmethod
    def _spoilt(answer: Refusal | BaseException | None) -> tuple[int, bytes] | None:
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return None
        body = {"ok": False, "description": answer.description, "parameters": answer.parameters}
        return answer.status, json.dumps(body).encode()

    def _result(self, call: Call) -> object:
        if call.method == "getFile":
            return {"file_id": call.params["file_id"], "file_unique_id": "u", "file_path": "documents/1"}
        if not call.method.startswith(("send", "edit")):
            return True
        number = call.params.get("message_id")
        if number is None:
            number = self.message_id = self.message_id + 1
        return {"message_id": number, "date": 0, "chat": {"id": call.params["chat_id"], "type": "private"}}

    def said(self) -> list[tuple[int, str]]:
        """Chats and texts of what was said, in order."""
        told = [call for call in self.calls if call.method in {"sendMessage", "editMessageText", "sendDocument"}]
        return [(call.params["chat_id"], call.params.get("text", call.params.get("caption", ""))) for call in told]


def _ok(result: object) -> tuple[int, bytes]:
    return 200, json.dumps({"ok": True, "result": result}).encode()


@dataclass
class Mailbox:
    """The mail server: what it took, and what it says to each command; None means yes."""

    taken: list[Envelope] = field(default_factory=list)
    to_recipient: str | None = None
    to_data: str | None = None
    address: str = ""

    async def handle_RCPT(  # noqa: N802  # the signature is the library's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.to_recipient is not None:
            return self.to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # likewise
        if self.to_data is not None and self.to_data.startswith(("4", "5")):
            return self.to_data
        self.taken.append(envelope)
        return self.to_data or "250 OK"

    def messages(self) -> list[bytes]:
        """The mails as they came."""
        return [envelope.content for envelope in self.taken if isinstance(envelope.content, bytes)]


@pytest.fixture(autouse=True)
def _durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """python-telegram-bot gives durations as such, as it will by default; else it warns."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture(autouse=True)
def _templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates of these tests, beside the house's own, whose words are tested where they are used."""
    for language in messages.LANGUAGES:
        loader = messages.environment(language).loader
        monkeypatch.setattr(loader, "searchpath", [str(messages.TEMPLATES), str(TEMPLATES)])


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged, as facts."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@asynccontextmanager
async def serving(box: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:  # noqa: ANN401  # aiosmtpd's
    """The mail server on the loopback, in the loop of the test; gives its port."""
    loop, wires = asyncio.get_running_loop(), list[asyncio.Transport]()

    class Server(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            wires.append(transport)
            super().connection_made(transport)

    server = await loop.create_server(lambda: Server(box, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for wire in wires:
            wire.abort()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # aborted wires close in the next round


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    async with serving(box) as port:
        box.address = f"smtp://127.0.0.1:{port}"
        yield box


@dataclass
class Office:
    """A post on an empty store, and what stands around it."""

    clock: Clock
    wires: dict[Network, Wire]
    bots: dict[Network, Bot]
    links: list[object] = field(default_factory=list)

    @property
    def telegram(self) -> Wire:
        return self.wires[Network.TELEGRAM]

    @property
    def webchat(self) -> Wire:
        return self.wires[Network.WEBCHAT]

    def open(
        self,
        *,
        mailer: Mailer | None = None,
        settings: PostSettings = SETTINGS,
        pacers: dict[Network, Pacer] | None = None,
        machine: Callable[[], datetime] | None = None,
    ) -> Post:
        """A new post; the one before may have been killed."""
        return Post(
            bots=self.bots,
            mailer=mailer,
            voices=replace(settings, unbuilt=Unbuilt()),
            domain_now=self.clock,
            machine_now=machine or self.clock,
            one_time_link=self.one_time,
            feed_link=self.feed,
            answer_link=self.answer,
            pacers={} if pacers is None else pacers,
        )

    async def one_time(self, link: OneTimeLink, person: int) -> str:
        self.links.append(link)
        return f"https://faden.example/anmelden/{person}-{len(self.links)}"

    async def feed(self, link: FeedLink, person: int) -> str:
        return f"https://faden.example/feed/{person}-{link.generation}"

    async def answer(self, link: AnswerLink, person: int) -> str:
        return f"https://faden.example/antwort/{person}-{link.attendance}"


@pytest.fixture
async def office(store: str, clock: Clock) -> AsyncIterator[Office]:  # noqa: ARG001  # the store is open meanwhile
    wires = {Network.TELEGRAM: Wire(), Network.WEBCHAT: Wire()}
    bots = {network: Bot("4711:invented", request=wire, get_updates_request=wire) for network, wire in wires.items()}
    for bot in bots.values():
        await bot.initialize()
    yield Office(clock, wires, bots)
    for bot in bots.values():
        await bot.shutdown()


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def organisation(key: str, level: int | None = None) -> Organisation:
    return await Organisation.create(key=key, name=key.title(), kind=OrganisationKind.FREE, level=level)


async def body(code: str = "TK", **more: Any) -> Body:  # noqa: ANN401  # columns of every type
    return await Body.create(code=code, name=f"Gremium {code}", kind=BodyKind.AREA_TEAM, **more)


async def person(given_name: str = "Nora", **more: Any) -> Person:  # noqa: ANN401  # columns of every type
    return await Person.create(key=given_name.lower(), given_name=given_name, family_name="Quint", **more)


async def seat(who: Person, where: Body, **more: Any) -> Membership:  # noqa: ANN401  # columns of every type
    values: dict[str, Any] = {"role": Role.MEMBER, "begins_on": date(2026, 1, 1)} | more
    return await Membership.create(person=who, body=where, **values)


async def channel(who: Person, network: Network, address: str, *, preferred: bool = False) -> Channel:
    return await Channel.create(person=who, network=network, address=address, preferred=preferred, linked_at=LONG_AGO)


async def queue(*drafts: Draft, now: datetime) -> list[Notice]:
    """Queue as an action does; gives the rows in order."""

    async def write() -> None:
        await notices.queue(drafts, now=now)

    await db.unit_of_work(write)
    rows = {notice.key: notice for notice in await Notice.filter(key__in=[draft.key for draft in drafts])}
    return [rows[draft.key] for draft in drafts]
