"""What goes over the wire for each kind of notice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut

from bot.messages import Button, ChatMessage
from bot.post import chat
from bot.post.chat import Desk, File, Trouble
from bot.wire import Crowded
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind
from tests.post.conftest import Call, Office, Refusal, Wire

BUTTONS = ((Button(label="Zusage", data="ma:1:accepted"), Button(label="Ansehen", url="https://faden.example/chat")),)
KEYBOARD = {
    "inline_keyboard": [
        [
            {"text": "Zusage", "callback_data": "ma:1:accepted"},
            {"text": "Ansehen", "url": "https://faden.example/chat"},
        ]
    ]
}
LONG = "\n\n".join(["x" * 4000, "y" * 4000, "z"])
LONGER = "\n\n".join(["x" * 4000, "y" * 4000, "z" * 4000])


def row(kind: NoticeKind = NoticeKind.MESSAGE, **more: object) -> Notice:
    return Notice(kind=kind, lane=Lane.ANSWER, key="k", template="t", silent=bool(more.pop("silent", False)), **more)


@pytest.fixture
def turns() -> list[int]:
    return []


@pytest.fixture
def marks() -> list[str]:
    return []


@pytest.fixture
def desk(office: Office, turns: list[int], marks: list[str]) -> Callable[..., Desk]:
    def make(chat_id: int = 101, network: Network = Network.TELEGRAM) -> Desk:
        @asynccontextmanager
        async def turn() -> AsyncIterator[None]:
            turns.append(chat_id)
            yield

        async def begun(mark: str) -> None:
            marks.append(mark)

        return Desk(bot=office.bots[network], network=network, chat_id=chat_id, turn=turn, begun=begun)

    return make


@pytest.fixture
def wire(office: Office) -> Wire:
    return office.telegram


def refusing(method: str, description: str) -> Callable[[Call], Refusal | None]:
    return lambda call: Refusal(400, f"Bad Request: {description}") if call.method == method else None


async def test_message_goes_with_its_buttons_and_without_a_preview(desk: Callable[..., Desk], wire: Wire) -> None:
    sent = await chat.send(desk(), row(silent=True, thread_id=7), ChatMessage(text="<b>Neu</b>", buttons=BUTTONS))

    assert sent == 101
    assert wire.calls == [
        Call(
            "sendMessage",
            {
                "chat_id": 101,
                "text": "<b>Neu</b>",
                "parse_mode": "HTML",
                "disable_notification": True,
                "message_thread_id": 7,
                "link_preview_options": {"is_disabled": True},
                "reply_markup": KEYBOARD,
            },
        )
    ]


async def test_long_message_goes_in_parts_each_in_its_turn_with_the_buttons_at_the_end(
    desk: Callable[..., Desk], wire: Wire, turns: list[int]
) -> None:
    await chat.send(desk(), row(), ChatMessage(text=LONG, buttons=BUTTONS))

    assert [(call.params["text"][0], "reply_markup" in call.params) for call in wire.calls] == [
        ("x", False),
        ("y", True),
    ]
    assert turns == [101, 101]


async def test_message_in_one_part_leaves_no_mark(desk: Callable[..., Desk], marks: list[str]) -> None:
    await chat.send(desk(), row(), ChatMessage(text="Neues", buttons=BUTTONS))
    await chat.send(desk(), row(), ChatMessage(text="Einladung"), File(name="a.pdf", file_id="F1"))
    await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="neu"))

    assert marks == []


@pytest.mark.parametrize(
    ("chat_id", "network", "text", "said"),
    [
        (101, Network.TELEGRAM, LONGER, "yz"),
        (101, Network.TELEGRAM, LONGER.replace("z", "a"), "ya"),  # what has left is the same
        (101, Network.TELEGRAM, LONGER.replace("x", "a"), "ayz"),
        (102, Network.TELEGRAM, LONGER, "xyz"),
        (101, Network.WEBCHAT, LONGER, "xyz"),
        (101, Network.TELEGRAM, "x" * 4000, "x"),  # now it is all, and the buttons hang on it
    ],
)
async def test_message_goes_on_behind_what_has_left_of_it_in_the_same_words_to_the_same_chat(  # noqa: PLR0917  # fixtures, and what comes of what
    desk: Callable[..., Desk], office: Office, marks: list[str], chat_id: int, network: Network, text: str, said: str
) -> None:
    await chat.send(desk(), row(), ChatMessage(text=LONGER, buttons=BUTTONS))
    office.telegram.calls.clear()

    await chat.send(desk(chat_id, network), row(begun=marks[0]), ChatMessage(text=text, buttons=BUTTONS))

    told = [(call.params["text"][0], "reply_markup" in call.params) for call in office.wires[network].calls]
    assert told == [(letter, letter == said[-1]) for letter in said]


async def test_file_follows_a_text_that_has_left(desk: Callable[..., Desk], wire: Wire, marks: list[str]) -> None:
    message, file = ChatMessage(text="x" * 1025, buttons=BUTTONS), File(name="a.pdf", file_id="F1")
    await chat.send(desk(), row(), message, file)
    wire.calls.clear()

    await chat.send(desk(), row(begun=marks[-1]), message, file)

    assert [(call.method, "reply_markup" in call.params) for call in wire.calls] == [("sendDocument", True)]


async def test_edit_that_has_left_is_not_made_again_and_the_rest_follows(
    desk: Callable[..., Desk], wire: Wire, marks: list[str]
) -> None:
    message = ChatMessage(text=LONGER, buttons=BUTTONS)
    await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), message)
    wire.calls.clear()

    await chat.send(desk(), row(NoticeKind.EDIT, target_id="55", begun=marks[0]), message)

    assert [(call.method, call.params["text"][0]) for call in wire.calls] == [
        ("sendMessage", "y"),
        ("sendMessage", "z"),
    ]


async def test_link_to_a_host_without_a_dot_stands_in_the_text_on_telegram(
    desk: Callable[..., Desk], wire: Wire
) -> None:
    buttons = ((Button(label="An & Ab", url="http://localhost:8080/chat"),),)

    await chat.send(desk(), row(), ChatMessage(text="Neues", buttons=buttons))

    assert wire.calls[0].params["text"] == "Neues\nAn &amp; Ab: http://localhost:8080/chat"
    assert "reply_markup" not in wire.calls[0].params


async def test_link_to_a_host_without_a_dot_is_a_button_in_the_web_chat(
    desk: Callable[..., Desk], office: Office
) -> None:
    buttons = ((Button(label="Ansehen", url="http://localhost:8080/chat"),),)

    await chat.send(desk(1, Network.WEBCHAT), row(), ChatMessage(text="Neues", buttons=buttons))

    assert office.webchat.calls[0].params["reply_markup"] == {
        "inline_keyboard": [[{"text": "Ansehen", "url": "http://localhost:8080/chat"}]]
    }


@pytest.mark.parametrize("network", [Network.WEBCHAT, Network.TELEGRAM])
@pytest.mark.parametrize(
    "description", ["inline keyboard button URL 'https://x.y' is invalid: Wrong HTTP URL", "BUTTON_URL_INVALID"]
)
async def test_link_that_the_network_refuses_on_a_button_stands_in_the_text(
    desk: Callable[..., Desk], office: Office, network: Network, description: str
) -> None:
    wire = office.webchat if network is Network.WEBCHAT else office.telegram
    wire.script = lambda call: (
        Refusal(400, f"Bad Request: {description}") if "https" in str(call.params.get("reply_markup")) else None
    )

    await chat.send(desk(1, network), row(), ChatMessage(text="Neu", buttons=BUTTONS))

    assert wire.calls[-1].params["text"] == "Neu\nAnsehen: https://faden.example/chat"
    assert wire.calls[-1].params["reply_markup"] == {
        "inline_keyboard": [[{"text": "Zusage", "callback_data": "ma:1:accepted"}]]
    }


async def test_button_that_is_refused_without_a_link_is_not_tried_again(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("sendMessage", "BUTTON_URL_INVALID")

    with pytest.raises(BadRequest):
        await chat.send(desk(), row(), ChatMessage(text="Neu", buttons=BUTTONS[:1]))

    assert len(wire.calls) == 2


async def test_file_takes_a_short_text_as_its_caption(desk: Callable[..., Desk], wire: Wire) -> None:
    file = File(name="termin.ics", mime="text/calendar", content=b"BEGIN")

    await chat.send(desk(), row(), ChatMessage(text="Einladung", buttons=BUTTONS), file)

    (call,) = wire.calls
    assert (call.method, call.params["caption"], call.params["reply_markup"]) == ("sendDocument", "Einladung", KEYBOARD)
    assert [upload[:2] for upload in call.files.values()] == [("termin.ics", b"BEGIN")]


async def test_file_follows_a_long_text(desk: Callable[..., Desk], wire: Wire) -> None:
    await chat.send(desk(), row(), ChatMessage(text="x" * 1025, buttons=BUTTONS), File(name="a.pdf", file_id="F1"))

    assert [(call.method, "reply_markup" in call.params) for call in wire.calls] == [
        ("sendMessage", False),
        ("sendDocument", True),
    ]
    assert (wire.calls[1].params["document"], wire.calls[1].params.get("caption")) == ("F1", None)


async def test_edit_changes_the_message(desk: Callable[..., Desk], wire: Wire) -> None:
    sent = await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="neu", buttons=BUTTONS))

    assert sent == 55
    assert [(call.method, call.params["message_id"], call.params["text"]) for call in wire.calls] == [
        ("editMessageText", 55, "neu")
    ]


async def test_edit_that_changes_nothing_is_a_success(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("editMessageText", "message is not modified: the same content")

    assert await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="alt")) == 55


@pytest.mark.parametrize("reason", ["message to edit not found", "message can't be edited"])
async def test_edit_of_what_cannot_be_edited_is_said_anew(desk: Callable[..., Desk], wire: Wire, reason: str) -> None:
    wire.script = refusing("editMessageText", reason)

    assert await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="neu")) == 101
    assert [call.method for call in wire.calls] == ["editMessageText", "sendMessage"]


async def test_edit_refused_for_another_reason_is_not_hidden(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("editMessageText", "can't parse entities")

    with pytest.raises(BadRequest):
        await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="neu"))


async def test_edit_under_a_file_changes_its_caption_at_once(desk: Callable[..., Desk], wire: Wire) -> None:
    sent = await chat.send(desk(), row(NoticeKind.CAPTION, target_id="55"), ChatMessage(text="neu", buttons=BUTTONS))

    assert sent == 55
    assert [(call.method, call.params["message_id"], call.params["caption"]) for call in wire.calls] == [
        ("editMessageCaption", 55, "neu")
    ]


async def test_edit_of_a_message_of_which_nobody_knew_that_it_has_a_file_changes_its_caption(
    desk: Callable[..., Desk], wire: Wire
) -> None:
    wire.script = refusing("editMessageText", "there is no text in the message to edit")

    assert await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), ChatMessage(text="neu")) == 55
    assert [call.method for call in wire.calls] == ["editMessageText", "editMessageCaption"]


@pytest.mark.parametrize(
    ("reason", "becomes"),
    [("message is not modified", 55), ("message to edit not found", 101), ("message can't be edited", 101)],
)
async def test_edit_under_a_file_may_change_nothing_or_come_too_late(
    desk: Callable[..., Desk], wire: Wire, reason: str, becomes: int
) -> None:
    wire.script = refusing("editMessageCaption", reason)

    assert await chat.send(desk(), row(NoticeKind.CAPTION, target_id="55"), ChatMessage(text="neu")) == becomes


async def test_edit_under_a_file_refused_for_another_reason_is_not_hidden(
    desk: Callable[..., Desk], wire: Wire
) -> None:
    wire.script = refusing("editMessageCaption", "no")

    with pytest.raises(BadRequest):
        await chat.send(desk(), row(NoticeKind.CAPTION, target_id="55"), ChatMessage(text="neu"))


async def test_edit_that_is_too_long_for_a_caption_is_said_below_the_file(
    desk: Callable[..., Desk], wire: Wire
) -> None:
    await chat.send(desk(), row(NoticeKind.CAPTION, target_id="55"), ChatMessage(text="x" * 1025, buttons=BUTTONS))

    assert [call.method for call in wire.calls] == ["sendMessage"]


async def test_edit_that_is_too_long_goes_on_below(desk: Callable[..., Desk], wire: Wire) -> None:
    message = ChatMessage(text=LONG, buttons=BUTTONS)

    assert await chat.send(desk(), row(NoticeKind.EDIT, target_id="55"), message) == 101
    assert [(call.method, call.params["text"][0], "reply_markup" in call.params) for call in wire.calls] == [
        ("editMessageText", "x", False),
        ("sendMessage", "y", True),
    ]


async def test_toast_is_plain_and_short(desk: Callable[..., Desk], wire: Wire, turns: list[int]) -> None:
    sent = await chat.send(desk(), row(NoticeKind.TOAST, target_id="q1"), ChatMessage(text="<b>ja</b> " + "x" * 300))

    assert sent is None
    assert wire.calls == [Call("answerCallbackQuery", {"callback_query_id": "q1", "text": "ja…"})]
    assert turns == []


async def test_toast_without_text_only_stops_the_waiting(desk: Callable[..., Desk], wire: Wire) -> None:
    await chat.send(desk(), row(NoticeKind.TOAST, target_id="q1"), ChatMessage(text=""))

    assert wire.calls == [Call("answerCallbackQuery", {"callback_query_id": "q1"})]


async def test_toast_for_an_old_press_is_done(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing(
        "answerCallbackQuery", "query is too old and response timeout expired or query ID is invalid"
    )

    assert await chat.send(desk(), row(NoticeKind.TOAST, target_id="q1"), ChatMessage(text="ja")) is None


async def test_toast_refused_for_another_reason_is_not_hidden(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("answerCallbackQuery", "MESSAGE_TOO_LONG")

    with pytest.raises(BadRequest):
        await chat.send(desk(), row(NoticeKind.TOAST, target_id="q1"), ChatMessage(text="ja"))


async def test_erase_takes_a_message_out(desk: Callable[..., Desk], wire: Wire) -> None:
    await chat.send(desk(), row(NoticeKind.ERASE, target_id="55"), ChatMessage(text=""))

    assert wire.calls == [Call("deleteMessage", {"chat_id": 101, "message_id": 55})]


@pytest.mark.parametrize("reason", ["message to delete not found", "message can't be deleted"])
async def test_erase_of_what_is_gone_or_too_old_is_done(desk: Callable[..., Desk], wire: Wire, reason: str) -> None:
    wire.script = refusing("deleteMessage", reason)

    assert await chat.send(desk(), row(NoticeKind.ERASE, target_id="55"), ChatMessage(text="")) is None


async def test_erase_refused_for_another_reason_is_not_hidden(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("deleteMessage", "no")

    with pytest.raises(BadRequest):
        await chat.send(desk(), row(NoticeKind.ERASE, target_id="55"), ChatMessage(text=""))


async def test_card_is_pinned_in_a_group(desk: Callable[..., Desk], wire: Wire) -> None:
    sent = await chat.send(desk(-5), row(NoticeKind.CARD), ChatMessage(text="82. Sitzung"))

    assert sent == 101
    assert wire.calls[1:] == [Call("pinChatMessage", {"chat_id": -5, "message_id": 101, "disable_notification": True})]


async def test_card_without_the_right_to_pin_is_out_all_the_same(desk: Callable[..., Desk], wire: Wire) -> None:
    wire.script = refusing("pinChatMessage", "not enough rights to manage pinned messages in the chat")

    assert await chat.send(desk(-5), row(NoticeKind.CARD), ChatMessage(text="82. Sitzung")) == 101


async def test_card_is_not_pinned_in_a_private_chat(desk: Callable[..., Desk], wire: Wire) -> None:
    await chat.send(desk(), row(NoticeKind.CARD), ChatMessage(text="82. Sitzung"))

    assert [call.method for call in wire.calls] == ["sendMessage"]


async def test_card_that_is_out_is_edited(desk: Callable[..., Desk], wire: Wire) -> None:
    assert await chat.send(desk(-5), row(NoticeKind.CARD, message_id=55), ChatMessage(text="82. Sitzung")) == 55
    assert [call.method for call in wire.calls] == ["editMessageText"]


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (Forbidden("bot was blocked by the user"), Trouble.BLOCKED),
        (BadRequest("Chat not found"), Trouble.BLOCKED),
        (BadRequest("can't parse entities"), Trouble.REFUSED),
        (InvalidToken(), Trouble.NOT_SENT),
        (caused(TimedOut(), aiohttp.ConnectionTimeoutError()), Trouble.NOT_SENT),
        (caused(TimedOut(), Crowded()), Trouble.CROWDED),
        (caused(TimedOut(), aiohttp.SocketTimeoutError()), Trouble.UNCERTAIN),
        (caused(NetworkError("x"), aiohttp.ServerDisconnectedError()), Trouble.UNCERTAIN),
        (TimedOut(), Trouble.UNCERTAIN),
        (NetworkError("Bad Gateway"), Trouble.SERVER),
        (TelegramError("Invalid server response"), Trouble.SERVER),
    ],
)
def test_trouble_sorts_errors_by_what_they_mean_for_the_message(error: TelegramError, means: Trouble) -> None:
    assert chat.trouble(error) is means


def test_pause_is_what_telegram_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chat.pause(RetryAfter(7)) == timedelta(seconds=7)

    error = RetryAfter(7)
    monkeypatch.delenv("PTB_TIMEDELTA")
    with pytest.deprecated_call():
        assert chat.pause(error) == timedelta(seconds=7)
