"""Idle memory and import time against a process that imports the libraries only, and how soon a restart answers."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.bench.measure import Figure

HOUSE = Path(__file__).parents[2]
LIBRARIES = (
    "import telegram.ext, aiohttp.web, tortoise, tortoise.backends.sqlite, jinja2, apscheduler.schedulers.asyncio"
)
OURS = "import bot.app"
TURNS = 11
CPU = "import resource; usage = resource.getrusage(resource.RUSAGE_SELF); print(usage.ru_utime + usage.ru_stime)"
RESIDENT = "print(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])"
STARTED_SECONDS = 20.0


def _said_by(code: str) -> float:
    return float(
        subprocess.run([sys.executable, "-c", code], cwd=HOUSE, check=True, capture_output=True, text=True).stdout
    )


def _ratio(measure: str) -> float:
    """Ours / the libraries', medians of interleaved runs."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        figures[0].append(_said_by(f"{OURS}; {measure}"))
        figures[1].append(_said_by(f"{LIBRARIES}; {measure}"))
    return statistics.median(figures[0]) / statistics.median(figures[1])


class _Served:
    """Faden in trial mode in a process of its own."""

    def __init__(self, directory: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FADEN_")}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--trial", "--port", "8097"],
            cwd=directory,
            env={**environment, "PYTHONPATH": str(HOUSE)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def until_answer(self) -> tuple[float, float]:
        """Until the first page is there: seconds on the clock, and seconds of CPU."""
        while time.perf_counter() - self.started < STARTED_SECONDS:
            try:
                with urllib.request.urlopen("http://127.0.0.1:8097/anmelden", timeout=5):  # our own loopback
                    return time.perf_counter() - self.started, self._cpu()
            except OSError:
                time.sleep(0.01)
        raise TimeoutError

    def _cpu(self) -> float:
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """Kilobytes in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return float(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)


def _idle_and_restart() -> tuple[float, float, float]:
    """Idle memory against the libraries' process; the seconds from a restart to the first answer, on the clock and of CPU.

    The quickest of five restarts: what else the machine does can only make one slower.
    """
    floor = statistics.median(_said_by(f"{LIBRARIES}; {RESIDENT}") for _ in range(5))
    answers, idle = list[tuple[float, float]](), list[float]()
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(6):
            served = _Served(directory)
            try:
                answers.append(served.until_answer())
                idle.append(served.resident())
            finally:
                served.end()
    clock, cpu = (min(kind) for kind in zip(*answers[1:], strict=True))
    return statistics.median(idle[1:]) / floor, clock, cpu


async def bench() -> list[Figure]:
    """In processes of their own. A start waits for nothing: where a host lends its CPU to others, only the CPU time is Faden's."""
    imports = await asyncio.to_thread(_ratio, CPU)
    idle, clock, cpu = await asyncio.to_thread(_idle_and_restart)
    return [
        Figure(name="import time (CPU) / the libraries' alone", value=imports, bar=1.5, at_least=False),
        Figure(name="idle memory / the libraries' process", value=idle, bar=1.25, aim=1.2, at_least=False),
        Figure(name="restart to the first answer, CPU", value=cpu, bar=2.0, at_least=False, unit=" s"),
        Figure(name="the same on the clock", value=clock, bar=6.0, aim=2.0, at_least=False, unit=" s"),
    ]
