"""The post is killed at any of its awaits, again and again. `make crash` kills whole processes; this is the short form."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from random import Random

import pytest

from bot.actions.notices import Draft
from bot.rules.facts import Plain
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeState
from tests.post.conftest import Call, Office, queue

CHATS = range(101, 113)
PER_CHAT = 4
KILLS = 10


async def queued(office: Office, *, resend: bool) -> list[Notice]:
    """Notices to several chats, numbered in their order; in each chat some of either lane."""
    drafts = [
        Draft(
            key=f"{lane.value}:{chat}:{number}",
            template="code",
            facts={"code": Plain(f"{lane.value}:{chat}:{number}")},
            due_at=office.clock.now,
            network=Network.TELEGRAM,
            chat_id=chat,
            lane=lane,
            resend=resend,
        )
        for number in range(PER_CHAT)
        for chat in CHATS
        for lane in Lane
    ]
    return await queue(*drafts, now=office.clock.now)


def code(call: Call) -> str:
    text: str = call.params["text"]
    return text.partition("<code>")[2].partition("</code>")[0]


async def killed_again_and_again(office: Office, random: Random) -> int:
    """Start a post, kill it after a while, and so on; gives how many sends were under way or not settled at the kills.

    It dies anywhere, or with a call on its way, or with the answer on its way back.
    """
    in_flight = 0
    for _ in range(KILLS):
        office.clock.passes(seconds=1)
        fatal = asyncio.Event()
        left = iter(range(random.randrange(8)))

        async def dying(_: Call, fatal: asyncio.Event = fatal, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                fatal.set()
                await asyncio.Event().wait()

        how = random.choice(["anywhere", "before", "after"])
        office.telegram.meanwhile = dying if how == "before" else None
        office.telegram.afterwards = dying if how == "after" else None
        others = asyncio.all_tasks()
        asyncio.create_task(office.open().run())  # noqa: RUF006  # found again below
        if how == "anywhere":
            for _turn in range(random.randrange(3000)):
                await asyncio.sleep(0)
        else:
            async with asyncio.timeout(20):
                while not fatal.is_set() and await unsettled():  # noqa: ASYNC110  # no event says so
                    await asyncio.sleep(0)
        begun = asyncio.all_tasks() - others
        for task in begun:
            if "Post." in repr(task.get_coro()):  # not what the store has promised to finish
                task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        sent = {notice.key for notice in await Notice.filter(state=NoticeState.SENT)}
        in_flight += sum(code(call) not in sent for call in office.telegram.calls)
    office.telegram.meanwhile = office.telegram.afterwards = None
    return in_flight


async def unsettled() -> bool:
    return await Notice.exists(state__in=[NoticeState.WAITING, NoticeState.SENDING])


async def finished(office: Office) -> None:
    """A last post that nobody kills."""
    office.clock.passes(seconds=1)
    post = office.open()
    running = asyncio.create_task(post.run())
    async with asyncio.timeout(60):
        while await unsettled():  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)
    await post.stop()
    await running


@pytest.mark.parametrize("seed", range(4))
async def test_killed_post_loses_nothing_and_doubles_only_what_was_on_its_way(office: Office, seed: int) -> None:
    rows = await queued(office, resend=True)

    in_flight = await killed_again_and_again(office, Random(seed))  # noqa: S311  # a repeatable choice of moments
    await finished(office)

    arrived = [code(call) for call in office.telegram.taken]
    assert set(arrived) == {row.key for row in rows}
    assert len(arrived) - len(rows) <= in_flight
    by_chat = defaultdict(list)
    for key in arrived:
        lane, chat, number = key.split(":")
        by_chat[lane, chat].append(int(number))
    for numbers in by_chat.values():
        assert [number for number, _ in groupby(numbers)] == list(range(PER_CHAT))


@pytest.mark.parametrize("seed", range(2))
async def test_killed_post_never_doubles_what_must_not_come_twice(office: Office, seed: int) -> None:
    rows = await queued(office, resend=False)

    await killed_again_and_again(office, Random(seed))  # noqa: S311  # a repeatable choice of moments
    await finished(office)

    arrived = [code(call) for call in office.telegram.taken]
    uncertain = {notice.key for notice in await Notice.filter(state=NoticeState.UNCERTAIN)}
    assert len(arrived) == len(set(arrived))
    assert {row.key for row in rows} - set(arrived) <= uncertain
