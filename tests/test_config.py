import os
import re
import stat
import tomllib
from ipaddress import ip_network
from pathlib import Path

import pytest

from bot import config
from bot.config import BadSetting, Settings
from storage.vocabulary import ZONES_LIKE_BERLIN

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"

TOKEN = "123456:AbCdEfGhIjKlMnOp"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None, environ: dict[str, str], *, trial: bool = False) -> str:
    with pytest.raises(BadSetting) as refused:
        config.load(path, environ, trial=trial)
    return str(refused.value)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_defaults_without_anything() -> None:
    settings = config.load(None, {})

    assert settings == Settings()
    assert settings.web.public_url == "http://127.0.0.1:8080"
    assert settings.directory == Path("var")


def test_environment_alone_suffices() -> None:
    environ = {
        "PATH": "/bin",
        "FADEN_TEST_POSTGRES": "debian",
        "FADEN_TELEGRAM__TOKEN": TOKEN,
        "FADEN_DATABASE__URL": "postgresql://faden:geheim@db/faden",
        "FADEN_WEB__PORT": "80",
        "FADEN_WEB__PUBLIC_URL": "https://faden.example.org/",
        "FADEN_WEB__TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "FADEN_MAIL__FROM": "faden@example.org",
        "FADEN_LOG__LEVEL": "",
    }

    settings = config.load(None, environ)

    assert settings.telegram.token == TOKEN
    assert settings.database.url == "postgresql://faden:geheim@db/faden"
    assert settings.web.port == 80
    assert settings.web.public_url == "https://faden.example.org"
    assert settings.web.trusted_proxies == (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"))
    assert settings.mail.sender == "faden@example.org"
    assert settings.log.level == "info"


def test_what_a_container_platform_says_of_a_service_is_passed_over() -> None:
    environ = {
        "FADEN_SERVICE_HOST": "10.96.0.17",
        "FADEN_SERVICE_PORT": "8080",
        "FADEN_SERVICE_PORT_HTTP": "8080",
        "FADEN_PORT": "tcp://10.96.0.17:8080",
        "FADEN_PORT_8080_TCP": "tcp://10.96.0.17:8080",
        "FADEN_PORT_8080_TCP_PROTO": "tcp",
        "FADEN_PORT_8080_TCP_PORT": "8080",
        "FADEN_PORT_8080_TCP_ADDR": "10.96.0.17",
        "FADEN_PORT_53_UDP": "udp://[fd00::17]:53",
        "FADEN_DB_SERVICE_HOST": "fd00::17",
        "FADEN_DB_PORT": "tcp://[fd00::17]:5432",
        "FADEN_DB_PORT_5432_TCP_ADDR": "fd00::17",
    }

    assert config.load(None, environ) == Settings()


def test_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[web]\nport = 1\nhost = "0.0.0.0"\n[town]\nname = "Lindental"\nland = "BY"\n')

    settings = config.load(path, {"FADEN_WEB__PORT": "2"})

    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 2)  # noqa: S104  # only read
    assert (settings.town.name, settings.town.land) == ("Lindental", "BY")


def test_secret_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")

    settings = config.load(None, {"FADEN_TELEGRAM__TOKEN_FILE": str(secret)})

    assert settings.telegram.token == TOKEN


def test_legal_text_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "impressum.md").write_text("# Impressum\n\nStadt Lindental\n")
    path = written(tmp_path, '[town]\nimprint = "impressum.md"\nprivacy = "Wir speichern wenig."\n')

    settings = config.load(path, {})

    assert settings.town.imprint == "# Impressum\n\nStadt Lindental\n"
    assert settings.town.privacy == "Wir speichern wenig."


@pytest.mark.parametrize(
    ("url", "directory", "expected"),
    [
        ("sqlite:////data/faden.sqlite3", "", "/data"),
        ("sqlite:///var/my%20town.sqlite3", "", "var"),
        ("postgresql://faden@db/faden", "", "var"),
        ("postgresql://faden@db/faden", "/data", "/data"),
    ],
)
def test_directory_is_beside_the_database(url: str, directory: str, expected: str) -> None:
    settings = config.load(None, {"FADEN_DATABASE__URL": url, "FADEN_DATABASE__DIRECTORY": directory})

    assert settings.directory == Path(expected)


def test_public_url_of_an_ipv6_host() -> None:
    assert config.load(None, {"FADEN_WEB__HOST": "::1"}).web.public_url == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("HTTPS://Faden.Example.org/", "https://faden.example.org"),
        ("https://jugendamt-köln.example", "https://xn--jugendamt-kln-smb.example"),
        ("https://example.org/Fäden/", "https://example.org/F%C3%A4den"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_public_url_is_as_browsers_and_calendars_know_it(written: str, read: str) -> None:
    assert config.load(None, {"FADEN_WEB__PUBLIC_URL": written}).web.public_url == read


def test_sender_is_as_mail_servers_know_it() -> None:
    settings = config.load(None, {"FADEN_MAIL__FROM": "Faden@Jugendamt-Köln.example"})

    assert (settings.mail.sender, settings.mailbox) == ("Faden@xn--jugendamt-kln-smb.example",) * 2


@pytest.mark.parametrize(
    ("public_url", "mailbox"),
    [
        ("https://faden.example.org/chat", "faden@faden.example.org"),
        ("http://localhost:8080", "faden@faden.invalid"),
        ("http://127.0.0.1:8080", "faden@127.0.0.1"),
        ("http://[::1]:8080", "faden@faden.invalid"),
    ],
)
def test_organiser_has_an_address_without_mail_too(public_url: str, mailbox: str) -> None:
    assert config.load(None, {"FADEN_WEB__PUBLIC_URL": public_url}).mailbox == mailbox


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FADEN_WEB__PUBLIC_URL", "https://user:geheim@faden.example.org"),
        ("FADEN_WEB__PUBLIC_URL", "https://user:ge/heim@faden.example.org"),
        ("FADEN_WEB__PUBLIC_URL", "user:geheim@faden.example.org"),
        ("FADEN_TELEGRAM__API_BASE", "https://user:geheim@faden.example.org"),
        ("FADEN_WEB__TRUSTED_PROXIES", "http://user:geheim@10.0.0.1"),
        ("FADEN_WEB__HOST", "user:geheim@faden"),
        ("FADEN_DATABASE__URL", "mysql://user:geheim@faden.example.org/faden"),
        ("FADEN_MAIL__SMTP_URL", "imap://user:geheim@faden.example.org"),
    ],
)
def test_password_in_an_address_that_is_refused_is_not_shown(variable: str, value: str) -> None:
    said = refusal(None, {variable: value})

    section, _, key = variable.removeprefix("FADEN_").lower().partition("__")
    assert said.startswith(f"{section}.{key} ")
    assert "heim" not in said


def test_telegram_may_be_elsewhere() -> None:
    base = "http://127.0.0.1:8081/telegram"

    assert config.load(None, {"FADEN_TELEGRAM__API_BASE": base}).telegram.api_base == base


@pytest.mark.parametrize("zone", sorted(ZONES_LIKE_BERLIN))
def test_town_may_be_wherever_the_clocks_go_as_in_berlin(zone: str) -> None:
    assert config.load(None, {"FADEN_TOWN__ZONE": zone}).town.zone == zone


def test_host_that_no_link_can_have_needs_a_public_url_beside_it() -> None:
    with_link = {"FADEN_WEB__HOST": "faden_1", "FADEN_WEB__PUBLIC_URL": "https://faden.example.org"}

    assert config.load(None, with_link).web.host == "faden_1"
    assert config.load(None, {"FADEN_WEB__HOST": "Town"}).web.public_url == "http://town:8080"
    assert refusal(None, {"FADEN_WEB__HOST": "faden_1"}) == (
        "web.host is 'faden_1'; expected the name or the address of this machine, or web.public_url beside it."
    )


@pytest.mark.parametrize("scheme", config.SMTP_SCHEMES)
def test_smtp_url_of_each_scheme(scheme: str) -> None:
    url = f"{scheme}://faden%40town:p%3Aw@mail.example.org:2525/"

    settings = config.load(None, {"FADEN_MAIL__SMTP_URL": url, "FADEN_MAIL__FROM": "faden@example.org"})

    assert settings.mail.smtp_url == url


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "FADEN_WEB__PORT",
            "70000",
            "web.port (FADEN_WEB__PORT) is '70000'; expected a port number from 0 to 65535 (0: any free one).",
        ),
        (
            "FADEN_TELEGRAM__MODE",
            "push",
            'telegram.mode (FADEN_TELEGRAM__MODE) is \'push\'; expected "polling" or "webhook".',
        ),
        (
            "FADEN_TELEGRAM__TOKEN",
            "abc",
            (
                "telegram.token (FADEN_TELEGRAM__TOKEN) is a secret that does not fit; "
                "expected a token from @BotFather: digits, a colon, letters."
            ),
        ),
        (
            "FADEN_TELEGRAM_TOKEN",
            TOKEN,
            "FADEN_TELEGRAM_TOKEN (environment) is no setting. Did you mean FADEN_TELEGRAM__TOKEN?",
        ),
        ("FADEN_XYZ", "1", "FADEN_XYZ (environment) is no setting."),
        ("FADEN_PORT", "8080", "FADEN_PORT (environment) is no setting. Did you mean FADEN_WEB__PORT?"),
        (
            "FADEN_WEB_PORT",
            "8080",
            "FADEN_WEB_PORT (environment) is no setting. Did you mean FADEN_WEB__PORT?",
        ),
        (
            "FADEN_WEB__PORT",
            "tcp://10.0.0.1:80",
            "web.port (FADEN_WEB__PORT) is 'tcp://10.0.0.1:80'; expected a port number from 0 to 65535 (0: any free one).",
        ),
        (
            "FADEN_SERVICE_NAME",
            "faden",
            "FADEN_SERVICE_NAME (environment) is no setting. Did you mean FADEN_TOWN__NAME?",
        ),
        (
            "FADEN_TELEGRAM__TOKEN_FILE",
            "/nowhere/token",
            (
                "telegram.token (FADEN_TELEGRAM__TOKEN_FILE) is in a file that cannot be read: /nowhere/token; "
                "expected a file with the secret in it."
            ),
        ),
        (
            "FADEN_TOWN__IMPRINT",
            "/nowhere/impressum.md",
            (
                "town.imprint (FADEN_TOWN__IMPRINT) is a file that cannot be read: /nowhere/impressum.md; "
                "expected a text, or the path of a .md or .txt file."
            ),
        ),
    ],
)
def test_bad_variable_is_refused_with_a_sentence(variable: str, value: str, sentence: str) -> None:
    assert refusal(None, {variable: value}) == sentence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("web.port", "true"),
        ("web.port", '"http"'),
        ("web.host", '""'),
        ("web.public_url", '"faden.example.org"'),
        ("web.trusted_proxies", "1"),
        ("web.trusted_proxies", '["proxy"]'),
        ("database.url", '"mysql://db/faden"'),
        ("mail.smtp_url", '"mail.example.org"'),
        ("mail.smtp_url", '"smtp://mail.example.org:port"'),
        ("mail.smtp_url", '"smtp://:password@"'),
        ("mail.smtp_url", '"imap://mail.example.org"'),
        ("web.public_url", '"https://faden_1.example.org"'),
        ("web.public_url", '"https://faden:geheim@example.org"'),
        ("telegram.api_base", '"https://faden:geheim@example.org"'),
        ("telegram.api_base", '"https://example.org?a"'),
        ("web.public_url", '"https://faden.example.org/?a=b"'),
        ("web.public_url", "1"),
        ("web.public_url", f'"https://faden.example.org/{"a" * 180}"'),
        ("mail.from", '"Faden"'),
        ("mail.from", '"fädchen@example.org"'),
        ("mail.from", '"faden@localhost"'),
        ("mail.from", "1"),
        ("mail.reply_to", '"faden@localhost"'),
        ("town.land", '"XX"'),
        ("town.zone", '"Europe/Rosenheim"'),
        ("town.zone", '"../etc/passwd"'),
        ("town.zone", '"Europe/London"'),
        ("town.zone", '"UTC"'),
        ("town.zone", '["Europe/Berlin"]'),
        ("town.area_label_gender", '"x"'),
        ("town.imprint", '" "'),
        ("log.format", '"xml"'),
    ],
)
def test_bad_value_in_the_file_is_refused(tmp_path: Path, key: str, value: str) -> None:
    section, name = key.split(".")
    path = written(tmp_path, f"[{section}]\n{name} = {value}\n")

    with pytest.raises(BadSetting) as refused:
        config.load(path, {})

    assert (refused.value.key, refused.value.where) == (key, str(path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[telegram]\ntokn = 1\n", "telegram.tokn ({path}) is no setting. Did you mean telegram.token?"),
        ("[telegramm]\n", "telegramm ({path}) is no setting. Did you mean telegram?"),
        ("web = 1\n", "web ({path}) is a value; expected a table: [web]."),
        (
            "[web\n",
            (
                "{path} is not valid (Expected ']' at the end of a table declaration (at line 1, column 5)); "
                "expected TOML; see config.example.toml."
            ),
        ),
    ],
)
def test_bad_file_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)

    assert refusal(path, {}) == sentence.format(path=path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"

    assert refusal(path, {}) == (
        f"{path} is not readable (No such file or directory); expected a settings file; see config.example.toml."
    )


def test_secret_given_twice_is_refused(tmp_path: Path) -> None:
    environ = {"FADEN_TELEGRAM__TOKEN": TOKEN, "FADEN_TELEGRAM__TOKEN_FILE": str(tmp_path / "token")}
    (tmp_path / "token").write_text(TOKEN)

    assert refusal(None, environ) == (
        "telegram.token (FADEN_TELEGRAM__TOKEN_FILE) is set twice; "
        "expected either FADEN_TELEGRAM__TOKEN or FADEN_TELEGRAM__TOKEN_FILE."
    )


WEBHOOK = {
    "FADEN_TELEGRAM__MODE": "webhook",
    "FADEN_TELEGRAM__TOKEN": TOKEN,
    "FADEN_TELEGRAM__WEBHOOK_SECRET": "geheim",
    "FADEN_WEB__PUBLIC_URL": "https://faden.example.org",
}


@pytest.mark.parametrize(
    ("missing", "key"),
    [
        ("FADEN_TELEGRAM__TOKEN", "telegram.token"),
        ("FADEN_TELEGRAM__WEBHOOK_SECRET", "telegram.webhook_secret"),
        ("FADEN_WEB__PUBLIC_URL", "web.public_url"),
    ],
)
def test_webhook_needs_what_it_needs(missing: str, key: str) -> None:
    assert config.load(None, WEBHOOK).telegram.mode == "webhook"

    with pytest.raises(BadSetting) as refused:
        config.load(None, {variable: value for variable, value in WEBHOOK.items() if variable != missing})

    assert refused.value.key == key


def test_mail_server_needs_a_sender() -> None:
    assert refusal(None, {"FADEN_MAIL__SMTP_URL": "smtp://mail.example.org"}) == (
        "mail.from is not set; expected a mail address, because mail.smtp_url is set."
    )


def test_secrets_are_never_shown() -> None:
    environ = {
        "FADEN_TELEGRAM__TOKEN": TOKEN,
        "FADEN_TELEGRAM__WEBHOOK_SECRET": "Geheimnis1",
        "FADEN_DATABASE__URL": "postgresql://faden:Geheimnis2@db/faden",
        "FADEN_WEB__METRICS_TOKEN": "Geheimnis3",
        "FADEN_MAIL__SMTP_URL": "smtp://faden:Geheimnis4@mail.example.org",
        "FADEN_MAIL__FROM": "faden@example.org",
    }

    settings = config.load(None, environ)

    assert re.findall(rf"Geheimnis\d|{TOKEN}", repr(settings)) == []


# --- the trial --------------------------------------------------------------------------------------------------------


def test_trial_is_a_settings_file_of_its_own() -> None:
    settings = config.load(None, {"FADEN_LOG__LEVEL": "debug"}, trial=True)

    assert settings.trial
    assert settings.database.url == "sqlite:///var/trial.sqlite3"
    assert (settings.town.name, settings.town.land, settings.log.level) == ("Lindental", "BY", "debug")


@pytest.mark.parametrize(
    ("variable", "value"), [("FADEN_TELEGRAM__TOKEN", TOKEN), ("FADEN_MAIL__SMTP_URL", "smtp://mail.example.org")]
)
def test_nothing_leaves_the_house_in_the_trial(variable: str, value: str) -> None:
    assert refusal(None, {variable: value}, trial=True).endswith(
        "is set; expected nothing, because nothing leaves the house in the trial."
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_trial_listens_on_the_loopback(host: str) -> None:
    settings = config.with_address(config.load(None, {}, trial=True), host, 0)

    assert (settings.web.host, settings.web.port) == (host, 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "faden.example.org", "::"])  # noqa: S104  # to be refused
def test_trial_listens_nowhere_else(host: str) -> None:
    trial = config.load(None, {}, trial=True)

    with pytest.raises(BadSetting) as refused:
        config.with_address(trial, host, None)

    assert refused.value.key == "web.host"


def test_address_of_the_settings_without_another() -> None:
    settings = config.load(None, {"FADEN_WEB__HOST": "10.0.0.1", "FADEN_WEB__PORT": "81"})

    assert config.with_address(settings, None, None) == settings


@pytest.mark.parametrize(
    ("environ", "given"),
    [
        ({}, False),
        ({"PATH": "/bin", "FADEN_TEST_POSTGRES": "debian", "FADEN_WEB__PORT": ""}, False),
        ({"FADEN_SERVICE_HOST": "10.0.0.1", "FADEN_PORT": "tcp://10.0.0.1:8080"}, False),
        ({"FADEN_WEB__PORT": "1"}, True),
        ({"FADEN_WRONG": "1"}, True),
    ],
)
def test_any_given(environ: dict[str, str], given: bool) -> None:  # noqa: FBT001  # a column of the table
    assert config.any_given(environ) is given


# --- the secret key ---------------------------------------------------------------------------------------------------


def beside(folder: Path) -> Settings:
    return config.load(None, {"FADEN_DATABASE__URL": f"sqlite:///{folder}/data/faden.sqlite3"})


def test_secret_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = config.secret_key(beside(tmp_path))
    second = config.secret_key(beside(tmp_path))

    assert first == second
    assert len(first) == 32
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_secret_key_of_two_towns_differs(tmp_path: Path) -> None:
    assert config.secret_key(beside(tmp_path / "a")) != config.secret_key(beside(tmp_path / "b"))


def test_secret_key_made_by_a_faster_process_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.touch(mode=0o600)
    path.write_bytes(b"k" * 32)

    config._make_key(path)  # noqa: SLF001  # the moment after `exists` said no

    assert path.read_bytes() == b"k" * 32
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("mode", "content", "shown"),
    [(0o640, b"k" * 32, "readable by others"), (0o604, b"k" * 32, "readable by others"), (0o600, b"k", "1 bytes long")],
)
def test_secret_key_that_is_not_safe_is_refused(tmp_path: Path, mode: int, content: bytes, shown: str) -> None:
    settings = beside(tmp_path)
    settings.directory.mkdir()
    path = settings.directory / "secret.key"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(BadSetting) as refused:
        config.secret_key(settings)

    assert refused.value.shown == shown


def test_secret_key_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, no directory")

    with pytest.raises(BadSetting) as refused:
        config.secret_key(beside(tmp_path))

    assert refused.value.key == str(tmp_path / "data" / "secret.key")


# --- the operator's manual --------------------------------------------------------------------------------------------


def example() -> dict[str, tuple[str, str]]:
    """By name of the setting: its paragraph, and its line without the `#`."""
    found = {}
    section, paragraph = "", ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("# "):
            paragraph = f"{paragraph} {line[2:]}".strip()
        elif line.startswith("#") and " = " in line:
            found[f"{section}.{line[1:].split(' = ')[0]}"] = (paragraph, line[1:])
        else:
            paragraph = ""
    return found


def test_example_and_table_have_the_same_settings_in_the_same_order() -> None:
    assert list(example()) == list(config.SETTINGS)


def test_example_begins_each_paragraph_with_the_help_of_its_setting() -> None:
    helps = {name: paragraph.split(". Secret.")[0].rstrip(".") + "." for name, (paragraph, _) in example().items()}

    wrong = {name: row.help for name, row in config.SETTINGS.items() if not helps[name].startswith(row.help)}

    assert wrong == {}


def test_example_says_what_is_secret() -> None:
    said = {name for name, (paragraph, _) in example().items() if " Secret. " in f"{paragraph} "}

    assert said == {name for name, row in config.SETTINGS.items() if row.secret}


def test_example_shows_defaults_where_there_are_any() -> None:
    shown = {name: next(iter(tomllib.loads(line).values())) for name, (_, line) in example().items()}

    assert {name: shown[name] for name, row in config.SETTINGS.items() if row.default} == {
        name: row.default for name, row in config.SETTINGS.items() if row.default
    }


def test_example_without_its_comment_signs_can_be_read(tmp_path: Path) -> None:
    for name in ("impressum.md", "datenschutz.md", "barrierefreiheit.md"):
        (tmp_path / name).write_text("Text\n")
    text = re.sub(r"^#(?=\w)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    settings = config.load(written(tmp_path, text), {})

    assert settings.town.land == "BY"
    assert os.fspath(settings.directory) == "var"
