"""Real processes for the crash tests: Faden, and the Telegram that it talks to. All on the loopback; nothing is mocked.

Both read the machine's clock, and so do the tests, so that moments of all three can be compared.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from bot.actions.meetings import invitations, meetings, moving
from bot.actions.meetings.meetings import Plan
from bot.actions.people import importing
from bot.app import system_clock
from bot.rules import townfile
from bot.web.webhook import SECRET_HEADER
from storage import db
from storage.models import Body, Channel, InboxUpdate, Meeting, Membership, Notice, Person
from storage.vocabulary import BodyKind, MeetingFormat, Network, NoticeState, Role, UpdateState
from tests.certificate import certificate
from tests.crash.nursery import Child, Nursery

HOUSE = Path(__file__).parents[2]
TOWN = HOUSE / "bot" / "sample_town.toml"
TOKEN = "4711:the-token-of-the-tests"
SECRET = "only-telegram-knows"
BODY = "Forum"
SERVING = "serving"
LISTENING = "listening to telegram"
START_SECONDS = 60  # on a machine with other things to do
FINISH_SECONDS = 300
STILLBORN = 0.2  # so many of the processes are killed during their start
NAMED = re.compile(r"Thema Nr \d+|\d+\. " + BODY)


def within(seconds: float, limit: float) -> bool:
    """Whether something that people wait for kept its limit. CI only prints it: its machine may be lent to others meanwhile."""
    return "CI" in os.environ or seconds <= limit


class Message(NamedTuple):
    """What a message is about, and whose chat it is for."""

    chat: int
    about: str


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """The database, looked into from outside."""
    await db.open_store(url)
    try:
        yield
    finally:
        await db.close_store()


async def found_town(members: int) -> list[int]:
    """The sample town on the open store, and a body with that many members on Telegram; gives their chats.

    It has no chair, who would be told of every item, no deadline, and the level at which Telegram may carry everything.
    """
    now = system_clock()
    await importing.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=now)
    body = await Body.create(code=BODY, name=BODY, kind=BodyKind.WORKING_GROUP, level=3, rules={})
    names = [f"mitglied-{number}" for number in range(members)]
    await Person.bulk_create([Person(key=name, given_name="Mitglied", family_name=name) for name in names])
    made = await Person.filter(key__startswith="mitglied-").order_by("id")
    await Person.all().update(privacy_read_at=now)
    await Channel.bulk_create(
        [Channel(person=one, network=Network.TELEGRAM, address=str(one.id), linked_at=now) for one in made]
    )
    await Membership.bulk_create(
        [Membership(body=body, person=one, role=Role.MEMBER, begins_on=date(2026, 1, 1)) for one in made]
    )
    return [one.id for one in made]


async def invite(members: Sequence[int], count: int, *, now: datetime) -> None:
    """The first member takes the chair, invites everybody to so many meetings, and leaves it again.

    The notices are made urgent, for otherwise the weekday and the hour of the test would decide when they may leave.
    """
    seat = Membership.filter(person_id=members[0])
    await seat.update(role=Role.CHAIR)
    chair = await Person.get(id=members[0])
    for number in range(1, count + 1):
        starts = (now + timedelta(weeks=4 + number)).replace(hour=14, minute=0, second=0, microsecond=0, tzinfo=None)
        plan = Plan(starts=starts, minutes=90, format=MeetingFormat.PRESENCE, place="Rathaus, Saal 2")
        schedule = partial(meetings.schedule, by=chair, body=BODY, plan=plan, host="faden.example.org", now=now)
        meeting = (await db.unit_of_work(schedule))["meeting"]["id"]
        asked = partial(invitations.invite, by=chair, meeting=meeting, land="BY", now=now)
        await db.unit_of_work(asked, seconds=60)  # no town has so large a body
    await seat.update(role=Role.MEMBER)
    await Notice.all().update(urgent=True)


async def call_off(members: Sequence[int], *, now: datetime) -> None:
    """The first member takes the chair for a moment, and calls the body's one meeting off."""
    seat = Membership.filter(person_id=members[0])
    await seat.update(role=Role.CHAIR)
    chair, meeting = await Person.get(id=members[0]), await Meeting.get(body__code=BODY)

    async def cancel() -> None:
        async with db.transaction():
            await moving.cancel(by=chair, meeting=meeting.id, reason="Der Saal ist belegt", now=now)
            await Notice.filter(template="meetings/cancelled").update(urgent=True)  # as the invitations

    await db.unit_of_work(cancel)
    await seat.update(role=Role.MEMBER)


# --- Telegram ---------------------------------------------------------------------------------------------------------


class Arrival(NamedTuple):
    """A message of Faden's as it reached somebody."""

    message: Message
    text: str
    at: datetime


@dataclass(frozen=True)
class Telegram:
    """The network, a process of its own: what people do there, and what reached them."""

    address: str
    database: Path
    certificate: Path
    session: aiohttp.ClientSession

    async def does(self, what: str, *arguments: object) -> Any:  # noqa: ANN401  # JSON
        """Something happens on the people's side; gives what comes of it."""
        async with self.session.post(f"{self.address}/people/{what}", json=arguments) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["result"]

    async def writes(self, chat: int, text: str) -> None:
        """Somebody writes to Faden."""
        await self.does("writes", {"id": chat, "first_name": "Mitglied"}, chat, text)

    async def knows(self, chats: Iterable[int]) -> None:
        """These people have written to Faden before, so that it may write to them; nothing waits of that."""
        for chat in chats:
            await self.writes(chat, "/start")
        async with self.session.post(f"{self.address}/bot{TOKEN}/deleteWebhook?drop_pending_updates=true") as response:
            assert response.status == 200, await response.text()

    def arrivals(self) -> list[Arrival]:
        """All that has reached anybody so far, in order."""
        query = (
            "SELECT c.chat_id, m.text, m.sent_at FROM webchat_message m JOIN webchat_chat c ON c.id = m.chat_id "
            "WHERE m.sender_id IS NULL AND m.service IS NULL ORDER BY m.id"
        )
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            rows = database.execute(query).fetchall()
        return [Arrival(Message(chat, about(text)), text, datetime.fromisoformat(at)) for chat, text, at in rows]


@contextlib.asynccontextmanager
async def telegram(directory: Path, *more: str) -> AsyncIterator[Telegram]:
    """Telegram, for as long as the block lasts; with further options of its own."""
    database, trusted = directory / "telegram.sqlite3", certificate(directory)
    options = ["--database", f"sqlite:///{database}", "--token", TOKEN, "--port", "0", *more]
    process = await asyncio.create_subprocess_exec(
        *_command("tests.telegram_server", *options),
        cwd=HOUSE,
        env={**os.environ, "SSL_CERT_FILE": str(trusted)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        address = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        async with aiohttp.ClientSession() as session:
            yield Telegram(address.decode().strip(), database, trusted, session)
    finally:
        process.kill()
        await process.wait()


def about(text: str) -> str:
    """The item or the meeting that a text names."""
    found = NAMED.search(text)
    return found[0] if found else text


# --- Faden ------------------------------------------------------------------------------------------------------------


@dataclass
class Faden:
    """Faden, a process of its own. What it says on standard error is kept line by line."""

    process: asyncio.subprocess.Process | Child
    lines: list[str] = field(default_factory=list)
    silent: bool = False
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        """Keep what it says, until it is silent for ever."""
        assert self.process.stderr is not None
        while not self.silent:
            line = await self.process.stderr.readline()
            async with self._heard:
                self.lines += [line.decode().rstrip()] if line else []
                self.silent = not line
                self._heard.notify_all()

    def said(self, words: str) -> bool:
        """Whether a line has these words."""
        return any(words in line for line in self.lines)

    async def says(self, words: str) -> None:
        """Wait until a line has these words."""
        async with asyncio.timeout(START_SECONDS), self._heard:
            await self._heard.wait_for(lambda: self.said(words) or self.silent)
        assert self.said(words), "\n".join(self.lines)

    async def kill(self) -> None:
        """SIGKILL: nothing of it is left."""
        assert self.process.returncode is None, "\n".join(self.lines)
        self.process.kill()
        await self.process.wait()

    async def ends(self) -> int:
        """Ask it to end (SIGTERM), and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), START_SECONDS)


Start = Callable[[], AbstractAsyncContextManager[Faden]]


@contextlib.asynccontextmanager
async def serving(directory: Path, settings: Mapping[str, str], nursery: Nursery | None = None) -> AsyncIterator[Faden]:
    """`python -m bot serve` with these settings and no others; killed at the end of the block, if it still runs."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("FADEN_")}
    environment = {**without, "PYTHONPATH": str(HOUSE), **settings}
    process: asyncio.subprocess.Process | Child
    if nursery is not None:
        process = await nursery.serve(directory, environment)
    else:
        process = await asyncio.create_subprocess_exec(
            *_command("bot", "serve"), cwd=directory, env=environment, stderr=asyncio.subprocess.PIPE
        )
    faden = Faden(process)
    listening = asyncio.create_task(faden.listen())
    try:
        yield faden
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


def settings(url: str, directory: Path, port: int | None = None) -> dict[str, str]:
    """The environment of a Faden on that database."""
    return {
        "FADEN_DATABASE__URL": url,
        "FADEN_DATABASE__DIRECTORY": str(directory),
        "FADEN_WEB__PORT": str(port or free_port()),
    }


@contextlib.asynccontextmanager
async def linked(network: Telegram, url: str, directory: Path, mode: str) -> AsyncIterator[dict[str, str]]:
    """The environment of a Faden on that database which hears from Telegram by polling or by webhook."""
    port = free_port()
    own = settings(url, directory, port) | {"FADEN_TELEGRAM__TOKEN": TOKEN, "FADEN_TELEGRAM__API_BASE": network.address}
    if mode == "polling":
        yield own
        return
    async with _proxy(port, network) as public_url:
        yield own | {
            "FADEN_TELEGRAM__MODE": "webhook",
            "FADEN_TELEGRAM__WEBHOOK_SECRET": SECRET,
            "FADEN_WEB__PUBLIC_URL": public_url,
        }


@contextlib.asynccontextmanager
async def _proxy(port: int, network: Telegram) -> AsyncIterator[str]:
    """What stands before Faden in production: it speaks https, and hands on to the port; gives its address."""

    async def hand_on(request: web.Request) -> web.Response:
        headers = {SECRET_HEADER: request.headers.get(SECRET_HEADER, "")}
        try:
            inside = f"http://127.0.0.1:{port}{request.path}"
            async with network.session.post(inside, data=await request.read(), headers=headers) as answer:
                return web.Response(status=answer.status)
        except aiohttp.ClientError:
            return web.Response(status=502)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(network.certificate)
    app = web.Application()
    app.add_routes([web.post("/{path:.*}", hand_on)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _command(module: str, *arguments: str) -> list[str]:
    """Run a module; where setpriv is there, the process ends even if the tests are killed themselves."""
    setpriv = shutil.which("setpriv")
    bound = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return [*bound, sys.executable, "-m", module, *arguments]


def free_port() -> int:
    """A port of the loopback that nobody uses: below those that the system gives to connections, and chosen anew each time."""
    dice = Random()  # noqa: S311  # not for secrets
    while True:
        port = dice.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


# --- what is known of a run ------------------------------------------------------------------------------------------


class Life(NamedTuple):
    """From a start to a kill: when it began, which messages a sender had in hand when it ended, and how many updates waited."""

    began: datetime
    leased: frozenset[Message]
    waiting: int


async def killed(url: str, start: Start, dice: Random, *, seconds: float) -> Life:
    """One life: to a kill in the middle of the start, or at any moment within so many seconds after it."""
    began = system_clock()
    async with start() as faden:
        if dice.random() >= STILLBORN:
            await faden.says(LISTENING)
        await asyncio.sleep(dice.uniform(0, seconds))
        await faden.kill()
    async with opened(url):
        waiting = await InboxUpdate.filter(state=UpdateState.WAITING).count()
        return Life(began, await _leased(), waiting)


async def _leased() -> frozenset[Message]:
    rows = await Notice.filter(state=NoticeState.SENDING).values_list("chat_id", "person_id", "facts")
    return frozenset(
        Message(chat or person, about(json.dumps(facts, ensure_ascii=False))) for chat, person, facts in rows
    )


def in_flight(lives: Sequence[Life], arrivals: Iterable[Arrival]) -> list[Message]:
    """The messages that were leased at a kill and reached the network: once for each such kill.

    A request may arrive long after the kill of who sent it, when the next life has begun.
    """
    latest = {arrival.message: arrival.at for arrival in arrivals}
    return [message for life in lives for message in life.leased if message in latest and latest[message] >= life.began]


def in_order(messages: Iterable[Message]) -> bool:
    """Whether in each chat the numbers rise; the same may come several times in a row."""
    by_chat = dict[int, list[int]]()
    for message in messages:
        by_chat.setdefault(message.chat, []).append(int("".join(filter(str.isdigit, message.about))))
    return all([number for number, _ in groupby(numbers)] == sorted(set(numbers)) for numbers in by_chat.values())


async def quiet(updates: int) -> None:
    """Wait until so many updates are done and nothing is on its way any more."""
    busy = (NoticeState.WAITING, NoticeState.SENDING)
    async with asyncio.timeout(FINISH_SECONDS):
        while (  # noqa: ASYNC110  # the work is done in another process
            await InboxUpdate.exclude(state=UpdateState.WAITING).count() < updates
            or await Notice.exists(state__in=busy)
        ):
            await asyncio.sleep(0.2)
