"""Which addresses can be written to, linked and put into a calendar."""

import pytest

from bot.addresses import usable_address, usable_link


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jens.ohm@traeger.example", "jens.ohm@traeger.example"),
        (" Jens.Ohm+faden@Traeger.Example\n", "Jens.Ohm+faden@traeger.example"),
        ("info@jugendhilfe-süd.example", "info@xn--jugendhilfe-sd-ssb.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),
        ("jürgen@traeger.example", None),
        ("Jens Ohm <jens@traeger.example>", None),
        ("mailto:jens@traeger.example", None),
        ("jens@traeger.example, mira@traeger.example", None),
        ("jens@traeger.example\r\nBcc: eve@example.org", None),
        ("jens?subject=x@traeger.example", None),
        (".jens@traeger.example", None),
        ("jens@localhost", None),
        ("jens@traeger..example", None),
        ("jens@traeger.example.", None),
        ("jens@-traeger.example", None),
        ("jens@tra_eger.example", None),
        (f"{'j' * 64}@traeger.example", f"{'j' * 64}@traeger.example"),
        (f"{'j' * 65}@traeger.example", None),
        (f"{'j' * 64}@{'.'.join(['t' * 60] * 4)}", None),
        ("jens", None),
        ("@traeger.example", None),
        ("", None),
    ],
)
def test_usable_address(text: str, address: str | None) -> None:
    assert usable_address(text) == address


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://video.stadt.example/rlk-82", "https://video.stadt.example/rlk-82"),
        (" HTTPS://Video.Stadt.Example:8443/a?b=c&d=%20e#f ", "https://video.stadt.example:8443/a?b=c&d=%20e#f"),
        (
            "https://jugendhilfe-süd.example/größe?ü=ä",
            "https://xn--jugendhilfe-sd-ssb.example/gr%C3%B6%C3%9Fe?%C3%BC=%C3%A4",
        ),
        ("http://localhost:8080/termine/1", "http://localhost:8080/termine/1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/termine/1", "http://[::1]:8080/termine/1"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("https://anna:geheim@stadt.example/", None),
        ("https://stadt.example/a b", None),
        ("https://stadt.example/\r\nX-EVIL:1", None),
        ("https://stadt.example:99999/", None),
        ("https://[::1", None),
        ("https:///rlk", None),
        ("javascript:alert(1)", None),
        ("Telefon 0208 123456", None),
        (f"https://stadt.example/{'a' * 1002}", f"https://stadt.example/{'a' * 1002}"),
        (f"https://stadt.example/{'a' * 1003}", None),
        ("", None),
    ],
)
def test_usable_link(text: str, link: str | None) -> None:
    assert usable_link(text) == link
    assert link is None or usable_link(link) == link
