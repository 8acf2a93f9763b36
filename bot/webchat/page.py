"""The chat page, and what it asks for. Every request checks today's right to the chat; "not there" and "not yours" look alike."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import structlog
from aiohttp import web

from bot import messages
from bot.hub import Hub, Listener, event
from bot.rules.limits import MEGABYTE, OtherMessage
from bot.rules.refusals import Refusal
from bot.webchat import people, reading, requests, rooms
from bot.webchat.bounds import Bounds
from bot.webchat.errors import NotAllowed
from bot.webchat.objects import Answer
from bot.webchat.requests import Refused
from bot.webchat.server import BotServer
from bot.webchat.shown import message_json, room_json
from bot.webchat.telling import Telling
from storage.models import Person

T = TypeVar("T")

log = structlog.get_logger(__name__)

STATIC: Final = Path(__file__).parent / "static"
STATIC_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}

PAGE_LENGTH: Final = 50
START_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(eq=False, kw_only=True)
class ChatPage:
    """What the page is given by `bot.app`.

    `clock` is the domain's, by which seats begin and end. `frame` gives the facts that every page has, `reader_of` the person
    who has signed in, or raises what sends them to sign in. `signed_in` says whether the session behind a request still holds.
    A press waits `press_seconds` for its answer; a stream says every `heartbeat_seconds` that it is there. All files that one
    person sends have `file_bytes` together.
    """

    server: BotServer
    clock: Callable[[], datetime]
    frame: Callable[[web.Request], Mapping[str, Any]]
    reader_of: Callable[[web.Request], Person]
    signed_in: Callable[[Sequence[web.Request]], Awaitable[Sequence[bool]]]
    press_seconds: float = 3.0
    heartbeat_seconds: float = 15.0
    file_bytes: int = 500 * MEGABYTE
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        """From now on this page is told what changes in the server's chats."""
        self.telling = Telling(server=self.server, clock=self.clock, signed_in=self.signed_in)
        self.hub.look = self.telling.look

    @property
    def hub(self) -> Hub:
        """Which pages are open."""
        return self.server.feed.hub

    async def shut_down(self, _application: web.Application) -> None:
        """End the open streams, which would otherwise hold up the end; for `on_shutdown`."""
        self.hub.end()

    async def end_signed_out(self) -> None:
        """End the streams of those who have signed out, wherever they did; asks once for all of them."""
        pages = self.hub.listeners
        for page, holds in zip(pages, await self.signed_in([page.request for page in pages]), strict=True):
            if not holds:
                page.end("signed_out")

    def today(self, person: Person) -> date:
        """The day it is for the person."""
        return self.telling.day(person.zone)

    # The page

    async def page(self, request: web.Request) -> web.Response:
        """The page itself; `?start=…` is what a link to Faden carries, and is sent once by the page."""
        person = self.reader_of(request)
        start = request.query.get("start", "")
        facts = {
            "person": person.id,
            "name": f"{person.given_name} {person.family_name}",
            "initials": person.given_name[:1] + person.family_name[:1],
            "start": start if START_PAYLOAD.fullmatch(start) else "",
            "script": address("chat.js"),
            "style": address("chat.css"),
        }
        text = messages.page("chat", {**self.frame(request), **facts}, request["voice"])
        return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def static(self, request: web.Request) -> web.Response:
        """A file of the page; under an old address it is the present one, which nobody may keep."""
        name = request.match_info["name"]
        if name not in _names():
            raise web.HTTPNotFound
        caching = "public, max-age=31536000, immutable" if request.path == address(name) else "no-cache"
        return web.Response(
            body=(STATIC / name).read_bytes(),
            content_type=STATIC_TYPES[Path(name).suffix],
            charset="utf-8",
            headers={"Cache-Control": caching},
        )

    # What it reads

    async def chats(self, request: web.Request) -> web.Response:
        """The list of chats, and the number from which to follow what changes."""
        person, mine = await self._enter(request)
        number = await self.telling.number()
        listed = [room_json(*room, person.id) for room in await rooms.rooms(self.server, person.id, mine)]
        return web.json_response({"number": number, "now": self.server.dated().isoformat(), "chats": listed})

    async def messages(self, request: web.Request) -> web.Response:
        """A page of messages, the newest or those before one; `before` of the answer leads to the next page."""
        person, mine = await self._enter(request)
        chat_id = _allowed(mine, requests.integer(request.query, "chat"))
        before = requests.integer(request.query, "before") if "before" in request.query else None
        seen = await reading.messages(self.server, chat_id, before=before, limit=PAGE_LENGTH)
        shown = [message for one in seen if (message := message_json(one, person.id))]
        earlier = seen[0].message_id if len(seen) == PAGE_LENGTH else None
        return web.json_response({"messages": shown, "before": earlier})

    async def commands(self, request: web.Request) -> web.Response:
        """The command menu of a chat, in the reader's language."""
        person, mine = await self._enter(request)
        chat_id = _allowed(mine, requests.integer(request.query, "chat"))
        return web.json_response({"commands": await reading.commands_for(self.server, person.id, chat_id)})

    async def file(self, request: web.Request) -> web.Response:
        """A file, to whom can see a message with it; always as a download, whatever it claims to be."""
        person, _ = await self._enter(request)
        file = await reading.file_for(self.server, person.id, request.match_info["file_id"])
        if file is None:
            raise Refused(HTTPStatus.NOT_FOUND, "not_found")
        plain = re.sub(r"[^ -!#-\[\]-~]", "_", file.name)
        known = re.fullmatch(r"[\w.+-]+/[\w.+-]+", file.mime)
        return web.Response(
            body=file.content,
            headers={
                "Content-Type": file.mime if known else "application/octet-stream",
                "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name)}",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    # What it does

    async def send(self, request: web.Request) -> web.Response:
        """Send a text (JSON) or a file (multipart: chat, key, caption, file, in this order).

        The page gives each message a key of its own: sent again after a lost answer, it is still one message. The answer is
        200 exactly when the message is kept, whatever becomes of it afterwards.
        """
        person, mine = await self._enter(request)
        user, bounds = rooms.user_of(person), self._bounds()
        if request.content_type == "multipart/form-data":
            fields, file = await requests.upload(request)
            chat_id, key = _allowed(mine, requests.integer(fields, "chat")), requests.key(fields)
            sending = partial(people.sends_file, self.server, user, chat_id, *file, caption=fields.get("caption", ""))
        else:
            body = await requests.body(request)
            chat_id, key = _allowed(mine, requests.integer(body, "chat")), requests.key(body)
            sending = partial(people.writes, self.server, user, chat_id, requests.text(body, "text"))
        with _refusing(request):
            message_id = await sending(key=key, bounds=bounds)
        sent = await _if_it_can_be(reading.message(self.server, chat_id, message_id))
        return web.json_response({"message": message_json(sent, person.id) if sent else None})

    async def press(self, request: web.Request) -> web.Response:
        """Press a button. The answer comes along when the bot gives it in time, and through the stream in any case."""
        person, mine = await self._enter(request)
        fields = await requests.body(request)
        chat_id, message_id = _allowed(mine, requests.integer(fields, "chat")), requests.integer(fields, "message")
        data = requests.text(fields, "data")
        with _refusing(request):
            user, bounds = rooms.user_of(person), self._bounds()
            query = await people.presses(self.server, user, chat_id, message_id, data, bounds=bounds)
        answer = await _if_it_can_be(self._answer_in_time(query))
        return web.json_response({"query": query, "answer": asdict(answer) if answer else None})

    async def _answer_in_time(self, query: str) -> Answer | None:
        with self.server.feed.answer_to(query) as answered:
            if (answer := await reading.answer_of(self.server, query)) is not None:
                return answer
            try:
                await asyncio.wait_for(answered.wait(), self.press_seconds)
            except TimeoutError:
                return None
            return await reading.answer_of(self.server, query)

    def _bounds(self) -> Bounds:
        return Bounds(now=self.server.clock(), file_bytes=self.file_bytes)

    async def read(self, request: web.Request) -> web.Response:
        """The messages of a chat have been seen, up to this one; the person's windows learn of it."""
        person, mine = await self._enter(request)
        fields = await requests.body(request)
        chat_id = _allowed(mine, requests.integer(fields, "chat"))
        await rooms.mark_read(self.server, person.id, chat_id, requests.integer(fields, "message"))
        await _if_it_can_be(self.telling.read(person.id, chat_id))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    # What happens meanwhile

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """What is new since a change number, as it happens, until the session ends."""
        person, mine = await self._enter(request)
        last = {"after": request.headers.get("Last-Event-ID") or request.query.get("after", "0")}
        after = requests.integer(last, "after")
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        with contextlib.suppress(ConnectionResetError):  # a page may go before its stream has begun, or at any time
            await response.prepare(request)
            listener = Listener(person.id, request, mine, await self.telling.number())
            async with self.hub.listening(listener):
                await response.write(event("beat"))
                await response.write(await self.telling.missed(listener, after))
                await self._tell(listener, response)
        return response

    async def _tell(self, listener: Listener, response: web.StreamResponse) -> None:
        """The stream's events: `news`, a `beat` when there are none, and at the end why it ends."""
        while True:
            told = await listener.heard(self.heartbeat_seconds)
            if listener.ended is not None:
                await response.write(event(listener.ended))
                return
            await response.write(told or event("beat"))

    # Behind the doors

    async def _enter(self, request: web.Request) -> tuple[Person, frozenset[int]]:
        """Who asks, and the chats that are theirs today."""
        person = _person(request)
        return person, await rooms.enter(self.server, person, self.today(person))


def routes(chat: ChatPage) -> list[web.RouteDef]:
    """The page's URLs."""
    return [
        web.get("/chat", chat.page),
        web.get("/chat/static/{version:[0-9a-f]{16}}/{name}", chat.static, name="static_chat"),
        web.get("/chat/api/chats", chat.chats),
        web.get("/chat/api/messages", chat.messages),
        web.get("/chat/api/commands", chat.commands),
        web.get("/chat/api/changes", chat.changes),
        web.post("/chat/api/send", chat.send),
        web.post("/chat/api/press", chat.press),
        web.post("/chat/api/read", chat.read),
        web.get("/chat/file/{file_id:[A-Za-z0-9_-]{1,64}}", chat.file),
    ]


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.suffix in STATIC_TYPES)


@cache
def _version() -> str:
    """Changes with any of the files: they import each other by name."""
    contents = b"".join((STATIC / name).read_bytes() for name in sorted(_names()))
    return hashlib.sha256(contents).hexdigest()[:16]


def address(name: str) -> str:
    """Where a file of the page is to be found, for as long as all of them stay as they are."""
    return f"/chat/static/{_version()}/{name}"


def _person(request: web.Request) -> Person:
    person: Person | None = request["person"]
    if person is None:
        raise Refused(HTTPStatus.UNAUTHORIZED, "signed_out")
    return person


def _allowed(mine: frozenset[int], chat_id: int) -> int:
    if chat_id not in mine:
        raise Refused(HTTPStatus.NOT_FOUND, "not_found")
    return chat_id


@contextlib.contextmanager
def _refusing(request: web.Request) -> Iterator[None]:
    """What may not be done is answered with a word, and with a sentence where somebody has done too much of it."""
    try:
        yield
    except NotAllowed as error:
        raise Refused(HTTPStatus.CONFLICT, "refused") from error
    except Refusal as refusal:
        minutes = refusal.facts.get("minutes")
        status = HTTPStatus.TOO_MANY_REQUESTS if minutes else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if isinstance(refusal, OtherMessage):
            status = HTTPStatus.CONFLICT
        said = html.unescape(messages.chat(refusal.template, refusal.facts, request["voice"]).text)
        word = refusal.template.rpartition("/")[2]
        raise Refused(status, word, words=said, minutes=minutes) from refusal


async def _if_it_can_be(reading: Awaitable[T]) -> T | None:
    """What is read to answer with, after something has been kept: that it cannot be read must not look as if it were not kept."""
    try:
        return await reading
    except Exception:
        log.exception("kept, and cannot be read")
        return None
