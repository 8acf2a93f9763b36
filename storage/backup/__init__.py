"""Backups: a folder each, whole or not there at all, whose copy has been read back before it counts.

A folder is named by its moment (`2026-11-18T030000Z`) and holds the database, the secret key and `manifest.json`: what made
it, how many rows each table has, and the SHA-256 of each file. Until it is whole its name ends in `.partial`; what a killed
run leaves of that the next one removes. Older backups go only when the new one is whole.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage import db
from storage.backup import postgres, sqlite
from storage.backup.aside import aside
from storage.backup.copied import BackupFailed, Copied, Damaged
from storage.private import make_file, make_folder

MANIFEST = "manifest.json"
KEY = "secret.key"
FORMAT = 1
_NAME = "%Y-%m-%dT%H%M%SZ"
_NAMED = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


@dataclass(frozen=True)
class _Kind:
    """How a database is copied into a file of that name, and how the copy is read."""

    file: str
    copy: Callable[[str, Path], Awaitable[Copied]]
    rows_of: Callable[[Path], Awaitable[dict[str, int]]]


_KINDS = {
    "sqlite": _Kind(sqlite.FILE, sqlite.copy, sqlite.rows_of),
    "postgresql": _Kind(postgres.FILE, postgres.copy, postgres.rows_of),
}


class BackupIsRunning(BackupFailed):
    """Another process writes a backup into the same folder."""


class NoBackup(BackupFailed):
    """The folder holds no backup that this program can read."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A whole backup. `made_at` is the moment that its folder is named by; `rows` by table."""

    folder: Path
    made_at: datetime
    rows: Mapping[str, int]
    size: int
    has_key: bool


async def back_up(url: str, *, into: Path, key: Path, version: str, keep: int, now: datetime) -> Backup:
    """Copy the database and the key into a new folder below `into`, check the copy, and keep that many backups.

    Nobody who writes waits for it, and it may be cancelled. On SQLite the rows are counted in the very transaction that is
    copied, on PostgreSQL in the snapshot that pg_dump is given: the copy must have exactly as many.

    Raises BackupFailed, OSError and the driver's error; then everything is as it was before.
    """
    kind = "sqlite" if db.is_sqlite(url) else "postgresql"
    make_folder(into)
    with _alone(into):
        _remove_leftovers(into)
        folder = _new_folder(into, now)
        partial = folder.with_name(f"{folder.name}.partial")
        make_folder(partial)
        try:
            copy = partial / _KINDS[kind].file
            make_file(copy)
            copied = await _KINDS[kind].copy(url, copy)
            _compare(copied.rows, await _KINDS[kind].rows_of(copy))
            facts = {
                "format": FORMAT,
                "made_at": _moment(folder).isoformat(),
                "faden": version,
                "python": platform.python_version(),
                "database": {"kind": kind, "version": copied.database, "migration": copied.migration},
                "rows": dict(copied.rows),
            }
            await aside(lambda _stop: _complete(partial, key, facts))
            partial.rename(folder)
            _to_disk(into)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _prune(into, keep)
    return _read(folder)[0]


async def verify(folder: Path) -> Backup:
    """Read a backup as if it were to be restored: its hashes, the database, the number of rows in each table.

    Raises NoBackup, Damaged and what reading raises.
    """
    backup, manifest = _read(folder)
    for name, facts in manifest["files"].items():
        if await aside(lambda _stop, name=name: _hash(folder / name)) != facts["sha256"]:  # type: ignore[misc]  # bound at once
            raise Damaged(name, "its hash is another")
    kind = _KINDS[manifest["database"]["kind"]]
    _compare(backup.rows, await kind.rows_of(folder / kind.file))
    return backup


def newest(into: Path) -> datetime | None:
    """The moment of the newest whole backup in the folder."""
    whole = _whole(into)
    return _moment(whole[-1]) if whole else None


# --- the folder -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(into: Path) -> Iterator[None]:
    lock = os.open(into / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupIsRunning from error
    finally:
        os.close(lock)


def _new_folder(into: Path, now: datetime) -> Path:
    """Named by the moment, or by the next second that has none yet."""
    while (folder := into / now.astimezone(UTC).strftime(_NAME)).exists():
        now += timedelta(seconds=1)
    return folder


def _moment(folder: Path) -> datetime:
    return datetime.strptime(folder.name, _NAME).replace(tzinfo=UTC)


def _whole(into: Path) -> list[Path]:
    """The backups that are there, oldest first."""
    if not into.is_dir():
        return []
    return sorted(path for path in into.iterdir() if _NAMED.fullmatch(path.name) and (path / MANIFEST).is_file())


def _remove_leftovers(into: Path) -> None:
    for path in into.glob("*.partial"):
        if _NAMED.fullmatch(path.stem):
            shutil.rmtree(path)


def _prune(into: Path, keep: int) -> None:
    for old in _whole(into)[:-keep]:
        going = old.with_name(f"{old.name}.partial")  # half removed it must not look like a backup
        old.rename(going)
        shutil.rmtree(going)


# --- the manifest -----------------------------------------------------------------------------------------------------


def _complete(partial: Path, key: Path, facts: Mapping[str, object]) -> None:
    """Lay the key beside the copy, and sign for both."""
    if key.exists():
        make_file(partial / KEY)
        shutil.copyfile(key, partial / KEY)
    files = sorted(partial.iterdir())
    signed = {file.name: {"bytes": file.stat().st_size, "sha256": _hash(file)} for file in files}
    manifest = {**facts, "files": signed}
    make_file(partial / MANIFEST)
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for path in (*files, partial / MANIFEST, partial):
        _to_disk(path)


def _read(folder: Path) -> tuple[Backup, dict[str, Any]]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["database"]["kind"] not in _KINDS:
            raise NoBackup(str(folder))
        backup = Backup(
            folder=folder,
            made_at=datetime.fromisoformat(manifest["made_at"]),
            rows={str(table): int(count) for table, count in manifest["rows"].items()},
            size=sum(file["bytes"] for file in manifest["files"].values()),
            has_key=KEY in manifest["files"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoBackup(str(folder)) from error
    return backup, manifest


def _compare(expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table, count in expected.items():
        if found.get(table, 0) != count:
            raise Damaged(table, f"{found.get(table, 0)} of {count} rows")


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    """What a power cut may not take again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
