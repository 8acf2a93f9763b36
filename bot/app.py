"""Puts the parts together in the right order and takes them apart again. The only place that owns the system clock."""

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import CollectorRegistry, Gauge
from telegram.error import InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot import config, handlers, messages, readiness
from bot.actions import housekeeping, meetings, preferences, sessions, trial
from bot.config import BadSetting, Settings, TelegramSettings
from bot.handlers import people
from bot.handlers.context import Desk, Town
from bot.inbox import Inbox
from bot.logs import Unbuilt
from bot.polling import ALLOWED_UPDATES, PatientRequest, Polling
from bot.post import Mailer, Post, PostSettings, bundle_unread
from bot.rules import facts as typed
from bot.rules import tokens
from bot.rules.limits import MEGABYTE
from bot.rules.pacing import Pacer
from bot.scheduling import Tick, scheduler, ticks
from bot.scheduling.backups import Backups
from bot.web import routes, webhook, wire, words
from bot.web.feeds import rebuild_stale
from bot.web.middlewares import still_signed_in
from bot.web.settings import LegalTexts, WebSettings
from bot.webchat import rooms
from bot.webchat.page import ChatPage
from bot.webchat.page import routes as routes_of
from bot.webchat.server import BotServer, Options
from bot.webchat.wire import InProcessRequest
from storage import db
from storage.current import open_current
from storage.leadership import Leadership
from storage.models import Body, GroupChat
from storage.postgres import DatabaseAway
from storage.vocabulary import BodyKind, Network, TokenPurpose

T = TypeVar("T")

log = structlog.get_logger(__name__)

# People have their row's number (32 bits) as their id on our own networks. The bot has the largest that the Bot API allows
# (52 bits), so that nobody is ever taken for it.
WEBCHAT_BOT = 2**52 - 1
WEBCHAT_TOKEN = f"{WEBCHAT_BOT}:the-web-chat-is-in-this-process"  # no secret: its wire is a Python object
TRIAL_GREETING = """
  Faden läuft zur Probe.  Bitte öffnen:  {address}/probe
  Faden is running for trial. Ctrl-C ends it.

"""
GROUP_IDS = -1000
NO_HOST = "faden.invalid"
SHUTDOWN_SECONDS = 2.0  # of the ten that an operator waits, for the pages; inbox and post have their own share
LEAD_SECONDS = 0.5
PATIENCE_SECONDS = 7.0  # with a database that has fallen silent; as much as pages, inbox and post have together
TELEGRAM_RETRY_SECONDS = 5.0
TELEGRAM_CONNECTIONS = 32


class ServedAlready(Exception):
    """Another process serves the trial in this folder. The argument is its address, empty while it starts."""


class PortTaken(BadSetting):
    """Somebody listens on the address already."""


def system_clock() -> datetime:
    """The machine's time, UTC. Nothing else in the program asks for it."""
    return datetime.now(UTC)


@dataclass
class DomainClock:
    """The domain's time: the machine's, moved by what the trial page says."""

    machine_now: Callable[[], datetime]
    offset: timedelta = timedelta()

    def __call__(self) -> datetime:
        """The time now, UTC."""
        return self.machine_now() + self.offset

    def moved(self, offset: timedelta) -> None:
        """Be that far ahead of the machine from now on."""
        self.offset = offset


@dataclass
class Faden:
    """The running parts."""

    settings: Settings
    servers: dict[Network, BotServer]
    desks: dict[Network, Desk]
    inbox: Inbox
    post: Post
    application: web.Application
    timer: AsyncIOScheduler
    telegram: "TelegramDoor | None" = None
    _doors: list[asyncio.Task[Any]] = field(default_factory=list)
    _sending: list[asyncio.Task[Any]] = field(default_factory=list)

    async def start(self) -> None:
        """Open the doors: what was left from the last time is taken up first."""
        town: Town = self.desks[Network.WEBCHAT].bot_data["town"]
        await db.unit_of_work(partial(meetings.keep_organizer, mailbox=town.mailbox))
        await self.post.take_over()
        self._sending.append(asyncio.create_task(self.post.run()))
        for network, server in self.servers.items():
            await self.inbox.resume(network)
            await server.hand_over()
        if self.telegram is not None:
            self._doors.append(asyncio.create_task(self.telegram.open()))
        self.timer.start()

    async def stop(self) -> None:
        """Close the doors, give what is under way a few seconds, and leave the rest as rows."""
        await self._close()
        await self.post.stop()
        await _ended(self._sending)
        for desk in self.desks.values():
            await desk.shutdown()

    async def see_off(self) -> None:
        """Close the doors, and wait for a database that is away: what has left would otherwise leave once more. Then `stop`."""
        await self._close()
        await self.post.see_off()

    async def _close(self) -> None:
        if self.timer.running:
            self.timer.shutdown(wait=False)
        await _ended(self._doors)
        await self.inbox.stop()


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class TelegramDoor:
    """Telegram comes and goes: Faden starts without it and lets its updates in once it answers."""

    desk: Desk
    inbox: Inbox
    settings: TelegramSettings
    public_url: str
    polling: Polling
    ready: bool = False

    async def open(self) -> None:
        """Let updates in as soon as Telegram answers. A refused token is said once; the rest of Faden goes on."""
        while True:
            try:
                await self._listen()
            except InvalidToken:
                log.error("telegram refuses the token; see telegram.token in the settings")  # noqa: TRY400  # no defect of ours
                return
            except TelegramError as error:
                log.warning("telegram does not answer yet", error=type(error).__name__)
            except Exception:  # the database may be away for a while
                log.exception("cannot listen to telegram")
            else:
                return
            await asyncio.sleep(TELEGRAM_RETRY_SECONDS)

    async def _listen(self) -> None:
        """Introduce the bot, take up what was left, and listen: for ever by polling, from now on by webhook."""
        await self.desk.initialize()
        await _offer_commands(self.desk.bot)
        await self.inbox.resume(Network.TELEGRAM)
        self.ready = True
        log.info("listening to telegram", mode=self.settings.mode)
        if self.settings.mode == "polling":
            await self.polling.run()
        else:
            await self.desk.bot.set_webhook(
                self.public_url + webhook.PATH,
                secret_token=self.settings.webhook_secret,
                allowed_updates=ALLOWED_UPDATES,
            )

    async def receive(self, update: Mapping[str, Any]) -> None:
        """An update by webhook; before the bot is introduced Telegram is asked to come again."""
        if not self.ready:
            raise web.HTTPServiceUnavailable
        await self.inbox.receive(Network.TELEGRAM, update)


async def assemble(
    settings: Settings,
    *,
    key: bytes,
    domain_now: Callable[[], datetime],
    machine_now: Callable[[], datetime],
    clock_moved: Callable[[timedelta], None] = lambda _offset: None,
    stage: Network = Network.WEBCHAT,
    pacers: Mapping[Network, Pacer] | None = None,
) -> Faden:
    """Build all parts on an open store.

    For tests `stage` lets a strict Bot API server of our own play another network, and `pacers` replace Telegram's limits.
    """
    base_url = settings.web.public_url or f"http://{settings.web.host}:{settings.web.port}"
    hosts = frozenset({urlsplit(base_url).netloc}) if settings.trial or stage is not Network.WEBCHAT else frozenset()
    servers = {
        network: BotServer(
            network=network,
            token=WEBCHAT_TOKEN,
            clock=machine_now,
            town_clock=domain_now if network is Network.WEBCHAT else None,
            options=Options(own_hosts=hosts, first_contact=False),
        )
        for network in dict.fromkeys((Network.WEBCHAT, stage))
    }
    bots = {network: _bot(server) for network, server in servers.items()}
    town = Town(
        zone=settings.town.zone,
        land=settings.town.land,
        host=urlsplit(base_url).hostname or NO_HOST,
        area_label=settings.town.area_label,
        key=key,
        mails=bool(settings.mail.smtp_url and settings.mail.sender),
        mailbox=settings.mailbox,
    )
    if settings.telegram.token is not None and stage is Network.WEBCHAT:
        bots[Network.TELEGRAM] = _telegram_bot(settings.telegram)
    desks = {network: handlers.application(bot, town) for network, bot in bots.items()}
    for network in servers:
        await desks[network].initialize()
    one_time_link, feed_link, answer_link = _links(base_url, key, machine_now)
    unbuilt = Unbuilt()
    post = Post(
        bots=bots,
        mailer=Mailer(settings.mail.smtp_url, settings.mail.sender, name=_sender_name(settings.town.name))
        if settings.mail.smtp_url and settings.mail.sender
        else None,
        voices=_post_settings(settings, base_url, town, bots.get(Network.TELEGRAM), unbuilt),
        domain_now=domain_now,
        machine_now=machine_now,
        one_time_link=one_time_link,
        feed_link=feed_link,
        answer_link=answer_link,
        pacers=pacers,
    )
    inbox = Inbox(applications=desks, hand_over=post.hand_over, domain_now=domain_now, machine_now=machine_now)
    for network, server in servers.items():
        server.on_update = partial(inbox.receive, network)
        await _open_rooms(server, machine_now())
        await _offer_commands(bots[network])
    chat_page = ChatPage(
        server=servers[Network.WEBCHAT],
        clock=domain_now,
        frame=words.frame,
        reader_of=words.person_of,
        signed_in=still_signed_in,
        file_bytes=settings.web.megabytes_per_person * MEGABYTE,
    )
    telegram = None
    if Network.TELEGRAM in bots and Network.TELEGRAM not in servers:
        receive = partial(inbox.receive, Network.TELEGRAM)
        polling = Polling(bots[Network.TELEGRAM], receive, machine_now=machine_now)
        telegram = TelegramDoor(desks[Network.TELEGRAM], inbox, settings.telegram, base_url, polling)
    registry = _registry(unbuilt)
    backups = None if settings.backup.hour is None else Backups(settings, settings.backup.hour, machine_now)
    web_settings = _web_settings(settings, base_url, key, unbuilt)
    application = routes.application(
        web_settings,
        change_preferences=preferences.change,
        domain_now=domain_now,
        machine_now=machine_now,
        wake=post.wake,
        registry=registry,
        readiness=readiness.checks(domain_now, machine_now, telegram.polling if telegram else None, backups),
        clock_moved=clock_moved,
        extra_routes=[*routes_of(chat_page), *_webhook(telegram)],
    )
    application.on_shutdown.append(chat_page.shut_down)
    listed = (
        *ticks(settings.town.land),
        Tick(
            name="feeds",
            seconds=5,
            action=lambda now: rebuild_stale(web_settings, now=now, machine_now=machine_now()),
            own_work=True,
        ),
        Tick(
            name="unread",
            seconds=60,
            action=lambda now: bundle_unread(now, partial(rooms.unread, servers[Network.WEBCHAT])),
        ),
        Tick(
            name="hand over",
            seconds=1,  # somebody waits for an answer
            action=lambda _now: _catch_up(servers.values()),
            own_work=True,
        ),
        Tick(name="signed out", seconds=1, action=lambda _now: chat_page.end_signed_out(), own_work=True),
        Tick(
            name="tidy", seconds=3600, action=lambda _now: housekeeping.tidy(machine_now=machine_now()), own_work=True
        ),
        Tick(
            name="people files",
            seconds=2,  # somebody waits for it
            action=lambda now: people.fetch(bots, zone=settings.town.zone, now=now),
            own_work=True,
        ),
        *(backups.ticks(registry) if backups else ()),
    )
    timer = scheduler(listed, domain_now=domain_now, wake=post.wake)
    return Faden(settings, servers, desks, inbox, post, application, timer, telegram)


async def _catch_up(servers: Iterable[BotServer]) -> None:
    for server in servers:
        await server.catch_up()


def _bot(server: BotServer) -> ExtBot[None]:
    """A bot whose wire is a Python object."""
    return ExtBot(token=server.token, request=InProcessRequest(server), get_updates_request=InProcessRequest(server))


OneTime = Callable[[typed.OneTimeLink, int], Awaitable[str]]
Feed = Callable[[typed.FeedLink, int], Awaitable[str]]
Answer = Callable[[typed.AnswerLink, int], Awaitable[str]]


def _links(base_url: str, key: bytes, machine_now: Callable[[], datetime]) -> tuple[OneTime, Feed, Answer]:
    """How typed links become addresses, at the moment of sending."""
    paths = {TokenPurpose.SIGN_IN: "anmelden", TokenPurpose.INVITATION: "einladung"}

    async def one_time(link: typed.OneTimeLink, person: int) -> str:
        purpose = TokenPurpose(link.purpose)
        token = await db.unit_of_work(
            lambda: sessions.issue(person=link.person or person, purpose=purpose, now=machine_now())
        )
        return f"{base_url}/{paths[purpose]}/{token}"

    async def feed(link: typed.FeedLink, person: int) -> str:
        return f"{base_url}/kalender/{tokens.feed(key, person, link.generation)}.ics"

    async def answer(link: typed.AnswerLink, _person: int) -> str:
        return f"{base_url}/antwort/{tokens.answer(key, link.attendance)}"

    return one_time, feed, answer


def _registry(unbuilt: Unbuilt) -> CollectorRegistry:
    """What `/metrics` shows, beside what the pages count."""
    registry = CollectorRegistry()
    gauge = Gauge("faden_calendar_objects_not_built", "Calendar objects that could not be made", registry=registry)
    gauge.set_function(lambda: unbuilt.count)
    return registry


def _post_settings(
    settings: Settings, base_url: str, town: Town, telegram: ExtBot[None] | None, unbuilt: Unbuilt
) -> PostSettings:
    def telegram_name() -> str | None:
        """The library knows it once Telegram has answered."""
        try:
            return telegram.username if telegram is not None else None
        except RuntimeError:
            return None

    return PostSettings(
        base_url=base_url,
        mailbox=settings.mailbox,
        land=settings.town.land,
        town=settings.town.name,
        zone=settings.town.zone,
        language=settings.town.language,
        area_label=settings.town.area_label,
        reply_to=settings.mail.reply_to,
        telegram_name=telegram_name,
        commitment_link=lambda commitment, person: (
            f"{base_url}/commitment/{tokens.commitment(town.key, commitment, person)}"
        ),
        unbuilt=unbuilt,
    )


def _sender_name(town: str) -> str:
    """Who writes the mails. A town that was given no name is called as the program is."""
    return f"Faden {town.removeprefix('Faden').strip()}".strip()


def _web_settings(settings: Settings, base_url: str, key: bytes, unbuilt: Unbuilt) -> WebSettings:
    return WebSettings(
        public_url=base_url,
        town=settings.town.name,
        key=key,
        mailbox=settings.mailbox,
        language=settings.town.language,
        zone=settings.town.zone,
        area_label=settings.town.area_label,
        trusted_proxies=settings.web.trusted_proxies,
        legal=LegalTexts(
            imprint=settings.town.imprint, privacy=settings.town.privacy, accessibility=settings.town.accessibility
        ),
        metrics_token=settings.web.metrics_token,
        trial=settings.trial,
        unbuilt=unbuilt,
    )


async def _open_rooms(server: BotServer, now: datetime) -> None:
    """Every body has its group on our own server; who may read it is asked at each request."""
    linked = await GroupChat.filter(network=server.network).values_list("body_id", flat=True)
    new = await Body.exclude(id__in=[*linked, 0]).exclude(kind=BodyKind.EXTERNAL)

    async def note() -> None:
        async with db.transaction():
            rows = [
                GroupChat(body=body, network=server.network, chat_id=GROUP_IDS - body.id, linked_at=now) for body in new
            ]
            await GroupChat.bulk_create(rows, ignore_conflicts=True)

    await db.unit_of_work(note)
    await rooms.open_rooms(server)


async def _offer_commands(bot: ExtBot[None]) -> None:
    """Set the command menu per language and kind of chat, only where it changed."""
    for language in messages.LANGUAGES:
        for scope, commands in handlers.menus(language).items():
            shown = None if language == "de" else language
            wanted = [(command.command, command.description) for command in commands]
            current = await bot.get_my_commands(scope=scope, language_code=shown)
            if [(command.command, command.description) for command in current] != wanted:
                await bot.set_my_commands(commands, scope=scope, language_code=shown)


def _telegram_bot(settings: TelegramSettings) -> ExtBot[None]:
    """The bot on Telegram itself."""
    base = settings.api_base.rstrip("/")
    assert settings.token is not None  # noqa: S101  # asked before
    return ExtBot(
        token=settings.token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=PatientRequest(connection_pool_size=TELEGRAM_CONNECTIONS),
    )


def _webhook(telegram: TelegramDoor | None) -> list[web.RouteDef]:
    if telegram is None or telegram.settings.mode != "webhook" or not telegram.settings.webhook_secret:
        return []
    return [webhook.route(telegram.settings.webhook_secret, telegram.receive)]


# --- serving ----------------------------------------------------------------------------------------------------------


async def serve(settings: Settings) -> int:
    """Run until SIGINT, SIGTERM or the loss of the lead; gives the exit code.

    Raises BadSetting, ServedAlready, and what the database raises.
    """
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    key = config.secret_key(settings)
    leadership = Leadership(settings.database.url)
    try:
        if await _unless(asked, _leads(leadership, waits=not settings.trial)):
            with _listening(settings) as door:
                host, port = door.getsockname()[:2]
                settings = config.with_address(settings, host if settings.trial else None, port)
                await leadership.announce(settings.web.public_url)
                await _keep_house(settings, key, door, asked, leadership)
        return 1 if leadership.lost.is_set() else 0
    finally:
        await leadership.release()


async def _leads(leadership: Leadership, *, waits: bool) -> bool:
    """True once this process leads. A second one waits and says where the first serves; a database that is away is waited for.

    Raises ServedAlready where nobody would want it to wait.
    """
    waited = away = False
    while True:
        try:
            if await leadership.acquire():
                if waited or away:
                    log.info(
                        "nobody else serves this database any more; taking over" if waited else "the database is there"
                    )
                return True
            if not waited:
                address = await leadership.leader()
                if not waits:
                    raise ServedAlready(address)
                log.warning(
                    "another process serves this database; waiting until it ends", address=address or "not known yet"
                )
                waited = True
        except DatabaseAway as error:
            if not away:
                log.warning("the database takes nobody at the moment; waiting for it", error=str(error.__cause__))
            away = True
        else:
            away = False
        await asyncio.sleep(LEAD_SECONDS)


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None when it is given up because the event has come."""
    coming, working = asyncio.create_task(event.wait()), asyncio.create_task(work)
    await asyncio.wait({coming, working}, return_when=asyncio.FIRST_COMPLETED)
    coming.cancel()
    if working.done():
        return working.result()
    await _ended([working])
    return None


def _listening(settings: Settings) -> socket.socket:
    """The door, open before the house: an address in use stops the start, and port 0 becomes a real one.

    Raises BadSetting and PortTaken.
    """
    host, port = settings.web.host, settings.web.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        refusal = PortTaken if error.errno == errno.EADDRINUSE else BadSetting
        shown = f"{port} on {host} ({error.strerror})"
        raise refusal("web.port", shown, "an address of this machine that nobody else listens on") from error


async def _keep_house(
    settings: Settings, key: bytes, door: socket.socket, asked: asyncio.Event, leadership: Leadership
) -> None:
    await open_current(settings.database.url, backup_dir=settings.directory / "backups")
    ending = asyncio.Event()
    breaking = asyncio.create_task(_break_off(ending))
    try:
        clock = DomainClock(system_clock, await trial.clock_offset() if settings.trial else timedelta())
        if settings.trial and not await trial.is_lived_in():
            await _furnish(settings, clock())
        faden = await assemble(settings, key=key, domain_now=clock, machine_now=system_clock, clock_moved=clock.moved)
        await _run(faden, door, asked, leadership, ending)
    finally:
        ending.set()
        await db.close_store()
        breaking.cancel()


async def _run(
    faden: Faden, door: socket.socket, asked: asyncio.Event, leadership: Leadership, ending: asyncio.Event
) -> None:
    """Run until it is asked to end, or leads no longer: whoever has the lead then would send what is on its way here.

    Without the lead, what has left is seen off first, unless it is asked to end meanwhile.
    """
    runner = web.AppRunner(faden.application, shutdown_timeout=SHUTDOWN_SECONDS, **wire.options())
    try:
        await runner.setup()
        await faden.start()
        site = web.SockSite(runner, door)
        await site.start()
        gc.freeze()  # what was made by now stays: going through it again held everybody up for a fifth of a second
        _announce(faden.settings)
        await _unless(asked, leadership.lost.wait())
        if asked.is_set():
            log.info("stopping")
        else:
            log.error("the connection that holds the lead is lost; ending, to be started again")
    finally:
        lost = leadership.lost.is_set()
        if lost:
            db.break_off()
        else:
            ending.set()
        await runner.cleanup()
        if lost:
            await _unless(asked, faden.see_off())
            ending.set()
        await faden.stop()


async def _break_off(ending: asyncio.Event) -> None:
    """Some seconds after the end has begun, nobody waits any more for a database that has fallen silent."""
    await ending.wait()
    await asyncio.sleep(PATIENCE_SECONDS)
    while True:
        db.break_off()
        await asyncio.sleep(LEAD_SECONDS)


def _announce(settings: Settings) -> None:
    """Say where to go, for a person at the terminal."""
    address = settings.web.public_url or f"http://{settings.web.host}:{settings.web.port}"
    if settings.trial:
        sys.stdout.write(TRIAL_GREETING.format(address=address))
        sys.stdout.flush()
    log.info("serving", address=address)


async def _furnish(settings: Settings, now: datetime) -> None:
    """The sample town, once."""
    from bot.actions import sample  # noqa: PLC0415  # at the trial's first start alone

    host = urlsplit(settings.web.public_url).hostname or sample.HOST
    await db.unit_of_work(lambda: sample.furnish(now, host=host), seconds=60)
