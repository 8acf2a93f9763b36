"""What people set for themselves."""

from datetime import date, datetime
from typing import Any, Protocol

from bot.actions import audit, feeds
from bot.actions.commitments import reminding
from bot.rules.refusals import ChangedMeanwhile, NotUnderstood
from storage.db import transaction
from storage.models import Channel, Person
from storage.vocabulary import ChannelState, Network

LANGUAGES = ("de", "en")
DAY_MINUTES = 24 * 60


class Wishes(Protocol):
    """What a form of settings says; `version` is that of the row when it was shown."""

    @property
    def language(self) -> str: ...  # noqa: D102
    @property
    def quiet_from(self) -> int: ...  # noqa: D102
    @property
    def quiet_until(self) -> int: ...  # noqa: D102
    @property
    def absent_from(self) -> date | None: ...  # noqa: D102
    @property
    def absent_until(self) -> date | None: ...  # noqa: D102
    @property
    def preferred(self) -> Network | None: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102


async def change(*, by: Person, preferences: Wishes, now: datetime) -> None:
    """Write a whole form. Raises ChangedMeanwhile when somebody else did since it was shown."""
    async with transaction():
        await _write(
            by,
            preferences.version,
            now,
            language=preferences.language,
            quiet_from=preferences.quiet_from,
            quiet_until=preferences.quiet_until,
            absent_from=preferences.absent_from,
            absent_until=preferences.absent_until,
        )
        if preferences.preferred is not None:
            await prefer(by=by, network=preferences.preferred)


async def speak(*, by: Person, language: str, now: datetime) -> None:
    """Change the language. Raises NotUnderstood for one that Faden does not speak."""
    if language not in LANGUAGES:
        raise NotUnderstood(step=None)
    await _write(by, by.version, now, language=language)


async def rest(*, by: Person, quiet_from: int, quiet_until: int, now: datetime) -> None:
    """Change the quiet hours: minutes after local midnight. Raises NotUnderstood."""
    if not (0 <= quiet_from < DAY_MINUTES and 0 <= quiet_until < DAY_MINUTES):
        raise NotUnderstood(step=None)
    await _write(by, by.version, now, quiet_from=quiet_from, quiet_until=quiet_until)


async def prefer(*, by: Person, network: Network) -> None:
    """Choose the channel that is tried first, among those that are linked."""
    async with transaction():
        if await Channel.exists(person_id=by.id, network=network, state=ChannelState.ACTIVE):
            await Channel.filter(person_id=by.id).update(preferred=False)
            await Channel.filter(person_id=by.id, network=network, state=ChannelState.ACTIVE).update(preferred=True)


async def _write(by: Person, version: int, now: datetime, **values: Any) -> None:  # noqa: ANN401  # columns of every type
    async with transaction():
        if not await Person.filter(id=by.id, version=version).update(**values, version=version + 1):
            raise ChangedMeanwhile
        await audit.record(by, "person.preferences", f"person:{by.id}", now=now)
        await feeds.touch([by.id])
        await reminding.look_again()
    by.update_from_dict({**values, "version": version + 1})
