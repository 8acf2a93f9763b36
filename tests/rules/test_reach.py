import pytest

from bot.rules.channels import Way
from bot.rules.facts import FULL, NOTHING
from bot.rules.reach import Hindrance, Mark, hindrance, mark
from storage.vocabulary import Network, NoticeKind, NoticeState

TELEGRAM, WEBCHAT = Way(network=Network.TELEGRAM, address="1"), Way(network=Network.WEBCHAT, address="1")
MESSAGE, MAIL = NoticeKind.MESSAGE, NoticeKind.CALENDAR_MAIL
SENT, DEAD, DROPPED, UNCERTAIN, WAITING, SENDING = (
    NoticeState.SENT, NoticeState.DEAD, NoticeState.DROPPED, NoticeState.UNCERTAIN, NoticeState.WAITING,
    NoticeState.SENDING,
)  # fmt: skip


@pytest.mark.parametrize(
    ("ways", "level", "known", "expected"),
    [
        ([WEBCHAT], NOTHING, "", None),
        ([TELEGRAM], FULL, "", None),
        ([], FULL, "address mails", None),
        ([TELEGRAM], NOTHING, "address mails", None),
        ([], FULL, "address", Hindrance.NO_MAIL_SERVER),
        ([TELEGRAM], NOTHING, "mails", Hindrance.LEVEL),
        ([], FULL, "blocked mails", Hindrance.BLOCKED),
        ([], FULL, "mails", Hindrance.NO_ADDRESS),
    ],
)
def test_what_keeps_a_message_from_somebody(
    ways: list[Way], level: int, known: str, expected: Hindrance | None
) -> None:
    facts = {name: name in known.split() for name in ("blocked", "address", "mails")}

    assert hindrance(ways, level=level, **facts) is expected


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ([(MESSAGE, SENT)], None),
        ([(MESSAGE, SENT), (MAIL, DEAD)], Mark.MAIL_REFUSED),
        ([(MESSAGE, DEAD), (MAIL, SENT)], None),
        ([(MESSAGE, UNCERTAIN), (MAIL, SENT)], None),
        ([(MESSAGE, UNCERTAIN), (MAIL, WAITING)], None),
        ([(MESSAGE, SENDING)], None),
        ([(MESSAGE, UNCERTAIN), (MAIL, DEAD)], Mark.UNCERTAIN),
        ([(MESSAGE, DROPPED), (MAIL, UNCERTAIN)], Mark.UNCERTAIN),
        ([(MESSAGE, DROPPED), (MAIL, DEAD)], Mark.UNREACHED),
        ([(MESSAGE, DEAD), (MAIL, DROPPED)], Mark.UNREACHED),
        ([(MESSAGE, DROPPED)], None),
    ],
)
def test_what_a_lead_should_know_of_a_message(
    forms: list[tuple[NoticeKind, NoticeState]], expected: Mark | None
) -> None:
    assert mark(forms) is expected
