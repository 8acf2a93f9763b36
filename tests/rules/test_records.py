"""The table of what every column means for people, held against the tables, the constants, and what the people are told."""

import importlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from tortoise import fields
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.models import Model

from bot.rules import limits, records
from bot.rules.records import TABLES, Erasing, Fields, Found, Lifetime, Standing
from storage import db

DOCS = Path(__file__).parents[2] / "docs"
NAMES = sorted(TABLES)
PERSON_IDS_WITHOUT_A_FOREIGN_KEY = {"webchat_user.user_id", "person.id"}

# How the people concerned are told of it: a row of docs/privacy, and words of its last cell.
TOLD = {
    records.SEATED: ("Name, dienstliche Mail-Adresse", "solange ein Sitz besteht"),
    records.UNTIL_ERASED: ("Name und Gruppen im Web-Chat", "bis der Mensch gelöscht wird"),
    records.IN_A_CALENDAR: ("Mail-Adresse, an die", "bis die Sitzung vorbei ist; fiel sie aus, bis zum Tag danach"),
    records.RECORDS: ("Themen, Tagesordnungen", "wie die Unterlagen des Gremiums"),
    records.LINKED: ("Kennung des Chats", "bis der Kanal getrennt wird"),
    records.GROUP: ("Verknüpfung einer Gruppe", "bis die Verknüpfung gelöst wird"),
    records.FEED: ("persönlicher Kalender", "bis der Mensch ausscheidet"),
    records.CHAT: ("Nachrichten und Dateien im Web-Chat", "keep.chat_days"),
    records.PRESSED: ("gedrückte Knöpfe", "Woche"),
    records.ENTRY: ("angefangene Eingaben", "höchstens"),
    records.UNCOLLECTED: ("Nachrichten aus dem Web-Chat", "höchstens"),
    records.RECEIVED: ("eingegangene Nachrichten", "bis zur Bearbeitung"),
    records.DONE: ("eingegangene Nachrichten", "ohne Inhalt"),
    records.PARKED: ("eingegangene Nachrichten", "unlesbare"),
    records.PARKED_MARK: ("eingegangene Nachrichten", "bei unlesbaren länger"),
    records.CONTENT: ("Inhalt ausgehender", "nach dem Versand"),
    records.LOST_CONTENT: ("Inhalt ausgehender", "was nicht ankam"),
    records.TOLD: ("wem wann was", "keep.told_days"),
    records.OF_THE_MOMENT: ("wem wann was", "Hinweise und Änderungen"),
    records.SESSION: ("Anmeldungen", "nach der letzten Nutzung"),
    records.WAY_IN: ("Links, die anmelden", "bis sie ablaufen"),
    records.ASKED: ("Bitten um einen Anmelde-Link", "Tag"),
    records.DEEDS: ("wer was wann getan hat", "keep.audit_days"),
    records.IN_USE: ("Prüfsummen dessen", "solange die Stadt Faden nutzt"),
}
OTHER_WORDS = {  # rows that tell of the same columns apart, and of what is no table
    "Mitgliedschaften mit Rolle",
    "Liste von Menschen",
    "Karte einer Sitzung",
    "Sicherungen der ganzen Datenbank",
    "wer eine Sitzung zuletzt verlegt",
}
SPOKEN = {
    timedelta(days=1): "einen Tag",
    timedelta(days=2): "zwei Tage",
    timedelta(days=7): "eine Woche",
    timedelta(days=14): "14 Tage",
    timedelta(days=30): "30 Tage",
    timedelta(days=90): "90 Tage",
    timedelta(days=730): "zwei Jahre",
    timedelta(days=1095): "drei Jahre",
}


@cache
def models() -> Mapping[str, type[Model]]:
    """By name, every table of the store."""
    modules = [importlib.import_module(name) for name in db.MODELS]
    found = (value for module in modules for value in vars(module).values())
    return {
        model._meta.db_table: model  # noqa: SLF001  # Tortoise's way to ask
        for model in found
        if isinstance(model, type) and issubclass(model, Model) and model is not Model
    }


@cache
def columns(table: str) -> Mapping[str, fields.Field[object]]:
    """By name, the columns of a table, whether or not Tortoise has worked out its relations yet."""
    found = models()[table]._meta.fields_map  # noqa: SLF001  # Tortoise's way to ask
    own = {name for name, field in found.items() if isinstance(field, ForeignKeyFieldInstance)}
    return {
        f"{name}_id" if name in own else name: field
        for name, field in found.items()
        if name in own or (field.has_db_field and name.removesuffix("_id") not in own)
    }


def refers_to(table: str, column: str) -> str | None:
    """The table that a column refers to."""
    field = columns(table)[column]
    if not isinstance(field, ForeignKeyFieldInstance):
        return None
    named = field.model_name if isinstance(field.model_name, str) else field.model_name.__name__
    name = named.rpartition(".")[2]
    return next(table for table, model in models().items() if model.__name__ == name)


def references() -> Iterator[tuple[str, str, str]]:
    """Each table and column that refers to another table, and that table."""
    for table in models():
        for column in columns(table):
            other = refers_to(table, column)
            if other is not None:
                yield table, column, other


def end_of(table: str, path: str) -> tuple[str, str]:
    """Follow a link's path to the table and column that hold the person."""
    *steps, last = path.split(".")
    for step in steps:
        came_from, _, column = step.rpartition(":")
        other = refers_to(came_from or table, column)
        assert other is not None, f"{step} of {path} refers to nothing"
        assert not came_from or other == table, f"{step} of {path} does not refer to {table}"
        table = came_from or other
    assert last in columns(table), f"{path} ends in no column of {table}"
    return table, last


def groups() -> Iterator[tuple[str, Fields]]:
    for table, record in TABLES.items():
        for group in record.fields:
            yield table, group


def lifetimes() -> dict[str, Lifetime]:
    return {name: value for name, value in vars(records).items() if isinstance(value, Lifetime)}


def held(name: str) -> object:
    """What stands under a dotted name."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def as_time(found: object) -> timedelta:
    """The longest time that a constant of the program means."""
    match found:
        case timedelta():
            return found
        case int():
            return timedelta(days=found)  # a setting's
        case dict():
            longest: timedelta = max(found.values())
            return longest
        case tuple():
            return limits.longest(found)
    raise AssertionError(found)


def privacy_rows() -> dict[str, str]:
    """By first cell, the last cell of each row of the page for the people concerned."""
    text = (DOCS / "privacy" / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {what: how_long for what, _, how_long in rows[2:]}


# --- the walk over the schema -----------------------------------------------------------------------------------------


def test_every_table_has_an_entry_and_every_entry_a_table() -> None:
    assert set(TABLES) == set(models())


@pytest.mark.parametrize("table", NAMES)
def test_every_column_stands_in_exactly_one_group(table: str) -> None:
    said = [column for group in TABLES[table].fields for column in group.columns]

    assert sorted(said) == sorted(columns(table))


def test_every_reference_to_a_person_is_a_link() -> None:
    found = {(table, column) for table, column, other in references() if other == "person"}
    linked = {(table, link.path) for table, record in TABLES.items() for link in record.links}

    assert found - linked == set()


@pytest.mark.parametrize("table", NAMES)
def test_every_link_leads_to_a_person(table: str) -> None:
    for link in TABLES[table].links:
        last_table, last = end_of(table, link.path)
        holds_an_id = refers_to(last_table, last) == "person" or (
            f"{last_table}.{last}" in PERSON_IDS_WITHOUT_A_FOREIGN_KEY
        )

        assert holds_an_id == (link.found is Found.ID), link


@pytest.mark.parametrize("table", NAMES)
def test_every_group_is_of_links_of_its_table_and_every_link_has_a_group(table: str) -> None:
    paths = [link.path for link in TABLES[table].links]

    assert {path for group in TABLES[table].fields for path in group.of} == set(paths)
    assert len(paths) == len(set(paths))


# --- erasing ----------------------------------------------------------------------------------------------------------


def test_what_is_about_people_has_a_basis_and_an_answer_to_erasing() -> None:
    without = [
        (table, group.columns)
        for table, group in groups()
        if (group.of == ()) != (group.erasing is Erasing.NOTHING) or (group.of == ()) != (group.basis is None)
    ]

    assert without == []


def test_what_is_kept_says_why_and_nothing_else_does() -> None:
    wrong = [
        (table, group.columns) for table, group in groups() if (group.erasing is Erasing.KEEP) != bool(group.because)
    ]

    assert wrong == []


@pytest.mark.parametrize("table", NAMES)
def test_rows_that_go_go_whole(table: str) -> None:
    told = {group.erasing for group in TABLES[table].fields}

    assert Erasing.DELETE not in told or told == {Erasing.DELETE}


def test_nothing_that_stays_refers_to_a_row_that_goes() -> None:
    going = {table for table, group in groups() if group.erasing is Erasing.DELETE}
    emptied = {
        (table, column) for table, group in groups() if group.erasing is Erasing.BLANK for column in group.columns
    }

    left = {(table, column) for table, column, other in references() if other in going and table not in going}

    assert left - emptied == set()


def test_what_is_blanked_can_be_blank() -> None:
    cannot = [
        f"{table}.{column}"
        for table, group in groups()
        if group.erasing is Erasing.BLANK
        for column in group.columns
        for field in [columns(table)[column]]
        if not field.null and field.default is None and not field.has_db_default()
    ]

    assert cannot == []


def test_a_neutral_name_stands_only_where_text_does() -> None:
    others = [
        f"{table}.{column}"
        for table, group in groups()
        if group.erasing is Erasing.NEUTRAL
        for column in group.columns
        if not isinstance(columns(table)[column], fields.CharField | fields.TextField)
    ]

    assert others == []


def test_erasing_a_sender_empties_what_they_wrote_and_keeps_its_place() -> None:
    erased = TABLES["webchat_message"].erased("sender_id.user_id")

    assert (erased["text"], erased["sent_at"]) == (Erasing.BLANK, Erasing.KEEP)
    assert "message_id" not in erased


# --- a copy of one's data ---------------------------------------------------------------------------------------------


def test_copy_holds_what_is_theirs_and_neither_secrets_nor_what_they_did_to_others() -> None:
    assert TABLES["web_session"].exported("person_id") == (
        "id",
        "person_id",
        "label",
        "created_at",
        "seen_at",
        "expires_at",
    )
    assert TABLES["commitment_party"].exported("confirmed_by_id") == ()
    assert TABLES["attendance"].exported("answered_by_id") == ()
    assert TABLES["agenda_item"].exported("presenter_id") == ("title", "presenter_id")


def test_no_copy_holds_a_secret_or_facts_that_may_name_others() -> None:
    copied = {
        (table, column)
        for table, record in TABLES.items()
        for link in record.links
        for column in record.exported(link.path)
    }

    assert {(table, column) for table, column in copied if re.search("hash|secret|token", column)} == set()
    assert copied & {("notice", "facts"), ("notice", "frozen"), ("audit_event", "facts")} == set()


@pytest.mark.parametrize("table", NAMES)
def test_copy_names_nobody_else_whom_a_column_refers_to(table: str) -> None:
    for link in TABLES[table].links:
        others = {other.path for other in TABLES[table].links if other is not link and other.found is Found.ID}

        assert set(TABLES[table].exported(link.path)) & others == set(), link


def test_what_is_withheld_would_otherwise_be_copied() -> None:
    standings = {(table, link.path): link.standing for table, record in TABLES.items() for link in record.links}

    needless = [
        (table, group.columns)
        for table, group in groups()
        if group.withheld and {standings[table, path] for path in group.of} <= {Standing.ACTOR}
    ]

    assert needless == []


# --- how long ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(lifetimes()))
def test_lifetime_is_that_of_the_code_which_ends_it(name: str) -> None:
    lifetime = lifetimes()[name]

    assert lifetime.time is None or lifetime.held_by is not None
    if lifetime.held_by is not None:
        found = held(lifetime.held_by)
        assert callable(found) if lifetime.time is None else as_time(found) == lifetime.time


def test_only_these_have_no_code_that_ends_them() -> None:
    endless = {name for name, lifetime in lifetimes().items() if lifetime.held_by is None}

    assert endless == {"IN_USE", "RECORDS", "SEATED", "UNTIL_ERASED", "PARKED_MARK"}


def test_every_lifetime_is_that_of_some_column() -> None:
    used = {lifetime for _, group in groups() for lifetime in group.kept}

    assert all(group.kept for _, group in groups())
    assert used == set(lifetimes().values())


@pytest.mark.parametrize("name", sorted(lifetimes()))
def test_people_are_told_how_long(name: str) -> None:
    what, words = TOLD[lifetimes()[name]]
    (cell,) = (how_long for row, how_long in privacy_rows().items() if row.startswith(what))
    time = lifetimes()[name].time

    assert words in cell
    assert time is None or SPOKEN[time] in cell


def test_people_are_told_of_nothing_that_no_column_is_kept_for() -> None:
    known = {what for what, _ in TOLD.values()} | OTHER_WORDS

    assert [row for row in privacy_rows() if not row.startswith(tuple(known))] == []


# --- the page of the tables -------------------------------------------------------------------------------------------


def models_page() -> Iterator[tuple[str, str, str]]:
    """Each row of docs/models.md: the file that it stands under, the table, and why it is one."""
    file = ""
    for line in (DOCS / "models.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            file = line.removeprefix("## ")
        elif line.startswith("| `"):
            table, why = (cell.strip() for cell in line.strip("|").split("|"))
            yield file, table.strip("`"), why


def test_every_table_has_a_line_that_says_why_it_is_not_a_column() -> None:
    written = [(file, table) for file, table, why in models_page() if len(why.split()) > 3]
    there = [(model.__module__.rpartition(".")[2], table) for table, model in models().items()]

    assert sorted(written) == sorted(there)
