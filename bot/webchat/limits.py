"""What Telegram accepts, and its words for what it does not: texts, keyboards, command lists."""

import re
from typing import Any

from bot.webchat.calls import Call
from bot.webchat.errors import ApiError, bad_request
from bot.webchat.formatting import (
    MOST_ENTITIES,
    Formatted,
    cleaned,
    found,
    link_fault,
    parse_html,
    trimmed,
    utf16_length,
)

MESSAGE_LENGTH = 4096
CAPTION_LENGTH = 1024
RAW_BYTES = 32 * 1024
BUTTONS = 100
BUTTONS_IN_A_ROW = 8
CALLBACK_DATA_BYTES = 64
COPY_TEXT_LENGTH = 256
COMMANDS = 100
COMMAND_DESCRIPTION_LENGTH = 256
ANSWER_LENGTH = 200
UPLOAD_BYTES = 50 * 1024 * 1024
DOWNLOAD_BYTES = 20 * 1024 * 1024
BUTTON_STYLES = {"danger", "primary", "success"}

Keyboard = list[list[dict[str, Any]]]


def message_text(call: Call) -> Formatted:
    """The parsed `text` of a message. Raises ApiError."""
    formatted = _formatted(call, "text", "entities")
    if not call.text("text"):
        raise bad_request("message text is empty")
    if not formatted.text:
        raise bad_request("text must be non-empty")
    if utf16_length(formatted.text) > MESSAGE_LENGTH:
        raise bad_request("message is too long")
    return formatted


def caption(call: Call) -> Formatted:
    """The parsed `caption` of a file, which may be empty. Raises ApiError."""
    formatted = _formatted(call, "caption", "caption_entities")
    if utf16_length(formatted.text) > CAPTION_LENGTH:
        raise bad_request("message caption is too long")
    return formatted


def _formatted(call: Call, name: str, entities_name: str) -> Formatted:
    if call.structure(entities_name, list):
        # Telegram takes them, we do not need them: better a refusal than a message that lost its formatting.
        raise bad_request(f"{entities_name} are not supported by this server, use parse_mode HTML")
    source = cleaned(call.text(name))
    if len(source.encode()) > RAW_BYTES:
        raise bad_request("message is too long")
    match call.text("parse_mode").lower():
        case "html":
            formatted = parse_html(source)
        case "" | "none":
            formatted = Formatted(source)
        case _:
            raise bad_request("unsupported parse_mode")
    if len(formatted.entities) > MOST_ENTITIES:
        raise bad_request("ENTITIES_TOO_LONG")
    return found(trimmed(formatted))


def keyboard(call: Call, *, own_hosts: frozenset[str]) -> Keyboard | None:
    """The inline keyboard of `reply_markup`, without what Telegram does not keep; None when there is none. Raises ApiError."""
    markup = call.structure("reply_markup", dict)
    if markup and "inline_keyboard" not in markup:
        raise bad_request("only inline keyboards are supported by this server")
    rows = markup.get("inline_keyboard") or []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" must be an Array of Arrays')
    kept = [[_button(button, own_hosts=own_hosts) for button in row] for row in rows if row]
    if sum(map(len, kept)) > BUTTONS or any(len(row) > BUTTONS_IN_A_ROW for row in kept):
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    return kept or None


def _button(button: object, *, own_hosts: frozenset[str]) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise _bad_button("expected an Object")
    text = cleaned(str(button.get("text", ""))).strip()
    if not text:
        raise _bad_button('field "text" must be non-empty')
    kinds = button.keys() & {"callback_data", "url", "copy_text"}
    if len(kinds) != 1:
        raise _bad_button("text buttons are unallowed in the inline keyboard" if not kinds else "too many actions")
    kept: dict[str, Any] = {"text": text}
    match kinds.pop():
        case "callback_data":
            kept["callback_data"] = _callback_data(button["callback_data"])
        case "url":
            url = str(button["url"])
            if fault := link_fault(url, own_hosts=own_hosts):
                raise bad_request(f"inline keyboard button URL '{url}' is invalid: {fault}")
            kept["url"] = url
        case _:
            kept["copy_text"] = _copy_text(button["copy_text"])
    if "style" in button:
        if button["style"] not in BUTTON_STYLES:
            raise _bad_button("invalid button style specified")
        kept["style"] = button["style"]
    return kept


def _callback_data(data: object) -> str:
    if not isinstance(data, str) or not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    return data


def _copy_text(copy_text: object) -> dict[str, str]:
    text = copy_text.get("text") if isinstance(copy_text, dict) else None
    if not isinstance(text, str) or not 1 <= utf16_length(text) <= COPY_TEXT_LENGTH:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return {"text": text}


def _bad_button(why: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {why}")


def commands(call: Call) -> list[dict[str, str]]:
    """The command list of a call. Raises ApiError."""
    given = call.structure("commands", list)
    if len(given) > COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    return [_command(one) for one in given]


def _command(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    command = str(given.get("command", "")).removeprefix("/")
    description = cleaned(str(given.get("description", ""))).strip()
    if not re.fullmatch(r"[a-z0-9_]{1,32}", command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= utf16_length(description) <= COMMAND_DESCRIPTION_LENGTH:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}


def command_scope(call: Call) -> str:
    """The scope of a command list as one word: its type, with its chat and user where it has them. Raises ApiError."""
    scope = call.structure("scope", dict)
    kind = scope.get("type", "default")
    needs = {"chat": ("chat_id",), "chat_administrators": ("chat_id",), "chat_member": ("chat_id", "user_id")}
    if kind not in {*needs, "default", "all_private_chats", "all_group_chats", "all_chat_administrators"}:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    for name in needs.get(kind, ()):
        if not re.fullmatch(r"-?\d+", str(scope.get(name, ""))):
            raise bad_request(f'can\'t parse BotCommandScope: field "{name}" must be of type Number')
    return ":".join([kind, *(str(scope[name]) for name in needs.get(kind, ()))])


def language_code(call: Call) -> str:
    """Two letters, or nothing for all languages. Raises ApiError."""
    code = call.text("language_code")
    if not re.fullmatch(r"(?:[a-z]{2})?", code):
        raise bad_request("invalid language code specified")
    return code
