"""Migrations lose no row and no index, are applied whole or not at all, and lead where a fresh start leads."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.migration import Migration
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_generator.operation_generator import OperationGenerator
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.migrations.writer import MigrationWriter

from storage import db, migrations
from storage.migrate import (
    LOCK,
    BrokenReferences,
    DatabaseIsNewer,
    MigrationFailed,
    MigrationIsRunning,
    main,
    migrate,
    pending,
)
from tests.conftest import HOUSE, NewDatabase
from tests.storage.described import described, rows

HEAD = """
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index, PartialIndex
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

KEY = dict(generated=True, primary_key=True, unique=True, db_index=True)
"""
# A town, and what lies in it, once for each thing that a database can do when the town's row goes.
INITIAL = """
class Migration(migrations.Migration):
    initial = True
    operations = [
        ops.CreateModel("Town", [
            ("id", fields.IntField(**KEY)),
            ("code", fields.CharField(max_length=8, unique=True)),
            ("name", fields.CharField(max_length=50, db_index=True)),
            ("land", fields.CharField(max_length=2, db_default="BE")),
            ("note", fields.TextField(null=True)),
            ("twin", fields.ForeignKeyField("models.Town", source_field="twin_id", null=True, on_delete=OnDelete.RESTRICT,
                                            related_name="twins")),
        ], {
            "table": "town", "app": "models", "pk_attr": "id", "unique_together": (("name", "land"),),
            "indexes": [Index(fields=["land", "note"]), PartialIndex(fields=["code"], name="at_sea", condition={"land": "SH"})],
        }),
    ] + [
        ops.CreateModel(name, [
            ("id", fields.IntField(**KEY)),
            ("town", fields.ForeignKeyField("models.Town", source_field="town_id", null=True, on_delete=on_delete,
                                            related_name=name.lower())),
        ], {"table": name.lower(), "app": "models", "pk_attr": "id"})
        for name, on_delete in (("Street", OnDelete.CASCADE), ("River", OnDelete.SET_NULL), ("Park", OnDelete.RESTRICT))
    ] + [ops.RunSQL("CREATE INDEX with_note ON town (code) WHERE note IS NOT NULL")]
"""
CHANGES = {
    "alter a field": "ops.AlterField('Town', 'name', fields.CharField(max_length=80, db_index=True))",
    "give a field a default": "ops.AlterField('Town', 'note', fields.TextField(null=True, db_default='a;b'))",
    "give a field an index": "ops.AlterField('Town', 'land', fields.CharField(max_length=2, db_default='BE', db_index=True))",
    "take a field's index": "ops.AlterField('Town', 'name', fields.CharField(max_length=50))",
    "make a field unique": "ops.AlterField('Town', 'name', fields.CharField(max_length=50, db_index=True, unique=True))",
    "make a field not unique": "ops.AlterField('Town', 'code', fields.CharField(max_length=8))",
    "add a field": "ops.AddField('Town', 'people', fields.IntField(db_default=0, db_index=True))",
    "add a unique field": "ops.AddField('Town', 'sign', fields.CharField(max_length=3, null=True, unique=True))",
    "add a relation": (
        "ops.AddField('Park', 'street', fields.ForeignKeyField('models.Street', source_field='street_id', null=True,"
        " on_delete=OnDelete.RESTRICT, related_name='parks'))"
    ),
    "remove a relation": "ops.RemoveField('Town', 'twin')",
    "remove a field": (
        "ops.RemoveIndex('Town', fields=['land', 'note']), ops.RunSQL('DROP INDEX with_note'),"
        " ops.RemoveField('Town', 'note')"
    ),
    # Tortoise's state keeps the old name in the indexes: whoever renames a field writes them out.
    "rename a field": (
        "ops.RemoveIndex('Town', fields=['land', 'note']), ops.RenameField('Town', 'note', 'remark'),"
        " ops.AddIndex('Town', Index(fields=['land', 'remark']))"
    ),
    "add an index": "ops.AddIndex('Town', Index(fields=['note', 'name']))",
    "add an index of a relation": "ops.AddIndex('Park', Index(fields=['town']))",
    "remove an index": "ops.RemoveIndex('Town', fields=['land', 'note'])",
    "add a constraint": "ops.AddConstraint('Town', UniqueConstraint(fields=('note', 'land')))",
    "remove a constraint": "ops.RemoveConstraint('Town', fields=['name', 'land'])",
    "add a model": "ops.CreateModel('Lake', [('id', fields.IntField(**KEY))], {'table': 'lake', 'app': 'models', 'pk_attr': 'id'})",
    "delete a model": "ops.DeleteModel('Park')",
}


@dataclass
class Packages:
    """Makes packages of migrations in a directory that Python imports from."""

    directory: Path
    count: int = 0

    def empty(self) -> str:
        self.count += 1
        name = f"migrations_of_{self.directory.name}_{self.count}"
        (self.directory / name).mkdir()
        (self.directory / name / "__init__.py").touch()
        return name

    def add(self, package: str, name: str, *, after: str, operations: str) -> None:
        body = f"    dependencies = [('models', {after!r})]\n    operations = [{operations}]\n"
        (self.directory / package / f"{name}.py").write_text(f"{HEAD}\nclass Migration(migrations.Migration):\n{body}")

    def initial(self) -> str:
        package = self.empty()
        (self.directory / package / "0001_initial.py").write_text(HEAD + INITIAL)
        return package

    async def squashed(self, package: str) -> str:
        """A package whose one migration leads where all of the other's lead, as Tortoise itself would write it."""
        loader = MigrationLoader({"models": {"migrations": package}}, MigrationRecorder(None))
        await loader.build_graph()
        state = State(models={}, apps=StateApps())
        for key in loader.graph.forwards_plan(loader.graph.leaf_nodes("models")[0]):
            migration = loader.graph.nodes[key]
            assert isinstance(migration, Migration)
            await migration.apply(state, dry_run=True)
        name = self.empty()
        operations = OperationGenerator(State(models={}, apps=StateApps()), state).generate()
        MigrationWriter("0001_initial", "models", list(operations), initial=True, migrations_module=name).write()
        return name


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Packages(tmp_path)


async def settle(url: str, package: str) -> None:
    """A migrated database with two towns and what lies in them."""
    await migrate(url, backup_dir=None, package=package)
    await rows(url, "INSERT INTO town (code, name, note) VALUES ('B', 'Berlin', 'Spree'), ('HB', 'Bremen', 'Weser')")
    await rows(url, "UPDATE town SET twin_id = 1 WHERE code = 'HB'")
    for table in ("street", "river", "park"):
        await rows(url, f"INSERT INTO {table} (town_id) VALUES (1), (2)")  # noqa: S608  # ours


def files(directory: Path, pattern: str) -> list[Path]:
    return list(directory.glob(pattern))


@pytest.fixture
async def url(new_database: NewDatabase) -> str:
    return await new_database()


@pytest.mark.parametrize("change", CHANGES)
async def test_change_keeps_every_row_and_leads_where_a_fresh_start_leads(
    change: str, new_database: NewDatabase, packages: Packages
) -> None:
    changed, fresh = await new_database(), await new_database()
    package = packages.initial()
    await settle(changed, package)
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES[change])

    applied = await migrate(changed, backup_dir=None, package=package)
    await migrate(fresh, backup_dir=None, package=await packages.squashed(package))

    assert applied == ["0002_change"]
    tables, expected = await described(changed), await described(fresh)
    towns = await rows(changed, "SELECT id, code, name, land FROM town ORDER BY id")
    assert towns == [(1, "B", "Berlin", "BE"), (2, "HB", "Bremen", "BE")]
    for table in {"street", "river", "park"} & set(tables):
        assert await rows(changed, f"SELECT id, town_id FROM {table} ORDER BY id") == [(1, 1), (2, 2)]  # noqa: S608  # ours
    by_hand = tables["town"].indexes - expected["town"].indexes  # what RunSQL made, no state knows
    assert len(by_hand) == (0 if change == "remove a field" else 1)
    tables["town"].indexes -= by_hand
    assert tables == expected


async def test_last_id_is_not_given_again_after_a_rebuild(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    await rows(url, "INSERT INTO town (code, name) VALUES ('HH', 'Hamburg')")
    await rows(url, "DELETE FROM town WHERE code = 'HH'")
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["alter a field"])

    await migrate(url, backup_dir=None, package=package)
    await rows(url, "INSERT INTO town (code, name) VALUES ('KI', 'Kiel')")

    assert await rows(url, "SELECT id FROM town WHERE code = 'KI'") == [(4,)]


async def test_migration_that_fails_changes_nothing(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    before = await described(url)
    operations = f"{CHANGES['add a field']}, ops.RunSQL(['DELETE FROM street', 'nonsense'])"  # noqa: S608  # ours
    packages.add(package, "0002_good", after="0001_initial", operations=CHANGES["add a model"])
    packages.add(package, "0003_bad", after="0002_good", operations=operations)

    with pytest.raises(MigrationFailed) as failed:
        await migrate(url, backup_dir=None, package=package)

    assert failed.value.name == "0003_bad"
    assert await described(url) == before
    assert await rows(url, "SELECT count(*) FROM street") == [(2,)]
    assert await pending(url, package=package) == ["0002_good", "0003_bad"]


async def test_field_that_may_no_longer_be_empty_fails_while_it_is(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    await rows(url, "UPDATE town SET note = NULL WHERE code = 'HB'")
    change = "ops.AlterField('Town', 'note', fields.TextField(db_default=''))"
    packages.add(package, "0002_change", after="0001_initial", operations=change)

    with pytest.raises(MigrationFailed):
        await migrate(url, backup_dir=None, package=package)

    assert await rows(url, "SELECT note FROM town ORDER BY id") == [("Spree",), (None,)]


@pytest.mark.only_on("sqlite")
async def test_rows_that_would_point_to_nothing_stop_the_migration(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    packages.add(package, "0002_change", after="0001_initial", operations="ops.RunSQL('DELETE FROM town WHERE id = 2')")

    with pytest.raises(BrokenReferences) as stopped:
        await migrate(url, backup_dir=None, package=package)

    assert sorted(stopped.value.broken) == [("park", 2, "town"), ("river", 2, "town"), ("street", 2, "town")]
    assert await rows(url, "SELECT count(*) FROM town") == [(2,)]


async def test_text_with_a_semicolon_is_one_statement(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    change = """ops.RunSQL("UPDATE town SET note = 'Elbe; Alster'; UPDATE town SET land = 'HH'")"""
    packages.add(package, "0002_change", after="0001_initial", operations=change)

    await migrate(url, backup_dir=None, package=package)

    assert await rows(url, "SELECT DISTINCT note, land FROM town") == [("Elbe; Alster", "HH")]


async def test_migrating_twice_applies_nothing_more(url: str, packages: Packages) -> None:
    package = packages.initial()

    first = await migrate(url, backup_dir=None, package=package)
    second = await migrate(url, backup_dir=None, package=package)

    assert (first, second) == (["0001_initial"], [])


async def test_migrating_by_two_at_once_applies_once(url: str, packages: Packages) -> None:
    package = packages.initial()
    await settle(url, package)
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["add a field"])

    both = await asyncio.gather(*(migrate(url, backup_dir=None, package=package) for _ in range(2)))

    assert sorted(both) == [[], ["0002_change"]]


async def test_migrating_while_another_holds_the_database_gives_up(
    url: str, packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = packages.initial()
    monkeypatch.setattr("storage.migrate.LOCK_SECONDS", 1)
    await settle(url, package)
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["add a field"])
    path = db.sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(MigrationIsRunning):
                await migrate(url, backup_dir=None, package=package)
    else:
        postgres = await asyncpg.connect(url)
        await postgres.execute(f"SELECT pg_advisory_lock({LOCK})")
        with pytest.raises(MigrationIsRunning):
            await migrate(url, backup_dir=None, package=package)
        await postgres.close()


async def test_progress_tells_each_migration_as_it_begins(url: str, packages: Packages) -> None:
    package = packages.initial()
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["add a field"])
    told: list[tuple[str, int, int]] = []

    await migrate(url, backup_dir=None, package=package, progress=lambda *facts: told.append(facts))

    assert told == [("0001_initial", 1, 2), ("0002_change", 2, 2)]


async def test_database_of_a_newer_program_is_refused(url: str, packages: Packages) -> None:
    package = packages.initial()
    await migrate(url, backup_dir=None, package=package)
    await rows(url, "UPDATE tortoise_migrations SET name = '0099_of_tomorrow'")

    with pytest.raises(DatabaseIsNewer) as refused:
        await pending(url, package=package)

    assert refused.value.unknown == ["0099_of_tomorrow"]


async def test_pending_of_a_new_database_is_everything(url: str, packages: Packages) -> None:
    package = packages.initial()

    waiting = await pending(url, package=package)

    assert waiting == ["0001_initial"]


@pytest.mark.only_on("sqlite")
async def test_pending_makes_no_file(url: str, packages: Packages, tmp_path: Path) -> None:
    await pending(url, package=packages.initial())

    assert files(tmp_path, "*.sqlite3") == []


@pytest.mark.only_on("sqlite")
async def test_file_with_rows_is_copied_before(url: str, packages: Packages, tmp_path: Path) -> None:
    package = packages.initial()
    await settle(url, package)
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["add a field"])
    before = await described(url)

    await migrate(url, backup_dir=tmp_path / "backups", package=package)

    (copy,) = files(tmp_path, "backups/*")
    assert copy.name == "faden-0-before-0002_change.sqlite3"
    assert await described(f"sqlite:///{copy}") == before
    assert await rows(f"sqlite:///{copy}", "SELECT count(*) FROM park") == [(2,)]


@pytest.mark.only_on("sqlite")
async def test_file_without_rows_is_not_copied(url: str, packages: Packages, tmp_path: Path) -> None:
    package = packages.initial()
    await migrate(url, backup_dir=tmp_path / "backups", package=package)
    packages.add(package, "0002_change", after="0001_initial", operations=CHANGES["add a field"])

    await migrate(url, backup_dir=tmp_path / "backups", package=package)

    assert files(tmp_path, "backups/*") == []


def test_migrations_lead_to_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["make", "nothing_new"])
    for written in Path(migrations.__file__).parent.glob("*_nothing_new.py"):
        written.unlink()  # the other tests migrate, too

    assert (status, capsys.readouterr().out) == (0, "The models are as the migrations make them.\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the developer's commands work on."""
    shutil.copytree(HOUSE / "storage", tmp_path / "storage", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    return tmp_path


def in_checkout(checkout: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "storage.migrate", *arguments]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True, timeout=60).stdout


def test_make_writes_what_changed_in_the_models(checkout: Path) -> None:
    model = checkout / "storage/models/sessions.py"
    before = "    label = "
    new = "    place = fields.CharField(max_length=40, null=True)\n"
    model.write_text(model.read_text().replace(before, f"{new}{before}"))

    said = in_checkout(checkout, "make", "place_of_a_session")

    [written] = checkout.glob("storage/migrations/*_place_of_a_session.py")
    assert said == f"{written}: read every line of it; a rename in it is a guess.\n"
    assert written.read_text().count("ops.") == 1
    assert """ops.AddField(
            model_name="WebSession",
            name="place",
            field=fields.CharField(null=True, max_length=40),""" in written.read_text()


def test_command_that_nobody_knows_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["make", "Not A Name"])

    assert status == 2
    assert "python -m storage.migrate make NAME" in capsys.readouterr().err
