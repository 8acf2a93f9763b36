from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions.accounts import joining, onboarding, sessions
from bot.rules import facts as typed
from bot.rules.facts import Facts, OneTimeLink, PersonName
from bot.rules.refusals import NotFoundHere
from storage.models import AuditEvent, Channel, Membership, Notice, Person
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, NoticeState, Role
from tests.actions.cast import Town, untyped
from tests.actions.invented import a_body, a_person, a_seat
from tests.conftest import Counted

TELEGRAM, WEBCHAT = Network.TELEGRAM, Network.WEBCHAT


async def invited(by: Person, person: Person, now: datetime, **more: Any) -> Facts:  # noqa: ANN401  # what `invite` takes
    return await joining.invite(
        **{"by": by, "person": person.id, "mails": True, "now": now, "machine_now": now, **more}
    )


async def has_read(person: Person, now: datetime) -> None:
    """The person came long ago."""
    await Person.filter(id=person.id).update(privacy_read_at=now - timedelta(days=300))


async def on_telegram(person: Person, now: datetime, state: ChannelState = ChannelState.ACTIVE) -> None:
    await Channel.create(person=person, network=TELEGRAM, address="60000", state=state, linked_at=now)


async def audited() -> list[tuple[str, str, dict[str, object]]]:
    return [(event.what, event.about, event.facts) for event in await AuditEvent.all().order_by("id")]


# --- who has never been here ------------------------------------------------------------------------------------------


async def test_invite_sends_the_link_by_mail_and_to_the_lead(town: Town, now: datetime) -> None:
    facts = await invited(town.anna, town.ben, now)

    assert facts == {
        "level": 2,
        "name": PersonName("Ben Özdemir"),
        "joined": False,
        "by_mail": True,
        "by_chat": False,
        "handed_on": True,
        "link": OneTimeLink("invitation", town.ben.id, telegram=True),
    }
    (mail,) = await Notice.all()
    assert (mail.template, mail.kind, mail.lane, mail.person_id) == (
        "accounts/join",
        NoticeKind.MAIL,
        Lane.ANSWER,
        town.ben.id,
    )
    assert typed.decode(mail.facts) == {"link": OneTimeLink("invitation", telegram=True)}
    assert await audited() == [("person.invited", f"person:{town.ben.id}", {"joined": False, "handed_on": True})]


@pytest.mark.parametrize(("name", "mails"), [("carla", True), ("ben", False)])
async def test_invite_without_an_address_or_a_mail_server_gives_the_link_only(
    town: Town,
    now: datetime,
    name: str,
    mails: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    facts = await invited(town.anna, town.person(name), now, mails=mails)

    assert (facts["by_mail"], facts["link"]) == (
        False,
        OneTimeLink("invitation", town.person(name).id, telegram=True),
    )
    assert await Notice.all().count() == 0


async def test_invite_twice_in_a_minute_sends_one_mail(town: Town, now: datetime) -> None:
    for seconds in (0, 20, 60):
        await invited(town.anna, town.ben, now + timedelta(seconds=seconds))

    assert await Notice.filter(template="accounts/join").count() == 2


@pytest.mark.parametrize(
    ("by", "person"),
    [
        pytest.param("ben", "carla", id="by a member"),
        pytest.param("emil", "ben", id="by the lead of another body"),
        pytest.param("anna", "frida", id="of somebody whose seat has ended"),
        pytest.param("anna", "lars", id="of somebody who left"),
        pytest.param("anna", "nora", id="of somebody without a seat"),
    ],
)
async def test_invite_is_refused(town: Town, now: datetime, by: str, person: str) -> None:
    with pytest.raises(NotFoundHere):
        await invited(town.person(by), town.person(person), now)


async def test_invite_before_the_seat_begins(town: Town, now: datetime) -> None:
    await Membership.create(body=town.tk, person=town.nora, role="member", begins_on=now.date() + timedelta(days=7))

    facts = await invited(town.anna, town.nora, now)

    assert facts["name"] == PersonName("Nora Niemand")


@pytest.mark.parametrize(("level", "telegram"), [(0, False), (1, True)])
async def test_invitation_leads_to_telegram_where_anything_may_go_there(
    town: Town,
    now: datetime,
    level: int,
    telegram: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    await Person.filter(id=town.ben.id).update(level=level)

    facts = await invited(town.anna, town.ben, now)

    (mail,) = await Notice.all()
    assert (facts["link"].telegram, typed.decode(mail.facts)["link"].telegram) == (telegram, telegram)


# --- who has been here ------------------------------------------------------------------------------------------------


async def test_lead_gets_no_link_into_the_account_of_somebody_who_has_joined(town: Town, now: datetime) -> None:
    await has_read(town.ben, now)

    facts = await invited(town.anna, town.ben, now)

    assert (facts["joined"], facts["by_mail"], facts["handed_on"], facts["link"]) == (True, True, False, None)
    assert [(row.template, row.person_id) for row in await Notice.all()] == [("accounts/join", town.ben.id)]
    assert await audited() == [("person.invited", f"person:{town.ben.id}", {"joined": True, "handed_on": False})]


async def test_who_signed_in_by_mail_has_joined_too(town: Town, now: datetime) -> None:
    await sessions.begin(person=town.ben.id, label="", now=now)

    assert (await invited(town.anna, town.ben, now))["link"] is None


async def test_account_that_waits_for_gelesen_has_not_joined(town: Town, now: datetime) -> None:
    await on_telegram(town.ben, now, ChannelState.UNLINKED)

    assert (await invited(town.anna, town.ben, now))["joined"] is False


async def test_without_mail_the_link_goes_into_the_web_chat_of_who_is_signed_in(town: Town, now: datetime) -> None:
    await on_telegram(town.carla, now)
    await sessions.begin(person=town.carla.id, label="", now=now)

    facts = await invited(town.anna, town.carla, now)

    assert (facts["by_mail"], facts["by_chat"], facts["link"]) == (False, True, None)
    (sent,) = await Notice.all()
    assert (sent.template, sent.network, sent.chat_id, sent.lane) == (
        "accounts/join_again",
        WEBCHAT,
        town.carla.id,
        Lane.ANSWER,
    )
    assert typed.decode(sent.facts) == {
        "level": 2,
        "by": "Anna Arendt",
        "link": OneTimeLink("invitation", telegram=True),
    }


@pytest.mark.parametrize(("level", "by_chat"), [(1, False), (2, True)])
async def test_without_mail_and_session_the_link_goes_to_telegram_where_that_carries_it(
    town: Town,
    now: datetime,
    level: int,
    by_chat: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    await Person.filter(id=town.carla.id).update(level=level)
    await sessions.begin(person=town.carla.id, label="", now=now - timedelta(days=31))
    await on_telegram(town.carla, now)

    facts = await invited(town.anna, town.carla, now)

    assert (facts["by_chat"], facts["handed_on"]) == (by_chat, not by_chat)
    assert [row.network for row in await Notice.all()] == [TELEGRAM] * by_chat


async def test_lead_hands_on_the_link_where_nothing_else_reaches_them_and_that_is_on_record(
    town: Town, now: datetime
) -> None:
    await has_read(town.carla, now)
    await on_telegram(town.carla, now, ChannelState.BLOCKED)

    facts = await invited(town.anna, town.carla, now)

    assert facts["link"] == OneTimeLink("invitation", town.carla.id, telegram=True)
    assert await audited() == [("person.invited", f"person:{town.carla.id}", {"joined": True, "handed_on": True})]


# --- the administration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ben", "carla"])
async def test_administrator_invites_anybody_and_never_gets_the_link(town: Town, now: datetime, name: str) -> None:
    town.nora.administrator = True

    facts = await invited(town.nora, town.person(name), now)

    assert (facts["level"], facts["by_mail"], facts["handed_on"], facts["link"]) == (None, name == "ben", False, None)
    assert len(await audited()) == await Notice.all().count() == (name == "ben")


async def test_administrator_who_leads_the_body_gets_it_like_any_lead(town: Town, now: datetime) -> None:
    town.anna.administrator = True

    assert (await invited(town.anna, town.carla, now))["handed_on"] is True


async def test_administrator_sees_the_bodies_and_how_many_are_there(town: Town, now: datetime) -> None:
    town.nora.administrator = True
    await has_read(town.ben, now)

    facts = await onboarding.bodies(by=town.nora, now=now)

    assert facts == {
        "bodies": [
            {"id": town.srt.id, "level": 3, "code": "SRT", "name": "Sozialraumteam", "seats": 2, "joined": 0},
            {"id": town.tk.id, "level": 2, "code": "TK", "name": "Trägerkonferenz", "seats": 6, "joined": 1},
        ],
    }
    assert list(untyped(facts)) == []


async def test_administrator_sees_who_sits_in_a_body_and_nothing_of_what_they_do(town: Town, now: datetime) -> None:
    town.nora.administrator = True
    await has_read(town.ben, now)

    facts = await onboarding.body(by=town.nora, body=town.tk.id, mails=True, now=now)

    assert [(person["name"], person["joined"]) for person in facts["people"]] == [
        ("Anna Arendt", False),
        ("Carla Cramer", False),
        ("Dora Dietz", False),
        ("Gesa Güler", False),
        ("Ada Öhler", False),
        ("Ben Özdemir", True),
    ]
    assert (facts["seats"], facts["joined"], facts["mailable"]) == (6, 1, 1)
    assert set(facts) == {"body", "people", "seats", "joined", "mailable"}
    assert list(untyped(facts)) == []


async def test_administrator_invites_all_who_have_not_joined(town: Town, now: datetime) -> None:
    town.nora.administrator = True
    await has_read(town.ben, now)
    await Person.filter(id=town.carla.id).update(mail="carla@lindental.example", level=0)

    facts = await onboarding.invite_all(by=town.nora, body=town.tk.id, mails=True, now=now)
    again = await onboarding.invite_all(by=town.nora, body=town.tk.id, mails=True, now=now)
    without = await onboarding.invite_all(by=town.nora, body=town.tk.id, mails=False, now=now)

    sent = {row.person_id: typed.decode(row.facts)["link"].telegram for row in await Notice.all()}
    assert sent == {town.ada.id: True, town.carla.id: False}
    assert [(told["invited"], told["left"]) for told in (facts, again, without)] == [(2, 3), (2, 3), (0, 5)]
    assert (await audited())[0] == (
        "people.invited",
        f"body:{town.tk.id}",
        {"people": [town.carla.id, town.ada.id]},
    )


@pytest.mark.parametrize("name", ["anna", "ben", "nora"])
async def test_town_is_for_administrators_only(town: Town, now: datetime, name: str) -> None:
    by, body = town.person(name), town.tk.id

    for refused in (
        onboarding.bodies(by=by, now=now),
        onboarding.body(by=by, body=body, mails=True, now=now),
        onboarding.invite_all(by=by, body=body, mails=True, now=now),
    ):
        with pytest.raises(NotFoundHere):
            await refused
    assert await Notice.filter(state=NoticeState.WAITING).count() == 0


async def test_body_that_is_not_there(town: Town, now: datetime) -> None:
    town.nora.administrator = True

    with pytest.raises(NotFoundHere):
        await onboarding.body(by=town.nora, body=999, mails=True, now=now)


async def test_long_lists_cost_no_more(
    town: Town, now: datetime, statements: Callable[[], AbstractContextManager[Counted]]
) -> None:
    town.nora.administrator = True
    big = await a_body("AG", "Arbeitsgruppe")
    for number in range(50):
        await a_seat(await a_person(f"Vor Nach{number:02}"), big, Role.MEMBER)
        await a_body(f"X{number}", f"Kreis {number:02}")

    with statements() as bodies:
        listed = await onboarding.bodies(by=town.nora, now=now)
    with statements() as seats:
        everybody = await onboarding.body(by=town.nora, body=big.id, mails=True, now=now)

    assert (len(listed["bodies"]), len(everybody["people"])) == (53, 50)
    assert (len(bodies.statements), len(seats.statements)) == (4, 8)
