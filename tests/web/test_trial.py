import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.actions.trial import trial
from storage.models import Body
from storage.vocabulary import BodyKind
from tests.web.conftest import Outside, Town, Visitor, get, post


async def test_trial_lists_everybody_by_body_and_role(trial_visitor: Visitor) -> None:
    await Body.create(code="RLK", name="Regionalleiterkonferenz", kind=BodyKind.REGIONAL_CONFERENCE)

    text = await (await get(trial_visitor, "/probe")).text()

    assert re.findall("<h3>(.*)</h3>", text) == ["Trägerkonferenz", "Ohne Sitz in einem Gremium"]
    assert "<strong>Anna Arendt</strong><small>Leitung, Diakonie Beispiel</small>" in text
    assert text.index("Ohne Sitz in einem Gremium") < text.index("<strong>Carla Cramer</strong>")


async def test_trial_says_on_every_page_that_it_is_one(trial_visitor: Visitor) -> None:
    text = await (await get(trial_visitor, "/impressum")).text()

    assert "<strong>Das ist eine Probe.</strong>" in text


async def test_anybody_can_be_anybody(trial_visitor: Visitor, town: Town) -> None:
    chosen = await post(trial_visitor, "/probe/person", {"person": str(town.ben.id)})
    settings = await get(trial_visitor, chosen.headers["Location"])

    assert chosen.status == 303
    assert "Ben Özdemir" in await settings.text()


@pytest.mark.parametrize("person", ["", "999999", "ben", "9" * 5000])
async def test_nobody_can_be_nobody(trial_visitor: Visitor, person: str) -> None:
    response = await post(trial_visitor, "/probe/person", {"person": person})

    assert response.status == 404


BERLIN_9_00 = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "now", "then"),
    [
        ({"step": "hour"}, BERLIN_9_00, BERLIN_9_00 + timedelta(hours=1)),
        ({"step": "day"}, BERLIN_9_00, BERLIN_9_00 + timedelta(days=1)),
        ({"step": "week"}, BERLIN_9_00, BERLIN_9_00 + timedelta(weeks=1)),
        ({"step": "morning"}, BERLIN_9_00, BERLIN_9_00 + timedelta(days=1)),
        ({"step": "morning"}, BERLIN_9_00 - timedelta(minutes=1), BERLIN_9_00),
        ({"to": "2027-01-05T14:30"}, BERLIN_9_00, datetime(2027, 1, 5, 13, 30, tzinfo=UTC)),
        # over the change to winter time, 9:00 stays 9:00
        ({"step": "day"}, datetime(2026, 10, 24, 7, 0, tzinfo=UTC), datetime(2026, 10, 25, 8, 0, tzinfo=UTC)),
    ],
)
async def test_clock_can_be_moved(
    trial_visitor: Visitor, outside: Outside, form: dict[str, str], now: datetime, then: datetime
) -> None:
    outside.domain = now

    response = await post(trial_visitor, "/probe/uhr", form)

    offset = then - outside.machine
    assert (response.status, response.headers["Location"]) == (303, "/probe")
    assert outside.clock_offsets == [offset]
    assert await trial.clock_offset() == offset
    assert outside.woken == 1


async def test_clock_can_be_set_back_to_the_real_time(trial_visitor: Visitor, outside: Outside) -> None:
    outside.domain += timedelta(days=3)

    await post(trial_visitor, "/probe/uhr", {"step": "now"})

    assert outside.clock_offsets == [timedelta()]


@pytest.mark.parametrize(
    "typed", ["bald", "", "0001-01-01T00:00", "1999-12-31T23:59", "2100-01-01T00:00", "9999-12-31T23:59"]
)
async def test_time_that_the_clock_cannot_show_moves_nothing(
    trial_visitor: Visitor, outside: Outside, typed: str
) -> None:
    response = await post(trial_visitor, "/probe/uhr", {"to": typed})

    assert response.status == 422
    assert "von 2000 bis 2099" in await response.text()
    assert outside.clock_offsets == []


async def test_production_has_no_trial_pages(visitor: Visitor) -> None:
    statuses = [
        (await get(visitor, "/probe")).status,
        (await post(visitor, "/probe/person", {"person": "1"})).status,
        (await post(visitor, "/probe/uhr", {"step": "day"})).status,
    ]

    assert statuses == [404, 404, 404]
