"""Rules of procedure (Geschäftsordnung) of a body. Each may be unset; what is unset is not asked for."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from bot.rules.fields import Field, Problem, Wrong, choice, clock, flag, key, read, share, whole

SATURDAY = 5
END_OF_DAY = time(23, 59)
ONE_DAY = timedelta(days=1)


class CountedDays(StrEnum):
    """Which days a period is made of."""

    CALENDAR = "calendar"
    WORKING = "working"


class LateItems(StrEnum):
    """What happens to an item handed in after the deadline."""

    REJECT = "reject"
    CHAIR_DECIDES = "chair_decides"
    BODY_AGREES = "body_agrees"


class VoteUnit(StrEnum):
    """Who has one vote."""

    PERSON = "person"
    ORGANISATION = "organisation"


class Majority(StrEnum):
    """What carries a proposal: more yes than no, more than half of the seats, two thirds, nobody against."""

    SIMPLE = "simple"
    ABSOLUTE = "absolute"
    TWO_THIRDS = "two_thirds"
    CONSENSUS = "consensus"


class Ties(StrEnum):
    """What as many for as against means."""

    REJECTED = "rejected"
    CHAIR_DECIDES = "chair_decides"


class Abstentions(StrEnum):
    """How abstaining is taken."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    COUNT_AS_NO = "count_as_no"


class Approval(StrEnum):
    """How minutes come to be approved."""

    NEXT_MEETING = "next_meeting"
    ELAPSED_PERIOD = "elapsed_period"


@dataclass(frozen=True)
class AtLeast:
    """Quorum: this part of the voting seats."""

    at_least: Fraction


@dataclass(frozen=True)
class MoreThan:
    """Quorum: more than this part of the voting seats."""

    more_than: Fraction


@dataclass(frozen=True)
class Number:
    """Quorum: so many voting members."""

    number: int


@dataclass(frozen=True)
class Mixed:
    """Quorum: at least so many of the public and so many of the free side."""

    public: int
    free: int


Quorum = AtLeast | MoreThan | Number | Mixed


@dataclass(frozen=True)
class HandOver:
    """A way by which topics may be handed on (Weitergabeweg).

    The answer is owed in the body's `report`-th meeting after it: 1 the next, 2 the next but one, None never.
    """

    to: str
    report: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A body's rules of procedure.

    `urgent_notice_days` is the notice that is enough when it is urgent, with a reason. `submission_days` before the meeting,
    at `submission_time`, items must be in; papers `papers_days` before. This part of the members may demand an extraordinary
    meeting (`extraordinary_share`), to be held within `extraordinary_days`. `meetings_before` is the number of the last
    meeting that was held before Faden.
    """

    notice_days: int | None = None
    notice_counts: CountedDays = CountedDays.CALENDAR
    urgent_notice_days: int | None = None
    submission_days: int | None = None
    submission_time: time | None = None
    papers_days: int | None = None
    late_items: LateItems | None = None
    quorum: Quorum | None = None
    vote_unit: VoteUnit | None = None
    majority: Majority | None = None
    ties: Ties | None = None
    abstentions: Abstentions | None = None
    minutes_days: int | None = None
    objection_days: int | None = None
    approval: Approval | None = None
    meetings_a_year: int | None = None
    meetings_before: int = 0
    extraordinary_share: Fraction | None = None
    extraordinary_days: int | None = None
    deputies_in_copy: bool = False
    hand_over: tuple[HandOver, ...] = ()


class BadRules(ValueError):
    """The rules cannot be read; `problems` says all that is wrong with them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Carry the problems."""
        super().__init__(", ".join(f"{problem.path[0]}: {problem.code}" for problem in problems))
        self.problems = problems


_QUORUMS: dict[type[Quorum], dict[str, Field]] = {
    AtLeast: {"at_least": Field(share)},
    MoreThan: {"more_than": Field(share)},
    Number: {"number": Field(whole(1, 1000))},
    Mixed: {"public": Field(whole(0, 1000)), "free": Field(whole(0, 1000))},
}


def _quorum(raw: object) -> Quorum:
    """One of `{at_least = "1/2"}`, `{more_than = "1/2"}`, `{number = 8}`, `{public = 1, free = 2}`."""
    for form, keys in _QUORUMS.items():
        if isinstance(raw, Mapping) and raw.keys() == keys.keys():
            problems: list[Problem] = []
            values = read(raw, keys, (), problems)
            if not problems:
                return form(**values)
    raise Wrong("not_a_quorum")


_HAND_OVER = {"to": Field(key(32), required=True), "report": Field(whole(1, 12))}


def _hand_over(raw: object) -> tuple[HandOver, ...]:
    """A list of `{to = "TK", report = 2}`."""
    if not isinstance(raw, list) or not all(isinstance(way, Mapping) for way in raw):
        raise Wrong("not_a_hand_over")
    ways = []
    for way in raw:
        problems: list[Problem] = []
        values = read(way, _HAND_OVER, (), problems)
        if problems:
            raise Wrong("not_a_hand_over")
        ways.append(HandOver(**values))
    return tuple(ways)


_DAYS = Field(whole(0, 365))

FIELDS = {
    "notice_days": _DAYS,
    "notice_counts": Field(choice(CountedDays)),
    "urgent_notice_days": _DAYS,
    "submission_days": _DAYS,
    "submission_time": Field(clock),
    "papers_days": _DAYS,
    "late_items": Field(choice(LateItems)),
    "quorum": Field(_quorum),
    "vote_unit": Field(choice(VoteUnit)),
    "majority": Field(choice(Majority)),
    "ties": Field(choice(Ties)),
    "abstentions": Field(choice(Abstentions)),
    "minutes_days": _DAYS,
    "objection_days": _DAYS,
    "approval": Field(choice(Approval)),
    "meetings_a_year": Field(whole(1, 366)),
    "meetings_before": Field(whole(0, 99_999)),
    "extraordinary_share": Field(share),
    "extraordinary_days": _DAYS,
    "deputies_in_copy": Field(flag),
    "hand_over": Field(_hand_over),
}


def from_json(rules: Mapping[str, object]) -> Rules:
    """The rules as a body's row or a town file holds them. Raises BadRules for an unknown key or a value that does not fit."""
    problems: list[Problem] = []
    values = read(rules, FIELDS, (), problems)
    if problems:
        raise BadRules(tuple(problems))
    return Rules(**values)


def to_json(rules: Rules | Quorum | HandOver) -> dict[str, object]:
    """What `from_json` reads; what is unset is left out."""
    values = {row.name: (getattr(rules, row.name), row.default) for row in fields(rules)}
    return {name: _plain(value) for name, (value, default) in values.items() if value != default}


def _plain(value: Any) -> object:  # noqa: ANN401  # a value of any key
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, str | Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return to_json(value) if isinstance(value, Quorum | HandOver) else value


def notice_kept(rules: Rules, invited: date, starts: date, rest_days: AbstractSet[date] = frozenset()) -> bool:
    """Whether an invitation on one day is in time for a meeting on the other (local days).

    The days of the period lie whole between the two, neither of which counts (§ 187 (1), § 188 (1) BGB). Where working days
    are counted, weekends and `rest_days` do not count either.
    """
    return starts >= earliest_start(rules, invited, rest_days)


def earliest_start(rules: Rules, invited: date, rest_days: AbstractSet[date] = frozenset()) -> date:
    """The first day for which an invitation on `invited` is in time; that day itself without a notice period."""
    if not rules.notice_days:
        return invited
    day, missing = invited, rules.notice_days
    while missing:
        day += ONE_DAY
        missing -= _counts(rules, day, rest_days)
    return day + ONE_DAY


def _counts(rules: Rules, day: date, rest_days: AbstractSet[date]) -> bool:
    return rules.notice_counts is CountedDays.CALENDAR or not (day.weekday() >= SATURDAY or day in rest_days)


def submission_deadline(rules: Rules, starts_at: datetime, zone: str) -> datetime | None:
    """Until when items may be handed in for a meeting, in its zone; None when the body has no deadline.

    Without a time of day the whole last day is open, to 23:59. It never lies behind the start of the meeting.
    """
    if rules.submission_days is None:
        return None
    here = ZoneInfo(zone)
    last_day = starts_at.astimezone(here).date() - timedelta(days=rules.submission_days)
    deadline = datetime.combine(last_day, rules.submission_time or END_OF_DAY, here)
    return min(deadline, starts_at.astimezone(here))


def late(rules: Rules, starts_at: datetime, zone: str, now: datetime) -> LateItems | None:
    """What happens to an item handed in now; None when it is in time. A body without a rule leaves it to the chair."""
    deadline = submission_deadline(rules, starts_at, zone)
    if deadline is None or now <= deadline:
        return None
    return rules.late_items or LateItems.CHAIR_DECIDES
