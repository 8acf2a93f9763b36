"""Rooms that are woken are looked at together; pages hear what they are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from bot import hub
from bot.hub import Hub, Listener, event

ROOM, OTHER = -1, -2


def page(person: int = 1) -> Listener:
    return Listener(person, make_mocked_request("GET", "/"), frozenset({ROOM}), since=0)


class Looks:
    """What was looked at, in order; a look waits while it is held, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.made: list[set[int]] = []
        self.may = asyncio.Event()
        self.may.set()
        self.fails = 0

    async def __call__(self, woken: set[int]) -> None:
        self.made.append(woken)
        await self.may.wait()
        if self.fails:
            self.fails -= 1
            raise ConnectionError

    async def count(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.made) < number:  # noqa: ASYNC110  # a look does not announce itself
                await asyncio.sleep(0)


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def rooms(looks: Looks) -> Hub:
    return Hub(look=looks)


@pytest.fixture
async def opened(rooms: Hub) -> AsyncIterator[Listener]:
    """A page that is open."""
    async with rooms.listening(page()) as listener:
        yield listener


@pytest.mark.usefixtures("opened")
async def test_rooms_that_are_woken_meanwhile_are_looked_at_together(rooms: Hub, looks: Looks) -> None:
    looks.may.clear()
    rooms.wake([ROOM])
    await looks.count(1)
    for _ in range(3):
        rooms.wake([ROOM])
        rooms.wake([OTHER])
    looks.may.set()
    await looks.count(2)
    await asyncio.sleep(0.01)

    assert looks.made == [{ROOM}, {ROOM, OTHER}]


async def test_nobody_looks_where_nobody_listens(rooms: Hub, looks: Looks) -> None:
    async with rooms.listening(page()):
        pass

    rooms.wake([ROOM])
    await asyncio.sleep(0.01)

    assert looks.made == []
    assert rooms.listeners == []


@pytest.mark.usefixtures("opened")
async def test_look_that_fails_is_made_again_with_what_came_meanwhile(
    rooms: Hub, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "AGAIN_SECONDS", 0)
    looks.fails = 1
    looks.may.clear()

    with capture_logs() as logged:
        rooms.wake([ROOM])
        await looks.count(1)
        rooms.wake([OTHER])
        looks.may.set()
        await looks.count(2)

    assert looks.made == [{ROOM}, {ROOM, OTHER}]
    assert [line["event"] for line in logged] == ["what is new could not be read, again soon"]


@pytest.mark.usefixtures("opened")
async def test_room_whose_look_fails_silences_no_other(
    rooms: Hub, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "AGAIN_SECONDS", 0)
    seen: list[set[int]] = []

    async def look(woken: set[int]) -> None:
        await looks(woken)
        if OTHER in woken and len(looks.made) < 5:
            raise ConnectionError
        seen.append(woken)

    rooms.look = look
    with capture_logs():
        rooms.wake([ROOM, OTHER])
        await looks.count(5)
        await asyncio.sleep(0)

    assert looks.made == [{ROOM, OTHER}, {OTHER}, {ROOM}, {OTHER}, {OTHER}]
    assert seen == [{ROOM}, {OTHER}]


async def test_page_begins_to_listen_between_two_looks(rooms: Hub, looks: Looks, opened: Listener) -> None:
    looks.may.clear()
    rooms.wake([ROOM])
    await looks.count(1)
    async with AsyncExitStack() as stack:
        entering = asyncio.create_task(stack.enter_async_context(rooms.listening(page(2))))
        await asyncio.sleep(0.01)
        meanwhile = rooms.listeners
        looks.may.set()
        later = await entering

        assert meanwhile == [opened]
        assert rooms.listeners == [opened, later]


async def test_page_hears_what_it_was_told_in_order_and_then_waits(opened: Listener) -> None:
    opened.tell(b"eins ")
    opened.tell(b"zwei")

    assert await opened.heard(10) == b"eins zwei"
    assert await opened.heard(0.001) == b""


async def test_page_that_takes_nothing_has_to_come_back(opened: Listener) -> None:
    for _ in range(hub.MOST_UNHEARD + 1):
        opened.tell(b"neu")

    assert (opened.ended, await opened.heard(10)) == ("restart", b"")


async def test_page_that_has_ended_hears_nothing_more_and_the_first_reason(opened: Listener) -> None:
    opened.tell(b"neu")
    opened.end("signed_out")
    opened.end("restart")

    assert (opened.ended, await opened.heard(10)) == ("signed_out", b"")


def test_event_has_its_number_only_if_there_is_one() -> None:
    assert event("news", {"text": "Käse\n"}, number=7) == 'event: news\nid: 7\ndata: {"text": "Käse\\n"}\n\n'.encode()
    assert event("beat") == b"event: beat\ndata: null\n\n"
