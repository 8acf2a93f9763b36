from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions import notices
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules.facts import Title
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.actions.cast import Town
from tests.conftest import Counted

pytestmark = pytest.mark.usefixtures("store")

MINUTE = timedelta(minutes=1)


def draft(now: datetime, **more: Any) -> Draft:  # noqa: ANN401  # fields of every type
    values = {
        "key": "meeting:1:moved:7",
        "template": "meetings/moved",
        "facts": {"title": Title("82. TK")},
        "due_at": now,
    }
    return Draft(**{**values, **more})


def card(now: datetime, **more: Any) -> Draft:  # noqa: ANN401  # fields of every type
    return draft(now, key="card:1", kind=NoticeKind.CARD, network=Network.TELEGRAM, chat_id=-5, about="m:1", **more)


async def test_queue_keeps_a_draft_as_it_is(town: Town, now: datetime) -> None:
    whole = draft(
        now,
        person=town.ben.id,
        body=town.tk.id,
        about="meeting:1",
        network=Network.TELEGRAM,
        chat_id=-1001234567890,
        thread_id=4,
        target_id="99",
        kind=NoticeKind.CALENDAR_MAIL,
        lane=Lane.ANSWER,
        silent=True,
        urgent=True,
        resend=False,
    )

    await notices.queue([whole], now=now - MINUTE)

    row = await Notice.get()
    kept = {name: getattr(row, name) for name in vars(whole) if name not in {"person", "body", "facts"}}
    told = {name: value for name, value in vars(whole).items() if name not in {"person", "body", "facts"}}
    assert kept == told
    assert (row.person_id, row.body_id, row.created_at) == (town.ben.id, town.tk.id, now - MINUTE)
    assert (row.state, row.attempts, row.held_until) == (NoticeState.WAITING, 0, None)
    assert row.facts == {"title": {"$": ["Title", "82. TK"]}}


async def test_queue_keeps_each_key_once(now: datetime) -> None:
    await notices.queue([draft(now, facts={"count": 1})], now=now)

    await notices.queue([draft(now, facts={"count": 2}), draft(now, key="other"), draft(now, key="other")], now=now)

    rows = await Notice.all().order_by("id")
    assert [(row.key, row.facts) for row in rows] == [
        ("meeting:1:moved:7", {"count": 1}),
        ("other", typed.encode(draft(now).facts)),
    ]


async def test_queue_of_nothing_says_nothing_to_the_database(
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
) -> None:
    with statements() as counted:
        await notices.queue([], now=now)

    assert (counted.statements, counted.commits) == ([], 0)


async def test_queue_of_many_is_one_statement(
    now: datetime,
    statements: Callable[[], AbstractContextManager[Counted]],
) -> None:
    with statements() as counted:
        await notices.queue((draft(now, key=f"n:{number}") for number in range(50)), now=now)

    assert (len(counted.statements), counted.commits, await Notice.all().count()) == (1, 1, 50)


async def test_lease_gives_what_was_not_there_yet(now: datetime) -> None:
    await notices.queue([draft(now, key="old")], now=now)

    drafts = [draft(now, key="old"), draft(now, key="new", network=Network.TELEGRAM)]

    written = await notices.lease(drafts, now=now, until=now + MINUTE)

    row = await Notice.get(key="new")
    assert [(notice.id, notice.key) for notice in written] == [(row.id, "new")]
    for name in ("kind", "lane", "state", "network", "facts", "template", "due_at", "created_at"):
        assert getattr(written[0], name) == getattr(row, name)


async def test_lease_belongs_to_who_sends_at_once(now: datetime) -> None:
    [written] = await notices.lease([draft(now)], now=now, until=now + MINUTE)

    row = await Notice.get()
    assert (row.state, row.held_until) == (NoticeState.SENDING, now + MINUTE) == (written.state, written.held_until)


async def test_lease_of_more_than_fit_into_a_statement_is_kept_together(
    now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    many = [draft(now, key=f"n:{number}") for number in range(notices.ROWS_AT_ONCE + 1)]

    with statements() as counted:
        written = await notices.lease(many, now=now, until=now + MINUTE)

    assert (len(counted.statements), counted.commits) == (2, 1)
    assert [notice.key for notice in written] == [one.key for one in many]
    assert await Notice.all().count() == len(many)


async def test_card_is_one_row_that_shows_the_latest_state(now: datetime) -> None:
    await notices.keep_card(card(now, facts={"count": 1}), now=now)
    await Notice.all().update(state=NoticeState.SENT, message_id=12)

    await notices.keep_card(card(now + MINUTE, facts={"count": 2}, template="meetings/card"), now=now + MINUTE)

    row = await Notice.get()
    assert (row.facts, row.template, row.state, row.due_at) == (
        {"count": 2},
        "meetings/card",
        NoticeState.WAITING,
        now + MINUTE,
    )
    assert (row.message_id, row.created_at) == (12, now)


async def test_withdraw_takes_back_what_has_not_left_about_a_thing(now: datetime) -> None:
    await notices.queue([draft(now, key=f"n:{state}", about="m:1") for state in NoticeState], now=now)
    await notices.queue([draft(now, key="n:on the wire", about="m:1")], now=now)
    for state in NoticeState:
        await Notice.filter(key=f"n:{state}").update(state=state)
    await Notice.filter(key="n:on the wire").update(state=NoticeState.SENDING, sent_at=now)
    await notices.queue([draft(now, key="another", about="m:2"), draft(now, key="nothing", about=None)], now=now)
    await notices.keep_card(card(now), now=now)

    withdrawn = await notices.withdraw("m:1")

    left = {row.key for row in await Notice.all()}
    taken_back = {"n:waiting", "n:sending"}
    assert {row.key: typed.decode(row.facts) for row in withdrawn} == {key: {"title": "82. TK"} for key in taken_back}
    assert left == {f"n:{state}" for state in NoticeState} - taken_back | {
        "n:on the wire",
        "another",
        "nothing",
        "card:1",
    }


async def test_correct_puts_newer_facts_into_what_waits_and_tells_such_facts(now: datetime) -> None:
    day = {"title": Title("82. TK"), "day": now}
    await notices.queue(
        [
            draft(now, key="n:waiting", about="i:1", facts=day),
            draft(now, key="n:without", about="i:1"),
            draft(now, key="n:other", about="i:2", facts=day),
            draft(now, key="n:sent", about="i:1", facts=day),
        ],
        now=now,
    )
    await Notice.filter(key="n:sent").update(state=NoticeState.SENT)

    corrected = await notices.correct({"i:1", "i:3"}, day=now + MINUTE)

    told = {row.key: typed.decode(row.facts).get("day") for row in await Notice.all()}
    assert [row.key for row in corrected] == ["n:waiting"]
    assert told == {"n:waiting": now + MINUTE, "n:without": None, "n:other": now, "n:sent": now}
    assert typed.decode((await Notice.get(key="n:waiting")).facts)["title"] == Title("82. TK")


async def test_withdraw_spares_the_templates_named(now: datetime) -> None:
    await notices.queue(
        [draft(now, key="1", about="m:1"), draft(now, key="2", about="m:1", template="meetings/deputy_released")],
        now=now,
    )

    withdrawn = await notices.withdraw("m:1", except_for=["meetings/deputy_released"])

    assert ([row.key for row in withdrawn], [row.key for row in await Notice.all()]) == (["1"], ["2"])


async def test_withdraw_of_nothing_gives_nothing() -> None:
    assert await notices.withdraw("m:1") == []


async def test_what_was_withdrawn_can_be_told_again(now: datetime) -> None:
    await notices.queue([draft(now, about="m:1")], now=now)
    await notices.withdraw("m:1")

    await notices.queue([draft(now, about="m:1")], now=now)

    assert await Notice.all().count() == 1
