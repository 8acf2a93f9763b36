"""What stands in a calendar feed."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from bot import calendars, messages
from bot.actions.feeds import FeedDue, FeedFacts, FeedMeeting
from bot.calendars import DueFacts, MeetingFacts, Organizer, Status
from bot.rules import tokens
from bot.web.settings import WebSettings


def content_of(settings: WebSettings, facts: FeedFacts) -> bytes:
    """The feed's bytes, in its owner's language: the same facts give the same.

    A meeting that no calendar object can carry is left out; the operator is told.
    """
    words = _words(facts.language)
    return calendars.feed(
        list(_possible(settings, facts.meetings)),
        [_due(settings, due, _said(words.due(due))) for due in facts.dues],
        name=_said(words.name(settings.town)),
        organizer=Organizer(address=settings.mailbox, name=settings.town),
        zone=facts.zone,
        cancelled_suffix=_said(words.cancelled()),
        left_out=settings.unbuilt.tell,
    )


@cache
def _words(language: str) -> Any:  # noqa: ANN401  # a module of macros has no type
    return messages.environment(language).get_template("pages/feed.html").module


def _said(markup: Any) -> str:  # noqa: ANN401  # what a macro gives
    return str(markup.unescape()).strip()


def _possible(settings: WebSettings, meetings: Iterable[FeedMeeting]) -> Iterator[MeetingFacts]:
    for meeting in meetings:
        try:
            yield _meeting(settings, meeting)
        except Exception as error:  # noqa: BLE001  # whatever it is, it concerns this meeting alone
            settings.unbuilt.tell(meeting.uid, meeting.sequence, error)


def _meeting(settings: WebSettings, meeting: FeedMeeting) -> MeetingFacts:
    return MeetingFacts(
        uid=meeting.uid,
        sequence=meeting.sequence,
        title=meeting.title,
        starts=meeting.starts,
        ends=meeting.ends,
        status=Status.CANCELLED if meeting.cancelled else Status.CONFIRMED,
        url=f"{settings.public_url}/sitzung/{meeting.id}",
        created=meeting.created,
        last_modified=meeting.changed,
        place=meeting.place,
        join_link=meeting.join_link,
        organizer=meeting.organizer,
    )


def _due(settings: WebSettings, due: FeedDue, title: str) -> DueFacts:
    return DueFacts(
        uid=f"commitment-{due.id}-{tokens.tag(settings.key, 'commitment', due.id)[:16]}@faden",
        sequence=due.version - 1,
        title=title,
        due=due.due,
        url=f"{settings.public_url}{settings.home}",
        created=due.created,
        last_modified=due.changed,
    )
