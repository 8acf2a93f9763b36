"""What belongs together is there together: refusals and their words, buttons and what they do, commands and the help."""

import ast
import importlib
import pkgutil
from functools import cache
from pathlib import Path

import pytest
from jinja2 import nodes

import bot
from bot import messages
from bot.handlers import BUTTONS, COMMANDS, GUIDES, MENU, menus
from bot.messages import LANGUAGES, TEMPLATES, Voice
from bot.rules.dialogue import FLOWS
from bot.rules.refusals import Refusal
from tests import words

SOURCES = Path(bot.__file__).parent
NAMES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
CHAT = [name.removeprefix("chat/").removesuffix(".html") for name in NAMES if name.startswith("chat/")]
BEFORE_CODE = {"button": 1, "here": 1, "folded": 1, "turned": 2}  # arguments of the keyboard's methods before the code
OLD_CODES = {"privacy"}  # on buttons that have been sent; they keep working


@cache
def refusals() -> dict[str, type[Refusal]]:
    """Every refusal by its template, wherever it is made."""
    for module in pkgutil.walk_packages([str(SOURCES)], "bot."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[Refusal]] = []
    waiting = Refusal.__subclasses__()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("bot."):
            found.append(kind)
    return {kind().template: kind for kind in found}


@cache
def parsed(name: str) -> nodes.Template:
    """A template's syntax tree."""
    return messages.environment("de").parse((TEMPLATES / name).read_text(encoding="utf-8"))


@cache
def buttons() -> tuple[tuple[str, list[object]], ...]:
    """Each button of the chat, also the way to a list's pages: its template, its code with arguments; None is no constant."""
    return tuple(
        (
            name,
            [
                argument.value if isinstance(argument, nodes.Const) else None
                for argument in call.args[BEFORE_CODE[call.node.attr] :]
            ],
        )
        for name in NAMES
        for call in parsed(name).find_all(nodes.Call)
        if isinstance(call.node, nodes.Getattr) and call.node.attr in BEFORE_CODE
    )


def strings_of_python() -> set[str]:
    """Every text constant in the program."""
    return {
        node.value
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def included() -> set[str]:
    """Templates that another one imports, includes or extends."""
    found = set()
    for name in NAMES:
        for node in parsed(name).find_all(nodes.Stmt):
            if isinstance(node, nodes.Import | nodes.FromImport | nodes.Include | nodes.Extends):
                found |= {node.template.value} if isinstance(node.template, nodes.Const) else set()
    return found


def test_nothing_but_the_record_itself_asks_what_was_recorded() -> None:
    texts = {path.relative_to(SOURCES).as_posix(): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")}

    readers = {name for name, text in texts.items() if "AuditEvent" in text or "audit_event" in text}

    assert readers == {"actions/audit.py", "rules/records.py"}  # which says what becomes of its columns


def test_every_refusal_has_its_words_in_the_chat() -> None:
    silent = [kind.__name__ for template, kind in refusals().items() if not messages.exists(f"chat/{template}.html")]

    assert silent == []


def test_every_word_of_refusal_belongs_to_a_refusal() -> None:
    told = {name for name in CHAT if name.startswith("refusals/")}

    assert told - set(refusals()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_compiles(language: str) -> None:
    environment = messages.environment(language)

    for name in NAMES:
        environment.get_template(name)


def test_every_button_does_something() -> None:
    without = {(name, str(code)) for name, (code, *_) in buttons() if code not in BUTTONS}

    assert without == set()


def test_every_button_of_a_guided_entry_names_a_step_of_it() -> None:
    steps = {kind: {step.name for step in guide.flow.steps} for kind, guide in GUIDES.items()}
    lost = {
        (name, str(kind), str(step))
        for name, (code, *rest) in buttons()
        if code == "d"
        for kind, step in [(*rest, None, None)[:2]]
        if (kind is not None and kind not in steps)
        or (kind is not None and step is not None and step not in {*steps[str(kind)], "back", "redo"})
    }

    assert lost == set()


def test_every_button_for_a_command_names_one() -> None:
    known = {command.german for command in COMMANDS}
    lost = {(name, rest[0]) for name, (code, *rest) in buttons() if code == "k" and rest[0] not in {*known, None}}

    assert lost == set()


def test_every_code_stands_on_a_button() -> None:
    shown = {code for _, (code, *_) in buttons()}

    assert set(BUTTONS) - shown == OLD_CODES


def test_every_guided_entry_can_be_gone_through() -> None:
    flows = {kind: guide.flow.kind for kind, guide in GUIDES.items()}

    assert flows == {kind: kind for kind in FLOWS}


def test_every_step_of_a_guided_entry_has_its_question() -> None:
    missing = [
        guide.question(step.name)
        for guide in GUIDES.values()
        for step in guide.flow.steps[
            guide.flow.steps[0].name not in {"body", "kept"} :
        ]  # a button says which meeting, item or commitment it is
        if not messages.exists(f"chat/{guide.question(step.name)}.html")
    ]

    assert missing == []


def test_every_message_of_the_chat_is_said_by_somebody() -> None:
    said = strings_of_python()
    steps = {guide.question(step.name) for guide in GUIDES.values() for step in guide.flow.steps}
    others = included()

    unsaid = [name for name in CHAT if name not in said | steps | set(refusals()) and f"chat/{name}.html" not in others]

    assert unsaid == []


def test_every_command_of_the_menu_is_in_the_help() -> None:
    help_ = messages.chat("general/help", {"administrator": True, "may_organise": True}, Voice()).text

    assert [command.german for command in MENU if f"/{command.german} " not in f"{help_} "] == ["hilfe"]  # it is itself


def test_every_command_of_the_menu_has_its_line() -> None:
    lines = messages.chat("general/commands", {}, Voice()).text.splitlines()
    missing = {command.german for command in MENU} - {line.partition(": ")[0] for line in lines}

    assert not missing, f"templates/chat/general/commands.html has no line for {sorted(missing)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_of_the_menu_has_words_that_telegram_takes(language: str) -> None:
    for commands in menus(language).values():
        assert commands
        for command in commands:
            assert command.command.isascii()
            assert command.command == command.command.lower()
            assert 1 <= len(command.command) <= 32
            assert 1 <= len(command.description) <= 256


def test_no_name_of_a_command_stands_for_two() -> None:
    pairs = {(name, command.german) for command in COMMANDS for name in (command.german, command.english)}

    assert len({name for name, _ in pairs}) == len(pairs)


def test_every_german_text_has_its_english() -> None:
    said = {text[0] if isinstance(text, tuple) else text for text, _ in words.said()}
    translated = {
        message.id[0] if isinstance(message.id, list | tuple) else message.id
        for message in words.catalogue()
        if message.id and message.string
    }

    assert said - translated == set()
    assert words.untranslated(words.catalogue()) == []
