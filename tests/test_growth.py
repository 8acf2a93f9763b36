"""Twice the text takes at most two and a half times as long: every pattern of the program, and all that reads or shows people's text.

What one person sends must not hold up another. Measured is the processor's time of this process, the least of many runs in turn; what
takes next to none is not compared.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial, reduce
from html import escape
from itertools import product
from math import inf
from operator import or_
from time import process_time
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import bot
import storage
from bot import config, logs, messages
from bot.post import texts
from bot.rules import fields, guard, join_links, names, parties, reading, spreadsheet
from bot.rules.followup import date_words, due_words
from bot.rules.reading import clock, durations, moments, words
from bot.webchat import formatting

FACTOR = 2.5
SHORT, LONG = 512, 4096  # what is cubic shows at once, and need not be waited for
UNNOTICED = 0.003  # seconds: what is quadratic takes more for a long text
UNNOTICED_IN_PYTHON = 0.010
TRIES = 20

HEADS = ("", "Aa ", "1", "<a ", "https://a", "Kind ")
UNITS = (
    *(
        " ",
        "\t",
        "\n",
        "\xa0",
        " \t",
        ",",
        ", ",
        ";",
        ".",
        "-",
        ":",
        "/",
        "+",
        "(",
        "[",
        "{",
        "<",
        "&",
        "<a",
        "&a",
        '"',
        '\\"',
        "'",
    ),
    *(
        "1",
        "1.",
        "12.",
        "0-",
        "+49",
        "1234 ",
        "a",
        "A",
        "ä",
        "Aa ",
        "Aa-Aa-",
        "Fall-",
        "Fall ",
        "8a-",
        "HPG ",
        "Az/",
        "Familie ",
    ),
    *(
        "Kind: von ",
        "Aa 1 J",
        "Tagung",
        "a.",
        "a@",
        "http://",
        "://",
        "a.b/c ",
        "/a ",
        "_*",
        "und ",
        " und",
        "a+b,",
        "token",
        "am ",
    ),
    *("🙂", "e\N{COMBINING ACUTE ACCENT}", "\N{COMBINING ACUTE ACCENT}\N{COMBINING CEDILLA}", "\N{SOFT HYPHEN}", "İ"),
)
TAIL = "!"

Call = Callable[[str], object]
FLAG = re.compile(r"\bre\.([A-Z]+)\b")
USES = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub")


@cache
def text(head: str, unit: str, tail: str, length: int) -> str:
    return head + unit * (length // len(unit)) + tail


def seconds(call: Call, given: str) -> float:
    begun = process_time()
    call(given)
    return process_time() - begun


def grows(call: Call, kind: tuple[str, str, str], unnoticed: float) -> bool:
    """Whether the time outgrows the text."""
    return any(_outgrows(call, kind, length, unnoticed) for length in (SHORT, LONG))


def _outgrows(call: Call, kind: tuple[str, str, str], length: int, unnoticed: float) -> bool:
    """Whether it does however often both are measured, in turn: what takes long by chance does so once, and not always."""
    least = least_of_half = inf
    for _ in range(TRIES):
        least = min(least, seconds(call, text(*kind, length)))
        if least <= unnoticed:
            return False
        least_of_half = min(least_of_half, seconds(call, text(*kind, length // 2)))
        if least <= FACTOR * least_of_half:
            return False
    return True


def outgrown(call: Call, heads: Sequence[str] = HEADS, unnoticed: float = UNNOTICED) -> list[tuple[str, str, str]]:
    """The mean texts for which it takes more and more; one is enough to know."""
    kinds = (*product(heads, UNITS, [TAIL]), *product([""], UNITS, [""]))
    return next(([kind] for kind in kinds if grows(call, kind, unnoticed)), [])


# --- patterns ---------------------------------------------------------------------------------------------------------


MODULES = [
    found.name
    for package in (bot, storage)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.startswith(("bot.__main__", "storage.migrations"))
]


# Patterns that are chosen while the program runs, by module and how they are written there; None: no text from outside is read.
CHOSEN: Mapping[tuple[str, str], Sequence[str] | None] = {
    ("bot.rules.guard", "sign"): (*guard.SIGNS, *guard.WHEREABOUTS),
    ("bot.rules.reading.clock", "pattern"): [pattern for pattern, _ in clock.FACES],
    ("bot.rules.reading.durations", "reading"): durations.READINGS,
    ("bot.calendars", "f'(?<!\\\\S){re.escape(link)}(?!\\\\S)'"): [r"(?<!\S)https://a\.a(?!\S)"],
    ("bot.config", "pattern"): None,
    ("bot.config", "PLATFORMS_VALUES[what]"): [*config.PLATFORMS_VALUES.values()],
    ("bot.rules.presses", "pattern"): None,  # those that are handed to `matching` are found where they stand
}


MATCHED = {"bot.rules.toml_lines"}  # here patterns are handed on and matched where the reader stands


def patterns(module: ModuleType) -> Iterator[tuple[re.Pattern[str], str]]:
    """Each pattern of the module, and how it is used."""
    here = dict(vars(module))
    used: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=use), args=[pattern, *_]) if use in USES:
                flags = reduce(or_, (re.RegexFlag[flag] for flag in FLAG.findall(ast.unparse(node))), re.NOFLAG)
                yield from ((re.compile(found, flags), use) for found in _written(module, pattern))
            case ast.Call(func=ast.Name(id="matching") | ast.Attribute(attr="matching"), args=[pattern, *_]):
                yield from ((re.compile(found), "fullmatch") for found in _written(module, pattern))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=use)) if use in USES:
                if isinstance(here.get(name), re.Pattern):
                    used.add(name)
                    yield here[name], use
    elsewhere = "match" if module.__name__ in MATCHED else "search"
    for name, value in here.items():
        if name not in used:
            yield from ((pattern, elsewhere) for pattern in _within(value))


def _written(module: ModuleType, pattern: ast.expr) -> Sequence[str]:
    try:
        return [eval(compile(ast.Expression(pattern), module.__name__, "eval"), dict(vars(module)))]  # noqa: S307  # our own source
    except NameError:
        return CHOSEN[module.__name__, ast.unparse(pattern)] or []


def _within(value: object, depth: int = 3) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, tuple | list | dict) and depth:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _within(inner, depth - 1)


def using(pattern: re.Pattern[Any], use: str) -> Call:
    """Apply it as it is used, to the end of the text."""
    if isinstance(pattern.pattern, bytes):
        of_bytes = getattr(pattern, use)
        return lambda given: of_bytes(given.encode())
    match use:
        case "sub":
            return partial(pattern.sub, "")
        case "search" | "finditer" | "findall":
            return pattern.findall
        case _:
            call: Call = getattr(pattern, use)
            return call


@pytest.mark.parametrize("module", MODULES)
def test_time_of_each_pattern_grows_with_the_text(module: str) -> None:
    found = dict.fromkeys(patterns(importlib.import_module(module)))

    assert {pattern.pattern: kind for pattern, use in found if (kind := outgrown(using(pattern, use)))} == {}


def test_time_of_each_rule_of_dates_grows_with_the_text() -> None:
    rules = [pattern for pattern, _ in moments._rules()]  # noqa: SLF001  # they are compiled with the first date

    assert {rule.pattern: kind for rule in rules if (kind := outgrown(rule.match))} == {}


def test_patterns_of_the_program_are_found() -> None:
    module = importlib.import_module("bot.rules.parties")

    assert {(pattern.pattern, use) for pattern, use in patterns(module)} >= {
        (parties._TITLE.pattern, "sub"),  # noqa: SLF001  # an example
        (r"(?P<kind>[pobr])(?P<id>\d{1,9})(?:\.(?P<role>[a-z_]+))?", "fullmatch"),
    }


def test_pattern_that_is_too_slow_is_seen() -> None:
    assert outgrown(re.compile(r"[a-z]+\d").findall) == [("", "a", TAIL)]


# --- what reads and shows people's text ---------------------------------------------------------------------------------

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
TOWN = parties.Directory(
    people=tuple(parties.Named(id=number, short="Aa", name=f"Aa {number}") for number in range(200)),
    organisations=tuple(parties.Named(id=number, short=f"aa-{number}", name=f"Aa {number}") for number in range(50)),
    bodies=(parties.Named(id=1, short="RLK", name="Regionalleiterkonferenz"),),
)


def _parties(given: str) -> object:
    return [parties.named(name, TOWN) for name in parties.split(given, TOWN)]


def _table(given: str) -> object:
    try:
        return spreadsheet.lines(given.encode(), "liste.csv")
    except spreadsheet.Unreadable:
        return None


def _typed(given: str) -> formatting.Formatted:
    return formatting.found(formatting.trimmed(formatting.Formatted(formatting.cleaned(given))))


def _marked(given: str) -> object:
    """As the program marks what it says; all of it is shown."""
    parsed = formatting.parse_html(f"<b>{escape(given).replace(' ', ' <i>a</i>')}</b>")
    return formatting.to_html(parsed)


def _rendered(template: str) -> Call:
    made = messages.environment("de").from_string(template)
    return lambda given: made.render(given=given, voice=messages.Voice())


ENTRY_POINTS: dict[str, Call] = {
    "a text that may name a case": guard.suspicious,
    "a moment": partial(reading.when, now=NOW, zone=ZONE),
    "a time on a day": partial(reading.at, days=[NOW.date()], sure=True, now=NOW, zone=ZONE),
    "a duration": reading.duration,
    "a line about an item": reading.agenda_line,
    "a line about a commitment": reading.commitment_line,
    "a purpose": reading.purpose,
    "an end in words": partial(due_words, codes={"rlk": 1}),
    "what is left of an end": date_words,
    "parties": _parties,
    "a link": join_links.read,
    "whether a link can be pressed": join_links.is_address,
    "the nearest word": partial(fields.nearest, known=["termine", "tagesordnung"]),
    "a folded text": words.fold,
    "slips": lambda given: words.mend(words.in_digits(given)),
    "a name to sort by": lambda given: names.sort_key(words.composed(given), ""),
    "a table": _table,
    "units": lambda given: texts.units(escape(given)),
    "plain text": texts.plain,
    "a cut text": texts.cut,
    "parts of a message": lambda given: texts.split(f"<b>{given.replace('<', '&lt;')}</b>", 1000),
    "a typed message": _typed,
    "a shown message": lambda given: formatting.to_html(_typed(given)),
    "a message of the program": _marked,
    "a link of a message": formatting.checked_link,
    "a line of the log": logs.redacted,
    "a template": _rendered("{{ given }}{{ given is address }}"),
    "a template with filters": _rendered("{{ given|escape|striptags|trim|truncate(28, true, '…') }}"),
}


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_time_of_what_reads_or_shows_a_text_grows_with_it(name: str) -> None:
    assert outgrown(ENTRY_POINTS[name], [""], UNNOTICED_IN_PYTHON) == []


def test_message_that_is_stored_with_thousands_of_entities_is_rendered_as_quickly() -> None:
    def stored(given: str) -> Any:  # noqa: ANN401  # whatever is shown
        entities = [{"type": "bot_command", "offset": 3 * at, "length": 2} for at in range(len(given) // 3)]
        return formatting.to_html(formatting.Formatted(given, entities))

    assert outgrown(stored, [""], UNNOTICED_IN_PYTHON) == []
