"""Long lists in the chat, leafed through: 130 commitments, a large body, many bodies."""

from collections.abc import AsyncIterator
from datetime import date, datetime

import pytest

from bot.rules.facts import Text
from storage.models import Body, Commitment, CommitmentParty, Membership, Notice, Person
from storage.vocabulary import BodyKind, CommitmentState, DueKind, Network, NoticeState, Role, Side
from tests.stage import Button, Stage, raise_curtain

PETRA = "Petra Wimmer"
SINCE = date(2026, 1, 1)


@pytest.fixture(params=[Network.WEBCHAT, Network.TELEGRAM])
async def stage(request: pytest.FixtureRequest, store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=request.param, moment=now)
    yield made
    await made.faden.stop()
    assert await Notice.filter(state=NoticeState.DEAD).count() == 0


async def presses(stage: Stage, label: str) -> None:
    await stage.presses(PETRA, await stage.button(stage.chat(PETRA), label))


async def sends(stage: Stage, data: str) -> list[str]:
    """Press a button with that data; gives the toasts."""
    await stage.presses(PETRA, Button(label=data, message_id=0, data=data))
    return stage.toasts.get(PETRA, [])


async def shown(stage: Stage) -> tuple[str, list[list[str]]]:
    """The text and the labels of what came or changed last."""
    last = max(await stage.heard(stage.chat(PETRA)), key=lambda message: message.change)
    return last.text, [[button.label for button in row] for row in last.buttons]


async def promises(stage: Stage, count: int) -> None:
    body, petra = await Body.get(code="RLK"), stage.people[PETRA]
    for number in range(1, count + 1):
        made = await Commitment.create(
            body=body, number=number, what=Text(f"Aufgabe {number}"), state=CommitmentState.AGREED,
            due_kind=DueKind.NONE, agreed_on=SINCE, recorded_by=petra, created_at=stage.clock(), changed_at=stage.clock(),
        )  # fmt: skip
        await CommitmentParty.create(commitment=made, side=Side.OWNER, person=petra, confirmed_at=stage.clock())


async def many_bodies(stage: Stage, count: int) -> None:
    petra = stage.people[PETRA]
    for number in range(count):
        body = await Body.create(code=f"X{number}", name=f"Zirkel {number:02}", kind=BodyKind.WORKING_GROUP, level=3)
        await Membership.create(body=body, person=petra, role=Role.CHAIR, begins_on=SINCE)


async def test_a_hundred_and_thirty_commitments_are_leafed_through(stage: Stage) -> None:
    await promises(stage, 130)

    await stage.says(PETRA, "/commitments")
    first = await shown(stage)
    await presses(stage, "Weitere ▶")
    second = await shown(stage)
    await presses(stage, "◀ Vorige")

    assert [label for row in first[1][:4] for label in row] == [f"RLK C{number}" for number in range(1, 11)]
    assert first[1][4] == ["1/14", "Weitere ▶"]
    assert [label for row in second[1][:4] for label in row] == [f"RLK C{number}" for number in range(11, 21)]
    assert second[1][4] == ["◀ Vorige", "2/14", "Weitere ▶"]
    assert await shown(stage) == first


async def test_page_that_is_no_more_is_the_last_one(stage: Stage) -> None:
    await promises(stage, 21)
    await stage.says(PETRA, "/commitments")
    await presses(stage, "Weitere ▶")
    await Commitment.filter(number__gt=5).update(state=CommitmentState.DROPPED)

    await presses(stage, "Weitere ▶")

    assert (await shown(stage))[1][0] == ["RLK C1", "RLK C2", "RLK C3"]
    assert stage.toasts == {}


@pytest.mark.parametrize(
    "data", ["p", "p:", "p:1", "p:1:", "p:x:cl", "p:-1:cl", "p:99999:cl", "p:1:nothing", "p:1:p:1:cl"]
)
async def test_page_of_nothing_that_is_there_is_outdated(stage: Stage, data: str) -> None:
    await stage.says(PETRA, "/commitments")

    assert await sends(stage, data) != []


async def test_choices_of_a_question_are_leafed_through(stage: Stage) -> None:
    await many_bodies(stage, 12)

    await stage.says(PETRA, "/top Zebrastreifen")
    await presses(stage, "Weitere ▶")
    last = await shown(stage)
    await presses(stage, "Zirkel 11")

    assert ["◀ Vorige", "2/2"] in last[1]
    assert "Zirkel 11" in (await shown(stage))[0]


async def test_parties_are_chosen_on_the_page_that_is_open(stage: Stage) -> None:
    body = await Body.get(code="RLK")
    for number in range(30):
        person = await Person.create(key=f"z{number}", given_name="Zoe", family_name=f"Zz{number:02}")
        await Membership.create(body=body, person=person, role=Role.MEMBER, begins_on=SINCE)
    await stage.says(PETRA, "/commitment")
    await presses(stage, "Regionalleiterkonferenz")
    await stage.says(PETRA, "Beratungsangebot aufbauen")
    await presses(stage, "Weitere ▶")
    await presses(stage, "Weitere ▶")

    before = (await shown(stage))[1]
    chosen = before[0][0]
    await presses(stage, chosen)

    text, after = await shown(stage)
    assert f"• {chosen}" in text.splitlines()
    assert (before[0][1], before[5]) == (after[0][0], after[5])


async def test_page_of_a_question_that_is_over_is_outdated(stage: Stage) -> None:
    await many_bodies(stage, 12)
    await stage.says(PETRA, "/top Zebrastreifen")
    old = await stage.button(stage.chat(PETRA), "Weitere ▶")
    await presses(stage, "Zirkel 01")

    await stage.presses(PETRA, old)

    assert stage.toasts[PETRA] != []
