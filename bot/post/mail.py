"""How a mail leaves: the message (RFC 5322, iMIP RFC 6047) and the conversation with the mail server."""

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bot.messages import Mail

if TYPE_CHECKING:  # loaded with the first mail
    import aiosmtplib

CONVERSATION_SECONDS = 50.0  # below the lease of a notice
STEP_SECONDS = 20.0
PERMANENT = 500
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
ATTACHMENT_NAME = "termin.ics"
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)) + (timedelta(hours=4),) * 12  # two days


class BadSmtpUrl(ValueError):
    """The URL names no mail server in a way that we know."""


class Reply(Enum):
    """What the mail server made of a mail."""

    ACCEPTED = auto()
    LATER = auto()
    REFUSED = auto()
    UNCERTAIN = auto()


@dataclass(frozen=True, kw_only=True)
class Reported:
    """How it went; `code` is SMTP's, where the server gave one."""

    reply: Reply
    code: int | None = None


class Mailer:
    """One mail server, and the mailbox that writes.

    `smtp_url` is `smtp://`, `smtps://` or `smtp+starttls://`, then `user:password@host:port`; user, password and port may be
    missing. `sender` is the mailbox's bare address, `name` who it belongs to. Raises BadSmtpUrl.
    """

    def __init__(self, smtp_url: str, sender: str, *, name: str = "", tls: ssl.SSLContext | None = None) -> None:
        """`tls` replaces the system's trust, for servers with a certificate of their own."""
        parts = urlsplit(smtp_url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise BadSmtpUrl(parts.scheme)
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = tls
        self.address, self.name = sender, name

    async def send(self, message: bytes, recipient: str) -> Reported:
        """Have one talk with the server about one mail. Never raises for what the server or the network does."""
        import aiosmtplib  # noqa: PLC0415  # loaded with the first mail

        handed_over = False
        client = self._client()
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                await client.connect()
                await client.mail(self.address)
                await client.rcpt(recipient)
                handed_over = True
                await client.data(message)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()  # politeness: the mail is theirs already
        except aiosmtplib.SMTPResponseException as error:
            return _answered(error)
        except (aiosmtplib.SMTPException, OSError):  # timeouts are OSErrors too
            return Reported(reply=Reply.UNCERTAIN if handed_over else Reply.LATER)
        finally:
            client.close()
        return Reported(reply=Reply.ACCEPTED)

    async def check(self) -> None:
        """Connect and sign in, for `python -m bot check`. Raises aiosmtplib.SMTPException and OSError."""
        client = self._client()
        try:
            async with asyncio.timeout(CONVERSATION_SECONDS):
                await client.connect()
                await client.noop()
        finally:
            client.close()

    def _client(self) -> "aiosmtplib.SMTP":
        import aiosmtplib  # noqa: PLC0415  # see above

        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            tls_context=self._tls,
            timeout=STEP_SECONDS,
        )


def _answered(error: "aiosmtplib.SMTPResponseException") -> Reported:
    """What a code means: 4xx comes again, 5xx does not; a refused sign-in is the operator's to mend, not the mail's fault."""
    import aiosmtplib  # noqa: PLC0415  # see above

    permanent = error.code >= PERMANENT and not isinstance(
        error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPConnectResponseError | aiosmtplib.SMTPHeloError
    )
    return Reported(reply=Reply.REFUSED if permanent else Reply.LATER, code=error.code)


def message_id(key: str, mailer: Mailer) -> str:
    """The Message-ID of a notice's mail, the same at every attempt; it tells nothing about the notice."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{mailer.address.rpartition('@')[2]}>"


def compose(
    mail: Mail,
    *,
    mailer: Mailer,
    name: str,
    address: str,
    key: str,
    date: datetime,
    reply_to: str | None = None,
    calendar: tuple[str, bytes] | None = None,
) -> bytes:
    """The mail to somebody of that name as it goes over the wire; the same facts give the same bytes.

    `calendar` is a method and an object: it becomes the last alternative and, for clients that look there only, a file.
    Such a mail is not marked as automatic, because some calendars then skip it.
    """
    from email.message import EmailMessage  # noqa: PLC0415  # see above
    from email.policy import SMTP as SMTP_POLICY  # noqa: PLC0415

    from bot.post import headers  # noqa: PLC0415

    made = EmailMessage(policy=SMTP_POLICY.clone(refold_source="none"))  # the fields below leave as they are
    made.set_raw("From", headers.mailbox("From", mailer.name, mailer.address))
    made.set_raw("To", headers.mailbox("To", name, address))
    made.set_raw("Subject", headers.text("Subject", mail.subject))
    made["Date"] = format_datetime(date)
    made.set_raw("Message-ID", message_id(key, mailer))
    if reply_to:
        made.set_raw("Reply-To", reply_to)
    if calendar is None:
        made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text, cte="quoted-printable")
    made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    if calendar is not None:
        method, content = calendar
        made.add_alternative(content.decode(), subtype="calendar", params={"method": method}, cte="base64")
        made.add_attachment(content, maintype="application", subtype="ics", filename=ATTACHMENT_NAME)
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    for number, part in enumerate(part for part in made.walk() if part.is_multipart()):
        part.set_boundary(f"={digest}{number}=")
    return made.as_bytes()
