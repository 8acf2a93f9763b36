import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from bot.actions import access
from bot.actions.agenda import agenda, agenda_items
from bot.actions.agenda.agenda_items import Proposal
from bot.actions.meetings import invitations, meetings, moving, placing
from bot.actions.people import bodies
from bot.rules import facts as typed
from bot.rules.refusals import ChangedMeanwhile, NotAllowed, NotAMember, Refusal
from storage import db
from storage.models import AgendaItem, Body, Meeting, Notice, Person
from storage.vocabulary import ItemState, MeetingState, NoticeState, Purpose
from tests.actions import cast
from tests.actions.cast import LAND, OUTSIDERS, Town, untyped
from tests.actions.gathering import DAY, HOST, MINUTE, THURSDAY, TUESDAY, WEDNESDAY, plan, utc
from tests.actions.invented import a_meeting
from tests.conftest import Counted

FARM = Proposal(purpose=Purpose.DECISION, title="Kinderbauernhof", minutes=20)
CASE = Proposal(purpose=Purpose.CASE_CONSULTATION, slots=2)
RULES = {"submission_days": 2, "submission_time": "12:00", "late_items": "reject"}


async def submitted(town: Town, now: datetime, name: str = "ben", what: Proposal = FARM, **more: Any) -> int:  # noqa: ANN401  # fields of every type
    facts = await agenda_items.submit(by=town.person(name), body="TK", proposal=what, now=now, **more)
    return int(facts["item"]["id"])


async def accepted(town: Town, now: datetime, name: str = "ben", what: Proposal = FARM, **more: Any) -> int:  # noqa: ANN401  # likewise
    """Handed in and accepted, and everybody has heard of it."""
    number = await submitted(town, now, name, what, **more)
    await agenda_items.accept(by=town.ada, item=number, now=now)
    await cast.all_sent()
    return number


async def planned(town: Town, now: datetime, starts: datetime = TUESDAY) -> dict[str, Any]:
    return await placing.schedule(by=town.anna, body="TK", plan=plan(starts), host=HOST, now=now)


async def called_off(town: Town, meeting: int, now: datetime) -> dict[str, Any]:
    return await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)


async def place(item: int) -> int | None:
    return (await AgendaItem.get(id=item)).meeting_id


async def on_agenda(town: Town, meeting: int, now: datetime) -> list[int]:
    """The items as everybody sees them there."""
    return [item["id"] for item in (await agenda.of_meeting(by=town.gesa, meeting=meeting, now=now))["items"]]


async def waiting() -> list[tuple[str, str]]:
    """Template and given name of what has not left."""
    rows = await Notice.filter(state=NoticeState.WAITING).order_by("id").select_related("person")
    return [(row.template, row.person.given_name) for row in rows if row.person]


# --- accepting ------------------------------------------------------------------------------------------------------


async def test_item_that_is_accepted_before_a_meeting_is_planned_waits_where_all_see_it(
    town: Town, now: datetime
) -> None:
    number = await submitted(town, now)

    facts = await agenda_items.accept(by=town.ada, item=number, now=now)

    assert (facts["next"], facts["missed"], facts["waits"]) == (None, False, True)
    shown = await bodies.one(by=town.ada, body=town.tk.id, now=now)
    assert [(item["id"], item["state"]) for item in shown["unplaced"]] == [(number, "accepted")]
    mine = (await agenda.own(by=town.ben, now=now))["items"]
    assert [(item["id"], item["state"], item["meeting"]) for item in mine] == [(number, "accepted", None)]
    assert list(untyped([facts, shown, mine])) == []


@pytest.mark.parametrize("what", [FARM, CASE], ids=["topic", "case consultation"])
async def test_item_of_the_topic_store_goes_to_the_next_meeting_when_it_is_accepted(
    town: Town, now: datetime, what: Proposal
) -> None:
    number = await submitted(town, now, what=what)
    meeting = (await planned(town, now))["meeting"]["id"]
    await a_meeting(town.tk, "2026-12-08T14:30")
    view = await agenda_items.view(by=town.ada, item=number, now=now)

    facts = await agenda_items.accept(by=town.ada, item=number, now=now)

    assert (view["undecided"], view["missed"], view["next"]["id"]) == (True, False, meeting)
    assert (facts["next"]["id"], facts["waits"], await on_agenda(town, meeting, now)) == (meeting, False, [number])
    assert (await cast.facts_for("agenda/item_accepted", town.ben))["meeting"]["id"] == meeting


async def test_item_that_its_submitter_wanted_without_a_date_goes_to_the_next_meeting_too(
    town: Town, now: datetime
) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]

    number = await accepted(town, now, meeting=0)

    assert await place(number) == meeting


async def test_deadline_of_submitters_does_not_bind_the_lead_who_accepts(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules=RULES)
    number = await submitted(town, now)
    soon = (await planned(town, now, TUESDAY - 5 * DAY))["meeting"]["id"]

    await agenda_items.accept(by=town.ada, item=number, now=now)

    item = await AgendaItem.get(id=number)
    assert (item.meeting_id, item.late) == (soon, True)


async def test_meeting_that_has_begun_takes_no_further_item(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    await planned(town, now)

    facts = await agenda_items.accept(by=town.ada, item=number, now=utc(TUESDAY))

    assert (facts["waits"], await place(number)) == (True, None)


async def test_meeting_that_is_chosen_is_kept_though_another_comes_before_it(town: Town, now: datetime) -> None:
    later = (await planned(town, now, THURSDAY))["meeting"]["id"]
    number = await submitted(town, now, meeting=later)
    await planned(town, now, TUESDAY)

    facts = await agenda_items.accept(by=town.ada, item=number, now=now)

    assert (facts["next"], await place(number)) == (None, later)


async def test_item_is_never_placed_in_another_body(town: Town, now: datetime) -> None:
    await a_meeting(town.srt, "2026-11-24T14:30", MeetingState.INVITED)

    number = await accepted(town, now)

    assert await place(number) is None


# --- planning -------------------------------------------------------------------------------------------------------


async def test_planning_puts_what_waits_onto_the_agenda_and_tells_each_submitter_once(
    town: Town, now: datetime
) -> None:
    first = await accepted(town, now)
    second = await accepted(town, now, "carla")
    third = await accepted(town, now, what=CASE)
    own = await accepted(town, now, "anna")
    left = [await submitted(town, now), await accepted(town, now), await accepted(town, now)]
    await agenda_items.withdraw(by=town.ben, item=left[1], now=now)
    await agenda_items.reject(by=town.ada, item=left[2], reason="nein", now=now)
    await cast.all_sent()

    facts = await planned(town, now)

    meeting = facts["meeting"]["id"]
    assert (facts["placed"], await on_agenda(town, meeting, now)) == (4, [first, second, third, own])
    assert [await place(item) for item in left] == [None, None, None]
    assert await waiting() == [("agenda/items_placed", "Ben"), ("agenda/items_placed", "Carla")]
    told = await cast.facts_for("agenda/items_placed", town.ben)
    assert ([item["id"] for item in told["items"]], told["meeting"]["id"], told["was"]) == (
        [first, third],
        meeting,
        None,
    )
    assert list(untyped([facts, told])) == []


async def test_planning_tells_nobody_twice_who_is_still_to_hear_that_the_item_is_accepted(
    town: Town, now: datetime
) -> None:
    number = await submitted(town, now)
    await agenda_items.accept(by=town.ada, item=number, now=now)

    meeting = (await planned(town, now))["meeting"]["id"]

    assert [told for told in await waiting() if told[1] == "Ben"] == [("agenda/item_accepted", "Ben")]
    assert (await cast.facts_for("agenda/item_accepted", town.ben))["meeting"]["id"] == meeting


async def test_planning_when_nothing_waits_says_so(town: Town, now: datetime) -> None:
    assert (await planned(town, now))["placed"] == 0


async def test_planning_is_refused_to_those_who_do_not_lead_and_places_nothing(town: Town, now: datetime) -> None:
    number = await accepted(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await placing.schedule(by=town.person(name), body="TK", plan=plan(), host=HOST, now=now)
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotAMember):
            await placing.schedule(by=town.person(name), body="TK", plan=plan(), host=HOST, now=now)

    assert (await place(number), await Meeting.all().count()) == (None, 0)


async def test_items_that_are_accepted_while_the_meeting_is_being_planned_find_their_place(
    town: Town, now: datetime
) -> None:
    accepting = [partial(agenda_items.accept, by=town.ada, item=await submitted(town, now), now=now) for _ in range(8)]
    at_once = (*accepting[:4], partial(planned, town, now), *accepting[4:])

    await asyncio.gather(*(db.unit_of_work(deed, seconds=60) for deed in at_once))

    meeting = await Meeting.get()
    assert {item.meeting_id for item in await AgendaItem.all()} == {meeting.id}


# --- calling off ----------------------------------------------------------------------------------------------------


async def test_items_of_a_meeting_that_is_called_off_go_behind_those_of_the_next(town: Town, now: datetime) -> None:
    first, following = [(await planned(town, now, day))["meeting"]["id"] for day in (TUESDAY, THURSDAY)]
    there = await accepted(town, now, "carla", meeting=following)
    moving_on = [await accepted(town, now), await accepted(town, now, "carla")]
    undecided = await submitted(town, now)
    await agenda.shift(by=town.ada, item=moving_on[1], up=True, now=now)
    gone = await accepted(town, now)
    await agenda_items.withdraw(by=town.ben, item=gone, now=now)
    await cast.all_sent()

    facts = await called_off(town, first, now)

    assert [facts[key] for key in ("moved_items", "waiting_items", "stored_items")] == [3, 0, 0]
    assert facts["next"]["id"] == following
    assert await on_agenda(town, following, now) == [there, moving_on[1], moving_on[0]]
    assert (await place(undecided), await place(gone)) == (following, first)
    assert await waiting() == [("agenda/items_placed", "Ben"), ("agenda/items_placed", "Carla")]
    told = await cast.facts_for("agenda/items_placed", town.ben)
    assert [(item["id"], item["state"]) for item in told["items"]] == [
        (undecided, "proposed"),
        (moving_on[0], "accepted"),
    ]
    assert (told["was"]["id"], told["meeting"]["id"]) == (first, following)
    assert list(untyped([facts, told])) == []


async def test_items_wait_when_their_meeting_is_called_off_and_none_is_planned(town: Town, now: datetime) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]
    numbers = [await accepted(town, now), await accepted(town, now, "carla"), await submitted(town, now)]
    await cast.all_sent()

    facts = await called_off(town, meeting, now)
    again = await planned(town, now, WEDNESDAY)

    assert [facts[key] for key in ("next", "moved_items", "waiting_items", "stored_items")] == [None, 0, 2, 1]
    assert (again["placed"], await on_agenda(town, again["meeting"]["id"], now)) == (2, numbers[:2])
    assert await place(numbers[2]) is None


async def test_calling_off_corrects_what_has_not_left_yet(town: Town, now: datetime) -> None:
    first, following = [(await planned(town, now, day))["meeting"]["id"] for day in (TUESDAY, THURSDAY)]
    number = await submitted(town, now)
    await agenda_items.accept(by=town.ada, item=number, now=now)
    entered = await submitted(town, now, "anna", person=town.carla.id)

    await called_off(town, first, now)

    assert await waiting() == [
        ("agenda/item_accepted", "Ben"),
        ("agenda/item_submitted", "Ada"),
        ("agenda/item_entered", "Carla"),
    ]
    rows = await Notice.all()
    assert {typed.decode(row.facts)["meeting"]["id"] for row in rows} == {following}
    assert await place(entered) == following


@pytest.mark.parametrize("invited", [False, True])
async def test_calling_off_after_a_move_that_nobody_heard_of_names_one_day(
    town: Town, now: datetime, *, invited: bool
) -> None:
    await accepted(town, now)
    meeting = (await planned(town, now))["meeting"]["id"]
    if invited:
        await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason="Es eilt")
    await cast.all_sent()
    await moved(town, meeting, now, THURSDAY)

    await called_off(town, meeting, now + MINUTE)

    told = [typed.decode(row.facts) for row in await Notice.filter(person_id=town.ben.id, state=NoticeState.WAITING)]
    assert {(facts.get("was") or facts["meeting"])["starts"] for facts in told} == {utc(TUESDAY)}


async def test_calling_off_takes_back_the_news_of_a_place_that_nobody_has_heard(town: Town, now: datetime) -> None:
    await accepted(town, now)
    meeting = (await planned(town, now))["meeting"]["id"]

    await called_off(town, meeting, now)

    told = await cast.facts_for("agenda/items_placed", town.ben)
    assert (await waiting(), told["was"]["id"], told["meeting"]) == ([("agenda/items_placed", "Ben")], meeting, None)


@pytest.mark.parametrize("how", ["rejected", "withdrawn"])
async def test_item_that_is_out_is_not_told_of_any_more(town: Town, now: datetime, how: str) -> None:
    out, stays = [await accepted(town, now, "ben", Proposal(purpose=Purpose.DECISION, title=title)) for title in "ab"]
    alone = await accepted(town, now, "carla")
    await planned(town, now)

    for number, name in ((out, "ben"), (alone, "carla")):
        if how == "rejected":
            await agenda_items.reject(by=town.ada, item=number, reason="Doppelt", now=now)
        else:
            await agenda_items.withdraw(by=town.person(name), item=number, now=now)

    told = [typed.decode(row.facts)["items"] for row in await Notice.filter(template="agenda/items_placed")]
    assert [[item["id"] for item in items] for items in told] == [[stays]]


@pytest.mark.parametrize("how", ["accepted", "rejected"])
async def test_those_who_decide_are_not_asked_any_more_once_somebody_did(town: Town, now: datetime, how: str) -> None:
    number = await submitted(town, now)
    assert [template for template, _ in await waiting()] == ["agenda/item_submitted"] * 2

    await agenda_items.accept(by=town.ada, item=number, now=now)
    if how == "rejected":
        await agenda_items.reject(by=town.ada, item=number, reason="Doppelt", now=now)

    assert await waiting() == [(f"agenda/item_{how}", "Ben")]


# --- moving ---------------------------------------------------------------------------------------------------------


async def moved(town: Town, meeting: int, now: datetime, starts: datetime) -> None:
    await moving.move(by=town.anna, meeting=meeting, starts=starts, minutes=None, now=now)


async def test_moving_before_the_invitation_tells_those_whose_items_are_on_the_agenda(
    town: Town, now: datetime
) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]
    numbers = [await accepted(town, now), await submitted(town, now)]
    await accepted(town, now, "anna")
    await cast.all_sent()

    await moved(town, meeting, now, WEDNESDAY)
    await moved(town, meeting, now + MINUTE, THURSDAY)

    (notice,) = await Notice.filter(state=NoticeState.WAITING)
    told = typed.decode(notice.facts)
    assert (notice.template, notice.person_id, notice.due_at) == ("agenda/items_moved", town.ben.id, now + 3 * MINUTE)
    assert sorted(item["id"] for item in told["items"]) == numbers
    assert (told["was"]["starts"], told["meeting"]["starts"]) == (utc(TUESDAY), utc(THURSDAY))
    assert list(untyped(told)) == []


async def test_moving_there_and_back_before_the_invitation_tells_nobody(town: Town, now: datetime) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]
    await accepted(town, now)

    await moved(town, meeting, now, WEDNESDAY)
    await moved(town, meeting, now, TUESDAY)

    assert await waiting() == []


async def test_moving_corrects_the_day_in_what_has_not_left_yet(town: Town, now: datetime) -> None:
    await accepted(town, now)
    meeting = (await planned(town, now))["meeting"]["id"]

    await moved(town, meeting, now, WEDNESDAY)

    told = await cast.facts_for("agenda/items_placed", town.ben)
    assert (await waiting(), told["meeting"]["starts"]) == ([("agenda/items_placed", "Ben")], utc(WEDNESDAY))


async def test_moving_after_the_invitation_is_told_by_the_meeting_alone(town: Town, now: datetime) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]
    await accepted(town, now)
    await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)
    await cast.all_sent()

    await moved(town, meeting, now, WEDNESDAY)

    assert {template for template, _ in await waiting()} == {"meetings/moved"}


async def test_another_place_of_the_meeting_is_no_other_place_of_its_items(town: Town, now: datetime) -> None:
    meeting = (await planned(town, now))["meeting"]["id"]
    await accepted(town, now)
    row = await Meeting.get(id=meeting)

    await moving.relocate(by=town.anna, meeting=meeting, form=row.format, place="Schule", join_link=None, now=now)

    assert await waiting() == []


# --- what older versions left ---------------------------------------------------------------------------------------


async def unplaced(body: Body, person: Person, now: datetime) -> int:
    """An accepted item as older versions left it: without a meeting, though one may be planned."""
    item = await AgendaItem.create(
        body=body,
        title="Kinderbauernhof",
        purpose=Purpose.REPORT,
        state=ItemState.ACCEPTED,
        submitted_by=person,
        created_at=now,
    )
    return item.id


async def test_clock_places_what_older_versions_left_without_a_place(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await a_meeting(town.tk, "2026-11-20T14:30", MeetingState.CANCELLED)
    numbers = [await unplaced(town.tk, town.ben, now), await unplaced(town.tk, town.anna, now)]
    elsewhere = await unplaced(town.srt, town.emil, now)

    placed = [await placing.place_waiting(now=now) for _ in range(2)]

    assert (placed, await on_agenda(town, meeting.id, now), await place(elsewhere)) == ([2, 0], numbers, None)
    assert await waiting() == [("agenda/items_placed", "Ben"), ("agenda/items_placed", "Anna")]


async def test_clock_asks_once_when_nothing_is_to_be_placed(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await unplaced(town.tk, town.ben, now)

    with statements() as counted:
        await placing.place_waiting(now=now)

    assert len(counted.statements) <= 2


async def test_item_that_somebody_else_changed_meanwhile_is_not_overwritten(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    stale = await AgendaItem.get(id=number)
    await agenda_items.accept(by=town.ada, item=number, now=now)

    with pytest.raises(ChangedMeanwhile):
        await placing.write(stale, state=ItemState.REJECTED)

    assert (await AgendaItem.get(id=number)).state is ItemState.ACCEPTED


# --- whatever happens -----------------------------------------------------------------------------------------------

AHEAD = [MeetingState.SCHEDULED, MeetingState.INVITED]


class Season:
    """Some months of two bodies: people hand in, leads plan, decide, move and call off, time goes by, mail leaves or waits.

    What happens next is drawn; `log` has what did.
    """

    def __init__(self, town: Town, now: datetime, chance: Random) -> None:
        self.town = town
        self.now = now
        self.chance = chance
        self.log: list[str] = []
        often = (self.hand_in, self.accept, self.accept, self.call_off)
        now_and_then = (self.plan_a_meeting, self.move, self.time_goes_by)
        rarely = (self.reject, self.withdraw, self.shift, self.invite)
        self.deeds = (*often * 3, *now_and_then * 2, *rarely)

    async def goes_on(self) -> None:
        """One thing happens, in a unit of work, or is refused."""
        deed = self.chance.choice(self.deeds)
        self.log.append(deed.__name__)
        with suppress(Refusal):
            await db.unit_of_work(deed)

    def lead(self, row: AgendaItem | Meeting) -> Person:
        return self.town.ada if row.body_id == self.town.tk.id else self.town.emil

    def some_day(self) -> datetime:
        """Half past two on one of the next twenty days."""
        return (self.now + self.chance.randint(1, 20) * DAY).replace(hour=14, minute=30, tzinfo=None)

    async def an_item(self, *states: ItemState) -> AgendaItem:
        items = await AgendaItem.filter(state__in=states).order_by("id").select_related("submitted_by")
        return self.chance.choice(items) if items else access.not_found()

    async def a_meeting_ahead(self) -> Meeting:
        """One of the next two."""
        ahead = await Meeting.filter(state__in=AHEAD, starts_at__gt=self.now).order_by("starts_at", "id")
        return self.chance.choice(ahead[:2]) if ahead else access.not_found()

    async def hand_in(self) -> None:
        body, by = self.chance.choice([("TK", self.town.ben), ("TK", self.town.carla), ("SRT", self.town.kim)])
        what, meeting = self.chance.choice([FARM, CASE]), self.chance.choice([None, 0])
        await agenda_items.submit(by=by, body=body, proposal=what, meeting=meeting, now=self.now)

    async def plan_a_meeting(self) -> None:
        body, by = self.chance.choice([("TK", self.town.ada), ("SRT", self.town.emil)])
        await placing.schedule(by=by, body=body, plan=plan(self.some_day()), host=HOST, now=self.now)

    async def accept(self) -> None:
        item = await self.an_item(ItemState.PROPOSED)
        await agenda_items.accept(by=self.lead(item), item=item.id, now=self.now)

    async def reject(self) -> None:
        item = await self.an_item(*placing.OPEN)
        await agenda_items.reject(by=self.lead(item), item=item.id, reason="nein", now=self.now)

    async def withdraw(self) -> None:
        item = await self.an_item(*placing.OPEN)
        await agenda_items.withdraw(by=item.submitted_by, item=item.id, now=self.now)

    async def shift(self) -> None:
        item = await self.an_item(ItemState.ACCEPTED)
        await agenda.shift(by=self.lead(item), item=item.id, up=self.chance.choice([True, False]), now=self.now)

    async def move(self) -> None:
        it = await self.a_meeting_ahead()
        await moving.move(by=self.lead(it), meeting=it.id, starts=self.some_day(), minutes=None, now=self.now)

    async def invite(self) -> None:
        it = await self.a_meeting_ahead()
        await invitations.invite(by=self.lead(it), meeting=it.id, land=LAND, reason="eilt", now=self.now)

    async def call_off(self) -> None:
        it = await self.a_meeting_ahead()
        await moving.cancel(by=self.lead(it), meeting=it.id, reason="Streik", now=self.now)

    async def time_goes_by(self) -> None:
        self.now += timedelta(hours=self.chance.choice([1, 30, 24 * 6]))
        await meetings.held(now=self.now)
        if self.chance.choice([True, False]):
            await cast.all_sent()

    async def lost(self) -> list[str]:
        """What is wrong with the places of accepted items, or with what their submitters were told of them."""
        items = await AgendaItem.filter(state=ItemState.ACCEPTED).select_related("meeting", "submitted_by")
        wrong = [f"item {item.id}: {fault}" for item in items for fault in await self.faults(item)]
        places = [(item.body_id, item.meeting_id, item.position) for item in items]
        return wrong + (["two at one position"] if len(set(places)) < len(places) else [])

    async def faults(self, item: AgendaItem) -> list[str]:
        meeting = item.meeting
        if meeting is None:
            shown = (await bodies.one(by=self.lead(item), body=item.body_id, now=self.now))["unplaced"]
            lost = bool(await placing.ahead(item.body_id, self.now))
        else:
            shown = (await agenda.of_meeting(by=item.submitted_by, meeting=meeting.id, now=self.now))["items"]
            lost = meeting.state is MeetingState.CANCELLED
        found = {
            "on no agenda": lost,
            "not shown": [one["id"] for one in shown].count(item.id) != 1,
            "told otherwise": await heard(item) != ((meeting.id, meeting.starts_at) if meeting else (None, None)),
        }
        return [fault for fault in found if found[fault]]


async def heard(item: AgendaItem) -> tuple[int | None, datetime | None]:
    """The meeting and the time that the submitter has last been told for an item, or will be."""
    where = None
    times: dict[int | None, datetime] = {}
    for notice in await Notice.filter(person_id=item.submitted_by_id).order_by("due_at", "id"):
        facts = typed.decode(notice.facts)
        meeting = facts["meeting"] or {"id": None, "starts": None}
        times[meeting["id"]] = meeting["starts"]
        if notice.about == f"item:{item.id}" or item.id in [one["id"] for one in facts.get("items", ())]:
            where = meeting["id"]
    return where, times.get(where)


@pytest.mark.parametrize("seed", range(3))
async def test_no_accepted_item_is_ever_without_a_place_and_its_submitter_knows_it(
    town: Town, now: datetime, seed: int
) -> None:
    season = Season(town, now, Random(seed))  # noqa: S311  # nothing secret

    for _ in range(60):
        await season.goes_on()

        assert await season.lost() == [], season.log
