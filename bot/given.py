"""What the parts are given of the settings, each in its own words."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urlsplit

from bot.actions.accounts import sessions
from bot.config import Settings
from bot.handlers.context import Town
from bot.logs import Unbuilt
from bot.post import Mailer, PostSettings
from bot.rules import facts as typed
from bot.rules import tokens
from bot.web.settings import LegalTexts, WebSettings
from storage import db
from storage.vocabulary import TokenPurpose

NO_HOST = "faden.invalid"

OneTime = Callable[[typed.OneTimeLink, int], Awaitable[str]]
Feed = Callable[[typed.FeedLink, int], Awaitable[str]]
Answer = Callable[[typed.AnswerLink, int], Awaitable[str]]


def town(settings: Settings, key: bytes) -> Town:
    """For the chat door."""
    return Town(
        zone=settings.town.zone,
        land=settings.town.land,
        host=urlsplit(settings.web.public_url).hostname or NO_HOST,
        area_label=settings.town.area_label,
        key=key,
        mails=bool(settings.mail.smtp_url and settings.mail.sender),
        mailbox=settings.mailbox,
    )


def post_settings(
    settings: Settings, key: bytes, telegram_name: Callable[[], str | None], unbuilt: Unbuilt
) -> PostSettings:
    """For the post; `telegram_name` is what the bot is called there, once it is known."""
    base_url = settings.web.public_url
    return PostSettings(
        base_url=base_url,
        mailbox=settings.mailbox,
        land=settings.town.land,
        town=settings.town.name,
        zone=settings.town.zone,
        language=settings.town.language,
        area_label=settings.town.area_label,
        reply_to=settings.mail.reply_to,
        telegram_name=telegram_name,
        commitment_link=lambda commitment, person: (
            f"{base_url}/commitment/{tokens.commitment(key, commitment, person)}"
        ),
        unbuilt=unbuilt,
    )


def mailer(settings: Settings) -> Mailer | None:
    """Who sends the mails; nobody where there is no mail server."""
    if settings.mail.smtp_url is None or settings.mail.sender is None:
        return None
    return Mailer(settings.mail.smtp_url, settings.mail.sender, name=_sender_name(settings.town.name))


def _sender_name(town: str) -> str:
    """Who writes the mails. A town that was given no name is called as the program is."""
    return f"Faden {town.removeprefix('Faden').strip()}".strip()


def links(settings: Settings, key: bytes, machine_now: Callable[[], datetime]) -> tuple[OneTime, Feed, Answer]:
    """How typed links become addresses, at the moment of sending."""
    base_url = settings.web.public_url
    paths = {TokenPurpose.SIGN_IN: "anmelden", TokenPurpose.INVITATION: "einladung"}

    async def one_time(link: typed.OneTimeLink, person: int) -> str:
        purpose = TokenPurpose(link.purpose)
        token = await db.unit_of_work(
            lambda: sessions.issue(person=link.person or person, purpose=purpose, now=machine_now())
        )
        return f"{base_url}/{paths[purpose]}/{token}"

    async def feed(link: typed.FeedLink, person: int) -> str:
        return f"{base_url}/kalender/{tokens.feed(key, person, link.generation)}.ics"

    async def answer(link: typed.AnswerLink, person: int) -> str:
        if link.meeting is None:
            token = tokens.answer_to(key, link.attendance)
        else:
            token = tokens.answer(key, link.meeting, person)
        return f"{base_url}/antwort/{token}"

    return one_time, feed, answer


def web_settings(settings: Settings, key: bytes, unbuilt: Unbuilt) -> WebSettings:
    """For the pages."""
    return WebSettings(
        public_url=settings.web.public_url,
        town=settings.town.name,
        key=key,
        mailbox=settings.mailbox,
        language=settings.town.language,
        zone=settings.town.zone,
        area_label=settings.town.area_label,
        trusted_proxies=settings.web.trusted_proxies,
        legal=LegalTexts(
            imprint=settings.town.imprint, privacy=settings.town.privacy, accessibility=settings.town.accessibility
        ),
        metrics_token=settings.web.metrics_token,
        trial=settings.trial,
        unbuilt=unbuilt,
    )
