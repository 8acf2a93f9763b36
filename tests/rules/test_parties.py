import json

import pytest

from bot.rules.parties import Directory, Named, Party, from_code, named, split
from storage.vocabulary import Role

TOWN = Directory(
    people=(
        Named(id=1, short="Meier", name="Anna Meier"),
        Named(id=2, short="Özdemir", name="Ben Özdemir"),
        Named(id=3, short="Meier", name="Carla Meier"),
    ),
    organisations=(
        Named(id=4, short="jugendamt", name="Amt für Jugend und Familie"),
        Named(id=5, short="caritas-lindental", name="Caritas Lindental"),
        Named(id=6, short="diakonie", name="Diakonie Lindental"),
        Named(id=8, short="meier-und-oezdemir", name="Meier und Özdemir"),
    ),
    bodies=(Named(id=7, short="RLK", name="Regionalleiterkonferenz"),),
)


@pytest.mark.parametrize(
    ("text", "parties"),
    [
        ("Anna Meier", (Party(person=1),)),
        ("Meier", (Party(person=1), Party(person=3))),
        ("Frau Oezdemir", (Party(person=2),)),
        ("Herr Dr. Özdemir", (Party(person=2),)),
        ("Diakonie", (Party(organisation=6),)),
        ("caritas", (Party(organisation=5),)),
        ("Jugendamt", (Party(organisation=4),)),
        ("Amt für Jugend und Familie", (Party(organisation=4),)),
        ("rlk", (Party(body=7),)),
        ("Leitung RLK", (Party(body=7, role=Role.CHAIR),)),
        ("Geschäftsführung der Regionalleiterkonferenz", (Party(body=7, role=Role.COORDINATOR),)),
        ("Leitung XYZ", ()),
        ("Sozialbehörde", ()),
        ("Cari", ()),
        ("", ()),
    ],
)
def test_named_finds_all_who_may_be_meant(text: str, parties: tuple[Party, ...]) -> None:
    assert named(text, TOWN) == parties


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Anna Meier", ("Anna Meier",)),
        ("Anna Meier + Caritas, Sozialbehörde", ("Anna Meier", "Caritas", "Sozialbehörde")),
        ("Özdemir und Leitung RLK", ("Özdemir", "Leitung RLK")),
        ("Amt für Jugend und Familie", ("Amt für Jugend und Familie",)),
        ("Verein Kind und Kegel", ("Verein Kind und Kegel",)),
        ("Meier und Özdemir", ("Meier und Özdemir",)),
        (" + ", ()),
        ("Anna  Meier ,\n Özdemir   und\tLeitung  RLK", ("Anna Meier", "Özdemir", "Leitung RLK")),
    ],
)
def test_split_parts_names_but_not_those_with_und(text: str, names: tuple[str, ...]) -> None:
    assert split(text, TOWN) == names


@pytest.mark.parametrize(
    ("party", "code"),
    [
        (Party(person=12), "p12"),
        (Party(organisation=3), "o3"),
        (Party(body=4), "b4"),
        (Party(body=4, role=Role.CHAIR), "r4.chair"),
    ],
)
def test_party_goes_through_a_button_and_through_a_dialogue(party: Party, code: str) -> None:
    assert party.code == code
    assert from_code(code) == party
    assert Party.from_stored(json.loads(json.dumps(party.stored()))) == party


@pytest.mark.parametrize("code", ["", "x1", "p", "r4", "r4.king", "p4.chair", "p12345678901"])
def test_from_code_refuses_what_it_does_not_know(code: str) -> None:
    assert from_code(code) is None
