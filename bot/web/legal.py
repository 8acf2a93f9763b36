"""The pages that the law wants, with the operator's texts."""

from aiohttp import web

from bot.web.settings import SETTINGS
from bot.web.words import page


async def imprint(request: web.Request) -> web.Response:
    """Impressum."""
    return _legal(request, "imprint", request.app[SETTINGS].legal.imprint)


async def privacy(request: web.Request) -> web.Response:
    """Datenschutz."""
    return _legal(request, "privacy", request.app[SETTINGS].legal.privacy)


async def accessibility(request: web.Request) -> web.Response:
    """Erklärung zur Barrierefreiheit."""
    return _legal(request, "accessibility", request.app[SETTINGS].legal.accessibility)


def _legal(request: web.Request, kind: str, text: str) -> web.Response:
    paragraphs = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    return page(request, "legal", {"kind": kind, "paragraphs": paragraphs})
