"""How updates reach a bot that fetches them."""

import asyncio
from typing import Any

import pytest

from bot.webchat import api, people, reading
from bot.webchat.calls import Call
from bot.webchat.errors import ApiError
from bot.webchat.objects import User
from bot.webchat.server import BotServer
from storage.vocabulary import Network
from tests.webchat.conftest import ANNA, TOKEN, Clock, refusal, updates, write

ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
TWO = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


def ids(found: object) -> list[int]:
    assert isinstance(found, list)
    return [update["update_id"] for update in found]


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
async def test_networks_share_a_database_and_nothing_else(clock: Clock) -> None:
    telegram = BotServer(Network.TELEGRAM, TOKEN, clock)
    webchat = BotServer(Network.WEBCHAT, TOKEN, clock)
    await people.writes(telegram, ANNA, ANNA.id, "auf Telegram")
    await people.writes(webchat, ANNA, ANNA.id, "im Browser")

    assert [one.message["text"] for one in await reading.messages(telegram, ANNA.id)] == ["auf Telegram"]
    assert ids(await api.answer(telegram, Call("getUpdates"))) == [1]
    assert ids(await api.answer(webchat, Call("getUpdates"))) == [1]
