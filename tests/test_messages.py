from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from bot import messages
from bot.messages import Button, Keyboard, Voice
from bot.rules.facts import Plain, Title
from tests import words

TUESDAY = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
HOSTILE = 'Ä <b>fett</b> & "Co" 👩‍👧 {{ 7 * 7 }} {% raw %}'
ESCAPED = "Ä &lt;b&gt;fett&lt;/b&gt; &amp; &#34;Co&#34; 👩‍👧 {{ 7 * 7 }} {% raw %}"
GERMAN, ENGLISH = Voice(), Voice(language="en")
LISBON, NEW_YORK = Voice(zone="Europe/Lisbon"), Voice(language="en", zone="America/New_York")


def rendered(source: str, voice: Voice = GERMAN, **facts: object) -> str:
    return messages.environment(voice.language).from_string(source).render(facts, voice=voice)


@pytest.mark.parametrize(
    ("source", "german", "english"),
    [
        ("{{ at|moment }}", "Di, 24.11.2026 (KW 48), 14:30", "Tue, 24 Nov 2026 (week 48), 14:30"),
        ("{{ at|span(90) }}", "Di, 24.11.2026 (KW 48), 14:30–16:00", "Tue, 24 Nov 2026 (week 48), 14:30–16:00"),
        ("{{ at|day }}", "Di, 24.11.2026 (KW 48)", "Tue, 24 Nov 2026 (week 48)"),
        ("{{ on|day }}", "Fr, 01.01.2027 (KW 53)", "Fri, 1 Jan 2027 (week 53)"),
        ("{{ at|short_day }}", "Di, 24.11.", "Tue, 24 Nov"),
        ("{{ on|short_day }}", "Fr, 01.01.", "Fri, 1 Jan"),
        ("{{ at|weekday }}", "Dienstag", "Tuesday"),
        ("{{ on|weekday }}", "Freitag", "Friday"),
        ("{{ on|month }}", "Januar 2027", "January 2027"),
        ("{{ at|clock }}", "14:30", "14:30"),
        ("{{ early|clock }}", "07:05", "7:05"),
        ("{{ 20|duration }}", "20 Min.", "20 min"),
        ("{{ 60|duration }}", "1 Std.", "1 h"),
        ("{{ 90|duration }}", "1 Std. 30 Min.", "1 h 30 min"),
        ("{{ 0|duration }}", "0 Min.", "0 min"),
    ],
)
def test_filter_says_it_as_the_language_does(source: str, german: str, english: str) -> None:
    facts = {"at": TUESDAY, "on": date(2027, 1, 1), "early": time(7, 5)}

    assert (rendered(source, GERMAN, **facts), rendered(source, ENGLISH, **facts)) == (german, english)


def test_filters_follow_the_clock_of_the_reader() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    assert rendered("{{ at|moment }}", GERMAN, at=late) == "Fr, 01.01.2027 (KW 53), 00:30"
    assert rendered("{{ at|moment }}", LISBON, at=late) == "Do, 31.12.2026 (KW 53), 23:30"
    assert rendered("{{ at|short_day }} {{ at|weekday }}", NEW_YORK, at=late) == "Thu, 31 Dec Thursday"
    assert rendered("{{ on|day }}", NEW_YORK, on=date(2027, 1, 1)) == "Fri, 1 Jan 2027 (week 53)"


@pytest.mark.parametrize(
    ("starts", "shown"),
    [
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), "So, 25.10.2026 (KW 43), 01:30–03:00"),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "So, 25.10.2026 (KW 43), 00:30–02:00 (Winterzeit)"),
        (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "So, 25.10.2026 (KW 43), 02:00 (Sommerzeit)–03:30"),
        (datetime(2026, 10, 24, 21, 45, tzinfo=UTC), "Sa, 24.10.2026 (KW 43), 23:45–02:15 (Sommerzeit)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")), "So, 25.10.2026 (KW 43), 01:30–03:00"),
        (datetime(2027, 3, 28, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")), "So, 28.03.2027 (KW 12), 01:30–05:00"),
    ],
)
def test_span_over_the_clock_change_ends_when_it_does(starts: datetime, shown: str) -> None:
    assert rendered("{{ at|span(150) }}", GERMAN, at=starts) == shown


@pytest.mark.parametrize(
    ("at", "german", "english"),
    [
        (TUESDAY, "14:30 14:30 Uhr", "14:30 14:30"),
        (
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
            "02:30 (Sommerzeit) 02:30 Uhr (Sommerzeit)",
            "2:30 (summer time) 2:30 (summer time)",
        ),
        (
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
            "02:30 (Winterzeit) 02:30 Uhr (Winterzeit)",
            "2:30 (winter time) 2:30 (winter time)",
        ),
    ],
)
def test_time_that_the_clocks_show_twice_says_which_it_is(at: datetime, german: str, english: str) -> None:
    source = "{{ at|clock }} {{ at|oclock }}"

    assert (rendered(source, GERMAN, at=at), rendered(source, ENGLISH, at=at)) == (german, english)


# --- translation ----------------------------------------------------------------------------------------------------


@pytest.fixture
def little_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An English catalogue of three texts, one of them not yet translated."""
    (tmp_path / "en.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "Guten Tag, %(name)s!"\nmsgstr "Hello, %(name)s!"\n\n'
        'msgid "ein Thema"\nmsgid_plural "%(count)s Themen"\nmsgstr[0] "one topic"\nmsgstr[1] "%(count)s topics"\n\n'
        'msgid "noch nicht"\nmsgstr ""\n\n'
        'msgid "ein Haus"\nmsgid_plural "%(count)s Häuser"\nmsgstr[0] ""\nmsgstr[1] ""\n',
        encoding="utf-8",
    )
    (tmp_path / "en.mo").write_bytes(words.compiled(words.catalogue(tmp_path / "en.po")))
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    messages.environment.cache_clear()  # read once in a process's life
    yield
    messages.environment.cache_clear()  # read again


GREETING = "{% trans name=name %}Guten Tag, {{ name }}!{% endtrans %}"
TOPICS = "{% trans count=n %}ein Thema{% pluralize %}{{ count }} Themen{% endtrans %}"
HOUSES = "{% trans count=n %}ein Haus{% pluralize %}{{ count }} Häuser{% endtrans %}"


@pytest.mark.usefixtures("little_catalogue")
def test_text_is_in_the_language_of_the_reader() -> None:
    said = [rendered(GREETING, voice, name="Ada") for voice in (GERMAN, ENGLISH)]

    assert said == ["Guten Tag, Ada!", "Hello, Ada!"]


@pytest.mark.usefixtures("little_catalogue")
def test_number_decides_between_one_and_many() -> None:
    said = {n: (rendered(TOPICS, GERMAN, n=n), rendered(TOPICS, ENGLISH, n=n)) for n in (0, 1, 2)}

    assert said == {0: ("0 Themen", "0 topics"), 1: ("ein Thema", "one topic"), 2: ("2 Themen", "2 topics")}


@pytest.mark.usefixtures("little_catalogue")
def test_text_without_a_translation_stays_german() -> None:
    assert (
        rendered("{% trans %}noch nicht{% endtrans %} {% trans %}unbekannt{% endtrans %}", ENGLISH)
        == "noch nicht unbekannt"
    )
    assert [rendered(HOUSES, ENGLISH, n=n) for n in (1, 2)] == ["ein Haus", "2 Häuser"]


@pytest.mark.usefixtures("little_catalogue")
def test_translated_text_escapes_what_stands_in_it() -> None:
    assert rendered(GREETING, ENGLISH, name=HOSTILE) == f"Hello, {ESCAPED}!"


def test_fact_that_is_missing_is_an_error() -> None:
    for source in ("{{ name }}", "{% if name %}{% endif %}", "{{ meeting.title }}"):
        with pytest.raises(UndefinedError):
            rendered(source, meeting={})
    with pytest.raises(UndefinedError):
        messages.chat("general/trouble", {}, GERMAN)


# --- chat -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def little_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A message, a mail and a page."""
    for name, source in {
        "chat/hello.html": "<b>{{ name }}</b>\n\n\n\n{{ 1 }}\n{% do keyboard.button(name, 'm', 7) %}\n"
        "{% do keyboard.row() %}\n{% do keyboard.link(_('Seite'), '/seite') %}\n{% do keyboard.start('Los', 'top') %}\n",
        "chat/wrong.html": "{% do keyboard.button('Sitzung', 'm', 'seven') %}",
        "chat/du.html": "{% if du %}du{% else %}Sie{% endif %} {{ language }} {{ base_url }}",
        "mail/hello.html": "{% block subject %}An\n  {{ name }}{% endblock %}"
        "{% block text %}\n{{ name }}\n\n\n\n{{ du }}{% endblock %}{% block html %}<p>{{ name }} {{ base_url }}</p>{% endblock %}",
        "pages/hello.html": "<p>{{ name }} {{ voice.zone }}</p>",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.setattr(messages, "TEMPLATES", tmp_path)
    messages.environment.cache_clear()
    yield
    messages.environment.cache_clear()


HELLO = {"name": Title(HOSTILE)}
HERE = Voice(base_url="https://faden.example", start_url="https://t.me/FadenBot?start=")


@pytest.mark.usefixtures("little_templates")
def test_chat_message_is_escaped_text_and_plain_buttons() -> None:
    said = messages.chat("hello", HELLO, HERE)

    assert said.text == f"<b>{ESCAPED}</b>\n\n1"
    assert said.buttons == (
        (Button(label=HOSTILE, data="m:7"),),
        (
            Button(label="Seite", url="https://faden.example/seite"),
            Button(label="Los", url="https://t.me/FadenBot?start=top"),
        ),
    )


@pytest.mark.usefixtures("little_templates")
def test_template_knows_how_to_speak_to_the_reader() -> None:
    voices = (Voice(informal=True, base_url="x"), Voice(language="en"))

    assert [messages.chat("du", {}, voice).text for voice in voices] == ["du de x", "Sie en"]


@pytest.mark.usefixtures("little_templates")
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"meeting": {"informal": True}}, "du"),
        ({"item": {"informal": False}, "meeting": None}, "Sie"),
        ({"commitments": [{"informal": True}, {"informal": True}]}, "du"),
        ({"commitments": [{"informal": True}, {"informal": False}]}, "Sie"),
        ({"commitments": [], "count": 3, "body": {"id": 1}}, "Sie"),
    ],
)
def test_body_decides_between_du_and_sie(facts: dict[str, Any], said: str) -> None:
    assert messages.chat("du", facts, GERMAN).text.split()[0] == said


def test_voice_decides_where_no_body_does() -> None:
    assert messages.chat("general/nudge", {}, Voice(informal=True)).text == "Neues in einem deiner Gremien"


def keyboard() -> Keyboard:
    return Keyboard("https://faden.example", "https://t.me/FadenBot?start=", template="chat/meeting.html")


def test_button_carries_its_code_and_arguments() -> None:
    made = keyboard()

    made.button("Ja", "ma", 7, Plain("accepted"))

    assert made.filled() == ((Button(label="Ja", data="ma:7:accepted"),),)


@pytest.mark.parametrize(("rest", "fits"), [("x" * 51, True), ("x" * 52, False), ("ü" * 25, True), ("ü" * 26, False)])
def test_button_has_room_for_64_bytes(rest: str, *, fits: bool) -> None:
    made = keyboard()

    if fits:
        made.button("Ja", "d", "item", "title", rest)
    else:
        with pytest.raises(
            ValueError, match=r"^chat/meeting\.html: the button d carries more than 64 bytes: d:item:title:"
        ):
            made.button("Ja", "d", "item", "title", rest)

    assert len(made.filled()) == fits


@pytest.mark.parametrize(
    "carried", [("ma", 7, None), ("m",), ("nonsense",), ("d", "item", "body"), ("p", 2, "m", 7, 8), ("k", "topp")]
)
def test_button_that_nothing_reads_is_not_rendered(carried: tuple[object, ...]) -> None:
    made = keyboard()

    with pytest.raises(
        ValueError, match=rf"^chat/meeting\.html: the button {carried[0]} carries what nothing reads: {carried[0]}"
    ):
        made.button("Ja", *carried)

    assert made.filled() == ()


@pytest.mark.usefixtures("little_templates")
def test_template_that_fills_a_button_wrongly_is_named() -> None:
    with pytest.raises(ValueError, match=r"^chat/wrong\.html: the button m carries what nothing reads: m:seven$"):
        messages.chat("wrong", {}, HERE)


def test_link_opens_a_page_of_ours_or_an_address() -> None:
    made = keyboard()

    made.link("Ansehen", "/chat")
    made.link("Anderswo", "https://video.example/tk")
    made.start("Einreichen", "top-7")

    assert [button.url for button in made.filled()[0]] == [
        "https://faden.example/chat",
        "https://video.example/tk",
        "https://t.me/FadenBot?start=top-7",
    ]


def test_rows_without_a_button_are_none() -> None:
    made = keyboard()

    for step in (
        made.row,
        made.row,
        lambda: made.button("A", "menu"),
        made.row,
        made.row,
        lambda: made.button("B", "help"),
        made.row,
    ):
        step()

    assert [[button.label for button in row] for row in made.filled()] == [["A"], ["B"]]


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        (Markup("A &amp; B"), "A & B"),
        (Markup.escape("<b>"), "<b>"),
        (Title("A &amp; <b>"), "A &amp; <b>"),
        (7, "7"),
    ],
)
def test_label_is_plain_text(label: object, shown: str) -> None:
    made = keyboard()

    made.button(label, "menu")

    assert made.filled()[0][0].label == shown


# --- mail and pages -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("little_templates")
def test_mail_is_plain_in_subject_and_text_and_escaped_in_html() -> None:
    mail = messages.mail("hello", HELLO, HERE)

    assert mail.subject == f"An {HOSTILE}"
    assert mail.text == f"{HOSTILE}\n\nFalse\n"
    assert mail.html == f"<p>{ESCAPED} https://faden.example</p>"


@pytest.mark.usefixtures("little_templates")
def test_page_is_escaped() -> None:
    assert messages.page("hello", HELLO, LISBON) == f"<p>{ESCAPED} Europe/Lisbon</p>"


@pytest.mark.usefixtures("little_templates")
def test_mail_and_page_do_not_forgive_a_missing_fact() -> None:
    with pytest.raises(UndefinedError):
        messages.mail("hello", {}, HERE)
    with pytest.raises(UndefinedError):
        messages.page("hello", {}, HERE)


def test_template_that_is_not_there_is_known_not_to_be() -> None:
    assert (messages.exists("chat/general/help.html"), messages.exists("chat/refusals/no_such_refusal.html")) == (
        True,
        False,
    )
