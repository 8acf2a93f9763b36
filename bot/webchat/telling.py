"""What open pages are told: each look reads what is new in the chats that were woken once, for everybody who may know of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from bot.hub import Listener, event
from bot.webchat import reading, rooms, updates
from bot.webchat.objects import Json
from bot.webchat.server import BotServer
from bot.webchat.shown import Shown, news_json, room_json
from storage.models import Person

log = structlog.get_logger(__name__)


@dataclass(eq=False, kw_only=True)
class Telling:
    """`clock` is the domain's, by which seats begin and end; `signed_in` says whether the sessions behind requests still hold.

    A page is told of a chat when its person holds the seat today and its session still holds. It may be told twice of a message,
    which has its change number.
    """

    server: BotServer
    clock: Callable[[], datetime]
    signed_in: Callable[[Sequence[web.Request]], Awaitable[Sequence[bool]]]
    _told: dict[int, int] = field(init=False, default_factory=dict)  # by chat: the change up to which it has been told

    def day(self, zone: str) -> date:
        """The day it is in a time zone."""
        return self.clock().astimezone(ZoneInfo(zone)).date()

    async def number(self) -> int:
        """The newest change."""
        return int((await updates.settings(self.server)).change)

    async def missed(self, page: Listener, after: int) -> bytes:
        """What is new for a page since that change, and the whole list of its chats. Ask once looks tell it of what comes."""
        number = await self.number()
        found = await reading.news(self.server, dict.fromkeys(page.rooms, after), number)
        answers = await reading.answers(self.server, {page.person: after}, number)
        listed = await rooms.rooms(self.server, page.person, page.rooms)
        news = news_json(
            [Shown(one) for one in found],
            answers.get(page.person, []),
            [room_json(*room, page.person) for room in listed],
            reader=page.person,
            complete=True,
        )
        return event("news", news, number=number)

    async def look(self, woken: set[int]) -> None:
        """Tell what is new in these chats."""
        typing = self.server.feed.typed(woken)
        number = await self.number()
        readers, moved = await self._readers(woken)
        since = self._since(readers)
        messages: defaultdict[int, list[Shown]] = defaultdict(list)
        for one in await reading.news(self.server, since, number):
            messages[one.chat_id].append(Shown(one))
        private = {chat: after for chat, after in since.items() if chat > 0}
        answers = await reading.answers(self.server, private, number)
        places = await rooms.places(self.server, since)
        read = await rooms.readings(self.server, {(page.person, chat) for page in readers for chat in readers[page]})
        for page, chats in readers.items():
            try:
                listed = (
                    await self._moved(page)
                    if page in moved
                    else [room_json(places[chat], read[page.person, chat], page.person) for chat in chats]
                )
            except Exception:  # one page must not silence the others: it comes back and begins anew
                log.exception("a page's rooms could not be read")
                page.end("restart")
                continue
            news = news_json(
                [one for chat in chats for one in messages[chat]],
                answers.get(page.person, []),
                listed,
                reader=page.person,
                typing=typing & chats,
                complete=page in moved,
            )
            page.tell(event("news", news, number=number))
        self._told.update(dict.fromkeys(since, number))

    async def read(self, person_id: int, chat_id: int) -> None:
        """Tell a person's own pages how far they have read a chat by now."""
        async with self.server.feed.hub.between_looks:
            found = await rooms.readings(self.server, [(person_id, chat_id)])
            count = {"id": chat_id, **found[person_id, chat_id]._asdict()}
            for page in self.server.feed.hub.listeners:
                if page.person == person_id:
                    page.tell(event("news", news_json([], [], [count], reader=person_id)))

    async def look_again(self) -> None:
        """Wake the chats that nobody has woken: another process has written there, or a seat has begun or ended."""
        pages = self.server.feed.hub.listeners
        held = await rooms.seats(self.server, {page.person for page in pages}, self.day)
        since = self._since({page: page.rooms for page in pages})
        newest = await reading.newest(self.server, since)
        changed = {chat for chat, change in newest.items() if change > since[chat]}
        for page in pages:
            changed |= page.rooms ^ {page.person, *held.get(page.person, ())}
        self.server.feed.hub.wake(changed)

    async def _readers(self, woken: set[int]) -> tuple[dict[Listener, frozenset[int]], set[Listener]]:
        """The pages that these chats concern, each with those that its person may read today; and those whose seats have changed."""
        pages = self.server.feed.hub.listeners
        groups = {chat for chat in woken if chat < 0}
        own = {page.person for page in pages} & woken
        there = (
            await rooms.seats(self.server, {page.person for page in pages}, self.day, groups=groups) if groups else {}
        )
        seats = await rooms.seats(self.server, own, self.day)
        may = {page: frozenset({page.person} & own | there.get(page.person, {}).keys()) for page in pages}
        concerned = [page for page in pages if may[page] or page.rooms & woken]
        for page, holds in zip(concerned, await self.signed_in([page.request for page in concerned]), strict=True):
            if not holds:
                page.end("signed_out")
        readers = {page: may[page] for page in concerned if page.ended is None}
        moved = {
            page
            for page, chats in readers.items()
            if page.rooms & woken != chats
            or (page.person in own and page.rooms != {page.person, *seats.get(page.person, ())})
        }
        return readers, moved

    def _since(self, readers: Mapping[Listener, frozenset[int]]) -> dict[int, int]:
        """By chat, the change up to which its readers have been told."""
        begun: dict[int, int] = {}
        for page, chats in readers.items():
            for chat in chats:
                begun[chat] = min(begun.get(chat, page.since), page.since)
        return {chat: max(since, self._told.get(chat, 0)) for chat, since in begun.items()}

    async def _moved(self, page: Listener) -> list[Json]:
        """A seat has begun or ended: the whole list of chats, as it is now."""
        person = await Person.get(id=page.person)
        page.rooms = await rooms.enter(self.server, person, self.day(person.zone))
        return [room_json(*room, person.id) for room in await rooms.rooms(self.server, person.id, page.rooms)]
