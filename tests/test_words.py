"""The English says everything that the German says, and can be shown in its place."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from jinja2 import Environment

from bot import messages
from bot.handlers import COMMANDS
from bot.messages import LOCALE, TEMPLATES, Voice, translations
from bot.rules.facts import Plain, Title
from bot.rules.reading.answers import Exact, NotADate
from bot.rules.reading.durations import duration
from bot.rules.reading.lines import AgendaLine, agenda_line
from bot.rules.reading.moments import until, when
from tests import words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 6, 10, 0, tzinfo=BERLIN)
ENGLISH = Voice(language="en", base_url="https://faden.example")

SAME_IN_BOTH = {"Faden", "Telegram", "Deutsch", "English"}
COMMAND_MENU = "chat/general/commands.html"  # a command's name stands before its words there


def pairs() -> Iterator[tuple[str, str]]:
    """Every German text that has its English beside it, plural forms one by one."""
    for message in words.catalogue():
        if isinstance(message.id, list | tuple):
            yield from zip(message.id, list(message.string or ()), strict=True)
        elif message.id and message.string:
            yield message.id, str(message.string)


def differing(pattern: str) -> list[tuple[str, str]]:
    """The pairs whose sides do not have the same matches."""
    return [pair for pair in pairs() if sorted(re.findall(pattern, pair[0])) != sorted(re.findall(pattern, pair[1]))]


def commands(text: str) -> list[str]:
    return re.findall(r"(?<![\w<])/([a-z]+)\b", text)


def examples(text: str) -> list[str]:
    """What a text offers to be typed."""
    return re.findall(r"<code>([^%<]+)</code>", text)


def untranslatable(source: str) -> list[str]:
    """German in a template that stands neither in {% trans %} nor in _()."""
    code, shown, inside = "", "", False
    found: list[str] = []
    for _, kind, value in Environment().lex(source):  # noqa: S701  # nothing is rendered
        if kind == "name" and value in ("trans", "endtrans"):
            inside = value == "trans"
        elif kind == "data":
            shown += " " if inside else f" {value}"
        elif kind == "string" and not code.endswith("_(") and re.search(r"\b[A-ZÄÖÜ][a-zäöüß]|[äöüß]", value):
            found.append(value.strip("'\""))
        code = (code + value).replace(" ", "")[-2:] if kind in ("name", "operator", "whitespace") else ""
    attributes = re.findall(r'(?:alt|title|aria-label|placeholder)="([^"]*)"', shown)
    text = re.sub(r"<[^<>]*>|(?<!\w)/[a-z]+", " ", shown)  # without tags and addresses
    found += re.findall(r"[^\W\d_]{2,}", " ".join([text, *attributes]))
    return [word for word in found if word not in SAME_IN_BOTH]


def test_catalogue_holds_what_the_templates_say_and_nothing_else(tmp_path: Path) -> None:
    words.write(words.renewed(words.catalogue()), tmp_path / "en.po")

    assert (tmp_path / "en.po").read_text(encoding="utf-8") == words.CATALOGUE.read_text(encoding="utf-8")


def test_every_text_has_its_english() -> None:
    assert words.untranslated(words.catalogue()) == []


def test_untranslated_are_texts_and_plurals_with_a_gap() -> None:
    catalogue = Catalog(locale="en")
    catalogue.add("Sitzung", "Meeting")
    catalogue.add("Thema", "")
    catalogue.add(("ein Tag", "Tage"), ("one day", ""))
    catalogue.add(("ein Jahr", "Jahre"), ("one year", "years"))

    assert words.untranslated(catalogue) == ["Thema", "('ein Tag', 'Tage')"]


def test_plurals_have_two_forms() -> None:
    forms = [
        (message.id, len(message.string) if isinstance(message.string, list | tuple) else 1)
        for message in words.catalogue()
        if isinstance(message.id, list | tuple)
    ]

    assert [message for message, count in forms if count != words.catalogue().num_plurals] == []


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"%\(\w+\)s", id="placeholders"),
        pytest.param(r"%(?!\(\w+\)s)", id="nothing-else-with-a-percent-sign"),
        pytest.param(r"<[^<>]*>", id="tags"),
        pytest.param(r"^[^\w„“<%(]*", id="emoji-and-spaces-in-front"),
        pytest.param(r"[\s›:….!?,]*$", id="what-stands-at-the-end"),
    ],
)
def test_both_sides_have_the_same(pattern: str) -> None:
    assert differing(pattern) == []


def test_english_is_typeset() -> None:
    assert [english for _, english in pairs() if re.search(r"['\"„]|\.\.\.| - ", english)] == []


def test_commands_have_their_english_names() -> None:
    english = {command.german: command.english for command in COMMANDS}

    assert [pair for pair in pairs() if [english[name] for name in commands(pair[0])] != commands(pair[1])] == []


def test_english_examples_are_understood() -> None:
    offered = {text for _, english in pairs() for text in examples(english)}

    ten = Exact(NOW.date(), NOW.time())
    read = {
        text
        for text in offered
        if duration(text)
        or not isinstance(when(text, now=NOW, zone=BERLIN), NotADate)
        or not isinstance(until(text, start=ten, now=NOW, zone=BERLIN), NotADate)
    }

    assert offered - read == {
        "2",
        "Meier + Caritas",
        "chair of RLK",
        "/item TK: Holiday programme, decision, 20 min",
    }
    assert agenda_line("TK: Holiday programme, decision, 20 min") == AgendaLine(
        body="TK", title="Holiday programme", purpose="decision", minutes=20
    )


@pytest.mark.parametrize(
    "name", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*") if path.is_file())
)
def test_template_says_nothing_that_cannot_be_translated(name: str) -> None:
    source = (TEMPLATES / name).read_text(encoding="utf-8")
    if name == COMMAND_MENU:
        source = re.sub(r"^[a-z]+: ", "", source, flags=re.MULTILINE)

    assert untranslatable(source) == []


def test_untranslatable_are_words_labels_and_attributes_outside() -> None:
    source = (
        '<p class="note" title="Wann">Hallo {{ name }}, {% trans %}Guten Tag{% endtrans %} am {{ _("Montag") }}</p>'
        '{# ein Wort #}{% do keyboard.button("✅ Zusage", "a", _( "Absage")) %}{{ value == "accepted" }}'
    )

    assert untranslatable(source) == ["✅ Zusage", "Hallo", "am", "Wann"]


def test_texts_are_one_line_each() -> None:
    assert [german for german, _ in pairs() if "\n" in german] == []


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (1, "The notice period of 1 day is not met: that needs a reason."),
        (3, "The notice period of 3 days is not met: that needs a reason."),
    ],
)
def test_plural_is_chosen_by_its_number(days: int, shown: str) -> None:
    assert messages.chat("refusals/short_notice", {"days": days}, ENGLISH).text == shown


def test_message_is_shown_in_english_with_its_facts_and_buttons() -> None:
    shown = messages.chat("agenda/form/retitle_confirm", {"title": Title("Kitas & Horte"), "first": False}, ENGLISH)

    labels = [button.label for row in shown.buttons for button in row]
    assert (shown.text, labels) == ("New: <b>Kitas &amp; Horte</b>", ["✅ Use this", "‹ Back", "Stop"])


def test_fact_with_a_percent_sign_stays_as_it_is() -> None:
    shown = messages.chat("refusals/not_a_member", {"body": Plain("100 %(name)s")}, ENGLISH)

    assert shown.text == "You have no seat on 100 %(name)s at the moment."


def test_text_without_a_translation_stays_german() -> None:
    english = translations("en")

    assert english.gettext("Das sagt keine Vorlage.") == "Das sagt keine Vorlage."
    assert english.ngettext("ein Apfel", "%(count)s Äpfel", 2) == "%(count)s Äpfel"


def test_compiled_catalogue_is_that_of_the_texts() -> None:
    assert (LOCALE / "en.mo").read_bytes() == words.compiled(words.catalogue())
