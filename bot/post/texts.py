"""Texts within Telegram's limits, which count UTF-16 units of the text without its tags. Pure."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from html import unescape
from itertools import accumulate

MESSAGE_UNITS = 4096
CAPTION_UNITS = 1024
TOAST_UNITS = 200

_MARKUP = re.compile(r"<[^<>]*>")
_TOKEN = re.compile(rf"{_MARKUP.pattern}|&[#\w]+;|\n{{2,}}|\s|[^<&\s]")
_TAG = re.compile(r"<(/?)([a-z-]+)")
_BREAKS = ("\n\n", "\n", " ")


def units(html: str) -> int:
    """How long Telegram finds the text, in UTF-16 units after parsing."""
    return sum(_units(token) for token in _TOKEN.findall(html))


def plain(html: str) -> str:
    """The text without tags and entities, as toasts have it."""
    return unescape(_MARKUP.sub("", html)).strip()


def cut(text: str, limit: int = TOAST_UNITS) -> str:
    """Plain text of at most `limit` UTF-16 units; what is cut ends after a word, with "…"."""
    if length(text) <= limit:
        return text
    ends = list(accumulate(length(character) for character in text))
    kept = text[: bisect_right(ends, limit - length("…"))]
    return (kept.rpartition(" ")[0] or kept).rstrip() + "…"


def split(html: str, limit: int = MESSAGE_UNITS) -> list[str]:
    """The text in parts that Telegram takes: broken between paragraphs, else lines, else words, never inside a tag or character.

    Tags that are open at a break are closed before it and opened again after it.
    """
    if 2 * len(html) <= limit:
        return [html]  # whatever the characters are: a short one, as nearly all
    tokens = _TOKEN.findall(html)
    parts = []
    open_tags: list[str] = []
    begin = 0
    while begin < len(tokens):
        end = _end_of_part(tokens, begin, limit)
        head = [*open_tags, *tokens[begin:end]]
        open_tags = _open_tags(head)
        parts.append("".join(head).strip() + "".join(f"</{_name(tag)}>" for tag in reversed(open_tags)))
        begin = next((at for at in range(end, len(tokens)) if not tokens[at].isspace()), len(tokens))
    return parts


def _end_of_part(tokens: Sequence[str], begin: int, limit: int) -> int:
    """Where the part ends that begins there: at the end, at the last good break, or where no more fits."""
    room = limit
    for position in range(begin, len(tokens)):
        room -= _units(tokens[position])
        if room < 0:
            return _last_break(tokens, begin, position) or max(position, begin + 1)
    return len(tokens)


def _last_break(tokens: Sequence[str], begin: int, end: int) -> int:
    for wanted in _BREAKS:
        for position in range(end - 1, begin, -1):
            if tokens[position].startswith(wanted):
                return position
    return 0


def _open_tags(tokens: Sequence[str]) -> list[str]:
    stack: list[str] = []
    for token in tokens:
        tag = _TAG.match(token)
        if tag is None:
            continue
        if not tag[1]:
            stack.append(token)
        elif stack:
            stack.pop()
    return stack


def _name(tag: str) -> str:
    found = _TAG.match(tag)
    return found[2] if found else ""


def _units(token: str) -> int:
    return 0 if token.startswith("<") else length(unescape(token))


def length(text: str) -> int:
    """How long Telegram finds plain text, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
