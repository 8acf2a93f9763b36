"""The page of an agenda with 60 items against a page of 60 rows by the ORM, and the help against handing in an item."""

import asyncio
import tempfile
from datetime import timedelta

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.rules import tokens
from bot.web.middlewares import SESSION_COOKIE
from storage import db
from storage.migrate import migrate
from storage.models import AgendaItem, Body, Meeting, Person, WebSession
from storage.vocabulary import ItemState, Network, Purpose
from tests.bench import towns
from tests.bench.desk import set_up
from tests.bench.flat import NOW, TOKEN, visiting
from tests.bench.measure import Figure, paired
from tests.bench.towns import SMALL

ITEMS = 60
PAGES = 3  # in a round
UPDATES = 10
ROUNDS = 15


async def _sixty(meeting: int, body: int) -> None:
    """The meeting has so many items that are accepted, each of somebody else."""
    first = await AgendaItem.filter(meeting_id=meeting).first()
    assert first is not None
    async with db.transaction():
        await AgendaItem.filter(meeting_id=meeting).update(meeting_id=None)
        await AgendaItem.bulk_create(
            [
                AgendaItem(
                    body_id=body,
                    meeting_id=meeting,
                    position=number,
                    title=f"Ferienprogramm {number}",
                    purpose=Purpose.DECISION,
                    minutes=10,
                    proposal=first.proposal,
                    state=ItemState.ACCEPTED,
                    submitted_by_id=number,
                    created_at=first.created_at,
                )
                for number in range(1, ITEMS + 1)
            ]
        )


async def _page(url: str) -> Figure:
    town = await towns.build(url, SMALL, now=NOW)
    async with visiting(url) as visit:
        body = await Body.get(code=town.led)
        meeting = await Meeting.filter(body_id=body.id, invited_at__isnull=False).order_by("-starts_at").first()
        assert meeting is not None
        await _sixty(meeting.id, body.id)
        now = visit.clock()
        hashed, ends = tokens.hashed(TOKEN), now + timedelta(days=30)
        async with db.transaction():
            person = await Person.get(id=town.chair)
            await WebSession.create(
                token_hash=hashed, person=person, label="", created_at=now, seen_at=now, expires_at=ends
            )

        async def rows(_request: web.Request) -> web.Response:
            items = await AgendaItem.filter(meeting_id=meeting.id).order_by("position")
            shown = "".join(f"<li>{item.title} ({item.minutes} min): {item.proposal}</li>" for item in items)
            return web.Response(text=f"<ol>{shown}</ol>", content_type="text/html")

        bare = web.Application()
        bare.router.add_get("/", rows)
        async with TestClient(TestServer(bare)) as floor, TestClient(TestServer(visit.faden.application)) as browser:

            async def asked(client: "TestClient[web.Request, web.Application]", path: str) -> None:
                for _ in range(PAGES):
                    async with client.get(path, headers={"Cookie": f"{SESSION_COOKIE}={TOKEN}"}) as answer:
                        text = await answer.text()
                        assert text.count("Ferienprogramm") >= ITEMS, answer.status

            ours, bare_seconds = await paired(
                lambda: asked(browser, f"/sitzung/{meeting.id}/tagesordnung"), lambda: asked(floor, "/"), rounds=ROUNDS
            )
    return Figure(
        name="agenda page of 60 items / 60 rows by the ORM",
        value=ours / bare_seconds,
        bar=10.0,
        aim=6.0,
        at_least=False,
    )


async def _help(url: str) -> Figure:
    await migrate(url, backup_dir=None)
    await db.open_store(url)
    try:
        desk = await set_up()

        async def written(text: str) -> None:
            before = len(desk.wire.sent)
            updates = [desk.update(text, desk.members[number % len(desk.members)]) for number in range(UPDATES)]
            await asyncio.gather(*(desk.inbox.receive(Network.TELEGRAM, update) for update in updates))
            await desk.inbox.drain()
            assert len(desk.wire.sent) - before == UPDATES, "an update was not answered"

        asked, handed_in = await paired(
            lambda: written("/hilfe"),
            lambda: written(f"/top {desk.body}: Ferienprogramm, Beschluss, 20 min"),
            rounds=ROUNDS,
        )
    finally:
        await db.close_store()
    return Figure(name="/hilfe / handing in an item", value=asked / handed_in, bar=0.8, aim=0.5, at_least=False)


async def bench() -> list[Figure]:
    """On SQLite."""
    with tempfile.TemporaryDirectory() as directory:
        page = await _page(f"sqlite:///{directory}/town.sqlite3")
        return [page, await _help(f"sqlite:///{directory}/desk.sqlite3")]
