"""What leads change and see of those who may have missed something: Petra Wimmer leads the RLK, Uwe Brenner and Monika Zeiler sit there."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from storage.models import Body, Channel, Dialogue, Meeting, Notice, Person
from storage.vocabulary import MeetingState, Network, NoticeState
from tests.stage import Button, Heard, Stage, raise_curtain

PETRA, UWE, MONIKA, RAINER = "Petra Wimmer", "Uwe Brenner", "Monika Zeiler", "Rainer Puchner"
CHRISTINE, EMILY = "Christine Ammer", "Emily Carter"
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[Network.WEBCHAT, Network.TELEGRAM])
async def stage(store: str, now: datetime, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=request.param, moment=now)
    yield made
    await made.close()


async def last(stage: Stage, who: str) -> Heard:
    return max(await stage.heard(stage.chat(who)), key=lambda message: message.change)


async def does(stage: Stage, who: str, *acts: str) -> str:
    """What is in brackets is pressed; gives what they heard last."""
    for act in acts:
        if act.startswith("["):
            await stage.presses(who, await stage.button(stage.chat(who), act[1:-1]))
        else:
            await stage.says(who, act)
    return (await last(stage, who)).told(with_buttons=True)


async def invites(stage: Stage) -> str:
    """Petra plans a meeting of the RLK and is about to invite."""
    planned = ("/termine", "[➕ Sitzung planen]", "[Regionalleiterkonferenz]", "3.12. 14:30-16 Uhr", "[In Präsenz]")
    return await does(stage, PETRA, *planned, "[Noch offen]", "[✅ So planen]", "[✉️ Jetzt einladen]")


async def count(stage: Stage, who: str, first_line: str) -> int:
    """How many messages in somebody's chat begin so."""
    return sum(heard.text.startswith(first_line) for heard in await stage.heard(stage.chat(who)))


async def test_lead_reads_at_the_invitation_who_cannot_be_reached(stage: Stage) -> None:
    await Channel.filter(person_id=stage.user(UWE).id).delete()
    await Person.filter(id=stage.user(UWE).id).update(mail="uwe@diakonie.example")  # and there is no mail server
    sentence = "⚠️ Auf keinem Weg zu erreichen: Uwe Brenner. Bitte anrufen."

    before = await invites(stage)
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), "✉️ Einladen"))
    after = [heard.text for heard in await stage.heard(stage.chat(PETRA)) if "sind unterwegs" in heard.text]

    assert sentence in before.splitlines()
    assert [text.splitlines()[1] for text in after] == [sentence]


async def test_level_hides_whom_the_invitation_will_not_reach(stage: Stage) -> None:
    await Body.filter(code="RLK").update(level=2)
    for name in (UWE, MONIKA):
        await Channel.filter(person_id=stage.user(name).id).delete()
        await Person.filter(id=stage.user(name).id).update(mail=None)

    said = await invites(stage)

    hidden = "⚠️ 2 Personen sind auf keinem Weg zu erreichen. Die Namen zeigt die Web-Ansicht."
    shown = "⚠️ Auf keinem Weg zu erreichen: Uwe Brenner, Monika Zeiler. Bitte anrufen."
    assert (hidden if stage.network is Network.TELEGRAM else shown) in said.splitlines()


async def test_administration_reads_why_nothing_reaches_somebody(stage: Stage) -> None:
    await Channel.filter(person_id=stage.user(UWE).id).delete()
    await Person.filter(id=stage.user(UWE).id).update(mail="uwe@diakonie.example")

    said = await does(stage, RAINER, "/organisieren", "[👥 Zu Faden einladen]", "[RLK]")

    assert "⚠️ Uwe Brenner: nur per Mail zu erreichen, und die Stadt hat keinen Mailserver" in said.splitlines()


async def test_lead_sees_who_may_have_missed_it_and_sends_it_again_once(stage: Stage) -> None:
    await invites(stage)
    await does(stage, PETRA, "[✉️ Einladen]")
    for name in (UWE, MONIKA):
        await Notice.filter(person_id=stage.user(name).id, template="meetings/invitation").update(
            state=NoticeState.UNCERTAIN
        )
    await stage.is_now(stage.clock() + MINUTE)
    await does(stage, UWE, "[✅ Zusage]")

    listed = await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[👥 Antworten]")
    again = await stage.button(stage.chat(PETRA), "🔁 Noch einmal senden")
    await stage.presses(PETRA, again, times=2)

    assert [line for line in listed.splitlines() if "unsicher" in line] == [
        "Uwe Brenner (Diakonie Lindental) ❓ unsicher, ob angekommen",
        "Monika Zeiler (Caritas Lindental) ❓ unsicher, ob angekommen",
    ]
    assert "Eine Person weiß vielleicht nicht Bescheid." in listed.splitlines()
    assert stage.toasts[PETRA] == [
        "🔁 Noch einmal unterwegs, an eine Person.",
        "🔁 Es ist schon unterwegs oder angekommen.",
    ]
    assert [await count(stage, name, "✉️ Einladung") for name in (MONIKA, UWE)] == [2, 0]


async def test_who_accepted_before_the_place_changed_can_be_told_of_it_again(stage: Stage) -> None:
    await invites(stage)
    await does(stage, PETRA, "[✉️ Einladen]")
    await does(stage, UWE, "[✅ Zusage]")
    await stage.is_now(stage.clock() + MINUTE)
    await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[📍 Ort und Zugang]")
    await does(stage, PETRA, "[In Präsenz]", "Bauhof", "[✅ So ändern]")
    await stage.is_now(stage.clock() + 3 * MINUTE)
    await Notice.filter(person_id=stage.user(UWE).id, template="meetings/moved").update(state=NoticeState.DEAD)

    listed = await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[👥 Antworten]")
    before = await count(stage, UWE, "✏️ Geändert")
    await does(stage, PETRA, "[🔁 Noch einmal senden]")

    assert "Uwe Brenner (Diakonie Lindental) ⚠️ nicht erreicht" in listed.splitlines()
    assert "Eine Person weiß vielleicht nicht Bescheid." in listed.splitlines()
    assert await count(stage, UWE, "✏️ Geändert") == before + 1


async def test_deputy_who_may_still_come_is_listed_and_told_again(stage: Stage) -> None:
    await invites(stage)
    await does(stage, PETRA, "[✉️ Einladen]")
    await does(stage, CHRISTINE, "[❌ Absage]", "[↪️ Vertretung benennen]", "[Emily Carter]", "[✅ Zusage]")
    await Notice.filter(person_id=stage.user(EMILY).id, template="meetings/deputy_released").update(
        state=NoticeState.DEAD
    )

    listed = await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[👥 Antworten]")
    again = await does(stage, PETRA, "[🔁 Noch einmal senden]")

    assert listed.splitlines()[-5:-2] == [
        "↩️ Vertretung nicht mehr nötig",
        "Emily Carter ⚠️ nicht erreicht",
        "Eine Person weiß vielleicht nicht Bescheid.",
    ]
    assert "Emily Carter" not in again
    assert await count(stage, EMILY, "↩️ Ihre Vertretung wird nicht mehr gebraucht") == 2


async def test_lead_sees_who_may_not_know_that_it_is_off(stage: Stage) -> None:
    await invites(stage)
    await does(stage, PETRA, "[✉️ Einladen]")
    await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[🚫 Absagen]", "Wasserschaden", "[🚫 Sitzung absagen]")
    await Notice.filter(person_id=stage.user(UWE).id, template="meetings/cancelled").update(state=NoticeState.UNCERTAIN)

    listed = await does(stage, PETRA, "[👥 Antworten]")
    await does(stage, PETRA, "[🔁 Noch einmal senden]")

    assert "❌ fällt aus" in listed.splitlines()
    assert [line for line in listed.splitlines() if "unsicher" in line] == [
        "Uwe Brenner (Diakonie Lindental) ❓ unsicher, ob angekommen"
    ]
    assert await count(stage, UWE, "❌ Fällt aus") == 2


async def test_form_from_before_there_were_marks_is_still_good(stage: Stage) -> None:
    await invites(stage)
    await does(stage, PETRA, "/termine", "[RLK · Do, 03.12.]", "[↔️ Verlegen]", "Fr 4.12. 9-11 Uhr")
    entry = await Dialogue.get()
    del entry.data["seen"]
    await entry.save()

    await does(stage, PETRA, "[↔️ Verlegen]")

    assert (await Meeting.get()).starts_local == "2026-12-04T09:00"


async def planned(stage: Stage, when: str) -> Meeting:
    acts = ("/termine", "[➕ Sitzung planen]", "[Regionalleiterkonferenz]", when, "[In Präsenz]", "[Noch offen]")
    await does(stage, PETRA, *acts, "[✅ So planen]")
    return await Meeting.get()


async def presses_on(stage: Stage, code: str, meeting: Meeting) -> str:
    await stage.presses(PETRA, Button(label=code, message_id=0, data=f"{code}:{meeting.id}"))
    return (await last(stage, PETRA)).told(with_buttons=True)


async def test_meeting_that_is_moved_shows_the_days_of_its_month(stage: Stage) -> None:
    meeting = await planned(stage, "11.2.2027 10-12 Uhr")

    assert "[Februar 2027]" in await presses_on(stage, "mm", meeting)


async def test_link_without_its_scheme_can_be_pressed(stage: Stage) -> None:
    meeting = await planned(stage, "3.12. 14:30-16 Uhr")
    await presses_on(stage, "mp", meeting)

    await does(stage, PETRA, "[Online]", "meet.example.org/abc", "[✅ So ändern]")

    assert (await Meeting.get()).join_link == "https://meet.example.org/abc"


async def test_reason_of_a_meeting_to_which_nobody_is_invited_is_for_the_record(stage: Stage) -> None:
    meeting = await planned(stage, "3.12. 14:30-16 Uhr")
    before = await presses_on(stage, "mc", meeting)
    await does(stage, PETRA, "/abbrechen", "/termine")
    await presses_on(stage, "mi", meeting)
    await does(stage, PETRA, "[✉️ Einladen]")

    after = await presses_on(stage, "mc", meeting)

    assert "Es ist noch niemand eingeladen; der Grund wird nur festgehalten." in before
    assert "Der Grund steht in der Nachricht an alle Eingeladenen." in after


OFF = "Diese Sitzung fällt aus."


@pytest.mark.parametrize(
    ("code", "acts"),
    [
        ("mp", ("[Online]", "[Noch offen]", "off", "[✅ So ändern]")),
        ("mm", ("4.12. 10-12 Uhr", "off", "[↔️ Verlegen]")),
        ("mc", ("Krankheit", "off", "[🚫 Sitzung absagen]")),
    ],
)
async def test_form_about_a_meeting_that_is_off_closes(stage: Stage, code: str, acts: tuple[str, ...]) -> None:
    meeting = await planned(stage, "3.12. 14:30-16 Uhr")
    await presses_on(stage, code, meeting)

    for act in acts:
        if act == "off":
            await Meeting.filter(id=meeting.id).update(state=MeetingState.CANCELLED)
        else:
            said = await does(stage, PETRA, act)

    assert said == OFF
    assert await Dialogue.all().count() == 0
