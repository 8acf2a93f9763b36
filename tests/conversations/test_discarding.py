"""What was discarded leaves no trace: in no table, neither ours nor the network's, and in none of SQLite's files."""

from datetime import timedelta

import pytest
from tortoise import Tortoise

from storage import db, erasing
from storage.models import AgendaItem, Dialogue, Meeting
from storage.models.webchat import WebchatMessage
from tests import telegram_client
from tests.stage import Stage

NAME = "Familie Sonnenblum"
TITLE = f"/top RLK: Hilfe für {NAME}, Beratung"


async def traces() -> list[str]:
    """The tables in which the name occurs."""
    found = []
    for models in Tortoise.apps.values():
        for name, model in models.items():
            rows = await model.all().values()
            if any(NAME in str(value) for row in rows for value in row.values()):
                found.append(name)
    return found


async def files_with_traces(store: str) -> list[str]:
    """The database's files in which the name stands, with all that is not in use any more."""
    path = db.sqlite_path(store)
    assert path is not None
    await erasing.empty_log()
    return [file.name for file in sorted(path.parent.glob(f"{path.name}*")) if NAME.encode() in file.read_bytes()]


async def test_text_that_waits_for_an_answer_stands_in_the_dialogue_and_in_the_chat(stage: Stage) -> None:
    await stage.says("Uwe", TITLE)

    assert await traces() == ["Dialogue", "WebchatMessage"]


@pytest.mark.parametrize("way_out", ["🗑 Verwerfen", "✏️ Anders formulieren"])
async def test_discarded_text_leaves_no_trace(stage: Stage, way_out: str) -> None:
    await stage.says("Uwe", TITLE)

    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), way_out))

    assert await traces() == []


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("way_out", ["🗑 Verwerfen", "✏️ Anders formulieren", "/abbrechen", "/top"])
async def test_discarded_text_stands_in_no_file_of_the_database(stage: Stage, store: str, way_out: str) -> None:
    for _ in range(3):
        await stage.says("Uwe", TITLE)
    before = await files_with_traces(store)

    if way_out.startswith("/"):
        await stage.says("Uwe", way_out)
    else:
        await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), way_out))

    assert (before != [], await files_with_traces(store)) == (True, [])


@pytest.mark.only_on("sqlite")
async def test_text_that_was_warned_of_stands_in_no_file_of_the_database(stage: Stage, store: str) -> None:
    await stage.says("Petra", f"{NAME}, geb. 3.4.2015, HPG am 5.5.")

    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "🗑 Verwerfen"))

    assert await files_with_traces(store) == []


@pytest.mark.only_on("sqlite")
async def test_text_that_its_sender_edits_stands_in_no_file_of_the_database(stage: Stage, store: str) -> None:
    await stage.says("Petra", f"Hallo {NAME}")
    (said,) = await WebchatMessage.filter(text__contains=NAME)

    await telegram_client.edits(stage.server, stage.user("Petra"), stage.chat("Petra"), said.message_id, "Hallo")

    assert await files_with_traces(store) == []


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("way_out", ["/abbrechen", "/zurück", "Hilfen am Wochenende"])
async def test_text_leaves_no_trace_when_something_else_is_typed(stage: Stage, way_out: str) -> None:
    await stage.says("Uwe", TITLE)

    await stage.says("Uwe", way_out)

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_text_of_a_guided_entry_leaves_no_trace(stage: Stage) -> None:
    await stage.says("Anna", "/top")
    await stage.presses("Anna", await stage.button(stage.chat("Anna"), "Beratung"))
    await stage.says("Anna", f"Hilfe für {NAME}")

    await stage.presses("Anna", await stage.button(stage.chat("Anna"), "🗑 Verwerfen"))

    assert await traces() == []


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("way_out", ["/zurück", "/abbrechen", "Hilfen am Wochenende"])
async def test_title_at_the_question_for_the_purpose_leaves_no_trace(stage: Stage, way_out: str) -> None:
    await stage.says("Anna", "/top")
    await stage.says("Anna", f"Hilfe für {NAME}")

    await stage.says("Anna", way_out)

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_title_of_a_case_consultation_leaves_no_trace(stage: Stage) -> None:
    await stage.says("Anna", "/top")
    await stage.says("Anna", f"Hilfe für {NAME}")

    kept = "So lassen – die Leitung sieht den Hinweis"
    for label in (kept, "Fallberatung", "1", "Weiß ich noch nicht", "✅ Einreichen"):
        await stage.presses("Anna", await stage.button(stage.chat("Anna"), label))

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_reason_leaves_no_trace(stage: Stage) -> None:
    await stage.says("Uwe", "/top RLK: Ferienprogramm, Beratung")
    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "✖️ Ablehnen"))
    await stage.says("Petra", f"Das betrifft {NAME}")

    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "🗑 Verwerfen"))

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_case_consultation_keeps_nothing_that_was_typed_with_it(stage: Stage) -> None:
    await stage.says("Uwe", f"/top RLK: {NAME}, Fallberatung")

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_text_is_asked_about_before_anything_else(stage: Stage) -> None:
    await stage.says("Uwe", f"/top RLK: Hilfe für {NAME}")

    assert "sieht nach Falldaten aus" in (await stage.news(stage.chat("Uwe")))[-1].text


@pytest.mark.parametrize("another", ["/top", "/top RLK: Ferienprogramm", "/commitment"])
async def test_text_leaves_no_trace_when_something_else_is_begun(stage: Stage, another: str) -> None:
    await stage.says("Petra", f"/top RLK: Hilfe für {NAME}")

    await stage.says("Petra", another)

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_text_that_was_kept_leaves_no_trace_when_it_is_not_handed_in(stage: Stage) -> None:
    await stage.says("Uwe", f"/top RLK: Hilfe für {NAME}")
    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "So lassen – die Leitung sieht den Hinweis"))

    await stage.says("Uwe", "/top")

    assert NAME not in str(await Dialogue.all().values("data"))
    assert await WebchatMessage.filter(text__contains="/top RLK").count() == 0


async def test_text_leaves_no_trace_a_day_later(stage: Stage) -> None:
    await stage.says("Uwe", TITLE)

    await stage.is_now(stage.clock.moment + timedelta(hours=25))

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_text_before_a_case_consultation_leaves_no_trace(stage: Stage) -> None:
    await stage.says("Uwe", f"/top RLK: {NAME.removeprefix('Familie ')}")

    for label in ("Fallberatung", "2", "✅ Einreichen"):
        await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), label))

    assert (await AgendaItem.get()).slots == 2
    assert await WebchatMessage.filter(text__contains="Sonnenblum", sender_id=stage.user("Uwe").id).count() == 0


@pytest.mark.parametrize("before", [None, "/top", "/top RLK: Ferienprogramm", "/organisieren"])
async def test_text_that_answers_nothing_is_warned_of_and_discarded(stage: Stage, before: str | None) -> None:
    if before is not None:
        await stage.says("Petra", before)

    await stage.says("Petra", f"{NAME}, geb. 3.4.2015, HPG am 5.5.")
    (warning,) = await stage.news(stage.chat("Petra"))
    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "🗑 Verwerfen"))

    assert "sieht nach Falldaten aus" in warning.text
    assert await traces() == []


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "text",
    [
        f"/termine {NAME}",
        f"/unbekannt {NAME}",
        f"/top TK Süd: {NAME}, Beratung",
        f"/commitment RLK: Hilfe für {NAME}",
        f"/top RLK: Hilfe für {NAME} {'x' * 300}",
    ],
)
async def test_command_that_comes_to_nothing_is_warned_of(stage: Stage, text: str) -> None:
    await stage.says("Uwe", text)
    (warning,) = await stage.news(stage.chat("Uwe"))

    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "🗑 Verwerfen"))

    assert "sieht nach Falldaten aus" in warning.text
    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_text_that_answers_nothing_goes_within_a_day_and_the_entry_stays(stage: Stage) -> None:
    await stage.says("Uwe", "/top RLK: Ferienprogramm")
    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "Beratung"))
    await stage.says("Uwe", f"HPG {NAME}")
    assert await traces() == ["WebchatMessage"]

    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "🗑 Verwerfen"))
    question = (await stage.news(stage.chat("Uwe")))[-1]
    await stage.says("Uwe", f"HPG {NAME}")
    await stage.is_now(stage.clock.moment + timedelta(hours=25))

    assert "Ferienprogramm" in question.text
    assert await traces() == []


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("label", ["So lassen – die Leitung sieht den Hinweis", "✏️ Anders formulieren", "🗑 Verwerfen"])
async def test_buttons_of_an_older_warning_decide_nothing_about_a_later_text(stage: Stage, label: str) -> None:
    await stage.says("Uwe", "/top RLK: Hilfe für Familie Anders")
    older = await stage.button(stage.chat("Uwe"), label)
    await stage.says("Uwe", f"Hilfe für {NAME}")

    await stage.presses("Uwe", older)

    assert stage.toasts["Uwe"][-1].startswith("Das ist schon erledigt oder gilt nicht mehr.")
    assert (await Dialogue.get()).data["title"] == f"Hilfe für {NAME}"
    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "🗑 Verwerfen"))
    assert await traces() == []


@pytest.mark.parametrize("way_out", ["🗑 Verwerfen", "✏️ Anders formulieren", "/abbrechen", "Jugendamt, Gartenweg 3"])
async def test_place_leaves_no_trace(stage: Stage, way_out: str) -> None:
    await stage.says("Petra", "/organisieren")
    for label in ("➕ Sitzung planen", "Regionalleiterkonferenz"):
        await stage.presses("Petra", await stage.button(stage.chat("Petra"), label))
    await stage.says("Petra", "3.12. 14:30-16 Uhr")
    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "Hybrid"))

    await stage.says("Petra", f"bei {NAME}")
    if way_out[0] in "🗑✏":
        await stage.presses("Petra", await stage.button(stage.chat("Petra"), way_out))
    else:
        await stage.says("Petra", way_out)

    assert await traces() == []


@pytest.mark.only_on("sqlite")
async def test_link_is_looked_at_and_the_place_before_it_may_stay(stage: Stage) -> None:
    await stage.says("Petra", "/organisieren")
    for label in ("➕ Sitzung planen", "Regionalleiterkonferenz"):
        await stage.presses("Petra", await stage.button(stage.chat("Petra"), label))
    await stage.says("Petra", "3.12. 14:30-16 Uhr")
    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "Hybrid"))
    await stage.says("Petra", "Haus Familie Nordstern")
    await stage.presses("Petra", await stage.button(stage.chat("Petra"), "So lassen, es sind keine Falldaten"))

    await stage.says("Petra", f"https://meet.example.org/HPG-{NAME.replace(' ', '-')}")
    warning = (await stage.news(stage.chat("Petra")))[-1]
    await stage.says("Petra", "https://meet.example.org/0891234567")
    for label in ("✅ So planen",):
        await stage.presses("Petra", await stage.button(stage.chat("Petra"), label))

    assert "sieht nach Falldaten aus" in warning.text
    meeting = await Meeting.get()
    assert (meeting.place, meeting.join_link) == ("Haus Familie Nordstern", "https://meet.example.org/0891234567")
    assert await WebchatMessage.filter(text__contains="Sonnenblum").count() == 0


@pytest.mark.only_on("sqlite")
async def test_papers_of_an_entry_that_was_replaced_or_forgotten_stay_only_in_the_chat(stage: Stage) -> None:
    for another in ("/top", None):
        await stage.says("Uwe", "/top RLK: Ferienprogramm")
        await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "Beratung"))
        await stage.sends("Uwe", f"{NAME}.pdf")
        if another is not None:
            await stage.says("Uwe", another)
        else:
            await stage.is_now(stage.clock.moment + timedelta(hours=25))

        assert await traces() == ["WebchatFile"]


@pytest.mark.only_on("sqlite")
async def test_papers_of_a_given_up_entry_stay_only_in_the_chat(stage: Stage) -> None:
    await stage.says("Uwe", "/top RLK: Ferienprogramm")
    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "Beratung"))
    await stage.sends("Uwe", f"{NAME}.pdf")

    await stage.says("Uwe", "/abbrechen")

    assert await traces() == ["WebchatFile"]
