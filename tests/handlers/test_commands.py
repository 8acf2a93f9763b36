"""What is typed that no entry asks for: commands that nobody knows, edits."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from bot.handlers import COMMANDS
from bot.polling import ALLOWED_UPDATES
from storage.models import Dialogue, InboxUpdate, Person
from storage.vocabulary import Network, UpdateState
from tests import telegram_client
from tests.stage import STRANGER, Stage, raise_curtain

PETRA = "Petra Wimmer"
LOST = "Damit kann ich nichts anfangen – aber vielleicht hiermit:"
UNKNOWN = (
    "Guten Tag, ich bin Faden. Ich kenne dieses Konto noch nicht. Eine Leitung oder die Verwaltung Ihres Gremiums kann Sie "
    "einladen; danach geht es über den Link in der Einladung."
)


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.WEBCHAT, moment=now)
    yield made
    await made.faden.stop()


@pytest.mark.parametrize(
    ("language", "typed", "nearest"),
    [("de", "/temrine", "/termine"), ("en", "/meetngs", "/meetings"), ("en", "/temrine", "/meetings")],
)
async def test_nearest_command_is_offered_by_its_name_in_the_readers_language(
    stage: Stage, language: str, typed: str, nearest: str
) -> None:
    await Person.filter(id=stage.user(PETRA).id).update(language=language)

    await stage.says(PETRA, typed)
    last = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)
    labels = [button.label for row in last.buttons for button in row]
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), nearest))
    list_ = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)

    assert labels[0] == nearest
    assert list_.text.splitlines()[0] == {"de": "Nächste Sitzungen", "en": "Upcoming meetings"}[language]


async def test_edit_of_what_was_said_changes_nothing(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten")
    before = await stage.heard(stage.chat(PETRA))
    said = min(message.message_id for message in before) - 1

    await telegram_client.edits(stage.server, stage.user(PETRA), stage.chat(PETRA), said, "/hilfe")
    await stage.settle()

    assert await stage.heard(stage.chat(PETRA)) == before
    assert "edited_message" not in ALLOWED_UPDATES


@pytest.mark.parametrize("payload", ["top-99999999999999999999", "top-²", "top-", "nonsense"])
async def test_start_with_what_no_link_of_ours_carries_is_the_menu(stage: Stage, payload: str) -> None:
    await stage.says(PETRA, f"/start {payload}")

    (menu,) = await stage.heard(stage.chat(PETRA))
    assert "Petra Wimmer" in menu.text
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        (PETRA, "Das ist zu lang: höchstens 4096 Zeichen."),
        (STRANGER, UNKNOWN),
    ],
)
@pytest.mark.parametrize("text", ["Familie " + "x" * 4096, "/termine " + "🙂" * 2048])
async def test_text_over_the_networks_limit_is_not_judged_and_strangers_are_turned_away_first(
    stage: Stage, who: str, answer: str, text: str
) -> None:
    user = stage.user(who)
    await stage.says(who, "Hallo")
    account = {"id": user.id, "is_bot": False, "first_name": user.first_name, "language_code": "de"}
    entities = [{"type": "bot_command", "offset": 0, "length": 8}] if text.startswith("/") else []
    said = {"message_id": 99, "date": 1_790_000_000, "chat": {"id": user.id, "type": "private"}, "from": account}

    update = {"update_id": 10**6, "message": {**said, "text": text, "entities": entities}}
    await stage.faden.inbox.receive(Network.WEBCHAT, update)
    await stage.settle()

    last = max(await stage.heard(user.id), key=lambda message: message.change)
    assert last.text.splitlines()[0] == answer


@pytest.mark.parametrize("who", [PETRA, STRANGER])
async def test_blanks_that_once_held_everybody_up_are_answered(stage: Stage, who: str) -> None:
    await stage.says(who, "Hallo" + " " * 1000 + "x")

    last = max(await stage.heard(stage.chat(who)), key=lambda message: message.change)
    assert last.text.splitlines()[0] == {PETRA: LOST, STRANGER: UNKNOWN}[who]


NAMES = sorted({name for command in COMMANDS for name in (command.german, command.english)})


async def said(stage: Stage, text: str) -> str:
    await stage.says(PETRA, text)
    return max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change).text


async def test_name_of_a_command_does_without_its_slash_what_it_does_with_it(stage: Stage) -> None:
    answers = {}
    for name in NAMES:
        for typed in (f"/{name}", name, f"{name.upper()}!"):
            await stage.says(PETRA, "/abbrechen")
            answers[typed] = await said(stage, typed)

    assert {name: answers[name] for name in NAMES} == {name: answers[f"/{name}"] for name in NAMES}
    assert {name: answers[f"{name.upper()}!"] for name in NAMES} == {name: answers[f"/{name}"] for name in NAMES}
    assert [name for name in NAMES if LOST in answers[name]] == []


async def test_name_of_a_command_is_never_taken_for_a_title(stage: Stage) -> None:
    taken = []
    for name in NAMES:
        await stage.says(PETRA, "/abbrechen")
        await stage.says(PETRA, "/top RLK")
        await stage.says(PETRA, name.capitalize())
        taken += [name for entry in await Dialogue.all() if "title" in entry.data]

    assert taken == []


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("abbrechen", "Verworfen. Es wurde nichts gespeichert."),
        ("Cancel", "Verworfen. Es wurde nichts gespeichert."),
        ("Zurück", "In welcher Form?"),
        ("back", "In welcher Form?"),
    ],
)
async def test_way_out_and_way_back_are_typed_in_the_middle_of_an_entry(stage: Stage, typed: str, answer: str) -> None:
    await stage.says(PETRA, "/organisieren")
    for label in ("RLK", "➕ Sitzung planen"):
        await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))
    await stage.says(PETRA, "3.12. 9-11 Uhr")
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "In Präsenz"))

    assert answer in await said(stage, typed)


@pytest.mark.parametrize(
    ("slash", "bare"),
    [
        ("/top RLK: Ferienprogramm, Beschluss", "Top RLK: Ferienprogramm, Beschluss"),
        ("/item RLK: Ferienprogramm, Beschluss", "item RLK: Ferienprogramm, Beschluss"),
        ("/commitment RLK: Fachtag", "Commitment RLK: Fachtag"),
        ("/top RLK: Familie M., Beratung", "top RLK: Familie M., Beratung"),
    ],
)
async def test_entry_in_one_line_needs_no_slash_where_nothing_is_asked(stage: Stage, slash: str, bare: str) -> None:
    with_slash = await said(stage, slash)
    await stage.says(PETRA, "/abbrechen")

    without = await said(stage, bare)
    await stage.says(PETRA, "/abbrechen")
    await stage.says(PETRA, "/top RLK")
    await stage.says(PETRA, bare)

    assert without == with_slash
    assert (await Dialogue.get()).data["title"] == bare


async def test_sentence_that_begins_with_the_name_of_another_command_is_none(stage: Stage) -> None:
    assert LOST in await said(stage, "Termine bitte")


@pytest.mark.parametrize(("who", "listed"), [(PETRA, True), ("Anna Lechner", False), ("Rainer Puchner", True)])
async def test_help_lists_what_somebody_may_do(stage: Stage, who: str, *, listed: bool) -> None:
    await stage.says(who, "/hilfe")

    (answer,) = await stage.heard(stage.chat(who))
    assert ("/organisieren" in answer.text) is listed
