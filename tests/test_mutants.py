"""The gate that asks whether the tests of the rules notice mutants; mutmut itself runs in `make mutants` only."""

import json
from pathlib import Path

import pytest

from tests import mutants, reached
from tests.mutants import LIST, Change, Mutant

# What mutmut makes of a module with a function and a method, one mutant each.
MADE = '''
def is_over(limit, now):
    """Whether it is."""


def x_is_over__mutmut_orig(limit, now):
    """Whether it is."""
    return now > limit


def x_is_over__mutmut_1(limit, now):
    """Whether it is."""
    return now >= limit


class Rest:
    def xǁRestǁ_absent__mutmut_orig(self, day):
        return self.days.get(
            day,
            False,
        )

    def xǁRestǁ_absent__mutmut_1(self, day):
        return self.days.get(
            False,
        )
'''
RESULTS = {"bot.rules.quiet.x_is_over__mutmut_1": 0, "bot.rules.quiet.xǁRestǁ_absent__mutmut_1": 1}
OVER = Change(module="quiet", function="is_over", lines=("- return now > limit", "+ return now >= limit"))
ABSENT = Change(module="quiet", function="Rest._absent", lines=("- day,",))


def entry(module: str, reason: str = "Nobody asks in that very moment.") -> str:
    return f"""
[[mutant]]
module = "{module}"
function = "is_over"
change = '''
- return now > limit
+ return now >= limit'''
reason = "{reason}"
"""


def many(killed: int, survived: int) -> list[Mutant]:
    """Of one module, each with a change of its own."""
    statuses = ["killed"] * killed + ["survived"] * survived
    return [
        Mutant(change=Change(module="quiet", function=f"f{number}", lines=("+ pass",)), status=status)
        for number, status in enumerate(statuses)
    ]


def test_modules_are_found_by_name_and_else_all_of_them() -> None:
    everything = mutants.modules([])

    assert mutants.modules(["reading/days", "followup", "followup"]) == ["followup", "reading/days"]
    assert {"followup", "reading/days", "reading/__init__"} <= set(everything)


def test_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="There is no rhythm in bot/rules"):
        mutants.modules(["followup", "rhythm"])


def test_what_mutmut_has_made_is_read_with_what_came_of_it(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(MADE, encoding="utf-8")
    (tmp_path / "quiet.py.meta").write_text(json.dumps({"exit_code_by_key": RESULTS}), encoding="utf-8")

    assert mutants.read(tmp_path, "quiet") == [
        Mutant(change=OVER, status="survived"),
        Mutant(change=ABSENT, status="killed"),
    ]


def test_module_without_functions_has_no_mutants(tmp_path: Path) -> None:
    assert mutants.read(tmp_path, "quiet") == []


def test_change_is_the_lines_that_differ() -> None:
    assert list(mutants.changes("quiet", MADE).values()) == [OVER, ABSENT]


def test_test_of_a_module_counts_for_all_of_it_that_was_called_before() -> None:
    before = {"bot.rules.quiet.x_once", "bot.rules.quiet.xǁRestǁ_absent", "bot.rules.reach.x_f"}

    assert reached.of_same_modules(before, {"bot.rules.quiet.x_is_over"}) == before - {"bot.rules.reach.x_f"}


def test_listed_are_read_as_changes() -> None:
    assert mutants.listed(entry("quiet")) == {OVER}


def test_listed_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="gives no reason for this one:\nquiet: is_over"):
        mutants.listed(entry("quiet", reason=" "))


def test_own_list_can_be_read_and_names_modules_that_exist() -> None:
    known = mutants.listed(LIST.read_text(encoding="utf-8"))

    assert {change.module for change in known} <= set(mutants.modules([]))


@pytest.mark.parametrize(
    ("killed", "survived", "wrong"),
    [
        (95, 5, []),
        (94, 6, ["quiet: fewer than 95% of its mutants are noticed."]),
        (0, 0, []),
    ],
)
def test_ninety_five_of_a_hundred_must_be_noticed(killed: int, survived: int, wrong: list[str]) -> None:
    figures, found = mutants.judged(many(killed, survived), ["quiet"], frozenset())

    assert (figures[0].split(" (")[0], len(figures)) == (
        f"quiet: {killed} of {killed + survived} noticed",
        1 + survived,
    )
    assert found == wrong


def test_each_module_is_judged_by_itself() -> None:
    run = [
        *many(killed=99, survived=0),
        Mutant(change=Change(module="reach", function="f", lines=()), status="survived"),
    ]

    _, wrong = mutants.judged(run, ["quiet", "reach"], frozenset())

    assert wrong == ["reach: fewer than 95% of its mutants are noticed."]


def test_survivor_that_is_listed_does_not_count() -> None:
    run = [Mutant(change=OVER, status="survived"), Mutant(change=ABSENT, status="killed")]

    assert mutants.judged(run, ["quiet"], frozenset({OVER})) == (["quiet: 1 of 1 noticed (100.0%), 1 listed"], [])


@pytest.mark.parametrize("status", ["no tests", "survived"])
def test_survivor_is_shown(status: str) -> None:
    figures, _ = mutants.judged([Mutant(change=OVER, status=status)], ["quiet"], frozenset())

    assert figures == [
        "quiet: 0 of 1 noticed (0.0%), 0 listed",
        "  survived: quiet: is_over\n    - return now > limit\n    + return now >= limit",
    ]


@pytest.mark.parametrize("code", [-24, 152, -9])
def test_mutant_whose_tests_hang_is_noticed(code: int) -> None:
    run = [Mutant(change=OVER, status=mutants.STATUS[code])]

    assert mutants.judged(run, ["quiet"], frozenset())[1] == []


def test_module_whose_mutants_cannot_be_imported_is_no_success() -> None:
    run = many(killed=2, survived=0)
    broken = [Mutant(change=mutant.change, status="not loaded") for mutant in run]

    _, wrong = mutants.judged([run[0], broken[1]], ["quiet"], frozenset())
    _, mostly = mutants.judged(broken, ["quiet"], frozenset())

    assert wrong == []
    assert mostly == ["quiet: most of its mutants cannot be imported, or mutmut cannot run the tests."]


def test_mutant_that_was_not_run_is_no_success() -> None:
    _, wrong = mutants.judged([Mutant(change=OVER, status="not run: None")], ["quiet"], frozenset())

    assert wrong == [f"not run: None\n{OVER}"]


@pytest.mark.parametrize(
    ("run", "known", "sentence"),
    [
        ([Mutant(change=OVER, status="killed")], OVER, "mutants.toml lists a mutant that is noticed by a test."),
        ([], OVER, "mutants.toml lists a mutant that does not exist."),
        (
            [],
            Change(module="rhythm", function="f", lines=()),
            "mutants.toml lists a mutant of a module that does not exist.",
        ),
    ],
)
def test_listed_that_does_not_hold_is_told(run: list[Mutant], known: Change, sentence: str) -> None:
    assert mutants.judged(run, ["quiet"], frozenset({known}))[1] == [f"{sentence}\n{known}"]


def test_listed_of_a_module_that_was_not_asked_for_is_left_alone() -> None:
    assert mutants.judged([], ["reach"], frozenset({OVER}))[1] == []


def test_main_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def run(wanted: list[str], workers: int) -> list[Mutant]:
        asked.append((wanted, workers))
        return many(killed=1, survived=1)

    monkeypatch.setattr(mutants, "run", run)

    words = mutants.main(["quiet", "--workers", "3"])

    assert (asked, words) == ([(["quiet"], 3)], "quiet: fewer than 95% of its mutants are noticed.")
    assert capsys.readouterr().out.startswith("quiet: 1 of 2 noticed (50.0%), 0 listed\n")


def test_main_is_silent_when_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "run", lambda _wanted, _workers: many(killed=1, survived=0))

    assert mutants.main(["quiet"]) is None
    assert mutants.main(["rhythm"]) == "There is no rhythm in bot/rules."
