"""The doorstep of links that work once: a browser that presses twice comes in as well, and no other one does.

The page before the button gives the browser a random value. From that value and the link comes the token of the session that
the button begins, so a second press within a minute is known to be the same browser's and is given the same session. Its first
answer, with the session's cookie, may never have arrived: browsers drop an answer when they are sent on.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from bot.actions.accounts import sessions
from bot.rules import tokens
from bot.web import middlewares
from bot.web.settings import CLOCKS, SETTINGS

COOKIE: Final = "faden_door"
SECONDS: Final = 30 * 60

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def known_again(request: web.Request, response: web.Response) -> web.Response:
    """The page before the button, whose browser will be known again; each time by something new."""
    middlewares.set_cookie(request, response, COOKIE, secrets.token_urlsafe(32), SECONDS)
    return response


def session_of(request: web.Request) -> str | None:
    """The token of the session that this browser comes to with this link; None when nobody would know it again."""
    browser = request.cookies.get(COOKIE, "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", browser):
        return None
    return tokens.session(request.app[SETTINGS].key, request.match_info["token"], browser)


def works_once(handler: Handler) -> Handler:
    """Lead on whom a used-up link has let in already: by this browser's press before, or long ago."""

    @wraps(handler)
    async def led_on(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except sessions.LinkUsedUp:
            response = await _let_in_before(request)
            if response is None:
                raise
            return response

    return led_on


async def _let_in_before(request: web.Request) -> web.Response | None:
    token, person = request.match_info["token"], request["person"]
    session, now = session_of(request), request.app[CLOCKS].machine()
    twice = session is not None and await sessions.pressed_twice(token=token, session=session, now=now)
    if not twice and (person is None or not await sessions.has_done_its_work(token=token, by=person)):
        return None
    response = web.Response(status=303)
    response.headers["Location"] = middlewares.take_next(request, response)
    if twice and session is not None:
        middlewares.keep_signed_in(request, response, session)
    return response
