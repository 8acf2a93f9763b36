"""What was discarded leaves no trace: in no table, neither ours nor the network's."""

import pytest
from tortoise import Tortoise

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


async def test_text_that_waits_for_an_answer_stands_in_the_dialogue_and_in_the_chat(stage: Stage) -> None:
    await stage.says("Uwe", TITLE)

    assert await traces() == ["Dialogue", "WebchatMessage"]


@pytest.mark.parametrize("way_out", ["🗑 Verwerfen", "✏️ Anders formulieren"])
async def test_discarded_text_leaves_no_trace(stage: Stage, way_out: str) -> None:
    await stage.says("Uwe", TITLE)

    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), way_out))

    assert await traces() == []


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

    for label in ("Fallberatung", "1", "Weiß ich noch nicht", "✅ Einreichen"):
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
async def test_papers_of_a_given_up_entry_stay_only_in_the_chat(stage: Stage) -> None:
    await stage.says("Uwe", "/top RLK: Ferienprogramm")
    await stage.presses("Uwe", await stage.button(stage.chat("Uwe"), "Beratung"))
    await stage.sends("Uwe", f"{NAME}.pdf")

    await stage.says("Uwe", "/abbrechen")

    assert await traces() == ["WebchatFile"]
