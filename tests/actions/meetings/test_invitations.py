from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime

import pytest

from bot.actions.meetings import invitations, meetings, moving
from bot.actions.meetings.invitations import DeputyUnknown, EverybodyInvited, Rescheduled, ShortNotice
from bot.actions.meetings.meetings import MeetingOver
from bot.rules import facts as typed
from bot.rules.facts import AnswerLink, Plain
from bot.rules.refusals import NotAllowed, NotFoundHere, TooLong
from storage.db import unit_of_work
from storage.models import Attendance, Body, FeedCache, GroupChat, Meeting, Membership, Notice
from storage.models import Person as Somebody
from storage.vocabulary import Answer, Network, NoticeKind, NoticeState, Role
from tests.actions import cast
from tests.actions.cast import LAND, OUTSIDERS, Town, untyped
from tests.actions.gathering import (
    DAY,
    EVERYBODY,
    HOUR,
    MAIL,
    MESSAGE,
    MINUTE,
    TUESDAY,
    WEDNESDAY,
    WITH_MAIL,
    invited,
    inviting,
    moved,
    scheduled,
    sequence,
    to_be_told,
    utc,
)
from tests.actions.invented import a_body, a_meeting, a_person, a_seat
from tests.conftest import Counted

Counting = Callable[[], AbstractContextManager[Counted]]


# --- the invitation -----------------------------------------------------------------------------------------------------


async def test_invite_reaches_every_seat_once_by_chat_and_by_mail_where_there_is_one(town: Town, now: datetime) -> None:
    await a_seat(town.ben, town.tk, Role.MINUTE_TAKER)
    meeting = await scheduled(town, now)

    facts = await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    told = await cast.told(f"meeting:{meeting}")
    assert sorted(told) == sorted(
        [("meetings/invitation", name, MESSAGE) for name in EVERYBODY]
        + [("meetings/invitation", name, MAIL) for name in WITH_MAIL]
    )
    assert (facts["people"], facts["short_notice_reason"], facts["meeting"]["state"]) == (6, False, "invited")
    assert list(untyped(facts)) == []


async def test_invite_notes_who_was_invited_for_whom(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    rows = {row.person_id: row for row in await Attendance.filter(meeting_id=meeting)}
    assert set(rows) == {town.person(name.lower()).id for name in EVERYBODY}
    assert {row.answer for row in rows.values()} == {Answer.OPEN}
    assert (rows[town.ben.id].organisation_id, rows[town.dora.id].organisation_id) == (town.caritas.id, None)
    assert {row.invited_at for row in rows.values()} == {now}


async def test_invite_makes_calendar_objects_of_what_the_meeting_is(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)

    row = await Meeting.get(id=meeting)
    attendance = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    mail = await cast.facts_for("meetings/invitation", town.ben, MAIL)
    chat = await cast.facts_for("meetings/invitation", town.ben)
    assert mail["link"] == AnswerLink(attendance.id, meeting)
    assert mail["calendar"] == {
        "method": "REQUEST",
        "answer": "open",
        "code": "TK",
        "to": "ben@lindental.example",
        "uid": row.uid,
        "organizer": None,
        "sequence": 0,
        "title": "1. Trägerkonferenz",
        "starts": utc(TUESDAY),
        "ends": utc(TUESDAY) + 90 * MINUTE,
        "zone": "Europe/Berlin",
        "status": "confirmed",
        "place": "Rathaus",
        "join_link": "https://video.example/tk",
        "path": f"/sitzung/{meeting}",
        "created": now,
        "last_modified": now,
        "stamp": now,
    }
    assert chat["document"] == {
        "type": "calendar",
        **{key: mail["calendar"][key] for key in mail["calendar"] if key not in ("method", "to", "answer")},
    }
    assert [list(untyped(typed.decode(notice.facts))) for notice in await Notice.all()] == [[]] * 8


async def test_inviting_again_tells_nobody_twice(town: Town, now: datetime) -> None:
    meeting = await inviting(town, now)
    before = await Notice.all().count()

    again = await invitations.invite(by=town.ada, meeting=meeting, land=LAND, now=now + HOUR)

    assert (again["people"], await Notice.all().count(), await sequence(meeting)) == (0, before, 0)


async def test_inviting_again_reaches_those_who_came_since(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await a_seat(town.nora, town.tk)

    check = await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    again = await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now + HOUR)

    assert (check["people"], again["people"]) == (1, 1)
    assert await to_be_told() == [("meetings/invitation", "Nora")]


async def test_invite_keeps_the_notice_period_to_the_day(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)  # 18 to 24 November: five whole days between

    await Body.filter(id=town.tk.id).update(rules={"notice_days": 5})
    kept = await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 6})
    short = await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert (kept["short"], kept["days"], kept["people"]) == (False, None, 6)
    assert (short["short"], short["days"], short["people"]) == (True, 6, 6)
    assert list(untyped(short)) == []


async def test_invite_at_short_notice_needs_a_reason(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 7})
    meeting = await scheduled(town, now)

    for reason in (None, "", " \n"):
        with pytest.raises(ShortNotice) as refused:
            await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason=reason)
        assert refused.value.facts == {"days": 7, "code": Plain("TK"), "id": meeting}
    with pytest.raises(TooLong):
        await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason="x" * 501)
    assert await cast.told() == []

    facts = await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now, reason="Haushaltssperre")

    assert facts["short_notice_reason"] is True
    assert (await Meeting.get(id=meeting)).short_notice_reason == "Haushaltssperre"


async def test_invitation_to_a_meeting_within_36_hours_is_urgent(town: Town, now: datetime) -> None:
    soon = datetime(2026, 11, 19, 21, 0)  # noqa: DTZ001  # wall time: in 36 hours
    near, far = await inviting(town, now, soon), await inviting(town, now, soon + MINUTE)

    urgent = {
        number: {row.urgent for row in await Notice.filter(about=f"meeting:{number}", kind=MESSAGE)}
        for number in (near, far)
    }
    assert urgent == {near: {True}, far: {False}}


async def test_notice_period_is_no_matter_for_those_who_came_since(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 14})
    await a_seat(town.nora, town.tk)

    check = await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)
    await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert check["short"] is False
    assert await to_be_told() == [("meetings/invitation", "Nora")]


async def test_notice_period_counts_working_days_without_holidays(town: Town, now: datetime) -> None:
    await Body.filter(id=town.tk.id).update(rules={"notice_days": 3, "notice_counts": "working"})
    monday = await scheduled(town, now, datetime(2026, 12, 28, 9, 0))  # noqa: DTZ001  # wall time
    before_christmas = datetime(2026, 12, 22, 12, 0, tzinfo=UTC)

    checks = [
        await invitations.notice_check(by=town.anna, meeting=monday, land=LAND, now=at)
        for at in (before_christmas, before_christmas - DAY)
    ]

    assert [check["short"] for check in checks] == [True, False]


async def test_there_is_nobody_to_invite_when_everybody_is(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    with pytest.raises(EverybodyInvited):
        await invitations.notice_check(by=town.anna, meeting=meeting, land=LAND, now=now)


async def test_invite_is_refused_to_all_but_leading_seats(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await invitations.invite(by=town.person(name), meeting=meeting, land=LAND, now=now)
        with pytest.raises(NotAllowed):
            await invitations.notice_check(by=town.person(name), meeting=meeting, land=LAND, now=now)
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await invitations.invite(by=town.person(name), meeting=meeting, land=LAND, now=now)
    with pytest.raises(NotFoundHere):
        await invitations.invite(by=town.anna, meeting=999, land=LAND, now=now)
    assert await cast.told() == []


async def test_invite_to_what_cannot_be_attended_is_refused(town: Town, now: datetime) -> None:
    meeting = await scheduled(town, now)

    with pytest.raises(MeetingOver) as begun:
        await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=utc(TUESDAY))
    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    with pytest.raises(MeetingOver) as cancelled:
        await invitations.invite(by=town.anna, meeting=meeting, land=LAND, now=now)

    assert [refused.value.facts for refused in (begun, cancelled)] == [{"state": "scheduled"}, {"state": "cancelled"}]


# --- answers ------------------------------------------------------------------------------------------------------------


async def test_answer_is_written_and_the_last_one_counts(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.DECLINED, now=now)

    facts = await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + HOUR)

    row = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    assert (row.answer, row.answered_at, row.answered_by_id) == (Answer.ACCEPTED, now + HOUR, town.ben.id)
    assert (facts["answer"], facts["for_whom"], facts["counts"]["accepted"], facts["counts"]["open"]) == (
        "accepted",
        None,
        1,
        5,
    )
    assert list(untyped(facts)) == []


async def test_answering_twice_changes_nothing_and_tells_nobody(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    twice = [
        await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + delay * MINUTE)
        for delay in range(2)
    ]

    assert twice[0] == twice[1]
    assert (await to_be_told(), await sequence(meeting)) == ([], 0)


async def test_answer_for_somebody_who_phoned(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await invitations.answer(
        by=town.ada, meeting=meeting, answer=Answer.TENTATIVE, now=now, person=town.carla.id
    )

    row = await Attendance.get(meeting_id=meeting, person_id=town.carla.id)
    assert (row.answer, row.answered_by_id, facts["for_whom"]) == (Answer.TENTATIVE, town.ada.id, "Carla Cramer")
    assert list(untyped(facts)) == []


async def test_answer_for_somebody_who_phoned_says_who_wrote_it_down(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.anna, meeting=meeting, answer=Answer.DECLINED, now=now, person=town.ben.id)
    await invitations.answer(by=town.carla, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    listed = (await invitations.answers(by=town.anna, meeting=meeting, now=now))["people"]
    by = {str(entry["name"]): entry["entered_by"] and str(entry["entered_by"]) for entry in listed}
    assert {name: entered for name, entered in by.items() if entered} == {"Ben Özdemir": "Anna Arendt"}
    assert str((await meetings.view(by=town.ben, meeting=meeting, now=now))["entered_by"]) == "Anna Arendt"
    assert (await meetings.view(by=town.carla, meeting=meeting, now=now))["entered_by"] is None

    await moved(town, meeting, now)

    assert (await meetings.view(by=town.ben, meeting=meeting, now=now))["entered_by"] is None


async def test_answer_to_another_time_than_the_meetings_is_refused(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now, shown=utc(TUESDAY))
    await moved(town, meeting, now)

    with pytest.raises(Rescheduled) as refused:
        await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now, shown=utc(TUESDAY))

    assert refused.value.facts["meeting"]["starts"] == utc(WEDNESDAY)
    assert (await Attendance.get(meeting_id=meeting, person_id=town.ben.id)).answer is Answer.OPEN
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now, shown=utc(WEDNESDAY))


async def test_answer_for_oneself_by_number_is_ones_own(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now, person=town.ben.id)

    assert facts["for_whom"] is None


async def test_answer_is_refused_to_who_may_not_give_it(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    yes = {"meeting": meeting, "answer": Answer.ACCEPTED, "now": now}

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await invitations.answer(by=town.person(name), person=town.carla.id, **yes)  # type: ignore[arg-type]  # of every type
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await invitations.answer(by=town.person(name), **yes)  # type: ignore[arg-type]  # of every type
    with pytest.raises(NotFoundHere):
        await invitations.answer(by=town.anna, person=town.nora.id, **yes)  # type: ignore[arg-type]  # of every type
    with pytest.raises(NotFoundHere):
        await invitations.answer(by=town.anna, meeting=999, answer=Answer.ACCEPTED, now=now)
    assert await Attendance.exclude(answer=Answer.OPEN).count() == 0


async def test_answer_from_a_seat_that_was_not_invited_is_refused(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await a_seat(town.nora, town.tk)

    with pytest.raises(NotFoundHere):
        await invitations.answer(by=town.nora, meeting=meeting, answer=Answer.ACCEPTED, now=now)


async def test_answer_is_taken_until_the_end_and_not_when_called_off(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    ends = utc(TUESDAY) + 90 * MINUTE

    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.DECLINED, now=ends - MINUTE)
    with pytest.raises(MeetingOver):
        await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=ends)
    await moving.cancel(by=town.anna, meeting=meeting, reason="Streik", now=now)
    with pytest.raises(MeetingOver) as refused:
        await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    assert refused.value.facts == {"state": "cancelled"}


async def test_card_of_the_group_shows_the_latest_counts_in_one_row(town: Town, now: datetime) -> None:
    await GroupChat.create(body=town.tk, network=Network.WEBCHAT, chat_id=-5, thread_id=3, linked_at=now)
    meeting = await inviting(town, now)
    await Notice.filter(kind=NoticeKind.CARD).update(state=NoticeState.SENT, message_id=12)

    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    card = await Notice.get(kind=NoticeKind.CARD)
    facts = typed.decode(card.facts)
    assert (card.state, card.message_id, card.chat_id, card.thread_id) == (NoticeState.WAITING, 12, -5, 3)
    assert (facts["counts"]["accepted"], facts["meeting"]["title"]) == (1, "1. Trägerkonferenz")
    assert list(untyped(facts)) == []


async def test_deputies_are_the_standing_one_and_colleagues_who_are_not_invited(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    gone = await a_person("Gerd Gegangen", left_at=now)
    await a_seat(gone, town.srt, organisation=town.caritas)
    former = await a_person("Fred Früher")
    await Membership.create(
        body=town.srt,
        person=former,
        organisation=town.caritas,
        role=Role.MEMBER,
        begins_on=date(2026, 1, 1),
        ends_on=cast.YESTERDAY,
    )

    facts = await invitations.deputies(by=town.ben, meeting=meeting, now=now)

    assert [person["name"] for person in facts["people"]] == ["Vera Vogt", "Kim Krause"]
    assert facts["for_whom"] is None
    assert list(untyped(facts)) == []


async def test_delegate_invites_the_deputy_who_sees_the_meeting_from_then_on(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    facts = await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)

    own = await Attendance.get(meeting_id=meeting, person_id=town.ben.id)
    hers = await Attendance.get(meeting_id=meeting, person_id=town.vera.id)
    told = await cast.facts_for("meetings/invitation_as_deputy", town.vera)
    assert (own.answer, own.deputy_id) == (Answer.DELEGATED, town.vera.id)
    assert (hers.deputy_for_id, hers.organisation_id, hers.answer) == (town.ben.id, town.caritas.id, Answer.OPEN)
    assert (facts["answer"], facts["deputy"], facts["for_whom"]) == ("delegated", "Vera Vogt", None)
    assert (told["instead_of"], await to_be_told()) == ("Ben Özdemir", [("meetings/invitation_as_deputy", "Vera")])
    assert (await meetings.view(by=town.vera, meeting=meeting, now=now))["answer"] == "open"
    assert [list(untyped(facts)), list(untyped(told))] == [[], []]


async def test_delegating_twice_tells_the_deputy_once(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for person in (town.vera, town.vera, town.kim, town.kim):
        await invitations.delegate(by=town.ben, meeting=meeting, deputy=person.id, now=now)

    assert await to_be_told() == [
        ("meetings/invitation_as_deputy", "Vera"),
        ("meetings/deputy_released", "Vera"),
        ("meetings/invitation_as_deputy", "Kim"),
    ]


async def test_deputy_with_a_seat_of_their_own_hears_of_everybody_for_whom_they_are_to_come(
    town: Town, now: datetime
) -> None:
    both = [town.ben, town.gesa]
    await Membership.filter(person_id__in=[person.id for person in both]).update(deputy_id=town.carla.id)
    meeting = await invited(town, now)

    told = []
    for person in both * 2:
        await invitations.delegate(by=person, meeting=meeting, deputy=town.carla.id, now=now)
        told.append(await to_be_told())
        await cast.all_sent()

    assert told == [[("meetings/invitation_as_deputy", "Carla")], [("meetings/invitation_as_deputy", "Carla")], [], []]
    assert (await cast.facts_for("meetings/invitation_as_deputy", town.carla))["instead_of"] == "Gesa Güler"


async def test_delegate_refuses_who_stands_in_for_somebody_else(town: Town, now: datetime) -> None:
    await Membership.filter(person_id=town.carla.id, body_id=town.tk.id).update(deputy_id=town.vera.id)
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)

    offered = (await invitations.deputies(by=town.carla, meeting=meeting, now=now))["people"]
    with pytest.raises(DeputyUnknown):
        await invitations.delegate(by=town.carla, meeting=meeting, deputy=town.vera.id, now=now)

    assert town.vera.id not in [choice["id"] for choice in offered]
    again = await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    assert str(again["deputy"]) == "Vera Vogt"


async def test_feed_of_a_deputy_follows_the_meeting(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await FeedCache.create(person=town.vera)

    async def is_stale_after(change: Awaitable[object]) -> bool:
        await FeedCache.all().update(stale=False)
        await change
        return (await FeedCache.get()).stale

    named = invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    assert await is_stale_after(named)
    assert await is_stale_after(moved(town, meeting, now))
    assert await is_stale_after(invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now))


async def test_delegate_for_somebody_who_phoned(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    choices = await invitations.deputies(by=town.anna, meeting=meeting, now=now, person=town.ben.id)
    facts = await invitations.delegate(by=town.anna, meeting=meeting, deputy=town.vera.id, now=now, person=town.ben.id)

    assert (choices["for_whom"], facts["for_whom"]) == ("Ben Özdemir", "Ben Özdemir")
    assert (await Attendance.get(meeting_id=meeting, person_id=town.ben.id)).answered_by_id == town.anna.id


async def test_delegate_refuses_who_cannot_come_instead(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for deputy in (town.nora.id, town.emil.id, town.carla.id, town.ben.id, 999):
        with pytest.raises(DeputyUnknown):
            await invitations.delegate(by=town.ben, meeting=meeting, deputy=deputy, now=now)
    for name in (*OUTSIDERS, "vera"):
        with pytest.raises(NotFoundHere):
            await invitations.delegate(by=town.person(name), meeting=meeting, deputy=town.kim.id, now=now)
    with pytest.raises(MeetingOver):
        await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=utc(TUESDAY) + 2 * HOUR)
    assert await to_be_told() == []


async def test_who_comes_after_all_releases_the_deputy_with_a_cancel(town: Town, now: datetime) -> None:
    await Somebody.filter(id=town.vera.id).update(mail="vera@lindental.example")
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()

    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now + HOUR)

    request = await cast.facts_for("meetings/invitation_as_deputy", town.vera, MAIL)
    cancel = await cast.facts_for("meetings/deputy_released", town.vera, MAIL)
    assert await to_be_told() == [("meetings/deputy_released", "Vera"), ("meetings/deputy_released", "Vera")]
    assert (cancel["calendar"]["method"], cancel["calendar"]["status"]) == ("CANCEL", "cancelled")
    assert (request["calendar"]["sequence"], cancel["calendar"]["sequence"]) == (0, 1)
    assert cancel["calendar"]["stamp"] > request["calendar"]["stamp"]
    assert await Attendance.filter(person_id=town.vera.id).count() == 0


async def test_released_deputy_is_told_so_even_when_the_meeting_moves_at_once(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await cast.all_sent()
    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    await moved(town, meeting, now)

    assert ("meetings/deputy_released", "Vera") in await to_be_told()
    assert ("meetings/moved", "Vera") not in await to_be_told()


async def test_deputy_who_sits_there_too_is_not_released(town: Town, now: datetime) -> None:
    await Membership.filter(person_id=town.ben.id).update(deputy_id=town.carla.id)
    meeting = await invited(town, now)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.carla.id, now=now)
    await cast.all_sent()

    await invitations.answer(by=town.ben, meeting=meeting, answer=Answer.ACCEPTED, now=now)

    assert await to_be_told() == []
    assert (await Attendance.get(meeting_id=meeting, person_id=town.carla.id)).answer is Answer.OPEN


async def test_answers_are_listed_as_the_telephone_book_would(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Attendance.create(meeting_id=meeting, guest_name="Prof. Gast", answer=Answer.ACCEPTED)
    await invitations.delegate(by=town.ben, meeting=meeting, deputy=town.vera.id, now=now)
    await a_seat(town.nora, town.tk)

    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)

    assert [(person["name"], person["answer"], person["deputy"]) for person in facts["people"]] == [
        ("Anna Arendt", "open", None),
        ("Carla Cramer", "open", None),
        ("Dora Dietz", "open", None),
        ("Gesa Güler", "open", None),
        ("Ada Öhler", "open", None),
        ("Ben Özdemir", "delegated", "Vera Vogt"),
        ("Prof. Gast", "accepted", None),
        ("Vera Vogt", "open", None),
    ]
    assert (facts["newcomers"], facts["may_answer"]) == (1, True)
    assert [person["organisation"] for person in facts["people"] if person["name"] == "Ben Özdemir"] == [
        "Caritas Lindental"
    ]
    assert list(untyped(facts)) == []


async def test_answers_say_who_was_not_reached(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)
    await Notice.filter(person_id=town.carla.id).update(state=NoticeState.DEAD)
    await Notice.filter(person_id=town.ben.id, kind=MESSAGE).update(state=NoticeState.DEAD)

    facts = await invitations.answers(by=town.anna, meeting=meeting, now=now)

    assert [person["name"] for person in facts["people"] if person["unreached"]] == ["Carla Cramer"]


async def test_answers_are_shown_only_to_those_who_invite(town: Town, now: datetime) -> None:
    meeting = await invited(town, now)

    for name in ("ben", "dora", "gesa"):
        with pytest.raises(NotAllowed):
            await invitations.answers(by=town.person(name), meeting=meeting, now=now)
    for name in OUTSIDERS:
        with pytest.raises(NotFoundHere):
            await invitations.answers(by=town.person(name), meeting=meeting, now=now)


# --- what it costs ------------------------------------------------------------------------------------------------------


async def test_invitation_of_a_large_body_costs_no_more_than_of_a_small_one(
    town: Town, now: datetime, statements: Counting
) -> None:
    costs = []
    for size in (1, 3):
        body = await a_body(f"AG{size}", "Arbeitsgruppe")
        await a_seat(town.anna, body, Role.CHAIR)
        for number in range(size):
            await a_seat(await a_person(f"Mit{size}{number} Glied", mail=f"m{size}{number}@x.example"), body)
        meeting = await a_meeting(body, "2026-11-24T14:30")
        with statements() as counted:
            await unit_of_work(lambda: invitations.invite(by=town.anna, meeting=meeting.id, land=LAND, now=now))  # noqa: B023  # called at once
        costs.append((len(counted.statements), counted.commits))

    assert costs[0] == costs[1]
    assert costs[0][1] == 1
