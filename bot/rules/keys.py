"""The keys of what is told of a meeting: one for each step, template, reader and invitation, so that nothing is told twice.

They stay in the database, so what is read here has to understand what older versions wrote.
"""

MAIL = ":mail"


def of_step(meeting: int, sequence: int) -> str:
    """What the keys of everything that is told of one SEQUENCE of a meeting begin with."""
    return f"meeting:{meeting}:{sequence}:"


def told(
    meeting: int,
    sequence: int,
    template: str,
    *,
    person: int,
    invitation: int | None,
    represented: int | None = None,
    missed: int | None = None,
) -> str:
    """The key of a message to somebody about a meeting.

    `represented` is the invitation of the person for whom the reader comes, `missed` the notice in whose place the same is told.
    """
    key = f"{of_step(meeting, sequence)}{template}:{person}:{invitation}"
    if represented is not None:
        key += f":for:{represented}"
    return key if missed is None else f"{key}:again:{missed}"


def by_mail(message: str, meeting: int | None = None) -> str:
    """The key of the calendar mail that says the same as a message; a message about several meetings has a mail for each."""
    return message + mail_ending(meeting)


def mail_ending(meeting: int | None = None) -> str:
    """What the keys of calendar mails end with, or of those about one of the several meetings of a message."""
    return MAIL if meeting is None else f"{MAIL}:{meeting}"


def of_message(key: str) -> str:
    """The key of the message, given its own or that of its calendar mail."""
    return key.removesuffix(MAIL)


def in_full(message: str) -> str:
    """The key of the same message in the web chat, when it was only a nudge elsewhere."""
    return f"{message}:web"
