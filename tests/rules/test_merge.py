from datetime import date

from bot.rules import merge
from bot.rules.merge import Merged


def test_value_that_nobody_touched_since_the_import_is_changed() -> None:
    current = {"name": "Anna", "mail": "anna@example.org"}

    merged = merge.merge({"name": "Änna"}, current, merge.marks({"name": "Anna"}), defaults={})

    assert merged == Merged(changes={"name": "Änna"}, kept={})


def test_value_edited_since_the_import_is_kept() -> None:
    current = {"name": "Anna Maria"}

    merged = merge.merge({"name": "Änna"}, current, merge.marks({"name": "Anna"}), defaults={})

    assert merged == Merged(changes={}, kept={"name": "Änna"})


def test_value_that_was_never_imported_is_kept() -> None:
    merged = merge.merge({"name": "Änna"}, {"name": "Anna"}, {}, defaults={})

    assert merged == Merged(changes={}, kept={"name": "Änna"})


def test_value_that_was_never_imported_and_still_has_its_default_is_changed() -> None:
    current = {"language": "de", "mail": None}

    merged = merge.merge({"language": "en", "mail": "anna@example.org"}, current, {}, defaults={"language": "de"})

    assert merged == Merged(changes={"language": "en", "mail": "anna@example.org"}, kept={})


def test_edit_that_says_the_same_as_the_file_is_no_difference() -> None:
    merged = merge.merge({"name": "Änna"}, {"name": "Änna"}, merge.marks({"name": "Anna"}), defaults={})

    assert merged == Merged(changes={}, kept={})


def test_value_that_the_file_says_no_longer_is_emptied_where_it_may_be() -> None:
    current = {"name": "Anna", "mail": "anna@example.org", "zone": "Europe/Berlin"}
    imported = merge.marks(current)

    without = merge.merge({"name": "Anna"}, current, imported, defaults={}, clearable={"mail"})
    still = merge.merge({"mail": "anna@example.org"}, current, imported, defaults={}, clearable={"mail"})

    assert without == Merged(changes={"mail": None}, kept={})
    assert still == Merged(changes={}, kept={})


def test_marks_know_values_again_without_holding_them() -> None:
    marks = merge.marks({"mail": "anna@example.org", "begins_on": date(2026, 1, 1), "rules": {"b": 1, "a": 2}})

    assert marks == merge.marks({"mail": "anna@example.org", "begins_on": date(2026, 1, 1), "rules": {"a": 2, "b": 1}})
    assert {len(mark) for mark in marks.values()} == {16}


def test_untouched_until_one_field_was_edited() -> None:
    imported = merge.marks({"role": "chair", "ends_on": None})

    assert merge.untouched({"role": "chair", "ends_on": None, "begins_on": date(2026, 1, 1)}, imported)
    assert not merge.untouched({"role": "chair", "ends_on": date(2026, 1, 1)}, imported)
