"""What the page's requests carry, read within bounds: whatever comes, it is a fact or a `Refused`."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.rules import limits


class Refused(web.HTTPException):
    """No, in a word that the page knows, or with the sentence to show (`words`) and the `minutes` to wait."""

    def __init__(self, status: HTTPStatus, error: str, *, words: str | None = None, minutes: int | None = None) -> None:
        self.status_code = status.value
        headers = {"Retry-After": str(minutes * 60)} if minutes else None
        said = {"error": error} | ({"words": words} if words else {})
        super().__init__(text=json.dumps(said), content_type="application/json", headers=headers)


def bad_request() -> Refused:
    """For what no page of ours sends."""
    return Refused(HTTPStatus.BAD_REQUEST, "bad_request")


def integer(fields: Mapping[str, Any], name: str) -> int:
    """A whole number that a row can have. Raises Refused."""
    value = str(fields.get(name, ""))
    if not re.fullmatch(r"-?\d{1,18}", value):
        raise bad_request()
    return int(value)


def text(fields: Mapping[str, Any], name: str) -> str:
    """A text, empty when it is missing. Raises Refused for anything else, and for halves of characters."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise bad_request()
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise bad_request() from error
    return value


def key(fields: Mapping[str, Any]) -> str:
    """What the page calls the message that it sends: without it, a message sent again would be two. Raises Refused."""
    value = text(fields, "key")
    if not re.fullmatch(rf"[!-~]{{1,{limits.KEY_LENGTH}}}", value):
        raise Refused(HTTPStatus.BAD_REQUEST, "no_key")
    return value


async def body(request: web.Request) -> dict[str, Any]:
    """The fields of a JSON body. Raises Refused."""
    if (request.content_length or 0) > limits.FIELD_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_big")
    try:
        read = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise bad_request() from error
    if not isinstance(read, dict):
        raise bad_request()
    return read


async def upload(request: web.Request) -> tuple[dict[str, str], tuple[str, str, bytes]]:
    """The fields before the file, and the file: name, kind, content. Raises Refused.

    Read here, because other requests may carry far less.
    """
    try:
        return await _multipart(request)
    except (HttpProcessingError, ValueError, LookupError, RuntimeError) as error:  # the library's words for no form
        raise bad_request() from error


async def _multipart(request: web.Request) -> tuple[dict[str, str], tuple[str, str, bytes]]:
    fields: dict[str, str] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None or len(fields) >= limits.PARTS - 1:
            break
        if part.name != "file":
            fields[part.name] = (await _limited(request, part, limits.FIELD_BYTES)).decode(errors="replace")
            continue
        content = await _limited(request, part, limits.FILE_BYTES)
        if not content:
            raise Refused(HTTPStatus.BAD_REQUEST, "empty_file")
        name = re.split(r"[/\\]", part.filename or "")[-1].replace("%22", '"')  # as browsers write it in a form
        kind = part.headers.get("Content-Type", "application/octet-stream")
        return fields, (_whole(name), _whole(kind), content)
    raise bad_request()


def _whole(text: str) -> str:
    """Without what is no character."""
    return text.encode(errors="replace").decode()


async def _limited(request: web.Request, part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > most or request.content.total_bytes > limits.REQUEST_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_big")
    return bytes(content)
