"""Open the store at the newest schema. Only a database that is not there yet loads the migrations, which costs time and memory."""

from pathlib import Path

from tortoise.exceptions import OperationalError

from storage import db, statistics
from storage.private import close_files_in

_APPLIED = "SELECT name FROM tortoise_migrations WHERE app = 'models'"


async def open_current(url: str, *, backup_dir: Path | None) -> None:
    """Migrate when something is waiting, then open the store. Raises what `storage.migrate.migrate` and `open_store` raise.

    Backups that an older version left open to others are closed.
    """
    if backup_dir is not None:
        close_files_in(backup_dir)
    await db.open_store(url)
    if not await _is_current():
        await db.close_store()
        from storage.migrate import migrate  # noqa: PLC0415  # see above

        await migrate(url, backup_dir=backup_dir)
        await db.open_store(url)
    await statistics.refresh()


async def _is_current() -> bool:
    files = Path(__file__).with_name("migrations").glob("[0-9]*.py")
    try:
        applied = await db.execute(_APPLIED)
    except OperationalError:  # an empty database
        return False
    return {row["name"] for row in applied} == {file.stem for file in files}
