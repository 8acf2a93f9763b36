"""Queue what is to be told. A notice is a row before it is a message; the same key is told once."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from tortoise.expressions import Q

from bot.rules import facts as typed
from bot.rules.facts import Facts
from storage.db import execute, transaction
from storage.erasing import erased
from storage.models import Notice
from storage.rows import change
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState

COLUMNS = (
    "key",
    "kind",
    "lane",
    "person_id",
    "body_id",
    "about",
    "network",
    "chat_id",
    "thread_id",
    "target_id",
    "template",
    "facts",
    "silent",
    "urgent",
    "resend",
    "state",
    "due_at",
    "held_until",
    "attempts",
    "created_at",
)
ROWS_AT_ONCE = 500
NO_FILE = (
    "no file"  # what post says of a notice that left without its file, because there is none or none could be made
)


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


async def queue(drafts: Iterable[Draft], *, now: datetime) -> frozenset[str]:
    """Write the notices that are not there yet; gives their keys."""
    return frozenset(await _write([_row(draft, now, None) for draft in drafts]))


async def lease(drafts: Iterable[Draft], *, now: datetime, until: datetime) -> list[Notice]:
    """Write the notices that are not there yet and give them: they belong to their sender until then."""
    rows = [_row(draft, now, until) for draft in drafts]
    kept = await _write(rows)
    return [_notice(row, kept[row["key"]]) for row in rows if row["key"] in kept]


async def _write(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Many in one statement; gives the ids of the new ones by their keys."""
    kept: dict[str, int] = {}
    if not rows:
        return kept
    async with transaction():
        for part in (rows[first : first + ROWS_AT_ONCE] for first in range(0, len(rows), ROWS_AT_ONCE)):
            values = [row[column] for row in part for column in COLUMNS]
            kept |= {found["key"]: found["id"] for found in await execute(_insert(len(part)), values)}
        if any(row["kind"] == NoticeKind.ERASE.value for row in rows):
            erased()  # with the message goes what was kept of it
    return kept


@cache
def _insert(rows: int) -> str:
    places = f"({', '.join('?' * len(COLUMNS))})"
    return (
        f"INSERT INTO notice ({', '.join(COLUMNS)}) VALUES {', '.join([places] * rows)} "  # noqa: S608  # constants only
        "ON CONFLICT (key) DO NOTHING RETURNING id, key"
    )


def erasing(network: Network, chat_id: int, message: int, *, due_at: datetime) -> Draft:
    """What takes a message out of a chat."""
    return Draft(
        key=f"erase:{network.value}:{chat_id}:{message}",
        template="",
        facts={},
        due_at=due_at,
        network=network,
        chat_id=chat_id,
        target_id=str(message),
        kind=NoticeKind.ERASE,
    )


async def keep_card(draft: Draft, *, now: datetime) -> None:
    """Show the latest state of a card: one row per card, sent the first time and edited from then on.

    The first change leaves at once; `bot.post` holds the edits of a burst back, so that the last state goes out.
    """
    async with transaction():
        newest = {"facts": typed.encode(draft.facts), "template": draft.template}
        again = {"state": NoticeState.WAITING, "due_at": draft.due_at}
        if not await change(Notice, draft.key, newest | again, by="key"):
            await queue([draft], now=now)


async def withdraw(about: str, *, only: Collection[str] = (), except_for: Collection[str] = ()) -> list[Notice]:
    """Take back what has not left about a thing, because it has been overtaken; gives what was taken back.

    What the post has in hand and what waits for its turn is taken back too: before the wire the post asks for the row once more.
    Cards stay: they show the latest state anyway. So do the templates named in `except_for`, and others than `only` if there are
    any. What may have arrived already is not sent again, and counts as told.
    """
    here = Q(state=NoticeState.WAITING) | Q(state=NoticeState.SENDING, sent_at=None)
    if only:
        here &= Q(template__in=only)
    async with transaction():
        waiting = (
            await Notice.filter(here, about=about)
            .exclude(kind=NoticeKind.CARD)
            .exclude(template__in=["", *except_for])
            .order_by("id")
            .select_for_update()  # what goes over the wire at this moment has left
        )
        doubtful = {notice.id for notice in waiting if notice.error == NoticeState.UNCERTAIN.value}
        await Notice.filter(id__in=[0, *doubtful]).update(state=NoticeState.UNCERTAIN)
        taken_back = [notice for notice in waiting if notice.id not in doubtful]
        await Notice.filter(id__in=[0, *(notice.id for notice in taken_back)]).delete()
    return taken_back


async def correct(abouts: Collection[str], **newer: object) -> list[Notice]:
    """Put newer facts into what still waits about these things and tells such facts; gives what was corrected."""
    async with transaction():
        waiting = await Notice.filter(about__in=["", *abouts], state=NoticeState.WAITING).select_for_update()
        told = [notice for notice in waiting if newer.keys() <= notice.facts.keys()]
        for notice in told:
            notice.facts = typed.encode({**typed.decode(notice.facts), **newer})
            await notice.save(update_fields=["facts"])
    return told


def _row(draft: Draft, now: datetime, leased_until: datetime | None) -> dict[str, Any]:
    state = NoticeState.WAITING if leased_until is None else NoticeState.SENDING
    return {
        "key": draft.key,
        "kind": draft.kind.value,
        "lane": draft.lane.value,
        "person_id": draft.person,
        "body_id": draft.body,
        "about": draft.about,
        "network": draft.network.value if draft.network else None,
        "chat_id": draft.chat_id,
        "thread_id": draft.thread_id,
        "target_id": draft.target_id,
        "template": draft.template,
        "facts": json.dumps(typed.encode(draft.facts)),
        "silent": draft.silent,
        "urgent": draft.urgent,
        "resend": draft.resend,
        "state": state.value,
        "due_at": draft.due_at,
        "held_until": leased_until,
        "attempts": 0,
        "created_at": now,
    }


def _notice(row: Mapping[str, Any], number: int) -> Notice:
    typed_values = {
        "facts": json.loads(row["facts"]),
        "kind": NoticeKind(row["kind"]),
        "lane": Lane(row["lane"]),
        "state": NoticeState(row["state"]),
        "network": Network(row["network"]) if row["network"] else None,
    }
    return Notice(**{**row, **typed_values, "id": number})
