"""How updates reach a bot in the same process: they are handed over, in order per chat."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from bot.webchat import updates
from bot.webchat.objects import Json
from bot.webchat.server import BotServer

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Delivery:
    """Gives the server's updates to `take`, and forgets each only when that returns.

    Whoever wrote an update has their answer as soon as its row is committed; a task of its own hands it over. So a crash loses
    no update, but may hand one over twice: the receiver knows it by its `update_id`. Call `hand_over` at the start, for what the
    last run left, `catch_up` now and then, for what could not be handed over at once, and `stop` at the end.
    """

    server: BotServer
    take: Callable[[Json], Awaitable[None]]
    _handing_over: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _behind: bool = field(init=False, default=False)
    _at_work: asyncio.Task[None] | None = field(init=False, default=None)
    _stopped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """From now on what the server commits is handed over at once."""
        self.server.on_queued = self._begin

    def _begin(self) -> None:
        self._behind = True
        if self._at_work is None and not self._stopped:
            self._at_work = asyncio.create_task(self._hand_over_all())

    async def _hand_over_all(self) -> None:
        """Hand over what is there and what comes meanwhile; what cannot be waits for `catch_up`."""
        try:
            while self._behind:
                await self.hand_over()
        except Exception:  # the database may be away or full; the rows wait
            log.exception("updates wait to be handed over", network=self.server.network)
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
        self._stopped = True
        if (at_work := self._at_work) is not None:
            at_work.cancel()
            await asyncio.wait([at_work])
            self._at_work = None

    async def catch_up(self) -> None:
        """Hand over what could not be handed over when it was written."""
        if self._behind:
            await self.hand_over()

    async def hand_over(self) -> None:
        """Give the updates that wait to `take`: those of a chat in their order, chats side by side.

        Raises what `take` raises, once the other chats have had theirs.
        """
        async with self._handing_over:
            self._behind = False
            try:
                while not self._stopped and (
                    waiting := await updates.waiting_updates(self.server, updates.MOST_UPDATES)
                ):
                    await self._give(waiting)
            except BaseException:
                self._behind = True
                raise

    async def _give(self, waiting: list[Json]) -> None:
        taken: list[int] = []

        async def give(chat: list[Json]) -> None:
            for update in chat:
                await self.take(update)
                taken.append(update["update_id"])

        ended = await asyncio.gather(*map(give, updates.by_chat(waiting)), return_exceptions=True)
        await updates.delivered(self.server, taken)
        for failure in ended:
            if failure is not None:
                raise failure
