"""What a handler has at hand: who speaks, what they typed, the time, and how to answer."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from telegram import CallbackQuery, Message, Update
from telegram.ext import Application, CallbackContext, ExtBot

from bot.actions import access
from bot.inbox import Turn, turn
from bot.rules import presses
from bot.rules.facts import Facts
from bot.rules.refusals import Outdated, Refusal
from storage.models import Person
from storage.vocabulary import Network, NoticeKind


class Stranger(Refusal):
    """Nobody of this town is known behind that account."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that came in; its network keeps it under `file_id`. `size` in bytes."""

    file_id: str
    name: str
    mime: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Town:
    """What handlers know of the town. `key` signs links; `mails` says whether there is a mail server, `mailbox` who organises."""

    zone: str
    land: str
    host: str
    area_label: str
    mailbox: str
    key: bytes = field(repr=False)
    mails: bool = False


class Context(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """One update's context. `reply`, `show` and `toast` queue; what they queue leaves with the commit."""

    def __init__(self, application: "AnyDesk", chat_id: int | None = None, user_id: int | None = None) -> None:
        """As python-telegram-bot makes it, one for each update."""
        super().__init__(application=application, chat_id=chat_id, user_id=user_id)
        self._speaker: Person | None = None
        self.incoming: Update | None = None
        self.taken = False  # what was typed answered something, or is erased
        self.is_command = False  # what was typed begins with a command's name
        self.given: tuple[Any, ...] = ()  # what the pressed button carries, as `bot.rules.presses` reads it

    @classmethod
    def from_update(cls, update: object, application: "AnyDesk") -> "Context":
        """Keep the update beside what the library keeps."""
        made = super().from_update(update, application)
        made.incoming = update if isinstance(update, Update) else None
        made.is_command = made.written.startswith("/")
        return made

    @property
    def turn(self) -> Turn:
        """The update's way through the inbox."""
        return turn.get()

    @property
    def town(self) -> Town:
        """The town's settings."""
        town: Town = self.application.bot_data["town"]
        return town

    @property
    def now(self) -> datetime:
        """The domain's time, read when the update was taken up."""
        return self.turn.now

    @property
    def machine_now(self) -> datetime:
        """The machine's time, by which links expire."""
        return self.turn.machine_now

    @property
    def user(self) -> int:
        """The account that speaks, whoever it belongs to."""
        user = self.incoming.effective_user if self.incoming else None
        if user is None:
            raise Outdated
        return user.id

    @property
    def message(self) -> Message | None:
        """The message that came in."""
        return self.incoming.message if self.incoming else None

    @property
    def query(self) -> CallbackQuery:
        """The press that came in. Raises Outdated when there is none."""
        if self.incoming is None or self.incoming.callback_query is None:
            raise Outdated
        return self.incoming.callback_query

    @property
    def written(self) -> str:
        """The text of the message that came in, as it was typed."""
        return (self.message.text or "") if self.message else ""

    @property
    def text(self) -> str:
        """What was typed; for a command, what stands behind it."""
        text = self.written
        return text.partition(" ")[2].strip() if self.is_command else text.strip()

    @property
    def codes(self) -> list[str]:
        """The pressed button's code and arguments, without the page that it leads to."""
        return presses.parted(self.query.data or "")[1]

    @property
    def page(self) -> int | None:
        """The page of a list to which the pressed button leads, from 0; None when it names none."""
        query = self.incoming.callback_query if self.incoming else None
        return presses.parted(query.data or "")[0] if query else None

    @property
    def private(self) -> bool:
        """Whether this is the person's own chat with Faden."""
        chat = self.incoming.effective_chat if self.incoming else None
        return chat is not None and chat.type == "private"

    @property
    def upload(self) -> Upload | None:
        """The file that came in. A photo has no name of its own; it is called after the moment at which it came."""
        if self.message is None:
            return None
        if self.message.photo:
            largest = self.message.photo[-1]
            came = self.now.astimezone(ZoneInfo(self.town.zone))
            return Upload(
                file_id=largest.file_id,
                name=f"{came:%Y-%m-%d %H-%M}.jpg",
                mime="image/jpeg",
                size=largest.file_size or 0,
            )
        document = self.message.document
        if document is None:
            return None
        return Upload(
            file_id=document.file_id,
            name=document.file_name or "",
            mime=document.mime_type or "application/octet-stream",
            size=document.file_size or 0,
        )

    async def speaker(self) -> Person:
        """Who speaks. Raises Stranger when the account belongs to nobody of this town."""
        if self._speaker is None:
            user = self.incoming.effective_user if self.incoming else None
            found = await access.person_at(Network(self.turn.network), str(user.id)) if user else None
            if found is None:
                raise Stranger(language=self.turn.language)
            self._speaker = found
            self.turn.speaker = found.id
        return self._speaker

    async def known(self) -> bool:
        """Whether the account belongs to somebody of this town."""
        try:
            await self.speaker()
        except Stranger:
            return False
        return True

    def reply(self, template: str, facts: Facts | None = None) -> None:
        """Answer with a new message."""
        self.turn.answer(template, facts or {}, kind=NoticeKind.MESSAGE)

    def show(self, template: str, facts: Facts | None = None) -> None:
        """Change the message whose button was pressed, or what stands under its file; a new message when nothing was pressed.

        A list is shown on the page to which the button leads.
        """
        query = self.incoming.callback_query if self.incoming else None
        facts = {"page": self.page, **(facts or {})} if self.page else facts
        if query is None or query.message is None:
            self.reply(template, facts)
            return
        pressed = query.message
        has_file = isinstance(pressed, Message) and pressed.effective_attachment is not None
        kind = NoticeKind.CAPTION if has_file else NoticeKind.EDIT
        self.turn.answer(template, facts or {}, kind=kind, target_id=str(pressed.message_id))

    def toast(self, template: str, facts: Facts | None = None) -> None:
        """Say something short over the chat; a message when nothing was pressed."""
        if self.turn.callback_id is None:
            self.reply(template, facts)
        else:
            self.turn.answer(template, facts or {}, kind=NoticeKind.TOAST, target_id=self.turn.callback_id)

    def erase(self, message_id: int) -> None:
        """Take a message out of the chat."""
        self.taken |= self.message is not None and self.message.message_id == message_id
        self.turn.answer("", {}, kind=NoticeKind.ERASE, target_id=str(message_id))


class Desk(Application[ExtBot[None], Context, dict[Any, Any], dict[Any, Any], dict[Any, Any], None]):
    """An application whose handlers' exceptions come out again: the inbox decides what is kept."""

    async def process_error(self, update: object, error: Exception, *_: Any, **__: Any) -> bool:  # noqa: ANN401, ARG002  # the library's signature
        """Let it out."""
        raise error


AnyDesk = Application[Any, Any, Any, Any, Any, Any]
