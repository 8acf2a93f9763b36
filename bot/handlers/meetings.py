"""Meetings in the chat: the list, one meeting, the answer; scheduling, inviting, moving and calling off."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from telegram import Update

from bot.actions import access
from bot.actions.meetings import arrangements, invitations, meetings, moving, placing, reaching
from bot.actions.meetings.arrangements import Arrangement
from bot.handlers import dialogues, readers
from bot.handlers.context import Context
from bot.handlers.dialogues import Guide
from bot.handlers.readers import Answers, Given, Reader
from bot.rules import join_links, permissions, presses, reading
from bot.rules.calendar_grid import month_grid
from bot.rules.dialogue import CANCEL, INVITE, MEETING, MOVE, PLACE, Notes
from bot.rules.facts import JoinLink, Place, Plain, Text, Title
from bot.rules.refusals import NotAllowed, NotUnderstood
from storage.vocabulary import MeetingFormat

DURATIONS = (60, 90, 120, 180)
MONTH = r"20[0-9]{2}-(?:0[1-9]|1[0-2])"  # "2026-12"
OVER = (meetings.MeetingOver,)
FOLDS = {"": None, "A": 0, "B": 1}  # of two equal times


async def upcoming(_update: Update, context: Context) -> None:
    """/termine."""
    context.show("meetings/list", await meetings.upcoming(by=await context.speaker(), now=context.now))


async def view(_update: Update, context: Context) -> None:
    """One meeting."""
    (meeting,) = context.given
    context.show("meetings/meeting", await meetings.view(by=await context.speaker(), meeting=meeting, now=context.now))


async def answer(_update: Update, context: Context) -> None:
    """Zusage, Vielleicht, Absage. The button knows the minute at which the meeting began when it was shown; older ones did not."""
    meeting, given, minute = context.given
    shown = datetime.fromtimestamp(minute * 60, UTC) if minute is not None else None
    facts = await invitations.answer(
        by=await context.speaker(), meeting=meeting, answer=given, shown=shown, now=context.now
    )
    context.toast("meetings/answered_toast", facts)
    if context.private:
        context.show("meetings/answered", facts)


async def deputies(_update: Update, context: Context) -> None:
    """Who could come instead, of oneself or of somebody who phoned."""
    meeting, phoned = context.given
    facts = await invitations.deputies(by=await context.speaker(), meeting=meeting, person=phoned, now=context.now)
    context.show("meetings/deputies", {**facts, "person": phoned})


async def delegate(_update: Update, context: Context) -> None:
    """Somebody comes instead of the speaker, or of somebody who phoned."""
    meeting, deputy, phoned = context.given
    facts = await invitations.delegate(
        by=await context.speaker(), meeting=meeting, deputy=deputy, person=phoned, now=context.now
    )
    context.toast("meetings/answered_toast", facts)
    if phoned is None:
        context.show("meetings/answered", facts)
    else:
        await _show_answers(context, meeting)


async def answers(_update: Update, context: Context) -> None:
    """Who comes, who does not, who has not said and who was not reached."""
    (meeting,) = context.given
    await _show_answers(context, meeting)


async def _show_answers(context: Context, meeting: int) -> None:
    context.show(
        "meetings/answers", await invitations.answers(by=await context.speaker(), meeting=meeting, now=context.now)
    )


async def tell_again(_update: Update, context: Context) -> None:
    """Send it once more to those who may have missed it."""
    (meeting,) = context.given
    context.toast(
        "meetings/told_again", await reaching.again(by=await context.speaker(), meeting=meeting, now=context.now)
    )
    await _show_answers(context, meeting)


async def answer_for(_update: Update, context: Context) -> None:
    """Somebody phoned; ask who it was and what they said."""
    meeting, phoned = context.given
    facts = await invitations.answers(by=await context.speaker(), meeting=meeting, now=context.now)
    chosen = next((entry for entry in facts["people"] if phoned is not None and entry["id"] == phoned), None)
    context.show("meetings/answer_for", {**facts, "person": chosen})


async def answered_for(_update: Update, context: Context) -> None:
    """Write down what somebody who phoned has said."""
    meeting, person, given = context.given
    speaker = await context.speaker()
    facts = await invitations.answer(by=speaker, meeting=meeting, answer=given, person=person, now=context.now)
    context.toast("meetings/answered_toast", facts)
    await _show_answers(context, meeting)


async def schedule(_update: Update, context: Context) -> None:
    """Schedule a meeting: the guided entry, for the body whose button was pressed or the only one."""
    (wanted,) = context.given
    bodies = await access.bodies(await context.speaker(), context.now, permissions.may_schedule)
    if not bodies:
        raise NotAllowed(body=None)
    chosen = [body.id for body in bodies if len(bodies) == 1 or body.id == wanted]
    await dialogues.begin(context, GUIDES["meeting"], {"body": chosen[0]} if chosen else {})


async def invite(_update: Update, context: Context) -> None:
    """Send the invitations, after a look at the notice period."""
    (meeting,) = context.given
    check = await invitations.notice_check(
        by=await context.speaker(), meeting=meeting, land=context.town.land, mails=context.town.mails, now=context.now
    )
    await _begin(context, "invite", meeting, {"short_notice": check["short"]})


async def move(_update: Update, context: Context) -> None:
    """Move a meeting: the guided entry. It lasts as long as before, unless an end is typed."""
    (meeting,) = context.given
    facts = await moving.changeable(by=await context.speaker(), meeting=meeting, now=context.now)
    await _begin(context, "move", meeting, {"minutes": facts["meeting"]["minutes"]})


async def relocate(_update: Update, context: Context) -> None:
    """Change a meeting's form, place or join link: the guided entry."""
    (meeting,) = context.given
    facts = await moving.changeable(by=await context.speaker(), meeting=meeting, now=context.now)
    await _begin(context, "place", meeting, {"body": facts["body_id"]})


async def cancel(_update: Update, context: Context) -> None:
    """Call a meeting off: the guided entry."""
    (meeting,) = context.given
    await moving.changeable(by=await context.speaker(), meeting=meeting, now=context.now)
    await _begin(context, "cancel", meeting, {})


async def _begin(context: Context, kind: str, meeting: int, answers: Answers) -> None:
    """Start the form that changes a meeting; it keeps how the meeting stood."""
    seen = await arrangements.as_it_stands(by=await context.speaker(), meeting=meeting, now=context.now)
    await dialogues.begin(context, GUIDES[kind], {"meeting": meeting, "seen": seen, **answers})


async def tell_now(_update: Update, context: Context) -> None:
    """Do not wait for the settle time."""
    (meeting,) = context.given
    facts = await moving.told_at_once(by=await context.speaker(), meeting=meeting, now=context.now)
    context.show("meetings/told_at_once", facts)


# --- the guided entries ---------------------------------------------------------------------------------------------


def _known(name: str) -> Reader:
    """The body's usual place or link, the one that the meeting has at present, or none."""

    async def read(given: Given) -> Answers:
        context, by = given.context, await given.context.speaker()
        if given.text == "usual":
            body = await access.body(by, given.answers["body"], context.now, permissions.may_schedule)
            return {name: body.place if name == "place" else body.join_link}
        if given.text == "same":
            facts = await moving.changeable(by=by, meeting=given.answers["meeting"], now=context.now)
            return {name: facts["meeting"][name]}
        return {name: None}

    return read


async def _link(given: Given) -> Answers:
    link = join_links.read(given.text)
    written = readers.worded(given.context, "join_link", link or "", limit=meetings.LINK_LIMIT, whereabouts=True)
    return {**written, "join_link": link}


async def _format(given: Given) -> Answers:
    return {"format": presses.word(MeetingFormat, given.text).value}


async def _picked(given: Given) -> Answers:
    """A day or a time from the calendar; or another month of it: g2026-12."""
    if given.text.startswith("g"):
        return {"month": presses.matching(MONTH, given.text[1:]), "day": None, "options": []}
    return await _when(given)


async def _when(given: Given) -> Answers:
    """A date as typed or picked; a day without a time asks for the time, and days that are offered take the chosen one's place."""
    context, answers = given.context, given.answers
    known = () if given.pressed else answers.get("options") or filter(None, [answers.get("day")])
    days = tuple(dict.fromkeys(date.fromisoformat(stored[:10]) for stored in known))
    zone = ZoneInfo((await context.speaker()).zone)
    if days:
        understood = reading.at(given.text, days=days, sure=not answers.get("options"), now=context.now, zone=zone)
    else:
        exact = _one_of_two(given.text) if given.pressed else None
        understood = exact or reading.when(given.text, now=context.now, zone=zone)
    if isinstance(understood, reading.NotADate):
        raise NotUnderstood(
            step=Plain("time" if answers.get("day") else "when"), why=Plain(understood.reason.name.lower())
        )
    if isinstance(understood, reading.Choices):
        options = [_stored(option) for option in understood.options]
        return {"options": options, "skipped": understood.skipped, "day": None}
    if understood.time is None:
        return {"day": understood.date.isoformat(), "options": []}
    added: Answers = {"when": _stored(replace(understood, end=None, end_fold=None)), "options": []}
    if answers.get("day"):
        added["day"] = understood.date.isoformat()
    minutes = understood.minutes(zone)
    if minutes is not None:
        added["minutes"] = minutes
        added["preset"] = [*given.notes.preset, "minutes"]
    return added


async def _minutes(given: Given) -> Answers:
    """A length, or the end ("bis 12", "10-12"); where an end may be one of two, or is none, the lengths to choose from."""
    length = reading.duration(given.text)
    if length is not None:
        return {"minutes": int(length.total_seconds()) // 60, "ends": []}
    zone = ZoneInfo((await given.context.speaker()).zone)
    understood = reading.until(given.text, start=_exact(given.answers["when"]), now=given.context.now, zone=zone)
    match understood:
        case reading.Exact():
            return {"minutes": understood.minutes(zone), "ends": []}
        case reading.Choices(options=options, skipped=skipped):
            return {"ends": [option.minutes(zone) for option in options], "skipped": skipped}
    raise given.not_understood()


def _stored(exact: reading.Exact) -> str:
    """A moment as text: 2026-11-24, 2026-11-24T14:30 or, with its end, 2026-11-24T14:30-16:00.

    In the night when the clocks show an hour twice, A is the first and B the second one: 2026-10-25T02:30B.
    """
    ends = ((exact.time, exact.fold), (exact.end, exact.end_fold))
    times = "-".join(f"{clock:%H:%M}{'' if fold is None else 'AB'[fold]}" for clock, fold in ends if clock)
    return "T".join([exact.date.isoformat(), *filter(None, [times])])


def _exact(stored: str) -> reading.Exact:
    """The moment that `_stored` wrote. Raises ValueError for any other text."""
    day, _, times = stored.partition("T")
    start, _, end = times.partition("-")
    return reading.Exact(
        date.fromisoformat(day),
        time.fromisoformat(start[:5]) if start else None,
        time.fromisoformat(end[:5]) if end else None,
        FOLDS[start[5:]],
        FOLDS[end[5:]],
    )


def _one_of_two(pressed: str) -> reading.Exact | None:
    """What a button says that stands for one of two equal times; None for every other one."""
    try:
        return _exact(pressed) if {"A", "B"} & set(pressed) else None
    except (ValueError, KeyError):
        return None


def _wall(stored: str) -> datetime:
    """The wall time at which a chosen moment begins, its fold set."""
    exact = _exact(stored)
    return datetime.combine(exact.date, exact.time or time()).replace(fold=exact.fold or 0)


async def _facts(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about a meeting show; a text that looks like case data is not repeated."""
    if withheld := Notes.of(answers).withheld:
        answers = {**answers, withheld: None}
    person = await context.speaker()
    zone = ZoneInfo(person.zone)
    bodies = await access.bodies(person, context.now, permissions.may_schedule)
    chosen = next((body for body in bodies if body.id == answers.get("body")), None)
    today = context.now.astimezone(zone).date()
    existing = await _existing(context, answers)
    held = existing["meeting"]["starts"].astimezone(zone).date() if existing else today
    month = date.fromisoformat(f"{answers['month']}-01") if answers.get("month") else max(held, today).replace(day=1)
    link = existing["meeting"]["join_link"] if existing else None
    return {
        "bodies": [{"id": body.id, "name": Title(body.name), "level": body.level} for body in bodies],
        "level": chosen.level if chosen else None,
        "body": Title(chosen.name) if chosen else None,
        "usual_place": Place(chosen.place) if chosen and chosen.place else None,
        "usual_link": bool(chosen and chosen.join_link and chosen.join_link != link),
        "grid": month_grid(month, today),
        "day": date.fromisoformat(answers["day"]) if answers.get("day") else None,
        **_answered(answers, zone),
        **existing,
    }


def _answered(answers: Answers, zone: ZoneInfo) -> dict[str, Any]:
    """What has been answered so far, and what there is to choose from."""
    return {
        "options": [_moment(option, zone) for option in answers.get("options", ())],
        "skipped": bool(answers.get("skipped")),
        "starts": _moment(answers["when"], zone) if "when" in answers else None,
        "minutes": answers.get("minutes"),
        "durations": list(DURATIONS),
        "ends": answers.get("ends", []),
        "format": Plain(answers["format"]) if "format" in answers else None,
        "place": Place(answers["place"]) if answers.get("place") else None,
        "join_link": JoinLink(answers["join_link"]) if answers.get("join_link") else None,
        "linked": bool(answers.get("join_link")),
        "reason": Text(answers["reason"]) if answers.get("reason") else None,
    }


def _moment(stored: str, zone: ZoneInfo) -> dict[str, Any]:
    """A typed moment for the screen: `at` is None when only the day is known, `minutes` when the end is not.

    `twice` says whether the clocks show its beginning or its end twice.
    """
    exact = _exact(stored)
    return {
        "stored": Plain(stored),
        "day": exact.date,
        "at": exact.begins(zone),
        "minutes": exact.minutes(zone),
        "twice": (exact.fold, exact.end_fold) != (None, None),
    }


async def _existing(context: Context, answers: Answers) -> dict[str, Any]:
    """The meeting that is moved, called off or invited to."""
    if "meeting" not in answers:
        return {}
    person = await context.speaker()
    since = await arrangements.meanwhile(
        by=person, meeting=answers["meeting"], began=Notes.of(answers).seen, now=context.now
    )
    if "short_notice" in answers:
        check = await invitations.notice_check(
            by=person,
            meeting=answers["meeting"],
            land=context.town.land,
            mails=context.town.mails,
            now=context.now,
        )
        return {**since, **check}
    meeting = (await meetings.view(by=person, meeting=answers["meeting"], now=context.now))["meeting"]
    return {**since, "meeting": meeting, **_elsewhere(meeting, answers)}


def _elsewhere(meeting: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """The meeting in the form and at the place that have been answered, and what of it is new."""
    if "format" not in answers:
        return {}
    before = Arrangement.told(meeting)
    form = MeetingFormat(answers["format"])
    place, link = meetings.fitting(form, answers.get("place"), answers.get("join_link"))
    planned = replace(before, format=form, place=place, join_link=link)
    return {"planned": planned.facts(), "changed": before.changes(planned)}


async def _scheduled(context: Context, answers: Answers, _choice: str) -> None:
    plan = meetings.Plan(
        starts=_wall(answers["when"]),
        minutes=answers["minutes"],
        format=MeetingFormat(answers["format"]),
        place=answers.get("place"),
        join_link=answers.get("join_link"),
        kept=Notes.of(answers).let_stay,
    )
    facts = await placing.schedule(
        by=await context.speaker(),
        body=answers["body"],
        plan=plan,
        host=context.town.host,
        zone=context.town.zone,
        now=context.now,
    )
    context.show("meetings/scheduled", facts)


def _seen(answers: Answers, choice: str) -> str | None:
    """The mark of the meeting as it stood above the button; a form from before there were marks has none."""
    return None if Notes.of(answers).seen is None else choice


async def _invited(context: Context, answers: Answers, choice: str) -> None:
    facts = await invitations.invite(
        by=await context.speaker(),
        meeting=answers["meeting"],
        land=context.town.land,
        reason=answers.get("reason"),
        kept=Notes.of(answers).let_stay,
        mailbox=context.town.mailbox,
        mails=context.town.mails,
        seen=_seen(answers, choice),
        now=context.now,
    )
    context.show("meetings/invited", facts)


async def _moved(context: Context, answers: Answers, choice: str) -> None:
    facts = await moving.move(
        by=await context.speaker(),
        meeting=answers["meeting"],
        starts=_wall(answers["when"]),
        minutes=answers["minutes"],
        seen=_seen(answers, choice),
        now=context.now,
    )
    context.show("meetings/moved_by_me", facts)


async def _relocated(context: Context, answers: Answers, choice: str) -> None:
    facts = await moving.relocate(
        by=await context.speaker(),
        meeting=answers["meeting"],
        form=MeetingFormat(answers["format"]),
        place=answers.get("place"),
        join_link=answers.get("join_link"),
        kept=Notes.of(answers).let_stay,
        seen=_seen(answers, choice),
        now=context.now,
    )
    context.show("meetings/moved_by_me", facts)


async def _cancelled(context: Context, answers: Answers, choice: str) -> None:
    facts = await moving.cancel(
        by=await context.speaker(),
        meeting=answers["meeting"],
        reason=answers["reason"],
        kept=Notes.of(answers).let_stay,
        seen=_seen(answers, choice),
        now=context.now,
    )
    context.show("meetings/cancelled_by_me", facts)


_TIMES = {"when": readers.either(pressed=_picked, typed=_when), "minutes": _minutes}
_WHERE = {
    "kept": readers.kept,
    "format": readers.pressed(_format),
    "place": readers.either(pressed=_known("place"), typed=readers.text(limit=meetings.TITLE_LIMIT, whereabouts=True)),
    "join_link": readers.either(pressed=_known("join_link"), typed=readers.typed(_link)),
}
_WHY = {"reason": readers.text(limit=invitations.REASON_LIMIT), "kept": readers.kept}

MEETING_READERS = {"body": readers.body(partial(access.body, may=permissions.may_schedule)), **_TIMES, **_WHERE}
INVITE_READERS = {"meeting": readers.unread, **_WHY}
MOVE_READERS = {"meeting": readers.unread, **_TIMES}
PLACE_READERS = {"meeting": readers.unread, **_WHERE}
CANCEL_READERS = {"meeting": readers.unread, **_WHY}

GUIDES = {
    "meeting": Guide("meetings", MEETING, MEETING_READERS, _facts, _scheduled),
    "invite": Guide("meetings", INVITE, INVITE_READERS, _facts, _invited, OVER),
    "move": Guide("meetings", MOVE, MOVE_READERS, _facts, _moved, OVER),
    "place": Guide("meetings", PLACE, PLACE_READERS, _facts, _relocated, OVER),
    "cancel": Guide("meetings", CANCEL, CANCEL_READERS, _facts, _cancelled, OVER),
}

BUTTONS = {
    "meetings": upcoming,
    "m": view,
    "ma": answer,
    "md": deputies,
    "mdd": delegate,
    "mw": answers,
    "mu": tell_again,
    "mf": answer_for,
    "mfa": answered_for,
    "mnew": schedule,
    "mi": invite,
    "mm": move,
    "mp": relocate,
    "mc": cancel,
    "mt": tell_now,
}
