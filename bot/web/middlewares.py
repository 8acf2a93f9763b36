"""What happens to every request: who asks, from where, in which language, and what becomes of errors."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import StreamReader, hdrs, web
from markupsafe import Markup

from bot import messages
from bot.actions import papers
from bot.actions.accounts import sessions
from bot.actions.trial import trial
from bot.rules import limits
from bot.rules.refusals import NotAllowed, NotAMember, NotFoundHere, Refusal
from bot.web import operating
from bot.web.clients import CLIENT, client_of, is_from_this_machine, is_loopback
from bot.web.settings import CLOCKS, SETTINGS, WebSettings
from bot.web.words import SignInFirst, page, voice
from storage import queries
from storage.db import unit_of_work
from storage.models import WebSession

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)

SESSION_COOKIE: Final = "faden"
NEXT_COOKIE: Final = "faden_next"
NEXT_SECONDS: Final = 30 * 60
READING: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
ANONYMOUS: Final = frozenset({"feed", "static", "health"})  # never looks at cookies, never sets one

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
LOOKS: Final = 6
HSTS: Final = "max-age=31536000"

STATUSES: Final[dict[type[Refusal], int]] = {
    NotFoundHere: 404,
    NotAMember: 403,
    NotAllowed: 403,
    sessions.LinkUsedUp: 410,
    papers.PaperGone: 410,
    limits.TooManyLinks: 429,
    trial.NoSuchTrialTime: 422,
}
REFUSED: Final = 409

# Rooms that may not import each other share these two, so they are plain names and no RequestKeys; aiohttp would warn.
web.BaseRequest._seen_str_keys.update(("person", "voice"))  # noqa: SLF001  # the only place that says a name is meant

SESSION: Final = web.RequestKey("session", int)


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on every answer, whoever made it; nobody keeps a copy unless it says so itself."""
    response.headers.setdefault("Cache-Control", "no-store")
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[SETTINGS].https:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.popall("Server", None)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time by route, never by path: paths carry secrets."""
    began = perf_counter()
    status = web.HTTPInternalServerError.status_code
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        operating.observed(request, status, perf_counter() - began)
    return response


@web.middleware
async def bound(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A body has a size, and keeps coming: nobody may hold a handler up by sending for ever, or by falling silent."""
    if not request.can_read_body:
        return await handler(request)
    if (request.content_length or 0) > limits.REQUEST_BYTES:
        raise web.HTTPRequestEntityTooLarge(limits.REQUEST_BYTES, request.content_length or 0)
    watching = asyncio.create_task(_watch(request.content))
    try:
        return await handler(request)
    finally:
        watching.cancel()


async def _watch(content: StreamReader) -> None:
    """Fail whoever reads the body when nothing has come for so long, or too much has."""
    arrived, looks = 0, 0
    while not content.is_eof():
        await asyncio.sleep(limits.SILENT_SECONDS / LOOKS)
        looks = 0 if content.total_bytes > arrived else looks + 1
        arrived = content.total_bytes
        if looks == LOOKS:
            content.set_exception(web.HTTPRequestTimeout())
            return
        if arrived > limits.REQUEST_BYTES:
            content.set_exception(web.HTTPRequestEntityTooLarge(limits.REQUEST_BYTES, arrived))
            return


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals become words; everything unexpected is logged with a code that the person sees too."""
    try:
        return await handler(request)
    except SignInFirst:
        response: web.StreamResponse = web.Response(status=303, headers={"Location": "/anmelden"})
        if request.method == hdrs.METH_GET:
            set_cookie(request, response, NEXT_COOKIE, request.path_qs, NEXT_SECONDS)
        return response
    except Refusal as refusal:
        return _refused(request, refusal)
    except web.HTTPException as error:
        return _worded(request, error)
    except web.RequestPayloadError:  # the body breaks off, or is not what its header says
        return _worded(request, web.HTTPBadRequest())
    except Exception:
        code = secrets.token_hex(4)
        log.exception("request failed", code=code, route=operating.route_of(request), method=request.method)
        if not _wants_page(request):
            raise web.HTTPInternalServerError(text=code) from None
        return page(request, "error", {"status": 500, "code": code, "words": None}, status=500)


def _worded(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """The library's own answer, as a page for who reads pages."""
    if error.status < web.HTTPBadRequest.status_code or not _wants_page(request):
        raise error
    response = page(request, "error", {"status": error.status, "code": None, "words": None}, status=error.status)
    for name in ("Allow", "Retry-After"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _refused(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    response = _told(request, refusal)
    if "minutes" in refusal.facts:
        response.headers["Retry-After"] = str(60 * refusal.facts["minutes"])
    return response


def _told(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    status = STATUSES.get(type(refusal), REFUSED)
    if messages.exists(f"pages/{refusal.template}.html"):
        return page(request, refusal.template, refusal.facts, status=status)
    words = None
    if messages.exists(f"chat/{refusal.template}.html"):
        # The chat's words are HTML of a few harmless tags; its buttons make no sense on a page.
        words = Markup(messages.chat(refusal.template, refusal.facts, request["voice"]).text)  # noqa: S704  # escaped there
    return page(request, "error", {"status": status, "code": None, "words": words}, status=status)


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say who asks; keep out what another site makes a browser send, and in a trial everybody who is not here."""
    settings = request.app[SETTINGS]
    request[CLIENT] = client_of(request, settings.trusted_proxies)
    request["voice"] = voice(settings, accepted_language(request) or settings.language, None)
    request["person"] = None
    if settings.trial and not _from_this_machine(request):
        raise web.HTTPForbidden
    if request.method not in READING and not _same_origin(request, settings):
        raise web.HTTPForbidden
    return await handler(request)


def _from_this_machine(request: web.Request) -> bool:
    """A page elsewhere can make a browser ask us under its own name (DNS rebinding): so the Host counts too."""
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return False
    return (host == "localhost" or is_loopback(host)) and is_from_this_machine(request)


def _same_origin(request: web.Request, settings: WebSettings) -> bool:
    """Browsers say where a form came from; who says nothing is no browser and carries no cookie that we gave to one."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or origin == settings.public_url


def accepted_language(request: web.Request) -> str | None:
    """The first of our languages that the browser prefers, or none; q-values matter only by their order, as browsers write them."""
    for language in re.findall(r"(?:^|,)\s*([A-Za-z]{2})", request.headers.get("Accept-Language", "")):
        if language.lower() in messages.LANGUAGES:
            return str(language.lower())
    return None


@web.middleware
async def recognise(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the person who has signed in, or None, into `request["person"]`, and their language into `request["voice"]`."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token or request.match_info.route.name in ANONYMOUS:
        return await handler(request)
    machine_now = request.app[CLOCKS].machine()
    signed_in = await unit_of_work(lambda: sessions.resume(token=token, now=machine_now))
    if signed_in is None:
        return await handler(request)
    request["person"] = signed_in.person
    request[SESSION] = signed_in.session.id
    request["voice"] = voice(request.app[SETTINGS], signed_in.person.language, signed_in.person)
    response = await handler(request)
    if signed_in.prolonged and not response.prepared and SESSION_COOKIE not in response.cookies:
        keep_signed_in(request, response, token)
    return response


async def still_signed_in(requests: Sequence[web.Request]) -> list[bool]:
    """Of each request with a long answer, whether the session that it was begun with still holds; one query for all."""
    began = [request.get(SESSION) for request in requests]
    if not any(began):
        return [False] * len(began)
    machine_now = requests[0].app[CLOCKS].machine()
    holding = WebSession.filter(
        id__in=[session for session in began if session], expires_at__gt=machine_now, person__left_at=None
    )
    hold = set(await queries.column(holding, "id"))
    return [session in hold for session in began]


def keep_signed_in(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser its session's token."""
    set_cookie(request, response, SESSION_COOKIE, token, int(sessions.SESSION_LASTS.total_seconds()))


def sign_out(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session's token away from the browser."""
    response.del_cookie(SESSION_COOKIE, path="/")


def take_next(request: web.Request, response: web.StreamResponse) -> str:
    """Where somebody wanted to go before they had to sign in: one of our own paths."""
    response.del_cookie(NEXT_COOKIE, path="/")
    wanted = request.cookies.get(NEXT_COOKIE, "")
    return wanted if re.fullmatch(r"/(?![/\\])[!-~]*", wanted) else request.app[SETTINGS].home


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str, seconds: int) -> None:
    """Give the browser something to bring back, kept from scripts and from other sites."""
    secure = request.app[SETTINGS].https or request[CLIENT].https
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="Lax", secure=secure)


MIDDLEWARES = (observe, tell_errors, bound, admit, recognise)
