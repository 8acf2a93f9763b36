"""What Tortoise spends too much time on; it has settings for neither. See docs/decisions/0003-tortoise-migrations.md."""

from tortoise import models

# For each model it parses the whole file anew, looking for comments `#:` that we do not write: a fifth of the CPU time of a
# start. To be imported before the first model.
models._get_comments = lambda cls: {}  # noqa: ARG005, SLF001  # its own name of the argument


def give_defaults() -> None:
    """After the last model: let a new row have the table's defaults at once.

    An INSERT that leaves columns to the table is built anew for each row, and they are read back.
    """
    for table in models.Model.__subclasses__():
        for field in table._meta.fields_map.values():  # noqa: SLF001  # Tortoise's own name
            if field.default is None and field.has_db_default():
                field.default = field.db_default
