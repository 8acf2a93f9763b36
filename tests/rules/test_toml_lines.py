import tomllib
from textwrap import dedent

from bot.rules import toml_lines

TEXT = dedent('''\
    # the town [[no entry]]
    from = 2020-01-01

    [[body]]
    code = "T]K" # = a comment
    seats = [
      { person = "anna", "role" = 'chair' }, # { no seat
      # { person = "nobody" },
      { person = "b\\"ob", areas = ["x", [1,
        2]] },
    ]
    [body.rules]
    a . b = { at_least = 0.5 }
    note = """
    [[body]]
    " said she \\"""" # the end
    other = \'\'\'
    [[body]]\'\'\'
    day = 2026-11-18 08:00:00
    [[body]]
    code = ""
    [body.rules]
    a = 1
''')


def test_lines_of_a_text_with_everything() -> None:
    tomllib.loads(TEXT)  # it is valid

    found = toml_lines.lines(TEXT)

    assert found == {
        ("from",): 2,
        ("body",): 4,
        ("body", 0): 4,
        ("body", 0, "code"): 5,
        ("body", 0, "seats"): 6,
        ("body", 0, "seats", 0): 7,
        ("body", 0, "seats", 0, "person"): 7,
        ("body", 0, "seats", 0, "role"): 7,
        ("body", 0, "seats", 1): 9,
        ("body", 0, "seats", 1, "person"): 9,
        ("body", 0, "seats", 1, "areas"): 9,
        ("body", 0, "seats", 1, "areas", 0): 9,
        ("body", 0, "seats", 1, "areas", 1): 9,
        ("body", 0, "seats", 1, "areas", 1, 0): 9,
        ("body", 0, "seats", 1, "areas", 1, 1): 10,
        ("body", 0, "rules"): 12,
        ("body", 0, "rules", "a"): 13,
        ("body", 0, "rules", "a", "b"): 13,
        ("body", 0, "rules", "a", "b", "at_least"): 13,
        ("body", 0, "rules", "note"): 14,
        ("body", 0, "rules", "other"): 17,
        ("body", 0, "rules", "day"): 19,
        ("body", 1): 20,
        ("body", 1, "code"): 21,
        ("body", 1, "rules"): 22,
        ("body", 1, "rules", "a"): 23,
    }


def test_lines_of_an_empty_text() -> None:
    assert toml_lines.lines("# nothing yet") == {}
