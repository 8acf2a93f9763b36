"""The whole of Faden in trial mode, in a process of its own, as `make run` starts it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import IO

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import Visitor

HOUSE = Path(__file__).parents[2]
STOP_SECONDS = 15
NEWEST = 3


@contextmanager
def running_trial(port: int = 0) -> Iterator[int]:
    """Serve the sample town on the loopback, on a Tuesday morning, when nobody rests; gives the port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FADEN_")}
    with tempfile.TemporaryDirectory(prefix="faden-trial-") as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", "--trial", "--port", str(port)],
            cwd=directory,
            env={**environment, "PYTHONPATH": str(HOUSE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout as said:
            try:
                served = _port(said)
                _set_clock(served)
                yield served
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(STOP_SECONDS) == 0


def _set_clock(port: int) -> None:
    """To the next Tuesday, ten o'clock."""
    today = date.today()  # noqa: DTZ011, TID251  # the trial begins on the machine's day
    tuesday = today + timedelta(days=(1 - today.weekday()) % 7 or 7)
    address = f"http://127.0.0.1:{port}/probe/uhr"
    form = urllib.parse.urlencode({"to": f"{tuesday}T10:00"}).encode()
    request = urllib.request.Request(address, form, {"Origin": f"http://127.0.0.1:{port}"})  # the loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the loopback
        assert answer.status == HTTPStatus.OK


def _port(said: IO[str]) -> int:
    """The port in the address that a person would open."""
    for line in said:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/probe", line):
            return int(found[1])
    raise EOFError


class Townsman(Visitor):
    """Somebody of the sample town, at a browser. On another host of the loopback they have cookies of their own."""

    def __init__(self, driver: Chrome, port: int, name: str, host: str = "127.0.0.1") -> None:
        self.driver, self.name, self.host, self.port = driver, name, host, port
        self.goes("/probe")
        buttons = driver.find_elements(By.CSS_SELECTOR, "form.people button")
        driver.execute_script("arguments[0].click()", next(button for button in buttons if name in button.text))
        self.window = driver.current_window_handle
        self.goes("/chat")
        self.waits_for(lambda: self.driver.execute_script("return document.querySelector('#chats button') !== null"))

    def goes(self, path: str) -> None:
        """Open a page."""
        self.driver.get(f"http://{self.host}:{self.port}{path}")

    def presses(self, label: str) -> None:
        """Press the newest button with this label, once it may be pressed."""
        script = """const button = [...document.querySelectorAll('#messages button')].reverse().find(
            button => button.innerText.trim() === arguments[0] && button.getAttribute('aria-disabled') !== 'true');
            button?.click(); return button !== undefined || null"""  # in one go: what is found may be replaced at any moment
        self.waits_for(lambda: self.driver.execute_script(script, label))

    def says(self, text: str) -> None:
        """Type and send."""
        self.writes(text, "\n")

    def hears(self, *words: str) -> str:
        """Wait until one of the newest messages has all these words; gives it. The clock may say something of its own meanwhile."""

        def newest() -> str | None:
            texts = reversed(self.texts("#messages .text")[-NEWEST:])
            return next((text for text in texts if all(word in text for word in words)), None)

        try:
            return self.waits_for(newest)
        except TimeoutException as error:
            raise AssertionError(f"not heard: {words}; last: {self.texts('#messages .text')[-NEWEST:]}") from error

    def sees_somewhere(self, words: str) -> str:
        """Wait until some message has these words; gives it."""
        return self.waits_for(lambda: next((text for text in self.texts("#messages .text") if words in text), None))
