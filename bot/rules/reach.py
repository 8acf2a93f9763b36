"""Whom a message reaches: what stands in its way before it leaves, and what became of it."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from bot.rules import channels
from bot.rules.channels import Way
from storage.vocabulary import NoticeKind, NoticeState


class Hindrance(StrEnum):
    """Why nothing reaches somebody. `REFUSED`: the mail server would not take the last mail for good."""

    NO_ADDRESS = "no_address"
    NO_MAIL_SERVER = "no_mail_server"
    BLOCKED = "blocked"
    LEVEL = "level"
    REFUSED = "refused"


def hindrance(ways: Collection[Way], *, level: int, blocked: bool, address: bool, mails: bool) -> Hindrance | None:
    """What keeps a message from somebody with these `ways`; None when a chat or a mail takes it.

    `level` is what Telegram may carry of it; `blocked`, whether they have blocked a chat; `mails`, whether the town has a mail server.
    """
    if channels.choose(ways, level) is not None or (address and mails):
        return None
    if address:
        return Hindrance.NO_MAIL_SERVER
    if ways:
        return Hindrance.LEVEL
    return Hindrance.BLOCKED if blocked else Hindrance.NO_ADDRESS


class Mark(StrEnum):
    """What a lead should know of the latest that somebody was to be told."""

    UNREACHED = "unreached"
    UNCERTAIN = "uncertain"
    MAIL_REFUSED = "mail_refused"


def mark(forms: Iterable[tuple[NoticeKind, NoticeState]]) -> Mark | None:
    """Of one message in all its forms; None while one is under way, and when it came."""
    known = list(forms)
    states = {state for _, state in known}
    if NoticeState.SENT in states:
        return Mark.MAIL_REFUSED if (NoticeKind.CALENDAR_MAIL, NoticeState.DEAD) in known else None
    if states & {NoticeState.WAITING, NoticeState.SENDING}:
        return None
    if NoticeState.UNCERTAIN in states:
        return Mark.UNCERTAIN
    return Mark.UNREACHED if NoticeState.DEAD in states else None
