"""What a template's author meant as a blank line is one: Jinja swallows the line break after a block."""

import re

import pytest

from bot.messages import TEMPLATES

SWALLOWED = re.compile(r"^.*\{% trans[^\n]*\{% endtrans %\}\n\n(?=[^\s{]|\{\{|\{% trans).*$", re.MULTILINE)
CHAT = sorted(path.relative_to(TEMPLATES).as_posix() for path in (TEMPLATES / "chat").rglob("*.html"))


@pytest.mark.parametrize("name", CHAT)
def test_blank_line_after_a_text_is_not_swallowed(name: str) -> None:
    assert SWALLOWED.findall((TEMPLATES / name).read_text(encoding="utf-8")) == []
