"""How a transaction begins and ends on SQLite's one connection."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tortoise.exceptions import OperationalError

from storage import db
from storage.models import Area
from storage.sqlite import Connection

pytestmark = [pytest.mark.usefixtures("store"), pytest.mark.only_on("sqlite")]


async def add(key: str) -> None:
    async with db.transaction():
        await Area.create(key=key, name=f"Sozialraum {key}")


async def keys() -> list[str]:
    return sorted(await Area.all().values_list("key", flat=True))  # type: ignore[arg-type]  # Tortoise types rows as Any


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each turn of the thread of SQLite's connection."""
    taken: list[int] = []
    before = Connection._execute  # noqa: SLF001  # what each of them goes through

    async def counted(self: Connection, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's signature
        taken.append(1)
        return await before(self, *args, **kwargs)

    monkeypatch.setattr(Connection, "_execute", counted)
    return taken


async def test_transaction_begins_with_its_first_statement(turns: list[int]) -> None:
    async def work() -> None:
        async with db.transaction():
            await db.execute("INSERT INTO area (key, name) VALUES ('nord', 'Nord')")
            await db.execute("INSERT INTO area (key, name) VALUES ('süd', 'Süd')")

    await db.unit_of_work(work)

    assert len(turns) == 3
    assert await keys() == ["nord", "süd"]


@pytest.mark.parametrize("error", [None, LookupError])
async def test_transaction_without_a_statement_costs_nothing(turns: list[int], error: type[Exception] | None) -> None:
    async def work() -> None:
        async with db.transaction():
            if error is not None:
                raise error

    with pytest.raises(error) if error else contextlib.nullcontext():
        await db.unit_of_work(work)

    assert turns == []


@pytest.mark.parametrize("part", [db.transaction, db.savepoint])
async def test_transaction_that_cannot_begin_keeps_nothing_and_can_be_tried_again(
    store: str, part: Callable[[], AbstractAsyncContextManager[None]]
) -> None:
    path = db.sqlite_path(store)
    assert path is not None
    await db.execute("PRAGMA busy_timeout = 0")
    failed = 0

    async def work() -> None:
        nonlocal failed
        async with db.transaction():
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(OperationalError, match="locked"):
                    async with part():
                        await db.execute("INSERT INTO area (key, name) VALUES ('nord', 'Nord')")
                failed += 1
            await db.execute("INSERT INTO area (key, name) VALUES ('süd', 'Süd')")

    await db.unit_of_work(work)

    assert failed == 1
    assert await keys() == ["süd"]


async def test_first_statement_whose_task_is_cancelled_leaves_no_transaction_behind() -> None:
    async def work() -> None:
        async with db.transaction():
            writing = asyncio.create_task(db.execute("INSERT INTO area (key, name) VALUES ('nord', 'Nord')"))
            await asyncio.sleep(0)
            writing.cancel()
            raise LookupError

    with pytest.raises(LookupError):
        await db.unit_of_work(work)
    await db.unit_of_work(lambda: add("süd"))

    assert await keys() == ["süd"]
