"""Small towns of invented people, for the tests of actions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storage.models import Body, Meeting, Membership, Organisation, Person
from storage.vocabulary import BodyKind, MeetingFormat, MeetingState, OrganisationKind, Role

SINCE = date(2026, 1, 1)


async def a_person(name: str, **more: Any) -> Person:  # noqa: ANN401  # columns of every type
    """Somebody by given and family name, not in anybody's quiet hours at 9:00 on a working day."""
    given, family = name.split(" ")
    key = name.casefold().replace(" ", "-")
    return await Person.create(key=key, given_name=given, family_name=family, **more)


async def an_organisation(key: str, name: str) -> Organisation:
    """A free provider."""
    return await Organisation.create(key=key, name=name, kind=OrganisationKind.FREE)


async def a_body(code: str, name: str, level: int = 2) -> Body:
    """A regional conference."""
    return await Body.create(code=code, name=name, kind=BodyKind.REGIONAL_CONFERENCE, level=level)


async def a_seat(
    person: Person | None, body: Body, role: Role = Role.MEMBER, organisation: Organisation | None = None
) -> Membership:
    """A seat since the beginning of the year."""
    return await Membership.create(body=body, person=person, organisation=organisation, role=role, begins_on=SINCE)


async def a_meeting(body: Body, starts: str, state: MeetingState = MeetingState.SCHEDULED) -> Meeting:
    """A meeting of 90 minutes at a local time like "2026-11-24T14:30"."""
    starts_at = datetime.fromisoformat(starts).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    return await Meeting.create(
        body=body,
        title=f"Sitzung {body.code}",
        state=state,
        format=MeetingFormat.PRESENCE,
        starts_local=starts,
        zone="Europe/Berlin",
        minutes=90,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=90),
        uid=f"{body.code}-{starts}@faden.example",
        created_at=starts_at,
        changed_at=starts_at,
    )
