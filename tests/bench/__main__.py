"""Run every benchmark: `python -m tests.bench`, or some by name. Exit 1 when a bar is missed five times of five.

A long one says itself how often it is run (`TRIES`), and what takes many minutes (`large`) is run only by its name. In CI, whose
machine may be lent to others meanwhile, ratios are judged, and limits in seconds are only printed.
"""

import asyncio
import importlib
import sys

from tests.bench.measure import TRIES, judged

BENCHES = (
    *("submit", "updates", "mailing", "due", "start", "feed", "backup"),
    *("agenda", "flat", "group", "open_pages"),  # in the towns that are built for it
)


def main(names: list[str]) -> int:
    """Print a line for each figure."""
    met = True
    for name in names or BENCHES:
        module = importlib.import_module(f"tests.bench.{name}")
        for figure in asyncio.run(judged(module.bench, tries=getattr(module, "TRIES", TRIES))):
            print(figure.line(), flush=True)
            met = met and figure.passes
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
