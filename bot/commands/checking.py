"""`check`: look at everything that a start needs, and say what to do."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import asyncio
from dataclasses import dataclass

from bot import config
from bot.commands.frame import Stop, program, settings_of, why
from bot.config import BadSetting, Settings

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
        return [Finding("database", ok=False, detail=why(error, settings))]
    path = sqlite_path(url)
    kind = f"SQLite, {path}" if is_sqlite(url) else "PostgreSQL"
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
        return Finding("mail", ok=False, detail=f"no server there, or no talk with it: {why(error, settings)}")
    return Finding("mail", ok=True, detail=f"from {settings.mail.sender}")
