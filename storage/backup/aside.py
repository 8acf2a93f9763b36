"""Blocking work beside the event loop, which ends when its caller is cancelled."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The work was told to stop, and did."""


async def aside(work: Callable[[threading.Event], T]) -> T:
    """Run it in a thread. When the caller is cancelled the event is set, and the work must soon be over: it is waited for."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        running.exception()  # seen; the caller learns that it was cancelled
        raise
