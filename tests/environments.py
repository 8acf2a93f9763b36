"""Installs Faden and its tools as a newcomer does, with old and new versions of pip: `make environments`.

The lock files name every package, and `make` hands them to whatever pip the system has. So each version that people have
fills an empty environment from a bare copy of the checkout; then nothing may be missing in it. It needs the standard
library alone, and the package index.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HOUSE = Path(__file__).parent.parent
NEEDED = ("Makefile", "requirements.lock", "requirements-dev.lock")
PIPS = {
    "the oldest that the README promises": "pip==22.3",
    "Debian 12's": "pip==23.0.1",
    "Debian 13's": "pip==25.1.1",
    "the newest": "pip",
}
AT_ONCE = 2


class Failed(Exception):
    """A command failed; its words are what it printed."""


def main() -> int:
    """Try each version of pip; 0 when all of them could."""
    with tempfile.TemporaryDirectory(prefix="faden-environments-") as place, ThreadPoolExecutor(AT_ONCE) as pool:
        tries = {
            whose: pool.submit(_try, pip, Path(place, str(number))) for number, (whose, pip) in enumerate(PIPS.items())
        }
        failed = 0
        for whose, one in tries.items():
            try:
                print(f"{whose} (pip {one.result()}): both lock files installed, nothing is missing", flush=True)
            except Failed as error:
                failed += 1
                print(f"{whose} ({PIPS[whose]}) FAILED\n{error}", flush=True)
    return 1 if failed else 0


def _try(requirement: str, place: Path) -> str:
    """Install this version of pip, and with it everything; gives the version. Raises Failed."""
    checkout, pips = place / "checkout", place / "pip"
    checkout.mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(HOUSE / name, checkout)
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(pips), requirement)
    pip = [sys.executable, str(pips / "pip")]
    stamp = ".venv/tools-{}.{}".format(*sys.version_info)
    _run("make", f"PYTHON={sys.executable}", f"pip={' '.join(pip)}", stamp, cwd=checkout)
    _run(*pip, "--python", str(checkout / ".venv/bin/python"), "check")
    return _run(*pip, "--version").split()[1]


def _run(*command: str, cwd: Path | None = None) -> str:
    """Run a command without this machine's settings; gives what it printed."""
    done = subprocess.run(command, cwd=cwd, env=_environment(os.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _environment(outside: Mapping[str, str]) -> dict[str, str]:
    """Without what an outer make or a developer's pip has set."""
    dropped = ("FADEN_", "MAKE", "MFLAGS", "PIP_USER", "PIP_TARGET", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: value for name, value in outside.items() if not name.startswith(dropped)} | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1"
    }


if __name__ == "__main__":
    sys.exit(main())
