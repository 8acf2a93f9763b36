from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest

from bot.actions.accounts import onboarding
from bot.actions.meetings import invitations, moving, reaching
from bot.actions.meetings.meetings import MeetingOver
from bot.rules.refusals import NotAllowed, NotFoundHere
from storage.models import Attendance, AuditEvent, Channel, Notice
from storage.models import Person as Somebody
from storage.vocabulary import Answer, ChannelState, MeetingFormat, Network, NoticeState
from tests.actions import cast
from tests.actions.cast import LAND, OUTSIDERS, Town, untyped
from tests.actions.gathering import (
    DAY,
    HOUR,
    MAIL,
    MINUTE,
    TUESDAY,
    invited,
    moved,
    scheduled,
    to_be_told,
    utc,
    waiting,
)
from tests.actions.invented import a_body, a_person, a_seat
from tests.conftest import Counted

DEAD, UNCERTAIN = NoticeState.DEAD, NoticeState.UNCERTAIN


async def came_to(person: Somebody, state: NoticeState, **which: object) -> None:
    """What became of the latest that waits for somebody."""
    await Notice.filter(person_id=person.id, state=NoticeState.WAITING, **which).update(state=state)


async def marks(town: Town, meeting: int, now: datetime) -> dict[str, list[str]]:
    """Who carries which mark under the answers."""
    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)
    names = ("unreached", "uncertain", "mail_refused")
    marked = {str(entry["name"]): [name for name in names if entry[name]] for entry in facts["people"]}
    return {name: found for name, found in marked.items() if found}


# --- before it leaves ---------------------------------------------------------------------------------------------------


async def linked(person: Somebody, network: Network, now: datetime, state: ChannelState = ChannelState.ACTIVE) -> None:
    await Channel.create(person=person, network=network, address=str(person.id), state=state, linked_at=now)


async def test_whom_an_invitation_will_not_reach_is_said_before_and_after(town: Town, now: datetime) -> None:
    for person in (town.anna, town.dora):
        await linked(person, Network.WEBCHAT, now)
    await linked(town.gesa, Network.TELEGRAM, now, ChannelState.BLOCKED)
    meeting = await scheduled(town, now)

    wanted: dict[str, Any] = {"by": town.anna, "meeting": meeting, "land": LAND, "now": now}
    with_mail = await invitations.notice_check(**wanted, mails=True)
    without = await invitations.notice_check(**wanted, mails=False)
    said = await invitations.invite(**wanted, mails=True)

    assert [person["name"] for person in with_mail["unreachable"]] == ["Carla Cramer", "Gesa Güler"]
    assert [person["name"] for person in without["unreachable"]] == [
        "Carla Cramer", "Gesa Güler", "Ada Öhler", "Ben Özdemir",
    ]  # fmt: skip
    assert said["unreachable"] == with_mail["unreachable"]
    assert list(untyped(said)) == []


async def test_administration_sees_why_nothing_reaches_somebody(town: Town, now: datetime) -> None:
    town.nora.administrator = True
    await linked(town.anna, Network.WEBCHAT, now)
    await linked(town.gesa, Network.TELEGRAM, now, ChannelState.BLOCKED)
    await linked(town.dora, Network.TELEGRAM, now)
    await Somebody.filter(id=town.dora.id).update(level=0)
    await invited(town, now)
    await Notice.filter(person_id=town.ben.id, kind=MAIL).update(state=DEAD, error="refused 550")

    shown: dict[str, Any] = {"by": town.nora, "body": town.tk.id, "now": now}
    with_mail = await onboarding.body(**shown, mails=True)
    without = await onboarding.body(**shown, mails=False)

    known = {"Carla Cramer": "no_address", "Dora Dietz": "level", "Gesa Güler": "blocked"}
    assert {str(person["name"]): person["hindrance"] for person in with_mail["people"]} == {
        **known, "Anna Arendt": None, "Ada Öhler": None, "Ben Özdemir": "refused",
    }  # fmt: skip
    assert {str(person["name"]): person["hindrance"] for person in without["people"]} == {
        **known, "Anna Arendt": None, "Ada Öhler": "no_mail_server", "Ben Özdemir": "no_mail_server",
    }  # fmt: skip


async def test_address_that_takes_mail_again_is_no_hindrance(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Notice.filter(person_id=town.ben.id, kind=MAIL).update(state=DEAD, error="refused 550")
    before = await reaching.refused([town.ben, town.ada])
    await moved(town, meeting, now)
    await cast.all_sent()

    assert (before, await reaching.refused([town.ben, town.ada])) == ({town.ben.id}, set())


async def test_level_of_the_organisation_keeps_telegram_from_somebody(town: Town, now: datetime) -> None:
    await linked(town.carla, Network.TELEGRAM, now)
    meeting = await scheduled(town, now)
    town.diakonie.level = 0
    await town.diakonie.save()

    check = await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert "Carla Cramer" in [str(person["name"]) for person in check["unreachable"]]


# --- afterwards ---------------------------------------------------------------------------------------------------------


async def test_who_got_the_invitation_and_missed_the_move_is_marked(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    on_its_way = await marks(town, meeting, now)
    await came_to(town.ben, DEAD)
    await came_to(town.carla, UNCERTAIN)
    await came_to(town.ada, DEAD, kind=MAIL)
    await cast.all_sent()

    assert on_its_way == {}
    assert await marks(town, meeting, now) == {
        "Ben Özdemir": ["unreached"],
        "Carla Cramer": ["uncertain"],
        "Ada Öhler": ["mail_refused"],
    }
    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)
    assert facts["missed"] == 2


async def test_who_missed_the_cancellation_is_marked(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.carla, meeting=meeting, answer=Answer.ACCEPTED, now=now)
    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    await came_to(town.carla, UNCERTAIN)
    await cast.all_sent()

    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)

    assert await marks(town, meeting, now) == {"Carla Cramer": ["uncertain"]}
    assert (facts["missed"], facts["newcomers"], facts["may_answer"]) == (1, 0, False)


async def test_answer_from_before_the_change_does_not_say_that_somebody_knows_it(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + MINUTE)
    await invitations.answer(by=town.gesa, meeting=meeting, answer=Answer.DECLINED, now=now + MINUTE)
    elsewhere: dict[str, Any] = {"form": MeetingFormat.PRESENCE, "place": "Bauhof", "join_link": None}
    await moving.relocate(by=town.anna, meeting=meeting, now=now + HOUR, **elsewhere)
    for person in (town.ben, town.gesa, town.carla):
        await came_to(person, DEAD)
    await cast.all_sent()
    await invitations.answer(by=town.gesa, meeting=meeting, answer=Answer.ACCEPTED, now=now + HOUR + MINUTE)

    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now + 2 * HOUR)
    again = await reaching.again(by=town.anna, meeting=meeting, now=now + 2 * HOUR)

    assert (facts["missed"], again["people"]) == (2, 2)
    assert sorted(await to_be_told()) == [
        ("meetings/moved", "Ben"),
        ("meetings/moved", "Ben"),
        ("meetings/moved", "Carla"),
    ]


async def a_released_deputy(town: Town, now: datetime) -> int:
    """Vera was named for Ben, whose mind has changed; she has heard of the first, not of the second."""
    town.vera.mail = "vera@lindental.example"
    await town.vera.save()
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await Somebody.filter(id=town.vera.id).update(mail="new@lindental.example")
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + MINUTE)
    await came_to(town.vera, DEAD)
    return meeting


async def released(town: Town, meeting: int, now: datetime) -> list[tuple[str, bool]]:
    """Who is listed as a deputy that may still come, and whether the word did not reach them."""
    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)
    assert facts["missed"] == len(facts["released"])
    assert list(untyped(facts)) == []
    return [(str(entry["name"]), entry["unreached"]) for entry in facts["released"]]


async def test_deputy_who_may_still_come_is_listed_until_they_know_better(town: Town, now: datetime) -> None:
    meeting = await a_released_deputy(town, now)

    before = await released(town, meeting, now + HOUR)
    facts = await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)
    on_its_way = await released(town, meeting, now + HOUR)
    told = await to_be_told()
    mail = await cast.facts_for("meetings/deputy_released", town.vera, MAIL)
    bodies = {row.body_id for row in await waiting()}
    await cast.all_sent()

    assert (before, on_its_way, await released(town, meeting, now + HOUR)) == ([("Vera Vogt", True)], [], [])
    assert (facts["people"], told) == (1, [("meetings/deputy_released", "Vera")] * 2)
    assert (mail["calendar"]["method"], mail["calendar"]["uninvite"]) == ("CANCEL", True)
    assert (mail["calendar"]["to"], bodies) == ("vera@lindental.example", {None})


async def test_deputy_who_may_still_come_is_told_so_when_the_meeting_is_off(town: Town, now: datetime) -> None:
    meeting = await a_released_deputy(town, now)
    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now + HOUR)
    await cast.all_sent()

    facts = await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    assert (facts["people"], await to_be_told()) == (1, [("meetings/deputy_released", "Vera")] * 2)


async def test_deputy_who_may_still_come_is_told_so_after_a_month(town: Town, now: datetime) -> None:
    meeting = await a_released_deputy(town, now)
    await Notice.filter(person_id=town.vera.id).update(facts={})  # tidied

    await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    mail = await cast.facts_for("meetings/deputy_released", town.vera, MAIL)
    assert (await to_be_told(), mail["calendar"]["to"]) == (
        [("meetings/deputy_released", "Vera")] * 2,
        "new@lindental.example",
    )


async def test_deputy_without_a_calendar_entry_gets_no_mail_to_take_it_away(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + MINUTE)
    await came_to(town.vera, UNCERTAIN)
    await Somebody.filter(id=town.vera.id).update(mail="new@lindental.example")

    await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    assert await to_be_told() == [("meetings/deputy_released", "Vera")]


async def test_released_deputies_who_left_or_were_invited_since_are_not_listed(town: Town, now: datetime) -> None:
    meeting = await a_released_deputy(town, now)

    await Somebody.filter(id=town.vera.id).update(left_at=now)
    left = await released(town, meeting, now + HOUR)
    await Somebody.filter(id=town.vera.id).update(left_at=None)
    await a_seat(town.vera, town.tk)
    await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now + HOUR)
    await cast.all_sent()

    assert (left, await released(town, meeting, now + HOUR)) == ([], [])


# --- once more ----------------------------------------------------------------------------------------------------------


async def test_again_tells_once_more_those_who_may_not_know_and_nobody_twice(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    before = await Notice.filter(person_id=town.carla.id).get()
    for person in (town.carla, town.ben, town.dora):
        await Notice.filter(person_id=person.id).update(state=UNCERTAIN)
    await invitations.answer(by=town.dora, meeting=meeting, answer=Answer.ACCEPTED, now=now + MINUTE)

    facts = await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)
    told = await to_be_told()
    twice = await reaching.again(by=town.ada, meeting=meeting, now=now + HOUR)

    assert (facts["people"], twice["people"]) == (2, 0)
    assert sorted(told) == [
        ("meetings/invitation", "Ben"),
        ("meetings/invitation", "Ben"),
        ("meetings/invitation", "Carla"),
    ]
    assert await to_be_told() == told
    row = await Notice.filter(person_id=town.carla.id).order_by("-id").first()
    assert row is not None
    assert (row.key, row.due_at, row.body_id) == (f"{before.key}:again:{before.id}", now + HOUR, town.tk.id)
    ben = await cast.facts_for("meetings/invitation", town.ben, MAIL)
    assert (ben["calendar"]["sequence"], ben["calendar"]["stamp"]) == (0, now)
    assert await marks(town, meeting, now) == {"Dora Dietz": ["uncertain"]}
    audited = await AuditEvent.filter(what="meeting.told_again").get()
    assert audited.facts == {"people": sorted([town.ben.id, town.carla.id])}
    assert list(untyped(facts)) == []


async def test_again_sends_the_change_as_each_knows_it(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    for person in (town.carla, town.ben):
        await came_to(person, UNCERTAIN)
    await cast.all_sent()

    await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    told = await cast.facts_for("meetings/moved", town.carla)
    assert sorted(await to_be_told()) == [
        ("meetings/moved", "Ben"),
        ("meetings/moved", "Ben"),
        ("meetings/moved", "Carla"),
    ]
    assert (told["was"]["starts"], told["meeting"]["starts"], told["anew"]) == (utc(TUESDAY), utc(TUESDAY) + DAY, True)


async def test_again_after_a_month_invites_to_what_was_moved(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await moved(town, meeting, now)
    await came_to(town.carla, UNCERTAIN)
    await cast.all_sent()
    await Notice.filter(person_id=town.carla.id).update(facts={})  # tidied

    await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    assert sorted(await to_be_told()) == [("meetings/invitation", "Carla")]


async def test_again_tells_a_deputy_whom_they_stand_in_for(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await came_to(town.vera, UNCERTAIN)
    await Notice.filter(person_id=town.vera.id).update(facts={})  # tidied

    await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    assert sorted(await to_be_told()) == [("meetings/invitation_as_deputy", "Vera")]
    assert (await cast.facts_for("meetings/invitation_as_deputy", town.vera))["instead_of"] == "Ben Özdemir"


async def test_again_tells_of_the_cancellation_whoever_heard_of_the_meeting(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Notice.filter(person_id=town.dora.id).update(state=DEAD)  # never heard of it
    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    for person in (town.carla, town.ben):
        await came_to(person, UNCERTAIN)
    await cast.all_sent()

    facts = await reaching.again(by=town.anna, meeting=meeting, now=now + HOUR)

    assert facts["people"] == 2
    assert sorted(await to_be_told()) == [
        ("meetings/cancelled", "Ben"),
        ("meetings/cancelled", "Ben"),
        ("meetings/cancelled", "Carla"),
    ]
    assert (await cast.facts_for("meetings/cancelled", town.ben, MAIL))["calendar"]["method"] == "CANCEL"


async def test_again_is_refused_to_all_but_leading_seats_and_when_it_is_over(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    planned = await scheduled(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await reaching.again(by=town.person(name), meeting=meeting, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotFoundHere):
            await reaching.again(by=town.person(name), meeting=meeting, now=now)
    for wrong, at in ((meeting, utc(TUESDAY) + DAY), (planned, now)):
        with pytest.raises(MeetingOver):
            await reaching.again(by=town.anna, meeting=wrong, now=at)


async def test_answers_of_a_large_body_cost_no_more_than_of_a_small_one(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    costs = []
    for size in (1, 3):
        meeting = await invited(town, now)
        body = await a_body(f"AG{size}", "Arbeitsgruppe")
        for number in range(size):
            person = await a_person(f"Mit{size}{number} Glied", mail=f"m{size}{number}@x.example")
            await a_seat(person, body)
            await Attendance.create(meeting_id=meeting, person=person, invited_at=now)
        with statements() as counted:
            await invitations.answers(by=town.anna, meeting=meeting, now=now)
        costs.append(len(counted.statements))

    assert costs[0] == costs[1]
