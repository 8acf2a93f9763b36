"""The way in by a link from a mail, and the way out."""

from typing import Final

from aiohttp import web

from bot.actions.accounts import sessions
from bot.addresses import usable_address
from bot.web import doorstep, middlewares
from bot.web.clients import CLIENT
from bot.web.settings import CLOCKS, LIMITS, SETTINGS
from bot.web.words import do, form, page
from storage.vocabulary import TokenPurpose

BROWSERS: Final = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


async def start(request: web.Request) -> web.Response:
    """The first page: what this is, and the ways in."""
    return page(request, "start")


async def ask(request: web.Request) -> web.Response:
    """The form for the mail address."""
    return page(request, "sign_in", {"mail": "", "mistaken": False})


async def send_link(request: web.Request) -> web.Response:
    """Send the link, if somebody has that address; the answer is the same for every address, also when there were too many."""
    mail = (await form(request)).get("mail", "").strip()
    if usable_address(mail) is None:
        return page(request, "sign_in", {"mail": mail, "mistaken": True}, status=422)
    now, machine_now = request.app[CLOCKS].domain(), request.app[CLOCKS].machine()
    limit, key = request.app[LIMITS].sign_in, request.app[SETTINGS].key
    if not limit.allows(request[CLIENT].address, machine_now):
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(limit.within.total_seconds()))})
    await do(request, lambda: sessions.request_sign_in(mail=mail, key=key, now=now, machine_now=machine_now))
    return page(request, "sign_in_sent")


@doorstep.works_once
async def offer(request: web.Request) -> web.StreamResponse:
    """Only a button: mail programs open links by themselves, and must not use them up."""
    machine_now = request.app[CLOCKS].machine()
    await sessions.check(token=request.match_info["token"], purpose=TokenPurpose.SIGN_IN, now=machine_now)
    return doorstep.known_again(request, page(request, "sign_in_confirm"))


@doorstep.works_once
async def enter(request: web.Request) -> web.StreamResponse:
    """Trade the link for a session, and go where the person wanted to go."""
    token, label = request.match_info["token"], device(request.headers.get("User-Agent", ""))
    machine_now, known = request.app[CLOCKS].machine(), doorstep.session_of(request)
    session = await do(request, lambda: sessions.sign_in(token=token, label=label, now=machine_now, session=known))
    response = web.Response(status=303)
    response.headers["Location"] = middlewares.take_next(request, response)
    middlewares.keep_signed_in(request, response, session)
    return response


async def leave(request: web.Request) -> web.StreamResponse:
    """Sign this browser out."""
    person, current = request["person"], request.get(middlewares.SESSION)
    if person is not None and current is not None:
        await do(request, lambda: sessions.end(by=person, session=current))
    response = web.Response(status=303, headers={"Location": "/"})
    middlewares.sign_out(request, response)
    return response


def device(user_agent: str) -> str:
    """Browser and system in two words, so that people recognise their own; empty when it is neither."""
    browser = next((name for mark, name in BROWSERS.items() if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return ", ".join(word for word in (browser, system) if word)
