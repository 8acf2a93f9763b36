"""Meeting facts in, calendar objects out: RFC 5545 (iCalendar), RFC 5546 (iTIP) and RFC 7986 (calendar properties).

Pure: no models, no database, no clock, no network. The same facts give the same bytes, always; so a retried mail and an
unchanged feed are byte-identical. Words come from the caller, who has rendered them in the reader's language.

Four things are the caller's, because only the store can know them:

- the UID is made once per meeting and never changes;
- SEQUENCE rises by one with the first change of time, place, join link or status since the last message, and with
  every cancellation;
- DTSTAMP rises with every new message of a UID (`next_stamp`); a retry sends the frozen bytes of the first attempt;
- the organiser of a UID never changes.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Event, Timezone, vCalAddress, vCategory, vText

from bot.addresses import usable_address, usable_link
from storage.vocabulary import ZONES_LIKE_BERLIN, Answer

PRODID = "-//Faden//Faden//DE"
NEUTRAL_FILE_NAME = "termin.ics"

# Limits in octets of UTF-8.
LINE_LIMIT = 512
NAME_LIMIT = 128
DESCRIPTION_LIMIT = 4096

# Rules instead of a list of transitions: Thunderbird, ical.js and Outlook ignore RDATE in a zone and are an hour late
# in summer; and a list that ends is wrong for every date after its end. These rules hold since 1981 and 1996, and for
# every zone in ZONES_LIKE_BERLIN: only the name differs.
_VTIMEZONE = """\
BEGIN:VTIMEZONE
TZID:{zone}
BEGIN:DAYLIGHT
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZNAME:CEST
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZNAME:CET
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
"""


LeftOut = Callable[[str, int, Exception], object]
"""Told of an object that cannot be made: its UID, its SEQUENCE, and why."""


class UnsupportedZone(ValueError):
    """There is no VTIMEZONE for this zone; without one, readers would guess."""

    def __init__(self, zone: str) -> None:
        """Keep the IANA name that was asked for."""
        super().__init__(zone)
        self.zone = zone


class InvalidFact(ValueError):
    """A fact that no calendar object can carry. Names the fact, not its value: that may be personal."""

    def __init__(self, fact: str, rule: str) -> None:
        """Keep the name of the fact and the rule that it breaks."""
        super().__init__(fact, rule)
        self.fact = fact
        self.rule = rule


class NotReadBack(RuntimeError):
    """The finished object does not parse back to the same UIDs and starts: a bug here or in icalendar, never sent."""


class Method(StrEnum):
    """What a calendar object wants (RFC 5546, 1.4). The MIME type of a mail repeats it."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Status(StrEnum):
    """STATUS of a meeting; tentative is a reserved date."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class Role(StrEnum):
    """ROLE of an attendee."""

    CHAIR = "CHAIR"
    REQUIRED = "REQ-PARTICIPANT"
    OPTIONAL = "OPT-PARTICIPANT"


_PARTSTAT = {
    Answer.OPEN: "NEEDS-ACTION",
    Answer.ACCEPTED: "ACCEPTED",
    Answer.TENTATIVE: "TENTATIVE",
    Answer.DECLINED: "DECLINED",
    Answer.DELEGATED: "DELEGATED",
}


@dataclass(frozen=True, kw_only=True)
class MeetingFacts:
    """One meeting at one time, for one reader.

    `starts` and `ends` are wall times: aware, with a ZoneInfo that has a VTIMEZONE here. `join_link` is what was typed
    for taking part from afar; an http(s) address becomes a CONFERENCE too. `url` is the meeting's page. `description`
    is plain text; the links are added to it unless it has them. A private meeting's neutral title is the caller's.
    `organizer` is the address that the meeting has kept; without one, that of the given organiser stands for it.

    Raises InvalidFact, UnsupportedZone.
    """

    uid: str
    sequence: int
    title: str
    starts: datetime
    ends: datetime
    status: Status
    url: str
    created: datetime
    last_modified: datetime
    place: str = ""
    join_link: str = ""
    description: str = ""
    categories: tuple[str, ...] = ()
    private: bool = False
    organizer: str = ""

    def __post_init__(self) -> None:
        """Refuse what would be read as something else."""
        _check_identity(self)
        _check_wall_time("starts", self.starts)
        _check_wall_time("ends", self.ends)
        # In UTC: Python compares two times of one zone by their wall clocks.
        if self.ends.astimezone(UTC) <= self.starts.astimezone(UTC):
            raise InvalidFact("ends", "later than starts")


@dataclass(frozen=True, kw_only=True)
class DueFacts:
    """A commitment's due day in its owner's feed. `title` says that it is a due day ("Fällig: …").

    Raises InvalidFact.
    """

    uid: str
    sequence: int
    title: str
    due: date
    url: str
    created: datetime
    last_modified: datetime
    description: str = ""
    categories: tuple[str, ...] = ()
    private: bool = False

    def __post_init__(self) -> None:
        """Refuse what would be read as something else."""
        _check_identity(self)
        if isinstance(self.due, datetime):
            raise InvalidFact("due", "a day without a time")


@dataclass(frozen=True, kw_only=True)
class Organizer:
    """The bot's own mailbox, and the name shown with it. In feeds the name must not be a person's.

    Raises InvalidFact unless the address is as `usable_address` returns it.
    """

    address: str
    name: str

    def __post_init__(self) -> None:
        """Refuse an address that cannot stand in a mailto URI."""
        _check_address(self.address)


@dataclass(frozen=True, kw_only=True)
class Attendee:
    """Somebody who takes part. People without a usable address have no place in a calendar object: chat serves them.

    Raises InvalidFact unless the address is as `usable_address` returns it.
    """

    address: str
    name: str
    role: Role = Role.REQUIRED
    answer: Answer = Answer.OPEN

    def __post_init__(self) -> None:
        """Refuse an address that cannot stand in a mailto URI."""
        _check_address(self.address)


def request(
    meeting: MeetingFacts,
    *,
    organizer: Organizer,
    recipient: Attendee,
    others: Sequence[Attendee] = (),
    stamp: datetime,
) -> bytes:
    """Invite `recipient`, or tell of a change (METHOD:REQUEST). `others` are listed only where participants are shown.

    Raises InvalidFact for a cancelled meeting: that is `cancel`, for clients keep a REQUEST that is cancelled.
    """
    _check_not_cancelled(meeting)
    event = _scheduled(meeting, organizer=organizer, recipient=recipient, others=others, stamp=stamp, rsvp=True)
    event.add("status", meeting.status)
    event.add("x-microsoft-disallow-counter", "TRUE")  # nobody reads counter-proposals
    return _octets(_calendar(Method.REQUEST), [_sealed(event)], zones=_zones(meeting))


def cancel(
    meeting: MeetingFacts,
    *,
    organizer: Organizer,
    recipient: Attendee,
    others: Sequence[Attendee] = (),
    stamp: datetime,
) -> bytes:
    """Tell `recipient` that the meeting is off (METHOD:CANCEL), whatever status the facts have."""
    event = _scheduled(meeting, organizer=organizer, recipient=recipient, others=others, stamp=stamp)
    event.add("status", Status.CANCELLED)
    return _octets(_calendar(Method.CANCEL), [_sealed(event)], zones=_zones(meeting))


def uninvite(meeting: MeetingFacts, *, organizer: Organizer, recipient: Attendee, stamp: datetime) -> bytes:
    """Take the meeting out of the calendar of `recipient` alone; for the others it stands.

    RFC 5546, 3.2.5: the same METHOD:CANCEL, but without a STATUS.
    """
    event = _scheduled(meeting, organizer=organizer, recipient=recipient, others=(), stamp=stamp)
    return _octets(_calendar(Method.CANCEL), [_sealed(event)], zones=_zones(meeting))


def publish(meeting: MeetingFacts, *, organizer: Organizer, stamp: datetime) -> bytes:
    """A file to take home from the chat (METHOD:PUBLISH): nobody is listed, nothing is asked.

    Raises InvalidFact for a cancelled meeting.
    """
    _check_not_cancelled(meeting)
    event = _meeting(meeting, organizer=organizer, stamp=stamp)
    event.add("status", meeting.status)
    return _octets(_calendar(Method.PUBLISH), [_sealed(event)], zones=_zones(meeting))


def feed(
    meetings: Iterable[MeetingFacts],
    dues: Iterable[DueFacts] = (),
    *,
    name: str,
    organizer: Organizer,
    zone: str,
    cancelled_suffix: str,
    left_out: LeftOut,
) -> bytes:
    """One person's calendar to subscribe to. Called-off meetings stay in it, their titles ending in `cancelled_suffix`.

    DTSTAMP is LAST-MODIFIED, and the order is that of time: only a change of the facts changes the bytes. Names nobody.
    An entry that cannot be made does not keep the others out: `left_out` is told its UID, its SEQUENCE and why. `zone` is
    the reader's, and need not be one that we have a VTIMEZONE for.
    """
    events: list[bytes] = []
    zones = {zone} & ZONES_LIKE_BERLIN
    for meeting in sorted(meetings, key=lambda meeting: (meeting.starts.astimezone(UTC), meeting.uid)):
        try:
            events.append(_feed_meeting(meeting, organizer=organizer, cancelled_suffix=cancelled_suffix))
            zones |= _zones(meeting)
        except Exception as error:  # noqa: BLE001  # whatever it is, it concerns this entry alone
            left_out(meeting.uid, meeting.sequence, error)
    for due in sorted(dues, key=lambda due: (due.due, due.uid)):
        try:
            events.append(_feed_due(due, organizer=organizer))
        except Exception as error:  # noqa: BLE001  # likewise
            left_out(due.uid, due.sequence, error)
    calendar = _calendar(Method.PUBLISH)
    title = _Text(clean(name, limit=LINE_LIMIT))
    calendar.add("name", title)
    calendar.add("x-wr-calname", title)  # the older name of NAME
    calendar.add("x-wr-timezone", zone)
    # RFC 7986 wants this VALUE written out; icalendar's own setter leaves it away.
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    return _octets(calendar, events, zones=zones)


def next_stamp(now: datetime, last: datetime | None) -> datetime:
    """The DTSTAMP of a new message: UTC, whole seconds, and later than the `last` one of this UID in any case."""
    stamp = _utc("now", now)
    return stamp if last is None else max(stamp, _utc("last", last) + timedelta(seconds=1))


_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # C0, DEL and C1, but not the line feed
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str, *, multiline: bool = False, limit: int) -> str:
    """Text as it may stand in a calendar object; the only way in for what people wrote.

    Line breaks of every kind become line feeds, or spaces unless `multiline`; tabs become spaces; other control
    characters go; lone surrogates become U+FFFD; NFC; no white space around it. What is longer than `limit` octets is
    cut and ends in "…". Idempotent.
    """
    text = _LINE_BREAK.sub("\n" if multiline else " ", text).replace("\t", " ")
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    text = unicodedata.normalize("NFC", text).strip()
    octets = text.encode()
    if len(octets) <= limit:
        return text
    return octets[: limit - len("…".encode())].decode(errors="ignore").rstrip() + "…"


def file_name(body_code: str, day: date) -> str:
    """An ASCII name for a chat file: body and day, nothing about the content; "sozialraumteam-nord-2026-06-09.ics"."""
    umlauts = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
    spelled = unicodedata.normalize("NFC", body_code).lower().translate(umlauts)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", plain) or [NEUTRAL_FILE_NAME.removesuffix(".ics")]
    return f"{'-'.join(words)[:60].rstrip('-')}-{day.isoformat()}.ics"


def _calendar(method: Method) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _octets(calendar: Calendar, events: Sequence[bytes], *, zones: set[str]) -> bytes:
    """Complete the calendar with its zones and its sealed events."""
    for zone in sorted(zones):
        calendar.add_component(_timezone(zone))
    end = b"END:VCALENDAR\r\n"
    frame: bytes = calendar.to_ical()
    return b"".join([frame.removesuffix(end), *events, end])


def _sealed(event: Event) -> bytes:
    """Give the event's octets, after reading them back; nothing is added to it any more."""
    octets: bytes = event.to_ical()
    # From bytes: icalendar takes a str for a path when there is such a file.
    parsed = Event.from_ical(octets)
    if not isinstance(parsed, Event) or parsed.errors or (parsed.uid, parsed.start) != (event.uid, event.start):
        raise NotReadBack(parsed.errors)
    return octets


_ESCAPED = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n"})


class _Text(vText):
    r"""TEXT (RFC 5545, 3.3.11). icalendar's own escaping takes the `\N` of `L:\Netz` for a line break."""

    def to_ical(self) -> bytes:
        return self.translate(_ESCAPED).encode()


def _event(facts: MeetingFacts | DueFacts, *, organizer: Organizer, stamp: datetime, links: Sequence[str]) -> Event:
    """What every VEVENT of ours has: who it is, which version, what it is called, whose it is."""
    event = Event()
    event.add("uid", facts.uid)
    event.add("sequence", facts.sequence)
    event.add("dtstamp", _utc("stamp", stamp))
    event.add("created", _utc("created", facts.created))
    event.add("last-modified", _utc("last_modified", facts.last_modified))
    event.add("summary", _Text(clean(facts.title, limit=LINE_LIMIT)))
    event.add("description", _Text(_description(facts.description, links=[*links, facts.url])))
    event.add("url", facts.url)
    event.add("organizer", vCalAddress.new(organizer.address, cn=_common_name(organizer.name, organizer.address)))
    if categories := [_Text(word) for category in facts.categories if (word := clean(category, limit=NAME_LIMIT))]:
        made = vCategory([])
        made.cats = [*categories]  # the constructor would make them icalendar's own texts
        event.add("categories", made)
    if facts.private:
        event.add("class", "PRIVATE")
    return event


def _meeting(meeting: MeetingFacts, *, organizer: Organizer, stamp: datetime) -> Event:
    """The meeting without attendees and without a status, which depend on the method."""
    link = usable_link(meeting.join_link)
    afar = link or clean(meeting.join_link, limit=LINE_LIMIT)
    event = _event(meeting, organizer=_kept(meeting, organizer), stamp=stamp, links=[afar] if afar else [])
    event.add("dtstart", _written(meeting.starts))
    event.add("dtend", _written(meeting.ends))
    if location := clean(meeting.place, limit=LINE_LIMIT) or afar:
        event.add("location", _Text(location))
    if link:
        # One feature only: icalendar quotes a list of them as if it were one. The host says what it is in any language.
        host = urlsplit(link).netloc
        event.add("conference", link, parameters={"value": "URI", "feature": "VIDEO", "label": host})
    return event


def _kept(meeting: MeetingFacts, organizer: Organizer) -> Organizer:
    """The organiser of a UID never changes (RFC 5546, 2.1.3), whatever the town's mailbox is by now."""
    return replace(organizer, address=meeting.organizer) if meeting.organizer else organizer


def _scheduled(
    meeting: MeetingFacts,
    *,
    organizer: Organizer,
    recipient: Attendee,
    others: Sequence[Attendee],
    stamp: datetime,
    rsvp: bool | None = None,
) -> Event:
    """The meeting as a message to one recipient, who is always listed, and first; a shared mailbox is listed once."""
    if recipient.address.lower() == _kept(meeting, organizer).address.lower():
        # Clients tell such a recipient that an organiser need not answer.
        raise InvalidFact("recipient", "not the organizer")
    event = _meeting(meeting, organizer=organizer, stamp=stamp)
    event.add("attendee", _attendee(recipient, rsvp=rsvp))
    listed = {recipient.address.lower()}
    for other in others:
        if other.address.lower() not in listed:
            listed.add(other.address.lower())
            event.add("attendee", _attendee(other))
    return event


def _attendee(attendee: Attendee, *, rsvp: bool | None = None) -> vCalAddress:
    return vCalAddress.new(
        attendee.address,
        cn=_common_name(attendee.name, attendee.address),
        cutype="INDIVIDUAL",
        role=attendee.role,
        partstat=_PARTSTAT[attendee.answer],
        rsvp=rsvp,
    )


# A town's feeds share their events: each is made once, not once per reader (2 ms, and 3 µs from here).
@lru_cache(maxsize=8192)
def _feed_meeting(meeting: MeetingFacts, *, organizer: Organizer, cancelled_suffix: str) -> bytes:
    shown = meeting
    if meeting.status is Status.CANCELLED:
        room = LINE_LIMIT - len(f" {cancelled_suffix}".encode())  # a long title must not push the suffix out
        shown = replace(meeting, title=f"{clean(meeting.title, limit=room)} {cancelled_suffix}")
    event = _meeting(shown, organizer=organizer, stamp=meeting.last_modified)
    event.add("status", meeting.status)
    return _sealed(event)


def _feed_due(due: DueFacts, *, organizer: Organizer) -> bytes:
    """A day that blocks nothing. Not a VTODO: Google and Outlook show none from a feed."""
    event = _event(due, organizer=organizer, stamp=due.last_modified, links=[])
    event.add("dtstart", due.due)
    event.add("dtend", due.due + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("status", Status.CONFIRMED)
    return _sealed(event)


def _description(text: str, *, links: Sequence[str]) -> str:
    """The text with each link in it once; a long text is cut, a link never (few readers know CONFERENCE)."""
    room = DESCRIPTION_LIMIT - sum(len(f"{link}\n".encode()) for link in links) - len("\n")
    body = clean(text, multiline=True, limit=room)
    missing = [link for link in links if not re.search(rf"(?<!\S){re.escape(link)}(?!\S)", body)]
    return "\n\n".join(part for part in (body, "\n".join(missing)) if part)


def _common_name(name: str, address: str) -> str:
    r"""A CN that every reader shows as it is: `"`, `^` and `\` are lawful there (RFC 6868) but read in many ways."""
    plain = name.translate(str.maketrans('"', "'", "^\\"))
    return clean(plain, limit=NAME_LIMIT) or address


@cache
def _timezone(zone: str) -> Component:
    if zone not in ZONES_LIKE_BERLIN:
        raise UnsupportedZone(zone)
    return Timezone.from_ical(_VTIMEZONE.format(zone=zone).encode())


def _written(moment: datetime) -> datetime:
    """The wall time; in UTC where the clocks show it for the second time.

    A wall time that occurs twice is read as the first one (RFC 5545, 3.3.5); UTC may stand beside it (3.8.2.2).
    """
    second = moment.utcoffset() != moment.replace(fold=0).utcoffset()
    return moment.astimezone(UTC) if second else moment


def _zones(meeting: MeetingFacts) -> set[str]:
    """The IANA names of the zones that the meeting's wall times are in."""
    return {str(meeting.starts.tzinfo), str(meeting.ends.tzinfo)}


def _utc(fact: str, moment: datetime) -> datetime:
    """The moment in UTC and whole seconds, which is all that iCalendar can carry."""
    if moment.tzinfo is None:
        raise InvalidFact(fact, "aware")
    return moment.astimezone(UTC).replace(microsecond=0)


def _check_identity(facts: MeetingFacts | DueFacts) -> None:
    if not re.fullmatch("[!-~]{1,255}", facts.uid):
        raise InvalidFact("uid", "1 to 255 printable ASCII characters")
    if facts.sequence < 0:
        raise InvalidFact("sequence", "not negative")
    if usable_link(facts.url) != facts.url:
        raise InvalidFact("url", "as usable_link returns it")
    _utc("created", facts.created)
    _utc("last_modified", facts.last_modified)


def _check_address(address: str) -> None:
    if usable_address(address) != address:
        raise InvalidFact("address", "as usable_address returns it")


def _check_wall_time(fact: str, moment: datetime) -> None:
    """A wall time in a zone that we ship, and one that every reader takes for the same moment."""
    if not isinstance(moment.tzinfo, ZoneInfo):
        raise InvalidFact(fact, "aware, with a ZoneInfo")
    _timezone(str(moment.tzinfo))
    if moment.second or moment.microsecond:
        raise InvalidFact(fact, "a whole minute")
    if moment.astimezone(UTC).astimezone(moment.tzinfo) != moment:
        raise InvalidFact(fact, "a time that the clock shows")


def _check_not_cancelled(meeting: MeetingFacts) -> None:
    if meeting.status is Status.CANCELLED:
        raise InvalidFact("status", "not cancelled")
