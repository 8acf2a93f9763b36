"""A backup is whole or not there, and equal to what it was made from."""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage import backup, db
from storage.backup import Backup, BackupIsRunning, NoBackup, postgres, sqlite
from storage.backup.copied import BackupFailed, Damaged
from storage.backup.postgres import ProgramFailed, ProgramMissing, ProgramTooOld
from storage.db import BadDatabaseUrl
from storage.models import Remembered
from tests.conftest import HOUSE
from tests.postgres import programs

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client programs that belong to the server of the tests."""
    monkeypatch.setenv("PATH", f"{programs() / 'bin'}:{os.environ['PATH']}")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_bytes(KEY)
    return path


async def made(url: str, folder: Path, now: datetime, *, keep: int = 3) -> Backup:
    """A backup below `folder`, of the key that lies in it."""
    return await backup.back_up(
        url, into=folder / "backups", key=folder / "secret.key", version="0.1.0", keep=keep, now=now
    )


async def remember(*keys: str) -> None:
    async with db.transaction():
        await Remembered.bulk_create([Remembered(key=key, value={"text": "x\n\\.\nCOPY y" * 2000}) for key in keys])


def signed(folder: Path) -> None:
    """Sign for the files as they are now, as if they had been whole."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name, facts in manifest["files"].items():
        facts["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest))


@pytest.mark.usefixtures("key")
async def test_backup_holds_everything_and_says_what_it_is(store: str, tmp_path: Path, now: datetime) -> None:
    await remember("a", "b")

    done = await made(store, tmp_path, now)

    copy = "faden.sqlite3" if db.is_sqlite(store) else "faden.dump"
    manifest = json.loads((done.folder / "manifest.json").read_text())
    files = {path.name: path.read_bytes() for path in done.folder.iterdir() if path.name != "manifest.json"}
    assert done.folder == tmp_path / "backups" / "2026-11-18T080000Z"
    assert (done.made_at, done.has_key, done.rows["remembered"]) == (now, True, 2)
    assert (manifest["format"], manifest["faden"], manifest["python"]) == (1, "0.1.0", platform.python_version())
    assert manifest["database"]["kind"] == ("sqlite" if db.is_sqlite(store) else "postgresql")
    assert manifest["database"]["migration"] >= "0001_initial"
    assert int(manifest["database"]["version"].split(".")[0]) > 0
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert (sorted(files), files["secret.key"]) == ([copy, "secret.key"], KEY)
    assert done.size == sum(map(len, files.values()))


@pytest.mark.usefixtures("key")
async def test_backup_is_for_its_owner_alone(store: str, tmp_path: Path, now: datetime) -> None:
    before = os.umask(0)
    try:
        done = await made(store, tmp_path, now)
    finally:
        os.umask(before)

    folders = [stat.S_IMODE(path.stat().st_mode) for path in (done.folder, done.folder.parent)]
    assert folders == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in done.folder.iterdir()} == {0o600}


async def test_backup_of_a_town_that_was_never_served_has_no_key(store: str, tmp_path: Path, now: datetime) -> None:
    done = await made(store, tmp_path, now)

    assert not done.has_key
    assert await backup.verify(done.folder) == done


@pytest.mark.usefixtures("key")
async def test_backup_is_of_one_moment_while_others_write(
    store: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAGES", 1)
    await remember(*(f"old-{number}" for number in range(20)))
    backing_up = asyncio.create_task(made(store, tmp_path, now))
    written = 0
    while not backing_up.done():
        await remember(f"new-{written}")
        written += 1

    done = await backing_up

    assert await backup.verify(done.folder) == done
    assert 20 <= done.rows["remembered"] <= 20 + written


@pytest.mark.only_on("sqlite")
async def test_backup_takes_along_nothing_that_was_deleted(store: str, tmp_path: Path, now: datetime) -> None:
    await remember("Vertrauliches aus dem Fachdienst")
    async with db.transaction():
        await Remembered.all().delete()

    done = await made(store, tmp_path, now)

    assert b"Vertrauliches" not in (done.folder / "faden.sqlite3").read_bytes()
    assert not [path for path in done.folder.iterdir() if path.name.startswith("pages")]


@pytest.mark.only_on("sqlite")
async def test_backups_are_kept_until_enough_newer_ones_are_whole(store: str, tmp_path: Path, now: datetime) -> None:
    folder = tmp_path / "backups"
    for name in ("2026-01-01T030000Z.partial", "notes.partial", "2026-01-01T030000Z", "old"):
        (folder / name).mkdir(parents=True)  # of a killed run, and what somebody else keeps there
    (folder / "faden-before-0002_later.sqlite3").touch()

    for day in range(4):
        await made(store, tmp_path, now + timedelta(days=day), keep=2)

    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "2026-01-01T030000Z",
        "2026-11-20T080000Z",
        "2026-11-21T080000Z",
        "faden-before-0002_later.sqlite3",
        "notes.partial",
        "old",
    ]
    assert backup.newest(folder) == now + timedelta(days=3)


KILLED = """
import asyncio, os, shutil, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from storage.backup import back_up

shutil.copyfile = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # when the database is copied and the key is not
folder = Path(sys.argv[2])
now = datetime(2026, 11, 19, 8, tzinfo=UTC)
asyncio.run(back_up(sys.argv[1], into=folder / "backups", key=folder / "secret.key", version="0", keep=1, now=now))
"""


@pytest.mark.usefixtures("key")
async def test_backup_that_is_killed_leaves_the_older_one_and_is_cleared_away(
    store: str, tmp_path: Path, now: datetime
) -> None:
    first = await made(store, tmp_path, now)

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, store, str(tmp_path), cwd=HOUSE)
    code = await process.wait()
    left = sorted(path.name for path in (tmp_path / "backups").iterdir())
    second = await made(store, tmp_path, now + timedelta(days=2))

    assert code == -signal.SIGKILL
    assert left == [".lock", first.folder.name, "2026-11-19T080000Z.partial"]
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == [
        ".lock",
        first.folder.name,
        second.folder.name,
    ]


@pytest.mark.only_on("sqlite")
async def test_two_backups_of_one_second_are_two(store: str, tmp_path: Path, now: datetime) -> None:
    first, second = await made(store, tmp_path, now), await made(store, tmp_path, now)

    assert second.made_at - first.made_at == timedelta(seconds=1)


def test_newest_backup_of_a_folder_without_any(tmp_path: Path) -> None:
    assert (backup.newest(tmp_path), backup.newest(tmp_path / "nowhere")) == (None, None)


def copies(folder: Path) -> list[Path]:
    """What is being written."""
    return list(folder.glob("backups/*.partial/*"))


async def test_backup_that_is_cancelled_leaves_nothing(
    store: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAGES", 1)
    await remember(*(f"old-{number}" for number in range(20)))
    backing_up = asyncio.create_task(made(store, tmp_path, now))
    while not copies(tmp_path):  # noqa: ASYNC110  # it goes on in a thread and a process
        await asyncio.sleep(0)

    backing_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await backing_up

    assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]
    assert (await made(store, tmp_path, now)).rows["remembered"] == 20


async def test_backup_that_fails_leaves_the_older_ones(
    store: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await made(store, tmp_path, now)

    async def damaged(_file: Path) -> dict[str, int]:
        return {**first.rows, "remembered": 7}

    monkeypatch.setattr(
        backup,
        "_KINDS",
        {
            name: backup._Kind(kind.file, kind.copy, damaged)  # noqa: SLF001  # a disk that does not keep what it was given
            for name, kind in backup._KINDS.items()  # noqa: SLF001
        },
    )
    with pytest.raises(Damaged) as failed:
        await made(store, tmp_path, now + timedelta(days=1), keep=1)

    assert (failed.value.what, failed.value.how) == ("remembered", "7 of 0 rows")
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == [".lock", first.folder.name]


@pytest.mark.only_on("sqlite")
async def test_second_backup_at_the_same_time_is_refused(store: str, tmp_path: Path, now: datetime) -> None:
    (tmp_path / "backups").mkdir()
    with (tmp_path / "backups" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(BackupIsRunning):
            await made(store, tmp_path, now)


async def test_database_in_memory_has_no_backup(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(BadDatabaseUrl):
        await made("sqlite://:memory:", tmp_path, now)


# --- a backup is read -------------------------------------------------------------------------------------------------


def cut(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])


def garbage(copy: Path) -> None:
    copy.write_bytes(b"no database" * 1000)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("spoil", [cut, garbage])
async def test_copy_that_was_spoilt_is_known_by_its_hash(
    store: str, tmp_path: Path, now: datetime, spoil: Callable[[Path], None]
) -> None:
    done = await made(store, tmp_path, now)
    copy = next(done.folder.glob("faden.*"))
    spoil(copy)

    with pytest.raises(Damaged) as failed:
        await backup.verify(done.folder)

    assert failed.value.args == (copy.name, "its hash is another")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("spoil", [cut, garbage])
async def test_copy_that_was_never_whole_is_known_by_reading_it(
    store: str, tmp_path: Path, now: datetime, spoil: Callable[[Path], None]
) -> None:
    await remember(*(f"old-{number}" for number in range(20)))
    done = await made(store, tmp_path, now)
    copy = next(done.folder.glob("faden.*"))
    spoil(copy)
    signed(done.folder)

    with pytest.raises(Damaged) as failed:
        await backup.verify(done.folder)

    assert failed.value.what == copy.name


@pytest.mark.only_on("sqlite")
async def test_copy_whose_index_lacks_a_row_is_known_by_its_integrity(
    store: str, tmp_path: Path, now: datetime
) -> None:
    await remember("a")
    done = await made(store, tmp_path, now)
    copy = done.folder / "faden.sqlite3"
    with closing(sqlite3.connect(copy)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'remembered'"
        (page,) = connection.execute(query).fetchone()
    with copy.open("r+b") as file:
        file.seek((page - 1) * 4096 + 3)
        file.write(bytes(2))  # the number of its entries
    signed(done.folder)

    with pytest.raises(Damaged) as failed:
        await backup.verify(done.folder)

    assert failed.value.what == "faden.sqlite3"
    assert failed.value.how != "database disk image is malformed"  # read, and yet not whole


@pytest.mark.only_on("sqlite")
async def test_copy_that_lacks_rows_is_known_by_their_number(store: str, tmp_path: Path, now: datetime) -> None:
    await remember("a", "b")
    done = await made(store, tmp_path, now)
    with closing(sqlite3.connect(done.folder / "faden.sqlite3")) as connection:
        connection.execute("DELETE FROM remembered WHERE key = 'a'")
        connection.commit()
    signed(done.folder)

    with pytest.raises(Damaged) as failed:
        await backup.verify(done.folder)

    assert failed.value.args == ("remembered", "1 of 2 rows")


@pytest.mark.parametrize(
    "manifest", [None, "no JSON", "[]", "{}", '{"format": 2}', '{"format": 1, "database": {"kind": "oracle"}}']
)
async def test_folder_without_a_manifest_of_ours_is_no_backup(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)

    with pytest.raises(NoBackup):
        await backup.verify(tmp_path)


# --- PostgreSQL's programs --------------------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `bin` is at the head of the path."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path


def program(folder: Path, script: str) -> None:
    """A pg_dump of our own."""
    path = folder / "bin" / "pg_dump"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'pg_dump (PostgreSQL) 9.6.24'", ProgramTooOld(9, 99)),
        ("echo 'something else'", ProgramTooOld(0, 99)),
        ("echo 'pg_dump: error: cannot' >&2; exit 1", ProgramFailed("pg_dump: error: cannot")),
        ("exit 1", ProgramFailed("pg_dump")),
    ],
)
async def test_program_that_cannot_do_it_is_named(
    database_url: str, town: Path, now: datetime, script: str, expected: BackupFailed
) -> None:
    program(town, script)

    with pytest.raises(type(expected)) as failed:
        await made(database_url, town, now)

    assert failed.value.args[0] == expected.args[0]


@pytest.mark.only_on("postgres")
async def test_program_that_hangs_ends_with_who_called_it(database_url: str, town: Path, now: datetime) -> None:
    program(town, f"[ $1 = --version ] && echo '(PostgreSQL) 99.0' || {{ echo $$ > {town}/pid; exec sleep 1000; }}")
    backing_up = asyncio.create_task(made(database_url, town, now))
    pid = town / "pid"
    while not os.path.exists(pid) or not os.path.getsize(pid):  # noqa: ASYNC110, ASYNC240, PTH110, PTH202  # another process writes it
        await asyncio.sleep(0.01)

    backing_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await backing_up

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)  # it is small


@pytest.mark.only_on("postgres")
async def test_program_that_is_not_there_is_named(
    database_url: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProgramMissing) as failed:
        await made(database_url, tmp_path, now)

    assert failed.value.args == ("pg_dump",)


def test_environment_of_a_program_has_the_password_and_how_to_connect() -> None:
    found = postgres._environment("postgresql://faden:ge%20heim@db.example.org:5433/town?sslmode=require")  # noqa: SLF001  # what ps must not show

    assert found == {
        "PGHOST": "db.example.org",
        "PGPORT": "5433",
        "PGUSER": "faden",
        "PGPASSWORD": "ge heim",
        "PGDATABASE": "town",
        "PGSSLMODE": "require",
    }
