"""A meeting's agenda to read and print, its papers, and the links by which mail is answered."""

import re
from datetime import datetime
from typing import Final

from aiohttp import hdrs, web
from aiohttp.helpers import content_disposition_header

from bot.actions import papers
from bot.actions.agenda import agenda
from bot.actions.meetings import invitations, meetings
from bot.actions.meetings.invitations import Rescheduled
from bot.rules import tokens
from bot.rules.refusals import NotFoundHere
from bot.web.settings import CLOCKS, SETTINGS
from bot.web.words import do, form, full_name, page, person_of, voice
from storage.models import Attendance, Person
from storage.vocabulary import Answer

ANSWERS: Final = {
    "accepted": Answer.ACCEPTED,
    "tentative": Answer.TENTATIVE,
    "declined": Answer.DECLINED,
}


async def show(request: web.Request) -> web.Response:
    """The agenda as a page that prints."""
    person, meeting = person_of(request), int(request.match_info["meeting"])
    facts = await agenda.of_meeting(by=person, meeting=meeting, now=request.app[CLOCKS].domain())
    return page(request, "agenda", facts)


async def meeting(request: web.Request) -> web.StreamResponse:
    """A meeting's address in calendars; what there is to see is its agenda."""
    return web.Response(status=303, headers={"Location": f"/sitzung/{request.match_info['meeting']}/tagesordnung"})


async def paper(request: web.Request) -> web.Response:
    """A document, to be kept and not to be shown: it may be anything."""
    person, document = person_of(request), int(request.match_info["document"])
    found = await papers.fetch(by=person, document=document, now=request.app[CLOCKS].domain())
    if found.content is None:  # it is still to be fetched from the network where it was sent
        raise web.HTTPServiceUnavailable(headers={hdrs.RETRY_AFTER: "60"})
    mime = found.mime if re.fullmatch(r"[\w.+-]+/[\w.+-]+", found.mime, re.ASCII) else "application/octet-stream"
    return web.Response(
        body=found.content,
        headers={
            hdrs.CONTENT_TYPE: mime,
            hdrs.CONTENT_DISPOSITION: content_disposition_header("attachment", filename=_file_name(found.name)),
            hdrs.CACHE_CONTROL: "private, no-store",
        },
    )


def _file_name(name: str) -> str:
    """No path, no control characters: browsers and disks disagree on what these mean."""
    return re.sub(r'[\x00-\x1f\x7f/\\:"<>|?*]+', "_", name).strip(" .") or "dokument"


async def invitation(request: web.Request) -> web.Response:
    """What a signed link is about, and the buttons; nothing is answered by looking."""
    attendance, person = await _addressed(request)
    now = request.app[CLOCKS].domain()
    facts = await meetings.view(by=person, meeting=attendance.meeting_id, now=now)
    return page(request, "answer", {**facts, "name": full_name(person), "rescheduled": False})


async def answer(request: web.Request) -> web.Response:
    """Write the answer, or who comes instead; show what it now is."""
    attendance, person = await _addressed(request)
    now = request.app[CLOCKS].domain()
    fields = await form(request)
    deputy, chosen = fields.get("deputy", ""), ANSWERS.get(fields.get("answer", ""))
    where, shown = attendance.meeting_id, _moment(fields.get("shown", ""))
    if re.fullmatch(r"\d{1,9}", deputy):
        facts = await do(request, lambda: invitations.delegate(by=person, meeting=where, deputy=int(deputy), now=now))
    elif chosen is not None:
        try:
            facts = await do(
                request, lambda: invitations.answer(by=person, meeting=where, answer=chosen, shown=shown, now=now)
            )
        except Rescheduled:
            facts = await meetings.view(by=person, meeting=where, now=now)
            return page(request, "answer", {**facts, "name": full_name(person), "rescheduled": True}, status=409)
    else:
        raise web.HTTPBadRequest
    possible = (
        await invitations.deputies(by=person, meeting=where, now=now) if chosen is Answer.DECLINED else {"people": []}
    )
    return page(request, "answered", {"deputy": None, **facts, "people": possible["people"]})


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


async def _addressed(request: web.Request) -> tuple[Attendance, Person]:
    """Whose invitation the link answers. The person is not signed in by that: they only speak their language here."""
    settings = request.app[SETTINGS]
    match tokens.answered_of(settings.key, request.match_info["token"]):
        case (meeting, person):
            invitation = Attendance.get_or_none(meeting_id=meeting, person_id=person, person__left_at=None)
        case (attendance,):
            invitation = Attendance.get_or_none(id=attendance, person__left_at=None)
        case _:
            raise NotFoundHere
    found = await invitation.select_related("person")
    if found is None or found.person is None:
        raise NotFoundHere
    request["voice"] = voice(settings, found.person.language, found.person)
    return found, found.person
