"""Asking Telegram for updates: patiently while it answers, and in quick succession while it does not."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.error import NetworkError, TimedOut

from bot import polling
from bot.polling import Polling
from tests.post.conftest import Call, Wire

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


class Feed(Wire):
    """Telegram's side of polling: nobody writes."""

    def _result(self, call: Call) -> object:
        return [] if call.method == "getupdates" else super()._result(call)


def hanging() -> NetworkError:
    error = TimedOut()
    error.__cause__ = httpx.ReadTimeout("late")
    return error


async def test_network_that_hangs_is_asked_in_quick_succession_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "BACKOFF_SECONDS", (0.0,))
    wire, asked, enough = Feed(), list[int](), asyncio.Event()

    def script(call: Call) -> Any:  # noqa: ANN401  # as the wire wants it
        if call.method != "getupdates":
            return None
        asked.append(call.params["timeout"])
        if len(asked) == 5:
            enough.set()
        return hanging() if len(asked) in {2, 3} else None

    async def breath(_: Call) -> None:
        await asyncio.sleep(0)

    wire.script, wire.afterwards = script, breath
    bot = Bot("4711:invented", request=wire, get_updates_request=wire)

    async def receive(_: object) -> None:
        return

    running = asyncio.create_task(Polling(bot, receive, machine_now=lambda: NOW).run())
    await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert asked[:5] == [10, 10, 1, 1, 10]
