"""Telegram's updates by webhook: our own route, so that an update is a row before it is acknowledged."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from bot.rules import incoming

PATH: Final = "/telegram"
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the name of a header
BODY_BYTES: Final = 1024 * 1024


def route(secret: str, receive: Callable[[Mapping[str, Any]], Awaitable[None]]) -> web.RouteDef:
    """The route; whoever does not know the secret learns nothing."""

    async def take(request: web.Request) -> web.Response:
        shown = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(shown.encode(errors="replace"), secret.encode()):
            raise web.HTTPNotFound
        body = await _bounded(request)
        if len(body) > BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(BODY_BYTES, len(body))
        update = _read(body)
        if update is not None:
            await receive(update)
        return web.Response(text="ignored" if update is None else "ok")

    return web.post(PATH, take)


def _read(body: bytes) -> Mapping[str, Any] | None:
    """The update; None for what is none."""
    try:
        update = incoming.read(body)
    except ValueError:
        return None
    known = isinstance(update, dict) and isinstance(update.get("update_id"), int)
    return update if known else None


async def _bounded(request: web.Request) -> bytes:
    """The body, or so much of it that it is too long."""
    parts, length = [], 0
    async for part in request.content.iter_chunked(64 * 1024):
        parts.append(part)
        length += len(part)
        if length > BODY_BYTES:
            break
    return b"".join(parts)
