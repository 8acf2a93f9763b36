"""Statements of our own give the same models as the library's."""

from datetime import UTC, datetime

import pytest

from storage.db import transaction
from storage.models import Body, Notice, Person
from storage.rows import change, select
from storage.vocabulary import BodyKind, Lane, Network, NoticeKind, NoticeState

pytestmark = pytest.mark.usefixtures("store")

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


async def test_models_are_the_librarys() -> None:
    body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE, rules={"days": 7}, place="Rathaus")
    person = await Person.create(key="a", given_name="Anna", family_name="Beispiel", absent_from=NOON.date())

    [(found, at)] = await select("FROM person p JOIN body b ON b.id = ?", [body.id], p=Person, b=Body)

    for ours, theirs in ((found, await Person.get(id=person.id)), (at, await Body.get(id=body.id))):
        assert [getattr(ours, name) for name in ours._meta.db_fields] == [
            getattr(theirs, name) for name in ours._meta.db_fields
        ]


async def test_change_writes_what_the_library_would_and_only_in_that_state() -> None:
    row = await Notice.create(
        key="n", kind=NoticeKind.MESSAGE, lane=Lane.ANSWER, template="help", facts={}, due_at=NOON, created_at=NOON
    )
    values = {"state": NoticeState.SENT, "facts": {"a": [1]}, "network": Network.TELEGRAM, "sent_at": NOON}

    async with transaction():
        changed = await change(Notice, row.id, values, state=NoticeState.WAITING)
        again = await change(Notice, row.id, {"state": NoticeState.DEAD}, state=NoticeState.WAITING)

    await row.refresh_from_db()
    assert {name: getattr(row, name) for name in values} == values
    assert (changed, again) == (True, False)
