"""The chat door. One list of commands, one of buttons, one of guided entries: nothing is registered anywhere else."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    Update,
)
from telegram.ext import (
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot import messages
from bot.actions.papers import NothingToAttachTo
from bot.handlers import agenda, commitments, dialogues, groups, joining, meetings, organise, people, settings, start
from bot.handlers.context import Context, Desk, Town
from bot.handlers.dialogues import Guide
from bot.messages import Voice
from bot.post import texts
from bot.rules import guard, presses
from bot.rules.facts import Plain
from bot.rules.reading import Reason
from bot.rules.reading.words import fold
from bot.rules.refusals import NotUnderstood, Refusal, TooLong
from storage.db import savepoint

Handler = Callable[[Update, Context], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Command:
    """A command by its German and English name; both always work, the menu shows the reader's.

    `takes_text` says that what stands behind its name can be a whole entry.
    """

    german: str
    english: str
    handler: Handler
    in_groups: bool = False
    takes_text: bool = False


async def _back(_update: Update, context: Context) -> None:
    """/zurück: one step back in the guided entry that is open."""
    if not await dialogues.back(context, GUIDES):
        context.show("general/nothing_open")


COMMANDS = (
    Command("start", "start", joining.begin, in_groups=True),
    Command("termine", "meetings", meetings.upcoming, in_groups=True),
    Command("top", "item", agenda.submit, takes_text=True),
    Command("tagesordnung", "agenda", agenda.agenda_, in_groups=True),
    Command("themen", "topics", agenda.topics),
    Command("commitments", "commitments", commitments.listed),
    Command("commitment", "commitment", commitments.record, takes_text=True),
    Command("organisieren", "organise", organise.organise),
    Command("kalender", "calendar", settings.calendar),
    Command("einstellungen", "settings", settings.settings),
    Command("datenschutz", "privacy", start.privacy),
    Command("hilfe", "help", start.help_, in_groups=True),
    Command("zurueck", "back", _back),
    Command("abbrechen", "cancel", start.give_up),
)
_BY_NAME = {name: command for command in COMMANDS for name in (command.german, command.english)}
MENU = tuple(command for command in COMMANDS if command.german not in ("start", "commitment"))


async def _discard_warned(_update: Update, context: Context) -> None:
    """Take the texts that they were warned about out of the chat."""
    await dialogues.discard_warned(context, GUIDES)


async def _guided(update: Update, context: Context) -> None:
    """The answer to a question of a guided entry."""
    await dialogues.pressed(update, context, GUIDES)


async def _by_button(update: Update, context: Context) -> None:
    """The command that a button names."""
    (name,) = context.given
    await _BY_NAME[name].handler(update, context)


# What each code does; `bot/rules/presses.py` says what stands behind it.
BUTTONS: dict[str, Handler] = {
    presses.GUIDED: _guided,
    presses.COMMAND: _by_button,
    "drop": _discard_warned,
    "menu": start.menu,
    "help": start.help_,
    "privacy": start.privacy,
    "stop": start.give_up,
    "noop": start.nothing,
    **meetings.BUTTONS,
    **agenda.BUTTONS,
    **commitments.BUTTONS,
    **organise.BUTTONS,
    **settings.BUTTONS,
    **joining.BUTTONS,
    **groups.BUTTONS,
    **people.BUTTONS,
}

IN_GROUPS = frozenset({"ma", "gl", "go", "noop"})
COMMAND_LETTERS = 32  # of the longest command that a network knows

GUIDES: dict[str, Guide] = {**meetings.GUIDES, **agenda.GUIDES, **commitments.GUIDES}


def application(bot: Bot, town: Town) -> Desk:
    """The handlers on a network; built alike for Telegram and for the web chat. It is never started: the inbox feeds it."""
    made = (
        ApplicationBuilder()
        .application_class(Desk)
        .bot(bot)
        .updater(None)
        .job_queue(None)
        .context_types(ContextTypes(context=Context))
        .build()
    )
    made.bot_data["town"] = town
    private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
    names = sorted(_BY_NAME)  # one handler for all of them: an update is held against each handler in turn
    made.add_handler(CommandHandler(names, _commanded, filters=private))
    made.add_handler(CommandHandler("start", groups.begin, filters=~private & filters.UpdateType.MESSAGE))
    made.add_handler(CommandHandler(names, start.in_group, filters=~private & filters.UpdateType.MESSAGE))
    made.add_handler(CallbackQueryHandler(_pressed))
    made.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, groups.migrated))
    made.add_handler(ChatMemberHandler(joining.membership, ChatMemberHandler.MY_CHAT_MEMBER))
    made.add_handler(MessageHandler(private & filters.COMMAND, _watched(_unknown_command)))
    made.add_handler(MessageHandler(private & ~filters.StatusUpdate.ALL, _watched(_typed)))
    return made  # type: ignore[return-value]  # the builder does not know its own application class


def menus(language: str) -> dict[BotCommandScope, list[BotCommand]]:
    """The command menus in a language, for private chats and for groups; their words stand in the template `general/commands`."""
    words = dict(
        line.split(": ", 1)
        for line in messages.chat("general/commands", {}, Voice(language=language)).text.splitlines()
        if line
    )

    def shown(command: Command) -> BotCommand:
        return BotCommand(_shown(command, language), words[command.german])

    return {
        BotCommandScopeAllPrivateChats(): [shown(command) for command in MENU],
        BotCommandScopeAllGroupChats(): [shown(command) for command in MENU if command.in_groups],
    }


def _shown(command: Command, language: str) -> str:
    return command.german if language == "de" else command.english


async def _commanded(update: Update, context: Context) -> None:
    """A command by one of its names. What comes behind /start is a link's, and not looked at."""
    command = _BY_NAME[re.split(r"\W", context.written.removeprefix("/"), maxsplit=1)[0].lower()]
    await (command.handler if command.german == "start" else _watched(command.handler))(update, context)


async def _pressed(update: Update, context: Context) -> None:
    """A button: a guided entry's, a command's, or one of the list; an unknown code is an old one.

    In a group everybody sees what a press shows: there only an invitation can be answered, and the group be linked.
    """
    code, *arguments = context.codes
    if not context.private and code not in IN_GROUPS:
        raise start.PrivateOnly
    context.given = presses.read(code, arguments)  # from here on whatever fails is a defect of ours
    await BUTTONS[code](update, context)


def _watched(handler: Handler) -> Handler:
    """Warn of a text that looks like case data and answers nothing, instead of saying why it does not.

    A stranger's text is not looked at, and none that is longer than the network's longest.
    """

    async def watched(update: Update, context: Context) -> None:
        if not await context.known():
            await handler(update, context)
            return
        if texts.length(context.written) > texts.MESSAGE_UNITS:
            raise TooLong(limit=texts.MESSAGE_UNITS)
        if not guard.suspicious(context.written):
            await handler(update, context)
            return
        answers = len(context.turn.answers)
        try:
            async with savepoint():
                await handler(update, context)
        except Refusal as refusal:
            if _is_a_date(refusal, context):
                raise
            context.taken = False
        if not context.taken:
            del context.turn.answers[answers:]
            await dialogues.warn(context)

    return watched


def _is_a_date(refusal: Refusal, context: Context) -> bool:
    """Whether the answer to the question for a day or a time was one, and only a wrong one: "Mo 3.3.2027"."""
    why = refusal.facts.get("why", Reason.NOT_UNDERSTOOD.value)
    answers = isinstance(refusal, NotUnderstood) and not context.is_command
    return answers and why != Reason.NOT_UNDERSTOOD.value


async def _typed(update: Update, context: Context) -> None:
    """Text or a file: the answer to an open question, a list of people, or else the menu; never silence.

    Telegram takes no command with an umlaut for one: it comes as text. A command's name alone is the command with or without
    its slash, whatever is being asked; with a text behind it where nothing is.
    """
    if re.match(r"/[^\W\d_]", context.written):
        command = _BY_NAME.get(fold(_name(context)))
        await (command.handler if command else _unknown_command)(update, context)
        return
    if alone := _BY_NAME.get(fold(context.written.strip(" .!?"))):
        await _without_slash(alone, update, context)
        return
    try:
        if await dialogues.typed(update, context, GUIDES) or await people.sent(update, context):
            return
    except NotUnderstood:
        if context.upload is None:
            raise
    if context.upload is not None:
        raise NothingToAttachTo
    command = _BY_NAME.get(fold(_name(context)))
    if command is not None and command.takes_text:
        await _without_slash(command, update, context)
    else:
        await start.menu(update, context)


async def _without_slash(command: Command, update: Update, context: Context) -> None:
    context.is_command = True
    await command.handler(update, context)


def _name(context: Context) -> str:
    """The first word, without its slash."""
    return context.written.removeprefix("/").partition(" ")[0].partition("@")[0]


async def _unknown_command(_update: Update, context: Context) -> None:
    """Offer the nearest command."""
    by = await context.speaker()
    nearest = get_close_matches(_name(context)[:COMMAND_LETTERS].casefold(), list(_BY_NAME), n=2, cutoff=0.5)
    found = dict.fromkeys(_BY_NAME[name].german for name in nearest)
    names = {command.german: _shown(command, by.language) for command in COMMANDS}
    commands = [{"code": Plain(german), "name": Plain(names[german])} for german in found]
    context.reply("general/unknown_command", {"commands": commands})
