"""The page on restoring is walked: its commands are run as they stand there, on either database."""

import os
import re
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from storage import db
from storage.backup import back_up
from storage.migrate import migrate
from storage.models import Remembered
from tests.conftest import HOUSE, run_apart
from tests.postgres import Server, programs

PAGE = HOUSE / "docs" / "restore.md"
KEY = b"k" * 32
SETTINGS = {"FADEN_WEB__PUBLIC_URL": "https://faden.example.org", "FADEN_WEB__PORT": "0"}  # any port that is free


def commands(heading: str) -> str:
    """Every code block below that heading."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return "".join(re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faden's folder as an operator has it; systemctl only notes what it is asked for."""
    for name in ("bot", "storage"):
        (tmp_path / name).symlink_to(HOUSE / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    write(tmp_path / ".venv" / "bin" / "python", f'exec {sys.executable} "$@"')
    (tmp_path / "programs").mkdir()
    write(tmp_path / "programs" / "systemctl", 'echo "$@" >> asked')
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret.key").write_bytes(KEY)
    (tmp_path / "var" / "secret.key").chmod(0o600)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{programs() / 'bin'}:{os.environ['PATH']}")
    return tmp_path


def write(program: Path, line: str) -> None:
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


async def remember(url: str, key: str) -> None:
    await db.open_store(url)
    try:
        async with db.transaction():
            await Remembered.create(key=key, value=1)
    finally:
        await db.close_store()


async def remembered(url: str) -> list[str]:
    await db.open_store(url)
    try:
        return sorted(await Remembered.all().values_list("key", flat=True))  # type: ignore[arg-type]  # one column
    finally:
        await db.close_store()


def walk(house: Path, heading: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the page's commands in Faden's folder, and stop at the first that fails."""
    without = {name: value for name, value in os.environ.items() if not name.startswith(("FADEN_", "PG", "PYTHON"))}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(heading)],  # noqa: S607  # every system has it
        cwd=house,
        env={**without, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def lose_something(url: str, house: Path, now: datetime) -> None:
    """Make a backup of a town that remembers one thing, and go on."""
    await migrate(url, backup_dir=None)
    await remember(url, "before the backup")
    await back_up(url, into=house / "var" / "backups", key=house / "var" / "secret.key", version="0", keep=2, now=now)
    await remember(url, "after the backup")
    (house / "var" / "secret.key").write_bytes(b"x" * 32)


def test_restoring_on_sqlite_brings_back_database_and_key(house: Path, now: datetime) -> None:
    url = f"sqlite:///{house}/var/faden.sqlite3"
    run_apart(lose_something(url, house, now))
    (house / "var" / "faden.sqlite3-wal").write_bytes(b"what a killed process left behind")

    done = walk(house, "Restore on SQLite", SETTINGS)

    assert done.returncode == 0, done.stderr
    assert (house / "asked").read_text().splitlines() == ["stop faden", "start faden"]
    assert run_apart(remembered(url)) == ["before the backup"]
    assert (house / "var" / "secret.key").read_bytes() == KEY
    assert stat.S_IMODE((house / "var" / "faden.sqlite3").stat().st_mode) == 0o600
    assert sorted(path.name for path in (house / "var" / "before-restore").iterdir()) == [
        "faden.sqlite3",
        "faden.sqlite3-wal",
        "secret.key",
    ]


@pytest.mark.postgres
def test_restoring_on_postgresql_brings_back_database_and_key(
    house: Path, postgres_server: Server, now: datetime
) -> None:
    url = postgres_server.url("faden")
    run_apart(postgres_server.create_database(name="faden"))
    try:
        run_apart(lose_something(url, house, now))
        server = {"PGHOST": str(postgres_server.directory), "PGUSER": "faden"}

        done = walk(house, "Restore on PostgreSQL", {"FADEN_DATABASE__URL": url, **server, **SETTINGS})

        assert done.returncode == 0, done.stderr
        assert (house / "asked").read_text().splitlines() == ["stop faden", "start faden"]
        assert run_apart(remembered(url)) == ["before the backup"]
        assert run_apart(remembered(postgres_server.url("faden_before"))) == ["after the backup", "before the backup"]
        assert (house / "var" / "secret.key").read_bytes() == KEY
    finally:
        for name in ("faden", "faden_before", "faden_restored"):
            run_apart(postgres_server.drop_database(postgres_server.url(name)))


def test_restoring_stops_at_a_backup_that_is_damaged(house: Path, now: datetime) -> None:
    url = f"sqlite:///{house}/var/faden.sqlite3"
    run_apart(lose_something(url, house, now))
    (copy,) = house.glob("var/backups/*/faden.sqlite3")
    copy.write_bytes(copy.read_bytes()[:-1])

    done = walk(house, "Restore on SQLite", SETTINGS)

    assert (done.returncode, done.stderr) == (1, "The copy is damaged, faden.sqlite3: its hash is another.\n")
    assert run_apart(remembered(url)) == ["after the backup", "before the backup"]
