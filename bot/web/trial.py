"""The trial's own pages: be anybody of the town, and move the clock. They exist only in a trial."""

import re
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.actions.accounts import sessions
from bot.actions.trial import trial
from bot.rules.refusals import NotFoundHere
from bot.web import middlewares
from bot.web.settings import CLOCK_MOVED, CLOCKS, SETTINGS
from bot.web.sign_in import device
from bot.web.words import do, form, full_name, page
from storage import queries
from storage.models import Body, Person

ADDRESS: Final = "/probe"
MORNING: Final = time(9)
DAYS: Final = {"day": 1, "week": 7}


async def show(request: web.Request) -> web.Response:
    """Everybody, by body and role, and the clock."""
    now = request.app[CLOCKS].domain()
    zone = ZoneInfo(request.app[SETTINGS].zone)
    groups = []
    seated: set[int] = set()
    for body in await Body.all().order_by("id"):
        seats = await queries.seats_in(body.id, now.astimezone(zone).date())
        people = [(seat.person, seat.role.value, seat.organisation) for seat in seats if seat.person is not None]
        seated.update(person.id for person, _, _ in people)
        entries = [
            {"id": person.id, "name": full_name(person), "role": role, "organisation": where.name if where else None}
            for person, role, where in people
        ]
        if entries:
            groups.append({"name": body.name, "people": entries})
    others = await Person.filter(left_at=None).exclude(id__in=list(seated)).order_by("family_name", "given_name")
    return page(
        request,
        "trial",
        {
            "groups": groups,
            "others": [{"id": person.id, "name": full_name(person)} for person in others],
            "local": now.astimezone(zone).strftime("%Y-%m-%dT%H:%M"),
        },
    )


async def become(request: web.Request) -> web.StreamResponse:
    """Be somebody else from now on, in this browser."""
    chosen = (await form(request)).get("person", "")
    known = re.fullmatch(r"\d{1,9}", chosen) is not None
    person = await Person.get_or_none(id=int(chosen), left_at=None) if known else None
    if person is None:
        raise NotFoundHere
    label, machine_now = device(request.headers.get("User-Agent", "")), request.app[CLOCKS].machine()
    session = await do(request, lambda: sessions.begin(person=person.id, label=label, now=machine_now))
    response = web.Response(status=303, headers={"Location": request.app[SETTINGS].home})
    middlewares.keep_signed_in(request, response, session)
    return response


async def move_clock(request: web.Request) -> web.StreamResponse:
    """Move the trial's time, by a step or to a date; everything that is due by then happens."""
    fields = await form(request)
    clocks, zone = request.app[CLOCKS], ZoneInfo(request.app[SETTINGS].zone)
    wanted = _wanted(fields.get("step", ""), fields.get("to", ""), clocks.domain(), zone)
    offset = await do(request, lambda: trial.move_clock(to=wanted, machine_now=clocks.machine()))
    request.app[CLOCK_MOVED](offset)
    return web.Response(status=303, headers={"Location": ADDRESS})


def _wanted(step: str, typed: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The time to go to; None for the machine's own. Raises NoSuchTrialTime."""
    local = now.astimezone(zone)
    if step == "hour":
        return now + timedelta(hours=1)
    if step in DAYS:
        return local + timedelta(days=DAYS[step])  # the same time of day, whatever the clocks do in between
    if step == "morning":
        day = local.date() if local.time() < MORNING else local.date() + timedelta(days=1)
        return datetime.combine(day, MORNING, zone)
    if step == "now":
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=zone)
    except ValueError as error:
        raise trial.NoSuchTrialTime from error
