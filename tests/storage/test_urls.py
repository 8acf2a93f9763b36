"""The URLs of databases, without opening any."""

from pathlib import Path

import pytest

from storage import db


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/faden.sqlite3", Path("var/faden.sqlite3")),
        ("sqlite:////data/faden.sqlite3", Path("/data/faden.sqlite3")),
        ("sqlite:////data/Mein%20Faden.sqlite3", Path("/data/Mein Faden.sqlite3")),
        ("sqlite://:memory:", None),
        ("postgresql://faden@localhost/faden", None),
    ],
)
def test_path_of_a_sqlite_url(url: str, path: Path | None) -> None:
    assert db.sqlite_path(url) == path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://faden:ge%40heim@db.example.org/faden",
            {"host": "db.example.org", "port": 5432, "user": "faden", "password": "ge@heim", "database": "faden"},
        ),
        (
            "postgres://db.example.org:6543/faden?sslmode=require&pool=3",
            {"host": "db.example.org", "port": 6543, "user": None, "password": None, "ssl": "require", "maxsize": 3},
        ),
        (
            "postgresql://faden@/faden?host=/run/postgresql&port=5433",
            {"host": "/run/postgresql", "port": 5433, "user": "faden", "password": None, "database": "faden"},
        ),
    ],
)
def test_credentials_of_a_postgres_url(url: str, expected: dict[str, object]) -> None:
    connection = db.configuration(url)["connections"]["postgres"]

    assert connection["engine"] == "tortoise.backends.asyncpg"
    assert {name: connection["credentials"][name] for name in expected} == expected


def test_sqlite_commits_survive_a_power_cut_and_what_is_erased_is_overwritten() -> None:
    connection = db.configuration("sqlite:///faden.sqlite3", busy_timeout=7)["connections"]["sqlite"]

    assert connection == {
        "engine": "storage.sqlite",
        "credentials": {
            "file_path": "faden.sqlite3",
            "journal_mode": "WAL",
            "synchronous": "FULL",
            "foreign_keys": "ON",
            "secure_delete": "ON",
            "busy_timeout": 7,
            "journal_size_limit": 67_108_864,
        },
    }


@pytest.mark.parametrize(
    "url", ["", "faden.sqlite3", "sqlite://", "mysql://geheim@host/faden", "postgresql://host", "postgresql:///faden"]
)
def test_url_of_no_database_is_refused_without_naming_its_secrets(url: str) -> None:
    with pytest.raises(db.BadDatabaseUrl) as refused:
        db.configuration(url)

    assert "geheim" not in str(refused.value)
