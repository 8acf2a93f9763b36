"""Who hears of a meeting and who does not: known before it leaves, seen afterwards, and told once more."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tortoise.functions import Max

from bot.actions import audit
from bot.actions.meetings import meetings
from bot.actions.meetings.meetings import MeetingOver, facts_of, named
from bot.actions.meetings.telling import RELEASED, tell
from bot.actions.notices import NO_FILE
from bot.rules import channels, keys, permissions, reach
from bot.rules import facts as typed
from bot.rules.channels import Seat, Way
from bot.rules.facts import Facts, Plain
from bot.rules.reach import Hindrance, Mark
from storage import queries
from storage.db import transaction
from storage.models import Attendance, Body, Channel, Meeting, Notice, Person
from storage.vocabulary import ChannelState, MeetingState, NoticeKind, NoticeState

MADE_ANEW = frozenset({"meeting", "document", "calendar", "link"})
MISSED = frozenset({Mark.UNREACHED, Mark.UNCERTAIN})


# --- before it leaves -----------------------------------------------------------------------------------------------


async def hindrances(people: Collection[Person], body: Body, day: date, *, mails: bool) -> dict[int, Hindrance]:
    """Why no message about the body reaches these people; those whom one reaches are left out."""
    ids = [0, *(person.id for person in people)]
    linked: defaultdict[int, list[Channel]] = defaultdict(list)
    for channel in await Channel.filter(person_id__in=ids).exclude(state=ChannelState.UNLINKED):
        linked[channel.person_id].append(channel)
    seats: defaultdict[int | None, list[Seat]] = defaultdict(list)
    for held in await queries.held(day).filter(person_id__in=ids).select_related("body", "organisation"):
        own = held.organisation.level if held.organisation else None
        seats[held.person_id].append(Seat(body=held.body_id, body_level=held.body.level, organisation_level=own))
    found = {
        person.id: reach.hindrance(
            [
                Way(network=channel.network, address=channel.address)
                for channel in linked[person.id]
                if channel.state is ChannelState.ACTIVE
            ],
            level=min(body.level, channels.person_level(person.level, seats[person.id], body.id)),
            blocked=any(channel.state is ChannelState.BLOCKED for channel in linked[person.id]),
            address=bool(person.mail),
            mails=mails,
        )
        for person in people
    }
    return {person: why for person, why in found.items() if why is not None}


async def refused(people: Collection[Person]) -> set[int]:
    """Whose last mail no mail server would take."""
    mails = Notice.filter(
        person_id__in=[0, *(person.id for person in people)],
        kind__in=(NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL),
        state__in=(NoticeState.SENT, NoticeState.DEAD),
    )
    last = [
        number
        for _, number in await mails.annotate(last=Max("id")).group_by("person_id").values_list("person_id", "last")
    ]
    dead = Notice.filter(id__in=[0, *last], state=NoticeState.DEAD, error__startswith="refused")
    return set(await queries.column(dead, "person_id"))


# --- afterwards -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of the latest that somebody was to be told of a meeting, `at` that time; `notice` is the last of its rows.

    `without_file`: it came, but its calendar object could not be made.
    """

    template: str
    notice: int
    at: datetime
    mark: Mark | None
    without_file: bool


async def fates(meeting: int) -> dict[int, Fate]:
    """By the ids of those who were to be told."""
    told = Notice.filter(about=f"meeting:{meeting}").exclude(person_id=None).exclude(kind=NoticeKind.CARD)
    latest: dict[int, list[Notice]] = {}
    columns = ("id", "key", "kind", "state", "error", "person_id", "template", "created_at")
    for notice in await told.order_by("id").only(*columns):
        assert notice.person_id is not None  # noqa: S101  # the filter asked for it
        forms = latest.get(notice.person_id, [])
        same = bool(forms) and keys.of_message(forms[0].key) == keys.of_message(notice.key)
        latest[notice.person_id] = [*forms, notice] if same else [notice]
    return {
        person: Fate(
            template=forms[-1].template,
            notice=forms[-1].id,
            at=forms[-1].created_at,
            mark=reach.mark((notice.kind, notice.state) for notice in forms),
            without_file=any(notice.error == NO_FILE for notice in forms),
        )
        for person, forms in latest.items()
    }


def missed(meeting: Meeting, attendance: Attendance, fate: Fate | None) -> bool:
    """Whether somebody may not know the latest of a meeting. Who has answered since does; a cancellation asks for no answer."""
    if fate is None or fate.mark not in MISSED:
        return False
    if meeting.state is MeetingState.CANCELLED:
        return fate.template == "meetings/cancelled"
    return attendance.answered_at is None or attendance.answered_at <= fate.at


async def released(told: Mapping[int, Fate], invited: Iterable[Attendance]) -> list[Person]:
    """Who may not know that they need not come instead of somebody any more; they are not among the `invited`."""
    places = {row.person_id for row in invited}
    missing = [
        person
        for person, fate in told.items()
        if fate.template == RELEASED and fate.mark in MISSED and person not in places
    ]
    return await Person.filter(id__in=[0, *missing], left_at=None).order_by("family_name", "given_name", "id")


# --- once more ------------------------------------------------------------------------------------------------------


async def again(*, by: Person, meeting: int, now: datetime) -> Facts:
    """Send the invitation, the change or the cancellation once more to those who may have missed it.

    What is on its way to somebody is not sent to them a second time. Raises NotFoundHere, NotAllowed, MeetingOver, ChangedMeanwhile.
    """
    found, body = await meetings.permitted(by, meeting, now, permissions.may_invite)
    if found.state not in (MeetingState.INVITED, MeetingState.CANCELLED) or found.ends_at <= now:
        raise MeetingOver(state=Plain(found.state.value))
    async with transaction():
        await meetings.lock(found)
        people = await _tell_again(found, body, now)
        if people:
            await audit.record(by, "meeting.told_again", f"meeting:{found.id}", now=now, people=people)
    return {"meeting": facts_of(found, body), "people": len(people)}


async def _tell_again(meeting: Meeting, body: Body, now: datetime) -> list[int]:
    """Gives who is told. Those to whom the same is to be said are told together."""
    told = await fates(meeting.id)
    invited = Attendance.filter(meeting_id=meeting.id, person__left_at=None).select_related("person", "deputy_for")
    rows = await invited.order_by("id")
    people: list[tuple[Attendance | None, Person]] = [
        (row, row.person) for row in rows if row.person is not None and missed(meeting, row, told.get(row.person.id))
    ]
    people += [(None, person) for person in await released(told, rows)]
    latest = {person.id: told[person.id].notice for _, person in people}
    notices = {row.id: row for row in await Notice.filter(id__in=[0, *latest.values()])}
    instead_of = {person: notices[number] for person, number in latest.items()}
    groups: dict[str, tuple[str, Facts, list[Person]]] = {}
    for invitation, person in people:
        template, more = _news(instead_of[person.id], invitation)
        same = json.dumps([template, typed.encode(more)], sort_keys=True)
        groups.setdefault(same, (template, more, []))[2].append(person)
    for template, more, readers in groups.values():
        seated = template != RELEASED
        method = "CANCEL" if meeting.state is MeetingState.CANCELLED or not seated else "REQUEST"
        await tell(meeting, body, readers, template, more, now=now, method=method, seated=seated, instead_of=instead_of)
    return sorted(instead_of)


def _news(notice: Notice, row: Attendance | None) -> tuple[str, Facts]:
    """Template and facts of what is told again. What has been tidied away since was a change that is no news any more."""
    more = {key: fact for key, fact in typed.decode(notice.facts).items() if key not in MADE_ANEW}
    if notice.template == "meetings/moved" and "was" not in more:
        return "meetings/invitation", {}
    if row is not None and row.deputy_for is not None and notice.template != "meetings/moved":
        more = {"instead_of": named(row.deputy_for), **more}
    return notice.template, more
