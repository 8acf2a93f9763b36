"""Updates become rows, then work: in order per chat, chats in parallel.

An update is a row before it is acknowledged; redelivered, it finds its row. Its work is one unit: what changed, the answers,
and the row marked done, are kept together or not at all. What cannot be decoded, fails three times, or is still there after the
process ended three times under it, is parked and visible, and holds nobody up.
"""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import structlog
from telegram import MaybeInaccessibleMessage, Message, Update
from telegram.ext import Application

from bot.actions import carrying, notices
from bot.actions.accounts import joining
from bot.actions.notices import Draft
from bot.rules import facts as typed
from bot.rules.incoming import LARGEST, NotStorable, storable
from bot.rules.refusals import Refusal
from storage.db import execute, transaction, unit_of_work
from storage.models import InboxUpdate, Notice
from storage.rows import change
from storage.together import Together
from storage.vocabulary import Lane, Network, NoticeKind, UpdateState

log = structlog.get_logger(__name__)

AnyApplication = Application[Any, Any, Any, Any, Any, Any]

ATTEMPTS = 3
RETRY_SECONDS = 0.1
AWAY_SECONDS = 1.0
STOP_SECONDS = 2.0
SUSPECT_SECONDS = 5.0
PLACES = 16  # of updates that are worked on side by side; the database takes one after the other anyway
OTHERS_SECONDS = 3.0  # so long a message that a press changes waits while others wait for their first sign
ANSWER_LEASE = timedelta(seconds=60)
UNREADABLE, UNDECODABLE = "unreadable", "undecodable"
KEEP = """
INSERT INTO inbox_update (network, update_id, chat_id, payload, state, attempts, received_at)
VALUES (?, ?, ?, ?, 'waiting', 0, ?) ON CONFLICT (network, update_id) DO NOTHING RETURNING id
"""
KEEP_UNREAD = """
INSERT INTO inbox_update (network, update_id, state, attempts, error, received_at, done_at)
VALUES (?, ?, 'parked', 0, ?, ?, ?) ON CONFLICT (network, update_id) DO NOTHING RETURNING id
"""
KEPT_FIELDS = ("message", "callback_query", "my_chat_member")


class AlreadySettled(Exception):
    """Somebody else has finished this update meanwhile; nothing of this attempt is kept."""


class EndedTheProcess(Exception):
    """No attempt at this update has come to its end, not even to a failure."""


@dataclass
class Turn:
    """One update on its way through a handler: where it came from, when, and what is to be answered."""

    network: Network
    update_id: int
    chat_id: int
    now: datetime
    machine_now: datetime
    thread_id: int | None = None
    callback_id: str | None = None
    user: int | None = None
    speaks: bool = False  # in their own chat, and not merely comes or goes
    language: str | None = None
    speaker: int | None = None
    answers: list[Draft] = field(default_factory=list)

    def answer(self, template: str, facts: typed.Facts, *, kind: NoticeKind, target_id: str | None = None) -> None:
        """Queue an answer into this chat; it leaves with the commit."""
        key = f"answer:{self.network}:{self.update_id}:{len(self.answers)}"
        alone = (
            kind is NoticeKind.TOAST and self.chat_id < 0
        )  # in a group a toast is seen by one person, at their level
        self.answers.append(
            Draft(
                key=key,
                template=template,
                facts=facts,
                due_at=self.now,
                person=self.speaker if alone else None,
                network=self.network,
                chat_id=self.chat_id,
                thread_id=self.thread_id,
                target_id=target_id,
                kind=kind,
                lane=Lane.ANSWER,
            )
        )


turn: ContextVar[Turn] = ContextVar("turn")


class Inbox:
    """The rows that came in and the workers that go through them, one worker per chat."""

    def __init__(
        self,
        *,
        applications: Mapping[Network, AnyApplication],
        hand_over: Callable[[Sequence[Notice], Callable[[], Awaitable[None]]], Awaitable[None]],
        domain_now: Callable[[], datetime],
        machine_now: Callable[[], datetime],
    ) -> None:
        """`hand_over` takes the answers that have just been committed, leased to it, and what says when nobody waits to be heard."""
        self._applications = applications
        self._hand_over = hand_over
        self._domain_now = domain_now
        self._machine_now = machine_now
        self._waiting: dict[tuple[Network, int | None], deque[InboxUpdate]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._together = Together()
        self._left_over: set[int] = set()
        self._places = asyncio.Semaphore(PLACES)
        self._at_work = 0
        self._nobody_waits = asyncio.Event()
        self._nobody_waits.set()
        self._suspects = asyncio.Lock()
        self._began = asyncio.get_running_loop().time()

    async def receive(self, network: Network, payload: Mapping[str, Any]) -> None:
        """Keep an update, then work on it. Returns when it is kept: from then on it may be acknowledged.

        What no database can hold is parked unread.
        """
        try:
            kept = {key: storable(payload[key]) for key in ("update_id", *KEPT_FIELDS) if key in payload}
        except NotStorable:
            await self._keep_unread(network, int(payload["update_id"]))
            return
        update_id, chat_id = int(kept["update_id"]), _chat_of(kept)
        received_at = self._machine_now()

        async def keep() -> list[dict[str, Any]]:
            async with transaction():
                return await execute(KEEP, [network.value, update_id, chat_id, json.dumps(kept), received_at])

        written = await self._together.do(keep)
        if written:
            row = InboxUpdate(
                network=network, update_id=update_id, chat_id=chat_id, payload=kept, received_at=received_at
            )
            row.id, row.attempts = int(written[0]["id"]), 0
            self._enqueue(row)
            return
        known = await InboxUpdate.get(network=network, update_id=update_id)
        if known.state is UpdateState.WAITING:
            self._take_up_again(known)

    async def _keep_unread(self, network: Network, update_id: int) -> None:
        """Park an update without its content; the same one that comes again finds its row."""
        number = update_id if abs(update_id) <= LARGEST else _short(update_id)
        now = self._machine_now()

        async def keep() -> list[dict[str, Any]]:
            async with transaction():
                return await execute(KEEP_UNREAD, [network.value, number, UNREADABLE, now, now])

        if await unit_of_work(keep):
            log.error("update parked, it cannot be kept", network=network, update_id=number)

    async def resume(self, network: Network) -> None:
        """Take up what was kept and not finished before the last stop."""
        for row in await InboxUpdate.filter(state=UpdateState.WAITING, network=network).order_by("id"):
            self._take_up_again(row)

    def _take_up_again(self, row: InboxUpdate) -> None:
        if not self._known(row):
            self._left_over.add(row.id)
            self._enqueue(row)

    @property
    def busy(self) -> bool:
        """Whether something is waiting or under way."""
        return bool(self._workers)

    async def drain(self) -> None:
        """Wait until nothing is waiting or under way."""
        while self._workers:
            await asyncio.wait(set(self._workers))

    async def stop(self) -> None:
        """Give what is under way a few seconds; what has not begun, or is not done by then, stays a row."""
        for queue in self._waiting.values():
            queue.clear()
        if self._workers:
            _, late = await asyncio.wait(set(self._workers), timeout=STOP_SECONDS)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _known(self, row: InboxUpdate) -> bool:
        return any(other.id == row.id for other in self._waiting.get((row.network, row.chat_id), ()))

    def _enqueue(self, row: InboxUpdate) -> None:
        chat = (row.network, row.chat_id)
        queue = self._waiting.get(chat)
        if queue is not None:
            queue.append(row)
            return
        self._waiting[chat] = deque([row])
        worker = asyncio.create_task(self._work(chat))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, chat: tuple[Network, int | None]) -> None:
        """Go through a chat's updates, the eldest first; it stays in the queue while it is worked on."""
        queue = self._waiting[chat]
        try:
            while queue:
                try:
                    await self._settle(queue[0])
                except AlreadySettled:
                    log.info("update settled elsewhere")
                except Exception:  # the database may be away for a while; the row is still there
                    log.exception(
                        "update cannot be settled, again later", update_id=queue[0].update_id if queue else None
                    )
                    await asyncio.sleep(AWAY_SECONDS)
                    continue
                if queue:
                    queue.popleft()
        finally:
            del self._waiting[chat]

    async def _settle(self, row: InboxUpdate) -> None:
        """Work on it until it is done or parked.

        One that was left over may be why the process ended: its attempt is a row before it begins, and those that did not
        get through the last start either are worked on one at a time, when the process has lived for a while: so none is
        blamed for another, or for a machine that keeps going down.
        """
        if row.id in self._left_over:
            answers = await self._suspected(row)
            self._left_over.discard(row.id)
        else:
            answers = await self._work_on(row)
        await self._hand_over(answers, self._others_begun)

    async def _suspected(self, row: InboxUpdate) -> list[Notice]:
        if 0 < row.attempts < ATTEMPTS - 1:
            await asyncio.sleep(self._began + SUSPECT_SECONDS - asyncio.get_running_loop().time())
        async with self._suspects if row.attempts else contextlib.nullcontext():
            if row.attempts + 1 >= ATTEMPTS:
                return await self._give_up(row, self._chat_turn(row), EndedTheProcess())
            await self._together.do(lambda: _count(row.id, row.attempts + 1))
            return await self._work_on(row)

    async def _work_on(self, row: InboxUpdate) -> list[Notice]:
        """Handle it, or park it after three failures; gives the answers."""
        application = self._applications[row.network]
        try:
            update = Update.de_json(dict(row.payload or {}), application.bot)
            started = self._turn(row, update)
        except Exception as error:  # noqa: BLE001  # it is logged with its code
            started = self._chat_turn(row)
            return await self._give_up(row, started, error, called=UNDECODABLE, tell=started.chat_id > 0)
        while True:
            try:
                async with self._working():
                    return await self._attempt(row, application, update, started)
            except AlreadySettled:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a handler raises must not hold its chat up
                await self._count_failure(row, error)
                if row.attempts >= ATTEMPTS:
                    return await self._give_up(row, started, error)

    async def _others_begun(self) -> None:
        """Wait, but not for long, until nobody's update waits for its place: one that hangs in its own place holds nobody up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nobody_waits.wait(), OTHERS_SECONDS)

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """A place to work on an update: the first has its answer before the last is begun."""
        self._count_at_work(+1)
        try:
            async with self._places:
                yield
        finally:
            self._count_at_work(-1)

    def _count_at_work(self, more: int) -> None:
        self._at_work += more
        if self._at_work > PLACES:
            self._nobody_waits.clear()
        else:
            self._nobody_waits.set()

    async def _attempt(
        self, row: InboxUpdate, application: AnyApplication, update: Update, started: Turn
    ) -> list[Notice]:
        attempt = replace(started, now=self._domain_now(), answers=[])
        try:
            return await unit_of_work(lambda: self._handle(row, application, update, attempt))
        except Refusal as refusal:
            answer = refusal
        return await self._refuse(row, started, answer)

    def _chat_turn(self, row: InboxUpdate) -> Turn:
        return Turn(
            network=row.network,
            update_id=row.update_id,
            chat_id=row.chat_id if row.chat_id is not None else 0,
            now=self._domain_now(),
            machine_now=self._machine_now(),
            callback_id=_press_of(row.payload or {}),
        )

    def _turn(self, row: InboxUpdate, update: Update) -> Turn:
        message = update.effective_message
        user = update.effective_user
        return replace(
            self._chat_turn(row),
            thread_id=_topic_of(message),
            user=user.id if user else None,
            speaks=user is not None and row.chat_id == user.id and update.my_chat_member is None,
            language=user.language_code if user else None,
        )

    async def _handle(
        self, row: InboxUpdate, application: AnyApplication, update: Update, started: Turn
    ) -> list[Notice]:
        turn.set(started)
        await application.process_update(update)
        await _check_carried(started)
        return await self._done(row, started)

    async def _refuse(self, row: InboxUpdate, started: Turn, refusal: Refusal) -> list[Notice]:
        async def refuse() -> list[Notice]:
            answered = _refused(started, refusal)
            try:
                await _check_carried(answered)
            except Refusal as stricter:
                answered = _refused(started, stricter)
            return await self._done(row, answered)

        return await unit_of_work(refuse)

    async def _count_failure(self, row: InboxUpdate, error: Exception) -> None:
        """Count it, and wait for a moment. Raises what the database raises while it is away: that is no failure of the update's."""
        attempts = min(row.attempts + 1, ATTEMPTS)
        await unit_of_work(lambda: _count(row.id, attempts))
        row.attempts = attempts
        if attempts < ATTEMPTS:
            log.warning(
                "update failed, again", network=row.network, update_id=row.update_id, error=type(error).__name__
            )
            await asyncio.sleep(RETRY_SECONDS)

    async def _give_up(
        self, row: InboxUpdate, started: Turn, error: Exception, *, called: str | None = None, tell: bool = True
    ) -> list[Notice]:
        """Park it; gives what tells the person, with a code. `called` is what it is parked for, else the error's name."""
        code = secrets.token_hex(3).upper()
        what = f"{called or type(error).__name__} {code}"

        async def apologise() -> list[Notice]:
            answered = replace(started, answers=[])
            if tell:
                answered.answer("general/trouble", {"code": typed.Plain(code)}, kind=NoticeKind.MESSAGE)
            return await self._done(row, answered, state=UpdateState.PARKED, error=what)

        answers: list[Notice] = []
        try:
            answers = await unit_of_work(apologise)
        except AlreadySettled:
            raise
        except Exception:  # the chat goes on, even if its person cannot be told
            log.exception("apology cannot be written", network=row.network, update_id=row.update_id, code=code)
            await self._park(row, what)
        log.error("update parked", network=row.network, update_id=row.update_id, code=code, exc_info=error)
        return answers

    async def _park(self, row: InboxUpdate, error: str) -> None:
        async def park() -> None:
            async with transaction():
                await InboxUpdate.filter(id=row.id).update(
                    state=UpdateState.PARKED, attempts=row.attempts, error=error, done_at=self._machine_now()
                )

        await unit_of_work(park)

    async def _done(
        self, row: InboxUpdate, answered: Turn, *, state: UpdateState = UpdateState.DONE, error: str | None = None
    ) -> list[Notice]:
        """Write the answers, already leased to the sender, and mark the row; a press is always answered."""
        if answered.callback_id and not any(draft.kind is NoticeKind.TOAST for draft in answered.answers):
            answered.answer("", {}, kind=NoticeKind.TOAST, target_id=answered.callback_id)
            answered.answers.insert(0, answered.answers.pop())  # the button stops waiting first
        machine_now = self._machine_now()
        async with transaction():
            erased = {"payload": None} if state is UpdateState.DONE else {}
            settled = {"state": state, "attempts": row.attempts, "error": error, "done_at": machine_now, **erased}
            if not await change(InboxUpdate, row.id, settled, state=UpdateState.WAITING):
                raise AlreadySettled
            if answered.speaks:
                await joining.heard_from(network=answered.network, address=str(answered.user))
            return await notices.lease(answered.answers, now=machine_now, until=machine_now + ANSWER_LEASE)


def _refused(started: Turn, refusal: Refusal) -> Turn:
    """The turn with nothing but the refusal's answer: a toast for a press."""
    answered = replace(started, answers=[])
    kind = NoticeKind.TOAST if answered.callback_id else NoticeKind.MESSAGE
    spoken = {"language": started.language} if started.speaks else {}  # a stranger is answered in their own
    answered.answer(refusal.template, {**spoken, **refusal.facts}, kind=kind, target_id=answered.callback_id)
    return answered


async def _check_carried(answered: Turn) -> None:
    """What cannot be answered on Telegram is not done either. Raises NotOverTelegram, HintsOnly."""
    if answered.network is Network.TELEGRAM:
        await carrying.check(answered.answers, user=answered.user, now=answered.now)


async def _count(row: int, attempts: int) -> None:
    async with transaction():
        await InboxUpdate.filter(id=row, state=UpdateState.WAITING).update(attempts=attempts)


def _chat_of(payload: Mapping[str, Any]) -> int | None:
    """The chat that an update belongs to, for the order; None when it has none that we can read."""
    pressed = payload.get("callback_query")
    said = pressed.get("message") if isinstance(pressed, Mapping) else None
    for message in (*(payload.get(key) for key in ("message", "my_chat_member")), said):
        chat = message.get("chat") if isinstance(message, Mapping) else None
        if isinstance(chat, Mapping) and isinstance(chat.get("id"), int):
            return int(chat["id"])
    return None


def _press_of(payload: Mapping[str, Any]) -> str | None:
    """The id of the press that an update tells of, by which it is answered."""
    pressed = payload.get("callback_query")
    found = pressed.get("id") if isinstance(pressed, Mapping) else None
    return found if isinstance(found, str) else None


def _topic_of(message: MaybeInaccessibleMessage | None) -> int | None:
    """The topic of a forum that a message stands in. In other supergroups replies have a thread, and nothing can be sent there."""
    return message.message_thread_id if isinstance(message, Message) and message.is_topic_message else None


def _short(update_id: int) -> int:
    """A number that a column holds, always the same for an id that is too long; negative, as Telegram's never are."""
    return -int.from_bytes(sha256(str(update_id).encode()).digest()[:7])
