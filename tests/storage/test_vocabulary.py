"""The closed lists that follow from something outside of us."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from storage.vocabulary import ZONES_LIKE_BERLIN

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
CHANGES = [FIRST + timedelta(days=day, hours=hour) for day in range(13_880) for hour in (0, 1)]
"""Just before and just after each moment until the end of 2037 at which Europe's clocks can change."""


@cache
def _offsets(zone: str) -> list[timedelta | None]:
    here = ZoneInfo(zone)
    return [moment.astimezone(here).utcoffset() for moment in CHANGES]


def _like_berlin(zone: str) -> bool:
    here = ZoneInfo(zone)
    return all(
        moment.astimezone(here).utcoffset() == offset
        for moment, offset in zip(CHANGES, _offsets("Europe/Berlin"), strict=True)
    )


def test_zones_like_berlin_are_those_whose_clocks_the_time_zone_database_sets_alike() -> None:
    places = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}

    assert CHANGES[-1].year == 2037
    assert {zone for zone in places if _like_berlin(zone)} == ZONES_LIKE_BERLIN
