from datetime import date, timedelta

import pytest

from bot.actions.accounts import sessions
from bot.web.settings import Preferences
from storage.db import unit_of_work
from storage.models import Person, WebSession
from storage.vocabulary import Network
from tests.web.conftest import Outside, Town, Visitor, get, link_web_chat, post, signed_in

FORM = {
    "version": "1",
    "language": "en",
    "quiet_from": "20:30",
    "quiet_until": "06:00",
    "absent_from": "2026-12-21",
    "absent_until": "2027-01-05",
    "preferred": "webchat",
}


async def test_settings_show_what_is_set(visitor: Visitor, town: Town, outside: Outside) -> None:
    await link_web_chat(town.ben, outside.domain)
    await signed_in(visitor, town.ben, outside)

    response = await get(visitor, "/einstellungen")

    text = await response.text()
    assert response.status == 200
    assert 'name="quiet_from" type="time" required value="19:00"' in text
    assert 'id="channel-webchat" name="preferred" value="webchat" checked' in text
    assert '<option value="de" lang="de" selected>' in text


async def test_saving_hands_the_whole_form_on(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)

    response = await post(visitor, "/einstellungen", FORM)
    shown = await get(visitor, response.headers["Location"])

    assert (response.status, response.headers["Location"]) == (303, "/einstellungen?saved")
    assert outside.preferences == [
        Preferences(
            language="en",
            quiet_from=20 * 60 + 30,
            quiet_until=6 * 60,
            absent_from=date(2026, 12, 21),
            absent_until=date(2027, 1, 5),
            preferred=Network.WEBCHAT,
            version=1,
        )
    ]
    assert '<p class="good" role="status">' in await shown.text()
    assert outside.woken == 1


async def test_saving_without_absence_and_channel(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)
    form = {**FORM, "absent_from": "", "absent_until": ""}
    del form["preferred"]

    await post(visitor, "/einstellungen", form)

    saved = outside.preferences[0]
    assert (saved.absent_from, saved.absent_until, saved.preferred) == (None, None, None)


async def test_absence_is_shown(visitor: Visitor, town: Town, outside: Outside) -> None:
    await Person.filter(id=town.ben.id).update(absent_from=date(2026, 12, 21), absent_until=date(2027, 1, 5))
    await signed_in(visitor, town.ben, outside)

    text = await (await get(visitor, "/einstellungen")).text()

    assert 'name="absent_from" type="date" value="2026-12-21"' in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"absent_until": ""},
        {"absent_until": "2026-12-20"},
        {"absent_from": "morgen"},
        {"language": "fr"},
        {"quiet_from": "spät"},
        {"preferred": "brieftaube"},
        {"version": ""},
    ],
)
async def test_mistakes_are_shown_and_nothing_is_saved(
    visitor: Visitor, town: Town, outside: Outside, wrong: dict[str, str]
) -> None:
    await signed_in(visitor, town.ben, outside)

    response = await post(visitor, "/einstellungen", {**FORM, **wrong})

    assert response.status == 422
    assert '<p class="mistake" role="alert">' in await response.text()
    assert outside.preferences == []


async def test_change_by_somebody_else_is_not_overwritten(visitor: Visitor, town: Town, outside: Outside) -> None:
    await Person.filter(id=town.ben.id).update(version=2)
    await signed_in(visitor, town.ben, outside)

    response = await post(visitor, "/einstellungen", FORM)

    assert response.status == 409
    assert outside.preferences == []


async def test_sessions_are_listed_and_this_one_is_marked(visitor: Visitor, town: Town, outside: Outside) -> None:
    await unit_of_work(lambda: sessions.begin(person=town.ben.id, label="Safari, iPhone", now=outside.machine))
    await unit_of_work(lambda: sessions.begin(person=town.anna.id, label="Opera, Linux", now=outside.machine))
    await signed_in(visitor, town.ben, outside)

    text = await (await get(visitor, "/einstellungen")).text()

    assert [label in text for label in ("Safari, iPhone", "Firefox, Linux", "Opera, Linux")] == [True, True, False]
    assert text.count("dieses Gerät") == 1


async def test_another_session_is_ended(visitor: Visitor, town: Town, outside: Outside) -> None:
    await unit_of_work(lambda: sessions.begin(person=town.ben.id, label="Safari, iPhone", now=outside.machine))
    await signed_in(visitor, town.ben, outside)
    phone = await WebSession.get(label="Safari, iPhone")

    response = await post(visitor, f"/einstellungen/geraete/{phone.id}/abmelden")

    assert response.headers["Location"] == "/einstellungen?ended"
    assert [session.label for session in await WebSession.all()] == ["Firefox, Linux"]


async def test_somebody_elses_session_is_not_found(visitor: Visitor, town: Town, outside: Outside) -> None:
    await unit_of_work(lambda: sessions.begin(person=town.anna.id, label="Opera, Linux", now=outside.machine))
    await signed_in(visitor, town.ben, outside)
    annas = await WebSession.get(label="Opera, Linux")

    response = await post(visitor, f"/einstellungen/geraete/{annas.id}/abmelden")

    assert response.status == 404
    assert await WebSession.exists(id=annas.id)


async def test_all_other_sessions_are_ended(visitor: Visitor, town: Town, outside: Outside) -> None:
    await unit_of_work(lambda: sessions.begin(person=town.ben.id, label="Safari, iPhone", now=outside.machine))
    await unit_of_work(lambda: sessions.begin(person=town.ben.id, label="Chrome, Android", now=outside.machine))
    await unit_of_work(lambda: sessions.begin(person=town.anna.id, label="Opera, Linux", now=outside.machine))
    await signed_in(visitor, town.ben, outside)

    await post(visitor, "/einstellungen/geraete/andere/abmelden")

    assert {session.label for session in await WebSession.all()} == {"Firefox, Linux", "Opera, Linux"}


async def test_session_is_prolonged_by_use_at_most_hourly(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)
    began = outside.machine
    outside.machine = began + timedelta(minutes=59)
    soon = await get(visitor, "/einstellungen")
    untouched = await WebSession.get()
    outside.machine = began + timedelta(minutes=61)
    later = await get(visitor, "/einstellungen")
    touched = await WebSession.get()

    assert "faden" not in soon.cookies
    assert untouched.seen_at == began
    assert later.cookies["faden"]["max-age"] == str(30 * 24 * 3600)
    assert touched.expires_at == outside.machine + timedelta(days=30)


async def test_session_ends_after_thirty_days_without_use(visitor: Visitor, town: Town, outside: Outside) -> None:
    await signed_in(visitor, town.ben, outside)
    outside.machine += timedelta(days=30)

    response = await get(visitor, "/einstellungen")

    assert response.headers["Location"] == "/anmelden"
