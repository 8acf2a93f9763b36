"""The command line. It speaks English (docs/decisions/0004); what people read comes from templates and speaks German.

Exit codes: 0 done, 1 refused or failed (one sentence on standard error says why), 2 wrong usage, 130 stopped with Ctrl-C.
"""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bot import config
from bot.config import BadSetting, Settings

if TYPE_CHECKING:
    from bot.actions.people import Difference, ImportReport, PeopleReport
    from bot.rules.mistakes import Mistake

T = TypeVar("T")
Advance = Callable[[int, int], None]

PROGRAM = "python -m bot"
SETTINGS_FILE = Path("config.toml")
PATIENCE_SECONDS = 5.0
UNAUTHORIZED = (401, 404)

NO_SETTINGS = (
    f"There are no settings. Copy config.example.toml to {SETTINGS_FILE} and edit it, or set FADEN_… variables; "
    f"`{PROGRAM} serve --trial` starts a sample town without any."
)

MISTAKES = {
    "above_itself": "stands above itself: follow the parents of {value}",
    "bad_quotes": "has quotation marks that do not match",
    "column_twice": "is there twice, also as {value}",
    "end_is_past": "lies in the past, and a list ends no seat: end it in the chat, or leave the line out",
    "ends_before_begin": "lies before the beginning",
    "ends_before_it_begins": "lies before `from`",
    "file_too_large": "is larger than {limit} MB",
    "mail_taken": "already belongs to {person} ({value}): change it there first",
    "missing": "is missing",
    "missing_columns": "lacks the columns {needed}; its first line has {found}",
    "needs_body": "says something of a seat, but the line names no body",
    "no_heading": "has something in column {value}, which has no heading: is there a separator too many?",
    "no_rows": "has nothing below the headings",
    "no_spreadsheet": "must be one of {suffixes}",
    "no_such": "refers to {value}, which is not in the file",
    "not_a_choice": "must be one of {choices}",
    "not_a_date": "must be a day such as 2026-09-01 or 01.09.2026, not {value}",
    "not_a_day": "must be a day such as 2026-09-01, without quotes",
    "not_a_flag": "must be true or false",
    "not_a_hand_over": 'must be a list such as [{{ to = "TK", report = 1 }}]',
    "not_a_key": "must be a short name of letters, digits, - and _",
    "not_a_language": "must be German or English, not {value}",
    "not_a_line": "must be a text of one line",
    "not_a_list": 'must be a list such as ["nord", "mitte"]',
    "not_a_mail_address": "must be a mail address, without umlauts before the @ and with a dot behind it",
    "not_a_number": "must be a whole number from {lowest} to {highest}",
    "not_a_role": "must be one of {choices}, not {value}",
    "not_a_quorum": 'must be {{ at_least = "1/2" }}, {{ more_than = "1/2" }}, {{ number = 8 }} or {{ public = 1, free = 2 }}',
    "not_a_share": 'must be a part of the whole such as "1/3"',
    "not_a_table": "must be a table",
    "not_a_time": 'must be a time of day such as "12:00"; quiet hours are such as "19:00-07:00"',
    "not_a_web_address": "must begin with https:// or http://",
    "not_a_zone": 'must be a time zone such as "Europe/Berlin"',
    "not_tables": "must be a list of tables",
    "not_text": "is no text: save it as CSV UTF-8",
    "not_there": "refers to {value}, which is not in Faden",
    "not_toml": "cannot be read as TOML: {reason}",
    "not_xlsx": "cannot be opened: save it anew as XLSX, without a password",
    "person_or_vacant": "needs either a person or `vacant = true`",
    "same_name": "could be {people}: name the key in a column Key, of somebody new a new one",
    "says_otherwise": "is {value} in line {line}, which is about the same person",
    "seat_twice": "gives {value} two seats in one body at the same time",
    "too_long": "must have at most {limit} characters",
    "too_many_columns": "has more than {limit} columns",
    "too_many_rows": "has more than {limit} lines: divide it",
    "twice": "is not the only one: {value} is there before, perhaps in other capitals",
    "unknown_key": "is no key of this table",
    "unpacks_too_large": "unpacks to more than {limit} MB: copy the list into a new, empty spreadsheet",
}


class Stop(Exception):
    """The command ends here; its sentence is for standard error."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (Stop, BadSetting) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Faden: meetings, topics and commitments for Sozialraumorientierung.",
        epilog="Settings: config.example.toml. Operating: docs/operating.md.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    settings = argparse.ArgumentParser(add_help=False)
    settings.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file (default: {SETTINGS_FILE}, if it is there)"
    )

    serve = commands.add_parser("serve", help="run Faden until Ctrl-C or SIGTERM")
    source = serve.add_mutually_exclusive_group()
    source.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file (default: {SETTINGS_FILE}, if it is there)"
    )
    source.add_argument("--trial", action="store_true", help="a sample town on this machine only; needs no settings")
    serve.add_argument("--host", help="address to listen on (default: from the settings)")
    serve.add_argument("--port", type=int, help="port to listen on (default: from the settings)")
    serve.set_defaults(run=_serve)

    check = commands.add_parser(
        "check", parents=[settings], help="look at settings, database, migrations, token and mail server"
    )
    check.set_defaults(run=_check)

    migrate = commands.add_parser("migrate", parents=[settings], help="bring the database up to date")
    migrate.add_argument("--dry-run", action="store_true", help="only name the migrations that are waiting")
    migrate.set_defaults(run=_migrate)

    import_ = commands.add_parser(
        "import",
        parents=[settings],
        help="add and update a town (.toml, see town.example.toml), or people from a list (.csv, .xlsx)",
    )
    import_.add_argument("file", type=Path, metavar="FILE")
    import_.add_argument("--dry-run", action="store_true", help="only show what would change")
    import_.add_argument("--prune", action="store_true", help="end the seats that the town file has no longer")
    import_.set_defaults(run=_import)

    admin_code = commands.add_parser(
        "admin-code", parents=[settings], help="make the one-time code of the first administrator"
    )
    admin_code.set_defaults(run=_admin_code)

    invite = commands.add_parser("invite", parents=[settings], help="make one-time links by which people join")
    invite.add_argument("people", nargs="+", metavar="PERSON", help="a person's key in the town file")
    invite.set_defaults(run=_invite)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    file: Path | None = options.config or (SETTINGS_FILE if SETTINGS_FILE.exists() else None)
    if file is None and not config.any_given(os.environ):
        raise Stop(NO_SETTINGS)
    return config.load(file, os.environ)


# --- serve ------------------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    settings = config.load(None, os.environ, trial=True) if options.trial else _settings(options)
    settings = config.with_address(settings, options.host, options.port)
    import structlog

    from bot import logs
    from bot.app import serve

    logs.configure(settings.log)
    try:
        return _run(serve(settings), settings)
    except (Stop, BadSetting):
        raise
    except Exception:  # noqa: BLE001  # a defect, whatever it is; the log takes out what is secret
        structlog.get_logger(__name__).exception("cannot start or go on")
        return 1


# --- check ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One line of `check`: what was looked at, whether it is well, and what it is or what to do."""

    what: str
    ok: bool
    detail: str


def _check(options: argparse.Namespace) -> int:
    try:
        settings = _settings(options)
        findings = [_configuration(settings), *asyncio.run(_findings(settings))]
    except (Stop, BadSetting) as error:
        findings = [Finding("configuration", ok=False, detail=str(error))]
    for finding in findings:
        print(f"{finding.what:<14} {'ok' if finding.ok else 'FAILED':<7} {finding.detail}")
    return 0 if all(finding.ok for finding in findings) else 1


def _configuration(settings: Settings) -> Finding:
    if (settings.directory / "secret.key").exists():
        config.secret_key(settings)
    empty = [
        f"town.{name}" for name in ("imprint", "privacy", "accessibility", "land") if not getattr(settings.town, name)
    ]
    return Finding(
        "configuration", ok=True, detail=f"still empty: {', '.join(empty)}" if empty else settings.web.public_url
    )


async def _findings(settings: Settings) -> list[Finding]:
    return [*await _database(settings), await _token(settings), await _mail_server(settings)]


async def _database(settings: Settings) -> list[Finding]:
    from storage.db import is_sqlite, sqlite_path
    from storage.migrate import pending

    url = settings.database.url
    try:
        waiting = await asyncio.wait_for(pending(url), PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001  # whatever the driver raises, the line says it
        return [Finding("database", ok=False, detail=_why(error, settings))]
    path = sqlite_path(url)
    kind = f"SQLite, {path}" if is_sqlite(url) else "PostgreSQL"
    todo = f"{len(waiting)} waiting: the next start applies them, or {PROGRAM} migrate"
    return [
        Finding("database", ok=True, detail=kind if path is None or path.exists() else f"{kind} (not there yet)"),
        Finding("migrations", ok=True, detail=todo if waiting else "up to date"),
    ]


async def _token(settings: Settings) -> Finding:
    if settings.telegram.token is None:
        return Finding("telegram", ok=True, detail="not used: telegram.token is not set")
    import aiohttp

    address = f"{settings.telegram.api_base}/bot{settings.telegram.token}/getMe"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)) as session,
            session.get(address) as response,
        ):
            if response.status in UNAUTHORIZED:
                return Finding("telegram", ok=False, detail="the token is refused: ask @BotFather for a new one")
            answer = await response.json()
            return Finding("telegram", ok=True, detail=f"@{answer['result']['username']}")
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        # The library's own words would show the address, and the token in it.
        return Finding("telegram", ok=False, detail=f"no answer from {settings.telegram.api_base}: look at the network")


async def _mail_server(settings: Settings) -> Finding:
    if settings.mail.smtp_url is None or settings.mail.sender is None:
        return Finding("mail", ok=True, detail="not used: mail.smtp_url is not set")
    import aiosmtplib

    from bot.post import Mailer

    try:
        await asyncio.wait_for(Mailer(settings.mail.smtp_url, settings.mail.sender).check(), PATIENCE_SECONDS)
    except aiosmtplib.SMTPAuthenticationError:
        return Finding("mail", ok=False, detail="user name or password is refused: look at mail.smtp_url")
    except (aiosmtplib.SMTPException, OSError) as error:
        return Finding("mail", ok=False, detail=f"no server there, or no talk with it: {_why(error, settings)}")
    return Finding("mail", ok=True, detail=f"from {settings.mail.sender}")


def _why(error: Exception, settings: Settings) -> str:
    """The error in one line, without what is secret."""
    from urllib.parse import unquote, urlsplit

    line = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
    for url in (settings.database.url, settings.mail.smtp_url or ""):
        password = urlsplit(url).password or ""
        for secret in filter(None, (url, password, unquote(password))):
            line = line.replace(secret, "…")
    return line


# --- the database -----------------------------------------------------------------------------------------------------


def _migrate(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from storage.migrate import migrate, pending

    url = settings.database.url
    if options.dry_run:
        names = _run(pending(url), settings)
        print("\n".join(names) if names else "The database is up to date.")
        return 0
    with _bar("Migrating") as advance:
        begun = lambda _name, number, count: advance(number - 1, count)  # noqa: E731  # too small for a name of its own
        names = _run(migrate(url, backup_dir=settings.directory / "backups", progress=begun), settings)
    print(f"Applied: {', '.join(names)}." if names else "The database is up to date.")
    return 0


def _run(work: Awaitable[T], settings: Settings) -> T:
    """Run what talks to the database; what goes wrong there becomes a sentence."""
    from tortoise.exceptions import BaseORMException

    from storage.db import BadDatabaseUrl
    from storage.migrate import BrokenReferences, DatabaseIsNewer, MigrationFailed, MigrationIsRunning

    async def awaited() -> T:
        return await work

    unusable: tuple[type[Exception], ...] = (BadDatabaseUrl, BaseORMException, OSError, *_driver_errors(settings))
    try:
        return asyncio.run(awaited())
    except DatabaseIsNewer as error:
        raise Stop(
            f"The database was made by a newer Faden ({', '.join(error.unknown)}): update the program."
        ) from error
    except MigrationIsRunning as error:
        raise Stop("Another process is migrating or holds the database: wait until it is done.") from error
    except (MigrationFailed, BrokenReferences) as error:
        cause = _why(error, settings)
        raise Stop(f"A migration failed, and the database is as it was before: {cause}") from error
    except unusable as error:
        raise Stop(f"The database cannot be used: {_why(error, settings)}") from error


def _driver_errors(settings: Settings) -> tuple[type[Exception], ...]:
    from storage.db import is_sqlite

    if is_sqlite(settings.database.url):
        return (sqlite3.Error,)
    import asyncpg

    return (asyncpg.PostgresError, asyncpg.InterfaceError)


async def _in_store(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    from storage.db import close_store, open_store
    from storage.migrate import pending

    if await pending(settings.database.url):
        raise Stop(f"The database is not up to date: run `{PROGRAM} migrate` first.")
    try:
        await open_store(settings.database.url)
        return await work()
    finally:
        await close_store()


# --- the town ---------------------------------------------------------------------------------------------------------


def _import(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from bot.rules import spreadsheet, townfile
    from bot.rules.mistakes import FileErrors

    if spreadsheet.is_table(options.file.name):
        return _import_people(options, settings)
    try:
        town = townfile.parse(_text(options.file), str(options.file))
        from bot.actions import people
        from bot.app import system_clock

        with _bar("Importing") as advance:

            async def work() -> "ImportReport":
                return await people.import_town(
                    town,
                    zone=settings.town.zone,
                    now=system_clock(),
                    prune=options.prune,
                    dry_run=options.dry_run,
                    advance=advance,
                )

            report = _run(_in_store(settings, work), settings)
    except FileErrors as errors:
        raise Stop(_mistakes(errors.mistakes)) from errors
    for line in _report(report):
        print(line)
    counts = (
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.ended)} ended, {len(report.kept)} kept"
    )
    print(f"{'Dry run, nothing is written' if options.dry_run else 'Imported'}: {counts}.")
    return 0


def _import_people(options: argparse.Namespace, settings: Settings) -> int:
    from bot.rules import peoplefile
    from bot.rules.mistakes import FileErrors

    if options.prune:
        raise Stop("--prune is for town files: a list of people ends no seat.")
    try:
        file = peoplefile.read(_bytes(options.file), str(options.file))
    except FileErrors as errors:
        raise Stop(_mistakes(errors.mistakes)) from errors
    from bot.actions import people
    from bot.actions.people import RowState
    from bot.app import system_clock

    with _bar("Importing") as advance:

        async def work() -> "PeopleReport":
            return await people.import_people(
                file,
                by=None,
                zone=settings.town.zone,
                now=system_clock(),
                dry_run=options.dry_run,
                advance=advance,
            )

        report = _run(_in_store(settings, work), settings)
    for line in _row_report(report, str(options.file)):
        print(line)
    wrong = [mistake for row in report.rows for mistake in row.mistakes]
    if wrong:
        raise Stop(_mistakes(wrong))
    counts = ", ".join(
        f"{report.count(state)} {state.value}" for state in (RowState.NEW, RowState.CHANGED, RowState.UNCHANGED)
    )
    print(f"{'Dry run, nothing is written' if options.dry_run else 'Imported'}: {counts}.")
    return 0


def _row_report(report: "PeopleReport", file: str) -> Iterator[str]:
    for row in report.rows:
        yield f"{file}:{row.line}: {row.state.value}: {row.name}"
        for difference in row.differences:
            yield f"  {_change(difference)}"
        for kept in row.kept:
            yield f"  {_kept(kept)}"
    if report.unknown:
        yield f"Not used: {', '.join(report.unknown)}"
    if report.idle:
        yield f"An organisation without a body, not used: line {', '.join(map(str, report.idle))}"


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Stop(f"{file} is not UTF-8: save it with that encoding.") from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error


def _mistakes(mistakes: "Iterable[Mistake]") -> str:
    return "\n".join([*(_mistake(mistake) for mistake in mistakes), "Nothing was imported."])


def _mistake(mistake: "Mistake") -> str:
    facts: Mapping[str, object] = {
        name: ", ".join(map(str, fact)) if isinstance(fact, tuple) else fact for name, fact in mistake.facts.items()
    }
    nearest = f" Did you mean {facts['nearest']}?" if facts.get("nearest") else ""
    return " ".join(
        f"{mistake.file}:{mistake.line}: {mistake.key} {MISTAKES[mistake.code].format(**facts)}.{nearest}".split()
    )


def _report(report: "ImportReport") -> Iterator[str]:
    for change in (*report.added, *report.changed):
        yield _change(change)
    for ended in report.ended:
        yield f"- {_thing(ended)}: ends on {ended.new}"
    for kept in report.kept:
        yield _kept(kept)
    for missing in report.missing:
        yield f"? {_thing(missing)}: is not in the file; --prune ends it"


def _change(difference: "Difference") -> str:
    if difference.field is None:
        return f"+ {_thing(difference)}"
    return f"~ {_thing(difference)}: {difference.field}: {_shown(difference.old)} → {_shown(difference.new)}"


def _kept(kept: "Difference") -> str:
    old, new = _shown(kept.old), _shown(kept.new)
    return f"= {_thing(kept)}: {kept.field} stays {old}, edited in Faden; the file wants {new}"


def _thing(difference: "Difference") -> str:
    return f"{difference.what} {difference.name}"


def _shown(value: object) -> str:
    return "empty" if value in (None, [], {}) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# --- ways in ----------------------------------------------------------------------------------------------------------


def _admin_code(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from bot.actions import sessions
    from bot.app import system_clock
    from storage.vocabulary import TokenPurpose

    async def work() -> str:
        return await sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=system_clock())

    print(_run(_in_store(settings, work), settings))
    print(
        f"Send it to the bot as /start CODE, or open {settings.web.public_url}/einladung/CODE. It works once, for a day.",
        file=sys.stderr,
    )
    return 0


def _invite(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from bot.actions import audit, sessions
    from bot.app import system_clock
    from bot.rules.fields import nearest
    from storage.models import Person
    from storage.vocabulary import TokenPurpose

    async def work() -> list[tuple[str, str]]:
        known = {person.key: person.id for person in await Person.filter(left_at=None)}
        for key in options.people:
            if key not in known:
                meant = nearest(key, known)
                raise Stop(f"There is nobody called {key}." + (f" Did you mean {meant}?" if meant else ""))
        links = []
        for key in dict.fromkeys(options.people):
            now = system_clock()
            links.append((key, await sessions.issue(person=known[key], purpose=TokenPurpose.INVITATION, now=now)))
            await audit.record(None, "person.invited", f"person:{known[key]}", now=now, handed_on=True)
        return links

    for key, token in _run(_in_store(settings, work), settings):
        print(f"{key}\t{settings.web.public_url}/einladung/{token}")
    print("Each link works once, for 14 days.", file=sys.stderr)
    return 0


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Advance]:
    """A progress bar, where there is a terminal; what it gives is told how much is done, of how much."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
