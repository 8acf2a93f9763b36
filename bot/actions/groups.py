"""A body's group on Telegram: linked by whoever leads the body, if the body's level lets anything through."""

from datetime import datetime
from typing import Any

from bot.actions import access, audit, meetings
from bot.rules import permissions
from bot.rules.facts import NUDGE, Plain, Title
from bot.rules.refusals import Refusal
from storage.db import transaction
from storage.models import Body, GroupChat, Meeting, Notice, Person
from storage.vocabulary import MeetingState, Network, NoticeState

Facts = dict[str, Any]


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


async def link(*, by: Person, body: int, network: Network, chat_id: int, thread_id: int | None, now: datetime) -> Facts:
    """Make a chat the body's group; its card is posted there from now on.

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
            await GroupChat.filter(network=network, chat_id=chat_id).delete()
            await GroupChat.filter(network=network, body_id=body).delete()
            await GroupChat.create(
                body=found, network=network, chat_id=chat_id, thread_id=thread_id, linked_by=by, linked_at=now
            )
            await audit.record(by, "group.linked", f"body:{body}", now=now)
        await _post_cards(found, now)
    return {"level": found.level, "body": Title(found.name)}


async def _post_cards(body: Body, now: datetime) -> None:
    for meeting in await Meeting.filter(body_id=body.id, state=MeetingState.INVITED, ends_at__gt=now):
        await meetings.refresh_card(meeting, body, now=now)


async def forget(*, network: Network, chat_id: int) -> None:
    """The bot was thrown out, or left: nothing is posted there any more."""
    async with transaction():
        await GroupChat.filter(network=network, chat_id=chat_id).delete()
        await Notice.filter(network=network, chat_id=chat_id, state=NoticeState.WAITING).update(
            state=NoticeState.DROPPED, error="no group"
        )
