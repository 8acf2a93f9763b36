"""A Regionalleiterkonferenz and what is agreed there, as the tests bring it about."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bot.actions.commitments import commitments
from bot.actions.commitments.commitments import Due
from bot.rules import facts as typed
from bot.rules.parties import Party
from storage.models import Body, Commitment, CommitmentParty, Notice, Organisation, Person
from storage.vocabulary import CommitmentState, DueKind, Role
from tests.actions.invented import a_body, a_person, a_seat, an_organisation

LAND = "HH"
NEXT_WEEK = Due(kind=DueKind.DATE, on=date(2026, 11, 25))
STANDING = Due(kind=DueKind.STANDING)
WHAT = "Beratungsangebot aufbauen"


@dataclass(frozen=True, kw_only=True)
class Town:
    """Anna leads the RLK, Ben is her deputy; Carla sits there for the Caritas, Dora takes the minutes. Emil leads the TK."""

    rlk: Body
    tk: Body
    caritas: Organisation
    anna: Person
    ben: Person
    carla: Person
    dora: Person
    emil: Person
    nobody: Person


async def arrive() -> Town:
    """Everybody takes their seat."""
    town = Town(
        rlk=await a_body("RLK", "Regionalleiterkonferenz"),
        tk=await a_body("TK", "Trägerkonferenz", level=3),
        caritas=await an_organisation("caritas", "Caritas Lindental"),
        anna=await a_person("Anna Arendt"),
        ben=await a_person("Ben Özdemir"),
        carla=await a_person("Carla Cramer"),
        dora=await a_person("Dora Dietz"),
        emil=await a_person("Emil Ebert"),
        nobody=await a_person("Nora Niemand"),
    )
    await a_seat(town.anna, town.rlk, Role.CHAIR)
    await a_seat(town.ben, town.rlk, Role.DEPUTY_CHAIR)
    await a_seat(town.carla, town.rlk, Role.MEMBER, town.caritas)
    await a_seat(town.dora, town.rlk, Role.MINUTE_TAKER)
    await a_seat(None, town.rlk, Role.COORDINATOR, town.caritas)
    await a_seat(town.emil, town.tk, Role.CHAIR)
    return town


async def recorded(town: Town, now: datetime, due: Due = NEXT_WEEK, **more: Any) -> int:  # noqa: ANN401  # what `record` takes
    """Anna records that Carla does it with Emil; its id."""
    values = {"by": town.anna, "body": "RLK", "what": WHAT, "due": due, "now": now, **more}
    values.setdefault("owners", [Party(person=town.carla.id)])
    values.setdefault("counterparts", [Party(person=town.emil.id)])
    facts = await commitments.record(**values)
    return int(facts["commitment"]["id"])


async def agreed(town: Town, now: datetime, due: Due = NEXT_WEEK, **more: Any) -> int:  # noqa: ANN401  # what `record` takes
    """As recorded, and confirmed by both; nothing of that waits to be told."""
    number = await recorded(town, now, due, **more)
    await CommitmentParty.filter(commitment_id=number).update(confirmed_at=now)
    await Commitment.filter(id=number).update(state=CommitmentState.AGREED)
    await Notice.filter(template__in=["commitments/proposed", "commitments/agreed"]).delete()
    return number


async def state(number: int) -> CommitmentState:
    return (await Commitment.get(id=number)).state


async def told(template: str | None = None) -> list[tuple[str, int | None]]:
    """Which notices wait, and for whom."""
    rows = Notice.filter(template=template) if template else Notice.all()
    return [(row.template, row.person_id) for row in await rows.order_by("id")]


async def facts_told(template: str, person: Person) -> Any:  # noqa: ANN401  # facts of every kind
    row = await Notice.get(template=template, person_id=person.id)
    return typed.decode(row.facts)
