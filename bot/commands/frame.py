"""What the commands share: how one ends, its settings, its database, its progress bar."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bot import config
from bot.config import Settings

T = TypeVar("T")
Advance = Callable[[int, int], None]

SETTINGS_FILE = Path("config.toml")
NO_SETTINGS = (
    f"There are no settings. Copy config.example.toml to {SETTINGS_FILE} and edit it, or set FADEN_… variables; "
    "`{program} serve --trial` starts a sample town without any."
)


class Stop(Exception):
    """The command ends here; its sentence is for standard error."""


def program() -> str:
    """How the command line is called here, in words that work when they are pasted."""
    python = Path(sys.executable)
    if shutil.which(python.name) == sys.executable:
        return f"{python.name} -m bot"
    with contextlib.suppress(ValueError):
        python = python.relative_to(Path.cwd())
    return f"{python} -m bot"


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the command names, or that are there. Raises Stop and BadSetting."""
    file: Path | None = options.config or (SETTINGS_FILE if SETTINGS_FILE.exists() else None)
    if file is None and not config.any_given(os.environ):
        raise Stop(NO_SETTINGS.format(program=program()))
    return config.load(file, os.environ)


def why(error: Exception, settings: Settings) -> str:
    """The error in one line, without what is secret."""
    from urllib.parse import unquote, urlsplit

    line = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
    for url in (settings.database.url, settings.mail.smtp_url or ""):
        password = urlsplit(url).password or ""
        for secret in filter(None, (url, password, unquote(password))):
            line = line.replace(secret, "…")
    return line


def run(work: Awaitable[T], settings: Settings) -> T:
    """Run what talks to the database; what goes wrong there becomes a sentence."""
    from tortoise.exceptions import BaseORMException

    from storage.db import BadDatabaseUrl
    from storage.migrate import BrokenReferences, DatabaseIsNewer, MigrationFailed, MigrationIsRunning

    async def awaited() -> T:
        return await work

    unusable: tuple[type[Exception], ...] = (BadDatabaseUrl, BaseORMException, OSError, *driver_errors(settings))
    try:
        return asyncio.run(awaited())
    except DatabaseIsNewer as error:
        raise Stop(
            f"The database was made by a newer Faden ({', '.join(error.unknown)}): update the program."
        ) from error
    except MigrationIsRunning as error:
        raise Stop("Another process is migrating or holds the database: wait until it is done.") from error
    except (MigrationFailed, BrokenReferences) as error:
        cause = why(error, settings)
        raise Stop(f"A migration failed, and the database is as it was before: {cause}") from error
    except unusable as error:
        raise Stop(f"The database cannot be used: {why(error, settings)}") from error


def driver_errors(settings: Settings) -> tuple[type[Exception], ...]:
    """What the database's driver raises."""
    from storage.db import is_sqlite

    if is_sqlite(settings.database.url):
        return (sqlite3.Error,)
    import asyncpg

    return (asyncpg.PostgresError, asyncpg.InterfaceError)


async def in_store(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work on the open store. Raises Stop when migrations are waiting."""
    from storage.db import close_store, open_store
    from storage.migrate import pending

    if await pending(settings.database.url):
        raise Stop(f"The database is not up to date: run `{program()} migrate` first.")
    try:
        await open_store(settings.database.url)
        return await work()
    finally:
        await close_store()


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Advance]:
    """A progress bar, where there is a terminal; what it gives is told how much is done, of how much."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
