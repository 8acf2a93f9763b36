from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from aiohttp import FormData, web
from structlog.testing import capture_logs

from bot.rules.facts import Plain
from bot.rules.refusals import NotAllowed, NotAMember, Refusal
from bot.web.clients import CLIENT
from bot.web.middlewares import still_signed_in
from bot.web.settings import WebSettings
from tests.web.conftest import Outside, Town, Visitor, get, made, post, serve, signed_in


class NoWordsForThis(Refusal):
    """A refusal whose words nobody has written yet."""


async def fail(_request: web.Request) -> web.Response:
    raise RuntimeError("secret detail")


async def refuse(request: web.Request) -> web.Response:
    if request.query_string == "member":
        raise NotAMember(body=Plain("TK"))
    if request.query_string == "allowed":
        raise NotAllowed(body=Plain("TK"))
    raise NoWordsForThis


async def tell(request: web.Request) -> web.Response:
    client, person = request[CLIENT], request["person"]
    return web.json_response(
        {
            "address": client.address,
            "https": client.https,
            "person": person.key if person else None,
            "language": request["voice"].language,
            "held": all(await still_signed_in([request])),
        }
    )


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write_eof()
    return response


EXTRA = (web.get("/fail", fail), web.get("/refuse", refuse), web.get("/tell", tell), web.get("/stream", stream))


@pytest.fixture
async def anyone(settings: WebSettings, outside: Outside, town: Town) -> AsyncIterator[Visitor]:  # noqa: ARG001  # lives there
    async for visitor in serve(made(settings, outside, *EXTRA)):
        yield visitor


async def told(visitor: Visitor, headers: dict[str, str] | None = None) -> dict[str, object]:
    response = await get(visitor, "/tell", headers=headers)
    answer: dict[str, object] = await response.json()
    return answer


@pytest.mark.parametrize("path", ["/", "/anmelden", "/nichts", "/fail", "/healthz", "/robots.txt", "/stream"])
async def test_every_answer_carries_the_security_headers(anyone: Visitor, path: str) -> None:
    with capture_logs():
        response = await get(anyone, path)

    assert {
        name: response.headers.get(name)
        for name in (
            "Content-Security-Policy",
            "Referrer-Policy",
            "X-Content-Type-Options",
            "X-Robots-Tag",
            "Strict-Transport-Security",
        )
    } == {
        "Content-Security-Policy": (
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Strict-Transport-Security": "max-age=31536000",
    }


async def test_plain_http_promises_no_https(settings: WebSettings, outside: Outside) -> None:
    plain = replace(settings, public_url="http://faden.intern.example")
    async for visitor in serve(made(plain, outside)):
        response = await get(visitor, "/healthz")

        assert "Strict-Transport-Security" not in response.headers


async def test_unexpected_error_is_logged_with_the_code_that_the_person_sees(anyone: Visitor) -> None:
    with capture_logs() as logged:
        response = await get(anyone, "/fail?geheim")

    text = await response.text()
    assert response.status == 500
    assert "secret detail" not in text
    assert [(entry["event"], entry["route"], entry["code"] in text) for entry in logged] == [
        ("request failed", "/fail", True)
    ]
    assert "geheim" not in str(logged)


async def test_unexpected_error_gives_programs_the_code_alone(anyone: Visitor) -> None:
    with capture_logs() as logged:
        response = await get(anyone, "/fail", headers={"Accept": "application/json"})

    assert (response.status, await response.text()) == (500, logged[0]["code"])


async def test_missing_page_looks_like_a_page(anyone: Visitor) -> None:
    response = await get(anyone, "/nichts")

    assert response.status == 404
    assert "<h1>Hier ist nichts</h1>" in await response.text()


async def test_missing_page_is_plain_for_programs(anyone: Visitor) -> None:
    response = await get(anyone, "/nichts", headers={"Accept": "*/*"})

    assert (response.status, response.content_type) == (404, "text/plain")


async def test_wrong_method_says_which_are_allowed(anyone: Visitor) -> None:
    response = await post(anyone, "/impressum")

    assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize(("why", "status"), [("member", 403), ("allowed", 403)])
async def test_refusal_speaks_with_the_words_of_the_chat(anyone: Visitor, why: str, status: int) -> None:
    response = await get(anyone, f"/refuse?{why}")

    text = await response.text()
    assert response.status == status
    assert '<p class="said">' in text
    assert "TK" in text


async def test_refusal_without_words_is_told_in_general(anyone: Visitor) -> None:
    response = await get(anyone, "/refuse")

    assert response.status == 409
    assert "<h1>Das geht so nicht mehr</h1>" in await response.text()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://faden.beispielstadt.example"}, 303),
        ({"Origin": "https://boese.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
    ],
)
async def test_form_has_to_come_from_our_own_pages(anyone: Visitor, headers: dict[str, str], status: int) -> None:
    response = await post(anyone, "/abmelden", headers=headers)

    assert response.status == status


async def test_form_that_is_too_long_is_refused(anyone: Visitor) -> None:
    response = await post(anyone, "/anmelden", {"mail": "x" * 64 * 1024})

    assert response.status == 413


async def test_form_of_unknown_length_is_refused(anyone: Visitor) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"mail=ben@beispielstadt.example"

    response = await anyone.post(
        "/anmelden", data=chunks(), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert response.status == 411


async def test_form_with_files_is_refused(anyone: Visitor) -> None:
    form = FormData()
    form.add_field("mail", b"ben@beispielstadt.example", filename="mail.txt")

    response = await anyone.post("/anmelden", data=form)

    assert response.status == 415


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr-FR, en;q=0.5", "en"),
        ("fr", "de"),
        ("", "de"),
        ("EN", "en"),
    ],
)
async def test_language_is_the_browsers(anyone: Visitor, accepted: str, language: str) -> None:
    assert (await told(anyone, {"Accept-Language": accepted}))["language"] == language


async def test_language_is_the_persons_once_they_have_signed_in(anyone: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(anyone, town.dora, outside)

    answer = await told(anyone, {"Accept-Language": "de"})

    assert (answer["person"], answer["language"], answer["held"]) == ("dora", "en", True)


async def test_nobody_has_signed_in(anyone: Visitor) -> None:
    answer = await told(anyone, {"Cookie": "faden=unknown"})

    assert (answer["person"], answer["held"]) == (None, False)


async def test_who_has_left_is_signed_out(anyone: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(anyone, town.ben, outside)
    town.ben.left_at = outside.domain
    await town.ben.save()

    assert (await told(anyone))["person"] is None


async def test_stream_that_has_begun_sets_no_cookie(anyone: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(anyone, town.ben, outside)
    outside.machine += timedelta(hours=2)

    response = await get(anyone, "/stream")

    assert (response.status, "Set-Cookie" in response.headers) == (200, False)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("forwarded", "address", "https"),
    [
        ({"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}, "192.0.2.7", True),
        ({"X-Forwarded-For": "198.51.100.1, 192.0.2.7"}, "192.0.2.7", False),
        ({"X-Forwarded-For": "192.0.2.7, 10.0.0.2"}, "192.0.2.7", False),
        ({"X-Forwarded-For": "10.0.0.3, 10.0.0.2"}, "10.0.0.3", False),
        ({"X-Forwarded-For": "unsinn"}, "unsinn", False),
        ({"X-Forwarded-Proto": "http"}, "127.0.0.1", False),
        ({}, "127.0.0.1", False),
    ],
)
async def test_trusted_proxy_says_who_asks(
    settings: WebSettings, outside: Outside, forwarded: dict[str, str], address: str, *, https: bool
) -> None:
    trusting = replace(settings, trusted_proxies=(*settings.trusted_proxies, ip_network("127.0.0.0/8")))
    async for visitor in serve(made(trusting, outside, *EXTRA)):
        answer = await told(visitor, forwarded)

        assert (answer["address"], answer["https"]) == (address, https)


async def test_anybody_else_is_not_believed(anyone: Visitor) -> None:
    answer = await told(anyone, {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})

    assert (answer["address"], answer["https"]) == ("127.0.0.1", False)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "faden.boese.example"},
        {"Host": "faden.boese.example:8080"},
    ],
)
async def test_trial_is_for_this_machine_alone(trial_visitor: Visitor, headers: dict[str, str]) -> None:
    response = await get(trial_visitor, "/", headers=headers)

    assert response.status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
async def test_trial_knows_its_own_names(trial_visitor: Visitor, host: str) -> None:
    response = await get(trial_visitor, "/", headers={"Host": host})

    assert response.status == 200


async def test_production_does_not_mind_its_host(anyone: Visitor) -> None:
    response = await get(anyone, "/", headers={"Host": "faden.beispielstadt.example"})

    assert response.status == 200
