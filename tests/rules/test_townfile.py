import re
from datetime import date, time
from pathlib import Path
from textwrap import dedent

import pytest

from bot.rules import procedure, townfile
from bot.rules.mistakes import FileErrors, Mistake
from bot.rules.procedure import HandOver, Mixed, Rules
from bot.rules.townfile import Area, Body, Language, Organisation, Person, Seat, TownFile
from storage.vocabulary import BodyKind, OrganisationKind, Role

HOUSE = Path(__file__).parents[2]

TOWN = dedent("""\
    from = 2026-01-01

    [[organisation]]
    key = "jugendamt"
    name = "Stadtjugendamt Musterstadt"
    kind = "public"

    [[organisation]]
    key = "lindenhof"
    name = "Lindenhof Jugendhilfe"
    kind = "free"
    level = 1

    [[area]]
    key = "ost"
    name = "Sozialraum Ost"
    lead = "lindenhof"

    [[body]]
    code = "TK"
    name = "Trägerkonferenz"
    kind = "provider_conference"
    seats = [
      { person = "ahrens", organisation = "jugendamt", role = "chair", deputy = "bruns", until = 2027-12-31 },
      { vacant = true, organisation = "lindenhof" },
    ]
    [body.rules]
    notice_days = 10
    quorum = { public = 1, free = 2 }
    hand_over = [{ to = "AG-Ost", report = 1 }]

    [[body]]
    code = "AG-Ost"
    name = "Sozialraumteam Ost"
    kind = "area_team"
    parent = "TK"
    areas = ["ost"]
    level = 1
    informal = true
    mail = "Ost@example.org"
    place = "Stadtteilbüro"
    join_link = "https://konferenz.example.org/ost"

    [[body.seats]]
    person = "bruns"
    from = 2026-03-01

    [[person]]
    key = "ahrens"
    given_name = "Inga"
    family_name = "Ahrens"

    [[person]]
    key = "bruns"
    given_name = "Ole"
    family_name = "Bruns"
    salutation = "Herr"
    mail = "Ole.Bruns@example.org"
    language = "en"
    zone = "Europe/Vienna"
    quiet = "18:00 - 8:00"
    level = 0
    administrator = true
""")


def mistakes(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(FileErrors) as refused:
        townfile.parse(text, "town.toml")
    return [(mistake.line, mistake.key, mistake.code) for mistake in refused.value.mistakes]


def replaced(old: str, new: str) -> str:
    assert TOWN.count(old) == 1
    return TOWN.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_town_is_read_whole() -> None:
    town = townfile.parse(TOWN, "town.toml")

    assert town == TownFile(
        name="town.toml",
        organisations=(
            Organisation(key="jugendamt", name="Stadtjugendamt Musterstadt", kind=OrganisationKind.PUBLIC),
            Organisation(key="lindenhof", name="Lindenhof Jugendhilfe", kind=OrganisationKind.FREE, level=1),
        ),
        areas=(Area(key="ost", name="Sozialraum Ost", lead="lindenhof"),),
        bodies=(
            Body(
                code="TK",
                name="Trägerkonferenz",
                kind=BodyKind.PROVIDER_CONFERENCE,
                rules=Rules(notice_days=10, quorum=Mixed(1, 2), hand_over=(HandOver("AG-Ost", 1),)),
                seats=(
                    Seat(
                        person="ahrens",
                        organisation="jugendamt",
                        role=Role.CHAIR,
                        deputy="bruns",
                        begins_on=date(2026, 1, 1),
                        ends_on=date(2027, 12, 31),
                    ),
                    Seat(organisation="lindenhof", begins_on=date(2026, 1, 1)),
                ),
            ),
            Body(
                code="AG-Ost",
                name="Sozialraumteam Ost",
                kind=BodyKind.AREA_TEAM,
                parent="TK",
                areas=("ost",),
                level=1,
                informal=True,
                mail="ost@example.org",
                place="Stadtteilbüro",
                join_link="https://konferenz.example.org/ost",
                seats=(Seat(person="bruns", begins_on=date(2026, 3, 1)),),
            ),
        ),
        people=(
            Person(key="ahrens", given_name="Inga", family_name="Ahrens"),
            Person(
                key="bruns",
                given_name="Ole",
                family_name="Bruns",
                salutation="Herr",
                mail="ole.bruns@example.org",
                language=Language.ENGLISH,
                zone="Europe/Vienna",
                quiet=(time(18), time(8)),
                level=0,
                administrator=True,
            ),
        ),
    )
    assert [person.line for person in town.people] == [line_of(TOWN, "[[person]]"), line_of(TOWN, 'key = "bruns"') - 1]


def test_empty_file_is_an_empty_town() -> None:
    assert townfile.parse("# nothing yet\n", "town.toml") == TownFile(name="town.toml")


@pytest.mark.parametrize("path", [HOUSE / "town.example.toml", HOUSE / "bot" / "sample_town.toml"])
def test_town_that_is_delivered_can_be_read(path: Path) -> None:
    town = townfile.parse(path.read_text(encoding="utf-8"), path.name)

    assert town.people


TABLES = ("_TOWN", "_ORGANISATION", "_AREA", "_BODY", "_SEAT", "_PERSON")


def test_example_has_every_key_and_every_rule_of_procedure() -> None:
    text = (HOUSE / "town.example.toml").read_text(encoding="utf-8")
    keys = {key for table in TABLES for key in getattr(townfile, table)} | set(procedure.FIELDS)

    missing = {key for key in keys if not re.search(rf"(\b{key} = |\[{key}\]|\.{key}\])", text)}

    assert missing == set()


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ('name = "Sozialraum Ost"', "", "area.name", "missing"),
        ('lead = "lindenhof"', 'lead = "lindenhoff"', "area.lead", "no_such"),
        ("level = 0", "level = 4", "person.level", "not_a_number"),
        ("level = 0", "lewel = 0", "person.lewel", "unknown_key"),
        ('quiet = "18:00 - 8:00"', 'quiet = "nachts"', "person.quiet", "not_a_time"),
        ('parent = "TK"', 'parent = "RLK"', "body.parent", "no_such"),
        ('areas = ["ost"]', 'areas = ["ost", "west"]', "body.areas", "no_such"),
        ('person = "bruns"', 'person = "brun"', "body.seats.person", "no_such"),
        ('deputy = "bruns"', 'deputy = "celik"', "body.seats.deputy", "no_such"),
        ('organisation = "jugendamt"', 'organisation = "amt"', "body.seats.organisation", "no_such"),
        ("notice_days = 10", "notice_days = -1", "body.rules.notice_days", "not_a_number"),
        ('to = "AG-Ost"', 'to = "AG-West"', "body.rules.hand_over", "no_such"),
        ("[body.rules]", "[[body.rules]]", "body.rules", "not_a_table"),
        ("until = 2027-12-31", "until = 2025-12-31", "body.seats.until", "ends_before_it_begins"),
        ("vacant = true, ", "", "body.seats", "person_or_vacant"),
        ("{ vacant = true, ", '{ vacant = true, person = "bruns", ', "body.seats", "person_or_vacant"),
        ('key = "ahrens"', 'key = "Bruns"', "person.key", "twice"),
        ('key = "lindenhof"', 'key = "jugendamt"', "organisation.key", "twice"),
        ("[[area]]", "[area]", "area", "not_tables"),
        ("from = 2026-01-01", "von = 2026-01-01", "von", "unknown_key"),
    ],
)
def test_mistake_is_named_with_line_and_key(old: str, new: str, key: str, code: str) -> None:
    text = replaced(old, new)

    assert (key, code) in [(found, why) for _, found, why in mistakes(text)]


def test_mistake_of_a_key_stands_on_its_line() -> None:
    text = replaced("level = 0", "level = 4")

    assert mistakes(text) == [(line_of(text, "level = 4"), "person.level", "not_a_number")]


def test_mistake_in_a_row_of_seats_stands_on_its_line() -> None:
    text = replaced('deputy = "bruns"', 'deputy = "brun"')
    line = line_of(text, '"brun"')

    with pytest.raises(FileErrors) as refused:
        townfile.parse(text, "town.toml")

    facts = {"value": "brun", "nearest": "bruns"}
    assert refused.value.mistakes == (Mistake("town.toml", line, "body.seats.deputy", "no_such", facts),)
    assert str(refused.value) == f"town.toml:{line}: body.seats.deputy: no_such"


def test_missing_key_stands_on_the_line_of_its_table() -> None:
    text = replaced('given_name = "Inga"\n', "")

    assert mistakes(text) == [(line_of(text, "[[person]]"), "person.given_name", "missing")]


def test_every_mistake_is_named_at_once_in_the_order_of_the_lines() -> None:
    text = replaced("level = 0", "level = 4").replace('kind = "public"', 'kind = "öffentlich"')

    assert mistakes(text) == [
        (line_of(text, "öffentlich"), "organisation.kind", "not_a_choice"),
        (line_of(text, "level = 4"), "person.level", "not_a_number"),
    ]


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb =\n", 2), ('from = 2026-01-01\n\n[[area]]\nkey = "a', 4), ("\ufeff[[area]]", 1)]
)
def test_file_that_is_no_toml_is_named_with_its_line(text: str, line: int) -> None:
    assert mistakes(text) == [(line, "", "not_toml")]


def test_same_mail_address_twice() -> None:
    text = replaced('family_name = "Ahrens"', 'family_name = "Ahrens"\nmail = "OLE.bruns@example.org"')

    assert mistakes(text) == [(line_of(text, 'mail = "Ole.Bruns'), "person.mail", "twice")]


SEATS = """
[[body]]
code = "TK"
name = "Trägerkonferenz"
kind = "provider_conference"
seats = [
  {{ person = "a", from = 2024-01-01, until = 2025-12-31 }},
  {{ person = "a", from = {second} }},
]
[[person]]
key = "a"
given_name = "A"
family_name = "A"
"""


def test_person_may_come_back_to_a_body() -> None:
    town = townfile.parse(SEATS.format(second="2026-01-01"), "town.toml")

    assert len(town.bodies[0].seats) == 2


def test_person_cannot_have_two_seats_in_a_body_at_a_time() -> None:
    assert mistakes(SEATS.format(second="2025-12-31")) == [(8, "body.seats.person", "seat_twice")]


def test_bodies_cannot_stand_above_themselves() -> None:
    kinds = 'name = "X"\nkind = "working_group"\n'
    text = "".join(
        f'[[body]]\ncode = "{code}"\nparent = "{parent}"\n{kinds}' for code, parent in ("AB", "BC", "CB", "DD", "EA")
    )

    assert mistakes(text) == [
        (8, "body.parent", "above_itself"),
        (13, "body.parent", "above_itself"),
        (18, "body.parent", "above_itself"),
    ]
