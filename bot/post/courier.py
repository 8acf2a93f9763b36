"""One notice on its way: which channel, at what moment, in which words, and what its errors come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from telegram import Bot
from telegram.error import ChatMigrated, RetryAfter, TelegramError
from tortoise.exceptions import BaseORMException

from bot.actions.notices import NO_FILE
from bot.addresses import usable_address
from bot.post import attachments, chat, outbox, readers
from bot.post.attachments import CALENDAR_MIME
from bot.post.chat import File, Trouble
from bot.post.mail import RETRIES as MAIL_RETRIES
from bot.post.mail import Mailer, Reply, compose
from bot.post.outbox import UNCERTAIN, Outcome
from bot.post.readers import MAILS, Reader
from bot.post.turns import Later, Turns
from bot.post.words import Words
from bot.rules import channels
from bot.rules import facts as typed
from bot.rules.channels import Way
from bot.rules.facts import NOTHING, NUDGE, TITLES
from bot.rules.quiet import Rest, next_moment
from storage.db import WorkTookTooLong
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState

log = structlog.get_logger(__name__)

CARD_REST = timedelta(seconds=3)
FAILURES = 5
ATTEMPTS_AT_ONCE = 4  # by one channel after the other, or to a chat that moves
RETRIES = {  # somebody waits for an answer: most failures are over in a moment
    Lane.ANSWER: (timedelta(seconds=0.1), timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=30)),
    Lane.MAILING: (timedelta(seconds=2), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30)),
}
NOT_SENT_RETRY = {Lane.ANSWER: timedelta(seconds=3), Lane.MAILING: timedelta(seconds=15)}
STORE_TROUBLE = (BaseORMException, OSError, WorkTookTooLong)
REPEATABLE = frozenset({NoticeKind.EDIT, NoticeKind.TOAST, NoticeKind.ERASE})
NEEDS_TEXT = frozenset({NoticeKind.MESSAGE, NoticeKind.EDIT, NoticeKind.CARD})
UNREACHABLE = "unreachable"
FAREWELL = "seat_lost"  # goes after those who have left: it takes the meetings ahead out of their calendars


class Astray(Exception):
    """The way was the wrong one: a channel is closed or a chat has moved. The next attempt knows better."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The two clocks, read for one attempt."""

    domain: datetime
    machine: datetime


@dataclass(frozen=True, kw_only=True)
class Courier:
    """Takes notices where they belong. Settles nothing: what `carry` gives back is for the outbox."""

    bots: Mapping[Network, Bot]
    mailer: Mailer | None
    words: Words
    turns: Turns

    async def carry(self, notice: Notice, reader: Reader, moment: Moment, *, paced: bool) -> Outcome:
        """Try once, by each channel that is left. Never raises for what one notice does wrong: that notice is dead."""
        try:
            for _ in range(ATTEMPTS_AT_ONCE):
                try:
                    return await self._try(notice, reader, moment, paced=paced)
                except Astray:
                    reader = (await readers.of([notice], today=self.today(moment)))[notice.id]
            return Outcome(state=NoticeState.DEAD, error=UNREACHABLE)
        except STORE_TROUBLE as error:
            log.warning("notice put off", notice=notice.id, error=type(error).__name__)
            return _again(notice, "store", self.turns.now())
        except Exception as error:
            log.exception("notice cannot be sent", notice=notice.id, template=notice.template)
            return Outcome(state=NoticeState.DEAD, error=type(error).__name__)

    def today(self, moment: Moment) -> date:
        """The town's day."""
        return moment.domain.astimezone(ZoneInfo(self.words.settings.zone)).date()

    async def _try(self, notice: Notice, reader: Reader, moment: Moment, *, paced: bool) -> Outcome:
        refused = _out_of_place(notice, reader) or self._not_now(notice, reader, moment)
        if refused is not None:
            return refused
        if notice.kind in MAILS:
            return await self._by_mail(notice, reader, moment)
        level = self.words.level(notice, reader, Network.TELEGRAM)
        way = self._way(notice, reader, level)
        if way is not None:
            carries = self.words.level(notice, reader, way.network)
            return await self._by_chat(notice, reader, way, moment, level=carries, paced=paced)
        if notice.chat_id is not None:
            web_chat = await self._in_full(notice, reader, level)
            return Outcome(state=NoticeState.DROPPED, error="level", web_chat=web_chat)
        return await self._instead_of_chat(notice, reader)

    def _not_now(self, notice: Notice, reader: Reader, moment: Moment) -> Outcome | None:
        """Keep somebody's quiet hours. What is urgent goes at once, silently; answers and calendar mails always go."""
        if (
            reader.person is None
            or notice.lane is Lane.ANSWER
            or notice.kind not in {NoticeKind.MESSAGE, NoticeKind.MAIL}
        ):
            return None
        rest = Rest(
            zone=reader.person.zone,
            quiet_from=reader.person.quiet_from,
            quiet_until=reader.person.quiet_until,
            absent_from=reader.person.absent_from,
            absent_until=reader.person.absent_until,
        )
        opens = next_moment(moment.domain, rest, self.words.settings.land)
        if opens <= moment.domain:
            return None
        if notice.urgent:
            notice.silent = True
            return None
        return Outcome(state=NoticeState.WAITING, changes={"due_at": opens})

    def _way(self, notice: Notice, reader: Reader, level: int) -> Way | None:
        if notice.chat_id is None:
            return channels.choose([way for way in reader.ways if way.network in self.bots], level)
        if notice.network is Network.TELEGRAM and level <= NOTHING:
            return None
        return Way(network=notice.network, address=str(notice.chat_id))

    # --- by chat ------------------------------------------------------------------------------------------------------

    async def _by_chat(
        self, notice: Notice, reader: Reader, way: Way, moment: Moment, *, level: int, paced: bool
    ) -> Outcome:
        network, chat_id = way.network, int(way.address)
        try:
            await self.bots[network].initialize()  # Telegram may not have answered since the start
        except TelegramError:
            held = self.turns.now() + NOT_SENT_RETRY[notice.lane]
            return Outcome(state=NoticeState.WAITING, error="not sent", held_until=held)

        async def turn() -> None:
            if paced:
                await self.turns.wait(network, chat_id, notice.lane)
            if not notice.resend:
                await outbox.mark_on_the_way(notice, machine_now=moment.machine)

        begun = partial(outbox.begin, notice)
        desk = chat.Desk(bot=self.bots[network], network=network, chat_id=chat_id, turn=turn, begun=begun)
        try:
            file, missing = await self._file(notice, network, level)
            name = self.bots[network].username
            message = await self.words.chat(notice, reader, network, bot_name=name, file_missing=missing)
            if not message.text and notice.kind in NEEDS_TEXT:
                return Outcome(state=NoticeState.DEAD, error="empty")
            sent = await chat.send(desk, notice, message, file)
        except Later as later:
            return Outcome(state=NoticeState.WAITING, held_until=later.until)
        except TelegramError as error:
            return await self._after(error, notice, reader, way, self.turns.now())
        self.turns.arrived(network, notice.lane)
        rest = self.turns.now() + CARD_REST if notice.kind is NoticeKind.CARD and paced else None
        where = {"message_id": sent, "network": network, "chat_id": chat_id}
        web_chat = await self._in_full(notice, reader, level)
        lacks = NO_FILE if missing else None
        return Outcome(state=NoticeState.SENT, error=lacks, held_until=rest, changes=where, web_chat=web_chat)

    async def _in_full(self, notice: Notice, reader: Reader, level: int) -> int | None:
        """The reader's web chat, when Telegram carries at most a nudge: what it leads to must be there."""
        if level > NUDGE or reader.person is None or notice.kind not in {NoticeKind.MESSAGE, NoticeKind.EDIT}:
            return None
        return await readers.web_chat(reader.person)

    async def _file(self, notice: Notice, network: Network, level: int) -> tuple[File | None, bool]:
        """The file that goes with the message, and whether there should be one and is none."""
        fact = typed.decode(notice.facts.get("document"))
        if fact is None or notice.kind is not NoticeKind.MESSAGE or level < TITLES:
            return None, False
        settings = self.words.settings
        try:
            file = await attachments.chat_file(fact, level=level, network=network, bots=self.bots, settings=settings)
        except attachments.NotMade:
            return None, True
        return file, False

    async def _after(self, error: TelegramError, notice: Notice, reader: Reader, way: Way, now: datetime) -> Outcome:
        """What an error of the Bot API comes to. Raises Astray when there may be another way."""
        match error, chat.trouble(error):
            case RetryAfter(), _:
                until = now + chat.pause(error)
                self.turns.throttled(way.network, int(way.address), notice.lane, until)
                return Outcome(state=NoticeState.WAITING, error="throttled", held_until=until)
            case ChatMigrated(), _:
                await outbox.move_chat(way.network, int(way.address), error.new_chat_id)
                notice.chat_id = error.new_chat_id
                raise Astray
            case _, Trouble.NOT_SENT:
                return Outcome(
                    state=NoticeState.WAITING, error="not sent", held_until=now + NOT_SENT_RETRY[notice.lane]
                )
            case _, Trouble.UNCERTAIN if notice.kind not in REPEATABLE and notice.message_id is None:
                return _uncertain(notice, now)
            case _, Trouble.BLOCKED:
                return await self._blocked(notice, reader, way)
            case _, Trouble.REFUSED:
                return Outcome(state=NoticeState.DEAD, error="refused")
            case _:
                return _again(notice, "server", now)

    async def _blocked(self, notice: Notice, reader: Reader, way: Way) -> Outcome:
        if reader.person is not None:
            await outbox.block(reader.person.id, way.network)
        if notice.chat_id is None:
            raise Astray
        return Outcome(state=NoticeState.DEAD, error="blocked")

    # --- by mail ------------------------------------------------------------------------------------------------------

    async def _instead_of_chat(self, notice: Notice, reader: Reader) -> Outcome:
        """Nobody is reached by chat: a mail says the same, unless a calendar mail says it anyway."""
        if (
            notice.kind is not NoticeKind.MESSAGE
            or self.mailer is None
            or reader.person is None
            or not reader.person.mail
        ):
            return Outcome(state=NoticeState.DEAD, error=UNREACHABLE)
        if await outbox.told_by_calendar_mail(notice):
            return Outcome(state=NoticeState.DROPPED, error="by calendar mail")
        return Outcome(state=NoticeState.WAITING, changes={"kind": NoticeKind.MAIL})

    async def _by_mail(self, notice: Notice, reader: Reader, moment: Moment) -> Outcome:
        person, mailer = reader.person, self.mailer
        address = usable_address(person.mail or "") if person else None
        if person is None or mailer is None or address is None:
            unlucky = mailer is not None  # a town without a mail server reaches nobody that way, and knows it
            return Outcome(state=NoticeState.DEAD if unlucky else NoticeState.DROPPED, error=UNREACHABLE)
        content = notice.frozen or await self._composed(notice, reader, mailer, address, moment.machine)
        if notice.kind is NoticeKind.CALENDAR_MAIL and notice.frozen is None:
            await outbox.freeze(notice, content)
        if not notice.resend:
            await outbox.mark_on_the_way(notice, machine_now=moment.machine)
        reported = await mailer.send(content, address)
        now = self.turns.now()
        match reported.reply:
            case Reply.ACCEPTED:
                missing = notice.kind is NoticeKind.CALENDAR_MAIL and CALENDAR_MIME.encode() not in content
                error = NO_FILE if missing else None
                return Outcome(state=NoticeState.SENT, error=error, changes={"network": Network.MAIL})
            case Reply.REFUSED:
                return Outcome(state=NoticeState.DEAD, error=f"refused {reported.code}")
            case Reply.UNCERTAIN:
                return _uncertain(notice, now)
            case Reply.LATER if notice.attempts < len(MAIL_RETRIES):
                held = now + MAIL_RETRIES[notice.attempts]
                return Outcome(state=NoticeState.WAITING, error="mail server", held_until=held, failed=True)
            case _:
                return Outcome(state=NoticeState.DEAD, error="mail server", failed=True)

    async def _composed(
        self, notice: Notice, reader: Reader, mailer: Mailer, address: str, machine_now: datetime
    ) -> bytes:
        """The mail's bytes; a calendar mail is a plain one when its calendar object cannot be made, and says so."""
        person = reader.person
        assert person is not None  # noqa: S101  # asked before
        calendar, missing = None, False
        if notice.kind is NoticeKind.CALENDAR_MAIL:
            try:
                asked = typed.decode(notice.facts)["calendar"]
                calendar = attachments.calendar_mail(asked, person, self.words.settings)
            except attachments.NotMade:
                missing = True
        return compose(
            await self.words.mail(notice, reader, calendar_missing=missing),
            mailer=mailer,
            name=f"{person.given_name} {person.family_name}",
            address=address,
            key=notice.key,
            date=machine_now,
            reply_to=self.words.settings.reply_to,
            calendar=calendar,
        )


def _out_of_place(notice: Notice, reader: Reader) -> Outcome | None:
    """Who has left the town, or the body since it was queued, is told nothing any more. An answer answers what was asked."""
    if notice.person_id is None or reader.person is None:
        return None
    if reader.person.left_at is not None and notice.template != FAREWELL:
        return Outcome(state=NoticeState.DROPPED, error="left")
    if notice.lane is Lane.MAILING and not reader.concerned:
        return Outcome(state=NoticeState.DROPPED, error="no seat")
    return None


def _uncertain(notice: Notice, now: datetime) -> Outcome:
    """It may have arrived: tried once more where silence would be worse than a repetition."""
    if notice.resend and notice.error != UNCERTAIN:
        held = now + RETRIES[notice.lane][0]
        return Outcome(state=NoticeState.WAITING, error=UNCERTAIN, held_until=held, failed=True)
    return Outcome(state=NoticeState.UNCERTAIN, error=UNCERTAIN, failed=True)


def _again(notice: Notice, error: str, now: datetime) -> Outcome:
    """It failed, and nobody knows why: later again, five times in all."""
    if notice.attempts + 1 >= FAILURES:
        return Outcome(state=NoticeState.DEAD, error=error, failed=True)
    held = now + RETRIES[notice.lane][notice.attempts]
    return Outcome(state=NoticeState.WAITING, error=error, held_until=held, failed=True)
