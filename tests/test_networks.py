"""The door to Telegram stays in use whatever Telegram says at first."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from telegram.error import InvalidToken, NetworkError

from bot.networks import TelegramDoor


class Door(TelegramDoor):
    """Listens after these failures."""

    def __init__(self, *failures: Exception) -> None:
        nothing = cast("Any", None)
        super().__init__(nothing, nothing, nothing, "https://faden.example", nothing)
        self.failures: Iterator[Exception] = iter(failures)

    async def _listen(self) -> None:
        if failure := next(self.failures, None):
            raise failure
        self.ready = True


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, in seconds; nobody really waits."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("bot.networks.asyncio.sleep", sleep)
    return pauses


async def test_token_that_is_refused_is_said_once_and_tried_again(pauses: list[float]) -> None:
    door = Door(InvalidToken(), InvalidToken(), InvalidToken())

    with capture_logs() as log:
        await asyncio.wait_for(door.open(), 5)

    assert (door.ready, pauses) == (True, [60.0] * 3)
    assert [line["event"] for line in log] == ["telegram refuses the token; see telegram.token in the settings"]


async def test_telegram_that_does_not_answer_yet_is_asked_every_few_seconds(pauses: list[float]) -> None:
    door = Door(NetworkError("no route"), OSError("the database is away"))

    with capture_logs() as log:
        await asyncio.wait_for(door.open(), 5)

    assert (door.ready, pauses) == (True, [5.0, 5.0])
    assert [line["event"] for line in log] == ["telegram does not answer yet", "cannot listen to telegram"]
