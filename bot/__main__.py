"""The door of the command line, which opens also for a Python without Faden's packages, to say which one has them.

Nothing of the house is imported before that is known.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENT = os.path.join(".venv", "bin", "python")  # noqa: PTH118  # plain enough for every Python
OLDEST = (3, 11)
NEEDED = ("aiohttp", "structlog", "tortoise")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    lacking = "" if sys.version_info >= OLDEST else f"is older than {OLDEST[0]}.{OLDEST[1]}"
    if not lacking and any(importlib.util.find_spec(name) is None for name in NEEDED):
        lacking = "lacks Faden's packages"
    if lacking:
        print(f"This Python ({sys.executable}) {lacking}: {_what_to_do(arguments)}.", file=sys.stderr)
        return 1
    from bot import commands  # noqa: PLC0415  # see above

    return commands.main(arguments)


def _what_to_do(arguments: Sequence[str] | None) -> str:
    call = " ".join([ENVIRONMENT, "-m", "bot", *(sys.argv[1:] if arguments is None else arguments)])
    if os.path.exists(ENVIRONMENT):  # noqa: PTH110  # see above
        return f"call `{call}`"
    return f"`make run` makes an environment and starts Faden; then call `{call}`"


if __name__ == "__main__":
    sys.exit(main())
