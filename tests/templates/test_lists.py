"""However long a list is: what a template makes stays within Telegram's limits, and every entry can be reached."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot import messages
from bot.messages import CALLBACK_BYTES, Button, ChatMessage, Voice
from bot.post import texts
from bot.rules import channels
from bot.rules.facts import PersonName, Place, Text, Title
from bot.rules.presses import PAGE
from bot.webchat.limits import BUTTONS, BUTTONS_IN_A_ROW
from tests.post import samples

LONG = 130
LENGTHS: Mapping[type, int] = {Title: 200, Place: 200, Text: 500, PersonName: 60}
# Lists that cannot grow: what we offer ourselves, words of the vocabulary, columns of a file; a page that an action has cut.
SHORT = frozenset(
    [
        "purposes",
        "lengths",
        "slot_choices",
        "durations",
        "choices",
        "grid",
        "options",
        "due_options",
        "news",
        "channels",
        "commands",
        "rows",
        "ends",  # of an hour that comes twice
    ]
)

NEXT_ONE = "general/menu"  # shows the first of its list, and the button to the others
INVITATION = {"page": "https://faden.example/einladung/1", "telegram": None}

Facts = dict[str, Any]


def numbered(entry: Any, name: str, number: int) -> Any:  # noqa: ANN401  # facts of every kind
    """An entry as long as its limits let it be, that says which one it is."""
    marked = f"{name}-{number:03} "
    if isinstance(entry, Mapping):
        ids = {"id": 100_000_000 + number} if "id" in entry else {}
        return {key: numbered(value, name, number) for key, value in entry.items()} | ids
    return type(entry)(marked.ljust(LENGTHS[type(entry)], "ä")) if type(entry) in LENGTHS else entry


def grown(facts: Facts) -> tuple[Facts, list[str]]:
    """The facts with long lists, and the names of these lists."""
    made: Facts = {}
    names: list[str] = []
    for key, value in facts.items():
        if isinstance(value, list) and value and key not in SHORT:
            made[key] = [numbered(value[0], key, number) for number in range(LONG)]
            names.append(key)
        elif isinstance(value, Mapping) and key not in SHORT:
            made[key], inner = grown(dict(value))
            names += inner
        else:
            made[key] = value
    return made, names


def pages(template: str, facts: Facts) -> Iterator[ChatMessage]:
    """What a person sees who presses "Weitere" until there is no more."""
    page = 0
    while True:
        shown = messages.chat(
            template,
            {**facts, "page": page},
            Voice(base_url="https://faden.example", start_url="https://t.me/f?start="),
        )
        yield shown
        onward = [button.data for button in buttons(shown) if button.label == "Weitere ▶" and button.data]
        if not onward or template == "people/file":  # which an action cuts
            return
        [data] = onward
        assert data.startswith(f"{PAGE}:{page + 1}:")
        page += 1


def buttons(message: ChatMessage) -> list[Button]:
    return [button for row in message.buttons for button in row]


def told(message: ChatMessage, name: str) -> set[int]:
    """The numbers of the list's entries that the message shows, in its text or on its buttons."""
    said = "\n".join([message.text, *(button.label for button in buttons(message))])
    return {int(number) for number in re.findall(rf"\b{name}-(\d{{3}})", said)}


@pytest.mark.parametrize("template", sorted(samples.TEMPLATES))
def test_long_lists_stay_within_limits_and_lose_nothing(template: str) -> None:
    facts, names = grown(samples.TEMPLATES[template]() | {"link": INVITATION})
    facts.pop("language", None)

    seen = list(pages(template, channels.everything(facts)))

    for message in seen:
        assert texts.units(message.text) <= texts.MESSAGE_UNITS
        assert len(buttons(message)) <= BUTTONS
        assert all(len(row) <= BUTTONS_IN_A_ROW for row in message.buttons)
        assert all(len((button.data or "").encode()) <= CALLBACK_BYTES for button in buttons(message))
    for name in names:
        found = set().union(*(told(message, name) for message in seen))
        if template == NEXT_ONE:
            assert found == {0}
            continue
        assert found in (set(), set(range(LONG))) or says_that_there_are_more(seen[0], found), name


def says_that_there_are_more(message: ChatMessage, found: set[int]) -> bool:
    counted = f"und {LONG - len(found)} weitere" in message.text or f"({LONG})" in message.text
    return counted and found == set(range(len(found)))
