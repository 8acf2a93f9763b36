"""Every message stands in a room: that of the actions that it tells of, or the general one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot
from bot.messages import TEMPLATES, exists

SOURCES = Path(bot.__file__).parent
ACTIONS = {path.parent.name for path in (SOURCES / "actions").glob("*/__init__.py")}
GENERAL = "general"  # what belongs to no aggregate
REFUSALS = "refusals"  # each has the name of its exception, wherever that is raised
FRAMES = {"layout", "message", "words"}  # of mails
NAME = re.compile("[a-z_]+(/[a-z_]+)+")
SAYING = {"answer", "chat", "mail", "reply", "show", "toast"}  # what is called with a template's name first


def rooms(kind: str) -> set[str]:
    return {path.name for path in (TEMPLATES / kind).iterdir() if path.is_dir()}


def outside(kind: str) -> set[str]:
    """Templates that stand in no room."""
    return {path.stem for path in (TEMPLATES / kind).glob("*.html")}


def named() -> Iterator[tuple[str, str]]:
    """Every template of the chat or of a mail that the program names, and the file that names it."""
    begins = tuple(f"{room}/" for room in rooms("chat") | rooms("mail"))
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(SOURCES).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from ((name, place) for name in _named(node, begins))


def _named(node: ast.AST, begins: tuple[str, ...]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text.startswith(begins) and NAME.fullmatch(text):
            yield text
        case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(text)), *_]) if method in SAYING:
            yield text
        case ast.keyword(arg="template", value=ast.Constant(value=str(text))):
            yield text


@pytest.mark.parametrize("kind", ["chat", "mail"])
def test_room_is_called_as_the_actions_that_it_tells_of(kind: str) -> None:
    strange = rooms(kind) - ACTIONS - {GENERAL, REFUSALS}

    assert [f"templates/{kind}/{room}: there is no actions/{room}" for room in sorted(strange)] == []


def test_every_message_stands_in_a_room() -> None:
    lost = [f"chat/{name}" for name in outside("chat")] + [f"mail/{name}" for name in outside("mail") - FRAMES]

    assert [
        f"templates/{name}.html: put it in the room of its actions, or in {GENERAL}/" for name in sorted(lost)
    ] == []


def test_every_template_that_the_program_names_is_there() -> None:
    missing = {
        f"{place}: there is no template {name}"
        for name, place in named()
        if name and not exists(f"chat/{name}.html") and not exists(f"mail/{name}.html")
    }

    assert missing == set()


def test_templates_are_found_by_the_ways_in_which_they_are_named() -> None:
    source = 'context.show("help"); Draft(template="join"); TOLD = ("agenda/item", "agenda/", "agenda/item of a body")'

    found = [name for node in ast.walk(ast.parse(source)) for name in _named(node, ("agenda/",))]

    assert sorted(found) == ["agenda/item", "help", "join"]


def test_message_by_mail_stands_in_the_room_in_which_it_stands_in_the_chat() -> None:
    chat, mail = (
        {path.relative_to(TEMPLATES / kind) for path in (TEMPLATES / kind).glob("*/*.html")}
        for kind in ("chat", "mail")
    )
    both = {path.name for path in chat}

    assert {path for path in mail - chat if path.name in both} == set()
