"""What is typed in a guided entry that its question did not ask for in so many words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.webchat import reading
from storage.models import AgendaItem, Body, Dialogue, Meeting
from storage.vocabulary import Network, Purpose
from tests.stage import Button, Stage, raise_curtain

PETRA, KATHARINA = "Petra Wimmer", "Katharina Brandl"  # Katharina has one seat, in the TK


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.WEBCHAT, moment=now)
    yield made
    await made.faden.stop()


async def heard(stage: Stage) -> list[str]:
    """The lines of what Petra heard last."""
    last = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)
    return last.text.splitlines()


async def presses(stage: Stage, *labels: str) -> None:
    for label in labels:
        await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))


async def planned_until(stage: Stage, *acts: str) -> None:
    """Petra plans a meeting of the RLK; what is in brackets is pressed."""
    await stage.says(PETRA, "/organisieren")
    await presses(stage, "RLK", "➕ Sitzung planen")
    for act in acts:
        await (presses(stage, act[1:-1]) if act.startswith("[") else stage.says(PETRA, act))


@pytest.mark.parametrize(
    ("acts", "sentence"),
    [
        (("3.12.", "nachher"), "Das habe ich nicht als Uhrzeit verstanden."),
        (("nachher",), "Das habe ich nicht als Termin verstanden."),
    ],
)
async def test_step_that_takes_text_says_what_it_takes(stage: Stage, acts: tuple[str, ...], sentence: str) -> None:
    await planned_until(stage, *acts)

    assert (await heard(stage))[0] == sentence


@pytest.mark.parametrize("command", ["/zurück", "/ZURÜCK", "/zurueck", "/back"])
async def test_back_is_typed_in_every_spelling(stage: Stage, command: str) -> None:
    await planned_until(stage, "3.12. 9-11 Uhr", "[In Präsenz]", command)

    assert (await heard(stage))[-1] == "In welcher Form?"


async def test_title_is_kept_where_the_purpose_is_asked(stage: Stage) -> None:
    await stage.says(PETRA, "/top")
    await presses(stage, "Regionalleiterkonferenz")
    for text in ("Rufbereitschaft", "Beratung", "20 min"):
        await stage.says(PETRA, text)
    await presses(stage, "✅ Einreichen")

    item = await AgendaItem.get()

    assert (item.title, item.purpose, item.minutes) == ("Rufbereitschaft", Purpose.CONSULTATION, 20)


async def test_text_with_a_slash_that_is_no_command_is_not_taken_for_an_answer(stage: Stage) -> None:
    await planned_until(stage, "3.12. 9-11 Uhr", "[In Präsenz]", "/müsli")

    assert (await heard(stage))[0].startswith("Diesen Befehl kenne ich nicht.")


@pytest.mark.parametrize(
    ("typed", "link", "told"),
    [
        ("Einwahl 0911 1234 PIN 44", "Einwahl 0911 1234 PIN 44", "💻 Einwahl 0911 1234 PIN 44"),
        ("meet.jit.si/abc", "https://meet.jit.si/abc", "💻 Zur Videokonferenz"),
        ("meet.example.org/abc", "https://meet.example.org/abc", "💻 Zur Videokonferenz"),
        ("kein Link", None, "💻 online, der Zugang folgt"),
    ],
)
async def test_typed_way_into_the_meeting_is_told_to_its_members(
    stage: Stage, typed: str, link: str | None, told: str
) -> None:
    await planned_until(stage, "3.12. 9-11 Uhr", "[Online]", typed)
    await presses(stage, "✅ So planen")

    assert (await Meeting.get()).join_link == link
    assert told in await heard(stage)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("/top RLK", "Regionalleiterkonferenz"),
        ("/top rlk", "Regionalleiterkonferenz"),
        ("/top Regionalleiterkonferenz", "Regionalleiterkonferenz"),
        ("/top SRT Nord, Beschluss", "Sozialraumteam Nord"),
        ("/top RLK, Fallberatung", "Regionalleiterkonferenz"),
        ("/commitment RLK", "Regionalleiterkonferenz"),
    ],
)
async def test_code_of_ones_own_body_without_a_colon_is_the_body_and_no_text(
    stage: Stage, typed: str, asked: str
) -> None:
    await stage.says(PETRA, typed)

    lines = await heard(stage)
    entry = await Dialogue.get()
    assert lines[0].partition(" · ")[0] == asked
    assert entry.data["body"] == (await Body.get(name=asked)).id
    assert entry.data.keys() & {"title", "what"} == set()
    assert (await reading.messages(stage.server, stage.chat(PETRA)))[0].message["text"] == typed


@pytest.mark.parametrize("typed", ["/top Rufbereitschaft", "/top Trägerkonferenz", "/top RLK Ausflug"])
async def test_other_words_without_a_colon_are_the_title(stage: Stage, typed: str) -> None:
    await stage.says(PETRA, typed)

    assert (await Dialogue.get()).data["title"] == typed.removeprefix("/top ")


async def test_line_whose_body_is_unknown_is_confirmed_before_it_is_handed_in(stage: Stage) -> None:
    await stage.says(KATHARINA, "/top Kinderbauernhof: Stand der Planung, Bericht, 10 min")

    entry = await Dialogue.get()
    assert (entry.step, entry.data["title"]) == ("confirm", "Kinderbauernhof: Stand der Planung")
    assert await AgendaItem.all().count() == 0


TWICE = "So, 31.10.2027 (KW 43), {}"


@pytest.mark.parametrize(
    ("acts", "begins", "ends"),
    [
        (("30.10.2027 23:30-3:30",), (30, 21, 30), (31, 2, 30)),
        (("31.10.2027 02:30", f"[{TWICE.format('02:30 (Sommerzeit)')}]", "60 min"), (31, 0, 30), (31, 1, 30)),
        (("31.10.2027 02:30", f"[{TWICE.format('02:30 (Winterzeit)')}]", "60 min"), (31, 1, 30), (31, 2, 30)),
        (("31.10.2027", "02:30", f"[{TWICE.format('02:30 (Winterzeit)')}]", "60 min"), (31, 1, 30), (31, 2, 30)),
        (
            ("31.10.2027 01:00-02:30", f"[{TWICE.format('01:00–02:30 (Winterzeit)')}]"),
            (30, 23, 0),
            (31, 1, 30),
        ),
        (("31.10.2027 02:30-04:00", f"[{TWICE.format('02:30 (Sommerzeit)–04:00')}]"), (31, 0, 30), (31, 3, 0)),
    ],
)
async def test_typed_end_is_kept_over_the_clock_change_and_an_hour_that_comes_twice_is_asked(
    stage: Stage, acts: tuple[str, ...], begins: tuple[int, int, int], ends: tuple[int, int, int]
) -> None:
    await planned_until(stage, *acts, "[In Präsenz]", "[Noch offen]", "[✅ So planen]")

    meeting = await Meeting.get()
    moments = tuple(datetime(2027, 10, *when, tzinfo=UTC) for when in (begins, ends))
    assert (meeting.starts_at, meeting.ends_at) == moments


@pytest.mark.parametrize(
    ("acts", "offered", "begins", "ends"),
    [
        (("28.3.2027 02:30",), "03:30", (1, 30), (2, 30)),
        (("So 28.3.2027 2:30-4:00",), "03:30–04:00", (1, 30), (2, 0)),
        (("28.3.2027 1:30-2:30",), "01:30–03:30", (0, 30), (1, 30)),
        (("28.3.2027", "2:30"), "03:30", (1, 30), (2, 30)),
    ],
)
async def test_hour_that_the_clock_change_skips_is_told_and_the_next_time_offered(
    stage: Stage, acts: tuple[str, ...], offered: str, begins: tuple[int, int], ends: tuple[int, int]
) -> None:
    await planned_until(stage, *acts)

    said = (await heard(stage))[1]
    await presses(stage, f"So, 28.03.2027 (KW 12), {offered}")
    if "–" not in offered:
        await stage.says(PETRA, "1 Stunde")
    await presses(stage, "In Präsenz", "Noch offen", "✅ So planen")

    meeting = await Meeting.get()
    assert said.startswith("In dieser Nacht wird die Uhr vorgestellt, und diese Uhrzeit gibt es nicht.")
    assert (meeting.starts_at, meeting.ends_at) == tuple(
        datetime(2027, 3, 28, *at, tzinfo=UTC) for at in (begins, ends)
    )


@pytest.mark.parametrize(
    ("acts", "begins", "ends"),
    [
        (("3.12.2026 10 Uhr", "bis 12:30"), "2026-12-03T09:00", "2026-12-03T11:30"),
        (("3.12.2026 10 Uhr", "10-12"), "2026-12-03T09:00", "2026-12-03T11:00"),
        (
            ("28.3.2027 01:30", "bis 2:30", "[So, 28.03.2027 (KW 12), 01:30–03:30]"),
            "2027-03-28T00:30",
            "2027-03-28T01:30",
        ),
        (
            ("31.10.2027 01:30", "bis 2:30", f"[{TWICE.format('01:30–02:30 (Winterzeit)')}]"),
            "2027-10-30T23:30",
            "2027-10-31T01:30",
        ),
    ],
)
async def test_end_is_an_answer_to_how_long(stage: Stage, acts: tuple[str, ...], begins: str, ends: str) -> None:
    await planned_until(stage, *acts, "[In Präsenz]", "[Noch offen]", "[✅ So planen]")

    meeting = await Meeting.get()
    moments = tuple(datetime.fromisoformat(f"{moment}+00:00") for moment in (begins, ends))
    assert (meeting.starts_at, meeting.ends_at) == moments


async def test_back_from_two_ends_asks_how_long_once_more(stage: Stage) -> None:
    await planned_until(stage, "31.10.2027 01:30", "bis 2:30")
    offered = await heard(stage)
    await presses(stage, "‹ Zurück")

    assert "Das kann zweierlei heißen. Was ist gemeint?" in offered
    assert (await heard(stage))[-1] == "Wie lange? Zum Beispiel 90 min, 2 Stunden oder bis 16 Uhr."


async def test_option_after_a_skipped_one_says_nothing_of_the_clock(stage: Stage) -> None:
    await planned_until(stage, "28.3.2027 02:30", "[‹ Anderer Tag]", "nächsten Montag 14 Uhr")

    assert (await heard(stage))[1] == "Das kann zweierlei heißen. Was ist gemeint?"


WARNED = (
    "⚠️ Dieser Text sieht nach Falldaten aus (Name, Geburtsdatum, Adresse, Hilfeplan …). Die gehören nicht in Faden."
)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("Mo 3.3.2027 10-12", "Wochentag und Datum passen nicht zusammen."),
        ("Mo 29.2.2027 10-12", "Diesen Tag oder diese Uhrzeit gibt es nicht."),
        ("So 28.3.2027 um 25 Uhr", "Diesen Tag oder diese Uhrzeit gibt es nicht."),
        ("Mo 3.3.2025 10-12", "Das liegt in der Vergangenheit."),
        ("So 28.3.2027 um 25 Uhr Leon K.", WARNED),
        ("Mo 3.3.2027 Leon K.", WARNED),
        ("Leon 3.3.2027", WARNED),
    ],
)
async def test_wrong_date_is_asked_again_and_case_data_are_warned_of(stage: Stage, typed: str, sentence: str) -> None:
    await planned_until(stage, typed)

    said = (await heard(stage))[0]
    await stage.says(PETRA, "3.12. 9-11 Uhr")
    assert said == sentence
    assert (await heard(stage))[-1] == "In welcher Form?"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("Mo 3.3.2027", "Wochentag und Datum passen nicht zusammen."),
        ("Leon 3.3.2027", WARNED),
    ],
)
async def test_wrong_end_of_a_commitment_is_asked_again(stage: Stage, typed: str, sentence: str) -> None:
    for text in ("/commitment RLK: Fachtag vorbereiten", "Petra Wimmer", "Caritas", typed):
        await stage.says(PETRA, text)

    assert (await heard(stage))[0] == sentence


@pytest.mark.parametrize("pressed", ["2027-10-31T02:30AB", "2027-13-31T02:30B", "B", "2027-10-31B"])
async def test_button_that_names_no_time_of_ours_asks_again(stage: Stage, pressed: str) -> None:
    await planned_until(stage)
    forged = Button(label="forged", message_id=0, data=f"d:meeting:when:{pressed}")

    await stage.presses(PETRA, forged)

    assert await Meeting.all().count() == 0
    assert stage.toasts[PETRA] == [
        "Das habe ich nicht als Termin verstanden.\n\nZum Beispiel so: nächsten Dienstag 14:30 oder 3.12. 9 Uhr"
    ]
