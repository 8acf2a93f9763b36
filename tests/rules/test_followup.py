from datetime import date

import pytest

from bot.rules.followup import (
    DueWords,
    Seat,
    ask_from,
    date_words,
    due_words,
    is_overdue,
    is_to_be_asked,
    leads,
    next_due,
    nth_meeting,
    speakers,
)
from bot.rules.parties import Party
from bot.rules.quiet import Rest
from storage.vocabulary import CommitmentState, DueKind, Role

ANNA, BEN, CARLA, DORA = 1, 2, 3, 4
TK, RLK = 10, 20
CARITAS = 30

WEDNESDAY = date(2026, 11, 18)
THURSDAY = date(2026, 11, 26)


def rest(absent_from: date | None = None, absent_until: date | None = None) -> Rest:
    return Rest(
        zone="Europe/Berlin", quiet_from=1140, quiet_until=420, absent_from=absent_from, absent_until=absent_until
    )


# --- when -----------------------------------------------------------------------------------------------------------


def test_nth_meeting_counts_from_the_day_after_the_agreement() -> None:
    meetings = [date(2026, 12, 15), WEDNESDAY, date(2026, 11, 24)]

    assert nth_meeting(1, WEDNESDAY, meetings) == date(2026, 11, 24)
    assert nth_meeting(2, WEDNESDAY, meetings) == date(2026, 12, 15)


def test_nth_meeting_that_is_not_planned_is_unknown() -> None:
    assert nth_meeting(2, WEDNESDAY, [date(2026, 11, 24)]) is None


@pytest.mark.parametrize(
    ("days", "due"),
    [
        ([], None),
        ([None], None),
        ([date(2026, 11, 20), date(2026, 11, 19)], date(2026, 11, 19)),
        ([date(2026, 11, 17), date(2026, 11, 20)], date(2026, 11, 20)),
        ([date(2026, 11, 20), None], date(2026, 11, 20)),
        ([date(2026, 11, 17), None], None),
        ([date(2026, 11, 16), date(2026, 11, 17)], date(2026, 11, 17)),
        ([date(2026, 11, 17)], date(2026, 11, 17)),
        ([WEDNESDAY], WEDNESDAY),
        ([WEDNESDAY, date(2026, 11, 20)], WEDNESDAY),
    ],
)
def test_next_due_is_the_nearest_ahead_or_the_last_of_all(days: list[date | None], due: date | None) -> None:
    assert next_due(days, WEDNESDAY) == due


def test_is_overdue_only_while_open_and_after_the_day() -> None:
    yesterday = date(2026, 11, 17)

    assert is_overdue(CommitmentState.AGREED, yesterday, WEDNESDAY)
    assert not is_overdue(CommitmentState.AGREED, WEDNESDAY, WEDNESDAY)
    assert not is_overdue(CommitmentState.AGREED, None, WEDNESDAY)
    assert not is_overdue(CommitmentState.FULFILLED, yesterday, WEDNESDAY)


def test_ask_from_counts_three_working_days_back() -> None:
    assert ask_from(THURSDAY, rest(), "HH") == date(2026, 11, 23)
    assert ask_from(date(2026, 11, 24), rest(), "HH") == date(2026, 11, 19)


def test_ask_from_skips_the_holidays_of_the_land_and_days_of_absence() -> None:
    after_christmas = date(2026, 12, 29)
    away = rest(date(2026, 12, 21), date(2026, 12, 28))

    assert ask_from(after_christmas, rest(), "HH") == date(2026, 12, 23)
    assert ask_from(after_christmas, away, "HH") == date(2026, 12, 16)


def test_ask_from_gives_up_on_an_absence_without_end() -> None:
    away = rest(date(2026, 1, 1), date(2027, 1, 1))

    assert ask_from(THURSDAY, away, "HH") == date(2026, 7, 29)


def test_is_to_be_asked_from_then_on_until_the_day_itself() -> None:
    asked = [day for day in range(20, 29) if is_to_be_asked(THURSDAY, date(2026, 11, day), rest(), "HH")]

    assert asked == [23, 24, 25, 26]


def test_is_to_be_asked_earlier_where_the_land_has_a_holiday_before() -> None:
    after_epiphany, new_years_eve = date(2027, 1, 7), date(2026, 12, 31)

    asked = [land for land in ("BY", "HH") if is_to_be_asked(after_epiphany, new_years_eve, rest(), land)]

    assert asked == ["BY"]


# --- who ------------------------------------------------------------------------------------------------------------

SEATS = (
    Seat(person=ANNA, body=TK, role=Role.CHAIR),
    Seat(person=BEN, body=TK, role=Role.MEMBER, organisation=CARITAS),
    Seat(person=CARLA, body=TK, role=Role.MINUTE_TAKER),
    Seat(person=DORA, body=RLK, role=Role.COORDINATOR, organisation=CARITAS),
)


def test_speakers_of_a_person_is_that_person() -> None:
    assert speakers(Party(person=BEN), (), TK) == {BEN}


def test_speakers_of_a_body_are_its_leading_seats() -> None:
    assert speakers(Party(body=TK), SEATS, RLK) == {ANNA}


def test_speakers_of_a_role_are_its_holders() -> None:
    assert speakers(Party(body=TK, role=Role.MINUTE_TAKER), SEATS, RLK) == {CARLA}
    assert speakers(Party(body=RLK, role=Role.CHAIR), SEATS, RLK) == frozenset()


def test_speakers_of_an_organisation_are_its_leading_seats_anywhere() -> None:
    assert speakers(Party(organisation=CARITAS), SEATS, TK) == {DORA}


def test_speakers_of_an_organisation_without_leading_seats_sit_in_the_body() -> None:
    assert speakers(Party(organisation=CARITAS), SEATS[:3], TK) == {BEN}
    assert speakers(Party(organisation=CARITAS), SEATS[:3], RLK) == frozenset()


def test_speakers_of_a_name_are_nobody() -> None:
    assert speakers(Party(name="Sozialbehörde"), SEATS, TK) == frozenset()


def test_leads_are_the_chairs_and_else_the_deputies_and_else_the_coordinators() -> None:
    chair = Seat(person=ANNA, body=TK, role=Role.CHAIR)
    away = Seat(person=ANNA, body=TK, role=Role.CHAIR, away=True)
    deputy = Seat(person=BEN, body=TK, role=Role.DEPUTY_CHAIR)
    coordinator = Seat(person=CARLA, body=TK, role=Role.COORDINATOR)
    elsewhere = Seat(person=DORA, body=RLK, role=Role.CHAIR)

    assert leads([coordinator, deputy, chair, elsewhere], TK) == {ANNA}
    assert leads([coordinator, deputy, away], TK) == {BEN}
    assert leads([coordinator, away], TK) == {CARLA}
    assert leads([away], TK) == {ANNA}
    assert leads([elsewhere], TK) == frozenset()


# --- what was typed -------------------------------------------------------------------------------------------------

CODES = {"tk": TK, "rlk": RLK}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dauerhaft", DueWords(kind=DueKind.STANDING)),
        ("Ohne Termin.", DueWords(kind=DueKind.NONE)),
        ("nächste Sitzung", DueWords(kind=DueKind.MEETING, nth=1)),
        ("in der übernächsten Sitzung", DueWords(kind=DueKind.MEETING, nth=2)),
        (
            "in den übernächsten Sitzungen von TK und RLK",
            DueWords(kind=DueKind.MEETING, nth=2, bodies=("tk", "rlk")),
        ),
        ("in der nächsten TK", DueWords(kind=DueKind.MEETING, nth=1, bodies=("tk",))),
        ("bis zur nächsten Sitzung der RLK", DueWords(kind=DueKind.MEETING, nth=1, bodies=("rlk",))),
        ("in the next but one meeting of TK + RLK", DueWords(kind=DueKind.MEETING, nth=2, bodies=("tk", "rlk"))),
        ("nächsten Dienstag", None),
        ("nächste Woche", None),
        ("30.09.", None),
    ],
)
def test_due_words_reads_what_is_no_date(text: str, words: DueWords | None) -> None:
    assert due_words(text, CODES) == words


def test_date_words_leaves_the_date() -> None:
    assert [date_words(text) for text in ("bis 30.09.", "bis zum 30.09.", " 30.09. ", "by 30 Sep")] == [
        "30.09.",
        "30.09.",
        "30.09.",
        "30 Sep",
    ]
