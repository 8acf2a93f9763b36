import pytest

from bot.rules import presses
from bot.rules.presses import READINGS, ROWS
from bot.rules.refusals import Outdated
from storage.vocabulary import Answer


def test_row_names_readings_and_what_may_be_missing_stands_at_the_end() -> None:
    for code, takes in ROWS.items():
        names = takes.split()
        missing = [name.endswith("?") for name in names]

        assert {name.rstrip("?") for name in names} <= READINGS.keys(), code
        assert missing == sorted(missing), code


def test_no_row_has_the_code_that_stands_before_others() -> None:
    assert {presses.PAGE, presses.GUIDED} & ROWS.keys() == set()


@pytest.mark.parametrize(
    ("code", "arguments", "given"),
    [
        ("menu", [], ()),
        ("m", ["7"], (7,)),
        ("ma", ["7", "declined", "29687200"], (7, Answer.DECLINED, 29687200)),
        ("ma", ["7", "declined"], (7, Answer.DECLINED, None)),
        ("il", ["7", "-", "2"], (7, None, 2)),
        ("as", ["7", "down"], (7, False)),
        ("k", ["top"], ("top",)),
        ("d", ["item", "minutes", "20"], ("item", "minutes", "20")),
        ("d", ["meeting", "when", "2026-12-03T09", "00"], ("meeting", "when", "2026-12-03T09:00")),
        ("d", ["item", "back"], ("item", "back", "")),
    ],
)
def test_press_is_read_by_the_row_of_its_code(code: str, arguments: list[str], given: tuple[object, ...]) -> None:
    assert presses.read(code, arguments) == given


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("nonsense", []),
        ("p", ["2"]),
        ("menu", ["7"]),
        ("m", []),
        ("m", ["x"]),
        ("ma", ["7", "ja"]),
        ("as", ["7", "left"]),
        ("k", ["x"]),
        ("k", ["top|hilfe"]),
        ("d", []),
        ("d", ["item"]),
        ("d", ["walk", "back"]),
        ("d", ["item", "place", "usual"]),
    ],
)
def test_press_that_no_row_fits_is_outdated(code: str, arguments: list[str]) -> None:
    with pytest.raises(Outdated):
        presses.read(code, arguments)


@pytest.mark.parametrize(
    ("data", "page", "codes"),
    [
        ("m:7", None, ["m", "7"]),
        ("p:2:cl", 2, ["cl"]),
        ("p:0:os:7", 0, ["os", "7"]),
        ("p:12345:cl", None, ["p", "12345", "cl"]),
        ("p:x:cl", None, ["p", "x", "cl"]),
        ("", None, [""]),
    ],
)
def test_page_stands_before_the_code(data: str, page: int | None, codes: list[str]) -> None:
    assert presses.parted(data) == (page, codes)


@pytest.mark.parametrize(
    "data",
    [
        "menu",
        "p:1:os:7",
        "d:item:back",
        "d:item:minutes:20",
        "d:item:redo:person",
        "d:item:again:17",
        "p:1:d:item:body",
        "p:1:d:commitment:owners:p7",
    ],
)
def test_button_may_carry_what_its_row_says(data: str) -> None:
    presses.check(data)


@pytest.mark.parametrize(
    "data",
    [
        "nonsense",
        "m:None",
        "p:-1:cl",
        "p:1:m",
        "d:item:minutes",
        "d:item:minutes:",
        "d:item:again",
        "d:item:redo:title",
    ],
)
def test_button_may_carry_nothing_else(data: str) -> None:
    with pytest.raises(Outdated):
        presses.check(data)
