"""The page on which somebody who is reached by mail answers for a commitment."""

from datetime import date

import pytest

from bot.actions.commitments import commitments
from bot.actions.commitments.commitments import Due
from bot.rules import tokens
from bot.rules.parties import Party
from bot.web.settings import WebSettings
from storage.db import unit_of_work
from storage.models import CheckIn, Commitment, CommitmentParty, Person
from storage.vocabulary import CommitmentState, DueKind
from tests.web.conftest import Outside, Town, Visitor, get, post

WHAT = "Beratungsangebot aufbauen"


@pytest.fixture
async def commitment(town: Town, outside: Outside) -> int:
    """Anna records that Ben does it with Dora; its id."""
    await unit_of_work(
        lambda: commitments.record(
            by=town.anna,
            body="TK",
            what=WHAT,
            owners=(Party(person=town.ben.id),),
            counterparts=(Party(person=town.dora.id),),
            due=Due(kind=DueKind.DATE, on=date(2026, 11, 27)),
            now=outside.domain,
        )
    )
    return (await Commitment.get()).id


def link(settings: WebSettings, commitment: int, person: Person, key: bytes | None = None) -> str:
    return f"/commitment/{tokens.commitment(key or settings.key, commitment, person.id)}"


async def state(commitment: int) -> tuple[CommitmentState, int]:
    """Its state, and how many have confirmed."""
    confirmed = CommitmentParty.filter(commitment_id=commitment, confirmed_at__not_isnull=True)
    return (await Commitment.get(id=commitment)).state, await confirmed.count()


async def test_looking_shows_what_was_agreed_and_answers_nothing(
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int
) -> None:
    response = await get(visitor, link(settings, commitment, town.ben))

    text = await response.text()
    assert response.status == 200
    assert f"<h1>{WHAT}</h1>" in text
    assert "<dt>Wer</dt><dd>Sie</dd>" in text
    assert "<dt>Wann</dt><dd>bis Fr, 27.11.2026 (KW 48)</dd>" in text
    assert [f'value="{answer}"' in text for answer in ("confirm", "decline", "done")] == [True, True, False]
    assert await state(commitment) == (CommitmentState.PROPOSED, 0)


async def test_both_sides_confirm_by_their_own_links(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, commitment: int
) -> None:
    first = await post(visitor, link(settings, commitment, town.ben), {"answer": "confirm"})
    second = await post(visitor, link(settings, commitment, town.dora), {"answer": "confirm"})

    confirmed = await first.text()
    assert "<h1>Danke, das ist notiert</h1>" in confirmed
    assert [f'value="{answer}"' in confirmed for answer in ("confirm", "done")] == [False, True]
    assert '<html lang="en">' in await second.text()
    assert await state(commitment) == (CommitmentState.AGREED, 2)
    assert outside.woken == 2


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ("on_track", CommitmentState.IN_PROGRESS),
        ("done", CommitmentState.FULFILLED),
        ("stuck", CommitmentState.BLOCKED),
        ("needs_help", CommitmentState.WAITING),
    ],
)
async def test_owner_says_how_it_stands(  # noqa: PLR0917  # fixtures, and what comes of what
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int, answer: str, after: CommitmentState
) -> None:
    response = await post(visitor, link(settings, commitment, town.ben), {"answer": answer})

    assert response.status == 200
    assert (await state(commitment))[0] is after
    assert [row.answer for row in await CheckIn.all()] == [answer]


async def test_owner_takes_back_that_it_is_done(
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int
) -> None:
    where = link(settings, commitment, town.ben)
    done = await (await post(visitor, where, {"answer": "done"})).text()

    again = await (await post(visitor, where, {"answer": "open"})).text()

    assert [word in done for word in ("↩️ Doch noch offen", "▶️ läuft")] == [True, False]
    assert [word in again for word in ("↩️ Doch noch offen", "▶️ läuft")] == [False, True]
    assert (await state(commitment))[0] is CommitmentState.PROPOSED  # the other side has not confirmed yet


async def test_who_disagrees_gives_a_reason(
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int
) -> None:
    where = link(settings, commitment, town.dora)

    without = await post(visitor, where, {"answer": "decline", "reason": " "})
    given = await post(visitor, where, {"answer": "decline", "reason": "Erst nach der Sommerpause"})

    assert (without.status, given.status) == (409, 200)
    assert (await Commitment.get(id=commitment)).reason == "Erst nach der Sommerpause"


async def test_what_is_over_has_nothing_to_answer(
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int
) -> None:
    await Commitment.filter(id=commitment).update(state=CommitmentState.VERIFIED)
    where = link(settings, commitment, town.ben)

    shown, answered = await get(visitor, where), await post(visitor, where, {"answer": "confirm"})

    assert "Hier gibt es nichts mehr zu antworten." in await shown.text()
    assert answered.status == 409


@pytest.mark.parametrize("form", [{}, {"answer": "vielleicht"}])
async def test_what_is_no_answer_is_refused(
    visitor: Visitor, town: Town, settings: WebSettings, commitment: int, form: dict[str, str]
) -> None:
    response = await post(visitor, link(settings, commitment, town.ben), form)

    assert response.status == 400
    assert await state(commitment) == (CommitmentState.PROPOSED, 0)


async def test_link_is_only_for_those_whom_it_concerns(
    visitor: Visitor, town: Town, settings: WebSettings, outside: Outside, commitment: int
) -> None:
    await Person.filter(id=town.dora.id).update(left_at=outside.domain)
    paths = [
        link(settings, commitment, town.carla),
        link(settings, commitment, town.dora),
        link(settings, commitment, town.ben, b"another key"),
        link(settings, 99999, town.ben),
        "/commitment/x",
    ]

    statuses = [(await get(visitor, path)).status for path in paths]
    statuses += [(await post(visitor, path, {"answer": "confirm"})).status for path in paths]

    assert statuses == [404] * 10
