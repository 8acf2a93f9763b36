"""Personal calendar feeds: the secret link, the facts that a feed shows, and which feeds have to be built anew.

`bot.web.feeds` turns the facts into bytes and keeps them; nothing here knows words or calendars.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from bot.actions import access, looks
from bot.rules import tokens
from storage import queries
from storage.db import execute, transaction
from storage.models import Attendance, Commitment, FeedCache, FeedToken, Meeting, Person, Remembered
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


RENDERED_BY = "feeds rendered by"
HORIZON = "feed horizon"
_CROSSING = "(m.starts_at >= ? AND m.starts_at <= ? OR m.starts_at >= ? AND m.starts_at <= ?)"
_TOUCH_NEW_DAY = f"""
UPDATE feed_cache SET stale = TRUE WHERE NOT stale AND person_id IN (
  SELECT s.person_id FROM meeting m JOIN membership s ON s.body_id = m.body_id WHERE {_CROSSING}
  UNION SELECT a.person_id FROM meeting m JOIN attendance a ON a.meeting_id = m.id
    WHERE {_CROSSING} AND a.deputy_for_id IS NOT NULL
  UNION SELECT p.person_id FROM commitment c JOIN commitment_party p ON p.commitment_id = c.id
    WHERE c.due_on >= ? AND c.due_on <= ? OR c.due_on >= ? AND c.due_on <= ?
  UNION SELECT person_id FROM membership WHERE begins_on >= ? AND begins_on <= ? OR ends_on >= ? AND ends_on <= ?
)
"""  # noqa: S608  # constants only


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
    """Every feed has to be built anew: the town has changed."""
    async with transaction():
        await FeedCache.filter(stale=False).update(stale=True)


async def rendered_by(mark: str) -> None:
    """Have every feed built anew when another `mark` stands for all that its bytes depend on beside its facts."""
    async with transaction():
        found = await Remembered.get_or_none(key=RENDERED_BY)
        if found is None or found.value != [mark]:
            await touch_all()
            await Remembered.update_or_create(key=RENDERED_BY, defaults={"value": [mark]})


async def new_day(*, now: datetime) -> None:
    """Once a day: have those feeds built anew that show something else since the last day.

    They look as many days further as have passed: meetings and due days come into view and go out of it; and seats begin and
    end, by the people's own days, which may lie one before or behind UTC's.
    """
    look = await looks.due(HORIZON, now=now)
    if look is None:
        return
    async with transaction():
        if look.since is None:
            await touch_all()
        else:
            back, ahead = timedelta(days=DAYS_BACK), timedelta(days=DAYS_AHEAD)
            first, last = look.since.date() - timedelta(days=1), now.date() + timedelta(days=1)
            out_of_view, into_view = [look.since - back, now - back], [look.since + ahead, now + ahead]
            days = [first - back, last - back, first + ahead, last + ahead]
            meetings = [*out_of_view, *into_view]
            values = [*meetings, *meetings, *days, first - timedelta(days=1), last, first - timedelta(days=1), last]
            await execute(_TOUCH_NEW_DAY, values)
        await looks.done(look, now=now, again=looks.next_day(now, await queries.zones()))


async def facts_of(person: Person, *, now: datetime) -> FeedFacts:
    """What the person's feed shows, as far as they may see it today.

    Meetings of the bodies where they have a seat, what they owe there, and meetings to which they go for somebody else.
    From 30 days back to 18 months ahead. A meeting that was called off after the invitation stays, marked, for as long.
    """
    bodies = {seat.body_id: seat.body for seat in await access.memberships(person, now)}
    as_deputy = Attendance.filter(person_id=person.id).exclude(deputy_for_id=None)
    instead = await queries.column(as_deputy, "meeting_id")
    in_view = Meeting.filter(
        Q(state__in=SHOWN) | Q(state=MeetingState.CANCELLED, invited_at__isnull=False),
        starts_at__gte=now - timedelta(days=DAYS_BACK),
        starts_at__lt=now + timedelta(days=DAYS_AHEAD),
    )
    meetings = list(await in_view.filter(body_id__in=[0, *bodies]))  # apart: by an index each
    if instead:
        meetings += await in_view.filter(id__in=instead).exclude(body_id__in=[0, *bodies])
    meetings.sort(key=lambda meeting: (meeting.starts_at, meeting.id))
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
