"""Telegram's HTML, read as strictly as Telegram reads it."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.webchat.errors import ApiError
from bot.webchat.formatting import (
    Formatted,
    checked_link,
    cleaned,
    found,
    link_fault,
    parse_html,
    to_html,
    trimmed,
    utf16_length,
)

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_escaped_text_comes_back_whole(text: str) -> None:
    parsed = parse_html(html.escape(text))

    assert parsed == Formatted(text)
    assert utf16_length(parsed.text) == len(text.encode("utf-16-le")) // 2


@given(TEXTS, TEXTS.filter(bool), TEXTS)
def test_entity_covers_exactly_its_text(before: str, marked: str, after: str) -> None:
    parsed = parse_html(f"{html.escape(before)}<b>{html.escape(marked)}</b>{html.escape(after)}")

    bold = {"type": "bold", "offset": utf16_length(before), "length": utf16_length(marked)}
    assert parsed == Formatted(before + marked + after, [bold])


@pytest.mark.parametrize(
    ("source", "entity"),
    [
        ("<b>x</b>", {"type": "bold"}),
        ("<strong>x</strong>", {"type": "bold"}),
        ("<i>x</i>", {"type": "italic"}),
        ("<em>x</em>", {"type": "italic"}),
        ("<u>x</u>", {"type": "underline"}),
        ("<ins>x</ins>", {"type": "underline"}),
        ("<s>x</s>", {"type": "strikethrough"}),
        ("<strike>x</strike>", {"type": "strikethrough"}),
        ("<del>x</del>", {"type": "strikethrough"}),
        ('<span class="tg-spoiler">x</span>', {"type": "spoiler"}),
        ("<tg-spoiler>x</tg-spoiler>", {"type": "spoiler"}),
        ("<code>x</code>", {"type": "code"}),
        ("<pre>x</pre>", {"type": "pre"}),
        ('<pre><code class="language-python">x</code></pre>', {"type": "pre", "language": "python"}),
        ('<code class="language-python">x</code>', {"type": "code"}),
        ("<blockquote>x</blockquote>", {"type": "blockquote"}),
        ("<blockquote expandable>x</blockquote>", {"type": "expandable_blockquote"}),
        (
            '<a href="https://faden.example/a?b=1&amp;c=2">x</a>',
            {"type": "text_link", "url": "https://faden.example/a?b=1&c=2"},
        ),
        ("<a href='https://faden.example'>x</a>", {"type": "text_link", "url": "https://faden.example"}),
        ("<a href=faden.example>x</a>", {"type": "text_link", "url": "http://faden.example"}),
        ('<a href="tg://user?id=101">x</a>', {"type": "text_mention", "user": {"id": 101}}),
        ('<tg-emoji emoji-id="5368">x</tg-emoji>', {"type": "custom_emoji", "custom_emoji_id": "5368"}),
        ('<tg-time unix="1794000000">x</tg-time>', {"type": "date_time", "unix_time": 1794000000}),
        (
            '<tg-time unix="1794000000" format="wDT">x</tg-time>',
            {"type": "date_time", "unix_time": 1794000000, "date_time_format": "wDT"},
        ),
        ("<B>x</B >", {"type": "bold"}),
        ("<b>x</>", {"type": "bold"}),
    ],
)
def test_tag_becomes_its_entity(source: str, entity: dict[str, object]) -> None:
    assert parse_html(source) == Formatted("x", [{"offset": 0, "length": 1} | entity])


@pytest.mark.parametrize(
    "source",
    [
        '<a href="webcal://faden.example/feed">x</a>',
        '<a href="http://localhost/x">x</a>',
        '<a href="http://[broken">x</a>',
        "<a>x</a>",
        '<tg-emoji emoji-id="smile">x</tg-emoji>',
        "<tg-time>x</tg-time>",
    ],
)
def test_link_that_telegram_does_not_know_is_dropped_silently(source: str) -> None:
    assert parse_html(source) == Formatted("x")


def test_entities_stand_in_order_the_outer_before_the_inner() -> None:
    parsed = parse_html("😀<i>a<b>b</b></i><u></u>")

    assert parsed == Formatted(
        "😀ab", [{"type": "italic", "offset": 2, "length": 2}, {"type": "bold", "offset": 3, "length": 1}]
    )


@pytest.mark.parametrize(
    ("source", "description"),
    [
        ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("ü < 3", 'Unsupported start tag "" at byte offset 3'),
        ("a <", "Unclosed start tag at byte offset 2"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b x='1", 'Unclosed start tag "b" at byte offset 0'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("R & D", "Unsupported HTML entity at byte offset 2"),
        ("a&nbsp;b", "Unsupported HTML entity at byte offset 1"),
        ("&#55296;", "Unsupported HTML entity at byte offset 0"),
    ],
)
def test_html_that_does_not_parse_is_refused(source: str, description: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_html(source)

    assert str(refused.value) == f"400 Bad Request: can't parse entities: {description}"


def test_numeric_references_are_read() -> None:
    assert parse_html("&#39;&#x1F600;&#34;") == Formatted("'😀\"")


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://faden.example", "https://faden.example"),
        ("mailto:anna@faden.example", "mailto:anna@faden.example"),
        ("tel:+49301234", "tel:+49301234"),
        ("tg://resolve?domain=FadenBot", "tg://resolve?domain=FadenBot"),
        ("javascript:alert(1)", None),
        ("ftp://faden.example", None),
    ],
)
def test_link_in_text_is_checked(link: str, kept: str | None) -> None:
    assert checked_link(link) == kept


def test_own_host_is_let_through_where_it_is_named() -> None:
    own = frozenset({"localhost:8080"})

    assert link_fault("http://localhost:8080/x", own_hosts=own) is None
    assert link_fault("http://localhost:8081/x", own_hosts=own) == "Wrong HTTP URL"


def test_telegram_finds_commands_mentions_links_and_addresses() -> None:
    text = "/top@FadenBot TK: https://faden.example/a. 😀 anna@faden.example @anna_ahrens a/b /x"

    entities = found(Formatted(text)).entities

    marked = [
        text.encode("utf-16-le")[2 * e["offset"] : 2 * (e["offset"] + e["length"])].decode("utf-16-le")
        for e in entities
    ]
    assert list(zip([e["type"] for e in entities], marked, strict=True)) == [
        ("bot_command", "/top@FadenBot"),
        ("url", "https://faden.example/a"),
        ("email", "anna@faden.example"),
        ("mention", "@anna_ahrens"),
        ("bot_command", "/x"),
    ]


def test_nothing_is_found_in_code_or_across_other_marks() -> None:
    code = parse_html("<code>/top</code>")
    across = parse_html("<b>see https://fa</b>den.example")
    within = parse_html("<b>see /top</b>")

    assert found(code) == code
    assert found(across) == across
    assert found(within).entities == [*within.entities, {"type": "bot_command", "offset": 4, "length": 4}]


def test_trimming_moves_and_cuts_entities() -> None:
    parsed = trimmed(parse_html(" \n😀<b> x</b><u>y </u><i> </i>"))

    assert parsed == Formatted(
        "😀 xy", [{"type": "bold", "offset": 2, "length": 2}, {"type": "underline", "offset": 4, "length": 1}]
    )


def test_cleaning_takes_what_telegram_does_not_keep() -> None:
    assert cleaned("a\r\nb\x00c\td") == "a\nb c d"


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(ApiError) as refused:
        cleaned("\ud83d")

    assert refused.value.description == "Bad Request: strings must be encoded in UTF-8"


def test_page_gets_nested_tags_and_escaped_text() -> None:
    source = '<b>😀 <i>a&lt;b</i></b> <a href="https://faden.example/?a=1&amp;b=2">x</a> <tg-spoiler>y</tg-spoiler>'

    page = to_html(found(parse_html(source + " anna@faden.example https://faden.example/b /top")))

    link = '<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>'
    assert page == (
        "<b>😀 <i>a&lt;b</i></b> "
        + link.format("https://faden.example/?a=1&amp;b=2", "x")
        + ' <span class="spoiler">y</span> '
        + link.format("mailto:anna@faden.example", "anna@faden.example")
        + " "
        + link.format("https://faden.example/b", "https://faden.example/b")
        + " /top"
    )


@given(TEXTS)
def test_page_shows_plain_text_escaped(text: str) -> None:
    assert html.unescape(to_html(Formatted(text))) == text
