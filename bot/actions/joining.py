"""How people come to Faden: an invitation link, the privacy notice, then a channel.

The link works once, for 14 days. On Telegram it is used up when it is opened, and the account waits, unlinked, until the
person has said "Gelesen"; in the browser the page shows the notice and its button does both.
"""

from datetime import datetime
from typing import Any

from bot.actions import access, audit, notices, sessions
from bot.actions.notices import Draft
from bot.rules import permissions
from bot.rules.facts import OneTimeLink, PersonName
from bot.rules.refusals import Refusal
from storage.db import transaction
from storage.models import Channel, Membership, Person
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, TokenPurpose

Facts = dict[str, Any]


class AlreadyLinked(Refusal):
    """This account already belongs to somebody else of the town."""


async def invite(*, by: Person, person: int, now: datetime) -> Facts:
    """Invite somebody with a seat in a body that one leads, or anybody as an administrator.

    The link goes by mail where an address is known, and to the one who invites, for handing on. Raises NotFoundHere.
    """
    invited = await Person.get_or_none(id=person, left_at=None)
    if invited is None or not await _may_invite(by, invited, now):
        access.not_found()
    stamp = int(now.timestamp()) // 60
    link = OneTimeLink(TokenPurpose.INVITATION.value)
    drafts = []
    if invited.mail:
        drafts.append(
            Draft(
                key=f"join:{invited.id}:{stamp}",
                template="join",
                facts={"link": link, "inviter": access.name_of(by)},
                due_at=now,
                person=invited.id,
                kind=NoticeKind.MAIL,
                lane=Lane.ANSWER,
            )
        )
    async with transaction():
        await notices.queue(drafts, now=now)
        await audit.record(by, "person.invited", f"person:{invited.id}", now=now)
    return {
        "name": access.name_of(invited),
        "by_mail": bool(invited.mail),
        "link": OneTimeLink(link.purpose, invited.id),
    }


async def _may_invite(by: Person, invited: Person, now: datetime) -> bool:
    if permissions.may_administer(administrator=by.administrator):
        return True
    seats = access.as_seats(await access.memberships(by, now))
    theirs = await Membership.filter(person_id=invited.id)
    return any(permissions.may_keep_seats(seats, seat.body_id) for seat in theirs)


async def open_link(*, token: str, network: Network, address: str, now: datetime, machine_now: datetime) -> Facts:
    """Use up an invitation on a network: the account waits for "Gelesen". Raises LinkUsedUp, AlreadyLinked."""
    async with transaction():
        number = await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=machine_now)
        person = await Person.get_or_none(id=number, left_at=None)
        if person is None:
            raise sessions.LinkUsedUp
        await _link(person, network, address, ChannelState.UNLINKED, now)
    return {"name": access.name_of(person)}


async def _link(person: Person, network: Network, address: str, state: ChannelState, now: datetime) -> None:
    """One account of a network belongs to one person, and a person has one account there."""
    taken = await Channel.get_or_none(network=network, address=address)
    if taken is not None and taken.person_id != person.id and taken.state is ChannelState.ACTIVE:
        raise AlreadyLinked
    await Channel.filter(network=network, address=address).delete()
    await Channel.filter(network=network, person_id=person.id).delete()
    await Channel.create(person=person, network=network, address=address, state=state, linked_at=now)


async def privacy_read(*, network: Network, address: str, now: datetime) -> PersonName:
    """After "Gelesen" the account is linked. Raises NotFoundHere for an account that was not invited."""
    async with transaction():
        channel = await Channel.get_or_none(network=network, address=address).select_related("person")
        if channel is None or channel.person.left_at is not None:
            access.not_found()
        await Channel.filter(id=channel.id).update(state=ChannelState.ACTIVE, linked_at=now)
        if channel.person.privacy_read_at is None:
            await Person.filter(id=channel.person_id).update(privacy_read_at=now)
        await audit.record(
            channel.person, "channel.linked", f"person:{channel.person_id}", now=now, network=network.value
        )
    return access.name_of(channel.person)


async def enter(*, token: str, label: str, now: datetime, machine_now: datetime) -> str:
    """Join in the browser: "Gelesen" and signed in with one button; gives the session's token. Raises LinkUsedUp."""
    async with transaction():
        number = await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=machine_now)
        if not await Person.filter(id=number, left_at=None).update(privacy_read_at=now):
            raise sessions.LinkUsedUp
        return await sessions.begin(person=number, label=label, now=machine_now)


async def unlink(*, by: Person, network: Network, now: datetime) -> None:
    """Take one's own account on a network away from Faden."""
    async with transaction():
        await Channel.filter(person_id=by.id, network=network).update(state=ChannelState.UNLINKED)
        await audit.record(by, "channel.unlinked", f"person:{by.id}", now=now, network=network.value)


async def blocked(*, network: Network, address: str, is_blocked: bool) -> None:
    """The person blocked the bot there, or let it in again."""
    states = (ChannelState.ACTIVE, ChannelState.BLOCKED)
    before, after = states if is_blocked else reversed(states)
    async with transaction():
        await Channel.filter(network=network, address=address, state=before).update(state=after)
