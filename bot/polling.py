"""Telegram's updates by long polling: each is a row before the next request acknowledges it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from telegram import Bot
from telegram.error import Conflict, EndPointNotFound, InvalidToken, RetryAfter, TelegramError

log = structlog.get_logger(__name__)

ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]  # an edit of what was said is none of it
POLL_SECONDS = 10
PROBE_SECONDS = 1  # while Telegram does not answer: what hangs must not be waited for
GRACE_SECONDS = 2  # for the answer to come over the wire
CONFLICT_SECONDS = 10.0
SILENT_AFTER = timedelta(seconds=120)
BACKOFF_SECONDS = (0.5, 1.0)


class Polling:
    """Asks Telegram for updates until it is cancelled; every one goes to `receive`, undecoded."""

    def __init__(
        self,
        bot: Bot,
        receive: Callable[[Mapping[str, Any]], Awaitable[None]],
        *,
        machine_now: Callable[[], datetime],
    ) -> None:
        """`receive` returns when the update is kept; only then is it acknowledged."""
        self._bot = bot
        self._receive = receive
        self._machine_now = machine_now
        self._offset: int | None = None
        self._failures = 0
        self.heard_at: datetime | None = None

    def silent(self) -> bool:
        """Whether Telegram has not answered for two minutes."""
        return self.heard_at is not None and self._machine_now() - self.heard_at > SILENT_AFTER

    async def run(self) -> None:
        """Poll for ever. Raises InvalidToken."""
        self.heard_at = self._machine_now()
        webhook_removed = False
        while True:
            try:
                if not webhook_removed:
                    webhook_removed = await self._bot.delete_webhook()
                await self._once()
                self._failures = 0
            except InvalidToken:
                raise
            except TelegramError as error:
                await asyncio.sleep(self._pause(error))

    async def _once(self) -> None:
        """One request: what cannot be decoded is the inbox's matter, so that it does not make the bot deaf."""
        seconds = PROBE_SECONDS if self._failures else POLL_SECONDS
        try:
            updates: list[dict[str, Any]] = await self._bot.do_api_request(
                "getupdates",  # in any case; the library warns of its own spelling, whose method decodes all or nothing
                api_kwargs={"offset": self._offset, "timeout": seconds, "allowed_updates": ALLOWED_UPDATES},
                read_timeout=seconds + GRACE_SECONDS,
            )
        except EndPointNotFound as error:  # what the library makes of a token that has been revoked meanwhile
            raise InvalidToken("the token has been revoked") from error
        self.heard_at = self._machine_now()
        await asyncio.gather(*(self._receive(update) for update in updates))
        if updates:
            self._offset = int(updates[-1]["update_id"]) + 1

    def _pause(self, error: TelegramError) -> float:
        if isinstance(error, RetryAfter):
            after = error.retry_after
            return after.total_seconds() if isinstance(after, timedelta) else float(after)
        if isinstance(error, Conflict):
            log.warning("another process polls with this token; waiting")
            return CONFLICT_SECONDS
        self._failures += 1
        log.warning("telegram does not answer", error=type(error).__name__, failures=self._failures)
        return BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS)) - 1]
