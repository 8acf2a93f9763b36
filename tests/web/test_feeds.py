from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from icalendar import Calendar
from structlog.testing import capture_logs

from bot.actions import feeds
from bot.web.feeds import rebuild_stale
from bot.web.settings import WebSettings
from storage.db import transaction, unit_of_work
from storage.models import Commitment, CommitmentParty, FeedCache, FeedToken, Meeting, Person
from storage.vocabulary import CommitmentState, DueKind, MeetingState, Side
from tests.web.conftest import Outside, Town, Visitor, get, made, post, serve, signed_in

Counting = Callable[[], AbstractContextManager[Any]]


async def feed_of(person: Person, settings: WebSettings, outside: Outside) -> str:
    """The path of the person's feed."""
    secret = await unit_of_work(lambda: feeds.secret_link(person=person, key=settings.key, now=outside.machine))
    return f"/kalender/{secret}.ics"


@pytest.fixture
async def path(town: Town, settings: WebSettings, outside: Outside) -> str:
    """Ben's feed, not built yet."""
    return await feed_of(town.ben, settings, outside)


async def rebuild(settings: WebSettings, outside: Outside) -> int:
    return await rebuild_stale(settings, now=outside.domain, machine_now=outside.machine)


async def rename(town: Town, title: str) -> None:
    """Change what Ben's feed shows."""

    async def work() -> None:
        async with transaction():
            await Meeting.filter(id=town.meeting.id).update(title=title)
            await feeds.touch([town.ben.id])

    await unit_of_work(work)


async def test_feed_is_built_the_first_time_it_is_asked_for(visitor: Visitor, path: str) -> None:
    response = await get(visitor, path)

    calendar = Calendar.from_ical(await response.read())
    assert (response.status, response.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert response.headers["Cache-Control"] == "private, max-age=900"
    assert response.headers["Last-Modified"] == "Wed, 18 Nov 2026 08:00:00 GMT"
    assert str(calendar["x-wr-calname"]) == "Beispielstadt: meine Sitzungen"
    assert [str(event["summary"]) for event in calendar.events] == ["82. Trägerkonferenz"]
    assert str(calendar.events[0]["url"]) == "https://faden.beispielstadt.example/sitzung/1"


async def test_feed_is_the_same_bytes_while_nothing_changed(visitor: Visitor, path: str) -> None:
    first, second = await get(visitor, path), await get(visitor, path)

    assert await first.read() == await second.read()
    assert first.headers["ETag"] == second.headers["ETag"]


async def test_request_asks_the_database_once_and_builds_nothing(
    visitor: Visitor, path: str, statements: Counting
) -> None:
    built = await get(visitor, path)

    with statements() as counted:
        await get(visitor, path)
        full = len(counted.statements)
        await get(visitor, path, headers={"If-None-Match": built.headers["ETag"]})

    assert (full, len(counted.statements)) == (1, 2)


async def test_head_answers_like_get_without_the_body(visitor: Visitor, path: str) -> None:
    fetched = await get(visitor, path)

    head = await visitor.head(path)

    assert (head.status, await head.read()) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == fetched.headers[name]


@pytest.mark.parametrize("known", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
async def test_who_has_it_already_gets_nothing(visitor: Visitor, path: str, known: str) -> None:
    built = await get(visitor, path)

    response = await get(visitor, path, headers={"If-None-Match": known.format(etag=built.headers["ETag"])})

    assert (response.status, await response.read()) == (304, b"")
    assert response.headers["ETag"] == built.headers["ETag"]
    assert response.headers["Cache-Control"] == "private, max-age=900"


@pytest.mark.parametrize("known", ['"other"', 'W/"other", "another"', "unsinn"])
async def test_who_has_something_else_gets_it(visitor: Visitor, path: str, known: str) -> None:
    built = await get(visitor, path)

    response = await get(visitor, path, headers={"If-None-Match": known})

    assert (response.status, await response.read()) == (200, await built.read())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Modified-Since": "Wed, 18 Nov 2026 08:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Wed, 18 Nov 2026 07:59:59 GMT"}, 200),
        ({"If-Modified-Since": "gestern"}, 200),
        ({"If-Modified-Since": "Wed, 18 Nov 2026 08:00:00 GMT", "If-None-Match": '"other"'}, 200),
    ],
)
async def test_modification_date_counts_without_an_etag(
    visitor: Visitor, path: str, headers: dict[str, str], status: int
) -> None:
    await get(visitor, path)

    assert (await get(visitor, path, headers=headers)).status == status


async def test_change_is_shown_once_it_has_been_built(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, path: str
) -> None:
    before = await get(visitor, path)
    await rename(town, "82. Trägerkonferenz (neu)")
    meanwhile = await get(visitor, path)
    built = await rebuild(settings, outside)
    after = await get(visitor, path)

    assert built == 1
    assert meanwhile.headers["ETag"] == before.headers["ETag"]
    assert "(neu)" in await after.text()
    assert after.headers["Last-Modified"] == "Wed, 18 Nov 2026 08:00:01 GMT"


async def test_touching_without_a_change_changes_nothing(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, path: str
) -> None:
    before = await get(visitor, path)
    outside.machine += timedelta(hours=1)
    await unit_of_work(lambda: feeds.touch([town.ben.id]))

    first, second = await rebuild(settings, outside), await rebuild(settings, outside)

    after = await get(visitor, path)
    assert (first, second) == (1, 0)
    assert (after.headers["ETag"], after.headers["Last-Modified"]) == (
        before.headers["ETag"],
        before.headers["Last-Modified"],
    )


async def test_feed_that_cannot_be_built_stops_no_other(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside
) -> None:
    await feed_of(town.ben, settings, outside)
    carlas = await feed_of(town.carla, settings, outside)
    await Person.filter(id=town.ben.id).update(zone="Nowhere/AtAll")

    with capture_logs() as logged:
        built = await rebuild(settings, outside)

    assert built == 1
    assert [(entry["event"], entry["person"]) for entry in logged] == [("feed not built", town.ben.id)]
    assert (await get(visitor, carlas)).status == 200
    assert (await FeedCache.get(person_id=town.ben.id)).stale


async def test_meeting_that_cannot_stand_in_a_calendar_is_left_out_of_the_feed(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, path: str
) -> None:
    broken = await Meeting.get(id=town.meeting.id)
    broken.id, broken.number, broken.uid, broken.zone = None, 83, "tokyo@x", "Asia/Tokyo"  # type: ignore[assignment]  # a copy
    broken._saved_in_db = False  # noqa: SLF001  # likewise
    await broken.save()
    first = await get(visitor, path)
    with capture_logs() as logged:
        await get(visitor, await feed_of(town.dora, settings, outside))

    assert first.status == 200
    assert [str(event["uid"]) for event in Calendar.from_ical(await first.read()).events] == [town.meeting.uid]
    assert (logged, settings.unbuilt.count) == ([], 1)


async def test_feed_of_somebody_who_reads_elsewhere_has_all_meetings(visitor: Visitor, town: Town, path: str) -> None:
    await Person.filter(id=town.ben.id).update(zone="America/New_York")

    calendar = Calendar.from_ical(await (await get(visitor, path)).read())

    assert str(calendar["x-wr-timezone"]) == "America/New_York"
    assert [str(event["uid"]) for event in calendar.events] == [town.meeting.uid]


async def test_called_off_meeting_stays_and_says_so(visitor: Visitor, town: Town, path: str) -> None:
    await Meeting.filter(id=town.meeting.id).update(state=MeetingState.CANCELLED, sequence=1)

    event = Calendar.from_ical(await (await get(visitor, path)).read()).events[0]

    assert (str(event["status"]), str(event["summary"]), event["sequence"]) == (
        "CANCELLED",
        "82. Trägerkonferenz (fällt aus)",
        1,
    )


async def test_own_commitment_is_a_day_that_blocks_nothing(
    visitor: Visitor, town: Town, outside: Outside, path: str
) -> None:
    commitment = await Commitment.create(
        body=town.tk,
        number=5,
        what="Räume & Schlüssel klären",
        state=CommitmentState.AGREED,
        due_kind=DueKind.DATE,
        due_on=date(2026, 12, 1),
        agreed_on=date(2026, 11, 1),
        recorded_by=town.anna,
        created_at=outside.domain,
        changed_at=outside.domain,
    )
    await CommitmentParty.create(commitment=commitment, side=Side.OWNER, person=town.ben)

    event = Calendar.from_ical(await (await get(visitor, path)).read()).events[1]

    assert str(event["summary"]) == "Fällig: C5 (TK) Räume & Schlüssel klären"
    assert (event.start, str(event["transp"])) == (date(2026, 12, 1), "TRANSPARENT")


async def test_feed_speaks_the_persons_language(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside
) -> None:
    text = await (await get(visitor, await feed_of(town.dora, settings, outside))).text()

    assert "82. Trägerkonferenz" in text


async def test_somebody_without_a_seat_has_an_empty_feed(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside
) -> None:
    response = await get(visitor, await feed_of(town.carla, settings, outside))

    assert response.status == 200
    assert Calendar.from_ical(await response.read()).events == []


async def test_feed_names_nobody(visitor: Visitor, path: str) -> None:
    text = await (await get(visitor, path)).text()

    assert [word in text for word in ("ATTENDEE", "Anna", "Ben", "Özdemir")] == [False] * 4


async def test_wrong_renewed_and_withdrawn_links_look_alike(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, path: str
) -> None:
    await unit_of_work(lambda: feeds.renew(person=town.ben, key=settings.key, now=outside.machine))
    gone = await feed_of(town.carla, settings, outside)
    await Person.filter(id=town.carla.id).update(left_at=outside.domain)

    pages = [await get(visitor, tried) for tried in (path, gone, f"/kalender/{'x' * 43}.ics", "/kalender/x.ics")]

    assert [page.status for page in pages] == [404] * 4
    assert len({await page.text() for page in pages}) == 1


async def test_feed_cannot_be_written(visitor: Visitor, path: str) -> None:
    assert (await post(visitor, path)).status == 405


async def test_feed_knows_no_cookies(visitor: Visitor, town: Town, outside: Outside, path: str) -> None:
    await signed_in(visitor, town.ben, outside)
    outside.machine += timedelta(hours=2)

    response = await get(visitor, path)

    assert "Set-Cookie" not in response.headers


async def test_feed_that_is_asked_for_too_often_is_put_off(visitor: Visitor, path: str, outside: Outside) -> None:
    statuses = [(await get(visitor, path)).status for _ in range(61)]
    outside.machine += timedelta(minutes=1)

    assert statuses == [200] * 60 + [429]
    assert (await get(visitor, path)).status == 200


async def test_landing_page_offers_every_kind_of_calendar(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    text = await (await get(visitor, "/kalender")).text()

    assert 'href="webcal://faden.beispielstadt.example/kalender/' in text
    assert 'href="https://calendar.google.com/calendar/render?cid=webcal%3A%2F%2Ffaden.' in text
    assert 'href="https://outlook.office.com/calendar/0/addfromweb?url=https%3A%2F%2Ffaden.' in text
    assert "Google aktualisiert nur alle 8–24 Stunden" in text


async def test_landing_page_shows_the_same_link_each_time(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    first, second = await get(visitor, "/kalender"), await get(visitor, "/kalender")

    assert await first.text() == await second.text()
    assert await FeedToken.all().count() == 1


async def test_renewing_makes_the_old_link_void(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, path: str
) -> None:
    await signed_in(visitor, town.ben, outside)

    response = await post(visitor, "/kalender/erneuern")
    landing = await get(visitor, response.headers["Location"])

    assert (response.status, response.headers["Location"]) == (303, "/kalender?renewed")
    assert (await get(visitor, path)).status == 404
    assert (await get(visitor, await feed_of(town.ben, settings, outside))).status == 200
    assert "Der Link ist neu." in await landing.text()


async def test_link_over_plain_http_has_its_port(settings: WebSettings, outside: Outside, town: Town) -> None:
    plain = replace(settings, public_url="http://127.0.0.1:8080")
    async for visitor in serve(made(plain, outside)):
        await signed_in(visitor, town.ben, outside)

        text = await (await get(visitor, "/kalender")).text()

        assert 'href="webcal://127.0.0.1:8080/kalender/' in text
