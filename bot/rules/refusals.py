"""Refusals: why something may not be done. An exception with facts and no sentence; the template `refusals/<name>` has it."""

import re
from typing import Any


class Refusal(Exception):
    """The base of all. Keyword arguments are the facts of its template."""

    def __init__(self, **facts: Any) -> None:  # noqa: ANN401  # facts of every kind
        """Carry the facts."""
        super().__init__(type(self).__name__)
        self.facts = facts

    @property
    def template(self) -> str:
        """`NotAMember` is told by `refusals/not_a_member`."""
        return "refusals/" + re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class NotFoundHere(Refusal):
    """It does not exist, or it is not for this person: both look alike."""


class NotAMember(Refusal):
    """Only members of the body (`body`) may do that."""


class NotAllowed(Refusal):
    """The seat does not carry this right; `body` says where."""


class ChangedMeanwhile(Refusal):
    """Somebody else changed it since it was shown."""


class NotUnderstood(Refusal):
    """What was typed cannot be read; `example` shows how it can be."""


class TooLong(Refusal):
    """More than `limit` characters."""


class Outdated(Refusal):
    """The button belongs to something that is over."""


class ReasonMissing(Refusal):
    """Others will ask why, so a reason has to be given."""
