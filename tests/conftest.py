"""What every test may ask for: a fresh store on either database, the moment `now`, and what was said to the database."""

import asyncio
import re
import shutil
import sys
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.asyncpg.client import TransactionWrapper as PostgresTransaction
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.backends.base_postgres.client import BasePostgresClient
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper

from storage import db
from storage.migrate import migrate
from storage.sqlite import ImmediateTransaction
from tests import memory

if TYPE_CHECKING:
    from tests.postgres import Server  # pytest must be the one that imports its plugins

pytest_plugins = ["tests.models_once", "tests.overhearing", "tests.postgres"]

T = TypeVar("T")
NewDatabase = Callable[[], Awaitable[str]]

TESTS = Path(__file__).parent
HOUSE = TESTS.parent
PROGRAM = f"{HOUSE}/bot"
WRITTEN = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(?P<table>\w+)')
# What belongs to doors and post, and is no knowledge of the domain; all else is written by actions alone.
OF_THE_HOUSE = ("inbox_update", "notice", "feed_cache", "remembered", "webchat_")
ON_BOTH = frozenset(  # what speaks to the database in its own words, and what goes through the whole house
    (
        "storage",
        "post",
        "conversations",
        "scheduling",
        "crash",
        "bench",
        "test_inbox.py",
        "test_readiness.py",
        "test_restore.py",
    )
)
LIBRARIES = sysconfig.get_path("purelib")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=["sqlite", "postgres", "both", "fitting"],
        default="fitting",
        help="on which database the tests of the store run; fitting: on PostgreSQL what can fail there alone",
    )

    parser.addoption(
        "--portion", type=float, default=1.0, help="how much of the long kill and cancel runs is done, such as 0.2"
    )


@pytest.fixture(scope="session")
def portion(request: pytest.FixtureRequest) -> float:
    """How much of a long run is done."""
    asked: float = request.config.getoption("portion")
    return asked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker keeps the browser: two at once are slower than one after the other."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a database on each that it fits; one that is marked `only_on("sqlite")` on that one."""
    asked = {"database_url", "new_database"} & set(metafunc.fixturenames)
    if not asked:
        return
    only = metafunc.definition.get_closest_marker("only_on")
    wanted = only.args if only else ("sqlite", "postgres")
    chosen = metafunc.config.getoption("store")
    if chosen == "fitting" and not only and metafunc.definition.path.relative_to(TESTS).parts[0] not in ON_BOTH:
        chosen = "sqlite"
    marks = {"sqlite": (), "postgres": (pytest.mark.postgres,)}
    kinds = [pytest.param(kind, marks=marks[kind]) for kind in wanted if chosen in {kind, "both", "fitting"}]
    metafunc.parametrize(asked.pop(), kinds, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    memory.use()
    config.addinivalue_line("markers", "only_on(*databases): what is tested is special to these databases")


@pytest.fixture
def now() -> datetime:
    """Wednesday, 18 November 2026, 9:00 in Berlin."""
    return datetime(2026, 11, 18, 8, 0, tzinfo=UTC)


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in a loop and a thread of its own: fixtures of the session must not touch the loop of a test."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the whole schema and no row, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "faden.sqlite3"
    run_apart(migrate(f"sqlite:///{path}", backup_dir=None))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: "Server") -> str:
    """A database with the whole schema and no row, to be used as a template."""

    async def make() -> str:
        url = await postgres_server.create_database()
        await migrate(url, backup_dir=None)
        return url

    return run_apart(make())


@pytest.fixture(scope="session")
def idle_databases() -> list[str]:
    """Migrated databases without a row that nobody uses."""
    return []


@pytest.fixture
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of a migrated database that nobody else knows; gone after the test."""
    if request.param == "sqlite":
        with TemporaryDirectory(prefix="faden-") as directory:
            path = f"{directory}/faden.sqlite3"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
            yield f"sqlite:///{path}"
    else:
        server: Server = request.getfixturevalue("postgres_server")
        idle: list[str] = request.getfixturevalue("idle_databases")
        template = request.getfixturevalue("migrated_postgres")
        url = idle.pop() if idle else await server.create_database(template=template)
        yield url
        await server.empty_database(url)
        idle.append(url)


@pytest.fixture
async def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NewDatabase]:
    """Call and await it for the URL of a database without any table, as often as a test needs."""
    urls: list[str] = []

    async def create() -> str:
        if request.param == "sqlite":
            urls.append(f"sqlite:///{tmp_path}/faden-{len(urls)}.sqlite3")
        else:
            server: Server = request.getfixturevalue("postgres_server")
            urls.append(await server.create_database())
        return urls[-1]

    yield create
    for url in urls:
        if request.param == "postgres":
            await request.getfixturevalue("postgres_server").drop_database(url)


@pytest.fixture
async def store(database_url: str, spoken: "Spoken") -> AsyncIterator[str]:
    """The open store, empty; its URL. Fails the test when the product wrote outside of `transaction()`, or beside the actions.

    A test arranges its rows as it likes; only what `bot` and `storage` write is watched.
    """
    await db.open_store(database_url)
    try:
        yield database_url
    finally:
        await db.close_store()
    assert spoken.outside == []
    assert spoken.beside == []


@dataclass
class Counted:
    """What was said to the database within `with statements() as counted:`, in order, and how often it was committed."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


def is_writing() -> bool:
    """Whether this task is inside `transaction()`, where writing is allowed."""
    unit = db._current()  # noqa: SLF001  # nothing else tells its transaction from one that Tortoise opened
    return unit is not None and unit.client is not None


@dataclass
class Spoken:
    """Hears every statement that Tortoise sends.

    `outside` says which product code wrote outside of `transaction()`, `beside` which wrote what the domain knows and was called
    by no action.
    """

    listening: list[Counted] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def statement(self, client: BaseDBAsyncClient, statement: str) -> None:
        writes = statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"))
        for counted in self.listening:
            counted.statements.append(statement)
            counted.commits += writes and not isinstance(client, TransactionalDBClient)
        if writes and not (is_writing() and isinstance(client, TransactionalDBClient)):
            place = _nearest_own_file()
            if place is not None and not place.is_relative_to(TESTS):
                self.outside.append(f"{place.relative_to(HOUSE)}: {statement}")
        written = WRITTEN.match(statement) if writes else None
        if written and not written["table"].startswith(OF_THE_HOUSE):
            writers = [name for name in _own_files() if not name.startswith(f"{HOUSE}/storage/")]
            program = bool(writers) and writers[0].startswith(
                f"{PROGRAM}/"
            )  # else a test writes, whoever has called it
            if program and not any(name.startswith(f"{PROGRAM}/actions/") for name in writers):
                self.beside.append(f"{writers[0].removeprefix(f'{HOUSE}/')}: {statement}")

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """Counts while the block runs."""
        counted = Counted()
        self.listening.append(counted)
        try:
            yield counted
        finally:
            self.listening.remove(counted)

    def commit(self, client: TransactionalDBClient) -> None:
        if not isinstance(client._parent, TransactionalDBClient):  # noqa: SLF001  # else it is a savepoint, kept
            for counted in self.listening:
                counted.commits += 1


def _nearest_own_file() -> Path | None:
    """The file, product or test, that caused the statement being sent; `storage.db` only when nobody stands behind it."""
    nearest = None
    for name in _own_files():
        nearest = name
        if name != db.__file__:
            break
    return Path(nearest) if nearest else None


def _own_files() -> Iterator[str]:
    """The files, product and test, whose functions are being run, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # `inspect.stack` reads sources: too slow for each statement
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(f"{HOUSE}/") and not name.startswith(LIBRARIES) and name != __file__:
            yield name
        frame = frame.f_back


def listening(patch: pytest.MonkeyPatch) -> Spoken:
    """Listens on Tortoise's clients until the patch is undone."""
    spoken = Spoken()

    def listen(owner: type[BaseDBAsyncClient], name: str) -> None:
        original = getattr(owner, name)

        async def heard(self: BaseDBAsyncClient, query: str, *values: object) -> object:
            spoken.statement(self, query)
            return await original(self, query, *values)

        patch.setattr(owner, name, heard)

    def listen_to_commits(owner: type[TransactionalDBClient]) -> None:
        original = owner.commit

        async def heard(self: TransactionalDBClient) -> None:
            await original(self)
            spoken.commit(self)

        patch.setattr(owner, "commit", heard)

    for name in ("execute_insert", "execute_many", "execute_query", "execute_query_dict"):
        listen(SqliteClient, name)
        listen(AsyncpgDBClient, name)
    listen(SqliteClient, "execute_script")
    listen(BasePostgresClient, "execute_script")
    listen(SqliteTransactionWrapper, "execute_many")
    listen(PostgresTransaction, "execute_many")
    listen_to_commits(ImmediateTransaction)
    listen_to_commits(PostgresTransaction)
    return spoken


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Listens for the time of a test."""
    return listening(monkeypatch)


@pytest.fixture
def statements(spoken: Spoken) -> Callable[[], AbstractContextManager[Counted]]:
    """Counts what is said to the database.

    `with statements() as counted: …`, then compare `len(counted.statements)` (without BEGIN, COMMIT, SAVEPOINT) and
    `counted.commits`.
    """
    return spoken.counting
