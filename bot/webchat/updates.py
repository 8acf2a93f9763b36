"""How updates reach a bot that fetches them (getUpdates) or has them delivered (webhook)."""

import asyncio
import re
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bot.webchat.calls import Call
from bot.webchat.errors import bad_request, conflict
from bot.webchat.objects import Json
from bot.webchat.server import BotServer
from storage import db
from storage.models.webchat import WebchatServer, WebchatUpdate

LONGEST_POLL_SECONDS = 50
MOST_UPDATES = 100
PRESS_LIFETIME = timedelta(seconds=150)
UPDATE_LIFETIME = timedelta(hours=24)


async def get_updates(server: BotServer, call: Call) -> list[Json]:
    """Updates from `offset` on; those before it are forgotten. Waits up to `timeout` seconds for the first."""
    limit = min(max(call.integer("limit") or MOST_UPDATES, 1), MOST_UPDATES)
    seconds = min(call.integer("timeout") or 0, LONGEST_POLL_SECONDS)
    await server.unit(partial(_confirm, server, call))
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    with server.polls.take_over() as ended:
        while not ended.done():
            arrival = server.feed.next_update()
            updates = await waiting_updates(server, limit)
            if updates or loop.time() >= end:
                return updates
            await _first_of(arrival, ended, end - loop.time())
    raise conflict("terminated by other getUpdates request; make sure that only one bot instance is running")


async def _confirm(server: BotServer, call: Call, _change: int) -> None:
    """Forget what the offset confirms (counted from the end, when it is negative); remember what is asked for."""
    if (await settings(server)).webhook_url:
        raise conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    offset = call.integer("offset") or 0
    queue = WebchatUpdate.filter(network=server.network)
    if offset > 0:
        await queue.filter(update_id__lt=offset).delete()
    elif offset < 0:
        newest = await queue.order_by("-update_id").limit(-offset).values_list("update_id", flat=True)
        await queue.exclude(update_id__in=list(newest)).delete()
    await _remember_allowed(server, call)


async def _first_of(arrival: asyncio.Event, ended: asyncio.Future[None], seconds: float) -> None:
    waiter = asyncio.ensure_future(arrival.wait())
    either: set[asyncio.Future[Any]] = {waiter, ended}
    try:
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()


async def waiting_updates(server: BotServer, limit: int) -> list[Json]:
    """The oldest updates that wait. Presses wait for 150 seconds, everything else for a day."""
    now = server.clock()
    found = await WebchatUpdate.filter(network=server.network).order_by("update_id").limit(limit)
    stale = [
        update.update_id
        for update in found
        if now - update.queued_at > (PRESS_LIFETIME if "callback_query" in update.payload else UPDATE_LIFETIME)
    ]
    if not stale:
        return [update.payload for update in found]
    await delivered(server, stale)
    return await waiting_updates(server, limit)


def by_chat(waiting: list[Json]) -> list[list[Json]]:
    """Updates, given in their order, chat by chat."""
    chats: dict[int, list[Json]] = {}
    for update in waiting:
        [body] = [update[kind] for kind in update if kind != "update_id"]
        chats.setdefault(body.get("message", body)["chat"]["id"], []).append(update)
    return list(chats.values())


async def delivered(server: BotServer, update_ids: list[int]) -> None:
    """Forget updates."""

    async def forget() -> None:
        async with db.transaction():
            await WebchatUpdate.filter(network=server.network, update_id__in=update_ids).delete()

    if update_ids:
        await db.unit_of_work(forget)


async def settings(server: BotServer) -> WebchatServer:
    """The network's settings; the defaults before the first write."""
    found = await WebchatServer.get_or_none(network=server.network)
    return found or WebchatServer(network=server.network, webhook_url=None, allowed_updates=None)


async def _set(server: BotServer, **values: str | int | None) -> None:
    await WebchatServer.filter(network=server.network).update(**values)


async def _remember_allowed(server: BotServer, call: Call) -> None:
    """`allowed_updates` holds until another list is given; an empty list is the default again."""
    if "allowed_updates" in call.params:
        allowed = call.structure("allowed_updates", list)
        await _set(server, allowed_updates=",".join(map(str, allowed)) or None)


async def set_webhook(server: BotServer, call: Call, change: int) -> bool:
    """Have updates delivered to a URL; an empty one ends that."""
    url, secret = call.text("url"), call.text("secret_token")
    if not url:
        return await delete_webhook(server, call, change)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise bad_request("bad webhook: an HTTPS URL must be provided for webhook")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
        raise bad_request("secret token contains unallowed characters")
    connections = min(max(call.integer("max_connections") or 40, 1), 100)
    await _set(server, webhook_url=url, webhook_secret=secret or None, webhook_connections=connections)
    await _remember_allowed(server, call)
    await _drop_pending(server, call)
    db.when_kept(server.polls.end)
    db.when_kept(server.feed.update_queued)
    return True


async def delete_webhook(server: BotServer, call: Call, _change: int) -> bool:
    """Back to getUpdates."""
    await _set(server, webhook_url=None, webhook_secret=None)
    await _drop_pending(server, call)
    return True


async def _drop_pending(server: BotServer, call: Call) -> None:
    if call.boolean("drop_pending_updates"):
        await WebchatUpdate.filter(network=server.network).delete()


async def get_webhook_info(server: BotServer, _call: Call) -> Json:
    """Where updates go, and how many wait."""
    hook = await settings(server)
    info: Json = {
        "url": hook.webhook_url or "",
        "has_custom_certificate": False,
        "pending_update_count": await WebchatUpdate.filter(network=server.network).count(),
    }
    if hook.webhook_url:
        info["max_connections"] = hook.webhook_connections
    if hook.allowed_updates is not None:
        info["allowed_updates"] = hook.allowed_updates.split(",")
    return info
