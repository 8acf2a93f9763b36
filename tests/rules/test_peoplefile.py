from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from bot.rules import merge, peoplefile
from bot.rules.mistakes import FileErrors, Mistake
from bot.rules.peoplefile import Column, PeopleFile, Row, Seat, Somebody, Town, Understood, read, understand
from bot.rules.townfile import Language, Person
from storage.vocabulary import Role

BODIES = {"RLK": "Regionalleiterkonferenz", "SRT-Nord": "Sozialraumteam Nord", "AG": "Schule, Hort, Kita"}
ORGANISATIONS = {"caritas": "Caritas Lindental", "amt": "Stadtjugendamt"}
PETRA = Somebody(key="wimmer", given_name="Petra", family_name="Wimmer", mail="petra.wimmer@example.org")
LUKAS = Somebody(key="wieser", given_name="Lukas", family_name="Wieser")


def a_list(*lines: str) -> PeopleFile:
    """A list with these lines; the first has the headings."""
    return read("\n".join(lines).encode(), "leute.csv")


def understood(*lines: str, people: tuple[Somebody, ...] = (PETRA, LUKAS)) -> Understood:
    return understand(a_list(*lines), Town(people=people, bodies=BODIES, organisations=ORGANISATIONS))


def of_line(cells: str, heading: str = "Vorname;Nachname", people: tuple[Somebody, ...] = (PETRA, LUKAS)) -> Understood:
    return understood(heading, cells, people=people)


def wrong(found: Understood) -> list[tuple[int, str, str, Mapping[str, Any]]]:
    return [(mistake.line, mistake.key, mistake.code, mistake.facts) for mistake in found.mistakes]


def refused(*lines: str) -> tuple[Mistake, ...]:
    with pytest.raises(FileErrors) as caught:
        a_list(*lines)
    return caught.value.mistakes


# --- columns ----------------------------------------------------------------------------------------------------------


def test_columns_are_found_in_any_order_and_the_others_are_named() -> None:
    file = a_list("Telefon;E-Mail;;Nachname;Vorname", "0123;ada@example.org;;Öhler;Ada")

    assert file == PeopleFile(
        name="leute.csv",
        headings={Column.MAIL: "E-Mail", Column.FAMILY_NAME: "Nachname", Column.GIVEN_NAME: "Vorname"},
        unknown=("Telefon",),
        rows=(Row(2, {Column.MAIL: "ada@example.org", Column.FAMILY_NAME: "Öhler", Column.GIVEN_NAME: "Ada"}),),
    )


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Kürzel", Column.KEY),
        ("VORNAME", Column.GIVEN_NAME),
        ("first name", Column.GIVEN_NAME),
        ("given_name", Column.GIVEN_NAME),
        ("Name", Column.FAMILY_NAME),
        ("Familienname", Column.FAMILY_NAME),
        ("Anrede", Column.SALUTATION),
        ("e-mail-adresse", Column.MAIL),
        ("Email", Column.MAIL),
        ("Sprache", Column.LANGUAGE),
        ("Gremien", Column.BODY),
        ("Träger", Column.ORGANISATION),
        ("Funktion", Column.ROLE),
        ("Stellvertreter/in", Column.DEPUTY),
        ("Beginn", Column.BEGINS_ON),
        ("bis", Column.ENDS_ON),
    ],
)
def test_headings_have_synonyms(heading: str, column: Column) -> None:
    needed = [name for name in ("Vorname", "Nachname") if peoplefile._COLUMN_OF[name.lower()] is not column]  # noqa: SLF001  # the table under test

    file = a_list(";".join([heading, *needed]), "x;y;z")

    assert file.headings[column] == heading


def test_list_without_the_needed_columns_says_what_it_has_and_what_it_needs() -> None:
    facts = {"needed": (Column.GIVEN_NAME, Column.FAMILY_NAME), "found": ("Wer", "E-Mail")}

    assert refused("Wer;E-Mail;", "Ada Öhler;;") == (Mistake("leute.csv", 1, "", "missing_columns", facts),)


def test_column_that_is_there_twice() -> None:
    assert refused("Vorname;Name;Nachname", "Ada;Öhler;") == (
        Mistake("leute.csv", 1, "Nachname", "column_twice", {"value": "Name"}),
    )


@pytest.mark.parametrize(("lines", "line"), [(("",), 1), (("", "Vorname;Nachname"), 2)])
def test_list_of_nobody(lines: tuple[str, ...], line: int) -> None:
    assert refused(*lines) == (Mistake("leute.csv", line, "", "no_rows"),)


def test_file_that_is_no_table_is_one_mistake() -> None:
    with pytest.raises(FileErrors) as caught:
        read(b"\x00", "leute.csv")

    assert caught.value.mistakes == (Mistake("leute.csv", 1, "", "not_text"),)


def test_list_is_the_same_after_it_has_been_kept() -> None:
    file = a_list("Vorname;Nachname;Telefon", "Ada;Öhler;1", "Ben;Özdemir;2;3")

    assert PeopleFile.from_json(file.to_json()) == file


# --- people -----------------------------------------------------------------------------------------------------------


def test_somebody_new_gets_a_key_of_the_family_name() -> None:
    found = of_line("Zoë;Groß-Öhler;Frau;Z.Oehler@Example.org;Englisch", "Vorname;Nachname;Anrede;E-Mail;Sprache")

    assert found == Understood(
        people=(
            Person(
                key="gross-oehler",
                given_name="Zoë",
                family_name="Groß-Öhler",
                salutation="Frau",
                mail="z.oehler@example.org",
                language=Language.ENGLISH,
                line=2,
            ),
        ),
        seats=(),
        named={2: "Zoë Groß-Öhler"},
        mistakes=(),
        idle=(),
    )


def test_keys_are_different_whatever_the_names() -> None:
    found = understood(
        "Vorname;Nachname;E-Mail",
        "Ada;Wimmer;a@example.org",
        "Ada;Wîmmer;b@example.org",
        "Ada;Wimmér;c@example.org",
        "Ada;!;d@example.org",
    )

    assert [person.key for person in found.people] == ["wimmer-ada", "wimmer-ada-2", "wimmer-ada-3", "person"]


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("Vorname;Nachname;Kürzel", "Petra;Wimmer-Alt;WIMMER"),
        ("Vorname;Nachname;E-Mail", "Petra;Wimmer-Alt;Petra.Wimmer@example.org"),
        ("Vorname;Nachname", "petra;WIMMER"),
    ],
)
def test_somebody_known_is_found_by_key_address_or_name(heading: str, cells: str) -> None:
    found = of_line(cells, heading)

    assert ([person.key for person in found.people], found.mistakes) == (["wimmer"], ())
    assert found.named == {2: "Petra Wimmer"}


def test_somebody_known_without_an_address_is_found_by_name_and_gets_one() -> None:
    found = of_line("Lukas;Wieser;lukas@example.org", "Vorname;Nachname;E-Mail")

    assert [(person.key, person.mail) for person in found.people] == [("wieser", "lukas@example.org")]


@pytest.mark.parametrize(
    "cells", ["Petra;Neumann;petra@example.org", "Petra;Wimmer;", "Peter;Wimmer;petra@example.org"]
)
def test_somebody_is_found_by_what_was_imported_though_it_was_edited_since(cells: str) -> None:
    said = {"given_name": "Petra", "family_name": "Wimmer", "mail": "petra@example.org"}
    edited = Somebody(
        key="wimmer", given_name="Petra", family_name="Wimmer-Neumann", mail="p@example.org", imported=merge.marks(said)
    )
    if cells.startswith("Peter"):
        edited = Somebody(key="wimmer", given_name="Peter", family_name="Neu", imported=merge.marks(said))

    found = of_line(cells, "Vorname;Nachname;E-Mail", people=(edited,))

    assert ([person.key for person in found.people], found.mistakes) == (["wimmer"], ())


def test_several_lines_tell_of_one_person() -> None:
    found = understood("Vorname;Nachname;E-Mail;Anrede", "Ada;Öhler;;", "Ada;Öhler;ada@example.org;", "ADA;ÖHLER;;Frau")

    assert wrong(found) == [
        (4, "Vorname", "says_otherwise", {"value": "Ada", "line": 2}),
        (4, "Nachname", "says_otherwise", {"value": "Öhler", "line": 2}),
    ]
    assert [(one.key, one.mail, one.salutation, one.line) for one in found.people] == [
        ("oehler", "ada@example.org", "Frau", 2)
    ]


def test_two_of_one_name_are_not_guessed() -> None:
    other = Somebody(key="wimmer2", given_name="Petra", family_name="Wimmer", mail="other@example.org")

    found = of_line("Petra;Wimmer", people=(PETRA, other))

    assert wrong(found) == [
        (2, "Nachname", "same_name", {"people": ("Petra Wimmer (wimmer)", "Petra Wimmer (wimmer2)")})
    ]
    assert found.named == {2: "Petra Wimmer"}


def test_same_name_with_another_address_is_not_guessed_and_a_key_says_it() -> None:
    heading = "Vorname;Nachname;E-Mail;Kürzel"

    unsaid = of_line("Petra;Wimmer;new@example.org;", heading)
    same = of_line("Petra;Wimmer;new@example.org;wimmer", heading)
    another = of_line("Petra;Wimmer;new@example.org;wimmer-2", heading)

    assert wrong(unsaid) == [(2, "Nachname", "same_name", {"people": ("Petra Wimmer (wimmer)",)})]
    assert [(one.key, one.mail) for one in same.people] == [("wimmer", "new@example.org")]
    assert [(one.key, one.mail) for one in another.people] == [("wimmer-2", "new@example.org")]


@pytest.mark.parametrize("key", ["", "wieser", "somebody-new"])
def test_address_of_somebody_else_is_theirs(key: str) -> None:
    found = of_line(f"Lukas;Wieser;petra.wimmer@example.org;{key}", "Vorname;Nachname;E-Mail;Kürzel")

    facts = {"value": "petra.wimmer@example.org", "person": "Petra Wimmer"}
    assert wrong(found) == [(2, "E-Mail", "mail_taken", facts)]


@pytest.mark.parametrize(
    ("cells", "heading", "code"),
    [
        (";Öhler", "Vorname", "missing"),
        ("Ada;Öhler;nobody", "E-Mail", "not_a_mail_address"),
        ("Ada;Öhler;;a key", "Kürzel", "not_a_key"),
        (f"{'A' * 101};Öhler", "Vorname", "too_long"),
        ("Ada;Öhler;;;fr", "Sprache", "not_a_language"),
    ],
)
def test_cell_that_is_wrong_is_named(cells: str, heading: str, code: str) -> None:
    found = of_line(cells, "Vorname;Nachname;E-Mail;Kürzel;Sprache")

    assert [mistake[:3] for mistake in wrong(found)] == [(2, heading, code)]
    assert found.people == ()


@pytest.mark.parametrize(("stray", "letter"), [(3, "C"), (30, "AD")])
def test_cell_without_a_heading_spoils_its_line(stray: int, letter: str) -> None:
    found = of_line(f"Ada;Öhler{';' * (stray - 2)}?", "Vorname;Nachname;;;Gremium")

    assert wrong(found) == [(2, "", "no_heading", {"value": letter})]
    assert (found.people, found.seats) == ((), ())


def test_what_was_meant_is_guessed_for_the_first_wrong_names_only() -> None:
    wrong_names = [f"RLK{number}" for number in range(30)]
    cells = "\n".join(f"Ada{number};Öhler;{name}" for number, name in enumerate([*wrong_names, wrong_names[0]]))

    found = of_line(cells, "Vorname;Nachname;Gremium")

    guesses = [facts["nearest"] for *_, facts in wrong(found)]
    assert guesses == ["RLK"] * 10 + [None] * 20 + ["RLK"]


# --- seats ------------------------------------------------------------------------------------------------------------

SEATS = "Vorname;Nachname;Gremium;Rolle;Organisation;Stellvertretung;Beginn;Ende"


def test_seat_says_what_the_line_says() -> None:
    found = of_line("Petra;Wimmer;srt nord;stv. Leitung;Caritas Lindental;Lukas Wieser;1.9.26;2027-08-31", SEATS)

    assert found.seats == (
        Seat(
            line=2,
            body="SRT-Nord",
            person="wimmer",
            role=Role.DEPUTY_CHAIR,
            organisation="caritas",
            deputy="wieser",
            begins_on=date(2026, 9, 1),
            ends_on=date(2027, 8, 31),
        ),
    )


def test_seat_says_nothing_where_the_cells_are_empty() -> None:
    assert of_line("Petra;Wimmer;RLK", SEATS).seats == (Seat(line=2, body="RLK", person="wimmer"),)


@pytest.mark.parametrize(
    ("cell", "bodies"),
    [
        ("RLK, SRT-Nord", ["RLK", "SRT-Nord"]),
        ('"RLK; SRT-Nord;"', ["RLK", "SRT-Nord"]),
        ('"RLK\nSozialraumteam Nord"', ["RLK", "SRT-Nord"]),
        ("Schule, Hort, Kita", ["AG"]),
        ("RLK, rlk", ["RLK"]),
    ],
)
def test_line_may_name_several_bodies(cell: str, bodies: list[str]) -> None:
    assert [seat.body for seat in of_line(f"Petra;Wimmer;{cell}", SEATS).seats] == bodies


@pytest.mark.parametrize("cell", ["Ada Öhler", "Öhler, Ada", "ada@example.org", "OEHLER"])
def test_deputy_may_stand_further_down(cell: str) -> None:
    found = understood(f"{SEATS};E-Mail", f"Petra;Wimmer;RLK;;;{cell}", "Ada;Öhler;;;;;;;ada@example.org")

    assert [seat.deputy for seat in found.seats] == ["oehler"]


def test_deputy_whose_name_two_have_is_not_guessed() -> None:
    other = Somebody(key="wimmer2", given_name="Petra", family_name="Wimmer")

    found = of_line("Ada;Öhler;RLK;;;Petra Wimmer", SEATS, people=(PETRA, other))

    assert wrong(found) == [
        (2, "Stellvertretung", "same_name", {"people": ("Petra Wimmer (wimmer)", "Petra Wimmer (wimmer2)")})
    ]


@pytest.mark.parametrize(
    ("cells", "heading", "code", "facts"),
    [
        ("RLKK", "Gremium", "not_there", {"value": "RLKK", "nearest": "RLK"}),
        ("x" * 100_000, "Gremium", "not_there", {"value": "x" * 80, "nearest": None}),
        ("RLK, Zzz", "Gremium", "not_there", {"value": "Zzz", "nearest": None}),
        ("RLK;Chefin", "Rolle", "not_a_role", {"value": "Chefin", "choices": tuple(Role)}),
        ("RLK;;Caritass", "Organisation", "not_there", {"value": "Caritass", "nearest": "caritas"}),
        ("RLK;;;Nobody", "Stellvertretung", "not_there", {"value": "Nobody"}),
        ("RLK;;;;31.2.2026", "Beginn", "not_a_date", {"value": "31.2.2026"}),
        ("RLK;;;;;bald", "Ende", "not_a_date", {"value": "bald"}),
        (";Leitung", "Rolle", "needs_body", {}),
        (";;;;1.9.2026", "Beginn", "needs_body", {}),
    ],
)
def test_seat_that_is_wrong_is_named(cells: str, heading: str, code: str, facts: Mapping[str, Any]) -> None:
    assert wrong(of_line(f"Petra;Wimmer;{cells}", SEATS)) == [(2, heading, code, facts)]


def test_mistakes_of_a_line_whose_person_is_unknown_are_named_too() -> None:
    found = of_line(";Wimmer;RLKK", SEATS)

    assert [mistake[1:3] for mistake in wrong(found)] == [("Vorname", "missing"), ("Gremium", "not_there")]
    assert (found.seats, found.named) == ((), {2: "Wimmer"})


def test_mistakes_stand_in_the_order_of_the_lines() -> None:
    found = understood(SEATS, "Petra;Wimmer;Zzz", "Lukas;;")

    assert [mistake[0] for mistake in wrong(found)] == [2, 3]


def test_two_seats_in_one_body_at_the_same_time() -> None:
    found = understood(SEATS, "Petra;Wimmer;RLK;;;;;31.12.2026", "Petra;Wimmer;RLK;;;;31.12.2026;", "Lukas;Wieser;RLK")

    assert wrong(found) == [(3, "Gremium", "seat_twice", {"value": "Petra Wimmer"})]


def test_two_seats_in_one_body_one_after_the_other() -> None:
    found = understood(SEATS, "Petra;Wimmer;RLK;;;;;31.12.2026", "Petra;Wimmer;RLK;;;;1.1.2027;")

    assert (len(found.seats), found.mistakes) == (2, ())


def test_organisation_without_a_body_is_good_for_nothing() -> None:
    found = of_line("Petra;Wimmer;;;Whatever", SEATS)

    assert (found.idle, found.mistakes) == ((2,), ())


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_understood_by_its_name_in_the_file(role: Role) -> None:
    assert of_line(f"Petra;Wimmer;RLK;{role.value}", SEATS).seats[0].role is role
