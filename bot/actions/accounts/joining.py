"""How people come to Faden: an invitation link, the privacy notice, then a channel.

The link works once, for 14 days. On Telegram it is used up when it is opened, and the account waits, unlinked, until the
person has said "Gelesen"; until then the account before it stays. In the browser the page shows the notice and its button does both.

The operator's code makes an administrator: of somebody whom the town knows, or, while the town is empty, of whoever has it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bot.actions import access, audit, carrying, notices
from bot.actions.accounts import sessions
from bot.actions.notices import Draft
from bot.rules import names, permissions
from bot.rules.facts import NOTHING, TITLES, Facts, OneTimeLink, Plain
from bot.rules.refusals import Refusal
from storage import queries
from storage.db import transaction
from storage.models import Body, Channel, Membership, Person
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, TokenPurpose


class AlreadyLinked(Refusal):
    """This account already belongs to somebody else of the town."""


class NotOnTelegram(Refusal):
    """A privacy level keeps this person off Telegram altogether; the same link works in the browser."""


class NotIntroduced(Refusal):
    """The code works, but nobody knows who has it: that is said in the browser."""


@dataclass(frozen=True, kw_only=True)
class Introduction:
    """Who somebody says they are."""

    given_name: str
    family_name: str
    mail: str


async def invite(*, by: Person, person: int, mails: bool, now: datetime, machine_now: datetime) -> Facts:
    """Invite somebody with a seat in a body that one leads, or anybody as an administrator.

    The link goes by mail where the town `mails` and an address is known, once a minute at most. A lead also gets it for
    handing on while the person has never been here: whoever opens it is taken for them. Somebody who has been here gets it
    themself, by mail or in a chat that works, and the lead only where neither is left: then the only way back is through
    somebody who knows them. An administrator never gets it, for with it they would see content. It leads to Telegram, too,
    where the person's level lets anything through there. Raises NotFoundHere.
    """
    invited = await Person.get_or_none(id=person, left_at=None)
    if invited is None:
        access.not_found()
    shared = await _led_together(by, invited, now)
    if not shared and not permissions.may_administer(administrator=by.administrator):
        access.not_found()
    level = min((body.level for body in shared), default=None)
    telegram = await carrying.highest(invited, now) > NOTHING
    joined = bool(await have_joined([invited.id]))
    by_mail = mails and invited.mail is not None
    chat = await _chat_for_a_link(invited, now, machine_now) if joined and not by_mail else None
    handed_on = bool(shared) and not (joined and (by_mail or chat))
    drafts = [mailed(invited, telegram=telegram, now=now)] if by_mail else []
    if chat is not None:
        drafts.append(_sent(chat, by, level, telegram=telegram, now=now))
    async with transaction():
        await notices.queue(drafts, now=now)
        if drafts or handed_on:
            about = f"person:{invited.id}"
            await audit.record(by, "person.invited", about, now=now, joined=joined, handed_on=handed_on)
    return {
        "level": level,
        "name": access.name_of(invited),
        "joined": joined,
        "by_mail": by_mail,
        "by_chat": chat is not None,
        "handed_on": handed_on,
        "link": OneTimeLink(TokenPurpose.INVITATION.value, invited.id, telegram) if handed_on else None,
    }


async def have_joined(people: Collection[int]) -> set[int]:
    """Who of them has been here: has read the notice, or has a channel, by whatever link."""
    read = Person.filter(id__in=[0, *people]).exclude(privacy_read_at=None)
    linked = Channel.filter(person_id__in=[0, *people]).exclude(state=ChannelState.UNLINKED)
    return {*await queries.column(read, "id"), *await queries.column(linked, "person_id")}


def mailed(invited: Person, *, telegram: bool, now: datetime) -> Draft:
    """The invitation by mail; asked twice within a minute, it is sent once."""
    return Draft(
        key=f"join:{invited.id}:{int(now.timestamp()) // 60}",
        template="accounts/join",
        facts={"link": OneTimeLink(TokenPurpose.INVITATION.value, telegram=telegram)},
        due_at=now,
        person=invited.id,
        kind=NoticeKind.MAIL,
        lane=Lane.ANSWER,
    )


def _sent(chat: Channel, by: Person, level: int | None, *, telegram: bool, now: datetime) -> Draft:
    """The invitation in a chat of the person's own."""
    link = OneTimeLink(TokenPurpose.INVITATION.value, telegram=telegram)
    return Draft(
        key=f"join:{chat.person_id}:{int(now.timestamp()) // 60}:{chat.network.value}",
        template="accounts/join_again",
        facts={"level": level, "by": access.name_of(by), "link": link},
        due_at=now,
        network=chat.network,
        chat_id=int(chat.address),
        lane=Lane.ANSWER,
    )


async def _chat_for_a_link(person: Person, now: datetime, machine_now: datetime) -> Channel | None:
    """A chat that the person can read, and that may carry a link: the browser's needs somebody who is signed in."""
    for channel in await Channel.filter(person_id=person.id, state=ChannelState.ACTIVE).order_by("-network"):
        if channel.network is Network.WEBCHAT:
            works = bool(await sessions.of_person(person, now=machine_now))
        else:
            works = await carrying.level(person, now) >= TITLES
        if works:
            return channel
    return None


async def _led_together(by: Person, invited: Person, now: datetime) -> list[Body]:
    """The bodies that one leads and where the other has a seat, now or later."""
    led = {body.id: body for body in await access.bodies(by, now, permissions.may_keep_seats)}
    not_over = queries.not_over(access.today(by, now))
    theirs = await Membership.filter(not_over, person_id=invited.id, body_id__in=[0, *led])
    return [led[seat.body_id] for seat in theirs]


async def open_link(*, token: str, network: Network, address: str, now: datetime, machine_now: datetime) -> Facts:
    """Use up an invitation on a network: the account waits for "Gelesen".

    The facts say who it is for, where that may be said. Raises LinkUsedUp, AlreadyLinked, NotOnTelegram.
    """
    async with transaction():
        number = await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=machine_now)
        person = await Person.get_or_none(id=number, left_at=None)
        if person is None:
            raise sessions.LinkUsedUp
        level = await carrying.highest(person, now)
        if network is Network.TELEGRAM and level <= NOTHING:
            raise NotOnTelegram
        await _link(person, network, address, now)
    named = network is not Network.TELEGRAM or level >= TITLES
    return {"name": Plain(access.name_of(person)) if named else None}


async def _link(person: Person, network: Network, address: str, now: datetime) -> None:
    """One account of a network belongs to one person, and a person has one account there: the old one, until "Gelesen"."""
    known = await Channel.get_or_none(network=network, address=address)
    if known is not None and known.state is not ChannelState.UNLINKED:
        if known.person_id != person.id:
            raise AlreadyLinked
        return
    await Channel.filter(network=network, address=address).delete()
    await Channel.filter(network=network, person_id=person.id, state=ChannelState.UNLINKED).delete()
    await Channel.create(person=person, network=network, address=address, state=ChannelState.UNLINKED, linked_at=now)


async def privacy_read(*, network: Network, address: str, language: str | None, now: datetime) -> None:
    """After "Gelesen" the account is linked, instead of the one before. Raises NotFoundHere for one that was not invited.

    The person is told of it on all other ways, the old account too. At the first contact the person gets the `language` of their client, if Faden speaks it.
    """
    async with transaction():
        channel = await Channel.get_or_none(network=network, address=address).select_related("person")
        if channel is None:
            access.not_found()
        await _welcome(channel.person, language, now)
        if channel.state is not ChannelState.ACTIVE:
            await _tell_of_new_way(channel.person, network, "", but=channel.id, now=now)
            await Channel.filter(network=network, person_id=channel.person.id).exclude(id=channel.id).delete()
            await Channel.filter(id=channel.id).update(state=ChannelState.ACTIVE, linked_at=now)
            await _record_link(channel.person, network, now)
            await sessions.forget_invitations(channel.person.id)


async def _welcome(person: Person, language: str | None, now: datetime) -> None:
    """Keep when the privacy notice was first read."""
    if person.privacy_read_at is None:
        await Person.filter(id=person.id).update(privacy_read_at=now, language=language or person.language)


async def _tell_of_new_way(person: Person, network: Network, device: str, *, but: int | None, now: datetime) -> None:
    """Tell the person on every way they had, by mail and in each chat `but` that one, that an invitation made a new one."""
    facts = {"network": Plain(network.value), "device": Plain(device), "language": person.language}
    new_way = f"new_way:{person.id}:{int(now.timestamp())}"
    common: Facts = {"template": "accounts/new_way", "facts": facts, "due_at": now, "lane": Lane.ANSWER}
    drafts = [
        Draft(key=f"{new_way}:{chat.id}", network=chat.network, chat_id=int(chat.address), **common)
        for chat in await Channel.filter(person_id=person.id, state=ChannelState.ACTIVE).exclude(id=but or 0)
    ]
    if person.mail:
        drafts.append(Draft(key=new_way, person=person.id, kind=NoticeKind.MAIL, **common))
    await notices.queue(drafts, now=now)


async def _record_link(person: Person, network: Network, now: datetime) -> None:
    await audit.record(person, "channel.linked", f"person:{person.id}", now=now, network=network.value)


async def enter(
    *,
    token: str,
    label: str,
    language: str | None,
    now: datetime,
    machine_now: datetime,
    session: str | None = None,
) -> str:
    """Join in the browser: "Gelesen" and signed in with one button; gives the session's token. Raises LinkUsedUp.

    The person is told of it on all other ways.
    """
    async with transaction():
        number = await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=machine_now)
        person = await Person.get_or_none(id=number, left_at=None)
        if person is None:
            raise sessions.LinkUsedUp
        await _welcome(person, language, now)
        await _record_link(person, Network.WEBCHAT, now)
        await _tell_of_new_way(person, Network.WEBCHAT, label, but=None, now=now)
        await sessions.forget_invitations(person.id)
        return await sessions.begin(person=person.id, label=label, now=machine_now, session=session)


# --- the administration -----------------------------------------------------------------------------------------------


async def administer(*, by: Person, token: str, now: datetime, machine_now: datetime) -> None:
    """Trade the operator's code for the town's administration. Raises LinkUsedUp."""
    async with transaction():
        await sessions.consume(token=token, purpose=TokenPurpose.ADMINISTRATOR, now=machine_now)
        await Person.filter(id=by.id).update(administrator=True)
        await audit.record(by, "administrator.made", f"person:{by.id}", now=now)


async def town_is_empty() -> bool:
    """Whether nobody was ever entered: the way it is after the installation."""
    return not await Person.exists()


async def found_town(
    *,
    token: str,
    introduction: Introduction,
    language: str,
    zone: str,
    label: str,
    now: datetime,
    machine_now: datetime,
    session: str | None = None,
) -> str:
    """Be the first person of an empty town, and its administrator, by the operator's code; gives the session's token.

    The privacy notice has been read. Raises LinkUsedUp, and NotIntroduced when somebody has been quicker.
    """
    async with transaction():
        await sessions.consume(token=token, purpose=TokenPurpose.ADMINISTRATOR, now=machine_now)
        if not await town_is_empty():
            raise NotIntroduced
        person = await Person.create(
            key=_key(introduction),
            given_name=introduction.given_name,
            family_name=introduction.family_name,
            mail=introduction.mail,
            language=language,
            zone=zone,
            administrator=True,
            privacy_read_at=now,
        )
        await audit.record(person, "administrator.made", f"person:{person.id}", now=now)
        await _record_link(person, Network.WEBCHAT, now)
        return await sessions.begin(person=person.id, label=label, now=machine_now, session=session)


def _key(introduction: Introduction) -> str:
    """How a town file would most likely call the person: the family name in plain letters."""
    family, _ = names.sort_key(introduction.given_name, introduction.family_name)
    return "-".join(re.findall(r"[a-z0-9]+", family))[:64] or "administrator"


# --- blocked ----------------------------------------------------------------------------------------------------------


async def heard_from(*, network: Network, address: str) -> None:
    """The person writes or presses there: whatever closed their chat is over."""
    channel = await access.channel_at(network, address)
    if channel is not None and channel.state is ChannelState.BLOCKED:
        async with transaction():
            await Channel.filter(id=channel.id, state=ChannelState.BLOCKED).update(state=ChannelState.ACTIVE)


async def blocked(*, network: Network, address: str, is_blocked: bool) -> None:
    """The person blocked the bot there, or let it in again."""
    states = (ChannelState.ACTIVE, ChannelState.BLOCKED)
    before, after = states if is_blocked else reversed(states)
    async with transaction():
        await Channel.filter(network=network, address=address, state=before).update(state=after)
