"""First contact, the menu, help, and the way out."""

from telegram import Update

from bot.actions import access, dialogues, meetings
from bot.handlers.context import Context
from bot.rules import permissions
from bot.rules.facts import Plain
from bot.rules.refusals import Outdated


async def start(update: Update, context: Context) -> None:
    """/start, perhaps with what a link carries."""
    await menu(update, context)


async def menu(_update: Update, context: Context) -> None:
    """What can be done here, and what is next."""
    person = await context.speaker()
    held = await access.memberships(person, context.now)
    seats = access.as_seats(held)
    next_meetings = (await meetings.upcoming(by=person, now=context.now))["meetings"][:1]
    context.show(
        "menu",
        {
            "name": Plain(access.name_of(person)),
            "meetings": next_meetings,
            "may_organise": any(permissions.may_schedule(seats, seat.body_id) for seat in held),
        },
    )


async def help_(_update: Update, context: Context) -> None:
    """/hilfe."""
    await context.speaker()
    context.show("help")


async def privacy(_update: Update, context: Context) -> None:
    """/datenschutz; for everybody, also for strangers."""
    context.show("privacy")


async def give_up(_update: Update, context: Context) -> None:
    """/abbrechen: whatever is being asked is forgotten."""
    person = await context.speaker()
    ended = await dialogues.end(person, context.turn.network, context.turn.chat_id)
    context.show("given_up", {"something": ended})


async def outdated(_update: Update, context: Context) -> None:  # a handler's signature
    """A button from another time."""
    raise Outdated


async def nothing(_update: Update, context: Context) -> None:  # a handler's signature
    """A button that is only there to be read; the inbox still answers the press."""


async def membership(_update: Update, context: Context) -> None:
    """The bot was added somewhere, thrown out, blocked or unblocked."""
