import pytest

from storage import bells
from storage.db import close_store, open_store, transaction, unit_of_work
from storage.models import Area


async def test_bell_is_heard_once_each_time_and_at_the_start(store: str) -> None:
    first = [bells.rung("x"), bells.rung("x"), bells.rung("y")]
    bells.ring("x")
    heard = [bells.rung("x"), bells.rung("x"), bells.rung("y")]
    await close_store()
    await open_store(store)

    assert (first, heard, bells.rung("x")) == ([True, False, True], [True, False, False], True)


async def test_bell_is_heard_when_what_it_was_rung_for_is_kept(store: str) -> None:  # noqa: ARG001  # it has to be open
    bells.rung("x")
    meanwhile = []

    async def work(*, fail: bool) -> None:
        async with transaction():
            await Area.create(key="a", name="A")
            bells.ring("x")
            meanwhile.append(bells.rung("x"))
            if fail:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await unit_of_work(lambda: work(fail=True))
    given_up = bells.rung("x")
    await unit_of_work(lambda: work(fail=False))

    assert (meanwhile, given_up, bells.rung("x")) == ([False, False], False, True)
