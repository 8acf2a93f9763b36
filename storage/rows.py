"""Statements of our own, for what every update reads and writes; their rows become the same models.

The library builds each statement anew, which costs ten times what SQLite takes to run it. What is asked now and then is asked
through the library; what is asked with every message, through here.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from tortoise.models import Model

from storage.db import execute


@cache
def _columns(model: type[Model], alias: str) -> tuple[tuple[str, str], ...]:
    """A model's columns, and what they are called in a row."""
    return tuple((column, f"{alias}.{column}") for column in model._meta.fields_db_projection.values())  # noqa: SLF001  # Tortoise's own name


async def select(source: str, values: Sequence[Any], **models: type[Model]) -> list[tuple[Any, ...]]:
    """The rows of a source, as models by the aliases of their tables, in that order; None where a LEFT JOIN found nothing.

    `for person, channel in await select("FROM channel c JOIN person p ON … WHERE …", […], p=Person, c=Channel)`
    """
    columns = {alias: _columns(model, alias) for alias, model in models.items()}
    wanted = ", ".join(f'{name} AS "{name}"' for named in columns.values() for _, name in named)
    found = await execute(f"SELECT {wanted} {source}", list(values))  # names of columns only
    return [
        tuple(_made(model, {column: row[name] for column, name in columns[alias]}) for alias, model in models.items())
        for row in found
    ]


def _made(model: type[Model], row: Mapping[str, Any]) -> Model | None:
    return None if row["id"] is None else model._init_from_db(**row)  # noqa: SLF001  # Tortoise's own name


def places(values: Collection[Any]) -> str:
    """A `?` for each, for `IN (…)`."""
    return ", ".join("?" * len(values))


async def change(
    model: type[Model], which: int | str, values: Mapping[str, Any], *, by: str = "id", state: str | None = None
) -> bool:
    """Change the row of that id, or of that value in the column `by`, if it is in this state or none is named.

    False when there is no such row.
    """
    meta = model._meta  # noqa: SLF001  # likewise
    written = [meta.fields_map[name].to_db_value(value, model) for name, value in values.items()]
    where = f"{by} = ?" if state is None else f"{by} = ? AND state = ?"
    changed = await execute(
        f"UPDATE {meta.db_table} SET {', '.join(f'{meta.fields_db_projection[name]} = ?' for name in values)} "  # noqa: S608  # names of columns only
        f"WHERE {where} RETURNING id",
        [*written, which, *([] if state is None else [state])],
    )
    return bool(changed)
