"""Faden's chat side with a stubbed wire: raw updates in, answers out into nothing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telegram.ext import ExtBot
from telegram.request import BaseRequest, RequestData

from bot import handlers
from bot.actions.people import importing
from bot.handlers.context import Desk as ChatDesk
from bot.handlers.context import Town
from bot.inbox import Inbox
from bot.post import Post, PostSettings
from bot.rules import townfile
from storage.models import Body, Channel, Membership, Person
from storage.vocabulary import Network
from tests.bench.measure import TOWN, system_now

TOKEN = "1:a-token-for-the-stubbed-wire"  # no secret
ME = {"id": 1, "is_bot": True, "first_name": "Faden", "username": "FadenBot"}


@dataclass
class StubbedWire(BaseRequest):
    """Answers everything at once with what Telegram would say, perhaps after a round trip; `sent` counts messages per chat."""

    round_trip: float = 0.0
    sent: list[tuple[int, str]] = field(default_factory=list)
    when_sent: Callable[[int, str], None] = lambda _chat, _text: None

    @property
    def read_timeout(self) -> float:
        return 5.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(  # noqa: PLR0917  # the signature is the library's
        self,
        url: str,
        method: str,  # noqa: ARG002  # a stub answers alike
        request_data: RequestData | None = None,
        read_timeout: object = None,  # noqa: ARG002  # nothing waits here
        write_timeout: object = None,  # noqa: ARG002  # nothing waits here
        connect_timeout: object = None,  # noqa: ARG002  # nothing waits here
        pool_timeout: object = None,  # noqa: ARG002  # nothing waits here
    ) -> tuple[int, bytes]:
        if self.round_trip:
            await asyncio.sleep(self.round_trip)
        parameters = request_data.parameters if request_data else {}
        if url.endswith("/getMe"):
            return _said(ME)
        if "chat_id" in parameters and "text" in parameters:
            chat = int(str(parameters["chat_id"]))
            self.sent.append((chat, str(parameters["text"])))
            self.when_sent(chat, str(parameters["text"]))
            return _said(
                {"message_id": len(self.sent), "date": 0, "chat": {"id": chat, "type": "private"}, "text": "."}
            )
        return _said(True)  # noqa: FBT003  # the Bot API's own answer


def _said(result: object) -> tuple[int, bytes]:
    return 200, json.dumps({"ok": True, "result": result}).encode()


@dataclass
class Desk:
    """What a benchmark needs of Faden."""

    wire: StubbedWire
    inbox: Inbox
    post: Post
    application: ChatDesk
    members: list[int]
    body: str
    _number: int = 0

    def update(self, text: str, person: int) -> dict[str, Any]:
        """A private message as it comes over the wire."""
        self._number += 1
        user = {"id": person, "is_bot": False, "first_name": "Anna", "language_code": "de"}
        entities = (
            [{"type": "bot_command", "offset": 0, "length": len(text.split(" ", maxsplit=1)[0])}]
            if text.startswith("/")
            else []
        )
        message = {
            "message_id": self._number,
            "date": 1_790_000_000,
            "chat": {"id": person, "type": "private", "first_name": "Anna"},
            "from": user,
            "text": text,
            "entities": entities,
        }
        return {"update_id": self._number, "message": message}


async def set_up(*, round_trip: float = 0.0, chats: int = 25) -> Desk:
    """A desk on an open, empty, migrated store with the sample town, and so many people in one of its bodies."""
    now = system_now()
    await importing.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=now)
    body = await Body.get(code="RLK")
    await Body.all().update(level=3)
    for number in range(chats):
        person = await Person.create(key=f"bench{number}", given_name="Anna", family_name=f"Muster{number}")
        await Membership.create(body=body, person=person, role="member", begins_on=now.date())
        await Channel.create(person=person, network=Network.TELEGRAM, address=str(person.id), linked_at=now)
    wire = StubbedWire(round_trip=round_trip)
    bot = ExtBot(token=TOKEN, request=wire, get_updates_request=wire)
    town = Town(
        zone="Europe/Berlin",
        land="BY",
        host="faden.example.org",
        area_label="Sozialraum",
        mailbox="faden@faden.example.org",
        key=b"k" * 32,
    )
    application = handlers.application(bot, town)
    await application.initialize()

    async def no_link(_link: object, _person: int) -> str:
        return "https://faden.example.org/"

    post = Post(
        bots={Network.TELEGRAM: bot},
        mailer=None,
        voices=PostSettings(base_url="https://faden.example.org", mailbox="faden@example.org", land="BY"),
        domain_now=system_now,
        machine_now=system_now,
        one_time_link=no_link,
        feed_link=no_link,
        answer_link=no_link,
        pacers={},  # Telegram's limits have a benchmark of their own
    )
    inbox = Inbox(
        applications={Network.TELEGRAM: application},
        hand_over=post.hand_over,
        domain_now=system_now,
        machine_now=system_now,
    )
    members = [person.id for person in await Person.filter(key__startswith="bench")]
    return Desk(wire=wire, inbox=inbox, post=post, application=application, members=members, body=body.code)
