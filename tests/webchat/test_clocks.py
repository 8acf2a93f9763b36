"""In a trial people live by another time than the machine: their messages carry it, and nothing else of the network does."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bot import config
from bot.app import Faden, assemble
from bot.webchat import people, rooms, updates
from bot.webchat.objects import User
from storage.models import Notice, Person
from storage.models.webchat import WebchatMessage, WebchatUpdate
from storage.vocabulary import Network
from tests import telegram_client
from tests.webchat.conftest import Clock

AHEAD = timedelta(days=7)


@pytest.fixture
async def trial(store: str, clock: Clock) -> AsyncIterator[Faden]:
    """A trial whose clock is a week ahead of the machine's; nobody takes updates in."""
    settings = config.load(None, {"FADEN_DATABASE__URL": store}, trial=True)
    faden = await assemble(settings, key=b"k" * 32, domain_now=lambda: clock() + AHEAD, machine_now=clock)
    for delivery in faden.deliveries.values():
        await delivery.stop()
    yield faden
    await faden.stop()


@pytest.fixture
async def mara(trial: Faden) -> User:
    """Mara Neuner of the trial's town, in her chat."""
    person = await Person.create(key="neuner", given_name="Mara", family_name="Neuner", mail="neuner@example.org")
    await rooms.enter(trial.deliveries[Network.WEBCHAT].server, person, datetime.fromisoformat("2026-11-25").date())
    return rooms.user_of(person)


async def test_messages_of_a_trial_carry_its_time(trial: Faden, mara: User, now: datetime) -> None:
    server, bot = trial.deliveries[Network.WEBCHAT].server, trial.desks[Network.WEBCHAT].bot

    written = await people.writes(server, mara, mara.id, "Hallo")
    sent = await bot.send_message(mara.id, "Hallo Mara")
    await telegram_client.edits(server, mara, mara.id, written, "Guten Tag")
    await bot.edit_message_text("Guten Tag Mara", mara.id, sent.message_id)

    dates = await WebchatMessage.all().order_by("id").values_list("sent_at", "edited_at")
    assert dates == [(now + AHEAD, now + AHEAD)] * 2
    assert sent.date == now + AHEAD


async def test_network_of_a_trial_keeps_its_work_by_the_machines_time(
    trial: Faden, mara: User, clock: Clock, now: datetime
) -> None:
    server = trial.deliveries[Network.WEBCHAT].server
    await people.writes(server, mara, mara.id, "Hallo")

    queued = await WebchatUpdate.all().values_list("queued_at", flat=True)
    clock.passes(hours=23)

    assert set(queued) == {now}
    assert len(await updates.waiting_updates(server, 10)) == 1


async def test_unread_message_of_a_trial_brings_a_mail_by_its_time(trial: Faden, mara: User, now: datetime) -> None:
    await trial.desks[Network.WEBCHAT].bot.send_message(mara.id, "Hallo Mara")
    (tick,) = [job for job in trial.timer.get_jobs() if job.id == "unread"]

    mails = []
    for minutes in (14, 15):
        await tick.args[0].action(now + AHEAD + timedelta(minutes=minutes))
        mails.append(await Notice.filter(template="general/unread").count())

    assert mails == [0, 1]
