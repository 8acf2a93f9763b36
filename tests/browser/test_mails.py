"""The HTML part of every golden mail in the window of a phone; with `FADEN_TEST_PICTURES` its picture is kept in that directory."""

import email
import os
from email.policy import default
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parents[1] / "golden" / "mail"
NARROW = (360, 740)
HTML = {path.stem: path for path in sorted(GOLDEN.glob("*.*.eml"))}


def html_of(path: Path) -> str:
    part = email.message_from_bytes(path.read_bytes(), policy=default).get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("name", HTML)
def test_mail_fits_a_narrow_window(chromium: Chrome, tmp_path: Path, name: str) -> None:
    shown = tmp_path / "mail.html"
    shown.write_text(html_of(HTML[name]), encoding="utf-8")
    chromium.set_window_size(*NARROW)

    chromium.get(shown.as_uri())

    pictures = Path(os.environ.get("FADEN_TEST_PICTURES", tmp_path))
    assert chromium.save_screenshot(str(pictures / f"{name}.png"))
    width = chromium.execute_script("return document.documentElement.clientWidth")
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    assert chromium.execute_script("return document.body.innerText.trim()") != ""
