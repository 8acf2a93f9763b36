"""The cast of the kernel's tests: a Trägerkonferenz, the team beside it, who sits there, and who does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from bot.rules import facts as typed
from storage.db import transaction
from storage.models import Body, Membership, Notice, Organisation, Person
from storage.vocabulary import NoticeKind, NoticeState, Role
from tests.actions.invented import SINCE, a_body, a_person, a_seat, an_organisation

LAND = "NW"
YESTERDAY = date(2026, 11, 17)
OUTSIDERS = ("emil", "frida", "lars", "nora")


@dataclass(frozen=True, kw_only=True)
class Town:
    """Who is who.

    In the TK: Anna leads, Ada is her deputy, Ben and Carla are members for Caritas and Diakonie, Dora takes the minutes,
    Gesa is a guest; one seat is vacant. Vera stands in for Ben, Kim is his colleague in the team. Emil leads that team
    and has no seat in the TK; Frida's ended yesterday; Lars has left, though his seat stands; Nora never had one.
    Ada, Ben and Frida have mail.
    """

    tk: Body
    srt: Body
    caritas: Organisation
    diakonie: Organisation
    anna: Person
    ada: Person
    ben: Person
    carla: Person
    dora: Person
    gesa: Person
    vera: Person
    kim: Person
    emil: Person
    frida: Person
    lars: Person
    nora: Person

    def person(self, name: str) -> Person:
        """By the given name in small letters."""
        person: Person = getattr(self, name)
        return person


async def arrive() -> Town:
    """Everybody takes their seat."""
    async with transaction():  # one commit: a test begins with it
        return await _arrive()


async def _arrive() -> Town:
    town = Town(
        tk=await a_body("TK", "Trägerkonferenz"),
        srt=await a_body("SRT", "Sozialraumteam", level=3),
        caritas=await an_organisation("caritas", "Caritas Lindental"),
        diakonie=await an_organisation("diakonie", "Diakonie Lindental"),
        anna=await a_person("Anna Arendt"),
        ada=await a_person("Ada Öhler", mail="ada@lindental.example"),
        ben=await a_person("Ben Özdemir", mail="ben@lindental.example"),
        carla=await a_person("Carla Cramer"),
        dora=await a_person("Dora Dietz"),
        gesa=await a_person("Gesa Güler"),
        vera=await a_person("Vera Vogt"),
        kim=await a_person("Kim Krause"),
        emil=await a_person("Emil Ebert"),
        frida=await a_person("Frida Funk", mail="frida@lindental.example"),
        lars=await a_person("Lars Lehmann", left_at=datetime(2026, 11, 1, tzinfo=UTC)),
        nora=await a_person("Nora Niemand"),
    )
    await a_seat(town.anna, town.tk, Role.CHAIR)
    await a_seat(town.ada, town.tk, Role.DEPUTY_CHAIR)
    bens = await a_seat(town.ben, town.tk, Role.MEMBER, town.caritas)
    await Membership.filter(id=bens.id).update(deputy_id=town.vera.id)
    await a_seat(town.carla, town.tk, Role.MEMBER, town.diakonie)
    await a_seat(town.dora, town.tk, Role.MINUTE_TAKER)
    await a_seat(town.gesa, town.tk, Role.GUEST)
    await a_seat(None, town.tk, Role.COORDINATOR, town.diakonie)
    await a_seat(town.lars, town.tk, Role.CHAIR)
    await Membership.create(body=town.tk, person=town.frida, role=Role.CHAIR, begins_on=SINCE, ends_on=YESTERDAY)
    await a_seat(town.emil, town.srt, Role.CHAIR)
    await a_seat(town.kim, town.srt, Role.MEMBER, town.caritas)
    return town


async def told(about: str | None = None) -> list[tuple[str, str | None, NoticeKind]]:
    """What is queued: template, the reader's given name, and in which form; cards apart."""
    rows = Notice.filter(about=about) if about else Notice.all()
    queued = await rows.exclude(kind=NoticeKind.CARD).order_by("id").select_related("person")
    return [(row.template, row.person.given_name if row.person else None, row.kind) for row in queued]


async def by_chat(about: str | None = None) -> list[tuple[str, str | None]]:
    """What is queued for chats: template and the reader's given name."""
    return [(template, name) for template, name, kind in await told(about) if kind is NoticeKind.MESSAGE]


async def facts_for(template: str, person: Person, kind: NoticeKind = NoticeKind.MESSAGE) -> dict[str, Any]:
    """The facts of somebody's last notice with that template."""
    row = await Notice.filter(template=template, person_id=person.id, kind=kind).order_by("-id").first()
    assert row is not None
    facts: dict[str, Any] = typed.decode(row.facts)
    return facts


async def all_sent(**which: object) -> None:
    """Everything that waits, or this of it, has left."""
    await Notice.filter(state=NoticeState.WAITING, **which).update(state=NoticeState.SENT)


def untyped(facts: object, path: str = "") -> Iterator[str]:
    """Where a text stands among the facts that has no type, so that no privacy level knows what it is."""
    if isinstance(facts, Mapping):
        for key, value in facts.items():
            yield from untyped(value, f"{path}.{key}")
    elif isinstance(facts, list | tuple):
        for number, value in enumerate(facts):
            yield from untyped(value, f"{path}[{number}]")
    elif isinstance(facts, str) and typed.encode(facts) == str(facts):
        yield path
