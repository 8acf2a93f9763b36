"""`check`: look at everything that a start needs, and say what to do."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import asyncio
import errno
import socket
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bot import config
from bot.commands.backing_up import sentence
from bot.commands.frame import Stop, program, settings_of, why
from bot.commands.serving import where_faden_serves
from bot.config import BadSetting, Settings, WebSettings

PATIENCE_SECONDS = 5.0
UNAUTHORIZED = (401, 404)


@dataclass(frozen=True)
class Finding:
    """One line of `check`: what was looked at, whether it is well, and what it is or what to do."""

    what: str
    ok: bool
    detail: str


def check(options: argparse.Namespace) -> int:
    """A line for each thing that was looked at; 1 when one of them is not well."""
    try:
        settings = settings_of(options)
        findings = [_configuration(settings), *asyncio.run(_findings(settings))]
    except (Stop, BadSetting) as error:
        findings = [Finding("configuration", ok=False, detail=str(error))]
    for finding in findings:
        print(f"{finding.what:<14} {'ok' if finding.ok else 'FAILED':<7} {finding.detail}")
    return 0 if all(finding.ok for finding in findings) else 1


def _configuration(settings: Settings) -> Finding:
    try:
        has_key = settings.key_file.exists()
    except OSError as error:
        detail = f"{settings.key_file} cannot be looked at: {_reason(error)}"
        return Finding("configuration", ok=False, detail=detail)
    if has_key:
        config.secret_key(settings)
    empty = [
        f"town.{name}" for name in ("imprint", "privacy", "accessibility", "land") if not getattr(settings.town, name)
    ]
    return Finding(
        "configuration", ok=True, detail=f"still empty: {', '.join(empty)}" if empty else settings.web.public_url
    )


async def _findings(settings: Settings) -> list[Finding]:
    return [
        *await _database(settings),
        await _token(settings),
        await _mail_server(settings),
        _address(settings.web),
        _calendar(settings),
        await _backups(settings),
    ]


async def _database(settings: Settings) -> list[Finding]:
    from storage.db import is_sqlite, sqlite_path
    from storage.migrate import pending
    from storage.private import is_open_to_others

    url = settings.database.url
    path = sqlite_path(url)
    for folder in (settings.directory, path.parent if path else settings.directory):
        if complaint := _cannot_write(folder):
            return [Finding("database", ok=False, detail=f"nothing can be written to {folder}: {complaint}")]
    try:
        waiting = await asyncio.wait_for(pending(url), PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001  # whatever the driver raises, the line says it
        return [Finding("database", ok=False, detail=why(error, settings))]
    kind = f"SQLite, {path}" if is_sqlite(url) else "PostgreSQL"
    if path is not None and path.exists() and is_open_to_others(path):
        kind += " (others on this machine may read it until the next start)"
    todo = f"{len(waiting)} waiting: the next start applies them, or {program()} migrate"
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
            return Finding("telegram", ok=True, detail=f"@{answer['result']['username']}{_no_buttons(settings.web)}")
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        # The library's own words would show the address, and the token in it.
        return Finding("telegram", ok=False, detail=f"no answer from {settings.telegram.api_base}: look at the network")


def _no_buttons(web: WebSettings) -> str:
    """What Telegram cannot show; the web chat and mails show links to any host."""
    if "." in (urlsplit(web.public_url).hostname or ""):
        return ""
    return f"; its link buttons need a host with a dot, links to {web.public_url} stand in the text"


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
        return Finding("mail", ok=False, detail=f"no server there, or no talk with it: {why(error, settings)}")
    return Finding("mail", ok=True, detail=f"from {settings.mail.sender}")


def _cannot_write(folder: Path) -> str:
    """Why the folder cannot be made or written to; empty when it can. Tried, and nothing is left of it."""
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryDirectory(dir=there):
            return ""
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _address(web: WebSettings) -> Finding:
    """Whether the program can listen there, or does so already."""
    try:
        with socket.create_server((web.host, web.port), family=socket.AF_INET6 if ":" in web.host else socket.AF_INET):
            return Finding("address", ok=True, detail=f"{web.host}, port {web.port}")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            reason = str(error.strerror).partition(" (")[0]
            detail = f"web.host {web.host}, port {web.port}: {reason}"
            return Finding("address", ok=False, detail=detail)
    if address := where_faden_serves(web):
        return Finding("address", ok=True, detail=f"Faden runs at {address}")
    return Finding("address", ok=False, detail=f"port {web.port} on {web.host} belongs to another program")


def _calendar(settings: Settings) -> Finding:
    """An invitation is written with each of the settings that stand in one, the others being such as surely work."""
    safe = Settings(
        web=replace(settings.web, given_url="https://faden.example.org"),
        mail=replace(settings.mail, sender="faden@example.org"),
        town=replace(settings.town, zone="Europe/Berlin"),
    )
    tried = {
        f"town.zone ({settings.town.zone})": replace(safe, town=settings.town),
        f"web.public_url ({settings.web.public_url})": replace(safe, web=settings.web),
        f"mail.from ({settings.mail.sender})": replace(safe, mail=settings.mail),
    }
    wrong = [name for name, one in tried.items() if not _can_invite(one)]
    if wrong:
        detail = f"no invitation can be written with {', '.join(wrong)}"
        return Finding("calendar", ok=False, detail=detail)
    return Finding("calendar", ok=True, detail="invitations can be written")


def _can_invite(settings: Settings) -> bool:
    from zoneinfo import ZoneInfo

    from bot import calendars

    host = urlsplit(settings.web.public_url).hostname or ""
    moment = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo(settings.town.zone))  # any will do
    try:
        meeting = calendars.MeetingFacts(
            uid=f"check@{host}",
            sequence=0,
            title="Faden",
            starts=moment,
            ends=moment + timedelta(hours=1),
            status=calendars.Status.CONFIRMED,
            url=settings.web.public_url,
            created=moment.astimezone(UTC),
            last_modified=moment.astimezone(UTC),
        )
        organizer = calendars.Organizer(address=settings.mailbox, name=settings.town.name)
        recipient = calendars.Attendee(address="mitglied@example.org", name="Mitglied")
        calendars.request(meeting, organizer=organizer, recipient=recipient, stamp=moment.astimezone(UTC))
    except (ValueError, RuntimeError):  # what the module raises for facts that no calendar can carry
        return False
    return True


async def _backups(settings: Settings) -> Finding:
    from bot.app import system_clock
    from bot.scheduling.backups import OVERDUE
    from storage.backup import newest
    from storage.backup.copied import BackupFailed
    from storage.backup.postgres import check_programs
    from storage.db import is_sqlite

    latest, complaint = None, ""
    try:
        latest = newest(settings.backups)
    except OSError as error:
        complaint = f"{settings.backups} cannot be read: {_reason(error)}"
    shown = complaint or (f"the newest is of {latest:%Y-%m-%d %H:%M} UTC" if latest else "none yet")
    if settings.backup.hour is None:
        return Finding("backup", ok=True, detail=f"{shown}; none is made by itself: backup.hour is not set")
    if not complaint and (refused := _cannot_write(settings.backups)):
        complaint = f"nothing can be written to {settings.backups}: {refused}"
    if complaint:
        return Finding("backup", ok=False, detail=complaint)
    try:
        if not is_sqlite(settings.database.url):
            await asyncio.wait_for(check_programs(settings.database.url), PATIENCE_SECONDS)
    except BackupFailed as error:
        return Finding("backup", ok=False, detail=sentence(error))
    except Exception as error:  # noqa: BLE001  # whatever the driver raises, the line says it
        return Finding("backup", ok=False, detail=why(error, settings))
    fresh = latest is None or system_clock() - latest < OVERDUE
    return Finding("backup", ok=fresh, detail=shown if fresh else f"{shown}: the log says why")
