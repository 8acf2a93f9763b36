"""Answers with links to our own pages, whatever the pages' address is."""

from datetime import datetime

import pytest

from bot.config import WebSettings
from storage.vocabulary import Network
from tests.stage import raise_curtain

PETRA = "Petra Wimmer"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "web",
    [
        WebSettings(port=8393, given_url="http://localhost:8393"),
        WebSettings(given_url="http://faden"),
        WebSettings(given_url="https://[::1]:8393"),
        WebSettings(host="localhost"),
        WebSettings(host="::1"),
    ],
    ids=lambda web: web.public_url,
)
@pytest.mark.parametrize("network", [Network.WEBCHAT, Network.TELEGRAM])
async def test_answer_with_a_link_to_a_host_without_a_dot_comes(
    web: WebSettings, network: Network, now: datetime
) -> None:
    stage = await raise_curtain(network=network, moment=now, web=web)
    chat = stage.chat(PETRA)

    for command in ("/kalender", "/einstellungen", "/datenschutz"):
        await stage.says(PETRA, command)

        (answer,) = await stage.news(chat)
        assert ("↗" in answer.told(with_buttons=True)) == (network is Network.WEBCHAT)
        assert (f": {web.public_url}/" in answer.text) == (network is Network.TELEGRAM)
    await stage.close()
