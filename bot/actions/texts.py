"""Texts that people type: bounded, and asked about when they look like case data, through whichever door they come."""

from bot.rules import guard
from bot.rules.refusals import Refusal, TooLong


class LooksLikeACase(Refusal):
    """The text looks like case data and nobody has said that it is none."""


def checked(text: str, *, limit: int, kept: bool = False, whereabouts: bool = False) -> str:
    """The text without blanks around it, of at most `limit` characters.

    `kept` says that the warning was answered, `whereabouts` as in `bot.rules.guard`. Raises TooLong, LooksLikeACase.
    """
    text = text.strip()
    if len(text) > limit:
        raise TooLong(limit=limit)
    if not kept and guard.suspicious(text, whereabouts=whereabouts):
        raise LooksLikeACase
    return text
