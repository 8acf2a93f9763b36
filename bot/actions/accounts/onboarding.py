"""The administration invites: the town's bodies, who sits there, and who has come to Faden. Of what they do there, nothing."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from tortoise.queryset import QuerySet

from bot.actions import access, audit, notices
from bot.actions.accounts import joining
from bot.actions.meetings import reaching
from bot.rules import channels, names, permissions
from bot.rules.facts import NOTHING, Facts, Plain, Title
from bot.rules.reach import Hindrance
from storage import queries
from storage.db import transaction
from storage.models import Body, Membership, Person


async def bodies(*, by: Person, now: datetime) -> Facts:
    """The town's bodies, with how many sit there and how many of them have joined. Raises NotFoundHere."""
    _administrators_only(by)
    seats: defaultdict[int, set[int]] = defaultdict(set)
    for where, person in await _not_over(by, now).values_list("body_id", "person_id"):
        seats[where].add(person)
    joined = await joining.have_joined({person for people in seats.values() for person in people})
    return {
        "bodies": [
            {
                **_body(body),
                "seats": len(seats[body.id]),
                "joined": len(seats[body.id] & joined),
            }
            for body in await Body.all().order_by("name", "id")
        ],
    }


async def body(*, by: Person, body: int, mails: bool, now: datetime) -> Facts:
    """Who sits in a body, who of them has joined, and why nothing reaches some. Raises NotFoundHere.

    `mailable` are those who have not joined and whom a mail reaches.
    """
    found, people, joined = await _one(by, body, now)
    why = await _hindrances(people, found, access.today(by, now), mails=mails)
    return {
        "body": _body(found),
        "people": [
            {
                "id": person.id,
                "name": access.name_of(person),
                "joined": person.id in joined,
                "hindrance": Plain(why[person.id].value) if person.id in why else None,
            }
            for person in people
        ],
        "seats": len(people),
        "joined": sum(person.id in joined for person in people),
        "mailable": len(_mailable(people, joined, mails=mails)),
    }


async def _hindrances(people: Sequence[Person], body: Body, day: date, *, mails: bool) -> dict[int, Hindrance]:
    """What the administration can mend: no way at all, or an address that takes no mail."""
    refused = dict.fromkeys(await reaching.refused(people) if mails else (), Hindrance.REFUSED)
    return refused | await reaching.hindrances(people, body, day, mails=mails)


async def invite_all(*, by: Person, body: int, mails: bool, now: datetime) -> Facts:
    """Send the invitation to all who sit in a body and have not joined. Raises NotFoundHere.

    Whoever has no address is `left`.
    """
    found, people, joined = await _one(by, body, now)
    invited = _mailable(people, joined, mails=mails)
    on_telegram = await _allowed_on_telegram(invited, by, now)
    drafts = [joining.mailed(person, telegram=person.id in on_telegram, now=now) for person in invited]
    async with transaction():
        await notices.queue(drafts, now=now)
        await audit.record(by, "people.invited", f"body:{found.id}", now=now, people=[person.id for person in invited])
    waiting = [person for person in people if person.id not in joined]
    return {"body": _body(found), "invited": len(invited), "left": len(waiting) - len(invited)}


def _administrators_only(by: Person) -> None:
    if not permissions.may_administer(administrator=by.administrator):
        access.not_found()


async def _one(by: Person, body: int, now: datetime) -> tuple[Body, Sequence[Person], set[int]]:
    """The body, who sits there by name, and the ids of those who have joined."""
    _administrators_only(by)
    found = await Body.get_or_none(id=body)
    if found is None:
        access.not_found()
    seats = await _not_over(by, now).filter(body_id=body).select_related("person")
    people = {seat.person.id: seat.person for seat in seats if seat.person is not None}.values()
    by_name = sorted(people, key=lambda person: names.sort_key(person.given_name, person.family_name))
    return found, by_name, await joining.have_joined([person.id for person in by_name])


def _not_over(by: Person, now: datetime) -> QuerySet[Membership]:
    """The seats that somebody holds now or later."""
    not_over = queries.not_over(access.today(by, now))
    return Membership.filter(not_over, person__left_at=None).exclude(person_id=None)


async def _allowed_on_telegram(people: Sequence[Person], by: Person, now: datetime) -> set[int]:
    """Who of them Telegram may carry anything for."""
    held = queries.held(access.today(by, now)).filter(person_id__in=[0, *(person.id for person in people)])
    places: dict[int | None, list[tuple[int | None, int]]] = {}
    for seat in await held.select_related("body", "organisation"):
        own = seat.organisation.level if seat.organisation else None
        places.setdefault(seat.person_id, []).append((own, seat.body.level))
    return {person.id for person in people if channels.highest_level(person.level, places.get(person.id, [])) > NOTHING}


def _mailable(people: Sequence[Person], joined: set[int], *, mails: bool) -> list[Person]:
    return [person for person in people if mails and person.mail is not None and person.id not in joined]


def _body(body: Body) -> Facts:
    return {"id": body.id, "level": body.level, "code": Plain(body.code), "name": Title(body.name)}
