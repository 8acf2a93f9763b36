"""How answers in guided entries are read: what a reader is given, and the readers that several kinds of entry share.

A reader belongs to one step and returns the answers to add. It raises NotUnderstood or another refusal, and the question stays
open. Whether its answer is pressed or typed is said around it (`pressed`, `typed`, `either`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from bot.handlers.context import Context
from bot.rules import guard, presses
from bot.rules.dialogue import Notes
from bot.rules.facts import Plain
from bot.rules.refusals import NotUnderstood, TooLong
from storage.models import Body, Person

Answers = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Given:
    """An answer as it came: `text` is what was typed, or the value of the button that was `pressed`.

    `answers` are those to the earlier questions, `notes` what is kept beside them, and `step` is the question that it answers.
    """

    context: Context
    answers: Mapping[str, Any]
    notes: Notes
    step: str
    text: str
    pressed: bool

    @property
    def thing(self) -> int | str:
        """The id that the button carries, or the name that was typed. Raises Outdated."""
        return presses.number(self.text) if self.pressed else self.text

    def not_understood(self) -> NotUnderstood:
        """The refusal that says what an answer to this question looks like."""
        return NotUnderstood(step=Plain(self.step))


Reader = Callable[[Given], Awaitable[Answers]]


def pressed(reader: Reader) -> Reader:
    """Only its buttons answer the question. Raises NotUnderstood for whatever is typed."""
    return either(pressed=reader, typed=unread)


def typed(reader: Reader) -> Reader:
    """Only words answer the question. Raises NotUnderstood for a press, and for a message without text."""

    async def read(given: Given) -> Answers:
        return await (reader if given.text else unread)(given)

    return either(pressed=unread, typed=read)


def either(*, pressed: Reader, typed: Reader) -> Reader:
    """The question is answered by its buttons and by words, each in a way of its own."""

    async def read(given: Given) -> Answers:
        return await (pressed if given.pressed else typed)(given)

    return read


async def unread(given: Given) -> NoReturn:
    """For a step whose answer comes from elsewhere: the entry begins with it, or ends with it. Raises NotUnderstood."""
    raise given.not_understood()


async def _number(given: Given) -> Answers:
    return {given.step: presses.number(given.text)}


async def _kept(_given: Given) -> Answers:
    return {"kept": True}


number = pressed(_number)
kept = pressed(_kept)


def body(find: Callable[[Person, int | str, datetime], Awaitable[Body]]) -> Reader:
    """A body, pressed or by its name; `find` refuses those in which the speaker may not do it."""

    async def read(given: Given) -> Answers:
        found = await find(await given.context.speaker(), given.thing, given.context.now)
        return {"body": found.id}

    return read


def text(*, limit: int, whereabouts: bool = False) -> Reader:
    """A typed text, as `worded` keeps it."""

    async def read(given: Given) -> Answers:
        return worded(given.context, given.step, given.text, limit=limit, whereabouts=whereabouts)

    return typed(read)


def worded(context: Context, name: str, text: str, *, limit: int, whereabouts: bool = False) -> Answers:
    """A typed text as the answer `name`; when it looks like case data, the step "kept" asks what is to become of it.

    `whereabouts` as in `bot.rules.guard`. Raises TooLong.
    """
    if len(text) > limit:
        raise TooLong(limit=limit)
    context.taken = True
    source = context.message.message_id if context.message else None
    suspicious = guard.suspicious(text, whereabouts=whereabouts)
    return {name: text, "suspicious": name if suspicious else "", "source": source}
