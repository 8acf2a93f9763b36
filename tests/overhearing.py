"""Every line that the suite logs, at DEBUG and as an operator would get it, is searched for the secrets that were about.

A plugin, registered by tests/conftest.py.
"""

import io
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from bot import logs
from bot.config import LogSettings
from bot.rules import tokens

SHORTEST = 20
BOT_TOKEN = re.compile(r"(?<!\d)\d{3,}:[A-Za-z0-9_-]{20,}")


class Overheard(io.StringIO):
    """What was logged since it was last asked."""

    def taken(self) -> str:
        said = self.getvalue()
        self.seek(0)
        self.truncate()
        return said


@pytest.fixture
def overheard() -> Iterator[Overheard]:
    """The program's own formatter with its redaction, at DEBUG."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.configure(LogSettings(level="debug", format="json"))
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    said = Overheard()
    handler.setStream(said)
    handler.addFilter(lambda record: record.name != "mail.log")  # the mail server's, which is not ours
    root.handlers = [*before, handler]
    yield said
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def secrets_about(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The tokens that are made or looked up during a test."""
    about: set[str] = set()
    make, look_up = tokens.tag, tokens.hashed

    def made(key: bytes, purpose: str, *parts: str | int) -> str:
        about.add(token := make(key, purpose, *parts))
        return token

    def looked_up(token: str) -> str:
        about.add(token)
        return look_up(token)

    monkeypatch.setattr(tokens, "tag", made)
    monkeypatch.setattr(tokens, "hashed", looked_up)
    return about


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(overheard: Overheard, secrets_about: set[str]) -> Iterator[None]:
    overheard.taken()
    yield
    assert secrets_in(overheard.taken(), secrets_about) == []


def secrets_in(said: str, about: set[str]) -> list[str]:
    """The secrets that were said, and tokens of bots, whoever's."""
    return [*BOT_TOKEN.findall(said), *sorted(secret for secret in about if len(secret) >= SHORTEST and secret in said)]
