from datetime import datetime, timedelta

from bot.actions import dialogues
from bot.actions.dialogues import OpenEntry
from storage.models import Dialogue
from storage.vocabulary import Network
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


async def test_expire_forgets_what_nobody_finished(town: Town, now: datetime) -> None:
    await kept(town, now - 24 * HOUR)
    await kept(town, now - 23 * HOUR, person=town.carla.id)

    assert await dialogues.expire(now=now) == 1
    assert [row.person_id for row in await Dialogue.all()] == [town.carla.id]
