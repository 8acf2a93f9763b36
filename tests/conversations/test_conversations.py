"""Every conversation file, played on a stage: in the web chat on SQLite, on Telegram on PostgreSQL, and once in English.

And once more with those who only hear reached by mail alone, where there are any.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from tortoise import Tortoise

from storage import db
from storage.models import Channel
from storage.vocabulary import Network
from tests.conversations import script
from tests.stage import Button, Heard, Stage, raise_curtain

STORIES = [
    pytest.param(
        path.read_text(), id=path.stem, marks=pytest.mark.xdist_group(path.stem)
    )  # so that none is played twice
    for path in sorted(Path(__file__).parent.glob("*.txt"))
]
METHODS = {
    "✉️": "REQUEST",
    "↔️": "REQUEST",
    "❌": "CANCEL",
    "↩️": "CANCEL",
}  # how a message begins that a calendar mail tells


@dataclass
class Record:
    """What was pressed and heard in a performance, in order."""

    pressed: list[Button] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)


recorded: dict[str, Record] = {}  # the German performances of this run, by story


@pytest.mark.parametrize("story", STORIES)
async def test_conversation_goes_as_told(stage: Stage, story: str) -> None:
    record = await perform(stage, story)

    if stage.network is Network.WEBCHAT:
        recorded[story] = record


@pytest.mark.parametrize("story", STORIES)
async def test_conversation_goes_the_same_way_in_english(now: datetime, story: str) -> None:
    german = recorded.get(story) or await perform_apart(story, now, "de")

    english = await perform_apart(story, now, "en", like=german)

    assert [_outline(heard) for heard in english.heard] == [_outline(heard) for heard in german.heard]
    untranslated = [heard.text for heard in english.heard if heard.text in {other.text for other in german.heard}]
    assert untranslated == []


def only_hearing(story: str) -> set[str]:
    """Who hears something in a story and never does anything."""
    steps = script.parse(story)
    hearing = {step.who for step in steps if isinstance(step, script.Hears | script.Silence) and step.who}
    doing = {
        who
        for step in steps
        if not isinstance(step, script.Hears | script.Silence)
        for who in (getattr(step, "who", None), getattr(step, "of", None))
    }
    return hearing - doing


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("story", [story for story in STORIES if only_hearing(str(story.values[0]))])
async def test_conversation_goes_as_told_with_those_who_only_hear_reached_by_mail(stage: Stage, story: str) -> None:
    for who in sorted(only_hearing(story)):
        await stage.has_only_mail(who)

    await perform(stage, story)

    assert await Channel.filter(person_id__in=list(stage.by_mail)).count() == 0


async def perform_apart(story: str, now: datetime, language: str, *, like: Record | None = None) -> Record:
    """Play a story in the web chat, on a store of its own."""
    await db.open_store("sqlite://:memory:")
    try:
        await Tortoise.generate_schemas()
        stage = await raise_curtain(network=Network.WEBCHAT, moment=now, language=language)
        record = await perform(stage, story, like=like)
        await stage.close()
        return record
    finally:
        await db.close_store()


def _outline(heard: Heard) -> tuple[int, bool, bool, list[list[bool]]]:
    """What is the same in every language: which message, new or changed, with a file, and what its buttons are for."""
    buttons = [[button.data is None for button in row] for row in heard.buttons]
    return heard.message_id, heard.new, heard.file is not None, buttons


async def perform(stage: Stage, story: str, *, like: Record | None = None) -> Record:
    """Play a story as it is written; or, in another language, press what was pressed in the performance `like`."""
    record = Record()
    for step in script.parse(story):
        match step:
            case script.Presses():
                button = like.pressed[len(record.pressed)] if like else await _button(stage, step)
                record.pressed.append(button)
                await stage.presses(step.who, button, step.group, times=2 if step.twice else 1)
            case script.Hears(who=str(who)) if stage.user(who).id in stage.by_mail:
                _reads(stage, who, step)
            case script.Silence(who=str(who)) if stage.user(who).id in stage.by_mail:
                assert [letter.told() for letter in stage.letters(who)] == [], f"line {step.line}"
            case script.Receives():
                _receives(stage, step, in_words=like is None)
            case script.Answers():
                record.answered.append(
                    await stage.answers(step.who, like.answered[len(record.answered)] if like else step.label)
                )
            case script.Hears():
                record.heard.append(await _hears(stage, step, in_words=like is None))
            case script.Toast():
                _sees(stage, step, in_words=like is None)
            case script.Silence():
                heard = [news.text for news in await stage.news(stage.chat(step.who, step.group))]
                assert heard == [], f"line {step.line}"
            case _:
                await act(stage, step)
    return record


async def act(
    stage: Stage,
    step: script.At | script.Says | script.Sends | script.Leaves | script.Blocks | script.HasOnlyMail | script.Restart,
) -> None:
    """What happens without a button."""
    match step:
        case script.At():
            await stage.is_now(step.moment)
        case script.Says():
            await stage.says(step.who, step.text, step.group)
        case script.Sends():
            await stage.sends(step.who, step.file, *([step.content.encode()] if step.content else []))
        case script.Leaves():
            await stage.leaves(step.who, step.body)
        case script.Blocks():
            await stage.blocks(step.who)
        case script.HasOnlyMail():
            await stage.has_only_mail(step.who)
        case script.Restart():
            await stage.restarts()


async def _button(stage: Stage, step: script.Presses) -> Button:
    shown_in = stage.chat(step.of) if step.of else stage.chat(step.who, step.group)
    return await stage.button(shown_in, step.label, gone=step.gone or step.of is not None)


async def _hears(stage: Stage, step: script.Hears, *, in_words: bool) -> Heard:
    chat = stage.chat(step.who, step.group)
    news = await stage.news(chat)
    assert news, f"line {step.line}: {step.who or step.group} hears nothing"
    told = news[0].told(with_buttons=step.with_buttons)
    as_told = not in_words or script.matches(step.text, told)
    if not as_told or news[0].new is not step.new:
        how = "→" if news[0].new else "↻"
        raise AssertionError(
            f"line {step.line}: expected\n{step.text}\n--- but {how}\n{news[0].told(with_buttons=True)}"
        )
    stage.take(chat, news[0])
    return news[0]


def _reads(stage: Stage, who: str, step: script.Hears) -> None:
    """What the story tells of a chat comes by mail: in the same words, or in a calendar mail with the same date."""
    letters = stage.letters(who)
    assert letters, f"line {step.line}: {who} gets no mail"
    letter = letters[0]
    chat_only = ("[", "📎")  # buttons and files
    expected = "\n".join(line for line in step.text.replace("~", "").splitlines() if not line.startswith(chat_only))
    if letter.method is None:
        as_told = script.matches(f"{expected}…", letter.text)
    else:
        days = re.findall(r"\w\w, \d\d\.\d\d\.\d{4} .*", expected)
        as_told = METHODS.get(expected.partition(" ")[0]) == letter.method and all(day in letter.text for day in days)
    assert as_told, f"line {step.line}: expected\n{expected}\n--- but ✉️ {letter.method}\n{letter.told()}"
    stage.take_letter(who, letter)


def _receives(stage: Stage, step: script.Receives, *, in_words: bool) -> None:
    letters = stage.letters(step.who)
    assert letters, f"line {step.line}: {step.who} gets no mail"
    as_told = not in_words or script.matches(step.text, letters[0].told())
    assert as_told, f"line {step.line}: expected\n{step.text}\n--- but ✉️\n{letters[0].told()}"
    stage.take_letter(step.who, letters[0])


def _sees(stage: Stage, step: script.Toast, *, in_words: bool) -> None:
    said = stage.toasts.get(step.who, [])
    assert said, f"line {step.line}: no toast for {step.who}"
    assert not in_words or script.matches(step.text, said[0]), f"line {step.line}: {said[0]}"
    said.pop(0)
