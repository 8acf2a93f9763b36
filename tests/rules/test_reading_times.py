"""A time that is typed when the day is known, and the names of purposes."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bot.rules.reading import Choices, Exact, NotADate, Reason, at, purpose, until

BERLIN = ZoneInfo("Europe/Berlin")
NOW = dt.datetime(2026, 11, 18, 9, 0, tzinfo=BERLIN)
CHOSEN, LATER = dt.date(2026, 12, 10), dt.date(2026, 12, 17)


def on(day: dt.date, start: str | None = None, end: str | None = None) -> Exact:
    starts, ends = (dt.time.fromisoformat(clock) if clock else None for clock in (start, end))
    return Exact(day, starts, ends)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9", on(CHOSEN, "09:00")),
        (" 14 ", on(CHOSEN, "14:00")),
        ("9:30", on(CHOSEN, "09:30")),
        ("9.30", on(CHOSEN, "09:30")),
        ("930", on(CHOSEN, "09:30")),
        ("1430", on(CHOSEN, "14:30")),
        ("9-11", on(CHOSEN, "09:00", "11:00")),
        ("14:30-16:00", on(CHOSEN, "14:30", "16:00")),
        ("8", Choices((on(CHOSEN, "08:00"), on(CHOSEN, "20:00")))),
        ("9.10", Choices((on(CHOSEN, "09:10"), on(dt.date(2027, 10, 9))))),
        ("31.12", Choices((on(dt.date(2026, 12, 31)),))),
        ("17.12. 9 Uhr", on(LATER, "09:00")),
        ("17.12.", on(LATER)),
        (
            "nächsten Mittwoch 14:30",
            Choices((on(dt.date(2026, 11, 25), "14:30"), on(dt.date(2026, 12, 2), "14:30"))),
        ),
        (
            "nächsten Donnerstag 14:30",
            Choices((on(dt.date(2026, 11, 19), "14:30"), on(dt.date(2026, 11, 26), "14:30"))),
        ),
        ("25", NotADate(Reason.NO_SUCH_TIME)),
        ("nachmittags", NotADate(Reason.NO_TIME)),
        ("gestern 14 Uhr", NotADate(Reason.PAST)),
        ("nachher", NotADate(Reason.NOT_UNDERSTOOD)),
    ],
)
def test_at_a_chosen_day_reads_bare_times_and_other_moments(text: str, expected: object) -> None:
    assert at(text, days=[CHOSEN], sure=True, now=NOW, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14:30-16:00", Choices((on(CHOSEN, "14:30", "16:00"), on(LATER, "14:30", "16:00")))),
        ("9", Choices((on(CHOSEN, "09:00"), on(LATER, "09:00")))),
        ("17.12. 9 Uhr", on(LATER, "09:00")),
        ("nachher", NotADate(Reason.NOT_UNDERSTOOD)),
    ],
)
def test_at_offered_days_keeps_the_question_which(text: str, expected: object) -> None:
    assert at(text, days=[CHOSEN, LATER], sure=False, now=NOW, zone=BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "ends", "at_noon"), [("2:30", None, "14:30"), ("2:30-4:00", "04:00", "14:30"), ("02:30", None, None)]
)
def test_at_a_day_whose_clocks_skip_the_time_offers_the_next_one(
    text: str, ends: str | None, at_noon: str | None
) -> None:
    spring = dt.date(2027, 3, 28)
    afternoon = [on(spring, at_noon, ends and "16:00")] if at_noon else []

    read = at(text, days=[spring], sure=True, now=NOW, zone=BERLIN)

    assert read == Choices((on(spring, "03:30", ends), *afternoon), skipped=True)


def test_at_the_only_offered_day_still_asks() -> None:
    assert at("9", days=[CHOSEN], sure=False, now=NOW, zone=BERLIN) == Choices((on(CHOSEN, "09:00"),))


TEN = on(CHOSEN, "10:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bis 12", on(CHOSEN, "10:00", "12:00")),
        (" bis 12 Uhr", on(CHOSEN, "10:00", "12:00")),
        ("until 12", on(CHOSEN, "10:00", "12:00")),
        ("bis halb zwei", on(CHOSEN, "10:00", "13:30")),
        ("10-12", on(CHOSEN, "10:00", "12:00")),
        ("von 10 bis 12 Uhr", on(CHOSEN, "10:00", "12:00")),
        ("9-12", NotADate(Reason.NOT_UNDERSTOOD)),
        ("bis 9", NotADate(Reason.NOT_UNDERSTOOD)),
        ("morgen", NotADate(Reason.NOT_UNDERSTOOD)),
        ("12 Uhr", NotADate(Reason.NOT_UNDERSTOOD)),
    ],
)
def test_until_reads_the_end_of_what_begins_at_a_known_time(text: str, expected: object) -> None:
    assert until(text, start=TEN, now=NOW, zone=BERLIN) == expected


def test_until_offers_the_ends_that_the_clock_change_leaves_open() -> None:
    spring, autumn = on(dt.date(2027, 3, 28), "01:30"), on(dt.date(2027, 10, 31), "01:30")

    read = [until("bis 2:30", start=start, now=NOW, zone=BERLIN) for start in (spring, autumn)]

    assert read[0] == Choices((replace(spring, end=dt.time(3, 30)),), skipped=True)
    assert read[1] == Choices(tuple(replace(autumn, end=dt.time(2, 30), end_fold=fold) for fold in (0, 1)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Beschluss", "decision"),
        ("zum Beschluss.", "decision"),
        ("for decision", "decision"),
        ("BERATUNG", "consultation"),
        ("zur  Information", "information"),
        ("report", "report"),
        ("Fallberatung", "case_consultation"),
        ("sonstiges", "other"),
        ("Beschluss zum Ferienprogramm", None),
        ("", None),
    ],
)
def test_purpose_is_named_in_a_word(text: str, code: str | None) -> None:
    assert purpose(text) == code
