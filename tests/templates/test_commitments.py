"""Every message about commitments, with all of its facts and with what level 2 leaves of them."""

from datetime import date
from typing import Any

import pytest

from bot import messages
from bot.messages import ChatMessage, Voice
from bot.rules import facts as typed
from bot.rules.facts import FULL, TITLES, PersonName, Plain, Text, Title

VOICE = Voice(base_url="https://faden.example.org")
SECRETS = ("Beratungsangebot", "Carla Cramer", "Sozialbehörde", "Raum fehlt")
FORM = "commitments/form/"


def party(name: object, **more: object) -> dict[str, Any]:
    said = {"id": 1, "name": name, "role": None, "confirmed": False, "by_hand": False, "own": False, "speaks": False}
    return {**said, **more}


def commitment(**more: object) -> dict[str, Any]:
    return {
        "id": 7,
        "level": FULL,
        "number": 5,
        "code": Plain("RLK"),
        "body": Title("Regionalleiterkonferenz"),
        "what": Text("Beratungsangebot aufbauen"),
        "flagged": True,
        "state": Plain("in_progress"),
        "reason": Text("Raum fehlt"),
        "due_kind": Plain("date"),
        "due": date(2026, 11, 25),
        "due_in": [],
        "due_moves": 2,
        "overdue": True,
        "owners": [
            party(PersonName("Carla Cramer"), confirmed=True),
            party(Title("Trägerkonferenz"), role=Plain("chair")),
        ],
        "counterparts": [party(PersonName("Sozialbehörde"), by_hand=True), party(PersonName("Anna Arendt"), own=True)],
        **more,
    }


IN_MEETINGS = {
    "due_kind": Plain("meeting"),
    "due": None,
    "overdue": False,
    "due_in": [
        {"code": Plain("RLK"), "nth": 2, "day": date(2026, 12, 8)},
        {"code": Plain("TK"), "nth": 2, "day": None},
    ],
}
RIGHTS = dict.fromkeys(
    ("may_confirm", "may_decline", "may_answer", "may_move", "may_fulfil", "may_verify", "may_drop"), True
) | {"may_reopen": True, "may_hand_over": True}
BODY = {"id": 3, "level": TITLES, "code": Plain("RLK"), "name": Title("Regionalleiterkonferenz")}
COUNTS = {"open": 3, "overdue": 1, "fulfilled": 1}
QUESTION: dict[str, Any] = {
    "first": False,
    "source": 7,
    "body": Title("Regionalleiterkonferenz"),
    "bodies": [BODY],
    "what": Text("Beratungsangebot aufbauen"),
    "flagged": True,
    "members": [
        {"code": Plain("p1"), "name": PersonName("Anna Arendt"), "own": True},
        {"code": Plain("p2"), "name": PersonName("Carla Cramer"), "own": False},
    ],
    "owners": [{"role": None, "name": PersonName("Carla Cramer"), "own": False}],
    "owners_asked": {
        "typed": PersonName("Sozialbehörde"),
        "choices": [{"code": Plain("p2"), "role": None, "name": PersonName("Carla Cramer"), "own": False}],
    },
    "counterparts": [],
    "counterparts_asked": None,
    "due": date(2026, 11, 25),
    "due_kind": Plain("date"),
    "due_nth": 2,
    "due_options": [date(2026, 11, 24), date(2026, 12, 1)],
    "due_in": IN_MEETINGS["due_in"],
    "due_choices": [BODY],
    "reason": Text("Raum fehlt"),
    "commitment": commitment(),
}

HANDED_OVER = {
    "commitment": commitment(),
    "name": PersonName("Carla Cramer"),
    "before": [party(PersonName("Carla Cramer"))],
}

MESSAGES: dict[str, dict[str, Any]] = {
    "commitments/commitment": {"commitment": commitment(), "vouch_for": [party(PersonName("Carla Cramer"))], **RIGHTS},
    "commitments/list": {
        "mine": [commitment(), commitment(id=8, **IN_MEETINGS), commitment(id=9)],
        "agreed": [commitment(overdue=False)],
        "orphaned": [],
        "bodies": [{**BODY, **COUNTS}],
        "may_record": True,
    },
    "commitments/of_body": {"body": BODY, "commitments": [commitment()], **COUNTS},
    "commitments/recorded": {"commitment": commitment()},
    "commitments/proposed": {"commitment": commitment(), "by": PersonName("Carla Cramer")},
    "commitments/agreed": {"commitment": commitment()},
    "commitments/declined": {"commitment": commitment(), "name": PersonName("Carla Cramer")},
    "commitments/declined_by_me": {"commitment": commitment()},
    "commitments/moved": {"commitment": commitment(), "name": PersonName("Carla Cramer"), "was": IN_MEETINGS},
    "commitments/dropped": {"commitment": commitment(), "name": PersonName("Carla Cramer")},
    "commitments/verified": {"commitment": commitment()},
    "commitments/reopened": {"commitment": commitment(), "name": PersonName("Carla Cramer")},
    "commitments/hand_over": {
        "commitment": commitment(),
        "people": [{"id": 3, "name": PersonName("Carla Cramer"), "own": False}],
    },
    "commitments/handed_over": HANDED_OVER,
    "commitments/taking_over": HANDED_OVER,
    "commitments/confirmed_toast": {},
    "commitments/check_in": {"commitments": [commitment()]},
    "commitments/check_in_told": {
        "commitment": commitment(),
        "name": PersonName("Carla Cramer"),
        "answer": Plain("stuck"),
    },
    "commitments/check_in_toast": {"answer": Plain("needs_help")},
    "commitments/overdue": {"mine": [commitment()], "led": [commitment(id=8)]},
    "refusals/may_not_record": {"body": Plain("RLK")},
    "refusals/owner_missing": {},
    "refusals/due_missing": {},
    **{
        f"{FORM}commitment_{step}": QUESTION
        for step in ("body", "what", "kept", "owners", "counterparts", "due", "due_body", "confirm")
    },
    **{f"{FORM}due_{step}": QUESTION for step in ("due", "due_body", "reason", "kept", "confirm")},
    **{
        f"{FORM}commitment_{kind}_{step}": QUESTION
        for kind in ("decline", "drop")
        for step in ("reason", "kept", "confirm")
    },
}


def said(template: str, level: int, facts: dict[str, Any] | None = None) -> ChatMessage:
    return messages.chat(template, typed.at_level(MESSAGES[template] if facts is None else facts, level), VOICE)


def everything(message: ChatMessage) -> str:
    return " ".join([message.text, *(button.label for row in message.buttons for button in row)])


@pytest.mark.parametrize("template", MESSAGES)
def test_message_says_something_at_both_levels_and_at_level_2_nothing_of_what_was_agreed(template: str) -> None:
    full, reduced = said(template, FULL), said(template, TITLES)

    assert full.text
    assert reduced.text
    assert [secret for secret in SECRETS if secret in everything(reduced)] == []
    assert "None" not in everything(full) + everything(reduced)


def test_every_template_about_commitments_is_among_them() -> None:
    pieces = {f"{FORM}commitment_parties", f"{FORM}due_asked"}

    chat = messages.TEMPLATES / "chat"
    there = {path.relative_to(chat).with_suffix("").as_posix() for path in (chat / "commitments").rglob("*.html")}

    assert there - pieces == {template for template in MESSAGES if not template.startswith("refusals/")}


def test_commitments_at_level_2_are_counts() -> None:
    message = said("commitments/list", TITLES)

    assert message.text == (
        "🤝 <b>Commitments</b>\n\n<b>Von mir zugesagt</b>\n3 offen, 2 überfällig\n\n<b>Mit mir vereinbart</b>\n1 offen\n\n"
        "<b>In meinen Gremien</b>\nRegionalleiterkonferenz: 3 offen, 1 überfällig, 1 erledigt gemeldet"
    )
    assert [button.url for row in message.buttons for button in row if button.url] == [
        "https://faden.example.org/chat"
    ] * 2


def test_commitments_of_a_stricter_body_are_folded() -> None:
    facts = {**MESSAGES["commitments/list"], "mine": [commitment(level=1)], "agreed": [], "bodies": []}

    assert (
        said("commitments/list", FULL, facts).text == "🤝 <b>Commitments</b>\n\n<b>Von mir zugesagt</b>\nund 1 weitere"
    )


def test_commitments_when_there_is_nothing() -> None:
    facts: dict[str, Any] = {"mine": [], "agreed": [], "orphaned": [], "bodies": [], "may_record": False}

    message = said("commitments/list", FULL, facts)

    assert message.text == "🤝 <b>Commitments</b>\n\nZurzeit ist nichts offen."
    assert [button.label for row in message.buttons for button in row] == ["‹ Menü"]


def test_orphans_of_a_body_are_named_or_at_level_2_counted() -> None:
    orphan = {"id": 7, "code": Plain("RLK"), "number": 5, "what": Text("Beratungsangebot aufbauen")}
    facts: dict[str, Any] = {
        "body": BODY,
        "meetings": [],
        "items": [],
        "unplaced": [],
        "orphaned": [orphan],
        "people": [],
    }

    told = [said("people/organise_body", level, facts) for level in (FULL, TITLES)]

    assert [message.text.partition("<b>Verwaiste Commitments</b>\n")[2] for message in told] == [
        "• <b>RLK C5</b> Beratungsangebot aufbauen",
        "Ein Commitment ist verwaist.",
    ]
    labels = [next(button.label for row in message.buttons for button in row) for message in told]
    assert labels == ["👤 RLK C5", "Ansehen"]


def test_commitment_shows_marks_moves_and_state() -> None:
    assert said("commitments/commitment", FULL).text == (
        "🤝 <b>RLK C5</b>\nBeratungsangebot aufbauen\n\n"
        "<b>Wer</b>\n✅ Carla Cramer\n⬜ Leitung Trägerkonferenz <i>(noch nicht bestätigt)</i>\n\n"
        "<b>Mit wem</b>\n✍️ Sozialbehörde <i>(von Hand bestätigt)</i>\n⬜ Sie <i>(noch nicht bestätigt)</i>\n\n"
        "🗓 bis Mi, 25.11.2026 (KW 48) ⏰ <b>überfällig</b>\n↪️ 2-mal verschoben\n"
        "<i>läuft</i> · zuletzt dazu: Raum fehlt\n⚠️ sieht nach Falldaten aus und wurde trotzdem so belassen"
    )


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({}, "bis Mi, 25.11.2026 (KW 48)"),
        ({"due_kind": Plain("standing"), "due": None}, "dauerhaft"),
        ({"due_kind": Plain("none"), "due": None}, "ohne Termin"),
        (IN_MEETINGS, "in der übernächsten Sitzung: RLK Di, 08.12., TK (noch nicht geplant)"),
        (
            {**IN_MEETINGS, "due_in": [{"code": Plain("TK"), "nth": 1, "day": None}]},
            "in der nächsten Sitzung: TK (noch nicht geplant)",
        ),
    ],
)
def test_commitment_says_until_when(end: dict[str, Any], words: str) -> None:
    message = said("commitments/recorded", FULL, {"commitment": commitment(**end)})

    assert message.text.splitlines()[-1] == f"🗓 {words}"


STATES = {
    "proposed": "vorgeschlagen",
    "agreed": "vereinbart",
    "in_progress": "läuft",
    "fulfilled": "erledigt, noch nicht bestätigt",
    "verified": "erfüllt",
    "waiting": "braucht Hilfe",
    "blocked": "hängt",
    "deferred": "zurückgestellt",
    "orphaned": "verwaist",
    "dropped": "aufgegeben",
    "superseded": "abgelöst",
}


@pytest.mark.parametrize(("state", "word"), STATES.items())
def test_commitment_has_a_word_for_each_state(state: str, word: str) -> None:
    facts = {
        **MESSAGES["commitments/commitment"],
        "commitment": commitment(state=Plain(state), reason=None, flagged=False),
    }

    assert said("commitments/commitment", FULL, facts).text.splitlines()[-1] == f"<i>{word}</i>"


def test_check_in_about_one_has_the_four_answers() -> None:
    message = said("commitments/check_in", FULL)

    assert [button.data for row in message.buttons for button in row] == [
        "cs:7:on_track",
        "cs:7:done",
        "cs:7:stuck",
        "cs:7:needs_help",
    ]


def test_check_in_about_several_has_a_button_for_each() -> None:
    message = said("commitments/check_in", FULL, {"commitments": [commitment(), commitment(id=8, number=6)]})

    assert [(button.label, button.data) for row in message.buttons for button in row] == [
        ("RLK C5", "c:7"),
        ("RLK C6", "c:8"),
    ]


@pytest.mark.parametrize("template", ["commitments/check_in", "commitments/overdue"])
def test_bundle_about_strict_bodies_is_a_nudge(template: str) -> None:
    facts: dict[str, Any] = {"commitments": [commitment(level=1)], "mine": [commitment(level=1)], "led": []}

    message = said(template, FULL, facts)

    assert message.text.partition(" ")[2] == "Neues in einem Ihrer Gremien"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("done", "✅ Carla Cramer meldet: erledigt."),
        ("stuck", "⏸ Carla Cramer meldet: Es hängt."),
        ("needs_help", "🆘 Carla Cramer braucht Hilfe."),
    ],
)
def test_check_in_told_says_who_and_how(answer: str, line: str) -> None:
    facts = {**MESSAGES["commitments/check_in_told"], "answer": Plain(answer)}

    assert said("commitments/check_in_told", FULL, facts).text.splitlines()[0] == line


def test_owners_question_offers_members_and_then_the_next_step() -> None:
    facts = {**QUESTION, "owners_asked": None}

    message = said("commitments/form/commitment_owners", FULL, facts)

    assert [button.data for row in message.buttons for button in row] == [
        "d:commitment:owners:p1",
        "d:commitment:owners:p2",
        "d:commitment:owners:done",
        "d:commitment:owners:again",
        "d:commitment:back",
        "stop",
    ]
