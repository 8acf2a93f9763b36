"""Mail over a real SMTP server on the loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.actions.notices import Draft
from bot.messages import Mail
from bot.post import Mailer
from bot.post.mail import BadSmtpUrl, Reply, Reported, compose, message_id
from bot.post.readers import Reader
from bot.post.words import Links, Words
from bot.rules import facts as typed
from bot.rules.facts import AnswerLink, OneTimeLink, Plain
from storage.models import Notice, Person
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.golden import assert_golden
from tests.post import samples
from tests.post.conftest import SETTINGS, Mailbox, Office, body, person, queue, seat, serving
from tests.post.test_dispatch import CALENDAR

SENDER, NAME = "faden@faden.example", "Faden Musterstadt"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mailer(mailbox: Mailbox) -> Mailer:
    return Mailer(mailbox.address, SENDER, name=NAME)


@pytest.fixture
async def nora(store: str) -> Person:  # noqa: ARG001  # the store is open meanwhile
    """Nora, who has a mail address and no chat."""
    return await person(mail="nora.quint@traeger.example")


def to(who: Person, key: str = "k", **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    values = {
        "key": key, "template": "general/unread", "facts": {}, "due_at": datetime(2026, 11, 18, tzinfo=UTC), "kind": NoticeKind.MAIL,
    }  # fmt: skip
    return Draft(**{**values, "person": who.id, **more})


def calendar_mail(who: Person, **more: Any) -> Draft:  # noqa: ANN401  # facts of every kind
    facts = {"link": AnswerLink(5), "calendar": {"method": Plain("REQUEST"), **CALENDAR, **more.pop("calendar", {})}}
    return to(who, kind=NoticeKind.CALENDAR_MAIL, template="test_invitation", facts=facts, **more)


async def sent(office: Office, mailer: Mailer | None, *drafts: Draft) -> list[Notice]:
    rows = await queue(*drafts, now=office.clock.now)
    await office.open(mailer=mailer).drain()
    for row in rows:
        await row.refresh_from_db()
    return rows


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)


# --- the message ------------------------------------------------------------------------------------------------------


def composed(calendar: tuple[str, bytes] | None = None) -> bytes:
    return compose(
        Mail(subject="Einladung: Grüße aus dem Gremium", text="Guten Tag,\n\nGrüße\n", html="<p>Grüße</p>"),
        mailer=Mailer("smtp://127.0.0.1", SENDER, name=NAME),
        name="Nóra Quint",
        address="nora.quint@traeger.example",
        key="meeting:1:0:invitation:7:mail",
        date=datetime(2026, 11, 18, 8, 0, tzinfo=UTC),
        reply_to="tk@faden.example",
        calendar=calendar,
    )


def test_mail_is_what_the_golden_file_says() -> None:
    assert_golden("mail/notice.eml", composed())


def test_calendar_mail_is_what_the_golden_file_says() -> None:
    content = composed(("REQUEST", b"BEGIN:VCALENDAR\r\nSUMMARY:Gr\xc3\xbc\xc3\x9fe\r\nEND:VCALENDAR\r\n"))

    assert_golden("mail/calendar.eml", content)
    mail = read(content)
    parts = [part.get_content_type() for part in mail.walk()]
    assert parts == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    calendar = list(mail.walk())[4]
    assert calendar["Content-Type"] == 'text/calendar; charset="utf-8"; method="REQUEST"'
    assert calendar["Content-Disposition"] is None
    attached = list(mail.walk())[5].get_payload(decode=True)
    assert attached == calendar.get_payload(decode=True)
    assert mail["Auto-Submitted"] is None


def test_message_id_tells_nothing_and_stays_the_same() -> None:
    mailer = Mailer("smtp://127.0.0.1", SENDER)

    first = message_id("sign_in:7:1", mailer)

    assert first == message_id("sign_in:7:1", mailer)
    assert first != message_id("sign_in:7:2", mailer)
    assert first.endswith("@faden.example>")
    assert "sign_in" not in first


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "mail.example:25"])
def test_mail_server_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(BadSmtpUrl):
        Mailer(url, SENDER)


async def test_mail_is_from_the_town_and_the_envelope_has_the_bare_address(mailbox: Mailbox) -> None:
    named = Mailer(mailbox.address, SENDER, name="Faden Königswinter")
    content = compose(
        Mail(subject="s", text="t\n", html="<p>t</p>"),
        mailer=named,
        name="",
        address="nora@traeger.example",
        key="k",
        date=datetime(2026, 11, 18, 8, 0, tzinfo=UTC),
        reply_to="tk@faden.example",
    )

    await named.send(content, "nora@traeger.example")

    (envelope,) = mailbox.taken
    mail = read(mailbox.messages()[0])
    assert (mail["From"], mail["Reply-To"]) == (f"Faden Königswinter <{SENDER}>", "tk@faden.example")
    assert envelope.mail_from == SENDER
    assert content.isascii()


# --- the talk with the server -------------------------------------------------------------------------------------------


async def test_mail_arrives(mailbox: Mailbox, mailer: Mailer) -> None:
    reported = await mailer.send(b"Subject: x\r\n\r\n.leading dot\r\n", "nora.quint@traeger.example")

    assert reported == Reported(reply=Reply.ACCEPTED)
    (envelope,) = mailbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("faden@faden.example", ["nora.quint@traeger.example"])
    assert envelope.content == b"Subject: x\r\n\r\n.leading dot\r\n"


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        ("450 greylisted, come back", Reported(reply=Reply.LATER, code=450)),
        ("550 no such mailbox", Reported(reply=Reply.REFUSED, code=550)),
    ],
)
async def test_recipient_may_be_greylisted_or_refused(
    mailbox: Mailbox, mailer: Mailer, answer: str, reported: Reported
) -> None:
    mailbox.to_recipient = answer

    assert await mailer.send(b"\r\n", "nora.quint@traeger.example") == reported


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        ("451 try again", Reported(reply=Reply.LATER, code=451)),
        ("554 spam", Reported(reply=Reply.REFUSED, code=554)),
    ],
)
async def test_content_may_be_put_off_or_refused(
    mailbox: Mailbox, mailer: Mailer, answer: str, reported: Reported
) -> None:
    mailbox.to_data = answer

    assert await mailer.send(b"\r\n", "nora.quint@traeger.example") == reported


async def test_server_that_is_down_is_tried_later() -> None:
    free = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()

    reported = await Mailer(f"smtp://127.0.0.1:{port}", SENDER).send(b"\r\n", "nora@traeger.example")

    assert reported == Reported(reply=Reply.LATER)


@asynccontextmanager
async def talking(*answers: bytes) -> AsyncIterator[str]:
    """A server that gives these answers to what comes, then hangs up."""
    wires: list[asyncio.WriteTransport] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wires.append(writer.transport)
        for answer in answers:
            writer.write(answer)
            await writer.drain()
            if not await reader.readline():
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for wire in wires:
            wire.abort()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # aborted wires close in the next round


async def test_server_that_hangs_up_before_the_content_has_not_got_it() -> None:
    async with talking(b"220 hello\r\n", b"250 faden\r\n", b"250 ok\r\n") as address:
        reported = await Mailer(address, SENDER).send(b"\r\n", "nora@traeger.example")

    assert reported == Reported(reply=Reply.LATER)


async def test_server_that_hangs_up_after_the_content_may_have_got_it() -> None:
    answers = (b"220 hello\r\n", b"250 faden\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")
    async with talking(*answers) as address:
        reported = await Mailer(address, SENDER).send(b"\r\n", "nora@traeger.example")

    assert reported == Reported(reply=Reply.UNCERTAIN)


async def test_server_that_refuses_at_the_door_is_tried_later() -> None:
    async with talking(b"554 no service\r\n") as address:
        reported = await Mailer(address, SENDER).send(b"\r\n", "nora@traeger.example")

    assert reported == Reported(reply=Reply.LATER, code=554)


def certificate(directory: Path) -> Path:
    """A key and a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd does not see smtps as TLS
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_mail_goes_encrypted_and_signed_in(tmp_path: Path, scheme: str) -> None:
    file = certificate(tmp_path)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(file)
    box, users = Mailbox(), list[bytes]()

    def authenticate(
        _server: object, _session: Session, _envelope: object, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        users.append(data.login)
        return AuthResult(success=data.password == b"p@ss:word", handled=False)

    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True}
    if scheme == "smtps":
        options |= {"tls": server_side, "auth_require_tls": False}  # it does not know that it is encrypted already
    else:
        options |= {"tls_context": server_side, "require_starttls": True}
    async with serving(box, **options) as port:
        trusted = ssl.create_default_context(cafile=str(file))
        address = f"{scheme}://faden%40x:p%40ss%3Aword@127.0.0.1:{port}"
        mailer = Mailer(address, SENDER, tls=trusted)

        await mailer.check()
        reported = await mailer.send(b"\r\nx\r\n", "nora@traeger.example")

        assert reported == Reported(reply=Reply.ACCEPTED)
        assert (users, len(box.taken)) == ([b"faden@x"] * 2, 1)
        wrong = Mailer(address.replace("word@", "wort@"), SENDER, tls=trusted)
        assert await wrong.send(b"\r\n", "nora@traeger.example") == Reported(reply=Reply.LATER, code=535)
        distrusted = Mailer(address, SENDER)
        assert await distrusted.send(b"\r\n", "nora@traeger.example") == Reported(reply=Reply.LATER)


# --- notices by mail ----------------------------------------------------------------------------------------------------


async def test_sign_in_mail_has_its_link_made_at_each_attempt(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    office.clock.now = datetime(2026, 11, 18, 22, 0, tzinfo=UTC)  # quiet hours: an answer goes all the same
    mailbox.to_data = "451 try again"
    draft = to(nora, template="accounts/sign_in", facts={"link": OneTimeLink("sign_in")}, lane=Lane.ANSWER)
    (row,) = await sent(office, mailer, draft)
    assert (row.state, row.error, row.held_until) == (NoticeState.WAITING, "put off 451", office.clock.now + MINUTE)

    mailbox.to_data = None
    office.clock.passes(minutes=1)
    await office.open(mailer=mailer).drain()

    (content,) = mailbox.messages()
    mail = read(content)
    assert mail["Subject"] == "Link zum Anmelden"
    assert mail["From"] == f"{NAME} <{SENDER}>"
    assert mail["To"] == "Nora Quint <nora.quint@traeger.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_body(("plain",))
    assert text is not None
    assert f"https://faden.example/anmelden/{nora.id}-2\n" in text.get_content().replace("\r\n", "\n")
    await row.refresh_from_db()
    assert (row.state, row.network, row.frozen) == (NoticeState.SENT, Network.MAIL, None)


async def test_calendar_mail_freezes_its_bytes_at_the_first_attempt(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    mailbox.to_recipient = "450 greylisted"
    (row,) = await sent(office, mailer, calendar_mail(nora))
    assert row.frozen is not None

    mailbox.to_recipient = None
    await Person.filter(id=nora.id).update(family_name="Anders")
    office.clock.passes(minutes=1)
    await office.open(mailer=mailer).drain()

    assert mailbox.messages() == [row.frozen]
    calendar = list(read(row.frozen).walk())[4].get_payload(decode=True)
    assert isinstance(calendar, bytes)
    lines = calendar.replace(b"\r\n ", b"").split(b"\r\n")
    assert b"METHOD:REQUEST" in lines
    assert b"SEQUENCE:2" in lines
    assert b"ORGANIZER;CN=Musterstadt:mailto:faden@faden.example" in lines


async def test_calendar_mail_says_that_a_meeting_is_off(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    off = {"method": Plain("CANCEL"), "status": Plain("cancelled")}

    await sent(office, mailer, calendar_mail(nora, calendar=off))

    (content,) = mailbox.messages()
    calendar = list(read(content).walk())[4]
    assert calendar["Content-Type"] == 'text/calendar; charset="utf-8"; method="CANCEL"'
    assert b"STATUS:CANCELLED" in calendar.get_payload(decode=True)


async def test_calendar_mail_takes_a_meeting_out_for_one_reader(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    await sent(office, mailer, calendar_mail(nora, calendar={"method": Plain("CANCEL"), "uninvite": True}))

    (content,) = mailbox.messages()
    calendar = list(read(content).walk())[4].get_payload(decode=True)
    assert isinstance(calendar, bytes)
    assert b"METHOD:CANCEL" in calendar
    assert b"STATUS" not in calendar


async def test_calendar_mail_whose_object_cannot_be_made_goes_as_a_plain_one(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer, logged: list[MutableMapping[str, Any]]
) -> None:
    impossible = {"sequence": -1}

    rows = await sent(
        office, mailer, *(calendar_mail(nora, key=key, calendar=impossible) for key in ("first", "second"))
    )

    assert [(row.state, row.error) for row in rows] == [(NoticeState.SENT, "no file")] * 2
    mails = [read(content) for content in mailbox.messages()]
    assert [[part.get_content_type() for part in mail.walk()] for mail in mails] == [
        ["multipart/alternative", "text/plain", "text/html"]
    ] * 2
    why = [(line["event"], line["uid"], repr(line["exc_info"])) for line in logged if line["log_level"] == "error"]
    assert why == [("calendar object not built", "u1@faden.example", "InvalidFact('sequence', 'not negative')")]


async def test_plain_mail_for_a_calendar_mail_is_tried_again_as_it_was(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    mailbox.to_recipient = "450 greylisted"
    (row,) = await sent(office, mailer, calendar_mail(nora, calendar={"sequence": -1}))
    frozen = row.frozen

    mailbox.to_recipient = None
    office.clock.passes(minutes=1)
    await office.open(mailer=mailer).drain()
    await row.refresh_from_db()

    assert (row.state, row.error, mailbox.messages()) == (NoticeState.SENT, "no file", [frozen])


async def test_refused_mail_is_dead_and_its_error_tells_only_the_code(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    mailbox.to_recipient = "550 nora.quint@traeger.example is unknown"

    (row,) = await sent(office, mailer, to(nora))

    assert (row.state, row.error) == (NoticeState.DEAD, "refused 550")


@pytest.mark.parametrize(
    ("answer", "why"), [("452 mailbox full", "put off 452"), ("421 closing, try later", "mail server")]
)
async def test_mail_that_waits_says_whether_for_its_recipient_or_for_the_server(
    office: Office, nora: Person, mailbox: Mailbox, answer: str, why: str
) -> None:
    mailbox.to_recipient = answer
    mailer = Mailer(mailbox.address, SENDER)

    (row,) = await sent(office, mailer, to(nora, lane=Lane.ANSWER))

    assert (row.state, row.error) == (NoticeState.WAITING, why)


async def test_mail_waits_for_a_server_that_is_down(office: Office, nora: Person) -> None:
    nobody = Mailer("smtp://127.0.0.1:1", SENDER)

    (row,) = await sent(office, nobody, to(nora, lane=Lane.ANSWER))

    assert (row.state, row.error) == (NoticeState.WAITING, "mail server")


async def test_mail_is_given_up_after_two_days(office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer) -> None:
    mailbox.to_recipient = "450 greylisted"
    began = office.clock.now
    (row,) = await sent(office, mailer, to(nora, lane=Lane.ANSWER))

    while row.state is NoticeState.WAITING:
        assert row.held_until is not None
        office.clock.now = row.held_until
        await office.open(mailer=mailer).drain()
        await row.refresh_from_db()

    assert (row.state, row.error) == (NoticeState.DEAD, "put off 450")
    assert timedelta(days=2) <= office.clock.now - began <= timedelta(days=2.5)


@pytest.mark.parametrize(("resend", "state"), [(True, NoticeState.WAITING), (False, NoticeState.UNCERTAIN)])
async def test_mail_that_may_have_been_taken_is_repeated_only_where_that_is_better(
    office: Office,
    nora: Person,
    resend: bool,  # noqa: FBT001  # both ways
    state: NoticeState,
) -> None:
    answers = (b"220 hello\r\n", b"250 faden\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")
    async with talking(*answers) as address:
        (row,) = await sent(office, Mailer(address, SENDER), to(nora, resend=resend))

    assert (row.state, row.error) == (state, "uncertain")


@pytest.mark.parametrize("address", [None, "nora", "nöra@traeger.example"])
async def test_mail_to_an_unusable_address_is_dead(
    office: Office, nora: Person, mailer: Mailer, address: str | None
) -> None:
    await Person.filter(id=nora.id).update(mail=address)

    (row,) = await sent(office, mailer, to(nora))

    assert (row.state, row.error) == (NoticeState.DEAD, "unreachable")


async def test_mail_without_a_mail_server_is_dropped(office: Office, nora: Person) -> None:
    (row,) = await sent(office, None, to(nora))

    assert (row.state, row.error) == (NoticeState.DROPPED, "unreachable")


@pytest.mark.parametrize("language", ["de", "en"])
async def test_message_to_somebody_without_chat_becomes_a_mail_that_says_the_same(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer, language: str
) -> None:
    await Person.filter(id=nora.id).update(language=language)
    proposed = samples.TEMPLATES["commitments/proposed"]()
    message = to(nora, kind=NoticeKind.MESSAGE, template="commitments/proposed", facts=proposed)

    (row,) = await sent(office, mailer, message)

    (content,) = mailbox.messages()
    assert (row.state, row.kind, row.network) == (NoticeState.SENT, NoticeKind.MAIL, Network.MAIL)
    assert_golden(f"mail/message.{language}.eml", content)


async def test_mail_about_a_new_way_goes_beside_the_chats_and_does_not_say_that_it_is_the_only_one(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    facts = samples.TEMPLATES["accounts/new_way"]()

    await sent(office, mailer, to(nora, kind=NoticeKind.MAIL, template="accounts/new_way", facts=facts))

    (content,) = mailbox.messages()
    bodies = [part.get_content() for part in read(content).walk() if part.get_content_maintype() == "text"]
    assert ["nur per Mail" in body for body in bodies] == [False, False]
    lines = bodies[0].splitlines()
    assert lines[lines.index("-- ") + 1] == "Was Sie wie bekommen, ändern Sie hier:"


async def test_mail_leads_where_the_buttons_lead_that_have_a_page(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    due = [samples.commitment(id=number, number=number) for number in range(5, 17)]
    facts = {"commitments": due}

    await sent(office, mailer, to(nora, kind=NoticeKind.MESSAGE, template="commitments/check_in", facts=facts))

    text = read(mailbox.messages()[0]).get_body(("plain",))
    assert text is not None
    links = [line for line in text.get_content().splitlines() if "/commitment/" in line]
    assert links == [f"RLK C{number}: /commitment/{number}.{nora.id}" for number in range(5, 17)]


@pytest.mark.parametrize("template", sorted(samples.TEMPLATES))
async def test_every_message_of_the_chat_can_be_a_mail(template: str) -> None:
    words = Words(settings=SETTINGS, links=Links(one_time=no_link, feed=no_link, answer=no_link))
    notice = Notice(template=template, kind=NoticeKind.MAIL, facts=typed.encode(samples.TEMPLATES[template]()))

    mail = await words.mail(notice, Reader(person=Person(id=7, language="de", zone="Europe/Berlin")))

    assert mail.subject
    assert "\n" not in mail.subject
    assert "{{" not in mail.text + mail.html


async def no_link(_fact: object, _person: int) -> str:
    return "https://faden.example/anmelden/1-1"


async def test_message_that_a_calendar_mail_tells_too_does_not_become_another_mail(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    there = await body()
    await seat(nora, there)
    shared = {"body": there.id, "about": "meeting:7"}

    message, mail = await sent(
        office,
        mailer,
        to(nora, "a", kind=NoticeKind.MESSAGE, **shared),
        calendar_mail(nora, key="a:mail", **shared),
    )

    assert (message.state, message.error) == (NoticeState.DROPPED, "by calendar mail")
    assert (mail.state, len(mailbox.taken)) == (NoticeState.SENT, 1)


async def test_answer_by_mail_that_is_handed_over_does_not_keep_the_chat_waiting(
    office: Office, nora: Person, mailbox: Mailbox, mailer: Mailer
) -> None:
    (row,) = await queue(to(nora, lane=Lane.ANSWER), now=office.clock.now)
    post = office.open(mailer=mailer)

    await post.hand_over([row])
    assert mailbox.taken == []
    await post.drain()

    assert len(mailbox.taken) == 1
