"""Files that people sent, as their network still has them; papers are fetched and kept, for a network forgets."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog
from telegram import Bot
from telegram.error import TelegramError

from bot.actions import papers
from bot.post.chat import Trouble, trouble
from storage import bells
from storage.db import unit_of_work
from storage.vocabulary import Network

log = structlog.get_logger(__name__)

FETCH_SECONDS = 30
AT_ONCE = 5


async def download(bot: Bot, file_id: str) -> bytes | None:
    """The bytes that the network keeps; None when it has them no longer. Raises TelegramError, TimeoutError."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            await bot.initialize()  # Telegram may not have answered since the start
            held = await bot.get_file(file_id)
            return bytes(await held.download_as_bytearray())
    except TelegramError as error:
        if trouble(error) is Trouble.REFUSED:
            return None
        raise


async def fetch_papers(bots: Mapping[Network, Bot]) -> None:
    """Fetch some of the papers that have not been fetched yet, from each network.

    It opens its own units of work, and rings again for what is still to be fetched.
    """
    for network, bot in bots.items():
        waiting = await papers.waiting(network, limit=AT_ONCE)
        fetched = [await _fetch(paper, bot) for paper in waiting[:1]]
        if all(fetched):  # a network that is away need not be asked for each of them
            fetched += [await _fetch(paper, bot) for paper in waiting[1:]]
        if not all(fetched) or len(waiting) == AT_ONCE:
            bells.ring(papers.WAITING)


async def _fetch(paper: papers.Waiting, bot: Bot) -> bool:
    """Whether it is settled: there, or gone for good."""
    try:
        content = await download(bot, paper.file_id)
    except (TelegramError, TimeoutError) as error:
        log.warning("paper cannot be fetched yet", network=paper.network, error=type(error).__name__)
        return False
    await unit_of_work(partial(papers.fetched, paper, content))
    return True
