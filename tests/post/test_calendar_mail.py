"""Calendar mail from end to end: real actions, a real SMTP server, real HTTP; what is checked are the bytes that came."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, TypeVar

import pytest
from aiohttp.test_utils import TestClient, TestServer
from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar

from bot.actions import feeds
from bot.actions.meetings import invitations, meetings, moving, reaching
from bot.actions.notices import Draft
from bot.actions.people import leaving
from bot.app import Faden, assemble
from bot.config import MailSettings, Settings, TownSettings, WebSettings
from bot.post import Mailer
from bot.rules.facts import AnswerLink, JoinLink, PersonName, Place, Plain, Text, Title
from storage.db import unit_of_work
from storage.models import Attendance, Body, Meeting, Membership, Notice, Person
from storage.vocabulary import Answer, MeetingFormat, NoticeKind, NoticeState, Role
from tests.golden import assert_golden
from tests.post.conftest import Clock, Mailbox, Office, person, queue
from tests.post.test_dispatch import CALENDAR

SENDER = "faden@faden.example"
STARTS = datetime(2026, 12, 3, 14, 30)  # noqa: DTZ001  # local wall time
T = TypeVar("T")
Visitor = TestClient[Any, Any]


# --- the words --------------------------------------------------------------------------------------------------------

MEETING = {
    "id": 7, "level": 3, "title": Title("82. Trägerkonferenz"), "code": Plain("TK"), "body": Title("Trägerkonferenz"),
    "starts": datetime(2026, 12, 3, 13, 30, tzinfo=UTC), "minutes": 90, "format": Plain("hybrid"), "linked": True,
    "place": Place("Rathaus, Raum 12"), "join_link": JoinLink("https://meet.example/tk"), "state": Plain("invited"),
    "cancel_reason": None, "sequence": 2,
}  # fmt: skip
CALLED_OFF = {**MEETING, "state": Plain("cancelled"), "cancel_reason": Text("Wasserschaden im Rathaus")}
BEFORE = {
    "starts": datetime(2026, 12, 1, 13, 30, tzinfo=UTC), "minutes": 60, "format": Plain("presence"),
    "place": Place("Bauhof"), "linked": False, "join_link": None,
}  # fmt: skip
MOVED = {"was": BEFORE, "changed": {"time": True, "format": False, "place": False, "link": False}, "anew": True}
RELOCATED = {"was": BEFORE, "changed": {"time": False, "format": True, "place": True, "link": True}, "anew": False}
AS_DEPUTY = {"meeting": MEETING, "instead_of": PersonName("Ben Özdemir")}
MAILS: dict[str, tuple[str, str, dict[str, Any]]] = {  # by their golden files: template, method, facts
    "invitation": ("meetings/invitation", "REQUEST", {"meeting": MEETING}),
    "invitation_as_deputy": ("meetings/invitation_as_deputy", "REQUEST", AS_DEPUTY),
    "moved": ("meetings/moved", "REQUEST", {"meeting": MEETING, **MOVED}),
    "relocated": ("meetings/moved", "REQUEST", {"meeting": MEETING, **RELOCATED}),
    "cancelled": ("meetings/cancelled", "CANCEL", {"meeting": CALLED_OFF}),
    "deputy_released": ("meetings/deputy_released", "CANCEL", {"meeting": MEETING}),
    "seat_lost": ("people/seat_lost", "CANCEL", {"meeting": {**MEETING, "linked": False, "join_link": None}}),
}


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("name", MAILS)
async def test_mail_is_what_the_golden_file_says(office: Office, mailbox: Mailbox, name: str, language: str) -> None:
    template, method, facts = MAILS[name]
    nora = await person(mail="nora.quint@traeger.example", language=language)
    calendar = {**CALENDAR, "method": Plain(method), "title": MEETING["title"], "place": MEETING["place"]}
    if template == "people/seat_lost":
        calendar |= {"uninvite": True, "join_link": None}
    elif method == "CANCEL":
        calendar["status"] = Plain("cancelled")
    draft = Draft(
        key="meeting:7:2",
        template=template,
        facts={**facts, "calendar": calendar, "link": AnswerLink(5)},
        due_at=office.clock.now,
        person=nora.id,
        kind=NoticeKind.CALENDAR_MAIL,
    )

    await queue(draft, now=office.clock.now)
    await office.open(mailer=Mailer(mailbox.address, SENDER)).drain()

    (mail,) = mailbox.messages()
    assert_golden(f"mail/{name}.{language}.eml", mail)


@pytest.mark.parametrize("language", ["de", "en"])
async def test_mail_without_its_calendar_object_is_what_the_golden_file_says(
    office: Office, mailbox: Mailbox, language: str
) -> None:
    nora = await person(mail="nora.quint@traeger.example", language=language)
    calendar = {**CALENDAR, "method": Plain("REQUEST"), "zone": Plain("Europe/Lisbon")}
    draft = Draft(
        key="meeting:7:2",
        template="meetings/invitation",
        facts={"meeting": MEETING, "calendar": calendar, "link": AnswerLink(5)},
        due_at=office.clock.now,
        person=nora.id,
        kind=NoticeKind.CALENDAR_MAIL,
    )

    await queue(draft, now=office.clock.now)
    await office.open(mailer=Mailer(mailbox.address, SENDER)).drain()

    (mail,) = mailbox.messages()
    assert_golden(f"mail/without_calendar.{language}.eml", mail)


# --- the whole way ----------------------------------------------------------------------------------------------------


@dataclass
class House:
    """Faden with a mail server, and a small town in which nobody chats.

    Anna leads the TK, Ben is a member for whom Dora may stand in; Dora reads English.
    """

    faden: Faden
    clock: Clock
    mailbox: Mailbox
    visitor: Visitor
    anna: Person
    ben: Person
    dora: Person
    meeting: int = 0
    _read: int = field(default=0)

    async def does(self, action: Callable[..., Awaitable[T]], **facts: Any) -> T:  # noqa: ANN401  # facts of every kind
        """An action, kept; then the post goes."""
        result = await unit_of_work(lambda: action(now=self.clock.now, **facts))
        await self.post()
        return result

    async def post(self, **later: float) -> None:
        self.clock.passes(**later)
        await self.faden.post.drain()

    def new_mails(self) -> dict[str, "Received"]:
        """What has come since the last look, by its one recipient's given name."""
        received = [Received.of(content) for content in self.mailbox.messages()[self._read :]]
        self._read += len(received)
        found = {mail.to.partition("@")[0]: mail for mail in received}
        assert len(found) == len(received)
        return found


@dataclass(frozen=True)
class Received:
    """A mail as its reader's program sees it."""

    message: EmailMessage
    calendar: bytes

    @classmethod
    def of(cls, content: bytes) -> "Received":
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        parts = list(message.walk())
        assert [part.get_content_type() for part in parts] == [
            "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
        ]  # fmt: skip
        calendar, attached = parts[4].get_payload(decode=True), parts[5].get_payload(decode=True)
        assert isinstance(calendar, bytes)
        assert calendar == attached
        assert parts[4]["Content-Disposition"] is None
        return cls(message, calendar)

    @property
    def to(self) -> str:
        (address,) = self.message["To"].addresses
        return str(address.addr_spec)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def methods(self) -> tuple[str, str]:
        """Of the part and of the object."""
        part = list(self.message.walk())[4]
        return str(part.get_param("method")), str(Calendar.from_ical(self.calendar)["METHOD"])

    @property
    def event(self) -> Any:  # noqa: ANN401  # icalendar's
        (event,) = Calendar.from_ical(self.calendar).walk("VEVENT")
        assert event.errors == []
        return event

    @property
    def attendee(self) -> Any:  # noqa: ANN401  # icalendar's
        """The one who is listed."""
        attendee = self.event["ATTENDEE"]
        assert not isinstance(attendee, list)
        return attendee

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return "\n".join(str(body.get_content()).splitlines())

    @property
    def link(self) -> str:
        """The path of the answer link."""
        (link,) = re.findall(r"^https://faden\.example(/antwort/\S+)$", self.text, re.MULTILINE)
        return str(link)


@pytest.fixture
async def house(store: str, clock: Clock, mailbox: Mailbox) -> AsyncIterator[House]:  # noqa: ARG001  # the store is open
    settings = Settings(
        web=WebSettings(given_url="https://faden.example"),
        mail=MailSettings(smtp_url=mailbox.address, sender=SENDER),
        town=TownSettings(name="Musterstadt", land="NI"),
    )
    tk = await Body.create(code="TK", name="Trägerkonferenz", kind="provider_conference", level=0)
    people = {}
    for name, family, role, language in (
        ("Anna", "Arendt", Role.CHAIR, "de"),
        ("Ben", 'Özdemir "B", Dr.', Role.MEMBER, "de"),
        ("Dora", "Dietz", None, "en"),
    ):
        people[name] = await Person.create(
            key=name.lower(),
            given_name=name,
            family_name=family,
            mail=f"{name.lower()}@traeger.example",
            language=language,
        )
        if role is not None:
            await Membership.create(body=tk, person=people[name], role=role, begins_on=date(2026, 1, 1))
    await Membership.filter(person_id=people["Ben"].id).update(deputy_id=people["Dora"].id)
    faden = await assemble(settings, key=b"k" * 32, domain_now=clock, machine_now=clock, pacers={})
    visitor: Visitor
    async with TestServer(faden.application) as server, TestClient(server) as visitor:
        made = House(faden, clock, mailbox, visitor, people["Anna"], people["Ben"], people["Dora"])
        planned = await made.does(
            meetings.schedule,
            by=made.anna,
            body="TK",
            plan=meetings.Plan(
                starts=STARTS,
                minutes=90,
                format=MeetingFormat.HYBRID,
                place="Rathaus",
                join_link="https://meet.example/tk",
            ),
            host="faden.example",
        )
        made.meeting = planned["meeting"]["id"]
        yield made
    await faden.stop()


@pytest.mark.parametrize(
    ("public_url", "organiser"),
    [("http://localhost:8080", "faden@faden.invalid"), ("http://[::1]:8080", "faden@faden.invalid")],
)
async def test_feed_of_a_town_without_mail_has_its_meetings_wherever_it_runs(
    house: House, public_url: str, organiser: str
) -> None:
    settings = Settings(web=WebSettings(given_url=public_url))
    secret = await unit_of_work(lambda: feeds.secret_link(person=house.ben, key=b"k" * 32, now=house.clock.now))
    faden = await assemble(settings, key=b"k" * 32, domain_now=house.clock, machine_now=house.clock, pacers={})

    visitor: Visitor
    async with TestServer(faden.application) as server, TestClient(server) as visitor:
        response = await visitor.get(f"/kalender/{secret}.ics")
        (event,) = Calendar.from_ical(await response.read()).walk("VEVENT")
    await faden.stop()

    assert event["ORGANIZER"] == f"mailto:{organiser}"
    assert event["URL"] == f"{public_url}/sitzung/{house.meeting}"


async def invited(house: House) -> dict[str, Received]:
    await house.does(invitations.invite, by=house.anna, meeting=house.meeting, land="NI")
    return house.new_mails()


async def state_of(who: Person) -> list[tuple[str, NoticeState]]:
    mails = Notice.filter(person_id=who.id, kind=NoticeKind.CALENDAR_MAIL).order_by("id")
    return [(notice.template, notice.state) for notice in await mails]


async def test_invitation_is_a_request_for_one(house: House) -> None:
    mails = await invited(house)

    assert sorted(mails) == ["anna", "ben"]
    ben = mails["ben"]
    assert ben.subject == "Einladung: 1. Trägerkonferenz, Do, 03.12., 14:30 Uhr"
    assert ben.methods == ("REQUEST", "REQUEST")
    assert (str(ben.message["From"]), ben.message["Auto-Submitted"]) == (f"Faden Musterstadt <{SENDER}>", None)
    assert ben.event["ORGANIZER"] == "mailto:faden@faden.example"
    assert ben.attendee == "mailto:ben@traeger.example"
    assert {name: str(ben.attendee.params[name]) for name in ("CN", "RSVP", "PARTSTAT", "ROLE", "CUTYPE")} == {
        "CN": "Ben Özdemir 'B', Dr.",
        "RSVP": "TRUE",
        "PARTSTAT": "NEEDS-ACTION",
        "ROLE": "REQ-PARTICIPANT",
        "CUTYPE": "INDIVIDUAL",
    }
    assert (int(ben.event["SEQUENCE"]), str(ben.event["STATUS"])) == (0, "CONFIRMED")
    assert b"anna@" not in ben.calendar
    assert "Diese Mail geht an alle, die einen Sitz in diesem Gremium haben." in ben.text
    assert "https://faden.example/einstellungen" in ben.text


async def test_meeting_that_cannot_stand_in_a_calendar_is_told_by_plain_mail_and_its_lead_sees_it(house: House) -> None:
    await Meeting.filter(id=house.meeting).update(zone="Europe/Lisbon")

    facts = await house.does(invitations.invite, by=house.anna, meeting=house.meeting, land="NI")
    mails = [message_from_bytes(content, policy=default) for content in house.mailbox.messages()]
    answers = await invitations.answers(by=house.anna, meeting=house.meeting, now=house.clock.now)

    assert facts["in_calendars"] is False
    assert [mail["To"].addresses[0].username for mail in mails] == ["anna", "ben"]
    assert [mail.get_content_type() for mail in mails] == ["multipart/alternative"] * 2
    assert {str(entry["name"]): entry["without_file"] for entry in answers["people"]} == {
        "Anna Arendt": True,
        'Ben Özdemir "B", Dr.': True,
    }
    counted = await (await house.visitor.get("/metrics")).text()
    assert "faden_calendar_objects_not_built 1.0" in counted.splitlines()


async def test_move_and_cancel_keep_the_uid_and_go_up(house: House) -> None:
    first = (await invited(house))["ben"]
    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    too_early = house.new_mails()
    await house.post(minutes=2)
    second = house.new_mails()["ben"]
    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")
    third = house.new_mails()["ben"]

    way = [first, second, third]
    assert too_early == {}
    assert [mail.methods for mail in way] == [("REQUEST",) * 2, ("REQUEST",) * 2, ("CANCEL",) * 2]
    assert len({str(mail.event["UID"]) for mail in way}) == 1
    assert [int(mail.event["SEQUENCE"]) for mail in way] == [0, 1, 2]
    stamps = [mail.event["DTSTAMP"].dt for mail in way]
    assert stamps == sorted(set(stamps))
    assert len({str(mail.message["Message-ID"]) for mail in way}) == 3
    assert [str(mail.event["STATUS"]) for mail in way] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert second.subject == "Verlegt: 1. Trägerkonferenz, neu am Fr, 04.12., 14:30 Uhr"
    assert "Bisher: Do, 03.12.2026 (KW 49), 14:30–16:00. Neu:" in second.text
    assert third.subject == "Fällt aus: 1. Trägerkonferenz, Fr, 04.12., 14:30 Uhr"
    assert "Grund: Wasserschaden" in third.text
    assert third.attendee == "mailto:ben@traeger.example"


async def test_cancelled_at_once_after_a_move_tells_the_date_that_people_know(house: House) -> None:
    await invited(house)
    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")

    (mail,) = [mail for name, mail in house.new_mails().items() if name == "ben"]
    await house.post(minutes=5)

    assert mail.subject == "Fällt aus: 1. Trägerkonferenz, Do, 03.12., 14:30 Uhr"
    assert house.new_mails() == {}


async def answered(house: House, link: str, **form: str) -> str:
    response = await house.visitor.post(link, data=form)
    assert response.status == 200
    await house.post()
    return str(await response.text())


async def own_answer(house: House, who: Person) -> tuple[Answer, int | None]:
    attendance = await Attendance.get(meeting_id=house.meeting, person_id=who.id)
    return attendance.answer, attendance.deputy_id


async def test_answer_link_shows_by_get_and_answers_by_post(house: House) -> None:
    link = (await invited(house))["ben"].link

    shown = await house.visitor.get(link)
    text = await shown.text()
    after_looking = await own_answer(house, house.ben)
    await answered(house, link, answer="accepted")
    accepted = await own_answer(house, house.ben)
    await answered(house, link, answer="tentative")

    assert shown.status == 200
    assert "<h1>1. Trägerkonferenz</h1>" in text
    assert (after_looking, accepted) == ((Answer.OPEN, None), (Answer.ACCEPTED, None))
    assert await own_answer(house, house.ben) == (Answer.TENTATIVE, None)
    assert house.new_mails() == {}


async def test_deputy_is_invited_in_their_language_and_released_when_the_mind_changes(house: House) -> None:
    link = (await invited(house))["ben"].link
    page = await answered(house, link, answer="declined")
    await answered(house, link, deputy=str(house.dora.id))
    asked = house.new_mails()
    house.clock.passes(minutes=1)
    await answered(house, link, answer="accepted")
    released = house.new_mails()

    assert "Dora Dietz" in page
    assert (sorted(asked), sorted(released)) == (["dora"], ["dora"])
    assert asked["dora"].subject == "Invitation as deputy: 1. Trägerkonferenz, Thu, 3 Dec, 14:30"
    assert asked["dora"].methods == ("REQUEST", "REQUEST")
    assert released["dora"].methods == ("CANCEL", "CANCEL")
    assert int(released["dora"].event["SEQUENCE"]) > int(asked["dora"].event["SEQUENCE"])
    assert asked["dora"].event["UID"] == released["dora"].event["UID"]
    assert await own_answer(house, house.ben) == (Answer.ACCEPTED, None)


async def test_deputy_answers_by_their_own_link(house: House) -> None:
    link = (await invited(house))["ben"].link
    await answered(house, link, deputy=str(house.dora.id))

    page = await answered(house, house.new_mails()["dora"].link, answer="accepted")

    assert '<html lang="en">' in page
    assert await own_answer(house, house.dora) == (Answer.ACCEPTED, None)
    assert await own_answer(house, house.ben) == (Answer.DELEGATED, house.dora.id)


async def test_who_moves_asks_everybody_anew(house: House) -> None:
    link = (await invited(house))["ben"].link
    await answered(house, link, answer="accepted")

    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    await house.post(minutes=2)

    moved = house.new_mails()["ben"]
    assert str(moved.attendee.params["PARTSTAT"]) == "NEEDS-ACTION"
    assert await own_answer(house, house.ben) == (Answer.OPEN, None)
    await answered(house, moved.link, answer="declined")
    assert await own_answer(house, house.ben) == (Answer.DECLINED, None)


async def test_nobody_gets_a_second_mail_that_only_says_there_is_something(house: House) -> None:
    await invited(house)

    told = Notice.filter(person_id=house.ben.id).exclude(kind=NoticeKind.CALENDAR_MAIL)
    assert [(notice.state, notice.error) for notice in await told] == [(NoticeState.DROPPED, "by calendar mail")]


async def over_night(house: House) -> list[tuple[str, str]]:
    """Who has got which mail by the next noon, and the evening comes again."""
    received = []
    for hours in (0.25, 14, 2):
        await house.post(hours=hours)
        received += [(name, mail.subject.partition(":")[0]) for name, mail in house.new_mails().items()]
    house.clock.passes(hours=7.75)
    return sorted(received)


async def test_what_leaves_in_quiet_hours_does_not_come_again_in_the_morning(house: House) -> None:
    house.clock.now = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    anna, ben = [{"by": person, "meeting": house.meeting} for person in (house.anna, house.ben)]

    await house.does(invitations.invite, **anna, land="NI")
    invitation = await over_night(house)
    await house.does(invitations.delegate, **ben, deputy=house.dora.id)
    asked = await over_night(house)
    await house.does(moving.move, **anna, starts=STARTS + timedelta(days=1), minutes=None)
    moved = await over_night(house)
    await house.does(invitations.answer, **ben, answer=Answer.ACCEPTED)
    released = await over_night(house)
    await house.does(moving.cancel, **anna, reason="Wasserschaden")
    cancelled = await over_night(house)

    assert invitation == [("anna", "Einladung"), ("ben", "Einladung")]
    assert asked == [("dora", "Invitation as deputy")]
    assert moved == [("anna", "Verlegt"), ("ben", "Verlegt"), ("dora", "Moved")]
    assert released == [("dora", "No longer needed as deputy")]
    assert cancelled == [("anna", "Fällt aus"), ("ben", "Fällt aus")]


async def test_seat_lost_in_quiet_hours_is_told_by_the_calendar_mails_alone(house: House) -> None:
    await invited(house)
    elsewhere = await Body.create(code="SRT", name="Sozialraumteam", kind="area_team", level=0)
    await Membership.create(body=elsewhere, person=house.ben, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    house.clock.now = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    seat = await Membership.get(person_id=house.ben.id, body__code="TK")

    await house.does(leaving.end_seat, by=house.anna, seat=seat.id)

    assert await over_night(house) == [("ben", "Entfällt für Sie")]


async def ended(house: House, who: Person) -> None:
    seat = await Membership.get(person_id=who.id)
    await house.does(leaving.end_seat, by=house.anna, seat=seat.id)


async def test_ended_seat_takes_each_meeting_ahead_out_of_that_calendar_alone(house: House) -> None:
    first = (await invited(house))["ben"]
    plan = meetings.Plan(starts=STARTS + timedelta(days=28), minutes=60, format=MeetingFormat.PRESENCE)
    planned = await house.does(meetings.schedule, by=house.anna, body="TK", plan=plan, host="faden.example")
    await house.does(invitations.invite, by=house.anna, meeting=planned["meeting"]["id"], land="NI")
    second = house.new_mails()["ben"]
    taken = len(house.mailbox.messages())

    await ended(house, house.ben)

    mails = [Received.of(content) for content in house.mailbox.messages()[taken:]]
    events = [IcsCalendarStream.calendar_from_ics(mail.calendar.decode()).events[0] for mail in mails]
    assert [mail.to for mail in mails] == ["ben@traeger.example"] * 2
    assert [mail.methods for mail in mails] == [("CANCEL", "CANCEL")] * 2
    assert [event.uid for event in events] == [str(mail.event["UID"]) for mail in (first, second)]
    assert [(event.sequence, event.status) for event in events] == [(1, None)] * 2
    assert [[attendee.uri for attendee in event.attendees] for event in events] == [["mailto:ben@traeger.example"]] * 2
    assert [mail.event["ORGANIZER"] for mail in mails] == [f"mailto:{SENDER}"] * 2
    assert all(mail.event["DTSTAMP"].dt > first.event["DTSTAMP"].dt for mail in mails)
    assert mails[0].subject == "Entfällt für Sie: 1. Trägerkonferenz, Do, 03.12., 14:30 Uhr"
    assert (await Person.get(id=house.ben.id)).left_at is not None


async def test_ended_seat_releases_the_deputy_and_the_meeting_stands_for_the_others(house: House) -> None:
    mails = await invited(house)
    await answered(house, mails["ben"].link, deputy=str(house.dora.id))
    house.new_mails()

    await ended(house, house.ben)
    gone = house.new_mails()
    house.clock.passes(minutes=1)
    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")
    off = house.new_mails()

    assert sorted(gone) == ["ben", "dora"]
    assert gone["dora"].subject == "No longer needed as deputy: 1. Trägerkonferenz, Thu, 3 Dec, 14:30"
    assert {mail.methods for mail in gone.values()} == {("CANCEL", "CANCEL")}
    assert sorted(off) == ["anna"]
    assert int(off["anna"].event["SEQUENCE"]) == 2


async def test_ended_seat_takes_back_the_invitation_that_waits(house: House) -> None:
    house.mailbox.to_recipient = "450 greylisted, come back"
    await invited(house)

    await ended(house, house.ben)
    house.mailbox.to_recipient = None
    await house.post(minutes=5)

    assert sorted(house.new_mails()) == ["anna"]


# --- a mail server in trouble -----------------------------------------------------------------------------------------


async def seen_by_the_chair(house: House) -> dict[str, bool]:
    facts = await invitations.answers(by=house.anna, meeting=house.meeting, now=house.clock.now)
    return {str(entry["name"]): entry["unreached"] for entry in facts["people"]}


async def test_greylisted_mail_comes_later_once_and_the_same(house: House) -> None:
    house.mailbox.to_recipient = "450 greylisted, come back"
    assert await invited(house) == {}
    waiting = await state_of(house.ben)
    house.mailbox.to_recipient = None

    await house.post(minutes=1)
    mails = house.new_mails()
    await house.post(minutes=30)

    assert waiting == [("meetings/invitation", NoticeState.WAITING)]
    assert sorted(mails) == ["anna", "ben"]
    assert int(mails["ben"].event["SEQUENCE"]) == 0
    assert house.new_mails() == {}
    assert await state_of(house.ben) == [("meetings/invitation", NoticeState.SENT)]


async def test_move_does_not_overtake_the_invitation_that_waits(house: House) -> None:
    house.mailbox.to_recipient = "450 greylisted, come back"
    await invited(house)
    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    house.mailbox.to_recipient = None

    await house.post(minutes=5)

    mails = house.new_mails()
    assert sorted(mails) == ["anna", "ben"]
    assert str(mails["ben"].event["DTSTART"].dt) == "2026-12-04 14:30:00+01:00"
    assert house.new_mails() == {}


async def test_refused_mail_is_given_up_and_the_organiser_sees_who_was_not_reached(house: House) -> None:
    house.mailbox.to_data = "550 no such mailbox"
    await invited(house)
    house.mailbox.to_data = None

    await house.post(hours=5)

    assert await state_of(house.ben) == [("meetings/invitation", NoticeState.DEAD)]
    assert house.new_mails() == {}
    assert (await seen_by_the_chair(house))['Ben Özdemir "B", Dr.'] is True


async def test_who_got_the_invitation_but_not_the_move_is_seen_by_the_organiser(house: House) -> None:
    await invited(house)
    before = await seen_by_the_chair(house)
    house.mailbox.to_data = "550 no such mailbox"

    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    await house.post(minutes=2)

    assert before == {"Anna Arendt": False, 'Ben Özdemir "B", Dr.': False}
    assert await seen_by_the_chair(house) == {"Anna Arendt": True, 'Ben Özdemir "B", Dr.': True}


async def test_who_was_not_reached_is_told_once_more_at_their_new_address(house: House) -> None:
    house.mailbox.to_data = "550 no such mailbox"
    await invited(house)
    house.mailbox.to_data = None
    await Person.filter(id=house.ben.id).update(mail="b.oezdemir@neu.example")
    house.new_mails()

    for _ in range(2):
        await house.does(reaching.again, by=house.anna, meeting=house.meeting)

    mails = house.new_mails()
    assert sorted(mails) == ["anna", "b.oezdemir"]
    assert mails["b.oezdemir"].attendee == "mailto:b.oezdemir@neu.example"
    assert await seen_by_the_chair(house) == {"Anna Arendt": False, 'Ben Özdemir "B", Dr.': False}


async def test_answer_lost_after_the_mail_was_taken_sends_the_same_bytes_once_more(house: House) -> None:
    house.mailbox.to_data = "250 OK"
    await invited(house)
    sent = house.mailbox.messages()
    notice = await Notice.get(person_id=house.ben.id, kind=NoticeKind.CALENDAR_MAIL)

    await Notice.filter(id=notice.id).update(state=NoticeState.WAITING)  # as after a kill: sent, and not written down
    await house.post()

    again = house.mailbox.messages()[len(sent) :]
    assert again == [content for content in sent if b"ben@traeger.example" in content]


# --- an entry that was taken away, and its way back --------------------------------------------------------------------


def versions(mail: Received) -> tuple[str, int, datetime]:
    return mail.methods[1], int(mail.event["SEQUENCE"]), mail.event["DTSTAMP"].dt


async def test_deputy_who_is_named_again_gets_a_later_version_than_the_cancel(house: House) -> None:
    link = (await invited(house))["ben"].link
    await answered(house, link, deputy=str(house.dora.id))
    await answered(house, link, answer="accepted")
    await answered(house, link, deputy=str(house.dora.id))

    way = [Received.of(content) for content in house.mailbox.messages() if b"dora@traeger.example" in content]

    assert [versions(mail)[:2] for mail in way] == [("REQUEST", 0), ("CANCEL", 1), ("REQUEST", 2)]
    stamps = [versions(mail)[2] for mail in way]
    assert stamps == sorted(set(stamps))


async def test_seat_given_back_is_invited_with_a_later_version_and_the_others_hear_nothing(house: House) -> None:
    await invited(house)
    elsewhere = await Body.create(code="SRT", name="Sozialraumteam", kind="area_team", level=0)
    await Membership.create(body=elsewhere, person=house.ben, role=Role.MEMBER, begins_on=date(2026, 1, 1))
    seat = await Membership.get(person_id=house.ben.id, body__code="TK")
    await house.does(leaving.end_seat, by=house.anna, seat=seat.id)
    taken_out = house.new_mails()["ben"]
    await Membership.filter(id=seat.id).update(ends_on=None)

    await house.does(invitations.invite, by=house.anna, meeting=house.meeting, land="NI")
    back = house.new_mails()
    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    await house.post(minutes=2)
    moved = house.new_mails()

    assert sorted(back) == ["ben"]
    assert [versions(mail)[:2] for mail in (taken_out, back["ben"])] == [("CANCEL", 1), ("REQUEST", 2)]
    assert versions(back["ben"])[2] > versions(taken_out)[2]
    assert {name: versions(mail)[:2] for name, mail in moved.items()} == {
        "anna": ("REQUEST", 3),
        "ben": ("REQUEST", 3),
    }


async def test_organiser_of_a_meeting_stays_when_the_towns_mailbox_changes(house: House) -> None:
    await house.does(invitations.invite, by=house.anna, meeting=house.meeting, land="NI", mailbox="alt@faden.example")
    first = house.new_mails()["ben"]

    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")

    last = house.new_mails()["ben"]
    assert [str(mail.event["ORGANIZER"]) for mail in (first, last)] == ["mailto:alt@faden.example"] * 2
    assert str(last.message["From"]) == f"Faden Musterstadt <{SENDER}>"


async def test_cancel_goes_to_the_address_that_has_the_entry(house: House) -> None:
    await invited(house)
    await Person.filter(id=house.ben.id).update(mail="b.oezdemir@neu.example")

    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")

    ben = house.new_mails()["ben"]
    assert (ben.to, ben.attendee) == ("ben@traeger.example", "mailto:ben@traeger.example")


async def test_seat_lost_takes_the_meeting_out_of_the_calendar_that_has_it(house: House) -> None:
    await invited(house)
    await Person.filter(id=house.ben.id).update(mail="b.oezdemir@neu.example")

    await ended(house, house.ben)

    assert house.new_mails()["ben"].to == "ben@traeger.example"


async def test_change_goes_to_the_new_address_and_the_cancel_follows_it(house: House) -> None:
    await invited(house)
    await Person.filter(id=house.ben.id).update(mail="b.oezdemir@neu.example")
    await house.does(moving.move, by=house.anna, meeting=house.meeting, starts=STARTS + timedelta(days=1), minutes=None)
    await house.post(minutes=2)
    house.new_mails()

    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")

    assert house.new_mails()["b.oezdemir"].to == "b.oezdemir@neu.example"


async def test_what_takes_a_meeting_away_has_no_way_into_its_conference(house: House) -> None:
    link = (await invited(house))["ben"].link
    await answered(house, link, deputy=str(house.dora.id))
    house.new_mails()

    await answered(house, link, answer="accepted")
    released = house.new_mails()["dora"]
    await house.does(moving.cancel, by=house.anna, meeting=house.meeting, reason="Wasserschaden")
    cancelled = house.new_mails()["ben"]

    for mail in (released, cancelled):
        assert mail.methods[1] == "CANCEL"
        assert "meet.example" not in mail.text
        assert b"meet.example" not in mail.calendar.replace(b"\r\n ", b"")
