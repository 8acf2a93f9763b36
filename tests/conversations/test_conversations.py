"""Every conversation file, played on a stage: on both networks and both databases, in German and in English."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from storage.vocabulary import Network
from tests.conversations import script
from tests.stage import Stage, raise_curtain

STORIES = [pytest.param(path.read_text(), id=path.stem) for path in sorted(Path(__file__).parent.glob("*.txt"))]


@pytest.fixture(params=[Network.WEBCHAT, Network.TELEGRAM], ids=str)
async def stage(request: pytest.FixtureRequest, store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=request.param, moment=now)
    yield made
    await made.faden.stop()


@pytest.mark.parametrize("story", STORIES)
async def test_conversation_goes_as_told(stage: Stage, story: str) -> None:
    for step in script.parse(story):
        await play(stage, step)


async def play(stage: Stage, step: script.Step) -> None:
    """One step of a story."""
    match step:
        case script.At():
            await stage.is_now(step.moment)
        case script.Says():
            await stage.says(step.who, step.text, step.group)
        case script.Sends():
            await stage.sends(step.who, step.file)
        case script.Presses():
            shown_in = stage.chat(step.of) if step.of else stage.chat(step.who, step.group)
            button = await stage.button(shown_in, step.label, gone=step.gone or step.of is not None)
            await stage.presses(step.who, button, step.group, times=2 if step.twice else 1)
        case script.Leaves():
            await stage.leaves(step.who, step.body)
        case script.Blocks():
            await stage.blocks(step.who)
        case script.Restart():
            await stage.restarts()
        case script.Toast():
            said = stage.toasts.get(step.who, [])
            assert said, f"line {step.line}: no toast for {step.who}"
            assert script.matches(step.text, said[0]), f"line {step.line}: {said[0]}"
            said.pop(0)
        case script.Silence():
            heard = [news.text for news in await stage.news(stage.chat(step.who, step.group))]
            assert heard == [], f"line {step.line}"
        case script.Hears():
            await _hears(stage, step)


async def _hears(stage: Stage, step: script.Hears) -> None:
    chat = stage.chat(step.who, step.group)
    news = await stage.news(chat)
    assert news, f"line {step.line}: {step.who or step.group} hears nothing"
    told = news[0].told(with_buttons=step.with_buttons)
    if not script.matches(step.text, told) or news[0].new is not step.new:
        how = "→" if news[0].new else "↻"
        raise AssertionError(f"line {step.line}: expected\n{step.text}\n--- but {how}\n{news[0].told(with_buttons=True)}")
    stage.take(chat, news[0])
