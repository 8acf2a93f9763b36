"""One notice on its way: which channel, at what moment, in which words, and what its errors come to."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from telegram import Bot
from telegram.error import ChatMigrated, RetryAfter, TelegramError
from tortoise.exceptions import BaseORMException

from bot.actions.accounts import groups, joining
from bot.actions.commitments import reminding
from bot.actions.notices import NO_FILE
from bot.addresses import usable_address
from bot.post import attachments, chat, outbox, readers
from bot.post.attachments import CALENDAR_MIME
from bot.post.chat import File, Trouble
from bot.post.mail import PERMANENT, Mailer, Reply, Reported, compose
from bot.post.mail import RETRIES as MAIL_RETRIES
from bot.post.outbox import AWAY, HOLD, MAIL_SERVER, SERVER, UNCERTAIN, Outcome
from bot.post.readers import MAILS, Reader
from bot.post.turns import Later, TurnLost, Turns
from bot.post.weather import Away, Weather
from bot.post.words import Words
from bot.rules import channels
from bot.rules import facts as typed
from bot.rules.channels import Way
from bot.rules.facts import NOTHING, NUDGE, TITLES
from bot.rules.quiet import Rest, next_moment
from storage.db import WorkTookTooLong, is_drivers, unit_of_work
from storage.models import Notice
from storage.together import Together
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState

log = structlog.get_logger(__name__)

CARD_REST = timedelta(seconds=3)
CROWD_REST = timedelta(seconds=1)
FAILURES = 5
NOT_AVAILABLE = 421  # the mail server serves nobody at the moment (RFC 5321)
ATTEMPTS_AT_ONCE = 4  # by one channel after the other, or to a chat that moves
RETRIES = {  # somebody waits for an answer: most failures are over in a moment
    Lane.ANSWER: tuple(timedelta(seconds=seconds) for seconds in (0.1, 1, 3, 5)),
    Lane.MAILING: (timedelta(seconds=2), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30)),
}
STORE_TROUBLE = (BaseORMException, OSError, WorkTookTooLong)
REPEATABLE = frozenset({NoticeKind.EDIT, NoticeKind.CAPTION, NoticeKind.ERASE})
NEEDS_TEXT = frozenset({NoticeKind.MESSAGE, NoticeKind.EDIT, NoticeKind.CAPTION, NoticeKind.CARD})
HAS_MORE = frozenset({NoticeKind.MESSAGE, NoticeKind.EDIT, NoticeKind.CAPTION})  # where Telegram shows a nudge only
UNREACHABLE = "unreachable"
OVERTAKEN = "overtaken"
TOO_LATE = "too late"
FAREWELL = "people/seat_lost"  # goes after those who have left: it takes the meetings ahead out of their calendars


class Overtaken(TurnLost):
    """It was taken back while it waited for its turn."""


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
    weathers: Mapping[Network, Weather]
    together: Together

    async def carry(self, notice: Notice, reader: Reader, moment: Moment, *, paced: bool) -> Outcome:
        """Try once, by each channel that is left. Never raises for what one notice does wrong: that notice is dead."""
        try:
            for _ in range(ATTEMPTS_AT_ONCE):
                try:
                    return await self._try(notice, reader, moment, paced=paced)
                except Astray:
                    reader = (await readers.of([notice], today=self.today(moment)))[notice.id]
            return Outcome(state=NoticeState.DEAD, error=UNREACHABLE)
        except Exception as error:
            if isinstance(error, STORE_TROUBLE) or is_drivers(error):
                log.warning("notice put off", notice=notice.id, error=type(error).__name__)
                return _again(notice, "store", self.turns.now())
            log.exception("notice cannot be sent", notice=notice.id, template=notice.template)
            return Outcome(state=NoticeState.DEAD, error=type(error).__name__)

    def today(self, moment: Moment) -> date:
        """The town's day."""
        return moment.domain.astimezone(ZoneInfo(self.words.settings.zone)).date()

    async def _try(self, notice: Notice, reader: Reader, moment: Moment, *, paced: bool) -> Outcome:
        standing = await reminding.standing(notice)
        if standing is None:
            return Outcome(state=NoticeState.DROPPED, error=OVERTAKEN)
        refused = _out_of_place(notice, reader) or self._not_now(notice, reader, moment)
        if refused is not None:
            return refused
        notice.facts = standing
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
        bot, weather = self.bots[network], self.weathers[network]
        if notice.kind is not NoticeKind.TOAST and not weather.admits():
            return self._held(network)
        try:
            await bot.initialize()  # Telegram may not have answered since the start
        except TelegramError as error:
            crowded = chat.trouble(error) is Trouble.CROWDED
            return self._unanswered(Trouble.CROWDED if crowded else Trouble.NOT_SENT, notice, network)
        turn = self._turn(notice, network, chat_id, moment, paced=paced)
        begun = partial(outbox.begin, notice)
        desk = chat.Desk(bot=bot, network=network, chat_id=chat_id, turn=turn, begun=begun)
        try:
            file, missing = await self._file(notice, network, level)
            worded = partial(self.words.chat, notice, reader, network, bot_name=bot.username)
            message = await worded(file_missing=missing)
            if not message.text and notice.kind in NEEDS_TEXT:
                return Outcome(state=NoticeState.DEAD, error="empty")
            try:
                sent = await chat.send(desk, notice, message, file)
            except chat.FileUnknown:
                file, missing = await self._file(notice, network, level, by_id=False)
                sent = await chat.send(desk, notice, await worded(file_missing=missing), file)
        except (TurnLost, attachments.NotFetched) as lost:
            return self._not_sent(lost, notice, network)
        except TelegramError as error:
            return await self._after(error, notice, reader, way)
        self._arrived(notice, network)
        rest = self.turns.now() + CARD_REST if notice.kind is NoticeKind.CARD and paced else None
        where = {"message_id": sent, "network": network, "chat_id": chat_id}
        web_chat = await self._in_full(notice, reader, level)
        lacks = NO_FILE if missing else None
        return Outcome(state=NoticeState.SENT, error=lacks, held_until=rest, changes=where, web_chat=web_chat)

    def _not_sent(self, lost: TurnLost | attachments.NotFetched, notice: Notice, network: Network) -> Outcome:
        """Nothing has left; why decides when it is tried again, if at all."""
        match lost:
            case attachments.NotFetched():
                return _again(notice, SERVER, self.turns.now())
            case Away():
                return self._held(network)
            case _:
                return _without_turn(lost)

    def _turn(
        self, notice: Notice, network: Network, chat_id: int, moment: Moment, *, paced: bool
    ) -> Callable[[], AbstractAsyncContextManager[None]]:
        """A turn to send a message of the notice in. Before the first of them it is asked whether the notice still counts."""
        asked = False

        @asynccontextmanager
        async def turn() -> AsyncIterator[None]:
            nonlocal asked
            async with self.turns.taken(network, chat_id, notice.lane) if paced else nullcontext():
                self.weathers[network].enter()
                if not asked:
                    await self._leaves(notice, moment)
                asked = True
                yield

        return turn

    async def _leaves(self, notice: Notice, moment: Moment) -> None:
        """Ask once more whether it still counts; from then on it has left. Raises Overtaken, and Later when it says too much."""
        if await reminding.standing(notice) != notice.facts:
            raise Later(None)
        if notice.kind is NoticeKind.CARD or (notice.about is None and notice.resend):
            return  # nobody can take it back, and it may come twice
        if not await outbox.leaves(notice, machine_now=moment.machine, together=self.together):
            raise Overtaken

    def _arrived(self, notice: Notice, network: Network) -> None:
        """It went through. That a toast did says no more than the answer to a question."""
        if notice.kind is NoticeKind.TOAST:
            self.weathers[network].news()
            return
        self.weathers[network].answered()
        self.turns.arrived(network, notice.lane)

    def _held(self, network: Network, error: str = AWAY) -> Outcome:
        """It waits until the network is back."""
        return Outcome(
            state=NoticeState.WAITING,
            error=error,
            held_until=self.turns.now() + HOLD,
            changes={"network": network},
            waits_for=network,
        )

    async def _in_full(self, notice: Notice, reader: Reader, level: int) -> int | None:
        """The reader's web chat, when Telegram carries at most a nudge: what it leads to must be there."""
        if level > NUDGE or reader.person is None or notice.kind not in HAS_MORE:
            return None
        return await readers.web_chat(reader.person)

    async def _file(
        self, notice: Notice, network: Network, level: int, *, by_id: bool = True
    ) -> tuple[File | None, bool]:
        """The file that goes with the message, by the id that the network gave it or not, and whether there should be one and is none.

        Raises NotFetched while it may still come; at last the message goes without it.
        """
        fact = typed.decode(notice.facts.get("document"))
        if fact is None or notice.kind is not NoticeKind.MESSAGE or level < TITLES:
            return None, False
        made = partial(attachments.chat_file, bots=self.bots, settings=self.words.settings, by_id=by_id)
        try:
            file = await made(fact, level=level, network=network)
        except attachments.NotMade:
            return None, True
        except attachments.NotFetched:
            if notice.attempts + 1 < FAILURES:
                raise
            return None, True
        return file, False

    async def _after(self, error: TelegramError, notice: Notice, reader: Reader, way: Way) -> Outcome:
        """What an error of the Bot API comes to. Raises Astray when there may be another way."""
        trouble = chat.trouble(error)
        if isinstance(error, RetryAfter | ChatMigrated) or trouble in {Trouble.BLOCKED, Trouble.REFUSED}:
            self.weathers[way.network].answered()
            return await self._refused(error, notice, reader, way)
        return self._unanswered(trouble, notice, way.network)

    async def _refused(self, error: TelegramError, notice: Notice, reader: Reader, way: Way) -> Outcome:
        """The network is there, and will not take it so. A toast is of the moment, and never tried again."""
        match error, chat.trouble(error):
            case ChatMigrated(), _:
                await outbox.move_chat(way.network, int(way.address), error.new_chat_id)
                notice.chat_id, notice.message_id = error.new_chat_id, None
                raise Astray
            case RetryAfter(), _ if notice.kind is not NoticeKind.TOAST:
                until = self.turns.now() + chat.pause(error)
                self.turns.throttled(way.network, int(way.address), notice.lane, until)
                return Outcome(state=NoticeState.WAITING, error="throttled", held_until=until)
            case RetryAfter(), _:
                return Outcome(state=NoticeState.DROPPED, error=TOO_LATE)
            case _, Trouble.BLOCKED:
                return await self._blocked(notice, reader, way)
            case _:
                return Outcome(state=NoticeState.DEAD, error="refused")

    def _unanswered(self, trouble: Trouble, notice: Notice, network: Network) -> Outcome:
        """Nobody took it: for most it is the network that is away."""
        weather = self.weathers[network]
        uncertain = trouble is Trouble.UNCERTAIN and notice.kind not in REPEATABLE and notice.message_id is None
        if trouble is Trouble.CROWDED:
            pass  # that says nothing of the network
        elif notice.kind is NoticeKind.TOAST or uncertain or trouble is Trouble.NOT_SENT:
            weather.gone()
        elif weather.failed(notice.id):
            return _again(notice, SERVER, self.turns.now())
        if notice.kind is NoticeKind.TOAST:
            return Outcome(state=NoticeState.DROPPED, error=TOO_LATE)
        if trouble is Trouble.CROWDED:
            return Outcome(state=NoticeState.WAITING, held_until=self.turns.now() + CROWD_REST)
        if not uncertain:
            return self._held(network)
        if notice.resend and notice.error != UNCERTAIN:
            return self._held(network, UNCERTAIN)
        return Outcome(state=NoticeState.UNCERTAIN, error=UNCERTAIN, failed=True)

    async def _blocked(self, notice: Notice, reader: Reader, way: Way) -> Outcome:
        if way.network is Network.TELEGRAM and int(way.address) < 0:
            await _forget_group(notice, way)
        if reader.person is not None:
            blocked = partial(joining.blocked, network=way.network, address=way.address, is_blocked=True)
            await unit_of_work(blocked)
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
        calendar = typed.decode(notice.facts).get("calendar")
        address = usable_address(attachments.recipient_of(calendar, person)) if person else None
        if person is None or mailer is None or address is None:
            unlucky = mailer is not None  # a town without a mail server reaches nobody that way, and knows it
            return Outcome(state=NoticeState.DEAD if unlucky else NoticeState.DROPPED, error=UNREACHABLE)
        content = notice.frozen or await self._composed(notice, reader, mailer, address, moment.machine)
        if notice.kind is NoticeKind.CALENDAR_MAIL and notice.frozen is None:
            await outbox.freeze(notice, content)
        try:
            await self._leaves(notice, moment)
        except TurnLost as lost:
            return _without_turn(lost)
        reported = await mailer.send(content, address)
        missing = notice.kind is NoticeKind.CALENDAR_MAIL and CALENDAR_MIME.encode() not in content
        return _after_mail(reported, notice, self.turns.now(), lacks=NO_FILE if missing else None)

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


async def _forget_group(notice: Notice, way: Way) -> None:
    """The bot was thrown out while it was away: the group is forgotten, and those who lead its body are told."""
    chat_id, since = int(way.address), notice.due_at  # which is no later than the domain's clock
    await unit_of_work(lambda: groups.forget(network=way.network, chat_id=chat_id, now=since))


def _without_turn(lost: TurnLost) -> Outcome:
    """Nothing has left: it is tried later, or never again."""
    if isinstance(lost, Later):
        return Outcome(state=NoticeState.WAITING, held_until=lost.until)
    return Outcome(state=NoticeState.DROPPED, error=OVERTAKEN)


def _after_mail(reported: Reported, notice: Notice, now: datetime, *, lacks: str | None) -> Outcome:
    """What the mail server's answer comes to. `lacks` says what should have gone with it."""
    match reported.reply:
        case Reply.ACCEPTED:
            return Outcome(state=NoticeState.SENT, error=lacks, changes={"network": Network.MAIL})
        case Reply.REFUSED:
            return Outcome(state=NoticeState.DEAD, error=f"refused {reported.code}")
        case Reply.UNCERTAIN:
            return _uncertain_mail(notice, now)
        case Reply.LATER if notice.attempts < len(MAIL_RETRIES):
            held = now + MAIL_RETRIES[notice.attempts]
            return Outcome(state=NoticeState.WAITING, error=_put_off(reported.code), held_until=held, failed=True)
        case _:
            return Outcome(state=NoticeState.DEAD, error=_put_off(reported.code), failed=True)


def _put_off(code: int | None) -> str:
    """Why a mail has to wait: its recipient's mailbox, or the mail server that serves nobody at the moment (421) or not us."""
    about_the_mail = code is not None and code < PERMANENT and code != NOT_AVAILABLE
    return f"put off {code}" if about_the_mail else MAIL_SERVER


def _uncertain_mail(notice: Notice, now: datetime) -> Outcome:
    """It may have arrived: tried once more where silence would be worse than a repetition."""
    if notice.resend and notice.error != UNCERTAIN:
        return Outcome(
            state=NoticeState.WAITING, error=UNCERTAIN, held_until=now + RETRIES[notice.lane][0], failed=True
        )
    return Outcome(state=NoticeState.UNCERTAIN, error=UNCERTAIN, failed=True)


def _again(notice: Notice, error: str, now: datetime) -> Outcome:
    """It failed, and nobody knows why: later again, five times in all. The tries of a mail are the mail server's."""
    failures = len(MAIL_RETRIES) if notice.kind in MAILS else FAILURES
    if notice.attempts + 1 >= failures:
        return Outcome(state=NoticeState.DEAD, error=error, failed=True)
    pauses = RETRIES[notice.lane]
    held = now + pauses[min(notice.attempts, len(pauses) - 1)]
    return Outcome(state=NoticeState.WAITING, error=error, held_until=held, failed=True)
