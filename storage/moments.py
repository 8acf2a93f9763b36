"""Moments in the database."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from tortoise import fields
from tortoise.models import Model

T = TypeVar("T", datetime, datetime | None)


class MomentField(fields.DatetimeField[T]):
    """A moment: aware going in, in any zone; UTC coming out.

    Raises ValueError for a naive one, which Tortoise would take for UTC in silence: wrong by an hour or two.
    """

    if TYPE_CHECKING:  # mypy does not see through Tortoise's own, which are typed for their class

        @overload
        def __init__(self: "MomentField[datetime]", *, null: Literal[False] = False, **options: Any) -> None: ...  # noqa: ANN401  # those of any field
        @overload
        def __init__(self: "MomentField[datetime | None]", *, null: Literal[True], **options: Any) -> None: ...  # noqa: ANN401  # those of any field
        def __init__(self, **options: Any) -> None: ...

    def to_python_value(self, value: Any) -> datetime | None:  # noqa: ANN401  # the signature of Tortoise
        """The value as a model holds it."""
        if isinstance(value, str):  # SQLite's; the library's own parser takes fifty times as long
            at = datetime.fromisoformat(value)
            if at.tzinfo is UTC:
                return at
        return super().to_python_value(_aware(value))

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:  # noqa: ANN401  # the signature of Tortoise
        """The value as the database gets it, in a row or in a filter."""
        return super().to_db_value(_aware(value), instance)


def _aware(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("naive datetime")
    return value
