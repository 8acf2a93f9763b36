from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tortoise.models import Model

from bot.actions.trial import sample
from bot.rules import guard, procedure
from bot.rules.quiet import is_rest_day
from storage.models import (
    AgendaItem,
    Area,
    Attendance,
    Body,
    Channel,
    Commitment,
    CommitmentDueIn,
    CommitmentParty,
    Meeting,
    Membership,
    Organisation,
    Person,
)
from storage.vocabulary import (
    Answer,
    BodyKind,
    CommitmentState,
    DueKind,
    MeetingState,
    Network,
    OrganisationKind,
    Presence,
    Purpose,
)

pytestmark = pytest.mark.usefixtures("store")

BERLIN = ZoneInfo("Europe/Berlin")

BEHIND = (MeetingState.HELD, MeetingState.CLOSED)

BEGINNINGS = [
    datetime(2026, 11, 18, 8, 0, tzinfo=UTC),  # a Wednesday
    datetime(2026, 12, 20, 23, 30, tzinfo=UTC),  # already Monday in Berlin; Christmas and New Year follow
    datetime(2027, 3, 28, 10, 0, tzinfo=UTC),  # Easter Sunday, and the day of the clock change
]


async def test_town_has_its_organisations_areas_bodies_and_people(now: datetime) -> None:
    assert await sample.furnish(now)

    kinds = Counter(await Organisation.all().values_list("kind", flat=True))
    assert kinds == {OrganisationKind.PUBLIC: 1, OrganisationKind.FREE: 4, OrganisationKind.PARTNER: 1}
    assert await Area.all().count() == 3
    assert Counter(await Body.all().values_list("kind", flat=True)) == {
        BodyKind.PROVIDER_CONFERENCE: 1,
        BodyKind.REGIONAL_CONFERENCE: 1,
        BodyKind.AREA_TEAM: 3,
    }
    assert await Person.all().count() == 27
    assert await Person.filter(administrator=True).count() == 1
    assert await Person.filter(language="en").count() == 1
    assert await Membership.filter(person=None).count() == 1


async def test_everybody_can_be_reached_in_the_web_chat_and_nowhere_by_mail(now: datetime) -> None:
    await sample.furnish(now)

    everybody = await Person.all()
    channels = await Channel.filter(network=Network.WEBCHAT)
    assert {channel.address for channel in channels} == {str(person.id) for person in everybody}
    assert [person.mail for person in everybody if person.mail and not person.mail.endswith(".example.org")] == []


async def test_furnishing_twice_does_it_once(now: datetime) -> None:
    await sample.furnish(now)
    before = await Meeting.all().order_by("id").values()

    again = await sample.furnish(now + timedelta(days=40))

    assert not again
    assert await Meeting.all().order_by("id").values() == before


async def test_town_of_real_people_is_left_alone(now: datetime) -> None:
    await Person.create(key="somebody", given_name="Jemand", family_name="Anders")

    done = await sample.furnish(now)

    assert not done
    assert (await Person.all().count(), await Meeting.all().count()) == (1, 0)


async def test_people_that_were_imported_before_get_their_meetings(now: datetime) -> None:
    await sample.furnish(now)
    tables: tuple[type[Model], ...] = (CommitmentParty, CommitmentDueIn, Commitment, AgendaItem, Attendance, Meeting)
    for table in tables:
        await table.all().delete()

    done = await sample.furnish(now)

    assert done
    assert await Person.all().count() == 27


@pytest.mark.parametrize("begins", BEGINNINGS)
async def test_meetings_lie_ahead_and_behind_on_working_days(begins: datetime) -> None:
    await sample.furnish(begins)

    for meeting in await Meeting.all():
        local = meeting.starts_at.astimezone(BERLIN)
        assert meeting.starts_local == local.strftime("%Y-%m-%dT%H:%M")
        assert meeting.ends_at - meeting.starts_at == timedelta(minutes=meeting.minutes)
        assert not is_rest_day(local.date(), "BY")
        assert 8 <= local.hour < 18
        assert (meeting.ends_at < begins) == (meeting.state in BEHIND)
        assert meeting.uid.endswith("@faden.example.org")


@pytest.mark.parametrize("begins", BEGINNINGS)
async def test_invitations_were_sent_in_time(begins: datetime) -> None:
    await sample.furnish(begins)

    invited = await Meeting.exclude(invited_at=None).select_related("body")
    for meeting in invited:
        assert meeting.invited_at is not None
        assert meeting.invited_at < begins
        rules = procedure.from_json(meeting.body.rules)
        days = (meeting.invited_at.astimezone(BERLIN).date(), meeting.starts_at.astimezone(BERLIN).date())
        assert procedure.notice_kept(rules, *days) or meeting.state in BEHIND
    assert {meeting.state for meeting in invited} == {MeetingState.INVITED, *BEHIND}


async def test_each_body_has_something_behind_and_ahead(now: datetime) -> None:
    await sample.furnish(now)

    for body in await Body.all():
        assert await Meeting.filter(body=body, state__in=BEHIND).exists()
        assert await Meeting.filter(body=body, starts_at__gt=now, state=MeetingState.SCHEDULED).exists()


async def test_invited_people_have_answered_in_every_way(now: datetime) -> None:
    await sample.furnish(now)

    answers = await Attendance.filter(meeting__state=MeetingState.INVITED)
    assert {row.answer for row in answers} == set(Answer)
    delegated = next(row for row in answers if row.answer is Answer.DELEGATED)
    deputy = await Attendance.get(meeting_id=delegated.meeting_id, person_id=delegated.deputy_id)
    assert deputy.deputy_for_id == delegated.person_id
    assert [(row.answered_at is None) for row in answers] == [row.answer is Answer.OPEN for row in answers]


async def test_meetings_behind_know_who_was_there(now: datetime) -> None:
    await sample.furnish(now)

    rows = await Attendance.filter(meeting__state__in=BEHIND)
    assert {row.presence for row in rows} == {Presence.PRESENT, Presence.EXCUSED}


async def test_agenda_items_hold_no_case(now: datetime) -> None:
    await sample.furnish(now)

    items = await AgendaItem.all()
    cases = [item for item in items if item.purpose is Purpose.CASE_CONSULTATION]
    assert [item for item in cases if item.title or item.question or item.proposal] == []
    assert {(item.slots or 0) > 0 for item in cases} == {True}
    assert [item.title for item in items if guard.suspicious(item.title)] == []
    assert await AgendaItem.filter(meeting=None).exclude(resubmit_on=None).count() == 2


async def test_commitments_are_due_overdue_and_half_confirmed(now: datetime) -> None:
    await sample.furnish(now)

    today = date(2026, 11, 18)
    commitments = await Commitment.all()
    going_on = (CommitmentState.AGREED, CommitmentState.IN_PROGRESS, CommitmentState.BLOCKED)
    overdue = [c for c in commitments if c.due_on is not None and c.due_on < today and c.state in going_on]
    waiting = await CommitmentParty.filter(commitment__state=CommitmentState.PROPOSED).values_list(
        "confirmed_at", flat=True
    )
    assert len(overdue) == 3
    assert {c.due_kind for c in commitments} == {DueKind.DATE, DueKind.MEETING, DueKind.STANDING}
    assert [moment is None for moment in waiting] in ([False, True, True, False], [True, False, False, True])
    assert await CommitmentParty.filter(by_hand=True, name="Fachbehörde des Landes").count() == 1
