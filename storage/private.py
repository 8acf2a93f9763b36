"""Files for their owner alone: whoever reads the database reads everything that people told Faden."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

FILE = 0o600
FOLDER = 0o700
BESIDE = ("", "-wal", "-shm", "-journal")  # SQLite gives those that it makes the mode of the database


def make_folder(path: Path) -> None:
    """Make the folder, closed to others; one that is there stays as somebody made it. Raises OSError."""
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file, unless it is there: to close a database that is open drops the locks of its process. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def make_database(path: Path) -> None:
    """Make the database file and its folder, or close those of an older version, which let others read. Raises OSError."""
    make_folder(path.parent)
    make_file(path)
    close_to_others(path.with_name(path.name + end) for end in BESIDE)


def close_to_others(paths: Iterable[Path]) -> None:
    """Take from others whatever they may do with these files. One that is not there, or not ours, stays as it is."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.stat().st_mode & 0o777
            if mode & ~FILE:
                path.chmod(mode & FILE)


def close_files_in(folder: Path) -> None:
    """Do so with each file that lies in the folder."""
    close_to_others(path for path in folder.glob("*") if path.is_file())


def is_open_to_others(path: Path) -> bool:
    """Whether somebody else than the owner may do anything with it. Raises OSError."""
    return bool(path.stat().st_mode & 0o077)
