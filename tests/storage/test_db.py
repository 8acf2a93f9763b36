"""The unit of work, on both databases."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError, OperationalError

from storage import db
from storage.models import Area, Person
from tests.conftest import HOUSE, Counted, Spoken, is_writing

Statements = Callable[[], AbstractContextManager[Counted]]
pytestmark = pytest.mark.usefixtures("store")


async def add(key: str) -> None:
    async with db.transaction():
        await Area.create(key=key, name=f"Sozialraum {key}")


async def keys() -> list[str]:
    return sorted(await Area.all().values_list("key", flat=True))  # type: ignore[arg-type]  # Tortoise types rows as Any


async def soon(event: asyncio.Event) -> None:
    """Wait for what must happen; a test that is wrong about it fails instead of hanging."""
    async with asyncio.timeout(10):
        await event.wait()


async def test_unit_of_work_keeps_everything_and_gives_the_result() -> None:
    async def work() -> int:
        await add("nord")
        await add("süd")
        return 2

    result = await db.unit_of_work(work)

    assert (result, await keys()) == (2, ["nord", "süd"])


async def test_unit_of_work_that_raises_keeps_nothing() -> None:
    async def work() -> None:
        await add("nord")
        raise LookupError

    with pytest.raises(LookupError):
        await db.unit_of_work(work)

    assert await keys() == []


async def test_unit_of_work_that_hangs_is_cut_and_keeps_nothing() -> None:
    async def work() -> None:
        await add("nord")
        await asyncio.Event().wait()

    with pytest.raises(db.WorkTookTooLong):
        await db.unit_of_work(work, seconds=0.2)

    assert await keys() == []


async def test_timeout_of_the_work_itself_is_not_mistaken_for_ours() -> None:
    async def work() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await db.unit_of_work(work)


async def test_unit_of_work_whose_caller_is_cancelled_is_finished_all_the_same() -> None:
    under_way, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await add("nord")
        under_way.set()
        await go_on.wait()
        await add("süd")
        db.when_kept(done.set)

    caller = asyncio.create_task(db.unit_of_work(work))
    await soon(under_way)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await soon(done)

    assert await keys() == ["nord", "süd"]


async def test_close_store_waits_for_the_work_under_way(store: str) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await add("nord")
        under_way.set()
        await go_on.wait()

    unit = asyncio.create_task(db.unit_of_work(work))
    await soon(under_way)
    closing = asyncio.create_task(db.close_store())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    await unit
    await db.open_store(store)

    assert await keys() == ["nord"]


async def test_actions_in_one_unit_of_work_are_one_commit(statements: Statements) -> None:
    async def work() -> None:
        await add("nord")
        await add("süd")

    with statements() as counted:
        await db.unit_of_work(work)

    assert (counted.commits, len(counted.statements)) == (1, 2)


async def test_unit_of_work_that_only_reads_commits_nothing(statements: Statements) -> None:
    with statements() as counted:
        result = await db.unit_of_work(keys)

    assert (result, counted.commits, len(counted.statements)) == ([], 0, 1)


async def test_reading_in_a_unit_that_hangs_does_not_hold_up_a_writer() -> None:
    has_read = asyncio.Event()

    async def work() -> None:
        await keys()
        has_read.set()
        await asyncio.Event().wait()

    hanging = asyncio.create_task(db.unit_of_work(work, seconds=1))
    await soon(has_read)
    await db.unit_of_work(lambda: add("nord"), seconds=0.5)

    assert await keys() == ["nord"]
    with pytest.raises(db.WorkTookTooLong):
        await hanging


async def test_unit_of_work_inside_another_is_a_savepoint_of_it() -> None:
    async def inner() -> None:
        await add("süd")
        raise LookupError

    async def work() -> None:
        await add("nord")
        with pytest.raises(LookupError):
            await db.unit_of_work(inner)

    await db.unit_of_work(work)

    assert await keys() == ["nord"]


async def test_savepoint_that_fails_leaves_the_rest_of_the_work() -> None:
    async def work() -> None:
        await add("nord")
        with pytest.raises(IntegrityError):
            async with db.savepoint():
                await add("nord")
        await add("süd")

    await db.unit_of_work(work)

    assert await keys() == ["nord", "süd"]


async def test_savepoint_outside_of_a_unit_is_a_transaction() -> None:
    async with db.savepoint():
        await Area.create(key="nord", name="Nord")

    assert await keys() == ["nord"]


async def test_transaction_outside_of_a_unit_that_raises_keeps_nothing() -> None:
    async def work() -> None:
        async with db.transaction():
            await add("nord")
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert await keys() == []


async def test_transaction_outside_of_a_unit_that_is_cancelled_keeps_nothing() -> None:
    under_way = asyncio.Event()

    async def work() -> None:
        async with db.transaction():
            await add("nord")
            under_way.set()
            await asyncio.Event().wait()

    caller = asyncio.create_task(work())
    await soon(under_way)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await keys() == []


async def test_tasks_started_inside_a_unit_write_in_its_transaction(statements: Statements) -> None:
    async def work() -> list[str]:
        await asyncio.gather(add("nord"), add("süd"))
        return await keys()

    with statements() as counted:
        result = await db.unit_of_work(work)

    assert (result, counted.commits) == (["nord", "süd"], 1)


async def test_task_that_outlives_its_unit_writes_in_a_transaction_of_its_own() -> None:
    started: list[asyncio.Task[None]] = []
    go_on = asyncio.Event()

    async def later() -> None:
        await go_on.wait()
        await add("süd")

    async def work() -> None:
        await add("nord")
        started.append(asyncio.create_task(later()))

    await db.unit_of_work(work)
    go_on.set()
    await started[0]

    assert await keys() == ["nord", "süd"]


@pytest.mark.only_on("sqlite")
async def test_task_that_wants_to_write_while_its_unit_ends_is_refused() -> None:
    started: list[asyncio.Task[None]] = []

    async def late() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await add("süd")

    async def work() -> None:
        started.append(asyncio.create_task(add("nord")))
        started.append(asyncio.create_task(late()))
        await asyncio.sleep(0)

    async with db.transaction():  # holds the connection, so that the unit's transaction is still beginning when it ends
        unit = asyncio.create_task(db.unit_of_work(work), context=contextvars.Context())
        for _ in range(30):
            await asyncio.sleep(0)
    await unit
    early, refused = await asyncio.gather(*started, return_exceptions=True)

    assert early is None
    assert isinstance(refused, RuntimeError)
    await add("west")


async def test_callback_comes_after_the_commit_and_not_before() -> None:
    seen: list[str] = []

    async def work() -> None:
        await add("nord")
        db.when_kept(lambda: seen.append(f"kept, writing: {is_writing()}"))
        seen.append(f"working, writing: {is_writing()}")

    await db.unit_of_work(work)

    assert seen == ["working, writing: True", "kept, writing: False"]


async def test_callback_of_a_transaction_comes_after_its_commit() -> None:
    seen: list[str] = []

    async with db.transaction():
        db.when_kept(lambda: seen.append("kept"))
        before = list(seen)

    assert (before, seen) == ([], ["kept"])


async def test_callback_without_a_unit_comes_at_once() -> None:
    seen: list[str] = []

    db.when_kept(lambda: seen.append("kept"))

    assert seen == ["kept"]


async def test_callback_of_work_that_fails_never_comes() -> None:
    seen: list[str] = []

    async def work() -> None:
        db.when_kept(lambda: seen.append("kept"))
        raise LookupError

    with pytest.raises(LookupError):
        await db.unit_of_work(work)

    assert seen == []


async def test_callback_of_a_savepoint_that_fails_never_comes() -> None:
    seen: list[str] = []

    async def part() -> None:
        async with db.savepoint():
            db.when_kept(lambda: seen.append("part"))
            raise LookupError

    async def work() -> None:
        db.when_kept(lambda: seen.append("whole"))
        with pytest.raises(LookupError):
            await part()

    await db.unit_of_work(work)

    assert seen == ["whole"]


async def test_callback_that_fails_is_logged_and_the_work_stands(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def work() -> None:
        await add("nord")
        db.when_kept(lambda: seen.remove("nothing"))
        db.when_kept(lambda: seen.append("next"))

    with caplog.at_level(logging.ERROR):
        await db.unit_of_work(work)

    assert (await keys(), seen) == (["nord"], ["next"])
    assert [record.message for record in caplog.records] == ["A callback failed after the work had been kept."]


async def test_execute_numbers_the_values_on_either_database() -> None:
    async with db.transaction():
        made = await db.execute(
            "INSERT INTO area (key, name) VALUES (?, ?), (?, ?) RETURNING key", ["nord", "Nord", "süd", "Süd"]
        )

    found = await db.execute("SELECT name FROM area WHERE key = ? OR name = ? ORDER BY name", ["nord", "Süd"])
    everything = await db.execute("SELECT count(*) AS number FROM area")

    assert made == [{"key": "nord"}, {"key": "süd"}]
    assert found == [{"name": "Nord"}, {"name": "Süd"}]
    assert everything == [{"number": 2}]


async def test_execute_refuses_a_naive_datetime(now: datetime) -> None:
    with pytest.raises(ValueError, match="naive"):
        await db.execute("SELECT id FROM meeting WHERE starts_at > ?", [now.replace(tzinfo=None)])


async def test_is_postgres_follows_the_url(store: str) -> None:
    assert db.is_postgres() == store.startswith("postgresql:")


async def test_store_cannot_be_opened_twice(store: str) -> None:
    with pytest.raises(RuntimeError):
        await db.open_store(store)


async def test_store_that_is_closed_twice_and_opened_again_works(store: str) -> None:
    await db.close_store()
    await db.close_store()
    with pytest.raises(RuntimeError):
        await db.unit_of_work(keys)
    await db.open_store(store)

    assert await keys() == []


@pytest.mark.only_on("sqlite")
async def test_store_that_cannot_be_opened_can_be_opened_elsewhere(store: str, tmp_path: Path) -> None:
    await db.close_store()
    with pytest.raises(OSError, match="Connect call failed"):
        await db.open_store("postgresql://faden@127.0.0.1:1/faden")
    with pytest.raises(OperationalError, match="unable to open"):
        await db.open_store(f"sqlite:///{tmp_path}")
    await db.open_store(store)

    assert await keys() == []


@pytest.mark.only_on("sqlite")
async def test_commit_that_fails_is_raised_and_leaves_no_transaction_behind() -> None:
    async def work() -> None:
        await add("nord")
        await db.execute("ROLLBACK")  # as SQLite does by itself when the disk is full

    with pytest.raises(OperationalError):
        await db.unit_of_work(work)
    await db.unit_of_work(lambda: add("süd"))

    assert await keys() == ["süd"]


@pytest.mark.only_on("sqlite")
async def test_transaction_that_somebody_left_open_is_rolled_back_before_the_next() -> None:
    await db.execute("BEGIN")
    await db.execute("INSERT INTO area (key, name) VALUES ('nord', 'Nord')")

    await db.unit_of_work(lambda: add("süd"))

    assert await keys() == ["süd"]


@pytest.mark.only_on("sqlite")
async def test_script_inside_a_transaction_stays_inside_it() -> None:
    async def work() -> None:
        async with db.transaction():
            await db.connection().execute_script(
                "INSERT INTO area (key, name) VALUES ('a;b', 'AB'); DELETE FROM person;"
            )
            raise LookupError

    with pytest.raises(LookupError):
        await db.unit_of_work(work)

    assert await keys() == []


async def test_once_reads_once_in_a_unit_and_anew_in_the_next() -> None:
    asked: list[str] = []

    async def read() -> str:
        asked.append("read")
        return f"answer {len(asked)}"

    async def work() -> list[str]:
        return [await db.once("question", read), await db.once("question", read)]

    outside = [await db.once("question", read), await db.once("question", read)]
    units = [await db.unit_of_work(work), await db.unit_of_work(work)]

    assert outside == ["answer 1", "answer 2"]
    assert units == [["answer 3", "answer 3"], ["answer 4", "answer 4"]]


async def test_once_in_a_task_that_outlived_its_unit_reads_anew() -> None:
    started: list[asyncio.Task[str]] = []
    go_on = asyncio.Event()

    async def read() -> str:
        return f"after: {go_on.is_set()}"

    async def later() -> str:
        await go_on.wait()
        return await db.once("question", read)

    async def work() -> str:
        started.append(asyncio.create_task(later()))
        return await db.once("question", read)

    first = await db.unit_of_work(work)
    go_on.set()

    assert (first, await started[0]) == ("after: False", "after: True")


async def test_who_waits_for_a_silent_server_fails_when_connections_are_broken_and_the_next_connects_anew() -> None:
    if not db.is_postgres():
        db.break_off()
        assert await db.execute("SELECT 1 AS one") == [{"one": 1}]
        return
    waiting = [asyncio.create_task(db.execute("SELECT pg_sleep(100)")) for _ in range(2)]
    sleeping = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while (await db.execute(sleeping))[0]["n"] < len(waiting):  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.01)

    db.break_off()

    failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(error, Exception) and db.is_drivers(error) for error in failed)
    assert await db.execute("SELECT 1 AS one") == [{"one": 1}]


async def test_breaking_connections_is_nothing_where_no_store_is_open() -> None:
    await db.close_store()

    db.break_off()


async def test_door_that_writes_what_the_domain_knows_is_heard(spoken: Spoken) -> None:
    source = "async def write(model): await model.create(key='anna', given_name='Anna', family_name='Beispiel')"
    door: dict[str, Any] = {}
    exec(compile(source, f"{HOUSE}/bot/handlers/invented.py", "exec"), door)  # noqa: S102  # as if a door did it
    async with db.transaction():
        await door["write"](Person)
    heard, spoken.beside = spoken.beside, []

    assert [line.partition(":")[0] for line in heard] == ["bot/handlers/invented.py"]
