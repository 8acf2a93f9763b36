"""Small writes that come at the same moment share one transaction, and with it one wait for the disk."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.db import unit_of_work

Work = Callable[[], Awaitable[Any]]


@dataclass
class Together:
    """Takes pieces of work that write a row or two. The first begins at once; what comes while it is being committed is the next.

    When a transaction fails, each of its pieces is tried alone: nobody fails for somebody else's row.
    """

    _waiting: list[tuple[Work, asyncio.Future[Any]]] = field(default_factory=list)
    _running: asyncio.Task[None] | None = None

    async def do(self, work: Work) -> Any:  # noqa: ANN401  # whatever `work` gives
        """Return what `work` gives, once it has been committed; callers continue in the order in which they came.

        Raises what `work` raises, and WorkTookTooLong.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                if len(batch) == 1 or not await self._at_once(batch):
                    await self._one_by_one(batch)
        finally:
            self._running = None

    async def _at_once(self, batch: Sequence[tuple[Work, asyncio.Future[Any]]]) -> bool:
        async def all_of_them() -> list[Any]:
            return [await work() for work, _ in batch]

        try:
            given = await unit_of_work(all_of_them)
        except Exception:  # noqa: BLE001  # whatever it was, each is told of its own
            return False
        for (_, done), value in zip(batch, given, strict=True):
            if not done.done():  # the caller may have gone
                done.set_result(value)
        return True

    async def _one_by_one(self, batch: Sequence[tuple[Work, asyncio.Future[Any]]]) -> None:
        for work, done in batch:
            try:
                value = await unit_of_work(work)
            except Exception as error:  # noqa: BLE001  # the caller's
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(value)
