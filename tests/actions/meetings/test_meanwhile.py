"""What others do between the moment in which an action has read and the one in which it writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from bot.actions.agenda import agenda, agenda_items
from bot.actions.agenda.agenda_items import Proposal
from bot.actions.meetings import invitations, moving, placing, reaching
from bot.actions.meetings.invitations import DeputyUnknown, Rescheduled
from bot.actions.meetings.meetings import MeetingOver
from bot.actions.people import leaving
from bot.rules.refusals import ChangedMeanwhile, NotFoundHere, Outdated
from storage import db
from storage.models import AgendaItem, Attendance, Membership, Notice
from storage.vocabulary import Answer, NoticeState, Purpose
from tests.actions.cast import LAND, Town
from tests.actions.gathering import DAY, HOST, HOUR, TUESDAY, invited, moved, plan, to_be_told, utc
from tests.actions.invented import a_seat

Deed = Callable[[], Awaitable[object]]
Meanwhile = Callable[[ModuleType, Deed], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Something happens before an action of that module writes for the first time, and after it has read."""

    def arrange(module: ModuleType, deed: Deed) -> None:
        transaction = module.transaction

        @asynccontextmanager
        async def late() -> AsyncIterator[None]:
            monkeypatch.setattr(module, "transaction", transaction)
            await db.unit_of_work(deed)
            async with transaction():
                yield

        monkeypatch.setattr(module, "transaction", late)

    return arrange


async def called_off(town: Town, meeting: int, now: datetime) -> None:
    await moving.cancel(by=town.ada, meeting=meeting, reason="Streik", now=now)


async def answer_of(person: int) -> Answer:
    return (await Attendance.get(person_id=person)).answer


# --- answers --------------------------------------------------------------------------------------------------------


async def test_yes_to_a_day_is_not_written_down_for_another(town: Town, now: datetime, meanwhile: Meanwhile) -> None:
    meeting = await invited(town, now)
    meanwhile(invitations, lambda: moved(town, meeting, now))

    with pytest.raises(Rescheduled) as refused:
        await invitations.answer(
            by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, shown=utc(TUESDAY), now=now + HOUR
        )

    assert refused.value.facts["meeting"]["starts"] == utc(TUESDAY) + DAY
    assert await answer_of(town.ben.id) is Answer.OPEN


@pytest.mark.parametrize("delegates", [True, False])
async def test_nobody_answers_what_was_called_off(
    town: Town, now: datetime, meanwhile: Meanwhile, *, delegates: bool
) -> None:
    meeting = await invited(town, now)
    meanwhile(invitations, lambda: called_off(town, meeting, now))

    says = partial(invitations.answer, answer=Answer.ACCEPTED)
    names = partial(invitations.delegate, deputy=town.vera.id)

    with pytest.raises(MeetingOver):
        await (names if delegates else says)(by=town.ben, meeting=meeting, now=now)

    assert {row.answer for row in await Attendance.all()} == {Answer.OPEN}
    assert {template for template, _ in await to_be_told()} == {"meetings/cancelled"}


async def test_deputy_named_while_somebody_else_enters_an_answer_is_released(
    town: Town, now: datetime, meanwhile: Meanwhile
) -> None:
    meeting = await invited(town, now)
    meanwhile(
        invitations,
        lambda: invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now),
    )

    await invitations.answer(by=town.anna, meeting=meeting, answer=Answer.ACCEPTED, person=town.ben.id, now=now)

    assert ("meetings/deputy_released", "Vera") in await to_be_told()
    assert not await Attendance.exists(person_id=town.vera.id)


async def test_who_lost_the_seat_answers_nothing_any_more(town: Town, now: datetime, meanwhile: Meanwhile) -> None:
    await a_seat(town.carla, town.srt)
    meeting = await invited(town, now)
    seat = await Membership.get(person_id=town.carla.id, body_id=town.tk.id)
    meanwhile(invitations, lambda: leaving.end_seat(by=town.anna, seat=seat.id, now=now))

    with pytest.raises(NotFoundHere):
        await invitations.answer(by=town.carla, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    assert not await Attendance.exists(person_id=town.carla.id)


async def two_share_a_deputy(town: Town) -> None:
    await Membership.filter(person_id__in=[town.ben.id, town.gesa.id]).update(deputy_id=town.vera.id)


async def test_deputy_whom_somebody_else_named_first_is_refused(
    town: Town, now: datetime, meanwhile: Meanwhile
) -> None:
    await two_share_a_deputy(town)
    meeting = await invited(town, now)
    name = partial(invitations.delegate, meeting=meeting, deputy=town.vera.id, now=now)
    meanwhile(invitations, lambda: name(by=town.gesa))

    with pytest.raises(DeputyUnknown):
        await name(by=town.ben)

    assert (await answer_of(town.ben.id), await answer_of(town.gesa.id)) == (Answer.OPEN, Answer.DELEGATED)


async def test_of_two_who_name_the_same_deputy_at_once_one_is_refused(town: Town, now: datetime) -> None:
    await two_share_a_deputy(town)
    meeting = await invited(town, now)

    def naming(**by: Any) -> Awaitable[object]:  # noqa: ANN401  # a person
        deed = partial(invitations.delegate, meeting=meeting, deputy=town.vera.id, now=now, **by)
        return db.unit_of_work(deed)

    said = await asyncio.gather(naming(by=town.ben), naming(by=town.gesa), return_exceptions=True)

    assert [type(one) for one in said if isinstance(one, Exception)] == [DeputyUnknown]
    assert await Attendance.filter(answer=Answer.DELEGATED).count() == 1


# --- invitations ----------------------------------------------------------------------------------------------------


async def test_nobody_is_invited_to_what_was_called_off(town: Town, now: datetime, meanwhile: Meanwhile) -> None:
    meeting = await invited(town, now)
    await a_seat(town.nora, town.tk)
    meanwhile(invitations, lambda: called_off(town, meeting, now))

    with pytest.raises(ChangedMeanwhile):
        await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert {template for template, _ in await to_be_told()} == {"meetings/cancelled"}


async def test_what_was_called_off_is_not_told_again_as_if_it_took_place(
    town: Town, now: datetime, meanwhile: Meanwhile
) -> None:
    meeting = await invited(town, now)
    await Notice.filter(person_id=town.carla.id).update(state=NoticeState.UNCERTAIN)
    meanwhile(reaching, lambda: called_off(town, meeting, now))

    with pytest.raises(ChangedMeanwhile):
        await reaching.again(by=town.anna, meeting=meeting, now=now)

    assert {template for template, _ in await to_be_told()} == {"meetings/cancelled"}


# --- the agenda -----------------------------------------------------------------------------------------------------


async def planned(town: Town, now: datetime, starts: datetime) -> int:
    facts = await placing.schedule(by=town.anna, body="TK", plan=plan(starts), host=HOST, now=now)
    return int(facts["meeting"]["id"])


async def accepted(town: Town, title: str, meeting: int, now: datetime) -> int:
    proposal = Proposal(purpose=Purpose.REPORT, title=title, minutes=5)
    facts = await agenda_items.submit(by=town.ben, body="TK", proposal=proposal, meeting=meeting, now=now)
    number = int(facts["item"]["id"])
    await agenda_items.accept(by=town.anna, item=number, now=now)
    return number


async def test_items_that_go_to_the_next_meeting_are_not_ordered_by_the_last_one(
    town: Town, now: datetime, meanwhile: Meanwhile
) -> None:
    first, second = await planned(town, now, TUESDAY), await planned(town, now, TUESDAY + 7 * DAY)
    ours = [await accepted(town, title, first, now) for title in ("Spielplatz", "Haushalt")]
    theirs = [await accepted(town, title, second, now) for title in ("Ferien", "Termine")]
    meanwhile(agenda, lambda: called_off(town, first, now))

    with pytest.raises(Outdated):
        await agenda.shift(by=town.anna, item=ours[0], up=False, now=now)

    items = await AgendaItem.all().order_by("position", "id")
    assert [(item.id, item.position) for item in items] == [
        (number, position) for position, number in enumerate([*theirs, *ours], start=1)
    ]


async def test_shifting_writes_only_the_items_that_change_places(town: Town, now: datetime) -> None:
    meeting = await planned(town, now, TUESDAY)
    items = [await accepted(town, title, meeting, now) for title in ("Spielplatz", "Haushalt", "Ferien")]
    before = {item.id: item.version for item in await AgendaItem.all()}

    await agenda.shift(by=town.anna, item=items[0], up=False, now=now)

    after = {item.id: (item.position, item.version - before[item.id]) for item in await AgendaItem.all()}
    assert after == {items[0]: (2, 1), items[1]: (1, 1), items[2]: (3, 0)}
