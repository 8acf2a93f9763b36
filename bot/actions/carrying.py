"""How much Telegram carries for somebody; and what is answered there whose level lets nothing through.

Nothing is taken in where nothing may be said: an answer that Telegram may not carry undoes what it answers, and the person is
told to go on in the browser.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.actions import access
from bot.actions.notices import Draft
from bot.rules import channels
from bot.rules.channels import WITHOUT_CONTENT
from bot.rules.facts import NOTHING, NUDGE
from bot.rules.refusals import Refusal
from storage.models import Person
from storage.vocabulary import Network

QUESTIONS = "/form/"  # in the names of the templates that ask; only those who can read a question can answer it


class NotOverTelegram(Refusal):
    """A privacy level keeps this off Telegram: nothing was taken in, and it goes on in the browser."""


class HintsOnly(Refusal):
    """Telegram carries only hints of it: what is asked can be read, and answered, in the browser alone."""


async def seats(person: Person, now: datetime) -> list[channels.Seat]:
    """The seats that the person holds today, with the levels of their bodies and organisations."""
    return [
        channels.Seat(
            body=seat.body_id,
            body_level=seat.body.level,
            organisation_level=seat.organisation.level if seat.organisation else None,
        )
        for seat in await access.memberships(person, now)
    ]


async def highest(person: Person, now: datetime) -> int:
    """The most that Telegram may ever carry for the person."""
    places = [(seat.organisation_level, seat.body_level) for seat in await seats(person, now)]
    return channels.highest_level(person.level, places)


async def level(person: Person, now: datetime) -> int:
    """How much Telegram carries for the person of what is about no body."""
    return channels.person_level(person.level, await seats(person, now), None)


async def check_question(person: Person, facts: Mapping[str, Any], now: datetime) -> None:
    """Raises NotOverTelegram or HintsOnly for a question that Telegram may not show to the person."""
    _check(channels.answer_level(person.level, await seats(person, now), facts), question=True)


async def check(answers: Sequence[Draft], *, user: int | None, now: datetime) -> None:
    """Raises NotOverTelegram for answers to what `user` did on Telegram that may not go there; HintsOnly for such questions."""
    judged = [draft for draft in answers if draft.template not in WITHOUT_CONTENT]
    if not judged:
        return
    person = await access.person_at(Network.TELEGRAM, str(user))
    held = await seats(person, now) if person else []
    for draft in judged:
        alone = draft.person is not None or draft.chat_id == user  # in a group all read it, whoever asked
        carried = channels.answer_level(person.level if person and alone else None, held if alone else [], draft.facts)
        _check(carried, question=QUESTIONS in draft.template)


def _check(carried: int, *, question: bool) -> None:
    if carried <= NOTHING:
        raise NotOverTelegram
    if question and carried <= NUDGE:
        raise HintsOnly
