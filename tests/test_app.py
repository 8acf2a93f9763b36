"""What the assembled program promises before anything runs."""

from bot.app import WEBCHAT_BOT
from storage.models import Person

BOT_API_BITS = 52


def test_bot_of_the_web_chat_has_a_number_that_no_person_can_have() -> None:
    largest = Person._meta.fields_map["id"].constraints["le"]  # noqa: SLF001  # Tortoise's own name

    assert largest < WEBCHAT_BOT < 2**BOT_API_BITS
