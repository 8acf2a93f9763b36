"""Numbers that count up within a body: the 82nd meeting, commitment C5."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from bot.rules.refusals import ChangedMeanwhile
from storage import queries
from storage.db import savepoint

T = TypeVar("T")
ATTEMPTS = 8


async def following(rows: QuerySet[Any], create: Callable[[int], Awaitable[T]], *, after: int = 0) -> T:
    """Create a row with the number after the highest of `rows`, or `after`; who was quicker costs another attempt.

    A unique constraint has to hold the number. Raises ChangedMeanwhile.
    """
    for _ in range(ATTEMPTS):
        highest = await queries.column(rows.exclude(number=None).order_by("-number").limit(1), "number")
        number = max([after, *highest]) + 1
        try:
            async with savepoint():
                return await create(number)
        except IntegrityError:
            continue
    raise ChangedMeanwhile
