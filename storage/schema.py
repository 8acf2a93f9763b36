"""How tables change: Tortoise's schema editors, made whole.

Tortoise's own, in 1.1, forget the index of a new field on both databases, and on SQLite the secondary indexes and the unique
constraints of every table that they rebuild. An index of a relation names the field instead of its column: an error on
PostgreSQL, and on SQLite an index of a constant text.
"""

from collections.abc import Sequence
from typing import Any

from tortoise.fields import Field
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, SqliteSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.models import MetaInfo, Model

from storage.sqlite import statements_of


class _IndexesOfColumns(BaseSchemaEditor):
    """Translates the fields of an index to their columns."""

    def _get_index_sql(self, model: type[Model], field_names: Sequence[str], *rest: Any, **options: Any) -> str:  # noqa: ANN401  # handed on
        return super()._get_index_sql(
            model, self._resolve_fields_to_columns(model, list(field_names)), *rest, **options
        )

    def _generate_index_name(self, prefix: str, model: type[Model], field_names: list[str]) -> str:
        return super()._generate_index_name(prefix, model, self._resolve_fields_to_columns(model, field_names))


class PostgresEditor(_IndexesOfColumns, AsyncpgSchemaEditor):
    """Makes a new field's index, too. `before` and `after` are the states around an operation."""

    before: State
    after: State

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a field's column, and its index when it has one."""
        await super().add_field(model, field_name)
        fields = _meta(model).fields_map
        column = fields.get(fields[field_name].source_field or field_name, fields[field_name])
        if column.index and not column.pk:
            await self.add_index(model, Index(fields=(column.source_field or column.model_field_name,)))


class SqliteEditor(_IndexesOfColumns, SqliteSchemaEditor):
    """Changes a table by making it anew, as a fresh database would, and moving its rows over.

    `before` and `after` are the states around an operation. The connection's foreign keys must be off: dropping the old
    table deletes its rows, and with them, else, those that point to them. Many-to-many fields are not known here: our models
    name the table between.
    """

    before: State
    after: State

    async def _run_sql(self, sql: str) -> None:
        for statement in statements_of(sql):
            await self.client.execute_query(statement)

    async def add_field(self, model: type[Model], _field_name: str) -> None:
        """Add a field, which the state `after` has."""
        await self._rebuild(model)

    async def remove_field(self, model: type[Model], _field: Field[Any]) -> None:
        """Remove a field, which the state `after` has no more."""
        await self._rebuild(model)

    async def _alter_field(self, model: type[Model], old_field: Field[Any], new_field: Field[Any]) -> None:
        old_column = old_field.source_field or old_field.model_field_name
        new_column = new_field.source_field or new_field.model_field_name
        await self._rebuild(model, renamed={new_column: old_column})

    async def add_constraint(self, model: type[Model], _constraint: UniqueConstraint | CheckConstraint) -> None:
        """Add a constraint, which the state `after` has."""
        await self._rebuild(model)

    async def remove_constraint(self, model: type[Model], _constraint: UniqueConstraint | CheckConstraint) -> None:
        """Remove a constraint, which the state `after` has no more."""
        await self._rebuild(model)

    async def _rebuild(self, model: type[Model], *, renamed: dict[str, str] | None = None) -> None:
        """Make the table anew; `renamed` says from which old column a new one comes."""
        table = _meta(model).db_table
        fresh = f"new__{table}"
        creation, new_indexes = self._statements(self.after, model)
        _, old_indexes = self._statements(self.before, model)
        by_hand = {name: sql for name, sql in (await self._indexes(table)).items() if name not in old_indexes}
        old_columns = await self._columns(table)
        last_id = await self.client.execute_query_dict("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])

        await self.client.execute_query(creation.replace(f'"{table}"', f'"{fresh}"', 1))
        sources = {column: (renamed or {}).get(column, column) for column in await self._columns(fresh)}
        moved = {column: source for column, source in sources.items() if source in old_columns}
        into, out_of = (", ".join(f'"{column}"' for column in columns) for columns in (moved.keys(), moved.values()))
        await self.client.execute_query(f'INSERT INTO "{fresh}" ({into}) SELECT {out_of} FROM "{table}"')  # noqa: S608  # our own names
        await self.client.execute_query(f'DROP TABLE "{table}"')
        await self.client.execute_query(f'ALTER TABLE "{fresh}" RENAME TO "{table}"')
        for statement in {**by_hand, **new_indexes}.values():
            await self.client.execute_query(statement)
        for row in last_id:  # no id is given twice: links and buttons outlive the row that they were made for
            await self.client.execute_query("DELETE FROM sqlite_sequence WHERE name = ?", [table])
            await self.client.execute_query(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, row["seq"]]
            )

    async def _columns(self, table: str) -> list[str]:
        return [row["name"] for row in await self.client.execute_query_dict(f'PRAGMA table_info("{table}")')]

    async def _indexes(self, table: str) -> dict[str, str]:
        """By name, the statements that made the table's indexes; those of constraints are part of the table's own."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
        return {row["name"]: row["sql"] for row in await self.client.execute_query_dict(query, [table])}

    def _statements(self, state: State, model: type[Model]) -> tuple[str, dict[str, str]]:
        """What makes the table in that state, and by name what makes its indexes."""
        known = state.apps.get_model(f"{_meta(model).app}.{model.__name__}")
        creation, *indexes = statements_of(self._get_model_sql_data(known).table_sql)
        return creation, {statement.split('"', 2)[1]: statement for statement in indexes}


def _meta(model: type[Model]) -> MetaInfo:
    return model._meta  # noqa: SLF001  # there is no other way to ask a model of Tortoise for its fields
