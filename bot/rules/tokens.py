"""Signed links and the secrets behind them. Pure: what is random or secret comes in as a parameter.

A signed token is its parts and a tag (HMAC-SHA256 with the town's key), parted by dots: `4711.<43 characters>`. Who has no
key can neither make one nor turn one into another. What is looked up instead of verified is stored as a hash only.
"""

import base64
import hashlib
import hmac
import re

ANSWER = "answer"
COMMITMENT = "commitment"
FEED = "feed"
SESSION = "session"
SIGN_IN_REQUEST = "sign-in request"

_PART = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def sign(key: bytes, purpose: str, *parts: str | int) -> str:
    """A token for the parts, good for this purpose only. Raises ValueError for a part that cannot stand in a URL."""
    words = [str(part) for part in parts]
    for word in words:
        if not _PART.fullmatch(word):
            raise ValueError(word)
    return ".".join([*words, tag(key, purpose, *words)])


def verified(key: bytes, purpose: str, token: str) -> tuple[str, ...] | None:
    """The parts of a token that `sign` made with this key for this purpose; None for any other text."""
    *parts, given = token.split(".")
    expected = tag(key, purpose, *parts)
    return tuple(parts) if hmac.compare_digest(expected.encode(), given.encode(errors="replace")) else None


def tag(key: bytes, purpose: str, *parts: str | int) -> str:
    """43 URL-safe characters that nobody can guess, the same for the same parts."""
    message = ".".join([purpose, *(str(part) for part in parts)])
    digest = hmac.digest(key, message.encode(errors="replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hashed(token: str) -> str:
    """What is stored of a token: SHA-256, in hexadecimal. No salt: the tokens are long and random."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def answer(key: bytes, meeting: int, person: int) -> str:
    """The token of the link by which a person answers an invitation, also when they are invited once more."""
    return sign(key, ANSWER, meeting, person)


def answer_to(key: bytes, attendance: int) -> str:
    """The same for an invitation that was queued before links named meeting and person."""
    return sign(key, ANSWER, attendance)


def answered_of(key: bytes, token: str) -> tuple[int, ...] | None:
    """The meeting and the person of `answer`, or the attendance alone of `answer_to`; None for any other token."""
    parts = verified(key, ANSWER, token)
    return tuple(map(int, parts)) if parts else None


def commitment(key: bytes, commitment: int, person: int) -> str:
    """The token of the page on which a person answers for a commitment."""
    return sign(key, COMMITMENT, commitment, person)


def commitment_of(key: bytes, token: str) -> tuple[int, int] | None:
    """The commitment and the person that a token of `commitment` is for; None when it is not one."""
    parts = verified(key, COMMITMENT, token)
    return (int(parts[0]), int(parts[1])) if parts else None


def feed(key: bytes, person: int, generation: int) -> str:
    """The secret of a person's calendar link. It says nothing about the person; a new generation is a new secret."""
    return tag(key, FEED, person, generation)


def session(key: bytes, link: str, browser: str) -> str:
    """The token of the session that one browser comes to with one link: nobody has it who lacks the key or either of them."""
    return tag(key, SESSION, link, browser)


def mail_address(key: bytes, mail: str) -> str:
    """What stands for a mail address where only whether it is the same one matters; upper and lower case are one."""
    return tag(key, SIGN_IN_REQUEST, mail.strip().lower())
