"""Lists of people that come as files: Rainer Puchner administers the sample town, Petra Wimmer does not."""

import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import cast

import pytest
from openpyxl import Workbook
from structlog.testing import capture_logs
from telegram import Bot
from telegram.error import TimedOut

from bot.handlers.people import PATIENCE, fetch
from storage.models import Body, Dialogue, Membership, Person
from storage.models.webchat import WebchatFile
from storage.vocabulary import Network
from tests.stage import Stage, raise_curtain

RAINER, PETRA = "Rainer Puchner", "Petra Wimmer"
LIST = b"Vorname;Nachname;Gremium\nMara;Neuner;RLK\n"


@pytest.fixture(params=[Network.WEBCHAT, Network.TELEGRAM])
async def stage(store: str, now: datetime, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=request.param, moment=now)
    yield made
    await made.faden.stop()


class AwayBot:
    """A network that does not answer."""

    async def initialize(self) -> None:
        raise TimedOut


async def said(stage: Stage, who: str) -> list[str]:
    """The first line of each message in somebody's chat."""
    return [heard.text.splitlines()[0] for heard in await stage.heard(stage.chat(who))]


async def comes(stage: Stage, content: bytes = LIST, name: str = "leute.csv") -> None:
    """Rainer's file comes in, and nothing is fetched yet."""
    chat = stage.chat(RAINER)
    await stage.server.person_sends_file(stage.user(RAINER), chat, name, "text/csv", content)
    await stage.faden.inbox.drain()


async def test_xlsx_is_fetched_shown_and_imported(stage: Stage) -> None:
    book, file = Workbook(), io.BytesIO()
    for row in (("Vorname", "Nachname", "Gremium", "Beginn"), ("Mara", "Neuner", "RLK", datetime(2027, 1, 1))):  # noqa: DTZ001  # a spreadsheet has no zones
        book.worksheets[0].append(row)
    book.save(file)

    await stage.sends(RAINER, "leute.xlsx", file.getvalue())
    await stage.presses(RAINER, await stage.button(stage.chat(RAINER), "✅ Übernehmen"))

    seat = await Membership.get(person__family_name="Neuner").select_related("body")
    assert (seat.body.code, seat.begins_on.isoformat()) == ("RLK", "2027-01-01")
    assert (await said(stage, RAINER))[-1] == "✅ Übernommen."


async def test_pages_are_turned(stage: Stage) -> None:
    lines = [f"Mara;Neuner{number};RLK" for number in range(13)]
    await stage.sends(RAINER, "leute.csv", "\n".join(["Vorname;Nachname;Gremium", *lines]).encode())
    chat = stage.chat(RAINER)

    await stage.presses(RAINER, await stage.button(chat, "▶"))
    turned = (await stage.heard(chat))[-1]
    await stage.presses(RAINER, await stage.button(chat, "◀"))

    labels = [[button.label for button in row] for row in turned.buttons]
    assert turned.text.splitlines()[2:4] == ["🆕 Zeile 14 · neu: Mara Neuner12", "– neuer Sitz in RLK"]
    assert labels == [["◀", "2/2"], ["✅ Übernehmen", "Verwerfen"]]
    assert [button.label for button in (await stage.heard(chat))[-1].buttons[0]] == ["1/2", "▶"]


async def test_list_that_would_do_something_else_by_now_is_shown_again(stage: Stage) -> None:
    await stage.sends(RAINER, "leute.csv", LIST)
    await Person.create(key="neuner", given_name="Mara", family_name="Neuner")

    await stage.presses(RAINER, await stage.button(stage.chat(RAINER), "✅ Übernehmen"))

    assert (await said(stage, RAINER))[-1].startswith("⚠️ Inzwischen hat sich in Faden etwas geändert.")


async def test_file_that_is_no_table_is_told_where_it_can_go(stage: Stage) -> None:
    await stage.sends(RAINER, "foto.jpg")

    assert (await said(stage, RAINER))[-1].startswith("Eine Datei gehört als Anlage zu einem Thema")


async def test_who_is_no_administrator_is_refused(stage: Stage) -> None:
    await stage.sends(PETRA, "leute.csv", LIST)

    assert (await said(stage, PETRA))[-1].startswith("Listen von Menschen nehme ich nur von der Verwaltung an.")


async def test_list_that_is_too_large_is_refused(stage: Stage) -> None:
    await stage.sends(RAINER, "leute.csv", b"x" * 1_000_001)

    assert await said(stage, RAINER) == ["Diese Liste ist zu groß: höchstens 1 MB."]


async def test_list_that_cannot_be_read_says_why(stage: Stage) -> None:
    await stage.sends(RAINER, "leute.xlsx", LIST)

    assert [heard.text.splitlines()[1:] for heard in await stage.heard(stage.chat(RAINER))][-1] == [
        "– Die Datei lässt sich nicht öffnen. Bitte ohne Kennwort und neu als XLSX speichern."
    ]


async def test_list_whose_names_telegram_may_not_carry_is_shown_in_the_web_chat(stage: Stage) -> None:
    await Body.filter(code="RLK").update(level=2)

    await stage.sends(RAINER, "leute.csv", LIST)

    shown = (await said(stage, RAINER))[-1]
    assert shown == ("📋 leute.csv" if stage.network is Network.WEBCHAT else "Neues in einem Ihrer Gremien")


async def test_file_that_is_gone_is_asked_for_again(stage: Stage) -> None:
    await comes(stage)
    await WebchatFile.all().update(file_id="gone")

    await stage.settle()

    assert (await stage.heard(stage.chat(RAINER)))[-1].text.splitlines()[1:] == [
        "– Ich konnte die Datei nicht holen. Bitte noch einmal senden."
    ]


async def test_network_that_is_away_is_asked_again_for_a_while(stage: Stage, now: datetime) -> None:
    await comes(stage)
    away = {stage.network: cast(Bot, AwayBot())}

    await fetch(away, zone="Europe/Berlin", now=now + PATIENCE - timedelta(seconds=1))
    still = await Dialogue.filter(step="fetch").count()
    stage.clock.moment = now + PATIENCE
    await fetch(away, zone="Europe/Berlin", now=stage.clock())
    await stage.faden.post.drain()

    assert (still, await Dialogue.all().count()) == (1, 0)
    assert (await said(stage, RAINER))[-1].startswith("⚠️ Diese Liste kann ich nicht lesen.")


async def test_defect_is_logged_and_told_once(stage: Stage, now: datetime) -> None:
    await comes(stage)

    with capture_logs() as logged:
        await fetch({}, zone="Europe/Berlin", now=now)
        await fetch({}, zone="Europe/Berlin", now=now)

    assert [entry["event"] for entry in logged] == ["list cannot be read"]
