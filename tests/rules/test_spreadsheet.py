import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from bot.rules import spreadsheet
from bot.rules.spreadsheet import Line, Unreadable, is_table, lines

LIST = "Vorname;Nachname\nJörg;Weiß\n"
READ = [Line(1, ("Vorname", "Nachname")), Line(2, ("Jörg", "Weiß"))]


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def why(content: bytes, name: str = "leute.csv") -> tuple[str, int]:
    with pytest.raises(Unreadable) as caught:
        lines(content, name)
    return caught.value.code, caught.value.line


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_is_read_in_every_encoding_that_offices_use(encoding: str) -> None:
    assert lines(LIST.encode(encoding), "leute.csv") == READ


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_is_read_with_every_separator(separator: str) -> None:
    assert lines(LIST.replace(";", separator).encode(), "leute.csv") == READ


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_is_read_with_every_end_of_line(end: str) -> None:
    assert lines(LIST.replace("\n", end).encode(), "leute.csv") == READ


def test_separator_in_a_quoted_heading_is_none() -> None:
    assert lines(b'"Name, Titel, Amt";Ort\na;b', "l.csv") == [Line(1, ("Name, Titel, Amt", "Ort")), Line(2, ("a", "b"))]


def test_separator_that_the_file_names_is_taken_and_its_line_counted() -> None:
    assert lines(b"sep=,\r\na;b,c\r\n1,2\r\n", "l.csv") == [Line(2, ("a;b", "c")), Line(3, ("1", "2"))]


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    text = 'a;b\n\n;\n"1\n\n zwei ";2\n3\n'

    assert lines(text.encode(), "l.csv") == [Line(1, ("a", "b")), Line(4, ("1\nzwei", "2")), Line(7, ("3",))]


def test_blanks_around_and_within_are_made_one() -> None:
    assert lines("  a\u00a0\u00a0b ;c\u0308\n".encode(), "l.csv") == [Line(1, ("a b", "c\u0308"))]


def test_letters_with_marks_are_composed() -> None:
    assert lines("Jo\u0308rg\n".encode(), "l.csv") == [Line(1, ("J\u00f6rg",))]


def test_letter_keeps_thirty_marks_at_most() -> None:
    (line,) = lines(("o" + "\u0327" * 100_000 + ";x\n").encode(), "l.csv")

    assert line == Line(1, ("o" + "\u0327" * 30, "x"))


def test_empty_file_has_no_lines() -> None:
    assert lines(b"", "leute.csv") == []


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"a;b\n1;\x00\n", "not_text", 1),
        (b"\xff\xfea", "not_text", 1),
        (b"caf\x81\xe9", "not_text", 1),
        (b'a;b\n\n1;"2\n3;4\n', "bad_quotes", 3),
        (b"a;b\n" + b"1;2\n" * (spreadsheet.LINES + 1), "too_many_rows", spreadsheet.LINES + 2),
        (b"a\n" + b";" * spreadsheet.COLUMNS + b"1\n", "too_many_columns", 2),
        (b"a" * (spreadsheet.BYTES + 1), "file_too_large", 1),
    ],
)
def test_csv_that_cannot_be_read_says_why_and_where(content: bytes, code: str, line: int) -> None:
    assert why(content) == (code, line)


def test_as_many_lines_as_may_be_are_read() -> None:
    assert len(lines(b"a;b\n" + b"1;2\n" * spreadsheet.LINES, "l.csv")) == spreadsheet.LINES + 1


@pytest.mark.parametrize("name", ["leute.xls", "leute.ods", "leute.pdf", "leute"])
def test_other_files_are_not_read(name: str) -> None:
    assert why(LIST.encode(), name) == ("no_spreadsheet", 1)


@pytest.mark.parametrize(
    ("name", "meant"), [("a.csv", True), ("A.XLSX", True), ("a.ods", True), ("a.pdf", False), ("csv", False)]
)
def test_tables_are_known_by_their_names(name: str, meant: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert is_table(name) is meant


# --- XLSX -------------------------------------------------------------------------------------------------------------


def test_xlsx_is_read() -> None:
    assert lines(workbook(("Vorname", "Nachname"), ("Jörg", "Weiß")), "leute.XLSX") == READ


def test_cells_of_every_kind_read_as_they_would_be_typed() -> None:
    row = (None, "  a b ", 5, 5.0, 1.5, True, date(2026, 9, 1), datetime(2026, 9, 1), datetime(2026, 9, 1, 12, 30))  # noqa: DTZ001  # a spreadsheet has no zones

    assert lines(workbook(row), "l.xlsx") == [
        Line(1, ("", "a b", "5", "5", "1.5", "True", "2026-09-01", "2026-09-01", "2026-09-01T12:30:00"))
    ]


def test_empty_lines_of_a_sheet_count_and_say_nothing() -> None:
    assert lines(workbook(("a",), (), (None, " "), ("b",)), "l.xlsx") == [Line(1, ("a",)), Line(4, ("b",))]


def test_formula_is_not_computed() -> None:
    assert lines(workbook(("a", "=1+1")), "l.xlsx") == [Line(1, ("a",))]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", LIST.encode(), b"\xd0\xcf\x11\xe0 with a password"])
def test_what_is_no_xlsx_says_so(content: bytes) -> None:
    assert why(content, "leute.xlsx") == ("not_xlsx", 1)


def test_zip_without_a_workbook_is_no_xlsx() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a.txt", "a")

    assert why(file.getvalue(), "leute.xlsx") == ("not_xlsx", 1)


def test_bomb_is_not_unpacked() -> None:
    file = io.BytesIO(workbook(("a",)))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/bomb.bin", b"\0" * (spreadsheet.UNPACKED_BYTES + 1))

    assert len(file.getvalue()) < 20_000
    assert why(file.getvalue(), "leute.xlsx") == ("unpacks_too_large", 1)


def test_sheet_that_claims_endless_lines_and_columns_is_not_read_to_its_end() -> None:
    file, changed = io.BytesIO(workbook(("a", "b"), ("1", "2"))), io.BytesIO()
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b'r="2"', b'r="99999999999"').replace(b'"A2"', b'"A99999999999"')
                content = content.replace(b'"B2"', b'"ZZZ99999999999"')
            after.writestr(name, content)

    assert why(changed.getvalue(), "leute.xlsx") == ("too_many_rows", spreadsheet.SHEET_LINES + 1)


def test_too_many_lines_of_a_sheet() -> None:
    rows = [(number,) for number in range(spreadsheet.LINES + 3)]

    assert why(workbook(*rows), "leute.xlsx") == ("too_many_rows", spreadsheet.LINES + 2)
