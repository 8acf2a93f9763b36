from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from bot.post import texts


def test_units_count_utf16_without_tags_and_entities() -> None:
    assert texts.units("<b>Grüße &amp; 🗓</b>") == len("Grüße & ") + 2


def test_plain_has_neither_tags_nor_entities() -> None:
    assert texts.plain("<b>zugesagt</b> &amp; notiert\n") == "zugesagt & notiert"


def test_cut_leaves_a_short_text_alone() -> None:
    assert texts.cut("zugesagt") == "zugesagt"


def test_cut_ends_after_a_word() -> None:
    assert texts.cut("Die Sitzung ist verlegt", 14) == "Die Sitzung…"


def test_cut_ends_inside_a_word_that_is_too_long_and_not_inside_a_character() -> None:
    assert texts.cut("🗓🗓🗓🗓", 6) == "🗓🗓…"


def test_split_leaves_a_short_text_whole() -> None:
    assert texts.split("<b>kurz</b>\n\nund gut") == ["<b>kurz</b>\n\nund gut"]


def test_split_breaks_between_paragraphs_then_lines() -> None:
    assert texts.split("eins zwei\n\ndrei\nvier fünf sechs", 18) == ["eins zwei", "drei", "vier fünf sechs"]


def test_split_closes_open_tags_and_opens_them_again() -> None:
    assert texts.split('<b><a href="x">eins\n\nzwei</a></b>', 5) == [
        '<b><a href="x">eins</a></b>',
        '<b><a href="x">zwei</a></b>',
    ]


def test_split_breaks_a_word_that_is_too_long_but_no_entity() -> None:
    assert texts.split("abc&amp;de", 4) == ["abc&amp;", "de"]


def test_split_goes_on_when_not_even_one_character_fits() -> None:
    assert texts.split("🗓🗓", 1) == ["🗓", "🗓"]


def test_split_bears_a_tag_that_was_never_opened() -> None:
    assert texts.split("</b>eins zwei", 4) == ["</b>eins", "zwei"]


WORDS = st.text(
    alphabet=st.characters(exclude_characters="<>&", exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
PIECES = st.one_of(
    WORDS,
    st.just("&amp;"),
    WORDS.map(lambda word: f"<b>{word}</b>"),
    WORDS.map(lambda word: f"<i>{word}\n\n{word}</i>"),
)


@given(pieces=st.lists(st.tuples(PIECES, st.sampled_from([" ", "\n", "\n\n"])), max_size=40), limit=st.integers(12, 60))
def test_split_loses_nothing_and_keeps_to_the_limit(pieces: list[tuple[str, str]], limit: int) -> None:
    html = "".join(piece + space for piece, space in pieces).strip()

    parts = texts.split(html, limit)

    assert all(texts.units(part) <= limit for part in parts)
    assert all(part.count("<b>") == part.count("</b>") and part.count("<i>") == part.count("</i>") for part in parts)
    assert "".join(unescape(texts.plain("".join(parts))).split()) == "".join(texts.plain(html).split())
