"""Agenda items in the chat: hand in (guided or in one line), change, withdraw, decide; the agenda."""

import re
from dataclasses import replace
from typing import Any

from telegram import Update

from bot.actions import access, papers
from bot.actions.agenda import agenda, agenda_items
from bot.handlers import buttons, dialogues
from bot.handlers.buttons import Button
from bot.handlers.context import Context
from bot.handlers.dialogues import Answers, Guide
from bot.rules import permissions, reading
from bot.rules.dialogue import ITEM, PAPERS, REJECT, RETITLE
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
    return dialogues.worded(context, "title", title, limit=agenda_items.TITLE_LIMIT)


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


async def _take(context: Context, answers: Answers, step: str, text: str, pressed: bool) -> Answers:  # noqa: C901, FBT001, PLR0911  # a guide's signature; one case for each step
    if context.upload is not None and "item" not in answers:
        return await _paper(context, answers)
    match step:
        case "body":
            wanted = buttons.number(text) if pressed else text
            body = await access.body(await context.speaker(), wanted, context.now, permissions.may_submit)
            following = await _next_meeting(context, body.id)
            return {"body": body.id, **following, "preset": [*answers.get("preset", ()), *following]}
        case "meeting" if pressed:
            return {"meeting": buttons.number(text)}
        case "purpose" if text:
            return _purpose(context, text, pressed=pressed)
        case "slots" if re.fullmatch("[0-9]{1,9}", text):
            return {"slots": int(text)}
        case "title" if not pressed and text:
            return _titled(text, context)
        case "kept" if pressed:
            return {"kept": True}
        case "minutes":
            return {"minutes": _minutes(text, pressed=pressed)}
        case "person":
            return {"person": await _person(context, answers, text, pressed=pressed)}
        case "reason" if not pressed and text:
            return dialogues.worded(context, "reason", text, limit=agenda_items.REASON_LIMIT)
        case _:
            raise NotUnderstood(step=Plain(step))


def _purpose(context: Context, text: str, *, pressed: bool) -> Answers:
    """The purpose, pressed or named; other words are the title, and the purpose is asked again."""
    named = buttons.word(Purpose, text).value if pressed else reading.purpose(text)
    return _titled(text, context) if named is None else {"purpose": named}


def _minutes(text: str, *, pressed: bool) -> int | None:
    if pressed and text == "none":
        return None
    length = reading.duration(text)
    if length is None:
        raise NotUnderstood(step=Plain("minutes"))
    return int(length.total_seconds()) // 60


async def _person(context: Context, answers: Answers, text: str, *, pressed: bool) -> int | None:
    """Who phoned, by button or by name; None is the speaker."""
    if pressed:
        return buttons.number(text) or None
    people = await agenda_items.represented(by=await context.speaker(), body=answers["body"], now=context.now)
    found = [person["id"] for person in people if text.casefold() in person["name"].casefold()]
    if not text or len(found) != 1:
        raise NotUnderstood(step=Plain("person"))
    return int(found[0])


async def _paper(context: Context, answers: Answers) -> Answers:
    """A file that belongs to the item; several may come, at any step."""
    if answers.get("purpose") == Purpose.CASE_CONSULTATION:
        raise papers.NoPapersHere
    return {"papers": [*answers.get("papers", ()), await _uploaded(context)]}


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


async def _attach(context: Context, answers: Answers, _step: str, _text: str, _pressed: bool) -> Answers:  # noqa: FBT001  # a guide's signature
    """A file for an item that is handed in already: it belongs to it at once."""
    by = await context.speaker()
    await agenda_items.for_papers(by=by, item=answers["item"], now=context.now)
    await agenda_items.add_paper(by=by, item=answers["item"], paper=await _uploaded(context), now=context.now)
    return {}


async def _attached(context: Context, answers: Answers) -> dict[str, Any]:
    return await agenda_items.view(by=await context.speaker(), item=answers["item"], now=context.now)


async def _all_attached(context: Context, answers: Answers, _choice: str) -> None:
    context.show("agenda/item", await _attached(context, answers))


async def _facts(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about an item show; a text that looks like case data is not repeated."""
    by = await context.speaker()
    told = answers.get("kept") or not answers.get("suspicious")
    return {
        "purposes": [Plain(purpose.value) for purpose in Purpose],
        "purpose": Plain(answers["purpose"]) if "purpose" in answers else None,
        "title": Title(answers["title"]) if answers.get("title") and told and _has_title(answers) else None,
        "slots": answers.get("slots"),
        "minutes": answers.get("minutes"),
        "lengths": list(MINUTES),
        "slot_choices": list(SLOTS),
        "papers": len(answers.get("papers", ())),
        "flagged": bool(answers.get("kept")),
        "reason": Text(answers["reason"]) if answers.get("reason") and told else None,
        **await _place(context, answers),
        **(await agenda_items.view(by=by, item=answers["item"], now=context.now) if "item" in answers else {}),
    }


def _has_title(answers: Answers) -> bool:
    """A new title that looks like case data, and may stay, is shown when all is checked; a Fallberatung has none."""
    new = "item" not in answers and answers.get("suspicious")
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
        kept=bool(answers.get("kept")),
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
        by=await context.speaker(), item=answers["item"], reason=answers["reason"], now=context.now
    )
    context.show("agenda/item_rejected_by_me", facts)


async def _retitled(context: Context, answers: Answers, _choice: str) -> None:
    facts = await agenda_items.change(
        by=await context.speaker(),
        item=answers["item"],
        title=answers["title"],
        kept=bool(answers.get("kept")),
        now=context.now,
    )
    context.show("agenda/item", facts)


GUIDES = {
    "item": Guide("agenda", ITEM, _take, _facts, _submitted),
    "reject": Guide("agenda", REJECT, _take, _facts, _rejected, OVER),
    "retitle": Guide("agenda", RETITLE, _take, _facts, _retitled, OVER),
    "papers": Guide("agenda", PAPERS, _attach, _attached, _all_attached, OVER),
}

BUTTONS = {
    "a": Button(of_meeting, "meeting"),
    "ao": Button(order, "meeting"),
    "as": Button(shift, "item way"),
    "i": Button(view, "item"),
    "inew": Button(submit_for_meeting, "meeting"),
    "it": Button(change_title, "item"),
    "il": Button(change_length, "item length? length?"),
    "ip": Button(attach, "item"),
    "ipx": Button(detach, "item paper"),
    "iw": Button(withdraw, "item"),
    "ia": Button(accept, "item stays?"),
    "ir": Button(reject, "item"),
    "idrop": Button(discard, "source"),
}
