"""`admin-code` and `invite`: how the first people come in."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import sys

from bot.commands.frame import Stop, in_store, run, settings_of


def admin_code(options: argparse.Namespace) -> int:
    """The code alone on standard output."""
    settings = settings_of(options)
    from bot.actions.accounts import sessions
    from bot.app import system_clock
    from storage.vocabulary import TokenPurpose

    async def work() -> str:
        return await sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=system_clock())

    print(run(in_store(settings, work), settings))
    print(
        f"Send it to the bot as /start CODE, or open {settings.web.public_url}/einladung/CODE. It works once, for a day.",
        file=sys.stderr,
    )
    return 0


def invite(options: argparse.Namespace) -> int:
    """A line for each person: key, tab, link. All of them are known, or there is no link at all."""
    settings = settings_of(options)
    from bot.actions import audit
    from bot.actions.accounts import sessions
    from bot.app import system_clock
    from bot.rules.fields import nearest
    from storage.models import Person
    from storage.vocabulary import TokenPurpose

    async def work() -> list[tuple[str, str]]:
        known = {person.key: person.id for person in await Person.filter(left_at=None)}
        for key in options.people:
            if key not in known:
                meant = nearest(key, known)
                raise Stop(f"There is nobody called {key}." + (f" Did you mean {meant}?" if meant else ""))
        links = []
        for key in dict.fromkeys(options.people):
            now = system_clock()
            links.append((key, await sessions.issue(person=known[key], purpose=TokenPurpose.INVITATION, now=now)))
            await audit.record(None, "person.invited", f"person:{known[key]}", now=now, handed_on=True)
        return links

    for key, token in run(in_store(settings, work), settings):
        print(f"{key}\t{settings.web.public_url}/einladung/{token}")
    print("Each link works once, for 14 days.", file=sys.stderr)
    return 0
