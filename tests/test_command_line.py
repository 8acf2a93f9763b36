import ast
import asyncio
import fcntl
import json
import os
import queue
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from bot import __main__ as command_line
from bot import __version__
from bot.commands.frame import program
from bot.commands.town import MISTAKES
from storage import db
from storage.models import AuditEvent, Membership, OneTimeToken, Person
from storage.vocabulary import TokenPurpose
from tests.conftest import run_apart
from tests.postgres import Server, programs

HOUSE = Path(__file__).parents[1]

TOKEN = "123456:AbCdEfGhIjKlMnOp"

TOWN = """
[[organisation]]
key = "anker"
name = "Anker Jugendhilfe"
kind = "free"

[[body]]
code = "TK"
name = "Trägerkonferenz"
kind = "provider_conference"
areas = []
seats = [
  { person = "seidl", organisation = "anker" },
]

[[person]]
key = "seidl"
given_name = "Nico"
family_name = "Seidl"
mail = "nico.seidl@example.org"
"""


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: list[str]
    err: list[str]


Command = Callable[..., Ended]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, and no settings in the environment."""
    for variable in [name for name in os.environ if name.startswith("FADEN_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def town(bare: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a database that is up to date, and a town file; settings come from the environment."""
    shutil.copyfile(migrated_sqlite, bare / "faden.sqlite3")
    monkeypatch.setenv("FADEN_DATABASE__URL", "sqlite:///faden.sqlite3")
    monkeypatch.setenv("FADEN_WEB__PUBLIC_URL", "https://faden.example.org")
    monkeypatch.setenv("FADEN_WEB__PORT", "0")  # any that is free
    (bare / "faden.sqlite3").chmod(0o600)
    (bare / "town.toml").write_text(TOWN, encoding="utf-8")
    return bare


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""

    def run(*arguments: str) -> Ended:
        code = command_line.main(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out.splitlines(), captured.err.splitlines())

    return run


def rows(read: Callable[[], object]) -> object:
    """What a query finds in the database of the working directory."""

    async def found() -> object:
        await db.open_store("sqlite:///faden.sqlite3")
        try:
            return await read()  # type: ignore[misc]  # a query
        finally:
            await db.close_store()

    return run_apart(found())


# --- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--trial", "--config", "x"], ["import"], ["invite"]])
def test_wrong_usage_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)

    assert ended.value.code == 2


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])

    commands = re.findall(r"^    ([a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert ended.value.code == 0
    assert commands == ["serve", "check", "migrate", "backup", "import", "admin-code", "invite"]


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"])

    assert (ended.value.code, capsys.readouterr().out) == (0, f"Faden {__version__}\n")


def test_help_needs_nothing_heavy() -> None:
    script = "import sys, bot.__main__, bot.commands; print(*sorted(sys.modules))"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HOUSE)

    heavy = {"telegram", "tortoise", "aiohttp", "jinja2", "rich", "icalendar", "bot.app"}
    assert heavy & set(ended.stdout.split()) == set()


def test_program_ends_with_the_code_of_its_command(bare: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        capture_output=True,
        text=True,
        check=False,
        cwd=bare,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        timeout=30,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("There are no settings.")


def bare_python(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Faden called with the packages of the system's Python, as somebody does who has not heard of .venv."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "bot", *arguments],  # -S: without what is installed
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        timeout=30,
    )


def test_python_without_the_packages_names_the_call_that_has_them(bare: Path) -> None:
    (bare / ".venv" / "bin").mkdir(parents=True)
    (bare / ".venv" / "bin" / "python").touch()

    ended = bare_python("check", "--config", "x.toml", cwd=bare)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"This Python ({sys.executable}) lacks Faden's packages: "
        "call `.venv/bin/python -m bot check --config x.toml`.\n"
    )


def test_python_without_the_packages_names_what_makes_an_environment(bare: Path) -> None:
    ended = bare_python("check", cwd=bare)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"This Python ({sys.executable}) lacks Faden's packages: "
        "`make run` makes an environment and starts Faden; then call `.venv/bin/python -m bot check`.\n"
    )


@pytest.mark.usefixtures("bare")
def test_python_that_is_too_old_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))

    ended = command("check")

    assert ended.code == 1
    assert [line.split(":")[0] for line in ended.err] == [f"This Python ({sys.executable}) is older than 3.11"]


@pytest.mark.parametrize(
    ("executable", "words"),
    [
        ("{cwd}/.venv/bin/python", ".venv/bin/python -m bot"),
        ("{cwd}/bin/python", "python -m bot"),
        ("/opt/faden/.venv/bin/python", "/opt/faden/.venv/bin/python -m bot"),
    ],
    ids=["an environment here", "one that is active", "one elsewhere"],
)
def test_texts_name_a_call_that_works_here(
    bare: Path, monkeypatch: pytest.MonkeyPatch, executable: str, words: str
) -> None:
    (bare / "bin").mkdir()
    (bare / "bin" / "python").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{bare}/bin")
    monkeypatch.setattr(sys, "executable", executable.format(cwd=bare))

    assert program() == words


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ["serve", "migrate", "admin-code"])
def test_command_without_settings_stops_with_a_sentence(command: Command, name: str) -> None:
    assert command(name) == Ended(
        1,
        [],
        [
            (
                "There are no settings. Copy config.example.toml to config.toml and edit it, or set FADEN_… variables; "
                f"`{program()} serve --trial` starts a sample town without any."
            )
        ],
    )


def test_settings_file_of_the_working_directory_is_found(bare: Path, command: Command) -> None:
    (bare / "config.toml").write_text("[web]\nport = 99999\n")

    ended = command("migrate")

    assert ended.code == 1
    assert ended.err == ["web.port (config.toml) is 99999; expected a port number from 0 to 65535 (0: any free one)."]


def test_settings_file_can_be_named(bare: Path, command: Command) -> None:
    (bare / "other.toml").write_text('[database]\nurl = "sqlite:///other.sqlite3"\n')

    ended = command("migrate", "--config", "other.toml")

    assert ended.code == 0
    assert (bare / "other.sqlite3").exists()


@pytest.mark.usefixtures("bare")
def test_trial_on_every_address_is_refused(command: Command) -> None:
    ended = command("serve", "--trial", "--host", "0.0.0.0")  # noqa: S104  # to be refused

    assert ended.code == 1
    assert ended.err == [
        "web.host is 0.0.0.0; expected a loopback address, because the trial lets everybody be anybody."
    ]


def test_control_c_ends_with_130(bare: Path) -> None:
    os.mkfifo(bare / "pipe")
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bot.__main__ import main; sys.exit(main(['import', 'pipe']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(HOUSE), "FADEN_TOWN__NAME": "Lindental"}
    with subprocess.Popen([sys.executable, "-c", script], cwd=bare, env=environment, stderr=subprocess.PIPE) as running:
        writing = os.open(bare / "pipe", os.O_WRONLY)  # waits until the command reads, which then waits for us

        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=30)

        os.close(writing)
    assert (running.returncode, complaint) == (130, b"")


@contextmanager
def trial(folder: Path, port: int = 0, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A trial that runs in the folder: its address, and its process."""
    arguments = [sys.executable, "-m", "bot", "serve", "--trial", "--port", str(port)]
    without = {name: value for name, value in os.environ.items() if not name.startswith("FADEN_")}
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env={**without, "PYTHONPATH": str(HOUSE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        watchdog = threading.Timer(60, running.kill)
        watchdog.start()
        assert running.stdout is not None
        greeting = next((line for line in running.stdout if "http://127.0.0.1:" in line), "")
        found = re.search(r"http://127.0.0.1:\d+", greeting)
        assert found
        yield found[0], running
        running.send_signal(signal.SIGINT)
        running.communicate()
        watchdog.cancel()


def test_trial_starts_in_an_empty_directory_and_ends_with_control_c(bare: Path) -> None:
    with trial(bare, FADEN_BACKUP__HOUR="3") as (address, running):
        answer = urllib.request.urlopen(f"{address}/readyz", timeout=10)  # noqa: S310  # our own loopback
        with answer:
            ready = json.load(answer)

    assert running.returncode == 0
    assert {name: check["ok"] for name, check in ready["checks"].items()} == {
        "database": True,
        "loop": True,
        "notices": True,
        "networks": True,
        "polling": True,
        "backup": True,
    }
    assert sorted(file.name for file in (bare / "var").iterdir() if file.suffix in (".key", ".sqlite3")) == [
        "secret.key",
        "trial.sqlite3",
    ]


def second(folder: Path, port: int) -> "subprocess.CompletedProcess[str]":
    """Another trial, which ends by itself because there is one already."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "serve", "--trial", "--port", str(port)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        timeout=60,
    )


def test_second_trial_in_the_folder_says_where_the_first_runs(bare: Path) -> None:
    with trial(bare) as (address, _):
        ended = second(bare, 0)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"Faden runs in this folder already: open {address}/probe, or end it first.\n"


def test_second_trial_on_the_port_says_where_the_first_runs(bare: Path) -> None:
    (bare / "other").mkdir()
    with trial(bare) as (address, _):
        ended = second(bare / "other", int(address.rpartition(":")[2]))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"Faden runs already at {address}, from another folder or database: "
        "end it, or choose another port (web.port, --port).\n"
    )


def test_second_trial_while_the_first_one_starts_says_so(bare: Path) -> None:
    (bare / "var").mkdir()
    with (bare / "var" / "trial.sqlite3.faden.lock").open("w") as lead:
        fcntl.flock(lead, fcntl.LOCK_EX)

        ended = second(bare, 0)

    assert ended.returncode == 1
    assert ended.stderr == "Faden is starting in this folder already: wait for its address, or end it first.\n"


def test_port_of_another_program_is_told(bare: Path, telegram: str) -> None:
    port = int(telegram.rpartition(":")[2])

    ended = second(bare, port)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"Port {port} on 127.0.0.1 belongs to another program: end it, or choose another port (web.port, --port).\n"
    )


def hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_port_of_a_program_that_speaks_no_http_is_told(bare: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hung_up = threading.Thread(target=partial(hang_up, server))
        hung_up.start()

        ended = second(bare, port)

        hung_up.join()
    assert ended.stderr.startswith(f"Port {port} on 127.0.0.1 belongs to another program: ")


# --- check ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bare")
def test_check_without_settings_says_what_to_do(command: Command) -> None:
    ended = command("check")

    assert ended.code == 1
    assert [line[:46] for line in ended.out] == ["configuration  FAILED  There are no settings. "]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "FADEN_TOWN__ZONE",
            "Europe/London",
            (
                "town.zone (FADEN_TOWN__ZONE) is 'Europe/London'; expected \"Europe/Berlin\" or a time zone whose clocks go alike, "
                'such as "Europe/Vienna" or "Europe/Zurich".'
            ),
        ),
        (
            "FADEN_WEB__PUBLIC_URL",
            "https://faden_1.example.org",
            (
                "web.public_url (FADEN_WEB__PUBLIC_URL) is 'https://faden_1.example.org'; expected an address such as "
                '"https://faden.example.org", with a host name of letters, digits and hyphens.'
            ),
        ),
        (
            "FADEN_WEB__PUBLIC_URL",
            "https://user:geheim@faden.example.org",
            (
                "web.public_url (FADEN_WEB__PUBLIC_URL) is an address with a user name in it; expected an address such as "
                '"https://faden.example.org", with a host name of letters, digits and hyphens.'
            ),
        ),
        (
            "FADEN_MAIL__FROM",
            "faden@localhost",
            (
                "mail.from (FADEN_MAIL__FROM) is 'faden@localhost'; expected a mail address such as \"faden@example.org\", "
                "without umlauts before the @ and with a dot behind it."
            ),
        ),
    ],
)
def test_check_names_what_calendars_cannot_carry(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert command("check") == Ended(1, [f"configuration  FAILED  {sentence}"], [])


@pytest.mark.usefixtures("town")
def test_check_of_a_new_town(command: Command) -> None:
    assert command("check") == Ended(
        0,
        [
            "configuration  ok      still empty: town.imprint, town.privacy, town.accessibility, town.land",
            "database       ok      SQLite, faden.sqlite3",
            "migrations     ok      up to date",
            "telegram       ok      not used: telegram.token is not set",
            "mail           ok      not used: mail.smtp_url is not set",
            "address        ok      127.0.0.1, port 0",
            "calendar       ok      invitations can be written",
            "backup         ok      none yet; none is made by itself: backup.hour is not set",
        ],
        [],
    )


def test_check_before_the_first_start(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").unlink()

    ended = command("check")

    assert ended.code == 0
    assert ended.out[1] == "database       ok      SQLite, faden.sqlite3 (not there yet)"
    assert re.fullmatch(r"migrations     ok      \d+ waiting: the next start applies them, or (.*)", ended.out[2])
    assert ended.out[2].endswith(f", or {program()} migrate")
    assert not (town / "faden.sqlite3").exists()


@pytest.mark.usefixtures("bare")
def test_check_of_either_database(database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", database_url)
    monkeypatch.setenv("FADEN_WEB__PORT", "0")
    monkeypatch.setenv("FADEN_WEB__PUBLIC_URL", "https://faden.example.org")

    ended = command("check")

    others = " (others on this machine may read it until the next start)"
    kind = f"SQLite, {db.sqlite_path(database_url)}{others}" if db.is_sqlite(database_url) else "PostgreSQL"
    assert ended.code == 0
    assert ended.out[1:3] == [f"database       ok      {kind}", "migrations     ok      up to date"]


def test_check_of_a_key_that_others_can_read(town: Path, command: Command) -> None:
    (town / "secret.key").write_bytes(b"k" * 32)
    (town / "secret.key").chmod(0o644)

    ended = command("check")

    assert ended.code == 1
    assert ended.out == [
        (
            "configuration  FAILED  secret.key is readable by others; expected a file of its owner alone: "
            "chmod 600 secret.key."
        )
    ]


@pytest.mark.usefixtures("bare")
def test_check_of_a_database_that_is_not_there_shows_no_password(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", "postgresql://faden:geheim@127.0.0.1:1/faden")

    ended = command("check")

    assert ended.code == 1
    assert ended.out[1].startswith("database       FAILED  ")
    assert [line for line in ended.out if "geheim" in line] == []


def failed(ended: Ended) -> list[str]:
    """The lines of `check` that are not well."""
    return [line for line in ended.out if re.match(r"\S+ +FAILED ", line)]


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "FADEN_DATABASE__URL",
            "sqlite:////proc/faden/faden.sqlite3",
            "database       FAILED  nothing can be written to /proc/faden: No such file or directory",
        ),
        (
            "FADEN_DATABASE__URL",
            "sqlite:///town.toml/faden.sqlite3",
            "database       FAILED  nothing can be written to town.toml: Not a directory",
        ),
        (
            "FADEN_DATABASE__DIRECTORY",
            "/proc/faden",
            "database       FAILED  nothing can be written to /proc/faden: No such file or directory",
        ),
        (
            "FADEN_WEB__HOST",
            "192.0.2.1",
            "address        FAILED  web.host 192.0.2.1, port 0: Cannot assign requested address",
        ),
    ],
)
def test_check_names_a_folder_or_an_address_that_cannot_work(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)

    ended = command("check")

    assert (ended.code, failed(ended)) == (1, [line])


NOT_EVEN_LOOKED_AT = (
    "x" * 300
)  # a name that is too long is refused as is a folder that may not be entered, also to root


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FADEN_DATABASE__URL", f"sqlite:///{NOT_EVEN_LOOKED_AT}/faden.sqlite3"),
        ("FADEN_DATABASE__DIRECTORY", NOT_EVEN_LOOKED_AT),
    ],
)
def test_check_says_in_words_that_a_folder_cannot_even_be_looked_at(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("FADEN_BACKUP__HOUR", "3")

    ended = command("check")

    folder = NOT_EVEN_LOOKED_AT
    assert ended.code == 1
    assert failed(ended) == [
        f"configuration  FAILED  {folder}/secret.key cannot be looked at: File name too long",
        f"database       FAILED  nothing can be written to {folder}: File name too long",
        f"backup         FAILED  {folder}/backups cannot be read: File name too long",
    ]


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("hour", ["3", None])
def test_check_of_backups_in_a_folder_that_cannot_even_be_looked_at(
    command: Command, monkeypatch: pytest.MonkeyPatch, hour: str | None
) -> None:
    monkeypatch.setenv("FADEN_BACKUP__DIRECTORY", NOT_EVEN_LOOKED_AT)
    if hour is not None:
        monkeypatch.setenv("FADEN_BACKUP__HOUR", hour)

    ended = command("check")

    seen = f"{NOT_EVEN_LOOKED_AT} cannot be read: File name too long"
    none = "none is made by itself: backup.hour is not set"
    line = f"backup         FAILED  {seen}" if hour else f"backup         ok      {seen}; {none}"
    assert (ended.code, ended.out[7]) == (1 if hour else 0, line)


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("address", ["http://localhost:8080", "http://faden", "http://[::1]:8080", "https://192.0.2.1"])
def test_check_of_an_address_that_is_no_mail_host(
    command: Command, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("FADEN_WEB__PUBLIC_URL", address)

    ended = command("check")

    assert (ended.code, failed(ended)) == (0, [])


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("FADEN_TOWN__ZONE", "America/New_York", "town.zone"),
        ("FADEN_WEB__PUBLIC_URL", "https://fa_den.example.org", "web.public_url"),
        ("FADEN_MAIL__FROM", "faden@localhost", "mail.from"),
    ],
)
def test_check_names_a_setting_with_which_no_invitation_can_be_written(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)

    ended = command("check")

    assert ended.code == 1
    assert [(name in line, value in line) for line in failed(ended)] == [(True, True)]


def test_check_tells_faden_from_another_program_on_the_port(
    town: Path, command: Command, monkeypatch: pytest.MonkeyPatch, telegram: str
) -> None:
    (town / "other").mkdir()
    with trial(town / "other") as (address, _):
        monkeypatch.setenv("FADEN_WEB__PORT", address.rpartition(":")[2])
        ours = command("check").out[5]
    monkeypatch.setenv("FADEN_WEB__PORT", telegram.rpartition(":")[2])
    others = command("check").out[5]

    port = telegram.rpartition(":")[2]
    assert ours == f"address        ok      Faden runs at {address}"
    assert others == f"address        FAILED  port {port} on 127.0.0.1 belongs to another program"


def test_check_of_backups(town: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEN_BACKUP__HOUR", "3")

    seen = [command("check").out[7]]
    command("backup")
    seen.append(command("check").out[7])
    (made,) = (town / "backups").glob("2*")
    made.rename(made.with_name("2026-01-01T030000Z"))
    seen.append(command("check").out[7])
    shutil.rmtree(town / "backups")
    (town / "backups").touch()
    seen.append(command("check").out[7])

    assert seen[0] == "backup         ok      none yet"
    assert re.fullmatch(r"backup         ok      the newest is of \d{4}-\d\d-\d\d \d\d:\d\d UTC", seen[1])
    assert seen[2:] == [
        "backup         FAILED  the newest is of 2026-01-01 03:00 UTC: the log says why",
        "backup         FAILED  nothing can be written to backups: Not a directory",
    ]


@pytest.mark.usefixtures("bare")
@pytest.mark.only_on("postgres")
def test_check_of_the_programs_that_make_backups(
    database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", database_url)
    monkeypatch.setenv("FADEN_BACKUP__HOUR", "3")
    path = os.environ["PATH"]

    monkeypatch.setenv("PATH", f"{programs() / 'bin'}:{path}")
    seen = [command("check").out[7]]
    monkeypatch.setenv("PATH", "/nowhere")
    seen.append(command("check").out[7])

    assert seen == [
        "backup         ok      none yet",
        (
            "backup         FAILED  There is no pg_dump here: install PostgreSQL's client programs "
            "(on Debian: postgresql-client)."
        ),
    ]


@pytest.mark.usefixtures("bare")
def test_check_of_backups_of_a_database_that_is_away(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", "postgresql://faden:geheim@127.0.0.1:1/faden")
    monkeypatch.setenv("FADEN_BACKUP__HOUR", "3")

    ended = command("check")

    assert [line.split()[0] for line in failed(ended) if "geheim" not in line] == ["database", "backup"]


class FakeTelegram(BaseHTTPRequestHandler):
    """Answers getMe for one token, and nothing sensible for another."""

    def do_GET(self) -> None:
        if self.path == f"/bot{TOKEN}/getMe":
            self.answer(200, b'{"ok": true, "result": {"username": "LindentalBot"}}')
        elif self.path == "/bot1:not-telegram/getMe":
            self.answer(200, b"<html>")
        else:
            self.answer(401, b'{"ok": false}')

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def telegram() -> Iterator[str]:
    """The address of a Bot API that knows one token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeTelegram)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("token", "line"),
    [
        (TOKEN, "telegram       ok      @LindentalBot"),
        ("1:wrong-token", "telegram       FAILED  the token is refused: ask @BotFather for a new one"),
        ("1:not-telegram", "telegram       FAILED  no answer from {address}: look at the network"),
    ],
)
def test_check_of_a_token(
    command: Command, monkeypatch: pytest.MonkeyPatch, telegram: str, token: str, line: str
) -> None:
    monkeypatch.setenv("FADEN_TELEGRAM__API_BASE", telegram)
    monkeypatch.setenv("FADEN_TELEGRAM__TOKEN", token)

    ended = command("check")

    assert ended.out[3] == line.format(address=telegram)
    assert ended.code == ("FAILED" in line)


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("host", ["faden", "localhost:8393", "[::1]"])
def test_check_of_an_address_without_a_dot_says_what_telegram_cannot_show(
    command: Command, monkeypatch: pytest.MonkeyPatch, telegram: str, host: str
) -> None:
    monkeypatch.setenv("FADEN_WEB__PUBLIC_URL", f"http://{host}")
    monkeypatch.setenv("FADEN_TELEGRAM__API_BASE", telegram)
    monkeypatch.setenv("FADEN_TELEGRAM__TOKEN", TOKEN)

    ended = command("check")

    assert ended.code == 0
    assert ended.out[3] == (
        "telegram       ok      @LindentalBot; its link buttons need a host with a dot, "
        f"links to http://{host} stand in the text"
    )
    assert ended.out[6] == "calendar       ok      invitations can be written"


@pytest.mark.usefixtures("town")
def test_check_of_telegram_that_does_not_answer(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEN_TELEGRAM__API_BASE", "http://127.0.0.1:1")
    monkeypatch.setenv("FADEN_TELEGRAM__TOKEN", TOKEN)

    ended = command("check")

    assert ended.out[3] == "telegram       FAILED  no answer from http://127.0.0.1:1: look at the network"


@pytest.fixture
def mail_server() -> Iterator[int]:
    """The port of a mail server that knows the password richtig."""

    def known(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        return AuthResult(success=isinstance(data, LoginPassword) and data.password == b"richtig", handled=False)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        smtp = partial(SMTP, object(), loop=loop, authenticator=known, auth_require_tls=False)
        server = await loop.create_server(smtp, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, done.wait)
        server.close()
        await server.wait_closed()

    ports: queue.Queue[int] = queue.Queue()
    done = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    yield ports.get(timeout=10)
    done.set()
    thread.join()


@pytest.mark.usefixtures("town")
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(
    ("user", "line"),
    [
        ("faden:richtig@", "mail           ok      from faden@example.org"),
        ("faden:falsch@", "mail           FAILED  user name or password is refused: look at mail.smtp_url"),
        ("", "mail           ok      from faden@example.org"),
    ],
)
def test_check_of_a_mail_server(
    command: Command, monkeypatch: pytest.MonkeyPatch, mail_server: int, user: str, line: str
) -> None:
    monkeypatch.setenv("FADEN_MAIL__SMTP_URL", f"smtp://{user}127.0.0.1:{mail_server}")
    monkeypatch.setenv("FADEN_MAIL__FROM", "faden@example.org")

    ended = command("check")

    assert ended.out[4] == line
    assert ended.code == ("FAILED" in line)


@pytest.mark.usefixtures("town")
def test_check_of_a_mail_server_that_does_not_answer(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEN_MAIL__SMTP_URL", "smtp://faden:geheim@127.0.0.1:1")
    monkeypatch.setenv("FADEN_MAIL__FROM", "faden@example.org")

    ended = command("check")

    assert ended.code == 1
    assert ended.out[4].startswith("mail           FAILED  no server there, or no talk with it: ")
    assert "geheim" not in ended.out[4]


# --- migrate ----------------------------------------------------------------------------------------------------------


def test_migrate_makes_a_new_database(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").unlink()

    first, second = command("migrate"), command("migrate")

    assert (first.code, second.code) == (0, 0)
    assert first.out[0].startswith("Applied: 0001_")
    assert second.out == ["The database is up to date."]


def test_migrate_closes_the_database_to_others(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").chmod(0o666)

    command("migrate")

    assert stat.S_IMODE((town / "faden.sqlite3").stat().st_mode) == 0o600


def test_migrate_dry_run_names_what_waits_and_does_nothing(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").unlink()

    ended = command("migrate", "--dry-run")

    assert ended.code == 0
    assert ended.out[0].startswith("0001_")
    assert not (town / "faden.sqlite3").exists()


@pytest.mark.usefixtures("town")
def test_migrate_dry_run_of_a_database_that_is_up_to_date(command: Command) -> None:
    assert command("migrate", "--dry-run") == Ended(0, ["The database is up to date."], [])


@pytest.mark.usefixtures("town")
def test_database_of_a_newer_program_is_refused(command: Command) -> None:
    rows(
        lambda: db.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2027-01-01')"
        )
    )

    ended = command("migrate")

    assert ended == Ended(1, [], ["The database was made by a newer Faden (9999_later): update the program."])


def test_file_that_is_no_database_is_refused(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").write_bytes(b"no database" * 1000)

    ended = command("migrate")

    assert ended == Ended(1, [], ["The database cannot be used: file is not a database"])


@pytest.mark.usefixtures("bare")
@pytest.mark.postgres
def test_database_that_is_not_there_is_refused(
    postgres_server: Server, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", postgres_server.url("nowhere"))

    ended = command("migrate")

    assert ended.code == 1
    assert [line.split(":")[0] for line in ended.err] == ["The database cannot be used"]


# --- backup -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bare")
def test_backup_of_either_database_names_its_folder(
    database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEN_DATABASE__URL", database_url)
    monkeypatch.setenv("FADEN_DATABASE__DIRECTORY", "var")
    monkeypatch.setenv("PATH", f"{programs() / 'bin'}:{os.environ['PATH']}")

    ended = command("backup")
    checked = command("backup", "--check", *ended.out)

    (folder,) = ended.out
    assert (ended.code, checked.code) == (0, 0)
    assert re.fullmatch(r"var/backups/\d{4}-\d\d-\d\dT\d{6}Z", folder)
    assert [re.fullmatch(r"\d+ rows in \d+ tables, \d\.\d MB\. There is no secret key in it: .*", ended.err[0])] != [
        None
    ]
    assert checked.out == [f"{folder} is whole. {ended.err[0]}"]


def test_backup_goes_where_it_is_told_to_with_the_key(town: Path, command: Command) -> None:
    (town / "secret.key").write_bytes(b"k" * 32)

    ended = command("backup", "--to", "stick")

    assert ended.out[0].startswith("stick/")
    assert sorted(path.name for path in Path(ended.out[0]).iterdir()) == [
        "faden.sqlite3",
        "manifest.json",
        "secret.key",
    ]
    assert ended.err[0].endswith(" MB.")


def test_backup_keeps_as_many_as_the_settings_say(
    town: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEN_BACKUP__KEEP", "2")
    monkeypatch.setenv("FADEN_BACKUP__DIRECTORY", "kept")

    made = [command("backup").out[0] for _ in range(3)]

    assert sorted(str(path.relative_to(town)) for path in (town / "kept").glob("2*")) == made[1:]


def lock(town: Path) -> None:
    (town / "backups").mkdir()
    descriptor = os.open(town / "backups" / ".lock", os.O_CREAT | os.O_RDWR)  # stays open until the process ends
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def no_database(town: Path) -> None:
    (town / "faden.sqlite3").unlink()


def file_in_the_way(town: Path) -> None:
    (town / "backups").touch()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lock, "Another process is making a backup into this folder: wait until it is done."),
        (no_database, "The backup failed, and those that are there stay: unable to open database file"),
        (file_in_the_way, "The backup failed, and those that are there stay: [Errno 17] File exists: 'backups'"),
    ],
)
def test_backup_that_cannot_be_made_says_why(
    town: Path, command: Command, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(town)

    assert command("backup") == Ended(1, [], [sentence])


@pytest.mark.usefixtures("bare")
@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (None, "There is no pg_dump here: install PostgreSQL's client programs (on Debian: postgresql-client)."),
        (
            "echo 'pg_dump (PostgreSQL) 9.6.24'",
            "pg_dump is of PostgreSQL 9, the server of {server}: install its client programs (postgresql-client-{server}).",
        ),
        (
            "echo 'pg_dump: error: no' >&2; exit 1",
            "The backup failed, and those that are there stay: pg_dump: error: no",
        ),
    ],
)
def test_backup_without_a_pg_dump_that_can_do_it_says_what_to_install(
    database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch, script: str | None, sentence: str
) -> None:
    Path("bin").mkdir()
    if script is not None:
        Path("bin/pg_dump").write_text(f"#!/bin/sh\n{script}\n")
        Path("bin/pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(Path("bin").absolute()))
    monkeypatch.setenv("FADEN_DATABASE__URL", database_url)
    version = subprocess.run([programs() / "bin" / "pg_dump", "--version"], capture_output=True, text=True, check=True)
    (server,) = re.findall(r"\(PostgreSQL\) (\d+)", version.stdout)

    ended = command("backup")

    assert ended == Ended(1, [], [sentence.format(server=server)])


def test_backup_that_is_damaged_is_known(town: Path, command: Command) -> None:
    (folder,) = command("backup").out
    (town / folder / "faden.sqlite3").write_bytes(b"")

    ended = command("backup", "--check", folder)

    assert ended == Ended(1, [], ["The copy is damaged, faden.sqlite3: its hash is another."])


@pytest.mark.usefixtures("bare")
def test_folder_that_is_no_backup_is_told(command: Command) -> None:
    ended = command("backup", "--check", "nowhere")

    assert ended == Ended(1, [], ["There is no backup in nowhere: name the folder that has a manifest.json."])


# --- import -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("town")
def test_import_reports_what_it_added(command: Command) -> None:
    assert command("import", "town.toml") == Ended(
        0,
        [
            "+ organisation anker",
            "+ body TK",
            "+ person seidl",
            "+ seat TK: seidl",
            "Imported: 4 added, 0 changed, 0 ended, 0 kept.",
        ],
        [],
    )
    assert rows(lambda: Person.all().values_list("key", "mail")) == [("seidl", "nico.seidl@example.org")]


@pytest.mark.usefixtures("town")
def test_import_dry_run_writes_nothing(command: Command) -> None:
    ended = command("import", "town.toml", "--dry-run")

    assert ended.code == 0
    assert ended.out[-1] == "Dry run, nothing is written: 4 added, 0 changed, 0 ended, 0 kept."
    assert rows(lambda: Person.all().count()) == 0


def test_import_again_reports_every_difference(town: Path, command: Command) -> None:
    command("import", "town.toml")
    rows(lambda: Person.all().update(given_name="Nikolaus"))
    changed = TOWN.replace("areas = []", 'place = "Rathaus"').replace('mail = "nico.seidl@example.org"\n', "")
    (town / "town.toml").write_text(changed.replace('{ person = "seidl", organisation = "anker" },', ""))

    without, pruned = command("import", "town.toml"), command("import", "town.toml", "--prune")

    assert without.out == [
        "~ body TK: place: empty → Rathaus",
        "~ person seidl: mail: nico.seidl@example.org → empty",
        "= person seidl: given_name stays Nikolaus, edited in Faden; the file wants Nico",
        "? seat TK: seidl: is not in the file; --prune ends it",
        "Imported: 0 added, 2 changed, 0 ended, 1 kept.",
    ]
    assert re.fullmatch(r"- seat TK: seidl: ends on \d{4}-\d\d-\d\d", pruned.out[0])
    assert pruned.out[2] == "Imported: 0 added, 0 changed, 1 ended, 1 kept."
    assert rows(lambda: Membership.filter(ends_on=None).count()) == 0


def test_import_of_a_file_with_mistakes_names_them_all(town: Path, command: Command) -> None:
    (town / "town.toml").write_text(
        TOWN.replace('kind = "free"', 'kind = "frei"').replace('person = "seidl"', 'person = "sidl"')
    )

    ended = command("import", "town.toml")

    assert ended == Ended(
        1,
        [],
        [
            "town.toml:5: organisation.kind must be one of public, free, partner.",
            "town.toml:13: body.seats.person refers to sidl, which is not in the file. Did you mean seidl?",
            "Nothing was imported.",
        ],
    )
    assert rows(lambda: Person.all().count()) == 0


def test_import_of_a_mail_address_that_is_taken(town: Path, command: Command) -> None:
    command("import", "town.toml")
    (town / "town.toml").write_text(TOWN.replace("seidl", "seidl2").replace("nico.seidl2@", "nico.seidl@"))

    ended = command("import", "town.toml")

    assert ended.err == [
        "town.toml:16: person.mail already belongs to seidl (nico.seidl@example.org): change it there first.",
        "Nothing was imported.",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "town.toml cannot be read: No such file or directory."),
        (b"\xfc", "town.toml is not UTF-8: save it with that encoding."),
    ],
)
def test_import_of_a_file_that_cannot_be_read(
    town: Path, command: Command, content: bytes | None, sentence: str
) -> None:
    (town / "town.toml").unlink()
    if content is not None:
        (town / "town.toml").write_bytes(content)

    assert command("import", "town.toml") == Ended(1, [], [sentence])


def test_import_with_a_byte_order_mark(town: Path, command: Command) -> None:
    (town / "town.toml").write_text(TOWN, encoding="utf-8-sig")

    assert command("import", "town.toml").code == 0


LIST = "Vorname;Nachname;E-Mail;Gremium;Organisation;Telefon\nMara;Neuner;m@example.org;TK;Anker Jugendhilfe;0123\n"


def test_import_of_a_list_reports_each_line(town: Path, command: Command) -> None:
    command("import", "town.toml")
    text = f"{LIST}Nico;Seidl;n.seidl@example.org;;;\nLukas;Wieser;;;Anker;\n".replace("n.seidl", "nico.seidl")
    (town / "leute.csv").write_text(text, encoding="cp1252")

    ended = command("import", "leute.csv")
    rows(lambda: Person.filter(key="neuner").update(mail="x@example.org"))
    again = command("import", "leute.csv")

    assert ended == Ended(
        0,
        [
            "leute.csv:2: new: Mara Neuner",
            "  + person neuner",
            "  + seat TK: neuner",
            "leute.csv:3: unchanged: Nico Seidl",
            "leute.csv:4: new: Lukas Wieser",
            "  + person wieser",
            "Not used: Telefon",
            "An organisation without a body, not used: line 4",
            "Imported: 2 new, 0 changed, 1 unchanged.",
        ],
        [],
    )
    assert again.out[:2] == [
        "leute.csv:2: unchanged: Mara Neuner",
        "  = person neuner: mail stays x@example.org, edited in Faden; the file wants m@example.org",
    ]


def test_dry_run_of_a_list_writes_nothing(town: Path, command: Command) -> None:
    command("import", "town.toml")
    (town / "leute.csv").write_text(LIST, encoding="utf-8")

    ended = command("import", "leute.csv", "--dry-run")

    assert ended.out[-1] == "Dry run, nothing is written: 1 new, 0 changed, 0 unchanged."
    assert rows(lambda: Person.all().count()) == 1


def test_import_of_a_list_with_a_mistake_writes_nothing(town: Path, command: Command) -> None:
    command("import", "town.toml")
    (town / "leute.csv").write_text(f"{LIST}Lukas;Wieser;;TKK;;\n", encoding="utf-8")

    ended = command("import", "leute.csv")

    assert ended == Ended(
        1,
        [
            "leute.csv:2: new: Mara Neuner",
            "  + person neuner",
            "  + seat TK: neuner",
            "leute.csv:3: mistaken: Lukas Wieser",
            "Not used: Telefon",
        ],
        [
            "leute.csv:3: Gremium refers to TKK, which is not in Faden. Did you mean TK?",
            "Nothing was imported.",
        ],
    )
    assert rows(lambda: Person.all().count()) == 1


@pytest.mark.parametrize(
    ("name", "content", "sentences"),
    [
        (
            "leute.csv",
            "Name;E-Mail\nNeuner;\n",
            ["leute.csv:1: lacks the columns given_name; its first line has Name, E-Mail.", "Nothing was imported."],
        ),
        ("leute.ods", "x", ["leute.ods:1: must be one of .csv, .tsv, .txt, .xlsx.", "Nothing was imported."]),
        ("leute.csv", None, ["leute.csv cannot be read: No such file or directory."]),
    ],
)
def test_import_of_what_is_no_list(
    town: Path, command: Command, name: str, content: str | None, sentences: list[str]
) -> None:
    if content is not None:
        (town / name).write_text(content, encoding="utf-8")

    assert command("import", name) == Ended(1, [], sentences)


def test_list_ends_no_seats(town: Path, command: Command) -> None:
    (town / "leute.csv").write_text(LIST, encoding="utf-8")

    assert command("import", "leute.csv", "--prune").err == [
        "--prune is for town files: a list of people ends no seat."
    ]


def test_import_into_a_database_that_is_not_up_to_date(town: Path, command: Command) -> None:
    (town / "faden.sqlite3").unlink()

    ended = command("import", "town.toml")

    assert ended == Ended(1, [], [f"The database is not up to date: run `{program()} migrate` first."])


def test_every_mistake_has_its_words() -> None:
    rooms = ("fields", "peoplefile", "procedure", "spreadsheet", "townfile")
    sources = [*(f"bot/rules/{room}.py" for room in rooms), "bot/actions/people/importing.py"]
    code_is_argument = {"Wrong": 0, "Problem": 1, "Unreadable": 0, "Mistake": 3}
    calls = [
        node
        for source in sources
        for node in ast.walk(ast.parse((HOUSE / source).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in code_is_argument
    ]

    codes = [call.args[code_is_argument[ast.unparse(call.func)]] for call in calls]

    assert {code.value for code in codes if isinstance(code, ast.Constant)} == set(MISTAKES)


# --- ways in ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("town")
def test_admin_code_stands_alone_on_standard_output(command: Command) -> None:
    ended = command("admin-code")

    assert ended.code == 0
    assert [re.fullmatch(r"[\w-]{43}", line) is not None for line in ended.out] == [True]
    assert ended.err == [
        "Send it to the bot as /start CODE, or open https://faden.example.org/einladung/CODE. It works once, for a day."
    ]
    assert rows(lambda: OneTimeToken.all().values_list("purpose", "person_id")) == [(TokenPurpose.ADMINISTRATOR, None)]


@pytest.mark.usefixtures("town")
def test_invite_gives_a_link_for_each_person_once(command: Command) -> None:
    command("import", "town.toml")

    ended = command("invite", "seidl", "seidl")

    assert ended.code == 0
    assert [
        re.fullmatch(r"seidl\thttps://faden\.example\.org/einladung/[\w-]{43}", line) is not None for line in ended.out
    ] == [True]
    assert ended.err == ["Each link works once, for 14 days."]
    assert rows(lambda: OneTimeToken.all().values_list("purpose", "person__key")) == [
        (TokenPurpose.INVITATION, "seidl")
    ]
    recorded = rows(lambda: AuditEvent.filter(what="person.invited").values_list("person_id", "facts"))
    assert recorded == [(None, {"handed_on": True})]


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize(
    ("key", "sentence"),
    [("seidel", "There is nobody called seidel. Did you mean seidl?"), ("x", "There is nobody called x.")],
)
def test_invite_of_an_unknown_person_makes_no_link_at_all(command: Command, key: str, sentence: str) -> None:
    command("import", "town.toml")

    ended = command("invite", "seidl", key)

    assert ended == Ended(1, [], [sentence])
    assert rows(lambda: OneTimeToken.all().count()) == 0
