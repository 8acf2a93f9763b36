from datetime import datetime, timedelta

from bot.actions import dialogues, papers
from bot.actions.dialogues import OpenEntry
from storage.models import Dialogue, Document, Notice
from storage.vocabulary import Network, NoticeKind
from tests.actions.cast import Town

HOUR = timedelta(hours=1)
WEB, TELEGRAM = Network.WEBCHAT, Network.TELEGRAM


async def kept(town: Town, now: datetime, **values: object) -> None:
    facts = {"person": town.ben.id, "network": WEB, "chat_id": 7, "kind": "item", "step": "title", "data": {"body": 1}}
    await dialogues.keep(**{**facts, **values}, now=now)  # type: ignore[arg-type]  # of every type


async def test_what_was_answered_is_remembered(town: Town, now: datetime) -> None:
    await kept(town, now)

    entry = await dialogues.current(town.ben, WEB, 7, now=now)

    assert entry == OpenEntry(person_id=town.ben.id, kind="item", data={"body": 1})


async def test_nothing_is_open_before_it_began(town: Town, now: datetime) -> None:
    assert await dialogues.current(town.ben, WEB, 7, now=now) is None


async def test_a_new_answer_replaces_what_was_open_in_the_chat(town: Town, now: datetime) -> None:
    await kept(town, now)
    await kept(town, now, kind="meeting", step="when", data={"body": 2})

    entry = await dialogues.current(town.ben, WEB, 7, now=now)

    assert entry == OpenEntry(person_id=town.ben.id, kind="meeting", data={"body": 2})
    assert await Dialogue.all().count() == 1


async def test_entries_of_other_people_chats_and_networks_stand_beside_it(town: Town, now: datetime) -> None:
    await kept(town, now, data={"mine": 1})
    await kept(town, now, data={"other chat": 1}, chat_id=8)
    await kept(town, now, data={"other network": 1}, network=TELEGRAM)
    await kept(town, now, data={"somebody else": 1}, person=town.carla.id)

    entry = await dialogues.current(town.ben, WEB, 7, now=now)

    assert entry is not None
    assert entry.data == {"mine": 1}
    assert await Dialogue.all().count() == 4


async def test_nobody_sees_what_another_began_in_the_same_chat(town: Town, now: datetime) -> None:
    await kept(town, now, chat_id=-5)

    assert await dialogues.current(town.carla, WEB, -5, now=now) is None


async def test_entry_is_open_for_a_day_after_the_last_answer(town: Town, now: datetime) -> None:
    await kept(town, now - 2 * HOUR)
    await kept(town, now)

    found = [
        await dialogues.current(town.ben, WEB, 7, now=now + delay) is not None
        for delay in (23 * HOUR, 24 * HOUR - timedelta(seconds=1), 24 * HOUR)
    ]

    assert found == [True, True, False]


async def test_end_forgets_all_that_was_answered(town: Town, now: datetime) -> None:
    await kept(town, now, data={"title": "Familie M."})
    await kept(town, now, person=town.carla.id)

    ended = [await dialogues.end(town.ben, WEB, 7), await dialogues.end(town.ben, WEB, 7)]

    assert ended == [True, False]
    assert [row.person_id for row in await Dialogue.all()] == [town.carla.id]


async def a_paper(town: Town, now: datetime) -> int:
    return await papers.keep(by=town.ben, name="a", mime="b", size=1, network=WEB, file_id="f", now=now)


async def to_erase() -> list[tuple[object, ...]]:
    return [
        (notice.network, notice.chat_id, notice.target_id, notice.due_at)
        for notice in await Notice.filter(kind=NoticeKind.ERASE).order_by("target_id")
    ]


async def test_given_up_entry_takes_its_papers_and_doubtful_texts_along(town: Town, now: datetime) -> None:
    sent = [await a_paper(town, now) for _ in range(2)]
    await kept(town, now - 25 * HOUR, data={"papers": sent[:1], "doubtful": {"title": 71, "what": 72}, "source": 73})

    given_up = [await dialogues.give_up(town.ben, WEB, 7, now=now) for _ in range(2)]

    assert given_up == [True, False]
    assert await Dialogue.all().count() == 0
    assert [document.id for document in await Document.all()] == sent[1:]
    assert await to_erase() == [(WEB, 7, "71", now), (WEB, 7, "72", now)]


async def test_expired_entry_takes_its_papers_and_doubtful_texts_along(town: Town, now: datetime) -> None:
    await kept(town, now - 24 * HOUR, data={"papers": [await a_paper(town, now)], "doubtful": {"title": 71}})
    await kept(town, now, chat_id=8, data={"doubtful": {"title": 81}})

    await dialogues.expire(now=now)

    assert await Document.all().count() == 0
    assert await to_erase() == [(WEB, 7, "71", now)]


async def test_text_that_was_warned_of_goes_a_day_later_or_when_it_is_discarded(town: Town, now: datetime) -> None:  # noqa: ARG001  # its store
    for chat, message in ((7, 71), (7, 72), (8, 81)):
        await dialogues.warned(TELEGRAM, chat, message, now=now)

    discarded = [await dialogues.discard(TELEGRAM, 7) for _ in range(2)]

    assert [sorted(messages) for messages in discarded] == [[71, 72], []]
    assert await to_erase() == [(TELEGRAM, 8, "81", now + 24 * HOUR)]


async def test_expire_forgets_what_nobody_finished(town: Town, now: datetime) -> None:
    await kept(town, now - 24 * HOUR)
    await kept(town, now - 23 * HOUR, person=town.carla.id)

    assert await dialogues.expire(now=now) == 1
    assert [row.person_id for row in await Dialogue.all()] == [town.carla.id]
