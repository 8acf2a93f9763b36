"""Coming to Faden in the browser: an invitation link, or the operator's code; the privacy notice, and one button."""

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from bot.actions.accounts import joining, sessions
from bot.actions.accounts.joining import Introduction
from bot.addresses import usable_address
from bot.web import doorstep, middlewares
from bot.web.settings import CLOCKS, SETTINGS
from bot.web.sign_in import device
from bot.web.words import SignInFirst, do, form, page
from storage.vocabulary import TokenPurpose

NAME_LIMIT: Final = 100


async def redeem(request: web.Request) -> web.Response:
    """What was typed or pasted, a code or a whole link, leads where the link leads."""
    typed = (await form(request)).get("code", "").strip().rpartition("/")[2]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", typed):
        raise sessions.LinkUsedUp
    await _purpose(request, typed)
    return web.Response(status=303, headers={"Location": f"/einladung/{typed}"})


@doorstep.works_once
async def offer(request: web.Request) -> web.StreamResponse:
    """The notice; nothing is used up by looking."""
    if await _purpose(request, request.match_info["token"]) is TokenPurpose.INVITATION:
        return doorstep.known_again(request, page(request, "join"))
    await _only_known_or_first(request)
    asked = {"given_name": "", "family_name": "", "mail": "", "mistaken": []}
    return doorstep.known_again(request, page(request, "administrator", asked))


@doorstep.works_once
async def enter(request: web.Request) -> web.StreamResponse:
    """After "Gelesen" the browser is signed in, and who had the operator's code is an administrator."""
    if await _purpose(request, request.match_info["token"]) is TokenPurpose.ADMINISTRATOR:
        return await _administer(request)
    token, label = request.match_info["token"], device(request.headers.get("User-Agent", ""))
    now, machine_now = request.app[CLOCKS].domain(), request.app[CLOCKS].machine()
    language, known = middlewares.accepted_language(request), doorstep.session_of(request)
    session = await do(
        request,
        lambda: joining.enter(
            token=token, label=label, language=language, now=now, machine_now=machine_now, session=known
        ),
    )
    response = web.Response(status=303, headers={"Location": request.app[SETTINGS].home})
    middlewares.keep_signed_in(request, response, session)
    return response


async def _purpose(request: web.Request, token: str) -> TokenPurpose:
    """Whether it is an invitation or the operator's code. Raises LinkUsedUp for anything else."""
    machine_now = request.app[CLOCKS].machine()
    purpose = await sessions.purpose_of(token=token, now=machine_now)
    if purpose not in {TokenPurpose.INVITATION, TokenPurpose.ADMINISTRATOR}:
        raise sessions.LinkUsedUp
    return purpose


async def _only_known_or_first(request: web.Request) -> None:
    """The code is for somebody who has signed in, or for the first person of an empty town."""
    if request["person"] is None and not await joining.town_is_empty():
        raise SignInFirst


async def _administer(request: web.Request) -> web.Response:
    """The operator's code: taken by who has signed in, or with the name of the first person."""
    await _only_known_or_first(request)
    token, person = request.match_info["token"], request["person"]
    now, machine_now = request.app[CLOCKS].domain(), request.app[CLOCKS].machine()
    if person is not None:
        await do(request, lambda: joining.administer(by=person, token=token, now=now, machine_now=machine_now))
        return page(request, "administrator_made")
    fields = {name: text.strip() for name, text in (await form(request)).items()}
    mistaken = _mistaken(fields)
    if mistaken:
        shown = {name: fields.get(name, "") for name in ("given_name", "family_name", "mail")}
        return page(request, "administrator", {**shown, "mistaken": mistaken}, status=422)
    introduction = Introduction(given_name=fields["given_name"], family_name=fields["family_name"], mail=fields["mail"])
    session = await do(
        request,
        lambda: joining.found_town(
            token=token,
            introduction=introduction,
            language=request["voice"].language,
            zone=request.app[SETTINGS].zone,
            label=device(request.headers.get("User-Agent", "")),
            now=now,
            machine_now=machine_now,
            session=doorstep.session_of(request),
        ),
    )
    response = page(request, "administrator_made")
    middlewares.keep_signed_in(request, response, session)
    return response


def _mistaken(fields: Mapping[str, str]) -> list[str]:
    """The fields that cannot be right."""
    names = [name for name in ("given_name", "family_name") if not 0 < len(fields.get(name, "")) <= NAME_LIMIT]
    return names if usable_address(fields.get("mail", "")) is not None else [*names, "mail"]
