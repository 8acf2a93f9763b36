"""Ways in: one-time links, and the browsers that are signed in. Tokens are stored as hashes; who holds the row cannot sign in.

All times here are the machine's: a trial that moves its clock signs nobody out.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.queryset import QuerySet

from bot.actions import notices
from bot.rules import limits, tokens
from bot.rules.facts import OneTimeLink
from bot.rules.refusals import NotFoundHere, Refusal
from storage import bells, queries
from storage.db import transaction
from storage.models import Channel, OneTimeToken, Person, SignInRequest, WebSession
from storage.rows import select
from storage.vocabulary import ChannelState, Lane, Network, NoticeKind, TokenPurpose

LINK_LASTS = {
    TokenPurpose.SIGN_IN: timedelta(minutes=10),
    TokenPurpose.INVITATION: timedelta(days=14),
    TokenPurpose.ADMINISTRATOR: timedelta(days=1),
}
SESSION_LASTS = timedelta(days=30)
TOUCHED_EVERY = timedelta(hours=1)
PRESSED_TWICE = timedelta(minutes=1)
ENDED = "signed out"  # rung when a session ends before its time


class LinkUsedUp(Refusal):
    """The link is unknown, used or expired: all three look alike."""


_SESSION = """
FROM web_session s JOIN person p ON p.id = s.person_id WHERE s.token_hash = ? AND s.expires_at > ? AND p.left_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A browser that is signed in; `prolonged` says that its cookie has to be prolonged as well."""

    session: WebSession
    person: Person
    prolonged: bool = False


async def request_sign_in(*, mail: str, key: bytes, now: datetime, machine_now: datetime) -> None:
    """Queue the mail with a sign-in link when somebody has that address. The caller cannot tell whether.

    Asked twice within a minute, it is sent once, and counted once. The town's `key` keeps addresses out of what is counted.
    Raises TooManyLinks, for an address that nobody has as well.
    """
    async with transaction():
        await _count_request(tokens.mail_address(key, mail), machine_now)
        person = await Person.filter(mail__iexact=mail.strip(), left_at=None).first()
        if person is None:
            return
        draft = notices.Draft(
            key=f"sign_in:{person.id}:{int(machine_now.timestamp()) // 60}",
            template="accounts/sign_in",
            facts={"link": OneTimeLink(TokenPurpose.SIGN_IN.value)},
            due_at=now,
            person=person.id,
            kind=NoticeKind.MAIL,
            lane=Lane.ANSWER,
        )
        await notices.queue([draft], now=now)


async def _count_request(address: str, now: datetime) -> None:
    """Raises TooManyLinks."""
    recent = SignInRequest.filter(address=address, asked_at__gt=now - limits.longest(limits.SIGN_IN_LINKS))
    newest_first = recent.order_by("-asked_at").limit(limits.most(limits.SIGN_IN_LINKS))
    asked = await queries.column(newest_first, "asked_at")
    if asked and int(asked[0].timestamp()) // 60 == int(now.timestamp()) // 60:
        return
    if minutes := limits.minutes_until_room(limits.SIGN_IN_LINKS, asked, now):
        raise limits.TooManyLinks(minutes=minutes)
    await SignInRequest.create(address=address, asked_at=now)


async def issue(*, person: int | None, purpose: TokenPurpose, now: datetime) -> str:
    """Make a one-time token at the moment of sending. Only its hash is kept, so a second sending needs a second token."""
    token = secrets.token_urlsafe(32)
    async with transaction():
        await OneTimeToken.create(
            purpose=purpose,
            token_hash=tokens.hashed(token),
            person_id=person,
            created_at=now,
            expires_at=now + LINK_LASTS[purpose],
        )
    return token


async def purpose_of(*, token: str, now: datetime) -> TokenPurpose:
    """What a link or code that still works is for. Does not use it: mail programs open links by themselves.

    Raises LinkUsedUp.
    """
    found = await OneTimeToken.get_or_none(token_hash=tokens.hashed(token), used_at=None, expires_at__gt=now)
    if found is None:
        raise LinkUsedUp
    return found.purpose


async def check(*, token: str, purpose: TokenPurpose, now: datetime) -> None:
    """Raises LinkUsedUp unless the link still works, for this purpose. Does not use it."""
    if await purpose_of(token=token, now=now) is not purpose:
        raise LinkUsedUp


async def consume(*, token: str, purpose: TokenPurpose, now: datetime) -> int | None:
    """Use a one-time token and give the id of its person. Of two at the same moment, one gets it.

    Raises LinkUsedUp.
    """
    async with transaction():
        hit = OneTimeToken.filter(token_hash=tokens.hashed(token), purpose=purpose, used_at=None, expires_at__gt=now)
        if not await hit.update(used_at=now):
            raise LinkUsedUp
        used = await OneTimeToken.get(token_hash=tokens.hashed(token))
        return used.person_id


async def sign_in(*, token: str, label: str, now: datetime, session: str | None = None) -> str:
    """Trade a sign-in link for a session; gives the session's token. `label` is what the browser calls itself.

    Raises LinkUsedUp, also when the person has left since.
    """
    async with transaction():
        person = await consume(token=token, purpose=TokenPurpose.SIGN_IN, now=now)
        if not await Person.exists(id=person, left_at=None):
            raise LinkUsedUp
        return await begin(person=person, label=label, now=now, session=session)


async def begin(*, person: int | None, label: str, now: datetime, session: str | None = None) -> str:
    """Open a session for somebody who has shown who they are; gives its token. From now on the web chat reaches them.

    The door may bring the token as `session`: one that only this browser and this link come to.
    """
    token = session or secrets.token_urlsafe(32)
    async with transaction():
        chat = Channel(
            person_id=person, network=Network.WEBCHAT, address=str(person), state=ChannelState.ACTIVE, linked_at=now
        )
        await Channel.bulk_create([chat], ignore_conflicts=True)
        await WebSession.create(
            token_hash=tokens.hashed(token),
            person_id=person,
            label=label[:100],
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_LASTS,
        )
    return token


async def pressed_twice(*, token: str, session: str, now: datetime) -> bool:
    """Whether this very session was begun with the link within the last minute, and still holds.

    Its browser pressed again before the first answer had arrived.
    """
    just_used = OneTimeToken.filter(token_hash=tokens.hashed(token), used_at__gt=now - PRESSED_TWICE)
    begun = WebSession.filter(token_hash=tokens.hashed(session), expires_at__gt=now, person__left_at=None)
    return await just_used.exists() and await begun.exists()


async def has_done_its_work(*, token: str, by: Person) -> bool:
    """Whether a link that works no more was for the person, or the code for the administrator they are.

    What is so old that nobody knows it any more counts as theirs.
    """
    found = await OneTimeToken.get_or_none(token_hash=tokens.hashed(token))
    if found is None or found.person_id == by.id:
        return True
    return found.purpose is TokenPurpose.ADMINISTRATOR and by.administrator


async def forget_invitations(person: int | None) -> None:
    """Make the invitations worthless that are still on their way to somebody who has come."""
    async with transaction():
        await OneTimeToken.filter(person_id=person, purpose=TokenPurpose.INVITATION, used_at=None).delete()


async def resume(*, token: str, now: datetime) -> SignedIn | None:
    """Who is behind the session's token; None when it has ended or the person has left.

    Every use prolongs the session, but at most once an hour, so that reading pages does not mean writing rows.
    """
    for session, person in await select(_SESSION, [tokens.hashed(token), now], s=WebSession, p=Person):
        if now - session.seen_at < TOUCHED_EVERY:
            return SignedIn(session=session, person=person)
        async with transaction():
            await WebSession.filter(id=session.id).update(seen_at=now, expires_at=now + SESSION_LASTS)
        return SignedIn(session=session, person=person, prolonged=True)
    return None


async def of_person(person: Person, *, now: datetime) -> Sequence[WebSession]:
    """The person's sessions, last used first."""
    return await WebSession.filter(person_id=person.id, expires_at__gt=now).order_by("-seen_at", "-id")


async def end(*, by: Person, session: int) -> None:
    """Sign one of one's own browsers out. Raises NotFoundHere."""
    async with transaction():
        ended = await WebSession.filter(id=session, person_id=by.id).delete()
        bells.ring(ENDED)
    if not ended:
        raise NotFoundHere


async def end_others(*, by: Person, current: int) -> None:
    """Sign all of one's own browsers out but this one."""
    async with transaction():
        await WebSession.filter(person_id=by.id).exclude(id=current).delete()
        bells.ring(ENDED)


async def end_all(person: int) -> None:
    """Sign somebody out everywhere and make their open links worthless: they have left."""
    async with transaction():
        await WebSession.filter(person_id=person).delete()
        bells.ring(ENDED)
        await OneTimeToken.filter(person_id=person, used_at=None).delete()


def over(*, now: datetime) -> tuple[QuerySet[Any], ...]:
    """Sessions, links and requests that are over; a link that was used is kept until it would have expired."""
    return (
        SignInRequest.filter(asked_at__lte=now - limits.longest(limits.SIGN_IN_LINKS)),
        WebSession.filter(expires_at__lte=now),
        OneTimeToken.filter(expires_at__lte=now),
    )
