"""Who reads the answer to which question of a guided entry, and which answers are pressed, typed, or neither."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from bot import handlers
from bot.handlers import readers
from bot.handlers.context import Context
from bot.handlers.dialogues import Guide
from bot.handlers.readers import Answers, Given, Reader
from bot.rules.dialogue import Flow, Notes, Step
from bot.rules.refusals import NotUnderstood

FLOW = Flow("walk", (Step("where"), Step("why"), Step("confirm")))
NOBODY = cast("Context", None)  # what is refused here is refused before anybody is asked who speaks


def given(step: str, text: str = "", *, pressed: bool = False) -> Given:
    return Given(context=NOBODY, answers={}, notes=Notes(), step=step, text=text, pressed=pressed)


async def echo(answer: Given) -> Answers:
    return {answer.step: answer.text}


def guide(names: Mapping[str, Reader]) -> Guide:
    async def facts(_context: Context, _answers: Answers) -> dict[str, Any]:
        return {}

    async def finish(_context: Context, _answers: Answers, _choice: str) -> None: ...

    return Guide("agenda", FLOW, names, facts, finish)


def test_step_without_a_reader_is_no_guide() -> None:
    with pytest.raises(ValueError, match=r"^the guided entry walk asks for \['why'\], and nothing reads the answer$"):
        guide({"where": echo})


def test_reader_without_a_step_is_no_guide() -> None:
    with pytest.raises(
        ValueError, match=r"^the guided entry walk has readers for \['whence'\], and never asks for it$"
    ):
        guide({"where": echo, "why": echo, "whence": echo})


def test_confirmation_needs_no_reader_and_may_have_one() -> None:
    assert guide({"where": echo, "why": echo}).readers.keys() == {"where", "why"}
    assert guide({"where": echo, "why": echo, "confirm": echo}).readers.keys() == {"where", "why", "confirm"}


@pytest.mark.parametrize(
    ("reader", "typed", "pressed"),
    [
        (readers.pressed(echo), [], ["", "x"]),
        (readers.typed(echo), ["x"], []),
        (readers.either(pressed=echo, typed=readers.unread), [], ["", "x"]),
        (readers.either(pressed=readers.unread, typed=echo), ["", "x"], []),
        (readers.unread, [], []),
    ],
)
async def test_reader_takes_only_its_kind_of_answer(reader: Reader, typed: list[str], pressed: list[str]) -> None:
    for press, taken in ((False, typed), (True, pressed)):
        for text in ("", "x"):
            answer = given("why", text, pressed=press)
            if text in taken:
                assert await reader(answer) == {"why": text}
                continue
            with pytest.raises(NotUnderstood) as refused:
                await reader(answer)
            assert refused.value.facts == {"step": "why"}


ONLY_PRESSED = ["kept", "format"]
ONLY_TYPED = ["title", "what", "reason"]
STEPS = [(kind, name) for kind, found in handlers.GUIDES.items() for name in found.readers]


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind, step in STEPS if step in ONLY_PRESSED])
async def test_step_that_only_its_buttons_answer_takes_no_text(kind: str, step: str) -> None:
    with pytest.raises(NotUnderstood):
        await handlers.GUIDES[kind].readers[step](given(step, "hybrid"))


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind, step in STEPS if step in ONLY_TYPED])
async def test_step_that_only_words_answer_takes_no_press_and_no_empty_message(kind: str, step: str) -> None:
    for answer in (given(step, "because", pressed=True), given(step)):
        with pytest.raises(NotUnderstood):
            await handlers.GUIDES[kind].readers[step](answer)
