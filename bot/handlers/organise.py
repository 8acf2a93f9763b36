"""For those who run bodies: what there is to do, body by body. For the administration: who is to be invited to Faden."""

from telegram import Update

from bot.actions.accounts import onboarding
from bot.actions.people import bodies
from bot.handlers.context import Context
from bot.rules.facts import Facts


async def organise(_update: Update, context: Context) -> None:
    """/organisieren."""
    context.show("people/organise", await bodies.overview(by=await context.speaker(), now=context.now))


async def one_body(_update: Update, context: Context) -> None:
    """One body: meetings ahead, items to decide about, people."""
    (wanted,) = context.given
    context.show("people/organise_body", await bodies.one(by=await context.speaker(), body=wanted, now=context.now))


async def town(_update: Update, context: Context) -> None:
    """The town's bodies, for inviting people to Faden."""
    context.show("accounts/town_bodies", await onboarding.bodies(by=await context.speaker(), now=context.now))


async def town_body(_update: Update, context: Context) -> None:
    """Who sits in one of them, and who has joined."""
    body, _ = context.given
    context.show("accounts/town_body", await _seated(context, body))


async def ask_all(_update: Update, context: Context) -> None:
    """Ask once more before many mails leave."""
    (body,) = context.given
    context.show("accounts/town_invite_all", await _seated(context, body))


async def invite_all(_update: Update, context: Context) -> None:
    """Invite all who have not joined."""
    (body,) = context.given
    facts = await onboarding.invite_all(
        by=await context.speaker(), body=body, mails=context.town.mails, now=context.now
    )
    context.show("accounts/town_invited", facts)


async def _seated(context: Context, body: int) -> Facts:
    return await onboarding.body(by=await context.speaker(), body=body, mails=context.town.mails, now=context.now)


# What stands in the place of a page is passed over: buttons in older messages open the first one.
BUTTONS = {
    "o": organise,
    "ob": one_body,
    "tl": town,
    "tb": town_body,
    "ta": ask_all,
    "taa": invite_all,
}
