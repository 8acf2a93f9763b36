"""The command line. It speaks English (docs/decisions/0004); what people read comes from templates and speaks German.

Exit codes: 0 done, 1 refused or failed (one sentence on standard error says why), 2 wrong usage, 130 stopped with Ctrl-C.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bot import __version__
from bot.commands import backing_up, checking, migrating, serving, town, ways_in
from bot.commands.frame import SETTINGS_FILE, Stop, program
from bot.config import BadSetting


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (Stop, BadSetting) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program(),
        description="Faden: meetings, topics and commitments for Sozialraumorientierung.",
        epilog="Settings: config.example.toml. Operating: docs/operating.md.",
    )
    parser.add_argument("--version", action="version", version=f"Faden {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    settings = argparse.ArgumentParser(add_help=False)
    settings.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file (default: {SETTINGS_FILE}, if it is there)"
    )

    serve = commands.add_parser("serve", help="run Faden until Ctrl-C or SIGTERM")
    source = serve.add_mutually_exclusive_group()
    source.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file (default: {SETTINGS_FILE}, if it is there)"
    )
    source.add_argument("--trial", action="store_true", help="a sample town on this machine only; needs no settings")
    serve.add_argument("--host", help="address to listen on (default: from the settings)")
    serve.add_argument("--port", type=int, help="port to listen on (default: from the settings)")
    serve.set_defaults(run=serving.serve)

    check = commands.add_parser(
        "check",
        parents=[settings],
        help="look at all that a start needs, from the settings to the backups, and say what to do",
    )
    check.set_defaults(run=checking.check)

    migrate = commands.add_parser("migrate", parents=[settings], help="bring the database up to date")
    migrate.add_argument("--dry-run", action="store_true", help="only name the migrations that are waiting")
    migrate.set_defaults(run=migrating.migrate)

    backup = commands.add_parser(
        "backup", parents=[settings], help="copy the database and the secret key, and check the copy"
    )
    place = backup.add_mutually_exclusive_group()
    place.add_argument("--to", type=Path, metavar="DIR", help="where backups go (default: from the settings)")
    place.add_argument("--check", type=Path, metavar="DIR", help="only read a backup, as if it were to be restored")
    backup.set_defaults(run=backing_up.backup)

    import_ = commands.add_parser(
        "import",
        parents=[settings],
        help="add and update a town (.toml, see town.example.toml), or people from a list (.csv, .xlsx)",
    )
    import_.add_argument("file", type=Path, metavar="FILE")
    import_.add_argument("--dry-run", action="store_true", help="only show what would change")
    import_.add_argument("--prune", action="store_true", help="end the seats that the town file has no longer")
    import_.set_defaults(run=town.import_)

    admin_code = commands.add_parser(
        "admin-code", parents=[settings], help="make the one-time code of the first administrator"
    )
    admin_code.set_defaults(run=ways_in.admin_code)

    invite = commands.add_parser("invite", parents=[settings], help="make one-time links by which people join")
    invite.add_argument("people", nargs="+", metavar="PERSON", help="a person's key in the town file")
    invite.set_defaults(run=ways_in.invite)
    return parser
