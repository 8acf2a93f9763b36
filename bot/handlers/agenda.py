"""Agenda items in the chat: hand in (guided or in one line), change, withdraw, decide; the agenda."""

from typing import Any

from telegram import Update

from bot.actions import access, agenda, meetings
from bot.handlers import dialogues
from bot.handlers.context import Context
from bot.handlers.dialogues import Answers, Guide
from bot.rules import guard, permissions, reading
from bot.rules.dialogue import ITEM, REJECT, RETITLE
from bot.rules.facts import Plain, Text, Title
from bot.rules.refusals import NotAMember, NotUnderstood, TooLong
from storage.vocabulary import Purpose

MINUTES = (5, 10, 15, 20, 30, 45)
SLOTS = (1, 2, 3, 4)


async def submit(_update: Update, context: Context) -> None:
    """/top: guided, or in one line ("TK: Kinderbauernhof, Beschluss, 20 min")."""
    by = await context.speaker()
    if context.turn.callback_id is not None or not context.text:
        await _begin(context, {})
        return
    line = reading.agenda_line(context.text)
    if line is None or (not line.title and line.purpose != Purpose.CASE_CONSULTATION):
        raise NotUnderstood(step=Plain("command"))
    bodies = await access.bodies(by, context.now, permissions.may_submit)
    body = (await access.body(by, line.body, context.now, permissions.may_submit)) if line.body else None
    if body is None and len(bodies) == 1:
        body = bodies[0]
    purpose = Purpose(line.purpose) if line.purpose else None
    if body is None or purpose is None or purpose is Purpose.CASE_CONSULTATION or guard.suspicious(line.title):
        await _begin(context, _half_filled(line, body.id if body else None, context))
        return
    proposal = agenda.Proposal(purpose=purpose, title=line.title, minutes=line.minutes)
    facts = await agenda.submit(by=by, body=body.id, proposal=proposal, now=context.now)
    context.reply("item_handed_in", facts)


def _half_filled(line: reading.AgendaLine, body: int | None, context: Context) -> Answers:
    """What a line said, as answers of the guided entry."""
    answers: Answers = {"minutes": line.minutes} if line.minutes else {}
    if body is not None:
        answers["body"] = body
    if line.purpose:
        answers["purpose"] = line.purpose
    if line.title and line.purpose != Purpose.CASE_CONSULTATION:
        answers |= _titled(line.title, context)
    return answers


def _titled(title: str, context: Context) -> Answers:
    if len(title) > agenda.TITLE_LIMIT:
        raise TooLong(limit=agenda.TITLE_LIMIT)
    source = context.message.message_id if context.message else None
    return {"title": title, "suspicious": guard.suspicious(title), "source": source}


async def submit_for_meeting(_update: Update, context: Context) -> None:
    """Hand in for the meeting that is on the screen."""
    found, body = await meetings.for_reading(by=await context.speaker(), meeting=int(context.codes[1]), now=context.now)
    await _begin(context, {"body": body.id, "meeting": found.id})


async def _begin(context: Context, answers: Answers) -> None:
    bodies = await access.bodies(await context.speaker(), context.now, permissions.may_submit)
    if not bodies:
        raise NotAMember(body=None)
    if len(bodies) == 1:
        answers = {"body": bodies[0].id, **answers}
    if "body" in answers and "meeting" not in answers:
        ahead = await agenda.targets(by=await context.speaker(), body=answers["body"], now=context.now)
        if len(ahead) < 2 and not (ahead and ahead[0]["late"]):  # noqa: PLR2004  # one target is no choice
            answers["meeting"] = ahead[0]["id"] if ahead else 0
    await dialogues.begin(context, GUIDES["item"], answers)


async def agenda_(_update: Update, context: Context) -> None:
    """/tagesordnung: of the only body, or a choice; or the one whose button was pressed."""
    by = await context.speaker()
    if context.turn.callback_id is not None and context.codes[0] == "a":
        await _show_agenda(context, int(context.codes[1]))
        return
    ahead = await agenda.next_meetings(by=by, now=context.now)
    if len(ahead) == 1:
        await _show_agenda(context, ahead[0]["id"])
    else:
        context.show("agenda_choice", {"meetings": ahead})


async def _show_agenda(context: Context, meeting: int) -> None:
    context.show("agenda", await agenda.of_meeting(by=await context.speaker(), meeting=meeting, now=context.now))


async def topics(_update: Update, context: Context) -> None:
    """/themen: what I handed in, and where it is now."""
    context.show("topics", await agenda.own(by=await context.speaker(), now=context.now))


async def view(_update: Update, context: Context) -> None:
    """One item."""
    context.show("item", await agenda.view(by=await context.speaker(), item=_id(context), now=context.now))


async def withdraw(_update: Update, context: Context) -> None:
    """Take it back."""
    context.show(
        "item_withdrawn", await agenda.withdraw(by=await context.speaker(), item=_id(context), now=context.now)
    )


async def accept(_update: Update, context: Context) -> None:
    """Onto the agenda."""
    facts = await agenda.accept(by=await context.speaker(), item=_id(context), now=context.now)
    context.toast("item_accepted_toast", facts)
    context.show("item", await agenda.view(by=await context.speaker(), item=_id(context), now=context.now))


async def reject(_update: Update, context: Context) -> None:
    """Turn it down: the guided entry asks for the reason."""
    await dialogues.begin(context, GUIDES["reject"], {"item": _id(context)})


async def change_title(_update: Update, context: Context) -> None:
    """Another wording: the guided entry."""
    await dialogues.begin(context, GUIDES["retitle"], {"item": _id(context)})


async def shift(_update: Update, context: Context) -> None:
    """One place up or down."""
    up = context.codes[2] == "up"
    meeting = await agenda.shift(by=await context.speaker(), item=_id(context), up=up, now=context.now)
    await _show_agenda(context, meeting)


async def order(_update: Update, context: Context) -> None:
    """The agenda with buttons to reorder it."""
    facts = await agenda.of_meeting(by=await context.speaker(), meeting=_id(context), now=context.now)
    context.show("agenda_order", facts)


def _id(context: Context) -> int:
    return int(context.codes[1])


# --- the guided entries ---------------------------------------------------------------------------------------------


async def _take(context: Context, answers: Answers, step: str, text: str, pressed: bool) -> Answers:  # noqa: C901, FBT001, PLR0911  # a guide's signature; one case for each step
    by = await context.speaker()
    match step:
        case "body":
            body = await access.body(by, int(text) if pressed else text, context.now, permissions.may_submit)
            ahead = await agenda.targets(by=by, body=body.id, now=context.now)
            only = {} if len(ahead) > 1 or (ahead and ahead[0]["late"]) else {"meeting": ahead[0]["id"] if ahead else 0}
            return {"body": body.id, **only}
        case "meeting" if pressed:
            return {"meeting": int(text)}
        case "purpose" if pressed:
            return {"purpose": Purpose(text).value}
        case "slots":
            if not text.isdigit():
                raise NotUnderstood(step=Plain("slots"))
            return {"slots": int(text)}
        case "title" if not pressed and text:
            return _titled(text, context)
        case "kept" if pressed and text == "yes":
            return {"kept": True}
        case "minutes":
            length = reading.duration(text) if text != "none" else None
            if length is None and not (pressed and text == "none"):
                raise NotUnderstood(step=Plain("minutes"))
            return {"minutes": int(length.total_seconds()) // 60 if length else None}
        case "paper":
            return await _paper(context, answers, text, pressed=pressed)
        case "reason" if not pressed and text:
            return {"reason": text}
        case _:
            raise NotUnderstood(step=Plain(step))


async def _paper(context: Context, answers: Answers, text: str, *, pressed: bool) -> Answers:
    """A file for the item; more than one may come before "fertig"."""
    papers = list(answers.get("papers", ()))
    if context.upload is not None:
        upload = context.upload
        number = await agenda.keep_paper(
            by=await context.speaker(),
            name=upload.file_name or "Anlage",
            mime=upload.mime_type or "application/octet-stream",
            size=upload.file_size or 0,
            network=context.turn.network,
            file_id=upload.file_id,
            now=context.now,
        )
        return {"papers": [*papers, number]}
    if pressed and text == "done":
        return {"paper": True}
    raise NotUnderstood(step=Plain("paper"))


async def _facts(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about an item show; a suspicious title is not repeated."""
    by = await context.speaker()
    bodies = await access.bodies(by, context.now, permissions.may_submit)
    chosen = next((body for body in bodies if body.id == answers.get("body")), None)
    ahead = await agenda.targets(by=by, body=chosen.id, now=context.now) if chosen else []
    title = answers.get("title", "")
    existing = await agenda.view(by=by, item=answers["item"], now=context.now) if "item" in answers else {}
    return {
        "bodies": [{"id": body.id, "name": Title(body.name), "level": body.level} for body in bodies],
        "body": Title(chosen.name) if chosen else None,
        "targets": ahead,
        "meeting": next((meeting for meeting in ahead if meeting["id"] == answers.get("meeting")), None),
        "purposes": [Plain(purpose.value) for purpose in Purpose],
        "purpose": Plain(answers["purpose"]) if "purpose" in answers else None,
        "title": Title(title) if title and (not answers.get("suspicious") or answers.get("kept")) else None,
        "slots": answers.get("slots"),
        "minutes": answers.get("minutes"),
        "lengths": list(MINUTES),
        "slot_choices": list(SLOTS),
        "papers": len(answers.get("papers", ())),
        "flagged": bool(answers.get("kept")),
        "reason": Text(answers["reason"]) if "reason" in answers else None,
        **existing,
    }


async def _submitted(context: Context, answers: Answers, _choice: str) -> None:
    proposal = agenda.Proposal(
        purpose=Purpose(answers["purpose"]),
        title=answers.get("title", ""),
        minutes=answers.get("minutes"),
        slots=answers.get("slots"),
        papers=tuple(answers.get("papers", ())),
        kept=bool(answers.get("kept")),
    )
    facts = await agenda.submit(
        by=await context.speaker(),
        body=answers["body"],
        meeting=answers.get("meeting"),
        proposal=proposal,
        now=context.now,
    )
    context.show("item_handed_in", facts)


async def discard(_update: Update, context: Context) -> None:
    """Erase every trace of a text that looked like case data, the message in which it was typed included."""
    source = await dialogues.discard(context)
    if source is not None:
        context.erase(source)
    context.show("discarded")


async def rephrase(_update: Update, context: Context) -> None:
    """Type it again, without the case."""
    source = await dialogues.reopen(context, GUIDES, "title", "suspicious", "source")
    if source is not None:
        context.erase(source)


async def _rejected(context: Context, answers: Answers, _choice: str) -> None:
    facts = await agenda.reject(
        by=await context.speaker(), item=answers["item"], reason=answers["reason"], now=context.now
    )
    context.show("item_rejected_by_me", facts)


async def _retitled(context: Context, answers: Answers, _choice: str) -> None:
    facts = await agenda.change(
        by=await context.speaker(),
        item=answers["item"],
        title=answers["title"],
        kept=bool(answers.get("kept")),
        now=context.now,
    )
    context.show("item", facts)


GUIDES = {
    "item": Guide(ITEM, _take, _facts, _submitted),
    "reject": Guide(REJECT, _take, _facts, _rejected),
    "retitle": Guide(RETITLE, _take, _facts, _retitled),
}

BUTTONS = {
    "a": agenda_,
    "ao": order,
    "as": shift,
    "i": view,
    "inew": submit_for_meeting,
    "it": change_title,
    "iw": withdraw,
    "ia": accept,
    "ir": reject,
    "idrop": discard,
    "iagain": rephrase,
}
