"""The grammar of conversation files, as `docs/conversations.md` writes it down: text in, steps out."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


class BadScript(ValueError):
    """A line that the grammar does not know."""


@dataclass(frozen=True)
class Step:
    """What happens or is expected in line `line`."""

    line: int


@dataclass(frozen=True)
class At(Step):
    """It is now `moment`."""

    moment: datetime


@dataclass(frozen=True)
class Says(Step):
    """Somebody writes, in their own chat or in a body's group."""

    who: str
    text: str
    group: str | None


@dataclass(frozen=True)
class Sends(Step):
    """Somebody sends a file."""

    who: str
    file: str


@dataclass(frozen=True)
class Presses(Step):
    """Somebody presses the button with that label, the newest one there is."""

    who: str
    label: str
    group: str | None


@dataclass(frozen=True)
class Hears(Step):
    """Somebody, or a group, hears exactly this; `…` stands for any text. `buttons` are all of them, or None for any."""

    who: str
    text: str
    buttons: tuple[str, ...] | None
    file: str | None = None


@dataclass(frozen=True)
class Toast(Step):
    """Somebody sees a short answer over the chat."""

    who: str
    text: str


@dataclass(frozen=True)
class Silence(Step):
    """Nothing new reached them."""

    who: str


_AT = re.compile(r"(?:\w+, )?(\d{1,2}\.\d{1,2}\.\d{4}),? (\d{1,2}:\d{2})(?: Uhr)?")
_HEARS = re.compile(r"Faden → ([^:]+): ?(.*)")
_TOAST = re.compile(r"Faden ⚡ ([^:]+): (.+)")
_SILENCE = re.compile(r"Faden schweigt gegenüber (.+)")
_SENDS = re.compile(r"([^:]+) schickt: (.+)")
_ACTS = re.compile(r"([^:→⚡]+?)(?: in ([\w-]+))?: (.+)")
_BUTTON = re.compile(r"\[([^\]]+)\]")
_FILE = re.compile(r"📎 (\S.*)")


def parse(text: str) -> list[Step]:
    """The steps of a conversation file. Raises BadScript with the line's number."""
    steps: list[Step] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number].rstrip()
        number += 1
        if not line or line.startswith(("#", "=")):
            continue
        if line.startswith(" "):
            raise BadScript(f"{number}: an indented line belongs to no message")
        if match := _HEARS.fullmatch(line):
            heard = [match[2]] if match[2] else []
            first = number
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                if not lines[number].strip():
                    break
                heard.append(lines[number].strip())
                number += 1
            steps.append(_hears(first, match[1], heard))
        else:
            steps.append(_other(number, line))
    return steps


def _hears(number: int, who: str, lines: list[str]) -> Hears:
    buttons = [line for line in lines if line.startswith("[") and _BUTTON.sub("", line).strip() == ""]
    files = [match[1] for line in lines if (match := _FILE.fullmatch(line))]
    words = [line for line in lines if line not in buttons and not _FILE.fullmatch(line)]
    labels = tuple(label for line in buttons for label in _BUTTON.findall(line))
    return Hears(number, who, "\n".join(words), labels if buttons else None, files[0] if files else None)


def _other(number: int, line: str) -> Step:
    if match := _AT.fullmatch(line):
        moment = datetime.strptime(f"{match[1]} {match[2]}", "%d.%m.%Y %H:%M").replace(tzinfo=BERLIN)
        return At(number, moment)
    if match := _TOAST.fullmatch(line):
        return Toast(number, match[1], match[2])
    if match := _SILENCE.fullmatch(line):
        return Silence(number, match[1])
    if match := _SENDS.fullmatch(line):
        return Sends(number, match[1], match[2])
    if match := _ACTS.fullmatch(line):
        who, group, what = match[1], match[2], match[3]
        if button := _BUTTON.fullmatch(what):
            return Presses(number, who, button[1], group)
        return Says(number, who, what, group)
    raise BadScript(f"{number}: {line}")


def matches(expected: str, said: str) -> bool:
    """Whether a text is as expected; `…` stands for anything, also over several lines."""
    pattern = ".*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, said, re.DOTALL) is not None
