"""The closed lists of the field, shared by tables and rules.

The values are stored: a member may be added, never renamed or removed. `docs/domain.md` gives the German screen words.
"""

from enum import StrEnum


class Network(StrEnum):
    """Where a person is reached."""

    TELEGRAM = "telegram"
    WEBCHAT = "webchat"
    MAIL = "mail"


class ChannelState(StrEnum):
    """Whether the person can be reached there now."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    UNLINKED = "unlinked"


class OrganisationKind(StrEnum):
    """Public body, free provider, or a partner of both."""

    PUBLIC = "public"
    FREE = "free"
    PARTNER = "partner"


class BodyKind(StrEnum):
    """What kind of Gremium a body is."""

    PROVIDER_CONFERENCE = "provider_conference"
    REGIONAL_CONFERENCE = "regional_conference"
    AREA_TEAM = "area_team"
    WORKING_GROUP = "working_group"
    COMMITTEE = "committee"
    ORGANISING_GROUP = "organising_group"
    EXTERNAL = "external"


class Role(StrEnum):
    """What a seat in a body is for."""

    CHAIR = "chair"
    DEPUTY_CHAIR = "deputy_chair"
    COORDINATOR = "coordinator"
    MINUTE_TAKER = "minute_taker"
    MODERATOR = "moderator"
    MEMBER = "member"
    ADVISORY = "advisory"
    GUEST = "guest"


class MeetingState(StrEnum):
    """The life of a meeting; a draft never notifies anybody."""

    DRAFT = "draft"
    POLLING = "polling"
    SCHEDULED = "scheduled"
    INVITED = "invited"
    RUNNING = "running"
    HELD = "held"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class MeetingFormat(StrEnum):
    """Where people sit."""

    PRESENCE = "presence"
    ONLINE = "online"
    HYBRID = "hybrid"


class Answer(StrEnum):
    """What somebody said to an invitation."""

    OPEN = "open"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    DELEGATED = "delegated"


class Presence(StrEnum):
    """Who was there."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    LATE = "late"
    EXCUSED = "excused"
    ABSENT = "absent"


class Purpose(StrEnum):
    """What an agenda item is for."""

    INFORMATION = "information"
    CONSULTATION = "consultation"
    DECISION = "decision"
    REPORT = "report"
    CASE_CONSULTATION = "case_consultation"
    OTHER = "other"


class ItemState(StrEnum):
    """The life of an agenda item; none is ever lost."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DISCUSSED = "discussed"
    DONE = "done"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    POSTPONED = "postponed"
    PARKED = "parked"
    MERGED = "merged"
    HANDED_OVER = "handed_over"


class TopicState(StrEnum):
    """Whether a topic is still on somebody's mind."""

    OPEN = "open"
    CLOSED = "closed"


class CommitmentState(StrEnum):
    """The life of a commitment. Overdue is computed, never stored."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    IN_PROGRESS = "in_progress"
    FULFILLED = "fulfilled"
    VERIFIED = "verified"
    WAITING = "waiting"
    BLOCKED = "blocked"
    DEFERRED = "deferred"
    ORPHANED = "orphaned"
    DROPPED = "dropped"
    SUPERSEDED = "superseded"


class DueKind(StrEnum):
    """How the end of a commitment is agreed."""

    DATE = "date"
    MEETING = "meeting"
    STANDING = "standing"
    NONE = "none"


class Side(StrEnum):
    """Who does it, and with whom it was agreed."""

    OWNER = "owner"
    COUNTERPART = "counterpart"


class CheckInAnswer(StrEnum):
    """The one-tap answers to "how does it stand?"."""

    ON_TRACK = "on_track"
    DONE = "done"
    STUCK = "stuck"
    NEEDS_HELP = "needs_help"


class Lane(StrEnum):
    """An answer to somebody who just pressed a button goes ahead of mailings."""

    ANSWER = "answer"
    MAILING = "mailing"


class NoticeKind(StrEnum):
    """In which form a notice leaves."""

    MESSAGE = "message"
    EDIT = "edit"
    CAPTION = "caption"
    TOAST = "toast"
    CARD = "card"
    ERASE = "erase"
    MAIL = "mail"
    CALENDAR_MAIL = "calendar_mail"


class NoticeState(StrEnum):
    """What became of a notice."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    DROPPED = "dropped"
    DEAD = "dead"


class UpdateState(StrEnum):
    """What became of an update that came in."""

    WAITING = "waiting"
    DONE = "done"
    PARKED = "parked"


class TokenPurpose(StrEnum):
    """What a one-time link is for."""

    SIGN_IN = "sign_in"
    INVITATION = "invitation"
    ADMINISTRATOR = "administrator"


ZONES_LIKE_BERLIN = frozenset(
    {
        "Africa/Ceuta",
        "Arctic/Longyearbyen",
        "Atlantic/Jan_Mayen",
        "Europe/Amsterdam",
        "Europe/Andorra",
        "Europe/Belgrade",
        "Europe/Berlin",
        "Europe/Bratislava",
        "Europe/Brussels",
        "Europe/Budapest",
        "Europe/Busingen",
        "Europe/Copenhagen",
        "Europe/Gibraltar",
        "Europe/Ljubljana",
        "Europe/Luxembourg",
        "Europe/Madrid",
        "Europe/Malta",
        "Europe/Monaco",
        "Europe/Oslo",
        "Europe/Paris",
        "Europe/Podgorica",
        "Europe/Prague",
        "Europe/Rome",
        "Europe/San_Marino",
        "Europe/Sarajevo",
        "Europe/Skopje",
        "Europe/Stockholm",
        "Europe/Tirane",
        "Europe/Vaduz",
        "Europe/Vatican",
        "Europe/Vienna",
        "Europe/Warsaw",
        "Europe/Zagreb",
        "Europe/Zurich",
    }
)
"""The time zones whose clocks always show what Berlin's show: meetings can be planned in these, and in no other."""
