"""What is typed that no entry asks for: commands that nobody knows, edits."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from bot.polling import ALLOWED_UPDATES
from storage.models import InboxUpdate, Person
from storage.vocabulary import Network, UpdateState
from tests.stage import Stage, raise_curtain

PETRA = "Petra Wimmer"


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.WEBCHAT, moment=now)
    yield made
    await made.faden.stop()


@pytest.mark.parametrize(
    ("language", "typed", "nearest"),
    [("de", "/temrine", "/termine"), ("en", "/meetngs", "/meetings"), ("en", "/temrine", "/meetings")],
)
async def test_nearest_command_is_offered_by_its_name_in_the_readers_language(
    stage: Stage, language: str, typed: str, nearest: str
) -> None:
    await Person.filter(id=stage.user(PETRA).id).update(language=language)

    await stage.says(PETRA, typed)
    last = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)
    labels = [button.label for row in last.buttons for button in row]
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), nearest))
    list_ = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)

    assert labels[0] == nearest
    assert list_.text.splitlines()[0] == {"de": "Nächste Sitzungen", "en": "Upcoming meetings"}[language]


async def test_edit_of_what_was_said_changes_nothing(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten")
    before = await stage.heard(stage.chat(PETRA))
    said = min(message.message_id for message in before) - 1

    await stage.server.person_edits(stage.user(PETRA), stage.chat(PETRA), said, "/hilfe")
    await stage.settle()

    assert await stage.heard(stage.chat(PETRA)) == before
    assert "edited_message" not in ALLOWED_UPDATES


@pytest.mark.parametrize("payload", ["top-99999999999999999999", "top-²", "top-", "nonsense"])
async def test_start_with_what_no_link_of_ours_carries_is_the_menu(stage: Stage, payload: str) -> None:
    await stage.says(PETRA, f"/start {payload}")

    (menu,) = await stage.heard(stage.chat(PETRA))
    assert "Petra Wimmer" in menu.text
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0
