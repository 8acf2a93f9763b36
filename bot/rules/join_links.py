"""The way into an online meeting, as people type it: an address, a dial-in, or that there is none."""

import re

from bot.rules.reading.words import fold

_ADDRESS = re.compile(r"https?://[^\s/?#@][^\s/?#@.]*\.[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)
_HOST_WITH_PATH = re.compile(r"(?:[\w-]+\.)+(?:[^\W\d_]{2,}|xn--[a-z0-9-]+)(?::[0-9]{1,5})?/\S*", re.IGNORECASE)
_NONE = frozenset(
    (
        *("-", "kein", "keine", "keiner", "keins", "keinen", "kein link", "kein zugang", "keine einwahl", "nein"),
        *("ohne", "ohne link", "noch offen", "offen", "noch keiner", "noch kein link", "folgt", "spaeter"),
        *("none", "no", "no link", "without", "not yet", "open", "later", "to follow", "tbd"),
    )
)


def read(text: str) -> str | None:
    """What somebody typed: an address, with https:// before a host and path; other words as they are; None for "keiner"."""
    typed = " ".join(text.split())
    inner = typed.strip("<> ")  # as mail programs set addresses apart
    typed = typed if "<" in inner or ">" in inner else inner
    if fold(typed).rstrip(" .!") in _NONE:
        return None
    return f"https://{typed}" if _HOST_WITH_PATH.fullmatch(typed) else typed


def is_address(text: str) -> bool:
    """Whether it can be pressed; anything else is to be read."""
    return _ADDRESS.fullmatch(text) is not None
