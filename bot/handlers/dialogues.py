"""Guided entries: ask one thing after the other, in one message that changes; a way back and a way out at every step.

A `Guide` says what is particular to a kind of entry: how an answer is read, which facts its questions show, and what is done
at the end. Buttons carry `d:<kind>:<step>:<value>`; a press on a step that is over says so and changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from telegram import Update

from bot.actions import dialogues
from bot.handlers.context import Context
from bot.rules.dialogue import Flow
from bot.rules.refusals import NotUnderstood, Outdated

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


class NoDialogue(NotUnderstood):
    """Something was typed, and nothing is being asked."""


async def begin(context: Context, guide: Guide, answers: Answers) -> None:
    """Start an entry, perhaps half filled; an older one in this chat is given up."""
    person = await context.speaker()
    await _ask(context, guide, person.id, {**answers, "preset": list(answers)})


async def pressed(_update: Update, context: Context, guides: Mapping[str, Guide]) -> None:
    """A button of a guided entry."""
    _code, kind, step, *rest = context.codes
    value = ":".join(rest)
    open_entry = await dialogues.current(
        await context.speaker(), context.turn.network, context.turn.chat_id, now=context.now
    )
    guide = guides.get(kind)
    if guide is None or open_entry is None or open_entry.kind != kind:
        raise Outdated
    if step == "back":
        await _ask(context, guide, open_entry.person_id, guide.flow.back(open_entry.data))
        return
    if step != guide.flow.current(open_entry.data):
        raise Outdated
    await _take(context, guide, open_entry, step, value, pressed=True)


async def typed(_update: Update, context: Context, guides: Mapping[str, Guide]) -> bool:
    """Text or a file for the open step; False when nothing is being asked."""
    open_entry = await dialogues.current(
        await context.speaker(), context.turn.network, context.turn.chat_id, now=context.now
    )
    guide = guides.get(open_entry.kind) if open_entry else None
    if open_entry is None or guide is None:
        return False
    await _take(context, guide, open_entry, guide.flow.current(open_entry.data), context.text, pressed=False)
    return True


async def _take(
    context: Context, guide: Guide, entry: dialogues.OpenEntry, step: str, text: str, *, pressed: bool
) -> None:
    last = guide.flow.steps[-1].name
    if step == last:
        if not pressed:
            raise NotUnderstood(example=None, step=step)
        await dialogues.end(await context.speaker(), context.turn.network, context.turn.chat_id)
        await guide.finish(context, dict(entry.data), text)
        return
    added = await guide.take(context, dict(entry.data), step, text, pressed)
    await _ask(context, guide, entry.person_id, {**entry.data, **added})


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
    facts = {"first": guide.flow.back(answers) == answers, **await guide.facts(context, answers)}
    context.show(f"guided/{guide.flow.kind}_{step}", facts)


async def discard(context: Context) -> int | None:
    """Forget the open entry; gives the message in which its text was typed."""
    person = await context.speaker()
    entry = await dialogues.current(person, context.turn.network, context.turn.chat_id, now=context.now)
    if entry is None:
        raise Outdated
    await dialogues.end(person, context.turn.network, context.turn.chat_id)
    return _source(entry)


async def reopen(context: Context, guides: Mapping[str, Guide], *names: str) -> int | None:
    """Ask again for these answers of the open entry; gives the message in which the text was typed."""
    person = await context.speaker()
    entry = await dialogues.current(person, context.turn.network, context.turn.chat_id, now=context.now)
    if entry is None:
        raise Outdated
    await _ask(
        context, guides[entry.kind], person.id, {key: value for key, value in entry.data.items() if key not in names}
    )
    return _source(entry)


def _source(entry: dialogues.OpenEntry) -> int | None:
    """The message in which the text of an entry was typed."""
    source = entry.data.get("source")
    return int(source) if source is not None else None
