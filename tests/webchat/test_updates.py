"""How updates reach the bot: fetched, handed over, kept over a restart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from bot.webchat import api, people, reading
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from storage.models.webchat import WebchatUpdate
from storage.vocabulary import Network
from tests import telegram_client
from tests.conftest import Counted
from tests.webchat.conftest import ANNA, BEN, GROUP, TOKEN, Clock, refusal, updates

ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
TWO = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


def ids(found: object) -> list[int]:
    assert isinstance(found, list)
    return [update["update_id"] for update in found]


async def write(server: BotServer, *texts: str) -> None:
    for text in texts:
        await people.writes(server, ANNA, ANNA.id, text)


async def poll_under_way(server: BotServer) -> asyncio.Task[object]:
    poll = asyncio.create_task(api.answer(server, Call("getUpdates", {"timeout": 50})))
    while not server.polls.waits:  # noqa: ASYNC110  # a server does not announce that somebody began to wait
        await asyncio.sleep(0)
    return poll


async def test_updates_stay_until_the_offset_confirms_them(server: BotServer) -> None:
    await write(server, "eins", "zwei", "drei")

    assert ids(await api.answer(server, Call("getUpdates"))) == [1, 2, 3]
    assert ids(await api.answer(server, Call("getUpdates", {"limit": "2"}))) == [1, 2]
    assert ids(await api.answer(server, Call("getUpdates", {"offset": 2}))) == [2, 3]
    assert ids(await api.answer(server, Call("getUpdates"))) == [2, 3]
    assert ids(await api.answer(server, Call("getUpdates", {"offset": -1}))) == [3]
    assert ids(await api.answer(server, Call("getUpdates", {"offset": 4}))) == []


@pytest.mark.usefixtures("anna")
async def test_poll_waits_for_the_first_update(server: BotServer) -> None:
    await updates(server)
    poll = await poll_under_way(server)

    await write(server, "Hallo")

    assert ids(await poll) == [2]


@pytest.mark.usefixtures("anna")
async def test_second_poll_ends_the_first(server: BotServer) -> None:
    await updates(server)
    first = await poll_under_way(server)

    second = await api.answer(server, Call("getUpdates"))

    with pytest.raises(ApiError) as refused:
        await first
    assert second == []
    assert refused.value.description == TWO


@pytest.mark.usefixtures("anna")
async def test_webhook_and_polling_exclude_each_other(server: BotServer) -> None:
    await updates(server)
    poll = await poll_under_way(server)

    await api.answer(
        server, Call("setWebhook", {"url": "https://faden.example/hook", "secret_token": "s", "max_connections": 7})
    )

    with pytest.raises(ApiError) as refused:
        await poll
    assert refused.value.description == TWO
    assert await refusal(server, "getUpdates") == ACTIVE
    await write(server, "Hallo")
    assert await api.answer(server, Call("getWebhookInfo")) == {
        "url": "https://faden.example/hook",
        "has_custom_certificate": False,
        "pending_update_count": 1,
        "max_connections": 7,
    }
    await api.answer(server, Call("setWebhook", {"url": "", "drop_pending_updates": True}))
    assert await api.answer(server, Call("getUpdates")) == []


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"url": "ftp://faden.example"}, "bad webhook: an HTTPS URL must be provided for webhook"),
        ({"url": "https://faden.example", "secret_token": "ü"}, "secret token contains unallowed characters"),
    ],
)
async def test_webhook_that_telegram_refuses_is_refused(
    server: BotServer, params: dict[str, Any], description: str
) -> None:
    assert await refusal(server, "setWebhook", **params) == f"Bad Request: {description}"


async def test_webhook_info_of_a_new_bot_is_empty(server: BotServer) -> None:
    info = await api.answer(server, Call("getWebhookInfo"))

    assert info == {"url": "", "has_custom_certificate": False, "pending_update_count": 0}


@pytest.mark.usefixtures("anna")
async def test_allowed_updates_persist_until_another_list_is_given(server: BotServer) -> None:
    await updates(server)
    await api.answer(server, Call("getUpdates", {"allowed_updates": '["callback_query"]'}))
    await write(server, "ungehört")
    await api.answer(server, Call("getUpdates"))
    await write(server, "immer noch ungehört")
    only_presses = await updates(server)
    info = await api.answer(server, Call("getWebhookInfo"))

    await api.answer(server, Call("getUpdates", {"allowed_updates": []}))
    await write(server, "gehört")

    assert only_presses == []
    assert isinstance(info, dict)
    assert info["allowed_updates"] == ["callback_query"]
    assert [update["message"]["text"] for update in await updates(server)] == ["gehört"]


async def test_press_waits_150_seconds_and_everything_else_a_day(server: BotServer, anna: User, clock: Clock) -> None:
    await updates(server)
    markup = {"inline_keyboard": [[{"text": "Ja", "callback_data": "x"}]]}
    message = await api.answer(server, Call("sendMessage", {"chat_id": anna.id, "text": "x", "reply_markup": markup}))
    assert isinstance(message, dict)
    await people.presses(server, anna, anna.id, message["message_id"], 0)
    await write(server, "Hallo")
    clock.passes(seconds=151)
    after_minutes = ids(await api.answer(server, Call("getUpdates")))
    clock.passes(hours=24)

    assert after_minutes == [3]
    assert await api.answer(server, Call("getUpdates")) == []


@pytest.mark.usefixtures("store")
async def test_updates_are_handed_over_in_order_and_then_forgotten(clock: Clock) -> None:
    taken: list[str] = []

    async def take(update: dict[str, Any]) -> None:
        taken.append(update["message"]["text"])

    server = BotServer(Network.WEBCHAT, TOKEN, clock, take)
    async with asyncio.TaskGroup() as group:
        group.create_task(write(server, "eins", "zwei"))
        group.create_task(people.writes(server, BEN, BEN.id, "Hello"))
    await server.drain()

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


@pytest.mark.usefixtures("store")
async def test_update_that_could_not_be_handed_over_comes_with_the_next_start(clock: Clock) -> None:
    taker = Taker()
    taker.away = True
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    sent = await people.writes(server, ANNA, ANNA.id, "Hallo")
    await server.drain()
    taker.away = False
    restarted = BotServer(Network.WEBCHAT, TOKEN, clock, taker)

    await restarted.hand_over()

    assert (sent, taker.taken) == (1, [1])
    assert [one.message["text"] for one in await reading.messages(restarted, ANNA.id)] == ["Hallo"]


@pytest.mark.usefixtures("store")
async def test_update_that_could_not_be_handed_over_is_as_soon_as_it_can(clock: Clock) -> None:
    taker = Taker()
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    taker.away = True
    await people.writes(server, ANNA, ANNA.id, "Hallo")
    await server.drain()
    with pytest.raises(ConnectionError):
        await server.catch_up()
    taker.away = False

    await server.catch_up()

    assert taker.taken == [1]


@pytest.mark.usefixtures("store")
async def test_nothing_is_asked_of_the_database_when_all_is_handed_over(
    clock: Clock, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    server = BotServer(Network.WEBCHAT, TOKEN, clock, Taker())
    await people.writes(server, ANNA, ANNA.id, "Hallo")
    await server.drain()

    with statements() as counted:
        await server.catch_up()

    assert counted.statements == []


@pytest.mark.usefixtures("store")
async def test_call_of_the_bot_that_took_effect_is_answered_whatever_becomes_of_its_updates(clock: Clock) -> None:
    taker = Taker()
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    await telegram_client.create_group(server, ANNA, GROUP, "Sozialraumteam Mitte")
    await telegram_client.add_bot(server, ANNA, GROUP)
    taker.away = True

    left = await api.answer(server, Call("leaveChat", {"chat_id": GROUP}))
    await server.drain()

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


@pytest.mark.usefixtures("store")
async def test_who_writes_waits_for_nobody_who_takes_updates(clock: Clock) -> None:
    taker = SlowTaker()
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)

    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    kept, busy = await WebchatUpdate.all().count(), server.busy
    taker.may.set()
    await server.drain()

    assert (kept, busy) == (3, True)
    assert (sorted(taker.taken), await WebchatUpdate.all().count(), server.busy) == ([1, 2, 3], 0, False)


@pytest.mark.usefixtures("store")
async def test_chats_are_handed_over_side_by_side_and_each_in_its_order(clock: Clock) -> None:
    server = BotServer(Network.WEBCHAT, TOKEN, clock)
    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    taker = SlowTaker()
    server.on_update = taker

    over = asyncio.create_task(server.hand_over())
    while len(taker.asked) < 2:  # noqa: ASYNC110  # a taker does not announce that it was asked
        await asyncio.sleep(0)
    first = [*taker.asked]
    taker.may.set()
    await over

    assert (first, taker.asked) == (["eins", "Hello"], ["eins", "Hello", "zwei"])


@pytest.mark.usefixtures("store")
async def test_chat_whose_updates_are_not_taken_holds_up_no_other_and_keeps_its_order(clock: Clock) -> None:
    taker = SlowTaker()
    taker.may.set()
    taker.refuses = {ANNA.id}
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    await write(server, "eins", "zwei")
    await people.writes(server, BEN, BEN.id, "Hello")
    await server.drain()
    while_refused = [*taker.taken]
    taker.refuses.clear()

    await server.catch_up()

    assert (while_refused, taker.taken) == ([3], [3, 1, 2])


@pytest.mark.usefixtures("store")
async def test_what_is_not_handed_over_at_the_end_comes_with_the_next_start(clock: Clock) -> None:
    taker = SlowTaker()
    server = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    await write(server, "eins", "zwei")

    await server.stop()
    taker.may.set()
    await write(server, "drei")
    restarted = BotServer(Network.WEBCHAT, TOKEN, clock, taker)
    await restarted.hand_over()
    await restarted.stop()

    assert (server.busy, taker.taken) == (False, [1, 2, 3])


@pytest.mark.usefixtures("anna")
async def test_handing_over_without_a_taker_leaves_updates_waiting(server: BotServer) -> None:
    await server.hand_over()

    assert ids(await api.answer(server, Call("getUpdates"))) == [1]


@pytest.mark.usefixtures("store")
async def test_networks_share_a_database_and_nothing_else(clock: Clock) -> None:
    telegram = BotServer(Network.TELEGRAM, TOKEN, clock)
    webchat = BotServer(Network.WEBCHAT, TOKEN, clock)
    await people.writes(telegram, ANNA, ANNA.id, "auf Telegram")
    await people.writes(webchat, ANNA, ANNA.id, "im Browser")

    assert [one.message["text"] for one in await reading.messages(telegram, ANNA.id)] == ["auf Telegram"]
    assert ids(await api.answer(telegram, Call("getUpdates"))) == [1]
    assert ids(await api.answer(webchat, Call("getUpdates"))) == [1]
