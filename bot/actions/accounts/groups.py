"""A body's group on Telegram: linked by whoever leads the body, if the body's level lets anything through."""

from collections.abc import Callable
from datetime import datetime

from bot.actions import access, audit, notices
from bot.actions.meetings import meetings
from bot.actions.notices import Draft
from bot.rules import permissions
from bot.rules.facts import NUDGE, Facts, Plain, Title
from bot.rules.refusals import Refusal
from storage import queries
from storage.db import transaction
from storage.models import Body, Dialogue, GroupChat, Meeting, Notice, Person
from storage.vocabulary import BodyKind, MeetingState, Network, NoticeKind, NoticeState


class LevelForbids(Refusal):
    """The body's privacy level lets nothing of a meeting through there."""


async def choices(*, by: Person, now: datetime) -> Facts:
    """The bodies whose group this could be; a privacy level folds away those whose group it cannot be."""
    bodies = await access.bodies(by, now, permissions.may_keep_seats)
    return {
        "bodies": [
            {"id": body.id, "level": body.level, "name": Title(body.name), "code": Plain(body.code)} for body in bodies
        ]
    }


async def asks(*, by: Person, network: Network, chat_id: int, thread_id: int | None, now: datetime) -> bool:
    """Whether to ask whose group this is: nobody has said so yet, or whoever leads its body wants its card in another topic."""
    group = await GroupChat.get_or_none(network=network, chat_id=chat_id)
    if group is None:
        return True
    seats = access.as_seats(await access.memberships(by, now))
    return group.thread_id != thread_id and permissions.may_keep_seats(seats, group.body_id)


async def link(*, by: Person, body: int, network: Network, chat_id: int, thread_id: int | None, now: datetime) -> Facts:
    """Make a chat the body's group; its card is posted there from now on, in the topic where the question stood.

    A chat that is another body's group changes hands only through somebody who leads both. Raises NotAllowed, NotAMember,
    LevelForbids.
    """
    found = await access.body(by, body, now, permissions.may_keep_seats)
    if network is Network.TELEGRAM and found.level <= NUDGE:
        raise LevelForbids
    taken = await GroupChat.get_or_none(network=network, chat_id=chat_id)
    if taken is not None and taken.body_id != body:
        await access.body(by, taken.body_id, now, permissions.may_keep_seats)
    async with transaction():
        if taken is None or taken.body_id != body:
            await _take_cards_away(network, chat_id, now)
            for before in await GroupChat.filter(network=network, body_id=body):
                await _take_cards_away(network, before.chat_id, now)
            await GroupChat.filter(network=network, chat_id=chat_id).delete()
            await GroupChat.filter(network=network, body_id=body).delete()
            await GroupChat.create(
                body=found, network=network, chat_id=chat_id, thread_id=thread_id, linked_by=by, linked_at=now
            )
            await audit.record(by, "group.linked", f"body:{body}", now=now)
        elif taken.thread_id != thread_id:
            await GroupChat.filter(id=taken.id).update(thread_id=thread_id)
            await _take_cards_away(network, chat_id, now)
        await _post_cards(found, now)
    return {"level": found.level, "body": Title(found.name)}


async def _post_cards(body: Body, now: datetime) -> None:
    for meeting in await Meeting.filter(body_id=body.id, state=MeetingState.INVITED, ends_at__gt=now):
        await meetings.refresh_card(meeting, body, now=now)


async def _take_cards_away(network: Network, chat_id: int, now: datetime) -> None:
    """Erase the cards that stand in a chat; one that is just being sent goes as soon as post knows which message it became."""
    cards = Notice.filter(kind=NoticeKind.CARD, network=network, chat_id=chat_id)
    standing = await queries.column(cards.filter(message_id__not_isnull=True), "message_id")
    await notices.queue([notices.erasing(network, chat_id, message, due_at=now) for message in standing], now=now)
    await cards.delete()


async def open_rooms(network: Network, numbered: Callable[[int], int], *, now: datetime) -> None:
    """Every body has its group on our own network; `numbered` gives its chat's id by the body's."""
    linked = await queries.column(GroupChat.filter(network=network), "body_id")
    new = await queries.column(Body.exclude(id__in=[*linked, 0]).exclude(kind=BodyKind.EXTERNAL), "id")
    rows = [GroupChat(body_id=body, network=network, chat_id=numbered(body), linked_at=now) for body in new]
    async with transaction():
        await GroupChat.bulk_create(rows, ignore_conflicts=True)


async def renumber(network: Network, old: int, new: int) -> None:
    """A group has become another chat, with what was being asked there; unless that one is known as a group already."""
    async with transaction():
        if not await GroupChat.exists(network=network, chat_id=new):
            await GroupChat.filter(network=network, chat_id=old).update(chat_id=new)
        await Dialogue.filter(network=network, chat_id=old).update(chat_id=new)


async def moved(*, network: Network, chat_id: int, now: datetime) -> None:
    """The group has this id now, and none of its messages: the cards are posted again."""
    group = await GroupChat.get_or_none(network=network, chat_id=chat_id).select_related("body")
    if group is not None:
        async with transaction():
            await _post_cards(group.body, now)


async def forget(*, network: Network, chat_id: int, now: datetime, by: int | None = None) -> None:
    """The bot was thrown out, or left: nothing is posted there any more. Those who lead the body are told, unless they did it (`by`)."""
    group = await GroupChat.get_or_none(network=network, chat_id=chat_id).select_related("body")
    async with transaction():
        await Notice.filter(network=network, chat_id=chat_id, state=NoticeState.WAITING).update(
            state=NoticeState.DROPPED, error="no group"
        )
        if group is not None:
            await group.delete()
            await _tell_leads(group.body, by, now)


async def _tell_leads(body: Body, by: int | None, now: datetime) -> None:
    leads = await queries.holders(body.id, permissions.LEADING, now.date())
    drafts = [
        Draft(
            key=f"group_lost:{body.id}:{lead}:{int(now.timestamp())}",
            template="accounts/group_lost",
            facts={"level": body.level, "body": Title(body.name)},
            due_at=now,
            person=lead,
            body=body.id,
        )
        for lead in sorted(leads - {by})
    ]
    await notices.queue(drafts, now=now)
