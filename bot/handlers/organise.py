"""For those who run bodies: what there is to do, body by body."""

from telegram import Update

from bot.actions import organise as bodies
from bot.handlers.context import Context


async def organise(_update: Update, context: Context) -> None:
    """/organisieren."""
    context.show("organise", await bodies.overview(by=await context.speaker(), now=context.now))


async def body(_update: Update, context: Context) -> None:
    """One body: meetings ahead, items to decide about, people."""
    context.show(
        "organise_body", await bodies.one(by=await context.speaker(), body=int(context.codes[1]), now=context.now)
    )


BUTTONS = {"o": organise, "ob": body}
