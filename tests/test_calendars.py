"""Calendar objects as bytes, read back by their writer's library and by another one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ical.calendar import Calendar as OtherCalendar
from ical.calendar_stream import IcsCalendarStream
from ical.timezone import IcsTimezoneInfo
from icalendar import Calendar, Event

from bot import calendars
from bot.calendars import Attendee, DueFacts, InvalidFact, MeetingFacts, Organizer, Role, Status
from storage.vocabulary import ZONES_LIKE_BERLIN, Answer
from tests.golden import DIRECTORY, assert_golden

BERLIN = ZoneInfo("Europe/Berlin")
STAMP = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)

FADEN = Organizer(address="faden@stadt.example", name="Petra Lindner über Faden")
FADEN_ALONE = Organizer(address="faden@stadt.example", name="Faden")
ANNA = Attendee(address="anna.kroll@jugendamt.example", name="Kroll, Anna", role=Role.CHAIR, answer=Answer.ACCEPTED)
JENS = Attendee(address="jens.ohm@traeger.example", name="Jens Ohm")
MIRA = Attendee(address="mira.sand@traeger.example", name="Mira Sand", role=Role.OPTIONAL, answer=Answer.TENTATIVE)

MEETING = MeetingFacts(
    uid="7f8a1c52-0d5e-4c1a-9a53-6a1d4f0f2b11@faden.stadt.example",
    sequence=0,
    title="82. Regionalleiterkonferenz",
    starts=datetime(2026, 6, 9, 14, 30, tzinfo=BERLIN),
    ends=datetime(2026, 6, 9, 16, 30, tzinfo=BERLIN),
    status=Status.CONFIRMED,
    place="Rathaus, Raum 3.12; 2. Stock",
    join_link="https://video.stadt.example/rlk-82",
    description=(
        "Tagesordnung\n"
        "1. Begrüßung und Protokoll (10 min)\n"
        "2. Kinderbauernhof: Beschluss über die Öffnungszeiten (20 min)\n"
        "3. Verschiedenes"
    ),
    url="https://faden.stadt.example/termine/82",
    created=datetime(2026, 4, 27, 9, 15, tzinfo=UTC),
    last_modified=datetime(2026, 5, 4, 7, 58, 30, tzinfo=UTC),
    categories=("Regionalleiterkonferenz",),
)
MEETINGS = {
    "de": MEETING,
    "en": replace(
        MEETING,
        title="82nd regional leads' conference",
        place="Town hall, room 3.12; 2nd floor",
        description="Agenda\n1. Welcome and minutes (10 min)\n2. City farm: opening hours, decision (20 min)\n3. Any other business",
        categories=("Regional leads' conference",),
    ),
}
CANCELLED_SUFFIX = {"de": "(fällt aus)", "en": "(cancelled)"}
FEED_NAME = {"de": "Faden: Anna Kroll", "en": "Faden: Anna Kroll's meetings"}
DUE = DueFacts(
    uid="commitment-5@faden.stadt.example",
    sequence=2,
    title="Fällig: Raumliste an alle Träger",
    due=date(2026, 9, 30),
    description="Zugesagt in der 82. Regionalleiterkonferenz",
    url="https://faden.stadt.example/commitments/5",
    created=datetime(2026, 6, 9, 14, 20, tzinfo=UTC),
    last_modified=datetime(2026, 6, 10, 6, 0, tzinfo=UTC),
)
DUES = {
    "de": DUE,
    "en": replace(DUE, title="Due: list of rooms to all providers", description="Agreed in the 82nd conference"),
}
MOVED_START = datetime(2026, 11, 17, 9, 0, tzinfo=BERLIN)


def moved(meeting: MeetingFacts) -> MeetingFacts:
    """Into winter, an hour shorter, in the next version."""
    return replace(
        meeting,
        sequence=1,
        starts=MOVED_START,
        ends=MOVED_START + timedelta(hours=1),
        last_modified=datetime(2026, 5, 5, 7, 30, tzinfo=UTC),
    )


def called_off(meeting: MeetingFacts) -> MeetingFacts:
    return replace(
        moved(meeting),
        sequence=2,
        status=Status.CANCELLED,
        last_modified=datetime(2026, 5, 6, 7, 30, tzinfo=UTC),
    )


def on(*days: date) -> list[MeetingFacts]:
    """The same meeting at 10:00 on each of the days."""
    starts = [datetime(day.year, day.month, day.day, 10, tzinfo=BERLIN) for day in days]
    return [
        replace(MEETING, uid=f"{start:%Y%m%d}@faden.stadt.example", starts=start, ends=start + timedelta(hours=2))
        for start in starts
    ]


def feed(
    meetings: Sequence[MeetingFacts],
    dues: Sequence[DueFacts] = (),
    *,
    language: str = "de",
    zone: str = "Europe/Berlin",
    organizer: Organizer = FADEN_ALONE,
    name: str | None = None,
    left_out: list[tuple[str, int]] | None = None,
) -> bytes:
    """A feed from which `left_out` tells what is missing; without it nothing may be."""
    missing: list[tuple[str, int]] = []
    octets = calendars.feed(
        meetings,
        dues,
        name=name or FEED_NAME[language],
        organizer=organizer,
        zone=zone,
        cancelled_suffix=CANCELLED_SUFFIX[language],
        left_out=lambda uid, sequence, _error: missing.append((uid, sequence)),
    )
    assert missing == (left_out or [])
    return octets


def unfolded(octets: bytes) -> list[str]:
    """The content lines (RFC 5545, 3.1)."""
    return octets.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def property_names(octets: bytes) -> list[str]:
    """What stands before the value and the parameters of each content line, components included."""
    return [
        line if line.startswith(("BEGIN:", "END:")) else re.split("[;:]", line, maxsplit=1)[0]
        for line in unfolded(octets)
    ]


def the_event(octets: bytes) -> Event:
    [event] = Calendar.from_ical(octets).events
    return event


def read_by_other(octets: bytes) -> OtherCalendar:
    """Read by a library of another family, under a zone name that only the object itself can explain."""
    return IcsCalendarStream.calendar_from_ics(octets.decode().replace("Europe/Berlin", "Own/Zone"))


# ------------------------------------------------------------------------------------------------------- golden files


@pytest.mark.parametrize("language", ["de", "en"])
def test_request_in_both_languages(language: str) -> None:
    octets = calendars.request(
        MEETINGS[language], organizer=FADEN, recipient=JENS, others=[ANNA, JENS, MIRA], stamp=STAMP
    )

    assert_golden(f"calendars/request.{language}.ics", octets)


@pytest.mark.parametrize("language", ["de", "en"])
def test_request_after_a_move_has_the_next_sequence(language: str) -> None:
    octets = calendars.request(
        moved(MEETINGS[language]), organizer=FADEN, recipient=JENS, stamp=STAMP + timedelta(days=1)
    )

    assert_golden(f"calendars/request-moved.{language}.ics", octets)


@pytest.mark.parametrize("language", ["de", "en"])
def test_cancel_after_the_move(language: str) -> None:
    octets = calendars.cancel(
        called_off(MEETINGS[language]), organizer=FADEN, recipient=JENS, stamp=STAMP + timedelta(days=2)
    )

    assert_golden(f"calendars/cancel.{language}.ics", octets)


def test_uninvite_leaves_the_status_out() -> None:
    octets = calendars.uninvite(replace(MEETING, sequence=1), organizer=FADEN, recipient=JENS, stamp=STAMP)

    assert_golden("calendars/uninvite.ics", octets)


@pytest.mark.parametrize("language", ["de", "en"])
def test_publish_in_both_languages(language: str) -> None:
    octets = calendars.publish(MEETINGS[language], organizer=FADEN, stamp=STAMP)

    assert_golden(f"calendars/publish.{language}.ics", octets)


@pytest.mark.parametrize("language", ["de", "en"])
def test_feed_with_a_cancelled_meeting_and_a_due_day(language: str) -> None:
    off = replace(called_off(MEETINGS[language]), uid="0c7d@faden.stadt.example")

    octets = feed([off, MEETINGS[language]], [DUES[language]], language=language)

    assert_golden(f"calendars/feed.{language}.ics", octets)


def test_feed_when_empty_is_a_calendar() -> None:
    assert_golden("calendars/feed-empty.ics", feed([]))


def test_feed_around_the_change_to_summer_time() -> None:
    octets = feed(on(date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)))

    assert_golden("calendars/summer-time-begins.ics", octets)


def test_feed_around_the_change_to_winter_time() -> None:
    octets = feed(on(date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26)))

    assert_golden("calendars/summer-time-ends.ics", octets)


def test_request_with_hostile_names() -> None:
    meeting = replace(
        MEETING,
        title="Konferenz\r\nATTENDEE:mailto:eve@example.org\r\nSUMMARY:anders \U0001f469\u200d\U0001f4bb",
        place="Raum\u2028BEGIN:VALARM\x00\x07\x1b[31m, \\n; \ud800",
        join_link="https://video.stadt.example/\r\nX-EVIL:1",
        description="Zeile 1\rZeile 2\x85Zeile 3\r\nEND:VCALENDAR\n" + "Ä" * 100,
        categories=("a,b", "\x00", "c;d\nX-EVIL:1"),
        private=True,
    )
    organizer = replace(FADEN, name='";CN=Eve":mailto:eve@example.org\r\nX-EVIL:1')
    recipient = replace(JENS, name='Jens "der^nBär" \\ Ohm; Leitung\nRSVP=FALSE')
    nameless = replace(MIRA, name="^^\\\x00")

    octets = calendars.request(meeting, organizer=organizer, recipient=recipient, others=[nameless], stamp=STAMP)

    assert_golden("calendars/request-hostile.ics", octets)


# ------------------------------------------------------------------------------- what holds for each of these files

SUMMER = datetime(2026, 6, 9, 12, 30, tzinfo=UTC)
WINTER = datetime(2026, 11, 17, 8, 0, tzinfo=UTC)
INSTANTS: dict[str, list[datetime | date]] = {
    "cancel.de.ics": [WINTER],
    "cancel.en.ics": [WINTER],
    "feed-empty.ics": [],
    "feed.de.ics": [SUMMER, WINTER, date(2026, 9, 30)],
    "feed.en.ics": [SUMMER, WINTER, date(2026, 9, 30)],
    "publish.de.ics": [SUMMER],
    "publish.en.ics": [SUMMER],
    "request-hostile.ics": [SUMMER],
    "request-moved.de.ics": [WINTER],
    "request-moved.en.ics": [WINTER],
    "request.de.ics": [SUMMER],
    "request.en.ics": [SUMMER],
    "summer-time-begins.ics": [
        datetime(2026, 3, 28, 9, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 8, 0, tzinfo=UTC),
        datetime(2026, 3, 30, 8, 0, tzinfo=UTC),
    ],
    "summer-time-ends.ics": [
        datetime(2026, 10, 24, 8, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 9, 0, tzinfo=UTC),
        datetime(2026, 10, 26, 9, 0, tzinfo=UTC),
    ],
    "uninvite.ics": [SUMMER],
}


def test_golden_files_are_all_listed() -> None:
    assert sorted(path.name for path in (DIRECTORY / "calendars").iterdir()) == sorted(INSTANTS)


@pytest.mark.parametrize("name", INSTANTS)
def test_golden_file_is_well_formed(name: str) -> None:
    octets = (DIRECTORY / "calendars" / name).read_bytes()

    lines = octets.removesuffix(b"\r\n").split(b"\r\n")

    assert octets.endswith(b"END:VCALENDAR\r\n")
    assert octets.count(b"\r") == octets.count(b"\n") == len(lines)
    assert [line for line in lines if not 0 < len(line) <= 75] == []
    assert [line.decode() for line in lines]  # no fold inside a character
    assert [line for line in lines if line.startswith(b"BEGIN:")][:2] == [b"BEGIN:VCALENDAR", b"BEGIN:VTIMEZONE"]
    assert lines.count(b"BEGIN:VTIMEZONE") == 1
    assert [component.errors for component in Calendar.from_ical(octets).walk() if component.errors] == []


@pytest.mark.parametrize("name", INSTANTS)
def test_golden_file_tells_another_reader_the_same_instants(name: str) -> None:
    calendar = read_by_other((DIRECTORY / "calendars" / name).read_bytes())

    starts = [event.dtstart for event in calendar.events]

    assert [start.astimezone(UTC) if isinstance(start, datetime) else start for start in starts] == INSTANTS[name]


def test_request_tells_another_reader_the_same_texts() -> None:
    [event] = read_by_other((DIRECTORY / "calendars" / "request.de.ics").read_bytes()).events

    assert (event.uid, event.sequence, event.summary) == (MEETING.uid, 0, MEETING.title)
    assert event.description == f"{MEETING.description}\n\n{MEETING.join_link}\n{MEETING.url}"
    assert [(attendee.common_name, attendee.uri) for attendee in event.attendees] == [
        ("Jens Ohm", "mailto:jens.ohm@traeger.example"),
        ("Kroll, Anna", "mailto:anna.kroll@jugendamt.example"),
        ("Mira Sand", "mailto:mira.sand@traeger.example"),
    ]


def test_timezone_agrees_with_zoneinfo_on_every_day_until_2037() -> None:
    [timezone] = read_by_other(feed([])).timezones
    own = IcsTimezoneInfo.from_timezone(timezone)
    first = datetime(1996, 10, 28)  # noqa: DTZ001 -- a wall time, put into both zones below

    # Just before and just after the hour that clocks skip or repeat.
    times = [first + timedelta(days=day, minutes=minute) for day in range(15_040) for minute in (119, 180)]

    assert times[-1].date() == date(2037, 12, 31)
    assert [time for time in times if own.utcoffset(time) != time.replace(tzinfo=BERLIN).utcoffset()] == []


# ---------------------------------------------------------------------------------------------------------- properties

NASTY = [
    "\r\n",
    "\n",
    "\r",
    "\t",
    "\x0b",
    "\x85",
    "\u2028",
    '"',
    "^n",
    "\\n",
    "\\",
    ";",
    ":",
    ",",
    "=",
    "'",
    "\x00",
    "\ufeff",
]
INJECTIONS = [
    "\r\nATTENDEE:mailto:eve@example.org",
    "\nEND:VEVENT\nBEGIN:VEVENT",
    '";CN="',
    "\ud83d",
    "e\u0301",
    "\U0001f468\u200d\U0001f467",
]
# With a first letter, because a property whose text cleans to nothing is left out.
ANY_TEXT = st.lists(st.sampled_from(NASTY + INJECTIONS) | st.text(st.characters(), max_size=200)).map(
    lambda pieces: "x" + "".join(pieces)
)


def with_texts(*, title: str, place: str, join_link: str, description: str, category: str) -> MeetingFacts:
    return replace(
        MEETING, title=title, place=place, join_link=join_link, description=description, categories=(category,)
    )


@given(title=ANY_TEXT, place=ANY_TEXT, join_link=ANY_TEXT, description=ANY_TEXT, category=ANY_TEXT, name=ANY_TEXT)
@settings(deadline=None)
def test_any_text_changes_no_structure_and_comes_back_clean(  # noqa: PLR0917 -- hypothesis hands in one per field
    title: str, place: str, join_link: str, description: str, category: str, name: str
) -> None:
    plain = with_texts(title="x", place="x", join_link="x", description="x", category="x")
    meeting = with_texts(title=title, place=place, join_link=join_link, description=description, category=category)
    organizer, recipient, other = replace(FADEN, name=name), replace(JENS, name=name), replace(MIRA, name=name)

    request = calendars.request(meeting, organizer=organizer, recipient=recipient, others=[other], stamp=STAMP)
    subscribed = feed([meeting], organizer=organizer, name=name)

    expected = calendars.request(plain, organizer=FADEN, recipient=JENS, others=[MIRA], stamp=STAMP)
    assert property_names(request) == property_names(expected)
    assert property_names(subscribed) == property_names(feed([plain]))
    for event in (the_event(request), the_event(subscribed)):
        assert event.summary == calendars.clean(title, limit=calendars.LINE_LIMIT)
        assert event.location == calendars.clean(place, limit=calendars.LINE_LIMIT)
        assert event.categories == [calendars.clean(category, limit=calendars.NAME_LIMIT)]
        text = str(event.description)
        assert text.startswith(calendars.clean(description, multiline=True, limit=1000).rstrip("…"))
        assert text.endswith(MEETING.url)
        assert len(text.encode()) <= calendars.DESCRIPTION_LIMIT
    plain_name = re.sub(r"[\^\\]", "", name).replace('"', "'")
    assert [attendee.CN for attendee in the_event(request).attendees] == [
        calendars.clean(plain_name, limit=calendars.NAME_LIMIT)
    ] * 2


@given(text=ANY_TEXT)
@example(text=r"L:\Netz\neu; a, b")
@settings(deadline=None)
def test_any_text_comes_back_from_another_reader(text: str) -> None:
    meeting = replace(MEETING, title=text, place=text, description=text)

    [event] = read_by_other(calendars.publish(meeting, organizer=FADEN, stamp=STAMP)).events

    assert (event.summary, event.location) == (calendars.clean(text, limit=calendars.LINE_LIMIT),) * 2
    assert str(event.description).startswith(calendars.clean(text, multiline=True, limit=1000).rstrip("…"))


@given(text=ANY_TEXT, multiline=st.booleans(), limit=st.integers(min_value=3, max_value=100))
@settings(deadline=None)
def test_clean_text_stays_as_it_is(text: str, *, multiline: bool, limit: int) -> None:
    once = calendars.clean(text, multiline=multiline, limit=limit)

    assert calendars.clean(once, multiline=multiline, limit=limit) == once
    assert len(once.encode()) <= limit


# ---------------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("a\r\nb\rc\nd\x85e\u2028f\u2029g", "a b c d e f g", "a\nb\nc\nd\ne\nf\ng"),
        ("a\tb", "a b", "a b"),
        ("a\x00b\x1b\x7f\x9fc\x0b\x0c", "abc", "abc"),
        ("a\ud800b", "a\ufffdb", "a\ufffdb"),
        ("u\u0308ber", "über", "über"),
        ("  \n a \n", "a", "a"),
        ("\U0001f468\u200d\U0001f467 ÄÖÜ ß", "\U0001f468\u200d\U0001f467 ÄÖÜ ß", "\U0001f468\u200d\U0001f467 ÄÖÜ ß"),
        ("123456789 12345", "123456789 12345", "123456789 12345"),
        ("123456789 ääää", "123456789 ä…", "123456789 ä…"),
        ("123456789 1234567", "123456789 12…", "123456789 12…"),
    ],
)
def test_clean(text: str, line: str, lines: str) -> None:
    limit = 30 if len(text) < 14 or "\U0001f468" in text else 15

    assert calendars.clean(text, limit=limit) == line
    assert calendars.clean(text, multiline=True, limit=limit) == lines


@pytest.mark.parametrize(
    ("body_code", "name"),
    [
        ("Sozialraumteam Nord", "sozialraumteam-nord-2026-06-09.ics"),
        ("AG Übergänge / Große Straße", "ag-uebergaenge-grosse-strasse-2026-06-09.ics"),
        ("A\u0308rzte & Café", "aerzte-cafe-2026-06-09.ics"),
        ("../../etc/passwd\x00", "etc-passwd-2026-06-09.ics"),
        ("会議", "termin-2026-06-09.ics"),
        ("a" * 59 + " b", "a" * 59 + "-2026-06-09.ics"),
    ],
)
def test_file_name(body_code: str, name: str) -> None:
    assert calendars.file_name(body_code, date(2026, 6, 9)) == name


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (datetime(2026, 5, 4, 10, 0, 0, 900_000, tzinfo=BERLIN), None, STAMP),
        (STAMP, STAMP - timedelta(seconds=1), STAMP),
        (STAMP, STAMP, STAMP + timedelta(seconds=1)),
        (STAMP.replace(microsecond=999_999), STAMP.replace(microsecond=1), STAMP + timedelta(seconds=1)),
        (STAMP - timedelta(hours=1), STAMP, STAMP + timedelta(seconds=1)),
    ],
)
def test_next_stamp(now: datetime, last: datetime | None, expected: datetime) -> None:
    stamp = calendars.next_stamp(now, last)

    assert (stamp, stamp.tzinfo, stamp.microsecond) == (expected, UTC, 0)


# ---------------------------------------------------------------------------------------------------------- scheduling


def test_request_lists_a_shared_mailbox_once() -> None:
    colleague = replace(JENS, name="Ole Brandt", address="Jens.Ohm@traeger.example")

    octets = calendars.request(MEETING, organizer=FADEN, recipient=JENS, others=[colleague, MIRA, MIRA], stamp=STAMP)

    assert [attendee.CN for attendee in the_event(octets).attendees] == ["Jens Ohm", "Mira Sand"]


def test_request_to_the_organizer_is_refused() -> None:
    itself = Attendee(address="Faden@stadt.example", name="Faden")

    with pytest.raises(InvalidFact) as refused:
        calendars.request(MEETING, organizer=FADEN, recipient=itself, stamp=STAMP)

    assert refused.value.fact == "recipient"


def test_request_and_publish_refuse_a_cancelled_meeting() -> None:
    meeting = called_off(MEETING)

    with pytest.raises(InvalidFact, match="status"):
        calendars.request(meeting, organizer=FADEN, recipient=JENS, stamp=STAMP)
    with pytest.raises(InvalidFact, match="status"):
        calendars.publish(meeting, organizer=FADEN, stamp=STAMP)


def test_request_refuses_a_naive_stamp() -> None:
    with pytest.raises(InvalidFact, match="stamp"):
        calendars.request(MEETING, organizer=FADEN, recipient=JENS, stamp=STAMP.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("place", "join_link", "location", "conferences"),
    [
        (
            "",
            "https://video.stadt.example/ü",
            "https://video.stadt.example/%C3%BC",
            ["https://video.stadt.example/%C3%BC"],
        ),
        ("Raum 1", "https://video.stadt.example/x", "Raum 1", ["https://video.stadt.example/x"]),
        ("", "Telefon 0208\n123456", "Telefon 0208 123456", []),
        ("Raum 1", "", "Raum 1", []),
        ("", "", None, []),
    ],
)
def test_publish_says_where(place: str, join_link: str, location: str | None, conferences: list[str]) -> None:
    event = the_event(
        calendars.publish(replace(MEETING, place=place, join_link=join_link), organizer=FADEN, stamp=STAMP)
    )

    assert (event.location, [conference.uri for conference in event.conferences]) == (location, conferences)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", "https://v.example/x\nhttps://f.example/1"),
        ("TOP 1", "TOP 1\n\nhttps://v.example/x\nhttps://f.example/1"),
        (
            "Hier: https://v.example/x\nhttps://f.example/12",
            "Hier: https://v.example/x\nhttps://f.example/12\n\nhttps://f.example/1",
        ),
        ("https://f.example/1 https://v.example/x", "https://f.example/1 https://v.example/x"),
        ("ü" * 3000, "ü" * 2026 + "…\n\nhttps://v.example/x\nhttps://f.example/1"),
    ],
)
def test_publish_describes_with_every_link_once(text: str, description: str) -> None:
    meeting = replace(MEETING, description=text, join_link="https://v.example/x", url="https://f.example/1")

    event = the_event(calendars.publish(meeting, organizer=FADEN, stamp=STAMP))

    assert event.description == description
    assert len(description.encode()) <= calendars.DESCRIPTION_LIMIT


def test_publish_of_a_reserved_private_meeting() -> None:
    meeting = replace(MEETING, status=Status.TENTATIVE, private=True)

    event = the_event(calendars.publish(meeting, organizer=FADEN, stamp=STAMP))

    assert (event.status, event.classification) == ("TENTATIVE", "PRIVATE")


# ---------------------------------------------------------------------------------------------------------------- feed


def test_feed_is_the_same_for_any_order_of_the_facts() -> None:
    meetings = [MEETING, replace(MEETING, uid="0@b"), *on(date(2026, 6, 9), date(2026, 1, 13))]
    dues = [DUE, replace(DUE, uid="commitment-4@faden.stadt.example"), replace(DUE, uid="a@b", due=date(2026, 7, 1))]

    octets = feed(meetings, dues)

    assert feed(meetings[::-1], dues[::-1]) == octets
    assert [event.start for event in Calendar.from_ical(octets).events] == [
        datetime(2026, 1, 13, 10, tzinfo=BERLIN),
        datetime(2026, 6, 9, 10, tzinfo=BERLIN),
        datetime(2026, 6, 9, 14, 30, tzinfo=BERLIN),
        datetime(2026, 6, 9, 14, 30, tzinfo=BERLIN),
        date(2026, 7, 1),
        date(2026, 9, 30),
        date(2026, 9, 30),
    ]


def test_feed_stamps_with_the_last_change() -> None:
    event = the_event(feed([MEETING]))

    assert (event.stamp, event.last_modified) == (MEETING.last_modified, MEETING.last_modified)


def test_feed_keeps_the_suffix_of_a_long_title() -> None:
    event = the_event(feed([replace(called_off(MEETING), title="ü" * 400)]))

    assert event.summary == "ü" * 248 + "… (fällt aus)"
    assert len(("ü" * 248 + "… (fällt aus)").encode()) <= calendars.LINE_LIMIT


def test_feed_of_a_reader_elsewhere_has_the_time_zones_of_its_meetings() -> None:
    octets = feed([MEETING], zone="Europe/Lisbon")

    calendar = Calendar.from_ical(octets)
    assert str(calendar["X-WR-TIMEZONE"]) == "Europe/Lisbon"
    assert [timezone.tz_name for timezone in calendar.timezones] == ["Europe/Berlin"]


def test_feed_leaves_out_what_cannot_be_made_and_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, odd = replace(MEETING, uid="broken@x", sequence=4), replace(DUE, uid="odd@x")
    sealed = calendars._sealed  # noqa: SLF001 -- the facts let nothing through to it that cannot be made

    def refuse(event: Event) -> bytes:
        if event.uid in {broken.uid, odd.uid}:
            raise calendars.NotReadBack
        return sealed(event)

    monkeypatch.setattr(calendars, "_sealed", refuse)

    octets = feed([broken, MEETING], [odd, DUE], left_out=[("broken@x", 4), ("odd@x", 2)])

    monkeypatch.undo()
    assert octets == feed([MEETING], [DUE])


# --------------------------------------------------------------------------------------------------------- facts


@pytest.mark.parametrize(
    "change",
    [
        {"uid": ""},
        {"uid": "a b"},
        {"uid": "ü@x"},
        {"uid": "a" * 256},
        {"uid": "a\r\nb"},
        {"sequence": -1},
        {"url": "faden.stadt.example"},
        {"created": STAMP.replace(tzinfo=None)},
        {"last_modified": STAMP.replace(tzinfo=None)},
    ],
)
def test_facts_refuse_an_impossible_identity(change: dict[str, Any]) -> None:
    [fact] = change

    with pytest.raises(InvalidFact) as of_meeting:
        replace(MEETING, **change)
    with pytest.raises(InvalidFact) as of_due:
        replace(DUE, **change)

    assert (of_meeting.value.fact, of_due.value.fact) == (fact, fact)


@pytest.mark.parametrize(
    ("starts", "ends", "fact"),
    [
        (datetime(2026, 6, 9, 14), datetime(2026, 6, 9, 15, tzinfo=BERLIN), "starts"),  # noqa: DTZ001 -- naive
        (datetime(2026, 6, 9, 14, tzinfo=UTC), datetime(2026, 6, 9, 15, tzinfo=BERLIN), "starts"),
        (datetime(2026, 6, 9, 14, tzinfo=BERLIN), datetime(2026, 6, 9, 15, tzinfo=UTC), "ends"),
        (datetime(2026, 6, 9, 14, tzinfo=BERLIN), datetime(2026, 6, 9, 14, tzinfo=BERLIN), "ends"),
        (datetime(2026, 6, 9, 14, tzinfo=BERLIN), datetime(2026, 6, 9, 13, tzinfo=BERLIN), "ends"),
        (datetime(2026, 6, 9, 14, 0, 1, tzinfo=BERLIN), datetime(2026, 6, 9, 15, tzinfo=BERLIN), "starts"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), datetime(2026, 3, 29, 5, tzinfo=BERLIN), "starts"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), "ends"),
    ],
)
def test_meeting_refuses_an_impossible_time(starts: datetime, ends: datetime, fact: str) -> None:
    with pytest.raises(InvalidFact) as refused:
        replace(MEETING, starts=starts, ends=ends)

    assert refused.value.fact == fact


def test_meeting_refuses_a_zone_without_timezone_component() -> None:
    lisbon = ZoneInfo("Europe/Lisbon")

    with pytest.raises(calendars.UnsupportedZone):
        replace(MEETING, starts=MEETING.starts.astimezone(lisbon), ends=MEETING.ends.astimezone(lisbon))


def test_meeting_over_the_repeated_hour_is_as_long_as_it_is() -> None:
    meeting = replace(
        MEETING,
        starts=datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN),
        ends=datetime(2026, 10, 25, 3, 0, tzinfo=BERLIN),
    )

    [event] = read_by_other(calendars.publish(meeting, organizer=FADEN, stamp=STAMP)).events

    assert isinstance(event.dtend, datetime)
    assert event.dtend.astimezone(UTC) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (datetime(2026, 10, 25, 1, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
        (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime(2026, 10, 25, 4, tzinfo=BERLIN)),
    ],
)
def test_second_of_two_equal_times_is_read_as_such(starts: datetime, ends: datetime) -> None:
    octets = calendars.publish(replace(MEETING, starts=starts, ends=ends), organizer=FADEN, stamp=STAMP)

    other, own = read_by_other(octets).events[0], the_event(octets)
    assert isinstance(other.dtstart, datetime)
    assert isinstance(other.dtend, datetime)
    assert isinstance(own.start, datetime)
    assert isinstance(own.end, datetime)
    expected = (starts.astimezone(UTC), ends.astimezone(UTC))
    assert (other.dtstart.astimezone(UTC), other.dtend.astimezone(UTC)) == expected
    assert (own.start.astimezone(UTC), own.end.astimezone(UTC)) == expected


@pytest.mark.parametrize("zone", sorted(ZONES_LIKE_BERLIN))
def test_meeting_in_a_zone_like_berlin_has_that_zone(zone: str) -> None:
    there = ZoneInfo(zone)
    meeting = replace(MEETING, starts=MEETING.starts.replace(tzinfo=there), ends=MEETING.ends.replace(tzinfo=there))

    octets = calendars.publish(meeting, organizer=FADEN, stamp=STAMP)

    lines = unfolded(octets)
    assert [line for line in lines if "TZID" in line] == [
        f"TZID:{zone}",
        f"DTSTART;TZID={zone}:20260609T143000",
        f"DTEND;TZID={zone}:20260609T163000",
    ]
    assert octets.replace(zone.encode(), b"Europe/Berlin").startswith(
        calendars.publish(MEETING, organizer=FADEN, stamp=STAMP).partition(b"BEGIN:VEVENT")[0]
    )


def test_due_refuses_a_time() -> None:
    with pytest.raises(InvalidFact, match="due"):
        replace(DUE, due=datetime(2026, 9, 30, 12, tzinfo=BERLIN))


@pytest.mark.parametrize("address", ["Jens <jens@traeger.example>", "jens@Traeger.example", " jens@traeger.example"])
def test_people_need_a_usable_address(address: str) -> None:
    with pytest.raises(InvalidFact, match="address"):
        Attendee(address=address, name="Jens")
    with pytest.raises(InvalidFact, match="address"):
        Organizer(address=address, name="Jens")


def test_event_that_does_not_read_back_is_never_given_out() -> None:
    event = Event.new(uid="a@b", start=datetime(2026, 6, 9, 14, 0, 0, 5, tzinfo=BERLIN), stamp=STAMP)

    with pytest.raises(calendars.NotReadBack):
        calendars._sealed(event)  # noqa: SLF001 -- the facts let no such event through to it
