"""python-telegram-bot's wire, by aiohttp: the library's own client costs several times the processor's time for each call.

docs/decisions/0012-the-wire-to-telegram.md has the figures.
"""

import asyncio
import os
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.rules import incoming

CONNECTIONS = 128  # more than the post has places, so that a slow Telegram is no crowd of ours
CROWD_SECONDS = 5.0
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
UPLOAD_SECONDS = 20.0
ESCAPED = str.maketrans(
    {"\n": "%0A", "\r": "%0D", '"': "%22"}
)  # as browsers write the name of a file (HTML, 4.10.21.8)


class Crowded(Exception):
    """All our connections were in use: nothing was sent."""


class PatientRequest(BaseRequest):
    """Calls of the Bot API at one address, each made once, over connections that are kept.

    Its answers are read even when one of the updates in them is no JSON that Telegram would send. Errors are the library's,
    caused by aiohttp's or by `Crowded`; none says the address, for it holds the token.
    """

    def __init__(self, address: str) -> None:
        """Raises OSError when the environment names certificates that cannot be read."""
        self._proxy, self._trusted = _proxy(address), _trusted()
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds that an answer may take, where a call says nothing else."""
        return ANSWER_SECONDS

    async def initialize(self) -> None:
        """Open the session, unless it is open."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._trusted)
            headers = {"User-Agent": self.USER_AGENT}
            self._session = aiohttp.ClientSession(
                connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
            )

    async def shutdown(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read an answer. Raises TelegramError."""
        try:
            answer: dict[str, Any] = incoming.read(payload)
        except ValueError as error:
            raise TelegramError("Invalid server response") from error
        return answer

    async def do_request(  # noqa: PLR0917  # the signature is the library's
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = None,
        write_timeout: object = None,  # noqa: ARG002  # nobody sets it
        connect_timeout: object = None,  # noqa: ARG002  # nobody sets it
        pool_timeout: object = None,  # noqa: ARG002  # nobody sets it
    ) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises TimedOut, NetworkError."""
        try:
            async with asyncio.timeout(CROWD_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise TimedOut from Crowded()
        try:
            return await self._asked(url, method, request_data, read_timeout)
        except TimeoutError as error:
            raise TimedOut from error
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(type(error).__name__) from error
        finally:
            self._places.release()

    async def _asked(self, url: str, method: str, data: RequestData | None, read_timeout: object) -> tuple[int, bytes]:
        assert self._session is not None, "not initialized"  # noqa: S101  # the library does it
        seconds = float(read_timeout) if isinstance(read_timeout, int | float) else ANSWER_SECONDS
        upload = data is not None and data.contains_files
        timeout = aiohttp.ClientTimeout(
            total=CONNECT_SECONDS + seconds + (UPLOAD_SECONDS if upload else 0),
            sock_connect=CONNECT_SECONDS,
            sock_read=seconds,
        )
        async with self._session.request(
            method,
            url,
            data=_form(data) if data is not None else None,
            headers=None if data is None or upload else {"Content-Type": "application/x-www-form-urlencoded"},
            proxy=self._proxy,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()


def _form(data: RequestData) -> bytes | aiohttp.FormData:
    if not data.contains_files:
        return urlencode(data.json_parameters).encode()
    form = aiohttp.FormData(quote_fields=False)  # names of files are read as they are
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime) in data.multipart_data.items():
        form.add_field(name, content, filename=filename.translate(ESCAPED), content_type=mime)
    return form


def _trusted() -> ssl.SSLContext:
    """Whose certificates count: those that the environment names, or Mozilla's; slim images have none of their own."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)


def _proxy(address: str) -> str | None:
    """The way out that the environment names (HTTPS_PROXY, NO_PROXY), as other programs read it."""
    asked = urlsplit(address)
    if asked.hostname is None or proxy_bypass(asked.hostname):
        return None
    proxies = getproxies()
    return proxies.get(asked.scheme, proxies.get("all"))
