"""Everything works at level 0: the conversation files go as told, and no request leaves for Telegram.

A loopback server stands in for Telegram and counts. Everybody has an account there that they prefer, from the time before.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config import Settings, TelegramSettings
from bot.rules import facts as typed
from storage.models import Body, Channel, Notice, Person
from storage.vocabulary import Network, NoticeKind, NoticeState
from tests import stage as staging
from tests.conversations.test_conversations import perform
from tests.post import samples
from tests.stage import Stage, raise_curtain

STORIES = [
    pytest.param(path.read_text(), id=path.stem)
    for path in sorted((Path(__file__).parent.parent / "conversations").glob("*.txt"))
]
A_BODY_AS_PARTY = re.compile(
    r"(owners|counterparts|vouch_for)\[\]\.name Title"
)  # bodies and organisations have no secret names


@pytest.fixture
async def requests() -> list[str]:
    """What reached the server that stands in for Telegram."""
    return []


@pytest.fixture
async def stage(
    store: str,  # noqa: ARG001  # it must be open
    now: datetime,
    requests: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    async def count(request: web.Request) -> web.Response:
        requests.append(request.path.rpartition("/")[2])
        return web.json_response({"ok": False, "error_code": 403, "description": "Forbidden"})

    telegram = web.Application()
    telegram.router.add_route("*", "/{path:.*}", count)
    async with TestServer(telegram) as server:
        account = TelegramSettings(token="4711:invented-token", api_base=str(server.make_url("/")))  # invented
        monkeypatch.setattr(
            staging, "Settings", partial(Settings, telegram=account)
        )  # the stage has no Telegram of its own
        made = await raise_curtain(network=Network.WEBCHAT, moment=now)
        await Body.all().update(level=0)
        for who in await Person.all():
            await Channel.create(
                person=who, network=Network.TELEGRAM, address=f"7{who.id:05}", preferred=True, linked_at=now
            )
        yield made
        await made.close()
        await made.faden.desks[Network.TELEGRAM].bot.shutdown()


def shape(fact: object, path: str = "") -> dict[str, str]:
    """Where which type stands; what may be missing says nothing."""
    if isinstance(fact, Mapping):
        return {where: kind for key, inner in fact.items() for where, kind in shape(inner, f"{path}.{key}").items()}
    if isinstance(fact, list | tuple):
        return {where: kind for inner in fact for where, kind in shape(inner, f"{path}[]").items()}
    if isinstance(fact, bool | int | date) or fact is None:
        return {}
    return {path: type(fact).__name__}


async def differing_from_the_samples() -> set[tuple[str, str, str]]:
    """Where facts of this story are typed otherwise than those that `test_levels` tries every template with."""
    told = Notice.exclude(template="").exclude(kind__in=[NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL])
    found = {
        (notice.template, where, kind)
        for notice in await told
        for where, kind in shape(typed.decode(notice.facts)).items()
        if shape(samples.TEMPLATES[notice.template]()).get(where, kind) != kind
    }
    return {entry for entry in found if not A_BODY_AS_PARTY.search(" ".join(entry[1:]))}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("story", STORIES)
async def test_story_goes_as_told_and_nothing_leaves_for_telegram(
    stage: Stage, requests: list[str], story: str
) -> None:
    await perform(stage, story)

    assert requests == []
    assert await Notice.filter(network=Network.TELEGRAM, state=NoticeState.SENT).count() == 0
    assert await differing_from_the_samples() == set()


async def test_above_level_0_the_same_message_does_leave(stage: Stage, requests: list[str]) -> None:
    await Body.all().update(level=2)
    await stage.says("Petra Wimmer", "/top RLK: Ferienprogramm, Beschluss, 20 min")

    told = await Notice.filter(template="agenda/item_submitted", person_id=stage.people["Monika Zeiler"].id).count()

    assert told == 1
    assert requests != []
