"""An agenda of 60 items as a page, whole way, against a bare handler that shows 60 rows by the library; and /hilfe against a hand-in."""

import asyncio
import tempfile
from datetime import timedelta

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from bot.actions import meetings, preferences, sessions
from bot.web import routes
from bot.web.middlewares import SESSION_COOKIE
from bot.web.settings import WebSettings
from storage import db
from storage.migrate import migrate
from storage.models import AgendaItem, Body, Person
from storage.vocabulary import ItemState, MeetingFormat, Network, Purpose
from tests.bench.desk import Desk, set_up
from tests.bench.feed import serve
from tests.bench.measure import Figure, paired, system_now

ITEMS = 60
REQUESTS = 5  # short rounds, and many: the medians shall not know of the machine's bad moments
UPDATES = 10
ROUNDS = 21


async def bench() -> list[Figure]:
    """On SQLite."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/bench.sqlite3"
        await migrate(url, backup_dir=None)
        await db.open_store(url)
        try:
            desk = await set_up()
            return [await _help(desk), await _agenda(desk.members)]
        finally:
            await db.close_store()


async def _help(desk: Desk) -> Figure:
    async def all_at_once(*texts: str) -> None:
        updates = [desk.update(text, desk.members[number]) for number, text in enumerate(texts)]
        await asyncio.gather(*(desk.inbox.receive(Network.TELEGRAM, update) for update in updates))
        await desk.inbox.drain()

    hand_in, help_ = await paired(
        lambda: all_at_once(*[f"/top {desk.body}: Ferienprogramm, Beschluss, 20 min"] * UPDATES),
        lambda: all_at_once(*["/hilfe"] * UPDATES),
        rounds=ROUNDS,
    )
    return Figure(name="/hilfe / hand in an item by one line", value=help_ / hand_in, bar=0.8, aim=0.5, at_least=False)


async def _agenda(people: list[int]) -> Figure:
    chair = await Person.get(memberships__body__code="RLK", memberships__role="chair")
    body = await Body.get(code="RLK")
    now = system_now()
    plan = meetings.Plan(
        starts=(now + timedelta(days=30)).replace(tzinfo=None, second=0, microsecond=0),
        minutes=90,
        format=MeetingFormat.PRESENCE,
    )

    async def scheduled() -> int:
        made = await meetings.schedule(by=chair, body=body.id, plan=plan, host="faden.example.org", now=now)
        return int(made["meeting"]["id"])

    meeting = await db.unit_of_work(scheduled)
    items = [
        AgendaItem(
            body_id=body.id,
            meeting_id=meeting,
            position=number,
            title=f"Thema {number}",
            purpose=Purpose.DECISION,
            minutes=10,
            state=ItemState.ACCEPTED,
            submitted_by_id=people[number % len(people)],
            created_at=now,
        )
        for number in range(ITEMS)
    ]
    await AgendaItem.bulk_create(items)
    token = await db.unit_of_work(lambda: sessions.begin(person=chair.id, label="Firefox", now=now))
    ours = routes.application(
        WebSettings(public_url="http://127.0.0.1", town="Lindental", key=b"k" * 32, mailbox="faden@example.org"),
        change_preferences=preferences.change,
        domain_now=system_now,
        machine_now=system_now,
        wake=lambda: None,
        registry=CollectorRegistry(),
        readiness={},
        clock_moved=lambda _offset: None,
    )

    async def table(_request: web.Request) -> web.Response:
        rows = await AgendaItem.filter(meeting_id=meeting).order_by("position")
        cells = "".join(f"<tr><td>{row.position}</td><td>{row.title}</td><td>{row.minutes}</td></tr>" for row in rows)
        return web.Response(text=f"<table>{cells}</table>", content_type="text/html")

    bare = web.Application()
    bare.router.add_get("/", table)
    our_runner, our_address = await serve(ours)
    bare_runner, bare_address = await serve(bare)
    async with aiohttp.ClientSession(headers={"Accept": "text/html", "Cookie": f"{SESSION_COOKIE}={token}"}) as client:

        async def read(address: str) -> None:
            for _ in range(REQUESTS):
                async with client.get(address) as answer:
                    assert answer.status == 200
                    assert f"Thema {ITEMS - 1}" in await answer.text()

        floor, page = await paired(
            lambda: read(f"{bare_address}/"),
            lambda: read(f"{our_address}/sitzung/{meeting}/tagesordnung"),
            rounds=ROUNDS,
        )
    await asyncio.gather(our_runner.cleanup(), bare_runner.cleanup())
    return Figure(
        name=f"page with an agenda of {ITEMS} items / table of {ITEMS} rows",
        value=page / floor,
        bar=10,
        aim=6,
        at_least=False,
    )
