"""Updates by webhook: what reaches the inbox, and what is answered."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.web import webhook
from bot.web.webhook import BODY_BYTES, PATH, SECRET_HEADER

SECRET = "invented-secret"


async def delivered(body: bytes | BytesIO) -> tuple[int, str, list[Mapping[str, Any]]]:
    """Deliver a body; gives the status, the answer, and what was received."""
    received: list[Mapping[str, Any]] = []

    async def receive(update: Mapping[str, Any]) -> None:
        received.append(update)

    application = web.Application()
    application.add_routes([webhook.route(SECRET, receive)])
    async with TestClient(TestServer(application)) as client:
        answer = await client.post(PATH, data=body, headers={SECRET_HEADER: SECRET})
        return answer.status, await answer.text(), received


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'"x"', b'{"update_id": "7"}', b"[" * 5_000])
async def test_what_is_no_update_is_ignored(body: bytes) -> None:
    assert await delivered(body) == (200, "ignored", [])


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"[" * 3_000 + b"]" * 3_000, 7),
        (b"9" * 40, 7),
        (b"9" * 5_000, 7),
        (b"1e999", 7),
        (b"0", 2**64),
    ],
)
async def test_update_that_cannot_be_kept_is_handed_over_to_be_parked_and_acknowledged(
    content: bytes, number: int
) -> None:
    status, answer, received = await delivered(b'{"update_id": %d, "message": %s}' % (number, content))

    assert (status, answer, [update["update_id"] for update in received]) == (200, "ok", [number])


async def test_body_that_is_too_long_is_refused() -> None:
    status, _, received = await delivered(BytesIO(b" " * (BODY_BYTES + 1)))

    assert (status, received) == (413, [])
