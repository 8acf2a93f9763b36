"""How people are named and sorted."""

from unicodedata import combining, normalize

from bot.rules.facts import PersonName

_WITHOUT_MARKS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th"})


def full(given_name: str, family_name: str) -> PersonName:
    """Given name and family name."""
    return PersonName(f"{given_name} {family_name}".strip())


def sort_key(given_name: str, family_name: str) -> tuple[str, str]:
    """By family name, as DIN 5007-1 sorts: umlauts and other marked letters as plain ones, ß as ss."""
    return _plain(family_name), _plain(given_name)


def _plain(name: str) -> str:
    letters = normalize("NFKD", name.casefold().translate(_WITHOUT_MARKS))
    return "".join(letter for letter in letters if not combining(letter))
