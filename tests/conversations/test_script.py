"""The grammar of conversation files."""

from datetime import datetime

import pytest

from tests.conversations import script
from tests.conversations.script import (
    BERLIN,
    Answers,
    At,
    BadScript,
    Blocks,
    HasOnlyMail,
    Hears,
    Leaves,
    Presses,
    Receives,
    Restart,
    Says,
    Sends,
    Silence,
    Step,
    Toast,
)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Mi, 18.11.2026, 9:00 Uhr", At(1, datetime(2026, 11, 18, 9, 0, tzinfo=BERLIN))),
        ("Uwe: /top RLK: Ferien, 20 min", Says(1, "Uwe", None, "/top RLK: Ferien, 20 min")),
        ("Uwe in SRT-Süd: /termine", Says(1, "Uwe", "SRT-Süd", "/termine")),
        ("Uwe: 📎 Entwurf eins.pdf", Sends(1, "Uwe", "Entwurf eins.pdf")),
        ("Uwe: [✅ Zusage]", Presses(1, "Uwe", None, "✅ Zusage")),
        ("Uwe in RLK: [✅ Zusage]", Presses(1, "Uwe", "RLK", "✅ Zusage")),
        ("Uwe: [✅ Zusage] zweimal", Presses(1, "Uwe", None, "✅ Zusage", twice=True)),
        ("Uwe: [✅ Zusage] von vorhin", Presses(1, "Uwe", None, "✅ Zusage", gone=True)),
        ("Uwe: [Später] von Petra Wimmer", Presses(1, "Uwe", None, "Später", of="Petra Wimmer")),
        ("Uwe: [in Klammern] steht das", Says(1, "Uwe", None, "[in Klammern] steht das")),
        ("Uwe verlässt SRT-Mitte", Leaves(1, "Uwe", "SRT-Mitte")),
        ("Uwe sperrt Faden", Blocks(1, "Uwe")),
        ("Faden startet neu", Restart(1)),
        ("Eva Grund hat nur Mail", HasOnlyMail(1, "Eva Grund")),
        ("Eva über den Link: [✅ Zusage]", Answers(1, "Eva", "✅ Zusage")),
        ("Faden ✉️ Eva: Einladung: 1. Sitzung", Receives(1, "Eva", "Einladung: 1. Sitzung")),
        ("Faden → Uwe: Guten Tag!", Hears(1, "Uwe", None, "Guten Tag!", new=True)),
        ("Faden ↻ Uwe: Guten Tag!", Hears(1, "Uwe", None, "Guten Tag!", new=False)),
        ("Faden → Gruppe SRT-Süd: Guten Tag!", Hears(1, None, "SRT-Süd", "Guten Tag!", new=True)),
        ("Faden ⚡ Uwe: ✅ zugesagt", Toast(1, "Uwe", "✅ zugesagt")),
        ("Faden → Uwe: (nichts)", Silence(1, "Uwe", None)),
        ("Faden → Gruppe RLK: (nichts)", Silence(1, None, "RLK")),
    ],
)
def test_line_is_a_step(line: str, step: Step) -> None:
    assert script.parse(line) == [step]


def test_file_has_the_indented_lines_for_its_content() -> None:
    story = "Uwe: 📎 leute.csv\n    Vorname;Nachname\n    Ada;Öhler\n\nUwe: 📎 leer.csv"

    assert script.parse(story) == [
        Sends(1, "Uwe", "leute.csv", "Vorname;Nachname\nAda;Öhler\n"),
        Sends(5, "Uwe", "leer.csv"),
    ]


def test_message_goes_on_in_indented_lines() -> None:
    story = "Faden → Uwe:\n    Guten Tag!\n    [Ja] [Nein]\n\nUwe: [Ja]"

    assert script.parse(story) == [
        Hears(1, "Uwe", None, "Guten Tag!\n[Ja] [Nein]", new=True),
        Presses(5, "Uwe", None, "Ja"),
    ]


def test_comments_and_blank_lines_are_for_the_reader() -> None:
    assert script.parse("# Ein Tag im Mai\n\nFaden startet neu\n") == [Restart(3)]


@pytest.mark.parametrize("line", ["Uwe schweigt", "18.11.2026", "    steht allein", "Faden ⚡ Uwe:", ": [Ja]"])
def test_other_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(BadScript, match="line 2"):
        script.parse(f"Uwe: Hallo\n{line}")


@pytest.mark.parametrize(
    ("text", "told"), [("Guten Tag!", False), ("Guten Tag!\n[Ja]", True), ("[Ja]", True), ("eins [zwei]", False)]
)
def test_buttons_count_when_they_are_told(text: str, *, told: bool) -> None:
    assert Hears(1, "Uwe", None, text, new=True).with_buttons is told


@pytest.mark.parametrize(
    ("expected", "said", "fits"),
    [
        ("Guten Tag", "Guten Tag", True),
        ("Guten Tag", "Guten Tag!", False),
        ("Guten …!", "Guten Tag!", True),
        ("Guten…", "Guten\nTag\n[Ja]", True),
        ("(a) …", "(a) b", True),
        ("…Tag", "Guten Abend", False),
    ],
)
def test_ellipsis_stands_for_anything(expected: str, said: str, *, fits: bool) -> None:
    assert script.matches(expected, said) is fits
