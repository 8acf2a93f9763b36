"""PostgreSQL beside the store's pool: what a connection, or a program, needs to know of the database."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from storage.db import STATEMENT_SECONDS, configuration

if TYPE_CHECKING:
    import asyncpg

_TORTOISES_OWN = ("minsize", "maxsize", "application_name")


class DatabaseAway(Exception):
    """PostgreSQL cannot be reached, or takes nobody at this moment: it starts, ends, or has its hands full. `__cause__` says which."""


def credentials(url: str) -> dict[str, Any]:
    """Host, port, user, password, database and `ssl`, as asyncpg takes them. Raises BadDatabaseUrl."""
    found = dict(configuration(url)["connections"]["postgres"]["credentials"])
    return {name: value for name, value in found.items() if name not in _TORTOISES_OWN}


async def connect(
    url: str, name: str, *, seconds: float | None = STATEMENT_SECONDS, **server_settings: str
) -> "asyncpg.Connection[Any]":
    """A connection of one's own, called `name` at the server, each of whose statements may take so long. Raises BadDatabaseUrl, OSError and asyncpg's errors."""
    import asyncpg  # noqa: PLC0415  # the driver of the other database is not loaded where it is not used

    facts = credentials(url) | {"command_timeout": seconds}
    return await asyncpg.connect(**facts, server_settings={"application_name": name, **server_settings})


@contextlib.contextmanager
def telling_when_away() -> Iterator[None]:
    """Raises DatabaseAway for what passes by itself. What somebody has to put right, a password for example, comes as it is."""
    import asyncpg  # noqa: PLC0415  # see `connect`

    try:
        yield
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.ObjectNotInPrerequisiteStateError,
    ) as error:
        raise DatabaseAway from error
