"""The Bot API's URLs and its webhook in front of our server, for bots in other processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web

from bot.webchat import api, updates
from bot.webchat.calls import Call, Upload
from bot.webchat.errors import ConnectionCut
from bot.webchat.limits import UPLOAD_BYTES
from bot.webchat.objects import Json
from bot.webchat.server import BotServer
from storage.models.webchat import WebchatServer

SERVER = web.AppKey("server", BotServer)
Respond = Callable[[BotServer, str, Call], Awaitable[tuple[HTTPStatus, Json]]]
RESPOND: web.AppKey[Respond] = web.AppKey("respond")
RETRY_SECONDS = 0.5


def application(server: BotServer, respond: Respond = api.respond) -> web.Application:
    """The Bot API at `/bot<token>/<method>`, files at `/file/bot<token>/<path>`, and the delivery to the webhook."""
    app = web.Application(client_max_size=UPLOAD_BYTES + 1024 * 1024)
    app[SERVER], app[RESPOND] = server, respond
    app.add_routes(
        [
            web.route("*", "/bot{token}/{method}", _call),
            web.get("/file/bot{token}/{path:.+}", _file),
        ]
    )
    app.cleanup_ctx.append(_delivery)
    return app


async def _call(request: web.Request) -> web.StreamResponse:
    params, files = await _parameters(request)
    call = Call(request.match_info["method"], params, files)
    try:
        status, body = await request.app[RESPOND](request.app[SERVER], request.match_info["token"], call)
    except ConnectionCut:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # nobody hears it any more
    return web.json_response(body, status=status)


async def _parameters(request: web.Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    params: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    if request.content_type == "application/json":
        return params | await request.json(), files
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = Upload(value.filename, value.content_type, value.file.read())
        else:
            params[name] = value
    return params, files


async def _file(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    content = (
        await api.download(server, request.match_info["path"]) if request.match_info["token"] == server.token else None
    )
    if content is None:
        return web.json_response(
            {"ok": False, "error_code": 404, "description": "Not Found"}, status=HTTPStatus.NOT_FOUND
        )
    return web.Response(body=content, content_type="application/octet-stream")


async def _delivery(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(deliver(app[SERVER]))
    yield
    task.cancel()
    await asyncio.wait([task])


async def deliver(server: BotServer) -> None:
    """Post waiting updates to the webhook, for ever: as many at once as the bot allows, each until it is accepted.

    As with Telegram a chat's next message goes only when the one before has been accepted; a press waits for no message.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        while True:
            arrival = server.feed.next_update()
            hook = await updates.settings(server)
            queued = await updates.waiting_updates(server, updates.MOST_UPDATES) if hook.webhook_url else []
            if not queued:
                await arrival.wait()
                continue
            waiting = _first_of_each_queue(queued)[: hook.webhook_connections]
            accepted = await asyncio.gather(*(_post(session, hook, update) for update in waiting))
            taken = [update["update_id"] for update, ok in zip(waiting, accepted, strict=True) if ok]
            await updates.delivered(server, taken)
            if not taken:
                await asyncio.sleep(RETRY_SECONDS)


def _first_of_each_queue(queued: list[Json]) -> list[Json]:
    first = dict[tuple[str, int], Json]()
    for update in queued:
        kind = next(key for key in update if key != "update_id")
        body = update[kind]
        queue = (kind, body["from"]["id"]) if kind == "callback_query" else ("chat", body["chat"]["id"])
        first.setdefault(queue, update)
    return list(first.values())


async def _post(session: aiohttp.ClientSession, hook: WebchatServer, update: dict[str, Any]) -> bool:
    headers = {"X-Telegram-Bot-Api-Secret-Token": hook.webhook_secret} if hook.webhook_secret else {}
    try:
        async with session.post(hook.webhook_url or "", json=update, headers=headers) as response:
            return response.ok
    except (aiohttp.ClientError, TimeoutError):
        return False
