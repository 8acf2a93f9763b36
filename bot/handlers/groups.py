"""A body's group: linking it, and following it when Telegram turns it into a supergroup."""

from telegram import Update

from bot.actions import groups
from bot.handlers.buttons import Button
from bot.handlers.context import Context
from bot.post import move_chat


async def offer(_update: Update, context: Context) -> None:
    """Somebody added the bot; ask whose group this is."""
    context.reply("group_choice", await groups.choices(by=await context.speaker(), now=context.now))


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
    context.show("group_linked", facts)


async def forget(context: Context) -> None:
    """Thrown out."""
    await groups.forget(network=context.turn.network, chat_id=context.turn.chat_id)


async def migrated(_update: Update, context: Context) -> None:
    """The group has become a supergroup: everything that named its old id gets the new one."""
    message = context.message
    if message is None:
        return
    if message.migrate_to_chat_id is not None:
        await move_chat(context.turn.network, message.chat_id, message.migrate_to_chat_id)
    elif message.migrate_from_chat_id is not None:
        await move_chat(context.turn.network, message.migrate_from_chat_id, message.chat_id)


BUTTONS = {"gl": Button(link, "body")}
