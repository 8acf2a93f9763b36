"""Guided entries: ask one thing after the other, in one message that changes; a way back and a way out at every step.

A `Guide` says what is particular to a kind of entry: how an answer is read, which facts its questions show, and what is done
at the end. Buttons carry `d:<kind>:<step>:<value>`; a press on a step that is over says so and changes nothing. Besides the
steps there are `back`, `redo:<step>` (from the end), and `again`: another wording for a text that looked like case data.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from telegram import Update

from bot.actions import dialogues
from bot.handlers.context import Context
from bot.rules import guard
from bot.rules.dialogue import Flow
from bot.rules.refusals import Outdated, TooLong

Answers = dict[str, Any]


@dataclass(frozen=True)
class Guide:
    """One kind of guided entry.

    `take(context, answers, step, text, pressed)` gives the answers to add; it raises NotUnderstood or another refusal, and the
    question stays open. `facts(context, answers)` is what the step's template `guided/<kind>_<step>` shows. `finish` does it.
    """

    flow: Flow
    take: Callable[[Context, Answers, str, str, bool], Awaitable[Answers]]
    facts: Callable[[Context, Answers], Awaitable[Mapping[str, Any]]]
    finish: Callable[[Context, Answers, str], Awaitable[None]]


async def begin(context: Context, guide: Guide, answers: Answers) -> None:
    """Start an entry, perhaps half filled; an older one in this chat is given up."""
    person = await context.speaker()
    await _ask(context, guide, person.id, {**answers, "preset": list(answers)})


async def pressed(_update: Update, context: Context, guides: Mapping[str, Guide]) -> None:
    """A button of a guided entry."""
    _code, kind, step, *rest = context.codes
    value = ":".join(rest)
    entry = await _open(context)
    guide = guides.get(kind)
    if guide is None or entry is None or entry.kind != kind:
        raise Outdated
    current = guide.flow.current(entry.data)
    if step == "back":
        await _step_back(context, guide, entry)
    elif step == "redo" and current == guide.flow.steps[-1].name and guide.flow.has(value):
        await _ask(context, guide, entry.person_id, guide.flow.redo(entry.data, value))
    elif step == "again" and current == "kept":
        await _step_back(context, guide, entry)
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
    await _take(context, guide, entry, guide.flow.current(entry.data), context.text, pressed=False)
    return True


async def back(context: Context, guides: Mapping[str, Guide]) -> bool:
    """One step back in the open entry; False when nothing is being asked."""
    entry = await _open(context)
    guide = guides.get(entry.kind) if entry else None
    if entry is None or guide is None:
        return False
    await _step_back(context, guide, entry)
    return True


async def _step_back(context: Context, guide: Guide, entry: dialogues.OpenEntry) -> None:
    """The question before this one; a text that looked like case data goes, and its message with it."""
    warned = guide.flow.current(entry.data) == "kept"
    answers = dict(entry.data) if warned else guide.flow.back(entry.data)
    text = entry.data.get("suspicious")
    if text and not entry.data.get("kept") and (warned or text not in answers):
        _erase_source(context, entry)
        answers = _without_text(answers)
    await _ask(context, guide, entry.person_id, answers)


async def _open(context: Context) -> dialogues.OpenEntry | None:
    return await dialogues.current(await context.speaker(), context.turn.network, context.turn.chat_id, now=context.now)


async def _take(
    context: Context, guide: Guide, entry: dialogues.OpenEntry, step: str, text: str, *, pressed: bool
) -> None:
    if step == guide.flow.steps[-1].name and pressed:
        await dialogues.end(await context.speaker(), context.turn.network, context.turn.chat_id)
        await guide.finish(context, dict(entry.data), text)
        return
    given = {key: value for key, value in entry.data.items() if key != "redo"}
    if step == "kept" and not pressed and text:
        step = given["suspicious"]  # no button, but another wording at once
        _erase_source(context, entry)
        given = _without_text(given)
    added = await guide.take(context, dict(given), step, text, pressed)
    await _ask(context, guide, entry.person_id, {**given, **added})


async def _ask(context: Context, guide: Guide, person: int, answers: Answers) -> None:
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
    facts = {"first": guide.flow.begins(answers), **await guide.facts(context, answers)}
    context.show(f"guided/{guide.flow.kind}_{step}", facts)


# --- texts that look like case data ---------------------------------------------------------------------------------


def worded(context: Context, name: str, text: str, *, limit: int) -> Answers:
    """A typed text as the answer `name`; when it looks like case data, the step "kept" asks what is to become of it.

    Raises TooLong.
    """
    if len(text) > limit:
        raise TooLong(limit=limit)
    source = context.message.message_id if context.message else None
    return {name: text, "suspicious": name if guard.suspicious(text) else "", "source": source}


def _without_text(data: Mapping[str, Any]) -> Answers:
    gone = {data["suspicious"], "suspicious", "source", "kept"}
    return {key: value for key, value in data.items() if key not in gone}


def _erase_source(context: Context, entry: dialogues.OpenEntry) -> None:
    source = _source(entry)
    if source is not None:
        context.erase(source)


async def give_up(context: Context) -> Mapping[str, Any] | None:
    """Forget the open entry, and take back a text that nobody has said may stay; gives the answers that it had."""
    entry = await _open(context)
    if entry is None:
        return None
    await dialogues.end(await context.speaker(), context.turn.network, context.turn.chat_id)
    if entry.data.get("suspicious") and not entry.data.get("kept"):
        _erase_source(context, entry)
    return entry.data


async def discard(context: Context) -> int | None:
    """Forget the open entry; gives the message in which its text was typed."""
    person, entry = await context.speaker(), await _open(context)
    if entry is None:
        raise Outdated
    await dialogues.end(person, context.turn.network, context.turn.chat_id)
    return _source(entry)


def _source(entry: dialogues.OpenEntry) -> int | None:
    """The message in which the text of an entry was typed."""
    source = entry.data.get("source")
    return int(source) if source is not None else None
