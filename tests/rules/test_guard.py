import pytest

from bot.rules.guard import suspicious

CASES = """
Familie M.
Familie M. – wie weiter?
Familie Müller
Familie Yılmaz, Schulwechsel
Die Familie Schulze-Berg zieht um
FAMILIE KRÜGER
Fam. Müller
Fam.K. aus Nord
Fam Krüger
familie m. braucht Hilfe
Familie von Stein
Familie al-Hamid
Familien Krüger und Sommer
SPFH für Familie K.
HPG Familie M.
HPG L. K.
HPG Leon
HPG: Leon Krüger
HPG mit Frau Sommer
HPG für Mia
Hilfeplangespräch Leon
Hilfeplangespräch für Mia Krüger
Hilfeplan Yusuf
Hilfeplanung Mia: Ziele
L. K., 8 Jahre
L.K. (8)
L. K. braucht eine Tagesgruppe
Leon K. zieht um
Mia S.
M. A., 8 Jahre
Kind K.
Kinder K. und L.
Mutter von Leon
Eltern der Mia
Kindesmutter unzuverlässig
KM Frau Sommer
KV Herr B.
Herr M. und der Umgang
Frau S.: Wohnung
Geschwister Krüger
Pflegekind Jonas
Pflegefamilie K.
Leon, geb. 3.4.2018
geboren am 12. Mai 2015
Junge, geb. 2016
Mädchen *3.4.2018
Geburtsdatum 01.02.2019
Mia (12.05.2017)
Leon Krüger, 03.04.2018
Mia 12.5.17 Schulwechsel
Leon (8)
Mia (7 J.)
Leon, 8 Jahre, Schulbegleitung
Mia 7 J.
Yusuf 14 Jahre alt
Junge, 9 Jahre, Inobhutnahme
Mädchen (14), trebegängig
14-jähriges Mädchen sucht Platz
Der 8-jährige Leon
8a-Meldung Leon
§ 8a Leon K.
§ 8a: Familie M.
Gefährdungsmeldung Mia
Kindeswohlgefährdung bei Jonas
Inobhutnahme von Leon
Rückführung Mia
Fall Leon
Fall K.
Fall 4711
Az. 51-2-4711
Aktenzeichen 51.4/2026-118
Fallnummer: 4711
Hausbesuch Lindenstraße 12
Hauptstr. 5a, 2. OG
Berliner Allee 17
Lange Straße 3
Am Anger 3
Wohnung in 12345 Beispielstadt
Tel. 0171 2345678
030/1234567 zurückrufen
Mutter anrufen: 089-12 34 56
+49 171 2345678
01712345678
HPG-Termin Leon
HPG am 3.12. mit Leon
hpg leon
hpg familie müller
Kindsvater will Umgang
Mutter: Frau Demir
Luca M. (9)
Emma, 13, Schulverweigerung
Treffen mit Leon K
Fall: L.
geb. 03/2015
Vormund für A. B.
Baby K., 3 Monate
5-jähriger Sohn
""".strip().splitlines()

HARMLESS = """
Familienzentrum Nord
Kinderbauernhof
Ferienprogramm 2027
Hilfeplanung: neues Formular
§ 8a-Schulung
Hilfeplanverfahren weiterentwickeln
Familie und Beruf
Vorstellung Frau Dr. Lang
Runder Tisch 12.3.
Budget 10 000 Euro
Budget 10000 Euro
Familie im Mittelpunkt
Familie & Beruf
Familie 2030
Familien in Not: Spendenfonds
Familien stärken
Familienrat als Methode
Leitbild Familie
Familienbildung im Sozialraum
Frühe Hilfen: Bericht
Kinder psychisch kranker Eltern
Kinder- und Jugendhilfeausschuss
Eltern-Kind-Gruppe
Eltern beteiligen, z. B. im Elterncafé
Angebote für Eltern von Kindern mit Behinderung
Elternbeirat: Wahl
Mutter-Kind-Haus
Vater-Kind-Wochenende 2027
Jungenarbeit
Mädchen stärken
Mädchenarbeit: Bericht
Geschwisterkinder gemeinsam unterbringen
Geschwister-Scholl-Schule: Schulsozialarbeit
HPG-Protokolle: neues Muster
HPG: Fristen einhalten
HPG-Vorlage überarbeiten
HPG mit Eltern vorbereiten
Qualität im HPG
Hilfeplangespräche gut moderieren
Hilfeplan Vorlage
§ 8a SGB VIII: Verfahren
8a-Vereinbarungen mit freien Trägern
Kinderschutz nach § 8a in Kitas
Kindeswohlgefährdung erkennen
Kindeswohlgefährdung: Meldewege
Inobhutnahmen 2026: Zahlen
Inobhutnahme: Bereitschaftspflege gesucht
Inobhutnahme von Säuglingen
Rückführung: Konzept
Fallzahlen 2026
Fallberatung: Ablauf
Aktenzeichen einheitlich vergeben
E-Akte 2027
Sozialraumtag 12.05.2027
Sozialraumtag (12.05.2027)
Klausurtag, 3.12.2026
Dienstag, 24.11.2026
Protokoll 18.11.2026 genehmigen
Beschluss vom 12.03.2026
Sitzung am 24.11.2026 um 14:30
Am Montag 14 Uhr
Im Raum 3
Im November 12 Plätze frei
Jubiläum 20 Jahre Kinderbauernhof
25-jähriges Bestehen
3-jährige Förderung
Angebote für 6- bis 12-Jährige
Anlage (3)
Gruppe A. und Gruppe B.
Moderation: N. N.
Sportangebote, z. B. Klettern
Förderverein Nord e. V.
Kita-Platz 2027
Kita-Plätze (12)
Spielplatz Lindenhof
Umgang mit Medien
AWO KV Nord: Kooperation
Fahrtkosten: 0,30 Euro je km
10000 Flyer verteilen
07/2026 bis 08/2027: Haushalt
Beratungsstelle: neue Öffnungszeiten ab 01.12.2026
Personalbemessung: 1,5 Stellen
Vertretung im August
Trägerkonferenz, TOP 5, Raum 3.12
Verschiedenes
Genehmigung der Tagesordnung und des Protokolls
Stand der Umsetzung SRO
Sozialraumbudget 2027
Wohnungsnot: Brief an den Rat
Weg zur Schule sicherer machen
Nächste Termine
Sprachkurse (20)
HPG Zeitfenster
SPFH Wartelisten
Meldung Kinderschutz
Workshop 4.3.2027
Kurse 12 Jahre
Am Standort 2 wird gebaut
Treffpunkt Rathausplatz 1
Kinder, 6 Jahre und älter
Planungsraum IV
UMA-Clearing: Verfahren
Fachtag „SRO wirkt“, 7.5.2027
Notruf 116 117
Dr. med. A. Weber referiert
Plan B, falls es regnet
Arbeitsgruppe A
""".strip().splitlines()


@pytest.mark.parametrize("text", CASES)
def test_text_that_looks_like_a_case_is_suspicious(text: str) -> None:
    assert suspicious(text)


@pytest.mark.parametrize("title", HARMLESS)
def test_title_of_an_agenda_is_not_suspicious(title: str) -> None:
    assert not suspicious(title)


@pytest.mark.parametrize("text", CASES)
def test_case_is_found_within_a_longer_text(text: str) -> None:
    assert suspicious(f"Beratung im Team: {text}, Dank an alle")


def test_tables_are_long_enough_to_mean_something() -> None:
    assert (len(set(CASES)) >= 40, len(set(HARMLESS)) >= 60) == (True, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stadtteilzentrum, Gartenweg 3", (True, False)),
        ("80331 Lindental, Am Anger 3", (True, False)),
        ("Einwahl 089 1234567, PIN 0815", (True, False)),
        ("https://meet.example.org/0891234567", (True, False)),
        ("https://meet.example.org/RLK-Sitzung-Nord", (False, False)),
        ("bei Familie Huber, Gartenweg 3", (True, True)),
        ("https://meet.example.org/HPG-Familie-Huber", (True, True)),
        ("meet.example.org/Familie%20Huber", (True, True)),
    ],
)
def test_whereabouts_of_a_meeting_may_have_an_address(text: str, expected: tuple[bool, bool]) -> None:
    assert (suspicious(text), suspicious(text, whereabouts=True)) == expected


def test_empty_text_is_not_suspicious() -> None:
    assert not suspicious("")


def test_long_text_is_judged_at_once() -> None:
    assert not suspicious("https://meet.example.org/" + "a.b/" * 3000)
    assert not suspicious("Kinderbauernhof " * 2000 + "1" * 4000 + "A" * 4000 + "a" * 4000)
