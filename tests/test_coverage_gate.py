"""The gate that demands whole coverage where decisions are made."""

import json
from pathlib import Path
from typing import Any

from tests import coverage_gate

Measured = dict[str, list[Any]]


def report(**files: Measured) -> dict[str, Any]:
    """Coverage's report on three files, whole but for those given."""
    whole: Measured = {"missing_lines": [], "missing_branches": []}
    return {"files": {"bot/rules/rhythm.py": whole, "bot/actions/audit.py": whole, "bot/inbox.py": whole, **files}}


def test_gaps_none_when_both_rooms_are_whole() -> None:
    assert coverage_gate.gaps(report()) == []


def test_gaps_name_lines_and_branches() -> None:
    short: dict[str, Measured] = {
        "bot/actions/audit.py": {"missing_lines": [7, 9], "missing_branches": [[6, 7], [8, -3]]}
    }

    assert coverage_gate.gaps(report(**short)) == ["bot/actions/audit.py: 7, 9, 6->7, 8->exit"]


def test_gaps_elsewhere_are_not_its_business() -> None:
    short: dict[str, Measured] = {"bot/inbox.py": {"missing_lines": [7], "missing_branches": []}}

    assert coverage_gate.gaps(report(**short)) == []


def test_room_that_nobody_measured_is_a_gap() -> None:
    assert coverage_gate.gaps({"files": {}}) == [
        "bot/rules/: nothing was measured",
        "bot/actions/: nothing was measured",
    ]


def test_main_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(**{"bot/rules/rhythm.py": {"missing_lines": [3], "missing_branches": []}})))

    words = coverage_gate.main([str(path)])

    assert words == "Every line and branch needs a test here:\nbot/rules/rhythm.py: 3"


def test_main_is_silent_when_nothing_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report()))

    assert coverage_gate.main([str(path)]) is None
