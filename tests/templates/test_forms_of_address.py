"""Whoever belongs to bodies that say du is not called Sie, in what is about such a body and elsewhere."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import messages
from bot.messages import Voice
from bot.rules import channels
from bot.rules.facts import FULL, TITLES, OneTimeLink
from tests.post import samples

FORMAL = re.compile(r"\b(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b")
BASE = Voice(base_url="https://faden.example", start_url="https://faden.example/chat?start=")
INVITATION = {"page": "https://faden.example/einladung/1", "telegram": None}
EXCEPT = {  # said to strangers, all but one
    "accounts/join_link",  # words for somebody who is to be invited
    "accounts/join_privacy",
    "people/file_unreadable",  # "Sie" are the columns
    "refusals/link_used_up",
    "refusals/not_introduced",
    "refusals/not_on_telegram",
    "refusals/stranger",
}
STRANGERS_READ = {"join", "privacy_short", "sign_in", "sign_in_confirm", "sign_in_sent", "start", "trial"}
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


@pytest.mark.parametrize("template", sorted(set(samples.TEMPLATES) - set(ABOUT_A_BODY) - EXCEPT))
def test_message_to_somebody_whose_bodies_all_say_du_says_it(template: str) -> None:
    facts = {key: fact for key, fact in samples.TEMPLATES[template]().items() if key != "language"}

    links = {key: INVITATION for key, fact in facts.items() if isinstance(fact, OneTimeLink)}
    shown = channels.shown_on_telegram(facts, body=FULL, person=FULL) | links
    message = messages.chat(template, shown, replace(BASE, informal=True))

    said = " ".join([message.text, *(button.label for row in message.buttons for button in row)])
    assert FORMAL.findall(said) == []


@pytest.mark.parametrize(
    "page", [path for path in sorted((messages.TEMPLATES / "pages").rglob("*.html")) if path.stem not in STRANGERS_READ]
)
def test_page_for_people_who_are_known_says_neither_du_nor_sie(page: Path) -> None:
    text = page.read_text()

    assert len(FORMAL.findall(text)) == (2 if page.stem == "administrator" else 0)  # said to the first one of all
    assert re.findall(r"\b[Dd](?:u|ich|ir|ein(?:e[mnrs]?)?)\b", text) == []
