"""Moments: any zone goes in, UTC is kept, and a naive one is refused."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tortoise import fields

from storage import db, models
from storage.models import OneTimeToken
from storage.moments import MomentField
from storage.vocabulary import TokenPurpose

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)  # 11:00 UTC
pytestmark = pytest.mark.usefixtures("store")


async def token_until(moment: datetime) -> OneTimeToken:
    return await OneTimeToken.create(
        purpose=TokenPurpose.SIGN_IN, token_hash=f"{moment}", created_at=moment, expires_at=moment
    )


async def test_moment_in_berlin_comes_back_as_the_same_moment_in_utc() -> None:
    token = await token_until(NOON)

    found = await OneTimeToken.get(id=token.id)

    assert found.expires_at == NOON
    assert found.expires_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("hour", "minute", "found"), [(11, 30, 0), (12, 0, 1), (12, 30, 1)])
async def test_filter_in_berlin_time_finds_the_right_rows(hour: int, minute: int, found: int) -> None:
    await token_until(NOON)

    count = await OneTimeToken.filter(expires_at__lte=NOON.replace(hour=hour, minute=minute)).count()

    assert count == found


@pytest.mark.parametrize(("hour", "minute", "found"), [(11, 30, 0), (12, 0, 1), (12, 30, 1)])
async def test_execute_in_berlin_time_finds_the_right_rows(hour: int, minute: int, found: int) -> None:
    await token_until(NOON)

    moment = NOON.replace(hour=hour, minute=minute)
    count = await db.execute("SELECT count(*) AS number FROM one_time_token WHERE expires_at <= ?", [moment])

    assert count == [{"number": found}]


async def test_hour_that_comes_twice_in_autumn_is_two_hours() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    await token_until(first)
    await token_until(second)

    between = await OneTimeToken.filter(expires_at__gt=first, expires_at__lte=second).count()

    assert between == 1


async def test_update_in_berlin_time_keeps_utc() -> None:
    token = await token_until(NOON)

    await OneTimeToken.filter(id=token.id).update(used_at=NOON)

    assert await OneTimeToken.filter(used_at__gt=NOON.replace(hour=11, minute=59)).count() == 1
    assert await OneTimeToken.filter(used_at__gt=NOON).count() == 0


async def test_naive_moment_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError, match="naive"):
        await token_until(NOON.replace(tzinfo=None))


async def test_naive_moment_is_refused_in_a_filter() -> None:
    with pytest.raises(ValueError, match="naive"):
        await OneTimeToken.filter(expires_at__lte=NOON.replace(tzinfo=None)).count()


async def test_naive_moment_is_refused_in_an_update() -> None:
    with pytest.raises(ValueError, match="naive"):
        await OneTimeToken.all().update(used_at=NOON.replace(tzinfo=None))


@pytest.mark.only_on("sqlite")
async def test_naive_moment_past_the_fields_is_refused_on_sqlite() -> None:
    with pytest.raises(ValueError, match="naive"):
        await db.connection().execute_query("SELECT ?", [NOON.replace(tzinfo=None)])


def test_every_moment_in_the_models_is_of_this_kind() -> None:
    every = [getattr(models, name) for name in models.__all__]

    others = [
        f"{model.__name__}.{name}"
        for model in every
        for name, field in model._meta.fields_map.items()  # noqa: SLF001  # Tortoise's way to ask
        if isinstance(field, fields.DatetimeField) and not isinstance(field, MomentField)
    ]

    assert others == []
