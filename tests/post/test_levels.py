"""What Telegram carries at each privacy level: every template of the chat, the whole call, buttons and files alike."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import messages
from bot.actions.notices import Draft
from bot.messages import TEMPLATES, Voice
from bot.rules import channels
from bot.rules import facts as typed
from storage.models import Document, Notice, Person
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.conversations.test_conversations import perform
from tests.post import samples
from tests.post.conftest import Call, Office, channel, person, queue
from tests.stage import raise_curtain

NUDGED = {
    "text": "Neues in einem Ihrer Gremien",
    "reply_markup": {"inline_keyboard": [[{"text": "Ansehen", "url": "https://faden.example/chat"}]]},
}
STORIES = sorted((Path(__file__).parent.parent / "conversations").glob("*.txt"))
BADLY_READ = re.compile(r"None|<(\w+)></\1>|„“|, ,|Grund:\s*$|endet\?\S|offen\.\S")
A_BODY_AS_PARTY = re.compile(
    r"(owners|counterparts|vouch_for)\[\]\.name Title"
)  # bodies and organisations have no secret names
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
    links = {"link": "https://faden.example/anmelden/1-1"}
    feed = {"link": "https://faden.example/feed/1-1"}
    told = []
    for template, facts in samples.TEMPLATES.items():
        given = {key: fact for key, fact in facts().items() if key != "language"}
        shown = channels.everything(given) | {"join_link": links, "calendar": feed}.get(template, {})
        told.append(messages.chat(template, shown, voice).text)
    return told


def test_there_are_samples_for_every_template() -> None:
    chat = TEMPLATES / "chat"
    templates = {path.relative_to(chat).with_suffix("").as_posix() for path in chat.rglob("*.html")}

    assert templates - samples.PARTIAL == samples.TEMPLATES.keys()


async def test_level_0_says_nothing_on_telegram_and_everything_in_the_web_chat(office: Office, nora: Person) -> None:
    rows = await told(office, nora, 0)

    assert office.telegram.calls == []
    assert {row.state for row in rows if row.kind is NoticeKind.MESSAGE} == {NoticeState.SENT}
    assert [text for _, text in office.webchat.said()] == in_full()


async def test_level_1_only_nudges_and_the_web_chat_has_what_it_is_about(office: Office, nora: Person) -> None:
    rows = await told(office, nora, 1)

    messages = [call for call in office.telegram.calls if call.method == "sendMessage"]
    toasts = [call for call in office.telegram.calls if call.method == "answerCallbackQuery"]
    assert [{key: call.params[key] for key in NUDGED} for call in messages] == [NUDGED] * len(samples.TEMPLATES)
    assert [call.params.keys() for call in toasts] == [{"callback_query_id"}] * len(toasts)
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
    draft = Draft(key="k", template="group_linked", facts=facts, due_at=office.clock.now, person=nora.id)

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
    draft = Draft(key="k", template="nudge", facts=facts, due_at=office.clock.now, person=nora.id)

    await queue(draft, now=office.clock.now)
    await office.open().drain()

    (call,) = office.telegram.calls
    assert [upload[0] for upload in call.files.values()] == [name]


# --- real facts -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Any]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.WEBCHAT, moment=now)
    yield made
    await made.faden.stop()


def shape(fact: object, path: str = "") -> dict[str, str]:
    """Where which type stands; what may be missing says nothing."""
    if isinstance(fact, Mapping):
        return {where: kind for key, inner in fact.items() for where, kind in shape(inner, f"{path}.{key}").items()}
    if isinstance(fact, list | tuple):
        return {where: kind for inner in fact for where, kind in shape(inner, f"{path}[]").items()}
    if isinstance(fact, bool | int | date) or fact is None:
        return {}
    return {path: type(fact).__name__}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("story", [pytest.param(path.read_text(), id=path.stem) for path in STORIES])
async def test_samples_are_typed_as_real_facts_are(stage: Any, story: str) -> None:  # noqa: ANN401  # a Stage
    await perform(stage, story)

    differing = {
        (notice.template, where, kind)
        for notice in await Notice.exclude(template="").exclude(kind__in=[NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL])
        for where, kind in shape(typed.decode(notice.facts)).items()
        if shape(samples.TEMPLATES[notice.template]()).get(where, kind) != kind
    }
    assert {entry for entry in differing if not A_BODY_AS_PARTY.search(" ".join(entry[1:]))} == set()
