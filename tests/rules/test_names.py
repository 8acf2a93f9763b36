import pytest

from bot.rules import names
from bot.rules.facts import PersonName


def test_full_name_is_a_persons_name() -> None:
    name = names.full("Anna", "Arendt")

    assert (name, type(name)) == ("Anna Arendt", PersonName)


@pytest.mark.parametrize(("given", "family", "name"), [("", "Arendt", "Arendt"), ("Anna", "", "Anna")])
def test_full_name_of_half_a_name_has_no_gap(given: str, family: str, name: str) -> None:
    assert names.full(given, family) == name


def test_names_sort_as_in_din_5007_1() -> None:
    people = [
        ("Zoë", "Aydın"),
        ("Max", "Ähren"),
        ("Ada", "Çelik"),
        ("Ida", "Götz"),
        ("Ole", "Goetz"),
        ("Ben", "Gotze"),
        ("Ben", "Łukasik"),
        ("Eva", "Özdemir"),
        ("Eva", "Ostmann"),
        ("Ute", "Strasser"),
        ("Uwe", "Straßer"),
        ("Udo", "Strater"),
        ("Élise", "Weiß"),
        ("Emil", "Weiß"),
    ]

    assert sorted(people, key=lambda person: names.sort_key(*person)) == [
        ("Max", "Ähren"),
        ("Zoë", "Aydın"),
        ("Ada", "Çelik"),
        ("Ole", "Goetz"),
        ("Ida", "Götz"),
        ("Ben", "Gotze"),
        ("Ben", "Łukasik"),
        ("Eva", "Ostmann"),
        ("Eva", "Özdemir"),
        ("Ute", "Strasser"),
        ("Uwe", "Straßer"),
        ("Udo", "Strater"),
        ("Élise", "Weiß"),
        ("Emil", "Weiß"),
    ]


def test_names_sort_without_regard_to_case() -> None:
    assert names.sort_key("Ada", "VON ÖSEN") == names.sort_key("ada", "von Ösen")
