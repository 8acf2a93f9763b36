"""What a copy of either database has to tell, and how one fails."""

from collections.abc import Mapping
from dataclasses import dataclass


class BackupFailed(Exception):
    """There is no new backup. The arguments are facts for the operator."""


class Damaged(BackupFailed):
    """A copy, or a table of it, is not what it was made from: which, and in what."""

    def __init__(self, what: str, how: str) -> None:
        """Carry both."""
        super().__init__(what, how)
        self.what = what
        self.how = how


@dataclass(frozen=True, kw_only=True)
class Copied:
    """The database at the moment that was copied: rows by table, its newest migration, and its program's version."""

    rows: Mapping[str, int]
    migration: str
    database: str
