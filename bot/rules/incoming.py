"""JSON from outside, bounded: what is too deep, too large or no number can be told from an update and does no harm. Pure."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

DEEPEST = 50  # levels of an update; Telegram's own have a dozen
CUT_BELOW = (
    200  # levels that are left of what is too deep for Python's own reader, which gives up somewhere below 1,000
)
LARGEST = 2**63 - 1  # that a column holds
LONGEST_NUMBER = 40  # digits that are read at all; more would cost time and are too large anyway

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)  # also a text without an end: it is read once


class NotStorable(ValueError):
    """No update of Telegram's looks like that, and no database holds it."""


def read(body: bytes) -> Any:  # noqa: ANN401  # any JSON
    """What the JSON says; where it is too deep to be read, without what lies below `CUT_BELOW` levels.

    Raises ValueError for what is no JSON.
    """
    text = body.decode(errors="replace")
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError:
        return json.loads(_cut(text), parse_int=_whole_number)


def _whole_number(digits: str) -> int:
    return int(digits) if len(digits) <= LONGEST_NUMBER else LARGEST + 1


def _cut(text: str) -> str:
    """The text with `null` in the place of everything that is too deep."""
    kept, depth, position = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == CUT_BELOW + 1:
                kept += [text[position : token.start()], "null"]
        elif token[0] in "]}":
            depth -= 1
            if depth == CUT_BELOW:
                position = token.end()
    return "".join([*kept, text[position:] if depth <= CUT_BELOW else ""])


def storable(value: Any, depth: int = 0) -> Any:  # noqa: ANN401  # JSON
    """Without what PostgreSQL cannot hold in texts: NUL, and halves of characters. Raises NotStorable."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, int | float) and not _fits(value):
        raise NotStorable("a number that no column holds")
    if isinstance(value, Mapping | list) and depth >= DEEPEST:
        raise NotStorable("too deep")
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(inner, depth + 1) for key, inner in value.items()}
    return [storable(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _fits(number: float) -> bool:
    return abs(number) <= LARGEST if isinstance(number, int) else math.isfinite(number)
