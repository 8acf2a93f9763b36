from collections.abc import Callable
from datetime import date, datetime, time
from enum import StrEnum
from fractions import Fraction

import pytest

from bot.rules import fields
from bot.rules.fields import Field, Problem, Reader, Wrong


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@pytest.mark.parametrize(
    ("reader", "raw", "value"),
    [
        (fields.text(5), " Anna ", "Anna"),
        (fields.key(8), "sued-1.a", "sued-1.a"),
        (fields.key(8), "SRT-Süd", "SRT-Süd"),
        (fields.keys(8), ["nord", "mitte", "nord"], ("nord", "mitte")),
        (fields.choice(Colour), "red", Colour.RED),
        (fields.whole(0, 3), 3, 3),
        (fields.flag, False, False),
        (fields.day, date(2026, 11, 18), date(2026, 11, 18)),
        (fields.clock, "9:05", time(9, 5)),
        (fields.clock, time(9, 5, 30), time(9, 5)),
        (fields.share, "1/3", Fraction(1, 3)),
        (fields.share, 1, Fraction(1)),
        (fields.mail, "Anna.Lechner@Stadt.example.org", "anna.lechner@stadt.example.org"),
        (fields.zone, "Europe/Vienna", "Europe/Vienna"),
        (fields.web_address, "https://example.org/tk?x=1", "https://example.org/tk?x=1"),
    ],
)
def test_reader_gives_the_typed_value(reader: Reader, raw: object, value: object) -> None:
    assert reader(raw) == value


@pytest.mark.parametrize(
    ("reader", "raw", "code"),
    [
        (fields.text(5), 1, "not_a_line"),
        (fields.text(5), "  ", "not_a_line"),
        (fields.text(5), "a\nb", "not_a_line"),
        (fields.text(5), "Annika", "too_long"),
        (fields.key(8), "a b", "not_a_key"),
        (fields.key(8), "a.", "not_a_key"),
        (fields.key(8), 1, "not_a_key"),
        (fields.key(8), "abcdefghi", "too_long"),
        (fields.keys(8), "nord", "not_a_list"),
        (fields.keys(8), ["no rd"], "not_a_key"),
        (fields.choice(Colour), "blue", "not_a_choice"),
        (fields.choice(Colour), ["red"], "not_a_choice"),
        (fields.whole(0, 3), 4, "not_a_number"),
        (fields.whole(0, 3), -1, "not_a_number"),
        (fields.whole(0, 3), True, "not_a_number"),
        (fields.whole(0, 3), 1.0, "not_a_number"),
        (fields.flag, 1, "not_a_flag"),
        (fields.day, "2026-11-18", "not_a_day"),
        (fields.day, datetime(2026, 11, 18, 9), "not_a_day"),  # noqa: DTZ001  # TOML has such
        (fields.clock, "9 Uhr", "not_a_time"),
        (fields.share, "4/3", "not_a_share"),
        (fields.share, True, "not_a_share"),
        (fields.mail, "anna", "not_a_mail_address"),
        (fields.mail, "anna@stadt", "not_a_mail_address"),
        (fields.mail, "anna @stadt.example.org", "not_a_mail_address"),
        (fields.mail, "Anna <anna@example.org>", "not_a_mail_address"),
        (fields.mail, f"{'a' * 250}@example.org", "not_a_mail_address"),
        (fields.mail, None, "not_a_mail_address"),
        (fields.mail, "jürgen@example.org", "not_a_mail_address"),
        (fields.mail, " anna@example.org", "not_a_mail_address"),
        (fields.zone, "Europe/Rosenheim", "not_a_zone"),
        (fields.zone, "../etc/passwd", "not_a_zone"),
        (fields.zone, "Europe", "not_a_zone"),
        (fields.web_address, "example.org", "not_a_web_address"),
        (fields.web_address, "javascript:alert(1)", "not_a_web_address"),
        (fields.web_address, 1, "not_a_web_address"),
    ],
)
def test_reader_refuses_with_a_code(reader: Callable[[object], object], raw: object, code: str) -> None:
    with pytest.raises(Wrong) as refused:
        reader(raw)

    assert refused.value.code == code


def test_read_gives_what_is_right_and_names_all_that_is_wrong() -> None:
    table = {
        "key": Field(fields.key(8), required=True),
        "name": Field(fields.text(20), required=True),
        "from": Field(fields.day, name="begins_on"),
        "level": Field(fields.whole(0, 3)),
    }
    problems: list[Problem] = []

    values = fields.read({"key": "a", "from": date(2026, 1, 1), "level": 4, "lewel": 1}, table, ("area", 0), problems)

    assert values == {"key": "a", "begins_on": date(2026, 1, 1)}
    assert problems == [
        Problem(("area", 0, "level"), "not_a_number", {"lowest": 0, "highest": 3}),
        Problem(("area", 0, "lewel"), "unknown_key", {"nearest": "level"}),
        Problem(("area", 0, "name"), "missing"),
    ]


def test_nearest_does_not_mind_capitals() -> None:
    assert fields.nearest("srt-nort", ["SRT-Nord", "TK"]) == "SRT-Nord"
    assert fields.nearest("xyz", ["SRT-Nord", "TK"]) is None
