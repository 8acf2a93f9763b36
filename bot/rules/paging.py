"""Long lists, a page at a time: a chat takes a hundred buttons and 4096 characters."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

BUTTONS_OF_A_PAGE = 24


def turned(entries: Sequence[T], page: int, size: int = BUTTONS_OF_A_PAGE) -> tuple[Sequence[T], dict[str, int]]:
    """The entries of a page, or of the last one; and which one that is, from 0, of how many."""
    pages = max(1, -(-len(entries) // size))
    page = max(0, min(page, pages - 1))
    return entries[page * size :][:size], {"page": page, "pages": pages}
