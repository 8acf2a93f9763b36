"""From a row to words: the privacy level, the reader's language, and the links that are made only now."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from bot import messages
from bot.logs import Unbuilt
from bot.messages import LANGUAGES, Button, ChatMessage, Mail, Voice
from bot.post import texts
from bot.post.readers import Reader
from bot.rules import channels
from bot.rules import facts as typed
from bot.rules.channels import WITHOUT_CONTENT
from bot.rules.facts import FULL, NUDGE, AnswerLink, FeedLink, OneTimeLink
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind, TokenPurpose

NUDGE_TEMPLATE = "general/nudge"
NUDGE_TOAST = "general/nudge_toast"
NUDGE_ANSWER = "refusals/hints_only"
AS_MAIL = "message"  # the frame of the chat's words
FILE_MISSING = "general/file_missing"
ALSO_BY_MAIL = frozenset({"accounts/new_way"})  # in the chats' words, to people whom the chats reach, too
OF_COMMITMENTS = frozenset({"c", "cc", "cs", "cx"})  # buttons that name a commitment: its page does what they do
SUBJECT_UNITS = 120
ATTACHED = ("document", "calendar")


class NoReader(Exception):
    """A link that works for one person only, in a notice to nobody in particular."""


@dataclass(frozen=True, kw_only=True)
class PostSettings:
    """What post needs to know of the town.

    `mailbox` is the address that stands as organiser in calendar objects, as in the feeds; `land` decides the holidays.
    `telegram_name` gives the bot's name on Telegram, once it is known there; `commitment_link` the address of the page on
    which a person answers for a commitment, signed for both. `unbuilt` is told of calendar objects that cannot be made.
    """

    base_url: str
    mailbox: str
    land: str
    town: str = ""
    zone: str = "Europe/Berlin"
    language: str = "de"
    area_label: str = "Sozialraum"
    reply_to: str | None = None
    telegram_name: Callable[[], str | None] = lambda: None
    commitment_link: Callable[[int, int], str] = lambda commitment, person: f"/commitment/{commitment}.{person}"
    unbuilt: Unbuilt = field(default_factory=Unbuilt)


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """Where an invitation leads: to a page, and to Telegram where that may be. Both carry the same token: one is used."""

    page: str
    telegram: str | None = None


@dataclass(frozen=True, kw_only=True)
class Links:
    """Make a link for a person, at the moment of sending: whole addresses, never kept in a row."""

    one_time: Callable[[OneTimeLink, int], Awaitable[str]]
    feed: Callable[[FeedLink, int], Awaitable[str]]
    answer: Callable[[AnswerLink, int], Awaitable[str]]

    async def resolve(self, fact: Any, person: int | None, *, telegram: str | None) -> Any:  # noqa: ANN401  # facts of every kind
        """The facts with addresses in the places of links; `telegram` opens the bot there. Raises NoReader."""
        if isinstance(fact, Mapping):
            return {key: await self.resolve(inner, person, telegram=telegram) for key, inner in fact.items()}
        if isinstance(fact, list | tuple):
            return [await self.resolve(inner, person, telegram=telegram) for inner in fact]
        if not isinstance(fact, OneTimeLink | FeedLink | AnswerLink):
            return fact
        if person is None:
            raise NoReader(type(fact).__name__)
        return await self._address(fact, person, telegram)

    async def _address(
        self, link: OneTimeLink | FeedLink | AnswerLink, person: int, telegram: str | None
    ) -> str | Invitation:
        if isinstance(link, FeedLink):
            return await self.feed(link, person)
        if isinstance(link, AnswerLink):
            return await self.answer(link, person)
        page = await self.one_time(link, person)
        if link.purpose != TokenPurpose.INVITATION:
            return page
        _, _, token = page.rpartition("/")
        return Invitation(page=page, telegram=telegram + token if telegram and link.telegram else None)


@dataclass(frozen=True, kw_only=True)
class Words:
    """Renders notices."""

    settings: PostSettings
    links: Links

    def level(self, notice: Notice, reader: Reader, network: Network) -> int:
        """How much this channel may carry of the notice; the web chat and mail carry all.

        A bundle that nobody asked for goes no further than its most open entry; an answer folds its stricter ones away.
        """
        if network is not Network.TELEGRAM or (notice.chat_id is not None and notice.template in WITHOUT_CONTENT):
            return FULL
        own = reader.person.level if reader.person else None
        facts = typed.decode(notice.facts)
        body = channels.body_level(reader.body.level if reader.body else None, facts)
        if body is None and notice.lane is Lane.MAILING:
            body = channels.bundle_level(facts)
        about = reader.body.id if reader.body else None
        return min(channels.person_level(own, reader.seats, about), FULL if body is None else body)

    async def chat(
        self, notice: Notice, reader: Reader, network: Network, *, bot_name: str, file_missing: bool = False
    ) -> ChatMessage:
        """The message; without text when there is nothing to say. It may say that its file is missing.

        Raises what a template raises.
        """
        voice = replace(self.voice(notice, reader), start_url=self._start_url(network, bot_name))
        level = self.level(notice, reader, network)
        if not notice.template or notice.kind is NoticeKind.ERASE:
            return ChatMessage(text="")
        if level <= NUDGE:
            return messages.chat(_nudge(notice), {}, voice)
        facts = {key: fact for key, fact in typed.decode(notice.facts).items() if key not in ATTACHED}
        if network is Network.TELEGRAM:
            body = channels.body_level(reader.body.level if reader.body else None, facts)
            shown = channels.shown_on_telegram(facts, body=body, person=level)
        else:
            shown = channels.everything(facts)
        said = messages.chat(notice.template, await self._resolved(shown, reader), voice)
        if not file_missing:
            return said
        kind = {"kind": typed.decode(notice.facts)["document"]["type"]}
        return replace(said, text=f"{said.text}\n\n{messages.chat(FILE_MISSING, kind, voice).text}")

    async def mail(self, notice: Notice, reader: Reader, *, calendar_missing: bool = False) -> Mail:
        """Subject and both bodies; the templates also get the `town`. A message that no chat took is said in the chat's words.

        A calendar mail may say that its calendar object is missing.
        """
        voice = self.voice(notice, reader)
        facts = {key: fact for key, fact in typed.decode(notice.facts).items() if key not in ATTACHED}
        shown = await self._resolved(channels.everything(facts), reader)
        frame = {"town": self.settings.town, "calendar_missing": calendar_missing}
        if notice.kind is NoticeKind.CALENDAR_MAIL or not messages.exists(f"chat/{notice.template}.html"):
            return messages.mail(notice.template, {**frame, **shown}, voice)
        at_our_chat = replace(voice, start_url=self._start_url(Network.WEBCHAT, ""))
        said = messages.chat(notice.template, shown, at_our_chat, whole=True)
        text = texts.plain(said.text)
        framed = {
            **frame,
            "subject": texts.cut(text.partition("\n")[0].rstrip(":"), SUBJECT_UNITS),
            "text": text,
            "html": Markup("<br>\n").join(Markup(line) for line in said.text.splitlines()),  # noqa: S704  # escaped before
            "links": [*self._pages(said, reader), *_answer_page(shown)],
            "only_way": notice.template not in ALSO_BY_MAIL,
        }
        return messages.mail(AS_MAIL, framed, voice)

    def _pages(self, said: ChatMessage, reader: Reader) -> list[dict[str, str | None]]:
        """Where the message's buttons lead that have a page; one that answers has no label of its own."""
        found: dict[str, str | None] = {}
        for button in (button for row in said.buttons for button in row):
            page = button.url or self._page_of(button, reader)
            if page is not None:
                found.setdefault(page, button.label if button.url or (button.data or "").startswith("c:") else None)
        return [{"url": page, "label": label} for page, label in found.items()]

    def _page_of(self, button: Button, reader: Reader) -> str | None:
        code, _, arguments = (button.data or "").partition(":")
        if code not in OF_COMMITMENTS or reader.person is None:
            return None
        return self.settings.commitment_link(int(arguments.partition(":")[0]), reader.person.id)

    def voice(self, notice: Notice, reader: Reader) -> Voice:
        """How to speak to the reader. A group speaks the town's language, a stranger the one that the facts tell.

        Where the notice is about no body, somebody is "du" who is so in all of theirs.
        """
        told = str(typed.decode(notice.facts).get("language"))[:2]
        stranger = told if told in LANGUAGES else self.settings.language
        everywhere = bool(reader.seats) and all(seat.informal for seat in reader.seats)
        return Voice(
            language=reader.person.language if reader.person else stranger,
            zone=reader.person.zone if reader.person else self.settings.zone,
            informal=reader.body.informal if reader.body else everywhere,
            base_url=self.settings.base_url,
            area_label=self.settings.area_label,
        )

    def _start_url(self, network: Network, bot_name: str) -> str:
        """What opens the reader's own chat; the payload follows."""
        return _on_telegram(bot_name) if network is Network.TELEGRAM else f"{self.settings.base_url}/chat?start="

    async def _resolved(self, facts: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        facts = {key: fact for key, fact in facts.items() if key != "language"}  # the templates' own word
        person = reader.person.id if reader.person else None
        name = self.settings.telegram_name()
        telegram = _on_telegram(name) if name else None
        resolved: dict[str, Any] = await self.links.resolve(facts, person, telegram=telegram)
        return resolved


def _answer_page(shown: Mapping[str, Any]) -> list[dict[str, str | None]]:
    """Where an invitation is answered, when the message is about an answer."""
    return [{"url": shown["answer_link"], "label": None}] if shown.get("answer_link") else []


def _nudge(notice: Notice) -> str:
    """What stands in the place of what Telegram may not carry: to somebody who asked, that it only shows hints there."""
    if notice.kind is NoticeKind.TOAST:
        return NUDGE_TOAST
    return NUDGE_ANSWER if notice.lane is Lane.ANSWER else NUDGE_TEMPLATE


def _on_telegram(bot_name: str) -> str:
    """What opens the reader's own chat with the bot; the payload follows."""
    return f"https://t.me/{bot_name}?start="
