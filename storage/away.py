"""Whether an error says that the database cannot work now: no room on the disk, its lock held, no connection. No defect of ours."""

import errno
import sqlite3
from collections.abc import Iterator

from tortoise.exceptions import DBConnectionError

_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
    }
)
_SQLITE_KIND = 0xFF  # what stands above it says more exactly what went wrong
_POSTGRES = ("08", "53", "57P", "58")  # of SQLSTATE: connection, resources, operator, the system around it
_DISK = frozenset({errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EROFS})


def why_away(error: BaseException) -> BaseException | None:
    """The error behind this one by which the database cannot work now; None when it is another kind."""
    return next(filter(_says_away, _behind(error)), None)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes; Tortoise carries the driver's in its own."""
    seen: set[int] = set()
    current: object = error
    while isinstance(current, BaseException) and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or next(iter(current.args), None)


def _says_away(error: BaseException) -> bool:
    match error:
        case DBConnectionError() | ConnectionError():
            return True
        case sqlite3.Error():
            return getattr(error, "sqlite_errorcode", 0) & _SQLITE_KIND in _SQLITE
        case OSError():
            return error.errno in _DISK
        case _:
            return str(getattr(error, "sqlstate", None) or "").startswith(_POSTGRES)
