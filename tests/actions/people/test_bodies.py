from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

import pytest

from bot.actions.people import bodies
from bot.rules.refusals import NotAllowed, NotAMember
from storage.models import AgendaItem, Body, Commitment
from storage.vocabulary import CommitmentState, DueKind, ItemState, MeetingState, Purpose, Role
from tests.actions.cast import OUTSIDERS, Town, untyped
from tests.actions.invented import a_body, a_meeting, a_seat
from tests.conftest import Counted


async def an_item(town: Town, body: Body, now: datetime, state: ItemState = ItemState.PROPOSED) -> AgendaItem:
    return await AgendaItem.create(
        body=body, title="Bauernhof", purpose=Purpose.REPORT, state=state, submitted_by=town.ben, created_at=now
    )


async def a_commitment(town: Town, number: int, now: datetime, state: CommitmentState) -> Commitment:
    return await Commitment.create(
        body=town.tk,
        number=number,
        what="Bauernhof eröffnen",
        state=state,
        due_kind=DueKind.NONE,
        agreed_on=now.date(),
        recorded_by=town.ada,
        created_at=now,
        changed_at=now,
    )


async def test_overview_lists_the_bodies_that_one_runs_and_what_waits_there(town: Town, now: datetime) -> None:
    await a_seat(town.anna, town.srt, Role.COORDINATOR)
    for state in (ItemState.PROPOSED, ItemState.PROPOSED, ItemState.ACCEPTED):
        await an_item(town, town.tk, now, state)
    await a_commitment(town, 1, now, CommitmentState.ORPHANED)
    await a_commitment(town, 2, now, CommitmentState.AGREED)

    facts = await bodies.overview(by=town.anna, now=now)

    assert facts == {
        "bodies": [
            {
                "id": town.srt.id,
                "level": 3,
                "code": "SRT",
                "name": "Sozialraumteam",
                "waiting": 0,
                "unplaced": 0,
                "orphaned": 0,
            },
            {
                "id": town.tk.id,
                "level": 2,
                "code": "TK",
                "name": "Trägerkonferenz",
                "waiting": 2,
                "unplaced": 1,
                "orphaned": 1,
            },
        ],
        "administrator": False,
    }
    assert list(untyped(facts)) == []


async def test_overview_is_empty_for_who_runs_nothing(town: Town, now: datetime) -> None:
    shown = [await bodies.overview(by=town.person(name), now=now) for name in ("ben", "dora", "gesa", "frida", "lars")]

    assert shown == [{"bodies": [], "administrator": False}] * 5


async def test_one_shows_meetings_items_and_people_of_the_body(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2026-11-24T14:30")
    draft = await a_meeting(town.tk, "2026-11-20T14:30", MeetingState.DRAFT)
    await a_meeting(town.tk, "2026-11-18T07:30", MeetingState.INVITED)  # over at this very moment
    await a_meeting(town.tk, "2026-11-25T14:30", MeetingState.CANCELLED)
    await a_meeting(town.srt, "2026-11-26T14:30")
    item = await an_item(town, town.tk, now)
    await an_item(town, town.tk, now, ItemState.REJECTED)
    orphan = await a_commitment(town, 1, now, CommitmentState.ORPHANED)
    await a_commitment(town, 2, now, CommitmentState.DROPPED)

    facts = await bodies.one(by=town.ada, body=town.tk.id, now=now)

    assert facts["body"] == {"id": town.tk.id, "level": 2, "code": "TK", "name": "Trägerkonferenz"}
    assert [meeting["id"] for meeting in facts["meetings"]] == [draft.id, meeting.id]
    assert [(item["id"], item["submitter"]) for item in facts["items"]] == [(item.id, "Ben Özdemir")]
    assert facts["orphaned"] == [{"id": orphan.id, "code": "TK", "number": 1, "what": "Bauernhof eröffnen"}]
    assert [(person["name"], person["role"], person["organisation"]) for person in facts["people"]] == [
        ("Anna Arendt", "chair", None),
        ("Carla Cramer", "member", "Diakonie Lindental"),
        ("Dora Dietz", "minute_taker", None),
        ("Gesa Güler", "guest", None),
        ("Ada Öhler", "deputy_chair", None),
        ("Ben Özdemir", "member", "Caritas Lindental"),
    ]
    assert list(untyped(facts)) == []


async def test_one_says_whose_meeting_is_over(town: Town, now: datetime) -> None:
    over = await a_meeting(town.tk, "2026-11-18T07:30", MeetingState.HELD)
    ahead = await a_meeting(town.tk, "2026-11-24T14:30")
    for meeting in (over, ahead, None):
        item = await an_item(town, town.tk, now)
        await AgendaItem.filter(id=item.id).update(meeting_id=meeting.id if meeting else None)

    facts = await bodies.one(by=town.ada, body=town.tk.id, now=now)

    assert [item["missed"] for item in facts["items"]] == [over.starts_at, None, None]


async def test_one_is_refused_to_who_does_not_run_it(town: Town, now: datetime) -> None:
    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await bodies.one(by=town.person(name), body=town.tk.id, now=now)
    for name in (*OUTSIDERS, "vera"):
        for body in (town.tk.id, 999):
            with pytest.raises(NotAMember):
                await bodies.one(by=town.person(name), body=body, now=now)


async def test_lists_ask_the_database_as_often_for_three_as_for_one(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    costs = []
    for size in (1, 3):
        for number in range(size):
            body = await a_body(f"AG{size}{number}", "Arbeitsgruppe")
            await a_seat(town.nora, body, Role.CHAIR)
            for day in range(size):
                await an_item(town, body, now)
                await a_meeting(body, f"2026-11-2{day}T14:30")
        with statements() as overview:
            await bodies.overview(by=town.nora, now=now)
        with statements() as one:
            await bodies.one(by=town.nora, body=body.id, now=now)
        costs.append((len(overview.statements), len(one.statements)))

    assert costs[0] == costs[1]
    assert max(costs[0]) <= 5
