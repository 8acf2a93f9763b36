"""The timer door: one list, how often and which action. The database knows what is due; the timer only says "look again"."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.actions import dialogues, feeds
from bot.actions.commitments import reminding
from bot.actions.meetings import meetings
from bot.actions.people import leaving
from storage import bells, erasing
from storage.db import unit_of_work

log = structlog.get_logger(__name__)

Now = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Every so many seconds, look again. `action` gets the domain's time, and gives whether there is something to send.

    One that awaits the network, which it must not inside of a unit of work, or that has more to do than such a unit has time
    for, opens its units of work itself (`own_work`).
    """

    name: str
    seconds: int
    action: Callable[[datetime], Awaitable[object]]
    own_work: bool = False


def ticks(land: str) -> tuple[Tick, ...]:
    """The list, for a town whose Land decides about holidays; docs/architecture.md says what each costs."""
    return (
        Tick(name="meetings held", seconds=60, action=lambda now: meetings.held(now=now)),
        Tick(name="called off", seconds=3600, action=lambda now: meetings.called_off_over(now=now)),
        Tick(name="seats over", seconds=600, action=lambda now: leaving.seats_over(now=now), own_work=True),
        Tick(name="check-ins", seconds=60, action=lambda now: reminding.check_ins(now=now, land=land), own_work=True),
        Tick(name="overdue", seconds=60, action=lambda now: reminding.overdue(now=now, land=land), own_work=True),
        Tick(name="dialogues", seconds=3600, action=lambda now: dialogues.expire(now=now)),
        Tick(name="erased", seconds=60, action=lambda _now: _empty_log(), own_work=True),
        Tick(name="feed horizon", seconds=3600, action=lambda now: feeds.new_day(now=now)),
    )


async def _empty_log() -> None:
    await erasing.empty_log()


async def when_rung(bell: str, action: Callable[[], Awaitable[object]]) -> object:
    """What `action` gives, when the bell was rung since the last time; one that fails is tried again."""
    if not bells.rung(bell):
        return None
    try:
        return await action()
    except BaseException:
        bells.ring(bell)
        raise


async def look(tick: Tick, domain_now: Now, wake: Callable[[], None]) -> None:
    """One look, and a call for the post when it gives that it has done something.

    A failure is logged and the next look comes all the same.
    """
    try:
        if tick.own_work:
            done = await tick.action(domain_now())
        else:
            done = await unit_of_work(lambda: tick.action(domain_now()))
    except Exception:
        log.exception("tick failed", tick=tick.name)
        done = True  # a part of it may be kept
    if done:
        wake()


def scheduler(listed: tuple[Tick, ...], *, domain_now: Now, wake: Callable[[], None]) -> AsyncIOScheduler:
    """The timer, not started. A look that is missed is made up for by the next one."""
    made = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for tick in listed:
        made.add_job(look, IntervalTrigger(seconds=tick.seconds), args=(tick, domain_now, wake), id=tick.name)
    return made
