"""Agenda items in the chat: hand in (guided or in one line), change, withdraw, decide; the agenda."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

from telegram import Update

from bot.actions import access, papers
from bot.actions.agenda import agenda, agenda_items
from bot.handlers import dialogues, readers
from bot.handlers.context import Context
from bot.handlers.dialogues import Guide
from bot.handlers.readers import Answers, Given
from bot.rules import permissions, presses, reading
from bot.rules.dialogue import ITEM, PAPERS, REJECT, RETITLE, Notes
from bot.rules.facts import Plain, Text, Title
from bot.rules.procedure import LateItems
from bot.rules.refusals import NotAMember, NotUnderstood
from storage.models import Body
from storage.vocabulary import Purpose

MINUTES = (5, 10, 15, 20, 30, 45)
SLOTS = (1, 2, 3, 4)
OVER = (agenda_items.ItemOver,)


async def submit(_update: Update, context: Context) -> None:
    """/top: guided, or in one line ("TK: Kinderbauernhof, Beschluss, 20 min")."""
    if context.turn.callback_id is not None or not context.text:
        await _begin(context, {})
        return
    line = reading.agenda_line(context.text)
    if line is None:
        raise NotUnderstood(step=Plain("command"))
    by = await context.speaker()
    if line.body is None and (alone := await access.own(by, line.title, context.now, permissions.may_submit)):
        await _begin(context, _of_line(replace(line, title=""), alone, context))
        return
    body = await access.named(by, line.body, context.now, permissions.may_submit) if line.body else None
    unsure = line.body is not None and body is None
    if unsure:
        line = replace(line, body=None, title=f"{line.body}: {line.title}")
    await _begin(context, _of_line(line, body, context), confirmed=not unsure)


def _of_line(line: reading.AgendaLine, body: Body | None, context: Context) -> Answers:
    """What a line said, as answers of the guided entry. A Fallberatung has no text: what was typed as one is taken back.

    Without a title it named the body alone.
    """
    answers: Answers = {"minutes": line.minutes}
    if body is not None:
        answers["body"] = body.id
    if line.purpose:
        answers["purpose"] = line.purpose
    if not line.title:
        return answers
    if line.purpose != Purpose.CASE_CONSULTATION:
        return answers | _titled(line.title, context)
    only = reading.agenda_line(line.title)
    if context.message is not None and (only is None or only.purpose != line.purpose):
        context.erase(context.message.message_id)
    return answers


def _titled(title: str, context: Context) -> Answers:
    return readers.worded(context, "title", title, limit=agenda_items.TITLE_LIMIT)


async def submit_for_meeting(_update: Update, context: Context) -> None:
    """Hand in for the meeting that is on the screen."""
    (meeting,) = context.given
    await for_meeting(context, meeting)


async def for_meeting(context: Context, meeting: int) -> None:
    """Hand in for this meeting; when it takes nothing any more, another one is asked for."""
    found = await agenda_items.target(by=await context.speaker(), meeting=meeting, now=context.now)
    taken = {} if found["late"] == LateItems.REJECT else {"meeting": found["id"]}
    await _begin(context, {"body": found["body_id"], **taken})


async def _begin(context: Context, answers: Answers, *, confirmed: bool = True) -> None:
    """Ask for what is missing; a line that clearly says everything is handed in at once."""
    bodies = await access.bodies(await context.speaker(), context.now, permissions.may_submit)
    if not bodies:
        raise NotAMember(body=None)
    if len(bodies) == 1:
        answers = {"body": bodies[0].id, **answers}
    if "body" in answers:
        answers = {**await _next_meeting(context, answers["body"]), **answers}
    if confirmed and ITEM.current(answers) == ITEM.steps[-1].name:
        await _submitted(context, answers, "")
    else:
        await dialogues.begin(context, GUIDES["item"], answers)


async def _next_meeting(context: Context, body: int) -> Answers:
    """The next meeting without asking, unless it takes nothing any more; 0 is the topic store."""
    ahead = await agenda_items.targets(by=await context.speaker(), body=body, now=context.now)
    if ahead and ahead[0]["late"] == LateItems.REJECT:
        return {}
    return {"meeting": ahead[0]["id"] if ahead else 0}


async def agenda_(_update: Update, context: Context) -> None:
    """/tagesordnung: of the only body, or a choice."""
    ahead = await agenda.next_meetings(by=await context.speaker(), now=context.now)
    if len(ahead) == 1:
        await _show_agenda(context, ahead[0]["id"])
    else:
        context.show("agenda/choice", {"meetings": ahead})


async def of_meeting(_update: Update, context: Context) -> None:
    """The agenda of the meeting whose button was pressed."""
    (meeting,) = context.given
    await _show_agenda(context, meeting)


async def _show_agenda(context: Context, meeting: int) -> None:
    context.show("agenda/agenda", await agenda.of_meeting(by=await context.speaker(), meeting=meeting, now=context.now))


async def topics(_update: Update, context: Context) -> None:
    """/themen: what I handed in, and where it is now."""
    context.show("agenda/topics", await agenda.own(by=await context.speaker(), now=context.now))


async def view(_update: Update, context: Context) -> None:
    """One item."""
    (item,) = context.given
    context.show("agenda/item", await agenda_items.view(by=await context.speaker(), item=item, now=context.now))


async def withdraw(_update: Update, context: Context) -> None:
    """Take it back."""
    (item,) = context.given
    context.show(
        "agenda/item_withdrawn", await agenda_items.withdraw(by=await context.speaker(), item=item, now=context.now)
    )


async def accept(_update: Update, context: Context) -> None:
    """Onto the agenda; who pressed it there stays there."""
    item, stays = context.given
    by = await context.speaker()
    context.toast("agenda/item_accepted_toast", await agenda_items.accept(by=by, item=item, now=context.now))
    facts = await agenda_items.view(by=by, item=item, now=context.now)
    if stays and facts["meeting"]:
        await _show_agenda(context, facts["meeting"]["id"])
    else:
        context.show("agenda/item", facts)


async def reject(_update: Update, context: Context) -> None:
    """Turn it down: the guided entry asks for the reason."""
    (item,) = context.given
    await dialogues.begin(context, GUIDES["reject"], {"item": item})


async def change_title(_update: Update, context: Context) -> None:
    """Another wording: the guided entry."""
    (item,) = context.given
    await dialogues.begin(context, GUIDES["retitle"], {"item": item})


async def change_length(_update: Update, context: Context) -> None:
    """Other minutes, or slots: offered first, then taken."""
    item, minutes, slots = context.given
    by = await context.speaker()
    if minutes or slots:
        facts = await agenda_items.change(by=by, item=item, minutes=minutes, slots=slots, now=context.now)
        context.show("agenda/item", facts)
        return
    facts = await agenda_items.view(by=by, item=item, now=context.now)
    context.show("agenda/item_length", {**facts, "lengths": list(MINUTES), "slot_choices": list(SLOTS)})


async def attach(_update: Update, context: Context) -> None:
    """Papers for an item that is handed in: what is there, and files are taken until one is done."""
    (item,) = context.given
    await _ask_for_papers(context, item)


async def detach(_update: Update, context: Context) -> None:
    """Not this paper."""
    item, paper = context.given
    await agenda_items.remove_paper(by=await context.speaker(), item=item, paper=paper, now=context.now)
    await _ask_for_papers(context, item)


async def _ask_for_papers(context: Context, item: int) -> None:
    await agenda_items.for_papers(by=await context.speaker(), item=item, now=context.now)
    await dialogues.begin(context, GUIDES["papers"], {"item": item})


async def shift(_update: Update, context: Context) -> None:
    """One place up or down."""
    item, up = context.given
    await _show_order(context, await agenda.shift(by=await context.speaker(), item=item, up=up, now=context.now))


async def order(_update: Update, context: Context) -> None:
    """The agenda with buttons to reorder it."""
    (meeting,) = context.given
    await _show_order(context, meeting)


async def _show_order(context: Context, meeting: int) -> None:
    context.show("agenda/order", await agenda.of_meeting(by=await context.speaker(), meeting=meeting, now=context.now))


# --- the guided entries ---------------------------------------------------------------------------------------------


async def _body(given: Given) -> Answers:
    chosen = await readers.body(partial(access.body, may=permissions.may_submit))(given)
    following = await _next_meeting(given.context, chosen["body"])
    return {**chosen, **following, "preset": [*given.notes.preset, *following]}


async def _purpose(given: Given) -> Answers:
    """The purpose, pressed or named; other words are the title, and the purpose is asked again."""
    if not given.text:
        raise given.not_understood()
    named = presses.word(Purpose, given.text).value if given.pressed else reading.purpose(given.text)
    return _titled(given.text, given.context) if named is None else {"purpose": named}


async def _slots(given: Given) -> Answers:
    if re.fullmatch("[0-9]{1,9}", given.text) is None:
        raise given.not_understood()
    return {"slots": int(given.text)}


async def _minutes(given: Given) -> Answers:
    if given.pressed and given.text == "none":
        return {"minutes": None}
    length = reading.duration(given.text)
    if length is None:
        raise given.not_understood()
    return {"minutes": int(length.total_seconds()) // 60}


async def _phoned(given: Given) -> Answers:
    """Who phoned, by button; 0 is the speaker."""
    return {"person": presses.number(given.text) or None}


async def _named(given: Given) -> Answers:
    """Who phoned, by name."""
    by, body = await given.context.speaker(), given.answers["body"]
    people = await agenda_items.represented(by=by, body=body, now=given.context.now)
    found = [person["id"] for person in people if given.text.casefold() in person["name"].casefold()]
    if len(found) != 1:
        raise given.not_understood()
    return {"person": int(found[0])}


async def _paper(given: Given) -> Answers:
    """A file that belongs to the item; several may come, at any step."""
    if given.answers.get("purpose") == Purpose.CASE_CONSULTATION:
        raise papers.NoPapersHere
    return {"papers": [*given.answers.get("papers", ()), await _uploaded(given.context)]}


async def _uploaded(context: Context) -> int:
    upload = context.upload
    if upload is None:
        raise NotUnderstood(step=Plain("file"))
    return await papers.keep(
        by=await context.speaker(),
        name=upload.name,
        mime=upload.mime,
        size=upload.size,
        network=context.turn.network,
        file_id=upload.file_id,
        now=context.now,
    )


async def _attach(given: Given) -> Answers:
    """A file for an item that is handed in already: it belongs to it at once."""
    context, item = given.context, given.answers["item"]
    by = await context.speaker()
    await agenda_items.for_papers(by=by, item=item, now=context.now)
    await agenda_items.add_paper(by=by, item=item, paper=await _uploaded(context), now=context.now)
    return {}


async def _attached(context: Context, answers: Answers) -> dict[str, Any]:
    return await agenda_items.view(by=await context.speaker(), item=answers["item"], now=context.now)


async def _all_attached(context: Context, answers: Answers, _choice: str) -> None:
    context.show("agenda/item", await _attached(context, answers))


async def _facts(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about an item show; a text that looks like case data is not repeated."""
    by = await context.speaker()
    notes = Notes.of(answers)
    told = not notes.withheld
    return {
        "purposes": [Plain(purpose.value) for purpose in Purpose],
        "purpose": Plain(answers["purpose"]) if "purpose" in answers else None,
        "title": Title(answers["title"]) if answers.get("title") and told and _has_title(answers) else None,
        "slots": answers.get("slots"),
        "minutes": answers.get("minutes"),
        "lengths": list(MINUTES),
        "slot_choices": list(SLOTS),
        "papers": len(answers.get("papers", ())),
        "flagged": notes.kept,
        "reason": Text(answers["reason"]) if answers.get("reason") and told else None,
        **await _place(context, answers),
        **(await agenda_items.view(by=by, item=answers["item"], now=context.now) if "item" in answers else {}),
    }


def _has_title(answers: Answers) -> bool:
    """A new title that looks like case data, and may stay, is shown when all is checked; a Fallberatung has none."""
    new = "item" not in answers and Notes.of(answers).suspicious
    checked = ITEM.current(answers) == "confirm" and answers["purpose"] != Purpose.CASE_CONSULTATION
    return checked if new else True


async def _place(context: Context, answers: Answers) -> dict[str, Any]:
    """Where a new item goes, and whose it is."""
    by = await context.speaker()
    bodies = await access.bodies(by, context.now, permissions.may_submit)
    chosen = next((body for body in bodies if body.id == answers.get("body")), None)
    ahead = await agenda_items.targets(by=by, body=chosen.id, now=context.now) if chosen else []
    people = await agenda_items.represented(by=by, body=chosen.id, now=context.now) if chosen else []
    return {
        "bodies": [{"id": body.id, "name": Title(body.name), "level": body.level} for body in bodies],
        "level": chosen.level if chosen else None,
        "body": Title(chosen.name) if chosen else None,
        "targets": ahead,
        "meeting": next((meeting for meeting in ahead if meeting["id"] == answers.get("meeting")), None),
        "people": people,
        "for_whom": next((person["name"] for person in people if person["id"] == answers.get("person")), None),
    }


async def _submitted(context: Context, answers: Answers, _choice: str) -> None:
    purpose = Purpose(answers["purpose"])
    case = purpose is Purpose.CASE_CONSULTATION  # the other answers may be from before the purpose was changed
    proposal = agenda_items.Proposal(
        purpose=purpose,
        title="" if case else answers.get("title", ""),
        minutes=answers.get("minutes"),
        slots=answers.get("slots") if case else None,
        papers=() if case else tuple(answers.get("papers", ())),
        kept=Notes.of(answers).let_stay,
    )
    if case:
        dialogues.erase_texts(context, answers)
        await papers.forget(by=await context.speaker(), papers=answers.get("papers", ()))
    facts = await agenda_items.submit(
        by=await context.speaker(),
        body=answers["body"],
        meeting=answers["meeting"],
        person=answers.get("person"),
        proposal=proposal,
        now=context.now,
    )
    context.show("agenda/item_handed_in", facts)


async def discard(_update: Update, context: Context) -> None:
    """Erase every trace of a text that looked like case data, the message in which it was typed included."""
    (source,) = context.given
    await dialogues.discard(context, source)
    context.show("general/discarded")


async def _rejected(context: Context, answers: Answers, _choice: str) -> None:
    facts = await agenda_items.reject(
        by=await context.speaker(),
        item=answers["item"],
        reason=answers["reason"],
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("agenda/item_rejected_by_me", facts)


async def _retitled(context: Context, answers: Answers, _choice: str) -> None:
    facts = await agenda_items.change(
        by=await context.speaker(),
        item=answers["item"],
        title=answers["title"],
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("agenda/item", facts)


_TITLE = readers.text(limit=agenda_items.TITLE_LIMIT)

ITEM_READERS = {
    "kept": readers.kept,
    "body": _body,
    "meeting": readers.number,
    "purpose": _purpose,
    "slots": _slots,
    "title": _TITLE,
    "minutes": _minutes,
    "person": readers.either(pressed=_phoned, typed=readers.typed(_named)),
}
REJECT_READERS = {
    "item": readers.unread,
    "reason": readers.text(limit=agenda_items.REASON_LIMIT),
    "kept": readers.kept,
}
RETITLE_READERS = {"item": readers.unread, "title": _TITLE, "kept": readers.kept}
PAPERS_READERS = {"item": readers.unread, "confirm": _attach}

GUIDES = {
    "item": Guide("agenda", ITEM, ITEM_READERS, _facts, _submitted, files=_paper),
    "reject": Guide("agenda", REJECT, REJECT_READERS, _facts, _rejected, OVER),
    "retitle": Guide("agenda", RETITLE, RETITLE_READERS, _facts, _retitled, OVER),
    "papers": Guide("agenda", PAPERS, PAPERS_READERS, _attached, _all_attached, OVER),
}

BUTTONS = {
    "a": of_meeting,
    "ao": order,
    "as": shift,
    "i": view,
    "inew": submit_for_meeting,
    "it": change_title,
    "il": change_length,
    "ip": attach,
    "ipx": detach,
    "iw": withdraw,
    "ia": accept,
    "ir": reject,
    "idrop": discard,
}
