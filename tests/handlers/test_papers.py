"""Papers for an item, as Telegram brings them; the conversation files tell of the files that come in the web chat."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions import papers
from bot.post import files
from bot.webchat import tidying
from storage.models import AgendaItem, Document
from storage.models.webchat import WebchatFile
from storage.vocabulary import Network
from tests.stage import Stage, raise_curtain

PETRA = "Petra Wimmer"
PHOTO = {
    "photo": [
        {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 67, "file_size": 1_000},
        {"file_id": "large", "file_unique_id": "l", "width": 1280, "height": 960, "file_size": 90_000},
    ]
}
UNNAMED = {"document": {"file_id": "unnamed", "file_unique_id": "u"}}


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.TELEGRAM, moment=now)
    yield made
    await made.faden.stop()


async def comes(stage: Stage, content: dict[str, Any]) -> None:
    """A message of Petra's that has no text, as Telegram tells it."""
    person = {"id": stage.chat(PETRA), "is_bot": False, "first_name": "Petra"}
    chat = {"id": stage.chat(PETRA), "type": "private"}
    message = {"message_id": 9_001, "date": 1_795_000_000, "chat": chat, "from": person, **content}
    await stage.faden.inbox.receive(stage.network, {"update_id": 9_000_001, "message": message})
    await stage.settle()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PHOTO, ("2026-11-18 09-00.jpg", "image/jpeg", 90_000, "large")),
        (UNNAMED, ("", "application/octet-stream", 0, "unnamed")),
    ],
)
async def test_photographed_and_unnamed_papers_belong_to_the_item(
    stage: Stage, content: dict[str, Any], expected: tuple[str, str, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(_: object) -> None: ...

    monkeypatch.setattr(files, "fetch_papers", later)  # this Telegram has no such files
    await stage.says(PETRA, "/top")
    for label in ("Regionalleiterkonferenz", "Information"):
        await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))
    await stage.says(PETRA, "Ferienprogramm")
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "20 Min."))

    await comes(stage, content)
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "✅ Einreichen"))

    paper = await Document.get()
    assert (paper.name, paper.mime, paper.size, paper.file_id) == expected
    assert (await AgendaItem.get(papers__document_id=paper.id)).title == "Ferienprogramm"


async def test_paper_that_came_early_is_forgotten_with_a_case_consultation(stage: Stage) -> None:
    await stage.says(PETRA, "/top RLK: Kinderbauernhof")
    await comes(stage, UNNAMED)
    for label in ("Fallberatung", "2", "✅ Einreichen"):
        await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))

    assert (await AgendaItem.get()).slots == 2
    assert await Document.all().count() == 0


async def test_file_for_another_entry_is_told_where_it_can_go_and_the_question_stays(stage: Stage) -> None:
    await stage.says(PETRA, "/organisieren")
    for label in ("➕ Sitzung planen", "Regionalleiterkonferenz"):
        await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))

    await comes(stage, UNNAMED)
    told = (await stage.news(stage.chat(PETRA)))[-1]
    await stage.says(PETRA, "3.12. 14:30-16 Uhr")

    assert "Eine Datei gehört als Anlage zu einem Thema" in told.text
    assert "In welcher Form?" in (await stage.news(stage.chat(PETRA)))[-1].text


async def test_too_large_paper_for_an_item_is_refused_and_the_next_is_taken(stage: Stage) -> None:
    await stage.says(PETRA, "/top RLK: Kinderbauernhof, Beratung")
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "📎 Anlage"))

    await comes(stage, {"document": {"file_id": "large", "file_unique_id": "l", "file_size": 21 * 1024 * 1024}})
    told = (await stage.news(stage.chat(PETRA)))[-1]
    await stage.sends(PETRA, "Konzept.pdf")

    assert "zu groß" in told.text
    assert [paper.name for paper in await Document.filter(papers__item__title="Kinderbauernhof")] == ["Konzept.pdf"]


async def test_paper_can_be_read_after_the_chat_in_which_it_was_sent_has_been_tidied(stage: Stage) -> None:
    await stage.says(PETRA, "/top RLK: Ferienprogramm")
    await stage.sends(PETRA, "Entwurf.pdf", b"%PDF the draft")
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "Information"))
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "✅ Einreichen"))
    stage.clock.moment += timedelta(days=800)

    await tidying.messages(now=stage.clock(), kept=timedelta(days=730))

    paper = await AgendaItem.get(title="Ferienprogramm").values_list("papers__document_id", flat=True)
    petra = stage.people[PETRA]
    assert (await papers.fetch(by=petra, document=int(str(paper)), now=stage.clock())).content == b"%PDF the draft"
    assert await WebchatFile.all().count() == 0
