"""Guided entries whose question is refused meanwhile, because of what others did: they are given up, and say why."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from storage.models import Commitment, Dialogue
from storage.models.webchat import WebchatMessage
from storage.vocabulary import CommitmentState, Network
from tests.stage import Stage, raise_curtain

PETRA, MONIKA = "Petra Wimmer", "Monika Zeiler"
CASE = "Hilfeplangespräch Leon, Familie Sonnenblum"
INVITED = "Alle im Gremium sind schon eingeladen."
DISCARDED = "🗑 Verworfen. Von diesem Text ist nichts gespeichert."


@pytest.fixture(params=[Network.WEBCHAT, Network.TELEGRAM], ids=["webchat", "telegram"])
async def stage(request: pytest.FixtureRequest, store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=request.param, moment=now)
    yield made
    await made.faden.stop()


async def presses(stage: Stage, who: str, *labels: str) -> None:
    for label in labels:
        await stage.presses(who, await stage.button(stage.chat(who), label))


async def heard(stage: Stage, who: str) -> list[str]:
    return [message.text for message in await stage.news(stage.chat(who))]


async def to_be_invited(stage: Stage) -> None:
    """Petra has planned a meeting, and both who lead have "Einladen" open."""
    await stage.says(PETRA, "/organisieren")
    await presses(stage, PETRA, "RLK", "➕ Sitzung planen")
    await stage.says(PETRA, "3.12. 14:30-16 Uhr")
    await presses(stage, PETRA, "In Präsenz", "📍 Wie üblich: Jugendamt, Besprechungsraum 1.12", "✅ So planen")
    for who in (PETRA, MONIKA):
        await stage.says(who, "/termine")
        await presses(stage, who, "RLK · Do, 03.12.", "✉️ Einladen" if who == MONIKA else "✉️ Jetzt einladen")


async def traces() -> int:
    return await WebchatMessage.filter(text__contains="Sonnenblum").count()


@pytest.mark.parametrize("warned_first", [True, False])
async def test_text_that_was_warned_about_goes_although_all_are_invited_meanwhile(
    stage: Stage, *, warned_first: bool
) -> None:
    await to_be_invited(stage)
    if warned_first:
        await stage.says(MONIKA, CASE)
        await presses(stage, PETRA, "✉️ Einladen")
    else:
        await presses(stage, PETRA, "✉️ Einladen")
        await stage.says(MONIKA, CASE)

    await presses(stage, MONIKA, "🗑 Verwerfen")

    assert stage.toasts.get(MONIKA, []) == ([INVITED] if warned_first else [])
    assert await heard(stage, MONIKA) == [DISCARDED]
    assert (await traces(), await Dialogue.all().count()) == (0, 0)


async def test_text_that_was_warned_about_goes_although_the_seat_is_lost(stage: Stage) -> None:
    await to_be_invited(stage)
    await stage.says(MONIKA, CASE)
    await stage.leaves(MONIKA, "RLK")

    await presses(stage, MONIKA, "🗑 Verwerfen")

    assert await heard(stage, MONIKA) == [DISCARDED]
    assert (await traces(), await Dialogue.filter(person_id=stage.user(MONIKA).id).count()) == (0, 0)


async def test_text_that_was_warned_about_goes_although_the_commitment_is_fulfilled(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten, Zeiler, bis 30.09.")
    await presses(stage, PETRA, "Niemand weiter", "✅ Festhalten")
    await presses(stage, MONIKA, "🤝 Bestätigen", "🗓 Verschieben")
    await stage.says(MONIKA, CASE)
    await Commitment.all().update(state=CommitmentState.FULFILLED)

    await presses(stage, MONIKA, "🗑 Verwerfen")

    assert await heard(stage, MONIKA) == [DISCARDED]
    assert (await traces(), await Dialogue.all().count()) == (0, 0)


@pytest.mark.parametrize("answer", ["Gern", "/zurück"])
async def test_what_is_typed_gives_the_entry_up_and_is_told_why(stage: Stage, answer: str) -> None:
    await to_be_invited(stage)
    await presses(stage, PETRA, "✉️ Einladen")

    await stage.says(MONIKA, answer)
    first = await heard(stage, MONIKA)
    await stage.says(MONIKA, answer)

    assert (first, await Dialogue.all().count()) == ([INVITED], 0)
    assert INVITED not in await heard(stage, MONIKA)


async def test_refusal_that_the_question_does_not_share_leaves_the_entry_open(stage: Stage) -> None:
    await to_be_invited(stage)

    await stage.says(MONIKA, "Gern")

    assert await Dialogue.filter(person_id=stage.user(MONIKA).id).count() == 1
