"""The wire to Telegram, on real sockets: what goes over it, and what an error says of a call."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from telegram import Bot
from telegram.error import NetworkError, TelegramError, TimedOut

from bot import wire
from bot.app import system_clock
from bot.post.chat import Trouble, trouble
from bot.webchat import people
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Options
from bot.wire import PatientRequest
from storage.vocabulary import Network
from tests.certificate import certificate
from tests.crash.house import free_port
from tests.telegram_server import running

TOKEN = "4711:the-token-of-the-tests"
ANNA = User(id=101, first_name="Anna")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def bot_at(address: str) -> AsyncIterator[Bot]:
    request = PatientRequest(address)
    async with request:
        yield Bot(
            TOKEN,
            base_url=f"{address}/bot",
            base_file_url=f"{address}/file/bot",
            request=request,
            get_updates_request=request,
        )


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A Telegram that does that at every call."""
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(site) as server:
        yield str(server.make_url("")).rstrip("/")


async def me(_: web.Request) -> web.Response:
    return web.json_response(
        {"ok": True, "result": {"id": 4711, "is_bot": True, "first_name": "Faden", "username": "F"}}
    )


async def failure(address: str) -> TelegramError:
    async with bot_at(address) as bot:
        with pytest.raises(TelegramError) as raised:
            await bot.get_me()
    return raised.value


@pytest.mark.usefixtures("store")
async def test_texts_and_files_go_there_and_back() -> None:
    server = BotServer(Network.TELEGRAM, TOKEN, system_clock, options=Options())
    await people.writes(server, ANNA, ANNA.id, "/start")
    async with running(server) as address, bot_at(address) as bot:
        message = await bot.send_message(ANNA.id, "<b>Grüße</b> 😀 &amp; + %", parse_mode="HTML")
        sent = await bot.send_document(ANNA.id, "schön".encode(), filename="Übersicht.txt", caption="hier")
        assert sent.document is not None
        odd = await bot.send_document(ANNA.id, b"x", filename='a"\r\nX-Injected: 1\r\n\r\n.txt')
        content = await (await bot.get_file(sent.document.file_id)).download_as_bytearray()

    assert message.text == "Grüße 😀 & + %"
    assert (sent.document.file_name, sent.document.mime_type, sent.caption) == ("Übersicht.txt", "text/plain", "hier")
    assert content.decode() == "schön"
    assert odd.document is not None
    assert odd.document.file_name == "a%22%0D%0AX-Injected: 1%0D%0A%0D%0A.txt"


async def hangs(_: web.Request) -> web.Response:
    await asyncio.sleep(1)
    return web.Response()


async def cuts(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def stops_in_the_middle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"ok": ')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize("answer", [hangs, cuts, stops_in_the_middle])
async def test_what_broke_after_the_connection_stood_may_have_taken_effect(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.1)

    async with answering(answer) as address:
        error = await failure(address)

    assert isinstance(error, TimedOut) == (answer is hangs)
    assert trouble(error) is Trouble.UNCERTAIN


async def test_server_that_nobody_reaches_got_nothing() -> None:
    assert trouble(await failure(f"http://127.0.0.1:{free_port()}")) is Trouble.NOT_SENT


async def test_server_that_lets_nobody_in_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes the connection, and nobody speaks TLS
        error = await failure(f"https://127.0.0.1:{silent.getsockname()[1]}")

    assert isinstance(error, TimedOut)
    assert trouble(error) is Trouble.NOT_SENT


async def test_call_that_found_no_free_connection_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS", 1)
    monkeypatch.setattr(wire, "CROWD_SECONDS", 0.05)
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def waits(request: web.Request) -> web.Response:
        reached.set()
        await let_go.wait()
        return await me(request)

    async with answering(waits) as address, bot_at(address) as bot:
        first = asyncio.create_task(bot.get_me())
        await reached.wait()
        with pytest.raises(TimedOut) as crowded:
            await bot.get_me()
        let_go.set()
        await first
        await bot.get_me()  # its place is free again

    assert trouble(crowded.value) is Trouble.CROWDED


async def test_redirection_is_not_followed_and_no_error_says_the_token() -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:9/")

    async with answering(elsewhere) as address:
        moved = await failure(address)
    refused = await failure(f"http://127.0.0.1:{free_port()}")

    assert "302" in str(moved)
    assert isinstance(refused, NetworkError)
    assert "the-token" not in f"{moved!r} {refused!r} {refused}"


async def test_certificate_counts_where_the_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", me)
    server = TestServer(site, scheme="https")
    await server.start_server(ssl=context)
    address = f"https://127.0.0.1:{server.port}"
    try:
        strange = await failure(address)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        async with bot_at(address) as bot:
            known = await bot.get_me()
    finally:
        await server.close()

    assert trouble(strange) is Trouble.NOT_SENT
    assert known.username == "F"


async def test_calls_go_through_the_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return await me(request)

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with answering(proxy) as address, answering(me) as telegram:
        monkeypatch.setenv("http_proxy", address)
        async with bot_at("http://telegram.invalid") as bot:
            await bot.get_me()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with bot_at(telegram) as bot:
            await bot.get_me()

    assert asked == [f"http://telegram.invalid/bot{TOKEN}/getMe"]
