"""What the HTTP door is given by `bot.app`, and under which keys handlers find it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CollectorRegistry

from bot.logs import Unbuilt
from bot.rules import limits
from bot.web.limits import Limit
from storage.models import Person
from storage.vocabulary import Network

Clock = Callable[[], datetime]
Network4Or6 = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class LegalTexts:
    """What the law wants on the pages, as plain text; an empty line begins a paragraph."""

    imprint: str = ""
    privacy: str = ""
    accessibility: str = ""


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """How this town's pages are served.

    `public_url` has no slash at its end. `mailbox` stands as organiser in feeds. `home` is where people land who have signed
    in. `unbuilt` is told of meetings that feeds go without.
    """

    public_url: str
    town: str
    key: bytes = field(repr=False)
    mailbox: str
    language: str = "de"
    zone: str = "Europe/Berlin"
    area_label: str = "Sozialraum"
    trusted_proxies: tuple[Network4Or6, ...] = ()
    legal: LegalTexts = LegalTexts()
    metrics_token: str | None = field(default=None, repr=False)
    home: str = "/chat"
    trial: bool = False
    unbuilt: Unbuilt = field(default_factory=Unbuilt)

    @property
    def https(self) -> bool:
        """Whether the town's pages are encrypted on their way."""
        return urlsplit(self.public_url).scheme == "https"


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The domain's time, which a trial can move, and the machine's, by which sessions and links expire."""

    domain: Clock
    machine: Clock


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of `/readyz`. `detail` is for people and says nothing secret."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a person sets for themselves. Quiet hours are minutes after local midnight.

    `version` is that of the row when it was shown.
    """

    language: str
    quiet_from: int
    quiet_until: int
    absent_from: date | None
    absent_until: date | None
    preferred: Network | None
    version: int


class ChangePreferences(Protocol):
    """Writes what a person set. Raises ChangedMeanwhile."""

    def __call__(self, *, by: Person, preferences: Preferences, now: datetime) -> Awaitable[object]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often something may be asked for from one place; in memory, because nobody's network address is to be stored."""

    sign_in: Limit = field(default_factory=lambda: Limit(limits.SIGN_IN_TRIES_FROM_ONE_PLACE))
    feed: Limit = field(default_factory=lambda: Limit(limits.FEED_READS))


SETTINGS = web.AppKey("settings", WebSettings)
CLOCKS = web.AppKey("clocks", Clocks)
CHANGE_PREFERENCES: web.AppKey[ChangePreferences] = web.AppKey("change_preferences")
LIMITS = web.AppKey("limits", Limits)
REGISTRY = web.AppKey("registry", CollectorRegistry)
WAKE: web.AppKey[Callable[[], None]] = web.AppKey("wake")
CLOCK_MOVED: web.AppKey[Callable[[timedelta], None]] = web.AppKey("clock_moved")
READINESS: web.AppKey[Mapping[str, Callable[[], Awaitable[Check]]]] = web.AppKey("readiness")
