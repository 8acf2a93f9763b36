import pytest

from tests.web.conftest import Visitor, get


async def test_imprint_is_the_operators_text(visitor: Visitor) -> None:
    text = await (await get(visitor, "/impressum")).text()

    assert '<p class="said">Stadt Beispielstadt\nRathausplatz 1</p>' in text
    assert '<p class="said">Vertreten durch das Jugendamt.</p>' in text


@pytest.mark.parametrize(
    ("path", "heading"), [("/datenschutz", "Datenschutz"), ("/barrierefreiheit", "Erklärung zur Barrierefreiheit")]
)
async def test_missing_text_is_said_to_be_missing(visitor: Visitor, path: str, heading: str) -> None:
    text = await (await get(visitor, path)).text()

    assert f"<h1>{heading}</h1>" in text
    assert "Der Betreiber hat hier noch keinen Text hinterlegt." in text
