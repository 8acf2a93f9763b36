import re

from bot.web import assets
from tests.web.conftest import Visitor, get


async def test_page_names_the_present_style_sheet(visitor: Visitor) -> None:
    text = await (await get(visitor, "/")).text()

    assert re.findall(r'<link rel="stylesheet" href="([^"]+)">', text) == [assets.address("faden.css")]


async def test_present_version_may_be_kept_for_ever(visitor: Visitor) -> None:
    response = await get(visitor, assets.address("faden.css"))

    assert (response.status, response.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_older_version_may_not_be_kept(visitor: Visitor) -> None:
    response = await get(visitor, "/static/0123456789abcdef/faden.css")

    assert (response.status, response.headers["Cache-Control"]) == (200, "no-cache")


async def test_only_files_that_were_put_there_are_served(visitor: Visitor) -> None:
    response = await get(visitor, "/static/0123456789abcdef/..%2f__init__.py")

    assert response.status == 404


async def test_icon_is_found_where_browsers_look(visitor: Visitor) -> None:
    moved = await get(visitor, "/favicon.ico")
    icon = await get(visitor, moved.headers["Location"])

    assert moved.status == 301
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
