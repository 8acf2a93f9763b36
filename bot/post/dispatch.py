"""The post: takes due notices from the outbox, has them carried, and writes down what became of them.

Four desks work side by side, so that no one holds up the others: answers and mailings, by chat and by mail. One process leads
the post of a town; what a dead predecessor left half done, it takes back at its start.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from telegram import Bot
from telegram.error import InvalidToken, TelegramError

from bot.post import outbox, readers
from bot.post.courier import Courier, Moment
from bot.post.mail import Mailer
from bot.post.outbox import LEASE, Desk, Outcome
from bot.post.readers import Reader
from bot.post.turns import Turns
from bot.post.weather import Weather
from bot.post.words import Links, PostSettings, Words
from bot.rules.facts import AnswerLink, FeedLink, OneTimeLink
from bot.rules.pacing import Pacer
from storage.models import Notice
from storage.together import Together
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState

log = structlog.get_logger(__name__)

DESKS = (
    Desk(lane=Lane.ANSWER, mail=False, places=64),
    Desk(lane=Lane.MAILING, mail=False, places=32),
    Desk(lane=Lane.ANSWER, mail=True, places=4),
    Desk(lane=Lane.MAILING, mail=True, places=4),
)
TICK_SECONDS = 1.0
PROBE_SECONDS = 1.0  # between two questions whether a network is back
TOKEN_SECONDS = 60.0  # when it refuses the token: somebody has to change the settings
FIRST_PROBE_SECONDS = 0.1  # a failure is mostly over in a moment
PROBE_PATIENCE_SECONDS = 4.0
TOAST_SECONDS = 0.5  # so long the answers beside a toast wait for it
LEASE_CHECK_SECONDS = 15.0
STOP_SECONDS = 3.0
SETTLE_AGAIN_SECONDS = 2.0
INSIST_SECONDS = 300.0  # on writing down what has left, while the database is away
WAKE_WITHIN_SECONDS = 60.0  # what is held longer than that is found by a tick

Chat = tuple[Network | None, int | None]


class Post:
    """Sends what lies in the outbox, for as long as `run` runs."""

    def __init__(
        self,
        *,
        bots: Mapping[Network, Bot],
        mailer: Mailer | None,
        voices: PostSettings,
        domain_now: Callable[[], datetime],
        machine_now: Callable[[], datetime],
        one_time_link: Callable[[OneTimeLink, int], Awaitable[str]],
        feed_link: Callable[[FeedLink, int], Awaitable[str]],
        answer_link: Callable[[AnswerLink, int], Awaitable[str]],
        pacers: Mapping[Network, Pacer] | None = None,
    ) -> None:
        """Make it before the inbox starts; the bots are initialised by the caller.

        `pacers` default to Telegram's limits, for Telegram alone. With clocks that stand still use `drain`, or no pacers.
        """
        links = Links(one_time=one_time_link, feed=feed_link, answer=answer_link)
        pacers = {Network.TELEGRAM: Pacer()} if pacers is None else pacers
        self._turns = Turns(pacers=pacers, now=machine_now)
        self._bots = bots
        self._weathers = {network: Weather() for network in bots}
        self._together = Together()
        self._courier = Courier(
            bots=bots,
            mailer=mailer,
            words=Words(settings=voices, links=links),
            turns=self._turns,
            weathers=self._weathers,
            together=self._together,
        )
        self._domain_now, self._machine_now = domain_now, machine_now
        self._started_at = machine_now()
        self._took_over = False
        self._stopped = asyncio.Event()
        self._wakes = {desk: asyncio.Event() for desk in DESKS}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._in_hand: set[int] = set()
        self._waiting_answers: defaultdict[Chat, set[int]] = defaultdict(set)

    async def take_over(self) -> None:
        """Take back what a dead predecessor left half done; before anything is handed over, so that nothing overtakes it."""
        self._took_over = True
        await outbox.give_back(leased_before=self._started_at, except_for=self._in_hand)
        for number, network, chat_id in await outbox.waiting_answers(domain_now=self._domain_now()):
            self._waiting_answers[network, chat_id].add(number)
        for network, weather in self._weathers.items():
            if await outbox.is_held(network):
                weather.gone()  # it was, when we were last here; the first answer says otherwise

    async def run(self) -> None:
        """Send until `stop`."""
        if not self._took_over:
            await self.take_over()
        async with asyncio.TaskGroup() as working:
            for desk in DESKS:
                working.create_task(self._work(desk))
            working.create_task(self._watch_leases())
            for network in self._weathers:
                working.create_task(self._watch_weather(network))
        await self._stopped.wait()  # what is seen off has more time
        await self._finish()  # a desk may have claimed in the very moment of `stop`

    async def stop(self) -> None:
        """Take nothing new, and give what is on its way a few seconds; the rest stays a row."""
        self._close()
        self._stopped.set()
        await self._finish()

    async def see_off(self) -> None:
        """Take nothing new, and wait until what is on its way is settled, for minutes while the database is away; then `stop`."""
        self._close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _close(self) -> None:
        self._turns.closing.set()
        self.wake()
        for weather in self._weathers.values():
            weather.changed.set()

    async def _finish(self) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def wake(self) -> None:
        """Look again now: something has been queued."""
        for event in self._wakes.values():
            event.set()

    async def hand_over(
        self, notices: Sequence[Notice], others_begun: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Send answers that have just been committed, already leased to us; in order, and ahead of mailings.

        Returns when each is settled, or back in the outbox: what must wait behind an older answer of its chat, or for a mail
        server, is left to the desks. Whoever has read it in a toast can wait for the rest until others are
        heard (`others_begun`): when many press at once, each gets a toast before anybody's message changes.
        """
        if notices and not self._turns.closing.is_set():
            await asyncio.shield(self._start(self._send_answers(notices, others_begun)))

    async def drain(self) -> None:
        """Send all that is due now, one by one and without pacing, until nothing is left. For clocks that stand still."""
        for network in self._weathers:
            await self._probe(network)
        busy = True
        while busy:
            busy = any([await self._let_go(network) for network in self._weathers])
            for desk in DESKS:
                claimed = await self._claim(desk, desk.places)
                known = await self._readers(claimed)
                for notice in claimed:
                    busy = True
                    await self._deliver(notice, known[notice.id], paced=False)

    # --- the desks ----------------------------------------------------------------------------------------------------

    async def _work(self, desk: Desk) -> None:
        """Keep a desk's places filled with due notices."""
        wake = self._wakes[desk]
        working: set[asyncio.Task[None]] = set()

        def done(task: asyncio.Task[None]) -> None:
            working.discard(task)
            if len(working) <= desk.places // 2:  # so that they are claimed in batches
                wake.set()

        while not self._turns.closing.is_set():
            wake.clear()
            try:
                claimed = await self._claim(desk, desk.places - len(working))
                known = await self._readers(claimed)
            except Exception:  # the database may be away for a while; the post stays open
                log.exception("outbox cannot be read")
                claimed, known = [], {}
            for notice in claimed:
                task = self._start(self._deliver(notice, known[notice.id]))
                working.add(task)
                task.add_done_callback(done)
            await _wait(wake, TICK_SECONDS)

    async def _watch_leases(self) -> None:
        """Take back what was lost on the way to being settled."""
        while not self._turns.closing.is_set():
            await _wait(self._turns.closing, LEASE_CHECK_SECONDS)
            try:
                await outbox.give_back(leased_before=self._machine_now() - LEASE, except_for=self._in_hand)
            except Exception:  # the database may be away for a while; the post stays open
                log.exception("leases cannot be read")

    # --- networks that are away ---------------------------------------------------------------------------------------

    async def _watch_weather(self, network: Network) -> None:
        """While something waits for a network, ask whether it is back; when it is, let go of what waited."""
        weather, probes, was_away = self._weathers[network], set[asyncio.Task[None]](), False
        while not self._turns.closing.is_set():
            weather.changed.clear()
            turned, was_away = weather.away is not was_away, weather.away
            if turned:
                log.warning("network is away" if was_away else "network is back", network=network)
            pause = (TOKEN_SECONDS if weather.refused else PROBE_SECONDS) if was_away else None
            if was_away and (turned or weather.asked_for):
                probe = asyncio.create_task(self._probe(network))  # one that hangs does not delay the next
                probes.add(probe)
                probe.add_done_callback(probes.discard)
            elif not was_away and not weather.released:
                try:
                    await self._let_go(network)
                except Exception:  # the database may be away for a while; the post stays open
                    log.exception("what waits for a network cannot be let go")
                    pause = PROBE_SECONDS
            await _wait(weather.changed, pause)
            await _wait(self._turns.closing, FIRST_PROBE_SECONDS)
        for probe in probes:
            probe.cancel()

    async def _probe(self, network: Network) -> None:
        """Ask whether a network that is away is back, by a call that sends nothing; if it answers, one notice may try."""
        weather = self._weathers[network]
        if not weather.away:
            return
        try:
            await self._bots[network].get_me(read_timeout=PROBE_PATIENCE_SECONDS)
            weather.may_try()
            weather.asked_for = weather.refused = False
            weather.asked_for = await self._let_one_go(network) or await outbox.is_held(network)
        except InvalidToken:
            if weather.token_refused():
                log.error("the network refuses the token; see telegram.token in the settings", network=network)  # noqa: TRY400  # no defect of ours
            return
        except TelegramError:
            weather.silent()
            return
        except Exception:  # the database may be away for a while; it is asked again
            log.exception("nothing can be let go to try a network")
            weather.held()
        self.wake()

    async def _let_one_go(self, network: Network) -> bool:
        """One notice may try the network: if there is none that cannot have arrived yet, now and then another."""
        return await outbox.let_one_go(network, perhaps_arrived=False) or (
            self._weathers[network].may_risk(self._machine_now())
            and await outbox.let_one_go(network, perhaps_arrived=True)
        )

    async def _let_go(self, network: Network) -> bool:
        """Let go of what waited for a network that is back; gives whether there may be any."""
        weather = self._weathers[network]
        if weather.released:
            return False
        weather.released = True
        try:
            await outbox.let_go(network)
        except BaseException:
            weather.released = False
            raise
        self.wake()
        return True

    # --- claiming -----------------------------------------------------------------------------------------------------

    async def _claim(self, desk: Desk, places: int) -> list[Notice]:
        if places <= 0:
            return []
        return await outbox.claim(desk, places, domain_now=self._domain_now(), machine_now=self._machine_now())

    async def _readers(self, notices: Sequence[Notice]) -> dict[int, Reader]:
        return await readers.of(notices, today=self._courier.today(self._moment())) if notices else {}

    # --- one notice ---------------------------------------------------------------------------------------------------

    async def _send_answers(
        self, notices: Sequence[Notice], others_begun: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Answers of one update, in their order; one that is held back holds back those behind it."""
        self._in_hand.update(notice.id for notice in notices)
        try:
            if any(notice.person_id or notice.body_id for notice in notices):
                notices = await outbox.load([notice.id for notice in notices])
            known = await self._readers(notices)
            toasts = [
                self._start(self._deliver(notice, known[notice.id]))
                for notice in notices
                if notice.kind is NoticeKind.TOAST
            ]
            if toasts:  # the button stops waiting first
                await asyncio.wait(toasts, timeout=TOAST_SECONDS)
            if others_begun is not None and any(
                notice.kind is NoticeKind.TOAST and notice.template for notice in notices
            ):
                await others_begun()
            await self._pull_forward({(notice.network, notice.chat_id) for notice in notices})
            for notice in (notice for notice in notices if notice.kind is not NoticeKind.TOAST):
                if self._waiting_answers.get((notice.network, notice.chat_id)) or notice.kind in readers.MAILS:
                    await self._settle(notice, Outcome(state=NoticeState.WAITING))
                    self.wake()
                else:
                    await self._deliver(notice, known[notice.id])
        finally:
            self._in_hand.difference_update(notice.id for notice in notices)

    async def _pull_forward(self, chats: Collection[Chat]) -> None:
        """Somebody is there: what waits for them after a failure is tried at once."""
        for network, chat_id in chats:
            if network is not None and chat_id is not None and self._waiting_answers.get((network, chat_id)):
                await outbox.pull_forward(network, chat_id)
                self._weathers[network].news()

    async def _deliver(self, notice: Notice, reader: Reader, *, paced: bool = True) -> None:
        """Have it carried, and settle it."""
        self._in_hand.add(notice.id)
        try:
            outcome = await self._courier.carry(notice, reader, self._moment(), paced=paced)
            await self._insist(notice, outcome)
        except Exception:  # the lease runs out, and the notice is taken up again
            log.exception("notice cannot be settled", notice=notice.id)
        finally:
            self._in_hand.discard(notice.id)

    async def _insist(self, notice: Notice, outcome: Outcome) -> None:
        """Settle it, even if the database is away for minutes: what has left would otherwise leave again."""
        gives_up = asyncio.get_running_loop().time() + INSIST_SECONDS
        while True:
            try:
                await self._settle(notice, outcome)
            except Exception as error:
                if asyncio.get_running_loop().time() >= gives_up:
                    raise
                log.warning("notice not settled, again later", notice=notice.id, error=type(error).__name__)
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)
            else:
                return

    async def _settle(self, notice: Notice, outcome: Outcome) -> None:
        now = self._machine_now()
        await outbox.settle(notice, outcome, machine_now=now, together=self._together)
        chat = (notice.network, notice.chat_id)
        if outcome.waits_for is not None:
            self._weathers[outcome.waits_for].held()
        if outcome.final:
            for weather in self._weathers.values():
                weather.settled(notice.id)
        if notice.lane is Lane.ANSWER and notice.chat_id is not None and notice.kind is not NoticeKind.TOAST:
            if outcome.final:
                self._waiting_answers[chat].discard(notice.id)
            else:
                self._waiting_answers[chat].add(notice.id)
            if not self._waiting_answers[chat]:
                del self._waiting_answers[chat]
        if outcome.state in {NoticeState.DEAD, NoticeState.UNCERTAIN}:
            log.warning("notice not delivered", notice=notice.id, template=notice.template, error=outcome.error)
        held = (outcome.held_until - now).total_seconds() if outcome.held_until else 0.0
        if (outcome.held_until or not outcome.final) and held <= WAKE_WITHIN_SECONDS:
            asyncio.get_running_loop().call_later(max(held, 0.0), self.wake)

    def _moment(self) -> Moment:
        return Moment(domain=self._domain_now(), machine=self._machine_now())

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it as our own task: a caller who gives up does not take the message with them."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
