"""How long it is known what was told. Times are the machine's, but for those of meetings.

A notice loses its content a day after it has left; what never arrived is shown to the operator and the organiser for 30 days.
The row without content says who was told what and when, and that the same key is told once. It goes

- after a week, when it was of the moment: a toast, an edit, an erasure. Their keys are those of updates and messages, and
  an update comes again for two days at most;
- after `KEPT`, or what the town has set, and not before the meeting is over that it is about: until then "Antworten" shows
  who missed it, inviting again reaches nobody twice, and a calendar entry can be taken back;
- not at all, as long as it is the last mail to somebody, or the last that told them of unread messages: by the one the
  administration sees that their address refuses mail, and the other is not sent twice for the same messages.

`held_until` of a notice that is over says when its row is looked at again. A card's is left alone until its meeting is over.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial

from bot.actions.meetings.telling import LOST as SEAT_LOST
from storage.db import execute, transaction, unit_of_work
from storage.erasing import erased
from storage.models import Meeting, Notice
from storage.rows import places
from storage.vocabulary import NoticeKind, NoticeState

KEPT = timedelta(days=90)
OF_THE_MOMENT = (NoticeKind.TOAST, NoticeKind.EDIT, NoticeKind.CAPTION, NoticeKind.ERASE)
OF_THE_MOMENT_KEPT = timedelta(days=7)
CONTENT_KEPT = timedelta(days=1)
LOST_CONTENT_KEPT = timedelta(days=30)
LOST = (NoticeState.DROPPED, NoticeState.DEAD, NoticeState.UNCERTAIN)
MAILS = (NoticeKind.MAIL, NoticeKind.CALENDAR_MAIL)
UNREAD = "unread"  # what the mails of `bot.post.unread` are about
ABOUT_MEETINGS = frozenset({"meeting", "items", "answers"})
COLUMNS = ("id", "key", "kind", "state", "template", "about", "person_id", "created_at", "sent_at")

_CARDS = """
SELECT n.id FROM notice n
JOIN meeting m ON m.id = CASE WHEN n.kind = 'card' THEN CAST(SUBSTR(n.about, 9) AS INTEGER) END
WHERE n.state = 'sent' AND n.held_until < ? AND m.ends_at < ? LIMIT ?
"""  # a card is about `meeting:ID`


_LAST = "SELECT n.id FROM notice n WHERE n.person_id = p.id AND n.kind IN ('mail', 'calendar_mail')"
_LAST_MAILS = f"""
SELECT ({_LAST} AND n.state = 'sent' ORDER BY n.id DESC LIMIT 1) AS sent,
       ({_LAST} AND n.state = 'dead' ORDER BY n.id DESC LIMIT 1) AS dead,
       ({_LAST} AND n.about = '{UNREAD}:' || p.id ORDER BY n.id DESC LIMIT 1) AS unread
FROM person p WHERE p.id IN ({{places}})
"""  # noqa: S608  # constants only


async def tidy(*, machine_now: datetime, kept: timedelta = KEPT, at_once: int) -> None:
    """Empty, keep or delete some of what is over."""
    now = machine_now
    over = Notice.exclude(kind=NoticeKind.CARD)
    cards = [row["id"] for row in await execute(_CARDS, [now, now, at_once])]
    for rows in (
        over.filter(state=NoticeState.SENT, held_until=None, sent_at__lt=now - CONTENT_KEPT),
        over.filter(state__in=LOST, held_until=None, created_at__lt=now - LOST_CONTENT_KEPT),
        over.filter(state__in=(NoticeState.SENT, *LOST), held_until__lt=now),
        Notice.filter(id__in=[0, *cards], state=NoticeState.SENT),
    ):
        found = await rows.limit(at_once).only(*COLUMNS)
        if found:
            await unit_of_work(partial(_tidy, found, kept, now))


async def _tidy(notices: Sequence[Notice], kept: timedelta, now: datetime) -> None:
    async with transaction():
        ends, last = await _meetings_end(notices), await _last_mails(notices)
        gone: list[int] = []
        emptied: defaultdict[datetime, list[int]] = defaultdict(list)
        held: defaultdict[datetime, list[int]] = defaultdict(list)
        for notice in notices:
            at = notice.sent_at or notice.created_at
            content_until = at + (CONTENT_KEPT if notice.state is NoticeState.SENT else LOST_CONTENT_KEPT)
            until = max(at + _lifetime(notice, kept), ends.get(_meeting(notice), at))
            if content_until > now:  # it was held when it was given up
                held[content_until].append(notice.id)
            elif until > now:
                emptied[_midnight_after(until)].append(notice.id)
            elif notice.id in last:
                emptied[_midnight_after(now + kept)].append(notice.id)
            else:
                gone.append(notice.id)
        for until, numbers in held.items():
            await Notice.filter(id__in=numbers).update(held_until=until)
        for until, numbers in emptied.items():
            await Notice.filter(id__in=numbers).update(facts={}, frozen=None, held_until=until)
        await Notice.filter(id__in=[0, *gone]).delete()
        erased()


def _lifetime(notice: Notice, kept: timedelta) -> timedelta:
    return OF_THE_MOMENT_KEPT if notice.kind in OF_THE_MOMENT else kept


def _midnight_after(moment: datetime) -> datetime:
    """So that many have the same."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(0), UTC)


def _meeting(notice: Notice) -> int | None:
    """The meeting that the notice is about, or that a mail takes out of the calendar of somebody who has lost their seat."""
    if notice.template == SEAT_LOST and notice.kind is NoticeKind.CALENDAR_MAIL:
        what, _, number = notice.key.rpartition(":mail:")
        return int(number) if what else None
    what, _, number = (notice.about or "").partition(":")
    return int(number) if what in ABOUT_MEETINGS else None


async def _meetings_end(notices: Collection[Notice]) -> dict[int | None, datetime]:
    wanted = {number for notice in notices if (number := _meeting(notice)) is not None}
    return dict(await Meeting.filter(id__in=[0, *wanted]).values_list("id", "ends_at"))


async def _last_mails(notices: Collection[Notice]) -> set[int]:
    """The last mails to each of these people, one that left and one that could not, and the last that told of unread messages."""
    people = sorted({notice.person_id for notice in notices if notice.kind in MAILS and notice.person_id is not None})
    if not people:
        return set()
    rows = await execute(_LAST_MAILS.format(places=places(people)), list(people))
    return {number for row in rows for number in row.values() if number is not None}
