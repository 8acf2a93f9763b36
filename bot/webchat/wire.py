"""python-telegram-bot's wire, when Telegram is an object in the same process."""

import json
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import aiohttp
from telegram.error import NetworkError
from telegram.request import BaseRequest, RequestData

from bot.webchat import api
from bot.webchat.calls import Call, Upload
from bot.webchat.errors import ConnectionCut
from bot.webchat.server import BotServer


class InProcessRequest(BaseRequest):
    """Carries each call to a `BotServer`; timeouts have no meaning here."""

    def __init__(self, server: BotServer) -> None:
        self._server = server

    @property
    def read_timeout(self) -> float | None:
        """None: the server always answers."""
        return None

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""

    async def do_request(  # noqa: PLR0917  # the signature is the library's
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = None,  # noqa: ARG002  # no wire, no timeout
        write_timeout: object = None,  # noqa: ARG002  # no wire, no timeout
        connect_timeout: object = None,  # noqa: ARG002  # no wire, no timeout
        pool_timeout: object = None,  # noqa: ARG002  # no wire, no timeout
    ) -> tuple[int, bytes]:
        """Answer `…/bot<token>/<method>`, and `…/file/bot<token>/<path>` with the file itself."""
        path = unquote(urlsplit(url).path)
        token, _, rest = path.partition("/bot")[2].partition("/")
        if method == "GET" and path.startswith("/file/"):
            content = await api.download(self._server, rest) if token == self._server.token else None
            return (HTTPStatus.NOT_FOUND, b"{}") if content is None else (HTTPStatus.OK, content)
        params = request_data.parameters if request_data else {}
        try:
            status, body = await api.respond(self._server, token, Call(rest, params, _uploads(request_data)))
        except ConnectionCut as error:
            # As our wire to Telegram tells it when a server hangs up without an answer.
            cause = aiohttp.ServerDisconnectedError()
            cause.__cause__ = error
            raise NetworkError(type(cause).__name__) from cause
        return status, json.dumps(body).encode()


def _uploads(request_data: RequestData | None) -> dict[str, Upload]:
    uploads = {}
    for field, (name, content, mime) in (request_data.multipart_data if request_data else {}).items():
        uploads[field] = Upload(name, mime, content if isinstance(content, bytes) else content.read())
    return uploads
