"""From a row to words: the privacy level, the reader's language, and the links that are made only now."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot import messages
from bot.messages import LANGUAGES, ChatMessage, Mail, Voice
from bot.post.readers import Reader
from bot.rules import channels
from bot.rules import facts as typed
from bot.rules.facts import FULL, NUDGE, AnswerLink, FeedLink, OneTimeLink
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind

NUDGE_TEMPLATE = "nudge"
ATTACHED = ("document", "calendar")


class NoReader(Exception):
    """A link that works for one person only, in a notice to nobody in particular."""


@dataclass(frozen=True, kw_only=True)
class PostSettings:
    """What post needs to know of the town.

    `mailbox` is the address that stands as organiser in calendar objects, as in the feeds; `land` decides the holidays.
    """

    base_url: str
    mailbox: str
    land: str
    town: str = ""
    zone: str = "Europe/Berlin"
    language: str = "de"
    area_label: str = "Sozialraum"
    reply_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class Links:
    """Make a link for a person, at the moment of sending: whole addresses, never kept in a row."""

    one_time: Callable[[OneTimeLink, int], Awaitable[str]]
    feed: Callable[[FeedLink, int], Awaitable[str]]
    answer: Callable[[AnswerLink, int], Awaitable[str]]

    async def resolve(self, fact: Any, person: int | None) -> Any:  # noqa: ANN401  # facts of every kind
        """The facts with addresses in the places of links. Raises NoReader."""
        if isinstance(fact, Mapping):
            return {key: await self.resolve(inner, person) for key, inner in fact.items()}
        if isinstance(fact, list | tuple):
            return [await self.resolve(inner, person) for inner in fact]
        if not isinstance(fact, OneTimeLink | FeedLink | AnswerLink):
            return fact
        if person is None:
            raise NoReader(type(fact).__name__)
        if isinstance(fact, OneTimeLink):
            return await self.one_time(fact, person)
        return await (self.feed(fact, person) if isinstance(fact, FeedLink) else self.answer(fact, person))


@dataclass(frozen=True, kw_only=True)
class Words:
    """Renders notices."""

    settings: PostSettings
    links: Links

    def level(self, notice: Notice, reader: Reader, network: Network) -> int:
        """How much this channel may carry of the notice; the web chat and mail carry all.

        A bundle that nobody asked for goes no further than its most open entry; an answer folds its stricter ones away.
        """
        if network is not Network.TELEGRAM:
            return FULL
        own = reader.person.level if reader.person else None
        facts = typed.decode(notice.facts)
        body = channels.body_level(reader.body.level if reader.body else None, facts)
        if body is None and notice.lane is Lane.MAILING:
            body = channels.bundle_level(facts)
        about = reader.body.id if reader.body else None
        return min(channels.person_level(own, reader.seats, about), FULL if body is None else body)

    async def chat(self, notice: Notice, reader: Reader, network: Network, *, bot_name: str) -> ChatMessage:
        """The message; without text when there is nothing to say. Raises what a template raises."""
        voice = replace(self.voice(notice, reader), start_url=self._start_url(network, bot_name))
        level = self.level(notice, reader, network)
        silent_toast = notice.kind is NoticeKind.TOAST and level <= NUDGE
        if not notice.template or silent_toast or notice.kind is NoticeKind.ERASE:
            return ChatMessage(text="")
        if level <= NUDGE:
            return messages.chat(NUDGE_TEMPLATE, {}, voice)
        facts = {key: fact for key, fact in typed.decode(notice.facts).items() if key not in ATTACHED}
        if network is Network.TELEGRAM:
            body = channels.body_level(reader.body.level if reader.body else None, facts)
            shown = channels.shown_on_telegram(facts, body=body, person=level)
        else:
            shown = channels.everything(facts)
        return messages.chat(notice.template, await self._resolved(shown, reader), voice)

    async def mail(self, notice: Notice, reader: Reader) -> Mail:
        """Subject and both bodies; the templates also get the `town`."""
        facts = {key: fact for key, fact in typed.decode(notice.facts).items() if key not in ATTACHED}
        shown = {"town": self.settings.town, **channels.everything(facts)}
        return messages.mail(notice.template, await self._resolved(shown, reader), self.voice(notice, reader))

    def voice(self, notice: Notice, reader: Reader) -> Voice:
        """How to speak to the reader. A group speaks the town's language, a stranger the one that the facts tell."""
        told = str(typed.decode(notice.facts).get("language"))[:2]
        stranger = told if told in LANGUAGES else self.settings.language
        return Voice(
            language=reader.person.language if reader.person else stranger,
            zone=reader.person.zone if reader.person else self.settings.zone,
            informal=reader.body.informal if reader.body else False,
            base_url=self.settings.base_url,
            area_label=self.settings.area_label,
        )

    def _start_url(self, network: Network, bot_name: str) -> str:
        """What opens the reader's own chat; the payload follows."""
        if network is Network.TELEGRAM:
            return f"https://t.me/{bot_name}?start="
        return f"{self.settings.base_url}/chat?start="

    async def _resolved(self, facts: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        facts = {key: fact for key, fact in facts.items() if key != "language"}  # the templates' own word
        resolved: dict[str, Any] = await self.links.resolve(facts, reader.person.id if reader.person else None)
        return resolved
