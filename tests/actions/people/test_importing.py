from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from textwrap import dedent

import pytest

from bot.actions import looks
from bot.actions.looks import Look
from bot.actions.people import importing, leaving
from bot.actions.people.importing import ImportReport
from bot.actions.people.merging import Difference
from bot.rules import townfile
from bot.rules.mistakes import FileErrors, Mistake
from storage.models import (
    Area,
    AuditEvent,
    Body,
    BodyArea,
    FeedCache,
    Membership,
    Organisation,
    Person,
    Remembered,
)
from storage.vocabulary import BodyKind, OrganisationKind, Role
from tests.conftest import Counted

ZONE = "Europe/Berlin"
TODAY = date(2026, 11, 18)
YESTERDAY = TODAY - timedelta(days=1)

TOWN = dedent("""\
    [[organisation]]
    key = "jugendamt"
    name = "Stadtjugendamt Lindental"
    kind = "public"
    [[organisation]]
    key = "anker"
    name = "Anker Jugendhilfe"
    kind = "free"
    level = 1

    [[area]]
    key = "nord"
    name = "Sozialraum Nord"
    lead = "anker"
    [[area]]
    key = "sued"
    name = "Sozialraum Süd"

    [[body]]
    code = "SRT"
    name = "Sozialraumteam"
    kind = "area_team"
    parent = "TK"
    areas = ["nord"]
    place = "Stadtteilbüro"
    seats = [
      { person = "lechner", organisation = "jugendamt", role = "chair", from = 2025-01-01 },
      { person = "seidl", organisation = "anker", deputy = "lechner" },
    ]
    [[body]]
    code = "TK"
    name = "Trägerkonferenz"
    kind = "provider_conference"
    seats = [{ vacant = true, organisation = "anker" }]
    [body.rules]
    notice_days = 14

    [[person]]
    key = "lechner"
    given_name = "Anna"
    family_name = "Lechner"
    mail = "anna.lechner@example.org"
    quiet = "18:00-07:30"
    [[person]]
    key = "seidl"
    given_name = "Nico"
    family_name = "Seidl"
    language = "en"
    administrator = true
""")


def replaced(old: str, new: str) -> str:
    assert TOWN.count(old) == 1
    return TOWN.replace(old, new)


async def imported(text: str, now: datetime, *, prune: bool = False, dry_run: bool = False) -> ImportReport:
    town = townfile.parse(text, "town.toml")
    return await importing.import_town(town, zone=ZONE, now=now, prune=prune, dry_run=dry_run)


def report(
    *,
    added: tuple[tuple[str, str], ...] = (),
    changed: tuple[Difference, ...] = (),
    ended: tuple[Difference, ...] = (),
    kept: tuple[Difference, ...] = (),
    missing: tuple[Difference, ...] = (),
) -> ImportReport:
    things = [Difference(what=what, name=name) for what, name in added]
    return ImportReport(added=things, changed=[*changed], ended=[*ended], kept=[*kept], missing=[*missing])


NOTHING = report()

SEIDLS_SEAT = '{ person = "seidl", organisation = "anker", deputy = "lechner" },'


async def seat_of(key: str) -> Membership:
    return await Membership.get(person__key=key).select_related("body", "organisation", "deputy")


pytestmark = pytest.mark.usefixtures("store")


# --- the first time ---------------------------------------------------------------------------------------------------


async def test_first_import_adds_everything(now: datetime) -> None:
    done = await imported(TOWN, now)

    assert done == report(
        added=(
            ("organisation", "jugendamt"),
            ("organisation", "anker"),
            ("area", "nord"),
            ("area", "sued"),
            ("body", "SRT"),
            ("body", "TK"),
            ("person", "lechner"),
            ("person", "seidl"),
            ("seat", "SRT: lechner"),
            ("seat", "SRT: seidl"),
            ("seat", "TK: N. N."),
        )
    )
    assert not done.changes_nothing


async def test_first_import_writes_organisations_and_areas(now: datetime) -> None:
    await imported(TOWN, now)

    anker = await Organisation.get(key="anker")
    nord = await Area.get(key="nord")
    assert (anker.name, anker.kind, anker.level) == ("Anker Jugendhilfe", OrganisationKind.FREE, 1)
    assert (nord.name, nord.lead_id) == ("Sozialraum Nord", anker.id)  # type: ignore[attr-defined]  # the foreign key's column


async def test_first_import_writes_bodies_with_parents_areas_and_rules(now: datetime) -> None:
    await imported(TOWN, now)

    team = await Body.get(code="SRT").select_related("parent")
    assert (team.name, team.kind, team.place, team.level) == ("Sozialraumteam", BodyKind.AREA_TEAM, "Stadtteilbüro", 2)
    assert team.parent is not None
    assert (team.parent.code, team.parent.rules) == ("TK", {"notice_days": 14})
    assert await BodyArea.all().values_list("body__code", "area__key") == [("SRT", "nord")]


async def test_first_import_writes_people(now: datetime) -> None:
    await imported(TOWN, now)

    anna = await Person.get(key="lechner")
    nico = await Person.get(key="seidl")
    assert (anna.given_name, anna.family_name, anna.mail) == ("Anna", "Lechner", "anna.lechner@example.org")
    assert (anna.quiet_from, anna.quiet_until, anna.language, anna.administrator) == (18 * 60, 7 * 60 + 30, "de", False)
    assert (nico.mail, nico.zone, nico.language, nico.administrator) == (None, "Europe/Berlin", "en", True)


async def test_first_import_writes_seats_from_today_unless_a_day_is_said(now: datetime) -> None:
    await imported(TOWN, now)

    anna, nico = await seat_of("lechner"), await seat_of("seidl")
    vacant = await Membership.get(person=None).select_related("body")
    assert (anna.role, anna.begins_on, anna.ends_on, anna.deputy) == (Role.CHAIR, date(2025, 1, 1), None, None)
    assert anna.organisation is not None
    assert anna.organisation.key == "jugendamt"
    assert (nico.role, nico.begins_on) == (Role.MEMBER, TODAY)
    assert nico.deputy is not None
    assert nico.deputy.key == "lechner"
    assert vacant.body.code == "TK"


async def test_import_is_written_down_without_content(now: datetime) -> None:
    await imported(TOWN, now)

    event = await AuditEvent.get()
    assert (event.what, event.at, event.facts) == ("town.imported", now, {"added": 11, "changed": 0, "ended": 0})


async def test_import_remembers_no_mail_address(now: datetime) -> None:
    await imported(TOWN, now)

    remembered = await Remembered.all().values_list("value", flat=True)
    assert remembered
    assert "example.org" not in str(remembered)


async def test_progress_is_told_from_nothing_to_all(now: datetime) -> None:
    told: list[tuple[int, int]] = []

    await importing.import_town(
        townfile.parse(TOWN, "town.toml"), zone=ZONE, now=now, advance=lambda done, total: told.append((done, total))
    )

    assert told == [(done, 11) for done in range(12)]


# --- again ------------------------------------------------------------------------------------------------------------


async def test_second_import_changes_nothing(now: datetime) -> None:
    await imported(TOWN, now)
    before = await Person.all().values()

    again = await imported(TOWN, now + timedelta(days=3))

    assert again == NOTHING
    assert again.changes_nothing
    assert await Person.all().values() == before
    assert (await seat_of("seidl")).begins_on == TODAY


async def test_what_the_file_changed_is_changed(now: datetime) -> None:
    await imported(TOWN, now)

    done = await imported(replaced('place = "Stadtteilbüro"', 'place = "Rathaus"'), now)

    assert done == report(
        changed=(Difference(what="body", name="SRT", field="place", old="Stadtteilbüro", new="Rathaus"),)
    )
    assert (await Body.get(code="SRT")).place == "Rathaus"


async def test_change_raises_the_version_so_that_an_edit_under_way_is_refused(now: datetime) -> None:
    await imported(TOWN, now)

    await imported(replaced('family_name = "Seidl"', 'family_name = "Seidl-Brandl"'), now)

    assert await Person.all().order_by("key").values_list("key", "version") == [("lechner", 1), ("seidl", 2)]


async def test_relations_that_the_file_changed_are_changed(now: datetime) -> None:
    await imported(TOWN, now)
    text = replaced('parent = "TK"\nareas = ["nord"]', 'areas = ["sued", "nord"]').replace(
        'deputy = "lechner"', 'role = "moderator"'
    )

    done = await imported(text, now)

    assert done == report(
        changed=(
            Difference(what="body", name="SRT", field="areas", old=["nord"], new=["nord", "sued"]),
            Difference(what="body", name="SRT", field="parent", old="TK", new=None),
            Difference(what="seat", name="SRT: seidl", field="role", old=Role.MEMBER, new=Role.MODERATOR),
            Difference(what="seat", name="SRT: seidl", field="deputy", old="lechner", new=None),
        )
    )
    seat = await seat_of("seidl")
    assert (seat.role, seat.deputy) == (Role.MODERATOR, None)
    assert (await Body.get(code="SRT")).parent_id is None  # type: ignore[attr-defined]  # the foreign key's column
    assert await BodyArea.all().order_by("area__key").values_list("area__key") == [("nord",), ("sued",)]


async def test_what_the_file_says_no_longer_is_emptied_where_it_may_be(now: datetime) -> None:
    await imported(TOWN, now)

    done = await imported(replaced('mail = "anna.lechner@example.org"\nquiet = "18:00-07:30"\n', ""), now)

    anna = await Person.get(key="lechner")
    assert done == report(
        changed=(Difference(what="person", name="lechner", field="mail", old="anna.lechner@example.org", new=None),)
    )
    assert (anna.mail, anna.quiet_from) == (None, 18 * 60)


async def test_what_a_later_file_says_for_the_first_time_is_written(now: datetime) -> None:
    await imported(replaced('parent = "TK"\nareas = ["nord"]\n', "").replace('language = "en"\n', ""), now)

    done = await imported(TOWN, now)

    assert done == report(
        changed=(
            Difference(what="body", name="SRT", field="parent", old=None, new="TK"),
            Difference(what="body", name="SRT", field="areas", old=[], new=["nord"]),
            Difference(what="person", name="seidl", field="language", old="de", new="en"),
        )
    )


async def test_feeds_are_built_anew_and_seats_are_looked_at_after_a_change(now: datetime) -> None:
    await imported(TOWN, now)
    await looks.done(Look(name=leaving.SEATS_OVER), now=now, again=now + timedelta(days=1))
    await FeedCache.create(person=await Person.get(key="lechner"), content=b"old", stale=False)

    await imported(replaced('name = "Sozialraumteam"', 'name = "Sozialraumteam Nord"'), now)

    assert (await FeedCache.get()).stale
    assert await looks.due(leaving.SEATS_OVER, now=now)


# --- edits in Faden ---------------------------------------------------------------------------------------------------


async def test_edit_in_faden_is_reported_and_kept(now: datetime) -> None:
    await imported(TOWN, now)
    await Person.filter(key="seidl").update(language="de")

    done = await imported(TOWN, now)

    assert done == report(kept=(Difference(what="person", name="seidl", field="language", old="de", new="en"),))
    assert (await Person.get(key="seidl")).language == "de"


async def test_edit_in_faden_of_something_that_the_file_does_not_say_is_nobodys_business(now: datetime) -> None:
    await imported(TOWN, now)
    await Person.filter(key="lechner").update(language="en", salutation="Frau")

    assert await imported(TOWN, now) == NOTHING


async def test_other_fields_of_an_edited_person_are_still_changed(now: datetime) -> None:
    await imported(TOWN, now)
    await Person.filter(key="seidl").update(language="de")

    await imported(replaced('given_name = "Nico"', 'given_name = "Nikolaus"'), now)

    nico = await Person.get(key="seidl")
    assert (nico.given_name, nico.language) == ("Nikolaus", "de")


async def test_edit_in_faden_is_still_kept_the_third_time(now: datetime) -> None:
    await imported(TOWN, now)
    await Person.filter(key="seidl").update(language="de")
    await imported(TOWN, now)

    done = await imported(TOWN, now)

    assert [kept.field for kept in done.kept] == ["language"]


async def test_person_who_was_there_before_the_first_import_is_filled_up_and_not_overwritten(now: datetime) -> None:
    await Person.create(key="lechner", given_name="Änne", family_name="Lechner")

    done = await imported(TOWN, now)

    anna = await Person.get(key="lechner")
    assert [(kept.field, kept.old, kept.new) for kept in done.kept] == [("given_name", "Änne", "Anna")]
    assert (anna.given_name, anna.mail, anna.quiet_from) == ("Änne", "anna.lechner@example.org", 18 * 60)


async def test_seat_ended_in_faden_stays_ended(now: datetime) -> None:
    await imported(TOWN, now)
    await Membership.filter(person__key="seidl").update(ends_on=YESTERDAY)

    done = await imported(TOWN, now, prune=True)

    assert done == report(kept=(Difference(what="seat", name="SRT: seidl", field="ends_on", old=YESTERDAY, new=None),))


# --- seats that the file has no longer --------------------------------------------------------------------------------

GONE = Difference(what="seat", name="SRT: seidl", field="ends_on", old=None, new=YESTERDAY)


async def test_seat_that_the_file_has_no_longer_is_only_reported(now: datetime) -> None:
    await imported(TOWN, now)

    done = await imported(replaced(SEIDLS_SEAT, ""), now)

    assert done == report(missing=(GONE,))
    assert done.changes_nothing
    assert (await seat_of("seidl")).ends_on is None


async def test_seat_that_the_file_has_no_longer_ends_with_prune(now: datetime) -> None:
    await imported(TOWN, now)
    await FeedCache.create(person=await Person.get(key="seidl"), content=b"secret", stale=False)

    done = await imported(replaced(SEIDLS_SEAT, ""), now, prune=True)

    assert done == report(ended=(GONE,))
    assert (await seat_of("seidl")).ends_on == YESTERDAY
    assert (await FeedCache.get()).content is None


async def test_who_left_is_back_with_a_new_seat(now: datetime) -> None:
    await imported(TOWN, now)
    await imported(replaced(SEIDLS_SEAT, ""), now, prune=True)
    await Person.all().update(left_at=now)

    await imported(replaced("deputy = ", f"from = {TODAY + timedelta(days=1)}, deputy = "), now)

    left = {person.key: person.left_at for person in await Person.all()}
    assert left == {"lechner": now, "seidl": None}


async def test_vacant_seat_ends_with_prune(now: datetime) -> None:
    await imported(TOWN, now)

    done = await imported(replaced('seats = [{ vacant = true, organisation = "anker" }]', ""), now, prune=True)

    assert [ended.name for ended in done.ended] == ["TK: N. N."]
    assert (await Membership.get(person=None)).ends_on == YESTERDAY


async def test_prune_twice_changes_nothing_the_second_time(now: datetime) -> None:
    await imported(TOWN, now)
    await imported(replaced(SEIDLS_SEAT, ""), now, prune=True)

    assert await imported(replaced(SEIDLS_SEAT, ""), now, prune=True) == NOTHING


async def test_seat_that_comes_back_into_the_file_is_open_again(now: datetime) -> None:
    await imported(TOWN, now)
    await imported(replaced(SEIDLS_SEAT, ""), now, prune=True)

    done = await imported(TOWN, now)

    assert done == report(
        changed=(Difference(what="seat", name="SRT: seidl", field="ends_on", old=YESTERDAY, new=None),)
    )


async def test_prune_keeps_a_seat_that_was_given_in_faden(now: datetime) -> None:
    await imported(TOWN, now)
    conference, nico = await Body.get(code="TK"), await Person.get(key="seidl")
    await Membership.create(body=conference, person=nico, role=Role.GUEST, begins_on=TODAY)

    done = await imported(TOWN, now, prune=True)

    assert done == report(kept=(Difference(what="seat", name="TK: seidl", field="ends_on", old=None, new=YESTERDAY),))


async def test_prune_keeps_a_seat_that_was_edited_in_faden(now: datetime) -> None:
    await imported(TOWN, now)
    await Membership.filter(person__key="seidl").update(role=Role.MODERATOR)

    done = await imported(replaced(SEIDLS_SEAT, ""), now, prune=True)

    assert done == report(kept=(GONE,))


async def test_person_who_comes_back_gets_a_second_seat(now: datetime) -> None:
    await imported(TOWN, now)
    text = replaced("from = 2025-01-01 }", "from = 2025-01-01, until = 2026-06-30 }").replace(
        SEIDLS_SEAT, f'{SEIDLS_SEAT}\n{{ person = "lechner", from = 2026-11-01 }},'
    )

    done = await imported(text, now)

    seats = await Membership.filter(person__key="lechner").order_by("begins_on").values_list("begins_on", "ends_on")
    assert seats == [(date(2025, 1, 1), date(2026, 6, 30)), (date(2026, 11, 1), None)]
    assert [added.name for added in done.added] == ["SRT: lechner"]
    assert await imported(text, now) == NOTHING


async def test_seat_without_a_beginning_is_the_one_that_goes_on(now: datetime) -> None:
    await imported(TOWN, now)
    team, nico = await Body.get(code="SRT"), await Person.get(key="seidl")
    await Membership.create(
        body=team, person=nico, role=Role.GUEST, begins_on=date(2020, 1, 1), ends_on=date(2020, 12, 31)
    )

    assert await imported(TOWN, now) == NOTHING


async def test_corrected_beginning_is_a_change_and_no_second_seat(now: datetime) -> None:
    await imported(TOWN, now)

    done = await imported(replaced("from = 2025-01-01", "from = 2024-01-01"), now)

    assert done == report(
        changed=(
            Difference(what="seat", name="SRT: lechner", field="begins_on", old=date(2025, 1, 1), new=date(2024, 1, 1)),
        )
    )


# --- nothing is half imported -----------------------------------------------------------------------------------------


async def counts() -> list[int]:
    tables = (Organisation, Area, Body, BodyArea, Person, Membership, Remembered, AuditEvent)
    return [await table.all().count() for table in tables]


async def test_dry_run_reports_and_writes_nothing(now: datetime) -> None:
    dry = await imported(TOWN, now, dry_run=True)

    assert await counts() == [0] * 8
    assert dry == await imported(TOWN, now)


async def test_dry_run_of_a_change_writes_nothing(now: datetime) -> None:
    await imported(TOWN, now)
    before = await counts()

    dry = await imported(replaced('place = "Stadtteilbüro"', 'place = "Rathaus"'), now, dry_run=True)

    assert [change.field for change in dry.changed] == ["place"]
    assert await counts() == before
    assert (await Body.get(code="SRT")).place == "Stadtteilbüro"


async def test_mail_address_of_somebody_else_is_refused_with_its_line(now: datetime) -> None:
    await Person.create(key="ertl", given_name="Sabine", family_name="Ertl", mail="anna.lechner@example.org")

    with pytest.raises(FileErrors) as refused:
        await imported(TOWN, now)

    line = TOWN[: TOWN.index('key = "lechner"')].count("\n")
    facts = {"value": "anna.lechner@example.org", "person": "ertl"}
    assert refused.value.mistakes == (Mistake("town.toml", line, "person.mail", "mail_taken", facts),)
    assert await counts() == [0, 0, 0, 0, 1, 0, 0, 0]


async def test_import_that_breaks_off_leaves_nothing_behind(now: datetime) -> None:
    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await importing.import_town(townfile.parse(TOWN, "town.toml"), zone=ZONE, now=now, advance=stop)

    assert await counts() == [0] * 8


@pytest.mark.parametrize("people_count", [1, 30])
async def test_import_reads_as_often_for_many_as_for_one(
    now: datetime, statements: Callable[[], AbstractContextManager[Counted]], people_count: int
) -> None:
    persons = [
        f'[[person]]\nkey = "p{number}"\ngiven_name = "P"\nfamily_name = "{number}"\n' for number in range(people_count)
    ]
    await imported("".join(persons), now)

    with statements() as counted:
        await imported("".join(persons), now)

    assert len(counted.statements) == 7
