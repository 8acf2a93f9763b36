"""Whoever belongs to a body that says du is not called Sie in what is about that body."""

import re
from typing import Any

import pytest

from bot import messages
from bot.messages import Voice
from bot.rules import channels
from bot.rules.facts import FULL, TITLES
from tests.post import samples

FORMAL = re.compile(r"\b(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b")
BASE = Voice(base_url="https://faden.example", start_url="https://faden.example/chat?start=")
ABOUT_A_BODY = sorted(name for name, facts in samples.TEMPLATES.items() if "informal" in repr(facts()))


def among_friends(fact: Any) -> Any:  # noqa: ANN401  # facts of every kind
    """The facts, of a body that says du."""
    if isinstance(fact, dict):
        return {key: True if key == "informal" else among_friends(inner) for key, inner in fact.items()}
    return [among_friends(inner) for inner in fact] if isinstance(fact, list) else fact


@pytest.mark.parametrize("template", ABOUT_A_BODY)
@pytest.mark.parametrize("level", [TITLES, FULL])
def test_message_about_a_body_that_says_du_says_it(template: str, level: int) -> None:
    facts = among_friends({key: fact for key, fact in samples.TEMPLATES[template]().items() if key != "language"})

    shown = channels.shown_on_telegram(facts, body=level, person=level)
    message = messages.chat(template, shown, BASE)

    said = " ".join([message.text, *(button.label for row in message.buttons for button in row)])
    assert FORMAL.findall(said) == []
