"""`import`: a town from its file, or people from a list."""
# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.commands.frame import Stop, in_store, progress_bar, run, settings_of
from bot.config import Settings

if TYPE_CHECKING:
    from bot.actions.people.importing import ImportReport, PeopleReport
    from bot.actions.people.merging import Difference
    from bot.rules.mistakes import Mistake

MISTAKES = {
    "above_itself": "stands above itself: follow the parents of {value}",
    "bad_quotes": "has quotation marks that do not match",
    "column_twice": "is there twice, also as {value}",
    "end_is_past": "lies in the past, and a list ends no seat: end it in the chat, or leave the line out",
    "ends_before_begin": "lies before the beginning",
    "ends_before_it_begins": "lies before `from`",
    "file_too_large": "is larger than {limit} MB",
    "mail_taken": "already belongs to {person} ({value}): change it there first",
    "missing": "is missing",
    "missing_columns": "lacks the columns {needed}; its first line has {found}",
    "needs_body": "says something of a seat, but the line names no body",
    "no_heading": "has something in column {value}, which has no heading: is there a separator too many?",
    "no_rows": "has nothing below the headings",
    "no_spreadsheet": "must be one of {suffixes}",
    "no_such": "refers to {value}, which is not in the file",
    "not_a_choice": "must be one of {choices}",
    "not_a_date": "must be a day such as 2026-09-01 or 01.09.2026, not {value}",
    "not_a_day": "must be a day such as 2026-09-01, without quotes",
    "not_a_flag": "must be true or false",
    "not_a_hand_over": 'must be a list such as [{{ to = "TK", report = 1 }}]',
    "not_a_key": "must be a short name of letters, digits, - and _",
    "not_a_language": "must be German or English, not {value}",
    "not_a_line": "must be a text of one line",
    "not_a_list": 'must be a list such as ["nord", "mitte"]',
    "not_a_mail_address": "must be a mail address, without umlauts before the @ and with a dot behind it",
    "not_a_number": "must be a whole number from {lowest} to {highest}",
    "not_a_role": "must be one of {choices}, not {value}",
    "not_a_quorum": 'must be {{ at_least = "1/2" }}, {{ more_than = "1/2" }}, {{ number = 8 }} or {{ public = 1, free = 2 }}',
    "not_a_share": 'must be a part of the whole such as "1/3"',
    "not_a_table": "must be a table",
    "not_a_time": 'must be a time of day such as "12:00"; quiet hours are such as "19:00-07:00"',
    "not_a_web_address": "must begin with https:// or http://",
    "not_a_zone": 'must be a time zone such as "Europe/Berlin"',
    "not_tables": "must be a list of tables",
    "not_text": "is no text: save it as CSV UTF-8",
    "not_there": "refers to {value}, which is not in Faden",
    "not_toml": "cannot be read as TOML: {reason}",
    "not_xlsx": "cannot be opened: save it anew as XLSX, without a password",
    "person_or_vacant": "needs either a person or `vacant = true`",
    "same_name": "could be {people}: name the key in a column Key, of somebody new a new one",
    "says_otherwise": "is {value} in line {line}, which is about the same person",
    "seat_twice": "gives {value} two seats in one body at the same time",
    "too_long": "must have at most {limit} characters",
    "too_many_columns": "has more than {limit} columns",
    "too_many_rows": "has more than {limit} lines: divide it",
    "twice": "is not the only one: {value} is there before, perhaps in other capitals",
    "unknown_key": "is no key of this table",
    "unpacks_too_large": "unpacks to more than {limit} MB: copy the list into a new, empty spreadsheet",
}


def import_(options: argparse.Namespace) -> int:
    """Take in a file, all of it or nothing, and tell each change."""
    settings = settings_of(options)
    from bot.rules import spreadsheet, townfile
    from bot.rules.mistakes import FileErrors

    if spreadsheet.is_table(options.file.name):
        return _import_people(options, settings)
    try:
        town = townfile.parse(_text(options.file), str(options.file))
        from bot.actions.people import importing
        from bot.app import system_clock

        with progress_bar("Importing") as advance:

            async def work() -> "ImportReport":
                return await importing.import_town(
                    town,
                    zone=settings.town.zone,
                    now=system_clock(),
                    prune=options.prune,
                    dry_run=options.dry_run,
                    advance=advance,
                )

            report = run(in_store(settings, work), settings)
    except FileErrors as errors:
        raise Stop(_mistakes(errors.mistakes)) from errors
    for line in _report(report):
        print(line)
    counts = (
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.ended)} ended, {len(report.kept)} kept"
    )
    print(f"{'Dry run, nothing is written' if options.dry_run else 'Imported'}: {counts}.")
    return 0


def _import_people(options: argparse.Namespace, settings: Settings) -> int:
    from bot.rules import peoplefile
    from bot.rules.mistakes import FileErrors

    if options.prune:
        raise Stop("--prune is for town files: a list of people ends no seat.")
    try:
        file = peoplefile.read(_bytes(options.file), str(options.file))
    except FileErrors as errors:
        raise Stop(_mistakes(errors.mistakes)) from errors
    from bot.actions.people import importing
    from bot.actions.people.importing import RowState
    from bot.app import system_clock

    with progress_bar("Importing") as advance:

        async def work() -> "PeopleReport":
            return await importing.import_people(
                file,
                by=None,
                zone=settings.town.zone,
                now=system_clock(),
                dry_run=options.dry_run,
                advance=advance,
            )

        report = run(in_store(settings, work), settings)
    for line in _row_report(report, str(options.file)):
        print(line)
    wrong = [mistake for row in report.rows for mistake in row.mistakes]
    if wrong:
        raise Stop(_mistakes(wrong))
    counts = ", ".join(
        f"{report.count(state)} {state.value}" for state in (RowState.NEW, RowState.CHANGED, RowState.UNCHANGED)
    )
    print(f"{'Dry run, nothing is written' if options.dry_run else 'Imported'}: {counts}.")
    return 0


def _row_report(report: "PeopleReport", file: str) -> Iterator[str]:
    for row in report.rows:
        yield f"{file}:{row.line}: {row.state.value}: {row.name}"
        for difference in row.differences:
            yield f"  {_change(difference)}"
        for kept in row.kept:
            yield f"  {_kept(kept)}"
    if report.unknown:
        yield f"Not used: {', '.join(report.unknown)}"
    if report.idle:
        yield f"An organisation without a body, not used: line {', '.join(map(str, report.idle))}"


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Stop(f"{file} is not UTF-8: save it with that encoding.") from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error


def _mistakes(mistakes: "Iterable[Mistake]") -> str:
    return "\n".join([*(_mistake(mistake) for mistake in mistakes), "Nothing was imported."])


def _mistake(mistake: "Mistake") -> str:
    facts: Mapping[str, object] = {
        name: ", ".join(map(str, fact)) if isinstance(fact, tuple) else fact for name, fact in mistake.facts.items()
    }
    nearest = f" Did you mean {facts['nearest']}?" if facts.get("nearest") else ""
    return " ".join(
        f"{mistake.file}:{mistake.line}: {mistake.key} {MISTAKES[mistake.code].format(**facts)}.{nearest}".split()
    )


def _report(report: "ImportReport") -> Iterator[str]:
    for change in (*report.added, *report.changed):
        yield _change(change)
    for ended in report.ended:
        yield f"- {_thing(ended)}: ends on {ended.new}"
    for kept in report.kept:
        yield _kept(kept)
    for missing in report.missing:
        yield f"? {_thing(missing)}: is not in the file; --prune ends it"


def _change(difference: "Difference") -> str:
    if difference.field is None:
        return f"+ {_thing(difference)}"
    return f"~ {_thing(difference)}: {difference.field}: {_shown(difference.old)} → {_shown(difference.new)}"


def _kept(kept: "Difference") -> str:
    old, new = _shown(kept.old), _shown(kept.new)
    return f"= {_thing(kept)}: {kept.field} stays {old}, edited in Faden; the file wants {new}"


def _thing(difference: "Difference") -> str:
    return f"{difference.what} {difference.name}"


def _shown(value: object) -> str:
    return "empty" if value in (None, [], {}) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
