"""What the program says about itself: structured, on standard error, with secrets taken out."""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.config import LogSettings

_SECRETS = (
    re.compile(r"()(?<!\d)\d{3,}:[A-Za-z0-9_-]{20,}"),  # a bot token, also in the path of the Bot API
    re.compile(
        r"(/(?:anmelden|antwort|commitment|kalender|einladung)/)[A-Za-z0-9._-]{10,}"
    ),  # a link that opens a door
    re.compile(r"(://)[^/\s:@]*:[^/\s]+(?=@)"),  # a password in a URL
    re.compile(r"([?&](?:start|token)=)[^\s&)\"']+"),
    re.compile(  # a secret by its name: in a header, a setting, a dictionary, the arguments of a call
        r"""((?i:authorization|cookie|password|passwort|secret|token)["']?\s*[:=]\s*)"""
        r"""(?:(?i:bearer|basic)\s+)?(?:"[^"]*"|'[^']*'|[^\s,;)}\]"']+)"""
    ),
)
_SECRET_NAME = re.compile(r"(?i)password|passwort|secret|token|cookie|authorization")
HIDDEN = "•••"
QUIET = ("httpx", "httpcore", "telegram", "apscheduler", "tortoise", "aiosqlite", "asyncio")


log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Unbuilt:
    """Calendar objects that could not be made, because of which messages and feeds went without them.

    The log says why, once for each version of an object; how many there were is for the operator's metrics.
    """

    _told: set[tuple[str, int, str]] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many there were since the start."""
        return len(self._told)

    def tell(self, uid: str, sequence: int, error: Exception) -> None:
        """Log the object's UID and what it was that made it impossible."""
        told = (uid, sequence, repr(error))
        if told not in self._told:
            self._told.add(told)
            log.error("calendar object not built", uid=uid, sequence=sequence, exc_info=error)


def redacted(text: str) -> str:
    """The text without tokens, signed links and passwords."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if value and _SECRET_NAME.search(key):
            event[key] = HIDDEN
        elif isinstance(value, str):
            event[key] = redacted(value)
        elif not isinstance(value, int | float | bool | None):
            event[key] = redacted(repr(value))
    return event


WhyAway = Callable[[BaseException], BaseException | None]
Processor = Callable[[object, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def _away_in_a_line(why_away: WhyAway) -> Processor:
    """While the database is away everything that asks it fails: a trace each would fill the disk that is full already."""

    def process(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        given = event.get("exc_info")
        told = given[1] if isinstance(given, tuple) else given
        error = told if isinstance(told, BaseException) else sys.exc_info()[1] if told else None
        away = why_away(error) if error is not None else None
        if away is not None:
            del event["exc_info"]
            event["error"] = f"{type(away).__name__}: {away}".partition("\n")[0]
        return event

    return process


def configure(settings: LogSettings, why_away: WhyAway = lambda _error: None) -> None:
    """Send everything, the libraries' lines too, through one formatter. httpx never logs below WARNING: its lines name URLs.

    Of an error behind which `why_away` finds that the database is away, only that is told, in a line.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _away_in_a_line(why_away),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the other one prints variables, with people's names
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("apscheduler.scheduler").setLevel(
        max(logging.ERROR, root.level)
    )  # a tick that is still under way is looked at again; on a database that is away each would say so every second
    logging.getLogger("telegram.request").setLevel(
        logging.CRITICAL
    )  # an answer that is no JSON, each time; it is raised as well
