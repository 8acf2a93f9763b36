import errno
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import asyncpg
import pytest
import structlog
from tortoise.exceptions import DBConnectionError, OperationalError

from bot import logs
from bot.config import LogSettings
from bot.logs import HIDDEN, redacted
from bot.rules import tokens
from storage.away import why_away
from tests.overhearing import Overheard, secrets_in

TOKEN = "123456789:AAFmZ0-invented_token_of_a_bot_12345"
LINK = "qJ5k0Vt3-invented_and.signed"

SECRETS = {
    "a token": (TOKEN, HIDDEN),
    "a token in the path": (
        f"https://api.telegram.org/bot{TOKEN}/getMe",
        f"https://api.telegram.org/bot{HIDDEN}/getMe",
    ),
    "a token in a file's path": (f"/file/bot{TOKEN}/a.pdf", f"/file/bot{HIDDEN}/a.pdf"),
    "a token in quotes": (f"token '{TOKEN}' refused", f"token '{HIDDEN}' refused"),
    "two tokens": (f"{TOKEN} {TOKEN}", f"{HIDDEN} {HIDDEN}"),
    "a sign-in link": (f"GET /anmelden/{LINK} 200", f"GET /anmelden/{HIDDEN} 200"),
    "an answer link": (f"https://faden.example/antwort/{LINK}", f"https://faden.example/antwort/{HIDDEN}"),
    "a feed": (f"/kalender/{'x' * 43}.ics", f"/kalender/{HIDDEN}"),
    "an invitation": (f"/einladung/{LINK}?lang=de", f"/einladung/{HIDDEN}?lang=de"),
    "a deep link": (f"https://t.me/FadenBot?start={LINK}", f"https://t.me/FadenBot?start={HIDDEN}"),
    "a deep link further on": (f"tg://resolve?domain=F&start={LINK}&x=1", f"tg://resolve?domain=F&start={HIDDEN}&x=1"),
    "a token as parameter": (f"/metrics?token={LINK}", f"/metrics?token={HIDDEN}"),
    "a database": ("postgresql://faden:pa55:w@rd@db/faden", f"postgresql://{HIDDEN}@db/faden"),
    "a mail server": ("smtps://mail%40town.example:geheim@smtp.example:465", f"smtps://{HIDDEN}@smtp.example:465"),
    "a proxy without a user": ("redis://:geheim@cache", f"redis://{HIDDEN}@cache"),
    "a header": ("X-Telegram-Bot-Api-Secret-Token: abc-def", f"X-Telegram-Bot-Api-Secret-Token: {HIDDEN}"),
    "a bearer": ("Authorization: Bearer abc.def", f"Authorization: {HIDDEN}"),
    "a cookie": ("{'Cookie': 'faden=abcdef; a=b'}", "{'Cookie': " + HIDDEN + "}"),
    "an argument": ("connect(user='faden', password='geh eim')", f"connect(user='faden', password={HIDDEN})"),
    "a setting": (
        '{"webhook_secret": "abc", "mode": "webhook"}',
        '{"webhook_secret": ' + HIDDEN + ', "mode": "webhook"}',
    ),
    "a word of the configuration": ("smtp_password=geheim, port=25", f"smtp_password={HIDDEN}, port=25"),
}

HARMLESS = [
    "telegram refuses the token; see telegram.token in the settings",
    "2026-11-18T09:00:00 meeting 82 at 14:30",
    "GET /anmelden 200",
    "GET /kalender 200",
    "https://faden.example/sitzung/82/tagesordnung",
    "sqlite:////data/faden.sqlite3",
    "postgresql://db/faden?host=/run/postgresql",
    "chat -1001234567890, update 987654321",
    "ada@lindental.example",
]


@pytest.mark.parametrize(("text", "shown"), SECRETS.values(), ids=SECRETS)
def test_secret_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(("text", "shown"), SECRETS.values(), ids=SECRETS)
def test_secret_is_hidden_within_a_line_and_stays_so(text: str, shown: str) -> None:
    line = f"failed ({text}) again"

    assert redacted(line) == f"failed ({shown}) again"
    assert redacted(redacted(line)) == redacted(line)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redacted(text) == text


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was before when the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield root
    root.handlers, root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_lines_of_ours_are_structured_and_without_secrets(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogSettings(format="json", level="info"))
    log = structlog.get_logger("bot.test")

    log.debug("too much")
    log.info(
        "started %s", TOKEN, url=f"/anmelden/{LINK}", port=8080, ready=True, nothing=None, seen=[TOKEN], secret="x"
    )

    [line] = said(capsys)
    timestamp = line.pop("timestamp")
    assert str(timestamp).endswith("Z")
    assert line == {
        "event": f"started {HIDDEN}",
        "level": "info",
        "logger": "bot.test",
        "url": f"/anmelden/{HIDDEN}",
        "port": 8080,
        "ready": True,
        "nothing": None,
        "seen": f"['{HIDDEN}']",
        "secret": HIDDEN,
    }


def test_lines_of_libraries_are_so_too(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogSettings(format="json", level="info"))

    logging.getLogger("aiohttp.access").info("GET %s %d", f"/anmelden/{LINK}", 200)

    [line] = said(capsys)
    assert (line["event"], line["level"], line["logger"]) == (f"GET /anmelden/{HIDDEN} 200", "info", "aiohttp.access")


def test_tracebacks_have_no_secrets(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogSettings(format="json", level="info"))
    error = OSError(f"postgresql://faden:geheim@db {TOKEN}")

    structlog.get_logger("bot.test").error("no database", exc_info=error)
    logging.getLogger("library").error("no database", exc_info=error)

    lines = said(capsys)
    assert [line["event"] for line in lines] == ["no database", "no database"]
    assert [str(line["exception"]).splitlines()[-1] for line in lines] == [
        f"OSError: postgresql://{HIDDEN}@db {HIDDEN}"
    ] * 2


def full() -> Exception:
    """What SQLite says on a full disk."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        try:
            connection.execute("CREATE TABLE t (a)")
        except sqlite3.OperationalError as error:
            return error
    raise AssertionError


def mistaken() -> Exception:
    """What SQLite says to a statement that is wrong."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT a FROM nowhere")
        except sqlite3.OperationalError as error:
            return error
    raise AssertionError


def fails(cause: Exception) -> None:
    raise RuntimeError from cause


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (full(), "OperationalError: database or disk is full"),
        (OperationalError(full()), "OperationalError: database or disk is full"),
        (asyncpg.DiskFullError("no room\non the disk"), "DiskFullError: no room"),
        (OperationalError(asyncpg.ConnectionDoesNotExistError("gone")), "ConnectionDoesNotExistError: gone"),
        (DBConnectionError("no database"), "DBConnectionError: no database"),
        (OSError(errno.ENOSPC, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (ConnectionRefusedError("refused"), "ConnectionRefusedError: refused"),
    ],
    ids=repr,
)
def test_database_that_is_away_is_a_line_and_no_trace(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    told: str,
) -> None:
    logs.configure(LogSettings(format="json", level="info"), why_away)
    log = structlog.get_logger("bot.test")

    log.error("not kept", exc_info=error)
    logging.getLogger("library").error("not kept", exc_info=error)
    try:
        fails(error)
    except RuntimeError:
        log.exception("not kept")

    assert [(line["event"], line["error"], "exception" in line) for line in said(capsys)] == [
        ("not kept", told, False)
    ] * 3


@pytest.mark.parametrize("error", [mistaken(), OperationalError("syntax"), FileNotFoundError(2, "none"), KeyError("a")])
def test_defect_of_ours_keeps_its_trace(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    logs.configure(LogSettings(format="json", level="info"), why_away)

    structlog.get_logger("bot.test").error("not kept", exc_info=error)

    [line] = said(capsys)
    assert "exception" in line


def test_lines_for_people_have_no_secrets_either(
    root: logging.Logger,  # noqa: ARG001  # put back afterwards
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogSettings(format="text", level="warning"))

    structlog.get_logger("bot.test").warning("refused", address=f"https://x.example/bot{TOKEN}")

    line = capsys.readouterr().err
    assert ("refused" in line, TOKEN in line, HIDDEN in line) == (True, False, True)


@pytest.mark.parametrize(("level", "least"), [("debug", logging.WARNING), ("error", logging.ERROR)])
def test_libraries_that_name_addresses_are_quiet_at_every_level(root: logging.Logger, level: str, least: int) -> None:
    logs.configure(LogSettings(format="json", level=level))

    assert {logging.getLogger(name).level for name in logs.QUIET} == {least}
    assert root.level == getattr(logging, level.upper())


def test_tick_that_is_still_under_way_is_no_line(root: logging.Logger) -> None:  # noqa: ARG001  # put back afterwards
    logs.configure(LogSettings(level="debug"))

    assert not logging.getLogger("apscheduler.scheduler").isEnabledFor(logging.WARNING)


def test_suite_hears_what_is_logged_and_finds_a_secret_in_it(overheard: Overheard) -> None:
    """The check beneath every other test can fail."""
    secret = tokens.sign(b"key", "answer", 4711)
    logging.getLogger("bot.anything").debug("link %s of %s", f"https://faden.example/antwort/{secret}", "4711")
    hidden = overheard.taken()
    logging.getLogger("bot.anything").debug("a tag as a word: %s, and %s", secret.partition(".")[2], TOKEN)
    leaked = overheard.taken()

    assert (HIDDEN in hidden, secrets_in(hidden, {secret})) == (True, [])
    assert secrets_in(leaked, {secret.partition(".")[2]}) == [secret.partition(".")[2]]
