"""What every column of every table means for the person it is about: what a copy holds, what erasing does, why it is kept, how long.

A copy of somebody's data (Art. 15 GDPR) holds the rows whose `links` lead to them, with the columns that `Table.exported` gives
for the link. Erasing somebody (Art. 17) does to these rows what `Table.erased` says. Only what rests on consent has to be
portable (Art. 20).

Case data has no column here (§ 35 SGB I, §§ 61-65 SGB VIII, §§ 67 ff. SGB X). A person's name inside somebody else's free
text has no link: it is shown to whoever erases, and never rewritten.

`docs/privacy/README.md` tells the same to the people concerned. Which legal basis holds is the town's to confirm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    """How a person stands to a row; only a subject and an author get a copy of it."""

    SUBJECT = "subject"
    AUTHOR = "author"
    ACTOR = "actor"  # they did something to a row that is somebody else's


class Found(StrEnum):
    """What a link's last column holds of the person."""

    ID = "person.id"
    ACCOUNT = "channel.address, the number on the row's network"
    ADDRESS_DIGEST = "the keyed digest of person.mail"
    ABOUT = "person:ID"
    KEY = "person.key, inside JSON"
    INSIDE = "the number on the row's network, inside JSON"
    NAME = "the name of somebody without an account: to be looked for by hand"


class Basis(StrEnum):
    """Why data about people may be processed."""

    PUBLIC_TASK = "Art. 6 (1) (e) GDPR"
    SECURITY = "Art. 6 (1) (c) with Art. 32 GDPR"
    CONSENT = "Art. 6 (1) (a) GDPR"


class Erasing(StrEnum):
    """What erasing a person does to a column of a row that concerns them."""

    DELETE = "the whole row goes"
    BLANK = "the column becomes what a new row has"
    NEUTRAL = "a neutral name stands in its place"
    TAKE_OUT = "the part of it that is theirs goes"
    KEEP = "it stays, and `because` says why"
    NOTHING = "it is nobody's, and goes only with its row"


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """How long a value is kept without anybody asking for it to be erased.

    `held_by` is the dotted name of the constant, or of the function, that ends it. Without one nothing does so yet. A setting's
    `time` is its default.
    """

    until: str
    time: timedelta | None = None
    held_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    """A way from a row to a person.

    `path` is columns joined by dots: each but the last refers to another table. `table:column` goes the other way, to the
    rows of that table whose column refers to this row.
    """

    path: str
    standing: Standing
    found: Found = Found.ID


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Columns of one table that share their answers. `of` names the links whose people they are about; none is nobody.

    `withheld` says why a copy leaves them out although they are about the person.
    """

    columns: tuple[str, ...]
    of: tuple[str, ...]
    basis: Basis | None
    kept: tuple[Lifetime, ...]
    erasing: Erasing
    because: str
    withheld: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """All columns of a table, each in exactly one group, and the links from its rows to people."""

    links: tuple[Link, ...]
    fields: tuple[Fields, ...]

    def exported(self, path: str) -> tuple[str, ...]:
        """The columns that a copy holds for whoever that link leads to."""
        if next(link.standing for link in self.links if link.path == path) is Standing.ACTOR:
            return ()
        theirs = (group for group in self.fields if path in group.of and not group.withheld)
        return tuple(column for group in theirs for column in group.columns)

    def erased(self, path: str) -> Mapping[str, Erasing]:
        """By column, what erasing whoever that link leads to does to the row."""
        return {column: group.erasing for group in self.fields if path in group.of for column in group.columns}


# --- how long ---------------------------------------------------------------------------------------------------------

IN_USE: Final = Lifetime(until="as long as the town uses Faden")
RECORDS: Final = Lifetime(until="as long as the body's records are kept")
DEEDS: Final = Lifetime(
    until="it is three years old", time=timedelta(days=1095), held_by="bot.config.KeepSettings.audit_days"
)
SEATED: Final = Lifetime(until="while the person has a seat")
UNTIL_ERASED: Final = Lifetime(until="the person is erased")
LINKED: Final = Lifetime(
    until="the account is replaced, or the person leaves", held_by="bot.actions.people.leaving.end_seat"
)
FEED: Final = Lifetime(until="the person leaves", held_by="bot.actions.feeds.end")
GROUP: Final = Lifetime(until="the group is unlinked", held_by="bot.actions.accounts.groups.forget")
IN_A_CALENDAR: Final = Lifetime(
    until="the meeting is over; of one called off, until the day after", held_by="bot.actions.meetings.meetings.held"
)
SESSION: Final = Lifetime(
    until="30 days after the last use", time=timedelta(days=30), held_by="bot.actions.accounts.sessions.SESSION_LASTS"
)
WAY_IN: Final = Lifetime(
    until="the link expires, used or not", time=timedelta(days=14), held_by="bot.actions.accounts.sessions.LINK_LASTS"
)
ASKED: Final = Lifetime(until="it counts no longer", time=timedelta(days=1), held_by="bot.rules.limits.SIGN_IN_LINKS")
ENTRY: Final = Lifetime(
    until="it is sent, given up, or a day old", time=timedelta(days=1), held_by="bot.rules.dialogue.LIFETIME"
)
RECEIVED: Final = Lifetime(until="it is worked on", held_by="bot.inbox.Inbox")
DONE: Final = Lifetime(
    until="two days after it was worked on", time=timedelta(days=2), held_by="bot.actions.housekeeping.DONE_KEPT"
)
PARKED: Final = Lifetime(
    until="30 days after it came, when it cannot be worked on",
    time=timedelta(days=30),
    held_by="bot.actions.housekeeping.PARKED_KEPT",
)
PARKED_MARK: Final = Lifetime(until="as long as the town uses Faden, of what cannot be worked on")
CONTENT: Final = Lifetime(
    until="a day after it was sent", time=timedelta(days=1), held_by="bot.actions.told.CONTENT_KEPT"
)
LOST_CONTENT: Final = Lifetime(
    until="30 days, of what did not arrive", time=timedelta(days=30), held_by="bot.actions.told.LOST_CONTENT_KEPT"
)
TOLD: Final = Lifetime(
    until="what was told is that old and its meeting is over; the last mail to a person until the next one",
    time=timedelta(days=90),
    held_by="bot.config.KeepSettings.told_days",
)
OF_THE_MOMENT: Final = Lifetime(
    until="a week, of toasts and changes to messages",
    time=timedelta(days=7),
    held_by="bot.actions.told.OF_THE_MOMENT_KEPT",
)
PRESSED: Final = Lifetime(until="a week old", time=timedelta(days=7), held_by="bot.webchat.tidying.PRESSES_KEPT")
CHAT: Final = Lifetime(
    until="it is that old, everybody has read it, and it is neither pinned nor a card",
    time=timedelta(days=730),
    held_by="bot.config.KeepSettings.chat_days",
)
UNCOLLECTED: Final = Lifetime(
    until="it is collected, or a day old", time=timedelta(days=1), held_by="bot.webchat.updates.UPDATE_LIFETIME"
)

# --- why something stays ----------------------------------------------------------------------------------------------

THE_RECORD: Final = "the body's records have to stay whole, Art. 17 (3) (b); the person's name in them becomes neutral"
ONLY_A_NUMBER: Final = "only the number of a person whose name is gone, and other rows need it"
IN_ORDER: Final = "the others' conversation keeps its order, and the row goes with its age"

# --- why a copy leaves something out ----------------------------------------------------------------------------------

A_SECRET: Final = "it guards a way in"  # noqa: S105  # a reason
OF_OTHERS: Final = "it may tell of other people, too"
A_MARK: Final = "it is a mark by which a program knows its own row again"


def _subject(path: str, found: Found = Found.ID) -> Link:
    return Link(path=path, standing=Standing.SUBJECT, found=found)


def _author(path: str) -> Link:
    return Link(path=path, standing=Standing.AUTHOR)


def _actor(path: str) -> Link:
    return Link(path=path, standing=Standing.ACTOR)


def _nobodys(columns: str, *kept: Lifetime) -> Fields:
    return Fields(
        columns=tuple(columns.split()),
        of=(),
        basis=None,
        kept=kept,
        erasing=Erasing.NOTHING,
        because="",
        withheld="",
    )


def _of(
    *paths: str,
    columns: str,
    kept: Lifetime | tuple[Lifetime, ...],
    erasing: Erasing,
    because: str = "",
    basis: Basis = Basis.PUBLIC_TASK,
    withheld: str = "",
) -> Fields:
    return Fields(
        columns=tuple(columns.split()),
        of=paths,
        basis=basis,
        kept=kept if isinstance(kept, tuple) else (kept,),
        erasing=erasing,
        because=because,
        withheld=withheld,
    )


def _on_record(*paths: str, columns: str) -> Fields:
    return _of(*paths, columns=columns, kept=RECORDS, erasing=Erasing.KEEP, because=THE_RECORD)


# --- people and bodies ------------------------------------------------------------------------------------------------

_PEOPLE: Final = {
    "organisation": Table(links=(), fields=(_nobodys("id key name kind level", IN_USE),)),
    "area": Table(links=(), fields=(_nobodys("id key name lead_id", IN_USE),)),
    "body": Table(
        links=(),
        fields=(_nobodys("id code name kind parent_id level informal mail place join_link rules version", IN_USE),),
    ),
    "body_area": Table(links=(), fields=(_nobodys("id body_id area_id", IN_USE),)),
    "person": Table(
        links=(_subject("id"),),
        fields=(
            _of("id", columns="id", kept=RECORDS, erasing=Erasing.KEEP, because=ONLY_A_NUMBER),
            _of("id", columns="key given_name family_name", kept=SEATED, erasing=Erasing.NEUTRAL),
            _of(
                "id",
                columns="salutation mail language zone quiet_from quiet_until absent_from absent_until level"
                " administrator privacy_read_at",
                kept=SEATED,
                erasing=Erasing.BLANK,
            ),
            _of(
                "id",
                columns="left_at",
                kept=RECORDS,
                erasing=Erasing.KEEP,
                because="it is what keeps the row from being written to or signed in",
            ),
            _nobodys("version", RECORDS),
        ),
    ),
    "channel": Table(
        links=(_subject("person_id"),),
        fields=(
            _of(
                "person_id",
                columns="id person_id network address state preferred linked_at",
                basis=Basis.CONSENT,
                kept=LINKED,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "membership": Table(
        links=(_subject("person_id"), _subject("deputy_id")),
        fields=(
            _on_record("person_id", columns="person_id"),
            _on_record("deputy_id", columns="deputy_id"),
            _on_record("person_id", "deputy_id", columns="body_id organisation_id role begins_on ends_on"),
            _nobodys("id", RECORDS),
        ),
    ),
    "group_chat": Table(
        links=(_actor("linked_by_id"),),
        fields=(
            _of("linked_by_id", columns="linked_by_id", kept=GROUP, erasing=Erasing.BLANK),
            _nobodys("id body_id network chat_id thread_id linked_at", GROUP),
        ),
    ),
}

# --- meetings and what they talk about --------------------------------------------------------------------------------

_MEETINGS: Final = {
    "meeting": Table(
        links=(_actor("created_by_id"), _actor("moved_by_id"), _actor("relocated_by_id"), _actor("invited_by_id")),
        fields=(
            _on_record("created_by_id", columns="created_by_id"),
            _on_record("moved_by_id", columns="moved_by_id"),
            _on_record("relocated_by_id", columns="relocated_by_id"),
            _on_record("invited_by_id", columns="invited_by_id"),
            _nobodys(
                "id body_id number title state format starts_local zone minutes starts_at ends_at place join_link uid"
                " sequence stamp organizer invited_at short_notice_reason cancel_reason created_at changed_at version",
                RECORDS,
            ),
        ),
    ),
    "attendance": Table(
        links=(
            _subject("person_id"),
            _subject("deputy_id"),
            _subject("deputy_for_id"),
            _actor("answered_by_id"),
            _subject("guest_name", Found.NAME),
            _subject("deputy_name", Found.NAME),
        ),
        fields=(
            _on_record("person_id", columns="person_id answer answered_at presence invited_at organisation_id"),
            _of("person_id", columns="mailed_to", kept=IN_A_CALENDAR, erasing=Erasing.BLANK),
            _on_record("deputy_id", columns="deputy_id"),
            _on_record("deputy_for_id", columns="deputy_for_id"),
            _on_record("answered_by_id", columns="answered_by_id"),
            _of("guest_name", columns="guest_name", kept=RECORDS, erasing=Erasing.NEUTRAL),
            _of("deputy_name", columns="deputy_name", kept=RECORDS, erasing=Erasing.NEUTRAL),
            _on_record("person_id", "deputy_id", "deputy_for_id", columns="meeting_id"),
            _nobodys("id", RECORDS),
        ),
    ),
    "topic": Table(
        links=(_author("submitted_by_id"),),
        fields=(
            _on_record("submitted_by_id", columns="submitted_by_id title created_at"),
            _nobodys("id body_id state", RECORDS),
        ),
    ),
    "agenda_item": Table(
        links=(_author("submitted_by_id"), _subject("presenter_id"), _actor("entered_by_id")),
        fields=(
            _on_record(
                "submitted_by_id",
                columns="submitted_by_id question proposal purpose minutes slots flagged reason late created_at",
            ),
            _on_record("submitted_by_id", "presenter_id", columns="title"),
            _on_record("presenter_id", columns="presenter_id"),
            _on_record("entered_by_id", columns="entered_by_id"),
            _nobodys("id topic_id body_id meeting_id position state resubmit_on postponed version", RECORDS),
        ),
    ),
    "agenda_item_paper": Table(links=(), fields=(_nobodys("id item_id document_id", RECORDS),)),
    "document": Table(
        links=(_author("uploaded_by_id"),),
        fields=(
            _on_record("uploaded_by_id", columns="uploaded_by_id name mime size content created_at"),
            _of(
                "uploaded_by_id",
                columns="network file_id",
                kept=RECORDS,
                erasing=Erasing.BLANK,
                withheld=A_MARK,
            ),
            _nobodys("id", RECORDS),
        ),
    ),
}

# --- agreements -------------------------------------------------------------------------------------------------------

_COMMITMENTS: Final = {
    "commitment": Table(
        links=(_author("recorded_by_id"), _actor("done_by_id"), _actor("verified_by_id")),
        fields=(
            _on_record("recorded_by_id", columns="recorded_by_id what reason created_at"),
            _on_record("done_by_id", columns="done_by_id"),
            _on_record("verified_by_id", columns="verified_by_id"),
            _nobodys(
                "id body_id number state due_kind due_on due_moves agreed_on meeting_id changed_at version done_from"
                " done_version",
                RECORDS,
            ),
        ),
    ),
    "commitment_party": Table(
        links=(_subject("person_id"), _actor("confirmed_by_id"), _subject("name", Found.NAME)),
        fields=(
            _on_record("person_id", columns="commitment_id person_id side by_hand asked_to_take_over confirmed_at"),
            _on_record("confirmed_by_id", columns="confirmed_by_id"),
            _of("name", columns="name", kept=RECORDS, erasing=Erasing.NEUTRAL),
            _nobodys("id organisation_id body_id role", RECORDS),
        ),
    ),
    "commitment_due_in": Table(links=(), fields=(_nobodys("id commitment_id body_id nth", RECORDS),)),
    "check_in": Table(
        links=(_subject("person_id"),),
        fields=(
            _on_record("person_id", columns="commitment_id person_id due_on asked_at answer answered_at"),
            _nobodys("id", RECORDS),
        ),
    ),
    "told_overdue": Table(
        links=(_subject("person_id"),),
        fields=(
            _on_record("person_id", columns="commitment_id person_id due_on told_at"),
            _nobodys("id", RECORDS),
        ),
    ),
}

# --- what accompanies the work ----------------------------------------------------------------------------------------

_JOURNAL: Final = {
    "dialogue": Table(
        links=(_subject("person_id"),),
        fields=(
            _of(
                "person_id",
                columns="id network chat_id person_id kind step data expires_at",
                kept=ENTRY,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "audit_event": Table(
        links=(_subject("person_id"), _subject("on_behalf_of_id"), _subject("about", Found.ABOUT)),
        fields=(
            _of(
                "person_id",
                "on_behalf_of_id",
                "about",
                columns="at what about",
                basis=Basis.SECURITY,
                kept=DEEDS,
                erasing=Erasing.KEEP,
                because=ONLY_A_NUMBER,
            ),
            _of(
                "person_id",
                columns="person_id",
                basis=Basis.SECURITY,
                kept=DEEDS,
                erasing=Erasing.KEEP,
                because=ONLY_A_NUMBER,
            ),
            _of(
                "on_behalf_of_id",
                columns="on_behalf_of_id",
                basis=Basis.SECURITY,
                kept=DEEDS,
                erasing=Erasing.KEEP,
                because=ONLY_A_NUMBER,
            ),
            _of(
                "person_id",
                columns="facts",
                basis=Basis.SECURITY,
                kept=DEEDS,
                erasing=Erasing.KEEP,
                because=ONLY_A_NUMBER,
                withheld=OF_OTHERS,
            ),
            _nobodys("id", DEEDS),
        ),
    ),
    "remembered": Table(
        links=(_subject("value", Found.KEY),),  # digests of what an import said of them
        fields=(
            _of("value", columns="value", kept=IN_USE, erasing=Erasing.TAKE_OUT, withheld=A_MARK),
            _nobodys("key", IN_USE),
        ),
    ),
}

# --- what comes in and goes out ---------------------------------------------------------------------------------------

_POST: Final = {
    "inbox_update": Table(
        links=(_subject("chat_id", Found.ACCOUNT), _subject("payload", Found.INSIDE)),
        fields=(
            _of(
                "chat_id",
                "payload",
                columns="payload",
                kept=(RECEIVED, PARKED),
                erasing=Erasing.DELETE,
                withheld=OF_OTHERS,
            ),
            _of(
                "chat_id",
                "payload",
                columns="id network update_id chat_id state attempts error received_at done_at",
                kept=(DONE, PARKED_MARK),
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "notice": Table(
        links=(_subject("person_id"), _subject("chat_id", Found.ACCOUNT)),
        fields=(
            _of(
                "person_id",
                "chat_id",
                columns="facts frozen",
                kept=(CONTENT, LOST_CONTENT),
                erasing=Erasing.DELETE,
                withheld=OF_OTHERS,
            ),
            _of("person_id", columns="person_id", kept=(TOLD, OF_THE_MOMENT), erasing=Erasing.DELETE),
            _of(
                "person_id",
                "chat_id",
                columns="id key kind lane body_id about network chat_id thread_id target_id template silent"
                " urgent resend state due_at held_until attempts error begun message_id created_at sent_at",
                kept=(TOLD, OF_THE_MOMENT),
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "feed_cache": Table(
        links=(_subject("person_id"),),
        fields=(
            _of(
                "person_id",
                columns="id person_id content etag changed_at stale",
                kept=FEED,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
}

# --- ways in ----------------------------------------------------------------------------------------------------------

_SESSIONS: Final = {
    "one_time_token": Table(
        links=(_subject("person_id"),),
        fields=(
            _of(
                "person_id",
                columns="id purpose person_id created_at expires_at used_at",
                basis=Basis.SECURITY,
                kept=WAY_IN,
                erasing=Erasing.DELETE,
            ),
            _of(
                "person_id",
                columns="token_hash",
                basis=Basis.SECURITY,
                kept=WAY_IN,
                erasing=Erasing.DELETE,
                withheld=A_SECRET,
            ),
        ),
    ),
    "sign_in_request": Table(
        links=(_subject("address", Found.ADDRESS_DIGEST),),
        fields=(
            _of(
                "address",
                columns="id asked_at",
                basis=Basis.SECURITY,
                kept=ASKED,
                erasing=Erasing.DELETE,
            ),
            _of(
                "address",
                columns="address",
                basis=Basis.SECURITY,
                kept=ASKED,
                erasing=Erasing.DELETE,
                withheld=A_MARK,
            ),
        ),
    ),
    "web_session": Table(
        links=(_subject("person_id"),),
        fields=(
            _of(
                "person_id",
                columns="id person_id label created_at seen_at expires_at",
                basis=Basis.SECURITY,
                kept=SESSION,
                erasing=Erasing.DELETE,
            ),
            _of(
                "person_id",
                columns="token_hash",
                basis=Basis.SECURITY,
                kept=SESSION,
                erasing=Erasing.DELETE,
                withheld=A_SECRET,
            ),
        ),
    ),
    "feed_token": Table(
        links=(_subject("person_id"),),
        fields=(
            _of("person_id", columns="id person_id created_at", kept=FEED, erasing=Erasing.DELETE),
            _of(
                "person_id",
                columns="generation token_hash",
                basis=Basis.SECURITY,
                kept=FEED,
                erasing=Erasing.DELETE,
                withheld=A_SECRET,
            ),
        ),
    ),
}

# --- the web chat -----------------------------------------------------------------------------------------------------

_SENDER: Final = "sender_id.user_id"
_OWN_CHAT: Final = "chat_id.person_id.user_id"
_SENT_FILE: Final = "webchat_message:file_id.sender_id.user_id"

_WEBCHAT: Final = {
    "webchat_server": Table(
        links=(),
        fields=(
            _nobodys("network change update_id allowed_updates webhook_url webhook_secret webhook_connections", IN_USE),
        ),
    ),
    "webchat_user": Table(
        links=(_subject("user_id"),),
        fields=(
            _of("user_id", columns="id user_id", kept=RECORDS, erasing=Erasing.KEEP, because=ONLY_A_NUMBER),
            _of("user_id", columns="first_name", kept=UNTIL_ERASED, erasing=Erasing.NEUTRAL),
            _of("user_id", columns="last_name username language_code", kept=UNTIL_ERASED, erasing=Erasing.BLANK),
            _nobodys("network", RECORDS),
        ),
    ),
    "webchat_chat": Table(
        links=(_subject("person_id.user_id"),),
        fields=(
            _of(
                "person_id.user_id",
                columns="id chat_id person_id bot_status",
                kept=UNTIL_ERASED,
                erasing=Erasing.KEEP,
                because=ONLY_A_NUMBER,
            ),
            _nobodys("network type title last_message_id pinned_message_id migrated_to change", IN_USE),
        ),
    ),
    "webchat_member": Table(
        links=(_subject("user_id.user_id"),),
        fields=(
            _of("user_id.user_id", columns="id chat_id user_id status", kept=UNTIL_ERASED, erasing=Erasing.DELETE),
        ),
    ),
    # It goes once no message shows it, as in `bot.webchat.tidying`: the bot sends the same file on to others.
    "webchat_file": Table(
        links=(_author(_SENT_FILE),),
        fields=(
            _of(_SENT_FILE, columns="id network name mime size content", kept=CHAT, erasing=Erasing.DELETE),
            _of(_SENT_FILE, columns="file_id", kept=CHAT, erasing=Erasing.DELETE, withheld=A_MARK),
        ),
    ),
    # Emptied like a message that somebody deletes: it keeps its number, so that the page hears of it.
    "webchat_message": Table(
        links=(_author(_SENDER), _subject(_OWN_CHAT)),
        fields=(
            _of(
                _SENDER,
                _OWN_CHAT,
                columns="edited_at text entities keyboard service file_id",
                kept=CHAT,
                erasing=Erasing.BLANK,
            ),
            _of(_SENDER, _OWN_CHAT, columns="sent_at", kept=CHAT, erasing=Erasing.KEEP, because=IN_ORDER),
            _of(_SENDER, columns="sender_id", kept=CHAT, erasing=Erasing.KEEP, because=ONLY_A_NUMBER),
            _of(_SENDER, columns="key", kept=CHAT, erasing=Erasing.BLANK, withheld=A_MARK),
            _nobodys("id chat_id message_id reply_to thread_id deleted change", CHAT),
        ),
    ),
    "webchat_press": Table(
        links=(_subject("user_id.user_id"),),
        fields=(
            _of(
                "user_id.user_id",
                columns="id message_id user_id data pressed_at answered_at answer show_alert url change",
                kept=PRESSED,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "webchat_reading": Table(
        links=(_subject("user_id.user_id"),),
        fields=(
            _of(
                "user_id.user_id",
                columns="id chat_id user_id message_id",
                kept=UNTIL_ERASED,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
    "webchat_commands": Table(links=(), fields=(_nobodys("id network scope language_code commands", IN_USE),)),
    "webchat_update": Table(
        links=(_subject("payload", Found.INSIDE),),
        fields=(
            _of(
                "payload",
                columns="payload",
                kept=UNCOLLECTED,
                erasing=Erasing.DELETE,
                withheld=OF_OTHERS,
            ),
            _of(
                "payload",
                columns="id network update_id queued_at",
                kept=UNCOLLECTED,
                erasing=Erasing.DELETE,
            ),
        ),
    ),
}

TABLES: Final[Mapping[str, Table]] = {
    **_PEOPLE,
    **_MEETINGS,
    **_COMMITMENTS,
    **_JOURNAL,
    **_POST,
    **_SESSIONS,
    **_WEBCHAT,
}
