"""How fast a bot may write: Telegram's limits, with a place kept free for answers.

Telegram allows 30 messages in a second in all, about one a second to a private chat (short bursts pass), and 20 in a minute to
a group. Mailings are spread evenly below that; an answer may use the place that they leave, so it never queues behind them.

Telegram counts a message when it comes in, which is later than it was sent and sooner than it was answered. So a message on its
way counts until it is answered, and its span begins then: whatever the wire does, the limits hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from storage.vocabulary import Lane

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limit:
    """At most `count` in any span of this length."""

    count: int
    span: timedelta


SLACK = timedelta(milliseconds=50)  # our clock and theirs do not run alike
OVERALL = Limit(30, timedelta(seconds=1))
OVERALL_MAILINGS = Limit(29, timedelta(seconds=1))
PRIVATE_CHAT = Limit(3, timedelta(seconds=3) + SLACK)
GROUP = Limit(20, timedelta(seconds=60) + SLACK)

MAILING_GAP = timedelta(seconds=1) / 29
MAILING_LATENESS = MAILING_GAP  # one late mailing may be made up for, so two may go at once
CHAT_GAP = timedelta(seconds=1.05)  # to one chat; a little more than Telegram asks, for the wire is not even
THROTTLED_IN_A_ROW = 3  # refusals of one lane without a success between them: then it is not about one chat
REMEMBERED = 4096


@dataclass(eq=False)
class Sent:
    """A message that was sent at `at`; one on its way counts as sent at whatever moment one looks."""

    at: datetime
    on_its_way: bool = False

    def counts_from(self, now: datetime) -> datetime:
        """When its span begins."""
        return max(self.at, now) if self.on_its_way else self.at


@dataclass
class Pacer:
    """What one bot has sent lately. `next_slot` looks, `take` books; between the two nothing may be awaited."""

    _sent: list[Sent] = field(default_factory=list)
    _chats: dict[int, list[Sent]] = field(default_factory=dict)
    _next_mailing: datetime = LONG_AGO
    _held_lanes: dict[Lane, datetime] = field(default_factory=dict)
    _held_chats: dict[int, datetime] = field(default_factory=dict)
    _throttled: dict[Lane, int] = field(default_factory=dict)

    def next_slot(self, chat: int, lane: Lane, now: datetime) -> datetime:
        """The first moment, `now` or later, at which a message may go to the chat, if nothing else is sent until then.

        Groups have negative ids, as on Telegram.
        """
        sent = self._chats.get(chat, ())
        earliest = [
            now,
            _free(self._sent, OVERALL if lane is Lane.ANSWER else OVERALL_MAILINGS, now),
            _free(sent, GROUP if chat < 0 else PRIVATE_CHAT, now),
            self._held_chats.get(chat, now),
            self._held_lanes.get(lane, now),
        ]
        if lane is Lane.MAILING:
            earliest.append(self._next_mailing - MAILING_LATENESS)
            if sent:
                earliest.append(sent[-1].counts_from(now) + CHAT_GAP)
        return max(earliest)

    def take(self, chat: int, lane: Lane, at: datetime, *, on_its_way: bool = False) -> Sent:
        """Book a slot: a message goes to the chat at that moment. One that is on its way then is to be reported as `landed`."""
        sent = Sent(at, on_its_way)
        self._sent = [*_counting(self._sent, OVERALL, at), sent]
        limit = GROUP if chat < 0 else PRIVATE_CHAT
        self._chats[chat] = [*_counting(self._chats.get(chat, ()), limit, at), sent]
        if lane is Lane.MAILING:
            self._next_mailing = max(self._next_mailing, at) + MAILING_GAP
        if len(self._chats) > REMEMBERED:
            self._forget(at)
        return sent

    def landed(self, sent: Sent, at: datetime) -> None:
        """The message was answered at that moment, or never will be."""
        sent.at, sent.on_its_way = at, False

    def throttled(self, chat: int, lane: Lane, until: datetime) -> None:
        """Telegram refused a message before `until`: hold the chat, and the lane when it is not about this chat alone."""
        self._held_chats[chat] = max(until, self._held_chats.get(chat, until))
        self._throttled[lane] = self._throttled.get(lane, 0) + 1
        if self._throttled[lane] >= THROTTLED_IN_A_ROW:
            self._held_lanes[lane] = max(until, self._held_lanes.get(lane, until))

    def arrived(self, lane: Lane) -> None:
        """A message went through."""
        self._throttled[lane] = 0

    def _forget(self, now: datetime) -> None:
        """Drop what no limit looks back at any more."""
        self._chats = {chat: sent for chat, sent in self._chats.items() if _counting(sent, GROUP, now)}
        self._held_chats = {chat: until for chat, until in self._held_chats.items() if until > now}


def _counting(sent: Iterable[Sent], limit: Limit, now: datetime) -> list[Sent]:
    """Those that the limit still looks back at."""
    return [one for one in sent if one.counts_from(now) + limit.span > now]


def _free(sent: Iterable[Sent], limit: Limit, now: datetime) -> datetime:
    """When the limit has room for one more."""
    over = sorted(one.counts_from(now) + limit.span for one in sent)
    return over[-limit.count] if len(over) >= limit.count else LONG_AGO
