from datetime import datetime
from typing import Any

import pytest

from bot.actions.accounts import groups
from bot.actions.accounts.groups import LevelForbids
from bot.rules import facts as typed
from bot.rules.facts import Facts, Plain, Title
from bot.rules.refusals import NotAllowed, NotAMember, Refusal
from storage.models import AuditEvent, Body, GroupChat, Notice, Person
from storage.vocabulary import MeetingState, Network, NoticeKind, NoticeState, Role
from tests.actions.cast import Town
from tests.actions.invented import a_meeting, a_seat

CHAT = -100_200


async def linked(town: Town, by: Person, now: datetime, **more: Any) -> Facts:  # noqa: ANN401  # what `link` takes
    values = {"body": town.tk.id, "network": Network.TELEGRAM, "chat_id": CHAT, "thread_id": None, "now": now, **more}
    return await groups.link(by=by, **values)


async def all_groups() -> list[tuple[int, str, int, int | None]]:
    return [
        (row.body_id, row.network.value, row.chat_id, row.thread_id) for row in await GroupChat.all().order_by("id")
    ]


async def test_choices_are_the_bodies_that_one_leads_each_with_its_level(town: Town, now: datetime) -> None:
    await a_seat(town.anna, town.srt, Role.MEMBER)

    facts = await groups.choices(by=town.anna, now=now)

    assert facts == {"bodies": [{"id": town.tk.id, "level": 2, "name": Title("Trägerkonferenz"), "code": Plain("TK")}]}


async def test_link_makes_it_the_bodys_group(town: Town, now: datetime) -> None:
    facts = await linked(town, town.anna, now, thread_id=7)

    assert facts == {"level": 2, "body": Title("Trägerkonferenz")}
    assert await all_groups() == [(town.tk.id, "telegram", CHAT, 7)]
    assert (await GroupChat.get(chat_id=CHAT)).linked_by_id == town.anna.id  # type: ignore[attr-defined]  # Tortoise's own column
    assert [event.what for event in await AuditEvent.all()] == ["group.linked"]


async def test_link_posts_the_card_of_each_meeting_that_is_invited(town: Town, now: datetime) -> None:
    ahead = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await a_meeting(town.tk, "2026-12-24T14:30")
    await a_meeting(town.tk, "2026-11-10T14:30", MeetingState.INVITED)
    await a_meeting(town.srt, "2026-11-24T14:30", MeetingState.INVITED)

    await linked(town, town.anna, now)

    (card,) = await Notice.all()
    assert (card.kind, card.chat_id, card.network, card.about) == (
        NoticeKind.CARD,
        CHAT,
        Network.TELEGRAM,
        f"meeting:{ahead.id}",
    )
    assert typed.decode(card.facts)["meeting"]["id"] == ahead.id


async def test_link_again_changes_nothing(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await linked(town, town.anna, now)
    before = await GroupChat.get(chat_id=CHAT)

    await linked(town, town.ada, now)

    after = await GroupChat.get(chat_id=CHAT)
    assert (after.id, await Notice.all().count(), await AuditEvent.all().count()) == (before.id, 1, 1)


async def test_body_moves_to_another_group(town: Town, now: datetime) -> None:
    await linked(town, town.anna, now)

    await linked(town, town.anna, now, chat_id=-5)

    assert await all_groups() == [(town.tk.id, "telegram", -5, None)]


async def test_body_may_have_a_group_on_each_network(town: Town, now: datetime) -> None:
    await linked(town, town.anna, now, network=Network.WEBCHAT)
    await linked(town, town.anna, now)

    assert await all_groups() == [(town.tk.id, "webchat", CHAT, None), (town.tk.id, "telegram", CHAT, None)]


async def test_group_changes_hands_through_somebody_who_leads_both(town: Town, now: datetime) -> None:
    await a_seat(town.anna, town.srt, Role.CHAIR)
    await linked(town, town.anna, now)

    await linked(town, town.anna, now, body=town.srt.id)

    assert await all_groups() == [(town.srt.id, "telegram", CHAT, None)]


@pytest.mark.parametrize(
    ("by", "refusal"), [("ben", NotAllowed), ("dora", NotAllowed), ("emil", NotAMember), ("nora", NotAMember)]
)
async def test_link_is_refused_to_who_does_not_lead_the_body(
    town: Town, now: datetime, by: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await linked(town, town.person(by), now)

    assert await all_groups() == []


async def test_group_of_another_body_is_not_taken(town: Town, now: datetime) -> None:
    await linked(town, town.anna, now)

    with pytest.raises(NotAMember):
        await linked(town, town.emil, now, body=town.srt.id)

    assert await all_groups() == [(town.tk.id, "telegram", CHAT, None)]


@pytest.mark.parametrize("level", [0, 1])
async def test_level_forbids_a_group_on_telegram_and_only_there(town: Town, now: datetime, level: int) -> None:
    await Body.filter(id=town.tk.id).update(level=level)

    with pytest.raises(LevelForbids):
        await linked(town, town.anna, now)
    await linked(town, town.anna, now, network=Network.WEBCHAT)

    assert await all_groups() == [(town.tk.id, "webchat", CHAT, None)]


async def test_forgotten_group_hears_nothing_of_what_waits(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await linked(town, town.anna, now)

    for _ in range(2):
        await groups.forget(network=Network.TELEGRAM, chat_id=CHAT, now=now)

    assert await all_groups() == []
    dropped = await Notice.filter(kind=NoticeKind.CARD)
    assert [(row.state, row.error) for row in dropped] == [(NoticeState.DROPPED, "no group")]


@pytest.mark.parametrize(("by", "told"), [(None, ["anna", "ada"]), ("anna", ["ada"]), ("emil", ["anna", "ada"])])
async def test_those_who_lead_the_body_learn_that_its_group_is_gone_once(
    town: Town, now: datetime, by: str | None, told: list[str]
) -> None:
    await linked(town, town.anna, now)

    for _ in range(2):
        thrower = town.person(by).id if by else None
        await groups.forget(network=Network.TELEGRAM, chat_id=CHAT, now=now, by=thrower)

    notices = await Notice.filter(template="accounts/group_lost").order_by("id")
    assert [notice.person_id for notice in notices] == [town.person(name).id for name in told]
    assert typed.decode(notices[0].facts) == {"level": 2, "body": Title("Trägerkonferenz")}


@pytest.mark.parametrize(
    ("by", "thread", "asks"),
    [("anna", 7, False), ("anna", None, True), ("anna", 8, True), ("ben", 8, False), ("emil", 8, False)],
)
async def test_group_is_asked_for_again_by_those_who_lead_its_body_in_another_topic(
    town: Town, now: datetime, by: str, thread: int | None, *, asks: bool
) -> None:
    await linked(town, town.anna, now, thread_id=7)

    where = {"network": Network.TELEGRAM, "chat_id": CHAT, "thread_id": thread}
    assert await groups.asks(by=town.person(by), now=now, **where) is asks  # type: ignore[arg-type]  # as `where` has them


async def test_card_goes_to_the_topic_in_which_the_question_was_answered_last(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await linked(town, town.anna, now, thread_id=7)
    await Notice.all().update(message_id=12, state=NoticeState.SENT)

    for _ in range(2):
        await linked(town, town.anna, now, thread_id=8)

    erased, card = await Notice.all().order_by("id")
    assert await all_groups() == [(town.tk.id, "telegram", CHAT, 8)]
    assert (card.state, card.thread_id, card.message_id) == (NoticeState.WAITING, 8, None)
    assert (erased.kind, erased.chat_id, erased.target_id) == (NoticeKind.ERASE, CHAT, "12")


@pytest.mark.parametrize("handed_over", [True, False])
async def test_card_goes_when_its_group_is_another_bodys_or_its_body_has_another_group(
    town: Town, now: datetime, *, handed_over: bool
) -> None:
    await a_seat(town.anna, town.srt, Role.CHAIR)
    meeting = await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await linked(town, town.anna, now)
    await Notice.all().update(message_id=12, state=NoticeState.SENT)

    await linked(town, town.anna, now, **({"body": town.srt.id} if handed_over else {"chat_id": -5}))

    erased, *cards = await Notice.all().order_by("id")
    assert (erased.kind, erased.chat_id, erased.target_id) == (NoticeKind.ERASE, CHAT, "12")
    assert [(card.chat_id, card.about) for card in cards] == ([] if handed_over else [(-5, f"meeting:{meeting.id}")])


async def test_group_that_has_moved_gets_its_cards_again(town: Town, now: datetime) -> None:
    await a_meeting(town.tk, "2026-11-24T14:30", MeetingState.INVITED)
    await linked(town, town.anna, now)
    await Notice.all().update(state=NoticeState.SENT)

    await groups.moved(network=Network.TELEGRAM, chat_id=CHAT, now=now)
    await groups.moved(network=Network.TELEGRAM, chat_id=-1, now=now)

    assert [notice.state for notice in await Notice.all()] == [NoticeState.WAITING]
