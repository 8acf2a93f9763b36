"""How people and groups come and go on Telegram, which the strict Bot API server plays, in the sample town.

Petra Wimmer leads the RLK, Monika Zeiler is her deputy there, Stefan Aumüller is a member.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from bot.actions.accounts import sessions
from bot.actions.meetings import invitations, meetings, moving
from bot.app import assemble
from bot.config import Settings, WebSettings
from bot.webchat import people, reading, rooms
from bot.webchat.objects import User
from storage import db
from storage.models import Body, Channel, GroupChat, Meeting, Membership, Notice, OneTimeToken, Person, WebSession
from storage.models.webchat import WebchatChat
from storage.vocabulary import Answer, Network, NoticeKind, NoticeState, TokenPurpose
from tests import telegram_client
from tests.stage import STRANGER, STRANGER_ID, Button, Clock, Heard, Stage, raise_curtain

PETRA, MONIKA, STEFAN = "Petra Wimmer", "Monika Zeiler", "Stefan Aumüller"
GROUP = -500


@pytest.fixture
async def stage(store: str, now: datetime) -> AsyncIterator[Stage]:  # noqa: ARG001  # the store must be open
    made = await raise_curtain(network=Network.TELEGRAM, moment=now)
    yield made
    await made.faden.stop()


async def last(stage: Stage, chat: int) -> Heard:
    """What came or changed last in a chat."""
    return max(await stage.heard(chat), key=lambda heard: heard.change)


async def lines(stage: Stage, chat: int) -> list[str]:
    return (await last(stage, chat)).text.splitlines()


async def invitation(stage: Stage, who: str) -> str:
    """What stands behind /start in an invitation for somebody whose Telegram is not linked yet."""
    await Channel.filter(person_id=stage.people[who].id, network=Network.TELEGRAM).delete()
    return await sessions.issue(person=stage.people[who].id, purpose=TokenPurpose.INVITATION, now=stage.clock.moment)


async def accounts(stage: Stage, who: str) -> list[tuple[str, str, str]]:
    found = await Channel.filter(person_id=stage.people[who].id).order_by("id")
    return [(channel.network.value, channel.address, channel.state.value) for channel in found]


async def code(stage: Stage, who: str, data: str) -> None:
    """Press a button with that code in one's own chat."""
    await stage.presses(who, Button(label=data, message_id=0, data=data))


# --- coming -----------------------------------------------------------------------------------------------------------


async def test_link_shows_the_privacy_notice_and_gelesen_leads_to_the_menu(stage: Stage) -> None:
    token = await invitation(stage, STEFAN)

    await stage.says(STRANGER, f"/start {token}")
    notice = await lines(stage, STRANGER_ID)
    waiting = await accounts(stage, STEFAN)
    await stage.presses(STRANGER, await stage.button(STRANGER_ID, "Gelesen"))

    assert notice[:2] == ["Guten Tag, Stefan Aumüller! Schön, dass Sie da sind.", "Datenschutz in Kürze"]
    assert waiting == [("telegram", str(STRANGER_ID), "unlinked")]
    assert await accounts(stage, STEFAN) == [("telegram", str(STRANGER_ID), "active")]
    assert (await lines(stage, STRANGER_ID))[0] == "Guten Tag, Stefan Aumüller!"


async def test_account_that_has_not_read_the_notice_is_a_stranger(stage: Stage) -> None:
    await stage.says(STRANGER, f"/start {await invitation(stage, STEFAN)}")

    await stage.says(STRANGER, "/termine")

    assert (await lines(stage, STRANGER_ID))[0].startswith(
        "Guten Tag, ich bin Faden. Ich kenne dieses Konto noch nicht."
    )


async def test_gelesen_without_an_invitation_is_refused(stage: Stage) -> None:
    await stage.says(STRANGER, "/start")

    with pytest.raises(AssertionError, match="there is no"):
        await stage.button(STRANGER_ID, "Gelesen")
    assert await Channel.filter(address=str(STRANGER_ID)).count() == 0


async def test_language_comes_from_the_client(stage: Stage) -> None:
    token = await invitation(stage, STEFAN)
    user = User(id=77, first_name="S", language_code="en-GB")

    await people.writes(stage.server, user, 77, f"/start {token}")
    await stage.settle()
    notice = await last(stage, 77)
    (button,) = [button for row in notice.buttons for button in row if button.data]
    await people.presses(stage.server, user, 77, notice.message_id, button.data or "")
    await stage.settle()

    assert notice.text.splitlines()[0] == "Hello Stefan Aumüller! Good to have you here."
    assert (await Person.get(id=stage.people[STEFAN].id)).language == "en"
    assert (await lines(stage, 77))[0] == "Hello Stefan Aumüller!"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("/datenschutz", "Privacy"),
        ("/privacy", "Privacy"),
        ("/start " + "x" * 43, "This link or code does not work any more"),
        ("/termine", "Hello, I am Faden."),
    ],
)
async def test_stranger_is_answered_in_the_language_of_their_client(stage: Stage, text: str, first: str) -> None:
    await people.writes(stage.server, User(id=77, first_name="S", language_code="en-GB"), 77, text)
    await stage.settle()

    assert (await lines(stage, 77))[0].startswith(first)


@pytest.mark.parametrize("why", ["used", "expired", "invented"])
async def test_link_that_does_not_work_says_so(stage: Stage, why: str) -> None:
    token = await invitation(stage, STEFAN) if why != "invented" else "x" * 43
    if why == "used":
        await OneTimeToken.all().update(used_at=stage.clock.moment)
    elif why == "expired":
        stage.clock.moment += timedelta(days=14)

    await stage.says(STRANGER, f"/start {token}")

    told = (await last(stage, STRANGER_ID)).text
    assert told.startswith("Dieser Link oder Code gilt nicht mehr: Er ist schon benutzt, oder die Zeit ist um.")


async def test_link_for_somebody_else_on_a_linked_account_is_refused_and_still_works(stage: Stage) -> None:
    token = await invitation(stage, STEFAN)

    await stage.says(MONIKA, f"/start {token}")

    assert await lines(stage, stage.chat(MONIKA)) == ["Dieses Konto ist schon mit einer anderen Person verknüpft."]
    assert await OneTimeToken.filter(used_at=None).count() == 1


async def test_level_0_sends_to_the_browser(stage: Stage) -> None:
    token = await invitation(stage, STEFAN)
    await Person.filter(id=stage.people[STEFAN].id).update(level=0)

    await stage.says(STRANGER, f"/start {token}")

    assert await lines(stage, STRANGER_ID) == [
        "Faden läuft für Sie im Browser: Bitte öffnen Sie den Link aus der Einladung dort."
    ]
    assert await accounts(stage, STEFAN) == []


async def test_lead_invites_from_the_list_of_seats(stage: Stage) -> None:
    await Channel.filter(person_id=stage.people[STEFAN].id).delete()
    chat = stage.chat(PETRA)
    await stage.says(PETRA, "/organisieren")
    for label in ("RLK", "👤 Mitgliedschaften", "Stefan Aumüller", "🔗 Zu Faden einladen"):
        await stage.presses(PETRA, await stage.button(chat, label))

    told = await lines(stage, chat)

    token = told[2].rpartition("/")[2]
    assert told[0] == "🔗 Einladung für Stefan Aumüller"
    assert told[2:5] == [
        f"https://faden.example.org/einladung/{token}",
        "Oder auf Telegram:",
        f"https://t.me/FadenBot?start={token}",
    ]
    assert await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=stage.clock.moment) == (
        stage.people[STEFAN].id
    )


async def test_who_has_joined_gets_the_link_and_the_lead_is_told_so(stage: Stage) -> None:
    chat = stage.chat(PETRA)
    await stage.says(PETRA, "/start")
    await code(stage, PETRA, f"oi:{stage.people[STEFAN].id}")

    assert (await lines(stage, chat))[:3] == [
        "🔗 Einladung für Stefan Aumüller",
        "Diese Person war schon bei Faden.",
        "Der Link ist in ihrem eigenen Chat, nur für sie selbst.",
    ]
    assert "einladung/" not in (await last(stage, chat)).text
    told = await lines(stage, stage.chat(STEFAN))
    assert told[0] == "🔗 Einladung zu Faden, von Petra Wimmer"
    token = told[2].rpartition("/")[2]
    assert await sessions.consume(token=token, purpose=TokenPurpose.INVITATION, now=stage.clock.moment) == (
        stage.people[STEFAN].id
    )


async def test_old_account_stays_until_gelesen_and_is_told(stage: Stage) -> None:
    token = await sessions.issue(
        person=stage.people[STEFAN].id, purpose=TokenPurpose.INVITATION, now=stage.clock.moment
    )

    await stage.says(STRANGER, f"/start {token}")
    await stage.says(STEFAN, "/termine")
    still = await lines(stage, stage.chat(STEFAN))
    await stage.presses(STRANGER, await stage.button(STRANGER_ID, "Gelesen"))

    assert still[0] == "Nächste Sitzungen"
    assert (await lines(stage, stage.chat(STEFAN)))[0] == "🔑 Neu verknüpft mit einer Einladung: Telegram"
    assert [where for where in await accounts(stage, STEFAN) if where[0] == "telegram"] == [
        ("telegram", str(STRANGER_ID), "active")
    ]


# --- the operator's code ----------------------------------------------------------------------------------------------


async def a_code(stage: Stage) -> str:
    return await sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=stage.clock.moment)


async def test_code_makes_an_administrator_of_somebody_who_is_known(stage: Stage) -> None:
    await stage.says(STEFAN, f"/start {await a_code(stage)}")

    assert (await lines(stage, stage.chat(STEFAN)))[0] == "✅ Sie gehören jetzt zur Verwaltung dieser Stadt."
    assert (await Person.get(id=stage.people[STEFAN].id)).administrator is True


async def test_code_sends_a_stranger_to_the_browser_and_still_works(stage: Stage) -> None:
    token = await a_code(stage)

    await stage.says(STRANGER, f"/start {token}")
    told = await last(stage, STRANGER_ID)
    await stage.says(STEFAN, f"/start {token}")

    assert told.text.startswith("Diesen Code nehme ich gern an, aber ich kenne dieses Konto noch nicht.")
    assert [button.label for row in told.buttons for button in row] == ["Zur Anmeldung"]
    assert (await Person.get(id=stage.people[STEFAN].id)).administrator is True


async def test_code_works_once(stage: Stage) -> None:
    token = await a_code(stage)
    await stage.says(STEFAN, f"/start {token}")

    await stage.says(MONIKA, f"/start {token}")

    assert (await lines(stage, stage.chat(MONIKA)))[0].startswith("Dieser Link oder Code gilt nicht mehr:")
    assert (await Person.get(id=stage.people[MONIKA].id)).administrator is False


async def test_fresh_installation_has_its_first_administrator_in_the_web_chat(
    store: str,  # noqa: ARG001  # it is open, and empty
    now: datetime,
) -> None:
    clock = Clock(now)
    settings = Settings(web=WebSettings(given_url="https://faden.example.org"))
    faden = await assemble(settings, key=b"k" * 32, domain_now=clock, machine_now=clock)
    operators = await sessions.issue(person=None, purpose=TokenPurpose.ADMINISTRATOR, now=now)
    introduction = {"given_name": "Ada", "family_name": "Öztürk", "mail": "ada@stadt.example"}
    operator: TestClient[Any, Any]
    async with TestServer(faden.application) as server:
        jar = CookieJar(unsafe=True, treat_as_secure_origin=server.make_url("/").origin())
        async with TestClient(server, cookie_jar=jar, headers={"Accept": "text/html"}) as operator:
            form = await operator.post("/einladung", data={"code": operators})
            made = await operator.post(form.url.path, data=introduction)
            chat = await operator.get("/chat?start=menu")
            page = await chat.text()
    ada = await Person.get()
    await faden.stop()

    assert [(form.url.path, form.status), made.status] == [(f"/einladung/{operators}", 200), 200]
    assert (chat.status, chat.url.path) == (200, "/chat")
    assert "Ada Öztürk" in page
    assert ada.administrator is True


# --- blocked ----------------------------------------------------------------------------------------------------------


async def test_who_blocks_telegram_is_told_in_the_web_chat_until_they_are_back(stage: Stage) -> None:
    stefan = stage.people[STEFAN]
    await sessions.begin(person=stefan.id, label="Firefox", now=stage.clock.moment)
    await rooms.enter(stage.faden.deliveries[Network.WEBCHAT].server, stefan, stage.clock.moment.date())
    meeting = await invited(stage)
    await stage.blocks(STEFAN)

    async def moved(day: str) -> str:
        await db.unit_of_work(
            lambda: moving.move(
                by=stage.people[PETRA],
                meeting=meeting.id,
                starts=datetime.fromisoformat(f"{day}T14:30"),
                minutes=None,
                now=stage.clock.moment,
            )
        )
        stage.clock.moment += timedelta(minutes=3)
        await stage.settle()
        told = (
            await Notice.filter(template="meetings/moved", person_id=stefan.id, kind=NoticeKind.MESSAGE)
            .order_by("-id")
            .first()
        )
        assert told is not None
        return f"{told.state.value} {told.network}"

    by_web_chat = await moved("2026-12-09")
    await stage.says(STEFAN, "/start")
    back = await moved("2026-12-16")

    assert (by_web_chat, back) == ("sent webchat", "sent telegram")


async def test_organisers_see_who_cannot_be_reached(stage: Stage) -> None:
    await Person.filter(id=stage.people[STEFAN].id).update(mail=None)
    await stage.blocks(STEFAN)
    meeting = await invited(stage)

    await code(stage, PETRA, f"mw:{meeting.id}")
    answers = await lines(stage, stage.chat(PETRA))
    await code(stage, PETRA, f"os:{meeting.body_id}")
    seats = [button.label for row in (await last(stage, stage.chat(PETRA))).buttons for button in row]

    assert [line for line in answers if "nicht erreicht" in line] == [
        "Stefan Aumüller (Stadtjugendamt Lindental) ⚠️ nicht erreicht"
    ]
    assert [label for label in seats if "⚠️" in label] == ["⚠️ Stefan Aumüller"]


# --- leaving ----------------------------------------------------------------------------------------------------------


async def test_lead_ends_a_seat_and_all_ways_in_end_with_the_last_one(stage: Stage) -> None:
    stefan = stage.people[STEFAN]
    held = await Membership.filter(person_id=stefan.id).select_related("body")
    await Membership.filter(id__in=[seat.id for seat in held if seat.body.code != "RLK"]).delete()
    await Membership.filter(deputy_id=stefan.id).update(deputy_id=None)
    await sessions.begin(person=stefan.id, label="Firefox", now=stage.clock.moment)
    chat = stage.chat(PETRA)
    await stage.says(PETRA, "/organisieren")
    for label in ("RLK", "👤 Mitgliedschaften", "Stefan Aumüller", "Mitgliedschaft beenden", "Ja, beenden"):
        await stage.presses(PETRA, await stage.button(chat, label))

    told = await lines(stage, chat)
    await stage.says(STEFAN, "/termine")

    assert told == [
        "✅ Die Mitgliedschaft von Stefan Aumüller in Regionalleiterkonferenz ist beendet.",
        "Es war der letzte Sitz: Anmeldungen, Kanäle und Kalender sind beendet.",
    ]
    assert (await lines(stage, stage.chat(STEFAN)))[0].startswith(
        "Guten Tag, ich bin Faden. Ich kenne dieses Konto noch"
    )
    assert await WebSession.filter(person_id=stefan.id).count() == 0


# --- groups -----------------------------------------------------------------------------------------------------------


async def invited(stage: Stage) -> Meeting:
    """A meeting of the RLK, its invitations sent."""
    petra, now = stage.people[PETRA], stage.clock.moment
    plan = meetings.Plan(starts=datetime(2026, 12, 2, 14, 30), minutes=90, format="presence", place="Raum 1")  # type: ignore[arg-type]  # noqa: DTZ001  # local wall time; the value of the vocabulary

    async def work() -> int:
        made = await meetings.schedule(by=petra, body="RLK", plan=plan, host="faden.example.org", now=now)
        number: int = made["meeting"]["id"]
        await invitations.invite(by=petra, meeting=number, land="NW", now=now, reason="Eilt")
        return number

    number = await db.unit_of_work(work)
    await stage.settle()
    return await Meeting.get(id=number)


async def added(stage: Stage, who: str, chat: int = GROUP) -> None:
    """Somebody opens a group and adds Faden, with the right to pin."""
    await GroupChat.filter(body__code="RLK", network=Network.TELEGRAM).delete()
    await telegram_client.create_group(stage.server, stage.user(who), chat, "Unsere Runde")
    await telegram_client.add_bot(stage.server, stage.user(who), chat, administrator=True)
    await stage.settle()


async def press_in_group(stage: Stage, who: str, chat: int, label: str) -> str | None:
    """Press a button in a group; gives the toast."""
    user = stage.user(who)
    button = await stage.button(chat, label)
    await telegram_client.join_group(stage.server, user, chat)
    made = await people.presses(stage.server, user, chat, button.message_id, button.data or "")
    await stage.settle()
    answer = await reading.answer_of(stage.server, made)
    assert answer is not None
    return answer.text


async def pinned(stage: Stage, chat: int) -> list[int]:
    found = await WebchatChat.get(network=stage.network, chat_id=chat)
    return [found.pinned_message_id] if found.pinned_message_id else []


async def test_chair_adds_the_bot_chooses_the_body_and_the_card_is_posted_and_pinned(stage: Stage) -> None:
    await invited(stage)
    await added(stage, PETRA)
    asked = await lines(stage, GROUP)

    await press_in_group(stage, PETRA, GROUP, "Regionalleiterkonferenz")

    heard = await stage.heard(GROUP)
    assert asked == ["Guten Tag! Welches Gremium ist das hier?"]
    assert heard[0].text.startswith("✅ Das ist jetzt die Gruppe: Regionalleiterkonferenz.")
    assert heard[1].text.splitlines()[1:3] == ["🗓 Mi, 02.12.2026 (KW 49), 14:30–16:00", "📍 Raum 1"]
    assert await pinned(stage, GROUP) == [heard[1].message_id]


async def test_group_becomes_a_supergroup_and_the_card_goes_on(stage: Stage) -> None:
    meeting = await invited(stage)
    await added(stage, PETRA)
    await press_in_group(stage, PETRA, GROUP, "Regionalleiterkonferenz")

    new = await telegram_client.upgrade_group_to_supergroup(stage.server, stage.user(PETRA), GROUP)
    await stage.settle()
    await code(stage, MONIKA, f"ma:{meeting.id}:accepted")
    stage.clock.moment += timedelta(seconds=10)
    await stage.settle()

    group = await GroupChat.get(body__code="RLK", network=Network.TELEGRAM)
    (card,) = await Notice.filter(kind=NoticeKind.CARD, about=f"meeting:{meeting.id}", chat_id=new)
    assert (group.chat_id, card.state) == (new, NoticeState.SENT)
    assert "✅ 1" in (await last(stage, new)).text


async def test_thrown_out_is_forgotten_and_nothing_is_posted_there(stage: Stage) -> None:
    meeting = await invited(stage)
    await added(stage, PETRA)
    await press_in_group(stage, PETRA, GROUP, "Regionalleiterkonferenz")
    before = len(await stage.heard(GROUP))

    await telegram_client.kick_bot(stage.server, stage.user(PETRA), GROUP)
    await stage.settle()
    await code(stage, MONIKA, f"ma:{meeting.id}:{Answer.ACCEPTED}")

    assert await GroupChat.filter(body__code="RLK", network=Network.TELEGRAM).count() == 0
    assert len(await stage.heard(GROUP)) == before
    assert await Notice.filter(state=NoticeState.DEAD, chat_id=GROUP).count() == 0


@pytest.mark.parametrize("level", [0, 1])
async def test_body_at_level_1_or_below_is_not_offered_nor_linked(stage: Stage, level: int) -> None:
    await Body.filter(code__in=["RLK", "SRT-Nord"]).update(level=level)
    rlk = await Body.get(code="RLK")

    await added(stage, PETRA)
    asked = await last(stage, GROUP)
    made = await people.presses(stage.server, stage.user(PETRA), GROUP, asked.message_id, f"gl:{rlk.id}")
    await stage.settle()

    assert (
        asked.text == "Guten Tag! Hier darf von Ihren Gremien nichts stehen: Ihre Datenschutz-Stufe lässt es nicht zu."
    )
    assert asked.buttons == ()
    answer = await reading.answer_of(stage.server, made)
    assert answer is not None
    assert answer.text == "Hier darf von diesem Gremium nichts stehen: Seine Datenschutz-Stufe lässt es nicht zu."
    assert await GroupChat.filter(body_id=rlk.id, network=Network.TELEGRAM).count() == 0


async def test_member_adds_the_bot_and_learns_who_links_it(stage: Stage) -> None:
    await added(stage, "Miriam Haslinger")

    assert await lines(stage, GROUP) == ["Guten Tag! Diese Gruppe verknüpft, wer ein Gremium leitet."]


async def test_member_cannot_press_the_chairs_choice(stage: Stage) -> None:
    await added(stage, PETRA)

    toast = await press_in_group(stage, STEFAN, GROUP, "Regionalleiterkonferenz")

    assert toast == "Das dürfen in RLK nur Leitung, stellvertretende Leitung und Geschäftsführung."
    assert await GroupChat.filter(body__code="RLK", network=Network.TELEGRAM).count() == 0


async def test_stranger_adds_the_bot(stage: Stage) -> None:
    await added(stage, STRANGER)

    assert (await lines(stage, GROUP))[0].startswith("Guten Tag, ich bin Faden. Ich kenne dieses Konto noch nicht.")
