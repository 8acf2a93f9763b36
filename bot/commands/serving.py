"""`serve`: run Faden."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
import os
import sys

from bot import config
from bot.commands.frame import Stop, run, settings_of
from bot.config import BadSetting, WebSettings

PATIENCE_SECONDS = 2.0


def serve(options: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM."""
    settings = config.load(None, os.environ, trial=True) if options.trial else settings_of(options)
    settings = config.with_address(settings, options.host, options.port)
    keep_out_rich()
    import structlog

    from bot import app, logs
    from storage.away import why_away

    logs.configure(settings.log, why_away)
    try:
        return run(app.serve(settings), settings)
    except app.ServedAlready as error:
        if not str(error):
            raise Stop("Faden is starting in this folder already: wait for its address, or end it first.") from error
        raise Stop(f"Faden runs in this folder already: open {error}/probe, or end it first.") from error
    except app.PortTaken as error:
        raise Stop(_who_has(settings.web)) from error
    except (Stop, BadSetting):
        raise
    except Exception:  # noqa: BLE001  # a defect, whatever it is; the log takes out what is secret
        structlog.get_logger(__name__).exception("cannot start or go on")
        return 1


def keep_out_rich() -> None:
    """Load structlog and httpx without rich: it is there for tracebacks that print variables, and for a command line of its own.

    We use neither, and they cost 3 MB all the time.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # so says Python that a module cannot be imported
    import httpx  # noqa: F401  # for its own sake
    import structlog  # noqa: F401  # likewise

    del sys.modules["rich"]


def _who_has(web: WebSettings) -> str:
    """The sentence about a port in use: whether it is Faden's, and what to do."""
    otherwise = "or choose another port (web.port, --port)"
    if address := where_faden_serves(web):
        return f"Faden runs already at {address}, from another folder or database: end it, {otherwise}."
    return f"Port {web.port} on {web.host} belongs to another program: end it, {otherwise}."


def where_faden_serves(web: WebSettings) -> str:
    """The address on this machine where a Faden answers on that port; empty where none does."""
    import http.client

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104  # where to ask is not where to listen
    connection = http.client.HTTPConnection(host, web.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        is_faden = connection.getresponse().headers.get("X-Service") == "Faden"
    except (OSError, http.client.HTTPException):
        is_faden = False
    finally:
        connection.close()
    return config.address_of(host, web.port) if is_faden else ""
