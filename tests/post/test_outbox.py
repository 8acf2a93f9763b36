"""The rows: what is claimed, in which order, and what becomes of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions import notices
from bot.actions.notices import Draft
from bot.post import outbox
from bot.post.outbox import LEASE, Desk, Outcome
from storage import db
from storage.models import Dialogue, GroupChat, InboxUpdate, Notice
from storage.together import Together
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.conftest import Counted
from tests.post.conftest import body, person, queue

MAILINGS = Desk(lane=Lane.MAILING, mail=False, places=10)
ANSWERS = Desk(lane=Lane.ANSWER, mail=False, places=10)
MAILS = Desk(lane=Lane.MAILING, mail=True, places=10)
SECOND = timedelta(seconds=1)
Statements = Callable[[], AbstractContextManager[Counted]]

pytestmark = pytest.mark.usefixtures("store")


def draft(key: str, now: datetime, **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    values: dict[str, Any] = {"key": key, "template": "general/given_up", "facts": {"something": True}, "due_at": now}
    return Draft(**values | more)


def to_chat(key: str, now: datetime, chat_id: int = 101, **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    return draft(key, now, network=Network.TELEGRAM, chat_id=chat_id, **more)


async def claimed(desk: Desk, now: datetime, places: int = 10) -> list[str]:
    return [notice.key for notice in await outbox.claim(desk, places, domain_now=now, machine_now=now)]


async def test_claim_takes_what_is_due_of_its_own_desk(now: datetime) -> None:
    nora = await person()
    await queue(
        to_chat("later", now + SECOND, 1),
        to_chat("answer", now, 2, lane=Lane.ANSWER),
        draft("mail", now, person=nora.id, kind=NoticeKind.MAIL),
        to_chat("due", now, 3),
        now=now,
    )

    assert await claimed(MAILINGS, now) == ["due"]
    assert await claimed(ANSWERS, now) == ["answer"]
    assert await claimed(MAILS, now) == ["mail"]


async def test_claim_takes_the_eldest_first_and_no_more_than_there_are_places(now: datetime) -> None:
    await queue(to_chat("b", now, 1), to_chat("c", now, 2), to_chat("a", now - SECOND, 3), now=now)

    assert await claimed(MAILINGS, now, places=2) == ["a", "b"]


@pytest.mark.only_on("postgres")
async def test_claim_keeps_to_its_places_when_postgresql_believes_the_outbox_almost_empty(now: datetime) -> None:
    await queue(to_chat("a", now, 1), now=now)
    await db.execute("ANALYZE notice")
    await queue(to_chat("b", now, 2), to_chat("c", now, 3), now=now)

    assert await claimed(MAILINGS, now, places=2) == ["a", "b"]


async def test_claim_leases_what_it_takes_to_nobody_else(now: datetime) -> None:
    (row,) = await queue(to_chat("a", now), now=now)

    assert await claimed(MAILINGS, now) == ["a"]
    assert await claimed(MAILINGS, now + LEASE) == []
    await row.refresh_from_db()
    assert (row.state, row.held_until) == (NoticeState.SENDING, now + LEASE)


async def test_claim_leaves_what_is_held(now: datetime) -> None:
    (row,) = await queue(to_chat("a", now), now=now)
    await Notice.filter(id=row.id).update(held_until=now + SECOND)

    assert await claimed(MAILINGS, now) == []
    assert await claimed(MAILINGS, now + SECOND) == ["a"]


async def test_claim_that_finds_nothing_commits_nothing(now: datetime, statements: Statements) -> None:
    with statements() as counted:
        await claimed(MAILINGS, now)

    assert (len(counted.statements), counted.commits) == (1, 0)


@pytest.mark.parametrize("state", [NoticeState.WAITING, NoticeState.SENDING])
async def test_claim_takes_one_of_a_chat_and_the_next_when_that_is_settled(now: datetime, state: NoticeState) -> None:
    first, _, _ = await queue(to_chat("a", now), to_chat("b", now), to_chat("other", now, 102), now=now)
    await Notice.filter(id=first.id).update(state=state, held_until=now + SECOND)

    assert await claimed(MAILINGS, now) == ["other"]
    await outbox.settle(first, Outcome(state=NoticeState.SENT), machine_now=now, together=Together())
    assert await claimed(MAILINGS, now) == ["b"]


async def test_claim_keeps_the_order_of_a_person_within_lane_and_medium(now: datetime) -> None:
    nora = await person()
    await queue(
        draft("a", now, person=nora.id),
        draft("b", now, person=nora.id),
        draft("mail", now, person=nora.id, kind=NoticeKind.MAIL),
        draft("calendar", now, person=nora.id, kind=NoticeKind.CALENDAR_MAIL),
        draft("answer", now, person=nora.id, lane=Lane.ANSWER),
        now=now,
    )

    assert await claimed(MAILINGS, now) == ["a"]
    assert await claimed(MAILS, now) == ["mail"]
    assert await claimed(ANSWERS, now) == ["answer"]


async def test_claim_does_not_mistake_the_same_number_on_another_network(now: datetime) -> None:
    await queue(to_chat("a", now), draft("b", now, network=Network.WEBCHAT, chat_id=101), now=now)

    assert await claimed(MAILINGS, now) == ["a", "b"]


async def test_cards_wait_for_nobody_and_hold_nobody_up(now: datetime) -> None:
    rows = await queue(
        to_chat("card", now, kind=NoticeKind.CARD),
        to_chat("a", now),
        to_chat("card2", now, kind=NoticeKind.CARD),
        now=now,
    )
    await Notice.filter(id=rows[1].id).update(held_until=now + SECOND)

    assert await claimed(MAILINGS, now) == ["card", "card2"]
    assert await claimed(MAILINGS, now + SECOND) == ["a"]


async def test_give_back_sends_again_what_may_have_left(now: datetime) -> None:
    (row,) = await queue(to_chat("a", now), now=now)
    await claimed(MAILINGS, now)

    assert await outbox.give_back(leased_before=now - SECOND, except_for=[]) == 0
    assert await outbox.give_back(leased_before=now, except_for=[row.id]) == 0
    assert await outbox.give_back(leased_before=now, except_for=[]) == 1
    assert await claimed(MAILINGS, now) == ["a"]


async def test_give_back_does_not_send_again_what_must_not_come_twice(now: datetime) -> None:
    on_the_way, still_here = await queue(
        to_chat("a", now, 1, resend=False), to_chat("b", now, 2, resend=False), now=now
    )
    await claimed(MAILINGS, now)
    assert await outbox.leaves(on_the_way, machine_now=now, together=Together())

    await outbox.give_back(leased_before=now, except_for=[])

    await on_the_way.refresh_from_db()
    await still_here.refresh_from_db()
    assert (on_the_way.state, on_the_way.error) == (NoticeState.UNCERTAIN, "uncertain")
    assert still_here.state is NoticeState.WAITING


async def test_settle_writes_down_a_failure_and_forgets_it_after_a_success(now: datetime) -> None:
    (row,) = await queue(to_chat("a", now), now=now)

    held = Outcome(state=NoticeState.WAITING, error="server", held_until=now + SECOND, failed=True)
    await outbox.settle(row, held, machine_now=now, together=Together())
    await row.refresh_from_db()
    assert (row.state, row.error, row.attempts, row.held_until) == (NoticeState.WAITING, "server", 1, now + SECOND)

    await outbox.settle(
        row, Outcome(state=NoticeState.SENT, changes={"message_id": 5}), machine_now=now, together=Together()
    )
    await row.refresh_from_db()
    assert (row.state, row.error, row.attempts, row.sent_at, row.message_id) == (NoticeState.SENT, None, 0, now, 5)


async def test_settle_remembers_that_it_was_uncertain(now: datetime) -> None:
    (row,) = await queue(to_chat("a", now), now=now)
    row.error = outbox.UNCERTAIN

    await outbox.settle(
        row, Outcome(state=NoticeState.WAITING, error="throttled"), machine_now=now, together=Together()
    )

    await row.refresh_from_db()
    assert row.error == "uncertain"


async def test_card_that_changed_while_it_was_sent_goes_out_again(now: datetime) -> None:
    card = to_chat("card", now, -5, kind=NoticeKind.CARD)
    await queue(card, now=now)
    (row,) = await outbox.claim(MAILINGS, 1, domain_now=now, machine_now=now)

    await db.unit_of_work(lambda: notices.keep_card(card, now=now))
    sent = Outcome(state=NoticeState.SENT, held_until=now + 3 * SECOND, changes={"message_id": 5})
    await outbox.settle(row, sent, machine_now=now, together=Together())

    await row.refresh_from_db()
    assert (row.state, row.message_id, row.held_until) == (NoticeState.WAITING, 5, now + 3 * SECOND)


async def test_card_that_was_taken_away_while_it_was_sent_is_erased_where_it_came(now: datetime) -> None:
    await queue(to_chat("a", now, -5, kind=NoticeKind.CARD), to_chat("b", now, -6, kind=NoticeKind.CARD), now=now)
    came, failed = await outbox.claim(MAILINGS, 2, domain_now=now, machine_now=now)

    await Notice.all().delete()
    where = {"message_id": 5, "network": Network.TELEGRAM, "chat_id": -5}
    await outbox.settle(
        came, Outcome(state=NoticeState.SENT, changes=where), machine_now=now + SECOND, together=Together()
    )
    await outbox.settle(failed, Outcome(state=NoticeState.DEAD), machine_now=now + SECOND, together=Together())

    (row,) = await Notice.all()
    assert (row.kind, row.chat_id, row.target_id, row.due_at) == (NoticeKind.ERASE, -5, "5", now)


async def test_move_chat_rewrites_every_row(now: datetime) -> None:
    nora, there = await person(), await body()
    group = await GroupChat.create(body=there, network=Network.TELEGRAM, chat_id=-5, linked_at=now)
    (row,) = await queue(to_chat("a", now, -5), now=now)
    update = await InboxUpdate.create(network=Network.TELEGRAM, update_id=1, chat_id=-5, received_at=now)
    dialogue = await Dialogue.create(
        network=Network.TELEGRAM, chat_id=-5, person=nora, kind="k", step="s", expires_at=now
    )

    await outbox.move_chat(Network.TELEGRAM, -5, -1005)

    for moved in (group, row, update, dialogue):
        await moved.refresh_from_db()
        assert moved.chat_id == -1005


async def test_move_chat_leaves_a_group_that_is_known_by_its_new_id_already(now: datetime) -> None:
    one, other = await body("A"), await body("B")
    old = await GroupChat.create(body=one, network=Network.TELEGRAM, chat_id=-5, linked_at=now)
    await GroupChat.create(body=other, network=Network.TELEGRAM, chat_id=-1005, linked_at=now)

    await outbox.move_chat(Network.TELEGRAM, -5, -1005)

    await old.refresh_from_db()
    assert old.chat_id == -5


async def test_waiting_answers_are_those_in_chats_that_are_due(now: datetime) -> None:
    nora = await person()
    answer, *_ = await queue(
        to_chat("answer", now, lane=Lane.ANSWER),
        to_chat("for tomorrow", now + timedelta(days=1), lane=Lane.ANSWER),
        to_chat("mailing", now),
        draft("mail", now, person=nora.id, kind=NoticeKind.MAIL, lane=Lane.ANSWER),
        now=now,
    )

    assert await outbox.waiting_answers(domain_now=now) == [(answer.id, Network.TELEGRAM, 101)]


async def test_claim_looks_at_few_rows_however_many_wait(now: datetime) -> None:
    """The plan, not the time: `make bench` measures that with a million rows."""
    if db.is_postgres():
        await db.execute("SET enable_seqscan = off")  # a planner that knows three rows would read them all
        explained = await db.execute("EXPLAIN " + outbox._DUE.replace("?", "NULL"))  # noqa: SLF001  # the plan of this statement
        plan = "\n".join(row["QUERY PLAN"] for row in explained)
        assert "Seq Scan" not in plan
    else:
        values = [Lane.MAILING.value, now, now, False, 10]
        plan = "\n".join(row["detail"] for row in await db.execute("EXPLAIN QUERY PLAN " + outbox._DUE, values))  # noqa: SLF001  # likewise
        searches = [line for line in plan.splitlines() if line.startswith("SEARCH")]
        assert "SCAN" not in plan
        assert [line.partition("(")[2] for line in searches] == [
            "state=? AND lane=? AND due_at<?)",
            "person_id=? AND state=? AND due_at<?)",
            "chat_id=? AND state=? AND due_at<?)",
        ]
