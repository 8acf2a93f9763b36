"""Notices that wait while Faden is updated find their templates, and what was told is told once, whatever it was called."""

import importlib
from pathlib import Path

import pytest

from bot.messages import exists
from bot.rules import keys
from storage import db
from storage.migrate import migrate
from storage.models import Notice
from storage.vocabulary import NoticeState
from tests.conftest import NewDatabase
from tests.storage import earlier
from tests.storage.described import rows

FIRST = "0008_templates_in_rooms"
RENAMED: dict[str, str] = importlib.import_module(f"storage.migrations.{FIRST}").RENAMED
MEETING, SEQUENCE, ANNA, INVITATION = 5, 1, 7, 3


@pytest.fixture
async def before(new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database as it was before."""
    return await earlier.before(FIRST, new_database, tmp_path, monkeypatch)


async def _queued(url: str, *notices: tuple[str, str]) -> None:
    """Notices that wait, by their keys and templates."""
    moment = "'2026-11-01 09:00:00+00:00'"
    values = (f"('{key}', 'message', 'mailing', '{template}', '{{}}', {moment}, {moment})" for key, template in notices)
    await rows(
        url,
        f"INSERT INTO notice (key, kind, lane, template, facts, due_at, created_at) VALUES {', '.join(values)}",  # noqa: S608  # ours
    )


async def _migrated(url: str) -> list[tuple[str, str]]:
    """Keys and templates after the update, in the order of the rows."""
    assert (await migrate(url, backup_dir=None))[0] == FIRST
    await db.open_store(url)
    try:
        return await Notice.filter(state=NoticeState.WAITING).order_by("id").values_list("key", "template")
    finally:
        await db.close_store()


async def test_every_template_that_a_waiting_notice_may_name_is_found(before: str) -> None:
    await _queued(before, *((f"told:{number}", old) for number, old in enumerate(RENAMED)))

    found = await _migrated(before)

    assert [key for key, _ in found] == [f"told:{number}" for number in range(len(RENAMED))]
    assert [name for _, name in found if not exists(f"chat/{name}.html") and not exists(f"mail/{name}.html")] == []


async def test_what_was_told_has_the_key_by_which_it_is_not_told_again(before: str) -> None:
    invitation, names = f"meeting:{MEETING}:{SEQUENCE}:invitation:{ANNA}:{INVITATION}", ("invitation", "moved")
    await _queued(
        before,
        (invitation, "invitation"),
        (f"{invitation}:mail", "invitation"),
        ("meeting:5:2:moved:7:3", "moved"),
        ("commitment:4:commitment_proposed:1:7", "commitment_proposed"),
        ("commitment:4:check_in_told:2:7", "check_in_told"),
    )

    found = await _migrated(before)

    again = [
        keys.told(MEETING, sequence, f"meetings/{name}", person=ANNA, invitation=INVITATION)
        for sequence, name in zip((SEQUENCE, 2), names, strict=True)
    ]
    assert found == [
        (again[0], "meetings/invitation"),
        (keys.by_mail(again[0]), "meetings/invitation"),
        (again[1], "meetings/moved"),
        ("commitment:4:commitments/proposed:1:7", "commitments/proposed"),
        ("commitment:4:commitments/check_in_told:2:7", "commitments/check_in_told"),
    ]


async def test_what_names_no_template_that_has_moved_stays_as_it_is(before: str) -> None:
    kept = [("erase:webchat:1:2", ""), ("a:refusals/outdated:1", "refusals/outdated"), ("unread:7:12", "unread")]
    await _queued(before, *kept)

    assert await _migrated(before) == [*kept[:2], ("unread:7:12", "general/unread")]
