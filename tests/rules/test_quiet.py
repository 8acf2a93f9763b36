from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules import quiet
from bot.rules.quiet import Rest

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY, SATURDAY, MONDAY = "2026-11-18", "2026-11-21", "2026-11-23"


def rest(quiet_from: str = "19:00", quiet_until: str = "07:00", zone: str = "Europe/Berlin", **absence: Any) -> Rest:  # noqa: ANN401  # dates
    since, until = time.fromisoformat(quiet_from), time.fromisoformat(quiet_until)
    return Rest(
        zone=zone,
        quiet_from=since.hour * 60 + since.minute,
        quiet_until=until.hour * 60 + until.minute,
        absent_from=absence.get("absent_from"),
        absent_until=absence.get("absent_until"),
    )


def berlin(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (f"{WEDNESDAY}T06:59", f"{WEDNESDAY}T07:00"),
        (f"{WEDNESDAY}T07:00", f"{WEDNESDAY}T07:00"),
        (f"{WEDNESDAY}T12:34", f"{WEDNESDAY}T12:34"),
        (f"{WEDNESDAY}T18:59", f"{WEDNESDAY}T18:59"),
        (f"{WEDNESDAY}T19:00", "2026-11-19T07:00"),
        (f"{WEDNESDAY}T23:59", "2026-11-19T07:00"),
        ("2026-11-20T19:00", f"{MONDAY}T07:00"),
        (f"{SATURDAY}T12:00", f"{MONDAY}T07:00"),
        (f"{MONDAY}T00:00", f"{MONDAY}T07:00"),
    ],
)
def test_next_moment_keeps_the_quiet_hours_and_weekends(now: str, opens: str) -> None:
    assert quiet.next_moment(berlin(now), rest(), "BY") == berlin(opens)


def test_next_moment_that_is_later_is_in_utc() -> None:
    opens = quiet.next_moment(berlin(f"{WEDNESDAY}T19:00"), rest(), "BY")

    assert opens.isoformat() == "2026-11-19T06:00:00+00:00"


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (f"{WEDNESDAY}T12:59", f"{WEDNESDAY}T12:59"),
        (f"{WEDNESDAY}T13:00", f"{WEDNESDAY}T15:00"),
        (f"{WEDNESDAY}T14:59", f"{WEDNESDAY}T15:00"),
        (f"{WEDNESDAY}T15:00", f"{WEDNESDAY}T15:00"),
        (f"{SATURDAY}T14:00", f"{MONDAY}T00:00"),
    ],
)
def test_next_moment_of_quiet_hours_within_a_day(now: str, opens: str) -> None:
    assert quiet.next_moment(berlin(now), rest("13:00", "15:00"), "BY") == berlin(opens)


@pytest.mark.parametrize(
    ("now", "opens"),
    [(f"{WEDNESDAY}T03:00", f"{WEDNESDAY}T03:00"), (f"{SATURDAY}T03:00", f"{MONDAY}T00:00")],
)
def test_next_moment_with_equal_ends_has_no_quiet_hours(now: str, opens: str) -> None:
    assert quiet.next_moment(berlin(now), rest("08:00", "08:00"), "BY") == berlin(opens)


def test_next_moment_of_quiet_hours_that_end_at_midnight() -> None:
    assert quiet.next_moment(berlin(f"{WEDNESDAY}T19:30"), rest("19:00", "00:00"), "BY") == berlin("2026-11-19T00:00")


@pytest.mark.parametrize(
    ("land", "opens"),
    [
        ("NW", "2027-06-01T10:00"),  # nothing special
        ("", "2027-06-01T10:00"),
    ],
)
def test_next_moment_on_a_working_day_is_now(land: str, opens: str) -> None:
    assert quiet.next_moment(berlin("2027-06-01T10:00"), rest(), land) == berlin(opens)


@pytest.mark.parametrize(
    ("land", "opens"),
    [
        ("BY", "2027-05-28T07:00"),  # Corpus Christi is a holiday in Bavaria
        ("BE", "2027-05-27T10:00"),  # and none in Berlin
        ("", "2027-05-27T10:00"),  # nor in the whole of Germany
    ],
)
def test_next_moment_keeps_the_holidays_of_the_land(land: str, opens: str) -> None:
    assert quiet.next_moment(berlin("2027-05-27T10:00"), rest(), land) == berlin(opens)


def test_next_moment_over_christmas_and_the_turn_of_the_year() -> None:
    assert quiet.next_moment(berlin("2026-12-24T20:00"), rest(), "BY") == berlin("2026-12-28T07:00")
    assert quiet.next_moment(berlin("2026-12-31T20:00"), rest(), "BY") == berlin("2027-01-04T07:00")


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-28T20:00", "2026-03-30T07:00"),  # the clocks go forward that night
        ("2026-10-24T20:00", "2026-10-26T07:00"),  # and back
        ("2026-10-25T02:30", "2026-10-26T07:00"),
    ],
)
def test_next_moment_over_the_nights_of_the_clock_change(now: str, opens: str) -> None:
    assert quiet.next_moment(berlin(now), rest(), "BY") == berlin(opens)


def test_next_moment_follows_the_clock_of_the_person() -> None:
    now = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)

    opens = quiet.next_moment(now, rest(zone="America/New_York"), "BY")

    assert opens == datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


def test_next_moment_waits_for_the_end_of_an_absence() -> None:
    away = rest(absent_from=date(2026, 11, 18), absent_until=date(2026, 11, 27))

    assert quiet.next_moment(berlin("2026-11-17T12:00"), away, "BY") == berlin("2026-11-17T12:00")
    assert quiet.next_moment(berlin(f"{WEDNESDAY}T12:00"), away, "BY") == berlin("2026-11-30T07:00")


def test_next_moment_of_an_absence_without_end_is_the_next_day() -> None:
    away = rest(absent_from=date(2026, 11, 18))

    assert quiet.next_moment(berlin(f"{WEDNESDAY}T12:00"), away, "BY") == berlin("2026-11-19T07:00")


def test_next_moment_gives_up_waiting_after_more_than_a_year() -> None:
    now = berlin(f"{WEDNESDAY}T12:00")
    away = rest(absent_from=date(2026, 1, 1), absent_until=date(2036, 1, 1))

    assert quiet.next_moment(now, away, "BY") == now + timedelta(days=quiet.HORIZON_DAYS)


def test_absent_counts_both_ends() -> None:
    away = rest(absent_from=date(2026, 11, 18), absent_until=date(2026, 11, 20))

    assert [day for day in range(16, 23) if away.absent(date(2026, 11, day))] == [18, 19, 20]


def test_nobody_is_absent_who_did_not_say_so() -> None:
    assert not rest().absent(date(2026, 11, 18))


def test_rest_days_are_weekends_and_holidays() -> None:
    days = [date(2026, 12, day) for day in range(18, 28)]

    assert [day.day for day in days if quiet.is_rest_day(day, "BE")] == [19, 20, 25, 26, 27]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC)),  # noqa: DTZ001  # given a zone
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_next_moment_is_never_earlier_and_stays_once_reached(now: datetime, quiet_from: int, quiet_until: int) -> None:
    person = Rest(zone="Europe/Berlin", quiet_from=quiet_from, quiet_until=quiet_until)

    opens = quiet.next_moment(now, person, "BY")

    assert opens >= now
    assert quiet.next_moment(opens, person, "BY") == opens
