"""What the tests of actions share."""

import pytest

from tests.actions import cast


@pytest.fixture
async def town(store: str) -> cast.Town:  # noqa: ARG001  # it has to be open
    """The cast on an open store; a test file may have a town of its own."""
    return await cast.arrive()
