"""What an operator watches: is it alive, can it work, how is it doing."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.web.clients import is_from_this_machine
from bot.web.settings import READINESS, REGISTRY, SETTINGS, Check

NOBODY_INDEXES: Final = "User-agent: *\nDisallow: /\n"


REQUESTS = web.AppKey("requests", Histogram)


def requests_in(registry: CollectorRegistry) -> Histogram:
    """How many requests were answered, with which status, and how long that took."""
    return Histogram("faden_http_request_seconds", "Answered requests", ["route", "status"], registry=registry)


def route_of(request: web.Request) -> str:
    """The route as it stands in the table: `/kalender/{token}.ics`, never the path, which may hold a secret."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def observed(request: web.Request, status: int, seconds: float) -> None:
    """Count an answered request."""
    request.app[REQUESTS].labels(route_of(request), status).observe(seconds)


async def health(_request: web.Request) -> web.Response:
    """The loop turns. A second start knows by the header who has its port."""
    return web.Response(text="ok\n", headers={"Cache-Control": "no-store", "X-Service": "Faden"})


async def ready(request: web.Request) -> web.Response:
    """Whether work gets done: 200, or 503 with the checks that fail."""
    checks = {name: await _checked(check) for name, check in request.app[READINESS].items()}
    fine = all(check.ok for check in checks.values())
    body = {
        "ready": fine,
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
    }
    return web.json_response(body, status=200 if fine else 503, headers={"Cache-Control": "no-store"})


async def _checked(check: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await check()
    except Exception as error:  # noqa: BLE001  # whatever is wrong, it is not ready
        return Check(ok=False, detail=type(error).__name__)


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus: with the token from the settings, or from this machine and not through a proxy."""
    if not _may_measure(request):
        raise web.HTTPForbidden
    headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    return web.Response(body=generate_latest(request.app[REGISTRY]), headers=headers)


def _may_measure(request: web.Request) -> bool:
    token = request.app[SETTINGS].metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(errors="replace"), token.encode()):
        return True
    return is_from_this_machine(request)


async def robots(_request: web.Request) -> web.Response:
    """Nothing here is for search engines."""
    return web.Response(text=NOBODY_INDEXES)
