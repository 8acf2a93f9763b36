"""A real Chromium, and a small house to visit: the chat page with the strict server behind it and a toy bot in it.

The house runs in a thread with a loop of its own, so that tests drive the browser in plain, synchronous steps.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from aiohttp import web
from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from bot.messages import Voice
from bot.web import assets
from bot.web.middlewares import SECURITY_HEADERS
from bot.webchat import api, rooms
from bot.webchat.calls import Call, Upload
from bot.webchat.delivery import Delivery
from bot.webchat.objects import Json
from bot.webchat.page import ChatPage, routes
from bot.webchat.server import BotServer, Options
from storage import db
from storage.models import Body, GroupChat, Membership, Person
from storage.vocabulary import BodyKind, Network, Role

T = TypeVar("T")

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
AXE = Path(__file__).parent / "vendor" / "axe-core-4.12.1" / "axe.min.js"
PATIENCE = 40  # a bound, not a wait
GROUP = -1
MOMENT = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)
MENU = {"termine": "Ihre nächsten Sitzungen", "top": "Thema einreichen", "hilfe": "Was Faden kann"}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """Debian's browser with a fresh profile; one for all tests, each of which has an origin of its own."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        if os.environ.get("FADEN_REQUIRE_BROWSER") == "1":
            pytest.fail("FADEN_REQUIRE_BROWSER=1, but there is no chromium with chromedriver in /usr/bin")
        pytest.skip("no chromium with chromedriver in /usr/bin (on Debian: apt install chromium chromium-driver)")
    with opened_chromium() as driver:
        yield driver


@contextmanager
def opened_chromium() -> Iterator[Chrome]:
    """The browser, for as long as the block lasts."""
    with TemporaryDirectory(prefix="faden-chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            "disable-quic",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "lang=de-DE",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = Chrome(options=options, service=ChromeService(executable_path=str(DRIVER)))
        try:
            yield driver
        finally:
            driver.quit()


@dataclass
class House:
    """The house, as a test sees it from its own thread."""

    loop: asyncio.AbstractEventLoop
    port: int = 0
    server: BotServer = field(init=False)
    delivery: Delivery = field(init=False)
    chat: ChatPage = field(init=False)
    people: dict[str, Person] = field(default_factory=dict)

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the house, and wait for it."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result(PATIENCE)

    def bot_says(self, chat_id: int, text: str, **more: object) -> int:
        """Faden sends a message; gives its number."""
        call = Call("sendMessage", {"chat_id": chat_id, "text": text, "parse_mode": "HTML", **more})
        sent = self.do(api.answer(self.server, call))
        assert isinstance(sent, dict)
        return int(sent["message_id"])

    def bot_calls(self, method: str, **params: object) -> None:
        """Faden does anything else."""
        self.do(api.answer(self.server, Call(method, params)))

    def ends_seat_of(self, name: str) -> None:
        """Somebody has no seat any more since yesterday."""

        async def end() -> None:
            async with db.transaction():
                await Membership.filter(person=self.people[name]).update(ends_on=date(2026, 11, 17))

        self.do(end())

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class Visitor:
    """Somebody in front of the browser. On another host of the loopback they have cookies of their own."""

    def __init__(self, driver: Chrome, house: House, name: str, host: str = "127.0.0.1") -> None:
        self.driver, self.house, self.name, self.host = driver, house, name, host
        self.id = house.people[name].id
        driver.get(house.url(f"/sign-in/{self.id}", host))
        self.window = driver.current_window_handle

    def comes_back(self) -> None:
        """Look at this person's window."""
        self.driver.switch_to.window(self.window)

    def opens(self, path: str = "/chat") -> None:
        """Go to a page, and wait until the chat is there."""
        self.driver.get(self.house.url(path, self.host))
        self.waits_for(lambda: self.driver.execute_script("return document.querySelector('#chats button') !== null"))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first such element, as soon as there is one."""
        return self.waits_for(lambda: next(iter(self.all(selector)), None))

    def texts(self, selector: str) -> list[str]:
        """What stands there, read in one look: elements that are just being replaced cannot go stale."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())"
        return list(self.driver.execute_script(script, selector))

    def waits_for(self, condition: Callable[[], T | None]) -> T:
        """Until the condition holds; what it gave then."""
        return WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: condition())  # type: ignore[return-value]  # never None

    def reads(self, *expected: str) -> None:
        """Wait until the chat holds exactly these messages."""
        self.sees("#messages .text", *expected)

    def sees(self, selector: str, *expected: str) -> None:
        """Wait until exactly these texts stand there; fails with what stands there instead."""
        try:
            self.waits_for(lambda: self.texts(selector) == list(expected) or None)
        except Exception:
            assert self.texts(selector) == list(expected)
            raise

    def presses(self, label: str) -> None:
        """Press the button with this label."""
        script = "return [...document.querySelectorAll('button')].find(b => b.innerText.trim() === arguments[0])"

        def pressed() -> bool | None:
            found: WebElement | None = self.driver.execute_script(script, label)
            try:
                if found is None:
                    return None
                found.click()
            except (ElementNotInteractableException, StaleElementReferenceException):
                return None  # it is just being drawn
            return True

        self.waits_for(pressed)

    def writes(self, *keys: str) -> None:
        """Type into the field."""
        self.one("#entry").send_keys(*keys)

    def keys(self, *keys: str) -> None:
        """Type wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        """The label of what has the focus."""
        active = self.driver.switch_to.active_element
        return active.text or active.accessible_name

    def offline(self) -> None:
        """Pull the plug."""
        self._network(offline=True)

    def online(self) -> None:
        """Put it back."""
        self._network(offline=False)

    def _network(self, *, offline: bool) -> None:
        self.driver.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def leaves(self) -> None:
        """Close the page; nothing on it may have been refused by its own security policy or have gone wrong."""
        self.driver.get("about:blank")
        complaints = self.forgets_complaints()
        assert [one for one in complaints if "Content Security Policy" in one or "Uncaught" in one] == []

    def forgets_complaints(self) -> list[str]:
        """What the browser's console has held since last time."""
        return [line["message"] for line in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]  # of selenium

    def resized(self, width: int, height: int) -> None:
        """The page's size, without the browser's own frame."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefers(self, **features: str) -> None:
        """Media features, such as `color_scheme="dark"`."""
        given = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": given})

    def accessibility_violations(self) -> list[str]:
        """What axe-core finds, one line each."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        run = "const done = arguments[arguments.length - 1]; axe.run().then(done, error => done({violations: [], error: `${error}`}))"
        found = self.driver.execute_async_script(run)
        assert "error" not in found
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    """A town with one body and its group; Anna and Ben sit in it, Carla does not."""
    path = tmp_path / "faden.sqlite3"
    shutil.copyfile(migrated_sqlite, path)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="house")
    thread.start()
    made = House(loop)
    stop = asyncio.Event()
    try:
        ready: Future[None] = Future()
        living = asyncio.run_coroutine_threadsafe(_live(made, f"sqlite:///{path}", ready, stop), loop)
        living.add_done_callback(partial(_report, ready))
        ready.result(PATIENCE)
        yield made
        loop.call_soon_threadsafe(stop.set)
        living.result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def _report(ready: "Future[None]", living: "Future[None]") -> None:
    """A house that could not be opened says why to whoever waits for it."""
    if not ready.done():
        ready.set_exception(living.exception() or EOFError())


async def _live(house: House, url: str, ready: "Future[None]", stop: asyncio.Event) -> None:
    """From the opening of the store to its closing, in one task: Tortoise's connection lives in its context."""
    await db.open_store(url)
    try:
        await _settle(house)
        house.server = BotServer(Network.WEBCHAT, "4711:invented", lambda: MOMENT, options=Options(first_contact=False))
        house.delivery = Delivery(house.server, _toy_bot(house.server))
        await api.answer(
            house.server,
            Call("setMyCommands", {"commands": [{"command": one, "description": MENU[one]} for one in MENU]}),
        )
        await rooms.open_rooms(house.server)
        house.chat = ChatPage(
            server=house.server, clock=lambda: MOMENT, frame=_frame, reader_of=_reader, signed_in=_still_signed_in
        )
        runner = web.AppRunner(_application(house.chat), shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        house.port = runner.addresses[0][1]
        ready.set_result(None)
        await stop.wait()
        await runner.cleanup()
    finally:
        await db.close_store()


async def _settle(house: House) -> None:
    async with db.transaction():
        body = await Body.create(code="TK", name="Trägerkonferenz", kind=BodyKind.PROVIDER_CONFERENCE)
        for key, given, family, language in (
            ("anna", "Anna", "Arendt", "de"),
            ("ben", "Ben", "Özdemir", "de"),
            ("carla", "Carla", "Cramer", "en"),
        ):
            house.people[key] = await Person.create(
                key=key, given_name=given, family_name=family, language=language, zone="Europe/Berlin"
            )
        for key in ("anna", "ben"):
            await Membership.create(body=body, person=house.people[key], role=Role.MEMBER, begins_on=date(2026, 1, 1))
        await GroupChat.create(body=body, network=Network.WEBCHAT, chat_id=GROUP, linked_at=MOMENT)


def _application(chat: ChatPage) -> web.Application:
    @web.middleware
    async def recognise(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        request["person"] = await Person.get_or_none(id=int(request.cookies.get("who", "0")))
        language = request["person"].language if request["person"] else "de"
        request["voice"] = Voice(language=language, base_url=f"http://{request.host}")
        return await handler(request)

    async def sign_in(request: web.Request) -> web.Response:
        response = web.Response(text="signed in")
        response.set_cookie("who", request.match_info["person"])
        return response

    async def protect(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.extend(SECURITY_HEADERS)

    application = web.Application(middlewares=[recognise])
    application.on_response_prepare.append(protect)
    application.on_shutdown.append(chat.shut_down)
    application.add_routes(routes(chat))
    application.router.add_get("/sign-in/{person}", sign_in)
    application.router.add_get("/static/{version:[0-9a-f]{16}}/{name}", assets.static)
    return application


def _frame(request: web.Request) -> dict[str, object]:
    return {
        "town": "Beispielstadt",
        "trial": request.query.get("trial") == "1",
        "clock": MOMENT,
        "stylesheet": assets.address("faden.css"),
        "icon": assets.address("favicon.svg"),
    }


def _reader(request: web.Request) -> Person:
    person: Person | None = request["person"]
    if person is None:
        raise web.HTTPSeeOther("/anmelden")
    return person


async def _still_signed_in(requests: Sequence[web.Request]) -> list[bool]:
    return [True] * len(requests)


def _toy_bot(server: BotServer) -> Callable[[Json], Coroutine[Any, Any, None]]:
    """Answers each text with itself and two buttons; a press changes the message and says so. "langsam" waits to be answered."""
    yes_no = {
        "inline_keyboard": [[{"text": "Ja", "callback_data": "yes"}, {"text": "Langsam", "callback_data": "slow"}]]
    }

    async def act(method: str, files: dict[str, Upload] | None = None, **params: object) -> None:
        await api.answer(server, Call(method, params, files or {}))

    async def take(update: Json) -> None:
        if "callback_query" in update:
            query = update["callback_query"]
            if query["data"] == "slow":
                return
            place = {"chat_id": query["message"]["chat"]["id"], "message_id": query["message"]["message_id"]}
            again = {"inline_keyboard": [[{"text": "Nochmal", "callback_data": "yes2"}]]}
            if query["data"] == "yes":
                await act("editMessageText", text="Gut.", reply_markup=again, **place)
            await act("answerCallbackQuery", callback_query_id=query["id"], text="Notiert")
        elif (message := update.get("message")) and "document" in message:
            name = message["document"]["file_name"]
            await act("sendMessage", chat_id=message["chat"]["id"], text=f"Angekommen: {name}")
        elif message and "text" in message and message["text"] == "Datei":
            file = {"document": Upload("Einladung März.ics", "text/calendar", b"BEGIN:VCALENDAR")}
            await act("sendDocument", file, chat_id=message["chat"]["id"], caption="Bitte sehr")
        elif message and "text" in message:
            await act("sendMessage", chat_id=message["chat"]["id"], text=f"Sie: {message['text']}", reply_markup=yes_no)

    return take
