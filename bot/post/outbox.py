"""The rows of the outbox: claimed with a lease, settled once they have left or cannot. No network here.

Within a lane the notices of one chat, or of one person, leave one after the other: only the eldest that is not settled can be
claimed. So nothing overtakes what is held back, whichever process sends it. Cards and toasts stand outside of that order: the
ones show a state, the others are of the moment, and neither tells a story.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from tortoise.queryset import QuerySet

from bot.actions import notices
from bot.actions.accounts import groups
from bot.rules import keys
from storage.db import execute, is_postgres, transaction, unit_of_work
from storage.models import InboxUpdate, Notice
from storage.rows import change
from storage.together import Together
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState

LEASE = timedelta(seconds=60)
HOLD = timedelta(hours=1)  # for a network that is away; it is let go when the network is back, or to try whether it is
UNCERTAIN = "uncertain"
AWAY = "away"
SERVER = "server"
MAIL_SERVER = "mail server"
MOST_COUNTED = 1000


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A kind of work that does not wait for the others: chat and mail, answers and mailings. `places` bounds what is under way."""

    lane: Lane
    mail: bool
    places: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of a notice: its state, why, and further columns. Back in the outbox it waits until `held_until`.

    `web_chat` is where the message is to be read in full, when what has left of it is only a nudge. `waits_for` names the
    network that is away.
    """

    state: NoticeState
    error: str | None = None
    held_until: datetime | None = None
    failed: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    web_chat: int | None = None
    waits_for: Network | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more is tried."""
        return self.state is not NoticeState.WAITING


_DUE = """
SELECT n.id FROM notice n
WHERE n.state = 'waiting' AND n.lane = ? AND n.due_at <= ? AND (n.held_until IS NULL OR n.held_until <= ?)
  AND (n.kind IN ('mail', 'calendar_mail')) = ?
  AND (n.kind IN ('card', 'toast') OR NOT (
    EXISTS (
      SELECT 1 FROM notice e
      WHERE e.person_id = n.person_id AND e.state IN ('waiting', 'sending') AND e.due_at <= n.due_at
        AND (e.due_at < n.due_at OR e.id < n.id) AND e.lane = n.lane AND e.kind NOT IN ('card', 'toast')
        AND (e.kind IN ('mail', 'calendar_mail')) = (n.kind IN ('mail', 'calendar_mail'))
    ) OR EXISTS (
      SELECT 1 FROM notice e
      WHERE e.chat_id = n.chat_id AND e.state IN ('waiting', 'sending') AND e.due_at <= n.due_at
        AND (e.due_at < n.due_at OR e.id < n.id) AND e.lane = n.lane AND e.kind NOT IN ('card', 'toast') AND e.network = n.network
    )
  ))
ORDER BY n.due_at, n.id LIMIT ?
"""


_LONGEST_HELD = """
SELECT id FROM notice
WHERE state = 'waiting' AND held_until IS NOT NULL AND error = ? AND network = ? AND kind NOT IN ('mail', 'calendar_mail')
ORDER BY held_until, id LIMIT 1
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


async def leaves(notice: Notice, *, machine_now: datetime, together: Together) -> bool:
    """Say, at the last moment before the wire, that it leaves; False when it was taken back meanwhile.

    From then on it cannot be taken back, and is not sent again after a crash when it must not come twice.
    """

    async def mark() -> bool:
        async with transaction():
            return await change(Notice, notice.id, {"sent_at": machine_now}, state=NoticeState.SENDING)

    left: bool = await (unit_of_work(mark) if is_postgres() else together.do(mark))  # see `settle`
    return left


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
    """Write down what became of a leased notice.

    A card that was changed meanwhile goes out again, whatever became of it; one that was taken away is erased where it came.
    """
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
            elif not (
                await change(Notice, notice.id, settled, state=NoticeState.SENDING)
                or await change(Notice, notice.id, values)
            ):
                await _erase(notice, outcome, machine_now)
            if outcome.web_chat is not None:
                await Notice.bulk_create([_in_full(notice, outcome.web_chat, machine_now)], ignore_conflicts=True)

    if is_postgres() and outcome.state is not NoticeState.SENT:
        await unit_of_work(
            write
        )  # an action may be taking rows back: two who lock several in different order wait for ever
    else:
        await together.do(write)


async def _erase(card: Notice, outcome: Outcome, machine_now: datetime) -> None:
    """Take out of the chat again what a card has become whose row is gone."""
    came = outcome.changes
    if came.get("message_id") is not None:
        erasing = notices.erasing(came["network"], came["chat_id"], came["message_id"], due_at=card.due_at)
        await notices.queue([erasing], now=machine_now)


def _in_full(notice: Notice, web_chat: int, machine_now: datetime) -> Notice:
    """The same message for the web chat, which carries everything; once, however often the nudge is sent."""
    return Notice(
        key=keys.in_full(notice.key),
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


# --- what waits for a network that is away -----------------------------------------------------------------------------


def _held(network: Network | None = None) -> QuerySet[Notice]:
    held = Notice.filter(state=NoticeState.WAITING, held_until__isnull=False, error__in=(AWAY, UNCERTAIN))
    by_chat = held.exclude(kind__in=(NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL))
    return by_chat if network is None else by_chat.filter(network=network)


async def is_held(network: Network) -> bool:
    """Whether anything waits for a network that is away."""
    return await _held(network).exists()


async def let_one_go(network: Network, *, perhaps_arrived: bool) -> bool:
    """Let go of one notice that waits for the network, the longest held first; False when there is none.

    It is one that cannot have arrived yet, or, where that is what is wanted, one that has perhaps arrived.
    """
    found = await execute(_LONGEST_HELD, [UNCERTAIN if perhaps_arrived else AWAY, network.value])
    if not found:
        return False

    async def let_go() -> None:
        async with transaction():
            await Notice.filter(id=found[0]["id"], state=NoticeState.WAITING).update(held_until=None)

    await unit_of_work(let_go)
    return True


async def let_go(network: Network) -> None:
    """Let go of all that waits for a network."""
    if not await is_held(network):
        return

    async def write() -> None:
        async with transaction():
            await _held(network).update(held_until=None)

    await unit_of_work(write)


async def pull_forward(network: Network, chat_id: int) -> None:
    """Let go of the answers of a chat that failed before, for somebody is there. What was throttled keeps its pause."""
    failed = Notice.filter(
        state=NoticeState.WAITING,
        lane=Lane.ANSWER,
        network=network,
        chat_id=chat_id,
        held_until__isnull=False,
        error__in=(AWAY, SERVER),
    )

    async def write() -> None:
        async with transaction():
            await failed.update(held_until=None)

    if await failed.exists():
        await unit_of_work(write)


# --- what else is asked and noted ----------------------------------------------------------------------------------------


async def waiting_answers(*, domain_now: datetime) -> list[tuple[int, Network, int]]:
    """Answers by chat that are due and that nobody has in hand: ids, networks and chats."""
    waiting = Notice.filter(
        state=NoticeState.WAITING,
        lane=Lane.ANSWER,
        chat_id__isnull=False,
        network__isnull=False,
        due_at__lte=domain_now,
    ).exclude(kind=NoticeKind.TOAST)
    return [
        (number, Network(network), chat)
        for number, network, chat in await waiting.values_list("id", "network", "chat_id")
    ]


async def left_lying(*, due_by: datetime, free_by: datetime) -> int:
    """How many notices nobody takes up that were due by then, by the domain's clock, and not held back, by the machine's.

    Of each chat and person the eldest counts; the others wait for it.
    """
    desks = product(Lane, (False, True))
    found = [await execute(_DUE, [lane.value, due_by, free_by, mail, MOST_COUNTED]) for lane, mail in desks]
    return sum(map(len, found))


async def waiting_for_networks(*, due_by: datetime) -> int:
    """How many that were due by then wait for a network or the mail server. What one recipient's server puts off is none of them."""
    mails = Notice.filter(state=NoticeState.WAITING, error=MAIL_SERVER)
    return await _held().filter(due_at__lte=due_by).count() + await mails.filter(due_at__lte=due_by).count()


async def told_by_calendar_mail(notice: Notice) -> bool:
    """Whether the same person is told the same by a calendar mail: its key begins with this one's, whenever it left."""
    return await Notice.exists(
        person_id=notice.person_id, key__startswith=keys.by_mail(notice.key), kind=NoticeKind.CALENDAR_MAIL
    )


async def move_chat(network: Network, old: int, new: int) -> None:
    """A group has become a supergroup with a new id: rewrite it everywhere."""

    async def rewrite() -> None:
        async with transaction():
            await groups.renumber(network, old, new)
            cards = Notice.filter(network=network, chat_id=old, kind=NoticeKind.CARD)
            await cards.update(message_id=None)  # the messages stay behind, and their numbers mean others there
            for model in (Notice, InboxUpdate):
                await model.filter(network=network, chat_id=old).update(chat_id=new)

    await unit_of_work(rewrite)
