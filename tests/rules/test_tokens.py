import re

import pytest

from bot.rules import tokens

KEY = b"k" * 32
OTHER_KEY = b"o" * 32


def test_signed_token_gives_its_parts_back() -> None:
    token = tokens.sign(KEY, "answer", 4711, "v1")

    assert tokens.verified(KEY, "answer", token) == ("4711", "v1")


def test_signed_token_fits_into_a_link() -> None:
    token = tokens.sign(KEY, "answer", 4711)

    assert re.fullmatch(r"4711\.[A-Za-z0-9_-]{43}", token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "4711",
        tokens.sign(KEY, "feed", 4711),
        tokens.sign(OTHER_KEY, "answer", 4711),
        tokens.sign(KEY, "answer", 4711)[:-1],
        tokens.sign(KEY, "answer", 4711) + "A",
        "4712" + tokens.sign(KEY, "answer", 4711)[4:],
        "4711." + tokens.sign(KEY, "answer", 4711),
        "4711.ü",
        "\ud800.\ud800",
    ],
)
def test_verified_refuses_what_was_not_signed_so(token: str) -> None:
    assert tokens.verified(KEY, "answer", token) is None


@pytest.mark.parametrize("part", ["", "a.b", "a b", "ä", "x" * 65, "a\n"])
def test_sign_refuses_a_part_that_cannot_stand_in_a_link(part: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(part)}$"):
        tokens.sign(KEY, "answer", part)


def test_answer_token_names_its_meeting_and_person_or_its_attendance() -> None:
    tokens_ = (tokens.answer(KEY, 4711, 12), tokens.answer_to(KEY, 4711))

    assert [tokens.answered_of(KEY, token) for token in tokens_] == [(4711, 12), (4711,)]


def test_answer_token_that_was_forged_names_nothing() -> None:
    assert tokens.answered_of(KEY, tokens.sign(KEY, "other", 4711, 12)) is None


def test_feed_secret_changes_with_person_generation_and_key() -> None:
    secrets = {
        tokens.feed(KEY, 1, 1),
        tokens.feed(KEY, 1, 2),
        tokens.feed(KEY, 2, 1),
        tokens.feed(KEY, 11, 1),
        tokens.feed(OTHER_KEY, 1, 1),
    }

    assert len(secrets) == 5


def test_feed_secret_says_nothing_about_the_person() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", tokens.feed(KEY, 4711, 1))


def test_hash_is_the_same_for_the_same_token_only() -> None:
    first, second, other = tokens.hashed("token"), tokens.hashed("token"), tokens.hashed("Token")

    assert first == second
    assert first != other
    assert re.fullmatch(r"[0-9a-f]{64}", first)


def test_mail_address_is_known_again_and_by_this_town_only() -> None:
    first, again = tokens.mail_address(KEY, "Ben@stadt.example"), tokens.mail_address(KEY, " ben@STADT.example ")

    assert first == again
    assert (
        len(
            {first, tokens.mail_address(KEY, "anna@stadt.example"), tokens.mail_address(OTHER_KEY, "ben@stadt.example")}
        )
        == 3
    )


def test_commitment_token_names_the_commitment_and_who_answers() -> None:
    token = tokens.commitment(KEY, 12, 4711)

    assert tokens.commitment_of(KEY, token) == (12, 4711)


def test_commitment_token_that_was_forged_names_nothing() -> None:
    assert tokens.commitment_of(KEY, tokens.sign(KEY, "answer", 12, 4711)) is None
    assert tokens.commitment_of(OTHER_KEY, tokens.commitment(KEY, 12, 4711)) is None
