"""A Bot API server for each test, with Anna and Ben, a group, and python-telegram-bot on its wire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from telegram import Bot

from bot.webchat import api, people
from bot.webchat.calls import Call, Upload
from bot.webchat.errors import ApiError
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from bot.webchat.wire import InProcessRequest
from storage.vocabulary import Network
from tests import telegram_client

TOKEN = "4711:invented"
ANNA = User(101, "Anna", "de", "Ahrens", "anna_ahrens")
BEN = User(102, "Ben", "en")
GROUP = -500


@dataclass
class Clock:
    """The machine's time, moved by the test alone."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def server(store: str, clock: Clock) -> BotServer:
    """A strict server of the Telegram network; its updates wait for getUpdates."""
    assert store  # it must be open
    return BotServer(Network.TELEGRAM, TOKEN, clock)


@pytest.fixture
async def bot(server: BotServer) -> AsyncIterator[Bot]:
    """python-telegram-bot, talking to the server in the process."""
    async with Bot(TOKEN, request=InProcessRequest(server), get_updates_request=InProcessRequest(server)) as bot:
        yield bot


@pytest.fixture
async def anna(server: BotServer) -> User:
    """Anna has written to the bot, so that it may answer."""
    await people.writes(server, ANNA, ANNA.id, "/start")
    return ANNA


@pytest.fixture
async def group(server: BotServer, anna: User) -> int:
    """A group of Anna and Ben with the bot in it."""
    await telegram_client.create_group(server, anna, GROUP, "Sozialraumteam Mitte")
    await telegram_client.join_group(server, BEN, GROUP)
    await telegram_client.add_bot(server, anna, GROUP)
    return GROUP


async def refusal(server: BotServer, method: str, files: dict[str, Upload] | None = None, **params: object) -> str:
    """The description with which the server refuses a call."""
    with pytest.raises(ApiError) as refused:
        await api.answer(server, Call(method, params, files or {}))
    return refused.value.description


async def updates(server: BotServer) -> list[dict[str, Any]]:
    """What waits for the bot, and is then forgotten."""
    waiting = await api.answer(server, Call("getUpdates"))
    assert isinstance(waiting, list)
    if waiting:
        await api.answer(server, Call("getUpdates", {"offset": waiting[-1]["update_id"] + 1}))
    return waiting


async def write(server: BotServer, *texts: str) -> None:
    """Anna writes to the bot, one text after the other."""
    for text in texts:
        await people.writes(server, ANNA, ANNA.id, text)
