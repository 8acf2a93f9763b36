"""The stage for conversations: the web chat on SQLite, Telegram on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from storage.vocabulary import Network
from tests.stage import Stage, raise_curtain


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:
    network = Network.TELEGRAM if store.startswith("postgres") else Network.WEBCHAT
    made = await raise_curtain(network=network, moment=now)
    yield made
    await made.close()
