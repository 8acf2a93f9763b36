"""The lines of a table as office programs save it: CSV in their many ways, or XLSX.

A table from outside is bounded before it is unpacked, and while it is read: whoever sends it, it costs little.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import islice
from pathlib import PurePath
from typing import Any

from bot.rules.reading.words import composed

BYTES = 1_000_000
UNPACKED_BYTES = 8_000_000
LINES = 1_000  # that say something, the headings not counted: so many are written well within one unit of work
SHEET_LINES = 20_000  # of a sheet, also empty ones: a file can claim any number of them
COLUMNS = 60
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")
OF_TABLES = (*SUFFIXES, ".xls", ".xlsm", ".ods", ".numbers")

_SEPARATORS = ";,\t"
_DECLARED = re.compile(r"sep=([;,\t])\r?\n")  # as Excel writes it for itself
_QUOTED = re.compile(r'"[^"]*"')


class Unreadable(Exception):
    """There is no table in it that can be read: `code` says why, `facts` what would do, `line` where."""

    def __init__(self, code: str, line: int = 1, **facts: object) -> None:
        """Carry all of it."""
        super().__init__(code)
        self.code, self.line, self.facts = code, line, facts


@dataclass(frozen=True)
class Line:
    """A line that says something: its number, counted from 1, and its cells without blanks around them."""

    number: int
    cells: tuple[str, ...] = field(default=())


def is_table(name: str) -> bool:
    """Whether a file of that name is meant as a table, also one that cannot be read here."""
    return _suffix(name) in OF_TABLES


def lines(content: bytes, name: str) -> list[Line]:
    """All lines that say something. Raises Unreadable."""
    if _suffix(name) not in SUFFIXES:
        raise Unreadable("no_spreadsheet", suffixes=SUFFIXES)
    if len(content) > BYTES:
        raise Unreadable("file_too_large", limit=BYTES // 1_000_000)
    numbered = _of_xlsx(content) if _suffix(name) == ".xlsx" else _of_csv(content)
    found = list(islice(_saying(numbered), LINES + 2))
    if len(found) > LINES + 1:
        raise Unreadable("too_many_rows", found[-1].number, limit=LINES)
    for line in found:
        if len(line.cells) > COLUMNS:
            raise Unreadable("too_many_columns", line.number, limit=COLUMNS)
    return found


def _suffix(name: str) -> str:
    return PurePath(name).suffix.casefold()


def _saying(numbered: Iterable[tuple[int, Iterable[object]]]) -> Iterator[Line]:
    for number, raw in numbered:
        cells = [_text(cell) for cell in raw]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield Line(number, tuple(cells))


def _text(cell: object) -> str:
    """As it would be typed; a day, which XLSX has at midnight, without its time."""
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell).isoformat()
    parts = composed("" if cell is None else str(cell)).splitlines()
    return "\n".join(" ".join(part.split()) for part in parts if part.strip())


# --- CSV --------------------------------------------------------------------------------------------------------------


def _of_csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    declared = _DECLARED.match(text)
    begin = 1 if declared else 0
    text = text[declared.end() :] if declared else text
    headings = _QUOTED.sub("", text.lstrip("\r\n").split("\n", 1)[0])
    separator = declared[1] if declared else max(_SEPARATORS, key=headings.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = begin + 1
    try:
        for cells in reader:
            yield number, cells
            number = begin + reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("bad_quotes", number) from error


def _decoded(content: bytes) -> str:
    """UTF-8, with or without a byte order mark; UTF-16 with one; or else what Windows wrote in Western Europe."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable("not_text")


# --- XLSX -------------------------------------------------------------------------------------------------------------


def _of_xlsx(content: bytes) -> list[tuple[int, tuple[Any, ...]]]:
    """The first sheet. A cell has the value that its formula had when the file was saved; nothing is computed."""
    from openpyxl import load_workbook  # noqa: PLC0415  # loaded by those who send such a file

    try:
        _check_unpacked(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size is not always true
        rows = list(islice(sheet.iter_rows(max_col=COLUMNS + 1, values_only=True), SHEET_LINES + 1))
    except Unreadable:
        raise
    except Exception as error:  # a file that is damaged, locked or something else fails anywhere in the library
        raise Unreadable("not_xlsx") from error
    if len(rows) > SHEET_LINES:
        raise Unreadable("too_many_rows", len(rows), limit=LINES)
    return list(enumerate(rows, start=1))


def _check_unpacked(content: bytes) -> None:
    """What an archive says of its own size is enough: `zipfile` gives no byte more than that."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > UNPACKED_BYTES:
            raise Unreadable("unpacks_too_large", limit=UNPACKED_BYTES // 1_000_000)
