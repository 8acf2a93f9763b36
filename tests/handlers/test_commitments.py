"""Commitments through the chat door, in the sample town: Petra Wimmer leads the RLK, Monika Zeiler is her deputy."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from bot.rules import names
from storage.models import Commitment, CommitmentParty, Dialogue, Notice, Person
from storage.vocabulary import CommitmentState, DueKind, Network
from tests.stage import Stage, raise_curtain

PETRA, MONIKA, STEFAN = "Petra Wimmer", "Monika Zeiler", "Stefan Aumüller"


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.WEBCHAT, moment=now)
    yield made
    await made.faden.stop()


async def presses(stage: Stage, who: str, *labels: str) -> None:
    for label in labels:
        await stage.presses(who, await stage.button(stage.chat(who), label))


async def heard(stage: Stage, who: str) -> tuple[list[str], list[str]]:
    """The lines and the buttons of what reached somebody, or changed, last."""
    last = max(await stage.heard(stage.chat(who)), key=lambda message: message.change)
    return last.text.splitlines(), [button.label for row in last.buttons for button in row]


async def recorded() -> Commitment:
    return await Commitment.all().order_by("-id").limit(1).get()


async def parties() -> list[tuple[str, int | None, str | None, bool]]:
    rows = await CommitmentParty.all().order_by("id")
    return [(row.side.value, row.person_id, row.name, row.by_hand) for row in rows]


LINE = "/commitment RLK: Beratungsangebot aufbauen, Aumüller, bis 30.09."


async def test_record_step_by_step(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment")
    await presses(stage, PETRA, "Regionalleiterkonferenz")
    await stage.says(PETRA, "Beratungsangebot aufbauen")
    await presses(stage, PETRA, "Stefan Aumüller", "Weiter ›")
    await stage.says(PETRA, "Sozialbehörde")
    await presses(stage, PETRA, "Von außen: Sozialbehörde")
    await stage.says(PETRA, "30.09.")

    lines, _ = await heard(stage, PETRA)

    assert lines == [
        "Bitte prüfen:",
        "Regionalleiterkonferenz",
        "Beratungsangebot aufbauen",
        "👤 Stefan Aumüller ↔ Sozialbehörde",
        "🗓 bis Do, 30.09.2027 (KW 39)",
    ]
    await presses(stage, PETRA, "✅ Festhalten")
    stefan = stage.user(STEFAN).id
    assert await parties() == [("owner", stefan, None, False), ("counterpart", None, "Sozialbehörde", True)]
    assert (await heard(stage, STEFAN))[1] == ["🤝 Bestätigen", "✖️ Nicht einverstanden"]


async def test_record_from_a_line(stage: Stage) -> None:
    line = "/commitment RLK: Fachtag vorbereiten, Leitung TK + Caritas, in den übernächsten Sitzungen von RLK und TK"
    await stage.says(PETRA, line)
    await presses(stage, PETRA, "✅ Festhalten")

    lines, _ = await heard(stage, PETRA)

    assert lines[-2:] == [
        "👤 Leitung Trägerkonferenz ↔ Caritas Lindental",
        "🗓 in der übernächsten Sitzung: RLK (noch nicht geplant), TK (noch nicht geplant)",
    ]


async def test_record_asks_who_is_meant_and_until_when(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten, Mustermann + Wieser + Wimmer, bis demnächst")
    unknown, buttons = await heard(stage, PETRA)
    await presses(stage, PETRA, "Weglassen")
    await stage.says(PETRA, "Aumüller")
    await presses(stage, PETRA, "Dauerhaft", "✅ Festhalten")

    assert unknown[-1] == "„Mustermann“ kenne ich nicht. Von außen dazunehmen? Dann gilt es als von Hand bestätigt."
    assert buttons == ["Von außen: Mustermann", "Weglassen", "Abbrechen"]
    sides = [(side, person) for side, person, _, _ in await parties()]
    assert sides == [
        ("owner", stage.user(STEFAN).id),
        ("counterpart", stage.user("Lukas Wieser").id),
        ("counterpart", stage.user(PETRA).id),
    ]
    assert (await recorded()).due_kind is DueKind.STANDING


async def test_record_can_be_chosen_anew_and_gone_back(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten")
    await presses(stage, PETRA, "Monika Zeiler", "Neu wählen", "Ich selbst", "Weiter ›", "Niemand weiter", "‹ Zurück")

    lines, _ = await heard(stage, PETRA)

    assert lines[1] == "Mit wem ist es vereinbart?"


async def test_record_offers_the_days_that_may_be_meant(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten, Aumüller + Wieser")
    await stage.says(PETRA, "nächsten Dienstag")
    _, buttons = await heard(stage, PETRA)
    await presses(stage, PETRA, "Di, 24.11.2026 (KW 48)", "✅ Festhalten")

    assert buttons[:2] == ["Di, 24.11.2026 (KW 48)", "Di, 01.12.2026 (KW 49)"]
    assert str((await recorded()).due_on) == "2026-11-24"


async def test_record_asks_for_the_body_of_a_meeting(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten, Aumüller + Wieser")
    await presses(stage, PETRA, "Nächste Sitzung")
    await stage.says(PETRA, "Gremium XYZ")
    refused, _ = await heard(stage, PETRA)
    await presses(stage, PETRA, "Regionalleiterkonferenz")
    await stage.says(PETRA, "TK")

    lines, _ = await heard(stage, PETRA)

    assert refused == ["Dieses Gremium kenne ich nicht. Bitte wählen, oder das Kürzel eintippen."]
    assert lines[-1] == "🗓 in der nächsten Sitzung: RLK (noch nicht geplant), TK (noch nicht geplant)"


async def test_record_of_a_text_that_looks_like_a_case(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Klärung mit Familie M., Aumüller + Wieser, dauerhaft")
    await presses(stage, PETRA, "✏️ Anders formulieren")
    await stage.says(PETRA, "Hilfe für Familie M.")
    await presses(stage, PETRA, "So lassen – die Leitung sieht den Hinweis")
    lines, _ = await heard(stage, PETRA)
    await stage.says(PETRA, "/commitment RLK: Klärung mit Familie M.")
    await presses(stage, PETRA, "🗑 Verwerfen")

    assert lines[2:] == [
        "Hilfe für Familie M.",
        "👤 Stefan Aumüller ↔ Lukas Wieser",
        "🗓 dauerhaft",
        "⚠️ mit Hinweis an die Leitung: sieht nach Falldaten aus",
    ]
    assert await Dialogue.all().count() == 0


async def test_record_refused_to_a_member(stage: Stage) -> None:
    await stage.says("Lukas Wieser", LINE)

    assert (await heard(stage, "Lukas Wieser"))[0] == [
        "Commitments halten Leitung, stellvertretende Leitung, Geschäftsführung und Protokoll eines Gremiums fest."
    ]


async def proposed(stage: Stage) -> None:
    await stage.says(PETRA, LINE)
    await presses(stage, PETRA, "Niemand weiter", "✅ Festhalten")


async def test_confirm_answer_and_verify_with_one_tap_each(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, STEFAN, "🤝 Bestätigen", "⏸ hängt")
    stuck, _ = await heard(stage, PETRA)
    await presses(stage, STEFAN, "✅ erledigt")
    await presses(stage, PETRA, "✔️ Erfüllt")

    assert stuck[0] == "⏸ Stefan Aumüller meldet: Es hängt."
    assert (await heard(stage, PETRA))[0][-1] == "erfüllt"
    assert (await heard(stage, STEFAN))[0][0] == "✔️ Erfüllt. Danke!"


async def test_confirm_by_hand_and_fulfil_by_who_records(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, PETRA, "Öffnen", "✍️ Stefan Aumüller hat zugestimmt", "✅ Ist erledigt")

    lines, buttons = await heard(stage, PETRA)

    assert lines[-4:] == [
        "Wer",
        "✍️ Stefan Aumüller (von Hand bestätigt)",
        "🗓 bis Do, 30.09.2027 (KW 39)",
        "erledigt, noch nicht bestätigt",
    ]
    assert buttons == ["✔️ Erfüllt", "↩️ Doch noch offen", "🗑 Aufgeben", "‹ Commitments"]


async def test_decline_with_a_reason(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, STEFAN, "✖️ Nicht einverstanden")
    await stage.says(STEFAN, "Dafür fehlen uns Stellen")
    await presses(stage, STEFAN, "✖️ Nicht bestätigen")

    assert (await heard(stage, PETRA))[0][0] == "✖️ Stefan Aumüller ist nicht einverstanden: Dafür fehlen uns Stellen"


async def test_done_by_mistake_is_taken_back(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, STEFAN, "🤝 Bestätigen", "✅ erledigt", "↩️ Doch noch offen", "⏸ hängt")

    assert (await recorded()).state is CommitmentState.BLOCKED
    assert (await heard(stage, PETRA))[0][0] == "⏸ Stefan Aumüller meldet: Es hängt."


async def test_lead_says_that_it_is_not_done(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, STEFAN, "🤝 Bestätigen", "✅ erledigt")
    await presses(stage, PETRA, "Öffnen", "✔️ Erfüllt", "↩️ Doch noch offen")

    lines, buttons = await heard(stage, STEFAN)

    assert (await recorded()).state is CommitmentState.AGREED
    assert lines[0] == "↩️ Petra Wimmer meldet: doch noch offen."
    assert buttons == ["▶️ läuft", "✅ erledigt", "⏸ hängt", "🆘 brauche Hilfe", "Öffnen"]


async def test_lead_gives_what_nobody_owns_to_somebody_else(stage: Stage) -> None:
    await proposed(stage)
    await Commitment.all().update(state=CommitmentState.ORPHANED)
    await stage.says(PETRA, "/commitments")
    await presses(stage, PETRA, "RLK C1", "👤 Weitergeben")
    _, offered = await heard(stage, PETRA)
    await presses(stage, PETRA, "Monika Zeiler")
    asked, buttons = await heard(stage, MONIKA)
    await presses(stage, MONIKA, "🤝 Bestätigen")

    assert ("Ich selbst" in offered, "Stefan Aumüller" in offered) == (True, True)
    assert asked[0] == "🤝 Petra Wimmer bittet Sie, das zu übernehmen:"
    assert asked[-2:] == ["bisher: Stefan Aumüller", "Stimmt das so?"]
    assert buttons == ["🤝 Bestätigen", "✖️ Nicht einverstanden"]
    assert (await recorded()).state is CommitmentState.AGREED
    assert (await heard(stage, PETRA))[0][0] == "🤝 Alle haben bestätigt."


async def test_move_with_a_reason(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, PETRA, "Öffnen", "🗓 Verschieben")
    await stage.says(PETRA, "7.10.")
    await stage.says(PETRA, "Raum fehlt")
    await presses(stage, PETRA, "🗓 Verschieben")

    lines, _ = await heard(stage, STEFAN)

    assert lines == [
        "🗓 Petra Wimmer hat verschoben:",
        "RLK C1",
        "Beratungsangebot aufbauen",
        "👤 Sie",
        "🗓 bis Do, 07.10.2027 (KW 40)",
        "bisher: bis Do, 30.09.2027 (KW 39)",
        "Grund: Raum fehlt",
        "↪️ einmal verschoben",
    ]


async def test_drop_with_a_reason(stage: Stage) -> None:
    await proposed(stage)
    await presses(stage, PETRA, "Öffnen", "🗑 Aufgeben")
    await stage.says(PETRA, "Doppelt")
    await presses(stage, PETRA, "🗑 Aufgeben")

    assert (await recorded()).state is CommitmentState.DROPPED
    assert (await heard(stage, STEFAN))[0][0] == "🗑 Petra Wimmer hat aufgegeben:"


async def test_lists_lead_to_each_commitment(stage: Stage) -> None:
    await proposed(stage)
    await stage.says(STEFAN, "/commitments")
    stefans, _ = await heard(stage, STEFAN)
    await presses(stage, STEFAN, "RLK C1", "‹ Commitments")
    await stage.says(PETRA, "/commitments")
    await presses(stage, PETRA, "RLK · 1 offen", "RLK C1")

    assert stefans[:4] == [
        "🤝 Commitments",
        "Von mir zugesagt",
        "RLK C1 Beratungsangebot aufbauen",
        "Sie · bis Do, 30.09. · vorgeschlagen",
    ]
    assert (await heard(stage, STEFAN))[0] == stefans
    assert (await heard(stage, PETRA))[0][:2] == ["🤝 RLK C1", "Beratungsangebot aufbauen"]


async def test_record_in_the_only_body_and_refuses_what_it_cannot_take(stage: Stage) -> None:
    await stage.says(STEFAN, "/commitment")
    first, _ = await heard(stage, STEFAN)
    await stage.says(STEFAN, "x" * 501)
    too_long, _ = await heard(stage, STEFAN)
    await stage.says(STEFAN, "Klärung mit Familie M.")
    await presses(stage, STEFAN, "So lassen – die Leitung sieht den Hinweis")
    await stage.says(STEFAN, "y" * 201)
    too_long_a_name, _ = await heard(stage, STEFAN)
    forged = await stage.button(stage.chat(STEFAN), "Ich selbst")
    await stage.presses(STEFAN, replace(forged, data="d:commitment:owners:done"))
    toast = stage.toasts[STEFAN]
    await presses(stage, STEFAN, "Ich selbst", "Weiter ›", "Niemand weiter")
    await stage.says(STEFAN, "dauerhaft")

    lines, _ = await heard(stage, STEFAN)

    assert first[0] == "Sozialraumteam Mitte · Commitment"
    assert too_long == ["Das ist zu lang: höchstens 500 Zeichen."]
    assert too_long_a_name == ["Das ist zu lang: höchstens 200 Zeichen."]
    assert toast == ["Bitte einen der Knöpfe wählen, mit /zurueck einen Schritt zurück oder mit /abbrechen aufhören."]
    assert lines[-3:-1] == ["👤 Sie", "🗓 dauerhaft"]


async def test_record_in_meetings_that_are_pressed(stage: Stage) -> None:
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten, Aumüller + Wieser")
    await presses(stage, PETRA, "Übernächste Sitzung", "Sozialraumteam Nord", "Regionalleiterkonferenz", "Weiter ›")

    lines, _ = await heard(stage, PETRA)

    assert lines[-1] == "🗓 in der übernächsten Sitzung: RLK (noch nicht geplant), SRT-Nord (noch nicht geplant)"


async def test_record_from_the_page_of_a_body_is_in_that_body(stage: Stage) -> None:
    await stage.says(PETRA, "/organisieren")
    await presses(stage, PETRA, "RLK", "➕ Commitment")
    lines, _ = await heard(stage, PETRA)
    await stage.says(PETRA, "/commitments")
    await presses(stage, PETRA, *[label for label in (await heard(stage, PETRA))[1] if label.startswith("RLK · ")])
    await presses(stage, PETRA, "➕ Commitment festhalten")
    from_the_list, _ = await heard(stage, PETRA)

    assert lines[0] == "Regionalleiterkonferenz · Commitment"
    assert from_the_list == lines


async def test_people_stand_in_the_order_of_the_telephone_book_after_oneself(stage: Stage) -> None:
    await Person.filter(id=stage.user(MONIKA).id).update(family_name="Öhler")
    await stage.says(PETRA, "/commitment RLK: Fachtag vorbereiten")

    _, buttons = await heard(stage, PETRA)

    people = buttons[1:-1]
    assert buttons[0] == "Ich selbst"
    assert people == sorted(people, key=lambda name: names.sort_key("", name.rsplit(" ", 1)[-1]))
    assert people[-1] != "Monika Öhler"


@pytest.mark.parametrize(
    ("button", "told"),
    [
        ("✖️ Nicht einverstanden", "Nicht bestätigen mit dem Grund: Frau B. ist im Urlaub"),
        ("🗓 Verschieben", "Grund: Frau B. ist im Urlaub"),
    ],
)
async def test_reason_that_looks_like_a_case_is_asked_about(stage: Stage, button: str, told: str) -> None:
    await stage.says(PETRA, LINE)
    await presses(stage, PETRA, "Niemand weiter", "✅ Festhalten")
    await presses(stage, STEFAN, "🤝 Bestätigen" if "Versch" in button else button)
    if "Versch" in button:
        await presses(stage, STEFAN, button, "Dauerhaft")
    await stage.says(STEFAN, "Frau B. ist im Urlaub")
    warning, buttons = await heard(stage, STEFAN)
    await presses(stage, STEFAN, "So lassen, es sind keine Falldaten")

    lines, _ = await heard(stage, STEFAN)

    assert warning[0].startswith("⚠️ Dieser Text sieht nach Falldaten aus")
    assert buttons == ["So lassen, es sind keine Falldaten", "✏️ Anders formulieren", "🗑 Verwerfen"]
    assert lines[-1] == told


async def test_reason_that_looks_like_a_case_can_be_discarded(stage: Stage) -> None:
    await stage.says(PETRA, LINE)
    await presses(stage, PETRA, "Niemand weiter", "✅ Festhalten")
    await presses(stage, STEFAN, "✖️ Nicht einverstanden")
    await stage.says(STEFAN, "Frau B. ist im Urlaub")
    await presses(stage, STEFAN, "🗑 Verwerfen")

    assert await Dialogue.all().count() == 0
    assert (await recorded()).reason is None
    assert "Frau B." not in str(await Notice.all().values_list("facts", flat=True))


@pytest.mark.parametrize("separator", ["+", ", "])
async def test_hundreds_of_parties_are_refused_and_the_question_stays_open(stage: Stage, separator: str) -> None:
    await stage.says(PETRA, "/commitment RLK: Beratungsangebot aufbauen")

    await stage.says(PETRA, separator.join(f"Verein {number}" for number in range(200)))
    lines, _ = await heard(stage, PETRA)
    await stage.says(PETRA, "Stefan Aumüller")

    assert lines == ["Das ist zu lang: höchstens 1000 Zeichen."]
    assert (await Dialogue.get()).step == "counterparts"
