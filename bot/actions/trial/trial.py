"""The trial's own: its clock can be moved, and remembers that over a restart; and whether its town is there yet."""

from datetime import datetime, timedelta

from bot.rules.refusals import Refusal
from storage.db import transaction
from storage.models import Meeting, Remembered

_KEY = "clock"
YEARS = range(2000, 2100)  # near the ends of all time nothing can be reckoned with any more


class NoSuchTrialTime(Refusal):
    """A time that the trial's clock cannot show."""


async def clock_offset() -> timedelta:
    """How far the trial's clock is ahead of the machine's."""
    remembered = await Remembered.get_or_none(key=_KEY)
    return timedelta(seconds=float(str(remembered.value))) if remembered else timedelta()


async def move_clock(*, to: datetime | None, machine_now: datetime) -> timedelta:
    """Set the trial's clock, to the machine's time without `to`; gives how far it is ahead, negative when it is behind.

    Raises NoSuchTrialTime.
    """
    if to is not None and to.year not in YEARS:
        raise NoSuchTrialTime
    offset = to - machine_now if to is not None else timedelta()
    async with transaction():
        await Remembered.update_or_create(key=_KEY, defaults={"value": offset.total_seconds()})
    return offset


async def is_lived_in() -> bool:
    """Whether somebody meets here already, so that nothing of the sample is wanted."""
    return await Meeting.exists()
