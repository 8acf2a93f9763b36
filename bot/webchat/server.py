"""The Bot API server itself: what it knows, its unit of work, and the updates that come of it.

What the bot can call stands in `methods`, what people can do in `people`, what they can read in `reading`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

import structlog

from bot.webchat import updates
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.feed import Feed
from bot.webchat.objects import Identity, Json
from bot.webchat.rates import Limits, Pace
from storage import db
from storage.models.webchat import WebchatUpdate
from storage.vocabulary import Network

T = TypeVar("T")

log = structlog.get_logger(__name__)

DEFAULT_UPDATES = frozenset({"message", "edited_message", "callback_query", "my_chat_member"})


@dataclass(frozen=True)
class Fault:
    """What a test does to a call instead of answering it, or, cut after it has taken effect, besides."""

    error: ApiError | None = None
    cut: Literal["before", "after"] | None = None


@dataclass(frozen=True)
class Options:
    """How the server behaves; the defaults are Telegram's.

    `own_hosts` ("127.0.0.1:8080", "localhost:8080") are let through in links of the web chat, and only there.
    `first_contact` says whether a person must write before the bot may. `limits` enforces Telegram's rates.
    `faults` sees every call first and may spoil it.
    """

    own_hosts: frozenset[str] = frozenset()
    first_contact: bool = True
    limits: Limits | None = None
    faults: Callable[[Call], Fault | None] | None = None


@dataclass(eq=False)
class BotServer:
    """A Bot API server for one bot on one network.

    `clock` gives the machine's time, aware; `town_clock` what people take for the time, where that is another: in a trial,
    whose messages carry it. Leases, pace and the life of a press follow the machine's. An update is a row, committed together with what it tells of, and whoever wrote it has their
    answer then; a task of its own gives it to `on_update`, and only when that returns is the row forgotten. So a crash loses no
    update, but may hand one over twice: the receiver knows it by its `update_id`. Call `hand_over` at the start, for what the
    last run left, `catch_up` now and then, for what could not be handed over at once, and `stop` at the end. Without `on_update`
    the rows wait for getUpdates or the webhook.
    """

    network: Network
    token: str
    clock: Callable[[], datetime]
    on_update: Callable[[Json], Awaitable[None]] | None = None
    options: Options = Options()
    username: str = "FadenBot"
    first_name: str = "Faden"
    privacy: bool = True
    town_clock: Callable[[], datetime] | None = None

    topics: dict[int, set[int]] = field(init=False, default_factory=dict)  # by forum; only tests have any
    bot: Identity = field(init=False)
    feed: Feed = field(init=False, default_factory=Feed)
    polls: updates.Polls = field(init=False, default_factory=updates.Polls)
    pace: Pace | None = field(init=False)
    _handing_over: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _behind: bool = field(init=False, default=False)
    _at_work: asyncio.Task[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """The bot's id is the part of its token before the colon, as with Telegram."""
        self.bot = Identity(int(self.token.split(":")[0]), self.username, self.first_name, self.privacy)
        self.pace = Pace(self.options.limits) if self.options.limits else None

    def dated(self) -> datetime:
        """The time that a message carries."""
        return (self.town_clock or self.clock)()

    @property
    def own_hosts(self) -> frozenset[str]:
        """Hosts of our own that links may name: in the web chat only."""
        return self.options.own_hosts if self.network is Network.WEBCHAT else frozenset()

    async def unit(self, work: Callable[[int], Awaitable[T]]) -> T:
        """Run `work(change)` in a unit of work of its own; `change` is the number of what it changes."""

        async def in_transaction() -> T:
            async with db.transaction():
                return await work(await self._next_change())

        return await db.unit_of_work(in_transaction)

    async def _next_change(self) -> int:
        rows = await db.execute(
            "INSERT INTO webchat_server (network, change) VALUES (?, 1) "
            "ON CONFLICT (network) DO UPDATE SET change = webchat_server.change + 1 RETURNING change",
            [self.network.value],
        )
        return int(rows[0]["change"])

    async def emit(self, kind: str, body: Json) -> None:
        """Make an update, in the transaction under way, unless the bot did not ask for its kind."""
        rows = await db.execute(
            "UPDATE webchat_server SET update_id = update_id + 1 WHERE network = ? RETURNING update_id, allowed_updates",
            [self.network.value],
        )
        allowed = rows[0]["allowed_updates"]
        if kind not in (DEFAULT_UPDATES if allowed is None else allowed.split(",")):
            return
        update: Json = {"update_id": int(rows[0]["update_id"]), kind: body}
        await WebchatUpdate.create(
            network=self.network, update_id=update["update_id"], payload=update, queued_at=self.clock()
        )
        db.when_kept(self._queued)

    def _queued(self) -> None:
        self._behind = True
        self.feed.update_queued()
        if self.on_update is not None and self._at_work is None:
            self._at_work = asyncio.create_task(self._hand_over_all())

    async def _hand_over_all(self) -> None:
        """Hand over what is there and what comes meanwhile; what cannot be waits for `catch_up`."""
        try:
            while self._behind:
                await self.hand_over()
        except Exception:  # the database may be away or full; the rows wait
            log.exception("updates wait to be handed over", network=self.network)
        finally:
            self._at_work = None

    @property
    def busy(self) -> bool:
        """Whether updates are being handed over."""
        return self._at_work is not None

    async def drain(self) -> None:
        """Wait until what was written has been handed over, or could not be."""
        while (at_work := self._at_work) is not None:
            await asyncio.wait([at_work])

    async def stop(self) -> None:
        """Hand nothing over any more; what is left stays rows."""
        self.on_update = None
        if (at_work := self._at_work) is not None:
            at_work.cancel()
            await asyncio.wait([at_work])
            self._at_work = None

    async def catch_up(self) -> None:
        """Hand over what could not be handed over when it was written."""
        if self._behind:
            await self.hand_over()

    async def hand_over(self) -> None:
        """Give the updates that wait to `on_update`: those of a chat in their order, chats side by side.

        Raises what `on_update` raises, once the other chats have had theirs.
        """
        if self.on_update is None:
            return
        async with self._handing_over:
            self._behind = False
            try:
                while waiting := await updates.waiting_updates(self, updates.MOST_UPDATES):
                    await self._give(waiting, self.on_update)
            except BaseException:
                self._behind = True
                raise

    async def _give(self, waiting: list[Json], take: Callable[[Json], Awaitable[None]]) -> None:
        taken: list[int] = []

        async def give(chat: list[Json]) -> None:
            for update in chat:
                await take(update)
                taken.append(update["update_id"])

        ended = await asyncio.gather(*map(give, updates.by_chat(waiting)), return_exceptions=True)
        await updates.delivered(self, taken)
        for failure in ended:
            if failure is not None:
                raise failure

    def touched(self, chat_id: int) -> None:
        """Wake the chat, once the change is committed."""
        db.when_kept(partial(self.feed.wake, chat_id))
