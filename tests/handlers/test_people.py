"""Lists of people that come as files: Rainer Puchner administers the sample town, Petra Wimmer does not."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import cast

import pytest
from openpyxl import Workbook
from structlog.testing import capture_logs
from telegram import Bot
from telegram.error import TimedOut

from bot.actions.people.people_files import KIND
from bot.handlers.people import PATIENCE, fetch
from bot.webchat import people
from storage import bells
from storage.models import Body, Dialogue, Membership, Notice, Person
from storage.models.webchat import WebchatFile
from storage.vocabulary import Network, NoticeState, Role
from tests.stage import Button, Stage, raise_curtain

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
    await people.sends_file(stage.server, stage.user(RAINER), chat, name, "text/csv", content)
    await stage.delivery.drain()
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
    lines = [f"Mara;Neuner{number};RLK" for number in range(11)]
    await stage.sends(RAINER, "leute.csv", "\n".join(["Vorname;Nachname;Gremium", *lines]).encode())
    chat = stage.chat(RAINER)

    await stage.presses(RAINER, await stage.button(chat, "Weitere ▶"))
    turned = (await stage.heard(chat))[-1]
    await stage.presses(RAINER, await stage.button(chat, "◀ Vorige"))

    labels = [[button.label for button in row] for row in turned.buttons]
    assert turned.text.splitlines()[2:4] == ["🆕 Zeile 12 · neu: Mara Neuner10", "– neuer Sitz in RLK"]
    assert labels == [["◀ Vorige", "2/2"], ["✅ Übernehmen", "Verwerfen"]]
    assert [button.label for button in (await stage.heard(chat))[-1].buttons[0]] == ["1/2", "Weitere ▶"]


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
    hint = "Telegram zeigt hier nur Hinweise; weiter geht es in der Web-Ansicht."
    assert shown == ("📋 leute.csv" if stage.network is Network.WEBCHAT else hint)


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

    bells.rung(KIND)
    await fetch(away, zone="Europe/Berlin", now=now + PATIENCE - timedelta(seconds=1))
    still, again = await Dialogue.filter(step="fetch").count(), bells.rung(KIND)
    stage.clock.moment = now + PATIENCE
    await fetch(away, zone="Europe/Berlin", now=stage.clock())
    await stage.faden.post.drain()

    assert (still, again, await Dialogue.all().count()) == (1, True, 0)
    assert (await said(stage, RAINER))[-1].startswith("⚠️ Diese Liste kann ich nicht lesen.")


async def test_defect_is_logged_and_told_once(stage: Stage, now: datetime) -> None:
    await comes(stage)

    with capture_logs() as logged:
        await fetch({}, zone="Europe/Berlin", now=now)
        await fetch({}, zone="Europe/Berlin", now=now)

    assert [entry["event"] for entry in logged] == ["list cannot be read"]


# --- long lists, and inviting -----------------------------------------------------------------------------------------


async def pressed(stage: Stage, who: str, data: str) -> list[list[str]]:
    """Press a button with that code; the labels of what is shown then."""
    if not await stage.heard(stage.chat(who)):
        await stage.says(who, "/start")
    await stage.presses(who, Button(label=data, message_id=0, data=data))
    heard = max(await stage.heard(stage.chat(who)), key=lambda heard: heard.change)
    return [[button.label for button in row] for row in heard.buttons]


async def crowd(body: Body, count: int) -> None:
    for number in range(count):
        person = await Person.create(key=f"z{number}", given_name="Zoe", family_name=f"Zz{number:03}")
        await Membership.create(body=body, person=person, role=Role.MEMBER, begins_on=date(2026, 1, 1))


async def test_seats_of_a_large_body_come_in_pages(stage: Stage) -> None:
    body = await Body.get(code="RLK")
    await crowd(body, 110)

    first = await pressed(stage, PETRA, f"os:{body.id}")
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "Weitere ▶"))
    last = await pressed(stage, PETRA, f"p:99:os:{body.id}")

    assert first[-2:] == [["1/12", "Weitere ▶"], ["‹ Zurück"]]
    assert last[-2:] == [["◀ Vorige", "12/12"], ["‹ Zurück"]]
    assert last[-3][-1].endswith("Zoe Zz109")
    assert await Notice.filter(state=NoticeState.DEAD).count() == 0


async def test_administrator_finds_everybody_to_invite(stage: Stage) -> None:
    body = await Body.get(code="RLK")
    await crowd(body, 110)
    await Body.bulk_create([Body(code=f"X{n}", name=f"Zirkel {n:02}", kind=body.kind, level=3) for n in range(120)])
    chat = stage.chat(RAINER)

    await stage.says(RAINER, "/organisieren")
    await stage.presses(RAINER, await stage.button(chat, "👥 Zu Faden einladen"))
    bodies = await pressed(stage, RAINER, "p:1:tl")
    seats = await pressed(stage, RAINER, f"p:11:tb:{body.id}")
    await stage.presses(RAINER, await stage.button(chat, "Zoe Zz109"))

    assert bodies[-2][0] == "◀ Vorige"
    assert seats[-2] == ["◀ Vorige", "12/12"]
    assert (await stage.heard(chat))[-1].text.splitlines()[1].startswith("⚠️ Es ist nichts verschickt")
    assert await Notice.filter(state=NoticeState.DEAD).count() == 0


async def test_administrator_invites_all_of_a_body(stage: Stage) -> None:
    body = await Body.get(code="RLK")
    await crowd(body, 2)
    await Person.filter(key="z0").update(mail="z0@example.org")
    stage.faden.desks[stage.network].bot_data["town"] = replace(
        stage.faden.desks[stage.network].bot_data["town"], mails=True
    )
    chat = stage.chat(RAINER)

    await pressed(stage, RAINER, f"tb:{body.id}:0")
    await stage.presses(RAINER, await stage.button(chat, "✉️ Alle einladen, die noch fehlen (1)"))
    await stage.presses(RAINER, await stage.button(chat, "Ja, einladen"))

    assert (await stage.heard(chat))[-1].text.splitlines()[1:] == [
        "Eine Einladung ist per Mail unterwegs.",
        "Eine Person hat keine Mail-Adresse: Die kommt mit einer Liste.",
    ]
    assert (
        await Notice.filter(template="accounts/join", person__key="z0").count()
        == await Notice.filter(template="accounts/join").count()
        == 1
    )


async def test_who_is_no_administrator_finds_no_town(stage: Stage) -> None:
    await stage.says(PETRA, "/organisieren")
    labels = [button.label for row in (await stage.heard(stage.chat(PETRA)))[-1].buttons for button in row]
    body = await Body.get(code="RLK")

    assert "👥 Zu Faden einladen" not in labels
    for data in ("tl:0", f"tb:{body.id}:0", f"ta:{body.id}", f"taa:{body.id}"):
        before = await stage.heard(stage.chat(PETRA))
        await stage.presses(PETRA, Button(label=data, message_id=0, data=data))
        assert await stage.heard(stage.chat(PETRA)) == before
    assert await Notice.filter(template="accounts/join").count() == 0
