"""Papers are fetched from the network where they were sent, whatever that does."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from bot.actions import papers
from bot.post import files
from storage import bells
from storage.models import Document, Person
from storage.vocabulary import Network
from tests.post.conftest import Call, Office, Refusal, person

TELEGRAM, WEBCHAT = Network.TELEGRAM, Network.WEBCHAT


@pytest.fixture
async def nora(office: Office) -> Person:  # noqa: ARG001  # the store is open meanwhile
    return await person("Nora")


async def paper(nora: Person, network: Network = TELEGRAM, file_id: str = "F1") -> int:
    return await papers.keep(
        by=nora,
        name="Beschluss.pdf",
        mime="application/pdf",
        size=4,
        network=network,
        file_id=file_id,
        now=datetime(2026, 11, 18, tzinfo=UTC),
    )


async def kept() -> list[tuple[bytes | None, str | None]]:
    return [(found.content, found.file_id) for found in await Document.all().order_by("id")]


async def test_paper_is_fetched_from_where_it_was_sent(office: Office, nora: Person) -> None:
    assert bells.rung(papers.WAITING)
    assert not bells.rung(papers.WAITING)
    await paper(nora, TELEGRAM, "F1")
    await paper(nora, WEBCHAT, "F2")
    rang = bells.rung(papers.WAITING)

    await files.fetch_papers(office.bots)
    await files.fetch_papers(office.bots)

    assert rang
    assert await kept() == [(b"%PDF fetched", "F1"), (b"%PDF fetched", "F2")]
    assert [call.params["file_id"] for call in office.telegram.calls] == ["F1"]
    assert [call.params["file_id"] for call in office.webchat.calls] == ["F2"]
    assert not bells.rung(papers.WAITING)


async def test_network_that_is_away_is_asked_once_and_again_later_and_holds_up_no_other(
    office: Office, nora: Person
) -> None:
    for number in range(3):
        await paper(nora, TELEGRAM, f"T{number}")
    await paper(nora, WEBCHAT, "W")
    office.telegram.script = lambda _: Refusal(502, "Bad Gateway")
    bells.rung(papers.WAITING)

    with capture_logs() as logs:
        await files.fetch_papers(office.bots)
    again = bells.rung(papers.WAITING)
    asked = len(office.telegram.calls)
    office.telegram.script = lambda _: None
    await files.fetch_papers(office.bots)

    assert (asked, again) == (1, True)
    assert [line["event"] for line in logs] == ["paper cannot be fetched yet"]
    assert [content for content, _ in await kept()] == [b"%PDF fetched"] * 4


async def test_one_that_breaks_off_leaves_the_others(office: Office, nora: Person) -> None:
    for number in range(3):
        await paper(nora, TELEGRAM, f"T{number}")

    def script(call: Call) -> Refusal | None:
        return Refusal(502, "Bad Gateway") if call.params["file_id"] == "T1" else None

    office.telegram.script = script
    bells.rung(papers.WAITING)

    await files.fetch_papers(office.bots)

    assert [content for content, _ in await kept()] == [b"%PDF fetched", None, b"%PDF fetched"]
    assert bells.rung(papers.WAITING)


async def test_paper_that_its_network_has_no_longer_is_gone_for_good(office: Office, nora: Person) -> None:
    await paper(nora)
    office.telegram.script = lambda _: Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
    bells.rung(papers.WAITING)

    await files.fetch_papers(office.bots)
    await files.fetch_papers(office.bots)

    assert await kept() == [(None, None)]
    assert len(office.telegram.calls) == 1
    assert not bells.rung(papers.WAITING)


async def test_many_papers_come_some_at_a_time(office: Office, nora: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "AT_ONCE", 2)
    for number in range(3):
        await paper(nora, TELEGRAM, f"T{number}")
    bells.rung(papers.WAITING)

    await files.fetch_papers(office.bots)
    after_the_first = len([content for content, _ in await kept() if content])
    rang = bells.rung(papers.WAITING)
    await files.fetch_papers(office.bots)

    assert (after_the_first, rang) == (2, True)
    assert len([content for content, _ in await kept() if content]) == 3
    assert not bells.rung(papers.WAITING)
