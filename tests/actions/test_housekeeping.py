from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.actions import audit, housekeeping, told
from storage.models import AuditEvent, InboxUpdate, OneTimeToken, WebSession
from storage.vocabulary import Network, TokenPurpose, UpdateState
from tests.actions.cast import Town
from tests.conftest import Counted

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


@pytest.mark.parametrize(("given", "days"), [({}, 3 * 365), ({"audit_kept": 30 * DAY}, 30)])
async def test_what_was_done_is_recorded_as_long_as_the_town_has_set(
    now: datetime, given: dict[str, timedelta], days: int
) -> None:
    await audit.record(None, "town.imported", "town", now=now - days * DAY - SECOND)
    await audit.record(None, "people.imported", "town", now=now - days * DAY)

    await housekeeping.tidy(machine_now=now, **given)

    assert [event.what for event in await AuditEvent.all()] == ["people.imported"]


async def test_tidying_takes_some_at_a_time_and_goes_on(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    for number in range(5):
        await an_update(number, UpdateState.DONE, now - 3 * DAY)

    left = []
    for _ in range(4):
        await housekeeping.tidy(machine_now=now)
        left.append(await InboxUpdate.all().count())

    assert left == [3, 1, 0, 0]


async def test_tidying_where_nothing_is_over_commits_nothing(
    now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await an_update(1, UpdateState.PARKED, now - 31 * DAY)
    await an_update(2, UpdateState.DONE, now - DAY)
    await housekeeping.tidy(machine_now=now)

    with statements() as counted:
        await housekeeping.tidy(machine_now=now)

    assert counted.commits == 0
    assert await InboxUpdate.all().count() == 2


async def test_what_cannot_be_erased_keeps_nothing_else(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_given: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(told, "tidy", fail)
    await an_update(1, UpdateState.DONE, now - 3 * DAY)
    await OneTimeToken.create(purpose=TokenPurpose.SIGN_IN, token_hash="t", created_at=now - DAY, expires_at=now)

    with capture_logs() as logged:
        await housekeeping.tidy(machine_now=now)

    assert (await InboxUpdate.all().count(), await OneTimeToken.all().count()) == (0, 0)
    assert [line["event"] for line in logged] == ["not tidied"]
