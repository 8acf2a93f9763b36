"""PostgreSQL is away while people write: each update takes effect once, and each gets its answer once, whatever kept it away."""

import asyncio
import contextlib
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest

from bot.app import LEAD_SECONDS, system_clock
from storage.migrate import migrate
from storage.models import AgendaItem, InboxUpdate, Notice
from storage.queries import column
from storage.vocabulary import NoticeState, UpdateState
from tests import memory
from tests.crash import house
from tests.crash.house import LISTENING, SERVING, Faden, Message, Start
from tests.crash.nursery import nursery
from tests.crash.test_kills import MEMBERS, title, writing
from tests.crash.test_stopping import STOP_SECONDS
from tests.postgres import Server, running

pytestmark = pytest.mark.postgres

SOCKET = ".s.PGSQL.5432"
KEEPS = {"synchronous_commit": "on"}  # what it has acknowledged outlives its own end
AGAIN_SECONDS = 0.2  # before a process that has ended is started again
WAITS = "the database takes nobody at the moment; waiting for it"

Report = Callable[[str], None]


@dataclass
class Wire:
    """The network between Faden and the server: a socket of its own, in `directory`. It can be cut, and can refuse."""

    server: Server
    directory: Path
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # somebody has tried to connect
    _listening: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, url: str) -> str:
        """The address of a database by way of this wire."""
        return url.replace(f"host={self.server.directory}", f"host={quote(str(self.directory))}")

    async def accept(self) -> None:
        """Take connections, and hand on what comes."""
        self.whole.set()
        self._listening = await asyncio.start_unix_server(self._connected, self.directory / SOCKET)

    async def refuse(self) -> None:
        """Break all connections, and take no new ones."""
        assert self._listening is not None
        self._listening.close()
        (self.directory / SOCKET).unlink(missing_ok=True)
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        try:
            theirs, to_them = await asyncio.open_unix_connection(self.server.directory / SOCKET)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._hand_on(reader, to_them), self._hand_on(theirs, writer))

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is cut keeps what was on its way, as a network does for a while."""
        self._open.add(writer)
        with contextlib.suppress(OSError):
            while some := await reader.read(65536):
                await self.whole.wait()
                writer.write(some)
                await writer.drain()
        self._open.discard(writer)
        writer.close()


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[tuple[str, Wire]]:
    """An empty database on a server of its own, and the wire to it."""
    with running(KEEPS) as server, tempfile.TemporaryDirectory(prefix="faden-", dir=memory.directory()) as name:
        url = await server.create_database()
        await migrate(url, backup_dir=None)
        wire = Wire(server, Path(name))
        await wire.accept()
        try:
            yield url, wire
        finally:
            await wire.refuse()


Trouble = Callable[[Wire, float], Coroutine[None, None, None]]


async def stopped(wire: Wire, seconds: float) -> None:
    """Ended in order by its operator, and started again."""
    wire.server.end(signal.SIGINT)
    await asyncio.sleep(seconds)
    wire.server.start()


async def killed(wire: Wire, seconds: float) -> None:
    """Killed, as by a machine without memory, and started again."""
    wire.server.end(signal.SIGKILL)
    await asyncio.sleep(seconds)
    wire.server.start()


async def restarted(wire: Wire, seconds: float) -> None:
    """Several times in a row."""
    for _ in range(3):
        wire.server.end(signal.SIGINT)
        wire.server.start()
        await asyncio.sleep(seconds / 3)


async def cut_off(wire: Wire, seconds: float) -> None:
    """Nothing comes through, and nobody says so."""
    wire.whole.clear()
    await asyncio.sleep(seconds)
    wire.whole.set()


async def refused(wire: Wire, seconds: float) -> None:
    """Connections break, and no new ones are taken."""
    await wire.refuse()
    await asyncio.sleep(seconds)
    await wire.accept()


TROUBLES = (stopped, killed, restarted, cut_off, refused)


async def kept_up(start: Start, lives: list[Faden]) -> None:
    """Start it again each time it ends, as systemd does, until this is cancelled; then it ends in order."""
    while True:
        async with start() as faden:
            lives.append(faden)
            try:
                await faden.process.wait()
            except asyncio.CancelledError:
                assert await faden.ends() == 0
                raise
        await asyncio.sleep(AGAIN_SECONDS)


async def check(
    trouble: Trouble,
    directory: Path,
    dice: Random,
    report: Report,
    *,
    updates: int,
    away: float,
) -> None:
    lives = list[Faden]()
    async with wired() as (url, wire):
        async with house.opened(url):
            members = await house.found_town(MEMBERS)
        async with (
            house.telegram(directory) as telegram,
            house.linked(telegram, wire.url(url), directory, "polling") as settings,
            nursery() as forked,
        ):
            keeping = asyncio.create_task(kept_up(partial(house.serving, directory, settings, forked), lives))
            while not lives:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
            await lives[0].says(LISTENING)
            began = system_clock()
            people = asyncio.create_task(writing(telegram, range(updates), members, dice, away * 2))
            await asyncio.sleep(away / 2)
            await trouble(wire, away)
            await people
            async with house.opened(url):
                await house.quiet(updates)
            took = (system_clock() - began).total_seconds()
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            arrivals = telegram.arrivals()

        copies = Counter(arrival.message for arrival in arrivals)
        handed_in = {Message(members[number % MEMBERS], title(number)) for number in range(updates)}
        report(
            f"{trouble.__name__}: {updates} updates, {len(lives)} starts, {copies.total() - len(copies)} answers came twice, "
            f"all done after {took:.0f} s"
        )
        async with house.opened(url):
            assert sorted(await AgendaItem.all().values_list("submitted_by_id", "title")) == sorted(handed_in)
            assert set(await column(InboxUpdate.all(), "state")) == {UpdateState.DONE}
            assert set(await column(Notice.all(), "state")) == {NoticeState.SENT}
    assert copies == Counter(handed_in)
    assert house.in_order(arrival.message for arrival in arrivals)


@pytest.mark.crash
@pytest.mark.parametrize("trouble", [stopped, cut_off])
async def test_60_updates_while_the_database_is_away_for_a_moment(
    trouble: Trouble, tmp_path: Path, dice: Random, report: Report
) -> None:
    await check(trouble, tmp_path, dice, report, updates=60, away=4)


@pytest.mark.crash
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_600_updates_while_the_database_is_away(
    trouble: Trouble, tmp_path: Path, dice: Random, report: Report, portion: float
) -> None:
    await check(trouble, tmp_path, dice, report, updates=round(600 * portion), away=20)


async def test_start_waits_for_a_database_that_is_not_there_yet_and_says_so_once(tmp_path: Path) -> None:
    async with wired() as (url, wire):
        await wire.refuse()
        async with house.serving(tmp_path, house.settings(wire.url(url), tmp_path)) as faden:
            await faden.says(WAITS)
            await asyncio.sleep(3 * LEAD_SECONDS)
            await wire.accept()
            await faden.says(SERVING)

            assert sum(WAITS in line for line in faden.lines) == 1
            assert await faden.ends() == 0


@pytest.mark.parametrize("trouble", ["refuses", "is silent"])
async def test_process_that_waits_for_the_database_ends_at_once_when_it_is_asked_to(
    trouble: str, tmp_path: Path
) -> None:
    async with wired() as (url, wire):
        if trouble == "refuses":
            await wire.refuse()
        else:
            wire.whole.clear()
        async with house.serving(tmp_path, house.settings(wire.url(url), tmp_path)) as faden:
            await (faden.says(WAITS) if trouble == "refuses" else wire.asked.wait())

            assert await faden.ends() == 0
        wire.whole.set()


async def test_database_that_nobody_has_made_is_not_waited_for(tmp_path: Path) -> None:
    async with wired() as (url, _):
        missing = url.replace("/faden_", "/missing_")
        async with house.serving(tmp_path, house.settings(missing, tmp_path)) as faden:
            code = await asyncio.wait_for(faden.process.wait(), house.START_SECONDS)

    assert code == 1
    (line,) = faden.lines
    assert line.startswith('The database cannot be used: database "missing_')


@pytest.mark.crash
async def test_process_whose_database_has_fallen_silent_ends_soon_when_it_is_asked_to(
    tmp_path: Path, report: Report
) -> None:
    async with wired() as (url, wire):
        async with house.serving(tmp_path, house.settings(wire.url(url), tmp_path)) as faden:
            await faden.says(SERVING)
            wire.whole.clear()
            await asyncio.sleep(1)
            asked = system_clock()
            await faden.ends()
            took = (system_clock() - asked).total_seconds()
        wire.whole.set()

    report(f"ended {took:.1f} s after SIGTERM")
    assert house.within(took, STOP_SECONDS)
