"""Coming to Faden by an invitation link: first the privacy notice, then the account is linked. And the operator's code."""

from telegram import ChatMember, Update

from bot.actions.accounts import joining, sessions
from bot.handlers import groups, start
from bot.handlers.context import Context, Stranger
from bot.messages import LANGUAGES
from storage.vocabulary import TokenPurpose

TOKEN_LENGTH = 43
GONE = (ChatMember.LEFT, ChatMember.BANNED)


async def begin(update: Update, context: Context) -> None:
    """/start with what a link carries: an invitation, the operator's code, or where to go."""
    payload = context.text if context.turn.callback_id is None else ""
    if len(payload) != TOKEN_LENGTH:
        await start.start(update, context)
    elif await sessions.purpose_of(token=payload, now=context.machine_now) is TokenPurpose.ADMINISTRATOR:
        await _administer(context, payload)
    else:
        await _open_link(context, payload)


async def _open_link(context: Context, token: str) -> None:
    """An invitation: show the privacy notice."""
    facts = await joining.open_link(
        token=token,
        network=context.turn.network,
        address=str(context.user),
        now=context.now,
        machine_now=context.machine_now,
    )
    context.reply("accounts/join_privacy", facts | {"language": context.turn.language})


async def _administer(context: Context, code: str) -> None:
    """The operator's code, from somebody whom the town knows."""
    try:
        speaker = await context.speaker()
    except Stranger as stranger:
        raise joining.NotIntroduced(**stranger.facts) from stranger
    await joining.administer(by=speaker, token=code, now=context.now, machine_now=context.machine_now)
    context.reply("accounts/administrator")


async def privacy_read(update: Update, context: Context) -> None:
    """After "Gelesen" the account is linked, and the menu is there."""
    await joining.privacy_read(
        network=context.turn.network, address=str(context.user), language=_spoken(context), now=context.now
    )
    await start.menu(update, context)


def _spoken(context: Context) -> str | None:
    """The language of the person's client, if it is one of ours."""
    told = (context.turn.language or "")[:2]
    return told if told in LANGUAGES else None


async def membership(update: Update, context: Context) -> None:
    """The bot was added to a group or thrown out, blocked or let in again."""
    change = update.my_chat_member
    if change is None:
        return
    gone, was_gone = change.new_chat_member.status in GONE, change.old_chat_member.status in GONE
    if context.private:
        await joining.blocked(network=context.turn.network, address=str(context.user), is_blocked=gone)
    elif gone:
        await groups.forget(context)
    elif was_gone:
        await groups.offer(update, context)


BUTTONS = {"joined": privacy_read}
