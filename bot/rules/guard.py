"""Texts that look like case data. Faden organises meetings, not cases (§ 35 SGB I, §§ 61-65 SGB VIII, §§ 67 ff. SGB X).

The guess is meant to be gentle: it asks before something is stored, and a false alarm costs one tap. What it must not do is
stay silent at a family's name. German writes every noun like a name; so a capital word counts as a name where a name is to be
expected, unless it is one of the words that stand there in agendas.
"""

import re

# The text's blanks are folded before it is judged, and everything that repeats is bounded: each pattern's time grows with the text.
_UP = "A-ZÀ-ÖØ-ÞĆČĐĞİŁŃŚŞŠŹŻŽ"
_LOW = "a-zß-öø-ÿāăąćčđęğıłńóśşšźżž"
_NAME = f"(?P<name>[{_UP}][{_LOW}]{{1,40}}(?:-[{_UP}][{_LOW}]{{1,40}}){{0,3}})"
_INITIAL = rf"[{_UP}]\."
_DAY = r"\d{1,2}\. ?(?:\d{1,2}\.|jan|feb|mär|maer|apr|mai|jun|jul|aug|sep|okt|nov|dez)"
_DATE = r"\d{1,2}\. ?\d{1,2}\. ?(?:19|20)?\d{2}(?!\d)"
_AGE = r"\d{1,2} ?(?:J\.|J\b|Jahre?\b)"
_FAMILY = r"(?:(?:[Ff]amilien?|FAMILIEN?) |[Ff]am\b\.? ?)"
_AFTER_FAMILY = r"(?i:und|in|im|mit|als|Beruf|Leben|Bildung|Zukunft|Kinder|Jugend|Arbeit|Schule|Gesundheit)"
_KIN = (
    r"(?:Kindes?|Kinder|Junge|Mädchen|Mutter|Vater|Eltern|Sohn|Tochter|Bruder|Schwester|Geschwister|Zwillinge?|Oma|Opa|"
    r"Gro(?:ß|ss)(?:mutter|vater|eltern)|Stief(?:mutter|vater)|Pflege(?:kind|familie|eltern|mutter|vater)|"
    r"Jugendlicher?|Klient(?:in)?|KM|KV|KE|KS|UMA|UMF|SPFH|HPG|HPK|Fall)"
)
_CASEWORK = (
    r"(?:HPG|HPK|Hilfeplan(?:gespräch|ung)?|SPFH|§? ?8a(?:-\w{1,40}){0,3}|[Mm]eldung|Gefährdungsmeldung|Kindeswohlgefährdung|KWG|"
    r"Inobhutnahme|Rückführung|Fremdunterbringung|Pflegekind|Fall)"
)
_WITH_WHOM = r"(?:-Termin)?(?: am [\d.]{1,10})?[ :–-]{1,5}(?:(?:für|von|mit|bei|zu|der|des) )?"
_STREET = r"(?:straße|strasse|str\.|weg|allee|gasse|platz|ring|damm|ufer|steig|chaussee)"
_HOUSE = r" \d{1,3} ?[a-z]?\b(?! ?(?:Uhr|Jahr|Euro|Kind|neue|Plätz))"

# Patterns are compiled for the first text that is judged, and kept by `re`; at import they would cost every start.
SIGNS = (
    # a family by name or initial: "Familie M.", "Fam. Müller"; not "Familie und Beruf"
    rf"\b{_FAMILY}(?:(?:von|van|de|al|el|Al|El)[ -])?(?!{_AFTER_FAMILY}\b)[{_UP}]",
    r"\bfam(?:ilie|\.) [abce-hj-npqrstvwxyäöü]\.",
    # somebody in a family or a case, by name or initial: "Kind K.", "Mutter von Leon", "Herr M.", "Leon K."
    rf"\b{_KIN}:? (?:(?:von|für|bei|mit|der|des|Frau|Herrn?) ){{0,3}}{_INITIAL}",
    rf"\b(?:Mutter|Vater|Eltern|Bruder|Schwester|Oma|Opa|Sohn|Tochter|Geschwister) (?:von|des|der) {_NAME}",
    rf"\bGeschwister {_NAME}",
    r"\bKind(?:e?s)(?:mutter|vater)\b",
    r"\b(?:KM|KV|KE|Mutter|Vater):? (?:Frau|Herrn?)\b",
    rf"\b{_NAME} (?:{_INITIAL}(?=[ ,;:)–-]|$)|[{_UP}](?=[,;)]|$))",
    rf"\b(?!(?:N\. ?N|Z\. ?B|E\. ?V|K\. ?O|M\. ?A|B\. ?A|U\. ?S|H\. ?C)\.)[{_UP}]\. ?{_INITIAL}",
    # a birth date, an age
    rf"(?i:\b(?:geb\b\.?:?|geboren|geburtsdatum:?)|\*) ?(?:am ?)?(?:(?i:{_DAY})|(?:\d\d?/)?(?:19|20)\d{{2}}\b)",
    rf"\b{_NAME} ?,? ?\(? ?\*?{_DATE}",
    rf"(?:\b{_NAME}|\b{_INITIAL}) ?(?:,|\() ?(?:{_AGE}|\d{{1,2}} ?[),])",
    rf"(?:\b{_NAME}|\b{_INITIAL}) {_AGE} ?(?:alt\b|$|[,;.)])",
    rf"\b\d{{1,2}} ?-? ?jährige[rsnm]? {_NAME}",
    # case work on somebody: "HPG Leon", "8a-Meldung Mia", and the number of a case
    rf"\b{_CASEWORK}\b{_WITH_WHOM}(?:(?:Frau|Herrn?) [{_UP}]|{_NAME})",
    rf"\bhp[gk] (?:familie )?(?P<name>[{_LOW}]{{3,40}})",
    r"\b(?:Az\b\.?|Aktenzeichen|Fallnummer|Fall-? ?Nr\.?) ?:? ?[\w./-]{0,40}\d",
    r"\bFall \d{3,}",
)
# an address, a telephone number
WHEREABOUTS = (
    rf"\b(?!Rathaus)[{_UP}][{_LOW}{_UP}-]{{0,40}}{_STREET}{_HOUSE}",
    rf"\b[{_UP}](?:traße|tr\.|llee|eg|asse){_HOUSE}",
    rf"\b(?:Am|Im|An der|In der|Auf dem) {_NAME}{_HOUSE}",
    rf"\b\d{{5}} {_NAME}",
    r"(?<!\d)0\d{2,4}[ /-]{0,3}(?:\d[ -]?){4,20}",
    r"\+\d{2}[ /-]{0,3}(?:\d[ /-]?){7,20}",
)

ORDINARY = (
    r".*(?:"
    # what meets or happens, and when
    r"tag|sitzung|konferenz|termine?|treffen|fest|feier|abend|wochen?|woche(?:nende)?|frist(?:en)?|runden?|tisch|teams?|kreis|"
    r"messe|markt|forum|foren|dialog|ausschuss|beirat|klausur|ferien|januar|februar|märz|april|mai|juni|juli|august|"
    r"september|oktober|november|dezember|frühjahr|sommer|herbst|winter|jahr|quartal|monat|zeit(?:en)?|phase|start|beginn|"
    r"ende|stand|schluss|treten|jubiläum|bestehen|workshops?|seminare?|webinare?|kurse?n?|fenster|sport|ball|"
    # what is made of it
    r"protokolle?|beschl[uü]ss(?:e|es)?|bericht(?:e|s)?|anträge|antrag|anlagen?|vorlagen?|formulare?|muster|leitf[aä]den|"
    r"konzepte?|programme?|pl[aä]n(?:e|s)?|standards?|verfahren|abl[aä]uf(?:e|s)?|themen?|thema|punkt|teil|version|fassung|"
    r"zahlen|statistik(?:en)?|haushalt|budget|kosten|geld|euro|vertr[aä]g(?:e|s)?|gesetz(?:e|es)?|rechte?|rahmen|software|"
    r"methoden?|zeugnisse?n?|listen?|kontingente?|schutz|modul|vitamin|variante|abschnitt|seite|landkarte|dokument(?:e|en)?|wege?|wegen|"
    # places and institutions
    r"raum|räumen?|haus|häusern?|saal|gebäude|orte?n?|zimmer|stock|block|klassen?|gruppen?|zentrum|zentren|schulen?|kitas?|horte?|"
    r"träger|trägern|jugendamt|ämter|gericht(?:e|en)?|netzwerke?|projekte?n?|stellen?|plätzen?|büros?|nord|süd|ost|west|mitte|"
    # people in general
    r"kindern?|jugendlichen?|jugend|eltern|familien?|väter|mütter|säuglingen?|babys|menschen|schülern?|einwohner|"
    r"besucher|stunden|flyern?|plakate|exemplare|dolmetschern?|dolmetscher(?:innen)?|innen|fachkr[aä]ften?|"
    # hardly a name ends like this
    r"hilfen?|pflege|arbeit|förderung|planung|schulung|leitung|heit|keit|schaft(?:en)?|tion|tionen|tät|ungen|ismus|medien|"
    r"[a-zäöüß]{5}ung"
    r")"
)


BETWEEN_WORDS = r"(?:[-_/+?&=#]|%20)+"  # of a link


def suspicious(text: str, *, whereabouts: bool = False) -> bool:
    """Whether the text looks as if it named a case.

    Where `whereabouts` are asked for, of a meeting, an address and a number to dial are what is to be expected.
    """
    signs = SIGNS if whereabouts else (*SIGNS, *WHEREABOUTS)
    words = text.split()
    links = [re.sub(BETWEEN_WORDS, " ", word) for word in words if "/" in word and "." in word]
    said = (" ".join(words), "\n".join(links))
    return any(_tells(found) for sign in signs for part in said for found in re.finditer(sign, part, re.MULTILINE))


def _tells(found: re.Match[str]) -> bool:
    """Whether what stands in the place of a name may be one."""
    name = found.groupdict().get("name")
    return name is None or re.fullmatch(ORDINARY, name.casefold()) is None
