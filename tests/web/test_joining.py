from datetime import timedelta

import pytest

from bot.actions import sessions
from storage.db import unit_of_work
from storage.models import Channel, OneTimeToken, Person
from storage.vocabulary import Network, TokenPurpose
from tests.web.conftest import Outside, Town, Visitor, get, post


async def link(outside: Outside, person: Person, purpose: TokenPurpose = TokenPurpose.INVITATION) -> str:
    """Where an invitation leads."""
    token = await unit_of_work(lambda: sessions.issue(person=person.id, purpose=purpose, now=outside.machine))
    return f"/einladung/{token}"


async def test_looking_shows_the_privacy_notice_and_uses_nothing_up(
    visitor: Visitor, town: Town, outside: Outside
) -> None:
    where = await link(outside, town.ben)

    for _ in range(2):
        response = await get(visitor, where)
        text = await response.text()
        assert response.status == 200

    assert "<h1>Willkommen bei Faden</h1>" in text
    assert "<dt>Wer</dt><dd>Beispielstadt</dd>" in text
    assert [f"<dt>{word}</dt>" in text for word in ("Was", "Wozu", "Wie lange", "Ihre Rechte")] == [True] * 4
    assert "Gelesen – weiter zu Faden" in text
    assert await OneTimeToken.filter(used_at=None).count() == 1
    assert await Channel.all().count() == 0


async def test_gelesen_signs_in_and_leads_to_the_chat(visitor: Visitor, town: Town, outside: Outside) -> None:
    where = await link(outside, town.ben)

    response = await post(visitor, where)

    assert (response.status, response.headers["Location"]) == (303, "/chat")
    ben = await Person.get(id=town.ben.id)
    assert (ben.privacy_read_at, ben.language) == (outside.domain, "de")
    assert [(row.network, row.address) for row in await Channel.filter(person_id=ben.id)] == [
        (Network.WEBCHAT, str(ben.id))
    ]
    assert (await get(visitor, "/einstellungen")).status == 200
    assert outside.woken == 1


async def test_language_comes_from_the_browser(visitor: Visitor, town: Town, outside: Outside) -> None:
    where = await link(outside, town.ben)
    english = {"Accept-Language": "en-GB,en;q=0.9"}

    text = await (await get(visitor, where, english)).text()
    await post(visitor, where, headers=english)

    assert "<h1>Welcome to Faden</h1>" in text
    assert (await Person.get(id=town.ben.id)).language == "en"


@pytest.mark.parametrize("why", ["used", "expired", "invented", "for signing in"])
async def test_link_that_does_not_work_is_gone(visitor: Visitor, town: Town, outside: Outside, why: str) -> None:
    purpose = TokenPurpose.SIGN_IN if why == "for signing in" else TokenPurpose.INVITATION
    where = await link(outside, town.ben, purpose) if why != "invented" else f"/einladung/{'x' * 43}"
    if why == "used":
        await post(visitor, where)
    elif why == "expired":
        outside.machine += timedelta(days=14)

    answers = [await get(visitor, where), await post(visitor, where)]

    assert [answer.status for answer in answers] == [410, 410]
    assert "Dieser Link gilt nicht mehr" in await answers[0].text()
