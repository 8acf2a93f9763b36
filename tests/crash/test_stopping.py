"""How Faden ends: asked to under load, unable to start, or killed while a second one waits."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.app import system_clock
from storage import db
from storage.models import AgendaItem
from tests.crash import house
from tests.crash.house import BODY, LISTENING, SERVING, Message, Telegram

MEMBERS = 50
STOP_SECONDS = 10.0
RELEASE_SECONDS = 10.0
TAKE_OVER_SECONDS = (
    10.0  # on a machine with other things to do; what it guards against is a wait for leases, of a minute
)
WAITS = "another process serves this database"

Report = Callable[[str], None]


async def hand_in(telegram: Telegram, numbers: range, members: list[int]) -> None:
    for number in numbers:
        await telegram.writes(members[number % MEMBERS], f"/top {BODY}: Thema Nr {number}, Beschluss, 20 min")


async def seconds_to_stop(url: str, directory: Path, updates: int) -> float:
    """How long Faden takes to end while people go on writing; nothing is lost by it, and nothing comes twice."""
    async with house.opened(url):
        members = await house.found_town(MEMBERS)
    async with house.telegram(directory) as telegram, house.linked(telegram, url, directory, "polling") as settings:
        start = partial(house.serving, directory, settings)
        async with start() as first:
            await first.says(LISTENING)
            writing = asyncio.create_task(hand_in(telegram, range(updates), members))
            while not telegram.arrivals():  # noqa: ASYNC110  # they arrive in another process
                await asyncio.sleep(0.05)
            asked = system_clock()
            code = await first.ends()
            took = (system_clock() - asked).total_seconds()
        await writing
        async with start() as second, house.opened(url):
            await second.says(LISTENING)
            await house.quiet(updates)
        arrivals = telegram.arrivals()

    handed_in = Counter(Message(members[number % MEMBERS], f"Thema Nr {number}") for number in range(updates))
    assert code == 0
    async with house.opened(url):
        assert Counter(await AgendaItem.all().values_list("submitted_by_id", "title")) == handed_in
    assert Counter(arrival.message for arrival in arrivals) == handed_in
    assert house.in_order(arrival.message for arrival in arrivals)
    return took


async def test_sigterm_under_load_loses_and_doubles_nothing(database_url: str, tmp_path: Path) -> None:
    await seconds_to_stop(database_url, tmp_path, updates=60)


@pytest.mark.crash
async def test_sigterm_under_load_ends_within_ten_seconds(database_url: str, tmp_path: Path, report: Report) -> None:
    took = await seconds_to_stop(database_url, tmp_path, updates=600)

    report(f"ended {took:.1f} s after SIGTERM")
    assert house.within(took, STOP_SECONDS)


async def seconds_to_take_over(url: str, directory: Path) -> float:
    """From the first process's death to the answer that the second one gives."""
    async with house.opened(url):
        (member,) = await house.found_town(1)
    async with house.telegram(directory) as telegram, house.linked(telegram, url, directory, "polling") as settings:
        await telegram.knows([member])
        async with house.serving(directory, settings) as first:
            await first.says(LISTENING)
            async with house.serving(directory, settings | house.settings(url, directory)) as second:
                await second.says(WAITS)
                assert not second.said(SERVING)
                killed = system_clock()
                await first.kill()
                await telegram.writes(member, f"/top {BODY}: Thema Nr 1, Beschluss, 20 min")
                await second.says("taking over")
                async with house.opened(url):
                    await house.quiet(updates=1)
                assert await second.ends() == 0
        (arrival,) = telegram.arrivals()
    return (arrival.at - killed).total_seconds()


async def test_second_process_waits_and_takes_over_from_a_killed_one(database_url: str, tmp_path: Path) -> None:
    await seconds_to_take_over(database_url, tmp_path)


@pytest.mark.crash
async def test_second_process_answers_soon_after_the_first_is_killed(
    database_url: str, tmp_path: Path, report: Report
) -> None:
    took = await seconds_to_take_over(database_url, tmp_path)

    report(f"the second process answered {took:.1f} s after the first one's death")
    assert house.within(took, TAKE_OVER_SECONDS)


async def test_process_that_waits_for_the_lead_says_where_it_is_and_ends_when_it_is_asked_to(
    database_url: str, tmp_path: Path
) -> None:
    port = house.free_port()
    async with house.serving(tmp_path, house.settings(database_url, tmp_path, port)) as first:
        await first.says(SERVING)
        async with house.serving(tmp_path, house.settings(database_url, tmp_path)) as second:
            await second.says(WAITS)

            assert second.said(f"http://127.0.0.1:{port}")
            assert await second.ends() == 0


@pytest.mark.only_on("postgres")
async def test_process_that_loses_the_lead_with_its_connection_ends_for_the_other(
    database_url: str, tmp_path: Path
) -> None:
    async with house.serving(tmp_path, house.settings(database_url, tmp_path)) as first:
        await first.says(SERVING)
        async with house.serving(tmp_path, house.settings(database_url, tmp_path)) as second:
            await second.says(WAITS)

            async with house.opened(database_url):
                await db.execute(
                    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                    "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()"
                )

            assert await asyncio.wait_for(first.process.wait(), house.START_SECONDS) == 1
            assert first.said("the connection that holds the lead is lost")
            await second.says(SERVING)


async def seconds_to_be_released(url: str, directory: Path) -> float:
    """From the moment at which the leading process is stopped, not ended, to the moment at which the second one leads."""
    async with house.serving(directory, house.settings(url, directory)) as first:
        await first.says(SERVING)
        async with house.serving(directory, house.settings(url, directory)) as second:
            await second.says(WAITS)
            stopped = system_clock()
            first.process.send_signal(signal.SIGSTOP)
            await second.says("taking over")
            took = (system_clock() - stopped).total_seconds()
            first.process.send_signal(signal.SIGCONT)
            assert await asyncio.wait_for(first.process.wait(), house.START_SECONDS) == 1
            assert first.said("the connection that holds the lead is lost")
            assert await second.ends() == 0
    return took


@pytest.mark.crash
@pytest.mark.only_on("postgres")
async def test_second_process_leads_soon_after_the_first_is_stopped(
    database_url: str, tmp_path: Path, report: Report
) -> None:
    took = await seconds_to_be_released(database_url, tmp_path)

    report(f"the second process led {took:.1f} s after the first one was stopped")
    assert house.within(took, RELEASE_SECONDS)


def no_database(directory: Path) -> dict[str, str]:
    (directory / "faden.sqlite3").write_text("This is no database, and it never was one. " * 100)
    return {}


def file_as_directory(directory: Path) -> dict[str, str]:
    (directory / "file").touch()
    return {"FADEN_DATABASE__URL": f"sqlite:///{directory}/file/faden.sqlite3"}


def key_cut_short(directory: Path) -> dict[str, str]:
    (directory / "secret.key").touch(mode=0o600)
    return {}


def key_for_everybody(directory: Path) -> dict[str, str]:
    (directory / "secret.key").write_bytes(b"k" * 32)
    (directory / "secret.key").chmod(0o644)
    return {}


def no_address(_directory: Path) -> dict[str, str]:
    return {"FADEN_WEB__HOST": "192.0.2.1"}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (no_database, "The database cannot be used: file is not a database"),
        (file_as_directory, "The database cannot be used: "),
        (key_cut_short, "{directory}/secret.key is 0 bytes long; expected 32 bytes; restore it from the backup."),
        (key_for_everybody, "{directory}/secret.key is readable by others; expected a file of its owner alone: "),
        (no_address, "web.port is "),
    ],
)
async def test_start_that_fails_ends_with_a_code_and_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], dict[str, str]], sentence: str
) -> None:
    settings = house.settings(f"sqlite:///{tmp_path}/faden.sqlite3", tmp_path) | spoil(tmp_path)

    async with house.serving(tmp_path, settings) as faden:
        code = await asyncio.wait_for(faden.process.wait(), house.START_SECONDS)

    assert code == 1
    (line,) = faden.lines
    assert line.startswith(sentence.format(directory=tmp_path))
