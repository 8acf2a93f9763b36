"""What Faden keeps is for its owner alone, also where an older version left it open."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import db
from storage.current import open_current
from storage.leadership import Leadership
from storage.models import Remembered


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """The mask that most systems have, under which others may read what nobody closes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """By name below the folder: what who may do."""
    return {
        str(path.relative_to(folder)): stat.filemode(path.stat().st_mode)
        for path in sorted([folder, *folder.rglob("*")])
    }


async def begin(folder: Path) -> None:
    """Open the town in the folder as a start does, and write a row."""
    url = f"sqlite:///{folder}/faden.sqlite3"
    leadership = Leadership(url)
    await leadership.acquire()
    await open_current(url, backup_dir=folder / "backups")
    async with db.transaction():
        await Remembered.create(key="counter", value=1)


async def test_new_town_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "var"

    await begin(folder)

    try:
        assert modes(folder) == {
            ".": "drwx------",
            "faden.sqlite3": "-rw-------",
            "faden.sqlite3-shm": "-rw-------",
            "faden.sqlite3-wal": "-rw-------",
            "faden.sqlite3.faden.lock": "-rw-------",
        }
    finally:
        await db.close_store()


async def test_files_that_an_older_version_left_open_are_closed(tmp_path: Path, migrated_sqlite: Path) -> None:
    folder = tmp_path / "var"
    (folder / "backups").mkdir(parents=True)
    shutil.copyfile(migrated_sqlite, folder / "faden.sqlite3")
    (folder / "backups" / "faden-before-0002_later.sqlite3").touch()
    for name in ("faden.sqlite3-wal", "faden.sqlite3-shm", "faden.sqlite3.faden.lock"):
        (folder / name).touch(0o600 if name.endswith("lock") else 0o644)

    await begin(folder)

    try:
        assert modes(folder) == {
            ".": "drwxr-xr-x",  # somebody else made it, and may have had a reason
            "backups": "drwxr-xr-x",
            "backups/faden-before-0002_later.sqlite3": "-rw-------",
            "faden.sqlite3": "-rw-------",
            "faden.sqlite3-shm": "-rw-------",
            "faden.sqlite3-wal": "-rw-------",
            "faden.sqlite3.faden.lock": "-rw-------",
        }
    finally:
        await db.close_store()
