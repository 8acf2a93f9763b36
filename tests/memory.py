"""Where the tests keep their files: in memory, where there is room for them.

The tests kill Faden, never the machine: nobody need wait for the disk.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # only the parent of directories from `tempfile`
NEEDED = 2 * 1024**3  # a container often has 64 MB there


def directory() -> str | None:
    """The directory for temporary ones; None is the system's own."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    return str(MEMORY) if roomy else None


def use() -> None:
    """For every temporary file of this process and its children, unless somebody has said where they go (TMPDIR)."""
    chosen = directory()
    if chosen is not None and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = chosen
        tempfile.tempdir = None  # it is looked up again
