"""What a button carries, read strictly before its handler runs: data that no button of ours sends is Outdated."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from telegram import Update

from bot.rules.refusals import Outdated
from storage.vocabulary import Answer, CheckInAnswer

if TYPE_CHECKING:
    from bot.handlers.context import Context  # which keeps what is read here

Word = TypeVar("Word", bound=StrEnum)


def number(text: str) -> int:
    """A whole number that fits any column. Raises Outdated."""
    return int(matching(r"[0-9]{1,9}", text))


def word(kind: type[Word], text: str) -> Word:
    """A word of the vocabulary. Raises Outdated."""
    try:
        return kind(text)
    except ValueError as error:
        raise Outdated from error


def matching(pattern: str, text: str) -> str:
    """A text of exactly that form. Raises Outdated."""
    if re.fullmatch(pattern, text) is None:
        raise Outdated
    return text


def _number_or_dash(text: str) -> int | None:
    return None if text == "-" else number(text)


READINGS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("meeting", "item", "commitment", "body", "seat", "person", "paper", "party", "page"), number),
    "answer": lambda text: word(Answer, text),
    "standing": lambda text: word(CheckInAnswer, text),
    "minute": number,  # of the epoch
    "length": _number_or_dash,
    "way": lambda text: matching("up|down", text) == "up",
    "stays": lambda text: matching("a", text),
    "source": lambda text: matching(r"[0-9]{1,18}", text),
    "language": lambda text: matching("[a-z]{2}", text),
    "rest": lambda text: matching("[0-9]{1,2}-[0-9]{1,2}|none", text),
}


@dataclass(frozen=True)
class Button:
    """A handler and what its button carries: names of READINGS, in order; with a "?" it may be missing at the end."""

    handler: "Callable[[Update, Context], Coroutine[Any, Any, None]]"
    takes: str = ""

    def read(self, arguments: Sequence[str]) -> tuple[Any, ...]:
        """The arguments, one for each name; None for what is missing. Raises Outdated."""
        names = self.takes.split()
        needed = sum(not name.endswith("?") for name in names)
        if not needed <= len(arguments) <= len(names):
            raise Outdated
        read = [READINGS[name.rstrip("?")](text) for name, text in zip(names, arguments, strict=False)]
        return (*read, *[None] * (len(names) - len(read)))
