"""For those who run bodies: what there is to do, body by body. For the administration: who is to be invited to Faden."""

from telegram import Update

from bot.actions import inviting
from bot.actions import organise as bodies
from bot.handlers.context import Context
from bot.rules.facts import Facts


async def organise(_update: Update, context: Context) -> None:
    """/organisieren."""
    context.show("organise", await bodies.overview(by=await context.speaker(), now=context.now))


async def body(_update: Update, context: Context) -> None:
    """One body: meetings ahead, items to decide about, people."""
    context.show(
        "organise_body", await bodies.one(by=await context.speaker(), body=int(context.codes[1]), now=context.now)
    )


async def town(_update: Update, context: Context) -> None:
    """The town's bodies, for inviting people to Faden."""
    context.show(
        "town_bodies",
        await inviting.bodies(by=await context.speaker(), page=int(context.codes[1]), now=context.now),
    )


async def town_body(_update: Update, context: Context) -> None:
    """Who sits in one of them, and who has joined."""
    _, body, page = context.codes
    context.show("town_body", await _seated(context, body=int(body), page=int(page)))


async def ask_all(_update: Update, context: Context) -> None:
    """Ask once more before many mails leave."""
    context.show("town_invite_all", await _seated(context, body=int(context.codes[1]), page=0))


async def invite_all(_update: Update, context: Context) -> None:
    """Invite all who have not joined."""
    facts = await inviting.invite_all(
        by=await context.speaker(), body=int(context.codes[1]), mails=context.town.mails, now=context.now
    )
    context.show("town_invited", facts)


async def _seated(context: Context, *, body: int, page: int) -> Facts:
    return await inviting.body(
        by=await context.speaker(), body=body, page=page, mails=context.town.mails, now=context.now
    )


BUTTONS = {"o": organise, "ob": body, "tl": town, "tb": town_body, "ta": ask_all, "taa": invite_all}
