"""Guided entries: ask one thing after the other, in one message that changes; a way back and a way out at every step.

A `Guide` says what is particular to a kind of entry: who reads the answer to each question, which facts its questions show,
and what is done at the end. Buttons carry `d:<kind>:<step>:<value>`; a press on a step that is over says so and changes nothing. Besides the
steps there are `back`, `redo:<step>` (from the end), and `again`: another wording for a text that looked like case data.
Without a value a press asks the same again: on another page of what there is to choose from.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from telegram import Update

from bot.actions import carrying, dialogues
from bot.handlers.context import Context
from bot.handlers.readers import Answers, Given, Reader, unread
from bot.rules import presses
from bot.rules.dialogue import PAPERS, Flow, Notes, answered
from bot.rules.refusals import ChangedMeanwhile, Outdated, Refusal
from storage.db import savepoint
from storage.vocabulary import Network


@dataclass(frozen=True)
class Guide:
    """One kind of guided entry; its questions are among the templates of the `room`.

    `readers` read the answers, one for each step; the last step is answered by `finish`, and has a reader only where something
    is taken while it is open. `facts(context, answers)` is what the step's template shows. A refusal of
    the kinds `over` says that what the entry is about is over: that ends the entry, too. `files` reads a file at any step.

    Raises ValueError when a step has no reader, or a reader no step.
    """

    room: str
    flow: Flow
    readers: Mapping[str, Reader]
    facts: Callable[[Context, Answers], Awaitable[Mapping[str, Any]]]
    finish: Callable[[Context, Answers, str], Awaitable[None]]
    over: tuple[type[Refusal], ...] = ()
    files: Reader | None = None

    def __post_init__(self) -> None:
        """Hold the readers against the steps."""
        steps = [step.name for step in self.flow.steps]
        if unanswered := [name for name in steps[:-1] if name not in self.readers]:
            raise ValueError(f"the guided entry {self.flow.kind} asks for {unanswered}, and nothing reads the answer")
        if unasked := [name for name in self.readers if name not in steps]:
            raise ValueError(f"the guided entry {self.flow.kind} has readers for {unasked}, and never asks for it")

    async def read(self, given: Given) -> Answers:
        """The answers to add. Raises what the reader raises."""
        if self.files is not None and given.context.upload is not None:
            return await self.files(given)
        return await self.readers.get(given.step, unread)(given)

    def question(self, step: str) -> str:
        """The template of a step: `agenda/form/item_title`."""
        return f"{self.room}/form/{self.flow.kind}_{step}"


async def begin(context: Context, guide: Guide, answers: Answers) -> None:
    """Start an entry, perhaps half filled; an older one in this chat is given up."""
    person = await context.speaker()
    await give_up(context)
    await _ask(context, guide, person.id, {**_with(context, {}, answers), "preset": list(answers)})


async def pressed(_update: Update, context: Context, guides: Mapping[str, Guide]) -> None:
    """A button of a guided entry."""
    kind, step, value = context.given
    entry = await _open(context)
    guide = guides.get(kind)
    if guide is None or entry is None or entry.kind != kind:
        raise Outdated
    await _while_open(context, guide, entry, partial(_press, context, guide, entry, step, value))


async def _press(context: Context, guide: Guide, entry: dialogues.OpenEntry, step: str, value: str) -> None:
    current = guide.flow.current(entry.data)
    if current == "kept" and step in {"kept", presses.AGAIN}:
        _about_this_text(entry, value)
    if step == presses.BACK:
        await _step_back(context, guide, entry)
    elif step == presses.REDO and current == guide.flow.steps[-1].name and value in guide.flow.redoable:
        await _ask(context, guide, entry.person_id, guide.flow.redo(entry.data, value))
    elif step == presses.AGAIN and current == "kept":
        await _step_back(context, guide, entry)
    elif step == current and context.page is not None and not value:
        await _ask(context, guide, entry.person_id, dict(entry.data))
    elif step == current:
        await _take(context, guide, entry, step, value, pressed=True)
    else:
        raise Outdated


async def typed(_update: Update, context: Context, guides: Mapping[str, Guide]) -> bool:
    """Text or a file for the open step; False when nothing is being asked."""
    entry = await _open(context)
    guide = guides.get(entry.kind) if entry else None
    if entry is None or guide is None:
        return False
    step = guide.flow.current(entry.data)
    await _while_open(context, guide, entry, partial(_take, context, guide, entry, step, context.text, pressed=False))
    return True


async def back(context: Context, guides: Mapping[str, Guide]) -> bool:
    """One step back in the open entry; False when nothing is being asked."""
    entry = await _open(context)
    guide = guides.get(entry.kind) if entry else None
    if entry is None or guide is None:
        return False
    await _while_open(context, guide, entry, partial(_step_back, context, guide, entry))
    return True


async def _step_back(context: Context, guide: Guide, entry: dialogues.OpenEntry) -> None:
    """The question before this one; from the question whether a text may stay, the one for another wording."""
    warned = guide.flow.current(entry.data) == "kept"
    answers = _without_text(context, entry.data) if warned else guide.flow.back(entry.data)
    await _ask(context, guide, entry.person_id, answers)


async def _open(context: Context) -> dialogues.OpenEntry | None:
    return await dialogues.current(await context.speaker(), context.turn.network, context.turn.chat_id, now=context.now)


async def _while_open(
    context: Context, guide: Guide, entry: dialogues.OpenEntry, answered: Callable[[], Awaitable[None]]
) -> None:
    """Do what was answered. A refusal gives the entry up when what it is about is over, or it can ask nothing any more.

    On Telegram nothing is taken then.
    """
    try:
        if context.turn.network is Network.TELEGRAM:
            await _check_open(context, guide, entry)
        await answered()
    except Refusal as refusal:
        if isinstance(refusal, guide.over):
            await give_up(context)
            context.show(refusal.template, refusal.facts)
        elif not await _closed(context, guide, entry):
            raise


async def _closed(context: Context, guide: Guide, entry: dialogues.OpenEntry) -> bool:
    """Give up an entry that can ask nothing any more, and say why; whether that was so."""
    try:
        await _check_open(context, guide, entry)
    except Refusal as refusal:
        await give_up(context)
        context.taken = isinstance(refusal, carrying.NotOverTelegram | carrying.HintsOnly)
        context.toast(refusal.template, refusal.facts)
        return True
    return False


async def _check_open(context: Context, guide: Guide, entry: dialogues.OpenEntry) -> None:
    """Raises what refuses the open question: what it is about, or Telegram's level (NotOverTelegram, HintsOnly) before that."""
    refused: Refusal | None = None
    try:
        facts = await guide.facts(context, dict(entry.data))
    except Refusal as refusal:
        refused, facts = refusal, refusal.facts
    if context.turn.network is Network.TELEGRAM:
        await carrying.check_question(await context.speaker(), facts, context.now)
    if refused is not None:
        raise refused


async def _take(
    context: Context, guide: Guide, entry: dialogues.OpenEntry, step: str, text: str, *, pressed: bool
) -> None:
    if step == guide.flow.steps[-1].name and pressed:
        await _finish(context, guide, entry, text)
        return
    given = {key: value for key, value in entry.data.items() if key != "redo"}
    if step == "kept" and not pressed and text:
        step = Notes.of(given).suspicious  # no button, but another wording at once
        given = _without_text(context, given)
    added = await guide.read(
        Given(context=context, answers=answered(given), notes=Notes.of(given), step=step, text=text, pressed=pressed)
    )
    context.taken = True
    await _ask(context, guide, entry.person_id, _with(context, given, added))


async def _finish(context: Context, guide: Guide, entry: dialogues.OpenEntry, choice: str) -> None:
    """Do it. When somebody changed meanwhile what the form has `seen`, the last question is asked again, and tells so."""

    async def done() -> None:
        await dialogues.end(await context.speaker(), context.turn.network, context.turn.chat_id)
        await guide.finish(context, dict(entry.data), choice)

    try:
        async with savepoint():
            await done()
    except ChangedMeanwhile:
        if Notes.of(entry.data).seen is None:
            raise
        await _ask(context, guide, entry.person_id, dict(entry.data))


async def _ask(context: Context, guide: Guide, person: int, answers: Answers) -> None:
    facts = await guide.facts(context, answers)
    step = guide.flow.current(answers)
    await dialogues.keep(
        person=person,
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        kind=guide.flow.kind,
        step=step,
        data=answers,
        now=context.now,
    )
    begins = {"first": guide.flow.begins(answers), "source": Notes.of(answers).source}
    context.show(guide.question(step), {**begins, **facts})


# --- texts that look like case data ---------------------------------------------------------------------------------


def _about_this_text(entry: dialogues.OpenEntry, source: str) -> None:
    """The buttons under a warning decide about the text that it is about (`source` is its message) and no later one.

    Raises Outdated.
    """
    if source != str(Notes.of(entry.data).source):
        raise Outdated


def _with(context: Context, given: Mapping[str, Any], added: Answers) -> Answers:
    """The answers and a new one. A new text asks anew whether it may stay; `doubtful` are the messages of those that asked."""
    if "source" not in added:
        return {**given, **added}
    doubtful = dict(Notes.of(given).doubtful)
    for name in doubtful.keys() & added.keys():
        context.erase(doubtful.pop(name))
    if added["suspicious"] and added["source"] is not None:
        doubtful[added["suspicious"]] = added["source"]
    return {**{key: value for key, value in given.items() if key != "kept"}, **added, "doubtful": doubtful}


def _without_text(context: Context, data: Mapping[str, Any]) -> Answers:
    """Without the text that is asked about; its message goes too."""
    notes = Notes.of(data)
    doubtful = dict(notes.doubtful)
    if notes.suspicious in doubtful:
        context.erase(doubtful.pop(notes.suspicious))
    gone = {notes.suspicious, "suspicious", "source", "kept"}
    return {**{key: value for key, value in data.items() if key not in gone}, "doubtful": doubtful}


def erase_texts(context: Context, answers: Mapping[str, Any]) -> None:
    """Nothing of what was typed is wanted after all."""
    notes = Notes.of(answers)
    sources = {notes.source, *notes.doubtful.values()}
    for source in sorted(source for source in sources if source is not None):
        context.erase(source)


async def give_up(context: Context) -> bool:
    """Forget the open entry, with the papers and the doubtful texts that were sent for it; whether anything is lost by it."""
    entry = await _open(context)
    network, chat_id = context.turn.network, context.turn.chat_id
    given_up = await dialogues.give_up(await context.speaker(), network, chat_id, now=context.now)
    return given_up and not (entry is not None and entry.kind == PAPERS.kind)  # what came belongs to its item at once


async def discard(context: Context, source: str) -> None:
    """Give up the entry whose text is asked about. Raises Outdated."""
    entry = await _open(context)
    if entry is None:
        raise Outdated
    _about_this_text(entry, source)
    await give_up(context)


async def warn(context: Context) -> None:
    """Say that what was typed looks like case data; it goes within a day, or at once when they discard it."""
    if context.message is not None:
        network, chat_id = context.turn.network, context.turn.chat_id
        await dialogues.warned(network, chat_id, context.message.message_id, now=context.now)
        context.reply("general/warned")


async def discard_warned(context: Context, guides: Mapping[str, Guide]) -> None:
    """Take what they were warned about out of the chat; an entry that is open asks on, and one that cannot is given up."""
    for message in await dialogues.discard(context.turn.network, context.turn.chat_id):
        context.erase(message)
    entry = await _open(context)
    guide = guides.get(entry.kind) if entry else None
    if entry is None or guide is None or await _closed(context, guide, entry):
        context.show("general/discarded")
        return
    context.toast("general/discarded")
    await _ask(context, guide, entry.person_id, dict(entry.data))
