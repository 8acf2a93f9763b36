import re
from datetime import timedelta

import pytest
from aiohttp import ClientResponse

from bot.actions.accounts import sessions
from bot.rules.facts import OneTimeLink, decode
from bot.web.settings import WebSettings
from bot.web.sign_in import device
from storage.db import unit_of_work
from storage.models import Notice, OneTimeToken, Person, SignInRequest, WebSession
from storage.vocabulary import Lane, NoticeKind, TokenPurpose
from tests.web.conftest import Outside, Town, Visitor, get, made, post, serve, signed_in

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


async def issue(person: Person, outside: Outside) -> str:
    return await unit_of_work(
        lambda: sessions.issue(person=person.id, purpose=TokenPurpose.SIGN_IN, now=outside.machine)
    )


async def test_start_page_offers_to_sign_in(visitor: Visitor) -> None:
    response = await get(visitor, "/")

    assert response.status == 200
    assert '<a class="button" href="/anmelden">Anmelden</a>' in await response.text()


async def test_start_page_leads_on_who_has_signed_in(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, "/")

    assert '<a class="button" href="/chat">Weiter zum Chat</a>' in await response.text()


async def test_asking_for_a_link_queues_one_mail(visitor: Visitor, town: Town, outside: Outside) -> None:
    await post(visitor, "/anmelden", {"mail": " Ben@beispielstadt.example "})
    await post(visitor, "/anmelden", {"mail": "ben@beispielstadt.example"})

    notice = await Notice.get()
    assert (notice.person_id, notice.template, notice.kind, notice.lane, decode(notice.facts)) == (
        town.ben.id,
        "accounts/sign_in",
        NoticeKind.MAIL,
        Lane.ANSWER,
        {"link": OneTimeLink("sign_in")},
    )
    assert outside.woken == 2


async def test_answer_is_the_same_for_known_and_unknown_addresses(visitor: Visitor) -> None:
    known = await post(visitor, "/anmelden", {"mail": "ben@beispielstadt.example"})
    unknown = await post(visitor, "/anmelden", {"mail": "niemand@beispielstadt.example"})

    assert known.status == unknown.status == 200
    assert await known.text() == await unknown.text()
    assert await Notice.all().count() == 1


@pytest.mark.parametrize("mail", ["", "ben", "ben@", "a b@c", "anna@traeger,de", "ben@localhost", "x" * 250 + "@a.de"])
async def test_what_is_no_address_is_shown_again(visitor: Visitor, mail: str) -> None:
    response = await post(visitor, "/anmelden", {"mail": mail})

    assert response.status == 422
    assert 'aria-invalid="true"' in await response.text()


async def asked_every_minute(visitor: Visitor, outside: Outside, mail: str, times: int) -> list[ClientResponse]:
    answers = []
    for _ in range(times):
        answers.append(await post(visitor, "/anmelden", {"mail": mail}))
        outside.machine += timedelta(minutes=1)
    return answers


async def test_sixth_link_within_an_hour_is_put_off(visitor: Visitor, outside: Outside) -> None:
    answers = await asked_every_minute(visitor, outside, "ben@beispielstadt.example", 6)
    other = await post(visitor, "/anmelden", {"mail": "anna@beispielstadt.example"})
    outside.machine += timedelta(minutes=54)
    later = await post(visitor, "/anmelden", {"mail": "BEN@beispielstadt.example "})

    assert [answer.status for answer in answers] == [200, 200, 200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == str(55 * 60)
    assert "In 55 Min. kann Faden wieder einen schicken." in await answers[-1].text()
    assert (other.status, later.status) == (200, 200)


async def test_twenty_first_link_within_a_day_is_put_off(visitor: Visitor, outside: Outside) -> None:
    statuses = []
    for _ in range(21):
        statuses.append((await post(visitor, "/anmelden", {"mail": "ben@beispielstadt.example"})).status)
        outside.machine += timedelta(minutes=20)

    assert statuses == [200] * 20 + [429]


async def test_restart_forgives_nothing(visitor: Visitor, settings: WebSettings, town: Town, outside: Outside) -> None:
    await asked_every_minute(visitor, outside, town.ben.mail or "", 5)

    async for after_restart in serve(made(settings, outside)):
        response = await post(after_restart, "/anmelden", {"mail": town.ben.mail or ""})

        assert response.status == 429


async def test_address_that_nobody_has_is_put_off_alike(visitor: Visitor, outside: Outside) -> None:
    known, unknown = [
        (await asked_every_minute(visitor, outside, mail, 6))[-1]
        for mail in ("ben@beispielstadt.example", "niemand@beispielstadt.example")
    ]

    assert known.status == unknown.status == 429
    assert await known.text() == await unknown.text()


async def test_what_is_counted_does_not_show_the_address(visitor: Visitor) -> None:
    await post(visitor, "/anmelden", {"mail": "ben@beispielstadt.example"})

    counted = await SignInRequest.get()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", counted.address)


async def test_asking_too_often_from_one_place_is_put_off(visitor: Visitor) -> None:
    statuses = [
        (await post(visitor, "/anmelden", {"mail": f"person{number}@beispielstadt.example"})).status
        for number in range(61)
    ]

    assert statuses == [200] * 60 + [429]


async def test_looking_at_a_link_does_not_use_it(visitor: Visitor, town: Town, outside: Outside) -> None:
    token = await issue(town.ben, outside)

    first = await get(visitor, f"/anmelden/{token}")
    second = await get(visitor, f"/anmelden/{token}")

    assert (first.status, second.status) == (200, 200)
    assert '<form method="post">' in await second.text()
    assert await WebSession.all().count() == 0


async def test_pressing_the_button_signs_in(visitor: Visitor, town: Town, outside: Outside) -> None:
    token = await issue(town.ben, outside)

    response = await post(visitor, f"/anmelden/{token}", headers={"User-Agent": FIREFOX})
    settings = await get(visitor, "/einstellungen")

    session = await WebSession.get()
    assert (response.status, response.headers["Location"]) == (303, "/chat")
    assert (session.person_id, session.label) == (town.ben.id, "Firefox, Linux")
    assert "Ben Özdemir" in await settings.text()


async def test_session_cookie_is_kept_from_scripts_and_other_sites(
    visitor: Visitor, town: Town, outside: Outside
) -> None:
    token = await issue(town.ben, outside)

    response = await post(visitor, f"/anmelden/{token}")

    cookie = response.cookies["faden"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (
        True,
        True,
        "Lax",
        "/",
        str(30 * 24 * 3600),
    )


async def test_used_expired_and_unknown_links_look_alike(visitor: Visitor, town: Town, outside: Outside) -> None:
    used, expired = await issue(town.ben, outside), await issue(town.ben, outside)
    await post(visitor, f"/anmelden/{used}")
    visitor.session.cookie_jar.clear()
    outside.machine += timedelta(minutes=10)

    responses = [await get(visitor, f"/anmelden/{token}") for token in (used, expired, "unknown")]
    responses += [await post(visitor, f"/anmelden/{token}") for token in (used, expired, "unknown")]

    assert [response.status for response in responses] == [410] * 6
    assert len({await response.text() for response in responses}) == 1
    assert "Neuen Link schicken lassen" in await responses[0].text()


async def test_link_of_another_purpose_signs_nobody_in(visitor: Visitor, town: Town, outside: Outside) -> None:
    token = await unit_of_work(
        lambda: sessions.issue(person=town.ben.id, purpose=TokenPurpose.INVITATION, now=outside.machine)
    )

    response = await post(visitor, f"/anmelden/{token}")

    assert response.status == 410
    assert (await OneTimeToken.get()).used_at is None


async def test_who_had_to_sign_in_first_comes_back(visitor: Visitor, town: Town, outside: Outside) -> None:
    sent_away = await get(visitor, f"/sitzung/{town.meeting.id}/tagesordnung?druck=1")
    token = await issue(town.ben, outside)
    entered = await post(visitor, f"/anmelden/{token}")

    assert (sent_away.status, sent_away.headers["Location"]) == (303, "/anmelden")
    assert entered.headers["Location"] == f"/sitzung/{town.meeting.id}/tagesordnung?druck=1"


@pytest.mark.parametrize("path", ["https://boese.example/", "//boese.example", "/\\\\boese.example", "x", "/a b"])
async def test_only_our_own_paths_are_come_back_to(visitor: Visitor, town: Town, outside: Outside, path: str) -> None:
    token = await issue(town.ben, outside)

    response = await post(visitor, f"/anmelden/{token}", headers={"Cookie": f'faden_next="{path}"'})

    assert response.headers["Location"] == "/chat"


async def test_form_sent_without_signing_in_leads_to_signing_in(visitor: Visitor) -> None:
    response = await post(visitor, "/kalender/erneuern")

    assert (response.status, response.headers["Location"]) == (303, "/anmelden")
    assert "faden_next" not in response.cookies


async def test_leaving_ends_the_session(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    response = await post(visitor, "/abmelden")

    assert (response.status, response.headers["Location"]) == (303, "/")
    assert await WebSession.all().count() == 0
    assert [cookie.key for cookie in visitor.session.cookie_jar] == []
    assert (await get(visitor, "/einstellungen")).status == 303


async def test_leaving_without_a_session_is_no_mistake(visitor: Visitor) -> None:
    response = await post(visitor, "/abmelden")

    assert (response.status, response.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge, Windows",
        ),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_device_is_named_as_people_know_it(user_agent: str, name: str) -> None:
    assert device(user_agent) == name
