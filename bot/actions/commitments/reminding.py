"""The clock asks how commitments stand, and says what is overdue. `bot.rules.followup` says when and whom."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from bot.actions import looks, notices
from bot.actions.commitments import ledger
from bot.actions.commitments.ledger import Entry, Outline
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules import followup, quiet
from bot.rules.facts import Facts
from bot.rules.followup import OPEN
from bot.rules.quiet import Rest
from storage import queries
from storage.db import execute, transaction, unit_of_work
from storage.models import CheckIn, Commitment, Notice, Person, ToldOverdue
from storage.rows import places
from storage.vocabulary import CommitmentState

ASKED_AHEAD = timedelta(days=followup.FARTHEST_DAYS)
AT_ONCE = 200
CHECK_IN = "commitments/check_in"
CHECK_INS, OVERDUE = looks.COMMITMENTS
_TOLD = f"""
SELECT t.commitment_id, t.person_id, t.due_on FROM told_overdue t JOIN commitment c ON c.id = t.commitment_id
WHERE c.state IN ({places(OPEN)}) AND (c.due_on < ? OR c.due_kind = 'meeting')
"""  # noqa: S608  # constants only
BUNDLES = {  # templates, and the lists in their facts
    CHECK_IN: ("commitments",),
    "commitments/overdue": ("mine", "led"),
}


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Somebody who has to do with something that is agreed."""

    id: int
    today: date
    rest: Rest


@dataclass(frozen=True, kw_only=True)
class _News:
    """What somebody is to be told of: commitments, and the day that counts."""

    reader: _Reader
    days: dict[int, date]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a look has found for whom, and when the next one can find something else."""

    news: Sequence[_News]
    again: datetime


_Told = Sequence[tuple[_Reader, Sequence[Entry]]]


async def check_ins(*, now: datetime, land: str = "") -> int:
    """`ask_check_ins`, when a look can find something; gives the number of people asked. The clock does that each minute."""
    return await _when_it_is_time(CHECK_INS, partial(_look_for_check_ins, now, land), partial(_ask, now=now), now)


async def overdue(*, now: datetime, land: str = "") -> int:
    """`mark_overdue`, when a look can find something; gives the number of people told. The clock does that each minute."""
    return await _when_it_is_time(OVERDUE, partial(_look_for_overdue, now, land), partial(_tell_overdue, now=now), now)


async def look_again() -> None:
    """Something was agreed or changed that somebody may have to be asked about, or told of, today."""
    await looks.soon(*looks.COMMITMENTS)


async def _when_it_is_time(
    name: str, look: Callable[[], Awaitable[_Found]], write: Callable[[_Told], Awaitable[int]], now: datetime
) -> int:
    began = await looks.due(name, now=now)
    if began is None:
        return 0
    found = await look()
    pieces = list(_pieces(found.news))
    told = await _tell(pieces[0], write, now.date()) if pieces else 0
    if len(pieces) <= 1:  # else the next tick goes on
        await unit_of_work(partial(looks.done, began, now=now, again=found.again))
    return told


async def ask_check_ins(*, now: datetime, land: str = "") -> int:
    """Ask owners, a few days before the due date, how it stands: once for each date. Gives the number of people asked.

    Whoever may not be disturbed now is passed over and asked by a later look; so is who has had today's bundle. `land` says
    whose public holidays count (ISO 3166-2, "BY"); without it those that all of Germany has. It opens its own units of work.
    """
    found = await _look_for_check_ins(now, land)
    return await _tell(found.news, partial(_ask, now=now), now.date())


async def _look_for_check_ins(now: datetime, land: str) -> _Found:
    day = now.date()
    yesterday = day - timedelta(days=1)
    concerned: defaultdict[int, list[Outline]] = defaultdict(list)
    for outline in await ledger.outlines(yesterday, day + ASKED_AHEAD, day):
        for person in outline.promised_by:
            concerned[person].append(outline)
    questions = CheckIn.filter(due_on__gte=yesterday, commitment__state__in=OPEN)
    asked = set(await questions.values_list("commitment_id", "person_id", "due_on"))

    def to_be_asked(reader: _Reader) -> dict[int, date]:
        return {
            commitment: due
            for commitment, due in _days(concerned[reader.id], reader).items()
            if (commitment, reader.id, due) not in asked
            and followup.is_to_be_asked(due, reader.today, reader.rest, land)
        }

    return await _found(concerned, to_be_asked, land, now)


async def _ask(told: _Told, now: datetime) -> int:
    drafts = [_bundle(reader, CHECK_IN, {"commitments": _facts(entries, reader)}, now) for reader, entries in told]
    async with transaction():
        kept = await notices.queue(drafts, now=now)
        questions = [CheckIn(**of_whom_and_what, asked_at=now) for of_whom_and_what in _kept(told, kept)]
        await CheckIn.bulk_create(questions, ignore_conflicts=True)
    return len(kept)


def _kept(told: _Told, kept: Collection[str]) -> Iterator[dict[str, Any]]:
    """Of whom, what and which day is told in the bundles that were queued, by these keys."""
    for reader, entries in told:
        if _bundle_key(reader) in kept:
            for entry in entries:
                yield {
                    "commitment_id": entry.commitment.id,
                    "person_id": reader.id,
                    "due_on": entry.due(reader.today),
                }


async def mark_overdue(*, now: datetime, land: str = "") -> int:
    """Tell owners and leads what is overdue, once for each commitment and date. Gives the number of people told.

    Nothing is stored but that they were told: overdue is computed. Passed over is who is passed over by `ask_check_ins`.
    It opens its own units of work.
    """
    found = await _look_for_overdue(now, land)
    return await _tell(found.news, partial(_tell_overdue, now=now), now.date())


async def _look_for_overdue(now: datetime, land: str) -> _Found:
    day = now.date()
    concerned: defaultdict[int, list[Outline]] = defaultdict(list)
    for outline in await ledger.outlines(date.min, day, day):
        for person in outline.promised_by | outline.leads:
            concerned[person].append(outline)
    told = await _told_overdue(day)

    def to_be_told(reader: _Reader) -> dict[int, date]:
        overdue = [outline for outline in concerned[reader.id] if outline.is_overdue(reader.today)]
        days = _days(overdue, reader)
        return {commitment: due for commitment, due in days.items() if (commitment, reader.id, str(due)) not in told}

    return await _found(concerned, to_be_told, land, now)


async def _tell_overdue(told: _Told, now: datetime) -> int:
    drafts = []
    for reader, entries in told:
        mine = [entry for entry in entries if reader.id in entry.promised_by()]
        led = [entry for entry in entries if reader.id not in entry.promised_by()]
        drafts.append(
            _bundle(reader, "commitments/overdue", {"mine": _facts(mine, reader), "led": _facts(led, reader)}, now)
        )
    async with transaction():
        kept = await notices.queue(drafts, now=now)
        remembered = [ToldOverdue(**of_whom_and_what, told_at=now) for of_whom_and_what in _kept(told, kept)]
        await ToldOverdue.bulk_create(remembered, ignore_conflicts=True)
    return len(kept)


async def _told_overdue(day: date) -> set[tuple[int, int, str]]:
    """Who has been told of which open commitment and which due date."""
    rows = await execute(_TOLD, [*(state.value for state in OPEN), day])
    return {(row["commitment_id"], row["person_id"], str(row["due_on"])) for row in rows}


def _days(outlines: Iterable[Outline], reader: _Reader) -> dict[int, date]:
    """The commitments that have a day that counts, and the day."""
    return {outline.commitment: due for outline in outlines if (due := outline.due(reader.today)) is not None}


async def _tell(news: Iterable[_News], write: Callable[[_Told], Awaitable[int]], day: date) -> int:
    """Tell it in pieces, each in its own unit of work; gives the number of people told.

    Who gets their bundle of the day from elsewhere meanwhile has been told nothing, and is told on another day.
    """
    return sum([await unit_of_work(partial(write, await _as_it_stands(piece, day))) for piece in _pieces(news)])


def _pieces(news: Iterable[_News]) -> Iterator[list[_News]]:
    """So many of those who have news that a unit of work has time enough; what one person is told stays together."""
    piece: list[_News] = []
    size = 0
    for one in news:
        if piece and size + len(one.days) > AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += len(one.days)
    if piece:
        yield piece


async def _as_it_stands(piece: Sequence[_News], day: date) -> _Told:
    """Who is told of what, the soonest first; without what has been moved or is over since."""
    numbers = sorted({commitment for one in piece for commitment in one.days})
    entries: dict[int, Entry] = {}
    for first in range(0, len(numbers), AT_ONCE):
        found = await Commitment.filter(id__in=numbers[first : first + AT_ONCE], state__in=OPEN).select_related("body")
        entries |= {entry.commitment.id: entry for entry in await ledger.load(found, day)}
    told = [
        (one.reader, [entries[number] for number in one.days if number in entries and _holds(entries[number], one)])
        for one in piece
    ]
    return [(reader, ledger.by_end(found, day)) for reader, found in told if found]


def _holds(entry: Entry, news: _News) -> bool:
    """Whether the day still counts, and the person still has to do with it."""
    reader = news.reader
    still_concerned = reader.id in entry.promised_by() or reader.id in entry.leads
    return still_concerned and entry.due(reader.today) == news.days[entry.commitment.id]


def _facts(entries: Iterable[Entry], reader: _Reader) -> list[Facts]:
    return [ledger.facts_of(entry, reader.id, reader.today) for entry in entries]


async def _found(
    people: Collection[int], news_for: Callable[[_Reader], dict[int, date]], land: str, now: datetime
) -> _Found:
    """What these people are to be told who may be disturbed now and have had no bundle today; and when to look again.

    That is when the first of the others may be disturbed, and when a day begins for anybody.
    """
    readers = await _readers(people, now)
    with_news = [_News(reader=reader, days=days) for reader in readers if (days := news_for(reader))]
    moments = {rest: quiet.next_moment(now, rest, land) for rest in {news.reader.rest for news in with_news}}
    awake = [news for news in with_news if moments[news.reader.rest] == now]
    keys = [_bundle_key(news.reader) for news in awake]
    had = set(await queries.column(Notice.filter(key__in=["", *keys]), "key"))
    later = [moment for moment in moments.values() if moment > now]
    return _Found(
        news=[news for news in awake if _bundle_key(news.reader) not in had],
        again=min([*later, looks.next_day(now, {reader.rest.zone for reader in readers})]),
    )


async def _readers(people: Collection[int], now: datetime) -> list[_Reader]:
    """Those who have not left, as rows without models: a look asks for everybody who has promised something."""
    columns = ("id", "zone", "quiet_from", "quiet_until", "absent_from", "absent_until")
    rows = await Person.filter(id__in=[0, *people], left_at=None).order_by("id").values_list(*columns)
    readers = []
    for number, zone, *rest in rows:
        quiet_from, quiet_until, absent_from, absent_until = rest
        readers.append(
            _Reader(
                id=number,
                today=now.astimezone(ZoneInfo(zone)).date(),
                rest=Rest(
                    zone=zone,
                    quiet_from=quiet_from,
                    quiet_until=quiet_until,
                    absent_from=absent_from,
                    absent_until=absent_until,
                ),
            )
        )
    return readers


def _bundle_key(reader: _Reader) -> str:
    return f"followup:{reader.id}:{reader.today}"


def _bundle(reader: _Reader, template: str, facts: Facts, now: datetime) -> Draft:
    """One message for all of it: the key allows one a day."""
    return Draft(key=_bundle_key(reader), template=template, facts=facts, due_at=now, person=reader.id)


async def standing(notice: Notice) -> dict[str, Any] | None:
    """The notice's facts, encoded as they are kept, without what is over, moved or answered since; None when nothing is left.

    Whatever is no bundle of commitments stands as it is. What is overdue was perhaps answered before it was due: it is asked again.
    """
    facts: dict[str, Any] = notice.facts
    told = {name: facts[name] for name in BUNDLES.get(notice.template, ()) if facts.get(name)}
    if not told:
        return facts
    numbers = [entry["id"] for entries in told.values() for entry in entries]
    found = await Commitment.filter(id__in=numbers).values_list("id", "state", "due_moves")
    known = {number: (state, moves) for number, state, moves in found}
    asked = CheckIn.filter(commitment_id__in=numbers, person_id=notice.person_id, answer__isnull=False)
    answered = set(await asked.values_list("commitment_id", "due_on")) if notice.template == CHECK_IN else set()

    def still(entry: Mapping[str, Any]) -> bool:
        state, moves = known.get(entry["id"], (CommitmentState.AGREED, entry["due_moves"]))
        is_answered = (entry["id"], typed.decode(entry["due"])) in answered
        return state in OPEN and moves == entry["due_moves"] and not is_answered

    left = {name: [entry for entry in entries if still(entry)] for name, entries in told.items()}
    return {**facts, **left} if any(left.values()) else None
