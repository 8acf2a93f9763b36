from dataclasses import replace

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bot.web.settings import Check, WebSettings
from tests.web.conftest import Outside, Visitor, get, made, serve


async def test_health_says_that_the_loop_turns(visitor: Visitor) -> None:
    response = await get(visitor, "/healthz")

    assert (response.status, await response.text()) == (200, "ok\n")
    assert response.headers["X-Service"] == "Faden"


async def test_ready_tells_each_check(visitor: Visitor) -> None:
    response = await get(visitor, "/readyz")

    assert response.status == 200
    assert await response.json() == {"ready": True, "checks": {"database": {"ok": True, "detail": "0.001 s"}}}


async def test_one_failing_check_means_not_ready(settings: WebSettings, outside: Outside) -> None:
    outside.checks["polling"] = Check(ok=False, detail="silent for 90 s")
    async for visitor in serve(made(settings, outside)):
        response = await get(visitor, "/readyz")

        assert response.status == 503
        assert (await response.json())["checks"]["polling"] == {"ok": False, "detail": "silent for 90 s"}


async def test_check_that_breaks_means_not_ready(visitor: Visitor, outside: Outside) -> None:
    outside.checks.clear()

    response = await get(visitor, "/readyz")

    assert (response.status, (await response.json())["checks"]) == (
        503,
        {"database": {"ok": False, "detail": "KeyError"}},
    )


async def test_metrics_count_by_route_and_hold_no_secret(visitor: Visitor) -> None:
    await get(visitor, "/anmelden/geheimes-token")
    await get(visitor, "/nichts")

    text = await (await get(visitor, "/metrics")).text()

    samples = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "faden_http_request_seconds_count"
    }
    assert samples == {("/anmelden/{token}", "410"): 1, ("unknown", "404"): 1}
    assert "geheimes-token" not in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-Forwarded-For": "192.0.2.7"}, 403),
        ({"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer falsch"}, 403),
        ({"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer metrics-token"}, 200),
    ],
)
async def test_metrics_are_for_this_machine_or_the_token(
    visitor: Visitor, headers: dict[str, str], status: int
) -> None:
    assert (await get(visitor, "/metrics", headers=headers)).status == status


async def test_without_a_token_none_opens_the_metrics(settings: WebSettings, outside: Outside) -> None:
    async for visitor in serve(made(replace(settings, metrics_token=None), outside)):
        response = await get(visitor, "/metrics", headers={"Via": "1.1 proxy", "Authorization": "Bearer "})

        assert response.status == 403


async def test_refused_requests_of_programs_are_counted(settings: WebSettings, outside: Outside) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        raise web.HTTPConflict

    async for visitor in serve(made(settings, outside, web.get("/refuse", refuse))):
        await get(visitor, "/refuse", headers={"Accept": "application/json"})

        text = await (await get(visitor, "/metrics")).text()

        assert 'faden_http_request_seconds_count{route="/refuse",status="409"} 1.0' in text


async def test_nothing_is_for_search_engines(visitor: Visitor) -> None:
    response = await get(visitor, "/robots.txt")

    assert await response.text() == "User-agent: *\nDisallow: /\n"
