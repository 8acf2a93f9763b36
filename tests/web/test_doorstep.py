"""Links that work once, and people who press twice."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient

from bot.actions.accounts import sessions
from bot.web.doorstep import COOKIE
from storage.db import unit_of_work
from storage.models import AuditEvent, OneTimeToken, Person, WebSession
from storage.vocabulary import TokenPurpose
from tests.web.conftest import Outside, Town, Visitor, get, post, signed_in

INVITATION, SIGN_IN = TokenPurpose.INVITATION, TokenPurpose.SIGN_IN
PATHS = {SIGN_IN: "anmelden", INVITATION: "einladung", TokenPurpose.ADMINISTRATOR: "einladung"}
ADA = {"given_name": "Ada", "family_name": "Öztürk", "mail": "ada@beispielstadt.example"}

both = pytest.mark.parametrize("purpose", [SIGN_IN, INVITATION])


async def link(outside: Outside, person: Person | None, purpose: TokenPurpose) -> str:
    """Where a link leads."""
    number = person.id if person else None
    token = await unit_of_work(lambda: sessions.issue(person=number, purpose=purpose, now=outside.machine))
    return f"/{PATHS[purpose]}/{token}"


def loses_its_session(visitor: Visitor) -> None:
    """The browser never saw the answer to its press, and the cookie in it."""
    visitor.session.cookie_jar.clear(lambda cookie: cookie.key == "faden")


async def is_in(visitor: Visitor, answer: ClientResponse) -> bool:
    """Whether the answer leads to the chat, and the browser has signed in."""
    leads = (answer.status, answer.headers.get("Location")) == (303, "/chat")
    return leads and (await get(visitor, "/einstellungen")).status == 200


@both
async def test_second_press_of_the_same_browser_is_signed_in(
    visitor: Visitor, town: Town, outside: Outside, purpose: TokenPurpose
) -> None:
    where = await link(outside, town.ben, purpose)
    await get(visitor, where)

    await post(visitor, where)
    loses_its_session(visitor)
    outside.machine += timedelta(seconds=59)
    again = await post(visitor, where)

    assert await is_in(visitor, again)
    assert await WebSession.all().count() == 1


@both
async def test_two_presses_at_the_same_moment_are_both_signed_in(
    visitor: Visitor, town: Town, outside: Outside, purpose: TokenPurpose
) -> None:
    where = await link(outside, town.ben, purpose)
    await get(visitor, where)
    browser = visitor.session.cookie_jar.filter_cookies(visitor.make_url("/"))[COOKIE].value

    answers = await asyncio.gather(
        *(post(visitor, where, headers={"Cookie": f"{COOKIE}={browser}"}) for _ in range(2)),
    )

    assert {answer.status for answer in answers} == {303}
    assert {answer.cookies["faden"].value for answer in answers} == {answers[0].cookies["faden"].value}
    assert await is_in(visitor, answers[1])
    assert (await WebSession.all().count(), await AuditEvent.all().count()) == (1, int(purpose is INVITATION))


@both
async def test_another_browser_is_refused(
    visitor: Visitor, town: Town, outside: Outside, purpose: TokenPurpose
) -> None:
    where = await link(outside, town.ben, purpose)
    await get(visitor, where)
    jar = CookieJar(unsafe=True, treat_as_secure_origin=visitor.make_url("/").origin())
    other: Visitor
    async with TestClient(visitor.server, cookie_jar=jar, headers={"Accept": "text/html"}) as other:
        await get(other, where)

        await post(visitor, where)
        answers = [
            await post(other, where),
            await get(other, where),
            await post(other, where, headers={"Cookie": f"{COOKIE}=guessed"}),
        ]

    assert [answer.status for answer in answers] == [410] * 3
    assert [dict(answer.cookies) for answer in answers] == [{}] * 3
    assert await WebSession.all().count() == 1


@both
async def test_second_press_after_a_minute_is_refused(
    visitor: Visitor, town: Town, outside: Outside, purpose: TokenPurpose
) -> None:
    where = await link(outside, town.ben, purpose)
    await get(visitor, where)
    await post(visitor, where)
    loses_its_session(visitor)
    outside.machine += timedelta(minutes=1)

    assert (await post(visitor, where)).status == 410


async def test_second_press_after_signing_out_is_refused(visitor: Visitor, town: Town, outside: Outside) -> None:
    where = await link(outside, town.ben, SIGN_IN)
    await get(visitor, where)
    await post(visitor, where)
    await post(visitor, "/abmelden")

    assert (await post(visitor, where)).status == 410


async def test_second_press_of_the_first_administrator_is_signed_in(first_visitor: Visitor, outside: Outside) -> None:
    where = await link(outside, None, TokenPurpose.ADMINISTRATOR)
    await get(first_visitor, where)

    await post(first_visitor, where, ADA)
    loses_its_session(first_visitor)
    again = await post(first_visitor, where, ADA)

    assert await is_in(first_visitor, again)
    assert await Person.all().count() == 1


async def test_browser_is_known_by_something_new_each_time_that_scripts_cannot_read(
    visitor: Visitor, town: Town, outside: Outside
) -> None:
    where = await link(outside, town.ben, SIGN_IN)

    given = [(await get(visitor, where)).cookies[COOKIE] for _ in range(2)]

    assert given[0].value != given[1].value
    assert (given[0]["httponly"], given[0]["secure"], given[0]["samesite"], given[0]["max-age"]) == (
        True,
        True,
        "Lax",
        "1800",
    )


# --- who has signed in already ----------------------------------------------------------------------------------------


@both
async def test_used_link_leads_who_is_signed_in_to_the_chat(
    visitor: Visitor, town: Town, outside: Outside, purpose: TokenPurpose
) -> None:
    where = await link(outside, town.ben, purpose)
    await post(visitor, where)
    outside.machine += timedelta(hours=1)

    answers = [await get(visitor, where), await post(visitor, where)]
    await OneTimeToken.all().delete()
    answers.append(await get(visitor, where))

    assert [await is_in(visitor, answer) for answer in answers] == [True] * 3
    assert await WebSession.all().count() == 1


async def test_used_link_of_somebody_else_stays_an_error(visitor: Visitor, town: Town, outside: Outside) -> None:
    where = await link(outside, town.ben, SIGN_IN)
    await post(visitor, where)
    await signed_in(visitor, town.dora, outside)

    assert (await get(visitor, where)).status == 410


async def test_used_code_leads_an_administrator_on_and_nobody_else(
    visitor: Visitor, town: Town, outside: Outside
) -> None:
    where = await link(outside, None, TokenPurpose.ADMINISTRATOR)
    await signed_in(visitor, town.ben, outside)
    await post(visitor, where)
    ben = await get(visitor, where)
    await signed_in(visitor, town.dora, outside)
    dora = await get(visitor, where)

    assert (ben.status, dora.status) == (303, 410)


async def test_mistyped_code_is_told_to_who_is_signed_in(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    assert (await post(visitor, "/einladung", {"code": "x" * 43})).status == 410
