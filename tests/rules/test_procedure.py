import json
from datetime import UTC, date, datetime, time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules import procedure
from bot.rules.procedure import (
    Abstentions,
    Approval,
    AtLeast,
    BadRules,
    CountedDays,
    HandOver,
    LateItems,
    Majority,
    Mixed,
    MoreThan,
    Number,
    Quorum,
    Rules,
    Ties,
    VoteUnit,
)

BERLIN = "Europe/Berlin"

ALL_SET = Rules(
    notice_days=10,
    notice_counts=CountedDays.WORKING,
    urgent_notice_days=1,
    submission_days=7,
    submission_time=time(12, 30),
    papers_days=5,
    late_items=LateItems.BODY_AGREES,
    quorum=Mixed(public=1, free=2),
    vote_unit=VoteUnit.ORGANISATION,
    majority=Majority.TWO_THIRDS,
    ties=Ties.CHAIR_DECIDES,
    abstentions=Abstentions.COUNT_AS_NO,
    minutes_days=28,
    objection_days=14,
    approval=Approval.ELAPSED_PERIOD,
    meetings_a_year=3,
    meetings_before=118,
    extraordinary_share=Fraction(1, 5),
    extraordinary_days=28,
    deputies_in_copy=True,
    hand_over=(HandOver("TK", 2), HandOver("SRT-Nord")),
)

ALL_SET_IN_JSON = {
    "notice_days": 10,
    "notice_counts": "working",
    "urgent_notice_days": 1,
    "submission_days": 7,
    "submission_time": "12:30",
    "papers_days": 5,
    "late_items": "body_agrees",
    "quorum": {"public": 1, "free": 2},
    "vote_unit": "organisation",
    "majority": "two_thirds",
    "ties": "chair_decides",
    "abstentions": "count_as_no",
    "minutes_days": 28,
    "objection_days": 14,
    "approval": "elapsed_period",
    "meetings_a_year": 3,
    "meetings_before": 118,
    "extraordinary_share": "1/5",
    "extraordinary_days": 28,
    "deputies_in_copy": True,
    "hand_over": [{"to": "TK", "report": 2}, {"to": "SRT-Nord"}],
}


# --- reading and writing ----------------------------------------------------------------------------------------------


def test_rules_without_any_are_all_unset() -> None:
    assert procedure.from_json({}) == Rules()
    assert procedure.to_json(Rules()) == {}


def test_rules_go_to_json_and_come_back() -> None:
    written = json.loads(json.dumps(procedure.to_json(ALL_SET)))

    assert written == ALL_SET_IN_JSON
    assert procedure.from_json(written) == ALL_SET


@pytest.mark.parametrize(
    ("raw", "quorum"),
    [
        ({"at_least": "1/2"}, AtLeast(Fraction(1, 2))),
        ({"more_than": 0.5}, MoreThan(Fraction(1, 2))),
        ({"number": 8}, Number(8)),
        ({"public": 0, "free": 2}, Mixed(0, 2)),
    ],
)
def test_quorum_of_each_form(raw: dict[str, object], quorum: Quorum) -> None:
    rules = procedure.from_json({"quorum": raw})

    assert rules == Rules(quorum=quorum)
    assert procedure.from_json(procedure.to_json(rules)) == rules


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("notice_days", -1, "not_a_number"),
        ("notice_days", "7", "not_a_number"),
        ("notice_days", True, "not_a_number"),
        ("notice_counts", "weeks", "not_a_choice"),
        ("submission_time", "25:00", "not_a_time"),
        ("submission_time", 12, "not_a_time"),
        ("late_items", None, "not_a_choice"),
        ("quorum", "1/2", "not_a_quorum"),
        ("quorum", {"at_least": "3/2"}, "not_a_quorum"),
        ("quorum", {"number": 0}, "not_a_quorum"),
        ("quorum", {"number": 8, "public": 1}, "not_a_quorum"),
        ("quorum", {"public": 1}, "not_a_quorum"),
        ("extraordinary_share", "0", "not_a_share"),
        ("extraordinary_share", "1/0", "not_a_share"),
        ("extraordinary_share", "a third", "not_a_share"),
        ("deputies_in_copy", "yes", "not_a_flag"),
        ("hand_over", {"to": "TK"}, "not_a_hand_over"),
        ("hand_over", ["TK"], "not_a_hand_over"),
        ("hand_over", [{"report": 1}], "not_a_hand_over"),
        ("hand_over", [{"to": "TK", "report": 0}], "not_a_hand_over"),
        ("notise_days", 7, "unknown_key"),
    ],
)
def test_rule_that_cannot_be_read_is_refused(key: str, value: object, code: str) -> None:
    with pytest.raises(BadRules) as refused:
        procedure.from_json({key: value})

    assert [(problem.path, problem.code) for problem in refused.value.problems] == [((key,), code)]


def test_all_rules_that_cannot_be_read_are_named_at_once() -> None:
    with pytest.raises(BadRules, match=r"^notise_days: unknown_key, minutes_days: not_a_number$") as refused:
        procedure.from_json({"notise_days": 7, "minutes_days": "28", "ties": "rejected"})

    assert refused.value.problems[0].facts == {"nearest": "notice_days"}


# --- notice period ----------------------------------------------------------------------------------------------------

WEDNESDAY = date(2026, 11, 18)


@pytest.mark.parametrize(
    ("days", "counts", "earliest"),
    [
        (None, CountedDays.CALENDAR, date(2026, 11, 18)),
        (0, CountedDays.CALENDAR, date(2026, 11, 18)),
        (1, CountedDays.CALENDAR, date(2026, 11, 20)),
        (7, CountedDays.CALENDAR, date(2026, 11, 26)),
        (10, CountedDays.CALENDAR, date(2026, 11, 29)),
        (14, CountedDays.CALENDAR, date(2026, 12, 3)),
        (2, CountedDays.WORKING, date(2026, 11, 21)),
        (3, CountedDays.WORKING, date(2026, 11, 24)),
        (10, CountedDays.WORKING, date(2026, 12, 3)),
    ],
)
def test_earliest_start_after_whole_days_between(days: int | None, counts: CountedDays, earliest: date) -> None:
    rules = Rules(notice_days=days, notice_counts=counts)

    assert procedure.earliest_start(rules, WEDNESDAY) == earliest


def test_holidays_do_not_count_as_working_days() -> None:
    rules = Rules(notice_days=3, notice_counts=CountedDays.WORKING)
    holidays = {date(2026, 12, 25), date(2026, 12, 26)}  # a Friday and a Saturday

    earliest = procedure.earliest_start(rules, date(2026, 12, 22), holidays)

    assert earliest == date(2026, 12, 29)


def test_holidays_count_as_calendar_days() -> None:
    rules = Rules(notice_days=3)

    assert procedure.earliest_start(rules, date(2026, 12, 22), {date(2026, 12, 25)}) == date(2026, 12, 26)


@pytest.mark.parametrize(
    ("starts", "kept"), [(date(2026, 11, 25), False), (date(2026, 11, 26), True), (date(2027, 1, 1), True)]
)
def test_notice_of_seven_days(starts: date, kept: bool) -> None:  # noqa: FBT001  # a column of the table
    assert procedure.notice_kept(Rules(notice_days=7), WEDNESDAY, starts) is kept


@given(
    days=st.integers(1, 30),
    invited=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    holidays=st.sets(st.dates(date(2026, 1, 1), date(2028, 3, 1)), max_size=20),
)
def test_working_days_between_are_never_fewer_than_the_period(days: int, invited: date, holidays: set[date]) -> None:
    rules = Rules(notice_days=days, notice_counts=CountedDays.WORKING)

    earliest = procedure.earliest_start(rules, invited, holidays)
    between = [date.fromordinal(day) for day in range(invited.toordinal() + 1, earliest.toordinal())]

    assert sum(day.weekday() < 5 and day not in holidays for day in between) == days
    assert between[-1].weekday() < 5
    assert between[-1] not in holidays


# --- submission deadline ----------------------------------------------------------------------------------------------

STARTS = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # 9:00 in Berlin


@pytest.mark.parametrize(
    ("rules", "deadline"),
    [
        (Rules(), None),
        (Rules(submission_days=1, submission_time=time(12)), datetime(2026, 11, 23, 11, 0, tzinfo=UTC)),
        (Rules(submission_days=7), datetime(2026, 11, 17, 22, 59, tzinfo=UTC)),
        (Rules(submission_days=0, submission_time=time(8)), datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),
        (Rules(submission_days=0), STARTS),
        (Rules(submission_days=0, submission_time=time(18)), STARTS),
    ],
)
def test_submission_deadline(rules: Rules, deadline: datetime | None) -> None:
    assert procedure.submission_deadline(rules, STARTS, BERLIN) == deadline


def test_submission_deadline_keeps_its_wall_time_over_the_clock_change() -> None:
    starts = datetime(2026, 10, 26, 8, 0, tzinfo=UTC)  # Monday after the change, 9:00 in Berlin

    deadline = procedure.submission_deadline(Rules(submission_days=3, submission_time=time(12)), starts, BERLIN)

    assert deadline == datetime(2026, 10, 23, 10, 0, tzinfo=UTC)


def test_submission_deadline_counts_from_the_day_in_the_zone_of_the_meeting() -> None:
    starts = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # already the 25th in Berlin

    deadline = procedure.submission_deadline(Rules(submission_days=1, submission_time=time(12)), starts, BERLIN)

    assert deadline == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


DEADLINE = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
ONE_DAY = {"submission_days": 1, "submission_time": "12:00"}


@pytest.mark.parametrize(
    ("rules", "now", "outcome"),
    [
        ({}, datetime(2026, 11, 24, 7, 59, tzinfo=UTC), None),
        (ONE_DAY, DEADLINE, None),
        (ONE_DAY, DEADLINE.replace(second=1), LateItems.CHAIR_DECIDES),
        ({**ONE_DAY, "late_items": "reject"}, DEADLINE.replace(second=1), LateItems.REJECT),
        ({**ONE_DAY, "late_items": "body_agrees"}, DEADLINE.replace(second=1), LateItems.BODY_AGREES),
    ],
)
def test_late_items_by_the_rule_of_the_body(rules: dict[str, object], now: datetime, outcome: LateItems | None) -> None:
    assert procedure.late(procedure.from_json(rules), STARTS, BERLIN, now) is outcome
