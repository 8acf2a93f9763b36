"""What was erased leaves SQLite's files too: soon after the commit, the log is written back and emptied.

Pages that were given up are overwritten (`secure_delete`), but the log keeps what they were until it is begun again, which may
take days in a quiet town. It is emptied through a connection of its own, so that nobody waits for the disk; while somebody reads
an older state, as a backup does, it cannot be, and the timer tries again. On PostgreSQL its log is the operator's (docs/privacy).
"""

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path

from storage import db

logger = logging.getLogger(__name__)

BUSY_SECONDS = 0.2  # as long may those who write be held up by one who reads


def erased() -> None:
    """Say it where something is erased: once that is committed, the log is emptied."""
    db.when_kept(_begin)


def _begin() -> None:
    db.opened_log().holds_erased = True
    db.beside(empty_log)


async def empty_log() -> bool:
    """Empty the log if it holds what was erased; False when that has to be tried again. Never within a transaction."""
    log = db.opened_log()
    async with log.emptying:
        while log.holds_erased and log.path is not None:
            log.holds_erased = False  # what is erased meanwhile says so again
            if not await asyncio.to_thread(_emptied, log.path):
                log.holds_erased = True
                return False
    return True


def _emptied(path: Path) -> bool:
    try:
        return _empty(path)
    except sqlite3.Error:
        logger.exception("What was erased still stands in the database's log.")
        return False


def _empty(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as own:
        (busy, _in_log, _written_back) = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
