"""What a database's schema amounts to, in a form that two databases can be compared by."""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

import asyncpg

from storage import db

IGNORED = {"tortoise_migrations", "sqlite_sequence"}


@dataclass
class Table:
    """Columns in any order: PostgreSQL can only append. Indexes by what they are on: their names follow from that."""

    columns: dict[str, tuple[object, ...]] = field(default_factory=dict)
    references: set[tuple[str, ...]] = field(default_factory=set)
    uniques: set[tuple[str, ...]] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)


async def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run a statement past Tortoise and give what comes back."""
    path = db.sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()
    postgres = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await postgres.fetch(statement)]
    finally:
        await postgres.close()


async def described(url: str) -> dict[str, Table]:
    """By table: columns (type, nullability, default, key), references, unique sets of columns, other indexes."""
    path = db.sqlite_path(url)
    tables = await _postgres(url) if path is None else _sqlite(str(path))
    return {name: table for name, table in tables.items() if name not in IGNORED}


def _sqlite(path: str) -> dict[str, Table]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: _sqlite_table(connection, name) for name in names}


def _sqlite_table(connection: sqlite3.Connection, name: str) -> Table:
    table = Table()
    for _, column, kind, not_null, default, key in connection.execute(f'PRAGMA table_info("{name}")'):
        table.columns[column] = (kind, bool(not_null), default, key)
    for _, _, parent, column, parents, update, delete, _ in connection.execute(f'PRAGMA foreign_key_list("{name}")'):
        table.references.add((column, parent, parents, update, delete))
    for _, index, unique, _, partial in connection.execute(f'PRAGMA index_list("{name}")').fetchall():
        columns = tuple(row[2] for row in connection.execute(f'PRAGMA index_info("{index}")'))
        if unique and not partial:  # an index or a constraint: Tortoise makes the one or the other
            table.uniques.add(columns)
        else:
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [index]).fetchone()
            table.indexes.add(_without_name(sql))
    return table


async def _postgres(url: str) -> dict[str, Table]:
    connection = await asyncpg.connect(url)
    try:
        tables: dict[str, Table] = {}
        for row in await connection.fetch(POSTGRES_COLUMNS):
            kind = (row["kind"], row["not_null"], row["standard"])
            tables.setdefault(row["name"], Table()).columns[row["attname"]] = kind
        for row in await connection.fetch(POSTGRES_CONSTRAINTS):
            if row["contype"] == "f":
                tables[row["name"]].references.add((row["definition"],))
            elif row["contype"] in {"p", "u"}:
                tables[row["name"]].uniques.add((row["definition"],))
        for row in await connection.fetch(POSTGRES_INDEXES):
            tables[row["name"]].indexes.add(_without_name(row["definition"]))
        return tables
    finally:
        await connection.close()


def _without_name(sql: str) -> str:
    shape = re.fullmatch(r'CREATE (UNIQUE )?INDEX (?:"[^"]+"|\S+) ON (.+)', " ".join(sql.split()))
    assert shape is not None, sql
    return f"{shape[1] or ''}{shape[2]}"


POSTGRES_COLUMNS = """
SELECT relname AS name, attname, format_type(atttypid, atttypmod) AS kind, attnotnull AS not_null,
       pg_get_expr(adbin, adrelid) AS standard
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
     LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
POSTGRES_CONSTRAINTS = """
SELECT conrelid::regclass::text AS name, contype::text, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
"""
POSTGRES_INDEXES = """
SELECT indrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
"""
