"""Small writes that share a commit."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import pytest

from storage.db import execute, transaction
from storage.models import Remembered
from storage.together import Together
from tests.conftest import Counted

pytestmark = pytest.mark.usefixtures("store")

Statements = Callable[[], AbstractContextManager[Counted]]


def remember(key: str) -> Callable[[], Awaitable[str]]:
    async def write() -> str:
        async with transaction():
            await execute("INSERT INTO remembered (key, value) VALUES (?, '1')", [key])
        return key

    return write


async def kept() -> list[str]:
    return [row.key for row in await Remembered.all().order_by("key")]


async def test_first_begins_at_once_and_what_comes_meanwhile_shares_the_next_commit(statements: Statements) -> None:
    together = Together()

    with statements() as counted:
        given = await asyncio.gather(*(together.do(remember(f"k{number}")) for number in range(5)))

    assert (given, await kept()) == ([f"k{number}" for number in range(5)],) * 2
    assert counted.commits == 1  # all five came before the first had begun


async def test_later_ones_do_not_wait_for_ever(statements: Statements) -> None:
    together = Together()

    with statements() as counted:
        await together.do(remember("a"))
        await together.do(remember("b"))

    assert (await kept(), counted.commits) == (["a", "b"], 2)


async def test_callers_continue_in_the_order_in_which_they_came() -> None:
    together, order = Together(), list[int]()

    async def come(number: int) -> None:
        await together.do(remember(f"{number:02}"))
        order.append(number)

    await asyncio.gather(*(come(number) for number in range(40)))

    assert order == list(range(40))


async def test_nobody_fails_for_somebody_else() -> None:
    together = Together()

    async def fail() -> None:
        async with transaction():
            await execute("INSERT INTO remembered (key, value) VALUES (?, '1')", ["half"])
        raise LookupError

    told = await asyncio.gather(
        together.do(remember("a")), together.do(fail), together.do(remember("b")), return_exceptions=True
    )

    assert [type(one) if isinstance(one, Exception) else one for one in told] == ["a", LookupError, "b"]
    assert await kept() == ["a", "b"]


async def test_caller_who_gives_up_takes_nobody_along() -> None:
    together = Together()
    leaving = asyncio.create_task(together.do(remember("a")))
    staying = asyncio.create_task(together.do(remember("b")))
    await asyncio.sleep(0)

    leaving.cancel()

    assert await staying == "b"
    assert leaving.cancelled()
    assert await kept() == ["a", "b"]
