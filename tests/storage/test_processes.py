"""What can only be seen from outside: several processes on one file, and how one ends."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from storage.models import Remembered
from tests.conftest import HOUSE

TIMES = 100
COUNT = f"""
import asyncio, sys
from storage import db
from storage.models import Remembered

async def count_one_more():
    counter = await Remembered.get(key="counter")  # read, then write: a deferred BEGIN dies of this
    async with db.transaction():
        counter = await Remembered.get(key="counter")
        await Remembered.filter(key="counter").update(value=counter.value + 1)

async def main():
    await db.open_store(sys.argv[1])
    try:
        for _ in range({TIMES}):
            await db.unit_of_work(count_one_more)
    finally:
        await db.close_store()

asyncio.run(main())
"""
CRASH = """
import asyncio, sys
from storage import db

async def main():
    try:
        await db.open_store(sys.argv[1])
        raise SystemExit(3)
    finally:
        await db.close_store()

asyncio.run(main())
"""
OPEN = """
import asyncio, sys
from storage import db

asyncio.run(db.open_store(sys.argv[1]))
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, url], cwd=HOUSE, stderr=subprocess.PIPE, text=True)


async def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The process's code and last words; killed when it does not end by itself."""
    try:
        _, said = await asyncio.to_thread(process.communicate, timeout=60)
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.only_on("sqlite")
async def test_two_processes_that_read_and_write_one_file_lose_nothing(store: str) -> None:
    await Remembered.create(key="counter", value=0)

    codes = await asyncio.gather(*[ended(start(COUNT, store)) for _ in range(2)])

    counter = await Remembered.get(key="counter")
    assert codes == [(0, ""), (0, "")]
    assert counter.value == 2 * TIMES


async def test_process_that_crashes_at_its_start_ends_with_a_code(database_url: str) -> None:
    code, said = await ended(start(CRASH, database_url))

    assert (code, said) == (3, "")


async def test_process_that_finds_no_database_in_the_file_ends_with_a_code(tmp_path: Path) -> None:
    file = tmp_path / "faden.sqlite3"
    file.write_text("This is no database, although it is long enough for one to be looked for in it. " * 20)

    code, said = await ended(start(OPEN, f"sqlite:///{file}"))

    assert code == 1
    assert said.splitlines()[-1].endswith("file is not a database")
