"""Personal calendar feeds: the secret link, the facts that a feed shows, and which feeds have to be built anew.

`bot.web.feeds` turns the facts into bytes and keeps them; nothing here knows words or calendars.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from bot.actions import access
from bot.rules import tokens
from storage.db import transaction
from storage.models import Attendance, Commitment, FeedCache, FeedToken, Meeting, Person
from storage.vocabulary import CommitmentState, DueKind, MeetingState, Side

DAYS_BACK = 30
DAYS_AHEAD = 548  # 18 months

SHOWN = (
    MeetingState.SCHEDULED,
    MeetingState.INVITED,
    MeetingState.RUNNING,
    MeetingState.HELD,
    MeetingState.CLOSED,
)
STILL_DUE = (
    CommitmentState.AGREED,
    CommitmentState.IN_PROGRESS,
    CommitmentState.WAITING,
    CommitmentState.BLOCKED,
    CommitmentState.DEFERRED,
)


@dataclass(frozen=True, kw_only=True)
class FeedMeeting:
    """A meeting in its reader's feed; `starts` and `ends` are wall times in the meeting's zone."""

    id: int
    uid: str
    organizer: str
    sequence: int
    title: str
    starts: datetime
    ends: datetime
    cancelled: bool
    place: str
    join_link: str
    created: datetime
    changed: datetime


@dataclass(frozen=True, kw_only=True)
class FeedDue:
    """A commitment of the reader's and its due day."""

    id: int
    body_code: str
    number: int
    what: str
    due: date
    version: int
    created: datetime
    changed: datetime


@dataclass(frozen=True, kw_only=True)
class FeedFacts:
    """All that a person's feed shows."""

    language: str
    zone: str
    meetings: tuple[FeedMeeting, ...]
    dues: tuple[FeedDue, ...]


async def secret_link(*, person: Person, key: bytes, now: datetime) -> str:
    """The secret of the person's calendar link; made the first time it is asked for, then always the same."""
    feed = await FeedToken.get_or_none(person_id=person.id)
    if feed is not None:
        return tokens.feed(key, person.id, feed.generation)
    secret = tokens.feed(key, person.id, 1)
    async with transaction():
        first = FeedToken(person_id=person.id, generation=1, token_hash=tokens.hashed(secret), created_at=now)
        await FeedToken.bulk_create([first], ignore_conflicts=True)
        await FeedCache.bulk_create([FeedCache(person_id=person.id, stale=True)], ignore_conflicts=True)
    return secret


async def generation(*, person: Person, key: bytes, now: datetime) -> int:
    """Which of the person's links is the current one: what `bot.rules.facts.FeedLink` needs to be rendered."""
    await secret_link(person=person, key=key, now=now)
    return (await FeedToken.get(person_id=person.id)).generation


async def renew(*, person: Person, key: bytes, now: datetime) -> str:
    """A new secret; the old link stops working at once."""
    await secret_link(person=person, key=key, now=now)
    async with transaction():
        feed = await FeedToken.filter(person_id=person.id).select_for_update().get()
        feed.generation += 1
        secret = tokens.feed(key, person.id, feed.generation)
        feed.token_hash = tokens.hashed(secret)
        feed.created_at = now
        await feed.save(update_fields=["generation", "token_hash", "created_at"])
    return secret


async def end(person: int) -> None:
    """Take the link and the built feed away: the person has left."""
    async with transaction():
        await FeedToken.filter(person_id=person).delete()
        await FeedCache.filter(person_id=person).delete()


async def touch(people: Collection[int]) -> None:
    """These people's feeds have to be built anew; called in the transaction that changed what they show."""
    if people:
        async with transaction():
            await FeedCache.filter(person_id__in=list(people)).update(stale=True)


async def forget(people: Collection[int]) -> None:
    """These people may see less than before: what was built for them must not be shown again."""
    if people:
        async with transaction():
            await FeedCache.filter(person_id__in=list(people)).update(stale=True, content=None, etag=None)


async def touch_all() -> None:
    """A new day: every feed looks one day further, and seats begin and end."""
    async with transaction():
        await FeedCache.all().update(stale=True)


async def facts_of(person: Person, *, now: datetime) -> FeedFacts:
    """What the person's feed shows, as far as they may see it today.

    Meetings of the bodies where they have a seat, what they owe there, and meetings to which they go for somebody else.
    From 30 days back to 18 months ahead. A meeting that was called off after the invitation stays, marked, for as long.
    """
    bodies = {seat.body_id: seat.body for seat in await access.memberships(person, now)}
    as_deputy = Attendance.filter(person_id=person.id).exclude(deputy_for_id=None)
    meetings = await Meeting.filter(
        Q(state__in=SHOWN) | Q(state=MeetingState.CANCELLED, invited_at__isnull=False),
        Q(body_id__in=list(bodies)) | Q(id__in=await as_deputy.values_list("meeting_id", flat=True)),
        starts_at__gte=now - timedelta(days=DAYS_BACK),
        starts_at__lt=now + timedelta(days=DAYS_AHEAD),
    ).order_by("starts_at", "id")
    today = access.today(person, now)
    dues = (
        await Commitment.filter(
            body_id__in=list(bodies),
            due_kind=DueKind.DATE,
            state__in=STILL_DUE,
            parties__side=Side.OWNER,
            parties__person_id=person.id,
            due_on__gte=today - timedelta(days=DAYS_BACK),
            due_on__lt=today + timedelta(days=DAYS_AHEAD),
        )
        .distinct()
        .order_by("due_on", "id")
    )
    return FeedFacts(
        language=person.language,
        zone=person.zone,
        meetings=tuple(_meeting(meeting) for meeting in meetings),
        dues=tuple(_due(commitment, bodies[commitment.body_id].code) for commitment in dues),
    )


def _meeting(meeting: Meeting) -> FeedMeeting:
    zone = ZoneInfo(meeting.zone)
    cancelled = meeting.state is MeetingState.CANCELLED
    return FeedMeeting(
        id=meeting.id,
        uid=meeting.uid,
        organizer=meeting.organizer or "",
        sequence=meeting.sequence,
        title=meeting.title,
        starts=meeting.starts_at.astimezone(zone),
        ends=meeting.ends_at.astimezone(zone),
        cancelled=cancelled,
        place=meeting.place or "",
        join_link="" if cancelled else meeting.join_link or "",
        created=meeting.created_at,
        changed=meeting.changed_at,
    )


def _due(commitment: Commitment, body_code: str) -> FeedDue:
    due = commitment.due_on
    assert due is not None  # noqa: S101  # the filter asked for it
    return FeedDue(
        id=commitment.id,
        body_code=body_code,
        number=commitment.number,
        what=commitment.what,
        due=due,
        version=commitment.version,
        created=commitment.created_at,
        changed=commitment.changed_at,
    )
