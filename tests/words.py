"""Keeps the English catalogue complete: `python -m tests.words` takes every German text out of the templates into `en.po`.

Beside it lies the same compiled (`en.mo`), which is what Faden reads: in a millisecond, and without Babel's catalogue in memory.
New texts get an empty translation, which a test refuses; texts that no template says any more are dropped.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bot.messages import LOCALE, TEMPLATES

CATALOGUE = LOCALE / "en.po"
OPTIONS = {
    "extensions": "jinja2.ext.do",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "newstyle_gettext": "true",
    "silent": "false",
}
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
UNSAID = ('"Project-Id', '"Report-', '"POT-', '"PO-', '"Last-', '"Language-Team', '"Generated-')


def said() -> Iterator[tuple[str | tuple[str, str], str]]:
    """Every German text (a pair where there is a plural) and the template that says it, in a fixed order."""
    for path in sorted(TEMPLATES.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                for _, message, _, _ in extract("jinja2.ext:babel_extract", file, options=OPTIONS):
                    text = (message[0], message[1]) if isinstance(message, tuple | list) else message
                    yield text, path.relative_to(TEMPLATES).as_posix()


def catalogue(path: Path = CATALOGUE) -> Catalog:
    """The catalogue as it is."""
    if not path.exists():
        return Catalog(locale="en")
    with path.open("rb") as file:
        return read_po(file, locale="en")


def renewed(old: Catalog) -> Catalog:
    """A catalogue of what the templates say now, with the translations that there are."""
    new = Catalog(locale="en", project="Faden", charset="utf-8", fuzzy=False, header_comment="# The English of Faden.")
    for text, place in said():
        known = old.get(text[0] if isinstance(text, tuple) else text)
        new.add(text, known.string if known else None, locations=[(place, 0)])
    return new


def write(new: Catalog, path: Path = CATALOGUE) -> None:
    """Write it in a fixed order and without dates and other headers that say nothing, so that a change shows as what it is."""
    with path.open("wb") as file:
        write_po(file, new, sort_output=True, include_lineno=False, ignore_obsolete=True)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(UNSAID)), encoding="utf-8")
    path.with_suffix(".mo").write_bytes(compiled(catalogue(path)))


def compiled(made: Catalog) -> bytes:
    """The catalogue as `gettext` reads it; the same texts give the same bytes."""
    made.creation_date = made.revision_date = NEVER
    into = io.BytesIO()
    write_mo(into, made)
    return into.getvalue()


def untranslated(made: Catalog) -> list[str]:
    """The German texts that have no English."""
    return [
        str(message.id)
        for message in made
        if message.id and not (all(message.string) if isinstance(message.string, list | tuple) else message.string)
    ]


if __name__ == "__main__":
    made = renewed(catalogue())
    write(made)
    sys.stdout.writelines(f"{text}\n" for text in untranslated(made))
