"""What the store would be without `storage.db`'s protection: an experiment, not a test.

    python -m tests.crash.unprotected sqlite:////tmp/experiment.sqlite3
    python -m tests.crash.unprotected 'postgresql://…'     # of an empty database

Handlers that write with Tortoise's own clients and `in_transaction` are cancelled at random moments, one after the other;
printed is how many it took until the database answered no more.
"""

import asyncio
import os
import random
import sys

from tortoise import Tortoise
from tortoise.transactions import in_transaction

from storage import db
from storage.models import Area

ENOUGH = 10_000
SEED = 4711


async def handle(number: int) -> None:
    async with in_transaction():
        await Area.create(key=f"{number}", name="Nord")


async def handlers_until_it_wedges(url: str) -> int:
    config = db.configuration(url)
    if db.is_sqlite(url):
        config["connections"]["sqlite"]["engine"] = "tortoise.backends.sqlite"
    await Tortoise.init(config=config)
    await Tortoise.generate_schemas()
    dice = random.Random(SEED)  # noqa: S311  # not for secrets
    for number in range(ENOUGH):
        task = asyncio.create_task(handle(number))
        asyncio.get_running_loop().call_later(dice.uniform(0, 0.003), task.cancel)
        await asyncio.wait([task])
        try:
            async with asyncio.timeout(5):
                await Area.all().count()
        except TimeoutError:
            return number + 1
    return ENOUGH


if __name__ == "__main__":
    print(f"wedged after {asyncio.run(handlers_until_it_wedges(sys.argv[1]))} handlers", flush=True)  # noqa: T201  # a report
    os._exit(0)  # a wedged connection would hold up every other way out
