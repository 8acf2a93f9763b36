"""What Telegram takes in and answers where a privacy level keeps something off it, in the sample town.

Petra Wimmer leads the RLK and the SRT-Nord.
"""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from bot.actions.meetings import meetings
from bot.webchat import reading
from storage.db import unit_of_work
from storage.models import (
    AgendaItem,
    Attendance,
    Body,
    Commitment,
    Dialogue,
    Document,
    InboxUpdate,
    Meeting,
    Membership,
    Organisation,
    Person,
)
from storage.vocabulary import MeetingFormat, Network, UpdateState
from tests.stage import Button, Stage, raise_curtain

PETRA = "Petra Wimmer"
ELSEWHERE = (
    "Das geht nicht über Telegram: Hier wurde nichts angenommen. Bitte im Browser weitermachen.",
    ["Zum Web-Chat"],
)
HINTS = ("Telegram zeigt hier nur Hinweise; weiter geht es in der Web-Ansicht.", ["Ansehen"])


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.TELEGRAM, moment=now)
    await made.says(PETRA, "/start")
    yield made
    await made.faden.stop()


async def said(stage: Stage, text: str) -> list[tuple[str, list[str]]]:
    """Petra writes; the texts and labels of what she hears."""
    await stage.says(PETRA, text)
    return await heard(stage)


async def heard(stage: Stage) -> list[tuple[str, list[str]]]:
    return [
        (message.text, [button.label for row in message.buttons for button in row])
        for message in await stage.news(stage.chat(PETRA))
    ]


async def pressed(stage: Stage, data: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Petra presses; the toasts, and what she hears."""
    await stage.presses(PETRA, Button(label=data, message_id=0, data=data))
    return stage.toasts.get(PETRA, []), await heard(stage)


async def level(stage: Stage, wanted: int, of: str = "body") -> None:
    """The RLK, Petra's organisation, or Petra herself has that level."""
    if of == "body":
        await Body.filter(code="RLK").update(level=wanted)
    elif of == "organisation":
        await Organisation.filter(key="jugendamt").update(level=wanted)
    else:
        await Person.filter(id=stage.people[PETRA].id).update(level=wanted)


async def meeting(stage: Stage) -> int:
    """A meeting of the RLK."""
    plan = meetings.Plan(starts=datetime.fromisoformat("2026-12-03T09:00"), minutes=90, format=MeetingFormat.PRESENCE)
    body = (await Body.get(code="RLK")).id
    made = await unit_of_work(
        lambda: meetings.schedule(by=stage.people[PETRA], body=body, plan=plan, host="faden.example", now=stage.clock())
    )
    return int(made["meeting"]["id"])


async def stored() -> list[int]:
    """How much there is of what people can hand in."""
    return [await model.all().count() for model in (AgendaItem, Commitment, Document, Meeting, Dialogue)]


@pytest.mark.parametrize("of", ["body", "organisation", "person"])
@pytest.mark.parametrize(
    "text",
    [
        "/top RLK: Ferienprogramm, Beschluss, 20 min",
        "/top RLK: Ferienprogramm",
        "/commitment RLK: Fachtag vorbereiten, Aumüller + Wieser, bis 30.09.",
    ],
)
async def test_text_about_what_telegram_may_not_carry_is_not_taken_in(stage: Stage, of: str, text: str) -> None:
    await level(stage, 0, of)

    answer = await said(stage, text)

    assert answer == [ELSEWHERE]
    assert await stored() == [0] * 5


@pytest.mark.parametrize("of", ["organisation", "person"])
@pytest.mark.parametrize("text", ["/start", "/termine", "Guten Morgen", "/müsli", "Kind K. aus der Gartenstraße 5"])
async def test_person_whom_telegram_carries_nothing_to_is_sent_to_the_browser(stage: Stage, of: str, text: str) -> None:
    await level(stage, 0, of)

    assert await said(stage, text) == [ELSEWHERE]


@pytest.mark.parametrize(
    ("text", "first"), [("/abbrechen", "Es war nichts angefangen."), ("/datenschutz", "Datenschutz")]
)
async def test_what_has_no_content_is_answered_at_every_level(stage: Stage, text: str, first: str) -> None:
    await level(stage, 0, "person")

    [(told, _)] = await said(stage, text)

    assert told.splitlines()[0] == first


@pytest.mark.parametrize("of", ["body", "organisation", "person"])
@pytest.mark.parametrize(("wanted", "told"), [(0, ELSEWHERE), (1, HINTS)])
async def test_entry_that_is_open_when_its_level_is_lowered_takes_nothing_more(
    stage: Stage, of: str, wanted: int, told: tuple[str, list[str]]
) -> None:
    await said(stage, "/top RLK: Ferienprogramm")
    await level(stage, wanted, of)

    first = await said(stage, "Beschluss")
    second = await said(stage, "Guten Morgen")

    assert first == [told]
    assert await stored() == [0] * 5
    assert second != first or of != "body"  # nothing is asked any more, so this is no answer


async def test_entry_that_is_open_when_its_level_is_lowered_takes_neither_files_nor_presses_nor_goes_back(
    stage: Stage,
) -> None:
    for act in ("file", "press", "/zurueck"):
        await level(stage, 3)
        await said(stage, "/top RLK: Ferienprogramm")
        await level(stage, 0)

        if act == "file":
            await stage.sends(PETRA, "Konzept.pdf")
            told = await heard(stage)
        elif act == "press":
            toasts, news = await pressed(stage, "d:item:purpose:decision")
            told = [(toast, ["Zum Web-Chat"]) for toast in toasts] + news
        else:
            told = await said(stage, act)

        assert told == [ELSEWHERE]
        assert await stored() == [0] * 5


async def test_text_that_was_warned_about_goes_even_if_the_entry_may_not_go_on(stage: Stage) -> None:
    await said(stage, "/top RLK: Ferienprogramm")
    await said(stage, "/termine Familie M. in der Gartenstraße 5")
    await level(stage, 0)
    chat = stage.chat(PETRA)

    toasts, _ = await pressed(stage, "drop")

    assert toasts == [ELSEWHERE[0]]
    texts = [message.message.get("text", "") for message in await reading.messages(stage.server, chat)]
    assert [text for text in texts if "Familie" in text] == []
    assert await stored() == [0] * 5


@pytest.mark.parametrize(
    "code", ["m:{}", "a:{}", "inew:{}", "mi:{}", "mw:{}", "mm:{}", "mc:{}", "ma:{}:accepted", "ob:{}"]
)
async def test_press_about_a_body_whose_level_was_lowered_is_answered_and_changes_nothing(
    stage: Stage, code: str
) -> None:
    number = await meeting(stage)
    await level(stage, 0)
    body = (await Body.get(code="RLK")).id

    toasts, news = await pressed(stage, code.format(body if code.startswith("ob") else number))

    not_invited = code.startswith("ma") and toasts == ["Das gibt es nicht, oder es ist nicht für Sie bestimmt."]
    assert (toasts == [ELSEWHERE[0]] or not_invited, news) == (True, [])
    assert await Attendance.all().count() == await Dialogue.all().count() == 0


@pytest.mark.parametrize("code", ["noop", "menu", "stop", "d:item:confirm:yes", "nonsense"])
async def test_every_press_of_a_person_at_level_0_is_answered(stage: Stage, code: str) -> None:
    await level(stage, 0, "person")

    toasts, _ = await pressed(stage, code)  # the stage asserts that there is an answer

    assert toasts == ([] if code in ("noop", "stop") else [ELSEWHERE[0]])


async def test_answer_at_level_1_says_that_telegram_shows_hints_only(stage: Stage) -> None:
    await level(stage, 1, "person")

    assert await said(stage, "/termine") == [HINTS]


async def test_question_that_would_be_a_hint_is_not_asked_and_swallows_nothing(stage: Stage) -> None:
    await level(stage, 1)

    asked = await said(stage, "/top RLK: Ferienprogramm")
    following = await said(stage, "Guten Morgen")

    assert asked == [HINTS]
    assert following[0][0].startswith("Damit kann ich nichts anfangen")
    assert await stored() == [0] * 5


async def test_other_bodies_go_on_as_before(stage: Stage) -> None:
    await level(stage, 0)

    answer = await said(stage, "/top SRT-Nord: Ferienprogramm, Beschluss, 20 min")

    assert answer[0][0].splitlines()[0] == "✅ Eingereicht."
    assert await AgendaItem.all().count() == 1
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


async def test_list_of_people_of_a_body_at_level_0_is_given_back(stage: Stage) -> None:
    await Person.filter(id=stage.people[PETRA].id).update(administrator=True)
    await level(stage, 0)
    content = b"Vorname;Nachname;Gremium\nNora;Quint;RLK\n"

    await stage.sends(PETRA, "leute.csv", content)

    assert (await heard(stage))[-1] == ELSEWHERE
    assert await Dialogue.all().count() == 0
    assert await Membership.filter(person__family_name="Quint").count() == 0
