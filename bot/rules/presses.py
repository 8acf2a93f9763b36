"""What buttons carry: a row for each code, and how what stands behind the code is read.

A template that writes a button is held against the row (`check`), and so is the press (`read`): data that no button of ours
carries is Outdated. Two codes stand before others: `p:2:cl` leads to a page of a list, and `d:item:minutes:20` answers a step
of a guided entry.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from bot.rules.dialogue import FLOWS
from bot.rules.refusals import Outdated
from storage.vocabulary import Answer, CheckInAnswer

PAGE = "p"
PAGED = re.compile(rf"{PAGE}:([0-9]{{1,4}}):")
GUIDED = "d"
COMMAND = "k"
BACK, REDO, AGAIN = "back", "redo", "again"  # what a guided entry is told besides the answer to a step

Word = TypeVar("Word", bound=StrEnum)


def number(text: str) -> int:
    """A whole number that fits any column. Raises Outdated."""
    return int(matching(r"[0-9]{1,9}", text))


def word(kind: type[Word], text: str) -> Word:
    """A word of the vocabulary. Raises Outdated."""
    try:
        return kind(text)
    except ValueError as error:
        raise Outdated from error


def matching(pattern: str, text: str) -> str:
    """A text of exactly that form. Raises Outdated."""
    if re.fullmatch(pattern, text) is None:
        raise Outdated
    return text


def _number_or_dash(text: str) -> int | None:
    return None if text == "-" else number(text)


# By their German names.
COMMANDS = (
    "start|termine|top|tagesordnung|themen|commitments|commitment|organisieren"
    "|kalender|einstellungen|datenschutz|hilfe|zurueck|abbrechen"
)

READINGS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("meeting", "item", "commitment", "body", "seat", "person", "paper", "party", "page"), number),
    "answer": lambda text: word(Answer, text),
    "standing": lambda text: word(CheckInAnswer, text),
    "minute": number,  # of the epoch
    "length": _number_or_dash,
    "way": lambda text: matching("up|down", text) == "up",
    "stays": lambda text: matching("a", text),
    "source": lambda text: matching(r"[0-9]{1,18}", text),
    "language": lambda text: matching("[a-z]{2}", text),
    "rest": lambda text: matching("[0-9]{1,2}-[0-9]{1,2}|none", text),
    "command": lambda text: matching(COMMANDS, text),
}

# What stands behind each code: names of READINGS, in order; with a "?" it may be missing at the end.
ROWS: Mapping[str, str] = {
    COMMAND: "command",
    "drop": "",
    "menu": "",
    "help": "",
    "privacy": "",
    "stop": "",
    "noop": "",
    # meetings
    "meetings": "",
    "m": "meeting",
    "ma": "meeting answer minute?",
    "md": "meeting person?",
    "mdd": "meeting person person?",
    "mw": "meeting",
    "mu": "meeting",
    "mf": "meeting person?",
    "mfa": "meeting person answer",
    "mnew": "body?",
    "mi": "meeting",
    "mm": "meeting",
    "mp": "meeting",
    "mc": "meeting",
    "mt": "meeting",
    # agenda
    "a": "meeting",
    "ao": "meeting",
    "as": "item way",
    "i": "item",
    "inew": "meeting",
    "it": "item",
    "il": "item length? length?",
    "ip": "item",
    "ipx": "item paper",
    "iw": "item",
    "ia": "item stays?",
    "ir": "item",
    "idrop": "source",
    # commitments
    "c": "commitment",
    "cl": "body?",
    "cnew": "body?",
    "cc": "commitment party?",
    "cx": "commitment",
    "cs": "commitment standing",
    "cd": "commitment",
    "cf": "commitment",
    "cv": "commitment",
    "cr": "commitment",
    "ch": "commitment",
    "chh": "commitment person",
    "co": "commitment",
    # organising, and people
    "o": "",
    "ob": "body",
    "tl": "page?",
    "tb": "body page?",
    "ta": "body",
    "taa": "body",
    "os": "body page?",
    "op": "seat",
    "oe": "seat",
    "oee": "seat",
    "oi": "person",
    "pf": "page?",
    "pfi": "",
    "pfd": "",
    # one's own settings, coming to Faden, groups
    "sl": "language",
    "sq": "rest",
    "kr": "",
    "krr": "",
    "joined": "",
    "gl": "body",
    "go": "",
}


def parted(data: str) -> tuple[int | None, list[str]]:
    """The page to which a button leads, from 0 (None when it names none); and its code with what stands behind it."""
    paged = PAGED.match(data)
    return (int(paged[1]), data[paged.end() :].split(":")) if paged else (None, data.split(":"))


def read(code: str, arguments: Sequence[str]) -> tuple[Any, ...]:
    """What a button carries behind its code, one for each name of its row; None for what is missing. Raises Outdated.

    Of a guided entry: its kind, the step, and the value, which is empty where there is none.
    """
    if code == GUIDED:
        return guided(arguments)
    if code not in ROWS:
        raise Outdated
    names = ROWS[code].split()
    needed = sum(not name.endswith("?") for name in names)
    if not needed <= len(arguments) <= len(names):
        raise Outdated
    found = [READINGS[name.rstrip("?")](text) for name, text in zip(names, arguments, strict=False)]
    return (*found, *[None] * (len(names) - len(found)))


def guided(arguments: Sequence[str]) -> tuple[str, str, str]:
    """Which kind of guided entry is answered, at which step, and with what. Raises Outdated when there is no such step."""
    kind, step, value = (*":".join(arguments).split(":", 2), "", "")[:3]
    if kind not in FLOWS or step not in {BACK, REDO, AGAIN, *(known.name for known in FLOWS[kind].steps)}:
        raise Outdated
    return kind, step, value


def check(data: str) -> None:
    """Hold what a button is to carry against its row. Raises Outdated.

    An answer to a step has a value: only a page of what there is to choose from asks the same again.
    """
    page, (code, *arguments) = parted(data)
    read(code, arguments)
    if code == GUIDED:
        kind, step, value = guided(arguments)
        known = value in FLOWS[kind].redoable if step == REDO else bool(value) or step == BACK or page is not None
        if not known:
            raise Outdated
