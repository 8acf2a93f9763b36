"""The Telegram of the tests over HTTP, with python-telegram-bot and a webhook on real sockets."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web
from telegram import Bot
from telegram.error import Forbidden, NetworkError

from bot.webchat import people, reading
from bot.webchat.calls import Call
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Fault, Options
from storage.vocabulary import Network
from tests import telegram_client, telegram_http
from tests.telegram_server import running
from tests.webchat.conftest import ANNA, TOKEN, Clock


@pytest.fixture
async def address(server: BotServer) -> AsyncIterator[str]:
    async with running(server) as address:
        yield address


def bot_at(address: str) -> Bot:
    return Bot(TOKEN, base_url=f"{address}/bot", base_file_url=f"{address}/file/bot")


async def test_library_talks_over_sockets(address: str, server: BotServer, anna: User) -> None:
    async with bot_at(address) as bot:
        fetched = await bot.get_updates(timeout=0)
        message = await bot.send_message(anna.id, "<b>Grüße</b> 😀", parse_mode="HTML")
        sent = await bot.send_document(anna.id, "schön".encode(), filename="Übersicht.txt", caption="hier")
        assert sent.document is not None
        content = await (await bot.get_file(sent.document.file_id)).download_as_bytearray()
        await telegram_client.blocks_bot(server, anna)
        with pytest.raises(Forbidden):
            await bot.send_message(anna.id, "x")

    assert [update.message.text for update in fetched if update.message] == ["/start"]
    assert (message.text, message.text_html) == ("Grüße 😀", "<b>Grüße</b> 😀")
    assert (sent.document.file_name, sent.document.mime_type, sent.caption) == ("Übersicht.txt", "text/plain", "hier")
    assert content.decode() == "schön"


async def test_poll_over_sockets_waits_for_an_update(address: str, server: BotServer) -> None:
    async with bot_at(address) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=50))
        while not server.polls.waits:  # noqa: ASYNC110  # a server does not announce that somebody began to wait
            await asyncio.sleep(0)
        await people.writes(server, ANNA, ANNA.id, "/start")

        assert [update.update_id for update in await poll] == [1]


async def test_call_comes_as_json_query_or_form(address: str, anna: User) -> None:
    url, params = f"{address}/bot{TOKEN}/sendMessage", {"chat_id": str(anna.id), "text": "Hallo"}
    async with aiohttp.ClientSession() as session:
        answers = [
            await (await session.post(url, json=params)).json(),
            await (await session.get(url, params=params)).json(),
            await (await session.post(url, data=params)).json(),
        ]

    assert [(answer["ok"], answer["result"]["message_id"]) for answer in answers] == [(True, 2), (True, 3), (True, 4)]


async def test_wrong_token_and_unknown_paths_are_refused(address: str) -> None:
    async with aiohttp.ClientSession() as session:
        statuses = [
            (await session.get(f"{address}{path}")).status
            for path in (
                "/bot1:x/getMe",
                f"/bot{TOKEN}/sing",
                "/file/bot1:x/documents/a",
                f"/file/bot{TOKEN}/documents/a",
            )
        ]

    assert statuses == [401, 404, 404, 404]


@pytest.mark.usefixtures("store")
async def test_cut_connection_is_an_uncertain_call(clock: Clock) -> None:
    script = iter([Fault(cut="before"), Fault(cut="after")])

    def faults(call: Call) -> Fault | None:
        return next(script) if call.method == "sendMessage" else None

    server = BotServer(Network.TELEGRAM, TOKEN, clock, options=Options(faults=faults))
    await people.writes(server, ANNA, ANNA.id, "/start")
    causes = []
    async with running(server) as address, bot_at(address) as bot:
        for text in ("eins", "zwei"):
            with pytest.raises(NetworkError) as cut:
                await bot.send_message(ANNA.id, text)
            causes.append(cut.value.__cause__)

    assert all(isinstance(cause, (httpx.RemoteProtocolError, httpx.ReadError)) for cause in causes)
    assert [seen.html for seen in await reading.messages(server, ANNA.id)] == ["/start", "zwei"]


async def test_webhook_gets_each_update_until_it_accepts(
    address: str, server: BotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_http, "RETRY_SECONDS", 0.01)
    received: list[tuple[str | None, dict[str, Any]]] = []
    accepted = asyncio.Event()

    async def hook(request: web.Request) -> web.Response:
        received.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), await request.json()))
        if len(received) == 1:
            return web.Response(status=500)
        if len(received) == 2 and request.transport is not None:
            request.transport.abort()
        else:
            accepted.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", hook)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with bot_at(address) as bot:
        await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="geheim")
        await people.writes(server, ANNA, ANNA.id, "/start")
        await asyncio.wait_for(accepted.wait(), 10)
        while (await bot.get_webhook_info()).pending_update_count:
            pass  # the server forgets the update once it has read the answer
    await runner.cleanup()

    assert [(secret, update["update_id"]) for secret, update in received] == [("geheim", 1)] * 3


async def test_own_process_serves_people_and_bot_and_ends_on_sigterm(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'telegram.sqlite3'}"
    command = [sys.executable, "-m", "tests.telegram_server", "--database", database, "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        address = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        anna = {"id": 101, "first_name": "Anna"}
        async with aiohttp.ClientSession() as session, bot_at(address) as bot:
            written = await (await session.post(f"{address}/people/writes", json=[anna, 101, "/start"])).json()
            await bot.send_message(101, "Hallo Anna")
            read = await (await session.post(f"{address}/people/messages", json=[101])).json()
            refused = await session.post(f"{address}/people/writes", json=[anna, -5, "/start"])
            unknown = await session.post(f"{address}/people/sing", json=[])
        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert written == {"result": 1}
        assert [seen["html"] for seen in read["result"]] == ["/start", "Hallo Anna"]
        assert (refused.status, unknown.status) == (409, 404)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
