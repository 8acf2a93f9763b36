"""How updates reach a bot in the same process: in order, side by side, and over a restart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from bot.webchat import api, people, reading
from bot.webchat.calls import Call
from bot.webchat.delivery import Delivery
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from storage.models.webchat import WebchatUpdate
from tests import telegram_client
from tests.conftest import Counted
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock, updates, write


async def test_updates_are_handed_over_in_order_and_then_forgotten(server: BotServer) -> None:
    taken: list[str] = []

    async def take(update: dict[str, Any]) -> None:
        taken.append(update["message"]["text"])

    delivery = Delivery(server, take)
    async with asyncio.TaskGroup() as group:
        group.create_task(write(server, "eins", "zwei"))
        group.create_task(people.writes(server, BEN, BEN.id, "Hello"))
    await delivery.drain()

    assert sorted(taken) == ["Hello", "eins", "zwei"]
    assert taken.index("eins") < taken.index("zwei")
    assert await api.answer(server, Call("getUpdates")) == []


class Taker:
    """What takes updates, when it can."""

    def __init__(self) -> None:
        self.away = False
        self.taken: list[int] = []

    async def __call__(self, update: dict[str, Any]) -> None:
        if self.away:
            raise ConnectionError
        self.taken.append(update["update_id"])


async def test_update_that_could_not_be_handed_over_comes_with_the_next_start(server: BotServer, clock: Clock) -> None:
    taker = Taker()
    taker.away = True
    delivery = Delivery(server, taker)
    sent = await people.writes(server, ANNA, ANNA.id, "Hallo")
    await delivery.drain()
    taker.away = False
    restarted = Delivery(BotServer(server.network, TOKEN, clock), taker)

    await restarted.hand_over()

    assert (sent, taker.taken) == (1, [1])
    assert [one.message["text"] for one in await reading.messages(restarted.server, ANNA.id)] == ["Hallo"]


async def test_update_that_could_not_be_handed_over_is_as_soon_as_it_can(server: BotServer) -> None:
    taker = Taker()
    delivery = Delivery(server, taker)
    taker.away = True
    await people.writes(server, ANNA, ANNA.id, "Hallo")
    await delivery.drain()
    with pytest.raises(ConnectionError):
        await delivery.catch_up()
    taker.away = False

    await delivery.catch_up()

    assert taker.taken == [1]


async def test_nothing_is_asked_of_the_database_when_all_is_handed_over(
    server: BotServer, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    delivery = Delivery(server, Taker())
    await people.writes(server, ANNA, ANNA.id, "Hallo")
    await delivery.drain()

    with statements() as counted:
        await delivery.catch_up()

    assert counted.statements == []


async def test_call_of_the_bot_that_took_effect_is_answered_whatever_becomes_of_its_updates(server: BotServer) -> None:
    taker = Taker()
    delivery = Delivery(server, taker)
    await telegram_client.create_group(server, ANNA, GROUP, "Sozialraumteam Mitte")
    await telegram_client.add_bot(server, ANNA, GROUP)
    taker.away = True

    left = await api.answer(server, Call("leaveChat", {"chat_id": GROUP}))
    await delivery.drain()

    assert left is True


class SlowTaker(Taker):
    """Takes nothing until it may; `asked` says for which updates it was called. One chat's it may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.asked: list[str] = []
        self.refuses: set[int] = set()

    async def __call__(self, update: dict[str, Any]) -> None:
        self.asked.append(update["message"]["text"])
        await self.may.wait()
        self.away = update["message"]["chat"]["id"] in self.refuses
        await super().__call__(update)


async def test_who_writes_waits_for_nobody_who_takes_updates(server: BotServer) -> None:
    taker = SlowTaker()
    delivery = Delivery(server, taker)

    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    kept, busy = await WebchatUpdate.all().count(), delivery.busy
    taker.may.set()
    await delivery.drain()

    assert (kept, busy) == (3, True)
    assert (sorted(taker.taken), await WebchatUpdate.all().count(), delivery.busy) == ([1, 2, 3], 0, False)


async def test_chats_are_handed_over_side_by_side_and_each_in_its_order(server: BotServer) -> None:
    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    taker = SlowTaker()
    delivery = Delivery(server, taker)

    over = asyncio.create_task(delivery.hand_over())
    while len(taker.asked) < 2:  # noqa: ASYNC110  # a taker does not announce that it was asked
        await asyncio.sleep(0)
    first = [*taker.asked]
    taker.may.set()
    await over

    assert (first, taker.asked) == (["eins", "Hello"], ["eins", "Hello", "zwei"])


async def test_chat_whose_updates_are_not_taken_holds_up_no_other_and_keeps_its_order(server: BotServer) -> None:
    taker = SlowTaker()
    taker.may.set()
    taker.refuses = {ANNA.id}
    delivery = Delivery(server, taker)
    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    await delivery.drain()
    while_refused = [*taker.taken]
    taker.refuses.clear()

    await delivery.catch_up()

    assert (while_refused, taker.taken) == ([3], [3, 1, 2])


async def test_what_is_not_handed_over_at_the_end_comes_with_the_next_start(server: BotServer, clock: Clock) -> None:
    taker = SlowTaker()
    delivery = Delivery(server, taker)
    await write(server, "eins", "zwei")

    await delivery.stop()
    taker.may.set()
    await write(server, "drei")
    restarted = Delivery(BotServer(server.network, TOKEN, clock), taker)
    await restarted.hand_over()
    await restarted.stop()

    assert (delivery.busy, taker.taken) == (False, [1, 2, 3])


async def test_updates_wait_once_nothing_is_handed_over_any_more(server: BotServer, anna: User) -> None:
    taker = Taker()
    delivery = Delivery(server, taker)
    await delivery.stop()

    await people.writes(server, anna, anna.id, "Hallo")
    await delivery.hand_over()

    assert (delivery.busy, taker.taken) == (False, [])
    assert [update["update_id"] for update in await updates(server)] == [1, 2]
