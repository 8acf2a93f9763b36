"""Every button code, pressed as no button of ours would press it: forged, about others' things, and with a defect behind it.

The sample town on Telegram: Petra Wimmer leads the RLK. Katharina Brandl leads the TK and Miriam Haslinger is a member of the
SRT-Nord; neither has a seat in the RLK.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from bot import handlers, inbox
from bot.actions.agenda import agenda_items
from bot.actions.agenda.agenda_items import Proposal
from bot.actions.commitments import commitments
from bot.actions.commitments.commitments import Due
from bot.actions.meetings import invitations, meetings
from bot.handlers.context import Context
from bot.rules import facts as typed
from bot.rules import presses as rows
from bot.rules.parties import Party
from bot.rules.presses import READINGS, ROWS
from bot.rules.refusals import Outdated
from storage.db import unit_of_work
from storage.models import (
    AgendaItemPaper,
    Body,
    CommitmentParty,
    Dialogue,
    Document,
    InboxUpdate,
    Membership,
    Notice,
)
from storage.vocabulary import DueKind, MeetingFormat, Network, Purpose, UpdateState
from tests.actions.invented import SINCE
from tests.stage import Button as Pressed
from tests.stage import Stage, raise_curtain

PETRA, KATHARINA, MIRIAM = "Petra Wimmer", "Katharina Brandl", "Miriam Haslinger"
NOWHERE = "99999"
WORDS = {
    "page": "0",
    "answer": "accepted",
    "standing": "on_track",
    "minute": "29687200",
    "length": "5",
    "way": "up",
    "stays": "a",
    "source": "1",
    "language": "de",
    "rest": "none",
    "command": "top",
}


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.TELEGRAM, moment=now)
    await made.says(PETRA, "/start")
    await made.says(KATHARINA, "/start")
    await made.says(MIRIAM, "/start")
    yield made
    await made.faden.stop()


async def presses(stage: Stage, who: str, data: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Press a button with that data; gives the toasts, and the texts and labels of what came or changed."""
    await stage.presses(who, Pressed(label=data, message_id=0, data=data))
    news = [
        (heard.text, [button.label for row in heard.buttons for button in row])
        for heard in await stage.news(stage.chat(who))
    ]
    return stage.toasts.get(who, []), news


async def things_of_the_rlk(stage: Stage) -> dict[str, str]:
    """One thing of each kind that a button can name, all of them the RLK's."""
    now, petra = stage.clock(), stage.people[PETRA]
    rlk = await Body.get(code="RLK")

    async def made() -> dict[str, str]:
        plan = meetings.Plan(
            starts=datetime.fromisoformat("2026-12-03T09:00"), minutes=90, format=MeetingFormat.PRESENCE
        )
        meeting = (await meetings.schedule(by=petra, body=rlk.id, plan=plan, host="faden.example", now=now))["meeting"]
        await invitations.invite(by=petra, meeting=meeting["id"], land="BY", now=now)
        proposal = Proposal(purpose=Purpose.DECISION, title="Ferienprogramm", minutes=20)
        item = (await agenda_items.submit(by=petra, body=rlk.id, proposal=proposal, now=now))["item"]
        paper = await Document.create(name="p.pdf", mime="application/pdf", size=1, uploaded_by=petra, created_at=now)
        await AgendaItemPaper.create(item_id=item["id"], document=paper)
        owners, due = [Party(person=petra.id)], Due(kind=DueKind.STANDING)
        promised = await commitments.record(by=petra, body=rlk.id, what="Aufbau", owners=owners, due=due, now=now)
        party = await CommitmentParty.get(commitment_id=promised["commitment"]["id"])
        seat = await Membership.get(body=rlk, person=petra)
        found = {"meeting": meeting, "item": item, "commitment": promised["commitment"]}
        rows: dict[str, Any] = {"paper": paper, "party": party, "seat": seat, "body": rlk, "person": petra}
        return {kind: str(facts["id"]) for kind, facts in found.items()} | {
            kind: str(row.id) for kind, row in rows.items()
        }

    return await unit_of_work(made)


def named(takes: str, ids: dict[str, str]) -> list[list[str]]:
    """What a button that takes this can carry, with a thing's id: without what may be missing, and with it."""
    names = [name.rstrip("?") for name in takes.split()]
    needed = sum(not name.endswith("?") for name in takes.split())
    lengths = range(max(needed, 1), len(names) + 1)
    return [[ids.get(name) or WORDS[name] for name in names[:length]] for length in lengths]


def of_anybody() -> list[tuple[str, str]]:
    """The codes whose button names a thing of a body, and what they take."""
    ids = READINGS.keys() - WORDS.keys()
    return [(code, takes) for code, takes in ROWS.items() if ids & {name.rstrip("?") for name in takes.split()}]


def test_every_code_has_a_handler_and_every_handler_a_row() -> None:
    read = {*ROWS, rows.GUIDED}
    unhandled = [f"nothing in bot/handlers answers the code {code}" for code in sorted(read - handlers.BUTTONS.keys())]
    unread = [f"bot/rules/presses.py has no row for the code {code}" for code in sorted(handlers.BUTTONS.keys() - read)]

    assert unhandled + unread == []


def test_button_names_every_command_and_no_other() -> None:
    assert rows.COMMANDS.split("|") == [command.german for command in handlers.COMMANDS]


def test_every_reading_is_tried() -> None:
    taken = {name.rstrip("?") for takes in ROWS.values() for name in takes.split()}

    assert taken == READINGS.keys()


@pytest.mark.parametrize("who", [KATHARINA, MIRIAM])
async def test_thing_of_others_and_one_that_does_not_exist_look_alike(stage: Stage, who: str) -> None:
    theirs = await things_of_the_rlk(stage)
    missing = dict.fromkeys(theirs, NOWHERE)
    differing = []

    for code, takes in of_anybody():
        for foreign, absent in zip(named(takes, theirs), named(takes, missing), strict=True):
            of_theirs = await presses(stage, who, ":".join([code, *foreign]))
            await presses(stage, who, "help")  # the same question asked again would be no news
            of_none = await presses(stage, who, ":".join([code, *absent]))
            if of_theirs != of_none:
                differing.append((code, foreign, of_theirs, of_none))

    assert differing == []
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


@pytest.mark.parametrize(
    ("begin", "step", "kind"),
    [
        (["/top"], "d:item:body", "body"),
        (["/commitment"], "d:commitment:body", "body"),
        (["mnew"], "d:meeting:body", "body"),
        (["/top TK: Fachtag, Beschluss", "d:item:minutes:20"], "d:item:meeting", "meeting"),
        (["/top TK: Fachtag", "d:item:purpose:decision", "d:item:minutes:20"], "d:item:meeting", "meeting"),
        (["/top TK: Fachtag", "d:item:purpose:decision", "d:item:minutes:20"], "d:item:person", "person"),
    ],
)
async def test_guided_entry_does_not_tell_whether_a_thing_of_others_exists(
    stage: Stage, begin: list[str], step: str, kind: str
) -> None:
    theirs = await things_of_the_rlk(stage)
    await Membership.create(
        body=await Body.get(code="SRT-Süd"), person=stage.people[KATHARINA], role="chair", begins_on=SINCE
    )
    told = []

    for number in (theirs[kind], NOWHERE):
        for act in begin:
            await (stage.says(KATHARINA, act) if act.startswith("/") else presses(stage, KATHARINA, act))
        _, _, name = step.split(":")
        answers = [
            await presses(stage, KATHARINA, f"d:item:redo:{name}"),
            await presses(stage, KATHARINA, f"{step}:{number}"),
        ]
        told.append([*answers, await presses(stage, KATHARINA, "d:item:confirm:yes")])

    assert told[0] == told[1]
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


# --- forged -----------------------------------------------------------------------------------------------------------

ODD = ("", "x", "²", "99999999999999999999")


@pytest.mark.parametrize("code", ROWS)
def test_code_reads_only_what_its_own_buttons_carry(code: str) -> None:
    (*_, right) = named(ROWS[code], dict.fromkeys(READINGS.keys() - WORDS.keys(), "7")) or [[]]
    wrong = [[*right[:place], odd, *right[place + 1 :]] for place in range(len(right)) for odd in ODD]

    assert len(rows.read(code, right)) == len(right)
    for forged in (*wrong, [*right, "7"]):
        with pytest.raises(Outdated):
            rows.read(code, forged)


@pytest.mark.parametrize(
    "data", ["m", "m:x", "m:7:8", "ma:7:ja", "sq:x", "nonsense", "k", "k:x", "k:top:1", "d", "d:item", "d:item:body:²"]
)
async def test_data_that_no_button_of_ours_carries_is_outdated(stage: Stage, data: str) -> None:
    told = await presses(stage, MIRIAM, data)

    assert told == (["Das ist schon erledigt oder gilt nicht mehr. Mit /start geht es weiter."], [])
    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


@pytest.mark.parametrize(
    ("begin", "data"),
    [
        (
            ["/top"],
            ["d:item:purpose:{odd}", "d:item:redo:title", "d:item:purpose:case_consultation", "d:item:slots:{odd}"],
        ),
        (["/top TK: Fachtag"], ["d:item:purpose:decision", "d:item:minutes:{odd}", "d:item:body:{odd}"]),
        (
            ["/commitment TK: Fachtag"],
            ["d:commitment:owners:{odd}", "d:commitment:owners:p1", "d:commitment:owners:done"],
        ),
        (["/commitment TK: Fachtag, Brandl + Ertl, bis dann"], ["d:commitment:due:{odd}", "d:commitment:due:next"]),
        (
            ["/commitment TK: Fachtag, Brandl + Ertl, bis dann"],
            ["d:commitment:due:next", "d:commitment:due_body:{odd}", "d:commitment:due_body:done"],
        ),
        (
            ["mnew"],
            ["d:meeting:when:g{odd}", "d:meeting:when:g9999-12", "d:meeting:when:{odd}", "d:meeting:body:{odd}"],
        ),
        (["mnew", "d:meeting:when:2026-12-03T09:00-10:00"], ["d:meeting:format:{odd}", "d:meeting:minutes:{odd}"]),
    ],
)
async def test_forged_answer_to_an_open_question_is_refused_and_never_a_defect(
    stage: Stage, begin: list[str], data: list[str]
) -> None:
    for act in begin:
        await (stage.says(KATHARINA, act) if act.startswith("/") else presses(stage, KATHARINA, act))

    for pattern in data:
        for odd in ODD if "{odd}" in pattern else ("",):
            await presses(stage, KATHARINA, pattern.format(odd=odd))

    assert await InboxUpdate.filter(state=UpdateState.PARKED).count() == 0


@pytest.mark.parametrize(
    ("begin", "open_step", "data"),
    [
        (["/top TK: Fachtag", "d:item:purpose:decision"], "confirm", "d:item:redo:title"),
        (["/top TK: Fachtag"], "purpose", "d:item:redo:meeting"),
    ],
)
async def test_forged_redo_of_a_step_that_is_not_offered_is_outdated(
    stage: Stage, begin: list[str], open_step: str, data: str
) -> None:
    for act in begin:
        await (stage.says(KATHARINA, act) if act.startswith("/") else presses(stage, KATHARINA, act))
    before = (await Dialogue.get()).data

    told = await presses(stage, KATHARINA, data)

    entry = await Dialogue.get()
    assert told[0][-1:] == ["Das ist schon erledigt oder gilt nicht mehr. Mit /start geht es weiter."]
    assert (entry.step, entry.data) == (open_step, before)


async def test_number_typed_with_a_raised_digit_is_no_number(stage: Stage) -> None:
    await stage.says(KATHARINA, "/top TK: Fallberatung")
    await stage.says(KATHARINA, "²")

    assert (await stage.news(stage.chat(KATHARINA)))[-1].text == "Bitte eine Zahl, zum Beispiel 2."


# --- a defect ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, IndexError, KeyError])
async def test_defect_behind_a_button_is_retried_parked_and_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(inbox, "RETRY_SECONDS", 0)
    tried = []

    async def broken(_update: object, context: Context) -> None:
        tried.append(context.given)
        raise error("a defect of ours")

    monkeypatch.setitem(handlers.BUTTONS, "m", broken)

    toasts, news = await presses(stage, MIRIAM, "m:7")

    parked = await InboxUpdate.get(state=UpdateState.PARKED)
    told = typed.decode((await Notice.get(template="general/trouble")).facts)
    assert (tried, toasts) == ([(7,)] * 3, [])
    assert [text.partition(",")[0] for text, _ in news] == ["Das hat nicht geklappt"]
    assert parked.error == f"{error.__name__} {told['code']}"


async def test_command_offered_as_a_button_begins_its_entry(stage: Stage) -> None:
    _, news = await presses(stage, PETRA, "k:commitment")

    assert news[-1][0].splitlines()[0] == "Commitment festhalten"
