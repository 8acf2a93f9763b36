"""One-line commands, as they are typed after `/top` and `/commitment`."""

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.rules.reading.durations import duration
from bot.rules.reading.words import fold

_PURPOSES = {
    "information": ("information", "info", "kenntnisnahme", "zur kenntnis", "zur information", "for information"),
    "consultation": (
        *("beratung", "zur beratung", "diskussion", "austausch", "consultation", "discussion", "for discussion"),
    ),
    "decision": (
        *("beschluss", "beschlussfassung", "zum beschluss", "entscheidung", "zur entscheidung"),
        *("decision", "for decision"),
    ),
    "report": ("bericht", "report"),
    "case_consultation": ("fallberatung", "fallberatungen", "case consultation", "case slot", "case slots"),
    "other": ("verschiedenes", "sonstiges", "any other business", "aob", "other"),
}
_PURPOSE_WORDS = {word: purpose for purpose, words in _PURPOSES.items() for word in words}

# At most three words before a colon, the first with a letter in front: neither "14:30" nor "https:" names a body.
_BODY = re.compile(r"(?P<body>[^\W\d_][\w./-]*(?: [\w./-]+){0,2}) ?:(?!//)(?!(?<=\d:)\d) ?(?P<rest>.*)")
_DUE = re.compile(
    r"(?P<head>.+), ?(?:(?:bis(?: zum| zur)?|by|until) (?P<date>.+)|(?P<other>dauerhaft|laufend|standing|in (?:der|den|the) .+))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AgendaLine:
    """The purpose is a code: information, consultation, decision, report, case_consultation, other."""

    body: str | None
    title: str
    purpose: str | None = None
    minutes: int | None = None


@dataclass(frozen=True)
class CommitmentLine:
    """Parties and due date are as typed; who and when that is, others find out."""

    body: str | None
    what: str
    parties: tuple[str, ...] = ()
    due_text: str | None = None


def purpose(text: str) -> str | None:
    """The purpose that somebody names in a word ("Beschluss", "for information"), as a code; None when it is none."""
    return _PURPOSE_WORDS.get(fold(text).strip(" .!"))


def agenda_line(text: str) -> AgendaLine | None:
    """Read "TK: Kinderbauernhof, Beschluss, 20 min"; None without a title.

    Purpose and duration come last, in either order; what else has commas is the title's. What stands before the colon
    may be no body but a part of the title: only who knows the bodies can tell.
    """
    body, rest = _body_and_rest(text)
    segments = re.split(r",(?!(?<=\d,)\d)", rest)  # "1,5 h" is one
    purpose: str | None = None
    minutes: int | None = None
    while len(segments) > 1:
        last = segments[-1].strip()
        if purpose is None and (named := _PURPOSE_WORDS.get(fold(last))):
            purpose = named
        elif minutes is None and (length := duration(last)):
            minutes = length // timedelta(minutes=1)
        else:
            break
        segments.pop()
    title = ",".join(segments).strip(" ,")
    if not title:
        return None
    return AgendaLine(body, title, purpose or _PURPOSE_WORDS.get(fold(title)), minutes)


def commitment_line(text: str) -> CommitmentLine | None:
    """Read "RLK: Beratungsangebot aufbauen, Meier + Caritas, bis 30.09."; None without a what.

    The last comma before the due date parts what from the parties.
    """
    body, rest = _body_and_rest(text)
    due = _DUE.fullmatch(rest)
    head = due["head"] if due else rest
    what, comma, parties = head.rpartition(",")
    if not comma:
        what, parties = head, ""
    if not what.strip(" ,"):
        return None
    names = tuple(name for party in parties.split("+") if (name := party.strip()))
    return CommitmentLine(body, what.strip(" ,"), names, (due["date"] or due["other"]) if due else None)


def _body_and_rest(text: str) -> tuple[str | None, str]:
    line = " ".join(text.split())
    match = _BODY.fullmatch(line)
    return (match["body"], match["rest"]) if match else (None, line)
