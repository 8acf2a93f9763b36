"""A body's group: linking it, and following it when Telegram turns it into a supergroup."""

from telegram import Update

from bot.actions.accounts import groups
from bot.handlers import start
from bot.handlers.context import Context
from bot.post import move_chat


async def begin(update: Update, context: Context) -> None:
    """/start in a group: ask whose it is where that is open; else what everybody there may see."""
    wanted = await groups.asks(
        by=await context.speaker(),
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        thread_id=context.turn.thread_id,
        now=context.now,
    )
    await (offer if wanted else start.in_group)(update, context)


async def offer(_update: Update, context: Context) -> None:
    """Ask whose group this is."""
    context.show("accounts/group_choice", await groups.choices(by=await context.speaker(), now=context.now))


async def link(_update: Update, context: Context) -> None:
    """It is the group of that body."""
    (body,) = context.given
    facts = await groups.link(
        by=await context.speaker(),
        body=body,
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        thread_id=context.turn.thread_id,
        now=context.now,
    )
    context.show("accounts/group_linked", facts)


async def forget(context: Context) -> None:
    """Thrown out, perhaps by somebody whom the town knows."""
    by = (await context.speaker()).id if await context.known() else None
    await groups.forget(network=context.turn.network, chat_id=context.turn.chat_id, now=context.now, by=by)


async def migrated(_update: Update, context: Context) -> None:
    """The group has become a supergroup: everything that named its old id gets the new one."""
    message = context.message
    if message is None:
        return
    network, old, new = context.turn.network, message.chat_id, message.migrate_to_chat_id
    if message.migrate_from_chat_id is not None:
        old, new = message.migrate_from_chat_id, message.chat_id
    if new is not None:
        await move_chat(network, old, new)
        await groups.moved(network=network, chat_id=new, now=context.now)


BUTTONS = {"gl": link, "go": offer}
