import pytest

from bot.rules import paging


@pytest.mark.parametrize(
    ("page", "entries", "number"),
    [(0, [0, 1, 2], 0), (2, [6], 2), (99, [6], 2), (-1, [0, 1, 2], 0)],
)
def test_page_of_a_list(page: int, entries: list[int], number: int) -> None:
    assert paging.turned(range(7), page, 3) == (range(7)[entries[0] : entries[-1] + 1], {"page": number, "pages": 3})


def test_empty_list_is_one_page() -> None:
    assert paging.turned([], 3) == ([], {"page": 0, "pages": 1})
