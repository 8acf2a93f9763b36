from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions import notices, told
from bot.actions.meetings import invitations, reaching
from bot.actions.notices import Draft
from bot.post import unread
from storage.models import Meeting, Notice
from storage.vocabulary import Lane, MeetingState, Network, NoticeKind, NoticeState
from tests.actions import cast
from tests.actions.cast import LAND, Town, all_sent
from tests.actions.invented import a_meeting
from tests.conftest import Counted

pytestmark = pytest.mark.usefixtures("store")

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SENT, DEAD = NoticeState.SENT, NoticeState.DEAD
LOST = (NoticeState.DROPPED, NoticeState.DEAD, NoticeState.UNCERTAIN)


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # it has to be open
    return await cast.arrive()


async def a_notice(key: str, state: NoticeState, at: datetime, **more: Any) -> None:  # noqa: ANN401  # columns
    values: dict[str, Any] = {
        "kind": NoticeKind.MESSAGE,
        "lane": Lane.MAILING,
        "template": "meetings/moved",
        "facts": {"title": "82. TK"},
        "frozen": b"Subject: 82. TK",
        "due_at": at,
        "created_at": at,
        "sent_at": at if state is SENT else None,
    }
    await Notice.create(key=key, state=state, **values | more)


async def tidy(now: datetime, *, at_once: int = 100) -> None:
    await told.tidy(machine_now=now, at_once=at_once)


async def keys() -> list[str]:
    return sorted(notice.key for notice in await Notice.all())


async def test_what_was_told_loses_its_content_after_a_day(now: datetime) -> None:
    await a_notice("old", SENT, now - DAY - SECOND)
    await a_notice("fresh", SENT, now - DAY)
    await a_notice("card", SENT, now - 9 * DAY, kind=NoticeKind.CARD)
    await a_notice("waiting", NoticeState.WAITING, now - 9 * DAY)

    await tidy(now)

    content = ({"title": "82. TK"}, b"Subject: 82. TK")
    assert {row.key: (row.facts, row.frozen) for row in await Notice.all()} == {
        "old": ({}, None),
        "fresh": content,
        "card": content,
        "waiting": content,
    }


async def test_what_never_arrived_loses_its_content_after_30_days(now: datetime) -> None:
    for state in LOST:
        await a_notice(f"old {state}", state, now - 30 * DAY - SECOND)
        await a_notice(f"fresh {state}", state, now - 30 * DAY)

    await tidy(now)

    kept = sorted(row.key for row in await Notice.all() if row.facts)
    assert kept == sorted(f"fresh {state}" for state in LOST)
    assert await Notice.all().count() == 6


async def test_what_was_held_when_it_was_given_up_keeps_its_content_as_long(now: datetime) -> None:
    await a_notice("x", NoticeState.DROPPED, now - DAY, held_until=now - SECOND)

    content = []
    for moment in (now, now + 28 * DAY, now + 30 * DAY):
        await tidy(moment)
        content.append(bool((await Notice.get()).facts))

    assert content == [True, True, False]


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        (NoticeKind.MESSAGE, 90),
        (NoticeKind.TOAST, 7),
        (NoticeKind.EDIT, 7),
        (NoticeKind.CAPTION, 7),
        (NoticeKind.ERASE, 7),
    ],
)
async def test_row_goes_after_its_time(now: datetime, kind: NoticeKind, days: int) -> None:
    await a_notice("x", SENT, now, kind=kind)

    there = []
    for moment in (now + 2 * DAY, now + days * DAY, now + (days + 2) * DAY):
        await tidy(moment)
        there.append(await keys())

    assert there == [["x"], ["x"], []]


async def test_what_is_older_than_its_time_when_it_is_first_looked_at_goes_at_once(now: datetime) -> None:
    await a_notice("old", SENT, now - 91 * DAY)
    await a_notice("newer", SENT, now - 89 * DAY)
    await a_notice("dead", DEAD, now - 91 * DAY)

    await tidy(now)

    assert await keys() == ["newer"]


async def test_town_says_how_long_rows_are_kept(now: datetime) -> None:
    await a_notice("x", SENT, now - 40 * DAY)

    await told.tidy(machine_now=now, kept=30 * DAY, at_once=100)

    assert await keys() == []


async def test_looking_writes_nothing_as_long_as_nothing_is_due(
    now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    await a_notice("told", SENT, now - 2 * DAY)
    await a_notice("lost", DEAD, now - 31 * DAY)
    await tidy(now)

    with statements() as counted:
        await tidy(now + DAY)

    assert counted.commits == 0


async def test_some_are_taken_at_a_time_until_nothing_is_left(now: datetime) -> None:
    for number in range(5):
        await a_notice(f"{number}", SENT, now - 100 * DAY)

    left = []
    for _ in range(4):
        await tidy(now, at_once=2)
        left.append(len(await keys()))

    assert left == [3, 1, 0, 0]


# --- what is about a meeting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("about", ["meeting", "items", "answers"])
async def test_what_is_about_a_meeting_stays_until_it_is_over(town: Town, now: datetime, about: str) -> None:
    meeting = await a_meeting(town.tk, "2027-06-01T14:30", MeetingState.INVITED)
    await a_notice("x", SENT, now, about=f"{about}:{meeting.id}")

    there = []
    for moment in (now + 2 * DAY, now + 100 * DAY, meeting.ends_at, meeting.ends_at + 2 * DAY):
        await tidy(moment)
        there.append(await keys())

    assert there == [["x"], ["x"], ["x"], []]


async def test_meeting_that_is_moved_keeps_what_is_about_it(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2027-06-01T14:30", MeetingState.INVITED)
    await a_notice("x", SENT, now, about=f"meeting:{meeting.id}")
    await tidy(now + 2 * DAY)
    await Meeting.filter(id=meeting.id).update(ends_at=meeting.ends_at + 30 * DAY)

    await tidy(meeting.ends_at + 2 * DAY)

    assert await keys() == ["x"]


async def test_what_took_a_meeting_out_of_a_calendar_stays_until_it_is_over(town: Town, now: datetime) -> None:
    meeting = await a_meeting(town.tk, "2027-06-01T14:30", MeetingState.INVITED)
    lost = {
        "template": "people/seat_lost",
        "kind": NoticeKind.CALENDAR_MAIL,
        "about": f"seat:{town.tk.id}:{town.ben.id}",
    }
    await a_notice(f"seat_lost:1:2:3:mail:{meeting.id}", SENT, now, **lost)
    await a_notice("seat_lost:1:2:3", SENT, now, **{**lost, "kind": NoticeKind.MESSAGE})
    await a_notice("another", SENT, now, **lost)

    await tidy(now + 100 * DAY)

    assert await keys() == [f"seat_lost:1:2:3:mail:{meeting.id}"]


async def test_who_missed_an_invitation_is_known_and_nobody_is_told_twice_until_the_meeting(
    town: Town, now: datetime
) -> None:
    meeting = await a_meeting(town.tk, "2027-06-01T14:30", MeetingState.SCHEDULED)
    await invitations.invite(by=town.anna, meeting=meeting.id, land=LAND, now=now)
    await all_sent()
    await Notice.filter(person_id=town.carla.id).update(state=DEAD)
    await Notice.all().update(sent_at=now)
    before = await reaching.fates(meeting.id)
    for days in (2, 40, 100):
        await tidy(now + days * DAY)

    [sent, *_] = await Notice.filter(person_id=town.ben.id)
    again = Draft(key=sent.key, template="meetings/invitation", facts={}, due_at=now, person=town.ben.id)

    assert await reaching.fates(meeting.id) == before
    assert await notices.queue([again], now=now) == frozenset()


async def test_card_is_left_alone_until_its_meeting_is_over(town: Town, now: datetime) -> None:
    ahead, soon = [
        await a_meeting(town.tk, f"{day}T14:30", MeetingState.INVITED) for day in ("2027-06-01", "2026-11-24")
    ]
    rested = now + 3 * SECOND
    for meeting in (ahead, soon):
        card = {"kind": NoticeKind.CARD, "about": f"meeting:{meeting.id}", "held_until": rested}
        await a_notice(f"card {meeting.id}", SENT, now, **card)

    await tidy(now + 30 * DAY)
    seen: dict[str, object] = {
        notice.key: (bool(notice.facts), notice.held_until == rested) for notice in await Notice.all()
    }
    for days in (100, 300):
        await tidy(now + days * DAY)
        seen |= {f"after {days} days": await keys()}

    assert seen == {
        f"card {ahead.id}": (True, True),
        f"card {soon.id}": (False, False),
        "after 100 days": [f"card {ahead.id}"],
        "after 300 days": [],
    }


# --- the last of its kind ---------------------------------------------------------------------------------------------


async def test_last_mail_to_somebody_stays(town: Town, now: datetime) -> None:
    mail: dict[str, Any] = {"kind": NoticeKind.MAIL, "person_id": town.ben.id, "template": "accounts/join"}
    await a_notice("first", SENT, now - 200 * DAY, **mail)
    await a_notice("last", SENT, now - 150 * DAY, **mail)
    await a_notice("refused", DEAD, now - 140 * DAY, error="refused: 550", **mail)
    await a_notice("of another", SENT, now - 150 * DAY, **{**mail, "person_id": town.ada.id})

    await tidy(now)
    before = await keys()
    await a_notice("newer", SENT, now, **mail)
    await tidy(now + 92 * DAY)

    assert before == ["last", "of another", "refused"]
    assert await keys() == ["newer", "of another", "refused"]
    assert await reaching.refused([town.ben]) == set()


async def test_whoever_was_told_of_unread_messages_is_not_told_of_the_same_again(town: Town, now: datetime) -> None:
    mail: dict[str, Any] = {"kind": NoticeKind.MAIL, "person_id": town.ben.id}
    about = f"{told.UNREAD}:{town.ben.id}"
    for number in (1, 2):
        at = now - (200 - number) * DAY
        await a_notice(f"{about}:{number}", SENT, at, template=unread.TEMPLATE, about=about, **mail)
    await a_notice("newer", SENT, now - 100 * DAY, **mail)

    await tidy(now)

    assert await keys() == sorted(["newer", f"{about}:2"])


async def test_web_chat_and_other_networks_are_tidied_alike(now: datetime) -> None:
    for network in Network:
        await a_notice(network.value, SENT, now - 91 * DAY, network=network, chat_id=1)

    await tidy(now)

    assert await keys() == []
