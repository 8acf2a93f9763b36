from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.actions import housekeeping
from storage.db import execute, transaction
from storage.models import InboxUpdate, Notice, OneTimeToken, WebSession
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState, TokenPurpose, UpdateState
from tests.actions.cast import Town

pytestmark = pytest.mark.usefixtures("store")

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


async def an_update(number: int, state: UpdateState, at: datetime) -> None:
    await InboxUpdate.create(
        network=Network.TELEGRAM,
        update_id=number,
        payload={"update_id": number},
        state=state,
        received_at=at,
        done_at=None if state is UpdateState.WAITING else at,
    )


async def a_notice(key: str, state: NoticeState, at: datetime, kind: NoticeKind = NoticeKind.MESSAGE) -> None:
    await Notice.create(
        key=key,
        kind=kind,
        lane=Lane.MAILING,
        template="moved",
        facts={"title": "82. TK"},
        frozen=b"Subject: 82. TK",
        state=state,
        due_at=at,
        created_at=at,
        sent_at=at if state is NoticeState.SENT else None,
    )


async def test_done_updates_are_forgotten_after_two_days(now: datetime) -> None:
    await an_update(1, UpdateState.DONE, now - 2 * DAY - SECOND)
    await an_update(2, UpdateState.DONE, now - 2 * DAY)
    await an_update(3, UpdateState.WAITING, now - 9 * DAY)

    await housekeeping.tidy(machine_now=now)

    assert [row.update_id for row in await InboxUpdate.all().order_by("id")] == [2, 3]


async def test_parked_updates_lose_their_content_after_30_days(now: datetime) -> None:
    await an_update(1, UpdateState.PARKED, now - 30 * DAY - SECOND)
    await an_update(2, UpdateState.PARKED, now - 30 * DAY)

    await housekeeping.tidy(machine_now=now)

    assert {row.update_id: row.payload for row in await InboxUpdate.all()} == {1: None, 2: {"update_id": 2}}


async def test_what_was_told_loses_its_content_after_a_day(now: datetime) -> None:
    await a_notice("old", NoticeState.SENT, now - DAY - SECOND)
    await a_notice("fresh", NoticeState.SENT, now - DAY)
    await a_notice("card", NoticeState.SENT, now - 9 * DAY, NoticeKind.CARD)
    await a_notice("waiting", NoticeState.WAITING, now - 9 * DAY)

    await housekeeping.tidy(machine_now=now)

    notices = {row.key: (row.facts, row.frozen) for row in await Notice.all()}
    content = ({"title": "82. TK"}, b"Subject: 82. TK")
    assert notices == {"old": ({}, None), "fresh": content, "card": content, "waiting": content}


async def test_what_never_arrived_loses_its_content_after_30_days(now: datetime) -> None:
    lost = (NoticeState.DROPPED, NoticeState.DEAD, NoticeState.UNCERTAIN)
    for state in lost:
        await a_notice(f"old {state}", state, now - 30 * DAY - SECOND)
        await a_notice(f"fresh {state}", state, now - 30 * DAY)

    await housekeeping.tidy(machine_now=now)

    kept = sorted(row.key for row in await Notice.all() if row.facts)
    assert kept == sorted(f"fresh {state}" for state in lost)
    assert await Notice.all().count() == 6


async def test_links_and_sessions_that_are_over_are_forgotten(town: Town, now: datetime) -> None:
    for number, expires in enumerate([now - SECOND, now + SECOND]):
        await OneTimeToken.create(
            purpose=TokenPurpose.SIGN_IN, token_hash=f"t{number}", created_at=now - DAY, expires_at=expires
        )
    for number, expires in enumerate([now - SECOND, now + SECOND]):
        await WebSession.create(
            token_hash=f"s{number}",
            person=town.ben,
            label="Firefox",
            created_at=now - DAY,
            seen_at=now - DAY,
            expires_at=expires,
        )

    await housekeeping.tidy(machine_now=now)

    assert [token.token_hash for token in await OneTimeToken.all()] == ["t1"]
    assert [session.token_hash for session in await WebSession.all()] == ["s1"]


async def test_tidying_twice_changes_nothing_more(now: datetime) -> None:
    await an_update(1, UpdateState.PARKED, now - 31 * DAY)
    await a_notice("old", NoticeState.SENT, now - 2 * DAY)
    await housekeeping.tidy(machine_now=now)

    await housekeeping.tidy(machine_now=now)

    assert (await InboxUpdate.all().count(), await Notice.all().count()) == (1, 1)


async def test_what_is_empty_already_is_not_written_again(now: datetime) -> None:
    await a_notice("told", NoticeState.SENT, now - 2 * DAY)
    await a_notice("lost", NoticeState.DEAD, now - 31 * DAY)
    told, lost = [now - DAY], [now - 30 * DAY]

    async with transaction():
        first = [
            await execute(f"{housekeeping.TOLD} RETURNING id", told),
            await execute(f"{housekeeping.LOST} RETURNING id", lost),
        ]
        again = [
            await execute(f"{housekeeping.TOLD} RETURNING id", told),
            await execute(f"{housekeeping.LOST} RETURNING id", lost),
        ]

    assert ([len(rows) for rows in first], again) == ([1, 1], [[], []])


async def test_what_cannot_be_erased_keeps_nothing_else(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_given: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(housekeeping, "execute", fail)
    await an_update(1, UpdateState.DONE, now - 3 * DAY)
    await OneTimeToken.create(purpose=TokenPurpose.SIGN_IN, token_hash="t", created_at=now - DAY, expires_at=now)

    with capture_logs() as logged:
        await housekeeping.tidy(machine_now=now)

    assert (await InboxUpdate.all().count(), await OneTimeToken.all().count()) == (0, 0)
    assert [line["event"] for line in logged] == ["not tidied"] * 2


@pytest.mark.only_on("sqlite")
async def test_database_knows_afterwards_what_is_in_its_tables(now: datetime) -> None:
    await an_update(1, UpdateState.WAITING, now)

    await housekeeping.tidy(machine_now=now)

    assert await execute("SELECT DISTINCT tbl FROM sqlite_stat1 WHERE tbl = 'inbox_update'") != []
