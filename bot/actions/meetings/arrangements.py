"""When and where a meeting takes place, as it stands and as somebody knows it; and what others changed since somebody looked."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bot.actions.meetings import meetings
from bot.rules import permissions
from bot.rules.facts import Facts, JoinLink, Place, Plain
from bot.rules.refusals import ChangedMeanwhile
from storage.models import Meeting, Person
from storage.vocabulary import MeetingFormat, MeetingState


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """When, where and in which form a meeting takes place, or did as far as somebody knows."""

    starts: datetime
    minutes: int
    format: MeetingFormat
    place: str | None
    join_link: str | None

    @classmethod
    def of(cls, meeting: Meeting) -> Self:
        """As it stands."""
        return cls(
            starts=meeting.starts_at,
            minutes=meeting.minutes,
            format=meeting.format,
            place=meeting.place,
            join_link=meeting.join_link,
        )

    @classmethod
    def told(cls, was: Mapping[str, Any]) -> Self:
        """As `facts` told it."""
        texts = {key: str(was[key]) if was[key] else None for key in ("place", "join_link")}
        return cls(starts=was["starts"], minutes=was["minutes"], format=MeetingFormat(was["format"]), **texts)

    def facts(self) -> Facts:
        """What may be told of it; as `facts_of` has it."""
        return {
            "starts": self.starts,
            "minutes": self.minutes,
            "format": Plain(self.format.value),
            "place": Place(self.place) if self.place else None,
            "linked": self.join_link is not None,
            "join_link": JoinLink(self.join_link) if self.join_link else None,
        }

    def changes(self, new: "Arrangement") -> dict[str, bool]:
        """What is different in a new one. A level may hide both links, so this is told apart from them."""
        return {
            "time": (self.starts, self.minutes) != (new.starts, new.minutes),
            "format": self.format is not new.format,
            "place": self.place != new.place,
            "link": self.join_link != new.join_link,
        }


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A meeting as a form shows it: who changes it by the form must have seen how it stands."""

    arrangement: Arrangement
    state: MeetingState

    @classmethod
    def of(cls, meeting: Meeting) -> Self:
        """As it stands."""
        return cls(arrangement=Arrangement.of(meeting), state=meeting.state)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """What a guided entry has kept."""
        arrangement = Arrangement.told({**stored, "starts": datetime.fromisoformat(stored["starts"])})
        return cls(arrangement=arrangement, state=MeetingState(stored["state"]))

    def stored(self) -> Facts:
        """As a guided entry keeps it, in JSON."""
        known = self.arrangement
        return {
            "starts": known.starts.isoformat(),
            "minutes": known.minutes,
            "format": known.format.value,
            "place": known.place,
            "join_link": known.join_link,
            "state": self.state.value,
        }

    @property
    def mark(self) -> str:
        """Short enough for a button, and another one for another meeting."""
        return f"{zlib.crc32(json.dumps(self.stored()).encode()):08x}"


def check_seen(meeting: Meeting, mark: str | None) -> None:
    """Raises ChangedMeanwhile when the meeting stands otherwise than a form showed it; None was no form."""
    if mark is not None and mark != Seen.of(meeting).mark:
        raise ChangedMeanwhile


async def as_it_stands(*, by: Person, meeting: int, now: datetime) -> Facts:
    """What a form that begins now keeps, to tell later what others have changed. Raises NotFoundHere, NotAllowed."""
    found, _ = await meetings.permitted(by, meeting, now, permissions.may_move)
    return Seen.of(found).stored()


async def meanwhile(*, by: Person, meeting: int, began: Mapping[str, Any] | None, now: datetime) -> Facts:
    """The mark of a meeting as it stands (`seen`), and what others changed of it since a form began (`news`).

    `began` is what `as_it_stands` gave then. Raises NotFoundHere, NotAllowed.
    """
    found, _ = await meetings.permitted(by, meeting, now, permissions.may_move)
    present = Seen.of(found)
    return {
        "seen": Plain(present.mark),
        "news": await _news(by, found, Seen.from_stored(began), present) if began else [],
    }


async def _news(by: Person, meeting: Meeting, before: Seen, present: Seen) -> list[Facts]:
    """Each kind of change, with the one who made it; nobody is told their own name."""
    changed = before.arrangement.changes(present.arrangement)
    relocated = changed["format"] or changed["place"] or changed["link"]
    invited = (before.state, present.state) == (MeetingState.SCHEDULED, MeetingState.INVITED)
    kinds = (
        ("moved", changed["time"], meeting.moved_by_id),
        ("relocated", relocated, meeting.relocated_by_id),
        ("invited", invited, meeting.invited_by_id),
    )
    news = []
    for kind, happened, author in kinds:
        if happened:
            other = await Person.get(id=author) if author is not None and author != by.id else None
            news.append({"what": Plain(kind), "by": meetings.named(other)})
    return news
