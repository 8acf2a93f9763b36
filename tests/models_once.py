"""Tortoise works out the queries and filters of its models anew whenever a store opens; here thousands open.

That takes longer than most tests, so it is done once for each database, and what came out is put back from then on.
"""

from collections.abc import Iterator
from copy import copy
from typing import Any

import pytest
from tortoise.apps import Apps
from tortoise.models import Model

DIALECTS_OWN = (
    "filters",
    "db_native_fields",
    "db_default_fields",
    "db_complex_fields",
    "basetable",
    "basequery",
    "basequery_all_fields",
)

Known = dict[type[Model], dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def models_once() -> Iterator[None]:
    """For the time of the run."""
    known: dict[str, Known] = {}
    work_out = Apps._build_initial_querysets  # noqa: SLF001  # Tortoise has no setting for it

    def put_back(self: Apps) -> None:
        models = [model for app in self.apps.values() for model in app.values()]
        of_dialect = known.setdefault(models[0]._meta.db.capabilities.dialect, {})  # noqa: SLF001
        if of_dialect.keys() >= set(models):
            for model in models:
                for name, value in of_dialect[model].items():
                    setattr(model._meta, name, copy(value))  # noqa: SLF001  # Tortoise changes them in place
        else:
            work_out(self)
            of_dialect |= {
                model: {name: copy(getattr(model._meta, name)) for name in DIALECTS_OWN}  # noqa: SLF001
                for model in models
            }

    patch = pytest.MonkeyPatch()
    patch.setattr(Apps, "_build_initial_querysets", put_back)
    yield
    patch.undo()
