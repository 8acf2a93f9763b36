"""A mailing of 2,000 against Telegram's limits, the pure pacer on virtual time, with button presses in between."""

from datetime import UTC, datetime, timedelta

from bot.rules.pacing import Pacer
from storage.vocabulary import Lane
from tests.bench.measure import Figure

NOTICES = 2000
PER_SECOND = 30
PRESS_EVERY = timedelta(seconds=0.7)
BEGAN = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


async def bench() -> list[Figure]:
    """Everybody gets one notice; somebody presses a button every 0.7 seconds."""
    minimum = (NOTICES - PER_SECOND) / PER_SECOND
    alone, _, _ = _run(presses=False)
    _, answered_after, busiest = _run(presses=True)
    return [
        Figure(
            name="mailing of 2,000 / theoretical minimum", value=alone / minimum, bar=1.10, aim=1.05, at_least=False
        ),
        Figure(name="longest wait of an answer meanwhile", value=answered_after, bar=0.2, at_least=False, unit=" s"),
        Figure(name="most messages in any second", value=busiest, bar=PER_SECOND, at_least=False),
    ]


def _run(*, presses: bool) -> tuple[float, float, int]:
    """Seconds until all are sent, the longest wait of an answer, the most messages in any second."""
    pacer, now, sent, worst = Pacer(), BEGAN, list[datetime](), timedelta()
    next_press, pressed = BEGAN + PRESS_EVERY, 0
    for chat in range(1, NOTICES + 1):
        slot = pacer.next_slot(chat, Lane.MAILING, now)
        while presses and next_press <= slot:
            answer_slot = pacer.next_slot(100_000 + pressed, Lane.ANSWER, next_press)
            pacer.take(100_000 + pressed, Lane.ANSWER, answer_slot)
            sent.append(answer_slot)
            worst = max(worst, answer_slot - next_press)
            now, next_press, pressed = max(now, answer_slot), next_press + PRESS_EVERY, pressed + 1
            slot = pacer.next_slot(chat, Lane.MAILING, now)
        pacer.take(chat, Lane.MAILING, slot)
        sent.append(slot)
        now = slot
    sent.sort()
    second = timedelta(seconds=1)
    busiest = max(
        sum(1 for other in sent[index : index + 40] if other - first < second) for index, first in enumerate(sent)
    )
    return (now - BEGAN).total_seconds(), worst.total_seconds(), busiest
