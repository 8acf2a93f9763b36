"""Every page for everybody: what belongs to others reads like what is not there, and whoever is not signed in goes to the way in.

A new route is in it by itself; the kind of id in its address has to be known here, or the test says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from aiohttp import ClientResponse, hdrs, web

from bot.actions.accounts import sessions
from bot.rules import tokens
from bot.web.routes import ROUTES
from bot.web.settings import WebSettings
from storage.db import unit_of_work
from storage.models import AgendaItem, AgendaItemPaper, Body, Document, Membership, Person
from storage.vocabulary import BodyKind, ItemState, Network, Purpose, Role, TokenPurpose
from tests.actions.invented import a_meeting
from tests.web.conftest import Outside, Town, Visitor, signed_in

PUBLIC = {  # what anybody may open
    ("GET", "/"),
    ("GET", "/anmelden"),
    ("POST", "/anmelden"),
    ("POST", "/abmelden"),
    ("POST", "/einladung"),
    ("GET", "/impressum"),
    ("GET", "/datenschutz"),
    ("GET", "/barrierefreiheit"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/robots.txt"),
    ("GET", "/favicon.ico"),
    ("GET", r"/sitzung/{meeting:\d{1,9}}"),  # an address in calendars that leads on, and knows nothing of the meeting
}
SIGNED = {"/anmelden", "/einladung", "/antwort", "/commitment", "/kalender"}  # the secret in the address says who it is
FILES = {"/static"}
NOBODY = 99999
PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")


@dataclass(frozen=True)
class Things:
    """Ids by what they are of: Ben's own, somebody else's, and of nothing."""

    own: dict[str, str]
    foreign: dict[str, str]
    missing: dict[str, str]


@pytest.fixture
async def things(town: Town, outside: Outside) -> Things:
    rlk = await Body.create(code="RLK", name="Regionalleiterkonferenz", kind=BodyKind.REGIONAL_CONFERENCE)
    await Membership.create(body=rlk, person=town.carla, role=Role.CHAIR, begins_on=outside.domain.date())
    elsewhere = await a_meeting(rlk, "2026-12-01T10:00")
    papers = [await paper(body, by, outside) for body, by in ((town.tk, town.anna), (rlk, town.carla))]
    devices = [await device(person, outside) for person in (town.ben, town.anna)]
    return Things(
        own={"meeting": str(town.meeting.id), "document": str(papers[0]), "session": str(devices[0])},
        foreign={"meeting": str(elsewhere.id), "document": str(papers[1]), "session": str(devices[1])},
        missing=dict.fromkeys(("meeting", "document", "session"), str(NOBODY)),
    )


async def paper(body: Body, by: Person, outside: Outside) -> int:
    item = await AgendaItem.create(
        body=body,
        title="Bericht",
        purpose=Purpose.REPORT,
        minutes=20,
        state=ItemState.ACCEPTED,
        submitted_by=by,
        created_at=outside.domain,
    )
    document = await Document.create(
        name="Bericht.pdf",
        mime="application/pdf",
        size=4,
        network=Network.WEBCHAT,
        file_id="f",
        content=b"%PDF",
        uploaded_by=by,
        created_at=outside.domain,
    )
    await AgendaItemPaper.create(item=item, document=document)
    return document.id


async def device(person: Person, outside: Outside) -> int:
    await unit_of_work(lambda: sessions.begin(person=person.id, label="Firefox", now=outside.machine))
    (begun,) = await sessions.of_person(person, now=outside.machine)
    return begun.id


def parameters(route: web.RouteDef) -> list[str]:
    return PARAMETER.findall(route.path)


def first(route: web.RouteDef) -> str:
    return "/" + route.path.split("/")[1].partition("{")[0]


def with_ids(*, of: Callable[[web.RouteDef], bool]) -> list[web.RouteDef]:
    return [route for route in ROUTES if parameters(route) and of(route)]


def of_things(route: web.RouteDef) -> bool:
    return first(route) not in SIGNED | FILES


async def asked(visitor: Visitor, route: web.RouteDef, ids: dict[str, str]) -> ClientResponse:
    path = PARAMETER.sub(lambda found: ids[found[1]], route.path)
    form = {"answer": "confirm"} if route.method == hdrs.METH_POST else None
    return await visitor.request(route.method, path, data=form, allow_redirects=False)


def named(route: web.RouteDef) -> str:
    return f"{route.method} {route.path}"


async def read(response: ClientResponse) -> tuple[int, str]:
    return response.status, await response.text()


def test_kind_of_every_id_is_known() -> None:
    known = {"meeting", "document", "session"}
    strange = {
        (named(route), name) for route in with_ids(of=of_things) for name in parameters(route) if name not in known
    }

    assert not strange, f"say in `things` which are Ben's own, somebody else's and of nothing: {sorted(strange)}"


@pytest.mark.parametrize("route", with_ids(of=of_things), ids=named)
async def test_what_belongs_to_others_reads_like_what_is_not_there(
    visitor: Visitor, town: Town, outside: Outside, things: Things, route: web.RouteDef
) -> None:
    await signed_in(visitor, town.ben, outside)

    foreign = await read(await asked(visitor, route, things.foreign))
    missing = await read(await asked(visitor, route, things.missing))

    assert foreign == missing
    assert (await asked(visitor, route, things.own)).status in {200, 303}


async def made_for_something_else(address: str, settings: WebSettings, town: Town, outside: Outside) -> str:
    """A secret that we have made, and that opens nothing at this address."""

    async def issued(purpose: TokenPurpose) -> str:
        made = partial(sessions.issue, person=town.ben.id, purpose=purpose, now=outside.machine)
        return await unit_of_work(made)

    match address:
        case "/antwort":
            return tokens.answer_to(settings.key, NOBODY)
        case "/commitment":
            return tokens.commitment(settings.key, NOBODY, town.ben.id)
        case "/kalender":
            return tokens.feed(settings.key, NOBODY, 1)
        case "/anmelden":
            return await issued(TokenPurpose.INVITATION)
        case _:
            return await issued(TokenPurpose.SIGN_IN)


@pytest.mark.parametrize("route", with_ids(of=lambda route: first(route) in SIGNED), ids=named)
async def test_secret_for_something_else_reads_like_one_that_nobody_has_made(
    visitor: Visitor, settings: WebSettings, town: Town, outside: Outside, route: web.RouteDef
) -> None:
    ours = await made_for_something_else(first(route), settings, town, outside)
    theirs = "A" * len(ours)

    answers = [await read(await asked(visitor, route, {"token": token})) for token in (ours, theirs)]

    assert answers[0] == answers[1]
    assert 400 <= answers[0][0] < 500


@pytest.mark.parametrize("route", [route for route in ROUTES if first(route) not in FILES], ids=named)
async def test_whoever_is_not_signed_in_goes_to_the_way_in(
    visitor: Visitor, things: Things, route: web.RouteDef
) -> None:
    if (route.method, route.path) in PUBLIC or (parameters(route) and first(route) in SIGNED):
        return

    response = await asked(visitor, route, things.own)

    assert (response.status, response.headers.get(hdrs.LOCATION)) == (303, "/anmelden")
