"""What only the record of deeds knew is carried over to columns and rows of its own, on a database of every age."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from storage import db
from storage.migrate import migrate
from storage.models import AuditEvent, Commitment, CommitmentParty, Meeting, ToldOverdue
from storage.vocabulary import CommitmentState
from tests.conftest import NewDatabase
from tests.storage import earlier
from tests.storage.described import rows

FIRST = "0007_state_of_its_own"
ANNA, BEN, CARLA = 1, 2, 3
OVERDUE, DONE_AGAIN, VERIFIED, DONE_LONG_AGO, REOPENED, GIVEN = range(1, 7)
STATES = ("agreed", "fulfilled", "verified", "fulfilled", "in_progress", "proposed")
EVENTS = [
    # day of November, who, what, about what, facts
    (10, None, "commitment.overdue", OVERDUE, '{"told": 1, "due_on": "2026-11-09"}'),
    (11, None, "commitment.overdue", OVERDUE, '{"told": 1, "due_on": "2026-11-09"}'),
    (11, None, "commitment.overdue", OVERDUE, '{"told": 2, "due_on": "2026-11-10"}'),
    (11, None, "commitment.overdue", OVERDUE, '{"told": 77, "due_on": "2026-11-10"}'),  # nobody has that id
    (10, ANNA, "commitment.done", DONE_AGAIN, '{"was": "agreed", "version": 2}'),
    (11, ANNA, "commitment.verified", DONE_AGAIN, "{}"),
    (12, ANNA, "commitment.reopened", DONE_AGAIN, "{}"),
    (13, BEN, "commitment.done", DONE_AGAIN, '{"was": "blocked", "version": 5}'),
    (10, ANNA, "commitment.done", VERIFIED, '{"was": "in_progress", "version": 3}'),
    (11, CARLA, "commitment.verified", VERIFIED, "{}"),
    (10, ANNA, "commitment.done", DONE_LONG_AGO, "{}"),
    (10, ANNA, "commitment.done", REOPENED, '{"was": "in_progress", "version": 2}'),
    (11, ANNA, "commitment.reopened", REOPENED, "{}"),
    (10, ANNA, "commitment.handed_over", GIVEN, '{"party": 2}'),
    (10, ANNA, "meeting.moved", 1, "{}"),
    (11, BEN, "meeting.moved", 1, "{}"),
    (10, BEN, "meeting.relocated", 1, "{}"),
    (12, CARLA, "meeting.invited", 1, "{}"),
    (12, ANNA, "meeting.moved", 11, "{}"),
]


@pytest.fixture
async def before(new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database as it was before: a town, and what was recorded of it."""
    url = await earlier.before(FIRST, new_database, tmp_path, monkeypatch)
    await rows(url, "INSERT INTO body (id, code, name, kind, rules) VALUES (1, 'TK', 'Trägerkonferenz', 'tk', '{}')")
    await _insert(
        url,
        "person (id, key, given_name, family_name)",
        *(f"({number}, 'p{number}', 'Anna', 'Arendt')" for number in (ANNA, BEN, CARLA)),
    )
    moment = "'2026-11-01 09:00:00+00:00'"
    await _insert(
        url,
        "commitment (id, body_id, number, what, state, due_kind, agreed_on, recorded_by_id, created_at, changed_at)",
        *(
            f"({number}, 1, {number}, 'Räume suchen', '{state}', 'none', '2026-11-01', 1, {moment}, {moment})"
            for number, state in enumerate(STATES, start=1)
        ),
    )
    await _insert(
        url,
        "commitment_party (id, commitment_id, side, person_id)",
        *(f"({number}, {GIVEN}, 'owner', {number})" for number in (ANNA, BEN)),
    )
    await _insert(
        url,
        "meeting (id, body_id, title, state, format, starts_local, zone, minutes, starts_at, ends_at, uid, created_at,"
        " changed_at)",
        *(
            f"({number}, 1, 'Sitzung', 'invited', 'presence', '2026-12-01T09:00', 'Europe/Berlin', 60, {moment}, {moment},"
            f" 'u{number}', {moment}, {moment})"
            for number in (1, 2)
        ),
    )
    await _insert(
        url,
        "audit_event (at, person_id, what, about, facts)",
        *(
            f"('2026-11-{day} 09:00:00+00:00', {who or 'NULL'}, '{what}', '{what.split('.')[0]}:{number}', '{facts}')"
            for day, who, what, number, facts in EVENTS
        ),
    )
    return url


async def _insert(url: str, into: str, *values: str) -> None:
    await rows(url, f"INSERT INTO {into} VALUES {', '.join(values)}")  # noqa: S608  # ours


async def test_what_the_record_knew_is_carried_over(before: str) -> None:
    assert (await migrate(before, backup_dir=None))[0] == FIRST

    await db.open_store(before)
    try:
        told = (
            await ToldOverdue.all().order_by("person_id").values_list("commitment_id", "person_id", "due_on", "told_at")
        )
        done = (
            await Commitment.all()
            .order_by("id")
            .values_list("id", "done_from", "done_version", "done_by_id", "verified_by_id")
        )
        parties = await CommitmentParty.all().order_by("id").values_list("person_id", "asked_to_take_over")
        meetings = await Meeting.all().order_by("id").values_list("moved_by_id", "relocated_by_id", "invited_by_id")
        recorded = await AuditEvent.all().count()
    finally:
        await db.close_store()
    assert told == [
        (OVERDUE, ANNA, date(2026, 11, 9), datetime(2026, 11, 10, 9, tzinfo=UTC)),
        (OVERDUE, BEN, date(2026, 11, 10), datetime(2026, 11, 11, 9, tzinfo=UTC)),
    ]
    assert done == [
        (OVERDUE, None, None, None, None),
        (DONE_AGAIN, CommitmentState.BLOCKED, 5, BEN, None),
        (VERIFIED, CommitmentState.IN_PROGRESS, 3, ANNA, CARLA),
        (DONE_LONG_AGO, None, None, None, None),
        (REOPENED, None, None, None, None),
        (GIVEN, None, None, None, None),
    ]
    assert parties == [(ANNA, False), (BEN, True)]
    assert meetings == [(BEN, BEN, CARLA), (None, None, None)]
    assert recorded == len(EVENTS)
