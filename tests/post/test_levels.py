"""What Telegram carries at each privacy level: every template of the chat, the whole call, buttons and files alike."""

import re
from typing import Any

import pytest

from bot import messages
from bot.actions.notices import Draft
from bot.messages import TEMPLATES, Voice
from bot.post.words import Invitation
from bot.rules import channels
from bot.rules import facts as typed
from storage.models import Document, Notice, Person
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.post import samples
from tests.post.conftest import Call, Office, body, channel, person, queue, seat

NUDGED = {
    "text": "Neues in einem Ihrer Gremien",
    "reply_markup": {"inline_keyboard": [[{"text": "Ansehen", "url": "https://faden.example/chat"}]]},
}
HINTED = NUDGED | {"text": "Telegram zeigt hier nur Hinweise; weiter geht es in der Web-Ansicht."}
NUDGED_TOAST = "Weiter geht es in der Web-Ansicht."
TOASTS_WITHOUT_CONTENT = sorted(name for name in channels.WITHOUT_CONTENT if name.startswith("refusals/"))
BADLY_READ = re.compile(r"None|<(\w+)></\1>|„“|, ,|Grund:\s*$|endet\?\S|offen\.\S")
ONLY_AT_LEVEL_3 = ("PersonName.", "JoinLink.", "Text.", "str.")


@pytest.fixture
async def nora(office: Office) -> Person:  # noqa: ARG001  # the store is open
    """Nora prefers Telegram, and has a web chat besides."""
    nora = await person()
    await channel(nora, Network.TELEGRAM, "101", preferred=True)
    await channel(nora, Network.WEBCHAT, "1")
    return nora


async def told(office: Office, nora: Person, level: int) -> list[Notice]:
    """Tell her everything that the chat can say, as a message and, where it is one, as a toast."""
    await Person.filter(id=nora.id).update(level=level)
    drafts = [
        Draft(key=template, template=template, facts=facts(), due_at=office.clock.now, person=nora.id, lane=Lane.ANSWER)
        for template, facts in samples.TEMPLATES.items()
    ]
    drafts += [
        Draft(
            key=f"{template}:toast",
            template=template,
            facts=samples.TEMPLATES[template](),
            due_at=office.clock.now,
            network=Network.TELEGRAM,
            chat_id=101,
            target_id=template,
            kind=NoticeKind.TOAST,
            lane=Lane.ANSWER,
        )
        for template in samples.TEMPLATES
        if template.endswith("_toast") or template.startswith("refusals/")
    ]
    rows = await queue(*drafts, now=office.clock.now)
    await office.open().drain()
    for row in rows:
        await row.refresh_from_db()
    return rows


def leaked(calls: list[Call], kinds: tuple[str, ...]) -> list[str]:
    """What of these kinds stands anywhere in the calls: texts, buttons, callback data, toasts, file names and contents."""
    everything = re.sub(r"\\r\\n |\\n ", "", repr(calls))  # calendar files fold their lines
    return sorted({found for kind in kinds for found in re.findall(re.escape(kind) + r"[\w.]+", everything)})


def in_full() -> list[str]:
    """What every template says when nothing is hidden."""
    voice = Voice(base_url="https://faden.example", start_url="https://faden.example/chat?start=")
    links: dict[str, Any] = {"link": Invitation(page="https://faden.example/anmelden/1-1")}
    again: dict[str, Any] = {"link": Invitation(page="https://faden.example/anmelden/1-2")}
    feed: dict[str, Any] = {"link": "https://faden.example/feed/1-1"}
    told = []
    for template, facts in samples.TEMPLATES.items():
        given = {key: fact for key, fact in facts().items() if key != "language"}
        shown = channels.everything(given) | {
            "accounts/join_link": links,
            "accounts/join_again": again,
            "general/calendar": feed,
        }.get(template, {})
        told.append(messages.chat(template, shown, voice).text)
    return told


def test_there_are_samples_for_every_template() -> None:
    chat = TEMPLATES / "chat"
    templates = {path.relative_to(chat).with_suffix("").as_posix() for path in chat.rglob("*.html")}

    assert templates - samples.PARTIAL == samples.TEMPLATES.keys()


async def test_level_0_says_nothing_of_content_on_telegram_and_everything_in_the_web_chat(
    office: Office, nora: Person
) -> None:
    rows = await told(office, nora, 0)

    assert [call.params["callback_query_id"] for call in office.telegram.calls] == TOASTS_WITHOUT_CONTENT
    assert leaked(office.telegram.calls, (*ONLY_AT_LEVEL_3, "Title.", "Place.")) == []
    assert {row.state for row in rows if row.kind is NoticeKind.MESSAGE} == {NoticeState.SENT}
    assert [text for _, text in office.webchat.said()] == in_full()


async def test_level_1_only_nudges_and_the_web_chat_has_what_it_is_about(office: Office, nora: Person) -> None:
    rows = await told(office, nora, 1)

    messages = [call for call in office.telegram.calls if call.method == "sendMessage"]
    toasts = [call for call in office.telegram.calls if call.method == "answerCallbackQuery"]
    assert [{key: call.params[key] for key in HINTED} for call in messages] == [HINTED] * len(samples.TEMPLATES)
    other = {call.params["text"] for call in toasts if call.params["callback_query_id"] not in TOASTS_WITHOUT_CONTENT}
    assert other == {NUDGED_TOAST}
    assert {key for call in toasts for key in call.params} == {"callback_query_id", "text"}
    assert len(messages) + len(toasts) == len(rows) == len(office.telegram.calls)
    assert [text for _, text in office.webchat.said()] == in_full()


async def test_level_2_hides_names_join_links_and_texts_and_still_reads_well(office: Office, nora: Person) -> None:
    rows = await told(office, nora, 2)

    assert leaked(office.telegram.calls, ONLY_AT_LEVEL_3) == []
    assert leaked(office.telegram.calls, ("Title.", "Place.")) != []
    assert {name for call in office.telegram.calls for name, _, _ in call.files.values()} == {"termin.ics"}
    assert [(row.template, row.error) for row in rows if row.state is not NoticeState.SENT] == []
    assert [text for _, text in office.telegram.said() if BADLY_READ.search(text)] == []


async def test_level_3_says_what_the_web_chat_says(office: Office, nora: Person) -> None:
    await told(office, nora, 3)

    assert [text for _, text in office.telegram.said()] == in_full()
    assert [leaked(office.telegram.calls, (kind,)) != [] for kind in ("PersonName.", "JoinLink.", "Text.")] == [
        True
    ] * 3


async def test_text_without_a_type_counts_as_content(office: Office, nora: Person) -> None:
    await Person.filter(id=nora.id).update(level=2)
    facts = {"level": 3, "body": "str.group.body"}
    draft = Draft(key="k", template="accounts/group_linked", facts=facts, due_at=office.clock.now, person=nora.id)

    await queue(draft, now=office.clock.now)
    await office.open().drain()

    assert leaked(office.telegram.calls, ONLY_AT_LEVEL_3) == []


@pytest.mark.parametrize(("level", "name"), [(2, "dokument.pdf"), (3, "Text.paper.pdf")])
async def test_paper_has_a_neutral_name_below_level_3(office: Office, nora: Person, level: int, name: str) -> None:
    await Person.filter(id=nora.id).update(level=level)
    paper = await Document.create(
        name="Text.paper.pdf",
        mime="application/pdf",
        size=4,
        content=b"%PDF",
        uploaded_by=nora,
        created_at=office.clock.now,
    )
    facts = {"document": {"type": typed.Plain("stored"), "id": paper.id}}
    draft = Draft(key="k", template="general/nudge", facts=facts, due_at=office.clock.now, person=nora.id)

    await queue(draft, now=office.clock.now)
    await office.open().drain()

    (call,) = office.telegram.calls
    assert [upload[0] for upload in call.files.values()] == [name]


def bundle(nora: Person, office: Office, *levels: int, lane: Lane = Lane.MAILING) -> Draft:
    """Commitments of several bodies, each with its own level."""
    due = [samples.commitment(level=level) for level in levels]
    return Draft(
        key="k",
        template="commitments/check_in",
        facts={"commitments": due},
        due_at=office.clock.now,
        person=nora.id,
        lane=lane,
    )


@pytest.mark.parametrize(
    ("levels", "texts"),
    [
        pytest.param((0, 0), [], id="nothing of level 0"),
        pytest.param((0, 1), [NUDGED["text"]], id="a nudge at most"),
        pytest.param((0, 2), ["⏳ Ein Commitment von Ihnen wird bald fällig. Wie steht es?"], id="what may be said"),
    ],
)
async def test_bundle_goes_no_further_than_its_most_open_entry(
    office: Office, nora: Person, levels: tuple[int, ...], texts: list[str]
) -> None:
    await queue(bundle(nora, office, *levels), now=office.clock.now)
    await office.open().drain()

    assert [text for _, text in office.telegram.said()] == texts


async def test_answer_folds_what_may_not_be_said(office: Office, nora: Person) -> None:
    await queue(bundle(nora, office, 0, lane=Lane.ANSWER), now=office.clock.now)
    await office.open().drain()

    assert [text for _, text in office.telegram.said()] == ["⏳ Neues in einem Ihrer Gremien"]


async def test_person_whose_bodies_all_forbid_telegram_has_no_telegram(office: Office, nora: Person) -> None:
    for code in ("TK", "RLK"):
        await seat(nora, await body(code, level=0))
    draft = Draft(
        key="k",
        template="general/help",
        facts={"administrator": False, "may_organise": False},
        due_at=office.clock.now,
        person=nora.id,
    )

    await queue(draft, now=office.clock.now)
    await office.open().drain()

    assert office.telegram.calls == []
    assert len(office.webchat.said()) == 1


async def in_group(office: Office, level: int) -> list[Call]:
    """What a body's group gets to see of its meeting: the card, an answer to a command, and one to a press."""
    tk = await body(level=level)
    facts = {"meeting": samples.meeting(level=level), "counts": samples.COUNTS}
    asked = {"level": level, "body": samples.sentinel(typed.Title, "body"), **facts}
    group: dict[str, Any] = {"due_at": office.clock.now, "network": Network.TELEGRAM, "chat_id": -5}
    pressed = samples.TEMPLATES["meetings/answered_toast"]() | {"meeting": samples.meeting(level=level)}
    card = Draft(key="card", template="meetings/card", facts=facts, kind=NoticeKind.CARD, body=tk.id, **group)
    answer = Draft(key="a", template="accounts/group", facts=asked, lane=Lane.ANSWER, **group)
    toast = Draft(
        key="t",
        template="meetings/answered_toast",
        facts=pressed,
        kind=NoticeKind.TOAST,
        target_id="q",
        lane=Lane.ANSWER,
        **group,
    )
    await queue(card, answer, toast, now=office.clock.now)
    await office.open().drain()
    return office.telegram.calls


async def test_group_of_a_body_at_level_1_is_only_nudged(office: Office) -> None:
    """It was linked at a higher level: one that is low cannot be linked."""
    calls = await in_group(office, 1)

    told = [call for call in calls if call.method == "sendMessage"]
    assert [{key: call.params[key] for key in NUDGED} for call in told] == [HINTED, NUDGED]
    assert [call.params["text"] for call in calls if call.method == "answerCallbackQuery"] == [NUDGED_TOAST]
    assert leaked(calls, (*ONLY_AT_LEVEL_3, "Title.", "Place.")) == []
    assert "2026" not in repr(calls)


async def test_toast_in_an_open_group_keeps_to_the_level_of_who_pressed(office: Office) -> None:
    tk = await body(level=3)
    anna = await person(level=1)
    await seat(anna, tk)
    draft = Draft(
        key="t",
        template="meetings/answered_toast",
        facts=samples.TEMPLATES["meetings/answered_toast"]() | {"meeting": samples.meeting(level=3)},
        kind=NoticeKind.TOAST,
        target_id="q",
        lane=Lane.ANSWER,
        due_at=office.clock.now,
        network=Network.TELEGRAM,
        chat_id=-5,
        person=anna.id,
    )

    await queue(draft, now=office.clock.now)
    await office.open().drain()

    assert [call.params["text"] for call in office.telegram.calls] == [NUDGED_TOAST]


async def test_group_of_a_body_at_level_0_hears_nothing(office: Office) -> None:
    assert await in_group(office, 0) == []
