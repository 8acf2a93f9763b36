"""Golden files: the exact bytes that people receive, reviewable in a diff.

`FADEN_WRITE_GOLDEN=1` writes them anew; read the diff before you commit it.
"""

import difflib
import os
from pathlib import Path

DIRECTORY = Path(__file__).parent


def assert_golden(name: str, actual: bytes) -> None:
    """Compare `actual` with the file `name` ("calendars/request.ics") byte by byte."""
    path = DIRECTORY / name
    if os.environ.get("FADEN_WRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(actual)
    expected = path.read_bytes() if path.exists() else b""
    # As reprs: a difference in line ends or spaces has to be visible.
    old, new = ([repr(line) for line in octets.splitlines(keepends=True)] for octets in (expected, actual))
    difference = "\n".join(difflib.unified_diff(old, new, fromfile=name, tofile="actual", lineterm=""))
    assert actual == expected, f"{name} is not what it was; FADEN_WRITE_GOLDEN=1 writes it anew\n{difference}"
