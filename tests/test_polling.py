"""Polling: patient while Telegram answers, quick while it does not, and not made deaf by what cannot be read."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs
from telegram import Bot
from telegram.error import InvalidToken, NetworkError, TimedOut
from telegram.ext import ExtBot

from bot import handlers, polling
from bot.handlers.context import Town
from bot.inbox import Inbox
from bot.polling import Polling
from bot.wire import PatientRequest
from storage.models import InboxUpdate
from storage.vocabulary import Network, UpdateState
from tests.post.conftest import Call, Wire

TOKEN = "4711:invented"
ME = {"id": 4711, "is_bot": True, "first_name": "Faden", "username": "FadenBot"}


class Telegram:
    """Answers getUpdates with one body after the other, then with nothing; `offsets` are those that it was asked with."""

    def __init__(self, *bodies: bytes, revoked: bool = False) -> None:
        self.bodies = [*bodies]
        self.revoked = revoked
        self.offsets: list[str] = []
        self.empty = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        method = request.path.rpartition("/")[2].lower()
        if self.revoked and method == "getupdates":
            return web.json_response({"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401)
        if method != "getupdates":
            return web.json_response({"ok": True, "result": ME if method == "getme" else True})
        asked = await request.post()
        self.offsets.append(str(asked.get("offset", "")))
        if self.bodies:
            return web.Response(body=self.bodies.pop(0), content_type="application/json")
        self.empty.set()
        await asyncio.Event().wait()
        raise AssertionError


def body(*updates: str) -> bytes:
    return f'{{"ok": true, "result": [{", ".join(updates)}]}}'.encode()


def written(update_id: int, **more: object) -> str:
    chat = {"id": 101, "type": "private", "first_name": "Anna"}
    message = {"message_id": 1, "date": 1_790_000_000, "chat": chat, "from": {**chat, "is_bot": False}, "text": "Hallo"}
    return json.dumps({"update_id": update_id, "message": {**message, **more}})


async def polls(telegram: Telegram, now: datetime) -> None:
    """Poll until there is nothing left, and work on what came."""
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", telegram.answer)
    async with TestServer(site) as server:
        bot = ExtBot(
            token=TOKEN,
            base_url=str(server.make_url("/bot")),
            request=PatientRequest(str(server.make_url("/"))),
            get_updates_request=PatientRequest(str(server.make_url("/"))),
        )
        town = Town(
            zone="Europe/Berlin",
            land="BY",
            host="faden.example",
            area_label="Sozialraum",
            key=b"k" * 32,
            mailbox="faden@faden.example",
        )
        desk = handlers.application(bot, town)
        await desk.initialize()

        async def nobody(_notices: object, _others_begun: object) -> None: ...

        inbox = Inbox(
            applications={Network.TELEGRAM: desk}, hand_over=nobody, domain_now=lambda: now, machine_now=lambda: now
        )

        async def receive(update: Mapping[str, Any]) -> None:
            await inbox.receive(Network.TELEGRAM, update)

        asking = asyncio.create_task(Polling(bot, receive, machine_now=lambda: now).run())
        emptied = asyncio.create_task(telegram.empty.wait())
        await asyncio.wait({asking, emptied}, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        emptied.cancel()
        await inbox.drain()
        await desk.shutdown()
        with suppress(asyncio.CancelledError):
            await asking


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("poison", "number"),
    [
        pytest.param(written(5, entities=[]).replace("[]", "[" * 3_000 + "]" * 3_000), 5, id="3,000 deep"),
        pytest.param(written(5, date=10**39), 5, id="40 digits"),
        pytest.param(written(5).replace('"Hallo"', "9" * 5_000), 5, id="5,000 digits"),
        pytest.param(written(2**64 + 5), 2**64 + 5, id="an id beyond 64 bits"),
        pytest.param(written(5).replace('"Hallo"', "1e999"), 5, id="infinite"),
    ],
)
async def test_update_that_cannot_be_kept_is_parked_and_not_fetched_again(
    now: datetime, poison: str, number: int
) -> None:
    telegram = Telegram(body(written(4), poison), body(written(number + 1)) if number < 2**63 else body(written(6)))

    await polls(telegram, now)

    states = Counter([row.state for row in await InboxUpdate.all()])
    assert states == {UpdateState.DONE: 2, UpdateState.PARKED: 1}
    assert telegram.offsets[1] == str(number + 1)


@pytest.mark.usefixtures("store")
async def test_answer_that_is_no_json_is_asked_for_again_and_its_content_not_logged(
    now: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.polling.BACKOFF_SECONDS", (0.0,))

    with capture_logs() as logs:
        await polls(Telegram(b"secret nonsense", body(written(4))), now)

    assert [row.update_id for row in await InboxUpdate.all()] == [4]
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["telegram does not answer"]
    assert "secret" not in caplog.text


@pytest.mark.usefixtures("store")
async def test_token_that_is_revoked_ends_the_polling(now: datetime) -> None:
    with pytest.raises(InvalidToken):
        await polls(Telegram(revoked=True), now)


NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


class Silence(Wire):
    """Telegram's side of polling: nobody writes."""

    def _result(self, call: Call) -> object:
        return [] if call.method == "getupdates" else super()._result(call)


def hanging() -> NetworkError:
    error = TimedOut()
    error.__cause__ = aiohttp.SocketTimeoutError()
    return error


async def test_network_that_hangs_is_asked_in_quick_succession_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "BACKOFF_SECONDS", (0.0,))
    wire, asked, enough = Silence(), list[int](), asyncio.Event()

    def script(call: Call) -> Any:  # noqa: ANN401  # as the wire wants it
        if call.method != "getupdates":
            return None
        asked.append(call.params["timeout"])
        if len(asked) == 5:
            enough.set()
        return hanging() if len(asked) in {2, 3} else None

    async def breath(_: Call) -> None:
        await asyncio.sleep(0)

    wire.script, wire.afterwards = script, breath
    bot = Bot("4711:invented", request=wire, get_updates_request=wire)

    async def receive(_: object) -> None:
        return

    running = asyncio.create_task(Polling(bot, receive, machine_now=lambda: NOW).run())
    await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert asked[:5] == [10, 10, 1, 1, 10]
