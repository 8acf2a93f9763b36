"""The pacer on virtual time, against Telegram's limits enforced to the letter."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.rules.pacing import GROUP, PRIVATE_CHAT, REMEMBERED, Pacer
from storage.vocabulary import Lane

START = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Sending:
    """Sends as fast as the pacer allows, answers first, on a clock of its own."""

    pacer: Pacer = field(default_factory=Pacer)
    now: datetime = START
    sent: list[tuple[datetime, int, Lane]] = field(default_factory=list)

    def send(self, chat: int, lane: Lane) -> None:
        slot = self.pacer.next_slot(chat, lane, self.now)
        self.now = slot
        self.pacer.take(chat, lane, slot)
        self.sent.append((slot, chat, lane))

    def send_all(self, waiting: list[tuple[datetime, int, Lane]]) -> None:
        """Each leaves from its moment on; what may leave first goes first, an answer before a mailing."""
        left = sorted(waiting, key=lambda one: (one[0], one[2]))
        while left:
            slots = [(self.pacer.next_slot(chat, lane, max(self.now, since)), lane, chat) for since, chat, lane in left]
            earliest = min(range(len(left)), key=lambda number: (slots[number][0], slots[number][1], number))
            _, chat, lane = left.pop(earliest)
            self.now = slots[earliest][0]
            self.send(chat, lane)

    def most_within(self, span: timedelta, chat: int | None = None) -> int:
        """The most messages in any span of this length, to one chat or in all."""
        most, window = 0, deque[datetime]()
        for at, to, _ in self.sent:
            if chat is None or to == chat:
                window.append(at)
                while at - window[0] >= span:
                    window.popleft()
                most = max(most, len(window))
        return most


def test_mailing_of_2000_takes_hardly_longer_than_the_least_possible() -> None:
    sending = Sending()

    for chat in range(1, 2001):
        sending.send(chat, Lane.MAILING)

    least = timedelta(seconds=2000 / 30 - 1)  # thirty at once in each second, the last thirty at the last moment
    assert sending.most_within(SECOND) == 29
    assert (sending.now - START) / least <= 1.05


def test_answer_in_the_middle_of_a_mailing_goes_at_once() -> None:
    sending = Sending()
    for chat in range(1, 301):
        sending.send(chat, Lane.MAILING)

    slot = sending.pacer.next_slot(9001, Lane.ANSWER, sending.now)

    assert slot == sending.now


def test_five_answers_in_the_middle_of_a_mailing_wait_no_longer_than_a_fifth_of_a_second() -> None:
    sending = Sending()
    mailing = [(START, chat, Lane.MAILING) for chat in range(1, 201)]
    asked = START + timedelta(seconds=3.5)
    answers = [(asked, 9000 + number, Lane.ANSWER) for number in range(5)]

    sending.send_all([*mailing, *answers])

    answered = [at - asked for at, _, lane in sending.sent if lane is Lane.ANSWER]
    assert max(answered) <= timedelta(seconds=0.2)
    assert sending.most_within(SECOND) == 30


def test_two_mailings_may_go_at_once_to_make_up_for_lateness() -> None:
    pacer = Pacer()
    pacer.take(1, Lane.MAILING, START)

    assert pacer.next_slot(2, Lane.MAILING, START) == START
    pacer.take(2, Lane.MAILING, START)
    assert pacer.next_slot(3, Lane.MAILING, START) == START + SECOND / 29


def test_mailings_to_one_chat_are_a_second_apart() -> None:
    pacer = Pacer()
    pacer.take(1, Lane.MAILING, START)

    assert pacer.next_slot(1, Lane.MAILING, START) == START + timedelta(seconds=1.05)


def test_answers_to_one_chat_may_come_three_at_once() -> None:
    sending = Sending()

    for _ in range(4):
        sending.send(1, Lane.ANSWER)

    assert [at - START for at, _, _ in sending.sent] == [timedelta(), timedelta(), timedelta(), PRIVATE_CHAT.span]


def test_group_gets_twenty_in_a_minute() -> None:
    sending = Sending()

    for _ in range(21):
        sending.send(-5, Lane.ANSWER)

    assert [at - START for at, _, _ in sending.sent] == [timedelta()] * 20 + [GROUP.span]


def test_throttled_chat_is_left_alone_by_both_lanes_and_others_are_not() -> None:
    pacer = Pacer()
    until = START + 7 * SECOND

    pacer.throttled(1, Lane.MAILING, until)

    assert pacer.next_slot(1, Lane.MAILING, START) == until
    assert pacer.next_slot(1, Lane.ANSWER, START) == until
    assert pacer.next_slot(2, Lane.MAILING, START) == START


def test_third_throttling_in_a_row_holds_the_lane_and_not_the_other_one() -> None:
    pacer = Pacer()
    until = START + 7 * SECOND

    for chat in (1, 2, 3):
        pacer.throttled(chat, Lane.MAILING, until)

    assert pacer.next_slot(4, Lane.MAILING, START) == until
    assert pacer.next_slot(4, Lane.ANSWER, START) == START


def test_throttlings_with_a_success_between_them_hold_no_lane() -> None:
    pacer = Pacer()
    until = START + 7 * SECOND

    for chat in (1, 2, 3):
        pacer.throttled(chat, Lane.MAILING, until)
        if chat == 2:
            pacer.arrived(Lane.MAILING)

    assert pacer.next_slot(4, Lane.MAILING, START) == START


def test_shorter_throttling_does_not_end_a_longer_one() -> None:
    pacer = Pacer()
    pacer.throttled(1, Lane.MAILING, START + 7 * SECOND)

    pacer.throttled(1, Lane.MAILING, START + 2 * SECOND)

    assert pacer.next_slot(1, Lane.MAILING, START) == START + 7 * SECOND


def test_pacer_forgets_chats_that_no_limit_looks_back_at() -> None:
    pacer = Pacer()
    pacer.throttled(1, Lane.ANSWER, START + SECOND)
    for chat in range(1, REMEMBERED + 1):
        pacer.take(chat, Lane.ANSWER, START)

    pacer.take(-1, Lane.ANSWER, START + 61 * SECOND)

    assert list(pacer._chats) == [-1]  # noqa: SLF001  # memory has no other face
    assert pacer._held_chats == {}  # noqa: SLF001  # likewise


@given(
    waiting=st.lists(
        st.tuples(
            st.integers(0, 4000).map(lambda millis: START + timedelta(milliseconds=millis)),
            st.one_of(st.integers(1, 4), st.integers(5, 500), st.integers(-2, -1)),
            st.sampled_from(Lane),
        ),
        max_size=90,
    )
)
def test_limits_hold_whatever_is_sent(waiting: list[tuple[datetime, int, Lane]]) -> None:
    sending = Sending()

    sending.send_all(waiting)

    by_chat: defaultdict[int, int] = defaultdict(int)
    for _, chat, _ in waiting:
        by_chat[chat] += 1
    assert len(sending.sent) == len(waiting)
    assert sending.most_within(SECOND) <= 30
    for chat in by_chat:
        if chat < 0:
            assert sending.most_within(60 * SECOND, chat) <= 20
        else:
            assert sending.most_within(3 * SECOND, chat) <= 3
