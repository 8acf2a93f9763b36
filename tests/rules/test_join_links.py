import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules.join_links import is_address, read


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        ("https://meet.example.org/rlk", "https://meet.example.org/rlk"),
        ("http://meet.example.org", "http://meet.example.org"),
        (" <https://meet.example.org/rlk?pwd=a#b> ", "https://meet.example.org/rlk?pwd=a#b"),
        ("< https://meet.example.org/rlk >", "https://meet.example.org/rlk"),
        ("<https://meet.example.org/rlk", "https://meet.example.org/rlk"),
        ("Einwahl <0911 1234>", "Einwahl <0911 1234>"),
        ("meet.jit.si/abc", "https://meet.jit.si/abc"),
        ("Meet.example.org:8443/abc", "https://Meet.example.org:8443/abc"),
        ("meet.example.org/abc", "https://meet.example.org/abc"),
        ("konferenz.münchen.example/abc", "https://konferenz.münchen.example/abc"),
        ("meet_1.example.org/abc", "https://meet_1.example.org/abc"),
        ("meet.xn--p1ai/abc", "https://meet.xn--p1ai/abc"),
        ("someone@meet.example.org/abc", "someone@meet.example.org/abc"),
        ("3.12.2026/9", "3.12.2026/9"),
        ("meet.example.org", "meet.example.org"),
        ("Tel.0911/1234", "Tel.0911/1234"),
        ("und/oder", "und/oder"),
        ("Einwahl 0911 1234\n PIN 44", "Einwahl 0911 1234 PIN 44"),
        ("https://meet.example.org/rlk PIN 44", "https://meet.example.org/rlk PIN 44"),
        ("kein Link", None),
        ("Keiner.", None),
        ("später", None),
        ("none", None),
        ("–", None),
        ("keine Ahnung, ruft an", "keine Ahnung, ruft an"),
    ],
)
def test_link_is_read_as_it_is_typed(typed: str, link: str | None) -> None:
    assert read(typed) == link


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://meet.example.org", True),
        ("HTTPS://meet.example.org:8443/abc?x=1#y", True),
        ("meet.example.org/abc", False),
        ("https://intern/abc", False),
        ("https://.example.org", True),
        ("https://example.", False),
        ("https://a.b.", True),
        ("https://someone@meet.example.org/abc", False),
        ("https://meet.example.org/rlk PIN 44", False),
        ("javascript:alert(1)//a.b", False),
        ("ftp://files.example.org/abc", False),
        ("Einwahl 0911 1234 PIN 44", False),
        ("", False),
    ],
)
def test_address_is_what_can_be_pressed(text: str, address: bool) -> None:  # noqa: FBT001  # a table
    assert is_address(text) is address


@given(st.one_of(st.text(), st.text("< >h:/.")))
def test_what_was_read_is_read_the_same_again(text: str) -> None:
    once = read(text)

    assert once is None or read(once) in {once, None}
