"""What people type, read strictly: dates and times, durations, and the one-line commands."""

from bot.rules.reading.answers import Choices, Exact, NotADate, Reason
from bot.rules.reading.durations import duration
from bot.rules.reading.lines import AgendaLine, CommitmentLine, agenda_line, commitment_line, purpose
from bot.rules.reading.moments import at, until, when

__all__ = [
    "AgendaLine",
    "Choices",
    "CommitmentLine",
    "Exact",
    "NotADate",
    "Reason",
    "agenda_line",
    "at",
    "commitment_line",
    "duration",
    "purpose",
    "until",
    "when",
]
