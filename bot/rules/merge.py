"""What an import may write: what the file says, unless somebody changed it by hand since the last import.

Of what was imported only a digest is remembered for each field, so that nobody's data is kept twice.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

Values = Mapping[str, object]
Imported = Mapping[str, str]


@dataclass(frozen=True)
class Merged:
    """The values to write, and those that the file has but a person's edit stands against."""

    changes: dict[str, object]
    kept: dict[str, object]


def digest(value: object) -> str:
    """A short mark by which a value is known again: of JSON, or a day."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


def marks(said: Values) -> dict[str, str]:
    """What to remember of the values that a file said."""
    return {name: digest(value) for name, value in said.items()}


def untouched(current: Values, imported: Imported) -> bool:
    """Whether everything still is as it was imported."""
    return all(digest(current[name]) == mark for name, mark in imported.items())


def merge(
    said: Values, current: Values, imported: Imported, *, defaults: Values, clearable: Collection[str] = ()
) -> Merged:
    """Compare field by field. What no file has said so far counts as edited unless it still has its default.

    A `clearable` field that the file said once and says no longer is emptied.
    """
    cleared = dict.fromkeys(name for name in imported if name in clearable and name not in said)
    changes = {}
    kept = {}
    for name, wanted in {**said, **cleared}.items():
        if wanted == current[name]:
            continue
        if digest(current[name]) == imported.get(name, digest(defaults.get(name))):
            changes[name] = wanted
        else:
            kept[name] = wanted
    return Merged(changes, kept)
