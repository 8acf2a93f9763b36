"""Statements of our own give the same models as the library's."""

from datetime import UTC, datetime

import pytest
from tortoise.models import Model

from storage.db import transaction
from storage.models import Body, Notice, Person
from storage.rows import change, select
from storage.vocabulary import BodyKind, Lane, Network, NoticeKind, NoticeState

pytestmark = pytest.mark.usefixtures("store")

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


def values_of(row: Model) -> dict[str, object]:
    return {name: getattr(row, name) for name in row._meta.db_fields}  # noqa: SLF001  # Tortoise's own name


async def test_models_are_the_librarys() -> None:
    body = await Body.create(
        code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE, rules={"days": 7}, place="Rathaus"
    )
    person = await Person.create(key="a", given_name="Anna", family_name="Beispiel", absent_from=NOON.date())

    [(found, at)] = await select("FROM person p JOIN body b ON b.id = ?", [body.id], p=Person, b=Body)

    assert values_of(found) == values_of(await Person.get(id=person.id))
    assert values_of(at) == values_of(await Body.get(id=body.id))


async def test_what_a_left_join_does_not_find_is_none() -> None:
    person = await Person.create(key="a", given_name="Anna", family_name="Beispiel")

    [(found, body)] = await select("FROM person p LEFT JOIN body b ON b.id = p.id + 1", [], p=Person, b=Body)

    assert (found.id, body) == (person.id, None)


async def test_change_writes_what_the_library_would_and_only_in_that_state() -> None:
    row = await Notice.create(
        key="n",
        kind=NoticeKind.MESSAGE,
        lane=Lane.ANSWER,
        template="general/help",
        facts={},
        due_at=NOON,
        created_at=NOON,
    )
    values = {"state": NoticeState.SENT, "facts": {"a": [1]}, "network": Network.TELEGRAM, "sent_at": NOON}

    async with transaction():
        changed = await change(Notice, row.id, values, state=NoticeState.WAITING)
        again = await change(Notice, row.id, {"state": NoticeState.DEAD}, state=NoticeState.WAITING)

    await row.refresh_from_db()
    assert {name: getattr(row, name) for name in values} == values
    assert (changed, again) == (True, False)
