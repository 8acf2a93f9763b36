"""The bots on their networks: on our own each has a Python object for its wire; Telegram comes and goes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from telegram.error import InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot import handlers, messages
from bot.actions.accounts import groups
from bot.config import Settings, TelegramSettings
from bot.handlers.context import Desk
from bot.inbox import Inbox
from bot.polling import ALLOWED_UPDATES, Polling
from bot.web import webhook
from bot.webchat import rooms
from bot.webchat.server import BotServer
from bot.webchat.wire import InProcessRequest
from bot.wire import PatientRequest
from storage.db import unit_of_work
from storage.vocabulary import Network

log = structlog.get_logger(__name__)

GROUP_IDS = -1000
TELEGRAM_RETRY_SECONDS = 5.0
REFUSED_SECONDS = (
    60.0  # a token that is refused: somebody has to change it, or a server in between has had a bad moment
)

Bots = dict[Network, ExtBot[None]]


# --- our own networks -------------------------------------------------------------------------------------------------


def own_bot(server: BotServer) -> ExtBot[None]:
    """A bot whose wire is a Python object."""
    return ExtBot(token=server.token, request=InProcessRequest(server), get_updates_request=InProcessRequest(server))


async def open_rooms(server: BotServer, now: datetime) -> None:
    """Every body has its group on our own server; who may read it is asked at each request."""
    await unit_of_work(partial(groups.open_rooms, server.network, GROUP_IDS.__sub__, now=now))
    await rooms.open_rooms(server)


async def offer_commands(bot: ExtBot[None]) -> None:
    """Set the command menu per language and kind of chat, only where it changed."""
    for language in messages.LANGUAGES:
        for scope, commands in handlers.menus(language).items():
            shown = None if language == "de" else language
            wanted = [(command.command, command.description) for command in commands]
            current = await bot.get_my_commands(scope=scope, language_code=shown)
            if [(command.command, command.description) for command in current] != wanted:
                await bot.set_my_commands(commands, scope=scope, language_code=shown)


# --- Telegram ----------------------------------------------------------------------------------------------------------


def telegram_bot(settings: TelegramSettings) -> ExtBot[None]:
    """The bot on Telegram itself."""
    base = settings.api_base.rstrip("/")
    assert settings.token is not None  # noqa: S101  # asked before
    request = PatientRequest(base)
    return ExtBot(
        token=settings.token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=request,
        get_updates_request=request,
    )


def name_of(bot: ExtBot[None] | None) -> str | None:
    """What a bot is called. The library knows it once the network has answered."""
    try:
        return bot.username if bot is not None else None
    except RuntimeError:
        return None


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
        """Let updates in as soon as Telegram answers. A refused token is said once, and tried again now and then."""
        refused = False
        while True:
            pause = TELEGRAM_RETRY_SECONDS
            try:
                await self._listen()
            except InvalidToken:
                if not refused:
                    log.error("telegram refuses the token; see telegram.token in the settings")  # noqa: TRY400  # no defect of ours
                refused, pause = True, REFUSED_SECONDS
            except TelegramError as error:
                log.warning("telegram does not answer yet", error=type(error).__name__)
            except Exception:  # the database may be away for a while
                log.exception("cannot listen to telegram")
            else:
                return
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Introduce the bot, take up what was left, and listen: for ever by polling, from now on by webhook."""
        await self.desk.initialize()
        await offer_commands(self.desk.bot)
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

    @property
    def routes(self) -> tuple[web.RouteDef, ...]:
        """Where Telegram sends updates itself."""
        if self.settings.mode != "webhook" or not self.settings.webhook_secret:
            return ()
        return (webhook.route(self.settings.webhook_secret, self.receive),)


def telegram_door(desk: Desk, inbox: Inbox, settings: Settings, machine_now: Callable[[], datetime]) -> TelegramDoor:
    """The door for this desk's bot, which listens in either way."""
    polling = Polling(desk.bot, partial(inbox.receive, Network.TELEGRAM), machine_now=machine_now)
    return TelegramDoor(desk, inbox, settings.telegram, settings.web.public_url, polling)
