"""Long lists, a page at a time: a phone shows about ten entries, a chat takes a hundred buttons and 4096 characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ENTRIES_OF_A_PAGE = 10


@dataclass(frozen=True)
class Page:
    """Which page it is, from 0, of how many, and the places of its entries."""

    number: int
    of: int
    places: range


def page(length: int, wanted: int, size: int = ENTRIES_OF_A_PAGE) -> Page:
    """The wanted page of a list of that length, or the nearest that there is."""
    pages = max(1, -(-length // size))
    number = max(0, min(wanted, pages - 1))
    return Page(number, pages, range(number * size, min(length, (number + 1) * size)))


def on_page(lists: Sequence[Sequence[Any]], shown: Page) -> list[Sequence[Any]]:
    """What of each list stands on a page of all of them, one after the other."""
    parts, begin = [], 0
    for entries in lists:
        parts.append(entries[max(0, shown.places.start - begin) : max(0, shown.places.stop - begin)])
        begin += len(entries)
    return parts
