"""Changes the rules one small way at a time and asks whether a test notices: `make mutants ARGS="followup reading/days"`.

mutmut makes the mutants of each module of `bot/rules` (all of them unless some are named, which takes long) and runs
`tests/rules` on them, in a folder of its own. 95 of 100 must be noticed in each module. `mutants.toml` beside this file lists
the mutants that behave like the original, each with its reason; they do not count. A mutant whose tests hang is ended and
counts as noticed. mutmut leaves tables, patterns and decorated functions as they are: nothing is said about those.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent
RULES = "bot/rules"
TESTS = "tests/rules"
LIST = Path(__file__).with_suffix(".toml")
NEEDED = ("bot", "storage", "tests", "docs", "config.example.toml", "town.example.toml")
PRELOADED = "preloaded.txt"
LIBRARIES = ("tortoise.backends.asyncpg.client", "tortoise.backends.sqlite.client", "structlog", "holidays")
LEAST = 0.95
KILLED, ENDED, NOT_LOADED = "killed", "ended", "not loaded"
NOTICED = frozenset({KILLED, ENDED, NOT_LOADED})
UNNOTICED = frozenset({"survived", "no tests"})
# How the processes end: pytest's codes, mutmut's own, and what the limits of time leave. 2 and 255 are of a mutant that cannot be
# imported by its tests or by their conftest.
STATUS: dict[int | None, str] = {
    0: "survived",
    **dict.fromkeys((5, 33), "no tests"),
    **dict.fromkeys((1, 3), KILLED),
    **dict.fromkeys((2, 255), NOT_LOADED),
    **dict.fromkeys((-24, 24, 152, 36, -9, -11), ENDED),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a mutant changes: `lines` are those that differ, "- " the original's and "+ " its own, without indentation."""

    module: str
    function: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.module}: {self.function}", *(f"    {line}" for line in self.lines)])


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A mutant, and what came of it."""

    change: Change
    status: str


def modules(names: Sequence[str]) -> list[str]:
    """The modules of these names, or all of them. Raises ValueError with a sentence."""
    there = sorted(path.relative_to(HOUSE / RULES).with_suffix("").as_posix() for path in (HOUSE / RULES).rglob("*.py"))
    if unknown := sorted(set(names) - set(there)):
        raise ValueError(f"There is no {', '.join(unknown)} in {RULES}.")
    return sorted(set(names)) or there


def listed(text: str) -> frozenset[Change]:
    """The mutants that are known to behave like the original. Raises ValueError where one has no reason."""
    found = set()
    for entry in tomllib.loads(text).get("mutant", ()):
        lines = tuple(line.strip() for line in entry["change"].strip().splitlines())
        change = Change(module=entry["module"], function=entry["function"], lines=lines)
        if not entry.get("reason", "").strip():
            raise ValueError(f"{LIST.name} gives no reason for this one:\n{change}")
        found.add(change)
    return frozenset(found)


# --- running them ---------------------------------------------------------------------------------------------------


def run(wanted: Sequence[str], workers: int) -> list[Mutant]:
    """Make the mutants of these modules and run their tests. Raises CalledProcessError when the tests fail without any mutant.

    First each mutant takes over when everything is loaded, which is quick. Those that survive are run once more in processes
    that load it all by themselves: so the mutant is there, too, for what runs while a module loads.
    """
    with tempfile.TemporaryDirectory(prefix="faden-mutants-") as directory:
        place = Path(directory)
        for name in NEEDED:
            (place / name).symlink_to(HOUSE / name)
        (place / PRELOADED).write_text("\n".join(LIBRARIES), encoding="utf-8")
        made = place / "mutants" / RULES
        _mutmut(place, wanted, workers, warmup="collect")
        survivors = [
            key for module in wanted for key, code in codes(made, module).items() if STATUS.get(code) in UNNOTICED
        ]
        if survivors:
            _mutmut(place, wanted, workers, *survivors, warmup="import")
        return [mutant for module in wanted for mutant in read(made, module)]


def _mutmut(place: Path, wanted: Sequence[str], workers: int, *mutants: str, warmup: str) -> None:
    settings: dict[str, Any] = {
        "source_paths": ["bot"],
        "only_mutate": [f"{RULES}/{module}.py" for module in wanted],
        "also_copy": [name for name in NEEDED if name not in {"bot", "tests"}],
        "pytest_add_cli_args_test_selection": [TESTS],
        "pytest_add_cli_args": [
            *("-p", "tests.reached"),
            "--hypothesis-profile=ci",  # fixed examples, and no limit in seconds
            *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # the libraries are loaded before pytest
        ],
        "process_isolation": "forkserver",  # no test runs before the fork, so no cache holds what the original answered
        "forkserver_warmup": warmup,
        "preload_modules_file": PRELOADED,
        "timeout_constant": 4.0,  # seconds, of which mutmut allows fifteen times as many
        "use_git_change_detection": False,
    }
    own = (HOUSE / "pyproject.toml").read_text(encoding="utf-8")
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (place / "pyproject.toml").write_text(f"{own}\n[tool.mutmut]\n{''.join(lines)}", encoding="utf-8")
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers), *mutants]
    progress = None if sys.stdout.isatty() else subprocess.PIPE
    subprocess.run(command, cwd=place, stdout=progress, text=True, check=True)


def codes(made: Path, module: str) -> dict[str, int | None]:
    """How the processes of a module's mutants ended; mutmut makes none of a module without functions."""
    results = made / f"{module}.py.meta"
    if not results.exists():
        return {}
    ended: dict[str, int | None] = json.loads(results.read_text(encoding="utf-8"))["exit_code_by_key"]
    return ended


def read(made: Path, module: str) -> list[Mutant]:
    """What came of the mutants of a module, from what mutmut has `made` of it."""
    ended = codes(made, module)
    changed = changes(module, (made / f"{module}.py").read_text(encoding="utf-8")) if ended else {}
    return [
        Mutant(change=changed[key.rpartition(".")[2]], status=STATUS.get(code, f"not run: {code}"))
        for key, code in ended.items()
    ]


def changes(module: str, source: str) -> dict[str, Change]:
    """What each mutant in mutmut's version of a module changes: beside a function's original stand its mutants, numbered."""
    functions = {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }
    found = {}
    for name, text in functions.items():
        mangled, _, number = name.rpartition("__mutmut_")
        if number != "orig":
            original = functions[f"{mangled}__mutmut_orig"].replace(f"{mangled}__mutmut_orig", mangled)
            differing = ndiff(original.splitlines(), text.replace(name, mangled).splitlines())
            lines = tuple(f"{line[0]} {line[2:].strip()}" for line in differing if line[0] in "+-")
            function = re.sub("^x_?", "", mangled).strip("ǁ").replace("ǁ", ".")
            found[name] = Change(module=module, function=function, lines=lines)
    return found


# --- judging them ---------------------------------------------------------------------------------------------------


def judged(mutants: Iterable[Mutant], wanted: Sequence[str], known: frozenset[Change]) -> tuple[list[str], list[str]]:
    """A line of figures for each module, and what is wrong: survivors beyond the limit, and entries of the list that do not hold."""
    run = list(mutants)
    survivors = [mutant.change for mutant in run if mutant.status in UNNOTICED]
    figures = []
    wrong = [f"{one.status}\n{one.change}" for one in run if one.status not in NOTICED | UNNOTICED]
    for module in wanted:
        words = Counter(mutant.status for mutant in run if mutant.change.module == module)
        noticed = sum(words[word] for word in NOTICED)
        survived = [change for change in survivors if change.module == module]
        left = [change for change in survived if change not in known]
        counted = noticed + len(left)
        share = noticed / counted if counted else 1.0
        figures.append(f"{module}: {noticed} of {counted} noticed ({share:.1%}), {len(survived) - len(left)} listed")
        figures += [f"  survived: {change}" for change in left]
        if words[NOT_LOADED] > counted / 2:
            wrong.append(f"{module}: most of its mutants cannot be imported, or mutmut cannot run the tests.")
        if share < LEAST:
            wrong.append(f"{module}: fewer than {LEAST:.0%} of its mutants are noticed.")
    return figures, wrong + _outdated(run, wanted, known - set(survivors))


def _outdated(run: Sequence[Mutant], wanted: Sequence[str], unneeded: frozenset[Change]) -> list[str]:
    made = {mutant.change for mutant in run}
    sentences = []
    for change in sorted(unneeded, key=str):
        if not (HOUSE / RULES / f"{change.module}.py").exists():
            sentences.append(f"{LIST.name} lists a mutant of a module that does not exist.\n{change}")
        elif change.module in wanted:
            why = "is noticed by a test" if change in made else "does not exist"
            sentences.append(f"{LIST.name} lists a mutant that {why}.\n{change}")
    return sentences


def main(arguments: Sequence[str]) -> str | None:
    """What is wrong, as the process's last words; None when nothing is."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description="Ask whether the tests notice mutants."
    )
    parser.add_argument("modules", nargs="*", help=f"modules of {RULES}, such as followup or reading/days")
    parser.add_argument("--workers", type=int, default=2, help="how many are run at once")
    given = parser.parse_args(arguments)
    try:
        wanted, known = modules(given.modules), listed(LIST.read_text(encoding="utf-8"))
        figures, wrong = judged(run(wanted, given.workers), wanted, known)
    except ValueError as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return f"{error.stdout or ''}\n{error}"
    sys.stdout.writelines(f"{line}\n" for line in figures)
    return "\n".join(wrong) or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
