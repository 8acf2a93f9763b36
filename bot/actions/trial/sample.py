"""The trial's sample town: its people, and what they are busy with around the day on which the trial begins."""

import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.actions.meetings import meetings
from bot.actions.people import importing
from bot.actions.trial import trial
from bot.rules import townfile
from bot.rules.quiet import is_rest_day
from storage.db import transaction
from storage.models import (
    AgendaItem,
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
    Topic,
)
from storage.vocabulary import (
    Answer,
    CommitmentState,
    DueKind,
    ItemState,
    MeetingFormat,
    MeetingState,
    Network,
    Presence,
    Purpose,
    Role,
    Side,
)

TOWN = Path(__file__).parents[2] / "sample_town.toml"
MEETINGS = Path(__file__).parents[2] / "sample_meetings.toml"
ZONE = "Europe/Berlin"
LAND = "BY"
HOST = "faden.example.org"
OFFICE_HOUR = time(10)
PLANNED_BEFORE = timedelta(days=30)

BEHIND = (MeetingState.HELD, MeetingState.CLOSED)
TOLD = (MeetingState.INVITED, *BEHIND)

Table = Mapping[str, Any]


@dataclass(frozen=True)
class _Town:
    """The sample town's rows by their names, and the moment around which its life is told."""

    bodies: Mapping[str, Body]
    people: Mapping[str, Person]
    organisations: Mapping[str, Organisation]
    seats: Mapping[int, list[Membership]]
    host: str
    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(ZONE)).date()

    def workday(self, day: date) -> date:
        """The day, or the nearest one beyond it, seen from today, on which people work."""
        step = timedelta(days=1 if day > self.today else -1)
        while is_rest_day(day, LAND):
            day += step
        return day


async def furnish(now: datetime, *, host: str = HOST) -> bool:
    """Fill the database with the sample town; False when it has meetings or other people already, and then nothing is done.

    `host` is what the meetings' UIDs end with. Each person has a web chat channel whose address is their id.
    """
    town = townfile.parse(TOWN.read_text(encoding="utf-8"), TOWN.name)
    ours = [person.key for person in town.people]
    if await trial.is_lived_in() or await Person.exclude(key__in=ours).exists():
        return False
    async with transaction():
        await importing.import_town(town, zone=ZONE, now=now)
        await _open_channels(now)
        sample = await _rows(now, host)
        life = tomllib.loads(MEETINGS.read_text(encoding="utf-8"))
        for told in life["meeting"]:
            await _meeting(sample, told)
        for told in life["stored"]:
            resubmit_on = sample.workday(sample.today + timedelta(days=told["resubmit_days"]))
            created_at = now - PLANNED_BEFORE
            await _item(sample, sample.bodies[told["body"]], told["item"], created_at, resubmit_on=resubmit_on)
        for told in life["commitment"]:
            await _commitment(sample, told)
    return True


async def _open_channels(now: datetime) -> None:
    """Everybody has read the privacy notice and can be reached in the web chat."""
    await Person.all().update(privacy_read_at=now)
    channels = [
        Channel(person=person, network=Network.WEBCHAT, address=str(person.id), preferred=True, linked_at=now)
        for person in await Person.all()
    ]
    await Channel.bulk_create(channels, ignore_conflicts=True)


async def _rows(now: datetime, host: str) -> _Town:
    seats: dict[int, list[Membership]] = {}
    for seat in await Membership.all().select_related("person", "deputy").order_by("id"):
        seats.setdefault(seat.body_id, []).append(seat)
    return _Town(
        bodies={body.code: body for body in await Body.all()},
        people={person.key: person for person in await Person.all()},
        organisations={organisation.key: organisation for organisation in await Organisation.all()},
        seats=seats,
        host=host,
        now=now,
    )


async def _meeting(town: _Town, told: Table) -> None:
    body = town.bodies[told["body"]]
    state = MeetingState(told["state"])
    monday = town.today - timedelta(days=town.today.weekday())
    day = town.workday(monday + timedelta(weeks=told["week"], days=told["weekday"] - 1))
    local = datetime.combine(day, time.fromisoformat(told["at"]))  # wall time: its zone stands beside it
    starts_at = meetings.moment(local, ZONE)
    planned_at = min(starts_at, town.now) - PLANNED_BEFORE
    invited_at = _invited_at(town, state, starts_at)
    place_is_online = told["format"] != MeetingFormat.PRESENCE.value
    meeting = await Meeting.create(
        body=body,
        number=told["number"],
        title=f"{told['number']}. {body.name}",
        state=state,
        format=MeetingFormat(told["format"]),
        starts_local=local.strftime("%Y-%m-%dT%H:%M"),
        zone=ZONE,
        minutes=told["minutes"],
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=told["minutes"]),
        place=body.place,
        join_link=body.join_link if place_is_online else None,
        uid=f"{uuid.uuid4()}@{town.host}",
        stamp=invited_at,
        invited_at=invited_at,
        created_by=_chair(town, body),
        created_at=planned_at,
        changed_at=invited_at or planned_at,
    )
    if invited_at is not None:
        await _attendances(town, meeting, told, invited_at)
    for position, item in enumerate(told["items"], start=1):
        await _item(town, body, item, invited_at or planned_at, meeting=meeting, position=position)


def _invited_at(town: _Town, state: MeetingState, starts_at: datetime) -> datetime | None:
    """The last working day before today, or a fortnight before a meeting that lies behind; None when nobody was told."""
    if state not in TOLD:
        return None
    before = min(town.today - timedelta(days=1), starts_at.date() - timedelta(days=14 if state in BEHIND else 0))
    return meetings.moment(datetime.combine(town.workday(before), OFFICE_HOUR), ZONE)


def _chair(town: _Town, body: Body) -> Person | None:
    return next(seat.person for seat in town.seats[body.id] if seat.role is Role.CHAIR)


async def _attendances(town: _Town, meeting: Meeting, told: Table, invited_at: datetime) -> None:
    """Everybody with a seat was invited; who sends a deputy has that one invited too."""
    answers = told.get("answers", {})
    behind = meeting.state in BEHIND
    for seat in town.seats[meeting.body_id]:
        if seat.person is None:
            continue
        excused = seat.person.key in told.get("excused", ())
        answer = Answer(answers.get(seat.person.key, Answer.OPEN))
        if behind:
            answer = Answer.DECLINED if excused else Answer.ACCEPTED
        answered = answer is not Answer.OPEN
        deputy = seat.deputy if answer is Answer.DELEGATED else None
        await Attendance.create(
            meeting=meeting,
            person=seat.person,
            organisation_id=seat.organisation_id,
            answer=answer,
            answered_at=invited_at + timedelta(hours=2) if answered else None,
            answered_by=seat.person if answered else None,
            deputy=deputy,
            presence=(Presence.EXCUSED if excused else Presence.PRESENT) if behind else Presence.UNKNOWN,
            invited_at=invited_at,
        )
        if deputy is not None and deputy.id not in {other.person_id for other in town.seats[meeting.body_id]}:
            await Attendance.create(
                meeting=meeting,
                person=deputy,
                organisation_id=seat.organisation_id,
                deputy_for=seat.person,
                invited_at=invited_at,
            )


async def _item(
    town: _Town,
    body: Body,
    told: Table,
    created_at: datetime,
    *,
    meeting: Meeting | None = None,
    position: int = 0,
    resubmit_on: date | None = None,
) -> None:
    purpose = Purpose(told["purpose"])
    submitter = town.people[told["by"]]
    topic = None
    if purpose is not Purpose.CASE_CONSULTATION:
        topic = await Topic.create(title=told["title"], body=body, submitted_by=submitter, created_at=created_at)
    await AgendaItem.create(
        topic=topic,
        body=body,
        meeting=meeting,
        position=position,
        title=told.get("title", ""),
        purpose=purpose,
        minutes=told["minutes"],
        slots=told.get("slots"),
        presenter=town.people.get(told.get("presenter", "")),
        question=told.get("question"),
        proposal=told.get("proposal"),
        state=ItemState(told["state"]),
        submitted_by=submitter,
        resubmit_on=resubmit_on,
        created_at=created_at,
    )


async def _commitment(town: _Town, told: Table) -> None:
    body = town.bodies[told["body"]]
    meeting = await Meeting.get(body=body, number=told["agreed_in"])
    agreed_at = meeting.ends_at
    kind = DueKind.DATE if "due_days" in told else DueKind.MEETING if "due_in" in told else DueKind.STANDING
    commitment = await Commitment.create(
        body=body,
        number=told["number"],
        what=told["what"],
        state=CommitmentState(told["state"]),
        due_kind=kind,
        due_on=town.workday(town.today + timedelta(days=told["due_days"])) if kind is DueKind.DATE else None,
        due_moves=told.get("moves", 0),
        agreed_on=agreed_at.astimezone(ZoneInfo(ZONE)).date(),
        meeting=meeting,
        recorded_by=town.people[told["recorded_by"]],
        created_at=agreed_at,
        changed_at=agreed_at,
    )
    for party in told["parties"]:
        person = town.people.get(party.get("person", ""))
        confirmed = party.get("confirmed", False)
        await CommitmentParty.create(
            commitment=commitment,
            side=Side(party["side"]),
            person=person,
            organisation=town.organisations.get(party.get("organisation", "")),
            name=party.get("name"),
            by_hand=party.get("by_hand", False),
            confirmed_at=agreed_at if confirmed or party.get("by_hand") else None,
            confirmed_by=person if confirmed else None,
        )
    if kind is DueKind.MEETING:
        due_in = told["due_in"]
        await CommitmentDueIn.create(commitment=commitment, body=town.bodies[due_in["body"]], nth=due_in["nth"])
