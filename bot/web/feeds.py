"""Calendar feeds: bytes that are built when something changed, kept, and handed out to whoever has the secret link."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import hdrs, web

from bot import __version__
from bot.actions import feeds
from bot.rules import tokens
from bot.web.settings import CLOCKS, LIMITS, SETTINGS, WebSettings
from bot.web.words import do, page, person_of
from storage import queries
from storage.db import execute, transaction, unit_of_work
from storage.models import FeedCache

log = structlog.get_logger(__name__)

CACHING: Final = "private, max-age=900"
BUILT_AT_ONCE: Final = 10  # each takes some ten milliseconds of processor time

# The one query of a request: it checks the right (the link is current, its owner has not left) and leaves the content in
# the database when the reader has it already.
READ: Final = """
    SELECT feed_cache.person_id, feed_cache.etag, feed_cache.changed_at,
           CASE WHEN feed_cache.etag = ? THEN NULL ELSE feed_cache.content END AS content
    FROM feed_token
    JOIN person ON person.id = feed_token.person_id
    JOIN feed_cache ON feed_cache.person_id = feed_token.person_id
    WHERE feed_token.token_hash = ? AND person.left_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A feed as it is handed out."""

    etag: str
    changed_at: datetime
    content: bytes | None


async def feed(request: web.Request) -> web.Response:
    """A person's calendar. Unknown, renewed and withdrawn links look alike."""
    hashed = tokens.hashed(request.match_info["token"])
    limit = request.app[LIMITS].feed
    machine_now = request.app[CLOCKS].machine()
    if not limit.allows(hashed, machine_now):
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(limit.within.total_seconds()))})
    known = [etag.value for etag in request.if_none_match or ()]
    rows = await execute(READ, [known[0] if known else "", hashed])
    if not rows:
        raise web.HTTPNotFound
    built = _built(rows[0])
    if built is None:  # nobody has asked before
        clocks, person = request.app[CLOCKS], rows[0]["person_id"]
        built = await _rebuild(request.app[SETTINGS], person, now=clocks.domain(), machine_now=machine_now)
    headers = {
        hdrs.ETAG: f'"{built.etag}"',
        hdrs.LAST_MODIFIED: _http_date(built.changed_at),
        hdrs.CACHE_CONTROL: CACHING,
    }
    if _is_current(request, built, known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=built.content, headers={**headers, hdrs.CONTENT_TYPE: "text/calendar; charset=utf-8"})


def _built(row: dict[str, Any]) -> Built | None:
    if row["etag"] is None:
        return None
    changed_at = row["changed_at"]
    if not isinstance(changed_at, datetime):  # SQLite keeps moments as text
        changed_at = datetime.fromisoformat(changed_at)
    return Built(etag=row["etag"], changed_at=changed_at.astimezone(UTC), content=row["content"])


@lru_cache(maxsize=1024)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _is_current(request: web.Request, built: Built, known: Sequence[str]) -> bool:
    """RFC 9110, 13.2.2: If-Modified-Since counts only where there is no If-None-Match."""
    if hdrs.IF_NONE_MATCH in request.headers:
        return built.etag in known or "*" in known
    since = request.if_modified_since
    return since is not None and built.changed_at <= since


async def rebuild_stale(settings: WebSettings, *, now: datetime, machine_now: datetime) -> int:
    """Build feeds that something changed in, a few at a time; gives how many. One that cannot be built does not stop the others."""
    stale = FeedCache.filter(stale=True, person__left_at=None).order_by("id")
    built = 0
    for person in await queries.column(stale, "person_id"):
        if built == BUILT_AT_ONCE:
            break
        try:
            await _rebuild(settings, person, now=now, machine_now=machine_now)
            built += 1
        except Exception:
            log.exception("feed not built", person=person)
    return built


def rendering(settings: WebSettings) -> str:
    """What the bytes of all feeds depend on beside their facts: this program and its settings."""
    parts = (__version__, settings.public_url, settings.town, settings.home)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


async def _rebuild(settings: WebSettings, person_id: int, *, now: datetime, machine_now: datetime) -> Built:
    """Build one feed. `stale` is taken down first: a change that comes meanwhile waits, and puts it up again."""
    from bot.web.feed_content import content_of  # noqa: PLC0415  # icalendar is loaded when it is needed

    async def work() -> Built:
        async with transaction():
            await FeedCache.filter(person_id=person_id).update(stale=False)
            cached = await FeedCache.get(person_id=person_id).select_related("person")
            content = content_of(settings, await feeds.facts_of(cached.person, now=now))
            etag = hashlib.sha256(content).hexdigest()[:32]
            if etag == cached.etag and cached.changed_at is not None:
                return Built(etag=etag, changed_at=cached.changed_at, content=content)
            built = Built(etag=etag, changed_at=_later(machine_now, cached.changed_at), content=content)
            await FeedCache.filter(id=cached.id).update(content=content, etag=etag, changed_at=built.changed_at)
            return built

    return await unit_of_work(work)


def _later(now: datetime, last: datetime | None) -> datetime:
    """When it changed, in the whole seconds of HTTP: two changes have two times."""
    whole = now.astimezone(UTC).replace(microsecond=0)
    return whole if last is None else max(whole, last + timedelta(seconds=1))


async def landing(request: web.Request) -> web.Response:
    """How to subscribe to one's calendar."""
    person, settings, now = person_of(request), request.app[SETTINGS], request.app[CLOCKS].machine()
    secret = await do(request, lambda: feeds.secret_link(person=person, key=settings.key, now=now))
    link = f"{settings.public_url}/kalender/{secret}.ics"
    webcal = f"webcal://{urlsplit(link).netloc}{urlsplit(link).path}"
    name = quote(settings.town, safe="")
    return page(
        request,
        "calendar",
        {
            "link": link,
            "webcal": webcal,
            "google": f"https://calendar.google.com/calendar/render?cid={quote(webcal, safe='')}",
            "outlook": f"https://outlook.live.com/calendar/0/addfromweb?url={quote(link, safe='')}&name={name}",
            "office": f"https://outlook.office.com/calendar/0/addfromweb?url={quote(link, safe='')}&name={name}",
            "renewed": "renewed" in request.query,
        },
    )


async def renew(request: web.Request) -> web.StreamResponse:
    """A new secret link; the old one is void at once."""
    person, settings, now = person_of(request), request.app[SETTINGS], request.app[CLOCKS].machine()
    await do(request, lambda: feeds.renew(person=person, key=settings.key, now=now))
    return web.Response(status=303, headers={"Location": "/kalender?renewed"})
