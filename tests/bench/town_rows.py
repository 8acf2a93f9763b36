"""The rows of a town's people, bodies, meetings and commitments. Each follows from its number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, cycle
from zoneinfo import ZoneInfo

from bot.rules import tokens
from storage.vocabulary import (
    Answer,
    BodyKind,
    CommitmentState,
    DueKind,
    ItemState,
    MeetingFormat,
    MeetingState,
    Network,
    OrganisationKind,
    Presence,
    Purpose,
    Side,
)
from tests.bench.town_shape import ZONE, Met, Table, Town

HOST = "faden.example.org"
OPEN_COMMITMENTS = 6  # of each body
ITEMS_ACCEPTED = 3
PAST_ANSWERS = (*[Answer.ACCEPTED] * 15, *[Answer.DECLINED] * 3, *[Answer.OPEN] * 2)
COMING_ANSWERS = (*[Answer.ACCEPTED] * 9, *[Answer.DECLINED] * 2, Answer.TENTATIVE, *[Answer.OPEN] * 8)
PRESENCES = {Answer.ACCEPTED: Presence.PRESENT, Answer.DECLINED: Presence.EXCUSED, Answer.OPEN: Presence.ABSENT}
PAST_ITEMS = (*[ItemState.DONE] * 8, ItemState.REJECTED, ItemState.POSTPONED)
PAST_COMMITMENTS = (*[CommitmentState.FULFILLED] * 6, *[CommitmentState.VERIFIED] * 3, CommitmentState.DROPPED)
DUE_IN_DAYS = (-10, 2, 5, 20, 60)  # of the open ones; the last has no day


def domain(town: Town) -> Iterator[Table]:
    """In an order that foreign keys bear."""
    yield from _people(town)
    yield from _meetings(town)
    yield from _commitments(town)


# --- people and bodies ------------------------------------------------------------------------------------------------


def _people(town: Town) -> Iterator[Table]:
    shape, now = town.shape, town.now
    everybody, bodies = range(1, shape.people + 1), range(1, shape.bodies + 1)
    organisations = range(1, shape.bodies // 3 + 1)
    begins_on = date(now.year - 4, 1, 1)
    yield Table(
        "organisation",
        ("id", "key", "name", "kind"),
        ((one, f"traeger-{one}", f"Träger {one}", OrganisationKind.FREE.value) for one in organisations),
    )
    yield Table(
        "body",
        ("id", "code", "name", "kind", "rules", "place"),
        (
            (body, town.code(body), f"Arbeitskreis {body}", BodyKind.WORKING_GROUP.value, "{}", "Rathaus, Saal 2")
            for body in bodies
        ),
    )
    yield Table(
        "person",
        ("id", "key", "given_name", "family_name", "mail", "quiet_from", "quiet_until", "privacy_read_at"),
        (
            (one, f"p{one}", town.given_name(one), town.family_name(one), f"p{one}@town.example", 0, 0, now)
            for one in everybody
        ),
    )
    yield Table(
        "channel",
        ("person_id", "network", "address", "preferred", "linked_at"),
        ((one, Network.WEBCHAT.value, str(one), True, now) for one in everybody),
    )
    yield Table(
        "membership",
        ("body_id", "person_id", "organisation_id", "role", "begins_on"),
        (
            (seat.body, seat.person, seat.person % len(organisations) + 1, seat.role.value, begins_on)
            for seats in town.seats.values()
            for seat in seats
        ),
    )
    yield Table(
        "group_chat",
        ("body_id", "network", "chat_id", "linked_at"),
        ((body, Network.WEBCHAT.value, town.group(body), now) for body in bodies),
    )
    yield Table(
        "web_session",
        ("token_hash", "person_id", "label", "created_at", "seen_at", "expires_at"),
        (
            (tokens.hashed(town.token(one)), one, "Firefox, Linux", now, now, now + timedelta(days=30))
            for one in everybody
        ),
    )
    subscribed = [one for one in everybody if one % 5 < 3]
    yield Table(
        "feed_token",
        ("person_id", "token_hash", "created_at"),
        ((one, tokens.hashed(f"the-feed-of-person-{one}"), now) for one in subscribed),
    )
    yield Table(
        "feed_cache",
        ("person_id", "content", "etag", "changed_at", "stale"),
        ((one, b"BEGIN:VCALENDAR" * 300, tokens.hashed(str(one))[:32], now, False) for one in subscribed),
    )


# --- meetings and what they talk about --------------------------------------------------------------------------------


def _meetings(town: Town) -> Iterator[Table]:
    zone = ZoneInfo(ZONE)
    states = (MeetingState.SCHEDULED, MeetingState.INVITED, MeetingState.HELD)

    def meeting(met: Met) -> tuple[object, ...]:
        local = met.starts.astimezone(zone)
        planned = min(met.starts, town.now) - timedelta(days=30)
        invited = planned + timedelta(days=10) if met.told else None
        return (
            met.id,
            met.body,
            town.met(met.body) - met.ago,
            f"{town.met(met.body) - met.ago}. Arbeitskreis {met.body}",
            states[min(met.ago, 2)].value,
            MeetingFormat.PRESENCE.value,
            local.strftime("%Y-%m-%dT%H:%M"),
            ZONE,
            90,
            met.starts,
            met.starts + timedelta(minutes=90),
            "Rathaus, Saal 2",
            f"town-{met.id}@{HOST}",
            invited,
            invited,
            town.seats[met.body][0].person,
            planned,
            invited or planned,
        )

    columns = (
        *("id", "body_id", "number", "title", "state", "format", "starts_local", "zone", "minutes", "starts_at"),
        *("ends_at", "place", "uid", "stamp", "invited_at", "created_by_id", "created_at", "changed_at"),
    )
    yield Table("meeting", columns, map(meeting, town.meetings))
    yield Table(
        "attendance",
        ("id", "meeting_id", "person_id", "answer", "answered_at", "answered_by_id", "presence", "invited_at"),
        _attendances(town),
    )
    yield Table("topic", ("id", "title", "body_id", "submitted_by_id", "created_at"), _topics(town))
    item_columns = (
        *("id", "topic_id", "body_id", "meeting_id", "position", "title", "purpose", "minutes", "proposal", "state"),
        *("submitted_by_id", "created_at"),
    )
    yield Table("agenda_item", item_columns, _items(town))


def _attendances(town: Town) -> Iterator[tuple[object, ...]]:
    numbers = count(1)
    for met in filter(lambda met: met.told, town.meetings):
        invited = min(met.starts, town.now) - timedelta(days=20)
        for seat in town.seats[met.body]:
            number = next(numbers)
            answers = PAST_ANSWERS if met.over else COMING_ANSWERS
            answer = answers[number * 7 % len(answers)]
            presence = PRESENCES[answer] if met.over else Presence.UNKNOWN
            answered = None if answer is Answer.OPEN else invited + timedelta(hours=number % 90)
            by = seat.person if answered else None
            yield number, met.id, seat.person, answer.value, answered, by, presence.value, invited


def _submitted(town: Town) -> Iterator[tuple[int, Met, int, int]]:
    """Of each item: its number, its meeting, its place there, and who handed it in."""
    numbers, places = count(1), town.shape.items // town.shape.meetings
    for met in town.meetings:
        seats = town.seats[met.body]
        for position in range(1, places + 1):
            number = next(numbers)
            yield number, met, position, seats[(met.ago + position) % len(seats)].person


def _topics(town: Town) -> Iterator[tuple[object, ...]]:
    for number, met, _, person in _submitted(town):
        yield number, f"Ferienprogramm {number}", met.body, person, min(met.starts, town.now) - timedelta(days=25)


def _items(town: Town) -> Iterator[tuple[object, ...]]:
    purposes = cycle((Purpose.INFORMATION.value, Purpose.CONSULTATION.value, Purpose.DECISION.value))
    proposal = "Die Mittel werden wie besprochen auf die drei Sozialräume verteilt."
    for number, met, position, person in _submitted(town):
        state = PAST_ITEMS[number % len(PAST_ITEMS)] if met.over else ItemState.PROPOSED
        if met.ago == 1 and position <= ITEMS_ACCEPTED:
            state = ItemState.ACCEPTED
        title, created = f"Ferienprogramm {number}", min(met.starts, town.now) - timedelta(days=25)
        yield (
            *(number, number, met.body, met.id, position, title, next(purposes), 20, proposal, state.value),
            *(person, created),
        )


# --- commitments ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Agreed:
    """A commitment; `left` counts back from the body's newest."""

    id: int
    number: int
    left: int
    met: Met


def _commitments(town: Town) -> Iterator[Table]:
    agreed = list(_agreed(town))
    today = town.now.astimezone(ZoneInfo(ZONE)).date()

    def due(one: _Agreed) -> date | None:
        if one.left >= OPEN_COMMITMENTS:
            return one.met.starts.date() + timedelta(days=30)
        return today + timedelta(days=DUE_IN_DAYS[one.left]) if one.left < len(DUE_IN_DAYS) else None

    def commitment(one: _Agreed) -> tuple[object, ...]:
        past = PAST_COMMITMENTS[one.id % len(PAST_COMMITMENTS)]
        state = past if one.left >= OPEN_COMMITMENTS else CommitmentState.AGREED
        kind = DueKind.DATE if due(one) else DueKind.STANDING
        chair, at = town.seats[one.met.body][0].person, one.met.starts
        what = f"Den Stand zu Punkt {one.number} schriftlich nachreichen"
        return (
            *(one.id, one.met.body, one.number, what, state.value, kind.value, due(one), at.date(), one.met.id, chair),
            *(at, at),
        )

    columns = (
        *("id", "body_id", "number", "what", "state", "due_kind", "due_on", "agreed_on", "meeting_id"),
        *("recorded_by_id", "created_at", "changed_at"),
    )
    yield Table("commitment", columns, map(commitment, agreed))
    yield Table(
        "commitment_party",
        ("commitment_id", "side", "person_id", "confirmed_at", "confirmed_by_id"),
        (
            (one.id, side.value, person, one.met.starts, person)
            for one in agreed
            for side, person in zip((Side.OWNER, Side.COUNTERPART), _two_of(town, one), strict=True)
        ),
    )


def _two_of(town: Town, one: _Agreed) -> tuple[int, int]:
    seats = town.seats[one.met.body]
    return seats[(one.left + 1) % len(seats)].person, seats[0].person


def _agreed(town: Town) -> Iterator[_Agreed]:
    """One in every second meeting that lies behind; a body that met seldom has agreed on several in its last."""
    numbers = count(1)
    by_body: dict[int, list[Met]] = {}
    for met in town.meetings:
        by_body.setdefault(met.body, []).append(met)
    for met_there in by_body.values():
        each = max(len(met_there) // 2, OPEN_COMMITMENTS)
        for left in range(each):
            yield _Agreed(next(numbers), each - left, left, met_there[min(2 + 2 * left, len(met_there) - 1)])
