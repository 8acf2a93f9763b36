"""The rows of the outbox: claimed with a lease, settled once they have left or cannot. No network here.

Within a lane the notices of one chat, or of one person, leave one after the other: only the eldest that is not settled can be
claimed. So nothing overtakes what is held back, whichever process sends it. Cards stand outside of that order, for they show
a state and tell no story.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.db import execute, is_postgres, transaction, unit_of_work
from storage.models import Channel, Dialogue, GroupChat, InboxUpdate, Notice
from storage.rows import change
from storage.together import Together
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, NoticeState

LEASE = timedelta(seconds=60)
UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A kind of work that does not wait for the others: chat and mail, answers and mailings. `places` bounds what is under way."""

    lane: Lane
    mail: bool
    places: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of a notice: its state, why, and further columns. Back in the outbox it waits until `held_until`.

    `web_chat` is where the message is to be read in full, when what has left of it is only a nudge.
    """

    state: NoticeState
    error: str | None = None
    held_until: datetime | None = None
    failed: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    web_chat: int | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more is tried."""
        return self.state is not NoticeState.WAITING


_DUE = """
SELECT n.id FROM notice n
WHERE n.state = 'waiting' AND n.lane = ? AND n.due_at <= ? AND (n.held_until IS NULL OR n.held_until <= ?)
  AND (n.kind IN ('mail', 'calendar_mail')) = ?
  AND (n.kind = 'card' OR NOT (
    EXISTS (
      SELECT 1 FROM notice e
      WHERE e.person_id = n.person_id AND e.state IN ('waiting', 'sending') AND e.due_at <= n.due_at
        AND (e.due_at < n.due_at OR e.id < n.id) AND e.lane = n.lane AND e.kind <> 'card'
        AND (e.kind IN ('mail', 'calendar_mail')) = (n.kind IN ('mail', 'calendar_mail'))
    ) OR EXISTS (
      SELECT 1 FROM notice e
      WHERE e.chat_id = n.chat_id AND e.state IN ('waiting', 'sending') AND e.due_at <= n.due_at
        AND (e.due_at < n.due_at OR e.id < n.id) AND e.lane = n.lane AND e.kind <> 'card' AND e.network = n.network
    )
  ))
ORDER BY n.due_at, n.id LIMIT ?
"""


async def claim(desk: Desk, places: int, *, domain_now: datetime, machine_now: datetime) -> list[Notice]:
    """Take up to so many due notices of a desk, the eldest of each chat, and lease them; with their people and bodies."""
    values = [desk.lane.value, domain_now, machine_now, desk.mail]
    if not await execute(_DUE, [*values, 1]):
        return []  # looking costs no commit
    lock = " FOR UPDATE OF n SKIP LOCKED" if is_postgres() else ""
    # Materialized, the limit holds: PostgreSQL may run a subquery once for each row, and then it gives others each time.
    statement = (
        f"WITH due AS MATERIALIZED ({_DUE}{lock}) "  # noqa: S608  # constants
        "UPDATE notice SET state = 'sending', held_until = ?, sent_at = NULL WHERE id IN (SELECT id FROM due) RETURNING id"
    )

    async def take() -> list[dict[str, Any]]:
        async with transaction():
            return await execute(statement, [*values, places, machine_now + LEASE])

    claimed = await unit_of_work(take)
    return await load([row["id"] for row in claimed])


async def load(ids: Collection[int]) -> list[Notice]:
    """Notices with their people and bodies, in the order in which they leave."""
    return await Notice.filter(id__in=ids).select_related("person", "body").order_by("due_at", "id")


async def give_back(*, leased_before: datetime, except_for: Collection[int]) -> int:
    """Take back what somebody leased and never settled, because their process died; gives how many.

    It may have left: it is sent again, unless that would be worse than losing it (`resend`) and it was on its way already.
    """
    expired = Notice.filter(state=NoticeState.SENDING, held_until__lte=leased_before + LEASE).exclude(
        id__in=[0, *except_for]
    )
    if not await expired.exists():
        return 0

    async def take_back() -> int:
        async with transaction():
            on_the_way = expired.filter(resend=False, sent_at__isnull=False)
            lost = await on_the_way.update(state=NoticeState.UNCERTAIN, error=UNCERTAIN)
            return lost + await expired.update(state=NoticeState.WAITING, held_until=None)

    return await unit_of_work(take_back)


async def mark_on_the_way(notice: Notice, *, machine_now: datetime) -> None:
    """Remember, before the wire, that a notice that must not come twice may have left."""

    async def mark() -> None:
        async with transaction():
            await Notice.filter(id=notice.id).update(sent_at=machine_now)

    await unit_of_work(mark)


async def freeze(notice: Notice, content: bytes) -> None:
    """Keep a mail's bytes: every further attempt sends the same."""

    async def keep() -> None:
        async with transaction():
            await Notice.filter(id=notice.id).update(frozen=content)

    await unit_of_work(keep)


async def begin(notice: Notice, mark: str) -> None:
    """Remember which parts of a long message have left: no further attempt sends them again."""
    notice.begun = mark  # for `settle`, should the database be away now

    async def keep() -> None:
        async with transaction():
            await Notice.filter(id=notice.id).update(begun=mark)

    await unit_of_work(keep)


async def settle(notice: Notice, outcome: Outcome, *, machine_now: datetime, together: Together) -> None:
    """Write down what became of a leased notice. A card that was changed meanwhile goes out again, whatever became of it."""
    attempts = 0 if outcome.state is NoticeState.SENT else notice.attempts + outcome.failed
    values: dict[str, Any] = {
        "error": UNCERTAIN if notice.error == UNCERTAIN and outcome.state is NoticeState.WAITING else outcome.error,
        "held_until": outcome.held_until,
        "begun": None if outcome.state is NoticeState.SENT else notice.begun,
        "attempts": attempts,
        "sent_at": machine_now if outcome.state in {NoticeState.SENT, NoticeState.UNCERTAIN} else None,
        **outcome.changes,
    }

    async def write() -> None:
        async with transaction():
            settled = {"state": outcome.state, **values}
            if notice.kind is not NoticeKind.CARD:
                await change(Notice, notice.id, settled)
            elif not await change(Notice, notice.id, settled, state=NoticeState.SENDING):
                await change(Notice, notice.id, values)
            if outcome.web_chat is not None:
                await Notice.bulk_create([_in_full(notice, outcome.web_chat, machine_now)], ignore_conflicts=True)

    await together.do(write)


def _in_full(notice: Notice, web_chat: int, machine_now: datetime) -> Notice:
    """The same message for the web chat, which carries everything; once, however often the nudge is sent."""
    return Notice(
        key=f"{notice.key}:web",
        kind=NoticeKind.MESSAGE,
        lane=notice.lane,
        body_id=notice.body_id,
        about=notice.about,
        network=Network.WEBCHAT,
        chat_id=web_chat,
        template=notice.template,
        facts=notice.facts,
        silent=notice.silent,
        resend=notice.resend,
        state=NoticeState.WAITING,
        due_at=notice.due_at,
        created_at=machine_now,
    )


async def waiting_answers(*, domain_now: datetime) -> list[tuple[int, Network, int]]:
    """Answers by chat that are due and that nobody has in hand: ids, networks and chats."""
    waiting = Notice.filter(
        state=NoticeState.WAITING,
        lane=Lane.ANSWER,
        chat_id__isnull=False,
        network__isnull=False,
        due_at__lte=domain_now,
    )
    return [
        (number, Network(network), chat)
        for number, network, chat in await waiting.values_list("id", "network", "chat_id")
    ]


async def told_by_calendar_mail(notice: Notice) -> bool:
    """Whether the same person is told the same by a calendar mail: its key begins with this one's, whenever it left."""
    return await Notice.exists(
        person_id=notice.person_id, key__startswith=f"{notice.key}:mail", kind=NoticeKind.CALENDAR_MAIL
    )


async def block(person: int, network: Network) -> None:
    """The person does not want to hear from us there, until they write again."""

    async def write() -> None:
        async with transaction():
            open_there = Channel.filter(person_id=person, network=network, state=ChannelState.ACTIVE)
            await open_there.update(state=ChannelState.BLOCKED)

    await unit_of_work(write)


async def move_chat(network: Network, old: int, new: int) -> None:
    """A group has become a supergroup with a new id: rewrite it everywhere."""

    async def rewrite() -> None:
        async with transaction():
            if not await GroupChat.exists(network=network, chat_id=new):
                await GroupChat.filter(network=network, chat_id=old).update(chat_id=new)
            cards = Notice.filter(network=network, chat_id=old, kind=NoticeKind.CARD)
            await cards.update(message_id=None)  # the messages stay behind, and their numbers mean others there
            for model in (Notice, Dialogue, InboxUpdate):
                await model.filter(network=network, chat_id=old).update(chat_id=new)

    await unit_of_work(rewrite)
