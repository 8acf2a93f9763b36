"""Facts for every template of the chat, typed as the actions type them; each text says what it is and where it stands.

That the shapes are those of real facts is tested against what the conversation files bring about.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from bot.rules.facts import AnswerLink, FeedLink, JoinLink, OneTimeLink, PersonName, Place, Plain, Text, Title

Facts = dict[str, Any]

STARTS = datetime(2026, 12, 3, 13, 30, tzinfo=UTC)
DAY = date(2026, 12, 3)
SENTINELS = (Title, Place, PersonName, JoinLink, Text)


def sentinel(kind: type[str], name: str) -> str:
    """What a fact of that kind says: `Title.meeting.title`."""
    return kind(f"{kind.__name__}.{name}")


def meeting(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "id": 1,
        "level": 3,
        "informal": False,
        "title": sentinel(Title, "meeting.title"),
        "code": Plain("TK"),
        "body": sentinel(Title, "meeting.body"),
        "starts": STARTS,
        "minutes": 90,
        "format": Plain("hybrid"),
        "place": sentinel(Place, "meeting.place"),
        "linked": True,
        "join_link": JoinLink("https://JoinLink.meeting.example"),
        "state": Plain("invited"),
        "cancel_reason": sentinel(Text, "meeting.cancel_reason"),
        "sequence": 0,
        **more,
    }


def item(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "id": 4,
        "level": 3,
        "informal": False,
        "title": sentinel(Title, "item.title"),
        "purpose": Plain("decision"),
        "minutes": 20,
        "slots": None,
        "state": Plain("proposed"),
        "late": True,
        "flagged": True,
        "reason": sentinel(Text, "item.reason"),
        "code": Plain("TK"),
        "body": sentinel(Title, "item.body"),
        "body_id": 1,
        "submitter": sentinel(PersonName, "item.submitter"),
        "own": False,
        **more,
    }


def party(name: str, **more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "id": 1,
        "name": sentinel(PersonName, name),
        "role": None,
        "own": False,
        "by_hand": False,
        "confirmed": True,
        "speaks": False,
        **more,
    }


def commitment(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "id": 1,
        "level": 3,
        "informal": False,
        "number": 5,
        "code": Plain("RLK"),
        "body": sentinel(Title, "commitment.body"),
        "what": sentinel(Text, "commitment.what"),
        "owners": [party("commitment.owner")],
        "counterparts": [party("commitment.counterpart", by_hand=True)],
        "due": DAY,
        "due_kind": Plain("date"),
        "due_in": [],
        "due_moves": 2,
        "overdue": True,
        "flagged": True,
        "state": Plain("proposed"),
        "reason": sentinel(Text, "commitment.reason"),
        **more,
    }


def body(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {"id": 2, "level": 3, "code": Plain("RLK"), "name": sentinel(Title, "body.name"), **more}


def document(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "type": Plain("calendar"),
        "code": Plain("TK"),
        "uid": Plain("uid@faden.example"),
        "sequence": 0,
        "title": sentinel(Title, "document.title"),
        "starts": STARTS,
        "ends": STARTS.replace(hour=15),
        "zone": Plain("Europe/Berlin"),
        "status": Plain("confirmed"),
        "place": sentinel(Place, "document.place"),
        "join_link": JoinLink("https://JoinLink.document.example"),
        "path": Plain("/sitzung/1"),
        "created": STARTS,
        "last_modified": STARTS,
        "stamp": STARTS,
        **more,
    }


def _person(name: str, **more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {"id": 7, "name": sentinel(PersonName, name), **more}


def _town_body() -> Facts:
    return {
        "body": body(), "people": [_person("town", joined=True, hindrance=Plain("no_address"))], "seats": 3, "joined": 1, "mailable": 2,
    }  # fmt: skip


def _invited(name: str, answer: str) -> Facts:
    return _person(
        name,
        organisation=Plain("Caritas"),
        answer=Plain(answer),
        deputy=sentinel(PersonName, f"{name}.deputy"),
        entered_by=sentinel(PersonName, f"{name}.entered_by"),
        unreached=answer == "open",
        uncertain=answer == "accepted",
        mail_refused=answer == "delegated",
        without_file=True,
    )


def _unreachable() -> list[Facts]:
    return [{"name": sentinel(PersonName, "unreachable")}]


COUNTS = {"accepted": 3, "tentative": 1, "declined": 1, "delegated": 1, "open": 4}
GRID = {
    "month": date(2026, 12, 1),
    "weeks": [{"number": 49, "days": [None, None, DAY]}],
    "before": Plain("2026-11"),
    "after": Plain("2027-01"),
}


def _listed() -> Facts:
    return meeting(answer=Plain("open"), stands_in=True, instead_of=sentinel(PersonName, "instead_of"))


def _agenda() -> Facts:
    numbered = item(number=1, starts=STARTS, presenter=sentinel(PersonName, "item.presenter"), papers=[1], assumed=True)
    return {
        "meeting": meeting(number=82, body_name=sentinel(Title, "meeting.body_name")),
        "items": [numbered, {**numbered, "number": 2, "purpose": Plain("other")}],
        "proposed": [item(papers=[])],
        "total_minutes": 100,
        "over_minutes": 10,
        "fits": False,
        "may_submit": True,
        "may_decide": True,
    }


def _answers() -> Facts:
    return {
        "meeting": meeting(),
        "counts": COUNTS,
        "newcomers": 1,
        "may_answer": True,
        "missed": 1,
        "people": [_invited(f"answers.{answer}", answer) for answer in ("accepted", "delegated", "open")],
        "released": [_invited("answers.released", "open")],
    }


def _item_page() -> Facts:
    return {
        "item": item(),
        "meeting": meeting(),
        "papers": [{"id": 1, "name": sentinel(Text, "paper.name")}],
        "entered_by": sentinel(PersonName, "entered_by"),
        "leads": True,
        "may_change": True,
        "may_attach": True,
        "may_decide": True,
        "missed": True,
        "undecided": True,
        "next": meeting(),
    }


def _commitment_page() -> Facts:
    may = ("confirm", "decline", "answer", "verify", "reopen", "hand_over", "fulfil", "move", "drop")
    return {
        "commitment": commitment(),
        "vouch_for": [party("vouch_for")],
        **{f"may_{what}": True for what in may},
    }


def _guided_meeting(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    at = {"at": STARTS, "day": DAY, "stored": Plain("2026-12-03T14:30-16:00"), "minutes": 90, "twice": False}
    return {
        "source": 7,
        "level": 3,
        "first": False,
        "bodies": [{"id": 1, "level": 3, "name": sentinel(Title, "guided.bodies")}],
        "body": sentinel(Title, "guided.body"),
        "day": None,
        "options": [at],
        "skipped": True,
        "grid": GRID,
        "durations": [60, 90],
        "ends": [60, 120],
        "starts": at,
        "minutes": 90,
        "format": Plain("hybrid"),
        "place": sentinel(Place, "guided.place"),
        "usual_place": sentinel(Place, "guided.usual_place"),
        "join_link": JoinLink("https://JoinLink.guided.example"),
        "linked": True,
        "usual_link": True,
        "reason": sentinel(Text, "guided.reason"),
        "seen": Plain("1a2b3c4d"),
        "news": [
            {"what": Plain(kind), "by": sentinel(PersonName, f"news.{kind}")}
            for kind in ("moved", "relocated", "invited")
        ],
        **more,
    }


def _guided_item(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    target = meeting(late=Plain("body_agrees"), deadline=STARTS)
    return {
        "source": 7,
        "level": 3,
        "first": False,
        "bodies": [{"id": 1, "level": 3, "name": sentinel(Title, "guided.bodies")}],
        "body": sentinel(Title, "guided.body"),
        "meeting": target,
        "targets": [target, {**target, "late": Plain("reject")}],
        "people": [_person("guided.people")],
        "for_whom": sentinel(PersonName, "guided.for_whom"),
        "purpose": Plain("decision"),
        "purposes": [Plain("decision")],
        "title": sentinel(Title, "guided.title"),
        "minutes": 20,
        "slots": None,
        "lengths": [10, 20],
        "slot_choices": [1, 2],
        "papers": 1,
        "flagged": True,
        "reason": sentinel(Text, "guided.reason"),
        **more,
    }


def _due() -> Facts:
    return {
        "due": DAY,
        "due_kind": Plain("date"),
        "due_nth": 2,
        "due_in": [{"code": Plain("RLK"), "day": DAY, "nth": 2}],
        "due_choices": [body()],
        "due_options": [],
    }


def _guided_commitment(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "source": 7,
        "level": 3,
        "first": False,
        "bodies": [body()],
        "body": sentinel(Title, "guided.body"),
        "what": sentinel(Text, "guided.what"),
        "owners": [{"name": sentinel(PersonName, "guided.owner"), "own": False, "role": Plain("chair")}],
        "counterparts": [{"name": sentinel(PersonName, "guided.counterpart"), "own": False, "role": None}],
        "owners_asked": None,
        "counterparts_asked": None,
        "members": [{"code": Plain("p7"), "name": sentinel(PersonName, "guided.member"), "own": False}],
        "flagged": True,
        **_due(),
        **more,
    }


ASKED = {
    "typed": sentinel(PersonName, "guided.typed"),
    "choices": [{"code": Plain("p8"), "name": sentinel(PersonName, "guided.choice"), "own": False, "role": None}],
}


def _reason_for_commitment() -> Facts:
    return {"commitment": commitment(), "first": False, "source": 7, "reason": sentinel(Text, "guided.reason")}


def _handed_over() -> Facts:
    return {
        "commitment": commitment(),
        "name": sentinel(PersonName, "handed_over.name"),
        "before": [party("handed_over.before")],
    }


def _told() -> Facts:
    return {
        "item": item(),
        "meeting": meeting(),
        "entered_by": sentinel(PersonName, "entered_by"),
    }


def _seat() -> Facts:
    return {
        "id": 3,
        "person": 7,
        "name": sentinel(PersonName, "seat.name"),
        "role": Plain("member"),
        "organisation": Plain("Caritas"),
        "body": body(),
        "channels": [Plain("telegram"), Plain("webchat")],
        "mail": True,
    }


def _seat_ended() -> Facts:
    return {
        "level": 3,
        "name": sentinel(PersonName, "seat.name"),
        "body": sentinel(Title, "seat.body"),
        "items": 2,
        "commitments": 1,
        "left": True,
    }


def _arranged(name: str) -> Facts:
    return {
        "starts": STARTS,
        "minutes": 60,
        "format": Plain("presence"),
        "place": sentinel(Place, f"{name}.place"),
        "linked": True,
        "join_link": JoinLink(f"https://JoinLink.{name}.example"),
    }


CHANGED = {"time": True, "format": True, "place": True, "link": True}


def _rearranged(facts: Mapping[str, Any]) -> Facts:
    return {**facts, "was": _arranged("was"), "changed": CHANGED}


def _guided_place() -> Facts:
    dial_in = sentinel(JoinLink, "planned.join_link")
    planned = {**_arranged("planned"), "format": Plain("hybrid"), "join_link": dial_in}
    return _guided_meeting(meeting=meeting(), planned=planned, changed={**CHANGED, "time": False})


def _difference(field: str, old: object, new: object, *, body: str | None = "TK") -> Facts:
    return {"body": Plain(body) if body else None, "field": Plain(field), "old": old, "new": new}


def _mistake(**more: Any) -> Facts:  # noqa: ANN401  # facts of every kind
    return {
        "code": Plain("missing_columns"),
        "line": 2,
        "column": sentinel(Text, "list.column"),
        "value": sentinel(Text, "list.value"),
        "nearest": sentinel(Text, "list.nearest"),
        "people": [sentinel(PersonName, "list.people")],
        "needed": [],
        "found": [],
        "number": 1,
        **more,
    }


def _list_of_people() -> Facts:
    """What the import of a list would do: a line of each kind, on the second of three pages."""
    mail = _difference("mail", sentinel(Text, "list.mail.old"), sentinel(Text, "list.mail"), body=None)
    deputy = _difference("deputy", sentinel(PersonName, "list.deputy.old"), sentinel(PersonName, "list.deputy"))
    states = ("new", "changed", "unchanged", "mistaken")
    row = {
        "line": 2,
        "name": sentinel(PersonName, "list.name"),
        "differences": [
            mail,
            deputy,
            _difference("begins_on", None, DAY),
            _difference("role", Plain("guest"), Plain("chair")),
        ],
        "kept": [mail],
        "mistakes": [_mistake(code=Plain("same_name")), _mistake(code=Plain("not_there"))],
    }
    return {
        "level": 3,
        "file": sentinel(Text, "list.file"),
        "counts": {"new": 1, "changed": 1, "unchanged": 1, "mistaken": 0},
        "rows": [{**row, "state": Plain(state)} for state in states],
        "page": 1,
        "pages": 3,
        "unknown": [sentinel(Text, "list.unknown")],
        "idle": [2],
        "again": True,
        "done": False,
    }


TEMPLATES: dict[str, Callable[[], Facts]] = {
    "accounts/administrator": dict,
    "agenda/agenda": _agenda,
    "agenda/choice": lambda: {"meetings": [_listed()]},
    "agenda/order": _agenda,
    "meetings/answer_for": lambda: {**_answers(), "person": None},
    "meetings/answer_entered": lambda: {
        "meeting": meeting(), "answer": Plain("declined"), "stands_in": False, "answer_link": AnswerLink(5),
        "deputy": sentinel(PersonName, "deputy"), "by": sentinel(PersonName, "entered.by"),
    },
    "meetings/answered": lambda: {
        "meeting": meeting(), "answer": Plain("delegated"), "counts": COUNTS,
        "deputy": sentinel(PersonName, "deputy"), "for_whom": None, "stands_in": False,
    },
    "meetings/answered_toast": lambda: {
        "meeting": meeting(), "answer": Plain("accepted"), "counts": COUNTS,
        "deputy": sentinel(PersonName, "deputy"), "for_whom": sentinel(PersonName, "for_whom"),
        "stands_in": False,
    },
    "meetings/answers": _answers,
    "general/calendar": lambda: {"link": FeedLink(1), "renewed": True},
    "general/calendar_renew": dict,
    "meetings/cancelled": lambda: {
        "meeting": meeting(state=Plain("cancelled")), "document": document(status=Plain("cancelled")),
    },
    "meetings/cancelled_by_me": lambda: {
        "meeting": meeting(state=Plain("cancelled")), "told": 7, "next": meeting(),
        "moved_items": 2, "waiting_items": 2, "stored_items": 2,
    },
    "commitments/check_in": lambda: {"commitments": [commitment()]},
    "commitments/check_in_toast": lambda: {"answer": Plain("done")},
    "commitments/check_in_told": lambda: {
        "commitment": commitment(), "answer": Plain("stuck"), "name": sentinel(PersonName, "check_in.name"),
    },
    "general/commands": dict,
    "commitments/commitment": _commitment_page,
    "commitments/agreed": lambda: {"commitment": commitment()},
    "commitments/confirmed_toast": dict,
    "commitments/declined": lambda: {"commitment": commitment(), "name": sentinel(PersonName, "declined.name")},
    "commitments/declined_by_me": _commitment_page,
    "commitments/dropped": lambda: {"commitment": commitment(), "name": sentinel(PersonName, "dropped.name")},
    "commitments/hand_over": lambda: {"commitment": commitment(), "people": [_person("hand_over.person", own=False)]},
    "commitments/handed_over": _handed_over,
    "commitments/moved": lambda: {
        "commitment": commitment(), "name": sentinel(PersonName, "moved.name"),
        "was": {"due_kind": Plain("date"), "due": DAY, "due_in": []},
    },
    "commitments/proposed": lambda: {"commitment": commitment(), "by": sentinel(PersonName, "proposed.by")},
    "commitments/recorded": lambda: {"commitment": commitment()},
    "commitments/reopened": lambda: {
        "commitment": commitment(owners=[party("commitment.owner", speaks=True)]),
        "name": sentinel(PersonName, "reopened.name"),
    },
    "commitments/taking_over": _handed_over,
    "commitments/verified": lambda: {"commitment": commitment()},
    "commitments/list": lambda: {
        "mine": [commitment(), commitment(id=2)], "agreed": [commitment()], "may_record": True,
        "orphaned": [commitment(state=Plain("orphaned"))],
        "bodies": [body(open=3, overdue=1, fulfilled=1)],
    },
    "commitments/of_body": lambda: {
        "body": body(), "commitments": [commitment()], "open": 3, "overdue": 1, "fulfilled": 1,
    },
    "meetings/deputies": lambda: {
        "meeting": meeting(), "people": [_person("deputies")], "for_whom": sentinel(PersonName, "for_whom"), "person": 5,
    },
    "meetings/deputy_released": lambda: {"meeting": meeting(), "document": document(status=Plain("cancelled"))},
    "general/discarded": dict,
    "general/file_missing": lambda: {"kind": Plain("calendar")},
    "general/given_up": lambda: {"something": True},
    "accounts/group": lambda: {
        "level": 3, "body": sentinel(Title, "group.body"), "meeting": meeting(), "counts": COUNTS,
    },
    "accounts/group_choice": lambda: {"bodies": [body()]},
    "accounts/group_lost": lambda: {"level": 3, "body": sentinel(Title, "group.lost")},
    "accounts/group_linked": lambda: {"level": 3, "body": sentinel(Title, "group.body")},
    "general/help": lambda: {"administrator": True, "may_organise": True},
    "meetings/invitation": lambda: {"meeting": meeting(), "document": document()},
    "meetings/invitation_as_deputy": lambda: {
        "meeting": meeting(), "instead_of": sentinel(PersonName, "instead_of"), "document": document(),
        "entered_by": sentinel(PersonName, "deputy.entered_by"),
    },
    "meetings/invited": lambda: {
        "meeting": meeting(),
        "people": 6,
        "short_notice_reason": True,
        "in_calendars": False,
        "unreachable": _unreachable(),
    },
    "agenda/item": _item_page,
    "agenda/item_accepted": _told,
    "agenda/item_accepted_toast": lambda: {"item": item(), "next": meeting(), "missed": True, "waits": False},
    "agenda/item_changed": _told,
    "agenda/item_entered": _told,
    "agenda/item_handed_in": lambda: {
        **_told(), "meeting": meeting(late=Plain("chair"), deadline=STARTS), "papers": 1,
        "for_whom": sentinel(PersonName, "for_whom"),
    },
    "agenda/item_length": lambda: {**_item_page(), "lengths": [10], "slot_choices": [1]},
    "agenda/item_rejected": _told,
    "agenda/item_rejected_by_me": lambda: {"item": item()},
    "agenda/item_submitted": _told,
    "agenda/item_taken_back": _told,
    "agenda/item_withdrawn": lambda: {"item": item()},
    "agenda/items_moved": lambda: {"items": [item(), item(id=5)], "meeting": meeting(), "was": meeting()},
    "agenda/items_placed": lambda: {
        "items": [item(), item(state=Plain("accepted"))], "meeting": meeting(), "was": meeting(state=Plain("cancelled")),
    },
    "accounts/join_link": lambda: {
        "level": 3, "name": sentinel(PersonName, "join.name"), "joined": False, "by_mail": True, "by_chat": False,
        "handed_on": True, "link": OneTimeLink("invitation", 7),
    },
    "accounts/join_again": lambda: {"level": 3, "by": sentinel(PersonName, "join.by"), "link": OneTimeLink("invitation")},
    "accounts/join_privacy": lambda: {"name": Plain("Nora Quint"), "language": "de"},
    "meetings/meeting": lambda: {
        "meeting": meeting(), "counts": COUNTS, "answer": Plain("declined"), "items": 2, "over": False,
        "deputy": sentinel(PersonName, "deputy"), "may_manage": True, "may_submit": True,
        "stands_in": True, "instead_of": sentinel(PersonName, "instead_of"),
        "entered_by": sentinel(PersonName, "entered_by"),
    },
    "meetings/card": lambda: {"meeting": meeting(), "counts": COUNTS},
    "meetings/list": lambda: {"meetings": [_listed()], "may_schedule": True},
    "general/menu": lambda: {
        "name": Plain("Nora Quint"), "meetings": [_listed()], "may_organise": True, "lost": False,
    },
    "meetings/moved": lambda: _rearranged({"meeting": meeting(), "document": document(), "anew": True}),
    "meetings/moved_by_me": lambda: _rearranged({"meeting": meeting(), "told": True}),
    "accounts/new_way": lambda: {"network": Plain("webchat"), "device": Plain("Firefox, Linux"), "language": "de"},
    "general/nothing_open": dict,
    "general/nudge": dict,
    "general/nudge_toast": dict,
    "people/organise": lambda: {"bodies": [body(waiting=2, unplaced=2, orphaned=1)], "administrator": True},
    "people/organise_body": lambda: {
        "body": body(), "meetings": [meeting()], "items": [item(missed=STARTS)],
        "unplaced": [item(state=Plain("accepted"))],
        "orphaned": [{"id": 1, "code": Plain("RLK"), "number": 5, "what": sentinel(Text, "organise.orphaned")}],
        "people": [{
            "name": sentinel(PersonName, "organise.person"), "role": Plain("chair"), "organisation": Plain("Caritas"),
        }],
    },
    "commitments/overdue": lambda: {"mine": [commitment()], "led": [commitment()]},
    "people/file": _list_of_people,
    "people/file_dropped": dict,
    "people/file_imported": _list_of_people,
    "people/file_received": dict,
    "people/file_unreadable": lambda: {
        "level": 3, "mistakes": [_mistake(needed=[Plain("given_name")], found=[sentinel(Text, "list.found")])],
    },
    "general/privacy": lambda: {"language": "de"},
    "meetings/scheduled": lambda: {"meeting": meeting(state=Plain("scheduled")), "placed": 2},
    "people/seat": _seat,
    "people/seat_end": _seat,
    "people/seat_ended": _seat_ended,
    "people/seat_ended_by_me": _seat_ended,
    "people/seat_lost": lambda: {"level": 3, "body": sentinel(Title, "seat.body"), "meetings": [meeting()]},
    "people/seats": lambda: {
        "body": body(), "seats": [_person("seats", person=7, role=Plain("member"), reachable=False)],
    },
    "accounts/settings": lambda: {
        "speaks": Plain("de"), "quiet_from": Plain("19:00"), "quiet_until": Plain("07:00"), "quiet": True,
        "choices": [Plain("19-7")], "absent_until": DAY,
    },
    "meetings/told_again": lambda: {"meeting": meeting(), "people": 2},
    "meetings/told_at_once": lambda: {"meeting": meeting(), "told": True},
    "agenda/topics": lambda: {"items": [item(meeting=meeting())], "stored": [item()]},
    "accounts/town_bodies": lambda: {"bodies": [body(seats=3, joined=1)]},
    "accounts/town_body": _town_body,
    "accounts/town_invite_all": _town_body,
    "accounts/town_invited": lambda: {"body": body(), "invited": 2, "left": 1},
    "general/trouble": lambda: {"code": Plain("ABC123")},
    "general/warned": dict,
    "general/unknown_command": lambda: {"commands": [{"code": Plain("termine"), "name": Plain("meetings")}]},
    "meetings/form/cancel_confirm": lambda: _guided_meeting(meeting=meeting()),
    "meetings/form/cancel_kept": lambda: _guided_meeting(meeting=meeting()),
    "meetings/form/cancel_reason": lambda: _guided_meeting(meeting=meeting()),
    "commitments/form/commitment_body": _guided_commitment,
    "commitments/form/commitment_confirm": _guided_commitment,
    "commitments/form/commitment_counterparts": lambda: _guided_commitment(counterparts_asked=ASKED),
    "commitments/form/commitment_decline_confirm": _reason_for_commitment,
    "commitments/form/commitment_decline_reason": _reason_for_commitment,
    "commitments/form/commitment_drop_confirm": _reason_for_commitment,
    "commitments/form/commitment_decline_kept": _reason_for_commitment,
    "commitments/form/commitment_drop_kept": _reason_for_commitment,
    "commitments/form/due_kept": lambda: {**_reason_for_commitment(), **_due()},
    "commitments/form/commitment_drop_reason": _reason_for_commitment,
    "commitments/form/commitment_due": _guided_commitment,
    "commitments/form/commitment_due_body": _guided_commitment,
    "commitments/form/commitment_kept": _guided_commitment,
    "commitments/form/commitment_owners": _guided_commitment,
    "commitments/form/commitment_what": _guided_commitment,
    "commitments/form/due_confirm": lambda: {**_reason_for_commitment(), **_due()},
    "commitments/form/due_due": lambda: {**_reason_for_commitment(), **_due()},
    "commitments/form/due_due_body": lambda: {**_reason_for_commitment(), **_due()},
    "commitments/form/due_reason": lambda: {**_reason_for_commitment(), **_due()},
    "meetings/form/invite_confirm": lambda: _guided_meeting(meeting=meeting(), people=6, short=True, days=3, unreachable=_unreachable()),
    "meetings/form/invite_kept": lambda: _guided_meeting(meeting=meeting(), people=6, short=True, days=3, unreachable=_unreachable()),
    "meetings/form/invite_reason": lambda: _guided_meeting(meeting=meeting(), people=6, short=True, days=3, unreachable=_unreachable()),
    "agenda/form/item_body": _guided_item,
    "agenda/form/item_confirm": _guided_item,
    "agenda/form/item_kept": _guided_item,
    "agenda/form/item_meeting": _guided_item,
    "agenda/form/item_minutes": _guided_item,
    "agenda/form/item_person": _guided_item,
    "agenda/form/item_purpose": _guided_item,
    "agenda/form/item_slots": _guided_item,
    "agenda/form/item_title": _guided_item,
    "meetings/form/meeting_body": _guided_meeting,
    "meetings/form/meeting_confirm": _guided_meeting,
    "meetings/form/meeting_format": _guided_meeting,
    "meetings/form/meeting_join_link": _guided_meeting,
    "meetings/form/meeting_kept": _guided_meeting,
    "meetings/form/meeting_minutes": _guided_meeting,
    "meetings/form/meeting_place": _guided_meeting,
    "meetings/form/meeting_when": _guided_meeting,
    "meetings/form/move_confirm": lambda: _guided_meeting(meeting=meeting()),
    "meetings/form/move_minutes": lambda: _guided_meeting(meeting=meeting()),
    "meetings/form/move_when": lambda: _guided_meeting(meeting=meeting()),
    "agenda/form/papers_confirm": lambda: {**_item_page(), "first": True},
    "meetings/form/place_confirm": _guided_place,
    "meetings/form/place_format": _guided_place,
    "meetings/form/place_join_link": _guided_place,
    "meetings/form/place_kept": _guided_place,
    "meetings/form/place_place": _guided_place,
    "agenda/form/reject_confirm": lambda: {**_item_page(), **_guided_item()},
    "agenda/form/reject_kept": lambda: {**_item_page(), **_guided_item()},
    "agenda/form/reject_reason": lambda: {**_item_page(), **_guided_item()},
    "agenda/form/retitle_confirm": lambda: {**_item_page(), **_guided_item()},
    "agenda/form/retitle_kept": lambda: {**_item_page(), **_guided_item()},
    "agenda/form/retitle_title": lambda: {**_item_page(), **_guided_item()},
    "refusals/administrators_only": dict,
    "refusals/already_linked": dict,
    "refusals/changed_meanwhile": dict,
    "refusals/deadline_over": lambda: {"since": STARTS, "code": Plain("TK")},
    "refusals/deputy_unknown": dict,
    "refusals/due_missing": dict,
    "refusals/everybody_invited": dict,
    "refusals/files_too_large": lambda: {"limit": 500},
    "refusals/in_the_past": dict,
    "refusals/item_over": lambda: {"item": item()},
    "refusals/late_item": lambda: {"since": STARTS, "code": Plain("TK")},
    "refusals/level_forbids": dict,
    "refusals/link_used_up": dict,
    "refusals/list_too_large": lambda: {"limit": 1},
    "refusals/looks_like_a_case": dict,
    "refusals/may_not_record": lambda: {"body": Plain("TK")},
    "refusals/meeting_over": lambda: {"state": Plain("held")},
    "refusals/no_such_time": dict,
    "refusals/no_papers_here": dict,
    "refusals/no_such_trial_time": dict,
    "refusals/nothing_to_attach_to": dict,
    "refusals/not_a_member": lambda: {"body": Plain("TK")},
    "refusals/not_allowed": lambda: {"body": Plain("TK")},
    "refusals/not_found_here": dict,
    "refusals/not_introduced": lambda: {"language": "de"},
    "refusals/not_on_telegram": dict,
    "refusals/hints_only": dict,
    "refusals/not_over_telegram": dict,
    "refusals/not_understood": lambda: {"step": Plain("when"), "why": Plain("past")},
    "refusals/outdated": dict,
    "refusals/other_message": dict,
    "refusals/owner_missing": dict,
    "refusals/paper_gone": dict,
    "refusals/paper_too_large": lambda: {"limit": 10},
    "refusals/private_only": dict,
    "refusals/reason_missing": dict,
    "refusals/rescheduled": lambda: {"meeting": meeting()},
    "refusals/short_notice": lambda: {"days": 7, "code": Plain("TK"), "id": 1},
    "refusals/stranger": lambda: {"language": "de"},
    "refusals/title_missing": dict,
    "refusals/too_long": lambda: {"limit": 200},
    "refusals/too_many_files": lambda: {"times": 30, "minutes": 90},
    "refusals/too_many_links": lambda: {"minutes": 60},
    "refusals/too_many_presses": lambda: {"minutes": 1},
    "refusals/too_many_texts": lambda: {"minutes": 1},
    "refusals/unlikely_duration": dict,
    "refusals/unlikely_length": dict,
}  # fmt: skip
PARTIAL = {
    "commitments/form/commitment_parties",
    "commitments/form/due_asked",
    "general/form/kept",
    "general/form/steps",
    "meetings/form/when",
}
