"""What has been overtaken while it waited does not leave, and what has left is not taken back."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from bot.actions import notices
from bot.actions.commitments import commitments, reminding
from bot.actions.commitments.commitments import Due
from bot.post import Mailer, outbox
from bot.rules.facts import AnswerLink
from bot.rules.pacing import Pacer
from storage import db
from storage.models import Body, Notice, Organisation
from storage.vocabulary import CheckInAnswer, DueKind, Lane, Network, NoticeKind, NoticeState
from tests.actions.agreements import LAND, Town, agreed, arrive
from tests.post.conftest import Call, Mailbox, Office, Refusal, channel, person, queue
from tests.post.test_dispatch import chat, codes, leased, opened, sent, to, until
from tests.post.test_mail import SENDER

TELEGRAM = Network.TELEGRAM
MEETING = "meeting:7"
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # three working days before what is agreed falls due


async def withdrawn(about: str = MEETING, *, only: Iterable[str] = ()) -> list[str]:
    """Take back what was to be told of it; gives the keys."""
    taken = await db.unit_of_work(partial(notices.withdraw, about, only=[*only]))
    return [notice.key for notice in taken]


async def test_invitation_that_waits_for_its_turn_does_not_leave_after_the_meeting_was_called_off(
    office: Office,
) -> None:
    pacer = Pacer()
    pacer.take(101, Lane.MAILING, office.clock.now)
    (row,) = await queue(chat("invitation", about=MEETING), now=office.clock.now)

    async with opened(office, pacers={TELEGRAM: pacer}) as post:
        async with asyncio.timeout(20):
            while (await Notice.get(id=row.id)).state is not NoticeState.SENDING:  # noqa: ASYNC110  # no event says so
                await asyncio.sleep(0.002)
        taken = await withdrawn()
        await queue(chat("cancelled", about=MEETING), now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 1)

    assert taken == ["invitation"]
    assert codes(office.telegram.said()) == [(101, "cancelled")]
    assert await Notice.all().values_list("key", "state") == [("cancelled", NoticeState.SENT)]


async def test_what_is_on_the_wire_has_left_and_is_not_taken_back(office: Office) -> None:
    taken: list[str] = []

    async def call_off(_: Call) -> None:
        taken.extend(await withdrawn())

    office.telegram.meanwhile = call_off

    (row,) = await sent(office, chat("invitation", about=MEETING))

    assert (taken, row.state) == ([], NoticeState.SENT)


async def test_what_may_have_arrived_is_not_sent_again_and_counts_as_told(office: Office) -> None:
    (row,) = await queue(chat("invitation", about=MEETING), now=office.clock.now)
    await Notice.filter(id=row.id).update(error=outbox.UNCERTAIN)

    taken = await withdrawn()
    await office.open().drain()

    await row.refresh_from_db()
    assert (taken, row.state, office.telegram.calls) == ([], NoticeState.UNCERTAIN, [])


async def test_only_the_templates_that_are_named_are_taken_back(office: Office) -> None:
    await queue(chat("a", about=MEETING), chat("b", about=MEETING, template="blank"), now=office.clock.now)

    assert await withdrawn(only=["blank"]) == ["b"]


async def test_mail_that_is_being_written_does_not_leave_after_it_was_taken_back(
    office: Office, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    nora = await person(mail="nora@example.org")

    async def call_off(_link: AnswerLink, _person: int) -> str:
        await withdrawn()
        return "https://faden.example/antwort/1"

    monkeypatch.setattr(office, "answer", call_off)
    facts = {"links": [AnswerLink(1)]}

    await queue(to(nora, kind=NoticeKind.MAIL, template="links", facts=facts, about=MEETING), now=office.clock.now)
    await office.open(mailer=Mailer(mailbox.address, SENDER, name="Faden")).drain()

    assert (mailbox.taken, await Notice.all().count()) == ([], 0)


# --- bundles of commitments ---------------------------------------------------------------------------------------------


@pytest.fixture
async def town(office: Office) -> Town:
    """Carla is on Telegram, and has promised two things; she is asked about both, and Telegram wants to be left alone first."""
    town = await arrive()
    await channel(town.carla, TELEGRAM, "103")
    await Body.all().update(level=3)
    await Organisation.all().update(level=None)
    office.clock.now = FRIDAY
    return town


async def asked(office: Office, town: Town) -> list[int]:
    numbers = [await agreed(town, FRIDAY - timedelta(days=2), what=what) for what in ("Räume suchen", "Plan schreiben")]
    await reminding.ask_check_ins(land=LAND, now=FRIDAY)
    office.telegram.script = lambda _: Refusal(429, "Too Many Requests", {"retry_after": 60})
    await office.open().drain()
    office.telegram.script = lambda _: None
    office.clock.passes(seconds=60)
    return numbers


def said(office: Office) -> str:
    return " ".join(call.params["text"] for call in office.telegram.taken if call.params.get("chat_id") == 103)


async def test_reminder_that_waited_does_not_ask_about_what_is_done_by_then(office: Office, town: Town) -> None:
    first, _ = await asked(office, town)
    await commitments.fulfil(by=town.anna, commitment=first, now=office.clock.now)

    await office.open().drain()

    assert ("Räume suchen" in said(office), "Plan schreiben" in said(office)) == (False, True)


async def test_reminder_that_waited_does_not_ask_about_what_was_answered_or_moved(office: Office, town: Town) -> None:
    first, second = await asked(office, town)
    now = office.clock.now
    await commitments.check_in(by=town.carla, commitment=first, answer=CheckInAnswer.ON_TRACK, now=now)
    later = Due(kind=DueKind.DATE, on=date(2026, 12, 2))
    await commitments.move(by=town.carla, commitment=second, due=later, reason="Raum fehlt", now=now)

    await office.open().drain()

    reminder = await Notice.get(template="commitments/check_in")
    assert (reminder.state, reminder.error, said(office)) == (NoticeState.DROPPED, "overtaken", "")


async def test_reminder_is_worded_again_when_something_of_it_was_done_while_it_waited_for_its_turn(
    office: Office, town: Town
) -> None:
    first, _ = await asked(office, town)
    pacer = Pacer()
    pacer.take(103, Lane.MAILING, office.clock.now)

    async with opened(office, pacers={TELEGRAM: pacer}) as post:
        async with asyncio.timeout(20):
            while not await Notice.exists(  # noqa: ASYNC110  # no event says so
                template="commitments/check_in", state=NoticeState.SENDING
            ):
                await asyncio.sleep(0.002)
        await commitments.fulfil(by=town.anna, commitment=first, now=office.clock.now)
        post.wake()
        await until(lambda: "Plan schreiben" in said(office))

    assert "Räume suchen" not in said(office)


async def test_answer_that_was_superseded_before_it_was_told_is_not_told(office: Office, town: Town) -> None:
    number = await agreed(town, FRIDAY)
    await channel(town.anna, TELEGRAM, "101")

    for answer in (CheckInAnswer.STUCK, CheckInAnswer.DONE):
        await commitments.check_in(by=town.carla, commitment=number, answer=answer, now=FRIDAY)
    await office.open().drain()

    told = await Notice.filter(template="commitments/check_in_told", person_id=town.anna.id)
    assert [notice.facts["answer"] for notice in told] == [{"$": ["Plain", "done"]}]


async def test_answers_handed_over_are_not_asked_about(office: Office) -> None:
    rows = await leased(office, chat("a", lane=Lane.ANSWER))

    await office.open().hand_over(rows)

    await rows[0].refresh_from_db()
    assert rows[0].state is NoticeState.SENT
