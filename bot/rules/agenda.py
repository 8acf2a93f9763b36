"""How an agenda adds up: numbers, times from durations, whether it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.vocabulary import ItemState, Purpose

CASE_MINUTES = 30
ASSUMED_MINUTES = 10


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What an item counts for; `minutes` is None when nobody said."""

    id: int
    position: int
    purpose: Purpose
    state: ItemState
    minutes: int | None
    slots: int | None = None


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An item's place: its number from 1, when it begins, how long it is taken to last."""

    id: int
    number: int
    starts: datetime
    minutes: int
    assumed: bool


def length(entry: Entry) -> tuple[int, bool]:
    """Minutes, and whether they are only assumed; a case slot takes half an hour unless said otherwise."""
    if entry.minutes is not None:
        return entry.minutes, False
    if entry.purpose is Purpose.CASE_CONSULTATION:
        return CASE_MINUTES * (entry.slots or 1), True
    return ASSUMED_MINUTES, True


def placed(entries: Sequence[Entry], starts: datetime) -> list[Placed]:
    """The order of the meeting: by position, then as handed in; "Verschiedenes" comes last."""
    ordered = sorted(entries, key=lambda entry: (entry.purpose is Purpose.OTHER, entry.position, entry.id))
    places = []
    for number, entry in enumerate(ordered, start=1):
        minutes, assumed = length(entry)
        places.append(Placed(id=entry.id, number=number, starts=starts, minutes=minutes, assumed=assumed))
        starts += timedelta(minutes=minutes)
    return places
