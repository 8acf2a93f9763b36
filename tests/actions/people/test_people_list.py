"""A list of people in a town that a town file has made."""

from datetime import date, datetime, timedelta
from textwrap import dedent

import pytest

from bot.actions.people import importing
from bot.actions.people.importing import ImportReport, PeopleReport, RowReport, RowState
from bot.actions.people.merging import Difference
from bot.rules import peoplefile, townfile
from bot.rules.mistakes import Mistake
from storage.models import AuditEvent, Body, FeedCache, Membership, Organisation, Person, Remembered
from storage.vocabulary import Role

ZONE = "Europe/Berlin"
TODAY = date(2026, 11, 18)
YESTERDAY = TODAY - timedelta(days=1)

TOWN = dedent("""\
    [[organisation]]
    key = "anker"
    name = "Anker Jugendhilfe"
    kind = "free"

    [[body]]
    code = "TK"
    name = "Trägerkonferenz"
    kind = "provider_conference"
    level = 3
    seats = [
      { person = "lechner", role = "chair", from = 2025-01-01, deputy = "seidl" },
      { person = "seidl" },
    ]

    [[person]]
    key = "lechner"
    given_name = "Anna"
    family_name = "Lechner"
    salutation = "Frau"
    mail = "anna.lechner@example.org"
    [[person]]
    key = "seidl"
    given_name = "Nico"
    family_name = "Seidl"
""")
HEADINGS = "Vorname;Nachname;E-Mail;Anrede;Gremium;Rolle;Organisation;Stellvertretung;Beginn;Ende"
MARA = "Mara;Neuner;mara@example.org;Frau;TK;beratend;Anker Jugendhilfe;Anna Lechner"
NICO = "Nico;Seidl;nico@example.org"


@pytest.fixture
async def town(store: str, now: datetime) -> None:  # noqa: ARG001  # it has to be open
    await town_imported(TOWN, now)


async def town_imported(text: str, now: datetime, *, prune: bool = False) -> ImportReport:
    return await importing.import_town(townfile.parse(text, "town.toml"), zone=ZONE, now=now, prune=prune)


async def imported(now: datetime, *lines: str, dry_run: bool = False) -> PeopleReport:
    file = peoplefile.read("\n".join([HEADINGS, *lines]).encode(), "leute.csv")
    return await importing.import_people(file, by=None, zone=ZONE, now=now, dry_run=dry_run)


def row(  # one line of a report
    line: int,
    name: str,
    state: RowState,
    *,
    differences: tuple[Difference, ...] = (),
    kept: tuple[Difference, ...] = (),
    mistakes: tuple[Mistake, ...] = (),
) -> RowReport:
    return RowReport(line=line, name=name, state=state, differences=[*differences], kept=[*kept], mistakes=[*mistakes])


def states(report: PeopleReport) -> list[RowState]:
    return [one.state for one in report.rows]


async def seat_of(key: str) -> Membership:
    return await Membership.get(person__key=key).select_related("body", "organisation", "deputy")


pytestmark = pytest.mark.usefixtures("town")


# --- the first time ---------------------------------------------------------------------------------------------------


async def test_list_adds_people_and_their_seats(now: datetime) -> None:
    report = await imported(now, MARA)

    mara, seat = await Person.get(key="neuner"), await seat_of("neuner")
    assert report.rows == [
        row(
            2,
            "Mara Neuner",
            RowState.NEW,
            differences=(
                Difference(what="person", name="neuner", line=2),
                Difference(what="seat", name="TK: neuner", line=2),
            ),
        )
    ]
    assert (mara.given_name, mara.family_name, mara.mail, mara.salutation, mara.administrator) == (
        "Mara",
        "Neuner",
        "mara@example.org",
        "Frau",
        False,
    )
    assert seat.organisation is not None
    assert seat.deputy is not None
    assert (seat.body.code, seat.role, seat.organisation.key, seat.deputy.key, seat.begins_on, seat.ends_on) == (
        "TK",
        Role.ADVISORY,
        "anker",
        "lechner",
        TODAY,
        None,
    )


async def test_who_has_no_role_is_a_member(now: datetime) -> None:
    await imported(now, "Mara;Neuner;;;TK")

    assert (await seat_of("neuner")).role is Role.MEMBER


async def test_list_updates_what_it_says_and_nothing_else(now: datetime) -> None:
    await FeedCache.create(person=await Person.get(key="seidl"), content=b"old", stale=False)

    report = await imported(now, "Nico;Seidl;nico@example.org;;TK;Protokoll", "Anna;Lechner;;;TK")

    assert report.rows == [
        row(
            2,
            "Nico Seidl",
            RowState.CHANGED,
            differences=(
                Difference(what="person", name="seidl", field="mail", new="nico@example.org", line=2),
                Difference(what="seat", name="TK: seidl", field="role", old=Role.MEMBER, new=Role.MINUTE_TAKER, line=2),
            ),
        ),
        row(3, "Anna Lechner", RowState.UNCHANGED),
    ]
    anna, seat = await Person.get(key="lechner"), await seat_of("lechner")
    assert (anna.salutation, anna.mail, seat.role, seat.begins_on) == (
        "Frau",
        "anna.lechner@example.org",
        Role.CHAIR,
        date(2025, 1, 1),
    )
    assert seat.deputy is not None
    assert (await FeedCache.get()).stale


async def test_second_import_changes_nothing(now: datetime) -> None:
    await imported(now, MARA, NICO)
    before = await Person.all().order_by("id").values()

    again = await imported(now + timedelta(days=3), MARA, NICO)

    assert states(again) == [RowState.UNCHANGED, RowState.UNCHANGED]
    assert await Person.all().order_by("id").values() == before
    assert (await seat_of("neuner")).begins_on == TODAY


async def test_dry_run_says_the_same_and_writes_nothing(now: datetime) -> None:
    events = await AuditEvent.all().count()

    dry = await imported(now, MARA, NICO, dry_run=True)
    people_then = await Person.all().count()
    wet = await imported(now, MARA, NICO)

    assert dry == wet
    assert people_then == 2
    assert await AuditEvent.all().count() == events + 1


async def test_import_is_written_down_without_content(now: datetime) -> None:
    file = peoplefile.read(f"{HEADINGS}\n{MARA}\n{NICO}".encode(), "leute.csv")

    await importing.import_people(file, by=await Person.get(key="seidl"), zone=ZONE, now=now)

    event = await AuditEvent.get(what="people.imported").select_related("person")
    assert event.person is not None
    assert (event.person.key, event.facts) == ("seidl", {"added": 2, "changed": 1})


async def test_progress_is_told(now: datetime) -> None:
    told: list[tuple[int, int]] = []
    file = peoplefile.read(f"{HEADINGS}\n{MARA}".encode(), "leute.csv")

    await importing.import_people(
        file, by=None, zone=ZONE, now=now, advance=lambda done, total: told.append((done, total))
    )

    assert told == [(0, 2), (1, 2), (2, 2)]


async def test_shorter_list_in_between_makes_no_edit_of_what_an_earlier_one_said(now: datetime) -> None:
    await imported(now, MARA)
    await imported(now, "Mara;Neuner")

    report = await imported(now, MARA.replace("Frau", "Dr."))

    assert states(report) == [RowState.CHANGED]
    assert (await Person.get(key="neuner")).salutation == "Dr."


# --- mistakes ---------------------------------------------------------------------------------------------------------


async def test_one_mistake_and_nothing_is_written(now: datetime) -> None:
    report = await imported(now, MARA, "Lukas;Wieser;;;XY")

    mistake = Mistake("leute.csv", 3, "Gremium", "not_there", {"value": "XY", "nearest": None})
    assert states(report) == [RowState.NEW, RowState.MISTAKEN]
    assert report.rows[1].mistakes == [mistake]
    assert [report.count(state) for state in RowState] == [1, 0, 0, 1]
    assert await Person.all().count() == 2


async def test_list_ends_no_seat(now: datetime) -> None:
    report = await imported(now, f"Anna;Lechner;;;TK;;;;;{YESTERDAY}")

    assert report.rows[0].mistakes == [Mistake("leute.csv", 2, "Ende", "end_is_past")]
    assert (await seat_of("lechner")).ends_on is None


async def test_seat_may_end_later(now: datetime) -> None:
    await imported(now, "Anna;Lechner;;;TK;;;;;31.12.2027")

    assert (await seat_of("lechner")).ends_on == date(2027, 12, 31)


@pytest.mark.parametrize(
    ("cells", "heading"),
    [
        ("Mara;Neuner;;;TK;;;;1.1.2028;31.12.2027", "Ende"),
        ("Anna;Lechner;;;TK;;;;1.1.2028;31.12.2027", "Ende"),
    ],
)
async def test_days_of_a_seat_are_not_turned_around(now: datetime, cells: str, heading: str) -> None:
    report = await imported(now, cells)

    assert report.rows[0].mistakes == [Mistake("leute.csv", 2, heading, "ends_before_begin")]


async def test_beginning_behind_the_end_that_faden_has(now: datetime) -> None:
    await Membership.filter(person__key="lechner").update(ends_on=date(2027, 12, 31))
    file = peoplefile.read(b"Vorname;Nachname;Gremium;Beginn\nAnna;Lechner;TK;1.1.2028", "leute.csv")

    report = await importing.import_people(file, by=None, zone=ZONE, now=now)

    assert report.rows[0].mistakes == [Mistake("leute.csv", 2, "Beginn", "ends_before_begin")]


# --- edits in Faden ---------------------------------------------------------------------------------------------------


async def test_edit_in_faden_is_reported_and_kept(now: datetime) -> None:
    await imported(now, MARA)
    await Person.filter(key="neuner").update(salutation="Dr.", mail="m@example.org", family_name="Alt")

    report = await imported(now, MARA.replace("Frau", "Prof."))

    assert report.rows == [
        row(
            2,
            "Mara Alt",
            RowState.UNCHANGED,
            kept=(
                Difference(what="person", name="neuner", field="family_name", old="Alt", new="Neuner", line=2),
                Difference(what="person", name="neuner", field="salutation", old="Dr.", new="Prof.", line=2),
                Difference(
                    what="person", name="neuner", field="mail", old="m@example.org", new="mara@example.org", line=2
                ),
            ),
        )
    ]
    assert (await Person.get(key="neuner")).salutation == "Dr."


async def test_seat_ended_in_faden_stays_ended_and_is_reported(now: datetime) -> None:
    await Membership.filter(person__key="seidl").update(ends_on=YESTERDAY)

    report = await imported(now, "Nico;Seidl;;;TK")

    assert report.rows == [
        row(
            2,
            "Nico Seidl",
            RowState.UNCHANGED,
            kept=(Difference(what="seat", name="TK: seidl", field="ends_on", old=YESTERDAY, line=2),),
        )
    ]
    assert (await seat_of("seidl")).ends_on == YESTERDAY


async def test_new_term_is_a_new_seat_and_who_left_is_back(now: datetime) -> None:
    await Membership.filter(person__key="seidl").update(ends_on=YESTERDAY)
    await Person.filter(key="seidl").update(left_at=now)

    report = await imported(now, f"Nico;Seidl;;;TK;;;;{TODAY}")

    held = await Membership.filter(person__key="seidl").order_by("id").values_list("begins_on", "ends_on")
    assert states(report) == [RowState.CHANGED]
    assert held == [(TODAY, YESTERDAY), (TODAY, None)]
    assert (await Person.get(key="seidl")).left_at is None


async def test_seat_of_the_same_beginning_is_meant(now: datetime) -> None:
    await Membership.filter(person__key="seidl").update(begins_on=date(2024, 1, 1), ends_on=date(2024, 12, 31))
    await Membership.create(
        body=await Body.get(code="TK"),
        person=await Person.get(key="seidl"),
        role=Role.MEMBER,
        begins_on=date(2025, 1, 1),
    )

    report = await imported(now, "Nico;Seidl;;;TK;;;;1.1.2024;31.12.2024", "Nico;Seidl;;;TK;;;;1.1.2025")

    assert states(report) == [RowState.UNCHANGED, RowState.UNCHANGED]


# --- beside the town file ---------------------------------------------------------------------------------------------


async def test_town_file_finds_nothing_missing_after_a_list(now: datetime) -> None:
    await imported(now, MARA, NICO)

    again = await town_imported(TOWN, now, prune=True)

    assert again == ImportReport(added=[], changed=[], ended=[], kept=[], missing=[])
    assert (await Person.get(key="seidl")).mail == "nico@example.org"


async def test_list_finds_no_edit_in_what_the_town_file_changed_and_the_other_way_round(now: datetime) -> None:
    await imported(now, "Anna;Lechner;;Dr.")
    town = await town_imported(TOWN, now)
    then = (await Person.get(key="lechner")).salutation
    again = await imported(now, "Anna;Lechner;;Dr.")

    assert [(change.field, change.old, change.new) for change in town.changed] == [("salutation", "Dr.", "Frau")]
    assert then == "Frau"
    assert states(again) == [RowState.CHANGED]
    assert (await Person.get(key="lechner")).salutation == "Dr."


async def test_what_the_list_said_is_not_emptied_because_the_town_file_says_it_no_longer(now: datetime) -> None:
    await imported(now, "Anna;Lechner;anna.lechner@example.org;")

    report = await town_imported(TOWN.replace('mail = "anna.lechner@example.org"\n', ""), now)

    assert report.changed == []
    assert (await Person.get(key="lechner")).mail == "anna.lechner@example.org"


async def test_seat_of_the_town_file_ends_with_prune_though_a_list_named_it(now: datetime) -> None:
    await imported(now, "Nico;Seidl;;;TK;Moderation")

    report = await town_imported(TOWN.replace('  { person = "seidl" },\n', ""), now, prune=True)

    assert [ended.name for ended in report.ended] == ["TK: seidl"]


async def test_what_was_said_is_remembered_without_content(now: datetime) -> None:
    await imported(now, MARA)

    remembered = await Remembered.get(key="people_file")
    assert "example.org" not in str(remembered.value)


# --- what else is told ------------------------------------------------------------------------------------------------


async def test_report_names_columns_and_lines_that_are_not_used(now: datetime) -> None:
    file = peoplefile.read(b"Vorname;Nachname;Telefon;Organisation\nMara;Neuner;1;Anker", "leute.csv")

    report = await importing.import_people(file, by=None, zone=ZONE, now=now, dry_run=True)

    assert (report.unknown, report.idle) == (("Telefon",), (2,))
    assert report.names == {
        ("organisation", "anker"): "Anker Jugendhilfe",
        ("person", "lechner"): "Anna Lechner",
        ("person", "seidl"): "Nico Seidl",
        ("person", "neuner"): "Mara Neuner",
    }


@pytest.mark.parametrize(
    ("line", "level"),
    [("Mara;Neuner", 2), ("Mara;Neuner;;;TK", 3), (MARA, 1), ("Nico;Seidl;;;TK", 0), ("Nico;Seidl", 0)],
)
async def test_level_is_the_strictest_of_what_is_named(now: datetime, line: str, level: int) -> None:
    await Organisation.filter(key="anker").update(level=1)
    await Person.filter(key="seidl").update(level=0)

    report = await imported(now, line, dry_run=True)

    assert report.level == level
