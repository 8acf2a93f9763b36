"""On which line each key and entry of a TOML text stands: `tomllib` keeps that to itself.

The text must be valid TOML (`tomllib` has read it), so the walk only has to tell strings, brackets and comments apart.
"""

import re
from bisect import bisect_left

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[\s,]|#[^\n]*)*")
_STRING = re.compile(
    r"""
      "{3} (?:[^\\]|\\.)*? "{3,5}
    | '{3} .*? '{3,5}
    | " (?:[^"\\\n]|\\.)* "
    | ' [^'\n]* '
    """,
    re.DOTALL | re.VERBOSE,
)
_SPACES = re.compile(r"[ \t]*")
_BARE = re.compile(r"[^\s,\]}=#.]+")
_SCALAR = re.compile(r"[^\n,\]}#]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")


def lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of everything in the text; of a table its first mention."""
    return _Walk(text).walk()


class _Walk:
    """One way through the text from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._at = 0
        self._found: dict[Path, int] = {}
        self._entries: dict[Path, int] = {}

    def walk(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._found

    def _header(self) -> Path:
        """`[table]` or `[[entry of a list]]`; inside a list it means the last entry."""
        line = self._line()
        is_entry = self._text.startswith("[[", self._at)
        self._at += 2 if is_entry else 1
        path: Path = ()
        keys = self._key()
        for number, key in enumerate(keys, start=1):
            path = (*path, key)
            if is_entry and number == len(keys):
                self._entries[path] = self._entries.get(path, -1) + 1
            self._found.setdefault(path, line)
            if path in self._entries:
                path = (*path, self._entries[path])
                self._found.setdefault(path, line)
        self._at = self._text.index("]", self._at) + (2 if is_entry else 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for key in self._key():
            path = (*path, key)
            self._found.setdefault(path, line)
        self._at = self._text.index("=", self._at) + 1
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "[{":
            self._at += 1
            self._skip(_BLANK)
            number = 0
            while self._text[self._at] not in "]}":
                if first == "[":
                    self._found[(*path, number)] = self._line()
                    self._value((*path, number))
                    number += 1
                else:
                    self._pair(path)
                self._skip(_BLANK)
            self._at += 1
        else:
            self._skip(_STRING if first in "\"'" else _SCALAR)

    def _key(self) -> list[str]:
        """A key's parts, without quotes; escapes in them stay as they are written."""
        parts = []
        while True:
            self._skip(_SPACES)
            quoted = self._text[self._at] in "\"'"
            part = self._skip(_STRING if quoted else _BARE)
            parts.append(part[1:-1] if quoted else part)
            if not self._skip(_DOT):
                return parts

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_left(self._breaks, self._at) + 1
