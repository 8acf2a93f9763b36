"""Queue what is to be told. A notice is a row before it is a message; the same key is told once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.rules import facts as typed
from bot.rules.facts import Facts
from storage.db import transaction
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A notice to be queued.

    To a person (`person` is an id) post chooses the channel; to a chat `network` and `chat_id` name it. `key` makes it
    unique for ever. `body` makes post drop it when the person has no seat there any more at the moment of sending.
    `urgent` does not wait for the end of the person's quiet hours.
    `resend` says whether an uncertain sending is tried once more (invitations and reminders yes, nudges no).
    """

    key: str
    template: str
    facts: Facts
    due_at: datetime
    person: int | None = None
    network: Network | None = None
    chat_id: int | None = None
    thread_id: int | None = None
    target_id: str | None = None
    body: int | None = None
    about: str | None = None
    kind: NoticeKind = NoticeKind.MESSAGE
    lane: Lane = Lane.MAILING
    silent: bool = False
    urgent: bool = False
    resend: bool = True


async def queue(drafts: Iterable[Draft], *, now: datetime) -> None:
    """Write the notices that are not there yet, all in one statement."""
    rows = [_row(draft, now) for draft in drafts]
    if not rows:
        return
    async with transaction():
        await Notice.bulk_create(rows, ignore_conflicts=True)


async def keep_card(draft: Draft, *, now: datetime) -> None:
    """Show the latest state of a card: one row per card, sent the first time and edited from then on.

    The first change leaves at once; `bot.post` holds the edits of a burst back, so that the last state goes out.
    """
    async with transaction():
        changed = await Notice.filter(key=draft.key).update(
            facts=typed.encode(draft.facts), template=draft.template, state=NoticeState.WAITING, due_at=draft.due_at
        )
        if not changed:
            await Notice.bulk_create([_row(draft, now)], ignore_conflicts=True)


async def withdraw(about: str, *, except_for: Collection[str] = ()) -> list[Notice]:
    """Take back what is still waiting about a thing, because it has been overtaken; gives what was taken back.

    Cards stay: they show the latest state anyway. So do the templates named in `except_for`.
    """
    async with transaction():
        waiting = (
            await Notice.filter(about=about, state=NoticeState.WAITING)
            .exclude(kind=NoticeKind.CARD)
            .exclude(template__in=["", *except_for])
            .select_for_update()  # what is being claimed at this moment is on its way
        )
        await Notice.filter(id__in=[0, *(notice.id for notice in waiting)]).delete()
    return waiting


def _row(draft: Draft, now: datetime) -> Notice:
    values: dict[str, Any] = {
        "key": draft.key,
        "kind": draft.kind,
        "lane": draft.lane,
        "person_id": draft.person,
        "body_id": draft.body,
        "about": draft.about,
        "network": draft.network,
        "chat_id": draft.chat_id,
        "thread_id": draft.thread_id,
        "target_id": draft.target_id,
        "template": draft.template,
        "facts": typed.encode(draft.facts),
        "silent": draft.silent,
        "urgent": draft.urgent,
        "resend": draft.resend,
        "state": NoticeState.WAITING,
        "due_at": draft.due_at,
        "created_at": now,
    }
    return Notice(**values)
