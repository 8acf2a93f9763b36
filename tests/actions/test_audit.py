from datetime import datetime

import pytest

from bot.actions import audit
from storage.db import unit_of_work
from storage.models import AuditEvent
from tests.actions.cast import Town

pytestmark = pytest.mark.usefixtures("store")


async def test_record_says_who_did_what_when(town: Town, now: datetime) -> None:
    await audit.record(town.anna, "item.accepted", "item:7", now=now, on_behalf_of=town.ben, count=3)

    event = await AuditEvent.get()
    assert (event.at, event.person_id, event.on_behalf_of_id) == (now, town.anna.id, town.ben.id)
    assert (event.what, event.about, event.facts) == ("item.accepted", "item:7", {"count": 3})


async def test_record_of_what_the_program_did_names_nobody(now: datetime) -> None:
    await audit.record(None, "town.imported", "town", now=now)

    event = await AuditEvent.get()
    assert (event.person_id, event.on_behalf_of_id, event.facts) == (None, None, {})


async def test_record_goes_with_the_deed_that_fails(town: Town, now: datetime) -> None:
    async def deed() -> None:
        await audit.record(town.anna, "item.accepted", "item:7", now=now)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await unit_of_work(deed)

    assert await AuditEvent.all().count() == 0
