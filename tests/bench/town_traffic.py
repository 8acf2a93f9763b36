"""The rows of what a town has said and was told in three years: chats, messages, presses, notices. Each follows from its number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count, islice

from storage.models.webchat import ChatType, MemberStatus
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.bench.town_shape import Met, Table, Town

WEBCHAT = Network.WEBCHAT.value
YEARS = timedelta(days=3 * 365)
LAST_SAID = timedelta(hours=20)
IN_PRIVATE = 0.6  # of all messages
SAID = "Guten Tag, hier der Stand aus dem Sozialraum: Ferienprogramm, Schulwegbegleitung und die offene Sprechstunde laufen."
KEYBOARD = '[[{"text": "Termine", "callback_data": "k:termine"}, {"text": "Themen", "callback_data": "k:themen"}]]'
PRESSED_EVERY = 5  # messages
BEHIND = (0, 0, 0, 0, 0, 0, 1, 3, 12, 60)  # how many messages readers have not read yet


def traffic(town: Town) -> Iterator[Table]:
    """In an order that foreign keys bear, behind the town's people and bodies."""
    yield from _chats(town)
    yield Table("notice", NOTICE, islice(_notices(town), town.shape.notices))
    yield Table("audit_event", ("at", "person_id", "what", "about", "facts"), _deeds(town))


# --- the web chat -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chat:
    """A chat by the key of its row: a person's own, which has the same, or a body's group behind them."""

    key: int
    private: bool
    messages: int
    readers: list[int]


def _all_chats(town: Town) -> list[_Chat]:
    people, bodies, messages = town.shape.people, town.shape.bodies, town.shape.messages
    alone = int(messages * IN_PRIVATE) // people
    in_group = (messages - alone * people) // bodies
    own = [_Chat(person, private=True, messages=alone, readers=[person]) for person in range(1, people + 1)]
    groups = [
        _Chat(people + body, private=False, messages=in_group, readers=town.members(body))
        for body in range(1, bodies + 1)
    ]
    return own + groups


def _chats(town: Town) -> Iterator[Table]:
    chats, people = _all_chats(town), range(1, town.shape.people + 1)
    changes = sum(chat.messages for chat in chats)
    said = sum(chat.messages for chat in chats if chat.private) // 2
    yield Table("webchat_server", ("network", "change", "update_id"), [(WEBCHAT, changes, said)], numbered=False)
    yield Table(
        "webchat_user",
        ("id", "network", "user_id", "first_name", "last_name", "language_code"),
        ((one, WEBCHAT, one, town.given_name(one), town.family_name(one), "de") for one in people),
    )
    yield Table(
        "webchat_chat",
        ("id", "network", "chat_id", "type", "title", "person_id", "bot_status", "last_message_id", "change"),
        (_chat(town, chat, changes) for chat in chats),
    )
    yield Table(
        "webchat_member",
        ("chat_id", "user_id", "status"),
        (
            (chat.key, reader, MemberStatus.MEMBER.value)
            for chat in chats
            if not chat.private
            for reader in chat.readers
        ),
    )
    yield Table(
        "webchat_reading",
        ("chat_id", "user_id", "message_id"),
        (
            (chat.key, reader, max(chat.messages - BEHIND[(chat.key * 7 + reader * 3) % len(BEHIND)], 0))
            for chat in chats
            for reader in chat.readers
        ),
    )
    yield Table(
        "webchat_message",
        ("id", "chat_id", "message_id", "sender_id", "sent_at", "text", "entities", "keyboard", "deleted", "change"),
        _messages(town, chats),
    )
    yield Table(
        "webchat_press",
        ("message_id", "user_id", "data", "pressed_at", "answered_at", "answer", "show_alert", "change"),
        (
            (number, chat.key, "k:termine", town.now - YEARS, town.now - YEARS, "", False, number)
            for number, chat, message in _said(chats)
            if chat.private and message % (2 * PRESSED_EVERY) == 0
        ),
    )


def _chat(town: Town, chat: _Chat, changes: int) -> tuple[object, ...]:
    who: tuple[object, ...]
    if chat.private:
        who = (chat.key, ChatType.PRIVATE.value, None, chat.key, MemberStatus.MEMBER.value)
    else:
        body = chat.key - town.shape.people
        who = (town.group(body), ChatType.GROUP.value, f"Arbeitskreis {body}", None, MemberStatus.ADMINISTRATOR.value)
    return chat.key, WEBCHAT, *who, chat.messages, changes


def _said(chats: list[_Chat]) -> Iterator[tuple[int, _Chat, int]]:
    """Each message in the order of time: its number, its chat, its number there. All chats end together."""
    numbers, rounds = count(1), max(chat.messages for chat in chats)
    for left in range(rounds, 0, -1):
        for chat in chats:
            if left <= chat.messages:
                yield next(numbers), chat, chat.messages - left + 1


def _messages(town: Town, chats: list[_Chat]) -> Iterator[tuple[object, ...]]:
    """In their own chats people and Faden take turns; in a group its members do."""
    total = sum(chat.messages for chat in chats)
    began, step = town.now - YEARS - LAST_SAID, YEARS / total
    for number, chat, message in _said(chats):
        by_bot = chat.private and message % 2 == 0
        sender = None if by_bot else chat.readers[message % len(chat.readers)]
        text = f"{SAID} ({number})"
        keyboard = KEYBOARD if by_bot else None
        yield number, chat.key, message, sender, began + number * step, text, "[]", keyboard, False, number


# --- notices ----------------------------------------------------------------------------------------------------------

NOTICE = (
    *("key", "kind", "lane", "person_id", "body_id", "about", "network", "chat_id", "template", "facts", "silent"),
    *("urgent", "resend", "state", "due_at", "attempts", "message_id", "created_at", "sent_at"),
)
UNUSUAL = {NoticeState.DEAD: 499, NoticeState.UNCERTAIN: 307, NoticeState.DROPPED: 211}  # every so many


def _notices(town: Town) -> Iterator[tuple[object, ...]]:
    """What still waits, cards, invitations, and answers without end. What was told longer than a day ago has no facts any more."""
    return chain(_waiting(town), _cards(town), _invitations(town), _answers(town))


def _waiting(town: Town) -> Iterator[tuple[object, ...]]:
    """A reminder in each body that leaves tomorrow."""
    due = town.now + timedelta(days=1)
    for body in town.seats:
        person, about = town.seats[body][0].person, f"body:{body}"
        shared = ("message", Lane.MAILING.value, person, body, about, None, None, "commitments/overdue")
        yield (
            f"later:{body}",
            *shared,
            "{}",
            False,
            False,
            True,
            NoticeState.WAITING.value,
            due,
            0,
            None,
            town.now,
            None,
        )


def _cards(town: Town) -> Iterator[tuple[object, ...]]:
    for met in filter(lambda met: met.told, town.meetings):
        at, about = _told_at(town, met), f"meeting:{met.id}"
        key, chat = f"card:{about}:{met.body}", town.group(met.body)
        shared = (NoticeKind.CARD.value, Lane.MAILING.value, None, met.body, about, WEBCHAT, chat, "meetings/card")
        yield key, *shared, "{}", True, False, True, NoticeState.SENT.value, at, 0, 1, at, at


def _invitations(town: Town) -> Iterator[tuple[object, ...]]:
    numbers = count(1)
    for met in filter(lambda met: met.told, town.meetings):
        at, about = _told_at(town, met), f"meeting:{met.id}"
        for seat in town.seats[met.body]:
            number, kind = next(numbers), NoticeKind.MESSAGE.value
            state = next((state for state, every in UNUSUAL.items() if number % every == 0), NoticeState.SENT)
            key = f"{about}:0:invitation:{seat.person}:{number}"
            shared = (kind, Lane.MAILING.value, seat.person, met.body, about, None, None, "meetings/invitation")
            sent = at if state is NoticeState.SENT else None
            yield key, *shared, "{}", False, False, True, state.value, at, 0, number, at, sent


def _answers(town: Town) -> Iterator[tuple[object, ...]]:
    step = YEARS / town.shape.notices
    for number in count(1):
        chat, at = number % town.shape.people + 1, town.now - YEARS - LAST_SAID + number * step
        shared = (NoticeKind.MESSAGE.value, Lane.ANSWER.value, None, None, None, WEBCHAT, chat, "general/menu")
        key = f"answer:webchat:-{number}:0"  # of an update before the first that the server will number
        yield key, *shared, "{}", False, False, True, NoticeState.SENT.value, at, 0, number, at, at


def _deeds(town: Town) -> Iterator[tuple[object, ...]]:
    for met in filter(lambda met: met.told, town.meetings):
        by, at, about = town.seats[met.body][0].person, _told_at(town, met), f"meeting:{met.id}"
        yield at - timedelta(days=10), by, "meeting.scheduled", about, "{}"
        yield at, by, "meeting.invited", about, "{}"


def _told_at(town: Town, met: Met) -> datetime:
    return min(met.starts, town.now) - timedelta(days=20)
