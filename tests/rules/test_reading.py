import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.rules.reading import (
    AgendaLine,
    Choices,
    CommitmentLine,
    Exact,
    NotADate,
    Reason,
    agenda_line,
    commitment_line,
    duration,
    when,
)
from tests.rules.reading_examples import DATES, NON_DATES

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = dt.datetime(2026, 11, 25, 10, 0, tzinfo=BERLIN)


FOLDS = {"": None, "A": 0, "B": 1}


def rows(table: str) -> list[tuple[str, str]]:
    """The `text = answer` lines of a table."""
    lines = [line.rpartition("=") for line in table.splitlines() if "=" in line]
    return [(text.strip(), answer.strip()) for text, _, answer in lines]


LATE = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


def moment(text: str) -> Exact:
    """`2026-12-03 09:00-11:00` with its times optional; A and B are the first and the second of two equal times."""
    day, _, times = text.partition(" ")
    start, _, end = times.partition("-")
    return Exact(
        dt.date.fromisoformat(day),
        dt.time.fromisoformat(start[:5]) if start else None,
        dt.time.fromisoformat(end[:5]) if end else None,
        FOLDS[start[5:]],
        FOLDS[end[5:]],
    )


def answer(text: str) -> Exact | Choices | NotADate:
    if text in Reason.__members__:
        return NotADate(Reason[text])
    options = tuple(moment(option.strip()) for option in text.lstrip("?!").split("|"))
    offered = text[0] in "?!" or len(options) > 1
    return Choices(options, skipped=text.startswith("!")) if offered else options[0]


EXAMPLES = [(now, text, expected) for now, table in DATES.items() for text, expected in rows(table)]


@pytest.mark.parametrize(("now", "text", "expected"), EXAMPLES)
def test_when_typed_as_people_do(now: str, text: str, expected: str) -> None:
    local = dt.datetime.fromisoformat(now).replace(tzinfo=BERLIN)

    read = when(text, now=local, zone=BERLIN)

    assert read == answer(expected)


@pytest.mark.parametrize(("text", "reason"), rows(NON_DATES))
def test_when_no_date(text: str, reason: str) -> None:
    read = when(text, now=WEDNESDAY, zone=BERLIN)

    assert read == NotADate(Reason[reason])


def test_when_longer_than_any_date() -> None:
    assert when("morgen " * 40, now=WEDNESDAY, zone=BERLIN) == NotADate(Reason.NOT_UNDERSTOOD)


def test_when_today_depends_on_the_zone() -> None:
    evening_in_utc = dt.datetime(2026, 11, 25, 23, 30, tzinfo=dt.UTC)

    assert when("morgen", now=evening_in_utc, zone=BERLIN) == Exact(dt.date(2026, 11, 27))
    assert when("morgen", now=evening_in_utc, zone=ZoneInfo("Europe/London")) == Exact(dt.date(2026, 11, 26))


def test_when_now_is_naive() -> None:
    with pytest.raises(ValueError, match="aware"):
        when("morgen", now=WEDNESDAY.replace(tzinfo=None), zone=BERLIN)


MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2031, 12, 31), timezones=st.just(BERLIN))  # noqa: DTZ001 - the bounds must be naive
VOCABULARY = (
    "am den um von bis in - , . : / heute morgen übermorgen früh nachmittags Mittag Mitternacht nächsten diesen übernächste"
    " Woche Tagen Monaten Stunden Uhr h KW Montag Di Mittwoch So März Dezember 3.12. 3.12 31. 14:30 9 8 14 2 acht eine"
    " halb viertel nach vor dritter letzten im Monats 2027 26 90 min pm am Heiligabend Silvester tomorrow next to"
)
MONTHS = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
TYPED = st.text() | st.lists(st.sampled_from(VOCABULARY.split()), max_size=8).map(" ".join)


@given(text=TYPED, now=MOMENTS)
def test_when_answers_any_text_with_what_lies_ahead(text: str, now: dt.datetime) -> None:
    read = when(text, now=now, zone=BERLIN)

    options = read.options if isinstance(read, Choices) else (read,) if isinstance(read, Exact) else ()
    starts = [(option.date, option.time or dt.time.max) for option in options]
    assert isinstance(read, NotADate) or options
    assert starts == sorted(starts)
    assert len(set(options)) == len(options)
    assert all((option.begins(BERLIN) or LATE).astimezone(dt.UTC) >= now.astimezone(dt.UTC) for option in options)
    assert all(option.date >= now.date() for option in options)
    lengths = [option.minutes(BERLIN) for option in options]
    assert [length is None for length in lengths] == [option.end is None for option in options]
    assert all(0 < length <= 24 * 60 for length in lengths if length is not None)


@given(
    now=MOMENTS,
    days=st.integers(1, 400),
    time=st.times().map(lambda time: time.replace(second=0, microsecond=0)),
)
def test_when_a_rendered_date_is_read_back(now: dt.datetime, days: int, time: dt.time) -> None:
    day = now.date() + dt.timedelta(days=days)
    assume(time.hour != 2)  # the hour of the clock change has examples of its own
    weekday = "MoDiMiDoFrSaSo"[2 * day.weekday() :][:2]
    month = MONTHS.split()[day.month - 1]
    renderings = [
        f"{day:%d.%m.%Y} {time:%H:%M}",
        f"{weekday}, {day:%d.%m.%Y}, {time:%H:%M} Uhr",
        f"{weekday}, {day:%d.%m.%Y} (KW {day.isocalendar().week}), {time:%H:%M}",
        f"{day.day}. {month} {day.year} um {time:%H.%M} Uhr",
        f"{day:%Y-%m-%d} {time:%H:%M}",
    ]
    if days <= 300:  # later ones may be last year's, just missed
        renderings += [f"{day.day}. {month} {time:%H:%M}", f"{day:%d.%m.} {time:%H:%M} Uhr"]

    read = [when(text, now=now, zone=BERLIN) for text in renderings]

    assert read == [Exact(day, time)] * len(renderings)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90 min", 90),
        ("20 Min.", 20),
        ("20", 20),
        ("neunzig Minuten", 90),
        ("1,5 h", 90),
        ("1.5 Std.", 90),
        ("1:30", 90),
        ("1:30 h", 90),
        ("1 h 30", 90),
        ("1h30", 90),
        ("1 Stunde und 15 Minuten", 75),
        ("eine Stunde", 60),
        ("2 Stunden", 120),
        ("eine halbe Stunde", 30),
        ("½ Stunde", 30),
        ("Viertelstunde", 15),
        ("dreiviertelstunde", 45),
        ("drei Viertelstunden", 45),
        ("anderthalb Stunden", 90),
        ("zweieinhalb Stunden", 150),
        ("2½ h", 150),
        ("45 minutes", 45),
        ("two hours", 120),
        ("an hour and a half", 90),
        ("half an hour", 30),
        ("three quarters of an hour", 45),
        ("24 h", 1440),
    ],
)
def test_duration_typed_as_people_do(text: str, minutes: int) -> None:
    assert duration(text) == dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "0", "2", "4", "1441", "25 h", "1:75", "1,33 h", "-5 min", "2 Tage", "30 Personen", "lang", "9999999"]
)
def test_duration_unclear(text: str) -> None:
    assert duration(text) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("TK: Kinderbauernhof, Beschluss, 20 min", AgendaLine("TK", "Kinderbauernhof", "decision", 20)),
        ("TK: Kinderbauernhof, 20, Beschluss", AgendaLine("TK", "Kinderbauernhof", "decision", 20)),
        ("Kinderbauernhof", AgendaLine(None, "Kinderbauernhof")),
        ("SRT-Nord:Räume, Zeiten, Schlüssel, Info", AgendaLine("SRT-Nord", "Räume, Zeiten, Schlüssel", "information")),
        ("SRT Nord: Kita: Stand, report, half an hour", AgendaLine("SRT Nord", "Kita: Stand", "report", 30)),
        ("TK: Spielplatz, zur  Beratung , 1,5 h", AgendaLine("TK", "Spielplatz", "consultation", 90)),
        ("TK: Verschiedenes", AgendaLine("TK", "Verschiedenes", "other")),
        ("RLK: Fallberatung, 20 min", AgendaLine("RLK", "Fallberatung", "case_consultation", 20)),
        ("TK: Leitbild, Bericht, Beschluss", AgendaLine("TK", "Leitbild, Bericht", "decision")),
        ("TK: Etat, 10 min, 20 min", AgendaLine("TK", "Etat, 10 min", None, 20)),
        ("Haushalt 2026, 2027", AgendaLine(None, "Haushalt 2026, 2027")),
        ("Beginn auf 14:30 verlegen, 10 min", AgendaLine(None, "Beginn auf 14:30 verlegen", None, 10)),
        ("siehe https://beispiel.example", AgendaLine(None, "siehe https://beispiel.example")),
    ],
)
def test_agenda_line_in_one_line(text: str, line: AgendaLine) -> None:
    assert agenda_line(text) == line


@pytest.mark.parametrize("text", ["", "TK:", " , ,", "TK: , Beschluss, 20 min"])
def test_agenda_line_without_a_title(text: str) -> None:
    assert agenda_line(text) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "RLK: Beratungsangebot aufbauen, Meier + Caritas, bis 30.09.",
            CommitmentLine("RLK", "Beratungsangebot aufbauen", ("Meier", "Caritas"), "30.09."),
        ),
        ("Konzept schreiben", CommitmentLine(None, "Konzept schreiben")),
        ("TK: Flyer drucken, Yıldız", CommitmentLine("TK", "Flyer drucken", ("Yıldız",))),
        ("Plakat, bis zum Mittwoch, 30.09.", CommitmentLine(None, "Plakat", (), "Mittwoch, 30.09.")),
        (
            "Weg planen, bis A führen, Meier, bis 3.12.",
            CommitmentLine(None, "Weg planen, bis A führen", ("Meier",), "3.12."),
        ),
        (
            "RLK: Kontakt halten, JA-L + RL Nord, dauerhaft",
            CommitmentLine("RLK", "Kontakt halten", ("JA-L", "RL Nord"), "dauerhaft"),
        ),
        (
            "Bericht, Meier, in den übernächsten AGs",
            CommitmentLine(None, "Bericht", ("Meier",), "in den übernächsten AGs"),
        ),
        ("Draft, Miller, by 30 September", CommitmentLine(None, "Draft", ("Miller",), "30 September")),
    ],
)
def test_commitment_line_in_one_line(text: str, line: CommitmentLine) -> None:
    assert commitment_line(text) == line


@pytest.mark.parametrize("text", ["", "RLK:", ", Meier", " ,,"])
def test_commitment_line_without_a_what(text: str) -> None:
    assert commitment_line(text) is None


@given(text=TYPED)
def test_lines_and_durations_take_any_text(text: str) -> None:
    length = duration(text)
    item = agenda_line(text)
    commitment = commitment_line(text)

    assert length is None or dt.timedelta() < length <= dt.timedelta(days=1)
    assert item is None or item.title == item.title.strip() != ""
    assert commitment is None or commitment.what == commitment.what.strip() != ""


@pytest.mark.parametrize("text", ["90 min " * 100, "9" * 4096, "morgen um 10 " * 300])
def test_text_that_is_much_too_long_is_neither_a_date_nor_a_duration(text: str) -> None:
    assert duration(text) is None
    assert when(text, now=WEDNESDAY, zone=BERLIN) == NotADate(Reason.NOT_UNDERSTOOD)
