"""python-telegram-bot on the wire that is an object."""

from datetime import timedelta

import aiohttp
import pytest
from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter

from bot.webchat import people, reading
from bot.webchat.calls import Call
from bot.webchat.objects import User
from bot.webchat.server import BotServer, Fault, Options
from bot.webchat.wire import InProcessRequest
from storage.vocabulary import Network
from tests import telegram_client
from tests.telegram_rates import too_many_requests
from tests.webchat.conftest import BEN, TOKEN, Clock

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Ja", callback_data="yes")]])


async def test_bot_sends_edits_pins_and_deletes(bot: Bot, server: BotServer, anna: User) -> None:
    message = await bot.send_message(anna.id, "<b>Hallo</b>", parse_mode=ParseMode.HTML, reply_markup=KEYBOARD)
    edited = await bot.edit_message_text("Neu", anna.id, message.message_id)
    assert not isinstance(edited, bool)
    await bot.edit_message_reply_markup(anna.id, message.message_id, reply_markup=KEYBOARD)
    await bot.pin_chat_message(anna.id, message.message_id, disable_notification=True)
    pinned = (await bot.get_chat(anna.id)).pinned_message
    assert pinned is not None
    await bot.unpin_chat_message(anna.id)
    await bot.send_chat_action(anna.id, ChatAction.TYPING)
    await bot.delete_message(anna.id, message.message_id)

    assert message.text_html == "<b>Hallo</b>"
    assert (edited.text, edited.reply_markup) == ("Neu", None)
    assert pinned.reply_markup == KEYBOARD
    assert await reading.message(server, anna.id, message.message_id) is None


async def test_document_travels_both_ways(bot: Bot, server: BotServer, anna: User) -> None:
    sent = await bot.send_document(anna.id, b"%PDF", filename="Übersicht.pdf", caption="die Übersicht")
    again = await bot.send_document(anna.id, sent.document.file_id if sent.document else "")
    await people.sends_file(server, anna, anna.id, "Antwort.txt", "text/plain", "schön".encode())
    received = (await bot.get_updates())[-1].message
    assert sent.document is not None
    assert received is not None
    assert received.document is not None

    content = await (await received.document.get_file()).download_as_bytearray()

    assert (sent.document.file_name, sent.caption) == ("Übersicht.pdf", "die Übersicht")
    assert again.document == sent.document
    assert content.decode() == "schön"


async def test_unknown_file_is_not_found(server: BotServer) -> None:
    wire = InProcessRequest(server)

    answers = [
        await wire.do_request(f"https://t.example/file/bot{token}/documents/x", "GET") for token in (TOKEN, "1:x")
    ]

    assert answers == [(404, b"{}"), (404, b"{}")]


async def test_updates_are_fetched_and_answered(bot: Bot, server: BotServer, anna: User, group: int) -> None:
    card = await bot.send_message(group, "Wer kommt?", reply_markup=KEYBOARD)
    query_id = await people.presses(server, BEN, group, card.message_id, 0)

    fetched = await bot.get_updates(allowed_updates=["message", "callback_query"])
    pressed = fetched[-1].callback_query
    assert pressed is not None
    await pressed.answer("Zugesagt", show_alert=True)

    answer = await reading.answer_of(server, query_id)
    assert answer is not None
    assert [update.update_id for update in fetched] == list(range(1, len(fetched) + 1))
    assert (pressed.data, pressed.from_user.first_name, pressed.message) == ("yes", "Ben", card)
    assert (answer.text, answer.show_alert) == ("Zugesagt", True)
    assert (await bot.get_chat_member(group, anna.id)).status == "creator"
    assert await bot.leave_chat(group)


async def test_commands_webhook_and_identity(bot: Bot) -> None:
    scope = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands([BotCommand("hilfe", "Was ich kann")], scope=scope, language_code="de")
    await bot.set_webhook("https://faden.example/hook", secret_token="geheim", allowed_updates=["message"])
    info = await bot.get_webhook_info()
    with pytest.raises(Conflict):
        await bot.get_updates()
    await bot.delete_webhook()

    assert bot.username == "FadenBot"
    assert await bot.get_my_commands(scope, "de") == (BotCommand("hilfe", "Was ich kann"),)
    assert await bot.delete_my_commands(scope, "de")
    assert (info.url, info.allowed_updates) == ("https://faden.example/hook", ("message",))


async def test_refusals_become_the_librarys_errors(bot: Bot, server: BotServer, anna: User, group: int) -> None:
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(999, "x")
    supergroup = await telegram_client.upgrade_group_to_supergroup(server, anna, group)
    with pytest.raises(ChatMigrated) as migrated:
        await bot.send_message(group, "x")
    await telegram_client.blocks_bot(server, anna)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(anna.id, "x")
    with pytest.raises(InvalidToken):
        await Bot("4711:wrong", request=InProcessRequest(server)).initialize()
    assert migrated.value.new_chat_id == supergroup


@pytest.mark.usefixtures("store")
async def test_faults_look_like_those_of_a_real_wire(clock: Clock) -> None:
    script = iter([Fault(error=too_many_requests(7)), Fault(cut="after")])

    def faults(call: Call) -> Fault | None:
        return next(script) if call.method == "sendMessage" else None

    server = BotServer(Network.TELEGRAM, TOKEN, clock, options=Options(faults=faults, first_contact=False))
    await people.arrives(server, BEN)
    bot = Bot(TOKEN, request=InProcessRequest(server))

    with pytest.raises(RetryAfter) as throttled:
        await bot.send_message(BEN.id, "eins")
    with pytest.raises(NetworkError) as cut:
        await bot.send_message(BEN.id, "zwei")

    assert throttled.value.retry_after == timedelta(seconds=7)
    assert isinstance(cut.value.__cause__, aiohttp.ServerDisconnectedError)
    assert [seen.html for seen in await reading.messages(server, BEN.id)] == ["zwei"]
