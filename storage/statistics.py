"""What SQLite knows of its tables: without it the planner guesses, and guesses wrong once there are a million rows.

PostgreSQL looks by itself (autovacuum).
"""

import logging

from tortoise.exceptions import OperationalError

from storage import db

ROWS_LOOKED_AT = 400  # of each index; all of them would take seconds in a large town

logger = logging.getLogger(__name__)


async def refresh() -> None:
    """Look at some rows of each table. Nothing depends on it: when it cannot be done now, it is done next time."""
    if db.is_postgres():
        return
    try:
        async with db.transaction():
            await db.execute(f"PRAGMA analysis_limit = {ROWS_LOOKED_AT}")
            await db.execute("ANALYZE")
    except OperationalError as error:
        logger.warning("The database's statistics could not be refreshed: %s", error)
