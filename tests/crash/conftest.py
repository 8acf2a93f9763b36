"""What the crash tests share: the dice, and a place for figures."""

import faulthandler
import os
import secrets
import sys
from collections.abc import Callable
from random import Random

import pytest


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says a figure on the terminal, also of a test that passes."""

    def said(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", file=sys.stderr, flush=True)  # noqa: T201  # that is what it is for; workers have no other way

    return said


@pytest.fixture
def dice(report: Callable[[str], None]) -> Random:
    """Dice of a seed that is told; FADEN_TEST_SEED throws the same again."""
    seed = os.environ.get("FADEN_TEST_SEED") or secrets.token_hex(4)
    report(f"FADEN_TEST_SEED={seed}")
    return Random(seed)  # noqa: S311  # not for secrets


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest) -> None:
    """The long runs take minutes; pytest need not show where they are meanwhile, as it does for a test that hangs."""
    if request.node.get_closest_marker("crash"):
        faulthandler.cancel_dump_traceback_later()
