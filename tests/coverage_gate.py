"""The second gate of `make coverage`: in these rooms every line and every branch is run by a test.

The first, 95 % over all, is coverage's own `fail_under`. Usage: python -m tests.coverage_gate [coverage.json]
"""

import json
import sys
from pathlib import Path
from typing import Any

WHOLE_ROOMS = ("bot/rules/", "bot/actions/")


def gaps(report: dict[str, Any]) -> list[str]:
    """Each file that falls short in `report`, coverage's JSON, with its lines and branches; and each room without a file."""
    found = []
    for room in WHOLE_ROOMS:
        files = {path: file for path, file in report["files"].items() if path.startswith(room)}
        if not files:
            found.append(f"{room}: nothing was measured")
        for path, file in files.items():
            lines = [str(line) for line in file["missing_lines"]]
            branches = [f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"]]
            if lines or branches:
                found.append(f"{path}: {', '.join(lines + branches)}")
    return found


def main(arguments: list[str]) -> str | None:
    """What is missing, as the process's last words; None when nothing is."""
    report = json.loads(Path(arguments[0] if arguments else "coverage.json").read_text(encoding="utf-8"))
    found = gaps(report)
    return "\n".join(["Every line and branch needs a test here:", *found]) if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
