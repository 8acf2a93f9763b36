"""How people are named and sorted."""

from bot.rules.facts import PersonName

_SORTED_AS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "é": "e", "è": "e", "ç": "c"})


def full(given_name: str, family_name: str) -> PersonName:
    """Given name and family name."""
    return PersonName(f"{given_name} {family_name}".strip())


def sort_key(given_name: str, family_name: str) -> tuple[str, str]:
    """By family name, as DIN 5007-1 sorts: umlauts as their vowels, ß as ss."""
    return family_name.casefold().translate(_SORTED_AS), given_name.casefold().translate(_SORTED_AS)
