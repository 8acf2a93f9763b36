"""Whatever bytes arrive at whatever route: the answer is ours, and nobody's log has a traceback."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import product

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from bot.actions.accounts import sessions
from bot.actions.commitments import commitments
from bot.actions.commitments.commitments import Due
from bot.rules import tokens
from bot.rules.parties import Party
from bot.web import webhook, wire, words
from bot.web.middlewares import SESSION_COOKIE, still_signed_in
from bot.web.settings import WebSettings
from bot.webchat import api, rooms
from bot.webchat.calls import Call
from bot.webchat.page import ChatPage, routes
from bot.webchat.server import BotServer, Options
from storage.db import unit_of_work
from storage.models import Commitment
from storage.vocabulary import DueKind, Network, TokenPurpose
from tests.web.conftest import Outside, Town, made

SECRET = "webhook-secret"
FORMS = {  # what each form sends that would do, were one of its fields not what nobody types
    "/anmelden": {"mail": ""},
    "/einladung": {"code": ""},
    "/einladung/{token}": {"given_name": "Eva", "family_name": "Reiter", "mail": ""},
    "/antwort/{token}": {"answer": "declined", "deputy": "", "shown": ""},
    "/commitment/{token}": {"answer": "decline", "reason": "Urlaub"},
    "/einstellungen": {
        "language": "de",
        "quiet_from": "19:00",
        "quiet_until": "07:00",
        "absent_from": "2026-12-01",
        "absent_until": "2026-12-02",
        "preferred": "",
        "version": "1",
    },
    "/probe/person": {"person": ""},
    "/probe/uhr": {"step": "", "to": ""},
}
WITHOUT_FIELDS = {
    "/abmelden",
    "/anmelden/{token}",
    "/einstellungen/geraete/andere/abmelden",
    "/einstellungen/geraete/{session}/abmelden",
    "/kalender/erneuern",
}
JSON_FIELDS = ("chat", "message", "data", "text", "key", "update_id")
UNICODE_DIGITS = "٣"

Headers = Mapping[str, bytes]
Sent = tuple[Headers, bytes]


@dataclass(frozen=True)
class Door:
    """The whole door of the trial, with the chat and the webhook, and what opens it."""

    server: TestServer
    anna: int
    cookie: str
    paths: tuple[tuple[str, str], ...]
    forms: Mapping[str, str]
    """Where each form is sent."""

    async def asked(self, method: str, path: bytes, headers: Headers, body: bytes = b"") -> int:
        """The status of the answer to one request, byte for byte."""
        lines = {b"Host": b"127.0.0.1", b"Connection": b"close"} | {
            name.encode(): value for name, value in headers.items()
        }
        if b"Transfer-Encoding" not in lines:
            lines[b"Content-Length"] = str(len(body)).encode()
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(method.encode() + b" " + path + b" HTTP/1.1\r\n" + head + b"\r\n" + body)
            async with asyncio.timeout(30):
                status_line = await reader.readline()
        finally:
            writer.close()
        found = re.match(rb"HTTP/1.[01] (\d{3}) ", status_line)
        assert found is not None, (method, path, headers, body[:80], status_line)
        return int(found[1])

    async def sweep(self, routes: str, sent: Iterator[tuple[str, Sent]]) -> dict[str, int]:
        """Send each to every route that the pattern fits, by Anna, whose chat is put in; what failed, with its status."""
        failed = {}
        chosen = [(method, path) for method, path in self.paths if re.match(routes, f"{method} {path}")]
        for (name, (headers, body)), (method, path) in product(list(sent), chosen):
            mine = body.replace(b"CHAT", str(self.anna).encode())
            status = await self.asked(method, path.encode(), {**self.signed_in, **headers}, mine)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                failed[f"{name}: {method} {path}"] = status
        return failed

    @property
    def signed_in(self) -> Headers:
        return {"Cookie": f"{SESSION_COOKIE}={self.cookie}".encode()}


@pytest.fixture
async def door(settings: WebSettings, outside: Outside, town: Town) -> AsyncIterator[Door]:
    trial = replace(settings, trial=True, public_url="http://127.0.0.1:8080")

    async def receive(update: Mapping[str, object]) -> None:
        json.dumps(update)

    network = BotServer(Network.WEBCHAT, "4711:invented", lambda: outside.machine, options=Options(first_contact=False))
    chat = ChatPage(
        server=network,
        clock=lambda: outside.domain,
        frame=words.frame,
        reader_of=words.person_of,
        signed_in=still_signed_in,
        press_seconds=0.01,
    )
    application = made(trial, outside, *routes(chat), webhook.route(SECRET, receive))
    application.on_shutdown.append(chat.shut_down)
    await rooms.enter(network, town.anna, outside.domain.date())
    await api.answer(network, Call("sendMessage", {"chat_id": town.anna.id, "text": "Kommen Sie?"}))
    token = await unit_of_work(lambda: sessions.begin(person=town.anna.id, label="", now=outside.machine))
    link = await unit_of_work(
        lambda: sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=outside.machine)
    )
    parts = {
        "token": tokens.answer(settings.key, town.meeting.id, town.ben.id),
        "version": "0" * 16,
        "name": "chat.js",
        "file_id": "abc",
        "session": "999999999",
        "meeting": str(town.meeting.id),
        "document": "999999999",
    }
    server = TestServer(application)
    await server.start_server(**wire.options())
    paths = tuple(
        (route.method, path)
        for route in application.router.routes()
        if route.method != "HEAD" and route.resource is not None
        for path in _paths(route, parts, link)
    )
    addresses = {
        "/einladung/{token}": f"/einladung/{link}",
        "/commitment/{token}": f"/commitment/{tokens.commitment(settings.key, await _commitment(town, outside), town.ben.id)}",
    }
    forms = {
        route.resource.canonical: addresses.get(route.resource.canonical, str(_url(route.resource, parts)))
        for route in application.router.routes()
        if route.method == "POST" and route.resource is not None
    }
    yield Door(server, town.anna.id, token, paths, forms)
    await server.close()


def _paths(route: web.AbstractRoute, parts: Mapping[str, str], link: str) -> Iterator[str]:
    resource = route.resource
    assert resource is not None
    yield str(_url(resource, parts))
    if "{token}" in resource.canonical and not resource.canonical.endswith(".ics"):
        yield str(resource.url_for(token=link))


def _url(resource: web.AbstractResource, parts: Mapping[str, str]) -> URL:
    return resource.url_for(**{name: parts[name] for name in re.findall(r"{(\w+)}", resource.canonical)})


async def _commitment(town: Town, outside: Outside) -> int:
    """Anna records that Ben does it."""
    await unit_of_work(
        lambda: commitments.record(
            by=town.anna,
            body="TK",
            what="Fachtag vorbereiten",
            owners=(Party(person=town.ben.id),),
            counterparts=(),
            due=Due(kind=DueKind.NONE),
            now=outside.domain,
        )
    )
    return (await Commitment.get()).id


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing was logged that a person would have to look into."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


HEADERS = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Cookie",
    "Forwarded",
    "Host",
    "If-Modified-Since",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Range",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Telegram-Bot-Api-Secret-Token",
]
TURNED_AWAY = {"Forwarded", "Host", "Origin", "Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Proto"}
ODD = b"\xff\xfe"


def headers_nobody_sends() -> Iterator[tuple[str, Sent]]:
    yield "all that are read behind the door", ({name: ODD for name in HEADERS if name not in TURNED_AWAY}, b"")
    for cookie in (SESSION_COOKIE, "faden_door", "faden_next"):
        yield f"cookie {cookie}", ({"Cookie": cookie.encode() + b"=\xff\xfe\xed\xa0\x80"}, b"")


def single_headers_nobody_sends() -> Iterator[tuple[str, Sent]]:
    for name, value in product(HEADERS, (ODD, b"[")):
        yield f"{name} {value!r}", ({name: value}, b"")


def bodies_nobody_sends() -> Iterator[tuple[str, Sent]]:
    kinds = (
        b"application/json; charset=foo",
        b"application/json; charset=utf-16",
        b"application/x-www-form-urlencoded; charset=foo",
        b"application/x-www-form-urlencoded; charset=idna",
        b"application/x-www-form-urlencoded; charset=\xff\xfe",
        b"multipart/form-data",
        b"multipart/form-data; boundary=\xff\xfe",
        b"multipart/form-data; boundary=" + b"b" * 100,
        b"multipart/form-data; boundary=b; charset=foo",
        b"\xff\xfe",
        b"",
    )
    for kind, body in product(kinds, (b"", b"\xff\xfe\x00")):
        yield f"{kind!r} {body!r}", ({"Content-Type": kind}, body)
    for coding, kind in product((b"gzip", b"foo"), kinds[:1] + kinds[2:3]):
        yield f"{coding!r} {kind!r}", ({"Content-Type": kind, "Content-Encoding": coding}, b"\xff\xfe" * 10)
    yield "chunks", ({"Content-Type": kinds[0], "Transfer-Encoding": b"chunked"}, b"zz\r\n{}\r\n")


def uploads_nobody_sends() -> Iterator[tuple[str, Sent]]:
    parts = (
        b"Content-Length: x",
        b"Content-Length: -1",
        b"Content-Type: multipart/mixed",
        b"Content-Type: text/plain; charset=foo",
        b"Content-Transfer-Encoding: foo",
        b"Content-Transfer-Encoding: base64",
        b"Content-Encoding: foo",
        b"Content-Encoding: gzip",
        b"\xff\xfe: \xff\xfe",
        b"no colon",
        b"X: " + b"x" * 9000,
    )
    for name, head in product((b"chat", b"_charset_", b"file"), parts):
        disposition = b'Content-Disposition: form-data; name="' + name + b'"; filename="\xff\xfe\x00"\r\n'
        body = b"--b\r\n" + disposition + head + b"\r\n\r\n\xff\xfe\r\n--b--\r\n"
        yield f"part {name!r} {head[:30]!r}", ({"Content-Type": b"multipart/form-data; boundary=b"}, body)
    for name in (b"\xff\xfe\x00", b"\xed\xa0\x80", b"x" * 4000, b"..", b""):
        fields = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="' + field + b'"\r\n\r\n' + value + b"\r\n"
            for field, value in ((b"chat", b"CHAT"), (b"key", b"k%d" % len(name)), (b"caption", b"\xff\xfe\x00"))
        )
        disposition = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n'
        body = fields + disposition + b"Content-Type: " + name + b"\r\n\r\nx\r\n--b--\r\n"
        yield f"file {name[:9]!r}", ({"Content-Type": b"multipart/form-data; boundary=b"}, body)
    for coding in (b"gzip", b"deflate", b"br", b"foo"):
        headers = {"Content-Type": b"multipart/form-data; boundary=b", "Content-Encoding": coding}
        yield f"{coding!r}", (headers, b"\xff\xfe" * 10)


def json_nobody_sends() -> Iterator[tuple[str, Sent]]:
    def body(text: str) -> Sent:
        return {"Content-Type": b"application/json", "X-Telegram-Bot-Api-Secret-Token": SECRET.encode()}, text.encode()

    for text in ("[" * 3000, '{"a":' * 3000, "[" * 3000 + "]" * 3000, "9" * 5000, "1e999", '"\\ud800"', "\x00", "NaN"):
        yield text[:12], body(text)
    values = (
        '"\\ud800"',
        "1e999",
        "9" * 5000,
        "9" * 25,
        "-1",
        "[[1]]",
        "{}",
        "null",
        "true",
        '"\\u0000"',
        f'"{UNICODE_DIGITS}"',
    )
    good = {"chat": "CHAT", "message": "1", "data": '"x"', "text": '"Hallo"', "key": '"k"', "update_id": "1"}
    for name, value in product(JSON_FIELDS, values):
        fields = good | {name: value}
        text = ", ".join(f'"{field}": {known}' for field, known in fields.items())
        yield f"{name} {value[:12]}", body(f"{{{text}}}")


VALUES = (
    "",
    "%00",
    "%FF%FE",
    "%ED%A0%80",
    "\\ud800",
    "9" * 25,
    "9" * 5000,
    "-1",
    "1e999",
    "x" * 5000,
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00",
    "9999-12-31T23:59",
    "24:00",
    "a%40b%00",
    UNICODE_DIGITS,
)
FORM: Headers = {"Content-Type": b"application/x-www-form-urlencoded"}


def forms_nobody_sends() -> Iterator[tuple[str, Sent]]:
    yield "many fields", (FORM, b"a=1&" * 5000)


@pytest.mark.only_on("sqlite")  # these reach no database
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("routes", "sent"),
    [
        (".*", headers_nobody_sends),
        ("GET /(anmelden|metrics|chat|healthz)?$", single_headers_nobody_sends),
        ("POST /(anmelden|telegram|chat/api/read)$", single_headers_nobody_sends),
        ("POST", bodies_nobody_sends),
        ("POST /chat/api/send", uploads_nobody_sends),
    ],
)
async def test_no_route_breaks_on_what_nobody_sends(
    door: Door, routes: str, sent: Callable[[], Iterator[tuple[str, Sent]]]
) -> None:
    assert await door.sweep(routes, sent()) == {}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("routes", "sent"),
    [
        ("POST /(chat|telegram)", json_nobody_sends),
        ("POST /(?!chat|telegram)", forms_nobody_sends),
    ],
)
async def test_no_form_and_no_call_breaks_on_what_nobody_types(
    door: Door, routes: str, sent: Callable[[], Iterator[tuple[str, Sent]]]
) -> None:
    assert await door.sweep(routes, sent()) == {}


@pytest.mark.usefixtures("quiet")
async def test_no_form_breaks_on_a_field_that_nobody_fills_in_so(door: Door) -> None:
    failed = {}
    for route, fields in FORMS.items():
        for name, value in product(fields, VALUES):
            body = "&".join(f"{one}={given}" for one, given in {**fields, name: value}.items())
            status = await door.asked("POST", door.forms[route].encode(), {**door.signed_in, **FORM}, body.encode())
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                failed[f"{route}: {name}={value[:12]}"] = status

    assert failed == {}


async def test_every_form_is_tried(door: Door) -> None:
    ours = {route for route in door.forms if not re.match("/(chat|telegram)", route)}

    assert ours == FORMS.keys() | WITHOUT_FIELDS


@pytest.mark.only_on("sqlite")  # these reach no database
@pytest.mark.usefixtures("quiet")
async def test_no_route_breaks_on_addresses_that_nobody_follows(door: Door) -> None:
    queries = (
        b"?%ff%fe",
        b"?chat=%00&before=%ff&after=%ed%a0%80",
        b"?chat=" + b"9" * 5000,
        b"?\xff\xfe",
        b"?start=\xff",
    )
    ends = (b"/%ff%fe", b"/%00", b"%00", b"/..%2f..", b"/\xff\xfe", b";\xff", "/ä".encode(), b"/" + b"9" * 4000)

    failed = [
        (method, path, end, status)
        for (method, path), end in product(door.paths, (*queries, *ends))
        if (status := await door.asked(method, path.encode() + end, door.signed_in)) >= HTTPStatus.INTERNAL_SERVER_ERROR
    ]

    assert failed == []
