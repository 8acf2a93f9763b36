"""The chat page as people have it before them, in a real Chromium."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from bot.rules.limits import MEGABYTE
from bot.webchat import people, rooms
from storage.models.webchat import WebchatMessage, WebchatPress
from tests.browser.conftest import GROUP, MENU, MOMENT, House, Visitor

pytestmark = pytest.mark.browser

PHONE, DESK = (360, 800), (1280, 800)
TODAY = date(2026, 11, 18)


def month() -> dict[str, object]:
    """A keyboard of eight columns: calendar week and seven days."""
    weeks = [
        [{"text": f"KW {week}", "callback_data": "noop"}]
        + [{"text": str(7 * row + day), "callback_data": f"day:{7 * row + day}"} for day in range(1, 8)]
        for row, week in enumerate(range(45, 49))
    ]
    return {"inline_keyboard": weeks}


@pytest.fixture
def anna(chromium: Chrome, house: House) -> Iterator[Visitor]:
    """Anna at a desk, with an empty chat before her."""
    visitor = Visitor(chromium, house, "anna")
    visitor.resized(*DESK)
    visitor.forgets_complaints()
    visitor.opens()
    yield visitor
    visitor.online()
    visitor.prefers()
    visitor.leaves()


@pytest.fixture
def ben(anna: Visitor, chromium: Chrome, house: House) -> Iterator[Visitor]:
    """Ben in another window, looking at the group; Anna's window is in front again."""
    chromium.switch_to.new_window("window")
    visitor = Visitor(chromium, house, "ben", host="localhost")
    visitor.resized(*DESK)
    visitor.opens(f"/chat#{GROUP}")
    anna.comes_back()
    yield visitor
    visitor.comes_back()
    chromium.close()
    anna.comes_back()


def test_first_visit_offers_a_beginning(anna: Visitor) -> None:
    anna.presses("Los geht’s")

    anna.reads("/start", "Sie: /start")
    assert not anna.one("#welcome").is_displayed()


def test_message_is_sent_by_enter_and_answered_without_reload(anna: Visitor) -> None:
    anna.writes("Erste Zeile", Keys.SHIFT + Keys.ENTER + Keys.NULL, "zweite <b>Zeile</b>", Keys.ENTER)

    anna.reads("Erste Zeile\nzweite <b>Zeile</b>", "Sie: Erste Zeile\nzweite <b>Zeile</b>")
    assert anna.texts(".own .text") == ["Erste Zeile\nzweite <b>Zeile</b>"]
    assert anna.texts(".day") == ["Heute"]
    assert anna.texts("time") == ["09:00", "09:00"]


def test_two_people_talk_in_their_group(anna: Visitor, ben: Visitor) -> None:
    ben.comes_back()
    ben.writes("Guten Morgen!", Keys.ENTER)
    ben.reads("Guten Morgen!", "Sie: Guten Morgen!")

    anna.comes_back()
    anna.sees("#chats .count", "2\nungelesen")
    anna.waits_for(lambda: anna.driver.title.startswith("(2) Faden"))
    anna.all("#chats button")[1].click()

    anna.reads("Guten Morgen!", "Sie: Guten Morgen!")
    assert anna.texts(".divider") == ["Neue Nachrichten"]
    assert anna.texts(".theirs .sender:not(.hidden)") == ["Ben Özdemir", "Faden"]
    anna.sees("#chats .count")


def test_group_disappears_with_the_seat(anna: Visitor, house: House) -> None:
    anna.sees(".chat-title", "Faden", "Trägerkonferenz")
    house.ends_seat_of("anna")
    house.bot_says(GROUP, "Geheim")
    house.bot_says(anna.id, "Hallo")

    anna.sees(".chat-title", "Faden")
    anna.reads("Hallo")


def test_press_changes_the_message_and_the_focus_stays(anna: Visitor) -> None:
    anna.writes("Frage", Keys.ENTER)
    anna.reads("Frage", "Sie: Frage")

    anna.presses("Ja")

    anna.reads("Frage", "Gut.")
    anna.sees(".toast", "Notiert")
    assert anna.driver.switch_to.active_element.text == "Nochmal"
    assert "bearbeitet" in anna.texts(".theirs .meta")[0]


def test_button_waits_for_its_answer_and_is_never_pressed_twice(anna: Visitor, house: House) -> None:
    anna.writes("Frage", Keys.ENTER)
    anna.presses("Langsam")
    button = anna.one(".key[aria-busy=true]")
    button.click()
    button.click()
    anna.presses("Ja")
    presses = house.do(_presses())

    house.bot_calls("answerCallbackQuery", callback_query_id=presses[0], text="Endlich")

    anna.sees(".toast", "Endlich")
    anna.waits_for(lambda: not anna.all("[aria-disabled]"))
    assert house.do(_presses()) == presses
    assert len(presses) == 1


async def _presses() -> list[int]:
    return [press.id for press in await WebchatPress.all().order_by("id")]


def test_alert_is_a_dialog(anna: Visitor, house: House) -> None:
    anna.writes("Frage", Keys.ENTER)
    anna.presses("Langsam")
    anna.one(".key[aria-busy=true]")
    query = anna.waits_for(lambda: house.do(_presses()))[0]

    house.bot_calls("answerCallbackQuery", callback_query_id=query, text="Wirklich?", show_alert=True)

    anna.sees("dialog[open] p", "Wirklich?")
    anna.presses("Verstanden")
    anna.waits_for(lambda: not anna.all("dialog[open]"))


def test_command_menu_works_by_keys_and_by_button(anna: Visitor) -> None:
    anna.writes("/")
    anna.sees("#commands b", *(f"/{name}" for name in MENU))
    anna.writes(Keys.ARROW_DOWN)
    assert anna.one("#entry").get_attribute("aria-activedescendant") == "command-top"
    anna.writes(Keys.ESCAPE)
    assert not anna.one("#commands").is_displayed()
    anna.writes("h", Keys.ENTER)
    anna.reads("/hilfe", "Sie: /hilfe")

    anna.one("#slash").click()
    anna.all("#commands [role=option]")[0].click()

    anna.reads("/hilfe", "Sie: /hilfe", "/termine", "Sie: /termine")
    assert anna.one("#entry").get_attribute("value") == ""


def test_command_is_completed_by_tab(anna: Visitor) -> None:
    anna.writes("/to", Keys.TAB, "TK: Kinderbauernhof", Keys.ENTER)

    anna.reads("/top TK: Kinderbauernhof", "Sie: /top TK: Kinderbauernhof")


def test_command_in_a_text_is_a_button(anna: Visitor, house: House) -> None:
    house.bot_says(anna.id, "Themen nimmt /top an, nicht /nirgends und nicht a/top.")
    anna.sees(".command", "/top")

    anna.presses("/top")

    anna.sees(".own .text", "/top")


def test_files_go_both_ways(anna: Visitor, tmp_path: Path) -> None:
    paper = tmp_path / "Konzept Kita.pdf"
    paper.write_bytes(b"%PDF-1.7")
    anna.driver.find_element("id", "files").send_keys(str(paper))
    anna.sees("#staged li > span", "Konzept Kita.pdf")
    anna.writes("Zur Sitzung", Keys.ENTER)
    anna.reads("Zur Sitzung", "Angekommen: Konzept Kita.pdf")
    assert anna.texts(".own .file-name") == ["Konzept Kita.pdf"]

    anna.writes("Datei", Keys.ENTER)

    anna.sees(".theirs .file-name", "Einladung März.ics")
    fetched = anna.driver.execute_async_script(
        "const done = arguments[0]; fetch(document.querySelector('.theirs a.file').href).then(r => r.text()).then(done)"
    )
    assert fetched == "BEGIN:VCALENDAR"


def test_file_can_be_dropped_on_the_page(anna: Visitor) -> None:
    for kind in ("dragover", "drop"):
        anna.driver.execute_script(
            """
            const carried = new DataTransfer();
            carried.items.add(new File(["Inhalt"], "Liste.txt", { type: "text/plain" }));
            document.body.dispatchEvent(
                new DragEvent(arguments[0], { dataTransfer: carried, bubbles: true, cancelable: true }));
            """,
            kind,
        )

    anna.sees("#staged li > span", "Liste.txt")
    anna.one("#send").click()
    anna.reads("Angekommen: Liste.txt")


def test_draft_is_kept_for_each_chat(anna: Visitor) -> None:
    anna.writes("An Faden")
    anna.all("#chats button")[1].click()
    anna.waits_for(lambda: anna.one("#entry").get_attribute("value") == "")
    anna.writes("An alle")
    anna.driver.refresh()
    anna.waits_for(lambda: anna.one("#entry").get_attribute("value") == "An alle")

    anna.all("#chats button")[0].click()

    anna.waits_for(lambda: anna.one("#entry").get_attribute("value") == "An Faden")


def test_link_with_a_payload_starts_once(anna: Visitor) -> None:
    anna.opens("/chat?start=termin-17")
    anna.reads("/start termin-17", "Sie: /start termin-17")
    assert anna.driver.current_url == anna.house.url("/chat")

    anna.driver.refresh()

    anna.reads("/start termin-17", "Sie: /start termin-17")


def test_link_of_a_group_leads_into_the_private_chat(anna: Visitor, house: House) -> None:
    link = house.url("/chat?start=top").replace("127.0.0.1", "127.0.0.1.example")
    anna.all("#chats button")[1].click()
    house.bot_says(GROUP, "Themen?", reply_markup={"inline_keyboard": [[{"text": "Einreichen", "url": link}]]})
    anna.reads("Themen?")
    # The server takes no link to a bare host; here the page has to think that this one is its own.
    anna.driver.execute_script("document.querySelector('a.key').href = '/chat?start=top'")

    anna.one("a.key").click()

    anna.reads("/start top", "Sie: /start top")


def test_connection_is_found_again_and_nothing_is_lost_or_doubled(anna: Visitor, house: House) -> None:
    anna.offline()
    anna.sees("#banner", "Keine Verbindung – wir versuchen es weiter.")
    anna.writes("Unterwegs", Keys.ENTER)
    anna.sees(".failed .again", "Erneut senden")
    house.bot_says(anna.id, "Inzwischen")

    anna.online()

    anna.reads("Inzwischen", "Unterwegs", "Sie: Unterwegs")
    anna.sees("#banner", "")
    assert house.do(_written("Unterwegs")) == 1


def test_what_is_too_much_stays_and_goes_when_there_is_room(anna: Visitor, house: House) -> None:
    user = rooms.user_of(house.people["anna"])
    house.do(house.delivery.stop())
    for number in range(30):
        house.do(people.writes(house.server, user, GROUP, f"{number}"))

    anna.writes("Noch etwas", Keys.ENTER)
    anna.sees(".failed .text", "Noch etwas")
    anna.sees(
        "#told",
        "Das waren sehr viele Nachrichten in kurzer Zeit. In 1 Min. geht es weiter; was geschrieben ist, bleibt stehen.",
    )
    house.server.clock = lambda: MOMENT + timedelta(minutes=1)
    anna.presses("Erneut senden")

    anna.reads("Noch etwas")
    anna.sees("#told", "")
    assert anna.all(".failed") == []


def test_refused_file_says_why_and_gives_its_text_back(anna: Visitor, house: House, tmp_path: Path) -> None:
    house.chat.file_bytes = MEGABYTE
    large = tmp_path / "Konzept.pdf"
    large.write_bytes(b"x" * (MEGABYTE + 1))
    anna.driver.find_element("id", "files").send_keys(str(large))

    anna.writes("Zur Sitzung", Keys.ENTER)
    anna.waits_for(lambda: anna.texts("#told")[0].startswith("Diese Datei hat keinen Platz mehr"))

    assert anna.one("#entry").get_attribute("value") == "Zur Sitzung"
    assert anna.texts("#messages .text") == []


async def _written(text: str) -> int:
    return await WebchatMessage.filter(text=text).count()


def test_window_that_was_hidden_for_long_catches_up(anna: Visitor, house: House) -> None:
    anna.driver.execute_script("dispatchEvent(new Event('pagehide'))")  # the stream is closed, as in a sleeping laptop
    house.bot_says(anna.id, "Guten Morgen")

    anna.driver.execute_script("dispatchEvent(new Event('online'))")

    anna.reads("Guten Morgen")


def test_only_what_is_new_is_announced(anna: Visitor, house: House) -> None:
    old = house.bot_says(anna.id, "Alt")
    anna.opens()
    anna.reads("Alt")
    house.bot_calls("editMessageText", chat_id=anna.id, message_id=old, text="Alt, geändert")
    anna.reads("Alt, geändert")
    assert anna.driver.execute_script("return document.querySelector('[role=log]').textContent") == ""

    house.bot_says(anna.id, "<b>Neu</b> und wichtig")

    anna.reads("Alt, geändert", "Neu und wichtig")
    log = anna.waits_for(
        lambda: anna.driver.execute_script("return document.querySelector('[role=log]').textContent") or None
    )
    assert log == "Faden: Neu und wichtig"


def test_typing_and_deleting_are_seen(anna: Visitor, house: House) -> None:
    anna.waits_for(
        lambda: len(house.chat.hub.listeners) == 1 or None
    )  # who is not listening misses that somebody types
    message = house.bot_says(anna.id, "Gleich weg")
    anna.reads("Gleich weg")
    house.bot_calls("sendChatAction", chat_id=anna.id, action="typing")
    anna.sees("#typing-text", "Faden schreibt …")

    house.bot_calls("deleteMessage", chat_id=anna.id, message_id=message)

    anna.reads()


def test_pinned_message_is_one_press_away(anna: Visitor, house: House) -> None:
    card = house.bot_says(GROUP, "82. Trägerkonferenz\nDi, 24.11.2026")
    house.bot_calls("pinChatMessage", chat_id=GROUP, message_id=card)
    for number in range(70):
        house.bot_says(GROUP, f"Nachricht {number}")
    anna.opens(f"/chat#{GROUP}")
    anna.driver.refresh()
    anna.sees("#pinned-text", "82. Trägerkonferenz · Di, 24.11.2026")

    anna.one("#pinned").click()

    anna.one(f"#m{card}.pointed")
    assert anna.driver.execute_script("return [document.documentElement.scrollHeight, innerHeight, scrollY]") == [
        800,
        800,
        0,
    ]


def test_long_history_opens_at_its_end_and_loads_earlier_pages(anna: Visitor, house: House) -> None:
    for number in range(120):
        house.bot_says(anna.id, f"Nachricht {number}")
    anna.opens()
    anna.waits_for(lambda: len(anna.all("#messages .text")) in {50, 100})
    anna.driver.execute_script("document.getElementById('scroller').scrollTop = 0")
    anna.waits_for(lambda: len(anna.all("#messages .text")) >= 100)
    assert anna.driver.execute_script("return document.getElementById('scroller').scrollTop") > 0

    anna.driver.execute_script("document.getElementById('scroller').scrollTop = 0")
    anna.reads(*(f"Nachricht {number}" for number in range(120)))
    anna.one("#newest").click()

    anna.waits_for(lambda: not anna.one("#newest").is_displayed())


def test_what_is_new_below_is_counted(anna: Visitor, house: House) -> None:
    for number in range(40):
        house.bot_says(anna.id, f"Nachricht {number}")
    anna.opens()
    anna.one("#m40")
    anna.driver.execute_script("document.getElementById('scroller').scrollTop = 300")
    anna.waits_for(lambda: anna.one("#newest").is_displayed())

    house.bot_says(anna.id, "Unten")

    anna.sees("#below", "1")
    assert anna.driver.execute_script("return document.getElementById('scroller').scrollTop") == 300


def test_html_of_others_stays_text(anna: Visitor, house: House) -> None:
    ben = rooms.user_of(house.people["ben"])
    house.do(rooms.enter(house.server, house.people["ben"], TODAY))
    nasty = "<img src=x onerror=alert(1)> <b>fett</b> https://beispiel.example/?a=1&b=2"

    house.do(people.writes(house.server, ben, GROUP, nasty))

    anna.opens(f"/chat#{GROUP}")
    anna.driver.refresh()
    anna.sees(".theirs .text", nasty, f"Sie: {nasty}")
    assert anna.all(".text img, .text b") == []
    assert anna.one(".text a").get_attribute("href") == "https://beispiel.example/?a=1&b=2"


def test_english_reader_gets_english_times(anna: Visitor, house: House) -> None:
    carla = Visitor(anna.driver, house, "carla")
    carla.opens()
    house.bot_says(carla.id, "Hello")

    carla.reads("Hello")
    carla.sees(".day", "Today")
    assert carla.driver.execute_script("return document.documentElement.lang") == "en"
    assert carla.texts(".chat-title") == ["Faden"]


def test_everything_works_by_keyboard(anna: Visitor, house: House) -> None:
    house.bot_says(GROUP, "In der Gruppe")
    anna.opens()
    tab, focused = Keys.TAB, anna.focused
    anna.waits_for(lambda: focused() == "Nachricht")
    anna.driver.execute_script("document.body.tabIndex = -1; document.body.focus()")
    anna.keys(tab)
    assert focused() == "Zum Schreibfeld springen"
    anna.keys(Keys.ENTER)
    anna.keys("Frage", Keys.ENTER)
    anna.reads("Frage", "Sie: Frage")

    anna.keys(Keys.SHIFT + tab + tab + Keys.NULL)
    while focused() != "Ja":
        anna.keys(Keys.SHIFT + tab + Keys.NULL)
    anna.keys(Keys.SPACE)
    anna.reads("Frage", "Gut.")
    assert focused() == "Nochmal"
    while not focused().startswith("Trägerkonferenz") and not focused().startswith("T\n"):
        anna.keys(Keys.SHIFT + tab + Keys.NULL)
    anna.keys(Keys.ENTER)

    anna.reads("In der Gruppe")
    anna.sees("h1", "Trägerkonferenz")


def test_chats_are_switched_on_a_phone(anna: Visitor, house: House) -> None:
    house.bot_says(GROUP, "In der Gruppe")
    anna.resized(*PHONE)
    anna.sees("#elsewhere", "1")
    anna.one("#switch").click()
    anna.waits_for(lambda: anna.one("#rooms").is_displayed())
    anna.keys(Keys.ESCAPE)
    anna.waits_for(lambda: not anna.one("#rooms").is_displayed())
    assert anna.driver.switch_to.active_element.get_attribute("id") == "switch"

    anna.keys(Keys.ENTER)
    anna.all("#chats button")[1].click()

    anna.reads("In der Gruppe")
    assert not anna.one("#rooms").is_displayed()


def test_month_fits_a_phone(anna: Visitor, house: House) -> None:
    house.bot_says(anna.id, "Wann?", reply_markup=month())
    anna.resized(*PHONE)
    anna.reads("Wann?")

    cells = [key.rect for key in anna.all("button.key")]
    page = anna.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")

    assert len(cells) == 28
    assert all(cell["height"] >= 36 and cell["width"] >= 36 for cell in cells)
    assert all(cell["x"] >= 0 and cell["x"] + cell["width"] <= 360 for cell in cells)
    assert page == [360, 360]
    assert len(anna.all(".key.label")) == 4


def test_controls_are_large_enough_for_a_thumb(anna: Visitor, house: House) -> None:
    house.bot_says(anna.id, "Zusage?", reply_markup={"inline_keyboard": [[{"text": "Ja", "callback_data": "slow"}]]})
    anna.resized(*PHONE)
    anna.reads("Zusage?")
    anna.one("#switch").click()

    rects = {
        control.get_attribute("id") or control.text: control.rect
        for control in anna.all("button, a:not(.skip), textarea")
        if control.is_displayed()
    }

    assert [name for name, rect in rects.items() if rect["height"] < 44 or rect["width"] < 44] == []


@pytest.mark.parametrize(("scheme", "size"), list(product(["light", "dark"], [PHONE, DESK])))
def test_axe_finds_nothing(anna: Visitor, house: House, scheme: str, size: tuple[int, int]) -> None:
    house.bot_says(anna.id, "<b>Fett</b> <code>Code</code> <a href='https://beispiel.example'>Link</a> /top")
    styles = ["primary", "success", "danger"]
    buttons = [{"text": style, "callback_data": style, "style": style} for style in styles]
    pages = [{"text": "Seite", "url": "https://beispiel.example"}]
    house.bot_says(anna.id, "Wie?", reply_markup={"inline_keyboard": [buttons, pages]})
    house.bot_says(anna.id, "Wann?", reply_markup=month())
    house.bot_says(GROUP, "In der Gruppe")
    house.bot_calls("pinChatMessage", chat_id=GROUP, message_id=1)
    anna.prefers(color_scheme=scheme)
    anna.resized(*size)
    anna.opens("/chat?trial=1")
    anna.writes("Datei", Keys.ENTER)
    anna.sees(".file-name", "Einladung März.ics")
    found = anna.accessibility_violations()

    anna.one("#slash").click()
    found += anna.accessibility_violations()
    if size == PHONE:
        anna.one("#switch").click()
        found += anna.accessibility_violations()
    anna.all("#chats button")[1].click()
    anna.reads("In der Gruppe")
    found += anna.accessibility_violations()

    assert found == []


def test_page_can_be_enlarged_twofold(anna: Visitor, house: House) -> None:
    house.bot_says(anna.id, "Wann?", reply_markup=month())
    anna.resized(DESK[0] // 2, DESK[1] // 2)  # what 200 % leaves of a desk
    anna.reads("Wann?")

    assert anna.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [640, 640]
    assert anna.one("#entry").is_displayed()


def test_nothing_moves_for_who_wants_calm(anna: Visitor, house: House) -> None:
    anna.prefers(reduced_motion="reduce")
    house.bot_says(anna.id, "Frage", reply_markup={"inline_keyboard": [[{"text": "Langsam", "callback_data": "slow"}]]})
    anna.presses("Langsam")
    anna.one(".key[aria-busy=true]")

    assert anna.driver.execute_script("return document.getAnimations().length") == 0


def test_signed_out_page_says_so(anna: Visitor) -> None:
    anna.driver.delete_all_cookies()

    anna.writes("Noch da?", Keys.ENTER)

    anna.sees("#signed-out", "Nicht mehr angemeldet. Wieder anmelden")
    anna.sees(".failed .text", "Noch da?")
