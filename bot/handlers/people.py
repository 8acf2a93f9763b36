"""Who sits in a body: inviting people to Faden, and ending a seat; and lists of people, sent as a file."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from telegram import Bot, Update
from telegram.error import TelegramError

from bot.actions.accounts import joining
from bot.actions.people import leaving, people_files
from bot.actions.people.people_files import Waiting
from bot.handlers.context import Context
from bot.post.files import download
from bot.rules import spreadsheet
from bot.rules.mistakes import FileErrors, Mistake
from storage import bells
from storage.db import unit_of_work
from storage.vocabulary import Network

log = structlog.get_logger(__name__)

PATIENCE = timedelta(minutes=5)


async def seats(_update: Update, context: Context) -> None:
    """The seats of a body."""
    body, _ = context.given
    facts = await leaving.seats(by=await context.speaker(), body=body, now=context.now)
    context.show("people/seats", facts)


async def seat(_update: Update, context: Context) -> None:
    """One seat, and what can be done with it."""
    (number,) = context.given
    context.show("people/seat", await leaving.seat(by=await context.speaker(), seat=number, now=context.now))


async def ask_end(_update: Update, context: Context) -> None:
    """Ask once more."""
    (number,) = context.given
    context.show("people/seat_end", await leaving.seat(by=await context.speaker(), seat=number, now=context.now))


async def end(_update: Update, context: Context) -> None:
    """End it."""
    (number,) = context.given
    facts = await leaving.end_seat(by=await context.speaker(), seat=number, now=context.now)
    context.show("people/seat_ended_by_me", facts)


async def invite(_update: Update, context: Context) -> None:
    """An invitation to Faden: by mail, in a chat, or as a link to hand on."""
    (person,) = context.given
    facts = await joining.invite(
        by=await context.speaker(),
        person=person,
        mails=context.town.mails,
        now=context.now,
        machine_now=context.machine_now,
    )
    context.show("accounts/join_link", facts)


# --- lists of people --------------------------------------------------------------------------------------------------


async def sent(_update: Update, context: Context) -> bool:
    """A file that nobody asked for: a list of people from an administrator. False when it is no table."""
    upload = context.upload
    if upload is None or not spreadsheet.is_table(upload.name):
        return False
    await people_files.take(
        by=await context.speaker(),
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        update_id=context.turn.update_id,
        file_id=upload.file_id,
        name=upload.name,
        size=upload.size,
        now=context.now,
    )
    context.reply("people/file_received")
    return True


async def fetch(bots: Mapping[Network, Bot], *, zone: str, now: datetime) -> bool:
    """Fetch the lists that have been sent, and tell what their import would do; gives whether there were any.

    It opens its own units of work, and rings again for what is still to be fetched.
    """
    files = await people_files.waiting(now=now)
    for file in files:
        wrong: tuple[Mistake, ...] = (Mistake(file.name, 1, "", "not_fetched"),)
        try:
            content = await download(bots[file.network], file.file_id)
            if content is not None:
                await _look_into(file, content, zone, now)
                continue
        except FileErrors as errors:
            wrong = errors.mistakes
        except (TelegramError, TimeoutError) as error:
            log.warning("list cannot be fetched", network=file.network, error=type(error).__name__)
            if now - file.since < PATIENCE:
                bells.ring(people_files.KIND)
                continue
        except Exception:  # one list must not hold up the others, nor be tried again for ever
            log.exception("list cannot be read", network=file.network)
        await _tell_why(file, wrong, now)
    return bool(files)


async def _look_into(file: Waiting, content: bytes, zone: str, now: datetime) -> None:
    from bot.actions.people import people_reports  # noqa: PLC0415  # loaded with the first list that comes
    from bot.rules import peoplefile  # noqa: PLC0415

    read = await asyncio.to_thread(peoplefile.read, content, file.name)
    await unit_of_work(lambda: people_reports.fetched(file, read, zone=zone, now=now))


async def _tell_why(file: Waiting, mistakes: tuple[Mistake, ...], now: datetime) -> None:
    await unit_of_work(lambda: people_files.not_fetched(file, mistakes, now=now))


async def page(_update: Update, context: Context) -> None:
    """Another page of what the import would do."""
    from bot.actions.people import people_reports  # noqa: PLC0415  # loaded with the first list that comes

    facts = await people_reports.shown(
        by=await context.speaker(),
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        page=context.page or 0,
        zone=context.town.zone,
        now=context.now,
    )
    context.show("people/file", facts)


async def confirm(_update: Update, context: Context) -> None:
    """Import what was shown; or show what it would be now."""
    from bot.actions.people import people_reports  # noqa: PLC0415  # loaded with the first list that comes

    facts = await people_reports.confirm(
        by=await context.speaker(),
        network=context.turn.network,
        chat_id=context.turn.chat_id,
        zone=context.town.zone,
        now=context.now,
    )
    context.show("people/file_imported" if facts["done"] else "people/file", facts)


async def drop(_update: Update, context: Context) -> None:
    """Forget the list."""
    await people_files.drop(
        by=await context.speaker(), network=context.turn.network, chat_id=context.turn.chat_id, now=context.now
    )
    context.show("people/file_dropped")


# What stands in the place of a page is passed over: buttons in older messages open the first one.
BUTTONS = {
    "os": seats,
    "op": seat,
    "oe": ask_end,
    "oee": end,
    "oi": invite,
    "pf": page,
    "pfi": confirm,
    "pfd": drop,
}
