"""A calendar feed that has not changed (304), with the right checked at each request, against a bare aiohttp handler."""

import asyncio
import tempfile
from datetime import timedelta

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from bot.actions import feeds
from bot.actions.accounts import preferences
from bot.actions.people import importing
from bot.rules import townfile
from bot.rules.limits import Rate
from bot.web import routes
from bot.web.limits import Limit
from bot.web.settings import LIMITS, Limits, WebSettings
from storage import db
from storage.migrate import migrate
from storage.models import Person
from tests.bench.measure import TOWN, Figure, paired, system_now

KEY = b"k" * 32
REQUESTS = 300


async def serve(application: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def bench() -> list[Figure]:
    """Both servers in this process, one client."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/bench.sqlite3"
        await migrate(url, backup_dir=None)
        await db.open_store(url)
        try:
            return [await _measured()]
        finally:
            await db.close_store()


async def _measured() -> Figure:
    await importing.import_town(townfile.parse(TOWN.read_text(), TOWN.name), zone="Europe/Berlin", now=system_now())
    person = await Person.first()
    assert person is not None
    secret = await feeds.secret_link(person=person, key=KEY, now=system_now())
    ours = routes.application(
        WebSettings(public_url="http://127.0.0.1", town="Lindental", key=KEY, mailbox="faden@example.org"),
        change_preferences=preferences.change,
        domain_now=system_now,
        machine_now=system_now,
        wake=lambda: None,
        registry=CollectorRegistry(),
        readiness={},
        clock_moved=lambda _offset: None,
    )
    ours[LIMITS] = Limits(feed=Limit(Rate(10**9, timedelta(minutes=1))))

    async def nothing(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    bare = web.Application()
    bare.router.add_get("/", nothing)
    our_runner, our_address = await serve(ours)
    bare_runner, bare_address = await serve(bare)
    async with aiohttp.ClientSession() as client:
        feed_address = f"{our_address}/kalender/{secret}.ics"
        async with client.get(feed_address) as first:
            assert first.status == 200, first.status
            etag = first.headers["ETag"]

        async def floor() -> None:
            for _ in range(REQUESTS):
                async with client.get(f"{bare_address}/") as answer:
                    assert answer.status == 200

        async def unchanged() -> None:
            for _ in range(REQUESTS):
                async with client.get(feed_address, headers={"If-None-Match": etag}) as answer:
                    assert answer.status == 304

        bare_seconds, feed_seconds = await paired(floor, unchanged)
    await asyncio.gather(our_runner.cleanup(), bare_runner.cleanup())
    return Figure(
        name="feed unchanged (304) / bare aiohttp handler",
        value=bare_seconds / feed_seconds,
        bar=0.25,
        at_least=True,
    )
