"""The grammar of conversation files, as `docs/conversations.md` writes it down: text in, steps out."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
NOTHING = "(nichts)"


class BadScript(ValueError):
    """A line that the grammar does not know."""


@dataclass(frozen=True)
class At:
    """It is now `moment`, and the timer looks."""

    line: int
    moment: datetime


@dataclass(frozen=True)
class Says:
    """Somebody writes, in their own chat or in a body's group."""

    line: int
    who: str
    group: str | None
    text: str


@dataclass(frozen=True)
class Sends:
    """Somebody sends a file of that name; its content, if the story tells it."""

    line: int
    who: str
    file: str
    content: str = ""


@dataclass(frozen=True)
class Presses:
    """Somebody presses the newest button with that label, `twice` before anything has happened.

    `gone` is a button that is not on the screen any more; `of` presses one that only this other person was shown.
    """

    line: int
    who: str
    group: str | None
    label: str
    twice: bool = False
    gone: bool = False
    of: str | None = None


@dataclass(frozen=True)
class Hears:
    """The next thing that reaches a person, or a body's group: a new message, or one that changes.

    `text` is as `Heard.told` writes it, with `…` for anything; buttons count when it has a line of them.
    """

    line: int
    who: str | None
    group: str | None
    text: str
    new: bool

    @property
    def with_buttons(self) -> bool:
        """Whether the story tells the buttons."""
        return any(line.startswith("[") for line in self.text.splitlines())


@dataclass(frozen=True)
class Toast:
    """Somebody sees a short answer over the chat."""

    line: int
    who: str
    text: str


@dataclass(frozen=True)
class Silence:
    """Nothing more reached them."""

    line: int
    who: str | None
    group: str | None


@dataclass(frozen=True)
class Leaves:
    """Since yesterday somebody has no seat in a body any more."""

    line: int
    who: str
    body: str


@dataclass(frozen=True)
class Blocks:
    """Somebody wants no messages of Faden on this network."""

    line: int
    who: str


@dataclass(frozen=True)
class HasOnlyMail:
    """No chat reaches somebody, but their mail does."""

    line: int
    who: str


@dataclass(frozen=True)
class Receives:
    """The next mail that somebody gets: its subject, and in further lines its text without the foot."""

    line: int
    who: str
    text: str


@dataclass(frozen=True)
class Answers:
    """Somebody presses a button of the page behind the link in their last mail, or of the page that follows."""

    line: int
    who: str
    label: str


@dataclass(frozen=True)
class Restart:
    """The program ends, and starts again on the same store."""

    line: int


Step = (
    At | Says | Sends | Presses | Hears | Toast | Silence | Leaves | Blocks | HasOnlyMail | Receives | Answers | Restart
)

_WHO = r"(?P<who>[^\W\d_][\w .-]*?)"
_ACTS = rf"{_WHO}(?: in (?P<group>[\w-]+))?: "
_HEARS = rf"(?:Gruppe (?P<group>[\w-]+)|{_WHO})"

_RULES: tuple[tuple[str, Callable[[int, re.Match[str]], Step]], ...] = (
    (r"\w+, (?P<moment>[\d.]+, [\d:]+) Uhr", lambda line, said: At(line, _moment(said["moment"]))),
    (r"Faden startet neu", lambda line, _: Restart(line)),
    (rf"Faden ⚡ {_WHO}: (?P<text>.+)", lambda line, said: Toast(line, said["who"], said["text"])),
    (
        rf"Faden → {_HEARS}: {re.escape(NOTHING)}",
        lambda line, said: Silence(line, said["who"], said["group"]),
    ),
    (
        rf"Faden (?P<how>[→↻]) {_HEARS}:(?P<text>.*)",
        lambda line, said: Hears(line, said["who"], said["group"], said["text"].strip(), new=said["how"] == "→"),
    ),
    (rf"Faden ✉️ {_WHO}: (?P<text>.+)", lambda line, said: Receives(line, said["who"], said["text"])),
    (rf"{_WHO} hat nur Mail", lambda line, said: HasOnlyMail(line, said["who"])),
    (rf"{_WHO} über den Link: \[(?P<label>[^\]]+)\]", lambda line, said: Answers(line, said["who"], said["label"])),
    (rf"{_WHO} verlässt (?P<body>[\w-]+)", lambda line, said: Leaves(line, said["who"], said["body"])),
    (rf"{_WHO} sperrt Faden", lambda line, said: Blocks(line, said["who"])),
    (rf"{_WHO}: 📎 (?P<file>.+)", lambda line, said: Sends(line, said["who"], said["file"])),
    (
        rf"{_ACTS}\[(?P<label>[^\]]+)\](?P<twice> zweimal)?(?: von (?P<of>[^\W\d_][\w .-]*))?",
        lambda line, said: Presses(
            line,
            said["who"],
            said["group"],
            said["label"],
            twice=said["twice"] is not None,
            gone=said["of"] == "vorhin",
            of=None if said["of"] == "vorhin" else said["of"],
        ),
    ),
    (rf"{_ACTS}(?P<text>.+)", lambda line, said: Says(line, said["who"], said["group"], said["text"])),
)


def parse(text: str) -> list[Step]:
    """The steps of a conversation file. Raises BadScript with the line's number."""
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("    ") and steps and isinstance(steps[-1], Hears | Receives):
            heard = steps[-1]
            steps[-1] = replace(heard, text=f"{heard.text}\n{line.strip()}".strip())
        elif line.startswith("    ") and steps and isinstance(steps[-1], Sends):
            sent = steps[-1]
            steps[-1] = replace(sent, content=f"{sent.content}{line.strip()}\n")
        elif line.strip() and not line.startswith("#"):
            steps.append(_step(number, line))
    return steps


def _step(number: int, line: str) -> Step:
    for pattern, build in _RULES:
        if said := re.fullmatch(pattern, line):
            return build(number, said)
    raise BadScript(f"line {number}: {line}")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%d.%m.%Y, %H:%M").replace(tzinfo=BERLIN)


def matches(expected: str, said: str) -> bool:
    """Whether a text is as expected; `…` stands for anything, also over several lines."""
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), said, re.DOTALL) is not None
