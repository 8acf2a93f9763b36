"""One leads, and a leader that cannot be heard any more leads no longer."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from storage.leadership import Leadership, Pulse
from storage.postgres import DatabaseAway, connect
from tests.conftest import HOUSE
from tests.postgres import FreshDatabase, Server

PULSE = Pulse(every=0.1, patience=10, silence=1.5)
ENOUGH_SECONDS = 60
LEAD = """
import asyncio, sys
from storage.leadership import Leadership, Pulse

async def main():
    leadership = Leadership(sys.argv[1], pulse=Pulse(0.1, 1, 1.5))
    print("leads" if await leadership.acquire() else "waits", flush=True)
    await leadership.lost.wait()
    print("lost", flush=True)
    await leadership.release()

asyncio.run(main())
"""

Lead = Callable[[], Leadership]


@pytest.fixture
async def lead(database_url: str) -> AsyncIterator[Lead]:
    """Somebody who wishes to lead, as often as a test needs one."""
    made: list[Leadership] = []

    def wish() -> Leadership:
        made.append(Leadership(database_url, pulse=PULSE))
        return made[-1]

    yield wish
    for one in made:
        await one.release()


async def led(leadership: Leadership) -> None:
    """Wait until it leads."""
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not await leadership.acquire():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)


async def test_one_leads_until_it_lets_go(lead: Lead) -> None:
    first, second = lead(), lead()

    before = (await first.acquire(), await second.acquire(), first.lost.is_set())
    await first.release()

    assert before == (True, False, False)
    assert await second.acquire()
    assert (first.lost.is_set(), second.lost.is_set()) == (True, False)


@pytest.mark.postgres
async def test_database_that_cannot_be_reached_is_away_and_one_that_nobody_has_made_is_not(
    postgres_server: Server, tmp_path: Path
) -> None:
    unreachable = Leadership(f"postgresql://faden@/faden?host={tmp_path}")

    with pytest.raises(DatabaseAway) as away:
        await unreachable.acquire()
    with pytest.raises(DatabaseAway):
        await unreachable.leader()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await Leadership(postgres_server.url("nobody_has_made_it")).acquire()

    assert isinstance(away.value.__cause__, OSError)


@pytest.mark.postgres
async def test_database_that_takes_nobody_is_away(fresh_database: FreshDatabase, postgres_server: Server) -> None:
    url = await fresh_database()
    name = url.partition("?")[0].rpartition("/")[2]
    operator = await connect(postgres_server.url("postgres"), "operator")
    try:
        await operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')

        with pytest.raises(DatabaseAway):
            await Leadership(url).acquire()
    finally:
        await operator.close()


async def test_who_wishes_to_lead_learns_where_the_leader_serves(lead: Lead) -> None:
    first, second = lead(), lead()

    said = [await second.leader()]
    await first.acquire()
    said.append(await second.leader())
    await first.announce("http://127.0.0.1:8080")
    said.append(await second.leader())
    await first.release()
    await second.acquire()
    said.append(await first.leader())

    assert said == ["", "", "http://127.0.0.1:8080", ""]


async def test_in_memory_everybody_leads() -> None:
    leadership = Leadership("sqlite://:memory:")

    assert await leadership.acquire()
    await leadership.release()


@asynccontextmanager
async def leading(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that leads."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LEAD, url, cwd=HOUSE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"leads\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.only_on("postgres")
async def test_leader_that_is_stopped_leads_no_longer_and_knows_it_when_it_wakes(database_url: str, lead: Lead) -> None:
    async with leading(database_url) as first:
        second = lead()
        assert not await second.acquire()
        first.send_signal(signal.SIGSTOP)

        await led(second)
        first.send_signal(signal.SIGCONT)

        assert first.stdout is not None
        assert await first.stdout.readline() == b"lost\n"
        assert await first.wait() == 0
        assert not second.lost.is_set()


async def backend(url: str) -> int:
    """The process of the server that the leader talks to."""
    connection = await connect(url, "test")
    try:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'faden lead'"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


@pytest.mark.only_on("postgres")
async def test_leader_that_gets_no_answer_knows_that_it_leads_no_longer(database_url: str) -> None:
    leadership = Leadership(database_url, pulse=Pulse(every=0.1, patience=0.5, silence=1000))
    await leadership.acquire()
    server = await backend(database_url)
    os.kill(server, signal.SIGSTOP)
    try:
        await asyncio.wait_for(leadership.lost.wait(), ENOUGH_SECONDS)
        await leadership.release()
    finally:
        os.kill(server, signal.SIGCONT)


@pytest.mark.only_on("postgres")
async def test_leader_that_is_well_goes_on_leading(database_url: str, lead: Lead) -> None:
    leadership = lead()
    await leadership.acquire()
    connection: asyncpg.Connection = await connect(database_url, "test")
    query = (
        "SELECT query_start - backend_start > interval '2 s' "  # longer than the silence
        "FROM pg_stat_activity WHERE application_name = 'faden lead'"
    )
    try:
        ask = partial(connection.fetchval, query)
        while await ask() is False:  # noqa: ASYNC110  # the server's clock decides
            await asyncio.sleep(0.05)

        assert (await ask(), leadership.lost.is_set()) == (True, False)
    finally:
        await connection.close()
