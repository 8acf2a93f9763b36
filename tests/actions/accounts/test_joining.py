from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.actions.accounts import joining, sessions
from bot.actions.accounts.joining import AlreadyLinked, Introduction, NotIntroduced, NotOnTelegram
from bot.actions.accounts.sessions import LinkUsedUp
from bot.rules import facts as typed
from bot.rules.facts import Facts, OneTimeLink, Plain
from bot.rules.refusals import NotFoundHere, Refusal
from storage.models import AuditEvent, Body, Channel, Membership, Notice, OneTimeToken, Organisation, Person, WebSession
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, TokenPurpose
from tests.actions.cast import YESTERDAY, Town

ACCOUNT = "70001"
TELEGRAM, WEBCHAT = Network.TELEGRAM, Network.WEBCHAT
LINK = OneTimeLink("invitation", telegram=True)


async def token_for(person: Person, now: datetime, purpose: TokenPurpose = TokenPurpose.INVITATION) -> str:
    return await sessions.issue(person=person.id, purpose=purpose, now=now)


async def opened(token: str, now: datetime, **more: Any) -> Facts:  # noqa: ANN401  # what `open_link` takes
    return await joining.open_link(
        **{"token": token, "network": TELEGRAM, "address": ACCOUNT, "now": now, "machine_now": now, **more}
    )


async def read(now: datetime, language: str | None = None) -> None:
    await joining.privacy_read(network=TELEGRAM, address=ACCOUNT, language=language, now=now)


async def channels(person: Person) -> list[tuple[str, str, str]]:
    return [
        (row.network.value, row.address, row.state.value)
        for row in await Channel.filter(person_id=person.id).order_by("id")
    ]


async def audited() -> list[tuple[str, str]]:
    return [(event.what, event.about) for event in await AuditEvent.all().order_by("id")]


# --- Telegram ---------------------------------------------------------------------------------------------------------


async def test_link_is_used_up_and_the_account_waits(town: Town, now: datetime) -> None:
    token = await token_for(town.ben, now)

    facts = await opened(token, now)

    assert facts == {"name": Plain("Ben Özdemir")}
    assert await channels(town.ben) == [("telegram", ACCOUNT, "unlinked")]
    assert (await Person.get(id=town.ben.id)).privacy_read_at is None


async def test_privacy_read_links_the_account_and_keeps_the_clients_language(town: Town, now: datetime) -> None:
    await opened(await token_for(town.ben, now), now)

    await read(now + timedelta(minutes=1), "en")

    ben = await Person.get(id=town.ben.id)
    assert await channels(town.ben) == [("telegram", ACCOUNT, "active")]
    assert (ben.privacy_read_at, ben.language) == (now + timedelta(minutes=1), "en")
    assert await audited() == [("channel.linked", f"person:{town.ben.id}")]


async def test_privacy_read_twice_changes_nothing(town: Town, now: datetime) -> None:
    await opened(await token_for(town.ben, now), now)
    await read(now)

    await read(now + timedelta(days=1), "en")

    ben = await Person.get(id=town.ben.id)
    assert (ben.privacy_read_at, ben.language) == (now, "de")
    assert await audited() == [("channel.linked", f"person:{town.ben.id}")]


async def test_privacy_read_by_an_account_that_was_not_invited(town: Town, now: datetime) -> None:  # noqa: ARG001  # lives there
    with pytest.raises(NotFoundHere):
        await read(now)


async def test_new_link_on_the_linked_account_leaves_it_linked(town: Town, now: datetime) -> None:
    await opened(await token_for(town.ben, now), now)
    await read(now)

    await opened(await token_for(town.ben, now), now)

    assert await channels(town.ben) == [("telegram", ACCOUNT, "active")]


async def test_new_account_takes_the_place_of_the_old_one(town: Town, now: datetime) -> None:
    await Channel.create(person=town.ben, network=TELEGRAM, address="60000", linked_at=now)

    await opened(await token_for(town.ben, now), now)
    until_read = await channels(town.ben)
    await read(now)

    assert until_read == [("telegram", "60000", "active"), ("telegram", ACCOUNT, "unlinked")]
    assert await channels(town.ben) == [("telegram", ACCOUNT, "active")]


async def test_third_account_waits_instead_of_the_second(town: Town, now: datetime) -> None:
    await Channel.create(person=town.ben, network=TELEGRAM, address="60000", linked_at=now)
    await opened(await token_for(town.ben, now), now, address="60001")

    await opened(await token_for(town.ben, now), now)

    assert await channels(town.ben) == [("telegram", "60000", "active"), ("telegram", ACCOUNT, "unlinked")]


async def test_account_that_waited_for_somebody_else_is_given_on(town: Town, now: datetime) -> None:
    await opened(await token_for(town.ben, now), now)

    await opened(await token_for(town.carla, now), now)

    assert await channels(town.ben) == []
    assert await channels(town.carla) == [("telegram", ACCOUNT, "unlinked")]


@pytest.mark.parametrize("state", [ChannelState.ACTIVE, ChannelState.BLOCKED])
async def test_account_of_somebody_else_is_refused(town: Town, now: datetime, state: ChannelState) -> None:
    await Channel.create(person=town.carla, network=TELEGRAM, address=ACCOUNT, linked_at=now, state=state)

    with pytest.raises(AlreadyLinked):
        await opened(await token_for(town.ben, now), now)

    assert await channels(town.carla) == [("telegram", ACCOUNT, state.value)]


async def new_ways() -> list[tuple[str, str | None, int | None]]:
    """Where it is told that an invitation made a new way in: the mail's reader, or a chat."""
    rows = await Notice.filter(template="accounts/new_way").order_by("id").select_related("person")
    assert {row.lane for row in rows} <= {Lane.ANSWER}
    return [(row.kind.value, row.person.given_name if row.person else None, row.chat_id) for row in rows]


async def test_new_account_is_told_of_on_all_other_ways(town: Town, now: datetime) -> None:
    await Channel.create(person=town.ben, network=TELEGRAM, address="60000", linked_at=now)
    await Channel.create(person=town.ben, network=WEBCHAT, address="2", linked_at=now)
    await opened(await token_for(town.ben, now), now)
    before = await new_ways()

    await read(now)
    await read(now)

    assert before == []
    assert await new_ways() == [("message", None, 60000), ("message", None, 2), ("mail", "Ben", None)]


async def test_whoever_has_come_makes_the_other_invitations_worthless(town: Town, now: datetime) -> None:
    handed_on, by_mail, later = [await token_for(town.ben, now) for _ in range(3)]
    sign_in = await token_for(town.ben, now, TokenPurpose.SIGN_IN)
    of_another = await token_for(town.carla, now)

    await entered(by_mail, now)
    told = [await refused_link(token, now) for token in (handed_on, later)]
    await sessions.sign_in(token=sign_in, label="", now=now)

    assert told == [LinkUsedUp, LinkUsedUp]
    assert await refused_link(of_another, now) is None


async def refused_link(token: str, now: datetime) -> type[Refusal] | None:
    try:
        await opened(token, now)
    except Refusal as refusal:
        return type(refusal)
    return None


async def test_link_works_once_for_14_days_and_for_invitations_only(town: Town, now: datetime) -> None:
    used, old, last = [await token_for(town.ben, now) for _ in range(3)]
    sign_in = await token_for(town.ben, now, TokenPurpose.SIGN_IN)
    left = await token_for(town.lars, now)

    told = [
        await refused_link(used, now),
        await refused_link(used, now),
        await refused_link(last, now + timedelta(days=14) - timedelta(seconds=1)),
        await refused_link(old, now + timedelta(days=14)),
        await refused_link(sign_in, now),
        await refused_link(left, now),
        await refused_link("x" * 43, now),
    ]

    assert told == [None, LinkUsedUp, None, LinkUsedUp, LinkUsedUp, LinkUsedUp, LinkUsedUp]


# --- levels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "organisation", "body", "named"),
    [
        pytest.param(None, None, 2, Plain("Ben Özdemir"), id="default"),
        pytest.param(3, None, 3, Plain("Ben Özdemir"), id="everything"),
        pytest.param(1, None, 3, None, id="person 1"),
        pytest.param(None, 1, 3, None, id="organisation 1"),
        pytest.param(3, 3, 1, None, id="body 1"),
    ],
)
async def test_name_is_said_on_telegram_from_level_2_on(  # noqa: PLR0917  # the levels, and what comes of them
    town: Town, now: datetime, person: int | None, organisation: int | None, body: int, named: Plain | None
) -> None:
    await Person.filter(id=town.ben.id).update(level=person)
    await Organisation.all().update(level=organisation)
    await Body.all().update(level=body)

    facts = await opened(await token_for(town.ben, now), now)

    assert facts == {"name": named}


@pytest.mark.parametrize("who", ["person", "organisation", "body"])
async def test_level_0_links_nothing_on_telegram_and_leaves_the_link_for_the_browser(
    town: Town, now: datetime, who: str
) -> None:
    if who == "person":
        await Person.filter(id=town.ben.id).update(level=0)
    else:
        await (Organisation if who == "organisation" else Body).all().update(level=0)
    token = await token_for(town.ben, now)

    with pytest.raises(NotOnTelegram):
        await opened(token, now)

    assert await channels(town.ben) == []
    assert (await opened(token, now, network=WEBCHAT, address="5"))["name"] == Plain("Ben Özdemir")


async def test_one_body_that_allows_telegram_is_enough(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(level=0)
    await Membership.create(body=town.srt, person=town.ben, role="member", begins_on=YESTERDAY)

    facts = await opened(await token_for(town.ben, now), now)

    assert facts == {"name": Plain("Ben Özdemir")}


# --- the browser ------------------------------------------------------------------------------------------------------


async def entered(token: str, now: datetime, language: str | None = None) -> str:
    return await joining.enter(token=token, label="Firefox, Linux", language=language, now=now, machine_now=now)


async def test_enter_reads_the_notice_signs_in_and_links_the_web_chat(town: Town, now: datetime) -> None:
    session = await entered(await token_for(town.ben, now), now, "en")

    ben = await Person.get(id=town.ben.id)
    signed_in = await sessions.resume(token=session, now=now)
    assert signed_in is not None
    assert (signed_in.person.id, ben.privacy_read_at, ben.language) == (ben.id, now, "en")
    assert await channels(town.ben) == [("webchat", str(ben.id), "active")]
    assert await audited() == [("channel.linked", f"person:{ben.id}")]


async def test_enter_later_keeps_the_chosen_language_and_when_it_was_read(town: Town, now: datetime) -> None:
    await entered(await token_for(town.ben, now), now)

    await entered(await token_for(town.ben, now), now + timedelta(days=1), "en")

    ben = await Person.get(id=town.ben.id)
    assert (ben.privacy_read_at, ben.language, await WebSession.all().count()) == (now, "de", 2)


async def test_new_sign_in_is_told_of_on_all_other_ways(town: Town, now: datetime) -> None:
    await Channel.create(person=town.ben, network=TELEGRAM, address="60000", linked_at=now)
    await Channel.create(person=town.ben, network=WEBCHAT, address="2", state=ChannelState.BLOCKED, linked_at=now)

    await entered(await token_for(town.ben, now), now)

    assert await new_ways() == [("message", None, 60000), ("mail", "Ben", None)]
    told = await Notice.get(template="accounts/new_way", kind=NoticeKind.MAIL)
    assert typed.decode(told.facts) == {"network": "webchat", "device": "Firefox, Linux", "language": "de"}


async def test_first_way_of_somebody_without_mail_is_told_to_nobody(town: Town, now: datetime) -> None:
    await entered(await token_for(town.carla, now), now)

    assert await new_ways() == []


async def test_enter_works_once_and_not_for_those_who_left(town: Town, now: datetime) -> None:
    token, left = await token_for(town.ben, now), await token_for(town.lars, now)
    await entered(token, now)

    for over in (token, left):
        with pytest.raises(LinkUsedUp):
            await entered(over, now)
    assert await WebSession.all().count() == 1
    assert await OneTimeToken.filter(used_at=None).count() == 1  # nothing of what was refused is kept


# --- the administration -----------------------------------------------------------------------------------------------

ADA = Introduction(given_name="Ada", family_name="Öztürk-Ruß", mail="ada@stadt.example")


async def a_code(now: datetime) -> str:
    """What the operator gives out."""
    return await sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=now)


async def founded(token: str, now: datetime, introduction: Introduction = ADA) -> str:
    return await joining.found_town(
        token=token,
        introduction=introduction,
        language="en",
        zone="Europe/Vienna",
        label="Firefox, Linux",
        now=now,
        machine_now=now,
    )


async def test_code_makes_an_administrator_of_somebody_who_is_known(town: Town, now: datetime) -> None:
    await joining.administer(by=town.ben, token=await a_code(now), now=now, machine_now=now)

    administrators = await Person.filter(administrator=True)
    assert [person.id for person in administrators] == [town.ben.id]
    assert await audited() == [("administrator.made", f"person:{town.ben.id}")]


async def test_code_works_once_for_a_day_and_is_no_invitation(town: Town, now: datetime) -> None:
    used, old, invitation = await a_code(now), await a_code(now), await token_for(town.ben, now)
    await joining.administer(by=town.ben, token=used, now=now, machine_now=now)

    for token, when in ((used, now), (old, now + timedelta(days=1)), (invitation, now), ("x" * 43, now)):
        with pytest.raises(LinkUsedUp):
            await joining.administer(by=town.carla, token=token, now=when, machine_now=when)
    with pytest.raises(LinkUsedUp):
        await opened(old, now)
    assert await Person.filter(administrator=True).count() == 1


@pytest.mark.usefixtures("store")
async def test_code_on_an_empty_town_makes_its_first_person_and_signs_in(now: datetime) -> None:
    empty = await joining.town_is_empty()

    session = await founded(await a_code(now), now)

    ada = await Person.get()
    signed_in = await sessions.resume(token=session, now=now)
    assert (empty, await joining.town_is_empty()) == (True, False)
    assert signed_in is not None
    assert signed_in.person.id == ada.id
    assert (ada.key, ada.given_name, ada.family_name, ada.mail) == (
        "ozturk-russ",
        "Ada",
        "Öztürk-Ruß",
        "ada@stadt.example",
    )
    assert (ada.language, ada.zone, ada.administrator, ada.privacy_read_at) == ("en", "Europe/Vienna", True, now)
    assert await channels(ada) == [("webchat", str(ada.id), "active")]
    about = f"person:{ada.id}"
    assert await audited() == [("administrator.made", about), ("channel.linked", about)]


@pytest.mark.usefixtures("store")
async def test_name_without_latin_letters_has_a_key_too(now: datetime) -> None:
    await founded(
        await a_code(now), now, Introduction(given_name="Мария", family_name="Иванова", mail="m@stadt.example")
    )

    assert (await Person.get()).key == "administrator"


async def test_code_makes_nobody_in_a_town_that_has_people(town: Town, now: datetime) -> None:
    token = await a_code(now)

    with pytest.raises(NotIntroduced):
        await founded(token, now)

    assert await Person.filter(mail="ada@stadt.example").count() == 0
    await joining.administer(by=town.ben, token=token, now=now, machine_now=now)  # it was not used up


# --- blocked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "is_blocked", "after"),
    [
        (ChannelState.ACTIVE, True, "blocked"),
        (ChannelState.BLOCKED, True, "blocked"),
        (ChannelState.BLOCKED, False, "active"),
        (ChannelState.ACTIVE, False, "active"),
        (ChannelState.UNLINKED, True, "unlinked"),
        (ChannelState.UNLINKED, False, "unlinked"),
    ],
)
async def test_blocking_and_letting_in_again(
    town: Town,
    now: datetime,
    before: ChannelState,
    is_blocked: bool,  # noqa: FBT001  # a parameter of the test
    after: str,
) -> None:
    await Channel.create(person=town.ben, network=TELEGRAM, address=ACCOUNT, linked_at=now, state=before)
    await Channel.create(person=town.ben, network=WEBCHAT, address=ACCOUNT, linked_at=now)

    await joining.blocked(network=TELEGRAM, address=ACCOUNT, is_blocked=is_blocked)

    assert await channels(town.ben) == [("telegram", ACCOUNT, after), ("webchat", ACCOUNT, "active")]
