from dataclasses import asdict
from typing import Any

import pytest

from bot.rules import dialogue
from bot.rules.dialogue import FLOWS, INVITE, ITEM, MEETING, Flow, Notes, Step

Data = dict[str, Any]

EVERY_FLOW = pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)


def asked(flow: Flow, answers: Data, **preset: object) -> list[str]:
    """The questions in their order, each answered as `answers` says, or else with "x"."""
    data: Data = {**preset, "preset": list(preset)}
    questions = []
    while (step := flow.current(data)) != flow.steps[-1].name:
        questions.append(step)
        data |= {step: answers.get(step, "x")} | answers.get(f"with {step}", {})
    return questions


@EVERY_FLOW
def test_flow_ends_with_its_confirmation(flow: Flow) -> None:
    assert [step.name for step in flow.steps].count("confirm") == 1
    assert flow.steps[-1].name == "confirm"


@EVERY_FLOW
def test_flow_asks_nothing_twice(flow: Flow) -> None:
    names = [step.name for step in flow.steps]

    assert len(names) == len(set(names))


@EVERY_FLOW
def test_flow_says_where_its_buttons_lead_within_64_bytes(flow: Flow) -> None:
    assert max(len(f"d:{flow.kind}:{step.name}:2026-11-24T14:30") for step in flow.steps) <= 64


def test_flows_are_listed_by_their_kind() -> None:
    assert {kind: flow.kind for kind, flow in FLOWS.items()} == {kind: kind for kind in FLOWS}


@pytest.mark.parametrize(
    ("kind", "answers", "questions"),
    [
        ("item", {"purpose": "decision"}, ["body", "meeting", "purpose", "title", "minutes"]),
        ("item", {"purpose": "case_consultation"}, ["body", "meeting", "purpose", "slots", "minutes"]),
        (
            "item",
            {"purpose": "report", "with title": {"suspicious": True}},
            ["body", "meeting", "purpose", "title", "kept", "minutes"],
        ),
        ("meeting", {"format": "presence"}, ["body", "when", "minutes", "format", "place"]),
        ("meeting", {"format": "online"}, ["body", "when", "minutes", "format", "join_link"]),
        ("meeting", {"format": "hybrid"}, ["body", "when", "minutes", "format", "place", "join_link"]),
        ("move", {}, ["meeting", "when", "minutes"]),
        ("cancel", {}, ["meeting", "reason"]),
        ("cancel", {"with reason": {"suspicious": True}}, ["meeting", "reason", "kept"]),
        ("invite", {}, ["meeting"]),
        ("invite", {"with meeting": {"short_notice": 7}}, ["meeting", "reason"]),
        ("reject", {}, ["item", "reason"]),
        ("retitle", {}, ["item", "title"]),
        ("retitle", {"with title": {"suspicious": True}}, ["item", "title", "kept"]),
        ("commitment", {"due": "2026-12-01"}, ["body", "what", "owners", "counterparts", "due"]),
        ("commitment", {"due": "next"}, ["body", "what", "owners", "counterparts", "due", "due_body"]),
        (
            "commitment",
            {"due": "next_but_one", "with what": {"suspicious": True}},
            ["body", "what", "kept", "owners", "counterparts", "due", "due_body"],
        ),
        ("due", {"due": "standing"}, ["commitment", "due", "reason"]),
        ("due", {"due": "next"}, ["commitment", "due", "due_body", "reason"]),
        ("commitment_decline", {}, ["commitment", "reason"]),
        ("commitment_drop", {}, ["commitment", "reason"]),
    ],
)
def test_flow_asks_what_is_needed(kind: str, answers: Data, questions: list[str]) -> None:
    assert asked(FLOWS[kind], answers) == questions


def test_flow_that_begins_half_filled_asks_only_the_rest() -> None:
    assert asked(ITEM, {}, body=1, meeting=0, purpose="decision", title="Kinderbauernhof") == ["minutes"]


def test_flow_takes_an_empty_answer_for_an_answer() -> None:
    data: Data = {"body": 1, "meeting": 0, "purpose": "decision", "title": "Kinderbauernhof", "minutes": None}

    assert ITEM.current(data) == "confirm"


def test_flow_with_every_answer_waits_at_the_confirmation() -> None:
    assert INVITE.current({"meeting": 7, "confirm": "yes"}) == "confirm"


def test_case_consultation_is_never_asked_about_a_text_that_it_has_not() -> None:
    answers: Data = {"body": 1, "meeting": 0, "purpose": "case_consultation", "slots": 2, "suspicious": True}

    assert ITEM.current(answers) == "minutes"


def test_back_forgets_the_last_answer() -> None:
    data = {"body": 1, "when": "2026-12-01T09:00", "minutes": 90, "preset": []}

    assert MEETING.back(data) == {"body": 1, "when": "2026-12-01T09:00", "preset": []}


def test_back_forgets_what_stood_behind_the_last_answer() -> None:
    flow = Flow("two", (Step("one"), Step("two", lambda data: data.get("one") == "a"), Step("confirm")))

    assert flow.back({"one": "b", "two": "left over", "confirm": "no"}) == {"one": "b", "two": "left over"}
    assert flow.back({"one": "b"}) == {}


def test_back_keeps_what_was_preset() -> None:
    data = {
        "body": 1,
        "meeting": 3,
        "purpose": "decision",
        "title": "Kinderbauernhof",
        "minutes": 20,
        "preset": ["body", "title", "minutes"],
    }

    assert ITEM.back(data) == {
        "body": 1,
        "meeting": 3,
        "title": "Kinderbauernhof",
        "minutes": 20,
        "preset": ["body", "title", "minutes"],
    }


def test_back_at_the_first_question_changes_nothing() -> None:
    data = {"meeting": 7, "preset": ["meeting"]}

    assert INVITE.back(data) == data


def test_back_keeps_what_is_no_answer() -> None:
    data = {"item": 5, "reason": "zu spät", "source": 99, "preset": ["item"]}

    assert FLOWS["reject"].back(data) == {"item": 5, "source": 99, "preset": ["item"]}


@EVERY_FLOW
def test_back_from_the_end_leads_through_every_question_to_the_first(flow: Flow) -> None:
    everything: Data = {"due": "next", "purpose": "decision", "format": "hybrid", "suspicious": True, "short_notice": 1}
    data: Data = dict(everything)
    while (step := flow.current(data)) != "confirm":
        data[step] = everything.get(step, "x")

    seen = []
    while (earlier := flow.back(data)) != data:
        data = earlier
        seen.append(flow.current(data))

    assert seen[-1] == flow.steps[0].name


def test_step_on_request_is_asked_when_somebody_wants_to_answer_it() -> None:
    answers: Data = {"body": 1, "meeting": 0, "purpose": "decision", "title": "Bauernhof", "minutes": 20}

    asking = ITEM.redo(answers, "person")

    assert (ITEM.current(answers), ITEM.current(asking)) == ("confirm", "person")
    assert ITEM.current({**asking, "person": 7}) == "confirm"


def test_redo_asks_an_answered_question_again_and_back_takes_the_old_answer() -> None:
    answers: Data = {"body": 1, "meeting": 0, "purpose": "decision", "title": "Bauernhof", "minutes": 20}

    asking = ITEM.redo(answers, "minutes")

    assert ITEM.current(asking) == "minutes"
    assert ITEM.back(asking) == answers


def test_only_what_the_confirmation_offers_can_be_asked_again() -> None:
    assert {kind: flow.redoable for kind, flow in FLOWS.items() if flow.redoable} == {"item": ("meeting", "person")}


def test_entries_are_forgotten_after_a_day() -> None:
    assert dialogue.LIFETIME.total_seconds() == 24 * 3600


def test_back_from_half_an_answer_forgets_only_that() -> None:
    data: Data = {"body": 1, "day": "2026-12-10", "options": [], "month": "2026-12", "preset": []}

    assert MEETING.back(data) == {"body": 1, "options": [], "month": "2026-12", "preset": []}


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        ({"preset": []}, True),
        ({"body": 1, "preset": ["body"]}, True),
        ({"body": 1, "day": "2026-12-10", "preset": ["body"]}, True),
        ({"body": 1, "preset": []}, False),
        ({"body": 1, "day": "2026-12-10", "preset": []}, False),
    ],
)
def test_entry_begins_where_nothing_is_behind_the_open_step(data: Data, begins: bool) -> None:  # noqa: FBT001  # a table
    assert MEETING.begins(data) is begins


def test_answers_and_notes_of_a_stored_entry_are_told_apart() -> None:
    stored: Data = {
        "body": 1,
        "title": "Kinderbauernhof",
        "papers": [4],
        "preset": ["body"],
        "redo": {"minutes": 20},
        "suspicious": "title",
        "kept": True,
        "source": 71,
        "doubtful": {"title": 71},
        "seen": {"version": 3},
    }

    assert dialogue.answered(stored) == {"body": 1, "title": "Kinderbauernhof", "papers": [4]}
    assert dialogue.answered(stored) | asdict(Notes.of(stored)) == stored


def test_entry_without_notes_has_answers_alone() -> None:
    assert dialogue.answered({"body": 1}) == {"body": 1}
    assert Notes.of({"body": 1}) == Notes()


@pytest.mark.parametrize(
    ("stored", "withheld"),
    [
        ({}, ""),
        ({"suspicious": ""}, ""),
        ({"suspicious": "title"}, "title"),
        ({"suspicious": "title", "kept": True}, ""),
    ],
)
def test_text_that_looks_like_case_data_is_withheld_until_somebody_keeps_it(stored: Data, withheld: str) -> None:
    assert Notes.of(stored).withheld == withheld


@EVERY_FLOW
def test_no_step_is_called_like_a_note_but_the_one_that_asks_for_it(flow: Flow) -> None:
    asked_of_people = {step.name: 1 for step in flow.steps if step.name != "kept"}

    assert dialogue.answered(asked_of_people) == asked_of_people


@pytest.mark.parametrize(
    ("data", "may"),
    [
        ({"place": "Haus Huber"}, False),
        ({"place": "Haus Huber", "suspicious": "place", "doubtful": {"place": 7}, "kept": True}, True),
        ({"place": "Haus Huber", "join_link": None, "suspicious": "", "doubtful": {"place": 7}}, True),
    ],
)
def test_text_that_may_stay_still_may_when_another_one_has_been_typed(data: dict[str, Any], may: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert Notes.of(data).let_stay is may
