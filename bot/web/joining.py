"""Coming to Faden by an invitation link in the browser: the privacy notice, and one button."""

from aiohttp import web

from bot.actions import joining, sessions
from bot.web import middlewares
from bot.web.settings import CLOCKS, SETTINGS
from bot.web.sign_in import device
from bot.web.words import do, page
from storage.vocabulary import TokenPurpose


async def offer(request: web.Request) -> web.Response:
    """The notice; nothing is used up by looking."""
    machine_now = request.app[CLOCKS].machine()
    await sessions.check(token=request.match_info["token"], purpose=TokenPurpose.INVITATION, now=machine_now)
    return page(request, "join")


async def enter(request: web.Request) -> web.StreamResponse:
    """After "Gelesen" the browser is signed in."""
    token, label = request.match_info["token"], device(request.headers.get("User-Agent", ""))
    now, machine_now = request.app[CLOCKS].domain(), request.app[CLOCKS].machine()
    language = request["voice"].language
    session = await do(
        request,
        lambda: joining.enter(token=token, label=label, language=language, now=now, machine_now=machine_now),
    )
    response = web.Response(status=303, headers={"Location": request.app[SETTINGS].home})
    middlewares.keep_signed_in(request, response, session)
    return response
