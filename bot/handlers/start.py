"""First contact, the menu, help, and the way out."""

import re
from collections.abc import Sequence

from telegram import Update

from bot.actions import access
from bot.actions.meetings import meetings
from bot.handlers import agenda, dialogues
from bot.handlers.context import Context
from bot.rules import permissions
from bot.rules.facts import Plain
from bot.rules.refusals import Refusal
from storage.models import Membership, Person


class PrivateOnly(Refusal):
    """That is for the person's own chat with Faden: in a group everybody would see it."""


async def start(update: Update, context: Context) -> None:
    """/start, perhaps with what a link carries: `top-<meeting>` hands in for that meeting."""
    what, _, number = context.text.partition("-") if context.turn.callback_id is None else ("", "", "")
    if what == "top" and re.fullmatch(r"[0-9]{1,9}", number):
        await context.speaker()
        await agenda.for_meeting(context, int(number))
    else:
        await menu(update, context)


async def menu(_update: Update, context: Context) -> None:
    """What can be done here, and what is next."""
    person = await context.speaker()
    held = await access.memberships(person, context.now)
    next_meetings = (await meetings.upcoming(by=person, now=context.now, limit=meetings.SOONEST))["meetings"][:1]
    typed = context.turn.callback_id is None and not context.is_command
    context.show(
        "general/menu",
        {
            "name": Plain(access.name_of(person)),
            "meetings": next_meetings,
            "may_organise": _may_organise(person, held),
            "lost": typed,
        },
    )


def _may_organise(person: Person, held: Sequence[Membership]) -> bool:
    """Whether there is anything under /organisieren for them."""
    seats = access.as_seats(held)
    return permissions.may_administer(administrator=person.administrator) or any(
        permissions.may_schedule(seats, seat.body_id) for seat in held
    )


async def in_group(_update: Update, context: Context) -> None:
    """A command in a body's group: what everybody there may see, and the way to one's own chat."""
    facts = await meetings.of_group(
        by=await context.speaker(), network=context.turn.network, chat_id=context.turn.chat_id, now=context.now
    )
    context.reply("accounts/group", facts)


async def help_(_update: Update, context: Context) -> None:
    """/hilfe."""
    person = await context.speaker()
    held = await access.memberships(person, context.now)
    administrator = permissions.may_administer(administrator=person.administrator)
    context.show("general/help", {"administrator": administrator, "may_organise": _may_organise(person, held)})


async def privacy(_update: Update, context: Context) -> None:
    """/datenschutz; for everybody, also for strangers, who read it in the language of their client."""
    context.show("general/privacy", {"language": context.turn.language})


async def give_up(_update: Update, context: Context) -> None:
    """/abbrechen: whatever is being asked is forgotten, with the papers that were sent for it."""
    context.show("general/given_up", {"something": await dialogues.give_up(context)})


async def nothing(_update: Update, context: Context) -> None:  # a handler's signature
    """A button that is only there to be read; the inbox still answers the press."""
