"""The page behind a signed link by which somebody who is reached by mail answers for a commitment."""

from aiohttp import web

from bot.actions.commitments import commitments, ledger
from bot.rules import tokens
from bot.rules.refusals import NotFoundHere
from bot.web.settings import CLOCKS, SETTINGS
from bot.web.words import do, form, page, voice
from storage.models import Person
from storage.vocabulary import CheckInAnswer


async def show(request: web.Request) -> web.Response:
    """What was agreed and how it stands, and the buttons; nothing is answered by looking."""
    commitment, person = await _addressed(request)
    facts = await ledger.view(by=person, commitment=commitment, now=request.app[CLOCKS].domain())
    return page(request, "commitment", {**facts, "noted": False})


async def answer(request: web.Request) -> web.Response:
    """Confirm, disagree, say how it stands or that it is not done after all; show what it now is."""
    commitment, person = await _addressed(request)
    now = request.app[CLOCKS].domain()
    fields = await form(request)
    chosen = fields.get("answer", "")
    if chosen == "confirm":
        facts = await do(request, lambda: commitments.confirm(by=person, commitment=commitment, now=now))
    elif chosen == "decline":
        reason = fields.get("reason", "").strip()
        facts = await do(request, lambda: commitments.decline(by=person, commitment=commitment, reason=reason, now=now))
    elif chosen == "open":
        facts = await do(request, lambda: commitments.reopen(by=person, commitment=commitment, now=now))
    elif chosen in set(CheckInAnswer):
        stands = CheckInAnswer(chosen)
        facts = await do(
            request, lambda: commitments.check_in(by=person, commitment=commitment, answer=stands, now=now)
        )
    else:
        raise web.HTTPBadRequest
    return page(request, "commitment", {**facts, "noted": True})


async def _addressed(request: web.Request) -> tuple[int, Person]:
    """What the link is about and for whom. The person is not signed in by that: they only speak their language here."""
    settings = request.app[SETTINGS]
    named = tokens.commitment_of(settings.key, request.match_info["token"])
    person = await Person.get_or_none(id=named[1], left_at=None) if named else None
    if named is None or person is None:
        raise NotFoundHere
    request["voice"] = voice(settings, person.language, person)
    return named[0], person
