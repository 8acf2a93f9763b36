from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest

from bot.post import bundle_unread
from storage import db
from storage.models import Notice, Person
from storage.vocabulary import NoticeKind, NoticeState
from tests.conftest import Counted
from tests.post.conftest import person

MINUTES = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("store")


class Inboxes:
    """What lies unread in the web chat, set by the test."""

    def __init__(self) -> None:
        self.lying: list[tuple[int, datetime, int]] = []

    async def __call__(self, _now: datetime) -> Sequence[tuple[int, datetime, int]]:
        return self.lying


@pytest.fixture
async def nora() -> Person:
    return await person(mail="nora.quint@traeger.example")


@pytest.fixture
def inboxes() -> Inboxes:
    return Inboxes()


async def keys() -> list[str]:
    return [notice.key for notice in await Notice.all().order_by("id")]


async def test_unread_for_fifteen_minutes_brings_one_mail(nora: Person, inboxes: Inboxes, now: datetime) -> None:
    inboxes.lying = [(nora.id, now, 7)]

    await bundle_unread(now + 14.9 * MINUTES, inboxes)
    assert await keys() == []
    await bundle_unread(now + 15 * MINUTES, inboxes)
    await bundle_unread(now + 16 * MINUTES, inboxes)

    (notice,) = await Notice.all()
    assert (notice.key, notice.kind, notice.template) == (f"unread:{nora.id}:7", NoticeKind.MAIL, "general/unread")
    assert (notice.person_id, notice.facts, notice.due_at) == (nora.id, {}, now + 15 * MINUTES)


async def test_more_that_comes_brings_no_second_mail_on_the_same_day(
    nora: Person, inboxes: Inboxes, now: datetime
) -> None:
    inboxes.lying = [(nora.id, now, 7)]
    await bundle_unread(now + 15 * MINUTES, inboxes)
    inboxes.lying = [(nora.id, now, 8)]

    await bundle_unread(now + 60 * MINUTES, inboxes)
    assert await keys() == [f"unread:{nora.id}:7"]
    await bundle_unread(now + timedelta(days=1) + 16 * MINUTES, inboxes)
    assert await keys() == [f"unread:{nora.id}:7", f"unread:{nora.id}:8"]


async def test_what_comes_after_all_was_read_brings_a_mail_again(nora: Person, inboxes: Inboxes, now: datetime) -> None:
    inboxes.lying = [(nora.id, now, 7)]
    await bundle_unread(now + 15 * MINUTES, inboxes)
    inboxes.lying = [(nora.id, now + 20 * MINUTES, 8)]

    await bundle_unread(now + 35 * MINUTES, inboxes)

    assert await keys() == [f"unread:{nora.id}:7", f"unread:{nora.id}:8"]


async def test_who_reads_before_the_mail_is_sent_gets_none(nora: Person, inboxes: Inboxes, now: datetime) -> None:
    inboxes.lying = [(nora.id, now, 7)]
    await bundle_unread(now + 15 * MINUTES, inboxes)
    inboxes.lying = []

    await bundle_unread(now + 16 * MINUTES, inboxes)

    notice = await Notice.get()
    assert (notice.state, notice.error) == (NoticeState.DROPPED, "read")


@pytest.mark.only_on("sqlite")  # it says in words how it finds rows
async def test_earlier_mails_are_not_read_again(
    nora: Person, inboxes: Inboxes, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    inboxes.lying = [(nora.id, now, 7)]

    with statements() as counted:
        await bundle_unread(now + 15 * MINUTES, inboxes)

    [asked] = [said for said in counted.statements if said.startswith("SELECT") and "template" in said]
    plan = await db.execute(f"EXPLAIN QUERY PLAN {asked.replace('?', '1')}")
    assert "(person_id=? AND state=? AND due_at>?)" in plan[0]["detail"]
