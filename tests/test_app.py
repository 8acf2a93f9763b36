"""What the assembled program promises before anything runs."""

import subprocess
import sys

from bot.app import WEBCHAT_BOT
from storage.models import Person

BOT_API_BITS = 52


def test_server_does_without_rich_and_progress_bars_can_still_be_had() -> None:
    code = (
        "import sys; from bot.commands import serving; serving.keep_out_rich(); serving.keep_out_rich(); import bot.app\n"
        "print('rich' in sys.modules); import rich.console; print('rich' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["False", "True"]


def test_bot_of_the_web_chat_has_a_number_that_no_person_can_have() -> None:
    largest = Person._meta.fields_map["id"].constraints["le"]  # noqa: SLF001  # Tortoise's own name

    assert largest < WEBCHAT_BOT < 2**BOT_API_BITS
