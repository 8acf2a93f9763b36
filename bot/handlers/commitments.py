"""Commitments in the chat: record (guided or from one line), confirm, say how it stands, move, finish."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from telegram import Update

from bot.actions import access
from bot.actions.commitments import commitments, handing_over, ledger
from bot.actions.commitments.commitments import Due
from bot.handlers import dialogues, readers
from bot.handlers.context import Context
from bot.handlers.dialogues import Guide
from bot.handlers.readers import Answers, Given
from bot.rules import parties, permissions, presses, reading
from bot.rules.dialogue import COMMITMENT, COMMITMENT_DECLINE, COMMITMENT_DROP, DUE, Notes
from bot.rules.facts import PersonName, Plain, Text, Title
from bot.rules.followup import date_words, due_words
from bot.rules.parties import Directory, Party
from bot.rules.reading.words import fold
from bot.rules.refusals import NotUnderstood, TooLong
from storage.models import Body
from storage.vocabulary import DueKind

MEETINGS = {"next": 1, "next_but_one": 2}
WITHOUT_DATE = {"standing": DueKind.STANDING, "none": DueKind.NONE}


async def listed(_update: Update, context: Context) -> None:
    """/commitments: what I have promised and was promised."""
    context.show("commitments/list", await ledger.listed(by=await context.speaker(), now=context.now))


async def of_body(update: Update, context: Context) -> None:
    """All of the body whose button was pressed; without one, one's own."""
    (body,) = context.given
    if body is None:
        await listed(update, context)
        return
    facts = await ledger.of_body(by=await context.speaker(), body=body, now=context.now)
    context.show("commitments/of_body", facts)


async def record(_update: Update, context: Context) -> None:
    """/commitment: guided, or begun by a line ("RLK: Beratungsangebot aufbauen, Meier + Caritas, bis 30.09.")."""
    line = reading.commitment_line(context.text) if context.text else None
    await _begin(context, None, line)


async def record_in(_update: Update, context: Context) -> None:
    """The same, in the body whose button was pressed."""
    (body,) = context.given
    await _begin(context, body, None)


async def _begin(context: Context, body: int | None, line: reading.CommitmentLine | None) -> None:
    bodies = await access.bodies(await context.speaker(), context.now, permissions.may_record)
    if not bodies:
        raise ledger.MayNotRecord(body=None)
    answers: Answers = await _of_line(context, line) if line else {}
    chosen = [found.id for found in bodies if len(bodies) == 1 or found.id == body]
    if chosen:
        answers = {"body": chosen[0], **answers}
    await dialogues.begin(context, GUIDES["commitment"], answers)


async def _of_line(context: Context, line: reading.CommitmentLine) -> Answers:
    """What a line said, as answers of the guided entry; the first party does it, the others are with whom."""
    alone = await access.own(await context.speaker(), line.what, context.now, permissions.may_record)
    if alone is not None and line.body is None:
        return {"body": alone.id}
    answers = readers.worded(context, "what", line.what, limit=commitments.WHAT_LIMIT)
    if line.body:
        body = await ledger.body_to_record_in(await context.speaker(), line.body, context.now)
        answers["body"] = body.id
    if line.parties:
        directory = await ledger.directory(now=context.now)
        answers |= _with_names("owners", line.parties[:1], {}, directory)
        answers |= _with_names("counterparts", line.parties[1:], {}, directory)
    if line.due_text:
        try:
            answers |= await _ends_at(context, line.due_text)
        except NotUnderstood:
            return answers  # then it is asked
    return answers


async def view(_update: Update, context: Context) -> None:
    """One commitment."""
    (commitment,) = context.given
    facts = await ledger.view(by=await context.speaker(), commitment=commitment, now=context.now)
    context.show("commitments/commitment", facts)


async def confirm(_update: Update, context: Context) -> None:
    """Yes, we agree; who records may say so for another party."""
    commitment, party = context.given
    by = await context.speaker()
    facts = await commitments.confirm(by=by, commitment=commitment, party=party, now=context.now)
    context.toast("commitments/confirmed_toast")
    context.show("commitments/commitment", facts)


async def check_in(_update: Update, context: Context) -> None:
    """How it stands, with one tap."""
    commitment, answer = context.given
    by = await context.speaker()
    facts = await commitments.check_in(by=by, commitment=commitment, answer=answer, now=context.now)
    context.toast("commitments/check_in_toast", {"answer": Plain(answer.value)})
    context.show("commitments/commitment", facts)


async def fulfil(_update: Update, context: Context) -> None:
    """It is done."""
    (commitment,) = context.given
    facts = await commitments.fulfil(by=await context.speaker(), commitment=commitment, now=context.now)
    context.show("commitments/commitment", facts)


async def verify(_update: Update, context: Context) -> None:
    """The body agrees that it is done."""
    (commitment,) = context.given
    facts = await commitments.verify(by=await context.speaker(), commitment=commitment, now=context.now)
    context.show("commitments/commitment", facts)


async def reopen(_update: Update, context: Context) -> None:
    """It is not done after all."""
    (commitment,) = context.given
    facts = await commitments.reopen(by=await context.speaker(), commitment=commitment, now=context.now)
    context.show("commitments/commitment", facts)


async def ask_new_owner(_update: Update, context: Context) -> None:
    """Its owner has left: ask who does it now."""
    (commitment,) = context.given
    facts = await handing_over.choices(by=await context.speaker(), commitment=commitment, now=context.now)
    context.show("commitments/hand_over", facts)


async def hand_over(_update: Update, context: Context) -> None:
    """Give it to whose button was pressed."""
    commitment, to = context.given
    by = await context.speaker()
    facts = await handing_over.hand_over(by=by, commitment=commitment, to=to, now=context.now)
    context.show("commitments/commitment", facts)


async def decline(_update: Update, context: Context) -> None:
    """No: the guided entry asks why."""
    (commitment,) = context.given
    await dialogues.begin(context, GUIDES["commitment_decline"], {"commitment": commitment})


async def drop(_update: Update, context: Context) -> None:
    """Give it up: the guided entry asks why."""
    (commitment,) = context.given
    await dialogues.begin(context, GUIDES["commitment_drop"], {"commitment": commitment})


async def move(_update: Update, context: Context) -> None:
    """Another end: the guided entry asks until when, and why."""
    (commitment,) = context.given
    await commitments.for_changing(by=await context.speaker(), commitment=commitment, now=context.now)
    await dialogues.begin(context, GUIDES["due"], {"commitment": commitment})


# --- the guided entries ---------------------------------------------------------------------------------------------


# Parties are gathered under `<side>_so_far`; the names that are not clear yet wait under `<side>_open`, the first is asked about.


async def _pressed_party(given: Given) -> Answers:
    """One more on this side; or none more, all of them again, the unclear name as it is or left out."""
    side, text = given.step, given.text
    so_far = list(given.answers.get(f"{side}_so_far", ()))
    waiting = list(given.answers.get(f"{side}_open", ()))
    if text == "again":
        return {f"{side}_so_far": [], f"{side}_open": []}
    if text == "done" and (so_far or side == "counterparts") and not waiting:
        return {side: so_far}
    directory = await ledger.directory(now=given.context.now)
    if text == "skip" and waiting:
        return _with_names(side, waiting[1:], {f"{side}_so_far": so_far}, directory)
    chosen = Party(name=waiting[0]) if text == "name" and waiting else parties.from_code(text)
    if chosen is None:
        raise given.not_understood()
    gathered = {f"{side}_so_far": [*so_far, chosen.stored()]}
    return _with_names(side, waiting[1:], gathered, directory) if waiting else gathered


async def _typed_parties(given: Given) -> Answers:
    """Names, beside those that are clear already; they take the place of those that are not."""
    directory = await ledger.directory(now=given.context.now)
    return _with_names(given.step, parties.split(given.text, directory), given.answers, directory)


def _with_names(side: str, names: Sequence[str], answers: Mapping[str, Any], directory: Directory) -> Answers:
    """Take the names whose meaning is clear; the rest waits. When all are clear, the question is answered.

    Raises TooLong.
    """
    if sum(map(len, names)) > commitments.PARTIES_LIMIT:
        raise TooLong(limit=commitments.PARTIES_LIMIT)
    so_far = list(answers.get(f"{side}_so_far", ()))
    waiting = []
    for name in names:
        found = parties.named(name, directory)
        if len(found) == 1:
            so_far.append(found[0].stored())
        elif len(name) <= commitments.NAME_LIMIT:
            waiting.append(name)
        else:
            raise TooLong(limit=commitments.NAME_LIMIT)
    added: Answers = {f"{side}_so_far": so_far, f"{side}_open": waiting}
    return {**added, side: so_far} if so_far and not waiting else added


async def _due(given: Given) -> Answers:
    return await _ends_at(given.context, given.text)


async def _ends_at(context: Context, text: str) -> Answers:
    """A button, words ("dauerhaft", "in der übernächsten Sitzung von TK"), or a date; two readings are offered."""
    fresh: Answers = {"due_options": [], "due_bodies": []}
    if text in MEETINGS or text in WITHOUT_DATE:
        return {"due": text, **fresh}
    bodies = {fold(body.short): body.id for body in (await ledger.directory(now=context.now)).bodies}
    words = due_words(text, bodies)
    if words is not None:
        if words.kind is not DueKind.MEETING:
            return {"due": words.kind.value, **fresh}
        known = [bodies[code] for code in words.bodies if code in bodies]
        complete = {"due_body": known} if known and len(known) == len(words.bodies) else {}
        return {"due": "next_but_one" if words.nth > 1 else "next", **fresh, **complete}
    zone = ZoneInfo((await context.speaker()).zone)
    understood = reading.when(date_words(text), now=context.now, zone=zone)
    if isinstance(understood, reading.NotADate):
        raise NotUnderstood(step=Plain("due"), why=Plain(understood.reason.value))
    if isinstance(understood, reading.Choices):
        return {"due_options": list(dict.fromkeys(option.date.isoformat() for option in understood.options))}
    return {"due": understood.date.isoformat(), **fresh}


# Bodies that are pressed are gathered under `due_bodies` until one says that these are all.


async def _pressed_due_body(given: Given) -> Answers:
    """One more body in whose meeting it ends, or none more."""
    chosen = given.answers.get("due_bodies", ())
    if given.text != "done":
        return {"due_bodies": list(dict.fromkeys([*chosen, presses.number(given.text)]))}
    if not chosen:
        raise given.not_understood()
    return {"due_body": list(chosen)}


async def _typed_due_bodies(given: Given) -> Answers:
    """The bodies by their codes, beside those that were pressed."""
    directory = await ledger.directory(now=given.context.now)
    only_bodies = replace(directory, people=(), organisations=())
    found = [parties.named(name, only_bodies) for name in parties.split(given.text, directory)]
    bodies = [match[0].body for match in found if len(match) == 1]
    if not bodies or len(bodies) != len(found):
        raise given.not_understood()
    return {"due_body": list(dict.fromkeys([*given.answers.get("due_bodies", ()), *bodies]))}


def _ends(answers: Answers) -> Due:
    """The answers as an end."""
    due = answers["due"]
    if due in MEETINGS:
        return Due(kind=DueKind.MEETING, bodies=tuple(answers["due_body"]), nth=MEETINGS[due])
    if due in WITHOUT_DATE:
        return Due(kind=WITHOUT_DATE[due])
    return Due(kind=DueKind.DATE, on=date.fromisoformat(due))


async def _facts(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about a new commitment show; a suspicious text is not repeated."""
    by = await context.speaker()
    bodies = await access.bodies(by, context.now, permissions.may_record)
    chosen = next((body for body in bodies if body.id == answers.get("body")), None)
    directory = await ledger.directory(now=context.now)
    notes = Notes.of(answers)
    return {
        "level": chosen.level if chosen else None,
        "bodies": [_body_facts(body) for body in bodies],
        "body": Title(chosen.name) if chosen else None,
        "what": Text(answers["what"]) if answers.get("what") and not notes.withheld else None,
        "flagged": notes.kept,
        "members": await _members(context, chosen, answers) if chosen else [],
        "owners": _chosen(answers, "owners", directory, by.id),
        "owners_asked": _asked(answers, "owners", directory),
        "counterparts": _chosen(answers, "counterparts", directory, by.id),
        "counterparts_asked": _asked(answers, "counterparts", directory),
        **await _due_facts(context, answers, directory),
    }


def _body_facts(body: Body) -> dict[str, Any]:
    return {"id": body.id, "name": Title(body.name), "code": Plain(body.code), "level": body.level}


async def _members(context: Context, body: Body, answers: Answers) -> list[dict[str, Any]]:
    """The people of the body who can still be pressed; the speaker first."""
    by = await context.speaker()
    chosen = [*answers.get("owners_so_far", ()), *answers.get("counterparts_so_far", ())]
    people = await ledger.members(by=by, body=body.id, now=context.now)
    return [
        {"code": Plain(party.code), **_named(person.name, own=by.id == person.id)}
        for person in people
        if (party := Party(person=person.id)).stored() not in chosen
    ]


def _named(name: str, *, own: bool) -> dict[str, Any]:
    return {"name": PersonName(name), "own": own}


def _label(party: Party, directory: Directory, reader: int) -> dict[str, Any]:
    """How a party is called on the screen."""
    if party.person is not None:
        found = next((entry for entry in directory.people if entry.id == party.person), None)
        return {"role": None, **_named(found.name if found else "", own=party.person == reader)}
    if party.name is not None:
        return {"role": None, **_named(party.name, own=False)}
    entries = directory.organisations if party.organisation is not None else directory.bodies
    wanted = party.organisation if party.organisation is not None else party.body
    found = next((entry for entry in entries if entry.id == wanted), None)
    role = Plain(party.role.value) if party.role else None
    return {"role": role, "name": Title(found.name if found else ""), "own": False}


def _chosen(answers: Answers, side: str, directory: Directory, reader: int) -> list[dict[str, Any]]:
    kept = answers.get(side) or answers.get(f"{side}_so_far") or ()
    return [_label(Party.from_stored(stored), directory, reader) for stored in kept]


def _asked(answers: Answers, side: str, directory: Directory) -> dict[str, Any] | None:
    """The name that is not clear yet, and who may be meant."""
    waiting = answers.get(f"{side}_open", ())
    if not waiting:
        return None
    found = parties.named(waiting[0], directory)
    choices = [{"code": Plain(party.code), **_label(party, directory, 0)} for party in found]
    return {"typed": PersonName(waiting[0]), "choices": choices}


async def _due_facts(context: Context, answers: Answers, directory: Directory) -> dict[str, Any]:
    """What the questions about the end show."""
    due = answers.get("due")
    is_date = due is not None and due not in MEETINGS and due not in WITHOUT_DATE
    kind = WITHOUT_DATE.get(str(due), DueKind.DATE if is_date else DueKind.MEETING)
    ids = answers.get("due_body") or answers.get("due_bodies") or ()
    named = [entry for entry in directory.bodies if entry.id in ids]
    seats = await access.bodies(await context.speaker(), context.now, permissions.may_see)
    nth = MEETINGS.get(str(due), 1)
    days = await ledger.meeting_days(bodies=ids, nth=nth, by=await context.speaker(), now=context.now)
    return {
        "due": date.fromisoformat(due) if due is not None and is_date else None,
        "due_kind": Plain(kind.value) if due else None,
        "due_nth": nth,
        "due_options": [date.fromisoformat(option) for option in answers.get("due_options", ())],
        "due_in": [{"code": Plain(entry.short), "nth": nth, "day": days.get(entry.id)} for entry in named],
        "due_choices": [_body_facts(body) for body in seats if body.id not in ids],
    }


async def _due_questions(context: Context, answers: Answers) -> dict[str, Any]:
    """What the questions about another end show."""
    by = await context.speaker()
    existing = await commitments.for_changing(by=by, commitment=answers["commitment"], now=context.now)
    directory = await ledger.directory(now=context.now)
    return {**existing, **await _due_facts(context, answers, directory), "reason": _reason(answers)}


async def _reason_questions(context: Context, answers: Answers) -> dict[str, Any]:
    """What the question for a reason shows."""
    by = await context.speaker()
    existing = await ledger.view(by=by, commitment=answers["commitment"], now=context.now)
    return {"commitment": existing["commitment"], "reason": _reason(answers)}


def _reason(answers: Answers) -> Text | None:
    """The reason; one that looks like case data is not repeated until somebody has said that it is none."""
    notes = Notes.of(answers)
    return Text(answers["reason"]) if "reason" in answers and not notes.withheld else None


async def _recorded(context: Context, answers: Answers, _choice: str) -> None:
    facts = await commitments.record(
        by=await context.speaker(),
        body=answers["body"],
        what=answers["what"],
        owners=[Party.from_stored(stored) for stored in answers["owners"]],
        counterparts=[Party.from_stored(stored) for stored in answers["counterparts"]],
        due=_ends(answers),
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("commitments/recorded", facts)


async def _moved(context: Context, answers: Answers, _choice: str) -> None:
    facts = await commitments.move(
        by=await context.speaker(),
        commitment=answers["commitment"],
        due=_ends(answers),
        reason=answers["reason"],
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("commitments/commitment", facts)


async def _declined(context: Context, answers: Answers, _choice: str) -> None:
    facts = await commitments.decline(
        by=await context.speaker(),
        commitment=answers["commitment"],
        reason=answers["reason"],
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("commitments/declined_by_me", facts)


async def _dropped(context: Context, answers: Answers, _choice: str) -> None:
    facts = await commitments.drop(
        by=await context.speaker(),
        commitment=answers["commitment"],
        reason=answers["reason"],
        kept=Notes.of(answers).let_stay,
        now=context.now,
    )
    context.show("commitments/commitment", facts)


_PARTIES = readers.either(pressed=_pressed_party, typed=_typed_parties)
_ENDS = {"due": _due, "due_body": readers.either(pressed=_pressed_due_body, typed=_typed_due_bodies)}
_WHY = {"reason": readers.text(limit=commitments.REASON_LIMIT), "kept": readers.kept}

COMMITMENT_READERS = {
    "kept": readers.kept,
    "body": readers.body(ledger.body_to_record_in),
    "what": readers.text(limit=commitments.WHAT_LIMIT),
    "owners": _PARTIES,
    "counterparts": _PARTIES,
    **_ENDS,
}
DUE_READERS = {"commitment": readers.unread, **_ENDS, **_WHY}
REASON_READERS = {"commitment": readers.unread, **_WHY}

GUIDES = {
    "commitment": Guide("commitments", COMMITMENT, COMMITMENT_READERS, _facts, _recorded),
    "due": Guide("commitments", DUE, DUE_READERS, _due_questions, _moved),
    "commitment_decline": Guide("commitments", COMMITMENT_DECLINE, REASON_READERS, _reason_questions, _declined),
    "commitment_drop": Guide("commitments", COMMITMENT_DROP, REASON_READERS, _reason_questions, _dropped),
}

BUTTONS = {
    "c": view,
    "cl": of_body,
    "cnew": record_in,
    "cc": confirm,
    "cx": decline,
    "cs": check_in,
    "cd": move,
    "cf": fulfil,
    "cv": verify,
    "cr": reopen,
    "ch": ask_new_owner,
    "chh": hand_over,
    "co": drop,
}
