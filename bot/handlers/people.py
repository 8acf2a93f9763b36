"""Who sits in a body: inviting people to Faden, and ending a seat."""

from telegram import Update

from bot.actions import joining, leaving
from bot.handlers.context import Context


async def seats(_update: Update, context: Context) -> None:
    """The seats of a body."""
    facts = await leaving.seats(by=await context.speaker(), body=int(context.codes[1]), now=context.now)
    context.show("seats", facts)


async def seat(_update: Update, context: Context) -> None:
    """One seat, and what can be done with it."""
    context.show("seat", await leaving.seat(by=await context.speaker(), seat=int(context.codes[1]), now=context.now))


async def ask_end(_update: Update, context: Context) -> None:
    """Ask once more."""
    context.show(
        "seat_end", await leaving.seat(by=await context.speaker(), seat=int(context.codes[1]), now=context.now)
    )


async def end(_update: Update, context: Context) -> None:
    """End it."""
    facts = await leaving.end_seat(by=await context.speaker(), seat=int(context.codes[1]), now=context.now)
    context.show("seat_ended_by_me", facts)


async def invite(_update: Update, context: Context) -> None:
    """An invitation to Faden: by mail, and as a link to hand on."""
    facts = await joining.invite(by=await context.speaker(), person=int(context.codes[1]), now=context.now)
    context.show("join_link", facts)


BUTTONS = {"os": seats, "op": seat, "oe": ask_end, "oee": end, "oi": invite}
