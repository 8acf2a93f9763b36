"""Tortoise's SQLite client, made safe for several processes, for Berlin's time and for errors at the end of a transaction.

- BEGIN is deferred by default: of two processes that read and then write, one dies with "database is locked" in spite of the
  busy timeout. BEGIN IMMEDIATE waits instead. It goes to the connection's thread together with the transaction's first
  statement: each turn of that thread costs more than what SQLite does in it, and a transaction without statements costs none.
- A BEGIN or COMMIT that fails gives the connection's lock back and leaves no open transaction behind.
- Moments are text, compared as text: each is converted to UTC, also the parameter of a filter.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import aiosqlite
from tortoise.backends.base.client import NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError

T = TypeVar("T")

ITERATED_AT_ONCE = 64  # rows, as aiosqlite has it by default


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("naive datetime")
    return value.astimezone(UTC).isoformat(" ")


sqlite3.register_adapter(datetime, _moment)  # after Tortoise's own, which keeps the offset


def statements_of(script: str) -> Iterator[str]:
    """The statements of a script; semicolons in texts and triggers do not part it."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            if statement.strip() != ";":
                yield statement.strip()
            statement = ""


class Beginning:
    """The BEGIN of a transaction, on its way to the connection's thread."""

    def __init__(self) -> None:
        self.sent = False  # something has been handed to the thread, whether or not anybody still waits for it
        self._begun = False

    def before(self, connection: sqlite3.Connection, statement: Callable[[], T]) -> T:
        """Run the statement in the connection's thread; begin if that has not been done, or could not be."""
        if not self._begun:
            connection.execute("BEGIN IMMEDIATE")
            self._begun = True
        return statement()


class Connection(aiosqlite.Connection):
    """A connection whose statements, while there is a transaction, begin it; the client's lock keeps all others out."""

    beginning: Beginning | None = None

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's signature
        if self.beginning is None:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # the library's
        self.beginning.sent = True
        statement = partial(fn, *args, **kwargs)
        return await super()._execute(self.beginning.before, self._conn, statement)  # type: ignore[no-untyped-call]  # likewise


class Savepoint(SqliteTransactionWrapper):
    """A part of a transaction that may fail alone."""

    async def savepoint(self) -> None:
        """Begin it. Raises OperationalError when this is the transaction's first statement, and that cannot begin."""
        try:
            await super().savepoint()
        except sqlite3.Error as error:
            raise OperationalError(error) from error


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock with its first statement.

    That raises OperationalError when another process holds the lock for longer than the busy timeout.
    """

    _connection: Connection

    async def begin(self) -> None:
        """From now on the connection's statements are this transaction's."""
        if self._connection.in_transaction:  # left over by a write outside of any transaction that was cancelled
            await self._connection.rollback()
        self._connection.beginning = Beginning()

    async def commit(self) -> None:
        """Commit, or roll back when that fails.

        Raises OperationalError, also when SQLite itself gave the transaction up (disk full): sqlite3's own `commit` would
        pass that over in silence.
        """
        self._finalized = True
        if not self._end():
            return
        try:
            await self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            await self._connection.rollback()
            raise OperationalError(error) from error

    async def rollback(self) -> None:
        """Keep nothing."""
        self._finalized = True
        if self._end():
            await self._connection.rollback()

    def _end(self) -> bool:
        """The next statement is no longer this transaction's; whether there was any."""
        beginning, self._connection.beginning = self._connection.beginning, None
        return beginning is not None and beginning.sent

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(Savepoint(self))

    async def execute_script(self, query: str) -> None:
        """Run the statements one by one: sqlite3's `executescript` would commit the transaction first."""
        for statement in statements_of(query):
            await self.execute_query(statement)


class ImmediateTransactionContext(SqliteTransactionContext):
    """Enters an `ImmediateTransaction`; gives the lock back when that fails."""

    async def __aenter__(self) -> TransactionalDBClient:
        """Wait for the connection, begin, and make this transaction the task's connection."""
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        transaction: TransactionalDBClient = self.connection
        return transaction


class Client(SqliteClient):
    """The client named by `storage.db`'s configuration."""

    async def create_connection(self, with_db: bool) -> None:  # noqa: ARG002, FBT001  # Tortoise's signature; a file is there once it is opened
        """Connect as Tortoise does, with a connection of ours."""
        if self._connection is None:
            self._connection = await Connection(
                partial(sqlite3.connect, self.filename, isolation_level=None), ITERATED_AT_ONCE
            )
            self._connection.row_factory = sqlite3.Row
            await self._post_connect()
            for pragma, value in self.pragmas.items():
                await self._connection.execute_fetchall(f"PRAGMA {pragma}={value}")

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


client_class = Client
