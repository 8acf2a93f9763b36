"""The chat behind the whole door: who is let go, what nobody keeps, and how long one may take."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from bot.actions.accounts import sessions
from bot.rules import limits
from bot.web import wire, words
from bot.web.middlewares import still_signed_in
from bot.web.settings import WebSettings
from bot.webchat.page import ChatPage, routes
from bot.webchat.server import BotServer, Options
from storage.db import unit_of_work
from storage.models import Person, WebSession
from storage.vocabulary import Network
from tests.web.conftest import Outside, Town, Visitor, made, signed_in


@dataclass(frozen=True)
class House:
    """The door with the chat in it, and Anna before it, signed in."""

    chat: ChatPage
    anna: Visitor
    port: int

    async def listens(self) -> ClientResponse:
        """Anna's page follows what is new, and has heard everything so far."""
        stream = await self.anna.get("/chat/api/changes?after=0")
        for _ in range(2):
            await stream.content.readuntil(b"\n\n")
        return stream


@pytest.fixture
async def house(settings: WebSettings, outside: Outside, town: Town) -> AsyncIterator[House]:
    network = BotServer(Network.WEBCHAT, "4711:invented", lambda: outside.machine, options=Options(first_contact=False))
    chat = ChatPage(
        server=network,
        clock=lambda: outside.domain,
        frame=words.frame,
        reader_of=words.person_of,
        signed_in=still_signed_in,
    )
    application = made(replace(settings, public_url="http://127.0.0.1"), outside, *routes(chat))
    application.on_shutdown.append(chat.shut_down)
    server = TestServer(application)
    await server.start_server(**wire.options())
    assert server.port is not None
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as visitor:
        await signed_in(visitor, town.anna, outside)
        yield House(chat, visitor, server.port)


async def leaves_by_the_button(house: House, _town: Town, _outside: Outside) -> None:
    response = await house.anna.post("/abmelden", data={}, allow_redirects=False)
    assert response.status == 303


async def is_signed_out_from_another_device(_house: House, town: Town, _outside: Outside) -> None:
    session = await WebSession.get()
    await unit_of_work(lambda: sessions.end(by=town.anna, session=session.id))


async def has_left(_house: House, town: Town, outside: Outside) -> None:
    await Person.filter(id=town.anna.id).update(left_at=outside.domain)


async def session_runs_out(_house: House, _town: Town, outside: Outside) -> None:
    outside.machine += sessions.SESSION_LASTS


@pytest.mark.parametrize(
    "what_happens", [leaves_by_the_button, is_signed_out_from_another_device, has_left, session_runs_out]
)
async def test_stream_does_not_outlive_the_session(
    house: House, town: Town, outside: Outside, what_happens: Callable[[House, Town, Outside], Awaitable[None]]
) -> None:
    stream = await house.listens()

    await what_happens(house, town, outside)
    await house.chat.end_signed_out()

    async with asyncio.timeout(10):
        assert (await stream.content.read()).startswith(b"event: signed_out\n")


async def test_stream_of_who_is_signed_in_goes_on(house: House) -> None:
    stream = await house.listens()

    await house.chat.end_signed_out()

    assert not stream.content.at_eof()
    assert len(house.chat.hub.listeners) == 1


@pytest.mark.parametrize(
    "path", ["chats", "messages?chat=0", "messages?chat=x", "commands", "changes?after=0", "nothing", "read", "send"]
)
async def test_nobody_keeps_an_answer_of_the_chat(house: House, path: str) -> None:
    read = await house.anna.get(f"/chat/api/{path}")
    written = await house.anna.post(f"/chat/api/{path}", json={})

    assert read.headers["Cache-Control"] == written.headers["Cache-Control"] == "no-store"


async def sent(house: House, *lines: str, body: bytes = b"") -> bytes:
    """The first line of the answer to what is not yet all of a request; nothing when the connection is just closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        writer.write("".join(f"{line}\r\n" for line in lines).encode() + body)
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


CHUNKS = ("Host: 127.0.0.1", "Transfer-Encoding: chunked", "Content-Type: multipart/form-data; boundary=b")


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is over in no time, before the house is opened."""
    monkeypatch.setattr(limits, "SILENT_SECONDS", 0.06)
    monkeypatch.setattr(wire, "HEADER_SECONDS", 0.06)


async def test_header_that_does_not_come_is_not_waited_for(hurry: None, house: House) -> None:  # noqa: ARG001  # before it
    assert await sent(house, "GET / HTTP/1.1", "Host: 127.0.0.1") == b""
    assert await sent(house) == b""


@pytest.mark.parametrize("path", ["/anmelden", "/einladung"])
async def test_body_that_falls_silent_is_not_waited_for(hurry: None, house: House, path: str) -> None:  # noqa: ARG001  # before it
    form = "Content-Type: application/x-www-form-urlencoded"

    answer = await sent(house, f"POST {path} HTTP/1.1", CHUNKS[0], "Content-Length: 100", form, "", body=b"mail=")

    assert answer == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_body_that_says_it_is_too_large_is_not_read(house: House) -> None:
    length = f"Content-Length: {limits.REQUEST_BYTES + 1}"

    answer = await sent(house, "POST /chat/api/send HTTP/1.1", CHUNKS[0], length, "")

    assert answer == b"HTTP/1.1 413 Request Entity Too Large\r\n"


async def test_body_without_an_end_is_read_to_the_limit(
    hurry: None,  # noqa: ARG001  # before it
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    town: Town,
    outside: Outside,
) -> None:
    monkeypatch.setattr(limits, "REQUEST_BYTES", 1000)
    token = await unit_of_work(lambda: sessions.begin(person=town.anna.id, label="", now=outside.machine))
    flood = b"800\r\n" + b"before the first part\r\n".ljust(2048, b"\n") + b"\r\n"

    answer = await sent(house, "POST /chat/api/send HTTP/1.1", *CHUNKS, f"Cookie: faden={token}", "", body=flood)

    assert answer == b"HTTP/1.1 413 Request Entity Too Large\r\n"


async def test_file_larger_than_a_request_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FILE_BYTES", 1000)
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"x" * 2000 + b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await house.anna.post("/chat/api/send", data=body, headers=headers)

    assert (response.status, await response.json()) == (413, {"error": "too_big"})
