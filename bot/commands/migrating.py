"""`migrate`: bring the database up to date."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse

from bot.commands.frame import progress_bar, run, settings_of


def migrate(options: argparse.Namespace) -> int:
    """Apply the migrations that are waiting, or only name them."""
    settings = settings_of(options)
    from storage import migrate as migrations

    url = settings.database.url
    if options.dry_run:
        names = run(migrations.pending(url), settings)
        print("\n".join(names) if names else "The database is up to date.")
        return 0
    with progress_bar("Migrating") as advance:
        begun = lambda _name, number, count: advance(number - 1, count)  # noqa: E731  # too small for a name of its own
        names = run(migrations.migrate(url, backup_dir=settings.directory / "backups", progress=begun), settings)
    print(f"Applied: {', '.join(names)}." if names else "The database is up to date.")
    return 0
