"""What goes with a message: calendar objects, built when they are sent, and papers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from telegram import Bot
from telegram.error import TelegramError

from bot.addresses import usable_address
from bot.post.chat import File
from bot.post.files import download
from bot.post.words import PostSettings
from bot.rules.facts import FULL
from storage import queries
from storage.models import Document, Person
from storage.vocabulary import Answer, Network

if TYPE_CHECKING:
    from bot import calendars

CALENDAR_MIME = "text/calendar"
NEUTRAL_PAPER = "dokument"
CANCELLED = "cancelled"


class NotMade(Exception):
    """There is no such file, or none can be made of the facts: the message goes without it and says so."""


class NotFetched(Exception):
    """The network that has the file does not answer; it need not be the one to which the message goes."""


async def chat_file(
    fact: Mapping[str, Any],
    *,
    level: int,
    network: Network,
    bots: Mapping[Network, Bot],
    settings: PostSettings,
    by_id: bool = True,
) -> File | None:
    """The file that `facts["document"]` asks for, with a neutral name below level 3; None when there is none to send.

    `by_id`: a paper may go by the id by which its network knows it. Raises NotMade, and NotFetched while the network that has
    the file does not answer.
    """
    if fact["type"] == "stored":
        return await _paper(int(fact["id"]), level=level, network=network if by_id else None, bots=bots)
    return _calendar_file(fact, level=level, settings=settings)


def _calendar_file(fact: Mapping[str, Any], *, level: int, settings: PostSettings) -> File | None:
    """A date to take home. A meeting that is off has none: a file cannot take a date out of a calendar."""
    from bot import calendars  # noqa: PLC0415  # icalendar is loaded when it is needed

    if str(fact["status"]).lower() == CANCELLED:
        return None
    shown = fact if level >= FULL else {**fact, "join_link": None, "description": None}
    code = str(fact.get("code") or "") if level >= FULL else ""
    with _told(fact, settings):
        meeting = meeting_facts(shown, settings)
        return File(
            name=calendars.file_name(code, meeting.starts.date()) if code else calendars.NEUTRAL_FILE_NAME,
            mime=CALENDAR_MIME,
            content=calendars.publish(meeting, organizer=_organizer(settings), stamp=fact["stamp"]),
        )


def calendar_mail(fact: Mapping[str, Any], person: Person, settings: PostSettings) -> tuple[str, bytes]:
    """The method of `facts["calendar"]` and the object for one reader. Raises NotMade."""
    with _told(fact, settings):
        return _calendar_mail(fact, person, settings)


@contextmanager
def _told(fact: Mapping[str, Any], settings: PostSettings) -> Iterator[None]:
    """Tell the operator of a calendar object that cannot be made, whatever the reason. Raises NotMade."""
    try:
        yield
    except Exception as error:
        settings.unbuilt.tell(str(fact.get("uid")), int(fact.get("sequence") or 0), error)
        raise NotMade from error


def _calendar_mail(fact: Mapping[str, Any], person: Person, settings: PostSettings) -> tuple[str, bytes]:
    from bot import calendars  # noqa: PLC0415  # icalendar is loaded when it is needed

    meeting, stamp, organizer = meeting_facts(fact, settings), fact["stamp"], _organizer(settings)
    recipient = calendars.Attendee(
        address=usable_address(recipient_of(fact, person)) or "",
        name=f"{person.given_name} {person.family_name}",
        role=calendars.Role(str(fact.get("role") or calendars.Role.REQUIRED)),
        answer=Answer(str(fact.get("answer") or Answer.OPEN)),
    )
    method = calendars.Method(str(fact["method"]).upper())
    if method is calendars.Method.REQUEST:
        return method, calendars.request(meeting, organizer=organizer, recipient=recipient, stamp=stamp)
    if fact.get("uninvite"):
        return method, calendars.uninvite(meeting, organizer=organizer, recipient=recipient, stamp=stamp)
    return method, calendars.cancel(meeting, organizer=organizer, recipient=recipient, stamp=stamp)


def recipient_of(fact: Mapping[str, Any] | None, person: Person) -> str:
    """The address that a mail is for: a calendar mail says itself whose calendar it means."""
    return str((fact or {}).get("to") or person.mail or "")


def meeting_facts(fact: Mapping[str, Any], settings: PostSettings) -> "calendars.MeetingFacts":
    """What `bot.actions.meetings.meetings.calendar_facts` gives, as `bot.calendars` wants it."""
    from bot import calendars  # noqa: PLC0415  # icalendar is loaded when it is needed

    zone = ZoneInfo(str(fact["zone"]))
    return calendars.MeetingFacts(
        uid=str(fact["uid"]),
        sequence=int(fact["sequence"]),
        title=str(fact["title"]),
        starts=fact["starts"].astimezone(zone),
        ends=fact["ends"].astimezone(zone),
        status=calendars.Status(str(fact["status"]).upper()),
        url=settings.base_url + str(fact["path"]),
        created=fact["created"],
        last_modified=fact["last_modified"],
        place=str(fact.get("place") or ""),
        join_link=str(fact.get("join_link") or ""),
        description=str(fact.get("description") or ""),
        categories=tuple(str(category) for category in fact.get("categories") or ()),
        private=bool(fact.get("private")),
        organizer=str(fact.get("organizer") or ""),
    )


def _organizer(settings: PostSettings) -> "calendars.Organizer":
    from bot import calendars  # noqa: PLC0415  # icalendar is loaded when it is needed

    return calendars.Organizer(address=settings.mailbox, name=settings.town)


async def _paper(document_id: int, *, level: int, network: Network | None, bots: Mapping[Network, Bot]) -> File:
    """A paper as the network knows it, or its bytes; its name only where everything may be shown. Raises NotMade, NotFetched."""
    document = await Document.get_or_none(id=document_id).only("id", "name", "mime", "network", "file_id")
    if document is None:
        raise NotMade
    picture = document.mime.startswith("image/")  # Telegram keeps a photo as what it is: its id is no document's
    if level >= FULL and document.network is network and document.file_id and not picture:
        return File(name=document.name, file_id=document.file_id)
    name = document.name if level >= FULL else NEUTRAL_PAPER + _suffix(document.name)
    (content,) = await queries.column(Document.filter(id=document_id), "content") or [None]
    if content is None and document.network in bots and document.file_id:
        content = await _fetched(bots[document.network], document.file_id)
    if not content:
        raise NotMade
    return File(name=name, mime=document.mime, content=content)


async def _fetched(bot: Bot, file_id: str) -> bytes | None:
    """The bytes that the network keeps; None when it has them no longer. Raises NotFetched."""
    try:
        return await download(bot, file_id)
    except (TelegramError, TimeoutError) as error:
        raise NotFetched from error


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix}" if stem and dot and suffix.isalnum() else ""
