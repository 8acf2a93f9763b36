import re
from datetime import timedelta

import pytest

from bot.rules import tokens
from bot.web.settings import WebSettings
from storage.models import AgendaItem, AgendaItemPaper, Attendance, Document, Meeting, Person
from storage.vocabulary import Answer, ItemState, MeetingState, Network, Purpose
from tests.web.conftest import Outside, Town, Visitor, get, post, signed_in


@pytest.fixture
def link(settings: WebSettings, town: Town) -> str:
    """The signed link in Ben's invitation."""
    return f"/antwort/{tokens.answer(settings.key, town.meeting.id, town.ben.id)}"


@pytest.fixture
async def item(town: Town, outside: Outside) -> AgendaItem:
    return await AgendaItem.create(
        body=town.tk,
        meeting=town.meeting,
        title="Kinderbauernhof",
        purpose=Purpose.DECISION,
        minutes=20,
        state=ItemState.ACCEPTED,
        submitted_by=town.ben,
        created_at=outside.domain,
    )


async def paper_of(item: AgendaItem, by: Person, outside: Outside, content: bytes | None = b"%PDF-1.7") -> Document:
    document = await Document.create(
        name='Konzept/"Hof".pdf',
        mime="application/pdf",
        size=8,
        content=content,
        network=Network.WEBCHAT,
        file_id="f",
        uploaded_by=by,
        created_at=outside.domain,
    )
    await AgendaItemPaper.create(item=item, document=document)
    return document


async def test_agenda_shows_items_with_times_and_papers(
    visitor: Visitor, town: Town, outside: Outside, item: AgendaItem
) -> None:
    document = await paper_of(item, town.ben, outside)
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, f"/sitzung/{town.meeting.id}/tagesordnung")

    text = await response.text()
    assert response.status == 200
    assert "<h1>Tagesordnung: 82. Trägerkonferenz</h1>" in text
    assert "Kinderbauernhof" in text
    assert "14:30" in text
    assert f'<a href="/papier/{document.id}">' in text
    assert "das passt in die Sitzung" in text


@pytest.mark.parametrize(
    ("link", "told"),
    [
        (
            "https://meet.example.org/tk",
            '<dd><a href="https://meet.example.org/tk">https://meet.example.org/tk</a></dd>',
        ),
        ("Einwahl 0911 1234", "<dd>Einwahl 0911 1234</dd>"),
    ],
)
async def test_agenda_tells_the_way_in(visitor: Visitor, town: Town, outside: Outside, link: str, told: str) -> None:
    await Meeting.filter(id=town.meeting.id).update(join_link=link)
    await signed_in(visitor, town.ben, outside)

    text = await (await get(visitor, f"/sitzung/{town.meeting.id}/tagesordnung")).text()

    assert told in text


async def test_agenda_without_items_says_so(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    text = await (await get(visitor, f"/sitzung/{town.meeting.id}/tagesordnung")).text()

    assert "Es gibt noch keine Punkte." in text


@pytest.mark.parametrize("meeting", [None, 99999])
async def test_agenda_of_others_and_of_nothing_look_alike(
    visitor: Visitor, town: Town, outside: Outside, meeting: int | None
) -> None:
    await signed_in(visitor, town.carla, outside)

    response = await get(visitor, f"/sitzung/{meeting or town.meeting.id}/tagesordnung")

    text = await response.text()
    assert response.status == 404
    assert "Trägerkonferenz" not in text


async def test_address_in_calendars_leads_to_the_agenda(visitor: Visitor) -> None:
    response = await get(visitor, "/sitzung/7")

    assert (response.status, response.headers["Location"]) == (303, "/sitzung/7/tagesordnung")


async def test_paper_is_a_download(visitor: Visitor, town: Town, outside: Outside, item: AgendaItem) -> None:
    document = await paper_of(item, town.anna, outside)
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, f"/papier/{document.id}")

    assert (response.status, await response.read()) == (200, b"%PDF-1.7")
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == 'attachment; filename="Konzept_Hof_.pdf"'
    assert response.headers["Cache-Control"] == "private, no-store"


async def test_paper_of_a_strange_kind_is_only_bytes(
    visitor: Visitor, town: Town, outside: Outside, item: AgendaItem
) -> None:
    document = await paper_of(item, town.anna, outside)
    await Document.filter(id=document.id).update(mime="text/html\r\nX-Evil: 1", name="..")
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, f"/papier/{document.id}")

    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="dokument"'


async def test_paper_that_is_still_on_its_way_asks_for_patience(
    visitor: Visitor, town: Town, outside: Outside, item: AgendaItem
) -> None:
    document = await paper_of(item, town.anna, outside, content=None)
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, f"/papier/{document.id}")

    assert (response.status, response.headers["Retry-After"]) == (503, "60")
    assert "<h1>Noch einen Augenblick</h1>" in await response.text()


async def test_paper_that_is_gone_for_good_says_so(
    visitor: Visitor, town: Town, outside: Outside, item: AgendaItem
) -> None:
    document = await paper_of(item, town.anna, outside, content=None)
    await Document.filter(id=document.id).update(network=None, file_id=None)
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, f"/papier/{document.id}")

    assert response.status == 410
    assert (
        "Diese Anlage gibt es dort, wo sie gesendet wurde, nicht mehr. Bitte noch einmal senden."
        in await response.text()
    )


async def test_paper_of_others_is_not_found(visitor: Visitor, town: Town, outside: Outside, item: AgendaItem) -> None:
    document = await paper_of(item, town.anna, outside)
    await signed_in(visitor, town.carla, outside)

    assert (await get(visitor, f"/papier/{document.id}")).status == 404


async def test_looking_at_an_answer_link_answers_nothing(visitor: Visitor, town: Town, link: str) -> None:
    response = await get(visitor, link)

    text = await response.text()
    assert response.status == 200
    assert "<h1>82. Trägerkonferenz</h1>" in text
    assert text.count('name="answer"') == 3
    assert "video.beispielstadt.example" not in text
    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.OPEN


@pytest.mark.parametrize("answer", [Answer.ACCEPTED, Answer.TENTATIVE, Answer.DECLINED])
async def test_answer_link_answers_without_signing_in(
    visitor: Visitor, town: Town, outside: Outside, link: str, answer: Answer
) -> None:
    response = await post(visitor, link, {"answer": answer.value})

    attendance = await Attendance.get(id=town.bens_attendance.id)
    assert response.status == 200
    assert "<h1>Danke, das ist notiert</h1>" in await response.text()
    assert (attendance.answer, attendance.answered_by_id) == (answer, town.ben.id)
    assert outside.woken == 1
    assert (await get(visitor, "/einstellungen")).status == 303


async def test_mind_can_be_changed_with_the_same_link(visitor: Visitor, town: Town, link: str) -> None:
    await post(visitor, link, {"answer": "accepted"})
    await post(visitor, link, {"answer": "declined"})

    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.DECLINED


async def test_answer_to_a_time_that_is_over_shows_the_new_one(visitor: Visitor, town: Town, link: str) -> None:
    (shown,) = re.findall(r'name="shown" value="([^"]+)"', await (await get(visitor, link)).text())
    await Meeting.filter(id=town.meeting.id).update(starts_at=town.meeting.starts_at + timedelta(days=1))

    response = await post(visitor, link, {"answer": "accepted", "shown": shown})
    text = await response.text()
    (anew,) = re.findall(r'name="shown" value="([^"]+)"', text)
    unreadable = await post(visitor, link, {"answer": "accepted", "shown": "gestern"})

    assert (response.status, unreadable.status) == (409, 200)
    assert "Nicht eingetragen: Die Sitzung ist inzwischen verlegt." in text
    assert "25.11.2026" in text
    assert (await post(visitor, link, {"answer": "declined", "shown": anew})).status == 200
    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.DECLINED


async def test_who_declines_can_name_who_comes_instead(visitor: Visitor, town: Town, link: str) -> None:
    declined = await post(visitor, link, {"answer": "declined"})
    delegated = await post(visitor, link, {"deputy": str(town.dora.id)})

    attendance = await Attendance.get(id=town.bens_attendance.id)
    assert f'name="deputy" value="{town.dora.id}"' in await declined.text()
    assert "Dora Dietz" in await delegated.text()
    assert (attendance.answer, attendance.deputy_id) == (Answer.DELEGATED, town.dora.id)


async def test_deputy_has_to_be_one_of_those_offered(visitor: Visitor, town: Town, link: str) -> None:
    response = await post(visitor, link, {"deputy": str(town.carla.id)})

    assert response.status == 409
    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.OPEN


async def test_link_of_a_deputy_who_is_named_again_works_again(
    visitor: Visitor, town: Town, settings: WebSettings, link: str
) -> None:
    deputy = f"/antwort/{tokens.answer(settings.key, town.meeting.id, town.dora.id)}"
    seen = []
    for form in ({"deputy": str(town.dora.id)}, {"answer": "accepted"}, {"deputy": str(town.dora.id)}):
        await post(visitor, link, form)
        seen.append((await get(visitor, deputy)).status)

    answered = await post(visitor, deputy, {"answer": "accepted"})

    assert (seen, answered.status) == ([200, 404, 200], 200)
    assert (await Attendance.get(person_id=town.dora.id)).answer is Answer.ACCEPTED


async def test_link_that_names_its_attendance_alone_is_answered(
    visitor: Visitor, town: Town, settings: WebSettings
) -> None:
    old = f"/antwort/{tokens.answer_to(settings.key, town.bens_attendance.id)}"

    await post(visitor, old, {"answer": "accepted"})

    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.ACCEPTED


@pytest.mark.parametrize("form", [{}, {"answer": "delegated"}, {"answer": "vielleicht"}, {"deputy": "x"}])
async def test_what_is_no_answer_is_refused(visitor: Visitor, town: Town, link: str, form: dict[str, str]) -> None:
    response = await post(visitor, link, form)

    assert response.status == 400
    assert (await Attendance.get(id=town.bens_attendance.id)).answer is Answer.OPEN


async def test_answer_link_speaks_the_persons_language(
    visitor: Visitor, town: Town, outside: Outside, settings: WebSettings
) -> None:
    await Attendance.create(meeting=town.meeting, person=town.dora, invited_at=outside.domain)

    text = await (await get(visitor, f"/antwort/{tokens.answer(settings.key, town.meeting.id, town.dora.id)}")).text()

    assert '<html lang="en">' in text
    assert "Tue, 24 Nov 2026 (week 48), 14:30–16:00" in text


async def test_forged_links_and_those_of_people_who_left_look_alike(
    visitor: Visitor, town: Town, outside: Outside, settings: WebSettings, link: str
) -> None:
    await Person.filter(id=town.ben.id).update(left_at=outside.domain)
    forged = tokens.answer(b"another key", town.meeting.id, town.ben.id)
    gone = tokens.answer(settings.key, 99999, town.ben.id)

    pages = [await get(visitor, path) for path in (link, f"/antwort/{forged}", f"/antwort/{gone}", "/antwort/x")]

    assert [page.status for page in pages] == [404] * 4
    assert len({await page.text() for page in pages}) == 1


async def test_guest_without_an_account_has_no_link(visitor: Visitor, town: Town, settings: WebSettings) -> None:
    guest = await Attendance.create(meeting=town.meeting, guest_name="Frau Gast")

    response = await get(visitor, f"/antwort/{tokens.answer_to(settings.key, guest.id)}")

    assert response.status == 404


async def test_cancelled_meeting_asks_for_no_answer(visitor: Visitor, town: Town, link: str) -> None:
    await Meeting.filter(id=town.meeting.id).update(state=MeetingState.CANCELLED, cancel_reason="Wasserschaden")

    text = await (await get(visitor, link)).text()

    assert "Diese Sitzung fällt aus. Wasserschaden" in text
    assert 'name="answer"' not in text


async def test_meeting_that_is_over_asks_for_no_answer(visitor: Visitor, outside: Outside, link: str) -> None:
    outside.domain += timedelta(days=10)

    shown = await get(visitor, link)
    answered = await post(visitor, link, {"answer": "accepted"})

    assert "Hier gibt es nichts mehr zu antworten." in await shown.text()
    assert answered.status == 409
