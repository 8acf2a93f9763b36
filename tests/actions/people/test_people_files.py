"""A list of people on its way through the chat, in the town of `cast`: Nora has no seat, and is its administrator here."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bot.actions.carrying import NotOverTelegram
from bot.actions.people import importing, people_files, people_reports
from bot.actions.people.people_files import AdministratorsOnly, ListTooLarge, Waiting
from bot.rules import facts as typed
from bot.rules import peoplefile
from bot.rules.facts import PersonName, Plain, Text
from bot.rules.mistakes import Mistake
from bot.rules.peoplefile import PeopleFile
from bot.rules.refusals import Outdated
from bot.rules.spreadsheet import BYTES
from storage import bells
from storage.models import Body, Dialogue, Membership, Notice, Organisation, Person
from storage.vocabulary import Lane, Network, Role
from tests.actions.cast import Town
from tests.actions.invented import a_seat

ZONE = "Europe/Berlin"
CHAT = 7
HEADINGS = "Vorname;Nachname;E-Mail;Gremium;Rolle;Organisation;Stellvertretung;Beginn;Sprache"
MARA = "Mara;Neuner;;TK"
WRONG = "Mara;Neuner;;XY"


@pytest.fixture
async def nora(town: Town) -> Person:
    await Person.filter(id=town.nora.id).update(administrator=True)
    await Body.all().update(level=3)
    return await Person.get(id=town.nora.id)


def a_list(*lines: str) -> PeopleFile:
    return peoplefile.read("\n".join([HEADINGS, *lines]).encode(), "leute.csv")


async def sent(  # a file that came in
    by: Person, now: datetime, *, network: Network = Network.WEBCHAT, update_id: int = 1, size: int = 100
) -> None:
    await people_files.take(
        by=by,
        network=network,
        chat_id=CHAT,
        update_id=update_id,
        file_id=f"file-{update_id}",
        name="leute.csv",
        size=size,
        now=now,
    )


async def previewed(by: Person, now: datetime, *lines: str) -> dict[str, Any]:
    """Send a list, have it fetched, and give what is told of it."""
    await sent(by, now)
    (waiting,) = await people_files.waiting(now=now)
    await people_reports.fetched(waiting, a_list(*lines), zone=ZONE, now=now)
    told: dict[str, Any] = typed.decode((await Notice.get(template="people/file")).facts)
    return told


async def confirmed(by: Person, now: datetime, network: Network = Network.WEBCHAT) -> dict[str, Any]:
    return await people_reports.confirm(by=by, network=network, chat_id=CHAT, zone=ZONE, now=now)


# --- taken and fetched ------------------------------------------------------------------------------------------------


async def test_list_waits_to_be_fetched(nora: Person, now: datetime) -> None:
    bells.rung(people_files.KIND)
    await sent(nora, now)

    assert bells.rung(people_files.KIND)
    waiting = await people_files.waiting(now=now)
    number = (await Dialogue.get()).id
    assert waiting == [Waiting(dialogue=number, network=Network.WEBCHAT, file_id="file-1", name="leute.csv", since=now)]


async def test_list_waits_no_longer_than_a_day(nora: Person, now: datetime) -> None:
    await sent(nora, now)

    assert await people_files.waiting(now=now + timedelta(days=1)) == []


async def test_list_is_taken_from_administrators_only(town: Town, now: datetime) -> None:
    with pytest.raises(AdministratorsOnly):
        await sent(town.anna, now)

    assert await Dialogue.all().count() == 0


async def test_list_that_is_too_large_is_not_fetched(nora: Person, now: datetime) -> None:
    with pytest.raises(ListTooLarge) as refused:
        await sent(nora, now, size=BYTES + 1)

    assert refused.value.facts == {"limit": 1}


async def test_list_of_somebody_at_level_0_is_not_fetched_from_telegram(nora: Person, now: datetime) -> None:
    await Person.filter(id=nora.id).update(level=0)
    nora = await Person.get(id=nora.id)

    with pytest.raises(NotOverTelegram):
        await sent(nora, now, network=Network.TELEGRAM)

    await sent(nora, now)
    assert len(await people_files.waiting(now=now)) == 1


async def test_report_is_told_in_the_chat_the_list_came_from(nora: Person, now: datetime) -> None:
    await previewed(nora, now, MARA)

    notice = await Notice.get()
    assert (notice.key, notice.network, notice.chat_id, notice.lane, notice.due_at) == (
        "people_file:webchat:1",
        Network.WEBCHAT,
        CHAT,
        Lane.ANSWER,
        now,
    )
    assert await people_files.waiting(now=now) == []
    assert await Person.filter(family_name="Neuner").count() == 0


async def test_report_tells_each_line_in_typed_facts(nora: Person, now: datetime) -> None:
    before = a_list("Mara;Neuner;m@example.org;TK;Mitglied;Caritas Lindental;;1.3.2025;de")
    await importing.import_people(before, by=nora, zone=ZONE, now=now)
    await Person.filter(family_name="Neuner").update(mail="n@example.org")

    told = await previewed(
        nora,
        now,
        "Mara;Neuner;m@example.org;TK;Gast;Diakonie Lindental;Kim Krause;1.4.2025;Englisch",
        "Uwe;Sattler;;TK",
        "Anna;Arendt",
        "Zoë;Wrong;nobody;XY",
    )

    wrong, new, changed, _ = told["rows"]
    assert (told["level"], told["file"], told["page"], told["pages"]) == (3, "leute.csv", 0, 1)
    assert told["counts"] == {"new": 1, "changed": 1, "unchanged": 1, "mistaken": 1}
    assert [(row["state"], row["line"], row["name"]) for row in told["rows"]] == [
        ("mistaken", 5, "Zoë Wrong"),
        ("new", 3, "Uwe Sattler"),
        ("changed", 2, "Mara Neuner"),
        ("unchanged", 4, "Anna Arendt"),
    ]
    assert new["differences"] == [{"body": "TK", "field": None, "old": None, "new": None}]
    assert [(it["body"], it["field"], it["old"], it["new"]) for it in changed["differences"]] == [
        (None, "language", "de", "en"),
        ("TK", "role", "member", "guest"),
        ("TK", "organisation", "Caritas Lindental", "Diakonie Lindental"),
        ("TK", "deputy", None, "Kim Krause"),
        ("TK", "begins_on", date(2025, 3, 1), date(2025, 4, 1)),
    ]
    assert [type(it["new"]) for it in changed["differences"]] == [Plain, Plain, Plain, PersonName, date]
    assert [(it["field"], it["old"], it["new"]) for it in changed["kept"]] == [
        ("mail", "n@example.org", "m@example.org")
    ]
    assert [type(changed["kept"][0]["new"]), type(wrong["name"])] == [Text, PersonName]


async def test_mistake_has_all_that_its_words_may_need(nora: Person, now: datetime) -> None:
    told = await previewed(nora, now, "Zoë;Wrong;;TKK", "Mara;Neuner;ada@lindental.example")

    nothing: dict[str, Any] = {"value": None, "nearest": None, "people": [], "needed": [], "found": [], "number": None}
    assert [row["mistakes"] for row in told["rows"]] == [
        [nothing | {"code": "not_there", "line": 2, "column": "Gremium", "value": "TKK", "nearest": "TK"}],
        [
            nothing
            | {
                "code": "mail_taken",
                "line": 3,
                "column": "E-Mail",
                "value": "ada@lindental.example",
                "people": ["Ada Öhler"],
            }
        ],
    ]


@pytest.mark.parametrize(("level", "carried"), [(3, 3), (2, 1), (1, 1), (0, 0)])
async def test_report_is_carried_in_full_or_not_at_all(nora: Person, now: datetime, level: int, carried: int) -> None:
    await Body.filter(code="TK").update(level=level)

    assert (await previewed(nora, now, MARA))["level"] == carried


@pytest.mark.parametrize(("levels", "carried"), [((3, 3), 3), ((2, 3), 1), ((3, 1), 1)])
async def test_reader_bounds_what_is_carried(
    nora: Person, town: Town, now: datetime, levels: tuple[int, int], carried: int
) -> None:
    await Body.filter(id=town.srt.id).update(level=levels[0])
    await Organisation.filter(id=town.caritas.id).update(level=levels[1])
    await a_seat(nora, town.srt, Role.MEMBER, town.caritas)

    assert (await previewed(nora, now, MARA))["level"] == carried


async def test_file_that_is_no_list_says_why_and_is_forgotten(nora: Person, now: datetime) -> None:
    await sent(nora, now)
    (waiting,) = await people_files.waiting(now=now)
    facts = {"needed": ("given_name",), "found": ("Wer",)}

    await people_files.not_fetched(waiting, [Mistake("leute.csv", 1, "", "missing_columns", facts)], now=now)

    notice = await Notice.get()
    told = typed.decode(notice.facts)
    assert (notice.template, told["level"]) == ("people/file_unreadable", 3)
    assert [(it["code"], it["needed"], it["found"]) for it in told["mistakes"]] == [
        ("missing_columns", ["given_name"], ["Wer"])
    ]
    assert await Dialogue.all().count() == 0


@pytest.mark.parametrize("why", ["another came", "given up", "no administrator"])
async def test_file_that_nobody_waits_for_is_told_to_nobody(nora: Person, now: datetime, why: str) -> None:
    await sent(nora, now)
    (waiting,) = await people_files.waiting(now=now)
    if why == "another came":
        await sent(nora, now, update_id=2)
    elif why == "given up":
        await Dialogue.all().delete()
    else:
        await Person.filter(id=nora.id).update(administrator=False)

    await people_reports.fetched(waiting, a_list(MARA), zone=ZONE, now=now)
    await people_files.not_fetched(waiting, [], now=now)

    assert await Notice.all().count() == 0


# --- looked at, imported, dropped -------------------------------------------------------------------------------------


async def test_list_is_imported_as_it_was_shown_once(nora: Person, now: datetime) -> None:
    await previewed(nora, now, MARA)

    done = await confirmed(nora, now)

    seat = await Membership.get(person__family_name="Neuner").select_related("body")
    assert (done["done"], done["counts"]["new"], seat.body.code) == (True, 1, "TK")
    with pytest.raises(Outdated):
        await confirmed(nora, now)


async def test_list_with_a_mistake_is_not_imported(nora: Person, now: datetime) -> None:
    await previewed(nora, now, WRONG)

    facts = await confirmed(nora, now)

    assert (facts["done"], facts["again"]) == (False, True)
    assert await Person.filter(family_name="Neuner").count() == 0


async def test_list_that_would_do_something_else_by_now_is_shown_again_first(nora: Person, now: datetime) -> None:
    await previewed(nora, now, MARA)
    await Person.create(key="neuner", given_name="Mara", family_name="Neuner")

    again = await confirmed(nora, now)
    done = await confirmed(nora, now)

    assert (again["done"], again["again"], again["counts"]["new"], again["counts"]["changed"]) == (False, True, 0, 1)
    assert (done["done"], done["counts"]["changed"]) == (True, 1)


async def test_list_is_shown_page_by_page(nora: Person, now: datetime) -> None:
    told = await previewed(nora, now, *(f"Mara;Neuner{number};;TK" for number in range(26)))

    async def page(number: int) -> dict[str, Any]:
        return await people_reports.shown(
            by=nora, network=Network.WEBCHAT, chat_id=CHAT, page=number, zone=ZONE, now=now
        )

    last = await page(2)
    assert (told["page"], told["pages"], len(told["rows"])) == (0, 3, 10)
    assert (last["page"], [row["name"] for row in last["rows"]]) == (
        2,
        [f"Mara Neuner{number}" for number in range(20, 26)],
    )
    assert (await page(9))["page"] == 2


async def test_list_from_telegram_can_be_imported_in_the_web_chat(nora: Person, now: datetime) -> None:
    await sent(nora, now, network=Network.TELEGRAM)
    (waiting,) = await people_files.waiting(now=now)
    await people_reports.fetched(waiting, a_list(MARA), zone=ZONE, now=now)

    assert (await confirmed(nora, now, Network.WEBCHAT))["done"]


async def test_list_of_this_chat_goes_before_that_of_another(nora: Person, now: datetime) -> None:
    for number, network in enumerate((Network.WEBCHAT, Network.TELEGRAM), start=1):
        await sent(nora, now, network=network, update_id=number)
    for waiting in await people_files.waiting(now=now):
        name = "Web" if waiting.network is Network.WEBCHAT else "Telegram"
        await people_reports.fetched(waiting, a_list(f"Mara;{name};;TK"), zone=ZONE, now=now)

    await confirmed(nora, now, Network.WEBCHAT)

    assert await Person.filter(given_name="Mara").values_list("family_name") == [("Web",)]


async def test_dropped_list_is_gone(nora: Person, now: datetime) -> None:
    await previewed(nora, now, MARA)

    await people_files.drop(by=nora, network=Network.WEBCHAT, chat_id=CHAT, now=now)

    assert await Dialogue.all().count() == 0


async def test_who_is_no_administrator_any_more_can_do_nothing_with_it(nora: Person, now: datetime) -> None:
    await previewed(nora, now, MARA)
    await Person.filter(id=nora.id).update(administrator=False)
    nora = await Person.get(id=nora.id)

    with pytest.raises(AdministratorsOnly):
        await people_reports.shown(by=nora, network=Network.WEBCHAT, chat_id=CHAT, page=0, zone=ZONE, now=now)
    with pytest.raises(AdministratorsOnly):
        await confirmed(nora, now)
    with pytest.raises(AdministratorsOnly):
        await people_files.drop(by=nora, network=Network.WEBCHAT, chat_id=CHAT, now=now)
