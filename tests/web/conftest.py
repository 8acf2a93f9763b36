"""The HTTP door of a small town, served on the loopback, and people who come to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from bot.actions.accounts import sessions
from bot.rules.refusals import ChangedMeanwhile
from bot.web.middlewares import SESSION_COOKIE
from bot.web.routes import application
from bot.web.settings import Check, LegalTexts, Preferences, WebSettings
from storage.db import transaction, unit_of_work
from storage.models import Attendance, Body, Channel, Meeting, Membership, Organisation, Person
from storage.vocabulary import BodyKind, MeetingFormat, MeetingState, Network, OrganisationKind, Role

Visitor = TestClient[Any, Any]


@dataclass
class Outside:
    """What the door is given: clocks that the test sets, and what it was told."""

    domain: datetime
    machine: datetime
    woken: int = 0
    clock_offsets: list[timedelta] = field(default_factory=list)
    checks: dict[str, Check] = field(default_factory=dict)
    preferences: list[Preferences] = field(default_factory=list)

    def wake(self) -> None:
        self.woken += 1

    async def change_preferences(self, *, by: Person, preferences: Preferences, now: datetime) -> None:  # noqa: ARG002  # the door's
        async with transaction():
            changed = await Person.filter(id=by.id, version=preferences.version).update(
                language=preferences.language, version=preferences.version + 1
            )
        if not changed:
            raise ChangedMeanwhile
        self.preferences.append(preferences)

    def check(self, name: str) -> Callable[[], Awaitable[Check]]:
        async def check() -> Check:
            return self.checks[name]

        return check


@dataclass(frozen=True, kw_only=True)
class Town:
    """Who lives here. Anna leads the Trägerkonferenz, Ben is a member, Carla has no seat, Dora is Ben's colleague."""

    tk: Body
    anna: Person
    ben: Person
    carla: Person
    dora: Person
    meeting: Meeting
    bens_attendance: Attendance


@pytest.fixture
def settings() -> WebSettings:
    return WebSettings(
        public_url="https://faden.beispielstadt.example",
        town="Beispielstadt",
        key=b"k" * 32,
        mailbox="faden@beispielstadt.example",
        legal=LegalTexts(imprint="Stadt Beispielstadt\nRathausplatz 1\n\nVertreten durch das Jugendamt."),
        trusted_proxies=(ip_network("10.0.0.0/8"),),
        metrics_token="metrics-token",
    )


@pytest.fixture
def outside(now: datetime) -> Outside:
    return Outside(domain=now, machine=now, checks={"database": Check(ok=True, detail="0.001 s")})


@pytest.fixture
async def town(store: str, now: datetime) -> Town:  # noqa: ARG001  # it has to be open
    provider = await Organisation.create(key="diakonie", name="Diakonie Beispiel", kind=OrganisationKind.FREE)
    tk = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
    anna = await _person("anna", "Anna", "Arendt")
    ben = await _person("ben", "Ben", "Özdemir")
    carla = await _person("carla", "Carla", "Cramer", mail=False)
    dora = await _person("dora", "Dora", "Dietz", language="en")
    seats = [(anna, Role.CHAIR), (ben, Role.MEMBER), (dora, Role.MEMBER)]
    for person, role in seats:
        await Membership.create(body=tk, person=person, organisation=provider, role=role, begins_on=date(2026, 1, 1))
    starts = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    meeting = await Meeting.create(
        body=tk,
        number=82,
        title="82. Trägerkonferenz",
        state=MeetingState.INVITED,
        format=MeetingFormat.HYBRID,
        starts_local="2026-11-24T14:30",
        zone="Europe/Berlin",
        minutes=90,
        starts_at=starts,
        ends_at=starts + timedelta(minutes=90),
        place="Rathaus, Raum 12",
        join_link="https://video.beispielstadt.example/tk",
        uid="4c9d@faden.beispielstadt.example",
        invited_at=now,
        created_at=now,
        changed_at=now,
    )
    attendance = await Attendance.create(meeting=meeting, person=ben, organisation=provider, invited_at=now)
    return Town(tk=tk, anna=anna, ben=ben, carla=carla, dora=dora, meeting=meeting, bens_attendance=attendance)


async def _person(key: str, given: str, family: str, *, mail: bool = True, language: str = "de") -> Person:
    address = f"{key}@beispielstadt.example" if mail else None
    return await Person.create(key=key, given_name=given, family_name=family, mail=address, language=language)


def made(settings: WebSettings, outside: Outside, *extra_routes: web.AbstractRouteDef) -> web.Application:
    """The door with everything it is given."""
    return application(
        settings,
        change_preferences=outside.change_preferences,
        domain_now=lambda: outside.domain,
        machine_now=lambda: outside.machine,
        wake=outside.wake,
        registry=CollectorRegistry(),
        readiness={name: outside.check(name) for name in outside.checks},
        clock_moved=outside.clock_offsets.append,
        extra_routes=extra_routes,
    )


async def serve(application: web.Application) -> AsyncIterator[Visitor]:
    """A visitor who keeps cookies, reads German, and follows no redirect by themselves."""
    async with TestServer(application) as server:
        # The cookies are for https only and the loopback has none: the visitor's jar treats it as if it had.
        jar = CookieJar(unsafe=True, treat_as_secure_origin=server.make_url("/").origin())
        headers = {"Accept": "text/html", "Accept-Language": "de-DE,de;q=0.9"}
        visitor: Visitor = TestClient(server, cookie_jar=jar, headers=headers)
        async with visitor:
            yield visitor


@pytest.fixture
async def visitor(settings: WebSettings, outside: Outside, town: Town) -> AsyncIterator[Visitor]:  # noqa: ARG001  # lives there
    async for visitor in serve(made(settings, outside)):
        yield visitor


@pytest.fixture
async def trial_visitor(settings: WebSettings, outside: Outside, town: Town) -> AsyncIterator[Visitor]:  # noqa: ARG001  # lives there
    trial = replace(settings, trial=True, public_url="http://127.0.0.1:8080", home="/einstellungen")
    async for visitor in serve(made(trial, outside)):
        yield visitor


async def signed_in(visitor: Visitor, person: Person, outside: Outside) -> str:
    """Give the visitor the person's cookie; its token."""
    token = await unit_of_work(lambda: sessions.begin(person=person.id, label="Firefox, Linux", now=outside.machine))
    visitor.session.cookie_jar.update_cookies({SESSION_COOKIE: token}, visitor.make_url("/"))
    return token


async def get(visitor: Visitor, path: str, headers: dict[str, str] | None = None) -> ClientResponse:
    """Fetch without following redirects."""
    return await visitor.get(path, allow_redirects=False, headers=headers)


async def post(
    visitor: Visitor, path: str, data: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> ClientResponse:
    """Send a form without following redirects."""
    return await visitor.post(path, data=data or {}, allow_redirects=False, headers=headers)


async def link_web_chat(person: Person, now: datetime) -> Channel:
    """Somebody can be reached in the web chat."""
    return await Channel.create(
        person=person, network=Network.WEBCHAT, address=f"1{person.id}", preferred=True, linked_at=now
    )


@pytest.fixture
async def first_visitor(settings: WebSettings, outside: Outside, store: str) -> AsyncIterator[Visitor]:  # noqa: ARG001  # open and empty
    async for visitor in serve(made(settings, outside)):
        yield visitor
