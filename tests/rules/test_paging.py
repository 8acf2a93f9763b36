import pytest

from bot.rules import paging
from bot.rules.paging import Page


@pytest.mark.parametrize(
    ("wanted", "number", "places"),
    [(0, 0, range(3)), (2, 2, range(6, 7)), (99, 2, range(6, 7)), (-1, 0, range(3))],
)
def test_page_of_a_list(wanted: int, number: int, places: range) -> None:
    assert paging.page(7, wanted, 3) == Page(number, 3, places)


def test_empty_list_is_one_page() -> None:
    assert paging.page(0, 3) == Page(0, 1, range(0))


@pytest.mark.parametrize(("wanted", "parts"), [(0, ["abc", "", ""]), (1, ["d", "", "xy"]), (2, ["", "", "z"])])
def test_page_of_several_lists(wanted: int, parts: list[str]) -> None:
    assert paging.on_page(["abcd", "", "xyz"], paging.page(7, wanted, 3)) == parts
