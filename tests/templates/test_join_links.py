"""A way into a meeting that is no address is told in words, wherever an address could be pressed."""

import pytest

from bot import messages
from bot.messages import Voice
from bot.rules import channels
from bot.rules.facts import JoinLink
from tests.post import samples

DIAL_IN = "Einwahl 0911 1234 PIN 44 & <Raute>"
ESCAPED = "Einwahl 0911 1234 PIN 44 &amp; &lt;Raute&gt;"
ADDRESS = "https://meet.example.org/rlk"


def facts(link: str, template: str = "meetings/meeting") -> dict[str, object]:
    return {**samples.TEMPLATES[template](), "meeting": samples.meeting(join_link=JoinLink(link))}


@pytest.mark.parametrize(("link", "told"), [(DIAL_IN, f"💻 {ESCAPED}"), (ADDRESS, f'<a href="{ADDRESS}">')])
def test_chat_tells_the_way_in(link: str, told: str) -> None:
    assert told in messages.chat("meetings/meeting", facts(link), Voice()).text


def test_chat_hides_a_dial_in_below_level_3() -> None:
    shown = channels.shown_on_telegram(facts(DIAL_IN), body=2, person=3)

    text = messages.chat("meetings/meeting", shown, Voice()).text

    assert ("0911" in text, "💻 online, Zugang in der Web-Ansicht" in text) == (False, True)


@pytest.mark.parametrize(
    ("link", "told"),
    [(DIAL_IN, f"Videokonferenz: {ESCAPED}</p>"), (ADDRESS, f'<a href="{ADDRESS}">Zur Videokonferenz</a></p>')],
)
def test_mail_tells_the_way_in(link: str, told: str) -> None:
    mail = '{% import "mail/words.html" as words with context %}{{ words.facts_html(meeting) }}'

    html = messages.environment("de").from_string(mail).render(facts(link), voice=Voice())

    assert told in html
