"""Whatever people type is asked about in the action when it looks like case data, also where no form has asked."""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import actions
from bot.actions import texts
from bot.actions.agenda import agenda_items
from bot.actions.agenda.agenda_items import Proposal
from bot.actions.commitments import commitments
from bot.actions.commitments.commitments import Due
from bot.actions.meetings import invitations, meetings, moving, placing
from bot.actions.meetings.meetings import Plan
from bot.actions.texts import LooksLikeACase
from bot.rules.parties import Party
from bot.rules.refusals import TooLong
from storage.models import Commitment, CommitmentParty
from storage.vocabulary import DueKind, MeetingFormat, MeetingState, Purpose
from tests.actions.agreements import Town, arrive
from tests.actions.invented import a_meeting

CASE = "Hilfeplangespräch Familie Huber, Kind Leon 8 Jahre"
Act = Callable[..., Awaitable[object]]  # (town, now, text, *, kept)


@pytest.fixture
async def town(store: str) -> Town:  # noqa: ARG001  # the store must be open
    return await arrive()


def in_four_weeks(now: datetime, **more: Any) -> Plan:  # noqa: ANN401  # fields of every type
    starts = (now + timedelta(weeks=4)).replace(tzinfo=None)
    return Plan(starts=starts, minutes=90, format=MeetingFormat.HYBRID, **more)


async def item(town: Town, now: datetime) -> int:
    facts = await agenda_items.submit(
        by=town.carla, body="RLK", proposal=Proposal(purpose=Purpose.REPORT, title="Bericht", minutes=20), now=now
    )
    return int(facts["item"]["id"])


async def commitment(town: Town, now: datetime) -> int:
    due, owners = Due(kind=DueKind.STANDING), [Party(person=town.carla.id)]
    facts = await commitments.record(by=town.anna, body="RLK", what="Angebot", owners=owners, due=due, now=now)
    return int(facts["commitment"]["id"])


async def agreed(town: Town, now: datetime) -> int:
    number = await commitment(town, now)
    await CommitmentParty.filter(commitment_id=number).update(confirmed_at=now)
    await Commitment.filter(id=number).update(state="agreed")
    return number


async def submit(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    proposal = Proposal(purpose=Purpose.REPORT, title=text, minutes=20, kept=kept)
    return await agenda_items.submit(by=town.carla, body="RLK", proposal=proposal, now=now)


async def retitle(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    return await agenda_items.change(by=town.carla, item=await item(town, now), title=text, kept=kept, now=now)


async def reject(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    return await agenda_items.reject(by=town.anna, item=await item(town, now), reason=text, kept=kept, now=now)


async def record(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    due, owners = Due(kind=DueKind.STANDING), [Party(person=town.carla.id)]
    return await commitments.record(by=town.anna, body="RLK", what=text, owners=owners, due=due, kept=kept, now=now)


async def decline(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    return await commitments.decline(
        by=town.carla, commitment=await commitment(town, now), reason=text, kept=kept, now=now
    )


async def drop(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    return await commitments.drop(by=town.anna, commitment=await agreed(town, now), reason=text, kept=kept, now=now)


async def postpone(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    due = Due(kind=DueKind.DATE, on=(now + timedelta(days=30)).date())
    return await commitments.move(
        by=town.carla, commitment=await agreed(town, now), due=due, reason=text, kept=kept, now=now
    )


async def schedule(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    plan = in_four_weeks(now, place=text, kept=kept)
    return await placing.schedule(by=town.anna, body="RLK", plan=plan, host="faden.example", now=now)


async def schedule_with_link(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    plan = in_four_weeks(now, join_link=text, kept=kept)
    return await meetings.schedule(by=town.anna, body="RLK", plan=plan, host="faden.example", now=now)


async def invite(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    meeting = await a_meeting(town.rlk, "2026-11-20T10:00")
    return await invitations.invite(by=town.anna, meeting=meeting.id, land="BY", reason=text, kept=kept, now=now)


async def cancel(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    meeting = await a_meeting(town.rlk, "2026-12-08T10:00", MeetingState.INVITED)
    return await moving.cancel(by=town.anna, meeting=meeting.id, reason=text, kept=kept, now=now)


async def relocate(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    meeting = await a_meeting(town.rlk, "2026-12-08T10:00")
    form = MeetingFormat.HYBRID
    return await moving.relocate(
        by=town.anna, meeting=meeting.id, form=form, place=text, join_link=None, kept=kept, now=now
    )


async def relocate_with_link(town: Town, now: datetime, text: str, *, kept: bool) -> object:
    meeting = await a_meeting(town.rlk, "2026-12-08T10:00")
    form = MeetingFormat.HYBRID
    return await moving.relocate(
        by=town.anna, meeting=meeting.id, form=form, place=None, join_link=text, kept=kept, now=now
    )


# What each public action takes of typed text; a new one is named here with the act that shows it.
ACTS: dict[str, Act] = {
    "agenda.agenda_items.Proposal.title": submit,
    "agenda.agenda_items.change.title": retitle,
    "agenda.agenda_items.reject.reason": reject,
    "commitments.commitments.record.what": record,
    "commitments.commitments.decline.reason": decline,
    "commitments.commitments.drop.reason": drop,
    "commitments.commitments.move.reason": postpone,
    "meetings.meetings.Plan.place": schedule,
    "meetings.meetings.Plan.join_link": schedule_with_link,
    "meetings.invitations.invite.reason": invite,
    "meetings.moving.cancel.reason": cancel,
    "meetings.moving.relocate.place": relocate,
    "meetings.moving.relocate.join_link": relocate_with_link,
}
# Names that people choose, and what is no text of theirs: ids, codes, addresses, kinds, marks, names of files and of people.
NO_TEXT = frozenset(
    [
        "about",
        "abouts",
        "address",
        "body",
        "body_code",
        "code",
        "except_for",
        "facts",
        "family_name",
        "field",
        "file_id",
        "given_name",
        "host",
        "key",
        "kind",
        "label",
        "land",
        "language",
        "mail",
        "mailbox",
        "mark",
        "method",
        "mime",
        "more",
        "name",
        "names",
        "only",
        "organizer",
        "seen",
        "session",
        "step",
        "target_id",
        "template",
        "token",
        "uid",
        "unknown",
        "wanted",
        "zone",
        "zones",
        "data",
        "text",
    ]
)
NOT_TYPED = {  # the same words for what has been checked before, or is only read
    "audit.record.what",
    "feeds.FeedDue.what",
    "feeds.FeedMeeting.join_link",
    "feeds.FeedMeeting.place",
    "feeds.FeedMeeting.title",
    "meetings.arrangements.Arrangement.join_link",
    "meetings.arrangements.Arrangement.place",
    "meetings.meetings.check.known",
    "meetings.meetings.fitting.join_link",
    "meetings.meetings.fitting.place",
    "people.merging.Difference.what",
    "people.merging.Step.what",
    "people.merging.compare.what",
    "people.merging.seat_name.person",
}


def taken() -> set[str]:
    """Every text that a public function or fact of an action takes."""
    found = set()
    for module in pkgutil.walk_packages(actions.__path__, "bot.actions."):
        for name, member in vars(importlib.import_module(module.name)).items():
            own = getattr(member, "__module__", None) == module.name and not name.startswith("_")
            if not own or not (inspect.isfunction(member) or inspect.isclass(member)):
                continue
            hints = inspect.get_annotations(member)
            where = f"{module.name.removeprefix('bot.actions.')}.{name}"
            found |= {f"{where}.{what}" for what, hint in hints.items() if _is_text(hint) and what != "return"}
    return found


def _is_text(hint: object) -> bool:
    written = hint.__name__ if isinstance(hint, type) else str(hint)
    return "str" in {part.strip() for part in written.split("|")}


@pytest.mark.parametrize("name", ACTS)
async def test_text_that_looks_like_a_case_is_asked_about(town: Town, now: datetime, name: str) -> None:
    with pytest.raises(LooksLikeACase):
        await ACTS[name](town, now, CASE, kept=False)


@pytest.mark.parametrize("name", ACTS)
async def test_text_that_may_stay_is_taken(town: Town, now: datetime, name: str) -> None:
    assert await ACTS[name](town, now, CASE, kept=True)


def test_every_text_of_an_action_is_asked_about() -> None:
    texts_taken = {name for name in taken() if name.rpartition(".")[2] not in NO_TEXT}

    assert texts_taken - NOT_TYPED == ACTS.keys()


def test_text_is_bounded_without_the_blanks_around_it() -> None:
    assert texts.checked("  Bericht ", limit=7) == "Bericht"
    with pytest.raises(TooLong) as refused:
        texts.checked("Berichte", limit=7)
    assert refused.value.facts["limit"] == 7


async def test_usual_place_of_a_body_is_not_asked_about(town: Town, now: datetime) -> None:
    town.rlk.place = f"Haus {CASE}"
    await town.rlk.save()

    assert await schedule(town, now, town.rlk.place, kept=False)


async def test_meeting_that_moves_keeps_the_place_that_was_let_stay(town: Town, now: datetime) -> None:
    facts: Any = await schedule(town, now, CASE, kept=True)
    starts = datetime(2026, 12, 10, 10)  # noqa: DTZ001  # on the wall

    assert await moving.move(by=town.anna, meeting=facts["meeting"]["id"], starts=starts, minutes=90, now=now)
