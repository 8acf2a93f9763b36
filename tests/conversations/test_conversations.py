"""Every conversation file, played on a stage."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from bot.config import Settings
from storage.vocabulary import Network
from tests.conversations import script
from tests.stage import Stage, raise_curtain

STORIES = sorted(Path(__file__).parent.glob("*.txt"))
NETWORKS = [Network.WEBCHAT, Network.TELEGRAM]


@pytest.fixture(params=NETWORKS, ids=str)
async def stage(request: pytest.FixtureRequest, store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(Settings(), network=request.param, moment=now)
    yield made
    await made.faden.stop()


@pytest.mark.parametrize("story", [path.read_text() for path in STORIES], ids=[path.stem for path in STORIES])
async def test_conversation_goes_as_told(stage: Stage, story: str) -> None:
    for step in script.parse(story):
        await play(stage, step)


async def play(stage: Stage, step: script.Step) -> None:
    """One line of a story."""
    match step:
        case script.At():
            await stage.is_now(step.moment)
        case script.Says():
            await stage.says(step.who, step.text, step.group)
        case script.Sends():
            await stage.sends(step.who, step.file)
        case script.Presses():
            await stage.presses(step.who, step.label, step.group)
        case script.Toast():
            said = stage.toasts.get(step.who, [])
            assert said, f"line {step.line}: no toast for {step.who}"
            assert script.matches(step.text, said.pop(0)), f"line {step.line}: {said}"
        case script.Silence():
            assert [heard.text for _, heard in await stage.news(_chat(stage, step.who))] == [], f"line {step.line}"
        case script.Hears():
            await _hears(stage, step)


async def _hears(stage: Stage, step: script.Hears) -> None:
    chat = _chat(stage, step.who)
    news = await stage.news(chat)
    for change, heard in news:
        fits = script.matches(step.text, heard.text) and step.file in (None, heard.file)
        if fits and step.buttons in (None, heard.buttons):
            stage.take(chat, change)
            return
    told = "\n---\n".join(f"{heard.text}\n{' '.join(f'[{label}]' for label in heard.buttons)}" for _, heard in news)
    raise AssertionError(f"line {step.line}: {step.who} did not hear\n{step.text}\n{step.buttons}\n=== but\n{told}")


def _chat(stage: Stage, who: str) -> int:
    return stage.groups[who.removeprefix("Gruppe ")] if who.startswith("Gruppe ") else stage.chat(who)
