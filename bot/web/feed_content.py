"""What stands in a calendar feed."""

from functools import cache
from typing import Any

from bot import calendars, messages
from bot.actions.feeds import FeedDue, FeedFacts, FeedMeeting
from bot.calendars import DueFacts, MeetingFacts, Organizer, Status
from bot.rules import tokens
from bot.web.settings import WebSettings
from storage.models import Person


def content_of(settings: WebSettings, person: Person, facts: FeedFacts) -> bytes:
    """The feed's bytes, in its owner's language: the same facts give the same."""
    words = _words(facts.language)
    return calendars.feed(
        [_meeting(settings, meeting) for meeting in facts.meetings],
        [_due(settings, due, _said(words.due(due))) for due in facts.dues],
        name=_said(words.name(settings.town)),
        organizer=Organizer(address=settings.mailbox, name=settings.town),
        zone=facts.zone,
        cancelled_suffix=_said(words.cancelled()),
    )


@cache
def _words(language: str) -> Any:  # noqa: ANN401  # a module of macros has no type
    return messages.environment(language).get_template("pages/feed.html").module


def _said(markup: Any) -> str:  # noqa: ANN401  # what a macro gives
    return str(markup.unescape()).strip()


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
