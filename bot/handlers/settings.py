"""One's own things in the chat: language, quiet hours, the calendar link."""

from telegram import Update

from bot.actions import feeds
from bot.actions.accounts import preferences
from bot.handlers.context import Context
from bot.rules.facts import FeedLink, Plain
from bot.rules.refusals import Outdated

QUIET_HOURS = {"19-7": (19 * 60, 7 * 60), "18-8": (18 * 60, 8 * 60), "21-7": (21 * 60, 7 * 60), "none": (0, 0)}


async def settings(_update: Update, context: Context) -> None:
    """/einstellungen."""
    person = await context.speaker()
    context.show(
        "accounts/settings",
        {
            "speaks": Plain(person.language),
            "quiet_from": Plain(f"{person.quiet_from // 60:02}:{person.quiet_from % 60:02}"),
            "quiet_until": Plain(f"{person.quiet_until // 60:02}:{person.quiet_until % 60:02}"),
            "quiet": person.quiet_from != person.quiet_until,
            "choices": [Plain(name) for name in QUIET_HOURS],
            "absent_until": person.absent_until,
        },
    )


async def speak(update: Update, context: Context) -> None:
    """Change the language; the answer is already in it."""
    (language,) = context.given
    await preferences.speak(by=await context.speaker(), language=language, now=context.now)
    await settings(update, context)


async def rest(update: Update, context: Context) -> None:
    """Change the quiet hours."""
    (wanted,) = context.given
    if wanted not in QUIET_HOURS:
        raise Outdated
    quiet_from, quiet_until = QUIET_HOURS[wanted]
    by = await context.speaker()
    await preferences.rest(by=by, quiet_from=quiet_from, quiet_until=quiet_until, now=context.now)
    await settings(update, context)


async def calendar(_update: Update, context: Context) -> None:
    """/kalender: the secret link."""
    generation = await feeds.generation(person=await context.speaker(), key=context.town.key, now=context.now)
    context.show("general/calendar", {"link": FeedLink(generation), "renewed": False})


async def ask_renewal(_update: Update, context: Context) -> None:
    """Before the old link ends: it stands in calendars."""
    await context.speaker()
    context.show("general/calendar_renew")


async def renew(_update: Update, context: Context) -> None:
    """A new link; the old one ends at once."""
    await feeds.renew(person=await context.speaker(), key=context.town.key, now=context.now)
    generation = await feeds.generation(person=await context.speaker(), key=context.town.key, now=context.now)
    context.show("general/calendar", {"link": FeedLink(generation), "renewed": True})


BUTTONS = {
    "sl": speak,
    "sq": rest,
    "kr": ask_renewal,
    "krr": renew,
}
