"""Tortoise's SQLite client, made safe for several processes, for Berlin's time and for errors at the end of a transaction.

- BEGIN is deferred by default: of two processes that read and then write, one dies with "database is locked" in spite of the
  busy timeout. BEGIN IMMEDIATE waits instead.
- A BEGIN or COMMIT that fails gives the connection's lock back and leaves no open transaction behind.
- Moments are text, compared as text: each is converted to UTC, also the parameter of a filter.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError


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


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock at its beginning."""

    async def begin(self) -> None:
        """Begin.

        Raises OperationalError when another process holds the write lock for longer than the busy timeout.
        """
        if self._connection.in_transaction:  # left over by a write outside of any transaction that was cancelled
            await self._connection.rollback()
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise OperationalError(error) from error

    async def commit(self) -> None:
        """Commit, or roll back when that fails.

        Raises OperationalError, also when SQLite itself gave the transaction up (disk full): sqlite3's own `commit` would
        pass that over in silence.
        """
        self._finalized = True
        try:
            await self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            await self._connection.rollback()
            raise OperationalError(error) from error

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

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


client_class = Client
