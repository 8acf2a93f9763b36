"""What a tick waits for is rung for, so that one which comes every second asks the database nothing while nothing happens.

A bell belongs to the open store of this process. What another process writes rings none: there, a seldom look must do.
"""

from functools import partial

from storage import db


def ring(name: str) -> None:
    """Say it where something is written that a tick waits for: it is heard once that is committed."""
    db.when_kept(partial(db.silent_bells().discard, name))


def rung(name: str) -> bool:
    """Whether it was rung since this was last asked. At the start it counts as rung: what the last process left is not known."""
    silent = db.silent_bells()
    if name in silent:
        return False
    silent.add(name)
    return True
