"""Makes the README's pictures anew from the running product: `make pictures`."""

from pathlib import Path

from selenium.webdriver import Chrome

from tests.browser.conftest import opened_chromium
from tests.browser.town import Townsman, running_trial

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
PHONE, DESK = (390, 780), (1180, 760)


def main() -> None:
    """A phone with an invitation, a phone with the month to pick from, a desk with an agenda."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_trial() as port, opened_chromium() as chromium:
        _month(chromium, port)
        _agenda(chromium, port)
        _invitation(chromium, port)


def _month(chromium: Chrome, port: int) -> None:
    petra = Townsman(chromium, port, "Petra Wimmer")
    petra.resized(*PHONE)
    petra.says("/organisieren")
    petra.presses("RLK")
    petra.hears("Wer dabei ist")
    petra.presses("➕ Sitzung planen")
    petra.hears("Wann?")
    petra.presses("›")
    petra.waits_for(lambda: "‹" in petra.texts("#messages button"))
    _taken(chromium, "month")
    petra.says("in 23 Tagen um 14:30")
    petra.hears("Wie lange?")
    petra.says("90 min")
    petra.hears("In welcher Form?")
    petra.presses("In Präsenz")
    petra.hears("Wo?")
    petra.says("Rathaus, Saal 2")
    petra.presses("✅ So planen")
    petra.presses("✉️ Jetzt einladen")
    petra.presses("✉️ Einladen")
    petra.hears("unterwegs")


def _invitation(chromium: Chrome, port: int) -> None:
    uwe = Townsman(chromium, port, "Uwe Brenner")
    uwe.resized(*PHONE)
    uwe.sees_somewhere("Einladung")
    uwe.presses("✅ Zusage")
    uwe.hears("zugesagt")
    _taken(chromium, "invitation")


def _agenda(chromium: Chrome, port: int) -> None:
    petra = Townsman(chromium, port, "Petra Wimmer")
    petra.resized(*DESK)
    petra.says("/top RLK: Ferienprogramm 2027, Beschluss, 20 min")
    petra.hears("Eingereicht")
    petra.presses("📋 Tagesordnung")
    petra.hears("Tagesordnung")
    _taken(chromium, "agenda")


def _taken(chromium: Chrome, name: str) -> None:
    chromium.save_screenshot(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
