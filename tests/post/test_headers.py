"""What stands in the head of a mail comes back letter by letter, from the standard library's parser and from another one."""

import base64
import itertools
import quopri
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import messages
from bot.messages import Mail, Voice
from bot.post import Mailer, headers
from bot.post.mail import compose
from bot.rules.facts import Title
from tests.post.test_calendar_mail import MAILS

BODIES = (
    "Trägerkonferenz", "Regionalleiterkonferenz", "Sozialraumteam Nördlingen", "Sozialraumteam Süd-West",
    "Arbeitsgemeinschaft nach § 78 SGB VIII", "AG Hilfen zur Erziehung", "Jugendhilfeausschuss",
    "Runder Tisch „Kinder & Jugend“", "Unterausschuss Jugendhilfeplanung", "Stadtteilkonferenz Altstadt/Hafen",
    "Fachgruppe Frühe Hilfen", "Netzwerk Kinderschutz", "Arbeitskreis Übergang Schule–Beruf", "Lenkungsgruppe",
    "Steuerungsgruppe Ganztag", "Planungsraum Äußere Neustadt", "Wirkungsraum 7", "Team Größe XL",
    "Qualitätszirkel Erziehungsbeistandschaft und Sozialpädagogische Familienhilfe", "Beirat für Mädchenarbeit",
    "Kiezrunde Müllerstraße", "Leitungsrunde der öffentlichen und freien Träger", "Elternbeirat Kita Löwenzahn",
    "Regionalkonferenz Ost", "Vorbereitungskreis Sozialraumtag", "Gremium ohne Namen?", "=?utf-8?q?Gremium?=",
    "Çalışma grubu Göçmen gençler", "Рабочая группа", "Zukunftswerkstatt – Ideen, Räume, Menschen",
)  # fmt: skip
DAYS = [datetime(2027, 2, 1, 13, 30, tzinfo=UTC) + timedelta(days=day) for day in range(28)]
WORD = re.compile(r"=\?([\w-]+)\?([BbQq])\?([^? ]*)\?=")


def decoded(body: str) -> str:
    """An unfolded field body as RFC 2047 reads it: blanks between two encoded words do not count, others do."""
    return WORD.sub(_word, re.sub(r"(\?=)\s+(?==\?)", r"\1", body))


def _word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    if encoding in "Bb":
        return base64.b64decode(text, validate=True).decode(charset)
    return quopri.decodestring(text.encode(), header=True).decode(charset)


def composed(subject: str, name: str = "Nora Quint", sender: str = "Faden") -> bytes:
    return compose(
        Mail(subject=subject, text="x\n", html="x"),
        mailer=Mailer("smtp://127.0.0.1", "faden@faden.example", name=sender),
        name=name,
        address="nora.quint@traeger.example",
        key="k",
        date=DAYS[0],
        reply_to="tk@faden.example",
    )


def fields(mail: bytes) -> dict[str, str]:
    """The fields of the head, unfolded, by a parser of our own (RFC 5322, 2.2)."""
    head = mail.partition(b"\r\n\r\n")[0].decode("ascii")
    lines = re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
    return {name: body for name, _, body in (line.partition(": ") for line in lines)}


def assert_lines_fit(mail: bytes) -> None:
    """RFC 5322, 2.1.1, and RFC 2047, 2: no line above 998 octets, no encoded word above 75, each read as one."""
    head = mail.partition(b"\r\n\r\n")[0].decode("ascii")
    assert max(map(len, head.split("\r\n"))) <= 998
    assert max((len(word[0]) for word in WORD.finditer(head)), default=0) <= 75
    assert "?==?" not in head


def subjects() -> Iterator[str]:
    """For each body on each day the subject of another template, in another language."""
    known = itertools.cycle(itertools.product(MAILS.values(), messages.LANGUAGES))
    for (number, body), day in itertools.product(enumerate(BODIES, start=1), DAYS):
        (template, _, facts), language = next(known)
        meeting = {**facts["meeting"], "title": Title(f"{number}. {body}"), "starts": day}
        told = {**facts, "meeting": meeting, "town": "x", "link": "x", "calendar_missing": False}
        yield messages.mail(template, told, Voice(language=language)).subject


def test_every_subject_comes_back_letter_by_letter_from_two_parsers() -> None:
    for subject in subjects():
        mail = composed(subject)

        parsed = message_from_bytes(mail, policy=default)
        assert (str(parsed["Subject"]), decoded(fields(mail)["Subject"])) == (subject, subject)
        assert_lines_fit(mail)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=300)


@given(subject=TEXT)
@example(subject="")
@example(subject="=?utf-8?q?x?= =?utf-8?q?y?=")
@example(subject="a" * 900)
@settings(deadline=None)
def test_any_text_comes_back_with_its_blanks_as_one(subject: str) -> None:
    field = headers.text("Subject", subject)

    mail = f"Subject: {field}\n\nx".replace("\n", "\r\n").encode("ascii")
    assert decoded(fields(mail)["Subject"]) == " ".join(subject.split())
    assert_lines_fit(mail)


def test_text_from_outside_adds_no_field() -> None:
    mail = composed("Grüße\r\nBcc: eve@example.org", "Nora\nX-Evil: 1", "Fäden\u2028 \x00\ud800")

    assert list(fields(mail)) == ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", *MIME]
    assert decoded(fields(mail)["Subject"]) == "Grüße Bcc: eve@example.org"
    assert decoded(fields(mail)["From"]) == "Fäden \x00? <faden@faden.example>"
    assert fields(mail)["To"] == '"Nora X-Evil: 1" <nora.quint@traeger.example>'


MIME = ["MIME-Version", "Content-Type"]


@pytest.mark.parametrize(
    "name",
    [
        "Nora Quint", "Nóra Quint", "Jürgen Müller-Lüdenscheidt", 'Ben Özdemir "B", Dr.', "O'Brien, Pat (Süd)",
        "Quint; Nora \\ <x@y.example>", "Łukasz Wójcik", "Анна Иванова", "Faden Lindental am Äußeren Berg", "=?x?=",
    ],
)  # fmt: skip
def test_every_name_comes_back_letter_by_letter_from_two_parsers(name: str) -> None:
    mail = composed("x", name, name)

    parsed = message_from_bytes(mail, policy=default)
    for field, address in (("To", "nora.quint@traeger.example"), ("From", "faden@faden.example")):
        (found,) = parsed[field].addresses
        assert (found.display_name, found.addr_spec) == (name, address)
        shown, _, own = decoded(fields(mail)[field]).rpartition(" ")
        quoted = shown.startswith('"') and fields(mail)[field].startswith('"')
        assert (re.sub(r"\\(.)", r"\1", shown[1:-1]) if quoted else shown, own) == (name, f"<{address}>")
    assert str(parsed["Reply-To"]) == "tk@faden.example"
    assert_lines_fit(mail)


def test_long_name_is_folded_and_a_missing_one_is_not_quoted() -> None:
    long = "Straße " * 28

    mail = composed("x", long, "")

    assert decoded(fields(mail)["To"]) == f"{long.strip()} <nora.quint@traeger.example>"
    assert fields(mail)["From"] == "faden@faden.example"
    assert_lines_fit(mail)
