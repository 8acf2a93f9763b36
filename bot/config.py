"""Settings: data from TOML and the environment, each with default and help.

A setting is a field of a section below: its row says what it takes, what it is without being set, and what it is for.
`config.example.toml` has a paragraph for each. The environment (`FADEN_WEB__PORT`) goes before the file and suffices alone;
a secret may stand in a file of its own (`FADEN_TELEGRAM__TOKEN_FILE`). An empty variable counts as not set.
"""

import contextlib
import difflib
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bot.addresses import usable_address, usable_link
from storage.vocabulary import ZONES_LIKE_BERLIN

PREFIX = "FADEN_"
FOR_TESTS = "FADEN_TEST_"
# What container platforms call the addresses of a service, by what stands there.
PLATFORMS = re.compile(
    r"FADEN(?:_[A-Z0-9]+)*?_(?:(?P<host>SERVICE_HOST|PORT_\d+_(?:TCP|UDP|SCTP)_ADDR)"
    r"|(?P<number>SERVICE_PORT(?:_[A-Z0-9]+)*|PORT_\d+_(?:TCP|UDP|SCTP)_PORT)"
    r"|(?P<protocol>PORT_\d+_(?:TCP|UDP|SCTP)_PROTO)"
    r"|(?P<address>PORT(?:_\d+_(?:TCP|UDP|SCTP))?))"
)
PLATFORMS_VALUES = {
    "host": r"[\w.:-]+",
    "number": r"\d+",
    "protocol": r"tcp|udp|sctp",
    "address": r"(?:tcp|udp|sctp)://\S+",
}
KEY_BYTES = 32
TRIAL_FILE = Path(__file__).with_name("trial.toml")
PUBLIC_URL_LIMIT = 200  # paths and tokens come behind it
LAENDER = ("BW", "BY", "BE", "BB", "HB", "HH", "HE", "MV", "NI", "NW", "RP", "SL", "SN", "ST", "SH", "TH")
MOST_MEGABYTES = 1_000_000
SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


class BadSetting(Exception):
    """A setting that cannot be used. `shown` is its value, never a secret's; `where` is the variable or the file."""

    def __init__(self, key: str, shown: str, expected: str, where: str = "") -> None:
        """Carry what is wrong."""
        super().__init__(key)
        self.key = key
        self.shown = shown
        self.expected = expected
        self.where = where

    def __str__(self) -> str:
        """The sentence for the operator."""
        place = f" ({self.where})" if self.where and self.where != self.key else ""
        return f"{self.key}{place} is {self.shown}; expected {self.expected}."


class UnknownSetting(BadSetting):
    """A key that no setting has; `expected` is the nearest one."""

    def __str__(self) -> str:
        """The sentence for the operator."""
        nearest = f" Did you mean {self.expected}?" if self.expected else ""
        return f"{self.key} ({self.where}) is no setting.{nearest}"


# --- what a setting takes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """What a setting takes, in words, and how it is read from TOML or from a variable's text. Reading raises ValueError."""

    expected: str
    read: Callable[[Any], Any]


def _matching(pattern: str, expected: str) -> Kind:
    def read(raw: Any) -> str:  # noqa: ANN401  # whatever stands in the file
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise ValueError
        return raw

    return Kind(expected, read)


def _one_of(*words: str) -> Kind:
    return _matching("|".join(re.escape(word) for word in words), " or ".join(f'"{word}"' for word in words))


def _number(lowest: int, highest: int, expected: str) -> Kind:
    def read(raw: Any) -> int:  # noqa: ANN401  # whatever stands in the file
        number = raw if isinstance(raw, int) and not isinstance(raw, bool) else int(str(raw), 10)
        if not lowest <= number <= highest:
            raise ValueError
        return number

    return Kind(expected, read)


def _networks(raw: Any) -> tuple[IPv4Network | IPv6Network, ...]:  # noqa: ANN401  # whatever stands in the file
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list):
        raise ValueError  # noqa: TRY004  # a kind knows one error
    return tuple(ipaddress.ip_network(str(part).strip()) for part in parts)


def _zone(raw: Any) -> str:  # noqa: ANN401  # whatever stands in the file
    if not isinstance(raw, str) or raw not in ZONES_LIKE_BERLIN:
        raise ValueError
    return raw


def _public_url(raw: Any) -> str:  # noqa: ANN401  # whatever stands in the file
    """Small letters and ASCII in the host, however it was written: that is how browsers and calendars know it."""
    link = usable_link(raw) if isinstance(raw, str) else None
    if link is None or len(link) > PUBLIC_URL_LIMIT or urlsplit(link).query or urlsplit(link).fragment:
        raise ValueError
    return link.rstrip("/?#")


def _mail(raw: Any) -> str:  # noqa: ANN401  # whatever stands in the file
    address = usable_address(raw) if isinstance(raw, str) else None
    if address is None:
        raise ValueError
    return address


def _smtp(raw: Any) -> str:  # noqa: ANN401  # whatever stands in the file
    parts = urlsplit(str(raw))
    if (
        parts.scheme not in SMTP_SCHEMES
        or not parts.hostname
        or parts.port == 0
        or parts.path.strip("/")
        or parts.query
    ):
        raise ValueError
    return str(raw)


LINE = _matching(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*", "a line of text")
TEXT = _matching(r"(?s).*\S.*", "a text, or the path of a .md or .txt file")
PORT = _number(0, 65535, "a port number from 0 to 65535 (0: any free one)")
DAYS = _number(30, 36500, "days, from 30 to 36500")
HOUR = _number(0, 23, "an hour from 0 to 23")
COUNT = _number(1, 9999, "a number from 1 to 9999")
MEGABYTES = _number(1, MOST_MEGABYTES, f"megabytes, from 1 to {MOST_MEGABYTES}")
WEB_ADDRESS = _matching(
    r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", "an address that begins with https:// or http://, without user name"
)
DATABASE = _matching(
    r"sqlite:///.+|postgres(ql)?://.+/.+",
    'an address such as "sqlite:///var/faden.sqlite3" or "postgresql://user:password@host/name"',
)
SMTP = Kind('an address such as "smtp+starttls://user:password@host" or "smtps://user:password@host:465"', _smtp)
PUBLIC_URL = Kind(
    'an address such as "https://faden.example.org", with a host name of letters, digits and hyphens', _public_url
)
MAIL = Kind('a mail address such as "faden@example.org", without umlauts before the @ and with a dot behind it', _mail)
NETWORKS = Kind('a list of addresses or networks such as ["127.0.0.1", "10.0.0.0/8"]', _networks)
SECRET = _matching(r"[A-Za-z0-9_-]{1,256}", "up to 256 letters, digits, - and _")
TOKEN = _matching(r"\d+:[A-Za-z0-9_-]{10,}", "a token from @BotFather: digits, a colon, letters")
ZONE = Kind('"Europe/Berlin" or a time zone whose clocks go alike, such as "Europe/Vienna" or "Europe/Zurich"', _zone)


def address_of(host: str, port: int) -> str:
    """What a browser on this machine takes."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _setting(kind: Kind, default: Any, text: str, *, secret: bool = False, key: str | None = None) -> Any:  # noqa: ANN401  # any type
    """One row of the table. A secret is never shown. `key` is the name in TOML when it is no name in Python."""
    return field(default=default, repr=not secret, metadata={"kind": kind, "help": text, "secret": secret, "key": key})


# --- the settings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TelegramSettings:
    """The bot on Telegram. Without a token Faden works in the web chat and by mail alone."""

    token: str | None = _setting(TOKEN, None, "The bot's token.", secret=True)
    api_base: str = _setting(WEB_ADDRESS, "https://api.telegram.org", "Where the Bot API is.")
    mode: str = _setting(_one_of("polling", "webhook"), "polling", "How updates arrive.")
    webhook_secret: str | None = _setting(SECRET, None, "What Telegram shows with each update.", secret=True)


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Where everything is kept. The address may hold a password."""

    url: str = _setting(DATABASE, "sqlite:///var/faden.sqlite3", "The database's address.", secret=True)
    directory: str = _setting(LINE, "", "Where secret.key and backups lie; by default beside the database.")


@dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Copies of the database and the secret key, checked."""

    hour: int | None = _setting(HOUR, None, "The hour at which a backup is made every day.")
    directory: str = _setting(LINE, "", "Where backups go; by default into backups, beside the secret key.")
    keep: int = _setting(COUNT, 14, "How many backups are kept.")


@dataclass(frozen=True, kw_only=True)
class KeepSettings:
    """How long is kept what a town may want to forget sooner or later than another."""

    chat_days: int = _setting(DAYS, 730, "How long messages and files stay in the web chat.")
    told_days: int = _setting(DAYS, 90, "How long it is known who was told what and when.")
    audit_days: int = _setting(DAYS, 1095, "How long it is recorded who did what and when.")


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Pages, feeds, web chat and webhook."""

    host: str = _setting(LINE, "127.0.0.1", "The address to listen on.")
    port: int = _setting(PORT, 8080, "The port to listen on.")
    given_url: str = _setting(
        PUBLIC_URL, "", "How people reach the pages; by default http:// with host and port.", key="public_url"
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        NETWORKS, (), "Whose X-Forwarded headers are believed."
    )
    metrics_token: str | None = _setting(SECRET, None, "Who has it may read /metrics from elsewhere.", secret=True)
    megabytes_per_person: int = _setting(MEGABYTES, 500, "The most that all files of one person may have together.")

    @property
    def public_url(self) -> str:
        """How people reach the pages, without a slash at the end."""
        return self.given_url or address_of(self.host.lower(), self.port)


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """Mail out. Without a server nobody gets mail."""

    smtp_url: str | None = _setting(SMTP, None, "The mail server's address.", secret=True)
    sender: str | None = _setting(MAIL, None, "The address that mails come from.", key="from")
    reply_to: str | None = _setting(MAIL, None, "The address that answers go to.")


@dataclass(frozen=True, kw_only=True)
class TownSettings:
    """The town. The label is what it calls its areas; the legal texts stand on the pages."""

    name: str = _setting(LINE, "Faden", "The town's name, as it stands in mails and on pages.")
    land: str = _setting(_one_of(*LAENDER), "", "Whose public holidays are kept; without it the nationwide ones.")
    zone: str = _setting(ZONE, "Europe/Berlin", "The time zone in which meetings are planned.")
    language: str = _setting(_one_of("de", "en"), "de", "The language for people who have not chosen one.")
    area_label: str = _setting(LINE, "Sozialraum", "What an area is called.")
    area_label_plural: str = _setting(LINE, "Sozialräume", "What several are called.")
    area_label_gender: str = _setting(_one_of("m", "f", "n"), "m", "The label's grammatical gender.")
    gender_form: str = _setting(_one_of("*", ":"), "*", "How gender-neutral forms are written.")
    contact: str = _setting(LINE, "", "Whom people may ask: a name, a number, an address.")
    imprint: str = _setting(TEXT, "", "The Impressum.")
    privacy: str = _setting(TEXT, "", "The privacy notice (Datenschutz).")
    accessibility: str = _setting(TEXT, "", "The accessibility statement (Barrierefreiheit).")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What the program says about itself, on standard error."""

    level: str = _setting(_one_of("debug", "info", "warning", "error"), "info", "From which importance on.")
    format: str = _setting(_one_of("text", "json"), "text", "For people or for machines.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of them. `trial` runs the sample town, on this machine only."""

    telegram: TelegramSettings = TelegramSettings()
    database: DatabaseSettings = DatabaseSettings()
    backup: BackupSettings = BackupSettings()
    keep: KeepSettings = KeepSettings()
    web: WebSettings = WebSettings()
    mail: MailSettings = MailSettings()
    town: TownSettings = TownSettings()
    log: LogSettings = LogSettings()
    trial: bool = False

    @property
    def directory(self) -> Path:
        """Where secret.key, backups and whatever else is the town's own lie: beside the database file, or `var`."""
        if self.database.directory:
            return Path(self.database.directory)
        if self.database.url.startswith("sqlite:"):
            return Path(unquote(self.database.url.removeprefix("sqlite:///"))).parent
        return Path("var")

    @property
    def backups(self) -> Path:
        """Where backups lie, a folder each."""
        return Path(self.backup.directory) if self.backup.directory else self.directory / "backups"

    @property
    def key_file(self) -> Path:
        """The key of the town's signatures."""
        return self.directory / "secret.key"

    @property
    def mailbox(self) -> str:
        """The organiser's address in calendars: where mails come from; without mail a made-up one, of our host if that may be."""
        host = urlsplit(self.web.public_url).hostname or ""
        return self.mail.sender or usable_address(f"faden@{host}") or "faden@faden.invalid"


SECTIONS: dict[str, type[Any]] = {
    "telegram": TelegramSettings,
    "database": DatabaseSettings,
    "backup": BackupSettings,
    "keep": KeepSettings,
    "web": WebSettings,
    "mail": MailSettings,
    "town": TownSettings,
    "log": LogSettings,
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A row of the table: `telegram.token`, what it takes, its default, what it is for."""

    section: str
    key: str
    attribute: str
    kind: Kind
    default: object
    help: str
    secret: bool

    @property
    def name(self) -> str:
        """As it is called in messages and, by section, in TOML."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """As it is called in the environment."""
        return f"{PREFIX}{self.section}__{self.key}".upper()


def _rows() -> Iterator[Setting]:
    for section, model in SECTIONS.items():
        row: Field[Any]
        for row in fields(model):
            assert row.default is not MISSING  # noqa: S101  # every row of the table has one
            yield Setting(
                section=section,
                key=row.metadata["key"] or row.name,
                attribute=row.name,
                kind=row.metadata["kind"],
                default=row.default,
                help=row.metadata["help"],
                secret=row.metadata["secret"],
            )


SETTINGS = {row.name: row for row in _rows()}


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """A value as it was found, and where: the variable or the file."""

    raw: object
    where: str
    folder: Path


def any_given(environ: Mapping[str, str]) -> bool:
    """Whether the environment says anything about settings."""
    return any(_variables(environ))


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the environment says about settings, in order, whether there are such settings or not."""
    for name, value in sorted(environ.items()):
        if value and name.startswith(PREFIX) and not name.startswith(FOR_TESTS) and not _is_platforms(name, value):
            yield name, value


def _is_platforms(name: str, value: str) -> bool:
    """Whether a container platform set it, because a service of ours is named faden, or faden-something.

    Kubernetes and Docker tell each container the addresses of the services beside it in this way.
    """
    found = PLATFORMS.fullmatch(name)
    return found is not None and any(
        re.fullmatch(PLATFORMS_VALUES[what], value) for what in found.groupdict() if found[what]
    )


def load(path: Path | None, environ: Mapping[str, str], *, trial: bool = False) -> Settings:
    """Read the file, if there is one, and the environment. Raises BadSetting.

    The trial is a settings file of its own; telegram and mail cannot be set in it: its people do not exist.
    """
    file = TRIAL_FILE if trial else path
    given = _from_file(file) if file is not None else {}
    given |= _from_environment(environ)
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, found in given.items():
        row = SETTINGS[name]
        values[row.section][row.attribute] = _value(row, found)
        if trial and row.section in ("telegram", "mail"):
            raise BadSetting(name, "set", "nothing, because nothing leaves the house in the trial", found.where)
    made = {section: model(**values[section]) for section, model in SECTIONS.items()}
    return _checked(Settings(**made, trial=trial))


def _from_file(path: Path) -> dict[str, _Given]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(
            str(path), f"not readable ({error.strerror})", "a settings file; see config.example.toml"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(str(path), f"not valid ({error})", "TOML; see config.example.toml") from error
    given = {}
    for section, table in data.items():
        if section not in SECTIONS:
            raise UnknownSetting(section, "", _nearest(section, SECTIONS), str(path))
        if not isinstance(table, dict):
            raise BadSetting(section, "a value", f"a table: [{section}]", str(path))
        for key, raw in table.items():
            name = f"{section}.{key}"
            if name not in SETTINGS:
                raise UnknownSetting(name, "", _nearest(name, SETTINGS), str(path))
            given[name] = _Given(raw, str(path), path.parent)
    return given


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    direct = {row.variable: row for row in SETTINGS.values()}
    in_files = {f"{row.variable}_FILE": row for row in SETTINGS.values() if row.secret}
    given: dict[str, _Given] = {}
    for variable, value in _variables(environ):
        row = direct.get(variable) or in_files.get(variable)
        if row is None:
            raise UnknownSetting(variable, "", _nearest(variable, [*direct, *in_files]), "environment")
        if row.name in given:
            raise BadSetting(row.name, "set twice", f"either {row.variable} or {row.variable}_FILE", variable)
        given[row.name] = _Given(value if variable in direct else _secret_in(value, row, variable), variable, Path())
    return given


def _secret_in(file: str, row: Setting, variable: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            row.name, f"in a file that cannot be read: {file}", "a file with the secret in it", variable
        ) from error


def _value(row: Setting, found: _Given) -> object:
    try:
        value = row.kind.read(found.raw)
    except ValueError as error:
        shown = "a secret that does not fit" if row.secret else _shown(found.raw)
        raise BadSetting(row.name, shown, row.kind.expected, found.where) from error
    if row.kind is TEXT and "\n" not in value and value.endswith((".md", ".txt")):
        try:
            return (found.folder / value).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(
                row.name, f"a file that cannot be read: {value}", row.kind.expected, found.where
            ) from error
    return value.rstrip("/") if row.kind is WEB_ADDRESS else value


def _shown(raw: object) -> str:
    """The value, for the operator's eyes; not where there may be a password in it."""
    return "an address with a user name in it" if re.search(r":.*@", str(raw), re.DOTALL) else repr(raw)


def _nearest(name: str, known: Any) -> str:  # noqa: ANN401  # names, in whatever order
    return next(iter(difflib.get_close_matches(name, known, n=1)), "")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    """The settings, listening elsewhere: the command line goes before file and environment. Raises BadSetting."""
    web = replace(settings.web, host=host or settings.web.host, port=settings.web.port if port is None else port)
    return _checked(replace(settings, web=web))


def _checked(settings: Settings) -> Settings:
    """What settings mean for each other. Raises BadSetting."""
    telegram, web, mail = settings.telegram, settings.web, settings.mail
    if usable_link(web.public_url) != web.public_url:
        raise BadSetting(
            "web.host", _shown(web.host), "the name or the address of this machine, or web.public_url beside it"
        )
    if telegram.mode == "webhook":
        if telegram.token is None:
            raise BadSetting("telegram.token", "not set", "a token, because telegram.mode is webhook")
        if telegram.webhook_secret is None:
            raise BadSetting("telegram.webhook_secret", "not set", "a secret, because telegram.mode is webhook")
        if not web.public_url.startswith("https://"):
            raise BadSetting("web.public_url", web.public_url, "an https:// address, because telegram.mode is webhook")
    if mail.smtp_url is not None and mail.sender is None:
        raise BadSetting("mail.from", "not set", "a mail address, because mail.smtp_url is set")
    if settings.trial and not is_loopback(web.host):
        raise BadSetting("web.host", web.host, "a loopback address, because the trial lets everybody be anybody")
    return settings


# --- the secret key ---------------------------------------------------------------------------------------------------


def secret_key(settings: Settings) -> bytes:
    """The key of the town's signatures; made at the first start, for its owner's eyes only. Raises BadSetting."""
    path = settings.key_file
    try:
        if not path.exists():
            _make_key(path)
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as error:
        raise BadSetting(
            str(path), f"not readable or writable ({error.strerror})", "a file that Faden may make and read"
        ) from error
    if mode & 0o077:
        raise BadSetting(str(path), "readable by others", f"a file of its owner alone: chmod 600 {path}")
    if len(key) != KEY_BYTES:
        raise BadSetting(str(path), f"{len(key)} bytes long", f"{KEY_BYTES} bytes; restore it from the backup")
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all, and never over one that another process has just made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
