"""Invitations to Faden: one token, by a page of ours or on Telegram."""

from dataclasses import replace

import pytest

from bot.actions.notices import Draft
from bot.post import Mailer
from bot.rules.facts import OneTimeLink, PersonName
from storage.models import Person
from storage.vocabulary import Lane, Network, NoticeKind
from tests.post.conftest import SETTINGS, Mailbox, Office, channel, person, queue
from tests.post.test_mail import SENDER, read

PAGE = "https://faden.example/anmelden/{}-1"
ON_TELEGRAM = replace(SETTINGS, telegram_name=lambda: "FadenBot")


@pytest.fixture
async def nora(store: str) -> Person:  # noqa: ARG001  # the store is open
    return await person(mail="nora.quint@traeger.example")


async def invited(office: Office, mailbox: Mailbox, nora: Person, *, telegram: bool, known: bool) -> tuple[str, str]:
    """The mail's two bodies."""
    draft = Draft(
        key="join:1",
        template="accounts/join",
        facts={"link": OneTimeLink("invitation", telegram=telegram)},
        due_at=office.clock.now,
        person=nora.id,
        kind=NoticeKind.MAIL,
        lane=Lane.ANSWER,
    )
    await queue(draft, now=office.clock.now)
    settings = ON_TELEGRAM if known else SETTINGS
    await office.open(mailer=Mailer(mailbox.address, SENDER), settings=settings).drain()
    (content,) = mailbox.messages()
    mail = read(content)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content()), str(html.get_content())


async def test_mail_leads_to_the_page_and_to_telegram_by_the_same_token(
    office: Office, mailbox: Mailbox, nora: Person
) -> None:
    text, html = await invited(office, mailbox, nora, telegram=True, known=True)

    links = [line for line in text.splitlines() if line.startswith("https://") and "einstellungen" not in line]
    assert links == [PAGE.format(nora.id), f"https://t.me/FadenBot?start={nora.id}-1"]
    assert "Die Einladung gilt 14 Tage und nur einmal, auf einem der beiden Wege." in text
    assert f'<a href="https://t.me/FadenBot?start={nora.id}-1">' in html
    assert len(office.links) == 1


@pytest.mark.parametrize(("telegram", "known"), [(False, True), (True, False)])
async def test_mail_says_nothing_of_telegram_where_it_may_not_be_or_is_not_there(
    office: Office,
    mailbox: Mailbox,
    nora: Person,
    telegram: bool,  # noqa: FBT001  # a parameter of the test
    known: bool,  # noqa: FBT001  # likewise
) -> None:
    text, html = await invited(office, mailbox, nora, telegram=telegram, known=known)

    assert "Er gilt 14 Tage und nur einmal." in text
    assert ["Telegram" in body or "t.me" in body for body in (text, html)] == [False, False]


async def test_lead_gets_both_ways_to_hand_on(office: Office, nora: Person) -> None:
    await channel(nora, Network.WEBCHAT, "1")
    facts = {
        "level": 3,
        "name": PersonName("Ben Özdemir"),
        "joined": False,
        "by_mail": False,
        "by_chat": False,
        "handed_on": True,
        "link": OneTimeLink("invitation", 77, telegram=True),
    }
    draft = Draft(key="k", template="accounts/join_link", facts=facts, due_at=office.clock.now, person=nora.id)

    await queue(draft, now=office.clock.now)
    await office.open(settings=ON_TELEGRAM).drain()

    ((_, text),) = office.webchat.said()
    assert [line for line in text.splitlines() if line.startswith("<code>")] == [
        f"<code>{PAGE.format(nora.id)}</code>",
        f"<code>https://t.me/FadenBot?start={nora.id}-1</code>",
    ]
