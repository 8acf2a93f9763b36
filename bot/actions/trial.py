"""The trial's own: its clock can be moved, and remembers that over a restart; and whether its town is there yet."""

from datetime import timedelta

from storage.db import transaction
from storage.models import Meeting, Remembered

_KEY = "clock"


async def clock_offset() -> timedelta:
    """How far the trial's clock is ahead of the machine's."""
    remembered = await Remembered.get_or_none(key=_KEY)
    return timedelta(seconds=float(str(remembered.value))) if remembered else timedelta()


async def move_clock(offset: timedelta) -> None:
    """Set how far the trial's clock is ahead of the machine's; negative when it is behind."""
    async with transaction():
        await Remembered.update_or_create(key=_KEY, defaults={"value": offset.total_seconds()})


async def is_lived_in() -> bool:
    """Whether somebody meets here already, so that nothing of the sample is wanted."""
    return await Meeting.exists()
