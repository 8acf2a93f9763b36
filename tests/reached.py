"""Tells mutmut which tests to run for what is called only once, while a module loads or into a cache: a plugin for `make mutants`.

mutmut takes for a function's tests those during which it is called, so for such a function the first that comes by. With this,
every test that calls anything of the module counts for it too.
"""

import importlib
from collections.abc import Set as AbstractSet

import pytest

_before: set[str] = set()


@pytest.hookimpl(tryfirst=True)  # mutmut takes and forgets the calls in the same hook
def pytest_runtest_teardown() -> None:
    calls: set[str] = importlib.import_module("mutmut.state").state()._stats  # noqa: SLF001  # nothing public tells them
    _before.update(calls)
    calls |= of_same_modules(_before, calls)


def of_same_modules(functions: AbstractSet[str], calls: AbstractSet[str]) -> set[str]:
    """Those functions ("bot.rules.quiet.x_f") whose module is among those of the calls."""
    modules = {_module(call) for call in calls}
    return {function for function in functions if _module(function) in modules}


def _module(function: str) -> str:
    return function.rpartition(".")[0]
