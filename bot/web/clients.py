"""Who is at the other end of a request, as far as that can be believed."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aiohttp import web

from bot.web.settings import Network4Or6

FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@dataclass(frozen=True, kw_only=True)
class Client:
    """The other end."""

    address: str
    https: bool


CLIENT = web.RequestKey("client", Client)


def client_of(request: web.Request, trusted: tuple[Network4Or6, ...]) -> Client:
    """The address nearest to us that is not one of our proxies; headers count only when one of these wrote them."""
    address = request.remote or ""
    https = request.secure
    if trusted and _is_in(address, trusted):
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            address = hop
            if not _is_in(hop, trusted):
                break
        proto = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip()
        https = proto == "https" if proto else https
    return Client(address=address, https=https)


@lru_cache(maxsize=1024)
def _is_in(address: str, networks: tuple[Network4Or6, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def is_from_this_machine(request: web.Request) -> bool:
    """Whether the request comes from the loopback, and through no proxy, trusted or not."""
    return is_loopback(request[CLIENT].address) and not any(name in request.headers for name in FORWARDED)


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
