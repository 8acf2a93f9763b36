"""The Bot API server itself: what it knows, its unit of work, and the updates that come of it.

What the bot can call stands in `methods`, what people can do in `people`, what they can read in `reading`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.feed import Feed, Polls
from bot.webchat.objects import Identity, Json
from storage import db
from storage.models.webchat import WebchatUpdate
from storage.vocabulary import Network

T = TypeVar("T")

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
    `first_contact` says whether a person must write before the bot may. `faults` sees every call first and may
    spoil it.
    """

    own_hosts: frozenset[str] = frozenset()
    first_contact: bool = True
    faults: Callable[[Call], Fault | None] | None = None


@dataclass(eq=False)
class BotServer:
    """A Bot API server for one bot on one network.

    `clock` gives the machine's time, aware; `town_clock` what people take for the time, where that is another: in a trial,
    whose messages carry it. Leases and the life of a press follow the machine's. An update is a row, committed together
    with what it tells of; `on_queued` hears of it then. Without a `Delivery` the rows wait for getUpdates or the webhook.
    """

    network: Network
    token: str
    clock: Callable[[], datetime]
    options: Options = Options()
    username: str = "FadenBot"
    first_name: str = "Faden"
    privacy: bool = True
    town_clock: Callable[[], datetime] | None = None

    topics: dict[int, set[int]] = field(init=False, default_factory=dict)  # by forum; only tests have any
    bot: Identity = field(init=False)
    feed: Feed = field(init=False, default_factory=Feed)
    polls: Polls = field(init=False, default_factory=Polls)
    on_queued: Callable[[], None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """The bot's id is the part of its token before the colon, as with Telegram."""
        self.bot = Identity(int(self.token.split(":")[0]), self.username, self.first_name, self.privacy)

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
        self.feed.update_queued()
        if self.on_queued is not None:
            self.on_queued()

    def touched(self, chat_id: int) -> None:
        """Wake the chat, once the change is committed."""
        db.when_kept(partial(self.feed.wake, chat_id))
