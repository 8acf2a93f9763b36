"""Style sheet and icon: read once, served from memory under a name that changes with the content."""

import hashlib
from functools import cache
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".svg": "image/svg+xml"}


@cache
def _content(name: str) -> bytes:
    return (STATIC / name).read_bytes()


@cache
def address(name: str) -> str:
    """Where the file is to be found, for as long as it stays as it is."""
    return f"/static/{hashlib.sha256(_content(name)).hexdigest()[:16]}/{name}"


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.suffix in _TYPES)


async def static(request: web.Request) -> web.Response:
    """A file of the pages. Whoever asks for an older version gets the present one, but may not keep it."""
    name = request.match_info["name"]
    if name not in _names():
        raise web.HTTPNotFound
    current = request.path == address(name)
    caching = "public, max-age=31536000, immutable" if current else "no-cache"
    charset = "utf-8" if name.endswith(".css") else None
    return web.Response(
        body=_content(name),
        content_type=_TYPES[Path(name).suffix],
        charset=charset,
        headers={"Cache-Control": caching},
    )


async def icon(_request: web.Request) -> web.Response:
    """Browsers ask here when a page does not say where its icon is."""
    raise web.HTTPMovedPermanently(address("favicon.svg"))
