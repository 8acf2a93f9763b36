"""Mail and web addresses as calendars, mails and headers can carry them. Pure."""

import ipaddress
import re
from urllib.parse import quote, urlsplit

import idna

LINK_LIMIT = 1024  # octets

# What both an address (RFC 5322 atext) and a mailto URI (RFC 6068) carry unescaped.
_LOCAL_PART = re.compile(r"[A-Za-z0-9!$'*+_~-]+(\.[A-Za-z0-9!$'*+_~-]+)*")
_LOCAL_PART_LIMIT = 64
_ADDRESS_LIMIT = 254


def usable_address(text: str) -> str | None:
    """The plain ASCII mail address in `text`, its host as A-labels; None when it is none that we can write to."""
    local, _, host = text.strip().rpartition("@")
    ascii_host = _ascii_host(host)
    if ascii_host is None or len(local) > _LOCAL_PART_LIMIT or not _LOCAL_PART.fullmatch(local):
        return None
    address = f"{local}@{ascii_host}"
    return address if len(address) <= _ADDRESS_LIMIT else None


def usable_link(text: str) -> str | None:
    """The http(s) address in `text` as an ASCII URI; None when it is none, or has a user name in it."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = _ipv6(parts.hostname or "") or _ascii_host(parts.hostname or "", dot_needed=False)
    if parts.scheme not in {"http", "https"} or host is None or "@" in parts.netloc:
        return None
    authority = host if port is None else f"{host}:{port}"
    link = parts._replace(
        netloc=authority,
        path=quote(parts.path, safe="%/:@!$&'()*+,;=~"),
        query=quote(parts.query, safe="%/?:@!$&'()*+,;=~"),
        fragment=quote(parts.fragment, safe="%/?:@!$&'()*+,;=~"),
    ).geturl()
    return link if len(link) <= LINK_LIMIT else None


def _ipv6(host: str) -> str | None:
    """The address in brackets, as it stands in a URI."""
    try:
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    except ValueError:
        return None


def _ascii_host(host: str, *, dot_needed: bool = True) -> str | None:
    if host.endswith(".") or (dot_needed and "." not in host):
        return None
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return None
