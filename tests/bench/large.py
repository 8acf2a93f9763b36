"""M and L as `flat` has a tenth of M and M. Building L takes minutes: it is run by name, `make bench-large`."""

from tests.bench import flat, towns
from tests.bench.measure import Figure

TRIES = 1


async def bench() -> list[Figure]:
    """On both databases."""
    return await flat.on_both(("M", towns.M), ("L", towns.L))
