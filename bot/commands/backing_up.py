"""`backup`: make one now, or read one that was made."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import __version__
from bot.commands.frame import Stop, driver_errors, settings_of, why
from bot.config import Settings

if TYPE_CHECKING:
    from storage.backup import Backup
    from storage.backup.copied import BackupFailed


def backup(options: argparse.Namespace) -> int:
    """The folder of the new backup alone on standard output; with --check nothing is made, and no settings are needed."""
    if options.check is not None:
        return _check(options.check)
    settings = settings_of(options)
    from bot.app import system_clock
    from storage.backup import back_up

    made = _made(
        back_up(
            settings.database.url,
            into=options.to or settings.backups,
            key=settings.key_file,
            version=__version__,
            keep=settings.backup.keep,
            now=system_clock(),
        ),
        settings,
    )
    print(made.folder)
    print(_facts(made), file=sys.stderr)
    return 0


def _check(folder: Path) -> int:
    from storage.backup import verify

    found = _made(verify(folder), Settings())
    print(f"{folder} is whole. {_facts(found)}")
    return 0


def _facts(backup: "Backup") -> str:
    key = "" if backup.has_key else " There is no secret key in it: the first start makes one."
    return f"{sum(backup.rows.values())} rows in {len(backup.rows)} tables, {backup.size / 1e6:.1f} MB.{key}"


def _made(work: "Coroutine[Any, Any, Backup]", settings: Settings) -> "Backup":
    """What the work gives; each way in which it fails becomes a sentence."""
    from storage.backup.copied import BackupFailed

    unusable: tuple[type[Exception], ...] = (OSError, sqlite3.Error, *driver_errors(settings))
    try:
        return asyncio.run(work)
    except BackupFailed as error:
        raise Stop(sentence(error)) from error
    except unusable as error:
        raise Stop(f"The backup failed, and those that are there stay: {why(error, settings)}") from error


def sentence(error: "BackupFailed") -> str:
    """Why there is no backup, and what to do."""
    from storage.backup import BackupIsRunning, NoBackup
    from storage.backup.copied import Damaged
    from storage.backup.postgres import ProgramMissing, ProgramTooOld

    match error:
        case BackupIsRunning():
            return "Another process is making a backup into this folder: wait until it is done."
        case NoBackup():
            return f"There is no backup in {error}: name the folder that has a manifest.json."
        case Damaged():
            return f"The copy is damaged, {error.what}: {error.how}."
        case ProgramMissing():
            return f"There is no {error} here: install PostgreSQL's client programs (on Debian: postgresql-client)."
        case ProgramTooOld():
            return (
                f"pg_dump is of PostgreSQL {error.version}, the server of {error.server}: "
                f"install its client programs (postgresql-client-{error.server})."
            )
        case _:
            return f"The backup failed, and those that are there stay: {error}"
