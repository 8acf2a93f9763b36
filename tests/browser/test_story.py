"""The main job as two people live it at the same time, in two browsers, on the running product."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from tests.browser.town import Townsman, running_trial

pytestmark = pytest.mark.browser

PHONE, DESK = (360, 800), (1280, 800)
PAGES = (
    "/",
    "/probe",
    "/anmelden",
    "/chat",
    "/einstellungen",
    "/kalender",
    "/impressum",
    "/datenschutz",
    "/barrierefreiheit",
)


@pytest.fixture(scope="module")
def town() -> Iterator[int]:
    with running_trial() as port:
        yield port


def test_chair_invites_and_member_answers_without_reloading(chromium: Chrome, town: int) -> None:
    petra = Townsman(chromium, town, "Petra Wimmer")
    petra.resized(*DESK)
    chromium.switch_to.new_window("window")
    uwe = Townsman(chromium, town, "Uwe Brenner", host="localhost")
    uwe.resized(*PHONE)

    petra.comes_back()
    petra.says("/organisieren")
    petra.presses("RLK")
    petra.hears("Wer dabei ist")
    petra.presses("➕ Sitzung planen")
    petra.hears("Wann?")
    petra.says("in 30 Tagen um 14:30")
    petra.hears("Wie lange?")
    petra.says("90 min")
    petra.hears("In welcher Form?")
    petra.presses("In Präsenz")
    petra.hears("Wo?")
    petra.says("Rathaus, Saal 2")
    petra.presses("✅ So planen")
    petra.hears("geplant")
    petra.presses("✉️ Jetzt einladen")
    petra.presses("✉️ Einladen")
    uwe.comes_back()
    uwe.sees_somewhere("Einladung")
    uwe.presses("✅ Zusage")
    uwe.hears("zugesagt")
    petra.comes_back()
    petra.presses("👥 Antworten")

    answers = petra.sees_somewhere("noch offen\n")
    assert "Uwe Brenner" in answers.partition("noch offen\n")[0]
    chromium.close()
    uwe.comes_back()


def test_first_person_of_a_town_hears_faden_and_has_read_it(chromium: Chrome, town: int) -> None:
    katharina = Townsman(chromium, town, "Katharina Brandl")
    katharina.resized(*DESK)
    assert chromium.execute_script("return JSON.parse(document.querySelector('#facts').textContent).person") == 1

    katharina.says("/hilfe")

    katharina.waits_for(lambda: "/hilfe" in katharina.texts(".own .text"))
    katharina.waits_for(lambda: any("/top" in text for text in katharina.texts(".theirs .text")))
    katharina.goes("/chat")
    katharina.waits_for(lambda: katharina.texts(".theirs .text") != [])
    katharina.sees("#chats .count")


def test_member_hands_in_with_the_keyboard_alone(chromium: Chrome, town: int) -> None:
    uwe = Townsman(chromium, town, "Uwe Brenner")
    uwe.resized(*DESK)
    uwe.goes("/chat")
    uwe.one("#entry")
    uwe.waits_for(lambda: chromium.execute_script("return document.activeElement.id === 'entry'"))

    uwe.keys("/top RLK: Ferienprogramm, Beschluss, 20 min", Keys.ENTER)

    assert "Ferienprogramm" in uwe.hears("Eingereicht")


@pytest.mark.parametrize("path", PAGES)
def test_page_has_no_barrier_on_a_phone(chromium: Chrome, town: int, path: str) -> None:
    reader = Townsman(chromium, town, "Petra Wimmer")
    reader.resized(*PHONE)

    reader.goes(path)

    assert reader.accessibility_violations() == []
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_agenda_reads_and_prints(chromium: Chrome, town: int) -> None:
    reader = Townsman(chromium, town, "Petra Wimmer")
    reader.says("/top RLK: Ferienprogramm, Beschluss, 20 min")
    reader.hears("Eingereicht", "Ferienprogramm")
    reader.presses("📋 Tagesordnung")
    links = (
        "return [...document.querySelectorAll('#messages li')].filter(li => li.innerText.includes('Ferienprogramm'))"
        ".flatMap(li => [...li.querySelectorAll('a')]).map(a => a.href).filter(h => h.endsWith('/tagesordnung'))"
    )

    chromium.get(reader.waits_for(lambda: chromium.execute_script(links))[-1])

    assert "Ferienprogramm" in reader.one("main").text
    assert reader.accessibility_violations() == []
