import json
from typing import Any

import pytest

from bot.rules import incoming
from bot.rules.incoming import CUT_BELOW, DEEPEST, LARGEST, NotStorable


def nested(levels: int, inner: str = "1") -> str:
    return "[" * levels + inner + "]" * levels


def depth_of(value: Any) -> int:  # noqa: ANN401  # JSON
    depth = 0
    while isinstance(value, list):
        value, depth = (value[0] if value else None), depth + 1
    return depth


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        incoming.read(b"nonsense")


def test_bytes_that_are_no_utf_8_are_read_as_far_as_they_can_be() -> None:
    assert incoming.read(b'{"a": "\xff"}') == {"a": "\ufffd"}


@pytest.mark.parametrize("levels", [3_000, 100_000])
def test_what_is_too_deep_is_left_out_and_the_rest_is_read(levels: int) -> None:
    body = f'{{"first": 1, "deep": {nested(levels)}, "b\\"[": "[[", "last": [2]}}'

    read = incoming.read(body.encode())

    assert {key: read[key] for key in ("first", 'b"[', "last")} == {"first": 1, 'b"[': "[[", "last": [2]}
    assert depth_of(read["deep"]) >= CUT_BELOW - 1


def test_deep_text_that_never_ends_is_no_json() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        incoming.read(b"[" * 5_000)


@pytest.mark.parametrize("digits", [40, 41, 100_000])
def test_number_of_many_digits_is_read_in_no_time_and_is_too_large(digits: int) -> None:
    number = incoming.read(b"9" * digits)

    assert number > LARGEST


@pytest.mark.parametrize(
    "value",
    [
        LARGEST + 1,
        -LARGEST - 2,
        float("inf"),
        float("nan"),
        {"a": [10**40]},
        json.loads(nested(DEEPEST + 1)),
    ],
)
def test_what_no_database_holds_is_not_storable(value: object) -> None:
    with pytest.raises(NotStorable):
        incoming.storable(value)


def test_what_telegram_sends_is_storable_without_nul_and_halves_of_characters() -> None:
    value = {"a\0": ["b\ud800", 1, 2.5, True, None, LARGEST], "c": json.loads(nested(DEEPEST - 1))}

    assert incoming.storable(value) == {"a": ["b?", 1, 2.5, True, None, LARGEST], "c": value["c"]}
