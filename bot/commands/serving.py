"""`serve`: run Faden."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import os

from bot import config
from bot.commands.frame import Stop, run, settings_of
from bot.config import BadSetting


def serve(options: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM."""
    settings = config.load(None, os.environ, trial=True) if options.trial else settings_of(options)
    settings = config.with_address(settings, options.host, options.port)
    import structlog

    from bot import app, logs

    logs.configure(settings.log)
    try:
        return run(app.serve(settings), settings)
    except (Stop, BadSetting):
        raise
    except Exception:  # noqa: BLE001  # a defect, whatever it is; the log takes out what is secret
        structlog.get_logger(__name__).exception("cannot start or go on")
        return 1
