"""A template and facts become a page; the frame around each page is the same."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from bot import messages
from bot.messages import Voice
from bot.rules.limits import FIELD_BYTES
from bot.web import assets
from bot.web.settings import CLOCKS, SETTINGS, WAKE, WebSettings
from storage.db import unit_of_work
from storage.models import Person

T = TypeVar("T")

MOST_FIELDS: Final = 200


def voice(settings: WebSettings, language: str, person: Person | None) -> Voice:
    """How to speak to whoever reads the page."""
    return Voice(
        language=person.language if person else language,
        zone=person.zone if person else settings.zone,
        base_url=settings.public_url,
        area_label=settings.area_label,
    )


def full_name(person: Person) -> str:
    """The name as given."""
    return f"{person.given_name} {person.family_name}"


def frame(request: web.Request) -> dict[str, Any]:
    """What `pages/layout.html` needs."""
    settings = request.app[SETTINGS]
    person: Person | None = request.get("person")
    return {
        "town": settings.town,
        "trial": settings.trial,
        "clock": request.app[CLOCKS].domain(),
        "reader": full_name(person) if person else None,
        "home": settings.home,
        "here": request.path,
        "stylesheet": assets.address("faden.css"),
        "icon": assets.address("favicon.svg"),
    }


def page(
    request: web.Request, template: str, facts: Mapping[str, Any] | None = None, *, status: int = 200
) -> web.Response:
    """Answer with `templates/pages/<template>.html`; nobody keeps a copy."""
    speaking: Voice = request.get("voice") or voice(request.app[SETTINGS], request.app[SETTINGS].language, None)
    text = messages.page(template, {**frame(request), **(facts or {})}, speaking)
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


async def do(request: web.Request, work: Callable[[], Awaitable[T]]) -> T:
    """Run an action that writes, all or nothing, and wake the post for what it queued."""
    result = await unit_of_work(work)
    request.app[WAKE]()
    return result


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of one of our own forms: short, without files, in UTF-8, whatever its header says. The last of a name counts."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    if request.content_length is None:
        raise web.HTTPLengthRequired
    if request.content_length > FIELD_BYTES:
        raise web.HTTPRequestEntityTooLarge(FIELD_BYTES, request.content_length)
    sent = (await request.read()).decode(errors="replace")
    try:
        fields = parse_qsl(sent, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise web.HTTPBadRequest from error
    return {name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, value in fields}


def person_of(request: web.Request) -> Person:
    """Who has signed in; everybody else is sent to sign in and comes back afterwards."""
    person: Person | None = request["person"]
    if person is None:
        raise SignInFirst
    return person


class SignInFirst(Exception):
    """The page is for people who have signed in."""
