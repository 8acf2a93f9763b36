"""What a person sets for themselves, and the browsers in which they are signed in."""

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Final

from aiohttp import web

from bot import messages
from bot.actions.accounts import sessions
from bot.web import middlewares
from bot.web.settings import CHANGE_PREFERENCES, CLOCKS, Preferences
from bot.web.words import do, form, page, person_of
from storage.models import Channel, Person, WebSession
from storage.vocabulary import ChannelState, Network

ADDRESS: Final = "/einstellungen"
TOLD: Final = frozenset({"saved", "ended", "renewed"})


class Mistaken(ValueError):
    """The form cannot be saved as it is; says which field."""


async def show(request: web.Request) -> web.Response:
    """The form with what is set."""
    person = person_of(request)
    return page(request, "settings", await _facts(request, person))


async def save(request: web.Request) -> web.StreamResponse:
    """Write the form; with a mistake in it, show it again."""
    person = person_of(request)
    now = request.app[CLOCKS].domain()
    try:
        preferences = _read(await form(request))
    except Mistaken as mistake:
        facts = await _facts(request, person)
        return page(request, "settings", {**facts, "mistake": str(mistake)}, status=422)
    await do(request, lambda: request.app[CHANGE_PREFERENCES](by=person, preferences=preferences, now=now))
    return _back("saved")


async def end_session(request: web.Request) -> web.StreamResponse:
    """Sign one of one's browsers out."""
    person, session = person_of(request), int(request.match_info["session"])
    await do(request, lambda: sessions.end(by=person, session=session))
    return _back("ended")


async def end_other_sessions(request: web.Request) -> web.StreamResponse:
    """Sign all of one's browsers out but this one."""
    person, current = person_of(request), request.get(middlewares.SESSION, 0)
    await do(request, lambda: sessions.end_others(by=person, current=current))
    return _back("ended")


def _back(told: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{ADDRESS}?{told}"})


async def _facts(request: web.Request, person: Person) -> dict[str, object]:
    channels = await Channel.filter(person_id=person.id, state=ChannelState.ACTIVE).order_by("id")
    machine_now = request.app[CLOCKS].machine()
    return {
        "name": f"{person.given_name} {person.family_name}",
        "mail": person.mail,
        "chosen_language": person.language,
        "quiet_from": _clock(person.quiet_from),
        "quiet_until": _clock(person.quiet_until),
        "absent_from": person.absent_from.isoformat() if person.absent_from else "",
        "absent_until": person.absent_until.isoformat() if person.absent_until else "",
        "version": person.version,
        "channels": [
            {"network": channel.network.value, "preferred": channel.preferred}
            for channel in channels
            if channel.network is not Network.MAIL
        ],
        "sessions": [
            _session(session, request.get(middlewares.SESSION))
            for session in await sessions.of_person(person, now=machine_now)
        ],
        "mistake": None,
        "told": next((told for told in TOLD if told in request.query), None),
    }


def _session(session: WebSession, current: int | None) -> dict[str, object]:
    return {
        "id": session.id,
        "label": session.label,
        "seen_at": session.seen_at,
        "created_at": session.created_at,
        "current": session.id == current,
    }


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read(fields: Mapping[str, str]) -> Preferences:
    """The form as facts. Raises Mistaken; a browser lets people make only the mistake with the absence."""
    absent_from, absent_until = _day(fields, "absent_from"), _day(fields, "absent_until")
    if (absent_from is None) != (absent_until is None) or (absent_from and absent_until and absent_until < absent_from):
        raise Mistaken("absence")
    language = fields.get("language", "")
    if language not in messages.LANGUAGES:
        raise Mistaken("language")
    version = fields.get("version", "")
    try:
        preferred = Network(fields["preferred"]) if fields.get("preferred") else None
    except ValueError as error:
        raise Mistaken("form") from error
    if not re.fullmatch(r"\d{1,9}", version):
        raise Mistaken("form")
    return Preferences(
        language=language,
        quiet_from=_minutes(fields, "quiet_from"),
        quiet_until=_minutes(fields, "quiet_until"),
        absent_from=absent_from,
        absent_until=absent_until,
        preferred=preferred,
        version=int(version),
    )


def _day(fields: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(fields[name]) if fields.get(name) else None
    except ValueError as error:
        raise Mistaken("absence") from error


def _minutes(fields: Mapping[str, str], name: str) -> int:
    try:
        read = time.fromisoformat(fields.get(name, ""))
    except ValueError as error:
        raise Mistaken("quiet") from error
    return read.hour * 60 + read.minute
