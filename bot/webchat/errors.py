"""How the server says no: to the bot as the Bot API does, to a person with a plain exception."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(eq=False)  # not frozen: Python itself sets an exception's traceback
class ApiError(Exception):
    """An answer of the Bot API that is not `ok`; `parameters` are its ResponseParameters."""

    status: HTTPStatus
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """As logs want it."""
        return f"{self.status.value} {self.description}"


class ConnectionCut(Exception):
    """The wire breaks here, and the bot gets no answer at all; raised only where a test's `faults` ask for it."""


class NotAllowed(Exception):
    """A person tries something that no Telegram client would offer them; the message says what, in English, for logs."""


def bad_request(description: str) -> ApiError:
    """400: the call is wrong, and repeating it will not help."""
    return ApiError(HTTPStatus.BAD_REQUEST, f"Bad Request: {description}")


def forbidden(description: str) -> ApiError:
    """403: the bot may not write there, for now."""
    return ApiError(HTTPStatus.FORBIDDEN, f"Forbidden: {description}")


def conflict(description: str) -> ApiError:
    """409: two ways of getting updates at the same time."""
    return ApiError(HTTPStatus.CONFLICT, f"Conflict: {description}")


def upgraded(supergroup_id: int) -> ApiError:
    """400 with the chat id under which the group lives on."""
    description = "Bad Request: group chat was upgraded to a supergroup chat"
    return ApiError(HTTPStatus.BAD_REQUEST, description, {"migrate_to_chat_id": supergroup_id})
