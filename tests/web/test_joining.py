from datetime import timedelta

import pytest

from bot.actions.accounts import sessions
from storage.db import unit_of_work
from storage.models import Channel, OneTimeToken, Person
from storage.vocabulary import Network, TokenPurpose
from tests.web.conftest import Outside, Town, Visitor, get, post, signed_in


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


@pytest.mark.parametrize("kept", ["de", "en"])
@pytest.mark.parametrize("accepted", ["", "fr-FR, it;q=0.8"])
async def test_browser_that_speaks_none_of_our_languages_leaves_the_one_of_the_town_file(
    visitor: Visitor, town: Town, outside: Outside, kept: str, accepted: str
) -> None:
    await Person.filter(id=town.ben.id).update(language=kept)

    await post(visitor, await link(outside, town.ben), headers={"Accept-Language": accepted})

    assert (await Person.get(id=town.ben.id)).language == kept


@pytest.mark.parametrize("why", ["used", "expired", "invented", "for signing in"])
async def test_link_that_does_not_work_is_gone(visitor: Visitor, town: Town, outside: Outside, why: str) -> None:
    purpose = TokenPurpose.SIGN_IN if why == "for signing in" else TokenPurpose.INVITATION
    where = await link(outside, town.ben, purpose) if why != "invented" else f"/einladung/{'x' * 43}"
    if why == "used":
        await post(visitor, where)
        visitor.session.cookie_jar.clear()
    elif why == "expired":
        outside.machine += timedelta(days=14)

    answers = [await get(visitor, where), await post(visitor, where)]

    assert [answer.status for answer in answers] == [410, 410]
    assert "Dieser Link gilt nicht mehr" in await answers[0].text()


# --- the operator's code ----------------------------------------------------------------------------------------------

ADA = {"given_name": " Ada ", "family_name": "Öztürk", "mail": "ada@beispielstadt.example"}


async def code(outside: Outside) -> str:
    """What the operator gives out."""
    return await unit_of_work(
        lambda: sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=outside.machine)
    )


@pytest.mark.parametrize("typed", ["{}", " {} ", "https://faden.beispielstadt.example/einladung/{}"])
async def test_code_is_typed_on_the_sign_in_page(first_visitor: Visitor, outside: Outside, typed: str) -> None:
    token = await code(outside)

    form = await (await get(first_visitor, "/anmelden")).text()
    response = await post(first_visitor, "/einladung", {"code": typed.format(token)})

    assert '<form method="post" action="/einladung" class="stack">' in form
    assert (response.status, response.headers["Location"]) == (303, f"/einladung/{token}")


async def test_first_person_of_an_empty_town_becomes_its_administrator(
    first_visitor: Visitor, outside: Outside
) -> None:
    where = f"/einladung/{await code(outside)}"

    shown = await (await get(first_visitor, where)).text()
    looked = await Person.all().count()
    response = await post(first_visitor, where, ADA)

    assert "<h1>Faden einrichten</h1>" in shown
    assert [f"<dt>{word}</dt>" in shown for word in ("Was", "Wozu", "Wie lange", "Ihre Rechte")] == [True] * 4
    assert looked == 0
    assert response.status == 200
    assert "<h1>Die Verwaltung ist übernommen</h1>" in await response.text()
    ada = await Person.get()
    assert (ada.given_name, ada.family_name, ada.mail, ada.administrator, ada.privacy_read_at) == (
        "Ada",
        "Öztürk",
        "ada@beispielstadt.example",
        True,
        outside.domain,
    )
    assert (await get(first_visitor, "/einstellungen")).status == 200


@pytest.mark.parametrize(
    ("field", "text"), [("given_name", " "), ("family_name", "x" * 101), ("mail", "ada"), ("mail", "")]
)
async def test_mistake_in_the_form_is_shown_and_nothing_is_used_up(
    first_visitor: Visitor, outside: Outside, field: str, text: str
) -> None:
    where = f"/einladung/{await code(outside)}"

    response = await post(first_visitor, where, {**ADA, field: text})

    shown = await response.text()
    assert response.status == 422
    assert [f'id="{name}-mistake"' in shown for name in ADA] == [name == field for name in ADA]
    assert 'value="ada@beispielstadt.example"' in shown or field == "mail"
    assert await Person.all().count() == 0
    assert (await post(first_visitor, where, ADA)).status == 200


async def test_who_is_signed_in_becomes_administrator(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)
    where = f"/einladung/{await code(outside)}"

    shown = await (await get(visitor, where)).text()
    before = (await Person.get(id=town.ben.id)).administrator
    response = await post(visitor, where)

    assert "Mit diesem Code gehört Ben Özdemir zur Verwaltung dieser Stadt" in shown
    assert "<h1>Die Verwaltung ist übernommen</h1>" in await response.text()
    assert (before, (await Person.get(id=town.ben.id)).administrator) == (False, True)
    assert outside.woken == 1


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(visitor: Visitor, outside: Outside) -> None:
    where = f"/einladung/{await code(outside)}"

    looked, pressed = await get(visitor, where), await post(visitor, where, ADA)

    assert [answer.headers["Location"] for answer in (looked, pressed)] == ["/anmelden", "/anmelden"]
    assert looked.cookies["faden_next"].value == where
    assert await OneTimeToken.filter(used_at=None).count() == 1
    assert await Person.filter(administrator=True).count() == 0


@pytest.mark.parametrize("typed", ["", "x" * 43, "kein Code"])
async def test_code_that_does_not_work_says_so(visitor: Visitor, typed: str) -> None:
    response = await post(visitor, "/einladung", {"code": typed})
    if response.status == 303:
        response = await get(visitor, response.headers["Location"])

    assert response.status == 410
    assert "Jeder Link und jeder Code wirkt nur einmal und nur eine Zeit lang" in await response.text()
