"""What is wrong with a file that is to be imported: a town file, or a list of people."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a file that is to be imported: where it stands, why, and the facts of the remedy."""

    file: str
    line: int
    key: str
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


class FileErrors(ValueError):
    """The file cannot be imported; `mistakes` has every reason, in the order of the lines."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Carry the mistakes."""
        super().__init__(
            ", ".join(f"{mistake.file}:{mistake.line}: {mistake.key}: {mistake.code}" for mistake in mistakes)
        )
        self.mistakes = mistakes
