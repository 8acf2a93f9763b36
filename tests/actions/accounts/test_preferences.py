from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest

from bot.actions import looks
from bot.actions.accounts import preferences
from bot.actions.commitments import reminding
from bot.actions.looks import Look
from bot.rules.refusals import ChangedMeanwhile, NotUnderstood
from storage.models import AuditEvent, Channel, FeedCache, Person
from storage.vocabulary import ChannelState, Network
from tests.actions.cast import Town

WEB, TELEGRAM = Network.WEBCHAT, Network.TELEGRAM


@dataclass(frozen=True)
class Form:
    """What somebody filled in."""

    language: str = "en"
    quiet_from: int = 20 * 60
    quiet_until: int = 6 * 60
    absent_from: date | None = date(2026, 12, 21)
    absent_until: date | None = date(2027, 1, 3)
    preferred: Network | None = None
    version: int = 1


async def linked(person: Person, now: datetime, **states: ChannelState) -> None:
    for network, state in states.items():
        await Channel.create(
            person=person, network=Network(network), address=f"{person.id}", state=state, linked_at=now
        )


async def preferred(person: Person) -> list[str]:
    return [channel.network.value for channel in await Channel.filter(person_id=person.id, preferred=True)]


async def test_change_writes_the_whole_form(town: Town, now: datetime) -> None:
    await linked(town.ben, now, webchat=ChannelState.ACTIVE)

    await preferences.change(by=town.ben, preferences=Form(preferred=WEB), now=now)

    ben = await Person.get(id=town.ben.id)
    assert (ben.language, ben.quiet_from, ben.quiet_until) == ("en", 1200, 360)
    assert (ben.absent_from, ben.absent_until) == (date(2026, 12, 21), date(2027, 1, 3))
    assert await preferred(town.ben) == ["webchat"]


async def test_change_is_seen_by_the_feed_and_by_the_clock(town: Town, now: datetime) -> None:
    for person in (town.ada, town.ben):
        await FeedCache.create(person=person, stale=False)
    for name in (reminding.CHECK_INS, reminding.OVERDUE):
        await looks.done(Look(name=name), now=now, again=now + timedelta(hours=1))

    await preferences.change(by=town.ben, preferences=Form(), now=now)

    assert [cached.person_id for cached in await FeedCache.filter(stale=True)] == [town.ben.id]
    assert await looks.due(reminding.CHECK_INS, now=now)
    assert await looks.due(reminding.OVERDUE, now=now)


async def test_change_leaves_everybody_else_alone(town: Town, now: datetime) -> None:
    await preferences.change(by=town.ben, preferences=Form(), now=now)

    assert [person.given_name for person in await Person.filter(language="en")] == ["Ben"]


async def test_change_of_a_form_that_is_out_of_date_is_refused(town: Town, now: datetime) -> None:
    await preferences.change(by=town.ben, preferences=Form(), now=now)

    with pytest.raises(ChangedMeanwhile):
        await preferences.change(by=town.ben, preferences=Form(language="de"), now=now)

    assert (await Person.get(id=town.ben.id)).language == "en"


async def test_change_can_be_made_again_from_the_new_form(town: Town, now: datetime) -> None:
    await preferences.change(by=town.ben, preferences=Form(), now=now)

    await preferences.change(by=town.ben, preferences=replace(Form(), language="de", version=2), now=now)

    ben = await Person.get(id=town.ben.id)
    assert (ben.language, ben.version, town.ben.version) == ("de", 3, 3)


async def test_speak_changes_the_language(town: Town, now: datetime) -> None:
    await preferences.speak(by=town.ben, language="en", now=now)

    assert ((await Person.get(id=town.ben.id)).language, town.ben.language) == ("en", "en")


@pytest.mark.parametrize("language", ["fr", "", "DE"])
async def test_speak_refuses_a_language_that_faden_has_not(town: Town, now: datetime, language: str) -> None:
    with pytest.raises(NotUnderstood):
        await preferences.speak(by=town.ben, language=language, now=now)


async def test_speak_twice_in_a_row_works(town: Town, now: datetime) -> None:
    await preferences.speak(by=town.ben, language="en", now=now)
    await preferences.speak(by=town.ben, language="de", now=now)

    assert (await Person.get(id=town.ben.id)).language == "de"


@pytest.mark.parametrize(("since", "until"), [(0, 1439), (1439, 0), (600, 600)])
async def test_rest_takes_any_minute_of_the_day(town: Town, now: datetime, since: int, until: int) -> None:
    await preferences.rest(by=town.ben, quiet_from=since, quiet_until=until, now=now)

    ben = await Person.get(id=town.ben.id)
    assert (ben.quiet_from, ben.quiet_until) == (since, until)


@pytest.mark.parametrize(("since", "until"), [(-1, 60), (60, -1), (1440, 60), (60, 1440)])
async def test_rest_refuses_what_is_no_minute_of_the_day(town: Town, now: datetime, since: int, until: int) -> None:
    with pytest.raises(NotUnderstood):
        await preferences.rest(by=town.ben, quiet_from=since, quiet_until=until, now=now)

    assert (await Person.get(id=town.ben.id)).quiet_from == 19 * 60


async def test_prefer_chooses_one_channel(town: Town, now: datetime) -> None:
    await linked(town.ben, now, webchat=ChannelState.ACTIVE, telegram=ChannelState.ACTIVE)
    await linked(town.carla, now, webchat=ChannelState.ACTIVE)
    await preferences.prefer(by=town.carla, network=WEB)

    await preferences.prefer(by=town.ben, network=WEB)
    await preferences.prefer(by=town.ben, network=TELEGRAM)

    assert (await preferred(town.ben), await preferred(town.carla)) == (["telegram"], ["webchat"])


@pytest.mark.parametrize("state", [ChannelState.BLOCKED, ChannelState.UNLINKED])
async def test_prefer_leaves_things_as_they_are_when_the_channel_does_not_work(
    town: Town, now: datetime, state: ChannelState
) -> None:
    await linked(town.ben, now, webchat=ChannelState.ACTIVE, telegram=state)
    await preferences.prefer(by=town.ben, network=WEB)

    await preferences.prefer(by=town.ben, network=TELEGRAM)
    await preferences.prefer(by=town.ben, network=Network.MAIL)

    assert await preferred(town.ben) == ["webchat"]


async def test_every_change_is_on_record_without_content(town: Town, now: datetime) -> None:
    await preferences.speak(by=town.ben, language="en", now=now)

    event = await AuditEvent.get()
    assert (event.what, event.about, event.facts) == ("person.preferences", f"person:{town.ben.id}", {})
