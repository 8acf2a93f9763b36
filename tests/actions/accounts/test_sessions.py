import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bot.actions.accounts import sessions
from bot.rules import tokens
from bot.rules.facts import OneTimeLink, decode
from bot.rules.refusals import NotFoundHere
from storage import bells
from storage.db import unit_of_work
from storage.models import Notice, OneTimeToken, Person, SignInRequest, WebSession
from storage.vocabulary import TokenPurpose

pytestmark = pytest.mark.usefixtures("store")

LATER = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


@pytest.fixture
async def ben(store: str) -> Person:  # noqa: ARG001  # it has to be open
    return await Person.create(key="ben", given_name="Ben", family_name="Özdemir", mail="Ben@stadt.example")


@pytest.fixture
async def anna(store: str) -> Person:  # noqa: ARG001  # it has to be open
    return await Person.create(key="anna", given_name="Anna", family_name="Arendt")


async def ask(mail: str, now: datetime, machine_now: datetime) -> None:
    await unit_of_work(lambda: sessions.request_sign_in(mail=mail, key=b"k" * 32, now=now, machine_now=machine_now))


async def issue(person: Person, now: datetime, purpose: TokenPurpose = TokenPurpose.SIGN_IN) -> str:
    return await unit_of_work(lambda: sessions.issue(person=person.id, purpose=purpose, now=now))


async def sign_in(token: str, now: datetime) -> str:
    return await unit_of_work(lambda: sessions.sign_in(token=token, label="Firefox, Linux", now=now))


async def test_request_queues_a_link_for_whoever_has_the_address(ben: Person, now: datetime) -> None:
    await ask(" ben@STADT.example ", LATER, now)

    notice = await Notice.get()
    assert (notice.person_id, notice.due_at, decode(notice.facts)) == (
        ben.id,
        LATER,
        {"link": OneTimeLink("sign_in")},
    )


@pytest.mark.usefixtures("ben")
async def test_request_twice_in_a_minute_is_one_mail(now: datetime) -> None:
    for seconds in (0, 59, 60):
        await ask("ben@stadt.example", LATER, now + timedelta(seconds=seconds))

    assert await Notice.all().count() == 2


async def test_request_for_nobody_queues_nothing(ben: Person, now: datetime) -> None:
    await Person.filter(id=ben.id).update(left_at=now)

    await ask("ben@stadt.example", LATER, now)
    await ask("niemand@stadt.example", LATER, now)

    assert await Notice.all().count() == 0


@pytest.mark.parametrize(
    ("purpose", "lasts"),
    [
        (TokenPurpose.SIGN_IN, timedelta(minutes=10)),
        (TokenPurpose.INVITATION, timedelta(days=14)),
        (TokenPurpose.ADMINISTRATOR, timedelta(days=1)),
    ],
)
async def test_token_lasts_as_its_purpose_says(
    ben: Person, now: datetime, purpose: TokenPurpose, lasts: timedelta
) -> None:
    token = await issue(ben, now, purpose)

    row = await OneTimeToken.get()
    assert (row.purpose, row.token_hash, row.expires_at) == (purpose, tokens.hashed(token), now + lasts)
    assert row.used_at is None


async def test_check_uses_nothing_up(ben: Person, now: datetime) -> None:
    token = await issue(ben, now)

    await sessions.check(token=token, purpose=TokenPurpose.SIGN_IN, now=now)
    await sessions.check(token=token, purpose=TokenPurpose.SIGN_IN, now=now)

    assert (await OneTimeToken.get()).used_at is None


async def test_check_refuses_what_does_not_work(ben: Person, now: datetime) -> None:
    token = await issue(ben, now)

    for tried, purpose, at in (
        ("unknown", TokenPurpose.SIGN_IN, now),
        (token, TokenPurpose.INVITATION, now),
        (token, TokenPurpose.SIGN_IN, now + timedelta(minutes=10)),
    ):
        with pytest.raises(sessions.LinkUsedUp):
            await sessions.check(token=tried, purpose=purpose, now=at)


async def test_token_is_good_for_one_session(ben: Person, now: datetime) -> None:
    token = await issue(ben, now)

    results = await asyncio.gather(*(sign_in(token, now) for _ in range(3)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["LinkUsedUp", "LinkUsedUp", "str"]
    assert await WebSession.all().count() == 1


async def test_token_of_somebody_who_left_is_not_used(ben: Person, now: datetime) -> None:
    token = await issue(ben, now)
    await Person.filter(id=ben.id).update(left_at=now)

    with pytest.raises(sessions.LinkUsedUp):
        await sign_in(token, now)

    assert await WebSession.all().count() == 0


async def test_session_gives_its_person_back(ben: Person, now: datetime) -> None:
    token = await sign_in(await issue(ben, now), now)

    signed_in = await sessions.resume(token=token, now=now + timedelta(minutes=59))

    assert signed_in is not None
    assert (signed_in.person.id, signed_in.prolonged, signed_in.session.label) == (ben.id, False, "Firefox, Linux")


async def test_session_is_prolonged_after_an_hour(ben: Person, now: datetime) -> None:
    token = await sign_in(await issue(ben, now), now)
    later = now + timedelta(hours=1)

    signed_in = await unit_of_work(lambda: sessions.resume(token=token, now=later))

    session = await WebSession.get()
    assert signed_in is not None
    assert signed_in.prolonged
    assert (session.seen_at, session.expires_at) == (later, later + timedelta(days=30))


async def test_session_ends_by_itself_or_with_its_person(ben: Person, now: datetime) -> None:
    token = await sign_in(await issue(ben, now), now)

    expired = await sessions.resume(token=token, now=now + timedelta(days=30))
    unknown = await sessions.resume(token="unknown", now=now)
    await Person.filter(id=ben.id).update(left_at=now)
    gone = await sessions.resume(token=token, now=now)

    assert (expired, unknown, gone) == (None, None, None)


async def test_sessions_are_listed_last_used_first(ben: Person, anna: Person, now: datetime) -> None:
    for person, label, days in ((ben, "old", 1), (ben, "new", 2), (ben, "expired", -30), (anna, "other", 1)):
        await unit_of_work(
            lambda person=person, label=label, days=days: sessions.begin(  # type: ignore[misc]  # bound by default
                person=person.id, label=label, now=now + timedelta(days=days)
            )
        )

    assert [session.label for session in await sessions.of_person(ben, now=now)] == ["new", "old"]


async def test_label_is_cut_to_what_the_row_holds(ben: Person, now: datetime) -> None:
    await unit_of_work(lambda: sessions.begin(person=ben.id, label="x" * 200, now=now))

    assert (await WebSession.get()).label == "x" * 100


async def test_sessions_are_ended_by_their_own_person_only(ben: Person, anna: Person, now: datetime) -> None:
    await sign_in(await issue(ben, now), now)
    session = await WebSession.get()

    with pytest.raises(NotFoundHere):
        await unit_of_work(lambda: sessions.end(by=anna, session=session.id))
    await unit_of_work(lambda: sessions.end(by=ben, session=session.id))

    assert await WebSession.all().count() == 0


async def test_other_sessions_are_ended(ben: Person, anna: Person, now: datetime) -> None:
    for person in (ben, ben, anna):
        await sign_in(await issue(person, now), now)
    current = await WebSession.filter(person_id=ben.id).first()
    assert current is not None

    await unit_of_work(lambda: sessions.end_others(by=ben, current=current.id))

    assert {session.person_id: session.id for session in await WebSession.all()}[ben.id] == current.id
    assert await WebSession.all().count() == 2


async def test_all_ways_in_are_closed_for_who_leaves(ben: Person, anna: Person, now: datetime) -> None:
    await sign_in(await issue(ben, now), now)
    await issue(ben, now)
    await sign_in(await issue(anna, now), now)

    await unit_of_work(lambda: sessions.end_all(ben.id))

    assert [session.person_id for session in await WebSession.all()] == [anna.id]
    assert await OneTimeToken.filter(person_id=ben.id, used_at=None).count() == 0


async def erase_over(now: datetime) -> None:
    """What tidying does with the rows that are over."""
    for rows in sessions.over(now=now):
        await rows.delete()


async def test_requests_are_over_after_a_day(now: datetime) -> None:
    await ask("ben@stadt.example", LATER, now)

    await erase_over(now + timedelta(hours=23))
    kept = await SignInRequest.all().count()
    await erase_over(now + timedelta(days=1))

    assert (kept, await SignInRequest.all().count()) == (1, 0)


async def test_sessions_and_links_are_over_at_their_time(ben: Person, now: datetime) -> None:
    await sign_in(await issue(ben, now), now)
    await issue(ben, now, TokenPurpose.INVITATION)

    await erase_over(now + timedelta(minutes=10))
    kept = (await WebSession.all().count(), [token.purpose for token in await OneTimeToken.all()])
    await erase_over(now + timedelta(days=30))

    assert kept == (1, [TokenPurpose.INVITATION])
    assert (await WebSession.all().count(), await OneTimeToken.all().count()) == (0, 0)


async def test_whoever_signs_somebody_out_rings_for_the_streams(ben: Person, now: datetime) -> None:
    rung = []
    for ending in (
        lambda session: sessions.end(by=ben, session=session),
        lambda _session: sessions.end_others(by=ben, current=0),
        lambda _session: sessions.end_all(ben.id),
    ):
        await sign_in(await issue(ben, now), now)
        session = await WebSession.get()
        bells.rung(sessions.ENDED)
        silent = bells.rung(sessions.ENDED)
        await unit_of_work(partial(ending, session.id))
        rung.append((silent, bells.rung(sessions.ENDED)))

    assert rung == [(False, True)] * 3
