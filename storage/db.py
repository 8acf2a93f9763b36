"""Open and close the store; the unit of work.

`unit_of_work` runs a piece of work so that everything written in it is committed together or not at all. The transaction
opens at the first `async with transaction():` and not before, so that reading holds nobody up on SQLite's one connection.
The work runs in its own shielded task, and each transaction begins and ends in another: a task that is cancelled while a
transaction of Tortoise begins never gives its connection back. Nothing inside may await the network.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient, TransactionContext
from tortoise.connection import ConnectionHandler
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

from storage.private import make_database

T = TypeVar("T")

MODELS = ("storage.models", "storage.models.webchat")
MIGRATIONS = "storage.migrations"
WORK_SECONDS = 5.0
STATEMENT_SECONDS = 30.0  # PostgreSQL: a server that went away must not hold a connection for ever
SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # with NORMAL a power cut takes acknowledged commits
    "foreign_keys": "ON",
    "secure_delete": "ON",  # what is erased is overwritten
    "busy_timeout": 5000,
    "journal_size_limit": 64 * 1024 * 1024,
}

logger = logging.getLogger(__name__)


class BadDatabaseUrl(ValueError):
    """The URL names no database that Faden knows."""


class WorkTookTooLong(Exception):
    """The work did not finish in time; nothing of it was kept."""


def is_drivers(error: Exception) -> bool:
    """Whether the database's driver has raised it, past the library: PostgreSQL's does when a connection breaks."""
    return type(error).__module__.partition(".")[0] == "asyncpg"


def is_sqlite(url: str) -> bool:
    """Whether the URL names the embedded database."""
    return url.startswith("sqlite:")


def sqlite_path(url: str) -> Path | None:
    """The file behind `sqlite:///relative`, `sqlite:////absolute`; None for memory or another database.

    Raises BadDatabaseUrl.
    """
    if not is_sqlite(url) or ":memory:" in url:
        return None
    name = unquote(url.removeprefix("sqlite://").removeprefix("/"))
    if not name:
        raise BadDatabaseUrl("sqlite")
    return Path(name)


def configuration(url: str, **changes: object) -> dict[str, Any]:
    """Tortoise's configuration for the URL; `changes` to SQLite's pragmas or to the arguments of asyncpg's pool.

    Accepts `sqlite:///file`, `sqlite://:memory:`, `postgresql://user:password@host:port/name` and, for a socket,
    `postgresql://user@/name?host=/directory`. Raises BadDatabaseUrl.
    """
    connection: dict[str, object]
    dialect = "sqlite" if is_sqlite(url) else "postgres"  # Tortoise keeps statements under their connection's name
    if is_sqlite(url):
        path = sqlite_path(url)
        credentials = {"file_path": str(path) if path else ":memory:", **SQLITE_PRAGMAS, **changes}
        connection = {"engine": "storage.sqlite", "credentials": credentials}
    elif url.startswith(("postgresql://", "postgres://")):
        connection = {"engine": "tortoise.backends.asyncpg", "credentials": {**_postgres_credentials(url), **changes}}
    else:
        raise BadDatabaseUrl(url.split(":", 1)[0])
    return {
        "connections": {dialect: connection},
        "apps": {"models": {"models": list(MODELS), "migrations": MIGRATIONS, "default_connection": dialect}},
        "use_tz": True,
        "timezone": "UTC",
    }


def _postgres_credentials(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    name = unquote(parts.path.lstrip("/"))
    host = query.get("host", [parts.hostname or ""])[0]
    if not name or not host:
        raise BadDatabaseUrl(parts.scheme)
    credentials: dict[str, object] = {
        "host": host,
        "port": parts.port or int(query.get("port", ["5432"])[0]),
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password) if parts.password else None,
        "database": name,
        "minsize": 1,
        "maxsize": int(query.get("pool", ["10"])[0]),
        "command_timeout": STATEMENT_SECONDS,
        "application_name": "faden",
    }
    if "sslmode" in query:
        credentials["ssl"] = query["sslmode"][0]
    return credentials


@dataclass
class _Unit:
    """One piece of work: its transaction, once it is open, and what to do when it has been kept."""

    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    opened: TransactionContext | None = None
    client: TransactionalDBClient | None = None
    kept: list[Callable[[], None]] = field(default_factory=list)
    over: bool = False
    read: dict[Hashable, Any] = field(default_factory=dict)


class _Connections(ConnectionHandler):
    """Tortoise's connections, with one difference: inside a unit of work everybody gets the unit's transaction.

    Tortoise keeps the transaction in a context variable, which the tasks that a piece of work starts would not see, and which
    those that outlive it would still see when its connection has long been given back.
    """

    def get(self, conn_alias: str) -> BaseDBAsyncClient:
        unit = _current()
        return unit.client if unit is not None and unit.client is not None else super().get(conn_alias)


@dataclass
class Log:
    """What is written before it is written into SQLite's file `path` (None: no such file); see `storage.erasing`."""

    path: Path | None
    holds_erased: bool = True  # what the last process left is not known
    emptying: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class _Store:
    """What is open: Tortoise's state, the name of its connection, its log, the work under way, and which bells are silent."""

    context: TortoiseContext
    name: str
    log: Log
    running: set[asyncio.Task[Any]] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)


_store: _Store | None = None
_unit: ContextVar[_Unit | None] = ContextVar("unit", default=None)


async def open_store(url: str) -> None:
    """Connect. Open the store before anything that runs tasks, and `close_store` in a `finally`.

    Raises BadDatabaseUrl, OSError, and the driver's error when the database cannot be reached.
    """
    global _store  # noqa: PLW0603  # one store per process: Tortoise's models know one home
    if _store is not None:
        raise RuntimeError("The store is open already.")
    settings = configuration(url)
    path = sqlite_path(url)
    if path is not None:
        make_database(path)
    (name,) = settings["connections"]
    _store = _Store(TortoiseContext(), name, Log(path))
    try:
        with _store.context:
            _store.context._connections = _Connections()  # noqa: SLF001  # Tortoise has no setting for it
            await _store.context.init(config=settings, _enable_global_fallback=True)
            await connection().execute_query("SELECT 1")
    except BaseException:
        await close_store()
        raise


async def close_store() -> None:
    """Wait for the work under way, then disconnect. Safe to call when nothing is open."""
    global _store  # noqa: PLW0603  # see `open_store`
    if _store is None:
        return
    while _store.running:
        await asyncio.wait(_store.running)
    try:
        await _store.context.close_connections()
    finally:
        _store = None


def break_off() -> None:
    """Break PostgreSQL's connections that somebody waits at: a server that has fallen silent would hold them up for ever.

    Whoever waits fails, and who comes next connects anew. Does nothing for SQLite, or when nothing is open.
    """
    pool = getattr(_store.context.connections.get(_store.name), "_pool", None) if _store is not None else None
    for holder in pool._holders if pool is not None else ():  # noqa: SLF001  # asyncpg has no other way to what is in use
        holder.terminate()


def _opened() -> _Store:
    if _store is None:
        raise RuntimeError("The store is not open.")
    return _store


def connection() -> BaseDBAsyncClient:
    """The connection of this task: its transaction when it is in one."""
    store = _opened()
    return store.context.connections.get(store.name)


def opened_log() -> Log:
    """The log of the open store."""
    return _opened().log


def silent_bells() -> set[str]:
    """The names of those that nobody has rung since they were last heard; see `storage.bells`."""
    return _opened().silent


def is_postgres() -> bool:
    """Whether the open store is PostgreSQL."""
    return connection().capabilities.dialect == "postgres"


def _current() -> _Unit | None:
    """The unit of work of this task; a task that outlived its unit has none."""
    unit = _unit.get()
    return None if unit is None or unit.over else unit


async def unit_of_work(work: Callable[[], Awaitable[T]], *, seconds: float = WORK_SECONDS) -> T:
    """Run `work`; keep all that it wrote, or nothing when it raises or takes longer than `seconds`.

    The caller may be cancelled at any moment: the work is then finished all the same. Inside another unit of work it is a
    savepoint of that one. Raises what `work` raises, and WorkTookTooLong.
    """
    if _current() is not None:
        async with savepoint():
            return await work()
    return await asyncio.shield(beside(lambda: _run(work, seconds)))


def beside(work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
    """Run it in a task of its own, for which `close_store` waits."""
    running = _opened().running
    task = asyncio.create_task(work())
    running.add(task)
    task.add_done_callback(running.discard)
    return task


async def _run(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    async with _new_unit():
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work()
        except TimeoutError as error:
            if limit.expired():
                raise WorkTookTooLong from error
            raise


@contextlib.asynccontextmanager
async def _new_unit() -> AsyncIterator[_Unit]:
    unit = _Unit()
    token = _unit.set(unit)
    try:
        try:
            yield unit
        except BaseException as error:
            await _finish(unit, error)
            raise
        await _finish(unit, None)
    finally:
        _unit.reset(token)


@contextlib.asynccontextmanager
async def transaction() -> AsyncIterator[None]:
    """Where writing is allowed.

    Inside a unit of work it joins the unit's transaction, which it opens when it is the first. Outside of one it is a
    transaction of its own, given up when the caller is cancelled.
    """
    unit = _current()
    if unit is not None:
        await _open(unit)
        yield
    else:
        async with _new_unit() as own:
            await _open(own)
            yield


async def _open(unit: _Unit) -> None:
    async with unit.changing:
        if unit.over:
            raise RuntimeError("This task has outlived the unit of work that it wants to write in.")
        if unit.opened is None:
            await _to_its_end(_begin(unit))


async def _begin(unit: _Unit) -> None:
    opened = in_transaction()
    unit.client = await opened.__aenter__()
    unit.opened = opened


async def _finish(unit: _Unit, error: BaseException | None) -> None:
    ending = _end(unit, error)
    await (_to_its_end(ending) if unit.opened or unit.changing.locked() else ending)


async def _end(unit: _Unit, error: BaseException | None) -> None:
    async with unit.changing:
        unit.over = True
        if unit.opened is not None:
            # The task that set Tortoise's context variable is gone, and its context with it: there is nothing to reset.
            unit.opened.token = None  # type: ignore[attr-defined]  # a slot of the transactions of both databases
            await unit.opened.__aexit__(type(error) if error else None, error, None)
    if error is None:
        for callback in unit.kept:
            try:
                callback()
            except Exception:  # what was written stands: a callback's failure must not look like the work's
                logger.exception("A callback failed after the work had been kept.")


async def _to_its_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Await what must not be cut short; a cancel that comes meanwhile is raised when it is done."""
    task = asyncio.create_task(coroutine)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from task.exception()
    task.result()


@contextlib.asynccontextmanager
async def savepoint() -> AsyncIterator[None]:
    """A part of the transaction that may fail alone: PostgreSQL gives up the whole one after any error."""
    async with transaction():
        unit = _current()
        kept = len(unit.kept) if unit else 0
        try:
            async with in_transaction():
                yield
        except BaseException:
            if unit is not None:
                del unit.kept[kept:]
            raise


async def once(key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
    """What `read` gives, read once in a unit of work: for what is asked at every step and not changed by the work itself."""
    unit = _current()
    if unit is None:
        return await read()
    if key not in unit.read:
        unit.read[key] = await read()
    found: T = unit.read[key]
    return found


def when_kept(callback: Callable[[], None]) -> None:
    """Call back once what is being written has been committed; at once when there is no unit of work."""
    unit = _current()
    if unit is None:
        callback()
    else:
        unit.kept.append(callback)


async def execute(statement: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
    """A statement with `?` for each value, on either database; gives the rows back (also those of RETURNING).

    Raises ValueError for a naive datetime.
    """
    if any(isinstance(value, datetime) and value.tzinfo is None for value in values or []):
        raise ValueError("naive datetime")
    client = connection()
    if client.capabilities.dialect == "postgres":
        head, *rest = statement.split("?")
        statement = head + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
    return await client.execute_query_dict(statement, values or [])
