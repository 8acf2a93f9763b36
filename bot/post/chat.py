"""How a message leaves by chat: the calls of the Bot API for each kind of notice, and what its errors mean."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from hashlib import sha256
from html import escape
from urllib.parse import urlsplit

import aiohttp
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.messages import Button, ChatMessage
from bot.post import texts
from bot.wire import Crowded
from storage.models import Notice
from storage.vocabulary import Network, NoticeKind

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
GONE = ("to edit not found", "can't be edited")
FILE_UNKNOWN = ("wrong file", "wrong remote file", "wrong type of file", "file reference")
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, kw_only=True)
class File:
    """What goes with a message: bytes, or the id by which the network knows them."""

    name: str
    mime: str = "application/octet-stream"
    content: bytes | None = None
    file_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where a notice goes: the network's bot and the chat. `turn` waits until the next message may be sent, within its block.

    `begun` keeps the mark of the parts that have left, when more of the same message is to follow.
    """

    bot: Bot
    network: Network
    chat_id: int
    turn: Callable[[], AbstractAsyncContextManager[None]]
    begun: Callable[[str], Awaitable[None]]


class FileUnknown(Exception):
    """The network does not know the file any more by the id that it gave: the message goes without it and says so."""


class Trouble(Enum):
    """What an error of the Bot API means for the notice, where the error's type does not say it already."""

    NOT_SENT = auto()
    CROWDED = auto()  # all our connections were in use
    UNCERTAIN = auto()
    SERVER = auto()
    REFUSED = auto()
    BLOCKED = auto()


def trouble(error: TelegramError) -> Trouble:
    """Sort an error. Only what broke after the connection stood may have taken effect."""
    if isinstance(error, Forbidden) or (isinstance(error, BadRequest) and "chat not found" in error.message.lower()):
        return Trouble.BLOCKED
    if isinstance(error, BadRequest):
        return Trouble.REFUSED
    if isinstance(error.__cause__, Crowded):
        return Trouble.CROWDED
    if isinstance(error, InvalidToken) or isinstance(error.__cause__, NOT_SENT):
        return Trouble.NOT_SENT  # a wrong token is the operator's to mend, and no notice is to blame
    if isinstance(error, TimedOut) or isinstance(error.__cause__, (aiohttp.ClientError, OSError)):
        return Trouble.UNCERTAIN
    return Trouble.SERVER


def pause(error: RetryAfter) -> timedelta:
    """How long Telegram wants to be left alone."""
    seconds = error.retry_after
    return seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)


async def send(desk: Desk, notice: Notice, message: ChatMessage, file: File | None = None) -> int | None:
    """Do what the notice's kind says; gives the id of the message that it became. Raises TelegramError, FileUnknown.

    A topic that is gone, or never was one, holds nothing up: it is said beside the topics. Nor does a link that the network
    refuses on a button: it stands in the text.
    """
    try:
        return await _send(desk, notice, message, file)
    except BadRequest as error:
        problem = error.message.lower()
        if notice.thread_id is not None and "thread not found" in problem:
            notice.thread_id = None
        elif "button url" in problem.replace("_", " ") and any(button.url for row in message.buttons for button in row):
            message = _in_text(message, lambda button: button.url is not None)
        else:
            raise
        return await send(desk, notice, message, file)


async def _send(desk: Desk, notice: Notice, message: ChatMessage, file: File | None) -> int | None:
    match notice.kind:
        case NoticeKind.TOAST:
            await _toast(desk, notice, message)
            return None
        case NoticeKind.ERASE:
            await _erase(desk, notice)
            return None
        case NoticeKind.EDIT | NoticeKind.CAPTION:
            edit = _edit_caption if notice.kind is NoticeKind.CAPTION else _edit
            return await edit(desk, notice, message, int(notice.target_id or 0))
        case NoticeKind.CARD if notice.message_id is not None:
            shown = await _edit(desk, notice, message, notice.message_id)
            if shown != notice.message_id:  # somebody had deleted it
                await _pin(desk, shown)
            return shown
        case NoticeKind.CARD:
            sent = await _say(desk, notice, message)
            await _pin(desk, sent)
            return sent
        case _:
            return await _say(desk, notice, message, file)


async def _say(desk: Desk, notice: Notice, message: ChatMessage, file: File | None = None) -> int:
    """Say it, in as many messages as it takes; the buttons hang on the last one. A short text is the file's caption."""
    text, keyboard = _with_keyboard(desk, message)
    caption = file is not None and texts.units(text) <= texts.CAPTION_UNITS
    parts = [] if caption else texts.split(text)
    if file is None:
        return await _say_on(desk, notice, parts, _left(desk, notice, parts[:-1]), keyboard)
    await _say_on(desk, notice, parts, _left(desk, notice, parts), None, last=False)
    try:
        async with desk.turn():
            sent = await desk.bot.send_document(
                desk.chat_id,
                file.file_id or InputFile(file.content or b"", filename=file.name),
                caption=text if caption else None,
                parse_mode=ParseMode.HTML,
                disable_notification=notice.silent,
                message_thread_id=notice.thread_id,
                reply_markup=keyboard,
            )
    except BadRequest as error:
        if file.file_id is not None and any(reason in error.message.lower() for reason in FILE_UNKNOWN):
            raise FileUnknown from error
        raise
    return sent.message_id


async def _say_on(
    desk: Desk,
    notice: Notice,
    parts: Sequence[str],
    left: int,
    keyboard: InlineKeyboardMarkup | None,
    *,
    last: bool = True,
) -> int:
    """Say the parts behind those that have left; `last` says that nothing follows them. Gives the id of the last one."""
    said = 0
    for number, part in enumerate(parts[left:], start=left + 1):
        async with desk.turn():
            sent = await desk.bot.send_message(
                desk.chat_id,
                part,
                parse_mode=ParseMode.HTML,
                link_preview_options=NO_PREVIEW,
                disable_notification=notice.silent,
                message_thread_id=notice.thread_id,
                reply_markup=keyboard if number == len(parts) else None,
            )
        said = sent.message_id
        if number < len(parts) or not last:
            await desk.begun(_mark(desk, parts[:number]))
    return said


def _left(desk: Desk, notice: Notice, parts: Sequence[str]) -> int:
    """How many of the parts an earlier attempt has brought to this chat, in these very words."""
    if notice.begun is None:
        return 0
    numbers = range(1, len(parts) + 1)
    return next((number for number in numbers if _mark(desk, parts[:number]) == notice.begun), 0)


def _mark(desk: Desk, parts: Sequence[str]) -> str:
    """What is kept of parts that have left: by it they are known again, and not read."""
    return sha256("\0".join([desk.network, str(desk.chat_id), *parts]).encode()).hexdigest()


async def _edit(desk: Desk, notice: Notice, message: ChatMessage, message_id: int) -> int:
    """Change a message; where that cannot be done any more, say it anew. What is too long for one message follows below."""
    text, keyboard = _with_keyboard(desk, message)
    parts = texts.split(text)
    if left := _left(desk, notice, parts[:-1]):
        return await _say_on(desk, notice, parts, left, keyboard)
    try:
        async with desk.turn():
            await desk.bot.edit_message_text(
                parts[0],
                desk.chat_id,
                message_id,
                parse_mode=ParseMode.HTML,
                link_preview_options=NO_PREVIEW,
                reply_markup=keyboard if len(parts) == 1 else None,
            )
    except BadRequest as error:
        problem = error.message.lower()
        if "not modified" in problem:
            return message_id
        if "no text in the message" in problem:  # it came with a file, which nobody knew
            return await _edit_caption(desk, notice, message, message_id)
        if any(reason in problem for reason in GONE):
            return await _say(desk, notice, message)
        raise
    if len(parts) == 1:
        return message_id
    await desk.begun(_mark(desk, parts[:1]))
    return await _say_on(desk, notice, parts, 1, keyboard)


async def _edit_caption(desk: Desk, notice: Notice, message: ChatMessage, message_id: int) -> int:
    """Change what stands under a file; what is too long for that, or cannot be changed any more, is said anew."""
    text, keyboard = _with_keyboard(desk, message)
    if texts.units(text) > texts.CAPTION_UNITS:
        return await _say(desk, notice, message)
    try:
        async with desk.turn():
            await desk.bot.edit_message_caption(
                desk.chat_id, message_id, caption=text, parse_mode=ParseMode.HTML, reply_markup=keyboard
            )
    except BadRequest as error:
        problem = error.message.lower()
        if "not modified" in problem:
            return message_id
        if any(reason in problem for reason in GONE):
            return await _say(desk, notice, message)
        raise
    return message_id


async def _toast(desk: Desk, notice: Notice, message: ChatMessage) -> None:
    """Answer a press, which stops the client's waiting; a press that is too old needs no answer any more."""
    try:
        await desk.bot.answer_callback_query(notice.target_id or "", texts.cut(texts.plain(message.text)) or None)
    except BadRequest as error:
        if "query is too old" not in error.message.lower() and "query id is invalid" not in error.message.lower():
            raise


async def _erase(desk: Desk, notice: Notice) -> None:
    """Take a message out of the chat, if it is still there."""
    try:
        await desk.bot.delete_message(desk.chat_id, int(notice.target_id or 0))
    except BadRequest as error:
        problem = error.message.lower()
        if "to delete not found" not in problem and "can't be deleted" not in problem:
            raise


async def _pin(desk: Desk, message_id: int) -> None:
    """Pin a group's card; a bot without that right does without."""
    if desk.chat_id >= 0:
        return
    try:
        await desk.bot.pin_chat_message(desk.chat_id, message_id, disable_notification=True)
    except TelegramError:
        return  # the card itself is out, and must not be sent again for want of a pin


def _with_keyboard(desk: Desk, message: ChatMessage) -> tuple[str, InlineKeyboardMarkup | None]:
    """The text and its buttons. Telegram refuses links to a host without a dot: they go into the text."""
    if desk.network is Network.TELEGRAM:
        message = _in_text(message, lambda button: button.url is not None and not _has_dot(button.url))
    rows = [[_button(button) for button in row] for row in message.buttons]
    return message.text, InlineKeyboardMarkup(rows) if rows else None


def _in_text(message: ChatMessage, moves: Callable[[Button], bool]) -> ChatMessage:
    """The message with those links below its text instead of on buttons."""
    moved = [button for row in message.buttons for button in row if moves(button)]
    rows = [tuple(button for button in row if button not in moved) for row in message.buttons]
    text = "\n".join([message.text, *(escape(f"{button.label}: {button.url}") for button in moved)])
    return ChatMessage(text=text, buttons=tuple(filter(None, rows)))


def _has_dot(url: str) -> bool:
    return "." in (urlsplit(url).hostname or "")


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(button.label, url=button.url, callback_data=button.data)
