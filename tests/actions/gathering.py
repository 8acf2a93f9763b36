"""Meetings of the Trägerkonferenz as the tests bring them about: planned, invited to, told of, moved."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.actions.meetings import invitations, meetings, moving
from bot.actions.meetings.meetings import Plan
from storage.models import Meeting, Notice
from storage.vocabulary import MeetingFormat, NoticeKind, NoticeState
from tests.actions import cast
from tests.actions.cast import LAND, Town

MESSAGE, MAIL = NoticeKind.MESSAGE, NoticeKind.CALENDAR_MAIL
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 11, 24, 14, 30)  # noqa: DTZ001  # wall time, as people say it
WEDNESDAY, THURSDAY = TUESDAY + DAY, TUESDAY + 2 * DAY
HOST = "faden.lindental.example"
EVERYBODY = ["Anna", "Ada", "Ben", "Carla", "Dora", "Gesa"]
WITH_MAIL = ["Ada", "Ben"]


def plan(starts: datetime = TUESDAY, **more: Any) -> Plan:  # noqa: ANN401  # fields of every type
    values = {
        "minutes": 90,
        "format": MeetingFormat.HYBRID,
        "place": "Rathaus",
        "join_link": "https://video.example/tk",
    }
    return Plan(**{"starts": starts, **values, **more})


async def scheduled(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned a meeting of the TK."""
    facts = await meetings.schedule(by=town.anna, body="TK", plan=plan(starts), host=HOST, now=now)
    return int(facts["meeting"]["id"])


async def inviting(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned and invited; nothing has left yet."""
    meeting = await scheduled(town, now, starts)
    await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)
    return meeting


async def invited(town: Town, now: datetime, starts: datetime = TUESDAY) -> int:
    """Anna has planned and invited, and everybody has heard of it."""
    meeting = await inviting(town, now, starts)
    await cast.all_sent()
    return meeting


async def moved(town: Town, meeting: int, now: datetime, starts: datetime = WEDNESDAY) -> dict[str, Any]:
    return await moving.move(by=town.anna, meeting=meeting, starts=starts, minutes=None, now=now)


async def waiting(**which: object) -> list[Notice]:
    """What has not left, cards apart."""
    rows = Notice.filter(state=NoticeState.WAITING, **which).exclude(kind=NoticeKind.CARD)
    return await rows.order_by("id").select_related("person")


async def to_be_told(**which: object) -> list[tuple[str, str]]:
    """Template and given name of what has not left."""
    return [(row.template, row.person.given_name) for row in await waiting(**which) if row.person]


async def sequence(meeting: int) -> int:
    return (await Meeting.get(id=meeting)).sequence


def utc(wall: datetime) -> datetime:
    """A winter's wall time in Berlin."""
    return (wall - HOUR).replace(tzinfo=UTC)
