"""Groups of bodies on Telegram, which the strict Bot API server plays: topics, cards, and what happens while Faden is down.

The sample town: Petra Wimmer leads the RLK, Monika Zeiler is her deputy there, Stefan Aumüller is a member.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions.accounts import groups
from bot.actions.meetings import invitations, meetings
from bot.post import outbox
from bot.webchat import people, reading
from storage import db
from storage.models import Body, Channel, GroupChat, InboxUpdate, Meeting, Membership, Notice
from storage.models.webchat import ChatType, WebchatChat, WebchatUpdate
from storage.vocabulary import BodyKind, ChannelState, MeetingFormat, Network, NoticeKind, NoticeState, Role
from tests import telegram_client
from tests.stage import Button, Stage, raise_curtain

PETRA, MONIKA, STEFAN = "Petra Wimmer", "Monika Zeiler", "Stefan Aumüller"
GROUP = -1_000_000_000_500
LOST = "Faden ist nicht mehr in der Gruppe von Regionalleiterkonferenz: Dort erscheint nichts mehr."


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.TELEGRAM, moment=now)
    await GroupChat.filter(network=Network.TELEGRAM).delete()
    yield made
    await made.faden.stop()


async def invited(stage: Stage) -> Meeting:
    """A meeting of the RLK, its invitations sent."""
    plan = meetings.Plan(
        starts=datetime.fromisoformat("2026-12-02T14:30"), minutes=90, format=MeetingFormat.PRESENCE, place="Raum 1"
    )

    async def work() -> int:
        made = await meetings.schedule(
            by=stage.people[PETRA], body="RLK", plan=plan, host="faden.example.org", now=stage.clock()
        )
        number: int = made["meeting"]["id"]
        await invitations.invite(by=stage.people[PETRA], meeting=number, land="BY", now=stage.clock())
        return number

    number = await db.unit_of_work(work)
    await stage.settle()
    return await Meeting.get(id=number)


async def opened(stage: Stage, *topics: int) -> None:
    """Petra opens a supergroup, perhaps a forum with topics, and adds Faden with the right to pin."""
    await telegram_client.create_group(stage.server, stage.user(PETRA), GROUP, "Unsere Runde", kind=ChatType.SUPERGROUP)
    for topic in topics:
        await telegram_client.open_topic(stage.server, GROUP, topic)
    await telegram_client.add_bot(stage.server, stage.user(PETRA), GROUP, administrator=True)
    await stage.settle()


async def writes(stage: Stage, who: str, text: str, *, topic: int | None = None, reply_to: int | None = None) -> None:
    if who != PETRA:
        await telegram_client.join_group(stage.server, stage.user(who), GROUP)
    await people.writes(stage.server, stage.user(who), GROUP, text, thread_id=topic, reply_to=reply_to)
    await stage.settle()


async def chooses(stage: Stage, label: str = "Regionalleiterkonferenz") -> None:
    """Petra presses that in the group."""
    button = await stage.button(GROUP, label)
    await people.presses(stage.server, stage.user(PETRA), GROUP, button.message_id, button.data or "")
    await stage.settle()


async def standing(stage: Stage) -> list[tuple[str, int | None]]:
    """What stands in the group, its first line and its topic, in order."""
    return [
        (seen.message["text"].splitlines()[0], seen.message.get("message_thread_id"))
        for seen in await reading.messages(stage.server, GROUP)
        if seen.message.get("from", {}).get("is_bot") and "text" in seen.message
    ]


async def pinned(stage: Stage, chat: int = GROUP) -> int | None:
    number: int | None = (await WebchatChat.get(network=stage.network, chat_id=chat)).pinned_message_id
    return number


async def card_of(meeting: Meeting) -> Notice:
    return await Notice.get(kind=NoticeKind.CARD, about=f"meeting:{meeting.id}", network=Network.TELEGRAM)


async def accepts(stage: Stage, who: str, meeting: Meeting) -> None:
    """So that the card changes; and some seconds go by."""
    await stage.presses(who, Button(label="", message_id=0, data=f"ma:{meeting.id}:accepted"))
    stage.clock.moment += timedelta(seconds=10)
    await stage.settle()


# --- topics -----------------------------------------------------------------------------------------------------------


async def test_reply_in_a_supergroup_without_topics_is_answered(stage: Stage) -> None:
    await opened(stage)
    await chooses(stage)
    linked = (await stage.heard(GROUP))[-1]

    await writes(stage, STEFAN, "/termine", reply_to=linked.message_id)

    assert (await standing(stage))[1:] == [("Regionalleiterkonferenz", None)]
    assert await Notice.filter(state=NoticeState.DEAD).count() == 0


async def test_card_stands_in_the_topic_in_which_it_was_asked_for(stage: Stage) -> None:
    meeting = await invited(stage)
    await opened(stage, 7, 8)

    await writes(stage, PETRA, "/start@FadenBot", topic=7)
    await chooses(stage)
    await writes(stage, PETRA, "/start@FadenBot", topic=8)
    await chooses(stage)

    title = meeting.title
    shown = await standing(stage)
    assert [thread for line, thread in shown if line == title] == [8]
    assert await pinned(stage) == (await card_of(meeting)).message_id


async def test_card_that_is_being_sent_while_the_topic_changes_stands_in_the_new_one_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = await invited(stage)
    await opened(stage, 7, 8)
    here: dict[str, Any] = {
        "by": stage.people[PETRA],
        "body": meeting.body_id,
        "network": Network.TELEGRAM,
        "chat_id": GROUP,
    }
    settle = outbox.settle

    async def late(notice: Notice, *given: Any, **more: Any) -> None:  # noqa: ANN401  # what `settle` takes
        if notice.kind is NoticeKind.CARD and notice.thread_id == 7:  # the topic before
            await db.unit_of_work(lambda: groups.link(**here, thread_id=8, now=stage.clock()))
        await settle(notice, *given, **more)

    monkeypatch.setattr(outbox, "settle", late)
    await db.unit_of_work(lambda: groups.link(**here, thread_id=7, now=stage.clock()))
    await stage.settle()

    assert [thread for line, thread in await standing(stage) if line == meeting.title] == [8]
    await accepts(stage, STEFAN, meeting)
    assert [thread for line, thread in await standing(stage) if line == meeting.title] == [8]


async def test_card_goes_with_the_body_to_another_group_and_leaves_none_behind(stage: Stage) -> None:
    meeting = await invited(stage)
    await opened(stage)
    await chooses(stage)
    before = [line for line, _ in await standing(stage)].count(meeting.title)
    here: dict[str, Any] = {
        "by": stage.people[PETRA],
        "body": meeting.body_id,
        "network": Network.TELEGRAM,
        "thread_id": None,
    }

    await telegram_client.create_group(
        stage.server, stage.user(PETRA), GROUP - 1, "Neue Runde", kind=ChatType.SUPERGROUP
    )
    await telegram_client.add_bot(stage.server, stage.user(PETRA), GROUP - 1, administrator=True)
    await db.unit_of_work(lambda: groups.link(**here, chat_id=GROUP - 1, now=stage.clock()))
    await stage.settle()

    assert (before, [line for line, _ in await standing(stage)].count(meeting.title)) == (1, 0)
    assert meeting.title in [heard.text.splitlines()[0] for heard in await stage.heard(GROUP - 1)]


async def test_topic_that_was_deleted_holds_the_card_up_no_longer(stage: Stage) -> None:
    await opened(stage, 7)
    await writes(stage, PETRA, "/start@FadenBot", topic=7)
    await chooses(stage)
    telegram_client.close_topic(stage.server, GROUP, 7)

    meeting = await invited(stage)

    assert (await standing(stage))[-1] == (meeting.title, None)
    assert (await card_of(meeting)).state is NoticeState.SENT


# --- the question -----------------------------------------------------------------------------------------------------


async def test_question_that_was_overlooked_or_deleted_is_asked_again(stage: Stage) -> None:
    await opened(stage)
    [asked] = await stage.heard(GROUP)
    await stage.faden.desks[Network.TELEGRAM].bot.delete_message(GROUP, asked.message_id)

    await writes(stage, PETRA, "/start@FadenBot")
    await chooses(stage)

    assert (await GroupChat.get(network=Network.TELEGRAM)).chat_id == GROUP


async def test_start_in_a_group_that_is_linked_shows_what_its_body_plans(stage: Stage) -> None:
    meeting = await invited(stage)
    await opened(stage)
    await chooses(stage)

    await writes(stage, STEFAN, "/start@FadenBot")

    assert (await standing(stage))[-1] == (meeting.title, None)


# --- cards ------------------------------------------------------------------------------------------------------------


async def test_card_that_was_deleted_is_said_and_pinned_again(stage: Stage) -> None:
    meeting = await invited(stage)
    await opened(stage)
    await chooses(stage)
    first = (await card_of(meeting)).message_id
    await stage.faden.desks[Network.TELEGRAM].bot.delete_message(GROUP, first or 0)

    await accepts(stage, STEFAN, meeting)

    second = (await card_of(meeting)).message_id
    assert (second != first, await pinned(stage)) == (True, second)


async def test_card_of_a_group_that_became_a_supergroup_is_pinned_there_and_changes_no_other_message(
    stage: Stage,
) -> None:
    meeting = await invited(stage)
    old = -500
    await telegram_client.create_group(stage.server, stage.user(PETRA), old, "Unsere Runde")
    await telegram_client.add_bot(stage.server, stage.user(PETRA), old, administrator=True)
    await stage.settle()
    button = await stage.button(old, "Regionalleiterkonferenz")
    await people.presses(stage.server, stage.user(PETRA), old, button.message_id, button.data or "")
    await stage.settle()

    new = await telegram_client.upgrade_group_to_supergroup(stage.server, stage.user(PETRA), old)
    await stage.settle()
    before = await card_of(meeting)
    await accepts(stage, STEFAN, meeting)

    after = await card_of(meeting)
    assert (before.chat_id, before.state, before.message_id) == (new, NoticeState.SENT, after.message_id)
    assert await pinned(stage, new) == after.message_id
    assert [heard.text.splitlines()[0] for heard in await stage.heard(new)] == [meeting.title]


async def test_group_that_moved_while_faden_was_down_gets_a_card_of_its_own(stage: Stage) -> None:
    meeting = await invited(stage)
    old = -500
    await telegram_client.create_group(stage.server, stage.user(PETRA), old, "Unsere Runde")
    await telegram_client.add_bot(stage.server, stage.user(PETRA), old, administrator=True)
    await stage.settle()
    button = await stage.button(old, "Regionalleiterkonferenz")
    await people.presses(stage.server, stage.user(PETRA), old, button.message_id, button.data or "")
    await stage.settle()
    await stage.delivery.stop()  # nobody hears of it

    new = await telegram_client.upgrade_group_to_supergroup(stage.server, stage.user(PETRA), old)
    await meetings_change(stage, meeting)

    assert await pinned(stage, new) == (await card_of(meeting)).message_id
    assert await WebchatUpdate.all().count() > 0


async def meetings_change(stage: Stage, meeting: Meeting) -> None:
    """The card is to be shown again."""
    body = await meeting.body

    async def work() -> None:
        async with db.transaction():
            await meetings.refresh_card(meeting, body, now=stage.clock())

    await db.unit_of_work(work)
    stage.clock.moment += timedelta(seconds=10)
    await stage.settle()


# --- thrown out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kicked", "not found"])
async def test_group_that_threw_faden_out_while_it_was_down_is_forgotten_and_the_leads_are_told(
    stage: Stage, how: str
) -> None:
    meeting = await invited(stage)
    await opened(stage)
    await chooses(stage)
    await stage.delivery.stop()  # nobody hears of it
    if how == "kicked":
        await telegram_client.kick_bot(stage.server, stage.user(PETRA), GROUP)
    else:
        await WebchatChat.filter(chat_id=GROUP).update(chat_id=GROUP - 1)

    await meetings_change(stage, meeting)

    assert await GroupChat.filter(network=Network.TELEGRAM).count() == 0
    assert (await card_of(meeting)).error == "blocked"
    for lead in (PETRA, MONIKA):
        told = max(await stage.heard(stage.chat(lead)), key=lambda heard: heard.change)
        assert told.text.splitlines()[0] == LOST


async def test_lead_who_throws_faden_out_is_not_told_but_the_other_one_is(stage: Stage) -> None:
    await opened(stage)
    await chooses(stage)

    await telegram_client.kick_bot(stage.server, stage.user(PETRA), GROUP)
    await stage.settle()

    assert [await told_of_loss(stage, who) for who in (PETRA, MONIKA)] == [False, True]


async def told_of_loss(stage: Stage, who: str) -> bool:
    return LOST in [heard.text.splitlines()[0] for heard in await stage.heard(stage.chat(who))]


# --- one's own chat ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["/termine", "nonsense", "/datenschutz", "press", "outdated press"])
async def test_any_act_in_ones_own_chat_opens_it_again(stage: Stage, act: str) -> None:
    """Whatever closed it: a 403 or a "chat not found" of long ago. Whether the act is refused does not matter."""
    await stage.says(STEFAN, "/start")
    mine = Channel.filter(person_id=stage.people[STEFAN].id, network=Network.TELEGRAM)
    await mine.update(state=ChannelState.BLOCKED)

    if "press" in act:
        data = "menu" if act == "press" else "nonsense"
        await stage.presses(STEFAN, Button(label="", message_id=0, data=data))
    else:
        await stage.says(STEFAN, act)

    assert [channel.state for channel in await mine] == [ChannelState.ACTIVE]


async def test_blocking_faden_is_no_act_that_opens_the_chat(stage: Stage) -> None:
    await stage.says(STEFAN, "/start")

    await stage.blocks(STEFAN)

    mine = await Channel.get(person_id=stage.people[STEFAN].id, network=Network.TELEGRAM)
    assert (mine.state, await InboxUpdate.all().count()) == (ChannelState.BLOCKED, 2)


async def test_whoever_leads_many_bodies_leafs_through_them_in_the_group(stage: Stage) -> None:
    for number in range(12):
        body = await Body.create(code=f"X{number}", name=f"Zirkel {number:02}", kind=BodyKind.WORKING_GROUP, level=3)
        await Membership.create(body=body, person=stage.people[PETRA], role=Role.CHAIR, begins_on=stage.clock().date())
    await opened(stage)

    await chooses(stage, "Weitere ▶")
    await chooses(stage, "Zirkel 11")

    assert (await GroupChat.get(chat_id=GROUP).select_related("body")).body.code == "X11"
