"""What the page is told, as it gets it: messages, chats, and what is new."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Final

from bot.webchat.objects import Answer, Json, Seen
from bot.webchat.rooms import Place, Reading

EXCERPT: Final = 200


class Shown:
    """A message, made ready once for everybody but those who wrote it or are answered by it."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self._by = {
            one["from"]["id"] for one in (seen.message, seen.message.get("reply_to_message", {})) if "from" in one
        }
        self._json: dict[int | None, Json | None] = {}

    def to(self, reader: int) -> Json | None:
        """The message as its reader sees it; None for a service message, of which there is nothing to show."""
        key = reader if reader in self._by else None
        if key not in self._json:
            self._json[key] = message_json(self.seen, reader)
        return self._json[key]


def message_json(seen: Seen, reader: int) -> Json | None:
    """A message as its reader sees it; None for a service message, of which there is nothing to show."""
    identity = {"chat": seen.chat_id, "id": seen.message_id, "change": seen.change}
    if seen.deleted:
        return identity | {"deleted": True}
    message = seen.message
    if not seen.html and "document" not in message:
        return None
    file = message.get("document")
    return identity | {
        **_excerpt(message, reader),
        "html": seen.html,
        "edited": "edit_date" in message,
        "file": file and {"id": file["file_id"], "name": file["file_name"], "size": file["file_size"]},
        "keyboard": message.get("reply_markup", {}).get("inline_keyboard", []),
        "reply": _excerpt(message["reply_to_message"], reader) if "reply_to_message" in message else None,
    }


def _excerpt(message: Json, reader: int) -> Json:
    """A message in a line: who, when, and how it begins. Without a sender's name it is Faden's."""
    sender = message["from"]
    name = None if sender["is_bot"] else f"{sender['first_name']} {sender.get('last_name', '')}".strip()
    text = message.get("text") or message.get("caption") or message.get("document", {}).get("file_name", "")
    return {
        "message": message["message_id"],
        "own": not sender["is_bot"] and sender["id"] == reader,
        "sender": name,
        "date": message["date"],
        "text": text[:EXCERPT],
    }


def room_json(place: Place, reading: Reading, reader: int) -> Json:
    """A chat as it stands in its reader's list."""
    return {
        "id": place.chat_id,
        "title": place.title,
        "unread": reading.unread,
        "read": reading.read,
        "pinned": _excerpt(place.pinned.message, reader) if place.pinned else None,
        "latest": _excerpt(place.latest.message, reader) if place.latest else None,
    }


def news_json(
    messages: Sequence[Shown],
    answers: Sequence[Answer],
    chats: Sequence[Json],
    *,
    reader: int,
    typing: Collection[int] = (),
    complete: bool = False,
) -> Json:
    """What is new for a reader. `chats` are those that have changed, or, when it is `complete`, all that they have."""
    return {
        "messages": [message for one in messages if (message := one.to(reader))],
        "answers": [asdict(answer) for answer in answers],
        "typing": sorted(typing),
        "chats": chats,
        "complete": complete,
    }
