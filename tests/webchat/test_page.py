"""What the chat page asks for and gets, over HTTP; and who gets nothing."""

import asyncio
import io
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import ClientConnectionResetError, ClientResponse, FormData, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict

from bot import messages
from bot.messages import Voice, translations
from bot.rules.limits import FILE_BYTES, MEGABYTE
from bot.webchat import api, people, reading, rooms
from bot.webchat import page as chat_page
from bot.webchat.bounds import Bounds
from bot.webchat.calls import Call, Upload
from bot.webchat.delivery import Delivery
from bot.webchat.objects import Json
from bot.webchat.page import PAGE_LENGTH, ChatPage, address, routes
from bot.webchat.server import BotServer, Options
from storage import db
from storage.models import Body, GroupChat, Membership, Person
from storage.models.webchat import WebchatMember, WebchatMessage, WebchatPress, WebchatUser
from storage.vocabulary import BodyKind, Network, Role
from tests import telegram_client
from tests.conftest import Counted
from tests.webchat.conftest import TOKEN, Clock

# The doors share two plain names, as bot/web/middlewares.py says, which these tests do without.
pytestmark = pytest.mark.filterwarnings("ignore:It is recommended to use web.RequestKey")

GROUP = -1
YES = {"inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}]]}

Client = TestClient[web.Request, web.Application]


@dataclass
class Town:
    """Anna and Ben sit in the Trägerkonferenz, which has a group. `updates` is what was handed over to the bot."""

    anna: Person
    ben: Person
    carla: Person
    clock: Clock
    signed_in: bool = True
    updates: list[Json] = field(default_factory=list)

    async def remember(self, update: Json) -> None:
        self.updates.append(update)


@pytest.fixture
async def town(store: str, clock: Clock) -> Town:  # noqa: ARG001  # the store is open meanwhile
    body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
    anna, ben, carla = [
        await Person.create(key=given.lower(), given_name=given, family_name=family, language=language)
        for given, family, language in (("Anna", "Arendt", "de"), ("Ben", "Özdemir", "de"), ("Carla", "Cramer", "en"))
    ]
    for person in (anna, ben):
        await Membership.create(body=body, person=person, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=GROUP, linked_at=clock())
    return Town(anna, ben, carla, clock)


@pytest.fixture
def server(clock: Clock) -> BotServer:
    """The web chat's own network."""
    return BotServer(Network.WEBCHAT, TOKEN, clock, options=Options(first_contact=False))


@pytest.fixture(autouse=True)
async def delivery(server: BotServer, town: Town) -> AsyncIterator[Delivery]:
    """The town remembers what the bot is told."""
    delivery = Delivery(server, town.remember)
    yield delivery
    await delivery.drain()


@pytest.fixture
def chat(server: BotServer, town: Town, clock: Clock) -> ChatPage:
    def reader(request: web.Request) -> Person:
        person: Person | None = request["person"]
        if person is None:
            raise web.HTTPSeeOther("/anmelden")
        return person

    async def signed_in(requests: Sequence[web.Request]) -> list[bool]:
        here = {person.id for person in await Person.filter(left_at=None)}
        return [town.signed_in and request["person"].id in here for request in requests]

    def frame(_request: web.Request) -> dict[str, object]:
        return {
            "town": "Beispielstadt",
            "trial": True,
            "clock": clock(),
            "stylesheet": "/faden.css",
            "icon": "/icon.svg",
        }

    return ChatPage(server=server, clock=clock, frame=frame, reader_of=reader, signed_in=signed_in, press_seconds=0.01)


@pytest.fixture
async def client(chat: ChatPage) -> AsyncIterator[Client]:
    """A browser; the header `Who` stands for the session of a person."""

    @web.middleware
    async def recognise(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        person = await Person.get_or_none(id=int(request.headers.get("Who", "0")))
        request["person"] = person
        request["voice"] = Voice(language=person.language if person else "de")
        return await handler(request)

    application = web.Application(middlewares=[recognise])
    application.add_routes(routes(chat))
    application.on_shutdown.append(chat.shut_down)
    async with TestClient(TestServer(application)) as client:
        yield client


def who(person: Person) -> dict[str, str]:
    return {"Who": str(person.id)}


async def got(client: Client, person: Person, path: str) -> Any:  # noqa: ANN401  # JSON
    response = await client.get(f"/chat/api/{path}", headers=who(person))
    assert response.status == 200, await response.text()
    return await response.json()


async def posted(client: Client, person: Person, what: str, **body: object) -> Any:  # noqa: ANN401  # JSON
    response = await client.post(f"/chat/api/{what}", headers=who(person), json=body)
    assert response.status == 200, await response.text()
    return await response.json()


async def error(response: ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["error"]


async def bot_says(server: BotServer, chat_id: int, text: str = "Hallo", **more: object) -> int:
    sent = await api.answer(server, Call("sendMessage", {"chat_id": chat_id, "text": text, **more}))
    assert isinstance(sent, dict)
    return int(sent["message_id"])


class Stream:
    """The page's stream, event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.last_id = ""

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data."""
        async with asyncio.timeout(10):
            lines = (await self._response.content.readuntil(b"\n\n")).decode().strip().split("\n")
        fields = dict(line.split(": ", 1) for line in lines)
        self.last_id = fields.get("id", self.last_id)
        return fields["event"], json.loads(fields["data"])

    async def is_over(self) -> bool:
        async with asyncio.timeout(10):
            return await self._response.content.read() == b""


async def listening(client: Client, person: Person, after: int = 0, **headers: str) -> Stream:
    response = await client.get(f"/chat/api/changes?after={after}", headers=who(person) | headers)
    assert response.status == 200
    stream = Stream(response)
    assert await stream.next() == ("beat", None)
    return stream


# The page


async def test_page_is_for_people_who_signed_in(client: Client, town: Town) -> None:
    stranger = await client.get("/chat", allow_redirects=False)
    response = await client.get("/chat?start=termin-17", headers=who(town.anna))
    text = await response.text()

    assert (stranger.status, stranger.headers["Location"]) == (303, "/anmelden")
    assert response.headers["Cache-Control"] == "no-store"
    assert '"start": "termin-17"' in text
    assert "Anna Arendt" in text
    assert 'lang="de"' in text


async def test_page_carries_no_payload_that_a_link_to_telegram_could_not(client: Client, town: Town) -> None:
    response = await client.get("/chat?start=</script>", headers=who(town.anna))

    assert '"start": ""' in await response.text()


async def test_page_speaks_the_language_of_its_reader(client: Client, town: Town) -> None:
    response = await client.get("/chat", headers=who(town.carla))
    text = await response.text()

    assert 'lang="en"' in text
    assert translations("en").gettext("Nachricht schreiben") in text
    assert "Wed, 18 Nov 2026" in text


async def test_page_has_no_inline_code(client: Client, town: Town) -> None:
    text = await (await client.get("/chat", headers=who(town.anna))).text()

    assert text.count("<script") == 2
    assert f'<script type="module" src="{address("chat.js")}"></script>' in text
    assert '<script type="application/json"' in text
    assert "style=" not in text
    assert "onclick" not in text


async def test_static_files_are_kept_for_ever_under_their_address_only(client: Client) -> None:
    current = await client.get(address("chat.js"))
    sibling = await client.get(address("wire.js"))
    style = await client.get(address("chat.css"))
    older = await client.get("/chat/static/0123456789abcdef/chat.js")
    unknown = await client.get(address("page.py"))

    assert current.content_type == sibling.content_type == "text/javascript"
    assert style.content_type == "text/css"
    assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert older.headers["Cache-Control"] == "no-cache"
    assert unknown.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "api/chats"),
        ("GET", "api/messages?chat=1"),
        ("GET", "api/commands?chat=1"),
        ("GET", "api/changes"),
        ("POST", "api/send"),
        ("POST", "api/press"),
        ("POST", "api/read"),
        ("GET", "file/abc"),
    ],
)
async def test_nothing_is_told_to_strangers(client: Client, method: str, path: str) -> None:
    response = await client.request(method, f"/chat/{path}", json={} if method == "POST" else None)

    assert await error(response) == (401, "signed_out")


# Who may be where


async def test_chats_are_the_private_one_and_the_groups_of_ones_bodies(client: Client, town: Town) -> None:
    assert [(one["id"], one["title"]) for one in (await got(client, town.anna, "chats"))["chats"]] == [
        (town.anna.id, None),
        (GROUP, "Trägerkonferenz"),
    ]
    assert [one["id"] for one in (await got(client, town.carla, "chats"))["chats"]] == [town.carla.id]


@pytest.mark.parametrize("chat_id", [GROUP, -99, 1])
async def test_no_request_reaches_a_chat_of_others(client: Client, town: Town, server: BotServer, chat_id: int) -> None:
    await got(client, town.anna, "chats")
    await bot_says(server, GROUP)

    answers = [
        await client.get(f"/chat/api/messages?chat={chat_id}", headers=who(town.carla)),
        await client.get(f"/chat/api/commands?chat={chat_id}", headers=who(town.carla)),
        await client.post("/chat/api/send", json={"chat": chat_id, "text": "Hallo"}, headers=who(town.carla)),
        await client.post(
            "/chat/api/press", json={"chat": chat_id, "message": 1, "data": "yes"}, headers=who(town.carla)
        ),
        await client.post("/chat/api/read", json={"chat": chat_id, "message": 1}, headers=who(town.carla)),
    ]

    assert [await error(answer) for answer in answers] == [(404, "not_found")] * 5
    assert town.updates == []


async def test_right_to_a_group_ends_with_the_seat_at_once(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    await bot_says(server, GROUP, "Sitzung")
    assert len((await got(client, town.anna, f"messages?chat={GROUP}"))["messages"]) == 1
    await Membership.filter(person=town.anna).update(ends_on=date(2026, 11, 17))

    response = await client.get(f"/chat/api/messages?chat={GROUP}", headers=who(town.anna))

    assert await error(response) == (404, "not_found")
    assert [one["id"] for one in (await got(client, town.anna, "chats"))["chats"]] == [town.anna.id]


async def test_day_of_a_seat_is_the_persons_day(client: Client, town: Town, clock: Clock) -> None:
    await Membership.filter(person=town.anna).update(ends_on=date(2026, 11, 18))
    clock.now = datetime(2026, 11, 18, 22, 59, tzinfo=UTC)
    in_time = [one["id"] for one in (await got(client, town.anna, "chats"))["chats"]]
    clock.passes(minutes=1)  # midnight in Berlin

    assert in_time == [town.anna.id, GROUP]
    assert [one["id"] for one in (await got(client, town.anna, "chats"))["chats"]] == [town.anna.id]


# Reading


async def test_message_comes_as_safe_html_with_its_buttons(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    text = "<b>Sitzung</b> &lt;script&gt;"
    await bot_says(server, town.anna.id, text, parse_mode="HTML", reply_markup=YES)

    shown = (await got(client, town.anna, f"messages?chat={town.anna.id}"))["messages"]

    assert shown == [
        {
            "chat": town.anna.id,
            "id": 1,
            "change": shown[0]["change"],
            "message": 1,
            "own": False,
            "sender": None,
            "date": int(town.clock().timestamp()),
            "text": "Sitzung <script>",
            "html": "<b>Sitzung</b> &lt;script&gt;",
            "edited": False,
            "file": None,
            "keyboard": [[{"text": "Ja", "callback_data": "yes"}]],
            "reply": None,
        }
    ]


async def test_nobody_is_taken_for_the_bot_even_with_its_number(client: Client, town: Town, server: BotServer) -> None:
    await posted(client, town.anna, "send", chat=GROUP, text="Wann?", key="a")
    await bot_says(server, GROUP, "Morgen")
    server.bot = replace(server.bot, id=town.anna.id)  # as it was when these messages were stored

    shown = (await got(client, town.anna, f"messages?chat={GROUP}"))["messages"]

    assert [(message["own"], message["sender"]) for message in shown] == [(True, "Anna Arendt"), (False, None)]


async def test_answer_shows_what_it_answers(client: Client, town: Town, server: BotServer) -> None:
    sent = await posted(client, town.ben, "send", chat=GROUP, text="Wann?", key="a")
    await bot_says(server, GROUP, "Morgen", reply_parameters={"message_id": sent["message"]["id"]})

    shown = (await got(client, town.anna, f"messages?chat={GROUP}"))["messages"]

    assert [message["sender"] for message in shown] == ["Ben Özdemir", None]
    assert (shown[1]["reply"]["sender"], shown[1]["reply"]["text"]) == ("Ben Özdemir", "Wann?")


async def test_messages_come_in_pages(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    for number in range(PAGE_LENGTH + 2):
        await bot_says(server, town.anna.id, f"{number}")

    last = await got(client, town.anna, f"messages?chat={town.anna.id}")
    first = await got(client, town.anna, f"messages?chat={town.anna.id}&before={last['before']}")

    assert [message["text"] for message in last["messages"]] == [f"{number}" for number in range(2, PAGE_LENGTH + 2)]
    assert ([message["text"] for message in first["messages"]], first["before"]) == (["0", "1"], None)


async def test_service_messages_are_not_shown(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    await bot_says(server, GROUP, "Karte")
    await api.answer(server, Call("pinChatMessage", {"chat_id": GROUP, "message_id": 1}))

    [_, group] = (await got(client, town.anna, "chats"))["chats"]

    assert [one["text"] for one in (await got(client, town.anna, f"messages?chat={GROUP}"))["messages"]] == ["Karte"]
    assert (group["pinned"]["text"], group["latest"]["text"], group["unread"]) == ("Karte", "Karte", 1)


async def test_commands_come_in_the_readers_language(client: Client, town: Town, server: BotServer) -> None:
    for language, description in (("", "Ihre Sitzungen"), ("en", "Your meetings")):
        commands = [{"command": "termine", "description": description}]
        await api.answer(server, Call("setMyCommands", {"commands": commands, "language_code": language}))
    people = [town.anna, town.carla]
    for person in people:
        await got(client, person, "chats")

    menus = [await got(client, person, f"commands?chat={person.id}") for person in people]

    assert [menu["commands"][0]["description"] for menu in menus] == ["Ihre Sitzungen", "Your meetings"]


@pytest.mark.parametrize(
    "path", ["messages", "messages?chat=x", "messages?chat=1&before=x", "commands", "changes?after=x"]
)
async def test_request_that_no_page_makes_is_refused(client: Client, town: Town, path: str) -> None:
    response = await client.get(f"/chat/api/{path}", headers=who(town.anna))

    assert await error(response) == (400, "bad_request")


# Sending


async def test_text_reaches_the_bot_and_comes_back(client: Client, town: Town, delivery: Delivery) -> None:
    sent = await posted(client, town.anna, "send", chat=town.anna.id, text=" /termine ", key="a")
    await delivery.drain()

    assert (sent["message"]["text"], sent["message"]["own"]) == ("/termine", True)
    assert [update["message"]["text"] for update in town.updates] == ["/termine"]
    assert town.updates[0]["message"]["from"]["id"] == town.anna.id


async def test_message_sent_again_with_its_key_is_one(client: Client, town: Town) -> None:
    first = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    again = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    other = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="b")
    bens = await posted(client, town.ben, "send", chat=town.ben.id, text="Hallo", key="a")

    assert [one["message"]["id"] for one in (first, again, other)] == [1, 1, 2]
    assert bens["message"]["chat"] == town.ben.id


@pytest.mark.parametrize("key", [{}, {"key": ""}, {"key": None}, {"key": 1}, {"key": "a b"}, {"key": "x" * 65}])
async def test_text_without_a_key_is_refused_and_no_second_one_is_lost(
    client: Client, town: Town, key: dict[str, object]
) -> None:
    answers = [
        await client.post("/chat/api/send", json={"chat": town.anna.id, "text": text, **key}, headers=who(town.anna))
        for text in ("Eins", "Zwei")
    ]

    assert [answer.status for answer in answers] == [400, 400]
    assert town.updates == []
    assert await WebchatMessage.all().count() == 0


async def test_key_is_known_after_a_restart(
    client: Client, town: Town, server: BotServer, delivery: Delivery, chat: ChatPage
) -> None:
    before = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    await delivery.drain()
    chat.server = BotServer(server.network, TOKEN, server.clock, options=server.options)
    restarted = Delivery(chat.server, town.remember)

    after = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    await restarted.drain()

    assert before["message"]["id"] == after["message"]["id"]
    assert len(town.updates) == 1


async def test_key_names_one_message_in_one_chat(client: Client, town: Town) -> None:
    await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")

    body = {"chat": GROUP, "text": "Hallo", "key": "a"}
    response = await client.post("/chat/api/send", json=body, headers=who(town.anna))

    assert await error(response) == (409, "refused")


OTHER = "Diese Nachricht ist nicht gesendet: Unter ihrem Schlüssel ist schon eine andere angekommen. Bitte noch einmal senden."


async def test_other_message_under_a_key_that_is_used_is_not_taken_for_the_first(client: Client, town: Town) -> None:
    await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    await client.post("/chat/api/send", data=file_form(town.anna.id, b"%PDF", key="b"), headers=who(town.anna))
    chat = town.anna.id
    others: list[dict[str, Any]] = [
        {"json": {"chat": chat, "text": "Hallo!", "key": "a"}},
        {"json": {"chat": chat, "text": "Zur Sitzung", "key": "b"}},
        {"data": file_form(chat, b"%PDF", key="a")},
        {"data": file_form(chat, b"%PDF-1.7", key="b")},
        {"data": file_form(chat, b"%PDF", name="Anlage.pdf", key="b")},
    ]

    answers = [await client.post("/chat/api/send", headers=who(town.anna), **other) for other in others]
    again = await client.post("/chat/api/send", headers=who(town.anna), data=file_form(chat, b"%PDF", key="b"))

    assert [answer.status for answer in answers] == [409] * 5
    assert await answers[0].json() == {"error": "other_message", "words": OTHER}
    assert again.status == 200
    assert len(town.updates) == 2


async def test_message_that_was_edited_since_is_still_the_one_that_its_key_names(
    client: Client, town: Town, server: BotServer
) -> None:
    sent = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    await telegram_client.edits(server, rooms.user_of(town.anna), town.anna.id, sent["message"]["id"], "Guten Tag")

    again = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")

    assert again["message"]["id"] == sent["message"]["id"]


async def test_two_tries_at_once_are_one_message(client: Client, town: Town, delivery: Delivery) -> None:
    sent = await asyncio.gather(
        *(posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a") for _ in range(3))
    )
    await delivery.drain()

    assert [one["message"]["id"] for one in sent] == [1, 1, 1]
    assert len(town.updates) == 1


async def test_what_is_kept_is_acknowledged_whatever_becomes_of_it(
    client: Client, town: Town, server: BotServer, delivery: Delivery
) -> None:
    async def fail(_update: Json) -> None:
        raise ConnectionError

    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Kommen Sie?", reply_markup=YES)
    delivery.take = fail

    text = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    form = file_form(town.anna.id, b"%PDF", key="b")
    file = await client.post("/chat/api/send", data=form, headers=who(town.anna))
    press = await posted(client, town.anna, "press", chat=town.anna.id, message=message, data="yes")

    await delivery.drain()
    delivery.take = town.remember
    await delivery.catch_up()
    assert (text["message"]["text"], file.status, press["answer"]) == ("Hallo", 200, None)
    assert [next(iter(update.keys() - {"update_id"})) for update in town.updates] == [
        "message",
        "message",
        "callback_query",
    ]


async def test_what_cannot_be_read_back_is_acknowledged_all_the_same(
    client: Client, town: Town, server: BotServer, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Kommen Sie?", reply_markup=YES)

    async def away(*_arguments: object, **_more: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(reading, "message", away)
    monkeypatch.setattr(reading, "answer_of", away)

    text = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    press = await posted(client, town.anna, "press", chat=town.anna.id, message=message, data="yes")
    await delivery.drain()

    assert (text, press["answer"]) == ({"message": None}, None)
    assert len(town.updates) == 2


@pytest.mark.only_on("sqlite")
async def test_what_cannot_be_kept_is_not_acknowledged_and_not_there(
    client: Client, town: Town, delivery: Delivery, store: str
) -> None:
    await got(client, town.anna, "chats")
    await db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(f"{db.sqlite_path(store)}", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    body = {"chat": town.anna.id, "text": "Hallo", "key": "a"}

    locked = await client.post("/chat/api/send", json=body, headers=who(town.anna))
    other.execute("ROLLBACK")
    other.close()
    kept = await WebchatMessage.all().count()
    free = await client.post("/chat/api/send", json=body, headers=who(town.anna))
    await delivery.drain()

    assert (locked.status, kept, free.status) == (500, 0, 200)
    assert await WebchatMessage.all().count() == len(town.updates) == 1


# How much somebody may send


async def told_to_wait(response: ClientResponse) -> tuple[int, str, str]:
    said = await response.json()
    return response.status, response.headers["Retry-After"], said["words"]


async def test_thirty_first_text_within_a_minute_waits(client: Client, town: Town, clock: Clock) -> None:
    for number in range(30):
        await posted(client, town.anna, "send", chat=town.anna.id, text=f"{number}", key=f"{number}")
    body = {"chat": GROUP, "text": "Noch etwas", "key": "a"}

    refused = await client.post("/chat/api/send", json=body, headers=who(town.anna))
    again = await posted(client, town.anna, "send", chat=town.anna.id, text="29", key="29")
    bens = await posted(client, town.ben, "send", chat=GROUP, text="Hallo", key="a")
    clock.passes(minutes=1)
    later = await posted(client, town.anna, "send", **body)

    assert await told_to_wait(refused) == (
        429,
        "60",
        "Das waren sehr viele Nachrichten in kurzer Zeit. In 1 Min. geht es weiter; was geschrieben ist, bleibt stehen.",
    )
    assert (again["message"]["text"], bens["message"]["text"]) == ("29", "Hallo")
    assert later["message"]["text"] == "Noch etwas"


async def sent_before(town: Town, delivery: Delivery, times: int, clock: Clock, **apart: float) -> None:
    """Carla has written that often, the last time just now."""
    user = rooms.user_of(town.carla)
    for _ in range(times):
        clock.passes(**apart)
        await people.writes(delivery.server, user, user.id, "Hallo")
    await delivery.drain()


async def test_three_hundred_and_first_text_within_an_hour_waits_after_a_restart_too(
    client: Client, town: Town, delivery: Delivery, clock: Clock
) -> None:
    await sent_before(town, delivery, 300, clock, seconds=10)
    body = {"chat": town.carla.id, "text": "Hallo", "key": "a"}

    refused = await client.post("/chat/api/send", json=body, headers=who(town.carla))

    assert await told_to_wait(refused) == (
        429,
        str(11 * 60),
        "That was a lot of messages in a short time. You can go on in 11 min; what you have written stays here.",
    )


async def test_sixty_first_press_within_a_minute_waits(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Kommen Sie?", reply_markup=YES)
    for _ in range(60):
        await people.presses(server, rooms.user_of(town.anna), town.anna.id, message, "yes")

    body = {"chat": town.anna.id, "message": message, "data": "yes"}
    refused = await client.post("/chat/api/press", json=body, headers=who(town.anna))

    assert await told_to_wait(refused) == (
        429,
        "60",
        "Das waren sehr viele Knopfdrücke in kurzer Zeit. In 1 Min. geht es weiter.",
    )
    assert await WebchatPress.all().count() == 60


async def test_thirty_first_file_of_a_day_waits(client: Client, town: Town, server: BotServer, clock: Clock) -> None:
    for _ in range(30):
        clock.passes(minutes=10)
        await people.sends_file(server, rooms.user_of(town.anna), town.anna.id, "a.pdf", "application/pdf", b"%PDF")

    refused = await client.post("/chat/api/send", data=file_form(town.anna.id, b"%PDF"), headers=who(town.anna))
    text = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="b")

    assert await told_to_wait(refused) == (
        429,
        str((24 * 60 - 290) * 60),
        (
            "Mehr als 30 Dateien an einem Tag nimmt Faden von einer Person nicht auf. In 19 Std. 10 Min. geht es weiter; "
            "was gewählt ist, bleibt stehen."
        ),
    )
    assert text["message"]["text"] == "Hallo"


async def test_file_that_has_no_room_is_refused_and_room_comes_back_with_a_deleted_message(
    client: Client, town: Town, server: BotServer, chat: ChatPage
) -> None:
    chat.file_bytes = 2 * MEGABYTE
    form = file_form(town.anna.id, b"x" * MEGABYTE)
    first = await (await client.post("/chat/api/send", data=form, headers=who(town.anna))).json()

    def larger() -> FormData:
        return file_form(town.anna.id, b"x" * (MEGABYTE + 1), key="b")

    refused = await client.post("/chat/api/send", data=larger(), headers=who(town.anna))
    bens = await client.post("/chat/api/send", data=file_form(GROUP, b"x" * 2 * MEGABYTE), headers=who(town.ben))
    await api.answer(server, Call("deleteMessage", {"chat_id": town.anna.id, "message_id": first["message"]["id"]}))
    after = await client.post("/chat/api/send", data=larger(), headers=who(town.anna))

    said = await refused.json()
    assert (refused.status, said["error"]) == (413, "files_too_large")
    assert said["words"].startswith("Diese Datei hat keinen Platz mehr: Alle Dateien einer Person zusammen dürfen 2 MB")
    assert (bens.status, after.status) == (200, 200)


@pytest.mark.only_on("sqlite")  # it says in words how it finds rows
async def test_counting_goes_by_the_index_that_is_there_for_it(
    town: Town, delivery: Delivery, clock: Clock, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await sent_before(town, delivery, 1, clock)
    [user] = await WebchatUser.all()
    bounds = Bounds(now=clock(), file_bytes=MEGABYTE)

    with statements() as counted:
        await bounds.text(user)
        await bounds.file(user, 1)
        await bounds.press(user)

    plans = [await db.execute(f"EXPLAIN QUERY PLAN {said.replace('?', '1')}") for said in counted.statements]
    assert [step["detail"] for plan in plans for step in plan if step["detail"].startswith("SCAN")] == []
    assert len(plans) == 4


@pytest.mark.parametrize("file", [b"", b"%PDF"])
async def test_form_of_more_parts_than_a_page_sends_is_refused(client: Client, town: Town, file: bytes) -> None:
    form = FormData({f"field{number}": "x" for number in range(20)}, default_to_multipart=True)
    form.add_field("chat", str(town.anna.id))
    form.add_field("file", io.BytesIO(file), filename="a.pdf")

    response = await client.post("/chat/api/send", data=form, headers=who(town.anna))

    assert await error(response) == (400, "bad_request")


async def test_text_of_more_than_a_field_is_too_big(client: Client, town: Town) -> None:
    body = {"chat": town.anna.id, "text": "x" * 70_000, "key": "a"}

    response = await client.post("/chat/api/send", json=body, headers=who(town.anna))

    assert await error(response) == (413, "too_big")


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097])
async def test_text_that_no_message_can_have_is_refused_and_may_be_corrected(
    client: Client, town: Town, text: str
) -> None:
    body = {"chat": town.anna.id, "text": text, "key": "a"}
    response = await client.post("/chat/api/send", json=body, headers=who(town.anna))
    corrected = await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")

    assert await error(response) == (409, "refused")
    assert corrected["message"]["text"] == "Hallo"


@pytest.mark.parametrize("body", ["", "[]", "{", '{"chat": "x"}'])
async def test_body_that_is_none_is_refused(client: Client, town: Town, body: str) -> None:
    headers = {**who(town.anna), "Content-Type": "application/json"}

    assert await error(await client.post("/chat/api/send", data=body, headers=headers)) == (400, "bad_request")


def file_form(
    chat_id: int, content: bytes, name: str = "Konzept.pdf", mime: str = "application/pdf", key: str = "a"
) -> FormData:
    form = FormData(quote_fields=False)
    form.add_field("chat", str(chat_id))
    form.add_field("key", key)
    form.add_field("caption", "Zur Sitzung")
    form.add_field("file", io.BytesIO(content), filename=name, content_type=mime)
    return form


async def test_file_reaches_the_bot_and_whoever_sees_its_message(client: Client, town: Town) -> None:
    form = file_form(GROUP, b"%PDF", name="Eigenes/Konzept %22Kita%22; März.pdf")
    sent = await (await client.post("/chat/api/send", data=form, headers=who(town.ben))).json()
    file_id = sent["message"]["file"]["id"]

    answers = [await client.get(f"/chat/file/{file_id}", headers=who(one)) for one in (town.anna, town.carla)]

    assert sent["message"]["file"] == {"id": file_id, "name": 'Konzept "Kita"; März.pdf', "size": 4}
    assert sent["message"]["text"] == "Zur Sitzung"
    assert [answer.status for answer in answers] == [200, 404]
    assert await answers[0].read() == b"%PDF"
    assert answers[0].headers["Content-Disposition"] == (
        "attachment; filename=\"Konzept _Kita_; M_rz.pdf\"; filename*=UTF-8''Konzept%20%22Kita%22%3B%20M%C3%A4rz.pdf"
    )
    assert answers[0].headers["X-Content-Type-Options"] == "nosniff"
    assert answers[0].content_type == "application/pdf"


async def test_file_of_a_deleted_message_is_gone(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    file = {"document": Upload("a.ics", "nonsense\r\nX: y", b"BEGIN")}
    await api.answer(server, Call("sendDocument", {"chat_id": town.anna.id}, file))
    [message] = (await got(client, town.anna, f"messages?chat={town.anna.id}"))["messages"]
    before = await client.get(f"/chat/file/{message['file']['id']}", headers=who(town.anna))

    await api.answer(server, Call("deleteMessage", {"chat_id": town.anna.id, "message_id": 1}))
    after = await client.get(f"/chat/file/{message['file']['id']}", headers=who(town.anna))

    assert (before.status, before.content_type) == (200, "application/octet-stream")
    assert await error(after) == (404, "not_found")


async def test_file_up_to_20_megabytes_is_taken(client: Client, town: Town) -> None:
    largest = await client.post(
        "/chat/api/send", data=file_form(town.anna.id, b"x" * FILE_BYTES), headers=who(town.anna)
    )
    larger = await client.post(
        "/chat/api/send", data=file_form(town.anna.id, b"x" * (FILE_BYTES + 1)), headers=who(town.anna)
    )

    kept = (await largest.json())["message"]["file"]
    fetched = await client.get(f"/chat/file/{kept['id']}", headers=who(town.anna))
    assert len(await fetched.read()) == kept["size"] == FILE_BYTES
    assert await error(larger) == (413, "too_big")


async def test_form_without_content_is_refused(client: Client, town: Town) -> None:
    empty = await client.post("/chat/api/send", data=file_form(town.anna.id, b""), headers=who(town.anna))
    fields = FormData({"chat": str(town.anna.id)}, default_to_multipart=True)
    none = await client.post("/chat/api/send", data=fields, headers=who(town.anna))

    assert await error(empty) == (400, "empty_file")
    assert await error(none) == (400, "bad_request")


# Pressing


async def test_answer_in_time_comes_with_the_press(
    client: Client, chat: ChatPage, town: Town, server: BotServer, delivery: Delivery
) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Kommen Sie?", reply_markup=YES)
    chat.press_seconds = 10

    async def answer(update: Json) -> None:
        query = update["callback_query"]["id"]
        asyncio.get_running_loop().create_task(
            api.answer(server, Call("answerCallbackQuery", {"callback_query_id": query, "text": "Notiert"}))
        ).add_done_callback(answers.append)

    answers: list[object] = []
    delivery.take = answer

    pressed = await posted(client, town.anna, "press", chat=town.anna.id, message=message, data="yes")

    assert (pressed["answer"]["text"], pressed["answer"]["message_id"]) == ("Notiert", message)
    assert pressed["answer"]["callback_query_id"] == pressed["query"]
    assert len(answers) == 1


async def test_answer_that_comes_late_comes_through_the_stream(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Kommen Sie?", reply_markup=YES)
    stream = await listening(client, town.anna)
    await stream.next()

    pressed = await posted(client, town.anna, "press", chat=town.anna.id, message=message, data="yes")
    await api.answer(server, Call("answerCallbackQuery", {"callback_query_id": pressed["query"], "text": "Notiert"}))

    assert pressed["answer"] is None
    _, news = await stream.next()
    assert [(one["callback_query_id"], one["text"]) for one in news["answers"]] == [(pressed["query"], "Notiert")]


async def test_press_on_what_is_not_there_is_refused(client: Client, town: Town) -> None:
    await posted(client, town.anna, "send", chat=town.anna.id, text="Hallo", key="a")
    body = {"chat": town.anna.id, "message": 1, "data": "yes"}

    response = await client.post("/chat/api/press", json=body, headers=who(town.anna))

    assert await error(response) == (409, "refused")
    assert await WebchatPress.all().count() == 0


# The stream


async def test_stream_goes_on_where_the_page_was(client: Client, town: Town, server: BotServer) -> None:
    number = (await got(client, town.anna, "chats"))["number"]
    await bot_says(server, town.anna.id, "Eins")
    stream = await listening(client, town.anna, number)
    name, news = await stream.next()
    await bot_says(server, town.anna.id, "Zwei")

    again = await listening(client, town.anna, number, **{"Last-Event-ID": stream.last_id})
    _, later = await again.next()

    assert (name, [one["text"] for one in news["messages"]]) == ("news", ["Eins"])
    assert [one["text"] for one in later["messages"]] == ["Zwei"]
    assert later["chats"][0]["unread"] == 2


async def test_stream_tells_of_edits_deletions_and_typing(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id, "Eins")
    place = {"chat_id": town.anna.id, "message_id": message}
    stream = await listening(client, town.anna)
    await stream.next()

    await api.answer(server, Call("editMessageText", {**place, "text": "Zwei"}))
    _, edited = await stream.next()
    await api.answer(server, Call("sendChatAction", {"chat_id": town.anna.id, "action": "typing"}))
    _, typing = await stream.next()
    await api.answer(server, Call("deleteMessage", place))
    _, deleted = await stream.next()

    assert [one["text"] for one in edited["messages"]] == ["Zwei"]
    assert typing["typing"] == [town.anna.id]
    assert [(one["id"], one["deleted"]) for one in deleted["messages"]] == [(message, True)]


async def test_stream_tells_nothing_of_a_group_once_the_seat_has_ended(
    client: Client, town: Town, server: BotServer
) -> None:
    await got(client, town.anna, "chats")
    stream = await listening(client, town.anna)
    await stream.next()
    await Membership.filter(person=town.anna).update(ends_on=date(2026, 11, 17))

    await bot_says(server, GROUP, "Geheim")
    _, news = await stream.next()

    assert news["messages"] == []
    assert [one["id"] for one in news["chats"]] == [town.anna.id]


async def test_what_was_read_is_told_to_the_persons_other_windows(
    client: Client, town: Town, server: BotServer
) -> None:
    await got(client, town.anna, "chats")
    message = await bot_says(server, town.anna.id)
    stream = await listening(client, town.anna)
    _, before = await stream.next()

    response = await client.post(
        "/chat/api/read", json={"chat": town.anna.id, "message": message}, headers=who(town.anna)
    )
    _, after = await stream.next()

    assert response.status == 204
    assert [one["chats"][0]["unread"] for one in (before, after)] == [1, 0]


async def test_silent_stream_beats(client: Client, chat: ChatPage, town: Town) -> None:
    chat.heartbeat_seconds = 0.01
    stream = await listening(client, town.anna)

    names = [(await stream.next())[0] for _ in range(4)]

    assert sorted(set(names)) == ["beat", "news"]


async def test_stream_ends_with_the_session(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    stream = await listening(client, town.anna)
    await stream.next()
    town.signed_in = False

    await bot_says(server, town.anna.id, "Geheim")

    assert await stream.next() == ("signed_out", None)
    assert await stream.is_over()


async def test_silent_stream_ends_with_the_session_too(client: Client, chat: ChatPage, town: Town) -> None:
    stream, bens = await listening(client, town.anna), await listening(client, town.ben)
    for one in (stream, bens):
        await one.next()
    await chat.end_signed_out()
    town.signed_in = False

    await chat.end_signed_out()

    assert await stream.next() == await bens.next() == ("signed_out", None)
    assert await stream.is_over()


async def test_stream_ends_when_the_person_leaves(client: Client, town: Town, server: BotServer) -> None:
    await got(client, town.anna, "chats")
    stream = await listening(client, town.anna)
    await stream.next()
    await Person.filter(id=town.anna.id).update(left_at=town.clock())

    await bot_says(server, town.anna.id, "Geheim")

    assert await stream.next() == ("signed_out", None)


async def test_one_stream_too_many_ends_the_oldest(client: Client, chat: ChatPage, town: Town) -> None:
    chat.hub.most = 2
    streams = [await listening(client, town.anna) for _ in range(2)]
    bens = await listening(client, town.ben)
    for stream in [*streams, bens]:
        await stream.next()

    await listening(client, town.anna)

    assert await streams[0].next() == ("elsewhere", None)
    assert await streams[0].is_over()
    chat.hub.end()
    assert [await stream.next() for stream in (streams[1], bens)] == [("restart", None)] * 2


async def test_stream_is_forgotten_when_the_page_is_closed(client: Client, chat: ChatPage, town: Town) -> None:
    chat.heartbeat_seconds = 0.01
    response = await client.get("/chat/api/changes", headers=who(town.anna))
    response.close()

    async with asyncio.timeout(10):
        while chat.hub.listeners:  # noqa: ASYNC110  # the page tells nobody that it has noticed
            await asyncio.sleep(0.01)

    assert chat.hub.listeners == []


class HungUp(AbstractStreamWriter):
    """The connection of a page that has gone before it was answered."""

    async def write_headers(self, status_line: str, headers: CIMultiDict[str]) -> None:  # noqa: ARG002  # nobody hears it
        raise ClientConnectionResetError("Cannot write to closing transport")

    async def write(self, chunk: object) -> None: ...

    async def write_eof(self, chunk: bytes = b"") -> None: ...

    async def drain(self) -> None: ...

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None: ...

    def enable_chunking(self) -> None: ...


async def test_page_that_hangs_up_before_its_stream_has_begun_is_no_failure(chat: ChatPage, town: Town) -> None:
    request = make_mocked_request("GET", "/chat/api/changes", writer=HungUp())
    request["person"] = town.anna

    await chat.changes(request)

    assert chat.hub.listeners == []


# The list costs the same, however long it is


@pytest.mark.parametrize("groups", [1, 3])
async def test_list_of_chats_costs_the_same_for_one_and_three_groups(
    client: Client,
    town: Town,
    server: BotServer,
    statements: Callable[[], AbstractContextManager[Counted]],
    groups: int,
) -> None:
    for number in range(2, groups + 1):
        body = await Body.create(code=f"AG{number}", name=f"AG {number}", kind=BodyKind.WORKING_GROUP)
        await Membership.create(body=body, person=town.anna, role=Role.MEMBER, begins_on=date(2026, 1, 1))
        await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=-number, linked_at=town.clock())
    await got(client, town.anna, "chats")
    for number in range(1, groups + 1):
        await bot_says(server, -number)

    with statements() as counted:
        found = await got(client, town.anna, "chats")

    assert [one["unread"] for one in found["chats"]] == [0] + [1] * groups
    assert len(counted.statements) == 8
    assert counted.commits == 0


def test_every_word_of_the_page_is_known_to_its_script() -> None:
    text = messages.page(
        "chat",
        {
            "town": "",
            "trial": False,
            "clock": datetime(2026, 11, 18, tzinfo=UTC),
            "stylesheet": "",
            "icon": "",
            "person": 1,
            "name": "",
            "initials": "",
            "start": "",
            "script": "",
            "style": "",
        },
        Voice(),
    )
    facts = json.loads(text.split('id="facts">')[1].split("</script>")[0])
    scripts = "".join(path.read_text() for path in chat_page.STATIC.glob("*.js"))

    assert [word for word in facts["words"] if f"words.{word}" not in scripts] == []


async def test_rows_of_a_first_visit_are_made_once(client: Client, town: Town) -> None:
    await asyncio.gather(*(got(client, town.anna, "chats") for _ in range(3)))

    assert await WebchatMember.all().count() == 1
    assert await WebchatMessage.all().count() == 0
