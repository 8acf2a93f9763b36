import asyncio
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from bot.actions import feeds
from bot.rules import tokens
from storage.db import unit_of_work
from storage.models import (
    Attendance,
    Body,
    Commitment,
    CommitmentParty,
    FeedCache,
    FeedToken,
    Meeting,
    Membership,
    Person,
)
from storage.vocabulary import BodyKind, CommitmentState, DueKind, MeetingFormat, MeetingState, Role, Side

pytestmark = pytest.mark.usefixtures("store")

KEY = b"k" * 32
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
async def tk(store: str) -> Body:  # noqa: ARG001  # it has to be open
    return await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)


@pytest.fixture
async def ben(tk: Body) -> Person:
    person = await Person.create(key="ben", given_name="Ben", family_name="Özdemir", language="en")
    await Membership.create(body=tk, person=person, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    return person


async def hold(body: Body, starts: datetime, state: MeetingState = MeetingState.INVITED) -> Meeting:
    number = await Meeting.all().count() + 1
    return await Meeting.create(
        body=body,
        number=number,
        title=f"{number}. Sitzung",
        state=state,
        format=MeetingFormat.HYBRID,
        starts_local=starts.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M"),
        zone="Europe/Berlin",
        minutes=90,
        starts_at=starts,
        ends_at=starts + timedelta(minutes=90),
        place="Rathaus",
        join_link="https://video.example/tk",
        uid=f"{number}@stadt.example",
        sequence=2,
        invited_at=starts,
        created_at=starts,
        changed_at=starts,
    )


async def agree(body: Body, owner: Person, side: Side = Side.OWNER) -> Commitment:
    commitment = await Commitment.create(
        body=body,
        number=await Commitment.all().count() + 1,
        what="Räume klären",
        state=CommitmentState.AGREED,
        due_kind=DueKind.DATE,
        due_on=date(2026, 12, 1),
        agreed_on=date(2026, 11, 1),
        recorded_by=owner,
        created_at=datetime(2026, 11, 1, 9, tzinfo=BERLIN),
        changed_at=datetime(2026, 11, 2, 9, tzinfo=BERLIN),
        version=3,
    )
    await CommitmentParty.create(commitment=commitment, side=side, person=owner)
    return commitment


async def link(person: Person, now: datetime) -> str:
    return await unit_of_work(lambda: feeds.secret_link(person=person, key=KEY, now=now))


async def test_link_is_made_once_and_stored_as_a_hash(ben: Person, now: datetime) -> None:
    first, second = await link(ben, now), await link(ben, now)

    token = await FeedToken.get()
    assert first == second == tokens.feed(KEY, ben.id, 1)
    assert (token.token_hash, token.generation) == (tokens.hashed(first), 1)
    assert (await FeedCache.get()).stale


async def test_link_asked_for_twice_at_once_is_one(ben: Person, now: datetime) -> None:
    links = await asyncio.gather(link(ben, now), link(ben, now))

    assert len(set(links)) == 1
    assert (await FeedToken.all().count(), await FeedCache.all().count()) == (1, 1)


async def test_renewing_raises_the_generation(ben: Person, now: datetime) -> None:
    renewed = [await unit_of_work(lambda: feeds.renew(person=ben, key=KEY, now=now)) for _ in range(2)]

    token = await FeedToken.get()
    assert renewed == [tokens.feed(KEY, ben.id, 2), tokens.feed(KEY, ben.id, 3)]
    assert (token.generation, token.token_hash) == (3, tokens.hashed(renewed[1]))
    assert await link(ben, now) == renewed[1]


async def test_generation_is_that_of_the_current_link(ben: Person, now: datetime) -> None:
    first = await unit_of_work(lambda: feeds.generation(person=ben, key=KEY, now=now))
    await unit_of_work(lambda: feeds.renew(person=ben, key=KEY, now=now))
    second = await unit_of_work(lambda: feeds.generation(person=ben, key=KEY, now=now))

    assert (first, second) == (1, 2)


async def test_ending_takes_the_link_and_the_bytes_away(ben: Person, now: datetime) -> None:
    await link(ben, now)

    await unit_of_work(lambda: feeds.end(ben.id))

    assert (await FeedToken.all().count(), await FeedCache.all().count()) == (0, 0)


async def built(person: Person) -> None:
    await FeedCache.create(person=person, content=b"BEGIN:VCALENDAR", etag="etag", stale=False)


async def test_touching_marks_only_those_who_have_a_feed(ben: Person) -> None:
    anna = await Person.create(key="anna", given_name="Anna", family_name="Arendt")
    await built(ben)

    await unit_of_work(lambda: feeds.touch([anna.id]))
    untouched = (await FeedCache.get()).stale
    await unit_of_work(lambda: feeds.touch([anna.id, ben.id]))

    cache = await FeedCache.get()
    assert (untouched, cache.stale, cache.content) == (False, True, b"BEGIN:VCALENDAR")


async def test_forgetting_takes_the_bytes_away_at_once(ben: Person) -> None:
    await built(ben)

    await unit_of_work(lambda: feeds.forget([ben.id]))

    cache = await FeedCache.get()
    assert (cache.stale, cache.content, cache.etag) == (True, None, None)


async def test_nobody_to_touch_or_forget_is_no_mistake(ben: Person) -> None:
    await built(ben)

    await feeds.touch([])
    await feeds.forget([])

    assert not (await FeedCache.get()).stale


async def test_town_that_has_changed_touches_every_feed(ben: Person) -> None:
    await built(ben)

    await unit_of_work(feeds.touch_all)

    assert (await FeedCache.get()).stale


async def test_other_program_or_settings_touch_every_feed_once(ben: Person) -> None:
    await built(ben)
    stale = []
    for mark in ("a", "a", "b"):
        await unit_of_work(partial(feeds.rendered_by, mark))
        stale.append((await FeedCache.get()).stale)
        await FeedCache.all().update(stale=False)

    assert stale == [True, False, True]


DAY = timedelta(days=1)


async def touched(now: datetime) -> list[int]:
    """Whose feeds the day has made stale; they are built at once."""
    await unit_of_work(lambda: feeds.new_day(now=now))
    stale = await FeedCache.filter(stale=True).order_by("person_id")
    await FeedCache.all().update(stale=False)
    return [cached.person_id for cached in stale]


async def test_first_day_touches_every_feed_and_the_next_none(ben: Person, now: datetime) -> None:
    await built(ben)

    assert [await touched(now), await touched(now), await touched(now + DAY)] == [[ben.id], [], []]


async def test_seat_that_ends_goes_out_of_the_feed_when_the_day_ends_for_its_people(
    ben: Person, tk: Body, now: datetime
) -> None:
    await Person.filter(id=ben.id).update(zone="Europe/Berlin")
    await built(ben)
    await touched(now)
    await Membership.filter(person_id=ben.id, body_id=tk.id).update(ends_on=now.date())
    midnight = datetime.combine(now.date() + timedelta(days=1), time(0), ZoneInfo("Europe/Berlin"))

    assert [await touched(midnight - timedelta(minutes=1)), await touched(midnight)] == [[], [ben.id]]


async def test_clock_that_was_set_back_touches_every_feed(ben: Person, now: datetime) -> None:
    await built(ben)
    await touched(now)

    assert await touched(now - 7 * DAY) == [ben.id]


async def test_day_touches_those_whose_meetings_come_into_view_or_go_out_of_it(
    ben: Person, tk: Body, now: datetime
) -> None:
    rlk = await Body.create(code="RLK", name="Regionalleiterkonferenz", kind=BodyKind.REGIONAL_CONFERENCE)
    anna, deputy = [await Person.create(key=key, given_name=key, family_name="A") for key in ("anna", "deputy")]
    await Membership.create(body=rlk, person=anna, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    for person in (ben, anna, deputy):
        await built(person)
    meeting = await hold(tk, now - timedelta(days=feeds.DAYS_BACK) + timedelta(hours=1))
    await Attendance.create(meeting=meeting, person=deputy, deputy_for=ben)
    await hold(rlk, now + timedelta(days=feeds.DAYS_AHEAD) + timedelta(hours=30))
    await touched(now)

    assert [await touched(now + DAY), await touched(now + 2 * DAY)] == [[ben.id, deputy.id], [anna.id]]


async def test_day_touches_those_whose_due_day_goes_out_of_view(ben: Person, tk: Body, now: datetime) -> None:
    await built(ben)
    commitment = await agree(tk, ben)
    await Commitment.filter(id=commitment.id).update(due_on=now.date() - timedelta(days=feeds.DAYS_BACK))
    await touched(now)

    # A day before and behind, for whoever lives by another day than UTC's.
    assert [bool(await touched(now + days * DAY)) for days in range(1, 5)] == [True, True, False, False]


@pytest.mark.parametrize("side", ["begins_on", "ends_on"])
async def test_day_touches_those_whose_seat_begins_or_ends(ben: Person, now: datetime, side: str) -> None:
    await built(ben)
    await Membership.filter(person_id=ben.id).update(**{side: now.date() + timedelta(days=3)})
    await touched(now)

    found = [bool(await touched(now + days * DAY)) for days in range(1, 8)]

    assert found == [False, True, True, True, True, True, False]


async def test_feed_keeps_the_organiser_of_a_meeting_and_no_link_into_one_that_is_off(
    ben: Person, tk: Body, now: datetime
) -> None:
    meeting = await hold(tk, now + timedelta(days=7), MeetingState.CANCELLED)
    await Meeting.filter(id=meeting.id).update(organizer="alt@stadt.example")

    (shown,) = (await feeds.facts_of(ben, now=now)).meetings

    assert (shown.organizer, shown.join_link, shown.place) == ("alt@stadt.example", "", "Rathaus")


async def test_facts_are_those_of_the_meeting(ben: Person, tk: Body, now: datetime) -> None:
    starts = now + timedelta(days=7)
    meeting = await hold(tk, starts)

    facts = await feeds.facts_of(ben, now=now)

    assert (facts.language, facts.zone) == ("en", "Europe/Berlin")
    assert facts.meetings == (
        feeds.FeedMeeting(
            id=meeting.id,
            uid="1@stadt.example",
            organizer="",
            sequence=2,
            title="1. Sitzung",
            starts=starts.astimezone(BERLIN),
            ends=(starts + timedelta(minutes=90)).astimezone(BERLIN),
            cancelled=False,
            place="Rathaus",
            join_link="https://video.example/tk",
            created=starts,
            changed=starts,
        ),
    )


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (MeetingState.DRAFT, False),
        (MeetingState.POLLING, False),
        (MeetingState.SCHEDULED, True),
        (MeetingState.INVITED, True),
        (MeetingState.RUNNING, True),
        (MeetingState.HELD, True),
        (MeetingState.CLOSED, True),
        (MeetingState.CANCELLED, True),
    ],
)
async def test_meetings_are_shown_by_state(
    ben: Person, tk: Body, now: datetime, state: MeetingState, *, shown: bool
) -> None:
    await hold(tk, now + timedelta(days=7), state)

    meetings = (await feeds.facts_of(ben, now=now)).meetings

    assert [meeting.cancelled for meeting in meetings] == [state is MeetingState.CANCELLED] * shown


async def test_meeting_called_off_before_the_invitation_vanishes(ben: Person, tk: Body, now: datetime) -> None:
    await hold(tk, now + timedelta(days=7), MeetingState.CANCELLED)
    await Meeting.all().update(invited_at=None)

    assert (await feeds.facts_of(ben, now=now)).meetings == ()


async def test_feed_reaches_from_thirty_days_back_to_eighteen_months_ahead(
    ben: Person, tk: Body, now: datetime
) -> None:
    for days in (-31, -30, 547, 548):
        await hold(tk, now + timedelta(days=days))

    meetings = (await feeds.facts_of(ben, now=now)).meetings

    assert [(meeting.starts - now).days for meeting in meetings] == [-30, 547]


async def test_only_bodies_with_a_seat_today_are_shown(ben: Person, tk: Body, now: datetime) -> None:
    other = await Body.create(code="RLK", name="Regionalleiterkonferenz", kind=BodyKind.REGIONAL_CONFERENCE)
    await hold(tk, now + timedelta(days=7))
    await hold(other, now + timedelta(days=8))
    await agree(other, ben)

    with_seat = await feeds.facts_of(ben, now=now)
    await Membership.filter(person_id=ben.id).update(ends_on=date(2026, 11, 17))
    without = await feeds.facts_of(ben, now=now)

    assert [meeting.title for meeting in with_seat.meetings] == ["1. Sitzung"]
    assert with_seat.dues == ()
    assert without.meetings == ()


async def test_deputy_sees_the_meeting_they_go_to(ben: Person, tk: Body, now: datetime) -> None:
    anna = await Person.create(key="anna", given_name="Anna", family_name="Arendt")
    dora = await Person.create(key="dora", given_name="Dora", family_name="Dietz")
    meeting = await hold(tk, now + timedelta(days=7))
    await hold(tk, now + timedelta(days=14))
    await Attendance.create(meeting=meeting, person=anna, deputy_for=ben)
    await Attendance.create(meeting=meeting, person=dora)

    assert [shown.title for shown in (await feeds.facts_of(anna, now=now)).meetings] == ["1. Sitzung"]
    assert (await feeds.facts_of(dora, now=now)).meetings == ()


async def test_own_commitment_with_a_date_is_due(ben: Person, tk: Body, now: datetime) -> None:
    commitment = await agree(tk, ben)
    await CommitmentParty.create(commitment=commitment, side=Side.OWNER, person=ben)

    dues = (await feeds.facts_of(ben, now=now)).dues

    assert dues == (
        feeds.FeedDue(
            id=commitment.id,
            body_code="TK",
            number=1,
            what="Räume klären",
            due=date(2026, 12, 1),
            version=3,
            created=commitment.created_at,
            changed=commitment.changed_at,
        ),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"state": CommitmentState.PROPOSED},
        {"state": CommitmentState.FULFILLED},
        {"state": CommitmentState.DROPPED},
        {"due_kind": DueKind.STANDING, "due_on": None},
        {"due_on": date(2026, 10, 18)},
        {"due_on": date(2028, 5, 19)},
    ],
)
async def test_what_is_not_due_is_not_shown(ben: Person, tk: Body, now: datetime, more: dict[str, object]) -> None:
    await agree(tk, ben)
    await Commitment.all().update(**more)

    assert (await feeds.facts_of(ben, now=now)).dues == ()


async def test_commitment_of_others_is_not_shown(ben: Person, tk: Body, now: datetime) -> None:
    anna = await Person.create(key="anna", given_name="Anna", family_name="Arendt")
    await agree(tk, anna)
    await agree(tk, ben, Side.COUNTERPART)

    assert (await feeds.facts_of(ben, now=now)).dues == ()
