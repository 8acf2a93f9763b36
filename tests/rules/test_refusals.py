import pytest

from bot.actions.texts import LooksLikeACase
from bot.rules.facts import Plain
from bot.rules.refusals import NotAMember, NotFoundHere, Refusal


def test_refusal_carries_facts_and_no_sentence() -> None:
    refusal = NotAMember(body=Plain("TK"))

    assert refusal.facts == {"body": "TK"}
    assert str(refusal) == "NotAMember"


@pytest.mark.parametrize(
    ("refusal", "template"),
    [
        (NotAMember(body=None), "refusals/not_a_member"),
        (NotFoundHere(), "refusals/not_found_here"),
        (LooksLikeACase(), "refusals/looks_like_a_case"),
    ],
)
def test_refusal_is_told_by_the_template_of_its_name(refusal: Refusal, template: str) -> None:
    assert refusal.template == template
