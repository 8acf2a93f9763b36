"""The administration invites: the town's bodies, who sits there, and who has come to Faden. Of what they do there, nothing."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from bot.actions import access, audit, joining, notices, reaching
from bot.rules import channels, names, paging, permissions
from bot.rules.facts import NOTHING, Plain, Title
from bot.rules.reach import Hindrance
from storage import queries
from storage.db import transaction
from storage.models import Body, Membership, Person

Facts = dict[str, Any]


async def bodies(*, by: Person, page: int, now: datetime) -> Facts:
    """The town's bodies, a page of them, with how many sit there and how many of them have joined. Raises NotFoundHere."""
    _administrators_only(by)
    listed, turned = paging.turned(await Body.all().order_by("name", "id"), page)
    seats = await _seated([body.id for body in listed], by, now)
    joined = await joining.have_joined({person.id for people in seats.values() for person in people})
    return {
        "bodies": [
            {
                **_body(body),
                "seats": len(seats[body.id]),
                "joined": sum(person.id in joined for person in seats[body.id]),
            }
            for body in listed
        ],
        **turned,
    }


async def body(*, by: Person, body: int, page: int, mails: bool, now: datetime) -> Facts:
    """Who sits in a body, a page of them, who of them has joined, and why nothing reaches some. Raises NotFoundHere.

    `mailable` are those who have not joined and whom a mail reaches.
    """
    found, people, joined = await _one(by, body, now)
    listed, turned = paging.turned(people, page)
    why = await _hindrances(listed, found, access.today(by, now), mails=mails)
    return {
        "body": _body(found),
        "people": [
            {
                "id": person.id,
                "name": access.name_of(person),
                "joined": person.id in joined,
                "hindrance": Plain(why[person.id].value) if person.id in why else None,
            }
            for person in listed
        ],
        "seats": len(people),
        "joined": sum(person.id in joined for person in people),
        "mailable": len(_mailable(people, joined, mails=mails)),
        **turned,
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
    people = (await _seated([body], by, now))[body]
    return found, people, await joining.have_joined([person.id for person in people])


async def _seated(wanted: Sequence[int], by: Person, now: datetime) -> dict[int, list[Person]]:
    """Who has a seat in these bodies, now or later, each once and by name."""
    found = Membership.filter(queries.not_over(access.today(by, now)), body_id__in=[0, *wanted], person__left_at=None)
    seats = await found.exclude(person_id=None).select_related("person")
    seated = {
        body: {seat.person.id: seat.person for seat in seats if seat.body_id == body and seat.person is not None}
        for body in wanted
    }
    return {
        body: sorted(people.values(), key=lambda person: names.sort_key(person.given_name, person.family_name))
        for body, people in seated.items()
    }


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
