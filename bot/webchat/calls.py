"""One call of a Bot API method, and its parameters.

Over the wire everything is text: numbers, truth values and objects come as JSON in strings. In a JSON body, and in the
process, they may come as they are. Both are read here, the way the Bot API reads them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.webchat.errors import bad_request


@dataclass(frozen=True)
class Upload:
    """A file that travels with a call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class Call:
    """What a bot asks for. `method` is spelled as the Bot API documents it, in any case."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A text; empty when it is missing."""
        value = self.params.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """A whole number, or None when it is missing. Raises ApiError for anything else."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        try:
            return int(value)
        except (TypeError, ValueError) as error:
            raise bad_request(f'field "{name}" must be of type Number') from error

    def boolean(self, name: str) -> bool:
        """Whether it is true; missing is false."""
        return str(self.params.get(name, "")).lower() in {"true", "1", "yes"}

    def structure(self, name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:  # noqa: ANN401  # any JSON
        """An object or a list, empty when it is missing. Raises ApiError when it is something else."""
        value = self.params.get(name)
        if value is None or value == "":
            return kind()
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from error
        if not isinstance(value, kind):
            raise bad_request(f"{'object' if kind is dict else 'array'} expected as {name.replace('_', ' ')}")
        return value
