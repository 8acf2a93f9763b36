"""Texts that look like case data. Faden organises meetings, not cases (§ 35 SGB I, §§ 61-65 SGB VIII, §§ 67 ff. SGB X).

The guess is meant to be gentle: it asks before something is stored, and a false alarm costs one tap. What it must not do is
stay silent at a family's name.
"""

import re

_MONTHS = "jan|feb|mär|maer|apr|mai|jun|jul|aug|sep|okt|nov|dez"

_SIGNS = (
    # a family by name or initial: "Familie M.", "Fam. Müller", "Kind K.", "Mutter von Leon"; not "Familie und Beruf"
    r"\b(?:familie|fam\.)\s+[A-ZÄÖÜ](?:\.|[a-zäöüß]+)",
    r"\b(?:kindes?|kinder|junge|mädchen|mutter|vater|eltern|sohn|tochter|geschwister|kv|km|ks)\s+(?:von\s+)?[A-ZÄÖÜ]\.",
    r"\b[A-ZÄÖÜ]\.\s?[A-ZÄÖÜ]\.(?!\s?[a-zäöü])",
    # a birth date, an age in brackets
    r"\b(?:geb\.?|geboren|\*)\s*(?:am\s*)?\d{1,2}\.\s?(?:\d{1,2}\.|" + _MONTHS + r")",
    r"\b[A-ZÄÖÜ][a-zäöüß]+\s*,?\s*\(?\d{1,2}\.\d{1,2}\.(?:19|20)\d{2}\)?",
    r"\b[A-ZÄÖÜ][a-zäöüß]+\s*\(\s*\d{1,2}\s*(?:j\.?|jahre)?\s*\)",
    # words of case work
    r"\b(?:HPG|HPK|8a|§\s?8a|Az\.|Aktenzeichen|Fallnummer|Inobhutnahme\s+von)\b",
    r"\bHilfeplan(?:gespräch|verfahren)?\s+(?:für|von|mit)?\s*[A-ZÄÖÜ]",
    # an address, a telephone number
    r"\b[A-ZÄÖÜ][a-zäöüß-]+(?:straße|strasse|str\.|weg|allee|gasse|platz|ring)\s+\d+",
    r"\b\d{5}\s+[A-ZÄÖÜ][a-zäöüß]+",
    r"\b0\d{2,4}[\s/-]\d{4,}",
)
_PATTERN = re.compile("|".join(f"(?:{sign})" for sign in _SIGNS))
_HARMLESS_FAMILY = re.compile(
    r"\bFamilie(?:n)?\s+(?:und|in|im|mit|als|stärken|unterstützen|Beruf|Leben|Bildung|Zukunft|Kinder|Jugend)\b"
)


def suspicious(text: str) -> bool:
    """Whether the text looks as if it named a case."""
    return _PATTERN.search(_HARMLESS_FAMILY.sub("", text)) is not None
