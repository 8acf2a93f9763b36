"""The Telegram of the tests: the strict Bot API server over real HTTP.

In the test's own process, with the store that is open there:

    async with running(BotServer(Network.TELEGRAM, token, clock)) as address: …

Or as a process of its own, with a database of its own, which prints its address and ends on SIGTERM:

    python -m tests.telegram_server --database sqlite:////tmp/telegram.sqlite3 --port 0

There people act by `POST /people/<what>`, where `<what>` stands in `PEOPLE` or `WATCHING`, and its arguments come as a JSON
list; a user is an object: `POST /people/writes [{"id": 101, "first_name": "Anna"}, 101, "/start"]`.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.webchat import api, people, reading
from bot.webchat.calls import Call
from bot.webchat.errors import NotAllowed
from bot.webchat.objects import Answer, Json, Seen, User
from bot.webchat.server import BotServer, Options
from storage import db
from storage.migrate import migrate
from storage.vocabulary import Network
from tests.telegram_http import SERVER, application
from tests.telegram_rates import Limits, enforced

TOKEN = "4711:invented"


@dataclasses.dataclass(eq=False)
class Watch:
    """What Telegram was asked for: when each call was answered, and which were refused. It can keep updates to itself."""

    done: list[tuple[str, datetime]] = dataclasses.field(default_factory=list)
    refusals: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    holding: bool = False

    async def respond(self, server: BotServer, token: str, call: Call) -> tuple[HTTPStatus, Json]:
        """Answer one call, and write it down."""
        if self.holding and call.method.lower() == "getupdates":
            await asyncio.sleep(0.05)
            return HTTPStatus.OK, {"ok": True, "result": []}
        status, body = await api.respond(server, token, call)
        if body["ok"]:
            self.done.append((call.method, server.clock()))
        else:
            self.refusals.append((call.method, body["description"]))
        return status, body

    async def hold_updates(self, held: bool) -> None:  # noqa: FBT001  # it comes as JSON
        """Hand out no updates by getUpdates until it is taken back."""
        self.holding = held

    async def answered(self, method: str) -> list[str]:
        """When each call of the method was answered."""
        return [at.isoformat() for name, at in self.done if name == method]

    async def refused(self) -> list[tuple[str, str]]:
        """The methods and reasons of what was refused."""
        return self.refusals


WATCH = web.AppKey("watch", Watch)
PEOPLE: dict[str, Callable[..., Awaitable[object]]] = {
    "writes": people.writes,
    "presses": people.presses,
    "messages": reading.messages,
}
WATCHING: dict[str, Callable[..., Awaitable[object]]] = {
    "hold_updates": Watch.hold_updates,
    "answered": Watch.answered,
    "refused": Watch.refused,
}


@dataclasses.dataclass
class Outage:
    """What happens to every call of the bot, whatever it is, while the network is away: 502, no answer at all, or a cut.

    It begins with the first call of the method named, and ends when it is told to.
    """

    how: Literal["502", "hangs", "cuts"]
    begins_with: str = "sendMessage"
    refused: list[str] = dataclasses.field(default_factory=list)
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    @web.middleware
    async def spoil(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do it to one request."""
        method = request.match_info.get("method")
        if self.over.is_set() or method is None or not (self.refused or method == self.begins_with):
            return await handler(request)
        self.refused.append(method)
        if self.how == "502":
            return web.Response(status=HTTPStatus.BAD_GATEWAY, text="<html>Bad Gateway</html>")
        if self.how == "hangs":
            await self.over.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # nobody hears it


@contextlib.asynccontextmanager
async def running(
    server: BotServer, *, port: int = 0, outage: Outage | None = None, watch: Watch | None = None
) -> AsyncIterator[str]:
    """Serve on the loopback; gives the address, "http://127.0.0.1:<port>"."""
    watch = watch or Watch()
    app = application(server, watch.respond)
    app[WATCH] = watch
    if outage is not None:
        app.middlewares.append(outage.spoil)
    app.add_routes([web.post("/people/{what}", _people)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _people(request: web.Request) -> web.Response:
    what = request.match_info["what"]
    arguments = [User(**one) if isinstance(one, dict) else one for one in await request.json()]
    try:
        if what in PEOPLE:
            result = await PEOPLE[what](request.app[SERVER], *arguments)
        elif what in WATCHING:
            result = await WATCHING[what](request.app[WATCH], *arguments)
        else:
            raise web.HTTPNotFound
    except NotAllowed as refused:
        return web.json_response({"refused": str(refused)}, status=409)
    return web.json_response({"result": _plain(result)})


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return dataclasses.asdict(value) if isinstance(value, Seen | Answer) else value


def machine_now() -> datetime:
    """This process stands outside of Faden, as Telegram does, and has a clock of its own."""
    return datetime.now(UTC)  # noqa: TID251  # see above


async def serve(database: str, *, port: int, token: str, strict: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    await migrate(database, backup_dir=None)
    await db.open_store(database)
    try:
        options = Options(faults=enforced(Limits(), machine_now) if strict else None)
        server = BotServer(Network.TELEGRAM, token, machine_now, options=options)
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with running(server, port=port) as address:
            print(address, flush=True)  # noqa: T201  # a program that tells its caller where it is
            await ended.wait()
    finally:
        await db.close_store()


def main() -> None:
    parser = argparse.ArgumentParser(description="The strict Bot API server of the tests.")
    parser.add_argument("--database", required=True, help="URL, such as sqlite:////tmp/telegram.sqlite3")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument(
        "--strict-rates", action="store_true", help="enforce Telegram's limits on how fast a bot may write"
    )
    given = parser.parse_args()
    asyncio.run(serve(given.database, port=given.port, token=given.token, strict=given.strict_rates))


if __name__ == "__main__":
    main()
