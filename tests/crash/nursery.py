"""Where Fadens come from that live for a second: forked from a process that has imported everything.

So a hundred kills interrupt a hundred times work, and not the reading of the same modules. What is forked is Faden as
`python -m bot serve` starts it, with a process of its own, and it dies of SIGKILL like any other.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

HOUSE = Path(__file__).parents[2]
READY_SECONDS = 60
REQUEST_BYTES = 65536


@dataclass
class Child:
    """A forked Faden; as much of `asyncio.subprocess.Process` as its watchers need."""

    pid: int
    stderr: asyncio.StreamReader
    _told: asyncio.StreamReader
    _tells: asyncio.StreamWriter
    returncode: int | None = None
    _waiting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Raises ProcessLookupError when it has ended."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """The exit code; of a killed one its signal, negative."""
        async with self._waiting:
            if self.returncode is None:
                self.returncode = int(await self._told.readline())
                self._tells.close()
        return self.returncode


@dataclass(frozen=True)
class Nursery:
    """A process that waits to be forked; `address` is its socket."""

    address: str

    async def serve(self, directory: Path, environment: Mapping[str, str]) -> Child:
        """`python -m bot serve` in that directory with that environment."""
        asking = socket.socket(socket.AF_UNIX)
        asking.connect(self.address)
        reading, writing = os.pipe()
        request = json.dumps({"cwd": str(directory), "env": dict(environment)}).encode()
        socket.send_fds(asking, [request], [writing])
        os.close(writing)
        asking.setblocking(False)  # noqa: FBT003  # the library's signature
        told, tells = await asyncio.open_unix_connection(sock=asking)
        pid = int(await told.readline())
        said = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(said), os.fdopen(reading, "rb")
        )
        return Child(pid, said, told, tells)


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="faden-") as directory:
        address = f"{directory}/nursery"
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "tests.crash.nursery", address], cwd=HOUSE, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), READY_SECONDS) == b"ready\n"
            yield Nursery(address)
        finally:
            process.kill()
            await process.wait()


# --- in the process of its own ----------------------------------------------------------------------------------------


def _live(request: bytes, stderr: int) -> NoReturn:
    """Be Faden."""
    from bot.__main__ import main  # noqa: PLC0415  # imported before the fork

    os.dup2(stderr, sys.stderr.fileno())
    wanted = json.loads(request)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    code = 1
    try:
        code = main(["serve"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def _keep(address: str) -> None:
    """Fork for each who asks; tell them the process id, and how it ended."""
    import bot.__main__  # noqa: PLC0415
    import bot.app  # noqa: F401, PLC0415

    asking: dict[int, socket.socket] = {}
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    waking, waker = socket.socketpair()
    waker.setblocking(False)  # noqa: FBT003  # the library's signature
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    while True:
        heard, _, _ = select.select([listening, waking], [], [])
        if waking in heard:
            waking.recv(REQUEST_BYTES)
            while asking and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with contextlib.suppress(OSError), asking.pop(ended[0]) as one:
                    one.sendall(b"%d\n" % os.waitstatus_to_exitcode(ended[1]))
        if listening in heard:
            one, _ = listening.accept()
            request, [stderr], _, _ = socket.recv_fds(one, REQUEST_BYTES, 1)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (listening, waking, waker, one, *asking.values()):
                    other.close()
                _live(request, stderr)
            os.close(stderr)
            asking[pid] = one
            one.sendall(b"%d\n" % pid)


if __name__ == "__main__":
    _keep(sys.argv[1])
