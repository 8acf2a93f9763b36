"""How requests come in: what the library is told, and which of its words are worth a line in the log."""

import logging
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.rules.limits import HEADER_SECONDS

LOGGER: Final = logging.getLogger("faden.http")


def options() -> dict[str, Any]:
    """For the library's runner.

    Between the beginning of a connection, or the end of an answer, and the end of the next header there are thirty seconds.
    Compressed bodies are not unpacked: no page of ours sends any, and a small one can be made large beyond measure.
    """
    LOGGER.addFilter(_is_of_ours)
    return {"access_log": None, "auto_decompress": False, "keepalive_timeout": HEADER_SECONDS, "logger": LOGGER}


def _is_of_ours(record: logging.LogRecord) -> bool:
    """That somebody sends what is no request is answered with 400; a defect of ours it is not."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)
