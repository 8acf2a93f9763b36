"""A database as it was before a migration."""

import shutil
from pathlib import Path

import pytest

from storage.migrate import migrate
from tests.conftest import HOUSE, NewDatabase


async def before(migration: str, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database that knows only the migrations before this one."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / f"migrations_before_{tmp_path.name}"
    package.mkdir()
    for file in sorted((HOUSE / "storage/migrations").glob("*.py")):
        if file.stem < migration or file.stem == "__init__":
            shutil.copy(file, package)
    url = await new_database()
    await migrate(url, backup_dir=None, package=package.name)
    return url
