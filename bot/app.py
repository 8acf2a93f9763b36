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

from bot import config, given, handlers, networks, readiness
from bot.actions import feeds, housekeeping, papers
from bot.actions.accounts import preferences, sessions
from bot.actions.meetings import meetings, placing
from bot.actions.people import people_files
from bot.actions.trial import trial
from bot.config import BadSetting, KeepSettings, Settings
from bot.handlers import people
from bot.handlers.context import Desk, Town
from bot.inbox import Inbox
from bot.logs import Unbuilt
from bot.post import Post, bundle_unread, files
from bot.rules.limits import MEGABYTE
from bot.rules.pacing import Pacer
from bot.scheduling import Tick, scheduler, ticks, when_rung
from bot.scheduling.backups import Backups
from bot.web import routes, wire, words
from bot.web.feeds import rebuild_stale, rendering
from bot.web.middlewares import still_signed_in
from bot.web.settings import Check, Clocks, WebSettings
from bot.webchat import rooms, tidying
from bot.webchat.delivery import Delivery
from bot.webchat.page import ChatPage
from bot.webchat.page import routes as routes_of
from bot.webchat.server import BotServer, Options
from storage import db, statistics
from storage.current import open_current
from storage.leadership import Leadership
from storage.postgres import DatabaseAway
from storage.vocabulary import Network

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
SHUTDOWN_SECONDS = 2.0  # of the ten that an operator waits, for the pages; inbox and post have their own share
LEAD_SECONDS = 0.5
PATIENCE_SECONDS = 7.0  # with a database that has fallen silent; as much as pages, inbox and post have together


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
    deliveries: dict[Network, Delivery]
    desks: dict[Network, Desk]
    inbox: Inbox
    post: Post
    application: web.Application
    timer: AsyncIOScheduler
    telegram: networks.TelegramDoor | None = None
    _doors: list[asyncio.Task[Any]] = field(default_factory=list)
    _sending: list[asyncio.Task[Any]] = field(default_factory=list)

    async def start(self) -> None:
        """Open the doors: what was left from the last time is taken up first."""
        town: Town = self.desks[Network.WEBCHAT].bot_data["town"]
        await db.unit_of_work(partial(meetings.keep_organizer, mailbox=town.mailbox))
        await self.post.take_over()
        self._sending.append(asyncio.create_task(self.post.run()))
        for network, delivery in self.deliveries.items():
            await self.inbox.resume(network)
            await delivery.hand_over()
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
        for delivery in self.deliveries.values():
            await delivery.stop()
        await self.inbox.stop()


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
    clocks, unbuilt = Clocks(domain=domain_now, machine=machine_now), Unbuilt()
    servers = _servers(settings, stage, clocks)
    bots = {network: networks.own_bot(server) for network, server in servers.items()}
    if settings.telegram.token is not None and stage is Network.WEBCHAT:
        bots[Network.TELEGRAM] = networks.telegram_bot(settings.telegram)
    town = given.town(settings, key)
    desks = {network: handlers.application(bot, town) for network, bot in bots.items()}
    for network in servers:
        await desks[network].initialize()
    post = _post(settings, key=key, bots=bots, clocks=clocks, pacers=pacers, unbuilt=unbuilt)
    inbox = Inbox(applications=desks, hand_over=post.hand_over, domain_now=domain_now, machine_now=machine_now)
    deliveries = {network: Delivery(server, partial(inbox.receive, network)) for network, server in servers.items()}
    for network, server in servers.items():
        await networks.open_rooms(server, machine_now())
        await networks.offer_commands(bots[network])
    chat_page = _chat_page(settings, servers[Network.WEBCHAT], domain_now)
    telegram = None
    if Network.TELEGRAM in bots and Network.TELEGRAM not in servers:
        telegram = networks.telegram_door(desks[Network.TELEGRAM], inbox, settings, machine_now)
    registry = _registry(unbuilt)
    backups = None if settings.backup.hour is None else Backups(settings, settings.backup.hour, machine_now)
    web_settings = given.web_settings(settings, key, unbuilt)
    await db.unit_of_work(partial(feeds.rendered_by, rendering(web_settings)))
    await placing.place_waiting(now=domain_now())
    application = _application(
        web_settings,
        clocks=clocks,
        clock_moved=clock_moved,
        wake=post.wake,
        registry=registry,
        checks=readiness.checks(domain_now, machine_now, telegram.polling if telegram else None, backups),
        chat_page=chat_page,
        telegram=telegram,
    )
    listed = _ticks(
        settings, web_settings, deliveries=deliveries, bots=bots, chat_page=chat_page, machine_now=machine_now
    )
    listed += backups.ticks(registry) if backups else ()
    timer = scheduler(listed, domain_now=domain_now, wake=post.wake)
    return Faden(settings, deliveries, desks, inbox, post, application, timer, telegram)


def _servers(settings: Settings, stage: Network, clocks: Clocks) -> dict[Network, BotServer]:
    """Our own networks."""
    return {
        network: BotServer(
            network=network,
            token=WEBCHAT_TOKEN,
            clock=clocks.machine,
            town_clock=clocks.domain if network is Network.WEBCHAT else None,
            options=Options(own_hosts=_own_hosts(settings.web.public_url), first_contact=False),
        )
        for network in dict.fromkeys((Network.WEBCHAT, stage))
    }


def _post(
    settings: Settings,
    *,
    key: bytes,
    bots: networks.Bots,
    clocks: Clocks,
    pacers: Mapping[Network, Pacer] | None,
    unbuilt: Unbuilt,
) -> Post:
    one_time_link, feed_link, answer_link = given.links(settings, key, clocks.machine)
    return Post(
        bots=bots,
        mailer=given.mailer(settings),
        voices=given.post_settings(settings, key, partial(networks.name_of, bots.get(Network.TELEGRAM)), unbuilt),
        domain_now=clocks.domain,
        machine_now=clocks.machine,
        one_time_link=one_time_link,
        feed_link=feed_link,
        answer_link=answer_link,
        pacers=pacers,
    )


def _chat_page(settings: Settings, server: BotServer, domain_now: Callable[[], datetime]) -> ChatPage:
    return ChatPage(
        server=server,
        clock=domain_now,
        frame=words.frame,
        reader_of=words.person_of,
        signed_in=still_signed_in,
        file_bytes=settings.web.megabytes_per_person * MEGABYTE,
    )


def _application(
    settings: WebSettings,
    *,
    clocks: Clocks,
    clock_moved: Callable[[timedelta], None],
    wake: Callable[[], None],
    registry: CollectorRegistry,
    checks: Mapping[str, Callable[[], Awaitable[Check]]],
    chat_page: ChatPage,
    telegram: networks.TelegramDoor | None,
) -> web.Application:
    """The pages, with the web chat and, where Telegram sends its updates itself, the webhook."""
    application = routes.application(
        settings,
        change_preferences=preferences.change,
        domain_now=clocks.domain,
        machine_now=clocks.machine,
        wake=wake,
        registry=registry,
        readiness=checks,
        clock_moved=clock_moved,
        extra_routes=[*routes_of(chat_page), *(telegram.routes if telegram else ())],
    )
    application.on_shutdown.append(chat_page.shut_down)
    return application


def _ticks(
    settings: Settings,
    web_settings: WebSettings,
    *,
    deliveries: Mapping[Network, Delivery],
    bots: networks.Bots,
    chat_page: ChatPage,
    machine_now: Callable[[], datetime],
) -> tuple[Tick, ...]:
    """All that the timer looks at, but for the backups."""
    return (
        *ticks(settings.town.land),
        *_tidying(settings.keep, machine_now),
        Tick(
            name="feeds",
            seconds=3,
            action=lambda now: rebuild_stale(web_settings, now=now, machine_now=machine_now()),
            own_work=True,
        ),
        Tick(
            name="unread",
            seconds=60,
            action=lambda now: bundle_unread(now, partial(rooms.unread, chat_page.server)),
        ),
        Tick(
            name="hand over",
            seconds=1,  # somebody waits for an answer
            action=lambda _now: _catch_up(deliveries.values()),
            own_work=True,
        ),
        Tick(name="look again", seconds=60, action=lambda _now: chat_page.telling.look_again(), own_work=True),
        Tick(
            name="signed out",
            seconds=1,
            action=lambda _now: when_rung(sessions.ENDED, chat_page.end_signed_out),
            own_work=True,
        ),
        Tick(name="session over", seconds=60, action=lambda _now: chat_page.end_signed_out(), own_work=True),
        Tick(
            name="people files",
            seconds=2,  # somebody waits for it
            action=lambda now: when_rung(
                people_files.KIND, partial(people.fetch, bots, zone=settings.town.zone, now=now)
            ),
            own_work=True,
        ),
        Tick(
            name="papers",
            seconds=5,
            action=lambda _now: when_rung(papers.WAITING, partial(files.fetch_papers, bots)),
            own_work=True,
        ),
    )


def _tidying(keep: KeepSettings, machine_now: Callable[[], datetime]) -> tuple[Tick, ...]:
    """What goes after its time, and what the database knows of the rest."""
    return (
        Tick(
            name="tidy",
            seconds=30,
            action=lambda _now: housekeeping.tidy(
                machine_now=machine_now(),
                told_kept=timedelta(days=keep.told_days),
                audit_kept=timedelta(days=keep.audit_days),
            ),
            own_work=True,
        ),
        Tick(
            name="old presses",
            seconds=60,
            action=lambda _now: tidying.presses(machine_now=machine_now()),
            own_work=True,
        ),
        Tick(
            name="old messages",
            seconds=30,
            action=lambda now: tidying.messages(now=now, kept=timedelta(days=keep.chat_days)),
            own_work=True,
        ),
        Tick(name="statistics", seconds=3600, action=lambda _now: statistics.refresh(), own_work=True),
    )


async def _catch_up(deliveries: Iterable[Delivery]) -> None:
    for delivery in deliveries:
        await delivery.catch_up()


def _own_hosts(base_url: str) -> frozenset[str]:
    """Our host with and without its port: what links of ours name, which need no dot in our own chat."""
    address = urlsplit(base_url)
    return frozenset({address.netloc, address.netloc.removesuffix(f":{address.port}")})


def _registry(unbuilt: Unbuilt) -> CollectorRegistry:
    """What `/metrics` shows, beside what the pages count."""
    registry = CollectorRegistry()
    gauge = Gauge("faden_calendar_objects_not_built", "Calendar objects that could not be made", registry=registry)
    gauge.set_function(lambda: unbuilt.count)
    return registry


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
    address = settings.web.public_url
    if settings.trial:
        sys.stdout.write(TRIAL_GREETING.format(address=address))
        sys.stdout.flush()
    log.info("serving", address=address)


async def _furnish(settings: Settings, now: datetime) -> None:
    """The sample town, once."""
    from bot.actions.trial import sample  # noqa: PLC0415  # at the trial's first start alone

    host = urlsplit(settings.web.public_url).hostname or sample.HOST
    await db.unit_of_work(lambda: sample.furnish(now, host=host), seconds=60)
