from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.actions import papers
from bot.actions.agenda import agenda, agenda_items
from bot.actions.agenda.agenda_items import (
    DeadlineOver,
    ItemOver,
    LateItem,
    Proposal,
    TitleMissing,
    UnlikelyLength,
)
from bot.actions.meetings import moving
from bot.actions.meetings.meetings import MeetingOver
from bot.actions.papers import NoPapersHere, PaperGone, PaperTooLarge
from bot.actions.texts import LooksLikeACase
from bot.rules.facts import Plain
from bot.rules.refusals import (
    NotAllowed,
    NotAMember,
    NotFoundHere,
    Outdated,
    ReasonMissing,
    Refusal,
    TooLong,
)
from storage.models import (
    AgendaItem,
    AgendaItemPaper,
    Attendance,
    AuditEvent,
    Body,
    Document,
    Meeting,
    Membership,
    Notice,
    Person,
    Topic,
)
from storage.vocabulary import ItemState, MeetingState, Network, Purpose, Role
from tests.actions import cast
from tests.actions.cast import OUTSIDERS, YESTERDAY, Town, untyped
from tests.actions.invented import a_body, a_meeting, a_seat
from tests.conftest import Counted

Counting = Callable[[], AbstractContextManager[Counted]]

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
STARTS = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
DEADLINE = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
RULES = {"submission_days": 2, "submission_time": "12:00"}
FARM = Proposal(purpose=Purpose.DECISION, title="Kinderbauernhof", minutes=20)


@pytest.fixture
async def town(town: Town) -> Town:
    """The TK meets on Tuesday at 14:30; items are due on Sunday at 12:00."""
    await Body.filter(id=town.tk.id).update(rules=RULES)
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    return town


@pytest.fixture
async def meeting(town: Town) -> Meeting:
    """The meeting on Tuesday."""
    return await Meeting.get(body_id=town.tk.id)


def proposal(**more: Any) -> Proposal:  # noqa: ANN401  # fields of every type
    return Proposal(**{"purpose": Purpose.DECISION, "title": "Kinderbauernhof", **more})


async def submitted(town: Town, now: datetime, name: str = "ben", what: Proposal = FARM, **more: Any) -> int:  # noqa: ANN401  # likewise
    facts = await agenda_items.submit(by=town.person(name), body="TK", proposal=what, now=now, **more)
    return int(facts["item"]["id"])


async def accepted(town: Town, now: datetime, name: str = "ben", what: Proposal = FARM, **more: Any) -> int:  # noqa: ANN401  # likewise
    number = await submitted(town, now, name, what, **more)
    await agenda_items.accept(by=town.ada, item=number, now=now)
    return number


async def all_heard() -> None:
    """Nothing is waiting to be told any more."""
    await Notice.all().delete()


async def state(item: int) -> ItemState:
    return (await AgendaItem.get(id=item)).state


async def a_paper(by: Person, now: datetime, name: str = "Konzept.pdf", size: int = 9) -> int:
    return await papers.keep(
        by=by, name=name, mime="application/pdf", size=size, network=Network.WEBCHAT, file_id="f", now=now
    )


# --- handing in -----------------------------------------------------------------------------------------------------


async def test_submit_is_for_the_next_meeting_and_tells_the_leads(town: Town, meeting: Meeting, now: datetime) -> None:
    await a_meeting(town.tk, "2026-12-08T14:30")

    facts = await agenda_items.submit(by=town.ben, body="tk", proposal=FARM, now=now)

    item = await AgendaItem.get().select_related("topic")
    assert item.topic is not None
    assert (item.title, item.topic.title, item.minutes, item.purpose) == (
        "Kinderbauernhof",
        "Kinderbauernhof",
        20,
        Purpose.DECISION,
    )
    assert (item.meeting_id, item.submitted_by_id, item.entered_by_id) == (meeting.id, town.ben.id, None)
    assert (item.state, item.late, item.flagged) == (ItemState.PROPOSED, False, False)
    assert facts["item"] == {
        "id": item.id,
        "body_id": town.tk.id,
        "level": 2,
        "informal": False,
        "title": "Kinderbauernhof",
        "purpose": "decision",
        "minutes": 20,
        "slots": None,
        "state": "proposed",
        "late": False,
        "flagged": False,
        "reason": None,
        "code": "TK",
        "body": "Trägerkonferenz",
        "submitter": None,
        "own": True,
    }
    assert (facts["meeting"]["id"], facts["meeting"]["deadline"], facts["for_whom"], facts["papers"]) == (
        meeting.id,
        DEADLINE,
        None,
        0,
    )
    assert sorted(await cast.by_chat()) == [("agenda/item_submitted", "Ada"), ("agenda/item_submitted", "Anna")]
    told = await cast.facts_for("agenda/item_submitted", town.ada)
    assert (told["item"]["submitter"], told["item"]["own"], told["entered_by"]) == ("Ben Özdemir", False, None)
    assert [list(untyped(facts)), list(untyped(told))] == [[], []]


async def test_submit_by_a_lead_tells_only_the_others(town: Town, now: datetime) -> None:
    await submitted(town, now, "anna")

    assert await cast.by_chat() == [("agenda/item_submitted", "Ada")]


async def test_submit_for_a_later_meeting_or_for_the_topic_store(town: Town, now: datetime) -> None:
    later = await a_meeting(town.tk, "2026-12-08T14:30")

    numbers = [await submitted(town, now, meeting=later.id), await submitted(town, now, meeting=0)]

    rows = [await AgendaItem.get(id=number) for number in numbers]
    assert [row.meeting_id for row in rows] == [later.id, None]


async def test_submit_without_a_meeting_ahead_goes_to_the_topic_store(town: Town, now: datetime) -> None:
    await Meeting.all().update(state=MeetingState.DRAFT)
    await a_meeting(town.tk, "2026-11-18T09:00")  # begins at this very moment

    facts = await agenda_items.submit(by=town.ben, body="TK", proposal=FARM, now=now)

    assert (facts["meeting"], (await AgendaItem.get()).meeting_id) == (None, None)


async def test_submit_for_a_meeting_that_takes_nothing_is_refused(town: Town, now: datetime) -> None:
    over = await a_meeting(town.tk, "2026-11-30T14:30", MeetingState.CANCELLED)
    others = await a_meeting(town.srt, "2026-11-30T14:30")

    with pytest.raises(MeetingOver) as refused:
        await submitted(town, now, meeting=over.id)
    for number in (others.id, 999):
        with pytest.raises(Outdated):
            await submitted(town, now, meeting=number)

    assert refused.value.facts == {"state": "cancelled"}
    assert await AgendaItem.all().count() == 0


async def test_submit_is_open_to_every_seat_and_to_nobody_else(town: Town, now: datetime) -> None:
    for name in ("anna", "ada", "ben", "dora", "gesa"):
        await submitted(town, now, name)
    for name in (*OUTSIDERS, "vera", "kim"):
        with pytest.raises(NotAMember):
            await submitted(town, now, name)

    assert await AgendaItem.all().count() == 5


async def test_case_consultation_has_slots_and_no_word(town: Town, now: datetime) -> None:
    number = await submitted(town, now, what=Proposal(purpose=Purpose.CASE_CONSULTATION, slots=2))

    item = await AgendaItem.get(id=number)
    assert (item.slots, item.title, item.topic_id) == (2, "", None)
    assert await Topic.all().count() == 0


async def test_submit_refuses_what_is_no_item(town: Town, now: datetime) -> None:
    case = Purpose.CASE_CONSULTATION
    wrong: list[tuple[Proposal, type[Refusal], dict[str, object]]] = [
        (proposal(title=""), TitleMissing, {}),
        (proposal(title="  \n"), TitleMissing, {}),
        (proposal(title="x" * 201), TooLong, {"limit": 200}),
        (proposal(minutes=0), UnlikelyLength, {}),
        (proposal(minutes=481), UnlikelyLength, {}),
        (Proposal(purpose=case), UnlikelyLength, {}),
        (Proposal(purpose=case, slots=0), UnlikelyLength, {}),
        (Proposal(purpose=case, slots=21), UnlikelyLength, {}),
        (Proposal(purpose=case, slots=1, title="Leon"), UnlikelyLength, {}),
        (Proposal(purpose=case, slots=1, papers=(1,)), UnlikelyLength, {}),
        (proposal(title="HPG Familie M."), LooksLikeACase, {}),
    ]

    for what, refusal, facts in wrong:
        with pytest.raises(refusal) as refused:
            await submitted(town, now, what=what)
        assert refused.value.facts == facts
    assert (await AgendaItem.all().count(), await Topic.all().count(), await cast.told()) == (0, 0, [])


async def test_submit_takes_what_just_fits(town: Town, now: datetime) -> None:
    case = Purpose.CASE_CONSULTATION

    for fits in (
        proposal(title="x" * 200),
        proposal(minutes=1),
        proposal(minutes=480),
        Proposal(purpose=case, slots=1),
        Proposal(purpose=case, slots=20, minutes=480),
    ):
        await submitted(town, now, what=fits)

    assert await AgendaItem.all().count() == 5


async def test_suspicious_title_that_was_kept_is_flagged_for_the_lead(town: Town, now: datetime) -> None:
    number = await submitted(town, now, what=proposal(title="Familie Mobil", kept=True))
    harmless = await submitted(town, now, what=proposal(kept=True))

    assert [(await AgendaItem.get(id=item)).flagged for item in (number, harmless)] == [True, False]
    assert (await cast.facts_for("agenda/item_submitted", town.ada))["item"]["flagged"] is False
    assert (await agenda_items.view(by=town.ada, item=number, now=now))["item"]["flagged"] is True


async def test_submit_is_in_time_until_the_second_of_the_deadline(town: Town) -> None:
    numbers = [await submitted(town, at) for at in (DEADLINE, DEADLINE + SECOND)]

    assert [(await AgendaItem.get(id=number)).late for number in numbers] == [False, True]


async def test_submit_after_the_deadline_is_refused_where_the_rule_says_so(town: Town, meeting: Meeting) -> None:
    await Body.filter(id=town.tk.id).update(rules={**RULES, "late_items": "reject"})

    await submitted(town, DEADLINE)
    with pytest.raises(LateItem) as refused:
        await submitted(town, DEADLINE + SECOND, meeting=meeting.id)
    await submitted(town, DEADLINE + SECOND, meeting=0)

    assert refused.value.facts == {"since": DEADLINE, "code": Plain("TK")}
    assert await AgendaItem.all().count() == 2


async def test_targets_are_the_meetings_that_take_items(town: Town, meeting: Meeting, now: datetime) -> None:
    later = await a_meeting(town.tk, "2026-12-08T14:30")
    await a_meeting(town.tk, "2026-12-01T14:30", MeetingState.CANCELLED)

    early = await agenda_items.targets(by=town.ben, body=town.tk.id, now=now)
    late = await agenda_items.targets(by=town.ben, body=town.tk.id, now=DEADLINE + SECOND)

    assert [(target["id"], target["deadline"], target["late"]) for target in early] == [
        (meeting.id, DEADLINE, None),
        (later.id, DEADLINE + 14 * DAY, None),
    ]
    assert [target["late"] for target in late] == ["chair_decides", None]
    assert list(untyped(late)) == []
    for name in OUTSIDERS:
        with pytest.raises(NotAMember):
            await agenda_items.targets(by=town.person(name), body=town.tk.id, now=now)


async def test_target_is_one_of_them(town: Town, meeting: Meeting, now: datetime) -> None:
    facts = await agenda_items.target(by=town.gesa, meeting=meeting.id, now=now)

    assert (facts["id"], facts["body_id"], facts["deadline"]) == (meeting.id, town.tk.id, DEADLINE)
    with pytest.raises(MeetingOver):
        await agenda_items.target(by=town.gesa, meeting=meeting.id, now=STARTS)
    with pytest.raises(NotFoundHere):
        await agenda_items.target(by=town.gesa, meeting=999, now=now)
    with pytest.raises(NotFoundHere):
        await agenda_items.target(by=town.emil, meeting=meeting.id, now=now)


async def test_submit_for_somebody_who_phoned(town: Town, now: datetime) -> None:
    choices = await agenda_items.represented(by=town.anna, body=town.tk.id, now=now)

    facts = await agenda_items.submit(by=town.anna, body="TK", proposal=FARM, now=now, person=town.carla.id)

    item = await AgendaItem.get()
    assert [person["name"] for person in choices] == [
        "Carla Cramer",
        "Dora Dietz",
        "Gesa Güler",
        "Ada Öhler",
        "Ben Özdemir",
    ]
    assert (item.submitted_by_id, item.entered_by_id) == (town.carla.id, town.anna.id)
    assert (facts["for_whom"], facts["item"]["submitter"], facts["item"]["own"]) == (
        "Carla Cramer",
        "Carla Cramer",
        False,
    )
    assert sorted(await cast.by_chat()) == [("agenda/item_entered", "Carla"), ("agenda/item_submitted", "Ada")]
    assert (await cast.facts_for("agenda/item_entered", town.carla))["entered_by"] == "Anna Arendt"
    assert (await cast.facts_for("agenda/item_submitted", town.ada))["entered_by"] == "Anna Arendt"
    assert [list(untyped(facts)), list(untyped(choices))] == [[], []]


async def test_submit_for_another_lead_tells_them_once(town: Town, now: datetime) -> None:
    await submitted(town, now, "anna", person=town.ada.id)

    assert await cast.by_chat() == [("agenda/item_entered", "Ada")]


async def test_submit_for_others_is_refused_to_who_does_not_lead(town: Town, now: datetime) -> None:
    assert await agenda_items.represented(by=town.ben, body=town.tk.id, now=now) == []
    for by, person in (("ben", "carla"), ("dora", "ben"), ("anna", "nora"), ("anna", "frida"), ("anna", "lars")):
        with pytest.raises(NotFoundHere):
            await submitted(town, now, by, person=town.person(person).id)

    assert await AgendaItem.all().count() == 0


async def test_submit_takes_along_the_papers_that_one_sent_oneself(town: Town, now: datetime) -> None:
    papers = [await a_paper(town.ben, now), await a_paper(town.ben, now, "Kosten.pdf"), await a_paper(town.carla, now)]

    facts = await agenda_items.submit(by=town.ben, body="TK", proposal=proposal(papers=tuple(papers)), now=now)

    assert facts["papers"] == 2
    assert [link.document_id for link in await AgendaItemPaper.all().order_by("id")] == papers[:2]


# --- one item -------------------------------------------------------------------------------------------------------


async def test_view_of_a_proposed_item_is_for_its_submitter_and_those_who_decide(town: Town, now: datetime) -> None:
    number = await submitted(town, now, what=proposal(papers=(await a_paper(town.ben, now),)))

    own, lead = [await agenda_items.view(by=person, item=number, now=now) for person in (town.ben, town.ada)]

    assert (own["may_change"], own["may_decide"], own["leads"], own["item"]["submitter"]) == (True, False, False, None)
    assert (lead["may_change"], lead["may_decide"], lead["leads"], lead["item"]["submitter"]) == (
        False,
        True,
        True,
        "Ben Özdemir",
    )
    assert [paper["name"] for paper in own["papers"]] == ["Konzept.pdf"]
    assert [list(untyped(own)), list(untyped(lead))] == [[], []]
    for name in ("carla", "dora", "gesa", *OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await agenda_items.view(by=town.person(name), item=number, now=now)
    with pytest.raises(NotFoundHere):
        await agenda_items.view(by=town.ada, item=999, now=now)


async def test_view_of_an_accepted_item_is_for_every_seat(town: Town, now: datetime) -> None:
    number = await accepted(town, now)

    views = [await agenda_items.view(by=town.person(name), item=number, now=now) for name in ("carla", "gesa")]

    assert [(view["may_change"], view["may_decide"], view["entered_by"]) for view in views] == [
        (False, False, None)
    ] * 2
    for name in OUTSIDERS:
        with pytest.raises(NotFoundHere):
            await agenda_items.view(by=town.person(name), item=number, now=now)


async def test_view_of_an_item_without_a_meeting_can_be_changed_at_any_time(town: Town, now: datetime) -> None:
    number = await submitted(town, now, meeting=0)

    view = await agenda_items.view(by=town.ben, item=number, now=now + 999 * DAY)

    assert (view["may_change"], view["meeting"]) == (True, None)


async def test_view_says_who_entered_it(town: Town, now: datetime) -> None:
    number = await submitted(town, now, "anna", person=town.carla.id)

    assert (await agenda_items.view(by=town.carla, item=number, now=now))["entered_by"] == "Anna Arendt"


async def test_change_rewrites_item_and_topic(town: Town, now: datetime) -> None:
    number = await submitted(town, now)

    facts = await agenda_items.change(by=town.ben, item=number, title="Kinderbauernhof Nord", now=now)
    await agenda_items.change(by=town.ben, item=number, minutes=45, now=now)

    item = await AgendaItem.get(id=number).select_related("topic")
    assert item.topic is not None
    assert (item.title, item.minutes, item.topic.title, item.version) == (
        "Kinderbauernhof Nord",
        45,
        "Kinderbauernhof Nord",
        3,
    )
    assert facts["item"]["title"] == "Kinderbauernhof Nord"


async def test_change_of_slots(town: Town, now: datetime) -> None:
    number = await submitted(town, now, what=Proposal(purpose=Purpose.CASE_CONSULTATION, slots=2))

    await agenda_items.change(by=town.ben, item=number, slots=3, now=now)

    assert (await AgendaItem.get(id=number)).slots == 3


async def test_change_before_the_leads_heard_of_it_is_one_message(town: Town, now: datetime) -> None:
    number = await submitted(town, now)

    await agenda_items.change(by=town.ben, item=number, title="Bauernhof", now=now)

    assert sorted(await cast.by_chat()) == [("agenda/item_submitted", "Ada"), ("agenda/item_submitted", "Anna")]
    assert (await cast.facts_for("agenda/item_submitted", town.ada))["item"]["title"] == "Bauernhof"


async def test_changes_after_that_are_one_message_after_the_settle_time(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    await cast.all_sent()

    for title in ("Bauernhof", "Bauernhof im Norden"):
        await agenda_items.change(by=town.ben, item=number, title=title, now=now + MINUTE)

    changed = await Notice.filter(template="agenda/item_changed")
    assert sorted({notice.person_id for notice in changed if notice.person_id}) == [town.anna.id, town.ada.id]
    assert {notice.due_at for notice in changed} == {now + 3 * MINUTE}
    assert (await cast.facts_for("agenda/item_changed", town.ada))["item"]["title"] == "Bauernhof im Norden"
    assert len(changed) == 2


async def test_change_takes_back_no_news_for_the_submitter(town: Town, now: datetime) -> None:
    number = await accepted(town, now)

    await agenda_items.change(by=town.ben, item=number, title="Bauernhof", now=now)

    assert ("agenda/item_accepted", "Ben") in await cast.by_chat()


async def test_change_to_a_suspicious_title_asks_first_and_flags(town: Town, now: datetime) -> None:
    number = await submitted(town, now)

    with pytest.raises(LooksLikeACase):
        await agenda_items.change(by=town.ben, item=number, title="HPG Familie M.", now=now)
    await agenda_items.change(by=town.ben, item=number, title="Familie Mobil", kept=True, now=now)
    flagged = (await AgendaItem.get(id=number)).flagged
    await agenda_items.change(by=town.ben, item=number, minutes=5, now=now)
    still_flagged = (await AgendaItem.get(id=number)).flagged
    await agenda_items.change(by=town.ben, item=number, title="Mobilität", now=now)

    assert (flagged, still_flagged, (await AgendaItem.get(id=number)).flagged) == (True, True, False)


@pytest.mark.parametrize("deed", [agenda_items.change, agenda_items.withdraw])
async def test_own_item_is_ones_own_until_the_second_of_the_deadline(
    town: Town, now: datetime, deed: Callable[..., Any]
) -> None:
    first, second = [await submitted(town, now) for _ in range(2)]

    await deed(by=town.ben, item=first, now=DEADLINE)
    with pytest.raises(DeadlineOver) as refused:
        await deed(by=town.ben, item=second, now=DEADLINE + SECOND)
    for name in ("anna", "carla", *OUTSIDERS):
        with pytest.raises(NotFoundHere):
            await deed(by=town.person(name), item=second, now=now)

    assert refused.value.facts == {"since": DEADLINE, "code": Plain("TK")}


async def test_late_item_is_ones_own_until_the_meeting_begins(town: Town) -> None:
    number = await submitted(town, DEADLINE + SECOND)

    views = [await agenda_items.view(by=town.ben, item=number, now=at) for at in (STARTS, STARTS + SECOND)]

    assert [view["may_change"] for view in views] == [True, False]


async def test_item_of_a_body_without_deadline_is_ones_own_until_the_meeting_begins(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={})
    number = await submitted(town, now)

    await agenda_items.change(by=town.ben, item=number, minutes=5, now=STARTS)
    with pytest.raises(DeadlineOver):
        await agenda_items.change(by=town.ben, item=number, minutes=6, now=STARTS + SECOND)


async def test_withdraw_takes_back_what_the_leads_have_not_heard(town: Town, now: datetime) -> None:
    number = await submitted(town, now)

    facts = await agenda_items.withdraw(by=town.ben, item=number, now=now)

    assert (facts["item"]["state"], await state(number), await cast.told()) == ("withdrawn", ItemState.WITHDRAWN, [])
    assert list(untyped(facts)) == []


async def test_withdraw_of_an_accepted_item_is_told_to_the_leads(town: Town, now: datetime) -> None:
    number = await accepted(town, now)
    await all_heard()

    await agenda_items.withdraw(by=town.ben, item=number, now=now)

    assert sorted(await cast.by_chat()) == [("agenda/item_taken_back", "Ada"), ("agenda/item_taken_back", "Anna")]


async def test_what_is_over_stays_so(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    await agenda_items.withdraw(by=town.ben, item=number, now=now)

    with pytest.raises(ItemOver) as refused:
        await agenda_items.withdraw(by=town.ben, item=number, now=now)
    with pytest.raises(ItemOver):
        await agenda_items.change(by=town.ben, item=number, title="Bauernhof", now=now)
    for decide in (
        agenda_items.accept(by=town.ada, item=number, now=now),
        agenda.shift(by=town.ada, item=number, up=True, now=now),
    ):
        with pytest.raises(ItemOver):
            await decide
    with pytest.raises(ItemOver):
        await agenda_items.reject(by=town.ada, item=number, reason="nein", now=now)

    assert refused.value.facts["item"]["state"] == "withdrawn"
    assert list(untyped(refused.value.facts)) == []


async def test_accept_puts_it_last_and_tells_the_submitter_once(town: Town, meeting: Meeting, now: datetime) -> None:
    first, second = [await submitted(town, now, name) for name in ("ben", "carla")]
    await all_heard()

    for number in (second, first, first):
        facts = await agenda_items.accept(by=town.ada, item=number, now=now)

    items = [await AgendaItem.get(id=number) for number in (first, second)]
    assert [(item.state, item.position) for item in items] == [(ItemState.ACCEPTED, 2), (ItemState.ACCEPTED, 1)]
    assert await cast.by_chat() == [("agenda/item_accepted", "Carla"), ("agenda/item_accepted", "Ben")]
    assert (facts["item"]["state"], await AuditEvent.filter(what="item.accepted").count()) == ("accepted", 2)
    told = await cast.facts_for("agenda/item_accepted", town.ben)
    assert (told["item"]["own"], told["meeting"]["id"], told["entered_by"]) == (True, meeting.id, "Ada Öhler")
    assert [list(untyped(facts)), list(untyped(told))] == [[], []]


async def test_accept_after_the_meeting_is_for_the_next_that_takes_items(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    number, own = await submitted(town, now), await submitted(town, now, "ada")
    await a_meeting(town.tk, "2026-12-01T14:30", MeetingState.DRAFT)
    await a_meeting(town.srt, "2026-12-01T14:30")
    following = await a_meeting(town.tk, "2026-12-08T14:30")
    there = await accepted(town, now, "carla", meeting=following.id)
    await all_heard()
    later = meeting.ends_at

    shown = [await agenda_items.view(by=person, item=number, now=later) for person in (town.ada, town.ben)]
    first, second = [await agenda_items.accept(by=town.ada, item=one, now=later) for one in (number, own)]

    items = [await AgendaItem.get(id=one) for one in (there, number, own)]
    assert [(item.meeting_id, item.position, item.late) for item in items] == [
        (following.id, place, False) for place in (1, 2, 3)
    ]
    assert [(view["missed"], view["next"] and view["next"]["id"]) for view in shown] == [
        (True, following.id),
        (True, None),
    ]
    assert (first["next"]["id"], second["next"]["id"]) == (following.id, following.id)
    told = await cast.facts_for("agenda/item_accepted", town.ben)
    assert (await cast.by_chat(), told["meeting"]["id"]) == ([("agenda/item_accepted", "Ben")], following.id)
    assert [list(untyped(first)), list(untyped(told)), list(untyped(shown[0]))] == [[], [], []]


async def test_accept_after_the_meeting_says_whether_it_was_late_for_the_next(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    await Meeting.filter(id=meeting.id).update(ends_at=now + MINUTE)
    await a_meeting(town.tk, "2026-11-19T14:30")
    number = await submitted(town, now, meeting=meeting.id)

    await agenda_items.accept(by=town.ada, item=number, now=now + MINUTE)

    assert (await AgendaItem.get(id=number)).late is True


async def test_accept_until_the_meeting_ends_is_for_that_meeting(town: Town, meeting: Meeting, now: datetime) -> None:
    number = await submitted(town, now)
    await a_meeting(town.tk, "2026-12-08T14:30")

    facts = await agenda_items.accept(by=town.ada, item=number, now=meeting.ends_at - MINUTE)

    assert (facts["next"], (await AgendaItem.get(id=number)).meeting_id) == (None, meeting.id)


async def test_accept_after_the_meeting_is_for_the_next_also_where_it_takes_nothing_late(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    await Body.filter(id=town.tk.id).update(rules={**RULES, "late_items": "reject"})
    number = await submitted(town, now)
    following = await a_meeting(town.tk, "2026-11-26T14:30")

    facts = await agenda_items.accept(by=town.ada, item=number, now=meeting.ends_at)

    assert (facts["next"]["id"], facts["missed"], facts["waits"]) == (following.id, True, False)
    assert (await AgendaItem.get(id=number)).meeting_id == following.id


async def test_accept_after_the_meeting_without_a_next_one_waits_for_it(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    number = await submitted(town, now)
    await all_heard()

    view = await agenda_items.view(by=town.ada, item=number, now=meeting.ends_at)
    facts = await agenda_items.accept(by=town.ada, item=number, now=meeting.ends_at)

    item = await AgendaItem.get(id=number)
    assert (item.state, item.meeting_id) == (ItemState.ACCEPTED, None)
    assert (view["missed"], view["undecided"], view["next"]) == (True, True, None)
    assert (facts["next"], facts["missed"], facts["waits"]) == (None, True, True)
    assert (await cast.facts_for("agenda/item_accepted", town.ben))["meeting"] is None


async def test_accept_of_ones_own_item_tells_nobody(town: Town, now: datetime) -> None:
    number = await submitted(town, now, "ada")
    await all_heard()

    await agenda_items.accept(by=town.ada, item=number, now=now)

    assert await cast.told() == []


async def test_reject_tells_the_submitter_the_reason(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    await all_heard()

    with pytest.raises(TooLong):
        await agenda_items.reject(by=town.ada, item=number, reason="x" * 501, now=now)
    for reason in ("", " \n"):
        with pytest.raises(ReasonMissing):
            await agenda_items.reject(by=town.ada, item=number, reason=reason, now=now)
    facts = await agenda_items.reject(by=town.ada, item=number, reason="Gehört in die RLK", now=now)

    told = await cast.facts_for("agenda/item_rejected", town.ben)
    assert (await state(number), facts["item"]["reason"]) == (ItemState.REJECTED, "Gehört in die RLK")
    assert (told["item"]["reason"], await cast.by_chat()) == ("Gehört in die RLK", [("agenda/item_rejected", "Ben")])
    assert list(untyped(told)) == []


async def test_reject_of_what_was_accepted_is_told_too(town: Town, now: datetime) -> None:
    number = await accepted(town, now)
    await all_heard()

    await agenda_items.reject(by=town.anna, item=number, reason="verschoben", now=now)

    assert await cast.by_chat() == [("agenda/item_rejected", "Ben")]


async def test_deciding_is_refused_to_all_but_leading_seats(town: Town, now: datetime) -> None:
    number = await submitted(town, now)
    deeds: list[Callable[[Person], Any]] = [
        lambda by: agenda_items.accept(by=by, item=number, now=now),
        lambda by: agenda_items.reject(by=by, item=number, reason="nein", now=now),
        lambda by: agenda.shift(by=by, item=number, up=True, now=now),
    ]

    for deed in deeds:
        with pytest.raises(NotAllowed) as refused:
            await deed(town.ben)
        assert refused.value.facts == {"body": Plain("TK")}
        for name in ("dora", "gesa", *OUTSIDERS):
            with pytest.raises(NotFoundHere):
                await deed(town.person(name))
    assert await state(number) is ItemState.PROPOSED


# --- the agenda -----------------------------------------------------------------------------------------------------


async def test_agenda_has_numbers_times_and_whether_it_fits(town: Town, meeting: Meeting, now: datetime) -> None:
    other = await accepted(town, now, what=Proposal(purpose=Purpose.OTHER, title="Verschiedenes"))
    case = await accepted(town, now, what=Proposal(purpose=Purpose.CASE_CONSULTATION, slots=2))
    farm = await accepted(town, now, "carla", proposal(minutes=20, papers=(await a_paper(town.carla, now),)))

    facts = await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=now)

    assert [
        (item["id"], item["number"], item["starts"], item["minutes"], item["assumed"]) for item in facts["items"]
    ] == [
        (case, 1, STARTS, 60, True),
        (farm, 2, STARTS + 60 * MINUTE, 20, False),
        (other, 3, STARTS + 80 * MINUTE, 10, True),
    ]
    assert [item["presenter"] for item in facts["items"]] == ["Ben Özdemir", "Carla Cramer", "Ben Özdemir"]
    assert [[paper["name"] for paper in item["papers"]] for item in facts["items"]] == [[], ["Konzept.pdf"], []]
    assert (facts["total_minutes"], facts["fits"], facts["over_minutes"]) == (90, True, 0)
    assert (facts["may_decide"], facts["may_submit"], facts["meeting"]["number"]) == (False, True, None)
    assert list(untyped(facts)) == []


async def test_agenda_that_is_too_long_says_by_how_much(town: Town, meeting: Meeting, now: datetime) -> None:
    await accepted(town, now, what=proposal(minutes=91))

    facts = await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=now)

    assert (facts["total_minutes"], facts["fits"], facts["over_minutes"]) == (91, False, 1)


async def test_presenter_is_who_was_named_or_who_handed_it_in(town: Town, meeting: Meeting, now: datetime) -> None:
    number = await accepted(town, now)
    await AgendaItem.filter(id=number).update(presenter_id=town.dora.id)

    facts = await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=now)

    assert facts["items"][0]["presenter"] == "Dora Dietz"


async def test_what_is_not_decided_is_listed_for_deciders_and_submitters_only(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    number = await submitted(town, now)
    rejected = await submitted(town, now)
    await agenda_items.reject(by=town.ada, item=rejected, reason="nein", now=now)

    shown = {
        name: [
            item["id"]
            for item in (await agenda.of_meeting(by=town.person(name), meeting=meeting.id, now=now))["proposed"]
        ]
        for name in ("anna", "ben", "carla", "gesa")
    }

    assert shown == {"anna": [number], "ben": [number], "carla": [], "gesa": []}


async def test_agenda_is_for_seats_and_deputies(town: Town, meeting: Meeting, now: datetime) -> None:
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.ben)

    deputy = await agenda.of_meeting(by=town.vera, meeting=meeting.id, now=now)

    assert (deputy["may_submit"], deputy["may_decide"]) == (False, False)
    for name in (*OUTSIDERS, "kim"):
        for number in (meeting.id, 999):
            with pytest.raises(NotFoundHere):
                await agenda.of_meeting(by=town.person(name), meeting=number, now=now)


async def test_agenda_of_what_has_begun_takes_nothing_more(town: Town, meeting: Meeting) -> None:
    shown = [await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=at) for at in (STARTS - SECOND, STARTS)]

    assert [facts["may_submit"] for facts in shown] == [True, False]


async def test_shift_moves_one_place_and_no_further(town: Town, meeting: Meeting, now: datetime) -> None:
    one, two, three = [await accepted(town, now, name) for name in ("ben", "carla", "dora")]

    async def order() -> list[int]:
        return [item["id"] for item in (await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=now))["items"]]

    assert await agenda.shift(by=town.anna, item=three, up=True, now=now) == meeting.id
    after_up = await order()
    await agenda.shift(by=town.ada, item=one, up=False, now=now)

    assert (after_up, await order()) == ([one, three, two], [three, one, two])
    for item, up in ((three, True), (two, False)):
        with pytest.raises(Outdated):
            await agenda.shift(by=town.anna, item=item, up=up, now=now)
    assert await AuditEvent.filter(what="item.shifted").count() == 2


async def test_shift_of_what_is_on_no_agenda_is_refused(town: Town, now: datetime) -> None:
    proposed = await submitted(town, now)
    stored = await accepted(town, now, meeting=0)

    for item in (proposed, stored):
        with pytest.raises(Outdated):
            await agenda.shift(by=town.anna, item=item, up=True, now=now)


async def test_next_meetings_are_one_of_each_body_however_many_another_has(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    await a_seat(town.ben, town.srt)
    first = await a_meeting(town.srt, "2026-11-19T09:00")
    for day in range(10, 23):
        await a_meeting(town.srt, f"2026-11-{day + 7}T13:00" if day > 12 else f"2026-11-23T{day}:00")
    await a_meeting(town.tk, "2026-12-08T14:30")

    facts = await agenda.next_meetings(by=town.ben, now=now)

    assert [one["id"] for one in facts] == [first.id, meeting.id]
    assert list(untyped(facts)) == []


async def test_own_items_are_the_newest_first_and_without_what_was_withdrawn(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    first = await submitted(town, now)
    await agenda_items.withdraw(by=town.ben, item=await submitted(town, now), now=now)
    second = await submitted(town, now, meeting=0)
    await submitted(town, now, "carla")

    facts = await agenda.own(by=town.ben, now=now)

    assert [(item["id"], item["meeting"] and item["meeting"]["id"]) for item in facts["items"]] == [
        (second, None),
        (first, meeting.id),
    ]
    assert facts["stored"] == []
    assert list(untyped(facts)) == []


async def test_topic_store_is_shown_to_who_runs_the_body(town: Town, now: datetime) -> None:
    stored = await submitted(town, now, meeting=0)
    await submitted(town, now, "anna", meeting=0)
    await submitted(town, now)

    shown = {name: (await agenda.own(by=town.person(name), now=now))["stored"] for name in ("anna", "carla", "emil")}

    assert {name: [item["id"] for item in items] for name, items in shown.items()} == {
        "anna": [stored],
        "carla": [],
        "emil": [],
    }
    assert list(untyped(shown)) == []


# --- papers ---------------------------------------------------------------------------------------------------------


async def test_paper_is_kept_up_to_twenty_megabytes(town: Town, now: datetime) -> None:
    number = await a_paper(town.ben, now, "x" * 300, papers.PAPER_BYTES)
    with pytest.raises(PaperTooLarge) as refused:
        await a_paper(town.ben, now, size=papers.PAPER_BYTES + 1)

    document = await Document.get(id=number)
    assert (document.name, document.mime, document.size) == ("x" * 200, "application/pdf", papers.PAPER_BYTES)
    assert (document.network, document.file_id, document.uploaded_by_id) == (Network.WEBCHAT, "f", town.ben.id)
    assert refused.value.facts == {"limit": 20}


async def test_paper_is_kept_as_it_came_and_what_is_larger_than_was_said_is_not(
    town: Town, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "PAPER_BYTES", 2048)
    for _ in range(3):
        await a_paper(town.ben, now, size=1024)
    waiting = await papers.waiting(Network.WEBCHAT, limit=3)

    for paper, content in zip(waiting, (b"%PDF", b"x" * 2049, None), strict=True):
        await papers.fetched(paper, content)

    first, second, third = [paper.document for paper in waiting]
    assert (await papers.fetch(by=town.ben, document=first, now=now)).content == b"%PDF"
    for lost in (second, third):
        with pytest.raises(PaperGone):
            await papers.fetch(by=town.ben, document=lost, now=now)
    assert await papers.waiting(Network.WEBCHAT, limit=3) == []


async def test_paper_is_for_seats_deputies_and_who_sent_it(town: Town, meeting: Meeting, now: datetime) -> None:
    number = await a_paper(town.ben, now)
    await accepted(town, now, what=proposal(papers=(number,)))
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.carla)
    await Membership.filter(person_id=town.ben.id).update(ends_on=YESTERDAY)

    for name in ("anna", "gesa", "vera", "ben"):
        assert (await papers.fetch(by=town.person(name), document=number, now=now)).id == number
    for name in (*OUTSIDERS, "kim"):
        for wanted in (number, 999):
            with pytest.raises(NotFoundHere):
                await papers.fetch(by=town.person(name), document=wanted, now=now)


@pytest.mark.parametrize("state", [ItemState.PROPOSED, ItemState.REJECTED, ItemState.WITHDRAWN])
async def test_paper_of_what_is_not_on_an_agenda_is_for_who_sent_it_and_those_who_decide(
    town: Town, meeting: Meeting, now: datetime, state: ItemState
) -> None:
    number = await a_paper(town.carla, now)
    item = await accepted(town, now, "ben", proposal())
    await AgendaItemPaper.create(item_id=item, document_id=number)
    await AgendaItem.filter(id=item).update(state=state)
    await Attendance.create(meeting=meeting, person=town.vera, deputy_for=town.carla)

    for name in ("ada", "ben", "carla"):
        assert (await papers.fetch(by=town.person(name), document=number, now=now)).id == number
    for name in ("gesa", "vera"):
        with pytest.raises(NotFoundHere):
            await papers.fetch(by=town.person(name), document=number, now=now)


async def test_paper_that_belongs_to_nothing_yet_is_for_who_sent_it(town: Town, now: datetime) -> None:
    number = await a_paper(town.ben, now)

    assert (await papers.fetch(by=town.ben, document=number, now=now)).id == number
    with pytest.raises(NotFoundHere):
        await papers.fetch(by=town.anna, document=number, now=now)


async def papers_of(item: int) -> list[int]:
    return [link.document_id for link in await AgendaItemPaper.filter(item_id=item).order_by("id")]


async def test_papers_can_be_added_and_removed_until_the_deadline(town: Town, now: datetime) -> None:
    number = await accepted(town, now)
    first, second = [await a_paper(town.ben, now, name) for name in ("Entwurf.pdf", "Kosten.pdf")]

    for paper in (first, second):
        await agenda_items.add_paper(by=town.ben, item=number, paper=paper, now=DEADLINE)
    facts = await agenda_items.remove_paper(by=town.ben, item=number, paper=first, now=DEADLINE)

    assert ([paper["name"] for paper in facts["papers"]], facts["may_attach"]) == (["Kosten.pdf"], True)
    assert [document.id for document in await Document.all()] == [second]


async def test_removed_paper_stays_with_the_other_item_that_carries_it(town: Town, now: datetime) -> None:
    paper = await a_paper(town.ben, now)
    one, other = [await submitted(town, now, what=proposal(papers=(paper,))) for _ in range(2)]

    await agenda_items.remove_paper(by=town.ben, item=one, paper=paper, now=now)

    assert [await papers_of(item) for item in (one, other)] == [[], [paper]]


async def test_papers_are_for_the_submitter_and_who_entered_it(town: Town, now: datetime) -> None:
    number = await submitted(town, now, "anna", person=town.carla.id)
    annas, carlas = await a_paper(town.anna, now), await a_paper(town.carla, now)

    await agenda_items.add_paper(by=town.anna, item=number, paper=annas, now=now)
    await agenda_items.add_paper(by=town.carla, item=number, paper=carlas, now=now)
    await agenda_items.remove_paper(by=town.carla, item=number, paper=annas, now=now)
    views = [await agenda_items.view(by=town.person(name), item=number, now=now) for name in ("anna", "carla", "ada")]

    assert await papers_of(number) == [carlas]
    assert [view["may_attach"] for view in views] == [True, True, False]


async def test_papers_of_somebody_elses_item_are_refused(town: Town, now: datetime) -> None:
    number = await accepted(town, now, what=proposal(papers=(await a_paper(town.ben, now),)))
    (paper,) = await papers_of(number)

    for name in ("ada", "carla", "gesa", *OUTSIDERS):
        person = town.person(name)
        with pytest.raises(NotFoundHere):
            await agenda_items.add_paper(by=person, item=number, paper=await a_paper(person, now), now=now)
        with pytest.raises(NotFoundHere):
            await agenda_items.remove_paper(by=person, item=number, paper=paper, now=now)
    for unknown in (await a_paper(town.ben, now), 999):
        with pytest.raises(NotFoundHere):
            await agenda_items.remove_paper(by=town.ben, item=number, paper=unknown, now=now)

    assert await papers_of(number) == [paper]


async def test_paper_that_somebody_else_sent_is_not_added(town: Town, now: datetime) -> None:
    number = await submitted(town, now)

    await agenda_items.add_paper(by=town.ben, item=number, paper=await a_paper(town.carla, now), now=now)

    assert await papers_of(number) == []


async def test_papers_of_an_item_that_cannot_be_changed_are_refused(town: Town, now: datetime) -> None:
    late, over = [await submitted(town, now, what=proposal(papers=(await a_paper(town.ben, now),))) for _ in range(2)]
    case = await submitted(town, now, what=Proposal(purpose=Purpose.CASE_CONSULTATION, slots=1))
    await agenda_items.withdraw(by=town.ben, item=over, now=now)
    refusals: list[tuple[int, datetime, type[Refusal]]] = [
        (late, DEADLINE + SECOND, DeadlineOver),
        (over, now, ItemOver),
        (case, now, NoPapersHere),
    ]

    for item, at, refusal in refusals:
        before = await papers_of(item)
        assert not (await agenda_items.view(by=town.ben, item=item, now=at))["may_attach"]
        with pytest.raises(refusal):
            await agenda_items.add_paper(by=town.ben, item=item, paper=await a_paper(town.ben, now), now=at)
        with pytest.raises(refusal):
            await agenda_items.remove_paper(by=town.ben, item=item, paper=before[0] if before else 1, now=at)
        assert await papers_of(item) == before


async def test_papers_that_were_not_handed_in_are_forgotten(town: Town, now: datetime) -> None:
    used, unused = [await a_paper(town.ben, now) for _ in range(2)]
    carlas = await a_paper(town.carla, now)
    await submitted(town, now, what=proposal(papers=(used,)))

    await papers.forget(by=town.ben, papers=[used, unused, carlas])

    assert [row.id for row in await Document.all().order_by("id")] == [used, carlas]


# --- what it costs --------------------------------------------------------------------------------------------------


async def test_lists_ask_the_database_as_often_for_three_as_for_one(
    town: Town, now: datetime, statements: Counting
) -> None:
    await Meeting.all().delete()
    costs = []
    for size in (1, 3):
        body = await a_body(f"AG{size}", "Arbeitsgruppe")
        await a_seat(town.ben, body, Role.CHAIR)
        meeting = await a_meeting(body, "2026-11-24T14:30")
        for number in range(size):
            paper = await a_paper(town.ben, now)
            facts = await agenda_items.submit(
                by=town.ben, body=body.id, proposal=proposal(title=f"Thema {number}", papers=(paper,)), now=now
            )
            await agenda_items.accept(by=town.ben, item=facts["item"]["id"], now=now)
            await agenda_items.submit(by=town.ben, body=body.id, proposal=FARM, meeting=0, now=now)
        with statements() as of_meeting:
            await agenda.of_meeting(by=town.ben, meeting=meeting.id, now=now)
        with statements() as own:
            await agenda.own(by=town.ben, now=now)
        with statements() as targets:
            await agenda_items.targets(by=town.ben, body=body.id, now=now)
        with statements() as following:
            await agenda.next_meetings(by=town.ben, now=now)
        costs.append([len(counted.statements) for counted in (of_meeting, own, targets, following)])

    assert costs[0] == costs[1]
    assert max(costs[0]) <= 6


async def test_meeting_that_is_called_off_gives_its_items_a_new_place(
    town: Town, meeting: Meeting, now: datetime
) -> None:
    number = await accepted(town, now)

    await moving.cancel(by=town.anna, meeting=meeting.id, reason="Streik", now=now)

    assert [item["id"] for item in (await agenda.own(by=town.ben, now=now))["items"]] == [number]
    assert (await AgendaItem.get(id=number)).meeting_id is None
